//! RTP endpoints of all phones: one socket each, looked at only when their 20 ms are up.
//!
//! Nothing waits on these sockets, so a packet that the server sends wakes nobody and costs it no more than on a real network card.
//! The kernel stamps each packet with its time of arrival, therefore looking late falsifies nothing.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    os::fd::AsRawFd,
    time::SystemTime,
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

use crate::{
    figures::{self, Samples},
    sip::NO_AUDIO,
};

/// Endpoints are spread over this many milliseconds, one packet time.
pub const SLOTS: usize = 20;
/// µ-law, 20 ms (RFC 3551 §4.5.14), behind a header of 12 bytes.
const PACKET: usize = 12 + 160;
/// Says that the payload begins with the time of sending. A relay leaves a payload as it is; whatever is played or mixed has none.
const MARK: [u8; 4] = [0xa5, 0x5a, 0xc3, 0x3c];
/// One relay delay is kept of so many, to stay small in memory.
const SAMPLED: u64 = 4;
/// Even ports, so that RTCP of the peer hits no other endpoint.
const PORTS: std::ops::Range<u16> = 20_000..60_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointId(usize);

/// Whether a phone has audio, and says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// No socket at all; the SDP says that the stream is inactive.
    Absent,
    Listens,
    Talks,
}

#[derive(Debug)]
struct Endpoint {
    socket: UdpSocket,
    port: u16,
    peer: Option<SocketAddrV4>,
    talks: bool,
    slot: usize,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    heard: Option<Heard>,
}

/// The last packet that came in.
#[derive(Clone, Copy, Debug)]
struct Heard {
    ssrc: u32,
    sequence: u16,
    at_ns: i64,
}

#[derive(Debug)]
pub struct Endpoints {
    all: Vec<Option<Endpoint>>,
    free: Vec<usize>,
    slots: Vec<Vec<usize>>,
    next_port: u16,
    opened: u32,
    control: Vec<u8>,
    pub in_window: bool,
    pub figures: figures::Audio,
    pub relay: Samples,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            free: Vec::new(),
            slots: vec![Vec::new(); SLOTS],
            next_port: PORTS.start,
            opened: 0,
            control: nix::cmsg_space!(nix::sys::time::TimeSpec),
            in_window: false,
            figures: figures::Audio::default(),
            relay: Samples::default(),
        }
    }
}

impl Endpoints {
    /// The endpoint and the port to put into the SDP.
    pub fn open(&mut self, ip: Ipv4Addr, voice: Voice) -> io::Result<Option<EndpointId>> {
        if voice == Voice::Absent {
            return Ok(None);
        }
        let (socket, port) = self.bind(ip)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        self.opened += 1;
        let slot = self.opened as usize % SLOTS;
        let endpoint = Endpoint {
            socket,
            port,
            peer: None,
            talks: voice == Voice::Talks,
            slot,
            ssrc: 0x1000_0000 + self.opened,
            sequence: 1,
            timestamp: 160,
            heard: None,
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            self.all.len() - 1
        });
        self.all[index] = Some(endpoint);
        self.slots[slot].push(index);
        Ok(Some(EndpointId(index)))
    }

    fn bind(&mut self, ip: Ipv4Addr) -> io::Result<(UdpSocket, u16)> {
        let mut tries = PORTS.len() / 2;
        loop {
            let port = self.next_port;
            self.next_port = if port + 2 < PORTS.end { port + 2 } else { PORTS.start };
            tries -= 1;
            match UdpSocket::bind(SocketAddrV4::new(ip, port)) {
                Ok(socket) => return Ok((socket, port)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// [`NO_AUDIO`] for a phone without audio.
    pub fn port(&self, id: Option<EndpointId>) -> u16 {
        id.and_then(|id| self.all[id.0].as_ref()).map_or(NO_AUDIO, |endpoint| endpoint.port)
    }

    pub fn set_peer(&mut self, id: Option<EndpointId>, peer: Option<SocketAddrV4>) {
        if let Some(endpoint) = id.and_then(|id| self.all[id.0].as_mut()) {
            endpoint.peer = peer.or(endpoint.peer);
        }
    }

    pub fn close(&mut self, id: Option<EndpointId>) {
        let Some(id) = id else { return };
        if let Some(endpoint) = self.all[id.0].take() {
            self.slots[endpoint.slot].retain(|index| *index != id.0);
            self.free.push(id.0);
        }
    }

    /// Everything that the endpoints of one slot do every 20 ms: say a packet, take what came.
    pub fn tick(&mut self, slot: usize) {
        let mut packet = [0xff; PACKET];
        for index in 0..self.slots[slot].len() {
            let Some(endpoint) = self.all[self.slots[slot][index]].as_mut() else { continue };
            if let (true, Some(peer)) = (endpoint.talks, endpoint.peer) {
                endpoint.write(&mut packet);
                match endpoint.socket.send_to(&packet, peer) {
                    Ok(_) if self.in_window => self.figures.sent += 1,
                    Ok(_) => {}
                    Err(_) => self.figures.send_errors += 1,
                }
            }
            // As a rule one packet is there. Only behind one that is older than a packet time another must be expected.
            let mut bytes = [0; 512];
            while let Some((length, at_ns)) = receive(&endpoint.socket, &mut bytes, &mut self.control) {
                let packet = &bytes[..length.min(bytes.len())];
                if self.in_window {
                    endpoint.note(packet, at_ns, &mut self.figures, &mut self.relay);
                }
                endpoint.remember(packet, at_ns);
                if realtime_ns() - at_ns < 20_000_000 {
                    break;
                }
            }
        }
    }
}

impl Endpoint {
    fn write(&mut self, packet: &mut [u8; PACKET]) {
        packet[0] = 0x80;
        packet[1] = 0;
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        packet[12..16].copy_from_slice(&MARK);
        packet[16..24].copy_from_slice(&realtime_ns().to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
    }

    fn note(&self, packet: &[u8], at_ns: i64, figures: &mut figures::Audio, relay: &mut Samples) {
        let Some((ssrc, sequence)) = stream_of(packet) else { return };
        figures.received += 1;
        match self.heard.filter(|heard| heard.ssrc == ssrc) {
            Some(heard) => {
                let step = sequence.wrapping_sub(heard.sequence);
                // A step back is a packet out of order: it was missed before, and is received now.
                figures.expected += if step < 1_000 { u64::from(step) } else { 0 };
                let gap_ms = (at_ns - heard.at_ns) as f64 / 1e6;
                figures.gaps += 1;
                figures.gaps_over_40_ms += u64::from(gap_ms > 40.0);
                figures.gaps_over_60_ms += u64::from(gap_ms > 60.0);
                figures.gaps_over_120_ms += u64::from(gap_ms > 120.0);
            }
            None => figures.expected += 1,
        }
        if let Some(sent_ns) = sent_at(packet)
            && figures.received.is_multiple_of(SAMPLED)
        {
            relay.add((at_ns - sent_ns) as f64 / 1e6);
        }
    }

    fn remember(&mut self, packet: &[u8], at_ns: i64) {
        if let Some((ssrc, sequence)) = stream_of(packet) {
            self.heard = Some(Heard { ssrc, sequence, at_ns });
        }
    }
}

/// SSRC and sequence number (RFC 3550 §5.1); `None` for what is no RTP.
fn stream_of(packet: &[u8]) -> Option<(u32, u16)> {
    let header = packet.first_chunk::<12>().filter(|header| header[0] >> 6 == 2)?;
    let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    Some((ssrc, u16::from_be_bytes([header[2], header[3]])))
}

/// When the payload was sent, in nanoseconds of the system's clock.
fn sent_at(packet: &[u8]) -> Option<i64> {
    let payload = packet.get(12..24)?.strip_prefix(&MARK)?;
    payload.try_into().ok().map(i64::from_be_bytes)
}

/// One packet's length and time of arrival.
fn receive(socket: &UdpSocket, bytes: &mut [u8], control: &mut [u8]) -> Option<(usize, i64)> {
    let mut parts = [io::IoSliceMut::new(bytes)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(control), MsgFlags::MSG_DONTWAIT).ok()?;
    let stamp = message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(at) => Some(at.tv_sec() * 1_000_000_000 + at.tv_nsec()),
        _ => None,
    });
    Some((message.bytes, stamp.unwrap_or_else(realtime_ns)))
}

fn realtime_ns() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (port, peer) = (0, None);
        Endpoint { socket, port, peer, talks: true, slot: 0, ssrc: 7, sequence: 1, timestamp: 0, heard: None }
    }

    /// The third packet is lost, and the fourth comes 60 ms after the second.
    #[test]
    fn losses_and_gaps_are_told_from_sequence_numbers_and_times_of_arrival() {
        let (mut from, mut to) = (endpoint(), endpoint());
        let (mut figures, mut relay) = (figures::Audio::default(), Samples::default());
        for at_ms in [0, 20, 40, 80] {
            let mut packet = [0xff; PACKET];
            from.write(&mut packet);
            if at_ms != 40 {
                to.note(&packet, at_ms * 1_000_000, &mut figures, &mut relay);
                to.remember(&packet, at_ms * 1_000_000);
            }
        }
        assert_eq!((figures.received, figures.expected, figures.lost()), (3, 4, 1));
        assert_eq!((figures.gaps, figures.gaps_over_40_ms, figures.gaps_over_60_ms), (2, 1, 0));
    }

    #[test]
    fn a_packet_carries_the_time_it_was_sent_and_a_prompt_does_not() {
        let mut packet = [0xff; PACKET];
        let before = realtime_ns();
        endpoint().write(&mut packet);
        let sent = sent_at(&packet).unwrap();
        assert!(before <= sent && sent <= realtime_ns());
        assert_eq!(sent_at(&[0x80; PACKET]), None);
    }
}
