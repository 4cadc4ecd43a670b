//! A vendor's flow and sounds, heard by callers; another version is heard by those who call after it came.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its calls")]

use std::time::Duration;

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

fn run<'a>(host: &Host, arguments: impl IntoIterator<Item = &'a str>) {
    let output = host.command(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A pack without a component. Its welcome is long enough for another version to come while it is heard.
fn pack(host: &Host, version: &str, welcome: f32, bye: f32) -> String {
    let folder = host.scratch().join(version);
    let manifest = format!(
        "[pack]\nid = \"acme.ivr\"\nversion = \"{version}\"\ncontract = \"0.1.1\"\nlicence = \"MIT\"\nvendor = \"Acme\"\n\
         name = \"Menu\"\ndescription = \"A menu\"\n[folders]\nprompts = \"prompts\"\nflows = \"flows\"\n"
    );
    let files = [
        ("plugin.toml", manifest.into_bytes()),
        ("flows/menu.json", MENU.into()),
        ("prompts/welcome.wav", tone(6.0, welcome)),
        ("prompts/en/bye.wav", tone(2.0, bye)),
    ];
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let file = folder.with_extension("pbpack").display().to_string();
    run(host, ["pack", "build", folder.to_str().unwrap(), "-o", &file]);
    file
}

#[test]
fn a_caller_hears_the_flow_and_the_sounds_of_the_version_that_the_call_began_with_to_its_end() {
    let development = Surroundings {
        limits: Some("drain = \"1s\"\n[packs]\ndevelopment_of = [\"live\"]\n"),
        ..Surroundings::default()
    };
    let host = Host::start_in(&Tenant::default(), development);
    let (old, new) = (pack(&host, "1.0.0", 700.0, 350.0), pack(&host, "1.1.0", 900.0, 450.0));
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
