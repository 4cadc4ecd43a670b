//! A worker in virtual time with phones around it.
#![allow(dead_code, reason = "each file of tests uses a part")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plugboard_media::{
    Channel, Codec, Command, Digit, Event, Plane, Port, Prompt, PromptError, RecorderInput, Request, Settings,
    Statistics, Stream,
};
use plugboard_rtp::{Packet, Pressing};

pub(crate) const CALLER: u16 = 4_000;
pub(crate) const AGENT: u16 = 5_000;

pub(crate) fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn address(number: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), number)
}

pub(crate) fn port(number: u16) -> Port {
    Port { worker: 0, number, ip: Ipv4Addr::LOCALHOST.into() }
}

/// The leg of the phone at this port of 10.0.0.1 has our port 10,000 above it.
pub(crate) fn leg(phone: u16) -> Port {
    port(phone + 10_000)
}

/// A packet as the far end got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) at: Duration,
    pub(crate) channel: Channel,
    pub(crate) bytes: Vec<u8>,
}

impl Got {
    pub(crate) fn rtp(&self) -> Packet<'_> {
        Packet::parse(&self.bytes).expect("we send RTP")
    }
}

/// A worker, its clock and what came out of it.
pub(crate) struct World {
    pub(crate) plane: Plane,
    pub(crate) now: Duration,
    pub(crate) events: Vec<Event>,
    pub(crate) requests: Vec<Request>,
    pub(crate) sent: Vec<(SocketAddr, Got)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let settings = Settings { ports_ahead: 2, ..Settings::default() };
        let mut world = Self {
            plane: Plane::new(at(0), 0, settings, 42),
            now: at(0),
            events: Vec::new(),
            requests: Vec::new(),
            sent: Vec::new(),
        };
        world.drain();
        world
    }

    /// A caller and an agent, bridged, of these codecs.
    pub(crate) fn bridged(caller: Codec, agent: Codec) -> Self {
        let mut world = Self::new();
        world.open(CALLER, caller);
        world.open(AGENT, agent);
        world.command(Command::Bridge { a: leg(CALLER), b: leg(AGENT) });
        world
    }

    pub(crate) fn open(&mut self, phone: u16, codec: Codec) {
        let stream = Stream { telephone_event: Some(101.into()), ..Stream::new(address(phone), codec) };
        self.command(Command::Open { port: leg(phone), stream });
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.plane.handle_command(self.now, command);
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        while let Some(transmit) = self.plane.poll_transmit() {
            let got = Got { at: self.now, channel: transmit.channel, bytes: transmit.bytes.to_vec() };
            self.sent.push((transmit.destination, got));
        }
        self.events.extend(std::iter::from_fn(|| self.plane.poll_event()));
        self.requests.extend(std::iter::from_fn(|| self.plane.poll_request()));
    }

    /// Lets time pass, with every tick on time.
    pub(crate) fn pass(&mut self, until: Duration) {
        while let Some(due) = self.plane.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.plane.handle_tick(self.now);
            self.drain();
        }
        self.now = until;
    }

    /// One packet from a phone, of 20 ms, `number` counting from 0.
    pub(crate) fn speak(&mut self, phone: u16, number: u16, payload_type: u8, byte: u8) {
        self.send(
            phone,
            Packet {
                marker: number == 0,
                payload_type,
                sequence: number.wrapping_add(65_530),
                timestamp: u32::from(number) * 160,
                ssrc: u32::from(phone),
                payload: &[byte; 160],
            },
        );
    }

    pub(crate) fn send(&mut self, phone: u16, packet: Packet<'_>) {
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        self.plane.handle_packet(self.now, leg(phone), Channel::Rtp, address(phone), &bytes);
        self.drain();
    }

    /// A phone presses a key; `keep` says which of the eight packets arrive.
    pub(crate) fn press(&mut self, phone: u16, key: char, timestamp: u32, keep: impl Fn(usize) -> bool) {
        let mut pressing = Pressing::new(Digit::from_char(key).unwrap(), 160, 960);
        let packets = std::iter::from_fn(|| pressing.next_packet());
        for (number, (event, first)) in packets.enumerate().collect::<Vec<_>>() {
            if keep(number) {
                let sequence = (timestamp / 160) as u16 + number as u16;
                let payload = &event.write();
                let ssrc = u32::from(phone);
                self.send(phone, Packet { marker: first, payload_type: 101, sequence, timestamp, ssrc, payload });
            }
            self.pass(self.now + at(20));
        }
    }

    pub(crate) fn got(&self, phone: u16) -> Vec<&Got> {
        let to = address(phone);
        self.sent.iter().filter(|(destination, _)| *destination == to).map(|(_, got)| got).collect()
    }

    pub(crate) fn load(&mut self, path: &str, loaded: Result<Prompt, PromptError>) {
        self.plane.handle_prompt(self.now, &Arc::from(Path::new(path)), loaded.map(Arc::new));
        self.drain();
    }

    pub(crate) fn digits(&self) -> String {
        self.events
            .iter()
            .filter_map(|event| if let Event::Digit { digit, .. } = event { Some(digit.as_char()) } else { None })
            .collect()
    }

    /// What the leg of a phone saw, once closed.
    pub(crate) fn statistics(&self) -> Statistics {
        let closed =
            |event: &Event| if let Event::Closed { statistics, .. } = event { Some(*statistics) } else { None };
        self.events.iter().find_map(closed).expect("a leg was closed")
    }

    /// Samples of all recordings in order, left and right in turn.
    pub(crate) fn tape(&self) -> Vec<i16> {
        let mut tape = Vec::new();
        for request in &self.requests {
            if let Request::Record(RecorderInput::Samples { position, frames, .. }) = request {
                assert_eq!(*position as usize, tape.len() / 2);
                tape.extend(frames);
            }
        }
        tape
    }
}
