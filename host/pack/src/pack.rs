//! A pack that was read whole: its manifest fits its files.

use std::collections::BTreeMap;

use plugboard_model::{TenantId, Timestamp};
use serde_json::Value;

use crate::{
    Bytes, ComponentName, Digest, FileName, Manifest, Release,
    archive::{Archive, ArchiveError, Bounds},
    manifest::{Component, Contents, MANIFEST, ManifestFault, Part, Place, Preamble, Wrong},
    signature::{TrustStore, Verdict},
};

/// Most bytes of a settings schema.
const MOST_SCHEMA: usize = 256 * 1024;
/// A component's first bytes, and those of a core module (WebAssembly Component Model, Binary.md).
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Manifest and files of one version of a pack. Says nothing yet about who signed it: see [`Pack::judge`].
#[derive(Clone, Debug, PartialEq)]
pub struct Pack {
    manifest: Manifest,
    archive: Archive,
    digest: Digest,
    schemas: BTreeMap<ComponentName, Value>,
}

/// Why bytes are no pack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// At least one, in the order of the manifest.
    #[error("the pack's manifest has {} faults, the first: {}", .0.len(), first(.0))]
    Manifest(Vec<ManifestFault>),
}

fn first(faults: &[ManifestFault]) -> String {
    faults.first().map_or_else(String::new, |fault| fault.wrong.to_string())
}

impl Pack {
    /// Reads a container.
    pub fn read(bytes: &[u8], bounds: Bounds) -> Result<Self, PackError> {
        Self::of(Archive::read(bytes, bounds)?)
    }

    /// Holds the manifest against the files; all that is wrong is found at once.
    pub fn of(archive: Archive) -> Result<Self, PackError> {
        let alone = |wrong| PackError::Manifest(vec![ManifestFault { wrong, file: MANIFEST.to_owned(), place: None }]);
        let bytes = archive.get(MANIFEST).ok_or_else(|| alone(Wrong::NoManifest))?;
        let text = std::str::from_utf8(bytes).map_err(|_| alone(Wrong::NotUtf8))?;
        let manifest = Manifest::read(text, &archive).map_err(PackError::Manifest)?;
        let schema = |component: &Component| {
            let file = component.settings.as_ref()?;
            Some((component.name.clone(), serde_json::from_slice(archive.get(file.as_str())?).ok()?))
        };
        let schemas = manifest.components.iter().filter_map(schema).collect();
        Ok(Self { digest: archive.digest(), manifest, archive, schemas })
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn release(&self) -> Release {
        Release { version: self.manifest.version.clone(), digest: self.digest }
    }

    /// The component's own bytes.
    pub fn component(&self, component: &Component) -> Option<&[u8]> {
        self.archive.get(component.file.as_str())
    }

    /// The JSON Schema of a component's settings; `None` if it takes none.
    pub fn settings_schema(&self, component: &ComponentName) -> Option<&Value> {
        self.schemas.get(component)
    }

    /// Whether somebody whom `trust` knows has signed it. `tenant`: `None` for the installation as a whole.
    pub fn judge(&self, trust: &TrustStore, tenant: Option<&TenantId>, now: Timestamp) -> Verdict {
        trust.judge(&self.archive, &self.manifest.id, tenant, now)
    }
}

impl Contents for Archive {
    fn check_file(&self, file: &FileName, part: Part) -> Option<ManifestFault> {
        let in_manifest = |wrong| Some(ManifestFault { wrong, file: MANIFEST.to_owned(), place: None });
        if part == Part::Folder {
            let holds_one = self.files().any(|(name, _)| name.is_below(file));
            let missing = || in_manifest(Wrong::NoSuchFolder { folder: file.clone() });
            return if holds_one { None } else { missing() };
        }
        let Some(bytes) = self.get(file.as_str()) else {
            return in_manifest(Wrong::NoSuchFile { file: file.clone() });
        };
        if part == Part::Settings {
            return check_schema(file, bytes);
        }
        let found = if bytes.starts_with(MODULE) { Preamble::Module } else { Preamble::Other };
        let no_component = || in_manifest(Wrong::NotAComponent { file: file.clone(), found });
        if bytes.starts_with(COMPONENT) { None } else { no_component() }
    }
}

/// As far as it can be told without a validator: JSON that describes an object.
fn check_schema(file: &FileName, bytes: &[u8]) -> Option<ManifestFault> {
    let fault = |wrong, place| Some(ManifestFault { wrong, file: file.to_string(), place });
    if bytes.len() > MOST_SCHEMA {
        let (bytes, most) = (Bytes(bytes.len() as u64), Bytes(MOST_SCHEMA as u64));
        return fault(Wrong::TooLong { bytes, most }, None);
    }
    match serde_json::from_slice::<Value>(bytes) {
        Ok(schema) if schema.get("type").and_then(Value::as_str) == Some("object") => None,
        Ok(_) => fault(Wrong::NotASchema { file: file.clone() }, None),
        Err(error) => {
            // Its words end with the place, which stands before them already.
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            let place = std::str::from_utf8(bytes).ok().map(|text| place(text, error.line(), error.column()));
            fault(Wrong::NotJson { file: file.clone(), reason }, place)
        }
    }
}

/// `column`: in bytes, from 1, zero at a line's end.
fn place(text: &str, line: usize, column: usize) -> Place {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let at = start + column.saturating_sub(1);
    crate::manifest::place(text, at..at + 1)
}
