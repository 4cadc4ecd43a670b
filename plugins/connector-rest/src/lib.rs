//! Any CRM or ERP that speaks JSON over HTTP. What is asked how stands in the setting `mapping`, a JSON document: see `MAPPING.md`.
//!
//! Nothing is kept between calls, nothing is sent twice by itself, and a secret is never more than a placeholder here.

mod answer;
mod exchange;
mod mapping;
mod read;
mod steps;
mod template;
mod token;

#[allow(unsafe_code, unreachable_pub, unused_qualifications, clippy::use_self, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "../../wit", world: "connector-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Rest);

    #[cfg(target_arch = "wasm32")]
    use super::Rest;
}

use contract::{
    exports::plugboard::plugin::{
        common::{Problem, Setting, Severity},
        connector::{self, Call, Description, Event, Failure, FailureCode, Guest, Output},
    },
    plugboard::plugin::{config, http, kv},
};
use mapping::Mapping;

/// The setting that holds the mapping.
const MAPPING: &str = "mapping";

/// What the connector needs of the host.
pub(crate) trait World {
    fn fetch(&self, request: &http::Request) -> Result<http::Response, http::Failure>;
    /// What to write where the secret belongs.
    fn secret(&self, name: &str) -> Option<String>;
    /// The token of an earlier question, where there is a place to keep one.
    fn kept(&self) -> Option<String>;
    /// `None`: there is none any more. `expires_ms`: from now.
    fn keep(&self, token: Option<&str>, expires_ms: Option<u64>);
}

/// The key of the token.
const TOKEN: &str = "token";

struct TheHost;

impl World for TheHost {
    fn fetch(&self, request: &http::Request) -> Result<http::Response, http::Failure> {
        http::fetch(request)
    }

    fn secret(&self, name: &str) -> Option<String> {
        config::secret(name)
    }

    fn kept(&self) -> Option<String> {
        String::from_utf8(kv::get(TOKEN).ok()??.value).ok()
    }

    /// Where nothing can be kept each question asks for a token of its own.
    fn keep(&self, token: Option<&str>, expires_ms: Option<u64>) {
        let _ = match token {
            Some(token) => kv::set(TOKEN, token.as_bytes(), kv::Condition::Always, expires_ms).map(drop),
            None => kv::delete(TOKEN),
        };
    }
}

/// The component's exports.
pub struct Rest;

impl Guest for Rest {
    /// With settings at hand it has their operations, without it has none.
    fn describe() -> Description {
        match config::get(MAPPING).map(|text| Mapping::parse(&text)) {
            Some(Ok(mapping)) => described(&mapping),
            _ => described(&Mapping::default()),
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        check(&settings)
    }

    fn probe() -> Result<(), Failure> {
        configured()?.probe(&TheHost)
    }

    fn invoke(call: Call) -> Result<Output, Failure> {
        configured()?.invoke(&TheHost, call)
    }

    fn on_event(event: Event) -> Result<(), Failure> {
        configured()?.on_event(&TheHost, event)
    }
}

fn described(mapping: &Mapping) -> Description {
    let operations = mapping.operations.iter().map(|(name, operation)| connector::Operation {
        name: name.clone(),
        title: operation.title.clone(),
        input_schema: operation.input.to_string(),
        output_schema: operation.output_schema.to_string(),
        writes: operation.writes,
    });
    Description {
        name: "connector-rest".into(),
        operations: operations.collect(),
        events: mapping.events.keys().cloned().collect(),
        needs: Vec::new(),
        extra: Vec::new(),
    }
}

fn check(settings: &[Setting]) -> Vec<Problem> {
    let problem = |code: &str, field: Option<String>, message: String, remedy: &str| Problem {
        severity: Severity::Error,
        code: code.into(),
        node: None,
        field,
        message,
        remedy: remedy.into(),
        extra: Vec::new(),
    };
    let mut problems = match settings.iter().find(|setting| setting.name == MAPPING) {
        None => {
            let message = "there is no mapping".to_owned();
            vec![problem("no-mapping", None, message, "write one as MAPPING.md says, into the setting `mapping`")]
        }
        Some(mapping) => {
            let told = |fault: read::Fault| problem("bad-mapping", Some(fault.at), fault.message, fault.remedy);
            Mapping::parse(&mapping.value).err().unwrap_or_default().into_iter().map(told).collect()
        }
    };
    let unknown = settings.iter().filter(|setting| setting.name != MAPPING).map(|setting| {
        let message = format!("there is no setting {:?}", setting.name);
        problem("unknown-setting", None, message, "take it out; all stands in the setting `mapping`")
    });
    problems.extend(unknown);
    problems
}

fn configured() -> Result<Mapping, Failure> {
    let text = config::get(MAPPING);
    let text = text.ok_or_else(|| failure(FailureCode::BadSettings, "there is no mapping", None))?;
    Mapping::parse(&text).map_err(|faults| {
        let first = faults.first().map_or_else(String::new, |fault| format!("{}: {}", fault.at, fault.message));
        failure(FailureCode::BadSettings, first, None)
    })
}

fn failure(code: FailureCode, message: impl Into<String>, retry_ms: Option<u32>) -> Failure {
    Failure { code, message: message.into(), retry_ms, extra: Vec::new() }
}

#[cfg(test)]
mod tests;
