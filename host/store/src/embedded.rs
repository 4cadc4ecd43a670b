//! The store on this machine's disk.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

/// How an embedded store is opened.
#[derive(Clone)]
pub struct Options {
    /// Folder of the store. Made if it is not there.
    pub folder: PathBuf,
    /// sled's page cache in bytes. Default 256 MiB.
    pub cache: u64,
    /// Transactions that may wait for the disk. Default 8,192; and at most 64 MiB of them.
    pub queue: usize,
    /// A busy committer syncs at most once in this long; an idle one commits at once. Default 2 ms, which is also the most.
    pub gather: Duration,
    /// Room that is kept free on the disk: below it the store counts as full, while the database can still write. Default 64 MiB.
    pub reserve: u64,
    /// Journal since the last snapshot that makes the next one due, in bytes, or the size of that snapshot if larger. Default 64 MiB.
    pub journal: u64,
    /// Hears changes of [`Health`], on the committer's thread: hand it on and return.
    pub on_health: Option<Arc<dyn Fn(Health) + Send + Sync>>,
}

/// How the committer is. The host raises an alarm for all but `Good`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    /// Appends wait until there is room; nothing acknowledged is lost.
    FullDisk {
        available: u64,
    },
    /// The disk failed: nothing is taken any more. Open the store again; it rebuilds what it must.
    Failed {
        reason: String,
    },
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("store in {folder} cannot be opened")]
    Io { folder: String, source: io::Error },
    /// Another process has it open.
    #[error("store in {folder} is in use by another process")]
    InUse { folder: String },
    /// The journal lacks commits that were acknowledged: restore a backup, or ask for help; nothing was changed.
    #[error("journal of {folder} is damaged after commit {last_good}")]
    JournalDamaged { folder: String, last_good: u64 },
    /// The database did not open and the snapshot to rebuild it from is damaged.
    #[error("snapshot {file} is damaged")]
    SnapshotDamaged { file: String },
}

/// A store in one folder: sled for reading, a journal for durability.
pub struct Embedded {
    _private: (),
}
