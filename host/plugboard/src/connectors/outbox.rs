//! Tells other systems what happened here: durable, in order by interaction, again until it worked or a day is over.
//!
//! ```text
//!   log ──(from the mark on)──► letters, with the new mark in one transaction ──► asked, a few at a time ──► gone
//!                                    ▲                                             │ failed: later, or dead
//!                                    └─────────────────────────────────────────────┘
//! ```
//! A letter is written once for each event, and forgotten once the other system took it: a host that dies in between sends it again, with the same id.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Weak,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use plugboard_model::{InteractionId, TenantId};
use plugboard_plugin as plugin;
use plugboard_reporting::Cdr;
use plugboard_store::{Embedded, Query, ReadError, Record as _, Store as _, Transaction};

use super::{
    Connectors, Invocation, Ready,
    letter::{self, Letter, Mark},
};
use crate::{alarms::Alarms, chain};

/// Marks the numbers of its questions: exchanges count below.
pub(crate) const MARK: u64 = 1 << 63;
/// `on-event`.
const BUDGET: Duration = Duration::from_secs(2);
/// Between looks at the log: an event is told well within the two seconds that people expect.
const TICK: Duration = Duration::from_millis(200);
/// Letters of a connector that wait in memory; the log holds what is behind them.
const MOST_WAITING: usize = 2_000;
/// Of one connector, at the same time.
const MOST_SENT: usize = 4;
/// Events of the log that are looked through in one go.
const PAGE: usize = 1_000;
/// Dead letters of a connector that are kept.
const MOST_DEAD: usize = 10_000;

enum Said {
    Reply(Box<plugin::Reply>),
    /// Somebody changed letters in the store.
    Changed {
        tenant: TenantId,
        connector: Arc<str>,
    },
    Stop,
}

/// Where replies go in.
#[derive(Clone, Debug)]
pub(crate) struct ToOutbox(SyncSender<Said>);

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Said")
    }
}

impl ToOutbox {
    /// Whether the reply was to a question of the outbox; then it is taken.
    pub(crate) fn take(&self, reply: plugin::Reply) -> Option<plugin::Reply> {
        if reply.id & MARK == 0 {
            return Some(reply);
        }
        // No more questions are under way than there is room; an outbox that has stopped sends them again after the next start.
        let _ = self.0.try_send(Said::Reply(Box::new(reply)));
        None
    }

    pub(crate) fn changed(&self, tenant: TenantId, connector: Arc<str>) {
        // It looks at the store every so often anyway.
        let _ = self.0.try_send(Said::Changed { tenant, connector });
    }
}

/// The thread that sends.
#[derive(Debug)]
pub(crate) struct Outbox {
    to: ToOutbox,
    from: Receiver<Said>,
}

/// One that runs; dropped, it stops.
#[derive(Debug)]
pub(crate) struct Sending {
    to: ToOutbox,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        let _ = self.to.0.send(Said::Stop);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the outbox panicked");
        }
    }
}

impl Outbox {
    pub(crate) fn new() -> Self {
        let (to, from) = sync_channel(4_096);
        Self { to: ToOutbox(to), from }
    }

    pub(crate) fn way_in(&self) -> ToOutbox {
        self.to.clone()
    }

    pub(crate) fn start(
        self,
        store: Arc<Embedded>,
        connectors: Arc<Connectors>,
        runtime: Weak<plugin::Runtime>,
        alarms: Arc<Alarms>,
    ) -> std::io::Result<Sending> {
        let Self { to, from } = self;
        let mut post =
            Post { store, connectors, runtime, alarms, boxes: BTreeMap::new(), sent: BTreeMap::new(), next: 0 };
        let run = move || {
            loop {
                match from.recv_timeout(TICK) {
                    Ok(Said::Reply(reply)) => post.replied(*reply),
                    Ok(Said::Changed { tenant, connector }) => drop(post.boxes.remove(&(tenant, connector))),
                    Ok(Said::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {}
                }
                post.send_all();
            }
        };
        let thread = std::thread::Builder::new().name("outbox".into()).spawn(run)?;
        Ok(Sending { to, thread: Some(thread) })
    }
}

type Key = (TenantId, Arc<str>);

/// What waits for one connector.
#[derive(Debug, Default)]
struct Waiting {
    mark: u64,
    letters: BTreeMap<u64, Letter>,
    dead: usize,
}

struct Post {
    store: Arc<Embedded>,
    connectors: Arc<Connectors>,
    runtime: Weak<plugin::Runtime>,
    alarms: Arc<Alarms>,
    boxes: BTreeMap<Key, Waiting>,
    /// Under way, by the number of the question.
    sent: BTreeMap<u64, (Key, u64, Invocation)>,
    next: u64,
}

impl Post {
    fn send_all(&mut self) {
        self.forget_the_gone();
        for tenant in self.connectors.tenants() {
            let all = self.connectors.of_tenant(&tenant);
            for (name, ready) in &all {
                let Ok(ready) = ready else { continue };
                let key = (tenant.clone(), Arc::clone(name));
                // One that wants nothing any more still gets what was written for it.
                if let Err(error) = self.gather(&key, ready) {
                    self.alarms.note("outbox", &format!("{tenant}/{name}"), chain(&error));
                    continue;
                }
                self.send(&key, ready);
            }
        }
    }

    /// Should one of that name come back, it hears of what happens from then on.
    fn forget_the_gone(&mut self) {
        let connectors = &self.connectors;
        let gone = |(tenant, name): &&Key| !connectors.of_tenant(tenant).iter().any(|(known, _)| known == name);
        let gone: Vec<Key> = self.boxes.keys().filter(gone).cloned().collect();
        for (tenant, name) in gone {
            let mut transaction = Transaction::new();
            // One that stays is found again, and deleted then.
            if transaction.delete::<Mark>(&tenant, &name).is_ok() && self.store.commit(transaction).is_ok() {
                self.boxes.remove(&(tenant, name));
            }
        }
    }

    /// Writes letters for what happened since the mark.
    fn gather(&mut self, key: &Key, ready: &Ready) -> Result<(), ReadError> {
        let (tenant, name) = key;
        if !self.boxes.contains_key(key) {
            let waiting = self.open(key)?;
            self.boxes.insert(key.clone(), waiting);
        }
        let Some(waiting) = self.boxes.get_mut(key) else { return Ok(()) };
        let last = self.store.last_seq(tenant)?;
        if !ready.wants_events() {
            waiting.mark = last;
        }
        if last <= waiting.mark || waiting.letters.len() >= MOST_WAITING {
            return Ok(());
        }
        let events = self.store.read_log(tenant, waiting.mark + 1, PAGE)?;
        let (mut transaction, mut letters) = (Transaction::new(), Vec::new());
        let mut mark = waiting.mark;
        for event in &events {
            if ready.wants(letter::kind(&event.kind).unwrap_or_default()) {
                let cdr = match event.kind.interaction() {
                    Some(interaction) => self.store.get::<Cdr>(tenant, &interaction.to_string())?,
                    None => None,
                };
                if let Some(letter) = Letter::new(tenant, name, event, cdr.as_ref().map(|(cdr, _)| cdr)) {
                    if transaction.put(tenant, &letter).is_err() {
                        // There is room for no more in one transaction.
                        break;
                    }
                    letters.push(letter);
                }
            }
            mark = event.seq;
        }
        if mark == waiting.mark {
            return Ok(());
        }
        // What nobody wants moves the mark in memory; a start looks through it again.
        let is_news = !letters.is_empty() || mark / PAGE as u64 > waiting.mark / PAGE as u64;
        if is_news {
            let put = transaction.put(tenant, &Mark { connector: Arc::clone(name), seq: mark });
            if put.is_err() || self.store.commit(transaction).is_err() {
                self.alarms.note(
                    "outbox",
                    &format!("{tenant}/{name}"),
                    "letters cannot be written; they are again soon",
                );
                return Ok(());
            }
        }
        waiting.mark = mark;
        waiting.letters.extend(letters.into_iter().map(|letter| (letter.seq, letter)));
        Ok(())
    }

    /// What a start finds, or somebody changed. A connector that is new hears of what happens from here on.
    fn open(&self, (tenant, name): &Key) -> Result<Waiting, ReadError> {
        let mark = match self.store.get::<Mark>(tenant, name)? {
            Some((mark, _)) => mark.seq,
            None => {
                let seq = self.store.last_seq(tenant)?;
                let mut transaction = Transaction::new();
                let put = transaction.put(tenant, &Mark { connector: Arc::clone(name), seq });
                if put.is_err() || self.store.commit(transaction).is_err() {
                    tracing::warn!(%tenant, connector = %name, "the mark of a connector is not kept yet");
                }
                seq
            }
        };
        let mut waiting = Waiting { mark, ..Waiting::default() };
        let mut after = None;
        loop {
            let query = Query::new(tenant, Letter::KIND, "state").within(letter::state(false, name)).limit(1_000);
            let page = self.store.query(&query.after(after))?;
            for row in &page.rows {
                let letter: Letter = row.read()?;
                waiting.letters.insert(letter.seq, letter);
            }
            after = page.next;
            if after.is_none() || waiting.letters.len() >= MOST_WAITING {
                break;
            }
        }
        let mut after = None;
        loop {
            let query = Query::new(tenant, Letter::KIND, "state").within(letter::state(true, name)).limit(1_000);
            let page = self.store.query(&query.after(after))?;
            waiting.dead += page.rows.len();
            after = page.next;
            if after.is_none() {
                return Ok(waiting);
            }
        }
    }

    /// The first that is due of each interaction.
    fn send(&mut self, key: &Key, ready: &Arc<Ready>) {
        let (Some(waiting), Some(runtime)) = (self.boxes.get(key), self.runtime.upgrade()) else { return };
        let now = self.connectors.now();
        let under_way: BTreeSet<u64> =
            self.sent.values().filter(|(of, ..)| of == key).map(|(_, seq, _)| *seq).collect();
        let mut room = MOST_SENT.saturating_sub(under_way.len());
        let mut behind: BTreeSet<InteractionId> = BTreeSet::new();
        for (seq, letter) in &waiting.letters {
            if room == 0 {
                return;
            }
            let is_first = letter.interaction.is_none_or(|interaction| behind.insert(interaction));
            if !is_first || letter.next_at > now || under_way.contains(seq) {
                continue;
            }
            let Ok((invocation, ask)) = ready.notify(now, Box::new(letter.notice())) else { return };
            let id = MARK | self.next;
            let question = plugin::Question { id, tenant: key.0.clone(), budget: BUDGET, ask };
            if runtime.ask(question).is_err() {
                return invocation.withdraw(now);
            }
            self.next += 1;
            self.sent.insert(id, (key.clone(), *seq, invocation));
            room -= 1;
        }
    }

    fn replied(&mut self, reply: plugin::Reply) {
        let Some((key, seq, invocation)) = self.sent.remove(&reply.id) else { return };
        let now = self.connectors.now();
        let said = invocation.ended(now, reply.result);
        let Some(waiting) = self.boxes.get_mut(&key) else { return self.forget_or_leave(&key, seq, said.is_ok()) };
        let Some(letter) = waiting.letters.get_mut(&seq) else { return };
        let (tenant, name) = &key;
        let mut transaction = Transaction::new();
        let mut changed = letter.clone();
        let noted = match &said {
            Ok(_) => transaction.delete::<Letter>(tenant, &changed.id()),
            Err(failure) => {
                changed.failed(now, failure);
                if changed.is_dead {
                    let failure = changed.failure.clone().unwrap_or_default();
                    let detail =
                        format!("{} is not told any more: {failure}; plugboard connector dead-letters", changed.id);
                    self.alarms.note("connector-dead-letter", &format!("{tenant}/{name}"), detail);
                }
                if changed.is_dead && waiting.dead >= MOST_DEAD {
                    transaction.delete::<Letter>(tenant, &changed.id())
                } else {
                    transaction.put(tenant, &changed)
                }
            }
        };
        let kept = noted.is_ok() && self.store.commit(transaction).is_ok();
        // A disk that took it not is asked again by the next attempt, with the same id.
        if said.is_ok() || changed.is_dead {
            if kept {
                waiting.letters.remove(&seq);
                waiting.dead += usize::from(changed.is_dead);
            }
        } else {
            *letter = changed;
        }
    }

    /// Somebody had the letters read anew while this one was under way.
    fn forget_or_leave(&self, (tenant, name): &Key, seq: u64, is_told: bool) {
        let mut transaction = Transaction::new();
        if is_told && transaction.delete::<Letter>(tenant, &letter::record_id(name, seq)).is_ok() {
            // Else it is told once more, with the same id.
            let _ = self.store.commit(transaction);
        }
    }
}
