//! One worker's share of the media plane: all its legs, bridges, prompts and recordings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plugboard_rtp::{Packet, rtcp};

use crate::Port;
use crate::chance::Chance;
use crate::command::{Command, Repeat, Source, Stream};
use crate::event::{Event, PlayError, RecordingError};
use crate::leg::{Heard, Leg};
use crate::outbox::{Channel, Outbox, Request, Transmit};
use crate::playing::{Piece, Playing};
use crate::ports::Ports;
use crate::prompt::{Prompt, PromptError};
use crate::recorder::RecorderInput;
use crate::settings::Settings;
use crate::shelf::{Shelf, Wait, Waiting};
use crate::timeline::{Side, Timeline};
use crate::tone::samples;
use crate::wheel::Wheel;

/// Deadlines are looked at so often.
const HOUSEKEEPING: Duration = Duration::from_millis(100);
/// Samples are handed to the writer so often.
const FLUSH: Duration = Duration::from_secs(1);
/// A file that takes longer to load will not be waited for.
const LOAD_PATIENCE: Duration = Duration::from_secs(5);

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
}

#[derive(Debug)]
struct Recording {
    timeline: Timeline,
    left: Option<Port>,
    right: Option<Port>,
    flush: Duration,
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
        if channel == Channel::Rtcp || rtcp::is_rtcp(bytes) {
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
        if let Heard::Audio(codec) = heard {
            for (recording, side) in &leg.recorded {
                if let Some(recording) = self.recordings.get_mut(recording) {
                    recording.timeline.place(now, *side, (packet.ssrc, packet.timestamp), codec, packet.payload);
                }
            }
        }
        let (peer, has_keys) = (leg.peer, !leg.keys.is_empty());
        self.relay(now, peer, heard, &packet);
        if has_keys {
            self.pass_keys(now, at);
        }
    }

    /// Sends a packet on to the bridged leg, if that hears it now.
    #[inline]
    fn relay(&mut self, now: Duration, peer: Option<usize>, heard: Heard, packet: &Packet<'_>) {
        let Some(peer) = peer.and_then(|peer| self.legs[peer].as_deref_mut()) else { return };
        if !peer.takes_relay() {
            return;
        }
        let form = match heard {
            Heard::Audio(codec) => Some((peer.stream.payload_type, codec.translation(peer.stream.codec))),
            Heard::Event => peer.stream.telephone_event.map(|payload_type| (payload_type, None)),
            Heard::Quiet | Heard::Nothing => None,
        };
        let Some((payload_type, translation)) = form else {
            peer.out.leave_out(packet);
            return;
        };
        let Some(destination) = peer.latch.destination() else { return };
        let relayed = peer.out.relay(now, payload_type.send, packet);
        self.outbox.transmit(peer.port, Channel::Rtp, destination, |out| match translation {
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
        if let Some(peer) = peer.filter(|_| !muted)
            && let Some(leg) = self.legs[peer].as_deref_mut()
        {
            keys.into_iter().for_each(|key| leg.pass_key(key));
            self.start_ticking(now, peer);
        }
    }

    pub fn handle_command(&mut self, now: Duration, command: Command) {
        match command {
            Command::Open { port, stream } => self.open(now, port, stream),
            Command::Retarget { port, stream } => {
                if let Some((_, leg, outbox)) = self.leg(port) {
                    leg.retarget(now, stream, outbox);
                }
            }
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
            Command::StopPlay { port, token } => {
                if self.shelf.abandon(|waiting| waiting.port == port && waiting.token == token).is_some() {
                    self.outbox.event(Event::PlayEnded { port, token, complete: false });
                }
                if let Some((_, leg, outbox)) = self.leg(port)
                    && leg.playing.as_ref().is_some_and(|playing| playing.token == token)
                {
                    leg.end_play(false, outbox);
                }
            }
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

    /// Takes a file that was asked for by [`Request::LoadPrompt`].
    pub fn handle_prompt(&mut self, now: Duration, path: &Arc<Path>, loaded: Result<Arc<Prompt>, PromptError>) {
        match loaded {
            Ok(prompt) => {
                for ready in self.shelf.put(now, path, prompt) {
                    self.start_play(now, &ready);
                }
            }
            Err(error) => {
                let source = Arc::new(error);
                while let Some(Waiting { port, token, .. }) = self.shelf.abandon(|waiting| waiting.waits_for(path)) {
                    let reason = PlayError::Prompt { path: path.to_path_buf(), source: Arc::clone(&source) };
                    self.outbox.event(Event::PlayFailed { port, token, reason });
                }
                self.shelf.forget(path);
            }
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
        if let Some((_, leg, outbox)) = self.leg(port) {
            leg.retarget(now, stream, outbox);
            return;
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

    /// A leg that closes leaves its recordings; one that nobody speaks on any more is closed, so that none is left open.
    fn detach(&mut self, now: Duration, leg: &Leg) {
        for (number, side) in &leg.recorded {
            let Some(recording) = self.recordings.get_mut(number) else { continue };
            match side {
                Side::Left => recording.left = None,
                Side::Right => recording.right = None,
            }
            if recording.left.is_none() && recording.right.is_none() {
                self.stop_recording(now, *number);
            }
        }
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
                leg.out.rejoin();
            }
        }
    }

    fn leave_bridge(&mut self, at: usize) {
        let peer = self.legs[at].as_deref_mut().and_then(|leg| leg.peer.take());
        if let Some(peer) = peer.and_then(|peer| self.legs[peer].as_deref_mut()) {
            peer.peer = None;
        }
    }

    fn play(&mut self, now: Duration, port: Port, token: u64, sources: Vec<Source>, repeat: Repeat) {
        if self.find(port).is_none() {
            self.outbox.event(Event::PlayFailed { port, token, reason: PlayError::NoSuchLeg });
            return;
        }
        // The one that it replaces goes on until this one is ready, but one that still waits will never be heard.
        if let Some(replaced) = self.shelf.abandon(|waiting| waiting.port == port) {
            self.outbox.event(Event::PlayEnded { port, token: replaced.token, complete: false });
        }
        match self.shelf.gather(now, Waiting::new(now + LOAD_PATIENCE, port, token, sources, repeat)) {
            Wait::Ready(ready) => self.start_play(now, &ready),
            Wait::Loading(paths) => {
                for path in paths {
                    self.outbox.request(Request::LoadPrompt { path });
                }
            }
        }
    }

    fn start_play(&mut self, now: Duration, ready: &Waiting) {
        let Waiting { port, token, repeat, .. } = *ready;
        let shelf = &mut self.shelf;
        let piece = |source: &Source| match source {
            Source::File(path) => shelf.take(now, path).map(Piece::Prompt).ok_or_else(|| path.to_path_buf()),
            Source::Tone(tone) => Ok(Piece::Tone(shelf.tone(now, *tone))),
            Source::Silence(time) => Ok(Piece::Silence(samples(*time))),
        };
        let pieces = match ready.sources.iter().map(piece).collect::<Result<Vec<_>, _>>() {
            Ok(pieces) => pieces,
            // It was there when the play was asked for, and another has found since that it is no more.
            Err(path) => {
                let reason = PlayError::Prompt { path, source: Arc::new(PromptError::Missing) };
                self.outbox.event(Event::PlayFailed { port, token, reason });
                return;
            }
        };
        if let Some((at, leg, outbox)) = self.leg(port) {
            leg.end_play(false, outbox);
            leg.playing = Some(Playing::new(token, pieces, repeat));
            leg.marker = true;
            self.start_ticking(now, at);
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

    fn record(&mut self, now: Duration, recording: u64, path: std::path::PathBuf, left: Port, right: Option<Port>) {
        if self.recordings.contains_key(&recording) {
            return;
        }
        if self.find(left).is_none() {
            let reason = RecordingError::NoSuchLeg;
            self.outbox.event(Event::RecordingFailed { recording, reason });
            return;
        }
        // Each has its own phase, so that the writer is not given all of them at once.
        let flush = now + FLUSH.mul_f64(self.chance.share());
        let timeline = Timeline::new(now);
        self.recordings.insert(recording, Recording { timeline, left: None, right: None, flush });
        self.outbox.request(Request::Record(RecorderInput::Begin { recording, path }));
        self.attach_side(recording, Side::Left, left);
        if let Some(right) = right {
            self.attach_side(recording, Side::Right, right);
        }
    }

    fn attach(&mut self, recording: u64, right: Port) {
        self.attach_side(recording, Side::Right, right);
    }

    fn attach_side(&mut self, number: u64, side: Side, port: Port) {
        let Some(at) = self.find(port) else { return };
        let Some(recording) = self.recordings.get_mut(&number) else { return };
        let before = match side {
            Side::Left => recording.left.replace(port),
            Side::Right => recording.right.replace(port),
        };
        recording.timeline.attach(side);
        if let Some((_, leg, _)) = before.and_then(|before| self.leg(before)) {
            leg.recorded.retain(|recorded| *recorded != (number, side));
        }
        if let Some(leg) = self.legs[at].as_deref_mut() {
            leg.recorded.push((number, side));
        }
    }

    fn stop_recording(&mut self, now: Duration, number: u64) {
        let Some(mut recording) = self.recordings.remove(&number) else { return };
        for port in [recording.left, recording.right].into_iter().flatten() {
            if let Some((_, leg, _)) = self.leg(port) {
                leg.recorded.retain(|(recorded, _)| *recorded != number);
            }
        }
        let paused = recording.timeline.paused(now);
        let (position, frames) = recording.timeline.take_rest(now);
        for input in [
            RecorderInput::Samples { recording: number, position, frames },
            RecorderInput::Close { recording: number, paused },
        ] {
            self.outbox.request(Request::Record(input));
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
        for (number, recording) in &mut self.recordings {
            if now >= recording.flush {
                recording.flush = now + FLUSH;
                let (position, frames) = recording.timeline.take_settled(now);
                if !frames.is_empty() {
                    let input = RecorderInput::Samples { recording: *number, position, frames };
                    self.outbox.request(Request::Record(input));
                }
            }
        }
        while let Some(late) = self.shelf.abandon(|waiting| waiting.deadline <= now) {
            let (port, token) = (late.port, late.token);
            let path = late.missing().map(Path::to_path_buf).unwrap_or_default();
            let reason = PlayError::Slow { path, waited: LOAD_PATIENCE };
            self.outbox.event(Event::PlayFailed { port, token, reason });
        }
        self.shelf.tidy(now);
        let rested = self.ports.rested(now);
        if !rested.is_empty() {
            self.outbox.event(Event::PortsAvailable { ports: rested });
        }
    }
}
