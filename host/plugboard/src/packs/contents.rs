//! What a pack brings that is no component: prompts and documents of flows.
//!
//! They stand in a [`Row`] beside components, under keys that no component can have: `acme.ivr/prompts/zh-CN/welcome`, `acme.ivr/flows/menu`. So a
//! version's own go where its components go: on trial, back, and with each call that began with it.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use plugboard_config::{read_wav, sha256_hex};
use plugboard_model::{Brought, FlowDocument, FlowId, Prompt};
use plugboard_pack::{FileName, Pack};

use super::{Component, Row, Shelved, fit::Unfit};

/// Larger sounds are refused, as those of a tenant are.
const MOST_SOUND: usize = 64 << 20;
/// Larger documents are refused, likewise.
const MOST_DOCUMENT: usize = 4 << 20;

const PROMPTS: &str = "/prompts/";
const FLOWS: &str = "/flows/";

/// Where a pack's document of that full name stands: `acme.ivr/menu`.
pub(crate) fn document_key(name: &str) -> Option<String> {
    name.split_once('/').map(|(pack, name)| format!("{pack}{FLOWS}{name}"))
}

/// The key of a sound, by the path that a configuration has for it.
pub(crate) fn sound_key(path: &Path) -> Option<&str> {
    path.to_str()?.strip_prefix(FlowDocument::OF_PACK)
}

/// One prompt or document of a pack.
struct Part<'a> {
    file: &'a FileName,
    /// Without its folder and ending: `zh-CN/welcome`.
    name: String,
    bytes: &'a [u8],
}

/// What lies in a folder of the pack under an ending, and what else does.
fn parts<'a>(
    pack: &'a Pack,
    folder: Option<&'a FileName>,
    ending: &'a str,
) -> impl Iterator<Item = Result<Part<'a>, &'a FileName>> {
    let files = folder.into_iter().flat_map(move |folder| {
        let below = pack.archive().files().filter(move |(file, _)| file.is_below(folder));
        below.map(move |(file, bytes)| (&file.as_str()[folder.as_str().len() + 1..], file, bytes))
    });
    files.map(move |(name, file, bytes)| match name.strip_suffix(ending) {
        Some(name) => Ok(Part { file, name: name.to_owned(), bytes }),
        None => Err(file),
    })
}

/// What of it no host would take, each with its key in the manifest.
pub(crate) fn unfit(pack: &Pack) -> Vec<(&'static str, Unfit)> {
    let (manifest, mut unfit) = (pack.manifest(), Vec::new());
    let folders = &manifest.folders;
    for (key, folder) in [("prompts", &folders.prompts), ("flows", &folders.flows)] {
        if folder.is_some() && !manifest.id.as_str().contains('.') {
            unfit.push((key, Unfit::NoVendor { id: manifest.id.to_string() }));
        }
    }
    for part in parts(pack, folders.prompts.as_ref(), ".wav") {
        let wrong = match part {
            Ok(part) => sound(&part).err().map(|reason| Unfit::Unplayable { file: part.file.to_string(), reason }),
            Err(file) => Some(Unfit::NotPlayed { file: file.to_string() }),
        };
        unfit.extend(wrong.map(|wrong| ("prompts", wrong)));
    }
    for part in parts(pack, folders.translations.as_ref(), ".json") {
        let wrong = match part {
            Ok(part) => words(&part).err().map(|reason| (part.file, reason)),
            Err(file) => Some((file, "only files *.json are".into())),
        };
        unfit.extend(wrong.map(|(file, reason)| ("translations", Unfit::NoWords { file: file.to_string(), reason })));
    }
    for part in parts(pack, folders.flows.as_ref(), ".json") {
        let wrong = match part {
            Ok(part) => document(&part).err().map(|reason| Unfit::NoDocument { file: part.file.to_string(), reason }),
            Err(file) => Some(Unfit::NoDocument { file: file.to_string(), reason: "only files *.json are".into() }),
        };
        unfit.extend(wrong.map(|wrong| ("flows", wrong)));
    }
    unfit
}

fn sound(part: &Part<'_>) -> Result<Duration, String> {
    if part.bytes.len() > MOST_SOUND {
        return Err(format!("{} MiB are more than {}", part.bytes.len() >> 20, MOST_SOUND >> 20));
    }
    read_wav(part.bytes).map(|wav| wav.length).map_err(|error| error.to_string())
}

fn document(part: &Part<'_>) -> Result<Arc<str>, String> {
    part.name.parse::<FlowId>().map_err(|error| error.to_string())?;
    if part.bytes.len() > MOST_DOCUMENT {
        return Err(format!("{} MiB are more than {}", part.bytes.len() >> 20, MOST_DOCUMENT >> 20));
    }
    let text = std::str::from_utf8(part.bytes).map_err(|_| "the file is no UTF-8".to_owned())?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| error.to_string())?;
    Ok(text.into())
}

fn words(part: &Part<'_>) -> Result<BTreeMap<String, String>, String> {
    serde_json::from_slice(part.bytes).map_err(|error| error.to_string())
}

/// The pack's own words in that language, by their English: `translations/zh-CN.json`. None where it has no such file.
pub(crate) fn translations(pack: &Pack, language: &str) -> BTreeMap<String, String> {
    let mut all = parts(pack, pack.manifest().folders.translations.as_ref(), ".json").flatten();
    all.find(|part| part.name == language).and_then(|part| words(&part).ok()).unwrap_or_default()
}

/// What a pack brings, by key; sounds are to be kept in `folder`.
pub(crate) fn brought_by(pack: &Pack, folder: &Path) -> Vec<(String, Arc<Shelved>)> {
    let (id, folders) = (&pack.manifest().id, &pack.manifest().folders);
    let shelved = |component| Arc::new(Shelved { component, schema: None });
    let prompts = parts(pack, folders.prompts.as_ref(), ".wav").flatten().filter_map(|part| {
        let (length, sha256) = (sound(&part).ok()?, sha256_hex(part.bytes));
        let prompt = Prompt { path: folder.join(file_of(&sha256)).into(), sha256, length };
        Some((format!("{id}{PROMPTS}{}", part.name), shelved(Component::Sound(prompt))))
    });
    let documents = parts(pack, folders.flows.as_ref(), ".json").flatten();
    let documents = documents.filter_map(|part| {
        Some((format!("{id}{FLOWS}{}", part.name), shelved(Component::Document(document(&part).ok()?))))
    });
    prompts.chain(documents).collect()
}

/// The sounds of a pack, by the names of the files that they are kept in.
pub(crate) fn sounds(pack: &Pack) -> impl Iterator<Item = (String, &[u8])> {
    let prompts = parts(pack, pack.manifest().folders.prompts.as_ref(), ".wav").flatten();
    prompts.map(|part| (file_of(&sha256_hex(part.bytes)), part.bytes))
}

fn file_of(sha256: &str) -> String {
    format!("{sha256}.wav")
}

/// As a configuration has what these versions bring; where several bring the same name, the first is the one that is checked against. Which
/// version's sound is heard is known when it is played, so each is named by its key, and as long as the longest.
pub(crate) fn brought<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Brought {
    let mut brought = Brought::default();
    for (key, shelved) in rows.into_iter().flatten() {
        match &shelved.component {
            Component::Sound(sound) => {
                let path = Path::new(&format!("{}{key}", FlowDocument::OF_PACK)).into();
                let prompt = brought.prompts.entry(key.replacen(PROMPTS, "/", 1));
                let prompt = prompt.or_insert_with(|| Prompt { path, ..sound.clone() });
                prompt.length = prompt.length.max(sound.length);
            }
            Component::Document(text) => {
                brought.flows.entry(key.replacen(FLOWS, "/", 1)).or_insert_with(|| Arc::clone(text));
            }
            _ => {}
        }
    }
    brought
}
