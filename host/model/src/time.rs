//! One clock for a whole exchange: microseconds since the Unix epoch, given with each input.

use std::{
    ops::{Add, AddAssign, Sub},
    time::Duration,
};

/// A point in time, in microseconds since 1970-01-01T00:00:00Z.
///
/// In JSON it is RFC 3339 in UTC with microseconds: `2026-11-22T10:41:00.250123Z`.
///
/// The edge derives it from a monotonic clock anchored once to the wall clock, so that it never runs backwards within a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch. Also the earliest point that exists.
    pub const EPOCH: Self = Self(0);

    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds, rounded down: the unit of WIT.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Time since the epoch: the form in which the wire crates take `now`.
    pub const fn since_epoch(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// Time from `earlier` to here; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Timestamp {
    fn from(since_epoch: Duration) -> Self {
        Self(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Timestamp {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_before_the_earlier_point_is_zero() {
        assert_eq!(Timestamp::from_secs(1) - Timestamp::from_secs(2), Duration::ZERO);
    }
}
