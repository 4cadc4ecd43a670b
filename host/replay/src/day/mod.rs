//! A day lived again: the calls that came and the agents who were there, served by the ACD in virtual time, under the policy of that day or another.
//!
//! What was recorded stays: when each call came to its queue, what it needed, when agents came, paused and left. What another order of things would have
//! changed is drawn by chance from what was recorded:
//!
//! - How long an agent rings, talks and wraps up: one of the agent's own times of that day in that queue if there are at least [`LEAST_OWN`], else one of
//!   anybody's in that queue, else one of any.
//! - How long a caller is patient: one who gave up would give up after the same wait. One who was served, or left otherwise, had waited so long and would
//!   wait longer by an exponential time. Its mean is the queue's: all that was waited there by those who gave up once, which is the maximum likelihood
//!   for times that are censored; a queue where nobody gave up takes the mean of all.
//!
//! A call's chances are the same whoever serves it, so that two policies meet the same day. Not followed: misses and rejections (every agent answers), what
//! a flow does with a call that leaves a queue unserved (each coming to a queue is a call of its own), transfers, and tags set while a call waits.

mod live;
mod patience;
mod read;
mod report;
mod sample;

use std::{sync::Arc, time::Duration};

use plugboard_model::{AgentId, QueueId, SkillNeed, Timestamp};

pub use live::{AFTER_HOURS, live};
pub use patience::Patience;
pub use read::{DayReader, SETTLES_WITHIN};
pub use report::{DayReport, Figures, QueueRow, Run, Spread};
pub use sample::{Handling, LEAST_OWN, Samples};

/// What of a day is lived again.
#[derive(Clone, Debug, Default)]
pub struct Day {
    pub from: Timestamp,
    pub to: Timestamp,
    /// In the order in which they came.
    pub calls: Vec<Call>,
    pub shifts: Vec<Shift>,
    pub handling: Handling,
    pub patience: Patience,
}

/// A call that comes to a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub at: Timestamp,
    pub queue: QueueId,
    /// Beside the queue's own.
    pub priority: i32,
    pub skills: Vec<SkillNeed>,
    /// Those that it had by then.
    pub tags: Vec<(Arc<str>, Arc<str>)>,
    pub end: Wait,
}

/// How long the caller waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// And hung up.
    GaveUp(Duration),
    /// And was served, or left otherwise: they would have waited longer.
    Longer(Duration),
}

/// What an agent does by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    pub at: Timestamp,
    pub agent: AgentId,
    pub to: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Takes calls.
    Here,
    /// Logged in and taking nothing.
    Paused,
    /// Logged out, or the phone is gone.
    Gone,
}
