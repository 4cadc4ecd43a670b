//! What plugins used, as a table.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    Remote,
    client::{ClientError, escaped},
    list::show,
    table::{Cell, Column},
};

/// What each tenant's plugins used: questions, failures, CPU time, instructions and requests to other systems, by version
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard usage                                          the last 30 days, all tenants
  plugboard usage --tenant shop --from 2026-11-01 --to 2026-11-30
  plugboard usage --by day --json > november.json

Days are of UTC. Sums are on disk, survive restarts and are kept for 400 days. Instructions are counted where plugboard.toml says `fuel = true` in [plugins].")]
pub(crate) struct Usage {
    /// First day, as 2026-11-01; 30 days before the last if left out
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Last day, itself included; today if left out
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// What a row covers
    #[arg(long, value_enum, default_value_t = By::All)]
    by: By,
    /// One tenant only
    #[arg(long, env = "PLUGBOARD_TENANT", help_heading = "Host")]
    tenant: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// The whole period
    All,
    /// A day
    Day,
}

const COLUMNS: [Column; 11] = [
    ("tenant", "/tenant", Cell::Text),
    ("first day", "/from", Cell::Text),
    ("last day", "/to", Cell::Text),
    ("plugin", "/plugin", Cell::Text),
    ("version", "/version", Cell::Text),
    ("questions", "/questions", Cell::Text),
    ("failures", "/failures", Cell::Text),
    ("not asked", "/not_asked", Cell::Text),
    ("cpu", "/cpu_us", Cell::Micros),
    ("fuel", "/fuel", Cell::Text),
    ("http calls", "/http_calls", Cell::Text),
];

impl Usage {
    pub(super) fn run(self) -> Result<(), ClientError> {
        let client = self.remote.client();
        let tenants = match self.tenant {
            Some(tenant) => vec![tenant],
            None => {
                let all = client.all("/v1/tenants", usize::MAX)?;
                all.iter().filter_map(|tenant| tenant["id"].as_str().map(str::to_owned)).collect()
            }
        };
        let by = self.by.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        let given = [("from", &self.from), ("to", &self.to), ("by", &Some(by))];
        let query: Vec<String> =
            given.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_ref()?)))).collect();
        let mut rows = Vec::new();
        for tenant in tenants {
            let report: Value = client.get(&format!("/v1/tenants/{}/usage?{}", escaped(&tenant), query.join("&")))?;
            let items = report["items"].as_array().cloned().unwrap_or_default();
            rows.extend(items.into_iter().map(|mut row| {
                row["tenant"] = Value::from(tenant.clone());
                row
            }));
        }
        show(&rows, &COLUMNS, self.remote.json);
        Ok(())
    }
}
