//! A channel: a platform that posts signed JSON, and takes JSON.
//!
//! `wit/channel.wit` says what is asked and until when, `wit/http.wit` what may be sent. Each question gets an instance of its own, and a secret never
//! comes here: the host signs with it.

#[allow(unused_qualifications, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "wit", world: "channel-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Platform);

    #[cfg(target_arch = "wasm32")]
    use super::Platform;
}

use contract::{
    exports::plugboard::plugin::{
        channel::{
            Content, Description, Failure, FailureCode, Guest, Message, Outgoing, Receipt, Received, Verified, Webhook,
        },
        common::{Problem, Setting, Severity},
    },
    plugboard::plugin::{
        config,
        http::{self, Header, Request, Response},
    },
};
use serde_json::{Value, json};

/// The secret that both sides sign with: `plugin.toml` asks for it.
const SECRET: &str = "signing";
/// Hex digits of HMAC-SHA256 over the body.
const SIGNATURE: &str = "x-signature";
/// Most messages of one request, and longest id and text.
const MOST: usize = 100;
const ID: usize = 128;
const TEXT: usize = 16 * 1024;
/// Milliseconds after which a platform that did not answer is asked again.
const LATER_MS: u32 = 5_000;

/// The component's exports.
pub struct Platform;

impl Guest for Platform {
    fn describe() -> Description {
        Description {
            name: "@NAME@".to_owned(),
            kind: "message".to_owned(),
            text_max: 4_096,
            attachments: Vec::new(),
            session_ms: None,
            needs: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let set = settings.iter().find(|setting| setting.name == "send_url");
        if set.is_some_and(|setting| setting.value.starts_with("https://")) {
            return Vec::new();
        }
        vec![Problem {
            severity: Severity::Error,
            code: "no-send-url".to_owned(),
            node: None,
            field: Some("/send_url".to_owned()),
            message: "`send_url` is no address that begins with https://".to_owned(),
            remedy: "write where the platform takes messages, as https://chat.example.com/send".to_owned(),
            extra: Vec::new(),
        }]
    }

    fn verify(webhook: Webhook) -> Result<Verified, Failure> {
        let said = webhook.headers.iter().find(|(name, _)| name == SIGNATURE).map(|(_, value)| value.as_bytes());
        let due = signature(&webhook.body)?;
        // To the end, wherever the two differ: else one could be found digit by digit.
        let differs = |said: &[u8]| said.iter().zip(due.as_bytes()).fold(0, |all, (one, other)| all | (one ^ other));
        let is_due = said.is_some_and(|said| said.len() == due.len() && differs(said) == 0);
        Ok(if is_due { Verified::Genuine } else { Verified::Forged })
    }

    fn receive(webhook: Webhook) -> Result<Received, Failure> {
        let bad = || failure(FailureCode::BadWebhook, "no list of at most 100 messages with id, from and text", None);
        let body: Value = serde_json::from_slice(&webhook.body).map_err(|_| bad())?;
        let messages = body.get("messages").and_then(Value::as_array).filter(|messages| messages.len() <= MOST);
        let messages = messages.ok_or_else(bad)?.iter().map(|message| read(message, webhook.at_ms).ok_or_else(bad));
        let messages = messages.collect::<Result<_, _>>()?;
        Ok(Received { messages, reports: Vec::new(), reply: None, extra: Vec::new() })
    }

    fn send(message: Outgoing) -> Result<Receipt, Failure> {
        let url = config::get("send_url");
        let url = url.ok_or_else(|| failure(FailureCode::BadSettings, "`send_url` is not set", None))?;
        let body = json!({ "id": message.id, "to": message.to, "text": message.text }).to_string().into_bytes();
        let header = |name: &str, value: String| Header { name: name.to_owned(), value };
        let headers = vec![
            header("Content-Type", "application/json".to_owned()),
            // The same at each attempt, so that the platform can drop a second one.
            header("Idempotency-Key", message.id.clone()),
            header(SIGNATURE, signature(&body)?),
        ];
        let (method, timeout_ms, extra) = ("POST".to_owned(), 1_500, Vec::new());
        let response = http::fetch(&Request { method, url, headers, body, timeout_ms, extra }).map_err(of_http)?;
        match of_status(&response) {
            Some(failure) => Err(failure),
            None => Ok(Receipt { id: message.id, extra: Vec::new() }),
        }
    }
}

/// `None`: it is no message.
fn read(message: &Value, at_ms: u64) -> Option<Message> {
    let text = |name: &str, most: usize| {
        let text = message.get(name)?.as_str().filter(|text| !text.is_empty() && text.len() <= most);
        text.filter(|text| !text.chars().any(|c| c.is_control() && c != '\n')).map(str::to_owned)
    };
    Some(Message {
        id: text("id", ID).filter(|id| !id.contains('\n'))?,
        from: text("from", ID).filter(|from| !from.contains('\n'))?,
        thread: None,
        at_ms,
        what: Content::Text(text("text", TEXT)?),
        extra: Vec::new(),
    })
}

fn signature(body: &[u8]) -> Result<String, Failure> {
    let not_granted = |_| failure(FailureCode::BadSettings, "the secret `signing` is not granted", None);
    let mac = config::sign(SECRET, "hmac-sha256", body).map_err(not_granted)?;
    Ok(mac.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn of_http(why: http::Failure) -> Failure {
    let code = match why.code {
        http::FailureCode::NotGranted | http::FailureCode::PrivateAddress => FailureCode::Denied,
        _ => FailureCode::Unreachable,
    };
    failure(code, &why.message, why.retryable.then_some(LATER_MS))
}

fn of_status(response: &Response) -> Option<Failure> {
    let code = match response.status {
        200..=299 => return None,
        404 | 410 => FailureCode::NoRecipient,
        401 | 403 => FailureCode::Denied,
        413 => FailureCode::TooLarge,
        429 => FailureCode::Limit,
        408 | 500..=599 => FailureCode::Unreachable,
        other => FailureCode::Other(format!("status-{other}")),
    };
    // RFC 9110 §10.2.3, in seconds; its other form is a date.
    let after = response.headers.iter().find(|header| header.name == "retry-after");
    let after = after.and_then(|header| header.value.parse::<u32>().ok()).map(|seconds| seconds.saturating_mul(1_000));
    let again = matches!(code, FailureCode::Limit | FailureCode::Unreachable);
    let retry_ms = again.then(|| after.unwrap_or(LATER_MS));
    Some(failure(code, &format!("the platform answered {}", response.status), retry_ms))
}

fn failure(code: FailureCode, message: &str, retry_ms: Option<u32>) -> Failure {
    Failure { code, message: message.to_owned(), retry_ms, extra: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_text_is_no_message() {
        let text = |message: Value| read(&message, 0).map(|message| message.what);
        assert_eq!(text(json!({ "id": "1", "from": "a", "text": "您好" })), Some(Content::Text("您好".to_owned())));
        assert_eq!(text(json!({ "id": "1", "from": "a" })), None);
        assert_eq!(text(json!({ "id": "1\n2", "from": "a", "text": "x" })), None);
    }
}
