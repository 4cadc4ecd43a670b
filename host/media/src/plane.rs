//! One worker's share of the media plane: all its legs, bridges, prompts and recordings.

mod plays;
mod recordings;
mod translation;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use plugboard_codec::NoiseDescription;
use plugboard_rtp::{Packet, rtcp};

use crate::Port;
use crate::chance::Chance;
use crate::command::{Command, Stream};
use crate::event::Event;
use crate::leg::{Heard, Leg};
use crate::outbox::{Channel, Outbox, Request, Transmit};
use crate::ports::Ports;
use crate::settings::Settings;
use crate::shelf::Shelf;
use crate::wheel::Wheel;
use recordings::Recording;

/// RFC 3389, the static type.
pub(crate) const COMFORT_NOISE: u8 = 13;
/// Deadlines are looked at so often.
const HOUSEKEEPING: Duration = Duration::from_millis(100);

/// One worker's legs. Give it packets, commands and time; then drain [`Plane::poll_transmit`], [`Plane::poll_event`] and
/// [`Plane::poll_request`], and call [`Plane::handle_tick`] by [`Plane::poll_timeout`].
#[derive(Debug)]
pub struct Plane {
    worker: u16,
    settings: Settings,
    legs: Vec<Option<Box<Leg>>>,
    free: Vec<usize>,
    /// By half the port number: index into `legs` plus one, 0 for none. A table, because every packet looks here.
    by_number: Box<[u32]>,
    wheel: Wheel,
    recordings: BTreeMap<u64, Recording>,
    shelf: Shelf,
    ports: Ports,
    outbox: Outbox,
    chance: Chance,
    housekeeping: Duration,
    /// Where packets of SRTP are unprotected, one after the other.
    unprotected: Vec<u8>,
}

impl Plane {
    /// `seed` makes SSRCs and first numbers; it must not be guessable in production (RFC 3550 §5.1).
    pub fn new(now: Duration, worker: u16, settings: Settings, seed: u64) -> Self {
        let mut plane = Self {
            worker,
            ports: Ports::new(settings.ports_ahead, settings.port_rest),
            settings,
            legs: Vec::new(),
            free: Vec::new(),
            by_number: vec![0; 1 << 15].into(),
            wheel: Wheel::default(),
            recordings: BTreeMap::new(),
            shelf: Shelf::default(),
            outbox: Outbox::default(),
            chance: Chance::new(seed),
            housekeeping: now,
            unprotected: Vec::new(),
        };
        plane.want_ports();
        plane
    }

    /// Takes ports that the edge has bound for this worker, and offers them.
    pub fn handle_ports(&mut self, ports: Vec<Port>) {
        self.ports.bound(&ports);
        if !ports.is_empty() {
            self.outbox.event(Event::PortsAvailable { ports });
        }
    }

    /// Takes one datagram that came to a port.
    #[inline]
    pub fn handle_packet(&mut self, now: Duration, port: Port, channel: Channel, source: SocketAddr, bytes: &[u8]) {
        let Some(at) = self.find(port) else { return };
        let Some(leg) = self.legs[at].as_deref_mut() else { return };
        // Some far ends send both on one port without having asked (RFC 5761).
        let is_rtcp = channel == Channel::Rtcp || rtcp::is_rtcp(bytes);
        let Some(protection) = leg.protection.as_deref_mut() else {
            return self.handle_plain(now, at, (channel, source), is_rtcp, bytes);
        };
        let mut unprotected = std::mem::take(&mut self.unprotected);
        unprotected.clear();
        unprotected.extend_from_slice(bytes);
        // Before anything else looks at it: a stranger without the keys locks nothing, counts for nothing and presses no key.
        if let Some(bytes) = protection.unprotect(is_rtcp, &mut unprotected) {
            self.handle_plain(now, at, (channel, source), is_rtcp, bytes);
        }
        self.unprotected = unprotected;
    }

    #[inline]
    fn handle_plain(
        &mut self,
        now: Duration,
        at: usize,
        (channel, source): (Channel, SocketAddr),
        is_rtcp: bool,
        bytes: &[u8],
    ) {
        let Some(leg) = self.legs[at].as_deref_mut() else { return };
        if is_rtcp {
            leg.handle_rtcp(now, (channel, source), bytes, &self.settings);
            return;
        }
        let Some(packet) = Packet::parse(bytes) else { return };
        let heard = leg.handle_rtp(now, source, &packet, &mut self.outbox);
        if heard == Heard::Nothing {
            return;
        }
        if leg.muted {
            leg.keys.clear();
            return;
        }
        let peer = leg.peer;
        match heard {
            Heard::Audio(codec) => self.decode(now, at, codec, &packet),
            _ => {
                if let Some(ears) = &mut leg.ears {
                    ears.leave_out(&packet);
                }
            }
        }
        self.relay(now, peer, heard, &packet);
        if self.legs[at].as_deref().is_some_and(|leg| !leg.keys.is_empty()) {
            self.pass_keys(now, at);
        }
    }

    /// Sends a packet on to the bridged leg, if that hears it now.
    #[inline]
    fn relay(&mut self, now: Duration, peer: Option<usize>, heard: Heard, packet: &Packet<'_>) {
        let Some(at) = peer else { return };
        let is_audio = matches!(heard, Heard::Audio(_));
        let alike = is_audio || self.is_alike(at);
        let relays_events = !is_audio && self.relays_events(at);
        let Some(peer) = self.legs[at].as_deref_mut() else { return };
        if !peer.takes_relay() {
            return;
        }
        let form = match heard {
            Heard::Audio(codec) if codec == peer.stream.codec => Some((peer.stream.payload_type, None)),
            Heard::Audio(codec) => match (codec.law(), peer.stream.codec.law()) {
                (Some(from), Some(to)) => Some((peer.stream.payload_type, from.translation(to))),
                // Decoded and encoded anew, or a codec that this leg no longer has.
                _ => return,
            },
            Heard::Event if relays_events => peer.stream.telephone_event.map(|payload_type| (payload_type, None)),
            Heard::Noise if alike && peer.stream.comfort_noise => Some((COMFORT_NOISE.into(), None)),
            Heard::Noise => {
                if let Some(description) = NoiseDescription::parse(packet.payload) {
                    peer.hush(&description);
                    self.start_ticking(now, at);
                }
                return;
            }
            Heard::Event | Heard::Quiet | Heard::Nothing => None,
        };
        let Some((payload_type, translation)) = form else {
            // What is encoded anew has numbers of its own.
            if alike {
                peer.out.leave_out(packet);
            }
            return;
        };
        peer.end_hush();
        let Some(destination) = peer.latch.destination() else { return };
        let relayed = peer.out.relay(now, payload_type.send, packet);
        self.outbox.transmit_rtp(peer.port, destination, peer.protection.as_deref_mut(), |out| match translation {
            None => relayed.write(out),
            Some(table) => {
                out.extend_from_slice(&relayed.header());
                out.extend(relayed.payload.iter().map(|byte| table[usize::from(*byte)]));
            }
        });
    }

    /// Presses the keys of a leg towards the bridged leg, where that takes them in another form.
    fn pass_keys(&mut self, now: Duration, at: usize) {
        let Some(leg) = self.legs[at].as_deref_mut() else { return };
        let (keys, peer, muted) = (std::mem::take(&mut leg.keys), leg.peer, leg.muted);
        let relayed = self.relays_events(at);
        if let Some(peer) = peer.filter(|_| !muted)
            && let Some(leg) = self.legs[peer].as_deref_mut()
        {
            keys.into_iter().for_each(|key| leg.pass_key(key, relayed));
            self.start_ticking(now, peer);
        }
    }

    pub fn handle_command(&mut self, now: Duration, command: Command) {
        match command {
            Command::Open { port, stream } => self.open(now, port, stream),
            Command::Retarget { port, stream } => self.retarget(now, port, stream),
            Command::Direct { port, direction } => {
                if let Some((_, leg, outbox)) = self.leg(port) {
                    leg.retarget(now, Stream { direction, ..leg.stream }, outbox);
                }
            }
            Command::Mute { port, muted } => {
                if let Some((_, leg, _)) = self.leg(port) {
                    leg.muted = muted;
                    let peer = leg.peer;
                    if let Some(peer) = peer.and_then(|peer| self.legs[peer].as_deref_mut()) {
                        // What was not relayed meanwhile is not lost.
                        peer.out.rejoin();
                    }
                }
            }
            Command::Play { port, token, sources, repeat } => self.play(now, port, token, sources, repeat),
            Command::StopPlay { port, token } => self.stop_play(port, token),
            Command::SendDigits { port, digits } => {
                if let Some((at, leg, _)) = self.leg(port) {
                    leg.queue_digits(&digits);
                    self.start_ticking(now, at);
                }
            }
            Command::Bridge { a, b } => self.bridge(a, b),
            Command::Unbridge { a, b } => {
                if let (Some(a), Some(b)) = (self.find(a), self.find(b))
                    && self.legs[a].as_ref().is_some_and(|leg| leg.peer == Some(b))
                {
                    self.leave_bridge(a);
                }
            }
            Command::Record { recording, path, left, right } => self.record(now, recording, path, left, right),
            Command::AttachRecording { recording, right } => self.attach(recording, right),
            Command::PauseRecording { recording } => {
                if let Some(recording) = self.recordings.get_mut(&recording) {
                    recording.timeline.pause(now);
                }
            }
            Command::ResumeRecording { recording } => {
                if let Some(recording) = self.recordings.get_mut(&recording) {
                    recording.timeline.resume(now);
                }
            }
            Command::StopRecording { recording } => self.stop_recording(now, recording),
            Command::Close { port } => self.close(now, port),
        }
    }

    /// Does what is due.
    pub fn handle_tick(&mut self, now: Duration) {
        while let Some(mut phase) = self.wheel.take_due(now) {
            phase.retain(|at| {
                let Some(leg) = self.legs[*at].as_deref_mut() else { return false };
                leg.ticking = leg.handle_tick(now, &mut self.outbox);
                leg.ticking
            });
            self.wheel.put_back(phase);
        }
        if now >= self.housekeeping {
            self.housekeeping = now + HOUSEKEEPING;
            self.keep_house(now);
        }
    }

    /// The process ends: closes every recording and leg.
    pub fn handle_stop(&mut self, now: Duration) {
        let recordings: Vec<u64> = self.recordings.keys().copied().collect();
        recordings.into_iter().for_each(|recording| self.stop_recording(now, recording));
        let ports: Vec<Port> = self.legs.iter().flatten().map(|leg| leg.port).collect();
        ports.into_iter().for_each(|port| self.close(now, port));
    }

    /// When to call [`Plane::handle_tick`]; `None` while only the network or a command can move us.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let busy = self.legs.len() > self.free.len()
            || self.ports.any_resting()
            || !self.recordings.is_empty()
            || self.shelf.any_waiting();
        let housekeeping = busy.then_some(self.housekeeping);
        match (self.wheel.next_due(), housekeeping) {
            (Some(tick), Some(housekeeping)) => Some(tick.min(housekeeping)),
            (tick, housekeeping) => tick.or(housekeeping),
        }
    }

    /// The next datagram to send. Ask until `None`: then the buffer is free for more.
    #[inline]
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        self.outbox.poll_transmit()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.outbox.events.pop_front()
    }

    pub fn poll_request(&mut self) -> Option<Request> {
        self.outbox.requests.pop_front()
    }

    #[inline]
    fn find(&self, port: Port) -> Option<usize> {
        if port.worker != self.worker {
            return None;
        }
        (self.by_number[usize::from(port.number / 2)] as usize).checked_sub(1)
    }

    fn leg(&mut self, port: Port) -> Option<(usize, &mut Leg, &mut Outbox)> {
        let at = self.find(port)?;
        self.legs[at].as_deref_mut().map(|leg| (at, leg, &mut self.outbox))
    }

    fn open(&mut self, now: Duration, port: Port, stream: Stream) {
        if port.worker != self.worker {
            return;
        }
        if self.find(port).is_some() {
            return self.retarget(now, port, stream);
        }
        self.ports.opened(port);
        let leg = Box::new(Leg::new(now, port, stream, &self.settings, &mut self.chance));
        let at = match self.free.pop() {
            Some(at) => {
                self.legs[at] = Some(leg);
                at
            }
            None => {
                self.legs.push(Some(leg));
                self.legs.len() - 1
            }
        };
        self.by_number[usize::from(port.number / 2)] = at as u32 + 1;
        self.want_ports();
    }

    fn want_ports(&mut self) {
        if let Some(count) = self.ports.wanted() {
            self.outbox.request(Request::BindPorts { count });
        }
    }

    fn close(&mut self, now: Duration, port: Port) {
        if port.worker != self.worker {
            return;
        }
        if let Some(at) = self.find(port) {
            self.leave_bridge(at);
            self.by_number[usize::from(port.number / 2)] = 0;
            self.wheel.remove(at);
            self.free.push(at);
            if let Some(mut leg) = self.legs[at].take() {
                leg.end_play(false, &mut self.outbox);
                leg.report(now, &self.settings, true, &mut self.outbox);
                self.outbox.request(Request::Disconnect { port });
                self.detach(now, &leg);
                while let Some(waiting) = self.shelf.abandon(|waiting| waiting.port == port) {
                    self.outbox.event(Event::PlayEnded { port, token: waiting.token, complete: false });
                }
                self.outbox.event(Event::Closed { port, statistics: leg.statistics() });
            }
        }
        self.ports.closed(now, port);
    }

    fn bridge(&mut self, a: Port, b: Port) {
        let (Some(a), Some(b)) = (self.find(a), self.find(b)) else { return };
        if a == b {
            return;
        }
        self.leave_bridge(a);
        self.leave_bridge(b);
        for (at, peer) in [(a, b), (b, a)] {
            if let Some(leg) = self.legs[at].as_deref_mut() {
                leg.peer = Some(peer);
                leg.end_translation();
                leg.out.rejoin();
            }
        }
    }

    fn leave_bridge(&mut self, at: usize) {
        let peer = self.legs[at].as_deref_mut().and_then(|leg| leg.peer.take());
        for at in [Some(at), peer].into_iter().flatten() {
            if let Some(leg) = self.legs[at].as_deref_mut() {
                leg.peer = None;
                leg.end_translation();
            }
        }
    }

    fn start_ticking(&mut self, now: Duration, at: usize) {
        if let Some(leg) = self.legs[at].as_deref_mut()
            && leg.wants_ticks()
            && !leg.ticking
        {
            leg.ticking = true;
            self.wheel.add(now, at);
        }
    }

    fn keep_house(&mut self, now: Duration) {
        for at in 0..self.legs.len() {
            let Some(leg) = self.legs[at].as_deref_mut() else { continue };
            leg.handle_deadlines(now, &self.settings, &mut self.outbox);
            if !leg.keys.is_empty() {
                self.pass_keys(now, at);
            }
        }
        self.flush_recordings(now);
        self.give_up_late_plays(now);
        self.shelf.tidy(now);
        let rested = self.ports.rested(now);
        if !rested.is_empty() {
            self.outbox.event(Event::PortsAvailable { ports: rested });
        }
    }
}
