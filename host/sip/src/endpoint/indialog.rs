//! Requests within a dialog (RFC 3261 §12.2.2, §15.1.2).

use std::time::Duration;

use super::call::{Change, State};
use super::command::Response;
use super::event::{Body, CallHandle, EndCause, Event, RequestHandle};
use super::transact::User;
use super::{CommandError, Endpoint};
use crate::message::{HeaderName, Message};
use crate::method::Method;
use crate::network::Source;
use crate::status::Status;

impl Endpoint {
    pub(super) fn handle_in_dialog(&mut self, now: Duration, source: Source, request: &Message, key: u128, call: u64) {
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        if record.dialog.remote_cseq.is_some_and(|last| number < last) {
            let late = Response { phrase: Some("CSeq Too Low".into()), ..Response::new(Status::SERVER_ERROR) };
            return self.refuse_new(now, source, request, key, &late);
        }
        record.dialog.remote_cseq = Some(number);
        if record.dialog.remote_tag.is_empty()
            && let Some(tag) = request.from().and_then(|from| from.tag())
        {
            record.dialog.remote_tag = tag.into();
        }
        // The stream is gone, and here is the peer on another one.
        if record.dialog.flow.connection.is_none() && source.connection.is_some() {
            record.dialog.flow = source.into();
        }
        let is_over = record.is_over;
        match request.method() {
            Some(&Method::INVITE) => self.handle_change(now, source, request, key, call),
            Some(&Method::BYE) => self.handle_bye(now, source, request, key, call),
            Some(&Method::OPTIONS) => self.answer_options(now, source, request, key),
            _ if is_over => self.refuse_new(now, source, request, key, &Response::new(Status::DOES_NOT_EXIST)),
            Some(&Method::INFO) => {
                self.refuse_new(now, source, request, key, &Response::new(Status::OK));
                let content_type = request.content_type().unwrap_or_default().into();
                self.emit(Event::Info { call: CallHandle(call), content_type, body: request.body().into() });
            }
            Some(&Method::REFER) => self.handle_refer(now, source, request, key, call),
            Some(&Method::NOTIFY) => self.handle_notify(now, source, request, key, call),
            _ => {
                let user = User::Waiting { request: Box::new(request.clone()) };
                let handle = RequestHandle(self.new_server(now, source, request, key, user));
                let call = Some(CallHandle(call));
                self.emit(Event::Request { handle, call, request: request.clone(), source });
            }
        }
    }

    fn handle_bye(&mut self, now: Duration, source: Source, request: &Message, key: u128, call: u64) {
        self.refuse_new(now, source, request, key, &Response::new(Status::OK));
        self.end(call, EndCause::Bye, request.reason());
        let Some((record, _)) = self.calls.remove(call) else { return };
        let terminated = Response::new(Status::REQUEST_TERMINATED);
        // Whatever still waits for a final response gets 487 (RFC 3261 §15.1.2).
        if let State::Offered { tx, request, .. } = &record.state {
            self.respond_in(now, *tx, request, &terminated, &record.dialog.local_tag);
        }
        if let Change::Received { tx, request, .. } = record.change {
            self.respond_in(now, tx, &request, &terminated, "");
        }
        if let State::Calling { tx, .. } = record.state {
            self.send_cancel(now, tx, None);
        }
    }

    /// A final response, or silence, to our INFO, REFER or NOTIFY.
    pub(super) fn in_call_response(&mut self, now: Duration, call: u64, method: &Method, status: Status) {
        let Some((record, _)) = self.calls.get(call) else { return };
        if record.is_over {
            return;
        }
        if *method == Method::REFER {
            self.emit(Event::ReferAnswered { call: CallHandle(call), status });
        }
        // A NOTIFY must not cost a call; for the others 481 says that the peer knows no such dialog (RFC 5057 §5.1).
        if *method == Method::INFO && status == Status::DOES_NOT_EXIST {
            self.end(call, EndCause::PeerGone, None);
            self.send_bye(now, call, None);
        }
    }

    /// Sends INFO in the dialog; a failure is not told.
    pub fn info(&mut self, now: Duration, call: CallHandle, body: &Body) -> Result<(), CommandError> {
        if !self.call_mut(call.0)?.is_established() {
            return Err(CommandError::WrongState);
        }
        let user = User::InCall { call: call.0, method: Method::INFO };
        let parts = Some((&*body.content_type, &*body.bytes));
        self.send_in_dialog(now, call.0, &Method::INFO, user, &[], parts).map(|_| ())
    }

    /// NOTIFY of the subscription that a REFER makes (RFC 3515 §2.4.4).
    fn handle_notify(&mut self, now: Duration, source: Source, request: &Message, key: u128, call: u64) {
        let event = request.value(HeaderName::Event).unwrap_or_default();
        if !event.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("refer") {
            return self.refuse_new(now, source, request, key, &Response::new(Status::BAD_EVENT));
        }
        self.refuse_new(now, source, request, key, &Response::new(Status::OK));
        let state = request.value(HeaderName::SubscriptionState).unwrap_or_default();
        let terminated = state.get(..10).is_some_and(|word| word.eq_ignore_ascii_case("terminated"));
        let body = String::from_utf8_lossy(request.body());
        let code = body.split_whitespace().nth(1).and_then(|code| code.parse().ok());
        if let Some(status) = code.and_then(Status::from_code) {
            self.emit(Event::NotifySipfrag { call: CallHandle(call), status, terminated });
        }
    }
}
