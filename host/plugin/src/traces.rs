//! Single questions as they went: those that failed or took long, and of the others a sample; bounded, by tenant and version.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use plugboard_model::{InteractionId, TenantId, Timestamp};

use crate::{AskFailure, Asked, FailureKind, PluginHash};

/// Questions of one tenant and version that failed or took long, and as many of the others.
const MOST_OF_ONE: usize = 64;
/// Of all. One takes up 3 KiB at most.
const MOST: usize = 8_192;
/// Each thread keeps the first few that it asks of a tenant and version, and then one in so many.
const FIRST: u64 = 4;
const ONE_IN: u64 = 128;
/// A question is slow that took this part of its budget.
const SLOW: u32 = 4;
/// What an instance called of the host, of one question.
const MOST_CALLS: usize = 24;
/// Bytes of why there is no answer, and of whom a request went to.
const WHY: usize = 512;
const ABOUT: usize = 64;

/// One question, as it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionTrace {
    /// Rises from 1, over all plugins.
    pub number: u64,
    pub asked: Asked,
    /// As the contract calls the function: `step`, `rank-agents`.
    pub question: &'static str,
    /// `None`: it was about none.
    pub interaction: Option<InteractionId>,
    /// When it was begun.
    pub at: Timestamp,
    /// How long it waited for a thread.
    pub waited: Duration,
    /// From the begin of the guest's work to its end.
    pub took: Duration,
    pub budget: Duration,
    /// CPU time of it.
    pub worked: Duration,
    pub spent: Spent,
    pub ended: TraceEnd,
    pub kept: WhyKept,
}

/// What an instance used for one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Instructions; `None` where the engine does not count them.
    pub fuel: Option<u64>,
    /// Bytes of all memories of the instance, which never shrink; 0 where none was begun.
    pub memory: usize,
    /// The instance was made for this question.
    pub is_fresh: bool,
    /// In order; at most 24.
    pub calls: Vec<HostCall>,
    /// Calls that found no room.
    pub more_calls: u32,
    /// How many of all of them were requests to other systems.
    pub http_calls: u32,
}

/// Something that a plugin called of the host: a request, a look into its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCall {
    /// `http`, `kv.get`, `kv.set`, `kv.delete`, `kv.list`.
    pub what: &'static str,
    /// Of a request its method and whom it went to, never the path; of the store nothing: keys name customers.
    pub about: String,
    pub took: Duration,
    /// A status, or why it failed, kebab-case.
    pub ended: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEnd {
    Answered,
    /// Whoever asked took the native default.
    Defaulted {
        kind: FailureKind,
        /// At most 512 bytes, one line.
        why: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyKept {
    Failed,
    Slow,
    Sampled,
}

impl WhyKept {
    /// `None`: it is let go. `nth`: which question of its tenant and version it is to this thread, from 1.
    pub(crate) fn of(failure: Option<FailureKind>, took: Duration, budget: Duration, nth: u64) -> Option<Self> {
        if failure.is_some_and(FailureKind::is_the_plugins) {
            Some(Self::Failed)
        } else if took >= budget / SLOW {
            Some(Self::Slow)
        } else {
            // Questions that nobody was asked come in thousands when they come: of those a sample, too.
            (nth <= FIRST || nth.is_multiple_of(ONE_IN)).then_some(Self::Sampled)
        }
    }

    /// Kebab-case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Slow => "slow",
            Self::Sampled => "sampled",
        }
    }
}

impl TraceEnd {
    pub(crate) fn of(failure: Option<&AskFailure>) -> Self {
        let Some(failure) = failure else { return Self::Answered };
        Self::Defaulted { kind: failure.kind(), why: one_line(&failure.to_string(), WHY) }
    }
}

impl Spent {
    pub(crate) fn call(&mut self, what: &'static str, about: &str, took: Duration, ended: String) {
        self.http_calls += u32::from(what == "http");
        if self.calls.len() >= MOST_CALLS {
            self.more_calls += 1;
            return;
        }
        self.calls.push(HostCall { what, about: one_line(about, ABOUT), took, ended });
    }
}

/// Its first line, cut to so many bytes, without what a terminal would act on.
fn one_line(text: &str, most: usize) -> String {
    crate::door::shown(most, text.lines().next().unwrap_or_default())
}

/// Which traces are wanted.
#[derive(Clone, Debug, Default)]
pub struct TraceSearch {
    /// Above this number.
    pub after: u64,
    pub interaction: Option<InteractionId>,
    /// That took at least so long.
    pub at_least: Duration,
}

/// A part of the traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TracePart {
    /// By number.
    pub traces: Vec<QuestionTrace>,
    /// Where the next part begins.
    pub next: u64,
}

/// Cheap to clone; clones are the same traces.
#[derive(Clone, Debug, Default)]
pub struct Traces(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    rings: BTreeMap<(TenantId, PluginHash), Rings>,
    last: u64,
    count: usize,
}

#[derive(Debug, Default)]
struct Rings {
    /// Failed and slow ones: no sample takes their place.
    odd: VecDeque<QuestionTrace>,
    usual: VecDeque<QuestionTrace>,
}

impl Rings {
    fn latest(&self) -> u64 {
        [&self.odd, &self.usual].into_iter().filter_map(|ring| ring.back()).map(|last| last.number).max().unwrap_or(0)
    }
}

impl Traces {
    /// `began` ago.
    pub(crate) fn begun(took: Duration) -> Timestamp {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from(now.saturating_sub(took))
    }

    /// Numbers it.
    pub(crate) fn keep(&self, mut trace: QuestionTrace) {
        let mut inner = self.inner();
        inner.last += 1;
        trace.number = inner.last;
        let rings = inner.rings.entry((trace.asked.tenant.clone(), trace.asked.plugin)).or_default();
        let ring = if trace.kept == WhyKept::Sampled { &mut rings.usual } else { &mut rings.odd };
        let full = ring.len() >= MOST_OF_ONE;
        if full {
            ring.pop_front();
        }
        ring.push_back(trace);
        inner.count += usize::from(!full);
        if inner.count > MOST {
            inner.drop_quietest();
        }
    }

    /// Of these versions in the tenant.
    pub fn find(&self, tenant: &TenantId, plugins: &[PluginHash], search: &TraceSearch) -> TracePart {
        let TraceSearch { after, interaction, at_least } = search;
        let is_wanted = |trace: &&QuestionTrace| {
            trace.number > *after
                && trace.took >= *at_least
                && interaction.is_none_or(|wanted| trace.interaction == Some(wanted))
        };
        let inner = self.inner();
        let mut part = TracePart { next: inner.last.max(*after), traces: Vec::new() };
        for plugin in plugins {
            let Some(Rings { odd, usual }) = inner.rings.get(&(tenant.clone(), *plugin)) else { continue };
            part.traces.extend(odd.iter().chain(usual).filter(is_wanted).cloned());
        }
        part.traces.sort_unstable_by_key(|trace| trace.number);
        part
    }

    /// Versions that the tenant has traces of.
    pub fn plugins(&self, tenant: &TenantId) -> Vec<PluginHash> {
        self.inner().rings.keys().filter(|(of, _)| of == tenant).map(|(_, plugin)| *plugin).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The version that was traced last the longest time ago loses all of its traces.
    fn drop_quietest(&mut self) {
        let quietest = self.rings.iter().min_by_key(|(_, rings)| rings.latest()).map(|(key, _)| key.clone());
        let dropped = quietest.and_then(|quietest| self.rings.remove(&quietest));
        self.count -= dropped.map_or(0, |rings| rings.odd.len() + rings.usual.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(tenant: &str, plugin: u8, interaction: u64, kept: WhyKept) -> QuestionTrace {
        QuestionTrace {
            number: 0,
            asked: Asked { tenant: tenant.parse().unwrap(), plugin: PluginHash([plugin; 32]), world: "flow-plugin" },
            question: "step",
            interaction: Some(InteractionId(interaction)),
            at: Timestamp::EPOCH,
            waited: Duration::ZERO,
            took: Duration::from_millis(interaction),
            budget: Duration::from_millis(20),
            worked: Duration::ZERO,
            spent: Spent::default(),
            ended: TraceEnd::Answered,
            kept,
        }
    }

    fn found(traces: &Traces, search: &TraceSearch) -> Vec<u64> {
        let part = traces.find(&"shop".parse().unwrap(), &[PluginHash([1; 32])], search);
        part.traces.iter().map(|trace| trace.interaction.unwrap().0).collect()
    }

    #[test]
    fn what_fails_or_is_slow_is_kept_always_and_of_the_rest_the_first_and_one_in_many() {
        let (budget, quick) = (Duration::from_millis(20), Duration::from_micros(50));
        let of = |failure, took, nth| WhyKept::of(failure, took, budget, nth).map(WhyKept::word);
        assert_eq!(
            [
                of(None, quick, 1),
                of(None, quick, 5),
                of(None, quick, 128),
                of(None, budget / 4, 5),
                of(Some(FailureKind::Trapped), quick, 5),
                of(Some(FailureKind::Limited), Duration::ZERO, 5),
            ],
            [Some("sampled"), None, Some("sampled"), Some("slow"), Some("failed"), None]
        );
    }

    #[test]
    fn a_thousand_samples_leave_the_one_that_failed_where_it_is() {
        let traces = Traces::default();
        traces.keep(trace("shop", 1, 7, WhyKept::Failed));
        (100..1_100).for_each(|number| traces.keep(trace("shop", 1, number, WhyKept::Sampled)));
        let all = found(&traces, &TraceSearch::default());
        assert_eq!((all.len(), all[0], all[1]), (MOST_OF_ONE + 1, 7, 1_100 - MOST_OF_ONE as u64));
    }

    #[test]
    fn traces_are_found_by_tenant_version_interaction_length_and_number() {
        let traces = Traces::default();
        for (tenant, plugin, interaction) in [("shop", 1, 3), ("shop", 1, 9), ("other", 1, 3), ("shop", 2, 3)] {
            traces.keep(trace(tenant, plugin, interaction, WhyKept::Sampled));
        }
        let search = |after, interaction: Option<u64>, at_least_ms| {
            let at_least = Duration::from_millis(at_least_ms);
            found(&traces, &TraceSearch { after, interaction: interaction.map(InteractionId), at_least })
        };
        assert_eq!(
            [search(0, None, 0), search(0, Some(3), 0), search(0, None, 5), search(1, None, 0), search(4, None, 0)],
            [vec![3, 9], vec![3], vec![9], vec![9], vec![]]
        );
    }

    #[test]
    fn all_traces_together_are_bounded() {
        let traces = Traces::default();
        for tenant in 0..200 {
            let tenant = format!("t{tenant}");
            (0..MOST_OF_ONE as u64).for_each(|number| traces.keep(trace(&tenant, 1, number, WhyKept::Slow)));
        }
        assert!(traces.inner().count <= MOST, "{}", traces.inner().count);
    }

    #[test]
    fn a_reason_is_one_line_and_calls_are_counted_past_their_room() {
        let failure = AskFailure::Trapped { backtrace: format!("un\x1breachable{}\nframe 1", "!".repeat(600)) };
        let TraceEnd::Defaulted { kind, why } = TraceEnd::of(Some(&failure)) else { panic!("a failure") };
        let mut spent = Spent::default();
        (0..30).for_each(|_| spent.call("kv.get", "", Duration::ZERO, "found".into()));
        (0..2).for_each(|_| spent.call("http", "", Duration::ZERO, "200".into()));
        assert_eq!((kind, why.len() <= WHY, why.contains(['\n', '\x1b'])), (FailureKind::Trapped, true, false));
        assert_eq!((spent.calls.len(), spent.more_calls, spent.http_calls), (MOST_CALLS, 8, 2));
    }
}
