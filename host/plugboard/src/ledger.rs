//! Facts on their way to disk: appended to the tenant's log together with the call detail records that they complete. Figures follow every few seconds.
//!
//! One thread, so that writing JSON never delays a call. What is durable is told by [`Durable`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use plugboard_exchange::SharedConfiguration;
use plugboard_model::{Event, InteractionId, TenantId};
use plugboard_reporting::Cdr;
use plugboard_store::{Embedded, Record, Store, SubmitError, Transaction, TransactionError};
use tokio::sync::Notify;

use crate::{books::Books, clock::Clock};

/// Batches that may wait for the ledger's thread.
const QUEUE: usize = 65_536;

/// How far a tenant's log is on disk.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    seq: AtomicU64,
}

impl Durable {
    pub(crate) fn at(seq: u64) -> Self {
        Self { seq: AtomicU64::new(seq) }
    }

    pub(crate) fn seq(&self) -> u64 {
        self.seq.load(Ordering::Acquire)
    }
}

pub(crate) struct Batch {
    pub(crate) tenant: TenantId,
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) durable: Arc<Durable>,
    /// In force when these events happened.
    pub(crate) configuration: SharedConfiguration,
    /// Somebody waits for it: an agent to ring, or a client to be answered.
    pub(crate) urgent: bool,
}

/// What nobody waits for is gathered this long, so that many events cost one write. A crash loses at most this much progress, and no fact that somebody was told.
const WINDOW: Duration = Duration::from_millis(10);
/// Events of one transaction.
const MOST_GATHERED: usize = 300;
/// How far figures may be behind the events that they count.
const FIGURES_EVERY: Duration = Duration::from_secs(5);

/// Where events go in.
#[derive(Debug)]
pub(crate) struct Ledger {
    queue: Option<SyncSender<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Ledger {
    /// `woken` is notified after each commit.
    pub(crate) fn start(
        store: Arc<Embedded>,
        clock: Clock,
        books: BTreeMap<TenantId, Books>,
        woken: Arc<Notify>,
    ) -> std::io::Result<Self> {
        let (queue, batches) = sync_channel(QUEUE);
        let mut writer = Writer { store, clock, woken, books, configured: BTreeMap::new() };
        let run = move || writer.run(&batches);
        let thread = std::thread::Builder::new().name("ledger".into()).spawn(run)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// `Err`: the disk is so far behind that the queue is full; here is the batch back.
    pub(crate) fn append(&self, batch: Batch) -> Result<(), Batch> {
        let Some(queue) = &self.queue else { return Err(batch) };
        queue.try_send(batch).map_err(|error| match error {
            TrySendError::Full(batch) | TrySendError::Disconnected(batch) => batch,
        })
    }

    /// Writes what is queued and ends the thread.
    pub(crate) fn close(mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's thread broke down; events of the last moments may be missing");
        }
    }
}

/// One tenant's events on their way, with the records that they complete.
struct Page {
    tenant: TenantId,
    durable: Arc<Durable>,
    events: Vec<Event>,
    /// The latest state of each record: one that changed three times within the window is written once.
    records: BTreeMap<InteractionId, Cdr>,
}

struct Writer {
    store: Arc<Embedded>,
    clock: Clock,
    woken: Arc<Notify>,
    books: BTreeMap<TenantId, Books>,
    /// What the books were last configured with.
    configured: BTreeMap<TenantId, SharedConfiguration>,
}

impl Writer {
    fn run(&mut self, batches: &Receiver<Batch>) {
        let mut figures_at = Instant::now() + FIGURES_EVERY;
        loop {
            let first = batches.recv_timeout(figures_at.saturating_duration_since(Instant::now()));
            let gone = matches!(first, Err(RecvTimeoutError::Disconnected));
            if let Ok(first) = first {
                for page in self.gather(first, batches) {
                    self.write(page);
                }
            }
            if gone || Instant::now() >= figures_at {
                figures_at = Instant::now() + FIGURES_EVERY;
                self.write_figures();
            }
            if gone {
                return;
            }
        }
    }

    fn gather(&mut self, first: Batch, batches: &Receiver<Batch>) -> Vec<Page> {
        let until = Instant::now() + WINDOW;
        let mut pages = Vec::new();
        let mut next = Some(first);
        let mut gathered = 0;
        while let Some(batch) = next {
            gathered += batch.events.len();
            let urgent = batch.urgent;
            self.enter(&mut pages, batch);
            if urgent || gathered >= MOST_GATHERED {
                break;
            }
            next = batches.recv_timeout(until.saturating_duration_since(Instant::now())).ok();
        }
        pages
    }

    fn enter(&mut self, pages: &mut Vec<Page>, batch: Batch) {
        let Batch { tenant, events, durable, configuration, .. } = batch;
        let index = pages.iter().position(|page| page.tenant == tenant).unwrap_or_else(|| {
            pages.push(Page { tenant: tenant.clone(), durable, events: Vec::new(), records: BTreeMap::new() });
            pages.len() - 1
        });
        let page = &mut pages[index];
        let books = self.books.entry(tenant.clone()).or_insert_with(Books::new);
        if !self.configured.get(&tenant).is_some_and(|known| Arc::ptr_eq(known, &configuration)) {
            books.configure(&configuration);
            self.configured.insert(tenant, configuration);
        }
        for event in events {
            books.enter(&event);
            page.events.push(Arc::unwrap_or_clone(event));
        }
        while let Some(cdr) = books.next_cdr() {
            page.records.insert(cdr.interaction, cdr);
        }
    }

    fn write(&self, page: Page) {
        let Page { tenant, durable, events, records } = page;
        let Some(last) = events.last().map(|event| event.seq) else { return };
        let mut transaction = Transaction::new();
        if let Err(error) = transaction.append(&tenant, &events) {
            // An event that large is a fault of ours; without it the log would have a gap for ever.
            tracing::error!(%tenant, error = &error as &dyn std::error::Error, "events cannot be written");
            return;
        }
        let told = (last, durable);
        let behind_events = |transaction| self.submit(&tenant, transaction, Some(&told));
        for cdr in records.values() {
            put(&tenant, cdr, &mut transaction, &behind_events);
        }
        behind_events(transaction);
    }

    /// Figures that changed. A crash loses none: a start counts the log again.
    fn write_figures(&mut self) {
        let now = self.clock.now();
        let mut books = std::mem::take(&mut self.books);
        for (tenant, books) in &mut books {
            books.settle(now);
            let mut transaction = Transaction::new();
            let submit = |transaction| self.submit(tenant, transaction, None);
            while let Some(interval) = books.next_queue_interval() {
                put(tenant, &interval, &mut transaction, &submit);
            }
            while let Some(interval) = books.next_agent_interval() {
                put(tenant, &interval, &mut transaction, &submit);
            }
            if !transaction.is_empty() {
                submit(transaction);
            }
        }
        self.books = books;
    }

    /// `told`: what is durable once the transaction is.
    fn submit(&self, tenant: &TenantId, mut transaction: Transaction, told: Option<&(u64, Arc<Durable>)>) {
        loop {
            let (tenant, told, woken) = (tenant.clone(), told.cloned(), Arc::clone(&self.woken));
            let acknowledge = Box::new(move |result: Result<_, plugboard_store::CommitError>| {
                if let Err(error) = result {
                    tracing::error!(%tenant, error = &error as &dyn std::error::Error, "a transaction was not written");
                }
                if let Some((last, durable)) = told {
                    // Also after a failure: whoever waits is served, and the store's health says what is wrong.
                    durable.seq.fetch_max(last, Ordering::AcqRel);
                    woken.notify_one();
                }
            });
            match self.store.submit(transaction, acknowledge) {
                Ok(()) => return,
                Err(SubmitError::Full(back)) => {
                    transaction = *back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(SubmitError::Closed(_)) => return,
            }
        }
    }
}

/// Puts `record` into the transaction; where there is no room beside the others, these go first.
fn put<R: Record>(tenant: &TenantId, record: &R, transaction: &mut Transaction, submit: &impl Fn(Transaction)) {
    let tried = match transaction.put(tenant, record) {
        Err(TransactionError::TooLarge { .. }) if !transaction.is_empty() => {
            submit(std::mem::take(transaction));
            transaction.put(tenant, record)
        }
        tried => tried,
    };
    if let Err(error) = tried {
        tracing::error!(%tenant, kind = R::KIND, error = &error as &dyn std::error::Error, "a record cannot be written");
    }
}

#[cfg(test)]
mod tests {
    use plugboard_model::{Configuration, EndedBy, EventKind, LegId, Queue, QueueExit, QueueId, Timestamp};
    use plugboard_reporting::QueueInterval;
    use plugboard_store::Options;

    use super::*;
    use crate::{recovery, serve::Folders};

    struct Scratch(std::path::PathBuf);

    impl Drop for Scratch {
        fn drop(&mut self) {
            // What is left of a test that failed is of no use to anybody.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn queue() -> QueueId {
        "sales".parse().unwrap()
    }

    /// One caller who waits 30 s, and one who gives up after 8.
    fn morning(first: u64) -> Vec<Arc<Event>> {
        let (one, two) = (InteractionId(first), InteractionId(first + 1));
        let offered = |interaction| EventKind::InteractionOffered {
            interaction,
            leg: LegId(interaction.0),
            from: "1".into(),
            to: "2".into(),
            channel: "voice".into(),
        };
        let queued = |interaction| EventKind::Queued {
            interaction,
            queue: queue(),
            priority: 0,
            skills: Vec::new(),
            position: 1,
        };
        let closed = |interaction| EventKind::InteractionClosed { interaction, by: EndedBy::Caller, cause: 16 };
        let facts = [
            (0, offered(one)),
            (0, queued(one)),
            (1, offered(two)),
            (1, queued(two)),
            (9, EventKind::LeftQueue { interaction: two, queue: queue(), exit: QueueExit::Abandoned }),
            (9, closed(two)),
            (30, EventKind::LeftQueue { interaction: one, queue: queue(), exit: QueueExit::Connected }),
            (60, closed(one)),
        ];
        let event = |(seq, (second, kind))| {
            Arc::new(Event { seq, at: Timestamp::from_secs(1_795_341_600 + first * 1_000 + second), kind })
        };
        (first..).zip(facts).map(event).collect()
    }

    fn counted(store: &Embedded, tenant: &TenantId) -> Vec<(u64, u64, u64, u64)> {
        let all: Vec<QueueInterval> =
            crate::cdrs::intervals(store, tenant, Timestamp::EPOCH, Timestamp::from_secs(4_000_000_000)).unwrap();
        let row = |one: QueueInterval| {
            let counters = one.counters;
            (counters.offered, counters.answered, counters.answered_within, counters.wait_abandoned_ms)
        };
        all.into_iter().map(row).collect()
    }

    #[test]
    fn figures_are_written_with_the_queues_threshold_and_go_on_after_a_restart() {
        let folder = std::env::temp_dir().join(format!("plugboard-ledger-{}", std::process::id()));
        let scratch = Scratch(folder);
        let folders = Folders::make(&scratch.0).unwrap();
        let tenant: TenantId = "demo".parse().unwrap();
        let mut configuration = Configuration::empty(tenant.clone());
        let patient = Queue { service_level: Duration::from_secs(40), ..Queue::named("Sales") };
        configuration.queues.insert(queue(), patient);
        let configuration = Arc::new(configuration);
        let batch = |events| Batch {
            tenant: tenant.clone(),
            events,
            durable: Arc::default(),
            configuration: Arc::clone(&configuration),
            urgent: false,
        };

        let store = Arc::new(Embedded::open(Options::new(&folders.store)).unwrap());
        let known = recovery::KnownTenant { tenant: tenant.clone(), file: "demo.json".to_owned() };
        std::fs::write(folders.configurations.join("demo.json"), serde_json::to_vec(&*configuration).unwrap()).unwrap();
        let mut transaction = Transaction::new();
        transaction.put(&recovery::host_tenant(), &known).unwrap();
        store.commit(transaction).unwrap();
        let start = |books| Ledger::start(Arc::clone(&store), Clock::start(), books, Arc::new(Notify::new())).unwrap();
        let ledger = start(BTreeMap::new());
        assert!(ledger.append(batch(morning(1))).is_ok());
        ledger.close();
        let before = counted(&store, &tenant);

        let recovered = recovery::recover(&store, &folders, Timestamp::from_secs(1_795_342_700)).unwrap();
        let last = recovered.tenants[0].1;
        let ledger = start(recovered.books);
        let later = Event { seq: last, at: Timestamp::from_secs(1_795_342_701), kind: morning(1)[1].kind.clone() };
        assert!(ledger.append(batch(vec![Arc::new(later)])).is_ok());
        ledger.close();
        assert_eq!((before, counted(&store, &tenant)), (vec![(2, 1, 1, 8_000)], vec![(3, 1, 1, 8_000)]));
    }
}
