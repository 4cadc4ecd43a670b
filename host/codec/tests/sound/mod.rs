//! Sounds to test with, and how like two of them are.
#![allow(dead_code, reason = "each file of tests uses a part")]

use plugboard_codec::{Codec, Rate};

/// Sines of these frequencies, together at a third of full scale, of so many frames.
pub(crate) fn sines(rate: Rate, frequencies: &[u32], frames: usize) -> Vec<i16> {
    (0..frames * rate.frame())
        .map(|at| {
            let sum: f64 = frequencies
                .iter()
                .map(|frequency| {
                    (std::f64::consts::TAU * f64::from(*frequency) * at as f64 / f64::from(rate.hertz())).sin()
                })
                .sum();
            (sum * 10_000.0 / frequencies.len() as f64) as i16
        })
        .collect()
}

/// Something like a voice: a pitch that wanders between 110 and 150 Hz with twelve harmonics, louder and softer four times a second.
pub(crate) fn voice(rate: Rate, frames: usize) -> Vec<i16> {
    let mut phase = 0.0_f64;
    (0..frames * rate.frame())
        .map(|at| {
            let seconds = at as f64 / f64::from(rate.hertz());
            let pitch = 130.0 + 20.0 * (2.0 * seconds).sin();
            phase += std::f64::consts::TAU * pitch / f64::from(rate.hertz());
            let sound: f64 = (1..=12_i32).map(|n| (phase * f64::from(n)).sin() / f64::from(n)).sum();
            let loudness = 0.55 + 0.45 * (std::f64::consts::TAU * 4.0 * seconds).sin();
            (sound * loudness * 6_000.0) as i16
        })
        .collect()
}

/// Packets of 20 ms.
pub(crate) fn encoded(codec: Codec, rate: Rate, samples: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = codec.encoder(rate);
    samples
        .chunks(rate.frame())
        .map(|frame| {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload);
            payload
        })
        .collect()
}

pub(crate) fn decoded(codec: Codec, rate: Rate, packets: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = codec.decoder(rate);
    let mut out = Vec::new();
    packets.iter().for_each(|packet| decoder.decode(packet, &mut out).expect("it is a payload"));
    out
}

/// In dB, of `heard` to the part of it that is not `said`, at the delay and loudness that fit best. The first quarter is left to settle.
pub(crate) fn signal_to_noise(said: &[i16], heard: &[i16]) -> f64 {
    let from = said.len() / 4;
    (0..1_000).map(|delay| ratio(said, heard, from, delay)).fold(f64::MIN, f64::max)
}

fn ratio(said: &[i16], heard: &[i16], from: usize, delay: usize) -> f64 {
    let Some(heard) = heard.get(from + delay..) else { return f64::MIN };
    let pairs = || said[from..].iter().zip(heard).map(|(said, heard)| (f64::from(*said), f64::from(*heard)));
    let product: f64 = pairs().map(|(said, heard)| said * heard).sum();
    let said_energy: f64 = pairs().map(|(said, _)| said * said).sum();
    let gain = product / said_energy.max(1.0);
    let noise: f64 = pairs().map(|(said, heard)| (heard - gain * said).powi(2)).sum();
    10.0 * (gain * gain * said_energy / noise.max(1.0)).log10()
}

/// Root of the mean square.
pub(crate) fn loudness(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (energy / samples.len().max(1) as f64).sqrt()
}

/// FNV-1a of 64 bits.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
