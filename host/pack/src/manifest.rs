//! `plugin.toml`: what a pack says of itself.
//!
//! ```toml
//! [pack]
//! id = "acme.crm"
//! version = "1.2.0"
//! contract = "0.1.0"
//! licence = "Apache-2.0"
//! vendor = "Acme Ltd"
//! name = { en = "Acme CRM", zh-CN = "Acme 客户系统" }
//! description = { en = "Finds the caller in Acme CRM", zh-CN = "在 Acme 客户系统中查找来电者" }
//!
//! [folders]
//! prompts = "prompts"             # prompts/zh-CN/welcome.wav is played as acme.crm/welcome to whom zh-CN is spoken
//! flows = "flows"                 # flows/menu.json is run as acme.crm/menu
//! tests = "tests"
//! translations = "translations"   # translations/zh-CN.json: { "Most seconds": "最长秒数" }
//!
//! [components.lookup]
//! world = "connector"
//! file = "lookup.wasm"
//! settings = "lookup.schema.json"
//!
//! [components.lookup.asks]
//! http = ["https://crm.example.com"]
//! http-private = ["http://crm.lan:8080"]
//! secrets = { crm-token = ["https://crm.example.com"] }
//! kv = "64KiB"
//! effects = ["unmask"]
//!
//! [components.lookup.limits]
//! memory = "16MiB"
//! budget = "200ms"
//! answer = "256KiB"
//! ```

mod fault;
mod limits;
mod read;
mod sheet;

use semver::Version;
use serde::Serialize;

pub use fault::{ManifestFault, Place, Preamble, Wrong};
pub use limits::{Ceiling, LimitFault, Limits};
pub(crate) use read::{Contents, Part};
pub use sheet::place;

use crate::{ComponentName, FileName, PackId, Words, World, permissions::Asks};

/// The manifest's name in a pack.
pub const MANIFEST: &str = "plugin.toml";
/// Most bytes of a manifest.
pub const MOST_BYTES: usize = 64 * 1024;
/// Most components of a pack.
pub const MOST_COMPONENTS: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manifest {
    pub id: PackId,
    pub version: Version,
    /// The earliest version of `plugboard:plugin` that has all that the components use.
    pub contract: Version,
    /// An SPDX expression by custom; at most 64 characters.
    pub licence: String,
    /// At most 100 characters.
    pub vendor: String,
    /// At most 60 characters each.
    pub name: Words,
    /// At most 1,000 characters each.
    pub description: Words,
    /// At most [`MOST_COMPONENTS`], by name; at least one in a pack that brings neither prompts nor flows.
    pub components: Vec<Component>,
    pub folders: Folders,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Component {
    pub name: ComponentName,
    pub world: World,
    pub file: FileName,
    pub asks: Asks,
    pub limits: Limits,
    /// A JSON Schema (2020-12) that the tenant's settings have to meet; without it the component takes none.
    pub settings: Option<FileName>,
}

/// Where a pack keeps what is no code; each holds at least one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Folders {
    pub prompts: Option<FileName>,
    pub flows: Option<FileName>,
    pub tests: Option<FileName>,
    pub translations: Option<FileName>,
}

impl Manifest {
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.name.as_str() == name)
    }
}
