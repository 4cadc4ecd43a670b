//! Callers and agents talk to each other through the host, recorded or not.

use std::time::Duration;

use serde_json::json;

use super::{BenchError, Outcome, Setting, Table, accounts, cross_check, dialling, doubts, phones, round, shown};
use crate::{
    Load, Plan,
    audio::Voice,
    figures::Spread,
    host::{Host, Tenant, numbers},
    peers::{self, Peer},
};

/// 100 calls of two talking parties.
pub fn bridge(setting: &Setting) -> Result<Outcome, BenchError> {
    measure(setting, "bridge", false, peers::BRIDGE)
}

/// The same, and all of it recorded.
pub fn record(setting: &Setting) -> Result<Outcome, BenchError> {
    measure(setting, "record", true, peers::RECORD)
}

fn measure(
    setting: &Setting,
    label: &'static str,
    record: bool,
    peers: &'static [Peer],
) -> Result<Outcome, BenchError> {
    let calls = if setting.short { 10 } else { 100 };
    let tenant = Tenant { agents: accounts(calls), record };
    let host = Host::start(&setting.installation, &tenant)?;
    let failed = |source| BenchError::Run { log: host.last_words(), source };
    let mut load = Load::new(host.server, phones(calls, Voice::Talks)).map_err(failed)?;
    let seconds = |short, long| Duration::from_secs(if setting.short { short } else { long });
    let plan = Plan {
        label: format!("{label} {calls}"),
        callers: dialling(numbers::QUEUE, Voice::Talks),
        per_second: 25.0,
        calls,
        live: calls,
        window: seconds(1, 8)..seconds(4, 28),
        lasts: seconds(4, 28),
        drain: Duration::from_secs(8),
    };
    let report = load.run(&plan).map_err(failed)?;
    let recordings = host.recordings();
    let missing = if report.calls.failed > 0 {
        Some("calls failed")
    } else if report.window.mean_agents_busy < calls as f64 - 0.5 {
        Some("not every caller reached an agent")
    } else if report.relay_ms.is_none() {
        Some("no packet came through")
    } else if record && recordings.0 < calls {
        Some("not every call was recorded")
    } else {
        None
    };
    if let Some(missing) = missing {
        let (window, audio) = (&report.window, &report.audio);
        let described =
            format!("{:?}\n{window:?}\n{audio:?}\nrecordings and their bytes: {recordings:?}", report.calls);
        return Err(BenchError::NoFigures { label: report.label, missing, report: described, log: host.last_words() });
    }
    drop(load);
    drop(host);
    let (window, audio) = (&report.window, &report.audio);
    let mut remarks: Vec<String> = doubts(&report).into_iter().collect();
    remarks.push(format!(
        "{}: {:.1} calls, {:.1} % CPU (user {:.2} s, system {:.2} s in {:.0} s), {} threads, INVITE→agent {} ms, {} packets of {} lost, \
         gaps over 40/60/120 ms: {}/{}/{} of {}, {} recordings of {} MiB, load {:.0} % of its core",
        report.label,
        window.mean_agents_busy,
        window.server_cpu_pct(),
        window.server_user_s,
        window.server_system_s,
        window.seconds,
        window.threads,
        shown(report.invite_to_agent_ms),
        audio.lost(),
        audio.expected,
        audio.gaps_over_40_ms,
        audio.gaps_over_60_ms,
        audio.gaps_over_120_ms,
        audio.gaps,
        recordings.0,
        recordings.1 >> 20,
        100.0 * window.load_cpu_s / window.seconds,
    ));
    if let Some(other) = &setting.other {
        let host = Host::start(&setting.installation, &tenant)?;
        remarks.push(cross_check::bridge(other, host.server, calls)?);
    }
    let (cpu, rss) = (window.cpu_pct_per_100_bridged(), window.rss_kib_per_call());
    let ends = |spread: Option<Spread>| spread.map(|spread| json!({ "p50": spread.p50, "p99": spread.p99 }));
    let (relay, ringing) = (ends(report.relay_ms), ends(report.invite_to_agent_ms));
    Ok(Outcome {
        json: json!({
            "cpu_pct_per_100": round(cpu),
            "rss_kib_per_call": round(rss),
            "relay_ms": relay,
            "invite_to_agent_ms": ringing,
        }),
        table: Table {
            columns: &["CPU % per 100", "KiB/call", "relay p50 / p99 ms", "INVITE → agent p50 / p99 ms"],
            ours: vec![
                format!("{cpu:.1}"),
                format!("{rss:.0}"),
                shown(report.relay_ms),
                shown(report.invite_to_agent_ms),
            ],
            peers,
        },
        reports: vec![report],
        remarks,
    })
}
