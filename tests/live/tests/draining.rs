//! SIGTERM with live calls: drain, then stop; and a host that is full.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use plugboard_live::{Ear, Host, Sipp, Surroundings, Tenant, count};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

fn limited(limits: &'static str) -> Surroundings {
    Surroundings { limits: Some(limits), ..Surroundings::default() }
}

/// One call that talks for so long and is recorded.
fn talking(host: &Host, ear: &Ear, talk_ms: u32) -> (Sipp, Sipp) {
    let mut events = host.events();
    let phone = host.phone("agent", 1, ear, talk_ms);
    let caller = host.caller("caller", "4930001", "8002", ear);
    events.until("a recorded talk", SOON, |all| count(all, "connected") == 1 && count(all, "recording-started") == 1);
    (caller, phone)
}

/// A second caller, who must be told to try again later; gives after how many seconds.
fn refused(host: &Host, ear: &Ear) -> String {
    let rows = host.caller("caller_is_refused", "4930002", "8002", ear).done();
    rows.iter().find(|row| row.what() == "refused").unwrap().get("retry_after").to_owned()
}

/// What the record of the one call says, once a new process has the folder.
fn record(host: Host) -> (Value, Value, bool) {
    let host = host.ended().start();
    let cdrs = host.cdrs();
    assert_eq!(cdrs.len(), 1, "{cdrs:?}");
    let cdr = &cdrs[0];
    (cdr["ended_by"].clone(), cdr["interrupted"].clone(), cdr["recordings"][0]["sha256"].is_string())
}

#[test]
fn a_host_that_drains_refuses_new_calls_ends_with_the_last_one_and_loses_nothing_of_it() {
    let mut host = Host::start_in(&Tenant::default(), limited("drain = \"1m\"\n"));
    let ear = Ear::open(None);
    let (caller, phone) = talking(&host, &ear, 4_000);
    assert_eq!(host.health(), 200);
    host.terminate();
    host.until_said("draining", SOON);
    assert_eq!((host.health(), refused(&host, &ear).as_str()), (503, "5"));
    // Both SIPps end as they should: the call went on to its end.
    caller.done();
    phone.done();
    assert!(host.wait(SOON).success(), "{}", host.log());
    assert_eq!(record(host), ("agent".into(), false.into(), true));
}

#[test]
fn calls_that_outlast_the_drain_are_hung_up_and_their_recordings_closed() {
    let mut host = Host::start_in(&Tenant::default(), limited("drain = \"1s\"\n"));
    let ear = Ear::open(None);
    let (caller, phone) = talking(&host, &ear, 50_000);
    host.terminate();
    assert!(host.wait(SOON).success(), "{}", host.log());
    caller.done();
    drop(phone);
    assert_eq!(record(host), ("host".into(), false.into(), true));
}

#[test]
fn a_second_sigterm_stops_at_once() {
    let mut host = Host::start_in(&Tenant::default(), limited("drain = \"1m\"\n"));
    let ear = Ear::open(None);
    let (caller, phone) = talking(&host, &ear, 50_000);
    host.terminate();
    host.until_said("draining", SOON);
    host.terminate();
    assert!(host.wait(Duration::from_secs(8)).success(), "{}", host.log());
    caller.done();
    drop(phone);
    assert_eq!(record(host), ("host".into(), false.into(), true));
}

#[test]
fn one_call_more_than_the_host_has_room_for_is_told_503_and_the_others_stay() {
    let host = Host::start_in(&Tenant::default(), limited("calls = 1\n"));
    let ear = Ear::open(None);
    let (caller, phone) = talking(&host, &ear, 3_000);
    assert_eq!(refused(&host, &ear), "5");
    caller.done();
    phone.done();
    let mut events = host.events();
    events.until("the end of the call", SOON, |all| count(all, "interaction-closed") == 1);
}
