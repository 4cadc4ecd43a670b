//! What stands in a pack, in words for whoever decides about it: `plugboard pack inspect` prints them, the API tells them before a pack is in force.

use std::collections::BTreeMap;

use plugboard_api::{ComponentLook, FolderLook, PackLook, SignatureLook, Words};
use plugboard_pack::{
    FileName, Pack,
    manifest::{self, Component},
    permissions::{Ask, Import},
    signature::{Mode, Signatures, Verdict},
};
use plugboard_phrases::Language;
use plugboard_plugin::Inspected;
use serde_json::Value;

use super::{contents, full_name, kept::told};

/// `inspected`: what each component names, in the manifest's order; empty where nobody looked into them.
pub(crate) fn look(pack: &Pack, inspected: &[Option<Inspected>], verdict: &Verdict, mode: Mode) -> PackLook {
    let manifest = pack.manifest();
    let settings = Settings::of(pack);
    let components = manifest.components.iter().enumerate();
    let component = |(index, component): (usize, &Component)| {
        let inspected = inspected.get(index).and_then(Option::as_ref);
        ComponentLook {
            name: full_name(&manifest.id, &component.name),
            world: component.world.to_string(),
            file: component.file.to_string(),
            length: pack.component(component).map_or(0, <[u8]>::len) as u64,
            built_against: inspected.map(|inspected| inspected.contracts.clone()),
            imports: inspected.map(imports),
            permissions: component.asks.each().iter().map(|ask: &Ask| told(ask.words())).collect(),
            limits: limits(&component.limits),
            settings: pack.settings_schema(&component.name).map(|schema| settings.each(schema)).unwrap_or_default(),
            settings_schema: pack.settings_schema(&component.name).cloned(),
        }
    };
    PackLook {
        id: manifest.id.to_string(),
        version: manifest.version.to_string(),
        digest: pack.digest().to_string(),
        contract: manifest.contract.to_string(),
        name: told(manifest.name.clone()),
        description: told(manifest.description.clone()),
        vendor: manifest.vendor.clone(),
        licence: manifest.licence.to_string(),
        components: components.map(component).collect(),
        folders: folders(pack),
        signature: signature(pack, verdict, mode),
    }
}

/// A sentence of the catalogue.
fn said(english: impl Into<String>) -> Words {
    let en = english.into();
    let zh_cn = Language::Chinese.say(&en).into_owned();
    Words { en, zh_cn }
}

fn imports(inspected: &Inspected) -> Vec<Words> {
    if inspected.imports.is_empty() {
        return vec![said("imports nothing: it sees what it is asked, and no more")];
    }
    // Of WASI's many interfaces one line is enough, and types reach nothing.
    let mut found = Vec::new();
    for import in inspected.imports.iter().map(|name| Import::of(name)) {
        if import != Import::Types && !found.contains(&import) {
            found.push(import);
        }
    }
    found.iter().map(|import| told(import.words())).collect()
}

fn limits(limits: &manifest::Limits) -> Vec<Words> {
    let memory = limits.memory.map(|memory| said(format!("sets itself {memory} of memory")));
    let budget = limits.budget.map(|budget| said(format!("sets itself {budget:?} for an answer")));
    let answer = limits.answer.map(|answer| said(format!("sets itself {answer} as its longest answer")));
    [memory, budget, answer].into_iter().flatten().collect()
}

/// The pack's own words of its settings, in either language.
struct Settings {
    english: BTreeMap<String, String>,
    chinese: BTreeMap<String, String>,
}

impl Settings {
    fn of(pack: &Pack) -> Self {
        let of = |language: Language| contents::translations(pack, language.tag());
        Self { english: of(Language::English), chinese: of(Language::Chinese) }
    }

    /// A line for each setting, as far as a schema says it in plain words.
    fn each(&self, schema: &Value) -> Vec<Words> {
        let english = lines(schema, Language::English, &self.english);
        let chinese = lines(schema, Language::Chinese, &self.chinese);
        english.into_iter().zip(chinese).map(|(en, zh_cn)| Words { en, zh_cn }).collect()
    }
}

fn lines(schema: &Value, language: Language, words: &BTreeMap<String, String>) -> Vec<String> {
    let none = serde_json::Map::new();
    let settings = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let needed: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let line = |(name, setting): (&String, &Value)| {
        let kind = setting.get("type").and_then(Value::as_str).unwrap_or("any");
        let in_words = |english: &str| words.get(english).map_or_else(|| tame(english), |words| tame(words));
        let told = |key: &str| setting.get(key).and_then(Value::as_str).map(in_words).unwrap_or_default();
        let about = [told("title"), told("description")].into_iter().find(|text| !text.is_empty());
        let default = setting.get("default").map(|default| tame(&default.to_string()));
        let presence = match (needed.contains(&name.as_str()), default) {
            (true, _) => language.say("needed").into_owned(),
            (false, Some(default)) => language.say(&format!("default {default}")).into_owned(),
            (false, None) => language.say("may be left out").into_owned(),
        };
        let about = about.map(|about| format!(": {about}")).unwrap_or_default();
        format!("{} ({}, {presence}){about}", tame(name), tame(kind))
    };
    settings.iter().map(line).collect()
}

/// What a terminal would act on, made harmless: descriptions are the vendor's words.
fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

fn folders(pack: &Pack) -> Vec<FolderLook> {
    let folders = &pack.manifest().folders;
    let named = [
        ("prompts", &folders.prompts),
        ("flows", &folders.flows),
        ("tests", &folders.tests),
        ("translations", &folders.translations),
    ];
    let folder = |(what, folder): (&str, &Option<FileName>)| {
        let folder = folder.as_ref()?;
        let files = pack.archive().files().filter(|(name, _)| name.is_below(folder));
        let (files, bytes) = files.fold((0, 0), |(files, all), (_, bytes)| (files + 1, all + bytes.len() as u64));
        Some(FolderLook { what: what.to_owned(), folder: folder.to_string(), files, bytes })
    };
    named.into_iter().filter_map(folder).collect()
}

fn signature(pack: &Pack, verdict: &Verdict, mode: Mode) -> SignatureLook {
    SignatureLook {
        code: verdict.code().to_owned(),
        verdict: told(verdict.words()),
        remedy: verdict.remedy().map(told),
        admitted: verdict.admits(mode),
        keys: keys(pack),
        by: if let Verdict::Trusted { by } = verdict { by.clone() } else { Vec::new() },
    }
}

/// Ids of the keys that have signed it, whoever's they are.
pub(crate) fn keys(pack: &Pack) -> Vec<String> {
    let signers = Signatures::of(pack.archive()).ok().flatten().map(|signatures| signatures.signers);
    signers.into_iter().flatten().map(|signed| signed.key.to_string()).collect()
}
