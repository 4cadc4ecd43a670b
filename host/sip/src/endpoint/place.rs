//! Calls that we place, and the end of calls from our side.

use std::time::Duration;

use super::call::{Call, Change, State};
use super::command::{HangUp, Invite, Response};
use super::compose::{Content, sdp_parts};
use super::dialog::Dialog;
use super::event::{CallHandle, EndCause};
use super::transact::{Machine, User};
use super::{CommandError, Endpoint};
use crate::digest::Login;
use crate::message::{HeaderName, Message, NameAddr, Reason, WriteError};
use crate::method::Method;
use crate::network::Target;
use crate::status::Status;

impl Endpoint {
    /// Places a call.
    pub fn invite(&mut self, now: Duration, invite: Invite) -> Result<CallHandle, CommandError> {
        if self.calls.len() >= self.config.max_calls || self.is_full() {
            return Err(CommandError::Full);
        }
        // A From that is no address would make every message of the dialog unreadable.
        for (header, value) in [("From", &invite.from), ("To", &invite.to)] {
            if NameAddr::parse(value).is_err() {
                return Err(WriteError { header: header.into() }.into());
            }
        }
        let Invite { uri, next_hop, from, to, headers, offer, account, max_forwards } = invite;
        let secret = self.chance.draw() as u32;
        let call_id = self.new_call_id();
        let token = self.config.token.clone();
        let give_up = now + self.config.first_response.min(self.config.max_unanswered);
        let has_offer = offer.is_some();
        let call = self.calls.insert_with(|call| {
            let tag = format!("{token}.{call:x}.{secret:x}");
            let dialog = Dialog {
                call_id: call_id.into(),
                local: format!("{from};tag={tag}").into(),
                local_tag: tag.into(),
                remote_tag: "".into(),
                remote: to.into(),
                local_cseq: 1,
                remote_cseq: None,
                remote_target: uri.into(),
                routes: Vec::new(),
                flow: next_hop,
                is_translated: false,
                we_called: true,
                hops: max_forwards,
            };
            let state = State::Calling { tx: 0, has_offer, give_up, is_heard: false };
            let login = account.map(|account| Box::new(Login::new(account)));
            (Call { dialog, state, change: Change::Idle, waiting: None, login, refer: None, is_over: false }, None)
        });
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let sent = self.start_client(now, true, next_hop, User::Call(call), |endpoint, branch| {
            let dialog = &endpoint.calls.get(call).ok_or_else(|| WriteError { header: "Call-ID".into() })?.0.dialog;
            endpoint.in_dialog(
                dialog,
                &Method::INVITE,
                1,
                &next_hop,
                branch,
                Content { headers: &headers, body: sdp_parts(offer.as_deref()) },
            )
        });
        match sent {
            Ok(tx) => {
                if let Some((record, _)) = self.calls.get_mut(call) {
                    record.state = State::Calling { tx, has_offer, give_up, is_heard: false };
                }
                self.settle_call(call);
                Ok(CallHandle(call))
            }
            Err(error) => {
                self.calls.remove(call);
                Err(error)
            }
        }
    }

    /// Whether the peer has said anything yet, if only 100. True of a call that is over.
    pub fn is_heard(&self, call: CallHandle) -> bool {
        let state = self.calls.get(call.0).map(|(record, _)| &record.state);
        !matches!(state, Some(State::Calling { is_heard: false, .. }))
    }

    pub(super) fn new_call_id(&mut self) -> String {
        let (high, low) = (self.chance.draw(), self.chance.draw());
        format!("{}.{high:016x}{low:016x}", self.config.token)
    }

    /// Acknowledges a 2xx whose body was the peer's offer.
    pub fn ack_with(&mut self, _now: Duration, call: CallHandle, answer: &str) -> Result<(), CommandError> {
        let record = self.call_mut(call.0)?;
        let (tx, cseq) = match (&record.state, &record.change) {
            (&State::AckDue { tx, cseq, .. }, _) | (State::Established, &Change::AckDue { tx, cseq, .. }) => (tx, cseq),
            _ => return Err(CommandError::WrongState),
        };
        self.send_ack(call.0, tx, cseq, Some(answer))?;
        let record = self.call_mut(call.0)?;
        record.state = State::Established;
        record.change = Change::Idle;
        self.settle_call(call.0);
        Ok(())
    }

    /// ACK to a 2xx: no transaction of its own; kept there for copies of the 2xx (RFC 3261 §13.2.2.4).
    pub(super) fn send_ack(&mut self, call: u64, tx: u64, cseq: u32, sdp: Option<&str>) -> Result<(), CommandError> {
        let branch = self.new_branch();
        let (record, _) = self.calls.get(call).ok_or(CommandError::Gone)?;
        let credentials = if record.login.is_some() { self.credentials_in(tx) } else { Vec::new() };
        let headers: Vec<(&str, &str)> = credentials.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let target = record.dialog.next_hop();
        let content = Content { headers: &headers, body: sdp_parts(sdp) };
        let bytes = self.in_dialog(&record.dialog, &Method::ACK, cseq, &target, &branch, content)?;
        if let Some(transaction) = self.transactions.get_mut(tx) {
            transaction.sent = Some(bytes.clone());
            transaction.target = target;
        }
        self.send(target, bytes);
        Ok(())
    }

    /// What the last request of a transaction proved itself with: the ACK of an INVITE carries the same, as nobody may challenge it
    /// (RFC 3261 §13.2.2.4, §22.1).
    pub(super) fn credentials_in(&self, tx: u64) -> Vec<(&'static str, String)> {
        let sent = self.transactions.get(tx).and_then(|transaction| transaction.sent.as_ref());
        let Some(sent) = sent.and_then(|sent| Message::parse(sent).ok()) else { return Vec::new() };
        let of = |name: HeaderName| {
            sent.raw_values(name).map(move |v| (name.as_str(), String::from_utf8_lossy(v).into_owned()))
        };
        [HeaderName::Authorization, HeaderName::ProxyAuthorization].into_iter().flat_map(of).collect()
    }

    /// For a message without a transaction.
    pub(super) fn new_branch(&mut self) -> String {
        let secret = self.chance.draw();
        format!("z9hG4bK{}.0.{secret:x}", self.config.token)
    }

    /// Ends a call in whatever state: CANCEL, BYE or a refusal. `Ended` follows at once; what is left to say on the wire
    /// is said without the user.
    pub fn hang_up(&mut self, now: Duration, call: CallHandle, how: HangUp) -> Result<(), CommandError> {
        let key = call.0;
        let record = self.call_mut(key)?;
        match &mut record.state {
            State::Offered { .. } => {
                let mut response = Response::new(how.status);
                if let Some(reason) = &how.reason {
                    response = response.header("Reason", reason.to_string());
                }
                self.close_offered(now, key, &response, EndCause::HungUp, None);
                return Ok(());
            }
            State::Answered { hang_up, .. } => *hang_up = Some(how.reason),
            &mut State::Calling { tx, .. } => self.cancel(now, key, tx, how.reason),
            &mut State::AckDue { tx, cseq, .. } => {
                let _ = self.send_ack(key, tx, cseq, None);
                self.end(key, EndCause::HungUp, None);
                self.send_bye(now, key, how.reason);
            }
            State::Established => {
                self.end(key, EndCause::HungUp, None);
                self.send_bye(now, key, how.reason);
            }
            // Over for the user already, so never seen here.
            State::Cancelling { .. } | State::Closing => return Err(CommandError::Gone),
        }
        self.end(key, EndCause::HungUp, None);
        self.settle_call(key);
        Ok(())
    }

    /// Gives up on our INVITE: CANCEL now or after the first provisional response.
    pub(super) fn cancel(&mut self, now: Duration, call: u64, tx: u64, reason: Option<Reason>) {
        let may_send = self.transactions.get(tx).is_some_and(
            |transaction| matches!(&transaction.machine, Machine::InviteClient(machine) if machine.is_proceeding()),
        );
        if may_send {
            self.send_cancel(now, tx, reason.as_ref());
        }
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        // 64·T1 after the CANCEL the INVITE counts as cancelled (RFC 3261 §9.1).
        let give_up = now + self.config.timers.f + self.config.timers.b;
        record.state = State::Cancelling { tx, is_sent: may_send, reason, give_up };
        self.settle_call(call);
    }

    pub(super) fn send_cancel(&mut self, now: Duration, invite_tx: u64, reason: Option<&Reason>) {
        let Some(transaction) = self.transactions.get(invite_tx) else { return };
        let target = transaction.target;
        let Some(invite) = transaction.sent.as_ref().and_then(|sent| Message::parse(sent).ok()) else { return };
        let reason = reason.map(Reason::to_string);
        let bytes = self.beside_invite(&invite, &Method::CANCEL, None, reason);
        // CANCEL carries the INVITE's branch, so its responses arrive there and are told apart by CSeq: no copies are
        // needed on our side beyond those of this transaction.
        let key = transaction_secret(&invite);
        let Ok(bytes) = bytes else { return };
        let timers = &self.config.timers;
        let machine = crate::transaction::Client::new(now, timers, target.transport.is_reliable());
        let tx = self
            .transactions
            .insert_with(|_| super::transact::Transaction::new(Machine::Client(machine), target, User::Nobody, key));
        if let Some(transaction) = self.transactions.get_mut(tx) {
            transaction.sent = Some(bytes.clone());
        }
        if let Some(invite) = self.transactions.get_mut(invite_tx) {
            invite.cancel = Some(tx);
        }
        self.send(target, bytes);
        self.settle(tx);
    }

    /// BYE in an established dialog; the call stays until it is answered. Its last event goes first: where the peer's Contact is nothing that
    /// can be written, there is no BYE and no call any more.
    pub(super) fn send_bye(&mut self, now: Duration, call: u64, reason: Option<Reason>) {
        let Some((record, _)) = self.calls.get_mut(call) else { return };
        let change = std::mem::replace(&mut record.change, Change::Idle);
        record.waiting = None;
        record.state = State::Closing;
        self.settle_call(call);
        if let Change::Received { tx, request, .. } = change {
            self.respond_in(now, tx, &request, &Response::new(Status::REQUEST_TERMINATED), "");
        }
        let reason = reason.map(|reason| reason.to_string());
        let headers: Vec<(&str, &str)> = reason.iter().map(|reason| ("Reason", reason.as_str())).collect();
        if self.send_in_dialog(now, call, &Method::BYE, User::Bye(call), &headers, None).is_err() {
            self.calls.remove(call);
        }
    }

    /// The next request of a dialog, in a transaction of its own.
    pub(super) fn send_in_dialog(
        &mut self,
        now: Duration,
        call: u64,
        method: &Method,
        user: User,
        headers: &[(&str, &str)],
        body: Option<(&str, &[u8])>,
    ) -> Result<u64, CommandError> {
        // What ends a call is sent in any case.
        if self.is_full() && *method != Method::BYE {
            return Err(CommandError::Full);
        }
        let cnonce = self.chance.draw();
        let (record, _) = self.calls.get_mut(call).ok_or(CommandError::Gone)?;
        let Call { dialog, login, .. } = record;
        dialog.local_cseq += 1;
        let (cseq, target): (u32, Target) = (dialog.local_cseq, dialog.next_hop());
        let credentials = match login {
            Some(login) => login.credentials(method.as_str(), dialog.route().0, &format!("{cnonce:x}")),
            None => Vec::new(),
        };
        let mut headers = headers.to_vec();
        headers.extend(credentials.iter().map(|(name, value)| (*name, value.as_str())));
        let headers = &*headers;
        self.start_client(now, *method == Method::INVITE, target, user, |endpoint, branch| {
            let dialog = &endpoint.calls.get(call).ok_or_else(|| WriteError { header: "Call-ID".into() })?.0.dialog;
            endpoint.in_dialog(dialog, method, cseq, &target, branch, Content { headers, body })
        })
    }
}

/// The unguessable part of our branch.
fn transaction_secret(request: &Message) -> u128 {
    let via = request.top_via();
    let secret = via.and_then(|via| via.branch()).and_then(|branch| branch.rsplit('.').next());
    secret.and_then(|secret| u64::from_str_radix(secret, 16).ok()).map_or(0, u128::from)
}
