//! The call detail record: one for each interaction, with everything that happened in it.

use std::time::Duration;

use plugboard_model::{
    AgentId, EndedBy, EventKind, FlowId, InteractionId, LegId, Quality, QueueExit, QueueId, RecordingId, ReleaseReason,
    Role, SkillId, Timestamp, TransferKind, compliance::Judgement,
};
use serde::{Deserialize, Serialize};

use crate::rfc3339;

/// Who began the interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Somebody called us.
    Inbound,
    /// An agent called somebody, on the phone or by a click.
    Outbound,
}

/// One interaction, as it ended. Times are RFC 3339 in UTC with milliseconds; lengths are whole milliseconds.
///
/// Unknown fields are ignored when read, missing ones take their default, so that records outlive versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cdr {
    pub interaction: InteractionId,
    /// 1 when the interaction closes; rises by one with each late fact (wrap-up, disposition, recording).
    pub revision: u32,
    /// Sequence number of the last event in it: a reader who has seen the log that far has seen this.
    pub last_seq: u64,
    pub direction: Direction,
    /// `voice` for a call.
    pub channel: String,
    /// The caller, as the trunk or phone gave it.
    pub from: String,
    /// What was dialled.
    pub to: String,

    #[serde(with = "rfc3339")]
    pub started_at: Timestamp,
    /// The first party's leg was picked up (200 OK): by us if inbound; if outbound it is the agent's own, and follows the answer of whom they called.
    #[serde(default, with = "rfc3339::optional")]
    pub picked_up_at: Option<Timestamp>,
    /// First time that an agent and the other party heard each other.
    #[serde(default, with = "rfc3339::optional")]
    pub answered_at: Option<Timestamp>,
    #[serde(with = "rfc3339")]
    pub ended_at: Timestamp,

    /// An agent answered (`handled` in field's words), whatever the flow did before.
    pub answered: bool,
    /// The caller hung up in a queue, and no agent ever answered.
    pub abandoned: bool,
    /// A message was left, and no agent answered.
    #[serde(default)]
    pub voicemail: bool,
    /// The host stopped in the middle: `ended_at` is the last thing known.
    #[serde(default)]
    pub interrupted: bool,
    pub ended_by: EndedBy,
    /// Q.850 cause.
    pub cause: u16,
    /// SIP status of the first party's leg, where one was given.
    #[serde(default)]
    pub status: Option<u16>,

    /// `ended_at` − `started_at`.
    pub duration_ms: u64,
    /// In a flow and neither in a queue nor with an agent.
    pub ivr_ms: u64,
    /// Sum over queues.
    pub wait_ms: u64,
    /// Agents' phones ringing, answered or not, summed.
    pub ring_ms: u64,
    /// Agents talking, hold excluded, summed over agents.
    pub talk_ms: u64,
    /// On hold while with an agent, consultation included, summed over agents.
    pub hold_ms: u64,
    /// After-call work, summed over agents.
    pub wrap_up_ms: u64,

    pub legs: Vec<LegRecord>,
    pub queues: Vec<QueueVisit>,
    pub agents: Vec<AgentSegment>,
    pub path: Vec<FlowStep>,
    #[serde(default)]
    pub transfers: Vec<Transfer>,
    /// Last value for each name, in order of first use.
    pub tags: Vec<Tag>,
    /// Last one set.
    #[serde(default)]
    pub disposition: Option<Disposition>,
    pub recordings: Vec<RecordingRecord>,
    /// What compliance rules said before anything was done, in order.
    #[serde(default)]
    pub judgements: Vec<JudgementRecord>,
    /// What went wrong and was coped with: flow, plugin, prompt or recording failures.
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// Facts beyond the bound of a list in this record ([`crate::LIST_BOUND`]), counted and not kept.
    #[serde(default)]
    pub left_out: u32,
}

impl Cdr {
    /// The first agent who answered.
    pub fn first_agent(&self) -> Option<&AgentId> {
        self.agents.iter().find(|segment| segment.answered_at.is_some()).map(|segment| &segment.agent)
    }
}

/// One party's line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegRecord {
    pub leg: LegId,
    pub role: Role,
    /// Number or address of the far end.
    pub party: String,
    #[serde(default)]
    pub agent: Option<AgentId>,
    #[serde(with = "rfc3339")]
    pub started_at: Timestamp,
    #[serde(default, with = "rfc3339::optional")]
    pub ringing_at: Option<Timestamp>,
    #[serde(default, with = "rfc3339::optional")]
    pub answered_at: Option<Timestamp>,
    #[serde(default, with = "rfc3339::optional")]
    pub ended_at: Option<Timestamp>,
    #[serde(default)]
    pub ended_by: Option<EndedBy>,
    /// Q.850; `None` while the leg lives.
    #[serde(default)]
    pub cause: Option<u16>,
    #[serde(default)]
    pub status: Option<u16>,
    #[serde(default)]
    pub quality: Option<Quality>,
}

/// One wait in one queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueVisit {
    pub queue: QueueId,
    pub priority: i32,
    #[serde(default)]
    pub skills: Vec<(SkillId, u8)>,
    /// Place in the queue when it entered, 1 is next.
    pub position: u32,
    #[serde(with = "rfc3339")]
    pub entered_at: Timestamp,
    pub wait_ms: u64,
    /// `None` if the interaction ended without a word from the queue.
    #[serde(default)]
    pub exit: Option<QueueExit>,
    /// What the queue's policy gave up meanwhile, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relaxed: Vec<Relaxation>,
}

/// A routing policy made do with less.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relaxation {
    /// Since the place in line.
    pub after_ms: u64,
    /// What was needed from then on.
    pub skills: Vec<(SkillId, u8)>,
    /// The queue whose agents were asked as well.
    pub overflow_to: Option<QueueId>,
}

/// One agent's part, from the promise to the end of after-call work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentSegment {
    pub agent: AgentId,
    #[serde(default)]
    pub queue: Option<QueueId>,
    #[serde(default)]
    pub leg: Option<LegId>,
    #[serde(with = "rfc3339")]
    pub reserved_at: Timestamp,
    /// From the later of agent free and interaction queued to the promise.
    #[serde(default)]
    pub since_free_ms: u64,
    #[serde(default, with = "rfc3339::optional")]
    pub answered_at: Option<Timestamp>,
    #[serde(default, with = "rfc3339::optional")]
    pub ended_at: Option<Timestamp>,
    pub ring_ms: u64,
    pub talk_ms: u64,
    pub hold_ms: u64,
    /// `None` while it goes on, and where there is none.
    #[serde(default)]
    pub wrap_up_ms: Option<u64>,
    /// Why the agent did not get it.
    #[serde(default)]
    pub released: Option<ReleaseReason>,
    #[serde(default)]
    pub ended_by: Option<EndedBy>,
}

/// One node of a flow that the interaction passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowStep {
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    pub flow: FlowId,
    /// Revision of the configuration that the flow ran from.
    pub flow_revision: u64,
    pub node: String,
    /// Empty while the flow waits at the node.
    pub exit: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    pub kind: TransferKind,
    /// `None`: the flow or the API.
    #[serde(default)]
    pub agent: Option<AgentId>,
    pub target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    #[serde(default)]
    pub agent: Option<AgentId>,
    pub code: String,
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingRecord {
    pub recording: RecordingId,
    pub path: String,
    pub voicemail: bool,
    #[serde(with = "rfc3339")]
    pub started_at: Timestamp,
    /// Pauses, for card numbers and the like.
    pub pauses: u32,
    /// `None` until it is closed, as are the next four.
    #[serde(default)]
    pub length_ms: Option<u64>,
    #[serde(default)]
    pub sha256: Option<String>,
    /// RMS in dB below full scale; `None` also where the side is silent throughout.
    #[serde(default)]
    pub left_dbfs: Option<f32>,
    #[serde(default)]
    pub right_dbfs: Option<f32>,
    #[serde(default)]
    pub gaps: Option<u64>,
    #[serde(default)]
    pub failed: Option<String>,
    /// A rule wants the sound erased then.
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub erase_at: Option<Timestamp>,
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
}

impl RecordingRecord {
    /// `false`: the fact changes nothing.
    pub(crate) fn handle_days(&mut self, at: Timestamp, kind: &EventKind) -> bool {
        match kind {
            EventKind::RecordingKept { days, .. } => {
                let over = at + Duration::from_secs(u64::from(*days) * 86_400);
                self.erase_at = Some(self.erase_at.map_or(over, |known| known.min(over)));
                true
            }
            EventKind::RecordingErased { .. } => {
                self.erased_at = Some(at);
                true
            }
            _ => false,
        }
    }
}

/// What the rules said to one effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgementRecord {
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    #[serde(flatten)]
    pub judgement: Judgement,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// `flow`, `plugin`, `prompt` or `recording`.
    pub what: String,
    /// Which one.
    pub name: String,
    pub reason: String,
}
