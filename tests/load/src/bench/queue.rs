//! Agents who are never idle for long, with nobody, many and very many callers waiting: how soon a free agent's phone rings.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{BenchError, Outcome, Setting, Table, accounts, cross_check, dialling, doubts, phones, round, shown};
use crate::{
    Load, Plan, agents,
    audio::Voice,
    figures::Report,
    host::{Host, Tenant, numbers},
    peers,
};

/// Callers waiting, agents, and how long these talk.
struct Size {
    agents: usize,
    waiting: [usize; 3],
    talks: std::ops::Range<Duration>,
    /// New calls per second until everybody waits.
    per_second: f64,
    /// Of the window.
    lasts: Duration,
}

const FULL: Size = Size {
    agents: 500,
    waiting: [0, 1_100, 2_850],
    talks: Duration::from_secs(20)..Duration::from_secs(30),
    per_second: 100.0,
    lasts: Duration::from_secs(35),
};
const SHORT: Size = Size {
    agents: 10,
    waiting: [0, 20, 40],
    talks: Duration::from_millis(500)..Duration::from_millis(1_000),
    per_second: 100.0,
    lasts: Duration::from_secs(3),
};

/// Phones carry no audio here and get no hold music, as with the peers; the queue alone is measured.
pub fn queue(setting: &Setting) -> Result<Outcome, BenchError> {
    let size = if setting.short { &SHORT } else { &FULL };
    let tenant = Tenant { agents: accounts(size.agents), record: false };
    let host = Host::start(&setting.installation, &tenant)?;
    let failed = |source| BenchError::Run { log: host.last_words(), source };
    let habits = agents::Habits { talks: Some(size.talks.clone()), ..phones(size.agents, Voice::Absent) };
    let mut load = Load::new(host.server, habits).map_err(failed)?;
    let levels = setting.waiting.map_or_else(|| size.waiting.to_vec(), |waiting| vec![waiting]);
    let mut reports = Vec::new();
    let mut by_waiting = Map::new();
    for waiting in levels.iter().copied() {
        let report = load.run(&plan(size, waiting)).map_err(failed)?;
        let spread = match report.agent_free_to_ring_ms {
            Some(spread) if report.calls.failed == 0 => spread,
            spread => {
                let missing = if spread.is_none() { "no agent rang again" } else { "calls failed" };
                let described = format!("{:?}\n{:?}", report.calls, report.window);
                let (label, log) = (report.label, host.last_words());
                return Err(BenchError::NoFigures { label, missing, report: described, log });
            }
        };
        by_waiting.insert(waiting.to_string(), json!({ "p50": spread.p50, "p99": spread.p99 }));
        reports.push(report);
    }
    drop(load);
    drop(host);
    let rss = rss_kib_per_waiting(&reports);
    let mut remarks: Vec<String> = reports.iter().filter_map(doubts).collect();
    remarks.extend(reports.iter().map(remark));
    if let Some(other) = &setting.other {
        for waiting in levels {
            let host = Host::start(&setting.installation, &tenant)?;
            remarks.push(cross_check::queue(other, host.server, size.agents, waiting)?);
        }
    }
    let mut ours: Vec<String> = reports.iter().map(|report| shown(report.agent_free_to_ring_ms)).collect();
    ours.push(format!("{rss:.0}"));
    Ok(Outcome {
        json: json!({ "agent_free_to_ring_ms": Value::Object(by_waiting), "rss_kib_per_waiting": round(rss) }),
        table: Table {
            columns: &["nobody waits, p50 / p99 ms", "1,100 wait", "2,850 wait", "KiB/waiting"],
            ours,
            peers: peers::QUEUE,
        },
        reports,
        remarks,
    })
}

fn plan(size: &Size, waiting: usize) -> Plan {
    let live = size.agents + waiting;
    let filled = Duration::from_secs_f64(live as f64 / size.per_second);
    // The first talks begin with the first calls; agents come free from then on, and with them the window may open.
    let opens = filled.max(size.talks.end) + Duration::from_secs(1);
    Plan {
        label: format!("queue {waiting} waiting"),
        callers: dialling(numbers::QUEUE, Voice::Absent),
        per_second: size.per_second,
        calls: crate::run::MOST_CALLS,
        live,
        window: opens..opens + size.lasts,
        lasts: opens + size.lasts,
        drain: Duration::from_secs(10),
    }
}

/// Between the run with nobody waiting and the one with most, so that what the agents' calls take cancels out.
fn rss_kib_per_waiting(reports: &[Report]) -> f64 {
    let (Some(first), Some(last)) = (reports.first(), reports.last()) else { return 0.0 };
    let callers = last.window.mean_waiting - first.window.mean_waiting;
    (last.window.rss_kib - first.window.rss_kib) / callers.max(1.0)
}

fn remark(report: &Report) -> String {
    let (calls, window) = (&report.calls, &report.window);
    format!(
        "{}: {:.0} waited, {:.1} agents busy, {:.1} calls/s served, {:.1} % CPU, {:.2} CPU ms/call, RSS {:.0} MiB, agent free → ring {} ms \
         (n = {}), answer {} ms, {} failed, {} repeats",
        report.label,
        window.mean_waiting,
        window.mean_agents_busy,
        window.calls_ended as f64 / window.seconds,
        window.server_cpu_pct(),
        window.cpu_ms_per_call(),
        window.rss_kib / 1_024.0,
        shown(report.agent_free_to_ring_ms),
        report.agent_free_to_ring_ms.map_or(0, |spread| spread.n),
        shown(report.invite_to_answer_ms),
        calls.failed,
        calls.retransmissions,
    )
}
