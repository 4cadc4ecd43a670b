//! Every benchmark in its short form against a real host.
//!
//! The host is the one beside the load generator, or what `PLUGBOARD_BIN` and `PLUGBOARD_PLUGINS` name, as `cargo xtask test` does.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test is told from outside where the host is")]

use std::process::Command;

use serde_json::Value;

/// The object on the last line.
fn figures(benchmark: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plugboard-load"));
    command.args([benchmark, "--short", "--json"]);
    for (option, variable) in [("--host", "PLUGBOARD_BIN"), ("--plugins", "PLUGBOARD_PLUGINS")] {
        if let Some(value) = std::env::var_os(variable) {
            command.arg(option).arg(value);
        }
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

/// Names in order, those of inner objects after a dot.
fn names(figures: &Value) -> Vec<String> {
    let Value::Object(members) = figures else { return Vec::new() };
    let inner = |(name, value): (&String, &Value)| match names(value) {
        inner if inner.is_empty() => vec![name.clone()],
        inner => inner.iter().map(|inner| format!("{name}.{inner}")).collect(),
    };
    members.iter().flat_map(inner).collect()
}

#[test]
fn ivr_tells_the_cost_of_a_call_and_how_many_are_taken_cleanly() {
    let figures = figures("ivr");
    assert_eq!(names(&figures), ["clean_cps", "cpu_ms_per_call"]);
    // How clean a busy machine is says nothing; that a call costs something does.
    assert!(figures["cpu_ms_per_call"].as_f64() > Some(0.0), "{figures}");
}

#[test]
fn bridge_and_record_tell_the_cost_of_calls_that_stand() {
    let expected = [
        "cpu_pct_per_100",
        "invite_to_agent_ms.p50",
        "invite_to_agent_ms.p99",
        "relay_ms.p50",
        "relay_ms.p99",
        "rss_kib_per_call",
    ];
    assert_eq!(["bridge", "record"].map(|benchmark| names(&figures(benchmark))), [expected; 2]);
}

#[test]
fn queue_tells_how_soon_a_free_agent_rings() {
    let expected = ["0", "20", "40"]
        .into_iter()
        .flat_map(|waiting| ["p50", "p99"].map(|share| format!("agent_free_to_ring_ms.{waiting}.{share}")))
        .chain(["rss_kib_per_waiting".to_owned()]);
    assert_eq!(names(&figures("queue")), expected.collect::<Vec<_>>());
}
