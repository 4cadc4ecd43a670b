//! Simulated days. How long they take is for the benchmark to say; that nobody is stuck is for a test.

use plugboard_scenarios::day;

#[test]
fn day_of_ten_thousand_calls_and_five_hundred_agents_leaves_nobody_stuck() {
    let day = day::run(1, 500, 10_000);
    assert_eq!((day.calls, day.agents, day.stuck, day.badly_recorded), (10_000, 500, 0, 0), "{day}");
    assert!(day.connected > 8_000 && day.abandoned > 0 && day.missed > 0 && day.transferred > 0, "{day}");
}

#[test]
fn a_short_staffed_day_leaves_nobody_stuck_either() {
    let day = day::run(2, 12, 1_000);
    assert_eq!(day.stuck, 0, "{day}");
    assert!(day.abandoned > 100 && day.missed > 0 && day.transferred > 0, "{day}");
}
