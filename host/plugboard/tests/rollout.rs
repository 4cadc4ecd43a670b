//! A new version beside the one that serves, as a person types it: the real program on both sides. Calls meet versions in the live tests.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that runs programs")]

#[path = "packs/desk.rs"]
mod desk;

use desk::{Desk, Making, says};
use expect_test::expect;

fn desk(name: &str) -> Desk {
    let desk = Desk::open(name);
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        desk.put(&format!("{version}.pbpack"), &Making { version, ..Making::default() }.bytes());
    }
    desk.run("pack install 1.0.0.pbpack");
    desk
}

#[test]
fn a_version_goes_from_shadow_over_canary_to_all_and_back() {
    let desk = desk("rollout");
    desk.put("testers.txt", b"# who volunteered\n+8613800138000\n+8613900139000\n");
    let said = desk.session(&[
        "pack rollout acme.lines",
        "pack promote acme.lines",
        "pack upgrade 1.1.0.pbpack --shadow --budget minimum=20,watch=10m",
        "pack rollout acme.lines",
        "pack upgrade 1.2.0.pbpack",
        "pack promote acme.lines --numbers testers.txt",
        "pack promote acme.lines --canary 20%",
        "--lang zh pack list",
        "--lang zh pack rollout acme.lines",
        "pack rollback acme.lines",
        "pack upgrade 1.1.0.pbpack --tag tier=gold",
        "pack promote acme.lines",
        "pack rollback acme.lines",
        "pack rollout acme.lines",
    ]);
    says(&said, &expect![[r#""#]]);
}

#[test]
fn what_cannot_be_tried_is_refused_with_a_remedy_in_both_languages() {
    let desk = desk("rollout-refused");
    let mut said = String::new();
    for language in ["en", "zh"] {
        said += &desk.session(
            &[
                "pack upgrade 1.1.0.pbpack --canary 200%",
                "pack upgrade 1.1.0.pbpack --numbers ,",
                "pack upgrade 1.1.0.pbpack --tag gold",
                "pack upgrade 1.1.0.pbpack --shadow --budget failures=often",
                "pack promote acme.lines",
                "pack promote acme.none",
            ]
            .map(|line| format!("--lang {language} {line}"))
            .each_ref()
            .map(String::as_str),
        );
    }
    says(&said, &expect![[r#""#]]);
}

#[test]
fn a_plan_and_its_events_outlive_a_power_cut_and_a_grant_begins_the_trial_that_was_asked_for() {
    let mut desk = desk("rollout-cut");
    let asks = "[components.lines.asks]\neffects = [\"record\"]\n";
    desk.put("1.3.0.pbpack", &Making { version: "1.3.0", asks, ..Making::default() }.bytes());
    let mut said = desk.session(&["pack upgrade 1.3.0.pbpack --canary 5%", "pack grant acme.lines 1.3.0"]);
    desk.kill();
    desk.start();
    let read = |desk: &Desk| {
        let plan: serde_json::Value = serde_json::from_str(&desk.run("pack rollout acme.lines --json")).unwrap();
        let role = |version: &serde_json::Value| format!("{} {}", version["role"], version["version"]);
        let roles: Vec<String> = plan["versions"].as_array().unwrap().iter().map(role).collect();
        format!("{} {} {}\n", plan["stage"], plan["audience"], roles.join(", "))
    };
    said += &read(&desk);
    said += &desk.run("pack promote acme.lines");
    desk.kill();
    desk.start();
    said += &read(&desk);
    let told = desk.run("events --json");
    let told = told.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let told = told.filter(|event| event["pack"] == "acme.lines");
    let told = told.map(|event| format!("{} {} {}\n", event["type"], event["version"], event["audience"]));
    said += &told.collect::<String>();
    says(&said, &expect![[r#""#]]);
}
