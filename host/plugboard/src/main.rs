//! Plugboard: a contact-centre host. This file is the table of contents of the process.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the edge: the process owns the clock, the threads and the sockets"
)]

mod alarms;
mod answers;
mod backlog;
mod books;
mod cdrs;
mod claims;
mod cli;
mod clock;
mod demo;
mod front;
mod host;
mod ledger;
mod recovery;
mod room;
mod salvage;
mod serve;
mod signalling;

use std::process::ExitCode;

use clap::Parser as _;
use plugboard_config::ProcessConfig;
use plugboard_model::{Limits, flow::Problem};

use answers::Components;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    cli.settle_language();
    match cli.command {
        cli::Command::Serve(serve) => match serve.configuration() {
            Ok(config) => run(config),
            Err(code) => code,
        },
        cli::Command::Demo(cli::Demo { once, json, dial, tenant, plugins, data }) => {
            log("warn");
            demo::run(&demo::Demo { once, json, dial, tenant, plugins, data })
        }
        cli::Command::Client(command) => cli::run(command, &check_flow),
    }
}

/// What the flow component that comes with the program says of a document. Loaded for each command, which takes a moment and is rare.
fn check_flow(document: &str, limits: &Limits) -> Vec<Problem> {
    let components = plugboard_plugin::Engine::new(plugboard_plugin::EngineSettings::default())
        .map_err(|error| chain(&error))
        .and_then(|engine| Components::load(&engine, &serve::shipped_plugins()).map_err(|error| chain(&error)));
    match components {
        Ok(components) => components.check_flow("flow-graph", document, limits),
        Err(reason) => vec![Problem {
            severity: plugboard_model::flow::Severity::Error,
            code: "plugin".into(),
            node: None,
            field: None,
            message: reason,
            remedy: "build the plugins with `cargo xtask plugins`".into(),
        }],
    }
}

fn log(level: &str) {
    let filter = tracing_subscriber::EnvFilter::new(level);
    // A log file or a journal wants no colours.
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
}

fn run(config: ProcessConfig) -> ExitCode {
    log(config.log.as_str());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the process cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match serve::start(config).await {
            Ok(running) => {
                eprintln!("ready: SIP {:?} {:?}, API http://{}", running.sip_udp, running.sip_tcp, running.api);
                stop_signal().await;
                eprintln!("draining: no new calls; once more stops at once");
                running.stop(stop_signal()).await;
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{}", chain(&error));
                ExitCode::FAILURE
            }
        }
    })
}

/// Ctrl-C, or what a service manager sends.
pub(crate) async fn stop_signal() {
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminate {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without a handler the default still ends the process.
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// An error with all that led to it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
