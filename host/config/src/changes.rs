//! What applying a configuration would change, in words.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use plugboard_model::Configuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::duration;

/// Every difference, in the order tenant, queues, agents, numbers, trunks, rules, lists, connectors, channels, flows, prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub change: ChangeKind,
    /// `tenant`, `queue`, `agent`, `number`, `trunk`, `rule`, `list`, `connector`, `channel`, `flow` or `prompt`.
    pub resource: String,
    pub id: String,
    /// Of a changed resource only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

/// A field as people write it: durations with their unit, secrets never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    /// `None`: it was not set.
    pub from: Option<String>,
    pub to: Option<String>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// One line a change, with the changed fields below it; `nothing changes` if there is none.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changes\n");
        }
        for change in &self.changes {
            let (sign, word) = match change.change {
                ChangeKind::Added => ('+', "added"),
                ChangeKind::Changed => ('~', "changed"),
                ChangeKind::Removed => ('-', "removed"),
            };
            writeln!(f, "{sign} {} {} {word}", change.resource, change.id)?;
            for field in &change.fields {
                let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
                match (&field.from, &field.to) {
                    (from, to) if from == to => writeln!(f, "    {} changed", field.field)?,
                    (from, to) => writeln!(f, "    {}: {} → {}", field.field, shown(from), shown(to))?,
                }
            }
        }
        Ok(())
    }
}

/// What leads from `old` to `new`. The revision is no difference; a time zone differs by its name.
pub fn diff(old: &Configuration, new: &Configuration) -> Changes {
    let mut changes = Vec::new();
    let tenant = |configuration: &Configuration| {
        let exception = &configuration.exception;
        json!({
            "name": configuration.name,
            "domains": configuration.domains,
            "language": configuration.language,
            "time_zone": configuration.time_zone.name,
            "exception.apology": exception.apology,
            "exception.queue": exception.queue,
            "dialling.consent_list": configuration.dialling.consent_list,
            "encryption": configuration.encryption,
            "limits": configuration.limits,
        })
    };
    let fields = changed_fields(&flat(tenant(old)), &flat(tenant(new)));
    if !fields.is_empty() {
        let (resource, id) = ("tenant".to_owned(), new.tenant.to_string());
        changes.push(Change { change: ChangeKind::Changed, resource, id, fields });
    }
    compare("queue", &old.queues, &new.queues, &mut changes, |_, json| json);
    compare("agent", &old.agents, &new.agents, &mut changes, |_, json| json);
    compare("number", &old.numbers, &new.numbers, &mut changes, |_, json| {
        let part = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        json!({ "leads to": format!("{} {}", part("to"), part("name")) })
    });
    compare("trunk", &old.trunks, &new.trunks, &mut changes, |_, json| json);
    compare("rule", &old.rules, &new.rules, &mut changes, |_, json| json);
    compare("list", &old.lists, &new.lists, &mut changes, |list, _| json!({ "numbers": list.len() }));
    compare("connector", &old.connectors, &new.connectors, &mut changes, |_, json| json);
    compare("channel", &old.channels, &new.channels, &mut changes, |_, json| json);
    compare("flow", &old.flows, &new.flows, &mut changes, |flow, json| by_node(&flow.document).unwrap_or(json));
    compare("prompt", &old.prompts, &new.prompts, &mut changes, |prompt, _| json!({ "sound": prompt.sha256 }));
    Changes { changes }
}

/// A flow's parts, each as the text that it is written as: its nodes one by one, its other fields by name.
fn by_node(document: &str) -> Option<Value> {
    let Value::Object(mut document) = serde_json::from_str(document).ok()? else { return None };
    let nodes = document.remove("nodes")?;
    let mut parts: Map<String, Value> = document;
    for (id, node) in nodes.as_object()? {
        parts.insert(format!("node {id}"), Value::String(node.to_string()));
    }
    Some(Value::Object(parts))
}

fn compare<N: Ord + ToString, T: Serialize + PartialEq>(
    resource: &str,
    old: &BTreeMap<N, T>,
    new: &BTreeMap<N, T>,
    changes: &mut Vec<Change>,
    shown: impl Fn(&T, Value) -> Value,
) {
    let fields_of = |value: &T| {
        let json = serde_json::to_value(value).expect("the model's values are JSON");
        flat(shown(value, json))
    };
    let mut push = |change, id: &N, fields| {
        changes.push(Change { change, resource: resource.to_owned(), id: id.to_string(), fields });
    };
    for name in old.keys().filter(|name| !new.contains_key(name)) {
        push(ChangeKind::Removed, name, Vec::new());
    }
    for (name, value) in new {
        match old.get(name) {
            None => push(ChangeKind::Added, name, Vec::new()),
            Some(before) if before == value => {}
            Some(before) => {
                let fields = changed_fields(&fields_of(before), &fields_of(value));
                if !fields.is_empty() {
                    push(ChangeKind::Changed, name, fields);
                }
            }
        }
    }
}

/// One level of names: `limits.interactions`.
fn flat(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { return Map::new() };
    let mut out = Map::new();
    for (name, value) in object {
        match value {
            Value::Object(inner) => {
                for (inner_name, value) in inner {
                    out.insert(format!("{name}.{inner_name}"), value);
                }
            }
            value => {
                out.insert(name, value);
            }
        }
    }
    out
}

fn changed_fields(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<FieldChange> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |name: &&String| old.get(*name).unwrap_or(&Value::Null) != new.get(*name).unwrap_or(&Value::Null);
    let change = |name: &String| FieldChange {
        field: name.strip_suffix("_ms").unwrap_or(name).to_owned(),
        from: old.get(name).and_then(|value| written(name, value)),
        to: new.get(name).and_then(|value| written(name, value)),
    };
    names.into_iter().filter(differs).map(change).collect()
}

/// A value as people write it.
fn written(name: &str, value: &Value) -> Option<String> {
    const LONGEST: usize = 60;
    let text = match value {
        Value::Null => return None,
        _ if name == "password" => "(secret)".to_owned(),
        Value::Number(number) if name.ends_with("_ms") => {
            number.as_u64().map_or_else(|| number.to_string(), duration::written)
        }
        Value::String(text) if name == "sound" => text.chars().take(12).collect(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().filter_map(|item| written("", item)).collect();
            format!("[{}]", texts.join(", "))
        }
        Value::Object(need) if need.contains_key("skill") && need.contains_key("level") => {
            format!("{} {}", need["skill"].as_str().unwrap_or_default(), need["level"])
        }
        value => value.to_string(),
    };
    if text.chars().count() <= LONGEST {
        return Some(text);
    }
    Some(text.chars().take(LONGEST - 1).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;
    use plugboard_model::{FlowDocument, NumberTarget, Queue};

    use super::*;

    fn shop() -> Configuration {
        let mut shop = Configuration::empty("shop".parse().unwrap());
        shop.queues.insert("sales".parse().unwrap(), Queue::named("Sales"));
        shop.queues.insert("old".parse().unwrap(), Queue::named("Old"));
        shop.numbers.insert("8000".parse().unwrap(), NumberTarget::Queue("sales".parse().unwrap()));
        let document = r#"{"format":1,"start":"a","nodes":{"a":{"kind":"start"},"b":{"kind":"play"}}}"#;
        let flow = FlowDocument { plugin: "flow-graph".into(), document: document.into() };
        shop.flows.insert("main".parse().unwrap(), flow);
        let agent = r#"{"name":"Amy","extension":"1","password":"first"}"#;
        shop.agents.insert("amy".parse().unwrap(), serde_json::from_str(agent).unwrap());
        shop
    }

    #[test]
    fn a_dry_run_says_in_words_what_would_change_and_tells_no_secret() {
        let old = shop();
        let mut new = shop();
        new.revision = 7;
        new.limits.interactions = 10;
        new.queues.remove("old");
        new.queues.insert("support".parse().unwrap(), Queue::named("Support"));
        let sales = new.queues.get_mut("sales").unwrap();
        sales.ring_timeout = Duration::from_secs(90);
        sales.overflow_to = Some("support".parse().unwrap());
        new.numbers.insert("8000".parse().unwrap(), NumberTarget::Flow("main".parse().unwrap()));
        new.agents.get_mut("amy").unwrap().password = "second".into();
        let flow = new.flows.get_mut("main").unwrap();
        flow.document = flow.document.replace("play", "hang-up").into();
        expect![[r#"
            ~ tenant shop changed
                limits.interactions: 20000 → 10
            - queue old removed
            ~ queue sales changed
                overflow_to: not set → support
                ring_timeout: 20s → 1m30s
            + queue support added
            ~ agent amy changed
                password changed
            ~ number 8000 changed
                leads to: queue sales → flow main
            ~ flow main changed
                node b: {"kind":"play"} → {"kind":"hang-up"}
        "#]]
        .assert_eq(&diff(&old, &new).to_string());
    }

    #[test]
    fn the_same_configuration_in_another_revision_changes_nothing() {
        let new = Configuration { revision: 2, ..shop() };
        assert_eq!(diff(&shop(), &new), Changes::default());
    }
}
