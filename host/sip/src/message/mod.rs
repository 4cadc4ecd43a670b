//! SIP messages as they arrived: the bytes stay, an index of lines is laid over them (RFC 3261 §7).
//!
//! [`Message::parse`] is tolerant: it refuses only what is neither request nor response. What is wrong inside is found by
//! [`Message::check`], so that a bad request can still be answered with its own Via, From, To, Call-ID and CSeq.

mod check;
mod header;
mod lex;
mod name;
mod read;
mod stream;
mod text;
mod uri;
mod write;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

pub use check::Fault;
pub(crate) use header::q_thousandths;
pub use header::{CSeq, Contact, NameAddr, Reason, Replaces, ValueError, Via};
pub use lex::Unreadable;
pub use name::HeaderName;
pub use stream::{StreamDecoder, StreamError, StreamItem};
pub use text::Params;
pub(crate) use text::{find_outside, saturating_number, split_list, trim, unquote};
pub use uri::{Scheme, Uri, UriError};
pub use write::{WriteError, Writer};

/// Hops that a request may take at first (RFC 3261 §8.1.1.6).
pub const MAX_FORWARDS: u8 = 70;

use crate::method::Method;
use crate::status::Status;

/// Largest message that we read; also the largest UDP datagram.
pub const MAX_MESSAGE: usize = 65_535;

/// One request or response.
#[derive(Clone, Debug)]
pub struct Message {
    bytes: Arc<[u8]>,
    start: Start,
    lines: Vec<Line>,
    body: Range<usize>,
    /// The first thing found wrong while the lines were indexed.
    fault: Option<Fault>,
}

#[derive(Clone, Debug)]
enum Start {
    Request { method: Method, uri: (u16, u16) },
    Response { status: Status, phrase: (u16, u16) },
}

/// Where one header stands in the bytes.
#[derive(Clone, Copy, Debug)]
struct Line {
    name: HeaderName,
    name_span: (u16, u16),
    value_span: (u16, u16),
}

impl Message {
    /// Reads one datagram, or one message cut from a stream.
    ///
    /// Bytes after Content-Length are left out (RFC 3261 §18.3).
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        lex::read(bytes)
    }

    /// What came, to the last byte of the body.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn slice(&self, span: (u16, u16)) -> &[u8] {
        &self.bytes[usize::from(span.0)..usize::from(span.1)]
    }

    fn str(&self, span: (u16, u16)) -> Option<&str> {
        std::str::from_utf8(self.slice(span)).ok()
    }

    /// `None` for a response.
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// `None` for a request.
    pub fn status(&self) -> Option<Status> {
        match self.start {
            Start::Response { status, .. } => Some(status),
            Start::Request { .. } => None,
        }
    }

    pub fn is_request(&self) -> bool {
        self.method().is_some()
    }

    /// The Request-URI as written; empty for a response.
    pub fn uri_text(&self) -> &str {
        match self.start {
            Start::Request { uri, .. } => self.str(uri).unwrap_or_default(),
            Start::Response { .. } => "",
        }
    }

    pub fn uri(&self) -> Result<Uri, UriError> {
        Uri::parse(self.uri_text())
    }

    /// The phrase after the status code; may be empty.
    pub fn phrase(&self) -> Cow<'_, str> {
        match self.start {
            Start::Response { phrase, .. } => String::from_utf8_lossy(self.slice(phrase)),
            Start::Request { .. } => Cow::Borrowed(""),
        }
    }

    /// Names as written and raw values, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| (self.slice(line.name_span), self.slice(line.value_span)))
    }

    /// Raw values of one header, one for each line; not for [`HeaderName::Other`].
    pub fn raw_values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter(move |line| line.name == name).map(|line| self.slice(line.value_span))
    }

    /// The first line's value; `None` where there is none or it is not UTF-8.
    pub fn value(&self, name: HeaderName) -> Option<&str> {
        self.lines.iter().find(|line| line.name == name).and_then(|line| self.str(line.value_span))
    }

    /// The first value of a header by its text, any case, folds replaced; for headers that have no [`HeaderName`].
    pub fn other(&self, name: &str) -> Option<Cow<'_, str>> {
        self.lines.iter().find(|line| self.slice(line.name_span).eq_ignore_ascii_case(name.as_bytes())).map(|line| {
            match text::unfold(self.slice(line.value_span)) {
                Cow::Borrowed(value) => String::from_utf8_lossy(value),
                Cow::Owned(value) => Cow::Owned(String::from_utf8_lossy(&value).into_owned()),
            }
        })
    }

    /// The elements of a comma-separated header over all its lines, in order (RFC 3261 §7.3.1).
    pub fn list(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        self.raw_values(name).filter_map(|value| std::str::from_utf8(value).ok()).flat_map(split_list)
    }

    pub fn body(&self) -> &[u8] {
        &self.bytes[self.body.clone()]
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Message {}
