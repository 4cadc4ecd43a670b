//! Calls that come in: ring, answer, refuse, and wait for the ACK.

use std::time::Duration;

use super::call::{Change, Repeat, State};
use super::command::Response;
use super::compose::{ResponseParts, sdp_parts};
use super::event::{CallHandle, EndCause, Event};
use super::receive::REFRESH;
use super::{CommandError, Endpoint};
use crate::message::{Message, Reason};
use crate::network::Target;
use crate::status::Status;

impl Endpoint {
    /// Sends 101–199 to an incoming call; with `sdp` as early media.
    pub fn ring(
        &mut self,
        now: Duration,
        call: CallHandle,
        status: Status,
        sdp: Option<&str>,
    ) -> Result<(), CommandError> {
        let record = self.call_mut(call.0)?;
        let State::Offered { tx, request, refresh, .. } = &mut record.state else {
            return Err(CommandError::WrongState);
        };
        *refresh = now + REFRESH;
        let (tx, request) = (*tx, request.clone());
        let tag = record.dialog.local_tag.clone();
        let parts = ResponseParts {
            tag: Some(&tag),
            contact: self.reply_way(tx),
            body: sdp_parts(sdp),
            ..ResponseParts::default()
        };
        self.respond_with(now, tx, &request, status, &parts)?;
        self.settle_call(call.0);
        Ok(())
    }

    fn reply_way(&self, tx: u64) -> Option<Target> {
        self.transactions.get(tx).map(|transaction| transaction.target)
    }

    /// Sends 200; `sdp` is the answer, or our offer where the INVITE had none. Repeats until the ACK comes.
    pub fn answer(&mut self, now: Duration, call: CallHandle, sdp: &str) -> Result<(), CommandError> {
        let record = self.call_mut(call.0)?;
        let State::Offered { tx, request, .. } = &record.state else { return Err(CommandError::WrongState) };
        let (tx, request) = (*tx, request.clone());
        let tag = record.dialog.local_tag.clone();
        let repeat = self.send_2xx(now, tx, &request, &tag, sdp)?;
        self.call_mut(call.0)?.state = State::Answered { repeat, hang_up: None };
        self.settle_call(call.0);
        Ok(())
    }

    /// The 2xx of an INVITE or re-INVITE, to be repeated by the dialog.
    pub(super) fn send_2xx(
        &mut self,
        now: Duration,
        tx: u64,
        request: &Message,
        tag: &str,
        sdp: &str,
    ) -> Result<Repeat, CommandError> {
        let target = self.reply_way(tx).ok_or(CommandError::Gone)?;
        let parts = ResponseParts {
            tag: Some(tag),
            contact: Some(target),
            body: sdp_parts(Some(sdp)),
            ..ResponseParts::default()
        };
        self.respond_with(now, tx, request, Status::OK, &parts)?;
        let bytes = self.transactions.get(tx).and_then(|t| t.sent.clone()).ok_or(CommandError::Gone)?;
        let timers = &self.config.timers;
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        Ok(Repeat { bytes, target, cseq, gap: timers.t1, next: now + timers.t1, give_up: now + timers.h })
    }

    /// Refuses an incoming call with 300–699, 401 with a challenge included; `Ended` follows.
    pub fn reject(&mut self, now: Duration, call: CallHandle, response: &Response) -> Result<(), CommandError> {
        let record = self.call_mut(call.0)?;
        if !matches!(record.state, State::Offered { .. }) || response.status.code() < 300 {
            return Err(CommandError::WrongState);
        }
        self.close_offered(now, call.0, response, EndCause::HungUp, None);
        Ok(())
    }

    /// The final refusal of a call that was never answered.
    pub(super) fn close_offered(
        &mut self,
        now: Duration,
        call: u64,
        response: &Response,
        cause: EndCause,
        reason: Option<Reason>,
    ) {
        self.end(call, cause, reason);
        let Some((record, _)) = self.calls.remove(call) else { return };
        if let State::Offered { tx, request, .. } = record.state {
            self.respond_in(now, tx, &request, response, &record.dialog.local_tag);
        }
    }

    /// An ACK to a 2xx came in this dialog.
    pub(super) fn acknowledged(&mut self, now: Duration, call: u64, ack: &Message) {
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        let number = ack.cseq().map(|cseq| cseq.number);
        match (&mut record.state, &mut record.change) {
            (State::Answered { repeat, hang_up }, _) if number == Some(repeat.cseq) => {
                let hang_up = hang_up.take();
                record.state = State::Established;
                match hang_up {
                    Some(reason) => self.send_bye(now, call, reason),
                    None => self.emit(Event::Confirmed { call: CallHandle(call), body: ack.sdp() }),
                }
            }
            (State::Established, Change::Answered { repeat }) if number == Some(repeat.cseq) => {
                record.change = Change::Idle;
                self.emit(Event::Confirmed { call: CallHandle(call), body: ack.sdp() });
            }
            // A copy.
            _ => {}
        }
        self.settle_call(call);
    }
}
