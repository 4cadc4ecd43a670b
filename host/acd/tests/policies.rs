//! A routing policy is asked, never waited for.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod centre;

use std::time::Duration;

use centre::{Centre, agent, id, queue, sales};
use expect_test::expect;
use plugboard_acd::{Input, RankSubject};
use plugboard_model::{Policy, Queue, QueueExit};

fn centre(agents: &[&str]) -> Centre {
    let mut centre = Centre::new(&sales(|sales| sales.policy = Some(Policy::named("vip")), agents));
    for agent in agents {
        centre.register(agent);
    }
    centre.ladder();
    centre
}

fn rank(centre: &mut Centre, order: &[u32], again: Option<Duration>) {
    let question = centre.asked.last().unwrap().id;
    centre.input(Input::Ranked { question, order: order.to_vec(), again });
}

#[test]
fn policy_chooses_among_ready_agents() {
    let mut centre = centre(&["amy", "bob", "cat"]);
    centre.enqueue(1, "sales");
    rank(&mut centre, &[7, 2, 0], None);
    expect![[r#"
        000.000 i1 queued in sales, place 1, priority 0
        000.000 => ask vip about sales
        000.000 cat reserved for i1 after 0 ms by vip, 3 of 3
        000.000 cat: ready → reserved
        000.000 => ring cat with i1 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn policy_chooses_among_those_who_wait() {
    let mut centre = Centre::new(&sales(|sales| sales.policy = Some(Policy::named("vip")), &["amy"]));
    centre.enqueue_with(1, "sales", 0, &[]).at(1.0).enqueue(2, "sales").at(3.0).register("amy").ladder();
    let RankSubject::Waiting { candidates, .. } = &centre.asked[0].subject else { panic!("an agent came free") };
    assert_eq!(
        candidates.iter().map(|one| (one.interaction.0, one.waited_ms)).collect::<Vec<_>>(),
        [(1, 3_000), (2, 2_000)]
    );
    rank(&mut centre, &[1], None);
    expect![[r#"
        003.000 amy reserved for i2 after 0 ms by vip, 2 of 2
        003.000 amy: ready → reserved
        003.000 => ring amy with i2 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn policy_that_says_nothing_costs_ten_milliseconds_and_its_late_answer_nothing() {
    let mut centre = centre(&["amy", "bob"]);
    centre.enqueue(1, "sales").at(0.5).ladder();
    rank(&mut centre, &[1], None);
    assert_eq!(
        (centre.state("amy"), centre.state("bob"), centre.ladder()),
        ("reserved".into(), "ready".into(), String::new())
    );
}

#[test]
fn failed_policy_is_replaced_by_the_native_order_at_once() {
    let mut centre = centre(&["amy", "bob"]);
    centre.enqueue(1, "sales");
    let question = centre.asked[0].id;
    centre.input(Input::AskFailed { question, reason: "no plugin".into() });
    assert_eq!(centre.state("amy"), "reserved");
}

#[test]
fn policy_that_wants_nobody_is_asked_again_when_it_said() {
    let mut centre = centre(&["amy"]);
    centre.enqueue(1, "sales");
    rank(&mut centre, &[], Some(Duration::from_secs(2)));
    centre.at(1.9).ladder();
    centre.at(2.0);
    rank(&mut centre, &[0], None);
    expect![[r#"
        002.000 => ask vip to relax i1:
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn answer_that_names_an_agent_taken_meanwhile_is_asked_for_again() {
    let mut configuration = sales(|sales| sales.policy = Some(Policy::named("vip")), &["amy", "bob"]);
    configuration.queues.insert(queue("plain"), Queue::named("Plain"));
    configuration.agents.insert(id("amy"), agent(&["sales", "plain"], &[]));
    let mut centre = Centre::new(&configuration);
    centre.register("amy").register("bob").enqueue(1, "sales").enqueue(2, "plain").ladder();
    rank(&mut centre, &[0], None);
    rank(&mut centre, &[0], None);
    expect![[r#"
        000.000 => ask vip about sales
        000.000 bob reserved for i1 after 0 ms by vip, 1 of 1
        000.000 bob: ready → reserved
        000.000 => ring bob with i1 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn agent_whom_a_policy_leaves_idle_still_serves_the_other_queue() {
    let mut configuration = sales(|sales| sales.policy = Some(Policy::named("vip")), &[]);
    configuration.queues.insert(queue("plain"), Queue::named("Plain"));
    configuration.agents.insert(id("amy"), agent(&["sales", "plain"], &[]));
    let mut centre = Centre::new(&configuration);
    centre.enqueue(1, "sales").at(1.0).enqueue(2, "plain").register("amy").ladder();
    rank(&mut centre, &[], None);
    expect![[r#"
        001.000 amy reserved for i2 after 0 ms
        001.000 amy: ready → reserved
        001.000 => ring amy with i2 for plain
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn caller_who_hangs_up_while_the_policy_thinks_is_not_rung() {
    let mut centre = centre(&["amy"]);
    centre.enqueue(1, "sales").leave(1, QueueExit::Abandoned).ladder();
    rank(&mut centre, &[0], None);
    assert_eq!((centre.ladder(), centre.state("amy")), (String::new(), "ready".to_owned()));
}

#[test]
fn policy_sees_at_most_256_of_those_who_wait_the_best_first() {
    let mut centre = Centre::new(&sales(|sales| sales.policy = Some(Policy::named("vip")), &["amy"]));
    for caller in 1..=300 {
        let skills: &[(&str, u8)] = if caller % 2 == 0 { &[] } else { &[("any", 0)] };
        centre.enqueue_with(caller, "sales", i32::from(caller == 300), skills);
    }
    centre.register("amy");
    let RankSubject::Waiting { candidates, .. } = &centre.asked[0].subject else { panic!("an agent came free") };
    let ids: Vec<u64> = candidates.iter().map(|one| one.interaction.0).collect();
    let expected: Vec<u64> = std::iter::once(300).chain(1..=255).collect();
    assert_eq!(ids, expected);
}
