//! What a connector is asked and answers: the host's side of the WIT interface `connector`, item by item.
//!
//! Units, order, deadline, failure and trust are written once, in `wit/connector.wit`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{InteractionId, Timestamp};

/// Something that can be asked of another system. Schemas are JSON Schema 2020-12.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub name: String,
    pub title: String,
    pub input_schema: String,
    pub output_schema: String,
    /// Whether it changes anything over there.
    pub writes: bool,
}

/// One call of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub operation: String,
    /// JSON of the operation's schema, at most 64 KiB.
    pub input: String,
    /// The same for the same wish.
    pub key: String,
    pub interaction: Option<InteractionId>,
    pub at: Timestamp,
}

/// Something that happened here and that the other system wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same at each attempt.
    pub id: String,
    pub kind: String,
    pub at: Timestamp,
    /// From 1.
    pub attempt: u32,
    /// At most 64 KiB.
    pub json: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorFailure {
    pub code: ConnectorFailureCode,
    pub message: String,
    /// When it may work; `None`: never by itself.
    pub retry: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectorFailureCode {
    UnknownOperation,
    /// JSON Pointer to what is wrong in the input.
    BadInput(String),
    /// No error: a flow has an exit of that name.
    NotFound,
    Denied,
    Unreachable,
    TimedOut,
    Limit,
    BadAnswer,
    BadSettings,
    Other(String),
}
