//! The flow and its component: well, broken, and running in circles.

use plugboard_model::{EventKind, NumberTarget};
use plugboard_scenarios::{Fault, tenant};

use crate::stage::{endings, shop, shop_with};

#[test]
fn caller_who_hangs_up_during_the_welcome_is_told_to_the_flow() {
    let mut stage = shop();
    stage.world.draw_ladder(&["anna", "plugboard", "plugin"]);
    let call = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(1);
    stage.world.hang_up(call);
    stage.world.finish();
    expect_test::expect![[r#"
        m:s       anna                  plugboard             plugin
        00:01.000 |-INVITE------------->|                     |
        00:01.005 |                     |-step started------->|
        00:01.005 |                     |<pick up, play-------|
        00:01.006 |<~welcome------------|                     |
        00:01.006 |<200-----------------|                     |
        00:02.000 |-BYE---------------->|                     |
        00:02.005 |                     * closed Caller 16    |
        00:02.005 |                     |-step hung up------->|
        00:02.005 |                     |<nothing-------------|
    "#]]
    .assert_eq(stage.world.ladder());
}

/// IVR-01: a hundred callers with every key, a wrong one or none; each leaves the menu where the key says.
#[test]
fn hundred_callers_leave_the_menu_by_the_key_that_they_pressed() {
    let document = r#"{ "format": 1, "name": "keys", "language": "en", "start": "menu", "nodes": {
        "menu": { "kind": "menu", "prompt": "menu.wav", "retries": 0, "timeout_ms": 5000,
                  "exits": { "1": "bye", "2": "bye", "0": "bye", "*": "bye", "no_input": "bye", "no_match": "bye" } },
        "bye": { "kind": "hang-up", "prompt": "goodbye.wav" } } }"#;
    let mut stage = shop_with(|shop| {
        tenant::add_flow(shop, "keys", document);
        shop.numbers.insert("800".parse().unwrap(), NumberTarget::Flow("keys".parse().unwrap()));
    });
    let trunk = stage.world.add_caller("trunk");
    let plan: Vec<(&str, &str)> = (0..100)
        .map(|number| [("1", "1"), ("2", "2"), ("0", "0"), ("*", "*"), ("7", "no_match"), ("", "no_input")][number % 6])
        .collect();
    for (number, (key, _)) in plan.iter().enumerate() {
        let call = stage.world.dial_as(trunk, &format!("+4930{number}"), "800");
        let key = *key;
        stage
            .world
            .after(std::time::Duration::from_millis(1_000 + 17 * number as u64), move |world| world.press(call, key));
    }
    stage.world.finish();
    let mut left = std::collections::BTreeMap::new();
    for fact in &stage.world.facts {
        if let EventKind::FlowVisited { interaction, node, exit } = &fact.kind
            && **node == *"menu"
        {
            left.insert(*interaction, exit.to_string());
        }
    }
    let left: Vec<String> = left.into_values().collect();
    assert_eq!(left, plan.iter().map(|(_, exit)| (*exit).to_owned()).collect::<Vec<_>>());
}

/// Phones without RFC 4733 send keys in the signalling.
#[test]
fn keys_by_info_are_keys_in_both_of_their_forms() {
    let forms = [("application/dtmf-relay", "Signal=1\r\nDuration=160\r\n"), ("application/dtmf", "1")];
    let ladders = forms.map(|(content_type, body)| {
        let mut stage = shop();
        let call = stage.world.dial(stage.anna, "400");
        stage.world.run_secs(4);
        stage.world.draw_ladder(&["anna", "plugboard", "amy", "plugin"]);
        stage.world.info(call, content_type, body);
        stage.world.run_secs(3);
        assert_eq!(stage.world.hears(call), "amy", "{content_type}\n{}", stage.world.story());
        stage.world.hang_up(call);
        stage.world.finish();
        stage.world.ladder().to_owned()
    });
    assert_eq!(ladders[0], ladders[1]);
    expect_test::expect![[r#"
        m:s       anna                  plugboard             amy                   plugin
        00:05.000 |-INFO--------------->|                     |                     |
        00:05.005 |                     |-step digits "1"-------------------------->|
        00:05.005 |                     |<enqueue-----------------------------------|
        00:05.006 |<~tune---------------|                     |                     |
        00:05.006 |                     * queued sales 1      |                     |
        00:05.006 |                     * reserved amy        |                     |
        00:05.008 |                     |-INVITE------------->|                     |
        00:05.013 |                     |<180-----------------|                     |
        00:06.013 |                     |<200-----------------|                     |
        00:06.018 |                     * bridge              |                     |
        00:06.018 |                     * record both         |                     |
        00:06.018 |                     |-step connected--------------------------->|
        00:06.018 |                     |<nothing-----------------------------------|
        00:06.018 |                     * left queue: Connected
        00:08.000 |-BYE---------------->|                     |                     |
        00:08.005 |                     * stop recording      |                     |
        00:08.005 |                     * closed Caller 16    |                     |
        00:08.005 |                     |-BYE---------------->|                     |
    "#]]
    .assert_eq(&ladders[0]);
}

#[test]
fn info_that_holds_no_key_changes_nothing() {
    let mut stage = shop();
    let call = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(3);
    for (content_type, body) in
        [("application/dtmf-relay", "Signal=99"), ("application/dtmf", "?"), ("text/plain", "1")]
    {
        stage.world.info(call, content_type, body);
    }
    stage.world.run(std::time::Duration::from_millis(300));
    assert_eq!(stage.world.hears(call), "~menu");
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn flow_that_fails_in_any_way_apologises_and_queues_for_support() {
    for fault in [Fault::Trap, Fault::Deadline, Fault::NotInstalled, Fault::Silence] {
        let mut stage = shop();
        stage.world.add_agent("cid");
        stage.world.components.flow_fault = fault;
        let call = stage.world.dial(stage.anna, "400");
        stage.world.run_secs(2);
        assert_eq!(stage.world.hears(call), "~sorry", "{fault:?}");
        stage.world.run_secs(4);
        assert_eq!(stage.world.hears(call), "cid", "{fault:?}");
        stage.world.hang_up(call);
        stage.world.run_secs(20);
        assert_eq!(endings(&stage.world), ["Caller 16"], "{fault:?}");
        stage.world.run_secs(30);
        stage.world.finish();
    }
}

#[test]
fn flow_that_fails_while_the_caller_waits_does_not_cost_the_place() {
    let mut stage = shop();
    stage.world.agent("amy", plugboard_model::AgentRequest::NotReady { reason: "lunch".into() });
    let call = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(4);
    stage.world.press(call, "1");
    stage.world.run_secs(5);
    stage.world.components.flow_fault = Fault::Trap;
    stage.world.run_secs(40);
    stage.world.agent("amy", plugboard_model::AgentRequest::Ready);
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(call), "amy", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn prompt_that_is_missing_leads_to_the_exception_flow() {
    let mut stage = shop();
    stage.world.add_agent("cid");
    stage.world.plane.missing.insert("welcome".into());
    let call = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(8);
    assert!(stage.world.count(|kind| matches!(kind, EventKind::PromptFailed { .. })) == 1);
    assert_eq!(stage.world.hears(call), "cid", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn flows_that_transfer_to_each_other_for_ever_are_stopped() {
    let flow = |name: &str, other: &str| {
        format!(
            r#"{{ "format": 1, "name": "{name}", "language": "en", "start": "go",
                 "nodes": {{ "go": {{ "kind": "transfer-flow", "flow": "{other}" }} }} }}"#
        )
    };
    let mut stage = shop_with(|shop| {
        tenant::add_flow(shop, "ping", &flow("ping", "pong"));
        tenant::add_flow(shop, "pong", &flow("pong", "ping"));
        shop.numbers.insert("600".parse().unwrap(), NumberTarget::Flow("ping".parse().unwrap()));
        shop.exception.queue = None;
    });
    stage.world.dial(stage.anna, "600");
    stage.world.run_secs(60);
    let started = stage.world.count(|kind| matches!(kind, EventKind::FlowStarted { .. }));
    assert!(started <= 40, "{started} flows were started");
    stage.world.finish();
}

#[test]
fn flow_transfers_to_a_named_agent_and_goes_on_when_nobody_answers() {
    let document = r#"{ "format": 1, "name": "boss", "language": "en", "start": "amy", "nodes": {
        "amy": { "kind": "transfer-agent", "agent": "amy", "ring_s": 10,
                 "exits": { "no_answer": "bye", "busy": "bye", "offline": "bye" } },
        "bye": { "kind": "hang-up", "prompt": "goodbye.wav" } } }"#;
    let mut stage = shop_with(|shop| {
        tenant::add_flow(shop, "boss", document);
        shop.numbers.insert("700".parse().unwrap(), NumberTarget::Flow("boss".parse().unwrap()));
    });
    stage.world.phone_mut(stage.amy).manners = plugboard_scenarios::Manners::ABSENT;
    let call = stage.world.dial(stage.anna, "700");
    stage.world.run_secs(11);
    assert_eq!(stage.world.hears(call), "~goodbye", "{}", stage.world.story());
    stage.world.finish();
    assert_eq!(endings(&stage.world), ["Host 16"]);
}
