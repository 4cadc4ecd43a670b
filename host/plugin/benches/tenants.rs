//! What a hundred tenants feel of three whose plugins misbehave: one loops, one eats memory, one traps at every question.
//!
//! `cargo bench -p plugboard-plugin --bench tenants [-- --json]`; with `--json` the last line is one JSON object. Calm and noisy slices take turns, so that what else the
//! machine does falls on both. What a question costs is CPU time of its plugin thread from the reply before it to its own.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock and sleeps")]

mod asking;
#[path = "../tests/guests/built.rs"]
mod built;

use std::{
    cell::Cell,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use plugboard_model::flow::Setting;
use plugboard_plugin::{
    Ask, Asker, Engine, EngineSettings, FailureKind, FlowPlugin, QuarantineRules, Question, Reply, Runtime,
    RuntimeSettings, Settings,
};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

const TENANTS: usize = 97;
/// Questions a second of all that behave, and of each that does not: a busy centre and a plugin that is asked at every call.
const RATE: u32 = 1_000;
const NOISE: u32 = 20;
const SLICE: Duration = Duration::from_secs(2);
/// As for a flow's step in the host.
const BUDGET: Duration = Duration::from_millis(20);
const MISBEHAVE: [&str; 3] = ["loops", "eats-memory", "panics"];

thread_local! {
    static WORKED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// One question, as far as it counts here.
struct Heard {
    reply: Reply,
    /// CPU time of the thread since its last reply.
    cpu: Duration,
}

fn main() {
    let (json, short) = (flag("--json"), flag("--short"));
    let slices = if short { 2 } else { 16 };
    let engine = Engine::new(EngineSettings::default()).expect("an engine");
    let menu = engine.load_flow(&built::component("flow-graph")).expect("a flow");
    let hostile = engine.load_flow(&built::component("hostile-flow")).expect("a flow");
    let step = asking::step(&menu, &mut Asker::new(&engine));

    let hour = Duration::from_secs(3_600);
    let never = QuarantineRules::new(1_000, Duration::from_millis(1), (hour, hour), hour).expect("rules");
    let as_shipped = run(&engine, &RuntimeSettings::default(), &step, &hostile, slices);
    let settings = RuntimeSettings { quarantine: never, ..RuntimeSettings::default() };
    let unhindered = run(&engine, &settings, &step, &hostile, slices);

    println!(
        "| 97 tenants' questions | calm p50 / p99 CPU µs | noisy p50 / p99 CPU µs | p99 moves | wall p99 µs | not answered | loop ends after, its CPU |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, found) in [("as shipped", &as_shipped), ("with no quarantine", &unhindered)] {
        println!(
            "| {name} | {:.1} / {:.1} | {:.1} / {:.1} | {:+.1} % | {:.0}, noisy {:.0} | {} of {} | {:.1}, {:.1} ms |",
            found.calm.p50,
            found.calm.p99,
            found.noisy.p50,
            found.noisy.p99,
            found.p99_moves_pct,
            found.calm.wall_p99,
            found.noisy.wall_p99,
            found.failed,
            found.asked,
            found.loop_ms,
            found.loop_cpu_ms
        );
    }
    if json {
        println!("{}", serde_json::json!({ "as_shipped": as_shipped, "no_quarantine": unhindered }));
    }
}

fn flag(name: &str) -> bool {
    std::env::args().any(|argument| argument == name)
}

#[derive(Serialize)]
struct Found {
    calm: Spread,
    noisy: Spread,
    /// Of the tenants that behave, in CPU time.
    p99_moves_pct: f64,
    asked: usize,
    failed: usize,
    /// The longest that a loop went on, with a budget of 20 ms.
    loop_ms: f64,
    /// The same in its own time of a processor.
    loop_cpu_ms: f64,
    /// Questions of those that misbehave that came to a plugin.
    noise: usize,
}

/// Microseconds.
#[derive(Serialize)]
struct Spread {
    p50: f64,
    p99: f64,
    wall_p99: f64,
}

fn run(engine: &Engine, settings: &RuntimeSettings, step: &Question, hostile: &FlowPlugin, slices: u32) -> Found {
    let (sender, replies) = mpsc::channel();
    let runtime = Runtime::start(engine, settings, move |reply| {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let worked = Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default());
        let cpu = worked.saturating_sub(WORKED.replace(worked));
        drop(sender.send(Heard { reply, cpu }));
    });
    let runtime = runtime.expect("threads");
    // Each tenant's instances begin before anything counts.
    ask_for(&runtime, Duration::from_millis(500), step, None);
    drain(&replies);
    let (mut calm, mut noisy) = (Vec::new(), Vec::new());
    for slice in 0..slices {
        let is_noisy = slice % 2 == 1;
        ask_for(&runtime, SLICE, step, is_noisy.then_some(hostile));
        let heard = drain(&replies);
        if is_noisy { noisy.extend(heard) } else { calm.extend(heard) }
    }
    let is_noise = |heard: &Heard| heard.reply.asked.tenant.as_str().starts_with("noisy");
    let (noise, noisy): (Vec<Heard>, Vec<Heard>) = noisy.into_iter().partition(is_noise);
    let asked = calm.len() + noisy.len();
    let failed = calm.iter().chain(&noisy).filter(|heard| heard.reply.result.is_err()).count();
    let loops = noise.iter().filter(|heard| heard.reply.failure() == Some(FailureKind::Deadline));
    let (loop_ms, loop_cpu_ms) = loops.fold((0.0_f64, 0.0_f64), |(wall, cpu), Heard { reply, .. }| {
        (wall.max(reply.took.as_secs_f64() * 1e3), cpu.max(reply.worked.as_secs_f64() * 1e3))
    });
    let noise = noise.iter().filter(|heard| heard.reply.failure().is_some_and(FailureKind::is_the_plugins)).count();
    let (calm, noisy) = (spread(&calm), spread(&noisy));
    let p99_moves_pct = (noisy.p99 / calm.p99 - 1.0) * 100.0;
    Found { calm, noisy, p99_moves_pct, asked, failed, loop_ms, loop_cpu_ms, noise }
}

/// At an even pace; what cannot be asked is not lost but told by the runtime, and is of those that misbehave.
fn ask_for(runtime: &Runtime, lasts: Duration, step: &Question, hostile: Option<&FlowPlugin>) {
    let begun = Instant::now();
    let mut asked = 0_u32;
    let mut noise = 0_u32;
    while begun.elapsed() < lasts {
        let due =
            |rate: u32| u32::try_from(begun.elapsed().as_micros() * u128::from(rate) / 1_000_000).unwrap_or(u32::MAX);
        while asked < due(RATE) {
            let tenant = format!("tenant-{}", asked as usize % TENANTS).parse().expect("a name");
            runtime.ask(Question { tenant, budget: BUDGET, ..step.clone() }).expect("room for those that behave");
            asked += 1;
        }
        while let Some(hostile) = hostile.filter(|_| noise < due(NOISE)) {
            for how in MISBEHAVE {
                let settings = Arc::new(Settings::new(vec![Setting { name: "how".into(), value: how.into() }]));
                let event = asking::event(0, None, asking::started());
                let ask = Ask::FlowStep { flow: hostile.clone(), settings, state: vec![], event };
                let tenant = format!("noisy-{how}").parse().expect("a name");
                // Refused is as good as answered: whose question it was is the point.
                let _ = runtime.ask(Question { id: 1, tenant, budget: BUDGET, ask });
            }
            noise += 1;
        }
        thread::sleep(Duration::from_micros(500));
    }
}

/// All replies, until none comes for longer than any question may take.
fn drain(replies: &Receiver<Heard>) -> Vec<Heard> {
    let mut all = Vec::new();
    while let Ok(heard) = replies.recv_timeout(BUDGET * 10) {
        all.push(heard);
    }
    all
}

fn spread(heard: &[Heard]) -> Spread {
    let quantile = |of: &dyn Fn(&Heard) -> Duration, permille: usize| {
        let mut all: Vec<f64> = heard.iter().map(|heard| of(heard).as_secs_f64() * 1e6).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() * permille / 1_000).copied().unwrap_or(f64::NAN)
    };
    let (cpu, wall) = (|heard: &Heard| heard.cpu, |heard: &Heard| heard.reply.took);
    Spread { p50: quantile(&cpu, 500), p99: quantile(&cpu, 990), wall_p99: quantile(&wall, 990) }
}
