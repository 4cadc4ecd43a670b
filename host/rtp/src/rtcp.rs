//! RTCP compound packets (RFC 3550 §6).

use std::time::Duration;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const CNAME: u8 = 1;

/// One packet of a compound that we understand; others are skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rtcp {
    SenderReport {
        ssrc: u32,
        /// NTP time of sending: seconds since 1900 and fraction.
        ntp: u64,
        timestamp: u32,
        packets: u32,
        /// Payload bytes, without headers.
        bytes: u32,
        reports: Vec<ReportBlock>,
    },
    ReceiverReport {
        ssrc: u32,
        reports: Vec<ReportBlock>,
    },
    /// Only the CNAME is kept.
    SourceDescription {
        ssrc: u32,
        cname: String,
    },
    Goodbye {
        ssrc: u32,
    },
}

/// What a receiver says of one sender (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// Of whom it reports.
    pub ssrc: u32,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost in all, 24 bits with sign.
    pub lost: i32,
    pub highest_sequence: u32,
    /// In ticks of the timestamp.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the newest SR received; 0 for none.
    pub last_sr: u32,
    /// In 65,536ths of a second.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    /// Time there and back, if this block answers an SR of ours and came at NTP time `now` (RFC 3550 §6.4.1).
    ///
    /// `None` if it answers none, or if the figures cannot be true (above 60 s, or negative by more than the clock's grain).
    pub fn round_trip(&self, now: u64) -> Option<Duration> {
        if self.last_sr == 0 {
            return None;
        }
        let ticks = middle(now).wrapping_sub(self.last_sr).wrapping_sub(self.delay_since_last_sr) as i32;
        match ticks {
            -64..=0 => Some(Duration::ZERO),
            1..=0x3c_0000 => Some(Duration::from_micros(u64::from(ticks.unsigned_abs()) * 1_000_000 / 65_536)),
            _ => None,
        }
    }

    fn read(bytes: &[u8; 24]) -> Self {
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self {
            ssrc: word(0),
            fraction_lost: bytes[4],
            // Sign-extends the 24 bits.
            lost: ((word(4) << 8) as i32) >> 8,
            highest_sequence: word(8),
            jitter: word(12),
            last_sr: word(16),
            delay_since_last_sr: word(20),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let lost = self.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        for word in [
            self.ssrc,
            (u32::from(self.fraction_lost) << 24) | lost,
            self.highest_sequence,
            self.jitter,
            self.last_sr,
            self.delay_since_last_sr,
        ] {
            out.extend(word.to_be_bytes());
        }
    }
}

/// The middle 32 bits of an NTP time, as LSR has them.
pub fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// NTP time from the time since 1900.
pub fn ntp(since_1900: Duration) -> u64 {
    (since_1900.as_secs() << 32) | ((u64::from(since_1900.subsec_nanos()) << 32) / 1_000_000_000)
}

impl Rtcp {
    /// The packets of a compound, up to the first that contradicts itself. At most 31 report blocks each, as the format has it.
    pub fn parse(mut bytes: &[u8]) -> impl Iterator<Item = Self> + '_ {
        std::iter::from_fn(move || {
            loop {
                let (header, rest) = bytes.split_first_chunk::<4>()?;
                if header[0] >> 6 != 2 {
                    return None;
                }
                let length = 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
                let (body, after) = rest.split_at_checked(length)?;
                bytes = after;
                if let Some(packet) = Self::parse_one(header[1], header[0] & 0x1f, body) {
                    return Some(packet);
                }
            }
        })
    }

    fn parse_one(kind: u8, count: u8, body: &[u8]) -> Option<Self> {
        let (ssrc, body) = body.split_first_chunk::<4>()?;
        let ssrc = u32::from_be_bytes(*ssrc);
        let reports = |body: &[u8]| -> Option<Vec<ReportBlock>> {
            let (blocks, _) = body.as_chunks::<24>();
            blocks.get(..usize::from(count)).map(|blocks| blocks.iter().map(ReportBlock::read).collect())
        };
        match kind {
            SENDER_REPORT => {
                let (info, blocks) = body.split_first_chunk::<20>()?;
                let word = |at: usize| u32::from_be_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
                let ntp = (u64::from(word(0)) << 32) | u64::from(word(4));
                let (timestamp, packets, bytes) = (word(8), word(12), word(16));
                Some(Self::SenderReport { ssrc, ntp, timestamp, packets, bytes, reports: reports(blocks)? })
            }
            RECEIVER_REPORT => Some(Self::ReceiverReport { ssrc, reports: reports(body)? }),
            SOURCE_DESCRIPTION => {
                let mut items = body;
                while let [item, length, rest @ ..] = items
                    && *item != 0
                {
                    let (text, after) = rest.split_at_checked(usize::from(*length))?;
                    if *item == CNAME {
                        return Some(Self::SourceDescription { ssrc, cname: String::from_utf8_lossy(text).into() });
                    }
                    items = after;
                }
                None
            }
            GOODBYE => Some(Self::Goodbye { ssrc }),
            _ => None,
        }
    }

    /// Appends this packet; a compound is written by appending report, description and, at the end, goodbye (RFC 3550 §6.1).
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let (kind, count) = match self {
            Self::SenderReport { reports, .. } => (SENDER_REPORT, reports.len().min(31)),
            Self::ReceiverReport { reports, .. } => (RECEIVER_REPORT, reports.len().min(31)),
            Self::SourceDescription { .. } => (SOURCE_DESCRIPTION, 1),
            Self::Goodbye { .. } => (GOODBYE, 1),
        };
        out.extend([0x80 | count as u8, kind, 0, 0]);
        match self {
            Self::SenderReport { ssrc, ntp, timestamp, packets, bytes, reports } => {
                out.extend(ssrc.to_be_bytes());
                out.extend(ntp.to_be_bytes());
                for word in [timestamp, packets, bytes] {
                    out.extend(word.to_be_bytes());
                }
                reports.iter().take(31).for_each(|block| block.write(out));
            }
            Self::ReceiverReport { ssrc, reports } => {
                out.extend(ssrc.to_be_bytes());
                reports.iter().take(31).for_each(|block| block.write(out));
            }
            Self::SourceDescription { ssrc, cname } => {
                let text = &cname.as_bytes()[..cname.len().min(255)];
                out.extend(ssrc.to_be_bytes());
                out.extend([CNAME, text.len() as u8]);
                out.extend(text);
                // A zero ends the items, and the chunk ends on a word.
                out.resize((out.len() + 1 - start).next_multiple_of(4) + start, 0);
            }
            Self::Goodbye { ssrc } => out.extend(ssrc.to_be_bytes()),
        }
        let words = ((out.len() - start) / 4 - 1) as u16;
        out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
    }
}

/// Whether a datagram on a shared port is RTCP and not RTP (RFC 5761 §4).
pub fn is_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [first, 192..=223, ..] if first >> 6 == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: ReportBlock = ReportBlock {
        ssrc: 2,
        fraction_lost: 51,
        lost: -3,
        highest_sequence: 70_000,
        jitter: 12,
        last_sr: 0xb705_2000,
        delay_since_last_sr: 0x5_4000,
    };

    fn compound() -> Vec<Rtcp> {
        vec![
            Rtcp::SenderReport {
                ssrc: 1,
                ntp: 0x0102_0304_8000_0000,
                timestamp: 3,
                packets: 4,
                bytes: 640,
                reports: vec![BLOCK],
            },
            Rtcp::SourceDescription { ssrc: 1, cname: "leg@host".into() },
            Rtcp::Goodbye { ssrc: 1 },
        ]
    }

    fn written(packets: &[Rtcp]) -> Vec<u8> {
        let mut out = Vec::new();
        packets.iter().for_each(|packet| packet.write(&mut out));
        out
    }

    #[test]
    fn a_compound_reads_back_the_same() {
        let bytes = written(&compound());
        assert_eq!((Rtcp::parse(&bytes).collect::<Vec<_>>(), bytes.len() % 4, is_rtcp(&bytes)), (compound(), 0, true));
    }

    #[test]
    fn names_of_every_length_keep_the_word_boundary() {
        for length in 0..=255 {
            let packet = Rtcp::SourceDescription { ssrc: 9, cname: "n".repeat(length) };
            let bytes = written(std::slice::from_ref(&packet));
            assert_eq!((Rtcp::parse(&bytes).next(), bytes.len() % 4), (Some(packet), 0));
        }
    }

    #[test]
    fn unknown_packets_are_skipped_and_a_cut_one_ends_the_reading() {
        let mut bytes = vec![0x80, 207, 0, 1, 0, 0, 0, 1];
        bytes.extend(written(&compound()));
        let kinds: Vec<usize> = (0..bytes.len()).map(|cut| Rtcp::parse(&bytes[..cut]).count()).collect();
        assert_eq!((Rtcp::parse(&bytes).count(), kinds.iter().max()), (3, Some(&2)));
    }

    /// The worked example of RFC 3550 §6.4.1, figure 2.
    #[test]
    fn round_trip_is_that_of_the_example() {
        let now = 0xb44d_b710_8000_0000;
        let block = ReportBlock { last_sr: 0xb705_2000, delay_since_last_sr: 0x0005_4000, ..BLOCK };
        assert_eq!(block.round_trip(now), Some(Duration::from_micros(6_125_000)));
    }

    #[test]
    fn a_round_trip_that_cannot_be_true_is_none() {
        let late = ReportBlock { last_sr: 1, delay_since_last_sr: 0, ..BLOCK };
        let never = ReportBlock { last_sr: 0, ..BLOCK };
        let now = ntp(Duration::from_secs(3_600));
        assert_eq!((late.round_trip(now), never.round_trip(now)), (None, None));
    }
}
