//! Time to match one pair: an agent comes free while callers wait, or a caller comes in while agents are idle.
//!
//! `cargo bench -p plugboard-acd --bench assign [-- --json]`. Beside it a plain scan of everybody who waits, as most systems do it.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::{hint::black_box, time::Duration, time::Instant};

use plugboard_acd::{Acd, Input, Output};
use plugboard_model::{
    Agent, AgentId, Configuration, InteractionId, Policy, Queue, QueueExit, QueueId, SkillId, SkillNeed, Strategy,
    Timestamp,
};

const AGENTS: usize = 500;
const ROUNDS: usize = 4_000;
const SKILLS: usize = 10;
/// Of twenty.
const QUEUES_PER_AGENT: usize = 6;

fn number(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap_or(0) % below
}

struct Wish {
    queue: QueueId,
    skills: Vec<SkillNeed>,
}

fn level(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

fn skill(number: usize) -> SkillId {
    format!("skill{number}").parse().expect("a name")
}

fn wish(seed: &mut u64, queues: usize) -> Wish {
    let needs = if queues == 1 { 0 } else { number(seed, 3) };
    Wish {
        queue: format!("q{}", number(seed, queues)).parse().expect("a name"),
        skills: (0..needs)
            .map(|_| SkillNeed { skill: skill(number(seed, SKILLS)), level: level(1 + number(seed, 5)) })
            .collect(),
    }
}

fn configuration(queues: usize, strategy: Strategy) -> Configuration {
    let mut seed = 3;
    let mut configuration = Configuration::empty("t".parse().expect("a name"));
    for place in 0..queues {
        let queue = Queue { strategy, max_waiting: 1_000_000, ..Queue::named("q") };
        configuration.queues.insert(format!("q{place}").parse().expect("a name"), queue);
    }
    for place in 0..AGENTS {
        let agent = Agent {
            name: String::new(),
            extension: "1".parse().expect("a name"),
            password: String::new(),
            queues: (0..QUEUES_PER_AGENT.min(queues))
                .map(|step| format!("q{}", (place + step * 3) % queues).parse().expect("a name"))
                .collect(),
            skills: (0..SKILLS).map(|place| (skill(place), level(number(&mut seed, 11)))).collect(),
            ready_on_register: true,
        };
        configuration.agents.insert(format!("agent{place:03}").parse().expect("a name"), agent);
    }
    configuration
}

/// 50th and 99th percentile in microseconds.
#[derive(Clone, Copy)]
struct Times {
    p50: f64,
    p99: f64,
}

fn times(mut samples: Vec<Duration>) -> Times {
    samples.sort_unstable();
    let at = |percent: usize| samples[(samples.len() * percent / 100).min(samples.len() - 1)].as_secs_f64() * 1e6;
    Times { p50: at(50), p99: at(99) }
}

fn drain(acd: &mut Acd, reserved: &mut Vec<(InteractionId, AgentId)>) {
    while let Some(output) = acd.poll_output() {
        if let Output::Reserve { interaction, agent, .. } = output {
            reserved.push((interaction, agent));
        }
    }
}

struct Floor {
    acd: Acd,
    now: Timestamp,
    seed: u64,
    queues: usize,
    newest: u64,
    talking: Vec<(InteractionId, AgentId)>,
}

impl Floor {
    fn new(queues: usize, strategy: Strategy) -> Self {
        let configuration = configuration(queues, strategy);
        let mut acd = Acd::new(&configuration);
        let now = Timestamp::from_secs(1_795_000_000);
        for agent in configuration.agents.keys() {
            acd.handle_input(now, Input::Phone { agent: agent.clone(), reachable: true });
        }
        drain(&mut acd, &mut Vec::new());
        Self { acd, now, seed: 9, queues, newest: 0, talking: Vec::new() }
    }

    fn arrival(&mut self) -> Input {
        let Wish { queue, skills } = wish(&mut self.seed, self.queues);
        self.newest += 1;
        self.now += Duration::from_micros(1);
        let interaction = InteractionId(self.newest);
        Input::Enqueue { interaction, queue, priority: 0, skills, since: self.now, max_wait: None }
    }

    fn answer(&mut self, reserved: &mut Vec<(InteractionId, AgentId)>) {
        for (interaction, agent) in reserved.drain(..) {
            self.acd.handle_input(self.now, Input::Answered { interaction, agent: agent.clone() });
            self.talking.push((interaction, agent));
        }
        drain(&mut self.acd, &mut Vec::new());
    }

    /// Callers come until `waiting` of them find nobody.
    fn fill(&mut self, waiting: u32) {
        let mut reserved = Vec::new();
        while self.acd.queues().map(|queue| queue.waiting).sum::<u32>() < waiting {
            for _ in 0..50 {
                let input = self.arrival();
                self.acd.handle_input(self.now, input);
                drain(&mut self.acd, &mut reserved);
                self.answer(&mut reserved);
            }
        }
    }

    fn agent_free(&mut self) -> Times {
        let mut samples = Vec::with_capacity(ROUNDS);
        let mut reserved = Vec::new();
        for round in 0..ROUNDS {
            let place = (round * 7) % self.talking.len();
            let (interaction, agent) = self.talking.swap_remove(place);
            self.now += Duration::from_millis(20);
            let ended = Input::CallEnded { interaction, agent, wrap_up: Some(Duration::ZERO) };
            let begin = Instant::now();
            self.acd.handle_input(self.now, ended);
            drain(&mut self.acd, &mut reserved);
            samples.push(begin.elapsed());
            self.answer(&mut reserved);
            let input = self.arrival();
            self.acd.handle_input(self.now, input);
            drain(&mut self.acd, &mut reserved);
            self.answer(&mut reserved);
        }
        times(samples)
    }

    fn caller_in(&mut self) -> Times {
        let mut samples = Vec::with_capacity(ROUNDS);
        let mut reserved = Vec::new();
        for _ in 0..ROUNDS {
            let input = self.arrival();
            let begin = Instant::now();
            self.acd.handle_input(self.now, input);
            drain(&mut self.acd, &mut reserved);
            samples.push(begin.elapsed());
            self.answer(&mut reserved);
            for (interaction, agent) in std::mem::take(&mut self.talking) {
                self.acd.handle_input(self.now, Input::CallEnded { interaction, agent, wrap_up: Some(Duration::ZERO) });
            }
            let interaction = InteractionId(self.newest);
            self.acd.handle_input(self.now, Input::Leave { interaction, exit: QueueExit::Abandoned });
            drain(&mut self.acd, &mut Vec::new());
        }
        times(samples)
    }
}

/// An agent comes free and a policy is asked with the longest short list; the native order then decides.
fn question(waiting: u32) -> Times {
    let mut configuration = configuration(20, Strategy::LongestIdle);
    let mut floor = Floor::new(20, Strategy::LongestIdle);
    floor.fill(waiting);
    for queue in configuration.queues.values_mut() {
        queue.policy = Some(Policy::named("policy"));
    }
    floor.acd.handle_input(floor.now, Input::Configure(configuration.into()));
    drain(&mut floor.acd, &mut Vec::new());
    let mut samples = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS.min(floor.talking.len()) {
        let Some((interaction, agent)) = floor.talking.pop() else { break };
        let ended = Input::CallEnded { interaction, agent, wrap_up: Some(Duration::ZERO) };
        let begin = Instant::now();
        floor.acd.handle_input(floor.now, ended);
        let asked = floor.acd.poll_output();
        samples.push(begin.elapsed());
        black_box(asked);
        drain(&mut floor.acd, &mut Vec::new());
    }
    times(samples)
}

/// Looks at everybody who waits, by name, for the best that one agent may take.
fn naive(queues: usize, waiting: usize) -> Times {
    let configuration = configuration(queues, Strategy::LongestIdle);
    let mut seed = 9;
    let mut line: Vec<(Wish, u64)> = (0..waiting as u64).map(|since| (wish(&mut seed, queues), since)).collect();
    let mut samples = Vec::new();
    for (agent, newest) in configuration.agents.values().cycle().take(ROUNDS / 4).zip(waiting as u64..) {
        let begin = Instant::now();
        let best = line
            .iter()
            .enumerate()
            .filter(|(_, (wish, _))| {
                let has = |need: &SkillNeed| agent.skills.get(&need.skill).is_some_and(|level| *level >= need.level);
                agent.queues.contains(&wish.queue) && wish.skills.iter().all(has)
            })
            .min_by_key(|(_, (_, since))| *since)
            .map(|(place, _)| place);
        samples.push(begin.elapsed());
        if let Some(place) = black_box(best) {
            line.swap_remove(place);
            line.push((wish(&mut seed, queues), newest));
        }
    }
    times(samples)
}

/// Resident memory in bytes, as Linux tells it; 0 elsewhere.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4_096
}

fn bytes_per_waiting() -> usize {
    const MANY: usize = 100_000;
    let mut floor = Floor::new(20, Strategy::LongestIdle);
    floor.fill(1);
    let before = resident();
    for _ in 0..MANY {
        let input = floor.arrival();
        floor.acd.handle_input(floor.now, input);
        drain(&mut floor.acd, &mut Vec::new());
    }
    resident().saturating_sub(before) / MANY
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let per_waiting = bytes_per_waiting();
    let mut rows = Vec::new();
    println!("{AGENTS} agents; one pair matched, microseconds          p50       p99   plain scan p50");
    for queues in [1, 20] {
        for waiting in [0_u32, 1_100, 2_850, 10_000] {
            let mut floor = Floor::new(queues, Strategy::LongestIdle);
            let (what, ours, scan) = if waiting == 0 {
                ("caller in, all idle", floor.caller_in(), None)
            } else {
                floor.fill(waiting);
                ("agent free", floor.agent_free(), Some(naive(queues, waiting as usize)))
            };
            let plain = scan.map_or_else(|| "-".to_owned(), |scan| format!("{:.1}", scan.p50));
            println!(
                "{queues:>2} queues, {waiting:>6} waiting, {what:<20} {:>9.1} {:>9.1} {plain:>12}",
                ours.p50, ours.p99
            );
            let plain = scan.map_or_else(|| "null".to_owned(), |scan| format!("{:.2}", scan.p50));
            rows.push(format!(
                r#"{{"queues":{queues},"waiting":{waiting},"p50_us":{:.2},"p99_us":{:.2},"scan_p50_us":{plain}}}"#,
                ours.p50, ours.p99
            ));
        }
    }
    for (strategy, name) in [
        (Strategy::RoundRobin, "round robin"),
        (Strategy::LeastOccupied, "least occupied"),
        (Strategy::MostSkilled, "most skilled"),
    ] {
        let ours = Floor::new(20, strategy).caller_in();
        println!("20 queues,      0 waiting, caller in, {name:<14} {:>6.1} {:>9.1}", ours.p50, ours.p99);
        rows.push(format!(
            r#"{{"queues":20,"waiting":0,"strategy":"{name}","p50_us":{:.2},"p99_us":{:.2}}}"#,
            ours.p50, ours.p99
        ));
    }
    let asked = question(2_850);
    println!("20 queues,   2850 waiting, policy asked         {:>9.1} {:>9.1}", asked.p50, asked.p99);
    rows.push(format!(
        r#"{{"queues":20,"waiting":2850,"what":"ask","p50_us":{:.2},"p99_us":{:.2}}}"#,
        asked.p50, asked.p99
    ));
    println!("memory per waiting interaction: {per_waiting} bytes");
    if json {
        println!(r#"{{"assign":[{}],"bytes_per_waiting":{per_waiting}}}"#, rows.join(","));
    }
}
