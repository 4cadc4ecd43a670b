//! Requests that come in: found to be copies, bad, in a dialog or new (RFC 3261 §8.2).

use std::time::Duration;

use super::Endpoint;
use super::call::{Call, Change, State};
use super::command::Response;
use super::compose::{ResponseParts, reply_target};
use super::dialog::Dialog;
use super::event::{CallHandle, EndCause, Event, Incoming, RequestHandle};
use super::transact::{Machine, Transaction, User};
use crate::message::{HeaderName, Message, trim};
use crate::method::Method;
use crate::network::Source;
use crate::status::Status;
use crate::transaction::{InviteServer, Server};

/// How often a provisional response is repeated so that proxies keep waiting (RFC 3261 §13.3.1.1).
pub(super) const REFRESH: Duration = Duration::from_secs(60);

impl Endpoint {
    /// RFC 3261 §17.2.3: branch, sent-by and method; the RFC 2543 way where the branch promises nothing.
    fn server_key(&self, request: &Message, method: &str) -> u128 {
        match request.top_via() {
            Some(via) if via.unique_branch().is_some() => {
                self.chance.hash_wide((via.branch(), via.host, via.port, method))
            }
            _ => {
                let via = request.value(HeaderName::Via).map(|v| v.split(',').next());
                let number = request.cseq().map(|cseq| cseq.number);
                let from = request.from().and_then(|from| from.tag());
                self.chance.hash_wide((via, request.uri_text(), request.call_id(), number, from, method))
            }
        }
    }

    pub(super) fn handle_request(&mut self, now: Duration, source: Source, request: &Message) {
        let Some(method) = request.method() else { return };
        if *method == Method::ACK {
            return self.handle_ack(now, request);
        }
        let key = self.server_key(request, method.as_str());
        if let Some(&tx) = self.servers.get(&key) {
            return self.server_copy(now, tx);
        }
        if let Err(fault) = request.check() {
            return self.respond_statelessly(request, source, &fault.into());
        }
        if *method == Method::CANCEL {
            return self.handle_cancel(now, source, request, key);
        }
        let call = request.to().and_then(|to| to.tag()).map(|tag| self.dialog_of(request, tag));
        // Live calls go on when new ones are turned away.
        if call.is_none() && self.is_overloaded(method) {
            return self.turn_away(request, source);
        }
        if let Some(response) = self.refusal(request, method, call.is_some()) {
            return self.refuse_new(now, source, request, key, &response);
        }
        match call {
            // What ends a call makes room.
            Some(Some(_)) if self.is_full() && *method != Method::BYE => self.turn_away(request, source),
            Some(Some(call)) => self.handle_in_dialog(now, source, request, key, call),
            Some(None) => self.refuse_new(now, source, request, key, &Response::new(Status::DOES_NOT_EXIST)),
            None => self.handle_new(now, source, request, key),
        }
    }

    /// Refuses a request that is for none of the elements which this one stands before, and leaves no trace of it: with what RFC 3261 has for it
    /// where it is malformed, unknown or within a dialog (§8.2), else with `otherwise`. What is due no answer gets none.
    pub fn refuse_stray(&mut self, source: Source, request: &Message, otherwise: Status) {
        let Some(method) = request.method().filter(|method| **method != Method::ACK) else { return };
        let in_dialog = request.to().is_some_and(|to| to.tag().is_some());
        let response = match request.check() {
            Err(fault) => fault.into(),
            Ok(()) if in_dialog || matches!(*method, Method::CANCEL | Method::BYE | Method::INFO | Method::NOTIFY) => {
                Response::new(Status::DOES_NOT_EXIST)
            }
            Ok(()) => self.refusal(request, method, false).unwrap_or_else(|| Response::new(otherwise)),
        };
        self.respond_statelessly(request, source, &response);
    }

    fn is_overloaded(&self, method: &Method) -> bool {
        self.is_full() || *method == Method::INVITE && self.calls.len() >= self.config.max_calls
    }

    fn turn_away(&mut self, request: &Message, source: Source) {
        let wait = self.config.retry_after.to_string();
        let response = Response::new(Status::SERVICE_UNAVAILABLE).header("Retry-After", wait);
        self.respond_statelessly(request, source, &response);
    }

    /// What no user needs to decide: methods and extensions that we do not have (RFC 3261 §8.2.1 to §8.2.3).
    fn refusal(&self, request: &Message, method: &Method, in_dialog: bool) -> Option<Response> {
        if !self.config.allow.contains(method) {
            return Some(Response::new(Status::METHOD_NOT_ALLOWED));
        }
        let unknown: Vec<&str> = request
            .list(HeaderName::Require)
            .filter(|tag| !self.config.supported.iter().any(|ours| ours.eq_ignore_ascii_case(tag)))
            .collect();
        if !unknown.is_empty() {
            return Some(Response::new(Status::BAD_EXTENSION).header("Unsupported", unknown.join(", ")));
        }
        if request.body().len() > self.config.max_body {
            return Some(Response::new(Status::REQUEST_ENTITY_TOO_LARGE));
        }
        if *method != Method::INVITE {
            return None;
        }
        let encoding = request.value(HeaderName::ContentEncoding);
        // A body that need not be understood is no reason to refuse (RFC 3261 §8.2.3).
        let disposition = request.other("Content-Disposition").unwrap_or_default().to_ascii_lowercase();
        let is_optional = disposition.split(';').skip(1).any(|param| {
            let (name, value) = param.split_once('=').unwrap_or((param, ""));
            trim(name) == "handling" && trim(value) == "optional"
        });
        if !is_optional && encoding.is_some_and(|e| !e.is_empty() && !e.eq_ignore_ascii_case("identity")) {
            return Some(Response::new(Status::UNSUPPORTED_MEDIA_TYPE).header("Accept-Encoding", "identity"));
        }
        if !is_optional && !request.body().is_empty() && request.sdp().is_none() {
            return Some(Response::new(Status::UNSUPPORTED_MEDIA_TYPE).header("Accept", "application/sdp"));
        }
        let mut accepted =
            request.list(HeaderName::Accept).map(|a| trim(a.split(';').next().unwrap_or_default())).peekable();
        let takes_sdp =
            |a: &str| ["application/sdp", "application/*", "*/*"].iter().any(|ours| ours.eq_ignore_ascii_case(a));
        if accepted.peek().is_some() && !accepted.any(takes_sdp) {
            return Some(Response::new(Status::NOT_ACCEPTABLE));
        }
        // We would pass the call on, and a loop would never end (RFC 3261 §16.3).
        (!in_dialog && request.max_forwards() == Some(0)).then(|| Response::new(Status::TOO_MANY_HOPS))
    }

    pub(super) fn new_server(
        &mut self,
        now: Duration,
        source: Source,
        request: &Message,
        key: u128,
        user: User,
    ) -> u64 {
        let reliable = source.transport.is_reliable();
        let machine = if request.method() == Some(&Method::INVITE) {
            Machine::InviteServer(InviteServer::new(reliable))
        } else {
            Machine::Server(Server::new(now, &self.config.timers, reliable))
        };
        let mut transaction = Transaction::new(machine, reply_target(request, source), user, key);
        transaction.seen = Some(source.remote);
        let tx = self.transactions.insert_with(|_| transaction);
        self.servers.insert(key, tx);
        self.settle(tx);
        tx
    }

    /// Sends a final response to a request that no user ever sees; its transaction absorbs copies. With no room for a
    /// transaction each copy gets the same response (RFC 3261 §8.2.7).
    pub(super) fn refuse_new(
        &mut self,
        now: Duration,
        source: Source,
        request: &Message,
        key: u128,
        response: &Response,
    ) {
        if self.is_full() {
            return self.respond_statelessly(request, source, response);
        }
        let tx = self.new_server(now, source, request, key, User::Nobody);
        let tag = self.stateless_tag(request);
        self.respond_in(now, tx, request, response, &tag);
    }

    /// Writes and sends one response in a transaction.
    pub(super) fn respond_in(
        &mut self,
        now: Duration,
        tx: u64,
        request: &Message,
        response: &Response,
        tag: &str,
    ) -> bool {
        let parts = ResponseParts {
            phrase: response.phrase.as_deref(),
            tag: Some(tag),
            contact: None,
            headers: &response.headers,
            body: super::compose::body_parts(response.body.as_ref()),
        };
        self.respond_with(now, tx, request, response.status, &parts).is_ok_and(|sent| sent)
    }

    pub(super) fn respond_with(
        &mut self,
        now: Duration,
        tx: u64,
        request: &Message,
        status: Status,
        parts: &ResponseParts<'_>,
    ) -> Result<bool, super::CommandError> {
        let seen = self.transactions.get(tx).and_then(|t| t.seen).ok_or(super::CommandError::Gone)?;
        let bytes = self.write_response(request, seen, status, parts)?;
        Ok(self.server_respond(now, tx, status, bytes))
    }

    fn handle_new(&mut self, now: Duration, source: Source, request: &Message, key: u128) {
        match request.method() {
            Some(&Method::INVITE) => self.handle_invite(now, source, request, key),
            Some(&Method::OPTIONS) => self.answer_options(now, source, request, key),
            // These live in dialogs only.
            Some(&Method::BYE | &Method::INFO | &Method::NOTIFY) => {
                self.refuse_new(now, source, request, key, &Response::new(Status::DOES_NOT_EXIST));
            }
            method => {
                let is_register = method == Some(&Method::REGISTER);
                let user = User::Waiting { request: Box::new(request.clone()) };
                let handle = RequestHandle(self.new_server(now, source, request, key, user));
                let request = request.clone();
                self.emit(if is_register {
                    Event::Register { handle, request, source }
                } else {
                    Event::Request { handle, call: None, request, source }
                });
            }
        }
    }

    pub(super) fn answer_options(&mut self, now: Duration, source: Source, request: &Message, key: u128) {
        let response = Response::new(Status::OK)
            .header("Allow", &*self.texts.allow)
            .header("Accept", "application/sdp")
            .header("Supported", &*self.texts.supported);
        self.refuse_new(now, source, request, key, &response);
    }

    fn handle_invite(&mut self, now: Duration, source: Source, request: &Message, key: u128) {
        let number = request.cseq().map(|cseq| cseq.number);
        let merge = self.chance.hash((request.from().and_then(|f| f.tag()), request.call_id(), number));
        let twin = self.merges.get(&merge).and_then(|tx| self.transactions.get(*tx));
        if twin.is_some_and(Transaction::is_live_invite) {
            return self.refuse_new(now, source, request, key, &Response::new(Status::LOOP_DETECTED));
        }
        let replaces = match request.value(HeaderName::Replaces) {
            None => None,
            Some(_) => match self.replaced_by(request) {
                Ok(call) => Some(call),
                Err(status) => return self.refuse_new(now, source, request, key, &Response::new(status)),
            },
        };
        let tx = self.new_server(now, source, request, key, User::Nobody);
        if let Some(transaction) = self.transactions.get_mut(tx) {
            transaction.merge = Some(merge);
        }
        self.merges.insert(merge, tx);
        let secret = self.chance.draw() as u32;
        let token = self.config.token.clone();
        let give_up = now + self.config.max_unanswered;
        let call = self.calls.insert_with(|call| {
            let tag = format!("{token}.{call:x}.{secret:x}");
            let state = State::Offered { tx, request: Box::new(request.clone()), give_up, refresh: now + REFRESH };
            let dialog = Dialog::from_invite(request, source, tag);
            (
                Call { dialog, state, change: Change::Idle, waiting: None, login: None, refer: None, is_over: false },
                None,
            )
        });
        if let Some(transaction) = self.transactions.get_mut(tx) {
            transaction.user = User::Call(call);
        }
        self.settle_call(call);
        let parts = ResponseParts::default();
        // The request was checked; a 100 that cannot be written is made good by the next response.
        let _ = self.respond_with(now, tx, request, Status::TRYING, &parts);
        let offer = request.sdp();
        let incoming = Incoming { call: CallHandle(call), request: request.clone(), source, offer, replaces };
        self.emit(Event::Incoming(Box::new(incoming)));
    }

    /// The dialog that an INVITE with Replaces means, or the refusal that it earns (RFC 3891 §3).
    fn replaced_by(&self, request: &Message) -> Result<CallHandle, Status> {
        let mut lines = request.raw_values(HeaderName::Replaces);
        let (Some(_), None) = (lines.next(), lines.next()) else { return Err(Status::BAD_REQUEST) };
        let replaces = request.replaces().ok_or(Status::BAD_REQUEST)?;
        let call = self.call_named(&replaces).ok_or(Status::DOES_NOT_EXIST)?;
        let (record, _) = self.calls.get(call.0).ok_or(Status::DOES_NOT_EXIST)?;
        match (&record.state, replaces.early_only) {
            (State::Established, true) => Err(Status::BUSY_HERE),
            (_, _) if record.is_over => Err(Status::DECLINE),
            // An early dialog may be replaced only by the one who was called... by us.
            (State::Offered { .. }, _) => Err(Status::DOES_NOT_EXIST),
            _ => Ok(call),
        }
    }

    pub(super) fn call_named(&self, replaces: &crate::message::Replaces) -> Option<CallHandle> {
        let call = self.call_of_tag(&replaces.to_tag)?;
        let dialog = &self.calls.get(call)?.0.dialog;
        let is_named = *dialog.call_id == *replaces.call_id
            && *dialog.local_tag == *replaces.to_tag
            && (*dialog.remote_tag == *replaces.from_tag || replaces.from_tag == "0" && dialog.remote_tag.is_empty());
        is_named.then_some(CallHandle(call))
    }

    /// Our tags name the call: `token.key.secret`.
    fn call_of_tag(&self, tag: &str) -> Option<u64> {
        let rest = tag.strip_prefix(&*self.config.token)?.strip_prefix('.')?;
        u64::from_str_radix(rest.split('.').next()?, 16).ok()
    }

    /// The dialog of an in-dialog request (RFC 3261 §12.2.2).
    fn dialog_of(&self, request: &Message, to_tag: &str) -> Option<u64> {
        let call = self.call_of_tag(to_tag)?;
        let dialog = &self.calls.get(call)?.0.dialog;
        let from_tag = request.from().and_then(|from| from.tag()).unwrap_or_default();
        let is_ours = *dialog.local_tag == *to_tag
            && request.call_id() == Some(&dialog.call_id)
            && (*dialog.remote_tag == *from_tag || dialog.remote_tag.is_empty());
        is_ours.then_some(call)
    }

    fn handle_ack(&mut self, now: Duration, request: &Message) {
        let key = self.server_key(request, Method::INVITE.as_str());
        if let Some(&tx) = self.servers.get(&key)
            && self.server_ack(now, tx)
        {
            return;
        }
        // A bad ACK is never answered (RFC 3261 §17.1.1.3); the 2xx is repeated instead.
        if request.check().is_err() {
            return;
        }
        if let Some(call) = request.to().and_then(|to| to.tag()).and_then(|tag| self.dialog_of(request, tag)) {
            self.acknowledged(now, call, request);
        }
    }

    fn handle_cancel(&mut self, now: Duration, source: Source, request: &Message, key: u128) {
        let invite = self.server_key(request, Method::INVITE.as_str());
        let Some(&invite_tx) = self.servers.get(&invite) else {
            return self.refuse_new(now, source, request, key, &Response::new(Status::DOES_NOT_EXIST));
        };
        // With the tag that the INVITE's responses have (RFC 3261 §9.2).
        let call = self
            .transactions
            .get(invite_tx)
            .and_then(|t| if let User::Call(call) = t.user { self.calls.get(call) } else { None });
        let tag = call.map_or_else(|| self.stateless_tag(request), |(call, _)| call.dialog.local_tag.to_string());
        let tx = self.new_server(now, source, request, key, User::Nobody);
        self.respond_in(now, tx, request, &Response::new(Status::OK), &tag);
        // Once answered, CANCEL changes nothing (RFC 3261 §9.2).
        let transaction = self.transactions.get(invite_tx).filter(|t| t.is_open_invite());
        let Some(&User::Call(call)) = transaction.map(|t| &t.user) else { return };
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        let reason = request.reason();
        let terminated = Response::new(Status::REQUEST_TERMINATED);
        if let Change::Received { tx, .. } = record.change
            && tx == invite_tx
        {
            if let Change::Received { request, .. } = std::mem::replace(&mut record.change, Change::Idle) {
                self.respond_in(now, tx, &request, &terminated, "");
            }
            self.settle_call(call);
            return;
        }
        if matches!(record.state, State::Offered { tx, .. } if tx == invite_tx) {
            self.close_offered(now, call, &terminated, EndCause::Cancelled, reason);
        }
    }
}
