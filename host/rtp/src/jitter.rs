use std::collections::BTreeMap;
use std::time::Duration;

use crate::Packet;

/// Packets held at most; at 20 ms each more than the largest delay needs.
const MAX_HELD: usize = 64;
/// A sequence number this far from the expected one is another stream.
const MAX_STEP: i32 = 3_000;

/// Puts packets back into order and even time, with as little delay as the network's jitter allows.
///
/// For whoever decodes: a mixer, a phone. A relay has no use for it, the far end has its own. The delay follows the lateness of packets: up at
/// once when one is late, down slowly while none is.
///
/// ```text
/// play-out of a packet = earliest arrival seen for its timestamp + delay
/// ```
#[derive(Clone, Debug)]
pub struct JitterBuffer {
    clock_rate: u32,
    min: Duration,
    max: Duration,
    delay: Duration,
    held: BTreeMap<i64, Held>,
    /// Extended number of the next packet to play; `None` before the first.
    next: Option<i64>,
    origin: Option<Origin>,
}

#[derive(Clone, Debug)]
struct Held {
    due_without_delay: Duration,
    payload: Vec<u8>,
}

/// The packet that came with the least time on the way, as far as we know.
#[derive(Clone, Copy, Debug)]
struct Origin {
    timestamp: u32,
    arrival: Duration,
}

/// What became of a packet that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffered {
    Held,
    /// Its turn has passed.
    Late,
    /// It is there already.
    Copy,
}

/// What is to be played next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Playout {
    Payload(Vec<u8>),
    /// The next packet is missing and a later one is due: conceal it.
    Lost,
    /// Nothing is due yet.
    Wait,
}

impl JitterBuffer {
    /// `clock_rate` in ticks a second; the delay stays between `min` and `max`.
    pub fn new(clock_rate: u32, min: Duration, max: Duration) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            min,
            max: max.max(min),
            delay: min,
            held: BTreeMap::new(),
            next: None,
            origin: None,
        }
    }

    /// The delay now.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Takes one packet that arrived at `now`.
    pub fn handle(&mut self, now: Duration, packet: &Packet<'_>) -> Buffered {
        let number = match self.next {
            None => i64::from(packet.sequence),
            Some(next) => {
                let step = i32::from(packet.sequence.wrapping_sub(next as u16) as i16);
                if step.abs() > MAX_STEP {
                    self.held.clear();
                    self.origin = None;
                    i64::from(packet.sequence)
                } else {
                    next + i64::from(step)
                }
            }
        };
        if self.held.is_empty() && self.origin.is_none() {
            self.next = Some(number);
        }
        let due_without_delay = self.earliest(now, packet.timestamp);
        let lateness = now.saturating_sub(due_without_delay);
        self.adapt(lateness);
        let next = *self.next.get_or_insert(number);
        if number < next {
            return Buffered::Late;
        }
        if self.held.contains_key(&number) {
            return Buffered::Copy;
        }
        self.held.insert(number, Held { due_without_delay, payload: packet.payload.to_vec() });
        if self.held.len() > MAX_HELD {
            self.held.pop_first();
            self.next = self.held.first_key_value().map(|(first, _)| *first);
        }
        Buffered::Held
    }

    /// When this timestamp would have arrived with the least time on the way.
    fn earliest(&mut self, now: Duration, timestamp: u32) -> Duration {
        let here = Origin { timestamp, arrival: now };
        let Some(origin) = self.origin else {
            self.origin = Some(here);
            return now;
        };
        let ticks = timestamp.wrapping_sub(origin.timestamp) as i32;
        let apart = Duration::from_secs_f64(f64::from(ticks.unsigned_abs()) / f64::from(self.clock_rate));
        let due = if ticks >= 0 { origin.arrival + apart } else { origin.arrival.saturating_sub(apart) };
        // Earlier than ever, or so late that the sender's clock has jumped: start anew from here.
        if now <= due || now - due > self.max + self.max {
            self.origin = Some(here);
            return now;
        }
        due
    }

    fn adapt(&mut self, lateness: Duration) {
        let wanted = (lateness + lateness / 4).clamp(self.min, self.max);
        self.delay = if wanted > self.delay { wanted } else { self.delay - (self.delay - wanted) / 128 };
    }

    /// The next packet, if its time has come. Call until it says `Wait`.
    pub fn poll(&mut self, now: Duration) -> Playout {
        let Some(next) = self.next else { return Playout::Wait };
        let Some(first) = self.held.first_entry() else { return Playout::Wait };
        if first.get().due_without_delay + self.delay > now {
            return Playout::Wait;
        }
        self.next = Some(next + 1);
        if *first.key() > next {
            return Playout::Lost;
        }
        Playout::Payload(first.remove().payload)
    }

    /// When the next packet is due; `None` if none is held.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.held.first_key_value().map(|(_, held)| held.due_without_delay + self.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Packets by `(arrival in ms, number)`, played out to the end: when and what.
    fn played(packets: &[(u64, u16)]) -> String {
        let mut buffer = JitterBuffer::new(8_000, ms(20), ms(200));
        let mut out = String::new();
        let end = packets.iter().map(|(arrival, _)| *arrival).max().unwrap_or(0) + 500;
        for now in 0..end {
            for (_, number) in packets.iter().filter(|(arrival, _)| *arrival == now) {
                let sequence = number.wrapping_add(65_534);
                let timestamp = u32::from(*number) * 160;
                let payload = &[*number as u8];
                buffer
                    .handle(ms(now), &Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 1, payload });
            }
            loop {
                match buffer.poll(ms(now)) {
                    Playout::Payload(payload) => out += &format!("{now}:{} ", payload[0]),
                    Playout::Lost => out += &format!("{now}:lost "),
                    Playout::Wait => break,
                }
            }
        }
        out
    }

    #[test]
    fn an_even_stream_is_delayed_by_the_least_and_stays_even() {
        assert_eq!(played(&[(0, 0), (20, 1), (40, 2), (60, 3)]), "20:0 40:1 60:2 80:3 ");
    }

    #[test]
    fn overtaken_packets_come_out_in_order() {
        assert_eq!(played(&[(0, 0), (40, 2), (41, 1), (60, 3)]), "20:0 47:1 67:2 87:3 ");
    }

    #[test]
    fn a_lost_packet_is_told_when_the_next_is_due() {
        assert_eq!(played(&[(0, 0), (20, 1), (60, 3)]), "20:0 40:1 80:lost 80:3 ");
    }

    #[test]
    fn late_packets_and_copies_are_not_played() {
        assert_eq!(played(&[(0, 0), (20, 1), (60, 3), (61, 3), (300, 2)]), "20:0 40:1 80:lost 80:3 ");
    }

    #[test]
    fn the_delay_rises_with_jitter_and_falls_again() {
        let mut buffer = JitterBuffer::new(8_000, ms(20), ms(200));
        let mut run = |from: u16, late: u64| {
            for number in from..from + 500 {
                let now = ms(20 * u64::from(number) + if number % 2 == 0 { late } else { 0 });
                let timestamp = u32::from(number) * 160;
                buffer.handle(
                    now,
                    &Packet { marker: false, payload_type: 0, sequence: number, timestamp, ssrc: 1, payload: b"" },
                );
                while buffer.poll(now) != Playout::Wait {}
            }
            buffer.delay().as_millis()
        };
        let calm = run(0, 0);
        let rough = run(500, 60);
        let bounded = run(1_000, 390);
        let again = (0..4).map(|round| run(1_500 + 500 * round, 0)).last();
        assert!(
            calm == 20
                && (70..=75).contains(&rough)
                && (195..=200).contains(&bounded)
                && again.is_some_and(|delay| delay <= 25),
            "{calm} {rough} {bounded} {again:?}"
        );
    }

    #[test]
    fn a_flood_is_bounded_and_a_restarted_sender_is_followed() {
        let mut buffer = JitterBuffer::new(8_000, ms(20), ms(200));
        for number in 0..1_000_u16 {
            let timestamp = u32::from(number) * 160;
            buffer.handle(
                ms(0),
                &Packet { marker: false, payload_type: 0, sequence: number, timestamp, ssrc: 1, payload: b"old" },
            );
        }
        let held = buffer.held.len();
        buffer.handle(
            ms(1),
            &Packet { marker: true, payload_type: 0, sequence: 40_000, timestamp: 9, ssrc: 1, payload: b"new" },
        );
        assert_eq!((held, buffer.poll(ms(21))), (MAX_HELD, Playout::Payload(b"new".to_vec())));
    }
}
