//! Whole workers in virtual time: phones that speak RTP on one side, commands on the other.
#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use plugboard_media::{
    Channel, Codec, Command, Digit, Direction, Event, Law, PlayError, Port, Prompt, PromptError, RecorderInput, Repeat,
    Request, Source, Stream, Tone,
};
use plugboard_rtp::{Packet, Rtcp};
use world::{AGENT, CALLER, World, address, at, leg, port};

fn file(path: &str) -> Source {
    Source::File(Path::new(path).into())
}

/// So many ms of a constant sample.
fn prompt(ms: usize, sample: i16) -> Prompt {
    Prompt::from_samples(&vec![sample; ms * 8])
}

#[test]
fn a_bridge_relays_both_ways_at_once_and_keeps_the_gaps_of_the_sender() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcmu);
    for number in [0, 1, 4, 5] {
        world.pass(at(20 * u64::from(number)));
        world.speak(CALLER, number, 0, 7);
        world.speak(AGENT, number, 0, 9);
    }
    let to_agent = world.got(AGENT);
    let steps: Vec<(u16, u32)> = to_agent
        .windows(2)
        .map(|pair| {
            (
                pair[1].rtp().sequence.wrapping_sub(pair[0].rtp().sequence),
                pair[1].rtp().timestamp.wrapping_sub(pair[0].rtp().timestamp),
            )
        })
        .collect();
    let times: Vec<u128> = to_agent.iter().map(|got| got.at.as_millis()).collect();
    assert_eq!((steps, times, world.got(CALLER).len()), (vec![(1, 160), (3, 480), (1, 160)], vec![0, 20, 80, 100], 4));
}

#[test]
fn two_laws_are_translated_byte_by_byte() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcma);
    world.speak(CALLER, 0, 0, Law::Mu.encode(12_000));
    world.speak(AGENT, 0, 8, Law::A.encode(-700));
    let to_agent = (world.got(AGENT)[0].rtp().payload_type, Law::A.decode(world.got(AGENT)[0].rtp().payload[0]));
    let to_caller = (world.got(CALLER)[0].rtp().payload_type, Law::Mu.decode(world.got(CALLER)[0].rtp().payload[0]));
    assert_eq!((to_agent, to_caller), ((8, 12_032), (0, -684)));
}

#[test]
fn a_leg_that_holds_hears_nothing_and_one_that_is_muted_is_not_heard() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcmu);
    world.command(Command::Direct { port: leg(AGENT), direction: Direction::ReceiveOnly });
    world.speak(CALLER, 0, 0, 1);
    world.command(Command::Direct { port: leg(AGENT), direction: Direction::SendReceive });
    world.speak(CALLER, 1, 0, 2);
    world.command(Command::Mute { port: leg(CALLER), muted: true });
    world.speak(CALLER, 2, 0, 3);
    let heard: Vec<u8> = world.got(AGENT).iter().map(|got| got.rtp().payload[0]).collect();
    assert_eq!(heard, [2]);
}

#[test]
fn a_leg_bridged_elsewhere_leaves_its_bridge() {
    const SECOND: u16 = 6_000;
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcmu);
    world.open(SECOND, Codec::Pcmu);
    world.command(Command::Bridge { a: leg(CALLER), b: leg(SECOND) });
    world.speak(CALLER, 0, 0, 1);
    world.speak(AGENT, 0, 0, 2);
    assert_eq!((world.got(SECOND).len(), world.got(AGENT).len(), world.got(CALLER).len()), (1, 0, 0));
}

#[test]
fn a_thief_neither_hears_the_call_nor_is_heard() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcmu);
    world.speak(CALLER, 0, 0, 1);
    world.speak(AGENT, 0, 0, 1);
    let mut bytes = Vec::new();
    Packet { marker: false, payload_type: 0, sequence: 1, timestamp: 0, ssrc: 1, payload: &[66; 160] }
        .write(&mut bytes);
    let thief: SocketAddr = "198.51.100.66:7777".parse().unwrap();
    for _ in 0..10 {
        world.plane.handle_packet(world.now, leg(CALLER), Channel::Rtp, thief, &bytes);
        world.drain();
    }
    world.speak(AGENT, 1, 0, 2);
    world.command(Command::Close { port: leg(CALLER) });
    let strangers = Some(world.statistics().strangers);
    let stolen = world.sent.iter().any(|(to, got)| *to == thief || got.bytes.contains(&66));
    assert_eq!((stolen, world.got(CALLER).len(), strangers), (false, 2, Some(10)));
}

#[test]
fn a_prompt_is_one_packet_every_20_ms_and_then_ended() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    world.command(Command::Play {
        port: leg(CALLER),
        token: 9,
        sources: vec![file("/p"), Source::Tone(Tone::BEEP)],
        repeat: Repeat::Once,
    });
    let asked = world.requests.iter().filter(|request| matches!(request, Request::LoadPrompt { .. })).count();
    world.pass(at(7));
    world.load("/p", Ok(prompt(90, 12_000)));
    world.pass(at(2_000));
    let got = world.got(CALLER);
    let even = got.windows(2).all(|pair| {
        pair[1].at - pair[0].at == at(20)
            && pair[1].rtp().timestamp.wrapping_sub(pair[0].rtp().timestamp) == 160
            && !pair[1].rtp().marker
    });
    let prompt_bytes: usize =
        got.iter().map(|got| got.rtp().payload.iter().filter(|byte| **byte == Law::A.encode(12_000)).count()).sum();
    // 90 ms of prompt and 500 of beep.
    assert_eq!((asked, got.len(), even, got[0].rtp().marker), (1, 30, true, true));
    assert!((720..740).contains(&prompt_bytes), "{prompt_bytes}");
    assert_eq!(world.events.last(), Some(&Event::PlayEnded { port: leg(CALLER), token: 9, complete: true }));
}

#[test]
fn a_missing_prompt_fails_before_anything_is_heard() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    let sources = vec![Source::Tone(Tone::BEEP), file("/missing")];
    world.command(Command::Play { port: leg(CALLER), token: 1, sources, repeat: Repeat::Once });
    world.load("/missing", Err(PromptError::Missing));
    world.pass(at(1_000));
    let reason = PlayError::Prompt { path: "/missing".into(), source: Arc::new(PromptError::Missing) };
    let failed = Event::PlayFailed { port: leg(CALLER), token: 1, reason };
    assert_eq!((world.got(CALLER).len(), world.events.last()), (0, Some(&failed)));
}

#[test]
fn a_prompt_that_never_loads_fails_after_five_seconds() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    world.command(Command::Play { port: leg(CALLER), token: 1, sources: vec![file("/slow")], repeat: Repeat::Once });
    world.pass(at(6_000));
    world.load("/slow", Ok(prompt(20, 1)));
    world.pass(at(7_000));
    let failed = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::PlayFailed { token: 1, reason: PlayError::Slow { .. }, .. }))
        .count();
    assert_eq!((failed, world.got(CALLER).len()), (1, 0));
}

#[test]
fn every_play_ends_exactly_once_whether_replaced_stopped_or_cut_off() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    let play =
        |token| Command::Play { port: leg(CALLER), token, sources: vec![file("/music")], repeat: Repeat::Forever };
    world.command(play(1));
    world.command(play(2));
    world.load("/music", Ok(prompt(30, 5_000)));
    world.pass(at(100));
    world.command(play(3));
    world.command(Command::StopPlay { port: leg(CALLER), token: 2 });
    world.pass(at(200));
    world.command(Command::StopPlay { port: leg(CALLER), token: 3 });
    world.command(play(4));
    world.command(Command::Close { port: leg(CALLER) });
    world.command(play(5));
    let told: Vec<String> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::PlayEnded { token, complete, .. } => Some(format!("{token} ended {complete}")),
            Event::PlayFailed { token, reason, .. } => Some(format!("{token} {reason}")),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["1 ended false", "2 ended false", "3 ended false", "4 ended false", "5 the leg is not open"]);
}

#[test]
fn an_announcement_interrupts_the_bridge_and_the_stream_stays_one() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcmu);
    let tone = Tone { on: at(40), off: at(0), ..Tone::BEEP };
    for number in 0..10 {
        world.pass(at(20 * u64::from(number)));
        if number == 3 {
            world.command(Command::Play {
                port: leg(AGENT),
                token: 1,
                sources: vec![Source::Tone(tone)],
                repeat: Repeat::Once,
            });
        }
        world.speak(CALLER, number, 0, 7);
    }
    let got = world.got(AGENT);
    let heard: String = got.iter().map(|got| if got.rtp().payload[80] == 7 { 'r' } else { 't' }).collect();
    let rising = got.windows(2).all(|pair| {
        pair[1].rtp().sequence == pair[0].rtp().sequence.wrapping_add(1) && pair[0].rtp().ssrc == pair[1].rtp().ssrc
    });
    assert_eq!((heard.trim_matches('r'), rising), ("tt", true));
}

#[test]
fn keys_are_told_once_each_through_heavy_loss_and_passed_to_the_other_leg() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcmu);
    world.press(CALLER, '1', 1_600, |_| true);
    world.press(CALLER, '1', 16_000, |number| number % 3 == 1);
    world.press(CALLER, '#', 32_000, |number| number < 2);
    world.pass(world.now + at(500));
    let relayed = world.got(AGENT).iter().filter(|got| got.rtp().payload_type == 101).count();
    assert_eq!((world.digits().as_str(), relayed), ("11#", 13));
}

#[test]
fn digits_are_sent_as_events_where_the_far_end_takes_them_and_as_tones_where_not() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    world.command(Command::Open {
        port: leg(AGENT),
        stream: Stream { detect_inband_dtmf: true, ..Stream::new(address(AGENT), Codec::Pcmu) },
    });
    let digits: Vec<Digit> = "42".chars().filter_map(Digit::from_char).collect();
    for port in [leg(CALLER), leg(AGENT)] {
        world.command(Command::SendDigits { port, digits: digits.clone() });
    }
    world.pass(at(1_000));
    let events = world.got(CALLER).iter().filter(|got| got.rtp().payload_type == 101).count();
    // The agent's phone echoes what it heard: our own detector is the judge.
    let tones: Vec<Vec<u8>> = world.got(AGENT).iter().map(|got| got.rtp().payload.to_vec()).collect();
    for (number, payload) in tones.iter().enumerate() {
        let sequence = number as u16;
        world.send(
            AGENT,
            Packet { marker: false, payload_type: 0, sequence, timestamp: 160 * number as u32, ssrc: 1, payload },
        );
    }
    world.pass(world.now + at(500));
    assert_eq!((events, world.digits().as_str()), (16, "42"));
}

#[test]
fn silence_is_told_once_and_again_only_after_packets_came() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    world.speak(CALLER, 0, 0, 1);
    world.pass(at(90_000));
    world.speak(CALLER, 1, 0, 1);
    world.pass(at(100_000));
    world.command(Command::Direct { port: leg(CALLER), direction: Direction::SendOnly });
    world.pass(at(200_000));
    world.command(Command::Direct { port: leg(CALLER), direction: Direction::SendReceive });
    world.pass(at(229_000));
    let before = world.events.iter().filter(|event| matches!(event, Event::RtpTimeout { .. })).count();
    world.pass(at(231_000));
    let after = world.events.iter().filter(|event| matches!(event, Event::RtpTimeout { .. })).count();
    assert_eq!((before, after), (1, 2));
}

#[test]
fn a_closed_leg_says_goodbye_and_its_port_comes_back_after_a_rest() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    for number in 0..100 {
        world.pass(at(20 * u64::from(number)));
        if number % 10 != 3 {
            world.speak(CALLER, number, 0, 1);
        }
    }
    world.command(Command::Close { port: leg(CALLER) });
    world.command(Command::Close { port: leg(CALLER) });
    let closed_at = world.now;
    let goodbye = world
        .got(CALLER + 1)
        .iter()
        .any(|got| Rtcp::parse(&got.bytes).any(|packet| matches!(packet, Rtcp::Goodbye { .. })));
    let closed: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| {
            if let Event::Closed { statistics, .. } = event {
                Some((statistics.received, statistics.lost, statistics.mos.is_some()))
            } else {
                None
            }
        })
        .collect();
    world.pass(closed_at + at(2_900));
    let early = world.events.iter().any(|event| matches!(event, Event::PortsAvailable { .. }));
    world.pass(closed_at + at(3_200));
    let back = Event::PortsAvailable { ports: vec![leg(CALLER)] };
    assert_eq!((goodbye, closed, early, world.events.last()), (true, vec![(90, 10, true)], false, Some(&back)));
}

#[test]
fn round_trip_is_read_from_the_far_ends_report() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcmu);
    world.command(Command::Play {
        port: leg(CALLER),
        token: 1,
        sources: vec![Source::Tone(Tone::RINGBACK_CN)],
        repeat: Repeat::Forever,
    });
    world.pass(at(6_000));
    let (sent_at, ssrc, ntp) = world
        .got(CALLER + 1)
        .iter()
        .rev()
        .find_map(|got| match Rtcp::parse(&got.bytes).next()? {
            Rtcp::SenderReport { ssrc, ntp, .. } => Some((got.at, ssrc, ntp)),
            _ => None,
        })
        .expect("a report is sent every five seconds");
    let mut bytes = Vec::new();
    // It was on its way for 30 ms each way and lay there for what is left.
    let held = world.now - sent_at - at(60);
    let block = plugboard_rtp::rtcp::ReportBlock {
        ssrc,
        lost: 4,
        last_sr: plugboard_rtp::rtcp::middle(ntp),
        delay_since_last_sr: (held.as_micros() * 65_536 / 1_000_000) as u32,
        ..Default::default()
    };
    Rtcp::ReceiverReport { ssrc: 1, reports: vec![block] }.write(&mut bytes);
    world.plane.handle_packet(world.now, leg(CALLER), Channel::Rtcp, address(CALLER + 1), &bytes);
    world.command(Command::Close { port: leg(CALLER) });
    let told = world.events.iter().find_map(|event| {
        if let Event::Closed { statistics, .. } = event {
            Some((statistics.round_trip.map(|time| time.as_millis()), statistics.lost_by_remote))
        } else {
            None
        }
    });
    assert_eq!(told, Some((Some(60), 4)));
}

#[test]
fn a_recording_holds_the_caller_left_each_agent_right_and_closes_with_its_last_leg() {
    const SECOND: u16 = 6_000;
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcma);
    world.open(SECOND, Codec::Pcmu);
    world.command(Command::Record { recording: 1, path: "/r.wav".into(), left: leg(CALLER), right: Some(leg(AGENT)) });
    for number in 0..300_u16 {
        world.pass(at(20 * u64::from(number + 1)));
        world.speak(CALLER, number, 0, Law::Mu.encode(1_000));
        if number < 100 {
            world.speak(AGENT, number, 8, Law::A.encode(2_000));
        }
        if number == 200 {
            world.command(Command::AttachRecording { recording: 1, right: leg(SECOND) });
        }
        if number > 200 {
            world.speak(SECOND, number, 0, Law::Mu.encode(4_000));
        }
    }
    for phone in [CALLER, AGENT, SECOND] {
        world.command(Command::Close { port: leg(phone) });
    }
    let tape = world.tape();
    let is_end = |request: &&Request| matches!(request, Request::Record(RecorderInput::Close { .. }));
    let ends = world.requests.iter().filter(is_end).count();
    let side = |side: usize, from: usize, to: usize| {
        let samples: Vec<i16> = tape.iter().skip(side).step_by(2).copied().collect();
        let part = &samples[from * 8..to * 8];
        part.iter().map(|sample| i64::from(*sample)).sum::<i64>() / part.len() as i64
    };
    assert_eq!((tape.len() / 2, ends), (48_000, 1));
    // As the laws round 1,000, 2,000, nothing and 4,000.
    let means = [side(0, 0, 6_000), side(1, 0, 2_000), side(1, 2_020, 4_000), side(1, 4_040, 6_000)];
    assert_eq!(means, [988, 2_016, 0, 4_092]);
}

#[test]
fn ports_are_asked_for_before_they_run_out_and_unknown_ports_change_nothing() {
    let mut world = World::new();
    world.plane.handle_ports(vec![port(20_000), port(20_002)]);
    world.requests.clear();
    for number in [20_000, 20_002] {
        world.command(Command::Open { port: port(number), stream: Stream::new(address(1), Codec::Pcmu) });
    }
    let asked = world.requests.contains(&Request::BindPorts { count: 2 });
    let events = world.events.len();
    let elsewhere = Port { worker: 3, ..port(20_000) };
    for command in [
        Command::Bridge { a: port(30_000), b: port(20_000) },
        Command::Open { port: elsewhere, stream: Stream::new(address(1), Codec::Pcmu) },
        Command::Close { port: elsewhere },
        Command::StopRecording { recording: 77 },
        Command::SendDigits { port: port(30_000), digits: vec![] },
    ] {
        world.command(command);
    }
    assert_eq!((asked, world.events.len()), (true, events));
}

#[test]
fn no_datagram_makes_a_worker_panic_or_speak() {
    let mut world = World::bridged(Codec::Pcmu, Codec::Pcma);
    let mut number = 1_u64;
    for length in 0..2_000_usize {
        let bytes: Vec<u8> = (0..length % 300)
            .map(|_| {
                number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (number >> 56) as u8
            })
            .collect();
        for channel in [Channel::Rtp, Channel::Rtcp] {
            world.plane.handle_packet(world.now, leg(CALLER), channel, address(9), &bytes);
        }
    }
    world.drain();
    assert_eq!(world.sent.len(), 0);
}
