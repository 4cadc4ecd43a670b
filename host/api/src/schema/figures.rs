//! What is counted, and what the figures mean.

use std::collections::BTreeMap;

use utoipa::ToSchema;

#[derive(ToSchema)]
pub(crate) struct QueueFigures {
    /// RFC 3339.
    from: String,
    to: String,
    by: Grain,
    definitions: Vec<Metric>,
    items: Vec<QueueRow>,
}

#[derive(ToSchema)]
pub(crate) struct AgentFigures {
    /// RFC 3339.
    from: String,
    to: String,
    by: Grain,
    definitions: Vec<Metric>,
    items: Vec<AgentRow>,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Grain {
    All,
    Day,
    Hour,
    Interval,
}

/// What a figure means; a definition never changes, a better one gets the next version.
#[derive(ToSchema)]
pub(crate) struct Metric {
    id: String,
    version: u32,
    /// `count`, `milliseconds`, or `share` (0 to 1).
    unit: String,
    /// In the words of the counters.
    definition: String,
}

#[derive(ToSchema)]
pub(crate) struct QueueRow {
    queue: String,
    start: String,
    end: String,
    counters: Counters,
    /// By the metric's id; null where there is nothing to divide by.
    figures: BTreeMap<String, Option<f64>>,
}

#[derive(ToSchema)]
pub(crate) struct Counters {
    offered: u64,
    answered: u64,
    answered_within: u64,
    abandoned: u64,
    abandoned_within: u64,
    short_abandoned: u64,
    flowed_out: u64,
    interrupted: u64,
    turned_away: u64,
    wait_answered_ms: u64,
    wait_abandoned_ms: u64,
    max_wait_ms: u64,
    talk_ms: u64,
    hold_ms: u64,
    wrap_up_ms: u64,
}

#[derive(ToSchema)]
pub(crate) struct AgentRow {
    agent: String,
    start: String,
    end: String,
    time: AgentTime,
    /// Share of busy and ready time that was busy, 0 to 1.
    occupancy: Option<f64>,
    /// Share of logged-in time that was busy, 0 to 1.
    utilisation: Option<f64>,
}

#[derive(ToSchema)]
pub(crate) struct AgentTime {
    not_ready_ms: u64,
    ready_ms: u64,
    reserved_ms: u64,
    ringing_ms: u64,
    talking_ms: u64,
    held_ms: u64,
    consulting_ms: u64,
    wrap_up_ms: u64,
    unreachable_ms: u64,
}
