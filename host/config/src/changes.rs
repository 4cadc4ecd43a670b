//! What applying a configuration would change, in words.

use std::fmt;

use plugboard_model::Configuration;
use serde::{Deserialize, Serialize};

/// Every difference, in the order tenant, queues, agents, numbers, trunks, flows, prompts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub kind: ChangeKind,
    /// `tenant`, `queue`, `agent`, `number`, `trunk`, `flow` or `prompt`.
    pub resource: String,
    pub name: String,
    /// Of a changed resource only.
    #[serde(default)]
    pub fields: Vec<FieldChange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

/// A field as people write it: durations with their unit, secrets never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    /// `None`: it was not set.
    pub from: Option<String>,
    pub to: Option<String>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// One line a change; `no change` if there is none.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        Ok(())
    }
}

/// What leads from `old` to `new`. The revision is no difference; a time zone differs by its name.
pub fn diff(old: &Configuration, new: &Configuration) -> Changes {
    let _ = (old, new);
    Changes::default()
}
