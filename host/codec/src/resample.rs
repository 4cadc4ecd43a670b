//! From one rate to another: a polyphase filter, 32 taps a phase, a sinc under a Kaiser window.
//!
//! Up to 0.44 of the lower rate (3.5 of 8 kHz) all is kept; what would fold back below that is 60 dB down. The delay is 16 samples of the lower rate.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::voice::{Decode, Encode, Malformed};
use crate::{Rate, Target};

/// Of each phase, which is a sample of the lower rate.
const TAPS: usize = 32;
/// Shape of the Kaiser window for 60 dB.
const BETA: f64 = 5.65;

static BY_2: LazyLock<Taps> = LazyLock::new(|| Taps::new(2));
static BY_3: LazyLock<Taps> = LazyLock::new(|| Taps::new(3));
static BY_6: LazyLock<Taps> = LazyLock::new(|| Taps::new(6));

/// One filter for both ways, its taps in the order in which they are multiplied.
#[derive(Debug)]
struct Taps {
    /// Of each phase in turn, the oldest sample's first, with a gain of the factor.
    up: Box<[f32]>,
    /// Of all phases together, with a gain of one.
    down: Box<[f32]>,
}

impl Taps {
    fn new(factor: usize) -> Self {
        let length = TAPS * factor;
        // A whole sample, so that the delay is one of both rates.
        let middle = (length / 2) as f64;
        let tap = |at: usize| {
            let place = at as f64 - middle;
            let angle = PI * place / factor as f64;
            let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
            let edge = place / middle;
            sinc * bessel(BETA * (1.0 - edge * edge).max(0.0).sqrt()) / bessel(BETA)
        };
        let taps: Vec<f64> = (0..length).map(tap).collect();
        // Each phase passes a constant unchanged, so that none of them hums.
        let gain = |phase: usize| 1.0 / taps.iter().skip(phase).step_by(factor).sum::<f64>();
        let up = (0..factor).flat_map(|phase| {
            let gain = gain(phase);
            let of_phase: Vec<f32> = taps.iter().skip(phase).step_by(factor).map(|tap| (tap * gain) as f32).collect();
            of_phase.into_iter().rev()
        });
        let sum: f64 = taps.iter().sum();
        Self { up: up.collect(), down: taps.iter().rev().map(|tap| (tap / sum) as f32).collect() }
    }
}

/// The modified Bessel function of the first kind, order 0.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..32 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

/// One stream of samples from one rate to another.
#[derive(Debug)]
pub struct Resampler {
    from: Rate,
    to: Rate,
    taps: Option<&'static Taps>,
    factor: usize,
    /// What the filter still needs, and the samples to come.
    samples: Vec<f32>,
}

impl Resampler {
    pub fn new(from: Rate, to: Rate) -> Self {
        let factor = from.hertz().max(to.hertz()) / from.hertz().min(to.hertz());
        let taps: Option<&'static Taps> = match factor {
            2 => Some(&BY_2),
            3 => Some(&BY_3),
            6 => Some(&BY_6),
            _ => None,
        };
        let factor = factor as usize;
        let behind = if from < to { TAPS - 1 } else { TAPS * factor - 1 };
        Self { from, to, taps, factor, samples: vec![0.0; behind] }
    }

    pub fn from(&self) -> Rate {
        self.from
    }

    pub fn to(&self) -> Rate {
        self.to
    }

    /// Appends the samples at the other rate. What does not make a whole one yet is kept for the next call.
    pub fn handle(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let Some(taps) = self.taps else {
            out.extend_from_slice(samples);
            return;
        };
        self.samples.extend(samples.iter().copied().map(f32::from));
        let done = if self.from < self.to {
            for window in self.samples.windows(TAPS) {
                out.extend(taps.up.chunks_exact(TAPS).map(|phase| rounded(product(phase, window))));
            }
            samples.len()
        } else {
            let length = taps.down.len();
            let whole = (self.samples.len() + 1 - length) / self.factor;
            let windows = self.samples.windows(length).step_by(self.factor).take(whole);
            out.extend(windows.map(|window| rounded(product(&taps.down, window))));
            whole * self.factor
        };
        self.samples.copy_within(done.., 0);
        self.samples.truncate(self.samples.len() - done);
    }
}

/// Sixteen sums beside each other, which a compiler makes vectors of.
#[inline]
fn product(taps: &[f32], samples: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (taps, samples) in taps.as_chunks::<16>().0.iter().zip(samples.as_chunks::<16>().0) {
        for ((sum, tap), sample) in sums.iter_mut().zip(taps).zip(samples) {
            *sum += tap * sample;
        }
    }
    sums.iter().sum()
}

#[inline]
fn rounded(sample: f32) -> i16 {
    // A cast of a float saturates.
    (sample + 0.5_f32.copysign(sample)) as i16
}

/// A decoder at another rate than its own.
#[derive(Debug)]
pub(crate) struct Resampled<D> {
    decoder: D,
    resampler: Resampler,
    samples: Vec<i16>,
}

impl<D: Decode + 'static> Resampled<D> {
    pub(crate) fn to(rate: Rate, decoder: D) -> Box<dyn Decode> {
        if rate == decoder.rate() {
            return Box::new(decoder);
        }
        Box::new(Self { resampler: Resampler::new(decoder.rate(), rate), decoder, samples: Vec::new() })
    }
}

impl<D: Decode> Decode for Resampled<D> {
    fn rate(&self) -> Rate {
        self.resampler.to
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Malformed> {
        self.samples.clear();
        self.decoder.decode(payload, &mut self.samples)?;
        self.resampler.handle(&self.samples, out);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, next: Option<&[u8]>, out: &mut Vec<i16>) {
        self.samples.clear();
        let (end, factor) = (out.len() + samples, self.resampler.factor);
        let own = if self.resampler.from < self.resampler.to { samples.div_ceil(factor) } else { samples * factor };
        self.decoder.conceal(own, next, &mut self.samples);
        self.resampler.handle(&self.samples, out);
        // Whole frames come out exact; nobody else's gap is worth more care.
        out.resize(end, 0);
    }
}

/// An encoder that takes another rate than its own.
#[derive(Debug)]
pub(crate) struct ResampledEncoder<E> {
    encoder: E,
    resampler: Resampler,
    samples: Vec<i16>,
}

impl<E: Encode + 'static> ResampledEncoder<E> {
    pub(crate) fn from(rate: Rate, encoder: E) -> Box<dyn Encode> {
        if rate == encoder.rate() {
            return Box::new(encoder);
        }
        Box::new(Self { resampler: Resampler::new(rate, encoder.rate()), encoder, samples: Vec::new() })
    }
}

impl<E: Encode> Encode for ResampledEncoder<E> {
    fn rate(&self) -> Rate {
        self.resampler.from
    }

    fn encode(&mut self, frame: &[i16], out: &mut Vec<u8>) {
        self.samples.clear();
        self.resampler.handle(&frame[..frame.len().min(self.resampler.from.frame())], &mut self.samples);
        self.encoder.encode(&self.samples, out);
    }

    fn aim(&mut self, target: Target) {
        self.encoder.aim(target);
    }
}
