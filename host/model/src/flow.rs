//! What a flow hears and what it may ask for: the host's side of the WIT interfaces `flow-types` and `flow`, item by item.
//!
//! A flow is a function of its arguments: `step(state, event) -> (state, actions, trail)`. It has no clock, no chance and no network; time
//! and ids arrive in the event. The contract with units, order, deadline, failure and trust of each item is written once, in
//! `wit/plugin.wit`; here stand only the host's own rules. Names and numbers are parsed at the door: what a plugin asked for in words
//! that are no names never becomes one of these values.

use serde::{Deserialize, Serialize};

use crate::{AgentId, FlowId, InteractionId, Number, QueueId, RecordingId, SkillId, Timestamp};

/// Most actions in one step.
pub const MAX_ACTIONS: usize = 64;
/// Most bytes of state that a step may return.
pub const MAX_STATE: usize = 256 * 1024;
/// Most visits in one step's trail. A flow gives up with [`FailureCode::Runaway`] before.
pub const MAX_TRAIL: usize = 256;

/// The interaction's own name for one of its actions: chosen by the flow, rising, never used twice.
pub type Token = u32;

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
    /// Answers [`Effect::Play`]: whether it was heard to its end.
    Played {
        to_the_end: bool,
    },
    /// Answers [`Effect::Gather`].
    Gathered(Digits),
    /// Answers [`Effect::Listen`].
    Heard(Speech),
    /// Answers [`Effect::Enqueue`], several times.
    Queue(QueueNews),
    /// Answers [`Effect::Invoke`].
    LookedUp(Answer),
    /// Answers [`Effect::Record`].
    Recorded(Recording),
    /// Answers [`Effect::Transfer`].
    Transferred(TransferEnd),
    Message(Message),
    /// Answers [`Effect::Timer`].
    Timer,
    /// The host did not do what was asked; the interaction goes on.
    Refused(Refusal),
    /// The last event. The answer may hold [`Effect::Tag`], [`Effect::Invoke`] and [`Effect::Other`] only.
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
    pub const NORMAL_CLEARING: Self = Self(16);
    pub const USER_BUSY: Self = Self(17);
    pub const NO_ANSWER: Self = Self(19);
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
    /// To be answered with [`RefusalCode::UnknownEffect`] unless the host knows the name.
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

/// Interrupts the hold music: the host plays `prompt` and reports [`QueueNews::Waiting`].
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

/// Why a plugin gives no answer, in its own words. The host counts it and takes the native default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("plugin gives no answer ({code}): {message}")]
pub struct Failure {
    pub code: FailureCode,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    #[error("cannot read the state")]
    BadState,
    #[error("settings are not usable")]
    BadSettings,
    #[error("re-run differs at token {0}")]
    Diverged(Token),
    #[error("answer would be over a bound")]
    TooLarge,
    #[error("too many nodes in one step")]
    Runaway,
    #[error("{0}")]
    Other(String),
}

/// What is wrong with a flow's settings (its document), for the person who has to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub severity: Severity,
    /// Kebab-case, stable: `dangling-exit`.
    pub code: String,
    pub node: Option<String>,
    /// JSON Pointer within the document (RFC 6901): `/nodes/menu/exits/1`.
    pub field: Option<String>,
    pub message: String,
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Must not be published.
    Error,
    Warning,
}

/// Something of the tenant's that a flow's settings name. What is only known in a call is not among these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub kind: ReferenceKind,
    pub name: String,
    pub node: Option<String>,
    /// JSON Pointer within the document (RFC 6901).
    pub field: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceKind {
    /// A file of the tenant's prompts, hold music included.
    Prompt,
    Queue,
    Skill,
    Agent,
    Flow,
    Connector,
    Other(String),
}
