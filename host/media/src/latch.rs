//! Whose packets a leg believes: symmetric RTP with a source lock.
//!
//! SDP often names an address that nobody can reach (a phone behind NAT), so we answer to where packets come from (RFC 4961). Without care
//! anybody who finds the port takes over the call. So: the address of the SDP is believed at once; another source must send some packets
//! of one stream in a row first; and once locked, nobody else is heard until the source has been silent for a while or signalling says
//! otherwise. A source that was locked before and fell silent is succeeded at once by its own stream or host, as when a NAT forgets, and
//! by another host only after half a second.
//!
//! ```text
//!            from SDP or earlier source ────────────────────┐
//!   Open ── stranger ──> Candidate ── 3 or 25 in a row ──> Locked ── silent ──> Open
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use plugboard_rtp::Packet;

/// Packets of one stream in a row that a source other than the SDP's must send.
const PROBATION: u8 = 3;
/// The same of another host, when somebody was locked before: half a second.
const LONG_PROBATION: u8 = 25;
/// A candidate that pauses this long makes room for another.
const CANDIDATE_PATIENCE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(crate) struct Latch {
    /// From signalling.
    expected: SocketAddr,
    relatch_after: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    /// `earlier` was locked before it fell silent: it needs no probation to come back.
    Open { candidate: Option<Candidate>, earlier: Option<Earlier> },
    Locked {
        source: SocketAddr,
        /// Of its newest packet.
        ssrc: u32,
        heard: Duration,
    },
}

#[derive(Clone, Copy, Debug)]
struct Earlier {
    source: SocketAddr,
    ssrc: u32,
}

#[derive(Debug)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    next: u16,
    count: u8,
    heard: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// Accepted, and this source is locked from now on. `signalled` if it is the SDP's, which no other outranks.
    Locked {
        signalled: bool,
    },
    Refused,
}

impl Latch {
    pub(crate) fn new(expected: SocketAddr, relatch_after: Duration) -> Self {
        Self { expected, relatch_after, state: State::Open { candidate: None, earlier: None } }
    }

    /// Signalling moved the far end: whoever was locked is a stranger now.
    pub(crate) fn retarget(&mut self, expected: SocketAddr) {
        if self.expected != expected {
            *self = Self::new(expected, self.relatch_after);
        }
    }

    /// Where to send: to the locked source, before that to the address of the SDP. `None` if that cannot be sent to.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        let destination = match &self.state {
            State::Locked { source, .. } => *source,
            State::Open { earlier, .. } => earlier.map_or(self.expected, |earlier| earlier.source),
        };
        (destination.port() != 0 && !destination.ip().is_unspecified()).then_some(destination)
    }

    /// Whether `source` is the locked host: RTCP comes from another port of it.
    pub(crate) fn trusts_host(&self, source: SocketAddr) -> bool {
        match &self.state {
            State::Locked { source: locked, .. } => locked.ip() == source.ip(),
            State::Open { earlier, .. } => {
                self.expected.ip() == source.ip() || earlier.is_some_and(|earlier| earlier.source.ip() == source.ip())
            }
        }
    }

    #[inline]
    pub(crate) fn admit(&mut self, now: Duration, from: SocketAddr, packet: &Packet<'_>) -> Verdict {
        match &mut self.state {
            State::Locked { source, ssrc, heard } if *source == from => {
                (*ssrc, *heard) = (packet.ssrc, now);
                Verdict::Accepted
            }
            // The SDP's own address outranks a source that was only first.
            State::Locked { .. } if from == self.expected => self.lock(now, from, packet.ssrc),
            State::Locked { .. } => Verdict::Refused,
            State::Open { candidate, earlier } => {
                if from == self.expected || earlier.is_some_and(|earlier| earlier.source == from) {
                    return self.lock(now, from, packet.ssrc);
                }
                let is_heir =
                    earlier.is_none_or(|earlier| earlier.source.ip() == from.ip() || earlier.ssrc == packet.ssrc);
                let probation = if is_heir { PROBATION } else { LONG_PROBATION };
                match candidate {
                    Some(known) if known.source == from && known.ssrc == packet.ssrc => {
                        let in_row = packet.sequence == known.next;
                        known.count = if in_row { known.count + 1 } else { 1 };
                        known.next = packet.sequence.wrapping_add(1);
                        known.heard = now;
                        if known.count >= probation {
                            return self.lock(now, from, packet.ssrc);
                        }
                    }
                    // The first to try is heard out, so that a second cannot keep it from locking.
                    Some(known) if now.saturating_sub(known.heard) < CANDIDATE_PATIENCE => {}
                    _ => {
                        *candidate = Some(Candidate {
                            source: from,
                            ssrc: packet.ssrc,
                            next: packet.sequence.wrapping_add(1),
                            count: 1,
                            heard: now,
                        });
                    }
                }
                Verdict::Refused
            }
        }
    }

    /// Opens the lock if its source fell silent; true if it did just now.
    pub(crate) fn handle_tick(&mut self, now: Duration) -> bool {
        match self.state {
            State::Locked { source, ssrc, heard } if now.saturating_sub(heard) >= self.relatch_after => {
                self.state = State::Open { candidate: None, earlier: Some(Earlier { source, ssrc }) };
                true
            }
            State::Locked { .. } | State::Open { .. } => false,
        }
    }

    fn lock(&mut self, now: Duration, source: SocketAddr, ssrc: u32) -> Verdict {
        self.state = State::Locked { source, ssrc, heard: now };
        Verdict::Locked { signalled: source == self.expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "10.0.0.1:4000";
    const NAT: &str = "203.0.113.9:61000";
    const THIEF: &str = "198.51.100.66:7777";

    /// Feeds `(ms, source, sequence)` and tells who is answered after each. The thief cannot know the caller's SSRC.
    fn answered(packets: &[(u64, &str, u16)]) -> Vec<String> {
        let mut latch = Latch::new(SDP.parse().unwrap(), Duration::from_secs(2));
        packets
            .iter()
            .map(|(ms, source, sequence)| {
                let now = Duration::from_millis(*ms);
                let ssrc = if *source == THIEF { 66 } else { 1 };
                let packet =
                    Packet { marker: false, payload_type: 0, sequence: *sequence, timestamp: 0, ssrc, payload: b"" };
                latch.handle_tick(now);
                latch.admit(now, source.parse().unwrap(), &packet);
                latch.destination().unwrap().to_string()
            })
            .collect()
    }

    #[test]
    fn the_address_of_the_sdp_is_believed_at_once_and_then_no_one_else() {
        let told = answered(&[(0, SDP, 1), (20, THIEF, 1), (40, THIEF, 2), (60, THIEF, 3), (80, THIEF, 4)]);
        assert_eq!(told, [SDP; 5]);
    }

    #[test]
    fn a_phone_behind_nat_is_found_after_three_packets_in_a_row() {
        assert_eq!(answered(&[(0, NAT, 7), (20, NAT, 8), (40, NAT, 9)]), [SDP, SDP, NAT]);
    }

    #[test]
    fn packets_out_of_order_are_no_proof() {
        assert_eq!(answered(&[(0, NAT, 7), (20, NAT, 90), (40, NAT, 3), (60, NAT, 8)]), [SDP; 4]);
    }

    #[test]
    fn a_thief_who_sprays_cannot_keep_the_caller_from_locking() {
        let told = answered(&[(0, NAT, 1), (1, THIEF, 1), (20, NAT, 2), (21, THIEF, 2), (40, NAT, 3), (41, THIEF, 3)]);
        assert_eq!(told, [SDP, SDP, SDP, SDP, NAT, NAT]);
    }

    #[test]
    fn a_thief_who_was_first_loses_the_call_to_the_address_of_the_sdp() {
        let told = answered(&[(0, THIEF, 1), (20, THIEF, 2), (40, THIEF, 3), (60, SDP, 1), (80, THIEF, 4)]);
        assert_eq!(told, [SDP, SDP, THIEF, SDP, SDP]);
    }

    #[test]
    fn after_silence_a_caller_whose_nat_moved_is_found_again() {
        const MOVED: &str = "203.0.113.9:62000";
        let told = answered(&[
            (0, NAT, 1),
            (20, NAT, 2),
            (40, NAT, 3),
            (1_900, MOVED, 4),
            (2_100, MOVED, 5),
            (2_120, MOVED, 6),
            (2_140, MOVED, 7),
        ]);
        assert_eq!(told, [SDP, SDP, NAT, NAT, NAT, NAT, MOVED]);
    }

    /// A phone that leaves out silence is quiet for seconds: three packets of anybody must not take its call.
    #[test]
    fn a_thief_who_waits_for_silence_needs_half_a_second_in_which_the_caller_comes_back() {
        let mut packets = vec![(0, NAT, 1), (20, NAT, 2), (40, NAT, 3)];
        packets.extend((0..20).map(|number| (3_000 + 20 * u64::from(number), THIEF, number)));
        packets.push((3_400, NAT, 4));
        packets.extend((20..60).map(|number| (3_010 + 20 * u64::from(number), THIEF, number)));
        let told = answered(&packets);
        assert!(told[3..].iter().all(|answered| answered == NAT), "{told:?}");
    }

    #[test]
    fn a_caller_who_moved_to_another_network_is_found_after_half_a_second() {
        const ELSEWHERE: &str = "192.0.2.7:9000";
        let mut latch = Latch::new(NAT.parse().unwrap(), Duration::from_secs(2));
        let mut admit = |ms: u64, source: &str, sequence, ssrc| {
            let now = Duration::from_millis(ms);
            latch.handle_tick(now);
            let packet = Packet { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc, payload: b"" };
            latch.admit(now, source.parse().unwrap(), &packet)
        };
        admit(0, NAT, 1, 1);
        let locked =
            (0..30).find(|number| admit(3_000 + 20 * u64::from(*number), ELSEWHERE, *number, 2) != Verdict::Refused);
        assert_eq!(locked, Some(24));
    }
}
