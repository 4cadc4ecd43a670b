//! Everything that must hold.

use crate::{
    left_out, plugins,
    run::{self, Failure, cargo, program, say, target},
    setup::{self, Package},
};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask test                   everything; 15 to 30 minutes from an empty clone on two cores
  cargo xtask test hold              only tests with hold in their name
  cargo xtask test --without-live    no SIPp, nothing to install")]
pub(crate) struct Arguments {
    /// Only tests whose name holds this.
    filter: Option<String>,
    /// Leave out the tests that drive SIPp and the real process.
    #[arg(long)]
    without_live: bool,
}

const PACKAGES: [Package; 2] = [
    Package { program: "sipp", package: "sip-tester", why: "the live tests call through it and answer with it" },
    Package { program: "baresip", package: "baresip-core", why: "a live test has it for an agent's phone" },
];

/// Packages that drive the real process.
const LIVE: [&str; 2] = ["plugboard-live", "plugboard-load"];

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.without_live {
        setup::debian_packages(&PACKAGES)?;
    }
    let components = plugins::build()?;
    let mut guests = cargo();
    guests.args(["test", "--quiet", "--workspace", "--manifest-path"]).arg(plugins::manifest());
    guests.env("CARGO_TARGET_DIR", target().join("guests")).args(&arguments.filter);
    run::run("testing the plugins' own logic", &mut guests)?;

    // The live tests drive the real program, so it has to be there before they begin.
    let mut build = cargo();
    build.args(["build", "--workspace", "--bin", "plugboard"]);
    run::run("building the host (5 to 15 minutes the first time, most of it the WebAssembly compiler)", &mut build)?;

    let mut tests = cargo();
    if setup::on_path("cargo-nextest") {
        tests.args(["nextest", "run"]);
    } else {
        tests.arg("test");
    }
    tests.args(["--workspace", "--no-fail-fast"]).args(&arguments.filter);
    if arguments.without_live {
        tests.args(LIVE.map(|package| ["--exclude", package]).as_flattened());
    }
    tests.env("PLUGBOARD_PLUGINS", &components).env("PLUGBOARD_BIN", target().join("debug/plugboard"));
    run::run("building and running the tests", &mut tests)?;
    left_out::tell();
    if arguments.filter.is_some() {
        return Ok(());
    }
    match setup::component("fmt", "rustfmt").and_then(|()| setup::component("clippy", "clippy")) {
        Ok(()) => lints(),
        Err(missing) => {
            say(&format!("formatting and lints are left out: {missing}"));
            Ok(())
        }
    }
}

pub(crate) fn check() -> Result<(), Failure> {
    setup::component("fmt", "rustfmt")?;
    setup::component("clippy", "clippy")?;
    lints()?;
    run::run("rings and tidiness", cargo().args(["test", "--package", "xtask"]))?;
    deny()
}

fn lints() -> Result<(), Failure> {
    let guests = target().join("guests");
    let manifest = plugins::manifest();
    let mut of_guests = cargo();
    of_guests.args(["fmt", "--all", "--check", "--manifest-path"]).arg(&manifest);
    run::run("formatting", cargo().args(["fmt", "--all", "--check"]))?;
    run::run("formatting of the plugins", &mut of_guests)?;
    let lints = ["clippy", "--workspace", "--all-targets"];
    let mut of_guests = cargo();
    of_guests.args(lints).arg("--manifest-path").arg(&manifest).args(["--", "-D", "warnings"]);
    run::run("lints", cargo().args(lints).args(["--", "-D", "warnings"]))?;
    run::run("lints of the plugins", of_guests.env("CARGO_TARGET_DIR", guests))
}

/// Licences, sources and who may use which engine; advisories too, where their database can be had.
fn deny() -> Result<(), Failure> {
    let deny = || program("cargo-deny");
    if !setup::on_path("cargo-deny") {
        say(
            "cargo-deny is not here: licences, sources, bans and advisories are NOT checked; run:\n    cargo install cargo-deny --locked",
        );
        return Ok(());
    }
    run::run("licences, sources and bans", deny().args(["check", "bans", "licenses", "sources"]))?;
    if !deny().args(["fetch", "db"]).output().is_ok_and(|told| told.status.success()) {
        say(
            "the advisory database cannot be fetched: advisories are NOT checked; where there is a network, run:\n    cargo deny check advisories",
        );
        return Ok(());
    }
    run::run("advisories", deny().args(["check", "advisories"]))
}
