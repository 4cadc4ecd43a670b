//! What a tenant's events add up to: call detail records at once, and figures of queues and agents by the quarter of an hour every few seconds.

use plugboard_model::{Configuration, Event, InteractionId, Timestamp};
use plugboard_reporting::{
    AgentFold, AgentInterval, Bounds, Cdr, InteractionFold, QueueFold, QueueInterval, Thresholds,
};

/// The folds of one tenant.
pub(crate) struct Books {
    interactions: InteractionFold,
    queues: QueueFold,
    agents: AgentFold,
}

impl Books {
    /// Books that begin with the tenant.
    pub(crate) fn new() -> Self {
        Self {
            interactions: InteractionFold::new(Bounds::default()),
            queues: QueueFold::new(),
            agents: AgentFold::new(),
        }
    }

    /// Books that are written again from an event in the middle of the log: figures from `at` on are made anew, older ones stay as they are.
    pub(crate) fn from_the_middle(at: Timestamp) -> Self {
        let mut books = Self::new();
        let next = plugboard_reporting::interval_of(at).as_millis() + plugboard_reporting::INTERVAL_MS;
        books.queues.know_from(Timestamp::from_millis(next));
        books.agents.know_from(Timestamp::from_millis(next));
        books
    }

    /// Takes the queues' thresholds from the configuration.
    pub(crate) fn configure(&mut self, configuration: &Configuration) {
        for (id, queue) in &configuration.queues {
            let thresholds = Thresholds { service_level: queue.service_level, ..Thresholds::default() };
            self.queues.set_thresholds(id.clone(), thresholds);
        }
    }

    pub(crate) fn enter(&mut self, event: &Event) {
        self.interactions.handle_event(event);
        self.queues.handle_event(event);
        self.agents.handle_event(event);
    }

    /// A record that became known or changed.
    pub(crate) fn next_cdr(&mut self) -> Option<Cdr> {
        self.interactions.poll_output()
    }

    /// Agents who are in one state for long are counted up to the last whole quarter of an hour.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        self.agents.settle(now);
    }

    pub(crate) fn next_queue_interval(&mut self) -> Option<QueueInterval> {
        self.queues.poll_output()
    }

    pub(crate) fn next_agent_interval(&mut self) -> Option<AgentInterval> {
        self.agents.poll_output()
    }

    /// Whether the record of this interaction is still being written.
    pub(crate) fn knows(&self, interaction: InteractionId) -> bool {
        self.interactions.knows(interaction)
    }

    /// Interactions that have begun and not ended, in order.
    pub(crate) fn live(&self) -> impl ExactSizeIterator<Item = InteractionId> {
        self.interactions.live()
    }
}
