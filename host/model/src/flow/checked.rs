//! What is wrong with a flow or its settings, and what they refer to.

use serde::{Deserialize, Serialize};

use super::Token;

/// Why a plugin gives no answer, in its own words. The host counts it and takes the native default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("plugin gives no answer ({code}): {message}")]
pub struct Failure {
    pub code: FailureCode,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    #[error("cannot read the state")]
    BadState,
    #[error("settings are not usable")]
    BadSettings,
    #[error("re-run differs at token {0}")]
    Diverged(Token),
    #[error("answer would be over a bound")]
    TooLarge,
    #[error("too many nodes in one step")]
    Runaway,
    #[error("{0}")]
    Other(String),
}

/// What is wrong with a flow's settings (its document), for the person who has to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub severity: Severity,
    /// Kebab-case, stable: `dangling-exit`.
    pub code: String,
    pub node: Option<String>,
    /// JSON Pointer within the document (RFC 6901): `/nodes/menu/exits/1`.
    pub field: Option<String>,
    pub message: String,
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Must not be published.
    Error,
    Warning,
}

/// Something of the tenant's that a flow's settings name. What is only known in a call is not among these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub kind: ReferenceKind,
    pub name: String,
    pub node: Option<String>,
    /// JSON Pointer within the document (RFC 6901).
    pub field: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceKind {
    /// A file of the tenant's prompts, hold music included.
    Prompt,
    Queue,
    Skill,
    Agent,
    Flow,
    Connector,
    Other(String),
}
