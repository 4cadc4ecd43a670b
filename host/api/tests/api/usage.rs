//! What plugins used, by day and in sum.

use plugboard_api::{DayUsage, Used};
use serde_json::{Value, json};

use crate::{DEMO, client::Server};

fn day(day: &str, version: &str, questions: u64, fuel: Option<u64>) -> DayUsage {
    let used = Used { questions, failures: 1, not_asked: 2, cpu_us: 10 * questions, fuel, http_calls: 3 };
    DayUsage {
        day: day.into(),
        plugin: "acme.crm/lookup".into(),
        version: version.into(),
        world: "connector-plugin".into(),
        used,
    }
}

async fn server() -> Server {
    let server = Server::start().await;
    let days = [
        day("2026-10-31", "old", 1_000, None),
        day("2026-11-01", "old", 100, None),
        day("2026-11-02", "old", 20, Some(7_000)),
        day("2026-11-02", "new", 5, Some(900)),
    ];
    *server.host.usage.lock().unwrap() = days.into();
    server
}

#[tokio::test]
async fn usage_is_summed_by_version_over_the_days_of_the_period_or_told_for_each() {
    let server = server().await;
    let rows = async |query: &str| {
        let report = server.get(&format!("{DEMO}/usage?{query}")).await.json();
        let row = |row: &Value| {
            ["from", "to", "version", "questions", "cpu_us", "fuel"].map(|field| row[field].clone()).to_vec()
        };
        report["items"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(
        json!([rows("from=2026-11-01&to=2026-11-30").await, rows("from=2026-11-01&to=2026-11-02&by=day").await]),
        json!([
            [["2026-11-01", "2026-11-30", "new", 5, 50, 900], ["2026-11-01", "2026-11-30", "old", 120, 1_200, 7_000],],
            [
                ["2026-11-01", "2026-11-01", "old", 100, 1_000, null],
                ["2026-11-02", "2026-11-02", "new", 5, 50, 900],
                ["2026-11-02", "2026-11-02", "old", 20, 200, 7_000],
            ],
        ])
    );
}

#[tokio::test]
async fn a_period_that_is_none_is_refused() {
    let server = server().await;
    let queries = [
        "from=November",
        "from=2026-11-02T00:00:00Z",
        "from=2026-11-02&to=2026-11-01",
        "from=2020-01-01&to=2026-11-01",
        "by=hour",
    ];
    for query in queries {
        let refused = server.get(&format!("{DEMO}/usage?{query}")).await.problem();
        assert_eq!(refused, (400, "bad-request".to_owned()), "{query}");
    }
}
