//! Digest authentication (RFC 8760, RFC 7616): who may register and call.
//!
//! [`Authenticator`] challenges and checks as a server, keeping next to nothing; an [`Account`] answers challenges as a client.

mod client;
mod server;

use std::fmt;

use md5::Md5;
use sha2::Sha256;

pub(crate) use client::Login;
pub use server::{Authenticator, Checked, Secret, Where};

use crate::message::{find_outside, split_list, trim, unquote};

/// A user name and password that answer challenges.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Account {
    /// Never the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The hash of a challenge. rsip's `Algorithm` does not know the name `SHA-256`, so it cannot stand here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    /// The stronger one first, as a challenge should have them (RFC 8760 §2.3).
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Md5];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// `None` for what we do not compute, the `-sess` forms among them.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ours| ours.as_str().eq_ignore_ascii_case(name))
    }

    /// Hash of the parts joined by colons, in lower-case hexadecimal.
    pub(crate) fn hash(self, parts: &[&str]) -> String {
        match self {
            Self::Md5 => hex(&joined::<Md5>(parts)),
            Self::Sha256 => hex(&joined::<Sha256>(parts)),
        }
    }

    /// What a store may keep instead of the password: hash of user, realm and password (RFC 7616 §3.4.2).
    pub fn ha1(self, user: &str, realm: &str, password: &str) -> String {
        self.hash(&[user, realm, password])
    }
}

fn joined<D: sha2::Digest>(parts: &[&str]) -> Vec<u8> {
    let mut hasher = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// `response` of RFC 7616 §3.4.1; with `qop=auth` where `count` is there.
pub(crate) fn response(
    algorithm: Algorithm,
    ha1: &str,
    nonce: &str,
    count: Option<(&str, &str)>,
    method: &str,
    uri: &str,
) -> String {
    let ha2 = algorithm.hash(&[method, uri]);
    match count {
        Some((nc, cnonce)) => algorithm.hash(&[ha1, nonce, nc, cnonce, "auth", &ha2]),
        None => algorithm.hash(&[ha1, nonce, &ha2]),
    }
}

/// `Digest name=value, …` as in challenges and credentials; `None` for another scheme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DigestParams<'a>(&'a str);

impl<'a> DigestParams<'a> {
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let value = trim(value);
        let (scheme, rest) = value.split_at(value.find([' ', '\t', '\r', '\n'])?);
        scheme.eq_ignore_ascii_case("Digest").then_some(Self(rest))
    }

    /// Quotes and escapes undone.
    pub(crate) fn get(self, name: &str) -> Option<String> {
        split_list(self.0).find_map(|pair| {
            let (key, value) = pair.split_at(find_outside(pair, b'=')?);
            trim(key).eq_ignore_ascii_case(name).then(|| unquote(trim(&value[1..])).into_owned())
        })
    }
}

/// Fit between double quotes.
pub(crate) fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 §3.9.1: one request, proved in both algorithms.
    #[test]
    fn the_example_of_the_rfc_is_proved_as_the_rfc_proves_it() {
        let proof = |algorithm: Algorithm| {
            let ha1 = algorithm.ha1("Mufasa", "http-auth@example.org", "Circle of Life");
            let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
            let count = Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"));
            response(algorithm, &ha1, nonce, count, "GET", "/dir/index.html")
        };
        assert_eq!(
            [Algorithm::Md5, Algorithm::Sha256].map(proof),
            ["8ca523f5e9506fed4657c9700eebdbec", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"]
        );
    }
}
