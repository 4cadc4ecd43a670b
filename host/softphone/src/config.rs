//! What is settled before a phone rings.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use plugboard_media::Codec;

use crate::observe::Observer;

/// One group of phones that share a SIP socket and a media thread.
#[derive(Clone)]
pub struct Config {
    /// Bound for SIP (any free port) and RTP, and told to others; must be a real address, not `0.0.0.0`.
    pub ip: IpAddr,
    /// UDP ports for RTP and RTCP, two for each call. Ports in use elsewhere are left out, so groups may share a range.
    pub rtp_ports: RangeInclusive<u16>,
    /// Calls that may wait for an answer at once; a port pair is kept bound for each. 32 by default; a load test wants more.
    pub max_unanswered: usize,
    /// How long an action waits for the far end: registration, hold, transfer. 10 s by default.
    pub patience: Duration,
    /// Gets everything that a ladder shows. Called within the task of the phones: it must not block.
    pub observer: Option<Observer>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ip: Ipv4Addr::LOCALHOST.into(),
            rtp_ports: 42_000..=43_999,
            max_unanswered: 32,
            patience: Duration::from_secs(10),
            observer: None,
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("ip", &self.ip)
            .field("rtp_ports", &self.rtp_ports)
            .field("max_unanswered", &self.max_unanswered)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// One phone's place in the world.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// User part of its address, unique within its [`Softphones`](crate::Softphones): `amy`, `1001`.
    pub user: String,
    /// Answers digest challenges; may be empty for a phone that is never challenged.
    pub password: String,
    /// Host part of its address: `demo.example`; the registrar's IP address by default.
    pub domain: String,
    /// Where REGISTER and calls to plain numbers go.
    pub registrar: SocketAddr,
    /// Shown to those it calls; may be empty.
    pub display_name: String,
    pub behaviour: Behaviour,
    /// Best first.
    pub codecs: Vec<Codec>,
}

/// What a phone does by itself when it is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Rings until [`Call::answer`](crate::Call::answer) or [`Call::reject`](crate::Call::reject).
    #[default]
    Rings,
    /// Rings so long, then answers.
    AnswersAfter(Duration),
    /// Refuses with this SIP status, 300–699: 486 is busy.
    Refuses(u16),
    /// Shows no sign of life but 100 Trying: the phone of an agent who is not at the desk and does not even ring.
    Ignores,
}

impl Account {
    /// A phone of the host at `registrar` that rings until it is answered, and speaks A-law rather than µ-law.
    pub fn new(user: &str, password: &str, registrar: SocketAddr) -> Self {
        let domain = match registrar.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Self {
            user: user.into(),
            password: password.into(),
            domain,
            registrar,
            display_name: String::new(),
            behaviour: Behaviour::Rings,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
        }
    }

    #[must_use]
    pub fn answers_after(self, ringing: Duration) -> Self {
        Self { behaviour: Behaviour::AnswersAfter(ringing), ..self }
    }

    /// `sip:user@domain`.
    pub fn address(&self) -> String {
        format!("sip:{}@{}", self.user, self.domain)
    }
}

impl std::fmt::Debug for Account {
    /// Never the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("address", &self.address())
            .field("registrar", &self.registrar)
            .field("behaviour", &self.behaviour)
            .finish_non_exhaustive()
    }
}
