//! One SIP element: its transactions, its dialogs and its half of every call.
//!
//! The user gets [`Event`]s and gives commands; what needs no decision (100, hop-by-hop ACK, copies, OPTIONS, bad requests)
//! is answered here. A command that comes too late because the call ended in the same moment gives [`CommandError::Gone`]:
//! ordinary, and safe to ignore.

mod call;
mod chance;
mod change;
mod command;
mod compose;
mod config;
mod dialog;
mod event;
mod finish;
mod indialog;
mod place;
mod receive;
mod request;
mod response;
mod slab;
mod take;
mod transact;
mod transfer;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

pub use command::{HangUp, Invite, OutOfDialog, Response, Series};
pub use config::Config;
pub use event::{Body, CallHandle, EndCause, Event, Incoming, Output, Referred, RequestHandle};

use crate::message::{Message, Replaces, WriteError};
use crate::network::{Source, Target};
use crate::status::Status;
use call::Call;
use chance::{AlreadyHashed, Chance};
use compose::Texts;
use slab::Slab;
use transact::Transaction;

/// What the edge hands in.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A datagram, or one message cut from a stream.
    Received { source: Source, bytes: &'a [u8] },
    /// The same, read already (a stream decoder or a front did).
    Message { source: Source, message: &'a Message },
    /// A stream is closed: what waits for an answer on it fails; other messages go out by address from now on.
    ConnectionLost { connection: u64 },
    /// Nothing can be sent to this address: transactions that wait for it fail (RFC 3261 §17.1.4).
    Unreachable { remote: SocketAddr },
}

/// Why a command was not carried out. Nothing was sent and nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Over already, or never was. Ordinary where both sides act at once.
    #[error("no such call or request")]
    Gone,
    #[error("not possible in the state of the call")]
    WrongState,
    #[error("endpoint is full")]
    Full,
    #[error(transparent)]
    Write(#[from] WriteError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Transaction(u64),
    Call(u64),
}

/// One SIP element; see the [crate's first page](crate) for how to drive it.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    texts: Texts,
    chance: Chance,
    transactions: Slab<Transaction>,
    /// Each call with its entry in the queue of timers.
    calls: Slab<(Call, Option<Duration>)>,
    /// Server transactions by [`Endpoint::server_key`].
    servers: HashMap<u128, u64, AlreadyHashed>,
    /// INVITEs by From tag, Call-ID and CSeq (RFC 3261 §8.2.2.2).
    merges: HashMap<u64, u64, AlreadyHashed>,
    /// May hold entries of past deadlines; they are skipped.
    timers: BinaryHeap<Reverse<(Duration, Timer)>>,
    outputs: VecDeque<Output>,
}

impl Endpoint {
    /// The same seed and the same inputs give the same bytes. Use an unpredictable seed in production: tags and
    /// branches are guessed otherwise.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            texts: Texts::new(&config),
            config,
            chance: Chance::new(seed),
            transactions: Slab::new(),
            calls: Slab::new(),
            servers: HashMap::with_hasher(AlreadyHashed::default()),
            merges: HashMap::with_hasher(AlreadyHashed::default()),
            timers: BinaryHeap::new(),
            outputs: VecDeque::new(),
        }
    }

    pub fn handle_input(&mut self, now: Duration, input: Input<'_>) {
        match input {
            Input::Received { source, bytes } => {
                // What is no SIP at all has nobody to answer (RFC 3261 §18.3).
                if let Ok(message) = Message::parse(bytes) {
                    self.handle_message(now, source, &message);
                }
            }
            Input::Message { source, message } => self.handle_message(now, source, message),
            Input::ConnectionLost { connection } => self.forget_connection(now, connection),
            Input::Unreachable { remote } => self.fail_waiting(now, |target| target.remote == remote),
        }
    }

    fn handle_message(&mut self, now: Duration, source: Source, message: &Message) {
        match message.status() {
            Some(status) => self.handle_response(now, source, message, status),
            None => self.handle_request(now, source, message),
        }
    }

    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some(Reverse((at, timer))) = self.timers.peek().copied() {
            if at > now {
                return;
            }
            self.timers.pop();
            match timer {
                Timer::Transaction(tx) => self.transaction_timeout(now, tx, at),
                Timer::Call(call) => self.call_timeout(now, call, at),
            }
        }
    }

    /// When to call [`Endpoint::handle_timeout`] at the latest.
    pub fn poll_timeout(&mut self) -> Option<Duration> {
        while let Some(Reverse((at, timer))) = self.timers.peek().copied() {
            if !self.is_stale(at, timer) {
                return Some(at);
            }
            self.timers.pop();
        }
        None
    }

    /// Call until `None` after each input, command and timeout.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What another party needs for an INVITE that takes this call's place (RFC 3891): the receiver of that INVITE is the
    /// peer of this call. `None` before the peer has a tag.
    pub fn replaces_of(&self, call: CallHandle) -> Option<Replaces> {
        let dialog = &self.calls.get(call.0)?.0.dialog;
        (!dialog.remote_tag.is_empty()).then(|| Replaces {
            call_id: dialog.call_id.to_string(),
            to_tag: dialog.remote_tag.to_string(),
            from_tag: dialog.local_tag.to_string(),
            early_only: false,
        })
    }

    /// The dialog's Call-ID, which logs and traces share with the peer.
    pub fn call_id(&self, call: CallHandle) -> Option<&str> {
        Some(&self.calls.get(call.0)?.0.dialog.call_id)
    }

    /// Calls not ended yet, those that only finish their BYE included.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Transactions alive, those that only absorb copies included.
    pub fn transactions(&self) -> usize {
        self.transactions.len()
    }

    fn call_mut(&mut self, call: u64) -> Result<&mut Call, CommandError> {
        self.calls.get_mut(call).map(|(call, _)| call).filter(|call| !call.is_over).ok_or(CommandError::Gone)
    }

    /// Puts the call's next deadline into the queue.
    fn settle_call(&mut self, call: u64) {
        let Some((record, entry)) = self.calls.get_mut(call) else { return };
        let deadline = record.poll_timeout();
        if deadline != *entry {
            *entry = deadline;
            if let Some(at) = deadline {
                self.wake_at(at, Timer::Call(call));
            }
        }
    }

    /// The queue forgets entries of past deadlines once they outnumber the living, so that a peer who moves a deadline with each
    /// message (a provisional response restarts Timer C) cannot make it grow.
    fn wake_at(&mut self, at: Duration, timer: Timer) {
        self.timers.push(Reverse((at, timer)));
        if self.timers.len() > 1_024 + 4 * (self.transactions.len() + self.calls.len()) {
            let mut entries = std::mem::take(&mut self.timers).into_vec();
            entries.retain(|Reverse((at, timer))| !self.is_stale(*at, *timer));
            entries.sort_unstable();
            entries.dedup();
            self.timers = entries.into();
        }
    }

    fn is_full(&self) -> bool {
        self.transactions.len() >= self.config.max_transactions
    }

    /// The last event of a call.
    fn end(&mut self, call: u64, cause: EndCause, reason: Option<crate::message::Reason>) {
        if let Some((record, _)) = self.calls.get_mut(call)
            && !std::mem::replace(&mut record.is_over, true)
        {
            self.emit(Event::Ended { call: CallHandle(call), cause, reason });
        }
    }

    fn forget_connection(&mut self, now: Duration, connection: u64) {
        self.fail_waiting(now, |target| target.connection == Some(connection));
        for call in self.calls.keys() {
            if let Some((call, _)) = self.calls.get_mut(call)
                && call.dialog.flow.connection == Some(connection)
            {
                call.dialog.flow.connection = None;
            }
        }
        for tx in self.transactions.keys() {
            if let Some(transaction) = self.transactions.get_mut(tx)
                && transaction.target.connection == Some(connection)
            {
                transaction.target.connection = None;
            }
        }
    }

    /// Ends what waits for a response from somewhere that cannot send one (RFC 3261 §8.1.3.1, §18.4).
    fn fail_waiting(&mut self, now: Duration, is_hit: impl Fn(&Target) -> bool) {
        for tx in self.transactions.keys() {
            if self.transactions.get(tx).is_some_and(|t| t.is_waiting() && is_hit(&t.target)) {
                self.transaction_failed(now, tx, Status::SERVICE_UNAVAILABLE);
                self.transactions.remove(tx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Transport;

    /// Each provisional response restarts Timer C, eleven minutes off; the entries of the past ones must not pile up until then.
    #[test]
    fn peer_that_rings_ten_thousand_times_leaves_the_queue_of_timers_bounded() {
        let mut endpoint = Endpoint::new(Config::default(), 1);
        let (local, remote) = (([192, 0, 2, 2], 5060).into(), ([192, 0, 2, 1], 5060).into());
        let source = Source { transport: Transport::Udp, local, remote, connection: None };
        let invite = Invite {
            uri: "sip:1@192.0.2.1".into(),
            next_hop: source.into(),
            from: "<sip:2@example.com>".into(),
            to: "<sip:1@example.com>".into(),
            headers: Vec::new(),
            offer: None,
            account: None,
            max_forwards: crate::MAX_FORWARDS,
        };
        endpoint.invite(Duration::ZERO, invite).expect("there is room");
        let Some(Output::Send { bytes, .. }) = endpoint.poll_output() else { panic!("an INVITE goes out") };
        let text = String::from_utf8(bytes.to_vec()).expect("we write text");
        let ringing = format!("SIP/2.0 180 Ringing\r\n{}", text.split_once("\r\n").expect("a start line").1);
        for at_ms in 1..=10_000 {
            endpoint.handle_input(Duration::from_millis(at_ms), Input::Received { source, bytes: ringing.as_bytes() });
            while endpoint.poll_output().is_some() {}
        }
        assert!(endpoint.timers.len() < 1_100, "{}", endpoint.timers.len());
        assert_eq!((endpoint.calls(), endpoint.transactions()), (1, 1));
    }
}
