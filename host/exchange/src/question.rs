//! Questions to components, and where their answers belong.

use std::{sync::Arc, time::Duration};

use plugboard_acd as acd;
use plugboard_call::{FlowError, Input as CallInput};
use plugboard_model::{
    EventKind, FlowId, InteractionId, QueueId, Timestamp,
    flow::{Event, Stepped},
    routing,
};

use crate::exchange::{Exchange, Output};

/// Names one question of one exchange. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub u64);

/// What a component is asked. Its answer is an [`Input`](crate::Input); nobody waits for it.
#[derive(Debug)]
pub struct Question {
    pub id: QuestionId,
    pub kind: QuestionKind,
}

#[derive(Debug)]
pub enum QuestionKind {
    Step(FlowStep),
    RankAgents {
        plugin: Arc<str>,
        tables: Arc<routing::Tables>,
        who: routing::Waiting,
        needs: Vec<routing::Need>,
        candidates: Vec<routing::Candidate>,
    },
    RankWaiting {
        plugin: Arc<str>,
        tables: Arc<routing::Tables>,
        agent: routing::Candidate,
        waiting: Vec<routing::Waiting>,
    },
}

/// One step of a flow.
#[derive(Debug)]
pub struct FlowStep {
    pub flow: FlowId,
    pub plugin: Arc<str>,
    pub document: Arc<str>,
    pub state: Vec<u8>,
    pub event: Event,
}

/// What came back.
#[derive(Debug)]
pub enum Answer {
    Stepped(Stepped),
    Ranked(routing::Order),
    /// The component's own typed failure of a step.
    Failed(plugboard_model::flow::Failure),
    /// Trap, deadline, bad answer, or no such plugin.
    Unavailable(Arc<str>),
}

/// No deadline of a component is longer; an answer after this long is to nobody.
const LOST: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) enum Asked {
    Step { interaction: InteractionId, ask: u64 },
    Rank { question: acd::QuestionId, policy: Arc<str>, queue: QueueId },
}

impl Exchange {
    fn new_question(&mut self, now: Timestamp, asked: Asked) -> QuestionId {
        let id = QuestionId(self.next_question);
        self.next_question += 1;
        self.asked.insert(id, (now + LOST, asked));
        id
    }

    pub(crate) fn ask_step(&mut self, now: Timestamp, interaction: InteractionId, ask: u64, step: FlowStep) {
        let id = self.new_question(now, Asked::Step { interaction, ask });
        self.push(Output::Ask(Question { id, kind: QuestionKind::Step(step) }));
    }

    pub(crate) fn ask_rank(&mut self, now: Timestamp, question: acd::RankQuestion) {
        let acd::RankQuestion { id, policy, queue, subject, .. } = question;
        let tables = self.routing_tables();
        let queue_number =
            u32::try_from(self.configuration.queues.keys().position(|other| *other == queue).unwrap_or_default())
                .unwrap_or_default();
        let kind = match subject {
            acd::RankSubject::Agents { interaction, candidates } => {
                let needs: Vec<_> = interaction.needs.to_vec();
                QuestionKind::RankAgents {
                    plugin: policy.clone(),
                    tables,
                    who: waiting_numbers(0, queue_number, &interaction),
                    needs: needs
                        .iter()
                        .map(|(skill, level)| routing::Need { skill: u32::from(*skill), level: *level })
                        .collect(),
                    candidates: candidates
                        .iter()
                        .enumerate()
                        .map(|(number, agent)| agent_numbers(number, agent, &needs))
                        .collect(),
                }
            }
            acd::RankSubject::Waiting { agent, candidates } => QuestionKind::RankWaiting {
                plugin: policy.clone(),
                tables,
                agent: agent_numbers(0, &agent, &[]),
                waiting: candidates
                    .iter()
                    .enumerate()
                    .map(|(number, waiting)| waiting_numbers(number, queue_number, waiting))
                    .collect(),
            },
        };
        let id = self.new_question(now, Asked::Rank { question: id, policy, queue });
        self.push(Output::Ask(Question { id, kind }));
    }

    /// The earliest question is the first, since all have as long.
    pub(crate) fn first_lost_question(&self) -> Option<Timestamp> {
        self.asked.first_key_value().map(|(_, (lost_at, _))| *lost_at)
    }

    /// Whoever asked has gone on long ago.
    pub(crate) fn forget_lost_questions(&mut self, now: Timestamp) {
        while self.first_lost_question().is_some_and(|lost_at| lost_at <= now) {
            self.asked.pop_first();
        }
    }

    fn routing_tables(&self) -> Arc<routing::Tables> {
        Arc::new(routing::Tables {
            skills: self.acd.skills().iter().map(ToString::to_string).collect(),
            attributes: Vec::new(),
            queues: self.configuration.queues.keys().map(ToString::to_string).collect(),
            settings: Vec::new(),
        })
    }

    pub(crate) fn answered(&mut self, now: Timestamp, question: QuestionId, answer: Answer) {
        // An answer that nobody waits for any more is ordinary: the deadline was faster.
        match self.asked.remove(&question).map(|(_, asked)| asked) {
            Some(Asked::Step { interaction, ask }) => {
                let result = match answer {
                    Answer::Stepped(stepped) => Ok(stepped),
                    Answer::Failed(failure) => Err(FlowError::Failed(failure)),
                    Answer::Unavailable(reason) => Err(FlowError::Unavailable(reason)),
                    Answer::Ranked(_) => Err(FlowError::Unavailable("the answer is of another kind".into())),
                };
                self.call_input(now, interaction, CallInput::Stepped { ask, result });
            }
            Some(Asked::Rank { question, policy, queue }) => {
                let reason = match answer {
                    Answer::Ranked(order) => {
                        let again = order.again_ms.map(|ms| Duration::from_millis(ms.into()));
                        let input = acd::Input::Ranked { question, order: order.numbers, again };
                        return self.acd.handle_input(now, input);
                    }
                    Answer::Failed(failure) => failure.to_string().into(),
                    Answer::Unavailable(reason) => reason,
                    Answer::Stepped(_) => "the answer is of another kind".into(),
                };
                self.fact(
                    now,
                    EventKind::PluginFailed {
                        interaction: None,
                        plugin: policy,
                        question: format!("rank for queue {queue}").into(),
                        reason,
                    },
                );
                self.acd.handle_input(now, acd::Input::RankFailed { question });
            }
            None => {}
        }
    }
}

fn waiting_numbers(number: usize, queue: u32, waiting: &acd::WaitingNumbers) -> routing::Waiting {
    routing::Waiting {
        number: u32::try_from(number).unwrap_or(u32::MAX),
        queue,
        priority: u8::try_from(waiting.priority.clamp(0, 9)).unwrap_or_default(),
        channel: 0,
        waited_ms: u32::try_from(waiting.waited_ms).unwrap_or(u32::MAX),
        value: 0,
    }
}

fn agent_numbers(number: usize, agent: &acd::AgentNumbers, needs: &[(u16, u8)]) -> routing::Candidate {
    let levels = needs.iter().map(|(skill, _)| agent.levels.get(usize::from(*skill)).copied().unwrap_or_default());
    routing::Candidate {
        number: u32::try_from(number).unwrap_or(u32::MAX),
        levels: routing::Levels::from_needs(levels),
        idle_ms: u32::try_from(agent.idle_ms).unwrap_or(u32::MAX),
        taken_today: 0,
        load_permille: agent.occupancy_permille,
    }
}
