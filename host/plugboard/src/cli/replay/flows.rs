//! Calls through another version of a flow.

use std::{path::Path, sync::Arc, time::Instant};

use plugboard_model::{FlowDocument, FlowId, tape::Tape};
use plugboard_phrases::Language;
use plugboard_plugin as plugin;
use plugboard_replay::{Change, Group, Player, Report};
use serde_json::Value;

use super::{
    Finder, Replay, ReplayError, candidate::Candidate, escaped, read, rules, say, say_line, show_rows, spoken, took,
};

/// The other version.
struct Version {
    flow: plugin::FlowPlugin,
    settings: Arc<plugin::Settings>,
}

impl Replay {
    pub(super) fn play_flow(&self, what: &str) -> Result<(), ReplayError> {
        let (client, tenant) = self.of.open()?;
        let (name, other) = match what.split_once('@') {
            Some((name, other)) => (name, Some(other)),
            None => (what, None),
        };
        let (file, component) = match other {
            Some(other) if is_component(other) => (None, Some(other)),
            other => (other, None),
        };
        let applied: Value = client.get(&format!("{tenant}/flows/{}", escaped(name)))?;
        let text = |field: &str| applied.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let document = match file {
            Some(file) => String::from_utf8(read(file.as_ref())?)
                .map_err(|error| ReplayError::Document { problem: error.to_string() })?,
            None => text("document"),
        };
        let engine = super::engine()?;
        let finder = Finder { engine: &engine, client: &client, tenant: &tenant };
        let document = match document.strip_prefix(FlowDocument::OF_PACK) {
            Some(name) => finder.document(name)?,
            None => document,
        };
        let applied = text("plugin");
        let version = version(&finder, self.plugin.as_deref().or(component).unwrap_or(&applied), &document)?;
        let rules = rules(&finder).unwrap_or_else(|error| {
            self.progress(&format!("rules are not asked: {error}"));
            Vec::new()
        });
        let flow: FlowId = name
            .parse()
            .map_err(|error: plugboard_model::IdError| ReplayError::Document { problem: error.to_string() })?;
        let begun = Instant::now();
        let path = self.tapes(&tenant, &format!("&flow={}", escaped(name)));
        let play = |tape: &Tape, asker: &mut plugin::Asker, report: &mut Report| {
            play(tape, &flow, &version, &rules, asker, report);
        };
        let report = self.through(&client, &path, &engine, play, Report::merge)?;
        if self.of.json() {
            Self::show_json(&report, begun);
        } else {
            self.show_flow(&report, begun);
        }
        Ok(())
    }

    fn show_flow(&self, report: &Report, begun: Instant) {
        say_line(&format!("{} runs played in {}", report.runs, took(begun)));
        let rows = [
            (report.same, "go the same way"),
            (report.path_changed, "take another way"),
            (report.queue_changed, "come to other queues"),
            (report.verdict_changed, "ask for something that rules judge otherwise"),
            (report.ends_differently, "end differently"),
            (report.unknown, "are the same as far as is known"),
            (report.failed, "fail"),
        ];
        show_rows(report.runs, &rows);
        if report.left_out > 0 {
            say_line(&format!("{} tapes could not be played", report.left_out));
        }
        for (change, Group { runs, examples }) in report.changes().into_iter().take(self.top) {
            let calls: Vec<String> = examples.iter().map(ToString::to_string).collect();
            say(&format!("  {runs:>7}  {}  ({})\n", in_words(change, spoken()), calls.join(", ")));
            if let Some(verdict) = &change.verdict {
                say(&format!("           {}\n", spoken().say(&verdict.to_string())));
            }
        }
    }
}

/// Whether what stands after the @ is a component. A document is a file.
fn is_component(text: &str) -> bool {
    let is_file = || Path::new(text).is_file() || text.ends_with(".json");
    match Candidate::of(text) {
        Candidate::File(_) | Candidate::PackFile { .. } => true,
        Candidate::Shipped(_) | Candidate::Installed { .. } => !is_file(),
    }
}

fn version(finder: &Finder<'_>, plugin: &str, document: &str) -> Result<Version, ReplayError> {
    let flow = finder.flow(plugin)?.plugin;
    let settings = plugin::Settings::document(document);
    let problems = flow.check(&settings).map_err(|error| ReplayError::component(&error))?;
    let faulty = problems.iter().find(|problem| problem.severity == plugboard_model::flow::Severity::Error);
    if let Some(problem) = faulty {
        let at = problem.node.as_ref().map_or_else(String::new, |node| format!("{node}: "));
        return Err(ReplayError::Document { problem: format!("{at}{}", problem.message) });
    }
    Ok(Version { flow, settings: Arc::new(settings) })
}

/// The tenant's rules in force, for what the other version asks for and no tape judges.
fn rules(finder: &Finder<'_>) -> Result<Vec<rules::Version>, ReplayError> {
    let rules = super::configuration(finder.client, finder.tenant)?.rules;
    rules.into_values().map(|rule| rules::version(finder, &rule.plugin, &rule.settings)).collect()
}

fn in_words(change: &Change, language: Language) -> String {
    language.say(&change.to_string()).into_owned()
}

fn play(
    tape: &Tape,
    flow: &FlowId,
    version: &Version,
    rules: &[rules::Version],
    asker: &mut plugin::Asker,
    report: &mut Report,
) {
    let Ok(recorded) = tape.read() else { return report.leave_out() };
    if tape.is_cut {
        return report.leave_out();
    }
    for run in recorded.runs.iter().filter(|run| run.flow == *flow) {
        let mut player = Player::new(run).judged(run, &recorded.judged);
        while let Some(question) = player.next_question() {
            let step = plugin::Ask::FlowStep {
                flow: version.flow.clone(),
                settings: Arc::clone(&version.settings),
                state: question.state,
                event: Box::new(question.event),
            };
            player.said(match super::ask(asker, step) {
                Ok(plugin::Answer::Stepped(stepped)) => Ok(stepped),
                Ok(_) => Err("the answer is of another kind".to_owned()),
                Err(failure) => Err(failure),
            });
        }
        let mut comparison = player.finish();
        comparison.judge_the_rest(|act| {
            let is_judged = rules.iter().any(|rule| rule.judges(act));
            is_judged.then(|| rules::verdict_of_all(rules, act, asker))
        });
        report.add(tape.interaction, &comparison);
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
            let change = Change { step: 2, was: passage(Some("1")), is: None, end, verdict: None };
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
