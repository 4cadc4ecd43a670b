//! The components of a folder, as `cargo xtask plugins` leaves them: beside `NAME.wasm` what it is (`NAME.toml`, the manifest of its pack) and what it
//! takes as settings (`NAME.schema.json`). Both may be missing: whoever puts a component there need not describe it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use plugboard_pack::{Words, World};
use plugboard_plugin::Engine;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Refusal, engine, in_words, read, say, say_line, shown, spoken};
use crate::{
    cli::{
        list::show,
        table::{Cell, Column},
    },
    serve::shipped_plugins,
};

/// The components that come with the program, without packs: their worlds, versions and settings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard plugins                               all of them
  plugboard plugins rule-calling-hours            the settings of one
  plugboard plugins --json | jq '.[].settings_schema'

None of them has to be there: a host without a component takes the native default of its world. Packs of a tenant: `plugboard pack list`.")]
pub(crate) struct Plugins {
    /// That one, with its settings
    plugin: Option<String>,
    /// Folder of components, as `plugins` in plugboard.toml; without it, those beside the program
    #[arg(long, value_name = "FOLDER")]
    plugins: Option<PathBuf>,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// One line a component.
const PLUGINS: [Column; 4] = [
    ("plugin", "/name", Cell::Text),
    ("world", "/world", Cell::Text),
    ("version", "/version", Cell::Text),
    ("settings", "/setting_names", Cell::Text),
];
/// One line a setting.
const SETTINGS: [Column; 4] = [
    ("setting", "/name", Cell::Text),
    ("takes", "/takes", Cell::Text),
    ("default", "/default_text", Cell::Text),
    ("meaning", "/about_text", Cell::Text),
];

/// Most bytes of a component, a manifest or a schema that are read.
const MOST_BYTES: u64 = 64 << 20;

impl Plugins {
    pub(crate) fn run(self) -> ExitCode {
        let json = self.json;
        self.list().unwrap_or_else(|refusal| refusal.tell(json))
    }

    fn list(self) -> Result<ExitCode, Refusal> {
        let folder = self.plugins.unwrap_or_else(shipped_plugins);
        let unreadable = |error: std::io::Error| Refusal::Read { file: shown(&folder), reason: error.to_string() };
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder).map_err(unreadable)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "wasm"));
        files.sort_unstable();
        if let Some(wanted) = &self.plugin {
            files.retain(|file| file.file_stem().is_some_and(|stem| stem == wanted.as_str()));
            if files.is_empty() {
                let file = shown(&folder.join(format!("{wanted}.wasm")));
                return Err(Refusal::Read { file, reason: "it is not there".to_owned() });
            }
        }
        let engine = engine()?;
        let items = files.iter().map(|file| item(&engine, file)).collect::<Result<Vec<Value>, Refusal>>()?;
        match items.as_slice() {
            [one] if self.plugin.is_some() && !self.json => {
                for text in [&one["title_text"], &one["about_text"]].into_iter().filter_map(Value::as_str) {
                    say(&format!("{text}\n"));
                }
                match one["settings"].as_array() {
                    Some(settings) if !settings.is_empty() => show(settings, &SETTINGS, false),
                    _ => say_line("takes no settings"),
                }
            }
            items => show(items, &PLUGINS, self.json),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What of a manifest is shown here.
#[derive(Deserialize)]
struct Manifest {
    pack: About,
}

#[derive(Deserialize)]
struct About {
    version: String,
    name: Words,
    description: Words,
}

fn item(engine: &Engine, file: &Path) -> Result<Value, Refusal> {
    let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let bytes = read(file, MOST_BYTES)?;
    let no_component = |error| Refusal::Read { file: shown(file), reason: crate::chain(&error) };
    let exports = engine.inspect(&bytes).map_err(no_component)?.exports;
    let world = exports.iter().find_map(|export| export.parse::<World>().ok());
    let about = described(&file.with_extension("toml"))?;
    let schema = schema(&file.with_extension("schema.json"))?;
    let settings = schema.as_ref().map(settings).unwrap_or_default();
    let names: Vec<&str> = settings.iter().filter_map(|setting| setting["name"].as_str()).collect();
    let names = if schema.is_some() { Value::from(names.join(", ")) } else { Value::Null };
    Ok(json!({
        "name": name,
        "world": world,
        "version": about.as_ref().map(|about| &about.version),
        "title": about.as_ref().map(|about| &about.name),
        "title_text": about.as_ref().map(|about| in_words(&about.name)),
        "about": about.as_ref().map(|about| &about.description),
        "about_text": about.as_ref().map(|about| in_words(&about.description)),
        "setting_names": names,
        "settings": settings,
        "settings_schema": schema,
    }))
}

/// `None`: there is none.
fn described(file: &Path) -> Result<Option<About>, Refusal> {
    if !file.exists() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&read(file, MOST_BYTES)?).into_owned();
    let manifest: Result<Manifest, _> = toml::from_str(&text);
    let faulty = |error: toml::de::Error| Refusal::Read { file: shown(file), reason: error.message().to_owned() };
    manifest.map(|manifest| Some(manifest.pack)).map_err(faulty)
}

/// `None`: there is none.
fn schema(file: &Path) -> Result<Option<Value>, Refusal> {
    if !file.exists() {
        return Ok(None);
    }
    let faulty = |error: serde_json::Error| Refusal::Read { file: shown(file), reason: error.to_string() };
    serde_json::from_slice(&read(file, MOST_BYTES)?).map(Some).map_err(faulty)
}

/// The settings of a schema by name, those that are needed first.
fn settings(schema: &Value) -> Vec<Value> {
    let none = Map::new();
    let of = |key: &str| schema.get(key).and_then(Value::as_object).unwrap_or(&none);
    let is_needed = |name: &str| {
        let needed = schema.get("required").and_then(Value::as_array);
        needed.is_some_and(|names| names.iter().any(|needed| needed == name))
    };
    // A family of settings has a name of its own to be shown by: `weight.ATTRIBUTE`.
    let families = of("patternProperties").iter().map(|(pattern, setting)| {
        let shown = setting.get("x-name").and_then(Value::as_str);
        (shown.unwrap_or(pattern), setting)
    });
    let all = of("properties").iter().map(|(name, setting)| (name.as_str(), setting)).chain(families);
    let mut settings: Vec<Value> =
        all.map(|(name, setting)| described_setting(name, setting, is_needed(name))).collect();
    settings.sort_by_key(|setting| setting["needed"] == json!(false));
    settings
}

fn described_setting(name: &str, setting: &Value, needed: bool) -> Value {
    let text = |key: &str| setting.get(key).and_then(Value::as_str).unwrap_or_default();
    let english = [text("description"), text("title")].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let chinese = Some(text("x-zh-CN")).filter(|text| !text.is_empty()).unwrap_or(english);
    let about = Words::new(english, chinese);
    let default = setting.get("default");
    let default_text = match default {
        Some(Value::String(text)) if text.is_empty() => Value::Null,
        Some(Value::String(text)) => json!(text),
        Some(other) => json!(other.to_string()),
        None if needed => json!(spoken().say("needed")),
        None => Value::Null,
    };
    json!({
        "name": name, "takes": takes(setting), "default": default, "default_text": default_text, "needed": needed,
        "about_text": in_words(&about), "about": about,
    })
}

/// Which values it takes, as short as can be.
fn takes(setting: &Value) -> String {
    if let Some(words) = setting.get("enum").and_then(Value::as_array) {
        return words.iter().map(plain).collect::<Vec<_>>().join(" | ");
    }
    if let Some(one) = setting.get("const") {
        return plain(one);
    }
    let bound = |key: &str| setting.get(key).and_then(Value::as_i64);
    match (setting.get("type").and_then(Value::as_str), bound("minimum"), bound("maximum")) {
        (Some("integer"), Some(least), Some(most)) => format!("{least}…{most}"),
        (Some("boolean"), ..) => "true | false".to_owned(),
        (Some("string"), ..) => spoken().say("text").into_owned(),
        (Some(other), ..) => other.to_owned(),
        (None, ..) => "JSON".to_owned(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
