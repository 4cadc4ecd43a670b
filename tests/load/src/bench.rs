//! The benchmarks, each run by name against a host of its own.

mod bridge;
mod cross_check;
mod ivr;
mod queue;
mod soak;
mod start;
mod swap;
mod tenants;
mod vendor;

use std::path::PathBuf;

use serde_json::Value;

use crate::{
    RunError,
    agents::{self, Accounts},
    audio::Voice,
    callers,
    figures::{Report, Spread},
    host::{HostError, Installation},
    peers::Peer,
};

pub use bridge::{bridge, record};
pub use ivr::ivr;
pub use queue::queue;
pub use soak::soak;
pub use start::start;
pub use swap::swap;
pub use tenants::tenants;

/// How a benchmark is run.
#[derive(Clone, Debug)]
pub struct Setting {
    pub installation: Installation,
    /// A few seconds, to prove that the instrument works. Its figures mean little.
    pub short: bool,
    /// `queue` with so many waiting callers only, for looking closer.
    pub waiting: Option<usize>,
    /// How long `soak` lasts.
    pub minutes: u32,
    /// The component that misbehaves, for `tenants`.
    pub hostile: Option<PathBuf>,
    /// Another generator to run against the same kind of host, for comparison.
    pub other: Option<PathBuf>,
}

/// What a benchmark found.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The figures that are promised to scripts.
    pub json: Value,
    pub table: Table,
    /// Every run in full.
    pub reports: Vec<Report>,
    /// What the reader should know about the figures.
    pub remarks: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub columns: &'static [&'static str],
    pub ours: Vec<String>,
    pub peers: &'static [Peer],
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peers =
            self.peers.iter().map(|peer| (peer.name, peer.figures.iter().map(|text| (*text).to_owned()).collect()));
        let rows: Vec<(&str, Vec<String>)> =
            std::iter::once(("", self.columns.iter().map(|text| (*text).to_owned()).collect()))
                .chain([("Plugboard", self.ours.clone())])
                .chain(peers)
                .collect();
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let columns = self.columns.len();
        let widths: Vec<usize> = (0..columns)
            .map(|column| rows.iter().filter_map(|(_, cells)| cells.get(column)).map(|cell| cell.chars().count()).max())
            .map(|most| most.unwrap_or(0))
            .collect();
        for (name, cells) in rows {
            write!(f, "{name:width$}")?;
            for (cell, width) in cells.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Why a benchmark has no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("the load cannot be run; the host's last words:\n{log}")]
    Run { log: String, source: RunError },
    #[error("versions cannot be changed; the host's last words:\n{log}")]
    Swap { log: String, source: std::io::Error },
    #[error("{label}: {missing}\n{report}\nthe host's last words:\n{log}")]
    NoFigures { label: String, missing: &'static str, report: String, log: String },
    #[error("the host's API does not answer; the host's last words:\n{log}")]
    Api { log: String, source: std::io::Error },
    #[error("name the component that misbehaves with --hostile; `cargo xtask bench tenants` builds it")]
    NoHostile,
    #[error("the other generator cannot be run")]
    Other(#[from] cross_check::OtherError),
}

/// All accounts of the scratch tenant have it.
const PASSWORD: &str = "load-load-load";

fn accounts(count: usize) -> Accounts {
    Accounts { count, password: PASSWORD.to_owned() }
}

fn phones(count: usize, voice: Voice) -> agents::Habits {
    agents::Habits { accounts: accounts(count), voice, rings: std::time::Duration::ZERO, talks: None }
}

fn dialling(number: &str, voice: Voice) -> callers::Habits {
    let patience = std::time::Duration::from_secs(32);
    callers::Habits { numbers: vec![number.to_owned()], aside: 0, voice, stays: None, patience }
}

fn shown(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "-".to_owned(), |spread| format!("{:.2} / {:.2}", spread.p50, spread.p99))
}

/// What makes a run's latencies doubtful.
fn doubts(report: &Report) -> Option<String> {
    let window = &report.window;
    let (others, late) = (window.core_taken_by_others_pct, window.late_ms);
    (others > 5.0 || late > 5.0).then(|| {
        format!(
            "{}: noise: others took {others:.0} % of the server's core, the load was up to {late:.0} ms late; trust processor time, not latencies",
            report.label
        )
    })
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
