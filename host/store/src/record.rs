//! What kinds of records exist and how they are found again.

use serde::{Serialize, de::DeserializeOwned};

/// A kind of record. It states its indexes once; every store keeps them as it can.
pub trait Record: Serialize + DeserializeOwned {
    /// Kebab-case, stable for ever: it is part of the key.
    const KIND: &'static str;

    /// Unique in tenant and kind, 1 to 256 bytes, without `/` and control characters.
    fn id(&self) -> String;

    /// Where this record is to be found; replaced as a whole with each put.
    fn indexes(&self) -> Vec<IndexEntry>;
}

/// One place at which a record is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Kebab-case, stable: `caller`.
    pub index: &'static str,
    pub value: IndexValue,
}

impl IndexEntry {
    pub fn new(index: &'static str, value: IndexValue) -> Self {
        Self { index, value }
    }
}

/// A sort key of one or more parts: `text(caller).then_number(started_at_ms)`.
///
/// Values compare part by part: texts by their bytes, numbers by size. A value is a prefix of those that have its parts and more.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexValue(pub(crate) Vec<u8>);

impl IndexValue {
    /// At most this many bytes, encoded; text beyond it is cut.
    pub const LIMIT: usize = 512;

    pub fn text(text: &str) -> Self {
        Self::default().then_text(text)
    }

    pub fn number(number: u64) -> Self {
        Self::default().then_number(number)
    }

    #[must_use]
    pub fn then_text(mut self, text: &str) -> Self {
        // NUL ends a text, and sorts before every other byte, so that "ab" comes before "abc". A NUL inside is dropped:
        // no number, name or word holds one.
        let room = Self::LIMIT.saturating_sub(self.0.len() + 1);
        self.0.extend(text.bytes().filter(|byte| *byte != 0).take(room));
        self.0.push(0);
        self
    }

    #[must_use]
    pub fn then_number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }
}

/// Why a record cannot be put or read as its type.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("{kind} {id} cannot be written as JSON")]
    Write { kind: &'static str, id: String, source: serde_json::Error },
    #[error("{kind} {id} cannot be read as this version's {kind}")]
    Read { kind: &'static str, id: String, source: serde_json::Error },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_sort_part_by_part() {
        let sorted = [
            IndexValue::text("13").then_number(u64::MAX),
            IndexValue::text("13-5").then_number(0),
            IndexValue::text("130").then_number(1),
            IndexValue::text("130").then_number(256),
        ];
        assert!(sorted.is_sorted());
    }
}
