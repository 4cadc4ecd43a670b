//! What a tenant's administrator has granted to a pack, and whether a version may run with it.

use std::collections::BTreeMap;

use plugboard_model::TenantId;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use super::{Ask, Asks};
use crate::{ComponentName, Manifest, PackId};

/// One tenant's grant to one pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub tenant: TenantId,
    pub pack: PackId,
    /// Versions that it is for. A pre-release fits only where it is named (`=2.0.0-rc.1`), as semver has it.
    pub versions: VersionReq,
    pub components: BTreeMap<ComponentName, Asks>,
}

/// Why a version waits for its tenant's decision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wanting {
    /// Its asks may well be the same; somebody has to look all the same.
    #[error("what was granted to {pack} is for {granted}, this is {version}")]
    OtherVersions { pack: PackId, granted: VersionReq, version: Version },
    #[error("{pack} {version} asks for {} that nobody granted", count(.missing.len()))]
    Missing { pack: PackId, version: Version, missing: Vec<(ComponentName, Ask)> },
}

fn count(things: usize) -> String {
    if things == 1 { "1 thing".to_owned() } else { format!("{things} things") }
}

impl Grant {
    /// All that a pack asks for, for this version and those that are compatible with it.
    pub fn of(tenant: TenantId, manifest: &Manifest) -> Self {
        let asks = |component: &crate::manifest::Component| (component.name.clone(), component.asks.clone());
        let Version { major, minor, patch, pre, .. } = &manifest.version;
        let op = if pre.is_empty() { semver::Op::Caret } else { semver::Op::Exact };
        let from = semver::Comparator { op, major: *major, minor: Some(*minor), patch: Some(*patch), pre: pre.clone() };
        Self {
            tenant,
            pack: manifest.id.clone(),
            versions: VersionReq { comparators: vec![from] },
            components: manifest.components.iter().map(asks).filter(|(_, asks)| !asks.is_empty()).collect(),
        }
    }

    /// What a component was granted; nothing if it is not named.
    pub fn of_component(&self, component: &ComponentName) -> Asks {
        self.components.get(component).cloned().unwrap_or_default()
    }
}

impl Manifest {
    /// Whether this version may run: an upgrade that asks for more waits. A pack that asks for nothing needs no grant.
    pub fn judge(&self, grant: Option<&Grant>) -> Result<(), Wanting> {
        let grant = grant.filter(|grant| grant.pack == self.id);
        let missing: Vec<_> = self
            .components
            .iter()
            .flat_map(|component| {
                let granted = grant.map(|grant| grant.of_component(&component.name)).unwrap_or_default();
                component.asks.missing(&granted).into_iter().map(|ask| (component.name.clone(), ask))
            })
            .collect();
        if !missing.is_empty() {
            return Err(Wanting::Missing { pack: self.id.clone(), version: self.version.clone(), missing });
        }
        let asks_for_something = self.components.iter().any(|component| !component.asks.is_empty());
        match grant {
            Some(grant) if asks_for_something && !grant.versions.matches(&self.version) => {
                Err(Wanting::OtherVersions {
                    pack: self.id.clone(),
                    granted: grant.versions.clone(),
                    version: self.version.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}
