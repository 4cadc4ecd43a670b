//! Plugin threads: apart from SIP and media, so that a guest that hangs costs nobody a packet. Those that may wait for the network are apart from
//! those that rank and judge.

use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroUsize,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use plugboard_model::{InteractionId, TenantId, Timestamp};
use plugboard_pack::quarantine::{Rules, Ticket};

use crate::{
    Accounts, Allowance, AskFailure, Asked, Asker, Engine, EngineError, Quarantined, Question, Reply,
    account::{Entry, Ledger},
    allowance::Allowances,
    asker::About,
    quarantines::Quarantines,
    traces::{QuestionTrace, Spent, TraceEnd, Traces, WhyKept},
};

#[derive(Clone, Debug)]
pub struct RuntimeSettings {
    /// For worlds that answer out of themselves. One for two cores, but two at least: beside a guest that runs to its deadline, others are answered.
    pub threads: NonZeroUsize,
    /// For worlds that reach out: they mostly wait for somebody else. One tenant has at most half of them at a time.
    pub calling_threads: NonZeroUsize,
    /// Most questions that wait for either kind of threads, half of them of one tenant; more are refused.
    pub queue: usize,
    /// Instances of a world that each thread keeps; `None`: the threads share a quarter of the engine's.
    pub kept: Option<usize>,
    /// What each tenant may ask of either kind of threads.
    pub allowance: Allowance,
    /// What some tenants may ask instead.
    pub own_allowances: BTreeMap<TenantId, Allowance>,
    /// When a plugin that fails is let be, and for how long.
    pub quarantine: Rules,
    /// Where single questions are traced; runtimes may share it.
    pub traces: Traces,
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            threads: NonZeroUsize::new(cores / 2).unwrap_or(NonZeroUsize::MIN).max(TWO),
            calling_threads: NonZeroUsize::new(4 * cores).unwrap_or(NonZeroUsize::MIN).max(EIGHT),
            queue: 4_096,
            kept: None,
            allowance: Allowance::default(),
            own_allowances: BTreeMap::new(),
            quarantine: Rules::default(),
            traces: Traces::default(),
        }
    }
}

const TWO: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");
const EIGHT: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");

/// Answers questions on threads of its own. Dropped, it answers no more and joins its threads.
#[derive(Debug)]
pub struct Runtime {
    watch: RuntimeWatch,
    threads: Vec<JoinHandle<()>>,
    most_waiting: usize,
    refused: Ledger,
}

/// Reads how the plugins of a [`Runtime`] fare, on any thread. Cheap to clone; it keeps no thread alive.
#[derive(Clone, Debug)]
pub struct RuntimeWatch {
    /// Threads of worlds that answer out of themselves.
    pure: Arc<Pool>,
    /// Threads of worlds that reach out.
    calling: Arc<Pool>,
    /// One of each thread, and of what was refused.
    ledgers: Vec<Ledger>,
    traces: Traces,
}

/// Some threads and the questions that wait for them.
#[derive(Debug)]
struct Pool {
    work: Mutex<Work>,
    arrived: Condvar,
    /// A moment on both clocks: quarantines are told in the time of the wall, and must not follow where that is set back.
    begun: (Instant, Timestamp),
}

#[derive(Debug)]
struct Work {
    allowances: Allowances,
    quarantines: Quarantines,
    /// By tenant; none is empty.
    lines: BTreeMap<TenantId, Line>,
    /// Questions in all lines together.
    count: usize,
    /// Turns given out so far.
    turns: u64,
    /// How many questions of a tenant are being answered.
    running: BTreeMap<TenantId, usize>,
    /// Most of them at a time.
    most_running: usize,
    /// How often the threads were asked to let go of what nobody can ask any more.
    tidies: u64,
    closed: bool,
}

/// What a thread does next.
#[allow(
    clippy::large_enum_variant,
    reason = "one at a time on a thread's stack, where a box would be an allocation a question"
)]
enum Turn {
    Answer(Waiting),
    /// Let go of plugins that nobody can ask any more; carries [`Work::tidies`].
    Tidy(u64),
}

/// A tenant's questions, in order of arrival.
#[derive(Debug)]
struct Line {
    questions: VecDeque<Waiting>,
    /// Lines are served in turn: a long one waits for each of the others.
    turn: u64,
}

#[derive(Debug)]
struct Waiting {
    arrived: Instant,
    ticket: Ticket,
    interaction: Option<InteractionId>,
    question: Question,
}

impl Runtime {
    /// `reply` is called on a plugin thread, once for each question that was taken: it should hand the reply over and return.
    pub fn start(
        engine: &Engine,
        settings: &RuntimeSettings,
        reply: impl Fn(Reply) + Send + Sync + 'static,
    ) -> Result<Self, EngineError> {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let begun = (Instant::now(), Timestamp::from(wall));
        let (pure, calling) = (settings.threads.get(), settings.calling_threads.get());
        let refused = Ledger::default();
        let watch = RuntimeWatch {
            pure: Arc::new(Pool::new(settings, begun, pure)),
            calling: Arc::new(Pool::new(settings, begun, calling.div_ceil(2))),
            ledgers: vec![refused.clone()],
            traces: settings.traces.clone(),
        };
        let threads = Vec::with_capacity(pure + calling);
        let mut runtime = Self { watch, threads, most_waiting: settings.queue, refused };
        let reply: Arc<dyn Fn(Reply) + Send + Sync> = Arc::new(reply);
        let asker = |threads| {
            let asker = settings.kept.map_or_else(|| Asker::sharing(engine, threads), Asker::keeping);
            asker.traced(settings.traces.clone())
        };
        for number in 0..pure {
            let pool = Arc::clone(&runtime.watch.pure);
            runtime.spawn(format!("plugin-{number}"), pool, asker(pure), Arc::clone(&reply))?;
        }
        for number in 0..calling {
            let pool = Arc::clone(&runtime.watch.calling);
            // These keep no instance.
            runtime.spawn(format!("calling-{number}"), pool, asker(calling), Arc::clone(&reply))?;
        }
        Ok(runtime)
    }

    fn spawn(
        &mut self,
        name: String,
        pool: Arc<Pool>,
        mut asker: Asker,
        reply: Arc<dyn Fn(Reply) + Send + Sync>,
    ) -> Result<(), EngineError> {
        let traces = self.watch.traces.clone();
        let ledger = asker.ledger();
        self.watch.ledgers.push(asker.ledger());
        let spawned = thread::Builder::new().name(name).spawn(move || {
            let mut tidied = 0;
            while let Some(turn) = pool.next(tidied) {
                let Waiting { arrived, ticket, interaction, question } = match turn {
                    Turn::Answer(waiting) => waiting,
                    Turn::Tidy(asked) => {
                        tidied = asked;
                        asker.drop_unused();
                        continue;
                    }
                };
                let setup = question.setup_hash();
                let about = About { interaction, waited: arrived.elapsed() };
                let mut answered = answer(&mut asker, (&ledger, &traces), about, question);
                pool.done(&mut answered, setup, ticket);
                reply(answered);
            }
        });
        self.threads.push(spawned.map_err(EngineError::Thread)?);
        Ok(())
    }

    /// Takes the question; the reply comes by the callback. Refused, nothing comes.
    pub fn ask(&self, question: Question) -> Result<(), AskFailure> {
        self.ask_about(question, None)
    }

    /// As [`Runtime::ask`]; the interaction is named in traces.
    pub fn ask_about(&self, question: Question, interaction: Option<InteractionId>) -> Result<(), AskFailure> {
        let pool = if question.reaches_out() { &self.watch.calling } else { &self.watch.pure };
        let asked = question.asked();
        let (name, budget) = (question.ask.name(), question.budget);
        let admitted = pool.lock().admit(pool.now(), self.most_waiting, &asked, interaction, question);
        match admitted {
            Ok(()) => {
                pool.arrived.notify_one();
                Ok(())
            }
            Err(failure) => {
                let about = About { interaction, waited: Duration::ZERO };
                not_asked((&self.refused, &self.watch.traces), about, &asked, (name, budget), &failure);
                Err(failure)
            }
        }
    }

    /// What was asked since the start, and how it went.
    pub fn accounts(&self) -> Accounts {
        self.watch.accounts()
    }

    pub fn watch(&self) -> RuntimeWatch {
        self.watch.clone()
    }
}

impl RuntimeWatch {
    /// What was asked since the start, and how it went.
    pub fn accounts(&self) -> Accounts {
        Accounts::of(&self.ledgers)
    }

    /// Has each thread let go, before its next question, of plugins that nobody can ask any more, so that their memory is given back.
    pub fn drop_unused(&self) {
        for pool in [&self.pure, &self.calling] {
            pool.lock().tidies += 1;
            pool.arrived.notify_all();
        }
    }

    /// Single questions, as they went.
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// Plugins that are not asked for now.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        let [mut all, more] = [&self.pure, &self.calling].map(|pool| pool.lock().quarantines.list());
        all.extend(more);
        all
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        for pool in [&self.watch.pure, &self.watch.calling] {
            pool.lock().closed = true;
            pool.arrived.notify_all();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a plugin thread panicked");
            }
        }
    }
}

/// A question that waited this many times its budget is of no use to anybody any more.
const STALE: u32 = 10;

/// Counts a question that has no answer and cost nothing, and traces some of them.
fn not_asked(
    (ledger, traces): (&Ledger, &Traces),
    about: About,
    asked: &Asked,
    (question, budget): (&'static str, Duration),
    failure: &AskFailure,
) {
    let nth = ledger.add(asked, Entry::not_answered(failure.kind()));
    let Some(kept) = WhyKept::of(Some(failure.kind()), Duration::ZERO, budget, nth) else { return };
    traces.keep(QuestionTrace {
        number: 0,
        asked: asked.clone(),
        question,
        interaction: about.interaction,
        at: Traces::begun(Duration::ZERO),
        waited: about.waited,
        took: Duration::ZERO,
        budget,
        worked: Duration::ZERO,
        spent: Spent::default(),
        ended: TraceEnd::of(Some(failure)),
        kept,
    });
}

fn answer(asker: &mut Asker, books: (&Ledger, &Traces), about: About, question: Question) -> Reply {
    let (id, budget, asked, name) = (question.id, question.budget, question.asked(), question.ask.name());
    let not_answered = |failure: AskFailure, asked| {
        not_asked(books, about, &asked, (name, budget), &failure);
        let (took, worked) = (Duration::ZERO, Duration::ZERO);
        Reply { id, result: Err(failure), took, worked, asked, quarantine: None }
    };
    if about.waited > budget * STALE {
        return not_answered(AskFailure::Stale { waited: about.waited }, asked);
    }
    // Whoever asked waits for a reply, and the thread serves all the others: a panic of ours costs this one question.
    panic::catch_unwind(AssertUnwindSafe(|| asker.ask_about(question, about))).unwrap_or_else(|_| {
        tracing::error!(question = id, "the host panicked while it asked a plugin");
        let backtrace = "the host panicked while it asked".to_owned();
        not_answered(AskFailure::Trapped { backtrace }, asked)
    })
}

impl Pool {
    fn new(settings: &RuntimeSettings, begun: (Instant, Timestamp), most_running: usize) -> Self {
        let work = Work {
            allowances: Allowances::new(settings.allowance, settings.own_allowances.clone()),
            quarantines: Quarantines::new(settings.quarantine),
            lines: BTreeMap::new(),
            count: 0,
            turns: 0,
            running: BTreeMap::new(),
            most_running,
            tidies: 0,
            closed: false,
        };
        Self { work: Mutex::new(work), arrived: Condvar::new(), begun }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next question, of the tenant that has the fewest under way; `None` at the end. `tidied`: what the thread was last asked to let go of.
    fn next(&self, tidied: u64) -> Option<Turn> {
        let mut work = self.lock();
        loop {
            if work.closed {
                return None;
            }
            if work.tidies != tidied {
                return Some(Turn::Tidy(work.tidies));
            }
            if let Some(taken) = work.take() {
                return Some(Turn::Answer(taken));
            }
            work = self.arrived.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The wall's time, never set back.
    fn now(&self) -> (Instant, Timestamp) {
        let now = Instant::now();
        let (begun, at) = self.begun;
        (now, at + now.saturating_duration_since(begun))
    }

    fn done(&self, reply: &mut Reply, setup: [u8; 32], ticket: Ticket) {
        let (now, at) = self.now();
        let failure = reply.failure();
        let tenant = &reply.asked.tenant;
        let mut work = self.lock();
        work.allowances.worked(now, tenant, reply.worked);
        reply.quarantine = work.quarantines.handle_reply(at, (reply.asked.clone(), setup), ticket, failure);
        if let Some(running) = work.running.get_mut(tenant) {
            *running -= 1;
            if *running == 0 {
                work.running.remove(tenant);
            }
        }
    }
}

impl Work {
    /// Puts the question into its tenant's line, if it may be asked.
    fn admit(
        &mut self,
        (now, at): (Instant, Timestamp),
        most: usize,
        asked: &Asked,
        interaction: Option<InteractionId>,
        question: Question,
    ) -> Result<(), AskFailure> {
        let of_tenant = self.lines.get(&asked.tenant).map_or(0, |line| line.questions.len());
        if self.count >= most || of_tenant >= most.div_ceil(2) {
            return Err(AskFailure::Refused { waiting: self.count });
        }
        let subject = (asked.clone(), question.setup_hash());
        let ticket = self.quarantines.admit(at, &subject).map_err(|until| AskFailure::Quarantined { until })?;
        if !self.allowances.take(now, &asked.tenant) {
            self.quarantines.withdraw(at, &subject, ticket);
            return Err(AskFailure::Limited);
        }
        self.put(Waiting { arrived: now, ticket, interaction, question });
        Ok(())
    }

    fn put(&mut self, waiting: Waiting) {
        self.turns += 1;
        let new = Line { questions: VecDeque::new(), turn: self.turns };
        let line = self.lines.entry(waiting.question.tenant.clone()).or_insert(new);
        line.questions.push_back(waiting);
        self.count += 1;
    }

    /// Of the tenant that has the fewest under way, if that is not as many as it may have; among those, whose turn it is.
    fn take(&mut self) -> Option<Waiting> {
        let under_way = |tenant: &TenantId| self.running.get(tenant).copied().unwrap_or(0);
        let next = self.lines.iter().map(|(tenant, line)| (under_way(tenant), line.turn, tenant)).min();
        let tenant = next.filter(|(running, ..)| *running < self.most_running).map(|(_, _, tenant)| tenant.clone())?;
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
