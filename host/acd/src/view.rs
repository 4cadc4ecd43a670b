//! The live view: what a wallboard or an announcement may ask.

use std::time::Duration;

use plugboard_model::{AgentId, AgentRequest, AgentState, InteractionId, QueueId, SkillId, Timestamp};

use crate::{
    Acd,
    agent::{Agent, State},
    skill,
    table::QueueKey,
};

/// One agent, as of the last input or time-out.
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

/// One queue, as of the last input or time-out.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueView {
    pub id: QueueId,
    /// Includes those who are being offered to an agent.
    pub waiting: u32,
    /// Of those, being offered.
    pub offered: u32,
    /// Since when the one who waits longest has waited; `None` when nobody does.
    pub waiting_since: Option<Timestamp>,
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
        let entry = self.entries.get(&interaction)?;
        let queue = &self.queues[entry.queue?];
        Some(if entry.offered.is_some() { 0 } else { queue.line.before(&entry.place) + 1 })
    }

    /// Until an agent answers, from the queue's recent rate of answers; `None` while that is unknown or it does not wait.
    pub fn estimated_wait(&self, interaction: InteractionId) -> Option<Duration> {
        let queue = self.entries.get(&interaction)?.queue?;
        Some(self.queues[queue].answer_interval?.saturating_mul(self.position(interaction)?))
    }

    /// What an agent must have who takes the interaction, by skill and least level; `None` when not in a queue.
    pub fn needs(&self, interaction: InteractionId) -> Option<Vec<(SkillId, u8)>> {
        let entry = self.entries.get(&interaction)?;
        Some(skill::named(entry.needs(&self.queues[entry.queue?].rules)))
    }

    /// The queue that it waits in, being offered included.
    pub fn queue_of(&self, interaction: InteractionId) -> Option<&QueueId> {
        Some(&self.queues[self.entries.get(&interaction)?.queue?].id)
    }

    /// Whether the agent is ready or on an interaction, is asked about this one and has what it needs: now, or as soon as they are free.
    pub fn may_serve(&self, agent: &AgentId, interaction: InteractionId) -> bool {
        let Some(agent) = self.agents.key(agent).map(|key| &self.agents[key]) else { return false };
        let Some(entry) = self.entries.get(&interaction) else { return false };
        let Some(key) = entry.queue else { return false };
        let is_asked = agent.queues.contains(&key)
            || entry.helpers(&self.queues[key]).any(|helper| agent.queues.contains(&helper));
        let is_at_work = agent.state.is_ready() || agent.state.task().is_some();
        is_asked && is_at_work && skill::fits(&agent.levels, self.classes.needs(entry.class))
    }

    pub fn agent(&self, id: &AgentId) -> Option<AgentView> {
        self.agents.key(id).map(|key| self.agent_view(&self.agents[key]))
    }

    pub fn queue(&self, id: &QueueId) -> Option<QueueView> {
        self.queues.key(id).map(|key| self.queue_view(key))
    }

    /// In order of id.
    pub fn agents(&self) -> impl Iterator<Item = AgentView> + '_ {
        self.agents.iter().map(|(_, agent)| self.agent_view(agent))
    }

    /// In order of id.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> + '_ {
        self.queues.keys().map(|key| self.queue_view(key))
    }

    fn agent_view(&self, agent: &Agent) -> AgentView {
        AgentView {
            id: agent.id.clone(),
            state: agent.state.seen(),
            since: agent.since,
            until: agent.state.until(),
            pending: agent.pending.clone(),
            reachable: agent.reachable,
            missed: agent.missed,
            occupancy_permille: agent.load.permille(self.now),
        }
    }

    fn queue_view(&self, key: QueueKey) -> QueueView {
        let queue = &self.queues[key];
        let count = |holds: &dyn Fn(&State) -> bool| {
            let members = queue.members.iter().filter(|agent| holds(&self.agents[**agent].state));
            u32::try_from(members.count()).unwrap_or(u32::MAX)
        };
        // Agents of other queues help out, so these two are counted over all.
        let on_task = |task_of: &dyn Fn(&State) -> Option<QueueKey>| {
            let agents = self.agents.iter().filter(|(_, agent)| task_of(&agent.state) == Some(key));
            u32::try_from(agents.count()).unwrap_or(u32::MAX)
        };
        QueueView {
            id: queue.id.clone(),
            waiting: queue.len(),
            offered: u32::try_from(queue.offered.len()).unwrap_or(u32::MAX),
            waiting_since: queue.watch.oldest(),
            staffed: count(&State::is_logged_in),
            ready: count(&State::is_ready),
            talking: on_task(&|state| state.call().and_then(|task| task.queue)),
            wrap_up: on_task(&|state| match state {
                State::WrapUp { task, .. } => task.queue,
                _ => None,
            }),
            answer_interval: queue.answer_interval,
        }
    }
}
