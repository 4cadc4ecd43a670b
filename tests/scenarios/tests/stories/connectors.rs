//! A flow asks another system: it knows the caller, does not, is late, hangs, has no room; and the caller goes on.

use std::time::Duration;

use expect_test::expect;
use plugboard_model::{
    AgentRequest, Configuration, EventKind, NumberTarget, Policy,
    connector::{Call, Connector, ConnectorFailure, ConnectorFailureCode},
};
use plugboard_scenarios::{System, World, tenant};

use crate::stage::{Stage, endings, shop_with};

/// Known callers are welcomed and go to sales; others hear a goodbye, and whom nobody could ask about goes to support.
const LOOKUP: &str = r#"{
  "format": 1, "name": "lookup", "language": "en", "start": "who", "variables": { "level": 0 },
  "nodes": {
    "who": { "kind": "connector", "connector": "crm", "operation": "find-customer", "timeout_ms": 300,
             "input": { "phone": "{caller}" }, "keep": { "level": "/level" },
             "exits": { "ok": "known", "not_found": "unknown", "failed": "anybody" } },
    "known": { "kind": "tag", "set": { "level": "{level}" }, "exits": { "next": "sales" } },
    "sales": { "kind": "queue", "queue": "sales", "exits": { "timeout": "unknown" } },
    "anybody": { "kind": "queue", "queue": "support", "exits": { "timeout": "unknown" } },
    "unknown": { "kind": "hang-up", "cause": 1 }
  }
}"#;

fn shop(connector: Connector, system: System) -> Stage {
    let mut stage = shop_with(|shop| {
        tenant::add_flow(shop, "lookup", LOOKUP);
        tenant::add_connector(shop, "crm", connector);
        shop.numbers.insert("700".parse().unwrap(), NumberTarget::Flow("lookup".parse().unwrap()));
    });
    stage.world.components.systems.insert("crm", system);
    stage
}

fn crm() -> Connector {
    Connector::new("connector-rest")
}

fn vip(call: &Call) -> Result<String, ConnectorFailure> {
    // The same for the same wish: where the step is run again, the other system sees one.
    assert_eq!((call.key.as_str(), call.input.as_str()), ("i1-1-0", r#"{"phone":"+4915112345"}"#));
    Ok(r#"{"level":9}"#.to_owned())
}

fn anybody(_: &Call) -> Result<String, ConnectorFailure> {
    Ok("{}".to_owned())
}

fn nobody(_: &Call) -> Result<String, ConnectorFailure> {
    let message = "no such customer".to_owned();
    Err(ConnectorFailure { code: ConnectorFailureCode::NotFound, message, retry: None })
}

fn after(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds))
}

/// What the record says of lookups: `ok 80`.
fn lookups(world: &World) -> Vec<String> {
    let told = |fact: &std::sync::Arc<plugboard_model::Event>| match &fact.kind {
        EventKind::Invoked { outcome, took_ms, .. } => Some(format!("{outcome} {took_ms}")),
        _ => None,
    };
    world.facts.iter().filter_map(told).collect()
}

/// Anna's call, drawn until somebody is asked to take it or it ends.
fn drawn(mut stage: Stage) -> (String, World) {
    stage.world.draw_ladder(&["anna", "plugboard", "plugin"]);
    let call = stage.world.dial_as(stage.anna, "+4915112345", "700");
    stage.world.run_secs(2);
    let ladder = stage.world.ladder().to_owned();
    stage.world.hang_up(call);
    // A question that nobody answers is given up by then.
    stage.world.run_secs(31);
    stage.world.finish();
    (ladder, stage.world)
}

#[test]
fn caller_whom_the_crm_knows_is_queued_with_what_it_knows_before_the_call_is_answered() {
    let (ladder, world) = drawn(shop(crm(), System { says: vip, after: after(80) }));
    assert!(ladder.find("crm ok after 80 ms") < ladder.find("<200"), "{ladder}");
    let tags = world
        .count(|kind| matches!(kind, EventKind::Tagged { name, value, .. } if **name == *"level" && **value == *"9"));
    assert_eq!((lookups(&world), tags), (vec!["ok 80".to_owned()], 1));
}

#[test]
fn caller_whom_the_crm_does_not_know_leaves_by_that_exit() {
    let (_, world) = drawn(shop(crm(), System { says: nobody, after: after(80) }));
    assert_eq!((lookups(&world), endings(&world)), (vec!["not-found 80".to_owned()], vec!["Host 1".to_owned()]));
}

/// ACD-05: the fallback decides at the deadline, to the millisecond, and an answer that comes later changes nothing.
#[test]
fn crm_that_is_late_costs_the_caller_its_deadline_and_no_more() {
    let (ladder, world) = drawn(shop(crm(), System { says: anybody, after: after(900) }));
    expect![[r#"
        m:s       anna                  plugboard             plugin
        00:01.000 |-INVITE------------->|                     |
        00:01.005 |                     |-step started------->|
        00:01.005 |                     |<ask-----------------|
        00:01.006 |                     |-crm find-customer-->|
        00:01.306 |                     * crm timed-out after 300 ms
        00:01.306 |                     |-step refused faile->|
        00:01.306 |                     |<pick up, enqueue----|
        00:01.307 |<~tune---------------|                     |
        00:01.307 |<200-----------------|                     |
        00:01.307 |                     * queued support 1    |
        00:01.906 |                     |<{}------------------|
    "#]]
    .assert_eq(&ladder);
    assert_eq!(lookups(&world), ["timed-out 300"]);
}

/// Threads that died, a reply that got lost: the wait ends by itself.
#[test]
fn crm_that_never_answers_costs_the_caller_no_more_than_one_that_is_late() {
    let (_, world) = drawn(shop(crm(), System { says: anybody, after: None }));
    assert_eq!(lookups(&world), ["timed-out 300"]);
}

#[test]
fn connector_with_a_shorter_bound_than_the_flow_allows_is_waited_for_no_longer() {
    let connector = Connector { timeout: Duration::from_millis(100), ..crm() };
    let (_, world) = drawn(shop(connector, System { says: anybody, after: None }));
    assert_eq!(lookups(&world), ["timed-out 100"]);
}

#[test]
fn caller_who_hangs_up_meanwhile_ends_the_call_and_the_answer_is_to_nobody() {
    let mut stage = shop(crm(), System { says: anybody, after: after(250) });
    let call = stage.world.dial_as(stage.anna, "+4915112345", "700");
    stage.world.run(Duration::from_millis(100));
    stage.world.hang_up(call);
    stage.world.finish();
    assert_eq!((lookups(&stage.world), endings(&stage.world).len()), (Vec::new(), 1));
}

/// Callers who find the connector full go on at once; as soon as it has answered, the next is asked about again.
#[test]
fn more_callers_than_the_connector_takes_go_on_at_once_by_the_other_exit() {
    let connector = Connector { concurrent: 2, ..crm() };
    let mut stage = shop(connector, System { says: anybody, after: after(200) });
    let trunk = stage.world.add_caller("trunk");
    for wait in [0, 0, 0, 0, 150, 260] {
        stage.world.after(Duration::from_millis(wait), move |world| {
            world.dial_as(trunk, "+4930", "700");
        });
    }
    stage.world.run_secs(2);
    assert_eq!(lookups(&stage.world), ["limit 0", "limit 0", "limit 0", "ok 200", "ok 200", "ok 200"]);
}

#[test]
fn connector_that_the_tenant_does_not_have_is_refused_and_the_flow_goes_on() {
    let mut stage = shop_with(|shop: &mut Configuration| {
        tenant::add_flow(shop, "lookup", LOOKUP);
        shop.numbers.insert("700".parse().unwrap(), NumberTarget::Flow("lookup".parse().unwrap()));
    });
    stage.world.dial_as(stage.anna, "+4915112345", "700");
    stage.world.run_secs(1);
    let queued =
        stage.world.count(|kind| matches!(kind, EventKind::Queued { queue, .. } if queue.as_str() == "support"));
    assert_eq!((lookups(&stage.world), queued), (Vec::new(), 1));
}

/// What a CRM knows of an important customer decides who gets the call; whom nobody could ask about goes to whoever is free for longest.
const VALUED: &str = r#"{ "format": 1, "name": "valued", "language": "en", "start": "look", "variables": { "value": 0, "agent": "" }, "nodes": {
    "look": { "kind": "connector", "connector": "crm", "operation": "find-customer", "timeout_ms": 300, "input": { "phone": "{caller}" },
              "keep": { "value": "/value", "agent": "/last-agent" }, "exits": { "ok": "vip", "failed": "wait" } },
    "vip": { "kind": "tag", "set": { "value": "{value}", "last-agent": "{agent}" }, "exits": { "next": "wait" } },
    "wait": { "kind": "queue", "queue": "sales", "exits": { "timeout": "bye" } },
    "bye": { "kind": "hang-up" } } }"#;

fn valued(_: &Call) -> Result<String, ConnectorFailure> {
    Ok(r#"{"value":900,"last-agent":"amy"}"#.to_owned())
}

/// Who answers, and when their phone was promised; bob is free for longer than amy.
fn answered_by(after: Option<Duration>) -> (String, u64) {
    let mut stage = shop_with(|shop| {
        let settings = [("vip-from".to_owned(), "500".to_owned())].into();
        let policy = Policy { settings, ..Policy::named("route-vip-sticky") };
        shop.queues.get_mut("sales").unwrap().policy = Some(policy);
        tenant::add_flow(shop, "valued", VALUED);
        tenant::add_connector(shop, "crm", crm());
        shop.numbers.insert("710".parse().unwrap(), NumberTarget::Flow("valued".parse().unwrap()));
    });
    stage.world.components.systems.insert("crm", System { says: valued, after });
    stage.world.add_agent("bob");
    stage.world.run_secs(1);
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    stage.world.agent("amy", AgentRequest::Ready);
    let begun = stage.world.now;
    let call = stage.world.dial_as(stage.anna, "+4930900", "710");
    stage.world.run_secs(3);
    let who = stage.world.hears(call);
    let promised = stage.world.facts.iter().find(|fact| matches!(fact.kind, EventKind::Reserved { .. }));
    let after = promised.map_or(u64::MAX, |fact| fact.at.since(begun).as_millis() as u64);
    stage.world.hang_up(call);
    stage.world.run_secs(31);
    stage.world.finish();
    (who, after)
}

/// ACD-05.
#[test]
fn value_from_the_crm_routes_the_call_and_a_crm_that_hangs_costs_it_300_milliseconds() {
    let [known, hanging] = [after(80), None].map(answered_by);
    assert_eq!((known.0.as_str(), hanging.0.as_str()), ("amy", "bob"));
    assert!((80..100).contains(&known.1) && (300..320).contains(&hanging.1), "{known:?} {hanging:?}");
}

const CARD: &str = "4111111111111111";

const PAYMENT: &str = r#"{ "format": 1, "name": "payment", "language": "en", "start": "begun", "variables": { "card": "", "receipt": "" }, "nodes": {
    "begun": { "kind": "tag", "set": { "payment": "begun" }, "exits": { "next": "card" } },
    "card": { "kind": "collect-digits", "prompt": "welcome.wav", "into": "card", "min": 12, "max": 19, "secret": true, "valid": { "luhn": true },
              "exits": { "ok": "pay", "no_input": "over", "invalid": "over" } },
    "pay": { "kind": "connector", "connector": "bank", "operation": "pay", "timeout_ms": 5000,
             "input": { "card": "{card}", "amount": 4200 }, "keep": { "receipt": "/receipt" }, "exits": { "ok": "paid", "failed": "over" } },
    "paid": { "kind": "tag", "set": { "receipt": "{receipt}" }, "exits": { "next": "over" } },
    "over": { "kind": "tag", "set": { "payment": "over" }, "exits": { "next": "wait" } },
    "wait": { "kind": "queue", "queue": "sales", "exits": { "timeout": "bye" } },
    "bye": { "kind": "hang-up" } } }"#;

/// It repeats what it was sent, as some do.
fn bank(call: &Call) -> Result<String, ConnectorFailure> {
    assert_eq!(call.input, format!(r#"{{"amount":4200,"card":"{CARD}"}}"#));
    Ok(format!(r#"{{"receipt":"R-1","echo":"{CARD}"}}"#))
}

/// IVR-09: the bank has the number, and nothing that is kept has it.
#[test]
fn card_number_reaches_the_bank_and_stands_in_no_fact_no_tape_and_no_record() {
    let mut stage = shop_with(|shop| {
        tenant::add_flow(shop, "payment", PAYMENT);
        tenant::add_connector(shop, "bank", crm());
        shop.numbers.insert("720".parse().unwrap(), NumberTarget::Flow("payment".parse().unwrap()));
    });
    stage.world.components.systems.insert("bank", System { says: bank, after: after(400) });
    let call = stage.world.dial(stage.anna, "720");
    stage.world.run_secs(1);
    stage.world.press(call, &format!("{CARD}#"));
    stage.world.run_secs(10);
    let answered = stage.world.hears(call);
    stage.world.hang_up(call);
    stage.world.finish();
    let receipts = stage.world.count(|kind| matches!(kind, EventKind::Tagged { value, .. } if **value == *"R-1"));
    assert_eq!((answered.as_str(), receipts, lookups(&stage.world)), ("amy", 1, vec!["ok 400".to_owned()]));
    let facts = serde_json::to_string(&stage.world.facts.iter().map(|fact| &**fact).collect::<Vec<_>>()).unwrap();
    let tapes = serde_json::to_string(&stage.world.tapes).unwrap();
    let cdrs = serde_json::to_string(&stage.world.cdrs()).unwrap();
    let kept = [&facts, &tapes, &cdrs].map(|text| (text.len() > 100, text.contains(CARD)));
    assert_eq!(kept, [(true, false); 3]);
}
