//! A CRM over real HTTP: it is asked by a flow, and told what happened, whatever becomes of it and of the host.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of processes and sockets")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use plugboard_live::{Ear, Host, HttpMessage, Sipp, Tenant, serve_http};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// A CRM that keeps what it is told by the key that it is told under.
#[derive(Default)]
struct Crm {
    seen: Mutex<Seen>,
    changed: Condvar,
    /// It answers 500, whatever it is asked.
    is_down: AtomicBool,
}

#[derive(Default)]
struct Seen {
    requests: usize,
    /// Of each key: the body, and how often it came.
    told: BTreeMap<String, (Value, usize)>,
    tokens: Vec<String>,
}

impl Crm {
    /// Each `broken`th note is refused with 503.
    fn start(broken: usize) -> (Arc<Self>, u16) {
        let crm = Arc::<Self>::default();
        let serving = Arc::clone(&crm);
        (crm, serve_http(move |request| serving.answer(request, broken)))
    }

    fn answer(&self, request: &HttpMessage, broken: usize) -> (u16, String) {
        let mut seen = self.seen.lock().unwrap();
        seen.requests += 1;
        seen.tokens.push(request.header("authorization"));
        self.changed.notify_all();
        if self.is_down.load(Ordering::Relaxed) {
            (500, String::new())
        } else if request.first.starts_with("GET /customers?phone=4930900 ") {
            (200, r#"{"items":[{"level":7}]}"#.to_owned())
        } else if !request.first.starts_with("POST /calls ") {
            (404, String::new())
        } else if seen.requests.is_multiple_of(broken) {
            (503, String::new())
        } else {
            let value = serde_json::from_slice(&request.body).unwrap();
            seen.told.entry(request.header("idempotency-key")).or_insert((value, 0)).1 += 1;
            (204, String::new())
        }
    }

    fn until<T>(&self, what: &str, wanted: impl Fn(&Seen) -> Option<T>) -> T {
        let (mut seen, by) = (self.seen.lock().unwrap(), Instant::now() + SOON);
        loop {
            if let Some(found) = wanted(&seen) {
                return found;
            }
            let left = by.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: {} requests, {:?}", seen.requests, seen.told);
            seen = self.changed.wait_timeout(seen, left).unwrap().0;
        }
    }
}

const FLOW: &str = r#"{ "format": 1, "name": "known", "language": "en", "start": "look", "variables": { "level": 0 }, "nodes": {
    "look": { "kind": "connector", "connector": "crm", "operation": "find-customer", "timeout_ms": 5000, "input": { "phone": "{caller}" },
              "keep": { "level": "/level" }, "exits": { "ok": "known", "not_found": "wait", "failed": "bye" } },
    "known": { "kind": "tag", "set": { "level": "{level}" }, "exits": { "next": "wait" } },
    "wait": { "kind": "queue", "queue": "sales", "exits": { "timeout": "bye" } },
    "bye": { "kind": "hang-up" } } }"#;

const MAPPING: &str = r#"{
    "base": "http://localhost:PORT",
    "headers": { "Authorization": "Bearer {secret.crm-token}" },
    "operations": {
        "find-customer": { "path": "/customers", "query": { "phone": "{input.phone}" }, "found": "/items/0", "output": { "level": "/items/0/level" },
                           "input": { "type": "object", "required": ["phone"], "properties": { "phone": { "type": "string" } } } }
    },
    "events": {
        "interaction-ended": { "method": "POST", "path": "/calls", "body": { "call": "{call.interaction}", "from": "{input.from}" } },
        "disposition-set": { "method": "POST", "path": "/calls", "body": { "call": "{call.interaction}", "code": "{input.code}" } }
    }
}"#;

const CONNECTORS: &str = r#"
[crm]
plugin = "connector-rest"
allow_private = ["http://localhost:PORT"]
settings = { mapping = { file = "crm.json" } }
[crm.secrets.crm-token]
file = "crm"
"#;

fn tenant(port: u16) -> Tenant {
    let at = |text: &str| text.replace("PORT", &port.to_string());
    let more = vec![
        ("numbers.toml", "8003 = { flow = \"known\" }\n".to_owned()),
        ("flows/known.json", FLOW.to_owned()),
        ("crm.json", at(MAPPING)),
        ("connectors.toml", at(CONNECTORS)),
    ];
    Tenant { more, secrets: vec![("crm", "hunter2-hunter2\n")], ..Tenant::default() }
}

/// ACD-05, INT-04: the value of a customer comes from the CRM before the call is queued, and the CRM hears of the call's end and of what came of it.
#[test]
fn a_flow_asks_the_crm_and_the_crm_hears_of_the_call() {
    let (crm, port) = Crm::start(usize::MAX);
    let host = Host::start(&tenant(port));
    let mut events = host.events();
    let ear = Ear::open(None);
    let phone = host.phone("agent", 1, &ear, 500);
    host.caller("caller", "4930900", "8003", &ear).done();
    phone.done();
    events.until_count("interaction-closed", 1, SOON);
    let told = crm.until("the end of the call", |seen| seen.told.values().next().cloned());
    let interaction = host.cdrs()[0]["interaction"].as_u64().unwrap();
    assert_eq!(told.0["from"], "4930900");
    let said = host.command(["call", "disposition", &format!("i{interaction}"), "sold"]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    crm.until("the disposition", |seen| seen.told.values().find(|(body, _)| body["code"] == "sold").cloned());

    let cdr = &host.cdrs()[0];
    let tags: Vec<&Value> = cdr["tags"].as_array().unwrap().iter().collect();
    assert_eq!(tags, [&json!({ "name": "level", "value": "7" })]);
    let seen = crm.seen.lock().unwrap();
    assert!(seen.tokens.iter().all(|token| token == "Bearer hunter2-hunter2"), "{:?}", seen.tokens);
    let invoked: Vec<Value> = host.logged().into_iter().filter(|event| event["type"] == "invoked").collect();
    assert_eq!((invoked.len(), &invoked[0]["outcome"]), (1, &json!("ok")));
    // INT-06.
    let connector = &host.get("connectors")["items"][0];
    let figures = ["name", "state", "failed_last_minute"].map(|field| connector[field].clone());
    assert_eq!(figures, [json!("crm"), json!("closed"), json!(0)]);
    assert_eq!(connector["outcomes"]["ok"], 3);
    // The secret stands nowhere but in what went to the CRM.
    let said = format!("{} {:?} {connector} {}", host.log(), host.logged(), host.get("configuration"));
    assert!(!said.contains("hunter2"), "{said}");
}

/// INT-06: who looks at the host sees within a minute which system fails and how, and what it was not told; and that it is well again.
#[test]
fn a_crm_that_answers_500_is_an_alarm_within_a_minute_and_none_once_it_answers() {
    let (crm, port) = Crm::start(usize::MAX);
    let mut tenant = tenant(port);
    let goodbye = r#""kind": "hang-up", "prompt": "sorry""#;
    tenant.more[1].1 =
        FLOW.replace(r#""not_found": "wait""#, r#""not_found": "bye""#).replace(r#""kind": "hang-up""#, goodbye);
    let host = Host::start(&tenant);
    let ear = Ear::open(None);
    crm.is_down.store(true, Ordering::Relaxed);
    host.caller("caller", "4930901", "8003", &ear).done();
    host.until_said("alarm=\"connector-failing\" about=\"live/crm\"", Duration::from_secs(60));
    assert!(host.alarms().contains(&"connector-failing".to_owned()), "{:?}", host.alarms());
    let failing = host.get("connectors")["items"][0].clone();
    let figures = ["/state", "/failing", "/failed_last_minute", "/letters/waiting", "/letters/dead"];
    let figures = figures.map(|field| failing.pointer(field).cloned().unwrap_or_default());
    assert_eq!(figures, [json!("closed"), json!(true), json!(3), json!(1), json!(0)], "{failing}");
    assert_eq!(failing["last_failure"]["why"], "unreachable: the other system answered 500");

    crm.is_down.store(false, Ordering::Relaxed);
    for from in ["4930902", "4930903", "4930904"] {
        host.caller("caller", from, "8003", &ear).done();
    }
    host.until_said("alarm is over alarm=\"connector-failing\" about=\"live/crm\"", SOON);
    assert_eq!(host.alarms(), Vec::<String>::new());
    assert_eq!(host.get("connectors")["items"][0]["failing"], json!(false));
    crm.until("the calls of before and after", |seen| (seen.told.len() == 4).then_some(()));
}

/// INT-03: one in ten notes is refused and the host is killed in between; in the end the CRM has each call, and each once.
#[test]
fn every_call_is_told_once_though_the_crm_refuses_some_and_the_host_is_killed() {
    let (crm, port) = Crm::start(10);
    let host = Host::start(&tenant(port));
    let ear = Ear::open(None);
    let mut events = host.events();
    let call = |host: &Host, from: usize, calls: usize| {
        let rows: Vec<String> = (from..from + calls).map(|number| format!("49301{number:03};8001")).collect();
        let key = ear.port.to_string();
        Sipp::start(host.scratch(), "caller", host.sip, 0, rows.len(), &rows, &["-key", "ear", &key, "-r", "20"])
    };
    let callers = call(&host, 0, 30);
    events.until_count("interaction-closed", 30, SOON);
    drop(callers);
    // Nobody is there for this caller, whose call the kill ends.
    let waits = host.caller("caller", "4930999", "8002", &ear);
    events.until_count("interaction-offered", 31, SOON);
    let host = host.kill().start();
    drop(waits);
    let mut events = host.events();
    let callers = call(&host, 30, 20);
    // From the first event of the log on.
    events.until_count("interaction-closed", 50, SOON);
    drop(callers);
    let from = crm.until("all calls", |seen| {
        let mut from: Vec<String> = seen.told.values().map(|(body, _)| body["from"].to_string()).collect();
        (from.len() > 50).then(|| {
            from.sort_unstable();
            from
        })
    });
    let all = (0..50).map(|number| format!("49301{number:03}")).chain(["4930999".to_owned()]);
    assert_eq!(from, all.map(|from| format!("{from:?}")).collect::<Vec<_>>());
    let dead = host.get("connectors/crm/dead-letters");
    assert_eq!(dead["items"], json!([]));
}

/// SEC-05: what a connector is told leaves the host, so rules judge it like any other export.
#[test]
fn a_crm_is_told_masked_what_a_rule_masks_and_nothing_of_what_it_forbids() {
    let (crm, port) = Crm::start(usize::MAX);
    let rule = "[masking]\nplugin = \"rule-masking\"\n".to_owned();
    let ended = |tenant: &Tenant| {
        let host = Host::start(tenant);
        let mut events = host.events();
        let ear = Ear::open(None);
        let phone = host.phone("agent", 1, &ear, 500);
        host.caller("caller", "4930900", "8003", &ear).done();
        phone.done();
        events.until_count("interaction-closed", 1, SOON);
        host
    };
    let mut masking = tenant(port);
    masking.more.push(("rules.toml", rule.clone()));
    let host = ended(&masking);
    let told = crm.until("the end of the call", |seen| seen.told.values().next().cloned());
    assert_eq!(told.0["from"], "****900");
    let judged: Vec<Value> = host.logged().into_iter().filter(|event| event["type"] == "judged").collect();
    let exports: Vec<&Value> = judged.iter().filter(|event| event["judgement"]["effect"] == "export").collect();
    let of_calls = exports.iter().filter(|event| event["interaction"].is_u64()).count();
    assert_eq!(of_calls, 1, "{judged:?}");
    drop(host);

    masking.more.last_mut().unwrap().1 = rule + "[masking.settings]\nnot-to = \"connector\"\n";
    let before = crm.seen.lock().unwrap().told.len();
    let host = ended(&masking);
    let deadline = Instant::now() + SOON;
    let dead = loop {
        let dead = host.get("connectors/crm/dead-letters")["items"].clone();
        if dead.as_array().is_some_and(|dead| !dead.is_empty()) || Instant::now() > deadline {
            break dead;
        }
        std::thread::yield_now();
    };
    assert_eq!(dead[0]["failure"], "denied: rule masking (not-there): personal data does not go there", "{dead}");
    assert_eq!(crm.seen.lock().unwrap().told.len(), before);
}
