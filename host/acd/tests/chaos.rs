//! Two hundred thousand random inputs: every input in every state, wrong ids, repeated, late, with live changes of configuration.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod centre;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use centre::{START, agent, needs};
use plugboard_acd::{Acd, Input, Output, QuestionId};
use plugboard_model::{
    AgentId, AgentRequest, AgentState, Configuration, EventKind, InteractionId, Policy, Queue, QueueExit, SkillNeed,
    Strategy, Timestamp,
};

const INPUTS: u32 = 200_000;
const AGENTS: u64 = 14;
const QUEUES: u64 = 6;
const SKILLS: [&str; 4] = ["english", "chinese", "billing", "klingon"];

/// SplitMix64: chance that is the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn seconds(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.below(most * 1_000))
    }

    fn skills(&mut self) -> Vec<SkillNeed> {
        let count = self.pick(&[0, 0, 0, 1, 2]);
        (0..count).flat_map(|_| needs(&[(self.pick(&SKILLS), u8::try_from(self.below(11)).unwrap())])).collect()
    }
}

fn policy(chance: &mut Chance) -> Policy {
    let mut policy = Policy::named("some-policy");
    if chance.one_in(2) {
        policy.settings.insert(Policy::RELAX_FIRST.to_owned(), (100 + chance.below(5_000)).to_string());
    }
    policy
}

fn configuration(chance: &mut Chance) -> Configuration {
    let mut configuration = Configuration::empty("t".parse().unwrap());
    for number in 0..QUEUES {
        if chance.one_in(8) {
            continue;
        }
        let mut queue = Queue::named("a queue");
        let strategies = [Strategy::LongestIdle, Strategy::RoundRobin, Strategy::LeastOccupied, Strategy::MostSkilled];
        queue.strategy = chance.pick(&strategies);
        queue.policy = chance.one_in(3).then(|| policy(chance));
        queue.skills = if chance.one_in(3) { chance.skills() } else { Vec::new() };
        queue.priority = i32::try_from(chance.below(3)).unwrap();
        queue.ring_timeout = chance.seconds(20);
        queue.wrap_up = if chance.one_in(3) { Duration::ZERO } else { chance.seconds(30) };
        queue.max_wait = chance.one_in(2).then(|| chance.seconds(300));
        queue.max_waiting = chance.pick(&[3, 20, 40]);
        queue.overflow_to = chance.one_in(2).then(|| format!("q{}", chance.below(QUEUES)).parse().unwrap());
        queue.overflow_after = chance.one_in(2).then(|| chance.seconds(30));
        queue.refuse_when_unstaffed = chance.one_in(4);
        queue.missed_limit = u32::try_from(chance.below(4)).unwrap();
        configuration.queues.insert(format!("q{number}").parse().unwrap(), queue);
    }
    for number in 0..AGENTS {
        if chance.one_in(8) {
            continue;
        }
        let queues: Vec<String> = (0..chance.below(4)).map(|_| format!("q{}", chance.below(QUEUES))).collect();
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let skills: Vec<(&str, u8)> =
            SKILLS[..3].iter().map(|skill| (*skill, u8::try_from(chance.below(11)).unwrap())).collect();
        let mut agent = agent(&queues, &skills);
        agent.ready_on_register = chance.one_in(2);
        configuration.agents.insert(format!("a{number:02}").parse().unwrap(), agent);
    }
    configuration
}

/// What the outputs say, so that wishes can be made that fit now and then.
#[derive(Default)]
struct Seen {
    newest: u64,
    asked: Vec<(QuestionId, u32)>,
    relax: Vec<(QuestionId, Vec<(u16, u8)>)>,
    /// Interactions that the record says are in a queue.
    queued: BTreeSet<InteractionId>,
    held_by: BTreeMap<AgentId, AgentState>,
    entered: u64,
    left: u64,
    outputs: u64,
    hash: u64,
    /// Words of every state, exit and reason that came up.
    reached: BTreeSet<String>,
}

impl Seen {
    fn note(&mut self, output: &Output) {
        self.outputs += 1;
        for byte in format!("{output:?}").bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        match output {
            Output::Fact(EventKind::Released { reason, .. }) => _ = self.reached.insert(format!("{reason:?}")),
            Output::Refused { reason, .. } => _ = self.reached.insert(format!("{reason:?}")),
            _ => {}
        }
        match output {
            Output::Ask(question) => {
                let count = match &question.subject {
                    plugboard_acd::RankSubject::Agents { candidates, .. } => candidates.len(),
                    plugboard_acd::RankSubject::Waiting { candidates, .. } => candidates.len(),
                    plugboard_acd::RankSubject::Relax { interaction } => {
                        self.relax.push((question.id, interaction.needs.to_vec()));
                        return;
                    }
                };
                assert!((1..=plugboard_acd::MOST_CANDIDATES).contains(&count));
                self.asked.push((question.id, u32::try_from(count).unwrap()));
            }
            Output::Fact(EventKind::Relaxed { interaction, overflow_to, .. }) => {
                assert!(self.queued.contains(interaction), "{interaction} relaxed and was not in");
                self.reached.insert(if overflow_to.is_some() { "helped" } else { "relaxed" }.to_owned());
            }
            Output::Fact(EventKind::HeldBack { .. }) => _ = self.reached.insert("held-back".to_owned()),
            Output::Fact(EventKind::PluginFailed { question, .. }) => {
                self.reached.insert(question.split(' ').next().unwrap_or_default().to_owned() + "-failed");
            }
            Output::Fact(EventKind::Queued { interaction, .. }) => {
                assert!(self.queued.insert(*interaction), "{interaction} queued twice");
                self.entered += 1;
            }
            Output::Fact(EventKind::LeftQueue { interaction, exit, .. }) => {
                let was = self.queued.remove(interaction);
                self.reached.insert(format!("{exit:?}"));
                let at_the_door = matches!(exit, QueueExit::Full | QueueExit::NoAgents | QueueExit::Closed);
                assert!(was || at_the_door, "{interaction} left and was not in");
                self.left += u64::from(was);
            }
            Output::Fact(EventKind::AgentStateChanged { agent, from, to }) => {
                let before = self.held_by.insert(agent.clone(), to.clone()).unwrap_or(AgentState::LoggedOut);
                assert_eq!(&before, from, "{agent}: the record has a gap");
                assert_ne!(from, to);
                self.reached.insert(to.word().to_owned());
            }
            _ => {}
        }
    }

    fn drain(&mut self, acd: &mut Acd) {
        while let Some(output) = acd.poll_output() {
            self.note(&output);
        }
    }
}

fn request(chance: &mut Chance) -> AgentRequest {
    match chance.below(6) {
        0 => AgentRequest::LogIn,
        1 => AgentRequest::LogOut,
        2 => AgentRequest::NotReady { reason: "lunch".to_owned() },
        _ => AgentRequest::Ready,
    }
}

fn input(chance: &mut Chance, seen: &mut Seen, now: Timestamp) -> Input {
    // Mostly an agent with the interaction that holds them, else any two.
    let agent: AgentId = format!("a{:02}", chance.below(AGENTS + 1)).parse().unwrap();
    let held = seen.held_by.get(&agent).and_then(AgentState::interaction).filter(|_| !chance.one_in(5));
    let any = InteractionId(seen.newest.saturating_sub(chance.below(40)));
    let interaction = held.unwrap_or(any);
    match chance.below(100) {
        0..25 => {
            if !chance.one_in(6) {
                seen.newest += 1;
            }
            let back = chance.pick(&[0, 0, 0, 60]);
            Input::Enqueue {
                interaction: if chance.one_in(10) { interaction } else { InteractionId(seen.newest) },
                queue: format!("q{}", chance.below(QUEUES + 1)).parse().unwrap(),
                priority: i32::try_from(chance.below(5)).unwrap() - 2,
                skills: chance.skills(),
                since: Timestamp::from_micros(now.as_micros() - chance.seconds(back + 1).as_micros() as u64),
                max_wait: chance.one_in(4).then(|| chance.seconds(60)),
            }
        }
        25..33 => {
            let exits = [QueueExit::Abandoned, QueueExit::ExitKey, QueueExit::Moved];
            Input::Leave { interaction: any, exit: chance.pick(&exits) }
        }
        33..36 => Input::Changed {
            interaction: any,
            skills: chance.one_in(2).then(|| chance.skills()),
            priority: chance.one_in(2).then_some(5),
        },
        36..46 => Input::Request { agent, request: request(chance) },
        46..54 => Input::Phone { agent, reachable: !chance.one_in(4) },
        54..57 => Input::ReserveAgent { interaction, agent },
        57..66 => Input::Ringing { interaction, agent },
        66..76 => Input::Answered { interaction, agent },
        76..78 => Input::Missed { interaction, agent },
        78..80 => Input::Rejected { interaction, agent },
        80 => Input::DeviceFailed { interaction, agent },
        81 => Input::Held { interaction, agent },
        82 => Input::Resumed { interaction, agent },
        83 => Input::ConsultStarted { interaction, agent },
        84 => Input::ConsultEnded { interaction, agent },
        85..93 => Input::CallEnded { interaction, agent, wrap_up: chance.one_in(4).then(|| chance.seconds(20)) },
        93 => Input::ExtendWrapUp { agent, by: chance.seconds(30) },
        94 => Input::Dialled { interaction: any, agent },
        95 => Input::Moved { agent, from: interaction, to: any },
        96 if !seen.relax.is_empty() => relaxed(chance, seen),
        _ => {
            let recent = seen.asked.len().saturating_sub(4);
            let asked = &seen.asked[recent..];
            let (question, count) = if asked.is_empty() { (QuestionId(0), 0) } else { chance.pick(asked) };
            if chance.one_in(4) {
                return Input::AskFailed { question, reason: "trapped".into() };
            }
            let order =
                (0..chance.below(5)).map(|_| u32::try_from(chance.below(u64::from(count) + 2)).unwrap()).collect();
            Input::Ranked { question, order, again: chance.one_in(2).then(|| chance.seconds(3)) }
        }
    }
}

/// An answer to one of the last questions, good, bad or late.
fn relaxed(chance: &mut Chance, seen: &Seen) -> Input {
    let (question, needs) = &seen.relax[seen.relax.len() - 1 - chance.below(3.min(seen.relax.len() as u64)) as usize];
    let question = *question;
    if chance.one_in(8) {
        return Input::AskFailed { question, reason: "trapped".into() };
    }
    let mut needs = needs.clone();
    match chance.below(4) {
        0 => needs.clear(),
        1 => needs.iter_mut().for_each(|(_, level)| *level = level.saturating_sub(1)),
        2 => needs.push((u16::try_from(chance.below(6)).unwrap(), 10)),
        _ => {}
    }
    let overflow_to = chance.one_in(2).then(|| format!("q{}", chance.below(QUEUES + 1)).parse().unwrap());
    Input::Relaxed { question, needs, overflow_to, again: chance.one_in(2).then(|| chance.seconds(3)) }
}

/// Runs the storm and the calm after it.
fn storm(seed: u64) -> (Acd, Seen, Timestamp) {
    let mut chance = Chance(seed);
    let mut acd = Acd::new(&configuration(&mut chance));
    let mut seen = Seen::default();
    let mut now = START;
    for _ in 0..INPUTS {
        now += Duration::from_micros(chance.pick(&[0, 10, 3_000, 300_000, 2_000_000]));
        if acd.poll_timeout().is_some_and(|due| due <= now) && !chance.one_in(10) {
            acd.handle_timeout(now);
            acd.check();
            seen.drain(&mut acd);
        }
        let input = if chance.one_in(2_000) {
            Input::Configure(Arc::new(configuration(&mut chance)))
        } else {
            input(&mut chance, &mut seen, now)
        };
        acd.handle_input(now, input);
        acd.check();
        seen.drain(&mut acd);
    }
    // Callers give up in the end; nobody says anything of the agents any more.
    for interaction in seen.queued.clone() {
        acd.handle_input(now, Input::Leave { interaction, exit: QueueExit::Abandoned });
        acd.check();
        seen.drain(&mut acd);
    }
    while let Some(due) = acd.poll_timeout() {
        now = now.max(due);
        acd.handle_timeout(now);
        acd.check();
        seen.drain(&mut acd);
    }
    (acd, seen, now)
}

#[test]
fn after_any_storm_no_agent_is_stuck_and_each_interaction_left_once() {
    let (acd, seen, _) = storm(20_261_122);
    let stuck: Vec<_> = acd.agents().filter(|agent| agent.state.interaction().is_some()).collect();
    let waiting: u32 = acd.queues().map(|queue| queue.waiting).sum();
    assert_eq!((stuck, waiting, seen.queued.len(), seen.entered - seen.left), (Vec::new(), 0, 0, 0));
    assert!(seen.entered > 20_000, "the storm should reach the queues, {} did", seen.entered);
}

/// Else the storm above would prove little.
#[test]
fn the_storm_reaches_every_state_exit_and_reason() {
    let (_, seen, _) = storm(3);
    let all = "Abandoned AlreadyOffered Busy CallerLeft Closed Connected DeviceFailed ExitKey Full LeaseExpired LoggedOut Missed Moved \
               NoAgents NotReady NotReserved Rejected TimedOut UnknownAgent Unreachable consulting held held-back helped logged-out not-ready \
               rank-failed ready relax-failed \
               relaxed reserved ringing talking unreachable wrap-up";
    assert_eq!(seen.reached.into_iter().collect::<Vec<_>>().join(" "), all);
}

#[test]
fn same_seed_gives_the_same_outputs() {
    let run = |seed| {
        let (_, seen, end) = storm(seed);
        (seen.outputs, seen.hash, end)
    };
    assert_eq!(run(7), run(7));
}
