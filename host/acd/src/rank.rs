//! Questions to a routing policy: a native short list of numbers, which the policy puts in order.

use std::sync::Arc;

use plugboard_model::{AgentId, InteractionId, QueueId, Timestamp};

/// Names one question. Rises; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub u64);

/// Whom or what to prefer, asked of the policy that `queue` names.
#[derive(Clone, Debug, PartialEq)]
pub struct RankQuestion {
    pub id: QuestionId,
    /// The component's name, as the queue's configuration has it.
    pub policy: Arc<str>,
    pub queue: QueueId,
    /// When the native order is used instead.
    pub deadline: Timestamp,
    pub subject: RankSubject,
}

/// The short list, best first in native order, at most [`crate::MOST_CANDIDATES`] long. The answer names positions in it.
#[derive(Clone, Debug, PartialEq)]
pub enum RankSubject {
    /// An interaction came in and agents are ready.
    Agents { interaction: WaitingNumbers, candidates: Vec<AgentNumbers> },
    /// An agent came free and interactions wait.
    Waiting { agent: AgentNumbers, candidates: Vec<WaitingNumbers> },
    /// An interaction has waited long and nobody took it: what may it go without?
    Relax { interaction: WaitingNumbers },
}

/// An interaction as a policy sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingNumbers {
    pub interaction: InteractionId,
    /// Since its place in line, in milliseconds.
    pub waited_ms: u64,
    /// The queue's and its own, added.
    pub priority: i32,
    /// Skill, as a position in [`crate::Acd::skills`], and least level. [`NOBODY_HAS`]: skills that are not in it.
    pub needs: Arc<[(u16, u8)]>,
}

/// Stands for every skill that no agent has and no queue needs.
pub const NOBODY_HAS: u16 = u16::MAX;

/// An agent as a policy sees them.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentNumbers {
    pub agent: AgentId,
    /// Since ready, in milliseconds.
    pub idle_ms: u64,
    /// Share of today's logged-in time spent on interactions, 0 to 1000.
    pub occupancy_permille: u16,
    /// Interactions that they answered since the tenant's midnight.
    pub taken_today: u32,
    /// Interactions in hand, per mille of how many the agent may have at once: one call.
    pub load_permille: u16,
    /// Level per position in [`crate::Acd::skills`]; 0: not held.
    pub levels: Arc<[u8]>,
}
