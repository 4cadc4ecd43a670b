//! What flows were asked in one interaction and what they said, so that another version can be asked the same.
//!
//! A tape holds no secret: keys that a flow gathered as secret are left out when it is written, and so are they wherever the flow says them again.

use serde::{Deserialize, Serialize};

use crate::{
    FlowId, InteractionId, Timestamp,
    flow::{Action, Event, Visit},
};

/// One interaction's tape as it is kept: a text, for nobody looks into it before it is played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tape {
    pub interaction: InteractionId,
    pub begun_at: Timestamp,
    /// The flows that ran, each once, in the order in which they began.
    pub flows: Vec<FlowId>,
    /// It is longer than [`Tape::LIMIT`]; the rest was not kept.
    pub is_cut: bool,
    /// One JSON object a line, as [`Tape::read`] knows them.
    pub lines: String,
}

/// One flow from its event 0 to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub flow: FlowId,
    /// The component that ran it.
    pub plugin: String,
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

/// One line of [`Tape::lines`]; `run` counts the flows of the interaction from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    Begun { run: usize, flow: FlowId, plugin: String, revision: u64 },
    Step { run: usize, event: Event, said: Said },
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
    /// Most bytes of [`Tape::lines`].
    pub const LIMIT: usize = 64 * 1024;

    pub fn read(&self) -> Result<Vec<Run>, TapeError> {
        let mut runs: Vec<Run> = Vec::new();
        for (index, line) in self.lines.lines().enumerate() {
            let number = index + 1;
            match serde_json::from_str(line).map_err(|source| TapeError::Line { number, source })? {
                Line::Begun { flow, plugin, revision, .. } => {
                    runs.push(Run { flow, plugin, revision, steps: Vec::new() });
                }
                Line::Step { run, event, said } => {
                    let into = runs.get_mut(run).ok_or(TapeError::NotBegun { number, run })?;
                    into.steps.push(Step { event, said });
                }
            }
        }
        Ok(runs)
    }
}
