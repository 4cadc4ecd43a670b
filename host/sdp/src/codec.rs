//! What an audio format is called on the wire, and its units.

use std::fmt;
use std::num::NonZeroU8;

/// RTP timestamp ticks per second, as `a=rtpmap` states it (RFC 8866 §6.6).
///
/// Not the sampling rate: G.722 samples at 16 000 Hz yet counts 8 000 ticks (RFC 3551 §4.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockRate(pub u32);

impl ClockRate {
    pub const G711: Self = Self(8_000);
    pub const G722: Self = Self(8_000);
    pub const OPUS: Self = Self(48_000);
}

/// Audio carried by one RTP packet, in whole milliseconds: `a=ptime` (RFC 8866 §6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketTime(NonZeroU8);

impl PacketTime {
    /// 20 ms, the default of RFC 3551 §4.2.
    pub const DEFAULT: Self = match NonZeroU8::new(20) {
        Some(ms) => Self(ms),
        None => unreachable!(),
    };

    /// `None` for zero and above 200 ms, the most a receiver is asked to accept (RFC 3551 §4.2).
    pub fn from_millis(ms: u8) -> Option<Self> {
        NonZeroU8::new(ms).filter(|ms| ms.get() <= 200).map(Self)
    }

    pub fn as_millis(self) -> u8 {
        self.0.get()
    }

    /// Ticks the RTP timestamp moves per packet: 160 for G.711 at 20 ms, 960 for Opus.
    pub fn ticks(self, clock: ClockRate) -> u32 {
        clock.0 / 1_000 * u32::from(self.0.get())
    }
}

/// An audio format by its registered name (RFC 3551, RFC 4855).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// `PCMA`, `PCMU`, `G722`, `opus`; case does not matter.
    pub name: String,
    pub clock: ClockRate,
    pub channels: u8,
    /// The number that RFC 3551 fixed, or the one we propose in offers.
    pub payload_type: u8,
    /// Our `a=fmtp` without the payload type.
    pub fmtp: Option<String>,
}

impl Codec {
    fn fixed(name: &str, payload_type: u8) -> Self {
        Self { name: name.into(), clock: ClockRate::G711, channels: 1, payload_type, fmtp: None }
    }

    pub fn pcmu() -> Self {
        Self::fixed("PCMU", 0)
    }

    pub fn pcma() -> Self {
        Self::fixed("PCMA", 8)
    }

    pub fn g722() -> Self {
        Self::fixed("G722", 9)
    }

    /// RFC 7587: always two channels at 48 000 ticks on the wire.
    pub fn opus() -> Self {
        Self {
            name: "opus".into(),
            clock: ClockRate::OPUS,
            channels: 2,
            payload_type: 96,
            fmtp: Some("useinbandfec=1".into()),
        }
    }

    /// What a payload type below 96 means without `a=rtpmap` (RFC 3551 §6, table 4).
    pub(crate) fn of_static(payload_type: u8) -> Option<Self> {
        Some(match payload_type {
            0 => Self::pcmu(),
            3 => Self::fixed("GSM", 3),
            4 => Self::fixed("G723", 4),
            8 => Self::pcma(),
            9 => Self::g722(),
            13 => Self::fixed("CN", 13),
            15 => Self::fixed("G728", 15),
            18 => Self::fixed("G729", 18),
            _ => return None,
        })
    }

    /// `96 opus/48000/2` without the number.
    pub(crate) fn from_rtpmap(payload_type: u8, map: &str) -> Option<Self> {
        let mut parts = map.trim().split('/');
        let name = parts.next().filter(|n| !n.is_empty())?;
        let clock = ClockRate(parts.next()?.trim().parse().ok().filter(|rate| *rate > 0)?);
        let is_opus = name.eq_ignore_ascii_case("opus") && clock == ClockRate::OPUS;
        let channels = match parts.next() {
            Some(channels) => channels.trim().parse().ok()?,
            // Opus has two by definition, which some forget to write.
            None => 1 + u8::from(is_opus),
        };
        // Some write the rate at which G.722 samples; its ticks are 8 000 all the same.
        let is_g722 = name.eq_ignore_ascii_case("G722") && clock == ClockRate(16_000);
        let clock = if is_g722 { ClockRate::G722 } else { clock };
        Some(Self { name: name.into(), clock, channels, payload_type, fmtp: None })
    }

    /// Same format, whatever the number.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name) && self.clock == other.clock && self.channels == other.channels
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.clock.0)?;
        if self.channels > 1 { write!(f, "/{}", self.channels) } else { Ok(()) }
    }
}
