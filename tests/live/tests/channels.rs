//! A message platform over real HTTP: customers write and are written to, whatever rules say and whatever becomes of the host.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of processes and sockets")]

use std::{
    collections::BTreeMap,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use plugboard_live::{Ear, Host, HttpMessage, Tenant, serve_http};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const SOON: Duration = Duration::from_secs(30);
const KEY: &str = "k3y-of-the-platform";

/// A platform that keeps what it is given by the id that it is given under.
#[derive(Default)]
struct Platform {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    /// It takes nothing: 503.
    is_busy: bool,
    requests: usize,
    /// Of each id: the body, and how often it came.
    taken: BTreeMap<String, (Value, usize)>,
    unsigned: usize,
}

impl Platform {
    fn start() -> (Arc<Self>, u16) {
        let platform = Arc::<Self>::default();
        let serving = Arc::clone(&platform);
        (platform, serve_http(move |request| serving.answer(request)))
    }

    fn answer(&self, request: &HttpMessage) -> (u16, String) {
        let mut seen = self.seen.lock().unwrap();
        seen.requests += 1;
        let signed = signature(&request.header("x-timestamp"), &request.body);
        seen.unsigned += usize::from(request.header("x-signature") != signed);
        self.changed.notify_all();
        if seen.is_busy {
            return (503, String::new());
        }
        let key = request.header("idempotency-key");
        let value = serde_json::from_slice(&request.body).unwrap();
        seen.taken.entry(key.clone()).or_insert((value, 0)).1 += 1;
        (200, json!({ "id": format!("p-{key}") }).to_string())
    }

    fn until<T>(&self, what: &str, wanted: impl Fn(&Seen) -> Option<T>) -> T {
        let (mut seen, by) = (self.seen.lock().unwrap(), Instant::now() + SOON);
        loop {
            if let Some(found) = wanted(&seen) {
                return found;
            }
            let left = by.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: {} requests, {:?}", seen.requests, seen.taken);
            seen = self.changed.wait_timeout(seen, left).unwrap().0;
        }
    }
}

/// HMAC-SHA256 (RFC 2104) over time, dot and body.
fn signature(time: &str, body: &[u8]) -> String {
    let pad = |byte: u8| {
        let mut key = [byte; 64];
        key.iter_mut().zip(KEY.bytes()).for_each(|(slot, key)| *slot ^= key);
        key
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(format!("{time}.")).chain_update(body).finalize();
    let mac = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    format!("sha256={}", mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The platform calls the host.
fn webhook(host: SocketAddr, body: &Value, key: Option<&str>) -> (u16, Vec<u8>) {
    let body = body.to_string();
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().to_string();
    let signed = key.map_or_else(|| signature(&time, body.as_bytes()), str::to_owned);
    exchange(
        host,
        &format!(
            "POST /channels/live/sms/inbox HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Timestamp: {time}\r\n\
             X-Signature: {signed}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    )
}

fn exchange(host: SocketAddr, request: &str) -> (u16, Vec<u8>) {
    let stream = TcpStream::connect(host).unwrap();
    (&stream).write_all(request.as_bytes()).unwrap();
    let HttpMessage { first, body, .. } = HttpMessage::read(&stream).unwrap();
    (first.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

const CHANNELS: &str = r#"
[sms]
plugin = "channel-webhook"
callers = true
allow_private = ["http://localhost:PORT"]
settings = { send-url = "http://localhost:PORT/send", secret = "sms" }
[sms.secrets.sms]
file = "sms"
"#;

const FLOW: &str = r#"{ "format": 1, "name": "missed", "language": "en", "start": "say", "nodes": {
    "say": { "kind": "message", "text": "We call you back, {caller}", "exits": { "next": "wait" } },
    "wait": { "kind": "queue", "queue": "sales", "exits": { "timeout": "bye" } },
    "bye": { "kind": "hang-up" } } }"#;

fn tenant(port: u16, rules: &str) -> Tenant {
    let more = vec![
        ("channels.toml", CHANNELS.replace("PORT", &port.to_string())),
        ("rules.toml", rules.to_owned()),
        ("numbers.toml", "8004 = { flow = \"missed\" }\n".to_owned()),
        ("flows/missed.json", FLOW.to_owned()),
    ];
    Tenant { more, secrets: vec![("sms", "k3y-of-the-platform\n")], ..Tenant::default() }
}

/// The messages of one address, newest first, once they are as wanted.
fn written(host: &Host, address: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let by = Instant::now() + SOON;
    loop {
        let page = host.get(&format!("messages?channel=sms&address={}", address.replace('+', "%2B")));
        let items = page["items"].as_array().unwrap().clone();
        if wanted(&items) {
            return items;
        }
        assert!(Instant::now() < by, "{items:?}");
        std::thread::yield_now();
    }
}

#[test]
fn what_customers_write_is_kept_once_before_the_platform_is_answered_and_forged_requests_are_turned_away() {
    let (_platform, port) = Platform::start();
    let host = Host::start(&tenant(port, ""));
    let body = json!({ "messages": [
        { "id": "m/1", "from": "+4930900", "at": 1_795_428_000_000_u64, "text": "你好" },
        { "id": "m2", "from": "+4930900", "choice": "yes" },
    ] });
    assert_eq!(webhook(host.api, &body, None).0, 200);
    let told = host.logged().iter().filter(|event| event["type"] == "message-received").count();
    assert_eq!(told, 2);
    assert_eq!(webhook(host.api, &body, None).0, 200);
    assert_eq!(webhook(host.api, &body, Some("sha256=00")).0, 403);
    let challenge = "GET /channels/live/sms?challenge=word HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(host.api, challenge), (200, b"word".to_vec()));
    let nobody = "POST /channels/live/pigeon HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(exchange(host.api, nobody).0, 404);

    // It is known over a restart too.
    let host = host.kill().start();
    assert_eq!(webhook(host.api, &body, None).0, 200);
    let said = written(&host, "+4930900", |_| true);
    let shown: Vec<_> =
        said.iter().map(|one| (one["kind"].clone(), one["text"].clone(), one["state"].clone())).collect();
    assert_eq!(
        shown,
        [(json!("choice"), json!("yes"), json!("received")), (json!("text"), json!("你好"), json!("received")),]
    );
    let channel = host.get("channels")["items"][0].clone();
    assert_eq!((&channel["state"], &channel["came"]), (&json!("closed"), &json!({ "repeated": 2 })));
}

#[test]
fn messages_go_out_once_and_the_platforms_reports_say_how_far_they_came() {
    let (platform, port) = Platform::start();
    let host = Host::start(&tenant(port, ""));
    let message = json!({ "channel": "sms", "to": "+4930900", "text": "your order is ready", "id": "order-17" });
    for _ in 0..2 {
        assert_eq!(host.try_order("messages", &message).0, 202);
    }
    platform.until("the message", |seen| seen.taken.get("order-17").cloned());
    written(&host, "+4930900", |all| all[0]["state"] == "sent");
    let report = |state: &str| json!({ "reports": [{ "id": "p-order-17", "state": state }] });
    assert_eq!(webhook(host.api, &report("read"), None).0, 200);
    assert_eq!(webhook(host.api, &report("delivered"), None).0, 200);
    let all = written(&host, "+4930900", |all| all[0]["state"] == "read");
    assert_eq!((all.len(), &all[0]["receipts"], &all[0]["by"]), (1, &json!(["p-order-17"]), &json!("token tests")));
    // Another message may not take the id.
    let other = json!({ "channel": "sms", "to": "+4930901", "text": "hello", "id": "order-17" });
    assert_eq!(host.try_order("messages", &other).0, 409);
    let said = host.command(["message", "send", "sms", "+4930902", "hello", "--id", "by-hand"]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    platform.until("the message by hand", |seen| seen.taken.get("by-hand").cloned());
    let seen = platform.seen.lock().unwrap();
    let counts: Vec<usize> = seen.taken.values().map(|(_, count)| *count).collect();
    assert_eq!((counts, seen.unsigned), (vec![1, 1], 0));
}

/// SEC-05: no message leaves without a verdict, and what is denied leaves nowhere.
#[test]
fn a_rule_masks_or_denies_what_is_sent_and_its_verdict_is_kept() {
    let (platform, port) = Platform::start();
    let rule = "[masking]\nplugin = \"rule-masking\"\n";
    let host = Host::start(&tenant(port, rule));
    let message = |id: &str| json!({ "channel": "sms", "to": "+4930900", "text": "call 13900139000", "id": id });
    host.order("messages", &message("masked"));
    let (body, _) = platform.until("the message", |seen| seen.taken.get("masked").cloned());
    assert_eq!(body["text"], "call 139****9000");
    let judged: Vec<Value> = host.logged().into_iter().filter(|event| event["type"] == "judged").collect();
    let effects: Vec<&Value> = judged.iter().map(|event| &event["judgement"]["effect"]).collect();
    assert!(effects.contains(&&json!("message")), "{effects:?}");
    drop(host);

    let host = Host::start(&tenant(port, &format!("{rule}[masking.settings]\nmessages = \"deny\"\n")));
    let (status, said) = host.try_order("messages", &message("denied"));
    assert_eq!((status, &said["type"]), (403, &json!("urn:plugboard:problem:denied-by-rule")));
    assert_eq!(said["errors"][0]["message"], "the message holds a number of a person");
    let evidence = |event: &Value| event["type"] == "judged" && event["judgement"]["effect"] == "message";
    assert_eq!(host.logged().iter().filter(|event| evidence(event)).count(), 1);
    // Whatever is sent after it arrives: it was not only late.
    host.order("messages", &json!({ "channel": "sms", "to": "+4930900", "text": "hello", "id": "allowed" }));
    platform.until("the allowed message", |seen| seen.taken.get("allowed").cloned());
    assert!(!platform.seen.lock().unwrap().taken.contains_key("denied"));
}

/// W7: who calls is written to by the flow that treats the call.
#[test]
fn a_flow_sends_a_message_to_whoever_calls() {
    let (platform, port) = Platform::start();
    let host = Host::start(&tenant(port, ""));
    let mut events = host.events();
    let ear = Ear::open(None);
    let phone = host.phone("agent", 1, &ear, 500);
    host.caller("caller", "4930900", "8004", &ear).done();
    phone.done();
    events.until_count("interaction-closed", 1, SOON);
    let (body, _) = platform.until("the message", |seen| seen.taken.values().next().cloned());
    assert_eq!((&body["to"], &body["text"]), (&json!("4930900"), &json!("We call you back, 4930900")));
    let all = written(&host, "4930900", |all| !all.is_empty() && all[0]["state"] == "sent");
    assert_eq!((&all[0]["by"], all[0]["interaction"].is_string()), (&json!("flow missed"), true));
}

/// What was answered 202 is sent though the host dies at once, and never under another id.
#[test]
fn accepted_messages_outlive_the_host_that_accepted_them() {
    let (platform, port) = Platform::start();
    platform.seen.lock().unwrap().is_busy = true;
    let host = Host::start(&tenant(port, ""));
    for number in 0..20 {
        let to = format!("+49301{}", number % 4);
        let message = json!({ "channel": "sms", "to": to, "text": format!("{number}"), "id": format!("k{number}") });
        host.order("messages", &message);
    }
    let host = host.kill().start();
    platform.until("an attempt", |seen| (seen.requests > 0).then_some(()));
    platform.seen.lock().unwrap().is_busy = false;
    let taken = platform.until("all messages", |seen| (seen.taken.len() == 20).then(|| seen.taken.clone()));
    let host = host.kill().start();
    for number in 0..4 {
        let all = written(&host, &format!("+49301{number}"), |all| all.iter().all(|one| one["state"] == "sent"));
        assert_eq!(all.len(), 5);
    }
    assert!(taken.keys().all(|id| id.starts_with('k')), "{taken:?}");
}
