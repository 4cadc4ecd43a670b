//! Writes messages, and refuses any value that would write more than itself.

use std::fmt;
use std::sync::Arc;

use super::Message;
use super::name::HeaderName;
use super::text::{is_token, unfold};
use crate::method::Method;
use crate::status::Status;

/// A value held CR, LF or NUL, or a name was no token: somebody tries to write headers of their own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("value of {header} would break out of its line")]
pub struct WriteError {
    pub header: String,
}

/// Builds one message in order; [`Writer::finish`] adds Content-Length.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    refused: Option<String>,
}

impl Writer {
    pub fn request(method: &Method, uri: &str) -> Self {
        let mut writer = Self { out: Vec::with_capacity(1024), refused: None };
        writer.safe("Request-URI", uri.as_bytes());
        if uri.is_empty() || uri.contains(' ') || !is_token(method.as_str()) {
            writer.refused = Some("Request-URI".into());
        }
        writer.push(&[method.as_str().as_bytes(), b" ", uri.as_bytes(), b" SIP/2.0\r\n"]);
        writer
    }

    /// `phrase` instead of the usual one where it is not `None`.
    pub fn response(status: Status, phrase: Option<&str>) -> Self {
        let mut writer = Self { out: Vec::with_capacity(1024), refused: None };
        let phrase = phrase.unwrap_or_else(|| status.reason());
        writer.safe("Status-Line", phrase.as_bytes());
        let code = status.code();
        let digits = [100, 10, 1].map(|unit| b'0' + (code / unit % 10) as u8);
        writer.push(&[b"SIP/2.0 ", &digits, b" ", phrase.as_bytes(), b"\r\n"]);
        writer
    }

    fn push(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.out.extend_from_slice(part);
        }
    }

    fn safe(&mut self, name: &str, value: &[u8]) {
        if value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) && self.refused.is_none() {
            self.refused = Some(name.into());
        }
    }

    pub fn header(&mut self, name: &str, value: &str) -> &mut Self {
        if !is_token(name) && self.refused.is_none() {
            self.refused = Some(name.into());
        }
        self.safe(name, value.as_bytes());
        self.push(&[name.as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        self
    }

    /// Writes a value piece by piece: `writer.format("CSeq", format_args!("{n} {method}"))`.
    pub fn format(&mut self, name: &str, value: fmt::Arguments<'_>) -> &mut Self {
        self.push(&[name.as_bytes(), b": "]);
        let begin = self.out.len();
        let written = std::io::Write::write_fmt(&mut self.out, value);
        if (written.is_err() || self.out[begin..].iter().any(|b| matches!(b, b'\r' | b'\n' | 0)))
            && self.refused.is_none()
        {
            self.refused = Some(name.into());
        }
        self.push(&[b"\r\n"]);
        self
    }

    /// Copies every line of a header from another message, folds replaced. Other bytes go out as they came in.
    pub fn copy(&mut self, message: &Message, name: HeaderName) -> &mut Self {
        for value in message.raw_values(name) {
            self.push(&[name.as_str().as_bytes(), b": ", &unfold(value), b"\r\n"]);
        }
        self
    }

    /// Like [`Writer::copy`] for a value already taken out.
    pub(crate) fn echo(&mut self, name: &str, value: &[u8], suffix: &str) -> &mut Self {
        self.push(&[name.as_bytes(), b": ", &unfold(value), suffix.as_bytes(), b"\r\n"]);
        self
    }

    /// Ends the head and adds the body. The error names the first value that was refused.
    pub fn finish(mut self, body: Option<(&str, &[u8])>) -> Result<Arc<[u8]>, WriteError> {
        let (content_type, content) = body.unwrap_or_default();
        if body.is_some() {
            self.header(HeaderName::ContentType.as_str(), content_type);
        }
        self.format(HeaderName::ContentLength.as_str(), format_args!("{}", content.len()));
        self.push(&[b"\r\n", content]);
        match self.refused {
            Some(header) => Err(WriteError { header }),
            None => Ok(self.out.into()),
        }
    }
}
