//! Bound port pairs of one worker.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;

use plugboard_media::{Channel, Port};
use rustix::net::sockopt;

/// Port pairs by number, and which numbers were not tried yet.
#[derive(Debug)]
pub(crate) struct Sockets {
    worker: u16,
    ip: IpAddr,
    dscp: u8,
    /// The first even number of the range.
    first: u16,
    pairs: Vec<Option<Pair>>,
    /// Places in `pairs` that are this worker's and unbound.
    untried: Vec<u16>,
}

#[derive(Debug)]
struct Pair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// Where the RTP socket is connected to.
    connected: Option<SocketAddr>,
}

impl Sockets {
    /// Every `workers`-th pair of the range is this worker's.
    pub(crate) fn new(ip: IpAddr, range: &RangeInclusive<u16>, (worker, workers): (u16, u16), dscp: u8) -> Self {
        let first = range.start().next_multiple_of(2);
        let count = (range.end().saturating_sub(first).saturating_add(1)) / 2;
        // Downwards, because they are taken from the end.
        let untried = (0..count).rev().filter(|place| place % workers == worker).collect();
        let pairs = std::iter::repeat_with(|| None).take(usize::from(count)).collect();
        Self { worker, ip, dscp, first, pairs, untried }
    }

    /// Binds up to `count` more pairs; numbers that are in use elsewhere are left out. `watch` gets each socket and its port number.
    pub(crate) fn bind(&mut self, count: usize, mut watch: impl FnMut(&UdpSocket, u16) -> io::Result<()>) -> Vec<Port> {
        let mut bound = Vec::new();
        while bound.len() < count
            && let Some(place) = self.untried.pop()
        {
            let port = Port { worker: self.worker, number: self.first + 2 * place, ip: self.ip };
            let pair = self.pair(port).and_then(|pair| {
                watch(&pair.rtp, port.number)?;
                watch(&pair.rtcp, port.number + 1)?;
                Ok(pair)
            });
            match pair {
                Ok(pair) => {
                    self.pairs[usize::from(place)] = Some(pair);
                    bound.push(port);
                }
                Err(error) => tracing::debug!(%port, %error, "port pair left out"),
            }
        }
        bound
    }

    fn pair(&self, port: Port) -> io::Result<Pair> {
        let open = |address| -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let rtp = open(port.rtp())?;
        let marked = match self.ip {
            IpAddr::V4(_) => sockopt::set_ip_tos(&rtp, self.dscp << 2),
            IpAddr::V6(_) => sockopt::set_ipv6_tclass(&rtp, u32::from(self.dscp << 2)),
        };
        if let Err(error) = marked {
            tracing::debug!(%port, %error, "RTP is not marked");
        }
        Ok(Pair { rtp, rtcp: open(port.rtcp())?, connected: None })
    }

    /// Reads one datagram from the socket of this number: its port, channel, source and length.
    #[inline]
    pub(crate) fn receive(&self, number: u16, buffer: &mut [u8]) -> Option<(Port, Channel, SocketAddr, usize)> {
        let pair = self.pairs.get(usize::from((number - self.first) / 2))?.as_ref()?;
        let (channel, socket) =
            if number.is_multiple_of(2) { (Channel::Rtp, &pair.rtp) } else { (Channel::Rtcp, &pair.rtcp) };
        // An error is an ICMP message of an earlier packet, or nothing to read: neither is ours to act on.
        let (length, source) = socket.recv_from(buffer).ok()?;
        // On a socket for both, IPv4 comes as a mapped address (RFC 4291 §2.5.5.2), and SDP names it plainly.
        let source = SocketAddr::new(source.ip().to_canonical(), source.port());
        Some((Port { worker: self.worker, number: number & !1, ip: self.ip }, channel, source, length))
    }

    /// Sends one datagram. UDP may lose it anyway, so a full buffer or an ICMP error is only another loss.
    #[inline]
    pub(crate) fn send(&self, port: Port, channel: Channel, destination: SocketAddr, bytes: &[u8]) -> bool {
        let Some(Some(pair)) = self.pairs.get(usize::from((port.number - self.first) / 2)) else { return false };
        let sent = match channel {
            Channel::Rtp if pair.connected == Some(destination) => pair.rtp.send(bytes),
            Channel::Rtp => pair.rtp.send_to(bytes, self.reachable(destination)),
            Channel::Rtcp => pair.rtcp.send_to(bytes, self.reachable(destination)),
        };
        sent.is_ok()
    }

    /// The address as our sockets name it: those for both kinds send to IPv4 by its mapped address.
    #[inline]
    fn reachable(&self, destination: SocketAddr) -> SocketAddr {
        match (self.ip, destination.ip()) {
            (IpAddr::V6(_), IpAddr::V4(ip)) => SocketAddr::new(ip.to_ipv6_mapped().into(), destination.port()),
            _ => destination,
        }
    }

    /// Lets the kernel drop what comes from elsewhere, and keep the route.
    pub(crate) fn connect(&mut self, port: Port, source: SocketAddr) {
        let reachable = self.reachable(source);
        if let Some(pair) = self.pair_mut(port)
            && pair.rtp.connect(reachable).is_ok()
        {
            pair.connected = Some(source);
        }
    }

    pub(crate) fn disconnect(&mut self, port: Port) {
        if let Some(pair) = self.pair_mut(port)
            && pair.connected.take().is_some()
            && let Err(error) = rustix::net::connect_unspec(&pair.rtp)
        {
            tracing::warn!(%port, %error, "RTP socket stays bound to its last source");
        }
    }

    fn pair_mut(&mut self, port: Port) -> Option<&mut Pair> {
        let place = port.number.checked_sub(self.first)? / 2;
        self.pairs.get_mut(usize::from(place))?.as_mut()
    }
}
