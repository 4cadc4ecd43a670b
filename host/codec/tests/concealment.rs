//! What is heard where packets are lost, of codecs that have no remedy of their own.
#![allow(clippy::unwrap_used, reason = "a test")]

mod sound;

use plugboard_codec::{Codec, Rate};
use sound::{encoded, loudness, signal_to_noise, sines, voice};

/// Hears the packets that `keep` keeps.
fn heard(codec: Codec, rate: Rate, packets: &[Vec<u8>], keep: impl Fn(usize) -> bool) -> Vec<i16> {
    let mut decoder = codec.decoder(rate);
    let mut out = Vec::new();
    for (number, packet) in packets.iter().enumerate() {
        if keep(number) {
            decoder.decode(packet, &mut out).unwrap();
        } else {
            decoder.conceal(rate.frame(), packets.get(number + 1).map(Vec::as_slice), &mut out);
        }
    }
    out
}

/// Loudness of each 10 ms of a gap of 80 ms, in hundredths of that before.
fn fading(codec: Codec, rate: Rate) -> Vec<u32> {
    let packets = encoded(codec, rate, &sines(rate, &[200, 600], 20));
    let heard = heard(codec, rate, &packets, |number| !(10..14).contains(&number));
    let frame = rate.frame();
    let before = loudness(&heard[8 * frame..10 * frame]);
    let part = |tenth: usize| &heard[10 * frame + tenth * frame / 2..][..frame / 2];
    (0..8).map(|tenth| (loudness(part(tenth)) * 100.0 / before).round() as u32).collect()
}

/// ITU-T G.711 appendix I §1.2.3: unchanged for 10 ms, then a fifth less each 10 ms.
#[test]
fn a_gap_is_filled_with_what_was_heard_and_fades_in_60_ms() {
    for (codec, rate) in [(Codec::Pcmu, Rate::Narrow), (Codec::Pcma, Rate::Narrow), (Codec::G722, Rate::Wide)] {
        let fading = fading(codec, rate);
        let wanted = [100, 90, 70, 50, 30, 11, 0, 0];
        let fits = fading.iter().zip(wanted).all(|(heard, wanted)| heard.abs_diff(wanted) <= 8);
        assert!(fits, "{codec:?}: {fading:?}");
    }
}

/// A jump clicks. The steepest step of the voice is the measure.
#[test]
fn neither_end_of_a_gap_clicks() {
    for (codec, rate) in [(Codec::Pcma, Rate::Narrow), (Codec::G722, Rate::Wide)] {
        let said = voice(rate, 100);
        let packets = encoded(codec, rate, &said);
        let steepest = |samples: &[i16]| {
            samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
        };
        let whole = steepest(&heard(codec, rate, &packets, |_| true)[rate.frame()..]);
        let gaps = steepest(&heard(codec, rate, &packets, |number| number % 7 != 5)[rate.frame()..]);
        assert!(gaps <= whole * 3 / 2, "{codec:?}: a step of {gaps}, {whole} without gaps");
    }
}

/// One packet in twenty-five, as TEL-08 has it at most on a good day.
#[test]
fn a_voice_with_lost_packets_is_nearer_to_itself_than_with_holes() {
    for (codec, rate) in [(Codec::Pcmu, Rate::Narrow), (Codec::G722, Rate::Wide)] {
        let said = voice(rate, 100);
        let packets = encoded(codec, rate, &said);
        let keep = |number: usize| number % 10 != 7;
        let concealed = heard(codec, rate, &packets, keep);
        let mut holes = concealed.clone();
        for (number, frame) in holes.chunks_mut(rate.frame()).enumerate() {
            if !keep(number) {
                frame.fill(0);
            }
        }
        let (concealed, holes) = (signal_to_noise(&said, &concealed), signal_to_noise(&said, &holes));
        assert!(concealed > holes + 3.0, "{codec:?}: {concealed:.1} dB concealed, {holes:.1} with holes");
    }
}

#[test]
fn a_gap_before_anything_was_heard_is_silence() {
    for codec in Codec::ALL {
        let mut out = Vec::new();
        codec.decoder(Rate::Narrow).conceal(800, None, &mut out);
        assert_eq!((out.len(), out.iter().all(|sample| *sample == 0)), (800, true), "{codec:?}");
    }
}
