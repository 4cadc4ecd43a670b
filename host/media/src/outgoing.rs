//! The RTP stream that we send to one leg: one sender, whatever its audio comes from.

use std::time::Duration;

use plugboard_rtp::Packet;

/// A relayed sequence number further off than this is another stream (RFC 3550 appendix A.1).
const MAX_STEP: u16 = 3_000;
/// A relayed timestamp further off than this from the one before and from the clock is a jump, in seconds.
const MAX_JUMP: u32 = 2;

/// Numbers of our stream. A far end sees one SSRC with rising numbers, through prompts, music and any number of bridges.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) ssrc: u32,
    /// Ticks a second.
    clock: u32,
    /// Of the next packet.
    next: u16,
    /// Of the newest packet.
    timestamp: u32,
    /// When the newest timestamp first went out; `None` before the first packet.
    sent_at: Option<Duration>,
    /// Length of the newest packet of our own.
    ticks: u32,
    relayed: Option<Relayed>,
    pub(crate) packets: u64,
    /// Payload bytes.
    pub(crate) bytes: u64,
}

/// How the numbers of a relayed sender become ours.
#[derive(Debug)]
struct Relayed {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Outgoing {
    /// All three start at random (RFC 3550 §5.1).
    pub(crate) fn new(ssrc: u32, sequence: u16, timestamp: u32, clock: u32) -> Self {
        Self { ssrc, clock, next: sequence, timestamp, sent_at: None, ticks: 0, relayed: None, packets: 0, bytes: 0 }
    }

    /// The timestamp of audio that starts now, after whatever was sent before.
    pub(crate) fn timestamp_at(&self, now: Duration) -> u32 {
        match self.sent_at {
            Some(sent_at) => {
                // 64 bits of microseconds are longer than any machine runs.
                let ticks = now.saturating_sub(sent_at).as_micros() as u64 * u64::from(self.clock / 1_000) / 1_000;
                self.timestamp.wrapping_add(ticks.max(1) as u32)
            }
            None => self.timestamp,
        }
    }

    /// The timestamp of the next packet of a sound: by the clock if it `starts` one, otherwise right behind the last packet.
    pub(crate) fn timestamp_after(&self, now: Duration, starts: bool) -> u32 {
        if starts { self.timestamp_at(now) } else { self.timestamp.wrapping_add(self.ticks) }
    }

    /// Another codec was agreed, whose clock has so many ticks a second.
    pub(crate) fn set_clock(&mut self, now: Duration, clock: u32) {
        if clock != self.clock {
            // What comes next follows by the new clock from here on.
            self.timestamp = self.timestamp_at(now);
            self.sent_at = self.sent_at.map(|_| now);
            self.clock = clock;
        }
        self.relayed = None;
    }

    /// The header of a packet of our own, which lasts `ticks`.
    pub(crate) fn generate<'a>(
        &mut self,
        now: Duration,
        payload_type: u8,
        marker: bool,
        (timestamp, ticks): (u32, u32),
        payload: &'a [u8],
    ) -> Packet<'a> {
        self.relayed = None;
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        self.ticks = ticks;
        self.count(now, timestamp, payload.len());
        Packet { marker, payload_type, sequence, timestamp, ssrc: self.ssrc, payload }
    }

    /// The header of a packet that another leg sent. Gaps and order of the sender are kept, so that the far end sees loss as it was.
    #[inline]
    pub(crate) fn relay<'a>(&mut self, now: Duration, payload_type: u8, packet: &Packet<'a>) -> Packet<'a> {
        let (joined, map) = match &self.relayed {
            Some(map) if map.ssrc == packet.ssrc && self.follows(now, map, packet) => (false, map),
            _ => {
                let map = Relayed {
                    ssrc: packet.ssrc,
                    sequence: self.next.wrapping_sub(packet.sequence),
                    timestamp: self.timestamp_at(now).wrapping_sub(packet.timestamp),
                };
                (true, &*self.relayed.insert(map))
            }
        };
        let sequence = packet.sequence.wrapping_add(map.sequence);
        let timestamp = packet.timestamp.wrapping_add(map.timestamp);
        if sequence.wrapping_sub(self.next) < 0x8000 {
            self.next = sequence.wrapping_add(1);
            self.count(now, timestamp, packet.payload.len());
        } else {
            self.count(now, self.timestamp, packet.payload.len());
        }
        Packet {
            marker: packet.marker || joined,
            payload_type,
            sequence,
            timestamp,
            ssrc: self.ssrc,
            payload: packet.payload,
        }
    }

    /// Whether this packet goes on with the stream of those before it, or its sender has begun anew: its numbers jumped, or its timestamps
    /// are far from what the clock says.
    #[inline]
    fn follows(&self, now: Duration, map: &Relayed, packet: &Packet<'_>) -> bool {
        let step = packet.sequence.wrapping_add(map.sequence).wrapping_sub(self.next) as i16;
        let timestamp = packet.timestamp.wrapping_add(map.timestamp);
        let far = |from: u32| (timestamp.wrapping_sub(from) as i32).unsigned_abs() > MAX_JUMP * self.clock;
        step.unsigned_abs() <= MAX_STEP && !(far(self.timestamp) && far(self.timestamp_at(now)))
    }

    /// A packet of the relayed sender is kept from the far end, which must not take it for lost.
    pub(crate) fn leave_out(&mut self, packet: &Packet<'_>) {
        if let Some(map) = self.relayed.as_mut().filter(|map| map.ssrc == packet.ssrc) {
            map.sequence = map.sequence.wrapping_sub(1);
        }
    }

    /// Nothing was relayed for a while: the next packet follows our last one.
    pub(crate) fn rejoin(&mut self) {
        self.relayed = None;
    }

    #[inline]
    fn count(&mut self, now: Duration, timestamp: u32, bytes: usize) {
        // Packets of one key press share its timestamp: the clock goes on from the first.
        if self.sent_at.is_none() || timestamp != self.timestamp {
            self.sent_at = Some(now);
        }
        self.timestamp = timestamp;
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn from(ssrc: u32, sequence: u16, timestamp: u32) -> Packet<'static> {
        Packet { marker: false, payload_type: 8, sequence, timestamp, ssrc, payload: b"" }
    }

    fn numbers(packet: &Packet<'_>) -> (u16, u32, bool) {
        (packet.sequence, packet.timestamp, packet.marker)
    }

    #[test]
    fn prompt_and_two_bridges_are_one_rising_stream_with_a_marker_where_the_source_changes() {
        let mut out = Outgoing::new(9, 65_535, 1_000, 8_000);
        let sent = [
            numbers(&out.generate(at(0), 0, true, (1_000, 160), b"")),
            numbers(&out.relay(at(20), 0, &from(1, 500, 77_000))),
            numbers(&out.relay(at(40), 0, &from(1, 501, 77_160))),
            numbers(&out.relay(at(140), 0, &from(2, 9, 5))),
        ];
        assert_eq!(sent, [(65_535, 1_000, true), (0, 1_160, true), (1, 1_320, false), (2, 2_120, true)]);
    }

    #[test]
    fn loss_and_order_of_the_sender_stay_visible() {
        let mut out = Outgoing::new(9, 10, 0, 8_000);
        let sent = [1, 4, 3, 5].map(|sequence| {
            out.relay(at(20 * u64::from(sequence)), 0, &from(1, sequence, 160 * u32::from(sequence))).sequence
        });
        let own = out.generate(at(120), 0, true, (0, 160), b"").sequence;
        assert_eq!((sent, own), ([10, 13, 12, 14], 15));
    }

    #[test]
    fn a_sender_that_restarts_its_numbers_or_its_clock_goes_on_where_it_was() {
        let mut out = Outgoing::new(9, 10, 0, 8_000);
        let sent: Vec<_> = [(0, 1, 0), (20, 2, 160), (40, 40_000, 320), (60, 40_001, 480), (80, 40_002, 3_000_000_000)]
            .into_iter()
            .map(|(ms, sequence, timestamp)| numbers(&out.relay(at(ms), 0, &from(1, sequence, timestamp))))
            .collect();
        assert_eq!(sent, [(10, 0, true), (11, 160, false), (12, 320, true), (13, 480, false), (14, 640, true)]);
    }

    #[test]
    fn a_pause_of_a_sender_that_leaves_out_silence_is_no_jump() {
        let mut out = Outgoing::new(9, 10, 0, 8_000);
        out.relay(at(0), 0, &from(1, 1, 0));
        let after = numbers(&out.relay(at(5_000), 0, &from(1, 2, 40_000)));
        assert_eq!(after, (11, 40_000, false));
    }

    #[test]
    fn what_is_kept_back_is_no_loss() {
        let mut out = Outgoing::new(9, 10, 0, 8_000);
        out.relay(at(0), 0, &from(1, 1, 0));
        out.leave_out(&from(1, 2, 160));
        out.leave_out(&from(1, 3, 320));
        assert_eq!(numbers(&out.relay(at(60), 0, &from(1, 4, 480))), (11, 480, false));
    }
}
