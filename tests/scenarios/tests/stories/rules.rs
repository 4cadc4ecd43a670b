//! Compliance rules stand between a wish and its effect: refused, put off, failed, late, changed meanwhile.

use std::{sync::Arc, time::Duration};

use expect_test::expect;
use plugboard_call::{Command, Ear, Offering, Tape, Target};
use plugboard_exchange::{Command as HostCommand, CommandError, Reply};
use plugboard_model::{
    Configuration, EventKind, NumberTarget, Timestamp,
    compliance::{Act, Decision, Duty, Effect, Rule, Verdict},
};
use plugboard_scenarios::{Fault, World, tenant};

use crate::stage::{FIRST, Stage, endings, shop_with};

pub(crate) fn rule(shop: &mut Configuration, name: &str, plugin: &str) {
    shop.rules.insert(name.into(), Rule { plugin: plugin.into(), settings: Arc::default() });
}

/// A rule's name and what it says.
pub(crate) type Says = (&'static str, fn(&Act) -> Verdict);

/// A shop with rules.
pub(crate) fn ruled(rules: &[Says]) -> Stage {
    let mut stage = shop_with(|shop| {
        rules.iter().for_each(|(name, _)| rule(shop, name, name));
        shop.numbers.insert("600".parse().unwrap(), NumberTarget::Flow("divert".parse().unwrap()));
        tenant::add_flow(shop, "divert", DIVERT);
        tenant::add_prompt(shop, "recorded");
    });
    stage.world.add_phone("carrier", "203.0.113.1:5060", None);
    stage.world.components.judges.extend(rules.iter().copied());
    stage
}

/// Sends the caller outside, and says goodbye where that fails.
const DIVERT: &str = r#"{
  "format": 1, "name": "divert", "language": "en", "start": "out",
  "nodes": {
    "out": { "kind": "transfer-number", "number": "+4930123456", "ring_s": 15,
             "exits": { "no_answer": "bye", "busy": "bye", "failed": "bye", "error": "bye" } },
    "bye": { "kind": "hang-up", "prompt": "goodbye.wav" }
  }
}"#;

pub(crate) fn verdict(decision: Decision, code: &str, reason: &str, duties: &[Duty]) -> Verdict {
    Verdict { decision, code: code.into(), reason: reason.into(), duties: duties.to_vec() }
}

pub(crate) fn allow(_: &Act) -> Verdict {
    verdict(Decision::Allow, "fine", "", &[])
}

/// No call outside, whoever wants it.
pub(crate) fn hours(act: &Act) -> Verdict {
    match act.what {
        Effect::Dial(_) => verdict(Decision::Deny, "quiet-hours", "nobody is called before nine", &[]),
        _ => Verdict::unjudged(),
    }
}

fn later(act: &Act) -> Verdict {
    match act.what {
        Effect::Dial(_) => {
            let at = act.at + Duration::from_secs(3_600);
            verdict(Decision::Later(at), "not-yet", "in an hour", &[])
        }
        _ => Verdict::unjudged(),
    }
}

/// `dial +4930 Deny: hours quiet-hours, then …` of each judgement so far.
pub(crate) fn judgements(world: &World) -> Vec<String> {
    let told = |fact: &Arc<plugboard_model::Event>| match &fact.kind {
        EventKind::Judged { judgement, .. } => {
            let opinions = judgement.opinions.iter().map(|opinion| {
                let failed = if opinion.failed { " failed" } else { "" };
                format!("{}{failed} {}", opinion.rule, opinion.verdict.code)
            });
            let decision = match judgement.decision {
                Decision::Allow => "allowed",
                Decision::Later(_) => "put off",
                Decision::Deny => "denied",
            };
            let opinions: Vec<String> = opinions.collect();
            Some(format!("{} {} {decision}: {}", judgement.effect, judgement.about, opinions.join(", ")))
        }
        _ => None,
    };
    world.facts.iter().filter_map(told).collect()
}

pub(crate) fn outside() -> Target {
    Target::Number("+4930123456".parse().unwrap())
}

pub(crate) fn call(command: Command) -> HostCommand {
    HostCommand::Call { interaction: FIRST, command }
}

pub(crate) fn denied(reply: Option<Result<Reply, CommandError>>) -> String {
    match reply {
        Some(Err(CommandError::Denied(denial))) => denial.to_string(),
        other => panic!("a denial, not {other:?}"),
    }
}

#[test]
fn call_without_rules_asks_nobody_and_tells_nothing_of_it() {
    let mut stage = shop_with(|_| {});
    let line = stage.talking();
    stage.command(Command::PauseRecording).unwrap();
    stage.world.hang_up(line);
    stage.world.finish();
    assert_eq!(judgements(&stage.world), Vec::<String>::new());
}

#[test]
fn click_to_dial_outside_the_hours_rings_nobody_and_is_kept_as_evidence() {
    let mut stage = ruled(&[("hours", hours)]);
    stage.world.draw_ladder(&["amy", "plugboard", "carrier", "plugin"]);
    let id = stage.world.command_later(HostCommand::Originate { agent: "amy".parse().unwrap(), to: outside() });
    assert_eq!(stage.world.reply(id), None);
    stage.world.run_secs(1);
    assert_eq!(denied(stage.world.reply(id)), "rule hours (quiet-hours): nobody is called before nine");
    stage.world.finish();
    let cdrs = stage.world.cdrs();
    let kept = serde_json::to_string(&cdrs[0].judgements).unwrap();
    expect![[r#"[{"at":"2026-11-23T08:00:01.001Z","effect":"dial","about":"+4930123456","by":{"agent":"amy"},"decision":"deny","opinions":[{"rule":"hours","plugin":"hours","decision":"deny","code":"quiet-hours","reason":"nobody is called before nine","duties":[]}]}]"#]].assert_eq(&kept);
    expect![[r#"
        m:s       amy                   plugboard             carrier               plugin
        00:01.000 |                     |-may we dial +4930123456?----------------->|
        00:01.000 |                     |<denied (quiet-hours)----------------------|
        00:01.001 |                     * denied: hours       |                     |
        00:01.001 |                     * closed Host 21      |                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

#[test]
fn click_to_dial_that_is_allowed_rings_the_agent_once_the_verdict_is_on_disk() {
    let mut stage = ruled(&[("list", allow)]);
    stage.world.commit_delay = Some(Duration::from_millis(300));
    stage.world.draw_ladder(&["amy", "plugboard", "carrier", "plugin"]);
    let id = stage.world.command_later(HostCommand::Originate { agent: "amy".parse().unwrap(), to: outside() });
    stage.world.run_secs(5);
    assert_eq!(stage.world.reply(id), Some(Ok(Reply::Started(FIRST))));
    let line = stage.world.line_of(stage.amy);
    assert_eq!(stage.world.hears(line), "carrier", "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
    expect![[r#"
        m:s       amy                   plugboard             carrier               plugin
        00:01.000 |                     |-may we dial +4930123456?----------------->|
        00:01.000 |                     |<allowed (fine)----------------------------|
        00:01.001 |                     * allowed: list       |                     |
        00:01.300 |<INVITE--------------|                     |                     |
        00:01.305 |-180---------------->|                     |                     |
        00:02.305 |-200---------------->|                     |                     |
        00:02.310 |<~tune---------------|                     |                     |
        00:02.310 |                     |-INVITE------------->|                     |
        00:02.315 |                     |<180-----------------|                     |
        00:03.315 |                     |<200-----------------|                     |
        00:03.320 |                     * bridge              |                     |
        00:06.000 |-BYE---------------->|                     |                     |
        00:06.005 |                     * closed Agent 16     |                     |
        00:06.005 |                     |-BYE---------------->|                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

#[test]
fn agent_who_may_not_consult_outside_is_told_why_and_has_the_caller_back() {
    let mut stage = ruled(&[("hours", hours)]);
    let line = stage.talking();
    let id = stage.world.command_later(call(Command::Consult { to: outside() }));
    stage.world.run_secs(1);
    assert_eq!(denied(stage.world.reply(id)), "rule hours (quiet-hours): nobody is called before nine");
    assert_eq!((stage.world.hears(line).as_str(), stage.world.state_of("amy").as_str()), ("amy", "talking"));
    // By the phone: 403 in its NOTIFY, and the caller is back as well.
    let agents_line = stage.world.line_of(stage.amy);
    stage.world.refer(agents_line, "+4930123456");
    stage.world.run_secs(1);
    assert_eq!((stage.world.hears(line).as_str(), stage.world.state_of("amy").as_str()), ("amy", "talking"));
    stage.world.hang_up(line);
    stage.world.finish();
    assert_eq!(judgements(&stage.world), ["dial +4930123456 denied: hours quiet-hours"; 2]);
}

#[test]
fn flow_that_may_not_transfer_outside_goes_on_with_its_caller() {
    let mut stage = ruled(&[("hours", hours)]);
    stage.world.draw_ladder(&["anna", "plugboard", "carrier", "plugin"]);
    stage.world.dial(stage.anna, "600");
    stage.world.run_secs(20);
    stage.world.finish();
    expect![[r#"
        m:s       anna                  plugboard             carrier               plugin
        00:01.000 |-INVITE------------->|                     |                     |
        00:01.005 |                     |-may we answer?--------------------------->|
        00:01.005 |                     |<allowed (no-rule)-------------------------|
        00:01.006 |                     |-step started----------------------------->|
        00:01.006 |                     |<transfer----------------------------------|
        00:01.007 |<~tune---------------|                     |                     |
        00:01.007 |                     |-may we dial +4930123456?----------------->|
        00:01.007 |                     |<denied (quiet-hours)----------------------|
        00:01.007 |<200-----------------|                     |                     |
        00:01.008 |                     * denied: hours       |                     |
        00:01.008 |                     |-step refused denied---------------------->|
        00:01.008 |                     |<pick up, play-----------------------------|
        00:01.009 |<~goodbye------------|                     |                     |
        00:03.011 |                     |-step played------------------------------>|
        00:03.011 |                     |<hang up-----------------------------------|
        00:03.012 |                     * closed Host 16      |                     |
        00:03.012 |                     |-step hung up----------------------------->|
        00:03.012 |                     |<nothing-----------------------------------|
        00:03.012 |<BYE-----------------|                     |                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

#[test]
fn caller_who_may_not_be_sent_outside_keeps_the_place_in_the_queue() {
    let mut stage = ruled(&[("hours", hours)]);
    stage.world.agent("amy", plugboard_model::AgentRequest::NotReady { reason: "lunch".into() });
    let line = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(2);
    let id = stage.world.command_later(call(Command::Transfer { to: outside() }));
    stage.world.run_secs(2);
    assert_eq!(denied(stage.world.reply(id)), "rule hours (quiet-hours): nobody is called before nine");
    assert!(stage.world.exchange.acd().position(FIRST).is_some(), "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
    assert_eq!(endings(&stage.world), ["Caller 16"]);
}

#[test]
fn the_strictest_of_several_rules_counts_and_every_reason_is_kept() {
    let mut stage = ruled(&[("a-list", allow), ("b-later", later), ("c-hours", hours)]);
    let id = stage.world.command_later(HostCommand::Originate { agent: "amy".parse().unwrap(), to: outside() });
    stage.world.run_secs(1);
    assert_eq!(denied(stage.world.reply(id)), "rule c-hours (quiet-hours): nobody is called before nine");
    stage.world.finish();
    assert_eq!(
        judgements(&stage.world),
        ["dial +4930123456 denied: a-list fine, b-later not-yet, c-hours quiet-hours"]
    );
}

#[test]
fn dial_that_is_put_off_is_refused_with_the_time_when_it_may_be_tried_again() {
    let mut stage = ruled(&[("later", later)]);
    let id = stage.world.command_later(HostCommand::Originate { agent: "amy".parse().unwrap(), to: outside() });
    stage.world.run_secs(1);
    let Some(Err(CommandError::Denied(denial))) = stage.world.reply(id) else { panic!("denied") };
    let in_an_hour = Timestamp::from_secs(1_795_420_800 + 1 + 3_600);
    assert_eq!(denial.later, Some(in_an_hour));
    stage.world.finish();
}

/// Dial fails closed, a recording fails open: the defaults of the contract.
#[test]
fn rule_that_breaks_denies_a_dial_and_allows_a_recording_and_the_evidence_says_that_it_failed() {
    for fault in [Fault::Trap, Fault::Deadline, Fault::NotInstalled, Fault::Silence] {
        let mut stage = ruled(&[("list", allow)]);
        stage.world.components.rule_faults.insert("list", fault);
        let line = stage.talking();
        assert_eq!(stage.world.plane.open_recordings(), 1, "{fault:?}");
        let id = stage.world.command_later(call(Command::Consult { to: outside() }));
        stage.world.run_secs(1);
        assert!(denied(stage.world.reply(id)).starts_with("rule list (rule-failed): "), "{fault:?}");
        stage.world.hang_up(line);
        // An answer that is lost is given up after half a minute.
        stage.world.run_secs(40);
        stage.world.finish();
        let failed = |what: &str| format!("{what}: list failed rule-failed");
        assert_eq!(
            judgements(&stage.world),
            [failed("answer anna allowed"), failed("record begin allowed"), failed("dial +4930123456 denied")]
        );
        let failures = stage.world.count(|kind| matches!(kind, EventKind::PluginFailed { .. }));
        assert_eq!(failures, 3, "{fault:?}");
    }
}

#[test]
fn rule_that_answers_after_its_time_changes_nothing_more() {
    let mut stage = ruled(&[("hours", hours)]);
    let line = stage.talking();
    stage.world.components.delay = Duration::from_secs(2);
    let id = stage.world.command_later(call(Command::Consult { to: outside() }));
    stage.world.run(Duration::from_millis(249));
    assert_eq!(stage.world.reply(id), None);
    stage.world.run(Duration::from_millis(1));
    assert_eq!(judgements(&stage.world).len(), 1);
    stage.world.run_secs(1);
    assert_eq!(denied(stage.world.reply(id)), "rule hours (rule-failed): no answer in time");
    stage.world.run_secs(5);
    assert_eq!(judgements(&stage.world), ["dial +4930123456 denied: hours failed rule-failed"]);
    stage.world.hang_up(line);
    stage.world.finish();
}

#[test]
fn evidence_that_does_not_come_to_disk_lets_nobody_be_dialled() {
    let mut stage = ruled(&[("list", allow)]);
    let line = stage.talking();
    stage.world.commit_delay = None;
    let id = stage.world.command_later(call(Command::Consult { to: outside() }));
    stage.world.run_secs(11);
    assert_eq!(denied(stage.world.reply(id)), "rule evidence (not-proven): the verdict could not be stored");
    stage.world.commit_after(Duration::from_millis(2));
    stage.world.run_secs(1);
    assert_eq!(stage.world.hears(line), "amy");
    stage.world.hang_up(line);
    stage.world.finish();
    assert_eq!(
        stage.world.count(|kind| matches!(kind, EventKind::LegDialled { role: plugboard_model::Role::Outside, .. })),
        0
    );
}

#[test]
fn call_that_may_not_be_answered_is_refused_with_403() {
    let mut stage = ruled(&[("blocked", |act| match act.what {
        Effect::Answer(_) => verdict(Decision::Deny, "blocked", "this caller is blocked", &[]),
        _ => Verdict::unjudged(),
    })]);
    stage.world.draw_ladder(&["anna", "plugboard", "plugin"]);
    stage.world.dial(stage.anna, "500");
    stage.world.run_secs(2);
    stage.world.finish();
    expect![[r#"
        m:s       anna                  plugboard             plugin
        00:01.000 |-INVITE------------->|                     |
        00:01.005 |                     |-may we answer?----->|
        00:01.005 |                     |<denied (blocked)----|
        00:01.006 |                     * denied: blocked     |
        00:01.006 |                     * closed Host 21      |
        00:01.006 |<403-----------------|                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

/// The rule that forbids it comes while the one that allows it thinks.
#[test]
fn configuration_that_changes_while_rules_think_has_the_new_rules_asked() {
    let mut stage = ruled(&[("list", allow)]);
    stage.world.components.judges.insert("hours", hours);
    let line = stage.talking();
    stage.world.components.delay = Duration::from_millis(100);
    stage.world.draw_ladder(&["plugboard", "plugin"]);
    let id = stage.world.command_later(call(Command::Consult { to: outside() }));
    stage.world.run(Duration::from_millis(50));
    stage.world.configure(|shop| rule(shop, "hours", "hours"));
    stage.world.run_secs(1);
    assert_eq!(denied(stage.world.reply(id)), "rule hours (quiet-hours): nobody is called before nine");
    stage.world.hang_up(line);
    stage.world.finish();
    expect![[r#"
        m:s       plugboard             plugin
        00:04.000 * unbridge            |
        00:04.000 |-may we dial +49301->|
        00:04.000 |<allowed (fine)------|
        00:04.100 |-may we dial +49301->|
        00:04.100 |<denied (quiet-hour--|
        00:04.100 |-may we dial +49301->|
        00:04.100 |<allowed (fine)------|
        00:04.200 * denied: hours, list |
        00:04.200 * bridge              |
        00:05.055 * stop recording      |
        00:05.055 * closed Caller 16    |
    "#]]
    .assert_eq(stage.world.ladder());
}

#[test]
fn rules_that_are_taken_out_while_they_think_let_everything_be_done() {
    let mut stage = ruled(&[("hours", hours)]);
    let line = stage.talking();
    stage.world.components.delay = Duration::from_millis(100);
    let id = stage.world.command_later(call(Command::Consult { to: outside() }));
    stage.world.run(Duration::from_millis(50));
    stage.world.configure(|shop| shop.rules.clear());
    stage.world.components.delay = Duration::from_millis(1);
    stage.world.run_secs(2);
    assert_eq!(stage.world.reply(id), Some(Ok(Reply::Done)));
    let agents_line = stage.world.line_of(stage.amy);
    assert_eq!(stage.world.hears(agents_line), "carrier");
    stage.world.hang_up(line);
    stage.world.finish();
}

/// Where the caller may be while rules think or have just decided, each with the way there. The caller leaves, and nothing is left behind. That
/// everything else may happen there too is for the walk through all situations.
#[test]
fn caller_who_hangs_up_while_rules_think_leaves_nothing_behind() {
    let slow = |stage: &mut Stage| stage.world.components.delay = Duration::from_millis(200);
    let mut reached = Vec::new();
    for place in 0..7 {
        for stalled in [false, true] {
            let mut stage = ruled(&[("list", allow)]);
            let line = match place {
                0 => {
                    slow(&mut stage);
                    stage.world.dial(stage.anna, "500")
                }
                1 => {
                    let line = stage.world.dial(stage.anna, "600");
                    stage.world.run_until(|world| {
                        world.exchange.situation(FIRST).is_some_and(|at| at.offering == Offering::JudgedByFlow)
                    });
                    line
                }
                2 => {
                    let line = stage.world.dial(stage.anna, "400");
                    stage.world.run_secs(4);
                    stage.world.press(line, "3");
                    stage
                        .world
                        .run_until(|world| world.exchange.situation(FIRST).is_some_and(|at| at.ear == Ear::Judged));
                    line
                }
                3 => {
                    let line = stage.world.dial(stage.anna, "500");
                    stage
                        .world
                        .run_until(|world| world.exchange.situation(FIRST).is_some_and(|at| at.tape == Tape::Asked));
                    line
                }
                4 | 5 => {
                    let line = stage.talking();
                    slow(&mut stage);
                    let to = outside();
                    let command = if place == 4 { Command::Consult { to } } else { Command::Transfer { to } };
                    stage.world.command_later(call(command));
                    line
                }
                _ => {
                    let line = stage.talking();
                    slow(&mut stage);
                    stage.world.command_later(call(Command::PauseRecording));
                    line
                }
            };
            if stalled {
                // The verdict is in, and its evidence is not on disk.
                stage.world.commit_delay = None;
                stage.world.run(Duration::from_millis(220));
            } else {
                stage.world.run(Duration::from_millis(20));
            }
            if let Some(at) = stage.world.exchange.situation(FIRST).filter(|_| !stalled) {
                reached.push(format!("{:?} {:?} {:?} {:?}", at.stage, at.ear, at.offering, at.tape));
            }
            stage.world.hang_up(line);
            stage.world.run_secs(1);
            stage.world.commit_after(Duration::from_millis(2));
            stage.world.finish();
            assert_eq!(endings(&stage.world), ["Caller 16"], "{place}: {}", stage.world.story());
        }
    }
    expect![[r#"
        Offered Judged Nobody Off
        Ringing Free RingingByFlow Off
        Treated Beep Nobody Off
        Talking Free Nobody Running
        Held Free JudgedForConsult Running
        Held Free JudgedBlind Running
        Talking Free Nobody Running"#]]
    .assert_eq(&reached.join("\n"));
}
