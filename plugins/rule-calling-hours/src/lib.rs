//! Nobody is called at night, on a day off, more often than allowed, or who does not want to be.
//!
//! The hours are those of the called person where they are known, else the site's. Outside of them a call is put off to the next opening; who is on a
//! blocked list, or not on the list of those who consented, is not called at all.
//!
//! Settings: `days` (`mon-sat`; default all), `from` (`09:00`), `until` (`21:00`), `holidays` (dates), `blocked-lists` (`do-not-call`), `consent-list`
//! (none), `attempts-a-day` (none), `exempt` (purposes that may always be called: `consult, transfer`; none), `language` (`en`, `zh-CN`).

mod calendar;
#[cfg(test)]
mod tests;

use calendar::{DAY_MS, Day, MINUTE_MS, Weekdays};
use plugboard_rule::{About, Act, Decision, Dial, Effect, Language, Rule, Settings, Verdict, allow, deny, verdict};

/// Farther ahead nobody looks for an opening.
const MOST_DAYS: u64 = 366;

#[derive(Debug)]
pub struct CallingHours {
    days: Weekdays,
    /// Minutes of the day.
    from: u16,
    until: u16,
    holidays: Vec<Day>,
    blocked: Vec<String>,
    consented: Option<String>,
    attempts: Option<u32>,
    exempt: Vec<String>,
    language: Language,
}

plugboard_rule::export_rule!(crate::CallingHours);

impl Rule for CallingHours {
    const ABOUT: About = About {
        name: "rule-calling-hours",
        revision: 1,
        judges: &["dial"],
        listens: false,
        reviews: false,
        redacts: &[],
    };

    fn read(settings: &mut Settings<'_>) -> Self {
        let days = settings.text("days").map(|text| (text, Weekdays::parse(text)));
        if let Some((text, None)) = days {
            settings.fault("bad-days", "days", format!("`days` is {text:?}"), "write mon-fri, or mon, wed, sat");
        }
        let mut time = |name: &'static str, default: u16| {
            let text = settings.text(name)?;
            let minutes = calendar::minutes(text);
            if minutes.is_none() {
                settings.fault("bad-time", name, format!("`{name}` is {text:?}"), "write hours and minutes: 09:00");
            }
            Some(minutes.unwrap_or(default))
        };
        let from = time("from", 9 * 60).unwrap_or(9 * 60);
        let until = time("until", 21 * 60).unwrap_or(21 * 60);
        if from >= until {
            let message = "the day ends before it begins".to_owned();
            settings.fault("bad-time", "until", message, "let `until` be later than `from`");
        }
        let mut holidays = Vec::new();
        for text in settings.list("holidays").unwrap_or_default() {
            match Day::parse(&text) {
                Some(day) => holidays.push(day),
                None => {
                    settings.fault("bad-date", "holidays", format!("{text:?} is no date"), "write 2026-10-01");
                }
            }
        }
        Self {
            days: days.and_then(|(_, days)| days).unwrap_or_default(),
            from,
            until,
            holidays,
            blocked: settings.list("blocked-lists").unwrap_or_else(|| vec!["do-not-call".to_owned()]),
            consented: settings.text("consent-list").filter(|list| !list.is_empty()).map(str::to_owned),
            attempts: settings.number("attempts-a-day", 1, 64),
            exempt: settings.list("exempt").unwrap_or_default(),
            language: Language::read(settings),
        }
    }

    fn judge(&self, act: &Act) -> Verdict {
        let Effect::Dial(dial) = &act.what else { return deny("not-judged", "") };
        let say = |english, chinese| self.language.say(english, chinese);
        if dial.lists.iter().any(|list| self.blocked.contains(list)) {
            return deny(
                "do-not-call",
                say("this number is on a list of those who are not called", "该号码在禁呼名单中"),
            );
        }
        if self.exempt.contains(&dial.purpose) {
            return allow("exempt");
        }
        if self.consented.as_ref().is_some_and(|list| !dial.lists.contains(list)) {
            return deny("no-consent", say("there is no consent to call this number", "该号码未同意接听外呼"));
        }
        let offset_ms = i64::from(dial.their_offset_min.unwrap_or(act.utc_offset_min)) * MINUTE_MS;
        let there = i64::try_from(act.at_ms).unwrap_or(i64::MAX / 2) + offset_ms;
        if self.attempts.is_some_and(|most| self.tries_on(Day::of(there), dial, offset_ms) >= most) {
            let tomorrow = (there.div_euclid(DAY_MS) + 1) * DAY_MS;
            return self.put_off(
                tomorrow,
                offset_ms,
                "too-many-attempts",
                say("this number was called as often today as is allowed", "该号码今日呼叫次数已达上限"),
            );
        }
        if self.opens(there) == Some(there) {
            return allow("in-hours");
        }
        self.put_off(there, offset_ms, "quiet-hours", say("nobody is called at this time there", "当前时段不允许外呼"))
    }
}

impl CallingHours {
    fn tries_on(&self, day: Day, dial: &Dial, offset_ms: i64) -> u32 {
        let of_day = |at_ms: u64| i64::try_from(at_ms).is_ok_and(|at| Day::of(at + offset_ms) == day);
        let tries = dial.attempts.iter().filter(|attempt| of_day(attempt.at_ms)).count();
        u32::try_from(tries).unwrap_or(u32::MAX)
    }

    /// The first moment from `there` on at which somebody may be called; local milliseconds.
    fn opens(&self, there: i64) -> Option<i64> {
        let begin = there.div_euclid(DAY_MS);
        (begin..=begin + i64::try_from(MOST_DAYS).ok()?).find_map(|day| {
            let midnight = day * DAY_MS;
            let day = Day::of(midnight);
            let open = self.days.contains(day.weekday()) && !self.holidays.contains(&day);
            let (from, until) =
                (midnight + i64::from(self.from) * MINUTE_MS, midnight + i64::from(self.until) * MINUTE_MS);
            (open && there < until).then(|| there.max(from))
        })
    }

    fn put_off(&self, there: i64, offset_ms: i64, code: &str, reason: &str) -> Verdict {
        let later = self.opens(there).and_then(|local| u64::try_from(local - offset_ms).ok());
        match later {
            Some(at_ms) => verdict(Decision::Later(at_ms), code, reason, Vec::new()),
            None => deny(code, reason),
        }
    }
}
