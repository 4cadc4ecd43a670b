//! Facts on their way to disk: appended to the tenant's log together with the call detail records that they complete.
//!
//! One thread, so that writing JSON never delays a call. What is durable is told by [`Durable`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use plugboard_model::{Event, InteractionId, TenantId};
use plugboard_reporting::{Bounds, Cdr, InteractionFold};
use plugboard_store::{Embedded, Store, SubmitError, Transaction};
use tokio::sync::Notify;

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
    /// Somebody waits for it: an agent to ring, or a client to be answered.
    pub(crate) urgent: bool,
}

/// What nobody waits for is gathered this long, so that many events cost one write. A crash loses at most this much progress, and no fact that somebody was told.
const WINDOW: Duration = Duration::from_millis(10);
/// Events of one transaction.
const MOST_GATHERED: usize = 300;

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
        folds: BTreeMap<TenantId, InteractionFold>,
        woken: Arc<Notify>,
    ) -> std::io::Result<Self> {
        let (queue, batches) = sync_channel(QUEUE);
        let run = move || run(&store, folds, &batches, &woken);
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

fn run(
    store: &Arc<Embedded>,
    mut folds: BTreeMap<TenantId, InteractionFold>,
    batches: &Receiver<Batch>,
    woken: &Arc<Notify>,
) {
    while let Ok(first) = batches.recv() {
        let until = Instant::now() + WINDOW;
        let mut pages = Vec::new();
        let mut next = Some(first);
        let mut gathered = 0;
        while let Some(batch) = next {
            gathered += batch.events.len();
            let urgent = batch.urgent;
            enter(&mut pages, &mut folds, batch);
            if urgent || gathered >= MOST_GATHERED {
                break;
            }
            next = batches.recv_timeout(until.saturating_duration_since(Instant::now())).ok();
        }
        for page in pages {
            write(store, page, woken);
        }
    }
}

fn enter(pages: &mut Vec<Page>, folds: &mut BTreeMap<TenantId, InteractionFold>, batch: Batch) {
    let Batch { tenant, events, durable, .. } = batch;
    let index = pages.iter().position(|page| page.tenant == tenant).unwrap_or_else(|| {
        pages.push(Page { tenant: tenant.clone(), durable, events: Vec::new(), records: BTreeMap::new() });
        pages.len() - 1
    });
    let page = &mut pages[index];
    let fold = folds.entry(tenant).or_insert_with(|| InteractionFold::new(Bounds::default()));
    for event in events {
        fold.handle_event(&event);
        page.events.push(Arc::unwrap_or_clone(event));
    }
    while let Some(cdr) = fold.poll_output() {
        page.records.insert(cdr.interaction, cdr);
    }
}

fn write(store: &Arc<Embedded>, page: Page, woken: &Arc<Notify>) {
    let Page { tenant, durable, events, records } = page;
    let Some(last) = events.last().map(|event| event.seq) else { return };
    let mut transaction = Transaction::new();
    if let Err(error) = transaction.append(&tenant, &events) {
        // An event that large is a fault of ours; without it the log would have a gap for ever.
        tracing::error!(%tenant, error = &error as &dyn std::error::Error, "events cannot be written");
        return;
    }
    for cdr in records.values() {
        if transaction.put(&tenant, cdr).is_ok() {
            continue;
        }
        // No room beside the others: it goes on its own, behind the events that made it.
        submit(store, &tenant, std::mem::take(&mut transaction), last, &durable, woken);
        if let Err(error) = transaction.put(&tenant, cdr) {
            tracing::error!(%tenant, error = &error as &dyn std::error::Error, "call detail record cannot be written");
        }
    }
    submit(store, &tenant, transaction, last, &durable, woken);
}

fn submit(
    store: &Arc<Embedded>,
    tenant: &TenantId,
    mut transaction: Transaction,
    last: u64,
    durable: &Arc<Durable>,
    woken: &Arc<Notify>,
) {
    loop {
        let (tenant, durable, woken) = (tenant.clone(), Arc::clone(durable), Arc::clone(woken));
        let acknowledge = Box::new(move |result: Result<_, plugboard_store::CommitError>| {
            if let Err(error) = result {
                tracing::error!(%tenant, error = &error as &dyn std::error::Error, "events were not written");
            }
            // Also after a failure: whoever waits is served, and the store's health says what is wrong.
            durable.seq.fetch_max(last, Ordering::AcqRel);
            woken.notify_one();
        });
        match store.submit(transaction, acknowledge) {
            Ok(()) => return,
            Err(SubmitError::Full(back)) => {
                transaction = *back;
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(SubmitError::Closed(_)) => return,
        }
    }
}
