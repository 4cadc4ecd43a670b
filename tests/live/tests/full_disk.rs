//! Disks that are really full: small ones of the host's own.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of a process and its disks")]

use std::{
    io::Write as _,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use plugboard_live::{Ear, Events, Host, Surroundings, Tenant, count};
use serde_json::{Value, json};

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

    /// One call; gives its record. Both SIPps end as they should, or the test fails.
    fn call(&mut self, talk_ms: u32) -> Value {
        self.calls += 1;
        let phone = self.host.phone("agent", 1, &self.ear, talk_ms);
        self.host.caller("caller", &format!("493{}", self.calls), "8002", &self.ear).done();
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
    let filling = scene.call(6_000);
    let ends = |all: &[Value]| count(all, "recording-failed") + count(all, "recording-closed");
    scene.events.until("the end of the recording", SOON, |all| ends(all) == 1);
    let while_full = scene.call(500);
    assert_eq!([&filling, &while_full].map(outcome), [(true, 1), (true, 0)]);
    assert_eq!(scene.alarms(), ["disk-full: recordings stop until there is room; calls go on"]);

    for file in files(&scene.host.seen_by_host(&scene.host.scratch().join("data/recordings"))) {
        std::fs::remove_file(file).unwrap();
    }
    scene.events.until_count("alarm", 2, SOON);
    assert_eq!(scene.alarms()[1..], ["disk-full: there is room again"]);
    let after = scene.call(500);
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
    let before = scene.call(500);
    scene.events.until_count("recording-closed", 1, SOON);
    let filler = scene.host.seen_by_host(&scene.host.scratch().join("data/filler"));
    leave(&filler, 100 << 20);
    scene.events.until_count("alarm", 1, SOON);
    let while_full = scene.call(500);
    std::fs::remove_file(&filler).unwrap();
    scene.events.until_count("alarm", 2, SOON);
    let after = scene.call(500);
    scene.events.until_count("recording-closed", 2, SOON);
    assert_eq!([&before, &while_full, &after].map(outcome), [(true, 1), (true, 0), (true, 1)]);
}

/// Without room for events no agent's phone rings: who calls then hears so at once, and what clients ask is not begun.
#[test]
fn a_disk_with_no_room_for_events_turns_calls_and_commands_away_until_it_has_room() {
    let disk = Surroundings { data_disk_kib: Some(256 << 10), ..Surroundings::default() };
    let Some(mut scene) = Scene::on(disk) else { return };
    scene.call(500);
    scene.events.until_count("recording-closed", 1, SOON);
    let filler = scene.host.seen_by_host(&scene.host.scratch().join("data/filler"));
    leave(&filler, 30 << 20);
    let path = format!("agents/{}/state", Tenant::agent(1));
    let lunch = json!({ "request": "not-ready", "reason": "lunch" });
    let order = |scene: &Scene, request: &Value| {
        let (status, said) = scene.host.try_order(&path, request);
        format!("{status} {}", said["type"].as_str().unwrap_or("done").trim_start_matches("urn:plugboard:problem:"))
    };
    // The first waits for the disk as long as a client does, and by then it has stood still too long.
    let (first, second, caller) = (order(&scene, &lunch), order(&scene, &lunch), invite(scene.host.sip));
    let alarms = scene.host.alarms();
    let stand = ["disk-full", "disk-behind"].map(|name| alarms.iter().any(|alarm| alarm == name));
    std::fs::remove_file(&filler).unwrap();
    let deadline = std::time::Instant::now() + SOON;
    while scene.host.alarms().iter().any(|alarm| alarm == "disk-behind") {
        assert!(std::time::Instant::now() < deadline, "the disk has room and the alarm stands");
    }
    let after = (order(&scene, &json!({ "request": "ready" })), outcome(&scene.call(500)));
    let refused = ["503 busy", "503 store-unavailable", "SIP/2.0 503 Service Unavailable, Retry-After: 5"];
    assert_eq!(([&*first, &*second, &*caller], stand), (refused, [true, true]));
    assert_eq!(after, ("204 done".to_owned(), (true, 1)));
}

/// A caller's first answer that is final.
fn invite(host: SocketAddr) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let own = socket.local_addr().unwrap();
    let message = format!(
        "INVITE sip:8002@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKfull\r\nMax-Forwards: 70\r\nFrom: <sip:493@{own}>;tag=1\r\n\
         To: <sip:8002@{host}>\r\nCall-ID: full@live\r\nCSeq: 1 INVITE\r\nContact: <sip:493@{own}>\r\nContent-Length: 0\r\n\r\n"
    );
    socket.send_to(message.as_bytes(), host).unwrap();
    loop {
        let mut packet = [0; 4_096];
        let length = socket.recv(&mut packet).unwrap();
        let text = String::from_utf8_lossy(&packet[..length]).into_owned();
        if !text.starts_with("SIP/2.0 1") {
            let kept = text.lines().enumerate().filter(|(at, line)| *at == 0 || line.starts_with("Retry-After"));
            return kept.map(|(_, line)| line).collect::<Vec<_>>().join(", ");
        }
    }
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
