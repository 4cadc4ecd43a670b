//! A tenant's packs as the API tells of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Fault, HostError};

/// What somebody wants done with a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackOrder {
    /// The file of a pack that the tenant does not have.
    Install {
        file: Vec<u8>,
        /// Only to say what would become of it.
        dry_run: bool,
    },
    /// The file of another version of a pack that the tenant has.
    Upgrade {
        pack: String,
        file: Vec<u8>,
        how: PackTrial,
        /// Only to say what would become of it.
        dry_run: bool,
    },
    /// The version on trial is tried otherwise, or serves all.
    Promote {
        pack: String,
        how: PackTrial,
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

/// How a version begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PackTrial {
    /// `shadow`, `share=5%`, `callers=+8613800138000,…`, `dialled=8001,…` or `tag=tier=gold`. Left out, it serves all.
    #[serde(default)]
    pub trial: Option<String>,
    /// What it may spend before it goes back on its own: `failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h`. What is left
    /// out stays as it is.
    #[serde(default)]
    pub budget: Option<String>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Tried beside the one that serves; `…/rollout` tells how it does, `…/promote` lets it serve.
    pub trial: Option<PackVersion>,
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

/// What became of an order, or would become of it.
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
    /// `None` once it is removed. Of a dry run, as it would be.
    pub pack: Option<PackView>,
    /// What stands in the file. In the answer to a dry run only, and always in that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<PackLook>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PackChange {
    /// Answers questions from here on; interactions that live keep the version that they began with.
    Serves,
    /// What serves goes on serving; this one is tried beside it.
    Tried,
    /// What serves goes on serving until somebody grants `to_grant`.
    Waits,
    Removed,
}

/// A pack with all that stands in the versions that are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackDetail {
    pub pack: PackView,
    /// What the version that waits, or is tried, asks for beside the one that serves: as `changes` of the upgrade told it. Empty if there is none.
    pub changes: Vec<Words>,
    /// In the order that `pack` names them in. A version whose file cannot be read is left out.
    pub versions: Vec<PackLook>,
}

/// What a pack is, what it asks for, and whose it is: for whoever decides whether it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackLook {
    pub id: String,
    pub version: String,
    /// Tells its content from any other: 64 hex digits.
    pub digest: String,
    /// The version of the contract that it was made for.
    pub contract: String,
    pub name: Words,
    pub description: Words,
    pub vendor: String,
    pub licence: String,
    pub components: Vec<ComponentLook>,
    /// Files beside the components.
    pub folders: Vec<FolderLook>,
    pub signature: SignatureLook,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComponentLook {
    /// As queues and flows name it: `acme.crm/lookup`.
    pub name: String,
    /// What it decides: `routing`.
    pub world: String,
    pub file: String,
    /// In bytes.
    pub length: u64,
    /// Versions of the contract that its interfaces have, as a rule one. Of a dry run.
    pub built_against: Option<Vec<String>>,
    /// What its imports are to the host, a line each. Of a dry run.
    pub imports: Option<Vec<Words>>,
    /// All that it asks for.
    pub permissions: Vec<Words>,
    /// Limits that it sets itself.
    pub limits: Vec<Words>,
    /// A line for each setting, in the pack's own words where it has any.
    pub settings: Vec<Words>,
    /// JSON Schema of its settings; `null`: it takes none.
    #[schema(value_type = Option<Object>)]
    pub settings_schema: Option<serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FolderLook {
    /// `prompts`, `flows`, `tests` or `translations`.
    pub what: String,
    /// Where they lie in the pack.
    pub folder: String,
    pub files: u64,
    /// Of all of them together.
    pub bytes: u64,
}

/// Whose a pack is, as the tenant sees it at present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignatureLook {
    /// `trusted`, `unsigned`, `unknown-key`, `key-revoked` and so on.
    pub code: String,
    pub verdict: Words,
    /// What to do about it; `null` where nothing is.
    pub remedy: Option<Words>,
    /// Whether the tenant takes it: in development more than what somebody trusted has signed.
    pub admitted: bool,
    /// Ids of the keys that have signed it.
    pub keys: Vec<String>,
    /// Those of them that are trusted, as administrators call them.
    pub by: Vec<String>,
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

/// Which version of a pack serves whom, and how they do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PackRollout)]
pub struct RolloutView {
    pub pack: String,
    pub stage: RolloutStage,
    /// Whom the candidate serves, as `trial` of `…/promote` takes it; of a long list only its length.
    pub audience: Option<String>,
    /// RFC 3339. Until then the stable version goes back on its own if it spends its budget.
    pub watched_until: Option<String>,
    /// What a new version may spend, as `…/promote` takes it.
    pub budget: String,
    /// The stable version first, then the candidate, the one before, and those that only interactions use which began with them.
    pub versions: Vec<RolloutVersion>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutStage {
    /// The stable version serves all.
    Alone,
    /// The candidate is asked beside the stable version, without effect.
    Shadow,
    /// The candidate serves its audience.
    Canary,
    /// The stable version is new, and watched.
    Watched,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutRole {
    Stable,
    Candidate,
    /// What a roll-back goes to.
    Before,
    /// Interactions that began with it use it.
    Old,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RolloutVersion {
    pub role: RolloutRole,
    pub version: String,
    pub digest: String,
    /// Interactions that live and began with it.
    pub live: u64,
    /// What was counted within the budget's window; of the stable version and the candidate.
    pub counted: Option<RolloutTally>,
}

/// What became of a version's questions and interactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RolloutTally {
    /// Interactions that ended.
    pub interactions: u32,
    /// Questions that it was asked.
    pub questions: u32,
    pub trapped: u32,
    /// It missed its deadline.
    pub late: u32,
    pub bad_answers: u32,
    /// It said itself that it has no answer.
    pub declined: u32,
    /// Callers who hung up while the flow had them.
    pub hung_up_in_flow: u32,
    /// Interactions that came to a queue.
    pub queued: u32,
    pub beyond_service_level: u32,
    /// A shadow's answers that were those of the stable version.
    pub same: u32,
    pub different: u32,
    /// A shadow's questions that were not asked, or not compared, because the host had more to do.
    pub dropped: u32,
}
