//! What an assistant is asked and answers: the host's side of the WIT interface `assistant`, item by item.
//!
//! Units, order, deadline, failure and trust are written once, in `wit/assistant.wit`.

use serde::{Deserialize, Serialize};

use crate::{
    InteractionId, Timestamp,
    flow::{Open, Setting},
};

/// A conversation until now, masked as the tenant's rules say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    pub interaction: InteractionId,
    /// `voice`, `chat`, `message`, `e-mail`; words grow.
    pub channel: String,
    /// BCP 47.
    pub language: String,
    pub at: Timestamp,
    /// The last 100 at most, and 64 KiB.
    pub turns: Vec<Turn>,
    pub tags: Vec<Setting>,
}

/// One message or utterance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub speaker: Speaker,
    pub at: Timestamp,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    Customer,
    Agent,
    Assistant,
    Other,
}

/// What a bot does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BotAction {
    /// At most 4 KiB. Judged like any message.
    Say(String),
    /// Values of buttons under what is said. At most 10.
    Offer(Vec<String>),
    /// The last action.
    HandOver {
        queue: Option<String>,
        reason: String,
    },
    Tag(Setting),
    /// The conversation is over; the last action.
    End,
    Other(Open),
}

/// Something that an agent may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    pub text: String,
    /// Where it is from, for the agent to check.
    pub source: Option<String>,
    /// Per mille.
    pub confidence: u16,
}

/// What a text is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classified {
    pub intent: Option<String>,
    /// Per mille.
    pub confidence: u16,
    /// -1,000 to 1,000.
    pub sentiment: i16,
    /// At most 16.
    pub topics: Vec<String>,
}
