//! One interaction as a state machine: its legs, the flow that treats the caller, the wait in a queue, the agent, hold, transfer and the end.
//!
//! A [`Call`] knows no SIP, no RTP and no plugin. It takes an [`Input`], gives [`Output`]s, and says when it wants to be called back:
//!
//! ```text
//!            pick up            enqueue            agent answers
//!  offered ──────────▶ treated ─────────▶ treated ──────────────▶ talking ⇄ held ⇄ consulting
//!      │               by a flow          and waiting                │  blind or attended transfer
//!      └──────────────────┴──────────────────┴───── hang-up ─────────┴────────────▶ ended
//! ```
//!
//! Parts that may be there at the same time are separate: while a flow treats the caller, the interaction may wait in a queue and an agent's
//! phone may ring for it. Each part owns its deadlines, so a part that is gone cannot fire.

mod call;
mod command;
mod conversation;
mod door;
mod exception;
mod flow_run;
pub mod gate;
mod judging;
mod lookup;
mod offer;
mod party;
mod recording;
mod side;
mod transfer;
mod view;
mod waiting;

use std::{path::PathBuf, sync::Arc, time::Duration};

use plugboard_model::{
    AgentId, Configuration, EventKind, Extension, FlowId, InteractionId, LegId, Number, NumberTarget, QueueExit,
    QueueId, RecordingId, ReleaseReason, SkillNeed, Timestamp,
    compliance::{Attempt, Denial, Judgement, Verdict},
    connector::NoOutput,
    flow::{Cause, Event, Failure, Place, Stepped},
};

pub use call::Call;
use gate::{Judged, JudgingId};
pub use lookup::Lookup;
pub use party::Party;
pub use view::{Ear, Offering, Situation, Stage, Talk, Tape, View};

/// What every input may look at: the tenant's configuration, and where new ids come from.
pub struct Context<'a> {
    pub configuration: &'a Arc<Configuration>,
    pub ids: &'a mut Ids,
    /// Where an interaction stands in its queue, and how long it may take.
    pub places: &'a dyn Fn(InteractionId) -> Option<Place>,
    /// The name of the access key that the command came with which is being carried out.
    pub by: Option<&'a Arc<str>>,
    /// Earlier calls to a number, the last one first.
    pub attempts: &'a dyn Fn(&Number) -> Vec<Attempt>,
}

impl Context<'_> {
    pub(crate) fn place(&self, interaction: InteractionId) -> Option<Place> {
        (self.places)(interaction)
    }
}

/// Gives ids that no interaction of this tenant had before.
#[derive(Clone, Debug)]
pub struct Ids {
    next_leg: u64,
    next_recording: u64,
}

impl Ids {
    /// `after`: a number above every id that the tenant ever used.
    pub fn starting_after(after: u64) -> Self {
        Self { next_leg: after + 1, next_recording: after + 1 }
    }

    pub fn leg(&mut self) -> LegId {
        self.next_leg += 1;
        LegId(self.next_leg - 1)
    }

    pub fn recording(&mut self) -> RecordingId {
        self.next_recording += 1;
        RecordingId(self.next_recording - 1)
    }
}

/// How an interaction begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub interaction: InteractionId,
    /// The leg that is already there: the caller, or the agent who dials.
    pub leg: LegId,
    /// As the network claims it; empty when withheld.
    pub from: Arc<str>,
    pub to: Arc<str>,
    /// The agent whose phone placed this call, if one did.
    pub dialled_by: Option<AgentId>,
    pub leads_to: Target,
}

/// Where a call or a transfer is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Flow(FlowId),
    Queue(QueueId),
    Agent(AgentId),
    /// Outside of the tenant, by a trunk.
    Number(Number),
}

impl Target {
    /// What was dialled, as this tenant understands it: its own numbers and extensions first, queues and agents by name, else an outside number.
    ///
    /// `None` if it is none of these and could not be dialled outside either.
    pub fn from_dialled(dialled: &str, configuration: &Configuration) -> Option<Self> {
        if let Some(target) = configuration.numbers.get(dialled) {
            return Some(target.clone().into());
        }
        if let Ok(extension) = dialled.parse::<Extension>()
            && let Some((agent, _)) = configuration.agents.iter().find(|(_, agent)| agent.extension == extension)
        {
            return Some(Self::Agent(agent.clone()));
        }
        if let Some((agent, _)) = configuration.agents.get_key_value(dialled) {
            return Some(Self::Agent(agent.clone()));
        }
        if let Some((queue, _)) = configuration.queues.get_key_value(dialled) {
            return Some(Self::Queue(queue.clone()));
        }
        let digits = dialled.strip_prefix('+').unwrap_or(dialled);
        let dialable = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if dialable && !configuration.trunks.is_empty() { dialled.parse().ok().map(Self::Number) } else { None }
    }

    /// The word of events and of the API: `queue:sales`, `agent:amy`, `+4930123456`.
    pub fn label(&self) -> Arc<str> {
        match self {
            Self::Flow(flow) => format!("flow:{flow}").into(),
            Self::Queue(queue) => format!("queue:{queue}").into(),
            Self::Agent(agent) => format!("agent:{agent}").into(),
            Self::Number(number) => number.as_str().into(),
        }
    }
}

impl From<NumberTarget> for Target {
    fn from(target: NumberTarget) -> Self {
        match target {
            NumberTarget::Flow(flow) => Self::Flow(flow),
            NumberTarget::Queue(queue) => Self::Queue(queue),
            NumberTarget::Agent(agent) => Self::Agent(agent),
        }
    }
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    LegRinging {
        leg: LegId,
    },
    LegAnswered {
        leg: LegId,
    },
    /// A leg that we dialled came to nothing. `status` is SIP's.
    LegRefused {
        leg: LegId,
        status: u16,
        cause: Cause,
    },
    /// The far end hung up, or the leg failed.
    LegEnded {
        leg: LegId,
        cause: Cause,
        status: Option<u16>,
    },
    /// The far end put us on hold, or took us back.
    LegHeld {
        leg: LegId,
        held: bool,
    },
    /// The far end asks to be replaced by `target` (REFER).
    LegTransfers {
        leg: LegId,
        target: Target,
    },
    Digit {
        leg: LegId,
        digit: char,
    },
    PlayEnded {
        leg: LegId,
        token: u64,
        complete: bool,
    },
    PlayFailed {
        leg: LegId,
        token: u64,
        reason: Arc<str>,
    },
    /// No sound for this long although some was due.
    Silent {
        leg: LegId,
        silent_for: Duration,
    },
    RecordingClosed {
        recording: RecordingId,
        length: Duration,
    },
    RecordingFailed {
        recording: RecordingId,
    },
    /// What the flow component says to the question `ask`.
    Stepped {
        ask: u64,
        result: Result<Stepped, FlowError>,
    },
    /// What the flow wanted to have sent by its action `token` is not sent.
    MessageRefused {
        run: u32,
        token: plugboard_model::flow::Token,
        code: plugboard_model::flow::RefusalCode,
        reason: String,
    },
    /// What a connector says to the lookup `ask`.
    LookedUp {
        ask: u64,
        result: Result<String, NoOutput>,
    },
    /// The reservation is durable: ring the agent now.
    RingAgent {
        agent: AgentId,
        queue: Option<QueueId>,
    },
    /// The promised agent is no longer ours (ring time-out, lease, device).
    StopRinging {
        agent: AgentId,
        reason: ReleaseReason,
    },
    /// The named agent cannot be reserved.
    AgentRefused {
        agent: AgentId,
    },
    LeftQueue {
        queue: QueueId,
        exit: QueueExit,
    },
    /// What a compliance rule says to the question `ask`, or why it says nothing.
    Judged {
        ask: u64,
        answer: Result<Verdict, Arc<str>>,
    },
    /// A rule that listens orders that the recording pauses.
    PauseOrdered,
    /// Likewise that it goes on, where such an order paused it.
    ResumeOrdered,
    /// The evidence that `judging` waits for is on disk.
    EvidenceStored {
        judging: JudgingId,
    },
    Command(Command),
}

/// Why a flow gives no step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowError {
    /// The component's own typed failure.
    Failed(Failure),
    /// It trapped, ran out of time, or is not there; in words, for the record.
    Unavailable(Arc<str>),
}

/// Call control, as the API and the desk ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Pick up a call that nobody has answered yet.
    Answer,
    HangUp,
    Hold,
    Resume,
    Transfer {
        to: Target,
    },
    /// Call `to` while the customer hears music; then [`Self::CompleteTransfer`] or [`Self::CancelConsult`].
    Consult {
        to: Target,
    },
    CompleteTransfer,
    CancelConsult,
    PauseRecording,
    ResumeRecording,
    Dispose {
        agent: Option<AgentId>,
        code: Arc<str>,
        note: Arc<str>,
    },
    Tag {
        name: Arc<str>,
        value: Arc<str>,
    },
}

/// How far a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Done,
    /// Rules are asked first; [`Output::Decided`] tells what came of it.
    Judging(JudgingId),
}

/// Why a command changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not in this state: hold without an agent, resume of what is not held.
    WrongState,
    /// The target is the one who is there already, or cannot be reached from here.
    BadTarget,
    NotRecording,
    /// A compliance rule forbids it.
    Denied(Denial),
}

/// What a call asks for. The exchange maps legs to dialogs and ports.
#[derive(Debug, PartialEq)]
pub enum Output {
    Line(Line),
    Sound(Sound),
    Queueing(Queueing),
    Step {
        ask: u64,
        flow: FlowId,
        plugin: Arc<str>,
        document: Arc<str>,
        state: Vec<u8>,
        event: Event,
    },
    /// To a connector; its answer is an [`Input::LookedUp`].
    LookUp(Box<Lookup>),
    /// To be judged, and sent if no rule forbids it; an [`Input::MessageRefused`] comes where one does.
    Send {
        /// Which flow of the call, from 1.
        run: u32,
        token: plugboard_model::flow::Token,
        wish: Box<plugboard_model::channel::Wish>,
    },
    /// To a compliance rule; its answer is an [`Input::Judged`].
    Judge(gate::Question),
    /// A fact. `proves`: [`Input::EvidenceStored`] once it is on disk.
    Evidence {
        proves: Option<JudgingId>,
        judgement: Box<Judgement>,
    },
    /// What came of a command that was being judged, once for each [`Progress::Judging`].
    Decided {
        judging: JudgingId,
        result: Result<(), Refused>,
    },
    Fact(EventKind),
    /// Every leg is gone and nothing more is due.
    Over,
}

/// Signalling, in the words of a telephone. Permissions are spent, so a line cannot be copied.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Ring {
        leg: LegId,
    },
    Answer {
        leg: Judged<LegId>,
    },
    /// `to` rings; `shown` is the number that it sees.
    Dial {
        leg: LegId,
        to: Dialled,
        shown: Arc<str>,
    },
    /// In whatever state the leg is: cancel, refuse or end.
    HangUp {
        leg: LegId,
        cause: Cause,
    },
    /// How the transfer that `leg` asked for stands, as a SIP status.
    TransferProgress {
        leg: LegId,
        status: u16,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub enum Dialled {
    /// One of our own phones.
    Agent(AgentId),
    Number(Judged<Number>),
}

/// Whom a recording hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// The caller.
    pub left: LegId,
    /// The agent, when there is one.
    pub right: Option<LegId>,
}

/// Audio, by leg.
#[derive(Debug, PartialEq, Eq)]
pub enum Sound {
    Play { leg: LegId, token: u64, sources: Vec<SoundSource>, forever: bool },
    Stop { leg: LegId, token: u64 },
    Bridge { a: LegId, b: LegId },
    Unbridge { a: LegId, b: LegId },
    Record { recording: RecordingId, sides: Judged<Sides> },
    Attach { recording: RecordingId, right: LegId },
    Pause { recording: Judged<RecordingId> },
    Resume { recording: Judged<RecordingId> },
    StopRecording { recording: RecordingId },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundSource {
    File(PathBuf),
    /// The tune of the house, where no hold music is configured.
    HoldMusic,
    Beep,
    RingBack,
}

/// What the ACD is told or asked for this interaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Queueing {
    Enqueue {
        queue: QueueId,
        priority: i32,
        skills: Vec<SkillNeed>,
        /// The place in line: now, or the time of the first wait where a transfer came to nothing.
        since: Timestamp,
        max_wait: Option<Duration>,
    },
    Leave {
        exit: QueueExit,
    },
    ReserveAgent {
        agent: AgentId,
    },
    /// The agent placed this call and is busy with it.
    AgentDialled {
        agent: AgentId,
    },
    Ringing {
        agent: AgentId,
    },
    Answered {
        agent: AgentId,
    },
    Rejected {
        agent: AgentId,
    },
    /// It rang, and the phone gave up by itself.
    Missed {
        agent: AgentId,
    },
    DeviceFailed {
        agent: AgentId,
    },
    /// The caller left before the agent answered.
    Withdrawn {
        agent: AgentId,
    },
    Held {
        agent: AgentId,
    },
    Resumed {
        agent: AgentId,
    },
    ConsultStarted {
        agent: AgentId,
    },
    ConsultEnded {
        agent: AgentId,
    },
    Ended {
        agent: AgentId,
        wrap_up: Option<Duration>,
    },
}
