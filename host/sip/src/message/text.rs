//! Small readers of header text: white space with folding, lists, parameters, quoted strings (RFC 3261 §25.1).

use std::borrow::Cow;

/// White space within a header value; a fold's CR and LF count (RFC 3261 §7.3.1).
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
        })
}

/// Position of the first `wanted` byte outside quoted strings and angle brackets; `None` also where a quote never ends.
pub(crate) fn find_outside(text: &str, wanted: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut quoted, mut bracketed) = (0, false, false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            _ if byte == wanted && !bracketed => return Some(at),
            b'<' => bracketed = true,
            b'>' => bracketed = false,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The elements of a comma-separated header value, trimmed; empty ones are left out.
pub(crate) fn split_list(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        loop {
            let text = rest.take()?;
            let element = match find_outside(text, b',') {
                Some(comma) => {
                    rest = Some(&text[comma + 1..]);
                    &text[..comma]
                }
                None => text,
            };
            let element = trim(element);
            if !element.is_empty() {
                return Some(element);
            }
        }
    })
}

/// Takes the quotes and escapes off a quoted string; text without quotes is returned as it is.
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else { return Cow::Borrowed(text) };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Cow::Owned(plain)
}

/// Replaces each fold by one space, so that the value fits on one line.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return Cow::Borrowed(value);
    }
    let mut line = Vec::with_capacity(value.len());
    let mut folding = false;
    for &byte in value {
        match byte {
            b'\r' | b'\n' => folding = true,
            b' ' | b'\t' if folding => {}
            _ => {
                if std::mem::take(&mut folding) {
                    line.push(b' ');
                }
                line.push(byte);
            }
        }
    }
    Cow::Owned(line)
}

/// Replaces `%41` by `A`. An escape that is none stays as it is; bytes that are not UTF-8 become U+FFFD.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|pair| {
            let digit = |b: u8| char::from(b).to_digit(16);
            Some(digit(pair[0])? * 16 + digit(pair[1])?)
        });
        match (bytes[at], digits.and_then(|value| u8::try_from(value).ok())) {
            (b'%', Some(value)) => {
                plain.push(value);
                at += 3;
            }
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8(plain).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// Digits only; more than fits becomes the largest.
pub(crate) fn saturating_number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.bytes().fold(0_u32, |n, b| n.saturating_mul(10).saturating_add(u32::from(b - b'0'))))
}

/// The `;name=value` parameters after a header's main value or in a URI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// `text` begins with `;` or is empty.
    pub(crate) fn from_text(text: &'a str) -> Self {
        Self(text)
    }

    /// As written, from the first `;` on.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Name and value in order; a parameter without `=` has no value. Quotes stay.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let mut rest = self.0.strip_prefix(';');
        std::iter::from_fn(move || {
            let text = rest?;
            let (one, next) = match find_outside(text, b';') {
                Some(at) => (&text[..at], Some(&text[at + 1..])),
                None => (text, None),
            };
            rest = next;
            Some(match one.split_once('=') {
                Some((name, value)) => (trim(name), Some(trim(value))),
                None => (trim(one), None),
            })
        })
    }

    /// `None` where the parameter is missing, `Some("")` where it has no value.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.unwrap_or_default())
    }

    pub fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Every name is a token and no parameter is empty.
    pub(crate) fn are_well_formed(self) -> bool {
        self.0.is_empty() || self.iter().all(|(name, value)| is_token(name) && value != Some(""))
    }
}
