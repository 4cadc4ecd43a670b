//! The words that every ring shares: ids, time, skills, agent states, what plugins are asked, configuration and events.
//!
//! This crate decides nothing. It depends on no other crate of ours and on no clock: a [`Timestamp`] is always given.

mod agent;
pub mod assistant;
pub mod channel;
pub mod compliance;
mod configuration;
pub mod connector;
mod country;
pub mod dialer;
mod dialling;
mod encryption;
mod event;
pub mod flow;
mod id;
mod mask;
mod policy;
mod rfc3339;
pub mod routing;
pub mod tape;
mod time;
pub mod trunk;

pub use agent::{AgentRequest, AgentState};
pub use configuration::{
    Agent, Brought, Configuration, ExceptionFlow, FlowDocument, Limits, NumberTarget, Prompt, Queue, SkillNeed,
    Strategy, TimeZone,
};
pub use country::country_of;
pub use dialling::{Dialling, MOST_LISTED, MOST_LISTS, NumberList};
pub use encryption::{Encryption, Srtp};
pub use event::{
    Choice, EndedBy, Event, EventKind, Quality, QueueExit, ReleaseReason, Role, ServiceMeasure, TransferKind, millis,
};
pub use id::{
    AgentId, Extension, FlowId, IdError, InteractionId, LegId, Number, QueueId, RecordingId, SkillId, TenantId,
};
pub use mask::masked_numbers;
pub use policy::Policy;
pub use time::Timestamp;
pub use trunk::{AddressBlock, AddressBlockError, Trunk};
