//! Transactions: a request and its responses, repeated and absorbed until both sides know (RFC 3261 §17, RFC 6026).
//!
//! Each machine is a value without bytes: it says *send again*, the endpoint holds what was sent.

use std::time::Duration;

/// Every timer of RFC 3261 §17 (table 4) and RFC 6026.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of the round trip; first gap between copies.
    pub t1: Duration,
    /// Longest gap between copies of a non-INVITE request and of an INVITE response.
    pub t2: Duration,
    /// Longest time that a message stays in the network.
    pub t4: Duration,
    /// INVITE client gives up without any response.
    pub b: Duration,
    /// INVITE client gives up after its last provisional response. The RFC has Timer C for proxies only (§16.6); without it
    /// a peer that vanishes while it rings would be waited for for ever.
    pub c: Duration,
    /// INVITE client waits for copies of a final response, unreliable transports only.
    pub d: Duration,
    /// Non-INVITE client gives up.
    pub f: Duration,
    /// INVITE server gives up waiting for the ACK.
    pub h: Duration,
    /// INVITE server waits for copies of the ACK, unreliable transports only.
    pub i: Duration,
    /// Non-INVITE server waits for copies of the request, unreliable transports only.
    pub j: Duration,
    /// Non-INVITE client waits for copies of the response, unreliable transports only.
    pub k: Duration,
    /// INVITE server absorbs copies of the INVITE after a 2xx.
    pub l: Duration,
    /// INVITE client passes on copies of the 2xx and 2xx of other forks.
    pub m: Duration,
}

impl Timers {
    /// All others follow from these three.
    pub fn from_base(t1: Duration, t2: Duration, t4: Duration) -> Self {
        let long = t1 * 64;
        let c = Duration::from_secs(660);
        Self { t1, t2, t4, b: long, c, d: long, f: long, h: long, i: t4, j: long, k: t4, l: long, m: long }
    }
}

impl Default for Timers {
    /// 500 ms, 4 s and 5 s.
    fn default() -> Self {
        Self::from_base(Duration::from_millis(500), Duration::from_secs(4), Duration::from_secs(5))
    }
}

pub mod client;
pub mod invite_client;
pub mod invite_server;
pub mod server;

pub use client::Client;
pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use server::Server;

/// What a machine asks its owner to do; at most one for each input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send the last request or response, again or for the first time.
    Send,
    /// Hand the response to the user.
    Pass,
    /// Hand the response to the user and acknowledge it hop by hop.
    PassAndAck,
    /// Send the hop-by-hop ACK again.
    Ack,
    /// The other side stayed silent; the machine is over.
    TimedOut,
}

/// Begins as an endless wait: no retransmission over a reliable transport.
fn repeat_at(is_reliable: bool, at: Duration) -> Option<Duration> {
    (!is_reliable).then_some(at)
}

/// The earlier of a repetition and an end.
fn earlier(repeat: Option<Duration>, end: Duration) -> Option<Duration> {
    Some(repeat.map_or(end, |at| at.min(end)))
}
