//! What a new folder is made of. The contract in it is the one that this program speaks.

use plugboard_pack::{ComponentName, World, archive::EXTENSION};
use plugboard_phrases::Language;
use plugboard_plugin::CONTRACT;

use super::Refusal;

/// The version that a new pack begins with.
const VERSION: &str = "0.1.0";

macro_rules! wit {
    ($($name:literal),+) => {
        [$(($name, include_str!(concat!("../../../../../../wit/", $name)))),+]
    };
}

/// All of `wit/`, so that the author can turn to another world.
const WIT: [(&str, &str); 12] = wit![
    "assistant.wit",
    "channel.wit",
    "common.wit",
    "compliance.wit",
    "config.wit",
    "connector.wit",
    "dialer.wit",
    "flow.wit",
    "http.wit",
    "kv.wit",
    "log.wit",
    "routing.wit"
];

/// What differs from world to world; the rest is the same for every plugin in Rust.
pub(super) struct Template {
    world: World,
    source: &'static str,
    manifest: &'static str,
    schema: &'static str,
    /// Name and text of the test cases.
    cases: (&'static str, &'static str),
}

const RUST: [Template; 2] = [
    Template {
        world: World::Flow,
        source: include_str!("template/flow.rs"),
        manifest: include_str!("template/flow.toml"),
        schema: include_str!("template/flow.schema.json"),
        cases: ("tests/calls.txt", include_str!("template/flow-tests.txt")),
    },
    Template {
        world: World::Routing,
        source: include_str!("template/routing.rs"),
        manifest: include_str!("template/routing.toml"),
        schema: include_str!("template/routing.schema.json"),
        cases: ("tests/rankings.txt", include_str!("template/routing-tests.txt")),
    },
];

impl Template {
    pub(super) fn find(code: &str, world: World) -> Result<&'static Self, Refusal> {
        if code != "rust" {
            return Err(Refusal::NoTemplate { language: code.to_owned(), known: "rust".to_owned() });
        }
        RUST.iter().find(|template| template.world == world).ok_or_else(|| {
            let known: Vec<&str> = RUST.iter().map(|template| template.world.name()).collect();
            Refusal::NoTemplateOfWorld { world, known: known.join(" and ") }
        })
    }

    /// From the new folder to a signed pack, one after the other.
    pub(super) fn commands(&self, name: &ComponentName) -> Vec<String> {
        let (pack, module) = (pack(name), name.as_str().replace('-', "_"));
        vec![
            "cargo test --target-dir target".to_owned(),
            "cargo build --release --target wasm32-unknown-unknown --target-dir target".to_owned(),
            format!("plugboard pack build . --file {name}.wasm=target/wasm32-unknown-unknown/release/{module}.wasm"),
            "plugboard pack key new mine".to_owned(),
            format!("plugboard pack sign {pack} --key mine.key"),
            format!("plugboard pack verify {pack} --trust mine.pub"),
        ]
    }

    /// Names relative to the folder, and texts.
    pub(super) fn files(&self, name: &ComponentName, language: Language) -> Vec<(String, String)> {
        let commands: Vec<String> = self.commands(name).iter().map(|command| format!("    {command}")).collect();
        let fill = |text: &str| {
            text.replace("@NAME@", name.as_str())
                .replace("@WORLD@", self.world.name())
                .replace("@CONTRACT@", CONTRACT)
                .replace("@COMMANDS@", &commands.join("\n"))
                .replace("@PACK@", &pack(name))
        };
        let readme = match language {
            Language::English => include_str!("template/README.md"),
            Language::Chinese => include_str!("template/README.zh-CN.md"),
        };
        let own = [
            ("plugin.toml", self.manifest),
            ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
            ("src/lib.rs", self.source),
            ("settings.schema.json", self.schema),
            self.cases,
            ("README.md", readme),
            (".gitignore", include_str!("template/gitignore.txt")),
        ];
        let own = own.into_iter().map(|(file, text)| (file.to_owned(), fill(text)));
        own.chain(WIT.iter().map(|(file, text)| (format!("wit/{file}"), (*text).to_owned()))).collect()
    }
}

fn pack(name: &ComponentName) -> String {
    format!("example.{name}-{VERSION}.{EXTENSION}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_has_the_whole_contract() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut there: Vec<String> = entries.filter(|name| name.ends_with(".wit")).collect();
        there.sort_unstable();
        assert_eq!(WIT.map(|(name, _)| name.to_owned()).to_vec(), there);
    }
}
