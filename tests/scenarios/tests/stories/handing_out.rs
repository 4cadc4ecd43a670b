//! Data leaves the host when the tenant's rules allow it, masked where they say so, and never before the evidence is on disk.

use std::time::Duration;

use plugboard_exchange::{Command, CommandError, Handout, Leave, Reply};
use plugboard_model::{
    EventKind, InteractionId,
    compliance::{Act, Asker, Decision, Duty, Effect, Export, Rule, Unmask, Verdict},
};

use crate::{
    real_rules::shipped,
    rules::{denied, judgements},
    stage::{Stage, shop, shop_with},
};

fn export(kind: &str) -> Handout {
    let what = Effect::Export(Export {
        kind: kind.into(),
        role: "supervisor".into(),
        rows: 2,
        personal: true,
        masked: false,
        target: "download".into(),
        reason: "tax audit".into(),
    });
    Handout { by: Asker::Api("bi".into()), what, interaction: None }
}

fn unmask(role: &str, reason: &str, interaction: u64) -> Handout {
    let what = Effect::Unmask(Unmask {
        kind: "phone".into(),
        customer: String::new(),
        role: role.into(),
        in_hand: false,
        reason: reason.into(),
        seen_today: 0,
    });
    Handout { by: Asker::Api("desk".into()), what, interaction: Some(InteractionId(interaction)) }
}

fn hand_out(stage: &mut Stage, handout: Handout) -> Option<Result<Reply, CommandError>> {
    let id = stage.world.command_later(Command::HandOut(Box::new(handout)));
    stage.world.run_secs(1);
    stage.world.reply(id)
}

fn leave(stage: &mut Stage, handout: Handout) -> Leave {
    match hand_out(stage, handout) {
        Some(Ok(Reply::Leave(leave))) => *leave,
        other => panic!("a leave, not {other:?}"),
    }
}

fn masking(settings: &[(&str, &str)]) -> Stage {
    shop_with(|shop| shipped(shop, "rule-masking", settings))
}

#[test]
fn the_shipped_rule_lets_personal_data_leave_masked() {
    let mut stage = masking(&[]);
    assert!(leave(&mut stage, export("interactions")).is_masked());
    stage.world.finish();
    assert_eq!(judgements(&stage.world), ["export interactions allowed: masking masked"]);
}

/// A tape that is masked plays another call.
#[test]
fn what_cannot_be_masked_does_not_leave_where_it_has_to_be() {
    let mut stage = masking(&[]);
    let reason = denied(hand_out(&mut stage, export("tapes")));
    assert!(reason.starts_with("rule masking (masked): this host cannot fulfil the duty Mask"), "{reason}");
    stage.world.finish();
}

#[test]
fn numbers_are_shown_to_who_may_see_them_with_a_reason_and_so_many_a_day() {
    let mut stage = masking(&[("unmask-a-day", "2")]);
    let reasons = [
        denied(hand_out(&mut stage, unmask("agent", "calls back", 1))),
        denied(hand_out(&mut stage, unmask("supervisor", " ", 1))),
    ];
    // What was seen today is seen again for nothing; the third thing is too many.
    for interaction in [1, 1, 2] {
        leave(&mut stage, unmask("supervisor", "complaint", interaction));
    }
    let too_many = denied(hand_out(&mut stage, unmask("supervisor", "complaint", 3)));
    stage.world.finish();
    assert_eq!(
        (reasons, too_many.as_str()),
        (
            [
                "rule masking (not-in-hand): only who serves this customer may see it".to_owned(),
                "rule masking (no-reason): say why it has to be seen".to_owned()
            ],
            "rule masking (too-many): no more may be seen today"
        )
    );
    let seen = stage.world.facts.iter().filter_map(|fact| match &fact.kind {
        EventKind::Unmasked { interaction, reason, .. } => Some((interaction.unwrap().0, reason.to_string())),
        _ => None,
    });
    assert_eq!(seen.collect::<Vec<_>>(), [1, 1, 2].map(|number| (number, "complaint".to_owned())));
}

#[test]
fn who_saw_a_number_is_kept_where_no_rule_asks_for_it() {
    let mut stage = shop();
    leave(&mut stage, unmask("agent", "calls back", 1));
    stage.world.finish();
    assert_eq!(stage.world.count(|kind| matches!(kind, EventKind::Unmasked { .. })), 1);
    assert_eq!(judgements(&stage.world), Vec::<String>::new());
}

#[test]
fn nothing_leaves_before_the_evidence_is_on_disk_nor_by_a_rule_that_fails() {
    let mut stage = masking(&[]);
    stage.world.commit_delay = None;
    let id = stage.world.command_later(Command::HandOut(Box::new(export("interactions"))));
    stage.world.run_secs(9);
    assert_eq!(stage.world.reply(id), None);
    stage.world.run_secs(2);
    assert_eq!(denied(stage.world.reply(id)), "rule evidence (not-proven): the verdict could not be stored");
    stage.world.commit_after(Duration::from_millis(2));
    stage.world.components.rule_faults.insert("rule-masking", plugboard_scenarios::Fault::Trap);
    let reason = denied(hand_out(&mut stage, export("interactions")));
    assert!(reason.starts_with("rule masking (rule-failed): "), "{reason}");
    stage.world.run_secs(1);
    stage.world.finish();
}

#[test]
fn denial_is_told_once_its_evidence_is_on_disk() {
    let mut stage = masking(&[]);
    stage.world.commit_delay = None;
    let id = stage.world.command_later(Command::HandOut(Box::new(export("tapes"))));
    stage.world.run_secs(1);
    assert_eq!((stage.world.reply(id), judgements(&stage.world).len()), (None, 1));
    stage.world.commit_after(Duration::from_millis(2));
    stage.world.run_secs(1);
    let reason = denied(stage.world.reply(id));
    stage.world.finish();
    assert!(reason.starts_with("rule masking (masked): "), "{reason}");
}

#[test]
fn a_duty_that_nobody_can_fulfil_keeps_the_data_in_the_host() {
    let keep = |_: &Act| Verdict {
        decision: Decision::Allow,
        code: "kept".into(),
        reason: String::new(),
        duties: vec![Duty::KeepDays(3)],
    };
    let mut stage = shop_with(|shop| {
        shop.rules.insert("keep".into(), Rule { plugin: "keep".into(), ..Rule::default() });
    });
    stage.world.components.judges.insert("keep", keep);
    let reason = denied(hand_out(&mut stage, export("reports")));
    assert_eq!(reason, "rule keep (kept): this host cannot fulfil the duty KeepDays(3)");
    stage.world.finish();
}
