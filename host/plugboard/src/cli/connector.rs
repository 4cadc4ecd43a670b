//! Connectors of a tenant at a running host, over its API.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    OfTenant,
    client::{ClientError, escaped},
    list::show,
    say_line,
    table::{Cell, Column},
};

/// Connectors to other systems: how they fare, and what could not be told to them
#[derive(Debug, Subcommand)]
pub(crate) enum Connector {
    List(List),
    DeadLetters(DeadLetters),
    Retry(Retry),
}

/// The connectors of a tenant and how they fare
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: OfTenant,
}

/// What the other system could not be told, oldest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plugboard connector dead-letters crm")]
pub(crate) struct DeadLetters {
    /// The connector, as `plugboard connector list` has it
    connector: String,
    /// Most letters
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    of: OfTenant,
}

/// Tell the other system again what it could not be told
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plugboard connector retry crm\n  plugboard connector retry crm --letter shop-1204"
)]
pub(crate) struct Retry {
    /// The connector, as `plugboard connector list` has it
    connector: String,
    /// That one only
    #[arg(long, value_name = "ID")]
    letter: Option<String>,
    #[command(flatten)]
    of: OfTenant,
}

impl Connector {
    pub(super) fn run(self) -> Result<(), ClientError> {
        match self {
            Self::List(list) => list.run(),
            Self::DeadLetters(letters) => letters.run(),
            Self::Retry(retry) => retry.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<(), ClientError> {
        const COLUMNS: [Column; 11] = [
            ("connector", "/name", Cell::Text),
            ("plugin", "/plugin", Cell::Text),
            ("state", "/state", Cell::Text),
            ("asked/min", "/asked_last_minute", Cell::Text),
            ("failed/min", "/failed_last_minute", Cell::Text),
            ("p50 ms", "/p50_ms", Cell::Text),
            ("p99 ms", "/p99_ms", Cell::Text),
            ("waiting", "/letters/waiting", Cell::Text),
            ("given up", "/letters/dead", Cell::Text),
            ("last failure", "/last_failure/why", Cell::Text),
            ("problem", "/problem", Cell::Text),
        ];
        self.of.show_all("connectors", &COLUMNS)
    }
}

impl DeadLetters {
    fn run(self) -> Result<(), ClientError> {
        const COLUMNS: [Column; 6] = [
            ("letter", "/id", Cell::Text),
            ("event", "/kind", Cell::Text),
            ("call", "/interaction", Cell::Text),
            ("at", "/at", Cell::Time),
            ("attempts", "/attempts", Cell::Text),
            ("failure", "/failure", Cell::Text),
        ];
        let (client, tenant) = self.of.open()?;
        let path = format!("{tenant}/connectors/{}/dead-letters", escaped(&self.connector));
        let letters = client.all(&path, usize::try_from(self.limit).unwrap_or(usize::MAX))?;
        show(&letters, &COLUMNS, self.of.json());
        Ok(())
    }
}

impl Retry {
    fn run(self) -> Result<(), ClientError> {
        let (client, tenant) = self.of.open()?;
        let path = format!("{tenant}/connectors/{}/retry", escaped(&self.connector));
        let again: Value = client.post(&path, &json!({ "letter": self.letter }))?;
        say_line(&format!("{} letters are sent again", again["count"]));
        Ok(())
    }
}
