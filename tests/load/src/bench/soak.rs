//! Calls for a long time; another system is told of each, though it refuses, breaks off, and the host is killed again and again.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{BenchError, Outcome, Setting, Table, accounts, dialling, phones, round};
use crate::{
    Load, Plan,
    audio::Voice,
    callers,
    crm::Crm,
    host::{Host, Tenant, numbers},
};

/// How long a caller listens.
const LISTENS: Duration = Duration::from_millis(500);
/// The host is killed in the middle of each but the last.
const SLICE: Duration = Duration::from_secs(240);
const SHORT_SLICE: Duration = Duration::from_secs(5);
/// How long the other system may take, after the last call, to know all.
const IN_THE_END: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);

const MAPPING: &str = r#"{
    "base": "http://localhost:PORT",
    "events": { "interaction-ended": { "method": "POST", "path": "/calls", "body": { "call": "{call.interaction}", "at": "{call.at}" } } }
}"#;

const CONNECTORS: &str = r#"
[crm]
plugin = "connector-rest"
allow_private = ["http://localhost:PORT"]
settings = { mapping = { file = "crm.json" } }
"#;

/// Whether another system knows of each call in the end, and of each once.
pub fn soak(setting: &Setting) -> Result<Outcome, BenchError> {
    let (per_second, slice) = if setting.short { (10.0, SHORT_SLICE) } else { (20.0, SLICE) };
    let lasts = if setting.short { 2 * slice } else { Duration::from_secs(60) * setting.minutes.max(1) };
    let crm = Crm::start().map_err(crate::host::HostError::Scratch)?;
    let tenant = Tenant { agents: accounts(1), record: false };
    let mut host =
        Host::start_beside(&setting.installation, &tenant, |tenants| write(&tenants.join("load"), crm.at.port()))?;
    let slices = u32::try_from(lasts.as_secs().div_ceil(slice.as_secs())).unwrap_or(u32::MAX);
    let (mut killed, mut rss) = (0, Vec::new());
    for number in 0..slices {
        let server = host.server;
        let load = std::thread::Builder::new()
            .name("load".into())
            .spawn(move || Load::new(server, phones(1, Voice::Absent))?.run(&plan(per_second, slice)));
        let load = load.map_err(crate::host::HostError::Scratch)?;
        if number + 1 < slices {
            // The load goes on meanwhile: the host is killed in the middle of it.
            std::thread::sleep(slice / 2);
            host.crash()?;
            killed += 1;
        }
        let report = load.join().map_err(|_| io::Error::other("the thread of the load broke down"));
        let report = report.map_err(crate::host::HostError::Scratch)?;
        report.map_err(|source| BenchError::Run { log: host.last_words(), source })?;
        rss.push(host.resident_kib().unwrap_or_default() as f64 / 1_024.0);
        let seen = crm.seen();
        eprintln!(
            "  {}/{slices}: {} calls told, {} refused, host killed {killed} times",
            number + 1,
            seen.told.len(),
            seen.refused
        );
    }
    let failed = |source| BenchError::Api { log: host.last_words(), source };
    let by = Instant::now() + IN_THE_END;
    let mut missing = ended(&host).map_err(failed)?;
    let calls = missing.len();
    while !missing.is_empty() && Instant::now() < by {
        missing.retain(|call| !crm.seen().told.contains_key(call));
        // Letters that failed come at times of their own.
        std::thread::sleep(LOOK);
    }
    let dead = host.get("/v1/tenants/load/connectors/crm/dead-letters").map_err(failed)?;
    let dead: Value = serde_json::from_str(&dead).map_err(|error| failed(error.into()))?;
    let dead = dead["items"].as_array().map_or(0, Vec::len);
    let mut seen = crm.seen();
    seen.lags_ms.sort_by(f64::total_cmp);
    let lag =
        |share: usize| seen.lags_ms.get((seen.lags_ms.len() * share / 1_000).min(seen.lags_ms.len().saturating_sub(1)));
    let [p50, p99, longest] = [500, 990, 1_000].map(|share| lag(share).copied().unwrap_or_default() / 1e3);
    let twice = seen.told.values().filter(|keys| **keys > 1).count();
    let remark = format!(
        "{} requests; {} refused with 503, {} taken without an answer, {} came again under a known key; memory after each slice, MiB: {}",
        seen.requests,
        seen.refused,
        seen.broken_off,
        seen.again,
        rss.iter().map(|mib| format!("{mib:.0}")).collect::<Vec<_>>().join(" "),
    );
    Ok(Outcome {
        json: json!({
            "calls": calls,
            "never_told": missing.len(),
            "told_twice": twice,
            "dead_letters": dead,
            "killed": killed,
            "told_within_s": { "p50": round(p50), "p99": round(p99), "longest": round(longest) },
        }),
        table: Table {
            columns: &[
                "calls",
                "never told",
                "told twice",
                "dead letters",
                "host killed",
                "told within s p50 / p99 / longest",
            ],
            ours: vec![
                calls.to_string(),
                missing.len().to_string(),
                twice.to_string(),
                dead.to_string(),
                killed.to_string(),
                format!("{p50:.2} / {p99:.2} / {longest:.1}"),
            ],
            peers: &[],
        },
        reports: Vec::new(),
        remarks: vec![remark],
    })
}

fn write(tenant: &Path, port: u16) -> io::Result<()> {
    for (name, text) in [("crm.json", MAPPING), ("connectors.toml", CONNECTORS)] {
        std::fs::write(tenant.join(name), text.replace("PORT", &port.to_string()))?;
    }
    Ok(())
}

/// All interactions that have a record.
fn ended(host: &Host) -> io::Result<BTreeSet<String>> {
    let (mut all, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = host.get(&format!("/v1/tenants/load/cdrs?limit=1000{cursor}"))?;
        let page: Value = serde_json::from_str(&page)?;
        let ids = page["items"].as_array().into_iter().flatten();
        all.extend(ids.filter_map(|cdr| Some(format!("i{}", cdr["interaction"].as_u64()?))));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

fn plan(per_second: f64, lasts: Duration) -> Plan {
    Plan {
        label: format!("soak {per_second}/s"),
        callers: callers::Habits { stays: Some(LISTENS), ..dialling(numbers::IVR, Voice::Absent) },
        per_second,
        calls: crate::run::MOST_CALLS,
        live: 2_000,
        window: LISTENS..lasts,
        lasts,
        drain: Duration::from_secs(4),
    }
}
