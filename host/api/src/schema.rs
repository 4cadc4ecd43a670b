//! The shapes of values that other crates define, as OpenAPI tells them. A test holds each against what those crates really write.
#![allow(dead_code, reason = "read by the derive macro only; nobody makes one of these")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

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
    /// `disk-full`, `store-slow`, `store-failed`, `plugin-failed`, `flow-failed`, `recording-failed`, `tenant-not-applied`, `media-events-lost`, `few-files` …
    name: String,
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

#[derive(ToSchema)]
pub(crate) struct Applied {
    /// The revision that holds now.
    revision: u64,
    changes: Vec<Change>,
}

#[derive(ToSchema)]
pub(crate) struct Change {
    change: ChangeKind,
    /// `queue`, `agent`, `number`, `trunk`, `flow`, `prompt` or `tenant`.
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
    policy: Option<String>,
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
    /// The document as text, passed to the component unread.
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
    calls: u32,
}

/// A call detail record; further fields as the host writes them.
#[derive(ToSchema)]
pub(crate) struct Cdr {
    interaction: u64,
    from: String,
    to: String,
    /// RFC 3339.
    started_at: String,
    /// RFC 3339.
    ended_at: String,
    answered: bool,
}

#[derive(ToSchema)]
pub(crate) struct CdrPage {
    items: Vec<Cdr>,
    next: Option<String>,
}

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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use plugboard_model::AgentState;
    use serde::Serialize;
    use serde_json::{Value, to_value};
    use utoipa::PartialSchema;

    use super::*;

    /// Fields that the schema `T` names and `written` lacks, or the other way round.
    fn differences<T: PartialSchema>(written: &impl Serialize) -> Vec<String> {
        let keys = |value: &Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };
        let told = keys(&to_value(T::schema()).unwrap()["properties"]);
        let written = keys(&to_value(written).unwrap());
        told.symmetric_difference(&written).cloned().collect()
    }

    #[test]
    fn each_shape_has_the_fields_that_are_really_written() {
        let none = Vec::<String>::new();
        let empty = plugboard_model::Configuration::empty("t".parse().unwrap());
        assert_eq!(differences::<Queue>(&plugboard_model::Queue::named("q")), none);
        assert_eq!(differences::<Limits>(&empty.limits), none);
        assert_eq!(differences::<TimeZone>(&empty.time_zone), none);
        assert_eq!(differences::<ExceptionFlow>(&empty.exception), none);
        let target = plugboard_model::NumberTarget::Queue("q".parse().unwrap());
        assert_eq!(differences::<NumberTarget>(&target), none);
        let flow = plugboard_model::FlowDocument { plugin: String::new(), document: "".into() };
        assert_eq!(differences::<FlowDocument>(&flow), none);
        let need = plugboard_model::SkillNeed { skill: "s".parse().unwrap(), level: 1 };
        assert_eq!(differences::<SkillNeed>(&need), none);
        assert_eq!(differences::<Snapshot>(&plugboard_exchange::Snapshot::default()), none);
        assert_eq!(differences::<LiveTrunk>(&plugboard_exchange::TrunkSnapshot::default()), none);
        let request = plugboard_model::AgentRequest::NotReady { reason: String::new() };
        assert_eq!(differences::<AgentRequest>(&request), none);
    }

    #[test]
    fn what_is_live_has_the_fields_that_are_really_written() {
        let none = Vec::<String>::new();
        let call = plugboard_exchange::CallSnapshot {
            interaction: plugboard_model::InteractionId(1),
            from: "".into(),
            to: "".into(),
            started: plugboard_model::Timestamp::EPOCH,
            stage: "ivr",
            queue: None,
            agent: None,
            position: None,
            estimated_wait_ms: None,
            recording: false,
        };
        assert_eq!(differences::<Call>(&call), none);
        let agent = plugboard_exchange::AgentSnapshot {
            id: "amy".parse().unwrap(),
            name: String::new(),
            extension: String::new(),
            state: AgentState::Ready,
            since: plugboard_model::Timestamp::EPOCH,
            pending: None,
            registered: false,
            occupancy_permille: 0,
        };
        // These two come with some states only.
        assert_eq!(differences::<LiveAgent>(&agent), ["interaction", "reason"]);
        let queue = plugboard_exchange::QueueSnapshot {
            id: "q".parse().unwrap(),
            name: String::new(),
            waiting: 0,
            longest_wait_ms: 0,
            staffed: 0,
            ready: 0,
            talking: 0,
            wrap_up: 0,
        };
        assert_eq!(differences::<LiveQueue>(&queue), none);
    }

    #[test]
    fn figures_have_the_fields_that_are_really_written() {
        let none = Vec::<String>::new();
        assert_eq!(differences::<Counters>(&plugboard_reporting::Counters::default()), none);
        assert_eq!(differences::<AgentTime>(&plugboard_reporting::AgentTime::default()), none);
        assert_eq!(differences::<Metric>(&plugboard_reporting::metric::METRICS[0]), none);
    }

    #[test]
    fn what_the_api_itself_says_has_the_fields_that_are_really_written() {
        let none = Vec::<String>::new();
        let (version, about, detail) = (String::new(), None, String::new());
        let alarm = crate::Alarm { name: String::new(), about, detail, since: plugboard_model::Timestamp::EPOCH };
        assert_eq!(differences::<Alarm>(&alarm), none);
        let view =
            crate::HostView { version, sip: vec![], ready: true, phase: crate::Phase::Serving, alarms: vec![alarm] };
        assert_eq!(differences::<HostView>(&view), none);
        assert_eq!(differences::<Applied>(&crate::Applied { revision: 0, changes: vec![] }), none);
        let recording = crate::RecordingFile {
            recording: plugboard_model::RecordingId(1),
            interaction: plugboard_model::InteractionId(1),
            started: plugboard_model::Timestamp::EPOCH,
            length_ms: 0,
            sha256: String::new(),
            voicemail: false,
            path: Path::new("").into(),
        };
        assert_eq!(differences::<Recording>(&recording), none);
        let fault = crate::Fault {
            file: Some(String::new()),
            line: Some(1),
            node: Some(String::new()),
            field: Some(String::new()),
            ..crate::Fault::default()
        };
        assert_eq!(differences::<Fault>(&fault), none);
        assert_eq!(differences::<Problem>(&crate::Problem::invalid(vec![fault])), none);
    }
}
