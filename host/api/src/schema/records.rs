//! What is kept: call detail records, recordings, events.

use utoipa::ToSchema;

#[derive(ToSchema)]
pub(crate) struct CdrPage {
    items: Vec<Cdr>,
    next: Option<String>,
}

#[derive(ToSchema)]
pub(crate) struct TapePage {
    items: Vec<Tape>,
    next: Option<String>,
}

/// What the flows of one interaction, and policies and rules about it, were asked and said.
#[derive(ToSchema)]
pub(crate) struct Tape {
    interaction: u64,
    #[schema(format = DateTime)]
    begun_at: String,
    /// The flows that ran, each once.
    flows: Vec<String>,
    /// The queues whose policies were asked, each once.
    queues: Vec<String>,
    /// What flows were asked was too long; the rest is not here.
    is_cut: bool,
    /// Questions to policies and rules that had no room.
    left_out: u32,
    /// One JSON object a line: `begun` of each flow, `step` with the event and what the flow said, `ranked` with a question to a policy and its answer,
    /// `judged` with an act and a rule's verdict.
    lines: String,
}

/// What the numbers in a policy's questions stand for: each is a place in one of these lists.
#[derive(ToSchema)]
pub(crate) struct TapeTables {
    skills: Vec<String>,
    attributes: Vec<String>,
    queues: Vec<String>,
    /// What the policy was set to: objects of `name` and `value`.
    #[schema(value_type = Vec<Object>)]
    settings: Vec<String>,
}

/// One interaction, as it ended; lengths are whole milliseconds.
#[derive(ToSchema)]
pub(crate) struct Cdr {
    interaction: u64,
    /// 1 when the interaction closes; rises by one with each late fact (wrap-up, disposition, recording).
    revision: u32,
    /// Sequence number of the last event in it.
    last_seq: u64,
    /// `inbound` or `outbound`.
    direction: String,
    channel: String,
    from: String,
    /// What was dialled.
    to: String,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    picked_up_at: Option<String>,
    /// First time that an agent and the other party heard each other.
    #[schema(format = DateTime)]
    answered_at: Option<String>,
    #[schema(format = DateTime)]
    ended_at: String,
    /// An agent answered.
    answered: bool,
    /// The caller hung up in a queue, and no agent ever answered.
    abandoned: bool,
    /// A message was left, and no agent answered.
    voicemail: bool,
    /// The host stopped in the middle.
    interrupted: bool,
    /// `caller`, `agent`, `outside` or `host`.
    ended_by: String,
    /// Q.850 cause.
    cause: u16,
    /// SIP status of the first party's leg, where one was given.
    status: Option<u16>,
    duration_ms: u64,
    /// In a flow and neither in a queue nor with an agent.
    ivr_ms: u64,
    wait_ms: u64,
    ring_ms: u64,
    talk_ms: u64,
    hold_ms: u64,
    wrap_up_ms: u64,
    legs: Vec<Leg>,
    queues: Vec<QueueVisit>,
    agents: Vec<AgentSegment>,
    path: Vec<FlowStep>,
    transfers: Vec<TransferMade>,
    tags: Vec<CallTag>,
    disposition: Option<DispositionSet>,
    recordings: Vec<RecordingMade>,
    /// What compliance rules said before anything was done, in order.
    judgements: Vec<Judgement>,
    failures: Vec<Failure>,
    /// Facts beyond what one record holds, counted and not kept.
    left_out: u32,
}

/// One party's line.
#[derive(ToSchema)]
pub(crate) struct Leg {
    leg: u64,
    /// `caller`, `agent` or `outside`.
    role: String,
    /// Number or address of the far end.
    party: String,
    agent: Option<String>,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    ringing_at: Option<String>,
    #[schema(format = DateTime)]
    answered_at: Option<String>,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    ended_by: Option<String>,
    /// Q.850 cause.
    cause: Option<u16>,
    status: Option<u16>,
    quality: Option<Quality>,
}

/// How a leg sounded.
#[derive(ToSchema)]
pub(crate) struct Quality {
    packets_received: u64,
    packets_sent: u64,
    packets_lost: u64,
    jitter_ms: f32,
    /// Mean opinion score estimated by the E-model, 1.0 to 4.5; 0 where nothing was heard.
    mos: f32,
    /// By the far end's RTCP.
    packets_lost_by_far_end: u64,
    round_trip_ms: Option<f32>,
    /// SRTP of nobody with the far end's key, or that came before; left out where there was none.
    #[schema(required = false)]
    packets_refused: u64,
}

/// One wait in one queue.
#[derive(ToSchema)]
pub(crate) struct QueueVisit {
    queue: String,
    priority: i32,
    /// Pairs of a skill and the least level of it.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    skills: Vec<Vec<serde_json::Value>>,
    /// Place in the queue when it entered, 1 is next.
    position: u32,
    #[schema(format = DateTime)]
    entered_at: String,
    wait_ms: u64,
    /// `connected`, `abandoned`, `timed-out`, `exit-key`, `full`, `no-agents`, `moved` or `closed`.
    exit: Option<String>,
    /// What the queue's policy gave up meanwhile, in order.
    #[schema(required = false)]
    relaxed: Vec<Relaxation>,
}

/// A routing policy made do with less.
#[derive(ToSchema)]
pub(crate) struct Relaxation {
    /// Since the place in line.
    after_ms: u64,
    /// What was needed from then on: pairs of a skill and the least level of it.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    skills: Vec<Vec<serde_json::Value>>,
    /// The queue whose agents were asked as well.
    overflow_to: Option<String>,
}

/// One agent's part, from the promise to the end of after-call work.
#[derive(ToSchema)]
pub(crate) struct AgentSegment {
    agent: String,
    queue: Option<String>,
    leg: Option<u64>,
    #[schema(format = DateTime)]
    reserved_at: String,
    /// From the later of agent free and interaction queued to the promise.
    since_free_ms: u64,
    #[schema(format = DateTime)]
    answered_at: Option<String>,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    ring_ms: u64,
    talk_ms: u64,
    hold_ms: u64,
    /// Null while it goes on, and where there is none.
    wrap_up_ms: Option<u64>,
    /// Why the agent did not get it: `missed`, `rejected`, `caller-left`, `device-failed`, `lease-expired` or `moved`.
    released: Option<String>,
    ended_by: Option<String>,
}

/// One node of a flow that the interaction passed.
#[derive(ToSchema)]
pub(crate) struct FlowStep {
    #[schema(format = DateTime)]
    at: String,
    flow: String,
    /// Revision of the configuration that the flow ran from.
    flow_revision: u64,
    node: String,
    /// Empty while the flow waits at the node.
    exit: String,
}

#[derive(ToSchema)]
pub(crate) struct TransferMade {
    #[schema(format = DateTime)]
    at: String,
    /// `blind` or `attended`.
    kind: String,
    /// Null: the flow or the API.
    agent: Option<String>,
    target: String,
}

#[derive(ToSchema)]
pub(crate) struct CallTag {
    name: String,
    value: String,
}

#[derive(ToSchema)]
pub(crate) struct DispositionSet {
    #[schema(format = DateTime)]
    at: String,
    agent: Option<String>,
    code: String,
    note: String,
}

#[derive(ToSchema)]
pub(crate) struct RecordingMade {
    recording: u64,
    /// On the host.
    path: String,
    voicemail: bool,
    #[schema(format = DateTime)]
    started_at: String,
    pauses: u32,
    /// Null until it is closed, as are the next four.
    length_ms: Option<u64>,
    sha256: Option<String>,
    /// RMS in dB below full scale.
    left_dbfs: Option<f32>,
    right_dbfs: Option<f32>,
    gaps: Option<u64>,
    failed: Option<String>,
    /// A rule wants the sound erased then.
    #[schema(format = DateTime, required = false)]
    erase_at: Option<String>,
    /// The sound is no more.
    #[schema(format = DateTime, required = false)]
    erased_at: Option<String>,
}

/// What compliance rules said to one effect.
#[derive(ToSchema)]
pub(crate) struct Judgement {
    #[schema(format = DateTime)]
    at: String,
    /// `answer`, `dial`, `record`, `unmask`, `export` or `message`.
    effect: String,
    /// The number, the step of the recording, the kind of data.
    about: String,
    /// Who wanted it: `{"agent": "amy"}`, `{"flow": "main"}`, `"host"`.
    #[schema(value_type = Object)]
    by: String,
    /// The strictest of all: `allow`, `{"later": TIME}` or `deny`.
    #[schema(value_type = Object)]
    decision: String,
    opinions: Vec<Opinion>,
}

/// What one rule said.
#[derive(ToSchema)]
pub(crate) struct Opinion {
    /// As the tenant calls it.
    rule: String,
    plugin: String,
    /// It said nothing, and the default of the effect counts.
    #[schema(required = false)]
    failed: bool,
    #[schema(value_type = Object)]
    decision: String,
    /// Which clause it is.
    code: String,
    /// For the person who is refused.
    reason: String,
    /// What has to be done with it.
    #[schema(value_type = Vec<Object>)]
    duties: Vec<String>,
}

/// What went wrong and was coped with.
#[derive(ToSchema)]
pub(crate) struct Failure {
    #[schema(format = DateTime)]
    at: String,
    /// `flow`, `plugin`, `prompt` or `recording`.
    what: String,
    name: String,
    reason: String,
}

#[derive(ToSchema)]
pub(crate) struct RecordingPage {
    items: Vec<Recording>,
    next: Option<String>,
}

#[derive(ToSchema)]
pub(crate) struct Recording {
    recording: u64,
    interaction: u64,
    #[schema(format = DateTime)]
    started: String,
    length_ms: u64,
    sha256: String,
    voicemail: bool,
}

#[derive(ToSchema)]
pub(crate) struct EventPage {
    items: Vec<Event>,
    /// Give it as `after` to go on; the same as before when nothing is new.
    next: String,
}

/// One fact; further fields by its `type`.
#[derive(ToSchema)]
pub(crate) struct Event {
    /// Rises by one with no gap.
    seq: u64,
    /// To the microsecond.
    #[schema(format = DateTime)]
    at: String,
    /// `interaction-offered`, `queued`, `connected`, `agent-state-changed` …
    #[schema(rename = "type")]
    kind: String,
    /// With every fact of one interaction.
    #[schema(required = false, nullable = false)]
    interaction: Option<u64>,
}
