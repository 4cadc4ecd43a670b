//! What is committed as one: all of it or nothing.

use std::io;

use plugboard_model::{Event, TenantId};

use crate::{IndexEntry, IndexValue, Record, RecordError};

/// Bytes of one value, record or event. Larger ones are blobs.
pub const VALUE_LIMIT: usize = 64 * 1024;

/// Rises with every put of a record; a record that was deleted and made anew does not repeat one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// Names a transaction, so that it can be sent again after [`CommitError::Unknown`] and happens once.
///
/// The last [`CommitId::REMEMBERED`] are remembered; choose it at random or from the request that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub [u8; 16]);

impl CommitId {
    pub const REMEMBERED: usize = 16_384;
}

/// What must hold of a record for the transaction to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Absent,
    Present,
    At(Revision),
}

/// What became of a transaction that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Every record put by it has this revision now.
    pub revision: Revision,
    /// It had happened before: nothing was done now.
    pub repeated: bool,
}

/// Hears the outcome on the committer's thread: hand it on and return.
pub type Acknowledge = Box<dyn FnOnce(Result<Committed, CommitError>) + Send>;

/// Expectations, puts, deletes and appends. All happen or none.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    pub(crate) id: Option<CommitId>,
    pub(crate) expectations: Vec<(RecordKey, Expected)>,
    pub(crate) changes: Vec<Change>,
    pub(crate) appends: Vec<Append>,
    pub(crate) waits_for_room: bool,
    /// Bytes of values and keys, about.
    pub(crate) size: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordKey {
    pub(crate) tenant: TenantId,
    pub(crate) kind: &'static str,
    pub(crate) id: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: RecordKey,
    /// `None` deletes.
    pub(crate) put: Option<(Vec<u8>, Vec<IndexEntry>)>,
}

/// Events of one tenant, `first_seq` and on.
#[derive(Clone, Debug)]
pub(crate) struct Append {
    pub(crate) tenant: TenantId,
    pub(crate) first_seq: u64,
    pub(crate) events: Vec<Vec<u8>>,
}

impl Transaction {
    /// Bytes that one transaction may hold.
    pub const LIMIT: usize = 1024 * 1024;
    /// Entries that one record may have in its indexes.
    pub const INDEXES: usize = 256;

    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the transaction a name, so that it may be sent again.
    #[must_use]
    pub fn named(mut self, id: CommitId) -> Self {
        self.id = Some(id);
        self
    }

    /// Where the disk is full, it waits for room as if it appended events, and is not told [`CommitError::FullDisk`]: for what nobody would say again.
    #[must_use]
    pub fn waiting_for_room(mut self) -> Self {
        self.waits_for_room = true;
        self
    }

    /// Whether it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.appends.is_empty()
    }

    /// Adds a condition; the first that fails is told as [`CommitError::Conflict`].
    #[must_use]
    pub fn expect<R: Record>(mut self, tenant: &TenantId, id: &str, expected: Expected) -> Self {
        self.expectations.push((RecordKey { tenant: tenant.clone(), kind: R::KIND, id: id.to_owned() }, expected));
        self
    }

    /// Puts `record` in the place of what is there.
    pub fn put<R: Record>(&mut self, tenant: &TenantId, record: &R) -> Result<(), TransactionError> {
        let id = record.id();
        if !is_record_id(&id) {
            return Err(TransactionError::BadId { kind: R::KIND, id });
        }
        let json = serde_json::to_vec(record).map_err(|source| RecordError::Write {
            kind: R::KIND,
            id: id.clone(),
            source,
        })?;
        if json.len() > VALUE_LIMIT {
            return Err(TransactionError::TooLarge { what: format!("{} {id}", R::KIND), bytes: json.len() });
        }
        let indexes = record.indexes();
        let widest = indexes.iter().map(|entry| entry.value.0.len()).max().unwrap_or(0);
        if indexes.len() > Self::INDEXES || widest > 2 * IndexValue::LIMIT {
            return Err(TransactionError::TooLarge { what: format!("index of {} {id}", R::KIND), bytes: widest });
        }
        self.grow(json.len() + 128 * (1 + indexes.len()))?;
        let key = RecordKey { tenant: tenant.clone(), kind: R::KIND, id };
        self.changes.push(Change { key, put: Some((json, indexes)) });
        Ok(())
    }

    /// Deletes a record; one that is not there is no error.
    pub fn delete<R: Record>(&mut self, tenant: &TenantId, id: &str) -> Result<(), TransactionError> {
        self.grow(128)?;
        let key = RecordKey { tenant: tenant.clone(), kind: R::KIND, id: id.to_owned() };
        self.changes.push(Change { key, put: None });
        Ok(())
    }

    /// Appends to the tenant's event log. The first event must be the next of the log when the transaction commits
    /// ([`CommitError::Conflict`] says what is), and the others follow without a gap ([`TransactionError::Gap`]).
    pub fn append(&mut self, tenant: &TenantId, events: &[Event]) -> Result<(), TransactionError> {
        let Some(first) = events.first() else { return Ok(()) };
        let mut append =
            Append { tenant: tenant.clone(), first_seq: first.seq, events: Vec::with_capacity(events.len()) };
        let mut size = 0;
        for (expected, event) in (first.seq..).zip(events) {
            if event.seq != expected {
                return Err(TransactionError::Gap { expected, found: event.seq });
            }
            let json = serde_json::to_vec(event).map_err(|source| RecordError::Write {
                kind: "event",
                id: event.seq.to_string(),
                source,
            })?;
            if json.len() > VALUE_LIMIT {
                return Err(TransactionError::TooLarge { what: format!("event {}", event.seq), bytes: json.len() });
            }
            size += json.len() + 64;
            append.events.push(json);
        }
        self.grow(size)?;
        self.appends.push(append);
        Ok(())
    }

    fn grow(&mut self, bytes: usize) -> Result<(), TransactionError> {
        if self.size + bytes > Self::LIMIT {
            return Err(TransactionError::TooLarge { what: "transaction".to_owned(), bytes: self.size + bytes });
        }
        self.size += bytes;
        Ok(())
    }
}

fn is_record_id(id: &str) -> bool {
    (1..=256).contains(&id.len()) && !id.chars().any(|c| c == '/' || c.is_control())
}

/// Why something cannot be part of a transaction.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    #[error("{what} takes {bytes} bytes; a value may have {VALUE_LIMIT}, a transaction {}", Transaction::LIMIT)]
    TooLarge { what: String, bytes: usize },
    #[error("{id:?} is no id of a {kind}: 1 to 256 bytes without '/' and control characters")]
    BadId { kind: &'static str, id: String },
    #[error("event {found} follows where {expected} is due")]
    Gap { expected: u64, found: u64 },
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Why a transaction was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The queue to the disk is full: shed load or wait, and offer it again. Nothing was lost; here it is back.
    #[error("the committer's queue is full")]
    Full(Box<Transaction>),
    #[error("the store is closed")]
    Closed(Box<Transaction>),
}

/// Why a transaction did not happen, or may not have.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A record is not as expected. `found`: its revision now, `None` if it is absent.
    #[error("{kind} {id} is not as expected")]
    Conflict { kind: &'static str, id: String, found: Option<Revision> },
    /// Events do not continue the log: `next` is due, they begin with `found`.
    #[error("event {next} of {tenant} is due, not {found}")]
    LogConflict { tenant: TenantId, next: u64, found: u64 },
    /// Did not happen: no room on the disk. Only told to transactions that append no events and do not wait for room; the others wait until there is.
    #[error("disk is full")]
    FullDisk,
    /// Did not happen: the committer's queue was full.
    #[error("the committer's queue is full")]
    Busy,
    /// May have happened. Ask again with the same [`CommitId`] once the store is open again.
    #[error("outcome is unknown")]
    Unknown { source: io::Error },
    /// Did not happen: the store is closed.
    #[error("the store is closed")]
    Closed,
}
