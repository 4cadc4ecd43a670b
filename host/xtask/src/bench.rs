//! Benchmarks, by name, in a release build.

use crate::{
    plugins,
    run::{self, Failure, cargo, program, target},
    setup,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    name: Name,
    /// End with one JSON object on the last line.
    #[arg(long)]
    json: bool,
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
    /// One flow step and one ranking in a component, beside a webhook.
    Flow,
    /// A day of 10,000 calls and 500 agents in virtual time.
    Day,
}

impl Name {
    fn word(self) -> &'static str {
        match self {
            Self::Ivr => "ivr",
            Self::Bridge => "bridge",
            Self::Record => "record",
            Self::Queue => "queue",
            Self::Flow => "flow",
            Self::Day => "day",
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    setup::wasm_target()?;
    let components = plugins::build()?;
    let name = arguments.name.word();
    let json = arguments.json.then_some("--json");
    let mut bench = match arguments.name {
        Name::Ivr | Name::Bridge | Name::Record | Name::Queue => {
            let mut build = cargo();
            build.args(["build", "--release", "--workspace", "--bin", "plugboard", "--bin", "plugboard-load"]);
            run_build(&mut build)?;
            let release = target().join("release");
            let mut load = program(release.join("plugboard-load"));
            load.arg(name).arg("--host").arg(release.join("plugboard")).arg("--plugins").arg(&components);
            load.args(json);
            load
        }
        Name::Flow | Name::Day => {
            let (package, bench) =
                if name == "flow" { ("plugboard-plugin", "questions") } else { ("plugboard-scenarios", "day") };
            let mut cargo = cargo();
            cargo.args(["bench", "--quiet", "--package", package, "--bench", bench, "--"]).args(json);
            cargo.env("PLUGBOARD_PLUGINS", &components);
            cargo
        }
    };
    bench.args(&arguments.more);
    run::run(&format!("measuring {name}"), &mut bench)
}

fn run_build(build: &mut std::process::Command) -> Result<(), Failure> {
    run::run("building for release (some minutes the first time)", build)
}
