//! What a new folder is made of. The contract in it is the one that this program speaks.

mod example;

use plugboard_pack::{ComponentName, World, archive::EXTENSION};
use plugboard_phrases::Language;
use plugboard_plugin::CONTRACT;

use super::Refusal;
use example::{CASES, EXAMPLES, Example};

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
    /// What `plugboard pack test` asks.
    cases: &'static str,
    /// Name and text of what its own tests read.
    reads: Option<(&'static str, &'static str)>,
    /// Whether it reads and writes JSON.
    json: bool,
}

macro_rules! template {
    ($world:ident, $name:literal, reads: $reads:expr, json: $json:literal) => {
        Template {
            world: World::$world,
            source: include_str!(concat!("template/", $name, ".rs")),
            manifest: include_str!(concat!("template/", $name, ".toml")),
            schema: include_str!(concat!("template/", $name, ".schema.json")),
            cases: include_str!(concat!("template/", $name, "-cases.json")),
            reads: $reads,
            json: $json,
        }
    };
}

const CALLS: (&str, &str) = ("tests/calls.txt", include_str!("template/flow-tests.txt"));
const RANKINGS: (&str, &str) = ("tests/rankings.txt", include_str!("template/routing-tests.txt"));
/// In `Cargo.toml`.
const SERDE_JSON: &str = "serde_json = { version = \"1\", default-features = false, features = [\"alloc\"] }\n";

const RUST: [Template; World::ALL.len()] = [
    template!(Flow, "flow", reads: Some(CALLS), json: false),
    template!(Routing, "routing", reads: Some(RANKINGS), json: false),
    template!(Compliance, "compliance", reads: None, json: false),
    template!(Connector, "connector", reads: None, json: true),
    template!(Channel, "channel", reads: None, json: true),
    template!(Assistant, "assistant", reads: None, json: false),
    template!(Dialer, "dialer", reads: None, json: false),
];

/// Where a new folder comes from.
pub(super) enum Origin {
    Rust(&'static Template),
    Example(&'static Example),
}

impl Origin {
    pub(super) fn find(code: &str, world: World) -> Result<Self, Refusal> {
        let rust = RUST.iter().find(|template| code == "rust" && template.world == world);
        if let Some(template) = rust {
            return Ok(Self::Rust(template));
        }
        let Some(example) = Example::find(code) else {
            let others = EXAMPLES.map(|example| example.code).join(", ");
            return Err(Refusal::NoTemplate { language: code.to_owned(), known: format!("rust, {others}") });
        };
        match world {
            World::Routing => Ok(Self::Example(example)),
            _ => Err(Refusal::NoTemplateOfWorld { world, language: example.code }),
        }
    }

    fn reads_json(&self) -> bool {
        matches!(self, Self::Rust(template) if template.json)
    }

    /// From the new folder to a signed pack, one after the other.
    pub(super) fn commands(&self, name: &ComponentName) -> Vec<String> {
        let (pack, module) = (pack(name), name.as_str().replace('-', "_"));
        let mut commands = match self {
            Self::Rust(_) => vec![
                "cargo test --target-dir target".to_owned(),
                "cargo build --release --target wasm32-unknown-unknown --target-dir target".to_owned(),
                format!(
                    "plugboard pack build . --file {name}.wasm=target/wasm32-unknown-unknown/release/{module}.wasm"
                ),
            ],
            Self::Example(example) => {
                let mut commands = example.build(name);
                commands.push("plugboard pack build .".to_owned());
                commands
            }
        };
        commands.extend([
            format!("plugboard pack test {pack}"),
            "plugboard pack key new mine".to_owned(),
            format!("plugboard pack sign {pack} --key mine.key"),
            format!("plugboard pack verify {pack} --trust mine.pub"),
        ]);
        commands
    }

    /// Names relative to the folder, and texts.
    pub(super) fn files(&self, name: &ComponentName, language: Language) -> Vec<(String, String)> {
        let commands: Vec<String> = self.commands(name).iter().map(|command| format!("    {command}")).collect();
        let world = match self {
            Self::Rust(template) => template.world,
            Self::Example(_) => World::Routing,
        };
        let fill = |text: &str| {
            text.replace("@NAME@", name.as_str())
                .replace("@WORLD@", world.name())
                .replace("@CONTRACT@", CONTRACT)
                .replace("@COMMANDS@", &commands.join("\n"))
                .replace("@PACK@", &pack(name))
                .replace("@SERDE_JSON@", if self.reads_json() { SERDE_JSON } else { "" })
        };
        let in_language = |english: &'static str, chinese: &'static str| match language {
            Language::English => english,
            Language::Chinese => chinese,
        };
        let gitignore = (".gitignore", include_str!("template/gitignore.txt").to_owned());
        let own = match self {
            Self::Rust(template) => {
                let readme = in_language(include_str!("template/README.md"), include_str!("template/README.zh-CN.md"));
                let reads = template.reads.map(|(file, text)| (file, text.to_owned()));
                let own = [
                    ("plugin.toml", template.manifest.to_owned()),
                    ("Cargo.toml", include_str!("template/Cargo.toml.txt").to_owned()),
                    ("src/lib.rs", template.source.to_owned()),
                    ("settings.schema.json", template.schema.to_owned()),
                    ("tests/cases.json", template.cases.to_owned()),
                    ("README.md", readme.to_owned()),
                    gitignore,
                ];
                own.into_iter().chain(reads).collect()
            }
            Self::Example(example) => {
                let readme = in_language(
                    include_str!("template/example-README.md"),
                    include_str!("template/example-README.zh-CN.md"),
                );
                let limits =
                    example.memory.map(|memory| format!("\n[components.@NAME@.limits]\nmemory = \"{memory}\"\n"));
                let script = example.script.map(|(file, text)| (file, text.to_owned()));
                let own = [
                    ("plugin.toml", include_str!("template/example.toml").to_owned() + &limits.unwrap_or_default()),
                    (example.source.0, example.source.1.to_owned()),
                    ("tests/last-agent.json", CASES.to_owned()),
                    ("README.md", readme.replace("@SOURCE@", example.source.0)),
                    gitignore,
                ];
                own.into_iter().chain(script).collect::<Vec<_>>()
            }
        };
        let own = own.into_iter().map(|(file, text)| (file.to_owned(), fill(&text)));
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
