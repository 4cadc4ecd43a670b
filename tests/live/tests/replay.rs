//! Calls that were, through another document, by the command line of a real host.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its calls")]

use std::time::Duration;

use plugboard_live::{Ear, Host, Sipp, Tenant, count, free_port};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn yesterdays_calls_tell_what_a_document_would_change_before_it_is_applied() {
    let host = Host::start(&Tenant::default());
    let mut events = host.events();
    let ear = Ear::open(Some(1));
    let key = ear.port.to_string();
    let port = free_port();
    host.register(&[Tenant::agent(1)], port);
    let more = ["-d", "500", "-key", "ear", &key];
    let phone = Sipp::start(host.scratch(), "agent", host.sip, port, 1, &[], &more).listening();
    Sipp::start(host.scratch(), "caller", host.sip, 0, 1, &["4930;8001".to_owned()], &["-key", "ear", &key]).done();
    phone.done();
    events.until("the end of the call", SOON, |all| count(all, "interaction-closed") == 1);

    let flow = host.get("flows/menu");
    let document = flow["document"].as_str().unwrap();
    let other = host.scratch().join("other.json");
    std::fs::write(&other, document.replace(r#""1": "wait", "2": "bye""#, r#""1": "bye", "2": "wait""#)).unwrap();
    let replay = |flow: &str| {
        let output = host.command(["replay", "--json", "--flow", flow]).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        ["runs", "same", "path_changed", "failed", "left_out"].map(|name| told[name].as_u64().unwrap())
    };
    assert_eq!(replay("menu"), [1, 1, 0, 0, 0]);
    assert_eq!(replay(&format!("menu@{}", other.display())), [1, 0, 1, 0, 0]);
}
