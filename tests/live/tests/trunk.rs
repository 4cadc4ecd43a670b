//! A hundred calls in and a hundred calls out over one trunk, with SIPp at both ends, and what is left of each.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of processes and files")]

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use plugboard_live::{Ear, Host, Row, Sipp, Tenant, free_port};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const CALLS: usize = 100;
const SOON: Duration = Duration::from_secs(30);
/// The longest that a caller may wait for the first sign of life, 95 of 100 times.
const FIRST_SIGN_MS: f64 = 200.0;

/// What both SIPps and the record say of one call.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    from: String,
    to: String,
    agent: String,
    ended_by: String,
    /// The near side's and the far side's are as long as SIPp measured, within a second.
    lengths_agree: bool,
}

/// What SIPp logged of its calls, by party.
struct Log(BTreeMap<(String, String), Row>);

impl Log {
    /// `party`: the field that tells calls apart, `from` or `to`.
    fn by(party: &str, rows: &[Row]) -> Self {
        let key = |row: &Row| (row.what().to_owned(), row.get(party).to_owned());
        Self(rows.iter().map(|row| (key(row), row.clone())).collect())
    }

    fn row(&self, what: &str, party: &str) -> Option<&Row> {
        self.0.get(&(what.to_owned(), party.to_owned()))
    }

    /// Milliseconds from one thing that befell the party to another.
    fn ms(&self, what: &str, then: &str, party: &str) -> Option<f64> {
        let at = |what| self.row(what, party)?.get("at").parse::<f64>().ok();
        Some(at(then)? - at(what)?)
    }
}

fn agrees(ms: &Value, measured: Option<f64>) -> bool {
    ms.as_f64().zip(measured).is_some_and(|(told, measured)| (told - measured).abs() <= 1_000.0)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn p95(mut measured: Vec<f64>) -> f64 {
    measured.sort_by(f64::total_cmp);
    measured[measured.len() * 95 / 100]
}

#[test]
fn a_hundred_calls_in_and_a_hundred_out_leave_records_that_say_what_both_ends_saw() {
    let trunk = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let host = Host::start(&Tenant { agents: 2 * CALLS, trunk: Some(trunk), ..Tenant::default() });
    let mut events = host.events();
    // Agents 1 to 100 are called, 101 to 200 call out.
    let answering: Vec<String> = (1..=CALLS).map(Tenant::agent).collect();
    let calling: Vec<(String, String)> =
        (1..=CALLS).map(|index| (Tenant::agent(CALLS + index), format!("08912{index:04}"))).collect();
    let (callers_ear, others_ear) = (Ear::open(Some(1)), Ear::open(None));
    let (callers_key, others_key) = (callers_ear.port.to_string(), others_ear.port.to_string());

    let port = free_port();
    host.register(&answering, port);
    let run = |scenario, port, rows: &[String], more: &[&str]| {
        Sipp::start(host.scratch(), scenario, host.sip, port, CALLS, rows, more)
    };
    let phones = run("agent", port, &[], &["-d", "1500", "-key", "ear", &others_key]).listening();
    let far = run("agent", trunk.port(), &[], &["-d", "1500", "-key", "ear", &others_key]).listening();
    events.until_count("agent-state-changed", CALLS, SOON);
    let rows: Vec<String> = (0..CALLS).map(|index| format!("4930{index:05};8001")).collect();
    let callers = run("caller", 0, &rows, &["-r", "10", "-key", "ear", &callers_key]);
    let rows: Vec<String> = calling
        .iter()
        .map(|(agent, number)| {
            let proof = host.proof(agent, "INVITE", &format!("sip:{number}@{}", host.sip));
            format!("{agent};{number};{proof}")
        })
        .collect();
    let out = run("agent_calls_out", 0, &rows, &["-r", "10", "-key", "ear", &others_key]);
    let [callers, phones, out] = [callers, phones, out].map(|sipp| Log::by("from", &sipp.done()));
    let far = Log::by("to", &far.done());
    events.until_count("interaction-closed", 2 * CALLS, SOON);
    let told = events.until_count("recording-closed", CALLS, SOON).to_vec();

    let cdrs = host.cdrs();
    let record = |cdr: &Value| {
        let (from, to) = (text(&cdr["from"]), text(&cdr["to"]));
        let lengths_agree = match outside_leg(cdr) {
            None => {
                agrees(&cdr["duration_ms"], callers.ms("invite", "end", &from))
                    && agrees(&cdr["talk_ms"], phones.ms("answered", "end", &from))
            }
            // Nobody distributed this call: its talk is the far end's leg.
            Some(leg) => {
                agrees(&cdr["duration_ms"], out.ms("invite", "end", &from))
                    && agrees(&lasted(&leg["answered_at"], &leg["ended_at"]), far.ms("answered", "end", &to))
            }
        };
        let agent = outside_leg(cdr).map_or_else(|| text(&cdr["agents"][0]["agent"]), |_| from.clone());
        Told { from, to, agent, ended_by: text(&cdr["ended_by"]), lengths_agree }
    };
    let inbound = (0..CALLS).map(|index| {
        let from = format!("4930{index:05}");
        let agent = phones.row("answered", &from).map(|row| row.get("to").to_owned()).unwrap_or_default();
        Told { from, to: "8001".to_owned(), agent, ended_by: "agent".to_owned(), lengths_agree: true }
    });
    let outbound = calling.iter().map(|(agent, number)| Told {
        from: agent.clone(),
        to: number.clone(),
        agent: agent.clone(),
        ended_by: "outside".to_owned(),
        lengths_agree: true,
    });
    let mut expected: Vec<Told> = inbound.chain(outbound).collect();
    let mut recorded: Vec<Told> = cdrs.iter().map(record).collect();
    expected.sort_unstable();
    recorded.sort_unstable();
    assert_eq!(recorded, expected);

    assert_eq!(wrong_recordings(&host, &cdrs, &told), Vec::<String>::new());

    let of_callers = (0..CALLS).filter_map(|index| callers.ms("invite", "picked_up", &format!("4930{index:05}")));
    let of_agents = calling.iter().filter_map(|(agent, _)| out.ms("invite", "ringing", agent));
    let (picked_up, ringing) = (p95(of_callers.collect()), p95(of_agents.collect()));
    println!("p95 of {CALLS}: INVITE to 200 of the menu {picked_up} ms, INVITE to 180 of the far end {ringing} ms");
    assert!(picked_up <= FIRST_SIGN_MS && ringing <= FIRST_SIGN_MS, "p95 {picked_up} and {ringing} ms");
}

/// The party beyond the trunk whom an agent called.
fn outside_leg(cdr: &Value) -> Option<&Value> {
    cdr["legs"].as_array()?.iter().find(|leg| leg["role"] == "outside")
}

/// Milliseconds between two times of one record, which are in UTC: `2026-11-22T14:15:23.495Z`.
fn lasted(from: &Value, to: &Value) -> Value {
    const DAY_MS: f64 = 86_400_000.0;
    let ms_of_day = |time: &Value| -> Option<f64> {
        let (_, clock) = time.as_str()?.trim_end_matches('Z').split_once('T')?;
        let parts: Vec<f64> = clock.split(':').map(|part| part.parse().unwrap_or(f64::NAN)).collect();
        Some(((parts[0] * 60.0 + parts[1]) * 60.0 + parts[2]) * 1_000.0)
    };
    ms_of_day(from).zip(ms_of_day(to)).map(|(from, to)| (to - from).rem_euclid(DAY_MS)).into()
}

/// Each inbound call has one recording as long as its talk, both sides audible, whose file has the sum that the log, the record and the API state.
fn wrong_recordings(host: &Host, cdrs: &[Value], told: &[Value]) -> Vec<String> {
    let closed: BTreeMap<u64, &Value> = told
        .iter()
        .filter(|event| event["type"] == "recording-closed")
        .map(|event| (event["recording"].as_u64().unwrap(), event))
        .collect();
    let mut wrong = Vec::new();
    for cdr in cdrs.iter().filter(|cdr| outside_leg(cdr).is_none()) {
        let [recording] = &cdr["recordings"].as_array().unwrap()[..] else {
            wrong.push(format!("not one recording: {cdr}"));
            continue;
        };
        let id = recording["recording"].as_u64().unwrap();
        let (_, _, bytes) = host.fetch(&format!("recordings/{id}"), &[]);
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let seconds = hound::WavReader::new(&bytes[..]).map(|wav| f64::from(wav.duration()) / 8_000.0).unwrap_or(0.0);
        let talked = (cdr["talk_ms"].as_f64().unwrap() + cdr["hold_ms"].as_f64().unwrap()) / 1_000.0;
        let loud = |side: &str| recording[side].as_f64().is_some_and(|dbfs| dbfs > -45.0);
        let sums_agree = recording["sha256"] == sum && closed.get(&id).is_some_and(|event| event["sha256"] == sum);
        if !(sums_agree && (seconds - talked).abs() <= 1.0 && loud("left_dbfs") && loud("right_dbfs")) {
            wrong.push(format!("{seconds} s, sum {sum}: {cdr}"));
        }
    }
    wrong
}

#[test]
fn a_caller_of_an_agent_is_told_that_it_rings_without_delay() {
    const PHONES: usize = 40;
    let host = Host::start(&Tenant { agents: PHONES, ..Tenant::default() });
    let ear = Ear::open(None);
    let (key, port) = (ear.port.to_string(), free_port());
    let agents: Vec<String> = (1..=PHONES).map(Tenant::agent).collect();
    host.register(&agents, port);
    let more = ["-d", "300", "-key", "ear", &key];
    let phones = Sipp::start(host.scratch(), "agent", host.sip, port, PHONES, &[], &more).listening();
    let rows: Vec<String> = (1..=PHONES).map(|index| format!("4930{index:05};{}", 7_000 + index)).collect();
    let more = ["-r", "20", "-key", "ear", &key];
    let callers = Log::by("from", &Sipp::start(host.scratch(), "caller", host.sip, 0, PHONES, &rows, &more).done());
    phones.done();
    let measured: Vec<f64> =
        (1..=PHONES).filter_map(|index| callers.ms("invite", "ringing", &format!("4930{index:05}"))).collect();
    assert_eq!(measured.len(), PHONES);
    let p95 = p95(measured);
    println!("INVITE to 180, p95 of {PHONES}: {p95} ms");
    assert!(p95 <= FIRST_SIGN_MS, "INVITE to 180: p95 {p95} ms");
}
