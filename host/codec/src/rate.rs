use std::time::Duration;

/// Length of the frames that encoders take, in milliseconds (RFC 3551 §4.2).
pub const FRAME_MS: u32 = 20;

/// Samples a second of audio that is not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// 8,000: the telephone, up to 3.4 kHz.
    Narrow,
    /// 16,000: wideband, up to 7 kHz.
    Wide,
    /// 48,000: all that one hears.
    Full,
}

impl Rate {
    pub const fn hertz(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
            Self::Full => 48_000,
        }
    }

    /// Samples of one frame of 20 ms: 160, 320 or 960.
    pub const fn frame(self) -> usize {
        (self.hertz() * FRAME_MS / 1_000) as usize
    }

    /// Whole samples in a time.
    pub const fn samples(self, time: Duration) -> u64 {
        // 64 bits of microseconds are longer than any machine runs.
        time.as_micros() as u64 * (self.hertz() as u64 / 1_000) / 1_000
    }
}
