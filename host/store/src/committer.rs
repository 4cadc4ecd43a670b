//! The thread through which everything is written.
//!
//! ```text
//! queue → gather → check expectations → journal (write, fdatasync) → tree → acknowledge
//!                        ↑                        │ no room
//!                        └── held, with back-off ──┘
//! ```
//! An idle committer takes a transaction at once. While a sync runs, others gather in the queue and go together; a busy one starts a sync at
//! most once in the gather time. The journal is the point of durability, so the tree is never flushed here: what readers
//! see comes from its memory, and what a crash loses of it is done again from the journal.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use crate::{
    Acknowledge, CommitError, Committed, Health, Revision, Transaction,
    evaluate::{Evaluator, Outcome},
    journal::{Journal, WriteFailure},
    redo,
};

/// Bytes of one group, after which it is not gathered further.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
const GROUP_COUNT: usize = 1_024;
const FIRST_BACK_OFF: Duration = Duration::from_millis(10);
const LONGEST_BACK_OFF: Duration = Duration::from_millis(500);
const ROOM_CHECK: Duration = Duration::from_millis(100);

pub(crate) struct Submission {
    pub(crate) transaction: Transaction,
    pub(crate) acknowledge: Acknowledge,
}

/// What the committer shows to readers, to the upkeep thread and to whoever submits.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Last revision that is durable and in the tree.
    pub(crate) applied: AtomicU64,
    /// Last revision that is durable and on its way into the tree.
    pub(crate) applying: AtomicU64,
    /// Bytes written to the journal since the store was opened.
    pub(crate) journalled: AtomicU64,
    /// Bytes of transactions in the queue.
    pub(crate) queued_bytes: AtomicUsize,
    pub(crate) closing: AtomicBool,
    /// The disk failed: nothing is taken any more.
    pub(crate) failed: AtomicBool,
}

pub(crate) struct Committer {
    pub(crate) queue: Receiver<Submission>,
    pub(crate) journal: Journal,
    pub(crate) tree: sled::Tree,
    pub(crate) evaluator: Evaluator,
    pub(crate) progress: Arc<Progress>,
    pub(crate) folder: PathBuf,
    pub(crate) gather: Duration,
    pub(crate) reserve: u64,
    pub(crate) on_health: Option<Arc<dyn Fn(Health) + Send + Sync>>,
    pub(crate) on_rotate: Box<dyn Fn() + Send>,
    pub(crate) full: bool,
    pub(crate) room_checked: Option<Instant>,
}

impl Committer {
    /// Until every sender is gone, or the disk fails.
    pub(crate) fn run(mut self) {
        let mut began = None::<Instant>;
        let mut group = Vec::new();
        while let Ok(first) = self.queue.recv() {
            let gather_until = began.map(|began| began + self.gather);
            self.gather(first, gather_until, &mut group);
            began = Some(Instant::now());
            if let Err(reason) = self.commit(&mut group) {
                self.fail(&reason);
                break;
            }
        }
        // After a failure: what is still in the queue did not happen.
        while let Ok(submission) = self.queue.try_recv() {
            (submission.acknowledge)(Err(CommitError::Closed));
        }
    }

    fn gather(&mut self, first: Submission, until: Option<Instant>, group: &mut Vec<Submission>) {
        let mut bytes = self.take(first, group);
        while bytes < GROUP_BYTES && group.len() < GROUP_COUNT {
            let wait = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            let next = if wait.is_zero() { self.queue.try_recv().ok() } else { self.queue.recv_timeout(wait).ok() };
            let Some(next) = next else { break };
            bytes += self.take(next, group);
        }
    }

    fn take(&self, submission: Submission, group: &mut Vec<Submission>) -> usize {
        let size = submission.transaction.size;
        self.progress.queued_bytes.fetch_sub(size, Ordering::Relaxed);
        group.push(submission);
        size
    }

    /// Makes a group durable and acknowledges it. An error means that the disk can no longer be trusted; all were answered.
    fn commit(&mut self, group: &mut Vec<Submission>) -> Result<(), String> {
        let mut back_off = FIRST_BACK_OFF;
        loop {
            let evaluation = match self.evaluator.evaluate(&self.tree, group.iter().map(|one| &one.transaction)) {
                Ok(evaluation) => evaluation,
                Err(error) => {
                    let reason = error.to_string();
                    answer_all(group, || CommitError::Unknown { source: io::Error::other(reason.clone()) });
                    return Err(reason);
                }
            };
            if evaluation.redo.entries == 0 {
                acknowledge(group, evaluation.outcomes);
                return Ok(());
            }
            let written =
                self.check_room().and_then(|()| self.journal.append(evaluation.last, evaluation.redo.bytes()));
            match written {
                Ok(rotated) => {
                    self.set_full(None);
                    let bytes = evaluation.redo.bytes().len() as u64;
                    self.progress.journalled.fetch_add(bytes, Ordering::Relaxed);
                    self.progress.applying.store(evaluation.last, Ordering::Release);
                    if let Err(error) = redo::apply(&self.tree, evaluation.redo.bytes(), evaluation.last) {
                        // Durable, but not to be read before the store is opened again.
                        let reason = error.to_string();
                        answer_all(group, || CommitError::Unknown { source: io::Error::other(reason.clone()) });
                        return Err(reason);
                    }
                    self.evaluator.accept(evaluation.last);
                    self.progress.applied.store(evaluation.last, Ordering::Release);
                    acknowledge(group, evaluation.outcomes);
                    if rotated {
                        (self.on_rotate)();
                    }
                    return Ok(());
                }
                Err(WriteFailure::NotWritten(error)) if is_full(&error) => {
                    self.set_full(Some(self.available()));
                    if self.progress.closing.load(Ordering::Relaxed) {
                        answer_all(group, || CommitError::FullDisk);
                        return Ok(());
                    }
                    self.hold(group, back_off);
                    back_off = (back_off * 2).min(LONGEST_BACK_OFF);
                    if group.is_empty() {
                        return Ok(());
                    }
                }
                Err(WriteFailure::NotWritten(error) | WriteFailure::Unknown(error)) => {
                    // After a failed fsync the kernel may call the pages clean: trying again would prove nothing.
                    let (kind, reason) = (error.kind(), error.to_string());
                    answer_all(group, || CommitError::Unknown { source: io::Error::new(kind, reason.clone()) });
                    return Err(reason);
                }
            }
        }
    }

    /// Waits for room. Transactions without events are told, for whoever sent them can say it again; those with events stay, for later events
    /// follow on theirs, and those that ask for it.
    fn hold(&mut self, group: &mut Vec<Submission>, back_off: Duration) {
        let until = Instant::now() + back_off;
        loop {
            let may_wait = |one: &Transaction| one.waits_for_room || !one.appends.is_empty();
            for refused in group.extract_if(.., |one| !may_wait(&one.transaction)) {
                (refused.acknowledge)(Err(CommitError::FullDisk));
            }
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() || self.progress.closing.load(Ordering::Relaxed) {
                return;
            }
            let bytes: usize = group.iter().map(|one| one.transaction.size).sum();
            if bytes >= GROUP_BYTES || group.len() >= GROUP_COUNT {
                std::thread::sleep(wait);
                continue;
            }
            match self.queue.recv_timeout(wait) {
                Ok(next) => {
                    self.take(next, group);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(wait),
            }
        }
    }

    /// Counts a disk as full while the tree, which writes later and cannot wait, still has room.
    fn check_room(&mut self) -> Result<(), WriteFailure> {
        let now = Instant::now();
        if !self.full && self.room_checked.is_some_and(|checked| now - checked < ROOM_CHECK) {
            return Ok(());
        }
        self.room_checked = Some(now);
        if self.available() < self.reserve {
            return Err(WriteFailure::NotWritten(io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }

    fn available(&self) -> u64 {
        // A file system that does not say how much is free is not taken for full.
        fs2::available_space(&self.folder).unwrap_or(u64::MAX)
    }

    fn set_full(&mut self, available: Option<u64>) {
        if self.full == available.is_some() {
            return;
        }
        self.full = available.is_some();
        let health = match available {
            Some(available) => {
                tracing::error!(available, "disk is full: events wait, other changes are refused");
                Health::FullDisk { available }
            }
            None => {
                tracing::info!("disk has room again");
                Health::Good
            }
        };
        self.tell(health);
    }

    fn fail(&self, reason: &str) {
        tracing::error!(reason, "store failed: nothing is taken any more");
        self.progress.failed.store(true, Ordering::Relaxed);
        self.tell(Health::Failed { reason: reason.to_owned() });
    }

    fn tell(&self, health: Health) {
        if let Some(on_health) = &self.on_health {
            on_health(health);
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

fn acknowledge(group: &mut Vec<Submission>, outcomes: Vec<Outcome>) {
    for (submission, outcome) in group.drain(..).zip(outcomes) {
        (submission.acknowledge)(outcome);
    }
}

fn answer_all(group: &mut Vec<Submission>, mut error: impl FnMut() -> CommitError) {
    for submission in group.drain(..) {
        (submission.acknowledge)(Err(error()));
    }
}

/// What a transaction that happened tells.
pub(crate) fn committed(revision: u64, repeated: bool) -> Committed {
    Committed { revision: Revision(revision), repeated }
}
