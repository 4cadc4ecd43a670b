//! What a killed process, a damaged database and a cut journal leave behind.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a real process is killed at a real moment; how it finds its folder is the environment"
)]

mod ground;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::channel,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ground::{fresh, options, tenant};
use plugboard_model::{Event, EventKind, Timestamp};
use plugboard_store::{Embedded, OpenError, Options, Store, Transaction};

const FOLDER: &str = "PLUGBOARD_STORE_TEST_FOLDER";

/// Events whose content follows from their number.
fn events(first: u64, count: u64) -> Vec<Event> {
    (first..first + count)
        .map(|seq| Event {
            seq,
            at: Timestamp::from_millis(seq),
            kind: EventKind::Alarm { name: "test".into(), detail: format!("{seq:0>300}").into() },
        })
        .collect()
}

fn append(store: &Embedded, first: u64, count: u64) {
    let mut transaction = Transaction::new();
    transaction.append(&tenant(), &events(first, count)).unwrap();
    store.commit(transaction).unwrap();
}

fn whole_log(store: &Embedded) -> Vec<Event> {
    let mut log = Vec::new();
    loop {
        let page = store.read_log(&tenant(), log.len() as u64 + 1, 10_000).unwrap();
        if page.is_empty() {
            return log;
        }
        log.extend(page);
    }
}

/// Not a test of its own: the process that [`no_acknowledged_event_is_lost_by_killing_the_process`] kills.
#[test]
#[ignore = "runs as a child only"]
fn child_appends_until_killed() {
    let folder = PathBuf::from(std::env::var(FOLDER).expect("the parent says where"));
    // A small journal, so that snapshots and rotations are killed as well.
    let store = Embedded::open(Options { journal: 1024 * 1024, ..options(&folder) }).unwrap();
    let mut next = store.last_seq(&tenant()).unwrap() + 1;
    println!("open {}", next - 1);
    let (acknowledge, acknowledged) = channel();
    for round in 0_u64.. {
        for _ in 0..8 {
            let mut transaction = Transaction::new();
            let count = next % 37 + 1;
            transaction.append(&tenant(), &events(next, count)).unwrap();
            next += count;
            let last = next - 1;
            let acknowledge = acknowledge.clone();
            let outcome = Box::new(move |result: Result<_, _>| {
                println!("ack {last} {}", result.is_ok());
                acknowledge.send(()).unwrap();
            });
            store.submit(transaction, outcome).unwrap();
        }
        // Those of the round before, so that some are always on their way.
        for _ in 0..8 * round.min(1) {
            acknowledged.recv().unwrap();
        }
    }
}

#[test]
fn no_acknowledged_event_is_lost_by_killing_the_process() {
    let folder = fresh("kill");
    let mut acknowledged = 0;
    for _ in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_appends_until_killed", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, &folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let opened = lines.find_map(|line| line.split_once("open ").map(|(_, seq)| seq.parse::<u64>().unwrap()));
        assert!(opened.unwrap() >= acknowledged, "{opened:?} after {acknowledged}");
        // Somewhere in its first thousand commits: in the middle of whatever it does then.
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let last_moment = nanos / 1_000 % 1_000;
        let mut heard = 0;
        for line in lines {
            if let Some(seq) = line.strip_prefix("ack ").and_then(|rest| rest.strip_suffix(" true")) {
                acknowledged = seq.parse().unwrap();
                heard += 1;
            }
            if heard == last_moment + 1 {
                // What it still says before it dies was acknowledged as well, so the pipe is read to its end.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
    }
    assert!(acknowledged > 0);

    let store = Embedded::open(options(&folder)).unwrap();
    let log = whole_log(&store);
    assert!(log.len() as u64 >= acknowledged, "{} of {acknowledged}", log.len());
    assert_eq!(log, events(1, log.len() as u64));
    assert_eq!(store.rebuilt(), None);
    // The same must be in snapshot and journal alone.
    store.close().unwrap();
    fs::remove_dir_all(folder.join("db")).unwrap();
    let rebuilt = Embedded::open(options(&folder)).unwrap();
    assert_eq!(whole_log(&rebuilt), log);
}

/// A store that came to harm, and what had been acknowledged before.
struct Harmed {
    options: Options,
    events: u64,
    commits: u64,
}

/// Fills a store until a snapshot has replaced the beginning of its journal, writes some more, closes it and lets `harm` at its folder.
fn harmed(name: &str, harm: impl FnOnce(&Path)) -> Harmed {
    let folder = fresh(name);
    let options = Options { journal: 1024 * 1024, ..options(&folder) };
    let store = Embedded::open(options.clone()).unwrap();
    for batch in 0..100 {
        append(&store, batch * 500 + 1, 500);
    }
    let (mut events, mut commits) = (50_000, 100);
    let begun = Instant::now();
    // The snapshot is taken beside the commits, so it is commits that pass the time.
    while folder.join("journal-00000000000000000001").exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "no snapshot was taken");
        append(&store, events + 1, 1);
        (events, commits) = (events + 1, commits + 1);
    }
    append(&store, events + 1, 500);
    store.close().unwrap();
    harm(&folder);
    Harmed { options, events: events + 500, commits: commits + 1 }
}

#[test]
fn a_damaged_database_is_rebuilt_from_snapshot_and_journal() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 4] = [
        ("gone", |folder| fs::remove_dir_all(folder.join("db")).unwrap()),
        ("truncated", |folder| {
            let file = fs::File::options().write(true).open(folder.join("db/db")).unwrap();
            file.set_len(file.metadata().unwrap().len() / 3).unwrap();
        }),
        ("emptied", |folder| fs::write(folder.join("db/db"), b"").unwrap()),
        ("garbled", |folder| {
            let mut bytes = fs::read(folder.join("db/db")).unwrap();
            let (from, to) = (bytes.len() / 3, bytes.len() / 3 * 2);
            bytes[from..to].fill(0x5a);
            fs::write(folder.join("db/db"), bytes).unwrap();
        }),
    ];
    for (name, harm) in harms {
        let harmed = harmed(name, harm);
        let store = Embedded::open(harmed.options).unwrap();
        assert_eq!(store.rebuilt(), Some(harmed.commits), "{name}");
        assert_eq!(whole_log(&store), events(1, harmed.events), "{name}");
        append(&store, harmed.events + 1, 1);
    }
}

#[test]
fn a_power_cut_is_taken_for_damage_of_whatever_was_not_synced() {
    let harmed = harmed("power", |folder| {
        fs::write(folder.join("state"), r#"{"checkpoint":1,"clean":false,"boot":"another"}"#).unwrap();
    });
    let store = Embedded::open(harmed.options.clone()).unwrap();
    assert_eq!(store.rebuilt(), Some(harmed.commits));
    assert_eq!(whole_log(&store).len() as u64, harmed.events);
    drop(store);
    assert_eq!(Embedded::open(harmed.options).unwrap().rebuilt(), None);
}

fn newest_journal(folder: &Path) -> PathBuf {
    let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("journal-")).max().unwrap()
}

/// Flips one byte of the last journal segment, `back` bytes before its last record ends, with the tree gone.
fn with_flipped_byte(name: &str, at: impl FnOnce(&[u8]) -> usize) -> Options {
    let folder = fresh(name);
    let store = Embedded::open(options(&folder)).unwrap();
    for batch in 0..10 {
        append(&store, batch * 10 + 1, 10);
    }
    store.close().unwrap();
    let journal = newest_journal(&folder);
    let mut bytes = fs::read(&journal).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let at = at(&bytes[..used]);
    bytes[at] ^= 1;
    fs::write(&journal, bytes).unwrap();
    fs::remove_dir_all(folder.join("db")).unwrap();
    options(&folder)
}

#[test]
fn a_torn_last_commit_was_never_acknowledged_and_ends_the_journal() {
    let store = Embedded::open(with_flipped_byte("torn", |used| used.len() - 50)).unwrap();
    assert_eq!(whole_log(&store), events(1, 90));
    append(&store, 91, 10);
}

#[test]
fn a_journal_that_lacks_acknowledged_commits_is_refused() {
    let opened = Embedded::open(with_flipped_byte("lacking", |used| used.len() / 2));
    assert!(matches!(opened, Err(OpenError::JournalDamaged { last_good: 4, .. })), "{:?}", opened.err());
}

#[test]
fn two_processes_cannot_open_one_store() {
    let folder = fresh("twice");
    let _open = Embedded::open(options(&folder)).unwrap();
    assert!(matches!(Embedded::open(options(&folder)), Err(OpenError::InUse { .. })));
}

#[test]
fn a_restored_snapshot_holds_what_was_committed_and_goes_on() {
    let from = Embedded::open(options(&fresh("snapshot-from"))).unwrap();
    append(&from, 1, 500);
    let mut backup = Vec::new();
    let written = from.snapshot(&mut backup).unwrap();
    append(&from, 501, 1);

    let to = fresh("snapshot-to");
    assert_eq!(Embedded::restore(&to, &mut &backup[..]).unwrap(), written);
    let restored = Embedded::open(options(&to)).unwrap();
    assert_eq!(whole_log(&restored), events(1, 500));
    append(&restored, 501, 1);

    let cut = &backup[..backup.len() - 1];
    assert!(Embedded::restore(&fresh("snapshot-cut"), &mut &cut[..]).is_err());
}
