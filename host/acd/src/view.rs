//! The live view: what a wallboard or an announcement may ask.

use std::time::Duration;

use plugboard_model::{AgentId, AgentRequest, AgentState, InteractionId, QueueId, Timestamp};

use crate::Acd;

/// One agent, now.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentView {
    pub id: AgentId,
    pub state: AgentState,
    /// When this state began.
    pub since: Timestamp,
    /// When this state ends by itself: lease, ring time-out, wrap-up.
    pub until: Option<Timestamp>,
    /// Asked while busy; applied after.
    pub pending: Option<AgentRequest>,
    pub reachable: bool,
    /// Rings without an answer, in a row.
    pub missed: u32,
    /// Share of today's logged-in time spent on interactions, 0 to 1000.
    pub occupancy_permille: u16,
}

/// One queue, now.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueView {
    pub id: QueueId,
    /// Includes those who are being offered to an agent.
    pub waiting: u32,
    /// Of those, being offered.
    pub offered: u32,
    /// Zero when nobody waits.
    pub longest_wait: Duration,
    /// Agents who serve the queue and are logged in.
    pub staffed: u32,
    /// Of those, ready.
    pub ready: u32,
    /// Agents on an interaction of this queue: talking, held or consulting.
    pub talking: u32,
    /// Agents in wrap-up after an interaction of this queue.
    pub wrap_up: u32,
    /// Exponential average of the time between two answers while somebody waits; `None` until the first.
    pub answer_interval: Option<Duration>,
}

impl Acd {
    /// Place in line, from 1. 0 while being offered to an agent; `None` when not in a queue.
    pub fn position(&self, interaction: InteractionId) -> Option<u32> {
        let _ = interaction;
        None
    }

    /// Until an agent answers, from the queue's recent rate of answers; `None` while that is unknown or it does not wait.
    pub fn estimated_wait(&self, interaction: InteractionId) -> Option<Duration> {
        let _ = interaction;
        None
    }

    pub fn agent(&self, id: &AgentId) -> Option<AgentView> {
        let _ = id;
        None
    }

    pub fn queue(&self, id: &QueueId) -> Option<QueueView> {
        let _ = id;
        None
    }

    /// In order of id.
    pub fn agents(&self) -> impl Iterator<Item = AgentView> + '_ {
        std::iter::empty()
    }

    /// In order of id.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> + '_ {
        std::iter::empty()
    }
}
