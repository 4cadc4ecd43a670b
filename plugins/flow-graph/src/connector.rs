//! A question to another system: what is sent, and what of the answer is kept.

use serde_json::{Map, Value as Json};

use crate::{
    document::{DIGITS, Piece, Slot, Template, Value},
    fields::{Fields, kind},
    kinds::{Scope, name},
    prompts::template,
};

/// Levels of objects and lists in an input.
const DEEPEST: usize = 8;
/// Values that one answer fills.
const MOST_KEPT: usize = 16;
/// Bytes of an input with its variables filled in; the contract's bound.
const LONGEST: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) connector: String,
    pub(crate) operation: String,
    input: Input,
    pub(crate) timeout_ms: u32,
    /// Variables with JSON Pointers (RFC 6901) into the answer.
    keep: Vec<(Slot, String)>,
}

/// JSON with variables in its texts.
#[derive(Debug)]
enum Input {
    /// Just one variable: it keeps its type.
    Variable(Slot),
    Text(Template),
    Fixed(Json),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

pub(crate) fn question(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<Question> {
    fields.required_text("connector", "name one of the tenant's connectors")?;
    let operation = fields.required_text("operation", "name what the connector is to do, like \"find-customer\"")?;
    if operation.len() > 64 || operation.chars().any(char::is_control) {
        fields.error("operation", "bad-name", format!("{operation:?} is no name"), "1 to 64 bytes, nothing invisible");
    }
    let timeout_ms = fields.number("timeout_ms", (1, 10_000), 2_000);
    let input = match fields.get("input") {
        None => Input::Object(Vec::new()),
        Some(json) => input(fields, json, scope, 0)?,
    };
    Some(Question {
        connector: name(fields, "connector")?,
        operation: operation.into(),
        input,
        timeout_ms,
        keep: keep(fields, scope)?,
    })
}

fn input(fields: &Fields<'_>, json: &Json, scope: &Scope<'_>, depth: usize) -> Option<Input> {
    if depth > DEEPEST {
        let message = format!("more than {DEEPEST} levels in one another");
        fields.error("input", "out-of-range", message, "send a flatter input");
        return None;
    }
    Some(match json {
        Json::String(text) => {
            let text = template(fields, "input", text, scope)?;
            match text.0[..] {
                [Piece::Variable(slot)] => Input::Variable(slot),
                _ => Input::Text(text),
            }
        }
        Json::Array(list) => {
            let items = list.iter().map(|item| input(fields, item, scope, depth + 1));
            Input::List(items.collect::<Option<_>>()?)
        }
        Json::Object(object) => {
            let members =
                object.iter().map(|(key, value)| Some((key.clone(), input(fields, value, scope, depth + 1)?)));
            Input::Object(members.collect::<Option<_>>()?)
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => Input::Fixed(json.clone()),
    })
}

fn keep(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<Vec<(Slot, String)>> {
    let kept = match fields.get("keep") {
        None => return Some(Vec::new()),
        Some(Json::Object(kept)) => kept,
        Some(other) => {
            let message = format!("{} stands where an object belongs", kind(other));
            fields.error("keep", "wrong-type", message, "write { \"variable\": \"/place/in/the/answer\" }");
            return None;
        }
    };
    if kept.len() > MOST_KEPT {
        let message = format!("{} values of one answer", kept.len());
        fields.error("keep", "out-of-range", message, "keep at most 16 in one node");
    }
    let one = |(variable, pointer): (&String, &Json)| {
        let slot = scope.known_slot(fields, "keep", variable)?;
        if slot <= DIGITS {
            let message = format!("{variable} belongs to the host");
            fields.error("keep", "reserved-variable", message, "keep it in a variable of your own");
            return None;
        }
        let pointer = pointer.as_str().filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        if pointer.is_none() {
            let message = format!("{variable} is filled from no place in the answer");
            fields.error("keep", "bad-pointer", message, "write a JSON Pointer, like \"/customer/level\"");
        }
        Some((slot, pointer?.to_owned()))
    };
    kept.iter().map(one).collect()
}

impl Question {
    /// What is sent; `None` where it would be longer than a connector takes.
    pub(crate) fn filled(&self, values: &[Value]) -> Option<String> {
        Some(self.input.filled(values).to_string()).filter(|json| json.len() <= LONGEST)
    }

    /// What variables get from the answer, each as far as it has that type; others stay as they are.
    pub(crate) fn kept(&self, answer: &str, values: &[Value]) -> Vec<(Slot, Value)> {
        let answer: Json = serde_json::from_str(answer).unwrap_or_default();
        let value = |(slot, pointer): &(Slot, String)| {
            let found = answer.pointer(pointer)?;
            Some((*slot, fitting(found, values.get(usize::from(*slot))?)?))
        };
        self.keep.iter().filter_map(value).collect()
    }
}

/// The value as one of the same type as `like`.
fn fitting(found: &Json, like: &Value) -> Option<Value> {
    match (like, found) {
        (Value::Text(_), Json::String(text)) => Some(Value::Text(cut(text))),
        (Value::Text(_), Json::Number(_) | Json::Bool(_)) => Some(Value::Text(found.to_string())),
        (Value::Number(_), Json::Number(number)) => number.as_i64().map(Value::Number),
        (Value::Number(_), Json::String(text)) => text.parse().ok().map(Value::Number),
        (Value::Bool(_), Json::Bool(yes)) => Some(Value::Bool(*yes)),
        _ => None,
    }
}

/// As long as a variable may be.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(1_024)].to_owned()
}

impl Input {
    fn filled(&self, values: &[Value]) -> Json {
        match self {
            Self::Variable(slot) => match values.get(usize::from(*slot)) {
                Some(Value::Text(text)) => Json::from(text.as_str()),
                Some(Value::Number(number)) => Json::from(*number),
                Some(Value::Bool(yes)) => Json::from(*yes),
                None => Json::Null,
            },
            Self::Text(text) => Json::from(text.fill(values)),
            Self::Fixed(json) => json.clone(),
            Self::List(items) => items.iter().map(|item| item.filled(values)).collect(),
            Self::Object(members) => Json::Object(
                members.iter().map(|(key, value)| (key.clone(), value.filled(values))).collect::<Map<_, _>>(),
            ),
        }
    }
}
