//! Legs under SRTP: what their far ends hear and say, and what others cannot.
#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::net::SocketAddr;

use plugboard_media::{
    Channel, Codec, Command, Event, Law, MasterKeys, Refused, Repeat, Request, Source, Stream, Tone,
};
use plugboard_rtp::{Digit, Packet, Pressing, Rtcp};
use plugboard_srtp::{Keys, ReceiveContext, SendContext, Suite};
use world::{AGENT, CALLER, Got, World, address, at, leg};

const THIEF: &str = "198.51.100.66:7777";

/// Ours and the phone's, other ones for each number.
fn keys(number: u8, suite: Suite) -> MasterKeys {
    let send = Keys::drawn(suite, [2 * number; 30]);
    MasterKeys { send, receive: Keys::drawn(suite, [2 * number + 1; 30]), key_name: 0 }
}

/// The far end of an encrypted leg.
struct Phone {
    number: u16,
    keys: MasterKeys,
    says: SendContext,
    hears: ReceiveContext,
}

impl Phone {
    fn new(number: u16, keys: MasterKeys) -> Self {
        Self { number, keys, says: SendContext::new(&keys.receive), hears: ReceiveContext::new(&keys.send, 0) }
    }

    fn stream(&self) -> Stream {
        let stream = Stream::new(address(self.number), Codec::Pcmu);
        Stream { telephone_event: Some(101.into()), srtp: Some(self.keys), ..stream }
    }

    fn opened(number: u16, keys: MasterKeys, world: &mut World) -> Self {
        let phone = Self::new(number, keys);
        world.command(Command::Open { port: leg(number), stream: phone.stream() });
        phone
    }

    /// What it would put on the wire.
    fn protected(&mut self, packet: &Packet<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        self.says.protect_rtp(&mut bytes, 0).unwrap();
        bytes
    }

    fn say(&mut self, world: &mut World, packet: &Packet<'_>) {
        let bytes = self.protected(packet);
        arrive(world, self.number, address(self.number), &bytes);
    }

    fn speak(&mut self, world: &mut World, number: u16, byte: u8) {
        self.say(world, &audio(self.number.into(), number, &[byte; 160]));
    }

    /// First bytes of what it understood, of all that came to it.
    fn heard(&mut self, world: &World) -> Vec<u8> {
        let unprotect = |got: &&Got| {
            let mut bytes = got.bytes.clone();
            Some(Packet::parse(self.hears.unprotect_rtp(&mut bytes).ok()?)?.payload[0])
        };
        world.got(self.number).iter().filter_map(unprotect).collect()
    }
}

fn audio(ssrc: u32, number: u16, payload: &[u8]) -> Packet<'_> {
    let timestamp = u32::from(number) * 160;
    Packet { marker: number == 0, payload_type: 0, sequence: number + 100, timestamp, ssrc, payload }
}

fn arrive(world: &mut World, phone: u16, source: SocketAddr, bytes: &[u8]) {
    world.plane.handle_packet(world.now, leg(phone), Channel::Rtp, source, bytes);
    world.drain();
}

fn closed(world: &mut World, phone: u16) -> plugboard_media::Statistics {
    world.command(Command::Close { port: leg(phone) });
    world.statistics()
}

#[test]
fn an_encrypted_caller_and_a_plain_agent_hear_each_other() {
    for suite in Suite::ALL {
        let mut world = World::new();
        let mut caller = Phone::opened(CALLER, keys(1, suite), &mut world);
        world.open(AGENT, Codec::Pcmu);
        world.command(Command::Bridge { a: leg(CALLER), b: leg(AGENT) });
        for number in 0..3 {
            caller.speak(&mut world, number, 7);
            world.speak(AGENT, number, 0, 9);
        }
        let agent: Vec<u8> = world.got(AGENT).iter().map(|got| got.rtp().payload[0]).collect();
        assert_eq!((agent, caller.heard(&world)), (vec![7; 3], vec![9; 3]));
    }
}

#[test]
fn two_encrypted_legs_have_each_their_own_keys() {
    let mut world = World::new();
    let mut caller = Phone::opened(CALLER, keys(1, Suite::AeadAes128Gcm), &mut world);
    let mut agent = Phone::opened(AGENT, keys(2, Suite::AesCm128HmacSha1_32), &mut world);
    world.command(Command::Bridge { a: leg(CALLER), b: leg(AGENT) });
    for number in 0..200 {
        caller.speak(&mut world, number, 7);
        agent.speak(&mut world, number, 9);
    }
    assert_eq!((caller.heard(&world), agent.heard(&world)), (vec![9; 200], vec![7; 200]));
    // Neither says a word that the other's eavesdropper could read.
    assert!(!world.sent.iter().any(|(_, got)| got.bytes.windows(8).any(|bytes| bytes == [7; 8] || bytes == [9; 8])));
}

#[test]
fn prompts_keys_and_recordings_are_as_on_a_plain_leg() {
    let mut world = World::new();
    let mut caller = Phone::opened(CALLER, keys(1, Suite::AesCm128HmacSha1_80), &mut world);
    let record = Command::Record { recording: 1, path: "a.wav".into(), left: leg(CALLER), right: None };
    world.command(record);
    let sources = vec![Source::Tone(Tone { off: at(0), ..Tone::RINGBACK_CN })];
    world.command(Command::Play { port: leg(CALLER), token: 1, sources, repeat: Repeat::Forever });
    let mut pressing = Pressing::new(Digit::from_char('5').unwrap(), 160, 960);
    for number in 0..50 {
        caller.speak(&mut world, number, Law::Mu.encode(9_000));
        world.pass(world.now + at(20));
    }
    let presses: Vec<_> = std::iter::from_fn(|| pressing.next_packet()).collect();
    for (number, (event, first)) in (50..).zip(presses) {
        let payload = &event.write();
        let packet =
            Packet { payload_type: 101, marker: first, timestamp: 8_000, ..audio(CALLER.into(), number, payload) };
        caller.say(&mut world, &packet);
    }
    let heard = caller.heard(&world).len();
    world.command(Command::StopRecording { recording: 1 });
    let left = world.tape().chunks(2).filter(|frame| frame[0] > 8_000).count();
    assert_eq!((world.digits().as_str(), heard, left), ("5", 50, 50 * 160));
}

#[test]
fn a_stranger_without_the_keys_locks_nothing_and_the_caller_is_heard_at_once() {
    let mut world = World::new();
    let mut caller = Phone::opened(CALLER, keys(1, Suite::AesCm128HmacSha1_80), &mut world);
    let mut stranger = Phone::new(CALLER, keys(3, Suite::AesCm128HmacSha1_80));
    world.open(AGENT, Codec::Pcmu);
    world.command(Command::Bridge { a: leg(CALLER), b: leg(AGENT) });
    let thief = THIEF.parse().unwrap();
    for number in 0..30 {
        let wrong = stranger.protected(&audio(66, number, &[6; 160]));
        arrive(&mut world, CALLER, thief, &wrong);
        let mut plain = Vec::new();
        audio(66, number, &[6; 160]).write(&mut plain);
        arrive(&mut world, CALLER, thief, &plain);
        // Even from where the SDP says that the caller is.
        arrive(&mut world, CALLER, address(CALLER), &plain);
    }
    let told_before = world.events.iter().any(|event| matches!(event, Event::Heard { .. }));
    let agent_before = world.got(AGENT).len();
    world.speak(AGENT, 0, 0, 9);
    caller.speak(&mut world, 0, 7);
    assert_eq!((told_before, agent_before, caller.heard(&world), world.got(AGENT).len()), (false, 0, vec![9], 1));
    assert!(
        !world.requests.iter().any(|request| matches!(request, Request::Connect { source, .. } if *source == thief))
    );
    let statistics = closed(&mut world, CALLER);
    let refused = Refused { forged: 90, ..Refused::default() };
    assert_eq!((statistics.received, statistics.strangers, statistics.refused), (1, 0, refused));
}

#[test]
fn what_is_played_again_is_neither_heard_nor_recorded_nor_a_key() {
    let mut world = World::new();
    let mut caller = Phone::opened(CALLER, keys(1, Suite::AeadAes128Gcm), &mut world);
    world.open(AGENT, Codec::Pcmu);
    world.command(Command::Bridge { a: leg(CALLER), b: leg(AGENT) });
    let said: Vec<_> = (0..10).map(|number| caller.protected(&audio(1, number, &[7; 160]))).collect();
    for bytes in said.iter().chain(&said) {
        arrive(&mut world, CALLER, address(CALLER), bytes);
    }
    let heard = world.got(AGENT).len();
    let refused = closed(&mut world, CALLER).refused;
    assert_eq!((heard, refused), (10, Refused { replayed: 10, ..Refused::default() }));
}

/// A network that doubles packets of a plain phone must not make us say two things under one number.
#[test]
fn a_plain_phones_doubled_packets_go_out_once_under_srtp() {
    let mut world = World::new();
    let mut caller = Phone::opened(CALLER, keys(1, Suite::AeadAes128Gcm), &mut world);
    world.open(AGENT, Codec::Pcmu);
    world.command(Command::Bridge { a: leg(CALLER), b: leg(AGENT) });
    for (number, byte) in [(0, 1), (1, 2), (1, 3), (2, 4), (0, 5), (3, 6)] {
        world.speak(AGENT, number, 0, byte);
    }
    assert_eq!((caller.heard(&world), world.got(CALLER).len()), (vec![1, 2, 4, 6], 4));
}

#[test]
fn a_refresh_keeps_the_context_and_another_key_of_the_far_end_is_taken_from_then_on() {
    let mut world = World::new();
    let mut caller = Phone::opened(CALLER, keys(1, Suite::AesCm128HmacSha1_80), &mut world);
    world.open(AGENT, Codec::Pcmu);
    world.command(Command::Bridge { a: leg(CALLER), b: leg(AGENT) });
    let old = caller.protected(&audio(1, 0, &[7; 160]));
    arrive(&mut world, CALLER, address(CALLER), &old);
    world.speak(AGENT, 0, 0, 1);
    world.command(Command::Retarget { port: leg(CALLER), stream: caller.stream() });
    arrive(&mut world, CALLER, address(CALLER), &old);
    let receive = Keys::drawn(Suite::AesCm128HmacSha1_80, [99; 30]);
    caller.keys.receive = receive;
    world.command(Command::Retarget { port: leg(CALLER), stream: caller.stream() });
    arrive(&mut world, CALLER, address(CALLER), &old);
    caller.says = SendContext::new(&receive);
    caller.speak(&mut world, 2, 8);
    world.speak(AGENT, 1, 0, 2);
    let agent: Vec<u8> = world.got(AGENT).iter().map(|got| got.rtp().payload[0]).collect();
    // Our own stream goes on under our key: the phone that kept its context hears both.
    assert_eq!((agent, caller.heard(&world)), (vec![7, 8], vec![1, 2]));
    let refused = closed(&mut world, CALLER).refused;
    assert_eq!(refused, Refused { replayed: 1, forged: 1, malformed: 0 });
}

#[test]
fn reports_go_and_come_encrypted_and_a_strangers_are_not_believed() {
    let mut world = World::new();
    let mut caller = Phone::opened(CALLER, keys(1, Suite::AesCm128HmacSha1_80), &mut world);
    for number in 0..300 {
        caller.speak(&mut world, number, 7);
        world.pass(world.now + at(20));
    }
    let ours: Vec<Rtcp> = world
        .got(CALLER + 1)
        .iter()
        .flat_map(|got| {
            assert!(!got.bytes.windows(9).any(|name| name == b"plugboard"), "our name is legible");
            let mut bytes = got.bytes.clone();
            Rtcp::parse(caller.hears.unprotect_rtcp(&mut bytes).unwrap()).collect::<Vec<_>>()
        })
        .collect();
    let mut plain = Vec::new();
    Rtcp::ReceiverReport { ssrc: 1, reports: Vec::new() }.write(&mut plain);
    world.plane.handle_packet(world.now, leg(CALLER), Channel::Rtcp, address(CALLER + 1), &plain);
    caller.says.protect_rtcp(&mut plain, 0).unwrap();
    world.plane.handle_packet(world.now, leg(CALLER), Channel::Rtcp, address(CALLER + 1), &plain);
    let reports = ours.iter().filter(|packet| matches!(packet, Rtcp::ReceiverReport { .. })).count();
    let refused = closed(&mut world, CALLER).refused;
    assert_eq!((reports > 0, refused.total()), (true, 1));
}

#[test]
fn no_datagram_makes_an_encrypted_leg_panic_or_speak() {
    let mut world = World::new();
    let _caller = Phone::opened(CALLER, keys(1, Suite::AesCm128HmacSha1_32), &mut world);
    world.open(AGENT, Codec::Pcmu);
    world.command(Command::Bridge { a: leg(CALLER), b: leg(AGENT) });
    let mut seed = 9_u64;
    let mut chance = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u8
    };
    for length in (0..60).cycle().take(20_000) {
        let mut bytes: Vec<u8> = (0..length).map(|_| chance()).collect();
        if let Some(first) = bytes.first_mut() {
            *first = 0x80 | *first & 0x3f;
        }
        let channel = if chance() % 2 == 0 { Channel::Rtp } else { Channel::Rtcp };
        world.plane.handle_packet(world.now, leg(CALLER), channel, address(CALLER), &bytes);
    }
    world.drain();
    assert_eq!((world.got(AGENT).len(), closed(&mut world, CALLER).refused.total()), (0, 20_000));
}

#[test]
fn a_worker_shows_no_key() {
    let mut world = World::new();
    let keys = keys(0x53, Suite::AesCm128HmacSha1_80);
    let caller = Phone::opened(CALLER, keys, &mut world);
    let open = Command::Open { port: leg(CALLER), stream: caller.stream() };
    let shown = format!("{open:?} {:?} {:?}", world.plane, world.events);
    let bytes = [0x53_u8 * 2, 0x53 * 2 + 1];
    assert!(
        shown.contains("withheld") && !bytes.iter().any(|byte| shown.contains(&format!("{byte}, {byte}"))),
        "{shown}"
    );
}
