//! The words that every ring shares: ids, time, skills, agent states, what plugins are asked, configuration and events.
//!
//! This crate decides nothing. It depends on no other crate of ours and on no clock: a [`Timestamp`] is always given.

pub mod flow;
mod id;
pub mod routing;
mod time;

pub use id::{
    AgentId, Extension, FlowId, IdError, InteractionId, LegId, Number, QueueId, RecordingId, SkillId, TenantId,
};
pub use time::Timestamp;
