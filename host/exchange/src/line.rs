//! Legs as SIP has them: the dialog, the negotiated session, and the port of each; dialog events in the words of a call, and back.

use std::sync::Arc;

use plugboard_call::{Dialled, Input as CallInput, Line as LineCommand};
use plugboard_media as media;
use plugboard_model::{AgentId, EventKind, InteractionId, LegId, Number, Timestamp, flow::Cause};
use plugboard_sdp as sdp;
use plugboard_sip as sip;

use crate::exchange::{Exchange, Output};

/// One leg.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) interaction: InteractionId,
    pub(crate) dialog: sip::CallHandle,
    pub(crate) port: Option<media::Port>,
    /// The caller's offer, until we answer.
    offer: Option<sip::endpoint::Body>,
    /// Our own description, as last sent.
    local: Option<sdp::Local>,
    stream: Option<media::Stream>,
    /// The agent whose phone this is.
    pub(crate) agent: Option<AgentId>,
    /// We sent an offer in a 2xx and the answer comes with the ACK.
    awaits_answer: bool,
    /// What is to sound once the ACK has said where to.
    early: Vec<media::Command>,
    held: bool,
    /// Sound has come from the far end at least once.
    pub(crate) heard: bool,
}

impl Line {
    /// A leg that called us.
    pub(crate) fn incoming(
        interaction: InteractionId,
        incoming: &sip::endpoint::Incoming,
        agent: Option<AgentId>,
    ) -> Self {
        Self { offer: incoming.offer.clone(), agent, ..Self::new(interaction, incoming.call) }
    }

    fn new(interaction: InteractionId, dialog: sip::CallHandle) -> Self {
        Self {
            interaction,
            dialog,
            port: None,
            offer: None,
            local: None,
            stream: None,
            agent: None,
            awaits_answer: false,
            early: Vec::new(),
            held: false,
            heard: false,
        }
    }
}

/// SIP statuses that end a call, and Q.850 causes (RFC 3398 §7.2.4.1 and §8.2.6.1).
pub(crate) fn cause_of_status(status: u16) -> Cause {
    let number = match status {
        401 | 402 | 403 | 407 | 603 => 21,
        404 | 485 | 604 => 1,
        405 | 501 => 63,
        406 | 415 | 488 | 606 => 88,
        408 | 504 => 102,
        410 => 22,
        480 => 18,
        484 => 28,
        486 | 600 => 17,
        487 => 16,
        503 => 41,
        400..700 => 127,
        _ => 31,
    };
    Cause::from_q850(number).unwrap_or(Cause::TEMPORARY_FAILURE)
}

/// How we refuse a caller whom we never answered (RFC 3398 §8.2.6.1).
fn status_of_cause(cause: Cause) -> sip::Status {
    match cause.as_q850() {
        1 => sip::Status::NOT_FOUND,
        17 => sip::Status::BUSY_HERE,
        21 => sip::Status::FORBIDDEN,
        34 | 41 | 42 => sip::Status::SERVICE_UNAVAILABLE,
        88 => sip::Status::NOT_ACCEPTABLE_HERE,
        _ => sip::Status::TEMPORARILY_UNAVAILABLE,
    }
}

impl Exchange {
    /// Carries out what a call asks of one of its legs.
    pub(crate) fn line(&mut self, now: Timestamp, interaction: InteractionId, command: LineCommand) {
        match command {
            LineCommand::Ring { leg } => {
                if let Some(line) = self.lines.get(&leg) {
                    // A caller who gave up in this moment is told by the endpoint itself.
                    let _ = self.sip.ring(now.since_epoch(), line.dialog, sip::Status::RINGING, None);
                }
            }
            LineCommand::Answer { leg } => self.answer_line(now, leg),
            LineCommand::Dial { leg, to, shown } => match to {
                Dialled::Agent(agent) => self.dial_agent(now, interaction, leg, agent, &shown),
                Dialled::Number(number) => self.dial_number(now, interaction, leg, &number, &shown),
            },
            LineCommand::HangUp { leg, cause } => self.hang_up(now, leg, cause),
            LineCommand::TransferProgress { leg, status } => self.transfer_progress(now, leg, status),
        }
    }

    pub(crate) fn answer_line(&mut self, now: Timestamp, leg: LegId) {
        let Some((interaction, agent)) = self.lines.get(&leg).map(|line| (line.interaction, line.agent.clone())) else {
            return;
        };
        let port = self.port_beside(interaction, agent.as_ref());
        let Some(line) = self.lines.get_mut(&leg) else { return };
        let dialog = line.dialog;
        let Some(port) = port else {
            return self.fail_incoming(now, leg, sip::Status::SERVICE_UNAVAILABLE);
        };
        line.port = Some(port);
        self.legs_of_ports.insert(port, leg);
        let local = sdp::Local::g711(port.rtp(), leg.0);
        let text = match &line.offer {
            Some(offer) => match agree(&local, offer) {
                Ok((answer, agreed)) => {
                    self.open(leg, &agreed);
                    answer
                }
                Err(status) => return self.fail_incoming(now, leg, status),
            },
            None => {
                line.awaits_answer = true;
                local.offer().to_string()
            }
        };
        if let Some(line) = self.lines.get_mut(&leg) {
            line.local = Some(local);
        }
        // Gone already: the endpoint reports the end by itself.
        let _ = self.sip.answer(now.since_epoch(), dialog, &text);
    }

    /// We cannot take this call after all; the caller hears why, and the call ends.
    fn fail_incoming(&mut self, now: Timestamp, leg: LegId, status: sip::Status) {
        let Some(line) = self.lines.get(&leg) else { return };
        let (dialog, interaction) = (line.dialog, line.interaction);
        let mut response = sip::endpoint::Response::new(status);
        if status == sip::Status::SERVICE_UNAVAILABLE {
            response = response.header("Retry-After", "5");
        }
        let _ = self.sip.reject(now.since_epoch(), dialog, &response);
        self.drop_line(leg);
        let cause = cause_of_status(status.code());
        self.later(interaction, CallInput::LegEnded { leg, cause, status: Some(status.code()) });
    }

    /// Starts the audio of a leg, or changes it.
    fn open(&mut self, leg: LegId, agreed: &sdp::Agreed) {
        let Some(line) = self.lines.get_mut(&leg) else { return };
        let Some(port) = line.port else { return };
        let codec =
            if agreed.codec.name.eq_ignore_ascii_case("PCMU") { media::Codec::Pcmu } else { media::Codec::Pcma };
        let stream = media::Stream {
            remote: agreed.remote,
            codec,
            payload_type: agreed.send_payload_type,
            telephone_event: agreed.telephone_event.map(|event| event.send),
            direction: match agreed.direction {
                sdp::Direction::SendReceive => media::Direction::SendReceive,
                sdp::Direction::SendOnly => media::Direction::SendOnly,
                sdp::Direction::ReceiveOnly => media::Direction::ReceiveOnly,
                sdp::Direction::Inactive => media::Direction::Inactive,
            },
            packet_time: std::time::Duration::from_millis(agreed.packet_time.as_millis().into()),
            detect_inband_dtmf: agreed.telephone_event.is_none(),
        };
        let first = line.stream.replace(stream).is_none();
        self.media(if first {
            media::Command::Open { port, stream }
        } else {
            media::Command::Retarget { port, stream }
        });
    }

    /// A port of the worker that another leg of the interaction is on, so that both can be bridged; else of the one that another call of one of
    /// its agents is on, so that an attended transfer can join the two.
    fn port_beside(&mut self, interaction: InteractionId, agent: Option<&AgentId>) -> Option<media::Port> {
        let mut legs = self.lines.values();
        let mut beside = legs.find_map(|line| line.port.filter(|_| line.interaction == interaction));
        if beside.is_none() {
            let legs = self.lines.values().filter(|line| line.interaction == interaction);
            let agents: Vec<&AgentId> = legs.filter_map(|line| line.agent.as_ref()).chain(agent).collect();
            let has_one_of_them = |line: &&Line| line.agent.as_ref().is_some_and(|agent| agents.contains(&agent));
            beside = self.lines.values().filter(has_one_of_them).find_map(|line| line.port);
        }
        match beside {
            Some(port) => self.ports.take_beside(port.worker),
            None => self.ports.take(),
        }
    }

    /// Whether `command` is for a leg whose far end has yet to say where it listens.
    pub(crate) fn hold_back(&mut self, command: media::Command) -> Option<media::Command> {
        let ports = match &command {
            media::Command::Play { port, .. } | media::Command::StopPlay { port, .. } => [Some(*port), None],
            media::Command::Bridge { a, b } | media::Command::Unbridge { a, b } => [Some(*a), Some(*b)],
            media::Command::Record { left, right, .. } => [Some(*left), *right],
            media::Command::AttachRecording { right, .. } => [Some(*right), None],
            _ => return Some(command),
        };
        let early = ports.into_iter().flatten().find_map(|port| {
            let leg = self.legs_of_ports.get(&port)?;
            self.lines.get(leg).filter(|line| line.awaits_answer && line.stream.is_none()).map(|_| *leg)
        });
        match early.and_then(|leg| self.lines.get_mut(&leg)) {
            // More than this is nobody's wait for an ACK.
            Some(line) if line.early.len() < 64 => {
                line.early.push(command);
                None
            }
            _ => Some(command),
        }
    }

    fn dial_agent(&mut self, now: Timestamp, interaction: InteractionId, leg: LegId, agent: AgentId, shown: &str) {
        let Some(binding) = self.registration.best(&agent) else {
            return self.later(interaction, CallInput::LegRefused { leg, status: 480, cause: cause_of_status(480) });
        };
        let (uri, next_hop) = (binding.contact.as_str().to_owned(), binding.target);
        let host = self.settings.host.clone();
        let to = format!("<sip:{agent}@{host}>");
        self.dial(now, interaction, leg, Some(agent), uri, next_hop, shown, to, None);
    }

    fn dial_number(&mut self, now: Timestamp, interaction: InteractionId, leg: LegId, number: &Number, shown: &str) {
        let trunk = self.configuration.trunks.values().find(|trunk| !trunk.peers.is_empty());
        let Some((trunk, peer)) = trunk.and_then(|trunk| trunk.peers.first().map(|peer| (trunk, *peer))) else {
            return self.later(interaction, CallInput::LegRefused { leg, status: 503, cause: cause_of_status(503) });
        };
        let account = match (&trunk.user, &trunk.password) {
            (Some(user), Some(password)) => {
                Some(sip::digest::Account { user: user.clone(), password: password.clone() })
            }
            _ => None,
        };
        let uri = format!("sip:{number}@{peer}");
        let to = format!("<{uri}>");
        self.dial(now, interaction, leg, None, uri, sip::Target::udp(peer), shown, to, account);
    }

    #[expect(clippy::too_many_arguments, reason = "one INVITE's parts; a struct would only repeat sip::Invite")]
    fn dial(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        leg: LegId,
        agent: Option<AgentId>,
        uri: String,
        next_hop: sip::Target,
        shown: &str,
        to: String,
        account: Option<sip::digest::Account>,
    ) {
        let refused = |status: u16| CallInput::LegRefused { leg, status, cause: cause_of_status(status) };
        let Some(port) = self.port_beside(interaction, agent.as_ref()) else {
            return self.later(interaction, refused(503));
        };
        let mut local = sdp::Local::g711(port.rtp(), leg.0);
        if self.speaks_pcmu(interaction) {
            // The same codec on both legs needs no transcoding.
            local.codecs.reverse();
        }
        let host = self.settings.host.clone();
        let from = if shown.is_empty() {
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned()
        } else {
            format!("<sip:{}@{host}>", sip_user(shown))
        };
        let invite = sip::Invite {
            uri,
            next_hop,
            from,
            to,
            headers: Vec::new(),
            offer: Some(local.offer().to_string()),
            account,
        };
        match self.sip.invite(now.since_epoch(), invite) {
            Ok(dialog) => {
                let line = Line { port: Some(port), local: Some(local), agent, ..Line::new(interaction, dialog) };
                self.lines.insert(leg, line);
                self.legs_of_dialogs.insert(dialog, leg);
                self.legs_of_ports.insert(port, leg);
            }
            Err(_) => {
                self.ports.released(port);
                self.media(media::Command::Close { port });
                self.later(interaction, refused(503));
            }
        }
    }

    fn speaks_pcmu(&self, interaction: InteractionId) -> bool {
        let stream = self.lines.values().find(|line| line.interaction == interaction).and_then(|line| line.stream);
        stream.is_some_and(|stream| stream.codec == media::Codec::Pcmu)
    }

    pub(crate) fn end_line(&mut self, now: Timestamp, leg: LegId) {
        self.hang_up(now, leg, Cause::NORMAL_CLEARING);
    }

    fn hang_up(&mut self, now: Timestamp, leg: LegId, cause: Cause) {
        let Some(line) = self.drop_line(leg) else { return };
        let how = sip::endpoint::HangUp {
            status: status_of_cause(cause),
            reason: Some(sip::message::Reason::q850(cause.as_q850().into())),
        };
        let _ = self.sip.hang_up(now.since_epoch(), line.dialog, how);
    }

    /// Forgets a leg. Its port closes; the statistics come later.
    pub(crate) fn drop_line(&mut self, leg: LegId) -> Option<Line> {
        let mut line = self.lines.remove(&leg)?;
        self.legs_of_dialogs.remove(&line.dialog);
        for command in std::mem::take(&mut line.early) {
            // In vain, but a recording that was begun is told to have failed.
            self.push(Output::Media(command));
        }
        if let Some(port) = line.port {
            self.legs_of_ports.remove(&port);
            self.ports.released(port);
            if line.stream.is_some() {
                self.closing_ports.insert(port, (line.interaction, leg));
            }
            self.media(media::Command::Close { port });
        }
        Some(line)
    }

    /// Takes what the SIP side says.
    pub(crate) fn sip_event(&mut self, now: Timestamp, event: sip::Event) {
        match event {
            sip::Event::Incoming(incoming) => self.incoming(now, &incoming),
            sip::Event::Register { handle, request, source } => self.register(now, handle, &request, source),
            sip::Event::Progress { call, status, .. } => {
                if let Some((leg, interaction)) = self.leg_of(call)
                    && status.code() >= 180
                {
                    self.call_input(now, interaction, CallInput::LegRinging { leg });
                }
            }
            sip::Event::Answered { call, body } => self.line_answered(now, call, body.as_ref()),
            sip::Event::Refused { call, status, .. } => {
                if let Some((leg, interaction)) = self.leg_of(call) {
                    self.drop_line(leg);
                    let cause = cause_of_status(status.code());
                    self.call_input(now, interaction, CallInput::LegRefused { leg, status: status.code(), cause });
                }
            }
            sip::Event::Confirmed { call, body } => self.line_confirmed(now, call, body.as_ref()),
            sip::Event::Ended { call, cause, reason } => {
                if let Some((leg, interaction)) = self.leg_of(call) {
                    self.drop_line(leg);
                    let (fallback, status) = end_of(cause);
                    let cause = reason
                        .filter(|reason| reason.protocol == "Q.850")
                        .and_then(|reason| reason.cause)
                        .and_then(Cause::from_q850);
                    let cause = cause.unwrap_or(fallback);
                    self.call_input(now, interaction, CallInput::LegEnded { leg, cause, status });
                }
            }
            sip::Event::Reinvited { call, offer } => self.reinvited(now, call, offer.as_ref()),
            sip::Event::Referred(referred) => self.referred(now, &referred),
            sip::Event::Info { call, content_type, body } => {
                if let Some((leg, interaction)) = self.leg_of(call)
                    && let Some(digit) = digit_of_info(&content_type, &body)
                {
                    self.call_input(now, interaction, CallInput::Digit { leg, digit });
                }
            }
            sip::Event::Request { handle, .. } => {
                // The endpoint answers OPTIONS itself; a message or subscription has nobody to go to yet.
                let response = sip::endpoint::Response::new(sip::Status::METHOD_NOT_ALLOWED);
                let _ = self.sip.respond(now.since_epoch(), handle, &response);
            }
            // We send no re-INVITE and no REFER of our own yet, and nothing outside dialogs.
            sip::Event::ReinviteAnswered { .. }
            | sip::Event::ReinviteRefused { .. }
            | sip::Event::ReferAnswered { .. }
            | sip::Event::NotifySipfrag { .. }
            | sip::Event::Response { .. } => {}
        }
    }

    pub(crate) fn leg_of(&self, dialog: sip::CallHandle) -> Option<(LegId, InteractionId)> {
        let leg = *self.legs_of_dialogs.get(&dialog)?;
        Some((leg, self.lines.get(&leg)?.interaction))
    }

    fn line_answered(&mut self, now: Timestamp, dialog: sip::CallHandle, body: Option<&sip::endpoint::Body>) {
        let Some((leg, interaction)) = self.leg_of(dialog) else { return };
        let agreed = self.lines.get(&leg).and_then(|line| line.local.as_ref()).and_then(|local| {
            let answer = sdp::Session::parse(body?.text()?).ok()?;
            local.accept(&answer).ok()
        });
        match agreed {
            Some(agreed) => {
                self.open(leg, &agreed);
                self.call_input(now, interaction, CallInput::LegAnswered { leg });
            }
            // Answered with a session that we cannot use: the call is of no use either.
            None => {
                let cause = cause_of_status(488);
                self.hang_up(now, leg, cause);
                self.call_input(now, interaction, CallInput::LegRefused { leg, status: 488, cause });
            }
        }
    }

    fn line_confirmed(&mut self, now: Timestamp, dialog: sip::CallHandle, body: Option<&sip::endpoint::Body>) {
        let Some((leg, interaction)) = self.leg_of(dialog) else { return };
        let Some(line) = self.lines.get_mut(&leg) else { return };
        if !std::mem::take(&mut line.awaits_answer) {
            return;
        }
        let agreed = line.local.as_ref().and_then(|local| {
            let answer = sdp::Session::parse(body?.text()?).ok()?;
            local.accept(&answer).ok()
        });
        let early = std::mem::take(&mut line.early);
        let is_open = line.stream.is_some();
        match agreed {
            Some(agreed) => {
                self.open(leg, &agreed);
                for command in early {
                    self.media(command);
                }
            }
            // A re-INVITE that came to nothing leaves the session as it was.
            None if is_open => {}
            None => {
                let cause = cause_of_status(488);
                self.hang_up(now, leg, cause);
                self.call_input(now, interaction, CallInput::LegEnded { leg, cause, status: Some(488) });
            }
        }
    }

    /// The far end changes the session: new address, hold, or only a refresh.
    fn reinvited(&mut self, now: Timestamp, dialog: sip::CallHandle, offer: Option<&sip::endpoint::Body>) {
        let refuse = |exchange: &mut Self, status| {
            let _ = exchange.sip.refuse_reinvite(now.since_epoch(), dialog, status);
        };
        let Some((leg, interaction)) = self.leg_of(dialog) else {
            return refuse(self, sip::Status::DOES_NOT_EXIST);
        };
        let Some(local) = self.lines.get_mut(&leg).and_then(|line| line.local.as_mut()) else {
            return refuse(self, sip::Status::NOT_ACCEPTABLE_HERE);
        };
        local.version += 1;
        let local = local.clone();
        let Some(offer) = offer else {
            if let Some(line) = self.lines.get_mut(&leg) {
                line.awaits_answer = true;
            }
            let _ = self.sip.answer_reinvite(now.since_epoch(), dialog, &local.offer().to_string());
            return;
        };
        match agree(&local, offer) {
            Ok((answer, agreed)) => {
                let _ = self.sip.answer_reinvite(now.since_epoch(), dialog, &answer);
                self.open(leg, &agreed);
                let held = agreed.is_held;
                if let Some(line) = self.lines.get_mut(&leg)
                    && std::mem::replace(&mut line.held, held) != held
                {
                    self.call_input(now, interaction, CallInput::LegHeld { leg, held });
                }
            }
            Err(status) => refuse(self, status),
        }
    }

    /// Whether an INVITE's offer has anything that we speak, before anybody is bothered.
    pub(crate) fn acceptable(&self, offer: Option<&sip::endpoint::Body>) -> Result<(), sip::Status> {
        let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
        offer.map_or(Ok(()), |offer| agree(&sdp::Local::g711(anywhere, 1), offer).map(|_| ()))
    }

    pub(crate) fn leg_measured(&mut self, now: Timestamp, port: media::Port, statistics: &media::Statistics) {
        let Some((interaction, leg)) = self.closing_ports.remove(&port) else { return };
        let quality = plugboard_model::Quality {
            packets_received: statistics.received,
            packets_sent: statistics.sent,
            packets_lost: statistics.lost,
            jitter_ms: statistics.jitter.as_secs_f32() * 1_000.0,
            mos: statistics.mos.unwrap_or_default(),
        };
        self.fact(now, EventKind::LegMeasured { interaction, leg, quality });
    }
}

/// Our answer to an offer, as text, and what it means.
fn agree(local: &sdp::Local, offer: &sip::endpoint::Body) -> Result<(String, sdp::Agreed), sip::Status> {
    let text = offer.text().ok_or(sip::Status::BAD_REQUEST)?;
    let offer = sdp::Session::parse(text).map_err(|_| sip::Status::BAD_REQUEST)?;
    let answer = local
        .answer(&offer)
        .map_err(|error| sip::Status::from_code(error.status()).unwrap_or(sip::Status::NOT_ACCEPTABLE_HERE))?;
    Ok((answer.session.to_string(), answer.agreed))
}

fn end_of(cause: sip::endpoint::EndCause) -> (Cause, Option<u16>) {
    let q850 = |number| Cause::from_q850(number).unwrap_or(Cause::TEMPORARY_FAILURE);
    match cause {
        sip::endpoint::EndCause::Bye | sip::endpoint::EndCause::HungUp => (Cause::NORMAL_CLEARING, None),
        sip::endpoint::EndCause::Cancelled => (Cause::NORMAL_CLEARING, Some(487)),
        sip::endpoint::EndCause::NoAck | sip::endpoint::EndCause::NoAnswer => (q850(102), Some(408)),
        sip::endpoint::EndCause::PeerGone => (q850(27), Some(481)),
        sip::endpoint::EndCause::Transport => (q850(38), Some(503)),
        sip::endpoint::EndCause::Protocol => (q850(111), Some(400)),
    }
}

/// A number or name as the user part of a SIP URI; what may not stand there is left out (RFC 3261 §25.1).
fn sip_user(text: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/".contains(*c);
    text.chars().filter(allowed).collect()
}

/// `Signal=5` of application/dtmf-relay, or the one digit of application/dtmf.
fn digit_of_info(content_type: &str, body: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(body).ok()?;
    let value = match content_type.split(';').next()?.trim() {
        "application/dtmf-relay" => text
            .lines()
            .find_map(|line| line.trim().strip_prefix("Signal=").or_else(|| line.trim().strip_prefix("Signal =")))?,
        "application/dtmf" => text,
        _ => return None,
    };
    let mut digits = value.trim().chars();
    let digit = digits.next()?;
    (digits.next().is_none() && (digit.is_ascii_digit() || "*#ABCD".contains(digit))).then_some(digit)
}

/// Shared text of an address for the record: the user part, else the whole URI.
pub(crate) fn shown_party(uri: &sip::message::Uri) -> Arc<str> {
    uri.user_decoded().map_or_else(|| uri.as_str().into(), |user| user.as_ref().into())
}
