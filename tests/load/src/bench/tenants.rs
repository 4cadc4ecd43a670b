//! Calls of a hundred tenants, of which three have a flow that misbehaves: one loops, one eats memory, one traps at every step.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use super::{BenchError, Outcome, Setting, Table, accounts, dialling, doubts, phones, round, shown};
use crate::{
    Load, Plan,
    audio::Voice,
    callers,
    figures::Report,
    host::{Host, HostError, Installation, Tenant, numbers, write_ivr_tenant},
    process,
};

const TENANTS: usize = 100;
/// What the flows of the last ones do, as the component is told it.
const MISBEHAVE: [&str; 3] = ["loops", "eats-memory", "panics"];
const HOSTILE: &str = "hostile-flow";
const LISTENS: Duration = Duration::from_secs(2);
/// The first number; each tenant has one.
const FIRST: usize = 81_000;

/// CPU and answers of those that behave, with and without the three; what became of all calls; how long a loop went on.
pub fn tenants(setting: &Setting) -> Result<Outcome, BenchError> {
    let hostile = setting.hostile.as_deref().ok_or(BenchError::NoHostile)?;
    let plugins = Plugins::new(&setting.installation.plugins, hostile).map_err(HostError::Scratch)?;
    let installation = Installation { plugins: plugins.0.clone(), ..setting.installation.clone() };
    let setting = Setting { installation, ..setting.clone() };
    // They take turns, so that what else the machine does falls on both.
    let turns = if setting.short { 1 } else { 2 };
    let (mut calm, mut noisy) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        calm.push(run(&setting, false)?);
        noisy.push(run(&setting, true)?);
    }
    let all = || calm.iter().chain(&noisy);
    let placed = |runs: &[Run]| runs.iter().map(|run| run.report.calls.placed).sum::<usize>();
    let cpu_ms = |runs: &[Run]| 1e3 * runs.iter().map(|run| run.cpu_s).sum::<f64>() / placed(runs).max(1) as f64;
    let (before, with) = (cpu_ms(&calm), cpu_ms(&noisy));
    let moves_pct = (with / before - 1.0) * 100.0;
    let lost: usize = all().map(|run| run.report.calls.failed).sum();
    let loop_ms = noisy.iter().map(|run| run.loop_ms).fold(0.0, f64::max);
    let loop_cpu_ms = noisy.iter().map(|run| run.loop_cpu_ms).fold(0.0, f64::max);
    let misbehaved: u64 = noisy.iter().map(|run| run.misbehaved).sum();
    if placed(&noisy) == 0 || misbehaved == 0 || loop_ms == 0.0 {
        let (label, report) = ("tenants".to_owned(), format!("{noisy:?}"));
        return Err(BenchError::NoFigures { label, missing: "no plugin misbehaved", report, log: String::new() });
    }
    let answers = |runs: &[Run]| runs.last().and_then(|run| run.report.invite_to_answer_ms);
    let mut remarks: Vec<String> = all().filter_map(|run| doubts(&run.report)).collect();
    remarks.extend(all().map(remark));
    Ok(Outcome {
        json: json!({
            "cpu_ms_per_call": { "calm": round(before), "noisy": round(with) },
            "cpu_moves_pct": round(moves_pct),
            "invite_to_answer_ms": { "calm": spread(answers(&calm)), "noisy": spread(answers(&noisy)) },
            "calls": all().map(|run| run.report.calls.placed).sum::<usize>(),
            "calls_lost": lost,
            "misbehaved": misbehaved,
            "loop_ms": round(loop_ms),
            "loop_cpu_ms": round(loop_cpu_ms),
        }),
        table: Table {
            columns: &[
                "CPU ms/call calm",
                "noisy",
                "moves",
                "INVITE→200 p50 / p99 ms calm",
                "noisy",
                "calls lost",
                "loop ends after ms, of CPU",
            ],
            ours: vec![
                format!("{before:.2}"),
                format!("{with:.2}"),
                format!("{moves_pct:+.1} %"),
                shown(answers(&calm)),
                shown(answers(&noisy)),
                lost.to_string(),
                format!("{loop_ms:.1}, {loop_cpu_ms:.1}"),
            ],
            peers: &[],
        },
        reports: all().map(|run| run.report.clone()).collect(),
        remarks,
    })
}

#[derive(Debug)]
struct Run {
    report: Report,
    /// Of the host while calls were placed and ended, without what guests of those that misbehave took.
    cpu_s: f64,
    /// What those guests took.
    noise_s: f64,
    /// Steps of theirs that failed.
    misbehaved: u64,
    /// The longest step that was stopped at its deadline.
    loop_ms: f64,
    /// What the processor gave it meanwhile: the rest it stood still, on a busy machine.
    loop_cpu_ms: f64,
}

fn run(setting: &Setting, misbehave: bool) -> Result<Run, BenchError> {
    let tenant = Tenant { agents: accounts(1), record: false };
    let more = |tenants: &Path| (0..TENANTS).try_for_each(|index| write(tenants, index, misbehave));
    let host = Host::start_beside(&setting.installation, &tenant, more)?;
    let failed = |source| BenchError::Run { log: host.last_words(), source };
    let cannot = |source| BenchError::Api { log: host.last_words(), source };
    let (per_second, seconds) = if setting.short { (40.0, 6) } else { (200.0, 30) };
    let mut load = Load::new(host.server, phones(1, Voice::Absent)).map_err(failed)?;
    let used = || {
        let usage = process::usage(host.server.pid);
        usage.user_s + usage.system_s
    };
    let label = format!("tenants, {}", if misbehave { "noisy" } else { "calm" });
    let before = used();
    let report = load.run(&plan(label, per_second, seconds)).map_err(failed)?;
    let cpu_s = used() - before;
    let figures = host.get("/metrics").map_err(cannot)?;
    let is_bad = |line: &str| MISBEHAVE.iter().any(|how| line.contains(&format!("tenant=\"{how}\"")));
    let sum = |family: &str| -> f64 {
        let of_family = figures.lines().filter(|line| line.starts_with(family) && is_bad(line));
        of_family.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    let noise_s = if misbehave { sum("plugboard_plugin_cpu_seconds_total{") } else { 0.0 };
    let misbehaved = sum("plugboard_plugin_failures_total{") as u64;
    let (loop_ms, loop_cpu_ms) = if misbehave { longest_loop(&host).map_err(cannot)? } else { (0.0, 0.0) };
    Ok(Run { report, cpu_s: cpu_s - noise_s, noise_s, misbehaved, loop_ms, loop_cpu_ms })
}

/// On the wall and in CPU time, as traces have it.
fn longest_loop(host: &Host) -> io::Result<(f64, f64)> {
    let traces = host.get(&format!("/v1/tenants/{}/plugins/{HOSTILE}/traces", MISBEHAVE[0]))?;
    let traces: Value = serde_json::from_str(&traces).map_err(io::Error::other)?;
    let all = traces["traces"].as_array().into_iter().flatten();
    let stopped: Vec<&Value> = all.filter(|trace| trace["outcome"] == "deadline").collect();
    let longest = |field: &str| stopped.iter().filter_map(|trace| trace[field].as_f64()).fold(0.0, f64::max) / 1e3;
    Ok((longest("took_us"), longest("worked_us")))
}

fn plan(label: String, per_second: f64, seconds: u64) -> Plan {
    let lasts = Duration::from_secs(seconds);
    let all = (0..TENANTS).map(|index| (FIRST + index).to_string()).collect();
    let callers = callers::Habits {
        numbers: all,
        aside: MISBEHAVE.len(),
        stays: Some(LISTENS),
        ..dialling(numbers::IVR, Voice::Listens)
    };
    Plan {
        label,
        callers,
        per_second,
        calls: crate::run::MOST_CALLS,
        live: 20_000,
        window: LISTENS + Duration::from_millis(500)..lasts,
        lasts,
        drain: Duration::from_secs(8),
    }
}

fn write(tenants: &Path, index: usize, misbehave: bool) -> io::Result<()> {
    let how = (index + MISBEHAVE.len()).checked_sub(TENANTS).map(|bad| MISBEHAVE[bad]);
    let id = how.map_or_else(|| format!("t{index:03}"), ToOwned::to_owned);
    let folder = tenants.join(&id);
    write_ivr_tenant(&folder, &id, &(FIRST + index).to_string())?;
    let Some(how) = how.filter(|_| misbehave) else { return Ok(()) };
    fs::write(folder.join("flows.toml"), format!("[ivr]\nplugin = \"{HOSTILE}\"\n"))?;
    fs::write(folder.join("flows/ivr.json"), format!("{{ \"how\": \"{how}\" }}\n"))
}

fn spread(spread: Option<crate::figures::Spread>) -> Value {
    spread.map_or(Value::Null, |spread| json!({ "p50": spread.p50, "p99": spread.p99 }))
}

fn remark(run: &Run) -> String {
    let calls = &run.report.calls;
    format!(
        "{}: {} calls well, {} failed {:?}; {:.2} s of CPU, and {:.2} s of guests that misbehave, which failed {} times",
        run.report.label, calls.ended_well, calls.failed, calls.refusals, run.cpu_s, run.noise_s, run.misbehaved
    )
}

/// A folder of components with the one that misbehaves among them; it goes with this.
struct Plugins(PathBuf);

impl Plugins {
    fn new(from: &Path, hostile: &Path) -> io::Result<Self> {
        let plugins = Self(std::env::temp_dir().join(format!("plugboard-plugins-{}", std::process::id())));
        fs::create_dir_all(&plugins.0)?;
        fs::copy(from.join("flow-graph.wasm"), plugins.0.join("flow-graph.wasm"))?;
        fs::copy(hostile, plugins.0.join(HOSTILE).with_extension("wasm"))?;
        Ok(plugins)
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
