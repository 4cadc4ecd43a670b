//! Past calls through another version of a flow, here and not on the host: no caller meets what is tried.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use clap::Args;
use plugboard_config::duration;
use plugboard_model::{FlowId, TenantId, Timestamp, tape::Tape};
use plugboard_phrases::Language;
use plugboard_plugin as plugin;
use plugboard_replay::{Change, Group, Player, Report};
use serde_json::{Value, json};

use super::{
    OfTenant,
    client::{ClientError, escaped},
    say, say_line, spoken, tell,
};
use crate::chain;

/// Play past calls to another version of a flow: how many would go another way, and where first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard replay --flow menu@new-menu.json      the last 7 days through a document that is not applied yet
  plugboard replay --flow menu --last 24h         through the flow as it is applied now
  plugboard replay --flow menu --plugin flow.wasm through another component
  plugboard replay --flow menu@new.json --json | jq '.ends_differently'

What callers would have said to a question that they were never asked, nobody knows: such calls count as unknown from there on.
The host keeps what flows were asked for `limits.tape_days` days. Nothing is played on the host.")]
pub(crate) struct Replay {
    /// The flow, and after an @ the file of another document for it
    #[arg(long, value_name = "FLOW[@FILE]")]
    flow: String,
    /// Calls of this span up to now: 7d, 24h, 30m
    #[arg(long, value_name = "SPAN", default_value = "7d", conflicts_with_all = ["from", "to"], value_parser = span)]
    last: Duration,
    /// Calls that began at or after (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Calls that began before (RFC 3339)
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Most calls, the oldest first
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Another component to run it
    #[arg(long, value_name = "FILE.wasm")]
    plugin: Option<PathBuf>,
    /// Groups of changes that are told
    #[arg(long, default_value_t = 10, value_name = "NUMBER")]
    top: usize,
    #[command(flatten)]
    of: OfTenant,
}

/// What a component gets for one step. Beyond what a call gives it: here nobody waits, and the machine may be busy.
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
    #[error("flow {flow} is run by {plugin}, which does not come with this program")]
    NoComponent { flow: String, plugin: String },
    #[error("the document is faulty: {problem}")]
    Document { problem: String },
}

impl ReplayError {
    fn remedy(&self) -> &'static str {
        match self {
            Self::Host(_) => "",
            Self::File { .. } => "name a file of this machine",
            Self::Component { .. } => "build the plugins with `cargo xtask plugins`",
            Self::NoComponent { .. } => "name its file with --plugin",
            Self::Document { .. } => "plugboard check tells more",
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
}

/// The other version.
struct Version {
    flow: plugin::FlowPlugin,
    engine: plugin::Engine,
    settings: Arc<plugin::Settings>,
}

impl Replay {
    pub(super) fn run(self) -> ExitCode {
        self.play().map_or_else(|error| error.tell(), |()| ExitCode::SUCCESS)
    }

    fn play(&self) -> Result<(), ReplayError> {
        let (client, tenant) = self.of.open()?;
        let (name, file) = match self.flow.split_once('@') {
            Some((name, file)) => (name, Some(file)),
            None => (self.flow.as_str(), None),
        };
        let applied: Value = client.get(&format!("{tenant}/flows/{}", escaped(name)))?;
        let text = |field: &str| applied.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let document = match file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| ReplayError::File { file: file.to_owned(), reason: error.to_string() })?,
            None => text("document"),
        };
        let version = self.version(name, &text("plugin"), &document)?;

        let now = Timestamp::from_millis(crate::clock::Clock::start().now().as_millis());
        let written = |time: Timestamp| json!(time).as_str().unwrap_or_default().to_owned();
        let from = match (&self.from, &self.to) {
            (None, None) => {
                let span_ms = u64::try_from(self.last.as_millis()).unwrap_or(u64::MAX);
                Some(written(Timestamp::from_millis(now.as_millis().saturating_sub(span_ms))))
            }
            (from, _) => from.clone(),
        };
        let mut path = format!("{tenant}/tapes?flow={}", escaped(name));
        for (field, time) in [("from", from), ("to", self.to.clone())] {
            if let Some(time) = time {
                path += &format!("&{field}={}", escaped(&time));
            }
        }
        let flow: FlowId = name
            .parse()
            .map_err(|error: plugboard_model::IdError| ReplayError::Document { problem: error.to_string() })?;
        let begun = Instant::now();
        let report = self.through(&client, &path, &flow, &version)?;
        self.show(&report, begun.elapsed());
        Ok(())
    }

    fn version(&self, name: &str, plugin: &str, document: &str) -> Result<Version, ReplayError> {
        let component = |error: &dyn std::error::Error| ReplayError::Component { reason: chain(error) };
        let engine = plugin::Engine::new(plugin::EngineSettings::default()).map_err(|error| component(&error))?;
        let flow = match &self.plugin {
            Some(file) => {
                let unreadable = |error: std::io::Error| ReplayError::File {
                    file: file.display().to_string(),
                    reason: error.to_string(),
                };
                engine.load_flow(&std::fs::read(file).map_err(unreadable)?).map_err(|error| component(&error))?
            }
            None => {
                let shipped = crate::answers::Components::load_one(&engine, &crate::serve::shipped_plugins(), plugin);
                let shipped = shipped.map_err(|error| component(&error))?;
                let missing = || ReplayError::NoComponent { flow: name.to_owned(), plugin: plugin.to_owned() };
                shipped.flow(None, plugin).ok_or_else(missing)?
            }
        };
        let settings = plugin::Settings::document(document);
        let problems = flow.check(&settings).map_err(|error| component(&error))?;
        let faulty = problems.iter().find(|problem| problem.severity == plugboard_model::flow::Severity::Error);
        if let Some(problem) = faulty {
            let at = problem.node.as_ref().map_or_else(String::new, |node| format!("{node}: "));
            return Err(ReplayError::Document { problem: format!("{at}{}", problem.message) });
        }
        Ok(Version { flow, engine, settings: Arc::new(settings) })
    }

    /// Tapes come page by page and are played on every core.
    fn through(
        &self,
        client: &super::Client,
        path: &str,
        flow: &FlowId,
        version: &Version,
    ) -> Result<Report, ReplayError> {
        let players = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (give, take) = mpsc::sync_channel::<Tape>(1_000);
        let take = Mutex::new(take);
        std::thread::scope(|scope| {
            let play = || {
                let mut asker = plugin::Asker::new(&version.engine);
                let mut report = Report::default();
                loop {
                    let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(tape) = next else { return report };
                    play(&tape, flow, version, &mut asker, &mut report);
                }
            };
            let workers: Vec<_> = (0..players).map(|_| scope.spawn(play)).collect();
            let fetched = self.fetch(client, path, &give);
            drop(give);
            let mut report = Report::default();
            for worker in workers {
                // A player that broke down is a fault of ours: what it played is missing, and is said to be.
                match worker.join() {
                    Ok(part) => report.merge(part),
                    Err(_) => report.leave_out(),
                }
            }
            fetched.map(|()| report)
        })
    }

    fn fetch(&self, client: &super::Client, path: &str, give: &mpsc::SyncSender<Tape>) -> Result<(), ReplayError> {
        let (mut left, mut cursor, mut told) = (self.limit, None::<String>, 0_u64);
        while left > 0 {
            let at = cursor.as_deref().map_or_else(String::new, |cursor| format!("&cursor={}", escaped(cursor)));
            let mut page: Value = client.get(&format!("{path}&limit={}{at}", left.min(PAGE)))?;
            let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
                return Err(ClientError::Answer { reason: "a list without `items`".to_owned() }.into());
            };
            for item in items {
                let tape =
                    serde_json::from_value(item).map_err(|error| ClientError::Answer { reason: error.to_string() })?;
                left -= 1;
                told += 1;
                // The players take until there is nothing more to give.
                let _ = give.send(tape);
            }
            if told % 1_000 < PAGE && !self.of.json() {
                tell(&format!("{}\n", spoken().say(&format!("{told} calls read"))));
            }
            cursor = page.get("next").and_then(Value::as_str).map(ToOwned::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn show(&self, report: &Report, took: Duration) {
        if self.of.json() {
            let mut object = serde_json::to_value(report).unwrap_or_default();
            object["wall_s"] = json!(took.as_secs_f64());
            return say(&format!("{object}\n"));
        }
        let Report { runs, same, path_changed, queue_changed, ends_differently, unknown, failed, left_out, .. } =
            report;
        let share = |count: u64| if *runs == 0 { 0.0 } else { count as f64 * 100.0 / *runs as f64 };
        say_line(&format!(
            "{runs} runs played in {}",
            duration::written(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
        ));
        for (count, what) in [
            (*same, "go the same way"),
            (*path_changed, "take another way"),
            (*queue_changed, "come to other queues"),
            (*ends_differently, "end differently"),
            (*unknown, "are the same as far as is known"),
            (*failed, "fail"),
        ] {
            say(&format!("  {count:>7}  {:>5.1} %  {}\n", share(count), spoken().say(what)));
        }
        if *left_out > 0 {
            say_line(&format!("{left_out} tapes could not be played"));
        }
        for (change, Group { runs, examples }) in report.changes().into_iter().take(self.top) {
            let calls: Vec<String> = examples.iter().map(ToString::to_string).collect();
            say(&format!("  {runs:>7}  {}  ({})\n", in_words(change, spoken()), calls.join(", ")));
        }
    }
}

fn in_words(change: &Change, language: Language) -> String {
    language.say(&change.to_string()).into_owned()
}

fn play(tape: &Tape, flow: &FlowId, version: &Version, asker: &mut plugin::Asker, report: &mut Report) {
    let Ok(recorded) = tape.read() else { return report.leave_out() };
    if tape.is_cut {
        return report.leave_out();
    }
    for run in recorded.runs.iter().filter(|run| run.flow == *flow) {
        let mut player = Player::new(run);
        while let Some(question) = player.next_question() {
            let ask = plugin::Ask::FlowStep {
                flow: version.flow.clone(),
                settings: Arc::clone(&version.settings),
                state: question.state,
                event: Box::new(question.event),
            };
            let tenant = TenantId::try_from("replay").expect("a short word");
            let reply = asker.ask(plugin::Question { id: 0, tenant, budget: BUDGET, ask });
            player.said(match reply.result {
                Ok(plugin::Answer::Stepped(stepped)) => Ok(stepped),
                Ok(_) => Err("the answer is of another kind".to_owned()),
                Err(failure) => Err(failure.to_string()),
            });
        }
        report.add(tape.interaction, &player.finish());
    }
}

#[cfg(test)]
mod tests {
    use plugboard_replay::{End, Passage, Unknown};

    use super::*;

    #[test]
    fn each_end_of_a_changed_call_is_told_in_chinese() {
        let queue = || "support".parse().unwrap();
        let unknown = [
            Unknown::NeverAsked { what: "gather" },
            Unknown::OtherQueue { queue: queue() },
            Unknown::OtherTransfer { to: "+4930".into() },
            Unknown::Secret,
            Unknown::TapeEnds,
            Unknown::Runaway,
        ];
        let ends = [
            End::StandsStill,
            End::Connected { queue: queue() },
            End::Transferred { to: "+4930".into() },
            End::HandedOver { flow: "night".parse().unwrap() },
            End::HungUp { cause: 16 },
            End::Left { node: Some("menu".into()) },
            End::Left { node: None },
            End::Failed { reason: "trap".into() },
        ];
        let passage = |exit: Option<&str>| Some(Passage { node: "menu".into(), exit: exit.map(Into::into) });
        let told = |end: End| {
            let change = Change { step: 2, was: passage(Some("1")), is: None, end };
            format!("{}\n", in_words(&change, Language::Chinese))
        };
        let all: String = ends.into_iter().chain(unknown.map(|why| End::Unknown { why })).map(told).collect();
        expect_test::expect![[r#"
            第 2 步：结束，原为 menu → 1；停滞不前
            第 2 步：结束，原为 menu → 1；在队列 support 被接听
            第 2 步：结束，原为 menu → 1；转接至 +4930
            第 2 步：结束，原为 menu → 1；转入流程 night
            第 2 步：结束，原为 menu → 1；流程挂机（16）
            第 2 步：结束，原为 menu → 1；在 menu 离开
            第 2 步：结束，原为 menu → 1；在流程开始等待之前离开
            第 2 步：结束，原为 menu → 1；组件出错：trap
            第 2 步：结束，原为 menu → 1；无法得知：主叫从未被这样问过（gather）
            第 2 步：结束，原为 menu → 1；无法得知：主叫从未在队列 support 等待
            第 2 步：结束，原为 menu → 1；无法得知：从未转接至 +4930
            第 2 步：结束，原为 menu → 1；无法得知：按键内容保密
            第 2 步：结束，原为 menu → 1；无法得知：记录到此为止
            第 2 步：结束，原为 menu → 1；无法得知：步数超过任何通话
        "#]]
        .assert_eq(&all);
    }
}
