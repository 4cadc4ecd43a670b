//! A compliance rule: no calls in the called person's night.
//!
//! `wit/compliance.wit` says what is judged and when. A rule has no clock: the time of an act stands in it.

#[allow(unused_qualifications, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "wit", world: "compliance-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Night);

    #[cfg(target_arch = "wasm32")]
    use super::Night;
}

use std::cell::Cell;

use contract::exports::plugboard::plugin::{
    common::{Failure, FailureCode, Problem, Setting, Severity},
    compliance::{Description, Guest},
    compliance_types::{Act, Decision, Effect, Finding, Heard, Segment, Span, Transcript, Verdict},
};

const MINUTE_MS: u64 = 60_000;
const DAY_MIN: i64 = 24 * 60;

/// First and last hour of the day in which people are called: what the schema has as its defaults.
#[derive(Clone, Copy)]
struct Day {
    from: u8,
    until: u8,
}

thread_local! {
    static DAY: Cell<Day> = const { Cell::new(Day { from: 8, until: 21 }) };
}

impl Day {
    /// Or the setting that is wrong.
    fn read(settings: &[Setting]) -> Result<Self, &'static str> {
        let hour = |name: &'static str, default: u8| match settings.iter().find(|setting| setting.name == name) {
            None => Ok(default),
            Some(setting) => setting.value.parse().ok().filter(|hour| *hour <= 24).ok_or(name),
        };
        let day = Self { from: hour("from", 8)?, until: hour("until", 21)? };
        if day.from < day.until { Ok(day) } else { Err("until") }
    }

    /// Milliseconds until the day begins where that clock stands; `None`: it is day.
    fn wait_ms(self, at_ms: u64, offset_min: i16) -> Option<u64> {
        let minute = i64::try_from(at_ms / MINUTE_MS).unwrap_or(i64::MAX).saturating_add(i64::from(offset_min));
        let of_day = minute.rem_euclid(DAY_MIN);
        let (from, until) = (i64::from(self.from) * 60, i64::from(self.until) * 60);
        let wait = match of_day {
            _ if of_day < from => from - of_day,
            _ if of_day < until => return None,
            _ => DAY_MIN - of_day + from,
        };
        Some(u64::try_from(wait).unwrap_or(0) * MINUTE_MS)
    }
}

/// The component's exports.
pub struct Night;

impl Guest for Night {
    fn describe() -> Description {
        Description {
            name: "@NAME@".to_owned(),
            revision: 1,
            judges: vec!["dial".to_owned()],
            listens: false,
            reviews: false,
            redacts: Vec::new(),
            needs: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let problem = |name: &str| Problem {
            severity: Severity::Error,
            code: "bad-hour".to_owned(),
            node: None,
            field: Some(format!("/{name}")),
            message: format!("`{name}` is no hour of the day that begins at `from`"),
            remedy: "write whole hours, `from` before `until`, 0 to 24".to_owned(),
            extra: Vec::new(),
        };
        Day::read(&settings).err().map(problem).into_iter().collect()
    }

    fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
        let day = Day::read(&settings).map_err(|name| failure(FailureCode::BadSettings, name))?;
        DAY.set(day);
        Ok(())
    }

    fn judge(act: Act) -> Result<Verdict, Failure> {
        let Effect::Dial(dial) = &act.what else { return Ok(verdict(Decision::Allow, "not-a-call", "")) };
        // Where nobody knows what time it is there, the site's own clock counts.
        let offset = dial.their_offset_min.unwrap_or(act.utc_offset_min);
        Ok(match DAY.get().wait_ms(act.at_ms, offset) {
            None => verdict(Decision::Allow, "by-day", ""),
            Some(wait) => {
                verdict(Decision::Later(act.at_ms.saturating_add(wait)), "night", "it is night where they are")
            }
        })
    }

    // `describe` says that it takes no part in what follows: it is not asked.

    fn on_utterance(state: Vec<u8>, _: Segment) -> Result<Heard, Failure> {
        Ok(Heard { state, alerts: Vec::new(), extra: Vec::new() })
    }

    fn review(_: Transcript) -> Result<Vec<Finding>, Failure> {
        Ok(Vec::new())
    }

    fn redact(_: String, _: String) -> Result<Vec<Span>, Failure> {
        Ok(Vec::new())
    }
}

fn verdict(decision: Decision, code: &str, reason: &str) -> Verdict {
    Verdict { decision, code: code.to_owned(), reason: reason.to_owned(), duties: Vec::new(), extra: Vec::new() }
}

fn failure(code: FailureCode, message: &str) -> Failure {
    Failure { code, message: message.to_owned(), extra: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_night_ends_where_the_called_person_is() {
        let day = Day { from: 8, until: 21 };
        // 10:00 UTC is 18:00 in Shanghai, 05:00 in New York and 21:00 in Sydney.
        let ten = 1_795_428_000_000;
        let hours = [480, -300, 660].map(|offset| day.wait_ms(ten, offset).map(|wait| wait / 3_600_000));
        assert_eq!(hours, [None, Some(3), Some(11)]);
    }
}
