//! The imports that the engine finds in a component, held against its world and its asks.

use serde::Serialize;

use super::Asks;
use crate::{Bytes, Words, World};

/// What an imported interface is to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Import {
    /// Types of the contract: nothing is reached by them.
    Types,
    Log,
    /// The tenant's settings of this component.
    Config,
    Kv,
    Http,
    /// Present in every world, and empty: no files, no arguments, no sockets. In a pure world its clocks stand still as well.
    Wasi,
    /// The host has nothing of this name.
    Unknown,
}

/// Why a component's import does not go with its manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportFault {
    #[error("imports {import}, which this host does not have")]
    Unknown { import: String },
    #[error("imports {import}, which a component of the world {world} may not reach")]
    NotInWorld { import: String, world: World },
    #[error("imports {import}, but its manifest asks for none of it")]
    NotAsked { import: String, ask: &'static str },
}

impl ImportFault {
    /// One sentence for the author.
    pub fn remedy(&self) -> String {
        match self {
            Self::Unknown { .. } => {
                "build it against plugboard:plugin alone, or with WASI 0.2 and without wasi:http".into()
            }
            Self::NotInWorld { .. } => {
                "take what it needs from the question's arguments, or move it to a connector".into()
            }
            Self::NotAsked { ask, .. } => format!("write {ask} below the component's asks"),
        }
    }
}

impl Import {
    /// Of an interface's name as a component has it: `plugboard:plugin/http@0.1.0`.
    pub fn of(name: &str) -> Self {
        let (interface, _version) = name.split_once('@').unwrap_or((name, ""));
        match interface.split_once('/') {
            Some(("plugboard:plugin", "log")) => Self::Log,
            Some(("plugboard:plugin", "config")) => Self::Config,
            Some(("plugboard:plugin", "kv")) => Self::Kv,
            Some(("plugboard:plugin", "http")) => Self::Http,
            Some(("plugboard:plugin", types)) if types == "common" || types.ends_with("-types") => Self::Types,
            Some(("wasi:cli" | "wasi:clocks" | "wasi:filesystem" | "wasi:io" | "wasi:random" | "wasi:sockets", _)) => {
                Self::Wasi
            }
            _ => Self::Unknown,
        }
    }

    pub fn words(&self) -> Words {
        match self {
            Self::Types => Words::new("words of the contract", "合约中的类型定义"),
            Self::Log => Words::new("writes to the host's log", "写入主机日志"),
            Self::Config => Words::new("reads its own settings", "读取自己的设置"),
            Self::Kv => Words::new("keeps state of its own", "保存自己的数据"),
            Self::Http => Words::new("sends requests to other systems", "向其他系统发送请求"),
            Self::Wasi => Words::new(
                "uses WASI, which is empty here: no files, no network",
                "使用 WASI，此处为空：无文件、无网络",
            ),
            Self::Unknown => Words::new("something that this host does not have", "本主机没有的接口"),
        }
    }
}

/// What is wrong with `imports`, the interfaces that a component of `world` imports. All at once, in their order.
pub fn check_imports<'a>(world: World, asks: &Asks, imports: impl IntoIterator<Item = &'a str>) -> Vec<ImportFault> {
    let open = !world.is_pure();
    let check = |name: &'a str| {
        let import = name.to_owned();
        let (in_world, asked, ask) = match Import::of(name) {
            Import::Unknown => return Some(ImportFault::Unknown { import }),
            Import::Types | Import::Log | Import::Wasi => return None,
            Import::Config => (open, true, ""),
            Import::Kv => (open, asks.kv > Bytes(0), "kv = \"64KiB\""),
            Import::Http => (open, !asks.http.is_empty(), "http = [\"https://crm.example.com\"]"),
        };
        match (in_world, asked) {
            (false, _) => Some(ImportFault::NotInWorld { import, world }),
            (true, false) => Some(ImportFault::NotAsked { import, ask }),
            (true, true) => None,
        }
    };
    imports.into_iter().filter_map(check).collect()
}
