//! `plugboard apply` against a running host with a call up.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{fs, time::Duration};

use plugboard_live::{Ear, Events, Host, Sound, Surroundings, Tenant, count, plugins};

const SOON: Duration = Duration::from_secs(20);

/// Exit code, and everything that was said.
fn apply(host: &Host) -> (Option<i32>, String) {
    let folder = host.tenant_folder().display().to_string();
    let output = host.command(["apply", &folder]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

fn revision(host: &Host) -> u64 {
    host.get("configuration")["revision"].as_u64().unwrap()
}

fn edit(host: &Host, file: &str, from: &str, to: &str) {
    let path = host.tenant_folder().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} holds {from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn until_talking(events: &mut Events) {
    events.until("a call that talks", SOON, |all| count(all, "connected") == 1);
}

#[test]
fn a_change_takes_effect_under_a_live_call_and_a_broken_tenant_changes_nothing() {
    let host = Host::start(&Tenant::default());
    let mut events = host.events();
    let ear = Ear::open(None);
    let phone = host.phone("agent", 1, &ear, 4_000);
    let caller = host.caller("caller", "493", "8002", &ear);
    until_talking(&mut events);

    edit(&host, "queues.toml", "ring_timeout = \"15s\"", "ring_timeout = \"21s\"");
    edit(&host, "flows/menu.json", "\"timeout_ms\": 10000", "\"timeout_ms\": 9000");
    let (code, said) = apply(&host);
    assert_eq!((code, revision(&host)), (Some(0), 2), "{said}");
    assert_eq!(host.get("configuration")["queues"]["sales"]["ring_timeout"], host.get("queues/sales")["ring_timeout"]);

    edit(&host, "flows/menu.json", "\"1\": \"wait\"", "\"1\": \"nowhere\"");
    let (code, said) = apply(&host);
    assert_eq!((code, revision(&host)), (Some(1), 2), "{said}");
    assert!(said.contains("flows/menu.json:") && said.contains("choose") && said.contains("nowhere"), "{said}");

    edit(&host, "flows/menu.json", "\"1\": \"nowhere\"", "\"1\": \"wait\"");
    // The component that comes with the program judges its settings, with line and remedy.
    let timeout = "ring_timeout = \"21s\"";
    let policy = "policy = { plugin = \"route-skills\", settings = { overflow-to = \"nowhere\" } }";
    edit(&host, "queues.toml", timeout, &format!("{timeout}\n{policy}"));
    let (code, said) = apply(&host);
    assert_eq!((code, revision(&host)), (Some(1), 2), "{said}");
    assert!(said.contains("queues.toml:") && said.contains("there is no queue \"nowhere\""), "{said}");

    edit(&host, "queues.toml", policy, "");
    fs::remove_file(host.tenant_folder().join("prompts/menu.wav")).unwrap();
    let (code, said) = apply(&host);
    assert_eq!((code, revision(&host)), (Some(1), 2), "{said}");
    assert!(said.contains("menu") && said.contains("prompt"), "{said}");

    assert_eq!(count(events.until("the change", SOON, |all| count(all, "configuration-applied") == 2), "leg-ended"), 0);
    // Both SIPps end as they should: the call stayed.
    caller.done();
    phone.done();
}

/// The tones that a caller who presses 3 in the menu hears, in order, until the host hangs up.
fn heard_after_three(host: &Host) -> Vec<u32> {
    let ear = Ear::open(Some(3));
    host.caller("caller", "493", "8001", &ear).done();
    let heard = ear.heard();
    // A packet in which one tone ends and another begins may sound like a third.
    let mut tones: Vec<u32> = heard[0]
        .packets
        .windows(3)
        .filter_map(|three| match three[0].sound {
            Sound::Hertz(tone) if three.iter().all(|packet| packet.sound == three[0].sound) => Some(tone),
            _ => None,
        })
        .collect();
    tones.dedup();
    tones
}

#[test]
fn an_option_added_to_a_menu_is_heard_by_the_next_caller_who_presses_it() {
    const MENU: u32 = 500;
    const SORRY: u32 = 200;
    let host = Host::start(&Tenant::default());
    assert_eq!(heard_after_three(&host), [MENU, SORRY]);

    let offer = r#""offer": { "kind": "play", "prompt": "music", "exits": { "done": "bye" } }, "wait":"#;
    edit(&host, "flows/menu.json", r#""2": "bye""#, r#""2": "bye", "3": "offer""#);
    edit(&host, "flows/menu.json", r#""wait":"#, offer);
    let (code, said) = apply(&host);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(heard_after_three(&host), [MENU, Tenant::MUSIC_HERTZ, SORRY]);
}

/// A flow of one's own is asked what it names; that it runs a document of `flow-graph` is only for want of another.
#[test]
fn what_a_flow_of_ones_own_names_has_to_be_there() {
    let graph = fs::read(plugins().join("flow-graph.wasm")).unwrap();
    let mut tenant = Tenant::default();
    tenant.more.push(("flows.toml", "[menu]\nplugin = \"own-graph\"\n".into()));
    let host = Host::start_with(&tenant, Surroundings::default(), &[("own-graph", graph)]);
    assert_eq!(host.get("configuration")["flows"]["menu"]["plugin"], "own-graph");
    edit(&host, "flows/menu.json", "\"queue\": \"sales\"", "\"queue\": \"salse\"");
    let (code, said) = apply(&host);
    assert_eq!((code, revision(&host)), (Some(1), 1), "{said}");
    let told = ["flows/menu.json:15:5:", "no queue is called \"salse\"", "did you mean `sales`?"];
    assert!(told.iter().all(|told| said.contains(told)), "{said}");
}
