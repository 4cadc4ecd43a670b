//! The simulated day: `cargo xtask bench day [--json] [-- --seed N --agents N --calls N]`.

use plugboard_scenarios::day;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, usual: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(usual)
    };
    let report = day::run(number("--seed", 1), number("--agents", 500), number("--calls", 10_000));
    println!("{report}");
    if arguments.iter().any(|argument| argument == "--json") {
        let day::DayReport { wall_s, calls, agents, stuck, .. } = &report;
        println!(r#"{{"wall_s":{wall_s:.3},"calls":{calls},"agents":{agents},"stuck":{stuck}}}"#);
    }
    assert_eq!(report.stuck, 0, "somebody or something is stuck at the end of the day");
}
