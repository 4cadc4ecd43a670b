//! Responses to our requests, and the silence instead of them.

use std::time::Duration;

use super::Endpoint;
use super::call::State;
use super::compose::Content;
use super::event::{CallHandle, EndCause, Event, RequestHandle};
use super::transact::User;
use crate::digest::{self, Account};
use crate::message::{HeaderName, Message};
use crate::method::Method;
use crate::network::Source;
use crate::status::Status;
use crate::transaction::Effect;

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
                User::Request { handle, account } => User::Request { handle: *handle, account: account.clone() },
                _ => User::Nobody,
            };
        }
        match user {
            User::Call(call) => self.invite_response(now, source, call, tx, response, status),
            User::Bye(call) if status.is_final() => {
                let account = self.account_of(call);
                if self.try_again(now, tx, response, status, account, User::Bye(call)).is_none() {
                    self.calls.remove(call);
                }
            }
            User::InCall { call, method } if status.is_final() => {
                let account = self.account_of(call);
                let again = User::InCall { call, method: method.clone() };
                if self.try_again(now, tx, response, status, account, again).is_none() {
                    self.in_call_response(now, call, &method, status);
                }
            }
            User::Request { handle, account } if status.is_final() => {
                let again = User::Request { handle, account: None };
                if self.try_again(now, tx, response, status, account, again).is_none() {
                    let handle = RequestHandle(handle);
                    self.emit(Event::Response { handle, status, response: Some(response.clone()) });
                }
            }
            _ => {}
        }
    }

    /// The account answers one challenge; it is put back by nobody, so that a wrong password cannot loop.
    pub(super) fn account_of(&mut self, call: u64) -> Option<Box<Account>> {
        self.calls.get(call).and_then(|(record, _)| record.account.clone())
    }

    /// Sends the request of `tx` again with credentials (RFC 3261 §22.2): the new transaction, or `None` where the
    /// response is no challenge that we can answer or we answered it already.
    pub(super) fn try_again(
        &mut self,
        now: Duration,
        tx: u64,
        response: &Message,
        status: Status,
        account: Option<Box<Account>>,
        user: User,
    ) -> Option<u64> {
        if !matches!(status, Status::UNAUTHORIZED | Status::PROXY_AUTHENTICATION_REQUIRED) {
            return None;
        }
        let account = account?;
        let transaction = self.transactions.get(tx)?;
        let target = transaction.target;
        let sent = Message::parse(transaction.before_ack.as_ref().or(transaction.sent.as_ref())?).ok()?;
        let answers =
            if status == Status::UNAUTHORIZED { HeaderName::Authorization } else { HeaderName::ProxyAuthorization };
        if sent.value(answers).is_some() {
            return None;
        }
        let method = sent.method()?.clone();
        let cnonce = format!("{:x}", self.chance.draw());
        let (name, credentials) = digest::answer(response, &account, method.as_str(), sent.uri_text(), &cnonce)?;
        let number = sent.cseq()?.number + 1;
        if let User::Call(call) | User::Bye(call) | User::InCall { call, .. } = &user
            && let Some((record, _)) = self.calls.get_mut(*call)
        {
            record.dialog.local_cseq = record.dialog.local_cseq.max(number);
        }
        let is_invite = method == Method::INVITE;
        self.start_client(now, is_invite, target, user, |endpoint, branch| {
            let mut writer = endpoint.begin_request(&method, sent.uri_text(), &target, branch);
            for (header, value) in sent.headers() {
                let kind = HeaderName::from_bytes(header);
                let is_new = matches!(
                    kind,
                    HeaderName::Via
                        | HeaderName::MaxForwards
                        | HeaderName::CSeq
                        | HeaderName::ContentLength
                        | HeaderName::ContentType
                );
                if !is_new && kind != answers {
                    writer.header(&String::from_utf8_lossy(header), &String::from_utf8_lossy(value));
                }
            }
            writer.format("CSeq", format_args!("{number} {method}"));
            writer.header(name, &credentials);
            writer.finish(sent.value(HeaderName::ContentType).map(|kind| (kind, sent.body())))
        })
        .ok()
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
            (State::Calling { .. }, 100) => {}
            (State::Calling { tx: ours, .. }, 101..200) if *ours == tx => {
                if !tag.is_empty() {
                    record.dialog.learn(response);
                }
                self.emit(Event::Progress { call: handle, status, body: response.sdp() });
            }
            (&mut State::Calling { tx: ours, has_offer, .. }, 200..300) if ours == tx => {
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
                    self.send_bye(now, call, None);
                    self.end(call, EndCause::Protocol, None);
                }
            }
            (State::Calling { tx: ours, .. }, 300..) if *ours == tx => {
                let account = record.account.clone();
                if let Some(new) = self.try_again(now, tx, response, status, account, User::Call(call)) {
                    if let Some((record, _)) = self.calls.get_mut(call)
                        && let State::Calling { tx, .. } = &mut record.state
                    {
                        *tx = new;
                    }
                    return;
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
            we_called: true,
        };
        dialog.learn(response);
        let target = dialog.next_hop();
        let branch = self.new_branch();
        let Ok(ack) = self.in_dialog(&dialog, &Method::ACK, cseq.number, &target, &branch, Content::default()) else {
            return;
        };
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
