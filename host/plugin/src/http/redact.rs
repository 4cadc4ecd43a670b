//! A response without the secrets that went out: a server may echo what it was sent.

use crate::bindings::http::{Header, Response};

/// A secret that was put into a request, as it was written there, and what the plugin wrote in its place.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Put {
    pub(super) written: String,
    pub(super) placeholder: String,
}

/// A shorter one is no secret: it would be found in half of all words.
const SHORTEST: usize = 6;

pub(super) fn clean(response: Response, secrets: &[Put]) -> Response {
    let found = |put: &&Put| put.written.len() >= SHORTEST;
    secrets.iter().filter(found).fold(response, |mut response, put| {
        let text = |text: String| text.replace(&put.written, &put.placeholder);
        response.headers =
            response.headers.into_iter().map(|Header { name, value }| Header { name, value: text(value) }).collect();
        response.url = text(response.url);
        response.body = replace(response.body, put.written.as_bytes(), put.placeholder.as_bytes());
        response
    })
}

fn replace(body: Vec<u8>, secret: &[u8], with: &[u8]) -> Vec<u8> {
    let first = secret[0];
    let next = |from: usize| {
        let mut from = from;
        loop {
            from += body.get(from..)?.iter().position(|byte| *byte == first)?;
            if body[from..].starts_with(secret) {
                return Some(from);
            }
            from += 1;
        }
    };
    let Some(mut at) = next(0) else { return body };
    let (mut cleaned, mut done) = (Vec::with_capacity(body.len()), 0);
    loop {
        cleaned.extend_from_slice(&body[done..at]);
        cleaned.extend_from_slice(with);
        done = at + secret.len();
        match next(done) {
            Some(further) => at = further,
            None => break,
        }
    }
    cleaned.extend_from_slice(&body[done..]);
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_secret_is_cleaned_and_nothing_else() {
        let cleaned = |body: &str| String::from_utf8(replace(body.into(), b"hunter2", b"***")).expect("text");
        let bodies = ["", "hunter", "hunter2", "hunter2hunter2", "a hunter2 b hunter2", "huhunter2"];
        assert_eq!(bodies.map(cleaned), ["", "hunter", "***", "******", "a *** b ***", "hu***"]);
    }
}
