//! What a host has, as tables.

use clap::Args;
use serde_json::Value;

use super::{
    OfTenant, Remote,
    client::{ClientError, escaped},
    say, spoken,
    table::{Cell, Column, table},
};

/// The tenants of the host
#[derive(Debug, Args)]
pub(crate) struct Tenants {
    #[command(flatten)]
    remote: Remote,
}

/// The queues and how they stand: who waits, who could take it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  watch -n1 plugboard queues")]
pub(crate) struct Queues {
    #[command(flatten)]
    of: OfTenant,
}

/// The agents and their states
#[derive(Debug, Args)]
pub(crate) struct Agents {
    #[command(flatten)]
    of: OfTenant,
}

/// The trunks, their peers and whether these answer
#[derive(Debug, Args)]
pub(crate) struct Trunks {
    #[command(flatten)]
    of: OfTenant,
}

/// The live calls, oldest first
#[derive(Debug, Args)]
#[command(after_help = "`plugboard call --help` tells what can be done with one.")]
pub(crate) struct Calls {
    #[command(flatten)]
    of: OfTenant,
}

/// Call detail records, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard cdrs --agent amy --from 2026-11-22T00:00:00Z
  plugboard cdrs --csv --limit 100000 > november.csv")]
pub(crate) struct Cdrs {
    /// Started at or after (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Started before (RFC 3339)
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[arg(long, value_name = "NUMBER")]
    caller: Option<String>,
    /// The number that was dialled
    #[arg(long, value_name = "NUMBER")]
    called: Option<String>,
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// Most records
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print CSV (RFC 4180)
    #[arg(long)]
    csv: bool,
    /// Begin the CSV with a byte order mark, so that a spreadsheet reads its Chinese
    #[arg(long, requires = "csv")]
    bom: bool,
    #[command(flatten)]
    of: OfTenant,
}

impl Tenants {
    pub(super) fn run(self) -> Result<(), ClientError> {
        let tenants = self.remote.client().all("/v1/tenants", usize::MAX)?;
        const COLUMNS: [Column; 3] =
            [("id", "/id", Cell::Text), ("name", "/name", Cell::Text), ("revision", "/revision", Cell::Text)];
        show(&tenants, &COLUMNS, self.remote.json);
        Ok(())
    }
}

impl Queues {
    pub(super) fn run(self) -> Result<(), ClientError> {
        const COLUMNS: [Column; 8] = [
            ("queue", "/id", Cell::Text),
            ("name", "/name", Cell::Text),
            ("waiting", "/waiting", Cell::Text),
            ("longest wait", "/longest_wait_ms", Cell::Millis),
            ("staffed", "/staffed", Cell::Text),
            ("ready", "/ready", Cell::Text),
            ("talking", "/talking", Cell::Text),
            ("wrap-up", "/wrap_up", Cell::Text),
        ];
        live(&self.of, "queues", &COLUMNS)
    }
}

impl Agents {
    pub(super) fn run(self) -> Result<(), ClientError> {
        const COLUMNS: [Column; 7] = [
            ("agent", "/id", Cell::Text),
            ("name", "/name", Cell::Text),
            ("extension", "/extension", Cell::Text),
            ("state", "/state", Cell::Text),
            ("since", "/since", Cell::Time),
            ("call", "/interaction", Cell::Interaction),
            ("phone", "/registered", Cell::Text),
        ];
        live(&self.of, "agents", &COLUMNS)
    }
}

impl Trunks {
    pub(super) fn run(self) -> Result<(), ClientError> {
        const COLUMNS: [Column; 6] = [
            ("trunk", "/trunk", Cell::Text),
            ("peer", "/peer/address", Cell::Text),
            ("answers", "/peer/up", Cell::Text),
            ("calls", "/calls", Cell::Text),
            ("channels", "/channels", Cell::Text),
            ("failed over", "/failed_over", Cell::Text),
        ];
        let (client, tenant) = self.of.open()?;
        let view: Value = client.get(&format!("{tenant}/live"))?;
        let trunks = view.get("trunks").and_then(Value::as_object);
        let trunks = trunks.ok_or_else(|| ClientError::Answer { reason: "a live view without `trunks`".to_owned() })?;
        let rows: Vec<Value> = trunks.iter().flat_map(|(name, trunk)| by_peer(name, trunk)).collect();
        show(&rows, &COLUMNS, self.of.json());
        Ok(())
    }
}

/// A row for each peer of a trunk; one for a trunk that has none.
fn by_peer(name: &str, trunk: &Value) -> Vec<Value> {
    let row = |peer: &Value| {
        let mut row = trunk.clone();
        (row["trunk"], row["peer"]) = (name.into(), peer.clone());
        row
    };
    match trunk["peers"].as_array().map(Vec::as_slice) {
        None | Some([]) => vec![row(&Value::Null)],
        Some(peers) => peers.iter().map(row).collect(),
    }
}

impl Calls {
    pub(super) fn run(self) -> Result<(), ClientError> {
        const COLUMNS: [Column; 8] = [
            ("call", "/interaction", Cell::Interaction),
            ("from", "/from", Cell::Text),
            ("to", "/to", Cell::Text),
            ("stage", "/stage", Cell::Text),
            ("queue", "/queue", Cell::Text),
            ("position", "/position", Cell::Text),
            ("agent", "/agent", Cell::Text),
            ("started", "/started", Cell::Time),
        ];
        live(&self.of, "calls", &COLUMNS)
    }
}

impl Cdrs {
    pub(super) fn run(self) -> Result<(), ClientError> {
        const COLUMNS: [Column; 9] = [
            ("call", "/interaction", Cell::Interaction),
            ("started", "/started_at", Cell::Text),
            ("from", "/from", Cell::Text),
            ("to", "/to", Cell::Text),
            ("answered", "/answered", Cell::Text),
            ("queue", "/queues/0/queue", Cell::Text),
            ("wait", "/wait_ms", Cell::Millis),
            ("talk", "/talk_ms", Cell::Millis),
            ("recording", "/recordings/0/recording", Cell::Text),
        ];
        let (client, tenant) = self.of.open()?;
        let given = [
            ("from", &self.from),
            ("to", &self.to),
            ("caller", &self.caller),
            ("called", &self.called),
            ("agent", &self.agent),
            ("queue", &self.queue),
        ];
        let query: Vec<String> =
            given.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_ref()?)))).collect();
        let path = format!("{tenant}/cdrs?{}", query.join("&"));
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if !self.csv {
            show(&client.all(path.trim_end_matches('?'), most)?, &COLUMNS, self.of.json());
            return Ok(());
        }
        let mut next = Some(format!("{path}&limit={}", most.min(1_000)));
        let mut left = most;
        let mut head = true;
        while let Some(path) = next.filter(|_| left > 0) {
            let (text, more) = client.get_text(&path, "text/csv")?;
            if self.bom && head {
                say("\u{feff}");
            }
            let mut rows = Rows(&text);
            let first = rows.next().unwrap_or_default();
            if std::mem::take(&mut head) {
                say(first);
            }
            let rows: Vec<&str> = rows.take(left).collect();
            left -= rows.len();
            say(&rows.concat());
            next = more;
        }
        Ok(())
    }
}

/// Rows of CSV with their line ends; one may go on over lines inside of quotes (RFC 4180 §2).
struct Rows<'a>(&'a str);

impl<'a> Iterator for Rows<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut quoted = false;
        let end = self.0.char_indices().find_map(|(at, c)| {
            quoted ^= c == '"';
            (c == '\n' && !quoted).then_some(at + 1)
        });
        let (row, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        (!row.is_empty()).then_some(row)
    }
}

fn live(of: &OfTenant, part: &str, columns: &[Column]) -> Result<(), ClientError> {
    let (client, tenant) = of.open()?;
    let mut view: Value = client.get(&format!("{tenant}/live"))?;
    match view.get_mut(part).map(Value::take) {
        Some(Value::Array(items)) => {
            show(&items, columns, of.json());
            Ok(())
        }
        _ => Err(ClientError::Answer { reason: format!("a live view without `{part}`") }),
    }
}

pub(super) fn show(items: &[Value], columns: &[Column], json: bool) {
    if json {
        say(&format!("{}\n", Value::from(items.to_vec())));
    } else {
        say(&table(items, columns, spoken()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_of_a_trunk_is_a_row() {
        let peer = |address: &str, up: bool| serde_json::json!({ "address": address, "up": up });
        let trunk =
            serde_json::json!({ "calls": 3, "peers": [peer("192.0.2.1:5060", true), peer("192.0.2.2:5060", false)] });
        let shown = |trunk: &Value| -> Vec<String> {
            let rows = by_peer("carrier", trunk).into_iter();
            rows.map(|row| format!("{} {} {}", row["trunk"], row["peer"]["up"], row["calls"])).collect()
        };
        assert_eq!(shown(&trunk), ["\"carrier\" true 3", "\"carrier\" false 3"]);
        assert_eq!(shown(&serde_json::json!({ "calls": 0, "peers": [] })), ["\"carrier\" null 0"]);
    }

    #[test]
    fn a_row_of_csv_goes_on_over_a_line_end_inside_of_quotes() {
        let rows: Vec<_> = Rows("a,b\r\n1,\"x\r\ny\"\"\"\r\n2,z").collect();
        assert_eq!(rows, ["a,b\r\n", "1,\"x\r\ny\"\"\"\r\n", "2,z"]);
    }
}
