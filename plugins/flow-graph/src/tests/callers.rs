//! IVR-01: a menu of 1, 2, 0 and *, with no-input and no-match, and a hundred callers of whom each must reach the right exit.

use super::call::Call;

const MENU: &str = r#""a": { "kind": "menu", "prompt": "menu.wav", "repeat_key": "9", "retries": 2,
        "exits": { "1": "sales", "2": "support", "0": "agent", "*": "message", "no_input": "silent", "no_match": "lost" } },
    "sales": { "kind": "hang-up" }, "support": { "kind": "hang-up" }, "agent": { "kind": "hang-up" }, "message": { "kind": "hang-up" },
    "silent": { "kind": "hang-up" }, "lost": { "kind": "hang-up" }"#;

/// What a caller does, from a small generator: the same hundred each time. Empty: nothing, until time runs out.
fn script(caller: u32) -> Vec<&'static str> {
    const KEYS: [&str; 12] = ["1", "2", "0", "*", "9", "", "", "3", "#", "7", "9", ""];
    let mut seed = u64::from(caller) * 7_919 + 1;
    (0..12)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            KEYS[(seed >> 33) as usize % KEYS.len()]
        })
        .collect()
}

/// Where that leads, by the rule as it is told to people: three attempts; a 9 is none.
fn due(script: &[&str]) -> &'static str {
    let mut attempts = script.iter().filter(|key| **key != "9").take(3);
    let mut last = "";
    loop {
        match attempts.next() {
            Some(&"1") => return "sales",
            Some(&"2") => return "support",
            Some(&"0") => return "agent",
            Some(&"*") => return "message",
            Some(other) => last = other,
            None => return if last.is_empty() { "silent" } else { "lost" },
        }
    }
}

#[test]
fn a_hundred_callers_reach_the_exit_that_is_due() {
    let (mut reached, mut wanted) = (Vec::new(), Vec::new());
    for caller in 0..100 {
        let script = script(caller);
        let mut call = Call::offered(MENU, "");
        for key in &script {
            if call.path().last().is_some_and(|last| last.ends_with("ended")) {
                break;
            }
            call = call.pressed(key);
        }
        reached.push(call.path().last().copied().unwrap_or_default().trim_end_matches(" ended").to_owned());
        wanted.push(due(&script));
    }
    assert_eq!(reached, wanted);
    for exit in ["sales", "support", "agent", "message", "silent", "lost"] {
        assert!(wanted.iter().filter(|due| **due == exit).count() >= 5, "too few callers are due at {exit}");
    }
}
