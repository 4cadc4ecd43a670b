//! What dialogs tell, in the words of a call.

use std::time::Duration;

use plugboard_call::Input as CallInput;
use plugboard_model::{Timestamp, flow::Cause};
use plugboard_sdp as sdp;
use plugboard_sip::{self as sip, endpoint::EndCause};
use plugboard_trunk::Failure;

use super::{agree, cause_of_status};
use crate::exchange::Exchange;

impl Exchange {
    /// Takes what the SIP side says.
    pub(crate) fn sip_event(&mut self, now: Timestamp, event: sip::Event) {
        match event {
            sip::Event::Incoming(incoming) => self.incoming(now, &incoming),
            sip::Event::Register { handle, request, source } => self.register(now, handle, &request, source),
            sip::Event::Progress { call, status, .. } => {
                if let Some((leg, interaction)) = self.leg_of(call)
                    && status.code() >= 180
                {
                    if let Some(passage) = self.lines.get_mut(leg).and_then(|line| line.passage.as_mut()) {
                        passage.rings();
                    }
                    self.call_input(now, interaction, CallInput::LegRinging { leg });
                }
            }
            sip::Event::Answered { call, body } => self.line_answered(now, call, body.as_ref()),
            sip::Event::Refused { call, status, retry_after, .. } => {
                if let Some((leg, interaction)) = self.leg_of(call) {
                    let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds.into()));
                    if self.goes_on(now, leg, Failure::Status { code: status.code(), retry_after }) {
                        return;
                    }
                    self.drop_line(leg);
                    let cause = cause_of_status(status.code());
                    self.call_input(now, interaction, CallInput::LegRefused { leg, status: status.code(), cause });
                }
            }
            sip::Event::Confirmed { call, body } => self.line_confirmed(now, call, body.as_ref()),
            sip::Event::Ended { call, cause, reason } => {
                if let Some((leg, interaction)) = self.leg_of(call) {
                    let failure = match cause {
                        EndCause::NoAnswer => Some(Failure::Silent),
                        EndCause::Transport => Some(Failure::Gone),
                        _ => None,
                    };
                    if failure.is_some_and(|failure| self.goes_on(now, leg, failure)) {
                        return;
                    }
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
            sip::Event::Reinvited { call, offer, source } => {
                self.reinvited(now, call, offer.as_ref(), source.transport);
            }
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
            sip::Event::Response { handle, response, .. } => self.pinged(handle, response.is_some()),
            // We send no re-INVITE and no REFER of our own yet.
            sip::Event::ReinviteAnswered { .. }
            | sip::Event::ReinviteRefused { .. }
            | sip::Event::ReferAnswered { .. }
            | sip::Event::NotifySipfrag { .. } => {}
        }
    }

    fn line_answered(&mut self, now: Timestamp, dialog: sip::CallHandle, body: Option<&sip::endpoint::Body>) {
        let Some((leg, interaction)) = self.leg_of(dialog) else { return };
        if let Some(passage) = self.lines.get_mut(leg).and_then(|line| line.passage.as_mut()) {
            passage.answered();
        }
        let agreed = self.lines.get(leg).and_then(|line| line.local.as_ref()).and_then(|local| {
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
        let Some(line) = self.lines.get_mut(leg) else { return };
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
    fn reinvited(
        &mut self,
        now: Timestamp,
        dialog: sip::CallHandle,
        offer: Option<&sip::endpoint::Body>,
        by: sip::Transport,
    ) {
        let refuse = |exchange: &mut Self, status| {
            let _ = exchange.sip.refuse_reinvite(now.since_epoch(), dialog, status);
        };
        let Some((leg, interaction)) = self.leg_of(dialog) else {
            return refuse(self, sip::Status::DOES_NOT_EXIST);
        };
        let may_say_keys = self.may_say_keys(by);
        let Some(line) = self.lines.get_mut(leg) else { return refuse(self, sip::Status::DOES_NOT_EXIST) };
        let Some(local) = line.local.as_mut() else { return refuse(self, sip::Status::NOT_ACCEPTABLE_HERE) };
        // The call came by a way on which keys may be said, and its change does not.
        let Some(security) = (if may_say_keys { Some(local.security.clone()) } else { local.security.unsaid() }) else {
            return refuse(self, sip::Status::NOT_ACCEPTABLE_HERE);
        };
        local.version += 1;
        let local = sdp::Local { security, ..local.clone() };
        let Some(offer) = offer else {
            if let Some(line) = self.lines.get_mut(leg) {
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
                if let Some(line) = self.lines.get_mut(leg)
                    && std::mem::replace(&mut line.held, held) != held
                {
                    self.call_input(now, interaction, CallInput::LegHeld { leg, held });
                }
            }
            Err(refusal) => refuse(self, refusal.status()),
        }
    }
}

fn end_of(cause: EndCause) -> (Cause, Option<u16>) {
    let q850 = |number| Cause::from_q850(number).unwrap_or(Cause::TEMPORARY_FAILURE);
    match cause {
        EndCause::Bye | EndCause::HungUp => (Cause::NORMAL_CLEARING, None),
        EndCause::Cancelled => (Cause::NORMAL_CLEARING, Some(487)),
        EndCause::NoAck | EndCause::NoAnswer => (q850(102), Some(408)),
        EndCause::PeerGone => (q850(27), Some(481)),
        EndCause::Transport => (q850(38), Some(503)),
        EndCause::Protocol => (q850(111), Some(400)),
    }
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
