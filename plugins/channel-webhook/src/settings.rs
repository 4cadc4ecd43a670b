//! What the administrator fills in.

use crate::contract::exports::plugboard::plugin::common::{Problem, Severity};

pub(crate) struct Settings {
    /// Where messages are sent.
    pub(crate) send_url: String,
    /// Names of the secrets that requests are signed with, there and back; by default one for both.
    pub(crate) incoming_secret: String,
    pub(crate) outgoing_secret: String,
    /// In lower case.
    pub(crate) signature_header: String,
    pub(crate) time_header: String,
    /// How old a request may be.
    pub(crate) age_ms: u64,
}

/// Five minutes: clocks differ, and platforms try again.
const AGE_MS: u64 = 300_000;

/// All that there are.
const NAMES: [&str; 7] =
    ["send-url", "secret", "incoming-secret", "outgoing-secret", "signature-header", "time-header", "age-ms"];

/// A problem for each name that is none of them: a slip of the pen would count for nothing.
pub(crate) fn unknown<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Problem> {
    let unknown = names.filter(|name| !NAMES.contains(name)).map(|name| Problem {
        severity: Severity::Error,
        code: "unknown-setting".into(),
        node: None,
        field: Some(format!("/{name}")),
        message: format!("there is no setting {name:?}"),
        remedy: format!("take it out; there are {}", NAMES.join(", ")),
        extra: Vec::new(),
    });
    unknown.collect()
}

impl Settings {
    /// Every problem of them.
    pub(crate) fn read(setting: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut problem = |field: &str, message: String, remedy: &str| {
            problems.push(Problem {
                severity: Severity::Error,
                code: "bad-setting".into(),
                node: None,
                field: Some(format!("/{field}")),
                message,
                remedy: remedy.into(),
                extra: Vec::new(),
            });
        };
        let send_url = setting("send-url").unwrap_or_default();
        if !send_url.starts_with("https://") && !send_url.starts_with("http://") {
            let message = "send-url is no address".to_owned();
            problem("send-url", message, "write where the platform takes messages: https://…");
        }
        let secret = setting("secret").unwrap_or_else(|| "webhook".to_owned());
        let mut header = |name: &str, default: &str| {
            let value = setting(name).unwrap_or_else(|| default.to_owned()).to_ascii_lowercase();
            if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                problem(name, format!("{name} is no name of a header"), "use letters, digits and -");
            }
            value
        };
        let signature_header = header("signature-header", "x-signature");
        let time_header = header("time-header", "x-timestamp");
        let age_ms = match setting("age-ms").map(|text| text.parse::<u64>()) {
            None => AGE_MS,
            Some(Ok(millis @ 1_000..=86_400_000)) => millis,
            Some(_) => {
                problem("age-ms", "age-ms is no time".into(), "write milliseconds from 1000 to 86400000");
                AGE_MS
            }
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            send_url,
            incoming_secret: setting("incoming-secret").unwrap_or_else(|| secret.clone()),
            outgoing_secret: setting("outgoing-secret").unwrap_or(secret),
            signature_header,
            time_header,
            age_ms,
        })
    }
}
