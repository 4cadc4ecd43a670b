//! A caller hears a prompt for two seconds and hangs up.

use std::time::Duration;

use serde_json::json;

use super::{BenchError, Outcome, Setting, Table, accounts, cross_check, dialling, doubts, phones, round, shown};
use crate::{
    Load, Plan,
    audio::Voice,
    callers,
    figures::Report,
    host::{Host, Tenant, numbers},
    peers,
};

/// How long a caller listens.
const LISTENS: Duration = Duration::from_secs(2);
/// Calls per second at which the cost of a call is taken: as with the peers.
const COST_RATE: f64 = 100.0;
/// A step is clean without failures, with at most this share of messages said again, and with answers within this many milliseconds at p99.
const MOST_REPEATED: f64 = 0.001;
const SLOWEST_ANSWER_MS: f64 = 50.0;

/// Processor time a call, and how many calls per second one core takes in without harm.
pub fn ivr(setting: &Setting) -> Result<Outcome, BenchError> {
    let tenant = Tenant { agents: accounts(1), record: false };
    let host = Host::start(&setting.installation, &tenant)?;
    let failed = |source| BenchError::Run { log: host.last_words(), source };
    let mut load = Load::new(host.server, phones(1, Voice::Absent)).map_err(failed)?;
    let cost_rate = if setting.short { 20.0 } else { COST_RATE };
    let cost = load.run(&plan(cost_rate, if setting.short { 4 } else { 20 })).map_err(failed)?;
    if cost.window.calls_ended == 0 || cost.audio.received == 0 {
        let missing =
            if cost.window.calls_ended == 0 { "no call ended in the window" } else { "nobody heard anything" };
        let report = format!("{:?}", cost.calls);
        return Err(BenchError::NoFigures { label: cost.label, missing, report, log: host.last_words() });
    }
    let mut reports = vec![cost.clone()];
    let rates: &[f64] = if setting.short { &[40.0] } else { &STEPS };
    let mut clean_cps = if is_clean(&cost) { cost_rate } else { 0.0 };
    for rate in rates {
        let step = load.run(&plan(*rate, if setting.short { 4 } else { 9 })).map_err(failed)?;
        let clean = is_clean(&step);
        reports.push(step);
        if !clean {
            break;
        }
        clean_cps = *rate;
    }
    drop(load);
    drop(host);
    let mut remarks: Vec<String> = reports.iter().filter_map(doubts).collect();
    remarks.extend(reports.iter().map(remark));
    if let Some(other) = &setting.other {
        let host = Host::start(&setting.installation, &tenant)?;
        remarks.push(cross_check::ivr(other, host.server, cost_rate)?);
    }
    let cpu_ms = cost.window.cpu_ms_per_call();
    Ok(Outcome {
        json: json!({ "cpu_ms_per_call": round(cpu_ms), "clean_cps": clean_cps }),
        table: Table {
            columns: &["CPU ms/call", "clean calls/s", "INVITE→200 p50 / p99 ms"],
            ours: vec![format!("{cpu_ms:.2}"), format!("{clean_cps:.0}"), shown(cost.invite_to_answer_ms)],
            peers: peers::IVR,
        },
        reports,
        remarks,
    })
}

/// Rising rates; the first that is not clean ends the search.
const STEPS: [f64; 16] = [
    150.0, 200.0, 250.0, 300.0, 350.0, 400.0, 450.0, 500.0, 550.0, 600.0, 700.0, 800.0, 900.0, 1_000.0, 1_200.0,
    1_400.0,
];

fn plan(per_second: f64, seconds: u64) -> Plan {
    let lasts = Duration::from_secs(seconds);
    // The first calls end after two seconds; from then on as many end as begin.
    let steady = LISTENS + Duration::from_millis(500);
    Plan {
        label: format!("ivr {per_second}/s"),
        callers: callers::Habits { stays: Some(LISTENS), ..dialling(numbers::IVR, Voice::Listens) },
        per_second,
        calls: crate::run::MOST_CALLS,
        live: 20_000,
        window: steady..lasts,
        lasts,
        drain: Duration::from_secs(8),
    }
}

fn is_clean(report: &Report) -> bool {
    let prompt = report.invite_to_answer_ms.is_some_and(|spread| spread.p99 <= SLOWEST_ANSWER_MS);
    report.calls.failed == 0 && report.calls.repeated() <= MOST_REPEATED && prompt
}

fn remark(report: &Report) -> String {
    let (calls, window, audio) = (&report.calls, &report.window, &report.audio);
    format!(
        "{}: {} well, {} failed {:?}, {} repeats, {:.2} CPU ms/call, {:.1} % CPU, answer {}, BYE {}, {} packets of {} lost, {} gaps over 40 ms",
        report.label,
        calls.ended_well,
        calls.failed,
        calls.refusals,
        calls.retransmissions,
        window.cpu_ms_per_call(),
        window.server_cpu_pct(),
        shown(report.invite_to_answer_ms),
        shown(report.bye_to_ok_ms),
        audio.lost(),
        audio.expected,
        audio.gaps_over_40_ms,
    )
}
