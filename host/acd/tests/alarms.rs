//! ACD-10: a queue whose longest or average wait is over its limit says so at once, and once.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod centre;

use std::time::Duration;

use centre::{Centre, queue, sales};
use expect_test::expect;
use plugboard_model::{Configuration, QueueExit};

fn alarms(centre: &mut Centre) -> String {
    let ladder = centre.ladder();
    let lines: Vec<&str> =
        ladder.lines().filter(|line| line.contains("alarm") || line.contains("well again")).collect();
    lines.join("\n")
}

/// The defaults: 90 s for the longest wait, 30 s for the average of 15 minutes.
fn staffed_by(agents: &[&str]) -> Configuration {
    sales(|sales| sales.wrap_up = Duration::ZERO, agents)
}

#[test]
fn alarm_is_raised_in_the_moment_in_which_somebody_waits_too_long_and_cleared_when_the_oldest_left_is_well_below() {
    let mut centre = Centre::new(&staffed_by(&[]));
    centre.enqueue(1, "sales").at(12.0).enqueue(2, "sales").at(40.0).enqueue(3, "sales");
    centre.at(100.0).leave(1, QueueExit::Abandoned).at(101.0).leave(2, QueueExit::Abandoned).at(129.0);
    expect![[r#"
        090.000 sales LongestWait 90000 of 90000 ms: alarm
        101.000 sales LongestWait 61000 of 90000 ms: well again"#]]
    .assert_eq(&alarms(&mut centre));
}

#[test]
fn alarm_of_the_average_goes_with_the_quarter_of_an_hour_that_it_is_about() {
    let mut centre = Centre::new(&staffed_by(&["amy"]));
    centre.enqueue(1, "sales").at(70.0).register("amy").answered(1, "amy").at(100.0).ended(1, "amy");
    // Two who are answered at once bring the average down to 23 s.
    centre.at(200.0).enqueue(2, "sales").answered(2, "amy").at(300.0).ended(2, "amy");
    centre.at(400.0).enqueue(3, "sales").answered(3, "amy").at(500.0).ended(3, "amy").at(3_000.0);
    expect![[r#"
        070.000 sales AverageWait 70000 of 30000 ms: alarm
        400.000 sales AverageWait 23333 of 30000 ms: well again"#]]
    .assert_eq(&alarms(&mut centre));
}

#[test]
fn alarm_of_the_average_is_forgotten_when_nobody_calls_any_more() {
    let mut centre = Centre::new(&staffed_by(&["amy"]));
    centre.enqueue(1, "sales").at(70.0).register("amy").answered(1, "amy").at(3_000.0);
    expect![[r#"
        070.000 sales AverageWait 70000 of 30000 ms: alarm
        970.000 sales AverageWait 0 of 30000 ms: well again"#]]
    .assert_eq(&alarms(&mut centre));
}

#[test]
fn limits_of_zero_are_none_and_a_change_of_limits_counts_at_once() {
    let set = |longest: u64, average: u64| {
        sales(
            |sales| {
                sales.alarm_longest_wait = Duration::from_secs(longest);
                sales.alarm_average_wait = Duration::from_secs(average);
            },
            &[],
        )
    };
    let mut centre = Centre::new(&set(0, 0));
    centre.enqueue(1, "sales").at(500.0).configure(&set(60, 0)).at(600.0).configure(&set(0, 0));
    let mut without = set(60, 0);
    centre.at(700.0).configure(&without);
    without.queues.remove(&queue("sales"));
    centre.at(800.0).configure(&without);
    expect![[r#"
        500.000 sales LongestWait 500000 of 60000 ms: alarm
        600.000 sales LongestWait 600000 of 0 ms: well again
        700.000 sales LongestWait 700000 of 60000 ms: alarm
        800.000 sales LongestWait 0 of 60000 ms: well again"#]]
    .assert_eq(&alarms(&mut centre));
}

/// Whoever is offered to a ringing phone waits still.
#[test]
fn caller_whose_agent_does_not_pick_up_counts_as_waiting() {
    let mut centre = Centre::new(&sales(|sales| sales.ring_timeout = Duration::from_secs(200), &["amy"]));
    centre.register("amy").enqueue(1, "sales").ringing(1, "amy").at(100.0);
    assert_eq!(alarms(&mut centre), "090.000 sales LongestWait 90000 of 90000 ms: alarm");
}
