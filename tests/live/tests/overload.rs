//! More callers than the tenant may have.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use plugboard_live::{Ear, Host, Sipp, Tenant, count, free_port};

const SOON: Duration = Duration::from_secs(20);
const LIMIT: usize = 4;
const TOO_MANY: usize = 30;

#[test]
fn callers_above_the_limit_are_told_when_to_try_again_and_live_calls_stay() {
    let limit = u32::try_from(LIMIT).ok();
    let host = Host::start(&Tenant { agents: LIMIT, limit, ..Tenant::default() });
    let mut events = host.events();
    let ear = Ear::open(None);
    let (key, port) = (ear.port.to_string(), free_port());
    host.register(&(1..=LIMIT).map(Tenant::agent).collect::<Vec<_>>(), port);
    let more = ["-d", "5000", "-key", "ear", &key];
    let phones = Sipp::start(host.scratch(), "agent", host.sip, port, LIMIT, &[], &more).listening();
    let rows: Vec<String> = (0..LIMIT).map(|index| format!("493{index};8002")).collect();
    let callers = Sipp::start(host.scratch(), "caller", host.sip, 0, LIMIT, &rows, &["-key", "ear", &key]);
    events.until_count("connected", LIMIT, SOON);

    let rows: Vec<String> = (0..TOO_MANY).map(|index| format!("494{index};8002")).collect();
    let more = ["-r", "100", "-key", "ear", &key];
    // Its scenario wants 503 with Retry-After.
    let refused = Sipp::start(host.scratch(), "caller_is_turned_away", host.sip, 0, TOO_MANY, &rows, &more).done();
    let ended = count(events.until("what was told", SOON, |_| true), "leg-ended");
    let refused = refused.iter().filter(|row| row.what() == "refused").count();
    assert_eq!((refused, ended), (TOO_MANY, 0));
    callers.done();
    phones.done();
    events.until_count("interaction-closed", LIMIT, SOON);
    let well = host.cdrs().iter().filter(|cdr| cdr["answered"] == true && cdr["ended_by"] == "agent").count();
    assert_eq!(well, LIMIT);
}
