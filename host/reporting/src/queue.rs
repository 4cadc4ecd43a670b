//! What happened in each queue, counted raw by the 15 minutes in which interactions entered it. Figures are made of counters later
//! ([`crate::metric`]), so that a tenant may choose a formula and change it for the past.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
    time::Duration,
};

use plugboard_model::{AgentId, EndedBy, Event, EventKind, InteractionId, QueueExit, QueueId, Timestamp, millis};
use serde::{Deserialize, Serialize};

use crate::{
    interval::{interval_of, oldest_remembered},
    rfc3339,
};

/// Raw counters. `offered` = `answered` + `abandoned` + `flowed_out` + `interrupted` + those that still wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Entered the queue.
    pub offered: u64,
    /// Connected to an agent.
    pub answered: u64,
    /// … within the threshold T.
    pub answered_within: u64,
    /// The caller hung up before an agent answered.
    pub abandoned: u64,
    /// … within the threshold T.
    pub abandoned_within: u64,
    /// … within the short threshold; also counted in `abandoned`.
    pub short_abandoned: u64,
    /// Left by the flow, a limit, a key or a transfer.
    pub flowed_out: u64,
    /// The host stopped while they waited.
    pub interrupted: u64,
    /// Turned away at the door (`full`, `no-agents`) and never offered.
    pub turned_away: u64,
    pub wait_answered_ms: u64,
    pub wait_abandoned_ms: u64,
    /// Of any interaction that left, however.
    pub max_wait_ms: u64,
    pub talk_ms: u64,
    pub hold_ms: u64,
    /// After-call work.
    pub wrap_up_ms: u64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.offered += other.offered;
        self.answered += other.answered;
        self.answered_within += other.answered_within;
        self.abandoned += other.abandoned;
        self.abandoned_within += other.abandoned_within;
        self.short_abandoned += other.short_abandoned;
        self.flowed_out += other.flowed_out;
        self.interrupted += other.interrupted;
        self.turned_away += other.turned_away;
        self.wait_answered_ms += other.wait_answered_ms;
        self.wait_abandoned_ms += other.wait_abandoned_ms;
        self.max_wait_ms = self.max_wait_ms.max(other.max_wait_ms);
        self.talk_ms += other.talk_ms;
        self.hold_ms += other.hold_ms;
        self.wrap_up_ms += other.wrap_up_ms;
    }
}

/// One queue in one interval. A late fact opens it again: the one with the highest `as_of` counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueInterval {
    pub queue: QueueId,
    /// Beginning of the 15 minutes in which these interactions were queued.
    #[serde(with = "rfc3339")]
    pub start: Timestamp,
    /// `seq` of the last event that was counted when this was given out.
    pub as_of: u64,
    #[serde(flatten)]
    pub counters: Counters,
}

/// A queue now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LiveQueue {
    pub waiting: u64,
    pub longest_wait_ms: u64,
    /// Of the interactions queued since the point asked for.
    #[serde(flatten)]
    pub counters: Counters,
}

/// What counts as within, for one queue. It holds for interactions that leave the queue from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// T of the service level: [`plugboard_model::Queue::service_level`]. Default 20 s.
    pub service_level: Duration,
    /// An abandon within this is short. Default 5 s.
    pub short_abandon: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { service_level: Duration::from_secs(20), short_abandon: Duration::from_secs(5) }
    }
}

/// Counts queues. Remembers 26 hours of intervals, who waits and who talks.
#[derive(Debug, Default)]
pub struct QueueFold {
    thresholds: BTreeMap<QueueId, Thresholds>,
    intervals: BTreeMap<(Timestamp, QueueId), Counters>,
    changed: BTreeSet<(Timestamp, QueueId)>,
    /// Last visit of each live interaction to each queue.
    visits: BTreeMap<(InteractionId, QueueId), Visit>,
    /// An agent handles one interaction at a time.
    handling: BTreeMap<AgentId, Handling>,
    known_from: Timestamp,
    as_of: u64,
}

#[derive(Clone, Copy, Debug)]
struct Visit {
    entered: Timestamp,
    waits: bool,
}

#[derive(Clone, Debug)]
struct Handling {
    interaction: InteractionId,
    cell: (Timestamp, QueueId),
    since: Timestamp,
    doing: Doing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Talk,
    Hold,
    WrapUp,
    Nothing,
}

impl QueueFold {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a queue's thresholds from its configuration.
    pub fn set_thresholds(&mut self, queue: QueueId, thresholds: Thresholds) {
        self.thresholds.insert(queue, thresholds);
    }

    /// Where the log is read from the middle on: what was queued before `at` was counted by somebody else and is left alone.
    pub fn know_from(&mut self, at: Timestamp) {
        self.known_from = at;
    }

    /// Takes the next event of the tenant's log.
    pub fn handle_event(&mut self, event: &Event) {
        let at = event.at;
        self.as_of = event.seq;
        match &event.kind {
            EventKind::Queued { interaction, queue, .. } => {
                self.forget(at);
                self.visits.insert((*interaction, queue.clone()), Visit { entered: at, waits: true });
                self.count((interval_of(at), queue.clone()), |counters| counters.offered += 1);
            }
            EventKind::LeftQueue { interaction, queue, exit } => self.leave(*interaction, queue, *exit, at),
            EventKind::Connected { interaction, agent, queue: Some(queue), .. } => {
                let entered = self.visits.get(&(*interaction, queue.clone())).map_or(at, |visit| visit.entered);
                let cell = (interval_of(entered), queue.clone());
                let handling = Handling { interaction: *interaction, cell, since: at, doing: Doing::Talk };
                self.handling.insert(agent.clone(), handling);
            }
            EventKind::Held { interaction, agent } => self.turn(*interaction, agent, at, Doing::Hold),
            EventKind::Resumed { interaction, agent } => self.turn(*interaction, agent, at, Doing::Talk),
            EventKind::Disconnected { interaction, agent, .. } => self.turn(*interaction, agent, at, Doing::Nothing),
            EventKind::WrapUpStarted { interaction, agent, .. } => self.turn(*interaction, agent, at, Doing::WrapUp),
            EventKind::WrapUpEnded { interaction, agent, .. } => {
                self.turn(*interaction, agent, at, Doing::Nothing);
                self.handling.remove(agent);
            }
            EventKind::InteractionClosed { interaction, by, .. } => self.close(*interaction, *by, at),
            EventKind::Restarted { .. } => self.restart(),
            _ => {}
        }
    }

    /// Intervals that changed since they were last given out. Poll every few seconds, not after each event.
    pub fn poll_output(&mut self) -> Option<QueueInterval> {
        let key = self.changed.pop_first()?;
        let counters = *self.intervals.get(&key)?;
        let (start, queue) = key;
        Some(QueueInterval { queue, start, as_of: self.as_of, counters })
    }

    /// A queue now, and what it counted since `since` (at most 26 hours ago; [`crate::midnight`] gives the local day).
    pub fn live(&self, queue: &QueueId, since: Timestamp, now: Timestamp) -> LiveQueue {
        let mut live = LiveQueue::default();
        for ((start, of), counters) in self.intervals.range((interval_of(since), queue.clone())..) {
            if of == queue && *start >= interval_of(since) {
                live.counters += *counters;
            }
        }
        for ((_, of), visit) in &self.visits {
            if of == queue && visit.waits {
                live.waiting += 1;
                live.longest_wait_ms = live.longest_wait_ms.max(millis(now.since(visit.entered)));
            }
        }
        live
    }

    fn leave(&mut self, interaction: InteractionId, queue: &QueueId, exit: QueueExit, at: Timestamp) {
        let visit = self.visits.get_mut(&(interaction, queue.clone())).filter(|visit| visit.waits);
        let Some(visit) = visit else {
            if matches!(exit, QueueExit::Full | QueueExit::NoAgents) {
                self.count((interval_of(at), queue.clone()), |counters| counters.turned_away += 1);
            }
            return;
        };
        visit.waits = false;
        let (entered, waited) = (visit.entered, at.since(visit.entered));
        let thresholds = self.thresholds.get(queue).copied().unwrap_or_default();
        self.count((interval_of(entered), queue.clone()), |counters| {
            counters.max_wait_ms = counters.max_wait_ms.max(millis(waited));
            match exit {
                QueueExit::Connected => {
                    counters.answered += 1;
                    counters.answered_within += u64::from(waited <= thresholds.service_level);
                    counters.wait_answered_ms += millis(waited);
                }
                QueueExit::Abandoned => {
                    counters.abandoned += 1;
                    counters.abandoned_within += u64::from(waited <= thresholds.service_level);
                    counters.short_abandoned += u64::from(waited <= thresholds.short_abandon);
                    counters.wait_abandoned_ms += millis(waited);
                }
                QueueExit::TimedOut
                | QueueExit::ExitKey
                | QueueExit::Full
                | QueueExit::NoAgents
                | QueueExit::Moved
                | QueueExit::Closed => counters.flowed_out += 1,
            }
        });
    }

    fn turn(&mut self, interaction: InteractionId, agent: &AgentId, at: Timestamp, to: Doing) {
        let Some(handling) = self.handling.get_mut(agent).filter(|one| one.interaction == interaction) else { return };
        let spent = millis(at.since(handling.since));
        let (cell, was) = (handling.cell.clone(), handling.doing);
        (handling.since, handling.doing) = (at, to);
        self.count(cell, |counters| match was {
            Doing::Talk => counters.talk_ms += spent,
            Doing::Hold => counters.hold_ms += spent,
            Doing::WrapUp => counters.wrap_up_ms += spent,
            Doing::Nothing => {}
        });
    }

    /// Whoever still waits was told of no exit: the caller's hang-up is an abandon, anything else a way out.
    fn close(&mut self, interaction: InteractionId, by: EndedBy, at: Timestamp) {
        let exit = if by == EndedBy::Caller { QueueExit::Abandoned } else { QueueExit::Moved };
        for queue in self.queues_of(interaction) {
            self.leave(interaction, &queue, exit, at);
            self.visits.remove(&(interaction, queue));
        }
    }

    fn queues_of(&self, interaction: InteractionId) -> Vec<QueueId> {
        let from = self.visits.range((interaction, first_queue())..);
        from.take_while(|((of, _), _)| *of == interaction).map(|((_, queue), _)| queue.clone()).collect()
    }

    fn restart(&mut self) {
        for ((_, queue), visit) in std::mem::take(&mut self.visits) {
            if visit.waits {
                self.count((interval_of(visit.entered), queue), |counters| counters.interrupted += 1);
            }
        }
        self.handling.clear();
    }

    fn count(&mut self, cell: (Timestamp, QueueId), change: impl FnOnce(&mut Counters)) {
        if cell.0 < self.known_from {
            return;
        }
        change(self.intervals.entry(cell.clone()).or_default());
        self.changed.insert(cell);
    }

    fn forget(&mut self, now: Timestamp) {
        let oldest = oldest_remembered(now);
        while let Some(entry) = self.intervals.first_entry()
            && entry.key().0 < oldest
            && !self.changed.contains(entry.key())
        {
            entry.remove();
        }
    }
}

/// Sorts before every queue.
fn first_queue() -> QueueId {
    "+".parse().expect("'+' is a name, and the first of the characters that names may have")
}
