//! From a folder to the one file that is signed, sent and installed.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use plugboard_config::Fault;
use plugboard_pack::{
    Pack,
    archive::{Archive, ArchiveError, Bounds, EXTENSION},
    manifest::{Component, MANIFEST, ManifestFault, Wrong},
};
use serde_json::json;

use super::{
    Refusal, count, engine, faults_of,
    gather::{Elsewhere, Gathered, NOT_WRAPPED, gather},
    names::Names,
    refusal::warn,
    say, say_line, shown, size, write,
};
use crate::packs::{
    contents,
    fit::{self, Depth, Unfit},
};

/// Make a pack of a folder: what its plugin.toml names, and nothing else
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack build my-policy                  writes acme.my-policy-1.0.0.pbpack here
  plugboard pack build my-policy --dry-run        only says what is wrong, or what would be built
  plugboard pack build . --file policy.wasm=target/wasm32-unknown-unknown/release/policy.wasm

All that is wrong is told at once, with file, line, column and remedy. Core modules, as cargo builds them for wasm32-unknown-unknown, are
wrapped as components. The same files make the same bytes, anywhere. Files whose names begin with a dot stay out.")]
pub(crate) struct Build {
    /// The folder that holds plugin.toml
    folder: PathBuf,
    /// Where the pack goes; without it, ID-VERSION.pbpack in this folder
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Take a file of the pack from elsewhere, like what a compiler has just written
    #[arg(long, value_name = "NAME=PATH")]
    file: Vec<Elsewhere>,
    /// Say what would be built, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl Build {
    pub(super) fn run(self) -> Result<ExitCode, Refusal> {
        let Gathered { archive, manifest, faults, wrapped } = gather(&self.folder, &self.file)?;
        let pack = hold(&self.folder, archive, faults).map_err(Refusal::Faults)?;
        let unfit = unfit(&self.folder, &pack, &manifest)?;
        if !unfit.is_empty() {
            return Err(Refusal::Faults(unfit));
        }
        let warnings = not_asked_yet(&self.folder, &pack, &manifest);
        let bytes = pack.archive().write();
        let manifest = pack.manifest();
        let named = || PathBuf::from(format!("{}-{}.{EXTENSION}", manifest.id, manifest.version));
        let out = self.out.unwrap_or_else(named);
        // What a host would not read is not worth to be signed.
        let read = Archive::read(&bytes, Bounds::default());
        read.map_err(|error: ArchiveError| Refusal::NoPack { file: shown(&out), error })?;
        if !self.dry_run {
            write(&out, &bytes)?;
        }
        let (files, digest, length) = (pack.archive().listing(), pack.digest(), bytes.len() as u64);
        if self.json {
            let (file, id, version) = (shown(&out), &manifest.id, &manifest.version);
            let done = json!({
                "ok": true, "dry_run": self.dry_run, "file": file, "id": id, "version": version, "digest": digest,
                "length": length, "wrapped": wrapped, "files": files, "warnings": warnings,
            });
            say(&format!("{done}\n"));
            return Ok(ExitCode::SUCCESS);
        }
        let (file, files, length) = (shown(&out), count(files.files().len(), "file"), size(length));
        let done = if self.dry_run { "would be built" } else { "is built" };
        say_line(&format!("{file} {done}: {} {}, {files}, {length}", manifest.id, manifest.version));
        say_line(&format!("  digest: {digest}"));
        for file in wrapped {
            say_line(&format!("  {file} was a core module and is wrapped as a component"));
        }
        if !self.dry_run {
            say_line(&format!("  next: plugboard pack sign {} --key NAME.key", shown(&out)));
        }
        warn(&warnings);
        Ok(ExitCode::SUCCESS)
    }
}

/// Components that the contract has a world for, and that no host asks anything.
fn not_asked_yet(folder: &Path, pack: &Pack, manifest: &str) -> Vec<Fault> {
    let names = Names::read(manifest);
    let warning = |component: &Component| {
        let warning = fit::not_asked_yet(component.file.as_str(), component.world)?;
        let place = names.place(&["components", component.name.as_str(), warning.key()]);
        Some(warning.fault(shown(&folder.join(MANIFEST)).into(), place))
    };
    pack.manifest().components.iter().filter_map(warning).collect()
}

/// The components held against the manifest, each fault told where `manifest`, its text, names them.
fn unfit(folder: &Path, pack: &Pack, manifest: &str) -> Result<Vec<Fault>, Refusal> {
    let names = Names::read(manifest);
    let file = || PathBuf::from(shown(&folder.join(MANIFEST)));
    let newer = fit::contract(pack.manifest());
    let mut faults: Vec<Fault> =
        newer.iter().map(|unfit| unfit.fault(file(), names.place(&["pack", "contract"]))).collect();
    let engine = engine()?;
    for component in &pack.manifest().components {
        let (_, unfit) = fit::look(&engine, pack, component, Depth::Types);
        let place = |unfit: &Unfit| names.place(&["components", component.name.as_str(), unfit.key()]);
        faults.extend(unfit.iter().map(|unfit| unfit.fault(file(), place(unfit))));
    }
    let brought = contents::unfit(pack);
    faults.extend(brought.iter().map(|(key, unfit)| unfit.fault(file(), names.place(&["folders", key]))));
    Ok(faults)
}

/// The files held against their manifest; `found` is wrong with them already.
fn hold(folder: &Path, archive: Archive, mut found: Vec<Fault>) -> Result<Pack, Vec<Fault>> {
    match super::opened(archive) {
        Ok(pack) if found.is_empty() => return Ok(pack),
        Ok(_) => {}
        Err(faults) => {
            // A module that could not be wrapped is told with the reason; that it is no component follows from it.
            let not_wrapped: Vec<PathBuf> =
                found.iter().filter(|fault| fault.code == NOT_WRAPPED).map(|fault| fault.file.clone()).collect();
            let told = |fault: &ManifestFault| match &fault.wrong {
                Wrong::NotAComponent { file, .. } => not_wrapped.contains(&shown(&folder.join(file.as_str())).into()),
                _ => false,
            };
            found.extend(faults_of(faults.into_iter().filter(|fault| !told(fault)).collect(), folder));
        }
    }
    Err(found)
}
