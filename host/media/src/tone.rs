//! Tones: beep, ring-back, busy, and the pairs of DTMF.

use std::f32::consts::TAU;
use std::time::Duration;

use plugboard_codec::{Codec, Law, Rate};
use plugboard_rtp::Digit;

use crate::frames::Frames;
use crate::{FRAME, RATE};

/// One or two sines, once or with a pause behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// One sample of the sound; `at` counts from its start and is below the length of `on`.
    fn sample(&self, at: u64, on: u64) -> i16 {
        let amplitude = 32_767.0 * 10_f32.powf(-f32::from(self.below_full_scale_db) / 20.0);
        let envelope = (at as f32 / EDGE as f32).min((on - at) as f32 / EDGE as f32).min(1.0);
        let sum: f32 = self
            .frequencies
            .iter()
            .filter(|frequency| **frequency > 0)
            // Modulo the rate, so that the phase stays exact however long the tone is.
            .map(|frequency| (TAU * ((at * u64::from(*frequency)) % u64::from(RATE)) as f32 / RATE as f32).sin())
            .sum();
        (sum * amplitude * envelope) as i16
    }
}

/// It is raised and lowered over 5 ms: a hard edge clicks.
const EDGE: u64 = RATE as u64 / 200;

/// A tone encoded once, in both laws and perhaps one other codec, for all legs that hear it: playing is copying.
///
/// Frequencies are whole hertz, so the sound repeats after at most a second, however long it is: only that much is kept.
#[derive(Debug)]
pub(crate) struct EncodedTone {
    /// Samples of sound, and of sound and pause.
    on: u64,
    samples: u64,
    /// Samples after which the sound repeats.
    period: u64,
    pcmu: Encoded,
    pcma: Encoded,
    /// For a codec whose payloads hold together.
    framed: Option<(Codec, Frames)>,
}

/// Frames of a tone that are kept for a codec with a memory: 1.2 s. A longer one goes on with the last second of them over and over, which meets its own
/// beginning because whole hertz do, and stops without its fall.
const KEPT: usize = 60;
const SECOND: usize = 50;
/// Frames of silence behind a tone in which the codec's memory of it dies out; the last one goes on.
const DYING: usize = 4;

#[derive(Debug)]
struct Encoded {
    /// The rise and one period; all of a sound that is not longer than both and the fall.
    start: Box<[u8]>,
    /// The fall; empty if `start` is all.
    end: Box<[u8]>,
}

impl EncodedTone {
    /// In both laws, and in `codec` if that is another.
    pub(crate) fn new(tone: &Tone, codec: Option<Codec>) -> Self {
        let on = samples(tone.on);
        let [a, b] = tone.frequencies.map(u64::from);
        let rate = u64::from(RATE);
        let period = rate / greatest_common_divisor(greatest_common_divisor(rate, a), b);
        let (start, end) = if on <= EDGE + period + EDGE { (0..on, on..on) } else { (0..EDGE + period, on - EDGE..on) };
        let start: Vec<i16> = start.map(|at| tone.sample(at, on)).collect();
        let end: Vec<i16> = end.map(|at| tone.sample(at, on)).collect();
        let encode = |law: Law| {
            let [start, end] = [&start, &end].map(|part| part.iter().map(|sample| law.encode(*sample)).collect());
            Encoded { start, end }
        };
        let framed = codec.filter(|codec| codec.law().is_none()).map(|codec| {
            let kept = on.min((KEPT * FRAME) as u64).next_multiple_of(FRAME as u64);
            let sound = (0..kept).map(|at| if at < on { tone.sample(at, on) } else { 0 });
            let samples: Vec<i16> = sound.chain(std::iter::repeat_n(0, DYING * FRAME)).collect();
            (codec, Frames::encode(codec, Rate::Narrow, &samples))
        });
        Self { on, samples: tone.samples(), period, pcmu: encode(Law::Mu), pcma: encode(Law::A), framed }
    }

    /// Samples of one round, on and off.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// The frame that begins at this sample; empty for a codec that it was not encoded for.
    pub(crate) fn frame(&self, codec: Codec, at: u64) -> &[u8] {
        let Some((_, frames)) = self.framed.as_ref().filter(|(of, _)| *of == codec) else { return &[] };
        let (number, sounding) = ((at / FRAME as u64) as usize, self.on.div_ceil(FRAME as u64) as usize);
        let kept = frames.len() - DYING;
        let place = match number.checked_sub(sounding) {
            Some(silent) => kept + silent.min(DYING - 1),
            None if number < kept => number,
            None => kept - SECOND + (number - kept) % SECOND,
        };
        frames.get(place)
    }

    /// Copies the samples from `start` on into `out`; after the sound there is silence.
    pub(crate) fn fill(&self, law: Law, start: u64, out: &mut [u8]) {
        let encoded = match law {
            Law::Mu => &self.pcmu,
            Law::A => &self.pcma,
        };
        let falls = self.on - encoded.end.len() as u64;
        let (mut at, mut rest) = (start, out);
        while !rest.is_empty() {
            let piece = if at >= self.on {
                return rest.fill(law.silence());
            } else if at >= falls {
                &encoded.end[(at - falls) as usize..]
            } else if at < encoded.start.len() as u64 {
                &encoded.start[at as usize..]
            } else {
                let place = (EDGE + (at - EDGE) % self.period) as usize;
                &encoded.start[place..]
            };
            let left = if at < falls { falls - at } else { self.on - at };
            let count = piece.len().min(rest.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&piece[..count]);
            rest = later;
            at += count as u64;
        }
    }
}

/// Of a positive number and one that may be 0.
fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Samples in a time at 8 kHz.
pub(crate) fn samples(time: Duration) -> u64 {
    // 125 µs each; 64 bits of microseconds are longer than any machine runs.
    time.as_micros() as u64 / (1_000_000 / u64::from(RATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_the_tone_sample_by_sample_in_pieces_of_any_length() {
        let long = Tone { on: Duration::from_millis(3_333), off: Duration::from_millis(77), ..Tone::BEEP };
        let odd = Tone { frequencies: [441, 0], ..long };
        for tone in
            [Tone::BEEP, Tone::RINGBACK_CN, Tone::RINGBACK_US, Tone::dtmf(Digit::from_char('7').unwrap()), long, odd]
        {
            let on = samples(tone.on);
            let expected: Vec<u8> = (0..tone.samples() + 50)
                .map(|at| Law::A.encode(if at < on { tone.sample(at, on) } else { 0 }))
                .collect();
            let shared = EncodedTone::new(&tone, None);
            for length in [1, 160, 480, 9_001] {
                let mut heard = vec![0; expected.len()];
                for (number, piece) in heard.chunks_mut(length).enumerate() {
                    shared.fill(Law::A, (number * length) as u64, piece);
                }
                assert!(heard == expected, "{tone:?} in pieces of {length}");
            }
        }
    }

    #[test]
    fn an_hour_of_tone_keeps_at_most_a_second() {
        let tone =
            EncodedTone::new(&Tone { frequencies: [441, 0], on: Duration::from_secs(3_600), ..Tone::BEEP }, None);
        assert!(tone.pcmu.start.len() + tone.pcmu.end.len() < 8_100);
    }
}
