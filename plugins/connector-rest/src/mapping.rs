//! The mapping document: which operation is which request, and what of the response is its output.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    answer::Answer,
    exchange::Exchange,
    read::{Fault, Faults, Object, below},
    steps::Steps,
    template::{TEXT, Template},
    token::Token,
};

/// Milliseconds of a request where the mapping says nothing else; never longer than the call is of use.
const TIMEOUT_MS: u32 = 5_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mapping {
    pub(crate) operations: BTreeMap<String, Operation>,
    /// By the kind of event.
    pub(crate) events: BTreeMap<String, Steps>,
    pub(crate) probe: Option<Exchange>,
    pub(crate) token: Option<Token>,
    pub(crate) words: Words,
}

/// What the other system calls what we call otherwise, in lists by name.
pub(crate) type Words = BTreeMap<String, BTreeMap<String, String>>;

/// One operation of the other system.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) title: String,
    /// JSON Schemas.
    pub(crate) input: Value,
    pub(crate) output_schema: Value,
    /// Whether it changes anything over there.
    pub(crate) writes: bool,
    pub(crate) steps: Steps,
    pub(crate) answer: Answer,
}

/// What all requests have.
pub(crate) struct Shared {
    pub(crate) base: String,
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) timeout_ms: u32,
    pub(crate) words: Words,
}

impl Mapping {
    /// Every fault of it, each with its place.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let document = match serde_json::from_str(text) {
            Ok(document) => document,
            Err(error) => {
                faults.add("", format!("this is no JSON: {error}"), "mend it where it breaks off");
                return Err(faults.0);
            }
        };
        let mut object = Object::new("", document, &mut faults);
        let shared = shared(&mut object, &mut faults);
        let mut mapping = Self { words: shared.words.clone(), ..Self::default() };
        for (at, name, value) in object.members("operations", &mut faults) {
            if !is_word(&name) {
                faults.add(&at, "an operation's name is not fit for one", "use a-z, 0-9 and -, at most 64 of them");
            }
            let operation = operation(&at, &name, value, &shared, &mut faults);
            mapping.operations.insert(name, operation);
        }
        if mapping.operations.len() > 256 {
            faults.add("/operations", "there are more than 256", "leave out what nobody asks for");
        }
        for (at, kind, value) in object.members("events", &mut faults) {
            let mut object = Object::new(&at, value, &mut faults);
            let steps = Steps::read(&at, &mut object, &shared, &mut faults);
            object.end(&mut faults);
            mapping.events.insert(kind, steps);
        }
        if let Some(value) = object.take("probe") {
            let mut probe = Object::new("/probe", value, &mut faults);
            mapping.probe = Some(Exchange::read("/probe", &mut probe, &shared, &mut faults));
            probe.end(&mut faults);
        }
        if let Some(value) = object.take("token") {
            let mut token = Object::new("/token", value, &mut faults);
            mapping.token = Some(Token::read(&mut token, &shared, &mut faults));
            token.end(&mut faults);
        } else if mapping.wants_a_token() {
            faults.add("/token", "a request names {token}, and nothing says how to get one", "write a member `token`");
        }
        object.end(&mut faults);
        if faults.0.is_empty() { Ok(mapping) } else { Err(faults.0) }
    }
}

impl Mapping {
    fn wants_a_token(&self) -> bool {
        let operations = self.operations.values().map(|operation| &operation.steps);
        operations.chain(self.events.values()).any(Steps::names_a_token)
            || self.probe.as_ref().is_some_and(Exchange::names_a_token)
    }
}

fn shared(object: &mut Object<'_>, faults: &mut Faults) -> Shared {
    let base = object.text("base", faults).unwrap_or_default();
    if !(base.starts_with("https://") || base.starts_with("http://")) || base.contains(['{', '?', '#']) {
        faults.add("/base", "this is no address to begin with", "write https://, the host and a path if there is one");
    }
    let mut headers = Vec::new();
    for (at, name, value) in object.members("headers", faults) {
        headers.extend(crate::exchange::template(&at, &value, faults).map(|template| (name, template)));
    }
    let timeout_ms = match object.take("timeout-ms") {
        None => TIMEOUT_MS,
        Some(value) => {
            let millis = value.as_u64().and_then(|millis| u32::try_from(millis).ok());
            let millis = millis.filter(|millis| (1..=30_000).contains(millis));
            if millis.is_none() {
                faults.add("/timeout-ms", "these are no milliseconds", "write a number from 1 to 30000");
            }
            millis.unwrap_or(TIMEOUT_MS)
        }
    };
    let words = object.members("words", faults).into_iter().map(|(at, name, value)| {
        if name == TEXT || !is_word(&name) {
            faults.add(&at, "a list's name is not fit for one", "use a-z, 0-9 and -, and not `text`");
        }
        (name, list(&at, value, faults))
    });
    let words = words.collect();
    Shared { base: base.trim_end_matches('/').to_owned(), headers, timeout_ms, words }
}

fn list(at: &str, value: Value, faults: &mut Faults) -> BTreeMap<String, String> {
    let Value::Object(members) = value else {
        faults.add(at, "this is no object", "write our word and theirs: { \"inbound\": \"INBOUND\" }");
        return BTreeMap::new();
    };
    let word = |(ours, theirs): (String, Value)| match theirs {
        Value::String(theirs) => Some((ours, theirs)),
        _ => {
            faults.add(&below(at, &ours), "this is no text", "write it between quotes");
            None
        }
    };
    members.into_iter().filter_map(word).collect()
}

fn operation(at: &str, name: &str, value: Value, shared: &Shared, faults: &mut Faults) -> Operation {
    let mut object = Object::new(at, value, faults);
    let steps = Steps::read(at, &mut object, shared, faults);
    let operation = Operation {
        title: object.text("title", faults).unwrap_or_else(|| name.to_owned()),
        input: object.take("input").unwrap_or_else(|| json!({})),
        output_schema: object.take("output-schema").unwrap_or_else(|| json!({})),
        writes: object.flag("writes", faults),
        answer: Answer::read(at, &mut object, faults),
        steps,
    };
    object.end(faults);
    operation
}

fn is_word(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
