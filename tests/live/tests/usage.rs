//! What plugins used, in sums that outlive the process which counted them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its calls")]

use std::{fs, time::Duration};

use plugboard_live::{Ear, Host, Tenant};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

fn run<'a>(host: &Host, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let output = host.command(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Started again with what the operator wrote into its file.
fn with_fuel(host: Host) -> Host {
    let file = host.scratch().join("plugboard.toml");
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().find(|line| line.starts_with("plugins = ")).unwrap();
    let table = line.replacen("plugins = ", "[plugins]\nfuel = true\nfolder = ", 1);
    fs::write(&file, text.replace(line, &table)).unwrap();
    restarted(host)
}

fn restarted(mut host: Host) -> Host {
    assert!(host.stop(), "it ends well");
    host.ended().start()
}

/// W11: a call leaves questions, CPU time and instructions in the sums of its tenant, which neither a restart nor the next one changes.
#[test]
fn a_calls_questions_and_their_fuel_are_told_after_a_restart_and_once() {
    let host = with_fuel(Host::start(&Tenant::default()));
    let mut events = host.events();
    let ear = Ear::open(Some(1));
    let phone = host.phone("agent", 1, &ear, 500);
    host.caller("caller", "4930900", "8001", &ear).done();
    phone.done();
    events.until_count("interaction-closed", 1, SOON);
    let metrics = host.metrics();
    assert!(metrics.contains("\nplugboard_plugin_fuel_total{tenant=\"live\",plugin=\"flow-graph\""), "{metrics}");

    let host = restarted(host);
    let said = run(&host, ["usage", "--json"]);
    let host = restarted(host);
    assert_eq!(run(&host, ["usage", "--json"]), said, "a restart counts nothing twice");
    let rows: Vec<Value> = serde_json::from_str(&said).unwrap();
    let flow = rows.iter().find(|row| row["plugin"] == "flow-graph").unwrap();
    let number = |field: &str| flow[field].as_u64().unwrap();
    assert_eq!((flow["tenant"].as_str(), number("failures"), number("http_calls")), (Some("live"), 0, 0), "{flow}");
    assert!(number("questions") >= 3 && number("cpu_us") > 0 && number("fuel") > 10_000, "{flow}");
    let table = run(&host, ["--lang", "zh", "usage"]);
    assert!(table.contains("指令数") && table.contains("flow-graph"), "{table}");
}
