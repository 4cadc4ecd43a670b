//! Who vouches for a pack: ed25519 (RFC 8032) over its content, and whom an installation and its tenants trust.
//!
//! `signature.json` carries the [`Listing`](crate::archive::Listing) that was signed beside the signatures, so that an altered pack can say which file was altered.

mod key;
mod signed;
mod trust;
mod verdict;

pub use key::{KeyError, KeyId, PublicKey, SecretKey};
pub use signed::{Algorithm, MOST_SIGNERS, SignError, Signatures, Signed};
pub use trust::{MOST_KEYS, PackPattern, Packs, Scope, TrustError, TrustStore, TrustedKey};
pub use verdict::{Mode, Verdict};
