use std::cell::{Cell, RefCell};

use serde_json::{Value, json};

use super::*;
use contract::plugboard::plugin::http::{Header, Request, Response};

/// Answers with what it was told to, and keeps what it was asked.
struct Crm {
    answer: Result<Response, http::Failure>,
    asked: RefCell<Vec<Request>>,
}

impl World for Crm {
    fn fetch(&self, request: &Request) -> Result<Response, http::Failure> {
        self.asked.borrow_mut().push(request.clone());
        self.answer.clone()
    }

    fn secret(&self, name: &str) -> Option<String> {
        (name == "token").then(|| "{{secret:token}}".to_owned())
    }

    fn kept(&self) -> Option<String> {
        None
    }

    fn keep(&self, _: Option<&str>, _: Option<u64>) {}
}

/// Gives tokens, takes the last one that it gave, and keeps what it was asked.
#[derive(Default)]
struct Gate {
    given: Cell<u32>,
    kept: RefCell<Option<String>>,
    asked: RefCell<Vec<String>>,
}

impl World for Gate {
    fn fetch(&self, request: &Request) -> Result<Response, http::Failure> {
        let authorization = request.headers.iter().find(|header| header.name == "Authorization");
        let authorization = authorization.map_or("", |header| header.value.as_str()).to_owned();
        self.asked.borrow_mut().push(format!("{} {} {authorization}", request.method, request.url));
        let (status, body) = if request.url.ends_with("/oauth") {
            self.given.set(self.given.get() + 1);
            (200, format!(r#"{{"access_token":"t{}","expires_in":60}}"#, self.given.get()))
        } else if authorization == format!("Bearer t{}", self.given.get()) {
            (200, r#"{"name":"王小明"}"#.to_owned())
        } else {
            (401, String::new())
        };
        Ok(Response { status, headers: vec![], body: body.into(), url: String::new(), extra: vec![] })
    }

    fn secret(&self, name: &str) -> Option<String> {
        Some(format!("{{{{secret:{name}}}}}"))
    }

    fn kept(&self) -> Option<String> {
        self.kept.borrow().clone()
    }

    fn keep(&self, token: Option<&str>, _: Option<u64>) {
        *self.kept.borrow_mut() = token.map(str::to_owned);
    }
}

#[test]
fn a_token_is_asked_for_once_kept_and_renewed_when_it_is_no_longer_taken() {
    let mapping = Mapping::parse(
        r#"{ "base": "https://crm.example.com", "headers": { "Authorization": "Bearer {token}" },
             "token": { "method": "POST", "path": "/oauth", "headers": { "Authorization": "Basic {secret.client}" } },
             "operations": { "find": { "path": "/me" } } }"#,
    )
    .expect("a mapping");
    let gate = Gate::default();
    let asked = || {
        let output = mapping.invoke(&gate, call("find", &json!({}))).expect("an output");
        assert_eq!(output.json, r#"{"name":"王小明"}"#);
        gate.asked.take().join("; ")
    };
    let (begin, ask) = ("https://crm.example.com", "POST https://crm.example.com/oauth Basic {{secret:client}}");
    assert_eq!(asked(), format!("{ask}; GET {begin}/me Bearer t1"));
    assert_eq!(asked(), format!("GET {begin}/me Bearer t1"));
    // Somebody over there has taken it back.
    gate.given.set(7);
    assert_eq!(asked(), format!("GET {begin}/me Bearer t1; {ask}; GET {begin}/me Bearer t8"));
}

#[test]
fn a_value_that_would_be_a_path_of_its_own_is_no_input() {
    let crm = crm(200, "{}");
    let failure = mapping().invoke(&crm, call("create-ticket", &json!({ "customer": "..", "subject": "x" })));
    assert_eq!(failure.map_err(|failure| failure.code), Err(FailureCode::BadInput(String::new())));
    assert!(crm.asked.borrow().is_empty());
}

fn crm(status: u16, body: &str) -> Crm {
    let answer = Ok(Response { status, headers: vec![], body: body.into(), url: String::new(), extra: vec![] });
    Crm { answer, asked: RefCell::default() }
}

/// Of the page that explains it.
fn mapping() -> Mapping {
    let page = include_str!("../MAPPING.md");
    let document = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    Mapping::parse(&document.replace("crm-token", "token")).expect("a mapping")
}

fn call(operation: &str, input: &Value) -> Call {
    Call {
        operation: operation.into(),
        input: input.to_string(),
        key: "k1".into(),
        interaction: Some("i-7".into()),
        at_ms: 1_795_428_000_000,
        timeout_ms: 300,
        extra: vec![],
    }
}

fn told(request: &Request) -> String {
    let headers: Vec<String> =
        request.headers.iter().map(|Header { name, value }| format!("{name}: {value}")).collect();
    let body = String::from_utf8_lossy(&request.body);
    format!("{} {} within {} ms\n{}\n{body}", request.method, request.url, request.timeout_ms, headers.join("\n"))
}

#[test]
fn a_customer_is_found_by_number_with_a_secret_that_is_a_placeholder() {
    let crm = crm(200, r#"{"items":[{"name":"王小明","vip":{"level":3},"card":"secret"}]}"#);
    let output = mapping().invoke(&crm, call("find-customer", &json!({ "phone": "+86 10" }))).expect("an output");
    assert_eq!(serde_json::from_str::<Value>(&output.json).expect("JSON"), json!({ "name": "王小明", "level": 3 }));
    assert_eq!(
        told(&crm.asked.borrow()[0]),
        "GET https://crm.example.com/api/customers?limit=1&phone=%2B86%2010 within 300 ms\n\
         Authorization: Bearer {{secret:token}}\nAccept: application/json\n"
    );
}

#[test]
fn a_ticket_is_written_once_with_values_of_their_kind_and_without_those_that_are_not_there() {
    let crm = crm(201, r#"{"id":42}"#);
    let input = json!({ "customer": "a/../b", "subject": "线路 \"1\"", "priority": 2 });
    let output = mapping().invoke(&crm, call("create-ticket", &input)).expect("an output");
    assert_eq!(output.json, r#"{"ticket":42}"#);
    assert_eq!(
        told(&crm.asked.borrow()[0]),
        "POST https://crm.example.com/api/customers/a%2F..%2Fb/tickets within 300 ms\n\
         Authorization: Bearer {{secret:token}}\nIdempotency-Key: k1\nContent-Type: application/json\nAccept: application/json\n\
         {\"call\":\"i-7\",\"priority\":2,\"subject\":\"线路 \\\"1\\\"\"}"
    );
    let without = Call { interaction: None, ..call("create-ticket", &json!({ "customer": 7, "subject": "x" })) };
    mapping().invoke(&crm, without).expect("an output");
    assert!(told(&crm.asked.borrow()[1]).ends_with("\n{\"subject\":\"x\"}"));
}

fn failed(crm: &Crm, call: Call) -> (FailureCode, Option<u32>) {
    let failure = mapping().invoke(crm, call).expect_err("a failure");
    (failure.code, failure.retry_ms)
}

#[test]
fn each_way_to_fail_has_a_word_of_its_own() {
    let find = || call("find-customer", &json!({ "phone": "1" }));
    let of = |status, body: &str| failed(&crm(status, body), find());
    assert_eq!(of(404, ""), (FailureCode::NotFound, None));
    assert_eq!(of(200, r#"{"items":[]}"#), (FailureCode::NotFound, None));
    assert_eq!(of(200, ""), (FailureCode::NotFound, None));
    assert_eq!(of(401, ""), (FailureCode::Denied, None));
    assert_eq!(of(429, ""), (FailureCode::Limit, Some(5_000)));
    assert_eq!(of(503, ""), (FailureCode::Unreachable, Some(5_000)));
    assert_eq!(of(302, ""), (FailureCode::BadAnswer, None));
    assert_eq!(of(200, "<html>"), (FailureCode::BadAnswer, None));
    let headers = vec![Header { name: "retry-after".into(), value: "30".into() }];
    let busy = Response { status: 503, headers, body: vec![], url: String::new(), extra: vec![] };
    let busy = Crm { answer: Ok(busy), asked: RefCell::default() };
    assert_eq!(failed(&busy, find()), (FailureCode::Unreachable, Some(30_000)));
    let not_sent = |code, retryable| Crm {
        answer: Err(http::Failure { code, message: String::new(), retryable }),
        asked: RefCell::default(),
    };
    assert_eq!(failed(&not_sent(http::FailureCode::NotGranted, false), find()), (FailureCode::Denied, None));
    assert_eq!(failed(&not_sent(http::FailureCode::TimedOut, true), find()), (FailureCode::TimedOut, Some(5_000)));
}

#[test]
fn what_cannot_be_asked_is_not_sent() {
    let crm = crm(200, "{}");
    assert_eq!(failed(&crm, call("burn", &json!({}))).0, FailureCode::UnknownOperation);
    let no_customer = call("create-ticket", &json!({ "subject": "x" }));
    assert_eq!(failed(&crm, no_customer).0, FailureCode::BadInput("/customer".into()));
    let no_json = Call { input: "{".into(), ..call("find-customer", &json!({})) };
    assert_eq!(failed(&crm, no_json).0, FailureCode::BadInput(String::new()));
    assert_eq!(crm.asked.borrow().len(), 0);
}

#[test]
fn an_event_is_sent_if_the_mapping_names_its_kind() {
    let crm = crm(204, "");
    let event = |kind: &str| Event {
        id: "e9".into(),
        kind: kind.into(),
        at_ms: 0,
        attempt: 1,
        json: r#"{"from":"10086"}"#.into(),
        extra: vec![],
    };
    assert_eq!(mapping().on_event(&crm, event("disposition-set")), Ok(()));
    assert_eq!(mapping().on_event(&crm, event("interaction-ended")), Ok(()));
    let asked = crm.asked.borrow();
    assert_eq!(asked.len(), 1);
    assert!(told(&asked[0]).ends_with("\n{\"id\":\"e9\",\"number\":\"10086\"}"), "{}", told(&asked[0]));
}

#[test]
fn a_secret_that_is_not_granted_is_a_fault_of_the_settings() {
    let mapping = Mapping::parse(r#"{"base": "https://a.example", "probe": {"headers": {"X-Key": "{secret.other}"}}}"#);
    let failure = mapping.expect("a mapping").probe(&crm(200, "")).expect_err("a failure");
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (FailureCode::BadSettings, "the secret \"other\" is not granted")
    );
}

#[test]
fn each_fault_of_a_mapping_is_told_with_its_place() {
    let document = json!({
        "base": "crm.example.com",
        "timeout-ms": 0,
        "operation": {},
        "headers": { "X-Key": 7 },
        "operations": {
            "Find It": { "method": "FETCH", "path": "customers?x=1", "not-found": "404" },
            "b": {
                "path": "/{secret.token}/{phone}",
                "query": { "a": "{input.}" },
                "body": { "a": ["{secret.token}", "{open"] },
                "found": "items",
                "output": { "x": 1 },
                "writes": "yes",
            },
        },
        "probe": [],
    });
    let setting = Setting { name: MAPPING.into(), value: document.to_string() };
    let told: Vec<String> = check(&[setting])
        .into_iter()
        .map(|problem| format!("{} {}", problem.field.unwrap_or_default(), problem.message))
        .collect();
    assert_eq!(
        told,
        [
            "/base this is no address to begin with",
            "/headers/X-Key this is no text",
            "/timeout-ms these are no milliseconds",
            "/operations/Find It an operation's name is not fit for one",
            "/operations/Find It/method \"FETCH\" is no method",
            "/operations/Find It/path this is no path",
            "/operations/Find It/not-found these are no statuses",
            "/operations/b/path {phone} stands for nothing",
            "/operations/b/query/a {input.} stands for nothing",
            "/operations/b/body/a/0 a secret stands in the body",
            "/operations/b/body/a/1 {open stands for nothing",
            "/operations/b/writes this is neither true nor false",
            "/operations/b/found \"items\" is no JSON Pointer",
            "/operations/b/output/x this is no JSON Pointer",
            "/probe this is no object",
            "/operation there is no such member",
        ]
    );
    assert_eq!(check(&[]).len(), 1);
}

#[test]
fn a_mapping_tells_its_operations_and_events() {
    let description = described(&mapping());
    let operations: Vec<_> =
        description.operations.iter().map(|operation| (operation.name.as_str(), operation.writes)).collect();
    assert_eq!(operations, [("create-ticket", true), ("find-customer", false)]);
    assert_eq!(description.events, ["interaction-ended"]);
    assert_eq!(described(&Mapping::default()).operations, []);
}
