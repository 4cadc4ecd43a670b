//! Waiting: order, announcements, and every way out.

use plugboard_model::{AgentRequest, EventKind, Policy, QueueExit};
use plugboard_scenarios::{Manners, World, tenant};

use crate::stage::{endings, secs, shop, shop_with};

fn exits(world: &World) -> Vec<String> {
    let exit = |fact: &std::sync::Arc<plugboard_model::Event>| match &fact.kind {
        EventKind::LeftQueue { queue, exit, .. } => Some(format!("{queue} {exit:?}")),
        _ => None,
    };
    world.facts.iter().filter_map(exit).collect()
}

#[test]
fn callers_are_served_in_the_order_in_which_they_came() {
    let mut world = World::new(3, tenant::shop());
    let callers: Vec<_> = (0..4).map(|number| world.add_caller(&format!("caller{number}"))).collect();
    for caller in callers {
        let call = world.dial(caller, "500");
        world.after(secs(100), move |world| world.hang_up(call));
        world.run_secs(1);
    }
    let amy = world.add_agent("amy");
    world.phone_mut(amy).manners = Manners { talk_ms: Some((5_000, 5_000)), ..Manners::PROMPT };
    world.finish();
    let served = |fact: &std::sync::Arc<plugboard_model::Event>| match fact.kind {
        EventKind::Connected { interaction, .. } => Some(interaction.0),
        _ => None,
    };
    assert_eq!(world.facts.iter().filter_map(served).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn caller_who_waits_hears_music_and_every_thirty_seconds_their_place() {
    let mut stage = shop();
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    let call = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(4);
    stage.world.press(call, "1");
    let mut heard = vec![stage.world.hears(call)];
    for _ in 0..80 {
        stage.world.run_secs(1);
        let now = stage.world.hears(call);
        if heard.last() != Some(&now) {
            heard.push(now);
        }
    }
    stage.world.hang_up(call);
    stage.world.finish();
    let music = "~tone tone tone tone tone";
    assert_eq!(heard, ["~menu", music, "~position 1", music, "~position 1", music]);
}

/// Nobody is "ahead" of whoever is next.
#[test]
fn callers_hear_how_many_are_before_them_and_the_first_one_that_they_are_next() {
    let mut stage = shop_with(|shop| {
        let flow = shop.flows.get_mut("main").unwrap();
        let ahead = r#"["ahead.wav", { "ahead": "next.wav" }]"#;
        flow.document = flow.document.replace(r#"["position.wav", { "position": true }]"#, ahead).into();
        tenant::add_prompt(shop, "ahead");
        tenant::add_prompt(shop, "next");
    });
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    let calls = [0, 1, 2].map(|number| {
        let caller = stage.world.add_caller(&format!("caller{number}"));
        let call = stage.world.dial(caller, "400");
        stage.world.after(secs(4), move |world| world.press(call, "1"));
        call
    });
    stage.world.run_secs(35);
    assert_eq!(calls.map(|call| stage.world.hears(call)), ["~next", "~ahead 1", "~ahead 2"]);
    calls.into_iter().for_each(|call| stage.world.hang_up(call));
    stage.world.finish();
}

#[test]
fn exit_key_leaves_the_queue_for_the_voicemail() {
    let mut stage = shop();
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    let call = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(4);
    stage.world.press(call, "1");
    stage.world.run_secs(10);
    stage.world.press(call, "*");
    stage.world.run_secs(1);
    assert_eq!(stage.world.hears(call), "~leave-message");
    stage.world.run_secs(8);
    stage.world.press(call, "#");
    stage.world.finish();
    assert_eq!((exits(&stage.world), endings(&stage.world)), (vec!["sales ExitKey".into()], vec!["Host 16".into()]));
}

#[test]
fn caller_who_waited_as_long_as_the_flow_allows_goes_on_in_the_flow() {
    let mut stage = shop();
    let call = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(4);
    stage.world.press(call, "2");
    stage.world.run_secs(61);
    assert_eq!(stage.world.hears(call), "~goodbye");
    stage.world.finish();
    assert_eq!(exits(&stage.world), ["support TimedOut"]);
}

#[test]
fn caller_without_a_flow_is_let_go_after_the_queues_longest_wait() {
    let mut stage = shop_with(|shop| shop.queues.get_mut("sales").unwrap().max_wait = Some(secs(30)));
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    stage.world.dial(stage.anna, "500");
    stage.world.finish();
    assert_eq!((exits(&stage.world), endings(&stage.world)), (vec!["sales TimedOut".into()], vec!["Host 34".into()]));
}

#[test]
fn full_queue_turns_the_next_caller_away() {
    let mut stage = shop_with(|shop| shop.queues.get_mut("sales").unwrap().max_waiting = 1);
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    let first = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(1);
    let ben = stage.world.add_caller("ben");
    stage.world.dial(ben, "500");
    stage.world.run_secs(1);
    assert_eq!((exits(&stage.world), endings(&stage.world)), (vec!["sales Full".into()], vec!["Host 34".into()]));
    stage.world.hang_up(first);
    stage.world.finish();
}

#[test]
fn queue_that_nobody_serves_turns_callers_away_where_it_says_so() {
    let mut stage = shop_with(|shop| shop.queues.get_mut("support").unwrap().refuse_when_unstaffed = true);
    let call = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(4);
    stage.world.press(call, "2");
    stage.world.finish();
    assert_eq!(exits(&stage.world), [format!("support {:?}", QueueExit::NoAgents)]);
}

#[test]
fn caller_who_waited_long_enough_overflows_to_agents_of_the_other_queue() {
    let mut stage = shop_with(|shop| {
        let sales = shop.queues.get_mut("sales").unwrap();
        sales.overflow_to = Some("support".parse().unwrap());
        sales.overflow_after = Some(secs(20));
    });
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    stage.world.add_agent("cid");
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(19);
    assert_eq!(stage.world.hears(call), "~tone tone tone tone tone");
    stage.world.run_secs(4);
    assert_eq!(stage.world.hears(call), "cid");
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn wrap_up_ends_by_its_timer_or_when_the_agent_says_so() {
    let mut stage = shop();
    let call = stage.talking();
    stage.world.hang_up(call);
    stage.world.run_secs(12);
    let call = stage.talking();
    stage.world.hang_up(call);
    stage.world.run_secs(1);
    stage.world.agent("amy", AgentRequest::Ready);
    stage.world.finish();
    let by_timer = |fact: &std::sync::Arc<plugboard_model::Event>| match fact.kind {
        EventKind::WrapUpEnded { by_timer, .. } => Some(by_timer),
        _ => None,
    };
    assert_eq!(stage.world.facts.iter().filter_map(by_timer).collect::<Vec<_>>(), [true, false]);
}

/// TEL-03: a minute on hold. The caller hears the music and the agent nothing; the minute is in the handle time.
#[test]
fn minute_on_hold_is_music_for_the_caller_silence_for_the_agent_and_part_of_the_handle_time() {
    let mut stage = shop();
    let call = stage.talking();
    stage.command(plugboard_call::Command::Hold).unwrap();
    let line = stage.world.line_of(stage.amy);
    stage.world.run_secs(60);
    assert_eq!(
        (stage.world.hears(call).as_str(), stage.world.hears(line).as_str()),
        ("~tone tone tone tone tone", "silence")
    );
    stage.command(plugboard_call::Command::Resume).unwrap();
    stage.world.run_secs(1);
    stage.world.hang_up(call);
    stage.world.finish();
    let mut fold = plugboard_reporting::QueueFold::new();
    stage.world.facts.iter().for_each(|fact| fold.handle_event(fact));
    let counters = std::iter::from_fn(|| fold.poll_output()).last().unwrap().counters;
    assert_eq!((counters.hold_ms, counters.wrap_up_ms), (60_000, 10_000));
    let metric = plugboard_reporting::metric::METRICS.iter().find(|metric| metric.id == "average-handle-time").unwrap();
    let handled = (counters.talk_ms + counters.hold_ms + counters.wrap_up_ms) as f64;
    assert_eq!((metric.value)(&counters), Some(handled));
}

/// ACD-10: told within five seconds, and told again when it is over.
#[test]
fn caller_who_waits_too_long_raises_an_alarm_until_they_leave() {
    let mut stage = shop();
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(100);
    stage.world.hang_up(call);
    stage.world.finish();
    let alarm = |fact: &std::sync::Arc<plugboard_model::Event>| match &fact.kind {
        EventKind::ServiceAlarm { queue, measure, raised, .. } => {
            let second = (fact.at - stage.world.facts[0].at).as_secs();
            Some(format!("{second} {queue} {measure:?} {raised}"))
        }
        _ => None,
    };
    let alarms: Vec<_> = stage.world.facts.iter().filter_map(alarm).collect();
    assert_eq!(alarms, ["91 sales LongestWait true", "101 sales LongestWait false"]);
}

#[test]
fn policy_that_fails_leaves_the_native_order() {
    use plugboard_scenarios::Fault::{Deadline, NotInstalled, Silence, Trap};
    for fault in [Trap, Deadline, NotInstalled, Silence] {
        let mut stage =
            shop_with(|shop| shop.queues.get_mut("sales").unwrap().policy = Some(Policy::named("route-skills")));
        stage.world.add_agent("bob");
        stage.world.components.policy_fault = fault;
        stage.world.run_secs(1);
        let call = stage.world.dial(stage.anna, "500");
        stage.world.run_secs(3);
        assert_eq!(stage.world.hears(call), "amy", "{fault:?}: {}", stage.world.story());
        stage.world.hang_up(call);
        // An answer that is lost is given up after half a minute.
        stage.world.run_secs(30);
        stage.world.finish();
    }
}

#[test]
fn policy_ranks_by_skill_before_idle_time() {
    let mut stage = shop_with(|shop| {
        let sales = shop.queues.get_mut("sales").unwrap();
        sales.policy = Some(Policy::named("route-skills"));
        sales.skills = vec![plugboard_model::SkillNeed { skill: "english".parse().unwrap(), level: 1 }];
        for (agent, level) in [("amy", 3), ("bob", 9)] {
            shop.agents.get_mut(agent).unwrap().skills.insert("english".parse().unwrap(), level);
        }
    });
    stage.world.add_agent("bob");
    stage.world.run_secs(1);
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(call), "bob", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn longest_wait_grows_while_nothing_else_happens() {
    let mut world = World::new(3, tenant::shop());
    let caller = world.add_caller("anna");
    world.dial(caller, "500");
    world.run_secs(41);
    let snapshot = world.snapshot();
    let queue = snapshot.queues.iter().find(|queue| queue.waiting > 0).expect("anna waits");
    assert_eq!(queue.longest_wait_ms / 1_000, 40);
}
