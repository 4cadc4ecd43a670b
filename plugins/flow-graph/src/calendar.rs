//! Working time of a week, its holidays and its exceptional days, on the site's wall clock.

use std::collections::{BTreeMap, BTreeSet};

const DAY_MIN: u16 = 24 * 60;

/// Minutes from the begin of the day on which it begins, from the first up to but not including the second. Past 1,440 it reaches into the
/// next day, and belongs to the day of its begin: a night shift before a holiday ends when it would have ended.
pub(crate) type Span = (u16, u16);

#[derive(Debug, Default)]
pub(crate) struct Calendar {
    /// Monday first.
    pub(crate) week: [Vec<Span>; 7],
    pub(crate) holidays: BTreeSet<Date>,
    /// Days whose hours replace those of the week and of a holiday: a Saturday worked in exchange for a holiday.
    pub(crate) special: BTreeMap<Date, Vec<Span>>,
}

/// Year 0 stands for every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

impl Date {
    /// `2026-10-01`, or `10-01` for each year.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-').rev();
        let day = two_digits(parts.next()?)?;
        let month = two_digits(parts.next()?).filter(|month| (1..=12).contains(month))?;
        let year = match parts.next() {
            None => 0,
            Some(year) if year.len() == 4 => year.parse().ok().filter(|year| *year >= 1970)?,
            Some(_) => return None,
        };
        let leap = year == 0 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        let most = match month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (parts.next().is_none() && (1..=most).contains(&day)).then_some(Self { year, month, day })
    }
}

fn two_digits(text: &str) -> Option<u8> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `09:00-18:00`, `22:00-06:00` (into the next day), `00:00-24:00`.
pub(crate) fn parse_span(text: &str) -> Option<Span> {
    let minute = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let minute =
            u16::from(two_digits(hours)?) * 60 + u16::from(two_digits(minutes).filter(|minutes| *minutes < 60)?);
        (minute <= DAY_MIN).then_some(minute)
    };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from.trim())?, minute(to.trim())?);
    match from.cmp(&to) {
        std::cmp::Ordering::Less => Some((from, to)),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some((from, to + DAY_MIN)).filter(|_| from < DAY_MIN),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hours {
    Open,
    Closed,
    Holiday,
}

impl Calendar {
    /// `wall_min`: minutes since 1970-01-01 on the wall clock of the site. An hour that the clock goes through twice counts twice, one that
    /// it leaves out does not come.
    pub(crate) fn at(&self, wall_min: i64) -> Hours {
        let (today, minute) = (wall_min.div_euclid(i64::from(DAY_MIN)), wall_min.rem_euclid(i64::from(DAY_MIN)));
        let within = |spans: Option<&[Span]>, minute: i64| {
            spans.is_some_and(|spans| {
                spans.iter().any(|(from, to)| (i64::from(*from)..i64::from(*to)).contains(&minute))
            })
        };
        let spans = self.spans_of(today);
        if within(spans, minute) || within(self.spans_of(today - 1), minute + i64::from(DAY_MIN)) {
            Hours::Open
        } else if spans.is_none() {
            Hours::Holiday
        } else {
            Hours::Closed
        }
    }

    /// The hours that begin on that day; `None` on a holiday.
    fn spans_of(&self, day: i64) -> Option<&[Span]> {
        let date = date_of(day);
        let yearly = Date { year: 0, ..date };
        if let Some(spans) = self.special.get(&date).or_else(|| self.special.get(&yearly)) {
            return Some(spans);
        }
        if self.holidays.contains(&date) || self.holidays.contains(&yearly) {
            return None;
        }
        // 1970-01-01 was a Thursday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        Some(&self.week[weekday])
    }
}

/// The Gregorian date of a day number, by eras of 400 years that start on 1 March.
fn date_of(days: i64) -> Date {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let small = |number: i64| u8::try_from(number).unwrap_or_default();
    Date {
        year: u16::try_from(year).unwrap_or_default(),
        month: small(month),
        day: small(of_year - (153 * from_march + 2) / 5 + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-01 was a Thursday.
    const OCTOBER_1_2026: i64 = 20_727;

    fn calendar() -> Calendar {
        let mut calendar = Calendar::default();
        for day in &mut calendar.week[..5] {
            *day = vec![(9 * 60, 12 * 60), (13 * 60, 18 * 60)];
        }
        calendar.holidays.extend([Date::parse("2026-10-01").unwrap(), Date::parse("12-25").unwrap()]);
        calendar.special.insert(Date::parse("2026-10-10").unwrap(), vec![(9 * 60, 18 * 60)]);
        calendar
    }

    fn at(day: i64, hour: i64, minute: i64) -> Hours {
        calendar().at((OCTOBER_1_2026 + day) * 1_440 + hour * 60 + minute)
    }

    #[test]
    fn opens_on_the_minute_and_closes_on_the_minute() {
        assert_eq!([at(1, 8, 59), at(1, 9, 0), at(1, 12, 0), at(1, 13, 0), at(1, 17, 59), at(1, 18, 0)], {
            use Hours::{Closed, Open};
            [Closed, Open, Closed, Open, Open, Closed]
        });
    }

    #[test]
    fn holiday_beats_the_week_and_a_make_up_day_beats_the_weekend() {
        assert_eq!(at(0, 10, 0), Hours::Holiday);
        assert_eq!(at(9, 12, 30), Hours::Open); // Saturday 2026-10-10, worked
        assert_eq!(at(16, 12, 30), Hours::Closed); // the Saturday after it
        assert_eq!(at(85, 10, 0), Hours::Holiday); // 12-25 of any year
        assert_eq!(at(85 + 365, 10, 0), Hours::Holiday);
    }

    #[test]
    fn night_hours_belong_to_the_day_on_which_they_begin() {
        let mut calendar = Calendar::default();
        let night = parse_span("22:00-06:00").unwrap();
        (calendar.week[2], calendar.week[3], calendar.week[5]) = (vec![night], vec![night], vec![night]);
        // Thursday 2026-10-01 is a holiday; Saturday the 3rd is worked by day instead of by night.
        calendar.holidays.insert(Date::parse("10-01").unwrap());
        calendar.special.insert(Date::parse("2026-10-03").unwrap(), vec![parse_span("20:00-02:00").unwrap()]);
        let at = |day: i64, hour: i64| calendar.at((OCTOBER_1_2026 + day) * 1_440 + hour * 60);
        use Hours::{Closed, Holiday, Open};
        assert_eq!(
            [at(-1, 21), at(-1, 22), at(0, 5), at(0, 6), at(0, 23), at(1, 3)],
            [Closed, Open, Open, Holiday, Holiday, Closed]
        );
        assert_eq!([at(2, 19), at(2, 21), at(3, 1), at(3, 3)], [Closed, Open, Open, Closed]);
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!(parse_span("22:00-06:00"), Some((1_320, 1_800)));
        assert_eq!(parse_span("00:00-24:00"), Some((0, 1_440)));
        for bad in ["9:00-18:00", "09:00", "09:00-09:00", "09:60-10:00", "09:00-25:00", "24:00-06:00"] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
    }

    #[test]
    fn leap_day_is_a_day() {
        assert_eq!(date_of(19_782), Date { year: 2024, month: 2, day: 29 });
        assert_eq!(Date::parse("2024-02-29"), Some(date_of(19_782)));
        assert_eq!(["2024-2-29", "2026-02-29", "04-31", "2026-13-01", "2026-10-00"].map(Date::parse), [None; 5]);
    }
}
