//! What a task needs and a fresh machine lacks: installed here, or named with the exact line to run.

use std::process::Command;

use crate::run::{Failure, program, run, say};

/// The compiler's target for plugins.
pub(crate) fn wasm_target() -> Result<(), Failure> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let by_hand = format!("install it with: rustup target add {TARGET}");
    let installed = Command::new("rustup").args(["target", "list", "--installed"]).output();
    match installed {
        Ok(output) if String::from_utf8_lossy(&output.stdout).lines().any(|line| line == TARGET) => Ok(()),
        Ok(_) => run(
            &format!("installing the Rust target {TARGET} for plugins"),
            program("rustup").args(["target", "add", TARGET]),
        )
        .map_err(|failure| Failure::Setup(format!("{failure}\n  {by_hand}"))),
        Err(_) => {
            // Rust without rustup: the distribution may have the target as a package. Building tells.
            say(&format!("rustup is not here; plugins need the target {TARGET}"));
            Ok(())
        }
    }
}

/// A program of a Debian package.
pub(crate) struct Package {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

/// Installs the packages whose programs are missing, where we may; else says the line.
pub(crate) fn debian_packages(wanted: &[Package]) -> Result<(), Failure> {
    let missing: Vec<&Package> = wanted.iter().filter(|package| !on_path(package.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.package).collect();
    for package in &missing {
        say(&format!("{} is missing: {}", package.program, package.why));
    }
    let line = format!("apt-get install -y {}", names.join(" "));
    if !is_root() {
        return Err(Failure::Setup(format!(
            "these programs are needed and only root may install them; run:\n    sudo apt-get update && sudo {line}"
        )));
    }
    let quiet = |command: &mut Command| {
        command.env("DEBIAN_FRONTEND", "noninteractive").stdout(std::process::Stdio::null());
    };
    let mut update = program("apt-get");
    update.args(["-q", "update"]);
    quiet(&mut update);
    run("reading Debian's package lists", &mut update)?;
    let mut install = program("apt-get");
    install.args(["-q", "install", "-y", "--no-install-recommends"]).args(&names);
    quiet(&mut install);
    run(&format!("installing {}", names.join(", ")), &mut install)
        .map_err(|failure| Failure::Setup(format!("{failure}\n  install them by hand: {line}")))
}

fn on_path(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.starts_with(b"0"))
}
