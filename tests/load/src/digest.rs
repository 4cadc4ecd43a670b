//! The client's side of digest authentication: RFC 7616 §3.4 with `qop=auth`, MD5 and SHA-256.

use md5::{Digest as _, Md5};
use sha2::Sha256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// Who asks, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub user: &'a str,
    pub password: &'a str,
    pub method: &'a str,
    pub uri: &'a str,
    pub cnonce: &'a str,
}

impl Asking<'_> {
    /// The value of Authorization for the challenge of this algorithm; `None` if no challenge is.
    pub fn answer<'c>(&self, mut challenges: impl Iterator<Item = &'c str>, algorithm: Algorithm) -> Option<String> {
        let challenge = challenges.find(|challenge| {
            // A challenge without an algorithm is MD5.
            parameter(challenge, "algorithm").unwrap_or("MD5").eq_ignore_ascii_case(algorithm.name())
        })?;
        let realm = parameter(challenge, "realm")?;
        let nonce = parameter(challenge, "nonce")?;
        let Self { user, password, method, uri, cnonce } = self;
        let ha1 = algorithm.hash(&format!("{user}:{realm}:{password}"));
        let ha2 = algorithm.hash(&format!("{method}:{uri}"));
        let response = algorithm.hash(&format!("{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}"));
        let name = algorithm.name();
        Some(format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={name}, \
             response=\"{response}\", qop=auth, nc=00000001, cnonce=\"{cnonce}\""
        ))
    }
}

/// A parameter of a challenge, without its quotes.
fn parameter<'c>(challenge: &'c str, name: &str) -> Option<&'c str> {
    let parameters = challenge.strip_prefix("Digest ")?;
    parameters.split(',').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        (key.trim().eq_ignore_ascii_case(name)).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 §3.9.1.
    #[test]
    fn the_examples_of_the_standard_come_out() {
        let asking = Asking {
            user: "Mufasa",
            password: "Circle of Life",
            method: "GET",
            uri: "/dir/index.html",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        };
        let challenges = ["SHA-256", "MD5"].map(|algorithm| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\""
            )
        });
        let response = |algorithm| {
            let answer = asking.answer(challenges.iter().map(String::as_str), algorithm).unwrap();
            parameter(&answer, "response").unwrap().to_owned()
        };
        assert_eq!(
            [response(Algorithm::Md5), response(Algorithm::Sha256)],
            ["8ca523f5e9506fed4657c9700eebdbec", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"]
        );
    }
}
