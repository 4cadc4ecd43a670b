//! What a worker spends on bridges of two codecs: `cargo bench -p plugboard-media --bench translation`.
//!
//! One hundred bridges, ten seconds of both sides speaking, in virtual time; sockets are not counted. The figure is a share of one core.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a bench measures real time and may panic")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use plugboard_codec::Codec;
use plugboard_media::{Channel, Command, Plane, Port, Settings, Stream};
use plugboard_rtp::Packet;

const BRIDGES: u16 = 100;
const SECONDS: u32 = 10;

fn main() {
    for (a, b, lost, is_recorded) in [
        (Codec::Pcmu, Codec::Pcmu, 0, false),
        (Codec::Pcmu, Codec::Pcma, 0, false),
        (Codec::Pcmu, Codec::Pcma, 0, true),
        (Codec::Pcmu, Codec::Pcma, 50, true),
        (Codec::G722, Codec::Pcma, 0, false),
        (Codec::G722, Codec::Pcma, 50, false),
        (Codec::Opus, Codec::Pcma, 0, false),
        (Codec::Opus, Codec::Pcma, 50, false),
        (Codec::Opus, Codec::G722, 0, false),
        (Codec::Opus, Codec::Opus, 0, false),
        (Codec::Opus, Codec::Opus, 0, true),
    ] {
        let share = spent(a, b, lost, is_recorded).as_secs_f64() / f64::from(SECONDS) * 100.0;
        let recorded = if is_recorded { ", recorded" } else { "" };
        let lost = if lost > 0 { format!(", one packet in {lost} lost") } else { String::new() };
        println!("{BRIDGES} bridges {} with {}{lost}{recorded}: {share:.1} % of a core", a.name(), b.name());
    }
}

fn port(number: u16) -> Port {
    Port { worker: 0, number, ip: Ipv4Addr::LOCALHOST.into() }
}

fn phone(number: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), number)
}

/// Something like a voice, as packets.
fn packets(codec: Codec) -> Vec<Vec<u8>> {
    let rate = codec.rate();
    let samples: Vec<i16> = (0..50 * rate.frame())
        .map(|at| {
            let angle = std::f64::consts::TAU * at as f64 / f64::from(rate.hertz());
            let sound: f64 = (1..=12_i32).map(|n| (angle * 130.0 * f64::from(n)).sin() / f64::from(n)).sum();
            (sound * (0.55 + 0.45 * (angle * 4.0).sin()) * 6_000.0) as i16
        })
        .collect();
    let mut encoder = codec.encoder(rate);
    let encode = |frame: &[i16]| {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload);
        payload
    };
    samples.chunks(rate.frame()).map(encode).collect()
}

fn spent(a: Codec, b: Codec, lost: u32, is_recorded: bool) -> Duration {
    let mut plane = Plane::new(Duration::ZERO, 0, Settings::default(), 1);
    let sides = [(a, packets(a)), (b, packets(b))];
    for bridge in 0..BRIDGES {
        let [left, right] = [0, 1].map(|side| port(10_000 + 4 * bridge + 2 * side));
        for (port, (codec, _)) in [left, right].into_iter().zip(&sides) {
            let stream = Stream::new(phone(port.number), *codec);
            plane.handle_command(Duration::ZERO, Command::Open { port, stream });
        }
        plane.handle_command(Duration::ZERO, Command::Bridge { a: left, b: right });
        if is_recorded {
            let path = PathBuf::from(format!("/{bridge}.wav"));
            let command = Command::Record { recording: bridge.into(), path, left, right: Some(right) };
            plane.handle_command(Duration::ZERO, command);
        }
    }
    let mut bytes = Vec::new();
    let begun = Instant::now();
    for tick in 0..SECONDS * 50 {
        let now = Duration::from_millis(20 * u64::from(tick));
        for bridge in 0..BRIDGES {
            for (side, (codec, packets)) in (0_u16..).zip(&sides) {
                if lost > 0 && (tick + u32::from(bridge)) % lost == 7 {
                    continue;
                }
                let port = port(10_000 + 4 * bridge + 2 * side);
                let packet = Packet {
                    marker: tick == 0,
                    payload_type: codec.static_payload_type().unwrap_or(96),
                    sequence: tick as u16,
                    timestamp: tick * codec.frame_ticks(),
                    ssrc: port.number.into(),
                    payload: &packets[tick as usize % packets.len()],
                };
                bytes.clear();
                packet.write(&mut bytes);
                plane.handle_packet(now, port, Channel::Rtp, phone(port.number), &bytes);
            }
        }
        plane.handle_tick(now);
        while plane.poll_transmit().is_some() {}
        while plane.poll_event().is_some() {}
        while plane.poll_request().is_some() {}
    }
    begun.elapsed()
}
