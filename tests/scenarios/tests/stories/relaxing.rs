//! Callers whom nobody fits go without something after a while, as the real `route-skills` says.

use std::time::Duration;

use plugboard_model::{AgentRequest, Configuration, EventKind, Policy, SkillNeed};
use plugboard_scenarios::{Fault, World};

use crate::stage::{Stage, secs, shop_with};

fn policy(settings: &[(&str, &str)]) -> Policy {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Policy { settings, ..Policy::named("route-skills") }
}

/// `sales` needs English at 5, of which amy has 4 and bob 9; after 40 s less will do.
fn english() -> Stage {
    english_with(|_| {})
}

fn english_with(change: impl FnOnce(&mut Configuration)) -> Stage {
    shop_with(|shop| {
        let sales = shop.queues.get_mut("sales").unwrap();
        sales.policy = Some(policy(&[("relax-first-ms", "40000"), ("relax-every-ms", "20000")]));
        sales.skills = vec![SkillNeed { skill: "english".parse().unwrap(), level: 5 }];
        for (agent, level) in [("amy", 4), ("bob", 9)] {
            shop.agents.get_mut(agent).unwrap().skills.insert("english".parse().unwrap(), level);
        }
        change(shop);
    })
}

/// What was relaxed: the second since the call came in, needs, and the queue that helps.
fn relaxed(world: &World) -> Vec<String> {
    let told = |fact: &std::sync::Arc<plugboard_model::Event>| match &fact.kind {
        EventKind::Relaxed { waited_ms, skills, overflow_to, .. } => {
            let skills: Vec<String> = skills.iter().map(|(skill, level)| format!("{skill}≥{level}")).collect();
            let to = overflow_to.as_ref().map_or_else(String::new, |queue| format!(" to {queue}"));
            Some(format!("{} s [{}]{to}", waited_ms / 1_000, skills.join(" ")))
        }
        _ => None,
    };
    world.facts.iter().filter_map(told).collect()
}

fn failures(world: &World) -> usize {
    world.count(|kind| matches!(kind, EventKind::PluginFailed { .. }))
}

#[test]
fn caller_for_whom_nobody_is_good_enough_is_relaxed_once_after_forty_seconds() {
    let mut stage = english();
    stage.world.draw_ladder(&["anna", "plugboard", "amy", "plugin"]);
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(44);
    assert_eq!(stage.world.hears(call), "amy", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
    expect_test::expect![[r#"
        m:s       anna                  plugboard             amy                   plugin
        00:01.000 |-INVITE------------->|                     |                     |
        00:01.005 |<~tune---------------|                     |                     |
        00:01.005 |<200-----------------|                     |                     |
        00:01.005 |                     * queued sales 1      |                     |
        00:41.005 |                     |-relax after 40 s------------------------->|
        00:41.005 |                     |<needs [0≥4]-------------------------------|
        00:41.006 |                     * relaxed after 40 s  |                     |
        00:41.006 |                     |-rank 1 agents---------------------------->|
        00:41.006 |                     |<[0]---------------------------------------|
        00:41.007 |                     * reserved amy        |                     |
        00:41.008 |                     |-INVITE------------->|                     |
        00:41.013 |                     |<180-----------------|                     |
        00:42.013 |                     |<200-----------------|                     |
        00:42.018 |                     * bridge              |                     |
        00:42.018 |                     * record both         |                     |
        00:42.018 |                     * left queue: Connected
        00:45.000 |-BYE---------------->|                     |                     |
        00:45.005 |                     * stop recording      |                     |
        00:45.005 |                     * closed Caller 16    |                     |
        00:45.005 |                     |-BYE---------------->|                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

/// A report is a fold over facts, and says it too.
#[test]
fn record_of_the_call_says_what_was_relaxed_and_when() {
    let mut stage = english();
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(44);
    stage.world.hang_up(call);
    stage.world.finish();
    let cdr = serde_json::to_value(&stage.world.cdrs()[0].queues[0]).unwrap();
    assert_eq!(
        (&cdr["skills"], &cdr["relaxed"]),
        (
            &serde_json::json!([["english", 5]]),
            &serde_json::json!([{ "after_ms": 40_001, "skills": [["english", 4]], "overflow_to": null }])
        )
    );
}

#[test]
fn caller_goes_without_one_thing_after_the_other_and_then_to_the_other_queue() {
    let mut stage = english_with(|shop| {
        let sales = shop.queues.get_mut("sales").unwrap();
        let steps = [("relax-first-ms", "10000"), ("relax-every-ms", "5000"), ("overflow-to", "support")];
        sales.policy = Some(policy(&steps));
        sales.skills[0].level = 2;
    });
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    stage.world.add_agent("cid");
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(25);
    assert_eq!(stage.world.hears(call), "cid", "{}", stage.world.story());
    assert_eq!(relaxed(&stage.world), ["10 s [english≥1]", "15 s []", "20 s [] to support"]);
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn policy_that_fails_to_say_leaves_the_needs_and_is_not_asked_again() {
    for fault in [Fault::Trap, Fault::Deadline, Fault::NotInstalled, Fault::Silence] {
        let mut stage = english();
        stage.world.components.relax_fault = fault;
        let call = stage.world.dial(stage.anna, "500");
        stage.world.run_secs(100);
        assert_eq!((relaxed(&stage.world).len(), failures(&stage.world)), (0, 1), "{fault:?}");
        assert_eq!(stage.world.hears(call), "~tone tone tone tone tone");
        stage.world.add_agent("bob");
        stage.world.run_secs(4);
        assert_eq!(stage.world.hears(call), "bob", "{fault:?}: {}", stage.world.story());
        stage.world.hang_up(call);
        // An answer that is lost is given up after half a minute.
        stage.world.run_secs(40);
        stage.world.finish();
    }
}

#[test]
fn agent_who_takes_the_call_while_the_policy_thinks_makes_its_answer_void() {
    let mut stage = english();
    stage.world.add_agent("bob");
    stage.world.run_secs(1);
    stage.world.agent("bob", AgentRequest::NotReady { reason: "lunch".into() });
    let call = stage.world.dial(stage.anna, "500");
    // The policy takes 9 ms to say what may be relaxed, and 1 ms to give bob the call meanwhile.
    stage.world.after(secs(39), |world| world.components.delay = Duration::from_millis(9));
    stage.world.after(Duration::from_millis(40_010), |world| {
        world.components.delay = Duration::from_millis(1);
        world.agent("bob", AgentRequest::Ready);
    });
    stage.world.run_secs(45);
    assert_eq!(stage.world.hears(call), "bob", "{}", stage.world.story());
    assert_eq!((relaxed(&stage.world), failures(&stage.world)), (vec![], 0), "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
}

/// A new agent's skill comes before English in the table: the answer's numbers would mean something else.
#[test]
fn configuration_that_changes_while_the_policy_thinks_has_it_asked_anew() {
    let mut stage = english();
    let call = stage.world.dial(stage.anna, "500");
    stage.world.after(secs(39), |world| world.components.delay = Duration::from_millis(9));
    stage.world.after(Duration::from_millis(40_010), |world| {
        world.components.delay = Duration::from_millis(1);
        world.configure(|shop| {
            shop.agents.get_mut("cid").unwrap().skills.insert("arabic".parse().unwrap(), 5);
        });
    });
    stage.world.draw_ladder(&["anna", "plugboard", "amy", "plugin"]);
    stage.world.run_secs(44);
    assert_eq!(stage.world.hears(call), "amy", "{}", stage.world.story());
    assert_eq!((relaxed(&stage.world), failures(&stage.world)), (vec!["40 s [english≥4]".to_owned()], 0));
    stage.world.hang_up(call);
    stage.world.finish();
    expect_test::expect![[r#"
        m:s       anna                  plugboard             amy                   plugin
        00:01.000 |-INVITE------------->|                     |                     |
        00:01.005 |<~tune---------------|                     |                     |
        00:01.005 |<200-----------------|                     |                     |
        00:01.005 |                     * queued sales 1      |                     |
        00:41.005 |                     |-relax after 40 s------------------------->|
        00:41.005 |                     |<needs [0≥4]-------------------------------|
        00:41.105 |                     |-relax after 40 s------------------------->|
        00:41.105 |                     |<needs [1≥4]-------------------------------|
        00:41.106 |                     * relaxed after 40 s  |                     |
        00:41.106 |                     |-rank 1 agents---------------------------->|
        00:41.106 |                     |<[0]---------------------------------------|
        00:41.107 |                     * reserved amy        |                     |
        00:41.108 |                     |-INVITE------------->|                     |
        00:41.113 |                     |<180-----------------|                     |
        00:42.113 |                     |<200-----------------|                     |
        00:42.118 |                     * bridge              |                     |
        00:42.118 |                     * record both         |                     |
        00:42.118 |                     * left queue: Connected
        00:45.000 |-BYE---------------->|                     |                     |
        00:45.005 |                     * stop recording      |                     |
        00:45.005 |                     * closed Caller 16    |                     |
        00:45.005 |                     |-BYE---------------->|                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

/// The time runs on while a phone rings.
#[test]
fn caller_whose_agent_does_not_answer_is_relaxed_when_they_are_back() {
    let mut stage = english();
    let bob = stage.world.add_agent("bob");
    stage.world.phone_mut(bob).manners = plugboard_scenarios::Manners::ABSENT;
    stage.world.agent("bob", AgentRequest::NotReady { reason: "lunch".into() });
    let call = stage.world.dial(stage.anna, "500");
    stage.world.after(secs(30), |world| world.agent("bob", AgentRequest::Ready));
    stage.world.run_secs(60);
    assert_eq!(stage.world.hears(call), "amy", "{}", stage.world.story());
    assert_eq!(relaxed(&stage.world), ["49 s [english≥4]"]);
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn queue_without_the_setting_never_relaxes() {
    let mut stage = english_with(|shop| shop.queues.get_mut("sales").unwrap().policy = Some(policy(&[])));
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(600);
    assert_eq!(relaxed(&stage.world), Vec::<String>::new());
    stage.world.hang_up(call);
    stage.world.finish();
}

/// What `apply` asks before anything is applied.
#[test]
fn settings_that_a_policy_refuses_are_known_by_name() {
    let stage = english();
    let told = |name: &str, settings: &[(&str, &str)]| {
        let policy = Policy { plugin: name.to_owned(), ..policy(settings) };
        let tables = plugboard_model::routing::Tables::of(&plugboard_scenarios::tenant::shop(), &policy);
        stage.world.components.check_policy(name, &tables).err().unwrap_or_default()
    };
    assert_eq!(told("route-skills", &[("overflow-to", "support")]), "");
    let refused = "plugin gives no answer (settings are not usable): ";
    assert_eq!(
        [
            told("route-skills", &[("overflow-to", "nowhere")]),
            told("route-vip-sticky", &[("weight.mood", "1")]),
            told("route-longest-idle", &[("relax-first-ms", "1000")]),
        ],
        [
            format!("{refused}overflow-to: there is no queue \"nowhere\""),
            format!("{refused}weight.mood: mood is none of the attributes of this queue's policy"),
            format!("{refused}relax-first-ms: there is no such setting, this policy has none"),
        ]
    );
}
