//! Deadlines of all phones, soonest first.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use crate::{agents::AgentTimer, callers::CallerTimer};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    Caller(usize, CallerTimer),
    Agent(usize, AgentTimer),
}

#[derive(Debug, Default)]
pub struct Schedule(BinaryHeap<Reverse<(Instant, Timer)>>);

impl Schedule {
    pub fn set(&mut self, at: Instant, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    pub fn due(&mut self, now: Instant) -> Option<Timer> {
        self.0.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.0.pop().map(|Reverse((_, timer))| timer)
    }
}

/// Timer E of RFC 3261 §17.1.2.2 and Timer A, which is never longer here: T1 doubled each time, at most T2.
pub fn repeat_after(repeats: u32) -> Duration {
    Duration::from_millis(500 << repeats.min(3))
}

/// After this many a request is given up (Timer B and F at 64 T1).
pub const MOST_REPEATS: u32 = 10;
