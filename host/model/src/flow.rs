//! What a flow hears and what it may ask for: the host's side of the WIT interfaces `flow-types` and `flow`, item by item.
//!
//! A flow is a function of its arguments: `step(state, event) -> (state, actions, trail)`. It has no clock, no chance and no network; time
//! and ids arrive in the event. The contract with units, order, deadline, failure and trust of each item is written once, in
//! `wit/flow.wit`; here stand only the host's own rules. Names and numbers are parsed at the door: what a plugin asked for in words
//! that are no names never becomes one of these values.

mod asked;
mod checked;
mod heard;

pub use asked::{
    Action, Announce, Effect, Enqueue, Gather, Invoke, Listen, Mailbox, Outgoing, Prompt, Record, Setting, SkillNeed,
    Source, Stepped, Target, Transfer, Visit,
};
pub use checked::{Failure, FailureCode, Problem, Reference, ReferenceKind, Severity};
pub use heard::{
    Answer, Cause, Channel, Digits, Direction, End, Event, GatherEnd, GaveUp, Happening, Message, Open, Place,
    QueueNews, Recording, Refusal, RefusalCode, Speech, Start, TransferEnd,
};

/// Most actions in one step.
pub const MAX_ACTIONS: usize = 64;
/// Most bytes of state that a step may return.
pub const MAX_STATE: usize = 256 * 1024;
/// Most visits in one step's trail. A flow gives up with [`FailureCode::Runaway`] before.
pub const MAX_TRAIL: usize = 256;

/// The interaction's own name for one of its actions: chosen by the flow, rising, never used twice.
pub type Token = u32;
