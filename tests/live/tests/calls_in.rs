//! Calls from outside, through the menu and the queue, to agents' phones.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeMap, time::Duration};

use plugboard_live::{Ear, Host, Row, Sipp, Tenant, free_port};
use serde_json::Value;

const CALLS: usize = 100;

/// What both SIPps and the record say of one call.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    caller: String,
    queue: String,
    agent: String,
    answered: bool,
    ended_by: String,
    /// The caller's side and the agent's side are as long as SIPp measured, within a second.
    lengths_agree: bool,
    both_sides_recorded: bool,
}

#[test]
fn a_hundred_callers_press_a_key_and_each_record_says_what_both_phones_saw() {
    let agents: Vec<String> = (1..=CALLS).map(Tenant::agent).collect();
    let host = Host::start(&Tenant { agents: CALLS, ..Tenant::default() });
    let mut events = host.events();
    let (callers_ear, agents_ear) = (Ear::open(Some(1)), Ear::open(None));

    let ear = agents_ear.port.to_string();
    let port = free_port();
    host.register(&agents, port);
    let phones = Sipp::start(host.scratch(), "agent", host.sip, port, CALLS, &[], &["-d", "1500", "-key", "ear", &ear]);
    let phones = phones.listening();
    events.until_count("agent-state-changed", CALLS, Duration::from_secs(20));
    let rows: Vec<String> = (0..CALLS).map(|index| format!("4930{index:05};8001")).collect();
    let ear = callers_ear.port.to_string();
    let callers = Sipp::start(host.scratch(), "caller", host.sip, 0, CALLS, &rows, &["-r", "10", "-key", "ear", &ear]);
    let (callers, phones) = (callers.done(), phones.done());

    events.until_count("recording-closed", CALLS, Duration::from_secs(20));
    events.until_count("interaction-closed", CALLS, Duration::from_secs(20));
    let by_caller = |rows: &[Row], what: &str| -> BTreeMap<String, Row> {
        rows.iter().filter(|row| row.what() == what).map(|row| (row.get("from").to_owned(), row.clone())).collect()
    };
    let ticks = |row: &Row| row.get("at").parse::<f64>().unwrap();
    let (begun, ended) = (by_caller(&callers, "invite"), by_caller(&callers, "end"));
    let (answered, left) = (by_caller(&phones, "answered"), by_caller(&phones, "end"));
    let mut expected: Vec<Told> = begun
        .keys()
        .map(|caller| Told {
            caller: caller.clone(),
            queue: "sales".to_owned(),
            agent: answered[caller].get("to").to_owned(),
            answered: true,
            ended_by: "agent".to_owned(),
            lengths_agree: true,
            both_sides_recorded: true,
        })
        .collect();
    expected.sort_unstable();
    let mut told: Vec<Told> = host
        .cdrs()
        .iter()
        .map(|cdr| {
            let caller = cdr["from"].as_str().unwrap_or_default().to_owned();
            let agree = |ms: &Value, from: &BTreeMap<String, Row>, to: &BTreeMap<String, Row>| {
                from.contains_key(&caller)
                    && (ms.as_f64().unwrap() - (ticks(&to[&caller]) - ticks(&from[&caller]))).abs() <= 1_000.0
            };
            let recording = &cdr["recordings"][0];
            let loud = |side: &str| recording[side].as_f64().is_some_and(|dbfs| dbfs > -45.0);
            Told {
                queue: cdr["queues"][0]["queue"].as_str().unwrap_or_default().to_owned(),
                agent: cdr["agents"][0]["agent"].as_str().unwrap_or_default().to_owned(),
                answered: cdr["answered"] == true,
                ended_by: cdr["ended_by"].as_str().unwrap_or_default().to_owned(),
                lengths_agree: agree(&cdr["duration_ms"], &begun, &ended) && agree(&cdr["talk_ms"], &answered, &left),
                both_sides_recorded: loud("left_dbfs") && loud("right_dbfs"),
                caller,
            }
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, expected);
}
