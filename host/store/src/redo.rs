//! What a group of transactions does to the tree, as bytes for the journal and for snapshots.
//!
//! Keys and values are absolute, so doing it twice, or again from an earlier point, ends in the same tree.

use crate::key;

const PUT: u8 = 1;
const DELETE: u8 = 2;

/// Puts and deletes in order. One entry: tag, length of key (u16), length of value (u32), key, value; numbers little-endian.
#[derive(Debug, Default)]
pub(crate) struct Redo {
    bytes: Vec<u8>,
    pub(crate) entries: u64,
}

impl Redo {
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) {
        self.entry(PUT, key, value);
    }

    pub(crate) fn delete(&mut self, key: &[u8]) {
        self.entry(DELETE, key, &[]);
    }

    fn entry(&mut self, tag: u8, key: &[u8], value: &[u8]) {
        let key_length = u16::try_from(key.len()).expect("a key is made of bounded names");
        let value_length = u32::try_from(value.len()).expect("a value is at most VALUE_LIMIT and its index keys");
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&key_length.to_le_bytes());
        self.bytes.extend_from_slice(&value_length.to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.entries += 1;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.entries = 0;
    }
}

/// Reads entries: `(key, Some(value))` for a put, `(key, None)` for a delete; `None` in the place of a damaged rest.
pub(crate) fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Option<(&[u8], Option<&[u8]>)>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let entry = split_entry(bytes);
        bytes = entry.map_or(&[], |(_, _, rest)| rest);
        Some(entry.map(|(key, value, _)| (key, value)))
    })
}

type Split<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

fn split_entry(bytes: &[u8]) -> Option<Split<'_>> {
    let (tag, rest) = bytes.split_first()?;
    let (key_length, rest) = rest.split_first_chunk()?;
    let (value_length, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*key_length)))?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*value_length)).ok()?)?;
    match *tag {
        PUT => Some((key, Some(value), rest)),
        DELETE => Some((key, None, rest)),
        _ => None,
    }
}

/// Does it to the tree, and then notes `revision` as applied.
///
/// Key by key and not as a sled batch: a batch seals the log buffer and has it written and synced by another thread, which cost more
/// processor time than all else of a commit. What a batch would give, all or nothing after a crash, the journal gives. A
/// reader may see part of a transaction that is not acknowledged yet.
pub(crate) fn apply(tree: &sled::Tree, redo: &[u8], revision: u64) -> sled::Result<()> {
    for entry in entries(redo) {
        match entry {
            Some((key, Some(value))) => tree.insert(key, value)?,
            Some((key, None)) => tree.remove(key)?,
            None => {
                return Err(sled::Error::ReportableBug("a redo entry with a valid checksum cannot be read".to_owned()));
            }
        };
    }
    tree.insert(key::APPLIED, &revision.to_be_bytes()).map(|_| ())
}
