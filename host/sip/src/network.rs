//! Where a message came from and where one goes: addresses, never sockets.

use std::fmt;
use std::net::SocketAddr;

/// How a message travels, as the Via header names it (RFC 3261 §20.42, RFC 7118).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Transport {
    /// Loses and reorders nothing, so that transactions repeat nothing (RFC 3261 §17).
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// Port used where none is written (RFC 3261 §19.1.2).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// As written in a Via header: `UDP`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// Any case; `None` for a transport that we do not speak, such as SCTP.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss].into_iter().find(|t| t.name().eq_ignore_ascii_case(name))
    }
}

/// The way a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    pub transport: Transport,
    /// Our socket's address.
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// The stream it came on; the edge numbers them. `None` on UDP.
    pub connection: Option<u64>,
}

/// The way a message is to leave.
///
/// The edge sends on `connection` while that is open, else opens one to `remote`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub transport: Transport,
    /// Our socket to send from; `None` lets the edge choose.
    pub local: Option<SocketAddr>,
    pub remote: SocketAddr,
    pub connection: Option<u64>,
    /// Whose certificate a TLS connection has to show (RFC 5922 §7.3); `None`: one of the address itself.
    pub peer: Option<PeerName>,
}

/// A domain that a peer was looked up by; the edge numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerName(pub u32);

impl Target {
    pub fn udp(remote: SocketAddr) -> Self {
        Self { transport: Transport::Udp, local: None, remote, connection: None, peer: None }
    }

    pub fn tcp(remote: SocketAddr) -> Self {
        Self { transport: Transport::Tcp, ..Self::udp(remote) }
    }

    pub fn tls(remote: SocketAddr, peer: Option<PeerName>) -> Self {
        Self { transport: Transport::Tls, peer, ..Self::udp(remote) }
    }
}

impl From<Source> for Target {
    /// Back the way it came.
    fn from(source: Source) -> Self {
        Self {
            transport: source.transport,
            local: Some(source.local),
            remote: source.remote,
            connection: source.connection,
            peer: None,
        }
    }
}

/// Host and port that we write into Via and Contact, so that others can reach us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Name or address; IPv6 in square brackets.
    pub host: String,
    pub port: Option<u16>,
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        Self { host, port: Some(address.port()) }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}
