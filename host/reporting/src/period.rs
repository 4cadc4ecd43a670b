//! Intervals added up to what a report shows: a row a queue or agent, for the whole period, a local day, a local hour, or each interval by itself.

use std::{collections::BTreeMap, ops::AddAssign};

use plugboard_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{INTERVAL_MS, midnight};

/// What one row of a report covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grain {
    /// The whole period.
    #[default]
    All,
    /// A day of the tenant's time zone.
    Day,
    /// An hour of the tenant's time zone.
    Hour,
    /// 15 minutes.
    Interval,
}

impl Grain {
    /// The beginning of the row that holds the interval of `start`. `offset_minutes` is the zone's, east of UTC, at that time.
    fn row(self, start: Timestamp, period_start: Timestamp, offset_minutes: i16) -> Timestamp {
        let row = match self {
            Self::All => period_start,
            Self::Day => midnight(start, offset_minutes),
            // Zones differ from UTC by whole quarters of an hour, so a local hour is found like a local day.
            Self::Hour => {
                let since_midnight = start.since(midnight(start, offset_minutes)).as_secs() / 3_600 * 3_600;
                midnight(start, offset_minutes) + std::time::Duration::from_secs(since_midnight)
            }
            Self::Interval => start,
        };
        row.max(period_start)
    }
}

/// One row: of whom, from when to when, and the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<K, T> {
    pub of: K,
    pub start: Timestamp,
    pub end: Timestamp,
    pub sum: T,
}

/// Adds `parts` (of whom, beginning of the interval, counters) up to rows of `grain`, in order of time and name. Parts outside of `period` are left out.
pub fn rows<K: Ord + Clone, T: AddAssign + Default>(
    parts: impl IntoIterator<Item = (K, Timestamp, T)>,
    period: (Timestamp, Timestamp),
    grain: Grain,
    offset_at: impl Fn(Timestamp) -> i16,
) -> Vec<Row<K, T>> {
    let (from, to) = period;
    let mut sums: BTreeMap<(Timestamp, K), (Timestamp, T)> = BTreeMap::new();
    for (of, start, part) in parts {
        if start < from || start >= to {
            continue;
        }
        let (last, sum) = sums.entry((grain.row(start, from, offset_at(start)), of)).or_default();
        *sum += part;
        *last = start.max(*last);
    }
    let end_of = |start: Timestamp, last: Timestamp| {
        let length = match grain {
            Grain::All => return to,
            Grain::Day => 86_400_000,
            Grain::Hour => 3_600_000,
            Grain::Interval => INTERVAL_MS,
        };
        // Where a clock is put back, the last hour of the day is longer than it looks.
        let whole = grain.row(start, Timestamp::EPOCH, offset_at(start)).as_millis() + length;
        Timestamp::from_millis(whole.max(last.as_millis() + INTERVAL_MS)).min(to)
    };
    sums.into_iter().map(|((start, of), (last, sum))| Row { of, start, end: end_of(start, last), sum }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(grain: Grain) -> Vec<String> {
        let at = |text| Timestamp::from_rfc3339(text).unwrap();
        let part = |queue: &'static str, start, count: u64| (queue, at(start), count);
        let parts = [
            part("sales", "2026-11-20T15:45:00Z", 1),
            part("sales", "2026-11-20T16:00:00Z", 2),
            part("sales", "2026-11-20T16:30:00Z", 4),
            part("help", "2026-11-20T16:30:00Z", 8),
            part("sales", "2026-11-21T16:00:00Z", 16),
            part("sales", "2026-11-22T00:00:00Z", 32),
        ];
        let period = (at("2026-11-20T15:45:00Z"), at("2026-11-22T00:00:00Z"));
        let rows = rows(parts, period, grain, |_| 480);
        rows.iter().map(|row| format!("{} {} {} {}", row.of, row.start, row.end, row.sum)).collect()
    }

    #[test]
    fn a_period_is_added_up_by_the_tenants_days() {
        assert_eq!(
            told(Grain::Day),
            [
                "sales 2026-11-20T15:45:00.000Z 2026-11-20T16:00:00.000Z 1",
                "help 2026-11-20T16:00:00.000Z 2026-11-21T16:00:00.000Z 8",
                "sales 2026-11-20T16:00:00.000Z 2026-11-21T16:00:00.000Z 6",
                "sales 2026-11-21T16:00:00.000Z 2026-11-22T00:00:00.000Z 16",
            ]
        );
    }

    #[test]
    fn a_whole_period_is_one_row_each() {
        assert_eq!(
            told(Grain::All),
            [
                "help 2026-11-20T15:45:00.000Z 2026-11-22T00:00:00.000Z 8",
                "sales 2026-11-20T15:45:00.000Z 2026-11-22T00:00:00.000Z 23",
            ]
        );
    }

    #[test]
    fn hours_and_intervals_are_rows_of_their_own() {
        let hours = told(Grain::Hour);
        assert_eq!((hours.len(), hours[2].as_str()), (4, "sales 2026-11-20T16:00:00.000Z 2026-11-20T17:00:00.000Z 6"));
        assert_eq!(told(Grain::Interval).len(), 5);
    }
}
