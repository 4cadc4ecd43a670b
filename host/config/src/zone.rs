//! IANA time zones become the list of offsets that an exchange reads.

use jiff::tz;
use plugboard_model::{TimeZone, Timestamp};

/// How far ahead transitions are listed.
const YEARS: i64 = 10;
const YEAR_S: i64 = 31_556_952;

/// The offsets of the zone of that IANA name from a year before `now` until ten years after it; `None` if there is no such zone.
///
/// The first entry holds from the epoch on, so that the list has an answer for every time.
pub fn resolve_zone(name: &str, now: Timestamp) -> Option<TimeZone> {
    let zone = tz::db().get(name).ok()?;
    let now_s = i64::try_from(now.as_millis() / 1_000).ok()?;
    let from = jiff::Timestamp::from_second(now_s - YEAR_S).ok()?;
    let until = jiff::Timestamp::from_second(now_s + YEARS * YEAR_S).ok()?;
    let minutes = |offset: tz::Offset| i16::try_from(offset.seconds() / 60).unwrap_or(0);
    let mut offsets = vec![(Timestamp::EPOCH, minutes(zone.to_offset(from)))];
    for transition in zone.following(from).take_while(|transition| transition.timestamp() <= until) {
        let at = u64::try_from(transition.timestamp().as_second()).map(Timestamp::from_secs).unwrap_or_default();
        let offset = minutes(transition.offset());
        if offsets.last().is_some_and(|(_, last)| *last != offset) {
            offsets.push((at, offset));
        }
    }
    Some(TimeZone { name: name.to_owned(), offsets })
}

/// All names that [`resolve_zone`] knows.
pub(crate) fn names() -> Vec<String> {
    tz::db().available().map(|name| name.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_with_summer_time_lists_two_changes_a_year_and_one_without_lists_none() {
        let now = Timestamp::from_secs(1_767_225_600); // 2026-01-01T00:00:00Z
        let berlin = resolve_zone("Europe/Berlin", now).unwrap();
        assert_eq!(berlin.offset_at(Timestamp::from_secs(1_782_864_000)), 120); // 2026-07-01
        assert_eq!(berlin.offset_at(Timestamp::from_secs(1_798_761_600)), 60); // 2027-01-01
        assert_eq!(berlin.offsets.len(), 23);
        assert_eq!(resolve_zone("Asia/Shanghai", now).unwrap().offsets, vec![(Timestamp::EPOCH, 480)]);
        assert_eq!(resolve_zone("Asia/Shanghia", now), None);
    }
}
