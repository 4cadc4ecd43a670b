//! Calls that the ACD did not give out: the agent's own, and those that an attended transfer joins.

use std::time::Duration;

use plugboard_model::{AgentId, EventKind, InteractionId, ReleaseReason, Timestamp};

use crate::{
    Acd, Output,
    agent::{State, Task},
    table::AgentKey,
};

/// Calls that one phone holds beside the one that it talks on. More are not followed: a phone has not so many lines.
const MOST_OWN_CALLS: usize = 16;

impl Acd {
    /// The agent's phone placed a call. An offer that was under way goes back to its queue and after-call work ends; whoever is on a call already
    /// stays with that one, and comes to this one when it ends first.
    pub(crate) fn handle_dialled(&mut self, now: Timestamp, interaction: InteractionId, id: &AgentId) {
        let Some(key) = self.agents.key(id) else { return };
        let agent = &mut self.agents[key];
        if let Some(task) = agent.state.call() {
            let is_known = task.interaction == interaction || agent.own_calls.contains(&interaction);
            if !is_known && agent.own_calls.len() < MOST_OWN_CALLS {
                agent.own_calls.push(interaction);
            }
            return;
        }
        if let State::WrapUp { task, .. } = &agent.state {
            let (interaction, agent) = (task.interaction, agent.id.clone());
            self.outputs.push_back(Output::Fact(EventKind::WrapUpEnded { interaction, agent, by_timer: false }));
        }
        if let Some(offered) = self.agents[key].state.offer().map(|task| task.interaction) {
            self.release(now, key, ReleaseReason::Rejected, false);
            self.put_back(now, offered, Some(key));
        }
        let task = self.own_task(now, interaction);
        self.change(now, key, State::Talking(task));
    }

    fn own_task(&self, now: Timestamp, interaction: InteractionId) -> Task {
        Task {
            interaction,
            queue: None,
            ring_timeout: Duration::ZERO,
            wrap_up: Duration::ZERO,
            missed_limit: 1,
            until: now + self.longest_call,
        }
    }

    /// What holds the agent when the call before is over.
    pub(crate) fn next_own_call(&mut self, now: Timestamp, key: AgentKey) -> Option<State> {
        let own = &mut self.agents[key].own_calls;
        let interaction = (!own.is_empty()).then(|| own.remove(0))?;
        Some(State::Talking(self.own_task(now, interaction)))
    }

    /// The agent's call goes on under another interaction.
    pub(crate) fn handle_moved(&mut self, now: Timestamp, id: &AgentId, from: InteractionId, to: InteractionId) {
        let Some(key) = self.agents.key(id) else { return };
        let agent = &mut self.agents[key];
        match agent.state.call() {
            Some(task) if task.interaction == from => {
                let task = Task { interaction: to, ..task.clone() };
                agent.own_calls.retain(|own| *own != to);
                self.change(now, key, State::Talking(task));
            }
            Some(task) if task.interaction == to => agent.own_calls.retain(|own| *own != from),
            _ => agent.own_calls.iter_mut().filter(|own| **own == from).for_each(|own| *own = to),
        }
    }
}
