//! What a campaign's dialer is asked: campaigns at their bounds, and histories as long as they get.

use plugboard_model::{
    Timestamp,
    dialer::{ABSENT, Attempt, History, MAX_ATTEMPTS, Outcome, Stats},
};

use crate::{Ask, Question, Settings, exam::Exam};

/// Monday 2026-11-23, 10:00 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_795_428_000);
const OUTCOMES: [Outcome; 9] = [
    Outcome::Answered,
    Outcome::NoAnswer,
    Outcome::Busy,
    Outcome::Machine,
    Outcome::Refused,
    Outcome::Failed,
    Outcome::Abandoned,
    Outcome::Other(7),
    Outcome::Other(u8::MAX),
];

/// `wants`: how many values of its own it is told.
pub(crate) fn examine(exam: &mut Exam<'_>, wants: usize, settings: &Settings) {
    for (case, stats) in campaigns() {
        for (known, value) in
            [("", 500), (", nothing known of what it wants", ABSENT), (", as much as can be", i64::MAX)]
        {
            let stats = Stats { more: vec![value; wants], ..stats.clone() };
            exam.answers(&format!("{case}{known}"), &Question::of(settings, Ask::Pace(Box::new(stats))));
            if wants == 0 {
                break;
            }
        }
    }
    for (case, history) in histories() {
        exam.answers(&case, &Question::of(settings, Ask::NextAttempt(Box::new(history))));
    }
}

fn campaigns() -> Vec<(&'static str, Stats)> {
    let running = Stats {
        at: NOW,
        agents_free: 4,
        agents_talking: 20,
        agents_wrapping: 3,
        ringing: 6,
        waiting: 1,
        numbers_left: 5_000,
        lines_free: 30,
        placed_total: 900,
        answered_total: 400,
        abandoned_total: 8,
        abandon_limit_permille: 30,
        mean_ring_ms: 14_000,
        mean_talk_ms: 95_000,
        mean_wrap_ms: 20_000,
        more: Vec::new(),
    };
    let most = Stats {
        at: Timestamp::from_secs(4_102_444_800),
        agents_free: u32::MAX,
        agents_talking: u32::MAX,
        agents_wrapping: u32::MAX,
        ringing: u32::MAX,
        waiting: u32::MAX,
        numbers_left: u32::MAX,
        lines_free: u32::MAX,
        placed_total: u32::MAX,
        answered_total: u32::MAX,
        abandoned_total: u32::MAX,
        abandon_limit_permille: u16::MAX,
        mean_ring_ms: u32::MAX,
        mean_talk_ms: u32::MAX,
        mean_wrap_ms: u32::MAX,
        more: Vec::new(),
    };
    vec![
        ("a running campaign", running.clone()),
        (
            "one that has just begun",
            Stats { at: NOW, agents_free: 5, lines_free: 10, numbers_left: 9, ..Stats::default() },
        ),
        ("nothing at all", Stats::default()),
        ("the greatest numbers", most.clone()),
        ("nobody is free", Stats { agents_free: 0, ..running.clone() }),
        ("more wait than are free", Stats { waiting: 50, ..running.clone() }),
        ("no numbers are left", Stats { numbers_left: 0, ..running.clone() }),
        ("no lines are left", Stats { lines_free: 0, ..running.clone() }),
        ("too many were abandoned", Stats { abandoned_total: 300, ..running.clone() }),
        (
            "more were abandoned than answered",
            Stats { abandoned_total: u32::MAX, answered_total: 1, ..running.clone() },
        ),
        ("no call may be abandoned", Stats { abandon_limit_permille: 0, ..running }),
        ("many free, nobody ever answered", Stats { answered_total: 0, mean_talk_ms: 0, ..most }),
    ]
}

fn histories() -> Vec<(String, History)> {
    let attempt = |ago: u64, outcome| Attempt {
        at: Timestamp::from_secs(1_795_428_000 - ago * 3_600),
        outcome,
        ring_ms: 20_000,
        talk_ms: 0,
    };
    let history = |at, their_offset_min, attempts| History { at, their_offset_min, attempts };
    let mut histories: Vec<_> = OUTCOMES
        .iter()
        .map(|outcome| (format!("one attempt: {outcome:?}"), history(NOW, Some(480), vec![attempt(0, *outcome)])))
        .collect();
    let long: Vec<Attempt> = (0..MAX_ATTEMPTS).map(|at| attempt(at as u64, OUTCOMES[at % OUTCOMES.len()])).collect();
    let later = Attempt { at: Timestamp::from_secs(4_102_444_800), ..attempt(0, Outcome::NoAnswer) };
    let longest = Attempt { ring_ms: u32::MAX, talk_ms: u32::MAX, ..later };
    histories.extend([
        ("never called".to_owned(), history(NOW, None, Vec::new())),
        ("64 attempts".to_owned(), history(NOW, Some(-720), long)),
        (
            "the same attempt 64 times".to_owned(),
            history(NOW, Some(840), vec![attempt(1, Outcome::Busy); MAX_ATTEMPTS]),
        ),
        ("at the epoch".to_owned(), history(Timestamp::from_millis(0), Some(-1_440), vec![later])),
        ("in the year 2100".to_owned(), history(Timestamp::from_secs(4_102_444_800), Some(1_440), vec![longest])),
    ]);
    histories
}
