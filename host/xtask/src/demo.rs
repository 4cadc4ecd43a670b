//! The main job in one command.

use std::convert::Infallible;

use crate::{
    plugins,
    run::{self, Failure, become_program, cargo, program, root, say, target},
};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask demo                 stays up after the call, for your own SIP phone
  cargo xtask demo --dial 8000     in Chinese
  cargo xtask demo --once --json   for scripts: the ladder on stderr, one JSON object on stdout")]
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
    /// Address of this machine that a desk phone elsewhere can reach. The demo's passwords are public: only in a network that you trust.
    #[arg(long)]
    address: Option<std::net::IpAddr>,
}

/// Ends as the demo: this process becomes it.
pub(crate) fn run(arguments: &Arguments) -> Result<Infallible, Failure> {
    say("Plugboard demo: a caller, an IVR made of a WebAssembly component, a queue, an agent, a recording");
    say("the first build takes 5 to 15 minutes on two cores; after that this starts in seconds");
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
    if let Some(address) = arguments.address {
        demo.arg("--address").arg(address.to_string());
    }
    if arguments.once {
        demo.arg("--once");
    }
    if arguments.json {
        demo.arg("--json");
    }
    Err(become_program("starting", &mut demo))
}
