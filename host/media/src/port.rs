use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One leg's media endpoint on our side: a bound pair of UDP sockets, RTP on `number` and RTCP on `number + 1`.
///
/// It names the leg in every command and event. Both legs of a call must have ports of the same worker: they are then relayed by one
/// thread with no lock between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// Index of the worker thread that owns the sockets, from 0.
    pub worker: u16,
    /// The UDP port of RTP: even (RFC 3550 §11).
    pub number: u16,
    /// The address that the sockets are bound to; what SDP advertises may differ behind NAT.
    pub ip: IpAddr,
}

impl Port {
    /// Where RTP is received.
    pub fn rtp(self) -> SocketAddr {
        SocketAddr::new(self.ip, self.number)
    }

    /// Where RTCP is received (RFC 3550 §11).
    pub fn rtcp(self) -> SocketAddr {
        SocketAddr::new(self.ip, self.number + 1)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/w{}", self.rtp(), self.worker)
    }
}
