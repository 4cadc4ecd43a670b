//! What was said, and what rules make of it.

use serde::{Deserialize, Serialize};

use crate::{
    InteractionId, Timestamp,
    flow::{Open, Setting},
};

/// A piece of a conversation, as recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Counts from 0 within the interaction.
    pub seq: u32,
    pub speaker: Speaker,
    /// From the begin of the interaction.
    pub from_ms: u32,
    pub to_ms: u32,
    pub text: String,
    pub confidence_permille: u16,
    /// BCP 47.
    pub language: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    Caller,
    Agent,
    Other,
}

/// What an utterance led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// For the next utterance of the same conversation.
    pub state: Vec<u8>,
    pub alerts: Vec<Alert>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub severity: AlertSeverity,
    pub code: String,
    pub message: String,
    pub orders: Vec<Order>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertSeverity {
    Hint,
    Warning,
    Violation,
}

/// What the host should do at once. Each is judged like any other effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    PauseRecording,
    ResumeRecording,
    CallSupervisor,
    /// Counted, and nothing is done.
    Other(Open),
}

/// A conversation that is over, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    pub interaction: InteractionId,
    pub at: Timestamp,
    pub language: String,
    pub segments: Vec<Segment>,
    pub tags: Vec<Setting>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: AlertSeverity,
    pub code: String,
    pub message: String,
    /// [`Segment::seq`] of where; `None`: something was never said.
    pub segment: Option<u32>,
    /// 0 to 100.
    pub points: u8,
}

/// Bytes of a text that have to be masked, on the borders of characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: String,
}
