//! The host's API as the command line speaks it.

use std::{process::ExitCode, time::Duration};

use plugboard_phrases::Language;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use ureq::{Agent, Body, http::Response};

/// Longer than any answer of a healthy host takes, sounds of 64 MiB included.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most bytes of one answer.
const MOST_BYTES: u64 = 256 << 20;

pub(super) struct Client {
    agent: Agent,
    /// Without a slash at its end.
    host: String,
    authorization: Option<String>,
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("{host} cannot be reached: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("{title}: {detail}")]
    Refused { title: String, detail: String, remedy: String, errors: Vec<Value> },
    #[error("the host's answer is not understood: {reason}")]
    Answer { reason: String },
    #[error("the host has no tenant yet")]
    NoTenant,
    #[error("the host has several tenants: {}", .0.join(", "))]
    WhichTenant(Vec<String>),
    #[error("{file} cannot be read: {reason}")]
    File { file: String, reason: String },
}

impl ClientError {
    /// Of an answer's problem (RFC 9457); whoever answers with something else is no host of ours.
    pub(super) fn refused(status: u16, problem: &Value) -> Self {
        let part =
            |name: &str, otherwise: &str| problem.get(name).and_then(Value::as_str).unwrap_or(otherwise).to_owned();
        Self::Refused {
            title: part("title", &format!("HTTP status {status}")),
            detail: part("detail", "the host gave no reason"),
            remedy: in_commands(part("remedy", "see whether --host names a Plugboard host")),
            errors: problem.get("errors").and_then(Value::as_array).cloned().unwrap_or_default(),
        }
    }

    /// With the places of what the host says of resources, as far as `place` knows a JSON Pointer of theirs.
    pub(super) fn located(mut self, place: impl Fn(&str) -> Option<String>) -> Self {
        if let Self::Refused { errors, .. } = &mut self {
            for error in errors.iter_mut().filter(|error| error.get("file").is_none_or(Value::is_null)) {
                let found = error.get("field").and_then(Value::as_str).and_then(&place);
                if let (Some(found), Some(error)) = (found, error.as_object_mut()) {
                    error.insert("file".to_owned(), found.into());
                }
            }
        }
        self
    }

    fn remedy(&self) -> &str {
        match self {
            Self::Unreachable { .. } => "start it with `plugboard serve`, or say where it is with --host URL",
            Self::Refused { remedy, .. } => remedy,
            Self::Answer { .. } => "use a command line of the host's own version",
            Self::NoTenant => "apply one: plugboard apply examples/demo",
            Self::WhichTenant(_) => "name one with --tenant",
            Self::File { .. } => "let it be there until the command ends",
        }
    }

    /// Says it to the person, and gives the exit code.
    pub(super) fn tell(&self) -> ExitCode {
        super::tell(&self.in_words(super::spoken()));
        self.code()
    }

    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(if matches!(self, Self::Unreachable { .. }) { 3 } else { 1 })
    }

    /// For scripts, in English.
    pub(super) fn json(&self) -> Value {
        let none = Vec::new();
        let errors = if let Self::Refused { errors, .. } = self { errors } else { &none };
        let message = match self {
            Self::Refused { title, detail, .. } => format!("{title}: {detail}"),
            error => error.to_string(),
        };
        json!({ "ok": false, "message": message, "remedy": self.remedy(), "errors": errors })
    }

    pub(super) fn in_words(&self, language: Language) -> String {
        let say = |text: &str| language.say(text).into_owned();
        let said = match self {
            // Two sentences of their own.
            Self::Refused { title, detail, .. } => format!("{}: {}", say(title), say(detail)),
            error => say(&error.to_string()),
        };
        let mut out = format!("{}: {said}\n", say("error"));
        if let Self::Refused { errors, .. } = self {
            for error in errors {
                let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
                let at =
                    [part("file"), part("field"), part("node")].into_iter().find(|at| !at.is_empty()).unwrap_or("-");
                let (message, remedy) = (say(part("message")), say(part("remedy")));
                out += &format!("  {at}: {message} [{}]\n    {} {remedy}\n", part("code"), say("remedy:"));
            }
        }
        out + &format!("  {} {}\n", say("remedy:"), say(self.remedy()))
    }
}

/// What the API remedies with a request, as whoever sits at a terminal does it.
const IN_COMMANDS: [(&str, &str); 7] = [
    ("list them with GET …/packs", "list them with `plugboard pack list`"),
    ("list them with GET /v1/tenants", "list them with `plugboard tenants`"),
    ("list them with GET …/agents", "list them with `plugboard agents`"),
    ("list them with GET …/connectors", "list them with `plugboard connector list`"),
    ("list them with GET …/dead-letters", "list them with `plugboard connector dead-letters`"),
    ("list them with GET …/channels", "list them with `plugboard message channels`"),
    ("list what is live with GET …/calls", "list what is live with `plugboard calls`"),
];

fn in_commands(remedy: String) -> String {
    let same = IN_COMMANDS.iter().find(|(request, _)| *request == remedy);
    same.map_or(remedy, |(_, command)| (*command).to_owned())
}

impl Client {
    pub(super) fn new(host: &str, token: Option<&str>) -> Self {
        let host = host.trim_end_matches('/');
        let host = if host.contains("://") { host.to_owned() } else { format!("http://{host}") };
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        Self { agent: config.into(), host, authorization: token.map(|token| format!("Bearer {token}")) }
    }

    /// The tenant asked for, else the host's only one.
    pub(super) fn tenant(&self, asked: Option<&str>) -> Result<String, ClientError> {
        if let Some(tenant) = asked {
            return Ok(tenant.to_owned());
        }
        let mut tenants: Vec<String> = self
            .all("/v1/tenants", usize::MAX)?
            .iter()
            .filter_map(|tenant| tenant.get("id").and_then(Value::as_str).map(ToOwned::to_owned))
            .collect();
        match tenants.len() {
            0 => Err(ClientError::NoTenant),
            1 => Ok(tenants.remove(0)),
            _ => Err(ClientError::WhichTenant(tenants)),
        }
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read(self.ask(path, "application/json")?)
    }

    /// Text of another media type, and the path of its next page (RFC 8288).
    pub(super) fn get_text(&self, path: &str, accept: &str) -> Result<(String, Option<String>), ClientError> {
        let mut response = self.ask(path, accept)?;
        let link = response.headers().get("link").and_then(|link| link.to_str().ok()).unwrap_or_default();
        let next =
            link.strip_prefix('<').and_then(|link| link.split_once(">; rel=\"next\"")).map(|(path, _)| path.to_owned());
        let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_string();
        Ok((body.map_err(|error| ClientError::Answer { reason: error.to_string() })?, next))
    }

    /// A file.
    pub(super) fn get_bytes(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        let mut response = self.ask(path, "*/*")?;
        let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
        body.map_err(|error| ClientError::Answer { reason: error.to_string() })
    }

    /// Up to `most` items of a list, page by page.
    pub(super) fn all(&self, path: &str, most: usize) -> Result<Vec<Value>, ClientError> {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        let join = if path.contains('?') { '&' } else { '?' };
        loop {
            let wanted = (most - items.len()).min(1_000);
            let at = cursor.as_deref().map_or_else(String::new, |cursor| format!("&cursor={}", escaped(cursor)));
            let mut page: Value = self.get(&format!("{path}{join}limit={wanted}{at}"))?;
            match page.get_mut("items").map(Value::take) {
                Some(Value::Array(more)) => items.extend(more),
                _ => return Err(ClientError::Answer { reason: "a list without `items`".to_owned() }),
            }
            cursor = page.get("next").and_then(Value::as_str).map(ToOwned::to_owned);
            if cursor.is_none() || items.len() >= most {
                return Ok(items);
            }
        }
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let request = self.agent.post(format!("{}{path}", self.host));
        read(self.checked(self.with_token(request).send_json(body))?)
    }

    pub(super) fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<T, ClientError> {
        let request = self.agent.post(format!("{}{path}", self.host)).content_type(media_type);
        read(self.checked(self.with_token(request).send(bytes))?)
    }

    pub(super) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.agent.delete(format!("{}{path}", self.host));
        read(self.checked(self.with_token(request).call())?)
    }

    /// As [`Self::post`], for what answers with nothing.
    pub(super) fn order<B: Serialize>(&self, path: &str, body: Option<&B>) -> Result<(), ClientError> {
        let request = self.with_token(self.agent.post(format!("{}{path}", self.host)));
        let sent = match body {
            Some(body) => request.send_json(body),
            None => request.send_empty(),
        };
        self.checked(sent).map(drop)
    }

    pub(super) fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let request = self.agent.put(format!("{}{path}", self.host));
        read(self.checked(self.with_token(request).send_json(body))?)
    }

    pub(super) fn put_bytes(&self, path: &str, media_type: &str, bytes: &[u8]) -> Result<(), ClientError> {
        let request = self.agent.put(format!("{}{path}", self.host)).content_type(media_type);
        self.checked(self.with_token(request).send(bytes)).map(drop)
    }

    /// The address of a WebSocket, and the header that opens it.
    pub(super) fn web_socket(&self, path: &str) -> (String, Option<&str>) {
        (format!("{}{path}", self.host.replacen("http", "ws", 1)), self.authorization.as_deref())
    }

    fn ask(&self, path: &str, accept: &str) -> Result<Response<Body>, ClientError> {
        let language = super::spoken().tag();
        let request = self.agent.get(format!("{}{path}", self.host));
        let request = request.header("accept", accept).header("accept-language", language);
        self.checked(self.with_token(request).call())
    }

    fn with_token<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    fn checked(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, ClientError> {
        let unreachable =
            |error: ureq::Error| ClientError::Unreachable { host: self.host.clone(), reason: error.to_string() };
        let mut response = answer.map_err(unreachable)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let problem: Value = response.body_mut().read_json().unwrap_or_default();
        Err(ClientError::refused(response.status().as_u16(), &problem))
    }
}

fn read<T: DeserializeOwned>(mut response: Response<Body>) -> Result<T, ClientError> {
    let body = response.body_mut().with_config().limit(MOST_BYTES).read_json();
    body.map_err(|error| ClientError::Answer { reason: error.to_string() })
}

/// A name as it may stand in a path or a query (RFC 3986 §2.3).
pub(super) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_error_of_the_command_line_has_its_words_in_chinese() {
        let text = || "x".to_owned();
        let errors = [
            ClientError::Unreachable { host: text(), reason: text() },
            ClientError::Answer { reason: text() },
            ClientError::NoTenant,
            ClientError::WhichTenant(vec![text()]),
            ClientError::File { file: text(), reason: text() },
        ];
        let ClientError::Refused { title, detail, remedy, .. } = ClientError::refused(500, &Value::Null) else {
            unreachable!("it makes nothing else")
        };
        let refused = [title, detail, remedy];
        let missing: Vec<String> = errors
            .iter()
            .flat_map(|error| [error.to_string(), error.remedy().to_owned()])
            .chain(refused)
            .chain(IN_COMMANDS.map(|(_, command)| command.to_owned()))
            .filter(|text| plugboard_phrases::in_chinese(text).is_none())
            .collect();
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn a_refusal_is_told_in_chinese_with_each_fault() {
        let fault = json!({ "field": "/queues/a/overflow_to", "code": "unknown-queue", "message": "no queue is called \"x\"", "remedy": "did you mean `y`?" });
        let problem = json!({ "title": "Understood, but not valid", "detail": "2 faults", "remedy": "try again", "errors": [fault] });
        expect![[r#"
            错误: 已理解，但内容无效: 2 处错误
              /queues/a/overflow_to: 没有名为 "x" 的队列 [unknown-queue]
                办法： 是否想写 `y`？
              办法： 请重试
        "#]]
        .assert_eq(&ClientError::refused(422, &problem).in_words(Language::Chinese));
    }
}
