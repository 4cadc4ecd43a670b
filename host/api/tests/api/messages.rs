//! Messages with customers: what platforms may send here without a token, and what has to pass before something goes out.

use std::sync::Arc;

use plugboard_api::{Direction, HostError, Limits, Message, MessageState, Token, WebhookRefused};
use plugboard_exchange::{Command, CommandError};
use plugboard_model::{
    Configuration, Timestamp,
    channel::Channel,
    compliance::{Asker, Denial, Role},
    connector::Connector,
};
use serde_json::{Value, json};

use crate::{
    DEMO,
    client::{Answered, Server},
    double::configuration,
};

async fn server() -> Server {
    let tokens = vec![
        Token::new("root", "open-sesame"),
        Token::new("desk", "the-desk").for_role(Role::Agent),
        Token::new("ears", "the-ears").for_role(Role::Quality),
    ];
    let server = Server::for_tokens(Limits::default(), tokens).await;
    let sms = Channel { component: Connector::new("channel-webhook"), callers: true };
    let channels = [("sms".into(), Arc::new(sms))].into();
    *server.host.configuration.lock().unwrap() = Arc::new(Configuration { channels, ..configuration() });
    server
}

const DESK: &str = "Bearer the-desk";
const EARS: &str = "Bearer the-ears";

fn message(id: &str) -> Message {
    Message {
        id: id.into(),
        seq: 7,
        channel: "sms".into(),
        direction: Direction::Out,
        address: "+8613800138000".into(),
        thread: None,
        at: Timestamp::from_secs(1_000),
        kind: "text".into(),
        text: "call 13900139000".into(),
        template: None,
        choices: Vec::new(),
        files: Vec::new(),
        state: MessageState::Sent,
        failure: None,
        receipts: Vec::new(),
        by: Some("token desk".into()),
        interaction: None,
    }
}

/// As the agent at the desk, or as who listens, asks.
async fn post(server: &Server, body: &Value, by: &str) -> Answered {
    let headers = [("Authorization", by), ("Content-Type", "application/json")];
    server.ask_as_nobody("POST", &format!("{DEMO}/messages"), &headers, body.to_string().as_bytes()).await
}

fn writing(id: &str) -> Value {
    json!({ "channel": "sms", "to": "+8613800138000", "text": "hello", "id": id })
}

#[tokio::test]
async fn platform_needs_no_token_and_the_host_is_told_what_came_as_it_came() {
    let server = server().await;
    let headers = [("X-Signature", "abc")];
    let answered = server.ask_as_nobody("PUT", "/channels/demo/sms/in%20box?x=1", &headers, b"hello").await;
    assert_eq!((answered.status, answered.body.as_slice()), (200, &b"word"[..]));
    // What a component says must be nobody's in a browser that has a session here.
    let policy = answered.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("sandbox;"), "{policy}");
    let came = server.host.webhooks.lock().unwrap().pop().unwrap();
    assert_eq!(
        (came.method.as_str(), came.path.as_str(), came.body.as_slice()),
        ("PUT", "/in%20box?x=1", &b"hello"[..])
    );
    assert!(came.headers.contains(&("x-signature".into(), "abc".into())), "{:?}", came.headers);
    let at_the_door = server.ask_as_nobody("GET", "/channels/demo/sms?challenge=word", &[], b"").await;
    assert_eq!(at_the_door.status, 200);
    assert_eq!(server.host.webhooks.lock().unwrap().pop().unwrap().path, "?challenge=word");
}

#[tokio::test]
async fn what_a_platform_may_not_send_is_refused_with_what_it_should_do() {
    let server = server().await;
    let mut told = Vec::new();
    for refused in [WebhookRefused::Forged, WebhookRefused::TooMany, WebhookRefused::NotNow] {
        *server.host.webhook_refused.lock().unwrap() = Some(refused);
        let answered = server.ask_as_nobody("POST", "/channels/demo/sms/x", &[], b"{}").await;
        told.push((answered.status, answered.header("retry-after").map(str::to_owned), answered.body.len()));
    }
    let again = Some("2".to_owned());
    assert_eq!(told, [(403, None, 0), (429, again.clone(), 0), (503, again, 0)]);
    let before = server.host.webhooks.lock().unwrap().len();
    assert_eq!(server.ask_as_nobody("POST", "/channels/demo/pigeon/x", &[], b"{}").await.status, 404);
    assert_eq!(server.ask_as_nobody("POST", "/channels/nobody/sms/x", &[], b"{}").await.status, 404);
    assert_eq!(server.ask_as_nobody("POST", "/channels/demo/sms", &[("X-A", "b"); 65], b"").await.status, 431);
    let long = [("Content-Length", "1048577")];
    assert_eq!(server.ask_as_nobody("POST", "/channels/demo/sms", &long, b"").await.status, 413);
    assert_eq!(server.host.webhooks.lock().unwrap().len(), before);
}

#[tokio::test]
async fn message_is_put_to_the_rules_once_with_what_is_known_of_whom_it_goes_to() {
    let server = server().await;
    let answered = post(&server, &writing("o1"), DESK).await;
    assert_eq!((answered.status, answered.json()), (202, json!({ "id": "o1", "channel": "sms", "state": "accepted" })));
    let Some(Command::Send(wish)) = server.host.commands.lock().unwrap().pop() else { panic!("no message is sent") };
    assert_eq!((&*wish.id, &wish.by, wish.sent_today), ("o1", &Asker::Api("desk".into()), 2));
    // Again: nothing is sent, and the answer says how far it came.
    *server.host.messages.lock().unwrap() = vec![message("o1")];
    let answered = post(&server, &writing("o1"), DESK).await;
    assert_eq!((answered.status, &answered.json()["state"]), (202, &json!("sent")));
    let other = json!({ "channel": "sms", "to": "+8613800138001", "text": "hello", "id": "o1" });
    let refused = post(&server, &other, DESK).await.problem();
    assert_eq!(refused, (409, "id-in-use".to_owned()));
    assert_eq!(server.host.commands.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn message_that_a_rule_forbids_is_403_with_the_reason_and_who_only_listens_writes_nothing() {
    let server = server().await;
    let denial = Denial { rule: "office".into(), code: "night".into(), reason: "not now".into(), later: None };
    server.host.replies.lock().unwrap().push(Err(HostError::Command(CommandError::Denied(denial))));
    let refused = post(&server, &writing("o1"), DESK).await;
    assert_eq!((refused.status, &refused.json()["errors"][0]["message"]), (403, &json!("not now")));
    let refused = post(&server, &writing("o1"), EARS).await.problem();
    assert_eq!(refused, (403, "forbidden".to_owned()));
    let nobody = post(&server, &writing("o1"), "Bearer nobody").await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test]
async fn each_field_of_a_message_is_bounded() {
    let server = server().await;
    let changed = |field: &str, value: Value| {
        let mut body = writing("o1");
        body[field] = value;
        body
    };
    let file = |url: &str| json!([{ "name": "a.pdf", "media_type": "application/pdf", "url": url }]);
    for body in [
        changed("id", json!("a/b")),
        changed("id", json!("")),
        changed("to", json!("")),
        changed("to", json!("a\r\nb")),
        changed("text", json!("")),
        changed("text", json!("x".repeat(4_097))),
        changed("choices", json!(vec!["a"; 11])),
        changed("attachments", file("http://example.com/a")),
        changed("thread", json!("x".repeat(129))),
    ] {
        let refused = post(&server, &body, DESK).await;
        assert_eq!(refused.problem().0, 422, "{body}");
    }
    assert!(server.host.commands.lock().unwrap().is_empty());
}

/// Like every other list of what persons said: masked for who may not see numbers.
#[tokio::test]
async fn messages_are_read_masked_by_whom_numbers_are_masked_for() {
    let server = server().await;
    *server.host.messages.lock().unwrap() = vec![message("o1")];
    let path = format!("{DEMO}/messages?channel=sms");
    let desk = server.ask_as_nobody("GET", &path, &[("Authorization", DESK)], b"").await.json();
    let root = server.get(&path).await.json();
    let shown = |page: &Value| [&page["items"][0]["address"], &page["items"][0]["text"]].map(ToString::to_string);
    assert_eq!(shown(&desk), [r#""+861******8000""#, r#""call 139****9000""#]);
    assert_eq!(shown(&root), [r#""+8613800138000""#, r#""call 13900139000""#]);
    let refused = server.get(&format!("{DEMO}/messages?address=x")).await.problem();
    assert_eq!(refused, (400, "bad-request".to_owned()));
}

#[tokio::test]
async fn figures_of_channels_are_told_to_prometheus() {
    let server = server().await;
    let text = String::from_utf8(server.get("/metrics").await.body).unwrap();
    for line in [
        r#"plugboard_channel_sends_total{tenant="demo",channel="sms",outcome="ok"} 3"#,
        r#"plugboard_channel_webhooks_total{tenant="demo",channel="sms",outcome="forged"} 1"#,
        r#"plugboard_channel_open{tenant="demo",channel="sms"} 0"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
