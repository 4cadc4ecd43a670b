//! Disks that are really full: small ones of the host's own.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its disks")]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use plugboard_live::{Ear, Events, Host, Sipp, Surroundings, Tenant, count, free_port};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);

/// Calls one after another to one agent.
struct Scene {
    host: Host,
    events: Events,
    ear: Ear,
    calls: usize,
}

impl Scene {
    /// `None`, and says so, where no disk can be made.
    fn on(surroundings: Surroundings) -> Option<Self> {
        if !Surroundings::have_disks() {
            println!(
                "skipped: a small disk is made by root, or where users may have namespaces: sysctl -w kernel.unprivileged_userns_clone=1"
            );
            return None;
        }
        let host = Host::start_in(&Tenant::default(), surroundings);
        Some(Self { events: host.events(), ear: Ear::open(None), calls: 0, host })
    }

    /// One call of `talk` milliseconds; gives its record. Both SIPps end as they should, or the test fails.
    fn call(&mut self, talk: &str) -> Value {
        self.calls += 1;
        let (key, port) = (self.ear.port.to_string(), free_port());
        self.host.register(&[Tenant::agent(1)], port);
        let more = ["-d", talk, "-key", "ear", &key];
        let phone = Sipp::start(self.host.scratch(), "agent", self.host.sip, port, 1, &[], &more).listening();
        let rows = [format!("493{};8002", self.calls)];
        Sipp::start(self.host.scratch(), "caller", self.host.sip, 0, 1, &rows, &["-key", "ear", &key]).done();
        phone.done();
        let calls = self.calls;
        self.events.until("the end of the call", SOON, |all| count(all, "interaction-closed") == calls);
        self.host.cdrs().pop().unwrap()
    }

    fn alarms(&mut self) -> Vec<String> {
        let told = self.events.until("what was told", SOON, |_| true).iter().filter(|event| event["type"] == "alarm");
        told.map(|event| format!("{}: {}", event["name"].as_str().unwrap(), event["detail"].as_str().unwrap()))
            .collect()
    }
}

/// Whether the caller talked with the agent as long as both wished, and how many recordings there are.
fn outcome(cdr: &Value) -> (bool, usize) {
    let well = cdr["answered"] == true && cdr["ended_by"] == "agent";
    (well, cdr["recordings"].as_array().unwrap().len())
}

#[test]
fn a_full_disk_of_recordings_ends_them_with_an_alarm_calls_go_on_and_room_brings_them_back() {
    let disk = Surroundings { recordings_disk_kib: Some(100), ..Surroundings::default() };
    let Some(mut scene) = Scene::on(disk) else { return };
    // Three seconds fill it; the call lasts twice as long, and its recording breaks off or is closed in the last moment.
    let filling = scene.call("6000");
    let ends = |all: &[Value]| count(all, "recording-failed") + count(all, "recording-closed");
    scene.events.until("the end of the recording", SOON, |all| ends(all) == 1);
    let while_full = scene.call("500");
    assert_eq!([&filling, &while_full].map(outcome), [(true, 1), (true, 0)]);
    assert_eq!(scene.alarms(), ["disk-full: recordings stop until there is room; calls go on"]);

    for file in files(&scene.host.seen_by_host(&scene.host.scratch().join("data/recordings"))) {
        std::fs::remove_file(file).unwrap();
    }
    scene.events.until_count("alarm", 2, SOON);
    assert_eq!(scene.alarms()[1..], ["disk-full: there is room again"]);
    let after = scene.call("500");
    let path = after["recordings"][0]["path"].as_str().unwrap().to_owned();
    scene.events.until("its recording", SOON, |all| {
        all.iter().any(|event| event["type"] == "recording-closed" && event["path"] == *path)
    });
}

/// Recordings and events on one disk, as they are unless somebody arranges otherwise: without events no agent's phone would ring.
#[test]
fn recordings_stop_while_there_is_room_for_events_on_a_disk_that_they_share() {
    let disk = Surroundings { data_disk_kib: Some(256 << 10), ..Surroundings::default() };
    let Some(mut scene) = Scene::on(disk) else { return };
    let before = scene.call("500");
    scene.events.until_count("recording-closed", 1, SOON);
    let filler = scene.host.seen_by_host(&scene.host.scratch().join("data/filler"));
    leave(&filler, 100 << 20);
    scene.events.until_count("alarm", 1, SOON);
    let while_full = scene.call("500");
    std::fs::remove_file(&filler).unwrap();
    scene.events.until_count("alarm", 2, SOON);
    let after = scene.call("500");
    scene.events.until_count("recording-closed", 2, SOON);
    assert_eq!([&before, &while_full, &after].map(outcome), [(true, 1), (true, 0), (true, 1)]);
}

/// Takes all room of the disk but so many bytes.
fn leave(filler: &Path, bytes: u64) {
    let mut file = std::fs::File::create(filler).unwrap();
    let free = || {
        let told = Command::new("stat").args(["-f", "-c", "%a %S"]).arg(filler).output().unwrap();
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        told.split_whitespace().map(|number| number.parse::<u64>().unwrap()).product::<u64>()
    };
    while free() > bytes {
        file.write_all(&[0x55; 1 << 20]).unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
