//! How much of the machine one plugin may use.

use std::time::Duration;

/// What an instance of one plugin may use: what its manifest asks, cut to what the host allows ([`Limits::within`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all memories of an instance together.
    pub memory: usize,
    /// Elements of all tables of an instance together.
    pub table_elements: usize,
    /// Bytes that one answer may take up on the host's side. A guest may name the same bytes of its own a thousand times, so its memory is
    /// no bound.
    pub answer: usize,
    /// Questions after which an instance makes room for a new one, so that a slow leak stays small. At least 1.
    pub calls: u32,
    /// Longest budget of one question, whatever the question says.
    pub budget: Duration,
}

impl Limits {
    /// For a component that asks for nothing: small enough to be pooled. The largest answer that the contract allows is 64 actions of 64 KiB,
    /// or 10,000 references.
    pub const SMALL: Self = Self {
        memory: 16 << 20,
        table_elements: 20_000,
        answer: 8 << 20,
        calls: 1_000,
        budget: Duration::from_secs(30),
    };

    /// What a host allows that says nothing else: room for the runtimes of Python and JavaScript.
    pub const CEILING: Self = Self { memory: 256 << 20, table_elements: 100_000, answer: 32 << 20, ..Self::SMALL };

    /// The lesser of both in each respect.
    #[must_use]
    pub fn within(self, ceiling: Self) -> Self {
        Self {
            memory: self.memory.min(ceiling.memory),
            table_elements: self.table_elements.min(ceiling.table_elements),
            answer: self.answer.min(ceiling.answer),
            calls: self.calls.min(ceiling.calls).max(1),
            budget: self.budget.min(ceiling.budget),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::SMALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_gets_what_it_asks_up_to_the_ceiling() {
        let asked = Limits { memory: 64 << 20, calls: 0, budget: Duration::from_secs(60), ..Limits::SMALL };
        let given = asked.within(Limits::CEILING);
        assert_eq!(given, Limits { memory: 64 << 20, calls: 1, budget: Duration::from_secs(30), ..Limits::SMALL });
    }
}
