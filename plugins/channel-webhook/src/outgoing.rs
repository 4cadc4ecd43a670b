//! A message to a customer.

use serde_json::{Value, json};

use crate::{
    World,
    contract::{
        exports::plugboard::plugin::channel::{Failure, FailureCode, Outgoing, Receipt},
        plugboard::plugin::http::{self, Header, Request, Response},
    },
    failure,
    settings::Settings,
    signature,
};

/// The question's deadline is 2 s; the host cuts what is longer.
const TIMEOUT_MS: u32 = 2_000;
/// Milliseconds after which a busy platform is asked again.
const LATER_MS: u32 = 5_000;

pub(crate) fn send(world: &dyn World, settings: &Settings, message: Outgoing) -> Result<Receipt, Failure> {
    let Outgoing { id, to, thread, text, template, choices, attachments, at_ms, .. } = message;
    let attachments: Vec<Value> = attachments
        .into_iter()
        .map(|file| json!({ "name": file.name, "type": file.media_type, "size": file.size, "url": file.url }))
        .collect();
    let body = json!({
        "id": id, "to": to, "thread": thread, "text": text, "template": template, "choices": choices,
        "attachments": attachments, "at": at_ms,
    });
    let body = body.to_string().into_bytes();
    let header = |name: &str, value: String| Header { name: name.into(), value };
    let headers = vec![
        header("Content-Type", "application/json".into()),
        header("Idempotency-Key", id.clone()),
        header(&settings.time_header, at_ms.to_string()),
        header(&settings.signature_header, signature::of(world, &settings.outgoing_secret, at_ms, &body)?),
    ];
    let (method, url) = ("POST".into(), settings.send_url.clone());
    let request = Request { method, url, headers, body, timeout_ms: TIMEOUT_MS, extra: Vec::new() };
    let response = world.fetch(&request).map_err(of_http)?;
    match response.status {
        200..=299 => Ok(Receipt { id: receipt(&response).unwrap_or(id), extra: Vec::new() }),
        _ => Err(refused(&response)),
    }
}

/// The platform's own id of the message, where it gives one.
fn receipt(response: &Response) -> Option<String> {
    match serde_json::from_slice::<Value>(&response.body).ok()?.get("id")? {
        Value::String(id) if (1..=128).contains(&id.len()) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

fn refused(response: &Response) -> Failure {
    let status = response.status;
    let said = serde_json::from_slice::<Value>(&response.body).ok();
    let said = said.as_ref().and_then(|body| body.get("code")).and_then(Value::as_str);
    let code = match (status, said) {
        (_, Some("no-recipient")) | (404 | 410, _) => FailureCode::NoRecipient,
        (_, Some("session-over")) => FailureCode::SessionOver,
        (_, Some("unknown-template")) => FailureCode::UnknownTemplate,
        (413, _) => FailureCode::TooLarge,
        (401 | 403, _) => FailureCode::Denied,
        (429, _) => FailureCode::Limit,
        (408 | 500..=599, _) => FailureCode::Unreachable,
        _ => FailureCode::Other(format!("status-{status}")),
    };
    let after = response.headers.iter().find(|header| header.name == "retry-after");
    let after = after.and_then(|header| header.value.trim().parse::<u32>().ok()).map(|s| s.saturating_mul(1_000));
    let retry_ms = matches!(status, 408 | 429 | 500..=599).then(|| after.unwrap_or(LATER_MS));
    failure(code, format!("the platform answered {status}"), retry_ms)
}

fn of_http(why: http::Failure) -> Failure {
    use http::FailureCode as Http;
    let code = match why.code {
        Http::NotGranted | Http::PrivateAddress | Http::SecretNotBound => FailureCode::Denied,
        Http::Limit => FailureCode::Limit,
        Http::BadRequest => FailureCode::BadSettings,
        _ => FailureCode::Unreachable,
    };
    failure(code, why.message, why.retryable.then_some(LATER_MS))
}
