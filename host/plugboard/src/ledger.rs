//! Facts on their way to disk: appended to the tenant's log together with the call detail records that they complete. Figures follow every few seconds.
//!
//! One thread, so that writing JSON never delays a call. What is durable is told by [`Durable`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use plugboard_api::AlarmName;
use plugboard_exchange::{SharedConfiguration, Taped};
use plugboard_model::{Event, EventKind, InteractionId, TenantId};
use plugboard_reporting::Cdr;
use plugboard_store::{
    CommitError, Committed, Embedded, ReadError, Record, Store, SubmitError, Transaction, TransactionError,
};
use tokio::sync::Notify;

use crate::{
    alarms::Alarms,
    books::Books,
    chain,
    channels::kept::Kept,
    clock::Clock,
    packs::{Rollouts, end_of},
    tapes::Tapes,
};

/// Batches that may wait for the ledger's thread.
const QUEUE: usize = 65_536;

/// How far a tenant's log is on disk.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    seq: AtomicU64,
    lost: AtomicBool,
}

impl Durable {
    pub(crate) fn at(seq: u64) -> Self {
        Self { seq: AtomicU64::new(seq), lost: AtomicBool::new(false) }
    }

    pub(crate) fn seq(&self) -> u64 {
        self.seq.load(Ordering::Acquire)
    }

    /// Some events never came to disk. Calls go on all the same, but nobody may be told that something was kept. A disk that was full does not do this, for
    /// events wait for room; a store that failed does, and stays so until it is opened anew: the log takes no event whose predecessor it lacks.
    pub(crate) fn has_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}

pub(crate) struct Batch {
    pub(crate) tenant: TenantId,
    pub(crate) events: Vec<Arc<Event>>,
    /// Pieces of tapes.
    pub(crate) tapes: Vec<Taped>,
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
        alarms: Arc<Alarms>,
        tapes: Tapes,
        rollouts: Rollouts,
    ) -> std::io::Result<Self> {
        let (queue, batches) = sync_channel(QUEUE);
        let mut desk = Desk { store, woken, alarms, clock, books, configured: BTreeMap::new(), tapes, rollouts };
        let run = move || desk.run(&batches);
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
    /// Likewise, by the key that they lie under.
    messages: BTreeMap<String, Kept>,
    tapes: Vec<Taped>,
}

/// What events pass on their way to disk.
struct Desk {
    store: Arc<Embedded>,
    woken: Arc<Notify>,
    alarms: Arc<Alarms>,
    clock: Clock,
    books: BTreeMap<TenantId, Books>,
    /// What the books were last configured with.
    configured: BTreeMap<TenantId, SharedConfiguration>,
    tapes: Tapes,
    /// Told how interactions end.
    rollouts: Rollouts,
}

impl Desk {
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
                self.erase_old_tapes();
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
        let Batch { tenant, events, tapes, durable, configuration, .. } = batch;
        let index = pages.iter().position(|page| page.tenant == tenant).unwrap_or_else(|| {
            let (events, records, messages) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
            pages.push(Page { tenant: tenant.clone(), durable, events, records, messages, tapes: Vec::new() });
            pages.len() - 1
        });
        let page = &mut pages[index];
        page.tapes.extend(tapes);
        let mut books = self.books.remove(&tenant).unwrap_or_else(Books::new);
        if !self.configured.get(&tenant).is_some_and(|known| Arc::ptr_eq(known, &configuration)) {
            books.configure(&configuration);
            self.configured.insert(tenant.clone(), configuration);
        }
        for event in events {
            books.enter(&event);
            if let EventKind::DispositionSet { interaction, .. } | EventKind::RecordingErased { interaction, .. } =
                event.kind
                && !books.knows(interaction)
            {
                self.amend(page, interaction, &event);
            }
            if event.kind.is_of_messages() {
                self.enter_message(page, &event);
            }
            page.events.push(Arc::unwrap_or_clone(event));
        }
        while let Some(cdr) = books.next_cdr() {
            // A late fact of an interaction that is over says nothing more.
            if let Some(configuration) = self.configured.get(&tenant) {
                let end = end_of(&cdr, configuration);
                self.rollouts.ended(self.clock.now(), &tenant, cdr.interaction, end);
            }
            page.records.insert(cdr.interaction, cdr);
        }
        self.books.insert(tenant, books);
    }

    /// A disposition hours later, the end of a recording days later: the fold has forgotten the call, the store has its record.
    fn amend(&self, page: &mut Page, interaction: InteractionId, event: &Event) {
        let known = page.records.remove(&interaction).map_or_else(
            || Ok(self.store.get::<Cdr>(&page.tenant, &interaction.to_string())?.map(|(cdr, _)| cdr)),
            |cdr| Ok(Some(cdr)),
        );
        match known {
            Ok(Some(mut cdr)) => {
                cdr.amend(event);
                page.records.insert(interaction, cdr);
            }
            Ok(None) => {}
            Err::<_, ReadError>(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a record cannot be read for a late fact");
            }
        }
    }

    /// The record of a message, begun or changed.
    fn enter_message(&self, page: &mut Page, event: &Event) {
        if let Some(begun) = Kept::begun(event) {
            page.messages.insert(begun.id(), begun);
            return;
        }
        let Some(id) = Kept::changed_by(&event.kind) else { return };
        let known = match page.messages.remove(&id) {
            Some(known) => Ok(Some(known)),
            None => self.store.get::<Kept>(&page.tenant, &id).map(|found| found.map(|(kept, _)| kept)),
        };
        match known {
            Ok(Some(mut kept)) => {
                kept.change(&event.kind);
                page.messages.insert(id, kept);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a message cannot be read for a late fact");
            }
        }
    }

    fn write(&mut self, page: Page) {
        let Page { tenant, durable, mut events, records, messages, tapes } = page;
        let written = self.tapes.written(&tenant, self.clock.now(), tapes);
        let Some(last) = events.last().map(|event| event.seq) else { return };
        for event in &events {
            self.alarms.hear(&tenant, event);
        }
        let mut parts = in_transactions(&tenant, &mut events);
        let (mut transaction, _) = parts.pop().unwrap_or_default();
        for (part, last) in parts {
            self.submit(&tenant, part, Some((last, &durable)));
        }
        let behind_events = |transaction| self.submit(&tenant, transaction, Some((last, &durable)));
        for cdr in records.values() {
            put(&tenant, cdr, &mut transaction, &behind_events);
        }
        for message in messages.values() {
            put(&tenant, message, &mut transaction, &behind_events);
        }
        for tables in &written.tables {
            put(&tenant, tables, &mut transaction, &behind_events);
        }
        for tape in &written.tapes {
            put(&tenant, tape, &mut transaction, &behind_events);
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

    /// A few at a time, so that no call waits for it. Also of a tenant where nothing happened since the start.
    fn erase_old_tapes(&mut self) {
        let now = self.clock.now();
        let tenants: BTreeSet<&TenantId> = self.books.keys().chain(self.configured.keys()).collect();
        for tenant in tenants {
            match self.tapes.outdated(&self.store, tenant, now) {
                Ok(Some(transaction)) => self.submit(tenant, transaction, None),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%tenant, error = &error as &dyn std::error::Error, "old tapes cannot be found");
                }
            }
        }
    }

    /// `told`: what is durable once the transaction is.
    fn submit(&self, tenant: &TenantId, mut transaction: Transaction, told: Option<(u64, &Arc<Durable>)>) {
        let begun = Instant::now();
        self.alarms.write_begins(begun);
        let outcome = || Outcome {
            tenant: tenant.clone(),
            told: told.map(|(last, durable)| (last, Arc::clone(durable))),
            begun,
            woken: Arc::clone(&self.woken),
            alarms: Arc::clone(&self.alarms),
        };
        loop {
            let settled = outcome();
            let acknowledge =
                Box::new(move |result: Result<Committed, CommitError>| settled.settle(result.as_ref().err()));
            // Records and figures too: the next that would say them again may be hours away.
            match self.store.submit(transaction.waiting_for_room(), acknowledge) {
                Ok(()) => return,
                Err(SubmitError::Full(back)) => {
                    transaction = *back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                // It failed before: without an acknowledgement too, calls go on.
                Err(SubmitError::Closed(_)) => return outcome().settle(Some(&CommitError::Closed)),
            }
        }
    }
}

/// What is done once a transaction is on disk, or never will be.
struct Outcome {
    tenant: TenantId,
    told: Option<(u64, Arc<Durable>)>,
    begun: Instant,
    woken: Arc<Notify>,
    alarms: Arc<Alarms>,
}

impl Outcome {
    fn settle(self, error: Option<&CommitError>) {
        let Self { tenant, told, begun, woken, alarms } = self;
        alarms.write_ended(begun.elapsed());
        if let Some(error) = error {
            tracing::error!(%tenant, error = error as &dyn std::error::Error, "a transaction was not written");
        }
        let Some((last, durable)) = told else { return };
        if let Some(error) = error {
            durable.lost.store(true, Ordering::Release);
            alarms.raise(AlarmName::EventsLost, tenant.as_str(), lost(error));
        }
        // Also after a failure: calls go on, and the alarm says what is wrong.
        durable.seq.fetch_max(last, Ordering::AcqRel);
        woken.notify_one();
    }
}

fn lost(error: &CommitError) -> String {
    format!(
        "{}; the log takes no event whose predecessor it lacks: calls go on, nothing more of them is kept and commands fail; restart the host",
        chain(error)
    )
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

/// As few transactions as hold all of `events` in order, each with the number of its last event.
///
/// The log has no gap whatever happens: an event that no transaction can hold is replaced by one that says so.
pub(crate) fn in_transactions(tenant: &TenantId, events: &mut [Event]) -> Vec<(Transaction, u64)> {
    let Some(last) = events.last().map(|event| event.seq) else { return Vec::new() };
    let mut transaction = Transaction::new();
    match transaction.append(tenant, events) {
        Ok(()) => vec![(transaction, last)],
        Err(error) if events.len() == 1 => {
            tracing::error!(%tenant, error = &error as &dyn std::error::Error, "an event cannot be kept");
            let detail = format!("event {last} was not kept: {error}");
            events[0].kind = EventKind::Alarm { name: "event-not-kept".into(), detail: detail.into() };
            transaction.append(tenant, events).expect("an event of two short texts has room");
            vec![(transaction, last)]
        }
        Err(_) => {
            let (before, after) = events.split_at_mut(events.len() / 2);
            let mut parts = in_transactions(tenant, before);
            parts.extend(in_transactions(tenant, after));
            parts
        }
    }
}

#[cfg(test)]
mod tests;
