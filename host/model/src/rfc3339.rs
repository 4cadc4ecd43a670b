//! Points in time as text: RFC 3339 in UTC, the one form that JSON of ours has.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Timestamp;

/// Length of `2026-11-22T10:41:00.250123Z`.
const LENGTH: usize = 27;

/// 9999-12-31T23:59:59.999999Z: later than this has no four-digit year.
const LAST: u64 = 253_402_300_799_999_999;

/// In UTC with microseconds, so that nothing is lost. Digit by digit, since every event that is stored passes here: the formatting machinery takes
/// several times as long.
fn written(at: Timestamp) -> [u8; LENGTH] {
    let micros = at.as_micros().min(LAST);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_from_days(days);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |from: usize, to: usize, number: u64| {
        let mut rest = number;
        for place in (from..to).rev() {
            text[place] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    };
    put(0, 4, year);
    put(5, 7, month);
    put(8, 10, day);
    put(11, 13, second_of_day / 3_600);
    put(14, 16, second_of_day / 60 % 60);
    put(17, 19, second_of_day % 60);
    put(20, 26, fraction);
    text
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = written(*self);
        serializer.serialize_str(std::str::from_utf8(&text).expect("digits and marks of ASCII"))
    }
}

/// Text, or whole microseconds since 1970 as events of earlier versions have it.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl de::Visitor<'_> for Reader {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time like 2026-11-22T10:41:00.250123Z")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::from_rfc3339(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_u64<E: de::Error>(self, micros: u64) -> Result<Timestamp, E> {
                Ok(Timestamp::from_micros(micros))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl Timestamp {
    /// Reads `2026-11-22T10:41:00.250Z`, with or without a fraction, with `Z` or an offset; `None` before 1970 and for anything else.
    ///
    /// A fraction is cut to microseconds. Leap seconds (`:60`) read as the second after.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
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
        if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let first = days_from_civil(year, month, 1);
        let next = days_from_civil(year + month / 12, month % 12 + 1, 1);
        if !(1..=next - first).contains(&day) {
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
        let seconds = (first + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second - offset_minutes * 60;
        u64::try_from(seconds * 1_000_000 + micros).ok().map(Self::from_micros)
    }
}

/// RFC 3339 in UTC with milliseconds, for people: `2026-11-22T10:41:00.250Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = written(*self);
        f.write_str(std::str::from_utf8(&text[..LENGTH - 4]).expect("digits and marks of ASCII"))?;
        f.write_str("Z")
    }
}

/// The proleptic Gregorian date of a day number since 1970-01-01, by counting in eras of 400 years that start on 1 March.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The inverse, also before 1970.
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
    fn prints_leap_day_and_milliseconds_as_rfc_3339() {
        assert_eq!(Timestamp::from_millis(1_709_164_799_999).to_string(), "2024-02-28T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(1_709_164_800_000).to_string(), "2024-02-29T00:00:00.000Z");
        assert_eq!(Timestamp::from_secs(4_102_444_800).to_string(), "2100-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_micros(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn json_keeps_every_microsecond_and_reads_the_numbers_of_earlier_versions() {
        for micros in [0, 1, 1_709_164_799_999_999, 1_795_343_207_250_001] {
            let at = Timestamp::from_micros(micros);
            let json = serde_json::to_string(&at).unwrap();
            assert_eq!((json.len(), serde_json::from_str::<Timestamp>(&json).unwrap()), (LENGTH + 2, at));
            assert_eq!(serde_json::from_str::<Timestamp>(&micros.to_string()).unwrap(), at);
        }
        assert_eq!(
            serde_json::to_string(&Timestamp::from_micros(1_795_343_207_250_001)).unwrap(),
            "\"2026-11-22T10:26:47.250001Z\""
        );
        for wrong in ["\"yesterday\"", "-1", "1.5", "null"] {
            assert!(serde_json::from_str::<Timestamp>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_offset_and_a_fraction_of_any_length_are_understood() {
        let read = |text| Timestamp::from_rfc3339(text).map(|at| at.to_string());
        assert_eq!(read("2026-11-22T18:41:00+08:00").as_deref(), Some("2026-11-22T10:41:00.000Z"));
        assert_eq!(read("2026-11-22T10:41:00.5Z").as_deref(), Some("2026-11-22T10:41:00.500Z"));
        assert_eq!(read("2026-11-22T10:41:00.123456789Z").as_deref(), Some("2026-11-22T10:41:00.123Z"));
        assert_eq!(read("2028-02-29T24:00:00Z"), None);
        assert_eq!(read("2028-02-29T23:59:00Z").as_deref(), Some("2028-02-29T23:59:00.000Z"));
        assert_eq!(read("2026-12-31T23:59:00Z").as_deref(), Some("2026-12-31T23:59:00.000Z"));
        for wrong in [
            "",
            "2026-11-22",
            "2026-13-22T10:41:00Z",
            "2026-11-22T10:41:00",
            "1969-12-31T23:59:59Z",
            "2026-02-29T10:41:00Z",
            "2100-02-29T10:41:00Z",
            "2026-11-31T10:41:00Z",
            "2026-11-00T10:41:00Z",
            "２026-11-22T10:41:00Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
