//! Sound for phones that have none: SIPp's scenarios name its port in their SDP.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::tenant::wave;

/// One UDP socket for many calls. Whoever sends it RTP hears a tone in µ-law as long as they send, and the keys of a phone (RFC 4733) at the
/// beginning if there are any: so the far end's RTP must come first, as a prompt or by the bridge.
#[derive(Debug)]
pub struct Ear {
    pub port: u16,
    stop: Arc<AtomicBool>,
    heard: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

const PACKET_TIME: Duration = Duration::from_millis(20);
/// Silence after which the same address is another call.
const FORGET: Duration = Duration::from_millis(1_200);
/// Packets after which a key is pressed: the prompt has begun by then.
const BEFORE_KEY: u32 = 15;
const TELEPHONE_EVENT: u8 = 101;

#[derive(Debug)]
struct Line {
    heard_at: Instant,
    next_at: Instant,
    sequence: u16,
    timestamp: u32,
    sent: u32,
}

impl Ear {
    /// `key`: what each call presses, once.
    pub fn open(key: Option<u8>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let (stop, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, calls) = (Arc::clone(&stop), Arc::clone(&heard));
        let thread = std::thread::spawn(move || listen(&socket, key, &stopped, &calls));
        Self { port, stop, heard, thread: Some(thread) }
    }

    /// Calls from which sound came.
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
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

fn listen(socket: &UdpSocket, key: Option<u8>, stop: &AtomicBool, calls: &AtomicUsize) {
    let mut lines: BTreeMap<SocketAddr, Line> = BTreeMap::new();
    let mut packet = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        let received = socket.recv_from(&mut packet);
        let now = Instant::now();
        if let Ok((12.., from)) = received {
            let line = lines.entry(from).or_insert_with(|| {
                calls.fetch_add(1, Ordering::Relaxed);
                Line { heard_at: now, next_at: now, sequence: 1, timestamp: 0, sent: 0 }
            });
            line.heard_at = now;
        }
        lines.retain(|_, line| now - line.heard_at < FORGET);
        for (to, line) in &mut lines {
            while line.next_at <= now {
                line.next_at += PACKET_TIME;
                line.speak(socket, *to, key);
            }
        }
    }
}

impl Line {
    fn speak(&mut self, socket: &UdpSocket, to: SocketAddr, key: Option<u8>) {
        // Eight packets of one key: duration rises, the last three have the end bit (RFC 4733 §2.5.1.4).
        let press = key.zip(self.sent.checked_sub(BEFORE_KEY).filter(|step| *step < 8));
        let payload = match press {
            Some((key, step)) => {
                let duration = ((step.min(5) + 1) * 160) as u16;
                let end = if step >= 5 { 0x80 } else { 0 };
                let [high, low] = duration.to_be_bytes();
                vec![key, end | 10, high, low]
            }
            None => (0..160).map(|index| ulaw(wave(self.timestamp.wrapping_add(index), 400.0))).collect(),
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
    }
}

/// ITU-T G.711 µ-law.
fn ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + 0x84).min(0x7fff);
    let exponent = (7 - (magnitude << 1).leading_zeros().saturating_sub(16)).min(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent as u8) << 4 | mantissa as u8)
}
