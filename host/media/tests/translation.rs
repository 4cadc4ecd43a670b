//! Legs of different codecs: bridged, played to, recorded, and with keys.
#![allow(clippy::unwrap_used, reason = "a test")]

mod world;

use plugboard_codec::{Codec, Encode, Rate};
use plugboard_media::{
    Channel, Command, Digit, Event, OpusParameters, Prompt, RecorderInput, Repeat, Request, Source, Stream, Tone,
};
use plugboard_rtp::{Packet, Rtcp};
use world::{AGENT, CALLER, World, address, at, leg};

/// Someone who hums a note into a phone.
struct Hummer {
    phone: u16,
    codec: Codec,
    encoder: Box<dyn Encode>,
    number: u16,
}

impl Hummer {
    fn new(phone: u16, codec: Codec) -> Self {
        Self { phone, codec, encoder: codec.encoder(codec.rate()), number: 0 }
    }

    /// The next 20 ms, which get lost if they are not `kept`.
    fn hum(&mut self, world: &mut World, kept: bool) {
        let rate = self.codec.rate();
        let from = usize::from(self.number) * rate.frame();
        let frame: Vec<i16> = (from..from + rate.frame()).map(|at| note(rate, at)).collect();
        let mut payload = Vec::new();
        self.encoder.encode(&frame, &mut payload);
        if kept {
            let packet = Packet {
                marker: self.number == 0,
                payload_type: self.codec.static_payload_type().unwrap_or(96),
                sequence: self.number.wrapping_add(65_530),
                timestamp: u32::from(self.number) * self.codec.frame_ticks(),
                ssrc: self.phone.into(),
                payload: &payload,
            };
            world.send(self.phone, packet);
        }
        self.number += 1;
    }
}

/// 500 Hz at a quarter of full scale.
fn note(rate: Rate, at: usize) -> i16 {
    (8_000.0 * (std::f64::consts::TAU * 500.0 * at as f64 / f64::from(rate.hertz())).sin()) as i16
}

/// Audio that a phone got, decoded at 8 kHz.
fn heard(world: &World, phone: u16, codec: Codec) -> Vec<i16> {
    let mut decoder = codec.decoder(Rate::Narrow);
    let mut out = Vec::new();
    for got in world.got(phone).iter().filter(|got| got.channel == Channel::Rtp && got.rtp().payload_type != 101) {
        decoder.decode(got.rtp().payload, &mut out).expect("we send payloads of the codec");
    }
    out
}

/// Hundredths of the energy that are the note.
fn share_of_note(samples: &[i16]) -> u32 {
    let (mut sine, mut cosine, mut energy) = (0.0, 0.0, 1.0);
    for (at, sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * 500.0 * at as f64 / 8_000.0;
        let sample = f64::from(*sample);
        sine += sample * angle.sin();
        cosine += sample * angle.cos();
        energy += sample * sample;
    }
    (200.0 * (sine * sine + cosine * cosine) / (samples.len() as f64 * energy)).round() as u32
}

fn loudness(samples: &[i16]) -> f64 {
    (samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64).sqrt()
}

/// How loud each 20 ms are at least where one packet in a row was lost: of the note, which is at 5,657, and of Opus, which takes a lone note for noise and
/// lets it fade at once. A hole is at 0.
fn least(codec: Codec) -> f64 {
    if codec == Codec::Opus { 300.0 } else { 2_500.0 }
}

/// Sequence numbers and timestamps of what a phone got, as steps.
fn steps(world: &World, phone: u16) -> Vec<(u16, u32)> {
    let numbers: Vec<(u16, u32)> = world
        .got(phone)
        .iter()
        .filter(|got| got.channel == Channel::Rtp)
        .map(|got| (got.rtp().sequence, got.rtp().timestamp))
        .collect();
    numbers.windows(2).map(|pair| (pair[1].0.wrapping_sub(pair[0].0), pair[1].1.wrapping_sub(pair[0].1))).collect()
}

const PAIRS: [(Codec, Codec); 4] =
    [(Codec::Opus, Codec::Pcma), (Codec::G722, Codec::Pcmu), (Codec::Opus, Codec::G722), (Codec::Pcma, Codec::Pcmu)];

#[test]
fn two_legs_of_any_codecs_hear_each_other_at_once_and_evenly() {
    for (caller, agent) in PAIRS {
        let mut world = World::bridged(caller, agent);
        let mut hummers = [Hummer::new(CALLER, caller), Hummer::new(AGENT, agent)];
        for number in 0..50 {
            world.pass(at(20 * number));
            hummers.iter_mut().for_each(|hummer| hummer.hum(&mut world, true));
        }
        for (phone, codec) in [(CALLER, caller), (AGENT, agent)] {
            let share = share_of_note(&heard(&world, phone, codec)[2_000..7_600]);
            let even = steps(&world, phone).iter().all(|step| *step == (1, codec.frame_ticks()));
            let delay = world.got(phone).first().map(|got| got.at);
            assert!(
                share > 95 && even && delay == Some(at(0)),
                "{caller:?} with {agent:?}: {phone} hears {share} %, even {even}"
            );
        }
    }
}

#[test]
fn legs_of_one_codec_are_relayed_byte_by_byte() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut world = World::bridged(codec, codec);
        for (number, payload) in [&b"any"[..], b"bytes", b"at all"].into_iter().enumerate() {
            let payload_type = codec.static_payload_type().unwrap_or(96);
            let (sequence, timestamp) = (number as u16, number as u32 * codec.frame_ticks());
            world.send(CALLER, Packet { marker: false, payload_type, sequence, timestamp, ssrc: 1, payload });
        }
        let got: Vec<&[u8]> = world.got(AGENT).iter().map(|got| got.rtp().payload).collect();
        assert_eq!(got, [&b"any"[..], b"bytes", b"at all"], "{codec:?}");
    }
}

/// The far end sees neither gap nor jump: what was lost on the way to us is made up for it.
#[test]
fn a_lost_packet_is_made_up_where_audio_is_encoded_anew() {
    for (caller, agent) in &PAIRS[..3] {
        let mut world = World::bridged(*caller, *agent);
        let mut hummer = Hummer::new(CALLER, *caller);
        for number in 0..60 {
            world.pass(at(20 * number));
            hummer.hum(&mut world, number % 10 != 7);
        }
        let even = steps(&world, AGENT).iter().all(|step| *step == (1, agent.frame_ticks()));
        let sound = heard(&world, AGENT, *agent);
        let softest = sound[2_000..].chunks_exact(160).map(loudness).fold(f64::MAX, f64::min);
        assert!(
            even && sound.len() == 60 * 160 && softest > least(*caller),
            "{caller:?} to {agent:?}: {even}, {}, {softest:.0}",
            sound.len()
        );
    }
}

#[test]
fn prompts_and_tones_reach_a_leg_of_any_codec_and_are_prepared_once() {
    for codec in Codec::ALL {
        let mut world = World::new();
        let sources = || vec![Source::File(std::path::Path::new("/p").into()), Source::Tone(Tone::BEEP)];
        for phone in [CALLER, AGENT] {
            world.open(phone, codec);
            world.command(Command::Play { port: leg(phone), token: 1, sources: sources(), repeat: Repeat::Once });
        }
        let asked: Vec<Codec> = world
            .requests
            .iter()
            .filter_map(|request| if let Request::LoadPrompt { codec, .. } = request { Some(*codec) } else { None })
            .collect();
        world.load("/p", Prompt::from_wav_for(&wav(), &[codec]));
        world.pass(at(3_000));
        let played = [CALLER, AGENT].map(|phone| heard(&world, phone, codec));
        let (note, beep) = (share_of_note(&played[0][1_600..7_000]), loudness(&played[0][8_400..10_800]));
        let ended =
            world.events.iter().filter(|event| matches!(event, Event::PlayEnded { complete: true, .. })).count();
        let even = steps(&world, CALLER).iter().all(|step| *step == (1, codec.frame_ticks()));
        assert_eq!((asked.len(), ended, even, played[0] == played[1]), (1, 2, true, true), "{codec:?}");
        assert!(note > 95 && beep > 2_000.0, "{codec:?}: {note} % of the prompt, a beep of {beep:.0}");
    }
}

/// One second of the note.
fn wav() -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    (0..16_000).for_each(|at| writer.write_sample(note(Rate::Wide, at)).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// What is on its way for one codec is of no use to a leg of another.
#[test]
fn a_prompt_that_came_for_another_codec_is_asked_for_again() {
    let mut world = World::new();
    for (phone, codec) in [(CALLER, Codec::Pcma), (AGENT, Codec::G722)] {
        world.open(phone, codec);
        let sources = vec![Source::File(std::path::Path::new("/p").into())];
        world.command(Command::Play { port: leg(phone), token: 1, sources, repeat: Repeat::Once });
    }
    world.load("/p", Prompt::from_wav(&wav()));
    let asked: Vec<Codec> = world
        .requests
        .iter()
        .filter_map(|request| if let Request::LoadPrompt { codec, .. } = request { Some(*codec) } else { None })
        .collect();
    world.load("/p", Prompt::from_wav_for(&wav(), &[Codec::G722]));
    world.pass(at(1_500));
    assert_eq!((asked, world.got(AGENT).len()), (vec![Codec::Pcma, Codec::G722], 50));
}

#[test]
fn music_goes_on_when_another_codec_is_agreed() {
    let mut world = World::new();
    world.open(CALLER, Codec::Pcma);
    let sources = vec![Source::Tone(Tone { off: at(0), ..Tone::RINGBACK_CN })];
    world.command(Command::Play { port: leg(CALLER), token: 1, sources, repeat: Repeat::Forever });
    world.pass(at(500));
    world.command(Command::Retarget { port: leg(CALLER), stream: Stream::new(address(CALLER), Codec::G722) });
    world.sent.clear();
    world.pass(at(1_500));
    let sound = heard(&world, CALLER, Codec::G722);
    assert!(loudness(&sound[1_600..]) > 2_000.0 && world.events.is_empty(), "{:?}", world.events);
}

#[test]
fn a_recording_hears_every_codec_and_its_lost_packets() {
    for codec in Codec::ALL {
        let mut world = World::new();
        world.open(CALLER, codec);
        world.command(Command::Record { recording: 1, path: "/r.wav".into(), left: leg(CALLER), right: None });
        let mut hummer = Hummer::new(CALLER, codec);
        for number in 0..100 {
            world.pass(at(20 * (number + 1)));
            hummer.hum(&mut world, number % 20 != 15);
        }
        world.command(Command::StopRecording { recording: 1 });
        let left: Vec<i16> = world.tape().into_iter().step_by(2).collect();
        let softest = left[2_000..15_600].chunks_exact(160).map(loudness).fold(f64::MAX, f64::min);
        assert!(
            left.len() == 16_000 && softest > least(codec),
            "{codec:?}: {} samples, softest {softest:.0}",
            left.len()
        );
    }
}

/// At 48,000 ticks a second 100 ms are 4,800, at 8,000 they are 800.
#[test]
fn keys_pass_between_clocks_and_are_told_in_their_own_length() {
    let mut world = World::bridged(Codec::Opus, Codec::Pcma);
    for (number, duration) in [(0_u16, 960_u16), (1, 2_880), (2, 4_800)] {
        let payload = &[5, if number == 2 { 0x8a } else { 0x0a }, (duration >> 8) as u8, duration as u8];
        world.send(
            CALLER,
            Packet { marker: number == 0, payload_type: 101, sequence: number, timestamp: 7, ssrc: 1, payload },
        );
    }
    world.command(Command::SendDigits { port: leg(CALLER), digits: vec![Digit::from_char('7').unwrap()] });
    world.pass(at(600));
    let told = world.events.iter().find_map(|event| {
        if let Event::Digit { digit, duration, .. } = event {
            Some((digit.as_char(), duration.as_millis()))
        } else {
            None
        }
    });
    let longest = |phone: u16| {
        let events =
            world.got(phone).into_iter().filter(|got| got.rtp().payload_type == 101).cloned().collect::<Vec<_>>();
        let ticks = events.iter().map(|got| u16::from_be_bytes([got.rtp().payload[2], got.rtp().payload[3]])).max();
        events.first().map(|got| got.rtp().payload[0]).zip(ticks)
    };
    // Pressed anew for 120 ms.
    assert_eq!((told, longest(AGENT), longest(CALLER)), (Some(('5', 100)), Some((5, 960)), Some((7, 5_760))));
}

/// Many phones have no other clock for their keys than the telephone's, whatever they speak.
#[test]
fn keys_at_8000_beside_opus_are_told_and_pressed_in_their_own_length() {
    let mut world = World::bridged(Codec::Opus, Codec::Opus);
    let stream = Stream {
        telephone_event: Some(101.into()),
        telephone_event_clock: 8_000,
        ..Stream::new(address(CALLER), Codec::Opus)
    };
    world.command(Command::Retarget { port: leg(CALLER), stream });
    for (number, (phone, duration)) in (0_u16..).zip([(CALLER, 800_u16), (AGENT, 4_800)]) {
        let payload = &[5 + u8::from(phone == AGENT), 0x8a, (duration >> 8) as u8, duration as u8];
        let ssrc = phone.into();
        world.send(phone, Packet { marker: true, payload_type: 101, sequence: number, timestamp: 7, ssrc, payload });
    }
    world.pass(at(600));
    let told: Vec<u128> = world
        .events
        .iter()
        .filter_map(|event| if let Event::Digit { duration, .. } = event { Some(duration.as_millis()) } else { None })
        .collect();
    let longest = |phone: u16| {
        let events: Vec<_> = world.got(phone).into_iter().filter(|got| got.channel == Channel::Rtp).collect();
        let ticks = events.iter().map(|got| u16::from_be_bytes([got.rtp().payload[2], got.rtp().payload[3]])).max();
        events.first().map(|got| got.rtp().payload[0]).zip(ticks)
    };
    // Pressed anew for 120 ms each.
    assert_eq!((told, longest(AGENT), longest(CALLER)), (vec![100, 100], Some((5, 5_760)), Some((6, 960))));
}

#[test]
fn keys_in_the_audio_of_a_wideband_leg_are_heard() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut world = World::new();
        let stream = Stream { detect_inband_dtmf: true, ..Stream::new(address(CALLER), codec) };
        world.command(Command::Open { port: leg(CALLER), stream });
        let digits = "42#".chars().filter_map(Digit::from_char).collect();
        world.command(Command::SendDigits { port: leg(CALLER), digits });
        world.pass(at(1_000));
        // Its phone echoes what it was sent: our own detector is the judge.
        let echo: Vec<Vec<u8>> = world.got(CALLER).iter().map(|got| got.rtp().payload.to_vec()).collect();
        for (number, payload) in echo.iter().enumerate() {
            let payload_type = codec.static_payload_type().unwrap_or(96);
            let (sequence, timestamp) = (number as u16, number as u32 * codec.frame_ticks());
            world.send(CALLER, Packet { marker: false, payload_type, sequence, timestamp, ssrc: 1, payload });
        }
        world.pass(world.now + at(500));
        assert_eq!(world.digits(), "42#", "{codec:?}");
    }
}

#[test]
fn comfort_noise_is_passed_to_a_leg_that_takes_it() {
    let relayed = |takes: bool| {
        let mut world = World::bridged(Codec::Pcma, Codec::Pcma);
        let stream = Stream { comfort_noise: takes, ..Stream::new(address(AGENT), Codec::Pcma) };
        world.command(Command::Retarget { port: leg(AGENT), stream });
        world.speak(CALLER, 0, 8, 7);
        world.send(
            CALLER,
            Packet {
                marker: false,
                payload_type: 13,
                sequence: 65_531,
                timestamp: 160,
                ssrc: CALLER.into(),
                payload: &[60],
            },
        );
        world.got(AGENT).iter().map(|got| got.rtp().payload_type).collect::<Vec<_>>()
    };
    assert_eq!((relayed(true), relayed(false)), (vec![8, 13], vec![8]));
}

#[test]
fn a_leg_that_takes_no_descriptions_of_silence_hears_it_until_the_other_speaks_again() {
    for agent in [Codec::Pcma, Codec::Opus] {
        let mut world = World::bridged(Codec::Pcma, agent);
        let mut hummer = Hummer::new(CALLER, Codec::Pcma);
        for number in 0..10 {
            world.pass(at(20 * number));
            hummer.hum(&mut world, true);
        }
        let noise = Packet {
            marker: false,
            payload_type: 13,
            sequence: 4,
            timestamp: 1_600,
            ssrc: CALLER.into(),
            payload: &[40],
        };
        world.send(CALLER, noise);
        world.pass(at(700));
        let silent = world.got(AGENT).len();
        // Its numbers and its clock went on for half a second.
        hummer.number += 25;
        for number in 35..45 {
            world.pass(at(20 * number));
            hummer.hum(&mut world, true);
        }
        let sound = heard(&world, AGENT, agent);
        let (murmur, voice) = (loudness(&sound[12 * 160..silent * 160]), loudness(&sound[(silent + 2) * 160..]));
        let numbers = steps(&world, AGENT).iter().all(|(step, _)| *step == 1);
        // 40 dB below overload is 328.
        assert!(
            (30..=36).contains(&silent) && (200.0..450.0).contains(&murmur) && voice > 2_500.0 && numbers,
            "{agent:?}: {silent} packets, a murmur of {murmur:.0}, then {voice:.0}, {numbers}"
        );
    }
}

/// RFC 3389 §4 lets it describe its silence once: its reports show that it is there.
#[test]
fn a_far_end_that_described_its_silence_is_not_gone_while_its_reports_come() {
    let gone = |reports: bool| {
        let mut world = World::new();
        let stream = Stream { comfort_noise: true, ..Stream::new(address(CALLER), Codec::Pcma) };
        world.command(Command::Open { port: leg(CALLER), stream });
        world.speak(CALLER, 0, 8, 7);
        world.speak(CALLER, 1, 13, 60);
        let mut bytes = Vec::new();
        Rtcp::ReceiverReport { ssrc: CALLER.into(), reports: Vec::new() }.write(&mut bytes);
        for second in (5..60).step_by(5) {
            world.pass(at(1_000 * second));
            if reports {
                world.plane.handle_packet(world.now, leg(CALLER), Channel::Rtcp, address(CALLER + 1), &bytes);
            }
        }
        world.events.iter().any(|event| matches!(event, Event::RtpTimeout { .. }))
    };
    assert_eq!([gone(true), gone(false)], [false, true]);
}

/// TEL-07: the report that tells of the loss is the one that is acted on.
#[test]
fn opus_repeats_itself_once_the_far_end_tells_of_loss() {
    let mut world = World::bridged(Codec::Opus, Codec::Pcma);
    let opus = OpusParameters { max_average_bitrate: 40_000, inband_fec: true };
    world.command(Command::Retarget {
        port: leg(CALLER),
        stream: Stream { opus, ..Stream::new(address(CALLER), Codec::Opus) },
    });
    let mut hummer = Hummer::new(AGENT, Codec::Pcma);
    let mut run = |world: &mut World, ticks: u64| {
        let begun = world.sent.len();
        for _ in 0..ticks {
            world.pass(world.now + at(20));
            hummer.hum(world, true);
        }
        let audio =
            world.sent[begun..].iter().filter(|(to, got)| *to == address(CALLER) && got.channel == Channel::Rtp);
        audio.map(|(_, got)| got.rtp().payload.len()).sum::<usize>()
    };
    run(&mut world, 50);
    let before = run(&mut world, 100);
    let ssrc = world.got(CALLER)[0].rtp().ssrc;
    let mut bytes = Vec::new();
    let block = plugboard_rtp::rtcp::ReportBlock { ssrc, fraction_lost: 26, ..Default::default() };
    Rtcp::ReceiverReport { ssrc: 1, reports: vec![block] }.write(&mut bytes);
    world.plane.handle_packet(world.now, leg(CALLER), Channel::Rtcp, address(CALLER + 1), &bytes);
    run(&mut world, 50);
    let after = run(&mut world, 100);
    assert!(after > before * 11 / 10, "{before} bytes before, {after} after");
}

#[test]
fn no_payload_makes_a_worker_that_decodes_panic() {
    let mut chance = 3_u64;
    for (caller, agent) in PAIRS {
        let mut world = World::bridged(caller, agent);
        world.command(Command::Record {
            recording: 1,
            path: "/r.wav".into(),
            left: leg(CALLER),
            right: Some(leg(AGENT)),
        });
        for number in 0..1_000_u16 {
            let payload: Vec<u8> = (0..usize::from(number) % 400)
                .map(|_| {
                    chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (chance >> 56) as u8
                })
                .collect();
            let payload_type = caller.static_payload_type().unwrap_or(96);
            let (sequence, timestamp) = (number.wrapping_add(number / 7), (chance >> 40) as u32 % 2_000_000);
            world.send(CALLER, Packet { marker: false, payload_type, sequence, timestamp, ssrc: 1, payload: &payload });
        }
        let closed =
            world.requests.iter().any(|request| matches!(request, Request::Record(RecorderInput::Close { .. })));
        assert!(!closed);
    }
}
