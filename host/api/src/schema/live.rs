//! What is live at one moment.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// What is live at one moment.
#[derive(ToSchema)]
pub(crate) struct Snapshot {
    #[schema(format = DateTime)]
    at: String,
    /// The last event in this view.
    seq: u64,
    revision: u64,
    calls: Vec<Call>,
    agents: Vec<LiveAgent>,
    queues: Vec<LiveQueue>,
    trunks: BTreeMap<String, LiveTrunk>,
}

#[derive(ToSchema)]
pub(crate) struct CallPage {
    items: Vec<Call>,
    next: Option<String>,
}

#[derive(ToSchema)]
pub(crate) struct Call {
    interaction: u64,
    from: String,
    to: String,
    #[schema(format = DateTime)]
    started: String,
    /// `offered`, `ivr`, `waiting`, `ringing`, `talking`, `held` or `consulting`.
    stage: String,
    queue: Option<String>,
    agent: Option<String>,
    position: Option<u32>,
    estimated_wait_ms: Option<u64>,
    recording: bool,
}

#[derive(ToSchema)]
pub(crate) struct LiveAgent {
    id: String,
    name: String,
    extension: String,
    /// `logged-out`, `not-ready`, `ready`, `reserved`, `ringing`, `talking`, `held`, `consulting`, `wrap-up` or `unreachable`.
    state: String,
    /// With `not-ready`.
    #[schema(required = false, nullable = false)]
    reason: Option<String>,
    /// With every state that an interaction holds the agent in.
    #[schema(required = false, nullable = false)]
    interaction: Option<u64>,
    #[schema(format = DateTime)]
    since: String,
    pending: Option<AgentRequest>,
    registered: bool,
    occupancy_permille: u16,
}

#[derive(ToSchema)]
pub(crate) struct AgentRequest {
    request: AgentRequestKind,
    /// With `not-ready`.
    #[schema(required = false, nullable = false)]
    reason: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum AgentRequestKind {
    LogIn,
    LogOut,
    Ready,
    NotReady,
}

#[derive(ToSchema)]
pub(crate) struct LiveQueue {
    id: String,
    name: String,
    waiting: u32,
    longest_wait_ms: u64,
    staffed: u32,
    ready: u32,
    talking: u32,
    wrap_up: u32,
}

#[derive(ToSchema)]
pub(crate) struct LiveTrunk {
    /// In both directions.
    calls: u32,
    /// The most that it may carry.
    channels: Option<u32>,
    /// In the order in which they are tried.
    peers: Vec<LivePeer>,
    /// Calls that went on to another way when this one failed, since the start.
    failed_over: u64,
}

#[derive(ToSchema)]
pub(crate) struct LivePeer {
    /// `192.0.2.1:5060`
    address: String,
    /// It answers, as far as is known.
    up: bool,
}

/// A piece of a conversation, as recognised.
#[derive(ToSchema)]
pub(crate) struct Utterance {
    /// Counts from 0 within the interaction, with no gap.
    seq: u32,
    /// `caller`, `agent` or `other`.
    speaker: String,
    /// From the begin of the interaction.
    from_ms: u32,
    to_ms: u32,
    /// At most 4 KiB.
    text: String,
    /// How sure the recogniser is.
    confidence_permille: u16,
    /// BCP 47.
    language: String,
}
