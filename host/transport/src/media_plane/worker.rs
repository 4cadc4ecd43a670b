//! One RTP worker thread.

use std::collections::VecDeque;
use std::io;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::time::{Duration, Instant, SystemTime};

use plugboard_media::{Command, Event, Plane, Prompt, PromptError, RecorderInput, Request, Settings};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::loader::Loaders;
use super::sockets::Sockets;
use super::{Config, Waker};

/// Ready sockets that one look takes; more are taken by the next.
const READY: usize = 1_024;
/// The largest datagram that we read; a longer one is no telephone audio and is cut.
const DATAGRAM: usize = 2_048;
/// Stands for the waker among port numbers.
const WAKER: u64 = u64::MAX;
/// Between 1900 and 1970 (RFC 868).
const NTP_EPOCH: Duration = Duration::from_secs(2_208_988_800);
/// How soon to try again what the writer had no room for.
const RETRY: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) enum ToWorker {
    Commands(Vec<Command>),
    Prompt { path: Arc<Path>, loaded: Result<Arc<Prompt>, PromptError> },
    Stop,
}

/// The other ends of a worker.
pub(crate) struct Ends {
    pub(crate) commands: Receiver<ToWorker>,
    pub(crate) waker: Arc<Waker>,
    pub(crate) loaders: Loaders,
    pub(crate) writer: SyncSender<RecorderInput>,
    pub(crate) events: Arc<dyn Fn(Vec<Event>) + Send + Sync>,
}

pub(crate) struct Worker {
    index: u16,
    plane: Plane,
    sockets: Sockets,
    epoll: OwnedFd,
    coalesce: Duration,
    started: Instant,
    ends: Ends,
    /// What the writer must get and had no room for.
    unwritten: VecDeque<RecorderInput>,
    /// Seconds of audio that the writer had no room for.
    dropped: u64,
    /// The range of ports is used up, and that was said.
    used_up: bool,
}

impl Worker {
    pub(crate) fn new(config: &Config, index: u16, ends: Ends) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &ends.waker.event, epoll::EventData::new_u64(WAKER), epoll::EventFlags::IN)?;
        let started = Instant::now();
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let settings = Settings { started: NTP_EPOCH + since_1970, ..config.settings.clone() };
        let mut seed = [0_u8; 8];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())?;
        Ok(Self {
            index,
            plane: Plane::new(Duration::ZERO, index, settings, u64::from_ne_bytes(seed)),
            sockets: Sockets::new(config.ip, &config.ports, (index, config.workers.max(1)), config.dscp),
            epoll,
            coalesce: config.coalesce,
            started,
            ends,
            unwritten: VecDeque::new(),
            dropped: 0,
            used_up: false,
        })
    }

    /// Serves the plane's first wish for ports. False if none can be bound.
    pub(crate) fn bind_first(&mut self) -> bool {
        self.serve_requests();
        let events: Vec<Event> = std::iter::from_fn(|| self.plane.poll_event()).collect();
        let any = !events.is_empty();
        (self.ends.events)(events);
        any
    }

    pub(crate) fn run(&mut self) {
        let mut ready: Vec<epoll::Event> = Vec::with_capacity(READY);
        let mut buffer = [0; DATAGRAM];
        loop {
            ready.clear();
            let timeout = self.timeout();
            if let Err(error) = epoll::wait(&self.epoll, spare_capacity(&mut ready), timeout.as_ref())
                && error != rustix::io::Errno::INTR
            {
                tracing::error!(worker = self.index, %error, "RTP worker cannot wait for its sockets");
                return;
            }
            let woken = self.started.elapsed();
            let mut packets = false;
            for event in &ready {
                match event.data.u64() {
                    WAKER => {
                        if self.take_commands(woken) {
                            self.end(woken);
                            return;
                        }
                    }
                    number => {
                        packets = true;
                        self.take_packet(woken, number as u16, &mut buffer);
                    }
                }
            }
            if self.plane.poll_timeout().is_some_and(|due| due <= woken) {
                self.plane.handle_tick(woken);
            }
            self.give_out();
            if !packets {
                continue;
            }
            // Level-triggered sockets stay ready, so a pause costs nothing but a little delay, and the next look finds more of them at once.
            let pause = self.coalesce.saturating_sub(self.started.elapsed().saturating_sub(woken));
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
        }
    }

    fn timeout(&self) -> Option<Timespec> {
        let due = self.plane.poll_timeout().map(|due| due.saturating_sub(self.started.elapsed()));
        let due = if self.unwritten.is_empty() { due } else { Some(due.map_or(RETRY, |due| due.min(RETRY))) };
        due.and_then(|due| Timespec::try_from(due).ok())
    }

    #[inline]
    fn take_packet(&mut self, now: Duration, number: u16, buffer: &mut [u8]) {
        // One of each socket for each look: a flood to one port is slowed, and keeps nobody waiting.
        let Some((port, channel, source, length)) = self.sockets.receive(number, buffer) else { return };
        self.plane.handle_packet(now, port, channel, source, &buffer[..length]);
        self.transmit();
    }

    #[inline]
    fn transmit(&mut self) {
        while let Some(transmit) = self.plane.poll_transmit() {
            self.sockets.send(transmit.port, transmit.channel, transmit.destination, transmit.bytes);
        }
    }

    /// True if it is time to end.
    fn take_commands(&mut self, now: Duration) -> bool {
        self.ends.waker.answer();
        while let Ok(message) = self.ends.commands.try_recv() {
            match message {
                ToWorker::Commands(commands) => {
                    commands.into_iter().for_each(|command| self.plane.handle_command(now, command));
                }
                ToWorker::Prompt { path, loaded } => self.plane.handle_prompt(now, &path, loaded),
                ToWorker::Stop => return true,
            }
        }
        false
    }

    fn give_out(&mut self) {
        self.transmit();
        self.serve_requests();
        let events: Vec<Event> = std::iter::from_fn(|| self.plane.poll_event()).collect();
        if !events.is_empty() {
            (self.ends.events)(events);
        }
    }

    fn serve_requests(&mut self) {
        while let Some(input) = self.unwritten.pop_front() {
            if let Err(TrySendError::Full(input)) = self.ends.writer.try_send(input) {
                self.unwritten.push_front(input);
                break;
            }
        }
        while let Some(request) = self.plane.poll_request() {
            match request {
                Request::BindPorts { count } => {
                    let epoll = &self.epoll;
                    let ports = self.sockets.bind(count, |socket, number| watch(epoll, socket, number));
                    if ports.is_empty() && !std::mem::replace(&mut self.used_up, true) {
                        tracing::warn!(worker = self.index, "range of RTP ports is used up");
                    }
                    self.plane.handle_ports(ports);
                }
                // A full queue leaves the play to its own deadline.
                Request::LoadPrompt { path, codec } => {
                    if !self.ends.loaders.ask((self.index, path, codec)) {
                        tracing::warn!(worker = self.index, "too many prompts to load at once");
                    }
                }
                Request::Record(input) => self.write(input),
                Request::Connect { port, source } => self.sockets.connect(port, source),
                Request::Disconnect { port } => self.sockets.disconnect(port),
            }
        }
    }

    fn write(&mut self, input: RecorderInput) {
        let refused = if self.unwritten.is_empty() {
            match self.ends.writer.try_send(input) {
                Ok(()) => return,
                Err(TrySendError::Full(input) | TrySendError::Disconnected(input)) => input,
            }
        } else {
            input
        };
        if !refused.may_be_dropped() {
            self.unwritten.push_back(refused);
            return;
        }
        self.dropped += 1;
        if self.dropped.is_power_of_two() {
            tracing::error!(worker = self.index, dropped = self.dropped, "disk is too slow, recordings have gaps");
        }
    }

    fn end(&mut self, now: Duration) {
        self.plane.handle_stop(now);
        self.give_out();
        for input in self.unwritten.drain(..) {
            // The last things to write may wait for the disk: no packet is kept waiting any more.
            if self.ends.writer.send(input).is_err() {
                return;
            }
        }
    }
}

fn watch(epoll: &OwnedFd, socket: &UdpSocket, number: u16) -> io::Result<()> {
    epoll::add(epoll, socket, epoll::EventData::new_u64(u64::from(number)), epoll::EventFlags::IN)?;
    Ok(())
}
