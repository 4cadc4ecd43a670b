//! The main job in one command.

use crate::{
    plugins,
    run::{self, Failure, cargo, program, root, say, target},
    setup,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave after the call instead of staying up.
    #[arg(long)]
    once: bool,
    /// End with one JSON object: what was answered, by whom, how fast, and where the recording is.
    #[arg(long)]
    json: bool,
    /// The number that the built-in caller dials: 8000 speaks Chinese, 8001 English.
    #[arg(long, default_value = "8001")]
    dial: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    say("Plugboard demo: a caller, an IVR made of a WebAssembly component, a queue, an agent, a recording");
    say("the first build takes 5 to 10 minutes on two cores; after that this starts in seconds");
    setup::wasm_target()?;
    let components = plugins::build()?;
    let mut build = cargo();
    build.args(["build", "--workspace", "--bin", "plugboard"]);
    run::run("building the host", &mut build)?;
    let mut demo = program(target().join("debug/plugboard"));
    demo.arg("demo")
        .arg("--plugins")
        .arg(components)
        .arg("--tenant")
        .arg(root().join("examples/demo"))
        .arg("--data")
        .arg(target().join("demo"))
        .args(["--dial", &arguments.dial]);
    if arguments.once {
        demo.arg("--once");
    }
    if arguments.json {
        demo.arg("--json");
    }
    run::run("starting", &mut demo)
}
