//! A version that breaks is met by a caller, who hears the default, and by no one after.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its calls")]

#[path = "../../../host/plugin/tests/guests/by_hand.rs"]
mod by_hand;

use std::{path::Path, time::Duration};

use plugboard_live::{Ear, Host, Sipp, Surroundings, Tenant, count, free_port};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

fn run<'a>(host: &Host, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let output = host.command(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A pack of one flow, and of its document where it has one, as `plugboard pack build` makes it.
fn pack(host: &Host, version: &str, component: &[u8], document: Option<&str>) -> String {
    let folder = host.scratch().join(version);
    std::fs::create_dir_all(folder.join("flows")).unwrap();
    let folders = if document.is_some() { "[folders]\nflows = \"flows\"\n" } else { "" };
    let manifest = format!(
        "[pack]\nid = \"acme.ivr\"\nversion = \"{version}\"\ncontract = \"0.1.1\"\nlicence = \"MIT\"\nvendor = \"Acme\"\n\
         name = \"Menu\"\ndescription = \"A menu\"\n[components.menu]\nworld = \"flow\"\nfile = \"menu.wasm\"\n{folders}"
    );
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    std::fs::write(folder.join("menu.wasm"), component).unwrap();
    if let Some(document) = document {
        std::fs::write(folder.join("flows/main.json"), document).unwrap();
    }
    let file = folder.with_extension("pbpack").display().to_string();
    run(host, ["pack", "build", folder.to_str().unwrap(), "-o", &file]);
    file
}

fn flow_graph(host: &Host) -> Vec<u8> {
    let shipped = std::env::var_os("PLUGBOARD_PLUGINS").map(|folder| Path::new(&folder).join("flow-graph.wasm"));
    std::fs::read(shipped.unwrap_or_else(|| host.scratch().join("plugins/flow-graph.wasm"))).unwrap()
}

/// Takes packs that nobody signed.
fn development() -> Surroundings {
    Surroundings { limits: Some("drain = \"1s\"\n[packs]\ndevelopment_of = [\"live\"]\n"), ..Surroundings::default() }
}

fn call(host: &Host, ear: &Ear) {
    let key = ear.port.to_string();
    let port = free_port();
    host.register(&[Tenant::agent(1)], port);
    let more = ["-d", "500", "-key", "ear", &key];
    let phone = Sipp::start(host.scratch(), "agent", host.sip, port, 1, &[], &more).listening();
    let rows = ["4930;8101".to_owned()];
    Sipp::start(host.scratch(), "caller", host.sip, 0, 1, &rows, &["-key", "ear", &key]).done();
    phone.done();
}

#[test]
fn a_canary_that_traps_is_taken_back_while_its_caller_reaches_an_agent_and_the_next_one_hears_the_old_flow() {
    let host = Host::start_with(&Tenant::default(), development(), &[("unused", by_hand::step("unreachable"))]);
    let mut events = host.events();
    let good = pack(&host, "1.0.0", &flow_graph(&host), None);
    let bad = pack(&host, "1.1.0", &by_hand::step("unreachable"), None);
    run(&host, ["pack", "install", &good]);
    let menu = host.get("flows/menu");
    host.put("flows/versions", &json!({ "plugin": "acme.ivr/menu", "document": menu["document"] }));
    host.put("numbers/8101", &json!({ "to": "flow", "name": "versions" }));
    run(&host, ["pack", "upgrade", &bad, "--canary", "100%", "--budget", "minimum=20"]);
    let ear = Ear::open(Some(1));
    call(&host, &ear);
    events.until("the way back", SOON, |all| count(all, "rollout-unused") == 1);
    call(&host, &ear);
    let all = events.until("the end of the second call", SOON, |all| count(all, "interaction-closed") == 2);
    let traces = run(&host, ["pack", "trace", "acme.ivr/menu", "--json"]);
    let trapped: Vec<Value> = traces.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let trapped: Vec<_> = trapped.iter().filter(|trace| trace["outcome"] == "trapped").collect();
    let first = all.iter().find(|event| event["type"] == "plugin-failed").unwrap();
    let [trace] = &trapped[..] else { panic!("one question that trapped: {traces}") };
    assert_eq!((&trace["question"], &trace["interaction"]), (&json!("step"), &first["interaction"]), "{trace}");
    let told = |event: &&Value| {
        let kind = event["type"].as_str().unwrap_or_default();
        kind.starts_with("rollout-") || kind == "plugin-failed" || kind == "flow-visited"
    };
    let line = |event: &Value| match event["type"].as_str().unwrap() {
        "flow-visited" => format!("visited {}", event["node"].as_str().unwrap()),
        kind => format!("{kind} {}", event["version"].as_str().unwrap_or_default()).trim().to_owned(),
    };
    let mut story: Vec<String> = all.iter().filter(told).map(line).collect();
    story.dedup();
    let at = |kind: &str| all.iter().find(|event| event["type"] == kind).unwrap()["at"].as_str().unwrap().to_owned();
    let (failed, back) = (at("plugin-failed"), at("rollout-rolled-back"));
    let cdrs: Vec<bool> = host.cdrs().iter().map(|cdr| cdr["answered"] == true).collect();
    assert!(seconds(&back) - seconds(&failed) < 5.0, "{failed} to {back}");
    assert_eq!(
        (story.join(", "), cdrs),
        (
            "rollout-canary 1.1.0, plugin-failed, rollout-rolled-back 1.0.0, rollout-unused 1.1.0, visited start, \
             visited choose, visited wait"
                .to_owned(),
            vec![true, true]
        )
    );
}

#[test]
fn a_canary_of_a_twentieth_that_its_callers_hang_up_on_is_taken_back_within_a_minute_and_nobody_else_heard_it() {
    const CALLERS: usize = 400;
    let tenant = Tenant { record: false, ..Tenant::default() };
    let host = Host::start_with(&tenant, development(), &[]);
    let mut events = host.events();
    // The old version says goodbye; the new one leaves its callers waiting for nothing.
    let document = |second: &str| {
        format!(
            r#"{{"format": 1, "name": "main", "language": "en", "start": "start", "nodes": {{
                "start": {{ "kind": "start", "exits": {{ "next": "{second}" }} }},
                "choose": {{ "kind": "menu", "prompt": "menu", "timeout_ms": 30000, "retries": 0,
                             "exits": {{ "1": "bye", "no_input": "bye", "no_match": "bye" }} }},
                "bye": {{ "kind": "hang-up", "prompt": "sorry" }} }}, "exception": {{ "prompt": "sorry" }} }}"#
        )
    };
    let packs = [("1.0.0", "bye"), ("1.1.0", "choose")];
    let [good, bad] = packs.map(|(version, second)| pack(&host, version, &flow_graph(&host), Some(&document(second))));
    run(&host, ["pack", "install", &good]);
    host.put("flows/versions", &json!({ "plugin": "acme.ivr/menu", "document": "pack:acme.ivr/main" }));
    host.put("numbers/8101", &json!({ "to": "flow", "name": "versions" }));
    run(&host, ["pack", "upgrade", &bad, "--canary", "5%", "--budget", "hang-ups=20%,minimum=8"]);
    let ear = Ear::open(None);
    let key = ear.port.to_string();
    let callers = |numbers: &mut dyn Iterator<Item = String>| {
        let rows: Vec<_> = numbers.map(|number| format!("{number};8101")).collect();
        let more = ["-key", "ear", &key, "-r", "20"];
        let sipp = Sipp::start(host.scratch(), "caller_leaves_a_menu", host.sip, 0, rows.len(), &rows, &more);
        sipp.done().iter().map(|row| row.get("from").to_owned()).collect::<Vec<_>>()
    };
    let left = callers(&mut (0..CALLERS).map(|number| format!("1380013{number:04}")));
    let all = events.until("the end of all", SOON, |all| count(all, "interaction-closed") == CALLERS);
    let back = all.iter().position(|event| event["type"] == "rollout-rolled-back").expect("it is taken back");
    let at = |event: &Value| event["at"].as_str().unwrap().to_owned();
    let tried = all.iter().find(|event| event["type"] == "rollout-canary").unwrap();
    let took = (seconds(&at(&all[back])) - seconds(&at(tried))).rem_euclid(3_600.0);
    let begun_after = |event: &Value| {
        all[back..]
            .iter()
            .any(|later| later["type"] == "interaction-offered" && later["interaction"] == event["interaction"])
    };
    let heard: Vec<&Value> = all.iter().filter(|event| event["node"] == "choose").collect();
    assert!(took < 60.0, "{took} s");
    assert_eq!(
        (heard.len(), heard.iter().any(|event| begun_after(event)), heard.len() < CALLERS / 10),
        (left.len(), false, true)
    );
    // Whoever had left calls again, and hears the old version.
    assert_eq!(callers(&mut left.into_iter()), Vec::<String>::new());
}

/// Of the minute, and of the hour; a test that runs over its end is rare enough.
fn seconds(at: &str) -> f64 {
    let [minute, second] = [14..16, 17..at.len() - 1].map(|part| at[part].parse::<f64>().unwrap());
    60.0 * minute + second
}
