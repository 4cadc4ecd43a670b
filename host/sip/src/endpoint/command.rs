//! What the user of the endpoint asks for, as values.

use crate::digest::Account;
use crate::message::{Fault, Reason};
use crate::method::Method;
use crate::network::Target;
use crate::status::Status;

use super::event::Body;

/// A call that we place.
#[derive(Clone, Debug)]
pub struct Invite {
    /// The Request-URI: `sip:1001@192.0.2.7:5062;transport=udp`.
    pub uri: String,
    pub next_hop: Target,
    /// From without its tag: `"Sales" <sip:400@example.com>`.
    pub from: String,
    /// To without a tag: `<sip:1001@example.com>`.
    pub to: String,
    /// More headers, in order: Alert-Info, P-Asserted-Identity, Replaces, Referred-By, Route….
    pub headers: Vec<(String, String)>,
    /// `None` asks the peer for its offer; then [`Endpoint::ack_with`](super::Endpoint::ack_with) is due.
    pub offer: Option<String>,
    /// Answers 401 and 407, also those to later requests of the call.
    pub account: Option<Account>,
    /// How many hops it may take: [`MAX_FORWARDS`](crate::MAX_FORWARDS) for a call of our own, [`Incoming::hops_left`](super::Incoming::hops_left) for one that is passed on.
    pub max_forwards: u8,
}

/// How to end a call that may be in any state.
#[derive(Clone, Debug)]
pub struct HangUp {
    /// For an incoming call that is not answered yet; ignored elsewhere.
    pub status: Status,
    /// Goes into the Reason header of BYE or CANCEL (RFC 3326).
    pub reason: Option<Reason>,
}

impl Default for HangUp {
    fn default() -> Self {
        Self { status: Status::TEMPORARILY_UNAVAILABLE, reason: None }
    }
}

/// A request outside any dialog: OPTIONS, MESSAGE, REGISTER….
#[derive(Clone, Debug)]
pub struct OutOfDialog {
    pub method: Method,
    pub uri: String,
    pub next_hop: Target,
    pub from: String,
    pub to: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Body>,
    pub account: Option<Account>,
    /// Keeps one Call-ID and From tag over several requests, as a registration must (RFC 3261 §10.2); `None` makes new ones.
    pub series: Option<Series>,
}

/// Call-ID and CSeq that a chain of requests shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    pub call_id: String,
    /// Of the last request sent; the next one gets a higher one.
    pub cseq: u32,
}

/// The answer to a request that the endpoint handed out.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: Status,
    /// Instead of the usual phrase.
    pub phrase: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Option<Body>,
}

impl Response {
    pub fn new(status: Status) -> Self {
        Self { status, phrase: None, headers: Vec::new(), body: None }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// The refusal that says what is wrong with a request.
impl From<Fault> for Response {
    fn from(fault: Fault) -> Self {
        Self { phrase: Some(fault.to_string()), ..Self::new(fault.status()) }
    }
}
