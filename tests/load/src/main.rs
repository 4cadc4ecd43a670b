//! `plugboard-load`: benchmarks by name.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use plugboard_load::{
    bench::{self, BenchError, Outcome, Setting},
    host::Installation,
};

/// Measures a host with callers and agent phones on loopback.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
    /// The host to measure [default: plugboard beside this program]
    #[arg(long, global = true)]
    host: Option<PathBuf>,
    /// Folder of its components [default: plugins beside this program's folder]
    #[arg(long, global = true)]
    plugins: Option<PathBuf>,
    /// End with one JSON object on the last line
    #[arg(long, global = true)]
    json: bool,
    /// A few seconds only: proves that the instrument works, its figures mean little
    #[arg(long, global = true)]
    short: bool,
    /// Write every run in full to this file, as JSON
    #[arg(long, global = true)]
    figures: Option<PathBuf>,
    /// `queue` with so many waiting callers only, for looking closer; without their memory
    #[arg(long, global = true)]
    waiting: Option<usize>,
    /// Run this other generator against the same kind of host as well
    #[arg(long, global = true)]
    ldgen: Option<PathBuf>,
    /// How long `soak` lasts
    #[arg(long, global = true, default_value_t = 20)]
    minutes: u32,
    /// The component that misbehaves, for `tenants`
    #[arg(long, global = true)]
    hostile: Option<PathBuf>,
    /// Leave the temporary folder with the host's log and data behind
    #[arg(long, global = true)]
    keep: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Benchmark {
    /// Callers hear a prompt for two seconds and hang up
    Ivr,
    /// 100 callers and agents talk to each other
    Bridge,
    /// The same, recorded
    Record,
    /// 500 agents; nobody, 1,100 and 2,850 callers wait
    Queue,
    /// Starts with a hundred plugins that were compiled before
    Start,
    /// A pack's version changes every second under callers who ask its flow
    Swap,
    /// Calls of a hundred tenants, with and without three whose flows loop, eat memory and trap
    Tenants,
    /// 20 calls a second; another system is told of each, though it refuses one in a hundred and the host is killed every four minutes
    Soak,
}

impl Benchmark {
    fn run(self, setting: &Setting) -> Result<Outcome, BenchError> {
        match self {
            Self::Ivr => bench::ivr(setting),
            Self::Bridge => bench::bridge(setting),
            Self::Record => bench::record(setting),
            Self::Queue => bench::queue(setting),
            Self::Start => bench::start(setting),
            Self::Swap => bench::swap(setting),
            Self::Tenants => bench::tenants(setting),
            Self::Soak => bench::soak(setting),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match measure(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::current_exe()?.parent().map(PathBuf::from).unwrap_or_default();
    let installation = Installation {
        host: arguments.host.clone().unwrap_or_else(|| folder.join("plugboard")),
        plugins: arguments.plugins.clone().unwrap_or_else(|| folder.join("../plugins")),
        keep: arguments.keep,
    };
    let setting = Setting {
        installation,
        short: arguments.short,
        waiting: arguments.waiting,
        minutes: arguments.minutes,
        hostile: arguments.hostile.clone(),
        other: arguments.ldgen.clone(),
    };
    let outcome = arguments.benchmark.run(&setting)?;
    if let Some(path) = &arguments.figures {
        std::fs::write(path, serde_json::to_string_pretty(&outcome.reports)?)?;
    }
    for remark in &outcome.remarks {
        println!("{remark}");
    }
    println!("\n{}", outcome.table);
    if arguments.json {
        println!("{}", outcome.json);
    }
    Ok(())
}

/// An error with all that led to it.
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
