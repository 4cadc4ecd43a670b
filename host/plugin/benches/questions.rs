//! What a question costs: `rank` and one flow step in a component, beside an HTTP webhook on loopback that does the same.
//!
//! `cargo bench -p plugboard-plugin --bench questions [-- --json]`; with `--json` the last line is one JSON object.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock and opens a socket")]

mod asking;
#[path = "../tests/guests/built.rs"]
mod built;

use std::{fs, hint::black_box, path::Path, time::Instant};

use asking::{
    Cost, measure, rank, step,
    webhook::{Lean, Usual, Webhook},
};
use plugboard_plugin::{Asker, Engine, EngineSettings, Question, Runtime, RuntimeSettings, Traces};

const ROUNDS: usize = 5_000;
/// Of what begins with an instance of its own.
const FRESH: usize = 1_000;
/// Of what begins with a file on disk.
const LOADS: usize = 50;
/// Few agents are free in most queues; 256 are the most that are asked about.
const CANDIDATES: [u32; 4] = [1, 10, 100, 256];

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let engine = Engine::new(EngineSettings::default()).expect("an engine");
    let (policy, menu) = (built::component("route-skills"), built::component("flow-graph"));
    let flow = engine.load_flow(&menu).expect("a flow");
    let loaded = engine.load_routing(&policy).expect("a policy");
    let mut asker = Asker::new(&engine);

    let ranks = CANDIDATES.map(|count| rank(&loaded, count));
    let by_count = ranks.each_ref().map(|rank| measure(ROUNDS, || black_box(asker.ask(rank.clone())).result.is_ok()));
    let [.., hundred, _] = &ranks;
    let [.., hundred_cost, _] = by_count;
    let step = step(&flow, &mut asker);
    let step_cost = measure(ROUNDS, || black_box(asker.ask(step.clone())).result.is_ok());
    let mut watched = Asker::new(&engine).traced(Traces::default());
    let step_traced = measure(ROUNDS, || black_box(watched.ask(step.clone())).result.is_ok());
    let fresh =
        |question: &Question| measure(FRESH, || black_box(Asker::new(&engine).ask(question.clone())).result.is_ok());
    let (rank_fresh, step_fresh) = (fresh(hundred), fresh(&step));
    let threads = through_threads(&engine, hundred);
    let first = [("route-skills", &policy), ("flow-graph", &menu)].map(|(name, bytes)| first_call(name, bytes));
    let [rank_first, step_first] = first;

    let (mut lean, mut usual) = (Lean::start(), Usual::start());
    let rank_lean = measure(ROUNDS, || lean.rank(hundred).numbers.len() == 100);
    let rank_usual = measure(ROUNDS, || usual.rank(hundred).numbers.len() == 100);
    let step_lean = measure(ROUNDS, || lean.step(&step).actions.len() == 1);
    let step_usual = measure(ROUNDS, || usual.step(&step).actions.len() == 1);

    let names = CANDIDATES.map(|count| format!("rank {count}, component"));
    let mut rows: Vec<(&str, Cost)> = names.iter().map(String::as_str).zip(by_count).collect();
    rows.extend([
        ("rank 100, component, fresh instance", rank_fresh),
        ("rank 100, component, through the runtime's threads", threads),
        ("rank 100, component from the cache, first call", rank_first),
        ("rank 100, lean webhook on loopback", rank_lean),
        ("rank 100, webhook with axum and ureq", rank_usual),
        ("flow step, component", step_cost),
        ("flow step, component, with traces", step_traced),
        ("flow step, component, fresh instance and settings", step_fresh),
        ("flow step, component from the cache, first call", step_first),
        ("flow step, lean webhook on loopback", step_lean),
        ("flow step, webhook with axum and ureq", step_usual),
    ]);
    println!("| question | p50 µs | p99 µs | CPU µs |\n|---|---|---|---|");
    for (name, cost) in rows {
        println!("| {name} | {:.1} | {:.1} | {:.1} |", cost.p50, cost.p99, cost.cpu);
    }
    let times = |webhook: Cost, component: Cost| webhook.cpu / component.cpu;
    let (rank_ratio, step_ratio) = (times(rank_usual, hundred_cost), times(step_usual, step_cost));
    println!("a webhook takes {rank_ratio:.1} times the CPU for a rank, {step_ratio:.1} times for a step");
    let (lean_rank, lean_step) = (times(rank_lean, hundred_cost), times(step_lean, step_cost));
    println!("the leanest that can be made takes {lean_rank:.1} and {lean_step:.1} times the CPU");
    if json {
        let ranks: serde_json::Map<String, serde_json::Value> = CANDIDATES
            .iter()
            .zip(by_count)
            .map(|(count, cost)| (count.to_string(), serde_json::to_value(cost).expect("JSON")))
            .collect();
        let result = serde_json::json!({
            "rank_us": ranks,
            "step_us": step_cost,
            "step_traced_us": step_traced,
            "rank_fresh_us": rank_fresh,
            "step_fresh_us": step_fresh,
            "rank_threads_us": threads,
            "first_call_us": { "rank": rank_first, "step": step_first },
            "webhook_cpu_ratio": { "rank": rank_ratio, "step": step_ratio, "lean_rank": lean_rank, "lean_step": lean_step },
        });
        println!("{result}");
    }
}

fn through_threads(engine: &Engine, rank: &Question) -> Cost {
    let (sender, replies) = std::sync::mpsc::channel();
    let settings = RuntimeSettings { threads: 1.try_into().expect("not zero"), ..RuntimeSettings::default() };
    let runtime = Runtime::start(engine, &settings, move |reply| drop(sender.send(reply))).expect("threads");
    measure(ROUNDS, || {
        runtime.ask(rank.clone()).expect("room");
        replies.recv().expect("a reply").result.is_ok()
    })
}

/// From a component's bytes, compiled before and kept on disk, to its first answer. The disk has them in memory, as after any start of a machine's second host.
fn first_call(name: &str, bytes: &[u8]) -> Cost {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("first-call-{name}"));
    let settings = EngineSettings { cache: Some(folder.clone()), ..EngineSettings::default() };
    let engine = Engine::new(settings).expect("an engine");
    let load_and_ask = || {
        let mut asker = Asker::new(&engine);
        let question = match name {
            "flow-graph" => asking::first_step(&engine.load_flow(bytes).expect("a flow")),
            _ => rank(&engine.load_routing(bytes).expect("a policy"), 100),
        };
        asker.ask(question).result.is_ok()
    };
    let begun = Instant::now();
    assert!(load_and_ask(), "the question is answered");
    println!("{name}: {:.0} ms with compilation", begun.elapsed().as_secs_f64() * 1e3);
    let cost = measure(LOADS, load_and_ask);
    // The next run compiles again.
    fs::remove_dir_all(folder).expect("our own folder");
    cost
}
