//! Rules that listen to a conversation while it goes on, and read it when it is over.

use std::time::Duration;

use expect_test::expect;
use plugboard_exchange::{Command, CommandError, Reply};
use plugboard_model::{
    Configuration, EventKind,
    compliance::{Segment, Speaker},
};
use plugboard_scenarios::Fault;

use crate::{
    real_rules::shipped,
    stage::{FIRST, Stage, shop_with},
};

const SCRIPT: [(&str, &str); 2] =
    [("required", "greeting: this call is recorded"), ("forbidden", "promise: guaranteed returns | no risk")];

fn segment(seq: u32, speaker: Speaker, text: &str) -> Box<Segment> {
    let from_ms = seq * 4_000;
    let language = "en".into();
    Box::new(Segment {
        seq,
        speaker,
        from_ms,
        to_ms: from_ms + 3_000,
        text: text.into(),
        confidence_permille: 900,
        language,
    })
}

fn says(stage: &mut Stage, seq: u32, speaker: Speaker, text: &str) -> Option<Result<Reply, CommandError>> {
    let command = Command::Utter { interaction: FIRST, segment: segment(seq, speaker, text) };
    let id = stage.world.command_later(command);
    stage.world.run(Duration::from_millis(20));
    stage.world.reply(id)
}

fn agent_says(stage: &mut Stage, seq: u32, text: &str) {
    assert_eq!(says(stage, seq, Speaker::Agent, text), Some(Ok(Reply::Done)));
}

fn listened(change: impl FnOnce(&mut Configuration)) -> Stage {
    let mut stage = shop_with(change);
    stage.talking();
    stage
}

/// The caller leaves, and what the rules find is told.
fn over(mut stage: Stage) -> Stage {
    stage.command(plugboard_call::Command::HangUp).unwrap();
    stage.world.run_secs(1);
    stage.world.finish();
    stage
}

/// What was told of the conversation.
fn told(stage: &Stage) -> String {
    let told = stage.world.facts.iter().filter_map(|fact| match &fact.kind {
        EventKind::Uttered { spoken, speaker, text, .. } => Some(format!("{spoken} {speaker:?}: {text}\n")),
        EventKind::Alerted { rule, spoken, alert, .. } => {
            Some(format!("  {rule} at {spoken}: {:?} {}, {}\n", alert.severity, alert.code, alert.message))
        }
        EventKind::Reviewed { rule, findings, failed, .. } => {
            let found = findings.iter().map(|finding| format!(" {} -{}", finding.code, finding.points));
            Some(format!("  {rule} reads it:{}{}\n", found.collect::<String>(), failed.as_deref().unwrap_or_default()))
        }
        EventKind::RecordingPaused { .. } => Some("  the recording pauses\n".to_owned()),
        EventKind::RecordingResumed { .. } => Some("  the recording goes on\n".to_owned()),
        EventKind::PluginFailed { question, .. } => Some(format!("  {question} failed\n")),
        _ => None,
    });
    told.collect()
}

/// QA-03: within 5 s.
#[test]
fn what_must_not_be_said_is_told_while_it_is_said_and_again_in_the_review() {
    let mut stage = listened(|shop| shipped(shop, "rule-script-watch", &SCRIPT));
    let before = stage.world.now;
    agent_says(&mut stage, 0, "Good morning, this is Amy.");
    agent_says(&mut stage, 1, "You have Guaranteed Returns, sir!");
    assert_eq!(says(&mut stage, 2, Speaker::Caller, "No risk at all?"), Some(Ok(Reply::Done)));
    let alerted = stage.world.facts.iter().find(|fact| matches!(fact.kind, EventKind::Alerted { .. }));
    let took = alerted.map(|fact| fact.at.since(before));
    assert!(took.is_some_and(|took| took < Duration::from_millis(50)), "{took:?}");
    let stage = over(stage);
    expect![[r#"
        0 Agent: Good morning, this is Amy.
        1 Agent: You have Guaranteed Returns, sir!
          script-watch at 1: Violation forbidden-promise, this must not be said: guaranteed returns | no risk
        2 Caller: No risk at all?
          script-watch reads it: forbidden-promise -30 missing-greeting -20
    "#]]
    .assert_eq(&told(&stage));
}

#[test]
fn what_has_to_be_said_and_was_not_is_told_once_when_its_time_is_over() {
    let settings = [SCRIPT[0], ("within-s", "10")];
    let mut stage = listened(|shop| shipped(shop, "rule-script-watch", &settings));
    for seq in 0..4 {
        agent_says(&mut stage, seq, "Well.");
    }
    let alerts = stage.world.count(|kind| matches!(kind, EventKind::Alerted { spoken: 2, .. }));
    assert_eq!((alerts, stage.world.count(|kind| matches!(kind, EventKind::Alerted { .. }))), (1, 1));
    over(stage);
}

/// QA-03: within 5 s, even if nobody speaks any more.
#[test]
fn what_was_not_said_in_time_is_told_in_silence_too_and_only_once() {
    let mut stage = listened(|shop| {
        shipped(shop, "rule-script-watch", &[SCRIPT[0], ("within-s", "20")]);
        shipped(shop, "rule-calling-hours", &[]);
    });
    agent_says(&mut stage, 0, "One moment, please.");
    let due = stage.world.facts[0].at + Duration::from_secs(20);
    stage.world.run_secs(60);
    let alerted: Vec<_> =
        stage.world.facts.iter().filter(|fact| matches!(fact.kind, EventKind::Alerted { spoken: 0, .. })).collect();
    assert_eq!(alerted.len(), 1);
    let late = alerted[0].at.since(due);
    assert!(alerted[0].at > due && late < Duration::from_secs(3), "{late:?}");
    let stage = over(stage);
    expect![[r#"
        0 Agent: One moment, please.
          script-watch at 0: Warning missing-greeting, this has not been said: this call is recorded
          script-watch reads it: missing-greeting -20
    "#]]
    .assert_eq(&told(&stage));
}

#[test]
fn card_number_that_is_read_out_pauses_the_recording_until_the_payment_is_over() {
    let mut stage = listened(|shop| {
        shipped(shop, "rule-payment-pause", &[]);
        shipped(shop, "rule-masking", &[]);
    });
    agent_says(&mut stage, 0, "Your card number, please.");
    assert_eq!(
        says(&mut stage, 1, Speaker::Caller, "It is 4111111111111111 and my phone is 13800138000"),
        Some(Ok(Reply::Done))
    );
    // A note of the agent does not make it go on.
    stage.command(plugboard_call::Command::Tag { name: "mood".into(), value: "fine".into() }).unwrap();
    stage.world.run_secs(1);
    agent_says(&mut stage, 2, "Thank you, the payment is complete.");
    let stage = over(stage);
    expect![[r#"
        0 Agent: Your card number, please.
          payment-pause at 0: Hint payment-begins, a payment begins, the recording pauses
          the recording pauses
        1 Caller: It is **************** and my phone is ***********
        2 Agent: Thank you, the payment is complete.
          payment-pause at 2: Hint payment-ends, the payment is over, the recording goes on
          the recording goes on
    "#]]
    .assert_eq(&told(&stage));
}

#[test]
fn rule_that_breaks_hears_no_more_and_what_it_should_mask_has_no_digit() {
    let mut stage = listened(|shop| shipped(shop, "rule-masking", &[]));
    stage.world.components.rule_faults.insert("rule-masking", Fault::Trap);
    agent_says(&mut stage, 0, "room 12");
    stage.world.components.rule_faults.remove("rule-masking");
    agent_says(&mut stage, 1, "room 12");
    let stage = over(stage);
    expect![[r#"
          redact failed
        0 Agent: room **
          on-utterance failed
        1 Agent: room 12
    "#]]
    .assert_eq(&told(&stage));
}

#[test]
fn utterances_are_taken_in_order_and_of_live_calls_only() {
    let mut stage = listened(|_| {});
    assert_eq!(says(&mut stage, 3, Speaker::Agent, "Hello"), Some(Err(CommandError::OutOfOrder { expected: 0 })));
    agent_says(&mut stage, 0, "Hello");
    assert_eq!(says(&mut stage, 0, Speaker::Agent, "Hello"), Some(Err(CommandError::OutOfOrder { expected: 1 })));
    let long = "a".repeat(4_097);
    assert_eq!(says(&mut stage, 1, Speaker::Agent, &long), Some(Err(CommandError::TooMuchSaid)));
    let mut stage = over(stage);
    assert_eq!(says(&mut stage, 1, Speaker::Agent, "Hello"), Some(Err(CommandError::NoSuchInteraction(FIRST))));
}
