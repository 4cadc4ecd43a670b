//! Two carriers of one group, each a SIPp, and one of them cut off in the middle of the load.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of processes and files")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use plugboard_live::{Ear, Host, Row, Sipp, Tenant, free_port};
use serde_json::Value;

const CALLS: usize = 60;
const A_SECOND: &str = "20";
const TALK_MS: f64 = 4_000.0;
const SOON: Duration = Duration::from_secs(30);

/// What became of the calls while one carrier was cut.
struct Cut {
    /// Milliseconds from each agent's INVITE until it rang.
    rang_after: Vec<f64>,
    /// Milliseconds from the answer to the end, of each agent's call.
    talked: Vec<f64>,
    /// Ways that calls were tried by, in order.
    ways: Vec<String>,
}

/// Agents call out at an even pace; once ten of them were answered, the first carrier is killed.
fn cut() -> Cut {
    let [first, second] = [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
    let trunk = |name, peer| format!("[{name}]\npeers = [\"{peer}\"]\nping = \"0s\"\n");
    let trunks = trunk("first", first) + &trunk("second", second);
    let host = Host::start(&Tenant { agents: CALLS, more: vec![("trunks.toml", trunks)], ..Tenant::default() });
    let mut events = host.events();
    let ear = Ear::open(None);
    let key = ["-key", "ear", &ear.port.to_string()].map(str::to_owned);
    let run = |scenario, port, rows: &[String], more: &[&str]| {
        let more: Vec<&str> = more.iter().copied().chain(key.iter().map(String::as_str)).collect();
        Sipp::start(host.scratch(), scenario, host.sip, port, CALLS, rows, &more)
    };
    let [carrier, other] = [first, second].map(|at| run("agent_until_hung_up", at.port(), &[], &[]).listening());
    let row = |agent: String, number: String| {
        let proof = host.proof(&agent, "INVITE", &format!("sip:{number}@{}", host.sip));
        format!("{agent};{number};{proof}")
    };
    let rows: Vec<String> = (1..=CALLS).map(|index| row(Tenant::agent(index), format!("08912{index:04}"))).collect();
    let talk = format!("{TALK_MS}");
    let out = run("agent_calls_out_and_hangs_up", 0, &rows, &["-r", A_SECOND, "-d", &talk]);
    let outside = |all: &[Value]| all.iter().filter(|event| event["type"] == "leg-answered").count();
    // Both legs of each.
    events.until("20 × leg-answered", SOON, |all| outside(all) >= 20);
    drop(carrier);
    let log = out.done();
    let told = events.until_count("interaction-closed", CALLS, SOON);
    let routed = told.iter().filter(|event| event["type"] == "leg-routed");
    let ways = routed.map(|event| event["trunk"].as_str().unwrap().to_owned()).collect();
    drop(other);
    let times = |what: &str| -> BTreeMap<String, f64> {
        let rows = log.iter().filter(|row| row.what() == what);
        rows.map(|row: &Row| (row.get("from").to_owned(), row.get("at").parse().unwrap())).collect()
    };
    let from_to = |from: &str, to: &str| -> Vec<f64> {
        let (from, to) = (times(from), times(to));
        from.iter().filter_map(|(agent, at)| Some(to.get(agent)? - at)).collect()
    };
    Cut { rang_after: from_to("invite", "ringing"), talked: from_to("picked_up", "end"), ways }
}

impl Cut {
    fn check(&self) {
        let longest = self.rang_after.iter().copied().fold(0.0, f64::max);
        let went_over = self.ways.len() - CALLS;
        println!("{CALLS} calls, {went_over} went over to the other carrier; INVITE to 180 at most {longest} ms");
        assert_eq!(self.ways.iter().map(String::as_str).collect::<BTreeSet<_>>(), ["first", "second"].into());
        assert!(went_over > 0, "nobody met the carrier that was cut");
        assert_eq!((self.rang_after.len(), self.talked.len()), (CALLS, CALLS));
        assert!(longest <= 2_000.0, "INVITE to 180: {longest} ms");
        // The agents hang up, and nobody before them.
        let shortest = self.talked.iter().copied().fold(f64::MAX, f64::min);
        assert!(shortest >= TALK_MS, "a call was lost after {shortest} ms");
    }
}

#[test]
fn killed_carrier_costs_no_call_on_the_other_and_the_next_ring_there_within_two_seconds() {
    cut().check();
}
