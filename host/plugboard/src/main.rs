//! Plugboard: a contact-centre host. This file is the table of contents of the process.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the edge: the process owns the clock, the threads and the sockets"
)]

mod alarms;
mod backlog;
mod books;
mod cdrs;
mod channels;
mod claims;
mod cli;
mod clock;
mod components;
mod connectors;
mod demo;
mod erasing;
mod front;
mod host;
mod kv;
mod ledger;
mod packs;
mod plugins;
mod questions;
mod ready;
mod recovery;
mod room;
mod salvage;
mod serve;
mod signalling;
mod tapes;
mod usage;

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{Mutex, OnceLock, PoisonError},
};

use clap::Parser as _;
use plugboard_config::{ConnectorSays, Judges, ProcessConfig};
use plugboard_model::{
    Limits, channel::Channel, compliance::Rule, connector::Connector, flow::Problem, routing::Tables,
};

use components::Components;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    cli.settle_language();
    match cli.command {
        cli::Command::Serve(serve) => match serve.configuration() {
            Ok(config) => run(config),
            Err(code) => code,
        },
        cli::Command::Demo(cli::Demo { once, json, dial, address, tenant, plugins, data }) => {
            log("warn");
            demo::run(&demo::Demo { once, json, dial, address, tenant, plugins, data })
        }
        cli::Command::Client(command) => cli::run(
            command,
            Judges {
                flow: &check_flow,
                policy: &check_policy,
                rule: &check_rule,
                connector: &check_connector,
                channel: &check_channel,
            },
        ),
    }
}

/// The component of that name which comes with the program, if one does. Loaded for the first command that needs it: that takes a moment, so the
/// others are left alone.
fn shipped(name: &str) -> Result<Components, String> {
    static ENGINE: OnceLock<Result<plugboard_plugin::Engine, String>> = OnceLock::new();
    static LOADED: Mutex<BTreeMap<String, Components>> = Mutex::new(BTreeMap::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(components) = loaded.get(name) {
        return Ok(components.clone());
    }
    let start =
        || plugboard_plugin::Engine::new(plugboard_plugin::EngineSettings::default()).map_err(|error| chain(&error));
    let engine = ENGINE.get_or_init(start).as_ref().map_err(Clone::clone)?;
    let one = Components::load_one(engine, &serve::shipped_plugins(), name).map_err(|error| chain(&error))?;
    loaded.insert(name.to_owned(), one.clone());
    Ok(one)
}

fn check_flow(document: &str, limits: &Limits) -> Vec<Problem> {
    match shipped("flow-graph") {
        Ok(components) => components.check_flow(None, "flow-graph", document, limits),
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

/// The host may have more policies than this program comes with: it judges those when they are applied.
fn check_policy(plugin: &str, tables: &Tables) -> Vec<Problem> {
    let known = shipped(plugin).ok().filter(|components| components.has_policy(plugin));
    known.map(|components| components.check_policy(None, plugin, tables)).unwrap_or_default()
}

/// Likewise.
fn check_connector(connector: &Connector) -> ConnectorSays {
    let known = shipped(&connector.plugin).ok().filter(|components| components.has_connector(&connector.plugin));
    known.map(|components| components.check_connector(None, connector)).unwrap_or_default()
}

/// Likewise.
fn check_channel(channel: &Channel) -> Vec<Problem> {
    let plugin = &channel.component.plugin;
    let known = shipped(plugin).ok().filter(|components| components.has_channel(plugin));
    known.map(|components| components.check_channel(None, channel)).unwrap_or_default()
}

/// Likewise.
fn check_rule(rule: &Rule) -> Vec<Problem> {
    let known = shipped(&rule.plugin).ok().filter(|components| components.has_rule(&rule.plugin));
    known.map(|components| components.check_rule(None, rule)).unwrap_or_default()
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
                let plugboard_transport::sip_sockets::Listeners { udp, tcp, tls, ws, wss } = &running.sip;
                for (name, addresses) in [("TLS", tls), ("WS", ws), ("WSS", wss)] {
                    if !addresses.is_empty() {
                        eprintln!("SIP by {name} {addresses:?}");
                    }
                }
                eprintln!("ready: SIP {udp:?} {tcp:?}, API http://{}", running.api);
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
