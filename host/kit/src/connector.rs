//! What a connector is asked: its author's questions with inputs that nobody checked, and what they come to where the other system is in trouble.

use plugboard_model::{
    Timestamp,
    connector::{Call, Notice},
};
use serde_json::Value;

use crate::{
    Ask, Ended, Kind, Reply,
    exam::{Exam, Given},
    hostile, network, summary,
};

/// Monday 2026-11-23, 10:00 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_795_428_000);
/// A value that is more than one, where it gets into a URL as it is.
const TRAVERSAL: &str = "kit/../../kit?kit=1#kit";

/// An operation that no connector has.
pub(crate) fn plain() -> Ask {
    let (operation, key) = ("plugboard-kit-unknown".to_owned(), "kit-1".to_owned());
    Ask::Invoke(Box::new(Call { operation, input: "{}".into(), key, interaction: None, at: NOW }))
}

pub(crate) fn examine(exam: &mut Exam<'_>, given: &Given<'_>) {
    let question = given.question(plain());
    let ended = exam.survives("an operation that does not exist", &question);
    if matches!(ended, Ended::Answered(_)) {
        let said = summary::of_ended(&ended);
        exam.note(Kind::DoesUnknown, "an operation that does not exist", &question, &said);
    }
    let kind = "plugboard-kit-unknown".to_owned();
    let unknown = Notice { id: "kit-1".into(), kind, at: NOW, attempt: u32::MAX, json: "{}".into() };
    exam.survives("an event that nobody knows", &given.question(Ask::OnEvent(Box::new(unknown))));
    for (case, expected) in given.asked.iter().take(network::MOST_SEEDS) {
        match &expected.ask {
            Ask::Invoke(call) => inputs(exam, given, case, call, &expected.http),
            Ask::OnEvent(notice) => {
                for json in hostile::json() {
                    let ask = Ask::OnEvent(Box::new(Notice { json, ..(**notice).clone() }));
                    exam.survives(
                        &format!("{case}: an event of any JSON"),
                        &network::question(given, ask, &expected.http),
                    );
                }
            }
            _ => {}
        }
        let question = network::question(given, expected.ask.clone(), &expected.http);
        if network::sends(exam, case, &question) {
            network::examine(exam, case, &question, true);
        }
    }
}

fn inputs(exam: &mut Exam<'_>, given: &Given<'_>, case: &str, call: &Call, http: &[Reply]) {
    let with = |input: String| {
        let ask = Ask::Invoke(Box::new(Call { input, ..call.clone() }));
        network::question(given, ask, http)
    };
    for json in hostile::json() {
        exam.survives(&format!("{case}: an input of any JSON"), &with(json));
    }
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(&call.input) else { return };
    for name in members.keys() {
        let mut put = |what: &str, value: Value| {
            let mut members = members.clone();
            members.insert(name.clone(), value);
            let (case, question) = (format!("{case}: {name} is {what}"), with(Value::Object(members).to_string()));
            let told = exam.asks(&case, &question);
            if let Some(sent) = told.sent.iter().find(|sent| sent.url.contains(TRAVERSAL) || climbs(&sent.url)) {
                exam.note(Kind::Injected, &case, &question, &format!("{} {}", sent.method, sent.url));
            }
        };
        for (what, text) in hostile::texts() {
            put(what, text.into());
        }
        put("a path of its own", TRAVERSAL.into());
        put("a step upwards", "..".into());
        put("a list", Value::Array(vec![Value::Null; 3]));
        put("null", Value::Null);
        put("a placeholder", "{{secret:kit}} {input.kit} {secret.kit}".into());
    }
}

/// Whether a segment of it means another one (RFC 3986 §5.2.4), written as it is or escaped.
fn climbs(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|segment| {
        let segment = segment.replace("%2E", ".").replace("%2e", ".");
        segment == "." || segment == ".."
    })
}
