//! What a new folder is made of. The contract in it is the one that this program speaks.

mod language;
mod plugin;

use plugboard_pack::{ComponentName, World, archive::EXTENSION};
use plugboard_phrases::Language as Spoken;
use plugboard_plugin::CONTRACT;

use super::Refusal;
use language::{LANGUAGES, Language};
use plugin::{PLUGINS, Plugin};

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

/// The plugin of a world, in one language.
pub(super) struct Template {
    plugin: &'static Plugin,
    language: &'static Language,
    source: &'static str,
}

impl Template {
    /// `code`: as `--lang` takes it.
    pub(super) fn find(code: &str, world: World) -> Result<Self, Refusal> {
        let Some(language) = LANGUAGES.iter().find(|language| language.codes.contains(&code)) else {
            let known: Vec<&str> = LANGUAGES.iter().map(|language| language.codes[0]).collect();
            return Err(Refusal::NoTemplate { language: code.to_owned(), known: known.join(", ") });
        };
        let plugin = PLUGINS.iter().find(|plugin| plugin.world == world);
        let found = plugin.and_then(|plugin| Some(Self { plugin, language, source: plugin.source(language)? }));
        found.ok_or_else(|| {
            let worlds: Vec<&str> = PLUGINS
                .iter()
                .filter(|plugin| plugin.source(language).is_some())
                .map(|plugin| plugin.world.name())
                .collect();
            Refusal::NoTemplateOfWorld { world, language: language.codes[0], worlds: worlds.join(", ") }
        })
    }

    /// From the new folder to a signed pack, one after the other.
    pub(super) fn commands(&self, name: &ComponentName) -> Vec<String> {
        let own = self.language.commands.iter().copied().chain(PACKED.iter().copied());
        own.map(|command| self.fill(name, command)).collect()
    }

    /// Names relative to the folder, and texts.
    pub(super) fn files(&self, name: &ComponentName, spoken: Spoken) -> Vec<(String, String)> {
        let Self { plugin, language, source } = self;
        let readme = match spoken {
            Spoken::English => include_str!("template/README.md"),
            Spoken::Chinese => include_str!("template/README.zh-CN.md"),
        };
        let is_there = |line: &&str| plugin.schema.is_some() || !line.contains(SCHEMA);
        let readme: String = readme.split_inclusive('\n').filter(is_there).collect();
        let mut own = vec![
            ("plugin.toml", include_str!("template/plugin.toml").to_owned()),
            (language.source, (*source).to_owned()),
            ("tests/cases.json", plugin.cases.to_owned()),
            ("README.md", readme),
            (".gitignore", include_str!("template/gitignore.txt").to_owned()),
        ];
        own.extend(plugin.schema.map(|schema| (SCHEMA, schema.to_owned())));
        own.extend(language.files.iter().map(|(file, text)| (*file, (*text).to_owned())));
        if self.has_own_world() {
            own.push(("wit/own.wit", include_str!("template/own.wit").to_owned()));
        }
        if language.is_rust() {
            own.extend(plugin.read_by_rust.map(|(file, text)| (file, text.to_owned())));
        }
        let wit = WIT.iter().map(|(file, text)| (format!("wit/{file}"), (*text).to_owned()));
        own.into_iter().map(|(file, text)| (file.to_owned(), self.fill(name, &text))).chain(wit).collect()
    }

    /// Whether it says in a world of its own what it imports, lest it asks for more than it uses.
    fn has_own_world(&self) -> bool {
        self.language.imports_all && !self.plugin.uses.is_empty()
    }

    fn fill(&self, name: &ComponentName, text: &str) -> String {
        let Self { plugin, language, .. } = self;
        let (english, chinese) = plugin.about;
        // What others stand in goes first.
        let commands = || self.commands(name).iter().map(|command| format!("    {command}")).collect::<Vec<_>>();
        let text = if text.contains("@COMMANDS@") {
            text.replace("@COMMANDS@", &commands().join("\n"))
        } else {
            text.to_owned()
        };
        let limits = language.memory.map(|memory| format!("\n[components.@NAME@.limits]\nmemory = \"{memory}\"\n"));
        text.replace("@SCHEMA@", if plugin.schema.is_some() { "settings = \"settings.schema.json\"\n" } else { "" })
            .replace("@LIMITS@", &limits.unwrap_or_default())
            .replace("@ASKS@", plugin.asks)
            .replace("@SERDE_JSON@", if plugin.reads_json { language::SERDE_JSON } else { "" })
            .replace("@IMPORTS@", &plugin.uses.iter().map(|name| format!("  import {name};\n")).collect::<String>())
            .replace("@BINDINGS@", if self.has_own_world() { "own-plugin" } else { "@WORLD@-plugin" })
            .replace("@NAME@", name.as_str())
            .replace("@MODULE@", &name.as_str().replace('-', "_"))
            .replace("@WORLD@", plugin.world.name())
            .replace("@CONTRACT@", CONTRACT)
            .replace("@ENGLISH@", english)
            .replace("@CHINESE@", chinese)
            .replace("@SOURCE@", language.source)
            .replace("@PACK@", &format!("example.{name}-{VERSION}.{EXTENSION}"))
    }
}

const SCHEMA: &str = "settings.schema.json";

/// What follows the build, the same in every language.
const PACKED: [&str; 4] = [
    "plugboard pack test @PACK@",
    "plugboard pack key new mine",
    "plugboard pack sign @PACK@ --key mine.key",
    "plugboard pack verify @PACK@ --trust mine.pub",
];

#[cfg(test)]
mod tests {
    use plugboard_kit::Case;
    use plugboard_pack::manifest::Manifest;

    use super::*;

    /// Each plugin in each language that it is written in.
    fn all() -> impl Iterator<Item = Template> {
        let of = |plugin| {
            let template = move |language| Some(Template { plugin, language, source: plugin.source(language)? });
            LANGUAGES.iter().filter_map(template)
        };
        PLUGINS.iter().flat_map(of)
    }

    #[test]
    fn a_new_folder_lacks_nothing_that_its_manifest_names_and_its_cases_ask_its_own_world() {
        let name: ComponentName = "my-plugin".parse().unwrap();
        for template in all() {
            let here = format!("{} in {}", template.plugin.world, template.language.codes[0]);
            for (files, commands) in [Spoken::English, Spoken::Chinese]
                .map(|spoken| (template.files(&name, spoken), template.commands(&name)))
            {
                let text = |file: &str| files.iter().find(|(name, _)| name == file).map(|(_, text)| text.as_str());
                let manifest =
                    Manifest::parse(text("plugin.toml").unwrap()).unwrap_or_else(|faults| panic!("{here}: {faults:?}"));
                let component = manifest.component("my-plugin").unwrap();
                assert_eq!(component.world, template.plugin.world, "{here}");
                let schema = component.settings.as_ref().map(|file| text(file.as_str()).unwrap());
                assert_eq!(schema.is_some(), template.plugin.schema.is_some(), "{here}");
                assert!(
                    schema.is_none_or(|schema| serde_json::from_str::<serde_json::Value>(schema).is_ok()),
                    "{here}"
                );
                let cases = Case::read("tests/cases.json", text("tests/cases.json").unwrap().as_bytes());
                let asks: Vec<_> = cases.unwrap().into_iter().flat_map(|case| case.asks).collect();
                assert!(
                    !asks.is_empty() && asks.iter().all(|asked| asked.ask.world() == Some(component.world)),
                    "{here}"
                );
                assert!(text(template.language.source).is_some_and(|source| !source.is_empty()), "{here}");
                let blank = |text: &str| {
                    text.split('@')
                        .skip(1)
                        .any(|word| word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
                };
                let own = files.iter().filter(|(file, _)| !file.starts_with("wit/")).map(|(_, text)| text);
                let left: Vec<&String> = own.chain(&commands).filter(|text| blank(text)).collect();
                assert!(left.is_empty(), "{here}: {left:?}");
            }
        }
    }

    #[test]
    fn a_new_folder_has_the_whole_contract() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut there: Vec<String> = entries.filter(|name| name.ends_with(".wit")).collect();
        there.sort_unstable();
        assert_eq!(WIT.map(|(name, _)| name.to_owned()).to_vec(), there);
    }
}
