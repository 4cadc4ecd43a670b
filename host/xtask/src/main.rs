//! `cargo xtask`: what a developer does here every day, with its set-up, on a machine that has Rust and nothing of ours.
#![allow(clippy::disallowed_methods, reason = "a developer's tool: it runs programs and reads the environment")]

mod bench;
mod browser;
mod demo;
mod figures;
mod languages;
mod left_out;
mod plugins;
mod run;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Plugboard's tasks.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    after_help = "Start here:\n  cargo xtask demo          a call through the whole system, then it stays up for your own phone\n  \
                  cargo xtask test          everything that must hold"
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build all, start a host with a demo tenant, and place a real call through it.
    Demo(demo::Arguments),
    /// Install what the tests need, build the plugins, and run every test.
    Test(test::Arguments),
    /// Formatting, lints, direction of dependencies, licences.
    Check,
    /// Measure one thing in a release build: ivr, bridge, record, queue, flow or day.
    Bench(bench::Arguments),
    /// Build the plugins into target/plugins; by --all also the examples of every language.
    Plugins(languages::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments).map(|never| match never {}),
        Task::Test(arguments) => test::run(&arguments),
        Task::Check => test::check(),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Plugins(arguments) => languages::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n✗ {failure}");
            ExitCode::FAILURE
        }
    }
}
