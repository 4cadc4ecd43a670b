//! What the network does to a leg: strangers, NAT, RTCP, jumps of a sender, IPv6.
#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::net::SocketAddr;

use plugboard_media::{
    Channel, Codec, Command, Direction, Event, Law, Plane, Port, Repeat, Request, Settings, Source, Stream, Tone,
};
use plugboard_rtp::{Packet, Rtcp};
use world::{AGENT, CALLER, World, address, at, leg};

fn forever(port: Port) -> Command {
    let sources = vec![Source::Tone(Tone { off: at(0), ..Tone::RINGBACK_CN })];
    Command::Play { port, token: 1, sources, repeat: Repeat::Forever }
}

fn audio(ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Packet<'_> {
    Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc, payload }
}

/// A connected socket hears nobody else: connected to a source that was only first, the caller could never take its call back.
#[test]
fn the_kernel_is_asked_to_drop_others_only_when_the_address_of_the_sdp_has_spoken() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    let (thief, mut bytes) = ("198.51.100.66:7777".parse::<SocketAddr>().unwrap(), Vec::new());
    for sequence in 0..5 {
        bytes.clear();
        audio(66, sequence, 160 * u32::from(sequence), &[6; 160]).write(&mut bytes);
        world.plane.handle_packet(world.now, leg(CALLER), Channel::Rtp, thief, &bytes);
    }
    world.drain();
    world.speak(CALLER, 0, 0, 1);
    let connects: Vec<SocketAddr> = world
        .requests
        .iter()
        .filter_map(|request| if let Request::Connect { source, .. } = request { Some(*source) } else { None })
        .collect();
    assert_eq!(connects, [address(CALLER)]);
}

/// RFC 3550 §6.3.1 and §6.4: intervals vary, and who sends nothing is a receiver.
#[test]
fn reports_vary_in_time_and_tell_whether_we_send() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    world.command(forever(leg(CALLER)));
    world.pass(at(60_000));
    world.command(Command::StopPlay { port: leg(CALLER), token: 1 });
    world.pass(at(120_000));
    let reports: Vec<(u128, bool)> = world
        .got(CALLER + 1)
        .iter()
        .filter_map(|got| match Rtcp::parse(&got.bytes).next()? {
            Rtcp::SenderReport { .. } => Some((got.at.as_millis(), true)),
            Rtcp::ReceiverReport { .. } => Some((got.at.as_millis(), false)),
            _ => None,
        })
        .collect();
    let gaps: Vec<u128> = reports.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let in_range = gaps.iter().all(|gap| (2_400..=7_700).contains(gap));
    let varied = gaps.iter().max().unwrap() - gaps.iter().min().unwrap() > 1_000;
    let senders_then_receivers =
        reports.iter().all(|(ms, sends)| *sends == (*ms < 61_000) || (60_000..76_000).contains(ms));
    assert!(in_range && varied && senders_then_receivers && reports.len() > 15, "{reports:?}");
}

#[test]
fn rtcp_is_answered_where_it_comes_from_and_by_the_rtp_port_where_that_was_agreed() {
    let nat: SocketAddr = "10.0.0.1:61234".parse().unwrap();
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    world.command(Command::Open {
        port: leg(AGENT),
        stream: Stream { rtcp_mux: true, ..Stream::new(address(AGENT), Codec::Pcmu) },
    });
    let mut bytes = Vec::new();
    Rtcp::ReceiverReport { ssrc: 5, reports: vec![] }.write(&mut bytes);
    world.plane.handle_packet(world.now, leg(CALLER), Channel::Rtcp, nat, &bytes);
    for phone in [CALLER, AGENT] {
        world.speak(phone, 0, 0, 1);
    }
    world.pass(at(8_000));
    let mut reports: Vec<(SocketAddr, Channel)> = world.sent.iter().map(|(to, got)| (*to, got.channel)).collect();
    reports.dedup();
    reports.sort_by_key(|(to, _)| to.port());
    reports.dedup();
    assert_eq!(reports, [(address(AGENT), Channel::Rtp), (nat, Channel::Rtcp)]);
}

/// TEL-05: talk and hold, with a re-INVITE, another SSRC and timestamps that jump each time, is as long on tape as on the clock.
#[test]
fn a_recording_through_hold_and_jumps_is_as_long_as_the_call() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcmu);
    world.command(Command::Record { recording: 1, path: "/r.wav".into(), left: leg(CALLER), right: Some(leg(AGENT)) });
    let mut clock = 7_u32;
    for tick in 0..3_000_u64 {
        world.pass(at(20 * (tick + 1)));
        let phase = tick / 500;
        if tick % 500 == 0 {
            clock = clock.wrapping_add(0x7fff_ff00 + 12_345 * phase as u32);
            let held = phase % 3 == 1;
            let direction = if held { Direction::SendOnly } else { Direction::SendReceive };
            world.command(Command::Direct { port: leg(CALLER), direction });
        }
        clock = clock.wrapping_add(160);
        let sequence = (tick as u16).wrapping_add(9_000 * phase as u16);
        // Every second phase keeps its SSRC, so that only the timestamps tell of the jump.
        world.send(CALLER, audio(1 + phase as u32 / 2, sequence, clock, &[Law::Mu.encode(1_000); 160]));
        world.send(AGENT, audio(9, tick as u16, 160 * tick as u32, &[Law::Mu.encode(2_000); 160]));
    }
    world.command(Command::StopRecording { recording: 1 });
    let tape = world.tape();
    let spoken =
        |side: usize| tape.iter().skip(side).step_by(2).filter(|sample| **sample != 0).count() as f64 / 8_000.0;
    // Two of six phases of 10 s were on hold; at each jump at most the restart of the numbers is lost.
    assert_eq!((tape.len() / 2, spoken(1)), (60 * 8_000, 60.0));
    assert!((39.0..=40.1).contains(&spoken(0)), "{}", spoken(0));
}

/// The peer of a sender that restarts its numbers and its clock hears one stream.
#[test]
fn a_restart_of_one_side_is_no_jump_for_the_other() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcmu);
    for number in 0..20_u16 {
        world.pass(at(20 * u64::from(number)));
        let jump = if number < 10 { 0 } else { 30_000 };
        let timestamp = (160 * u32::from(number)).wrapping_add(u32::from(jump) << 16);
        world.send(CALLER, audio(1, number.wrapping_add(jump), timestamp, &[1; 160]));
    }
    let got = world.got(AGENT);
    let steps: Vec<(u16, u32)> = got
        .windows(2)
        .map(|pair| (pair[0].rtp(), pair[1].rtp()))
        .map(|(a, b)| (b.sequence.wrapping_sub(a.sequence), b.timestamp.wrapping_sub(a.timestamp)))
        .collect();
    // The first packet of the new numbers only announces them.
    let mut expected = vec![(1, 160); 18];
    expected[9] = (1, 320);
    assert_eq!(steps, expected);
}

#[test]
fn a_key_press_neither_counts_as_jitter_nor_lowers_the_score() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    for number in 0..50_u16 {
        world.send(CALLER, audio(u32::from(CALLER), number, 160 * u32::from(number), &[1; 160]));
        world.pass(world.now + at(20));
    }
    // It goes on in numbers and time.
    world.press(CALLER, '5', 160 * 50, |_| true);
    world.command(Command::Close { port: leg(CALLER) });
    let statistics = world.statistics();
    assert_eq!((statistics.jitter, statistics.mos.map(|mos| (mos * 10.0).round() as u32)), (at(0), Some(44)));
}

#[test]
fn a_call_over_ipv6_is_bridged_and_reported() {
    let port = |number| Port { worker: 0, number, ip: "2001:db8::1".parse().unwrap() };
    let phone = |number| SocketAddr::new("2001:db8::99".parse().unwrap(), number);
    let mut plane = Plane::new(at(0), 0, Settings::default(), 7);
    for number in [10_000, 10_002] {
        plane.handle_command(
            at(0),
            Command::Open { port: port(number), stream: Stream::new(phone(number), Codec::Pcma) },
        );
    }
    plane.handle_command(at(0), Command::Bridge { a: port(10_000), b: port(10_002) });
    let mut bytes = Vec::new();
    Packet { payload_type: 8, ..audio(1, 1, 160, &[0x55; 160]) }.write(&mut bytes);
    plane.handle_packet(at(0), port(10_000), Channel::Rtp, phone(10_000), &bytes);
    let relayed = plane.poll_transmit().map(|sent| (sent.destination, sent.bytes.len()));
    plane.handle_command(at(20), Command::Close { port: port(10_000) });
    let goodbye = plane.poll_transmit().map(|sent| sent.destination);
    let closed = std::iter::from_fn(|| plane.poll_event())
        .find_map(|event| if let Event::Closed { statistics, .. } = event { Some(statistics.received) } else { None });
    assert_eq!((relayed, goodbye, closed), (Some((phone(10_002), 172)), Some(phone(10_001)), Some(1)));
}
