//! Events, records and blobs, durable before they are acknowledged.
//!
//! [`Store`] is what the host asks of a database; [`Embedded`] answers it on this machine's disk with nothing to set up.
//! Writing goes through one committer thread: [`Store::submit`] hands it a [`Transaction`], and the callback hears the outcome.
//! Large values (recordings, prompts) are files: [`Directory`].
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the edge: the committer is a thread, and how long to gather and to back off is real time"
)]

mod blob;
mod committer;
mod embedded;
mod evaluate;
mod journal;
mod key;
mod kinds;
mod record;
mod redo;
mod snapshot;
mod store;
mod tape;
mod transaction;
mod upkeep;

pub use blob::{BlobError, BlobName, BlobSummary, Directory};
pub use embedded::{Embedded, Health, OpenError, Options};
pub use kinds::{CdrOf, CdrSearch};
pub use record::{IndexEntry, IndexValue, Record, RecordError};
pub use store::{Cursor, Order, Page, Query, ReadError, Row, SnapshotError, SnapshotSummary, Store};
pub use tape::{KeptTables, KeptTape, TapeSearch, TapesOf, UnpackError};
pub use transaction::{
    Acknowledge, CommitError, CommitId, Committed, Expected, Revision, SubmitError, Transaction, TransactionError,
    VALUE_LIMIT,
};
