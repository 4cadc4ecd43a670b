//! Payloads that nobody's encoder made.
#![allow(clippy::unwrap_used, reason = "a test")]

mod sound;

use plugboard_codec::{Codec, NoiseDescription, OpusParameters, Rate};
use sound::{encoded, voice};

struct Chance(u64);

impl Chance {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        self.number() as usize % limit
    }
}

/// Random bytes, damaged and cut packets, and gaps in between, through one decoder each: no panic, and never more than 120 ms of sound.
#[test]
fn no_payload_panics_or_makes_more_than_a_packets_sound() {
    let mut chance = Chance(11);
    for codec in Codec::ALL {
        for rate in [Rate::Narrow, Rate::Wide, Rate::Full] {
            let good = encoded(codec, rate, &voice(rate, 20));
            let mut decoder = codec.decoder(rate);
            let mut out = Vec::new();
            for _ in 0..3_000 {
                let mut payload = match chance.below(3) {
                    0 => (0..chance.below(80)).map(|_| chance.number() as u8).collect(),
                    1 => (0..chance.below(1_600)).map(|_| chance.number() as u8).collect(),
                    _ => good[chance.below(good.len())].clone(),
                };
                if !payload.is_empty() && chance.below(2) == 0 {
                    let at = chance.below(payload.len());
                    payload[at] = chance.number() as u8;
                    payload.truncate(1 + chance.below(payload.len()));
                }
                out.clear();
                if chance.below(5) == 0 {
                    let samples = chance.below(3 * rate.frame());
                    decoder.conceal(samples, Some(&payload), &mut out);
                    assert_eq!(out.len(), samples);
                } else if decoder.decode(&payload, &mut out).is_err() {
                    assert_eq!(out.len(), 0);
                }
                assert!(out.len() <= 6 * rate.frame(), "{codec:?} at {rate:?}: {} samples", out.len());
            }
        }
    }
}

/// What a decoder was fed does not make it deaf: a voice comes through after it.
#[test]
fn a_decoder_that_was_fed_rubbish_hears_the_voice_behind_it() {
    let mut chance = Chance(5);
    for codec in Codec::ALL {
        let good = encoded(codec, Rate::Wide, &voice(Rate::Wide, 60));
        let mut decoder = codec.decoder(Rate::Wide);
        let mut out = Vec::new();
        for length in 0..400 {
            let payload: Vec<u8> = (0..length % 90).map(|_| chance.number() as u8).collect();
            let _ = decoder.decode(&payload, &mut out);
        }
        out.clear();
        good.iter().for_each(|packet| decoder.decode(packet, &mut out).unwrap());
        let ratio = sound::signal_to_noise(&voice(Rate::Wide, 60), &out);
        assert!(ratio > 4.5, "{codec:?}: {ratio:.1} dB");
    }
}

#[test]
fn what_is_said_of_opus_is_read_and_the_rest_changes_nothing() {
    let read = |fmtp| {
        let OpusParameters { max_average_bitrate, inband_fec } = OpusParameters::from_fmtp(fmtp);
        (max_average_bitrate, inband_fec)
    };
    let told = [
        "minptime=10;useinbandfec=1",
        "useinbandfec=0; maxaveragebitrate=20000",
        "maxaveragebitrate=1; USEINBANDFEC=1",
        "maxaveragebitrate=99999999999;=;;x",
        "",
    ]
    .map(read);
    assert_eq!(told, [(40_000, true), (20_000, false), (6_000, true), (40_000, false), (40_000, false)]);
    assert!(NoiseDescription::parse(&[0xff; 1_500]).is_some());
}
