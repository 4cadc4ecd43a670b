//! What a commit costs: `cargo bench -p plugboard-store --bench commit -- [--json] [--events N]`.
//!
//! Latency from submission to acknowledgement, one reservation-sized transaction at a time on an idle store, and at 1,000 events a second
//! as an exchange makes them (ten transactions of one event each every 10 ms, spread); processor time of the whole process for those; time to
//! open what was written, as a kill leaves it and closed in order, and to rebuild it without its database.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures real time on a real disk and prints it"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use plugboard_model::{Event, EventKind, InteractionId, TenantId, Timestamp};
use plugboard_store::{Embedded, Options, Store, SubmitError, Transaction};

const RATE: u64 = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let after =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let bulk: u64 = after("--events").and_then(|count| count.parse().ok()).unwrap_or(200_000);
    let folder =
        after("--folder").map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-commit"), PathBuf::from);
    let _ = fs::remove_dir_all(&folder);

    let mut next = 1;
    let store = open(&folder);
    let idle = idle(&store, &mut next, 500);
    let (busy, busy_cpu_ms) = busy(&store, &mut next, Duration::from_secs(10));
    let (bulk_per_second, bulk_cpu_ms) = fill(&store, &mut next, bulk);
    let rss_mib = resident_mib();

    // The folder as a kill would leave it: copied while open.
    let killed = folder.with_extension("killed");
    let _ = fs::remove_dir_all(&killed);
    copy(&folder, &killed);
    let reopen_killed = time_to_open(&killed);
    store.close().expect("the disk works");
    let reopen_clean = time_to_open(&folder);
    fs::remove_dir_all(folder.join("db")).expect("the store is closed");
    let rebuild = time_to_open(&folder);

    let rows = [
        ("idle commit p50, ms", idle.0),
        ("idle commit p99, ms", idle.1),
        ("at 1,000 events/s p50, ms", busy.0),
        ("at 1,000 events/s p99, ms", busy.1),
        ("CPU ms per 1,000 events at that rate", busy_cpu_ms),
        ("bulk events/s (groups of 100)", bulk_per_second),
        ("CPU ms per 1,000 events in bulk", bulk_cpu_ms),
        ("events in the store", (next - 1) as f64),
        ("resident, MiB", rss_mib),
        ("reopen after a kill, s", reopen_killed),
        ("reopen after close, s", reopen_clean),
        ("rebuild without the database, s", rebuild),
    ];
    for (name, value) in rows {
        println!("{name:<40} {value:>12.2}");
    }
    if json {
        println!(
            "{{\"idle_ms\":{{\"p50\":{:.3},\"p99\":{:.3}}},\"busy_ms\":{{\"p50\":{:.3},\"p99\":{:.3}}},\"cpu_ms_per_1000_events\":{busy_cpu_ms:.2},\
             \"bulk_events_per_s\":{bulk_per_second:.0},\"bulk_cpu_ms_per_1000_events\":{bulk_cpu_ms:.2},\"events\":{},\"rss_mib\":{rss_mib:.1},\
             \"reopen_s\":{{\"killed\":{reopen_killed:.3},\"closed\":{reopen_clean:.3},\"rebuilt\":{rebuild:.3}}}}}",
            idle.0,
            idle.1,
            busy.0,
            busy.1,
            next - 1
        );
    }
    let _ = fs::remove_dir_all(&folder);
    let _ = fs::remove_dir_all(&killed);
}

fn open(folder: &Path) -> Embedded {
    Embedded::open(Options::new(folder)).expect("the benchmark's folder is its own")
}

fn tenant() -> TenantId {
    "acme".parse().expect("a name")
}

fn transaction(next: &mut u64, count: u64) -> Transaction {
    let events: Vec<Event> = (*next..*next + count)
        .map(|seq| Event {
            seq,
            at: Timestamp::from_millis(1_795_343_207_000 + seq),
            kind: EventKind::FlowVisited {
                interaction: InteractionId(seq / 20),
                node: "menu-main".into(),
                exit: "2".into(),
            },
        })
        .collect();
    *next += count;
    let mut transaction = Transaction::new();
    transaction.append(&tenant(), &events).expect("small events");
    transaction
}

fn idle(store: &Embedded, next: &mut u64, commits: usize) -> (f64, f64) {
    let mut latencies = Vec::new();
    for _ in 0..commits {
        thread::sleep(Duration::from_millis(5));
        let begun = Instant::now();
        store.commit(transaction(next, 1)).expect("the disk works");
        latencies.push(begun.elapsed());
    }
    percentiles(latencies)
}

fn busy(store: &Embedded, next: &mut u64, length: Duration) -> ((f64, f64), f64) {
    let (outcome, outcomes) = mpsc::channel();
    let (begun, cpu) = (Instant::now(), cpu_ms());
    let mut count = 0;
    while begun.elapsed() < length {
        let due = begun + Duration::from_micros(count * 1_000_000 / RATE);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let (submitted, outcome) = (Instant::now(), outcome.clone());
        let acknowledge = Box::new(move |result: Result<_, _>| {
            let _ = outcome.send((submitted.elapsed(), result.is_ok()));
        });
        store.submit(transaction(next, 1), acknowledge).expect("the queue is long enough for this rate");
        count += 1;
    }
    drop(outcome);
    let latencies: Vec<Duration> = outcomes
        .iter()
        .map(|(latency, happened)| {
            assert!(happened);
            latency
        })
        .collect();
    (percentiles(latencies), (cpu_ms() - cpu) * 1_000.0 / count as f64)
}

fn fill(store: &Embedded, next: &mut u64, events: u64) -> (f64, f64) {
    let (begun, cpu) = (Instant::now(), cpu_ms());
    let (outcome, outcomes) = mpsc::channel();
    for _ in 0..events / 100 {
        let mut offered = transaction(next, 100);
        loop {
            let outcome = outcome.clone();
            match store.submit(offered, Box::new(move |result| outcome.send(result.is_ok()).unwrap_or_default())) {
                Ok(()) => break,
                Err(SubmitError::Full(back)) => offered = *back,
                Err(SubmitError::Closed(_)) => panic!("the store closed"),
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
    drop(outcome);
    assert!(outcomes.iter().all(|happened| happened));
    (events as f64 / begun.elapsed().as_secs_f64(), (cpu_ms() - cpu) * 1_000.0 / events as f64)
}

fn percentiles(mut latencies: Vec<Duration>) -> (f64, f64) {
    latencies.sort();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    (at(0.5), at(0.99))
}

/// Opens and closes; closing is not part of what is timed.
fn time_to_open(folder: &Path) -> f64 {
    let begun = Instant::now();
    let store = open(folder);
    let took = begun.elapsed().as_secs_f64();
    store.close().expect("the disk works");
    took
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the benchmark's folder is its own");
    for file in fs::read_dir(from).expect("the folder exists").flatten() {
        let target = to.join(file.file_name());
        if file.path().is_dir() {
            copy(&file.path(), &target);
        } else {
            fs::copy(file.path(), target).expect("the disk works");
        }
    }
}

/// Processor time of this process, user and system, all threads, from `/proc/self/stat` in ticks of 10 ms.
fn cpu_ms() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}

fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) / 1_024.0
}
