//! A voice over a way that loses packets: what is heard of it, and what we say of it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use expect_test::expect;
use plugboard_codec::{Codec, Rate, Target};
use plugboard_media::{Channel, Command, Event, Statistics};
use plugboard_rtp::Packet;
use world::{AGENT, CALLER, World, address, at, leg};

const SECONDS: u16 = 30;

/// The harmonics of a voice, louder and softer four times a second, which an encoder takes for speech.
fn voice(rate: Rate, at: usize) -> i16 {
    let angle = std::f64::consts::TAU * at as f64 / f64::from(rate.hertz());
    let sound: f64 = (1..=12).map(|n| (angle * 130.0 * f64::from(n)).sin() / f64::from(n)).sum();
    (sound * (0.55 + 0.45 * (angle * 4.0).sin()) * 6_000.0) as i16
}

/// What the agent hears by G.711 of half a minute of this caller, whose packets get lost by a seeded die, and what we say of the caller's leg.
fn call(codec: Codec, percent: u64) -> (Vec<i16>, Statistics) {
    let mut world = World::bridged(codec, Codec::Pcma);
    let mut encoder = codec.encoder(codec.rate());
    // As a far end that has been told of the loss by our reports.
    encoder.aim(Target { bitrate: 32_000, expected_loss: percent as u8 });
    let frame = codec.rate().frame();
    let mut die = 7_u64;
    let mut payload = Vec::new();
    for number in 0..50 * SECONDS {
        world.pass(at(20 * u64::from(number)));
        let from = usize::from(number) * frame;
        let samples: Vec<i16> = (from..from + frame).map(|at| voice(codec.rate(), at)).collect();
        payload.clear();
        encoder.encode(&samples, &mut payload);
        die = die.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (die >> 33) % 100 < percent {
            continue;
        }
        let packet = Packet {
            marker: number == 0,
            payload_type: codec.static_payload_type().unwrap_or(96),
            sequence: number,
            timestamp: u32::from(number) * codec.frame_ticks(),
            ssrc: CALLER.into(),
            payload: &payload,
        };
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        world.plane.handle_packet(world.now, leg(CALLER), Channel::Rtp, address(CALLER), &bytes);
        world.drain();
    }
    world.command(Command::Close { port: leg(CALLER) });
    let statistics = world.events.iter().find_map(|event| match event {
        Event::Closed { statistics, .. } => Some(*statistics),
        _ => None,
    });
    let mut decoder = Codec::Pcma.decoder(Rate::Narrow);
    let mut heard = Vec::new();
    for got in world.got(AGENT).iter().filter(|got| got.channel == Channel::Rtp) {
        decoder.decode(got.rtp().payload, &mut heard).unwrap();
    }
    (heard, statistics.unwrap())
}

/// Energy of what is wrong in what was heard, against that of what is right, in decibels.
fn off(heard: &[i16], clean: &[i16]) -> f64 {
    let (mut wrong, mut right) = (0.0, 0.0);
    for (heard, clean) in heard.iter().zip(clean) {
        wrong += f64::from(i32::from(*heard) - i32::from(*clean)).powi(2);
        right += f64::from(*clean).powi(2);
    }
    10.0 * (wrong / right).log10()
}

/// The bars of a call: 3.8 where one packet in fifty is lost, with Opus 3.5 where one in ten is.
#[test]
fn a_voice_stays_good_where_packets_get_lost() {
    let mut told = String::new();
    for (codec, percent) in [(Codec::Pcmu, 2), (Codec::G722, 2), (Codec::Opus, 2), (Codec::Opus, 10), (Codec::Pcmu, 10)]
    {
        let (clean, _) = call(codec, 0);
        let (heard, statistics) = call(codec, percent);
        // Two laws are relayed as they come, gaps and all.
        let off = if heard.len() == clean.len() { format!("{:.0} dB", off(&heard, &clean)) } else { "relayed".into() };
        let packets = (statistics.received, statistics.lost);
        let mos = statistics.mos.unwrap();
        told += &format!("{} {percent} %: {packets:?}, {mos:.2}, {off}, {} samples\n", codec.name(), heard.len());
        let bar = match (codec, percent) {
            (_, 2) => 3.8,
            (Codec::Opus, _) => 3.5,
            _ => 3.0,
        };
        assert!(mos >= bar, "{told}");
    }
    expect![[r#"
        PCMU 2 %: (1473, 27), 4.24, relayed, 235680 samples
        G722 2 %: (1473, 27), 4.24, -18 dB, 240000 samples
        opus 2 %: (1473, 27), 4.37, -22 dB, 240000 samples
        opus 10 %: (1333, 167), 3.97, -13 dB, 240000 samples
        PCMU 10 %: (1333, 167), 3.28, relayed, 213280 samples
    "#]]
    .assert_eq(&told);
}
