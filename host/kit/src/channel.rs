//! What a channel is asked: requests that anybody may send, its author's messages to all kinds of texts, and what becomes of them where the platform
//! is in trouble.

use plugboard_model::{
    Timestamp,
    channel::{Outgoing, Verified, Webhook},
};

use crate::{
    Answer, Ask, Ended, Kind, Question,
    exam::{Exam, Given},
    hostile::{self, Chance},
    network,
};

/// Monday 2026-11-23, 10:00 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_795_428_000);
const BODY: usize = 1 << 20;

/// A request that nobody signed.
pub(crate) fn plain() -> Ask {
    Ask::Verify(Box::new(webhook("POST", "", &[], b"{}".to_vec())))
}

fn webhook(method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Webhook {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Webhook { method: method.into(), path: path.into(), headers, body, at: NOW }
}

pub(crate) fn examine(exam: &mut Exam<'_>, given: &Given<'_>) {
    for (case, webhook) in anybodys() {
        let verify = given.question(Ask::Verify(Box::new(webhook.clone())));
        untrusted(exam, &format!("verify: {case}"), &verify);
        // Nobody asks this of a request that is not genuine, but a platform may send it.
        exam.survives(&format!("receive: {case}"), &given.question(Ask::Receive(Box::new(webhook))));
    }
    for (case, expected) in given.asked.iter().take(network::MOST_SEEDS) {
        match &expected.ask {
            Ask::Verify(webhook) if !webhook.headers.is_empty() => {
                let mut other = webhook.clone();
                for (_, value) in &mut other.headers {
                    *value = turned(value);
                }
                let question = network::question(given, Ask::Verify(other), &expected.http);
                untrusted(exam, &format!("{case}: with other headers"), &question);
            }
            Ask::Receive(webhook) => bodies(exam, given, case, webhook),
            Ask::Send(message) => messages(exam, given, case, message),
            _ => {}
        }
        let question = network::question(given, expected.ask.clone(), &expected.http);
        if network::sends(exam, case, &question) {
            network::examine(exam, case, &question, true);
        }
    }
}

fn untrusted(exam: &mut Exam<'_>, case: &str, question: &Question) {
    if let Ended::Answered(Answer::Verified(Verified::Genuine)) = exam.survives(case, question) {
        exam.note(Kind::TrustsAnybody, case, question, "genuine");
    }
}

/// The same length, another last character.
fn turned(value: &str) -> String {
    let mut turned = value.to_owned();
    let last = turned.pop().unwrap_or('x');
    turned.push(if last == '0' { '1' } else { '0' });
    turned
}

fn anybodys() -> Vec<(&'static str, Webhook)> {
    let mut chance = Chance::of(7);
    let noise = (0..4_096).map(|_| chance.below(256) as u8).collect();
    let signed = [
        ("authorization", "Bearer kit"),
        ("x-signature", "sha256=00"),
        ("x-hub-signature-256", "sha256="),
        ("x-timestamp", "1795428000000"),
        ("x-timestamp", "99999999999999999999"),
    ];
    let many: Vec<(&str, &str)> = (0..64).map(|_| ("x-kit", "kit")).collect();
    vec![
        ("unsigned", webhook("POST", "", &[], b"{}".to_vec())),
        ("with made-up signatures", webhook("POST", "", &signed, br#"{"messages":[]}"#.to_vec())),
        ("with 64 headers", webhook("POST", "/kit", &many, Vec::new())),
        ("a question for the address", webhook("GET", "?challenge=kit&hub.challenge=kit&echostr=kit", &[], Vec::new())),
        ("of a method that nobody knows", webhook("KIT", "/../..?%zz&&=", &[], Vec::new())),
        ("of noise", webhook("POST", "", &signed, noise)),
        ("of 1 MiB", webhook("POST", "", &signed, vec![b'['; BODY])),
    ]
}

/// What a platform sends, damaged.
fn bodies(exam: &mut Exam<'_>, given: &Given<'_>, case: &str, webhook: &Webhook) {
    let body = &webhook.body;
    let mut damaged = vec![("cut in two", body[..body.len() / 2].to_vec()), ("empty", Vec::new())];
    for at in (0..body.len()).step_by((body.len() / 16).max(1)) {
        let mut turned = body.clone();
        turned[at] ^= 0x15;
        damaged.push(("with one byte changed", turned));
    }
    for json in hostile::json() {
        damaged.push(("any JSON", json.into_bytes()));
    }
    for (what, body) in damaged {
        let ask = Ask::Receive(Box::new(Webhook { body, ..webhook.clone() }));
        exam.survives(&format!("{case}: {what}"), &given.question(ask));
    }
}

fn messages(exam: &mut Exam<'_>, given: &Given<'_>, case: &str, message: &Outgoing) {
    let mut send = |what: &str, message: Outgoing| {
        let question = given.question(Ask::Send(Box::new(message)));
        exam.survives(&format!("{case}: {what}"), &question);
    };
    for (what, text) in hostile::texts() {
        send(what, Outgoing { text, ..message.clone() });
    }
    let choices = (0..10).map(|at| format!("选项 {at}\r\n")).collect();
    send("ten choices", Outgoing { choices, ..message.clone() });
    send("an address of 128 signs", Outgoing { to: "😀".repeat(32), ..message.clone() });
    send("a template with no values", Outgoing { template: Some("kit".into()), ..message.clone() });
}
