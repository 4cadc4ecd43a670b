//! How a case writes what is asked: what is the same in nearly all of them may be left out, and JSON within JSON stands there as it is.

use plugboard_model::{
    assistant::Conversation,
    channel::{Outgoing, Webhook},
    connector::{Call, Notice},
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned, de::Error};
use serde_json::{Map, Value, json};

/// Monday 2026-11-23, 10:00 UTC.
const NOW: &str = "2026-11-23T10:00:00.000000Z";

pub(crate) fn call<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Call>, D::Error> {
    read(deserializer, json!({ "input": "{}", "key": "kit-1", "interaction": null, "at": NOW }), |name, value| {
        if name == "input" { text(value) } else { value }
    })
}

pub(crate) fn notice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Notice>, D::Error> {
    read(deserializer, json!({ "id": "kit-1", "at": NOW, "attempt": 1, "json": "{}" }), |name, value| {
        if name == "json" { text(value) } else { value }
    })
}

pub(crate) fn webhook<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Webhook>, D::Error> {
    let defaults = json!({ "method": "POST", "path": "", "headers": [], "body": [], "at": NOW });
    read(deserializer, defaults, |name, value| match (name, value) {
        ("body", Value::String(text)) => text.into_bytes().into(),
        ("body", value @ Value::Object(_)) => value.to_string().into_bytes().into(),
        ("headers", Value::Object(headers)) => headers.into_iter().map(|(name, value)| json!([name, value])).collect(),
        (_, value) => value,
    })
}

pub(crate) fn outgoing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Outgoing>, D::Error> {
    let defaults = json!({
        "id": "kit-1", "thread": null, "template": null, "choices": [], "attachments": [], "at": NOW,
    });
    read(deserializer, defaults, |_, value| value)
}

/// Of a turn only speaker and text have to be there.
pub(crate) fn conversation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<Conversation>, D::Error> {
    let defaults = json!({ "interaction": 1, "channel": "chat", "language": "en", "at": NOW, "tags": [] });
    read(deserializer, defaults, |name, value| match (name, value) {
        ("turns", Value::Array(turns)) => turns.into_iter().map(|turn| over(turn, json!({ "at": NOW }))).collect(),
        (_, value) => value,
    })
}

/// JSON that is no text is taken as it is written.
fn text(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text),
        other => Value::String(other.to_string()),
    }
}

fn over(value: Value, defaults: Value) -> Value {
    match (value, defaults) {
        (Value::Object(given), Value::Object(mut all)) => {
            all.extend(given);
            Value::Object(all)
        }
        (value, _) => value,
    }
}

fn read<'de, D: Deserializer<'de>, T: DeserializeOwned + Serialize>(
    deserializer: D,
    defaults: Value,
    of_member: impl Fn(&str, Value) -> Value,
) -> Result<Box<T>, D::Error> {
    let given = Map::deserialize(deserializer)?;
    let given: Map<String, Value> = given
        .into_iter()
        .map(|(name, value)| {
            let value = of_member(&name, value);
            (name, value)
        })
        .collect();
    let names: Vec<String> = given.keys().cloned().collect();
    let read: T = serde_json::from_value(over(Value::Object(given), defaults)).map_err(D::Error::custom)?;
    // What it does not know is a slip of the pen.
    let known = serde_json::to_value(&read).map_err(D::Error::custom)?;
    match names.iter().find(|name| known.get(name.as_str()).is_none()) {
        Some(unknown) => Err(D::Error::custom(format!("unknown field `{unknown}`"))),
        None => Ok(Box::new(read)),
    }
}
