//! Records, revisions, indexes and blobs, as the host uses them.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "searching is timed in real time; a test that cannot set up fails"
)]

mod ground;

use std::{fs, time::Instant};

use ground::{fresh, options, tenant};
use plugboard_model::{EndedBy, Event, EventKind, InteractionId, LegId, TenantId, Timestamp};
use plugboard_reporting::{Bounds, Cdr, InteractionFold};
use plugboard_store::{
    BlobError, BlobName, CdrOf, CdrSearch, CommitError, CommitId, Cursor, Directory, Embedded, Expected, IndexEntry,
    Options, Order, ReadError, Record, Revision, Store, Transaction,
};
use serde::{Deserialize, Serialize};

fn open(name: &str) -> Embedded {
    Embedded::open(options(&fresh(name))).unwrap()
}

/// The one note of a tenant, which people edit.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note(String);

impl Record for Note {
    const KIND: &'static str = "note";

    fn id(&self) -> String {
        "only".to_owned()
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        Vec::new()
    }
}

fn note(text: &str) -> Note {
    Note(text.to_owned())
}

fn put_note(store: &Embedded, text: &str, expected: Expected) -> Result<Revision, CommitError> {
    let mut transaction = Transaction::new().expect::<Note>(&tenant(), "only", expected);
    transaction.put(&tenant(), &note(text)).unwrap();
    store.commit(transaction).map(|committed| committed.revision)
}

#[test]
fn the_second_of_two_editors_is_told_what_the_first_made_of_it() {
    let store = open("editors");
    let first = put_note(&store, "first", Expected::Absent).unwrap();
    let second = put_note(&store, "second", Expected::At(first)).unwrap();
    let third = put_note(&store, "third", Expected::At(first));
    assert!(matches!(third, Err(CommitError::Conflict { found, .. }) if found == Some(second)), "{third:?}");
    let read = store.get::<Note>(&tenant(), "only").unwrap();
    assert_eq!(read, Some((note("second"), second)));
}

#[test]
fn a_transaction_that_conflicts_leaves_nothing_behind() {
    let store = open("nothing-behind");
    let mut transaction = Transaction::new().expect::<Note>(&tenant(), "only", Expected::Present);
    transaction.put(&tenant(), &cdr(1, "1", 0)).unwrap();
    let kind = EventKind::ConfigurationApplied { revision: 1 };
    transaction.append(&tenant(), &[Event { seq: 1, at: Timestamp::EPOCH, kind }]).unwrap();
    assert!(store.commit(transaction).is_err());
    assert_eq!(store.get::<Cdr>(&tenant(), "i1").unwrap(), None);
    assert_eq!(store.last_seq(&tenant()).unwrap(), 0);
}

#[test]
fn a_transaction_sent_twice_under_one_name_happens_once_even_after_reopening() {
    let folder = fresh("twice-named");
    let store = Embedded::open(Options::new(&folder)).unwrap();
    let transaction = || {
        let mut transaction = Transaction::new().named(CommitId([7; 16]));
        transaction.put(&tenant(), &note("once")).unwrap();
        transaction
    };
    let first = store.commit(transaction()).unwrap();
    put_note(&store, "later", Expected::Present).unwrap();
    store.close().unwrap();
    let again = Embedded::open(Options::new(&folder)).unwrap();
    let second = again.commit(transaction()).unwrap();
    assert_eq!((second.revision, first.repeated, second.repeated), (first.revision, false, true));
    assert_eq!(again.get::<Note>(&tenant(), "only").unwrap().unwrap().0, note("later"));
}

#[test]
fn events_that_do_not_continue_the_log_are_told_which_is_due() {
    let store = open("continue");
    let event = |seq| Event { seq, at: Timestamp::EPOCH, kind: EventKind::Restarted { live_before: 0 } };
    let append = |events: &[Event]| {
        let mut transaction = Transaction::new();
        transaction.append(&tenant(), events).unwrap();
        store.commit(transaction)
    };
    append(&[event(1), event(2)]).unwrap();
    assert!(matches!(append(&[event(2)]), Err(CommitError::LogConflict { next: 3, found: 2, .. })));
    assert!(matches!(append(&[event(4)]), Err(CommitError::LogConflict { next: 3, found: 4, .. })));
    let other: TenantId = "other".parse().unwrap();
    assert_eq!(store.read_log(&tenant(), 2, 10).unwrap(), [event(2)]);
    assert_eq!(store.read_log(&other, 1, 10).unwrap(), []);
}

fn cdr(interaction: u64, from: &str, started_ms: u64) -> Cdr {
    let id = InteractionId(interaction);
    let mut fold = InteractionFold::new(Bounds::default());
    let offered = EventKind::InteractionOffered {
        interaction: id,
        leg: LegId(interaction),
        from: from.into(),
        to: "8001".into(),
        channel: "voice".into(),
        dialled_by: None,
    };
    let queue = "sales".parse().unwrap();
    let queued = EventKind::Queued { interaction: id, queue, priority: 0, skills: Vec::new(), position: 1 };
    let agent = format!("agent{}", interaction % 50).parse().unwrap();
    let connected = EventKind::Connected { interaction: id, agent, leg: LegId(interaction + 1), queue: None };
    let closed = EventKind::InteractionClosed { interaction: id, by: EndedBy::Caller, cause: 16 };
    for (seq, kind) in (1..).zip([offered, queued, connected, closed]) {
        fold.handle_event(&Event { seq, at: Timestamp::from_millis(started_ms + seq), kind });
    }
    let mut cdr = fold.poll_output().unwrap();
    cdr.started_at = Timestamp::from_millis(started_ms);
    cdr
}

fn found(store: &Embedded, search: &CdrSearch<'_>) -> Vec<u64> {
    let page = store.query(&search.query(&tenant())).unwrap();
    page.rows.iter().map(|row| row.read::<Cdr>().unwrap().interaction.0).collect()
}

#[test]
fn a_record_put_anew_is_found_at_its_new_place_only_and_a_deleted_one_nowhere() {
    let store = open("moved");
    let mut put = Transaction::new();
    put.put(&tenant(), &cdr(1, "100", 1_000)).unwrap();
    put.put(&tenant(), &cdr(1, "200", 1_000)).unwrap();
    put.put(&tenant(), &cdr(2, "200", 2_000)).unwrap();
    store.commit(put).unwrap();
    let (sales, agent) = ("sales".parse().unwrap(), "agent2".parse().unwrap());
    let all = |of| CdrSearch::new(of, Timestamp::EPOCH, Timestamp::from_secs(10));
    assert_eq!(found(&store, &all(CdrOf::Caller("100"))), Vec::<u64>::new());
    assert_eq!(found(&store, &all(CdrOf::Caller("200"))), [2, 1]);
    assert_eq!(found(&store, &all(CdrOf::Queue(&sales))), [2, 1]);
    assert_eq!(found(&store, &all(CdrOf::Agent(&agent))), [2]);
    let mut delete = Transaction::new();
    delete.delete::<Cdr>(&tenant(), "i2").unwrap();
    store.commit(delete).unwrap();
    assert_eq!(found(&store, &all(CdrOf::Anyone)), [1]);
    assert_eq!(found(&store, &all(CdrOf::Caller("200"))), [1]);
}

/// TEL-06, with 10,000 records here: a range of days and a caller, first page, and the same result page by page.
#[test]
fn the_first_page_of_a_caller_in_a_range_of_days_is_found_among_10_000_records_within_a_second() {
    let store = open("ten-thousand");
    let day = 86_400_000;
    let caller = |n: u64| format!("+86138{:08}", n % 400);
    for batch in 0..100 {
        let mut transaction = Transaction::new();
        for n in batch * 100..batch * 100 + 100 {
            // 30 days, spread by a prime step so that neighbours in time are strangers.
            transaction.put(&tenant(), &cdr(n, &caller(n), n * 7_919 % 10_000 * (30 * day / 10_000))).unwrap();
        }
        store.commit(transaction).unwrap();
    }
    let mut times = Vec::new();
    for n in 0..400 {
        let number = caller(n);
        let range = |days: std::ops::Range<u64>| {
            (Timestamp::from_millis(days.start * day), Timestamp::from_millis(days.end * day))
        };
        let (from, to) = range(5..20);
        let mut search = CdrSearch { limit: 5, ..CdrSearch::new(CdrOf::Caller(&number), from, to) };
        let begun = Instant::now();
        let first = store.query(&search.query(&tenant())).unwrap();
        times.push(begun.elapsed());
        let mut paged: Vec<u64> = Vec::new();
        let mut page = first;
        loop {
            paged.extend(page.rows.iter().map(|row| row.read::<Cdr>().unwrap().interaction.0));
            let Some(next) = page.next else { break };
            search.after = Some(next);
            page = store.query(&search.query(&tenant())).unwrap();
        }
        let mut expected: Vec<(u64, u64)> =
            (n..10_000).step_by(400).map(|n| (n * 7_919 % 10_000 * (30 * day / 10_000), n)).collect();
        expected.retain(|(started, _)| (from.as_millis()..to.as_millis()).contains(started));
        expected.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(paged, expected.into_iter().map(|(_, n)| n).collect::<Vec<_>>());
    }
    times.sort();
    let p95 = times[times.len() * 95 / 100];
    println!("first page of 10,000 CDRs by caller and days: p95 {p95:?}");
    assert!(p95.as_secs_f64() <= 1.0, "{p95:?}");
}

#[test]
fn ascending_pages_meet_and_a_cursor_of_another_query_is_refused() {
    let store = open("cursor");
    let mut transaction = Transaction::new();
    for n in 0..7 {
        transaction.put(&tenant(), &cdr(n, "1", n)).unwrap();
    }
    store.commit(transaction).unwrap();
    let search = |after| CdrSearch {
        order: Order::Ascending,
        limit: 3,
        after,
        ..CdrSearch::new(CdrOf::Caller("1"), Timestamp::EPOCH, Timestamp::from_secs(1))
    };
    let first = store.query(&search(None).query(&tenant())).unwrap();
    let second = found(&store, &search(first.next));
    assert_eq!(second, [3, 4, 5]);
    let foreign = store.query(&search(Some(Cursor("ff".into()))).query(&tenant()));
    assert!(matches!(foreign, Err(ReadError::BadCursor { .. })));
}

#[test]
fn a_blob_is_whole_or_absent_and_its_name_cannot_leave_the_folder() {
    let blobs = Directory::open(&fresh("blobs")).unwrap();
    let name = BlobName::parse("acme/prompts/欢迎.wav").unwrap();
    let summary = blobs.put(&name, &mut &b"abc"[..]).unwrap();
    assert_eq!(summary.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct Breaks;
    impl std::io::Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    assert!(matches!(blobs.put(&name, &mut Breaks), Err(BlobError::FullDisk)));
    assert_eq!(fs::read(blobs.path(&name)).unwrap(), b"abc");
    for bad in ["", "/etc/passwd", "a/../b", "a//b", ".aside/0", "a\\b", "a\u{0}"] {
        assert_eq!(BlobName::parse(bad), None, "{bad}");
    }
}
