//! What plugins keep: a small memory of one plugin in one tenant, with a quota.

mod memory;

use std::time::Duration;

use plugboard_model::TenantId;

pub use memory::MemoryKv;

/// Whose it is: no other plugin and no other tenant sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KvPlace {
    pub tenant: TenantId,
    /// At most 128 bytes; stable over a plugin's versions.
    pub plugin: String,
}

/// Where plugins keep what they have to remember. Called on plugin threads; each call should take no longer than 50 ms.
pub trait Kv: Send + Sync {
    /// `None`: nothing is there, or it has expired.
    fn get(&self, place: &KvPlace, key: &str) -> Result<Option<KvEntry>, KvError>;

    /// Writes at most 64 KiB, unless the condition fails or the place would then hold more than `quota` bytes of keys and values. Answers the new
    /// revision.
    fn set(&self, place: &KvPlace, key: &str, write: KvWrite, quota: u64) -> Result<u64, KvError>;

    /// Nothing there is a success.
    fn delete(&self, place: &KvPlace, key: &str) -> Result<(), KvError>;

    /// Keys that begin with `prefix`, after `after`, in order of their bytes.
    fn list(&self, place: &KvPlace, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, KvError>;
}

/// A value with its revision, which changes at each write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvEntry {
    pub value: Vec<u8>,
    pub revision: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvWrite {
    pub value: Vec<u8>,
    pub condition: KvCondition,
    /// From now; `None`: it stays.
    pub expires: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvCondition {
    Always,
    /// Nothing stands there.
    Absent,
    /// What stands there has this revision.
    Unchanged(u64),
}

impl KvCondition {
    /// Whether it is met where `found` is the revision of what stands there.
    pub fn holds(self, found: Option<u64>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => found.is_none(),
            Self::Unchanged(wanted) => found == Some(wanted),
        }
    }
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    #[error("{used} bytes of {granted} would be used")]
    Quota { used: u64, granted: u64 },
    #[error("the condition does not hold")]
    Changed,
    #[error("the store does not answer")]
    Unavailable,
}

/// What an entry counts for against a quota.
pub fn kv_bytes(key: &str, value: usize) -> u64 {
    u64::try_from(key.len() + value).unwrap_or(u64::MAX)
}
