//! Figures of queues and agents over a period.

use plugboard_model::Timestamp;
use plugboard_reporting::{AgentInterval, AgentTime, Counters, QueueInterval};
use serde_json::json;

use crate::{
    DEMO,
    client::{Server, refused},
};

fn interval(queue: &str, start: &str, counters: Counters) -> QueueInterval {
    QueueInterval { queue: queue.parse().unwrap(), start: at(start), as_of: 1, counters }
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_rfc3339(text).unwrap()
}

/// The day of callcentrehelper's worked example (T = 20 s, short = 5 s), spread over two intervals.
fn worked_example() -> [QueueInterval; 2] {
    let morning = Counters {
        offered: 560,
        answered: 540,
        answered_within: 460,
        abandoned: 20,
        abandoned_within: 5,
        short_abandoned: 2,
        wait_answered_ms: 5_400_000,
        ..Counters::default()
    };
    let evening = Counters {
        offered: 500,
        answered: 460,
        answered_within: 400,
        abandoned: 40,
        abandoned_within: 15,
        short_abandoned: 8,
        wait_answered_ms: 6_600_000,
        ..Counters::default()
    };
    [interval("sales", "2026-11-20T09:00:00Z", morning), interval("sales", "2026-11-20T18:00:00Z", evening)]
}

#[tokio::test]
async fn a_period_adds_up_to_the_figures_of_the_worked_example() {
    let server = Server::start().await;
    *server.host.queue_intervals.lock().unwrap() = worked_example().to_vec();
    let path = format!("{DEMO}/figures/queues?from=2026-11-20T00:05:00Z&to=2026-11-21T00:00:00Z");
    let report = server.get(&path).await.json();
    let row = &report["items"][0];
    assert_eq!(
        (&report["from"], &row["queue"], &row["counters"]["offered"], report["items"].as_array().map(Vec::len)),
        (&json!("2026-11-20T00:00:00.000Z"), &json!("sales"), &json!(1060), Some(1))
    );
    let figures = ["service-level-1", "service-level-4", "connect-rate", "average-speed-of-answer"]
        .map(|id| format!("{:.4}", row["figures"][id].as_f64().unwrap()));
    assert_eq!(figures, ["0.8302", "0.8269", "0.9434", "12000.0000"]);
    assert_eq!(report["definitions"][3]["id"], "service-level-4");
}

#[tokio::test]
async fn figures_come_by_the_interval_and_for_one_queue_where_that_is_asked_for() {
    let server = Server::start().await;
    let [one, two] = worked_example();
    let other = interval("support", "2026-11-20T09:00:00Z", Counters { offered: 1, ..Counters::default() });
    *server.host.queue_intervals.lock().unwrap() = vec![one, other, two];
    let period = "from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
    let report = server.get(&format!("{DEMO}/figures/queues?{period}&by=interval&queue=sales")).await.json();
    let rows: Vec<_> = report["items"].as_array().unwrap().iter().map(|row| (&row["start"], &row["end"])).collect();
    assert_eq!(
        rows,
        [
            (&json!("2026-11-20T09:00:00.000Z"), &json!("2026-11-20T09:15:00.000Z")),
            (&json!("2026-11-20T18:00:00.000Z"), &json!("2026-11-20T18:15:00.000Z")),
        ]
    );
}

#[tokio::test]
async fn agents_time_is_added_up_with_occupancy() {
    let server = Server::start().await;
    let interval = |start, time| AgentInterval { agent: "amy".parse().unwrap(), start: at(start), as_of: 1, time };
    *server.host.agent_intervals.lock().unwrap() = vec![
        interval("2026-11-20T09:00:00Z", AgentTime { ready_ms: 200, talking_ms: 100, ..AgentTime::default() }),
        interval("2026-11-20T09:15:00Z", AgentTime { talking_ms: 500, ..AgentTime::default() }),
    ];
    let report =
        server.get(&format!("{DEMO}/figures/agents?from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z")).await.json();
    let row = &report["items"][0];
    assert_eq!((&row["time"]["talking_ms"], &row["occupancy"]), (&json!(600), &json!(0.75)));
}

#[tokio::test]
async fn a_period_that_is_none_or_too_long_is_refused() {
    let server = Server::start().await;
    for period in [
        "from=2026-11-21T00:00:00Z&to=2026-11-20T00:00:00Z",
        "from=2026-01-01T00:00:00Z&to=2026-11-20T00:00:00Z",
        "from=yesterday",
        "by=fortnight",
    ] {
        let answer = server.get(&format!("{DEMO}/figures/queues?{period}")).await;
        assert_eq!((period, answer.problem()), (period, refused(400, "bad-request")));
    }
}
