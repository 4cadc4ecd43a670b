//! Tells other systems what happened here, and sends messages to customers: durable, in order by interaction or conversation, again until it worked or a
//! day is over.
//!
//! ```text
//!   log ──(from the mark on)──► letters, with the new mark in one transaction ──► asked, a few at a time ──► gone
//!                                    ▲                                             │ failed: later, or dead
//!                                    └─────────────────────────────────────────────┘
//! ```
//! A letter is written once for each event, and forgotten once the other system took it: a host that dies in between sends it again, with the same id.
//! Where the tenant has rules, an empty letter is written first, and filled with what the compliance gate lets pass; a host that dies in between has it
//! judged again. A message was judged before it was accepted. It goes in parts where the platform takes no long texts, and its letter stays until what came
//! of it is a fact.

mod ends;
mod gathering;
mod judging;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Weak,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use plugboard_api::{AlarmName, HostError};
use plugboard_exchange::Reply;
use plugboard_model::{EventKind, TenantId, Timestamp, channel::ChannelFailure, connector::ConnectorFailure};
use plugboard_plugin as plugin;
use plugboard_store::{Embedded, Record as _, Store as _, Transaction};
use tokio::sync::oneshot;

use super::{
    Connectors, Invocation, Letters, Ready,
    letter::{self, Letter, Line, Mark},
};
use crate::{
    alarms::Alarms,
    chain,
    channels::{
        self, Channels,
        posted::{self, End, Part},
    },
    host::PlugboardHost,
};

/// Marks the numbers of its questions: exchanges count below.
pub(crate) const MARK: u64 = 1 << 63;
/// `on-event`.
const BUDGET: Duration = Duration::from_secs(2);
/// Between looks at the log: an event is told well within the two seconds that people expect.
const TICK: Duration = Duration::from_millis(200);
/// While rules think about a letter.
const SHORT_TICK: Duration = Duration::from_millis(5);
/// Letters of a connector that wait in memory; the log holds what is behind them.
const MOST_WAITING: usize = 2_000;
/// Of one connector, at the same time.
const MOST_SENT: usize = 4;
/// Letters of one connector that rules think about at the same time.
const MOST_JUDGED: usize = 16;
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
        channels: Arc<Channels>,
        runtime: Weak<plugin::Runtime>,
        host: Weak<PlugboardHost>,
        alarms: Arc<Alarms>,
    ) -> std::io::Result<Sending> {
        let Self { to, from } = self;
        let mut post = Post {
            store,
            connectors,
            channels,
            runtime,
            host,
            alarms,
            boxes: BTreeMap::new(),
            sent: BTreeMap::new(),
            judged: BTreeMap::new(),
            told: BTreeMap::new(),
            next: 0,
        };
        let run = move || {
            loop {
                match from.recv_timeout(if post.judged.is_empty() && post.told.is_empty() { TICK } else { SHORT_TICK })
                {
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

impl Waiting {
    fn count(&self) -> Letters {
        let oldest = self.letters.values().next().map(|letter| letter.at);
        Letters { waiting: self.letters.len(), oldest, dead: self.dead }
    }
}

/// Who takes letters.
enum Carrier {
    Connector(Arc<Ready>),
    Channel(Arc<channels::Ready>),
}

impl Carrier {
    fn wants(&self, letterbox: &str, event: &EventKind) -> bool {
        match self {
            Self::Connector(ready) => ready.wants(letter::kind(event).unwrap_or_default()),
            Self::Channel(_) => posted::is_for(event, letterbox),
        }
    }

    fn look(&self, now: Timestamp) {
        match self {
            Self::Connector(ready) => ready.look(now),
            Self::Channel(ready) => ready.look(now),
        }
    }

    fn wants_events(&self) -> bool {
        match self {
            Self::Connector(ready) => ready.wants_events(),
            Self::Channel(_) => true,
        }
    }
}

/// What is under way.
enum Underway {
    Notice(Invocation),
    /// `bytes`, `is_last`: as of the part.
    Message {
        sending: channels::Sending,
        bytes: usize,
        is_last: bool,
    },
}

type Replied = oneshot::Receiver<Result<Reply, HostError>>;

struct Post {
    store: Arc<Embedded>,
    connectors: Arc<Connectors>,
    channels: Arc<Channels>,
    runtime: Weak<plugin::Runtime>,
    /// Has the gate of each tenant.
    host: Weak<PlugboardHost>,
    alarms: Arc<Alarms>,
    boxes: BTreeMap<Key, Waiting>,
    /// Under way, by the number of the question.
    sent: BTreeMap<u64, (Key, u64, Underway)>,
    /// What rules think about, by connector and letter.
    judged: BTreeMap<(Key, u64), Replied>,
    /// Ends of messages that are on their way to disk.
    told: BTreeMap<(Key, u64), Replied>,
    next: u64,
}

impl Post {
    fn send_all(&mut self) {
        let (known, carriers) = self.carriers();
        self.forget_the_gone(&known);
        let Some(host) = self.host.upgrade() else { return };
        self.hear_rules();
        self.hear_ends(&host);
        for (key, carrier) in &carriers {
            carrier.look(self.connectors.now());
            // One that wants nothing any more still gets what was written for it.
            if let Err(error) = self.gather(&host, key, carrier) {
                self.alarms.note(AlarmName::Outbox, &format!("{}/{}", key.0, key.1), chain(&error));
                continue;
            }
            self.judge(&host, key);
            self.send(key, carrier);
            self.tell_ends(&host, key);
            if let (Carrier::Connector(ready), Some(waiting)) = (carrier, self.boxes.get(key)) {
                ready.waits(waiting.count());
            }
        }
    }

    /// All that are configured, and those of them that can be asked.
    fn carriers(&self) -> (BTreeSet<Key>, Vec<(Key, Carrier)>) {
        let (mut known, mut carriers) = (BTreeSet::new(), Vec::new());
        for tenant in self.connectors.tenants() {
            for (name, ready) in self.connectors.of_tenant(&tenant) {
                let key = (tenant.clone(), name);
                known.insert(key.clone());
                carriers.extend(ready.ok().map(|ready| (key, Carrier::Connector(ready))));
            }
        }
        for tenant in self.channels.tenants() {
            for (name, ready) in self.channels.of_tenant(&tenant) {
                let key = (tenant.clone(), posted::letterbox(&name));
                known.insert(key.clone());
                carriers.extend(ready.ok().map(|ready| (key, Carrier::Channel(ready))));
            }
        }
        (known, carriers)
    }

    /// Should one of that name come back, it hears of what happens from then on.
    fn forget_the_gone(&mut self, known: &BTreeSet<Key>) {
        let gone: Vec<Key> = self.boxes.keys().filter(|key| !known.contains(*key)).cloned().collect();
        for (tenant, name) in gone {
            let mut transaction = Transaction::new();
            // One that stays is found again, and deleted then.
            if transaction.delete::<Mark>(&tenant, &name).is_ok() && self.store.commit(transaction).is_ok() {
                self.boxes.remove(&(tenant, name));
            }
        }
    }

    /// The first that is due of each interaction, or conversation.
    fn send(&mut self, key: &Key, carrier: &Carrier) {
        let (Some(waiting), Some(runtime)) = (self.boxes.get(key), self.runtime.upgrade()) else { return };
        let now = self.connectors.now();
        let under_way: BTreeSet<u64> =
            self.sent.values().filter(|(of, ..)| of == key).map(|(_, seq, _)| *seq).collect();
        let mut room = MOST_SENT.saturating_sub(under_way.len());
        let mut behind: BTreeSet<Line<'_>> = BTreeSet::new();
        let mut too_late = Vec::new();
        for (seq, letter) in &waiting.letters {
            if room == 0 {
                break;
            }
            // It only waits for its end to be told.
            if letter.posted.end.is_some() {
                continue;
            }
            let is_first = letter.line().is_none_or(|line| behind.insert(line));
            if !is_first || letter.next_at > now || under_way.contains(seq) {
                continue;
            }
            let (underway, ask) = match carrier {
                Carrier::Connector(ready) => {
                    let Some(notice) = letter.notice() else { continue };
                    let Ok((invocation, ask)) = ready.notify(now, Box::new(notice)) else { break };
                    (Underway::Notice(invocation), ask)
                }
                Carrier::Channel(ready) => {
                    let part = letter.message().and_then(|message| {
                        let heard = self.last_heard(ready, key, &message);
                        let is_late = message.template.is_none() && ready.is_session_over(now, heard);
                        (!is_late).then(|| posted::part(message, &letter.posted, ready.about().text_max, now))?
                    });
                    let Some(Part { outgoing, bytes, is_last }) = part else {
                        too_late.push(*seq);
                        continue;
                    };
                    let Some((sending, ask)) = ready.send(now, Box::new(outgoing)) else { break };
                    (Underway::Message { sending, bytes, is_last }, ask)
                }
            };
            let id = MARK | self.next;
            let question = plugin::Question { id, tenant: key.0.clone(), budget: BUDGET, ask };
            if runtime.ask(question).is_err() {
                match underway {
                    Underway::Notice(invocation) => invocation.withdraw(now),
                    Underway::Message { sending, .. } => sending.withdraw(now),
                }
                break;
            }
            self.next += 1;
            self.sent.insert(id, (key.clone(), *seq, underway));
            room -= 1;
        }
        for seq in too_late {
            let why = "session-over: the platform takes no plain text any more; use a template".to_owned();
            self.end(key, seq, |letter| letter.failed(now, why, None));
        }
    }

    fn replied(&mut self, reply: plugin::Reply) {
        let Some((key, seq, underway)) = self.sent.remove(&reply.id) else { return };
        let now = self.connectors.now();
        match underway {
            Underway::Notice(invocation) => self.noticed(&key, seq, &invocation.ended(now, reply.result)),
            Underway::Message { sending, bytes, is_last } => match sending.ended(now, reply.result) {
                Ok(receipt) => self.end(&key, seq, |letter| {
                    letter.posted.receipts.push(receipt);
                    letter.posted.bytes = bytes;
                    letter.posted.end = is_last.then_some(End::Sent);
                }),
                Err(ChannelFailure { code, message, retry }) => {
                    let why = format!("{}: {message}", code.as_str());
                    self.end(&key, seq, |letter| letter.failed(now, why, retry));
                }
            },
        }
    }

    fn noticed(&mut self, key: &Key, seq: u64, said: &Result<String, ConnectorFailure>) {
        let now = self.connectors.now();
        let Some(waiting) = self.boxes.get_mut(key) else { return self.forget_or_leave(key, seq, said.is_ok()) };
        let Some(letter) = waiting.letters.get_mut(&seq) else { return };
        let mut changed = letter.clone();
        if let Err(ConnectorFailure { code, message, retry }) = said {
            changed.failed(now, format!("{}: {message}", code.as_str()), *retry);
            if changed.is_dead {
                return self.give_up(key, &changed);
            }
        }
        let tenant = &key.0;
        let mut transaction = Transaction::new();
        let noted = match said {
            Ok(_) => transaction.delete::<Letter>(tenant, &changed.id()),
            Err(_) => transaction.put(tenant, &changed),
        };
        let kept = noted.is_ok() && self.store.commit(transaction).is_ok();
        // A disk that took it not is asked again by the next attempt, with the same id.
        match said {
            Ok(_) if kept => drop(waiting.letters.remove(&seq)),
            Ok(_) => {}
            Err(_) => *letter = changed,
        }
    }

    /// It is tried no more. The oldest that are kept stay: of too many, this one goes.
    fn give_up(&mut self, (tenant, name): &Key, dead: &Letter) {
        let Some(waiting) = self.boxes.get_mut(&(tenant.clone(), Arc::clone(name))) else { return };
        let failure = dead.failure.clone().unwrap_or_default();
        let detail = format!("{} is not told any more: {failure}; plugboard connector dead-letters", dead.id);
        self.alarms.note(AlarmName::ConnectorDeadLetter, &format!("{tenant}/{name}"), detail);
        let mut transaction = Transaction::new();
        let noted = if waiting.dead >= MOST_DEAD {
            transaction.delete::<Letter>(tenant, &dead.id())
        } else {
            transaction.put(tenant, dead)
        };
        if noted.is_ok() && self.store.commit(transaction).is_ok() {
            waiting.letters.remove(&dead.seq);
            waiting.dead += 1;
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
