//! What of a response is the output of an operation.

use serde_json::{Map, Value, json};

use crate::{
    contract::{
        exports::plugboard::plugin::connector::{Failure, FailureCode},
        plugboard::plugin::http::Response,
    },
    failure,
    read::{Faults, Object, below},
};

/// Bytes of an output.
const JSON: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Statuses that say that there is none.
    pub(crate) not_found: Vec<u16>,
    /// JSON Pointer to what must be there, else there is none: the first of a list, as a rule.
    found: Option<String>,
    /// Each member of the output with its JSON Pointer in the response; empty: all of the response.
    output: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn read(at: &str, object: &mut Object<'_>, faults: &mut Faults) -> Self {
        let not_found = match object.take("not-found") {
            None => vec![404],
            Some(value) => {
                let status = |value: &Value| value.as_u64().and_then(|status| u16::try_from(status).ok());
                let statuses = value.as_array().map(|values| values.iter().map(status).collect::<Option<Vec<_>>>());
                statuses.flatten().unwrap_or_else(|| {
                    faults.add(&below(at, "not-found"), "these are no statuses", "write a list: [404, 410]");
                    Vec::new()
                })
            }
        };
        let pointer = |at: &str, text: String, faults: &mut Faults| {
            if !text.is_empty() && !text.starts_with('/') {
                faults.add(at, format!("{text:?} is no JSON Pointer"), "begin with /: /customers/0/name");
            }
            text
        };
        let found = object.text("found", faults).map(|text| pointer(&below(at, "found"), text, faults));
        let mut output = Vec::new();
        for (at, name, value) in object.members("output", faults) {
            match value {
                Value::String(text) => output.push((name, pointer(&at, text, faults))),
                _ => faults.add(&at, "this is no JSON Pointer", "begin with /: /customers/0/name"),
            }
        }
        Self { not_found, found, output }
    }

    pub(crate) fn output(&self, response: &Response) -> Result<String, Failure> {
        let json = self.value(response)?.to_string();
        let too_long = || failure(FailureCode::BadAnswer, "the output is longer than 64 KiB", None);
        if json.len() > JSON { Err(too_long()) } else { Ok(json) }
    }

    /// Fails with `not-found` where nothing is at `found`.
    pub(crate) fn value(&self, response: &Response) -> Result<Value, Failure> {
        let bad = |message: &str| failure(FailureCode::BadAnswer, message, None);
        let body: Value = match response.body.is_empty() {
            true => json!({}),
            false => serde_json::from_slice(&response.body).map_err(|_| bad("the response is no JSON"))?,
        };
        if let Some(found) = &self.found
            && body.pointer(found).is_none_or(Value::is_null)
        {
            return Err(failure(FailureCode::NotFound, "the response holds none", None));
        }
        let member = |(name, pointer): &(String, String)| Some((name.clone(), body.pointer(pointer)?.clone()));
        Ok(match self.output.is_empty() {
            true => body,
            false => Value::Object(self.output.iter().filter_map(member).collect::<Map<_, _>>()),
        })
    }
}
