//! Paces by the sum of all numbers that it is given, so that none of them can be lost.

wit_bindgen::generate!({ path: "../../../../../../wit/released/0.1.1", world: "dialer-plugin" });
export!(Released);

use exports::plugboard::plugin::{
    common::{Failure, FailureCode, Problem, Setting, Severity},
    dialer::{Description, Guest, History, Next, Stats, Tempo},
};

struct Released;

impl Guest for Released {
    fn describe() -> Description {
        Description { name: "released".into(), wants: vec!["mood".into()], needs: vec![], extra: vec![] }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let problem = |setting: Setting| Problem {
            severity: Severity::Error,
            code: "acme.odd".into(),
            node: None,
            field: None,
            message: setting.name,
            remedy: setting.value,
            extra: vec![],
        };
        settings.into_iter().map(problem).collect()
    }

    fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
        match settings.first() {
            Some(setting) if setting.value == "worse" => {
                Err(Failure { code: FailureCode::BadSettings, message: setting.name.clone(), extra: vec![] })
            }
            _ => Ok(()),
        }
    }

    fn pace(stats: Stats) -> Result<Tempo, Failure> {
        let numbers = [
            stats.agents_free,
            stats.agents_talking,
            stats.agents_wrapping,
            stats.ringing,
            stats.waiting,
            stats.numbers_left,
            stats.lines_free,
            stats.placed_total,
            stats.answered_total,
            stats.abandoned_total,
            stats.abandon_limit.into(),
            stats.mean_ring_ms,
            stats.mean_talk_ms,
            stats.mean_wrap_ms,
            (stats.at_ms % 1_000) as u32,
        ];
        let more: i64 = stats.more.iter().sum();
        Ok(Tempo { calls: numbers.iter().sum::<u32>() + more as u32, extra: vec![] })
    }

    fn next_attempt(history: History) -> Result<Next, Failure> {
        let of = |attempt: &exports::plugboard::plugin::dialer::Attempt| {
            u64::from(attempt.outcome) + u64::from(attempt.ring_ms) + u64::from(attempt.talk_ms) + attempt.at_ms % 1_000
        };
        match history.their_offset_min {
            None => Ok(Next::Never),
            Some(minutes) => {
                let sum: u64 = history.attempts.iter().map(of).sum();
                Ok(Next::At(history.at_ms + minutes as u64 * 60_000 + sum))
            }
        }
    }
}
