//! The rules of a queue: order, skills, bounds, overflow, and a configuration that changes meanwhile.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod centre;

use std::time::Duration;

use centre::{Centre, START, agent, id, needs, queue, sales};
use expect_test::expect;
use plugboard_acd::Input;
use plugboard_model::{AgentRequest, Configuration, InteractionId, Queue};

/// `sales` served by amy, `support` by bob.
fn two_queues(change: impl FnOnce(&mut Queue, &mut Queue)) -> Configuration {
    let mut configuration = sales(|_| {}, &["amy"]);
    let mut support = Queue::named("Support");
    change(configuration.queues.get_mut(&queue("sales")).unwrap(), &mut support);
    configuration.queues.insert(queue("support"), support);
    configuration.agents.insert(id("bob"), agent(&["support"], &[]));
    configuration
}

#[test]
fn higher_priority_goes_first_then_the_longer_wait_over_all_queues_of_the_agent() {
    let mut configuration = two_queues(|_, support| support.priority = 5);
    configuration.agents.insert(id("amy"), agent(&["sales", "support"], &[]));
    let mut centre = Centre::new(&configuration);
    centre.enqueue(1, "sales").at(1.0).enqueue(2, "support").at(2.0).enqueue_with(3, "sales", 9, &[]);
    centre.at(3.0).enqueue(4, "support").register("amy").ladder();
    for interaction in [3, 2, 4, 1] {
        centre.answered(interaction, "amy").ended(interaction, "amy").request("amy", AgentRequest::Ready);
    }
    let served: Vec<String> =
        centre.ladder().lines().filter(|line| line.contains("left")).map(|line| line[8..].to_owned()).collect();
    assert_eq!(
        served,
        [
            "i3 left sales: Connected",
            "i2 left support: Connected",
            "i4 left support: Connected",
            "i1 left sales: Connected"
        ]
    );
}

#[test]
fn callback_that_kept_its_time_goes_before_those_who_came_meanwhile() {
    let mut centre = Centre::new(&sales(|_| {}, &[]));
    centre.at(100.0).enqueue(1, "sales").enqueue(2, "sales");
    centre.input(Input::Enqueue {
        interaction: InteractionId(3),
        queue: queue("sales"),
        priority: 0,
        skills: Vec::new(),
        since: START + Duration::from_secs(10),
        max_wait: None,
    });
    assert_eq!([1, 2, 3].map(|caller| centre.acd.position(InteractionId(caller))), [Some(2), Some(3), Some(1)]);
}

#[test]
fn agent_needs_every_level_of_the_queue_and_of_the_interaction() {
    let mut configuration = sales(|sales| sales.skills = needs(&[("english", 3)]), &[]);
    configuration.agents.insert(id("amy"), agent(&["sales"], &[("english", 9), ("billing", 4)]));
    configuration.agents.insert(id("bob"), agent(&["sales"], &[("english", 2), ("billing", 9)]));
    configuration.agents.insert(id("cat"), agent(&["sales"], &[("english", 3), ("billing", 5)]));
    let mut centre = Centre::new(&configuration);
    centre.register("amy").register("bob").register("cat").ladder();
    centre.enqueue_with(1, "sales", 0, &[("billing", 5), ("english", 1)]).enqueue_with(2, "sales", 0, &[("sign", 1)]);
    expect![[r#"
        000.000 i1 queued in sales, place 1, priority 0 billing≥5 english≥3
        000.000 cat reserved for i1 after 0 ms
        000.000 cat: ready → reserved
        000.000 => ring cat with i1 for sales
        000.000 i2 queued in sales, place 1, priority 0 english≥3 sign≥1
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn relaxed_skills_find_the_agent_who_was_idle_all_along() {
    let mut configuration = sales(|_| {}, &[]);
    configuration.agents.insert(id("amy"), agent(&["sales"], &[("billing", 4)]));
    let mut centre = Centre::new(&configuration);
    centre.register("amy").enqueue_with(1, "sales", 0, &[("billing", 8)]).at(9.0).ladder();
    let skills = Some(needs(&[("billing", 3)]));
    centre.input(Input::Changed { interaction: InteractionId(1), skills, priority: None });
    expect![[r#"
        009.000 amy reserved for i1 after 9000 ms
        009.000 amy: ready → reserved
        009.000 => ring amy with i1 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn caller_who_waited_long_enough_is_offered_to_the_other_queue_too() {
    let mut centre = Centre::new(&two_queues(|sales, _| {
        sales.overflow_to = Some(queue("support"));
        sales.overflow_after = Some(Duration::from_secs(30));
    }));
    centre.register("bob").enqueue(1, "sales").at(1.0).enqueue(2, "sales").at(30.0).answered(1, "bob").at(40.0);
    centre.ended(1, "bob").request("bob", AgentRequest::Ready);
    let ladder = centre.ladder();
    let rings: Vec<&str> = ladder.lines().filter(|line| line.contains("=> ring")).collect();
    assert_eq!(rings, ["030.000 => ring bob with i1 for sales", "040.000 => ring bob with i2 for sales"]);
}

#[test]
fn wait_ends_at_its_bound_unless_a_phone_rings_just_then() {
    let mut centre = Centre::new(&sales(|sales| sales.max_wait = Some(Duration::from_secs(30)), &["amy"]));
    centre.enqueue(1, "sales").at(20.0).enqueue(2, "sales").register("amy").ringing(1, "amy").ladder();
    centre.at(100.0);
    expect![[r#"
        040.000 amy released from i1: Missed
        040.000 => stop amy with i1: Missed
        040.000 amy: ringing → not-ready(missed)
        040.000 i1 left sales: TimedOut
        040.000 => i1 out of sales: TimedOut
        050.000 i2 left sales: TimedOut
        050.000 => i2 out of sales: TimedOut
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn full_unstaffed_and_unknown_queues_turn_callers_away_at_the_door() {
    let mut centre = Centre::new(&two_queues(|sales, support| {
        sales.max_waiting = 1;
        support.refuse_when_unstaffed = true;
    }));
    centre.enqueue(1, "sales").enqueue(2, "sales").enqueue(3, "support").enqueue(4, "nowhere");
    expect![[r#"
        000.000 i1 queued in sales, place 1, priority 0
        000.000 i2 left sales: Full
        000.000 => i2 out of sales: Full
        000.000 i3 left support: NoAgents
        000.000 => i3 out of support: NoAgents
        000.000 i4 left nowhere: Closed
        000.000 => i4 out of nowhere: Closed
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn interaction_enqueued_elsewhere_moves_and_its_ringing_agent_is_free_again() {
    let mut centre = Centre::new(&two_queues(|_, _| {}));
    centre.register("amy").register("bob").enqueue(1, "sales").ringing(1, "amy").at(1.0).ladder();
    centre.enqueue(1, "support").enqueue(1, "support");
    expect![[r#"
        001.000 amy released from i1: Moved
        001.000 => stop amy with i1: Moved
        001.000 amy: ringing → ready
        001.000 i1 left sales: Moved
        001.000 i1 queued in support, place 1, priority 0
        001.000 bob reserved for i1 after 0 ms
        001.000 bob: ready → reserved
        001.000 => ring bob with i1 for support
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn removed_queue_sends_its_callers_out_and_removed_agent_finishes_the_call() {
    let before = two_queues(|_, _| {});
    let mut after = before.clone();
    after.queues.remove(&queue("sales"));
    after.agents.remove(&id("amy"));
    let mut centre = Centre::new(&before);
    centre.register("amy").enqueue(1, "sales").answered(1, "amy").enqueue(2, "sales").at(1.0).ladder();
    centre.configure(&after).at(5.0).ended(1, "amy").at(60.0);
    expect![[r#"
        001.000 i2 left sales: Closed
        001.000 => i2 out of sales: Closed
        005.000 amy wraps up, at most 30000 ms
        005.000 amy: talking → wrap-up
        035.000 amy wrapped up, by timer
        035.000 amy: wrap-up → logged-out
    "#]]
    .assert_eq(&centre.ladder());
    assert_eq!(centre.state("amy"), "gone");
}

#[test]
fn agent_given_another_queue_takes_who_waits_there_at_once() {
    let before = two_queues(|_, _| {});
    let mut after = before.clone();
    after.agents.insert(id("amy"), agent(&["sales", "support"], &[]));
    let mut centre = Centre::new(&before);
    centre.register("amy").enqueue(1, "support").at(1.0).ladder();
    centre.configure(&after);
    expect![[r#"
        001.000 amy reserved for i1 after 1000 ms
        001.000 amy: ready → reserved
        001.000 => ring amy with i1 for support
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn position_and_wait_follow_from_the_rate_at_which_callers_are_answered() {
    let mut centre = Centre::new(&sales(|sales| sales.wrap_up = Duration::ZERO, &["amy"]));
    centre.register("amy").enqueue(1, "sales");
    let unknown = centre.acd.estimated_wait(InteractionId(1));
    for caller in 2..=5 {
        centre.enqueue(caller, "sales");
    }
    centre.ringing(1, "amy").at(10.0).answered(1, "amy").ended(1, "amy").ringing(2, "amy");
    centre.at(20.0).answered(2, "amy").ended(2, "amy").ringing(3, "amy");
    let waits = [3, 4, 5].map(|caller| {
        let caller = InteractionId(caller);
        (centre.acd.position(caller), centre.acd.estimated_wait(caller).map(|wait| wait.as_secs()))
    });
    assert_eq!((unknown, waits), (None, [(Some(0), Some(0)), (Some(1), Some(10)), (Some(2), Some(20))]));
}

#[test]
fn supervisor_sees_waiting_ready_talking_and_wrapping_up() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy", "bob", "cat", "dan"]));
    centre.register("amy").enqueue(1, "sales").answered(1, "amy");
    centre.register("bob").enqueue(2, "sales").answered(2, "bob").ended(2, "bob");
    centre.register("cat").not_ready("cat", "lunch").enqueue(3, "sales").at(7.0).unregister("dan");
    let view = centre.acd.queue(&queue("sales")).unwrap();
    let counts = (view.waiting, view.staffed, view.ready, view.talking, view.wrap_up, view.waiting_since);
    assert_eq!(counts, (1, 3, 0, 1, 1, Some(START)));
}

/// ACD-06: one agent in three groups, good at one and fair at another; each group's need decides, and each group's own people come first.
#[test]
fn agent_in_three_groups_serves_each_by_the_level_there_and_helps_out_last() {
    let mut configuration = Configuration::empty("t".parse().unwrap());
    let mut group = |name: &str, skill: &str, level: u8, change: &dyn Fn(&mut Queue)| {
        let mut rules = Queue { skills: needs(&[(skill, level)]), wrap_up: Duration::ZERO, ..Queue::named(name) };
        rules.strategy = plugboard_model::Strategy::MostSkilled;
        change(&mut rules);
        configuration.queues.insert(queue(name), rules);
    };
    group("presale", "presale", 3, &|_| {});
    group("aftersale", "aftersale", 3, &|rules| {
        rules.overflow_to = Some(queue("vip"));
        rules.overflow_after = Some(Duration::from_secs(20));
    });
    group("vip", "vip", 5, &|rules| rules.priority = 100);
    let all = ["presale", "aftersale", "vip"];
    configuration.agents.insert(id("amy"), agent(&all, &[("presale", 9), ("aftersale", 4), ("vip", 2)]));
    configuration.agents.insert(id("bob"), agent(&["presale", "aftersale"], &[("presale", 5), ("aftersale", 8)]));
    configuration.agents.insert(id("cat"), agent(&["vip"], &[("vip", 7), ("aftersale", 3)]));
    let mut centre = Centre::new(&configuration);
    centre.register("amy").register("bob").register("cat");
    let taken = |centre: &mut Centre, interaction: u64, to: &str| {
        centre.ladder();
        centre.enqueue(interaction, to);
        let ladder = centre.ladder();
        let ring = ladder.lines().find_map(|line| line.split("=> ring ").nth(1)).unwrap_or("nobody").to_owned();
        ring.split(' ').next().unwrap_or_default().to_owned()
    };
    // Each group's best: amy sells, bob repairs; amy is not good enough for vip, cat is.
    let first = [taken(&mut centre, 1, "presale"), taken(&mut centre, 2, "aftersale"), taken(&mut centre, 3, "vip")];
    assert_eq!(first, ["amy", "bob", "cat"]);
    centre.answered(1, "amy").answered(2, "bob").answered(3, "cat");
    // All are busy. Who comes free takes the highest priority that fits their levels, over all their groups.
    assert_eq!([taken(&mut centre, 4, "presale"), taken(&mut centre, 5, "vip")], ["nobody", "nobody"]);
    centre.at(1.0).ended(1, "amy");
    assert_eq!((centre.state("amy"), centre.acd.position(InteractionId(4))), ("reserved".to_owned(), Some(0)));
    centre.answered(4, "amy").ended(3, "cat");
    assert_eq!(centre.acd.position(InteractionId(5)), Some(0));
    // cat serves no aftersale caller until one has waited twenty seconds, and then does, since the level suffices.
    centre.answered(5, "cat").ended(5, "cat").enqueue(6, "aftersale");
    let before = centre.state("cat");
    centre.at(21.5);
    assert_eq!([before, centre.state("cat")], ["ready", "reserved"]);
}
