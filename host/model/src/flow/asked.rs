//! What a flow asks for.

use serde::{Deserialize, Serialize};

use super::{Cause, Open, Token};
use crate::{AgentId, FlowId, Number, QueueId, SkillId};

/// What a step returned, checked against the bounds above.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stepped {
    /// To be given to the next step bit for bit; nobody else reads it.
    pub state: Vec<u8>,
    /// They begin in this order.
    pub actions: Vec<Action>,
    pub trail: Vec<Visit>,
}

/// A node that the flow was in during this step, in order.
///
/// A visit is counted when it is left: each is reported once with its exit. The last item of a trail may have none: there the flow waits
/// now, and the step that moves on reports the same visit again, first, with its exit (`hung-up` when the caller left).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    pub node: String,
    pub exit: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub token: Token,
    pub what: Effect,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Not answered; asking twice is harmless.
    PickUp,
    Play(Prompt),
    Gather(Gather),
    Listen(Listen),
    Enqueue(Enqueue),
    Transfer(Transfer),
    Invoke(Invoke),
    Record(Record),
    Send(Outgoing),
    Timer {
        after_ms: u32,
    },
    /// Give up that action. An answer that is under way may still come.
    Cancel(Token),
    Tag(Setting),
    /// The last action; what stands after it is dropped.
    HangUp {
        cause: Cause,
    },
    /// To be answered with [`super::RefusalCode::UnknownEffect`] unless the host knows the name.
    Other(Open),
}

/// What to play, one source after the other with no gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    pub sources: Vec<Source>,
    /// BCP 47; chooses the voice for `Text`, `Digits`, `Number` and `Position`.
    pub language: String,
    /// A key stops it.
    pub barge_in: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A file of the tenant's prompts: a plain name, checked to hold no path.
    File(String),
    /// To be spoken.
    Text(String),
    /// To be read one by one.
    Digits(String),
    /// To be read as a number.
    Number(u32),
    /// The caller's place in the queue when this is played; silent outside of a queue.
    Position,
    Other(Open),
}

/// Waits for keys. Which keys are right is the flow's to judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gather {
    pub prompt: Option<Prompt>,
    /// 1 to 64.
    pub max_digits: u8,
    /// How long to wait for the first key, from the end of the prompt.
    pub first_ms: u32,
    pub between_ms: u32,
    /// Keys that end it, a subset of `0-9*#A-D`.
    pub terminators: String,
    /// The digits may stand in no log, event or recording.
    pub secret: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    pub prompt: Option<Prompt>,
    pub first_ms: u32,
    pub max_ms: u32,
    pub grammar: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enqueue {
    pub queue: QueueId,
    /// 0 to 9, 9 first.
    pub priority: u8,
    /// All are needed. At most 16.
    pub skills: Vec<SkillNeed>,
    /// `None`: the queue's own limit.
    pub timeout_ms: Option<u32>,
    /// A file of the tenant's prompts; `None`: the queue's own.
    pub hold_music: Option<String>,
    pub announce: Option<Announce>,
    /// Keys that leave the queue, a subset of `0-9*#A-D`.
    pub exit_keys: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillNeed {
    pub skill: SkillId,
    /// 1 to 10: the least level.
    pub level: u8,
}

/// Interrupts the hold music: the host plays `prompt` and reports [`super::QueueNews::Waiting`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announce {
    /// At least 5,000.
    pub every_ms: u32,
    pub prompt: Prompt,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub to: Target,
    /// How long it may ring; no meaning for a flow.
    pub ring_ms: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Agent(AgentId),
    Number(Number),
    /// This flow ends without an answer; the other one starts with its own event 0.
    Flow(FlowId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoke {
    pub connector: String,
    pub operation: String,
    pub json: String,
    /// At most 10,000.
    pub timeout_ms: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub max_ms: u32,
    /// Silence that ends it; 0: none does.
    pub silence_ms: u32,
    pub beep: bool,
    /// Keys that end it.
    pub end_keys: String,
    /// Whose voicemail it is; `None`: it only belongs to the interaction.
    pub mailbox: Option<Mailbox>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mailbox {
    Queue(QueueId),
    Agent(AgentId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    pub text: String,
    pub template: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub name: String,
    pub value: String,
}
