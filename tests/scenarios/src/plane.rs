//! The media plane without sound: a prompt is its length, a bridge is a pair, a recording is its begin.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use plugboard_media::{
    Command, Direction, Event, PlayError, Port, PromptError, RecordingError, RecordingSummary, Repeat, Source,
    Statistics, Stream,
};
use plugboard_model::Timestamp;

/// Commands take this long to be felt, and events to be heard.
const LATENCY: Duration = Duration::from_millis(1);
/// Of a prompt, where the test tells no other.
pub(crate) const LENGTH: Duration = Duration::from_secs(2);
/// Late packets of a call die out before its port is offered again.
const REST: Duration = Duration::from_secs(2);

/// What is to happen, and when.
#[derive(Debug)]
pub(crate) enum Later {
    Event(Event),
    /// The play ends then, unless another took its place.
    PlayEnds {
        port: Port,
        token: u64,
    },
}

#[derive(Debug)]
struct Leg {
    stream: Stream,
    play: Option<(u64, Vec<String>)>,
    beside: Option<Port>,
    since: Timestamp,
}

#[derive(Debug)]
struct Tape {
    since: Timestamp,
    path: std::path::PathBuf,
    has_right: bool,
}

/// Ports, what they play, and who hears whom.
#[derive(Debug)]
pub struct Plane {
    legs: BTreeMap<Port, Leg>,
    by_number: BTreeMap<u16, Port>,
    recordings: BTreeMap<u64, Tape>,
    /// By file name without extension; [`LENGTH`] where it is not told.
    pub lengths: BTreeMap<String, Duration>,
    /// Files that are not there, by name without extension.
    pub missing: BTreeSet<String>,
    pub disk_full: bool,
    /// Plays end and nobody is told, as when the loop has no room for the event.
    pub loses_play_ends: bool,
    /// Commands that a real plane would ignore or could not carry out. A test that expects none compares with the empty list.
    pub odd: Vec<String>,
    pub ports: usize,
    out: Vec<(Timestamp, Later)>,
}

impl Plane {
    pub(crate) fn new(ip: IpAddr, workers: u16, ports_of_each: u16) -> (Self, Event) {
        let ports: Vec<Port> = (0..ports_of_each)
            .flat_map(|index| (0..workers).map(move |worker| (worker, index)))
            .map(|(worker, index)| Port { worker, number: 10_000 + (index * workers + worker) * 2, ip })
            .collect();
        let plane = Self {
            legs: BTreeMap::new(),
            by_number: ports.iter().map(|port| (port.number, *port)).collect(),
            recordings: BTreeMap::new(),
            lengths: BTreeMap::new(),
            missing: BTreeSet::new(),
            disk_full: false,
            loses_play_ends: false,
            odd: Vec::new(),
            ports: ports.len(),
            out: Vec::new(),
        };
        (plane, Event::PortsAvailable { ports })
    }

    pub(crate) fn drain(&mut self) -> std::vec::Drain<'_, (Timestamp, Later)> {
        self.out.drain(..)
    }

    /// Whom the leg at `port` hears.
    pub fn beside(&self, port: Port) -> Option<Port> {
        self.legs.get(&port)?.beside
    }

    /// What is played to the leg at `port`.
    pub fn playing(&self, port: Port) -> Option<String> {
        self.legs.get(&port)?.play.as_ref().map(|(_, names)| names.join(" "))
    }

    pub fn open_ports(&self) -> usize {
        self.legs.len()
    }

    pub fn open_recordings(&self) -> usize {
        self.recordings.len()
    }

    pub fn port_at(&self, address: SocketAddr) -> Option<Port> {
        self.by_number
            .get(&address.port())
            .filter(|port| port.rtp() == address && self.legs.contains_key(port))
            .copied()
    }

    pub fn stream(&self, port: Port) -> Option<Stream> {
        self.legs.get(&port).map(|leg| leg.stream)
    }

    fn say(&mut self, now: Timestamp, event: Event) {
        self.out.push((now + LATENCY, Later::Event(event)));
    }

    fn end_play(&mut self, now: Timestamp, port: Port, complete: bool) {
        let ended = self.legs.get_mut(&port).and_then(|leg| leg.play.take());
        if let Some((token, _)) = ended.filter(|_| !self.loses_play_ends) {
            self.say(now, Event::PlayEnded { port, token, complete });
        }
    }

    pub(crate) fn play_ends(&mut self, now: Timestamp, port: Port, token: u64) {
        if self.legs.get(&port).and_then(|leg| leg.play.as_ref()).is_some_and(|(playing, _)| *playing == token) {
            self.end_play(now, port, true);
        }
    }

    pub(crate) fn handle_command(&mut self, now: Timestamp, command: Command) {
        match command {
            Command::Open { port, stream } => {
                let leg = Leg { stream, play: None, beside: None, since: now };
                if self.legs.insert(port, leg).is_some() {
                    self.odd.push(format!("{port} opened twice"));
                }
            }
            Command::Retarget { port, stream } => match self.legs.get_mut(&port) {
                Some(leg) => leg.stream = stream,
                None => self.odd.push(format!("{port} retargeted while closed")),
            },
            Command::Direct { .. } | Command::Mute { .. } | Command::SendDigits { .. } => {}
            Command::Play { port, token, sources, repeat } => self.play(now, port, token, &sources, repeat),
            Command::StopPlay { port, token } => {
                if self.legs.get(&port).and_then(|leg| leg.play.as_ref()).is_some_and(|(playing, _)| *playing == token)
                {
                    self.end_play(now, port, false);
                }
            }
            Command::Bridge { a, b } => self.bridge(a, b),
            Command::Unbridge { a, b } => self.unbridge(a, b),
            Command::Record { recording, path, left, right } => {
                if self.disk_full {
                    return self.say(now, Event::RecordingFailed { recording, reason: RecordingError::DiskFull });
                }
                if !self.legs.contains_key(&left) || right.is_some_and(|right| !self.legs.contains_key(&right)) {
                    self.odd.push(format!("recording {recording} of a closed leg"));
                    return self.say(now, Event::RecordingFailed { recording, reason: RecordingError::NoSuchLeg });
                }
                self.recordings.insert(recording, Tape { since: now, path, has_right: right.is_some() });
            }
            Command::AttachRecording { recording, .. } => match self.recordings.get_mut(&recording) {
                Some(tape) => tape.has_right = true,
                None => self.odd.push(format!("recording {recording} attached after its end")),
            },
            Command::PauseRecording { .. } | Command::ResumeRecording { .. } => {}
            Command::StopRecording { recording } => {
                if let Some(Tape { since, path, has_right }) = self.recordings.remove(&recording) {
                    let summary = RecordingSummary {
                        length: now - since,
                        paused: Duration::ZERO,
                        sha256: [0; 32],
                        left_dbfs: Some(-20.0),
                        right_dbfs: has_right.then_some(-20.0),
                        gaps: 0,
                    };
                    self.say(now, Event::RecordingClosed { recording, path, summary });
                }
            }
            Command::Close { port } => self.close(now, port),
        }
    }

    fn play(&mut self, now: Timestamp, port: Port, token: u64, sources: &[Source], repeat: Repeat) {
        if !self.legs.contains_key(&port) {
            self.odd.push(format!("{port} plays while closed"));
            return self.say(now, Event::PlayFailed { port, token, reason: PlayError::NoSuchLeg });
        }
        let names: Vec<String> = sources.iter().map(name_of).collect();
        if let Some(Source::File(path)) =
            sources.iter().find(|source| matches!(source, Source::File(_)) && self.missing.contains(&name_of(source)))
        {
            let path = path.to_path_buf();
            let reason = PlayError::Prompt { path, source: PromptError::Missing.into() };
            return self.say(now, Event::PlayFailed { port, token, reason });
        }
        self.end_play(now, port, false);
        let length: Duration = sources.iter().zip(&names).map(|(source, name)| self.length_of(source, name)).sum();
        if repeat == Repeat::Once {
            self.out.push((now + LATENCY + length, Later::PlayEnds { port, token }));
        }
        if let Some(leg) = self.legs.get_mut(&port) {
            leg.play = Some((token, names));
        }
    }

    fn length_of(&self, source: &Source, name: &str) -> Duration {
        match source {
            Source::File(_) => self.lengths.get(name).copied().unwrap_or(LENGTH),
            Source::Tone(tone) => tone.on + tone.off,
            Source::Silence(length) => *length,
        }
    }

    fn bridge(&mut self, a: Port, b: Port) {
        if !(self.legs.contains_key(&a) && self.legs.contains_key(&b)) {
            return self.odd.push(format!("{a} bridged to {b} while one is closed"));
        }
        if a.worker != b.worker {
            self.odd.push(format!("{a} bridged to {b} of another worker"));
        }
        for (one, other) in [(a, b), (b, a)] {
            if let Some(before) = self.legs.get_mut(&one).and_then(|leg| leg.beside.replace(other))
                && before != other
                && let Some(left) = self.legs.get_mut(&before)
            {
                left.beside = None;
            }
        }
    }

    fn unbridge(&mut self, a: Port, b: Port) {
        for (one, other) in [(a, b), (b, a)] {
            if let Some(leg) = self.legs.get_mut(&one) {
                leg.beside.take_if(|beside| *beside == other);
            }
        }
    }

    fn close(&mut self, now: Timestamp, port: Port) {
        self.end_play(now, port, false);
        if let Some(leg) = self.legs.remove(&port) {
            if let Some(other) = leg.beside.and_then(|other| self.legs.get_mut(&other)) {
                other.beside = None;
            }
            let packets = u64::try_from((now - leg.since).as_millis() / 20).unwrap_or(u64::MAX);
            let received = if leg.stream.direction == Direction::SendReceive { packets } else { 0 };
            let statistics = Statistics { received, sent: packets, mos: Some(4.4), ..Statistics::default() };
            self.say(now, Event::Closed { port, statistics });
        }
        self.out.push((now + REST, Later::Event(Event::PortsAvailable { ports: vec![port] })));
    }
}

/// The file's name without folder and extension, or what kind of tone it is.
fn name_of(source: &Source) -> String {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match source {
        Source::File(path) => stem(path),
        Source::Tone(_) => "tone".to_owned(),
        Source::Silence(_) => "silence".to_owned(),
    }
}
