//! Packs on the command line: keys, build, signature and what stands inside, without a host; and the packs of a tenant of a running one.

mod build;
mod diff;
mod gather;
mod inspect;
mod key;
mod names;
mod new;
mod refusal;
mod remote;
mod rollout;
mod shipped;
mod sign;
mod trace;
mod verify;

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;
use plugboard_pack::{
    Pack as Opened, PackError, Words,
    archive::{Archive, Bounds},
    manifest::ManifestFault,
};
use plugboard_phrases::Language;
use plugboard_plugin::{Engine, EngineSettings};

use super::{examine::Test, say, say_line, spoken};
use refusal::{Refusal, faults_of};
pub(crate) use shipped::Plugins;

#[derive(Debug, Subcommand)]
pub(crate) enum Pack {
    New(new::New),
    /// Keys that packs are signed with
    #[command(subcommand)]
    Key(key::Key),
    Build(build::Build),
    Test(Test),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Inspect(inspect::Inspect),
    Diff(diff::Diff),
    Install(remote::Install),
    Grant(remote::Grant),
    List(remote::List),
    Show(remote::Show),
    Upgrade(remote::Upgrade),
    Promote(rollout::Promote),
    Rollback(remote::Rollback),
    Rollout(rollout::Rollout),
    Remove(remote::Remove),
    Logs(remote::Logs),
    Trace(trace::Trace),
}

impl Pack {
    pub(super) fn run(self) -> ExitCode {
        let (json, done) = match self {
            Self::New(new) => (new.json, new.run()),
            Self::Key(key::Key::New(new)) => (new.json, new.run()),
            Self::Test(test) => return test.run(),
            Self::Build(build) => (build.json, build.run()),
            Self::Sign(sign) => (sign.json, sign.run()),
            Self::Verify(verify) => (verify.json, verify.run()),
            Self::Inspect(inspect) => (inspect.json, inspect.run()),
            Self::Diff(diff) => (diff.json, diff.run()),
            Self::Install(install) => return install.run(),
            Self::Grant(grant) => return grant.run(),
            Self::List(list) => return list.run(),
            Self::Show(show) => return show.run(),
            Self::Upgrade(upgrade) => return upgrade.run(),
            Self::Promote(promote) => return promote.run(),
            Self::Rollback(rollback) => return rollback.run(),
            Self::Rollout(rollout) => return rollout.run(),
            Self::Remove(remove) => return remove.run(),
            Self::Logs(logs) => return logs.run(),
            Self::Trace(trace) => return trace.run(),
        };
        done.unwrap_or_else(|refusal| refusal.tell(json))
    }
}

/// A pack's file, read whole and held against its manifest.
fn open(file: &Path) -> Result<Opened, Refusal> {
    let bounds = Bounds::default();
    let bytes = read(file, bounds.packed.0)?;
    let archive = Archive::read(&bytes, bounds);
    let archive = archive.map_err(|error| Refusal::NoPack { file: shown(file), error })?;
    opened(archive).map_err(|faults| Refusal::Faults(faults_of(faults, file)))
}

fn opened(archive: Archive) -> Result<Opened, Vec<ManifestFault>> {
    Opened::of(archive).map_err(|error| match error {
        PackError::Manifest(faults) => faults,
        // It was read already.
        PackError::Archive(_) => Vec::new(),
    })
}

/// A file's bytes, and never many more than `most`: who reads the answer refuses what is longer.
fn read(file: &Path, most: u64) -> Result<Vec<u8>, Refusal> {
    let cannot = |error: io::Error| Refusal::Read { file: shown(file), reason: error.to_string() };
    let mut bytes = Vec::new();
    fs::File::open(file).map_err(cannot)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// The file is there whole or as it was before.
fn write(file: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = fs::File::create(&beside).and_then(|mut part| {
        part.write_all(bytes)?;
        part.sync_all()?;
        fs::rename(&beside, file)
    });
    written.map_err(|error| {
        // What is left of it is of no use, and may not be there at all.
        let _ = fs::remove_file(&beside);
        Refusal::Write { file: shown(file), reason: error.to_string() }
    })
}

/// A path as a person reads it.
fn shown(path: &Path) -> String {
    path.strip_prefix(".").ok().filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(path).display().to_string()
}

/// An engine for a look; its few instances are enough for one.
fn engine() -> Result<Engine, Refusal> {
    let engine = Engine::new(EngineSettings { instances: 4, ..EngineSettings::default() });
    engine.map_err(|error| Refusal::Engine { reason: crate::chain(&error) })
}

/// The words that the person reads.
fn in_words(words: &Words) -> &str {
    match spoken() {
        Language::English => &words.en,
        Language::Chinese => &words.zh_cn,
    }
}

/// `1 file`, `5 files`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A size as people compare them: `12.3 KiB`.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 2] = [(1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        // Tenths in whole numbers, so that 1023.99 KiB does not read 1024.0.
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}
