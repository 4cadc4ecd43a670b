//! Customers who are worth it and the agent who knows them, as the real `route-vip-sticky` says.

use plugboard_call::Command;
use plugboard_model::{AgentRequest, Configuration, EventKind, InteractionId, NumberTarget, Policy};
use plugboard_scenarios::{LineId, Manners, PhoneId, World, tenant};

use crate::stage::{secs, shop_with};

/// What a CRM would say of the caller, and the queue.
const VIP: &str = r#"{ "format": 1, "name": "vip", "language": "en", "start": "look", "nodes": {
    "look": { "kind": "branch", "rules": [
        { "variable": "caller", "is": "in", "value": ["+4930900", "+4930901"], "exit": "vip" }],
      "exits": { "vip": "vip", "else": "wait" } },
    "vip": { "kind": "tag", "set": { "value": "900", "last-agent": "amy" }, "exits": { "next": "wait" } },
    "wait": { "kind": "queue", "queue": "sales" } } }"#;

fn sticky(settings: &[(&str, &str)]) -> Policy {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Policy { settings, ..Policy::named("route-vip-sticky") }
}

/// Amy and bob are in sales, bob has been free for longer; 900 leads to the flow.
fn shop() -> Stage {
    shop_policy(&sticky(&[("vip-from", "500")]))
}

struct Stage {
    world: World,
    anna: PhoneId,
    amy: PhoneId,
    bob: PhoneId,
}

fn shop_policy(policy: &Policy) -> Stage {
    let crate::stage::Stage { mut world, anna, amy } = shop_with(|shop| {
        shop.queues.get_mut("sales").unwrap().policy = Some(policy.clone());
        tenant::add_flow(shop, "vip", VIP);
        shop.numbers.insert("900".parse().unwrap(), NumberTarget::Flow("vip".parse().unwrap()));
    });
    let bob = world.add_agent("bob");
    world.run_secs(1);
    world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    world.agent("amy", AgentRequest::Ready);
    Stage { world, anna, amy, bob }
}

fn call(stage: &mut Stage, caller: &str) -> LineId {
    stage.world.dial_as(stage.anna, caller, "900")
}

/// Amy talks to somebody else for so long.
fn busy_amy(stage: &mut Stage, for_s: u64) {
    stage.world.agent("bob", AgentRequest::NotReady { reason: "lunch".into() });
    let other = stage.world.add_caller("other");
    let line = stage.world.dial(other, "500");
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(line), "amy", "{}", stage.world.story());
    stage.world.agent("bob", AgentRequest::Ready);
    stage.world.after(secs(for_s), move |world| world.hang_up(line));
}

/// The trace of a call, as far as it says who got it and why.
fn reasons(world: &World, interaction: u64) -> String {
    let is_reason = |line: &&str| ["tagged", "held-back", "reserved", "relaxed"].iter().any(|word| line.contains(word));
    let story = world.story_of(InteractionId(interaction));
    story.lines().filter(is_reason).map(|line| format!("{}\n", line.trim_start())).collect()
}

/// ACD-02.
#[test]
fn important_customer_reaches_the_agent_of_the_last_time_though_another_is_free_for_longer() {
    let mut stage = shop();
    let line = call(&mut stage, "+4930900");
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(line), "amy", "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
    expect_test::expect![[r#"
            2.006 tagged interaction=1 name=last-agent value=amy
            2.006 tagged interaction=1 name=value value=900
            2.007 reserved agent=amy choice={"of":2,"place":2,"policy":"route-vip-sticky"} interaction=1 lease_ms=5000 queue=sales since_free_ms=1
    "#]].assert_eq(&reasons(&stage.world, 1));
}

/// ACD-02: the seconds of the call before and its wrap-up are the customer's to wait, while another agent is free.
#[test]
fn important_customer_waits_for_the_agent_of_the_last_time_who_is_free_within_twenty_seconds() {
    let mut stage = shop();
    busy_amy(&mut stage, 5);
    let line = call(&mut stage, "+4930900");
    stage.world.draw_ladder(&["anna", "plugboard", "amy", "bob", "plugin"]);
    stage.world.run_secs(19);
    assert_eq!(stage.world.hears(line), "amy", "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
    expect_test::expect![[r#"
        5.006 tagged interaction=2 name=last-agent value=amy
        5.006 tagged interaction=2 name=value value=900
        5.007 held-back again_ms=20000 free=1 interaction=2 policy=route-vip-sticky queue=sales
        20.006 reserved agent=amy choice={"of":1,"place":1,"policy":"route-vip-sticky"} interaction=2 lease_ms=5000 queue=sales since_free_ms=1
    "#]].assert_eq(&reasons(&stage.world, 2));
}

/// ACD-02: not for longer than that.
#[test]
fn important_customer_whose_agent_is_busy_for_longer_goes_to_the_group_after_twenty_seconds() {
    let mut stage = shop();
    busy_amy(&mut stage, 60);
    let line = call(&mut stage, "+4930900");
    stage.world.draw_ladder(&["anna", "plugboard", "bob", "plugin"]);
    stage.world.run_secs(23);
    assert_eq!(stage.world.hears(line), "bob", "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
    expect_test::expect![[r#"
        5.006 tagged interaction=2 name=last-agent value=amy
        5.006 tagged interaction=2 name=value value=900
        5.007 held-back again_ms=20000 free=1 interaction=2 policy=route-vip-sticky queue=sales
        25.009 reserved agent=bob choice={"of":1,"place":1,"policy":"route-vip-sticky"} interaction=2 lease_ms=5000 queue=sales since_free_ms=20003
    "#]].assert_eq(&reasons(&stage.world, 2));
    expect_test::expect![[r#"
        m:s       anna                  plugboard             bob                   plugin
        00:05.000 |-INVITE------------->|                     |                     |
        00:05.005 |                     |-step started----------------------------->|
        00:05.005 |                     |<tag, tag, pick up, enqueue----------------|
        00:05.006 |<~tune---------------|                     |                     |
        00:05.006 |<200-----------------|                     |                     |
        00:05.006 |                     * queued sales 1      |                     |
        00:05.006 |                     |-rank 1 agents---------------------------->|
        00:05.006 |                     |<[], again in 20000 ms---------------------|
        00:05.007 |                     * held back from 1    |                     |
        00:25.007 |                     |-relax after 20 s------------------------->|
        00:25.007 |                     |<needs []----------------------------------|
        00:25.008 |                     |-rank 1 agents---------------------------->|
        00:25.008 |                     |<[0]---------------------------------------|
        00:25.009 |                     * reserved bob        |                     |
        00:25.011 |                     |-INVITE------------->|                     |
        00:25.016 |                     |<180-----------------|                     |
        00:26.016 |                     |<200-----------------|                     |
        00:26.021 |                     * bridge              |                     |
        00:26.021 |                     * record both         |                     |
        00:26.021 |                     |-step connected--------------------------->|
        00:26.021 |                     |<nothing-----------------------------------|
        00:26.021 |                     * left queue: Connected
        00:28.000 |-BYE---------------->|                     |                     |
        00:28.005 |                     * stop recording      |                     |
        00:28.005 |                     * closed Caller 16    |                     |
        00:28.005 |                     |-BYE---------------->|                     |
        01:05.005 |                     * stop recording      |                     |
        01:05.005 |                     * closed Caller 16    |                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

/// Nobody waits for somebody who is not there.
#[test]
fn important_customer_whose_agent_is_not_at_work_goes_to_the_group_at_once() {
    for absent in [AgentRequest::LogOut, AgentRequest::NotReady { reason: "lunch".into() }] {
        let mut stage = shop();
        stage.world.agent("amy", absent.clone());
        let line = call(&mut stage, "+4930900");
        stage.world.run_secs(3);
        assert_eq!(stage.world.hears(line), "bob", "{absent:?}: {}", stage.world.story());
        stage.world.hang_up(line);
        stage.world.finish();
    }
}

#[test]
fn customer_who_is_not_worth_it_takes_whoever_is_free() {
    let mut stage = shop();
    let line = call(&mut stage, "+4930555");
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(line), "bob", "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
}

/// A caller who was kept is not lost when the policy breaks down meanwhile.
#[test]
fn policy_that_fails_while_it_keeps_a_customer_gives_them_to_whoever_is_free() {
    let mut stage = shop();
    busy_amy(&mut stage, 60);
    let line = call(&mut stage, "+4930900");
    stage.world.run_secs(5);
    stage.world.components.policy_fault = plugboard_scenarios::Fault::Trap;
    stage.world.run_secs(18);
    assert_eq!(stage.world.hears(line), "bob", "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
}

/// ACD-05: the CRM's answer that comes late moves the customer, and one that never comes delays nobody.
#[test]
fn worth_that_is_known_late_counts_from_then_on_and_delays_nobody_before() {
    let mut stage = shop();
    for agent in ["amy", "bob"] {
        stage.world.agent(agent, AgentRequest::NotReady { reason: "lunch".into() });
    }
    let second = stage.world.add_caller("second");
    let first_line = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(1);
    let second_line = stage.world.dial(second, "500");
    stage.world.run_secs(1);
    let tag = Command::Tag { name: "value".into(), value: "900".into() };
    stage.world.call(InteractionId(2), tag).unwrap();
    stage.world.agent("bob", AgentRequest::Ready);
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(second_line), "bob", "{}", stage.world.story());
    // Amy is ready when the third one calls, of whom nothing is known: no wait for a worth.
    stage.world.agent("amy", AgentRequest::Ready);
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(first_line), "amy", "{}", stage.world.story());
    stage.world.hang_up(first_line);
    stage.world.hang_up(second_line);
    stage.world.run_secs(15);
    let third = stage.world.dial(stage.anna, "900");
    stage.world.run_secs(2);
    let reserved = |fact: &std::sync::Arc<plugboard_model::Event>| match &fact.kind {
        EventKind::Reserved { interaction: InteractionId(3), since_free_ms, .. } => Some(*since_free_ms),
        _ => None,
    };
    let delay = stage.world.facts.iter().find_map(reserved);
    assert!(delay.is_some_and(|ms| ms <= 10), "reserved after {delay:?} ms");
    stage.world.hang_up(third);
    stage.world.finish();
}

/// A tag that changes while the caller is kept is looked at at once.
#[test]
fn customer_who_is_found_to_have_no_last_agent_is_kept_no_longer() {
    let mut stage = shop();
    busy_amy(&mut stage, 60);
    let line = call(&mut stage, "+4930900");
    stage.world.run_secs(5);
    let tag = Command::Tag { name: "last-agent".into(), value: "".into() };
    stage.world.call(InteractionId(2), tag).unwrap();
    stage.world.run_secs(2);
    assert_eq!(stage.world.hears(line), "bob", "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
}

/// ACD-07: how the caller feels is an input like any other. The same day with another feeling ends in another order, and with the same in the same.
#[test]
fn order_changes_when_the_emotion_of_a_waiting_caller_flips() {
    let run = |emotion: &str| {
        let policy =
            Policy { attributes: vec!["emotion".into(), "occupancy".into()], ..sticky(&[("weight.emotion", "100")]) };
        let mut stage = shop_policy(&policy);
        for agent in ["amy", "bob"] {
            stage.world.agent(agent, AgentRequest::NotReady { reason: "lunch".into() });
        }
        let lines: Vec<_> = (0..2)
            .map(|number| {
                let caller = stage.world.add_caller(&format!("caller{number}"));
                let line = stage.world.dial(caller, "500");
                stage.world.run_secs(1);
                line
            })
            .collect();
        let tag = Command::Tag { name: "emotion".into(), value: emotion.into() };
        stage.world.call(InteractionId(2), tag).unwrap();
        stage.world.agent("bob", AgentRequest::Ready);
        stage.world.run_secs(3);
        let heard: Vec<_> = lines.iter().map(|line| stage.world.hears(*line) == "bob").collect();
        lines.into_iter().for_each(|line| stage.world.hang_up(line));
        stage.world.finish();
        (heard, stage.world.digest())
    };
    let (calm, angry) = (run("0"), run("3"));
    assert_eq!((&calm.0, &angry.0), (&vec![true, false], &vec![false, true]));
    assert_eq!(run("3"), angry);
}

/// ACD-04: a number list makes a customer important. More calls than two agents can take, half of them from the list.
#[test]
fn important_customers_wait_less_than_others_under_the_same_load() {
    let mut stage = shop();
    for phone in [stage.amy, stage.bob] {
        stage.world.phone_mut(phone).manners = Manners { talk_ms: Some((20_000, 40_000)), ..Manners::PROMPT };
    }
    let trunk = stage.world.add_caller("trunk");
    for number in 0..80_u64 {
        let from = if number % 2 == 0 { "+4930900".to_owned() } else { format!("+49305{number}") };
        stage.world.after(secs(17 * number), move |world| {
            world.dial_as(trunk, &from, "900");
        });
    }
    stage.world.finish();
    let p95 = |vip: bool| {
        let of = |cdr: &plugboard_reporting::Cdr| cdr.tags.iter().any(|tag| tag.name == "value") == vip;
        let mut waits: Vec<u64> =
            stage.world.cdrs().iter().filter(|cdr| cdr.revision == 1 && of(cdr)).map(|cdr| cdr.wait_ms).collect();
        waits.sort_unstable();
        assert_eq!(waits.len(), 40);
        waits[waits.len() * 95 / 100]
    };
    let (vip, other) = (p95(true), p95(false));
    assert!(vip < other, "p95 of the wait: {vip} ms for important customers, {other} ms for others");
}

/// A change of settings takes effect with callers waiting.
#[test]
fn new_settings_decide_over_those_who_are_kept() {
    let mut stage = shop();
    busy_amy(&mut stage, 60);
    let line = call(&mut stage, "+4930900");
    stage.world.run_secs(5);
    let raised = |shop: &mut Configuration| {
        shop.queues.get_mut("sales").unwrap().policy = Some(sticky(&[("vip-from", "5000")]));
    };
    stage.world.configure(raised);
    stage.world.run_secs(2);
    assert_eq!(stage.world.hears(line), "bob", "{}", stage.world.story());
    stage.world.hang_up(line);
    stage.world.finish();
}
