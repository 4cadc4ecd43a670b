//! What the committer does when the disk does wrong, with faults put into the journal.

use std::{
    io,
    path::PathBuf,
    sync::mpsc::{Receiver, channel},
};

use plugboard_model::{Event, EventKind, TenantId, Timestamp};

use super::*;
use crate::{CommitError, Committed};

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn open(name: &str) -> (Embedded, Receiver<Health>) {
    let folder = std::env::temp_dir().join(format!("plugboard-store-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let (health, healths) = channel();
    let on_health: Arc<dyn Fn(Health) + Send + Sync> = Arc::new(move |now| health.send(now).unwrap_or_default());
    let options = Options { on_health: Some(on_health), reserve: 0, queue: 4, ..Options::new(folder) };
    (Embedded::open(options).unwrap(), healths)
}

/// Removes the folder when the test is over.
struct Cleaned(PathBuf);

impl Drop for Cleaned {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn events(seq: u64) -> Transaction {
    let event = Event { seq, at: Timestamp::EPOCH, kind: EventKind::Restarted { live_before: seq } };
    let mut transaction = Transaction::new();
    transaction.append(&tenant(), &[event]).unwrap();
    transaction
}

fn change() -> Transaction {
    let mut transaction = Transaction::new();
    transaction.delete::<plugboard_reporting::Cdr>(&tenant(), "i1").unwrap();
    transaction
}

fn submit(store: &Embedded, transaction: Transaction) -> Receiver<Result<Committed, CommitError>> {
    let (outcome, outcomes) = channel();
    store.submit(transaction, Box::new(move |result| outcome.send(result).unwrap_or_default())).unwrap();
    outcomes
}

#[test]
fn on_a_full_disk_events_wait_changes_are_refused_and_room_brings_all_back() {
    let (store, healths) = open("full");
    let _cleaned = Cleaned(store.folder.clone());
    store.commit(events(1)).unwrap();

    *store.faults.write.lock().unwrap() = Some(io::ErrorKind::StorageFull);
    let waiting = submit(&store, events(2));
    assert!(matches!(healths.recv().unwrap(), Health::FullDisk { .. }));
    assert!(matches!(store.commit(change()), Err(CommitError::FullDisk)));
    let also_waiting = submit(&store, events(3));
    let patient = submit(&store, change().waiting_for_room());
    assert!(waiting.try_recv().is_err());
    assert_eq!(store.last_seq(&tenant()).unwrap(), 1);

    *store.faults.write.lock().unwrap() = None;
    assert!(waiting.recv().unwrap().is_ok());
    assert!(also_waiting.recv().unwrap().is_ok());
    assert!(patient.recv().unwrap().is_ok());
    assert_eq!(healths.recv().unwrap(), Health::Good);
    assert_eq!(store.last_seq(&tenant()).unwrap(), 3);
}

#[test]
fn a_disk_below_its_reserve_counts_as_full_before_the_database_meets_it() {
    let (store, _) = open("reserve");
    let folder = store.folder.clone();
    let _cleaned = Cleaned(folder.clone());
    store.close().unwrap();
    let (health, healths) = channel();
    let on_health: Arc<dyn Fn(Health) + Send + Sync> = Arc::new(move |now| health.send(now).unwrap_or_default());
    let options = Options { reserve: u64::MAX, on_health: Some(on_health), ..Options::new(&folder) };
    let store = Embedded::open(options).unwrap();
    assert!(matches!(store.commit(change()), Err(CommitError::FullDisk)));
    assert!(matches!(healths.recv().unwrap(), Health::FullDisk { available } if available < u64::MAX));
}

#[test]
fn closing_on_a_full_disk_answers_whoever_waits_and_keeps_what_was_acknowledged() {
    let (store, healths) = open("full-close");
    let folder = store.folder.clone();
    let _cleaned = Cleaned(folder.clone());
    store.commit(events(1)).unwrap();
    *store.faults.write.lock().unwrap() = Some(io::ErrorKind::StorageFull);
    let waiting = submit(&store, events(2));
    assert!(matches!(healths.recv().unwrap(), Health::FullDisk { .. }));
    store.close().unwrap();
    assert!(matches!(waiting.recv().unwrap(), Err(CommitError::FullDisk)));
    assert_eq!(Embedded::open(Options::new(&folder)).unwrap().last_seq(&tenant()).unwrap(), 1);
}

#[test]
fn a_sync_that_fails_leaves_the_outcome_unknown_and_the_store_shut_until_it_is_opened_again() {
    let (store, healths) = open("sync");
    let folder = store.folder.clone();
    let _cleaned = Cleaned(folder.clone());
    store.commit(events(1)).unwrap();
    *store.faults.sync.lock().unwrap() = Some(io::ErrorKind::Other);
    assert!(matches!(store.commit(events(2)), Err(CommitError::Unknown { .. })));
    assert!(matches!(healths.recv().unwrap(), Health::Failed { .. }));
    drop(store);
    // It had reached the file, so it happened; whoever asks again is told where the log stands.
    let again = Embedded::open(Options::new(&folder)).unwrap();
    assert_eq!(again.last_seq(&tenant()).unwrap(), 2);
    assert!(matches!(again.commit(events(2)), Err(CommitError::LogConflict { next: 3, .. })));
}

#[test]
fn a_queue_that_is_full_gives_the_transaction_back() {
    let (store, healths) = open("queue");
    let _cleaned = Cleaned(store.folder.clone());
    let (go, wait) = channel::<()>();
    // Holds the committer's thread in the acknowledgement.
    let (begun, committing) = channel();
    let hold: Acknowledge = Box::new(move |_| {
        begun.send(()).unwrap_or_default();
        wait.recv().unwrap_or_default();
    });
    store.submit(events(1), hold).unwrap();
    committing.recv().unwrap();
    let outcomes: Vec<_> = (2..6).map(|seq| submit(&store, events(seq))).collect();
    let refused = store.submit(events(6), Box::new(|_| ()));
    assert!(matches!(refused, Err(SubmitError::Full(_))));
    go.send(()).unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.recv().unwrap().is_ok()));
    assert_eq!(store.last_seq(&tenant()).unwrap(), 5);
    assert!(healths.try_recv().is_err());
}
