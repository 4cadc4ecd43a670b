//! What the host asks of a database.

use std::{io, io::Write, sync::mpsc};

use plugboard_model::{Event, TenantId};

use crate::{Acknowledge, CommitError, Committed, IndexValue, Record, RecordError, Revision, SubmitError, Transaction};

/// A database of records, indexes and event logs. Reads see every transaction that was acknowledged, at once; they may see part of one
/// that is about to be.
pub trait Store: Send + Sync {
    /// Hands a transaction to the committer and returns at once. `acknowledge` is called exactly once if this is `Ok`, in the
    /// order of submission, when the transaction is durable or has failed.
    fn submit(&self, transaction: Transaction, acknowledge: Acknowledge) -> Result<(), SubmitError>;

    /// `None` if there is no such record.
    fn get_row(&self, tenant: &TenantId, kind: &'static str, id: &str) -> Result<Option<Row>, ReadError>;

    /// One page of records in an index's order.
    fn query(&self, query: &Query<'_>) -> Result<Page, ReadError>;

    /// Events with `seq` ≥ `from_seq`, in order, at most `limit` (and at most 10,000) of them.
    fn read_log(&self, tenant: &TenantId, from_seq: u64, limit: usize) -> Result<Vec<Event>, ReadError>;

    /// Sequence number of the last event; 0 before the first.
    fn last_seq(&self, tenant: &TenantId) -> Result<u64, ReadError>;

    /// Writes everything, consistent as of one commit, while commits go on. `restore` of the implementation reads it back.
    fn snapshot(&self, out: &mut dyn Write) -> Result<SnapshotSummary, SnapshotError>;

    /// Submits and waits, for threads that may. Not on an async runtime.
    fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let (outcome, wait) = mpsc::sync_channel(1);
        let acknowledge: Acknowledge = Box::new(move |result| {
            // Nobody waits any more only if this thread died.
            let _ = outcome.send(result);
        });
        self.submit(transaction, acknowledge).map_err(|error| match error {
            SubmitError::Full(_) => CommitError::Busy,
            SubmitError::Closed(_) => CommitError::Closed,
        })?;
        wait.recv().unwrap_or_else(|gone| {
            Err(CommitError::Unknown { source: io::Error::new(io::ErrorKind::BrokenPipe, gone) })
        })
    }

    /// The record and its revision.
    fn get<R: Record>(&self, tenant: &TenantId, id: &str) -> Result<Option<(R, Revision)>, ReadError>
    where
        Self: Sized,
    {
        self.get_row(tenant, R::KIND, id)?.map(|row| Ok((row.read::<R>()?, row.revision))).transpose()
    }
}

/// A record as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: String,
    pub revision: Revision,
    pub json: Vec<u8>,
}

impl Row {
    pub fn read<R: Record>(&self) -> Result<R, RecordError> {
        serde_json::from_slice(&self.json).map_err(|source| RecordError::Read {
            kind: R::KIND,
            id: self.id.clone(),
            source,
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Ascending,
    /// Newest first, where the index ends in a time.
    Descending,
}

/// A range of an index. `Query::new(&tenant, Cdr::KIND, "caller").within(&text(caller)).limit(50)`.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    pub tenant: &'a TenantId,
    pub kind: &'static str,
    pub index: &'static str,
    /// First value, inclusive.
    pub from: IndexValue,
    /// Values from here on are out; `None`: to the end of the index.
    pub to: Option<IndexValue>,
    /// Only values that begin with these parts.
    pub prefix: IndexValue,
    pub order: Order,
    /// Where the last page ended.
    pub after: Option<Cursor>,
    /// Rows of the page, at most 1,000. Default 100.
    pub limit: usize,
}

impl<'a> Query<'a> {
    /// The whole index, ascending, 100 a page.
    pub fn new(tenant: &'a TenantId, kind: &'static str, index: &'static str) -> Self {
        Self {
            tenant,
            kind,
            index,
            from: IndexValue::default(),
            to: None,
            prefix: IndexValue::default(),
            order: Order::Ascending,
            after: None,
            limit: 100,
        }
    }

    /// Only values that begin with the parts of `prefix`.
    #[must_use]
    pub fn within(mut self, prefix: IndexValue) -> Self {
        self.prefix = prefix;
        self
    }

    /// Values from `from` up to, but not including, `to`.
    #[must_use]
    pub fn between(mut self, from: IndexValue, to: IndexValue) -> Self {
        (self.from, self.to) = (from, Some(to));
        self
    }

    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    #[must_use]
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.after = cursor;
        self
    }

    #[must_use]
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = rows;
        self
    }
}

/// Where a page ended. A word for the client to send back: letters and digits only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub rows: Vec<Row>,
    /// `None` if this page is the last.
    pub next: Option<Cursor>,
}

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// The last transaction in it.
    pub revision: Revision,
    pub entries: u64,
    pub bytes: u64,
}

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The client sent something that no page gave out, or for another query.
    #[error("cursor {cursor:?} is not of this query")]
    BadCursor { cursor: String },
    /// The disk or what is on it. Reopening rebuilds from snapshot and journal.
    #[error("database cannot be read")]
    Database { source: io::Error },
    #[error("stored value under {key:?} is not of a form that this version knows")]
    Damaged { key: String },
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Why a snapshot was not written or not taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("snapshot cannot be read or written")]
    Io(#[from] io::Error),
    #[error("snapshot is damaged at byte {offset}")]
    Damaged { offset: u64 },
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A store is only restored into a folder that does not exist or is empty.
    #[error("{folder} is not empty")]
    NotEmpty { folder: String },
}
