//! Words that facts are told in.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Caller,
    Agent,
    /// A party outside the tenant whom we called: transfer target, consultation.
    Outside,
}

/// Who ended something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    Caller,
    Agent,
    Outside,
    /// The flow, a limit, a transfer, the API or a failure.
    Host,
}

/// Why an interaction left a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueExit {
    Connected,
    /// The caller hung up while waiting.
    Abandoned,
    TimedOut,
    ExitKey,
    /// Turned away at the door: the queue holds `max_waiting`.
    Full,
    /// Turned away: nobody who serves the queue is logged in.
    NoAgents,
    /// The flow or an API call moved it on.
    Moved,
    /// The queue was taken out of the configuration.
    Closed,
}

/// Why a reserved or ringing agent did not get the interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseReason {
    /// Rang without an answer (RONA).
    Missed,
    Rejected,
    CallerLeft,
    /// The phone could not be reached or answered with an error.
    DeviceFailed,
    /// The lease ran out.
    LeaseExpired,
    Moved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransferKind {
    Blind,
    Attended,
}

/// What a queue's alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceMeasure {
    /// Of those who wait now, the one who has waited longest.
    LongestWait,
    /// Mean wait of those answered in the last 15 minutes (ASA).
    AverageWait,
}

/// What a routing policy chose among.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub policy: Arc<str>,
    /// Where the native order had it, from 1.
    pub place: u32,
    /// How many agents, or waiting interactions, there were.
    pub of: u32,
}

/// Sound quality of one leg, as it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    pub packets_received: u64,
    pub packets_sent: u64,
    pub packets_lost: u64,
    pub jitter_ms: f32,
    /// Mean opinion score estimated by the E-model (ITU-T G.107), 1.0 to 4.5; 0 where nothing was heard.
    pub mos: f32,
    /// Packets of ours that the far end says it lost, by its RTCP.
    #[serde(default)]
    pub packets_lost_by_far_end: u64,
    /// Time to the far end and back by RTCP; `None` where it sends none.
    #[serde(default)]
    pub round_trip_ms: Option<f32>,
    /// SRTP of nobody with the far end's key, or that came before: thrown away unheard. 0 on a plain leg.
    #[serde(default, skip_serializing_if = "is_none")]
    pub packets_refused: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_none(count: &u64) -> bool {
    *count == 0
}
