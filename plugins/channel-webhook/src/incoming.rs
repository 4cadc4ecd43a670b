//! What a webhook holds.

use serde_json::Value;

use crate::{
    contract::exports::plugboard::plugin::channel::{
        Attachment, Content, Delivery, Failure, FailureCode, Message, Received, Report, Webhook,
    },
    failure,
};

/// Most messages and reports of one request.
const MOST: usize = 100;

pub(crate) fn received(webhook: &Webhook) -> Result<Received, Failure> {
    let document: Value = serde_json::from_slice(&webhook.body).map_err(|_| bad("", "the body is no JSON"))?;
    let messages = list(&document, "messages")?
        .iter()
        .enumerate()
        .map(|(place, value)| message(&format!("/messages/{place}"), value, webhook.at_ms))
        .collect::<Result<_, _>>()?;
    let reports = list(&document, "reports")?
        .iter()
        .enumerate()
        .map(|(place, value)| report(&format!("/reports/{place}"), value, webhook.at_ms))
        .collect::<Result<_, _>>()?;
    Ok(Received { messages, reports, reply: None, extra: Vec::new() })
}

fn bad(at: &str, what: &str) -> Failure {
    failure(FailureCode::BadWebhook, format!("{at}: {what}"), None)
}

fn list<'a>(document: &'a Value, name: &str) -> Result<&'a [Value], Failure> {
    match document.get(name) {
        None => Ok(&[]),
        Some(Value::Array(items)) if items.len() <= MOST => Ok(items),
        Some(_) => Err(bad(&format!("/{name}"), "this is no list of at most 100")),
    }
}

fn text(at: &str, value: &Value, name: &str) -> Result<String, Failure> {
    optional(value, name).ok_or_else(|| bad(&format!("{at}/{name}"), "a text is due here"))
}

fn optional(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn message(at: &str, value: &Value, now_ms: u64) -> Result<Message, Failure> {
    let what = if let Some(text) = optional(value, "text") {
        Content::Text(text)
    } else if let Some(choice) = optional(value, "choice") {
        Content::Choice(choice)
    } else if let Some(file) = value.get("file") {
        let at = format!("{at}/file");
        Content::File(Attachment {
            name: text(&at, file, "name")?,
            media_type: text(&at, file, "type")?,
            size: file.get("size").and_then(Value::as_u64).unwrap_or(0),
            url: text(&at, file, "url")?,
        })
    } else if value.get("left") == Some(&Value::Bool(true)) {
        Content::Left
    } else {
        return Err(bad(at, "a message has `text`, `choice`, `file` or `left`"));
    };
    Ok(Message {
        id: text(at, value, "id")?,
        from: text(at, value, "from")?,
        thread: optional(value, "thread"),
        at_ms: at_ms(value, now_ms),
        what,
        extra: Vec::new(),
    })
}

fn report(at: &str, value: &Value, now_ms: u64) -> Result<Report, Failure> {
    let state = match text(at, value, "state")?.as_str() {
        "delivered" => Delivery::Delivered,
        "read" => Delivery::Read,
        "failed" => Delivery::Failed(optional(value, "reason").unwrap_or_default()),
        other => Delivery::Other(other.to_owned()),
    };
    Ok(Report { id: text(at, value, "id")?, state, at_ms: at_ms(value, now_ms) })
}

/// A platform that says nothing means now.
fn at_ms(value: &Value, now_ms: u64) -> u64 {
    value.get("at").and_then(Value::as_u64).unwrap_or(now_ms)
}
