//! Tells all that it hears, and all that its imports say; each number as an operation is a way to fail.

wit_bindgen::generate!({ path: "../../../../../../wit/released/0.1.1", world: "connector-plugin" });
export!(Released);

use exports::plugboard::plugin::{
    common::{Problem, Setting, Severity},
    connector::{Call, Description, Event, Failure, FailureCode, Guest, Operation, Output},
};
use plugboard::plugin::{config, http, kv, log};

struct Released;

impl Guest for Released {
    fn describe() -> Description {
        let operation = |name: &str, writes| Operation {
            name: name.into(),
            title: "Tell".into(),
            input_schema: "{}".into(),
            output_schema: "{}".into(),
            writes,
        };
        Description {
            name: "released".into(),
            operations: vec![operation("tell", false), operation("imports", true)],
            events: vec!["interaction-ended".into()],
            needs: vec![],
            extra: vec![],
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let problem = |setting: Setting| Problem {
            severity: Severity::Error,
            code: "acme.odd".into(),
            node: None,
            field: None,
            message: setting.name,
            remedy: setting.value,
            extra: vec![],
        };
        settings.into_iter().map(problem).collect()
    }

    fn probe() -> Result<(), Failure> {
        let request = http::Request {
            method: "GET".into(),
            url: "https://crm.example.com/".into(),
            headers: vec![http::Header { name: "x-a".into(), value: "b".into() }],
            body: vec![],
            timeout_ms: 1_000,
            extra: vec![],
        };
        match http::fetch(&request) {
            Ok(response) => Err(failure(FailureCode::BadAnswer, format!("{response:?}"))),
            Err(refused) => Err(failure(FailureCode::Denied, format!("{:?} {}", refused.code, refused.retryable))),
        }
    }

    fn invoke(call: Call) -> Result<Output, Failure> {
        let said = match call.operation.as_str() {
            "tell" => format!("{:?} {} {:?} {}", call.input, call.key, call.interaction, call.at_ms),
            "imports" => imports(),
            other => {
                let codes = [
                    FailureCode::UnknownOperation,
                    FailureCode::BadInput("/a".into()),
                    FailureCode::NotFound,
                    FailureCode::Denied,
                    FailureCode::Unreachable,
                    FailureCode::TimedOut,
                    FailureCode::Limit,
                    FailureCode::BadAnswer,
                    FailureCode::BadSettings,
                    FailureCode::Other("acme.no".into()),
                ];
                let code = other.parse().ok().and_then(|number: usize| codes.into_iter().nth(number));
                return Err(failure(code.expect("a number below ten"), "no".into()));
            }
        };
        let said = said.replace('\\', "\\\\").replace('"', "\\\"");
        Ok(Output { json: format!("\"{said}\""), extra: vec![] })
    }

    fn on_event(event: Event) -> Result<(), Failure> {
        let (id, kind, at, json) = (event.id, event.kind, event.at_ms, event.json);
        match event.attempt {
            1 => Err(failure(FailureCode::Limit, format!("{id} {kind} {at} {json}"))),
            _ => Ok(()),
        }
    }
}

fn failure(code: FailureCode, message: String) -> Failure {
    Failure { code, message, retry_ms: Some(1_500), extra: vec![] }
}

/// Each function that may be imported, asked once.
fn imports() -> String {
    let fields = [log::Field { name: "a".into(), value: "b".into() }];
    for level in [log::Level::Debug, log::Level::Info, log::Level::Warn, log::Level::Error] {
        log::write(level, "told", &fields);
    }
    let config = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        config::get("mood"),
        config::get("none"),
        config::all(),
        config::secret("none"),
        config::sign("token", "hmac-sha256", b"data").map(|bytes| bytes.len()),
        (config::sign("none", "hmac-sha256", b""), config::sign("token", "rot13", b"")),
    );
    let first = kv::set("a", b"1", kv::Condition::Absent, None);
    let again = kv::set("a", b"2", kv::Condition::Absent, Some(60_000)).is_err();
    let unchanged = first.as_ref().map(|revision| kv::set("a", b"3", kv::Condition::Unchanged(*revision), None).is_ok());
    let value = kv::get("a").map(|entry| entry.map(|entry| entry.value));
    let (listed, deleted) = (kv::list("", None, 10), kv::delete("a"));
    format!("{config} | {again} {unchanged:?} {value:?} {listed:?} {deleted:?} {:?}", kv::get("a"))
}
