//! A dialer: predictive while few calls are abandoned, one call a free agent otherwise.
//!
//! `wit/dialer.wit` says what is asked and until when. Numbers only: a dialer has no clock, no network and no memory but its settings.

#[allow(unused_qualifications, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "wit", world: "dialer-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Campaign);

    #[cfg(target_arch = "wasm32")]
    use super::Campaign;
}

use std::cell::Cell;

use contract::exports::plugboard::plugin::{
    common::{Failure, FailureCode, Problem, Setting, Severity},
    dialer::{Description, Guest, History, Next, Stats, Tempo},
};

const HOUR_MS: u64 = 60 * 60 * 1_000;
/// Answered calls before which a rate says nothing.
const FEW: u32 = 30;
/// Most calls for each agent who is free, in tenths: a burst is not taken back.
const MOST_TENTHS: u64 = 30;

/// As the schema of the settings has it.
const TRIES: u8 = 3;

thread_local! {
    static MOST_TRIES: Cell<u8> = const { Cell::new(TRIES) };
}

/// The component's exports.
pub struct Campaign;

impl Guest for Campaign {
    fn describe() -> Description {
        Description { name: "@NAME@".to_owned(), wants: Vec::new(), needs: Vec::new(), extra: Vec::new() }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        if tries(&settings).is_some() {
            return Vec::new();
        }
        vec![Problem {
            severity: Severity::Error,
            code: "bad-tries".to_owned(),
            node: None,
            field: Some("/tries".to_owned()),
            message: "`tries` is no whole number from 1 to 20".to_owned(),
            remedy: "write how often a number is tried in all".to_owned(),
            extra: Vec::new(),
        }]
    }

    fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
        let bad = || Failure {
            code: FailureCode::BadSettings,
            message: "`tries` is no whole number from 1 to 20".to_owned(),
            extra: Vec::new(),
        };
        MOST_TRIES.set(tries(&settings).ok_or_else(bad)?);
        Ok(())
    }

    fn pace(stats: Stats) -> Result<Tempo, Failure> {
        Ok(Tempo { calls: calls(&stats), extra: Vec::new() })
    }

    fn next_attempt(history: History) -> Result<Next, Failure> {
        let tried = history.attempts.len();
        let last = history.attempts.first().map(|attempt| attempt.outcome);
        Ok(match last {
            // Answered, or refused: whoever said no is not asked again.
            Some(0 | 4) => Next::Never,
            _ if tried >= usize::from(MOST_TRIES.get()) => Next::Never,
            // Busy is over sooner than nobody at home.
            Some(2) => Next::At(history.at_ms.saturating_add(HOUR_MS / 4)),
            _ => Next::At(history.at_ms.saturating_add(HOUR_MS << tried.min(5))),
        })
    }
}

fn tries(settings: &[Setting]) -> Option<u8> {
    match settings.iter().find(|setting| setting.name == "tries") {
        None => Some(TRIES),
        Some(setting) => setting.value.parse().ok().filter(|tries| (1..=20).contains(tries)),
    }
}

/// Enough that each free agent gets one who answers, less those who are on their way.
fn calls(stats: &Stats) -> u32 {
    let wanted = u64::from(stats.agents_free).saturating_sub(u64::from(stats.waiting));
    let abandoned = u64::from(stats.abandoned_total) * 1_000;
    let is_within = abandoned < u64::from(stats.abandon_limit) * u64::from(stats.answered_total);
    let tenths = if stats.answered_total < FEW || !is_within {
        10
    } else {
        (u64::from(stats.placed_total) * 10 / u64::from(stats.answered_total)).clamp(10, MOST_TENTHS)
    };
    let calls = (wanted * tenths / 10).saturating_sub(u64::from(stats.ringing));
    let most = stats.lines_free.min(stats.numbers_left);
    u32::try_from(calls).unwrap_or(u32::MAX).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Stats = Stats {
        at_ms: 0,
        agents_free: 4,
        agents_talking: 0,
        agents_wrapping: 0,
        ringing: 0,
        waiting: 0,
        numbers_left: 1_000,
        lines_free: 100,
        placed_total: 200,
        answered_total: 100,
        abandoned_total: 0,
        abandon_limit: 30,
        mean_ring_ms: 0,
        mean_talk_ms: 0,
        mean_wrap_ms: 0,
        more: Vec::new(),
    };

    #[test]
    fn half_answer_so_two_are_called_for_each_who_is_free() {
        assert_eq!(calls(&QUIET), 8);
        assert_eq!(calls(&Stats { ringing: 5, ..QUIET }), 3);
        assert_eq!(calls(&Stats { lines_free: 2, ..QUIET }), 2);
    }

    #[test]
    fn who_abandons_too_many_calls_one_for_each_who_is_free() {
        assert_eq!(calls(&Stats { abandoned_total: 3, ..QUIET }), 4);
    }
}
