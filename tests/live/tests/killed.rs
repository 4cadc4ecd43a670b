//! kill -9 in the middle of calls, and a start over what it left.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of processes and files")]

use std::{path::Path, time::Duration};

use plugboard_live::{Ear, Host, Sipp, Tenant, count};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

fn call(host: &Host, scenario: &'static str, callers: &[&str], number: &str, ear: &Ear) -> Sipp {
    let rows: Vec<String> = callers.iter().map(|caller| format!("{caller};{number}")).collect();
    Sipp::start(host.scratch(), scenario, host.sip, 0, rows.len(), &rows, &["-key", "ear", &ear.port.to_string()])
}

fn numbers(events: &[Value], field: &str) -> Vec<u64> {
    events.iter().filter_map(|event| event[field].as_u64()).collect()
}

#[test]
fn a_killed_host_keeps_every_event_it_told_frees_its_agents_and_saves_its_recording() {
    let host = Host::start(&Tenant { ring_timeout: "60s", ..Tenant::default() });
    let mut events = host.events();
    let (callers_ear, agents_ear) = (Ear::open(None), Ear::open(None));

    // One call talks and is recorded, one rings, two wait.
    let talking = host.phone("agent", 1, &agents_ear, 50_000);
    let first = call(&host, "caller", &["4930001"], "8002", &callers_ear);
    events.until_count("recording-started", 1, SOON);
    let ringing = host.phone("agent_rings_for_ever", 2, &agents_ear, 0);
    let others = call(&host, "caller", &["4930002", "4930003", "4930004"], "8002", &callers_ear);
    let told = events.until("one ringing and two waiting", SOON, |all| {
        count(all, "queued") == 4 && count(all, "leg-ringing") == 2 && count(all, "reserved") == 2
    });
    let started = told.iter().find(|event| event["type"] == "recording-started").unwrap();
    let (recording, path) = (started["recording"].as_u64().unwrap(), started["path"].as_str().unwrap().to_owned());
    // Three seconds of talk; what lies on disk may be two behind.
    agents_ear.until("three seconds", SOON, |calls| calls.iter().any(|call| call.packets.len() >= 150));

    let killed = host.kill();
    let told = events.rest();
    drop((first, others, talking, ringing));
    let host = killed.start();
    let logged = host.logged();
    assert_eq!(logged[..told.len()], told, "what the stream told is in the log");
    assert_eq!(numbers(&logged, "seq"), (1..=logged.len() as u64).collect::<Vec<_>>(), "the log has no gap");

    let mut interrupted: Vec<(String, bool)> = host
        .cdrs()
        .iter()
        .map(|cdr| (cdr["from"].as_str().unwrap().to_owned(), cdr["interrupted"].as_bool().unwrap()))
        .collect();
    interrupted.sort_unstable();
    let expected = ["4930001", "4930002", "4930003", "4930004"].map(|caller| (caller.to_owned(), true));
    assert_eq!(interrupted, expected);

    let sound = hound::WavReader::open(Path::new(&path)).unwrap();
    assert!(sound.duration() >= 8_000, "the recording holds {} frames", sound.duration());
    let (status, _, bytes) = host.fetch(&format!("recordings/{recording}"), &[]);
    assert_eq!((status, bytes == std::fs::read(&path).unwrap()), (200, true), "the API gives it out");

    // The agent who talked and the one whose phone rang register again, and the next two calls are theirs.
    let last = numbers(&logged, "interaction").into_iter().max().unwrap();
    let mut events = host.events();
    let phones = [1, 2].map(|agent| host.phone("agent", agent, &agents_ear, 300));
    let callers = call(&host, "caller", &["4930005", "4930006"], "8002", &callers_ear);
    callers.done();
    phones.into_iter().for_each(|phone| drop(phone.done()));
    events.until("two calls closed", SOON, |all| count(all, "interaction-closed") == 2);
    let after: Vec<Value> = host.cdrs().into_iter().filter(|cdr| cdr["interrupted"] == false).collect();
    let mut answered: Vec<&str> = after.iter().map(|cdr| cdr["agents"][0]["agent"].as_str().unwrap()).collect();
    answered.sort_unstable();
    assert_eq!(answered, ["a001", "a002"]);
    let fresh: Vec<u64> = after.iter().map(|cdr| cdr["interaction"].as_u64().unwrap()).collect();
    assert!(fresh.iter().all(|id| *id > last), "ids {fresh:?} go on above {last}");
}
