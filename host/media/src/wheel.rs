//! The 20 ms tick of generated audio, in four phases of 5 ms, so that prompts to many callers do not all leave at once.

use std::time::Duration;

const PHASE: Duration = Duration::from_millis(5);
const PHASES: u64 = 4;
/// A worker that stood still longer goes on from now, instead of sending all it missed in one burst.
const MAX_LATE: u64 = 12;

#[derive(Debug, Default)]
pub(crate) struct Wheel {
    phases: [Vec<usize>; PHASES as usize],
    /// Number of the next phase since time zero.
    next: u64,
    /// The one that was taken out.
    taken: Option<usize>,
    count: usize,
}

impl Wheel {
    /// Adds a leg to the emptiest phase; its first tick is within 20 ms.
    pub(crate) fn add(&mut self, now: Duration, leg: usize) {
        if self.count == 0 {
            self.next = number(now) + 1;
        }
        self.count += 1;
        if let Some(emptiest) = (0..self.phases.len()).min_by_key(|phase| self.phases[*phase].len()) {
            self.phases[emptiest].push(leg);
        }
    }

    pub(crate) fn remove(&mut self, leg: usize) {
        for phase in &mut self.phases {
            if let Some(at) = phase.iter().position(|known| *known == leg) {
                phase.remove(at);
                self.count -= 1;
            }
        }
    }

    /// The legs of the next phase that is due; give them back by [`Wheel::put_back`].
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<Vec<usize>> {
        let due = number(now);
        if self.count == 0 || self.next > due {
            return None;
        }
        if due - self.next > MAX_LATE {
            self.next = due;
        }
        let phase = (self.next % PHASES) as usize;
        self.next += 1;
        self.taken = Some(phase);
        let legs = std::mem::take(&mut self.phases[phase]);
        self.count -= legs.len();
        Some(legs)
    }

    pub(crate) fn put_back(&mut self, legs: Vec<usize>) {
        if let Some(phase) = self.taken.take() {
            self.count += legs.len();
            self.phases[phase] = legs;
        }
    }

    /// When a leg is next due; phases without legs do not wake anyone.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        (self.next..self.next + PHASES)
            .find(|number| !self.phases[(number % PHASES) as usize].is_empty())
            .map(|number| PHASE * u32::try_from(number).unwrap_or(u32::MAX))
    }
}

/// Phases that have begun until `now`.
fn number(now: Duration) -> u64 {
    u64::try_from(now.as_micros() / PHASE.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn due(wheel: &mut Wheel, now: u64) -> Vec<usize> {
        let mut legs = Vec::new();
        while let Some(phase) = wheel.take_due(ms(now)) {
            legs.extend(&phase);
            wheel.put_back(phase);
        }
        legs
    }

    #[test]
    fn every_leg_ticks_once_in_20_ms_and_they_are_spread() {
        let mut wheel = Wheel::default();
        (0..6).for_each(|leg| wheel.add(ms(1_000), leg));
        let ticks: Vec<Vec<usize>> = (1..=8).map(|phase| due(&mut wheel, 1_000 + 5 * phase)).collect();
        assert_eq!(ticks[..4], [vec![1, 5], vec![2], vec![3], vec![0, 4]]);
        assert_eq!(ticks[..4], ticks[4..]);
    }

    #[test]
    fn a_worker_that_stood_still_does_not_burst() {
        let mut wheel = Wheel::default();
        wheel.add(ms(0), 7);
        assert_eq!(
            (due(&mut wheel, 40), due(&mut wheel, 10_000), due(&mut wheel, 10_020)),
            (vec![7, 7], vec![7], vec![7])
        );
    }

    #[test]
    fn an_empty_wheel_wakes_nobody() {
        let mut wheel = Wheel::default();
        wheel.add(ms(3), 7);
        let filled = wheel.next_due();
        wheel.remove(7);
        assert_eq!((filled, wheel.next_due(), due(&mut wheel, 1_000)), (Some(ms(20)), None, vec![]));
    }
}
