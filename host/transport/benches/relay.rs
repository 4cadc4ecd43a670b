//! What a worker costs: `cargo bench -p plugboard-transport --bench relay -- [bridge|record|prompt] [--calls 100] [--seconds 10]
//! [--srtp 80|32|gcm] [--coalesce-us 2000] [--json]`. With `--srtp` both legs of each call are encrypted, each under its own keys.
//!
//! A generator thread plays both far ends of every call over loopback, 50 packets a second each way. The figures are the CPU time of the
//! media threads in the steady window, as the kernel's scheduler counts it, and the delay that the relay adds, stamped into the payload.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures time, and its output is its purpose"
)]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use plugboard_media::{Codec, Command, Event, Port, Repeat, Source, Stream};
use plugboard_rtp::Packet;
use plugboard_srtp::{Keys, MasterKeys, ReceiveContext, SendContext, Suite};
use plugboard_transport::media_plane::{Config, MediaPlane};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::thread::{CpuSet, Pid, sched_setaffinity};
use serde_json::{Value, json};

const PACKET_TIME: Duration = Duration::from_millis(20);
/// Before the window, for locks, caches and the first flushes.
const WARM_UP: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Bridge,
    Record,
    Prompt,
}

struct Options {
    mode: Mode,
    calls: usize,
    window: Duration,
    coalesce: Duration,
    srtp: Option<Suite>,
    json: bool,
}

fn options() -> Options {
    let mut options = Options {
        mode: Mode::Bridge,
        calls: 100,
        window: Duration::from_secs(10),
        coalesce: Duration::from_millis(2),
        srtp: None,
        json: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number =
            || arguments.next().and_then(|text| text.parse::<u64>().ok()).expect("a number after the option");
        match argument.as_str() {
            "bridge" => options.mode = Mode::Bridge,
            "record" => options.mode = Mode::Record,
            "prompt" => options.mode = Mode::Prompt,
            "--calls" => options.calls = number() as usize,
            "--seconds" => options.window = Duration::from_secs(number()),
            "--coalesce-us" => options.coalesce = Duration::from_micros(number()),
            "--srtp" => {
                options.srtp = Some(match arguments.next().as_deref() {
                    Some("80") => Suite::AesCm128HmacSha1_80,
                    Some("32") => Suite::AesCm128HmacSha1_32,
                    Some("gcm") => Suite::AeadAes128Gcm,
                    other => panic!("no suite {other:?}"),
                });
            }
            "--json" => options.json = true,
            // Given by cargo.
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    options
}

/// One far end: a phone.
struct Phone {
    socket: UdpSocket,
    sequence: u16,
    /// Highest received, and how many in the window.
    newest: Option<u16>,
    received: u64,
    lost: u64,
    srtp: Option<(SendContext, ReceiveContext)>,
}

/// Of both sides of the phone at this place.
fn master_keys(suite: Suite, at: usize) -> MasterKeys {
    let drawn = |side: u8| Keys::drawn(suite, std::array::from_fn(|byte| (at >> (byte % 4 * 8)) as u8 ^ side));
    MasterKeys { send: drawn(1), receive: drawn(2), key_name: 0 }
}

fn main() {
    let options = options();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("relay-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let result = run(&options, &folder);
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    if !options.json {
        for (name, value) in result.as_object().expect("an object was made") {
            println!("{name:>24}  {value}");
        }
    }
    println!("{result}");
}

fn run(options: &Options, folder: &Path) -> Value {
    let (to_us, events) = mpsc::channel();
    let mut config = Config::new(Ipv4Addr::LOCALHOST.into(), 30_000..=39_999);
    config.coalesce = options.coalesce;
    // The media threads inherit the first core; the generator moves to the second.
    pin(0);
    let plane = MediaPlane::start(&config, move |batch| {
        // The receiver is gone only when the benchmark ends.
        let _ = to_us.send(batch);
    })
    .expect("ports 30000-39999 are free");
    pin(1);

    let mut free: Vec<Port> = Vec::new();
    let phone_count = if options.mode == Mode::Prompt { options.calls } else { 2 * options.calls };
    let mut phones: Vec<Phone> = Vec::new();
    let mut ports: Vec<Port> = Vec::new();
    let prompt = folder.join("prompt.wav");
    write_prompt(&prompt);
    for at in 0..phone_count {
        while free.is_empty() {
            let batch = events.recv_timeout(Duration::from_secs(5)).expect("the worker offers ports");
            for event in batch {
                if let Event::PortsAvailable { ports } = event {
                    free.extend(ports.iter().rev());
                }
            }
        }
        let port = free.pop().expect("some were offered");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket.set_nonblocking(true).expect("a socket can be non-blocking");
        socket.connect(port.rtp()).expect("loopback is there");
        let srtp = options.srtp.map(|suite| master_keys(suite, at));
        let stream = Stream { srtp, ..Stream::new(socket.local_addr().expect("it is bound"), Codec::Pcmu) };
        let srtp = srtp.map(|keys| (SendContext::new(&keys.receive), ReceiveContext::new(&keys.send, 0)));
        let mut batch = vec![Command::Open { port, stream }];
        if options.mode == Mode::Prompt {
            let sources = vec![Source::File(prompt.clone().into())];
            batch.push(Command::Play { port, token: 1, sources, repeat: Repeat::Forever });
        } else if at % 2 == 1 {
            let left = ports[at - 1];
            batch.push(Command::Bridge { a: left, b: port });
            if options.mode == Mode::Record {
                let path = folder.join(format!("{at}.wav"));
                batch.push(Command::Record { recording: at as u64, path, left, right: Some(port) });
            }
        }
        plane.send(batch).expect("the worker keeps up");
        ports.push(port);
        phones.push(Phone { socket, sequence: 0, newest: None, received: 0, lost: 0, srtp });
    }

    let measured = generate(options, &mut phones);
    let packets: u64 = phones.iter().map(|phone| phone.received).sum();
    let lost: u64 = phones.iter().map(|phone| phone.lost).sum();
    let mut close: Vec<Command> = Vec::new();
    if options.mode == Mode::Record {
        close.extend((0..phone_count as u64).map(|recording| Command::StopRecording { recording }));
    }
    close.extend(ports.iter().map(|port| Command::Close { port: *port }));
    let closing = Instant::now();
    plane.send(close).expect("the worker keeps up");
    plane.stop();
    let closing = closing.elapsed();
    let told: Vec<Event> = events.try_iter().flatten().collect();
    let recordings = told.iter().filter(|event| matches!(event, Event::RecordingClosed { .. })).count();
    let gaps: u32 = told
        .iter()
        .map(|event| if let Event::RecordingClosed { summary, .. } = event { summary.gaps } else { 0 })
        .sum();

    let Measured { cpu, delays, window } = measured;
    let all: f64 = cpu.values().map(Duration::as_secs_f64).sum();
    let percent = |seconds: f64| (seconds / window.as_secs_f64() * 1e4).round() / 100.0;
    json!({
        "mode": format!("{:?}", options.mode).to_lowercase(),
        "srtp": options.srtp.map(Suite::name),
        "calls": options.calls,
        "coalesce_us": options.coalesce.as_micros() as u64,
        "packets_per_s": (packets as f64 / window.as_secs_f64()).round(),
        "lost": lost,
        "cpu_pct": percent(all),
        "cpu_pct_per_100": percent(all * 100.0 / options.calls as f64),
        "us_per_packet": (all * 1e8 / packets.max(1) as f64).round() / 100.0,
        "cpu_pct_by_thread": cpu.iter().map(|(name, time)| (name.clone(), percent(time.as_secs_f64()))).collect::<BTreeMap<_, _>>(),
        "relay_ms": { "p50": quantile(&delays, 0.5), "p99": quantile(&delays, 0.99), "max": quantile(&delays, 1.0) },
        "recordings": recordings,
        "gaps": gaps,
        "close_ms": closing.as_millis() as u64,
    })
}

struct Measured {
    /// CPU time of the media threads in the window, by name.
    cpu: BTreeMap<String, Duration>,
    /// Sorted.
    delays: Vec<Duration>,
    window: Duration,
}

/// Plays all phones in one thread: sends at even spacing, receives as it comes.
fn generate(options: &Options, phones: &mut [Phone]) -> Measured {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the kernel has epoll");
    for (at, phone) in phones.iter().enumerate() {
        epoll::add(&poll, &phone.socket, epoll::EventData::new_u64(at as u64), epoll::EventFlags::IN)
            .expect("a socket can be watched");
    }
    let start = Instant::now();
    let spacing = PACKET_TIME / phones.len() as u32;
    let sends = options.mode != Mode::Prompt;
    let mut sent = 0_u32;
    let mut delays = Vec::new();
    let mut before = None;
    let mut ready: Vec<epoll::Event> = Vec::with_capacity(1_024);
    let mut buffer = [0; 2_048];
    let mut payload = [0xff; 160];
    let mut bytes = Vec::new();
    loop {
        let now = start.elapsed();
        let in_window = now >= WARM_UP;
        if in_window && before.is_none() {
            before = Some((cpu_by_thread(), now));
        }
        if now >= WARM_UP + options.window {
            let (before, since) = before.expect("the window has begun");
            let cpu = cpu_by_thread()
                .into_iter()
                .map(|(name, time)| (name.clone(), time.saturating_sub(before.get(&name).copied().unwrap_or_default())))
                .collect();
            delays.sort_unstable();
            return Measured { cpu, delays, window: now - since };
        }
        while sends && spacing * sent <= now {
            let at = sent as usize % phones.len();
            let phone = &mut phones[at];
            payload[..8].copy_from_slice(&(start.elapsed().as_nanos() as u64).to_be_bytes());
            bytes.clear();
            Packet {
                marker: false,
                payload_type: 0,
                sequence: phone.sequence,
                timestamp: u32::from(phone.sequence) * 160,
                ssrc: at as u32 + 1,
                payload: &payload,
            }
            .write(&mut bytes);
            if let Some((says, _)) = &mut phone.srtp {
                says.protect_rtp(&mut bytes, 0).expect("each number is said once");
            }
            phone.sequence = phone.sequence.wrapping_add(1);
            // A lost packet is counted where it is missed.
            let _ = phone.socket.send(&bytes);
            sent += 1;
        }
        let pause = if sends { (spacing * sent).saturating_sub(start.elapsed()) } else { Duration::from_millis(1) };
        ready.clear();
        if !sends {
            // Waiting for each packet would make the worker pay for waking us, which no caller over a network does.
            std::thread::sleep(pause);
        }
        let timeout = Timespec::try_from(if sends { pause } else { Duration::ZERO }).expect("a pause is short");
        epoll::wait(&poll, spare_capacity(&mut ready), Some(&timeout)).expect("the kernel has epoll");
        for event in &ready {
            let phone = &mut phones[event.data.u64() as usize];
            let Ok(length) = phone.socket.recv(&mut buffer) else { continue };
            let plain = match &mut phone.srtp {
                Some((_, hears)) => match hears.unprotect_rtp(&mut buffer[..length]) {
                    Ok(plain) => &*plain,
                    Err(_) => continue,
                },
                None => &buffer[..length],
            };
            let Some(packet) = Packet::parse(plain) else { continue };
            if !in_window {
                phone.newest = Some(packet.sequence);
                continue;
            }
            let step = phone.newest.replace(packet.sequence).map_or(1, |newest| packet.sequence.wrapping_sub(newest));
            phone.received += 1;
            phone.lost += u64::from(step.saturating_sub(1));
            if sends && let Some(stamp) = packet.payload.first_chunk::<8>() {
                delays.push(start.elapsed().saturating_sub(Duration::from_nanos(u64::from_be_bytes(*stamp))));
            }
        }
    }
}

/// CPU time so far of every thread but ours, which generates.
fn cpu_by_thread() -> BTreeMap<String, Duration> {
    let me = rustix::thread::gettid().as_raw_nonzero().to_string();
    let tasks = std::fs::read_dir("/proc/self/task").expect("this is Linux");
    tasks
        .flatten()
        .filter(|task| task.file_name().to_str() != Some(&me))
        .filter_map(|task| {
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let times = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            let nanos = times.split(' ').next()?.parse().ok()?;
            Some((name.trim().to_owned(), Duration::from_nanos(nanos)))
        })
        .collect()
}

fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |delay| (delay.as_secs_f64() * 1e5).round() / 100.0)
}

fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    // On one core, or where it is not allowed, figures are only less steady.
    let _ = sched_setaffinity(None::<Pid>, &cores);
}

/// Two seconds of a tone.
fn write_prompt(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("the target folder can be written");
    for at in 0..32_000 {
        file.write_sample((8_000.0 * (at as f32 * 0.2).sin()) as i16).expect("the target folder can be written");
    }
    file.finalize().expect("the target folder can be written");
}
