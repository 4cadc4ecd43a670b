//! The shapes of values that other crates define, as OpenAPI tells them. A test holds each against what those crates really write.
#![allow(dead_code, reason = "read by the derive macro only; nobody makes one of these")]

mod configuration;
mod figures;
mod host;
mod live;
mod records;
#[cfg(test)]
mod tests;

pub(crate) use configuration::{
    Applied, Channel, Connector, Dialling, Encryption, ExceptionFlow, FlowDocument, Limits, NumberTarget, Queue, Rule,
    TimeZone,
};
pub(crate) use figures::{AgentFigures, QueueFigures};
pub(crate) use host::{Health, HostView, Problem, TenantPage};
pub(crate) use live::{AgentRequest, Call, CallPage, LiveAgent, Snapshot, Utterance};
pub(crate) use records::{Cdr, CdrPage, EventPage, RecordingPage, TapePage, TapeTables};
