//! How one question to a component ended, as far as its health is concerned.

use serde::{Deserialize, Serialize};

/// One reply, or its lack. A question that the host itself did not put (too many waited already) has no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Good,
    /// It broke down: a panic, an access out of bounds, more memory than it may have.
    Trapped,
    /// It did not answer within its budget.
    Late,
    /// Its answer broke a rule of the contract.
    BadAnswer,
    /// It says itself that it has no answer.
    Declined,
}

impl Outcome {
    /// Whether the native default was taken instead of an answer.
    pub fn is_failure(self) -> bool {
        self != Self::Good
    }
}
