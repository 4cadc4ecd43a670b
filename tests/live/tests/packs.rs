//! A vendor's flow and sounds, heard by callers; another version is heard by those who call after it came.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its calls")]

#[path = "../../../host/plugin/tests/guests/by_hand.rs"]
mod by_hand;

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    sync::mpsc::channel,
    time::Duration,
};

use plugboard_live::{Ear, Host, Sound, Surroundings, Tenant, tone};
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

const MENU: &str = r#"{
  "format": 1, "name": "menu", "language": "en", "start": "start",
  "nodes": {
    "start": { "kind": "start", "exits": { "next": "hello" } },
    "hello": { "kind": "play", "prompt": "acme.ivr/welcome", "exits": { "done": "bye" } },
    "bye": { "kind": "hang-up", "prompt": "acme.ivr/bye" }
  },
  "exception": { "prompt": "sorry" }
}"#;

fn run<'a>(host: &Host, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let output = host.command(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Its tenant takes packs that nobody signed.
fn host() -> Host {
    let limits = Some("drain = \"1s\"\n[packs]\ndevelopment_of = [\"live\"]\n");
    Host::start_in(&Tenant::default(), Surroundings { limits, ..Surroundings::default() })
}

/// A pack of these files, beside its manifest, which ends with `more`.
fn pack(host: &Host, id: &str, version: &str, more: &str, files: &[(&str, Vec<u8>)]) -> String {
    let folder = host.scratch().join(format!("{id}-{version}"));
    let manifest = format!(
        "[pack]\nid = \"{id}\"\nversion = \"{version}\"\ncontract = \"0.1.1\"\nlicence = \"MIT\"\nvendor = \"Acme\"\n\
         name = \"Menu\"\ndescription = \"A menu\"\n{more}"
    );
    for (name, bytes) in files.iter().chain([&("plugin.toml", manifest.into_bytes())]) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let file = folder.display().to_string() + ".pbpack";
    run(host, ["pack", "build", folder.to_str().unwrap(), "-o", &file]);
    file
}

/// A pack without a component. Its welcome is long enough for another version to come while it is heard.
fn sounds(host: &Host, version: &str, welcome: f32, bye: f32) -> String {
    let files = [
        ("flows/menu.json", MENU.into()),
        ("prompts/welcome.wav", tone(6.0, welcome)),
        ("prompts/en/bye.wav", tone(2.0, bye)),
    ];
    pack(host, "acme.ivr", version, "[folders]\nprompts = \"prompts\"\nflows = \"flows\"\n", &files)
}

#[test]
fn a_caller_hears_the_flow_and_the_sounds_of_the_version_that_the_call_began_with_to_its_end() {
    let host = host();
    let (old, new) = (sounds(&host, "1.0.0", 700.0, 350.0), sounds(&host, "1.1.0", 900.0, 450.0));
    run(&host, ["pack", "install", &old]);
    host.put("flows/vendors", &json!({ "plugin": "flow-graph", "document": "pack:acme.ivr/menu" }));
    host.put("numbers/8101", &json!({ "to": "flow", "name": "vendors" }));
    let (first, second) = (Ear::open(None), Ear::open(None));
    let early = host.caller("caller", "4930", "8101", &first);
    first.until_sounds(Sound::Hertz(700), SOON);
    run(&host, ["pack", "upgrade", &new]);
    let late = host.caller("caller", "4931", "8101", &second);
    second.until_sounds(Sound::Hertz(900), SOON);
    first.until_sounds(Sound::Hertz(350), SOON);
    second.until_sounds(Sound::Hertz(450), SOON);
    early.done();
    late.done();
    let heard = [&first, &second].map(|ear| ear.heard()[0].clone());
    let counted = heard.map(|call| [700, 350, 900, 450].map(|hertz| call.count(Sound::Hertz(hertz)) > 12));
    assert_eq!(counted, [[true, true, false, false], [false, false, true, true]]);
}

/// What its author looks at while calls come in.
#[test]
fn lines_that_a_plugin_writes_are_shown_afterwards_and_followed_while_they_are_written() {
    let host = host();
    let component = by_hand::flow_that_imports(
        &[],
        r#"(import "plugboard:plugin/log@0.1.1" "write" (func $write (param i32 i32 i32 i32 i32)))
           (memory (export "memory") 2)
           (data (i32.const 2048) "somebody calls")
           (func (export "plugboard:plugin/flow@0.1.1#step") (param i32) (result i32)
             (call $write (i32.const 2) (i32.const 2048) (i32.const 14) (i32.const 0) (i32.const 0))
             unreachable)"#,
    );
    let talks = "[components.talks]\nworld = \"flow\"\nfile = \"talks.wasm\"\n";
    let file = pack(&host, "acme.talks", "1.0.0", talks, &[("talks.wasm", component)]);
    run(&host, ["pack", "install", &file]);
    host.put("flows/talks", &json!({ "plugin": "acme.talks/talks", "document": "{}" }));
    host.put("numbers/8101", &json!({ "to": "flow", "name": "talks" }));
    let mut events = host.events();
    let ear = Ear::open(None);
    let mut call = |number: usize| {
        let caller = host.caller("caller", "4930", "8101", &ear);
        events.until_count("plugin-failed", number, SOON);
        drop(caller);
    };
    // Without the time before, and with what the plugin itself said.
    let said = |line: &str| line.split_once(' ').map(|(_, said)| said.to_owned()).filter(|said| said.contains("calls"));

    call(1);
    let shown = run(&host, ["pack", "logs", "acme.talks"]);
    let line = "WARN  acme.talks/talks: somebody calls";
    assert_eq!(shown.lines().filter_map(said).collect::<Vec<_>>(), [line]);

    let mut follower = host.command(["pack", "logs", "acme.talks", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let (sender, lines) = channel();
    let shown = BufReader::new(follower.stdout.take().unwrap());
    // Ends with the follower.
    std::thread::spawn(move || {
        shown.lines().map_while(Result::ok).filter_map(|l| said(&l)).try_for_each(|l| sender.send(l))
    });
    assert_eq!(lines.recv_timeout(SOON).as_deref(), Ok(line));
    call(2);
    assert_eq!(lines.recv_timeout(SOON).as_deref(), Ok(line));
    assert!(follower.try_wait().unwrap().is_none(), "it goes on until it is stopped");
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert_eq!(lines.iter().count(), 0);
}
