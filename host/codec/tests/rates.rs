//! What is kept and what folds back when the rate changes.
#![allow(clippy::unwrap_used, reason = "a test")]

mod sound;

use plugboard_codec::{Rate, Resampler};
use sound::{loudness, signal_to_noise, sines};

const PAIRS: [(Rate, Rate); 3] = [(Rate::Narrow, Rate::Wide), (Rate::Narrow, Rate::Full), (Rate::Wide, Rate::Full)];

fn resampled(from: Rate, to: Rate, samples: &[i16], piece: usize) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to);
    let mut out = Vec::new();
    samples.chunks(piece).for_each(|piece| resampler.handle(piece, &mut out));
    out
}

#[test]
fn a_voices_band_is_kept_both_ways() {
    for (low, high) in PAIRS {
        for share in [30, 100, 250, 400, 430] {
            let frequency = low.hertz() * share / 1_000;
            let (at_low, at_high) = (sines(low, &[frequency], 20), sines(high, &[frequency], 20));
            let up = resampled(low, high, &at_low, low.frame());
            let down = resampled(high, low, &at_high, high.frame());
            let ratios = [signal_to_noise(&at_high, &up), signal_to_noise(&at_low, &down)];
            let kept = [(&up, &at_high), (&down, &at_low)].map(|(heard, said)| loudness(heard) / loudness(said));
            let fits = ratios.iter().all(|ratio| *ratio > 45.0) && kept.iter().all(|kept| (0.95..1.02).contains(kept));
            assert!(fits, "{frequency} Hz between {low:?} and {high:?}: {ratios:.1?} dB, {kept:.2?} of the loudness");
        }
    }
}

/// What the lower rate cannot carry is gone, and the mirror images of what is raised as well.
#[test]
fn nothing_folds_back_into_the_band() {
    for (low, high) in PAIRS {
        for share in [570, 650, 800, 980] {
            let said = sines(high, &[low.hertz() * share / 1_000], 20);
            let down = resampled(high, low, &said, high.frame());
            let left = 20.0 * (loudness(&down[low.frame()..]) / loudness(&said)).log10();
            assert!(left < -58.0, "{share} thousandths of {low:?} from {high:?}: {left:.1} dB");
        }
    }
}

#[test]
fn pieces_of_any_length_make_the_same_sound() {
    for (low, high) in PAIRS {
        for (from, to) in [(low, high), (high, low)] {
            let said = sines(from, &[440, 1_000], 10);
            let whole = resampled(from, to, &said, said.len());
            for piece in [1, 7, 160, 961] {
                assert!(resampled(from, to, &said, piece) == whole, "{from:?} to {to:?} in pieces of {piece}");
            }
            assert_eq!(whole.len(), 10 * to.frame());
        }
    }
}
