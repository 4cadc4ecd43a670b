//! Rows with a name and a small number. The number stays the same while the row lives, so that indexes can hold it instead of the name.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    ops::{Index, IndexMut},
};

/// A row's number, one type for each kind of row.
pub(crate) trait Key: Copy + Ord + Debug {
    const LEAST: Self;

    fn new(number: u32) -> Self;
    fn number(self) -> u32;
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(u32);

        impl Key for $name {
            const LEAST: Self = Self(0);

            fn new(number: u32) -> Self {
                Self(number)
            }

            fn number(self) -> u32 {
                self.0
            }
        }
    };
}

key! {
    /// An agent.
    AgentKey
}
key! {
    /// A queue.
    QueueKey
}
key! {
    /// A class of interactions that need the same skills.
    ClassKey
}

pub(crate) struct Table<K, I, T> {
    rows: Vec<Option<T>>,
    free: Vec<K>,
    by_id: BTreeMap<I, K>,
}

impl<K: Key, I: Ord, T> Table<K, I, T> {
    pub(crate) const fn new() -> Self {
        Self { rows: Vec::new(), free: Vec::new(), by_id: BTreeMap::new() }
    }

    pub(crate) fn insert(&mut self, id: I, row: T) -> K {
        let key = self.free.pop().unwrap_or_else(|| {
            self.rows.push(None);
            K::new(
                u32::try_from(self.rows.len() - 1)
                    .expect("rows are bounded by the configuration and the waiting, far below 2^32"),
            )
        });
        self.rows[key.number() as usize] = Some(row);
        self.by_id.insert(id, key);
        key
    }

    pub(crate) fn remove(&mut self, id: &I) -> Option<T> {
        let key = self.by_id.remove(id)?;
        self.free.push(key);
        self.rows[key.number() as usize].take()
    }

    pub(crate) fn key(&self, id: &I) -> Option<K> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn get(&self, key: K) -> Option<&T> {
        self.rows.get(key.number() as usize).and_then(Option::as_ref)
    }

    /// In order of id.
    pub(crate) fn keys(&self) -> impl Iterator<Item = K> + '_ {
        self.by_id.values().copied()
    }

    /// In order of id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &T)> + '_ {
        self.keys().map(|key| (key, &self[key]))
    }
}

impl<K: Key, I, T> Index<K> for Table<K, I, T> {
    type Output = T;

    fn index(&self, key: K) -> &T {
        self.rows[key.number() as usize].as_ref().expect("a key is dropped from every index before its row goes")
    }
}

impl<K: Key, I, T> IndexMut<K> for Table<K, I, T> {
    fn index_mut(&mut self, key: K) -> &mut T {
        self.rows[key.number() as usize].as_mut().expect("a key is dropped from every index before its row goes")
    }
}
