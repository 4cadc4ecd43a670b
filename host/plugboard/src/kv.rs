//! What plugins keep, on disk in the store: durable before it is acknowledged.
//!
//! An entry is a head (key, size, when it expires), which an index lists in order of keys, and its value in parts, because a record holds less than
//! a value may have. Writes of one place follow each other; others go on beside them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use plugboard_model::TenantId;
use plugboard_plugin::{Kv, KvEntry, KvError, KvPlace, KvWrite, kv_bytes};
use plugboard_store::{
    CommitError, Expected, IndexEntry, IndexValue, Query, Record, Revision, Row, Store, Transaction,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a part: written as hex digits, well below what a record may hold.
const PART: usize = 24 * 1024;
/// Places whose size is remembered.
const MOST_PLACES: usize = 4_096;
/// Deletes in one transaction.
const SWEPT: usize = 512;

/// Keeps entries as records of a [`Store`].
pub(crate) struct DurableKv {
    store: Arc<dyn Store>,
    /// Bytes that a place holds, once counted; locked while something is written there.
    places: Mutex<BTreeMap<KvPlace, Arc<Mutex<Option<u64>>>>>,
}

impl fmt::Debug for DurableKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DurableKv")
    }
}

#[derive(Serialize, Deserialize)]
struct Head {
    plugin: String,
    key: String,
    /// Of the value.
    bytes: usize,
    /// Unix milliseconds.
    until_ms: Option<u64>,
}

impl Head {
    fn parts(&self) -> usize {
        self.bytes.div_ceil(PART)
    }

    fn is_valid(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until| now_ms < until)
    }
}

/// The same for an entry at all times, and fit for an id whatever the key holds.
fn id(plugin: &str, key: &str) -> String {
    let hash = Sha256::new().chain_update((plugin.len() as u64).to_le_bytes()).chain_update(plugin).chain_update(key);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Record for Head {
    const KIND: &'static str = "plugin-kv";

    fn id(&self) -> String {
        id(&self.plugin, &self.key)
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        vec![IndexEntry::new("key", IndexValue::text(&self.plugin).then_text(&self.key))]
    }
}

#[derive(Serialize, Deserialize)]
struct Part {
    id: String,
    /// Hex digits.
    value: String,
}

impl Part {
    fn id(head: &str, number: usize) -> String {
        format!("{head}.{number}")
    }
}

impl Record for Part {
    const KIND: &'static str = "plugin-kv-part";

    fn id(&self) -> String {
        self.id.clone()
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        Vec::new()
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The database or what is on it: a plugin can only try again.
fn unavailable(error: &(dyn std::error::Error + 'static)) -> KvError {
    tracing::warn!(error, "what plugins keep cannot be read or written");
    KvError::Unavailable
}

impl DurableKv {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, places: Mutex::default() }
    }

    /// Forgets the places of a tenant that begin with `prefix` and that nobody is known by any more.
    pub(crate) fn retain(
        &self,
        tenant: &TenantId,
        prefix: &str,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<(), KvError> {
        let mut from = prefix.to_owned();
        loop {
            let mut query = Query::new(tenant, Head::KIND, "key").limit(1);
            query.from = IndexValue::text(&from);
            let page = self.store.query(&query).map_err(|error| unavailable(&error))?;
            let Some(row) = page.rows.first() else { return Ok(()) };
            let plugin = row.read::<Head>().map_err(|error| unavailable(&error))?.plugin;
            if !plugin.starts_with(prefix) {
                return Ok(());
            }
            if !is_known(&plugin) {
                self.clear(&KvPlace { tenant: tenant.clone(), plugin: plugin.clone() })?;
            }
            // Behind all of its keys: no name holds this.
            from = plugin + "\u{1}";
        }
    }

    fn clear(&self, place: &KvPlace) -> Result<(), KvError> {
        let counted = self.place(place);
        let mut used = counted.lock().unwrap_or_else(PoisonError::into_inner);
        *used = None;
        self.sweep(place, |_| true).map(drop)
    }

    fn place(&self, place: &KvPlace) -> Arc<Mutex<Option<u64>>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MOST_PLACES && !places.contains_key(place) {
            // Whoever writes there holds it too.
            places.retain(|_, counted| Arc::strong_count(counted) > 1);
        }
        Arc::clone(places.entry(place.clone()).or_default())
    }

    fn head(&self, place: &KvPlace, key: &str) -> Result<Option<(Head, Revision)>, KvError> {
        let row = self.store.get_row(&place.tenant, Head::KIND, &id(&place.plugin, key));
        let Some(row) = row.map_err(|error| unavailable(&error))? else { return Ok(None) };
        let head = row.read::<Head>().map_err(|error| unavailable(&error))?;
        Ok(Some((head, row.revision)))
    }

    /// All of an entry's parts, if they are those of this revision of its head.
    fn value(&self, place: &KvPlace, head: &Head, revision: Revision) -> Result<Option<Vec<u8>>, KvError> {
        let (id, mut value) = (head.id(), Vec::with_capacity(head.bytes));
        for number in 0..head.parts() {
            let row = self.store.get_row(&place.tenant, Part::KIND, &Part::id(&id, number));
            let row = row.map_err(|error| unavailable(&error))?;
            let Some(row) = row.filter(|row| row.revision == revision) else { return Ok(None) };
            let part = row.read::<Part>().map_err(|error| unavailable(&error))?;
            value.extend(of_hex(&part.value).ok_or(KvError::Unavailable)?);
        }
        Ok(Some(value))
    }

    /// Heads of a place, a page after the other.
    fn each_head(
        &self,
        place: &KvPlace,
        from: Option<&str>,
        mut each: impl FnMut(Head) -> Result<bool, KvError>,
    ) -> Result<(), KvError> {
        let mut query =
            Query::new(&place.tenant, Head::KIND, "key").within(IndexValue::text(&place.plugin)).limit(1_000);
        if let Some(from) = from {
            query.from = IndexValue::text(&place.plugin).then_text(from);
        }
        loop {
            let page = self.store.query(&query).map_err(|error| unavailable(&error))?;
            for row in &page.rows {
                if !each(Row::read::<Head>(row).map_err(|error| unavailable(&error))?)? {
                    return Ok(());
                }
            }
            if page.next.is_none() {
                return Ok(());
            }
            query = query.after(page.next);
        }
    }

    /// Deletes what is to go, and says how many bytes stay.
    fn sweep(&self, place: &KvPlace, goes: impl Fn(&Head) -> bool) -> Result<u64, KvError> {
        let (mut used, mut gone) = (0, Vec::new());
        self.each_head(place, None, |head| {
            if goes(&head) {
                gone.push(head);
            } else {
                used += kv_bytes(&head.key, head.bytes);
            }
            Ok(true)
        })?;
        for some in gone.chunks(SWEPT) {
            let mut transaction = Transaction::new();
            for head in some {
                delete(&mut transaction, place, head)?;
            }
            self.store.commit(transaction).map_err(|error| unavailable(&error))?;
        }
        Ok(used)
    }
}

fn delete(transaction: &mut Transaction, place: &KvPlace, head: &Head) -> Result<(), KvError> {
    let id = head.id();
    let gone =
        (0..head.parts()).try_for_each(|number| transaction.delete::<Part>(&place.tenant, &Part::id(&id, number)));
    gone.and_then(|()| transaction.delete::<Head>(&place.tenant, &id)).map_err(|error| unavailable(&error))
}

/// Times that a value is read anew because somebody wrote in between.
const AGAIN: usize = 4;

impl Kv for DurableKv {
    fn get(&self, place: &KvPlace, key: &str) -> Result<Option<KvEntry>, KvError> {
        for _ in 0..AGAIN {
            let found = self.head(place, key)?.filter(|(head, _)| head.is_valid(now_ms()));
            let Some((head, revision)) = found else { return Ok(None) };
            if let Some(value) = self.value(place, &head, revision)? {
                return Ok(Some(KvEntry { value, revision: revision.0 }));
            }
        }
        Err(KvError::Unavailable)
    }

    fn set(&self, place: &KvPlace, key: &str, write: KvWrite, quota: u64) -> Result<u64, KvError> {
        let now = now_ms();
        let counted = self.place(place);
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = self.head(place, key)?;
        let valid = standing.as_ref().filter(|(head, _)| head.is_valid(now));
        if !write.condition.holds(valid.map(|(_, revision)| revision.0)) {
            return Err(KvError::Changed);
        }
        let before = match *counted {
            Some(used) => used,
            None => self.sweep(place, |_| false)?,
        };
        let freed = standing.as_ref().map_or(0, |(head, _)| kv_bytes(key, head.bytes));
        let more = kv_bytes(key, write.value.len());
        let mut used = before.saturating_sub(freed).saturating_add(more);
        if used > quota {
            // What has expired takes no room; the entry itself is counted above.
            let kept = self.sweep(place, |head| head.key != key && !head.is_valid(now))?;
            used = kept.saturating_sub(freed).saturating_add(more);
            *counted = Some(kept);
        }
        if used > quota {
            return Err(KvError::Quota { used, granted: quota });
        }
        let until_ms =
            write.expires.map(|after| now.saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)));
        let head = Head { plugin: place.plugin.clone(), key: key.to_owned(), bytes: write.value.len(), until_ms };
        let expected = standing.as_ref().map_or(Expected::Absent, |(_, revision)| Expected::At(*revision));
        let id = head.id();
        let mut transaction = Transaction::new().expect::<Head>(&place.tenant, &id, expected);
        for number in head.parts()..standing.as_ref().map_or(0, |(old, _)| old.parts()) {
            let gone = transaction.delete::<Part>(&place.tenant, &Part::id(&id, number));
            gone.map_err(|error| unavailable(&error))?;
        }
        for (number, part) in write.value.chunks(PART).enumerate() {
            let part = Part { id: Part::id(&id, number), value: hex(part) };
            transaction.put(&place.tenant, &part).map_err(|error| unavailable(&error))?;
        }
        transaction.put(&place.tenant, &head).map_err(|error| unavailable(&error))?;
        // Until it is known what became of it, nobody knows how much there is.
        *counted = None;
        match self.store.commit(transaction) {
            Ok(committed) => {
                *counted = Some(used);
                Ok(committed.revision.0)
            }
            Err(CommitError::Conflict { .. }) => Err(KvError::Changed),
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn delete(&self, place: &KvPlace, key: &str) -> Result<(), KvError> {
        let counted = self.place(place);
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((head, _)) = self.head(place, key)? else { return Ok(()) };
        let used = counted.take();
        let mut transaction = Transaction::new();
        delete(&mut transaction, place, &head)?;
        self.store.commit(transaction).map_err(|error| unavailable(&error))?;
        *counted = used.map(|used| used.saturating_sub(kv_bytes(key, head.bytes)));
        Ok(())
    }

    fn list(&self, place: &KvPlace, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, KvError> {
        let (now, mut keys) = (now_ms(), Vec::new());
        if limit == 0 {
            return Ok(keys);
        }
        let from = after.filter(|after| *after > prefix).unwrap_or(prefix);
        self.each_head(place, Some(from), |head| {
            let is_past = head.key.as_str() > prefix && !head.key.starts_with(prefix);
            if head.key.starts_with(prefix) && after.is_none_or(|after| head.key.as_str() > after) && head.is_valid(now)
            {
                keys.push(head.key);
            }
            Ok(!is_past && keys.len() < limit)
        })?;
        Ok(keys)
    }
}

#[cfg(test)]
mod tests;
