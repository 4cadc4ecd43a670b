//! Figures of a period, as tables.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    OfTenant,
    client::{ClientError, escaped},
    list::show,
    table::{Cell, Column},
};

/// What a day, an hour or a month came to: volume, connect rate, waiting time, service level; with --agents, how agents spent their time
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard figures                               today, a row a queue
  plugboard figures --by hour --queue sales
  plugboard figures --agents --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z
  plugboard figures --json                        with every counter, figure and its definition")]
pub(crate) struct Figures {
    /// Agents instead of queues
    #[arg(long, conflicts_with = "queue")]
    agents: bool,
    /// Beginning (RFC 3339); today's midnight if left out
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// End (RFC 3339); now if left out
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// What a row covers
    #[arg(long, value_enum, default_value_t = By::All)]
    by: By,
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    #[command(flatten)]
    of: OfTenant,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// The whole period
    All,
    /// A day of the tenant's time zone
    Day,
    /// An hour of the tenant's time zone
    Hour,
    /// 15 minutes
    Interval,
}

const QUEUES: [Column; 9] = [
    ("from", "/start", Cell::Text),
    ("queue", "/queue", Cell::Text),
    ("offered", "/counters/offered", Cell::Text),
    ("answered", "/counters/answered", Cell::Text),
    ("abandoned", "/counters/abandoned", Cell::Text),
    ("connected", "/figures/connect-rate", Cell::Share),
    ("average wait", "/figures/average-speed-of-answer", Cell::Millis),
    ("service level", "/figures/service-level-4", Cell::Share),
    ("handling", "/figures/average-handle-time", Cell::Millis),
];

const AGENTS: [Column; 8] = [
    ("from", "/start", Cell::Text),
    ("agent", "/agent", Cell::Text),
    ("ready", "/time/ready_ms", Cell::Millis),
    ("talking", "/time/talking_ms", Cell::Millis),
    ("held", "/time/held_ms", Cell::Millis),
    ("wrap-up", "/time/wrap_up_ms", Cell::Millis),
    ("not ready", "/time/not_ready_ms", Cell::Millis),
    ("occupancy", "/occupancy", Cell::Share),
];

impl Figures {
    pub(super) fn run(self) -> Result<(), ClientError> {
        let (client, tenant) = self.of.open()?;
        let by = self.by.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let given = [("from", &self.from), ("to", &self.to), ("by", &Some(by)), ("queue", &self.queue)];
        let query: Vec<String> =
            given.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_ref()?)))).collect();
        let of = if self.agents { "agents" } else { "queues" };
        let report: Value = client.get(&format!("{tenant}/figures/{of}?{}", query.join("&")))?;
        if self.of.json() {
            super::say(&format!("{report}\n"));
            return Ok(());
        }
        let items = report.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        show(&items, if self.agents { &AGENTS } else { &QUEUES }, false);
        Ok(())
    }
}
