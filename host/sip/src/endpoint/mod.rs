//! One SIP element: its transactions, its dialogs and its half of every call.

mod command;
mod config;
mod event;

use std::collections::VecDeque;
use std::time::Duration;

pub use command::{HangUp, Invite, OutOfDialog, Response, Series};
pub use config::Config;
pub use event::{Body, CallHandle, EndCause, Event, Incoming, Output, Referred, RequestHandle};

use crate::message::{Message, Replaces, WriteError};
use crate::network::Source;
use crate::status::Status;

/// What the edge hands in.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A datagram, or one message cut from a stream.
    Received { source: Source, bytes: &'a [u8] },
    /// The same, read already (a stream decoder or a front did).
    Message { source: Source, message: &'a Message },
    /// A stream is closed; messages go out by address from now on.
    ConnectionLost { connection: u64 },
    /// Nothing can be sent to this address: transactions that wait for it fail (RFC 3261 §17.1.4).
    Unreachable { remote: std::net::SocketAddr },
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

/// One SIP element; see the [crate's first page](crate) for how to drive it.
#[derive(Debug)]
pub struct Endpoint {
    outputs: VecDeque<Output>,
}

impl Endpoint {
    /// The same seed and the same inputs give the same bytes. Use an unpredictable seed in production: tags and
    /// branches are guessed otherwise.
    pub fn new(_config: Config, _seed: u64) -> Self {
        Self { outputs: VecDeque::new() }
    }

    pub fn handle_input(&mut self, _now: Duration, _input: Input<'_>) {}

    pub fn handle_timeout(&mut self, _now: Duration) {}

    /// When to call [`Endpoint::handle_timeout`] at the latest.
    pub fn poll_timeout(&mut self) -> Option<Duration> {
        None
    }

    /// Call until `None` after each input, command and timeout.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Sends 101–199 to an incoming call; with `sdp` as early media.
    pub fn ring(
        &mut self,
        _now: Duration,
        _call: CallHandle,
        _status: Status,
        _sdp: Option<&str>,
    ) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// Sends 200; `sdp` is the answer, or our offer where the INVITE had none. Repeats until the ACK comes.
    pub fn answer(&mut self, _now: Duration, _call: CallHandle, _sdp: &str) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// Refuses an incoming call with 300–699, 401 with a challenge included; `Ended` follows.
    pub fn reject(&mut self, _now: Duration, _call: CallHandle, _response: Response) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// Places a call.
    pub fn invite(&mut self, _now: Duration, _invite: Invite) -> Result<CallHandle, CommandError> {
        Err(CommandError::Full)
    }

    /// Acknowledges a 2xx whose body was the peer's offer.
    pub fn ack_with(&mut self, _now: Duration, _call: CallHandle, _answer: &str) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// Ends a call in whatever state: CANCEL, BYE or a refusal. `Ended` follows at once; what is left to say on the wire
    /// is said without the user.
    pub fn hang_up(&mut self, _now: Duration, _call: CallHandle, _how: HangUp) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// Offers a new session; `None` asks the peer for an offer, then [`Endpoint::ack_with`] is due.
    pub fn reinvite(&mut self, _now: Duration, _call: CallHandle, _offer: Option<&str>) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    pub fn answer_reinvite(&mut self, _now: Duration, _call: CallHandle, _sdp: &str) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    pub fn refuse_reinvite(&mut self, _now: Duration, _call: CallHandle, _status: Status) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// Asks the peer to call `refer_to`; with `replaces` an attended transfer (RFC 5589).
    pub fn refer(
        &mut self,
        _now: Duration,
        _call: CallHandle,
        _refer_to: &str,
        _replaces: Option<&Replaces>,
        _referred_by: Option<&str>,
    ) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// 202, and the first NOTIFY with 100.
    pub fn accept_refer(&mut self, _now: Duration, _call: CallHandle) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    pub fn refuse_refer(&mut self, _now: Duration, _call: CallHandle, _status: Status) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// Tells the peer how its transfer goes; a final status ends the subscription.
    pub fn notify_refer(&mut self, _now: Duration, _call: CallHandle, _status: Status) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    pub fn info(&mut self, _now: Duration, _call: CallHandle, _body: &Body) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// Sends a request outside any dialog; `Event::Response` follows. REGISTER as a client is one of these.
    pub fn request(&mut self, _now: Duration, _request: OutOfDialog) -> Result<(RequestHandle, Series), CommandError> {
        Err(CommandError::Full)
    }

    /// Answers a request that an event handed out.
    pub fn respond(
        &mut self,
        _now: Duration,
        _handle: RequestHandle,
        _response: &Response,
    ) -> Result<(), CommandError> {
        Err(CommandError::Gone)
    }

    /// What another party needs for an INVITE that takes this call's place (RFC 3891): the receiver of that INVITE is the
    /// peer of this call.
    pub fn replaces_of(&self, _call: CallHandle) -> Option<Replaces> {
        None
    }

    /// Calls not ended yet.
    pub fn calls(&self) -> usize {
        0
    }

    /// Transactions alive, those that only absorb copies included.
    pub fn transactions(&self) -> usize {
        0
    }
}
