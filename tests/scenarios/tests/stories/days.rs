//! A small day; the large one is a benchmark.

use plugboard_scenarios::day;

#[test]
fn day_of_a_thousand_calls_and_fifty_agents_leaves_nobody_stuck() {
    let day = day::run(1, 50, 1_000);
    assert_eq!(day.stuck, 0, "{day}");
    assert!(day.connected > 700 && day.abandoned > 0 && day.missed > 0 && day.transferred > 0, "{day}");
}
