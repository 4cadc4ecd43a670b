//! Calls that the ACD did not give out: the agent's own, and those that an attended transfer joins.

use std::time::Duration;

use plugboard_model::{AgentId, InteractionId, ReleaseReason, Timestamp};

use crate::{
    Acd,
    agent::{State, Task},
};

impl Acd {
    /// The agent's phone placed a call. An offer that was under way goes back to its queue; whoever is on a call already stays with that one.
    pub(crate) fn handle_dialled(&mut self, now: Timestamp, interaction: InteractionId, id: &AgentId) {
        let Some(key) = self.agents.key(id) else { return };
        if self.agents[key].state.call().is_some() {
            return;
        }
        if let Some(offered) = self.agents[key].state.offer().map(|task| task.interaction) {
            self.release(now, key, ReleaseReason::Rejected, false);
            self.put_back(now, offered, Some(key));
        }
        let task = Task {
            interaction,
            queue: None,
            ring_timeout: Duration::ZERO,
            wrap_up: Duration::ZERO,
            missed_limit: 1,
            until: now + self.longest_call,
        };
        self.change(now, key, State::Talking(task));
    }

    /// The agent's call goes on under another interaction.
    pub(crate) fn handle_moved(&mut self, now: Timestamp, id: &AgentId, from: InteractionId, to: InteractionId) {
        let Some(key) = self.agents.key(id) else { return };
        if let Some(task) = self.agents[key].state.call().filter(|task| task.interaction == from) {
            let task = Task { interaction: to, ..task.clone() };
            self.change(now, key, State::Talking(task));
        }
    }
}
