//! Who may use the API: `[[api.tokens]]`.

use std::path::Path;

use plugboard_model::compliance::Role;
use sha2::{Digest as _, Sha256};

use crate::fields::Fields;

/// A bearer token (RFC 6750), known by its hash only.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// For the audit trail.
    pub name: String,
    pub sha256: [u8; 32],
    /// What whoever presents it is to the tenant.
    pub role: Role,
}

impl Token {
    /// The token whose secret this is, an administrator's.
    pub fn of_secret(name: impl Into<String>, secret: &str) -> Self {
        Self { name: name.into(), sha256: Sha256::digest(secret.as_bytes()).into(), role: Role::default() }
    }

    /// Whether `presented` is this token's secret. Takes the same time whether it is or not.
    pub fn matches(&self, presented: &str) -> bool {
        let theirs: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        self.sha256.iter().zip(theirs).fold(0, |different, (a, b)| different | (a ^ b)) == 0
    }
}

/// Without the hash: a short secret could be guessed from it.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `name`, what it is known by, and `role`.
pub(super) fn read(token: Fields<'_>, folder: &Path) -> Option<Token> {
    let name = token.required_text("name", "name it for the audit trail: name = \"operations\"").map(|(name, _)| name);
    let role = token.word("role", &Role::ALL.map(|role| (role.word(), role))).unwrap_or_default();
    let hash = token.text("sha256");
    let secret = token.secret(["secret", "secret_env", "secret_file"], folder);
    let read = match (hash, secret) {
        (Some((hex, span)), None) => {
            let sha256 = from_hex(hex);
            if sha256.is_none() {
                let message = "`sha256` is not 64 hex digits".to_owned();
                token.sheet.error(span, "bad-value", message, "make it with: printf %s SECRET | sha256sum");
            }
            sha256.zip(name).map(|(sha256, name)| Token { name: name.to_owned(), sha256, role })
        }
        (None, Some((secret, span))) => {
            if secret.len() < 16 {
                let message = format!("the secret has {} characters", secret.len());
                token.sheet.error(span, "weak-token", message, "use 16 or more: openssl rand -hex 32");
            }
            name.map(|name| Token { role, ..Token::of_secret(name, &secret) })
        }
        (Some(_), Some((_, span))) => {
            let message = "a token has both a hash and a secret".to_owned();
            token.sheet.error(span, "two-secrets", message, "keep one of them");
            None
        }
        (None, None) => {
            // A secret that could not be read was reported where it stands.
            if !["secret", "secret_env", "secret_file"].iter().any(|name| token.has(name)) && !token.has("sha256") {
                token.missing("sha256", "give `sha256`, `secret_env` or `secret_file`");
            }
            None
        }
    };
    token.finish();
    read
}

fn from_hex(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}
