//! Two endpoints, a seeded network that may lose, repeat and reorder, and virtual time.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use plugboard_sip::{CallHandle, Config, Endpoint, Event, Input, Invite, Message, Output, Source, Target, Transport};

pub(crate) const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
pub(crate) const ANSWER: &str =
    "v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Alice,
    Bob,
}

/// What the network does to a datagram, each in percent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) loss: u64,
    pub(crate) copies: u64,
    pub(crate) delay_ms: u64,
    pub(crate) jitter_ms: u64,
    /// Bytes are changed, left out or doubled.
    pub(crate) damage: u64,
}

pub(crate) struct Pair {
    pub(crate) now: Duration,
    pub(crate) alice: Endpoint,
    pub(crate) bob: Endpoint,
    pub(crate) weather: Weather,
    pub(crate) transport: Transport,
    pub(crate) ladder: String,
    pub(crate) is_drawn: bool,
    chance: u64,
    sequence: u64,
    flying: BTreeMap<(Duration, u64), (Side, Vec<u8>)>,
    events: Vec<(Side, Event)>,
}

pub(crate) fn address(side: Side) -> SocketAddr {
    match side {
        Side::Alice => "192.0.2.1:5060".parse().unwrap(),
        Side::Bob => "192.0.2.2:5060".parse().unwrap(),
    }
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(
            Config { token: "alice".into(), ..Config::default() },
            Config { token: "bob".into(), ..Config::default() },
            1,
        )
    }

    pub(crate) fn with(alice: Config, bob: Config, seed: u64) -> Self {
        Self {
            now: Duration::ZERO,
            alice: Endpoint::new(alice, seed),
            bob: Endpoint::new(bob, seed + 1),
            weather: Weather { delay_ms: 10, ..Weather::default() },
            transport: Transport::Udp,
            ladder: String::new(),
            is_drawn: true,
            chance: seed,
            sequence: 0,
            flying: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn side(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::Alice => &mut self.alice,
            Side::Bob => &mut self.bob,
        }
    }

    pub(crate) fn target(&self, side: Side) -> Target {
        let other = if side == Side::Alice { Side::Bob } else { Side::Alice };
        let connection = self.transport.is_reliable().then_some(1);
        Target { transport: self.transport, local: Some(address(other)), remote: address(side), connection, peer: None }
    }

    pub(crate) fn invite(&self) -> Invite {
        Invite {
            uri: "sip:400@192.0.2.2".into(),
            next_hop: self.target(Side::Bob),
            from: "<sip:100@example.com>".into(),
            to: "<sip:400@example.com>".into(),
            headers: Vec::new(),
            offer: Some(OFFER.into()),
            account: None,
            max_forwards: plugboard_sip::MAX_FORWARDS,
        }
    }

    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    /// Takes what both endpoints have to say.
    pub(crate) fn drain(&mut self) {
        for side in [Side::Alice, Side::Bob] {
            while let Some(output) = self.side(side).poll_output() {
                match output {
                    Output::Send { target, bytes } => self.launch(side, target, &bytes),
                    Output::Event(event) => self.events.push((side, event)),
                }
            }
        }
    }

    fn launch(&mut self, from: Side, target: Target, bytes: &[u8]) {
        let to = if target.remote == address(Side::Alice) { Side::Alice } else { Side::Bob };
        if target.remote != address(to) {
            // A damaged Contact or Via leads anywhere.
            assert!(self.weather.damage > 0, "sent to nobody: {}", String::from_utf8_lossy(bytes));
            return;
        }
        let lost = self.roll(100) < self.weather.loss;
        if self.is_drawn {
            let message = Message::parse(bytes).unwrap();
            let what = match (message.method(), message.status()) {
                (Some(method), _) => method.to_string(),
                (None, Some(status)) => format!("{} {}", status.code(), message.cseq().unwrap().method),
                _ => unreachable!(),
            };
            let arrow = if from == Side::Alice { "->" } else { "<-" };
            let mark = if lost { " lost" } else { "" };
            writeln!(self.ladder, "{:.3} {arrow} {what}{mark}", self.now.as_secs_f64()).unwrap();
        }
        if lost {
            return;
        }
        let copies = if self.roll(100) < self.weather.copies { 2 } else { 1 };
        for _ in 0..copies {
            let jitter = self.weather.jitter_ms;
            let late = if jitter > 0 { self.roll(jitter) } else { 0 };
            self.sequence += 1;
            let at = self.now + Duration::from_millis(self.weather.delay_ms + late);
            let mut bytes = bytes.to_vec();
            if self.weather.damage > 0 && self.roll(100) < self.weather.damage {
                let mut below = |limit: usize| self.roll(limit as u64) as usize;
                mutate(&mut bytes, &mut below);
            }
            self.flying.insert((at, self.sequence), (to, bytes));
        }
    }

    /// The next thing that happens: a datagram lands or a timer fires. `false` where nothing ever will, or not before `until`.
    pub(crate) fn step(&mut self, until: Duration) -> bool {
        self.drain();
        let landing = self.flying.keys().next().map(|(at, _)| *at);
        let timeouts = [self.alice.poll_timeout(), self.bob.poll_timeout()];
        let Some(next) = landing.into_iter().chain(timeouts.into_iter().flatten()).min() else { return false };
        if next > until {
            self.now = until;
            return false;
        }
        self.now = self.now.max(next);
        let now = self.now;
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= now) {
            let (to, bytes) = entry.remove();
            let from = if to == Side::Alice { Side::Bob } else { Side::Alice };
            let connection = self.transport.is_reliable().then_some(1);
            let source = Source { transport: self.transport, local: address(to), remote: address(from), connection };
            self.side(to).handle_input(now, Input::Received { source, bytes: &bytes });
            self.drain();
        }
        self.alice.handle_timeout(now);
        self.bob.handle_timeout(now);
        self.drain();
        true
    }

    /// Runs until `until`, or until there is nothing left to happen.
    pub(crate) fn run(&mut self, until_s: u64) {
        while self.step(Duration::from_secs(until_s)) {}
    }

    /// Runs until `side` has an event, and takes it.
    pub(crate) fn event(&mut self, side: Side) -> Event {
        loop {
            self.drain();
            if let Some(index) = self.events.iter().position(|(s, _)| *s == side) {
                return self.events.remove(index).1;
            }
            assert!(self.step(Duration::from_secs(86_400)), "no event for {side:?} after\n{}", self.ladder);
        }
    }

    pub(crate) fn take_events(&mut self) -> Vec<(Side, Event)> {
        self.drain();
        std::mem::take(&mut self.events)
    }

    pub(crate) fn incoming(&mut self, side: Side) -> CallHandle {
        match self.event(side) {
            Event::Incoming(incoming) => incoming.call,
            other => panic!("expected a call, got {other:?}"),
        }
    }

    /// Alice calls Bob.
    pub(crate) fn call(&mut self) -> CallHandle {
        let invite = self.invite();
        self.alice.invite(self.now, invite).unwrap()
    }

    /// Alice calls Bob, who has heard of it.
    pub(crate) fn ring(&mut self) -> (CallHandle, CallHandle) {
        (self.call(), self.incoming(Side::Bob))
    }

    /// Alice calls Bob, who answers.
    pub(crate) fn connect(&mut self) -> (CallHandle, CallHandle) {
        let (a, b) = self.ring();
        self.bob.answer(self.now, b, ANSWER).unwrap();
        assert!(matches!(self.event(Side::Alice), Event::Answered { .. }));
        assert!(matches!(self.event(Side::Bob), Event::Confirmed { .. }));
        self.ladder.clear();
        (a, b)
    }

    /// Nothing is left on either side.
    pub(crate) fn is_empty(&self) -> bool {
        self.alice.calls() + self.bob.calls() + self.alice.transactions() + self.bob.transactions() == 0
    }
}

/// Up to four small changes, as a broken peer, a bad cable or an attacker makes them. `below` gives a number below its argument.
pub(crate) fn mutate(bytes: &mut Vec<u8>, below: &mut impl FnMut(usize) -> usize) {
    const BITS: [&[u8]; 12] =
        [b"\r\n", b"\r\n ", b"\"", b"<", b">", b";", b",", b"%", b"\0", b"\xff", b":", b"z9hG4bK"];
    for _ in 0..=below(4) {
        let at = below(bytes.len() + 1);
        let end = (at + below(12)).min(bytes.len());
        match below(4) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, BITS[below(BITS.len())].iter().copied())),
            2 => {
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            _ => {
                let byte = below(256) as u8;
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
}
