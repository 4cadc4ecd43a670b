//! Where things are in the one tree.
//!
//! ```text
//! r/<tenant>/<kind>/<id>                     revision, index keys, JSON
//! i/<tenant>/<kind>/<index>/<value>/<id>     id
//! l/<tenant>/events/<seq>                    JSON of the event
//! m/commit/<revision><commit id>             nothing: the transaction happened
//! m/applied                                  revision of the last transaction in the tree
//! ```
//! Numbers are big-endian, so that they sort. Names of tenants, kinds and ids hold no `/`.

use plugboard_model::TenantId;

use crate::{CommitId, IndexEntry, Revision, transaction::RecordKey};

pub(crate) const APPLIED: &[u8] = b"m/applied";
pub(crate) const COMMITS: &[u8] = b"m/commit/";

pub(crate) fn record(tenant: &TenantId, kind: &str, id: &str) -> Vec<u8> {
    format!("r/{tenant}/{kind}/{id}").into_bytes()
}

/// Everything of one index.
pub(crate) fn index(tenant: &TenantId, kind: &str, index: &str) -> Vec<u8> {
    format!("i/{tenant}/{kind}/{index}/").into_bytes()
}

pub(crate) fn index_entry(record: &RecordKey, entry: &IndexEntry) -> Vec<u8> {
    let mut key = index(&record.tenant, record.kind, entry.index);
    key.extend_from_slice(&entry.value.0);
    key.push(b'/');
    key.extend_from_slice(record.id.as_bytes());
    key
}

/// Everything of one tenant's event log.
pub(crate) fn log(tenant: &TenantId) -> Vec<u8> {
    format!("l/{tenant}/events/").into_bytes()
}

pub(crate) fn event(tenant: &TenantId, seq: u64) -> Vec<u8> {
    let mut key = log(tenant);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

pub(crate) fn commit(revision: Revision, id: CommitId) -> Vec<u8> {
    [COMMITS, &revision.0.to_be_bytes(), &id.0].concat()
}

/// Reads a key of [`commit`].
pub(crate) fn parse_commit(key: &[u8]) -> Option<(Revision, CommitId)> {
    let (revision, id) = key.strip_prefix(COMMITS)?.split_first_chunk()?;
    Some((Revision(u64::from_be_bytes(*revision)), CommitId(id.try_into().ok()?)))
}

/// The number at the end of a key of [`event`].
pub(crate) fn parse_seq(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|seq| u64::from_be_bytes(*seq))
}

/// The first key after all that begin with `prefix`; `None` if there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// A record as it lies in the tree: its revision, the index keys to take out when it goes, its JSON.
pub(crate) struct StoredRecord<'a> {
    pub(crate) revision: Revision,
    pub(crate) index_keys: Vec<&'a [u8]>,
    pub(crate) json: &'a [u8],
}

impl<'a> StoredRecord<'a> {
    pub(crate) fn encode(revision: Revision, index_keys: &[Vec<u8>], json: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(10 + json.len() + index_keys.iter().map(|key| key.len() + 2).sum::<usize>());
        value.extend_from_slice(&revision.0.to_be_bytes());
        let count = u16::try_from(index_keys.len()).expect("Transaction::put bounds the indexes of a record");
        value.extend_from_slice(&count.to_be_bytes());
        for key in index_keys {
            let length = u16::try_from(key.len()).expect("an index key is made of bounded names and a bounded value");
            value.extend_from_slice(&length.to_be_bytes());
            value.extend_from_slice(key);
        }
        value.extend_from_slice(json);
        value
    }

    pub(crate) fn decode(value: &'a [u8]) -> Option<Self> {
        let (revision, rest) = value.split_first_chunk()?;
        let (count, mut rest) = rest.split_first_chunk()?;
        let mut index_keys = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let (length, after) = rest.split_first_chunk()?;
            let (key, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            index_keys.push(key);
            rest = after;
        }
        Some(Self { revision: Revision(u64::from_be_bytes(*revision)), index_keys, json: rest })
    }
}
