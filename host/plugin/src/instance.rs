//! One instance of a component: its store, and how a call into it ends.

use std::sync::Arc;

use plugboard_model::TenantId;
use wasmtime::{Store, UpdateDeadline};

use crate::{
    Access, AskFailure,
    load::Loaded,
    log::{Lines, LogLevel},
    moment::Turn,
    outside::Outside,
    room::Room,
    traces::Spent,
    wasi::Wasi,
    world::{SETUP_BUDGET, World},
};

const BACKTRACE_LIMIT: usize = 4 * 1024;

#[derive(Debug, thiserror::Error)]
#[error("deadline passed")]
struct DeadlinePassed;

/// A component's functions together with the store that they run in.
pub(crate) struct Instance<W: World> {
    store: Store<Room>,
    guest: W::Guest,
    plugin: Arc<Loaded<W>>,
    calls: u32,
    /// Memory when it was ready for its first question.
    ready_memory: usize,
    /// Instructions since this was last asked; stays zero where they are not counted.
    fuel: u64,
}

/// Why a component does not get as far as its first question.
pub(crate) enum StartFailure {
    Failed(AskFailure),
    /// One of its functions is not as the contract says.
    Mismatch(wasmtime::Error),
}

impl<W: World> Instance<W> {
    /// Not told its settings yet. Its lines are of that tenant.
    pub(crate) fn new(plugin: &Arc<Loaded<W>>, tenant: Option<TenantId>) -> Result<Self, StartFailure> {
        let turn = Turn::of(SETUP_BUDGET);
        let log = Lines::new(plugin.log(), tenant, plugin.hash);
        let wasi = plugin.imports_wasi.then(|| Box::new(Wasi::new(W::REACHES_OUT)));
        let mut store = Store::new(plugin.wasm(), Room::new(turn, plugin.limits, log, wasi));
        store.limiter(|room| room);
        store.set_hostcall_fuel(plugin.limits.answer);
        store.epoch_deadline_callback(|context| {
            // Ticks are not time: a busy machine delivers them late, or several at once.
            if context.data().turn.is_over() {
                return Err(DeadlinePassed.into());
            }
            Ok(UpdateDeadline::Continue(1))
        });
        store.set_epoch_deadline(1);
        fill(&mut store, plugin.engine.counts_fuel);
        let running = plugin.engine.ticker.run();
        let started = plugin.pre.instantiate(&mut store);
        drop(running);
        let fuel = used(&store, plugin.engine.counts_fuel);
        match started {
            Ok(instance) => {
                let guest = W::guest(&plugin.indices, &mut store, &instance).map_err(StartFailure::Mismatch)?;
                Ok(Self { store, guest, plugin: Arc::clone(plugin), calls: 0, ready_memory: 0, fuel })
            }
            Err(error) => Err(StartFailure::Failed(failure(&error, &mut store, &plugin.limits, turn))),
        }
    }

    /// Calls into the guest. After a failure this instance must not be used again: a guest that trapped can never be entered.
    pub(crate) fn call<T>(
        &mut self,
        turn: Turn,
        call: impl FnOnce(&W::Guest, &mut Store<Room>) -> wasmtime::Result<T>,
    ) -> Result<T, AskFailure> {
        let turn = turn.within(self.plugin.limits.budget);
        let turn = if W::REACHES_OUT { turn.that_waits() } else { turn };
        self.calls += 1;
        self.store.data_mut().begin(turn);
        self.store.set_epoch_deadline(1);
        fill(&mut self.store, self.plugin.engine.counts_fuel);
        let running = self.plugin.engine.ticker.run();
        let result = call(&self.guest, &mut self.store);
        drop(running);
        self.fuel += used(&self.store, self.plugin.engine.counts_fuel);
        if result.is_ok() && self.plugin.imports_wasi {
            take_printed(self.store.data_mut());
        }
        result.map_err(|error| failure(&error, &mut self.store, &self.plugin.limits, turn))
    }

    /// From here on it reaches what was granted.
    pub(crate) fn open(&mut self, access: Arc<Access>) {
        self.store.data_mut().outside = Some(Box::new(Outside::new(access, self.plugin.engine.authorities.clone())));
    }

    /// What it used since this was last asked.
    pub(crate) fn take_spent(&mut self) -> Spent {
        let calls = self.store.data_mut().outside.as_mut().map(|outside| std::mem::take(&mut outside.spent));
        Spent {
            fuel: self.plugin.engine.counts_fuel.then(|| std::mem::take(&mut self.fuel)),
            memory: self.store.data().memory(),
            ..calls.unwrap_or_default()
        }
    }

    /// From here on, growth is counted.
    pub(crate) fn mark_ready(&mut self) {
        self.ready_memory = self.store.data().memory();
    }

    /// Whether it has served enough, or has doubled its memory.
    pub(crate) fn is_worn(&self) -> bool {
        self.calls >= self.plugin.limits.calls
            || self.store.data().memory() > (2 * self.ready_memory).max(self.ready_memory + (1 << 20))
    }

    pub(crate) fn is_large(&self) -> bool {
        self.plugin.is_large
    }
}

impl From<StartFailure> for AskFailure {
    fn from(failure: StartFailure) -> Self {
        match failure {
            StartFailure::Failed(failure) => failure,
            // Found out when it was loaded: an instance of the same bytes has the same functions.
            StartFailure::Mismatch(error) => Self::Trapped { backtrace: backtrace(&error, "") },
        }
    }
}

fn fill(store: &mut Store<Room>, counts_fuel: bool) {
    if counts_fuel {
        store.set_fuel(u64::MAX).expect("the engine counts fuel");
    }
}

fn used(store: &Store<Room>, counts_fuel: bool) -> u64 {
    if counts_fuel { u64::MAX - store.get_fuel().expect("the engine counts fuel") } else { 0 }
}

/// What a guest of WASI printed becomes a line of its log.
fn take_printed(room: &mut Room) -> String {
    let printed = room.wasi.as_mut().map(|wasi| wasi.take_printed()).unwrap_or_default();
    if !printed.is_empty() {
        room.log.write(LogLevel::Info, &printed, &[("from", "output")]);
    }
    printed
}

fn failure(error: &wasmtime::Error, store: &mut Store<Room>, limits: &crate::Limits, turn: Turn) -> AskFailure {
    let room = store.data_mut();
    let printed = take_printed(room);
    let (failure, told) = if error.is::<DeadlinePassed>() {
        (AskFailure::Deadline { budget: turn.budget }, format!("stopped: no answer within {:?}", turn.budget))
    } else if room.is_short_of_memory() {
        let told = format!("stopped: it wanted more than {} bytes of memory", limits.memory);
        (AskFailure::OutOfMemory { limit: limits.memory }, told)
    } else {
        let told = format!("trapped: {}{}", error.root_cause(), running(error));
        (AskFailure::Trapped { backtrace: backtrace(error, &printed) }, told)
    };
    // However much it wrote before: this is the line that its author looks for.
    room.log.begin();
    room.log.write(LogLevel::Error, &told, &[("from", "host")]);
    failure
}

/// Functions that were being run, the innermost first, as far as the module names them.
fn running(error: &wasmtime::Error) -> String {
    const MOST: usize = 12;
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else { return String::new() };
    let text = readable(&backtrace.to_string());
    let names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('!')?.1)).take(MOST).collect();
    if names.is_empty() { String::new() } else { format!(", in {}", names.join(" < ")) }
}

/// The reason stands first, and before it what the guest said last: a long backtrace is cut.
fn backtrace(error: &wasmtime::Error, printed: &str) -> String {
    let trace = readable(&format!("{error:?}"));
    let mut backtrace = format!("{printed}\n{}\n{trace}", error.root_cause()).trim_start().to_owned();
    backtrace.truncate(backtrace.floor_char_boundary(BACKTRACE_LIMIT));
    backtrace
}

/// A backtrace with the names of functions as Rust's authors write them; others stay as they are.
fn readable(trace: &str) -> String {
    let line = |line: &str| match line.split_once('!') {
        Some((place, name)) => format!("{place}!{:#}\n", rustc_demangle::demangle(name.trim_end())),
        None => format!("{line}\n"),
    };
    trace.lines().map(line).collect()
}
