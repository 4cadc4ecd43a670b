//! Questions of exchanges to the plugin threads, and answers back.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use plugboard_config::{ConnectorSays, SettingFault};
use plugboard_exchange as exchange;
use plugboard_model::{
    InteractionId, Limits, Policy, TenantId, Timestamp,
    compliance::{Rule, Verdict},
    connector::{Call, Connector},
    flow::{Problem, Setting},
    routing,
};
use plugboard_pack::{PackId, permissions::Asks};
use plugboard_plugin::{self as plugin, AnyPlugin};

use crate::{
    connectors::{Connectors, Invocation, granted},
    packs::{self, Asking, Component, Party, Rollouts, Served, Shelf, Shelved},
    ready::Ready,
};

/// plugins.md: what a component gets before the native default is taken.
const STEP_BUDGET: Duration = Duration::from_millis(20);
const RANK_BUDGET: Duration = Duration::from_millis(5);
const JUDGE_BUDGET: Duration = Duration::from_millis(5);
const TEXT_BUDGET: Duration = Duration::from_millis(20);
const REVIEW_BUDGET: Duration = Duration::from_secs(1);

/// The components of this installation, by name.
#[derive(Clone, Debug)]
pub(crate) struct Components {
    flows: Arc<BTreeMap<String, plugin::FlowPlugin>>,
    policies: Arc<BTreeMap<String, plugin::RoutingPlugin>>,
    rules: Arc<BTreeMap<String, plugin::CompliancePlugin>>,
    connectors: Arc<BTreeMap<String, plugin::ConnectorPlugin>>,
    /// Those of packs, by tenant.
    shelf: Shelf,
}

/// Why the components of a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComponentsError {
    #[error(
        "folder {folder} of plugins cannot be read; build them with `cargo xtask plugins`, or name another in plugboard.toml"
    )]
    Folder { folder: String, source: std::io::Error },
    #[error("{file} is no plugin that this host can run")]
    Load { file: String, source: plugin::LoadError },
}

impl Components {
    /// Every flow, policy, rule and connector among `*.wasm` of `folder`, each under its file name.
    pub(crate) fn load(engine: &plugin::Engine, folder: &Path) -> Result<Self, ComponentsError> {
        Self::load_some(engine, folder, None)
    }

    /// The one of that name, if it is there.
    pub(crate) fn load_one(engine: &plugin::Engine, folder: &Path, name: &str) -> Result<Self, ComponentsError> {
        Self::load_some(engine, folder, Some(name))
    }

    fn load_some(engine: &plugin::Engine, folder: &Path, only: Option<&str>) -> Result<Self, ComponentsError> {
        let unreadable = |source| ComponentsError::Folder { folder: folder.display().to_string(), source };
        let (mut flows, mut policies, mut rules) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut connectors = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            if path.extension().is_none_or(|extension| extension != "wasm") || only.is_some_and(|only| only != name) {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(unreadable)?;
            match engine.load_any(&bytes, plugin::Terms::default()) {
                Ok(AnyPlugin::Flow(flow)) => drop(flows.insert(name.to_owned(), flow)),
                Ok(AnyPlugin::Routing(policy)) => drop(policies.insert(name.to_owned(), policy)),
                Ok(AnyPlugin::Compliance(rule)) => drop(rules.insert(name.to_owned(), rule)),
                Ok(AnyPlugin::Connector(connector)) => drop(connectors.insert(name.to_owned(), connector)),
                // They lie in the same folder; they are granted to tenants.
                Ok(AnyPlugin::Channel(_) | AnyPlugin::Assistant(_) | AnyPlugin::Dialer(_)) => {
                    tracing::debug!(plugin = name, "a component that nothing of a tenant names");
                }
                Err(source) => return Err(ComponentsError::Load { file: path.display().to_string(), source }),
            }
        }
        let (flows, policies, rules) = (Arc::new(flows), Arc::new(policies), Arc::new(rules));
        Ok(Self { flows, policies, rules, connectors: Arc::new(connectors), shelf: Shelf::default() })
    }

    /// With the components of packs beside those of the folder.
    pub(crate) fn beside(self, shelf: Shelf) -> Self {
        Self { shelf, ..self }
    }

    /// As these would be with another version of a pack.
    pub(crate) fn with(&self, tenant: &TenantId, pack: &PackId, components: &[(String, Arc<Shelved>)]) -> Self {
        Self { shelf: self.shelf.with(tenant, pack, components), ..self.clone() }
    }

    /// What a pack of the tenant brings under this full name; without a tenant, nothing.
    fn of_pack(&self, tenant: Option<&TenantId>, name: &str) -> Option<Arc<Shelved>> {
        if name.contains('/') { self.shelf.find(tenant?, name) } else { None }
    }

    pub(crate) fn flow(&self, tenant: Option<&TenantId>, name: &str) -> Option<plugin::FlowPlugin> {
        match self.of_pack(tenant, name) {
            Some(shelved) => shelved.component.clone().flow(),
            None => self.flows.get(name).cloned(),
        }
    }

    pub(crate) fn policy(&self, tenant: Option<&TenantId>, name: &str) -> Option<plugin::RoutingPlugin> {
        match self.of_pack(tenant, name) {
            Some(shelved) => shelved.component.clone().policy(),
            None => self.policies.get(name).cloned(),
        }
    }

    pub(crate) fn rule(&self, tenant: Option<&TenantId>, name: &str) -> Option<plugin::CompliancePlugin> {
        match self.of_pack(tenant, name) {
            Some(shelved) => shelved.component.clone().rule(),
            None => self.rules.get(name).cloned(),
        }
    }

    /// With the most that its pack asked for; nothing for one of the folder, which asks for what the tenant grants.
    pub(crate) fn connector(
        &self,
        tenant: Option<&TenantId>,
        name: &str,
    ) -> Option<(plugin::ConnectorPlugin, Option<Asks>)> {
        match self.of_pack(tenant, name).map(|shelved| shelved.component.clone()) {
            Some(Component::Connector(connector, asks)) => Some((connector, Some(asks))),
            Some(_) => None,
            None => self.connectors.get(name).cloned().map(|connector| (connector, None)),
        }
    }

    /// Under which name a component of this content is configured.
    pub(crate) fn name_of(&self, hash: plugin::PluginHash) -> Option<&str> {
        let flow = self.flows.iter().find(|(_, flow)| flow.hash() == hash).map(|(name, _)| name);
        let policy = || self.policies.iter().find(|(_, policy)| policy.hash() == hash).map(|(name, _)| name);
        let rule = || self.rules.iter().find(|(_, rule)| rule.hash() == hash).map(|(name, _)| name);
        let connector = || self.connectors.iter().find(|(_, connector)| connector.hash() == hash).map(|(name, _)| name);
        flow.or_else(policy).or_else(rule).or_else(connector).map(String::as_str)
    }

    pub(crate) fn has_policy(&self, name: &str) -> bool {
        self.policies.contains_key(name)
    }

    pub(crate) fn has_rule(&self, name: &str) -> bool {
        self.rules.contains_key(name)
    }

    pub(crate) fn has_connector(&self, name: &str) -> bool {
        self.connectors.contains_key(name)
    }

    /// What the routing component of that name says of the tables of a queue.
    pub(crate) fn check_policy(
        &self,
        tenant: Option<&TenantId>,
        plugin: &str,
        tables: &routing::Tables,
    ) -> Vec<Problem> {
        let problem = |code: &str, message: String, remedy: &str| Problem {
            severity: plugboard_model::flow::Severity::Error,
            code: code.into(),
            node: None,
            field: None,
            message,
            remedy: remedy.into(),
        };
        if let Some(shelved) = self.of_pack(tenant, plugin) {
            let settings = tables.settings.iter().map(|setting| (&*setting.name, &*setting.value));
            let faults = shelved.check_texts(settings.filter(|(name, _)| *name != Policy::RELAX_FIRST));
            if !faults.is_empty() {
                return faults.iter().map(|fault| missed_schema(fault, "/settings")).collect();
            }
        }
        let Some(policy) = self.policy(tenant, plugin) else {
            let message = format!("there is no routing plugin {plugin}");
            return vec![problem(
                "unknown-policy",
                message,
                "install it, or leave `policy` out to use the queue's strategy",
            )];
        };
        match policy.check(&plugin::TableSet::new(tables.clone())) {
            Ok(()) => Vec::new(),
            // Its own words name the setting; what kind of failure it is, is known here.
            Err(plugin::AskFailure::Plugin(failure)) => {
                vec![problem("bad-settings", failure.message, "mend the policy's settings")]
            }
            Err(failure) => vec![problem("plugin", failure.to_string(), "mend the plugin, or name another one")],
        }
    }

    /// What the compliance component says of the rule's settings.
    pub(crate) fn check_rule(&self, tenant: Option<&TenantId>, rule: &Rule) -> Vec<Problem> {
        let problem = |code: &str, message: String, remedy: &str| {
            vec![Problem {
                severity: plugboard_model::flow::Severity::Error,
                code: code.into(),
                node: None,
                field: None,
                message,
                remedy: remedy.into(),
            }]
        };
        let Some(component) = self.rule(tenant, &rule.plugin) else {
            let message = format!("there is no compliance plugin {}", rule.plugin);
            return problem("unknown-rule", message, "install it, or take the rule out");
        };
        let failed = |failure: plugin::AskFailure| {
            problem("plugin", failure.to_string(), "mend the plugin, or name another one")
        };
        component.check(&settings(&rule.settings)).unwrap_or_else(failed)
    }

    /// What the connector component says of the connector's settings, and what it can do with them.
    pub(crate) fn check_connector(&self, tenant: Option<&TenantId>, connector: &Connector) -> ConnectorSays {
        let problem = |code: &str, message: String, remedy: &str| {
            let problem = Problem {
                severity: plugboard_model::flow::Severity::Error,
                code: code.into(),
                node: None,
                field: None,
                message,
                remedy: remedy.into(),
            };
            ConnectorSays { problems: vec![problem], operations: None }
        };
        if let Some(shelved) = self.of_pack(tenant, &connector.plugin) {
            let texts = connector.settings.iter().map(|(name, value)| (&**name, &**value));
            let faults = shelved.check_texts(texts);
            if !faults.is_empty() {
                let problems = faults.iter().map(|fault| missed_schema(fault, "")).collect();
                return ConnectorSays { problems, operations: None };
            }
        }
        let Some((component, asked)) = self.connector(tenant, &connector.plugin) else {
            let message = format!("there is no connector plugin {}", connector.plugin);
            return problem("unknown-connector", message, "install it, or take the connector out");
        };
        if let Err(beyond) = granted(connector, asked.as_ref()) {
            return problem("beyond-the-pack", beyond, "grant what the pack asks for, or less");
        }
        let failed = |failure: plugin::AskFailure| {
            problem("plugin", failure.to_string(), "mend the plugin, or name another one")
        };
        let problems = match component.check(&settings(&connector.settings)) {
            Ok(problems) => problems,
            Err(failure) => return failed(failure),
        };
        let is_wrong = |problem: &Problem| problem.severity == plugboard_model::flow::Severity::Error;
        if problems.iter().any(is_wrong) {
            return ConnectorSays { problems, operations: None };
        }
        match component.description_with(connector.settings.clone()) {
            Ok(said) => {
                let operations = said.operations.into_iter().map(|operation| operation.name).collect();
                ConnectorSays { problems, operations: Some(operations) }
            }
            Err(failure) => failed(failure),
        }
    }

    /// What the component that would run `document` says of it.
    pub(crate) fn check_flow(
        &self,
        tenant: Option<&TenantId>,
        plugin: &str,
        document: &str,
        limits: &Limits,
    ) -> Vec<Problem> {
        let faults = self.of_pack(tenant, plugin).map(|shelved| shelved.check_document(document)).unwrap_or_default();
        if !faults.is_empty() {
            return faults.iter().map(|fault| missed_schema(fault, "")).collect();
        }
        let failed = |message: String, remedy: &str| {
            vec![Problem {
                severity: plugboard_model::flow::Severity::Error,
                code: "plugin".into(),
                node: None,
                field: None,
                message,
                remedy: remedy.into(),
            }]
        };
        match self.flow(tenant, plugin) {
            Some(flow) => flow
                .check(&plugin::Settings::of_document_to_check(document, limits.menu_depth))
                .unwrap_or_else(|failure| failed(failure.to_string(), "mend the plugin, or name another one")),
            None => failed(format!("there is no flow plugin {plugin}"), "install it, or name another one"),
        }
    }
}

/// `below`: where settings stand in what was checked.
fn missed_schema(fault: &SettingFault, below: &str) -> Problem {
    Problem {
        severity: plugboard_model::flow::Severity::Error,
        code: "settings-miss-schema".into(),
        node: None,
        field: Some(format!("{below}{}", fault.at)),
        message: fault.problem.to_string(),
        remedy: fault.problem.remedy(),
    }
}

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

/// A rule's settings as its component gets them.
pub(crate) fn settings(told: &BTreeMap<String, String>) -> plugin::Settings {
    let setting = |(name, value): (&String, &String)| Setting { name: name.clone(), value: value.clone() };
    plugin::Settings::new(told.iter().map(setting).collect())
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
                return self.invoke(now, id, tenant, (&name, &connector), call, timeout).err();
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
        let served = if of_pack { self.rollouts.serve(&asking, party) } else { self.of_folder(&name, &kind) };
        let put = served.ok_or_else(|| no_such(&name, &kind)).and_then(|served| self.put(&asking, kind, served));
        if of_pack && !matches!(put, Ok(None)) {
            self.rollouts.not_asked(id);
        }
        put.unwrap_or_else(|reason| Some(exchange::Answer::Unavailable(reason)))
    }

    fn of_folder(&self, name: &str, kind: &exchange::QuestionKind) -> Option<Served> {
        let Components { flows, policies, rules, .. } = &self.components;
        let component = match kind {
            exchange::QuestionKind::Step(_) => Component::Flow(flows.get(name)?.clone()),
            exchange::QuestionKind::RankAgents { .. }
            | exchange::QuestionKind::RankWaiting { .. }
            | exchange::QuestionKind::Relax { .. } => Component::Routing(policies.get(name)?.clone()),
            exchange::QuestionKind::Judge { .. }
            | exchange::QuestionKind::Hear { .. }
            | exchange::QuestionKind::Review { .. }
            | exchange::QuestionKind::Redact { .. } => Component::Compliance(rules.get(name)?.clone()),
            exchange::QuestionKind::Invoke { .. } => return None,
        };
        Some(Served { component, beside: None })
    }

    fn invoke(
        &mut self,
        now: Timestamp,
        id: u64,
        tenant: &TenantId,
        (name, connector): (&str, &Arc<Connector>),
        call: Box<Call>,
        budget: Duration,
    ) -> Result<(), exchange::Answer> {
        let ready = self.connectors.ready(tenant, name, connector).map_err(exchange::Answer::Unavailable)?;
        let asked = ready.invoke(now, call);
        let (invocation, ask) = asked.map_err(|failure| exchange::Answer::Invoked(Err(failure)))?;
        let question = plugin::Question { id, tenant: tenant.clone(), budget, ask };
        match self.runtime.ask(question) {
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
                let flow = component.flow().ok_or_else(|| no_flow(asking.name))?;
                let settings = self.settings.made_of(&step.document, |document| plugin::Settings::document(document));
                let ask = plugin::Ask::FlowStep { flow, settings, state: step.state, event: Box::new(step.event) };
                (STEP_BUDGET, ask)
            }
            exchange::QuestionKind::RankAgents { tables, who, needs, candidates, columns, .. } => {
                let policy = component.policy().ok_or_else(|| no_policy(asking.name))?;
                let tables = self.table_set(&tables);
                (RANK_BUDGET, plugin::Ask::RankAgents { policy, tables, who, needs, candidates, columns })
            }
            exchange::QuestionKind::RankWaiting { tables, agent, waiting, columns, .. } => {
                let policy = component.policy().ok_or_else(|| no_policy(asking.name))?;
                let tables = self.table_set(&tables);
                (RANK_BUDGET, plugin::Ask::RankWaiting { policy, tables, agent, waiting, columns })
            }
            exchange::QuestionKind::Relax { tables, who, needs, .. } => {
                let policy = component.policy().ok_or_else(|| no_policy(asking.name))?;
                let tables = self.table_set(&tables);
                (RANK_BUDGET, plugin::Ask::OnTimer { policy, tables, who, needs })
            }
            exchange::QuestionKind::Judge { settings, act, .. } => {
                let rule = component.rule().ok_or_else(|| no_rule(asking.name))?;
                if !rule.judges(&act.what) {
                    return Ok(Some(exchange::Answer::Judged(Verdict::unjudged())));
                }
                (JUDGE_BUDGET, plugin::Ask::Judge { rule, settings: self.told(&settings), act })
            }
            exchange::QuestionKind::Hear { settings, state, segment, .. } => {
                let rule = component.rule().ok_or_else(|| no_rule(asking.name))?;
                if !rule.description().listens {
                    return Ok(Some(exchange::Answer::Heard(None)));
                }
                (TEXT_BUDGET, plugin::Ask::Utterance { rule, settings: self.told(&settings), state, segment })
            }
            exchange::QuestionKind::Review { settings, transcript, .. } => {
                let rule = component.rule().ok_or_else(|| no_rule(asking.name))?;
                if !rule.description().reviews {
                    return Ok(Some(exchange::Answer::Reviewed(None)));
                }
                (REVIEW_BUDGET, plugin::Ask::Review { rule, settings: self.told(&settings), transcript })
            }
            exchange::QuestionKind::Redact { settings, text, language, .. } => {
                let rule = component.rule().ok_or_else(|| no_rule(asking.name))?;
                if rule.description().redacts.is_empty() {
                    return Ok(Some(exchange::Answer::Redacted(None)));
                }
                (TEXT_BUDGET, plugin::Ask::Redact { rule, settings: self.told(&settings), text, language })
            }
            exchange::QuestionKind::Invoke { .. } => return Err("a connector is asked another way".into()),
        };
        let question = |ask| plugin::Question { id: asking.id, tenant: asking.tenant.clone(), budget, ask };
        let shadow = beside.map(|(candidate, state)| packs::beside(&ask, &candidate, state));
        self.runtime.ask(question(ask)).map_err(|failure| Arc::from(failure.to_string()))?;
        if let Some(shadow) = shadow
            && shadow.is_none_or(|ask| self.shadows.ask(question(ask)).is_err())
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

fn no_such(name: &str, kind: &exchange::QuestionKind) -> Arc<str> {
    match kind {
        exchange::QuestionKind::Step(_) => no_flow(name),
        exchange::QuestionKind::RankAgents { .. }
        | exchange::QuestionKind::RankWaiting { .. }
        | exchange::QuestionKind::Relax { .. } => no_policy(name),
        exchange::QuestionKind::Judge { .. }
        | exchange::QuestionKind::Hear { .. }
        | exchange::QuestionKind::Review { .. }
        | exchange::QuestionKind::Redact { .. } => no_rule(name),
        exchange::QuestionKind::Invoke { .. } => format!("there is no connector {name}").into(),
    }
}

fn no_flow(name: &str) -> Arc<str> {
    format!("there is no flow plugin {name}").into()
}

fn no_policy(name: &str) -> Arc<str> {
    format!("there is no routing plugin {name}").into()
}

fn no_rule(name: &str) -> Arc<str> {
    format!("there is no compliance plugin {name}").into()
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
