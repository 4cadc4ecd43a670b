//! Days of the Gregorian calendar, counted from 1970-01-01.

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day(i64);

impl Day {
    /// Of milliseconds on the local clock.
    pub(crate) fn of(local_ms: i64) -> Self {
        Self(local_ms.div_euclid(DAY_MS))
    }

    /// `2026-10-01`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-').map(|part| part.parse::<i64>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let lengths = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let length = lengths.get(usize::try_from(month - 1).ok()?)?;
        let valid = parts.next().is_none() && (1970..10_000).contains(&year) && (1..=*length).contains(&day);
        // Years that begin in March, so that the leap day is the last one.
        let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let of_year = (153 * month + 2) / 5 + day - 1;
        valid.then_some(Self(year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468))
    }

    /// 0 is Monday. 1970-01-01 was a Thursday.
    pub(crate) fn weekday(self) -> u8 {
        u8::try_from((self.0 + 3).rem_euclid(7)).unwrap_or_default()
    }
}

/// A set of weekdays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weekdays(u8);

impl Default for Weekdays {
    fn default() -> Self {
        Self(0b111_1111)
    }
}

impl Weekdays {
    /// `mon-fri, sun`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let number = |name: &str| NAMES.iter().position(|known| known.eq_ignore_ascii_case(name.trim()));
        let mut days = 0;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            let length = (last + 7 - first) % 7;
            for day in first..=first + length {
                days |= 1 << (day % 7);
            }
        }
        Some(Self(days))
    }

    pub(crate) fn contains(self, day: u8) -> bool {
        self.0 & (1 << day) != 0
    }
}

/// `09:30` as minutes of the day; `24:00` is its end.
pub(crate) fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}
