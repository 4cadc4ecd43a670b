//! Benchmarks, by name, in a release build.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{
    figures::{self, Promise},
    plugins,
    run::{self, Failure, cargo, program, target},
};

#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Each pins the host to core 0 and the load to core 1: measure on a machine that does nothing else.
Examples:
  cargo xtask bench ivr
  cargo xtask bench queue --json              the last line is one JSON object
  cargo xtask bench record --bars             fails if a figure misses its bar
  cargo xtask bench bridge -- --short         a few seconds, to see that the instrument works
  cargo xtask bench ivr -- --figures f.json   every run in full"
)]
pub(crate) struct Arguments {
    name: Name,
    /// End with one JSON object on the last line.
    #[arg(long)]
    json: bool,
    /// Fail if a figure misses its bar, instead of only saying so.
    #[arg(long)]
    bars: bool,
    /// Given on to the benchmark as they are.
    #[arg(last = true)]
    more: Vec<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Name {
    /// INVITE, a prompt of two seconds, BYE: CPU a call, and the highest clean rate.
    Ivr,
    /// Bridged G.711 calls: CPU, memory and delay.
    Bridge,
    /// Bridged and recorded.
    Record,
    /// Agent free to the agent's phone ringing, by backlog; memory a waiting caller.
    Queue,
    /// A pack's version changes every second under 200 calls a second: questions that fail, the longest roll-back.
    Swap,
    /// One flow step and one ranking in a component, beside a webhook.
    Flow,
    /// A hundred tenants, three of which have plugins that misbehave: CPU of the others' questions, and of all calls.
    Tenants,
    /// A start with a hundred plugins, or a hundred packs, that were compiled before.
    Start,
    /// A CRM is told of each call though it refuses, breaks off, and the host is killed; for `-- --minutes 20`.
    Soak,
    /// A day of 10,000 calls and 500 agents in virtual time.
    Day,
    /// Past calls, decisions and a day made again, on one core.
    Replay,
}

impl Name {
    fn word(self) -> &'static str {
        match self {
            Self::Ivr => "ivr",
            Self::Bridge => "bridge",
            Self::Record => "record",
            Self::Queue => "queue",
            Self::Swap => "swap",
            Self::Flow => "flow",
            Self::Tenants => "tenants",
            Self::Start => "start",
            Self::Soak => "soak",
            Self::Day => "day",
            Self::Replay => "replay",
        }
    }

    fn promises(self) -> &'static [Promise] {
        match self {
            Self::Ivr => figures::IVR,
            Self::Bridge => figures::BRIDGE,
            Self::Record => figures::RECORD,
            Self::Queue => figures::QUEUE,
            Self::Swap => figures::SWAP,
            Self::Flow => figures::FLOW,
            Self::Tenants => figures::TENANTS,
            Self::Start => figures::START,
            Self::Soak => figures::SOAK,
            Self::Day => figures::DAY,
            Self::Replay => figures::REPLAY,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let components = plugins::build()?;
    let name = arguments.name.word();
    let measure = |mut bench: Command| -> Result<Value, Failure> {
        bench.args(&arguments.more);
        let last = run::last_line(&format!("measuring {name}"), &mut bench)?;
        serde_json::from_str(&last).map_err(|source| Failure::Figures { last, source })
    };
    let object = match arguments.name {
        Name::Ivr | Name::Bridge | Name::Record | Name::Queue | Name::Start | Name::Swap | Name::Soak => {
            measure(with_calls(name, &components)?)?
        }
        Name::Flow | Name::Day | Name::Replay => measure(without_calls(name, &components))?,
        Name::Tenants => {
            let mut load = with_calls(name, &components)?;
            load.arg("--hostile").arg(plugins::hostile()?);
            let mut object = measure(without_calls(name, &components))?;
            object["with_calls"] = measure(load)?;
            object
        }
    };
    let findings = figures::compare(arguments.name.promises(), &object);
    for finding in &findings {
        eprintln!("  {finding}");
    }
    if arguments.json {
        println!("{object}");
    }
    // A short run has figures of its own, which prove that the instrument works and no more.
    let short = arguments.more.iter().any(|argument| argument == "--short");
    if !short && findings.iter().any(|finding| finding.missing() || arguments.bars && finding.missed()) {
        return Err(Failure::Bars { name });
    }
    Ok(())
}

/// The load generator against a host of its own.
fn with_calls(name: &str, components: &Path) -> Result<Command, Failure> {
    let mut build = cargo();
    build.args(["build", "--release", "--workspace", "--bin", "plugboard", "--bin", "plugboard-load"]);
    run::run("building for release (10 to 20 minutes the first time)", &mut build)?;
    let release = target().join("release");
    let mut load = program(release.join("plugboard-load"));
    load.arg(name).arg("--host").arg(release.join("plugboard")).arg("--plugins").arg(components).arg("--json");
    Ok(load)
}

/// One of the workspace's own benchmarks.
fn without_calls(name: &str, components: &Path) -> Command {
    let bench = if name == "flow" { "questions" } else { name };
    let mut cargo = cargo();
    // The whole workspace: a package alone wants other features of wasmtime, and compiles it once more.
    cargo.args(["bench", "--workspace", "--bench", bench, "--", "--json"]);
    cargo.env("PLUGBOARD_PLUGINS", components);
    cargo
}
