//! Digest authentication (RFC 8760, RFC 7616): who may register and call.

mod client;

use std::fmt;

pub(crate) use client::answer;

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
