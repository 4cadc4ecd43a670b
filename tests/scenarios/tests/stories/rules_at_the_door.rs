//! Compliance rules about answering and recording: announced first, consented, paused while a card is paid with.

use expect_test::expect;
use plugboard_call::Command;
use plugboard_exchange::CommandError;
use plugboard_model::{
    EventKind,
    compliance::{Act, Decision, Duty, Effect, RecordStep, Verdict},
};

use crate::{
    rules::{call, denied, judgements, ruled, verdict},
    stage::endings,
};

fn never_recorded(act: &Act) -> Verdict {
    match act.what {
        Effect::Record(_) => verdict(Decision::Deny, "no-consent", "the caller was not asked", &[]),
        _ => Verdict::unjudged(),
    }
}

fn announce(act: &Act) -> Verdict {
    match &act.what {
        Effect::Answer(_) => verdict(Decision::Allow, "announced", "", &[Duty::Announce("recorded".into())]),
        Effect::Record(record) if !record.announced => verdict(Decision::Deny, "not-announced", "", &[]),
        Effect::Record(_) => verdict(Decision::Allow, "announced", "", &[]),
        _ => Verdict::unjudged(),
    }
}

fn ask_consent(act: &Act) -> Verdict {
    match &act.what {
        Effect::Answer(_) => verdict(Decision::Allow, "asked", "", &[Duty::AskConsent("recorded".into())]),
        _ => Verdict::unjudged(),
    }
}

/// No recording while the interaction says that it is paid.
fn payment(act: &Act) -> Verdict {
    let pays = act.tags.iter().any(|tag| tag.name == "payment" && tag.value == "begun");
    match &act.what {
        Effect::Record(record) if pays && record.step != RecordStep::Pause => {
            verdict(Decision::Deny, "payment", "a card number is said", &[])
        }
        Effect::Record(_) => verdict(Decision::Allow, "fine", "", &[]),
        _ => Verdict::unjudged(),
    }
}

#[test]
fn recording_that_is_refused_leaves_the_conversation_alone() {
    let mut stage = ruled(&[("consent", never_recorded)]);
    let line = stage.talking();
    stage.world.run_secs(3);
    assert_eq!(stage.world.plane.open_recordings(), 0);
    assert_eq!(stage.command(Command::PauseRecording), Err(CommandError::NotRecording));
    stage.world.hang_up(line);
    stage.world.finish();
    assert_eq!(judgements(&stage.world), ["record begin denied: consent no-consent"]);
}

#[test]
fn message_that_may_not_be_recorded_is_refused_to_the_flow() {
    let mut stage = ruled(&[("consent", never_recorded)]);
    let line = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(4);
    stage.world.press(line, "3");
    stage.world.run_secs(20);
    // The flow has no way for it: the exception flow takes the caller.
    stage.world.hang_up(line);
    stage.world.finish();
    assert_eq!(stage.world.count(|kind| matches!(kind, EventKind::RecordingStarted { .. })), 0);
    assert_eq!(judgements(&stage.world), ["record begin denied: consent no-consent"]);
}

#[test]
fn caller_hears_the_announcement_before_anything_else_and_then_the_recording_may_begin() {
    let mut stage = ruled(&[("consent", announce)]);
    stage.world.draw_ladder(&["anna", "plugboard", "amy", "plugin"]);
    let line = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(8);
    assert_eq!((stage.world.hears(line).as_str(), stage.world.plane.open_recordings()), ("amy", 1));
    stage.world.hang_up(line);
    stage.world.finish();
    expect![[r#"
        m:s       anna                  plugboard             amy                   plugin
        00:01.000 |-INVITE------------->|                     |                     |
        00:01.005 |                     |-may we answer?--------------------------->|
        00:01.005 |                     |<allowed (announced)-----------------------|
        00:01.006 |                     * allowed: consent    |                     |
        00:01.006 |<~recorded-----------|                     |                     |
        00:01.006 |<200-----------------|                     |                     |
        00:03.008 |<~tune---------------|                     |                     |
        00:03.008 |                     * queued sales 1      |                     |
        00:03.008 |                     * reserved amy        |                     |
        00:03.010 |                     |-INVITE------------->|                     |
        00:03.015 |                     |<180-----------------|                     |
        00:04.015 |                     |<200-----------------|                     |
        00:04.020 |                     * bridge              |                     |
        00:04.020 |                     |-may we record begin?--------------------->|
        00:04.020 |                     |<allowed (announced)-----------------------|
        00:04.020 |                     * left queue: Connected
        00:04.021 |                     * allowed: consent    |                     |
        00:04.022 |                     * record both         |                     |
        00:09.000 |-BYE---------------->|                     |                     |
        00:09.005 |                     * stop recording      |                     |
        00:09.005 |                     * closed Caller 16    |                     |
        00:09.005 |                     |-BYE---------------->|                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

#[test]
fn caller_who_presses_a_key_is_not_recorded_and_who_presses_none_is() {
    for (key, recordings, consent) in [(Some("1"), 0, "refused"), (None, 1, "given")] {
        let mut stage = ruled(&[("consent", ask_consent)]);
        let line = stage.world.dial(stage.anna, "500");
        stage.world.run_secs(1);
        key.into_iter().for_each(|key| stage.world.press(line, key));
        stage.world.run_secs(10);
        assert_eq!(stage.world.hears(line), "amy", "{}", stage.world.story());
        assert_eq!(stage.world.plane.open_recordings(), recordings, "{}", stage.world.story());
        stage.world.hang_up(line);
        stage.world.finish();
        let tags = &stage.world.cdrs()[0].tags;
        assert_eq!((tags[0].name.as_str(), tags[0].value.as_str()), ("recording-consent", consent));
    }
}

#[test]
fn announcement_that_the_tenant_does_not_have_lets_nobody_in() {
    let mut stage = ruled(&[("consent", announce)]);
    stage.world.configure(|shop| drop(shop.prompts.remove("recorded")));
    stage.world.dial(stage.anna, "500");
    stage.world.run_secs(2);
    stage.world.finish();
    assert_eq!(endings(&stage.world), ["Host 21"]);
}

#[test]
fn recording_pauses_while_a_card_is_paid_with_and_goes_on_after_it() {
    let mut stage = ruled(&[("payment", payment)]);
    let line = stage.talking();
    let tag = |value: &str| Command::Tag { name: "payment".into(), value: value.into() };
    stage.world.draw_ladder(&["plugboard", "plugin"]);
    stage.command(tag("begun")).unwrap();
    stage.world.run_secs(1);
    // Neither does a person go round the rule.
    let id = stage.world.command_later(call(Command::ResumeRecording));
    stage.world.run_secs(1);
    assert_eq!(denied(stage.world.reply(id)), "rule payment (payment): a card number is said");
    stage.command(tag("over")).unwrap();
    stage.world.run_secs(1);
    stage.world.hang_up(line);
    stage.world.finish();
    expect![[r#"
        m:s       plugboard             plugin
        00:04.000 |-may we record resu->|
        00:04.000 |<denied (payment)----|
        00:04.001 * denied: payment     |
        00:04.001 |-may we record paus->|
        00:04.001 |<allowed (fine)------|
        00:04.002 * allowed: payment    |
        00:04.002 * pause recording     |
        00:05.000 |-may we record resu->|
        00:05.000 |<denied (payment)----|
        00:05.001 * denied: payment     |
        00:06.000 |-may we record resu->|
        00:06.000 |<allowed (fine)------|
        00:06.001 * allowed: payment    |
        00:06.002 * resume recording    |
        00:07.005 * stop recording      |
        00:07.005 * closed Caller 16    |
    "#]]
    .assert_eq(stage.world.ladder());
    assert_eq!(stage.world.cdrs()[0].recordings[0].pauses, 1);
}

#[test]
fn recording_that_waits_for_consent_begins_when_it_is_noted() {
    let mut stage = ruled(&[("consent", |act| {
        let given = act.tags.iter().any(|tag| tag.name == "consent" && tag.value == "given");
        match act.what {
            Effect::Record(_) if !given => verdict(Decision::Deny, "no-consent", "", &[]),
            Effect::Record(_) => verdict(Decision::Allow, "consent", "", &[]),
            _ => Verdict::unjudged(),
        }
    })]);
    let line = stage.talking();
    assert_eq!(stage.world.plane.open_recordings(), 0);
    stage.command(Command::Tag { name: "consent".into(), value: "given".into() }).unwrap();
    stage.world.run_secs(1);
    assert_eq!(stage.world.plane.open_recordings(), 1, "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
}
