//! What a connector is asked and answers: the host's side of the WIT interface `connector`, item by item.
//!
//! Units, order, deadline, failure and trust are written once, in `wit/connector.wit`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    InteractionId, Timestamp,
    flow::{Refusal, RefusalCode},
};

/// A connector of a tenant: which component, what it is told, and how far it may reach. No secret stands here, only where each is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// The component's name: `connector-rest`, or `acme.crm/lookup` of a pack.
    pub plugin: Arc<str>,
    /// By name, at most [`Self::MOST_SETTINGS`]. Which there are is the component's matter.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Origins that it may send requests to: `https://crm.example.com`. Those that turn out to have a private address are refused.
    #[serde(default)]
    pub allow: BTreeSet<Arc<str>>,
    /// Origins that may also be in the installation's own networks.
    #[serde(default)]
    pub allow_private: BTreeSet<Arc<str>>,
    #[serde(default)]
    pub secrets: BTreeMap<Arc<str>, Secret>,
    /// Bytes that it may keep from one call to the next. Zero: none.
    #[serde(default)]
    pub kv_bytes: u64,
    /// No call takes longer, whatever a flow allows it; at most [`Self::LONGEST`].
    #[serde(default = "longest", with = "crate::configuration::millis", rename = "timeout_ms")]
    pub timeout: Duration,
    /// Calls at the same time, 1 to [`Self::MOST_CALLS`]; one more is refused.
    #[serde(default = "eight")]
    pub concurrent: u32,
    /// Calls a second, on the long run; one more is refused. `None`: no bound.
    #[serde(default)]
    pub per_second: Option<u32>,
}

impl Connector {
    /// Connectors of one tenant.
    pub const MOST: usize = 32;
    pub const MOST_SETTINGS: usize = 64;
    /// Bytes of a name.
    pub const LONGEST_NAME: usize = 64;
    /// Bytes of all settings.
    pub const LONGEST_SETTINGS: usize = 256 * 1024;
    pub const LONGEST: Duration = longest();
    pub const MOST_CALLS: u32 = 64;
    pub const MOST_PER_SECOND: u32 = 10_000;

    /// A component that may reach nothing.
    pub fn new(plugin: impl Into<Arc<str>>) -> Self {
        Self {
            plugin: plugin.into(),
            settings: BTreeMap::new(),
            allow: BTreeSet::new(),
            allow_private: BTreeSet::new(),
            secrets: BTreeMap::new(),
            kv_bytes: 0,
            timeout: Self::LONGEST,
            concurrent: eight(),
            per_second: None,
        }
    }
}

const fn longest() -> Duration {
    Duration::from_secs(10)
}

const fn eight() -> u32 {
    8
}

/// Where a secret is found when the connector is made ready, and where it may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub from: SecretSource,
    /// Origins that it may be sent to; none: all that the connector may reach.
    #[serde(default)]
    pub to: BTreeSet<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// A variable of the host's environment; its name begins with [`SecretSource::PREFIX`].
    Env(Arc<str>),
    /// The first line of a file among the tenant's secrets; a plain name, never a path.
    File(Arc<str>),
}

impl SecretSource {
    /// Without it a tenant could have any variable of the host's sent to itself.
    pub const PREFIX: &'static str = "PLUGBOARD_SECRET_";
}

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

impl ConnectorFailureCode {
    /// As the WIT has it: `not-found`. A component's own word is `other`: it may hold anything.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownOperation => "unknown-operation",
            Self::BadInput(_) => "bad-input",
            Self::NotFound => "not-found",
            Self::Denied => "denied",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::Limit => "limit",
            Self::BadAnswer => "bad-answer",
            Self::BadSettings => "bad-settings",
            Self::Other(_) => "other",
        }
    }
}

/// Why a flow's call of a connector has no output, and what the record says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoOutput {
    /// Kebab-case; stands in events, so it holds no word of the other system.
    pub outcome: &'static str,
    /// What the flow hears.
    pub refusal: Refusal,
}

impl NoOutput {
    pub fn new(outcome: &'static str, code: RefusalCode, message: impl Into<String>, retryable: bool) -> Self {
        Self { outcome, refusal: Refusal { code, message: message.into(), retryable } }
    }

    /// The host could not ask, or the component broke down.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new("failed", RefusalCode::Failed, message, true)
    }

    /// The deadline was faster.
    pub fn timed_out() -> Self {
        Self::new("timed-out", RefusalCode::Failed, "the connector did not answer in time", true)
    }
}

impl From<ConnectorFailure> for NoOutput {
    fn from(failure: ConnectorFailure) -> Self {
        let code = match failure.code {
            ConnectorFailureCode::NotFound => RefusalCode::NotFound,
            // `denied` and `limit` are what the host itself says.
            _ => RefusalCode::Failed,
        };
        Self::new(failure.code.as_str(), code, failure.message, failure.retry.is_some())
    }
}
