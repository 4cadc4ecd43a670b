//! How much worse a new version may do before it goes back on its own.

use std::{collections::BTreeSet, fmt, time::Duration};

use plugboard_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BasisPoints, End};
use crate::Outcome;

/// Parts of a window, each forgotten as a whole.
const SLOTS: usize = 10;

/// What a new version may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// How far back outcomes count, in seconds; 10 to 86,400.
    window_s: u32,
    /// How long a version is watched after its promotion, in seconds; at most 604,800.
    watch_s: u32,
    /// Replies, or ended interactions, before their rate says something; 1 to 1,000,000.
    minimum: u32,
    /// Of all replies: traps, deadlines, bad answers, refusals to answer.
    failures: BasisPoints,
    /// Hang-ups in the flow, of all interactions that ended, above those of the version beside it.
    hang_ups: BasisPoints,
    /// Interactions beyond the service level, of those that came to a queue, above those of the version beside it.
    beyond_service_level: BasisPoints,
}

/// What became of a version's questions and interactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub replies: u32,
    pub trapped: u32,
    pub late: u32,
    pub bad_answers: u32,
    pub declined: u32,
    /// A shadow's answers that were those of the stable version.
    pub same: u32,
    pub different: u32,
    /// A shadow's questions that were not asked, or not compared, because the host had more to do.
    pub dropped: u32,
    pub ended: u32,
    pub hung_up_in_flow: u32,
    /// Interactions that came to a queue.
    pub queued: u32,
    pub beyond_service_level: u32,
}

/// Why a version went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Somebody asked for it.
    Asked,
    Failures {
        failed: u32,
        replies: u32,
    },
    HangUps {
        hung_up: u32,
        ended: u32,
    },
    ServiceLevel {
        beyond: u32,
        queued: u32,
    },
}

/// For an operator.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("somebody asked for it"),
            Self::Failures { failed, replies } => write!(f, "{failed} of {replies} questions failed"),
            Self::HangUps { hung_up, ended } => write!(f, "{hung_up} of {ended} callers hung up in the flow"),
            Self::ServiceLevel { beyond, queued } => write!(f, "{beyond} of {queued} waited beyond the service level"),
        }
    }
}

impl Default for Budget {
    /// 10 minutes back, watched for an hour, from 200 on: 1 % failures, 5 points more hang-ups, 10 points more beyond the service level.
    fn default() -> Self {
        Self {
            window_s: 600,
            watch_s: 3_600,
            minimum: 200,
            failures: BasisPoints::from_percent(1).expect("at most 100"),
            hang_ups: BasisPoints::from_percent(5).expect("at most 100"),
            beyond_service_level: BasisPoints::from_percent(10).expect("at most 100"),
        }
    }
}

impl Budget {
    /// `None` if a number is out of its range: window 10 s to a day, watch at most a week, minimum 1 to 1,000,000. Parts of seconds are cut off.
    pub fn new(
        window: Duration,
        watch: Duration,
        minimum: u32,
        failures: BasisPoints,
        hang_ups: BasisPoints,
        beyond_service_level: BasisPoints,
    ) -> Option<Self> {
        let (window_s, watch_s) = (u32::try_from(window.as_secs()).ok()?, u32::try_from(watch.as_secs()).ok()?);
        let fits = (10..=86_400).contains(&window_s) && watch_s <= 604_800 && (1..=1_000_000).contains(&minimum);
        fits.then_some(Self { window_s, watch_s, minimum, failures, hang_ups, beyond_service_level })
    }

    /// This one with the named parts changed: `failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h`, each at most once.
    pub fn changed(self, text: &str) -> Result<Self, BudgetError> {
        let Self { window_s, watch_s, mut minimum, mut failures, mut hang_ups, mut beyond_service_level } = self;
        let (mut window, mut watch) = (Duration::from_secs(window_s.into()), Duration::from_secs(watch_s.into()));
        let mut named = BTreeSet::new();
        for part in text.split(',').map(str::trim) {
            let unknown = || BudgetError::Part { part: part.to_owned() };
            let (name, value) = part.split_once('=').ok_or_else(unknown)?;
            if !named.insert(name) {
                return Err(unknown());
            }
            let share = || value.parse::<BasisPoints>().map_err(|_| unknown());
            match name {
                "failures" => failures = share()?,
                "hang-ups" => hang_ups = share()?,
                "service-level" => beyond_service_level = share()?,
                "minimum" => minimum = value.parse().map_err(|_| unknown())?,
                "window" => window = length(value).ok_or_else(unknown)?,
                "watch" => watch = length(value).ok_or_else(unknown)?,
                _ => return Err(unknown()),
            }
        }
        Self::new(window, watch, minimum, failures, hang_ups, beyond_service_level).ok_or(BudgetError::Range)
    }

    pub fn window(&self) -> Duration {
        Duration::from_secs(self.window_s.into())
    }

    pub fn watch(&self) -> Duration {
        Duration::from_secs(self.watch_s.into())
    }

    /// `beside`: the version that it is compared with.
    pub(super) fn spent(&self, judged: &Tally, beside: &Tally) -> Option<Why> {
        // As soon as not even a faultless rest of the minimum could save it.
        let (failed, replies) = (judged.failed(), judged.replies);
        if u64::from(failed) * 10_000 > u64::from(self.failures.get()) * u64::from(replies.max(self.minimum)) {
            return Some(Why::Failures { failed, replies });
        }
        if self.is_worse((judged.hung_up_in_flow, judged.ended), (beside.hung_up_in_flow, beside.ended), self.hang_ups)
        {
            return Some(Why::HangUps { hung_up: judged.hung_up_in_flow, ended: judged.ended });
        }
        let beyond = |tally: &Tally| (tally.beyond_service_level, tally.queued);
        if self.is_worse(beyond(judged), beyond(beside), self.beyond_service_level) {
            return Some(Why::ServiceLevel { beyond: judged.beyond_service_level, queued: judged.queued });
        }
        None
    }

    /// Whether one share is more than `most` above the other. Callers hang up on good versions too, so nothing is said without the other.
    fn is_worse(&self, (bad, all): (u32, u32), (bad_beside, all_beside): (u32, u32), most: BasisPoints) -> bool {
        let enough = all.min(all_beside) >= self.minimum;
        let [bad, all, bad_beside, all_beside] = [bad, all, bad_beside, all_beside].map(u128::from);
        enough && bad * all_beside * 10_000 > bad_beside * all * 10_000 + u128::from(most.get()) * all * all_beside
    }
}

/// Why a budget is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    #[error("{part:?} is no part of a budget")]
    Part { part: String },
    #[error("a budget looks back 10s to 24h, watches for at most 7d, and its minimum is 1 to 1000000")]
    Range,
}

impl BudgetError {
    /// One sentence.
    pub fn remedy(&self) -> &'static str {
        "write it as failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h, and leave out what stays"
    }
}

/// As [`Budget::changed`] reads it.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window_s, watch_s, minimum, failures, hang_ups, beyond_service_level } = self;
        write!(f, "failures={failures},hang-ups={hang_ups},service-level={beyond_service_level},minimum={minimum},")?;
        write!(f, "window={},watch={}", Length(*window_s), Length(*watch_s))
    }
}

/// Seconds in the largest unit that holds them whole.
struct Length(u32);

const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, seconds): &&(char, u32)| self.0 > 0 && self.0.is_multiple_of(*seconds);
        let (unit, seconds) = UNITS.iter().find(fits).unwrap_or(&('s', 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

fn length(text: &str) -> Option<Duration> {
    let (unit, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
    let number: u32 = text.strip_suffix(*unit)?.parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(*seconds)?.into()))
}

impl Tally {
    pub fn failed(&self) -> u32 {
        self.trapped + self.late + self.bad_answers + self.declined
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        self.replies += 1;
        match outcome {
            Outcome::Good => {}
            Outcome::Trapped => self.trapped += 1,
            Outcome::Late => self.late += 1,
            Outcome::BadAnswer => self.bad_answers += 1,
            Outcome::Declined => self.declined += 1,
        }
    }

    pub(super) fn compare(&mut self, same: bool) {
        *(if same { &mut self.same } else { &mut self.different }) += 1;
    }

    pub(super) fn drop_one(&mut self) {
        self.dropped += 1;
    }

    pub(super) fn end(&mut self, End { hung_up_in_flow, within_service_level }: End) {
        self.ended += 1;
        self.hung_up_in_flow += u32::from(hung_up_in_flow);
        if let Some(within) = within_service_level {
            self.queued += 1;
            self.beyond_service_level += u32::from(!within);
        }
    }

    fn add(&mut self, more: &Self) {
        for (sum, more) in self.each().into_iter().zip(more.clone().each()) {
            *sum = sum.saturating_add(*more);
        }
    }

    fn each(&mut self) -> [&mut u32; 12] {
        [
            &mut self.replies,
            &mut self.trapped,
            &mut self.late,
            &mut self.bad_answers,
            &mut self.declined,
            &mut self.same,
            &mut self.different,
            &mut self.dropped,
            &mut self.ended,
            &mut self.hung_up_in_flow,
            &mut self.queued,
            &mut self.beyond_service_level,
        ]
    }
}

/// Tallies of a stretch of time, in ten parts.
#[derive(Clone, Debug)]
pub(super) struct Window {
    slot: Duration,
    /// The number of the slot since the epoch, and what fell into it.
    slots: [(u64, Tally); SLOTS],
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        let slot = (length / SLOTS as u32).max(Duration::from_secs(1));
        Self { slot, slots: [(0, Tally::default()); SLOTS] }
    }

    fn number(&self, now: Timestamp) -> u64 {
        now.as_millis() / u64::try_from(self.slot.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn add(&mut self, now: Timestamp, count: impl FnOnce(&mut Tally)) {
        let number = self.number(now);
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        if slot.0 != number {
            *slot = (number, Tally::default());
        }
        count(&mut slot.1);
    }

    pub(super) fn sum(&self, now: Timestamp) -> Tally {
        let newest = self.number(now);
        let mut sum = Tally::default();
        let within = |(number, _): &&(u64, Tally)| newest.saturating_sub(*number) < SLOTS as u64;
        self.slots.iter().filter(within).for_each(|(_, tally)| sum.add(tally));
        sum
    }
}
