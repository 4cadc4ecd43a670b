//! Plugin threads: apart from SIP and media, so that a guest that hangs costs nobody a packet.

use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroUsize,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Instant,
};

use plugboard_model::TenantId;

use crate::{
    Accounts, Allowance, AskFailure, Asker, Engine, EngineError, Question, Reply,
    account::{Entry, Ledger},
    allowance::Allowances,
};

#[derive(Clone, Debug)]
pub struct RuntimeSettings {
    /// One for two cores, but two at least: beside a guest that runs to its deadline, others are answered.
    pub threads: NonZeroUsize,
    /// Most questions that wait, half of them of one tenant; more are refused.
    pub queue: usize,
    /// What each tenant may ask.
    pub allowance: Allowance,
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            threads: NonZeroUsize::new(cores / 2).unwrap_or(NonZeroUsize::MIN).max(TWO),
            queue: 4_096,
            allowance: Allowance::default(),
        }
    }
}

const TWO: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");

/// Answers questions on threads of its own. Dropped, it answers no more and joins its threads.
#[derive(Debug)]
pub struct Runtime {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    most_waiting: usize,
    /// One of each thread, and of what was refused.
    ledgers: Vec<Ledger>,
    refused: Ledger,
}

#[derive(Debug)]
struct Shared {
    work: Mutex<Work>,
    arrived: Condvar,
}

#[derive(Debug)]
struct Work {
    allowances: Allowances,
    /// By tenant; none is empty.
    lines: BTreeMap<TenantId, Line>,
    /// Questions in all lines together.
    count: usize,
    /// Turns given out so far.
    turns: u64,
    /// How many questions of a tenant are being answered.
    running: BTreeMap<TenantId, usize>,
    closed: bool,
}

/// A tenant's questions, in order of arrival.
#[derive(Debug)]
struct Line {
    questions: VecDeque<(Instant, Question)>,
    /// Lines are served in turn: a long one waits for each of the others.
    turn: u64,
}

impl Runtime {
    /// `reply` is called on a plugin thread, once for each question that was taken: it should hand the reply over and return.
    pub fn start(
        engine: &Engine,
        settings: &RuntimeSettings,
        reply: impl Fn(Reply) + Send + Sync + 'static,
    ) -> Result<Self, EngineError> {
        let work = Work {
            allowances: Allowances::new(settings.allowance),
            lines: BTreeMap::new(),
            count: 0,
            turns: 0,
            running: BTreeMap::new(),
            closed: false,
        };
        let shared = Arc::new(Shared { work: Mutex::new(work), arrived: Condvar::new() });
        let reply = Arc::new(reply);
        let count = settings.threads.get();
        let mut runtime = Self {
            shared,
            threads: Vec::with_capacity(count),
            most_waiting: settings.queue,
            ledgers: Vec::with_capacity(count),
            refused: Ledger::default(),
        };
        for number in 0..count {
            let (shared, reply) = (Arc::clone(&runtime.shared), Arc::clone(&reply));
            let mut asker = Asker::sharing(engine, count);
            let ledger = asker.ledger();
            runtime.ledgers.push(asker.ledger());
            let spawned = thread::Builder::new().name(format!("plugin-{number}")).spawn(move || {
                while let Some((arrived, question)) = shared.next() {
                    let answered = answer(&mut asker, &ledger, arrived, question);
                    shared.done(&answered);
                    reply(answered);
                }
            });
            runtime.threads.push(spawned.map_err(EngineError::Thread)?);
        }
        Ok(runtime)
    }

    /// Takes the question; the reply comes by the callback. Refused, nothing comes.
    pub fn ask(&self, question: Question) -> Result<(), AskFailure> {
        let mut work = self.shared.lock();
        let of_tenant = work.lines.get(&question.tenant).map_or(0, |line| line.questions.len());
        if work.count >= self.most_waiting || of_tenant >= self.most_waiting.div_ceil(2) {
            let failure = AskFailure::Refused { waiting: work.count };
            drop(work);
            return Err(self.refuse(&question, failure));
        }
        let now = Instant::now();
        if !work.allowances.take(now, &question.tenant) {
            drop(work);
            return Err(self.refuse(&question, AskFailure::Limited));
        }
        work.put(now, question);
        drop(work);
        self.shared.arrived.notify_one();
        Ok(())
    }

    fn refuse(&self, question: &Question, failure: AskFailure) -> AskFailure {
        self.refused.add(&question.asked(), Entry::not_answered(failure.kind()));
        failure
    }

    /// What was asked since the start, and how it went.
    pub fn accounts(&self) -> Accounts {
        Accounts::of(self.ledgers.iter().chain([&self.refused]))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.arrived.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a plugin thread panicked");
            }
        }
    }
}

/// A question that waited this many times its budget is of no use to anybody any more.
const STALE: u32 = 10;

fn answer(asker: &mut Asker, ledger: &Ledger, arrived: Instant, question: Question) -> Reply {
    let (id, budget, asked) = (question.id, question.budget, question.asked());
    let not_answered = |failure: AskFailure, asked| {
        let entry = Entry::not_answered(failure.kind());
        ledger.add(&asked, entry);
        Reply { id, result: Err(failure), took: entry.took, worked: entry.worked, asked }
    };
    if arrived.elapsed() > budget * STALE {
        return not_answered(AskFailure::Stale { waited: arrived.elapsed() }, asked);
    }
    // Whoever asked waits for a reply, and the thread serves all the others: a panic of ours costs this one question.
    panic::catch_unwind(AssertUnwindSafe(|| asker.ask(question))).unwrap_or_else(|_| {
        tracing::error!(question = id, "the host panicked while it asked a plugin");
        let backtrace = "the host panicked while it asked".to_owned();
        not_answered(AskFailure::Trapped { backtrace }, asked)
    })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next question, of the tenant that has the fewest under way; `None` at the end.
    fn next(&self) -> Option<(Instant, Question)> {
        let mut work = self.lock();
        loop {
            if work.closed {
                return None;
            }
            if let Some(taken) = work.take() {
                return Some(taken);
            }
            work = self.arrived.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, reply: &Reply) {
        let tenant = &reply.asked.tenant;
        let mut work = self.lock();
        work.allowances.worked(Instant::now(), tenant, reply.worked);
        if let Some(running) = work.running.get_mut(tenant) {
            *running -= 1;
            if *running == 0 {
                work.running.remove(tenant);
            }
        }
    }
}

impl Work {
    fn put(&mut self, arrived: Instant, question: Question) {
        self.turns += 1;
        let new = Line { questions: VecDeque::new(), turn: self.turns };
        let line = self.lines.entry(question.tenant.clone()).or_insert(new);
        line.questions.push_back((arrived, question));
        self.count += 1;
    }

    /// Of the tenant that has the fewest under way; among those, whose turn it is.
    fn take(&mut self) -> Option<(Instant, Question)> {
        let under_way = |tenant: &TenantId| self.running.get(tenant).copied().unwrap_or(0);
        let next = self.lines.iter().min_by_key(|(tenant, line)| (under_way(tenant), line.turn));
        let tenant = next.map(|(tenant, _)| tenant.clone())?;
        let line = self.lines.get_mut(&tenant)?;
        let taken = line.questions.pop_front()?;
        self.turns += 1;
        line.turn = self.turns;
        if line.questions.is_empty() {
            self.lines.remove(&tenant);
        }
        self.count -= 1;
        *self.running.entry(tenant).or_default() += 1;
        Some(taken)
    }
}
