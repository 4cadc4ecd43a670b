use std::collections::BTreeMap;
use std::time::Duration;

use crate::Packet;

/// Packets held at most; at 20 ms each more than the largest delay needs.
const MAX_HELD: usize = 64;
/// A sequence number this far from the expected one is another stream.
const MAX_STEP: i32 = 3_000;
/// The least time on the way is that of the last one to two windows: clocks drift, and routes change.
const WINDOW: Duration = Duration::from_secs(10);
/// More missing packets in a row are no longer concealed: after 100 ms there is nothing left to guess from.
const MAX_LOST: i64 = 5;

/// Puts packets back into order and even time, with as little delay as the network's jitter allows.
///
/// For whoever decodes: what listens for tones, a mixer, a phone's loudspeaker. A relay has no use for it, the far end has its own; nor has a
/// recording, which can wait much longer and places each packet by its timestamp. The delay follows the lateness of packets: up at once when
/// one is late, down slowly while none is.
///
/// ```text
/// play-out of a packet = time of its timestamp + least time on the way of late + delay
/// ```
#[derive(Clone, Debug)]
pub struct JitterBuffer {
    clock_rate: u32,
    min: Duration,
    max: Duration,
    delay: Duration,
    held: BTreeMap<i64, Held>,
    stream: Option<Stream>,
}

#[derive(Clone, Debug)]
struct Held {
    due_without_delay: Duration,
    payload: Vec<u8>,
}

/// What is known of the sender.
#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    /// Extended number of the next packet to play.
    next: i64,
    /// Number and play-out without delay of the last one played; `None` before the first.
    played: Option<(i64, Duration)>,
    /// The newest timestamp, and its time since the first one, in microseconds.
    timestamp: u32,
    spoken_us: i64,
    /// Arrival minus `spoken_us` of the packets that were least late, in this window and the one before.
    least: [i64; 2],
    window_ends: Duration,
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
    /// A packet is missing and its turn has come: conceal it.
    Lost,
    /// Nothing is due yet.
    Wait,
}

impl JitterBuffer {
    /// `clock_rate` in ticks a second; the delay stays between `min` and `max`.
    pub fn new(clock_rate: u32, min: Duration, max: Duration) -> Self {
        Self { clock_rate: clock_rate.max(1), min, max: max.max(min), delay: min, held: BTreeMap::new(), stream: None }
    }

    /// The delay now.
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// Takes one packet that arrived at `now`. Another sender, or a jump of the numbers, drops what is held and begins anew.
    pub fn handle(&mut self, now: Duration, packet: &Packet<'_>) -> Buffered {
        let step = |stream: &Stream| i32::from(packet.sequence.wrapping_sub(stream.next as u16) as i16);
        let known = self.stream.filter(|stream| stream.ssrc == packet.ssrc && step(stream).abs() <= MAX_STEP);
        let mut stream = known.unwrap_or_else(|| {
            self.held.clear();
            Stream::new(now, packet)
        });
        let number = stream.next + i64::from(step(&stream));
        let (due_without_delay, lateness) = stream.place(now, packet.timestamp, self.clock_rate, 2 * self.max);
        self.adapt(lateness);
        if number < stream.next && stream.played.is_none() && self.held.len() < MAX_HELD {
            // The first one was overtaken, and there is still time for it.
            stream.next = number;
        }
        self.stream = Some(stream);
        if number < stream.next {
            return Buffered::Late;
        }
        if self.held.contains_key(&number) {
            return Buffered::Copy;
        }
        self.held.insert(number, Held { due_without_delay, payload: packet.payload.to_vec() });
        if self.held.len() > MAX_HELD {
            self.held.pop_first();
            if let (Some(stream), Some((first, _))) = (&mut self.stream, self.held.first_key_value()) {
                stream.next = *first;
            }
        }
        Buffered::Held
    }

    fn adapt(&mut self, lateness: Duration) {
        let wanted = (lateness + lateness / 4).clamp(self.min, self.max);
        self.delay = if wanted > self.delay { wanted } else { self.delay - (self.delay - wanted) / 128 };
    }

    /// The next packet, if its time has come. Call until it says `Wait`.
    pub fn poll(&mut self, now: Duration) -> Playout {
        let Some(due) = self.poll_timeout().filter(|due| *due <= now) else { return Playout::Wait };
        let (Some(stream), Some(first)) = (&mut self.stream, self.held.first_entry()) else { return Playout::Wait };
        let turn = stream.next;
        if *first.key() > turn {
            stream.next = (turn + 1).max(*first.key() - MAX_LOST);
            stream.played = Some((turn, due.saturating_sub(self.delay)));
            return Playout::Lost;
        }
        let held = first.remove();
        stream.next = turn + 1;
        stream.played = Some((turn, held.due_without_delay));
        Playout::Payload(held.payload)
    }

    /// When the next packet, or the concealment of a missing one, is due; `None` if none is held.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let stream = self.stream.as_ref()?;
        let (first, held) = self.held.first_key_value()?;
        let missing = first - stream.next;
        let without_delay = match stream.played {
            // Missing ones are spread evenly between their neighbours.
            Some((played, at)) if missing > 0 && missing <= MAX_LOST => {
                let apart =
                    held.due_without_delay.saturating_sub(at) / u32::try_from(first - played).unwrap_or(u32::MAX);
                held.due_without_delay.saturating_sub(apart * u32::try_from(missing).unwrap_or(0))
            }
            _ => held.due_without_delay,
        };
        Some(without_delay + self.delay)
    }
}

impl Stream {
    fn new(now: Duration, packet: &Packet<'_>) -> Self {
        Self {
            ssrc: packet.ssrc,
            next: i64::from(packet.sequence),
            played: None,
            timestamp: packet.timestamp,
            spoken_us: 0,
            least: [micros(now); 2],
            window_ends: now + WINDOW,
        }
    }

    /// When this timestamp would have arrived with the least time on the way, and by how much later it did.
    ///
    /// A lateness beyond `too_late` means that the sender's clock has jumped: it begins anew from here.
    fn place(&mut self, now: Duration, timestamp: u32, clock_rate: u32, too_late: Duration) -> (Duration, Duration) {
        let ticks = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        let spoken_us = self.spoken_us + ticks * 1_000_000 / i64::from(clock_rate);
        if ticks > 0 {
            (self.timestamp, self.spoken_us) = (timestamp, spoken_us);
        }
        let transit = micros(now) - spoken_us;
        if now >= self.window_ends {
            self.window_ends = now + WINDOW;
            self.least = [transit, self.least[0]];
        }
        self.least[0] = self.least[0].min(transit);
        let mut least = self.least[0].min(self.least[1]);
        if transit - least > micros(too_late) {
            (self.timestamp, self.spoken_us, self.least) = (timestamp, spoken_us, [transit; 2]);
            least = transit;
        }
        let lateness = Duration::from_micros(u64::try_from(transit - least).unwrap_or(0));
        (now.saturating_sub(lateness), lateness)
    }
}

fn micros(time: Duration) -> i64 {
    time.as_micros() as i64
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
        assert_eq!(played(&[(0, 0), (38, 2), (39, 1), (60, 3)]), "20:0 45:1 65:2 85:3 ");
    }

    #[test]
    fn a_lost_packet_is_told_in_its_turn() {
        assert_eq!(played(&[(0, 0), (20, 1), (60, 3)]), "20:0 40:1 60:lost 80:3 ");
    }

    #[test]
    fn of_a_long_gap_only_the_end_is_concealed() {
        assert_eq!(
            played(&[(0, 0), (20, 1), (200, 10), (220, 11)]),
            "20:0 40:1 220:lost 220:lost 220:lost 220:lost 220:lost 220:lost 220:10 240:11 "
        );
    }

    #[test]
    fn the_first_packet_may_be_overtaken() {
        assert_eq!(played(&[(20, 1), (22, 0), (40, 2)]), "28:0 48:1 68:2 ");
    }

    #[test]
    fn another_sender_begins_anew_and_what_is_left_of_the_old_one_is_dropped() {
        let mut buffer = JitterBuffer::new(8_000, ms(20), ms(200));
        let packet =
            |ssrc, sequence, payload| Packet { marker: false, payload_type: 0, sequence, timestamp: 5, ssrc, payload };
        buffer.handle(ms(0), &packet(1, 100, b"old"));
        buffer.handle(ms(10), &packet(2, 99, b"new"));
        let played = [buffer.poll(ms(30)), buffer.poll(ms(500))];
        assert_eq!(played, [Playout::Payload(b"new".to_vec()), Playout::Wait]);
    }

    /// 200 ppm over an hour are 720 ms: with a fixed origin the delay would rise to its limit and stay.
    #[test]
    fn a_sender_whose_clock_is_slow_is_followed_without_delay() {
        let mut buffer = JitterBuffer::new(8_000, ms(20), ms(200));
        let mut late = 0;
        for number in 0..180_000_u32 {
            let now = Duration::from_micros(20_004 * u64::from(number));
            let packet = Packet {
                marker: false,
                payload_type: 0,
                sequence: number as u16,
                timestamp: number * 160,
                ssrc: 1,
                payload: b"",
            };
            late += u32::from(buffer.handle(now, &packet) == Buffered::Late);
            while buffer.poll(now) != Playout::Wait {}
        }
        assert_eq!((late, buffer.delay().as_millis()), (0, 20));
    }

    #[test]
    fn late_packets_and_copies_are_not_played() {
        assert_eq!(played(&[(0, 0), (20, 1), (60, 3), (61, 3), (300, 2)]), "20:0 40:1 60:lost 80:3 ");
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
