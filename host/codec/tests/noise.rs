//! Comfort noise (RFC 3389).
#![allow(clippy::unwrap_used, reason = "a test")]

mod sound;

use plugboard_codec::{ComfortNoise, NoiseDescription};
use sound::loudness;

fn noise(description: &NoiseDescription) -> Vec<i16> {
    let mut out = Vec::new();
    ComfortNoise::new(description, 77).fill(16_000, &mut out);
    out
}

/// In dB below overload, which is a square wave of full scale.
fn level(samples: &[i16]) -> i32 {
    (-20.0 * (loudness(samples) / 32_767.0).log10()).round() as i32
}

#[test]
fn noise_is_as_loud_as_it_was_described_whatever_its_colour() {
    for reflections in [&[][..], &[127, 127], &[40, 160, 100], &[230, 140]] {
        for wanted in [30_u8, 50, 65] {
            let payload = [&[wanted], reflections].concat();
            let heard = level(&noise(&NoiseDescription::parse(&payload).unwrap()));
            assert!(heard.abs_diff(i32::from(wanted)) <= 1, "{payload:?}: {heard} dB");
        }
    }
}

#[test]
fn coefficients_colour_the_noise() {
    // Of neighbours: alike in what rumbles, opposed in what hisses.
    let likeness = |reflections: &[u8]| {
        let samples = noise(&NoiseDescription::parse(&[&[30], reflections].concat()).unwrap());
        let product: f64 = samples.windows(2).map(|pair| f64::from(pair[0]) * f64::from(pair[1])).sum();
        (product * 10.0 / (loudness(&samples).powi(2) * samples.len() as f64)).round() as i32
    };
    assert_eq!([likeness(&[30]), likeness(&[127]), likeness(&[224])], [8, 0, -8]);
}

#[test]
fn a_description_reads_back_the_same_and_a_long_one_is_cut() {
    let mut written = Vec::new();
    NoiseDescription::parse(&[50, 1, 127, 254]).unwrap().write(&mut written);
    let mut cut = Vec::new();
    NoiseDescription::parse(&[255; 300]).unwrap().write(&mut cut);
    assert_eq!((written, cut.len(), NoiseDescription::parse(&[])), (vec![50, 1, 127, 254], 11, None));
}

#[test]
fn no_description_makes_it_howl() {
    for sharp in [0, 254, 255] {
        let samples = noise(&NoiseDescription::parse(&[&[0x30][..], &[sharp; 10]].concat()).unwrap());
        assert!(loudness(&samples) < 32_767.0 / 10.0, "{sharp}: {:.0}", loudness(&samples));
    }
}
