//! Everything that must hold.

use crate::{
    plugins,
    run::{self, Failure, cargo, is_there, root, target},
    setup::{self, Package},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only tests whose name holds this.
    filter: Option<String>,
    /// Leave out the tests that drive SIPp and real sockets.
    #[arg(long)]
    without_live: bool,
}

const PACKAGES: [Package; 1] =
    [Package { program: "sipp", package: "sip-tester", why: "the live tests call through it and answer with it" }];

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    setup::wasm_target()?;
    if !arguments.without_live {
        setup::debian_packages(&PACKAGES)?;
    }
    let components = plugins::build()?;
    let mut guests = cargo();
    guests
        .args(["test", "--quiet", "--workspace"])
        .arg("--manifest-path")
        .arg(root().join("plugins/Cargo.toml"))
        .env("CARGO_TARGET_DIR", target().join("guests"));
    if let Some(filter) = &arguments.filter {
        guests.arg(filter);
    }
    run::run("testing the plugins' own logic", &mut guests)?;

    // The live tests drive the real program, so it has to be there before they begin.
    let mut build = cargo();
    build.args(["build", "--quiet", "--workspace", "--bin", "plugboard"]);
    run::run("building the host (5 to 10 minutes the first time)", &mut build)?;

    let nextest = is_there("cargo-nextest", "--version");
    let mut tests = cargo();
    if nextest {
        tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        tests.args(["test", "--workspace", "--no-fail-fast"]);
    }
    if arguments.without_live {
        tests.args(["--exclude", "plugboard-live"]);
    }
    if let Some(filter) = &arguments.filter {
        tests.arg(filter);
    }
    tests.env("PLUGBOARD_PLUGINS", components);
    run::run("building and running the tests", &mut tests)
}

pub(crate) fn check() -> Result<(), Failure> {
    run::run("formatting", cargo().args(["fmt", "--all", "--check"]))?;
    run::run("lints", cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run::run("direction of dependencies", cargo().args(["test", "--quiet", "--package", "xtask"]))?;
    if is_there("cargo-deny", "--version") {
        run::run("licences, advisories and sources", cargo().args(["deny", "check"]))?;
    } else {
        eprintln!("  cargo-deny is not here: licences and advisories were not checked (cargo install cargo-deny)");
    }
    Ok(())
}
