//! The main job in one command.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its files")]

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The demo's last line, and whether the recording is as it says.
fn play(number: &str) -> (Value, String) {
    let data = std::env::temp_dir().join(format!("plugboard-demo-{number}-{}", std::process::id()));
    let folder = data.display().to_string();
    let output = plugboard_live::demo(["--once", "--json", "--dial", number, "--data", &folder]).output().unwrap();
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    let told: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let file = std::fs::read(told["recording"]["path"].as_str().unwrap()).unwrap();
    let sum = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    let _ = std::fs::remove_dir_all(data);
    (told, sum)
}

#[track_caller]
fn claim(number: &str, agent: &str) {
    let (told, sum) = play(number);
    let recording = &told["recording"];
    let loud = |side: &str| recording[side].as_f64().is_some_and(|dbfs| dbfs > -45.0);
    let path: Vec<&str> = told["path"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
    assert_eq!(
        (&told["answered"], &told["queue"], &told["agent"], &recording["sha256"]),
        (&Value::from(true), &Value::from("sales"), &Value::from(agent), &Value::from(sum)),
        "{told}"
    );
    assert!(loud("caller_dbfs") && loud("agent_dbfs"), "both sides are heard: {recording}");
    assert!(path.contains(&"menu:1"), "the key 1 led on: {path:?}");
    assert!(told["agent_free_to_ringing_ms"].as_f64().is_some_and(|ms| (0.0..1_000.0).contains(&ms)), "{told}");
}

/// One after the other, as a person would: both want the usual ports.
#[test]
fn the_demo_ends_with_an_answered_and_recorded_call_in_english_and_in_chinese() {
    claim("8001", "amy");
    claim("8000", "lily");
}
