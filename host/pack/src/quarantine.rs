//! Keeps a component from being asked while it fails, and asks it again now and then.
//!
//! ```text
//!   N failures in the window, not made up for     until is reached, next question
//!  Closed ───────────────────────────────► Open ─────────────────────────────────► HalfOpen
//!    ▲                                      ▲                                        │ │
//!    │                                      └──── the probe fails: back-off doubles ─┘ │
//!    └───────────────────────────────────────────────────── the probe is answered ────┘
//! ```
//!
//! Whoever is refused takes the native default at once. Replies to questions of an earlier state are late news and change nothing: each question
//! carries a [`Ticket`].

use std::{collections::VecDeque, time::Duration};

use plugboard_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Good answers that make up for one failure: a component that fails less often than once in ten goes on, however much it is asked. Else a moment in which
/// the machine is busy would take a flow from all callers of a large tenant.
const FORGIVE: u32 = 9;

/// When a component is kept from being asked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Failures within `window`, beyond those that good answers made up for, that open it; 1 to 1,000.
    failures: usize,
    window: Duration,
    /// The first wait.
    first: Duration,
    /// The longest wait.
    most: Duration,
    /// How long a probe may take before another question is tried in its place.
    probe: Duration,
}

impl Rules {
    /// `None` unless 1 ≤ `failures` ≤ 1,000, 0 < `first` ≤ `most`, and window and probe are not zero.
    pub fn new(
        failures: usize,
        window: Duration,
        (first, most): (Duration, Duration),
        probe: Duration,
    ) -> Option<Self> {
        let fits = (1..=1_000).contains(&failures)
            && [window, first, probe].iter().all(|duration| !duration.is_zero())
            && first <= most;
        fits.then_some(Self { failures, window, first, most, probe })
    }
}

impl Default for Rules {
    /// 10 failures in a minute, beyond one in ten; then 5 s, 10 s and so on up to 5 minutes; a probe has 10 s.
    fn default() -> Self {
        let (window, probe) = (Duration::from_secs(60), Duration::from_secs(10));
        Self { failures: 10, window, first: Duration::from_secs(5), most: Duration::from_secs(300), probe }
    }
}

/// One component of one tenant.
#[derive(Clone, Debug)]
pub struct Quarantine {
    rules: Rules,
    state: State,
    /// Rises with each transition and each probe.
    generation: u64,
}

/// What a question has to bring back with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

#[derive(Clone, Debug)]
enum State {
    Closed {
        /// The latest failures, oldest first; fewer than the rules' number.
        failures: VecDeque<Timestamp>,
        /// Good answers since one last made up for a failure.
        good: u32,
        /// The wait before, and when it was over; nothing if it never failed.
        recovered: Option<(Duration, Timestamp)>,
    },
    Open {
        until: Timestamp,
        back_off: Duration,
    },
    HalfOpen {
        /// When another question is tried.
        until: Timestamp,
        back_off: Duration,
    },
}

/// May it be asked?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Ask(Ticket),
    /// As [`Self::Ask`]; all others are refused until its outcome is known.
    Probe(Ticket),
    /// Not before `until`, at the earliest.
    Refused {
        until: Timestamp,
    },
}

/// For the supervisor and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transition {
    /// It failed too often.
    Opened { until: Timestamp },
    /// It failed the probe.
    Reopened { until: Timestamp },
    /// It answered the probe.
    Closed,
}

impl Quarantine {
    pub fn new(rules: Rules) -> Self {
        Self { rules, state: State::Closed { failures: VecDeque::new(), good: 0, recovered: None }, generation: 0 }
    }

    /// Whether it is kept from being asked, but for probes.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// When it may be asked again, at the earliest; `None`: it may be asked.
    pub fn until(&self) -> Option<Timestamp> {
        match self.state {
            State::Closed { .. } => None,
            State::Open { until, .. } | State::HalfOpen { until, .. } => Some(until),
        }
    }

    /// Before each question.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Ask(Ticket(self.generation)),
            State::Open { until, .. } | State::HalfOpen { until, .. } if now < until => Admission::Refused { until },
            // In half-open the probe's reply was lost; nobody is to blame, and nobody waits for ever.
            State::Open { back_off, .. } | State::HalfOpen { back_off, .. } => {
                self.generation += 1;
                self.state = State::HalfOpen { until: now + self.rules.probe, back_off };
                Admission::Probe(Ticket(self.generation))
            }
        }
    }

    /// After each question that was put.
    pub fn handle_outcome(&mut self, now: Timestamp, ticket: Ticket, outcome: Outcome) -> Option<Transition> {
        if ticket != Ticket(self.generation) {
            return None;
        }
        let Rules { failures: enough, window, first, most, .. } = self.rules;
        match (&mut self.state, outcome.is_failure()) {
            (State::Closed { failures, recovered, .. }, true) => {
                failures.retain(|at| now - *at < window);
                failures.push_back(now);
                if failures.len() < enough {
                    return None;
                }
                // Soon after a recovery it is the same trouble, which was not over.
                let back_off = match recovered {
                    Some((back_off, at)) if now - *at < window.max(*back_off) => (*back_off * 2).min(most),
                    _ => first,
                };
                Some(Transition::Opened { until: self.open(now, back_off) })
            }
            (State::HalfOpen { back_off, .. }, true) => {
                let back_off = (*back_off * 2).min(most);
                Some(Transition::Reopened { until: self.open(now, back_off) })
            }
            (State::HalfOpen { back_off, .. }, false) => {
                self.state = State::Closed { failures: VecDeque::new(), good: 0, recovered: Some((*back_off, now)) };
                self.generation += 1;
                Some(Transition::Closed)
            }
            (State::Closed { failures, good, .. }, false) => {
                *good += 1;
                if *good >= FORGIVE {
                    *good = 0;
                    failures.pop_front();
                }
                None
            }
            // Nobody is asked.
            (State::Open { .. }, _) => None,
        }
    }

    /// The question was not put after all: the next one may be the probe.
    pub fn withdraw(&mut self, now: Timestamp, ticket: Ticket) {
        if let State::HalfOpen { until, .. } = &mut self.state
            && ticket == Ticket(self.generation)
        {
            *until = now;
        }
    }

    fn open(&mut self, now: Timestamp, back_off: Duration) -> Timestamp {
        let until = now + back_off;
        self.state = State::Open { until, back_off };
        self.generation += 1;
        until
    }
}
