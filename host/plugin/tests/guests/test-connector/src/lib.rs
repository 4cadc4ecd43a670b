//! A CRM that knows one customer: asks the host that the setting `base` names, with a token that it never sees, and counts how often.

wit_bindgen::generate!({ path: "../../../../../wit", world: "connector-plugin" });
export!(Crm);

use exports::plugboard::plugin::{
    common::{Problem, Setting},
    connector::{Call, Description, Event, Failure, FailureCode, Guest, Operation, Output},
};
use plugboard::plugin::{
    config, http,
    kv::{self, Condition},
    log::{self, Level},
};

struct Crm;

fn failure(code: FailureCode, message: String, retry_ms: Option<u32>) -> Failure {
    Failure { code, message, retry_ms, extra: vec![] }
}

fn output(json: String) -> Result<Output, Failure> {
    Ok(Output { json, extra: vec![] })
}

/// The other system's answer in words.
fn get(path: &str) -> Result<String, Failure> {
    let missing = |what: &str| failure(FailureCode::BadSettings, format!("{what} is missing"), None);
    let base = config::get("base").ok_or_else(|| missing("base"))?;
    let token = config::secret("token").ok_or_else(|| missing("token"))?;
    let request = http::Request {
        method: "GET".into(),
        url: format!("{base}{path}"),
        headers: vec![http::Header { name: "Authorization".into(), value: format!("Bearer {token}") }],
        body: vec![],
        timeout_ms: 30_000,
        extra: vec![],
    };
    let response = http::fetch(&request).map_err(|why| {
        log::write(Level::Warn, "the CRM does not answer", &[]);
        let code = match why.code {
            http::FailureCode::NotGranted | http::FailureCode::PrivateAddress => FailureCode::Denied,
            http::FailureCode::TimedOut => FailureCode::TimedOut,
            _ => FailureCode::Unreachable,
        };
        failure(code, why.message, why.retryable.then_some(1_000))
    })?;
    match response.status {
        200 => Ok(String::from_utf8_lossy(&response.body).into_owned()),
        404 => Err(failure(FailureCode::NotFound, "no such customer".into(), None)),
        status => Err(failure(FailureCode::BadAnswer, format!("status {status}"), Some(5_000))),
    }
}

impl Guest for Crm {
    fn describe() -> Description {
        let operation = |name: &str| Operation {
            name: name.into(),
            title: name.into(),
            input_schema: "{}".into(),
            output_schema: "{}".into(),
            writes: false,
        };
        Description {
            name: "test-connector".into(),
            operations: ["find", "count", "sign", "peek", "mumble", "loop"].map(operation).to_vec(),
            events: vec!["interaction-ended".into()],
            needs: vec![],
            extra: vec![],
        }
    }

    fn check(_: Vec<Setting>) -> Vec<Problem> {
        vec![]
    }

    fn probe() -> Result<(), Failure> {
        get("/health").map(drop)
    }

    fn invoke(call: Call) -> Result<Output, Failure> {
        match call.operation.as_str() {
            "find" => output(get(&format!("/customers/{}", call.input))?),
            "count" => {
                let refused = |why: kv::Failure| failure(FailureCode::Other("kv".into()), format!("{why:?}"), None);
                let before = kv::get("count").map_err(refused)?;
                let condition = before.as_ref().map_or(Condition::Absent, |entry| Condition::Unchanged(entry.revision));
                let count = before.map_or(0, |entry| entry.value[0]) + 1;
                kv::set("count", &[count], condition, None).map_err(refused)?;
                output(format!("{{\"count\":{count},\"keys\":{}}}", kv::list("", None, 10).map_err(refused)?.len()))
            }
            "sign" => match config::sign("token", "hmac-sha256", call.input.as_bytes()) {
                Ok(signature) => output(format!("\"{}\"", signature.iter().map(|byte| format!("{byte:02x}")).collect::<String>())),
                Err(why) => Err(failure(FailureCode::BadSettings, format!("{why:?}"), None)),
            },
            // What the plugin can learn of a secret.
            "peek" => output(format!("{:?}", config::secret("token"))).map(|output| Output {
                json: format!("\"{}\"", config::secret("token").unwrap_or(output.json)),
                extra: vec![],
            }),
            "mumble" => output("{ no JSON".into()),
            "loop" => loop {
                std::hint::black_box(0);
            },
            _ => Err(failure(FailureCode::UnknownOperation, call.operation, None)),
        }
    }

    fn on_event(event: Event) -> Result<(), Failure> {
        match event.attempt {
            1 => Err(failure(FailureCode::Limit, "slower".into(), Some(250))),
            _ => Ok(()),
        }
    }
}
