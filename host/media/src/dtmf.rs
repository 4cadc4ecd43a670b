//! DTMF tones in the audio (ITU-T Q.23, Q.24), for far ends that send no telephone-event.

use std::f32::consts::TAU;
use std::time::Duration;

use plugboard_rtp::Digit;

use crate::g711::{Codec, RATE};

/// Samples looked at together, 12.75 ms: every 40 ms tone holds two whole blocks, which Q.24 demands be heard, and one of 23 ms does not.
const BLOCK: usize = 102;
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
/// Share of the block's energy in the two tones. Speech has the rest of its harmonics elsewhere.
const SHARE: f32 = 0.82;
/// Mean square below which nothing is a tone: about −40 dB below full scale.
const QUIET: f32 = 327.0 * 327.0;

#[derive(Debug)]
pub(crate) struct Detector {
    /// 2·cos of each frequency.
    coefficients: [f32; 8],
    states: [[f32; 2]; 8],
    energy: f32,
    filled: usize,
    last: Option<Digit>,
    /// The key that is down, and blocks since it went down.
    down: Option<(Digit, u32)>,
    /// Blocks in a row without the key that is down.
    misses: u32,
}

impl Detector {
    pub(crate) fn new() -> Self {
        let mut coefficients = [0.0; 8];
        for (coefficient, frequency) in coefficients.iter_mut().zip(LOW.iter().chain(&HIGH)) {
            *coefficient = 2.0 * (TAU * frequency / RATE as f32).cos();
        }
        Self { coefficients, states: [[0.0; 2]; 8], energy: 0.0, filled: 0, last: None, down: None, misses: 0 }
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
        self.down.take().map(pressed)
    }

    /// The key of the block that is full, and makes room for the next.
    fn judge(&mut self) -> Option<Digit> {
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
        (balanced && pure).then(|| Digit::from_code(KEYS[row][column])).flatten()
    }

    /// Two blocks alike put a key down, two without it put it up.
    fn handle_block(&mut self, heard: Option<Digit>) -> Option<(Digit, Duration)> {
        let before = std::mem::replace(&mut self.last, heard);
        let mut ended = None;
        if let Some((digit, blocks)) = &mut self.down {
            if heard == Some(*digit) {
                *blocks += 1 + self.misses;
                self.misses = 0;
                return None;
            }
            self.misses += 1;
            if self.misses < 2 {
                return None;
            }
            ended = self.down.take().map(pressed);
        }
        self.misses = 0;
        if let Some(digit) = heard
            && before == heard
        {
            self.down = Some((digit, 2));
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
