//! The main job in one command.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its files")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use plugboard_live::{Ear, Events, Sipp};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The demo's last line, and whether the recording is as it says.
fn play(number: &str) -> (Value, String, Vec<&'static str>) {
    let data = std::env::temp_dir().join(format!("plugboard-demo-{number}-{}", std::process::id()));
    let folder = data.display().to_string();
    let output = plugboard_live::demo(["--once", "--json", "--dial", number, "--data", &folder]).output().unwrap();
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    let told: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let file = std::fs::read(told["recording"]["path"].as_str().unwrap()).unwrap();
    let sum = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    let _ = std::fs::remove_dir_all(data);
    // With --json the ladder is in the log.
    let rows = ["INVITE", "connected with", "recording starts", "recorded"];
    let missing = rows.into_iter().filter(|row| !log.lines().any(|line| line.contains(row))).collect();
    (told, sum, missing)
}

#[track_caller]
fn claim(number: &str, agent: &str) {
    let (told, sum, missing) = play(number);
    assert!(missing.is_empty(), "the ladder lacks {missing:?}");
    let recording = &told["recording"];
    let loud = |side: &str| recording[side].as_f64().is_some_and(|dbfs| dbfs > -45.0);
    let path: Vec<&str> = told["path"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
    assert_eq!(
        (&told["answered"], &told["queue"], &told["agent"], &recording["sha256"]),
        (&Value::from(true), &Value::from("sales"), &Value::from(agent), &Value::from(sum)),
        "{told}"
    );
    assert!(loud("caller_dbfs") && loud("agent_dbfs"), "both sides are heard: {recording}");
    assert!(recording["seconds"].as_f64().is_some_and(|seconds| seconds > 3.0), "{recording}");
    assert_eq!(told["cdr"]["interaction"], 1, "{told}");
    assert!(path.contains(&"menu:1"), "the key 1 led on: {path:?}");
    assert!(told["agent_free_to_ringing_ms"].as_f64().is_some_and(|ms| (0.0..1_000.0).contains(&ms)), "{told}");
}

/// What it prints once it stays up: the address in the line that begins with `name`.
fn printed<'a>(lines: &'a [String], name: &str, before: &str) -> &'a str {
    let line = lines.iter().find(|line| line.trim_start().starts_with(name)).unwrap();
    let rest = &line[line.find(before).unwrap() + before.len()..];
    rest.split([' ', ',', '/', ')']).next().unwrap()
}

/// A demo that must not outlive its test.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn stay_up() {
    let data = std::env::temp_dir().join(format!("plugboard-demo-up-{}", std::process::id()));
    let mut command = plugboard_live::demo(["--data", &data.display().to_string()]);
    let mut demo = Up(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = Vec::new();
    for line in BufReader::new(demo.0.stdout.take().unwrap()).lines().map_while(Result::ok) {
        let last = line.starts_with("Ctrl-C");
        lines.push(line);
        if last {
            break;
        }
    }
    let (api, token) = (printed(&lines, "status page", "http://"), printed(&lines, "status page", "token "));
    let sip = printed(&lines, "SIP phone", "server ").parse().unwrap();
    let page = ureq::get(format!("http://{api}/")).call().unwrap().status().as_u16();
    let mut events = Events::follow(api.parse().unwrap(), token, printed(&lines, "command line", "--tenant "), 0);
    let ear = Ear::open(None);
    let caller =
        Sipp::start(&data, "caller", sip, 0, 1, &["4930;8001".to_owned()], &["-key", "ear", &ear.port.to_string()]);
    events.until("the second caller", Duration::from_secs(20), |all| {
        let second = |event: &&Value| event["type"] == "leg-answered" && event["interaction"] == 2;
        all.iter().any(|event| second(&event))
    });
    assert!(Command::new("kill").arg(demo.0.id().to_string()).status().unwrap().success());
    let ended = demo.0.wait().unwrap();
    // It was answered, and hung up when the demo ended.
    caller.done();
    let _ = std::fs::remove_dir_all(data);
    assert_eq!((page, ended.code()), (200, Some(0)), "{}", lines.join("\n"));
}

/// One after the other, as a person would: all want the usual ports.
#[test]
fn the_demo_shows_an_answered_and_recorded_call_in_two_languages_and_stays_up_for_more_until_it_is_told_to_end() {
    claim("8001", "amy");
    claim("8000", "lily");
    stay_up();
}
