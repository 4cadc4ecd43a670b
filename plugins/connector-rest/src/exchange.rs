//! One request and what came of it.

use serde_json::{Map, Value};

use crate::{
    World,
    contract::{
        exports::plugboard::plugin::connector::{Call, Event, Failure, FailureCode, Output},
        plugboard::plugin::http::{self, Header, Request, Response},
    },
    failure,
    mapping::{Mapping, Operation, Shared, Words},
    read::{Faults, Object, below},
    template::{FOUND, Template, percent},
};

/// What templates take their values from.
#[derive(Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) world: &'a dyn World,
    pub(crate) input: Value,
    pub(crate) key: String,
    pub(crate) interaction: Option<String>,
    pub(crate) at_ms: u64,
    pub(crate) token: Option<String>,
    /// Output of the lookup before it.
    pub(crate) found: Value,
    pub(crate) words: &'a Words,
}

impl<'a> Facts<'a> {
    /// Of nobody's wish.
    pub(crate) fn new(world: &'a dyn World, words: &'a Words) -> Self {
        let (input, found, key) = (Value::Null, Value::Null, String::new());
        Self { world, input, key, interaction: None, at_ms: 0, token: None, found, words }
    }
}

/// A request in templates.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Exchange {
    method: String,
    /// With the mapping's base before it.
    path: Template,
    query: Vec<(String, Template)>,
    headers: Vec<(String, Template)>,
    body: Option<Value>,
    timeout_ms: u32,
}

impl Exchange {
    /// The members of a request.
    pub(crate) fn read(at: &str, object: &mut Object<'_>, shared: &Shared, faults: &mut Faults) -> Self {
        let method = object.text("method", faults).unwrap_or_else(|| "GET".to_owned());
        if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
            faults.add(&below(at, "method"), format!("{method:?} is no method"), "GET, POST, PUT, PATCH or DELETE");
        }
        let path = object.text("path", faults).unwrap_or_default();
        if !path.is_empty() && !path.starts_with('/') || path.contains(['?', '#']) {
            faults.add(&below(at, "path"), "this is no path", "begin with / and write parameters into `query`");
        }
        let path = template(&below(at, "path"), &Value::String(format!("{}{path}", shared.base)), faults);
        let path = path.unwrap_or_default();
        if path.names_a_secret() || path.names_a_token() {
            faults.add(&below(at, "path"), "a secret stands in the path", "write it into a header or into `query`");
        }
        let mut query = Vec::new();
        for (at, name, value) in object.members("query", faults) {
            query.extend(template(&at, &value, faults).map(|template| (name, template)));
        }
        let mut headers = shared.headers.clone();
        for (at, name, value) in object.members("headers", faults) {
            headers.extend(template(&at, &value, faults).map(|template| (name, template)));
        }
        let body = object.take("body");
        if let Some(body) = &body {
            check_body(&below(at, "body"), body, faults);
        }
        let exchange = Self { method, path, query, headers, body, timeout_ms: shared.timeout_ms };
        if exchange.names(&|template| template.words().any(|name| !shared.words.contains_key(name))) {
            faults.add(at, "a place names words that there are not", "write them into `words`, or `text` for a text");
        }
        exchange
    }

    /// Whether a template of it is so.
    pub(crate) fn names(&self, is_so: &dyn Fn(&Template) -> bool) -> bool {
        let parts = self.query.iter().chain(&self.headers).map(|(_, template)| template);
        parts.chain([&self.path]).any(is_so) || self.body.as_ref().is_some_and(|body| names(body, is_so))
    }

    /// Sends it. `not_found`: statuses that say so. `most_ms`: how long the answer is of use.
    pub(crate) fn run(&self, facts: &Facts<'_>, not_found: &[u16], most_ms: Option<u32>) -> Result<Response, Failure> {
        let mut request = self.request(facts)?;
        request.timeout_ms = most_ms.map_or(self.timeout_ms, |most| most.min(self.timeout_ms)).max(1);
        let response = facts.world.fetch(&request).map_err(of_http)?;
        match of_status(&response, not_found) {
            Some(failure) => Err(failure),
            None => Ok(response),
        }
    }

    pub(crate) fn request(&self, facts: &Facts<'_>) -> Result<Request, Failure> {
        let missing = |at: String| match at.starts_with('/') {
            true => failure(FailureCode::BadInput(at.clone()), format!("the input has no {at}"), None),
            false if at.starts_with(FOUND) => failure(FailureCode::BadAnswer, format!("the lookup has no {at}"), None),
            false => failure(FailureCode::BadSettings, format!("the secret {at:?} is not granted"), None),
        };
        let mut url = self.path.text(facts, percent).map_err(missing)?;
        // As a segment of a path these two mean another one (RFC 3986 §5.2.4), however they are written.
        if url.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(failure(FailureCode::BadInput(String::new()), "a value would be a path of its own", None));
        }
        let mut mark = '?';
        for (name, template) in &self.query {
            match template.text(facts, percent) {
                Ok(value) => {
                    url.push(mark);
                    url += &format!("{}={value}", percent(name));
                    mark = '&';
                }
                // A parameter that is one value is left out where there is none.
                Err(at) if template.is_one_place() && (at.starts_with('/') || at.starts_with(FOUND)) => {}
                Err(at) => return Err(missing(at)),
            }
        }
        let header = |(name, template): &(String, Template)| {
            let value = template.text(facts, str::to_owned).map_err(missing)?;
            Ok(Header { name: name.clone(), value })
        };
        let mut headers = self.headers.iter().map(header).collect::<Result<Vec<_>, Failure>>()?;
        let body = match &self.body {
            Some(body) => {
                headers.push(Header { name: "Content-Type".into(), value: "application/json".into() });
                filled(body, facts).unwrap_or_default().to_string().into_bytes()
            }
            None => Vec::new(),
        };
        headers.push(Header { name: "Accept".into(), value: "application/json".into() });
        Ok(Request { method: self.method.clone(), url, headers, body, timeout_ms: self.timeout_ms, extra: Vec::new() })
    }

    pub(crate) fn names_a_token(&self) -> bool {
        self.names(&Template::names_a_token)
    }

    /// The same wish again is one wish over there too, where the other system knows this header.
    pub(crate) fn once(mut self) -> Self {
        if let Ok(key) = Template::parse("{call.key}") {
            self.headers.push(("Idempotency-Key".into(), key));
        }
        self
    }
}

impl Mapping {
    pub(crate) fn probe(&self, world: &dyn World) -> Result<(), Failure> {
        let probe = self.probe.as_ref();
        let probe = probe.ok_or_else(|| failure(FailureCode::BadSettings, "the mapping has no `probe`", None))?;
        self.send(probe, Facts::new(world, &self.words), &[], None).map(drop)
    }

    pub(crate) fn invoke(&self, world: &dyn World, call: Call) -> Result<Output, Failure> {
        let Call { operation, input, key, interaction, at_ms, timeout_ms, .. } = call;
        let operation = self.operations.get(&operation);
        let operation = operation.ok_or_else(|| failure(FailureCode::UnknownOperation, "not in the mapping", None))?;
        let bad_input = |_| failure(FailureCode::BadInput(String::new()), "the input is no JSON", None);
        let input = serde_json::from_str(&input).map_err(bad_input)?;
        let facts = Facts { input, key, interaction, at_ms, ..Facts::new(world, &self.words) };
        let Operation { steps, answer, writes, .. } = operation;
        let came = steps.run(self, facts, &answer.not_found, Some(timeout_ms), *writes)?;
        came.output(answer).map(|json| Output { json, extra: Vec::new() })
    }

    pub(crate) fn on_event(&self, world: &dyn World, event: Event) -> Result<(), Failure> {
        // What the mapping does not name is not wanted.
        let Some(steps) = self.events.get(&event.kind) else { return Ok(()) };
        let bad_input = |_| failure(FailureCode::BadInput(String::new()), "the event is no JSON", None);
        let input: Value = serde_json::from_str(&event.json).map_err(bad_input)?;
        let interaction = input.get("interaction").and_then(Value::as_str).map(str::to_owned);
        let (key, at_ms) = (event.id, event.at_ms);
        let facts = Facts { input, key, interaction, at_ms, ..Facts::new(world, &self.words) };
        steps.run(self, facts, &[], None, true).map(drop)
    }
}

pub(crate) fn template(at: &str, value: &Value, faults: &mut Faults) -> Option<Template> {
    let Value::String(text) = value else {
        faults.add(at, "this is no text", "write it between quotes");
        return None;
    };
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(place) => {
            let message = format!("{} stands for nothing", place.0);
            faults.add(
                at,
                message,
                "{input.NAME}, {found.NAME}, {call.key}, {call.interaction}, {call.at}, {secret.NAME} or {token}",
            );
            None
        }
    }
}

fn names(body: &Value, is_so: &dyn Fn(&Template) -> bool) -> bool {
    match body {
        Value::String(text) => Template::parse(text).is_ok_and(|template| is_so(&template)),
        Value::Array(items) => items.iter().any(|item| names(item, is_so)),
        Value::Object(members) => members.values().any(|value| names(value, is_so)),
        _ => false,
    }
}

fn check_body(at: &str, value: &Value, faults: &mut Faults) {
    match value {
        Value::String(_) => {
            let template = template(at, value, faults);
            if template.is_some_and(|template| template.names_a_secret() || template.names_a_token()) {
                faults.add(at, "a secret stands in the body", "write it into a header or into `query`");
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| check_body(&format!("{at}/{n}"), item, faults));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| check_body(&below(at, name), value, faults));
        }
        _ => {}
    }
}

/// A body with its values; `None`: a place with nothing in it, which is left out.
fn filled(body: &Value, facts: &Facts<'_>) -> Option<Value> {
    match body {
        Value::String(text) => Template::parse(text).ok()?.value(facts),
        Value::Array(items) => Some(items.iter().filter_map(|item| filled(item, facts)).collect()),
        Value::Object(members) => {
            let members = members.iter().filter_map(|(name, value)| Some((name.clone(), filled(value, facts)?)));
            Some(Value::Object(members.collect::<Map<_, _>>()))
        }
        other => Some(other.clone()),
    }
}

fn of_http(why: http::Failure) -> Failure {
    use http::FailureCode as Http;
    let code = match why.code {
        Http::NotGranted | Http::PrivateAddress | Http::SecretNotBound => FailureCode::Denied,
        Http::TimedOut => FailureCode::TimedOut,
        Http::Limit => FailureCode::Limit,
        Http::BadRequest => FailureCode::BadSettings,
        Http::TooLarge | Http::TooManyRedirects | Http::Protocol => FailureCode::BadAnswer,
        Http::NoSuchHost | Http::Unreachable | Http::Tls | Http::Other(_) => FailureCode::Unreachable,
    };
    failure(code, why.message, why.retryable.then_some(5_000))
}

/// Milliseconds after which a busy system is asked again.
const LATER_MS: u32 = 5_000;

fn of_status(response: &Response, not_found: &[u16]) -> Option<Failure> {
    let status = response.status;
    let code = match status {
        _ if not_found.contains(&status) => FailureCode::NotFound,
        200..=299 => return None,
        401 | 403 => FailureCode::Denied,
        429 => FailureCode::Limit,
        408 | 500..=599 => FailureCode::Unreachable,
        _ => FailureCode::BadAnswer,
    };
    // RFC 9110 §10.2.3; the form with a date is not read.
    let after = response.headers.iter().find(|header| header.name == "retry-after");
    let after = after.and_then(|header| header.value.trim().parse::<u32>().ok()).map(|s| s.saturating_mul(1_000));
    let retry_ms = matches!(status, 408 | 429 | 500..=599).then(|| after.unwrap_or(LATER_MS));
    Some(failure(code, format!("the other system answered {status}"), retry_ms))
}
