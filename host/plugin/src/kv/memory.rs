//! Forgotten with the process: for development and tests.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::{Kv, KvEntry, KvError, KvPlace, KvWrite, kv_bytes};

/// Forgets everything with the process.
#[derive(Default)]
pub struct MemoryKv(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    places: BTreeMap<KvPlace, BTreeMap<String, Kept>>,
    revision: u64,
}

struct Kept {
    entry: KvEntry,
    until: Option<Instant>,
}

impl Kept {
    fn is_valid(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl fmt::Debug for MemoryKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryKv")
    }
}

impl Kv for MemoryKv {
    fn get(&self, place: &KvPlace, key: &str) -> Result<Option<KvEntry>, KvError> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = memory.places.get(place).and_then(|entries| entries.get(key));
        Ok(kept.filter(|kept| kept.is_valid(Instant::now())).map(|kept| kept.entry.clone()))
    }

    fn set(&self, place: &KvPlace, key: &str, write: KvWrite, quota: u64) -> Result<u64, KvError> {
        let now = Instant::now();
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Memory { places, revision } = &mut *memory;
        let entries = places.entry(place.clone()).or_default();
        entries.retain(|_, kept| kept.is_valid(now));
        if !write.condition.holds(entries.get(key).map(|kept| kept.entry.revision)) {
            return Err(KvError::Changed);
        }
        let others = entries.iter().filter(|(name, _)| *name != key);
        let used: u64 = others.map(|(key, kept)| kv_bytes(key, kept.entry.value.len())).sum();
        let used = used.saturating_add(kv_bytes(key, write.value.len()));
        if used > quota {
            return Err(KvError::Quota { used, granted: quota });
        }
        *revision += 1;
        let until = write.expires.and_then(|after| now.checked_add(after));
        let entry = KvEntry { value: write.value, revision: *revision };
        entries.insert(key.to_owned(), Kept { entry, until });
        Ok(*revision)
    }

    fn delete(&self, place: &KvPlace, key: &str) -> Result<(), KvError> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.places.get_mut(place).and_then(|entries| entries.remove(key));
        Ok(())
    }

    fn list(&self, place: &KvPlace, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, KvError> {
        let now = Instant::now();
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = memory.places.get(place).into_iter().flatten().filter(|(_, kept)| kept.is_valid(now));
        let keys = entries.map(|(key, _)| key).filter(|key| key.starts_with(prefix));
        let keys = keys.filter(|key| after.is_none_or(|after| key.as_str() > after));
        Ok(keys.take(limit).cloned().collect())
    }
}
