//! Messages to customers are sent when the tenant's rules allow it, masked where they say so, and none is accepted without a verdict.

use std::time::Duration;

use plugboard_exchange::{Command, CommandError, Reply};
use plugboard_model::{
    Configuration, EventKind, NumberTarget,
    channel::{Channel, Wish},
    compliance::Asker,
    connector::Connector,
};
use plugboard_scenarios::{World, tenant};

use crate::{
    real_rules::shipped,
    rules::{denied, judgements},
    stage::{Stage, shop_with},
};

/// The caller is written to, and goes to sales at once.
const FLOW: &str = r#"{
  "format": 1, "name": "missed", "language": "en", "start": "say",
  "nodes": {
    "say": { "kind": "message", "text": "We call {caller} back", "exits": { "next": "sales" } },
    "sales": { "kind": "queue", "queue": "sales", "exits": { "timeout": "bye" } },
    "bye": { "kind": "hang-up" }
  }
}"#;

fn sms(shop: &mut Configuration) {
    let channel = Channel { component: Connector::new("channel-webhook"), callers: true };
    shop.channels.insert("sms".into(), channel.into());
    tenant::add_flow(shop, "missed", FLOW);
    shop.numbers.insert("700".parse().unwrap(), NumberTarget::Flow("missed".parse().unwrap()));
}

fn shop(rule: Option<&[(&str, &str)]>) -> Stage {
    shop_with(|shop| {
        sms(shop);
        if let Some(settings) = rule {
            shipped(shop, "rule-masking", settings);
        }
    })
}

fn wish(id: &str, text: &str) -> Box<Wish> {
    Box::new(Wish {
        id: id.into(),
        interaction: None,
        by: Asker::Api("desk".into()),
        channel: "sms".into(),
        to: "+4915112345".into(),
        thread: None,
        text: text.into(),
        template: None,
        choices: Vec::new(),
        attachments: Vec::new(),
        last_heard: None,
        sent_today: 0,
    })
}

fn send(stage: &mut Stage, wish: Box<Wish>) -> Option<Result<Reply, CommandError>> {
    let id = stage.world.command_later(Command::Send(wish));
    stage.world.run_secs(1);
    stage.world.reply(id)
}

/// What was accepted: its id and its text.
fn accepted(world: &World) -> Vec<String> {
    let told = world.facts.iter().filter_map(|fact| match &fact.kind {
        EventKind::MessageAccepted { message, to, text, .. } => Some(format!("{message} to {to}: {text}")),
        _ => None,
    });
    told.collect()
}

#[test]
fn message_is_accepted_where_no_rule_forbids_it_and_nobody_is_asked_where_there_is_none() {
    let mut stage = shop(None);
    assert_eq!(send(&mut stage, wish("o1", "hello")), Some(Ok(Reply::Done)));
    stage.world.finish();
    assert_eq!(accepted(&stage.world), ["o1 to +4915112345: hello"]);
    assert_eq!(judgements(&stage.world), [""; 0]);
}

#[test]
fn rule_masks_what_is_sent_or_denies_it_and_the_verdict_stands_before_the_message() {
    let mut stage = shop(Some(&[]));
    assert_eq!(send(&mut stage, wish("o1", "call 13900139000")), Some(Ok(Reply::Done)));
    stage.world.finish();
    assert_eq!(accepted(&stage.world), ["o1 to +4915112345: call 139****9000"]);
    assert_eq!(judgements(&stage.world), ["message sms allowed: masking masked"]);
    let at = |wanted: fn(&EventKind) -> bool| stage.world.facts.iter().position(|fact| wanted(&fact.kind));
    let (judged, told) = (
        at(|kind| matches!(kind, EventKind::Judged { .. })),
        at(|kind| matches!(kind, EventKind::MessageAccepted { .. })),
    );
    assert!(judged < told, "{judged:?} {told:?}");

    let mut stage = shop(Some(&[("messages", "deny")]));
    let reason = denied(send(&mut stage, wish("o2", "call 13900139000")));
    stage.world.finish();
    assert_eq!(reason, "rule masking (names-a-number): the message holds a number of a person");
    assert_eq!(accepted(&stage.world), [""; 0]);
}

#[test]
fn denial_is_told_once_its_evidence_is_on_disk() {
    let mut stage = shop(Some(&[("messages", "deny")]));
    stage.world.commit_delay = None;
    let id = stage.world.command_later(Command::Send(wish("o2", "call 13900139000")));
    stage.world.run_secs(1);
    assert_eq!((stage.world.reply(id), judgements(&stage.world).len()), (None, 1));
    stage.world.commit_after(Duration::from_millis(2));
    stage.world.run_secs(1);
    let reason = denied(stage.world.reply(id));
    stage.world.finish();
    assert_eq!(reason, "rule masking (names-a-number): the message holds a number of a person");
}

/// An API, a component or a slip of the pen that says that something was allowed is not believed.
#[test]
fn nobody_can_note_that_a_message_was_accepted() {
    let mut stage = shop(Some(&[("messages", "deny")]));
    let forged = EventKind::MessageAccepted {
        interaction: None,
        channel: "sms".into(),
        message: "o1".into(),
        to: "+4915112345".into(),
        thread: None,
        text: "call 13900139000".into(),
        template: None,
        choices: Vec::new(),
        attachments: Vec::new(),
        by: Asker::Host,
    };
    let id = stage.world.command_later(Command::Note(forged));
    stage.world.run_secs(1);
    let reply = stage.world.reply(id);
    stage.world.finish();
    assert_eq!((reply, accepted(&stage.world)), (Some(Err(CommandError::NotToBeNoted)), Vec::new()));
}

#[test]
fn message_to_a_channel_that_is_not_there_is_refused() {
    let mut stage = shop_with(|_| {});
    let reply = send(&mut stage, wish("o1", "hello"));
    stage.world.finish();
    assert_eq!(reply, Some(Err(CommandError::NoSuchChannel("sms".to_owned()))));
}

#[test]
fn flow_writes_to_whoever_calls_and_the_call_goes_on_whatever_a_rule_says() {
    let story = |rule| {
        let mut stage = shop(rule);
        let call = stage.world.dial_as(stage.anna, "+4915112345", "700");
        stage.world.run_secs(2);
        stage.world.hang_up(call);
        stage.world.run_secs(5);
        stage.world.finish();
        let queued = stage.world.facts.iter().filter(|fact| matches!(fact.kind, EventKind::Queued { .. })).count();
        (accepted(&stage.world), queued)
    };
    let number = "We call +4915112345 back";
    assert_eq!(story(None), (vec![format!("i1/1.0 to +4915112345: {number}")], 1));
    assert_eq!(story(Some(&[("messages", "deny"), ("kinds", "bank-card")])).1, 1);
}
