//! The rules that are shipped, as components, asked by a real exchange.

use std::{sync::Arc, time::Duration};

use plugboard_call::Command;
use plugboard_exchange::{Command as HostCommand, CommandError, Reply};
use plugboard_model::{
    Configuration, EventKind,
    compliance::{Act, Asker, Decision, Duty, Effect, Rule, Verdict},
};

use crate::{
    rules::{denied, judgements, outside},
    stage::{FIRST, Stage, shop_with},
};

pub(crate) fn shipped(shop: &mut Configuration, plugin: &str, settings: &[(&str, &str)]) {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    shop.rules.insert(
        plugin.trim_start_matches("rule-").into(),
        Rule { plugin: plugin.into(), settings: Arc::new(settings) },
    );
}

fn with_rule(plugin: &str, settings: &[(&str, &str)]) -> Stage {
    with_rule_and(plugin, settings, |_| {})
}

fn with_rule_and(plugin: &str, settings: &[(&str, &str)], change: impl FnOnce(&mut Configuration)) -> Stage {
    let mut stage = shop_with(|shop| {
        plugboard_scenarios::tenant::add_prompt(shop, "recorded");
        shipped(shop, plugin, settings);
        change(shop);
    });
    stage.world.add_phone("carrier", "203.0.113.1:5060", None);
    stage
}

fn list(shop: &mut Configuration, name: &str, numbers: &[&str]) {
    let numbers = numbers.iter().map(|number| number.parse().unwrap()).collect();
    shop.lists.insert(name.into(), Arc::new(numbers));
}

/// Amy wants to call a number outside; it is eight in the morning, UTC, on a Monday.
fn click(stage: &mut Stage) -> Option<Result<Reply, CommandError>> {
    let id = stage.world.command_later(HostCommand::Originate { agent: "amy".parse().unwrap(), to: outside() });
    stage.world.run_secs(1);
    stage.world.reply(id)
}

fn hang_up_all(stage: &mut Stage) {
    let line = stage.world.line_of(stage.amy);
    stage.world.hang_up(line);
    stage.world.run_secs(30);
}

#[test]
fn nobody_is_called_before_nine_and_everybody_from_then_on() {
    let mut stage = with_rule("rule-calling-hours", &[]);
    let Some(Err(CommandError::Denied(denial))) = click(&mut stage) else { panic!("denied") };
    assert_eq!(denial.to_string(), "rule calling-hours (quiet-hours): nobody is called at this time there");
    let opens = denial.later.map(|at| at.to_string());
    assert_eq!(opens.as_deref(), Some("2026-11-23T09:00:00.000Z"));
    stage.world.run(Duration::from_secs(3_600));
    assert!(matches!(click(&mut stage), Some(Ok(Reply::Started(_)))));
    stage.world.run_secs(5);
    hang_up_all(&mut stage);
    stage.world.finish();
    assert_eq!(
        judgements(&stage.world),
        ["dial +4930123456 denied: calling-hours quiet-hours", "dial +4930123456 allowed: calling-hours in-hours"]
            .map(|told| told.replace("denied: calling-hours quiet", "put off: calling-hours quiet"))
    );
}

#[test]
fn number_on_the_list_of_those_who_are_not_called_is_not_called() {
    let settings = [("from", "00:00"), ("until", "23:59")];
    let mut stage = with_rule_and("rule-calling-hours", &settings, |shop| list(shop, "do-not-call", &["+4930123456"]));
    assert_eq!(
        denied(click(&mut stage)),
        "rule calling-hours (do-not-call): this number is on a list of those who are not called"
    );
    stage.world.finish();
}

#[test]
fn number_that_was_called_as_often_as_is_allowed_is_not_called_again_today() {
    let settings = [("from", "00:00"), ("until", "23:59"), ("attempts-a-day", "1")];
    let mut stage = with_rule("rule-calling-hours", &settings);
    assert!(matches!(click(&mut stage), Some(Ok(Reply::Started(_)))));
    stage.world.run_secs(5);
    hang_up_all(&mut stage);
    assert!(denied(click(&mut stage)).starts_with("rule calling-hours (too-many-attempts): "));
    stage.world.finish();
}

/// OUT-02: by the host itself, with no rule installed.
#[test]
fn customer_who_has_not_consented_is_not_called_by_a_tenant_without_rules() {
    let mut stage = shop_with(|shop| {
        list(shop, "consented", &["+4930999"]);
        shop.dialling.consent_list = Some("consented".into());
    });
    stage.world.add_phone("carrier", "203.0.113.1:5060", None);
    assert_eq!(denied(click(&mut stage)), "rule consent (no-consent): the number is not on the list consented");
    stage.world.configure(|shop| list(shop, "consented", &["+4930123456"]));
    assert!(matches!(click(&mut stage), Some(Ok(Reply::Started(_)))));
    stage.world.run_secs(5);
    hang_up_all(&mut stage);
    stage.world.finish();
    assert_eq!(
        judgements(&stage.world),
        ["dial +4930123456 denied: consent no-consent", "dial +4930123456 allowed: consent consented"]
    );
}

#[test]
fn evidence_names_the_access_key_that_a_command_came_with() {
    let mut stage = with_rule("rule-calling-hours", &[]);
    stage.world.commands_come_by = Some("crm".into());
    click(&mut stage);
    stage.world.finish();
    let askers = stage.world.facts.iter().filter_map(|fact| match &fact.kind {
        EventKind::Judged { judgement, .. } => Some(judgement.by.clone()),
        _ => None,
    });
    assert_eq!(askers.collect::<Vec<_>>(), [Asker::Api("crm".into())]);
}

#[test]
fn caller_hears_that_the_call_is_recorded_before_it_is() {
    let mut stage = with_rule("rule-recording-consent", &[("prompt", "recorded")]);
    let line = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(8);
    assert_eq!((stage.world.hears(line).as_str(), stage.world.plane.open_recordings()), ("amy", 1));
    stage.world.hang_up(line);
    stage.world.finish();
    assert_eq!(
        judgements(&stage.world),
        ["answer anna allowed: recording-consent announce", "record begin allowed: recording-consent announced"]
    );
}

#[test]
fn caller_who_presses_a_key_at_the_question_is_not_recorded() {
    let mut stage = with_rule("rule-recording-consent", &[("prompt", "recorded"), ("mode", "ask")]);
    let line = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(1);
    stage.world.press(line, "9");
    stage.world.run_secs(8);
    assert_eq!((stage.world.hears(line).as_str(), stage.world.plane.open_recordings()), ("amy", 0));
    stage.world.hang_up(line);
    stage.world.finish();
    // Nobody is asked for a recording that there will not be.
    assert_eq!(judgements(&stage.world), ["answer anna allowed: recording-consent ask"]);
}

#[test]
fn recording_pauses_while_the_tag_says_that_the_caller_pays() {
    let mut stage = with_rule("rule-payment-pause", &[]);
    let line = stage.talking();
    stage.command(Command::Tag { name: "payment".into(), value: "begun".into() }).unwrap();
    stage.world.run_secs(1);
    let is_paused = |stage: &Stage| stage.world.exchange.situation(FIRST).map(|situation| situation.tape);
    assert_eq!(is_paused(&stage), Some(plugboard_call::Tape::PausedByRule));
    stage.command(Command::Tag { name: "payment".into(), value: "done".into() }).unwrap();
    stage.world.run_secs(1);
    assert_eq!(is_paused(&stage), Some(plugboard_call::Tape::Running));
    stage.world.hang_up(line);
    stage.world.finish();
    assert_eq!(
        judgements(&stage.world),
        [
            "record begin allowed: payment-pause no-payment",
            "record resume denied: payment-pause payment",
            "record pause allowed: payment-pause less",
            "record resume allowed: payment-pause no-payment"
        ]
    );
}

#[test]
fn recording_is_kept_as_long_as_the_strictest_rule_lets_it_be() {
    fn days(act: &Act, days: u32) -> Verdict {
        let duties = if matches!(act.what, Effect::Record(_)) { vec![Duty::KeepDays(days)] } else { Vec::new() };
        Verdict { decision: Decision::Allow, code: "kept".into(), reason: String::new(), duties }
    }
    let mut stage = shop_with(|shop| {
        for name in ["law", "thrift"] {
            shop.rules.insert(name.into(), Rule { plugin: name.into(), ..Rule::default() });
        }
    });
    stage.world.components.judges.insert("law", |act| days(act, 180));
    stage.world.components.judges.insert("thrift", |act| days(act, 30));
    let line = stage.talking();
    stage.world.hang_up(line);
    stage.world.finish();
    let kept = stage.world.facts.iter().filter_map(|fact| match fact.kind {
        EventKind::RecordingKept { days, .. } => Some(days),
        _ => None,
    });
    assert_eq!(kept.collect::<Vec<_>>(), [30]);
    let erase_at = stage.world.cdrs()[0].recordings[0].erase_at.map(|at| at.to_string());
    assert!(erase_at.as_deref().is_some_and(|at| at.starts_with("2026-12-23T08:00")), "{erase_at:?}");
}
