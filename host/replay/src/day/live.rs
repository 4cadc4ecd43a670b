//! The day in virtual time: the ACD itself, with callers and agents as they are drawn.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_acd::{self as acd, Acd};
use plugboard_exchange::{Answer, QuestionKind, Routing};
use plugboard_model::{
    AgentId, AgentRequest, Configuration, EndedBy, Event, EventKind, InteractionId, LegId, QueueExit, QueueId,
    Timestamp, routing::Tables,
};
use plugboard_reporting::{Counters, QueueFold};

use super::{
    Call, Day, Presence, Shift,
    read::{figures, sums},
    sample::chance,
};

/// Whoever still waits so long after the day's end is not waited for.
pub const AFTER_HOURS: Duration = Duration::from_secs(4 * 3_600);
/// Where a day has no time to draw from.
const USUAL_TALK: Duration = Duration::from_secs(180);

/// Lives the day with the chances of `seed`. `judge` answers for the policies of `configuration`, at once; `hear` gets what happens.
pub fn live(
    day: &Day,
    configuration: &Arc<Configuration>,
    seed: u64,
    judge: &mut dyn FnMut(QuestionKind) -> Answer,
    hear: &mut dyn FnMut(&Event),
) -> BTreeMap<QueueId, Counters> {
    let mut world = World {
        day,
        configuration,
        seed,
        judge,
        hear,
        acd: Acd::new(configuration),
        routing: Routing::new(configuration),
        figures: figures(configuration),
        due: BTreeMap::new(),
        nth: 0,
        seq: 0,
        stages: vec![Stage::Waiting; day.calls.len()],
        ringing: BTreeMap::new(),
    };
    // Whoever is there when a call comes at the same instant was there before.
    for (index, shift) in day.shifts.iter().enumerate() {
        world.plan(shift.at, Due::Shift(index));
    }
    for (index, call) in day.calls.iter().enumerate() {
        world.plan(call.at, Due::Call(index));
    }
    world.run();
    sums(world.figures)
}

struct World<'a> {
    day: &'a Day,
    configuration: &'a Configuration,
    seed: u64,
    judge: &'a mut dyn FnMut(QuestionKind) -> Answer,
    hear: &'a mut dyn FnMut(&Event),
    acd: Acd,
    routing: Routing,
    figures: QueueFold,
    /// In order of time, then of planning.
    due: BTreeMap<(Timestamp, u64), Due>,
    nth: u64,
    seq: u64,
    stages: Vec<Stage>,
    ringing: BTreeMap<InteractionId, AgentId>,
}

#[derive(Clone, Debug)]
enum Due {
    Shift(usize),
    Call(usize),
    GivesUp(usize),
    Answers(usize, AgentId),
    HangsUp(usize, AgentId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Talking,
    Over,
}

/// Matters of chance of one call.
#[derive(Clone, Copy)]
enum Matter {
    Patience,
    Ring,
    Talk,
    WrapUp,
}

impl World<'_> {
    fn plan(&mut self, at: Timestamp, due: Due) {
        self.nth += 1;
        self.due.insert((at, self.nth), due);
    }

    fn run(&mut self) {
        let end = self.day.to + AFTER_HOURS;
        loop {
            let next = self.due.first_key_value().map(|((at, _), _)| *at);
            let timer = self.acd.poll_timeout();
            let Some(now) = [next, timer].into_iter().flatten().min().filter(|now| *now <= end) else { return };
            // Timers of the ACD alone move nobody once everything that was planned has happened.
            if next.is_none() && self.stages.iter().all(|stage| *stage == Stage::Over) {
                return;
            }
            if timer.is_some_and(|timer| timer <= now) {
                self.acd.handle_timeout(now);
                self.drain(now);
            } else if let Some((_, due)) = self.due.pop_first() {
                self.happen(now, due);
                self.drain(now);
            }
        }
    }

    fn happen(&mut self, now: Timestamp, due: Due) {
        match due {
            Due::Shift(index) => {
                let Shift { agent, to, .. } = &self.day.shifts[index];
                self.shift(now, agent, *to);
            }
            Due::Call(index) => self.come(now, index),
            Due::GivesUp(index) => {
                let interaction = interaction(index);
                if self.stages[index] == Stage::Waiting {
                    self.ringing.remove(&interaction);
                    self.acd.handle_input(now, acd::Input::Leave { interaction, exit: QueueExit::Abandoned });
                    self.over(now, index, EndedBy::Caller);
                }
            }
            Due::Answers(index, agent) => {
                let interaction = interaction(index);
                if self.ringing.get(&interaction) == Some(&agent) {
                    self.ringing.remove(&interaction);
                    self.answer(now, index, agent);
                }
            }
            Due::HangsUp(index, agent) => self.hang_up(now, index, agent),
        }
    }

    fn shift(&mut self, now: Timestamp, agent: &AgentId, to: Presence) {
        let request = |request| acd::Input::Request { agent: agent.clone(), request };
        let phone = |reachable| acd::Input::Phone { agent: agent.clone(), reachable };
        let inputs = match to {
            Presence::Here => vec![phone(true), request(AgentRequest::LogIn), request(AgentRequest::Ready)],
            Presence::Paused => {
                let pause = AgentRequest::NotReady { reason: "pause".to_owned() };
                vec![phone(true), request(AgentRequest::LogIn), request(pause)]
            }
            Presence::Gone => vec![request(AgentRequest::LogOut), phone(false)],
        };
        for input in inputs {
            self.acd.handle_input(now, input);
        }
    }

    fn come(&mut self, now: Timestamp, index: usize) {
        let interaction = interaction(index);
        let Call { queue, priority, skills, tags, end, .. } = &self.day.calls[index];
        for (name, value) in tags {
            self.routing.mark(interaction, name, value);
        }
        if let Some(patience) = self.day.patience.draw(queue, *end, self.chance(index, Matter::Patience)) {
            self.plan(now + patience, Due::GivesUp(index));
        }
        self.acd.handle_input(
            now,
            acd::Input::Enqueue {
                interaction,
                queue: queue.clone(),
                priority: *priority,
                skills: skills.clone(),
                since: now,
                max_wait: None,
            },
        );
    }

    fn answer(&mut self, now: Timestamp, index: usize, agent: AgentId) {
        let queue = &self.day.calls[index].queue;
        self.stages[index] = Stage::Talking;
        self.acd.handle_input(now, acd::Input::Answered { interaction: interaction(index), agent: agent.clone() });
        // What the ACD says of the wait comes before.
        self.drain(now);
        let connected = EventKind::Connected {
            interaction: interaction(index),
            agent: agent.clone(),
            leg: LegId(0),
            queue: Some(queue.clone()),
        };
        self.fact(now, connected);
        let talk = self.day.handling.talk.draw(queue, &agent, self.chance(index, Matter::Talk)).unwrap_or(USUAL_TALK);
        self.plan(now + talk, Due::HangsUp(index, agent));
    }

    fn hang_up(&mut self, now: Timestamp, index: usize, agent: AgentId) {
        let interaction = interaction(index);
        let queue = &self.day.calls[index].queue;
        let wrap_up = self.day.handling.wrap_up.draw(queue, &agent, self.chance(index, Matter::WrapUp));
        self.fact(now, EventKind::Disconnected { interaction, agent: agent.clone(), by: EndedBy::Caller });
        self.acd.handle_input(now, acd::Input::CallEnded { interaction, agent, wrap_up });
        self.drain(now);
        self.over(now, index, EndedBy::Caller);
    }

    fn over(&mut self, now: Timestamp, index: usize, by: EndedBy) {
        self.drain(now);
        self.stages[index] = Stage::Over;
        self.routing.forget(interaction(index));
        self.fact(now, EventKind::InteractionClosed { interaction: interaction(index), by, cause: 16 });
    }

    fn drain(&mut self, now: Timestamp) {
        while let Some(output) = self.acd.poll_output() {
            match output {
                acd::Output::Reserve { interaction, agent, .. } => self.ring(now, interaction, agent),
                acd::Output::StopRinging { interaction, .. } | acd::Output::Refused { interaction, .. } => {
                    self.ringing.remove(&interaction);
                }
                acd::Output::Left { interaction, .. } => {
                    self.ringing.remove(&interaction);
                    if let Some(index) = index(interaction) {
                        self.over(now, index, EndedBy::Host);
                    }
                }
                acd::Output::Ask(question) => {
                    let input = self.ask(&question);
                    self.acd.handle_input(now, input);
                }
                acd::Output::Fact(kind) => self.fact(now, kind),
            }
        }
    }

    fn ring(&mut self, now: Timestamp, interaction: InteractionId, agent: AgentId) {
        let Some(index) = index(interaction) else { return };
        let Call { queue, .. } = &self.day.calls[index];
        let drawn = self.day.handling.ring.draw(queue, &agent, self.chance(index, Matter::Ring)).unwrap_or_default();
        // Every agent answers: no ring lasts until it is a miss.
        let limit = self.configuration.queues.get(queue).map_or(drawn, |queue| queue.ring_timeout);
        let ring = drawn.min(limit.saturating_sub(Duration::from_millis(1)));
        self.ringing.insert(interaction, agent.clone());
        self.acd.handle_input(now, acd::Input::Ringing { interaction, agent: agent.clone() });
        self.plan(now + ring, Due::Answers(index, agent));
    }

    fn ask(&mut self, question: &acd::RankQuestion) -> acd::Input {
        let Some(kind) = self.routing.question(&self.acd, question) else {
            return acd::Input::AskFailed { question: question.id, reason: "the queue has no policy".into() };
        };
        let tables = match &kind {
            QuestionKind::RankAgents { tables, .. }
            | QuestionKind::RankWaiting { tables, .. }
            | QuestionKind::Relax { tables, .. } => Arc::clone(tables),
            // Nothing else is asked of policies.
            _ => Arc::new(Tables::default()),
        };
        Routing::answer(question.id, &tables, (self.judge)(kind))
    }

    fn fact(&mut self, now: Timestamp, kind: EventKind) {
        self.seq += 1;
        let event = Event { seq: self.seq, at: now, kind };
        self.figures.handle_event(&event);
        (self.hear)(&event);
    }

    fn chance(&self, index: usize, matter: Matter) -> f64 {
        chance(self.seed, index, matter as u64)
    }
}

fn interaction(index: usize) -> InteractionId {
    InteractionId(u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1))
}

fn index(interaction: InteractionId) -> Option<usize> {
    usize::try_from(interaction.0).ok()?.checked_sub(1)
}
