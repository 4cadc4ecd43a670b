//! What a leg speaks: the two laws of G.711, whose bytes are known to [`plugboard_codec`].

use plugboard_codec::Law;

/// What a G.711 leg speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// µ-law.
    Pcmu,
    /// A-law.
    Pcma,
}

/// Samples, bytes and RTP ticks per second: all the same for G.711 (RFC 3551 §4.5.14).
pub const RATE: u32 = 8_000;

/// 20 ms, the tick of generated audio: samples, bytes and RTP ticks.
pub const FRAME: usize = 160;

impl Codec {
    const fn law(self) -> Law {
        match self {
            Self::Pcmu => Law::Mu,
            Self::Pcma => Law::A,
        }
    }

    /// RFC 3551 §6, table 4.
    pub const fn static_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The encoding name of `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        self.law().codec().name()
    }

    /// The byte that stands for zero.
    pub const fn silence(self) -> u8 {
        self.law().silence()
    }

    /// One byte to a 16-bit sample.
    #[inline]
    pub fn decode(self, byte: u8) -> i16 {
        self.law().decode(byte)
    }

    /// The decoding table, for loops that decode many bytes.
    #[inline]
    pub fn linear(self) -> &'static [i16; 256] {
        self.law().linear()
    }

    /// One 16-bit sample to a byte, to the nearest step that the law has (ITU-T G.711).
    #[inline]
    pub const fn encode(self, sample: i16) -> u8 {
        self.law().encode(sample)
    }

    /// Byte for byte from this law to another; `None` if both are the same, so that the caller can leave the bytes alone.
    #[inline]
    pub fn translation(self, to: Self) -> Option<&'static [u8; 256]> {
        self.law().translation(to.law())
    }
}
