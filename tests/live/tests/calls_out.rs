//! Calls of agents to outside numbers, over a trunk.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use plugboard_live::{Ear, Host, Row, Sipp, Tenant, free_port};

const CALLS: usize = 100;

#[test]
fn a_hundred_agents_call_out_and_each_record_says_what_both_phones_saw() {
    let trunk = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let host = Host::start(&Tenant { agents: CALLS, trunk: Some(trunk), ..Tenant::default() });
    let mut events = host.events();
    let ear = Ear::open(None);
    let key = ear.port.to_string();
    let far =
        Sipp::start(host.scratch(), "agent", host.sip, trunk.port(), CALLS, &[], &["-d", "1500", "-key", "ear", &key]);
    let far = far.listening();
    let rows: Vec<String> = (1..=CALLS)
        .map(|index| {
            let (agent, number) = (Tenant::agent(index), format!("08912{index:04}"));
            let proof = host.proof(&agent, "INVITE", &format!("sip:{number}@{}", host.sip));
            format!("{agent};{number};{proof}")
        })
        .collect();
    let more = ["-r", "10", "-key", "ear", &key];
    let phones = Sipp::start(host.scratch(), "agent_calls_out", host.sip, 0, CALLS, &rows, &more);
    let (phones, far) = (phones.done(), far.done());
    events.until_count("interaction-closed", CALLS, Duration::from_secs(20));

    let by = |rows: &[Row], what: &str, name: &str| -> BTreeMap<String, (String, f64)> {
        let rows = rows.iter().filter(|row| row.what() == what);
        rows.map(|row| (row.get(name).to_owned(), (row.get("to").to_owned(), row.get("at").parse().unwrap()))).collect()
    };
    let (begun, ended) = (by(&phones, "invite", "from"), by(&phones, "end", "from"));
    let reached = by(&far, "answered", "to");
    let expected: Vec<_> =
        (1..=CALLS).map(|index| (Tenant::agent(index), format!("08912{index:04}"), true, true)).collect();
    let mut told: Vec<_> = host
        .cdrs()
        .iter()
        .map(|cdr| {
            let (agent, number) = (cdr["from"].as_str().unwrap().to_owned(), cdr["to"].as_str().unwrap().to_owned());
            let legs = cdr["legs"].as_array().unwrap();
            let outside = legs
                .iter()
                .any(|leg| leg["role"] == "outside" && leg["party"] == number && leg["answered_at"].is_string());
            let measured = ended[&agent].1 - begun[&agent].1;
            let agrees = (cdr["duration_ms"].as_f64().unwrap() - measured).abs() <= 1_000.0;
            let at_the_far_end = reached.contains_key(&number);
            (agent, number, outside && at_the_far_end, agrees)
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, expected);
}
