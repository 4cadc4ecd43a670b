//! Settings of one endpoint; every figure here has a default that RFC 3261 or practice gives.

use std::time::Duration;

use crate::method::Method;
use crate::network::{HostPort, Transport};
use crate::transaction::Timers;

/// One endpoint's settings.
#[derive(Clone, Debug)]
pub struct Config {
    pub timers: Timers,
    /// What stands in Via and Contact, per transport. Without an entry it is the local address of the way a message leaves.
    pub advertised: Vec<(Transport, HostPort)>,
    /// For User-Agent and Server.
    pub user_agent: String,
    /// Begins every branch, tag and Call-ID of ours, and is the user part of our Contact, so that a front can send
    /// responses and in-dialog requests to the right endpoint without state. Letters and digits, at most 16.
    pub token: String,
    /// Server and client transactions alive at once. Beyond it new requests and those within dialogs get 503, and what is refused
    /// leaves no trace; a BYE is still obeyed, and our own BYE and CANCEL are still sent.
    pub max_transactions: usize,
    /// Calls alive at once; beyond it a new INVITE gets 503.
    pub max_calls: usize,
    /// Longest body that we read, in bytes; a longer one gets 413. For good, so without Retry-After.
    pub max_body: usize,
    /// Seconds in Retry-After of a 503 for overload.
    pub retry_after: u32,
    /// An INVITE of ours without any response for this long counts as unanswered. Timer B alone (32 s) is longer than a phone is
    /// left to ring, so a phone without power would look like an agent who does not pick up. Four copies go out until then, and a
    /// response is due within 200 ms (RFC 3261 §17.2.1). One that comes still later is answered with CANCEL, or ACK and BYE.
    pub first_response: Duration,
    /// Longest time between an INVITE and its final response, either way.
    pub max_unanswered: Duration,
    pub allow: Vec<Method>,
    /// Option tags that we understand in Require (RFC 3261 §19.2).
    pub supported: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timers: Timers::default(),
            advertised: Vec::new(),
            user_agent: "Plugboard".into(),
            token: "pb".into(),
            max_transactions: 100_000,
            max_calls: 20_000,
            max_body: 32 << 10,
            retry_after: 5,
            first_response: Duration::from_secs(4),
            max_unanswered: Duration::from_secs(600),
            allow: vec![
                Method::INVITE,
                Method::ACK,
                Method::CANCEL,
                Method::BYE,
                Method::OPTIONS,
                Method::REFER,
                Method::NOTIFY,
                Method::INFO,
                Method::REGISTER,
            ],
            supported: vec!["replaces".into()],
        }
    }
}
