//! Each shape against what is really written.

use std::collections::BTreeSet;

use plugboard_model::AgentState;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json, to_value};
use utoipa::PartialSchema;

use super::{
    AgentRequest, Applied, Call, Cdr, ExceptionFlow, FlowDocument, HostView, Limits, LiveAgent, NumberTarget, Problem,
    Queue, Snapshot, TimeZone,
    configuration::SkillNeed,
    figures::{AgentTime, Counters, Metric},
    host::{Alarm, Fault},
    live::{LiveQueue, LiveTrunk},
    records::{
        AgentSegment, CallTag, DispositionSet, Failure, FlowStep, Judgement, Leg, Opinion, Quality, QueueVisit,
        Recording, RecordingMade, Relaxation, TransferMade,
    },
};

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
    let alarm =
        crate::Alarm { name: crate::AlarmName::DiskFull, about, detail, since: plugboard_model::Timestamp::EPOCH };
    assert_eq!(differences::<Alarm>(&alarm), none);
    let view = crate::HostView { version, sip: vec![], ready: true, phase: crate::Phase::Serving, alarms: vec![alarm] };
    assert_eq!(differences::<HostView>(&view), none);
    assert_eq!(differences::<Applied>(&crate::Applied { revision: 0, changes: vec![] }), none);
    let recording = crate::RecordingFile {
        recording: plugboard_model::RecordingId(1),
        interaction: plugboard_model::InteractionId(1),
        started: plugboard_model::Timestamp::EPOCH,
        length_ms: 0,
        sha256: String::new(),
        voicemail: false,
        sound: crate::Sound::new((plugboard_model::InteractionId(1), std::path::PathBuf::new())),
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

/// A value of another crate from its least JSON; what is left out gets its default.
fn least<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

#[test]
fn a_record_has_the_fields_that_are_really_written() {
    use plugboard_reporting::cdr;

    let none = Vec::<String>::new();
    let at = "2026-11-22T10:41:00Z";
    let record = json!({
        "interaction": 1, "revision": 1, "last_seq": 1, "direction": "inbound", "channel": "voice", "from": "", "to": "",
        "started_at": at, "ended_at": at, "answered": false, "abandoned": false, "ended_by": "caller", "cause": 16,
        "duration_ms": 0, "ivr_ms": 0, "wait_ms": 0, "ring_ms": 0, "talk_ms": 0, "hold_ms": 0, "wrap_up_ms": 0,
        "legs": [], "queues": [], "agents": [], "path": [], "tags": [], "recordings": [],
    });
    assert_eq!(differences::<Cdr>(&least::<cdr::Cdr>(record)), none);
    let leg = json!({ "leg": 1, "role": "caller", "party": "", "started_at": at });
    assert_eq!(differences::<Leg>(&least::<cdr::LegRecord>(leg)), none);
    let quality = plugboard_model::Quality { packets_refused: 1, ..plugboard_model::Quality::default() };
    assert_eq!(differences::<Quality>(&quality), none);
    let relaxation = json!({ "after_ms": 0, "skills": [] });
    assert_eq!(differences::<Relaxation>(&least::<cdr::Relaxation>(relaxation.clone())), none);
    let visit =
        json!({ "queue": "q", "priority": 0, "position": 1, "entered_at": at, "wait_ms": 0, "relaxed": [relaxation] });
    assert_eq!(differences::<QueueVisit>(&least::<cdr::QueueVisit>(visit)), none);
    let segment = json!({ "agent": "amy", "reserved_at": at, "ring_ms": 0, "talk_ms": 0, "hold_ms": 0 });
    assert_eq!(differences::<AgentSegment>(&least::<cdr::AgentSegment>(segment)), none);
    let step = json!({ "at": at, "flow": "f", "flow_revision": 1, "node": "", "exit": "" });
    assert_eq!(differences::<FlowStep>(&least::<cdr::FlowStep>(step)), none);
    let transfer = json!({ "at": at, "kind": "blind", "target": "" });
    assert_eq!(differences::<TransferMade>(&least::<cdr::Transfer>(transfer)), none);
    assert_eq!(differences::<CallTag>(&least::<cdr::Tag>(json!({ "name": "", "value": "" }))), none);
    let disposition = json!({ "at": at, "code": "", "note": "" });
    assert_eq!(differences::<DispositionSet>(&least::<cdr::Disposition>(disposition)), none);
    let recording = json!({
        "recording": 1, "path": "", "voicemail": false, "started_at": at, "pauses": 0, "erase_at": at, "erased_at": at,
    });
    assert_eq!(differences::<RecordingMade>(&least::<cdr::RecordingRecord>(recording)), none);
    let opinion = json!({
        "rule": "hours", "plugin": "rule-calling-hours", "failed": true, "decision": "deny", "code": "", "reason": "", "duties": [],
    });
    assert_eq!(differences::<Opinion>(&least::<plugboard_model::compliance::Opinion>(opinion.clone())), none);
    let judgement = json!({
        "at": at, "effect": "dial", "about": "", "by": "host", "decision": "deny", "opinions": [opinion],
    });
    assert_eq!(differences::<Judgement>(&least::<cdr::JudgementRecord>(judgement)), none);
    let failure = json!({ "at": at, "what": "", "name": "", "reason": "" });
    assert_eq!(differences::<Failure>(&least::<cdr::Failure>(failure)), none);
}
