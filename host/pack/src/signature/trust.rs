//! Whom an installation and its tenants trust, and for what.

use std::{collections::BTreeSet, fmt, str::FromStr};

use plugboard_model::{TenantId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{KeyId, PublicKey};
use crate::{NameError, PackId};

/// Most keys of a store.
pub const MOST_KEYS: usize = 1_000;

/// Keys, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TrustStore {
    keys: Vec<TrustedKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// As an administrator calls it.
    pub name: String,
    pub key: PublicKey,
    pub scope: Scope,
    pub packs: Packs,
    /// Not trusted from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Nothing that it signed is trusted from here on, whenever it was signed: a signature does not prove its own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// For whom a key's word counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// For every tenant.
    Installation,
    Tenants(BTreeSet<TenantId>),
}

/// For which packs a key's word counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Packs {
    All,
    Some(BTreeSet<PackPattern>),
}

/// One pack (`acme.crm`), or all of a vendor (`acme.*`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackPattern {
    One(PackId),
    /// All ids that begin with this and a dot.
    Below(PackId),
}

/// Why a key is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    #[error("the key {id} is there already, as {name:?}")]
    Known { id: KeyId, name: String },
    #[error("{MOST_KEYS} keys are trusted already")]
    Full,
}

impl TrustStore {
    pub fn add(&mut self, key: TrustedKey) -> Result<(), TrustError> {
        let id = key.key.id();
        if let Some(known) = self.get(id) {
            return Err(TrustError::Known { id, name: known.name.clone() });
        }
        if self.keys.len() >= MOST_KEYS {
            return Err(TrustError::Full);
        }
        self.keys.push(key);
        Ok(())
    }

    pub fn get(&self, id: KeyId) -> Option<&TrustedKey> {
        self.keys.iter().find(|known| known.key.id() == id)
    }

    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// `false` if there is no such key.
    pub fn revoke(&mut self, id: KeyId, now: Timestamp) -> bool {
        let known = self.keys.iter_mut().find(|known| known.key.id() == id);
        known.map(|known| known.revoked = Some(known.revoked.map_or(now, |before| before.min(now)))).is_some()
    }
}

impl Scope {
    /// `tenant`: `None` for the installation as a whole.
    pub fn holds(&self, tenant: Option<&TenantId>) -> bool {
        match self {
            Self::Installation => true,
            Self::Tenants(tenants) => tenant.is_some_and(|tenant| tenants.contains(tenant)),
        }
    }
}

impl Packs {
    pub fn hold(&self, pack: &PackId) -> bool {
        match self {
            Self::All => true,
            Self::Some(patterns) => patterns.iter().any(|pattern| pattern.matches(pack)),
        }
    }
}

impl PackPattern {
    pub fn matches(&self, pack: &PackId) -> bool {
        match self {
            Self::One(id) => id == pack,
            Self::Below(vendor) => {
                pack.as_str().strip_prefix(vendor.as_str()).is_some_and(|rest| rest.starts_with('.'))
            }
        }
    }
}

impl FromStr for PackPattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.strip_suffix(".*") {
            Some(vendor) => vendor.parse().map(Self::Below),
            None => text.parse().map(Self::One),
        }
    }
}

impl fmt::Display for PackPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(id) => write!(f, "{id}"),
            Self::Below(vendor) => write!(f, "{vendor}.*"),
        }
    }
}

impl Serialize for PackPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PackPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for TrustStore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut store = Self::default();
        for key in Vec::<TrustedKey>::deserialize(deserializer)? {
            store.add(key).map_err(serde::de::Error::custom)?;
        }
        Ok(store)
    }
}
