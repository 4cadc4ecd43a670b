//! What each benchmark promises to scripts, and how good it has to be.

use std::fmt;

use serde_json::Value;

/// A figure on the last line of a benchmark.
pub(crate) struct Promise {
    /// Members from the outside inwards.
    path: &'static [&'static str],
    /// As good as it must be; none where the figure is only told.
    bar: Option<Bar>,
}

#[derive(Clone, Copy)]
enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

use Bar::{AtLeast, AtMost};

const fn told(path: &'static [&'static str]) -> Promise {
    Promise { path, bar: None }
}

const fn held(path: &'static [&'static str], bar: Bar) -> Promise {
    Promise { path, bar: Some(bar) }
}

pub(crate) const IVR: &[Promise] = &[held(&["cpu_ms_per_call"], AtMost(1.5)), told(&["clean_cps"])];

pub(crate) const BRIDGE: &[Promise] = &[
    held(&["cpu_pct_per_100"], AtMost(12.0)),
    held(&["rss_kib_per_call"], AtMost(256.0)),
    told(&["relay_ms", "p50"]),
    told(&["relay_ms", "p99"]),
    held(&["invite_to_agent_ms", "p99"], AtMost(20.0)),
];

pub(crate) const RECORD: &[Promise] = &[
    held(&["cpu_pct_per_100"], AtMost(16.0)),
    held(&["rss_kib_per_call"], AtMost(256.0)),
    told(&["relay_ms", "p50"]),
    told(&["relay_ms", "p99"]),
    held(&["invite_to_agent_ms", "p99"], AtMost(20.0)),
];

pub(crate) const QUEUE: &[Promise] = &[
    told(&["agent_free_to_ring_ms", "0", "p50"]),
    held(&["agent_free_to_ring_ms", "0", "p99"], AtMost(20.0)),
    told(&["agent_free_to_ring_ms", "1100", "p50"]),
    held(&["agent_free_to_ring_ms", "1100", "p99"], AtMost(20.0)),
    told(&["agent_free_to_ring_ms", "2850", "p50"]),
    held(&["agent_free_to_ring_ms", "2850", "p99"], AtMost(20.0)),
    held(&["rss_kib_per_waiting"], AtMost(64.0)),
];

pub(crate) const SWAP: &[Promise] = &[
    told(&["questions"]),
    held(&["questions_failed"], AtMost(0.0)),
    held(&["calls_failed"], AtMost(0.0)),
    told(&["swaps"]),
    held(&["longest_rollback_s"], AtMost(5.0)),
];

pub(crate) const FLOW: &[Promise] = &[
    told(&["rank_us", "1", "p50"]),
    told(&["rank_us", "10", "p50"]),
    held(&["rank_us", "100", "p50"], AtMost(15.0)),
    held(&["rank_us", "100", "p99"], AtMost(50.0)),
    told(&["rank_us", "256", "p50"]),
    held(&["rank_fresh_us", "p50"], AtMost(100.0)),
    held(&["step_us", "p99"], AtMost(100.0)),
    told(&["step_fresh_us", "p50"]),
    told(&["rank_threads_us", "p50"]),
    held(&["first_call_us", "rank", "p99"], AtMost(5_000.0)),
    held(&["first_call_us", "step", "p99"], AtMost(5_000.0)),
    held(&["webhook_cpu_ratio", "rank"], AtLeast(20.0)),
    told(&["webhook_cpu_ratio", "lean_rank"]),
];

pub(crate) const TENANTS: &[Promise] = &[
    held(&["as_shipped", "p99_moves_pct"], AtMost(5.0)),
    held(&["as_shipped", "failed"], AtMost(0.0)),
    // A deadline is time of a processor; others take some of it from a loop that still counts on the wall.
    held(&["as_shipped", "loop_cpu_ms"], AtMost(40.0)),
    told(&["as_shipped", "loop_ms"]),
    told(&["no_quarantine", "p99_moves_pct"]),
    held(&["no_quarantine", "failed"], AtMost(0.0)),
    held(&["no_quarantine", "loop_cpu_ms"], AtMost(40.0)),
    told(&["no_quarantine", "loop_ms"]),
    held(&["with_calls", "cpu_moves_pct"], AtMost(5.0)),
    held(&["with_calls", "calls_lost"], AtMost(0.0)),
    held(&["with_calls", "loop_cpu_ms"], AtMost(40.0)),
    told(&["with_calls", "loop_ms"]),
];

pub(crate) const START: &[Promise] = &[
    held(&["cached_start_s"], AtMost(1.0)),
    held(&["packs_start_s"], AtMost(1.0)),
    told(&["shipped_start_s"]),
    told(&["compiling_start_s"]),
];

pub(crate) const SOAK: &[Promise] = &[
    told(&["calls"]),
    held(&["never_told"], AtMost(0.0)),
    held(&["told_twice"], AtMost(0.0)),
    held(&["dead_letters"], AtMost(0.0)),
    told(&["killed"]),
    told(&["told_within_s", "p50"]),
    told(&["told_within_s", "p99"]),
    told(&["told_within_s", "longest"]),
];

pub(crate) const DAY: &[Promise] =
    &[held(&["wall_s"], AtMost(10.0)), told(&["calls"]), told(&["agents"]), held(&["stuck"], AtMost(0.0))];

pub(crate) const REPLAY: &[Promise] = &[
    told(&["flow_runs_per_s"]),
    told(&["flow_steps"]),
    told(&["rankings_per_s"]),
    told(&["day_read_s"]),
    told(&["day_s"]),
    told(&["calls"]),
    told(&["agents"]),
];

/// One figure beside its bar.
pub(crate) struct Finding {
    name: String,
    measured: Option<f64>,
    bar: Option<Bar>,
}

impl Finding {
    pub(crate) fn missed(&self) -> bool {
        match (self.measured, self.bar) {
            (Some(measured), Some(AtMost(most))) => measured > most,
            (Some(measured), Some(AtLeast(least))) => measured < least,
            _ => false,
        }
    }

    pub(crate) fn missing(&self) -> bool {
        self.measured.is_none()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = self.measured.map_or_else(|| "-".to_owned(), |measured| format!("{measured:.3}"));
        let bar = match self.bar {
            Some(AtMost(most)) => format!("≤ {most}"),
            Some(AtLeast(least)) => format!("≥ {least}"),
            None => String::new(),
        };
        let verdict = match (self.missing(), self.missed(), self.bar) {
            (true, ..) => "✗ not told",
            (_, true, _) => "✗ missed",
            (.., Some(_)) => "✓",
            (.., None) => "",
        };
        write!(f, "{:<34}{measured:>12}  {bar:<8}{verdict}", self.name)
    }
}

/// Each promise held against the object of the last line.
pub(crate) fn compare(promises: &[Promise], object: &Value) -> Vec<Finding> {
    let figure = |path: &[&str]| path.iter().try_fold(object, |value, name| value.get(name))?.as_f64();
    let finding =
        |promise: &Promise| Finding { name: promise.path.join("."), measured: figure(promise.path), bar: promise.bar };
    promises.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_figure_beyond_its_bar_is_missed_and_one_that_is_not_there_is_missing() {
        let object = json!({ "wall_s": 10.5, "calls": 10_000, "agents": 500 });
        let said: Vec<String> =
            compare(DAY, &object).iter().map(|found| found.to_string().trim_end().to_owned()).collect();
        assert_eq!(
            said,
            [
                "wall_s                                  10.500  ≤ 10    ✗ missed",
                "calls                                10000.000",
                "agents                                 500.000",
                "stuck                                        -  ≤ 0     ✗ not told",
            ]
        );
    }

    #[test]
    fn a_figure_within_an_object_is_found_and_the_bar_itself_is_met() {
        let spread = json!({ "p50": 1, "p99": 20 });
        let object = json!({
            "agent_free_to_ring_ms": { "0": spread, "1100": spread, "2850": spread },
            "rss_kib_per_waiting": 64.0,
        });
        let found = compare(QUEUE, &object);
        assert_eq!(found.iter().filter(|finding| finding.missed() || finding.missing()).count(), 0);
    }
}
