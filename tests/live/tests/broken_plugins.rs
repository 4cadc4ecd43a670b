//! Components that really trap and really loop, under real calls.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its calls")]

#[path = "../../../host/plugin/tests/guests/by_hand.rs"]
mod by_hand;

use std::time::Duration;

use plugboard_live::{Ear, Host, Sipp, Surroundings, Tenant, count, free_port};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_caller_whose_flow_traps_or_never_ends_reaches_an_agent_by_the_exception_flow() {
    let components =
        [("traps", by_hand::step("unreachable")), ("loops", by_hand::step("(loop (br 0)) i32.const 1024"))];
    let host = Host::start_with(&Tenant::default(), Surroundings::default(), &components);
    let mut events = host.events();
    let ear = Ear::open(None);
    let key = ear.port.to_string();
    let mut told = Vec::new();
    for (calls, (plugin, number)) in [("traps", "8101"), ("loops", "8102")].into_iter().enumerate() {
        host.put(&format!("flows/{plugin}"), &json!({ "plugin": plugin, "document": "{}" }));
        host.put(&format!("numbers/{number}"), &json!({ "to": "flow", "name": plugin }));
        let port = free_port();
        host.register(&[Tenant::agent(1)], port);
        let more = ["-d", "500", "-key", "ear", &key];
        let phone = Sipp::start(host.scratch(), "agent", host.sip, port, 1, &[], &more).listening();
        let rows = [format!("4930;{number}")];
        Sipp::start(host.scratch(), "caller", host.sip, 0, 1, &rows, &["-key", "ear", &key]).done();
        phone.done();
        let all = events.until("the end of the call", SOON, |all| count(all, "interaction-closed") == calls + 1);
        let failed = all.iter().rfind(|event| event["type"] == "plugin-failed").cloned().unwrap_or_default();
        let cdr = host.cdrs().pop().unwrap();
        told.push([
            failed["plugin"].clone(),
            failed["reason"].clone(),
            cdr["queues"][0]["queue"].clone(),
            cdr["answered"].clone(),
        ]);
    }
    let [trapped, reason, ..] = &told[0];
    assert!(reason.as_str().is_some_and(|reason| reason.contains("trap")), "{trapped}: {reason}");
    let rest: Vec<Value> =
        told.into_iter().map(|[plugin, _, queue, answered]| json!([plugin, queue, answered])).collect();
    assert_eq!(rest, [json!(["traps", "sales", true]), json!(["loops", "sales", true])]);
}
