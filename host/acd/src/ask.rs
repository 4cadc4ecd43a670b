//! Questions to routing policies, and what becomes of the answers.
//!
//! A question holds nothing up: agent and interactions stay where they are, others may take them meanwhile, and an answer that
//! names only those is asked again. Without an answer by the deadline the native order, which is the order of the candidates, is used.

use std::time::Duration;

use plugboard_model::{InteractionId, Timestamp, millis};

use crate::{
    Acd, AgentNumbers, Output, QuestionId, RANK_AGAIN, RANK_DEADLINE, RankQuestion, RankSubject, WaitingNumbers,
    agent::Agent,
    queue::Entry,
    table::{AgentKey, QueueKey},
    timer::Timer,
};

pub(crate) struct Question {
    pub(crate) deadline: Timestamp,
    pub(crate) pairs: Pairs,
}

/// The pairs to choose among, in native order.
pub(crate) enum Pairs {
    Agents { interaction: InteractionId, candidates: Vec<AgentKey> },
    Waiting { agent: AgentKey, candidates: Vec<InteractionId>, queue: QueueKey, refused: Vec<QueueKey> },
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

    fn ask(&mut self, now: Timestamp, queue: QueueKey, subject: RankSubject, pairs: Pairs) -> QuestionId {
        self.last_question += 1;
        let id = QuestionId(self.last_question);
        let deadline = now + RANK_DEADLINE;
        let queue = &self.queues[queue];
        let policy = queue.policy.clone().expect("only a queue with a policy is asked about");
        self.questions.insert(id, Question { deadline, pairs });
        self.timers.set(deadline, Timer::Question(id));
        self.outputs.push_back(Output::Ask(RankQuestion { id, policy, queue: queue.id.clone(), deadline, subject }));
        id
    }

    fn waiting_numbers(&self, now: Timestamp, entry: &Entry) -> WaitingNumbers {
        WaitingNumbers {
            interaction: entry.place.interaction,
            waited_ms: millis(now - entry.place.since),
            priority: entry.place.priority.0,
            needs: self.classes.needs(entry.class).clone(),
        }
    }

    fn forget_question(&mut self, id: Option<QuestionId>) {
        if let Some(id) = id
            && let Some(question) = self.questions.remove(&id)
        {
            self.timers.cancel(Some(question.deadline), Timer::Question(id));
        }
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

    /// No answer: the native order stands.
    pub(crate) fn handle_rank_failed(&mut self, now: Timestamp, id: QuestionId) {
        let Some(question) = self.questions.get(&id) else { return };
        let candidates = match &question.pairs {
            Pairs::Agents { candidates, .. } => candidates.len(),
            Pairs::Waiting { candidates, .. } => candidates.len(),
        };
        self.handle_ranked(now, id, (0..).take(candidates), None);
    }

    /// An answer. Of an id that is unknown or past, nothing; of a position outside the list, nothing.
    pub(crate) fn handle_ranked(
        &mut self,
        now: Timestamp,
        id: QuestionId,
        order: impl IntoIterator<Item = u32>,
        again: Option<Duration>,
    ) {
        let Some(question) = self.questions.remove(&id) else { return };
        self.timers.cancel(Some(question.deadline), Timer::Question(id));
        // Below the deadline of a question a policy could keep us busy with itself.
        let again = now + again.unwrap_or(RANK_AGAIN).max(RANK_DEADLINE);
        let mut too_late = false;
        match question.pairs {
            Pairs::Agents { interaction, candidates } => {
                let chosen =
                    order.into_iter().filter_map(|place| candidates.get(place as usize).copied()).find(|agent| {
                        let possible = self.is_possible(*agent, interaction);
                        too_late |= !possible;
                        possible
                    });
                if let Some(entry) = self.entries.get_mut(&interaction) {
                    entry.question = None;
                }
                match chosen {
                    Some(agent) => self.reserve(now, agent, interaction),
                    None if too_late => self.offer(now, interaction),
                    None => {
                        if let Some(entry) = self.entries.get_mut(&interaction) {
                            entry.ask_again = Some(again);
                            self.timers.set(again, Timer::AskForWaiting(interaction));
                        }
                    }
                }
            }
            Pairs::Waiting { agent, candidates, queue, mut refused } => {
                let chosen =
                    order.into_iter().filter_map(|place| candidates.get(place as usize).copied()).find(|waiting| {
                        let possible = self.is_possible(agent, *waiting);
                        too_late |= !possible;
                        possible
                    });
                self.agents[agent].question = None;
                match chosen {
                    Some(interaction) => self.reserve(now, agent, interaction),
                    None if too_late => self.seek_except(now, agent, refused),
                    None => {
                        refused.push(queue);
                        self.seek_except(now, agent, refused);
                        let row = &mut self.agents[agent];
                        if row.state.is_ready() && row.question.is_none() {
                            row.ask_again = Some(again);
                            self.timers.set(again, Timer::AskForAgent(agent));
                        }
                    }
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

fn agent_numbers(now: Timestamp, agent: &Agent) -> AgentNumbers {
    AgentNumbers {
        agent: agent.id.clone(),
        idle_ms: millis(now - agent.idle_since),
        occupancy_permille: agent.load.permille(now),
        levels: agent.levels.clone(),
    }
}
