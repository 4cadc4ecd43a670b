//! Whether the transactions of a group may happen, one after the other, and what they then do to the tree.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
};

use plugboard_model::TenantId;

use crate::{
    CommitError, CommitId, Committed, Expected, IndexEntry, ReadError, Revision, Transaction,
    committer::committed,
    key::{self, StoredRecord},
    redo::Redo,
    transaction::{Append, Change, RecordKey},
};

pub(crate) type Outcome = Result<Committed, CommitError>;

/// What a group would do. It counts only once [`Evaluator::accept`] is called; until then it may be evaluated anew.
pub(crate) struct Evaluation {
    pub(crate) redo: Redo,
    /// Revision of the last transaction that happens.
    pub(crate) last: u64,
    /// One for each transaction, in order.
    pub(crate) outcomes: Vec<Outcome>,
}

/// Knows what the tree would be slow to tell: where each log ends, and which named transactions happened lately.
pub(crate) struct Evaluator {
    last: u64,
    log_ends: HashMap<TenantId, u64>,
    named: HashMap<CommitId, Revision>,
    /// The same, oldest first.
    named_order: VecDeque<(Revision, CommitId)>,
    /// Of the group that is being evaluated.
    pending: Pending,
}

#[derive(Default)]
struct Pending {
    records: BTreeMap<RecordKey, Option<Known>>,
    log_ends: BTreeMap<TenantId, u64>,
    named: Vec<(Revision, CommitId)>,
    forgotten: usize,
}

/// What matters of a record for the next transaction: its revision and its index keys.
#[derive(Clone)]
struct Known {
    revision: Revision,
    index_keys: Vec<Vec<u8>>,
}

impl Evaluator {
    /// Reads what it must remember from the tree, which is at revision `last`.
    pub(crate) fn load(tree: &sled::Tree, last: u64) -> Result<Self, ReadError> {
        let mut named_order = VecDeque::new();
        for entry in tree.scan_prefix(key::COMMITS).keys() {
            let key = entry.map_err(database)?;
            named_order.push_back(key::parse_commit(&key).ok_or_else(|| damaged(&key))?);
        }
        let named = named_order.iter().map(|(revision, id)| (*id, *revision)).collect();
        Ok(Self { last, log_ends: HashMap::new(), named, named_order, pending: Pending::default() })
    }

    pub(crate) fn evaluate<'a>(
        &mut self,
        tree: &sled::Tree,
        transactions: impl Iterator<Item = &'a Transaction>,
    ) -> Result<Evaluation, ReadError> {
        self.pending = Pending::default();
        let mut evaluation = Evaluation { redo: Redo::default(), last: self.last, outcomes: Vec::new() };
        for transaction in transactions {
            let outcome = self.one(tree, transaction, &mut evaluation)?;
            evaluation.outcomes.push(outcome);
        }
        Ok(evaluation)
    }

    /// The evaluated group is durable.
    pub(crate) fn accept(&mut self, last: u64) {
        let pending = std::mem::take(&mut self.pending);
        self.last = last;
        self.log_ends.extend(pending.log_ends);
        for (_, id) in self.named_order.drain(..pending.forgotten) {
            self.named.remove(&id);
        }
        for (revision, id) in pending.named {
            self.named.insert(id, revision);
            self.named_order.push_back((revision, id));
        }
    }

    fn one(
        &mut self,
        tree: &sled::Tree,
        transaction: &Transaction,
        evaluation: &mut Evaluation,
    ) -> Result<Outcome, ReadError> {
        if let Some(id) = transaction.id
            && let Some(revision) = self.happened(id)
        {
            return Ok(Ok(committed(revision.0, true)));
        }
        for (key, expected) in &transaction.expectations {
            let found = self.known(tree, key)?.as_ref().map(|known| known.revision);
            let holds = match expected {
                Expected::Absent => found.is_none(),
                Expected::Present => found.is_some(),
                Expected::At(revision) => found == Some(*revision),
            };
            if !holds {
                return Ok(Err(CommitError::Conflict { kind: key.kind, id: key.id.clone(), found }));
            }
        }
        // A transaction may append twice to one log: the second part follows on the first.
        let mut ends = BTreeMap::new();
        for append in &transaction.appends {
            let end = match ends.get(&append.tenant) {
                Some(end) => *end,
                None => self.log_end(tree, &append.tenant)?,
            };
            if append.first_seq != end + 1 {
                let (tenant, found) = (append.tenant.clone(), append.first_seq);
                return Ok(Err(CommitError::LogConflict { tenant, next: end + 1, found }));
            }
            ends.insert(&append.tenant, end + append.events.len() as u64);
        }

        let revision = Revision(evaluation.last + 1);
        for change in &transaction.changes {
            self.change(tree, change, revision, &mut evaluation.redo)?;
        }
        for append in &transaction.appends {
            self.append(append, &mut evaluation.redo);
        }
        if let Some(id) = transaction.id {
            self.remember(id, revision, &mut evaluation.redo);
        }
        evaluation.last = revision.0;
        Ok(Ok(committed(revision.0, false)))
    }

    fn happened(&self, id: CommitId) -> Option<Revision> {
        let pending = self.pending.named.iter().find(|(_, named)| *named == id).map(|(revision, _)| *revision);
        pending.or_else(|| self.named.get(&id).copied())
    }

    fn remember(&mut self, id: CommitId, revision: Revision, redo: &mut Redo) {
        redo.put(&key::commit(revision, id), &[]);
        self.pending.named.push((revision, id));
        if self.named_order.len() + self.pending.named.len() - self.pending.forgotten > CommitId::REMEMBERED
            && let Some((revision, id)) = self.named_order.get(self.pending.forgotten)
        {
            redo.delete(&key::commit(*revision, *id));
            self.pending.forgotten += 1;
        }
    }

    fn known(&mut self, tree: &sled::Tree, key: &RecordKey) -> Result<&Option<Known>, ReadError> {
        if !self.pending.records.contains_key(key) {
            let tree_key = key::record(&key.tenant, key.kind, &key.id);
            let known = match tree.get(&tree_key).map_err(database)? {
                None => None,
                Some(value) => {
                    let stored = StoredRecord::decode(&value).ok_or_else(|| damaged(&tree_key))?;
                    let index_keys = stored.index_keys.iter().map(|key| key.to_vec()).collect();
                    Some(Known { revision: stored.revision, index_keys })
                }
            };
            self.pending.records.insert(key.clone(), known);
        }
        Ok(&self.pending.records[key])
    }

    fn change(
        &mut self,
        tree: &sled::Tree,
        change: &Change,
        revision: Revision,
        redo: &mut Redo,
    ) -> Result<(), ReadError> {
        let key = &change.key;
        let before = self.known(tree, key)?.as_ref().map_or_else(Vec::new, |known| known.index_keys.clone());
        let tree_key = key::record(&key.tenant, key.kind, &key.id);
        let after = match &change.put {
            None => {
                redo.delete(&tree_key);
                None
            }
            Some((json, indexes)) => {
                let index_keys: Vec<Vec<u8>> =
                    indexes.iter().map(|entry: &IndexEntry| key::index_entry(key, entry)).collect();
                redo.put(&tree_key, &StoredRecord::encode(revision, &index_keys, json));
                Some(Known { revision, index_keys })
            }
        };
        let now: &[Vec<u8>] = after.as_ref().map_or(&[], |known| &known.index_keys);
        for gone in before.iter().filter(|old| !now.contains(old)) {
            redo.delete(gone);
        }
        for new in now.iter().filter(|new| !before.contains(new)) {
            redo.put(new, key.id.as_bytes());
        }
        self.pending.records.insert(key.clone(), after);
        Ok(())
    }

    fn append(&mut self, append: &Append, redo: &mut Redo) {
        for (seq, json) in (append.first_seq..).zip(&append.events) {
            redo.put(&key::event(&append.tenant, seq), json);
        }
        let end = append.first_seq + append.events.len() as u64 - 1;
        self.pending.log_ends.insert(append.tenant.clone(), end);
    }

    fn log_end(&mut self, tree: &sled::Tree, tenant: &TenantId) -> Result<u64, ReadError> {
        if let Some(end) = self.pending.log_ends.get(tenant).or_else(|| self.log_ends.get(tenant)) {
            return Ok(*end);
        }
        let end = last_seq(tree, tenant)?;
        self.log_ends.insert(tenant.clone(), end);
        Ok(end)
    }
}

/// Sequence number of the last event of a tenant in the tree; 0 if there is none.
pub(crate) fn last_seq(tree: &sled::Tree, tenant: &TenantId) -> Result<u64, ReadError> {
    let Some(last) = tree.scan_prefix(key::log(tenant)).keys().next_back() else { return Ok(0) };
    let key = last.map_err(database)?;
    key::parse_seq(&key).ok_or_else(|| damaged(&key))
}

pub(crate) fn database(error: sled::Error) -> ReadError {
    let source = match error {
        sled::Error::Io(error) => error,
        error => io::Error::other(error),
    };
    ReadError::Database { source }
}

pub(crate) fn damaged(key: &[u8]) -> ReadError {
    ReadError::Damaged { key: String::from_utf8_lossy(key).into_owned() }
}
