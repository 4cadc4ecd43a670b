//! One leg: what it heard, what it sends, and what it is in the middle of.

mod generated;
mod translated;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use plugboard_codec::{Adaptation, Codec, Law, OpusParameters};
use plugboard_rtp::{Arrival, Packet, Press, Presses, Pressing, Reception, TelephoneEvent};

use crate::chance::Chance;
use crate::command::Stream;
use crate::ears::Ears;
use crate::event::{Event, Statistics};
use crate::latch::{Latch, Verdict};
use crate::listener::Listener;
use crate::mouth::Mouth;
use crate::murmur::Murmur;
use crate::outbox::{Channel, Outbox, Request};
use crate::outgoing::Outgoing;
use crate::plane::COMFORT_NOISE;
use crate::playing::Playing;
use crate::protection::Protection;
use crate::reports::Reports;
use crate::settings::Settings;
use crate::timeline::Side;
use crate::tone::EncodedTone;
use crate::{Digit, FRAME, Port, Refused, quality};

/// A press that no packet goes on with for this long has lost its end.
const PRESS_PATIENCE: Duration = Duration::from_millis(120);
/// A sender that pressed nothing for this long may have set its clock anew.
const PRESS_MEMORY: Duration = Duration::from_secs(1);
/// Length of the keys that we press, and of the pause behind each, in packets of 20 ms.
const PRESS_TICKS: u16 = 6;
const PAUSE_TICKS: u8 = 4;
/// Digits waiting to be sent.
const MAX_DIGITS: usize = 64;
/// The largest packet that we generate: 200 ms.
const MAX_PACKET: usize = 10 * FRAME;

#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) port: Port,
    pub(crate) stream: Stream,
    pub(crate) muted: bool,
    pub(crate) latch: Latch,
    incoming: Option<Reception>,
    /// Received and lost of senders before `incoming`.
    earlier: (u64, u64),
    /// Lost packets whose copy came in the next one (Opus).
    repeated: u64,
    bytes_received: u64,
    strangers: u64,
    presses: Presses,
    press_heard: Duration,
    /// Who sent the newest packet of a key: some gateways use another SSRC for keys than for audio.
    press_ssrc: u32,
    listener: Option<Box<Listener>>,
    /// What it says as samples, while somebody needs them.
    pub(crate) ears: Option<Box<Ears>>,
    /// What it is told, while that has to be encoded.
    mouth: Option<Box<Mouth>>,
    /// What it hears while the other leg describes its silence.
    murmur: Option<Box<Murmur>>,
    /// Of what is encoded for it, where the codec can.
    adaptation: Option<Adaptation>,
    /// Reused for frames that are copied.
    frame: Vec<u8>,
    /// Keys to be passed to the bridged leg in another form.
    pub(crate) keys: Vec<(Digit, Form)>,
    /// Newest RTP, or when the leg began to wait for it.
    pub(crate) heard: Duration,
    pub(crate) heard_any: bool,
    timeout_told: bool,
    /// The far end said what its silence sounds like, and nothing since: it is not gone while its reports come (RFC 3389 §4 lets it send no more).
    is_quiet: bool,
    pub(crate) out: Outgoing,
    /// SRTP, in both directions.
    pub(crate) protection: Option<Box<Protection>>,
    pub(crate) peer: Option<usize>,
    /// Recordings that this leg is a side of.
    pub(crate) recorded: Vec<(u64, Side)>,
    pub(crate) playing: Option<Playing>,
    /// The next generated packet starts a sound.
    pub(crate) marker: bool,
    digits: VecDeque<Digit>,
    sending: Option<Sending>,
    /// Ticks until the next generated packet, where packets are longer than a tick.
    skip: u8,
    /// Whether the wheel visits this leg.
    pub(crate) ticking: bool,
    reports: Reports,
}

/// A key on its way out.
#[derive(Debug)]
enum Sending {
    Event { pressing: Pressing, timestamp: u32 },
    Tone { tone: Box<EncodedTone>, at: u64 },
    Pause { ticks: u8 },
}

/// How a key came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As telephone-event.
    Event,
    /// In the audio.
    Tone,
}

/// What the plane does with a packet that the leg took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Audio(Codec),
    Event,
    /// A description of silence (RFC 3389).
    Noise,
    /// Taken, but not for the other leg.
    Quiet,
    /// Not of this leg's far end.
    Nothing,
}

impl Leg {
    pub(crate) fn new(now: Duration, port: Port, stream: Stream, settings: &Settings, chance: &mut Chance) -> Self {
        let numbers = chance.number();
        let ssrc = (chance.number() >> 32) as u32;
        let sequence = numbers as u16;
        // Far from its turn: who loses the first packets must not mistake how often it turned (RFC 3711 §3.3.1).
        let sequence = if stream.srtp.is_some() { sequence & 0x7fff } else { sequence };
        Self {
            port,
            stream,
            muted: false,
            latch: Latch::new(stream.remote, settings.relatch_after),
            incoming: None,
            earlier: (0, 0),
            repeated: 0,
            bytes_received: 0,
            strangers: 0,
            presses: Presses::default(),
            press_heard: now,
            press_ssrc: 0,
            listener: listener(&stream),
            ears: None,
            mouth: None,
            murmur: None,
            adaptation: adaptation(&stream),
            frame: Vec::new(),
            keys: Vec::new(),
            heard: now,
            heard_any: false,
            timeout_told: false,
            is_quiet: false,
            out: Outgoing::new(ssrc, sequence, (numbers >> 32) as u32, stream.codec.clock_rate()),
            protection: stream.srtp.map(|keys| Protection::new(keys).into()),
            peer: None,
            recorded: Vec::new(),
            playing: None,
            marker: true,
            digits: VecDeque::new(),
            sending: None,
            skip: 0,
            ticking: false,
            reports: Reports::new(now, Chance::new(chance.number()), settings),
        }
    }

    pub(crate) fn retarget(&mut self, now: Duration, stream: Stream, outbox: &mut Outbox) {
        if stream.remote != self.stream.remote {
            self.latch.retarget(stream.remote);
            self.reports.forget_source();
            outbox.request(Request::Disconnect { port: self.port });
        }
        if stream.detect_inband_dtmf != self.listener.is_some() {
            self.listener = listener(&stream);
        }
        if stream.codec != self.stream.codec || stream.opus != self.stream.opus {
            self.end_translation();
            self.adaptation = adaptation(&stream);
        }
        if stream.codec.clock_rate() != self.stream.codec.clock_rate() {
            self.forget_sender();
        }
        if stream.direction.receives() && !self.stream.direction.receives() {
            self.wait_anew(now);
        }
        match (&mut self.protection, stream.srtp) {
            (Some(protection), Some(keys)) => protection.rekey(keys),
            (protection, keys) => *protection = keys.map(|keys| Protection::new(keys).into()),
        }
        self.stream = stream;
        self.marker = true;
        self.out.set_clock(now, stream.codec.clock_rate());
    }

    fn forget_sender(&mut self) {
        if let Some(before) = self.incoming.take() {
            self.earlier.0 += before.received();
            self.earlier.1 += before.lost();
            self.reports.forget_sender();
        }
    }

    /// The silence so far was expected: the time-out begins now.
    pub(crate) fn wait_anew(&mut self, now: Duration) {
        self.heard = now;
        self.timeout_told = false;
    }

    /// Whether relayed audio reaches the far end now: nothing else is being sent.
    pub(crate) fn takes_relay(&self) -> bool {
        self.stream.direction.sends() && self.playing.is_none() && self.sending.is_none()
    }

    pub(crate) fn wants_ticks(&self) -> bool {
        self.playing.is_some() || self.sending.is_some() || self.murmur.is_some() || !self.digits.is_empty()
    }

    pub(crate) fn queue_digits(&mut self, digits: &[Digit]) {
        let room = MAX_DIGITS - self.digits.len().min(MAX_DIGITS);
        self.digits.extend(digits.iter().take(room));
    }

    /// Takes one RTP packet of the network: lock, statistics and keys.
    #[inline]
    pub(crate) fn handle_rtp(
        &mut self,
        now: Duration,
        source: SocketAddr,
        packet: &Packet<'_>,
        outbox: &mut Outbox,
    ) -> Heard {
        let is_event = self.stream.telephone_event.is_some_and(|kind| kind.receive == packet.payload_type);
        let codec = if is_event { None } else { self.codec_of(packet.payload_type) };
        // Only what was negotiated can lock a source or count.
        if !is_event && codec.is_none() && packet.payload_type != COMFORT_NOISE {
            return Heard::Nothing;
        }
        match self.latch.admit(now, source, packet) {
            Verdict::Accepted => {}
            // A connected socket hears nobody else, not even the address of the SDP, which must be able to take its call back.
            Verdict::Locked { signalled: true } => outbox.request(Request::Connect { port: self.port, source }),
            Verdict::Locked { signalled: false } => {
                self.reports.forget_source();
                outbox.request(Request::Disconnect { port: self.port });
            }
            Verdict::Refused => {
                self.strangers += 1;
                return Heard::Nothing;
            }
        }
        if !self.count(now, packet, outbox) {
            return Heard::Nothing;
        }
        self.heard = now;
        self.timeout_told = false;
        if !is_event {
            self.is_quiet = codec.is_none();
        }
        if !self.heard_any {
            self.heard_any = true;
            outbox.event(Event::Heard { port: self.port });
        }
        if is_event {
            self.take_event(now, packet, outbox);
            return Heard::Event;
        }
        if !self.stream.direction.receives() {
            return Heard::Quiet;
        }
        let Some(codec) = codec else { return Heard::Noise };
        if let (Some(listener), Some(law)) = (&mut self.listener, codec.law()) {
            let (port, keys) = (self.port, &mut self.keys);
            listener.handle(now, law, packet, |digit, length| heard_tone(port, keys, digit, length, outbox));
        }
        Heard::Audio(codec)
    }

    /// Takes one packet of a key.
    fn take_event(&mut self, now: Duration, packet: &Packet<'_>, outbox: &mut Outbox) {
        let Some(event) = TelephoneEvent::parse(packet.payload) else { return };
        let is_other = std::mem::replace(&mut self.press_ssrc, packet.ssrc) != packet.ssrc;
        let paused = now.saturating_sub(std::mem::replace(&mut self.press_heard, now)) >= PRESS_MEMORY;
        if is_other || paused {
            self.forget_presses(outbox);
        }
        for press in self.presses.handle(packet.timestamp, event).into_iter().flatten() {
            self.pressed(press, outbox);
        }
    }

    fn forget_presses(&mut self, outbox: &mut Outbox) {
        if let Some(press) = self.presses.reset() {
            self.pressed(press, outbox);
        }
    }

    fn pressed(&mut self, press: Press, outbox: &mut Outbox) {
        let duration = Duration::from_micros(
            u64::from(press.ticks) * 1_000_000 / u64::from(self.stream.telephone_event_clock.max(1)),
        );
        self.keys.push((press.digit, Form::Event));
        outbox.event(Event::Digit { port: self.port, digit: press.digit, duration });
    }

    /// Presses a key of the bridged leg towards this far end, if it came in a form that was not relayed. `relayed` says whether events are.
    pub(crate) fn pass_key(&mut self, (digit, form): (Digit, Form), relayed: bool) {
        let as_event = self.stream.telephone_event.is_some();
        let anew = match form {
            Form::Tone => as_event,
            Form::Event => !as_event || !relayed,
        };
        if self.stream.direction.sends() && self.playing.is_none() && anew {
            self.queue_digits(&[digit]);
        }
    }

    /// A far end that was offered both laws may send either by its static type, whichever it answered first, and beside G.722 as well.
    #[inline]
    fn codec_of(&self, payload_type: u8) -> Option<Codec> {
        if payload_type == self.stream.payload_type.receive {
            return Some(self.stream.codec);
        }
        let is_telephone = self.stream.codec != Codec::Opus;
        [Codec::Pcmu, Codec::Pcma]
            .into_iter()
            .find(|codec| is_telephone && codec.static_payload_type() == Some(payload_type))
    }

    /// False for a packet that belongs to no stream that we know (RFC 3550 appendix A.1).
    #[inline]
    fn count(&mut self, now: Duration, packet: &Packet<'_>, outbox: &mut Outbox) -> bool {
        let incoming = match &mut self.incoming {
            Some(incoming) if incoming.ssrc() == packet.ssrc => incoming,
            _ => {
                // Another sender behind the same address: a transfer at the far end.
                self.forget_sender();
                let clock = self.stream.codec.clock_rate();
                self.incoming.insert(Reception::new(packet.ssrc, packet.sequence, clock))
            }
        };
        // Asked of Opus alone: what goes on is the way of every packet.
        let lost = (self.stream.codec == Codec::Opus).then(|| incoming.lost());
        let arrival = incoming.handle(now, packet.sequence, packet.timestamp);
        if lost.is_some_and(|before| incoming.lost() > before) && self.stream.codec.repeats(packet.payload) {
            self.repeated += 1;
        }
        match arrival {
            Arrival::Newer | Arrival::Older => {}
            Arrival::Restart => self.forget_presses(outbox),
            Arrival::Stray => return false,
        }
        self.bytes_received += packet.payload.len() as u64;
        true
    }

    /// Ends what plays, if anything does.
    pub(crate) fn end_play(&mut self, complete: bool, outbox: &mut Outbox) {
        if let Some(playing) = self.playing.take() {
            outbox.event(Event::PlayEnded { port: self.port, token: playing.token, complete });
            self.skip = 0;
            self.marker = true;
        }
    }

    fn send_audio(&mut self, now: Duration, ticks: u32, frame: &[u8], outbox: &mut Outbox) {
        // The first packet of a sound follows what was sent before by the clock; then each follows the last by its length.
        let marker = std::mem::take(&mut self.marker);
        let timestamp = self.out.timestamp_after(now, marker);
        self.send_own(now, self.stream.payload_type.send, marker, (timestamp, ticks), frame, outbox);
    }

    fn send_own(
        &mut self,
        now: Duration,
        payload_type: u8,
        marker: bool,
        (timestamp, ticks): (u32, u32),
        payload: &[u8],
        outbox: &mut Outbox,
    ) {
        if !self.stream.direction.sends() {
            return;
        }
        let Some(destination) = self.latch.destination() else { return };
        let packet = self.out.generate(now, payload_type, marker, (timestamp, ticks), payload);
        outbox.transmit_rtp(self.port, destination, self.protection.as_deref_mut(), |bytes| packet.write(bytes));
    }

    /// Takes RTCP of the far end: what it says of us, and when it spoke.
    pub(crate) fn handle_rtcp(
        &mut self,
        now: Duration,
        (channel, source): (Channel, SocketAddr),
        bytes: &[u8],
        settings: &Settings,
    ) {
        if self.latch.trusts_host(source) {
            if self.is_quiet {
                self.heard = now;
            }
            let theirs = self.incoming.as_ref().map(Reception::ssrc);
            let ours = (self.out.ssrc, self.stream.codec.clock_rate(), theirs);
            let report = self.reports.handle(now, (channel, source), bytes, ours, settings);
            if let (Some(report), Some(adaptation)) = (report, &mut self.adaptation)
                && let Some(target) = adaptation.handle_report(now, report)
                && let Some(mouth) = &mut self.mouth
            {
                mouth.aim(target);
            }
        }
    }

    /// Looks at everything that has a deadline. Some ten times a second.
    pub(crate) fn handle_deadlines(&mut self, now: Duration, settings: &Settings, outbox: &mut Outbox) {
        if self.latch.handle_tick(now) {
            outbox.request(Request::Disconnect { port: self.port });
        }
        if self.presses.pressed()
            && now.saturating_sub(self.press_heard) >= PRESS_PATIENCE
            && let Some(press) = self.presses.handle_silence()
        {
            self.pressed(press, outbox);
        }
        let silent_for = now.saturating_sub(self.heard);
        if let Some(listener) = &mut self.listener {
            let (port, keys) = (self.port, &mut self.keys);
            let told = |digit, length| heard_tone(port, keys, digit, length, outbox);
            if silent_for >= PRESS_PATIENCE { listener.handle_silence(told) } else { listener.listen(now, told) }
        }
        if !self.timeout_told && self.stream.direction.receives() && silent_for >= settings.rtp_timeout {
            self.timeout_told = true;
            outbox.event(Event::RtpTimeout { port: self.port, silent_for });
        }
        if now >= self.reports.next {
            self.report(now, settings, false, outbox);
        }
    }

    /// Sends SR or RR, and BYE at the end.
    pub(crate) fn report(&mut self, now: Duration, settings: &Settings, goodbye: bool, outbox: &mut Outbox) {
        let leg = (self.port, &self.stream, &self.latch);
        let out = (outbox, self.protection.as_deref_mut());
        self.reports.send(now, leg, (&self.out, self.incoming.as_mut()), settings, goodbye, out);
    }

    /// What the leg saw, at its end.
    pub(crate) fn statistics(&self) -> Statistics {
        let (received, lost, jitter) = match &self.incoming {
            Some(incoming) => {
                (self.earlier.0 + incoming.received(), self.earlier.1 + incoming.lost(), incoming.jitter())
            }
            None => (0, 0, Duration::ZERO),
        };
        let share_lost = lost.saturating_sub(self.repeated) as f32 / (received + lost).max(1) as f32;
        let one_way = self.reports.round_trip.unwrap_or_default() / 2;
        Statistics {
            received,
            sent: self.out.packets,
            bytes_received: self.bytes_received,
            bytes_sent: self.out.bytes,
            lost,
            lost_by_remote: self.reports.lost_by_remote,
            jitter,
            jitter_max: self.reports.jitter_max.max(jitter),
            round_trip: self.reports.round_trip,
            strangers: self.strangers,
            refused: self.protection.as_ref().map_or_else(Refused::default, |protection| protection.refused()),
            mos: (received > 0).then(|| quality::mos(share_lost, jitter, one_way)),
        }
    }
}

fn listener(stream: &Stream) -> Option<Box<Listener>> {
    // What is decoded for it has no law of its own.
    stream.detect_inband_dtmf.then(|| Box::new(Listener::new(stream.codec.law().unwrap_or(Law::A))))
}

fn adaptation(stream: &Stream) -> Option<Adaptation> {
    let OpusParameters { max_average_bitrate, inband_fec } = stream.opus;
    (stream.codec == Codec::Opus).then(|| Adaptation::new(max_average_bitrate, inband_fec))
}

fn heard_tone(port: Port, keys: &mut Vec<(Digit, Form)>, digit: Digit, duration: Duration, outbox: &mut Outbox) {
    keys.push((digit, Form::Tone));
    outbox.event(Event::Digit { port, digit, duration });
}
