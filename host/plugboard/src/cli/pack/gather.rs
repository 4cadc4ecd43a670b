//! A folder's files as its `plugin.toml` names them. Nothing else goes into a pack: no sources, no keys, no `target`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use plugboard_config::Fault;
use plugboard_pack::{
    FileName,
    archive::{Archive, ArchiveError, Bounds},
    manifest::MANIFEST,
};

use super::{Refusal, names::Names, read, shown};

/// A core module's first bytes (WebAssembly Core 2.0 §5.5.16).
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A file of the pack that lies elsewhere: `NAME=PATH`.
#[derive(Clone, Debug)]
pub(super) struct Elsewhere {
    name: FileName,
    path: PathBuf,
}

impl std::str::FromStr for Elsewhere {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("write NAME=PATH, like lookup.wasm=target/lookup.wasm")?;
        let name = name.parse().map_err(|reason| format!("{name:?} is no name of a file in a pack: {reason}"))?;
        Ok(Self { name, path: path.into() })
    }
}

/// What a folder holds for its pack.
pub(super) struct Gathered {
    pub(super) archive: Archive,
    /// Text of the manifest, for places in it; empty if there is none.
    pub(super) manifest: String,
    /// Files that cannot go in.
    pub(super) faults: Vec<Fault>,
    /// Core modules that were wrapped as components.
    pub(super) wrapped: Vec<FileName>,
}

/// Reads all that the folder's manifest names and that is there.
pub(super) fn gather(folder: &Path, elsewhere: &[Elsewhere]) -> Result<Gathered, Refusal> {
    // Told by the folder's own name where it is not there at all.
    fs::read_dir(folder).map_err(|error| Refusal::Read { file: shown(folder), reason: error.to_string() })?;
    let archive = Archive::new(Bounds::default());
    let mut walk = Walk { folder, elsewhere, archive, faults: Vec::new(), wrapped: Vec::new(), full: false };
    let manifest_name: FileName = MANIFEST.parse().expect("a plain name");
    walk.file(&manifest_name, false);
    let manifest = walk.archive.get(MANIFEST).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let manifest = manifest.unwrap_or_default();
    let names = Names::read(&manifest);
    for name in names.components() {
        walk.file(&name, true);
    }
    for name in names.schemas() {
        walk.file(&name, false);
    }
    for name in names.folders() {
        walk.any(&name, &folder.join(name.as_str()));
    }
    let Walk { archive, faults, wrapped, .. } = walk;
    Ok(Gathered { archive, faults, wrapped, manifest })
}

struct Walk<'a> {
    folder: &'a Path,
    elsewhere: &'a [Elsewhere],
    archive: Archive,
    faults: Vec<Fault>,
    wrapped: Vec<FileName>,
    /// Nothing more goes in; told once.
    full: bool,
}

impl Walk<'_> {
    /// A file that the manifest names. One that is not there is told by whoever reads the manifest.
    fn file(&mut self, name: &FileName, is_code: bool) {
        // Two keys may name one file.
        if self.archive.get(name.as_str()).is_some() {
            return;
        }
        if let Some(elsewhere) = self.elsewhere.iter().find(|elsewhere| elsewhere.name == *name) {
            let path = elsewhere.path.clone();
            return self.take(name, &path, is_code);
        }
        let path = self.folder.join(name.as_str());
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => self.wrong(&path, &ArchiveError::Link { name: name.clone() }),
            Ok(found) if !found.is_file() => self.wrong(&path, &ArchiveError::Special { name: name.clone() }),
            Ok(_) => self.take(name, &path, is_code),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.unreadable(&path, &error),
        }
    }

    /// A file, or a folder with all that is in it. Names that begin with a dot are the system's and the editor's own.
    fn any(&mut self, name: &FileName, path: &Path) {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => {}
            _ => return self.file(name, false),
        }
        let entries = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(path, &error),
        };
        entries.sort_unstable_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if self.full {
                return;
            }
            let plain = entry.file_name();
            let Some(plain) = plain.to_str() else {
                let error = ArchiveError::NotUtf8 { name: plain.to_string_lossy().into_owned() };
                self.wrong(&entry.path(), &error);
                continue;
            };
            if plain.starts_with('.') {
                continue;
            }
            let below = format!("{name}/{plain}");
            match below.parse::<FileName>() {
                // Depth is bounded by the name.
                Ok(name) => self.any(&name, &entry.path()),
                Err(reason) => self.wrong(&entry.path(), &ArchiveError::BadName { name: below, reason }),
            }
        }
    }

    fn take(&mut self, name: &FileName, path: &Path, is_code: bool) {
        let most = Bounds::default().file.0;
        let mut bytes = match read(path, most) {
            Ok(bytes) => bytes,
            Err(Refusal::Read { reason, .. }) => return self.unreadable(path, &reason),
            Err(_) => return,
        };
        if is_code && bytes.starts_with(MODULE) {
            match plugboard_componentize::componentize(&bytes) {
                Ok(component) => {
                    self.wrapped.push(name.clone());
                    bytes = component;
                }
                // The module goes in as it is, so that the manifest's reader does not miss it.
                Err(error) => self.faults.push(cannot_be_wrapped(path, &error.reason)),
            }
        }
        if let Err(error) = self.archive.insert(name.clone(), bytes) {
            self.full = matches!(error, ArchiveError::TooManyFiles { .. } | ArchiveError::UnpacksTooFar { .. });
            self.wrong(path, &error);
        }
    }

    fn wrong(&mut self, path: &Path, error: &ArchiveError) {
        self.faults.push(Fault::of_file(shown(path), error.code(), error.to_string(), error.remedy()));
    }

    fn unreadable(&mut self, path: &Path, reason: &dyn std::fmt::Display) {
        let (message, remedy) = (format!("cannot be read: {reason}"), "let it be yours to read");
        self.faults.push(Fault::of_file(shown(path), "unreadable", message, remedy));
    }
}

/// The code of a core module that is no component yet, and cannot become one.
pub(super) const NOT_WRAPPED: &str = "not-wrapped";

fn cannot_be_wrapped(path: &Path, reason: &str) -> Fault {
    // The library's words come with a chain of causes; the first lines say it.
    let reason: String = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let remedy = if reason.contains("wasi_snapshot_preview1") {
        "build it for wasm32-unknown-unknown, which needs no WASI, or hand in a component"
    } else {
        "build it against the contract in wit/ with wit-bindgen 0.61, or hand in a component"
    };
    Fault::of_file(shown(path), NOT_WRAPPED, format!("the core module cannot be made a component: {reason}"), remedy)
}
