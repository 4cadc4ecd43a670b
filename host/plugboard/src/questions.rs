//! Questions of exchanges to the plugin threads, and answers back.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_exchange as exchange;
use plugboard_media as media;
use plugboard_model::{
    FlowDocument, InteractionId, TenantId, Timestamp,
    compliance::Verdict,
    connector::{Call, Connector},
    routing,
};
use plugboard_pack::World;
use plugboard_plugin as plugin;

use crate::{
    components::{Components, settings},
    connectors::{Connectors, Invocation},
    packs::{self, Asking, Documents, Party, Rollouts, Served, Shelved, contents},
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
        party: impl Fn(InteractionId) -> Option<Party<'a>>,
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
        let document = match &kind {
            exchange::QuestionKind::Step(step) => step.document.strip_prefix(FlowDocument::OF_PACK).map(str::to_owned),
            _ => None,
        };
        let document = document.map(Document::named);
        let world = world_of(&kind);
        // Whose version answers: that of the component, else that of the document.
        let of_pack = [Some(&*name), document.as_ref().map(|document| &*document.key)];
        let of_pack = of_pack.into_iter().flatten().find(|name| name.contains('/'));
        let asking = Asking { id, now, tenant, interaction, name: of_pack.unwrap_or(&name), step };
        let served = match of_pack {
            Some(_) => self.rollouts.serve(&asking, &party),
            None => self.components.of_folder(&name, world).map(Served::alone),
        };
        let served = served.ok_or_else(|| missing(asking.name, world));
        let served = served.and_then(|served| match &document {
            None => Ok((served, None)),
            Some(document) => self.with_document(served, document, &name, &asking, &party),
        });
        let put = served.and_then(|(served, documents)| self.put(&asking, kind, served, documents));
        if of_pack.is_some() && !matches!(put, Ok(None)) {
            self.rollouts.not_asked(id);
        }
        put.unwrap_or_else(|reason| Some(exchange::Answer::Unavailable(reason)))
    }

    /// The component that runs a pack's document, and the document's text; of a version that is tried beside, its own.
    fn with_document<'a>(
        &self,
        served: Served,
        document: &Document,
        plugin: &str,
        asking: &Asking<'_>,
        party: impl FnOnce(InteractionId) -> Option<Party<'a>>,
    ) -> Result<(Served, Option<Documents>), Arc<str>> {
        let (served, documents) = if plugin.contains('/') {
            let own = self.rollouts.find(asking.tenant, asking.interaction, &document.key, party);
            let is_tried = served.beside.is_some() && plugin.split('/').next() == document.key.split('/').next();
            let beside = if is_tried { self.rollouts.find_beside(asking.tenant, &document.key) } else { None };
            let text = |found: Arc<Shelved>| found.document();
            let own = own.and_then(text);
            (served, own.map(|own| Documents { own, beside: beside.and_then(text) }))
        } else {
            let flow = self.components.of_folder(plugin, World::Flow).ok_or_else(|| missing(plugin, World::Flow))?;
            served.run_by(flow)
        };
        let no_document = || Arc::from(format!("no pack brings the flow {}", document.name));
        documents.map(|documents| (served, Some(documents))).ok_or_else(no_document)
    }

    /// Says which files are heard where a pack's sounds are played to an interaction.
    pub(crate) fn place_sounds<'a>(
        &self,
        tenant: &TenantId,
        interaction: Option<InteractionId>,
        sources: &mut [media::Source],
        party: impl Fn(InteractionId) -> Option<Party<'a>>,
    ) {
        for source in sources {
            let media::Source::File(path) = source else { continue };
            let Some(key) = contents::sound_key(path) else { continue };
            if let Some(sound) = self.rollouts.find(tenant, interaction, key, &party).and_then(|found| found.sound()) {
                *path = sound;
            }
        }
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
        documents: Option<Documents>,
    ) -> Result<Option<exchange::Answer>, Arc<str>> {
        let Served { component, beside } = served;
        let (own, of_candidate) = documents.map_or((None, None), |texts| (Some(texts.own), texts.beside));
        let (budget, ask) = match kind {
            exchange::QuestionKind::Step(step) => {
                let flow = component.flow().ok_or_else(|| missing(asking.name, World::Flow))?;
                let settings =
                    self.settings.made_of(&own.unwrap_or(step.document), |text| plugin::Settings::document(text));
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
        let mut shadow = beside.map(|(candidate, state)| packs::beside(&ask, &candidate, state));
        if let (Some(Some(plugin::Ask::FlowStep { settings, .. })), Some(document)) = (&mut shadow, of_candidate) {
            *settings = self.settings.made_of(&document, |text| plugin::Settings::document(text));
        }
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

/// A pack's document, as a configuration names it and as a version has it.
struct Document {
    name: String,
    key: String,
}

impl Document {
    fn named(name: String) -> Self {
        Self { key: contents::document_key(&name).unwrap_or_default(), name }
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
