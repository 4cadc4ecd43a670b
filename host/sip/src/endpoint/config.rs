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
    /// Server and client transactions alive at once; beyond it new requests get 503.
    pub max_transactions: usize,
    /// Calls alive at once; beyond it a new INVITE gets 503.
    pub max_calls: usize,
    /// Seconds in Retry-After of a 503 for overload.
    pub retry_after: u32,
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
            retry_after: 5,
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
                Method::MESSAGE,
            ],
            supported: vec!["replaces".into()],
        }
    }
}
