//! G.722 against the bits of another implementation.
#![allow(clippy::unwrap_used, reason = "a test")]

mod sound;

use plugboard_codec::{Codec, Rate};
use sound::{decoded, encoded, hash, signal_to_noise, sines};

/// Noise and a ramp in integers, at four levels from soft to loud.
fn signal(length: i64) -> Vec<i16> {
    let mut state = 1_u64;
    (0..length)
        .map(|at| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = i64::from((state >> 48) as u16) - 32_768;
            let ramp = (at * 977) % 65_536 - 32_768;
            let level = (at / 3_000) % 4;
            (((noise >> 2) + (ramp >> 1)) >> (3 * (3 - level))) as i16
        })
        .collect()
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Sums of what spandsp 0.0.6 makes of the same signal: 12,000 bytes of wideband, and 24,000 bytes of the lower band alone.
#[test]
fn every_bit_is_that_of_another_implementation() {
    let signal = signal(24_000);
    let wide = encoded(Codec::G722, Rate::Wide, &signal);
    let narrow = encoded(Codec::G722, Rate::Narrow, &signal);
    let heard_wide = decoded(Codec::G722, Rate::Wide, &wide);
    let heard_narrow = decoded(Codec::G722, Rate::Narrow, &narrow);
    let sums = [&wide.concat(), &bytes(&heard_wide), &narrow.concat(), &bytes(&heard_narrow)].map(|bytes| hash(bytes));
    assert_eq!(
        sums.map(|sum| format!("{sum:x}")),
        ["d53d04e41580fd11", "9f8be3e095a81848", "7b56157df14a03c9", "74cf056f0747b2d6"]
    );
}

/// 8,000 bytes of chance, by spandsp as well. Its upper band does not saturate as the recommendation does, so only the lower one is compared.
#[test]
fn chance_decodes_to_the_samples_of_another_implementation() {
    let mut state = 7_u64;
    let payload: Vec<u8> = (0..8_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    let packets: Vec<Vec<u8>> = payload.chunks(160).map(<[u8]>::to_vec).collect();
    let sum = hash(&bytes(&decoded(Codec::G722, Rate::Narrow, &packets)));
    assert_eq!(format!("{sum:x}"), "774516535971c4db");
}

#[test]
fn a_wideband_voice_comes_through_and_so_does_its_narrow_band() {
    let wide = sines(Rate::Wide, &[300, 1_100, 5_200], 50);
    let narrow = sines(Rate::Narrow, &[300, 1_100], 50);
    let packets = encoded(Codec::G722, Rate::Wide, &wide);
    let through = signal_to_noise(&wide, &decoded(Codec::G722, Rate::Wide, &packets));
    let telephone =
        signal_to_noise(&narrow, &decoded(Codec::G722, Rate::Narrow, &encoded(Codec::G722, Rate::Narrow, &narrow)));
    assert!(through > 20.0 && telephone > 20.0, "{through:.1} and {telephone:.1} dB");
}
