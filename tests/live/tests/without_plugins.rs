//! What is no core of a call centre can be absent: a host with one component, and with none.
#![allow(clippy::unwrap_used, reason = "a test of a process, its files and its calls")]

use std::{fs, time::Duration};

use expect_test::expect;
use plugboard_live::{Ear, Host, Surroundings, Tenant, count};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

const FLOW: &str = r#"{ "format": 1, "name": "straight", "language": "en", "start": "wait", "nodes": {
    "wait": { "kind": "queue", "queue": "sales", "hold_music": "music", "exits": { "timeout": "bye", "no_agents": "bye" } },
    "bye": { "kind": "hang-up" } } }"#;

/// Calls a number: the queue that took the call, whether an agent answered it, and how often a component failed it.
fn call(host: &Host, number: &str) -> Value {
    let seen = host.logged().last().map_or(0, |event| event["seq"].as_u64().unwrap());
    let (mut events, ear) = (host.events_after(seen), Ear::open(None));
    let phone = host.phone("agent", 1, &ear, 500);
    host.caller("caller", "4930", number, &ear).done();
    phone.done();
    let all = events.until("the end of the call", SOON, |all| count(all, "interaction-closed") == 1);
    let failed = count(all, "plugin-failed");
    let cdr = host.cdrs().pop().unwrap();
    json!([number, cdr["queues"][0]["queue"], cdr["answered"], failed])
}

/// What the host says of a tenant that wants one of each.
fn wanting_all(host: &Host) -> String {
    let more = [
        ("queues.toml", "policy = { plugin = \"route-skills\" }\n"),
        ("rules.toml", "[masking]\nplugin = \"rule-masking\"\n"),
        (
            "connectors.toml",
            "[crm]\nplugin = \"connector-rest\"\nsettings = { mapping = '{ \"base\": \"https://a.example\" }' }\n",
        ),
        ("channels.toml", "[sms]\nplugin = \"channel-webhook\"\nsettings = { send-url = \"https://a.example\" }\n"),
    ];
    let folder = host.tenant_folder();
    for (file, text) in more {
        let before = fs::read_to_string(folder.join(file)).unwrap_or_default();
        fs::write(folder.join(file), before + text).unwrap();
    }
    let output = host.command(["apply", &folder.display().to_string()]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    said.lines().filter(|line| line.contains("[unknown-")).map(|line| format!("{}\n", line.trim())).collect()
}

#[test]
fn calls_are_answered_with_one_component_and_with_none_and_what_is_absent_is_named() {
    let more =
        vec![("flows/straight.json", FLOW.to_owned()), ("numbers.toml", "8003 = { flow = \"straight\" }\n".to_owned())];
    let only = Surroundings { only: Some(&["flow-graph"]), ..Surroundings::default() };
    let host = Host::start_in(&Tenant { more, ..Tenant::default() }, only);
    let with_one = ["8003", "8002"].map(|number| call(&host, number));
    assert_eq!(json!(with_one), json!([["8003", "sales", true, 0], ["8002", "sales", true, 0]]));
    expect![[r#"
        queues.toml:8:1: there is no routing plugin route-skills [unknown-policy]
        rules.toml:1:2: there is no compliance plugin rule-masking [unknown-rule]
        connectors.toml:1:2: there is no connector plugin connector-rest [unknown-connector]
        channels.toml:1:2: there is no channel plugin channel-webhook [unknown-channel]
    "#]]
    .assert_eq(&wanting_all(&host));

    let killed = host.kill();
    fs::remove_dir_all(killed.plugin_folder()).unwrap();
    fs::create_dir_all(killed.plugin_folder()).unwrap();
    let host = killed.start();
    // The flow cannot be asked, and the tenant's exception flow, which is native, leads to the same queue.
    let with_none = ["8003", "8002"].map(|number| call(&host, number));
    assert_eq!(json!(with_none), json!([["8003", "sales", true, 1], ["8002", "sales", true, 0]]));
}
