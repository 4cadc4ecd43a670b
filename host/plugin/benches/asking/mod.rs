//! What the benchmarks ask, and what it costs.
#![allow(dead_code, reason = "each benchmark uses its own part")]

pub(crate) mod webhook;

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use plugboard_model::{
    InteractionId, TenantId, Timestamp,
    flow::{Channel, Digits, Direction, Event, GatherEnd, Happening, Start, Stepped},
    routing::{Candidate, Levels, Need, Tables, Waiting},
};
use plugboard_plugin::{Answer, Ask, Asker, FlowPlugin, Question, RoutingPlugin, Settings, TableSet};
use serde::Serialize;

const WARM_UP: usize = 500;

const DOCUMENT: &str = r#"{
  "format": 1, "name": "main", "language": "zh-CN", "start": "hours", "variables": { "tier": "basic" },
  "nodes": {
    "hours": { "kind": "business-hours", "week": { "mon": ["00:00-24:00"] }, "exits": { "open": "menu", "closed": "bye" } },
    "menu": { "kind": "menu", "prompt": "menu.wav", "exits": { "1": "tier", "2": "bye", "no_input": "bye", "no_match": "bye" } },
    "tier": { "kind": "branch", "rules": [{ "variable": "tier", "is": "==", "value": "gold", "exit": "gold" }], "exits": { "gold": "vip", "else": "sales" } },
    "vip": { "kind": "set-queue", "queue": "vip", "priority": 9, "exits": { "next": "wait" } },
    "sales": { "kind": "set-queue", "queue": "sales", "skills": { "english": 3 }, "exits": { "next": "wait" } },
    "wait": { "kind": "queue", "max_wait_s": 600, "announce": { "every_s": 30, "prompt": ["place.wav", { "position": true }] }, "exits": { "timeout": "bye" } },
    "bye": { "kind": "hang-up" }
  }
}"#;

/// Microseconds: wall time per question, and CPU of the whole process per question.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Cost {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) cpu: f64,
}

pub(crate) fn measure(rounds: usize, mut question: impl FnMut() -> bool) -> Cost {
    for _ in 0..WARM_UP.min(rounds) {
        assert!(question(), "the question is answered");
    }
    let cpu = cpu_time();
    let mut wall: Vec<f64> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            assert!(question(), "the question is answered");
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let cpu = (cpu_time() - cpu).as_secs_f64() * 1e6 / rounds as f64;
    wall.sort_by(f64::total_cmp);
    Cost { p50: wall[rounds / 2], p99: wall[rounds * 99 / 100], cpu }
}

/// Time on a processor of all threads of this process.
fn cpu_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let nanos = tasks.filter_map(|task| {
        let schedstat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

pub(crate) fn question(ask: Ask) -> Question {
    Question { id: 1, tenant: "acme".parse::<TenantId>().expect("a name"), budget: Duration::from_secs(1), ask }
}

pub(crate) fn rank(policy: &RoutingPlugin, candidates: u32) -> Question {
    let candidate = |number: u32| Candidate {
        number,
        levels: Levels::from_needs([(number * 7 % 10 + 1) as u8, (number * 3 % 10 + 1) as u8]),
        idle_ms: number * 7_919 % 60_000,
        taken_today: number % 40,
        load_permille: (number % 3 * 250) as u16,
    };
    question(Ask::RankAgents {
        policy: policy.clone(),
        tables: Arc::new(TableSet::new(Tables::default())),
        who: Waiting { number: 1, queue: 0, priority: 5, channel: 0, waited_ms: 12_000, value: 0 },
        needs: vec![Need { skill: 0, level: 1 }, Need { skill: 3, level: 1 }],
        candidates: (0..candidates).map(candidate).collect(),
        columns: vec![],
    })
}

/// What a flow is told, at Monday 2026-11-23, 10:00 UTC.
pub(crate) fn event(seq: u32, answers: Option<u32>, what: Happening) -> Box<Event> {
    let at = Timestamp::from_secs(1_795_428_000);
    Box::new(Event { seq, at, utc_offset_min: 0, answers, more: false, what })
}

pub(crate) fn started() -> Happening {
    Happening::Started(Start {
        interaction: InteractionId(1),
        channel: Channel::Voice,
        direction: Direction::Inbound,
        caller: "+8613800000000".into(),
        called: "8001".into(),
        verified: false,
        language: "zh-CN".into(),
    })
}

/// A call that begins.
pub(crate) fn first_step(flow: &FlowPlugin) -> Question {
    let settings = Arc::new(Settings::document(DOCUMENT));
    question(Ask::FlowStep { flow: flow.clone(), settings, state: vec![], event: event(0, None, started()) })
}

/// The step after the caller pressed 1: four nodes on.
pub(crate) fn step(flow: &FlowPlugin, asker: &mut Asker) -> Question {
    let first = first_step(flow);
    let Ask::FlowStep { settings, .. } = &first.ask else { unreachable!("a step") };
    let settings = Arc::clone(settings);
    let reply = asker.ask(first);
    let Ok(Answer::Stepped(Stepped { state, .. })) = reply.result else { panic!("a step, not {reply:?}") };
    let pressed = Happening::Gathered(Digits { digits: "1".into(), ended: GatherEnd::Complete });
    question(Ask::FlowStep { flow: flow.clone(), settings, state, event: event(1, Some(1), pressed) })
}
