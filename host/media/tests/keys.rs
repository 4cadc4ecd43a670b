//! Keys across a bridge, in whatever form each side takes them, and from senders that do it their own way.
#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use plugboard_media::{Codec, Command, Digit, PayloadType, Stream};
use plugboard_rtp::{Packet, TelephoneEvent};
use world::{AGENT, CALLER, World, address, at, leg};

/// A caller with telephone-event and an agent without, bridged.
fn one_side_without_events() -> World {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    let stream = Stream { detect_inband_dtmf: true, ..Stream::new(address(AGENT), Codec::Pcmu) };
    world.command(Command::Open { port: leg(AGENT), stream });
    world.command(Command::Bridge { a: leg(CALLER), b: leg(AGENT) });
    world
}

/// What a phone at `address` presses as tones when it is sent these payloads: our own detector is the judge.
fn judged(payloads: &[Vec<u8>]) -> String {
    let mut judge = World::new();
    let stream = Stream { detect_inband_dtmf: true, ..Stream::new(address(CALLER), Codec::Pcmu) };
    judge.command(Command::Open { port: leg(CALLER), stream });
    for (number, payload) in payloads.iter().enumerate() {
        let (sequence, timestamp) = (number as u16, 160 * number as u32);
        judge.send(CALLER, Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 1, payload });
        judge.pass(judge.now + at(20));
    }
    judge.pass(judge.now + at(500));
    judge.digits()
}

#[test]
fn a_key_is_a_tone_for_the_side_that_takes_no_events() {
    let mut world = one_side_without_events();
    world.speak(AGENT, 0, 0, 0xff);
    world.press(CALLER, '7', 1_600, |_| true);
    world.pass(world.now + at(100));
    world.press(CALLER, '*', 16_000, |number| number < 3);
    world.pass(world.now + at(600));
    let payloads: Vec<Vec<u8>> = world.got(AGENT).iter().map(|got| got.rtp().payload.to_vec()).collect();
    let only_audio = world.got(AGENT).iter().all(|got| got.rtp().payload_type == 0);
    assert_eq!((judged(&payloads).as_str(), only_audio, world.digits().as_str()), ("7*", true, "7*"));
}

#[test]
fn a_tone_is_told_and_is_an_event_for_the_side_that_takes_events() {
    let mut world = one_side_without_events();
    world.command(Command::SendDigits { port: leg(AGENT), digits: vec![Digit::from_char('4').unwrap()] });
    world.pass(at(400));
    let tones: Vec<Vec<u8>> = world.got(AGENT).iter().map(|got| got.rtp().payload.to_vec()).collect();
    // The agent's phone presses what it heard.
    for (number, payload) in tones.iter().enumerate() {
        let (sequence, timestamp) = (number as u16, 160 * number as u32);
        world.send(AGENT, Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 1, payload });
        world.pass(world.now + at(20));
    }
    world.pass(world.now + at(600));
    let ends = world
        .got(CALLER)
        .iter()
        .filter(|got| got.rtp().payload_type == 101)
        .filter_map(|got| TelephoneEvent::parse(got.rtp().payload).filter(|event| event.end && event.code == 4))
        .count();
    assert_eq!((world.digits().as_str(), ends), ("4", 3));
}

#[test]
fn a_muted_phone_passes_no_keys() {
    let mut world = one_side_without_events();
    world.command(Command::Mute { port: leg(CALLER), muted: true });
    world.press(CALLER, '7', 1_600, |_| true);
    world.pass(world.now + at(600));
    assert_eq!((world.digits().as_str(), world.got(AGENT).len()), ("7", 0));
}

/// RFC 3264 §5.1: each side names the payload types that it wants to receive.
#[test]
fn payload_types_may_differ_by_direction() {
    let mut world = World::new();
    let types = |send, receive| PayloadType { send, receive };
    world.command(Command::Open {
        port: leg(CALLER),
        stream: Stream { telephone_event: Some(types(96, 101)), ..Stream::new(address(CALLER), Codec::Pcmu) },
    });
    world.press(CALLER, '3', 1_600, |_| true);
    world.command(Command::SendDigits { port: leg(CALLER), digits: vec![Digit::from_char('9').unwrap()] });
    world.pass(world.now + at(400));
    let sent: Vec<u8> = world.got(CALLER).iter().map(|got| got.rtp().payload_type).collect();
    assert_eq!((world.digits().as_str(), sent), ("3", vec![96; 8]));
}

/// Some gateways send keys with another SSRC than audio, between the audio.
#[test]
fn a_gateway_that_sends_keys_under_another_ssrc_between_the_audio_presses_once() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcmu);
    for number in 0..10_u16 {
        world.speak(CALLER, number, 0, 1);
        let event = TelephoneEvent { code: 6, end: number > 6, volume: 10, duration: 160 * number.min(7) };
        let packet = Packet {
            marker: number == 0,
            payload_type: 101,
            sequence: 500 + number,
            timestamp: 77_000,
            ssrc: 99,
            payload: &event.write(),
        };
        world.send(CALLER, packet);
        world.pass(world.now + at(20));
    }
    world.pass(world.now + at(500));
    assert_eq!(world.digits(), "6");
}

/// The clock of a sender that goes on under the same SSRC may be set back: its keys must not be taken for old ones for hours.
#[test]
fn a_key_is_heard_after_the_sender_set_its_clock_back() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    world.press(CALLER, '1', 160_000, |_| true);
    world.pass(world.now + at(2_000));
    world.press(CALLER, '2', 161_600 - 160_000, |_| true);
    world.pass(world.now + at(500));
    assert_eq!(world.digits(), "12");
}

/// The first packet of a key is of a sender that pressed nothing before, and its second comes long after the leg began.
#[test]
fn the_first_key_of_a_caller_who_listened_for_a_while_is_one_press() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    world.pass(at(5_000));
    world.press(CALLER, '5', 40_000, |_| true);
    assert_eq!(world.digits(), "5");
}
