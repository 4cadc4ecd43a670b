//! Questions of exchanges to the plugin threads, and answers back.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_exchange as exchange;
use plugboard_model::{
    InteractionId, TenantId, Timestamp,
    compliance::Verdict,
    connector::{Call, Connector},
    routing,
};
use plugboard_pack::World;
use plugboard_plugin as plugin;

use crate::{
    components::{Components, settings},
    connectors::{Connectors, Invocation},
    packs::{self, Asking, Party, Rollouts, Served},
    ready::Ready,
};

/// plugins.md: what a component gets before the native default is taken.
const STEP_BUDGET: Duration = Duration::from_millis(20);
const RANK_BUDGET: Duration = Duration::from_millis(5);
const JUDGE_BUDGET: Duration = Duration::from_millis(5);
const TEXT_BUDGET: Duration = Duration::from_millis(20);
const REVIEW_BUDGET: Duration = Duration::from_secs(1);

/// Asks on behalf of exchanges. Owned by the signalling thread.
pub(crate) struct Questions {
    components: Components,
    rollouts: Rollouts,
    runtime: Arc<plugin::Runtime>,
    /// For versions that are asked beside those that serve: on threads of their own, so that nobody waits for them.
    shadows: plugin::Runtime,
    connectors: Arc<Connectors>,
    /// Questions to connectors that are under way.
    invoked: BTreeMap<u64, Invocation>,
    /// Documents with their hash, so that a step does not hash its document again.
    settings: Ready<str, plugin::Settings>,
    /// Tables of queues: an exchange makes them once for a configuration.
    tables: Ready<routing::Tables, plugin::TableSet>,
    /// What rules are told: a configuration holds it for all its life.
    told: Ready<BTreeMap<String, String>, plugin::Settings>,
}

impl Questions {
    /// The second runtime is for what is asked beside.
    pub(crate) fn new(
        components: Components,
        rollouts: Rollouts,
        (runtime, shadows): (Arc<plugin::Runtime>, plugin::Runtime),
        connectors: Arc<Connectors>,
    ) -> Self {
        let (settings, tables, told) = (Ready::default(), Ready::default(), Ready::default());
        let invoked = BTreeMap::new();
        Self { components, rollouts, runtime, shadows, connectors, invoked, settings, tables, told }
    }

    /// Hands the question to the plugin threads. An answer comes at once where nobody has to be asked, or nobody can. `party`: who is part of the
    /// interaction, if it lives.
    pub(crate) fn ask<'a>(
        &mut self,
        now: Timestamp,
        id: u64,
        tenant: &TenantId,
        question: exchange::Question,
        party: impl FnOnce(InteractionId) -> Option<Party<'a>>,
    ) -> Option<exchange::Answer> {
        let exchange::Question { interaction, kind, .. } = question;
        let kind = match kind {
            exchange::QuestionKind::Invoke { name, connector, call, timeout } => {
                let question = (id, interaction);
                return self.invoke(now, question, tenant, (&name, &connector), call, timeout).err();
            }
            kind => kind,
        };
        let (name, step) = match &kind {
            exchange::QuestionKind::Step(step) => (&step.plugin, Some(step.event.seq)),
            exchange::QuestionKind::RankAgents { plugin, .. }
            | exchange::QuestionKind::RankWaiting { plugin, .. }
            | exchange::QuestionKind::Relax { plugin, .. }
            | exchange::QuestionKind::Judge { plugin, .. }
            | exchange::QuestionKind::Hear { plugin, .. }
            | exchange::QuestionKind::Review { plugin, .. }
            | exchange::QuestionKind::Redact { plugin, .. } => (plugin, None),
            exchange::QuestionKind::Invoke { name, .. } => (name, None),
        };
        let name = Arc::clone(name);
        let asking = Asking { id, now, tenant, interaction, name: &name, step };
        let of_pack = name.contains('/');
        let world = world_of(&kind);
        let served = if of_pack {
            self.rollouts.serve(&asking, party)
        } else {
            self.components.of_folder(&name, world).map(|component| Served { component, beside: None })
        };
        let put = served.ok_or_else(|| missing(&name, world)).and_then(|served| self.put(&asking, kind, served));
        if of_pack && !matches!(put, Ok(None)) {
            self.rollouts.not_asked(id);
        }
        put.unwrap_or_else(|reason| Some(exchange::Answer::Unavailable(reason)))
    }

    fn invoke(
        &mut self,
        now: Timestamp,
        (id, interaction): (u64, Option<InteractionId>),
        tenant: &TenantId,
        (name, connector): (&str, &Arc<Connector>),
        call: Box<Call>,
        budget: Duration,
    ) -> Result<(), exchange::Answer> {
        let ready = self.connectors.ready(tenant, name, connector).map_err(exchange::Answer::Unavailable)?;
        let asked = ready.invoke(now, call);
        let (invocation, ask) = asked.map_err(|failure| exchange::Answer::Invoked(Err(failure)))?;
        let question = plugin::Question { id, tenant: tenant.clone(), budget, ask };
        match self.runtime.ask_about(question, interaction) {
            Ok(()) => {
                self.invoked.insert(id, invocation);
                Ok(())
            }
            Err(failure) => {
                invocation.withdraw(now);
                Err(exchange::Answer::Unavailable(failure.to_string().into()))
            }
        }
    }

    /// A reply in the words of the exchange. Each question has one, so none stays among those under way.
    pub(crate) fn answer(
        &mut self,
        now: Timestamp,
        id: u64,
        result: Result<plugin::Answer, plugin::AskFailure>,
    ) -> exchange::Answer {
        match self.invoked.remove(&id) {
            Some(invocation) => exchange::Answer::Invoked(invocation.ended(now, result)),
            None => answer_of(result),
        }
    }

    /// `Some`: the component need not be asked.
    fn put(
        &mut self,
        asking: &Asking<'_>,
        kind: exchange::QuestionKind,
        served: Served,
    ) -> Result<Option<exchange::Answer>, Arc<str>> {
        let Served { component, beside } = served;
        let (budget, ask) = match kind {
            exchange::QuestionKind::Step(step) => {
                let flow = component.flow().ok_or_else(|| missing(asking.name, World::Flow))?;
                let settings = self.settings.made_of(&step.document, |document| plugin::Settings::document(document));
                let ask = plugin::Ask::FlowStep { flow, settings, state: step.state, event: Box::new(step.event) };
                (STEP_BUDGET, ask)
            }
            exchange::QuestionKind::RankAgents { tables, who, needs, candidates, columns, .. } => {
                let policy = component.policy().ok_or_else(|| missing(asking.name, World::Routing))?;
                let tables = self.table_set(&tables);
                (RANK_BUDGET, plugin::Ask::RankAgents { policy, tables, who, needs, candidates, columns })
            }
            exchange::QuestionKind::RankWaiting { tables, agent, waiting, columns, .. } => {
                let policy = component.policy().ok_or_else(|| missing(asking.name, World::Routing))?;
                let tables = self.table_set(&tables);
                (RANK_BUDGET, plugin::Ask::RankWaiting { policy, tables, agent, waiting, columns })
            }
            exchange::QuestionKind::Relax { tables, who, needs, .. } => {
                let policy = component.policy().ok_or_else(|| missing(asking.name, World::Routing))?;
                let tables = self.table_set(&tables);
                (RANK_BUDGET, plugin::Ask::OnTimer { policy, tables, who, needs })
            }
            exchange::QuestionKind::Judge { settings, act, .. } => {
                let rule = component.rule().ok_or_else(|| missing(asking.name, World::Compliance))?;
                if !rule.judges(&act.what) {
                    return Ok(Some(exchange::Answer::Judged(Verdict::unjudged())));
                }
                (JUDGE_BUDGET, plugin::Ask::Judge { rule, settings: self.told(&settings), act })
            }
            exchange::QuestionKind::Hear { settings, state, segment, .. } => {
                let rule = component.rule().ok_or_else(|| missing(asking.name, World::Compliance))?;
                if !rule.description().listens {
                    return Ok(Some(exchange::Answer::Heard(None)));
                }
                (TEXT_BUDGET, plugin::Ask::Utterance { rule, settings: self.told(&settings), state, segment })
            }
            exchange::QuestionKind::Review { settings, transcript, .. } => {
                let rule = component.rule().ok_or_else(|| missing(asking.name, World::Compliance))?;
                if !rule.description().reviews {
                    return Ok(Some(exchange::Answer::Reviewed(None)));
                }
                (REVIEW_BUDGET, plugin::Ask::Review { rule, settings: self.told(&settings), transcript })
            }
            exchange::QuestionKind::Redact { settings, text, language, .. } => {
                let rule = component.rule().ok_or_else(|| missing(asking.name, World::Compliance))?;
                if rule.description().redacts.is_empty() {
                    return Ok(Some(exchange::Answer::Redacted(None)));
                }
                (TEXT_BUDGET, plugin::Ask::Redact { rule, settings: self.told(&settings), text, language })
            }
            exchange::QuestionKind::Invoke { .. } => return Err("a connector is asked another way".into()),
        };
        let question = |ask| plugin::Question { id: asking.id, tenant: asking.tenant.clone(), budget, ask };
        let shadow = beside.map(|(candidate, state)| packs::beside(&ask, &candidate, state));
        self.runtime.ask_about(question(ask), asking.interaction).map_err(|failure| Arc::from(failure.to_string()))?;
        if let Some(shadow) = shadow
            && shadow.is_none_or(|ask| self.shadows.ask_about(question(ask), asking.interaction).is_err())
        {
            self.rollouts.shadow_dropped(asking.now, asking.id);
        }
        Ok(None)
    }

    fn told(&mut self, told: &Arc<BTreeMap<String, String>>) -> Arc<plugin::Settings> {
        self.told.made_of(told, settings)
    }

    fn table_set(&mut self, tables: &Arc<routing::Tables>) -> Arc<plugin::TableSet> {
        self.tables.made_of(tables, |tables| plugin::TableSet::new(tables.clone()))
    }
}

fn world_of(kind: &exchange::QuestionKind) -> World {
    match kind {
        exchange::QuestionKind::Step(_) => World::Flow,
        exchange::QuestionKind::RankAgents { .. }
        | exchange::QuestionKind::RankWaiting { .. }
        | exchange::QuestionKind::Relax { .. } => World::Routing,
        exchange::QuestionKind::Judge { .. }
        | exchange::QuestionKind::Hear { .. }
        | exchange::QuestionKind::Review { .. }
        | exchange::QuestionKind::Redact { .. } => World::Compliance,
        exchange::QuestionKind::Invoke { .. } => World::Connector,
    }
}

fn missing(name: &str, world: World) -> Arc<str> {
    format!("there is no {} plugin {name}", world.name()).into()
}

/// A reply in the words of the exchange.
pub(crate) fn answer_of(result: Result<plugin::Answer, plugin::AskFailure>) -> exchange::Answer {
    match result {
        Ok(plugin::Answer::Stepped(stepped)) => exchange::Answer::Stepped(stepped),
        Ok(plugin::Answer::Order(order)) => exchange::Answer::Ranked(order),
        Ok(plugin::Answer::Relaxed(relaxed)) => exchange::Answer::Relaxed(relaxed),
        Ok(plugin::Answer::Judged(verdict)) => exchange::Answer::Judged(verdict),
        Ok(plugin::Answer::Heard(heard)) => exchange::Answer::Heard(Some(heard)),
        Ok(plugin::Answer::Reviewed(findings)) => exchange::Answer::Reviewed(Some(findings)),
        Ok(plugin::Answer::Redacted(spans)) => exchange::Answer::Redacted(Some(spans)),
        Ok(_) => exchange::Answer::Unavailable("the answer is of another kind".into()),
        Err(plugin::AskFailure::Plugin(failure)) => exchange::Answer::Failed(failure),
        Err(failure) => exchange::Answer::Unavailable(failure.to_string().into()),
    }
}
