//! How much each tenant may ask of the plugin threads.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use plugboard_model::TenantId;

/// What one tenant may ask in a second. Twice that at once, after a second of rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub questions: u32,
    /// CPU time of guests.
    pub work: Duration,
}

impl Default for Allowance {
    /// Far above what a contact centre of ten thousand agents asks, and one whole core.
    fn default() -> Self {
        Self { questions: 20_000, work: Duration::from_secs(1) }
    }
}

impl Allowance {
    /// At once, in thousandths of a question.
    fn most_questions(self) -> u64 {
        u64::from(self.questions) * 2_000
    }

    /// At once, in nanoseconds.
    fn most_work(self) -> i64 {
        nanos(self.work * 2)
    }
}

/// Past so many tenants, those that asked nothing for two seconds are forgotten: they have all of it again.
const MOST_TENANTS: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Allowances {
    each: Allowance,
    /// Of those that have one of their own.
    own: BTreeMap<TenantId, Allowance>,
    tenants: BTreeMap<TenantId, Left>,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    of: Allowance,
    since: Instant,
    /// Thousandths of a question.
    questions: u64,
    /// Nanoseconds; below zero what was used beyond it.
    work: i64,
}

impl Allowances {
    pub(crate) fn new(each: Allowance, own: BTreeMap<TenantId, Allowance>) -> Self {
        Self { each, own, tenants: BTreeMap::new() }
    }

    /// Takes one question; `false`: the tenant has none left.
    pub(crate) fn take(&mut self, now: Instant, tenant: &TenantId) -> bool {
        let left = self.left(now, tenant);
        if left.questions < 1_000 || left.work <= 0 {
            return false;
        }
        left.questions -= 1_000;
        true
    }

    /// Work is known only when it is done: who used too much waits until it is paid back.
    pub(crate) fn worked(&mut self, now: Instant, tenant: &TenantId, work: Duration) {
        let left = self.left(now, tenant);
        left.work = left.work.saturating_sub(i64::try_from(work.as_nanos()).unwrap_or(i64::MAX));
    }

    fn left(&mut self, now: Instant, tenant: &TenantId) -> &mut Left {
        if self.tenants.len() >= MOST_TENANTS && !self.tenants.contains_key(tenant) {
            self.tenants.retain(|_, left| now.saturating_duration_since(left.since) < Duration::from_secs(2));
        }
        if !self.tenants.contains_key(tenant) {
            let of = self.own.get(tenant).copied().unwrap_or(self.each);
            self.tenants
                .insert(tenant.clone(), Left { of, since: now, questions: of.most_questions(), work: of.most_work() });
        }
        let left = self.tenants.get_mut(tenant).expect("it was just put there");
        let passed = now.saturating_duration_since(left.since);
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        if passed_ms > 0 {
            let questions = passed_ms.saturating_mul(left.of.questions.into());
            left.questions = left.questions.saturating_add(questions).min(left.of.most_questions());
            let work = i64::try_from(passed_ms).unwrap_or(i64::MAX).saturating_mul(nanos(left.of.work) / 1_000);
            left.work = left.work.saturating_add(work).min(left.of.most_work());
            left.since = now;
        }
        left
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        name.parse().expect("a name")
    }

    fn allowances() -> Allowances {
        let own = Allowance { questions: 1, work: Duration::from_millis(1) };
        Allowances::new(Allowance { questions: 10, work: Duration::from_millis(100) }, [(tenant("small"), own)].into())
    }

    #[test]
    fn a_tenant_with_an_allowance_of_its_own_has_that_and_the_others_theirs() {
        let (mut all, begun) = (allowances(), Instant::now());
        let mut taken_at =
            |ms, name| (0..50).filter(|_| all.take(begun + Duration::from_millis(ms), &tenant(name))).count();
        assert_eq!([taken_at(0, "small"), taken_at(0, "acme"), taken_at(1_000, "small")], [2, 20, 1]);
    }

    #[test]
    fn a_tenant_may_ask_twice_its_rate_at_once_and_then_its_rate() {
        let (mut all, begun, acme) = (allowances(), Instant::now(), tenant("acme"));
        let mut taken_at = |ms| (0..50).filter(|_| all.take(begun + Duration::from_millis(ms), &acme)).count();
        assert_eq!([taken_at(0), taken_at(100), taken_at(600), taken_at(60_000)], [20, 1, 5, 20]);
        assert!(all.take(begun, &tenant("umbrella")), "another tenant is not concerned");
    }

    #[test]
    fn a_tenant_that_burns_the_processor_waits_until_it_is_paid_back() {
        let (mut all, begun, acme) = (allowances(), Instant::now(), tenant("acme"));
        let at = |ms| begun + Duration::from_millis(ms);
        assert!(all.take(at(0), &acme));
        // 400 ms of work: 200 at once, and 200 that take two seconds to pay.
        all.worked(at(0), &acme, Duration::from_millis(400));
        let may_ask: Vec<bool> = [0, 1_000, 1_990, 2_100].map(|ms| all.take(at(ms), &acme)).to_vec();
        assert_eq!(may_ask, [false, false, false, true]);
    }
}
