//! Changing a running session: re-INVITE both ways, with glare (RFC 3261 §14).

use std::time::Duration;

use super::call::{Change, State, Waiting};
use super::command::Response;
use super::compose::sdp_parts;
use super::event::{CallHandle, EndCause, Event};
use super::transact::User;
use super::{CommandError, Endpoint};
use crate::message::Message;
use crate::method::Method;
use crate::network::Source;
use crate::status::Status;

/// After so many glares in a row the change is given up.
const MAX_TRIES: u8 = 5;
/// How long a change may take, either way.
const MAX_CHANGE: Duration = Duration::from_secs(32);

impl Endpoint {
    /// Offers a new session; `None` asks the peer for an offer, then [`Endpoint::ack_with`] is due.
    pub fn reinvite(&mut self, now: Duration, call: CallHandle, offer: Option<&str>) -> Result<(), CommandError> {
        let record = self.call_mut(call.0)?;
        if !record.is_established() || !matches!(record.change, Change::Idle) || record.waiting.is_some() {
            return Err(CommandError::WrongState);
        }
        self.send_change(now, call.0, offer.map(Box::from), 0)
    }

    pub(super) fn send_change(
        &mut self,
        now: Duration,
        call: u64,
        offer: Option<Box<str>>,
        tries: u8,
    ) -> Result<(), CommandError> {
        let tx = self.send_in_dialog(now, call, &Method::INVITE, User::Call(call), &[], sdp_parts(offer.as_deref()))?;
        let change = Change::Sent { tx, offer, tries, give_up: now + MAX_CHANGE, is_cancelled: false };
        self.call_mut(call)?.change = change;
        self.settle_call(call);
        Ok(())
    }

    pub(super) fn change_response(&mut self, now: Duration, call: u64, tx: u64, response: &Message, status: Status) {
        let handle = CallHandle(call);
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        let Change::Sent { offer, tries, .. } = &mut record.change else { return };
        match status.code() {
            100..200 => {}
            200..300 => {
                record.dialog.refresh_target(response);
                let cseq = response.cseq().map_or(record.dialog.local_cseq, |cseq| cseq.number);
                let body = response.sdp();
                if offer.is_some() || body.is_none() {
                    record.change = Change::Idle;
                    let _ = self.send_ack(call, tx, cseq, None);
                } else {
                    record.change = Change::AckDue { tx, cseq, give_up: now + self.config.timers.h };
                }
                self.emit(Event::ReinviteAnswered { call: handle, body });
            }
            491 if *tries < MAX_TRIES => {
                let (offer, tries) = (offer.take(), *tries + 1);
                // The owner of the Call-ID waits longer, so that the two do not meet again (RFC 3261 §14.1).
                let (base, span) = if record.dialog.we_called { (2_100, 190) } else { (0, 200) };
                let wait = Duration::from_millis(base + 10 * (self.chance.draw() % (span + 1)));
                if let Some((record, _)) = self.calls.get_mut(call) {
                    record.change = Change::Idle;
                    record.waiting = Some(Waiting { until: now + wait, offer, tries });
                }
            }
            _ => {
                if let Some(new) = self.try_again(now, tx, response, status, User::Call(call)) {
                    if let Some((record, _)) = self.calls.get_mut(call)
                        && let Change::Sent { tx, .. } = &mut record.change
                    {
                        *tx = new;
                    }
                    return;
                }
                self.change_failed(now, call, status);
            }
        }
    }

    /// 408 and 481 end the dialog, everything else leaves the session as it was (RFC 3261 §14.1).
    pub(super) fn change_failed(&mut self, now: Duration, call: u64, status: Status) {
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        // Nobody waits for its final response any more.
        if let Change::Sent { tx, .. } = std::mem::replace(&mut record.change, Change::Idle)
            && status == Status::REQUEST_TIMEOUT
        {
            self.transactions.remove(tx);
        }
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        if record.is_over {
            return;
        }
        self.emit(Event::ReinviteRefused { call: CallHandle(call), status });
        if matches!(status, Status::REQUEST_TIMEOUT | Status::DOES_NOT_EXIST) {
            self.end(call, EndCause::PeerGone, None);
            self.send_bye(now, call, None);
        }
        self.settle_call(call);
    }

    /// A re-INVITE came in.
    pub(super) fn handle_change(&mut self, now: Duration, source: Source, request: &Message, key: u128, call: u64) {
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        let refusal = match (&record.state, &record.change) {
            (State::Established, Change::Idle) => None,
            (State::Established, Change::Sent { .. } | Change::AckDue { .. }) => {
                Some(Response::new(Status::REQUEST_PENDING))
            }
            (State::Closing, _) => Some(Response::new(Status::DOES_NOT_EXIST)),
            // One is being decided already, ours or the first INVITE (RFC 3261 §14.2).
            _ => {
                let wait = self.chance.draw() % 11;
                Some(Response::new(Status::SERVER_ERROR).header("Retry-After", wait.to_string()))
            }
        };
        if let Some(response) = refusal {
            return self.refuse_new(now, source, request, key, &response);
        }
        record.dialog.refresh(request, source);
        let tx = self.new_server(now, source, request, key, User::Call(call));
        let _ = self.respond_with(now, tx, request, Status::TRYING, &super::compose::ResponseParts::default());
        if let Some((record, _)) = self.calls.get_mut(call) {
            record.change = Change::Received { tx, request: Box::new(request.clone()), give_up: now + MAX_CHANGE };
        }
        self.emit(Event::Reinvited { call: CallHandle(call), offer: request.sdp(), source });
        self.settle_call(call);
    }

    /// Accepts a re-INVITE with the answer, or with our offer where it had none.
    pub fn answer_reinvite(&mut self, now: Duration, call: CallHandle, sdp: &str) -> Result<(), CommandError> {
        let record = self.call_mut(call.0)?;
        let Change::Received { tx, request, .. } = &record.change else { return Err(CommandError::WrongState) };
        let (tx, request) = (*tx, request.clone());
        let tag = record.dialog.local_tag.clone();
        let repeat = self.send_2xx(now, tx, &request, &tag, sdp)?;
        self.call_mut(call.0)?.change = Change::Answered { repeat };
        self.settle_call(call.0);
        Ok(())
    }

    /// The session stays as it was; 488 is usual.
    pub fn refuse_reinvite(&mut self, now: Duration, call: CallHandle, status: Status) -> Result<(), CommandError> {
        let record = self.call_mut(call.0)?;
        if !matches!(record.change, Change::Received { .. }) || status.code() < 300 {
            return Err(CommandError::WrongState);
        }
        if let Change::Received { tx, request, .. } = std::mem::replace(&mut record.change, Change::Idle) {
            self.respond_in(now, tx, &request, &Response::new(status), "");
        }
        self.settle_call(call.0);
        Ok(())
    }
}
