//! Components of packs as a configuration is checked against them, by tenant and full name: of each pack, those of the version that serves all.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use plugboard_config::{SettingFault, SettingProblem, SettingsSchema};
use plugboard_model::{Brought, Prompt, TenantId};
use plugboard_pack::{PackId, permissions::Asks};
use plugboard_plugin::{ChannelPlugin, CompliancePlugin, ConnectorPlugin, FlowPlugin, RoutingPlugin};
use serde_json::Value;

use super::{Row, contents::brought};

/// One component of a pack, loaded; or what it [brings](super::contents) beside.
#[derive(Clone, Debug)]
pub(crate) enum Component {
    Flow(FlowPlugin),
    Routing(RoutingPlugin),
    Compliance(CompliancePlugin),
    /// With the most that it may be granted.
    Connector(ConnectorPlugin, Asks),
    Channel(ChannelPlugin, Asks),
    /// A flow's document.
    Document(Arc<str>),
    /// A prompt, with the file that it is kept in.
    Sound(Prompt),
}

impl Component {
    pub(crate) fn flow(self) -> Option<FlowPlugin> {
        if let Self::Flow(flow) = self { Some(flow) } else { None }
    }

    pub(crate) fn policy(self) -> Option<RoutingPlugin> {
        if let Self::Routing(policy) = self { Some(policy) } else { None }
    }

    pub(crate) fn rule(self) -> Option<CompliancePlugin> {
        if let Self::Compliance(rule) = self { Some(rule) } else { None }
    }
}

/// With what its settings have to meet.
#[derive(Debug)]
pub(crate) struct Shelved {
    pub(crate) component: Component,
    pub(crate) schema: Option<SettingsSchema>,
}

impl Shelved {
    pub(crate) fn document(&self) -> Option<Arc<str>> {
        if let Component::Document(text) = &self.component { Some(Arc::clone(text)) } else { None }
    }

    /// The file of a prompt.
    pub(crate) fn sound(&self) -> Option<Arc<Path>> {
        if let Component::Sound(prompt) = &self.component { Some(Arc::clone(&prompt.path)) } else { None }
    }
}

/// Cheap to clone; clones are the same shelf.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<RwLock<BTreeMap<TenantId, Row>>>);

impl Shelf {
    /// `name`: in full.
    pub(crate) fn find(&self, tenant: &TenantId, name: &str) -> Option<Arc<Shelved>> {
        self.read(|rows| rows.get(tenant)?.get(name).cloned())
    }

    /// Prompts and documents as a configuration has them.
    pub(crate) fn brought(&self, tenant: &TenantId) -> Brought {
        self.read(|rows| brought(rows.get(tenant)))
    }

    /// Puts the components of one version of a pack in the place of those that are there.
    pub(crate) fn put(&self, tenant: &TenantId, pack: &PackId, components: &[(String, Arc<Shelved>)]) {
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(tenant.clone()).or_default();
        row.retain(|name, _| !is_of(name, pack));
        row.extend(components.iter().cloned());
        if row.is_empty() {
            rows.remove(tenant);
        }
    }

    /// A shelf of its own as this one would be with these components.
    pub(crate) fn with(&self, tenant: &TenantId, pack: &PackId, components: &[(String, Arc<Shelved>)]) -> Self {
        let tried = Self(Arc::new(RwLock::new(self.read(Clone::clone))));
        tried.put(tenant, pack, components);
        tried
    }

    fn read<T>(&self, read: impl FnOnce(&BTreeMap<TenantId, Row>) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether `name` is that of a component of `pack`.
pub(crate) fn is_of(name: &str, pack: &PackId) -> bool {
    name.split_once('/').is_some_and(|(id, _)| id == pack.as_str())
}

impl Shelved {
    /// What is wrong with settings that are all texts, as a queue's policy has them: a number or a truth is taken as what the schema wants it to be.
    pub(crate) fn check_texts<'a>(&self, settings: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<SettingFault> {
        let Some(schema) = &self.schema else { return Vec::new() };
        let as_text: Vec<(&str, &str)> = settings.collect();
        let read = |text: &str| serde_json::from_str(text).ok().filter(|value: &Value| !value.is_string());
        let object = |texts: &[&str]| {
            let value = |(name, text): &(&str, &str)| {
                let value = read(text).filter(|_| !texts.contains(name));
                ((*name).to_owned(), value.unwrap_or_else(|| Value::String((*text).to_owned())))
            };
            Value::Object(as_text.iter().map(value).collect())
        };
        let faults = schema.check(&object(&[]));
        // A text that looks like a number, where the schema wants text.
        let texts: Vec<&str> = as_text
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| faults.iter().any(|fault| is_at(&fault.at, name) && is_of_another_type(fault)))
            .collect();
        if texts.is_empty() { faults } else { schema.check(&object(&texts)) }
    }

    /// What is wrong with a document. One that is no JSON is the component's own affair.
    pub(crate) fn check_document(&self, document: &str) -> Vec<SettingFault> {
        let value = serde_json::from_str(document);
        self.schema.as_ref().zip(value.ok()).map_or_else(Vec::new, |(schema, value)| schema.check(&value))
    }
}

fn is_of_another_type(fault: &SettingFault) -> bool {
    matches!(fault.problem, SettingProblem::WrongType { .. })
}

/// Whether a JSON Pointer is that of a setting of this name.
fn is_at(pointer: &str, name: &str) -> bool {
    let name = name.replace('~', "~0").replace('/', "~1");
    pointer.strip_prefix('/') == Some(name.as_str())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use plugboard_plugin::{Engine, EngineSettings};
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_numbers_where_the_schema_wants_numbers_and_texts_where_it_wants_texts() {
        let engine = Engine::new(EngineSettings { instances: 1, ..EngineSettings::default() }).unwrap();
        let policy = include_bytes!("../../../plugin/tests/released/0.1.0/routing.wasm");
        let schema = json!({ "type": "object", "required": ["first"], "additionalProperties": false, "properties": {
            "first": { "type": "integer", "maximum": 100 }, "name": { "type": "string" }, "strict": { "type": "boolean" },
        } });
        let component = Component::Routing(engine.load_routing(policy).unwrap());
        let shelved = Shelved { component, schema: Some(SettingsSchema::read(&schema).unwrap()) };
        let said = |settings: &[(&str, &str)]| {
            let faults = shelved.check_texts(settings.iter().copied());
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            format!("{settings:?}: {}\n", if faults.is_empty() { "right".to_owned() } else { faults.join("; ") })
        };
        let told = [
            said(&[("first", "40"), ("name", "4711"), ("strict", "true")]),
            said(&[("first", "400"), ("name", "4711")]),
            said(&[("first", "soon"), ("strict", "maybe")]),
            said(&[("last", "1")]),
        ];
        expect![[r#"
            [("first", "40"), ("name", "4711"), ("strict", "true")]: right
            [("first", "400"), ("name", "4711")]: /first: it takes at most 100
            [("first", "soon"), ("strict", "maybe")]: /first: it takes integer; /strict: it takes boolean
            [("last", "1")]: there is no setting last; `first` is missing
        "#]]
        .assert_eq(&told.concat());
    }
}
