//! Who may ask: bearer tokens for programs, a signed session cookie for browsers.

use std::{
    fmt,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use axum::http::{HeaderMap, Method, Uri, header, uri::Authority};
use hmac::{Hmac, Mac};
use plugboard_model::{TenantId, compliance::Role};
use sha2::Digest;

use crate::Problem;

/// Name of the session cookie.
const COOKIE: &str = "plugboard_session";

/// SHA-256 of something, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// `None` unless `hex` is 64 hex digits.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |digit: u8| char::from(digit).to_digit(16);
            *byte = u8::try_from(nibble(pair[0])? << 4 | nibble(pair[1])?).ok()?;
        }
        Some(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Takes the same time wherever the two differ, so that nobody finds a secret byte by byte.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A secret that opens the API, kept only as its hash.
#[derive(Clone, Debug)]
pub struct Token {
    /// Shown in the audit and never secret.
    pub name: String,
    pub secret: Sha256,
    /// `None`: every tenant.
    pub tenant: Option<TenantId>,
    pub role: Role,
}

impl Token {
    /// An administrator's token for every tenant.
    pub fn new(name: &str, secret: &str) -> Self {
        Self { name: name.to_owned(), secret: Sha256::of(secret.as_bytes()), tenant: None, role: Role::Administrator }
    }

    /// The same token, good for one tenant only.
    #[must_use]
    pub fn for_tenant(self, tenant: TenantId) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    /// The same token, for somebody who is something else to the tenant.
    #[must_use]
    pub fn for_role(self, role: Role) -> Self {
        Self { role, ..self }
    }
}

/// Everything that opens the API.
#[derive(Clone, Debug)]
pub struct Access {
    /// Without any, whoever is on this machine may do everything, and nobody else anything.
    pub tokens: Vec<Token>,
    /// Signs session cookies: 32 random bytes. Another key ends every session.
    pub session_key: [u8; 32],
    /// A browser logs in again after this long.
    pub session_length: Duration,
}

impl Access {
    /// Sessions last twelve hours: a shift with its overtime.
    pub fn new(tokens: Vec<Token>, session_key: [u8; 32]) -> Self {
        Self { tokens, session_key, session_length: Duration::from_secs(12 * 3600) }
    }
}

/// Who asks, once known.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) name: String,
    /// `None`: every tenant.
    pub(crate) tenant: Option<TenantId>,
    pub(crate) role: Role,
}

impl Caller {
    pub(crate) fn may_see(&self, tenant: &TenantId) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }
}

impl From<&Token> for Caller {
    fn from(token: &Token) -> Self {
        Self { name: token.name.clone(), tenant: token.tenant.clone(), role: token.role }
    }
}

impl Access {
    /// The token whose secret this is. Looks at all of them, whichever it is.
    pub(crate) fn token(&self, secret: &str) -> Option<&Token> {
        let hash = Sha256::of(secret.as_bytes());
        self.tokens.iter().fold(None, |found, token| if token.secret.same_as(&hash) { Some(token) } else { found })
    }

    /// Who sends these headers. A cookie alone opens nothing that changes something, nor a WebSocket, unless `Origin` is our own: a foreign page may make the browser
    /// send the cookie, but not lie about where it comes from.
    pub(crate) fn caller(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Caller, Problem> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let secret =
                value.to_str().ok().and_then(bearer).ok_or_else(|| {
                    Problem::unauthorized("the Authorization header is not of the form `Bearer TOKEN`")
                })?;
            return self
                .token(secret)
                .map(Caller::from)
                .ok_or_else(|| Problem::unauthorized("the token is not one of this host's"));
        }
        let session = cookie(headers).ok_or_else(|| Problem::unauthorized("the request names no token"))?;
        let token = self
            .open(session, SystemTime::now())
            .ok_or_else(|| Problem::unauthorized("the session has ended or was never ours"))?;
        let only_reads = matches!(*method, Method::GET | Method::HEAD) && !headers.contains_key(header::UPGRADE);
        if !only_reads && !same_origin(uri, headers) {
            return Err(Problem::forbidden(
                "a session may change something only from this host's own page",
                "send `Authorization: Bearer TOKEN` instead of the cookie",
            ));
        }
        Ok(token.into())
    }

    /// Somebody on this machine, where no token is configured at all. A page of another site could make this machine's browser ask; it cannot make it lie about
    /// `Origin`, nor call us by one of our own names after it had its own name lead here.
    pub(crate) fn local_caller(&self, peer: IpAddr, uri: &Uri, headers: &HeaderMap) -> Option<Caller> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or_else(|| uri.host())?;
        let own_name = host.parse::<Authority>().is_ok_and(|host| is_this_machine(host.host()));
        let own_page = !headers.contains_key(header::ORIGIN) || same_origin(uri, headers);
        let admitted = self.tokens.is_empty() && peer.to_canonical().is_loopback() && own_name && own_page;
        admitted.then(|| Caller { name: "this machine".to_owned(), tenant: None, role: Role::Administrator })
    }

    /// The value of `Set-Cookie` that logs a browser in. `secure`: it came by HTTPS.
    pub(crate) fn session(&self, token: &Token, now: SystemTime, secure: bool) -> String {
        let expires = seconds(now + self.session_length);
        let name: String = token.name.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mac = Sha256(self.sign(token, expires).finalize().into_bytes().into());
        let age = self.session_length.as_secs();
        let secure = if secure { "; Secure" } else { "" };
        format!("{COOKIE}={name}.{expires}.{mac}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
    }

    /// The token that a session was opened with, if it still exists and the session has not ended.
    fn open(&self, session: &str, now: SystemTime) -> Option<&Token> {
        let mut parts = session.split('.');
        let (name, expires, mac) = (parts.next()?, parts.next()?.parse().ok()?, Sha256::from_hex(parts.next()?)?);
        let named = |token: &&Token| token.name.bytes().map(|byte| format!("{byte:02x}")).eq(pairs(name));
        let token = self.tokens.iter().find(named)?;
        self.sign(token, expires).verify_slice(mac.as_bytes()).ok()?;
        (seconds(now) < expires).then_some(token)
    }

    /// The secret's hash is signed as well, so that a replaced secret ends the sessions of the old one.
    fn sign(&self, token: &Token, expires: u64) -> Hmac<sha2::Sha256> {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.session_key).expect("HMAC takes a key of any length");
        mac.update(token.secret.as_bytes());
        mac.update(&expires.to_be_bytes());
        mac.update(token.name.as_bytes());
        mac
    }
}

fn is_this_machine(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The value of `Set-Cookie` that logs a browser out.
pub(crate) fn no_session() -> String {
    format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
}

/// Whether `Origin` names the host that the request was sent to (RFC 6454 §7).
pub(crate) fn same_origin(uri: &Uri, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or_else(|| uri.host());
    match (origin.and_then(|origin| origin.split_once("://")), host) {
        (Some((_, origin)), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim()).filter(|secret| !secret.is_empty())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn pairs(hex: &str) -> impl Iterator<Item = &str> {
    (0..hex.len()).step_by(2).map(|at| hex.get(at..at + 2).unwrap_or_default())
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access::new(vec![Token::new("amy's laptop", "s3cret"), Token::new("robot", "other")], [7; 32])
    }

    fn value(cookie: &str) -> &str {
        cookie.split(['=', ';']).nth(1).unwrap()
    }

    #[test]
    fn a_session_opens_until_it_ends_and_not_after() {
        let (access, now) = (access(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000));
        let cookie = access.session(&access.tokens[0], now, true);
        let opened = |later| access.open(value(&cookie), now + later).map(|token| token.name.as_str());
        assert_eq!((opened(Duration::ZERO), opened(access.session_length)), (Some("amy's laptop"), None), "{cookie}");
    }

    #[test]
    fn a_session_with_a_later_end_another_name_or_another_secret_is_not_ours() {
        let (mut access, now) = (access(), SystemTime::UNIX_EPOCH);
        let cookie = access.session(&access.tokens[0], now, false);
        let session = value(&cookie).to_owned();
        let later = session.replacen("43200", "43201", 1);
        let robot = session.replacen(session.split('.').next().unwrap(), "726f626f74", 1);
        assert_eq!((access.open(&later, now).is_some(), access.open(&robot, now).is_some()), (false, false));
        access.tokens[0].secret = Sha256::of(b"replaced");
        assert!(access.open(&session, now).is_none());
    }

    #[test]
    fn a_hash_is_read_from_its_own_hex_only() {
        let hash = Sha256::of(b"abc");
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Sha256::from_hex(&hash.to_string()), Some(hash));
        assert_eq!(Sha256::from_hex(&"é".repeat(32)), None);
    }
}
