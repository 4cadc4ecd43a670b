//! DTMF tones in the audio (ITU-T Q.23, Q.24), for far ends that send no telephone-event.
//!
//! Windows of 12.75 ms, each half over the one before. Eight Goertzel filters pick the two candidates of a window; only if they hold most of
//! its energy are two sines fitted to it, exact in frequency. What the two do not explain tells a key from speech: voices have harmonics,
//! keys have none. A key is down after some windows alike, and up after some without it.

use std::f32::consts::TAU;
use std::time::Duration;

use plugboard_codec::Law;
use plugboard_rtp::Digit;

use crate::RATE;

/// Samples looked at together.
const WINDOW: usize = 102;
/// Samples from one window to the next.
const HOP: usize = 51;
/// Windows in a row that make a key: 31.9 ms, the most that every tone of 40 ms holds wherever it begins.
const WINDOWS: u32 = 4;
/// Windows in a row without the key after which it is up: an interruption of 10 ms, which Q.24 forgives, spoils at most four.
const MISSES: u32 = 5;
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// Keys by row and column, as event codes.
const KEYS: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// Mean square below which nothing is a tone: about −40 dB below full scale.
const QUIET: f32 = 327.0 * 327.0;
/// A candidate stands this far above the others of its group: 3 dB. More leaks from the stronger group at the worst twist.
const ABOVE_OTHERS: f32 = 2.0;
/// Share of the energy in the two filters that makes a fit worth while. Tones 1.5 % off show 0.75.
const WORTH_A_FIT: f32 = 0.55;
/// Share of the energy that the fitted sines may leave: a noise 15 dB below leaves 0.03.
const UNEXPLAINED: f32 = 0.06;
/// Frequencies are tried in steps of this share.
const STEP: f32 = 0.008;
/// And may be off by this much: 1.5 % must be heard, 3.5 % must not.
const OFF: f32 = 0.023;
/// The high tone may be this much weaker than the low one, as power: 10 dB, because noise makes 8 dB up to that much in one window.
const NORMAL_TWIST: f32 = 10.0;
/// And this much stronger: 5.5 dB for 4 dB.
const REVERSE_TWIST: f32 = 3.55;
/// Each tone keeps its level from one window to the next within this factor of power (1.5 dB): it is steady where speech is not.
const STEADY: f32 = 1.41;

#[derive(Debug)]
pub(crate) struct Detector {
    /// 2·cos of each frequency.
    coefficients: [f32; 8],
    window: [f32; WINDOW],
    filled: usize,
    last: Option<Tones>,
    /// Windows in a row that confirm `last`.
    run: u32,
    /// The key that is down, and windows since it went down.
    down: Option<(Digit, u32)>,
    /// Windows in a row without the key that is down.
    misses: u32,
}

/// A window that sounds like a key, with the power of its tones.
#[derive(Clone, Copy, Debug)]
struct Tones {
    digit: Digit,
    powers: [f32; 2],
}

impl Tones {
    /// Whether this window goes on with the key of the one before.
    fn confirms(&self, before: &Self) -> bool {
        let steady = |(now, before): (&f32, &f32)| now <= &(before * STEADY) && before <= &(now * STEADY);
        self.digit == before.digit && self.powers.iter().zip(&before.powers).all(steady)
    }
}

impl Detector {
    pub(crate) fn new() -> Self {
        let mut coefficients = [0.0; 8];
        for (coefficient, frequency) in coefficients.iter_mut().zip(LOW.iter().chain(&HIGH)) {
            *coefficient = 2.0 * angle(*frequency).cos();
        }
        Self { coefficients, window: [0.0; WINDOW], filled: 0, last: None, run: 0, down: None, misses: 0 }
    }

    /// Listens to one packet and tells the presses that ended in it.
    pub(crate) fn handle(&mut self, law: Law, payload: &[u8], told: impl FnMut(Digit, Duration)) {
        let table = law.linear();
        self.hear(payload.iter().map(|byte| table[usize::from(*byte)]), told);
    }

    /// The same of samples at 8 kHz.
    pub(crate) fn hear(&mut self, samples: impl IntoIterator<Item = i16>, mut told: impl FnMut(Digit, Duration)) {
        for sample in samples {
            self.window[self.filled] = f32::from(sample);
            self.filled += 1;
            if self.filled == WINDOW {
                let heard = self.judge();
                self.window.copy_within(HOP.., 0);
                self.filled = WINDOW - HOP;
                if let Some((digit, length)) = self.handle_window(heard) {
                    told(digit, length);
                }
            }
        }
    }

    /// No more audio comes: a key that is down is up.
    pub(crate) fn handle_silence(&mut self) -> Option<(Digit, Duration)> {
        self.filled = 0;
        self.last = None;
        self.run = 0;
        self.misses = 0;
        self.down.take().map(pressed)
    }

    /// The key of the window that is full.
    fn judge(&self) -> Option<Tones> {
        let energy: f32 = self.window.iter().map(|sample| sample * sample).sum();
        if energy < QUIET * WINDOW as f32 {
            return None;
        }
        let powers = self.filter();
        let (rows, columns) = powers.split_at(4);
        let (row, low) = strongest(rows)?;
        let (column, high) = strongest(columns)?;
        if 2.0 * (low + high) < WORTH_A_FIT * WINDOW as f32 * energy {
            return None;
        }
        let fit = Fit::exact(&self.window, [LOW[row], HIGH[column]])?;
        let [low, high] = fit.powers;
        let balanced = low <= high * NORMAL_TWIST && high <= low * REVERSE_TWIST;
        let pure = fit.explained >= (1.0 - UNEXPLAINED) * energy;
        let digit = Digit::from_code(KEYS[row][column])?;
        (balanced && pure).then_some(Tones { digit, powers: fit.powers })
    }

    /// Goertzel: the power at each frequency, times the square of half the window.
    fn filter(&self) -> [f32; 8] {
        let (mut newer, mut older) = ([0.0_f32; 8], [0.0_f32; 8]);
        for sample in &self.window {
            for ((newer, older), coefficient) in newer.iter_mut().zip(&mut older).zip(&self.coefficients) {
                // Not `mul_add`: without the instruction, which not every machine has, that is a slow call.
                let next = coefficient * *newer + (sample - *older);
                *older = *newer;
                *newer = next;
            }
        }
        let mut powers = [0.0; 8];
        for (((power, s1), s2), coefficient) in powers.iter_mut().zip(newer).zip(older).zip(&self.coefficients) {
            *power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
        }
        powers
    }

    /// Some windows alike put a key down, some without it put it up.
    fn handle_window(&mut self, heard: Option<Tones>) -> Option<(Digit, Duration)> {
        let before = std::mem::replace(&mut self.last, heard);
        self.run = match (heard, before) {
            (Some(heard), Some(before)) if heard.confirms(&before) => self.run + 1,
            (Some(_), _) => 1,
            (None, _) => 0,
        };
        let mut ended = None;
        if let Some((digit, windows)) = &mut self.down {
            if heard.is_some_and(|heard| heard.digit == *digit) {
                *windows += 1 + self.misses;
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
        if let Some(heard) = heard.filter(|_| self.run >= WINDOWS) {
            self.down = Some((heard.digit, self.run));
        }
        ended
    }
}

fn pressed((digit, windows): (Digit, u32)) -> (Digit, Duration) {
    let samples = u64::from(windows) * HOP as u64 + (WINDOW - HOP) as u64;
    (digit, Duration::from_micros(samples * 1_000_000 / u64::from(RATE)))
}

/// The tone that stands out of its group.
fn strongest(powers: &[f32]) -> Option<(usize, f32)> {
    let (at, power) = powers.iter().copied().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let alone = powers.iter().enumerate().all(|(other, weaker)| other == at || weaker * ABOVE_OTHERS < power);
    alone.then_some((at, power))
}

/// Radians a sample.
fn angle(frequency: f32) -> f32 {
    TAU * frequency / RATE as f32
}

/// Two sines, as near to a window as any of their frequencies, by least squares.
#[derive(Clone, Copy, Debug)]
struct Fit {
    /// Energy of the window that is theirs.
    explained: f32,
    /// Squares of their amplitudes.
    powers: [f32; 2],
}

impl Fit {
    /// The best near these frequencies; `None` if the best is too far from them.
    fn exact(window: &[f32; WINDOW], [low, high]: [f32; 2]) -> Option<Self> {
        let mut off = [0.0_f32; 2];
        let fit = |off: [f32; 2]| Self::of(window, [low * (1.0 + off[0]), high * (1.0 + off[1])]);
        let explained = |mut off: [f32; 2], tone: usize, at: f32| {
            off[tone] = at;
            fit(off).map_or(0.0, |fit| fit.explained)
        };
        for tone in [0, 1] {
            let tried = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|step| (step * STEP, explained(off, tone, step * STEP)));
            (off[tone], _) = tried.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        }
        // Once more and closer, because each disturbs the other.
        for tone in [0, 1] {
            let [left, middle, right] = [-STEP, 0.0, STEP].map(|step| explained(off, tone, off[tone] + step));
            let curve = left - 2.0 * middle + right;
            // The top of the parabola through the three.
            let top = if curve < 0.0 { 0.5 * STEP * (left - right) / curve } else { 0.0 };
            off[tone] += top.clamp(-STEP, STEP);
        }
        if off.iter().any(|off| off.abs() > OFF) {
            return None;
        }
        fit(off)
    }

    /// Least squares over sine and cosine of both.
    fn of(window: &[f32; WINDOW], frequencies: [f32; 2]) -> Option<Self> {
        let turns = frequencies.map(|frequency| angle(frequency).sin_cos());
        let mut basis = [1.0_f32, 0.0, 1.0, 0.0];
        let (mut products, mut sums) = ([[0.0_f32; 4]; 4], [0.0_f32; 4]);
        for sample in window {
            for ((sum, row), factor) in sums.iter_mut().zip(&mut products).zip(basis) {
                *sum += factor * sample;
                for (product, other) in row.iter_mut().zip(basis) {
                    *product += factor * other;
                }
            }
            let [a, b, c, d] = basis;
            let [(low_sin, low_cos), (high_sin, high_cos)] = turns;
            basis = [
                a * low_cos - b * low_sin,
                b * low_cos + a * low_sin,
                c * high_cos - d * high_sin,
                d * high_cos + c * high_sin,
            ];
        }
        let [a, b, c, d] = solve(products, sums)?;
        let explained = [a, b, c, d].iter().zip(sums).map(|(factor, sum)| factor * sum).sum();
        Some(Self { explained, powers: [a * a + b * b, c * c + d * d] })
    }
}

/// Gaussian elimination; the matrix is positive definite, so no rows need to change places. `None` if it is not.
#[allow(clippy::needless_range_loop, reason = "rows and columns are best read by number")]
fn solve(mut matrix: [[f32; 4]; 4], mut right: [f32; 4]) -> Option<[f32; 4]> {
    for pivot in 0..4 {
        let row = matrix[pivot];
        if row[pivot] < 1.0e-3 {
            return None;
        }
        for below in pivot + 1..4 {
            let factor = matrix[below][pivot] / row[pivot];
            for column in pivot..4 {
                matrix[below][column] -= factor * row[column];
            }
            right[below] -= factor * right[pivot];
        }
    }
    let mut solution = [0.0; 4];
    for row in (0..4).rev() {
        let known: f32 = (row + 1..4).map(|column| matrix[row][column] * solution[column]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tone;
    use crate::prompt::Prompt;
    use crate::tone::EncodedTone;

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
        let encoded: Vec<u8> = samples.iter().map(|sample| Law::Mu.encode(*sample as i16)).collect();
        let mut detector = Detector::new();
        let mut told = String::new();
        for packet in encoded.chunks(160) {
            detector.handle(Law::Mu, packet, |digit, _| told.push(digit.as_char()));
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
        let heard = [Law::Mu, Law::A].map(|law| {
            let mut detector = Detector::new();
            let mut told = String::new();
            for key in ALL.chars().filter_map(Digit::from_char) {
                let tone = EncodedTone::new(&Tone::dtmf(key), None);
                let mut audio = vec![0; tone.samples() as usize];
                tone.fill(law, 0, &mut audio);
                detector.handle(law, &audio, |digit, _| told.push(digit.as_char()));
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
    fn frequencies_off_by_three_and_a_half_percent_are_no_keys() {
        assert_eq!([0.965, 1.035].map(|factor| told(&all_keys(100, factor, LEVEL))), [""; 2]);
    }

    /// All that ITU-T Q.24 and its tests allow at once: frequencies 1.5 % off either way, twist, noise 15 dB below, any beginning.
    #[test]
    fn every_key_is_told_through_noise_off_frequency_and_with_twist() {
        let mut noise = Noise(7);
        for factor in [0.985, 1.0, 1.015] {
            for amplitudes in [LEVEL, [4_000.0, 1_593.0], [2_524.0, 4_000.0], [600.0, 600.0]] {
                // Even noise between −a and a has a power of a²/3, sines of half their squares.
                let power: f32 = amplitudes.iter().map(|amplitude| amplitude * amplitude / 2.0).sum();
                let hiss = (3.0 * power / 10_f32.powf(1.5)).sqrt();
                for start in [0, 17, 34] {
                    let samples: Vec<f32> = silence(1)
                        .take(start)
                        .chain(all_keys(50, factor, amplitudes))
                        .map(|sample| sample + hiss * noise.next())
                        .collect();
                    assert_eq!(told(&samples), ALL, "{factor} {amplitudes:?}");
                }
            }
        }
    }

    #[test]
    fn the_same_key_after_a_pause_of_40_ms_is_two_presses() {
        let press = || pair([852.0, 1_477.0], LEVEL, 400).chain(silence(40));
        let samples: Vec<f32> = (0..5).flat_map(|_| press()).collect();
        assert_eq!(told(&samples), "99999");
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
    fn five_minutes_of_something_like_speech_have_no_key() {
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
        assert_eq!(told(&samples), "");
    }

    /// Talk-off: every prompt of the demo, as loud as it is and louder and softer, faster and slower (another voice), shifted against the windows.
    #[test]
    fn spoken_prompts_and_music_have_no_key() {
        let mut folders = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/demo/prompts").into()];
        let mut files: Vec<std::path::PathBuf> = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir::<std::path::PathBuf>(folder).unwrap().flatten() {
                let (path, is_folder) = (entry.path(), entry.file_type().unwrap().is_dir());
                if is_folder { &mut folders } else { &mut files }.push(path);
            }
        }
        files.retain(|file| file.extension().is_some_and(|kind| kind == "wav"));
        let mut seconds = 0.0;
        for file in &files {
            let mut bytes = std::fs::read(file).unwrap();
            let rate = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
            for (speed, gain) in [(1.0, 1.0), (0.8, 1.8), (0.9, 0.5), (1.12, 1.4), (1.25, 0.7), (1.4, 1.0)] {
                let rate = (rate as f32 * speed) as u32;
                bytes[24..28].copy_from_slice(&rate.to_le_bytes());
                bytes[28..32].copy_from_slice(&(rate * 2).to_le_bytes());
                let prompt = Prompt::from_wav(&bytes).unwrap();
                let samples: Vec<f32> =
                    prompt.bytes(Law::A).iter().map(|byte| gain * f32::from(Law::A.decode(*byte))).collect();
                for shift in [0, 13, 26, 39] {
                    seconds += samples.len() as f32 / RATE as f32;
                    assert_eq!(told(&samples[shift..]), "", "{} at speed {speed}, shift {shift}", file.display());
                }
            }
        }
        assert!(files.len() > 50 && seconds > 1_800.0, "{} files, {seconds} s", files.len());
    }
}
