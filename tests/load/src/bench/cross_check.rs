//! The same server under another generator, `ldgen`: two instruments that agree are worth more than one.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::PASSWORD;
use crate::{Server, host::numbers};

#[derive(Debug, thiserror::Error)]
pub enum OtherError {
    #[error("{program} cannot be started")]
    Start { program: PathBuf, source: std::io::Error },
    #[error("{program} said no figures but: {said}")]
    Output { program: PathBuf, said: String },
}

pub(super) fn ivr(program: &Path, server: Server, per_second: f64) -> Result<String, OtherError> {
    let rate = per_second.to_string();
    let call = ["--user", numbers::IVR, "--cps", &rate, "--calls", "100000", "--dur", "20", "--hold-ms", "2000"];
    let media = ["--media", "recv", "--win-start", "5", "--win-end", "20"];
    let figures = run(program, server, &[&call[..], &media].concat())?;
    Ok(format!(
        "ldgen ivr {rate}/s: {} CPU ms/call, answer {}, {} failed, {} repeats",
        figures["cpu_ms_per_ended_call_win"],
        spread(&figures["inv_200_ms"]),
        figures["fail"],
        figures["retx"]
    ))
}

pub(super) fn bridge(program: &Path, server: Server, calls: usize) -> Result<String, OtherError> {
    let calls = calls.to_string();
    let call = ["--user", numbers::QUEUE, "--cps", "25", "--calls", &calls, "--dur", "32", "--hold-ms", "100000"];
    let media = ["--media", "send", "--win-start", "12", "--win-end", "31"];
    let phones = ["--register", &calls, "--agent-prefix", "a", "--agent-pass", PASSWORD];
    let figures = run(program, server, &[&call[..], &media, &phones].concat())?;
    Ok(format!(
        "ldgen bridged {calls}: {} % CPU per 100, relay {}, loss {} %",
        figures["cpu_pct_per_100_bridged"],
        spread(&figures["rtp"]["relay_ms"]),
        figures["rtp"]["loss_pct"]
    ))
}

pub(super) fn queue(program: &Path, server: Server, agents: usize, waiting: usize) -> Result<String, OtherError> {
    let (live, agents) = ((agents + waiting).to_string(), agents.to_string());
    let call = ["--user", numbers::QUEUE, "--cps", "80", "--max", &live, "--calls", "100000", "--dur", "75"];
    let hold = ["--hold-ms", "0", "--agent-hold-ms", "20000", "--agent-jitter-ms", "10000", "--giveup-ms", "120000"];
    let media = ["--media", "none", "--agent-media", "none", "--win-start", "44", "--win-end", "74", "--drain", "6"];
    let phones = ["--register", &agents, "--agent-prefix", "a", "--agent-pass", PASSWORD];
    let figures = run(program, server, &[&call[..], &hold, &media, &phones].concat())?;
    Ok(format!(
        "ldgen queue {waiting} waiting: agent free → ring {}, {} agents busy, {} % CPU",
        spread(&figures["agentfree_ring_ms"]),
        figures["avg_agents_busy"],
        figures["srv_cpu_pct"]
    ))
}

fn run(program: &Path, server: Server, arguments: &[&str]) -> Result<Value, OtherError> {
    let output = Command::new(program)
        .args(["--label", "cross-check", "--target", &server.sip.to_string(), "--pid", &server.pid.to_string()])
        .args(arguments)
        .output()
        .map_err(|source| OtherError::Start { program: program.to_owned(), source })?;
    serde_json::from_slice(&output.stdout).map_err(|_| OtherError::Output {
        program: program.to_owned(),
        said: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    })
}

fn spread(value: &Value) -> String {
    format!("{} / {} ms", value["p50"], value["p99"])
}
