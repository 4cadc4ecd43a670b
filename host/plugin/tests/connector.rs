//! A connector in the real engine, and a small CRM for it to ask.

#![allow(clippy::disallowed_methods, reason = "the other system is a real one: it has a socket and a thread")]

#[path = "guests/built.rs"]
mod built;

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::Arc,
    thread,
    time::Duration,
};

use built::component;
use plugboard_model::{
    InteractionId, Timestamp,
    connector::{Call, ConnectorFailure, ConnectorFailureCode, Notice},
};
use plugboard_pack::{
    Bytes, Origin, SecretName,
    permissions::{Addresses, Asks},
};
use plugboard_plugin::{
    Access, Answer, Ask, AskFailure, Asker, ConnectorPlugin, Engine, EngineSettings, KvPlace, MemoryKv, Question,
    TraceSearch, Traces,
};

/// Longer than the 300 ms of a screen pop: a test machine may be busy.
const BUDGET: Duration = Duration::from_secs(5);

/// Knows the customer 7, who may only be read with the right token.
fn crm() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
            let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let is_known = head.iter().any(|line| line == "authorization: Bearer hunter2");
            let (status, body) = match head.first().map(String::as_str) {
                _ if !is_known => ("401 Unauthorized", ""),
                Some("GET /customers/7 HTTP/1.1") => ("200 OK", r#"{"name":"王小明"}"#),
                Some("GET /health HTTP/1.1") => ("200 OK", "{}"),
                _ => ("404 Not Found", ""),
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    port
}

/// What is granted: to ask this machine, or not.
fn access(port: u16, addresses: Option<Addresses>) -> Access {
    let (token, origin): (SecretName, Origin) =
        ("token".parse().expect("a name"), format!("http://localhost:{port}").parse().expect("an origin"));
    let http = addresses.map(|addresses| (origin.clone(), addresses)).into_iter().collect();
    let secrets = [(token.clone(), [origin].into())].into();
    Access::new(Asks { http, secrets, kv: Bytes(100), ..Asks::default() })
        .with_secret(token, "hunter2".into())
        .with_settings([("base".to_owned(), format!("http://localhost:{port}"))].into())
        .with_kv(
            Arc::new(MemoryKv::default()),
            KvPlace { tenant: "acme".parse().expect("a name"), plugin: "crm".into() },
        )
}

fn granted(port: u16) -> Arc<Access> {
    Arc::new(access(port, Some(Addresses::AlsoPrivate)))
}

struct Crm {
    connector: ConnectorPlugin,
    asker: Asker,
}

type Said = Result<String, ConnectorFailure>;

impl Crm {
    fn new() -> Self {
        Self::traced(Traces::default())
    }

    fn traced(traces: Traces) -> Self {
        let engine = Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine");
        let connector = engine.load_connector(&component("test-connector")).expect("a connector");
        Self { connector, asker: Asker::new(&engine).traced(traces) }
    }

    fn ask(&mut self, budget: Duration, ask: impl FnOnce(ConnectorPlugin) -> Ask) -> Result<Answer, AskFailure> {
        let (tenant, ask) = ("acme".parse().expect("a name"), ask(self.connector.clone()));
        self.asker.ask(Question { id: 1, tenant, budget, ask }).result
    }

    fn invoke(&mut self, access: &Arc<Access>, operation: &str, input: &str) -> Result<Said, AskFailure> {
        let call = Box::new(Call {
            operation: operation.into(),
            input: input.into(),
            key: "1".into(),
            interaction: Some(InteractionId(1)),
            at: Timestamp::from_secs(1_795_428_000),
        });
        let access = Arc::clone(access);
        match self.ask(BUDGET, |connector| Ask::Invoke { connector, access, call })? {
            Answer::Invoked(said) => Ok(said),
            other => panic!("an output, not {other:?}"),
        }
    }
}

fn code(said: Result<Said, AskFailure>) -> ConnectorFailureCode {
    said.expect("an answer").expect_err("a failure").code
}

#[test]
fn a_connector_says_what_it_can_do_before_anything_is_granted() {
    let crm = Crm::new();
    let about = crm.connector.description();
    let names: Vec<&str> = about.operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["find", "count", "sign", "peek", "mumble", "loop"]);
    assert_eq!(about.events, ["interaction-ended"]);
}

#[test]
fn a_customer_is_found_with_a_token_that_the_plugin_never_sees() {
    let (mut crm, access) = (Crm::new(), granted(crm()));
    assert_eq!(crm.invoke(&access, "find", "7"), Ok(Ok(r#"{"name":"王小明"}"#.into())));
    assert_eq!(code(crm.invoke(&access, "find", "8")), ConnectorFailureCode::NotFound);
    assert_eq!(crm.invoke(&access, "peek", ""), Ok(Ok("\"{{secret:token}}\"".into())));
    assert_eq!(crm.ask(BUDGET, |connector| Ask::Probe { connector, access }), Ok(Answer::Noted(Ok(()))));
}

/// A path may name a customer, and so may a key.
#[test]
fn a_trace_tells_what_was_called_of_the_host_and_neither_path_nor_key() {
    let (traces, port) = (Traces::default(), crm());
    let mut crm = Crm::traced(traces.clone());
    for (access, operation, input) in [
        (granted(port), "find", "7"),
        (granted(port), "find", "8"),
        (granted(port), "count", ""),
        (Arc::new(access(port, None)), "find", "7"),
    ] {
        drop(crm.invoke(&access, operation, input));
    }
    let found = traces.find(&"acme".parse().expect("a name"), &[crm.connector.hash()], &TraceSearch::default());
    let line = |trace: &plugboard_plugin::QuestionTrace| {
        let calls = trace.spent.calls.iter().map(|call| format!("{} {}: {}", call.what, call.about, call.ended));
        format!("{}: {}\n", trace.question, calls.collect::<Vec<_>>().join(", "))
    };
    let told: String = found.traces.iter().map(line).collect();
    expect_test::expect![[r#"
        invoke: http GET localhost:PORT: 200
        invoke: http GET localhost:PORT: 404
        invoke: kv.get : done, kv.set : done, kv.list : done
        invoke: http GET localhost:PORT: not-granted
    "#]]
    .assert_eq(&told.replace(&port.to_string(), "PORT"));
}

#[test]
fn what_is_not_granted_is_not_reached() {
    let (mut crm, port) = (Crm::new(), crm());
    assert_eq!(code(crm.invoke(&Arc::default(), "find", "7")), ConnectorFailureCode::BadSettings);
    assert_eq!(code(crm.invoke(&Arc::new(access(port, None)), "find", "7")), ConnectorFailureCode::Denied);
    // Granted, but as a host of the open internet.
    let public = Arc::new(access(port, Some(Addresses::Public)));
    assert_eq!(code(crm.invoke(&public, "find", "7")), ConnectorFailureCode::Denied);
    let without_kv = Arc::new(Access::new(Asks::default()));
    assert_eq!(code(crm.invoke(&without_kv, "count", "")), ConnectorFailureCode::Other("kv".into()));
}

#[test]
fn what_it_writes_down_is_there_at_the_next_question_though_the_instance_is_not() {
    let (mut crm, access) = (Crm::new(), granted(1));
    let count = |n: u8| Ok(Ok(format!("{{\"count\":{n},\"keys\":1}}")));
    assert_eq!([crm.invoke(&access, "count", ""), crm.invoke(&access, "count", "")], [count(1), count(2)]);
}

/// The value is that of another implementation (Python's hmac).
#[test]
fn a_signature_is_made_without_showing_the_secret() {
    let (mut crm, access) = (Crm::new(), granted(1));
    let signature = "\"a53133580d1aae5958211b7e1cffa11b030073eb7f9021238f6631dc22c7f86a\"";
    assert_eq!(crm.invoke(&access, "sign", "data"), Ok(Ok(signature.into())));
}

#[test]
fn an_answer_that_is_no_json_is_void_and_a_loop_ends_with_the_time_that_it_has() {
    let (mut crm, access) = (Crm::new(), granted(1));
    assert!(matches!(crm.invoke(&access, "mumble", ""), Err(AskFailure::BadAnswer(_))));
    let budget = Duration::from_millis(200);
    let call = Box::new(Call {
        operation: "loop".into(),
        input: String::new(),
        key: "1".into(),
        interaction: None,
        at: Timestamp::from_secs(1_795_428_000),
    });
    let looped = crm.ask(budget, |connector| Ask::Invoke { connector, access, call });
    assert_eq!(looped, Err(AskFailure::Deadline { budget }));
}

/// The request's own 30 s are cut to what is left of the question.
#[test]
fn a_crm_that_is_silent_costs_no_more_than_the_questions_time() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (mut crm, access) = (Crm::new(), granted(silent.local_addr().expect("an address").port()));
    let call = Box::new(Call {
        operation: "find".into(),
        input: "7".into(),
        key: "1".into(),
        interaction: None,
        at: Timestamp::from_secs(1_795_428_000),
    });
    let (tenant, connector) = ("acme".parse().expect("a name"), crm.connector.clone());
    let budget = Duration::from_millis(300);
    let reply = crm.asker.ask(Question { id: 1, tenant, budget, ask: Ask::Invoke { connector, access, call } });
    // It may still say why, or be stopped while it does: either way the thread is free.
    assert!(reply.took < BUDGET, "{reply:?}");
    assert!(!matches!(reply.result, Ok(Answer::Invoked(Ok(_)))), "{reply:?}");
}

#[test]
fn an_event_that_fails_says_when_to_try_again() {
    let (mut crm, access) = (Crm::new(), granted(1));
    let mut notify = |attempt| {
        let (id, kind, json) = ("e1".into(), "interaction-ended".into(), "{}".into());
        let notice = Box::new(Notice { id, kind, at: Timestamp::from_secs(1_795_428_000), attempt, json });
        let access = Arc::clone(&access);
        match crm.ask(BUDGET, |connector| Ask::Notify { connector, access, notice }) {
            Ok(Answer::Noted(said)) => said.map_err(|failure| failure.retry),
            other => panic!("noted, not {other:?}"),
        }
    };
    assert_eq!([notify(1), notify(2)], [Err(Some(Duration::from_millis(250))), Ok(())]);
}
