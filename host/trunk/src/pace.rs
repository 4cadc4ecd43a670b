//! Calls a second, as the generic cell rate algorithm counts them (ITU-T I.371, Annex A): evenly over time, with one second's worth at once.

use std::time::Duration;

use plugboard_model::Timestamp;

const SECOND: Duration = Duration::from_secs(1);

/// When the next call would be due if all came evenly.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace(Option<Timestamp>);

impl Pace {
    /// Whether one more may begin now; then it is counted.
    pub(crate) fn take(&mut self, now: Timestamp, per_second: u32) -> bool {
        let Some(gap) = SECOND.checked_div(per_second) else { return false };
        let due = self.0.filter(|due| *due > now).unwrap_or(now);
        if due.since(now) + gap > SECOND {
            return false;
        }
        self.0 = Some(due + gap);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_what_it_may_however_they_come() {
        let (mut pace, begin) = (Pace::default(), Timestamp::EPOCH + Duration::from_secs(1_000));
        let taken = |pace: &mut Pace, ms: u64| pace.take(begin + Duration::from_millis(ms), 4);
        let at_once = (0..9).filter(|_| taken(&mut pace, 0)).count();
        let later = [100, 250, 260, 500, 5_000].map(|ms| taken(&mut pace, ms));
        assert_eq!((at_once, later), (4, [false, true, false, true, true]));
        assert!(!pace.take(begin, 0));
    }
}
