//! What stands in a pack, for whoever shall run it.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use clap::Args;
use plugboard_config::Fault;
use plugboard_pack::{
    FileName, Manifest, Pack,
    manifest::Component,
    permissions::Import,
    signature::{Signatures, TrustStore, Verdict},
};
use plugboard_phrases::Language;
use plugboard_plugin::Inspected;
use serde_json::{Value, json};

use super::{Refusal, count, engine, in_words, open, say, shown, size, spoken};
use crate::{
    clock::Clock,
    packs::{
        contents,
        fit::{self, Depth},
    },
};

/// Show what a pack is and what it asks for, in words
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack inspect acme.crm-1.2.0.pbpack
  plugboard pack inspect acme.crm-1.2.0.pbpack --json | jq '.components[].asks'

It runs nothing of the pack. Exit code 1 if no host would take it. Whose the signatures are tells `plugboard pack verify`.")]
pub(crate) struct Inspect {
    /// The pack
    file: PathBuf,
    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl Inspect {
    pub(super) fn run(self) -> Result<ExitCode, Refusal> {
        let pack = open(&self.file)?;
        let verdict = pack.judge(&TrustStore::default(), None, Clock::start().now());
        let engine = engine()?;
        let looks =
            pack.manifest().components.iter().map(|component| fit::look(&engine, &pack, component, Depth::Names));
        let (inspected, mut unfit): (Vec<_>, Vec<_>) = looks.unzip();
        unfit.push(fit::contract(pack.manifest()).into_iter().collect());
        unfit.push(contents::unfit(&pack).into_iter().map(|(_, unfit)| unfit).collect());
        let faults: Vec<Fault> =
            unfit.iter().flatten().map(|unfit| unfit.fault(shown(&self.file).into(), None)).collect();
        let looked = Looked { pack: &pack, verdict: &verdict, inspected: &inspected };
        if self.json {
            say(&format!("{}\n", json_of(&looked, &faults, &shown(&self.file))));
        } else {
            say(&text_of(&looked, spoken()));
            if !faults.is_empty() {
                return Err(Refusal::Faults(faults));
            }
        }
        Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A pack, and what each of its components names, in the manifest's order; `None` for one that cannot be read.
struct Looked<'a> {
    pack: &'a Pack,
    verdict: &'a Verdict,
    inspected: &'a [Option<Inspected>],
}

fn text_of(looked: &Looked<'_>, language: Language) -> String {
    let Looked { pack, verdict, inspected } = *looked;
    let manifest = pack.manifest();
    let mut lines = Lines { language, text: String::new() };
    lines.add(0, &format!("{} {}", manifest.id, manifest.version));
    lines.plain(1, in_words(&manifest.name));
    lines.plain(1, in_words(&manifest.description));
    lines.add(1, &format!("by {}, licence {}", manifest.vendor, manifest.licence));
    lines.add(1, &format!("contract {}", manifest.contract));
    lines.add(1, &format!("digest {}", pack.digest()));
    for (component, inspected) in manifest.components.iter().zip(inspected) {
        lines.text.push('\n');
        component_in(&mut lines, pack, component, inspected.as_ref());
    }
    lines.text.push('\n');
    folders_in(&mut lines, pack, manifest);
    signatures_in(&mut lines, pack, verdict);
    lines.text
}

fn component_in(lines: &mut Lines, pack: &Pack, component: &Component, inspected: Option<&Inspected>) {
    let length = pack.component(component).map_or(0, <[u8]>::len) as u64;
    lines.add(
        0,
        &format!("component {}: world {}, {}, {}", component.name, component.world, component.file, size(length)),
    );
    if let Some(inspected) = inspected {
        imports_in(lines, inspected);
    }
    if component.asks.is_empty() {
        lines.add(1, "asks for nothing");
    }
    for ask in component.asks.each() {
        lines.plain(1, in_words(&ask.words()));
    }
    let limits = &component.limits;
    if let Some(memory) = limits.memory {
        lines.add(1, &format!("sets itself {memory} of memory"));
    }
    if let Some(budget) = limits.budget {
        lines.add(1, &format!("sets itself {budget:?} for an answer"));
    }
    if let Some(answer) = limits.answer {
        lines.add(1, &format!("sets itself {answer} as its longest answer"));
    }
    match pack.settings_schema(&component.name) {
        None => lines.add(1, "takes no settings"),
        Some(schema) => settings_in(lines, schema, &contents::translations(pack, lines.language.tag())),
    }
}

fn imports_in(lines: &mut Lines, inspected: &Inspected) {
    if inspected.imports.is_empty() {
        lines.add(1, "imports nothing: it sees what it is asked, and no more");
    }
    // Of WASI's many interfaces one line is enough, and types reach nothing.
    let mut told = Vec::new();
    for import in inspected.imports.iter().map(|name| Import::of(name)) {
        if import != Import::Types && !told.contains(&import) {
            lines.plain(1, in_words(&import.words()));
            told.push(import);
        }
    }
}

/// A line for each setting, as far as a schema says it in plain words; in the pack's own words of the language, where it has any.
fn settings_in(lines: &mut Lines, schema: &Value, words: &BTreeMap<String, String>) {
    let none = serde_json::Map::new();
    let settings = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    lines.add(1, &format!("takes {}", count(settings.len(), "setting")));
    let needed: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (name, setting) in settings {
        let kind = setting.get("type").and_then(Value::as_str).unwrap_or("any");
        let in_words = |english: &str| words.get(english).map_or_else(|| tame(english), |words| tame(words));
        let told = |key: &str| setting.get(key).and_then(Value::as_str).map(in_words).unwrap_or_default();
        let about = [told("title"), told("description")].into_iter().find(|text| !text.is_empty());
        let default = setting.get("default").map(|default| tame(&default.to_string()));
        let presence = match (needed.contains(&name.as_str()), default) {
            (true, _) => lines.language.say("needed").into_owned(),
            (false, Some(default)) => lines.language.say(&format!("default {default}")).into_owned(),
            (false, None) => lines.language.say("may be left out").into_owned(),
        };
        let about = about.map(|about| format!(": {about}")).unwrap_or_default();
        lines.plain(2, &format!("{} ({}, {presence}){about}", tame(name), tame(kind)));
    }
}

fn folders_in(lines: &mut Lines, pack: &Pack, manifest: &Manifest) {
    let folders = &manifest.folders;
    let named = [
        ("prompts", &folders.prompts),
        ("flows", &folders.flows),
        ("tests", &folders.tests),
        ("translations", &folders.translations),
    ];
    for (what, folder) in named {
        let Some(folder) = folder else { continue };
        let (files, bytes) = below(pack, folder);
        lines.add(0, &format!("{what}: {} in {folder}, {}", count(files, "file"), size(bytes)));
    }
}

/// How many files lie below a folder, and how long they are together.
fn below(pack: &Pack, folder: &FileName) -> (usize, u64) {
    let lengths = pack.archive().files().filter(|(name, _)| name.is_below(folder)).map(|(_, bytes)| bytes.len() as u64);
    lengths.fold((0, 0), |(files, bytes), length| (files + 1, bytes + length))
}

fn signatures_in(lines: &mut Lines, pack: &Pack, verdict: &Verdict) {
    match verdict {
        Verdict::UnknownKey { keys } => {
            for key in keys {
                lines.add(0, &format!("signed with the key {key}, not verified here"));
            }
            let file = "plugboard pack verify FILE --trust KEY";
            lines.add(1, &format!("verify with: {file}"));
        }
        verdict => lines.plain(0, in_words(&verdict.words())),
    }
    if pack.archive().get(plugboard_pack::archive::SIGNATURE).is_none() {
        lines.add(1, "a host takes it in development mode only");
    }
}

/// What a terminal would act on, made harmless: descriptions are the vendor's words.
fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

struct Lines {
    language: Language,
    text: String,
}

impl Lines {
    /// A sentence of the catalogue.
    fn add(&mut self, indent: usize, english: &str) {
        let said = self.language.say(english).into_owned();
        self.plain(indent, &said);
    }

    fn plain(&mut self, indent: usize, text: &str) {
        self.text += &"  ".repeat(indent);
        self.text += text;
        self.text.push('\n');
    }
}

fn json_of(looked: &Looked<'_>, faults: &[Fault], file: &str) -> Value {
    let Looked { pack, verdict, inspected } = *looked;
    let manifest = pack.manifest();
    let components: Vec<Value> = manifest
        .components
        .iter()
        .zip(inspected)
        .map(|(component, inspected)| {
            let words: Vec<_> = component.asks.each().iter().map(plugboard_pack::permissions::Ask::words).collect();
            json!({
                "name": component.name, "world": component.world, "file": component.file,
                "length": pack.component(component).map_or(0, <[u8]>::len),
                "built_against": inspected.as_ref().map(|inspected| &inspected.contracts),
                "imports": inspected.as_ref().map(|inspected| &inspected.imports),
                "asks": component.asks, "asks_in_words": words, "limits": component.limits,
                "settings_schema": pack.settings_schema(&component.name),
            })
        })
        .collect();
    let signers = Signatures::of(pack.archive()).ok().flatten().map(|signatures| signatures.signers);
    let keys: Vec<_> = signers.into_iter().flatten().map(|signed| signed.key).collect();
    // Nobody was named whom one could trust.
    let code = if matches!(verdict, Verdict::UnknownKey { .. }) { "not-verified" } else { verdict.code() };
    json!({
        "ok": faults.is_empty(), "faults": faults, "file": file, "id": manifest.id, "version": manifest.version, "digest": pack.digest(),
        "contract": manifest.contract, "licence": manifest.licence, "vendor": manifest.vendor, "name": manifest.name,
        "description": manifest.description, "components": components, "folders": manifest.folders,
        "files": pack.archive().listing(),
        "signature": { "keys": keys, "code": code },
    })
}
