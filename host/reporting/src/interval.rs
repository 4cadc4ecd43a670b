//! Intervals of 15 minutes, the grain of every report.

use plugboard_model::Timestamp;

/// 15 minutes, which every time zone's offset is a multiple of: a local day, hour or half hour is a whole number of them.
pub const INTERVAL_MS: u64 = 15 * 60 * 1_000;

/// Intervals that folds remember: 26 hours, so that the longest local day is whole. Older ones are given out first.
pub(crate) const REMEMBERED: u64 = 26 * 4;

/// The interval that holds `at`, by its beginning.
pub fn interval_of(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis() / INTERVAL_MS * INTERVAL_MS)
}

/// The beginning of the local day that holds `now`, `offset_minutes` east of UTC.
pub fn midnight(now: Timestamp, offset_minutes: i16) -> Timestamp {
    const DAY: i64 = 86_400_000;
    let offset = i64::from(offset_minutes) * 60_000;
    let local = i64::try_from(now.as_millis()).unwrap_or(i64::MAX - DAY) + offset;
    Timestamp::from_millis(u64::try_from(local.div_euclid(DAY) * DAY - offset).unwrap_or(0))
}

pub(crate) fn oldest_remembered(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(interval_of(now).as_millis().saturating_sub(REMEMBERED * INTERVAL_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_day_begins_at_local_midnight() {
        let now = Timestamp::from_rfc3339("2026-11-22T17:30:00Z").unwrap();
        assert_eq!(midnight(now, 480).to_string(), "2026-11-22T16:00:00.000Z");
        assert_eq!(midnight(now, -300).to_string(), "2026-11-22T05:00:00.000Z");
        assert_eq!(midnight(Timestamp::EPOCH, 60), Timestamp::EPOCH);
    }
}
