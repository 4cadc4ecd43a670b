//! What the process itself says: refusals, health, alarms, tenants.

use utoipa::ToSchema;

use crate::AlarmName;

/// A refusal (RFC 9457).
#[derive(ToSchema)]
pub(crate) struct Problem {
    /// `urn:plugboard:problem:` and a stable word.
    #[schema(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    /// What to do about it.
    remedy: String,
    /// With 422: each single fault.
    #[schema(required = false)]
    errors: Vec<Fault>,
}

#[derive(ToSchema)]
pub(crate) struct Fault {
    file: Option<String>,
    line: Option<u32>,
    /// Node of a flow document.
    node: Option<String>,
    field: Option<String>,
    code: String,
    message: String,
    remedy: String,
}

#[derive(ToSchema)]
pub(crate) struct Health {
    /// `ready`, or `not-ready` while starting, draining, or with an alarm that stops calls.
    status: String,
}

#[derive(ToSchema)]
pub(crate) struct HostView {
    version: String,
    /// Whether calls are taken.
    ready: bool,
    phase: Phase,
    sip: Vec<Listener>,
    /// What an operator must know, by name.
    alarms: Vec<Alarm>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Phase {
    Starting,
    Serving,
    Draining,
}

#[derive(ToSchema)]
pub(crate) struct Alarm {
    /// More may come.
    name: AlarmName,
    /// The tenant or thing that it concerns.
    about: Option<String>,
    detail: String,
    #[schema(format = DateTime)]
    since: String,
}

#[derive(ToSchema)]
pub(crate) struct Listener {
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    transport: String,
    address: String,
}

#[derive(ToSchema)]
pub(crate) struct TenantPage {
    items: Vec<TenantSummary>,
    next: Option<String>,
}

#[derive(ToSchema)]
pub(crate) struct TenantSummary {
    id: String,
    name: String,
    revision: u64,
}
