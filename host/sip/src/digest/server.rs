//! Challenges and checks without a table of nonces: a nonce carries its time under a seal that only we can make.

use std::collections::VecDeque;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Algorithm, DigestParams, hex, quoted, response};
use crate::endpoint::Response;
use crate::message::{HeaderName, Message};
use crate::status::Status;

/// What the caller's lookup knows of a user.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    Password(String),
    /// As [`Algorithm::ha1`] makes it, one for each algorithm that it is to serve.
    Ha1 {
        md5: Option<String>,
        sha256: Option<String>,
    },
}

/// Which of the two header pairs is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// 401 and Authorization: registrars and user agents.
    User,
    /// 407 and Proxy-Authorization.
    Proxy,
}

/// What a request's credentials are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Right. The caller still decides what this user may do.
    Known { user: String },
    /// None, of an unknown scheme, or with a nonce that is too old: send [`Authenticator::challenge`] with this `stale`.
    Challenge { stale: bool },
    /// Wrong password, unknown user or a replay: count it, then challenge again.
    Wrong { user: String },
}

/// Challenges one realm.
#[derive(Debug)]
pub struct Authenticator {
    realm: String,
    secret: [u8; 32],
    lifetime: Duration,
    algorithms: Vec<Algorithm>,
    /// Highest count seen with each nonce, the latest used last (RFC 7616 §3.4.6).
    counts: VecDeque<(u64, u32)>,
    max_counts: usize,
}

impl Authenticator {
    /// `secret` must be unpredictable and the same on every node that may see the answer. A nonce is good for `lifetime`.
    /// Challenges are for [`Algorithm::ALL`].
    pub fn new(realm: &str, secret: [u8; 32], lifetime: Duration) -> Self {
        Self {
            realm: realm.into(),
            secret,
            lifetime,
            algorithms: Algorithm::ALL.to_vec(),
            counts: VecDeque::new(),
            max_counts: 4096,
        }
    }

    /// Challenges for these only, in this order, and takes no answer by another.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// Nonces whose count is remembered: at most 4096, the longest unused forgotten first.
    pub fn counts(&self) -> usize {
        self.counts.len()
    }

    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// 401 or 407 with one challenge for each algorithm, the preferred one first (RFC 8760 §2.3).
    pub fn challenge(&self, now: Duration, place: Where, stale: bool) -> Response {
        let (status, header) = match place {
            Where::User => (Status::UNAUTHORIZED, HeaderName::WwwAuthenticate),
            Where::Proxy => (Status::PROXY_AUTHENTICATION_REQUIRED, HeaderName::ProxyAuthenticate),
        };
        let nonce = self.nonce(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
        let stale = if stale { ", stale=true" } else { "" };
        self.algorithms.iter().fold(Response::new(status), |response, algorithm| {
            let realm = quoted(&self.realm);
            let name = algorithm.as_str();
            let value = format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}");
            response.header(header.as_str(), value)
        })
    }

    /// Time in microseconds, so that two phones hardly ever get the same one, then its seal.
    fn nonce(&self, at_us: u64) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.secret);
        hasher.update(at_us.to_be_bytes());
        hasher.update(self.realm.as_bytes());
        // Hashed once more, so that the seal cannot be extended.
        let seal = Sha256::digest(hasher.finalize());
        format!("{at_us:x}.{}", hex(&seal[..12]))
    }

    /// `lookup` gets the user name and gives the secret; `None` for an unknown user.
    pub fn check(
        &mut self,
        now: Duration,
        request: &Message,
        place: Where,
        lookup: impl FnOnce(&str) -> Option<Secret>,
    ) -> Checked {
        let header = match place {
            Where::User => HeaderName::Authorization,
            Where::Proxy => HeaderName::ProxyAuthorization,
        };
        let ours = request
            .raw_values(header)
            .filter_map(|value| std::str::from_utf8(value).ok())
            .filter_map(DigestParams::parse)
            .find(|params| params.get("realm").as_deref() == Some(&self.realm));
        let Some(params) = ours else { return Checked::Challenge { stale: false } };
        let (Some(user), Some(nonce), Some(uri), Some(digest)) =
            (params.get("username"), params.get("nonce"), params.get("uri"), params.get("response"))
        else {
            return Checked::Challenge { stale: false };
        };
        let algorithm = params.get("algorithm").map_or(Some(Algorithm::Md5), |name| Algorithm::from_name(&name));
        // A weaker one than we asked for is no answer.
        let algorithm = algorithm.filter(|algorithm| self.algorithms.contains(algorithm));
        let at = nonce.split('.').next().and_then(|us| u64::from_str_radix(us, 16).ok());
        let (Some(algorithm), Some(at_us)) = (algorithm, at) else { return Checked::Challenge { stale: false } };
        // A nonce of another life of ours counts as stale, so that phones try again without asking their user.
        if !same(&nonce, &self.nonce(at_us)) {
            return Checked::Challenge { stale: true };
        }
        let age = now.checked_sub(Duration::from_micros(at_us));
        let wrong = Checked::Wrong { user: user.clone() };
        let ha1 = match (lookup(&user), algorithm) {
            (Some(Secret::Password(password)), _) => algorithm.ha1(&user, &self.realm, &password),
            (Some(Secret::Ha1 { md5: Some(ha1), .. }), Algorithm::Md5)
            | (Some(Secret::Ha1 { sha256: Some(ha1), .. }), Algorithm::Sha256) => ha1,
            _ => return wrong,
        };
        let (nc, cnonce) = (params.get("nc").unwrap_or_default(), params.get("cnonce").unwrap_or_default());
        // We offered nothing but auth; RFC 2069's form without a count could be replayed for ever.
        if !params.get("qop").is_some_and(|qop| qop.eq_ignore_ascii_case("auth")) || nc.len() != 8 || cnonce.is_empty()
        {
            return wrong;
        }
        let Ok(count) = u32::from_str_radix(&nc, 16) else { return wrong };
        let method = request.method().map_or("", |method| method.as_str());
        if !same(&digest, &response(algorithm, &ha1, &nonce, Some((&nc, &cnonce)), method, &uri))
            || !is_for(&uri, request.uri_text())
        {
            return wrong;
        }
        if age.is_none_or(|age| age > self.lifetime) || !self.is_new_count(at_us, &cnonce, count) {
            return Checked::Challenge { stale: true };
        }
        Checked::Known { user }
    }

    /// Counts rise with each use of a nonce by one client.
    fn is_new_count(&mut self, at_us: u64, cnonce: &str, count: u32) -> bool {
        let key = Sha256::new().chain_update(at_us.to_be_bytes()).chain_update(cnonce).finalize();
        let key = key.iter().take(8).fold(0_u64, |key, byte| key << 8 | u64::from(*byte));
        let seen = self.counts.iter().rposition(|(other, _)| *other == key);
        if let Some(index) = seen {
            if self.counts[index].1 >= count {
                return false;
            }
            self.counts.remove(index);
        } else if self.counts.len() == self.max_counts {
            self.counts.pop_front();
        }
        self.counts.push_back((key, count));
        true
    }
}

/// The digest was made for this request: some phones write the URI without its parameters.
fn is_for(uri: &str, request_uri: &str) -> bool {
    let plain = |uri: &str| uri.split([';', '?']).next().unwrap_or_default().to_ascii_lowercase();
    plain(uri) == plain(request_uri)
}

/// In time that does not tell how much was right.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}
