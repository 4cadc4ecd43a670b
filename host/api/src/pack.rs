//! A tenant's packs as the API tells of them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{Fault, HostError};

/// What somebody wants done with a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackOrder {
    /// The file of a pack that the tenant does not have.
    Install {
        file: Vec<u8>,
    },
    /// The file of another version of a pack that the tenant has.
    Upgrade {
        pack: String,
        file: Vec<u8>,
    },
    /// All that the waiting version asks for. `digest`: of the content that was looked at.
    Grant {
        pack: String,
        digest: String,
    },
    RollBack {
        pack: String,
    },
    Remove {
        pack: String,
    },
}

/// Why a pack stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackRefused {
    #[error("no pack {0:?}")]
    NoSuchPack(String),
    /// At least one.
    #[error("the pack has {} faults", .0.len())]
    Invalid(Vec<Fault>),
    /// It is right, and not now. `code` is kebab-case and stable.
    #[error("{detail}")]
    NotNow { code: &'static str, detail: String, remedy: String },
    #[error(transparent)]
    Host(#[from] HostError),
}

/// One text in both languages of the product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Words {
    pub en: String,
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

/// One pack of a tenant. At least one of `serving` and `waiting` is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Pack)]
pub struct PackView {
    pub id: String,
    pub name: Words,
    pub vendor: String,
    /// Answers questions.
    pub serving: Option<PackVersion>,
    /// Served before; `…/rollback` goes back to it.
    pub previous: Option<PackVersion>,
    /// Asks for more than was granted; `…/grant` lets it serve.
    pub waiting: Option<PackVersion>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackVersion {
    pub version: String,
    /// Tells its content from any other: 64 hex digits.
    pub digest: String,
    /// Keys that vouched for it when it came; none in development.
    pub signed_by: Vec<String>,
    pub components: Vec<PackComponent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackComponent {
    /// As queues and flows name it: `acme.crm/lookup`.
    pub name: String,
    /// What it decides: `routing`.
    pub world: String,
    /// All that it asks for, and may do once it is granted.
    pub permissions: Vec<Words>,
}

/// One thing that is asked for and not granted yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackAsk {
    pub component: String,
    pub ask: Words,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackChanged {
    pub outcome: PackChange,
    pub id: String,
    /// The version that the order was about.
    pub version: String,
    /// Its content's digest, for `…/grant`.
    pub digest: String,
    /// What has to be granted before it serves.
    pub to_grant: Vec<PackAsk>,
    /// What it asks for beside the version that served before: a line for each component, `+` more, `-` less, `=` the same. Empty for a pack
    /// that is new.
    pub changes: Vec<Words>,
    /// `None` once it is removed.
    pub pack: Option<PackView>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PackChange {
    /// Answers questions from here on; interactions that live keep the version that they began with.
    Serves,
    /// What serves goes on serving until somebody grants `to_grant`.
    Waits,
    Removed,
}

/// A part of what a pack's components wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackLog {
    /// In order of time.
    pub lines: Vec<PackLogLine>,
    /// To be sent as `after` for those that follow.
    pub next: u64,
    /// Lines after the one asked for that were written and are not kept any more.
    pub lost: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackLogLine {
    /// RFC 3339.
    pub at: String,
    /// `acme.crm/lookup`.
    pub component: String,
    /// `debug`, `info`, `warn` or `error`, as the component says.
    pub level: String,
    pub message: String,
    /// In the order of the component.
    pub fields: Vec<PackLogField>,
    /// Lines that were dropped before this one, because there were too many.
    pub dropped: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackLogField {
    pub name: String,
    pub value: String,
}
