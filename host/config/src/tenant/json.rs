//! Where in a JSON text a JSON Pointer (RFC 6901) leads.

use std::ops::Range;

/// The byte that `serde_json` names by line and column, both from 1.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len().saturating_sub(1))
}

/// The value at `pointer`; an object or list at the key that it belongs to. Where the pointer leads nowhere, the last thing on its way.
///
/// `text` must be JSON.
pub(super) fn span(text: &str, pointer: &str) -> Range<usize> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    let mut found = 0..1;
    reader.blank();
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let Some(key) = reader.enter(&step) else { break };
        reader.blank();
        let value = reader.at;
        found = match reader.bytes.get(value) {
            Some(b'{' | b'[') => key.unwrap_or(value..value + 1),
            _ => {
                let mut end = Reader { ..reader };
                end.value();
                value..end.at
            }
        };
    }
    found
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn blank(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n' | b',' | b':') {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Range<usize> {
        let start = self.at;
        self.at += 1;
        while self.at < self.bytes.len() && self.peek() != b'"' {
            self.at += 1 + usize::from(self.peek() == b'\\');
        }
        self.at = (self.at + 1).min(self.bytes.len());
        start..self.at
    }

    /// Passes one value.
    fn value(&mut self) {
        self.blank();
        match self.peek() {
            b'"' => {
                self.string();
            }
            b'{' | b'[' => {
                let mut depth = 0usize;
                while self.at < self.bytes.len() {
                    match self.peek() {
                        b'"' => {
                            self.string();
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        break;
                    }
                }
            }
            _ => {
                while self.at < self.bytes.len()
                    && !matches!(self.peek(), b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n')
                {
                    self.at += 1;
                }
            }
        }
    }

    /// Goes to the member or element `step` of the value here; gives the member's key.
    fn enter(&mut self, step: &str) -> Option<Option<Range<usize>>> {
        let is_object = match self.peek() {
            b'{' => true,
            b'[' => false,
            _ => return None,
        };
        let mut inner = Reader { at: self.at + 1, ..*self };
        for number in 0.. {
            inner.blank();
            if matches!(inner.peek(), b'}' | b']' | 0) {
                return None;
            }
            let key = is_object.then(|| inner.string());
            let here = match &key {
                Some(key) => serde_json::from_slice::<String>(&inner.bytes[key.clone()]).is_ok_and(|name| name == step),
                None => step.parse() == Ok(number),
            };
            if here {
                self.at = inner.at;
                return Some(key);
            }
            inner.value();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_its_value_past_braces_in_texts_and_stops_where_the_document_does() {
        let text = r#"{ "a": "}\"{", "b/c": [ 1, { "d": true } ], "e": { "f": 2 } }"#;
        let at = |pointer: &str| &text[span(text, pointer)];
        assert_eq!(
            ["", "/a", "/b~1c/0", "/b~1c/1/d", "/b~1c", "/e", "/e/g", "/e/f/x"].map(at),
            ["{", r#""}\"{""#, "1", "true", r#""b/c""#, r#""e""#, r#""e""#, "2"]
        );
    }
}
