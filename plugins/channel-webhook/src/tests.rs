use std::cell::RefCell;

use serde_json::{Value, json};

use super::*;
use contract::{
    exports::plugboard::plugin::channel::{Content, Delivery},
    plugboard::plugin::http::{Request, Response},
};

const NOW: u64 = 1_795_428_000_000;

/// A platform that answers with what it was told to. Its signature is no real one: length and sum of what is signed.
struct Platform {
    answer: Result<Response, http::Failure>,
    settings: Vec<(&'static str, &'static str)>,
    asked: RefCell<Vec<Request>>,
}

impl World for Platform {
    fn setting(&self, name: &str) -> Option<String> {
        self.settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    fn fetch(&self, request: &Request) -> Result<Response, http::Failure> {
        self.asked.borrow_mut().push(request.clone());
        self.answer.clone()
    }

    fn sign(&self, secret: &str, data: &[u8]) -> Option<Vec<u8>> {
        (secret == "webhook")
            .then(|| vec![data.len() as u8, data.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))])
    }
}

fn platform(status: u16, body: &str) -> Platform {
    let answer = Ok(Response { status, headers: vec![], body: body.into(), url: String::new(), extra: vec![] });
    let settings = vec![("send-url", "https://chat.example/send")];
    Platform { answer, settings, asked: RefCell::default() }
}

fn webhook(headers: &[(&str, &str)], body: &str) -> Webhook {
    Webhook {
        method: "POST".into(),
        path: String::new(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.into(),
        at_ms: NOW,
        extra: vec![],
    }
}

/// `1795428000000.{}` are 16 bytes.
const SIGNED: (&str, &str) = ("x-signature", "sha256=10ba");

#[test]
fn a_request_is_genuine_with_the_signature_of_its_time_and_body_only() {
    let platform = platform(200, "");
    let signed = platform.sign("webhook", format!("{NOW}.{{}}").as_bytes()).expect("signed");
    let hex: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(SIGNED.1, format!("sha256={hex}"));
    let time = ("x-timestamp", "1795428000000");
    let verified = |headers: &[(&str, &str)], body| verify(&platform, &webhook(headers, body)).expect("a verdict");
    assert_eq!(verified(&[SIGNED, time], "{}"), Verified::Genuine);
    assert_eq!(verified(&[("x-signature", &hex.to_uppercase()), time], "{}"), Verified::Genuine);
    assert_eq!(verified(&[SIGNED, time], "{} "), Verified::Forged, "another body");
    assert_eq!(verified(&[SIGNED, ("x-timestamp", "1795428000001")], "{}"), Verified::Forged, "another time");
    assert_eq!(verified(&[SIGNED, ("x-timestamp", "1795427000000")], "{}"), Verified::Forged, "too old");
    assert_eq!(verified(&[("x-signature", "sha256=10"), time], "{}"), Verified::Forged, "a part of it");
    assert_eq!(verified(&[time], "{}"), Verified::Forged);
    assert_eq!(verified(&[SIGNED], "{}"), Verified::Forged);
    let other = Platform { settings: vec![("send-url", "https://a"), ("secret", "other")], ..self::platform(200, "") };
    let failure = verify(&other, &webhook(&[SIGNED, time], "{}")).expect_err("no such secret");
    assert_eq!(failure.code, FailureCode::BadSettings);
}

#[test]
fn a_platform_that_asks_for_a_word_gets_it_and_nothing_that_a_browser_would_run() {
    let platform = platform(200, "");
    let asked = |path: &str| {
        let webhook = Webhook { method: "GET".into(), path: path.into(), ..webhook(&[], "") };
        match verify(&platform, &webhook).expect("a verdict") {
            Verified::Answer(reply) => String::from_utf8(reply.body).expect("text"),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(asked("/?a=b&challenge=Abc-1.2_3"), "Abc-1.2_3");
    assert!(asked("/?challenge=%3Cscript%3E").contains("Forged"));
    assert!(asked("/").contains("Forged"));
}

/// The examples of the page that explains it.
fn example(number: usize) -> String {
    let page = include_str!("../FORMAT.md");
    let example = page.split("```json\n").nth(number).and_then(|rest| rest.split("```").next());
    example.expect("an example").to_owned()
}

#[test]
fn a_webhook_is_read_to_its_messages_and_reports() {
    let received = incoming::received(&webhook(&[], &example(1))).expect("received");
    let kinds: Vec<_> = received
        .messages
        .iter()
        .map(|message| {
            let kind = match &message.what {
                Content::Text(text) => text.clone(),
                Content::Choice(choice) => format!("choice {choice}"),
                Content::File(file) => format!("{} of {} bytes", file.name, file.size),
                Content::Left => "left".into(),
                Content::Other(open) => open.name.clone(),
            };
            format!("{} {} {kind}", message.id, message.from)
        })
        .collect();
    assert_eq!(kinds, ["m1 user-7 你好", "m2 user-7 choice yes", "m3 user-7 bill.pdf of 1024 bytes", "m4 user-7 left"]);
    assert_eq!(received.messages[1].at_ms, NOW, "a message without a time is of now");
    let states: Vec<_> = received.reports.into_iter().map(|report| report.state).collect();
    assert_eq!(states, [Delivery::Delivered, Delivery::Failed("blocked".into())]);
}

#[test]
fn a_webhook_that_is_not_as_the_page_says_is_refused_with_its_place() {
    let refused = |body: Value| {
        let failure = incoming::received(&webhook(&[], &body.to_string())).expect_err("refused");
        assert_eq!(failure.code, FailureCode::BadWebhook);
        failure.message
    };
    assert_eq!(refused(json!({ "messages": 1 })), "/messages: this is no list of at most 100");
    assert_eq!(refused(json!({ "messages": [{ "text": "a" }] })), "/messages/0/id: a text is due here");
    assert_eq!(
        refused(json!({ "messages": [{ "id": "1", "from": "a" }] })),
        "/messages/0: a message has `text`, `choice`, `file` or `left`"
    );
    assert_eq!(refused(json!({ "reports": [{ "id": "1" }] })), "/reports/0/state: a text is due here");
    assert!(incoming::received(&webhook(&[], "{")).is_err());
}

fn message() -> Outgoing {
    Outgoing {
        id: "o1".into(),
        to: "user-7".into(),
        thread: Some("t1".into()),
        text: "您好".into(),
        template: None,
        choices: vec!["yes".into(), "no".into()],
        attachments: vec![],
        at_ms: NOW,
        extra: vec![],
    }
}

fn sent(platform: &Platform) -> Result<String, (FailureCode, Option<u32>)> {
    let settings = configured(platform).expect("settings");
    let sent = outgoing::send(platform, &settings, message());
    sent.map(|receipt| receipt.id).map_err(|failure| (failure.code, failure.retry_ms))
}

#[test]
fn a_message_is_sent_as_the_page_says_and_signed() {
    let platform = platform(202, r#"{"id":"p9"}"#);
    assert_eq!(sent(&platform), Ok("p9".into()));
    let asked = platform.asked.borrow();
    let body: Value = serde_json::from_slice(&asked[0].body).expect("JSON");
    assert_eq!(body, serde_json::from_str::<Value>(&example(2)).expect("JSON"));
    let header =
        |wanted: &str| asked[0].headers.iter().find(|header| header.name == wanted).map(|header| &*header.value);
    let signature = signature::of(&platform, "webhook", NOW, &asked[0].body).expect("signed");
    assert_eq!(header("x-signature"), Some(&*signature));
    assert_eq!([header("Idempotency-Key"), header("x-timestamp")], [Some("o1"), Some("1795428000000")]);
}

#[test]
fn each_way_to_refuse_a_message_has_a_word_of_its_own() {
    let of = |status, body| sent(&platform(status, body)).expect_err("refused");
    assert_eq!(sent(&platform(200, "")), Ok("o1".into()), "without an id of its own it is ours");
    assert_eq!(of(404, ""), (FailureCode::NoRecipient, None));
    assert_eq!(of(422, r#"{"code":"session-over"}"#), (FailureCode::SessionOver, None));
    assert_eq!(of(422, r#"{"code":"unknown-template"}"#), (FailureCode::UnknownTemplate, None));
    assert_eq!(of(413, ""), (FailureCode::TooLarge, None));
    assert_eq!(of(403, ""), (FailureCode::Denied, None));
    assert_eq!(of(429, ""), (FailureCode::Limit, Some(5_000)));
    assert_eq!(of(500, ""), (FailureCode::Unreachable, Some(5_000)));
    assert_eq!(of(418, ""), (FailureCode::Other("status-418".into()), None));
    let failure = http::Failure { code: http::FailureCode::NotGranted, message: String::new(), retryable: false };
    let closed = Platform { answer: Err(failure), ..platform(200, "") };
    assert_eq!(sent(&closed), Err((FailureCode::Denied, None)));
}

#[test]
fn each_problem_of_the_settings_is_told() {
    let setting = |name: &str, value: &str| Setting { name: name.into(), value: value.into() };
    let fields = |settings: Vec<Setting>| -> Vec<String> {
        ByWebhook::check(settings).into_iter().filter_map(|problem| problem.field).collect()
    };
    assert_eq!(fields(vec![setting("send-url", "https://chat.example/send")]), [""; 0]);
    let bad = vec![setting("signature-header", "a b"), setting("age-ms", "5")];
    assert_eq!(fields(bad), ["/send-url", "/signature-header", "/age-ms"]);
}
