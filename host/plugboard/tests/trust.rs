//! A key that is trusted no more, at a host that goes on: the real program on both sides.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs programs")]

#[path = "packs/desk.rs"]
mod desk;

use std::time::{Duration, Instant};

use desk::{CONFIG, Desk, Making};

/// Asks until it is so; each answer takes a program's start or a request.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let by = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < by, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_key_that_is_revoked_is_believed_no_more_without_a_restart_and_what_serves_by_it_is_an_alarm() {
    let desk = Desk::open("trust");
    desk.put("1.0.0.pbpack", &Making::default().bytes());
    desk.put("1.1.0.pbpack", &Making { version: "1.1.0", ..Making::default() }.bytes());
    assert!(desk.run("pack install 1.0.0.pbpack").contains("1.0.0 serves"));
    assert_eq!(desk.alarms("pack-not-trusted"), Vec::<String>::new());

    desk.put("plugboard.toml", format!("{CONFIG}revoked = true\n").as_bytes());
    desk.hang_up();
    until("the alarm", || desk.alarms("pack-not-trusted") == ["shop/acme.lines"]);
    assert!(desk.run("pack upgrade 1.1.0.pbpack").contains("exit 1"), "a revoked key brings nothing new");
    assert!(desk.run("pack list").contains("1.0.0"), "what serves goes on");

    desk.put("plugboard.toml", CONFIG.as_bytes());
    desk.hang_up();
    until("the end of the alarm", || desk.alarms("pack-not-trusted").is_empty());
    assert!(desk.run("pack upgrade 1.1.0.pbpack").contains("1.1.0 serves"));
}
