//! How long a guest may go on, by its own work and by the clock on the wall.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Now, on the wall and in the CPU time of this thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    wall: Instant,
    worked: Duration,
}

/// Below this, the clock on the wall tells work well enough, and it is a system call cheaper.
const SHORT: Duration = Duration::from_millis(1);

impl Moment {
    pub(crate) fn now() -> Self {
        Self { wall: Instant::now(), worked: worked() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.wall.elapsed()
    }

    /// CPU time of this thread since then, `elapsed` of which passed on the wall. Never less than it was, and at most [`SHORT`] more.
    pub(crate) fn worked_of(&self, elapsed: Duration) -> Duration {
        if elapsed < SHORT { elapsed } else { worked().saturating_sub(self.worked) }
    }
}

/// CPU time of this thread.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// One call into a guest: since when, and how much work it may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) from: Moment,
    pub(crate) budget: Duration,
    /// Whether the guest may wait for others: then its budget is time on the wall, whatever it works.
    pub(crate) waits: bool,
}

/// On a busy machine a thread may stand still for longer than a whole budget, which is no fault of the guest. One that works whenever it
/// gets a processor, an eighth of the time at least, is stopped within twice its budget all the same; one that hardly gets any, at this many budgets.
const STARVED: u32 = 5;
const BUSY: u32 = 8;
/// What the ticker may be late, and its tick.
const SLACK: Duration = Duration::from_millis(4);

impl Turn {
    pub(crate) fn of(budget: Duration) -> Self {
        Self { from: Moment::now(), budget, waits: false }
    }

    pub(crate) fn within(self, most: Duration) -> Self {
        Self { budget: self.budget.min(most), ..self }
    }

    pub(crate) fn that_waits(self) -> Self {
        Self { waits: true, ..self }
    }

    /// When a guest that waits for others has to have what it waits for: a tenth before its end, so that it can still say that it came to nothing.
    pub(crate) fn until_it_must_know(&self) -> Instant {
        self.from.wall + self.budget - self.budget / 10
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over_at(self.from.elapsed(), worked().saturating_sub(self.from.worked))
    }

    fn is_over_at(&self, elapsed: Duration, worked: Duration) -> bool {
        if self.waits {
            return elapsed >= self.budget;
        }
        let twice = (2 * self.budget).saturating_sub(SLACK.max(self.budget / 8));
        worked >= self.budget || (elapsed >= twice && worked >= self.budget / BUSY) || elapsed >= self.budget * STARVED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_stopped_by_its_work_or_at_twice_its_budget_or_when_nobody_waits_any_more() {
        let turn = Turn::of(Duration::from_millis(20));
        let over = |elapsed, worked| turn.is_over_at(Duration::from_millis(elapsed), Duration::from_millis(worked));
        assert!(over(20, 20), "it had the machine for itself");
        assert!(!over(30, 19), "it had most of the machine");
        assert!(over(36, 3), "it worked an eighth of the time: an endless loop on a busy machine");
        assert!(!over(36, 2), "it was hardly let in");
        assert!(over(100, 0), "it was never let in");
    }
}
