//! Programs run by tasks, each named before it begins and timed.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// Why a task ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{program} cannot be run: {source}; {remedy}")]
    Missing { program: String, source: std::io::Error, remedy: String },
    #[error("{what} failed ({status}); what it printed above says why")]
    Failed { what: String, status: String },
    #[error("{0}")]
    Setup(String),
    #[error("{file}: {source}")]
    File { file: String, source: std::io::Error },
    #[error("{file} cannot be made a component: {source}")]
    Component { file: String, source: plugboard_componentize::ComponentizeError },
}

/// The repository's root: two folders above this package.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Says what is done. On stderr, so that `--json` has stdout to itself.
pub(crate) fn say(what: &str) {
    eprintln!("▸ {what}");
}

/// `cargo` as it called us, in the repository's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// Runs to the end; its output goes where ours goes.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<(), Failure> {
    say(what);
    let begun = Instant::now();
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|source| Failure::Missing {
        program: name,
        source,
        remedy: "install it and try again".to_owned(),
    })?;
    if !status.success() {
        return Err(Failure::Failed { what: what.to_owned(), status: status.to_string() });
    }
    let seconds = begun.elapsed().as_secs_f32();
    if seconds > 2.0 {
        eprintln!("  done in {seconds:.0} s");
    }
    Ok(())
}

/// Whether a program is there and answers `--version`.
pub(crate) fn is_there(name: &str, argument: &str) -> bool {
    Command::new(name).arg(argument).output().is_ok()
}
