//! Deadlines, in order. Whoever sets one removes it when its reason is gone, so that none fires for nothing.

use std::collections::BTreeSet;

use plugboard_model::{InteractionId, Timestamp};

use crate::{
    QuestionId,
    table::{AgentKey, QueueKey},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The agent's state ends: lease, ring time-out, longest call, wrap-up, retry of the phone.
    Agent(AgentKey),
    MaxWait(InteractionId),
    Overflow(InteractionId),
    /// The agent may be offered the interaction again.
    BackOff(InteractionId, AgentKey),
    Question(QuestionId),
    /// A figure of the queue may pass its limit.
    Watch(QueueKey),
    /// A policy left the agent idle: ask again.
    AskForAgent(AgentKey),
    /// A policy left the interaction waiting: ask again.
    AskForWaiting(InteractionId),
    /// The interaction has waited long: ask the policy what it may go without.
    Relax(InteractionId),
}

#[derive(Default)]
pub(crate) struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    pub(crate) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(crate) fn cancel(&mut self, at: Option<Timestamp>, timer: Timer) {
        if let Some(at) = at {
            self.0.remove(&(at, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }

    pub(crate) fn holds(&self, at: Timestamp, timer: Timer) -> bool {
        self.0.contains(&(at, timer))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
