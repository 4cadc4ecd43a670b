//! New versions of packs beside those that serve: how they begin, how they do, and what becomes of them.

use std::{path::Path, process::ExitCode};

use clap::Args;
use plugboard_phrases::Language;
use serde_json::{Value, json};

use super::remote::{ended, list, open, text, told};
use crate::cli::{
    OfTenant,
    client::{Client, ClientError, escaped},
    say, spoken,
    table::{Cell, Column, table, time},
};

/// How a version is tried, and what it may spend.
#[derive(Debug, Args)]
pub(super) struct Tried {
    /// Asked the same as the version that serves, without effect
    #[arg(long, group = "way")]
    shadow: bool,
    /// Serves this share of all callers, the same ones as it grows
    #[arg(long, group = "way", value_name = "PERCENT")]
    canary: Option<String>,
    /// Serves who calls from these numbers: with commas between them, or a file with one a line
    #[arg(long, group = "way", value_name = "LIST|FILE")]
    numbers: Option<String>,
    /// Serves who calls these numbers of ours, likewise
    #[arg(long, group = "way", value_name = "LIST|FILE")]
    dialled: Option<String>,
    /// Serves interactions that carry this tag when they first come to the pack
    #[arg(long, group = "way", value_name = "KEY=VALUE")]
    tag: Option<String>,
    /// What it may spend before it goes back on its own: failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h
    #[arg(long, value_name = "BUDGET")]
    budget: Option<String>,
}

/// As the API takes it.
pub(super) struct How {
    trial: Option<String>,
    budget: Option<String>,
}

/// A longer text than this goes in a body: not every proxy takes longer addresses.
const LONGEST_QUERY: usize = 1_000;

impl Tried {
    pub(super) fn read(self) -> Result<How, ClientError> {
        let Self { shadow, canary, numbers, dialled, tag, budget } = self;
        let trial = if shadow {
            Some("shadow".to_owned())
        } else if let Some(share) = canary {
            Some(format!("share={share}"))
        } else if let Some(numbers) = numbers {
            Some(format!("callers={}", listed(&numbers)?))
        } else if let Some(numbers) = dialled {
            Some(format!("dialled={}", listed(&numbers)?))
        } else {
            tag.map(|tag| format!("tag={tag}"))
        };
        Ok(How { trial, budget })
    }
}

/// Numbers as they stand there, or in a file of that name.
fn listed(numbers: &str) -> Result<String, ClientError> {
    if !Path::new(numbers).is_file() {
        return Ok(numbers.to_owned());
    }
    let unreadable = |error: std::io::Error| ClientError::File { file: numbers.to_owned(), reason: error.to_string() };
    let text = std::fs::read_to_string(numbers).map_err(unreadable)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.collect::<Vec<_>>().join(","))
}

impl How {
    /// `send`: the file, with this query string. A long list follows in a body, until when the version is asked without effect.
    pub(super) fn upgrade(
        self,
        client: &Client,
        pack: &str,
        dry_run: bool,
        send: impl FnOnce(&str) -> Result<Value, ClientError>,
    ) -> Result<Value, ClientError> {
        let long = self.trial.as_ref().is_some_and(|trial| trial.len() > LONGEST_QUERY);
        let trial = if long { Some("shadow") } else { self.trial.as_deref() };
        let asked = [("trial", trial), ("budget", self.budget.as_deref()), ("dry_run", dry_run.then_some("true"))];
        let asked = asked.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped((*value)?))));
        let query = asked.collect::<Vec<_>>().join("&");
        let sent = send(&if query.is_empty() { query } else { format!("?{query}") })?;
        if long && !dry_run && text(&sent, "/outcome") == "tried" { self.promote(client, pack) } else { Ok(sent) }
    }

    fn promote(&self, client: &Client, pack: &str) -> Result<Value, ClientError> {
        client.post(&format!("{pack}/promote"), &json!({ "trial": self.trial, "budget": self.budget }))
    }
}

/// Let the version on trial serve all, or try it otherwise
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack promote acme.lines --canary 20%          from here on for one caller in five
  plugboard pack promote acme.lines                       for all, watched for an hour")]
pub(crate) struct Promote {
    /// The pack, as `plugboard pack list` has it
    id: String,
    #[command(flatten)]
    trial: Tried,
    #[command(flatten)]
    of: OfTenant,
}

impl Promote {
    pub(super) fn run(self) -> ExitCode {
        let Self { id, trial, of } = self;
        told(&of, |client, packs| trial.read()?.promote(client, &format!("{packs}/{}", escaped(&id))))
    }
}

/// Which version of a pack serves whom, and how they do
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  plugboard pack rollout acme.lines

Counts are those of the time that the budget looks back. A shadow's answers are the same as those of the stable version, or different, or were
dropped because the host had more to do.")]
pub(crate) struct Rollout {
    /// The pack, as `plugboard pack list` has it
    id: String,
    #[command(flatten)]
    of: OfTenant,
}

impl Rollout {
    pub(super) fn run(self) -> ExitCode {
        let show = || {
            let (client, packs) = open(&self.of)?;
            let mut plan: Value = client.get(&format!("{packs}/{}/rollout", escaped(&self.id)))?;
            if self.of.json() {
                plan["ok"] = true.into();
                say(&format!("{plan}\n"));
            } else {
                say(&shown(&plan, spoken()));
            }
            Ok(())
        };
        ended(show())
    }
}

const COLUMNS: [Column; 15] = [
    ("version", "/version", Cell::Text),
    ("role", "/role", Cell::Text),
    ("live", "/live", Cell::Text),
    ("ended", "/counted/interactions", Cell::Text),
    ("asked", "/counted/questions", Cell::Text),
    ("trapped", "/counted/trapped", Cell::Text),
    ("late", "/counted/late", Cell::Text),
    ("bad answers", "/counted/bad_answers", Cell::Text),
    ("declined", "/counted/declined", Cell::Text),
    ("hung up in flow", "/counted/hung_up_in_flow", Cell::Text),
    ("queued", "/counted/queued", Cell::Text),
    ("waited too long", "/counted/beyond_service_level", Cell::Text),
    ("same", "/counted/same", Cell::Text),
    ("different", "/counted/different", Cell::Text),
    ("dropped", "/counted/dropped", Cell::Text),
];
/// The last ones, which only a shadow has.
const OF_SHADOWS: usize = 3;

fn shown(plan: &Value, language: Language) -> String {
    let stage = text(plan, "/stage");
    let said = match stage {
        "shadow" => "the candidate is asked beside, without effect".to_owned(),
        "canary" => format!("the candidate serves {}", text(plan, "/audience")),
        "watched" => format!("the stable version is new, and watched until {}", time(text(plan, "/watched_until"))),
        _ => "the stable version serves all".to_owned(),
    };
    let mut versions: Vec<Value> = list(plan, "/versions").cloned().collect();
    for version in &mut versions {
        version["role"] = language.say(text(version, "/role")).into();
    }
    let columns = if stage == "shadow" { COLUMNS.len() } else { COLUMNS.len() - OF_SHADOWS };
    let (said, budget) = (language.say(&said), format!("budget {}", text(plan, "/budget")));
    let table = table(&versions, &COLUMNS[..columns], language);
    format!("{}: {said}\n{}\n{table}", text(plan, "/pack"), language.say(&budget))
}
