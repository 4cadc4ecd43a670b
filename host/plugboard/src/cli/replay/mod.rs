//! Past calls through another version of a flow, another policy or rule, or a whole day lived again; here and not on the host: no caller meets what is tried.

mod candidate;
mod day;
mod flows;
mod policies;
mod rules;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use clap::{Args, ValueHint};
use plugboard_config::duration;
use plugboard_model::{Configuration, TenantId, Timestamp, tape::Tape};
use plugboard_plugin as plugin;
use serde_json::{Value, json};

use super::{
    Client, OfTenant,
    client::{ClientError, escaped},
    say, say_line, spoken, tell,
};
use crate::chain;
use candidate::Finder;

/// Play past calls to another version of a flow, policy or rule: how many would go another way, and where first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard replay --flow menu@new-menu.json      the last 7 days through a document that is not applied yet
  plugboard replay --flow menu --last 24h         through the flow as it is applied now
  plugboard replay --flow menu@acme.ivr-2.0.0.pbpack  through another component, which runs the same document
  plugboard replay --flow menu@new.json --json | jq '.ends_differently'
  plugboard replay --policy sales@route-vip-sticky    each decision of a queue's policy, made again by another one
  plugboard replay --policy sales@acme.lines/lines@1.3.0  by a version of a pack that the tenant has and that does not serve yet
  plugboard replay --policy sales --settings vip.toml by the same with other settings
  plugboard replay --rule calling-hours@rule.wasm     each judgement of a rule, made again by another version
  plugboard replay --rules tenant/                    by the rules of a folder, all together
  plugboard replay --day 2026-11-20 --policy sales@route-skills
                                                  a day's calls and agents, lived again under another policy

A component is named in one way everywhere: route-skills comes with this program, policy.wasm is a file, acme.lines-1.3.0.pbpack/lines a component of a
pack's file (its name may be left out where only one fits), acme.lines/lines one of a pack that the tenant has, in the version that serves, and
acme.lines/lines@1.3.0 in another.

A document that is not applied yet is named by its file: menu@new-menu.json. No draft has a name at the host; menu@draft would be a file called draft.

What callers would have said to a question that they were never asked, nobody knows: such calls count as unknown from there on. A decision or judgement
is made again by itself, in the state that it was made in; what would have come of it is the matter of --day, which draws what nobody knows and says how.
The host keeps what was asked for `limits.tape_days` days. Nothing is played on the host.")]
pub(crate) struct Replay {
    #[command(flatten)]
    what: What,
    /// Another policy: of one queue, or of every queue that a component serves; after an @ another component. With --day: under which the day is lived
    /// again; then @native stands for the queue's own strategy
    #[arg(long, value_name = "QUEUE|PLUGIN[@COMPONENT]", value_hint = ValueHint::FilePath)]
    policy: Option<String>,
    /// Other settings of the policy or rule (TOML): `name = value`; for a policy also `attributes = [..]`
    #[arg(long, value_name = "FILE.toml", value_hint = ValueHint::FilePath)]
    settings: Option<PathBuf>,
    /// Calls of this span up to now: 7d, 24h, 30m
    #[arg(long, value_name = "SPAN", default_value = "7d", conflicts_with_all = ["from", "to", "day"], value_parser = span)]
    last: Duration,
    /// Calls that began at or after (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "day")]
    from: Option<String>,
    /// Calls that began before (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "day")]
    to: Option<String>,
    /// Most calls, the oldest first
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Another component to run the flow's document
    #[arg(long, value_name = "COMPONENT", requires = "flow", value_hint = ValueHint::FilePath)]
    plugin: Option<String>,
    /// Changes that are told
    #[arg(long, default_value_t = 10, value_name = "NUMBER")]
    top: usize,
    /// Times that the day is lived again, each with chances of its own
    #[arg(long, default_value_t = 10, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    #[command(flatten)]
    of: OfTenant,
}

/// One of these, or `--policy` alone.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct What {
    /// The flow, and after an @ the file of another document for it (a draft is its file), or another component
    #[arg(long, value_name = "FLOW[@FILE.json|@COMPONENT]", value_hint = ValueHint::FilePath, conflicts_with_all = ["policy", "settings"])]
    flow: Option<String>,
    /// The rule, as the tenant calls it, and after an @ another component
    #[arg(long, value_name = "RULE[@COMPONENT]", value_hint = ValueHint::FilePath, conflicts_with = "policy")]
    rule: Option<String>,
    /// A tenant's folder, or another with a rules.toml: all its rules together
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with_all = ["policy", "settings"])]
    rules: Option<PathBuf>,
    /// The day, in the tenant's time zone
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Option<String>,
}

/// What a component gets for one question. Beyond what a call gives it: here nobody waits, and the machine may be busy.
const BUDGET: Duration = Duration::from_millis(200);
/// Tapes of one request to the host.
const PAGE: u64 = 100;

fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let seconds = match unit {
        "d" => 24 * 3_600,
        "h" => 3_600,
        "m" => 60,
        _ => return Err("write a number and d, h or m: 7d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write a number and d, h or m: 7d".to_owned())?;
    number
        .checked_mul(seconds)
        .filter(|span| *span <= 3_650 * 24 * 3_600)
        .map(Duration::from_secs)
        .ok_or_else(|| "at most 3650d".to_owned())
}

/// Why nothing can be played.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error(transparent)]
    Host(#[from] ClientError),
    #[error("{file} cannot be read: {reason}")]
    File { file: String, reason: String },
    #[error("the component cannot be loaded: {reason}")]
    Component { reason: String },
    #[error("{plugin} does not come with this program")]
    NotShipped { plugin: String },
    #[error("{file} is no pack: {reason}")]
    NoPack { file: String, reason: String },
    #[error("{file} has the components {known}")]
    WhichComponent { file: String, known: String },
    #[error("{name} is no component of the world {world}")]
    OtherWorld { name: String, world: &'static str },
    #[error("the document is faulty: {problem}")]
    Document { problem: String },
    #[error("the settings are faulty: {problem}")]
    Settings { problem: String },
    #[error("no queue is called {name}, and none has a policy of that name")]
    NoQueue { name: String },
    #[error("queue {queue} has no policy")]
    NoPolicy { queue: String },
    #[error("no rule is called {name}")]
    NoRule { name: String },
    #[error("nothing is named that could be played")]
    Nothing,
    #[error("{text} is no day")]
    NoDay { text: String },
    #[error("no call waited in a queue on {day}")]
    EmptyDay { day: String },
}

impl ReplayError {
    fn remedy(&self) -> &'static str {
        match self {
            Self::Host(_) => "",
            Self::File { .. } => "name a file of this machine",
            Self::Component { .. } => "build the plugins with `cargo xtask plugins`",
            Self::NotShipped { .. } => "name its file, or a component of a pack",
            Self::NoPack { .. } => "name a file that `plugboard pack build` has made",
            Self::WhichComponent { .. } => "name one of them after a /",
            Self::OtherWorld { .. } => "name a component of that world",
            Self::Document { .. } => "plugboard check tells more",
            Self::Settings { .. } => "write `name = value` for each setting that the component knows",
            Self::NoQueue { .. } => "plugboard queues lists them",
            Self::NoPolicy { .. } => "name one after the @",
            Self::NoRule { .. } => "name one of rules.toml",
            Self::Nothing => "give one of --flow, --policy, --rule, --rules and --day",
            Self::NoDay { .. } => "write it as 2026-11-20",
            Self::EmptyDay { .. } => "name a day on which calls came",
        }
    }

    fn tell(&self) -> ExitCode {
        if let Self::Host(error) = self {
            return error.tell();
        }
        let say = |text: &str| spoken().say(text).into_owned();
        tell(&format!("{}: {}\n  {} {}\n", say("error"), say(&self.to_string()), say("remedy:"), say(self.remedy())));
        ExitCode::FAILURE
    }

    fn component(error: &dyn std::error::Error) -> Self {
        Self::Component { reason: chain(error) }
    }

    fn answer(error: &dyn std::error::Error) -> Self {
        Self::Host(ClientError::Answer { reason: error.to_string() })
    }
}

impl Replay {
    pub(super) fn run(self) -> ExitCode {
        self.play().map_or_else(|error| error.tell(), |()| ExitCode::SUCCESS)
    }

    fn play(&self) -> Result<(), ReplayError> {
        match (&self.what, &self.policy) {
            (What { flow: Some(flow), .. }, _) => self.play_flow(flow),
            (What { rule: Some(rule), .. }, _) => self.play_rule(rule),
            (What { rules: Some(folder), .. }, _) => self.play_rules(folder),
            (What { day: Some(day), .. }, policy) => self.live_again(day, policy.as_deref()),
            (_, Some(policy)) => self.play_policy(policy),
            _ => Err(ReplayError::Nothing),
        }
    }

    /// The path of the tapes of the span that is asked for.
    fn tapes(&self, tenant: &str, of: &str) -> String {
        let written = |time: Timestamp| json!(time).as_str().unwrap_or_default().to_owned();
        let from = match (&self.from, &self.to) {
            (None, None) => {
                let now = crate::clock::Clock::start().now().as_millis();
                let span_ms = u64::try_from(self.last.as_millis()).unwrap_or(u64::MAX);
                Some(written(Timestamp::from_millis(now.saturating_sub(span_ms))))
            }
            (from, _) => from.clone(),
        };
        let mut path = format!("{tenant}/tapes?limit={}{of}", self.limit.min(PAGE));
        for (field, time) in [("from", from), ("to", self.to.clone())] {
            if let Some(time) = time {
                path += &format!("&{field}={}", escaped(&time));
            }
        }
        path
    }

    /// Tapes come page by page and are played on every core.
    fn through<R: Default + Send>(
        &self,
        client: &Client,
        path: &str,
        engine: &plugin::Engine,
        play: impl Fn(&Tape, &mut plugin::Asker, &mut R) + Sync,
        merge: impl Fn(&mut R, R),
    ) -> Result<R, ReplayError> {
        let players = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (give, take) = mpsc::sync_channel::<Tape>(1_000);
        let take = Mutex::new(take);
        std::thread::scope(|scope| {
            let play = || {
                let mut asker = plugin::Asker::new(engine);
                let mut report = R::default();
                loop {
                    let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(tape) = next else { return report };
                    play(&tape, &mut asker, &mut report);
                }
            };
            let workers: Vec<_> = (0..players).map(|_| scope.spawn(play)).collect();
            let fetched = self.fetch(client, path, &give);
            drop(give);
            let mut report = R::default();
            for worker in workers {
                match worker.join() {
                    Ok(part) => merge(&mut report, part),
                    // A player that broke down is a fault of ours: its part of the sums would be missing unsaid.
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            fetched.map(|()| report)
        })
    }

    fn fetch(&self, client: &Client, path: &str, give: &mpsc::SyncSender<Tape>) -> Result<(), ReplayError> {
        let (mut left, mut cursor, mut told) = (self.limit, None::<String>, 0_u64);
        while left > 0 {
            let at = cursor.as_deref().map_or_else(String::new, |cursor| format!("&cursor={}", escaped(cursor)));
            let mut page: Value = client.get(&format!("{path}{at}"))?;
            let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
                return Err(ClientError::Answer { reason: "a list without `items`".to_owned() }.into());
            };
            for item in items.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                let tape = serde_json::from_value(item).map_err(|error| ReplayError::answer(&error))?;
                left -= 1;
                told += 1;
                // The players take until there is nothing more to give.
                let _ = give.send(tape);
            }
            if told % 1_000 < PAGE {
                self.progress(&format!("{told} calls read"));
            }
            cursor = page.get("next").and_then(Value::as_str).map(ToOwned::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn progress(&self, text: &str) {
        if !self.of.json() {
            tell(&format!("{}\n", spoken().say(text)));
        }
    }

    /// The report as JSON, with how long it took.
    fn show_json(report: &impl serde::Serialize, begun: Instant) {
        let mut object = serde_json::to_value(report).unwrap_or_default();
        object["wall_s"] = json!(begun.elapsed().as_secs_f64());
        say(&format!("{object}\n"));
    }
}

/// Rows of a sum: how many, what share of all, what they are.
fn show_rows(of: u64, rows: &[(u64, &str)]) {
    for (count, what) in rows {
        let share = if of == 0 { 0.0 } else { *count as f64 * 100.0 / of as f64 };
        say(&format!("  {count:>7}  {share:>5.1} %  {}\n", spoken().say(what)));
    }
}

fn took(begun: Instant) -> String {
    duration::written(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn engine() -> Result<plugin::Engine, ReplayError> {
    plugin::Engine::new(plugin::EngineSettings::default()).map_err(|error| ReplayError::component(&error))
}

fn read(file: &Path) -> Result<Vec<u8>, ReplayError> {
    std::fs::read(file)
        .map_err(|error| ReplayError::File { file: file.display().to_string(), reason: error.to_string() })
}

/// The tenant's configuration as far as decisions depend on it: queues, agents, rules, limits.
fn configuration(client: &Client, tenant: &str) -> Result<Configuration, ReplayError> {
    let mut told: Value = client.get(&format!("{tenant}/configuration"))?;
    if let Some(agents) = told["agents"].as_object_mut() {
        // Secrets are not told.
        agents.values_mut().for_each(|agent| agent["password"] = json!(""));
    }
    let mut configuration = json!(Configuration::empty(nobody()));
    for field in ["time_zone", "queues", "agents", "rules", "limits"] {
        let value = told[field].take();
        if !value.is_null() {
            configuration[field] = value;
        }
    }
    serde_json::from_value(configuration).map_err(|error| ReplayError::answer(&error))
}

/// Whose questions these are: nobody's is charged.
fn nobody() -> TenantId {
    TenantId::try_from("replay").expect("a short word")
}

fn ask(asker: &mut plugin::Asker, ask: plugin::Ask) -> Result<plugin::Answer, String> {
    let question = plugin::Question { id: 0, tenant: nobody(), budget: BUDGET, ask };
    asker.ask(question).result.map_err(|failure| failure.to_string())
}
