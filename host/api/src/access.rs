//! Who may ask: bearer tokens for programs, a signed session cookie for browsers.

use std::{fmt, time::Duration};

use plugboard_model::TenantId;
use sha2::Digest;

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
}

impl Token {
    /// A token for every tenant.
    pub fn new(name: &str, secret: &str) -> Self {
        Self { name: name.to_owned(), secret: Sha256::of(secret.as_bytes()), tenant: None }
    }

    /// The same token, good for one tenant only.
    #[must_use]
    pub fn for_tenant(self, tenant: TenantId) -> Self {
        Self { tenant: Some(tenant), ..self }
    }
}

/// Everything that opens the API.
#[derive(Clone, Debug)]
pub struct Access {
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
