//! A pack of a tenant, as the store keeps it.

use plugboard_pack::Installation;
use plugboard_store::{IndexEntry, IndexValue, Record};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct InstalledPack(pub(crate) Installation);

impl Record for InstalledPack {
    const KIND: &'static str = "pack";

    fn id(&self) -> String {
        self.0.pack.to_string()
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        vec![IndexEntry::new("id", IndexValue::text(self.0.pack.as_str()))]
    }
}
