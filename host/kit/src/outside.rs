//! What a component of a world that reaches out meets there: who may be asked, what they answer, and what they were asked. No network, no waiting.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is granted, and what those who are asked answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outside {
    /// Origins that are granted beside those of the manifest: `https://crm.example.com`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Secrets by name, bound to all of `hosts`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// One request after the other; what comes after the last is answered as the last. Without any nobody answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<Reply>,
}

impl Outside {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same grants, and other answers.
    pub(crate) fn answering(&self, http: Vec<Reply>) -> Self {
        Self { http, ..self.clone() }
    }
}

/// What comes back for one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    Fails(Fails),
    Response(Response),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fails {
    pub fails: NoResponse,
}

/// Why nothing comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoResponse {
    NoSuchHost,
    Unreachable,
    TimedOut,
    Tls,
    Protocol,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    pub status: u16,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A text as it is; anything else as JSON.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// So many bytes in its place, so that a long one needs no place here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: usize,
}

fn is_zero(bytes: &usize) -> bool {
    *bytes == 0
}

impl Response {
    /// As it comes over the wire.
    pub fn content(&self) -> Vec<u8> {
        match &self.body {
            _ if self.bytes > 0 => vec![b'x'; self.bytes],
            Value::Null => Vec::new(),
            Value::String(text) => text.as_bytes().to_vec(),
            other => other.to_string().into_bytes(),
        }
    }
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::with(status, Value::Null)
    }

    pub(crate) fn with(status: u16, body: Value) -> Self {
        Self::Response(Response { status, headers: BTreeMap::new(), body, bytes: 0 })
    }

    pub(crate) fn header(status: u16, name: &str, value: &str) -> Self {
        let headers = [(name.to_owned(), value.to_owned())].into();
        Self::Response(Response { status, headers, body: Value::Null, bytes: 0 })
    }

    pub(crate) fn fails(fails: NoResponse) -> Self {
        Self::Fails(Fails { fails })
    }
}

/// A request that went out, its secrets put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sent {
    pub method: String,
    pub url: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// JSON where it is some, else text.
    pub body: Value,
}

impl Sent {
    /// Whether it may change anything over there (RFC 9110 §9.2.1).
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// Whether that text stands anywhere in it.
    pub(crate) fn holds(&self, text: &str) -> bool {
        self.url.contains(text)
            || self.headers.values().any(|value| value.contains(text))
            || self.body.to_string().contains(text)
    }
}
