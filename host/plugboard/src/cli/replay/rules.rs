//! Judgements of compliance rules, made again by another version or by other rules.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use plugboard_model::{
    compliance::{Act, Verdict},
    flow::Severity,
    tape::{Judged, Ruled, Tape},
};
use plugboard_plugin as plugin;
use plugboard_replay::rules::{Group, RulesReport, together};

use super::{
    Client, Finder, Replay, ReplayError,
    policies::{texts, told},
    say, say_line, show_rows, spoken, took,
};

/// A rule as it is asked again.
pub(super) struct Version {
    component: plugin::CompliancePlugin,
    settings: Arc<plugin::Settings>,
}

impl Version {
    pub(super) fn judges(&self, act: &Act) -> bool {
        self.component.judges(&act.what)
    }
}

/// Which judgements are made again.
enum Which {
    One(Arc<str>, Version),
    /// Those of all rules together, as the host takes them, by these rules.
    All(Vec<Version>),
}

/// What stands for all rules together in a report.
const ALL: &str = "*";

/// A rule as rules.toml has it.
#[derive(serde::Deserialize)]
struct Written {
    plugin: String,
    #[serde(default)]
    settings: BTreeMap<String, toml::Value>,
}

impl Replay {
    pub(super) fn play_rule(&self, what: &str) -> Result<(), ReplayError> {
        let (client, tenant) = self.of.open()?;
        let (name, other) = match what.split_once('@') {
            Some((name, other)) => (name, Some(other)),
            None => (what, None),
        };
        let rules = super::configuration(&client, &tenant)?.rules;
        let present = rules.get(name).ok_or_else(|| ReplayError::NoRule { name: name.to_owned() })?;
        let settings = match &self.settings {
            Some(file) => texts(told(file)?)?,
            None => (*present.settings).clone(),
        };
        let engine = super::engine()?;
        let finder = Finder { engine: &engine, client: &client, tenant: &tenant };
        let version = version(&finder, other.unwrap_or(&present.plugin), &settings)?;
        self.judge_again(&client, &tenant, &engine, &Which::One(name.into(), version))
    }

    pub(super) fn play_rules(&self, folder: &Path) -> Result<(), ReplayError> {
        let rules: BTreeMap<String, Written> = told(&folder.join("rules.toml"))?;
        let engine = super::engine()?;
        let (client, tenant) = self.of.open()?;
        let finder = Finder { engine: &engine, client: &client, tenant: &tenant };
        let versions = rules.into_values().map(|rule| version(&finder, &rule.plugin, &texts(rule.settings)?));
        let which = Which::All(versions.collect::<Result<_, _>>()?);
        self.judge_again(&client, &tenant, &engine, &which)
    }

    fn judge_again(
        &self,
        client: &Client,
        tenant: &str,
        engine: &plugin::Engine,
        which: &Which,
    ) -> Result<(), ReplayError> {
        let begun = Instant::now();
        let play = |tape: &Tape, asker: &mut plugin::Asker, report: &mut RulesReport| play(tape, which, asker, report);
        let report = self.through(client, &self.tapes(tenant, ""), engine, play, RulesReport::merge)?;
        if self.of.json() {
            Self::show_json(&report, begun);
        } else {
            self.show_rules(&report, begun);
        }
        Ok(())
    }

    fn show_rules(&self, report: &RulesReport, begun: Instant) {
        say_line(&format!("{} judgements made again in {}", report.judgements, took(begun)));
        let rows = [
            (report.same, "are the same"),
            (report.other_decision, "decide otherwise"),
            (report.other_terms, "decide the same at another time, by another clause or with other duties"),
            (report.failed, "fail, and the effect's default counts"),
            (report.had_failed, "had failed, and the effect's default counted"),
        ];
        show_rows(report.judgements, &rows);
        if report.left_out > 0 {
            say_line(&format!("{} judgements could not be made again", report.left_out));
        }
        for (change, Group { judgements, examples }) in report.changes().into_iter().take(self.top) {
            let calls: Vec<String> = examples.iter().map(|(interaction, _)| interaction.to_string()).collect();
            say(&format!("  {judgements:>7}  {}  ({})\n", spoken().say(&change.to_string()), calls.join(", ")));
        }
    }
}

pub(super) fn version(
    finder: &Finder<'_>,
    plugin: &str,
    settings: &BTreeMap<String, String>,
) -> Result<Version, ReplayError> {
    let component = finder.rule(plugin)?.plugin;
    let settings = Arc::new(crate::components::settings(settings));
    let problems = component.check(&settings).map_err(|error| ReplayError::component(&error))?;
    match problems.iter().find(|problem| problem.severity == Severity::Error) {
        Some(problem) => Err(ReplayError::Settings { problem: problem.message.clone() }),
        None => Ok(Version { component, settings }),
    }
}

fn play(tape: &Tape, which: &Which, asker: &mut plugin::Asker, report: &mut RulesReport) {
    report.leave_out(tape.left_out.into());
    let Ok(recorded) = tape.read() else { return report.leave_out(1) };
    match which {
        Which::One(name, version) => {
            for judged in recorded.judged.iter().filter(|judged| judged.rule == *name) {
                report.add(tape.interaction, judged, verdict(version, &judged.act, asker));
            }
        }
        Which::All(versions) => {
            for (act, verdict) in together(recorded.judged.iter()) {
                let said = verdict_of_all(versions, &act, asker);
                let judged = Judged { rule: ALL.into(), plugin: ALL.into(), act, said: Ruled::Verdict(verdict) };
                report.add(tape.interaction, &judged, Ok(said));
            }
        }
    }
}

/// As the host takes them: the strictest counts.
pub(super) fn verdict_of_all(versions: &[Version], act: &Act, asker: &mut plugin::Asker) -> Verdict {
    let one = |version: &Version| {
        verdict(version, act, asker).unwrap_or_else(|reason| Verdict::by_default(&act.what, reason))
    };
    versions.iter().map(one).fold(Verdict::unjudged(), Verdict::and)
}

fn verdict(version: &Version, act: &Act, asker: &mut plugin::Asker) -> Result<Verdict, String> {
    if !version.judges(act) {
        return Ok(Verdict::unjudged());
    }
    let (rule, settings) = (version.component.clone(), Arc::clone(&version.settings));
    match super::ask(asker, plugin::Ask::Judge { rule, settings, act: Box::new(act.clone()) })? {
        plugin::Answer::Judged(verdict) => Ok(verdict),
        _ => Err("the answer is of another kind".to_owned()),
    }
}
