//! Responses to our requests, and the silence instead of them.

use std::time::Duration;

use super::Endpoint;
use super::call::State;
use super::compose::Content;
use super::event::{CallHandle, EndCause, Event, RequestHandle};
use super::transact::User;
use crate::message::{HeaderName, MAX_FORWARDS, Message};
use crate::method::Method;
use crate::network::Source;
use crate::status::Status;
use crate::transaction::Effect;

/// How often a request is sent with credentials: once for a proxy and once for the one behind it, and one nonce too old.
pub(super) const MAX_TRIES: u8 = 3;
/// Forks of one INVITE that are taken down; a peer who answers more often is no proxy.
const MAX_FORKS: usize = 8;

impl Endpoint {
    /// A response that is bad, not ours or too late is dropped (RFC 3261 §18.1.2, §8.1.3.3).
    pub(super) fn handle_response(&mut self, now: Duration, source: Source, response: &Message, status: Status) {
        let mut vias = response.list(HeaderName::Via);
        let (Some(_), None) = (vias.next(), vias.next()) else { return };
        let (Some(via), Some(cseq)) = (response.top_via(), response.cseq()) else { return };
        let Some(tx) = self.client_of(&via, &cseq) else { return };
        if response.check().is_err() {
            return;
        }
        let effect = self.client_response(now, tx, status);
        match effect {
            Some(Effect::Pass) => self.pass(now, source, tx, response, status),
            Some(Effect::PassAndAck) => {
                self.acknowledge_hop(tx, response);
                self.pass(now, source, tx, response, status);
            }
            Some(Effect::Ack) => self.send_last(tx),
            _ => {}
        }
        self.settle(tx);
    }

    fn acknowledge_hop(&mut self, tx: u64, response: &Message) {
        let Some(transaction) = self.transactions.get_mut(tx) else { return };
        let Some(sent) = transaction.sent.take() else { return };
        // The INVITE is needed once more where a challenge is answered.
        transaction.before_ack = Some(sent.clone());
        let target = transaction.target;
        let Ok(invite) = Message::parse(&sent) else { return };
        if let Ok(ack) = self.beside_invite(&invite, &Method::ACK, Some(response), None) {
            if let Some(transaction) = self.transactions.get_mut(tx) {
                transaction.sent = Some(ack.clone());
            }
            self.send(target, ack);
        }
    }

    fn pass(&mut self, now: Duration, source: Source, tx: u64, response: &Message, status: Status) {
        let Some(transaction) = self.transactions.get_mut(tx) else { return };
        let user = std::mem::replace(&mut transaction.user, User::Nobody);
        if status.is_provisional() || matches!(user, User::Call(_)) && status.is_success() {
            // More responses are to come.
            transaction.user = match &user {
                User::Call(call) => User::Call(*call),
                User::Bye(call) => User::Bye(*call),
                User::InCall { call, method } => User::InCall { call: *call, method: method.clone() },
                User::Request { handle, login } => User::Request { handle: *handle, login: login.clone() },
                _ => User::Nobody,
            };
        }
        match user {
            User::Call(call) => self.invite_response(now, source, call, tx, response, status),
            User::Bye(call) if status.is_final() => {
                let again = self.try_again(now, tx, response, status, User::Bye(call));
                if again.is_none() {
                    self.calls.remove(call);
                }
            }
            User::InCall { call, method } if status.is_final() => {
                let again = User::InCall { call, method: method.clone() };
                if self.try_again(now, tx, response, status, again).is_none() {
                    self.in_call_response(now, call, &method, status);
                }
            }
            User::Request { handle, login } if status.is_final() => {
                let again = self.try_again(now, tx, response, status, User::Request { handle, login });
                if again.is_none() {
                    let handle = RequestHandle(handle);
                    self.emit(Event::Response { handle, status, response: Some(response.clone()) });
                }
            }
            _ => {}
        }
    }

    /// Sends the request of `tx` again with credentials (RFC 3261 §22.2): the new transaction, or `None` where the
    /// response is no challenge that we can answer, or refuses our answer.
    pub(super) fn try_again(
        &mut self,
        now: Duration,
        tx: u64,
        response: &Message,
        status: Status,
        mut user: User,
    ) -> Option<u64> {
        if !matches!(status, Status::UNAUTHORIZED | Status::PROXY_AUTHENTICATION_REQUIRED) {
            return None;
        }
        let transaction = self.transactions.get(tx).filter(|transaction| transaction.tries < MAX_TRIES)?;
        let (target, tries) = (transaction.target, transaction.tries + 1);
        let sent = Message::parse(transaction.before_ack.as_ref().or(transaction.sent.as_ref())?).ok()?;
        let (method, number) = (sent.method()?.clone(), sent.cseq()?.number + 1);
        let cnonce = format!("{:x}", self.chance.draw());
        let login = match &mut user {
            User::Call(call) | User::Bye(call) | User::InCall { call, .. } => {
                let (record, _) = self.calls.get_mut(*call)?;
                record.dialog.local_cseq = record.dialog.local_cseq.max(number);
                &mut record.login
            }
            User::Request { login, .. } => login,
            User::Nobody | User::Waiting { .. } => return None,
        };
        let login = login.as_mut()?;
        if !login.learn(response, &sent) {
            return None;
        }
        let credentials = login.credentials(method.as_str(), sent.uri_text(), &cnonce);
        let is_invite = method == Method::INVITE;
        let new = self.start_client(now, is_invite, target, user, |endpoint, branch| {
            let mut writer = endpoint.begin_request(&method, sent.uri_text(), &target, branch, sent.hops());
            for (header, value) in sent.headers() {
                let is_new = matches!(
                    HeaderName::from_bytes(header),
                    HeaderName::Via
                        | HeaderName::MaxForwards
                        | HeaderName::CSeq
                        | HeaderName::ContentLength
                        | HeaderName::ContentType
                        | HeaderName::Authorization
                        | HeaderName::ProxyAuthorization
                );
                if !is_new {
                    writer.header(&String::from_utf8_lossy(header), &String::from_utf8_lossy(value));
                }
            }
            writer.format("CSeq", format_args!("{number} {method}"));
            for (name, value) in &credentials {
                writer.header(name, value);
            }
            writer.finish(sent.value(HeaderName::ContentType).map(|kind| (kind, sent.body())))
        });
        let new = new.ok()?;
        if let Some(transaction) = self.transactions.get_mut(new) {
            transaction.tries = tries;
        }
        Some(new)
    }

    fn invite_response(
        &mut self,
        now: Duration,
        source: Source,
        call: u64,
        tx: u64,
        response: &Message,
        status: Status,
    ) {
        let handle = CallHandle(call);
        let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
        let Some((record, _)) = self.calls.get_mut(call) else {
            // The call is over, a late 2xx must still be taken down.
            return self.take_down_fork(now, source, tx, response, status);
        };
        match (&mut record.state, status.code()) {
            (State::Calling { tx: ours, give_up, is_heard, .. }, 100..200) if *ours == tx => {
                if !std::mem::replace(is_heard, true) {
                    *give_up = now + self.config.max_unanswered;
                    self.settle_call(call);
                }
                if status == Status::TRYING {
                    return;
                }
                let Some((record, _)) = self.calls.get_mut(call) else { return };
                record.dialog.flow.connection = source.connection;
                if !tag.is_empty() {
                    record.dialog.learn(response);
                }
                self.emit(Event::Progress { call: handle, status, body: response.sdp() });
            }
            (&mut State::Calling { tx: ours, has_offer, .. }, 200..300) if ours == tx => {
                record.dialog.flow.connection = source.connection;
                record.dialog.learn(response);
                let cseq = record.dialog.local_cseq;
                let body = response.sdp();
                if has_offer {
                    record.state = State::Established;
                    // The text of an ACK is made of what the peer wrote and was checked.
                    let _ = self.send_ack(call, tx, cseq, None);
                    self.emit(Event::Answered { call: handle, body });
                } else if body.is_some() {
                    record.state = State::AckDue { tx, cseq, give_up: now + self.config.timers.h };
                    self.emit(Event::Answered { call: handle, body });
                } else {
                    let _ = self.send_ack(call, tx, cseq, None);
                    self.end(call, EndCause::Protocol, None);
                    self.send_bye(now, call, None);
                }
            }
            (State::Calling { tx: ours, .. }, 300..) if *ours == tx => {
                if let Some(new) = self.try_again(now, tx, response, status, User::Call(call)) {
                    if let Some((record, _)) = self.calls.get_mut(call)
                        && let State::Calling { tx, give_up, is_heard, .. } = &mut record.state
                    {
                        (*tx, *is_heard) = (new, true);
                        *give_up = now + self.config.max_unanswered;
                    }
                    return self.settle_call(call);
                }
                if let Some((mut record, _)) = self.calls.remove(call)
                    && !std::mem::replace(&mut record.is_over, true)
                {
                    self.emit(Event::Refused {
                        call: handle,
                        status,
                        reason: response.phrase().into(),
                        retry_after: response.retry_after(),
                        response: response.clone(),
                    });
                }
            }
            (State::Cancelling { is_sent: is_sent @ false, reason, .. }, 100..200) => {
                *is_sent = true;
                let reason = reason.take();
                self.send_cancel(now, tx, reason.as_ref());
            }
            (State::Cancelling { .. }, 100..200) => {}
            // The answer and our CANCEL crossed.
            (State::Cancelling { .. }, 200..300) => {
                record.dialog.learn(response);
                let cseq = record.dialog.local_cseq;
                let _ = self.send_ack(call, tx, cseq, None);
                self.send_bye(now, call, None);
            }
            (State::Cancelling { .. }, _) => {
                self.calls.remove(call);
            }
            _ if record.change.is_of(tx) => self.change_response(now, call, tx, response, status),
            (_, 200..300) if *record.dialog.remote_tag == *tag => {
                // A copy of the 2xx: the ACK got lost. None is there while the user still thinks about the answer.
                let is_ack =
                    self.transactions.get(tx).and_then(|t| t.sent.as_ref()).is_some_and(|s| s.starts_with(b"ACK"));
                if is_ack {
                    self.send_last(tx);
                }
            }
            (_, 200..300) => self.take_down_fork(now, source, tx, response, status),
            _ => {}
        }
        self.settle_call(call);
    }

    /// A second 2xx from another fork, or one after the end: acknowledged, then hung up (RFC 3261 §13.2.2.4).
    fn take_down_fork(&mut self, now: Duration, source: Source, tx: u64, response: &Message, status: Status) {
        if !status.is_success() {
            return;
        }
        let (Some(from), Some(cseq), Some(call_id)) =
            (response.value(HeaderName::From), response.cseq(), response.call_id())
        else {
            return;
        };
        let known = self.transactions.get(tx).map_or(0, |transaction| transaction.forks.len());
        if known >= MAX_FORKS {
            return;
        }
        let mut dialog = super::dialog::Dialog {
            call_id: call_id.into(),
            local_tag: "".into(),
            remote_tag: "".into(),
            local: from.into(),
            remote: "".into(),
            local_cseq: cseq.number,
            remote_cseq: None,
            remote_target: "".into(),
            routes: Vec::new(),
            flow: source.into(),
            is_translated: false,
            we_called: true,
            hops: MAX_FORWARDS,
        };
        dialog.learn(response);
        let target = dialog.next_hop();
        let branch = self.new_branch();
        let credentials = self.credentials_in(tx);
        let headers: Vec<(&str, &str)> = credentials.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let content = Content { headers: &headers, body: None };
        let Ok(ack) = self.in_dialog(&dialog, &Method::ACK, cseq.number, &target, &branch, content) else { return };
        self.send(target, ack);
        let is_copy = self.transactions.get_mut(tx).is_none_or(|t| !t.forks.insert(dialog.remote_tag.clone()));
        if !is_copy {
            let next = cseq.number + 1;
            // A BYE that nobody answers is repeated and forgotten like any other.
            let _ = self.start_client(now, false, target, User::Nobody, |endpoint, branch| {
                endpoint.in_dialog(&dialog, &Method::BYE, next, &target, branch, Content::default())
            });
        }
    }

    /// Nobody answered (408), or nothing could be sent (503).
    pub(super) fn transaction_failed(&mut self, now: Duration, tx: u64, status: Status) {
        let Some(transaction) = self.transactions.get_mut(tx) else { return };
        match std::mem::replace(&mut transaction.user, User::Nobody) {
            User::Nobody => {}
            // An INVITE of theirs whose refusal was never acknowledged: the call is over already.
            User::Call(_) if !transaction.is_client() => {}
            User::Call(call) => {
                if self.calls.get(call).is_some_and(|(record, _)| record.change.is_of(tx)) {
                    return self.change_failed(now, call, status);
                }
                let cause = if status == Status::REQUEST_TIMEOUT { EndCause::NoAnswer } else { EndCause::Transport };
                let state = self.calls.get(call).map(|(record, _)| &record.state);
                if matches!(state, Some(State::Calling { .. } | State::Cancelling { .. })) {
                    self.end(call, cause, None);
                    self.calls.remove(call);
                }
            }
            User::Bye(call) => {
                self.calls.remove(call);
            }
            User::InCall { call, method } => self.in_call_response(now, call, &method, status),
            User::Request { handle, .. } => {
                self.emit(Event::Response { handle: RequestHandle(handle), status, response: None });
            }
            // The user never decided; the peer has given up as well by now.
            User::Waiting { .. } => {}
        }
    }
}
