//! What components were asked in one interaction and what they said, so that others can be asked the same.
//!
//! A tape holds no secret: keys that a flow gathered as secret are left out when it is written, and so are they wherever the flow says them again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, FlowId, InteractionId, QueueId, Timestamp,
    compliance::{Act, Verdict},
    flow::{Action, Event, Visit},
    routing::{Candidate, Column, Levels, Need, Order, Relaxed, Waiting},
};

/// One interaction's tape as it is kept: a text, for nobody looks into it before it is played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tape {
    pub interaction: InteractionId,
    pub begun_at: Timestamp,
    /// The flows that ran, each once, in the order in which they began.
    pub flows: Vec<FlowId>,
    /// The queues whose policies were asked, each once.
    #[serde(default)]
    pub queues: Vec<QueueId>,
    /// What its flows said is longer than [`Tape::LIMIT`]; the rest was not kept.
    pub is_cut: bool,
    /// Questions to policies and rules that had no room.
    #[serde(default)]
    pub left_out: u32,
    /// One JSON object a line, as [`Tape::read`] knows them.
    pub lines: String,
}

/// What a tape tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    pub runs: Vec<Run>,
    pub rankings: Vec<Ranked>,
    pub judged: Vec<Judged>,
}

/// One flow from its event 0 to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub flow: FlowId,
    /// The component that ran it.
    pub plugin: Arc<str>,
    /// Of the configuration that it ran under.
    pub revision: u64,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub event: Event,
    pub said: Said,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    Stepped {
        actions: Vec<Action>,
        trail: Vec<Visit>,
    },
    /// The component failed in its own words, or the host had to do without it.
    Failed {
        reason: String,
    },
    /// The interaction ended first.
    Nothing,
}

/// A question to a queue's policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranked {
    pub at: Timestamp,
    pub queue: QueueId,
    /// The component that was asked.
    pub plugin: Arc<str>,
    /// What the numbers are of: the name of a [`crate::routing::Tables`] that is kept once for all tapes.
    pub tables: Arc<str>,
    pub asked: Ranking,
    pub said: Decided,
    /// Who was reserved for whom at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
}

/// A number in a question or an order is the place in the list beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranking {
    /// Who should take it? In native order.
    Agents {
        who: Waiting,
        needs: Vec<Need>,
        agents: Vec<AgentId>,
        #[serde(with = "rows")]
        candidates: Vec<Candidate>,
        columns: Vec<Column>,
    },
    /// What should the agent take? In native order.
    Waiting {
        agent: AgentId,
        numbers: Candidate,
        interactions: Vec<InteractionId>,
        waiting: Vec<Waiting>,
        columns: Vec<Column>,
    },
    /// What may it go without?
    Relax { who: Waiting, needs: Vec<Need> },
}

/// What a policy said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decided {
    Ordered(Order),
    Relaxed(Relaxed),
    /// The native order was used, which is that of the question, and nothing was relaxed.
    Failed {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub interaction: InteractionId,
    pub agent: AgentId,
}

/// A question to a compliance rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// As the tenant calls it.
    pub rule: Arc<str>,
    pub plugin: Arc<str>,
    pub act: Act,
    pub said: Ruled,
}

/// What a rule said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruled {
    Verdict(Verdict),
    /// The effect's default counted.
    Failed {
        reason: String,
    },
}

/// One line of [`Tape::lines`]; `run` counts the flows of the interaction from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    Begun { run: usize, flow: FlowId, plugin: Arc<str>, revision: u64 },
    Step { run: usize, event: Event, said: Said },
    Ranked(Box<Ranked>),
    Judged(Box<Judged>),
}

/// Why a tape cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    #[error("line {number} of the tape is none of this version")]
    Line { number: usize, source: serde_json::Error },
    #[error("line {number} of the tape belongs to flow {run}, which has not begun")]
    NotBegun { number: usize, run: usize },
}

impl Tape {
    /// Most bytes of what flows were asked and said.
    pub const LIMIT: usize = 64 * 1024;
    /// And of questions to policies and rules.
    pub const LIMIT_OF_QUESTIONS: usize = 48 * 1024;

    pub fn read(&self) -> Result<Recorded, TapeError> {
        let mut recorded = Recorded::default();
        for (index, line) in self.lines.lines().enumerate() {
            let number = index + 1;
            match serde_json::from_str(line).map_err(|source| TapeError::Line { number, source })? {
                Line::Begun { flow, plugin, revision, .. } => {
                    recorded.runs.push(Run { flow, plugin, revision, steps: Vec::new() });
                }
                Line::Step { run, event, said } => {
                    let into = recorded.runs.get_mut(run).ok_or(TapeError::NotBegun { number, run })?;
                    into.steps.push(Step { event, said });
                }
                Line::Ranked(ranked) => recorded.rankings.push(*ranked),
                Line::Judged(judged) => recorded.judged.push(*judged),
            }
        }
        Ok(recorded)
    }
}

/// Candidates as rows of numbers, whose places are their own: a third of the text.
mod rows {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Candidate, Levels};

    type Row = (u64, u32, u32, u16);

    pub(super) fn serialize<S: Serializer>(candidates: &[Candidate], serializer: S) -> Result<S::Ok, S::Error> {
        let row = |candidate: &Candidate| {
            let Candidate { levels: Levels(levels), idle_ms, taken_today, load_permille, .. } = *candidate;
            (levels, idle_ms, taken_today, load_permille)
        };
        candidates.iter().map(row).collect::<Vec<Row>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Candidate>, D::Error> {
        let rows = Vec::<Row>::deserialize(deserializer)?;
        let candidate = |(number, (levels, idle_ms, taken_today, load_permille)): (u32, Row)| Candidate {
            number,
            levels: Levels(levels),
            idle_ms,
            taken_today,
            load_permille,
        };
        Ok((0..).zip(rows).map(candidate).collect())
    }
}
