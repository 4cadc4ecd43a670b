//! Questions to components, and where their answers belong.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_acd as acd;
use plugboard_call::{FlowError, Input as CallInput, Lookup, gate};
use plugboard_model::{
    FlowId, InteractionId, Timestamp,
    compliance::{Act, Finding, Heard, Segment, Span, Transcript, Verdict},
    connector::{Call, Connector, ConnectorFailure, NoOutput},
    flow::{Event, Stepped},
    routing,
};

use crate::{
    exchange::{Exchange, Judger, Output},
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
    /// The one that it is about: whoever answers for one interaction should be of one version. `None` where it is about many.
    pub interaction: Option<InteractionId>,
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
    /// To a compliance rule: the contract's `on-utterance`. A component that does not listen says nothing.
    Hear {
        plugin: Arc<str>,
        settings: Arc<BTreeMap<String, String>>,
        state: Vec<u8>,
        segment: Box<Segment>,
    },
    /// Likewise `review`.
    Review {
        plugin: Arc<str>,
        settings: Arc<BTreeMap<String, String>>,
        transcript: Box<Transcript>,
    },
    /// Likewise `redact`.
    Redact {
        plugin: Arc<str>,
        settings: Arc<BTreeMap<String, String>>,
        text: String,
        language: String,
    },
    /// To a connector. Whoever takes it holds the input against the operation's schema, and the output as well.
    Invoke {
        /// The tenant's name for it.
        name: Arc<str>,
        connector: Arc<Connector>,
        call: Box<Call>,
        /// An answer after this long is to nobody.
        timeout: Duration,
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
    /// `None`: the rule does not listen.
    Heard(Option<Heard>),
    /// `None`: it does not review.
    Reviewed(Option<Vec<Finding>>),
    /// `None`: it does not redact.
    Redacted(Option<Vec<Span>>),
    /// JSON of the operation's schema, or why the other system gave none.
    Invoked(Result<String, ConnectorFailure>),
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
        of: Judger,
        ask: u64,
    },
    Hear {
        interaction: InteractionId,
        rule: Arc<str>,
    },
    Review {
        interaction: InteractionId,
        rule: Arc<str>,
    },
    Redact {
        interaction: InteractionId,
        spoken: u32,
        rule: Arc<str>,
    },
    Invoke {
        interaction: InteractionId,
        ask: u64,
    },
}

impl Answer {
    /// What a rule said, where it may only say this; `pick` gives back what is something else.
    fn of_rule<T>(self, pick: impl FnOnce(Self) -> Result<T, Self>) -> Result<T, Arc<str>> {
        match pick(self) {
            Ok(said) => Ok(said),
            Err(Self::Failed(failure)) => Err(failure.to_string().into()),
            Err(Self::Unavailable(reason)) => Err(reason),
            Err(_) => Err(OTHER_KIND.into()),
        }
    }
}

impl Exchange {
    pub(crate) fn new_question(&mut self, now: Timestamp, asked: Asked) -> QuestionId {
        let id = QuestionId(self.next_question);
        self.next_question += 1;
        self.asked.insert(id, (now + LOST, asked));
        id
    }

    /// Puts a question to a rule.
    pub(crate) fn ask(&mut self, now: Timestamp, asked: Asked, kind: QuestionKind) {
        let interaction = match &asked {
            Asked::Step { interaction, .. }
            | Asked::Hear { interaction, .. }
            | Asked::Review { interaction, .. }
            | Asked::Redact { interaction, .. }
            | Asked::Invoke { interaction, .. } => Some(*interaction),
            Asked::Judge { of: Judger::Call(interaction), .. } => Some(*interaction),
            Asked::Judge { .. } | Asked::Policy { .. } => None,
        };
        let id = self.new_question(now, asked);
        self.push(Output::Ask(Question { id, interaction, kind }));
    }

    pub(crate) fn ask_step(&mut self, now: Timestamp, interaction: InteractionId, ask: u64, step: FlowStep) {
        self.tapes.asked(now, interaction, ask, self.configuration.revision, &step);
        let id = self.new_question(now, Asked::Step { interaction, ask });
        self.push(Output::Ask(Question { id, interaction: Some(interaction), kind: QuestionKind::Step(step) }));
    }

    pub(crate) fn ask_rule(&mut self, now: Timestamp, of: Judger, question: gate::Question) {
        let gate::Question { ask, rule, plugin, settings, act } = question;
        let interaction = match of {
            Judger::Call(interaction) => Some(interaction),
            Judger::Handouts | Judger::Messages => None,
        };
        if let Some(interaction) = interaction {
            self.tapes.judging(now, interaction, ask, &rule, &plugin, &act);
        }
        let id = self.new_question(now, Asked::Judge { of, ask });
        let kind = QuestionKind::Judge { plugin, settings, act };
        self.push(Output::Ask(Question { id, interaction, kind }));
    }

    /// Asks the connector, or tells the call at once that there is no room.
    pub(crate) fn ask_connector(&mut self, now: Timestamp, interaction: InteractionId, lookup: Lookup) {
        let Lookup { ask, connector: name, with: connector, operation, input, key, timeout } = lookup;
        if let Err(full) = self.lookups.admit(now, &name, &connector) {
            return self.later(interaction, CallInput::LookedUp { ask, result: Err(full) });
        }
        let id = self.new_question(now, Asked::Invoke { interaction, ask });
        self.lookups.begun(id, &name);
        let call = Box::new(Call { operation, input, key, interaction: Some(interaction), at: now });
        self.push(Output::Ask(Question {
            id,
            interaction: Some(interaction),
            kind: QuestionKind::Invoke { name, connector, call, timeout },
        }));
    }

    /// The earliest question is the first, since all have as long.
    pub(crate) fn first_lost_question(&self) -> Option<Timestamp> {
        self.asked.first_key_value().map(|(_, (lost_at, _))| *lost_at)
    }

    /// Whoever asked has gone on long ago, but for who listens: they are told that there is no answer.
    pub(crate) fn forget_lost_questions(&mut self, now: Timestamp) {
        while let Some(entry) = self.asked.first_entry().filter(|entry| entry.get().0 <= now) {
            let lost: Arc<str> = "no answer in time".into();
            let id = *entry.key();
            match entry.remove().1 {
                Asked::Hear { interaction, rule } => self.heard(now, (interaction, rule), Err(lost)),
                Asked::Review { interaction, rule } => self.reviewed(now, (interaction, rule), Err(lost)),
                Asked::Redact { interaction, spoken, rule } => {
                    self.redacted(now, (interaction, spoken, rule), Err(lost));
                }
                Asked::Invoke { .. } => self.lookups.over(id),
                Asked::Step { .. } | Asked::Policy { .. } | Asked::Judge { .. } => {}
            }
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
                    _ => Err(FlowError::Unavailable(OTHER_KIND.into())),
                };
                self.call_input(now, interaction, CallInput::Stepped { ask, result });
            }
            Some(Asked::Judge { of, ask }) => {
                if let Judger::Call(interaction) = of {
                    self.tapes.judged(interaction, ask, &answer);
                }
                let answer = answer.of_rule(|answer| match answer {
                    Answer::Judged(verdict) => Ok(verdict),
                    other => Err(other),
                });
                match of {
                    Judger::Call(interaction) => self.call_input(now, interaction, CallInput::Judged { ask, answer }),
                    Judger::Handouts => self.handout_judged(now, ask, answer),
                    Judger::Messages => self.message_judged(now, ask, answer),
                }
            }
            Some(Asked::Hear { interaction, rule }) => {
                let answer = answer.of_rule(|answer| match answer {
                    Answer::Heard(heard) => Ok(heard),
                    other => Err(other),
                });
                self.heard(now, (interaction, rule), answer);
            }
            Some(Asked::Review { interaction, rule }) => {
                let answer = answer.of_rule(|answer| match answer {
                    Answer::Reviewed(findings) => Ok(findings),
                    other => Err(other),
                });
                self.reviewed(now, (interaction, rule), answer);
            }
            Some(Asked::Redact { interaction, spoken, rule }) => {
                let answer = answer.of_rule(|answer| match answer {
                    Answer::Redacted(spans) => Ok(spans),
                    other => Err(other),
                });
                self.redacted(now, (interaction, spoken, rule), answer);
            }
            Some(Asked::Policy { question, tables, taped }) => {
                if let Some(taped) = taped {
                    let is_late = now > taped.at + acd::RANK_DEADLINE;
                    self.tapes.ranked(*taped, Arc::clone(&tables), &answer, is_late);
                }
                self.acd.handle_input(now, Routing::answer(question, &tables, answer));
            }
            Some(Asked::Invoke { interaction, ask }) => {
                self.lookups.over(question);
                let result = match answer {
                    Answer::Invoked(said) => said.map_err(NoOutput::from),
                    Answer::Failed(failure) => Err(NoOutput::failed(failure.to_string())),
                    Answer::Unavailable(reason) => Err(NoOutput::failed(&*reason)),
                    _ => Err(NoOutput::failed(OTHER_KIND)),
                };
                self.call_input(now, interaction, CallInput::LookedUp { ask, result });
            }
            None => {}
        }
    }
}
