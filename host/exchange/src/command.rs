//! What the API asks of a live exchange, and what it answers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_call::Target;
use plugboard_model::{
    AgentId, AgentRequest, AgentState, EventKind, InteractionId, QueueId, Timestamp,
    channel::Wish,
    compliance::{Denial, Segment},
};
use serde::Serialize;

use crate::{Handout, Leave};

/// Names one command, so that its reply finds the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The live view. Costs time in proportion to what is live: at most a few times a second.
    Snapshot,
    /// Call control on one interaction.
    Call {
        interaction: InteractionId,
        command: plugboard_call::Command,
    },
    Agent {
        agent: AgentId,
        request: AgentRequest,
    },
    ExtendWrapUp {
        agent: AgentId,
        by: Duration,
    },
    /// A disposition for an interaction that is over, of which the host has a record.
    DisposeClosed {
        interaction: InteractionId,
        agent: Option<AgentId>,
        code: Arc<str>,
        note: Arc<str>,
    },
    /// Ring the agent's phone, then the target (click to dial).
    Originate {
        agent: AgentId,
        to: Target,
    },
    /// Somebody said something: as recognised, in order. The reply comes once it is on disk.
    Utter {
        interaction: InteractionId,
        segment: Box<Segment>,
    },
    /// May this leave, or be shown? The reply is a [`Reply::Leave`] or a denial.
    HandOut(Box<Handout>),
    /// Have a message sent to a customer. The reply comes once it is on disk, or with a rule's denial.
    Send(Box<Wish>),
    /// A fact about the tenant that comes from outside of its exchange: of its packs, of messages. None that says that rules allowed something.
    Note(EventKind),
}

/// What a command came to.
#[derive(Debug, PartialEq)]
pub enum Reply {
    Done,
    Snapshot(Box<Snapshot>),
    /// The new interaction of an `Originate`.
    Started(InteractionId),
    /// To a `HandOut`.
    Leave(Box<Leave>),
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("no live interaction {0}")]
    NoSuchInteraction(InteractionId),
    #[error("no agent {0}")]
    NoSuchAgent(AgentId),
    #[error("not possible while the call is {state}")]
    WrongState { state: &'static str },
    #[error("the target cannot be reached from here")]
    BadTarget,
    #[error("the call is not being recorded")]
    NotRecording,
    #[error("the agent's phone is not registered")]
    PhoneUnreachable,
    #[error("the exchange is full")]
    Full,
    #[error("the next utterance is number {expected}")]
    OutOfOrder { expected: u32 },
    #[error("no more of what is said can be kept")]
    TooMuchSaid,
    #[error("there is no channel {0}")]
    NoSuchChannel(String),
    #[error("that cannot be noted, only decided")]
    NotToBeNoted,
    /// A compliance rule of the tenant forbids it.
    #[error("{0}")]
    Denied(Denial),
}

/// What is live at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Snapshot {
    pub at: Timestamp,
    /// `seq` of the last event that is in this view: events after it come on top.
    pub seq: u64,
    pub revision: u64,
    pub calls: Vec<CallSnapshot>,
    pub agents: Vec<AgentSnapshot>,
    pub queues: Vec<QueueSnapshot>,
    pub trunks: BTreeMap<String, TrunkSnapshot>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallSnapshot {
    pub interaction: InteractionId,
    pub from: Arc<str>,
    pub to: Arc<str>,
    pub started: Timestamp,
    /// `offered`, `ivr`, `waiting`, `ringing`, `talking`, `held`, `consulting`.
    pub stage: &'static str,
    pub queue: Option<QueueId>,
    pub agent: Option<AgentId>,
    pub position: Option<u32>,
    pub estimated_wait_ms: Option<u64>,
    pub recording: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentSnapshot {
    pub id: AgentId,
    pub name: String,
    pub extension: String,
    #[serde(flatten)]
    pub state: AgentState,
    pub since: Timestamp,
    /// `not-ready` or `logged-out`, asked for while busy.
    pub pending: Option<AgentRequest>,
    pub registered: bool,
    pub occupancy_permille: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueSnapshot {
    pub id: QueueId,
    pub name: String,
    pub waiting: u32,
    pub longest_wait_ms: u64,
    pub staffed: u32,
    pub ready: u32,
    pub talking: u32,
    pub wrap_up: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TrunkSnapshot {
    /// In both directions.
    pub calls: u32,
    /// The most that it may carry.
    pub channels: Option<u32>,
    /// In the order in which they are tried.
    pub peers: Vec<PeerSnapshot>,
    /// Calls that went on to another way when this one failed, since the start.
    pub failed_over: u64,
}

/// One peer of a trunk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeerSnapshot {
    pub address: std::net::SocketAddr,
    /// It answers, as far as is known.
    pub up: bool,
}
