//! Decisions of a queue's policy, made again by another policy or with other settings.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use plugboard_model::{
    Policy, Queue, QueueId,
    routing::Tables,
    tape::{Decided, Ranked, Ranking, Tape},
};
use plugboard_plugin as plugin;
use plugboard_replay::policy::{PolicyReport, recolumned, retold};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Client, Finder, Replay, ReplayError, candidate::Found, escaped, read, say, say_line, show_rows, spoken, took,
};

/// Another policy for some queues.
pub(super) struct Other {
    pub(super) queues: BTreeMap<QueueId, Policy>,
    pub(super) component: plugin::RoutingPlugin,
}

/// A policy's file of settings.
#[derive(Debug, Default, Deserialize)]
struct Told {
    attributes: Option<Vec<String>>,
    #[serde(flatten)]
    settings: BTreeMap<String, toml::Value>,
}

/// Settings as components get them.
pub(super) fn texts(settings: BTreeMap<String, toml::Value>) -> Result<BTreeMap<String, String>, ReplayError> {
    let text = |(name, value): (String, toml::Value)| match value {
        toml::Value::String(text) => Ok((name, text)),
        toml::Value::Integer(_) | toml::Value::Boolean(_) => Ok((name, value.to_string())),
        _ => {
            Err(ReplayError::Settings { problem: format!("{name} is neither a text, a whole number, true nor false") })
        }
    };
    settings.into_iter().map(text).collect()
}

/// What a file says.
pub(super) fn told<T: DeserializeOwned>(file: &std::path::Path) -> Result<T, ReplayError> {
    let text = String::from_utf8(read(file)?).map_err(|error| ReplayError::Settings { problem: error.to_string() })?;
    toml::from_str(&text).map_err(|error| ReplayError::Settings { problem: error.message().to_owned() })
}

impl Replay {
    /// What `--policy` and `--settings` ask for.
    pub(super) fn other_policy(
        &self,
        what: &str,
        queues: &BTreeMap<QueueId, Queue>,
        finder: &Finder<'_>,
    ) -> Result<Other, ReplayError> {
        let (name, other) = match what.split_once('@') {
            Some((name, other)) => (name, Some(other)),
            None => (what, None),
        };
        let is_named = |queue: &QueueId| queue.as_str() == name;
        let is_queue = queues.keys().any(is_named);
        let is_served = |queue: &Queue| queue.policy.as_ref().is_some_and(|policy| policy.plugin == name);
        let chosen = queues.iter().filter(|(id, queue)| if is_queue { is_named(id) } else { is_served(queue) });
        let chosen: Vec<_> = chosen.map(|(id, queue)| (id.clone(), queue.policy.clone())).collect();
        let Some((first, present)) = chosen.first() else {
            return Err(ReplayError::NoQueue { name: name.to_owned() });
        };
        let component = match (other, present) {
            (Some(other), _) => other.to_owned(),
            (None, Some(present)) => present.plugin.clone(),
            (None, None) => return Err(ReplayError::NoPolicy { queue: first.to_string() }),
        };
        let Found { plugin: component, name: plugin } = finder.policy(&component)?;
        let (attributes, settings) = match &self.settings {
            Some(file) => {
                let Told { attributes, settings } = told(file)?;
                (attributes, Some(texts(settings)?))
            }
            None => (None, None),
        };
        let policies = chosen.into_iter().map(|(queue, present)| {
            let present = present.unwrap_or_default();
            // Another component knows other settings: those that are in force stay only where it is the same.
            let kept = || if present.plugin == plugin { present.settings.clone() } else { BTreeMap::new() };
            let policy = Policy {
                settings: settings.clone().unwrap_or_else(kept),
                attributes: attributes.clone().unwrap_or_else(|| present.attributes.clone()),
                plugin: plugin.clone(),
            };
            (queue, policy)
        });
        Ok(Other { queues: policies.collect(), component })
    }

    pub(super) fn play_policy(&self, what: &str) -> Result<(), ReplayError> {
        let (client, tenant) = self.of.open()?;
        let engine = super::engine()?;
        let finder = Finder { engine: &engine, client: &client, tenant: &tenant };
        let other = self.other_policy(what, &super::configuration(&client, &tenant)?.queues, &finder)?;
        let of = match other.queues.first_key_value() {
            Some((queue, _)) if other.queues.len() == 1 => format!("&queue={}", escaped(queue.as_str())),
            _ => String::new(),
        };
        let begun = Instant::now();
        let shelf = Shelf { client: &client, tenant: &tenant, known: Mutex::default() };
        let play = |tape: &Tape, asker: &mut plugin::Asker, report: &mut PolicyReport| {
            play(tape, &other, &shelf, asker, report);
        };
        let report = self.through(&client, &self.tapes(&tenant, &of), &engine, play, PolicyReport::merge)?;
        if self.of.json() {
            Self::show_json(&report, begun);
        } else {
            self.show_policy(&report, begun);
        }
        Ok(())
    }

    fn show_policy(&self, report: &PolicyReport, begun: Instant) {
        let PolicyReport { interactions, interactions_changed, decisions, left_out, .. } = report;
        say_line(&format!("{decisions} decisions about {interactions} calls made again in {}", took(begun)));
        let rows = [
            (report.same, "are the same"),
            (report.other_agent, "choose another agent"),
            (report.other_interaction, "choose another call"),
            (report.other_relaxation, "relax otherwise"),
            (report.failed, "fail, and the native order counts"),
            (report.had_failed, "had failed, and the native order counted"),
        ];
        show_rows(*decisions, &rows);
        if *left_out > 0 {
            say_line(&format!("{left_out} decisions could not be made again"));
        }
        say_line(&format!("{interactions_changed} calls have a decision that would be another; the first of each:"));
        for change in report.changes().take(self.top) {
            let at = super::super::table::time(serde_json::json!(change.at).as_str().unwrap_or_default());
            say(&format!("  {at}  {}  {}\n", change.interaction, spoken().say(&change.to_string())));
        }
    }
}

/// Tables that tapes name, fetched once each.
struct Shelf<'a> {
    client: &'a Client,
    tenant: &'a str,
    known: Mutex<Known>,
}

/// By the hash of the tables and the queue.
type Known = BTreeMap<(Arc<str>, QueueId), Option<Arc<Pair>>>;

/// The tables of a recorded question, and those that the other policy is given in their place.
struct Pair {
    recorded: Tables,
    retold: Arc<plugin::TableSet>,
}

impl Shelf<'_> {
    /// `None`: the host has them no more.
    fn tables(&self, ranked: &Ranked, policy: &Policy) -> Option<Arc<Pair>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = known.entry((Arc::clone(&ranked.tables), ranked.queue.clone())).or_insert_with(|| {
            let path = format!("{}/tapes/tables/{}", self.tenant, escaped(&ranked.tables));
            let recorded: Tables = self.client.get(&path).ok()?;
            let retold = Arc::new(plugin::TableSet::new(retold(&recorded, policy)));
            Some(Arc::new(Pair { recorded, retold }))
        });
        pair.clone()
    }
}

fn play(tape: &Tape, other: &Other, shelf: &Shelf<'_>, asker: &mut plugin::Asker, report: &mut PolicyReport) {
    report.leave_out(tape.left_out.into());
    let Ok(recorded) = tape.read() else { return report.leave_out(1) };
    let mut decisions = Vec::new();
    for ranked in &recorded.rankings {
        let Some(policy) = other.queues.get(&ranked.queue) else { continue };
        match shelf.tables(ranked, policy) {
            Some(pair) => decisions.push((ranked, asked_again(ranked, &pair, other, asker), pair)),
            None => report.leave_out(1),
        }
    }
    report.add(tape.interaction, decisions.iter().map(|(ranked, said, pair)| (*ranked, said.clone(), &pair.recorded)));
}

fn asked_again(ranked: &Ranked, pair: &Pair, other: &Other, asker: &mut plugin::Asker) -> Decided {
    let (policy, tables) = (other.component.clone(), Arc::clone(&pair.retold));
    let known = |columns| recolumned(columns, &pair.recorded, pair.retold.tables());
    let ask = match &ranked.asked {
        Ranking::Agents { who, needs, candidates, columns, .. } => plugin::Ask::RankAgents {
            policy,
            tables,
            who: *who,
            needs: needs.clone(),
            candidates: candidates.clone(),
            columns: known(columns),
        },
        Ranking::Waiting { numbers, waiting, columns, .. } => {
            let (waiting, columns) = (waiting.clone(), known(columns));
            plugin::Ask::RankWaiting { policy, tables, agent: *numbers, waiting, columns }
        }
        Ranking::Relax { who, needs } => plugin::Ask::OnTimer { policy, tables, who: *who, needs: needs.clone() },
    };
    match super::ask(asker, ask) {
        Ok(plugin::Answer::Order(order)) => Decided::Ordered(order),
        Ok(plugin::Answer::Relaxed(relaxed)) => Decided::Relaxed(relaxed),
        Ok(_) => Decided::Failed { reason: "the answer is of another kind".to_owned() },
        Err(reason) => Decided::Failed { reason },
    }
}
