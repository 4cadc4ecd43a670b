//! Questions to components, and where their answers belong.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_acd as acd;
use plugboard_call::{FlowError, Input as CallInput, gate};
use plugboard_model::{
    FlowId, InteractionId, Timestamp,
    compliance::{Act, Verdict},
    flow::{Event, Stepped},
    routing,
};

use crate::{
    exchange::{Exchange, Output},
    routing::Routing,
    taping,
};

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
        columns: Vec<routing::Column>,
    },
    RankWaiting {
        plugin: Arc<str>,
        tables: Arc<routing::Tables>,
        agent: routing::Candidate,
        waiting: Vec<routing::Waiting>,
        columns: Vec<routing::Column>,
    },
    /// The contract's `on-timer`.
    Relax {
        plugin: Arc<str>,
        tables: Arc<routing::Tables>,
        who: routing::Waiting,
        needs: Vec<routing::Need>,
    },
    /// To a compliance rule: may this be done? A component that judges no such effects says [`Verdict::unjudged`].
    Judge {
        plugin: Arc<str>,
        settings: Arc<BTreeMap<String, String>>,
        act: Box<Act>,
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
    Relaxed(routing::Relaxed),
    Judged(Verdict),
    /// The component's own typed failure of a step.
    Failed(plugboard_model::flow::Failure),
    /// Trap, deadline, bad answer, or no such plugin.
    Unavailable(Arc<str>),
}

/// No deadline of a component is longer; an answer after this long is to nobody.
const LOST: Duration = Duration::from_secs(30);

pub(crate) const OTHER_KIND: &str = "the answer is of another kind";

#[derive(Debug)]
pub(crate) enum Asked {
    Step {
        interaction: InteractionId,
        ask: u64,
    },
    /// With the tables that the numbers of question and answer are of.
    Policy {
        question: acd::QuestionId,
        tables: Arc<routing::Tables>,
        /// For the tape, where it has room.
        taped: Option<Box<taping::Question>>,
    },
    Judge {
        interaction: InteractionId,
        ask: u64,
    },
}

impl Exchange {
    pub(crate) fn new_question(&mut self, now: Timestamp, asked: Asked) -> QuestionId {
        let id = QuestionId(self.next_question);
        self.next_question += 1;
        self.asked.insert(id, (now + LOST, asked));
        id
    }

    pub(crate) fn ask_step(&mut self, now: Timestamp, interaction: InteractionId, ask: u64, step: FlowStep) {
        self.tapes.asked(now, interaction, ask, self.configuration.revision, &step);
        let id = self.new_question(now, Asked::Step { interaction, ask });
        self.push(Output::Ask(Question { id, kind: QuestionKind::Step(step) }));
    }

    pub(crate) fn ask_rule(&mut self, now: Timestamp, interaction: InteractionId, question: gate::Question) {
        let gate::Question { ask, rule, plugin, settings, act } = question;
        self.tapes.judging(now, interaction, ask, &rule, &plugin, &act);
        let id = self.new_question(now, Asked::Judge { interaction, ask });
        self.push(Output::Ask(Question { id, kind: QuestionKind::Judge { plugin, settings, act } }));
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

    pub(crate) fn answered(&mut self, now: Timestamp, question: QuestionId, answer: Answer) {
        // An answer that nobody waits for any more is ordinary: the deadline was faster.
        match self.asked.remove(&question).map(|(_, asked)| asked) {
            Some(Asked::Step { interaction, ask }) => {
                self.tapes.answered(interaction, ask, &answer);
                let result = match answer {
                    Answer::Stepped(stepped) => Ok(stepped),
                    Answer::Failed(failure) => Err(FlowError::Failed(failure)),
                    Answer::Unavailable(reason) => Err(FlowError::Unavailable(reason)),
                    Answer::Ranked(_) | Answer::Relaxed(_) | Answer::Judged(_) => {
                        Err(FlowError::Unavailable(OTHER_KIND.into()))
                    }
                };
                self.call_input(now, interaction, CallInput::Stepped { ask, result });
            }
            Some(Asked::Judge { interaction, ask }) => {
                self.tapes.judged(interaction, ask, &answer);
                let answer = match answer {
                    Answer::Judged(verdict) => Ok(verdict),
                    Answer::Failed(failure) => Err(failure.to_string().into()),
                    Answer::Unavailable(reason) => Err(reason),
                    Answer::Stepped(_) | Answer::Ranked(_) | Answer::Relaxed(_) => Err(OTHER_KIND.into()),
                };
                self.call_input(now, interaction, CallInput::Judged { ask, answer });
            }
            Some(Asked::Policy { question, tables, taped }) => {
                if let Some(taped) = taped {
                    let is_late = now > taped.at + acd::RANK_DEADLINE;
                    self.tapes.ranked(*taped, Arc::clone(&tables), &answer, is_late);
                }
                self.acd.handle_input(now, Routing::answer(question, &tables, answer));
            }
            None => {}
        }
    }
}
