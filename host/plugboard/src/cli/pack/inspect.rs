//! What stands in a pack, for whoever shall run it.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use plugboard_api::{ComponentLook, PackLook, Words};
use plugboard_config::Fault;
use plugboard_pack::{
    Pack,
    signature::{Mode, TrustStore, Verdict},
};
use plugboard_phrases::Language;
use plugboard_plugin::Inspected;
use serde_json::{Value, json};

use super::{Refusal, count, engine, open, say, shown, size, spoken};
use crate::{
    clock::Clock,
    packs::{
        contents,
        fit::{self, Depth},
        look::{keys, look},
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
        unfit.push(pack.manifest().components.iter().filter_map(|component| fit::asked(component).err()).collect());
        unfit.push(contents::unfit(&pack).into_iter().map(|(_, unfit)| unfit).collect());
        let faults: Vec<Fault> =
            unfit.iter().flatten().map(|unfit| unfit.fault(shown(&self.file).into(), None)).collect();
        if self.json {
            let looked = Looked { pack: &pack, verdict: &verdict, inspected: &inspected };
            say(&format!("{}\n", json_of(&looked, &faults, &shown(&self.file))));
        } else {
            let look = look(&pack, &inspected, &verdict, Mode::Production);
            say(&(text_of(&look, spoken()) + &not_verified(&look, &verdict, spoken())));
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

/// What stands in a pack, without whose it is.
pub(super) fn text_of(look: &PackLook, language: Language) -> String {
    let mut lines = Lines { language, text: String::new() };
    lines.add(0, &format!("{} {}", look.id, look.version));
    lines.words(1, &look.name);
    lines.words(1, &look.description);
    lines.add(1, &format!("by {}, licence {}", look.vendor, look.licence));
    lines.add(1, &format!("contract {}", look.contract));
    lines.add(1, &format!("digest {}", look.digest));
    for component in &look.components {
        lines.text.push('\n');
        component_in(&mut lines, component);
    }
    lines.text.push('\n');
    for folder in &look.folders {
        let (files, bytes) = (count(usize::try_from(folder.files).unwrap_or(usize::MAX), "file"), size(folder.bytes));
        lines.add(0, &format!("{}: {files} in {}, {bytes}", folder.what, folder.folder));
    }
    lines.text
}

fn component_in(lines: &mut Lines, component: &ComponentLook) {
    let ComponentLook { name, world, file, length, .. } = component;
    let name = name.split_once('/').map_or(name.as_str(), |(_, name)| name);
    lines.add(0, &format!("component {name}: world {world}, {file}, {}", size(*length)));
    component.imports.iter().flatten().for_each(|import| lines.words(1, import));
    if component.permissions.is_empty() {
        lines.add(1, "asks for nothing");
    }
    component.permissions.iter().chain(&component.limits).for_each(|line| lines.words(1, line));
    match component.settings_schema {
        None => lines.add(1, "takes no settings"),
        Some(_) => lines.add(1, &format!("takes {}", count(component.settings.len(), "setting"))),
    }
    component.settings.iter().for_each(|setting| lines.words(2, setting));
}

/// Whose a pack is, where nobody said whom they trust.
fn not_verified(look: &PackLook, verdict: &Verdict, language: Language) -> String {
    let mut lines = Lines { language, text: String::new() };
    match verdict {
        Verdict::UnknownKey { keys } => {
            for key in keys {
                lines.add(0, &format!("signed with the key {key}, not verified here"));
            }
            let file = "plugboard pack verify FILE --trust KEY";
            lines.add(1, &format!("verify with: {file}"));
        }
        _ => lines.words(0, &look.signature.verdict),
    }
    if matches!(verdict, Verdict::Unsigned) {
        lines.add(1, "a host takes it in development mode only");
    }
    lines.text
}

/// Whose a pack is, as the tenant of a host sees it.
pub(super) fn judged(look: &PackLook, language: Language) -> String {
    let mut lines = Lines { language, text: String::new() };
    lines.words(0, &look.signature.verdict);
    if let Some(remedy) = &look.signature.remedy {
        lines.words(1, remedy);
    }
    lines.text
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

    fn words(&mut self, indent: usize, words: &Words) {
        let text = match self.language {
            Language::English => &words.en,
            Language::Chinese => &words.zh_cn,
        };
        self.plain(indent, text);
    }

    /// Without what a terminal would act on: names are the vendor's words.
    fn plain(&mut self, indent: usize, text: &str) {
        self.text += &"  ".repeat(indent);
        self.text.extend(text.chars().map(|c| if c.is_control() { '·' } else { c }));
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
    let keys = keys(pack);
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
