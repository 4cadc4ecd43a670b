//! What the API asks of the process that it stands in.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use plugboard_exchange::{Command, CommandError, Leave, Reply, SharedConfiguration, SharedEvent};
use plugboard_model::{
    AgentId, Configuration, FlowId, InteractionId, QueueId, RecordingId, TenantId, Timestamp, channel::WebhookReply,
    routing::Tables, tape::Tape,
};
use plugboard_reporting::{AgentInterval, Cdr, QueueInterval};
use serde::Serialize;
use tokio::sync::broadcast;

use crate::{
    Alarm, Came, ChannelView, ConnectorView, DeadLetters, Known, LettersRefused, Message, MessageQuery, PluginFigures,
    Sealed, Sha256, Sound, WebhookRefused,
    pack::{PackChanged, PackDetail, PackLog, PackOrder, PackRefused, PackView, RolloutView},
    traces::{PluginTraces, TraceQuery},
    usage::DayUsage,
};

/// A future that a [`Host`] gives back, so that the trait may stand behind a pointer.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The host's side of the API. What it knows of persons it gives sealed: the API opens it with the leave of the tenant's rules. Every call but [`Host::apply`] and [`Host::change_pack`] is cancelled when its client goes or its deadline passes; it must then have no half effect.
pub trait Host: Send + Sync + 'static {
    /// What a person needs to know to place a call: name, version, addresses.
    fn view(&self) -> HostView;

    /// What each plugin was asked by each tenant since the process began, and how it fared.
    fn plugins(&self) -> Vec<PluginFigures>;

    /// Single questions of the tenant to a pack's components, one of them, or a component of the host. `None`: there is no such plugin.
    fn plugin_traces(&self, tenant: &TenantId, plugin: &str, query: &TraceQuery) -> Option<PluginTraces>;

    /// What plugins used for the tenant from the day `from` to the day `to` (UTC, `2026-11-23`), both included, in order of days.
    fn usage<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: String,
        to: String,
    ) -> Answer<'a, Result<Vec<DayUsage>, HostError>>;

    /// In order of id.
    fn tenants(&self) -> Vec<TenantSummary>;

    /// `None`: no such tenant.
    fn configuration(&self, tenant: &TenantId) -> Option<SharedConfiguration>;

    /// Replaces the tenant's configuration as a whole, or changes nothing. It runs to its end even when nobody waits any more.
    fn apply<'a>(&'a self, tenant: &'a TenantId, upload: Upload) -> Answer<'a, Result<Applied, ApplyError>>;

    /// `by`: name of the token that asks.
    fn command<'a>(
        &'a self,
        tenant: &'a TenantId,
        by: &'a str,
        command: Command,
    ) -> Answer<'a, Result<Reply, HostError>>;

    /// Those of `wanted` that [`Host::put_prompt`] has not brought here yet, in the order asked.
    fn missing_prompts<'a>(
        &'a self,
        tenant: &'a TenantId,
        wanted: Vec<Sha256>,
    ) -> Answer<'a, Result<Vec<Sha256>, HostError>>;

    /// Keeps a sound file, whose hash was checked. Doing it twice is doing it once.
    fn put_prompt<'a>(
        &'a self,
        tenant: &'a TenantId,
        sha256: Sha256,
        bytes: Vec<u8>,
    ) -> Answer<'a, Result<(), HostError>>;

    /// Call detail records, newest first.
    fn cdrs<'a>(&'a self, tenant: &'a TenantId, query: CdrQuery) -> Answer<'a, Result<Sealed<Page<Cdr>>, HostError>>;

    fn cdr<'a>(
        &'a self,
        tenant: &'a TenantId,
        interaction: InteractionId,
    ) -> Answer<'a, Result<Option<Sealed<Cdr>>, HostError>>;

    /// What was counted of each queue in the quarters of an hour that begin in `from..to`, in order of time.
    fn queue_intervals<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<'a, Result<Sealed<Vec<QueueInterval>>, HostError>>;

    /// The same of each agent.
    fn agent_intervals<'a>(
        &'a self,
        tenant: &'a TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<'a, Result<Sealed<Vec<AgentInterval>>, HostError>>;

    /// What flows, policies and rules were asked and said, oldest first.
    fn tapes<'a>(&'a self, tenant: &'a TenantId, query: TapeQuery)
    -> Answer<'a, Result<Sealed<Page<Tape>>, HostError>>;

    /// What the numbers in questions to policies are of, by the name that tapes give.
    fn tables<'a>(&'a self, tenant: &'a TenantId, name: String) -> Answer<'a, Result<Option<Tables>, HostError>>;

    /// Closed recordings, newest first.
    fn recordings<'a>(
        &'a self,
        tenant: &'a TenantId,
        query: RecordingQuery,
    ) -> Answer<'a, Result<Page<RecordingFile>, HostError>>;

    fn recording<'a>(
        &'a self,
        tenant: &'a TenantId,
        recording: RecordingId,
    ) -> Answer<'a, Result<Option<RecordingFile>, HostError>>;

    /// Up to `limit` events with `seq` above `after`, in order, from the log.
    fn history<'a>(
        &'a self,
        tenant: &'a TenantId,
        after: u64,
        limit: usize,
    ) -> Answer<'a, Result<Sealed<Vec<SharedEvent>>, HostError>>;

    /// The tenant's connectors, by name; none where there is no such tenant.
    fn connectors(&self, tenant: &TenantId) -> Vec<ConnectorView>;

    /// What one connector could not tell the other system, oldest first.
    fn dead_letters<'a>(
        &'a self,
        tenant: &'a TenantId,
        connector: &'a str,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Answer<'a, Result<DeadLetters, LettersRefused>>;

    /// They are told again, all of them or one; answers how many.
    fn retry_letters<'a>(
        &'a self,
        tenant: &'a TenantId,
        connector: &'a str,
        letter: Option<String>,
    ) -> Answer<'a, Result<u64, LettersRefused>>;

    /// The tenant's channels, by name; none where there is no such tenant.
    fn channels(&self, tenant: &TenantId) -> Vec<ChannelView>;

    /// What came to a channel's address from outside. What it held is on disk before this answers.
    fn webhook<'a>(
        &'a self,
        tenant: &'a TenantId,
        channel: &'a str,
        came: Came,
    ) -> Answer<'a, Result<WebhookReply, WebhookRefused>>;

    /// What was written with customers, newest first.
    fn messages<'a>(
        &'a self,
        tenant: &'a TenantId,
        query: MessageQuery,
    ) -> Answer<'a, Result<Sealed<Page<Message>>, HostError>>;

    /// What is known of a message that is about to be sent under this id.
    fn known_message<'a>(
        &'a self,
        tenant: &'a TenantId,
        channel: &'a str,
        address: &'a str,
        id: &'a str,
    ) -> Answer<'a, Result<Known, HostError>>;

    /// Whether the channel takes no plain text any more from whoever wrote last then.
    fn is_session_over(&self, tenant: &TenantId, channel: &str, last_heard: Option<Timestamp>) -> bool;

    /// The tenant's packs, in order of id.
    fn packs<'a>(&'a self, tenant: &'a TenantId) -> Answer<'a, Result<Vec<PackView>, HostError>>;

    /// One of the tenant's packs, with what stands in its versions.
    fn pack<'a>(&'a self, tenant: &'a TenantId, pack: &'a str) -> Answer<'a, Result<PackDetail, PackRefused>>;

    /// Which version of one of the tenant's packs serves whom, and how they do.
    fn pack_rollout<'a>(&'a self, tenant: &'a TenantId, pack: &'a str) -> Answer<'a, Result<RolloutView, PackRefused>>;

    /// Changes one of the tenant's packs, or nothing; nothing in a dry run, which is refused as the change itself would be. It runs to its end even when nobody waits any more. `by`: name of the token that asks.
    fn change_pack<'a>(
        &'a self,
        tenant: &'a TenantId,
        order: PackOrder,
        by: String,
    ) -> Answer<'a, Result<PackChanged, PackRefused>>;

    /// The file of one of the pack's versions, as it was sent; of the one that serves where none is named.
    fn pack_file<'a>(
        &'a self,
        tenant: &'a TenantId,
        pack: &'a str,
        version: Option<&'a str>,
    ) -> Answer<'a, Result<Vec<u8>, PackRefused>>;

    /// Lines that the pack's components wrote for this tenant, after the line numbered `after`: the latest that are kept.
    fn pack_log<'a>(
        &'a self,
        tenant: &'a TenantId,
        pack: &'a str,
        after: u64,
    ) -> Answer<'a, Result<PackLog, PackRefused>>;

    /// Every event from now on. It may run ahead of [`Host::history`] by the commit window and may drop events for a reader that lags:
    /// the API joins both by `seq`, so that its clients see no gap.
    fn live(&self, tenant: &TenantId, leave: &Leave) -> Option<broadcast::Receiver<SharedEvent>>;
}

/// Why the host did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("no tenant {0}")]
    NoSuchTenant(TenantId),
    #[error("the exchange refused")]
    Command(#[from] CommandError),
    /// A cursor that this host never gave.
    #[error("the cursor is not one of ours")]
    BadCursor,
    /// More is asked than is answered just now; the same request may work after `retry_after`.
    #[error("the host is busy")]
    Busy { retry_after: Duration },
    #[error("the host is stopping")]
    Stopping,
    /// The store cannot be read or written; in words, for the operator's log and not for the client.
    #[error("the store does not answer")]
    Store { reason: String },
}

/// How this host is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostView {
    pub version: String,
    /// Where phones and trunks reach it, as seen from outside.
    pub sip: Vec<Listener>,
    /// Ready for calls; false while starting or draining, and when nothing can be stored.
    pub ready: bool,
    pub phase: Phase,
    /// Those that stand, by name.
    pub alarms: Vec<Alarm>,
}

/// Where the process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Sockets are bound; what is configured is not in force yet.
    Starting,
    Serving,
    /// Takes no new calls and ends with the last one.
    Draining,
}

/// One address for SIP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// `udp`, `tcp`, `tls`, `ws`, `wss`.
    pub transport: String,
    pub address: SocketAddr,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenantSummary {
    pub id: TenantId,
    pub name: String,
    pub revision: u64,
}

/// A whole configuration that somebody wants to be true.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    /// Complete, secrets included. `revision` means nothing; a prompt's `path` is the present one where its hash is unchanged and otherwise empty: the host finds
    /// the file by its hash.
    pub configuration: Configuration,
    /// Apply only on top of this revision.
    pub expected_revision: Option<u64>,
    /// Say what would change, and change nothing.
    pub dry_run: bool,
    /// Name of the token that asks, for the audit.
    pub by: String,
}

/// What an upload came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The revision that holds now; unchanged by a dry run and when nothing changes.
    pub revision: u64,
    pub changes: Vec<Change>,
}

/// One resource that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub change: ChangeKind,
    /// `queue`, `agent`, `number`, `trunk`, `flow`, `prompt`, or `tenant` for what is left.
    pub resource: String,
    pub id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

/// Why a configuration was not applied. The running one stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    #[error("the configuration has {} faults", .0.len())]
    Invalid(Vec<Fault>),
    #[error("the configuration is at revision {actual}")]
    Conflict { actual: u64 },
    #[error(transparent)]
    Host(#[from] HostError),
}

/// One thing that is wrong with a configuration, and what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Node of a flow document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// JSON Pointer (RFC 6901) into the configuration, `/queues/sales/overflow_to`, or the name of a field of what was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Kebab-case and stable.
    pub code: String,
    pub message: String,
    pub remedy: String,
}

/// Where a list goes on. Opaque to clients; the host that gave it understands it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// `None` on the last page.
    pub next: Option<Cursor>,
}

/// Which records; every condition that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CdrQuery {
    /// Started at or after.
    pub from: Option<Timestamp>,
    /// Started before.
    pub to: Option<Timestamp>,
    pub caller: Option<String>,
    /// The number that was dialled.
    pub called: Option<String>,
    pub agent: Option<AgentId>,
    pub queue: Option<QueueId>,
    pub cursor: Option<Cursor>,
    /// 1 to 1,000.
    pub limit: usize,
}

/// Which tapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TapeQuery {
    /// Of calls that began at or after.
    pub from: Option<Timestamp>,
    /// Of calls that began before.
    pub to: Option<Timestamp>,
    /// Of calls that this flow ran in.
    pub flow: Option<FlowId>,
    /// Of calls that the policy of this queue was asked about; where no flow is named.
    pub queue: Option<QueueId>,
    pub cursor: Option<Cursor>,
    /// 1 to 1,000.
    pub limit: usize,
}

/// Which recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingQuery {
    pub interaction: Option<InteractionId>,
    pub cursor: Option<Cursor>,
    /// 1 to 1,000.
    pub limit: usize,
}

/// A recording that is closed, and where it lies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordingFile {
    pub recording: RecordingId,
    pub interaction: InteractionId,
    pub started: Timestamp,
    pub length_ms: u64,
    pub sha256: String,
    pub voicemail: bool,
    /// On this machine; never told to clients.
    #[serde(skip)]
    pub sound: Sound,
}
