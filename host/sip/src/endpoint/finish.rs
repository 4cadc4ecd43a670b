//! What a call does when its time comes.

use std::time::Duration;

use super::call::{Change, Repeat, State, Waiting};
use super::command::Response;
use super::event::{EndCause, Event};
use super::receive::REFRESH;
use super::{CallHandle, Endpoint};
use crate::status::Status;
use crate::transaction::Timers;

/// How long a change is put off for the peer's.
const AGAIN: Duration = Duration::from_millis(500);

impl Repeat {
    fn is_due(&self, now: Duration) -> bool {
        now >= self.next && now < self.give_up
    }

    fn advance(&mut self, now: Duration, timers: &Timers) {
        self.gap = (self.gap * 2).min(timers.t2);
        self.next = now + self.gap;
    }
}

impl Endpoint {
    pub(super) fn call_timeout(&mut self, now: Duration, call: u64, at: Duration) {
        let Some((_, entry)) = self.calls.get_mut(call) else { return };
        if *entry != Some(at) {
            return;
        }
        *entry = None;
        self.state_timeout(now, call);
        self.change_timeout(now, call);
        self.waiting_timeout(now, call);
        self.settle_call(call);
    }

    fn state_timeout(&mut self, now: Duration, call: u64) {
        let timers = self.config.timers;
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        match &mut record.state {
            State::Offered { give_up, .. } if now >= *give_up => {
                let response = Response::new(Status::TEMPORARILY_UNAVAILABLE);
                self.close_offered(now, call, &response, EndCause::NoAnswer, None);
            }
            State::Offered { tx, refresh, .. } if now >= *refresh => {
                *refresh = now + REFRESH;
                let tx = *tx;
                self.send_last(tx);
            }
            State::Answered { repeat, .. } if repeat.is_due(now) => {
                repeat.advance(now, &timers);
                let (target, bytes) = (repeat.target, repeat.bytes.clone());
                self.send(target, bytes);
            }
            // RFC 3261 §13.3.1.4: no ACK for 64·T1, so the session is ended with a BYE.
            State::Answered { repeat, hang_up } if now >= repeat.give_up => {
                let reason = hang_up.take().flatten();
                self.end(call, EndCause::NoAck, None);
                self.send_bye(now, call, reason);
            }
            State::Calling { tx, give_up, .. } if now >= *give_up => {
                let tx = *tx;
                self.end(call, EndCause::NoAnswer, None);
                self.cancel(now, call, tx, None);
            }
            State::Cancelling { tx, give_up, .. } if now >= *give_up => {
                self.transactions.remove(*tx);
                self.calls.remove(call);
            }
            State::AckDue { tx, cseq, give_up } if now >= *give_up => {
                let (tx, cseq) = (*tx, *cseq);
                let _ = self.send_ack(call, tx, cseq, None);
                self.end(call, EndCause::NoAck, None);
                self.send_bye(now, call, None);
            }
            _ => {}
        }
    }

    fn change_timeout(&mut self, now: Duration, call: u64) {
        let timers = self.config.timers;
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        match &mut record.change {
            // Long enough for anybody to decide: the change is cancelled, then the peer counts as gone.
            Change::Sent { tx, is_cancelled: is_cancelled @ false, give_up, .. } if now >= *give_up => {
                *is_cancelled = true;
                *give_up = now + timers.b;
                let tx = *tx;
                self.send_cancel(now, tx, None);
            }
            Change::Sent { give_up, .. } if now >= *give_up => self.change_failed(now, call, Status::REQUEST_TIMEOUT),
            Change::AckDue { tx, cseq, give_up } if now >= *give_up => {
                let (tx, cseq) = (*tx, *cseq);
                record.change = Change::Idle;
                let _ = self.send_ack(call, tx, cseq, None);
            }
            Change::Received { tx, give_up, .. } if now >= *give_up => {
                let tx = *tx;
                if let Change::Received { request, .. } = std::mem::replace(&mut record.change, Change::Idle) {
                    self.respond_in(now, tx, &request, &Response::new(Status::NOT_ACCEPTABLE_HERE), "");
                }
            }
            Change::Answered { repeat } if repeat.is_due(now) => {
                repeat.advance(now, &timers);
                let (target, bytes) = (repeat.target, repeat.bytes.clone());
                self.send(target, bytes);
            }
            Change::Answered { repeat } if now >= repeat.give_up => {
                self.end(call, EndCause::NoAck, None);
                self.send_bye(now, call, None);
            }
            _ => {}
        }
    }

    /// Our change after glare; put off while the peer's is under way.
    fn waiting_timeout(&mut self, now: Duration, call: u64) {
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        let is_idle = matches!(record.change, Change::Idle);
        let Some(waiting) = record.waiting.as_mut().filter(|waiting| now >= waiting.until) else { return };
        if !is_idle {
            waiting.until = now + AGAIN;
            return;
        }
        if let Some(Waiting { offer, tries, .. }) = record.waiting.take()
            && matches!(record.state, State::Established)
            && self.send_change(now, call, offer, tries).is_err()
        {
            self.emit(Event::ReinviteRefused { call: CallHandle(call), status: Status::REQUEST_PENDING });
        }
    }
}
