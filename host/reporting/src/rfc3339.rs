//! Times in records: RFC 3339 in UTC with milliseconds, both ways.

use std::fmt;

use plugboard_model::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| de::Error::custom(NotATime { text }))
}

/// The same for a time that may be missing.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, NotATime, Serializer, Timestamp, de, parse};

    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| parse(&text).ok_or_else(|| de::Error::custom(NotATime { text })))
            .transpose()
    }
}

struct NotATime {
    text: String,
}

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no time; write one like 2026-11-22T10:41:00.250Z", self.text)
    }
}

/// Reads `2026-11-22T10:41:00.250Z`, with or without a fraction, with `Z` or an offset; `None` before 1970 and for anything else.
///
/// A fraction is cut to microseconds. Leap seconds (`:60`) read as the second after.
pub fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
    };
    let mark = |at: usize, allowed: &[u8]| bytes.get(at).is_some_and(|found| allowed.contains(found));
    if !(mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt ") && mark(13, b":") && mark(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = bytes.get(19..)?;
    let mut micros = 0;
    if let [b'.', tail @ ..] = rest {
        let length = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        micros = (0..6).fold(0, |n, place| n * 10 + if place < length { i64::from(tail[place] - b'0') } else { 0 });
        rest = &tail[length..];
    }
    let offset_minutes = match rest {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|d| d.is_ascii_digit()) => {
            let digit = |d: &u8| i64::from(d - b'0');
            let minutes = (digit(h1) * 10 + digit(h2)) * 60 + digit(m1) * 10 + digit(m2);
            if *sign == b'+' { minutes } else { -minutes }
        }
        _ => return None,
    };
    let seconds =
        days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_minutes * 60;
    u64::try_from(seconds * 1_000_000 + micros).ok().map(Timestamp::from_micros)
}

/// Days since 1970-01-01 of a proleptic Gregorian date, counted in eras of 400 years that start on 1 March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_timestamp_prints_is_read_back() {
        for millis in [0, 1_709_164_799_999, 1_709_164_800_000, 4_102_444_800_000, 1_795_343_207_250] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(parse(&at.to_string()), Some(at));
        }
    }

    #[test]
    fn an_offset_and_a_fraction_of_any_length_are_understood() {
        let read = |text| parse(text).map(|at| at.to_string());
        assert_eq!(read("2026-11-22T18:41:00+08:00").as_deref(), Some("2026-11-22T10:41:00.000Z"));
        assert_eq!(read("2026-11-22T10:41:00.5Z").as_deref(), Some("2026-11-22T10:41:00.500Z"));
        assert_eq!(read("2026-11-22T10:41:00.123456789Z").as_deref(), Some("2026-11-22T10:41:00.123Z"));
        for wrong in [
            "",
            "2026-11-22",
            "2026-13-22T10:41:00Z",
            "2026-11-22T10:41:00",
            "1969-12-31T23:59:59Z",
            "２026-11-22T10:41:00Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
