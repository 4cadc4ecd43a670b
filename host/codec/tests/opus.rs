//! Opus: our packets, those of libopus, and those that never came.
#![allow(clippy::unwrap_used, reason = "a test")]

mod sound;

use plugboard_codec::{Codec, Rate, Target};
use sound::{decoded, encoded, loudness, signal_to_noise, voice};

/// Packets that libopus 1.3.1 made of [`voice`]: wideband SILK with FEC, hybrid, and CELT alone. And every 2.5 ms a sample of what it makes of them.
const SILK_WITH_FEC: &str = include_str!("vectors/silk_fec.hex");
const HYBRID: &str = include_str!("vectors/hybrid.hex");
const CELT: &str = include_str!("vectors/celt.hex");
const SILK_HEARD: &str = include_str!("vectors/silk_fec.samples");
const HYBRID_HEARD: &str = include_str!("vectors/hybrid.samples");
const CELT_HEARD: &str = include_str!("vectors/celt.samples");

fn packets(hex: &str) -> Vec<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
}

#[test]
fn packets_of_the_reference_sound_as_the_reference_plays_them() {
    for (name, hex, heard, rate) in [
        ("SILK", SILK_WITH_FEC, SILK_HEARD, Rate::Wide),
        ("hybrid", HYBRID, HYBRID_HEARD, Rate::Full),
        ("CELT", CELT, CELT_HEARD, Rate::Full),
    ] {
        let wanted: Vec<f64> = heard.split_whitespace().map(|sample| sample.parse().unwrap()).collect();
        let ours = decoded(Codec::Opus, rate, &packets(hex));
        let pairs: Vec<(f64, f64)> =
            wanted.iter().zip(ours.iter().step_by(rate.frame() / 8)).map(|(a, b)| (*a, f64::from(*b))).collect();
        let energy: f64 = pairs.iter().map(|(wanted, _)| wanted * wanted).sum();
        let off: f64 = pairs.iter().map(|(wanted, heard)| (wanted - heard).powi(2)).sum();
        let ratio = 10.0 * (energy / off.max(1.0)).log10();
        assert!(pairs.len() == wanted.len() && ratio > 40.0, "{name}: {ratio:.1} dB");
    }
}

/// In dB, of a voice through the reference and back (5.4 to 5.9): its filters turn phases, which nobody hears and this measure does.
const REFERENCE: f64 = 4.5;

/// The telephone's half of a wideband voice, without a resampler.
#[test]
fn a_wideband_packet_is_heard_at_the_telephones_rate() {
    let packets = packets(SILK_WITH_FEC);
    let ratio = signal_to_noise(&voice(Rate::Narrow, packets.len()), &decoded(Codec::Opus, Rate::Narrow, &packets));
    assert!(ratio > REFERENCE, "{ratio:.1} dB");
}

#[test]
fn a_voice_comes_through_at_every_rate() {
    for rate in [Rate::Narrow, Rate::Wide, Rate::Full] {
        let voice = voice(rate, 60);
        let packets = encoded(Codec::Opus, rate, &voice);
        let ratio = signal_to_noise(&voice, &decoded(Codec::Opus, rate, &packets));
        assert!(ratio > REFERENCE, "{rate:?}: {ratio:.1} dB");
    }
}

/// Every fifth packet is lost. What is found in the packet behind the gap is nearer to what was spoken than what is made up.
#[test]
fn a_lost_packet_is_found_in_the_next_one() {
    for (name, packets) in [("the reference's", packets(SILK_WITH_FEC)), ("ours", ours_with_fec())] {
        let whole = decoded(Codec::Opus, Rate::Wide, &packets);
        let heard = |with_next: bool| {
            let mut decoder = Codec::Opus.decoder(Rate::Wide);
            let (mut out, mut lost) = (Vec::new(), Vec::new());
            for (number, packet) in packets.iter().enumerate() {
                if number % 5 == 3 {
                    let next = packets.get(number + 1).filter(|_| with_next).map(Vec::as_slice);
                    lost.push(out.len()..out.len() + 320);
                    decoder.conceal(320, next, &mut out);
                } else {
                    decoder.decode(packet, &mut out).unwrap();
                }
            }
            assert_eq!(out.len(), whole.len());
            let off = lost.iter().flat_map(|range| range.clone()).map(|at| out[at].saturating_sub(whole[at]));
            loudness(&off.collect::<Vec<_>>())
        };
        let (found, made_up) = (heard(true), heard(false));
        assert!(found < made_up * 0.7, "{name}: off by {found:.0} found, {made_up:.0} made up");
    }
}

fn ours_with_fec() -> Vec<Vec<u8>> {
    let mut encoder = Codec::Opus.encoder(Rate::Wide);
    encoder.aim(Target { bitrate: 32_000, expected_loss: 20 });
    let speak = |frame: &[i16]| {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload);
        payload
    };
    voice(Rate::Wide, 60).chunks(320).map(speak).collect()
}

#[test]
fn the_bit_rate_follows_what_it_is_aimed_at() {
    let voice = voice(Rate::Wide, 100);
    let mut encoder = Codec::Opus.encoder(Rate::Wide);
    let mut bits = [12_000, 24_000, 36_000].map(|bitrate| {
        encoder.aim(Target { bitrate, expected_loss: 0 });
        let mut payload = Vec::new();
        voice.chunks(320).for_each(|frame| encoder.encode(frame, &mut payload));
        payload.len() * 8 / 2
    });
    let rising = bits.is_sorted_by(|a, b| a < b);
    for (bits, aim) in bits.iter_mut().zip([12_000, 24_000, 36_000]) {
        *bits = *bits * 100 / aim;
    }
    assert!(rising && bits.iter().all(|percent| (40..=115).contains(percent)), "{bits:?} % of the aim");
}

#[test]
fn a_long_gap_fades_to_silence_and_the_voice_comes_back() {
    let packets = packets(SILK_WITH_FEC);
    let mut decoder = Codec::Opus.decoder(Rate::Wide);
    let mut out = Vec::new();
    packets[..20].iter().for_each(|packet| decoder.decode(packet, &mut out).unwrap());
    let before = loudness(&out[out.len() - 640..]);
    out.clear();
    decoder.conceal(320 * 40, None, &mut out);
    let (first, last) = (loudness(&out[..320]), loudness(&out[out.len() - 320..]));
    out.clear();
    packets[20..].iter().for_each(|packet| decoder.decode(packet, &mut out).unwrap());
    let after = loudness(&out[3_200..]);
    assert!(
        first > before * 0.3 && last < before * 0.05 && after > 500.0,
        "{before:.0} {first:.0} {last:.0} {after:.0}"
    );
}
