//! Cases that an author writes down: what is asked, and what has to be answered.
//!
//! ```json
//! { "name": "who is idle for longest goes first",
//!   "tables": { "attributes": ["last-agent"] },
//!   "asks": [ { "ask": { "on-timer": { "who": { … }, "needs": [] } }, "answer": { "relaxed": { "needs": [] } } } ] }
//! ```
//!
//! Of an answer only what the case names is compared: fields that it leaves out may be anything, lists have to be the same.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Ask, Names, Outside, Reply, Settings};

/// One interaction, or one question: a state goes from each step to the next.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// Of the pack; may be left out where it has one.
    #[serde(default)]
    pub component: Option<String>,
    #[serde(default)]
    pub settings: Settings,
    #[serde(default)]
    pub tables: Names,
    /// Origins that are granted beside those of the manifest, for worlds that reach out.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Secrets by name, bound to all of `hosts`.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    pub asks: Vec<Expected>,
}

impl Case {
    /// What is granted in it.
    pub(crate) fn outside(&self) -> Outside {
        Outside { hosts: self.hosts.clone(), secrets: self.secrets.clone(), http: Vec::new() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub ask: Ask,
    /// What others answer to the requests that go out.
    #[serde(default)]
    pub http: Vec<Reply>,
    /// As `plugboard ask` prints it, or a part of that; `sent` are the requests.
    pub answer: Value,
}

/// Why a file of `tests/` is no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason}")]
pub struct CaseError {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub reason: String,
}

impl Case {
    /// One case, or a list of them.
    pub fn read(file: &str, json: &[u8]) -> Result<Vec<Self>, CaseError> {
        let begins_a_list = json.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        let read = if begins_a_list {
            serde_json::from_slice(json)
        } else {
            serde_json::from_slice(json).map(|case| vec![case])
        };
        read.map_err(|error| {
            // Its words end with the place.
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            CaseError { file: file.to_owned(), line: error.line(), column: error.column(), reason }
        })
    }
}

/// The first place where an answer is not as expected, as a JSON Pointer (RFC 6901), with what stands there instead.
pub(crate) fn difference<'a>(expected: &Value, found: &'a Value) -> Option<(String, &'a Value)> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(object)) => expected.iter().find_map(|(key, value)| {
            let inner = difference(value, object.get(key).unwrap_or(&Value::Null));
            inner.map(|(path, value)| (format!("/{}{path}", key.replace('~', "~0").replace('/', "~1")), value))
        }),
        (Value::Array(expected), Value::Array(list)) if expected.len() == list.len() => {
            let mut pairs = expected.iter().zip(list).enumerate();
            pairs.find_map(|(at, (expected, found))| {
                difference(expected, found).map(|(path, value)| (format!("/{at}{path}"), value))
            })
        }
        _ => (expected != found).then(|| (String::new(), found)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_case_leaves_out_may_be_anything_but_lists_are_whole() {
        let found = json!({ "order": { "numbers": [3, 1], "again_ms": 500 } });
        let place = |expected: Value| difference(&expected, &found).map(|(path, _)| path);
        assert_eq!(place(json!({ "order": { "numbers": [3, 1] } })), None);
        assert_eq!(place(json!({ "order": { "numbers": [3] } })), Some("/order/numbers".to_owned()));
        assert_eq!(place(json!({ "order": { "numbers": [1, 3] } })), Some("/order/numbers/0".to_owned()));
        assert_eq!(place(json!({ "no-answer": { "code": "bad-settings" } })), Some("/no-answer".to_owned()));
    }

    #[test]
    fn a_document_stands_in_a_case_as_it_is() {
        let text = r#" { "name": "n", "settings": { "document": { "a": [1] }, "tries": 3, "text": "x" }, "asks": [] }"#;
        let cases = Case::read("tests/a.json", text.as_bytes()).unwrap();
        let settings: Vec<_> = cases[0].settings.items().into_iter().map(|setting| setting.value).collect();
        assert_eq!(settings, [r#"{"a":[1]}"#, "x", "3"]);
    }

    #[test]
    fn a_file_that_is_no_case_is_told_with_its_place() {
        let error = Case::read("tests/a.json", b"{\n \"name\": \"n\",\n \"ask\": 1 }").unwrap_err();
        assert_eq!(
            error.to_string(),
            "tests/a.json:3:6: unknown field `ask`, expected one of `name`, `component`, `settings`, `tables`, `hosts`, `secrets`, `asks`"
        );
    }
}
