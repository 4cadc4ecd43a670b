//! The first question of a call, to any flow.
#![allow(dead_code, reason = "each test uses its own part")]

use std::{sync::Arc, time::Duration};

use plugboard_model::{
    InteractionId, Timestamp,
    flow::{Channel, Direction, Event, Happening, Setting, Start},
};
use plugboard_plugin::{Ask, FlowPlugin, Question, Settings};

/// By `acme`, with no settings, and a second's time.
pub(crate) fn begins(flow: &FlowPlugin) -> Question {
    begins_with(flow, Vec::new(), "")
}

/// The setting by which a hostile flow is told how to go wrong.
pub(crate) fn how(word: &str) -> Vec<Setting> {
    vec![Setting { name: "how".into(), value: word.into() }]
}

pub(crate) fn begins_with(flow: &FlowPlugin, settings: Vec<Setting>, state: &str) -> Question {
    let start = Start {
        interaction: InteractionId(1),
        channel: Channel::Voice,
        direction: Direction::Inbound,
        caller: String::new(),
        called: "8001".into(),
        verified: false,
        language: "en".into(),
    };
    let (at, what) = (Timestamp::from_secs(1_795_428_000), Happening::Started(start));
    let event = Box::new(Event { seq: 0, at, utc_offset_min: 0, answers: None, more: false, what });
    let settings = Arc::new(Settings::new(settings));
    let ask = Ask::FlowStep { flow: flow.clone(), settings, state: state.into(), event };
    Question { id: 1, tenant: "acme".parse().expect("a name"), budget: Duration::from_secs(1), ask }
}
