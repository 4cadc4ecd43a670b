//! What a task needs and a fresh machine lacks: installed here, or named with the exact line to run.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::run::{Failure, cargo, program, run, say};

/// The compiler's target for plugins.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Has the compiler's target for plugins, whoever installed it.
pub(crate) fn wasm_target() -> Result<(), Failure> {
    if compiler_has(WASM) {
        return Ok(());
    }
    if !on_path("rustup") {
        return Err(Failure::Setup(format!(
            "plugins need the Rust target {WASM}, and there is no rustup to add it; run one of:\n    \
             curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --target {WASM}\n    \
             sudo apt-get install -y libstd-rust-dev-wasm32    (for Rust from Debian)"
        )));
    }
    let task = format!("installing the Rust target {WASM} for plugins");
    let by_hand = format!("it needs the network once; where there is some, run:\n    rustup target add {WASM}");
    run(&task, program("rustup").args(["target", "add", WASM]))
        .map_err(|failure| Failure::Setup(format!("{failure}\n  {by_hand}")))
}

/// Whether the target's standard library lies where this compiler looks for it.
fn compiler_has(target: &str) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = program(rustc).args(["--print", "target-libdir", "--target", target]).output();
    told.is_ok_and(|told| told.status.success() && Path::new(String::from_utf8_lossy(&told.stdout).trim()).is_dir())
}

/// A program of a Debian package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

/// Installs the packages whose programs are missing, where we may; else says the line.
pub(crate) fn debian_packages(wanted: &[Package]) -> Result<(), Failure> {
    let missing: Vec<Package> = wanted.iter().copied().filter(|package| !on_path(package.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        say(&format!("{} is missing: {}", package.program, package.why));
    }
    let line = install_line(&missing);
    let without = "or leave out the tests that need them:\n    cargo xtask test --without-live";
    if !on_path("apt-get") {
        let programs: Vec<&str> = missing.iter().map(|package| package.program).collect();
        return Err(Failure::Setup(format!(
            "this is no Debian; install {} as this system does it,\n  {without}",
            programs.join(" and ")
        )));
    }
    if !is_root() {
        return Err(Failure::Setup(format!(
            "these programs are needed and only root may install them; run:\n    sudo apt-get update && sudo {line}\n  {without}"
        )));
    }
    let by_hand =
        |failure| Failure::Setup(format!("{failure}\n  where there is a network, run:\n    {line}\n  {without}"));
    run("reading Debian's package lists", &mut quiet("apt-get -q update")).map_err(by_hand)?;
    run(&line, &mut quiet(&line)).map_err(by_hand)
}

/// A command of plain words whose chatter nobody needs.
fn quiet(words: &str) -> Command {
    let mut words = words.split(' ');
    let mut command = program(words.next().unwrap_or_default());
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    command
}

fn install_line(packages: &[Package]) -> String {
    let names: Vec<&str> = packages.iter().map(|package| package.package).collect();
    format!("apt-get install -y --no-install-recommends {}", names.join(" "))
}

/// A part of Rust's distribution that is not always there: `clippy`, `rustfmt`.
pub(crate) fn component(subcommand: &str, component: &str) -> Result<(), Failure> {
    let answers = cargo().args([subcommand, "--version"]).output().is_ok_and(|told| told.status.success());
    if answers {
        return Ok(());
    }
    Err(Failure::Setup(format!("cargo {subcommand} is not here; run:\n    rustup component add {component}")))
}

pub(crate) fn on_path(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_to_run_names_every_missing_package() {
        let package = |package| Package { program: "", package, why: "" };
        let line = install_line(&[package("sip-tester"), package("baresip-core")]);
        assert_eq!(line, "apt-get install -y --no-install-recommends sip-tester baresip-core");
    }
}
