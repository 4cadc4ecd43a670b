//! A connector: who is calling, as a web service knows it.
//!
//! `wit/connector.wit` says what is asked and until when, `wit/http.wit` what may be sent. Only granted hosts are reached, each question gets an
//! instance of its own, and a secret is never more than a placeholder here.

#[allow(unused_qualifications, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "wit", world: "connector-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Lookup);

    #[cfg(target_arch = "wasm32")]
    use super::Lookup;
}

use contract::{
    exports::plugboard::plugin::{
        common::{Problem, Setting, Severity},
        connector::{Call, Description, Event, Failure, FailureCode, Guest, Operation, Output},
    },
    plugboard::plugin::{
        config,
        http::{self, Header, Request, Response},
    },
};

/// The secret that the service wants: `plugin.toml` asks for it.
const TOKEN: &str = "token";
/// Milliseconds after which a service that did not answer is asked again.
const LATER_MS: u32 = 5_000;

/// The component's exports.
pub struct Lookup;

impl Guest for Lookup {
    fn describe() -> Description {
        let phone = r#"{"type":"object","required":["phone"],"properties":{"phone":{"type":"string"}}}"#;
        let find = Operation {
            name: "find-customer".to_owned(),
            title: "Find a customer by number".to_owned(),
            input_schema: phone.to_owned(),
            output_schema: "{}".to_owned(),
            writes: false,
        };
        Description {
            name: "@NAME@".to_owned(),
            operations: vec![find],
            events: Vec::new(),
            needs: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let set = settings.iter().find(|setting| setting.name == "base");
        if set.is_some_and(|setting| setting.value.starts_with("https://")) {
            return Vec::new();
        }
        vec![Problem {
            severity: Severity::Error,
            code: "no-base".to_owned(),
            node: None,
            field: Some("/base".to_owned()),
            message: "`base` is no address that begins with https://".to_owned(),
            remedy: "write the service's address, as https://crm.example.com/api".to_owned(),
            extra: Vec::new(),
        }]
    }

    fn probe() -> Result<(), Failure> {
        fetch(get("/health", 5_000)?).map(drop)
    }

    fn invoke(call: Call) -> Result<Output, Failure> {
        if call.operation != "find-customer" {
            return Err(failure(FailureCode::UnknownOperation, "there is only find-customer", None));
        }
        let input: serde_json::Value = serde_json::from_str(&call.input).unwrap_or_default();
        // As a segment of a path these two would mean another one.
        let phone =
            input.get("phone").and_then(serde_json::Value::as_str).filter(|phone| !matches!(*phone, "." | ".."));
        let phone =
            phone.ok_or_else(|| failure(FailureCode::BadInput("/phone".to_owned()), "a number is wanted", None))?;
        let response = fetch(get(&format!("/customers/{}", percent(phone)), call.timeout_ms)?)?;
        let found: serde_json::Value = serde_json::from_slice(&response.body)
            .map_err(|_| failure(FailureCode::BadAnswer, "the service's answer is no JSON", None))?;
        let name = found.get("name").and_then(serde_json::Value::as_str).filter(|name| name.len() <= 1_024);
        let name = name.ok_or_else(|| failure(FailureCode::BadAnswer, "the service's answer has no name", None))?;
        Ok(Output { json: serde_json::json!({ "name": name }).to_string(), extra: Vec::new() })
    }

    fn on_event(_: Event) -> Result<(), Failure> {
        Ok(())
    }
}

fn get(path: &str, timeout_ms: u32) -> Result<Request, Failure> {
    let bad = |message: &str| failure(FailureCode::BadSettings, message, None);
    let base = config::get("base").ok_or_else(|| bad("`base` is not set"))?;
    let token = config::secret(TOKEN).ok_or_else(|| bad("the secret `token` is not granted"))?;
    let header = |name: &str, value: String| Header { name: name.to_owned(), value };
    Ok(Request {
        method: "GET".to_owned(),
        url: format!("{base}{path}"),
        headers: vec![header("Authorization", format!("Bearer {token}")), header("Accept", "application/json".into())],
        body: Vec::new(),
        timeout_ms,
        extra: Vec::new(),
    })
}

/// Or why there is no answer of use.
fn fetch(request: Request) -> Result<Response, Failure> {
    let response = http::fetch(&request).map_err(of_http)?;
    match of_status(&response) {
        Some(failure) => Err(failure),
        None => Ok(response),
    }
}

fn of_http(why: http::Failure) -> Failure {
    let code = match why.code {
        http::FailureCode::NotGranted | http::FailureCode::PrivateAddress | http::FailureCode::SecretNotBound => {
            FailureCode::Denied
        }
        http::FailureCode::TimedOut => FailureCode::TimedOut,
        http::FailureCode::TooLarge | http::FailureCode::Protocol => FailureCode::BadAnswer,
        _ => FailureCode::Unreachable,
    };
    failure(code, &why.message, why.retryable.then_some(LATER_MS))
}

fn of_status(response: &Response) -> Option<Failure> {
    let code = match response.status {
        200..=299 => return None,
        404 => FailureCode::NotFound,
        401 | 403 => FailureCode::Denied,
        429 => FailureCode::Limit,
        408 | 500..=599 => FailureCode::Unreachable,
        _ => FailureCode::BadAnswer,
    };
    // RFC 9110 §10.2.3, in seconds; its other form is a date.
    let after = response.headers.iter().find(|header| header.name == "retry-after");
    let after = after.and_then(|header| header.value.parse::<u32>().ok()).map(|seconds| seconds.saturating_mul(1_000));
    let again = matches!(code, FailureCode::Limit | FailureCode::Unreachable);
    let retry_ms = again.then(|| after.unwrap_or(LATER_MS));
    Some(failure(code, &format!("the service answered {}", response.status), retry_ms))
}

fn failure(code: FailureCode, message: &str, retry_ms: Option<u32>) -> Failure {
    Failure { code, message: message.to_owned(), retry_ms, extra: Vec::new() }
}

/// As it may stand in a path (RFC 3986 §2.3).
fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_no_path_of_its_own() {
        assert_eq!(percent("+86 1/../x?a"), "%2B86%201%2F..%2Fx%3Fa");
    }

    #[test]
    fn a_busy_service_is_asked_again_when_it_says_so() {
        let header = Header { name: "retry-after".to_owned(), value: "30".to_owned() };
        let (url, body, extra) = (String::new(), Vec::new(), Vec::new());
        let response = Response { status: 503, headers: vec![header], body, url, extra };
        assert_eq!(of_status(&response).and_then(|failure| failure.retry_ms), Some(30_000));
    }
}
