//! Tones: beep, ring-back, busy, and the pairs of DTMF.

use std::f32::consts::TAU;
use std::time::Duration;

use plugboard_rtp::Digit;

use crate::g711::{Codec, RATE};

/// One or two sines, once or with a pause behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tone {
    /// In hertz, below 4,000; 0 for none.
    pub frequencies: [u16; 2],
    /// How long it sounds.
    pub on: Duration,
    /// Silence after it, before the next source or the repeat.
    pub off: Duration,
    /// Level of each sine, in dB below full scale.
    pub below_full_scale_db: u8,
}

impl Tone {
    /// "Speak after the tone": voicemail.
    pub const BEEP: Self = Self::single(1_000, 400, 100);
    /// Ring-back in mainland China: 450 Hz, 1 s on, 4 s off.
    pub const RINGBACK_CN: Self = Self::single(450, 1_000, 4_000);
    /// Busy in mainland China: 450 Hz, 350 ms on, 350 ms off.
    pub const BUSY_CN: Self = Self::single(450, 350, 350);
    /// Ring-back in North America: 440 + 480 Hz, 2 s on, 4 s off.
    pub const RINGBACK_US: Self = Self { frequencies: [440, 480], ..Self::single(0, 2_000, 4_000) };

    const fn single(frequency: u16, on_ms: u64, off_ms: u64) -> Self {
        Self {
            frequencies: [frequency, 0],
            on: Duration::from_millis(on_ms),
            off: Duration::from_millis(off_ms),
            below_full_scale_db: 16,
        }
    }

    /// The pair of a key (ITU-T Q.23), at the levels of ITU-T Q.24, for a far end that takes no telephone-event.
    pub fn dtmf(digit: Digit) -> Self {
        const LOW: [u16; 4] = [697, 770, 852, 941];
        const HIGH: [u16; 4] = [1_209, 1_336, 1_477, 1_633];
        let (row, column) = match digit.code() {
            0 => (3, 1),
            10 => (3, 0),
            11 => (3, 2),
            letter @ 12..16 => (usize::from(letter - 12), 3),
            number => (usize::from(number - 1) / 3, usize::from(number - 1) % 3),
        };
        Self {
            frequencies: [LOW[row], HIGH[column]],
            on: Duration::from_millis(100),
            off: Duration::from_millis(60),
            below_full_scale_db: 10,
        }
    }

    /// Samples of one round, on and off.
    pub fn samples(&self) -> u64 {
        samples(self.on) + samples(self.off)
    }

    /// Encodes the samples from `start` of this tone on into `out`; after [`Tone::samples`] there is silence.
    pub fn fill(&self, codec: Codec, start: u64, out: &mut [u8]) {
        let on = samples(self.on);
        let amplitude = 32_767.0 * 10_f32.powf(-f32::from(self.below_full_scale_db) / 20.0);
        // Raised over 5 ms at both ends: a hard edge clicks.
        let edge = (RATE / 200) as f32;
        for (sample, byte) in (start..).zip(out) {
            *byte = if sample < on {
                let envelope = (sample as f32 / edge).min((on - sample) as f32 / edge).min(1.0);
                let sum: f32 = self
                    .frequencies
                    .iter()
                    .filter(|frequency| **frequency > 0)
                    // Modulo the rate, so that the phase stays exact however long the tone is.
                    .map(|frequency| {
                        let phase = (sample * u64::from(*frequency)) % u64::from(RATE);
                        (TAU * phase as f32 / RATE as f32).sin()
                    })
                    .sum();
                codec.encode((sum * amplitude * envelope) as i16)
            } else {
                codec.silence()
            };
        }
    }
}

/// Samples in a time at 8 kHz.
pub(crate) fn samples(time: Duration) -> u64 {
    u64::try_from(time.as_micros() * u128::from(RATE) / 1_000_000).unwrap_or(u64::MAX)
}
