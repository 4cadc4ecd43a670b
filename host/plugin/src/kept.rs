//! Instances that wait for their next question, and plugins that are let be for a while.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use plugboard_model::TenantId;

use crate::{
    Access, AskFailure, Plugin,
    instance::Instance,
    moment::Turn,
    traces::Spent,
    world::{Question, Setup, World},
};

/// Tenant, loaded component, settings: nothing that one of them wrote is ever seen by another.
type Key = (TenantId, u64, [u8; 32]);

/// Most plugins that are let be.
const MOST_UNFIT: usize = 256;
/// Most instances of large components: they may have 256 MiB each, where small ones have 16.
const MOST_LARGE: usize = 4;

/// An instance between two questions.
struct Place<W: World> {
    used: u64,
    instance: Instance<W>,
    /// Gone once nobody holds the plugin to ask it.
    plugin: Weak<W::About>,
}

/// The instances of one world, the least recently used one first to go.
pub(crate) struct Kept<W: World> {
    by_key: BTreeMap<Key, Place<W>>,
    unfit: Unfit,
    uses: u64,
    most: usize,
    large: usize,
}

impl<W: World<Setup: Setup>> Kept<W> {
    pub(crate) fn new(most: usize) -> Self {
        Self { by_key: BTreeMap::new(), unfit: Unfit::default(), uses: 0, most, large: 0 }
    }

    /// By an instance that knows this setup: one that waits, or a new one. What it used is noted in `spent`.
    pub(crate) fn ask<Q: Question<W>>(
        &mut self,
        spent: &mut Spent,
        tenant: &TenantId,
        plugin: &Plugin<W>,
        setup: &W::Setup,
        turn: Turn,
        question: Q,
    ) -> Result<Q::Answer, AskFailure> {
        let key = (tenant.clone(), plugin.number(), setup.hash());
        let (mut instance, turn, is_fresh) = match self.take(&key) {
            Some(instance) => (instance, turn, false),
            None => {
                let instance = self.unfit.start(&key, || plugin.instance(Some(tenant.clone()), setup))?;
                (instance, Turn::of(turn.budget), true)
            }
        };
        let result = question.ask(&mut instance, setup, turn);
        *spent = Spent { is_fresh, ..instance.take_spent() };
        if may_serve_again(&result) && !instance.is_worn() {
            self.keep(key, instance, plugin.handle());
        }
        result
    }
}

impl<W: World> Kept<W> {
    fn take(&mut self, key: &Key) -> Option<Instance<W>> {
        let Place { instance, .. } = self.by_key.remove(key)?;
        self.large -= usize::from(instance.is_large());
        Some(instance)
    }

    pub(crate) fn drop_unused(&mut self) {
        self.by_key.retain(|_, place| place.plugin.strong_count() > 0);
        self.large = self.by_key.values().filter(|place| place.instance.is_large()).count();
    }

    fn keep(&mut self, key: Key, instance: Instance<W>, plugin: Weak<W::About>) {
        let is_large = instance.is_large();
        if self.by_key.len() >= self.most {
            self.drop_oldest(false);
        } else if is_large && self.large >= MOST_LARGE {
            self.drop_oldest(true);
        }
        self.uses += 1;
        self.large += usize::from(is_large);
        self.by_key.insert(key, Place { used: self.uses, instance, plugin });
    }

    fn drop_oldest(&mut self, large_only: bool) {
        let all = self.by_key.iter().filter(|(_, place)| !large_only || place.instance.is_large());
        let oldest = all.min_by_key(|(_, place)| place.used).map(|(key, _)| key.clone());
        oldest.and_then(|oldest| self.take(&oldest));
    }
}

impl<W: World> std::fmt::Debug for Kept<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} instances of {}", self.by_key.len(), W::NAME)
    }
}

/// One question to an instance that serves it only: in worlds that reach out.
pub(crate) struct Once<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) budget: Duration,
    /// What the instance used.
    pub(crate) spent: &'a mut Spent,
}

impl Once<'_> {
    /// With what this tenant grants.
    pub(crate) fn ask<W: World<Setup = ()>, Q: Question<W>>(
        &mut self,
        plugin: &Plugin<W>,
        access: Arc<Access>,
        question: Q,
    ) -> Result<Q::Answer, AskFailure> {
        let mut instance = plugin.raw_instance(Some(self.tenant.clone()))?;
        instance.open(access);
        let result = question.ask(&mut instance, &(), Turn::of(self.budget));
        *self.spent = Spent { is_fresh: true, ..instance.take_spent() };
        result
    }
}

/// A guest that said itself that it has no answer is sound; any other failure ends the instance.
fn may_serve_again<T>(result: &Result<T, AskFailure>) -> bool {
    matches!(result, Ok(_) | Err(AskFailure::Plugin(_)))
}

/// Plugins that did not get as far as their first question, until when they are let be, and why.
///
/// Reading settings may take a second. A plugin that spends it in vain at each call would take this thread from all others, so it rests for
/// four times as long as it took.
#[derive(Debug, Default)]
struct Unfit(BTreeMap<Key, (Instant, AskFailure)>);

impl Unfit {
    const REST: u32 = 4;

    fn start<I>(&mut self, key: &Key, start: impl FnOnce() -> Result<I, AskFailure>) -> Result<I, AskFailure> {
        let begun = Instant::now();
        match self.0.get(key) {
            Some((until, failure)) if begun < *until => return Err(failure.clone()),
            Some(_) => drop(self.0.remove(key)),
            None => {}
        }
        let started = start();
        if let Err(failure) = &started {
            if self.0.len() >= MOST_UNFIT {
                let first = self.0.iter().min_by_key(|(_, (until, _))| *until).map(|(key, _)| key.clone());
                first.and_then(|first| self.0.remove(&first));
            }
            let until = Instant::now() + begun.elapsed() * Self::REST;
            self.0.insert(key.clone(), (until, failure.clone()));
        }
        started
    }
}
