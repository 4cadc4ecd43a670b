//! `plugins/channel-webhook` in the real engine, with a real platform on this machine.

#[path = "guests/built.rs"]
mod built;
#[path = "guests/server.rs"]
mod server;

use std::{sync::Arc, time::Duration};

use built::component;
use plugboard_model::{
    Timestamp,
    channel::{ChannelFailureCode, Content, Outgoing, Verified, Webhook},
};
use plugboard_pack::{
    Origin, SecretName,
    permissions::{Addresses, Asks},
};
use plugboard_plugin::{Access, Answer, Ask, Asker, ChannelPlugin, Engine, EngineSettings, Question};
use server::serve;

/// Longer than the 2 s of a message: a test machine may be busy.
const BUDGET: Duration = Duration::from_secs(10);
const BODY: &str = r#"{"messages":[{"id":"m1","from":"user-7","text":"你好"}]}"#;
/// HMAC-SHA256 of `1795428000000.` and the body with the key `k3y-of-the-platform`, made by another implementation (Python's hmac).
const SIGNATURE: &str = "sha256=2bedbf5a828d225e0ddaf2bc0c33b39aed85068d823e5f65ff512bc612771a73";

fn access(port: u16) -> Arc<Access> {
    let (secret, origin): (SecretName, Origin) =
        ("webhook".parse().expect("a name"), format!("http://localhost:{port}").parse().expect("an origin"));
    let asks = Asks { http: [(origin, Addresses::AlsoPrivate)].into(), ..Asks::default() };
    let access = Access::new(asks).with_secret(secret, "k3y-of-the-platform".into());
    Arc::new(access.with_settings([("send-url".to_owned(), format!("http://localhost:{port}/send"))].into()))
}

struct Desk {
    channel: ChannelPlugin,
    asker: Asker,
}

impl Desk {
    fn new() -> Self {
        let engine = Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine");
        let channel = engine.load_channel(&component("channel-webhook")).expect("a channel");
        Self { channel, asker: Asker::new(&engine) }
    }

    fn ask(&mut self, ask: impl FnOnce(ChannelPlugin) -> Ask) -> Answer {
        let (tenant, ask) = ("acme".parse().expect("a name"), ask(self.channel.clone()));
        self.asker.ask(Question { id: 1, tenant, budget: BUDGET, ask }).result.expect("an answer")
    }
}

fn webhook(signature: &str) -> Box<Webhook> {
    let headers = [("x-timestamp", "1795428000000"), ("x-signature", signature)];
    Box::new(Webhook {
        method: "POST".into(),
        path: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: BODY.into(),
        at: Timestamp::from_secs(1_795_428_001),
    })
}

#[test]
fn a_webhook_with_the_platforms_signature_is_genuine_and_read() {
    let (mut desk, access) = (Desk::new(), access(1));
    let mut verified = |signature: &str| {
        let (access, webhook) = (Arc::clone(&access), webhook(signature));
        desk.ask(|channel| Ask::Verify { channel, access, webhook })
    };
    assert_eq!(verified(SIGNATURE), Answer::Verified(Ok(Verified::Genuine)));
    assert_eq!(verified(&SIGNATURE.replace('0', "1")), Answer::Verified(Ok(Verified::Forged)));
    let received = desk.ask(|channel| Ask::Receive { channel, access, webhook: webhook(SIGNATURE) });
    let Answer::Received(Ok(received)) = received else { panic!("received, not {received:?}") };
    let texts: Vec<_> = received.messages.into_iter().map(|message| (message.from, message.what)).collect();
    assert_eq!(texts, [("user-7".to_owned(), Content::Text("你好".into()))]);
}

#[test]
fn a_message_reaches_the_platform_signed_and_a_refusal_has_its_word() {
    let (port, asked) = serve(|asked| match asked.body.contains("user-7") {
        true => (200, r#"{"id":"p1"}"#.into()),
        false => (404, String::new()),
    });
    let mut desk = Desk::new();
    let access = access(port);
    let mut send = |to: &str| {
        let message = Box::new(Outgoing {
            id: "o1".into(),
            to: to.into(),
            thread: None,
            text: "您好".into(),
            template: None,
            choices: vec![],
            attachments: vec![],
            at: Timestamp::from_secs(1_795_428_000),
        });
        let access = Arc::clone(&access);
        match desk.ask(|channel| Ask::Send { channel, access, message }) {
            Answer::Sent(sent) => sent.map_err(|failure| failure.code),
            other => panic!("sent, not {other:?}"),
        }
    };
    assert_eq!([send("user-7"), send("user-8")], [Ok("p1".into()), Err(ChannelFailureCode::NoRecipient)]);
    let asked = asked.recv().expect("asked");
    assert_eq!((asked.line.as_str(), asked.header("idempotency-key")), ("POST /send", Some("o1")));
    assert!(asked.header("x-signature").is_some_and(|signature| signature.len() == 71), "{asked:?}");
}
