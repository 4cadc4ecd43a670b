//! How one connector fares: counts, how long it takes, and whether it is let be for a while.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use plugboard_model::{Timestamp, masked_numbers};
use plugboard_pack::{
    Outcome,
    quarantine::{Admission, Quarantine, Rules, Ticket, Transition},
};
use plugboard_plugin::Histogram;

/// What the rate of failures looks back on.
const MINUTE: Duration = Duration::from_secs(60);
/// Questions of that minute that are remembered.
const MOST: usize = 1_024;
/// So many failures in the minute, and at least half of all, are an alarm.
const ALARMING: usize = 3;
/// Characters of a reason that are kept.
const LONGEST_REASON: usize = 200;

#[derive(Debug)]
pub(crate) struct Health {
    circuit: Quarantine,
    outcomes: BTreeMap<&'static str, u64>,
    took: Histogram,
    /// When, and whether it failed.
    recent: VecDeque<(Timestamp, bool)>,
    is_alarming: bool,
    /// The last question of all failed.
    is_down: bool,
    last_failure: Option<LastFailure>,
}

/// The last question that failed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastFailure {
    pub(crate) at: Timestamp,
    /// Without what may be the number of a person or a card.
    pub(crate) why: String,
}

/// What came of a question.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// `ok`, `not-found`, `unreachable`, …
    pub(crate) word: &'static str,
    /// Why the way there is broken; `None`: it is not, whatever the answer was.
    pub(crate) failure: Option<String>,
}

/// What people and Prometheus see.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// By word: `ok`, `not-found`, `unreachable`, …
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    pub(crate) took: Histogram,
    /// Of the last minute: questions, and those that failed.
    pub(crate) recent: (u64, u64),
    /// Not asked before then; `None`: the circuit is closed.
    pub(crate) let_be_until: Option<Timestamp>,
    pub(crate) is_alarming: bool,
    pub(crate) last_failure: Option<LastFailure>,
}

/// What a question changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// Somebody should look.
    Alarm,
    Well,
}

impl Health {
    pub(crate) fn new() -> Self {
        let (first, most) = (Duration::from_secs(5), Duration::from_secs(300));
        let rules = Rules::new(5, MINUTE, (first, most), Duration::from_secs(10)).expect("rules within their bounds");
        Self {
            circuit: Quarantine::new(rules),
            outcomes: BTreeMap::new(),
            took: Histogram::default(),
            recent: VecDeque::new(),
            is_alarming: false,
            is_down: false,
            last_failure: None,
        }
    }

    /// `Err`: nobody is asked before then.
    pub(crate) fn admit(&mut self, now: Timestamp) -> Result<Ticket, Timestamp> {
        match self.circuit.admit(now) {
            Admission::Ask(ticket) | Admission::Probe(ticket) => Ok(ticket),
            Admission::Refused { until } => {
                *self.outcomes.entry("let-be").or_default() += 1;
                Err(until)
            }
        }
    }

    /// Nobody was asked after all.
    pub(crate) fn withdraw(&mut self, now: Timestamp, ticket: Ticket) {
        self.circuit.withdraw(now, ticket);
    }

    pub(crate) fn ended(&mut self, now: Timestamp, ticket: Ticket, how: Ended, took: Duration) -> Change {
        let Ended { word, failure } = how;
        *self.outcomes.entry(word).or_default() += 1;
        self.took.add(took);
        if self.recent.len() >= MOST {
            self.recent.pop_front();
        }
        self.is_down = failure.is_some();
        self.recent.push_back((now, self.is_down));
        let outcome = if self.is_down { Outcome::Late } else { Outcome::Good };
        if let Some(why) = failure {
            let why: String = masked_numbers(&why).unwrap_or(why).chars().take(LONGEST_REASON).collect();
            self.last_failure = Some(LastFailure { at: now, why });
        }
        let transition = self.circuit.handle_outcome(now, ticket, outcome);
        let opened = matches!(transition, Some(Transition::Opened { .. } | Transition::Reopened { .. }));
        match self.look(now) {
            Change::None if opened => Change::Alarm,
            change => change,
        }
    }

    /// What time changed: failures age, also where nobody asks. Only a good answer ends an alarm, so that a system which is asked seldom is not
    /// well because its failures lie apart.
    pub(crate) fn look(&mut self, now: Timestamp) -> Change {
        let (asked, failures) = self.recent(now);
        let many = failures >= ALARMING && failures * 2 >= asked;
        let alarming = self.circuit.is_open() || many || (self.is_alarming && self.is_down);
        match (std::mem::replace(&mut self.is_alarming, alarming), alarming) {
            (false, true) => Change::Alarm,
            (true, false) => Change::Well,
            _ => Change::None,
        }
    }

    fn recent(&mut self, now: Timestamp) -> (usize, usize) {
        while self.recent.front().is_some_and(|(at, _)| now.since(*at) >= MINUTE) {
            self.recent.pop_front();
        }
        (self.recent.len(), self.recent.iter().filter(|(_, failed)| *failed).count())
    }

    pub(crate) fn figures(&mut self, now: Timestamp) -> Figures {
        let (asked, failed) = self.recent(now);
        Figures {
            outcomes: self.outcomes.clone(),
            took: self.took.clone(),
            recent: (asked as u64, failed as u64),
            let_be_until: self.circuit.until(),
            is_alarming: self.is_alarming,
            last_failure: self.last_failure.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000 + seconds)
    }

    fn asked(health: &mut Health, seconds: u64, failed: bool) -> Change {
        let ticket = health.admit(at(seconds)).expect("it is asked");
        let word = if failed { "unreachable" } else { "ok" };
        let failure = failed.then(|| "card 4929123456781234 is refused".to_owned());
        health.ended(at(seconds), ticket, Ended { word, failure }, MINUTE)
    }

    #[test]
    fn third_failure_of_a_minute_is_an_alarm_and_the_fifth_lets_the_connector_be() {
        let mut health = Health::new();
        let changes: Vec<Change> = (0..5).map(|second| asked(&mut health, second, true)).collect();
        assert_eq!(changes, [Change::None, Change::None, Change::Alarm, Change::None, Change::Alarm]);
        assert_eq!((health.admit(at(5)), health.figures(at(5)).let_be_until), (Err(at(9)), Some(at(9))));
    }

    #[test]
    fn connector_that_answers_the_probe_is_well_once_its_failures_are_fewer_than_half() {
        let mut health = Health::new();
        for second in 0..5 {
            asked(&mut health, second, true);
        }
        let changes: Vec<Change> = (0..6).map(|second| asked(&mut health, 10 + second, false)).collect();
        assert_eq!(changes.iter().position(|change| *change == Change::Well), Some(5));
    }

    /// One in ten is no news over a long day.
    #[test]
    fn few_failures_among_many_answers_are_no_alarm() {
        let mut health = Health::new();
        let alarms = (0..1_000).map(|second| asked(&mut health, second, second % 10 == 9));
        assert_eq!(alarms.filter(|change| *change != Change::None).count(), 0);
    }

    /// A letter that is told at the fourth attempt may be the last question for hours.
    #[test]
    fn alarm_ends_by_itself_when_the_last_answer_was_good_and_the_failures_are_a_minute_old() {
        let mut health = Health::new();
        for (second, failed) in [(0, true), (1, true), (3, true), (7, false)] {
            asked(&mut health, second, failed);
        }
        let looks = [59, 60, 61].map(|second| health.look(at(second)));
        assert_eq!(looks, [Change::None, Change::Well, Change::None]);
    }

    #[test]
    fn system_that_only_fails_stays_an_alarm_however_seldom_it_is_asked() {
        let mut health = Health::new();
        for second in [0, 1, 3] {
            asked(&mut health, second, true);
        }
        let changes = [100, 200, 3_800].map(|second| (health.look(at(second)), asked(&mut health, second, true)));
        assert_eq!(changes, [(Change::None, Change::None); 3]);
    }

    #[test]
    fn reason_of_the_last_failure_stays_without_its_numbers() {
        let mut health = Health::new();
        asked(&mut health, 1, true);
        asked(&mut health, 2, false);
        let why = "card 492*********1234 is refused".to_owned();
        assert_eq!(health.figures(at(3)).last_failure, Some(LastFailure { at: at(1), why }));
    }
}
