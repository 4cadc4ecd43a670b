//! The smallest installation: one core and less than a gigabyte.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use plugboard_live::{Ear, Host, Sipp, Surroundings, Tenant, free_port};

const SOON: Duration = Duration::from_secs(20);
const CALLS: usize = 10;
const GIGABYTE_KIB: u64 = 1 << 20;

#[test]
fn ten_recorded_calls_at_once_fit_on_one_core_and_a_gigabyte() {
    let one_core = Surroundings { one_core: true, ..Surroundings::default() };
    let host = Host::start_in(&Tenant { agents: CALLS, ..Tenant::default() }, one_core);
    let mut events = host.events();
    let (callers_ear, agents_ear) = (Ear::open(None), Ear::saying(600));
    let port = free_port();
    host.register(&(1..=CALLS).map(Tenant::agent).collect::<Vec<_>>(), port);
    let more = ["-d", "8000", "-key", "ear", &agents_ear.port.to_string()];
    let phones = Sipp::start(host.scratch(), "agent", host.sip, port, CALLS, &[], &more).listening();
    let rows: Vec<String> = (0..CALLS).map(|index| format!("493{index};8002")).collect();
    let more = ["-r", "10", "-key", "ear", &callers_ear.port.to_string()];
    let callers = Sipp::start(host.scratch(), "caller", host.sip, 0, CALLS, &rows, &more);
    events.until_count("recording-started", CALLS, SOON);
    let live = host.get("calls")["items"].as_array().unwrap().len();
    callers.done();
    phones.done();
    events.until_count("recording-closed", CALLS, SOON);

    let cdrs = host.cdrs();
    let whole = cdrs.iter().filter(|cdr| {
        let recording = &cdr["recordings"][0];
        let loud = |side: &str| recording[side].as_f64().is_some_and(|dbfs| dbfs > -45.0);
        cdr["answered"] == true && recording["gaps"] == 0 && loud("left_dbfs") && loud("right_dbfs")
    });
    let peak = host.peak_rss_kib();
    println!("peak resident memory: {} MiB", peak >> 10);
    assert_eq!((live, whole.count()), (CALLS, CALLS), "{cdrs:?}");
    assert!(peak < GIGABYTE_KIB, "{peak} KiB");
}
