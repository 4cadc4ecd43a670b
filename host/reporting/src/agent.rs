//! How agents spend their time: milliseconds in each state, by 15 minutes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
};

use plugboard_model::{AgentId, AgentState, Event, EventKind, Timestamp, millis};
use serde::{Deserialize, Serialize};

use crate::{
    interval::{INTERVAL_MS, interval_of, oldest_remembered},
    rfc3339,
};

/// Milliseconds in each state. Time logged out is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentTime {
    pub not_ready_ms: u64,
    pub ready_ms: u64,
    pub reserved_ms: u64,
    pub ringing_ms: u64,
    pub talking_ms: u64,
    pub held_ms: u64,
    pub consulting_ms: u64,
    pub wrap_up_ms: u64,
    pub unreachable_ms: u64,
}

impl AgentTime {
    fn add(&mut self, state: &AgentState, ms: u64) {
        match state {
            AgentState::LoggedOut => {}
            AgentState::NotReady { .. } => self.not_ready_ms += ms,
            AgentState::Ready => self.ready_ms += ms,
            AgentState::Reserved { .. } => self.reserved_ms += ms,
            AgentState::Ringing { .. } => self.ringing_ms += ms,
            AgentState::Talking { .. } => self.talking_ms += ms,
            AgentState::Held { .. } => self.held_ms += ms,
            AgentState::Consulting { .. } => self.consulting_ms += ms,
            AgentState::WrapUp { .. } => self.wrap_up_ms += ms,
            AgentState::Unreachable => self.unreachable_ms += ms,
        }
    }

    /// On interactions, from the promise to the end of after-call work.
    pub fn busy_ms(&self) -> u64 {
        self.reserved_ms + self.ringing_ms + self.talking_ms + self.held_ms + self.consulting_ms + self.wrap_up_ms
    }

    pub fn logged_in_ms(&self) -> u64 {
        self.busy_ms() + self.ready_ms + self.not_ready_ms + self.unreachable_ms
    }

    /// Metric `occupancy` version 1: busy / (busy + ready), with reserved and ringing counted as busy. `None` for no time at all.
    pub fn occupancy(&self) -> Option<f64> {
        let whole = self.busy_ms() + self.ready_ms;
        (whole > 0).then(|| self.busy_ms() as f64 / whole as f64)
    }

    /// Metric `utilisation` version 1: busy / logged in.
    pub fn utilisation(&self) -> Option<f64> {
        (self.logged_in_ms() > 0).then(|| self.busy_ms() as f64 / self.logged_in_ms() as f64)
    }
}

impl AddAssign for AgentTime {
    fn add_assign(&mut self, other: Self) {
        self.not_ready_ms += other.not_ready_ms;
        self.ready_ms += other.ready_ms;
        self.reserved_ms += other.reserved_ms;
        self.ringing_ms += other.ringing_ms;
        self.talking_ms += other.talking_ms;
        self.held_ms += other.held_ms;
        self.consulting_ms += other.consulting_ms;
        self.wrap_up_ms += other.wrap_up_ms;
        self.unreachable_ms += other.unreachable_ms;
    }
}

/// One agent in one interval. The one with the highest `as_of` counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentInterval {
    pub agent: AgentId,
    #[serde(with = "rfc3339")]
    pub start: Timestamp,
    /// `seq` of the last event that was counted when this was given out.
    pub as_of: u64,
    #[serde(flatten)]
    pub time: AgentTime,
}

/// Counts agents' time. Remembers 26 hours.
#[derive(Debug, Default)]
pub struct AgentFold {
    states: BTreeMap<AgentId, (Timestamp, AgentState)>,
    intervals: BTreeMap<(Timestamp, AgentId), AgentTime>,
    changed: BTreeSet<(Timestamp, AgentId)>,
    last_at: Timestamp,
    known_from: Timestamp,
    as_of: u64,
}

impl AgentFold {
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the log is read from the middle on: time before `at` was counted by somebody else and is left alone.
    pub fn know_from(&mut self, at: Timestamp) {
        self.known_from = at;
    }

    /// Takes the next event of the tenant's log.
    pub fn handle_event(&mut self, event: &Event) {
        self.as_of = event.seq;
        match &event.kind {
            EventKind::AgentStateChanged { agent, from, to } => {
                // An agent who is met for the first time was in `from` for a time that nobody knows.
                let (since, was) = self.states.remove(agent).unwrap_or_else(|| (event.at, from.clone()));
                self.spend(agent, &was, since, event.at);
                if *to != AgentState::LoggedOut {
                    self.states.insert(agent.clone(), (event.at, to.clone()));
                }
                self.forget(event.at);
            }
            EventKind::Restarted { .. } => {
                // Whatever they did ended with the process, at the latest when it last spoke.
                for (agent, (since, state)) in std::mem::take(&mut self.states) {
                    self.spend(&agent, &state, since, self.last_at);
                }
            }
            _ => {}
        }
        self.last_at = event.at;
    }

    /// Intervals that changed since they were last given out.
    pub fn poll_output(&mut self) -> Option<AgentInterval> {
        let key = self.changed.pop_first()?;
        let time = *self.intervals.get(&key)?;
        let (start, agent) = key;
        Some(AgentInterval { agent, start, as_of: self.as_of, time })
    }

    /// Counts the present states up to the last whole quarter of an hour before `now`, so that who is in one state for hours is seen in every interval.
    pub fn settle(&mut self, now: Timestamp) {
        let until = interval_of(now);
        let agents: Vec<AgentId> =
            self.states.iter().filter(|(_, (since, _))| *since < until).map(|(agent, _)| agent.clone()).collect();
        for agent in agents {
            if let Some((since, state)) = self.states.remove(&agent) {
                self.spend(&agent, &state, since, until);
                self.states.insert(agent, (until, state));
            }
        }
    }

    /// An agent's time since `since`, which is taken to the beginning of its interval, the present state included up to `now`.
    pub fn time(&self, agent: &AgentId, since: Timestamp, now: Timestamp) -> AgentTime {
        let since = interval_of(since);
        let mut time = AgentTime::default();
        for ((start, of), spent) in self.intervals.range((since, agent.clone())..) {
            if of == agent && *start >= since {
                time += *spent;
            }
        }
        if let Some((entered, state)) = self.states.get(agent) {
            time.add(state, millis(now.since((*entered).max(since))));
        }
        time
    }

    /// Splits the time at the borders of intervals.
    fn spend(&mut self, agent: &AgentId, state: &AgentState, from: Timestamp, to: Timestamp) {
        if *state == AgentState::LoggedOut {
            return;
        }
        let mut from = from.max(oldest_remembered(to));
        while from < to {
            let start = interval_of(from);
            let end = Timestamp::from_millis(start.as_millis() + INTERVAL_MS).min(to);
            let key = (start, agent.clone());
            if start >= self.known_from {
                // Whole milliseconds of the clock, not of the difference, so that pieces add up.
                self.intervals.entry(key.clone()).or_default().add(state, end.as_millis() - from.as_millis());
                self.changed.insert(key);
            }
            from = end;
        }
    }

    fn forget(&mut self, now: Timestamp) {
        let oldest = oldest_remembered(now);
        while let Some(entry) = self.intervals.first_entry()
            && entry.key().0 < oldest
        {
            let (key, _) = entry.remove_entry();
            self.changed.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> AgentId {
        "amy".parse().unwrap()
    }

    fn change(seconds: u64, from: AgentState, to: AgentState) -> Event {
        let kind = EventKind::AgentStateChanged { agent: agent(), from, to };
        Event { seq: seconds, at: Timestamp::from_secs(seconds), kind }
    }

    #[test]
    fn time_in_a_state_is_split_at_the_quarter_hour_and_makes_the_occupancy() {
        let talking = AgentState::Talking { interaction: plugboard_model::InteractionId(1) };
        let mut fold = AgentFold::new();
        fold.handle_event(&change(600, AgentState::LoggedOut, AgentState::Ready));
        fold.handle_event(&change(800, AgentState::Ready, talking.clone()));
        fold.handle_event(&change(1_400, talking, AgentState::LoggedOut));
        let first = AgentTime { ready_ms: 200_000, talking_ms: 100_000, ..AgentTime::default() };
        let second = AgentTime { talking_ms: 500_000, ..AgentTime::default() };
        let given: Vec<AgentInterval> = std::iter::from_fn(|| fold.poll_output()).collect();
        let interval =
            |start, time| AgentInterval { agent: agent(), start: Timestamp::from_secs(start), as_of: 1_400, time };
        assert_eq!(given, [interval(0, first), interval(900, second)]);
        let all = fold.time(&agent(), Timestamp::EPOCH, Timestamp::from_secs(9_000));
        assert_eq!((all.occupancy(), all.logged_in_ms()), (Some(0.75), 800_000));
    }

    #[test]
    fn who_is_ready_for_hours_is_seen_in_every_quarter_of_an_hour() {
        let mut fold = AgentFold::new();
        fold.know_from(Timestamp::from_secs(900));
        fold.handle_event(&change(600, AgentState::LoggedOut, AgentState::Ready));
        fold.settle(Timestamp::from_secs(2_800));
        fold.settle(Timestamp::from_secs(2_805));
        let given: Vec<_> =
            std::iter::from_fn(|| fold.poll_output()).map(|one| (one.start.as_millis(), one.time.ready_ms)).collect();
        assert_eq!(given, [(900_000, 900_000), (1_800_000, 900_000)]);
    }

    #[test]
    fn the_present_state_counts_up_to_now() {
        let mut fold = AgentFold::new();
        fold.handle_event(&change(10, AgentState::LoggedOut, AgentState::Ready));
        assert_eq!(fold.time(&agent(), Timestamp::EPOCH, Timestamp::from_secs(70)).ready_ms, 60_000);
    }
}
