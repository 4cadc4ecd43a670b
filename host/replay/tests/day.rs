//! Days in virtual time: beside the formula, and beside what was recorded of them.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_exchange::{Answer, QuestionKind};
use plugboard_model::{
    Agent, AgentId, Configuration, Event, Policy, Queue, QueueId, Timestamp,
    routing::{Order, Relaxed},
};
use plugboard_replay::day::{
    Call, Day, DayReader, DayReport, Figures, Handling, Patience, Presence, Shift, Wait, live,
};
use plugboard_reporting::Counters;

const START: Timestamp = Timestamp::from_secs(1_795_341_600);

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean_s: f64) -> Duration {
        Duration::from_secs_f64(mean_s * -(1.0 - self.draw()).ln())
    }
}

fn sales() -> QueueId {
    "sales".parse().unwrap()
}

fn agent(number: usize) -> AgentId {
    format!("a{number}").parse().unwrap()
}

fn company(agents: usize, policy: Option<&str>) -> Arc<Configuration> {
    let mut company = Configuration::empty("acme".parse().unwrap());
    let queue =
        Queue { policy: policy.map(Policy::named), alarm_longest_wait: Duration::ZERO, ..Queue::named("Sales") };
    company.queues.insert(sales(), queue);
    for number in 0..agents {
        let row = Agent {
            name: String::new(),
            extension: format!("{}", 1_000 + number).parse().unwrap(),
            password: String::new(),
            queues: vec![sales()],
            skills: BTreeMap::new(),
            ready_on_register: false,
        };
        company.agents.insert(agent(number), row);
    }
    Arc::new(company)
}

/// Calls as a Poisson process of `load` erlangs, exponential talks of 300 s and patience of 120 s; nobody rings or wraps up.
fn synthetic(seed: u64, agents: usize, load: f64, hours: u64) -> Day {
    let mut chance = Chance(seed);
    let to = START + Duration::from_secs(hours * 3_600);
    let shift = |number| Shift { at: START, agent: agent(number), to: Presence::Here };
    let mut handling = Handling::default();
    for number in 0..10_000 {
        let talk = 300.0 * -(1.0 - (f64::from(number) + 0.5) / 10_000.0).ln();
        handling.talk.add(&sales(), &agent(number as usize % agents), Duration::from_secs_f64(talk));
    }
    handling.ring.add(&sales(), &agent(0), Duration::ZERO);
    handling.wrap_up.add(&sales(), &agent(0), Duration::ZERO);
    [&mut handling.talk, &mut handling.ring, &mut handling.wrap_up].into_iter().for_each(|samples| samples.sort());
    let mut calls = Vec::new();
    let mut at = START + chance.exponential(300.0 / load);
    while at < to {
        let end = Wait::GaveUp(chance.exponential(120.0));
        calls.push(Call { at, queue: sales(), priority: 0, skills: Vec::new(), tags: Vec::new(), end });
        at += chance.exponential(300.0 / load);
    }
    Day { from: START, to, calls, shifts: (0..agents).map(shift).collect(), handling, patience: Patience::default() }
}

#[allow(clippy::needless_pass_by_value, reason = "as who lives a day wants to be given it")]
fn nobody_asks(question: QuestionKind) -> Answer {
    panic!("no queue has a policy: {question:?}")
}

fn lived(day: &Day, company: &Arc<Configuration>, seed: u64) -> BTreeMap<QueueId, Counters> {
    live(day, company, seed, &mut nobody_asks, &mut |_| {})
}

/// Erlang A by its birth–death chain: share of calls given up, and mean wait of all calls in seconds (Garnett, Mandelbaum, Reiman 2002).
fn erlang_a(agents: usize, load: f64, talk_s: f64, patience_s: f64) -> (f64, f64) {
    let rate = load / talk_s;
    let (mut weight, mut sum, mut waiting) = (1.0, 1.0, 0.0);
    for state in 1..4_000_usize {
        let served = state.min(agents) as f64 / talk_s;
        let lost = state.saturating_sub(agents) as f64 / patience_s;
        weight *= rate / (served + lost);
        sum += weight;
        waiting += weight * state.saturating_sub(agents) as f64;
    }
    let in_line = waiting / sum;
    (in_line / patience_s / rate, in_line / rate)
}

/// The golden values of the chain itself: 20 agents, 300 s, 120 s, 17 and 34 erlangs.
#[test]
fn erlang_a_gives_up_as_published() {
    let share = |load| (erlang_a(20, load, 300.0, 120.0).0 * 10_000.0).round() / 100.0;
    assert_eq!([share(17.0), share(34.0)], [4.84, 41.44]);
}

/// 400 hours of 20 agents, about 80,000 calls: within half a point of the share given up and 5 % of the mean wait.
#[test]
fn longest_idle_on_a_synthetic_day_agrees_with_erlang_a() {
    let company = company(20, None);
    for load in [17.0, 34.0] {
        let day = synthetic(7, 20, load, 400);
        let counters = lived(&day, &company, 1)[&sales()];
        let (share, wait_s) = erlang_a(20, load, 300.0, 120.0);
        let waited_s =
            (counters.wait_answered_ms + counters.wait_abandoned_ms) as f64 / 1_000.0 / counters.offered as f64;
        let figures = Figures::from(&counters);
        let gave_up = figures.abandoned.unwrap();
        assert!((gave_up - share).abs() < 0.005, "{load} erlangs: {gave_up} gave up, {share} by the formula");
        assert!((waited_s / wait_s - 1.0).abs() < 0.05, "{load} erlangs: {waited_s} s waited, {wait_s} by the formula");
    }
}

/// A day of 12 hours is lived once and its events are the record; read from them, it is lived ten times more.
#[test]
fn recorded_day_lived_again_is_close_to_what_was_recorded() {
    let company = company(20, None);
    let mut events: Vec<Event> = Vec::new();
    let day = synthetic(3, 20, 19.0, 12);
    let lived_once = live(&day, &company, 1, &mut nobody_asks, &mut |event| events.push(event.clone()));
    let mut reader = DayReader::new(day.from, day.to, &company);
    assert!(events.iter().all(|event| reader.read(event) || event.at > day.to));
    let (read, was) = reader.finish();
    assert_eq!(read.calls.len(), day.calls.len());
    assert_eq!(was[&sales()].abandoned, lived_once[&sales()].abandoned);
    let again: Vec<_> = (0..10).map(|seed| lived(&read, &company, seed)).collect();
    let report = DayReport::new(read.calls.len(), 20, &was, &again, &[]);
    let row = &report.queues[0];
    let (level, gave_up) = (row.again.service_level.unwrap(), row.again.abandoned.unwrap());
    assert!((level.mean - row.was.service_level.unwrap()).abs() < 0.05, "{row:?}");
    assert!((gave_up.mean - row.was.abandoned.unwrap()).abs() < 0.02, "{row:?}");
    assert!(level.standard_deviation < 0.05, "{row:?}");
}

/// Whoever is ranked last by the policy is offered nothing while others are idle: what a policy says is done.
#[test]
fn another_policy_lives_another_day_with_the_same_callers() {
    let native = company(20, None);
    let ranked = company(20, Some("keeps-half-back"));
    let day = synthetic(5, 20, 12.0, 10);
    let mut asked = 0_u64;
    let mut keeps_half_back = |question: QuestionKind| {
        asked += 1;
        match question {
            QuestionKind::RankAgents { candidates, .. } if candidates.len() <= 10 => Answer::Ranked(Order::default()),
            QuestionKind::RankAgents { candidates, .. } => {
                Answer::Ranked(Order { numbers: candidates.iter().map(|one| one.number).collect(), again_ms: None })
            }
            QuestionKind::RankWaiting { waiting, .. } => {
                Answer::Ranked(Order { numbers: waiting.iter().map(|one| one.number).collect(), again_ms: None })
            }
            _ => Answer::Relaxed(Relaxed::default()),
        }
    };
    let other = live(&day, &ranked, 1, &mut keeps_half_back, &mut |_| {});
    let again = lived(&day, &native, 1);
    let report = DayReport::new(day.calls.len(), 20, &again, std::slice::from_ref(&again), &[other]);
    let row = report.queues.last().unwrap();
    let slower = row.difference.unwrap().answer_ms.unwrap().mean;
    assert!(asked > 1_000 && slower > 1_000.0, "{asked} {row:?}");
    assert_eq!(live(&day, &native, 1, &mut nobody_asks, &mut |_| {}), again);
}
