//! The line index: one pass over the head, one span a header, nothing copied.

use super::check::Fault;
use super::name::HeaderName;
use super::text::{is_space, is_token};
use super::{Line, MAX_MESSAGE, Message, Start};
use crate::method::Method;
use crate::status::Status;

/// Bytes that are no SIP message; there is nobody to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("only line ends: a keep-alive")]
    Empty,
    #[error("longer than {MAX_MESSAGE} bytes")]
    TooLong,
    #[error("first line is neither request nor response")]
    StartLine,
    /// Such as `SIP/2.0 4294967301`.
    #[error("status code is not 100 to 699")]
    StatusCode,
}

type Span = (u16, u16);

/// Both ends are below [`MAX_MESSAGE`], so they fit.
fn span(begin: usize, end: usize) -> Span {
    (begin as u16, end as u16)
}

pub(super) fn read(datagram: &[u8]) -> Result<Message, Unreadable> {
    let leading = datagram.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let bytes = &datagram[leading..];
    if bytes.is_empty() {
        return Err(Unreadable::Empty);
    }
    if bytes.len() > MAX_MESSAGE {
        return Err(Unreadable::TooLong);
    }
    let (line_end, mut at) = line(bytes, 0);
    let (start, mut fault) = start_line(&bytes[..line_end])?;
    let mut lines = Vec::with_capacity(24);
    let body_begin = loop {
        if at >= bytes.len() {
            fault = fault.or(Some(Fault::Unfinished));
            break bytes.len();
        }
        let (mut end, mut next) = line(bytes, at);
        if end == at {
            break next;
        }
        // A line that begins with white space continues the one before.
        while matches!(bytes.get(next), Some(b' ' | b'\t')) {
            (end, next) = line(bytes, next);
        }
        match header(bytes, at, end) {
            Some(line) => lines.push(line),
            None => fault = fault.or(Some(Fault::Line)),
        }
        at = next;
    };
    let body_end = match content_length(bytes, &lines) {
        Ok(None) => bytes.len(),
        Ok(Some(length)) if length <= bytes.len() - body_begin => body_begin + length,
        Ok(Some(length)) if body_begin.saturating_add(length) > MAX_MESSAGE => {
            fault = fault.or(Some(Fault::TooLarge));
            bytes.len()
        }
        Ok(Some(_)) | Err(()) => {
            fault = fault.or(Some(Fault::ContentLength));
            bytes.len()
        }
    };
    Ok(Message { bytes: bytes[..body_end].into(), start, lines, body: body_begin..body_end, fault })
}

/// End of the line without its line end, and begin of the next. A lone LF ends a line too.
fn line(bytes: &[u8], begin: usize) -> (usize, usize) {
    match bytes[begin..].iter().position(|b| *b == b'\n') {
        Some(length) => {
            let feed = begin + length;
            let end = if feed > begin && bytes[feed - 1] == b'\r' { feed - 1 } else { feed };
            (end, feed + 1)
        }
        None => (bytes.len(), bytes.len()),
    }
}

fn start_line(line: &[u8]) -> Result<(Start, Option<Fault>), Unreadable> {
    if line.get(..4).is_some_and(|p| p.eq_ignore_ascii_case(b"SIP/")) {
        return status_line(line);
    }
    let method_end = line.iter().position(|b| is_space(*b)).ok_or(Unreadable::StartLine)?;
    let trimmed = line.iter().rposition(|b| !is_space(*b)).map_or(0, |last| last + 1);
    let version_begin = line[..trimmed].iter().rposition(|b| is_space(*b)).ok_or(Unreadable::StartLine)? + 1;
    let version = &line[version_begin..trimmed];
    let method = std::str::from_utf8(&line[..method_end]).ok().filter(|m| is_token(m)).ok_or(Unreadable::StartLine)?;
    if !version.get(..4).is_some_and(|p| p.eq_ignore_ascii_case(b"SIP/")) || version_begin <= method_end + 1 {
        return Err(Unreadable::StartLine);
    }
    let (uri_begin, uri_end) = (method_end + 1, version_begin - 1);
    let uri = &line[uri_begin..uri_end];
    // Exactly one space stands between the parts and none after them (RFC 3261 §7.1).
    let fault = if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        Some(Fault::Version)
    } else if trimmed != line.len() || uri.is_empty() || uri.iter().any(|b| is_space(*b)) {
        Some(Fault::RequestLine)
    } else {
        None
    };
    Ok((Start::Request { method: Method::from_token(method), uri: span(uri_begin, uri_end) }, fault))
}

fn status_line(line: &[u8]) -> Result<(Start, Option<Fault>), Unreadable> {
    let space = line.iter().position(|b| is_space(*b)).ok_or(Unreadable::StartLine)?;
    let fault = (!line[..space].eq_ignore_ascii_case(b"SIP/2.0")).then_some(Fault::Version);
    let code_begin = space + 1;
    let digits = line[code_begin..].iter().take_while(|b| b.is_ascii_digit()).count();
    let code_end = code_begin + digits;
    let code = std::str::from_utf8(&line[code_begin..code_end]).ok().and_then(|c| c.parse().ok());
    let status = code.filter(|_| digits == 3).and_then(Status::from_code).ok_or(Unreadable::StatusCode)?;
    let phrase_begin = (code_end + 1).min(line.len());
    Ok((Start::Response { status, phrase: span(phrase_begin, line.len()) }, fault))
}

fn header(bytes: &[u8], begin: usize, end: usize) -> Option<Line> {
    let colon = begin + bytes[begin..end].iter().position(|b| *b == b':')?;
    let name_end = begin + bytes[begin..colon].iter().rposition(|b| !is_space(*b))? + 1;
    let name = &bytes[begin..name_end];
    if !std::str::from_utf8(name).is_ok_and(is_token) {
        return None;
    }
    let value = &bytes[colon + 1..end];
    let value_begin = value.iter().position(|b| !is_space(*b)).map_or(end, |skip| colon + 1 + skip);
    let value_end = value.iter().rposition(|b| !is_space(*b)).map_or(value_begin, |last| colon + 1 + last + 1);
    Some(Line {
        name: HeaderName::from_bytes(name),
        name_span: span(begin, name_end),
        value_span: span(value_begin, value_end),
    })
}

/// `Ok(None)` where there is no such header: the datagram's end is the body's end.
fn content_length(bytes: &[u8], lines: &[Line]) -> Result<Option<usize>, ()> {
    let mut length = None;
    for line in lines.iter().filter(|line| line.name == HeaderName::ContentLength) {
        let digits = &bytes[usize::from(line.value_span.0)..usize::from(line.value_span.1)];
        let number = parse_length(digits).ok_or(())?;
        if length.is_some_and(|other| other != number) {
            return Err(());
        }
        length = Some(number);
    }
    Ok(length)
}

/// More than fits becomes the largest, which is too large for any message.
pub(super) fn parse_length(digits: &[u8]) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let digit = |b: &u8| usize::from(b - b'0');
    is_number.then(|| digits.iter().fold(0_usize, |n, b| n.saturating_mul(10).saturating_add(digit(b))))
}
