//! The host's words into a flow's.

use plugboard_model::flow as host;

use crate::bindings::{common, flow_types as t};

pub(crate) fn event(event: host::Event) -> t::Event {
    t::Event {
        seq: event.seq,
        at_ms: event.at.as_millis(),
        utc_offset_min: event.utc_offset_min,
        answers: event.answers,
        more: event.more,
        what: happening(event.what),
        extra: Vec::new(),
    }
}

fn happening(what: host::Happening) -> t::Happening {
    use host::Happening as Host;
    use t::Happening;
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
        Host::Other(host::Open { name, json }) => Happening::Other(common::Open { name, json }),
    }
}

fn start(start: host::Start) -> t::Start {
    use t::{Channel, Direction};
    t::Start {
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

fn queue_news(news: host::QueueNews) -> t::QueueNews {
    use t::{GiveUp, Place, QueueNews};
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
