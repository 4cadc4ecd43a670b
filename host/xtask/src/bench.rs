//! Benchmarks, by name, in a release build.

use crate::{
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
  cargo xtask bench bridge -- --short         a few seconds, to see that the instrument works
  cargo xtask bench ivr -- --figures f.json   every run in full"
)]
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
    let components = plugins::build()?;
    let name = arguments.name.word();
    let json = arguments.json.then_some("--json");
    let mut bench = match arguments.name {
        Name::Ivr | Name::Bridge | Name::Record | Name::Queue => {
            let mut build = cargo();
            build.args(["build", "--release", "--workspace", "--bin", "plugboard", "--bin", "plugboard-load"]);
            run::run("building for release (10 to 20 minutes the first time)", &mut build)?;
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
            cargo.args(["bench", "--package", package, "--bench", bench, "--"]).args(json);
            cargo.env("PLUGBOARD_PLUGINS", &components);
            cargo
        }
    };
    bench.args(&arguments.more);
    run::run(&format!("measuring {name}"), &mut bench)
}
