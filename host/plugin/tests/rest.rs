//! `plugins/connector-rest` in the real engine, with a real CRM on this machine.

#![allow(clippy::disallowed_methods, reason = "the other system is a real one: it has a socket and a thread")]

#[path = "guests/built.rs"]
mod built;
#[path = "guests/server.rs"]
mod server;

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    time::Duration,
};

use built::component;
use plugboard_model::{
    InteractionId, Timestamp,
    connector::{Call, ConnectorFailure, ConnectorFailureCode, Notice},
    flow::Setting,
};
use plugboard_pack::{
    Origin, SecretName,
    permissions::{Addresses, Asks},
};
use plugboard_plugin::{
    Access, Answer, Ask, ConnectorPlugin, Engine, EngineSettings, FailureKind, Question, Reply, Runtime,
    RuntimeSettings, Settings,
};
use server::{Asked, serve};

/// Longer than the 300 ms of a screen pop: a test machine may be busy.
const BUDGET: Duration = Duration::from_secs(10);

/// What the tenant's administrator filled in, the CRM's address put in.
fn mapping(port: u16) -> String {
    let mapping = r#"{
        "base": "http://localhost:PORT/api",
        "headers": { "Authorization": "Bearer {secret.crm-token}" },
        "operations": {
            "find-customer": {
                "path": "/customers",
                "query": { "phone": "{input.phone}" },
                "found": "/items/0",
                "output": { "name": "/items/0/name", "echo": "/token" }
            },
            "create-ticket": {
                "writes": true,
                "method": "POST",
                "path": "/tickets",
                "body": { "customer": "{input.customer}", "call": "{call.interaction}" },
                "output": { "ticket": "/id" }
            }
        },
        "events": { "interaction-ended": { "method": "POST", "path": "/calls", "body": { "id": "{call.key}" } } },
        "probe": { "path": "/health" }
    }"#;
    mapping.replace("PORT", &port.to_string())
}

fn crm() -> (u16, Receiver<Asked>) {
    serve(|asked| {
        if asked.header("authorization") != Some("Bearer hunter2-hunter2") {
            return (401, String::new());
        }
        match asked.line.as_str() {
            "GET /api/health" => (200, "{}".into()),
            // It echoes what it was sent, as some do.
            "GET /api/customers?phone=%2B8610" => {
                (200, r#"{"items":[{"name":"王小明"}],"token":"hunter2-hunter2"}"#.into())
            }
            "GET /api/customers?phone=1" => (200, r#"{"items":[]}"#.into()),
            "POST /api/tickets" => (201, r#"{"id":"T-1"}"#.into()),
            "POST /api/calls" => (204, String::new()),
            _ => (404, String::new()),
        }
    })
}

fn access(port: u16, granted: bool) -> Arc<Access> {
    let (token, origin): (SecretName, Origin) =
        ("crm-token".parse().expect("a name"), format!("http://localhost:{port}").parse().expect("an origin"));
    let http = granted.then(|| (origin.clone(), Addresses::AlsoPrivate)).into_iter().collect();
    let asks = Asks { http, secrets: [(token.clone(), [origin].into())].into(), ..Asks::default() };
    let access = Access::new(asks).with_secret(token, "hunter2-hunter2".into());
    Arc::new(access.with_settings([("mapping".to_owned(), mapping(port))].into()))
}

/// The connector on the runtime's own threads.
struct Desk {
    connector: ConnectorPlugin,
    runtime: Runtime,
    replies: Receiver<Reply>,
}

impl Desk {
    fn new() -> Self {
        let engine = Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine");
        let connector = engine.load_connector(&component("connector-rest")).expect("a connector");
        let (sender, replies) = mpsc::channel();
        let runtime = Runtime::start(&engine, &RuntimeSettings::default(), move |reply| drop(sender.send(reply)));
        Self { connector, runtime: runtime.expect("threads"), replies }
    }

    fn ask(&self, ask: impl FnOnce(ConnectorPlugin) -> Ask) -> Answer {
        let (tenant, ask) = ("acme".parse().expect("a name"), ask(self.connector.clone()));
        self.runtime.ask(Question { id: 1, tenant, budget: BUDGET, ask }).expect("room");
        self.replies.recv().expect("a reply").result.expect("an answer")
    }

    fn invoke(&self, access: &Arc<Access>, operation: &str, input: &str) -> Result<String, ConnectorFailure> {
        let call = Box::new(Call {
            operation: operation.into(),
            input: input.into(),
            key: "wish-1".into(),
            interaction: Some(InteractionId(7)),
            at: Timestamp::from_secs(1_795_428_000),
        });
        match self.ask(|connector| Ask::Invoke { connector, access: Arc::clone(access), call }) {
            Answer::Invoked(said) => said,
            other => panic!("an output, not {other:?}"),
        }
    }
}

#[test]
fn a_caller_is_found_in_a_crm_by_a_mapping_and_the_token_is_never_in_the_plugin() {
    let (desk, (port, asked)) = (Desk::new(), crm());
    let access = access(port, true);
    let found = desk.invoke(&access, "find-customer", r#"{"phone":"+8610"}"#);
    assert_eq!(found.as_deref(), Ok(r#"{"echo":"{{secret:crm-token}}","name":"王小明"}"#));
    assert_eq!(asked.recv().expect("asked").header("authorization"), Some("Bearer hunter2-hunter2"));
    let unknown = desk.invoke(&access, "find-customer", r#"{"phone":"1"}"#).map_err(|failure| failure.code);
    assert_eq!(unknown, Err(ConnectorFailureCode::NotFound));
}

#[test]
fn a_ticket_is_written_with_a_key_that_makes_it_one() {
    let (desk, (port, asked)) = (Desk::new(), crm());
    let written = desk.invoke(&access(port, true), "create-ticket", r#"{"customer":9}"#);
    assert_eq!(written.as_deref(), Ok(r#"{"ticket":"T-1"}"#));
    let asked = asked.recv().expect("asked");
    assert_eq!((asked.line.as_str(), asked.header("idempotency-key")), ("POST /api/tickets", Some("wish-1")));
    assert_eq!(asked.body, format!(r#"{{"call":"{}","customer":9}}"#, InteractionId(7)));
}

#[test]
fn the_probe_and_an_event_reach_the_crm() {
    let (desk, (port, asked)) = (Desk::new(), crm());
    let access = access(port, true);
    let probed = desk.ask(|connector| Ask::Probe { connector, access: Arc::clone(&access) });
    assert_eq!(probed, Answer::Noted(Ok(())));
    let (kind, at) = ("interaction-ended".into(), Timestamp::from_secs(1_795_428_000));
    let notice = Box::new(Notice { id: "e1".into(), kind, at, attempt: 1, json: "{}".into() });
    let noted = desk.ask(|connector| Ask::Notify { connector, access, notice });
    assert_eq!(noted, Answer::Noted(Ok(())));
    let lines: Vec<String> = asked.iter().take(2).map(|asked| asked.line).collect();
    assert_eq!(lines, ["GET /api/health", "POST /api/calls"]);
}

#[test]
fn a_crm_that_nobody_granted_is_not_asked() {
    let (desk, (port, asked)) = (Desk::new(), crm());
    let denied = desk.invoke(&access(port, false), "find-customer", r#"{"phone":"1"}"#);
    assert_eq!(denied.map_err(|failure| failure.code), Err(ConnectorFailureCode::Denied));
    assert!(asked.try_recv().is_err());
}

#[test]
fn a_mapping_tells_the_operations_of_a_tenant_and_what_is_wrong_with_it() {
    let desk = Desk::new();
    assert_eq!(desk.connector.description().operations, []);
    let told = desk.connector.description_with([("mapping".to_owned(), mapping(1))].into()).expect("described");
    let names: Vec<_> = told.operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!((names, told.events), (vec!["create-ticket", "find-customer"], vec!["interaction-ended".to_owned()]));
    let settings = Settings::new(vec![Setting { name: "mapping".into(), value: r#"{"base":"x"}"#.into() }]);
    let problems = desk.connector.check(&settings).expect("checked");
    assert_eq!(problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>(), [Some("/base".to_owned())]);
}

/// While connectors wait for a CRM that says nothing, others are answered: by threads that the connectors do not have.
#[test]
fn a_tenant_whose_crm_is_silent_holds_half_of_the_calling_threads_at_most() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = access(silent.local_addr().expect("an address").port(), true);
    let (desk, (port, _asked)) = (Desk::new(), crm());
    let question = |id, tenant: &str, access: &Arc<Access>| {
        let call = Box::new(Call {
            operation: "find-customer".into(),
            input: r#"{"phone":"+8610"}"#.into(),
            key: "wish-1".into(),
            interaction: None,
            at: Timestamp::from_secs(1_795_428_000),
        });
        let ask = Ask::Invoke { connector: desk.connector.clone(), access: Arc::clone(access), call };
        let budget = if tenant == "acme" { Duration::from_secs(2) } else { BUDGET };
        Question { id, tenant: tenant.parse().expect("a name"), budget, ask }
    };
    let many = 2 * RuntimeSettings::default().calling_threads.get() as u64;
    (0..many).for_each(|id| desk.runtime.ask(question(id, "acme", &silent)).expect("room"));
    desk.runtime.ask(question(many, "umbrella", &access(port, true))).expect("room");
    let first = desk.replies.recv().expect("a reply");
    assert_eq!((first.asked.tenant.as_str(), first.failure()), ("umbrella", None::<FailureKind>));
}
