//! RTP workers: threads that own port pairs and run one [`plugboard_media::Plane`] each.
//!
//! A packet is received, handled and sent on by one thread that shares nothing. Commands come in by a bounded queue, events leave by the
//! closure given at the start. Two more threads serve all workers, because they wait for the disk: one loads prompts, one writes
//! recordings.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use plugboard_media::{Command, Event, Settings};
use rustix::event::{EventfdFlags, eventfd};

mod loader;
mod sockets;
mod worker;
mod writer;

pub use writer::repair_recording;

use loader::Loaders;
use worker::{ToWorker, Worker};

/// Batches of commands that a worker may lie behind.
const COMMAND_QUEUE: usize = 8_192;
/// Requests that the loader may lie behind.
const LOADER_QUEUE: usize = 4_096;

/// How the media plane is laid out.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to bind.
    pub ip: IpAddr,
    /// UDP ports for RTP and RTCP, shared out among the workers: four for each bridged call.
    pub ports: RangeInclusive<u16>,
    /// Threads; one serves some thousand bridged calls.
    pub workers: u16,
    /// Least time between two looks at the sockets. Larger costs less CPU and delays each relayed packet by half of it on average.
    pub coalesce: Duration,
    /// Differentiated services code point of RTP; 46 is expedited forwarding (RFC 4594 §4.1).
    pub dscp: u8,
    /// Memory for prompts, half of it for those that are in both laws alone: 16 KB a second, 8 more for G.722 and about 3 for Opus where those are asked for.
    pub prompt_bytes: usize,
    /// Seconds of recorded audio, over all calls, that the writer may lie behind before recordings get gaps. 32 KB each.
    pub writer_queue: usize,
    /// `started` is set by [`MediaPlane::start`].
    pub settings: Settings,
}

impl Config {
    /// Usual values for an address and a range of ports.
    pub fn new(ip: IpAddr, ports: RangeInclusive<u16>) -> Self {
        Self {
            ip,
            ports,
            workers: 1,
            coalesce: Duration::from_millis(2),
            dscp: 46,
            prompt_bytes: 256 << 20,
            writer_queue: 2_048,
            settings: Settings::default(),
        }
    }
}

/// Why there is no media plane.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no port pair of {ip}:{first}-{last} can be bound; set another range or address, or stop what uses them")]
    NoFreePorts { ip: IpAddr, first: u16, last: u16 },
    #[error("RTP worker cannot be started")]
    Thread(#[source] io::Error),
}

/// A worker did not take the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It lies far behind: refuse new calls.
    #[error("RTP worker {worker} is overloaded")]
    Overloaded { worker: u16 },
    #[error("there is no RTP worker {worker}")]
    Gone { worker: u16 },
}

/// The running threads. Dropping it stops them.
#[derive(Debug)]
pub struct MediaPlane {
    workers: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
}

/// How to reach one worker.
#[derive(Clone, Debug)]
struct Handle {
    queue: SyncSender<ToWorker>,
    waker: Arc<Waker>,
}

/// Wakes a worker once, however many batches wait for it.
#[derive(Debug)]
struct Waker {
    event: OwnedFd,
    rung: AtomicBool,
}

impl Waker {
    fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { event, rung: AtomicBool::new(false) })
    }

    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // It cannot fail but for a full counter, and then the worker is awake.
            let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
        }
    }

    /// Call before reading the queue, so that no ring is lost.
    fn answer(&self) {
        let _ = rustix::io::read(&self.event, &mut [0_u8; 8]);
        self.rung.store(false, Ordering::Release);
    }
}

impl Handle {
    fn send(&self, message: ToWorker) -> Result<(), TrySendError<ToWorker>> {
        self.queue.try_send(message)?;
        self.waker.ring();
        Ok(())
    }
}

impl MediaPlane {
    /// Binds the first ports and starts the threads. `events` is called on them, some hundred times a second under load: it must not block.
    pub fn start(config: &Config, events: impl Fn(Vec<Event>) + Send + Sync + 'static) -> Result<Self, StartError> {
        let events: Arc<dyn Fn(Vec<Event>) + Send + Sync> = Arc::new(events);
        let workers = config.workers.max(1);
        let (laws, quick) = sync_channel(LOADER_QUEUE);
        let (others, slow) = sync_channel(LOADER_QUEUE);
        let loaders = Loaders { laws, others };
        let (to_writer, recordings) = sync_channel(config.writer_queue);
        let mut handles = Vec::new();
        let mut threads = Vec::new();
        let mut spawn = |name: String, run: Box<dyn FnOnce() + Send>| -> Result<(), StartError> {
            let thread = std::thread::Builder::new().name(name).spawn(run).map_err(StartError::Thread)?;
            threads.push(thread);
            Ok(())
        };
        for index in 0..workers {
            let (queue, commands): (_, Receiver<ToWorker>) = sync_channel(COMMAND_QUEUE);
            let waker = Arc::new(Waker::new().map_err(StartError::Thread)?);
            let handle = Handle { queue, waker: Arc::clone(&waker) };
            let mut worker = Worker::new(
                config,
                index,
                worker::Ends {
                    commands,
                    waker,
                    loaders: loaders.clone(),
                    writer: to_writer.clone(),
                    events: Arc::clone(&events),
                },
            )
            .map_err(StartError::Thread)?;
            if !worker.bind_first() {
                let (first, last) = (*config.ports.start(), *config.ports.end());
                return Err(StartError::NoFreePorts { ip: config.ip, first, last });
            }
            spawn(format!("rtp-{index}"), Box::new(move || worker.run()))?;
            handles.push(handle);
        }
        drop((loaders, to_writer));
        for (name, wanted) in [("prompts", quick), ("encoded-prompts", slow)] {
            let (answers, prompt_bytes) = (handles.clone(), config.prompt_bytes / 2);
            spawn(name.into(), Box::new(move || loader::run(&wanted, &answers, prompt_bytes)))?;
        }
        spawn("recordings".into(), Box::new(move || writer::run(&recordings, &*events)))?;
        Ok(Self { workers: handles, threads })
    }

    /// Gives a batch to the workers that it is for, in order, and wakes each once. Does not block.
    ///
    /// On an error the other workers have still got their commands.
    pub fn send(&self, batch: Vec<Command>) -> Result<(), SendError> {
        let everyone = self.workers.len() == 1;
        if everyone {
            return self.send_to(0, batch);
        }
        let mut shares: Vec<Vec<Command>> = vec![Vec::new(); self.workers.len()];
        let mut result = Ok(());
        for command in batch {
            match command.worker() {
                Some(worker) => match shares.get_mut(usize::from(worker)) {
                    Some(share) => share.push(command),
                    None => result = Err(SendError::Gone { worker }),
                },
                None => shares.iter_mut().for_each(|share| share.push(command.clone())),
            }
        }
        for (worker, share) in shares.into_iter().enumerate().filter(|(_, share)| !share.is_empty()) {
            let sent = self.send_to(worker, share);
            result = result.and(sent);
        }
        result
    }

    fn send_to(&self, worker: usize, commands: Vec<Command>) -> Result<(), SendError> {
        self.workers[worker].send(ToWorker::Commands(commands)).map_err(|error| {
            let worker = worker as u16;
            match error {
                TrySendError::Full(_) => SendError::Overloaded { worker },
                TrySendError::Disconnected(_) => SendError::Gone { worker },
            }
        })
    }

    /// Closes all legs and recordings, tells their ends, and waits for the threads.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        for worker in self.workers.drain(..) {
            // It blocks only if the queue is full, until the worker has caught up.
            if worker.queue.send(ToWorker::Stop).is_ok() {
                worker.waker.ring();
            }
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a media thread has panicked");
            }
        }
    }
}

impl Drop for MediaPlane {
    fn drop(&mut self) {
        self.end();
    }
}
