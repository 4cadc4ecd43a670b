//! Answers questions on the caller's thread, and keeps the instances that are good for more.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use plugboard_model::{TenantId, flow::Happening, routing::MAX_CANDIDATES};

use crate::{
    Answer, Ask, AskFailure, Engine, FlowPlugin, Question, Reply, RoutingPlugin, Settings, TableSet, answer, door,
    load::{FlowInstance, RoutingInstance},
    question,
};

/// Most instances that one asker keeps.
const MOST_KEPT: usize = 256;

/// Tenant, component, settings: nothing that one of them wrote is ever seen by another.
type Key = (TenantId, [u8; 32], [u8; 32]);

/// Asks plugins, one question after the other. What a guest answers depends on its arguments alone; how long it may take is wall time.
#[derive(Debug)]
pub struct Asker {
    flows: Kept<FlowInstance>,
    policies: Kept<RoutingInstance>,
    unfit: Unfit,
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
            if self.0.len() >= MOST_KEPT {
                let first = self.0.iter().min_by_key(|(_, (until, _))| *until).map(|(key, _)| key.clone());
                first.and_then(|first| self.0.remove(&first));
            }
            let until = Instant::now() + begun.elapsed() * Self::REST;
            self.0.insert(key.clone(), (until, failure.clone()));
        }
        started
    }
}

/// Instances that wait for their next question, the least recently used one first to go.
struct Kept<I> {
    by_key: BTreeMap<Key, (u64, I)>,
    uses: u64,
    most: usize,
}

impl Asker {
    /// For one asker of the engine: it keeps up to half of the engine's instances, 256 at most.
    pub fn new(engine: &Engine) -> Self {
        Self::sharing(engine, 1)
    }

    /// For one of `askers` that share the engine.
    pub(crate) fn sharing(engine: &Engine, askers: usize) -> Self {
        // Half for what is kept; the rest for loading, checking and what is being replaced.
        let instances = usize::try_from(engine.instances).unwrap_or(usize::MAX);
        let most = (instances / 4 / askers).clamp(1, MOST_KEPT);
        Self { flows: Kept::new(most), policies: Kept::new(most), unfit: Unfit::default() }
    }

    /// Never panics and never takes much longer than the budget; a new instance may take up to a second to read its settings.
    pub fn ask(&mut self, question: Question) -> Reply {
        let Question { id, tenant, budget, ask } = question;
        let begun = Instant::now();
        let result = self.answer(&tenant, budget, ask);
        Reply { id, result, took: begun.elapsed() }
    }

    fn answer(&mut self, tenant: &TenantId, budget: Duration, ask: Ask) -> Result<Answer, AskFailure> {
        match ask {
            Ask::FlowStep { flow, settings, state, event } => {
                let hung_up = matches!(event.what, Happening::HungUp(_));
                let event = question::event(*event);
                self.flow(tenant, &flow, &settings, |guest| {
                    guest
                        .call(budget, |guest, store| guest.plugboard_plugin_flow().call_step(store, &state, &event))?
                        .map_err(|failure| AskFailure::Plugin(answer::flow_failure(failure)))
                        .and_then(|stepped| answer::stepped(stepped, hung_up).map_err(AskFailure::BadAnswer))
                })
                .map(Answer::Stepped)
            }
            Ask::RankAgents { policy, tables, who, needs, candidates, columns } => {
                door::at_most("candidates", MAX_CANDIDATES, candidates.len()).map_err(AskFailure::BadAnswer)?;
                let asked = candidates.iter().map(|candidate| candidate.number);
                let (who, needs) = (question::waiting(&who), question::needs(&needs));
                let agents: Vec<_> = candidates.iter().map(question::candidate).collect();
                let columns = question::columns(&columns);
                self.policy(tenant, &policy, &tables, |guest| {
                    guest
                        .call(budget, |guest, store| {
                            guest.plugboard_plugin_routing().call_rank_agents(store, who, &needs, &agents, &columns)
                        })?
                        .map_err(|failure| AskFailure::Plugin(answer::routing_failure(failure)))
                        .and_then(|order| answer::order(order, asked).map_err(AskFailure::BadAnswer))
                })
                .map(Answer::Order)
            }
            Ask::RankWaiting { policy, tables, agent, waiting, columns } => {
                door::at_most("candidates", MAX_CANDIDATES, waiting.len()).map_err(AskFailure::BadAnswer)?;
                let asked = waiting.iter().map(|waiting| waiting.number);
                let agent = question::candidate(&agent);
                let those: Vec<_> = waiting.iter().map(question::waiting).collect();
                let columns = question::columns(&columns);
                self.policy(tenant, &policy, &tables, |guest| {
                    guest
                        .call(budget, |guest, store| {
                            guest.plugboard_plugin_routing().call_rank_waiting(store, agent, &those, &columns)
                        })?
                        .map_err(|failure| AskFailure::Plugin(answer::routing_failure(failure)))
                        .and_then(|order| answer::order(order, asked).map_err(AskFailure::BadAnswer))
                })
                .map(Answer::Order)
            }
            Ask::OnTimer { policy, tables, who, needs } => {
                let who = question::waiting(&who);
                let wit_needs = question::needs(&needs);
                let queues = tables.tables().queues.len();
                self.policy(tenant, &policy, &tables, |guest| {
                    guest
                        .call(budget, |guest, store| {
                            guest.plugboard_plugin_routing().call_on_timer(store, who, &wit_needs)
                        })?
                        .map_err(|failure| AskFailure::Plugin(answer::routing_failure(failure)))
                        .and_then(|relaxed| answer::relaxed(relaxed, &needs, queues).map_err(AskFailure::BadAnswer))
                })
                .map(Answer::Relaxed)
            }
        }
    }

    fn flow<T>(
        &mut self,
        tenant: &TenantId,
        flow: &FlowPlugin,
        settings: &Arc<Settings>,
        call: impl FnOnce(&mut FlowInstance) -> Result<T, AskFailure>,
    ) -> Result<T, AskFailure> {
        let key = (tenant.clone(), flow.hash(), settings.hash());
        let mut instance = match self.flows.take(&key) {
            Some(instance) => instance,
            None => self.unfit.start(&key, || flow.instance(settings))?,
        };
        let result = call(&mut instance);
        if may_serve_again(&result) && !instance.is_worn() {
            self.flows.keep(key, instance);
        }
        result
    }

    fn policy<T>(
        &mut self,
        tenant: &TenantId,
        policy: &RoutingPlugin,
        tables: &Arc<TableSet>,
        call: impl FnOnce(&mut RoutingInstance) -> Result<T, AskFailure>,
    ) -> Result<T, AskFailure> {
        let key = (tenant.clone(), policy.hash(), tables.hash());
        let mut instance = match self.policies.take(&key) {
            Some(instance) => instance,
            None => self.unfit.start(&key, || policy.instance(tables))?,
        };
        let result = call(&mut instance);
        if may_serve_again(&result) && !instance.is_worn() {
            self.policies.keep(key, instance);
        }
        result
    }
}

/// A guest that said itself that it has no answer is sound; any other failure ends the instance.
fn may_serve_again<T>(result: &Result<T, AskFailure>) -> bool {
    matches!(result, Ok(_) | Err(AskFailure::Plugin(_)))
}

impl<I> Kept<I> {
    fn new(most: usize) -> Self {
        Self { by_key: BTreeMap::new(), uses: 0, most }
    }

    fn take(&mut self, key: &Key) -> Option<I> {
        self.by_key.remove(key).map(|(_, instance)| instance)
    }

    fn keep(&mut self, key: Key, instance: I) {
        if self.by_key.len() >= self.most {
            let oldest = self.by_key.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.by_key.remove(&oldest));
        }
        self.uses += 1;
        self.by_key.insert(key, (self.uses, instance));
    }
}

impl<I> std::fmt::Debug for Kept<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} instances", self.by_key.len())
    }
}
