//! Plugboard: a contact-centre host. This file is the table of contents of the process.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the edge: the process owns the clock, the threads and the sockets"
)]

mod answers;
mod cdrs;
mod clock;
mod front;
mod host;
mod ledger;
mod recovery;
mod serve;
mod signalling;

use std::{path::PathBuf, process::ExitCode};

use plugboard_config::{ProcessConfig, Style, render};

fn main() -> ExitCode {
    let config = std::env::args().nth(1).map_or_else(|| PathBuf::from("plugboard.toml"), PathBuf::from);
    let config = match ProcessConfig::load(&config) {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{}", render(&faults, Style::Plain));
            return ExitCode::from(2);
        }
    };
    serve(config)
}

fn serve(config: ProcessConfig) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::new(config.log.as_str());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
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
                let _ = tokio::signal::ctrl_c().await;
                running.stop().await;
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{}", chain(&error));
                ExitCode::FAILURE
            }
        }
    })
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
