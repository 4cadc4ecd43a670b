//! Moves the epoch of both engines every few milliseconds while guests run, and rests while none does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::Duration,
};

/// A guest of the shortest budget, 5 ms, is stopped within twice as long; a tick each millisecond cost 0.2 ms of CPU a call at 100 calls a second.
const TICK: Duration = Duration::from_millis(4);
/// Ticks without a question before the thread rests: waking it costs each first question a system call.
const LINGER: u32 = 50;

#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicU64,
    begun: AtomicU64,
    resting: AtomicBool,
    closed: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engines: [wasmtime::Engine; 2]) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let handle = thread::Builder::new().name("plugin-epoch".into()).spawn(move || of_thread.tick(&engines))?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    /// Ticks go on until the guard is dropped.
    pub(crate) fn run(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, SeqCst);
        self.shared.begun.fetch_add(1, SeqCst);
        if self.shared.resting.load(SeqCst) {
            self.thread.unpark();
        }
        Running(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.closed.store(true, SeqCst);
        self.thread.unpark();
    }
}

pub(crate) struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

impl Shared {
    fn tick(&self, engines: &[wasmtime::Engine]) {
        let (mut seen, mut idle) = (0, 0);
        while !self.closed.load(SeqCst) {
            thread::sleep(TICK);
            engines.iter().for_each(wasmtime::Engine::increment_epoch);
            let begun = self.begun.load(SeqCst);
            idle = if begun == seen && self.running.load(SeqCst) == 0 { idle + 1 } else { 0 };
            seen = begun;
            if idle >= LINGER {
                // Whoever begins either sees that this rests, or is seen here.
                self.resting.store(true, SeqCst);
                while self.begun.load(SeqCst) == seen && !self.closed.load(SeqCst) {
                    thread::park();
                }
                self.resting.store(false, SeqCst);
                idle = 0;
            }
        }
    }
}
