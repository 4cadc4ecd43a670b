//! Programs run by tasks, each named before it begins and timed.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// Why a task ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{program} cannot be run: {source}")]
    Start { program: String, source: std::io::Error },
    #[error("{what}: failed ({status}); what is printed above says why")]
    Failed { what: String, status: String },
    #[error("{0}")]
    Setup(String),
    #[error("{file}: {source}")]
    File { file: String, source: std::io::Error },
    #[error("the last line of a benchmark should be its figures as one JSON object ({source}), but it is: {last}")]
    Figures { last: String, source: serde_json::Error },
    #[error("{name}: a figure misses its bar or is not told; the table above says which")]
    Bars { name: &'static str },
    #[error("{file} cannot be made a component: {source}")]
    Component { file: String, source: plugboard_componentize::ComponentizeError },
}

/// The repository's root: two folders above this package.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where cargo puts what it builds: this program lies there, in the folder of its profile.
pub(crate) fn target() -> PathBuf {
    let own = std::env::current_exe().ok();
    own.as_deref().and_then(|own| own.ancestors().nth(2)).map_or_else(|| root().join("target"), Path::to_path_buf)
}

/// Says what is done. On stderr, so that `--json` has stdout to itself.
pub(crate) fn say(what: &str) {
    eprintln!("▸ {what}");
}

/// `cargo` as it called us.
pub(crate) fn cargo() -> Command {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// In the repository's root, and with the target folder that this program was built in.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root()).env("CARGO_TARGET_DIR", target());
    command
}

/// Runs to the end; its output goes where ours goes.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<(), Failure> {
    say(what);
    let begun = Instant::now();
    let status = command.status().map_err(|source| cannot_start(command, source))?;
    if !status.success() {
        return Err(Failure::Failed { what: what.to_owned(), status: status.to_string() });
    }
    let seconds = begun.elapsed().as_secs_f32();
    if seconds > 2.0 {
        eprintln!("  done in {seconds:.0} s");
    }
    Ok(())
}

/// Runs to the end and gives the last line of its stdout; the others go where ours go, as they come.
pub(crate) fn last_line(what: &str, command: &mut Command) -> Result<String, Failure> {
    say(what);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|source| cannot_start(command, source))?;
    let mut last = String::new();
    if let Some(stdout) = child.stdout.take() {
        for (number, line) in BufReader::new(stdout).lines().map_while(Result::ok).enumerate() {
            if number > 0 {
                println!("{last}");
            }
            last = line;
        }
    }
    let status = child.wait().map_err(|source| cannot_start(command, source))?;
    if status.success() { Ok(last) } else { Err(Failure::Failed { what: what.to_owned(), status: status.to_string() }) }
}

/// Gives way to the program: Ctrl-C is its own, and so is the exit code. Returns only if it cannot be started.
pub(crate) fn become_program(what: &str, command: &mut Command) -> Failure {
    say(what);
    let source = command.exec();
    cannot_start(command, source)
}

fn cannot_start(command: &Command, source: std::io::Error) -> Failure {
    Failure::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}
