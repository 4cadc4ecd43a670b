//! Callers ask a flow of a pack while the pack is upgraded and taken back, again and again.

use std::{
    io,
    net::SocketAddrV4,
    path::PathBuf,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    BenchError, Outcome, Setting, Table, accounts, dialling, doubts, phones, round,
    vendor::{make_pack, order},
};
use crate::{
    Load, Plan,
    audio::Voice,
    callers,
    host::{Host, Installation, Tenant, numbers},
};

/// How long a caller listens.
const LISTENS: Duration = Duration::from_secs(2);
/// Between an upgrade and the roll-back that follows, and the other way round.
const EVERY: Duration = Duration::from_secs(1);

/// Questions asked and failed, and the longest roll-back, while versions change every second under 200 calls a second.
pub fn swap(setting: &Setting) -> Result<Outcome, BenchError> {
    let tenant = Tenant { agents: accounts(1), record: false };
    let host = Host::start(&setting.installation, &tenant)?;
    let failed = |source| BenchError::Run { log: host.last_words(), source };
    let cannot = |source| BenchError::Swap { log: host.last_words(), source };
    let packs = host.make_packs(&setting.installation).map_err(cannot)?;
    let (per_second, seconds) = if setting.short { (10.0, 5) } else { (200.0, 30) };
    let mut load = Load::new(host.server, phones(1, Voice::Absent)).map_err(failed)?;
    let (report, swaps) = std::thread::scope(|scope| {
        let (lasts, over) = mpsc::channel();
        let packs = &packs;
        let swapping = scope.spawn(move || swap_until(&over, packs));
        let report = load.run(&plan(per_second, seconds));
        drop(lasts);
        let swaps = swapping.join().unwrap_or_else(|_| Err(io::Error::other("the thread that swaps broke down")));
        (report, swaps)
    });
    let (report, swaps) = (report.map_err(failed)?, swaps.map_err(cannot)?);
    let figures = host.get("/metrics").map_err(cannot)?;
    let sum = |family: &str| -> u64 {
        let of_family = figures.lines().filter(|line| line.starts_with(family));
        of_family.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    let (asked, lost) = (sum("plugboard_plugin_questions_total{"), sum("plugboard_plugin_failures_total{"));
    if asked == 0 || swaps.rollbacks.is_empty() {
        let missing = if asked == 0 { "no plugin was asked" } else { "no version was taken back" };
        let (label, said) = (report.label, format!("{:?}", report.calls));
        return Err(BenchError::NoFigures { label, missing, report: said, log: host.last_words() });
    }
    let mut remarks: Vec<String> = doubts(&report).into_iter().collect();
    remarks.push(format!(
        "{}: {} calls well, {} failed {:?}; {} upgrades and {} roll-backs, the longest upgrade {:.0} ms",
        report.label,
        report.calls.ended_well,
        report.calls.failed,
        report.calls.refusals,
        swaps.upgrades.len(),
        swaps.rollbacks.len(),
        longest(&swaps.upgrades) * 1_000.0,
    ));
    let rollback_s = longest(&swaps.rollbacks);
    Ok(Outcome {
        json: json!({
            "questions": asked,
            "questions_failed": lost,
            "calls_failed": report.calls.failed,
            "swaps": swaps.upgrades.len() + swaps.rollbacks.len(),
            "longest_rollback_s": round(rollback_s),
        }),
        table: Table {
            columns: &["questions", "failed", "calls failed", "swaps", "longest roll-back s"],
            ours: vec![
                asked.to_string(),
                lost.to_string(),
                report.calls.failed.to_string(),
                (swaps.upgrades.len() + swaps.rollbacks.len()).to_string(),
                format!("{rollback_s:.2}"),
            ],
            peers: &[],
        },
        reports: vec![report],
        remarks,
    })
}

fn plan(per_second: f64, seconds: u64) -> Plan {
    let lasts = Duration::from_secs(seconds);
    Plan {
        label: format!("swap {per_second}/s"),
        callers: callers::Habits { stays: Some(LISTENS), ..dialling(numbers::IVR, Voice::Listens) },
        per_second,
        calls: crate::run::MOST_CALLS,
        live: 20_000,
        window: LISTENS + Duration::from_millis(500)..lasts,
        lasts,
        drain: Duration::from_secs(8),
    }
}

/// How long each took, from the order to its acknowledgement, the command line included.
#[derive(Default)]
struct Swaps {
    upgrades: Vec<Duration>,
    rollbacks: Vec<Duration>,
}

fn longest(all: &[Duration]) -> f64 {
    all.iter().max().map_or(0.0, Duration::as_secs_f64)
}

/// One change a second, until nobody holds the other end.
fn swap_until(over: &Receiver<()>, packs: &Packs) -> io::Result<Swaps> {
    let mut swaps = Swaps::default();
    let is_over = |begun: Instant| {
        over.recv_timeout(EVERY.saturating_sub(begun.elapsed())) == Err(RecvTimeoutError::Disconnected)
    };
    loop {
        let begun = Instant::now();
        packs.order(&["pack", "upgrade", &packs.newer])?;
        swaps.upgrades.push(begun.elapsed());
        if is_over(begun) {
            return Ok(swaps);
        }
        let begun = Instant::now();
        packs.order(&["pack", "rollback", "load.ivr"])?;
        swaps.rollbacks.push(begun.elapsed());
        if is_over(begun) {
            return Ok(swaps);
        }
    }
}

/// Two versions of the pack that the tenant's flow is made of; the older one serves.
struct Packs {
    program: PathBuf,
    api: SocketAddrV4,
    newer: String,
}

impl Packs {
    fn order(&self, arguments: &[&str]) -> io::Result<()> {
        order(&self.program, self.api, arguments)
    }
}

/// An empty custom section: the same component with another hash.
const OTHER: &[u8] = &[0, 2, 1, b'x'];

impl Host {
    fn make_packs(&self, installation: &Installation) -> io::Result<Packs> {
        let component = std::fs::read(installation.plugins.join("flow-graph.wasm"))?;
        let mut packs = Packs { program: installation.host.clone(), api: self.api(), newer: String::new() };
        for (version, component) in [("1.0.0", component.clone()), ("1.1.0", [&component, OTHER].concat())] {
            let folder = self.folder().join(version);
            let file = make_pack(&installation.host, &folder, "load.ivr", version, "flow", &component)?;
            if packs.newer.is_empty() {
                packs.order(&["pack", "install", &file])?;
            }
            packs.newer = file;
        }
        let tenant = self.folder().join("tenants").join("load");
        // From here on the flow is the pack's.
        std::fs::write(tenant.join("flows.toml"), "[ivr]\nplugin = \"load.ivr/flow\"\n")?;
        packs.order(&["apply", &tenant.display().to_string()])?;
        Ok(packs)
    }
}
