//! What a guest lives in: its limits, its log, and an empty WASI where it imports one.

use wasmtime::ResourceLimiter;

use crate::{limits::Limits, log::Lines, moment::Turn, outside::Outside, wasi::Wasi};

/// What the store of an instance carries.
pub(crate) struct Room {
    pub(crate) turn: Turn,
    limits: Limits,
    /// Bytes of all memories together.
    memory: usize,
    /// Elements of all tables together.
    elements: usize,
    growth_refused: bool,
    pub(crate) log: Lines,
    /// For components that import any of WASI.
    pub(crate) wasi: Option<Box<Wasi>>,
    /// In a world that reaches out, once it is granted.
    pub(crate) outside: Option<Box<Outside>>,
}

impl Room {
    pub(crate) fn new(turn: Turn, limits: Limits, log: Lines, wasi: Option<Box<Wasi>>) -> Self {
        Self { turn, limits, memory: 0, elements: 0, growth_refused: false, log, wasi, outside: None }
    }

    /// A new question. A guest that did without memory is not to blame for it at a later one.
    pub(crate) fn begin(&mut self, turn: Turn) {
        self.turn = turn;
        self.growth_refused = false;
        self.log.begin();
    }

    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    pub(crate) fn is_short_of_memory(&self) -> bool {
        self.growth_refused
    }
}

impl ResourceLimiter for Room {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let grown = grown(self.memory, current, desired, self.limits.memory);
        self.memory = grown.unwrap_or(self.memory);
        self.growth_refused |= grown.is_none();
        Ok(grown.is_some())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let grown = grown(self.elements, current, desired, self.limits.table_elements);
        self.elements = grown.unwrap_or(self.elements);
        Ok(grown.is_some())
    }
}

/// The new total where one part grows; `None` over the limit.
fn grown(total: usize, current: usize, desired: usize, limit: usize) -> Option<usize> {
    Some(total.saturating_add(desired.saturating_sub(current))).filter(|total| *total <= limit)
}
