//! DTMF tones in the audio (ITU-T Q.23, Q.24), for far ends that send no telephone-event.

use std::f32::consts::TAU;
use std::time::Duration;

use plugboard_rtp::Digit;

use crate::g711::{Codec, RATE};

/// Samples looked at together, 12.75 ms: short enough that every tone of 40 ms holds two whole blocks, long enough to tell neighbours apart.
const BLOCK: usize = 102;
/// Blocks in a row that make a key.
const BLOCKS: u32 = 2;
/// Blocks in a row without the key after which it is up: an interruption of 10 ms, which Q.24 forgives, spoils one or two halves.
const MISSES: u32 = 2;
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// Keys by row and column, as event codes.
const KEYS: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// The high tone may be this much weaker than the low one (normal twist: 8 dB), as power.
const NORMAL_TWIST: f32 = 6.31;
/// And this much stronger (reverse twist: 4 dB).
const REVERSE_TWIST: f32 = 2.51;
/// A tone stands this far above the others of its group: 8 dB.
const ABOVE_OTHERS: f32 = 6.31;
/// Share of the block's energy in the two tones. Speech has the rest of its harmonics elsewhere; tones 1.5 % off show 0.8.
const SHARE: f32 = 0.77;
/// Each tone keeps its level from one block to the next within this factor of power (1.5 dB): it is steady where speech is not.
const STEADY: f32 = 1.41;
/// Mean square below which nothing is a tone: about −40 dB below full scale.
const QUIET: f32 = 327.0 * 327.0;

#[derive(Debug)]
pub(crate) struct Detector {
    /// 2·cos of each frequency.
    coefficients: [f32; 8],
    states: [[f32; 2]; 8],
    energy: f32,
    filled: usize,
    last: Option<Block>,
    /// Blocks in a row that confirm `last`.
    run: u32,
    /// The key that is down, and blocks since it went down.
    down: Option<(Digit, u32)>,
    /// Blocks in a row without the key that is down.
    misses: u32,
}

/// A block that sounds like a key, with the power of its tones.
#[derive(Clone, Copy, Debug)]
struct Block {
    digit: Digit,
    powers: [f32; 2],
}

impl Block {
    /// Whether this block goes on with the key of the one before.
    fn confirms(&self, before: &Self) -> bool {
        let steady = |(now, before): (&f32, &f32)| now <= &(before * STEADY) && before <= &(now * STEADY);
        self.digit == before.digit && self.powers.iter().zip(&before.powers).all(steady)
    }
}

impl Detector {
    pub(crate) fn new() -> Self {
        let mut coefficients = [0.0; 8];
        for (coefficient, frequency) in coefficients.iter_mut().zip(LOW.iter().chain(&HIGH)) {
            *coefficient = 2.0 * (TAU * frequency / RATE as f32).cos();
        }
        Self { coefficients, states: [[0.0; 2]; 8], energy: 0.0, filled: 0, last: None, run: 0, down: None, misses: 0 }
    }

    /// Listens to one packet and tells the presses that ended in it.
    pub(crate) fn handle(&mut self, codec: Codec, payload: &[u8], mut told: impl FnMut(Digit, Duration)) {
        let table = codec.linear();
        for byte in payload {
            let sample = f32::from(table[usize::from(*byte)]);
            self.energy += sample * sample;
            for (state, coefficient) in self.states.iter_mut().zip(&self.coefficients) {
                let next = coefficient.mul_add(state[0], sample - state[1]);
                *state = [next, state[0]];
            }
            self.filled += 1;
            if self.filled == BLOCK {
                let heard = self.judge();
                if let Some((digit, length)) = self.handle_block(heard) {
                    told(digit, length);
                }
            }
        }
    }

    /// No more audio comes: a key that is down is up.
    pub(crate) fn handle_silence(&mut self) -> Option<(Digit, Duration)> {
        self.last = None;
        self.run = 0;
        self.down.take().map(pressed)
    }

    /// The key of the block that is full, and makes room for the next.
    fn judge(&mut self) -> Option<Block> {
        let states = std::mem::replace(&mut self.states, [[0.0; 2]; 8]);
        let energy = std::mem::take(&mut self.energy);
        self.filled = 0;
        if energy < QUIET * BLOCK as f32 {
            return None;
        }
        let mut powers = [0.0; 8];
        for ((power, [s1, s2]), coefficient) in powers.iter_mut().zip(states).zip(&self.coefficients) {
            *power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
        }
        let (rows, columns) = powers.split_at(4);
        let (row, low) = strongest(rows)?;
        let (column, high) = strongest(columns)?;
        let balanced = low <= high * NORMAL_TWIST && high <= low * REVERSE_TWIST;
        let pure = 2.0 * (low + high) >= SHARE * BLOCK as f32 * energy;
        let digit = Digit::from_code(KEYS[row][column])?;
        (balanced && pure).then_some(Block { digit, powers: [low, high] })
    }

    /// Some blocks alike put a key down, some without it put it up.
    fn handle_block(&mut self, heard: Option<Block>) -> Option<(Digit, Duration)> {
        let before = std::mem::replace(&mut self.last, heard);
        self.run = match (heard, before) {
            (Some(heard), Some(before)) if heard.confirms(&before) => self.run + 1,
            (Some(_), _) => 1,
            (None, _) => 0,
        };
        let mut ended = None;
        if let Some((digit, blocks)) = &mut self.down {
            if heard.is_some_and(|heard| heard.digit == *digit) {
                *blocks += 1 + self.misses;
                self.misses = 0;
                return None;
            }
            self.misses += 1;
            if self.misses < MISSES {
                return None;
            }
            ended = self.down.take().map(pressed);
        }
        self.misses = 0;
        if let Some(heard) = heard.filter(|_| self.run >= BLOCKS) {
            self.down = Some((heard.digit, self.run));
        }
        ended
    }
}

fn pressed((digit, blocks): (Digit, u32)) -> (Digit, Duration) {
    (digit, Duration::from_micros(u64::from(blocks) * BLOCK as u64 * 1_000_000 / u64::from(RATE)))
}

/// The tone that stands out of its group.
fn strongest(powers: &[f32]) -> Option<(usize, f32)> {
    let (at, power) = powers.iter().copied().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let alone = powers.iter().enumerate().all(|(other, weaker)| other == at || weaker * ABOVE_OTHERS < power);
    alone.then_some((at, power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tone;

    /// Seeded, so that every run hears the same.
    struct Noise(u64);

    impl Noise {
        /// Even between −1 and 1.
        fn next(&mut self) -> f32 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
        }
    }

    /// Which keys a detector tells of these samples, and its last one when the audio ends.
    fn told(samples: &[f32]) -> String {
        let encoded: Vec<u8> = samples.iter().map(|sample| Codec::Pcmu.encode(*sample as i16)).collect();
        let mut detector = Detector::new();
        let mut told = String::new();
        for packet in encoded.chunks(160) {
            detector.handle(Codec::Pcmu, packet, |digit, _| told.push(digit.as_char()));
        }
        told.extend(detector.handle_silence().map(|(digit, _)| digit.as_char()));
        told
    }

    /// A pair of tones with their amplitudes, for so many samples.
    fn pair(frequencies: [f32; 2], amplitudes: [f32; 2], samples: usize) -> impl Iterator<Item = f32> {
        (0..samples).map(move |at| {
            let angle = TAU * at as f32 / RATE as f32;
            amplitudes[0] * (frequencies[0] * angle).sin() + amplitudes[1] * (frequencies[1] * angle).sin()
        })
    }

    fn silence(ms: usize) -> impl Iterator<Item = f32> {
        std::iter::repeat_n(0.0, ms * 8)
    }

    /// Every key once, changed by `with` (frequency factor, low and high amplitude), `ms` long.
    fn all_keys(ms: usize, factor: f32, amplitudes: [f32; 2]) -> Vec<f32> {
        let mut samples: Vec<f32> = silence(13).collect();
        for low in LOW {
            for high in HIGH {
                samples.extend(pair([low * factor, high * factor], amplitudes, ms * 8));
                samples.extend(silence(50));
            }
        }
        samples
    }

    const ALL: &str = "123A456B789C*0#D";
    const LEVEL: [f32; 2] = [4_000.0, 4_000.0];

    #[test]
    fn every_key_of_40_ms_and_more_is_told_once() {
        assert_eq!([40, 50, 100, 1_000].map(|ms| told(&all_keys(ms, 1.0, LEVEL))), [ALL; 4]);
    }

    #[test]
    fn a_tone_of_20_ms_is_no_key() {
        assert_eq!(told(&all_keys(20, 1.0, LEVEL)), "");
    }

    #[test]
    fn our_own_keys_are_told_at_both_laws() {
        let heard = [Codec::Pcmu, Codec::Pcma].map(|codec| {
            let mut detector = Detector::new();
            let mut told = String::new();
            for key in ALL.chars().filter_map(Digit::from_char) {
                let tone = Tone::dtmf(key);
                let mut audio = vec![0; tone.samples() as usize];
                tone.fill(codec, 0, &mut audio);
                detector.handle(codec, &audio, |digit, _| told.push(digit.as_char()));
            }
            told
        });
        assert_eq!(heard, [ALL; 2]);
    }

    /// ITU-T Q.24: 1.5 % off must be heard.
    #[test]
    fn frequencies_may_be_off_by_one_and_a_half_percent() {
        assert_eq!([0.985, 1.015].map(|factor| told(&all_keys(60, factor, LEVEL))), [ALL; 2]);
    }

    #[test]
    fn twist_is_allowed_to_8_db_and_4_db_reversed_and_no_more() {
        let heard = [[4_000.0, 1_750.0], [2_700.0, 4_000.0], [4_000.0, 1_000.0], [1_800.0, 4_000.0]]
            .map(|amplitudes| told(&all_keys(60, 1.0, amplitudes)));
        assert_eq!(heard, [ALL, ALL, "", ""]);
    }

    #[test]
    fn keys_are_told_through_noise_15_db_below() {
        let mut noise = Noise(7);
        // Two sines of 4,000 have an RMS of 4,000; even noise of 1,230 has 710.
        let samples: Vec<f32> = all_keys(60, 1.0, LEVEL).iter().map(|sample| sample + 1_230.0 * noise.next()).collect();
        assert_eq!(told(&samples), ALL);
    }

    #[test]
    fn a_dropout_of_10_ms_is_not_a_second_press() {
        let press = || pair([770.0, 1_336.0], LEVEL, 480);
        let samples: Vec<f32> =
            silence(20).chain(press()).chain(silence(10)).chain(press()).chain(silence(50)).collect();
        assert_eq!(told(&samples), "5");
    }

    #[test]
    fn noise_and_single_tones_are_no_keys() {
        let mut noise = Noise(11);
        let hiss: Vec<f32> = (0..8_000 * 60).map(|_| 8_000.0 * noise.next()).collect();
        let tones: Vec<f32> = (300..3_400).step_by(7).flat_map(|hertz| pair([hertz as f32, 0.0], LEVEL, 800)).collect();
        assert_eq!([told(&hiss), told(&tones)], ["", ""]);
    }

    /// Talk-off: five minutes of something like speech, voices of 90–300 Hz gliding under moving formants, with breaths between.
    #[test]
    fn five_minutes_of_speech_are_taken_for_a_key_three_times_at_most() {
        let mut noise = Noise(2_026);
        let mut samples = Vec::new();
        let mut phase = 0.0;
        while samples.len() < 8_000 * 300 {
            let length = 1_000 + (1_500.0 * (1.0 + noise.next())) as usize;
            let (pitch, glide) = (195.0 + 105.0 * noise.next(), 0.15 * noise.next());
            let formants =
                [500.0 + 300.0 * noise.next(), 1_500.0 + 700.0 * noise.next(), 2_600.0 + 400.0 * noise.next()];
            for at in 0..length {
                let share = at as f32 / length as f32;
                let now = pitch * (1.0 + glide * share);
                phase = (phase + now / RATE as f32).fract();
                let voice: f32 = (1..=(3_400.0 / now) as u16)
                    .map(|harmonic| {
                        let hertz = now * f32::from(harmonic);
                        let gain: f32 =
                            formants.iter().map(|formant| (-((hertz - formant) / 120.0).powi(2)).exp()).sum();
                        (gain + 0.02) * (TAU * phase * f32::from(harmonic)).sin()
                    })
                    .sum();
                samples.push(6_000.0 * voice * (share * std::f32::consts::PI).sin() + 60.0 * noise.next());
            }
            samples.extend((0..400).map(|_| 300.0 * noise.next()));
        }
        // The usual tape allows 30 in half an hour.
        assert!(told(&samples).len() <= 3);
    }
}
