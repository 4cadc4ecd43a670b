//! What a plane gives out: datagrams in one reused buffer, events, and requests to the edge.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::event::Event;
use crate::protection::Protection;
use crate::recorder::RecorderInput;
use crate::{Codec, Port};

/// Which socket of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Rtp,
    Rtcp,
}

/// One datagram to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    pub port: Port,
    pub channel: Channel,
    pub destination: SocketAddr,
    pub bytes: &'a [u8],
}

/// What a plane needs of the edge.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Bind so many more port pairs and give them by `handle_ports`; fewer, or none, if the range is used up.
    BindPorts { count: usize },
    /// Load or check this file, prepare it for this codec unless it is G.711, and answer by `handle_prompt`.
    LoadPrompt { path: Arc<Path>, codec: Codec },
    /// For the writer, in order.
    Record(RecorderInput),
    /// The source is locked: the kernel may drop what comes from elsewhere, and find the way out faster. An optimisation that may be ignored.
    Connect { port: Port, source: SocketAddr },
    /// Listen to everyone again.
    Disconnect { port: Port },
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    datagrams: Vec<Datagram>,
    /// How many of `datagrams` were given out.
    given: usize,
    pub(crate) events: VecDeque<Event>,
    pub(crate) requests: VecDeque<Request>,
}

#[derive(Debug)]
struct Datagram {
    port: Port,
    channel: Channel,
    destination: SocketAddr,
    range: Range<usize>,
}

impl Outbox {
    /// Sends one RTP packet, under SRTP where the leg has it.
    #[inline]
    pub(crate) fn transmit_rtp(
        &mut self,
        port: Port,
        destination: SocketAddr,
        protection: Option<&mut Protection>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.transmit(false, (port, Channel::Rtp, destination), start, protection);
    }

    /// Sends one compound of RTCP, under SRTCP where the leg has it.
    pub(crate) fn transmit_rtcp(
        &mut self,
        (port, channel, destination): (Port, Channel, SocketAddr),
        protection: Option<&mut Protection>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.transmit(true, (port, channel, destination), start, protection);
    }

    #[inline]
    fn transmit(
        &mut self,
        is_rtcp: bool,
        (port, channel, destination): (Port, Channel, SocketAddr),
        start: usize,
        protection: Option<&mut Protection>,
    ) {
        // A packet whose number was sent already, as a sender's copy of it is, must not go out twice under one key.
        if protection.is_some_and(|protection| protection.protect(is_rtcp, &mut self.bytes, start).is_err()) {
            self.bytes.truncate(start);
            return;
        }
        let range = start..self.bytes.len();
        self.datagrams.push(Datagram { port, channel, destination, range });
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn request(&mut self, request: Request) {
        self.requests.push_back(request);
    }

    #[inline]
    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        let Some(datagram) = self.datagrams.get(self.given) else {
            self.bytes.clear();
            self.datagrams.clear();
            self.given = 0;
            return None;
        };
        self.given += 1;
        let Datagram { port, channel, destination, ref range } = *datagram;
        Some(Transmit { port, channel, destination, bytes: &self.bytes[range.clone()] })
    }
}
