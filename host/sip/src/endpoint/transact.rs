//! The endpoint's transactions: what was sent, who waits, and the queue of timers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::event::{Event, Output};
use super::{Endpoint, Timer};
use crate::digest::Login;
use crate::message::{CSeq, Message, Via};
use crate::method::Method;
use crate::network::Target;
use crate::status::Status;
use crate::transaction::{Client, Effect, InviteClient, InviteServer, Server};
use crate::transaction::{client, invite_client, invite_server, server};

#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) machine: Machine,
    pub(super) target: Target,
    /// What is sent again: the last request, response or ACK.
    pub(super) sent: Option<Arc<[u8]>>,
    pub(super) user: User,
    /// Server: the address that the request came from, for `received` and `rport`.
    pub(super) seen: Option<std::net::SocketAddr>,
    /// Its entry in the queue of timers.
    deadline: Option<Duration>,
    /// Server: its place in the table of keys. Client: the unguessable part of the branch.
    pub(super) key: u128,
    /// Server: its place in the table against merged requests.
    pub(super) merge: Option<u64>,
    /// INVITE client: our CANCEL, whose responses carry the INVITE's branch.
    pub(super) cancel: Option<u64>,
    /// INVITE client: the INVITE itself, once `sent` is its ACK.
    pub(super) before_ack: Option<Arc<[u8]>>,
    /// INVITE client: tags of other forks that were hung up.
    pub(super) forks: BTreeSet<Box<str>>,
    /// Client: how often its request was sent before, with other credentials or none.
    pub(super) tries: u8,
}

#[derive(Debug)]
pub(super) enum Machine {
    InviteServer(InviteServer),
    Server(Server),
    InviteClient(InviteClient),
    Client(Client),
}

/// Whose transaction it is.
#[derive(Debug)]
pub(super) enum User {
    /// Nobody's any more: it only absorbs copies.
    Nobody,
    /// An INVITE or re-INVITE of this call, either way.
    Call(u64),
    /// Our BYE.
    Bye(u64),
    /// Our request within a call.
    InCall { call: u64, method: Method },
    /// Our request outside any dialog.
    Request { handle: u64, login: Option<Box<Login>> },
    /// Theirs, waiting for [`Endpoint::respond`].
    Waiting { request: Box<Message> },
}

impl Transaction {
    pub(super) fn new(machine: Machine, target: Target, user: User, key: u128) -> Self {
        Self {
            machine,
            target,
            sent: None,
            user,
            seen: None,
            deadline: None,
            key,
            merge: None,
            cancel: None,
            before_ack: None,
            forks: BTreeSet::new(),
            tries: 0,
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        match &self.machine {
            Machine::InviteServer(machine) => machine.poll_timeout(),
            Machine::Server(machine) => machine.poll_timeout(),
            Machine::InviteClient(machine) => machine.poll_timeout(),
            Machine::Client(machine) => machine.poll_timeout(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::InviteServer(machine) => machine.is_terminated(),
            Machine::Server(machine) => machine.is_terminated(),
            Machine::InviteClient(machine) => machine.is_terminated(),
            Machine::Client(machine) => machine.is_terminated(),
        }
    }

    /// A request of ours without a final response.
    pub(super) fn is_waiting(&self) -> bool {
        match &self.machine {
            Machine::InviteClient(machine) => machine.is_waiting(),
            Machine::Client(machine) => machine.is_waiting(),
            Machine::InviteServer(_) | Machine::Server(_) => false,
        }
    }

    pub(super) fn is_client(&self) -> bool {
        matches!(self.machine, Machine::InviteClient(_) | Machine::Client(_))
    }

    /// An INVITE without a final response.
    pub(super) fn is_open_invite(&self) -> bool {
        matches!(&self.machine, Machine::InviteServer(machine) if machine.is_proceeding())
    }

    /// An INVITE that another copy of itself, come by another way, is merged with (RFC 3261 §8.2.2.2). Not one that was refused:
    /// a proxy may try the same element again for another of its targets.
    pub(super) fn is_live_invite(&self) -> bool {
        matches!(&self.machine, Machine::InviteServer(machine) if machine.is_proceeding() || machine.is_accepted())
    }
}

impl Endpoint {
    pub(super) fn send(&mut self, target: Target, bytes: Arc<[u8]>) {
        self.outputs.push_back(Output::Send { target, bytes });
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(super) fn send_last(&mut self, tx: u64) {
        if let Some(transaction) = self.transactions.get(tx)
            && let Some(bytes) = transaction.sent.clone()
        {
            let target = transaction.target;
            self.send(target, bytes);
        }
    }

    /// Puts the transaction's next deadline into the queue, or removes the transaction where it is over.
    pub(super) fn settle(&mut self, tx: u64) {
        let Some(transaction) = self.transactions.get_mut(tx) else { return };
        if transaction.is_terminated() {
            if let Some(gone) = self.transactions.remove(tx)
                && !gone.is_client()
            {
                self.servers.remove(&gone.key);
                if let Some(merge) = gone.merge
                    && self.merges.get(&merge) == Some(&tx)
                {
                    self.merges.remove(&merge);
                }
            }
            return;
        }
        let deadline = transaction.poll_timeout();
        if deadline != transaction.deadline {
            transaction.deadline = deadline;
            if let Some(at) = deadline {
                self.wake_at(at, Timer::Transaction(tx));
            }
        }
    }

    /// Starts a client transaction and sends its request. The closure writes the request for a given branch.
    pub(super) fn start_client(
        &mut self,
        now: Duration,
        is_invite: bool,
        target: Target,
        user: User,
        write: impl FnOnce(&Self, &str) -> Result<Arc<[u8]>, crate::message::WriteError>,
    ) -> Result<u64, super::CommandError> {
        let secret = self.chance.draw();
        let reliable = target.transport.is_reliable();
        let timers = &self.config.timers;
        let machine = if is_invite {
            Machine::InviteClient(InviteClient::new(now, timers, reliable))
        } else {
            Machine::Client(Client::new(now, timers, reliable))
        };
        let tx = self.transactions.insert_with(|_| Transaction::new(machine, target, user, u128::from(secret)));
        let branch = format!("z9hG4bK{}.{tx:x}.{secret:x}", self.config.token);
        match write(self, &branch) {
            Ok(bytes) => {
                if let Some(transaction) = self.transactions.get_mut(tx) {
                    transaction.sent = Some(bytes.clone());
                }
                self.send(target, bytes);
                self.settle(tx);
                Ok(tx)
            }
            Err(error) => {
                self.transactions.remove(tx);
                Err(error.into())
            }
        }
    }

    /// The client transaction that a response belongs to (RFC 3261 §17.1.3).
    pub(super) fn client_of(&self, via: &Via<'_>, cseq: &CSeq) -> Option<u64> {
        let rest = via.branch()?.strip_prefix("z9hG4bK")?.strip_prefix(&*self.config.token)?.strip_prefix('.')?;
        let (tx, secret) = rest.split_once('.')?;
        let tx = u64::from_str_radix(tx, 16).ok()?;
        let secret = u64::from_str_radix(secret, 16).ok()?;
        let transaction = self.transactions.get(tx).filter(|t| t.key == u128::from(secret))?;
        if cseq.method == Method::CANCEL {
            return transaction.cancel;
        }
        let is_ours = match transaction.machine {
            Machine::InviteClient(_) => cseq.method == Method::INVITE,
            Machine::Client(_) => cseq.method != Method::INVITE,
            _ => false,
        };
        is_ours.then_some(tx)
    }

    pub(super) fn client_response(&mut self, now: Duration, tx: u64, status: Status) -> Option<Effect> {
        let timers = &self.config.timers;
        match &mut self.transactions.get_mut(tx)?.machine {
            Machine::InviteClient(machine) => machine.handle_input(now, timers, invite_client::Input::Response(status)),
            Machine::Client(machine) => machine.handle_input(now, timers, client::Input::Response(status)),
            _ => None,
        }
    }

    /// Sends a response through a server transaction; false where that is gone or over.
    pub(super) fn server_respond(&mut self, now: Duration, tx: u64, status: Status, bytes: Arc<[u8]>) -> bool {
        let timers = &self.config.timers;
        let Some(transaction) = self.transactions.get_mut(tx) else { return false };
        let effect = match &mut transaction.machine {
            Machine::InviteServer(machine) => machine.handle_input(now, timers, invite_server::Input::Respond(status)),
            Machine::Server(machine) => machine.handle_input(now, timers, server::Input::Respond(status)),
            _ => None,
        };
        if effect == Some(Effect::Send) {
            transaction.sent = Some(bytes);
            if status.is_final() && matches!(transaction.user, User::Waiting { .. }) {
                transaction.user = User::Nobody;
            }
            self.send_last(tx);
        }
        self.settle(tx);
        effect.is_some()
    }

    /// A copy of the request that made this server transaction.
    pub(super) fn server_copy(&mut self, now: Duration, tx: u64) {
        let timers = &self.config.timers;
        let Some(transaction) = self.transactions.get_mut(tx) else { return };
        let effect = match &mut transaction.machine {
            Machine::InviteServer(machine) => machine.handle_input(now, timers, invite_server::Input::Invite),
            Machine::Server(machine) => machine.handle_input(now, timers, server::Input::Request),
            _ => None,
        };
        if effect == Some(Effect::Send) {
            self.send_last(tx);
        }
    }

    /// True where the ACK ended here; false where it belongs to a dialog.
    pub(super) fn server_ack(&mut self, now: Duration, tx: u64) -> bool {
        let timers = &self.config.timers;
        let Some(Machine::InviteServer(machine)) = self.transactions.get_mut(tx).map(|t| &mut t.machine) else {
            return true;
        };
        if machine.is_accepted() {
            return false;
        }
        machine.handle_input(now, timers, invite_server::Input::Ack);
        self.settle(tx);
        true
    }

    pub(super) fn transaction_timeout(&mut self, now: Duration, tx: u64, at: Duration) {
        let timers = &self.config.timers;
        let Some(transaction) = self.transactions.get_mut(tx) else { return };
        if transaction.deadline != Some(at) {
            return;
        }
        transaction.deadline = None;
        let effect = match &mut transaction.machine {
            Machine::InviteServer(m) => m.handle_input(now, timers, invite_server::Input::Timeout),
            Machine::Server(m) => m.handle_input(now, timers, server::Input::Timeout),
            Machine::InviteClient(m) => m.handle_input(now, timers, invite_client::Input::Timeout),
            Machine::Client(m) => m.handle_input(now, timers, client::Input::Timeout),
        };
        match effect {
            Some(Effect::Send) => self.send_last(tx),
            Some(Effect::TimedOut) => self.transaction_failed(now, tx, Status::REQUEST_TIMEOUT),
            _ => {}
        }
        self.settle(tx);
    }

    /// True where the entry of the queue is not the record's present deadline.
    pub(super) fn is_stale(&self, at: Duration, timer: Timer) -> bool {
        match timer {
            Timer::Transaction(tx) => self.transactions.get(tx).is_none_or(|t| t.deadline != Some(at)),
            Timer::Call(call) => self.calls.get(call).is_none_or(|c| c.1 != Some(at)),
        }
    }
}
