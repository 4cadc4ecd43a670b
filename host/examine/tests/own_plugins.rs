//! Our own plugins keep the contract that we ask of others.
#![allow(clippy::disallowed_methods, reason = "builds components, as an author does")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use expect_test::expect;
use plugboard_examine::Examiner;
use plugboard_kit::{Case, Instance};
use plugboard_phrases::Language;
use plugboard_plugin::Terms;
use serde_json::{Value, json};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The component of a package of `plugins/`, built once a run. Needs the target wasm32-unknown-unknown.
fn component(package: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let plugins = repository().join("plugins");
        let target = plugins.join("target");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--target", "wasm32-unknown-unknown", "--manifest-path"])
            .arg(plugins.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "plugins build (rustup target add wasm32-unknown-unknown)");
        target.join("wasm32-unknown-unknown/release")
    });
    let module = folder.join(package.replace('-', "_") + ".wasm");
    plugboard_componentize::componentize(&std::fs::read(module).expect("the module was built")).expect("a component")
}

fn examined(package: &str, cases: &str) -> String {
    let cases = Case::read("cases.json", cases.as_bytes()).expect("cases");
    let mut examiner = Examiner::load(&component(package), None, Terms::default()).expect("a component");
    examiner.examine(package, &cases).text(Language::English)
}

#[test]
fn policies_keep_the_contract() {
    let last_agent = include_str!("../../../examples/plugins/rust/routing/tests/last-agent.json");
    let told = [
        examined("route-last-agent", last_agent),
        examined("route-longest-idle", "[]"),
        examined("route-skills", "[]"),
        examined("route-vip-sticky", "[]"),
    ];
    expect![[r#"
        route-last-agent (routing): passed; questions 50, cases of its own 2
        route-longest-idle (routing): passed; questions 48, cases of its own 0
        route-skills (routing): passed; questions 48, cases of its own 0
        route-vip-sticky (routing): passed; questions 48, cases of its own 0
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn flows_keep_the_contract() {
    let flow = std::fs::read_to_string(repository().join("examples/demo/flows/main-en.json")).expect("a flow");
    let graph = format!(r#"{{ "name": "front desk", "settings": {{ "document": {flow} }}, "asks": [] }}"#);
    let told = [examined("flow-graph", &graph), examined("flow-office", "[]")];
    expect![[r#"
        flow-graph (flow): passed; questions 315, cases of its own 1
        flow-office (flow): passed; questions 250, cases of its own 0
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn rules_keep_the_contract() {
    let with = |settings: &str| format!(r#"{{ "name": "settings", "settings": {{ {settings} }}, "asks": [] }}"#);
    let told = [
        examined("rule-calling-hours", "[]"),
        examined("rule-masking", "[]"),
        examined("rule-payment-pause", "[]"),
        examined("rule-recording-consent", &with(r#""prompt": "recorded.wav""#)),
        examined(
            "rule-script-watch",
            &with(r#""required": "greeting: good morning | 您好", "forbidden": "promise: guaranteed | 保证""#),
        ),
    ];
    expect![[r#"
        rule-calling-hours (compliance): passed; questions 13, cases of its own 0
        rule-masking (compliance): passed; questions 66, cases of its own 0
        rule-payment-pause (compliance): passed; questions 34, cases of its own 0
        rule-recording-consent (compliance): passed; questions 48, cases of its own 1
        rule-script-watch (compliance): passed; questions 56, cases of its own 1
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn connectors_and_channels_keep_the_contract() {
    let told = [
        examined("connector-rest", include_str!("../../../plugins/connector-rest/tests/crm.json")),
        examined("channel-webhook", include_str!("../../../plugins/channel-webhook/tests/platform.json")),
    ];
    expect![[r#"
        connector-rest (connector): passed; questions 349, cases of its own 1
        channel-webhook (channel): passed; questions 149, cases of its own 1
    "#]]
    .assert_eq(&told.concat());
}

/// Requests and answers as the other systems document them; their people are made up.
#[test]
fn mappings_of_known_systems_send_what_these_document_and_understand_what_they_answer() {
    let told = ["hubspot", "odoo"].map(|system| {
        let folder = repository().join("plugins/connector-rest/mappings").join(system);
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).expect("a file of the mapping");
        let mapping: Value = serde_json::from_str(&read(&format!("{system}.json"))).expect("a mapping");
        let mut cases: Value = serde_json::from_str(&read("cases.json")).expect("cases");
        for case in cases.as_array_mut().into_iter().flatten() {
            case["settings"] = json!({ "mapping": mapping });
        }
        // What the host is told to allow is what the cases reach, and its secret theirs.
        let connectors = read("connectors.toml");
        let granted = |name: &str| cases[0][name].to_string();
        let secret = cases[0]["secrets"].as_object().and_then(|secrets| secrets.keys().next()).expect("a secret");
        assert!(connectors.contains(&format!("allow = {}", granted("hosts"))), "{connectors}");
        assert!(connectors.contains(&format!("[crm.secrets.{secret}]")), "{connectors}");
        format!("{system}: {}", examined("connector-rest", &cases.to_string()))
    });
    expect![[r#"
        hubspot: connector-rest (connector): passed; questions 529, cases of its own 1
        odoo: connector-rest (connector): passed; questions 498, cases of its own 1
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn one_question_is_answered_as_the_host_would_hear_it() {
    let question = r#"{ "tables": { "attributes": ["last-agent"] }, "ask": { "rank-agents": {
        "who": { "number": 1, "queue": 0, "priority": 5, "channel": 0, "waited_ms": 0, "value": 0 },
        "candidates": [
            { "number": 1, "levels": 0, "idle_ms": 9, "taken_today": 0, "load_permille": 0 },
            { "number": 2, "levels": 0, "idle_ms": 5, "taken_today": 0, "load_permille": 0 } ],
        "columns": [ { "attribute": 0, "values": [0, 1] } ] } } }"#;
    let question = serde_json::from_str(question).expect("a question");
    let mut examiner = Examiner::load(&component("route-last-agent"), None, Terms::default()).expect("a policy");
    let told = examiner.ask(&question, Instance::New);
    assert_eq!(told.json().to_string(), r#"{"order":{"again_ms":null,"numbers":[2,1]}}"#);
}
