//! A caller whom nobody took for long goes without something, if the policy says so.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod centre;

use std::time::Duration;

use centre::{Centre, agent, id, needs, queue, sales};
use expect_test::expect;
use plugboard_acd::Input;
use plugboard_model::{AgentRequest, Configuration, InteractionId, Policy, Queue, QueueExit};

fn vip(relax_first_ms: &str) -> Policy {
    let mut policy = Policy::named("vip");
    policy.settings.insert(Policy::RELAX_FIRST.to_owned(), relax_first_ms.to_owned());
    policy
}

/// `sales` needs English at 5, after 40 s perhaps less; amy speaks it at 3. Bob is in `support`.
fn shop() -> Configuration {
    let mut shop = sales(
        |sales| {
            sales.policy = Some(vip("40000"));
            sales.skills = needs(&[("english", 5)]);
        },
        &[],
    );
    shop.queues.insert(queue("support"), Queue::named("Support"));
    shop.agents.insert(id("amy"), agent(&["sales"], &[("english", 3)]));
    shop.agents.insert(id("bob"), agent(&["support"], &[]));
    shop
}

fn centre(configuration: &Configuration) -> Centre {
    let mut centre = Centre::new(configuration);
    for agent in configuration.agents.keys() {
        centre.register(agent.as_str());
    }
    centre.ladder();
    centre
}

fn relax(centre: &mut Centre, needs: &[(u16, u8)], overflow_to: Option<&str>, again: Option<Duration>) {
    let question = centre.asked.last().unwrap().id;
    let needs = needs.to_vec();
    centre.input(Input::Relaxed { question, needs, overflow_to: overflow_to.map(queue), again });
}

fn rank(centre: &mut Centre, order: &[u32], again: Option<Duration>) {
    let question = centre.asked.last().unwrap().id;
    centre.input(Input::Ranked { question, order: order.to_vec(), again });
}

#[test]
fn lower_need_of_the_queue_itself_lets_an_agent_take_the_caller() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(40.0);
    relax(&mut centre, &[(0, 3)], None, None);
    rank(&mut centre, &[0], None);
    expect![[r#"
        000.000 i1 queued in sales, place 1, priority 0 english≥5
        040.000 => ask vip to relax i1: 0≥5
        040.000 i1 relaxed after 40000 ms, english≥3 needed
        040.000 => ask vip about sales
        040.000 amy reserved for i1 after 40000 ms by vip, 1 of 1
        040.000 amy: ready → reserved
        040.000 => ring amy with i1 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn agents_of_the_queue_that_a_policy_names_are_asked_as_well() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(40.0);
    relax(&mut centre, &[], Some("support"), None);
    rank(&mut centre, &[1], None);
    expect![[r#"
        000.000 i1 queued in sales, place 1, priority 0 english≥5
        040.000 => ask vip to relax i1: 0≥5
        040.000 i1 relaxed after 40000 ms, needed, also of support
        040.000 => ask vip about sales
        040.000 bob reserved for i1 after 40000 ms by vip, 2 of 2
        040.000 bob: ready → reserved
        040.000 => ring bob with i1 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

/// Who comes free later finds the caller too, and so do those of the first queue.
#[test]
fn agent_of_the_other_queue_who_comes_free_later_takes_the_caller() {
    let mut centre = centre(&shop());
    centre.not_ready("bob", "lunch").enqueue(1, "sales").at(40.0);
    relax(&mut centre, &[(0, 5)], Some("support"), None);
    centre.at(50.0).ladder();
    centre.request("bob", AgentRequest::Ready);
    // The caller needs English still, which bob does not speak.
    assert_eq!(centre.state("bob"), "ready");
    let mut without = shop();
    without.queues.get_mut("sales").unwrap().skills.clear();
    without.agents.remove("amy");
    let mut centre = self::centre(&without);
    centre.not_ready("bob", "lunch").enqueue(1, "sales").at(40.0);
    relax(&mut centre, &[], Some("support"), None);
    centre.at(50.0).ladder();
    centre.request("bob", AgentRequest::Ready);
    rank(&mut centre, &[0], None);
    assert_eq!(centre.state("bob"), "reserved");
}

#[test]
fn caller_is_asked_about_again_when_the_policy_said_and_not_otherwise() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(40.0);
    relax(&mut centre, &[(0, 4)], None, Some(Duration::from_secs(5)));
    centre.at(45.0);
    relax(&mut centre, &[(0, 4)], None, None);
    centre.at(500.0);
    expect![[r#"
        000.000 i1 queued in sales, place 1, priority 0 english≥5
        040.000 => ask vip to relax i1: 0≥5
        040.000 i1 relaxed after 40000 ms, english≥4 needed
        045.000 => ask vip to relax i1: 0≥4
        090.000 sales LongestWait 90000 of 90000 ms: alarm
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn answer_cannot_raise_a_need_nor_add_one_nor_name_the_queue_itself() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(40.0).ladder();
    relax(&mut centre, &[(0, 9), (7, 1)], Some("sales"), None);
    // Nothing changed, so there is no fact.
    assert_eq!(centre.ladder(), "");
}

#[test]
fn failed_question_is_recorded_and_the_last_one() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(300.0);
    expect![[r#"
        000.000 i1 queued in sales, place 1, priority 0 english≥5
        040.000 => ask vip to relax i1: 0≥5
        040.010 vip failed to relax for queue sales: no answer in time
        090.000 sales LongestWait 90000 of 90000 ms: alarm
    "#]]
    .assert_eq(&centre.ladder());
}

/// The ring is no reason to begin the wait anew.
#[test]
fn caller_whose_agent_declined_is_asked_about_at_once_if_the_time_passed_meanwhile() {
    let mut shop = shop();
    shop.agents.insert(id("cat"), agent(&["sales"], &[("english", 9)]));
    let mut late = centre(&shop);
    late.not_ready("amy", "lunch").not_ready("cat", "lunch").enqueue(1, "sales").at(38.0);
    late.request("cat", AgentRequest::Ready);
    rank(&mut late, &[0], None);
    late.ringing(1, "cat").at(45.0).ladder();
    late.rejected(1, "cat");
    late.at(45.1);
    expect![[r#"
        045.000 cat released from i1: Rejected
        045.000 cat: ringing → ready
        045.000 => ask vip to relax i1: 0≥5
        045.010 vip failed to relax for queue sales: no answer in time
    "#]]
    .assert_eq(&late.ladder());
}

#[test]
fn caller_who_hangs_up_while_the_policy_thinks_is_forgotten() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(40.0).leave(1, QueueExit::Abandoned).ladder();
    relax(&mut centre, &[], None, Some(Duration::from_secs(1)));
    centre.at(100.0);
    assert_eq!((centre.ladder(), centre.acd.poll_timeout()), (String::new(), None));
}

/// Numbers of the question may mean something else by then.
#[test]
fn answer_from_before_a_new_configuration_is_void_and_the_policy_asked_anew() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(40.0);
    let before = centre.asked.last().unwrap().id;
    let mut other = shop();
    other.agents.insert(id("zoe"), agent(&["sales"], &[("arabic", 9)]));
    centre.configure(&other);
    centre.input(Input::Relaxed { question: before, needs: vec![], overflow_to: None, again: None });
    centre.at(40.1);
    expect![[r#"
        000.000 i1 queued in sales, place 1, priority 0 english≥5
        040.000 => ask vip to relax i1: 0≥5
        040.100 => ask vip to relax i1: 1≥5
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn other_needs_of_the_queue_take_the_place_of_relaxed_ones_and_others_do_not() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(40.0);
    relax(&mut centre, &[(0, 4)], None, None);
    let mut other = shop();
    other.queues.get_mut("sales").unwrap().wrap_up = Duration::ZERO;
    centre.configure(&other).ladder();
    let kept = centre.acd.needs(InteractionId(1));
    other.queues.get_mut("sales").unwrap().skills = needs(&[("english", 6)]);
    centre.configure(&other);
    let english = |level| vec![("english".parse().unwrap(), level)];
    assert_eq!((kept, centre.acd.needs(InteractionId(1))), (Some(english(4)), Some(english(6))));
}

#[test]
fn queue_that_helps_is_forgotten_when_it_is_taken_out() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(40.0);
    relax(&mut centre, &[(0, 5)], Some("support"), None);
    let mut other = shop();
    other.queues.remove("support");
    other.queues.insert(queue("billing"), Queue::named("Billing"));
    other.agents.insert(id("bob"), agent(&["billing"], &[("english", 9)]));
    centre.configure(&other).at(41.0);
    // Every index is checked after each input; and bob, who could take the call, was not asked.
    assert_eq!(centre.state("bob"), "ready");
}

#[test]
fn policy_that_would_be_asked_for_ever_is_asked_sixty_four_times() {
    let mut centre = centre(&shop());
    centre.enqueue(1, "sales").at(40.0);
    for _ in 0..200 {
        let last = centre.asked.last().unwrap().id;
        let input = Input::Relaxed {
            question: last,
            needs: vec![(0, 5)],
            overflow_to: None,
            again: Some(Duration::from_millis(1)),
        };
        centre.input(input);
        let next = (centre.now - centre::START).as_secs_f64() + 0.1;
        centre.at(next);
    }
    assert_eq!(centre.asked.len(), usize::from(plugboard_acd::MOST_RELAX_QUESTIONS));
}

/// A policy that keeps a caller for somebody has said when it gives up waiting.
#[test]
fn caller_held_back_is_relaxed_and_ranked_again_when_the_policy_said() {
    let mut shop = sales(|sales| sales.policy = Some(Policy::named("vip")), &["amy", "bob"]);
    shop.queues.insert(queue("support"), Queue::named("Support"));
    let mut centre = centre(&shop);
    centre.enqueue(1, "sales");
    rank(&mut centre, &[], Some(Duration::from_secs(20)));
    centre.at(20.0);
    relax(&mut centre, &[], None, None);
    rank(&mut centre, &[1], None);
    expect![[r#"
        000.000 i1 queued in sales, place 1, priority 0
        000.000 => ask vip about sales
        000.000 i1 held back from 2, again after 20000 ms
        020.000 => ask vip to relax i1:
        020.000 => ask vip about sales
        020.000 bob reserved for i1 after 20000 ms by vip, 2 of 2
        020.000 bob: ready → reserved
        020.000 => ring bob with i1 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn calls_taken_today_are_counted_to_midnight() {
    let mut centre = centre(&sales(|sales| sales.policy = Some(Policy::named("vip")), &["amy"]));
    let mut taken = Vec::new();
    for (caller, at) in [(1, 0.0), (2, 100.0), (3, 60_000.0)] {
        centre.at(at).enqueue(caller, "sales");
        let plugboard_acd::RankSubject::Agents { candidates, .. } = &centre.asked.last().unwrap().subject else {
            panic!("a caller came in")
        };
        taken.push((candidates[0].taken_today, candidates[0].load_permille));
        rank(&mut centre, &[0], None);
        centre.answered(caller, "amy").ended(caller, "amy");
        centre.at(at + 40.0);
    }
    assert_eq!(taken, [(0, 0), (1, 0), (0, 0)]);
}
