//! Legs as SIP has them: the dialog, the negotiated session, and the port of each; dialog events in the words of a call, and back.

mod dial;
mod event;

use std::sync::Arc;

use plugboard_call::{Dialled, Input as CallInput, Line as LineCommand};
use plugboard_media as media;
use plugboard_model::{AgentId, EventKind, InteractionId, LegId, Timestamp, flow::Cause};
use plugboard_sdp as sdp;
use plugboard_sip as sip;

use crate::{
    exchange::{Exchange, Output},
    trunking::Passage,
};

pub(crate) use dial::Wanted;

/// One leg.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) interaction: InteractionId,
    pub(crate) dialog: sip::CallHandle,
    port: Option<media::Port>,
    /// The caller's offer, until we answer.
    offer: Option<sip::endpoint::Body>,
    /// Our own description, as last sent.
    local: Option<sdp::Local>,
    /// What it is to say of SRTP, until there is one.
    security: sdp::Security,
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
    /// Max-Forwards of a leg that is dialled for this one.
    hops_left: u8,
    /// The trunk that it comes or goes by.
    pub(crate) passage: Option<Passage>,
}

impl Line {
    /// A leg that called us.
    pub(crate) fn incoming(
        interaction: InteractionId,
        incoming: &sip::endpoint::Incoming,
        agent: Option<AgentId>,
        security: sdp::Security,
    ) -> Self {
        let hops_left = incoming.hops_left();
        Self { offer: incoming.offer.clone(), hops_left, security, ..Self::new(interaction, incoming.call, agent) }
    }

    /// A leg that is heard nowhere yet.
    pub(crate) fn new(interaction: InteractionId, dialog: sip::CallHandle, agent: Option<AgentId>) -> Self {
        Self {
            interaction,
            dialog,
            port: None,
            offer: None,
            local: None,
            security: sdp::Security::Off,
            stream: None,
            agent,
            awaits_answer: false,
            early: Vec::new(),
            held: false,
            heard: false,
            hops_left: sip::MAX_FORWARDS,
            passage: None,
        }
    }

    pub(crate) fn port(&self) -> Option<media::Port> {
        self.port
    }

    /// Called by [`Lines`](crate::lines::Lines), which finds the leg by its port from then on.
    pub(crate) fn settle_at(&mut self, port: media::Port) {
        self.port = Some(port);
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

/// How we refuse a caller whom we never answered (RFC 3398 §7.2.4.1).
fn status_of_cause(cause: Cause) -> sip::Status {
    match cause.as_q850() {
        1..=3 => sip::Status::NOT_FOUND,
        17 => sip::Status::BUSY_HERE,
        21 => sip::Status::FORBIDDEN,
        34 | 38 | 41 | 42 => sip::Status::SERVICE_UNAVAILABLE,
        88 => sip::Status::NOT_ACCEPTABLE_HERE,
        _ => sip::Status::TEMPORARILY_UNAVAILABLE,
    }
}

impl Exchange {
    /// Carries out what a call asks of one of its legs.
    pub(crate) fn line(&mut self, now: Timestamp, interaction: InteractionId, command: LineCommand) {
        match command {
            LineCommand::Ring { leg } => {
                if let Some(line) = self.lines.get(leg) {
                    // A caller who gave up in this moment is told by the endpoint itself.
                    let _ = self.sip.ring(now.since_epoch(), line.dialog, sip::Status::RINGING, None);
                }
            }
            LineCommand::Answer { leg } => self.answer_line(now, leg.into_what()),
            LineCommand::Dial { leg, to, shown } => match to {
                Dialled::Agent(agent) => self.dial_agent(now, interaction, leg, agent, &shown),
                Dialled::Number(number) => self.dial_out(now, interaction, leg, number, &shown),
            },
            LineCommand::HangUp { leg, cause } => self.hang_up(now, leg, cause),
            LineCommand::TransferProgress { leg, status } => self.transfer_progress(now, leg, status),
        }
    }

    pub(crate) fn answer_line(&mut self, now: Timestamp, leg: LegId) {
        let Some((interaction, agent)) = self.lines.get(leg).map(|line| (line.interaction, line.agent.clone())) else {
            return;
        };
        let Some(port) = self.port_beside(interaction, agent.as_ref()) else {
            let response = sip::endpoint::Response::new(sip::Status::SERVICE_UNAVAILABLE).header("Retry-After", "5");
            return self.fail_incoming(now, leg, &response);
        };
        self.lines.settle_at(leg, port);
        let beside = self.codec_beside(interaction);
        let Some(line) = self.lines.get_mut(leg) else { return };
        let dialog = line.dialog;
        let security = std::mem::take(&mut line.security);
        let local = sdp::Local { beside, security, ..sdp::Local::voice(port.rtp(), leg.0) };
        line.local = Some(local.clone());
        let text = match &line.offer {
            Some(offer) => match agree(&local, offer) {
                Ok((answer, agreed)) => {
                    self.open(leg, &agreed);
                    answer
                }
                Err(refusal) => return self.fail_incoming(now, leg, &self.refusal(&refusal)),
            },
            None => {
                line.awaits_answer = true;
                local.offer().to_string()
            }
        };
        // Gone already: the endpoint reports the end by itself.
        let _ = self.sip.answer(now.since_epoch(), dialog, &text);
    }

    /// We cannot take this call after all; the caller hears why, and the call ends.
    fn fail_incoming(&mut self, now: Timestamp, leg: LegId, response: &sip::endpoint::Response) {
        let Some(line) = self.lines.get(leg) else { return };
        let (dialog, interaction, status) = (line.dialog, line.interaction, response.status);
        let _ = self.sip.reject(now.since_epoch(), dialog, response);
        self.drop_line(leg);
        let cause = cause_of_status(status.code());
        self.later(interaction, CallInput::LegEnded { leg, cause, status: Some(status.code()) });
    }

    /// Starts the audio of a leg, or changes it.
    fn open(&mut self, leg: LegId, agreed: &sdp::Agreed) {
        let Some(line) = self.lines.get_mut(leg) else { return };
        let Some(port) = line.port else { return };
        if let Some(local) = line.local.as_mut().filter(|_| agreed.srtp.is_some()) {
            local.security = std::mem::take(&mut local.security).insisting();
        }
        let codec = media::Codec::from_name(&agreed.codec.name).unwrap_or(media::Codec::Pcma);
        let stream = media::Stream {
            remote: agreed.remote,
            remote_rtcp: agreed.remote_rtcp,
            rtcp_mux: agreed.rtcp_mux,
            codec,
            payload_type: media::PayloadType { send: agreed.send_payload_type, receive: agreed.receive_payload_type },
            telephone_event: agreed
                .telephone_event
                .map(|event| media::PayloadType { send: event.send, receive: event.receive }),
            telephone_event_clock: agreed.telephone_event.map_or(agreed.codec.clock, |event| event.clock).0,
            comfort_noise: agreed.comfort_noise,
            opus: media::OpusParameters::from_fmtp(agreed.codec.fmtp.as_deref().unwrap_or_default()),
            direction: match agreed.direction {
                sdp::Direction::SendReceive => media::Direction::SendReceive,
                sdp::Direction::SendOnly => media::Direction::SendOnly,
                sdp::Direction::ReceiveOnly => media::Direction::ReceiveOnly,
                sdp::Direction::Inactive => media::Direction::Inactive,
            },
            packet_time: std::time::Duration::from_millis(agreed.packet_time.as_millis().into()),
            detect_inband_dtmf: agreed.telephone_event.is_none(),
            srtp: agreed.srtp,
        };
        let first = line.stream.replace(stream).is_none();
        self.media(if first {
            media::Command::Open { port, stream }
        } else {
            media::Command::Retarget { port, stream }
        });
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
            let leg = self.lines.at_port(port)?;
            self.lines.get(leg).filter(|line| line.awaits_answer && line.stream.is_none()).map(|_| leg)
        });
        match early.and_then(|leg| self.lines.get_mut(leg)) {
            // More than this is nobody's wait for an ACK.
            Some(line) if line.early.len() < 64 => {
                line.early.push(command);
                None
            }
            _ => Some(command),
        }
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
        let mut line = self.lines.remove(leg)?;
        if let Some(passage) = line.passage.take() {
            self.trunking.leave(&passage);
        }
        for command in std::mem::take(&mut line.early) {
            // In vain, but a recording that was begun is told to have failed.
            self.push(Output::Media(command));
        }
        if let Some(port) = line.port {
            self.ports.released(port);
            if line.stream.is_some() {
                self.closing_ports.insert(port, (line.interaction, leg));
            }
            self.media(media::Command::Close { port });
        }
        Some(line)
    }

    pub(crate) fn leg_of(&self, dialog: sip::CallHandle) -> Option<(LegId, InteractionId)> {
        let leg = self.lines.at_dialog(dialog)?;
        Some((leg, self.lines.get(leg)?.interaction))
    }

    /// Whether an INVITE's offer has anything that we speak, before anybody is bothered.
    pub(crate) fn acceptable(
        &self,
        offer: Option<&sip::endpoint::Body>,
        security: &sdp::Security,
    ) -> Result<(), sip::endpoint::Response> {
        let Some(offer) = offer else { return Ok(()) };
        let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
        let local = sdp::Local { security: security.clone(), ..sdp::Local::voice(anywhere, 1) };
        agree(&local, offer).map(|_| ()).map_err(|refusal| self.refusal(&refusal))
    }

    fn refusal(&self, refusal: &Refusal) -> sip::endpoint::Response {
        match refusal {
            Refusal::NoText => sip::endpoint::Response::new(sip::Status::BAD_REQUEST),
            Refusal::Answer(error) => {
                let (code, text) = error.warning();
                self.warned(refusal.status(), code, &text)
            }
        }
    }

    pub(crate) fn leg_measured(&mut self, now: Timestamp, port: media::Port, statistics: &media::Statistics) {
        let Some((interaction, leg)) = self.closing_ports.remove(&port) else { return };
        let quality = plugboard_model::Quality {
            packets_received: statistics.received,
            packets_sent: statistics.sent,
            packets_lost: statistics.lost,
            jitter_ms: statistics.jitter.as_secs_f32() * 1_000.0,
            mos: statistics.mos.unwrap_or_default(),
            packets_lost_by_far_end: statistics.lost_by_remote,
            round_trip_ms: statistics.round_trip.map(|time| time.as_secs_f32() * 1_000.0),
            packets_refused: statistics.refused.total(),
        };
        self.fact(now, EventKind::LegMeasured { interaction, leg, quality });
    }
}

/// Why an offer gets no answer.
enum Refusal {
    NoText,
    Answer(sdp::AnswerError),
}

impl Refusal {
    fn status(&self) -> sip::Status {
        match self {
            Self::NoText => sip::Status::BAD_REQUEST,
            Self::Answer(error) => sip::Status::from_code(error.status()).unwrap_or(sip::Status::NOT_ACCEPTABLE_HERE),
        }
    }
}

/// Our answer to an offer, as text, and what it means.
fn agree(local: &sdp::Local, offer: &sip::endpoint::Body) -> Result<(String, sdp::Agreed), Refusal> {
    let text = offer.text().ok_or(Refusal::NoText)?;
    let offer = sdp::Session::parse(text).map_err(|error| Refusal::Answer(error.into()))?;
    let answer = local.answer(&offer).map_err(Refusal::Answer)?;
    Ok((answer.session.to_string(), answer.agreed))
}

/// Shared text of an address for the record: the user part, else the whole URI.
pub(crate) fn shown_party(uri: &sip::message::Uri) -> Arc<str> {
    uri.user_decoded().map_or_else(|| uri.as_str().into(), |user| user.as_ref().into())
}
