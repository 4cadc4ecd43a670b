//! The host's words into a rule's.

use plugboard_model::{Timestamp, compliance as host};

use crate::{
    bindings::{common, compliance_types as wit},
    world::words,
};

pub(crate) fn act(act: host::Act) -> wit::Act {
    wit::Act {
        at_ms: act.at.as_millis(),
        utc_offset_min: act.utc_offset_min,
        interaction: act.interaction.map(|id| id.to_string()),
        by: asker(act.by),
        what: effect(act.what),
        tags: words::settings(&act.tags),
        extra: Vec::new(),
    }
}

fn asker(asker: host::Asker) -> wit::Asker {
    use host::Asker as Host;
    match asker {
        Host::Flow(id) => wit::Asker::Flow(id.to_string()),
        Host::Agent(id) => wit::Asker::Agent(id.to_string()),
        Host::Supervisor(name) => wit::Asker::Supervisor(name),
        Host::Campaign(name) => wit::Asker::Campaign(name),
        Host::Api(name) => wit::Asker::Api(name),
        Host::Host => wit::Asker::Host,
    }
}

fn effect(effect: host::Effect) -> wit::Effect {
    use host::Effect as Host;
    match effect {
        Host::Dial(dial) => wit::Effect::Dial(wit::Dial {
            number: dial.number.to_string(),
            their_offset_min: dial.their_offset_min,
            country: dial.country,
            purpose: dial.purpose,
            lists: dial.lists,
            attempts: dial.attempts.into_iter().map(attempt).collect(),
        }),
        Host::Answer(host::Incoming { caller, called, verified, language, records }) => {
            wit::Effect::Answer(wit::Answer { caller, called, verified, language, records })
        }
        Host::Record(record) => wit::Effect::Record(wit::Record {
            move_: match record.step {
                host::RecordStep::Begin => wit::RecordMove::Begin,
                host::RecordStep::Pause => wit::RecordMove::Pause,
                host::RecordStep::Resume => wit::RecordMove::Resume,
                host::RecordStep::End => wit::RecordMove::End,
            },
            consent: match record.consent {
                host::Consent::NotAsked => wit::Consent::NotAsked,
                host::Consent::Given => wit::Consent::Given,
                host::Consent::Refused => wit::Consent::Refused,
                host::Consent::Withdrawn => wit::Consent::Withdrawn,
            },
            announced: record.announced,
            reason: record.reason,
        }),
        Host::Unmask(host::Unmask { kind, customer, role, in_hand, reason, seen_today }) => {
            wit::Effect::Unmask(wit::Unmask { kind, customer, role, in_hand, reason, seen_today })
        }
        Host::Export(host::Export { kind, role, rows, personal, masked, target, reason }) => {
            wit::Effect::Export(wit::Export { kind, role, rows, personal, masked, target, reason })
        }
        Host::Message(message) => wit::Effect::Message(wit::Message {
            channel: message.channel,
            to: message.to,
            text: message.text,
            template: message.template,
            last_heard_ms: message.last_heard.map(Timestamp::as_millis),
            lists: message.lists,
            sent_today: message.sent_today,
        }),
        Host::Other(open) => wit::Effect::Other(common::Open { name: open.name, json: open.json }),
    }
}

fn attempt(attempt: host::Attempt) -> wit::Attempt {
    wit::Attempt { at_ms: attempt.at.as_millis(), outcome: attempt.outcome }
}

pub(crate) fn segment(segment: host::Segment) -> wit::Segment {
    wit::Segment {
        seq: segment.seq,
        speaker: match segment.speaker {
            host::Speaker::Caller => wit::Speaker::Caller,
            host::Speaker::Agent => wit::Speaker::Agent,
            host::Speaker::Other => wit::Speaker::Other,
        },
        from_ms: segment.from_ms,
        to_ms: segment.to_ms,
        text: segment.text,
        confidence: segment.confidence_permille,
        language: segment.language,
    }
}

pub(crate) fn transcript(transcript: host::Transcript) -> wit::Transcript {
    wit::Transcript {
        interaction: transcript.interaction.to_string(),
        at_ms: transcript.at.as_millis(),
        language: transcript.language,
        segments: transcript.segments.into_iter().map(segment).collect(),
        tags: words::settings(&transcript.tags),
        extra: Vec::new(),
    }
}
