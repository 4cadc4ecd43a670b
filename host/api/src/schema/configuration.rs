//! What a tenant is made of, and what applying it came to.

use std::collections::BTreeMap;

use utoipa::ToSchema;

#[derive(ToSchema)]
pub(crate) struct Applied {
    /// The revision that holds now.
    revision: u64,
    changes: Vec<Change>,
}

#[derive(ToSchema)]
pub(crate) struct Change {
    change: ChangeKind,
    /// `queue`, `agent`, `number`, `trunk`, `rule`, `list`, `connector`, `channel`, `flow`, `prompt` or `tenant`.
    resource: String,
    id: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum ChangeKind {
    Added,
    Changed,
    Removed,
}

#[derive(ToSchema)]
pub(crate) struct Queue {
    name: String,
    #[schema(required = false)]
    strategy: Strategy,
    /// A routing component; `strategy` is its native default.
    policy: Option<Policy>,
    #[schema(required = false)]
    skills: Vec<SkillNeed>,
    #[schema(required = false, minimum = -1000, maximum = 1000)]
    priority: i32,
    #[schema(required = false)]
    ring_timeout_ms: u64,
    #[schema(required = false)]
    wrap_up_ms: u64,
    max_wait_ms: Option<u64>,
    #[schema(required = false)]
    max_waiting: u32,
    overflow_to: Option<String>,
    overflow_after_ms: Option<u64>,
    #[schema(required = false)]
    refuse_when_unstaffed: bool,
    /// Name of a prompt.
    hold_music: Option<String>,
    #[schema(required = false)]
    record: bool,
    #[schema(required = false)]
    service_level_ms: u64,
    #[schema(required = false)]
    missed_limit: u32,
    /// An alarm while somebody waits longer; 0: none.
    #[schema(required = false)]
    alarm_longest_wait_ms: u64,
    /// An alarm while those answered in the last 15 minutes waited longer on average; 0: none.
    #[schema(required = false)]
    alarm_average_wait_ms: u64,
}

/// A component that is told nothing is its name.
#[derive(ToSchema, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Policy {
    Name(String),
    Told(ToldPolicy),
}

#[derive(ToSchema, serde::Serialize)]
pub(crate) struct ToldPolicy {
    /// The component's name.
    plugin: String,
    /// Tags whose numbers it gets beside `value` and `last-agent`; `occupancy` is the agent's.
    #[schema(required = false, max_items = 16)]
    attributes: Vec<String>,
    /// By name. `relax-first-ms` is the host's too: so long after the call has its place in line the component is asked what it may go without.
    #[schema(required = false)]
    settings: BTreeMap<String, String>,
}

#[derive(ToSchema)]
pub(crate) struct Dialling {
    /// Customers are called only if this list holds their number.
    consent_list: Option<String>,
    /// Numbers of the emergency services, as they are dialled. No cap of a trunk and no rule holds them back.
    #[schema(required = false)]
    emergency: Vec<String>,
}

/// What is wanted of SRTP.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Srtp {
    Off,
    Offered,
    Required,
}

/// Whether what is said on calls is legible on the wire.
#[derive(ToSchema)]
pub(crate) struct Encryption {
    /// Of legs of which nothing else is said; `offered` unless told.
    #[schema(required = false)]
    srtp: Srtp,
    /// Keys of SRTP are said in SIP by TLS, or with this by any way: only for networks that nobody else listens to.
    #[schema(required = false)]
    keys_in_clear: bool,
    /// By name of a trunk.
    #[schema(required = false)]
    trunks: BTreeMap<String, Srtp>,
    /// By agent: for their phones.
    #[schema(required = false)]
    agents: BTreeMap<String, Srtp>,
}

#[derive(ToSchema)]
pub(crate) struct Rule {
    /// The component's name.
    plugin: String,
    /// By name.
    #[schema(required = false)]
    settings: BTreeMap<String, String>,
}

/// A way into another system. Secrets are never sent here: only where the host finds them.
#[derive(ToSchema, serde::Serialize)]
pub(crate) struct Connector {
    /// The component's name.
    plugin: String,
    /// By name.
    #[schema(required = false)]
    settings: BTreeMap<String, String>,
    /// Origins that it may send requests to: `https://crm.example.com`.
    #[schema(required = false, max_items = 32)]
    allow: Vec<String>,
    /// Origins that may also be in the host's own networks.
    #[schema(required = false, max_items = 32)]
    allow_private: Vec<String>,
    #[schema(required = false)]
    secrets: BTreeMap<String, ConnectorSecret>,
    /// Bytes that it may keep.
    #[schema(required = false)]
    kv_bytes: u64,
    /// No call takes longer, whatever a flow allows it.
    #[schema(required = false, minimum = 1, maximum = 10_000)]
    timeout_ms: u64,
    /// Calls at the same time; one more is refused.
    #[schema(required = false, minimum = 1, maximum = 64)]
    concurrent: u32,
    /// Calls a second, on the long run; one more is refused.
    #[schema(required = false, minimum = 1, maximum = 10_000)]
    per_second: Option<u32>,
}

/// A way to write with customers: a connector's fields, and whom it reaches.
#[derive(ToSchema, serde::Serialize)]
pub(crate) struct Channel {
    #[serde(flatten)]
    component: Connector,
    /// Its addresses are telephone numbers: flows write to callers by it.
    #[schema(required = false)]
    callers: bool,
}

#[derive(ToSchema, serde::Serialize)]
pub(crate) struct ConnectorSecret {
    from: SecretSource,
    /// Origins that it may be sent to; none: all that the connector may reach.
    #[schema(required = false)]
    to: Vec<String>,
}

#[derive(ToSchema, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SecretSource {
    /// A variable of the host's environment; its name begins with `PLUGBOARD_SECRET_`.
    Env(String),
    /// A file of the folder `secrets/TENANT` in the host's data folder.
    File(String),
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Strategy {
    LongestIdle,
    RoundRobin,
    LeastOccupied,
    MostSkilled,
}

#[derive(ToSchema)]
pub(crate) struct SkillNeed {
    skill: String,
    #[schema(minimum = 1, maximum = 10)]
    level: u8,
}

/// Where a dialled number leads.
#[derive(ToSchema)]
pub(crate) struct NumberTarget {
    to: TargetKind,
    name: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum TargetKind {
    Flow,
    Queue,
    Agent,
}

#[derive(ToSchema)]
pub(crate) struct FlowDocument {
    /// The component that runs it: `flow-graph` if left out.
    #[schema(required = false)]
    plugin: String,
    /// The document as text, passed to the component unread; or `pack:acme.ivr/menu`, a document that a pack brings.
    document: String,
}

#[derive(ToSchema)]
pub(crate) struct TimeZone {
    /// IANA name.
    name: String,
    /// Pairs of a point in time (RFC 3339) and minutes east of UTC.
    #[schema(required = false, value_type = Vec<Vec<serde_json::Value>>)]
    offsets: Vec<Vec<serde_json::Value>>,
}

#[derive(ToSchema)]
pub(crate) struct Limits {
    #[schema(required = false)]
    interactions: u32,
    #[schema(required = false)]
    unanswered_ms: u64,
    #[schema(required = false)]
    call_length_ms: u64,
    /// Levels of menus; deeper ones are a warning.
    #[schema(required = false)]
    menu_depth: u8,
}

#[derive(ToSchema)]
pub(crate) struct ExceptionFlow {
    apology: Option<String>,
    queue: Option<String>,
}
