//! Who takes what: queues, agents, skills and reservations of one tenant, as one sans-IO state machine.
//!
//! Give [`Acd::handle_input`] what happened, drain [`Acd::poll_output`], and call [`Acd::handle_timeout`] at [`Acd::poll_timeout`].
//! The same inputs at the same times give the same outputs.
//!
//! ```text
//! logged_out → not_ready(reason) ↔ ready → reserved(lease) → ringing(time-out) → talking ↔ held / consulting
//!                    ↑               ↑                                                   ↓
//!                    └───────────────┴──────────────────────────────────────────── wrap_up(timer)
//! ```
//! Nothing gets stuck: each state that waits for somebody else carries a deadline, and what ends it is written down. A reserved agent
//! whom nobody rings is released, a ring without an answer is a miss and the interaction keeps its place, a lost phone is `unreachable`.
//!
//! Who waits: by priority (the queue's and the interaction's own, added), then by age. An agent who serves several queues takes the best
//! over all of them. Who takes: by the queue's strategy among ready agents with every needed level; agents of the queue itself come
//! before those of the queue that it overflows to.

mod message;
mod rank;
mod view;

use std::time::Duration;

use plugboard_model::{Configuration, SkillId, Timestamp};

pub use message::{Input, Output, RefuseReason};
pub use rank::{AgentNumbers, QuestionId, RankQuestion, RankSubject, WaitingNumbers};
pub use view::{AgentView, QueueView};

/// A reservation without [`Input::Ringing`] is taken back after this long.
pub const LEASE: Duration = Duration::from_secs(5);
/// How long a named agent rings for an interaction of no queue.
pub const DIRECT_RING_TIMEOUT: Duration = Duration::from_secs(20);
/// A routing policy has this long. A little more than the 5 ms that the component gets, since the answer travels too.
pub const RANK_DEADLINE: Duration = Duration::from_millis(10);
/// A policy that left somebody out is asked again after this long, so that its silence cannot strand a caller.
pub const RANK_AGAIN: Duration = Duration::from_secs(5);
/// Candidates of one question.
pub const MOST_CANDIDATES: usize = 256;
/// An agent whose phone failed is tried again after this long, unless it registers sooner.
pub const DEVICE_RETRY: Duration = Duration::from_secs(30);
/// The only agent for an interaction is offered it again this soon after declining; at once would ring without end.
pub const ALONE_BACK_OFF: Duration = Duration::from_secs(1);
/// This many rejections in a row, and the agent is set not ready (`rejected`): a phone on do-not-disturb would else go through the whole queue.
pub const MOST_REJECTIONS: u32 = 3;
/// No wrap-up is extended past this.
pub const LONGEST_WRAP_UP: Duration = Duration::from_secs(3_600);

/// The queues and agents of one tenant.
pub struct Acd {
    skills: Vec<SkillId>,
}

impl Acd {
    pub fn new(configuration: &Configuration) -> Self {
        let _ = configuration;
        Self { skills: Vec::new() }
    }

    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        let _ = (now, input);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// When to call [`Acd::handle_timeout`]; `None` while only an input can move us.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// The table that [`RankQuestion`]s number skills by: every skill that an agent has, in order. Changes only with [`Input::Configure`].
    pub fn skills(&self) -> &[SkillId] {
        &self.skills
    }
}
