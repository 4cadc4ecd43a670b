//! The host's words into the contract's.

use plugboard_model::{flow as host, routing as numbers};

use crate::bindings::{flow as wit, routing};

pub(crate) fn settings(settings: &[host::Setting]) -> Vec<wit::common::Setting> {
    let setting =
        |setting: &host::Setting| wit::common::Setting { name: setting.name.clone(), value: setting.value.clone() };
    settings.iter().map(setting).collect()
}

pub(crate) fn event(event: host::Event) -> wit::flow_types::Event {
    wit::flow_types::Event {
        seq: event.seq,
        at_ms: event.at.as_millis(),
        utc_offset_min: event.utc_offset_min,
        answers: event.answers,
        more: event.more,
        what: happening(event.what),
        extra: Vec::new(),
    }
}

fn happening(what: host::Happening) -> wit::flow_types::Happening {
    use host::Happening as Host;
    use wit::flow_types::{self as t, Happening};
    match what {
        Host::Started(start) => Happening::Started(self::start(start)),
        Host::Played { to_the_end } => Happening::Played(to_the_end),
        Host::Gathered(host::Digits { digits, ended }) => Happening::Gathered(t::Digits {
            digits,
            ended: match ended {
                host::GatherEnd::Complete => t::GatherEnd::Complete,
                host::GatherEnd::Terminator => t::GatherEnd::Terminator,
                host::GatherEnd::Timeout => t::GatherEnd::Timeout,
            },
        }),
        Host::Heard(host::Speech { text, confidence_permille, language, intent }) => {
            Happening::Heard(t::Speech { text, confidence: confidence_permille, language, intent })
        }
        Host::Queue(news) => Happening::Queue(queue_news(news)),
        Host::LookedUp(host::Answer { json }) => Happening::LookedUp(t::Answer { json }),
        Host::Recorded(host::Recording { id, length_ms }) => {
            Happening::Recorded(t::Recording { id: id.to_string(), length_ms })
        }
        Host::Transferred(end) => Happening::Transferred(match end {
            host::TransferEnd::Connected => t::TransferEnd::Connected,
            host::TransferEnd::Busy => t::TransferEnd::Busy,
            host::TransferEnd::NoAnswer => t::TransferEnd::NoAnswer,
            host::TransferEnd::Offline => t::TransferEnd::Offline,
            host::TransferEnd::Failed { cause } => t::TransferEnd::Failed(cause.as_q850().into()),
        }),
        Host::Message(host::Message { id, text, attachments }) => {
            Happening::Message(t::Message { id, text, attachments })
        }
        Host::Timer => Happening::Timer,
        Host::Refused(host::Refusal { code, message, retryable }) => {
            Happening::Refused(t::Refusal { code: code.as_str().into(), message, retryable })
        }
        Host::HungUp(host::End { cause, by_caller }) => {
            Happening::HungUp(t::End { cause: cause.as_q850().into(), by_caller })
        }
        Host::Other(host::Open { name, json }) => Happening::Other(wit::common::Open { name, json }),
    }
}

fn start(start: host::Start) -> wit::flow_types::Start {
    use wit::flow_types::{Channel, Direction};
    wit::flow_types::Start {
        interaction: start.interaction.to_string(),
        channel: match start.channel {
            host::Channel::Voice => Channel::Voice,
            host::Channel::Chat => Channel::Chat,
            host::Channel::Message => Channel::Message,
            host::Channel::Email => Channel::Email,
            host::Channel::Other(name) => Channel::Other(name),
        },
        direction: match start.direction {
            host::Direction::Inbound => Direction::Inbound,
            host::Direction::Outbound => Direction::Outbound,
            host::Direction::Internal => Direction::Internal,
        },
        caller: start.caller,
        called: start.called,
        verified: start.verified,
        language: start.language,
    }
}

fn queue_news(news: host::QueueNews) -> wit::flow_types::QueueNews {
    use wit::flow_types::{GiveUp, Place, QueueNews};
    match news {
        host::QueueNews::Waiting(host::Place { position, wait_ms }) => QueueNews::Waiting(Place { position, wait_ms }),
        host::QueueNews::Connected { agent } => QueueNews::Connected(agent.to_string()),
        host::QueueNews::GaveUp(why) => QueueNews::GaveUp(match why {
            host::GaveUp::Timeout => GiveUp::Timeout,
            host::GaveUp::Closed => GiveUp::Closed,
            host::GaveUp::Full => GiveUp::Full,
            host::GaveUp::NoAgents => GiveUp::NoAgents,
            host::GaveUp::ExitKey(key) => GiveUp::ExitKey(key),
        }),
    }
}

pub(crate) fn tables(tables: &numbers::Tables) -> routing::routing::Tables {
    let setting =
        |setting: &host::Setting| routing::common::Setting { name: setting.name.clone(), value: setting.value.clone() };
    routing::routing::Tables {
        skills: tables.skills.clone(),
        attributes: tables.attributes.clone(),
        queues: tables.queues.clone(),
        settings: tables.settings.iter().map(setting).collect(),
        extra: Vec::new(),
    }
}

pub(crate) fn waiting(waiting: &numbers::Waiting) -> routing::routing::Waiting {
    let numbers::Waiting { number, queue, priority, channel, waited_ms, value } = *waiting;
    routing::routing::Waiting { number, queue, priority, channel, waited_ms, value }
}

pub(crate) fn needs(needs: &[numbers::Need]) -> Vec<routing::routing::Need> {
    needs.iter().map(|need| routing::routing::Need { skill: need.skill, level: need.level }).collect()
}

pub(crate) fn candidate(candidate: &numbers::Candidate) -> routing::routing::Candidate {
    let numbers::Candidate { number, levels, idle_ms, taken_today, load_permille } = *candidate;
    routing::routing::Candidate { number, levels: levels.0, idle_ms, taken_today, load: load_permille }
}

pub(crate) fn columns(columns: &[numbers::Column]) -> Vec<routing::routing::Column> {
    let column = |column: &numbers::Column| routing::routing::Column {
        attribute: column.attribute,
        values: column.values.clone(),
    };
    columns.iter().map(column).collect()
}
