//! The task behind a group of phones: sockets, SIP endpoint and media plane on one side, handles on the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use plugboard_media::{Digit, Event as MediaEvent, Port, RecordingError, RecordingSummary};
use plugboard_sip::{CallHandle, Endpoint, HostPort, Input, Output, RequestHandle, Transport};
use plugboard_transport::media_plane::{self, MediaPlane};
use plugboard_transport::sip_sockets::{Listeners, Received, SipSockets, StreamLimits};
use tokio::sync::{mpsc, oneshot};

use crate::call::{Call, CallId};
use crate::config::{Account, Config};
use crate::error::{ActionError, CallError, RegisterError, StartError};

mod actions;
mod dialogs;
mod incoming;
mod line;
mod registering;
mod sound;
mod transfers;
mod watching;

use line::Line;
use registering::Registration;

/// Handles that wait for the task; they are few.
const COMMANDS: usize = 256;
/// Batches of media events that may wait for the task.
const MEDIA_EVENTS: usize = 4_096;
/// Calls that wait for [`crate::Phone::next_incoming`].
const INCOMING: usize = 16;
/// Calls of one group at once.
const MOST_CALLS: usize = 10_000;
/// How long the far ends get to take their BYE when we stop.
const FAREWELL: Duration = Duration::from_secs(2);

pub(crate) type Reply<T> = oneshot::Sender<Result<T, ActionError>>;

/// What handles ask for.
#[derive(Debug)]
pub(crate) enum ToEngine {
    Plug { account: Box<Account>, reply: oneshot::Sender<Result<mpsc::Receiver<Call>, RegisterError>> },
    Register { user: String, expires: Duration, reply: oneshot::Sender<Result<Duration, RegisterError>> },
    Dial { user: String, target: String, reply: oneshot::Sender<Result<Call, CallError>> },
    Act { call: CallId, action: Action },
    Stop { reply: oneshot::Sender<()> },
}

/// What a call is asked to do.
#[derive(Debug)]
pub(crate) enum Action {
    Answer { reply: Reply<()> },
    Reject { status: u16, reply: Reply<()> },
    HangUp { reply: Reply<()> },
    Press { digit: Digit, reply: Reply<()> },
    Play { file: Arc<Path>, reply: Reply<bool> },
    Hum { length: Duration, reply: Reply<bool> },
    Record { file: PathBuf, reply: Reply<()> },
    StopRecording { reply: Reply<RecordingSummary> },
    Hold { hold: bool, reply: Reply<()> },
    Refer { target: String, reply: Reply<()> },
    ReferTo { other: CallId, reply: Reply<()> },
}

/// A phone as the task knows it.
#[derive(Debug)]
struct Plugged {
    account: Account,
    incoming: mpsc::Sender<Call>,
    registration: Registration,
}

/// What the task does by itself at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    AutoAnswer(CallId),
    Renew { user: String },
}

/// Everything behind a group of phones.
struct Engine {
    config: Config,
    clock: Clock,
    address: SocketAddr,
    sockets: SipSockets,
    sip: Endpoint,
    media: MediaPlane,
    ports: VecDeque<Port>,
    phones: BTreeMap<String, Plugged>,
    lines: BTreeMap<CallId, Line>,
    by_dialog: BTreeMap<CallHandle, CallId>,
    by_port: BTreeMap<Port, CallId>,
    /// Lines that are over and whose statistics are still to come.
    closing: BTreeMap<Port, Line>,
    by_request: BTreeMap<RequestHandle, String>,
    plays: BTreeMap<u64, Reply<bool>>,
    recordings: BTreeMap<CallId, Recording>,
    alarms: BTreeSet<(Duration, Alarm)>,
    next_call: u64,
    next_token: u64,
    /// For the handles of calls that come in. Weak, so that the task ends when all handles are gone.
    handles: mpsc::WeakSender<ToEngine>,
}

/// A recording, numbered like its call. At most one for each.
#[derive(Debug)]
enum Recording {
    Running,
    Wanted(Reply<RecordingSummary>),
    /// Over before anybody asked: the call ended, or the disk is full.
    Over(Result<RecordingSummary, RecordingError>),
}

/// Monotonic, anchored once to the wall clock.
#[derive(Clone, Copy, Debug)]
struct Clock {
    started: Instant,
    since_1970: Duration,
}

impl Clock {
    fn start() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), since_1970 }
    }

    fn now(self) -> Duration {
        self.since_1970 + self.started.elapsed()
    }
}

/// Opens the sockets and starts the task.
pub(crate) async fn start(config: Config) -> Result<(mpsc::Sender<ToEngine>, SocketAddr), StartError> {
    if config.ip.is_unspecified() {
        return Err(StartError::Unspecified(config.ip));
    }
    let wanted = SocketAddr::new(config.ip, 0);
    let listeners = Listeners { udp: vec![wanted], ..Listeners::default() };
    let sockets = SipSockets::bind(&listeners, None, StreamLimits::default()).await?;
    let address = sockets.addresses(Transport::Udp).first().copied();
    let address = address.ok_or(StartError::NoSocket(wanted))?;
    let (media_events, mut from_media) = mpsc::channel(MEDIA_EVENTS);
    let mut plane = media_plane::Config::new(config.ip, config.rtp_ports.clone());
    plane.prompt_bytes = 64 << 20;
    plane.settings.ports_ahead = config.max_unanswered.max(1);
    plane.settings.cname = format!("softphone@{}", config.ip);
    let media = MediaPlane::start(&plane, move |events| {
        // Called on a media thread, which must not wait. It takes thousands of calls to fill the queue.
        if media_events.try_send(events).is_err() {
            tracing::warn!("softphones lie behind their media events");
        }
    })?;
    let mut seed = [0; 8];
    rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| StartError::Chance(error.into()))?;
    let seed = u64::from_ne_bytes(seed);
    let sip = plugboard_sip::Config {
        advertised: vec![(Transport::Udp, HostPort::from(address))],
        user_agent: "Plugboard softphone".into(),
        // Two groups in one process must not take each other's dialogs for their own.
        token: format!("sp{:x}", seed & 0xffff_ffff),
        max_calls: MOST_CALLS,
        ..plugboard_sip::Config::default()
    };
    let (handles, commands) = mpsc::channel(COMMANDS);
    let mut engine = Engine {
        config,
        clock: Clock::start(),
        address,
        sockets,
        sip: Endpoint::new(sip, seed),
        media,
        ports: VecDeque::new(),
        phones: BTreeMap::new(),
        lines: BTreeMap::new(),
        by_dialog: BTreeMap::new(),
        by_port: BTreeMap::new(),
        closing: BTreeMap::new(),
        by_request: BTreeMap::new(),
        plays: BTreeMap::new(),
        recordings: BTreeMap::new(),
        alarms: BTreeSet::new(),
        next_call: 0,
        next_token: 0,
        handles: handles.downgrade(),
    };
    // The first ports are bound by now: a call that is placed at once finds one.
    while let Ok(events) = from_media.try_recv() {
        events.into_iter().for_each(|event| engine.take_media(event));
    }
    tokio::spawn(engine.run(commands, from_media));
    Ok((handles, address))
}

impl Engine {
    async fn run(mut self, mut commands: mpsc::Receiver<ToEngine>, mut media: mpsc::Receiver<Vec<MediaEvent>>) {
        let mut batch = Vec::new();
        let mut stopped = None;
        loop {
            let wait = self.next_due().map(|due| due.saturating_sub(self.clock.now()));
            tokio::select! {
                () = self.sockets.receive(&mut batch) => {
                    for received in batch.drain(..) {
                        self.take_received(received);
                    }
                }
                command = commands.recv() => match command {
                    Some(ToEngine::Stop { reply }) => {
                        stopped = Some(reply);
                        break;
                    }
                    Some(command) => self.take_command(command),
                    None => break,
                },
                Some(events) = media.recv() => {
                    for event in events {
                        self.take_media(event);
                    }
                }
                () = sleep(wait) => self.take_time(),
            }
            self.give_out();
        }
        self.say_goodbye().await;
        // Joins threads, and those may wait for the disk.
        let plane = self.media;
        let _ = tokio::task::spawn_blocking(move || plane.stop()).await;
        if let Some(reply) = stopped {
            let _ = reply.send(());
        }
    }

    fn next_due(&mut self) -> Option<Duration> {
        let alarm = self.alarms.first().map(|(at, _)| *at);
        match (self.sip.poll_timeout(), alarm) {
            (Some(sip), Some(alarm)) => Some(sip.min(alarm)),
            (sip, alarm) => sip.or(alarm),
        }
    }

    fn take_received(&mut self, received: Received) {
        let now = self.clock.now();
        match received {
            Received::Bytes { source, bytes } => {
                self.watch_message(now, crate::observe::Direction::Received, &bytes);
                self.sip.handle_input(now, Input::Received { source, bytes: &bytes });
            }
            // It shows no certificates and asks for none.
            Received::Identified { .. } => {}
            Received::ConnectionLost { connection } => {
                self.sip.handle_input(now, Input::ConnectionLost { connection });
            }
            Received::Unreachable { remote } => self.sip.handle_input(now, Input::Unreachable { remote }),
        }
        self.give_out();
    }

    fn take_command(&mut self, command: ToEngine) {
        match command {
            ToEngine::Plug { account, reply } => {
                let _ = reply.send(self.plug(*account));
            }
            ToEngine::Register { user, expires, reply } => self.register(&user, expires, reply),
            ToEngine::Dial { user, target, reply } => {
                let _ = reply.send(self.dial(&user, &target));
            }
            ToEngine::Act { call, action } => self.act(call, action),
            // Taken by the loop.
            ToEngine::Stop { .. } => {}
        }
    }

    fn plug(&mut self, account: Account) -> Result<mpsc::Receiver<Call>, RegisterError> {
        if self.phones.contains_key(&account.user) {
            return Err(RegisterError::Taken { user: account.user });
        }
        let (incoming, calls) = mpsc::channel(INCOMING);
        let registration = Registration::default();
        self.phones.insert(account.user.clone(), Plugged { account, incoming, registration });
        Ok(calls)
    }

    fn take_time(&mut self) {
        let now = self.clock.now();
        self.sip.handle_timeout(now);
        while self.alarms.first().is_some_and(|(at, _)| *at <= now) {
            match self.alarms.pop_first() {
                Some((_, Alarm::AutoAnswer(call))) => self.auto_answer(call),
                Some((_, Alarm::Renew { user })) => self.renew(&user),
                None => {}
            }
        }
    }

    /// Sends what the endpoint has to say, and acts on what it tells.
    fn give_out(&mut self) {
        while let Some(output) = self.sip.poll_output() {
            match output {
                Output::Send { target, bytes } => {
                    self.watch_message(self.clock.now(), crate::observe::Direction::Sent, &bytes);
                    self.sockets.send(target, &bytes);
                }
                Output::Event(event) => self.take_sip(event),
            }
        }
    }

    /// Hangs up everything and waits a little for the answers.
    async fn say_goodbye(&mut self) {
        let calls: Vec<CallId> = self.lines.keys().copied().collect();
        for call in calls {
            self.end_here(call);
        }
        self.give_out();
        let until = self.clock.now() + FAREWELL;
        let mut batch = Vec::new();
        while self.sip.calls() > 0 && self.clock.now() < until {
            let due = self.next_due().map_or(until, |due| due.min(until));
            tokio::select! {
                () = self.sockets.receive(&mut batch) => {
                    for received in batch.drain(..) {
                        self.take_received(received);
                    }
                }
                () = sleep(Some(due.saturating_sub(self.clock.now()))) => self.take_time(),
            }
            self.give_out();
        }
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
