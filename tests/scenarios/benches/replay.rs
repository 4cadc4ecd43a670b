//! Past calls made again, on one core: `cargo xtask bench replay [--json] [-- --seconds N --agents N --calls N]`.
#![allow(clippy::disallowed_methods, reason = "a measurement looks at the clock")]

use std::time::{Duration, Instant};

use plugboard_exchange::QuestionKind;
use plugboard_model::{
    Timestamp,
    routing::{Candidate, Levels, Need, Tables, Waiting},
    tape::{Decided, Line, Ranked, Ranking, Tape},
};
use plugboard_replay::{
    day::{DayReader, DayReport, live},
    policy::Choice,
};
use plugboard_scenarios::{World, day, tenant};

/// A greeting, eight announcements and a hang-up: ten steps.
fn ten_steps() -> String {
    let node = |number: u32| {
        let next = if number == 9 { "bye".to_owned() } else { format!("n{}", number + 1) };
        format!(r#""n{number}": {{ "kind": "play", "prompt": "welcome.wav", "exits": {{ "done": "{next}" }} }}"#)
    };
    let nodes: Vec<String> = (1..=9).map(node).collect();
    format!(
        r#"{{ "format": 1, "name": "main", "language": "en", "start": "n1",
            "nodes": {{ {}, "bye": {{ "kind": "hang-up" }} }}, "exception": {{ "prompt": "sorry.wav" }} }}"#,
        nodes.join(", ")
    )
}

/// Calls through a flow, a second.
fn flows(time: Duration) -> (f64, usize) {
    let mut shop = tenant::shop();
    let document = ten_steps();
    tenant::add_flow(&mut shop, "main", &document);
    let mut world = World::new(1, shop);
    let anna = world.add_caller("anna");
    world.dial(anna, "400");
    world.run_secs(120);
    world.finish();
    let steps = world.tapes[0].read().expect("a tape").runs[0].steps.len();
    let (begun, mut calls) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        let compared = world.replay("main", &document);
        assert!(compared.iter().all(|one| one.first_difference().is_none()), "the same document goes the same way");
        calls += 1;
    }
    (f64::from(calls) / begun.elapsed().as_secs_f64(), steps)
}

/// Decisions among 100 agents, a second.
fn rankings(time: Duration) -> f64 {
    let tables = std::sync::Arc::new(Tables {
        skills: vec!["french".into(), String::new()],
        attributes: vec!["last-agent".into()],
        queues: vec!["sales".into()],
        settings: Vec::new(),
    });
    let candidate = |number: u32| Candidate {
        number,
        levels: Levels::from_needs([(number % 10) as u8 + 1]),
        idle_ms: number * 977 % 60_000,
        taken_today: number % 30,
        load_permille: 0,
    };
    let asked = Ranking::Agents {
        who: Waiting { number: 0, queue: 0, priority: 0, channel: 0, waited_ms: 1_000, value: 0 },
        needs: vec![Need { skill: 0, level: 1 }],
        agents: (0..100).map(|number| format!("agent-{number}").parse().expect("a name")).collect(),
        candidates: (0..100).map(candidate).collect(),
        columns: Vec::new(),
    };
    let ranked = Ranked {
        at: Timestamp::from_secs(1),
        queue: "sales".parse().expect("a name"),
        plugin: "route-skills".into(),
        tables: "t".into(),
        asked,
        said: Decided::Failed { reason: String::new() },
        taken: None,
    };
    let line = serde_json::to_string(&Line::Ranked(Box::new(ranked))).expect("JSON");
    let tape = Tape {
        interaction: plugboard_model::InteractionId(1),
        begun_at: Timestamp::from_secs(1),
        flows: Vec::new(),
        queues: Vec::new(),
        is_cut: false,
        left_out: 0,
        lines: line + "\n",
    };
    let mut world = World::new(1, tenant::shop());
    let (begun, mut decisions) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        let recorded = tape.read().expect("a tape");
        let [ranked] = &recorded.rankings[..] else { panic!("one decision") };
        let Ranking::Agents { who, needs, candidates, columns, .. } = &ranked.asked else { panic!("agents") };
        let question = QuestionKind::RankAgents {
            plugin: "route-skills".into(),
            tables: std::sync::Arc::clone(&tables),
            who: *who,
            needs: needs.clone(),
            candidates: candidates.clone(),
            columns: columns.clone(),
        };
        let plugboard_exchange::Answer::Ranked(order) = world.ask(question) else { panic!("an order") };
        assert_ne!(Choice::of(&ranked.asked, &Decided::Ordered(order), &tables), Choice::Nobody);
        decisions += 1;
    }
    f64::from(decisions) / begun.elapsed().as_secs_f64()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, usual: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(usual)
    };
    let short = arguments.iter().any(|argument| argument == "--short");
    let time = Duration::from_secs(number("--seconds", if short { 1 } else { 5 }));
    let (agents, calls) =
        (number("--agents", if short { 50 } else { 500 }), number("--calls", if short { 500 } else { 10_000 }));
    let (runs_per_s, steps) = flows(time);
    let rankings_per_s = rankings(time);

    let (mut world, _) = day::live(1, agents, calls);
    let configuration = std::sync::Arc::clone(world.exchange.configuration());
    let (first, last) = (world.facts[0].at, world.facts[world.facts.len() - 1].at);
    let mut reader = DayReader::new(first, last, &configuration);
    let facts = std::mem::take(&mut world.facts);
    let begun = Instant::now();
    assert!(facts.iter().all(|event| reader.read(event)), "the whole day is read");
    let (day, was) = reader.finish();
    let read_s = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let again = live(&day, &configuration, 1, &mut |question| world.ask(question), &mut |_| {});
    let day_s = begun.elapsed().as_secs_f64();
    let report = DayReport::new(day.calls.len(), agents as usize, &was, &[again], &[]);
    let all = &report.queues[report.queues.len() - 1];
    println!("{runs_per_s:.0} calls of {steps} steps and {rankings_per_s:.0} rankings of 100 a second, on one core");
    println!(
        "{} calls that came to queues, {agents} agents: read in {read_s:.2} s, lived in {day_s:.2} s",
        day.calls.len()
    );
    println!("as it was {:?}\nlived again {:?}", all.was, all.again);
    if arguments.iter().any(|argument| argument == "--json") {
        println!(
            r#"{{"flow_runs_per_s":{runs_per_s:.0},"flow_steps":{steps},"rankings_per_s":{rankings_per_s:.0},"day_read_s":{read_s:.3},"day_s":{day_s:.3},"calls":{},"agents":{agents}}}"#,
            day.calls.len()
        );
    }
}
