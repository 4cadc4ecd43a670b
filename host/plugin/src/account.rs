//! What each plugin costs and how it answers, by tenant and by version.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use plugboard_model::TenantId;
use plugboard_pack::Outcome;

use crate::{AskFailure, PluginHash};

/// Accounts of one keeper; what is past them is counted without names.
const MOST_ACCOUNTS: usize = 10_000;

/// Whose question it was and who was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    pub tenant: TenantId,
    /// Which version of a plugin.
    pub plugin: PluginHash,
    /// The world, as in the contract: `flow-plugin`.
    pub world: &'static str,
}

/// In which way a question got no answer: [`AskFailure`] without its particulars, for counting and for a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    Trapped,
    OutOfMemory,
    Deadline,
    BadAnswer,
    /// The plugin said itself that it has no answer.
    Plugin,
    /// Too many questions waited already. No fault of the plugin.
    Refused,
    /// It waited too long for a thread. No fault of the plugin.
    Stale,
    /// The tenant has used up what it may ask. No fault of the plugin.
    Limited,
    /// It failed too often before and is let be for a while. No failure by itself.
    Quarantined,
}

impl FailureKind {
    pub const ALL: [Self; 9] = [
        Self::Trapped,
        Self::OutOfMemory,
        Self::Deadline,
        Self::BadAnswer,
        Self::Plugin,
        Self::Refused,
        Self::Stale,
        Self::Limited,
        Self::Quarantined,
    ];

    /// Kebab-case, as a label of a figure.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trapped => "trapped",
            Self::OutOfMemory => "out-of-memory",
            Self::Deadline => "deadline",
            Self::BadAnswer => "bad-answer",
            Self::Plugin => "plugin",
            Self::Refused => "refused",
            Self::Stale => "stale",
            Self::Limited => "limited",
            Self::Quarantined => "quarantined",
        }
    }

    /// Whether it speaks against the plugin: what a quarantine counts. The others were never asked.
    pub fn is_the_plugins(self) -> bool {
        self.outcome().is_some()
    }

    /// What it says of the plugin; `None` where the plugin was not asked.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Trapped | Self::OutOfMemory => Some(Outcome::Trapped),
            Self::Deadline => Some(Outcome::Late),
            Self::BadAnswer => Some(Outcome::BadAnswer),
            Self::Plugin => Some(Outcome::Declined),
            Self::Refused | Self::Stale | Self::Limited | Self::Quarantined => None,
        }
    }
}

impl AskFailure {
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Trapped { .. } => FailureKind::Trapped,
            Self::OutOfMemory { .. } => FailureKind::OutOfMemory,
            Self::Deadline { .. } => FailureKind::Deadline,
            Self::Refused { .. } => FailureKind::Refused,
            Self::Stale { .. } => FailureKind::Stale,
            Self::Limited => FailureKind::Limited,
            Self::Quarantined { .. } => FailureKind::Quarantined,
            Self::BadAnswer(_) => FailureKind::BadAnswer,
            Self::Plugin(_) => FailureKind::Plugin,
        }
    }
}

/// What was asked of one plugin by one tenant since the process began. Counts only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub asked: u64,
    pub answered: u64,
    /// In the order of [`FailureKind::ALL`].
    failed: [u64; FailureKind::ALL.len()],
    /// CPU time of guests, their start and our marshalling included.
    pub worked: Duration,
    /// Instructions that guests ran; `None` where the engine does not count them.
    pub fuel: Option<u64>,
    /// Requests that guests sent to other systems.
    pub http_calls: u64,
    /// From the begin of the guest's work to its end, of all that were asked.
    pub took: Histogram,
}

impl Account {
    pub fn failed(&self, kind: FailureKind) -> u64 {
        self.failed[kind as usize]
    }

    fn add(&mut self, entry: Entry) {
        self.asked += 1;
        match entry.failure {
            None => self.answered += 1,
            Some(kind) => self.failed[kind as usize] += 1,
        }
        // What was refused took nothing, and would only hide what the others took.
        if entry.failure.is_none_or(FailureKind::is_the_plugins) {
            self.worked += entry.worked;
            self.burn(entry.fuel);
            self.http_calls += u64::from(entry.http_calls);
            self.took.add(entry.took);
        }
    }

    fn burn(&mut self, fuel: Option<u64>) {
        if let Some(fuel) = fuel {
            *self.fuel.get_or_insert(0) += fuel;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.asked += other.asked;
        self.answered += other.answered;
        self.failed.iter_mut().zip(other.failed).for_each(|(all, more)| *all += more);
        self.worked += other.worked;
        self.burn(other.fuel);
        self.http_calls += other.http_calls;
        self.took.merge(&other.took);
    }
}

/// Durations in classes that are an eighth wide, from a microsecond to an hour: a quantile is at most that much too high.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    classes: Box<[u32; Self::CLASSES]>,
}

impl Histogram {
    /// Eight to a power of two.
    const STEPS: u64 = 8;
    /// Of powers of two there are 32: 2^31 µs are 36 minutes.
    const CLASSES: usize = 32 * 8;

    pub fn add(&mut self, duration: Duration) {
        let class = &mut self.classes[Self::class(duration)];
        *class = class.saturating_add(1);
    }

    fn merge(&mut self, other: &Self) {
        for (all, more) in self.classes.iter_mut().zip(other.classes.iter()) {
            *all = all.saturating_add(*more);
        }
    }

    fn class(duration: Duration) -> usize {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).clamp(1, (1 << 32) - 1);
        let power = u64::from(micros.ilog2());
        // Within the power, how many eighths of it.
        let step = ((micros - (1 << power)) * Self::STEPS) >> power;
        usize::try_from(power * Self::STEPS + step).unwrap_or(usize::MAX).min(Self::CLASSES - 1)
    }

    /// The upper end of a class.
    fn end(class: usize) -> Duration {
        let (power, step) = (class as u64 / Self::STEPS, class as u64 % Self::STEPS);
        Duration::from_micros((1 << power) + (((step + 1) << power).div_ceil(Self::STEPS)))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.classes.iter().map(|count| u64::from(*count)).sum()
    }

    /// The duration that so many per mille are not longer than, at most an eighth too high; zero where there are none.
    pub fn quantile(&self, permille: u16) -> Duration {
        let wanted = (self.count() * u64::from(permille)).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return Self::end(class);
            }
        }
        Duration::ZERO
    }

    pub fn p50(&self) -> Duration {
        self.quantile(500)
    }

    pub fn p99(&self) -> Duration {
        self.quantile(990)
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { classes: Box::new([0; Self::CLASSES]) }
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} durations, p50 {:?}, p99 {:?}", self.count(), self.p50(), self.p99())
    }
}

/// How one question went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) failure: Option<FailureKind>,
    pub(crate) took: Duration,
    pub(crate) worked: Duration,
    pub(crate) fuel: Option<u64>,
    pub(crate) http_calls: u32,
}

impl Entry {
    pub(crate) fn not_answered(kind: FailureKind) -> Self {
        Self { failure: Some(kind), took: Duration::ZERO, worked: Duration::ZERO, fuel: None, http_calls: 0 }
    }
}

/// The accounts that one thread writes and others read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    by_asked: BTreeMap<Asked, Account>,
    /// Of all that found no room.
    rest: Account,
}

impl Ledger {
    /// Gives which question of the account it was, from 1.
    pub(crate) fn add(&self, asked: &Asked, entry: Entry) -> u64 {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = book.by_asked.get_mut(asked) {
            account.add(entry);
            return account.asked;
        }
        let has_room = book.by_asked.len() < MOST_ACCOUNTS;
        let account = if has_room { book.by_asked.entry(asked.clone()).or_default() } else { &mut book.rest };
        account.add(entry);
        account.asked
    }
}

/// All accounts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    pub by_asked: BTreeMap<Asked, Account>,
    /// Of all that found no room in a book of ten thousand.
    pub rest: Account,
}

impl Accounts {
    pub(crate) fn of<'a>(ledgers: impl IntoIterator<Item = &'a Ledger>) -> Self {
        let mut accounts = Self::default();
        for ledger in ledgers {
            let book = ledger.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (asked, account) in &book.by_asked {
                accounts.by_asked.entry(asked.clone()).or_default().merge(account);
            }
            accounts.rest.merge(&book.rest);
        }
        accounts
    }

    /// What a tenant's plugins have cost together.
    pub fn of_tenant(&self, tenant: &TenantId) -> Account {
        self.sum(|asked| asked.tenant == *tenant)
    }

    /// What one version of a plugin has cost in all tenants together.
    pub fn of_plugin(&self, plugin: PluginHash) -> Account {
        self.sum(|asked| asked.plugin == plugin)
    }

    fn sum(&self, is_wanted: impl Fn(&Asked) -> bool) -> Account {
        let mut sum = Account::default();
        self.by_asked.iter().filter(|(asked, _)| is_wanted(asked)).for_each(|(_, account)| sum.merge(account));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_at_most_an_eighth_too_high() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|micros| histogram.add(Duration::from_micros(micros)));
        let is_near = |found: Duration, wanted: u64| {
            let found = u64::try_from(found.as_micros()).expect("short");
            (wanted..=wanted + wanted / 8 + 1).contains(&found)
        };
        assert!(is_near(histogram.p50(), 500), "{histogram:?}");
        assert!(is_near(histogram.p99(), 990), "{histogram:?}");
        assert!(is_near(histogram.quantile(1), 1), "{histogram:?}");
    }

    #[test]
    fn the_shortest_and_the_longest_have_a_class_of_their_own() {
        let mut histogram = Histogram::default();
        histogram.add(Duration::ZERO);
        histogram.add(Duration::MAX);
        assert_eq!(histogram.count(), 2);
        assert_eq!(histogram.p50(), Duration::from_micros(2));
        assert!(histogram.p99() > Duration::from_secs(3_600));
        assert_eq!(Histogram::default().p99(), Duration::ZERO);
    }
}
