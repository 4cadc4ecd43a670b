//! That the threads and sockets are connected; the rules are tested in virtual time in `plugboard-media`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test, of real sockets")]

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use plugboard_media::{
    Codec, Command, Digit, Event, Law, PlayError, Port, PromptError, Repaired, Repeat, Source, Stream, Tone,
};
use plugboard_rtp::{Packet, TelephoneEvent};
use plugboard_transport::media_plane::{Config, MediaPlane, StartError, repair_recording};

const PATIENCE: Duration = Duration::from_secs(10);

/// A media plane on ports of its own, a folder, and what was told.
struct World {
    plane: MediaPlane,
    events: Receiver<Vec<Event>>,
    told: VecDeque<Event>,
    free: Vec<Port>,
    folder: PathBuf,
}

impl World {
    /// Each test has another range, so that they can run at once.
    fn new(name: &str, first: u16, workers: u16) -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), name, first, workers)
    }

    fn at(ip: IpAddr, name: &str, first: u16, workers: u16) -> Self {
        let (send, events) = channel();
        let config = Config { workers, ..Config::new(ip, first..=first + 399) };
        let plane = MediaPlane::start(&config, move |batch| send.send(batch).unwrap_or_default()).unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { plane, events, told: VecDeque::new(), free: Vec::new(), folder }
    }

    /// The first event that fits; those before it are dropped, but for ports.
    fn wait<T>(&mut self, mut fits: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            while let Some(event) = self.told.pop_front() {
                if let Event::PortsAvailable { ports } = &event {
                    self.free.extend(ports);
                }
                if let Some(found) = fits(&event) {
                    return found;
                }
            }
            self.told.extend(self.events.recv_timeout(PATIENCE).unwrap());
        }
    }

    /// A phone and the leg that is open for it, on this worker.
    fn open(&mut self, worker: u16) -> Phone {
        while !self.free.iter().any(|port| port.worker == worker) {
            self.wait(|event| matches!(event, Event::PortsAvailable { .. }).then_some(()));
        }
        let at = self.free.iter().position(|port| port.worker == worker).unwrap();
        let port = self.free.remove(at);
        let socket = UdpSocket::bind((port.ip, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let stream =
            Stream { telephone_event: Some(101.into()), ..Stream::new(socket.local_addr().unwrap(), Codec::Pcmu) };
        self.plane.send(vec![Command::Open { port, stream }]).unwrap();
        Phone { socket, port }
    }
}

struct Phone {
    socket: UdpSocket,
    port: Port,
}

impl Phone {
    fn say(&self, sequence: u16, payload_type: u8, payload: &[u8]) {
        let mut bytes = Vec::new();
        let timestamp = u32::from(sequence) * 160;
        Packet { marker: false, payload_type, sequence, timestamp, ssrc: 7, payload }.write(&mut bytes);
        self.socket.send_to(&bytes, self.port.rtp()).unwrap();
    }

    fn hear(&self) -> Vec<u8> {
        let mut buffer = [0; 2_048];
        let length = self.socket.recv(&mut buffer).unwrap();
        Packet::parse(&buffer[..length]).unwrap().payload.to_vec()
    }
}

fn write_tone(path: &Path) {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    for at in 0..88_200 {
        file.write_sample((8_000.0 * ((at / 2) as f32 * 0.1).sin()) as i16).unwrap();
    }
    file.finalize().unwrap();
}

#[test]
fn a_call_is_bridged_recorded_and_closed_on_each_worker() {
    let mut world = World::new("call", 41_000, 2);
    for worker in [0, 1] {
        let (caller, agent) = (world.open(worker), world.open(worker));
        let recording = u64::from(worker);
        let path = world.folder.join(format!("{worker}.wav"));
        world
            .plane
            .send(vec![
                Command::Bridge { a: caller.port, b: agent.port },
                Command::Record { recording, path: path.clone(), left: caller.port, right: Some(agent.port) },
            ])
            .unwrap();
        for sequence in 0..10 {
            caller.say(sequence, 0, &[1; 160]);
            assert_eq!(agent.hear(), [1; 160]);
            agent.say(sequence, 0, &[2; 160]);
            assert_eq!(caller.hear(), [2; 160]);
        }
        let end = TelephoneEvent { code: 5, end: true, volume: 10, duration: 800 };
        caller.say(10, 101, &end.write());
        let digit = world.wait(|event| if let Event::Digit { digit, .. } = event { Some(*digit) } else { None });
        // To every worker: the handle does not know whose recording it is.
        world.plane.send(vec![Command::StopRecording { recording }, Command::Close { port: caller.port }]).unwrap();
        let summary = world.wait(|event| match event {
            Event::RecordingClosed { recording: closed, summary, .. } if *closed == recording => Some(summary.clone()),
            _ => None,
        });
        let heard = summary.left_dbfs.is_some() && summary.right_dbfs.is_some();
        assert_eq!(
            (digit, heard, repair_recording(&path).unwrap()),
            (Digit::from_char('5').unwrap(), true, Repaired::Whole)
        );
    }
    let World { plane, folder, .. } = world;
    plane.stop();
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_wav_file_is_heard_and_a_missing_one_is_told() {
    let mut world = World::new("prompt", 42_000, 1);
    let phone = world.open(0);
    let tone = world.folder.join("tone.wav");
    write_tone(&tone);
    let play = |token, path: &Path| Command::Play {
        port: phone.port,
        token,
        sources: vec![Source::File(path.into())],
        repeat: Repeat::Once,
    };
    world.plane.send(vec![play(1, &world.folder.join("missing.wav"))]).unwrap();
    let reason =
        world.wait(|event| if let Event::PlayFailed { reason, .. } = event { Some(reason.clone()) } else { None });
    let missing = matches!(reason, PlayError::Prompt { ref source, .. } if **source == PromptError::Missing);
    world.plane.send(vec![play(2, &tone)]).unwrap();
    let packets: Vec<Vec<u8>> = (0..50).map(|_| phone.hear()).collect();
    let ended =
        world.wait(
            |event| if let Event::PlayEnded { token, complete, .. } = event { Some((*token, *complete)) } else { None },
        );
    let loud = packets[25].iter().any(|byte| Law::Mu.decode(*byte) > 6_000);
    assert_eq!((missing, loud, ended), (true, true, (2, true)));
    std::fs::remove_dir_all(&world.folder).unwrap();
}

#[test]
fn stopping_closes_what_is_open_and_tells_it() {
    let mut world = World::new("stop", 43_000, 1);
    let phone = world.open(0);
    let path = world.folder.join("open.wav");
    world.plane.send(vec![Command::Record { recording: 1, path, left: phone.port, right: None }]).unwrap();
    phone.say(0, 0, &[1; 160]);
    world.wait(|event| matches!(event, Event::Heard { .. }).then_some(()));
    let World { plane, events, folder, .. } = world;
    plane.stop();
    let told: Vec<Event> = events.iter().flatten().collect();
    let closed =
        told.iter().filter(|event| matches!(event, Event::Closed { .. } | Event::RecordingClosed { .. })).count();
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(closed, 2);
}

#[test]
fn a_range_that_cannot_be_bound_is_an_error_that_names_it() {
    let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
    let started = MediaPlane::start(&Config::new(elsewhere, 44_000..=44_009), |_| ());
    let Err(error @ StartError::NoFreePorts { .. }) = started else { panic!("192.0.2.1 is nobody's address") };
    assert!(error.to_string().starts_with("no port pair of 192.0.2.1:44000-44009 can be bound"), "{error}");
}

#[test]
fn a_call_over_ipv6_is_bridged() {
    // Where the machine has no IPv6 there is nothing to prove.
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return;
    }
    let mut world = World::at(Ipv6Addr::LOCALHOST.into(), "ipv6", 45_000, 1);
    let (caller, agent) = (world.open(0), world.open(0));
    world.plane.send(vec![Command::Bridge { a: caller.port, b: agent.port }]).unwrap();
    for sequence in 0..3 {
        caller.say(sequence, 0, &[1; 160]);
        agent.say(sequence, 0, &[2; 160]);
        assert_eq!((agent.hear(), caller.hear()), (vec![1; 160], vec![2; 160]));
    }
    std::fs::remove_dir_all(&world.folder).unwrap();
}

/// Set in the process that is to be killed: the file that it records.
const RECORDING: &str = "PLUGBOARD_TEST_RECORDING";

/// Not a test of its own: what [`a_recording_of_a_killed_process_is_whole_after_repair`] kills.
#[test]
#[ignore = "runs in a process of its own until that is killed"]
fn records_until_killed() {
    let path = PathBuf::from(std::env::var_os(RECORDING).unwrap());
    let mut world = World::new("killed", 46_000, 1);
    let phone = world.open(0);
    let music =
        Command::Play { port: phone.port, token: 1, sources: vec![Source::Tone(Tone::BEEP)], repeat: Repeat::Forever };
    world.plane.send(vec![Command::Record { recording: 1, path, left: phone.port, right: None }, music]).unwrap();
    for sequence in 0..=u16::MAX {
        // A word for each that it hears: the plane keeps the time.
        phone.hear();
        phone.say(sequence, 0, &[Law::Mu.encode(1_000); 160]);
        if sequence == SPOKEN {
            println!("\nspoken");
        }
    }
}

/// Packets of 20 ms after which the recorder has written for the second time, and goes on.
const SPOKEN: u16 = 150;

#[test]
fn a_recording_of_a_killed_process_is_whole_after_repair() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kill-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("killed.wav");
    let mut process = Process::new(std::env::current_exe().unwrap())
        .args(["records_until_killed", "--exact", "--ignored", "--nocapture"])
        .env(RECORDING, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(told.map_while(Result::ok).any(|line| line == "spoken"));
    process.kill().unwrap();
    process.wait().unwrap();
    // What a crash in the middle of a write leaves: samples behind the counted ones, and half a frame.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([1, 0, 2, 0, 3]);
    std::fs::write(&path, &bytes).unwrap();
    let first = repair_recording(&path).unwrap();
    let repaired = std::fs::read(&path).unwrap();
    let reader = hound::WavReader::new(&repaired[..]).unwrap();
    let (riff, frames) = (u32::from_le_bytes(repaired[4..8].try_into().unwrap()), reader.duration());
    let heard = reader.into_samples::<i16>().filter(|sample| sample.as_ref().is_ok_and(|sample| *sample != 0)).count();
    let again = (repair_recording(&path).unwrap(), std::fs::read(&path).unwrap() == repaired);
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!((first, again), (Repaired::Lengthened { frames: 1 }, (Repaired::Whole, true)));
    assert_eq!((riff, frames as usize), (36 + 4 * frames, (repaired.len() - 44) / 4));
    assert!(frames >= 7_900 && heard > 7_000, "{frames} frames, {heard} of them heard");
}
