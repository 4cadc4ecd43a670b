//! One instance of a component: its store, its limits, and how a call into it ends.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::{
    AskFailure, Engine,
    engine::{ANSWER_LIMIT, MEMORY_LIMIT, TABLE_LIMIT},
};

const BACKTRACE_LIMIT: usize = 4 * 1024;
/// Calls after which an instance makes room for a new one, so that a slow leak stays small.
const MOST_CALLS: u32 = 1_000;

/// What the store carries: the guest's limits.
pub(crate) struct Limits {
    deadline: Deadline,
    /// Bytes of all memories together.
    memory: usize,
    /// Elements of all tables together.
    elements: usize,
    growth_refused: bool,
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let grown = grown(self.memory, current, desired, MEMORY_LIMIT);
        self.memory = grown.unwrap_or(self.memory);
        self.growth_refused |= grown.is_none();
        Ok(grown.is_some())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let grown = grown(self.elements, current, desired, TABLE_LIMIT);
        self.elements = grown.unwrap_or(self.elements);
        Ok(grown.is_some())
    }
}

/// The new total where one part grows; `None` over the limit.
fn grown(total: usize, current: usize, desired: usize, limit: usize) -> Option<usize> {
    Some(total.saturating_add(desired.saturating_sub(current))).filter(|total| *total <= limit)
}

/// When a guest is stopped: after so much work of its own, whatever else the machine does.
///
/// On a busy machine a thread may stand still for longer than a whole budget, which is no fault of the guest; how long that may go on is
/// bounded as well.
struct Deadline {
    work: Duration,
    wall: Instant,
}

/// How much longer than its work a call may last on a busy machine.
const STARVED: u32 = 20;

impl Deadline {
    fn after(budget: Duration) -> Self {
        Self { work: worked() + budget, wall: Instant::now() + budget * STARVED }
    }

    fn has_passed(&self) -> bool {
        worked() >= self.work || Instant::now() >= self.wall
    }
}

/// CPU time of this thread.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[derive(Debug, thiserror::Error)]
#[error("deadline passed")]
struct DeadlinePassed;

/// A component's exports together with the store that they run in.
pub(crate) struct Instance<E> {
    store: Store<Limits>,
    exports: E,
    engine: Engine,
    calls: u32,
    /// Memory when it was ready for its first question.
    ready_memory: usize,
}

impl<E> Instance<E> {
    /// `start` instantiates; it has `budget` for that.
    pub(crate) fn new(
        engine: &Engine,
        budget: Duration,
        start: impl FnOnce(&mut Store<Limits>) -> wasmtime::Result<E>,
    ) -> Result<Self, AskFailure> {
        let limits = Limits { deadline: Deadline::after(budget), memory: 0, elements: 0, growth_refused: false };
        let mut store = Store::new(&engine.wasm, limits);
        store.limiter(|limits| limits);
        store.set_hostcall_fuel(ANSWER_LIMIT);
        store.epoch_deadline_callback(|context| {
            // Ticks are not time: a busy machine delivers them late, or several at once.
            if context.data().deadline.has_passed() {
                return Err(DeadlinePassed.into());
            }
            Ok(UpdateDeadline::Continue(1))
        });
        store.set_epoch_deadline(1);
        let running = engine.ticker.run();
        let started = start(&mut store);
        drop(running);
        match started {
            Ok(exports) => Ok(Self { store, exports, engine: engine.clone(), calls: 0, ready_memory: 0 }),
            Err(error) => Err(failure(&error, &store, budget)),
        }
    }

    /// Calls into the guest. After a failure this instance must not be used again: a guest that trapped can never be entered.
    pub(crate) fn call<T>(
        &mut self,
        budget: Duration,
        call: impl FnOnce(&E, &mut Store<Limits>) -> wasmtime::Result<T>,
    ) -> Result<T, AskFailure> {
        self.calls += 1;
        let limits = self.store.data_mut();
        limits.deadline = Deadline::after(budget);
        // A guest that did without is not to blame for it at a later question.
        limits.growth_refused = false;
        self.store.set_epoch_deadline(1);
        let running = self.engine.ticker.run();
        let result = call(&self.exports, &mut self.store);
        drop(running);
        result.map_err(|error| failure(&error, &self.store, budget))
    }

    /// From here on, growth is counted.
    pub(crate) fn mark_ready(&mut self) {
        self.ready_memory = self.store.data().memory;
    }

    /// Whether it has served enough, or has doubled its memory.
    pub(crate) fn is_worn(&self) -> bool {
        self.calls >= MOST_CALLS
            || self.store.data().memory > (2 * self.ready_memory).max(self.ready_memory + (1 << 20))
    }
}

fn failure(error: &wasmtime::Error, store: &Store<Limits>, budget: Duration) -> AskFailure {
    if error.is::<DeadlinePassed>() {
        return AskFailure::Deadline { budget };
    }
    if store.data().growth_refused {
        return AskFailure::OutOfMemory { limit: MEMORY_LIMIT };
    }
    let mut backtrace = format!("{error:?}");
    backtrace.truncate(backtrace.floor_char_boundary(BACKTRACE_LIMIT));
    AskFailure::Trapped { backtrace }
}
