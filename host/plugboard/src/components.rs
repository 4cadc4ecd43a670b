//! The components of this installation, and what they say of a configuration that would use them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use plugboard_config::{ConnectorSays, SettingFault};
use plugboard_model::{
    Brought, Limits, Policy, TenantId,
    channel::Channel,
    compliance::Rule,
    connector::Connector,
    flow::{Problem, Reference, Setting},
    routing,
};
use plugboard_pack::{PackId, World, permissions::Asks};
use plugboard_plugin::{self as plugin, AnyPlugin};

use crate::{
    connectors::granted,
    packs::{Component, Shelf, Shelved},
};

/// The components of this installation, by name.
#[derive(Clone, Debug)]
pub(crate) struct Components {
    flows: Arc<BTreeMap<String, plugin::FlowPlugin>>,
    policies: Arc<BTreeMap<String, plugin::RoutingPlugin>>,
    rules: Arc<BTreeMap<String, plugin::CompliancePlugin>>,
    connectors: Arc<BTreeMap<String, plugin::ConnectorPlugin>>,
    channels: Arc<BTreeMap<String, plugin::ChannelPlugin>>,
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
    /// Every flow, policy, rule, connector and channel among `*.wasm` of `folder`, each under its file name.
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
        let (mut connectors, mut channels) = (BTreeMap::new(), BTreeMap::new());
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
                Ok(AnyPlugin::Channel(channel)) => drop(channels.insert(name.to_owned(), channel)),
                // They lie in the same folder; they are granted to tenants.
                Ok(AnyPlugin::Assistant(_) | AnyPlugin::Dialer(_)) => {
                    tracing::debug!(plugin = name, "a component that nothing of a tenant names");
                }
                Err(source) => return Err(ComponentsError::Load { file: path.display().to_string(), source }),
            }
        }
        let (flows, policies, rules) = (Arc::new(flows), Arc::new(policies), Arc::new(rules));
        let (connectors, channels) = (Arc::new(connectors), Arc::new(channels));
        Ok(Self { flows, policies, rules, connectors, channels, shelf: Shelf::default() })
    }

    /// With the components of packs beside those of the folder.
    pub(crate) fn beside(self, shelf: Shelf) -> Self {
        Self { shelf, ..self }
    }

    /// As these would be with another version of a pack.
    pub(crate) fn with(&self, tenant: &TenantId, pack: &PackId, components: &[(String, Arc<Shelved>)]) -> Self {
        Self { shelf: self.shelf.with(tenant, pack, components), ..self.clone() }
    }

    /// Prompts and documents that packs of the tenant bring, of the versions that serve all.
    pub(crate) fn brought(&self, tenant: &TenantId) -> Brought {
        self.shelf.brought(tenant)
    }

    /// What a pack of the tenant brings under this full name; without a tenant, nothing.
    fn of_pack(&self, tenant: Option<&TenantId>, name: &str) -> Option<Arc<Shelved>> {
        if name.contains('/') { self.shelf.find(tenant?, name) } else { None }
    }

    /// What the folder has under that name in that world, if the host asks such for calls.
    pub(crate) fn of_folder(&self, name: &str, world: World) -> Option<Component> {
        match world {
            World::Flow => self.flows.get(name).cloned().map(Component::Flow),
            World::Routing => self.policies.get(name).cloned().map(Component::Routing),
            World::Compliance => self.rules.get(name).cloned().map(Component::Compliance),
            World::Connector | World::Channel | World::Assistant | World::Dialer => None,
        }
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

    /// Likewise.
    pub(crate) fn channel(
        &self,
        tenant: Option<&TenantId>,
        name: &str,
    ) -> Option<(plugin::ChannelPlugin, Option<Asks>)> {
        match self.of_pack(tenant, name).map(|shelved| shelved.component.clone()) {
            Some(Component::Channel(channel, asks)) => Some((channel, Some(asks))),
            Some(_) => None,
            None => self.channels.get(name).cloned().map(|channel| (channel, None)),
        }
    }

    /// Under which name a component of this content is configured.
    pub(crate) fn name_of(&self, hash: plugin::PluginHash) -> Option<&str> {
        let flow = self.flows.iter().find(|(_, flow)| flow.hash() == hash).map(|(name, _)| name);
        let policy = || self.policies.iter().find(|(_, policy)| policy.hash() == hash).map(|(name, _)| name);
        let rule = || self.rules.iter().find(|(_, rule)| rule.hash() == hash).map(|(name, _)| name);
        let connector = || self.connectors.iter().find(|(_, connector)| connector.hash() == hash).map(|(name, _)| name);
        let channel = || self.channels.iter().find(|(_, channel)| channel.hash() == hash).map(|(name, _)| name);
        flow.or_else(policy).or_else(rule).or_else(connector).or_else(channel).map(String::as_str)
    }

    /// The content of what the folder has under that name.
    pub(crate) fn hash_of(&self, name: &str) -> Option<plugin::PluginHash> {
        let flow = self.flows.get(name).map(plugin::FlowPlugin::hash);
        let policy = || self.policies.get(name).map(plugin::RoutingPlugin::hash);
        let rule = || self.rules.get(name).map(plugin::CompliancePlugin::hash);
        flow.or_else(policy).or_else(rule).or_else(|| self.connectors.get(name).map(plugin::ConnectorPlugin::hash))
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

    pub(crate) fn has_channel(&self, name: &str) -> bool {
        self.channels.contains_key(name)
    }

    /// What the routing component of that name says of the tables of a queue.
    pub(crate) fn check_policy(
        &self,
        tenant: Option<&TenantId>,
        plugin: &str,
        tables: &routing::Tables,
    ) -> Vec<Problem> {
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
        let problem = |code: &str, message: String, remedy: &str| vec![problem(code, message, remedy)];
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
        let problem = |code: &str, message: String, remedy: &str| ConnectorSays {
            problems: vec![problem(code, message, remedy)],
            operations: None,
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

    /// What the channel component says of the channel's settings.
    pub(crate) fn check_channel(&self, tenant: Option<&TenantId>, channel: &Channel) -> Vec<Problem> {
        let given = &channel.component;
        if let Some(shelved) = self.of_pack(tenant, &given.plugin) {
            let faults = shelved.check_texts(given.settings.iter().map(|(name, value)| (&**name, &**value)));
            if !faults.is_empty() {
                return faults.iter().map(|fault| missed_schema(fault, "")).collect();
            }
        }
        let problem = |code: &str, message: String, remedy: &str| vec![problem(code, message, remedy)];
        let Some((component, asked)) = self.channel(tenant, &given.plugin) else {
            let message = format!("there is no channel plugin {}", given.plugin);
            return problem("unknown-channel", message, "install it, or take the channel out");
        };
        if let Err(beyond) = granted(given, asked.as_ref()) {
            return problem("beyond-the-pack", beyond, "grant what the pack asks for, or less");
        }
        let failed = |failure: plugin::AskFailure| {
            problem("plugin", failure.to_string(), "mend the plugin, or name another one")
        };
        component.check(&settings(&given.settings)).unwrap_or_else(failed)
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
        let failed = |message: String, remedy: &str| vec![problem("plugin", message, remedy)];
        match self.flow(tenant, plugin) {
            Some(flow) => flow
                .check(&plugin::Settings::of_document_to_check(document, limits.menu_depth))
                .unwrap_or_else(|failure| failed(failure.to_string(), "mend the plugin, or name another one")),
            None => failed(format!("there is no flow plugin {plugin}"), "install it, or name another one"),
        }
    }

    /// What a flow's document names of the tenant's, as its component says.
    pub(crate) fn references(
        &self,
        tenant: Option<&TenantId>,
        plugin: &str,
        document: &str,
    ) -> Result<Vec<Reference>, plugin::AskFailure> {
        let Some(flow) = self.flow(tenant, plugin) else { return Ok(Vec::new()) };
        flow.references(&plugin::Settings::document(document))
    }
}

/// `below`: where settings stand in what was checked.
fn missed_schema(fault: &SettingFault, below: &str) -> Problem {
    let problem = problem("settings-miss-schema", fault.problem.to_string(), &fault.problem.remedy());
    Problem { field: Some(format!("{below}{}", fault.at)), ..problem }
}

fn problem(code: &str, message: String, remedy: &str) -> Problem {
    Problem {
        severity: plugboard_model::flow::Severity::Error,
        code: code.into(),
        node: None,
        field: None,
        message,
        remedy: remedy.into(),
    }
}

/// A rule's settings as its component gets them.
pub(crate) fn settings(told: &BTreeMap<String, String>) -> plugin::Settings {
    let setting = |(name, value): (&String, &String)| Setting { name: name.clone(), value: value.clone() };
    plugin::Settings::new(told.iter().map(setting).collect())
}
