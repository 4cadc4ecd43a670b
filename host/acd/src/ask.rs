//! Questions to routing policies, and what becomes of the answers.
//!
//! A question holds nothing up: agent and interactions stay where they are, others may take them meanwhile, and an answer that
//! names only those is asked again. Without an answer by the deadline the native order, which is the order of the candidates, is used.

use std::{sync::Arc, time::Duration};

use plugboard_model::{Choice, EventKind, InteractionId, QueueId, Timestamp, millis};

use crate::{
    Acd, AgentNumbers, Output, QuestionId, RANK_AGAIN, RANK_DEADLINE, RELAX_GAP, RankQuestion, RankSubject,
    WaitingNumbers,
    agent::Agent,
    queue::Entry,
    table::{AgentKey, QueueKey},
    timer::Timer,
};

pub(crate) struct Question {
    pub(crate) deadline: Timestamp,
    pub(crate) policy: Arc<str>,
    pub(crate) queue: QueueId,
    pub(crate) pairs: Pairs,
}

/// The pairs to choose among, in native order.
pub(crate) enum Pairs {
    Agents {
        interaction: InteractionId,
        candidates: Vec<AgentKey>,
    },
    Waiting {
        agent: AgentKey,
        candidates: Vec<InteractionId>,
        queue: QueueKey,
        refused: Vec<QueueKey>,
    },
    /// Nothing to choose: what may the interaction go without?
    Relax {
        interaction: InteractionId,
    },
}

impl Acd {
    /// Which agent should take the interaction?
    pub(crate) fn ask_for_waiting(&mut self, now: Timestamp, interaction: InteractionId) {
        let Some(entry) = self.entries.get(&interaction) else { return };
        let Some(key) = entry.queue else { return };
        let candidates = self.candidates(now, entry, &self.queues[key]);
        if candidates.is_empty() {
            return;
        }
        let subject = RankSubject::Agents {
            interaction: self.waiting_numbers(now, entry),
            candidates: candidates.iter().map(|agent| agent_numbers(now, &self.agents[*agent])).collect(),
        };
        let id = self.ask(now, key, subject, Pairs::Agents { interaction, candidates });
        if let Some(entry) = self.entries.get_mut(&interaction) {
            entry.question = Some(id);
        }
    }

    /// Which interaction of the queue should the agent take?
    pub(crate) fn ask_for_agent(&mut self, now: Timestamp, agent: AgentKey, queue: QueueKey, refused: Vec<QueueKey>) {
        self.forget_asking(agent);
        let candidates = self.short_list(agent, queue);
        let subject = RankSubject::Waiting {
            agent: agent_numbers(now, &self.agents[agent]),
            candidates: candidates
                .iter()
                .filter_map(|id| self.entries.get(id))
                .map(|entry| self.waiting_numbers(now, entry))
                .collect(),
        };
        let id = self.ask(now, queue, subject, Pairs::Waiting { agent, candidates, queue, refused });
        self.agents[agent].question = Some(id);
    }

    pub(crate) fn ask(&mut self, now: Timestamp, queue: QueueKey, subject: RankSubject, pairs: Pairs) -> QuestionId {
        self.last_question += 1;
        let id = QuestionId(self.last_question);
        let deadline = now + RANK_DEADLINE;
        let queue = &self.queues[queue];
        let policy = queue.policy.clone().expect("only a queue with a policy is asked about");
        let queue = queue.id.clone();
        self.questions.insert(id, Question { deadline, policy: policy.clone(), queue: queue.clone(), pairs });
        self.timers.set(deadline, Timer::Question(id));
        self.outputs.push_back(Output::Ask(RankQuestion { id, policy, queue, deadline, subject }));
        id
    }

    pub(crate) fn waiting_numbers(&self, now: Timestamp, entry: &Entry) -> WaitingNumbers {
        WaitingNumbers {
            interaction: entry.place.interaction,
            waited_ms: millis(now - entry.place.since),
            priority: entry.place.priority.0,
            needs: self.classes.needs(entry.class).clone(),
        }
    }

    pub(crate) fn forget_question(&mut self, id: Option<QuestionId>) {
        id.and_then(|id| self.close_question(id));
    }

    pub(crate) fn close_question(&mut self, id: QuestionId) -> Option<Question> {
        let question = self.questions.remove(&id)?;
        self.timers.cancel(Some(question.deadline), Timer::Question(id));
        Some(question)
    }

    /// The interaction is taken or changed: its question is void.
    pub(crate) fn stop_asking(&mut self, interaction: InteractionId) {
        let Some(entry) = self.entries.get_mut(&interaction) else { return };
        let (question, again) = (entry.question.take(), entry.ask_again.take());
        self.forget_question(question);
        self.timers.cancel(again, Timer::AskForWaiting(interaction));
    }

    /// The agent is taken or changed: the question is void.
    pub(crate) fn forget_asking(&mut self, agent: AgentKey) {
        let row = &mut self.agents[agent];
        let (question, again) = (row.question.take(), row.ask_again.take());
        self.forget_question(question);
        self.timers.cancel(again, Timer::AskForAgent(agent));
    }

    /// No answer: the native order stands, and needs stay as they are.
    pub(crate) fn handle_ask_failed(&mut self, now: Timestamp, id: QuestionId, reason: Arc<str>) {
        let Some(question) = self.close_question(id) else { return };
        let Question { policy: plugin, queue, pairs, .. } = question;
        let (interaction, what) = match &pairs {
            Pairs::Agents { interaction, .. } => (Some(*interaction), "rank"),
            Pairs::Waiting { .. } => (None, "rank"),
            Pairs::Relax { interaction } => (Some(*interaction), "relax"),
        };
        let question = format!("{what} for queue {queue}").into();
        self.outputs.push_back(Output::Fact(EventKind::PluginFailed { interaction, plugin, question, reason }));
        match pairs {
            Pairs::Agents { interaction, candidates } => {
                let order = Order { places: (0..size(&candidates)).collect(), by: None, again: None };
                self.take_agent(now, interaction, &candidates, &order, &queue);
            }
            Pairs::Waiting { agent, candidates, queue, refused } => {
                let order = Order { places: (0..size(&candidates)).collect(), by: None, again: None };
                self.take_waiting(now, agent, &candidates, &order, queue, refused);
            }
            Pairs::Relax { interaction } => self.end_relaxing(now, interaction),
        }
    }

    /// An answer. Of an id that is unknown or past, nothing; of a position outside the list, nothing.
    pub(crate) fn handle_ranked(&mut self, now: Timestamp, id: QuestionId, places: Vec<u32>, again: Option<Duration>) {
        if self.questions.get(&id).is_none_or(|question| matches!(question.pairs, Pairs::Relax { .. })) {
            return;
        }
        let Some(question) = self.close_question(id) else { return };
        let order = Order { places, by: Some(question.policy), again };
        match question.pairs {
            Pairs::Agents { interaction, candidates } => {
                self.take_agent(now, interaction, &candidates, &order, &question.queue);
            }
            Pairs::Waiting { agent, candidates, queue, refused } => {
                self.take_waiting(now, agent, &candidates, &order, queue, refused);
            }
            Pairs::Relax { .. } => {}
        }
    }

    fn take_agent(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        candidates: &[AgentKey],
        order: &Order,
        queue: &QueueId,
    ) {
        let mut too_late = false;
        let chosen = order.pairs(candidates).find(|(_, agent)| {
            let possible = self.is_possible(*agent, interaction);
            too_late |= !possible;
            possible
        });
        let Some(entry) = self.entries.get_mut(&interaction) else { return };
        entry.question = None;
        let relaxes = order.again.is_some_and(|again| self.relax_by(interaction, now + again));
        match chosen {
            Some((place, agent)) => self.reserve(now, agent, interaction, order.choice(place, candidates.len())),
            None if too_late => self.offer(now, interaction),
            None => {
                let Some(entry) = self.entries.get_mut(&interaction) else { return };
                if !relaxes {
                    let again = now + order.again();
                    entry.ask_again = Some(again);
                    self.timers.set(again, Timer::AskForWaiting(interaction));
                }
                if let Some(policy) = order.by.clone().filter(|_| !std::mem::replace(&mut entry.held_back, true)) {
                    let (free, again_ms) = (size(candidates), order.again.map(millis));
                    let queue = queue.clone();
                    let held_back = EventKind::HeldBack { interaction, queue, policy, free, again_ms };
                    self.outputs.push_back(Output::Fact(held_back));
                }
            }
        }
    }

    fn take_waiting(
        &mut self,
        now: Timestamp,
        agent: AgentKey,
        candidates: &[InteractionId],
        order: &Order,
        queue: QueueKey,
        mut refused: Vec<QueueKey>,
    ) {
        let mut too_late = false;
        let chosen = order.pairs(candidates).find(|(_, waiting)| {
            let possible = self.is_possible(agent, *waiting);
            too_late |= !possible;
            possible
        });
        self.agents[agent].question = None;
        match chosen {
            Some((place, waiting)) => self.reserve(now, agent, waiting, order.choice(place, candidates.len())),
            None if too_late => self.seek_except(now, agent, refused),
            None => {
                refused.push(queue);
                self.seek_except(now, agent, refused);
                let again = now + order.again();
                let row = &mut self.agents[agent];
                if row.state.is_ready() && row.question.is_none() {
                    row.ask_again = Some(again);
                    self.timers.set(again, Timer::AskForAgent(agent));
                }
            }
        }
    }

    pub(crate) fn handle_ask_for_agent(&mut self, now: Timestamp, agent: AgentKey) {
        if let Some(row) = self.agents.get(agent) {
            debug_assert!(row.state.is_ready(), "the timer goes when the state does");
            self.agents[agent].ask_again = None;
            self.seek(now, agent);
        }
    }

    pub(crate) fn handle_ask_for_waiting(&mut self, now: Timestamp, interaction: InteractionId) {
        if let Some(entry) = self.entries.get_mut(&interaction) {
            entry.ask_again = None;
            self.offer(now, interaction);
        }
    }
}

/// A policy's order, or the native one.
struct Order {
    /// Positions in the list of candidates, best first.
    places: Vec<u32>,
    /// `None`: the native order.
    by: Option<Arc<str>>,
    again: Option<Duration>,
}

impl Order {
    fn pairs<'a, T: Copy>(&'a self, candidates: &'a [T]) -> impl Iterator<Item = (u32, T)> + 'a {
        self.places.iter().filter_map(|place| Some((*place, *candidates.get(*place as usize)?)))
    }

    fn choice(&self, place: u32, of: usize) -> Option<Choice> {
        let of = u32::try_from(of).unwrap_or(u32::MAX);
        self.by.clone().map(|policy| Choice { policy, place: place + 1, of })
    }

    /// Closer together a policy could keep us busy with itself.
    fn again(&self) -> Duration {
        self.again.unwrap_or(RANK_AGAIN).max(RELAX_GAP)
    }
}

fn size<T>(candidates: &[T]) -> u32 {
    u32::try_from(candidates.len()).expect("at most 256 candidates")
}

fn agent_numbers(now: Timestamp, agent: &Agent) -> AgentNumbers {
    AgentNumbers {
        agent: agent.id.clone(),
        idle_ms: millis(now - agent.idle_since),
        occupancy_permille: agent.load.permille(now),
        taken_today: agent.load.taken,
        load_permille: agent.load_permille(),
        levels: agent.levels.clone(),
    }
}
