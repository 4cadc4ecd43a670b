//! Sound for phones that have none: SIPp's scenarios name its port in their SDP.

use std::{
    collections::{BTreeMap, VecDeque},
    f32::consts::TAU,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::tenant::{RATE, wave};

/// One UDP socket for many calls. Whoever sends it RTP hears its tone in µ-law as long as they send, and the keys of a phone (RFC 4733) at the
/// beginning if there are any: so the far end's RTP must come first, as a prompt or by the bridge. What it hears is kept.
#[derive(Debug)]
pub struct Ear {
    pub port: u16,
    stop: Arc<AtomicBool>,
    heard: Arc<Heard>,
    keys: Sender<u8>,
    /// Keys that were asked for.
    asked: AtomicUsize,
    thread: Option<JoinHandle<()>>,
}

/// What one call said to an ear.
#[derive(Clone, Debug)]
pub struct Hearing {
    pub from: SocketAddr,
    pub packets: Vec<Packet>,
}

#[derive(Clone, Copy, Debug)]
pub struct Packet {
    pub at: Instant,
    pub sound: Sound,
}

/// What 20 ms sound like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sound {
    Silence,
    /// The strongest of the multiples of 50 Hz from 200 to 1,000: all tones of these tests are among them.
    Hertz(u32),
}

#[derive(Debug, Default)]
struct Heard {
    calls: Mutex<Vec<Hearing>>,
    more: Condvar,
    /// Keys that were pressed to their end.
    pressed: AtomicUsize,
}

const PACKET_TIME: Duration = Duration::from_millis(20);
/// Silence after which the same address is another call.
const FORGET: Duration = Duration::from_millis(1_200);
/// Packets after which a key is pressed: the prompt has begun by then.
const BEFORE_KEY: u32 = 15;
const TELEPHONE_EVENT: u8 = 101;
/// Packets of one key, and from the beginning of one to the next.
const KEY: u32 = 8;
const KEY_AND_PAUSE: u32 = 13;

/// A call to which the ear listens and speaks.
#[derive(Debug)]
struct Line {
    /// Its place among all that was heard.
    index: usize,
    heard_at: Instant,
    next_at: Instant,
    sequence: u16,
    timestamp: u32,
    sent: u32,
    /// To be pressed.
    keys: VecDeque<u8>,
    /// The one that is pressed, and packets since it began.
    pressed: Option<(u8, u32)>,
}

impl Ear {
    /// Says 400 Hz. `key`: what each call presses, once.
    pub fn open(key: Option<u8>) -> Self {
        Self::with(key, 400)
    }

    /// Says a tone by which it is known.
    pub fn saying(hertz: u32) -> Self {
        Self::with(None, hertz)
    }

    fn with(key: Option<u8>, hertz: u32) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // No wait of a test: the voice goes on at its own pace between what comes in.
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let (stop, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(Heard::default()));
        let (stopped, kept) = (Arc::clone(&stop), Arc::clone(&heard));
        let voice = Voice { key, hertz };
        let (keys, pressed) = channel();
        let thread = std::thread::spawn(move || listen(&socket, voice, &pressed, &stopped, &kept));
        Self { port, stop, heard, keys, asked: AtomicUsize::new(0), thread: Some(thread) }
    }

    /// Whoever is called presses these keys, one after the other.
    pub fn press(&self, keys: &str) {
        for key in keys.chars() {
            let code = match key {
                '*' => 10,
                '#' => 11,
                digit => digit.to_digit(10).unwrap() as u8,
            };
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.keys.send(code).unwrap();
        }
    }

    /// Waits until the keys of the one call are pressed: what is heard goes on meanwhile.
    pub fn until_pressed(&self, within: Duration) {
        let asked = self.asked.load(Ordering::Relaxed);
        self.until("the end of the keys", within, |_| self.heard.pressed.load(Ordering::Relaxed) >= asked);
    }

    /// Everything heard so far, by call in the order of their beginning.
    pub fn heard(&self) -> Vec<Hearing> {
        self.heard.calls.lock().unwrap().clone()
    }

    /// Waits until what was heard is as `wanted`, and gives all of it.
    pub fn until(&self, what: &str, within: Duration, wanted: impl Fn(&[Hearing]) -> bool) -> Vec<Hearing> {
        let calls = self.heard.calls.lock().unwrap();
        let (calls, waited) = self.heard.more.wait_timeout_while(calls, within, |calls| !wanted(calls)).unwrap();
        let last: Vec<_> = calls.iter().map(|call| (call.from, call.packets.len(), call.packets.last())).collect();
        assert!(!waited.timed_out(), "{what} was not heard within {} s, but {last:?}", within.as_secs());
        calls.clone()
    }

    /// Waits until a call sounds like this, and has for a quarter of a second.
    pub fn until_sounds(&self, sound: Sound, within: Duration) -> Vec<Hearing> {
        self.until(&format!("{sound:?}"), within, |calls| calls.iter().any(|call| call.sounds_like(sound)))
    }
}

impl Hearing {
    fn sounds_like(&self, sound: Sound) -> bool {
        self.packets.last_chunk::<12>().is_some_and(|last| last.iter().all(|packet| packet.sound == sound))
    }

    pub fn count(&self, sound: Sound) -> usize {
        self.packets.iter().filter(|packet| packet.sound == sound).count()
    }

    /// Number of packets of each sound within a time.
    pub fn sounds(&self, within: &RangeInclusive<Instant>) -> BTreeMap<Sound, usize> {
        let mut sounds = BTreeMap::new();
        for packet in self.packets.iter().filter(|packet| within.contains(&packet.at)) {
            *sounds.entry(packet.sound).or_default() += 1;
        }
        sounds
    }

    /// The longest time without an audible packet, from the first to the last one that was audible.
    pub fn longest_silence(&self) -> Duration {
        let audible: Vec<Instant> =
            self.packets.iter().filter(|packet| packet.sound != Sound::Silence).map(|packet| packet.at).collect();
        audible.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(Duration::MAX)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Voice {
    key: Option<u8>,
    hertz: u32,
}

fn listen(socket: &UdpSocket, voice: Voice, keys: &Receiver<u8>, stop: &AtomicBool, heard: &Heard) {
    let mut lines: BTreeMap<SocketAddr, Line> = BTreeMap::new();
    let mut packet = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        let received = socket.recv_from(&mut packet);
        let now = Instant::now();
        if let Ok((length @ 12.., from)) = received {
            let mut calls = heard.calls.lock().unwrap();
            let line = lines.entry(from).or_insert_with(|| {
                calls.push(Hearing { from, packets: Vec::new() });
                let index = calls.len() - 1;
                let keys = VecDeque::new();
                Line { index, heard_at: now, next_at: now, sequence: 1, timestamp: 0, sent: 0, keys, pressed: None }
            });
            line.heard_at = now;
            calls[line.index].packets.push(Packet { at: now, sound: sound_of(&packet[12..length]) });
            heard.more.notify_all();
        }
        for key in keys.try_iter() {
            lines.values_mut().for_each(|line| line.keys.push_back(key));
        }
        // Who presses keys into silence has not hung up.
        lines.retain(|_, line| now - line.heard_at < FORGET || line.pressed.is_some());
        for (to, line) in &mut lines {
            while line.next_at <= now {
                line.next_at += PACKET_TIME;
                if line.speak(socket, *to, voice) {
                    heard.pressed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

impl Line {
    /// Sends 20 ms; gives whether a key ends with them.
    fn speak(&mut self, socket: &UdpSocket, to: SocketAddr, voice: Voice) -> bool {
        if self.sent == BEFORE_KEY {
            self.keys.extend(voice.key);
        }
        self.pressed = match self.pressed {
            Some((key, step)) if step + 1 < KEY_AND_PAUSE => Some((key, step + 1)),
            _ => self.keys.pop_front().map(|key| (key, 0)),
        };
        // Duration rises, the last three have the end bit (RFC 4733 §2.5.1.4).
        let press = self.pressed.filter(|(_, step)| *step < KEY);
        let payload = match press {
            Some((key, step)) => {
                let duration = ((step.min(5) + 1) * 160) as u16;
                let end = if step >= 5 { 0x80 } else { 0 };
                let [high, low] = duration.to_be_bytes();
                vec![key, end | 10, high, low]
            }
            None => {
                let samples = (0..160).map(|index| wave(self.timestamp.wrapping_add(index), voice.hertz as f32));
                samples.map(ulaw).collect()
            }
        };
        let kind = match press {
            Some((_, 0)) => TELEPHONE_EVENT | 0x80,
            Some(_) => TELEPHONE_EVENT,
            None => 0,
        };
        // All packets of a key bear the time of its beginning.
        let timestamp = press.map_or(self.timestamp, |(_, step)| self.timestamp.wrapping_sub(step * 160));
        let mut packet = vec![0x80, kind];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(0x1234_5678_u32.to_be_bytes());
        packet.extend(payload);
        // The far end may have closed its port a moment ago.
        let _ = socket.send_to(&packet, to);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        self.sent += 1;
        self.pressed.is_some_and(|(_, step)| step + 1 == KEY_AND_PAUSE)
    }
}

/// Number of 20 ms of each sound in a WAV file, of its first channel: of tones alone, so that nothing is lost where its rate is higher than ours.
pub fn sounds_of_file(path: &Path) -> BTreeMap<Sound, usize> {
    let wav = hound::WavReader::open(path).unwrap();
    let step = usize::from(wav.spec().channels) * (wav.spec().sample_rate / RATE) as usize;
    let samples: Vec<f32> = wav.into_samples::<i16>().step_by(step).map(|sample| f32::from(sample.unwrap())).collect();
    let mut sounds = BTreeMap::new();
    for packet in samples.chunks_exact(160) {
        *sounds.entry(sound_of_samples(packet)).or_default() += 1;
    }
    sounds
}

/// Of a payload in µ-law.
fn sound_of(payload: &[u8]) -> Sound {
    sound_of_samples(&payload.iter().map(|byte| f32::from(linear(*byte))).collect::<Vec<_>>())
}

/// At 8 kHz a packet of 20 ms tells tones apart that are 50 Hz apart.
fn sound_of_samples(samples: &[f32]) -> Sound {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32;
    // −50 dB of full scale.
    if power.sqrt() < 100.0 {
        return Sound::Silence;
    }
    let strength = |hertz: u32| {
        // Goertzel's filter.
        let coefficient = 2.0 * (hertz as f32 * TAU / RATE as f32).cos();
        let (last, before) = samples
            .iter()
            .fold((0.0_f32, 0.0_f32), |(last, before), sample| (sample + coefficient * last - before, last));
        last * last + before * before - coefficient * last * before
    };
    let tones = (200..=1_000).step_by(50);
    let strongest = tones.map(|hertz| (strength(hertz), hertz)).max_by(|a, b| a.0.total_cmp(&b.0));
    strongest.map_or(Sound::Silence, |(_, hertz)| Sound::Hertz(hertz))
}

/// ITU-T G.711 µ-law.
fn ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + 0x84).min(0x7fff);
    let exponent = (7 - (magnitude << 1).leading_zeros().saturating_sub(16)).min(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent as u8) << 4 | mantissa as u8)
}

fn linear(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i32::from(byte & 0x0f) << 3) + 0x84) << ((byte >> 4) & 7);
    let magnitude = (magnitude - 0x84) as i16;
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tone_is_known_through_ulaw_and_silence_is_none() {
        let heard = |hertz: u32| {
            let payload: Vec<u8> = (0..160).map(|index| ulaw(wave(index + 77, hertz as f32))).collect();
            sound_of(&payload)
        };
        let tones = [200, 300, 400, 500, 600, 700, 800];
        assert_eq!((tones.map(heard), sound_of(&[0xff; 160])), (tones.map(Sound::Hertz), Sound::Silence));
    }

    #[test]
    fn silence_is_counted_between_audible_packets_whether_silent_or_missing() {
        let start = Instant::now();
        let packet = |(ms, sound)| Packet { at: start + Duration::from_millis(ms), sound };
        let (tone, none) = (Sound::Hertz(400), Sound::Silence);
        let packets = [(0, tone), (20, none), (40, none), (60, tone), (160, tone), (180, none)].map(packet).to_vec();
        let hearing = Hearing { from: (Ipv4Addr::LOCALHOST, 1).into(), packets };
        assert_eq!(hearing.longest_silence(), Duration::from_millis(100));
    }
}
