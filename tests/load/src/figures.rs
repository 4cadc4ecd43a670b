//! What a run has measured.

use std::collections::BTreeMap;

use serde::Serialize;

/// Durations in milliseconds, kept one by one so that no percentile is an estimate.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f32>);

impl Samples {
    pub fn add(&mut self, ms: f64) {
        self.0.push(ms as f32);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `None` without samples.
    pub fn spread(&self) -> Option<Spread> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |share: f64| {
            let value = f64::from(sorted[(last as f64 * share).round() as usize]);
            (value * 1_000.0).round() / 1_000.0
        };
        Some(Spread { n: sorted.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) })
    }
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub n: usize,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

/// Whole run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Calls {
    pub placed: usize,
    pub ended_well: usize,
    pub failed: usize,
    /// Ended by a BYE of the host; counted in `ended_well` too.
    pub ended_by_host: usize,
    /// Final statuses of 300 and above; 0 is no answer in time.
    pub refusals: BTreeMap<u16, usize>,
    /// Requests and 200s that either side had to say again.
    pub retransmissions: usize,
    /// Messages of the first attempt, to set the retransmissions against.
    pub messages: usize,
    pub agent_invites: usize,
    pub agent_cancels: usize,
}

impl Calls {
    /// Retransmissions per message.
    pub fn repeated(&self) -> f64 {
        self.retransmissions as f64 / self.messages.max(1) as f64
    }
}

/// Audio in the window, both kinds of phones together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Audio {
    pub sent: u64,
    pub received: u64,
    /// By sequence numbers.
    pub expected: u64,
    /// Spaces between packets of one stream.
    pub gaps: u64,
    pub gaps_over_40_ms: u64,
    pub gaps_over_60_ms: u64,
    pub gaps_over_120_ms: u64,
    /// Packets that the system would not take; they count as sent by no one.
    pub send_errors: u64,
}

impl Audio {
    pub fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

/// The steady part of the run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Window {
    pub seconds: f64,
    pub server_user_s: f64,
    pub server_system_s: f64,
    pub load_cpu_s: f64,
    /// Time of the server's core that neither idled nor went to the server: noise of this machine, and its interrupts.
    pub core_taken_by_others_pct: f64,
    pub calls_ended: usize,
    pub mean_up: f64,
    pub mean_waiting: f64,
    pub mean_agents_busy: f64,
    /// Resident memory of the server: before the first call, and the mean within the window.
    pub rss_before_kib: f64,
    pub rss_kib: f64,
    pub threads: u64,
    /// How late this program's own clock ran at worst. Above some 5 ms its latencies are its own.
    pub late_ms: f64,
}

impl Window {
    pub fn server_cpu_s(&self) -> f64 {
        self.server_user_s + self.server_system_s
    }

    /// Of one core.
    pub fn server_cpu_pct(&self) -> f64 {
        100.0 * self.server_cpu_s() / self.seconds.max(1e-9)
    }

    pub fn cpu_ms_per_call(&self) -> f64 {
        1_000.0 * self.server_cpu_s() / self.calls_ended.max(1) as f64
    }

    pub fn cpu_pct_per_100_bridged(&self) -> f64 {
        100.0 * self.server_cpu_pct() / self.mean_agents_busy.max(1e-9)
    }

    pub fn rss_kib_per_call(&self) -> f64 {
        (self.rss_kib - self.rss_before_kib) / self.mean_up.max(1e-9)
    }
}

/// All of it, as it is written with `--figures`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub label: String,
    pub calls: Calls,
    pub window: Window,
    pub audio: Audio,
    pub invite_to_ringing_ms: Option<Spread>,
    pub invite_to_answer_ms: Option<Spread>,
    /// The caller's INVITE until the agent's phone has one.
    pub invite_to_agent_ms: Option<Spread>,
    /// The agent's BYE until the next INVITE to the same agent.
    pub agent_free_to_ring_ms: Option<Spread>,
    pub bye_to_ok_ms: Option<Spread>,
    /// From one phone's sendto to the arrival at the other phone's socket.
    pub relay_ms: Option<Spread>,
}

/// While the run goes on. Latencies are kept only within the window.
#[derive(Debug, Default)]
pub struct Tally {
    pub in_window: bool,
    pub calls: Calls,
    pub ended: usize,
    pub invite_to_ringing: Samples,
    pub invite_to_answer: Samples,
    pub invite_to_agent: Samples,
    pub agent_free_to_ring: Samples,
    pub bye_to_ok: Samples,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut samples = Samples::default();
        (1..=101).rev().for_each(|ms| samples.add(f64::from(ms)));
        assert_eq!(samples.spread(), Some(Spread { n: 101, p50: 51.0, p90: 91.0, p99: 100.0, max: 101.0 }));
    }
}
