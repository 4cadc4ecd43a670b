//! A day lived again, under the policies in force and under another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use plugboard_exchange::{Answer, QuestionKind};
use plugboard_model::{Configuration, Event, QueueId, Timestamp, routing::Tables};
use plugboard_plugin as plugin;
use plugboard_replay::day::{Day, DayReader, DayReport, Figures, LEAST_OWN, QueueRow, Run, Spread, live};
use plugboard_reporting::Counters;
use serde_json::{Value, json};

use super::{Client, Finder, Replay, ReplayError, say, say_line, spoken, took};
use crate::{
    cli::table::{Cell, Column, table},
    questions::answer_of,
    ready::Ready,
};

/// After the @ of `--policy`: the queue's own strategy.
const NATIVE: &str = "native";
/// Events of one request to the host.
const PAGE: u64 = 1_000;

/// Policies by the name of their component. One that is not here leaves the native order.
type Policies = BTreeMap<String, plugin::RoutingPlugin>;
/// What each queue counted in one life.
type Life = BTreeMap<QueueId, Counters>;

impl Replay {
    pub(super) fn live_again(&self, text: &str, other: Option<&str>) -> Result<(), ReplayError> {
        let begun = Instant::now();
        let (client, tenant) = self.of.open()?;
        let configuration = super::configuration(&client, &tenant)?;
        let (from, to) = span_of(text, &configuration).ok_or_else(|| ReplayError::NoDay { text: text.to_owned() })?;
        let engine = super::engine()?;
        let finder = Finder { engine: &engine, client: &client, tenant: &tenant };
        let mut policies = Policies::new();
        let mut missing = BTreeSet::new();
        for policy in configuration.queues.values().filter_map(|queue| queue.policy.as_ref()) {
            match finder.policy(&policy.plugin) {
                Ok(found) => drop(policies.insert(policy.plugin.clone(), found.plugin)),
                Err(ReplayError::NotShipped { plugin }) => drop(missing.insert(plugin)),
                Err(error) => return Err(error),
            }
        }
        let another = other.map(|what| self.another(what, &configuration, &finder, &mut policies)).transpose()?;
        let (day, was) = self.read_day(&client, &tenant, from, to, &configuration)?;
        if day.calls.is_empty() {
            return Err(ReplayError::EmptyDay { day: text.to_owned() });
        }
        let worlds: Vec<Arc<Configuration>> =
            [Some(configuration), another].into_iter().flatten().map(Arc::new).collect();
        let mut lives = self.lives(&day, &worlds, &policies, &engine);
        let others = if worlds.len() > 1 { lives.split_off(lives.len() / 2) } else { Vec::new() };
        let agents: BTreeSet<_> = day.shifts.iter().map(|shift| &shift.agent).collect();
        let report = DayReport::new(day.calls.len(), agents.len(), &was, &lives, &others);
        if self.of.json() {
            let mut object = json!(report);
            object["day"] = json!(text);
            object["assumptions"] = json!(assumptions(&day, &missing));
            let patience = was.keys().filter_map(|queue| Some((queue.as_str(), millis(day.patience.mean(queue)?))));
            object["mean_patience_ms"] = json!(patience.collect::<BTreeMap<_, _>>());
            Self::show_json(&object, begun);
        } else {
            show(&report, &assumptions(&day, &missing), begun);
        }
        Ok(())
    }

    /// The configuration with the policy that `--policy` names.
    fn another(
        &self,
        what: &str,
        configuration: &Configuration,
        finder: &Finder<'_>,
        policies: &mut Policies,
    ) -> Result<Configuration, ReplayError> {
        let mut another = configuration.clone();
        if let Some((name, NATIVE)) = what.split_once('@') {
            let queue = name.parse().ok().and_then(|id: QueueId| another.queues.get_mut(&id));
            queue.ok_or_else(|| ReplayError::NoQueue { name: name.to_owned() })?.policy = None;
            return Ok(another);
        }
        let other = self.other_policy(what, &configuration.queues, finder)?;
        for (id, mut policy) in other.queues {
            // A name of its own: the component in force may be another of the same name.
            policy.plugin.insert(0, '@');
            policies.insert(policy.plugin.clone(), other.component.clone());
            if let Some(queue) = another.queues.get_mut(&id) {
                queue.policy = Some(policy);
            }
        }
        Ok(another)
    }

    fn read_day(
        &self,
        client: &Client,
        tenant: &str,
        from: Timestamp,
        to: Timestamp,
        configuration: &Configuration,
    ) -> Result<(Day, Life), ReplayError> {
        let mut reader = DayReader::new(from, to, configuration);
        let (mut after, mut read) = (last_before(client, tenant, from)?, 0_u64);
        loop {
            let events = events(client, tenant, after, PAGE)?;
            let Some(last) = events.last().map(|event| event.seq) else { break };
            if !events.iter().all(|event| reader.read(event)) {
                break;
            }
            after = last;
            read += events.len() as u64;
            if read.is_multiple_of(50 * PAGE) {
                self.progress(&format!("{read} events read"));
            }
        }
        Ok(reader.finish())
    }

    /// All seeds of the first configuration, then all of the second, on every core.
    fn lives(
        &self,
        day: &Day,
        worlds: &[Arc<Configuration>],
        policies: &Policies,
        engine: &plugin::Engine,
    ) -> Vec<Life> {
        let seeds = usize::try_from(self.seeds).unwrap_or(usize::MAX);
        let all = seeds * worlds.len();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let lived = Mutex::new(vec![Life::new(); all]);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(all);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut asker = plugin::Asker::new(engine);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(world) = worlds.get(number / seeds) else { return };
                        let life = lived_once(day, world, (number % seeds) as u64, policies, &mut asker);
                        lived.lock().unwrap_or_else(PoisonError::into_inner)[number] = life;
                        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                        self.progress(&format!("{done} of {all} lives lived"));
                    }
                });
            }
        });
        lived.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lived_once(
    day: &Day,
    world: &Arc<Configuration>,
    seed: u64,
    policies: &Policies,
    asker: &mut plugin::Asker,
) -> Life {
    let mut sets: Ready<Tables, plugin::TableSet> = Ready::default();
    let mut judge = |question: QuestionKind| {
        let mut set = |tables: &Arc<Tables>| sets.made_of(tables, |tables| plugin::TableSet::new(tables.clone()));
        let ask = match question {
            QuestionKind::RankAgents { plugin, tables, who, needs, candidates, columns } => {
                policies.get(&*plugin).map(|policy| {
                    let (policy, tables) = (policy.clone(), set(&tables));
                    plugin::Ask::RankAgents { policy, tables, who, needs, candidates, columns }
                })
            }
            QuestionKind::RankWaiting { plugin, tables, agent, waiting, columns } => {
                policies.get(&*plugin).map(|policy| {
                    let (policy, tables) = (policy.clone(), set(&tables));
                    plugin::Ask::RankWaiting { policy, tables, agent, waiting, columns }
                })
            }
            QuestionKind::Relax { plugin, tables, who, needs } => policies.get(&*plugin).map(|policy| {
                let (policy, tables) = (policy.clone(), set(&tables));
                plugin::Ask::OnTimer { policy, tables, who, needs }
            }),
            // A day asks policies alone.
            _ => None,
        };
        match ask {
            Some(ask) => {
                let question = plugin::Question { id: 0, tenant: super::nobody(), budget: super::BUDGET, ask };
                answer_of(asker.ask(question).result)
            }
            None => Answer::Unavailable("the policy is not here".into()),
        }
    };
    live(day, world, seed, &mut judge, &mut |_| {})
}

/// The local day: its begin and end.
fn span_of(text: &str, configuration: &Configuration) -> Option<(Timestamp, Timestamp)> {
    let midnight = |text: &str| -> Option<Timestamp> {
        let utc: Timestamp = serde_json::from_value(json!(format!("{text}T00:00:00Z"))).ok()?;
        let offset_s = i64::from(configuration.time_zone.offset_at(utc)) * 60;
        let seconds = i64::try_from(utc.as_millis() / 1_000).ok()?.checked_sub(offset_s)?;
        Some(Timestamp::from_secs(u64::try_from(seconds).ok()?))
    };
    let from = midnight(text)?;
    // The next one begins 23 to 25 hours later.
    let noon_after = from + std::time::Duration::from_secs(36 * 3_600);
    let local_s = noon_after.as_millis() / 1_000;
    let offset_s = i64::from(configuration.time_zone.offset_at(noon_after)) * 60;
    let local_s = i64::try_from(local_s).ok()? + offset_s;
    let to = local_s - local_s.rem_euclid(86_400) - offset_s;
    Some((from, Timestamp::from_secs(u64::try_from(to).ok()?)))
}

fn events(client: &Client, tenant: &str, after: u64, limit: u64) -> Result<Vec<Event>, ReplayError> {
    let mut page: Value = client.get(&format!("{tenant}/events?after={after}&limit={limit}"))?;
    serde_json::from_value(page["items"].take()).map_err(|error| ReplayError::answer(&error))
}

/// The number of the last event before `at`, by halving: the log is in order of time.
fn last_before(client: &Client, tenant: &str, at: Timestamp) -> Result<u64, ReplayError> {
    let is_before = |seq: u64| -> Result<bool, ReplayError> {
        Ok(events(client, tenant, seq - 1, 1)?.first().is_some_and(|event| event.at < at))
    };
    let (mut before, mut not) = (0, 1);
    while is_before(not)? {
        before = not;
        not *= 2;
    }
    while not - before > 1 {
        let middle = before + (not - before) / 2;
        if is_before(middle)? {
            before = middle;
        } else {
            not = middle;
        }
    }
    Ok(before)
}

/// What was drawn, and how, in sentences.
fn assumptions(day: &Day, missing: &BTreeSet<String>) -> Vec<String> {
    let mut said = vec![
        format!(
            "an agent's times to ring, talk and wrap up are drawn from their own of the day in the queue, where there are {LEAST_OWN}, else from the queue's; {} talks are known",
            day.handling.talk.len()
        ),
        "who gave up gives up after the same wait; others would wait longer by an exponential time, whose mean is estimated from waits that an answer cut short".to_owned(),
        "every agent answers; a call that leaves a queue unserved is not followed, and its next queue counts as another call".to_owned(),
    ];
    said.extend(missing.iter().map(|plugin| format!("policy {plugin} is not here: the native order counts for it")));
    said
}

fn show(report: &DayReport, assumptions: &[String], begun: Instant) {
    let DayReport { calls, agents, seeds, queues } = report;
    say_line(&format!("{calls} calls and {agents} agents lived again {seeds} times in {}", took(begun)));
    let language = spoken();
    let rows: Vec<Value> = queues.iter().flat_map(rows).collect();
    let has_other = queues.iter().any(|row| row.other.is_some());
    let mut columns: Vec<Column> = vec![
        ("queue", "/queue", Cell::Text),
        ("figure", "/figure", Cell::Text),
        ("was", "/was", Cell::Text),
        ("lived again", "/again", Cell::Text),
    ];
    if has_other {
        columns
            .extend([("other policy", "/other", Cell::Text), ("difference", "/difference", Cell::Text)] as [Column; 2]);
    }
    say(&table(&rows, &columns, language));
    say_line(
        "mean ± standard deviation from one life to another; lived again beside was says how far it can be trusted",
    );
    for sentence in assumptions {
        say(&format!("- {}\n", language.say(sentence)));
    }
}

/// How a figure is written.
#[derive(Clone, Copy)]
enum Unit {
    Share,
    Wait,
}

/// A figure of a day as it was.
type OfDay = fn(&Figures) -> Option<f64>;
/// The same over several lives.
type OfRun = fn(&Run) -> Option<Spread>;

fn rows(row: &QueueRow) -> [Value; 3] {
    let QueueRow { queue, was, again, other, difference } = row;
    let figures: [(&str, Unit, OfDay, OfRun); 3] = [
        ("service level", Unit::Share, |was| was.service_level, |run| run.service_level),
        ("mean wait to answer", Unit::Wait, |was| was.answer_ms, |run| run.answer_ms),
        ("abandoned", Unit::Share, |was| was.abandoned, |run| run.abandoned),
    ];
    figures.map(|(name, unit, of_was, of_run)| {
        let run = |run: &Option<Run>, signed| spread(run.as_ref().and_then(of_run), unit, signed);
        json!({
            "queue": queue.as_ref().map_or_else(|| spoken().say("all").into_owned(), ToString::to_string),
            "figure": spoken().say(name),
            "was": of_was(was).map_or_else(|| "-".to_owned(), |value| number(value, unit, false)),
            "again": run(&Some(*again), false),
            "other": run(other, false),
            "difference": run(difference, true),
        })
    })
}

fn spread(spread: Option<Spread>, unit: Unit, signed: bool) -> String {
    spread.map_or_else(
        || "-".to_owned(),
        |Spread { mean, standard_deviation }| {
            format!("{} ± {}", number(mean, unit, signed), number(standard_deviation, unit, false))
        },
    )
}

fn number(value: f64, unit: Unit, signed: bool) -> String {
    let (value, word) = match unit {
        Unit::Share => (value * 100.0, "%"),
        Unit::Wait => (value / 1_000.0, "s"),
    };
    if signed { format!("{value:+.1} {word}") } else { format!("{value:.1} {word}") }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
