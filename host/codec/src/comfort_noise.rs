//! Comfort noise: what a silent sender says its silence sounds like, and that sound (RFC 3389).

use crate::Rate;

/// Reflection coefficients that are kept; more make no audible difference in a background.
const MAX_ORDER: usize = 10;
/// Nearer to one a coefficient makes a whistle of the noise.
const SHARPEST: f32 = 0.97;

/// The payload of one comfort-noise packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoiseDescription {
    /// In dB below overload, 0–127. A full-scale sine is at 3.
    level: u8,
    /// Reflection coefficients as sent: 127 is zero, 0 and 254 nearly −1 and 1.
    reflections: [u8; MAX_ORDER],
    order: u8,
}

impl NoiseDescription {
    /// White noise this many dB below overload.
    pub fn white(level: u8) -> Self {
        Self { level: level.min(127), reflections: [127; MAX_ORDER], order: 0 }
    }

    /// `None` for an empty payload. Coefficients beyond the tenth are left out (RFC 3389 §3.2: the model order is the receiver's choice).
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (level, coefficients) = payload.split_first()?;
        let mut description = Self::white(level & 0x7f);
        for (kept, sent) in description.reflections.iter_mut().zip(coefficients) {
            *kept = (*sent).min(254);
        }
        description.order = coefficients.len().min(MAX_ORDER) as u8;
        Some(description)
    }

    /// In dB below overload.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Appends the payload.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.level);
        out.extend_from_slice(&self.reflections[..usize::from(self.order)]);
    }
}

/// Makes the noise of a description: white noise through the all-pole lattice of its coefficients.
#[derive(Clone, Debug)]
pub struct ComfortNoise {
    /// Of the pseudo-random numbers.
    state: u32,
    reflections: [f32; MAX_ORDER],
    /// What the lattice remembers.
    backward: [f32; MAX_ORDER + 1],
    gain: f32,
}

impl ComfortNoise {
    /// `seed` only keeps two senders from sounding alike. Coefficients describe the spectrum at 8 kHz; at other rates pass white noise or live with
    /// another colour.
    pub fn new(description: &NoiseDescription, seed: u32) -> Self {
        let mut noise =
            Self { state: seed | 1, reflections: [0.0; MAX_ORDER], backward: [0.0; MAX_ORDER + 1], gain: 0.0 };
        noise.describe(description);
        noise
    }

    /// Another sound from here on, without a click.
    pub fn describe(&mut self, description: &NoiseDescription) {
        // RFC 3389 §3.2.
        for (ours, theirs) in self.reflections.iter_mut().zip(&description.reflections) {
            *ours = (258.0 * (f32::from(*theirs) - 127.0) / 32_768.0).clamp(-SHARPEST, SHARPEST);
        }
        // The lattice raises the power by the inverse of the product.
        let loss: f32 = self.reflections.iter().map(|k| 1.0 - k * k).product();
        let rms = 32_767.0 * 10_f32.powf(-f32::from(description.level) / 20.0);
        // An even distribution between −1 and 1 has a mean square of a third.
        self.gain = rms * 3_f32.sqrt() * loss.sqrt();
    }

    /// Appends so many samples.
    pub fn fill(&mut self, samples: usize, out: &mut Vec<i16>) {
        for _ in 0..samples {
            // xorshift32: no noise is worth more.
            self.state ^= self.state << 13;
            self.state ^= self.state >> 17;
            self.state ^= self.state << 5;
            let mut forward = self.gain * (self.state as i32 as f32 / 2_147_483_648.0);
            for stage in (0..MAX_ORDER).rev() {
                forward -= self.reflections[stage] * self.backward[stage];
                self.backward[stage + 1] = self.backward[stage] + self.reflections[stage] * forward;
            }
            self.backward[0] = forward;
            out.push(forward as i16);
        }
    }

    /// Appends 20 ms.
    pub fn frame(&mut self, rate: Rate, out: &mut Vec<i16>) {
        self.fill(rate.frame(), out);
    }
}
