//! What the endpoint tells its user.

use std::fmt;
use std::sync::Arc;

use crate::message::{Message, Reason};
use crate::network::{Source, Target};
use crate::status::Status;

/// A call leg at one endpoint: one dialog, from its INVITE to its end. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallHandle(pub(crate) u64);

impl fmt::Display for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call-{:x}", self.0)
    }
}

/// A request that waits for [`Endpoint::respond`](super::Endpoint::respond). Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestHandle(pub(crate) u64);

/// A message body and its Content-Type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub content_type: Box<str>,
    pub bytes: Arc<[u8]>,
}

impl Body {
    pub fn sdp(text: &str) -> Self {
        Self { content_type: "application/sdp".into(), bytes: text.as_bytes().into() }
    }

    /// The bytes as text; `None` where they are not UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// What [`Endpoint::poll_output`](super::Endpoint::poll_output) hands out.
#[derive(Clone, Debug)]
pub enum Output {
    Send { target: Target, bytes: Arc<[u8]> },
    Event(Event),
}

/// Something that the user of the endpoint acts on.
///
/// A call's last event is [`Event::Refused`] or [`Event::Ended`], exactly one of them; its handle is dead from then on.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody calls. 100 went out already; the user rings, answers, rejects or challenges.
    Incoming(Box<Incoming>),
    /// 101–199 to our INVITE, with early media where `body` is there.
    Progress { call: CallHandle, status: Status, body: Option<Body> },
    /// 2xx to our INVITE. Acknowledged already, unless our INVITE had no SDP: then `body` is an offer and the user owes
    /// [`Endpoint::ack_with`](super::Endpoint::ack_with).
    Answered { call: CallHandle, body: Option<Body> },
    /// 300–699 to our INVITE; the call is over.
    Refused { call: CallHandle, status: Status, reason: Box<str>, retry_after: Option<u32>, response: Message },
    /// The ACK to our 2xx arrived; `body` is the answer where the INVITE had no SDP.
    Confirmed { call: CallHandle, body: Option<Body> },
    /// The call is over. `reason` is the Reason header of the message that ended it (RFC 3326).
    Ended { call: CallHandle, cause: EndCause, reason: Option<Reason> },
    /// A re-INVITE; the user answers or refuses it. `None` asks us for an offer. The answer goes back to `source`, which need not be how the call
    /// came to be.
    Reinvited { call: CallHandle, offer: Option<Body>, source: Source },
    /// 2xx to our re-INVITE.
    ReinviteAnswered { call: CallHandle, body: Option<Body> },
    /// Our re-INVITE failed; the session stays as it was. Glare (491) was tried again before.
    ReinviteRefused { call: CallHandle, status: Status },
    /// REFER in the dialog (RFC 3515); `accept_refer` or `refuse_refer` is due.
    Referred(Box<Referred>),
    /// The final response to our own REFER: 202 or a refusal.
    ReferAnswered { call: CallHandle, status: Status },
    /// Progress of what we referred the peer to.
    NotifySipfrag { call: CallHandle, status: Status, terminated: bool },
    /// INFO in the dialog, answered 200 already: DTMF by `application/dtmf-relay` and the like.
    Info { call: CallHandle, content_type: Box<str>, body: Arc<[u8]> },
    /// A REGISTER; hand it to a [`Registrar`](crate::Registrar) and `respond`.
    Register { handle: RequestHandle, request: Message, source: Source },
    /// Any other request that needs a decision; `call` where it came in a dialog.
    Request { handle: RequestHandle, call: Option<CallHandle>, request: Message, source: Source },
    /// The final response to a request of ours outside a dialog; without a message where nobody answered (408)
    /// or the transport failed (503).
    Response { handle: RequestHandle, status: Status, response: Option<Message> },
}

/// A call that came in.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub call: CallHandle,
    pub request: Message,
    pub source: Source,
    /// `None`: the caller wants our offer in the 200.
    pub offer: Option<Body>,
    /// The dialog that this call is to replace (RFC 3891); the user answers this one and hangs up that one.
    pub replaces: Option<CallHandle>,
}

impl Incoming {
    /// Max-Forwards of a call that passes this one on: one less than it came with, so that a loop through us ends (RFC 3261 §16.6).
    pub fn hops_left(&self) -> u8 {
        self.request.hops().saturating_sub(1)
    }
}

/// The peer asks us to call somebody else.
#[derive(Clone, Debug)]
pub struct Referred {
    pub call: CallHandle,
    /// The URI of Refer-To without its headers.
    pub refer_to: crate::Uri,
    /// Replaces of the Refer-To URI, decoded: an attended transfer.
    pub replaces: Option<crate::message::Replaces>,
    /// Where `replaces` names a dialog of this endpoint.
    pub replaced: Option<CallHandle>,
    pub referred_by: Option<Box<str>>,
    pub request: Message,
}

/// Why a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndCause {
    /// The peer hung up.
    Bye,
    /// The caller gave up before we answered.
    Cancelled,
    /// We hung up or rejected.
    HungUp,
    /// Our 200 was never acknowledged (RFC 3261 §13.3.1.4).
    NoAck,
    /// Nobody answered our INVITE in time, or nobody decided about theirs.
    NoAnswer,
    /// A request within the dialog got 408, 481 or nothing (RFC 3261 §12.2.1.2).
    PeerGone,
    /// The edge could not send.
    Transport,
    /// The peer answered our INVITE, which had no offer, with none of its own (RFC 3261 §13.2.1).
    Protocol,
}
