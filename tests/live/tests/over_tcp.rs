//! SIP over TCP: callers who keep a connection.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use plugboard_live::{Ear, Host, Sipp, Tenant, free_port};

const SOON: Duration = Duration::from_secs(20);
const CALLS: usize = 10;

#[test]
fn callers_over_tcp_reach_agents_over_udp_and_are_hung_up_on_over_their_connection() {
    let host = Host::start(&Tenant { agents: CALLS, ..Tenant::default() });
    let mut events = host.events();
    let ear = Ear::open(None);
    let (key, port) = (ear.port.to_string(), free_port());
    host.register(&(1..=CALLS).map(Tenant::agent).collect::<Vec<_>>(), port);
    let more = ["-d", "500", "-key", "ear", &key];
    let phones = Sipp::start(host.scratch(), "agent", host.sip, port, CALLS, &[], &more).listening();
    let rows: Vec<String> = (0..CALLS).map(|index| format!("493{index};8002")).collect();
    let more = ["-t", "t1", "-key", "ear", &key];
    Sipp::start(host.scratch(), "caller", host.sip_tcp, 0, CALLS, &rows, &more).done();
    phones.done();
    events.until_count("interaction-closed", CALLS, SOON);
    let well = host.cdrs().iter().filter(|cdr| cdr["answered"] == true && cdr["ended_by"] == "agent").count();
    assert_eq!(well, CALLS);
}
