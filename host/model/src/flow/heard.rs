//! What a flow hears.

use serde::{Deserialize, Serialize};

use super::Token;
use crate::{AgentId, InteractionId, RecordingId, Timestamp};

/// One thing that happened to one interaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 0 with no gap, within one interaction and one flow.
    pub seq: u32,
    /// The only clock that a flow has; goes to it in whole milliseconds.
    pub at: Timestamp,
    /// Minutes east of UTC at the interaction's site, daylight saving applied.
    pub utc_offset_min: i16,
    /// The action that this answers.
    pub answers: Option<Token>,
    /// More will follow for the same token.
    pub more: bool,
    pub what: Happening,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happening {
    /// Always event 0, and only that.
    Started(Start),
    /// Answers [`super::Effect::Play`]: whether it was heard to its end.
    Played {
        to_the_end: bool,
    },
    /// Answers [`super::Effect::Gather`].
    Gathered(Digits),
    /// Answers [`super::Effect::Listen`].
    Heard(Speech),
    /// Answers [`super::Effect::Enqueue`], several times.
    Queue(QueueNews),
    /// Answers [`super::Effect::Invoke`].
    LookedUp(Answer),
    /// Answers [`super::Effect::Record`].
    Recorded(Recording),
    /// Answers [`super::Effect::Transfer`].
    Transferred(TransferEnd),
    Message(Message),
    /// Answers [`super::Effect::Timer`].
    Timer,
    /// The host did not do what was asked; the interaction goes on.
    Refused(Refusal),
    /// The last event. The answer may hold [`super::Effect::Tag`], [`super::Effect::Invoke`] and [`super::Effect::Other`] only.
    HungUp(End),
    Other(Open),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub interaction: InteractionId,
    pub channel: Channel,
    pub direction: Direction,
    /// As the network claims; empty when withheld.
    pub caller: String,
    pub called: String,
    /// Whether somebody vouches for `caller`.
    pub verified: bool,
    /// BCP 47: `zh-CN`, `en`.
    pub language: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    Voice,
    Chat,
    Message,
    Email,
    Other(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Inbound,
    Outbound,
    /// An agent or a flow of this tenant sent it here.
    Internal,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digits {
    /// 0–9, `*`, `#`, A–D in the order pressed, without the terminator.
    pub digits: String,
    pub ended: GatherEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatherEnd {
    /// `max_digits` were pressed.
    Complete,
    Terminator,
    /// Nothing, or nothing more, was pressed in time.
    Timeout,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speech {
    pub text: String,
    /// 0 to 1,000.
    pub confidence_permille: u16,
    pub language: String,
    pub intent: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueNews {
    Waiting(Place),
    Connected { agent: AgentId },
    GaveUp(GaveUp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// From 1.
    pub position: u32,
    pub wait_ms: Option<u32>,
}

/// Why a wait ended without an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GaveUp {
    /// `timeout_ms` passed.
    Timeout,
    /// The queue takes nobody now.
    Closed,
    /// The queue is at its greatest length.
    Full,
    /// Nobody who could take it is signed in.
    NoAgents,
    /// The caller pressed one of `exit_keys`.
    ExitKey(char),
}

/// A connector's answer: JSON of the operation's schema, at most 64 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub json: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    pub id: RecordingId,
    pub length_ms: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferEnd {
    /// The other side answered; the flow has nothing more to do.
    Connected,
    Busy,
    NoAnswer,
    /// No phone of that agent is registered, or the agent is signed out.
    Offline,
    Failed {
        cause: Cause,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    pub text: String,
    /// How many files came with it.
    pub attachments: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: RefusalCode,
    /// For the flow's author. No caller data.
    pub message: String,
    /// The same action may succeed later.
    pub retryable: bool,
}

/// Goes to the flow as its kebab-case name, so that later hosts may know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCode {
    UnknownEffect,
    /// A file of the prompt does not exist or cannot be read.
    PromptMissing,
    /// No queue, agent, number, flow or connector of that name.
    UnknownTarget,
    Denied,
    Limit,
    /// A connector looked, and the other system does not know it.
    NotFound,
    Failed,
    /// The leg, or what was asked about, is gone.
    TooLate,
}

impl RefusalCode {
    /// As the WIT has it: `prompt-missing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownEffect => "unknown-effect",
            Self::PromptMissing => "prompt-missing",
            Self::UnknownTarget => "unknown-target",
            Self::Denied => "denied",
            Self::Limit => "limit",
            Self::NotFound => "not-found",
            Self::Failed => "failed",
            Self::TooLate => "too-late",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub cause: Cause,
    /// False when we ended it.
    pub by_caller: bool,
}

/// A cause number of ITU-T Q.850: 16 is normal clearing, 17 user busy, 127 interworking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cause(u8);

impl Cause {
    /// No route to the destination.
    pub const NO_ROUTE: Self = Self(3);
    pub const NORMAL_CLEARING: Self = Self(16);
    pub const USER_BUSY: Self = Self(17);
    pub const NO_ANSWER: Self = Self(19);
    /// No circuit or channel is free.
    pub const NO_CHANNEL: Self = Self(34);
    pub const TEMPORARY_FAILURE: Self = Self(41);

    /// `None` outside of 1 to 127.
    pub fn from_q850(number: u16) -> Option<Self> {
        u8::try_from(number).ok().filter(|number| (1..=127).contains(number)).map(Self)
    }

    pub fn as_q850(self) -> u8 {
        self.0
    }
}

/// An event or effect that this version has no case for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    pub name: String,
    pub json: String,
}
