//! What the SIP endpoint tells, call by call.

use plugboard_sdp as sdp;
use plugboard_sip::endpoint::{Body, EndCause, Response};
use plugboard_sip::{CallHandle, Event, Status};

use super::Engine;
use super::line::{Asked, Line};
use crate::call::{CallEvent, CallId, Ended};
use crate::error::ActionError;

impl Engine {
    pub(super) fn take_sip(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Incoming(incoming) => self.incoming(&incoming),
            Event::Progress { call, status, body } => self.progress(call, status, body.as_ref()),
            Event::Answered { call, body } => self.answered(call, body.as_ref()),
            Event::Refused { call, status, .. } => {
                if let Some(id) = self.by_dialog.get(&call).copied() {
                    self.report_referral(id, status);
                    self.over(id, Ended::Refused { status: status.code() });
                }
            }
            Event::Confirmed { call, body } => self.confirmed(call, body.as_ref()),
            Event::Ended { call, cause, reason } => {
                if let Some(id) = self.by_dialog.get(&call).copied() {
                    if cause == EndCause::NoAnswer {
                        self.report_referral(id, Status::REQUEST_TIMEOUT);
                    }
                    let q850 = reason.filter(|reason| reason.protocol == "Q.850").and_then(|reason| reason.cause);
                    self.over(id, Ended::Over { cause, q850 });
                }
            }
            Event::Reinvited { call, offer, .. } => self.reinvited(call, offer.as_ref()),
            Event::ReinviteAnswered { call, body } => self.reinvite_answered(call, body.as_ref()),
            Event::ReinviteRefused { call, status } => {
                if let Some((_, line)) = self.line_of(call) {
                    // As it was before.
                    if let Asked::Hold { hold, reply } = std::mem::take(&mut line.asked) {
                        line.local.direction = direction(!hold);
                        let _ = reply.send(Err(ActionError::Refused { status: status.code() }));
                    }
                }
            }
            Event::Referred(referred) => self.referred(&referred),
            Event::ReferAnswered { call, status } => self.refer_answered(call, status),
            Event::NotifySipfrag { call, status, .. } => self.transfer_progress(call, status),
            Event::Response { handle, status, response } => self.registered(handle, status, response.as_ref()),
            // Phones are no registrars, and take no messages.
            Event::Register { handle, .. } | Event::Request { handle, .. } => {
                let _ = self.sip.respond(now, handle, &Response::new(Status::METHOD_NOT_ALLOWED));
            }
            Event::Info { .. } => {}
        }
    }

    pub(super) fn line_of(&mut self, dialog: CallHandle) -> Option<(CallId, &mut Line)> {
        let id = *self.by_dialog.get(&dialog)?;
        self.lines.get_mut(&id).map(|line| (id, line))
    }

    fn progress(&mut self, dialog: CallHandle, status: Status, body: Option<&Body>) {
        let Some((id, line)) = self.line_of(dialog) else { return };
        if status == Status::RINGING || status == Status::SESSION_PROGRESS {
            line.tell(CallEvent::Ringing);
        }
        if let Some(agreed) = body.and_then(|body| accepted(&line.local, body)) {
            self.open(id, &agreed);
        }
    }

    fn answered(&mut self, dialog: CallHandle, body: Option<&Body>) {
        let Some((id, line)) = self.line_of(dialog) else { return };
        let agreed = body.and_then(|body| accepted(&line.local, body));
        if agreed.is_none() && line.stream.is_none() {
            // A session that we cannot use is no call.
            self.report_referral(id, Status::NOT_ACCEPTABLE_HERE);
            return self.end_here(id);
        }
        line.tell(CallEvent::Answered);
        if let Some(agreed) = agreed {
            self.open(id, &agreed);
        }
        self.report_referral(id, Status::OK);
    }

    /// The ACK is in: the call that came in stands.
    fn confirmed(&mut self, dialog: CallHandle, body: Option<&Body>) {
        let Some((id, line)) = self.line_of(dialog) else { return };
        let agreed = if std::mem::take(&mut line.awaits_answer) {
            match body.and_then(|body| accepted(&line.local, body)) {
                Some(agreed) => Some(agreed),
                None => return self.end_here(id),
            }
        } else {
            None
        };
        if !matches!(line.phase(), crate::call::Phase::Answered) {
            line.tell(CallEvent::Answered);
        }
        if let Some(agreed) = agreed {
            self.open(id, &agreed);
        }
    }

    fn reinvited(&mut self, dialog: CallHandle, offer: Option<&Body>) {
        let now = self.clock.now();
        let Some((id, line)) = self.line_of(dialog) else {
            let _ = self.sip.refuse_reinvite(now, dialog, Status::DOES_NOT_EXIST);
            return;
        };
        line.local.version += 1;
        let Some(offer) = offer else {
            line.awaits_answer = true;
            let offer = line.local.offer().to_string();
            let _ = self.sip.answer_reinvite(now, dialog, &offer);
            return;
        };
        match agree(&line.local, offer) {
            Ok((answer, agreed)) => {
                let _ = self.sip.answer_reinvite(now, dialog, &answer);
                self.open(id, &agreed);
            }
            Err(status) => {
                let _ = self.sip.refuse_reinvite(now, dialog, status);
            }
        }
    }

    fn reinvite_answered(&mut self, dialog: CallHandle, body: Option<&Body>) {
        let Some((id, line)) = self.line_of(dialog) else { return };
        let agreed = body.and_then(|body| accepted(&line.local, body));
        if let Asked::Hold { reply, .. } = std::mem::take(&mut line.asked) {
            let _ = reply.send(Ok(()));
        }
        if let Some(agreed) = agreed {
            self.open(id, &agreed);
        }
    }
}

/// What we offer while we hold, and otherwise.
pub(super) fn direction(hold: bool) -> sdp::Direction {
    if hold { sdp::Direction::SendOnly } else { sdp::Direction::SendReceive }
}

/// Our answer to an offer, as text, and what it means; else the status to refuse with.
pub(super) fn agree(local: &sdp::Local, offer: &Body) -> Result<(String, sdp::Agreed), Status> {
    let text = offer.text().ok_or(Status::BAD_REQUEST)?;
    let offer = sdp::Session::parse(text).map_err(|_| Status::BAD_REQUEST)?;
    let answer = local
        .answer(&offer)
        .map_err(|error| Status::from_code(error.status()).unwrap_or(Status::NOT_ACCEPTABLE_HERE))?;
    Ok((answer.session.to_string(), answer.agreed))
}

/// What the far end's answer to our offer means; `None` where it is of no use.
fn accepted(local: &sdp::Local, answer: &Body) -> Option<sdp::Agreed> {
    let answer = sdp::Session::parse(answer.text()?).ok()?;
    local.accept(&answer).ok()
}
