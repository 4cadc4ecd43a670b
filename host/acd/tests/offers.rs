//! What becomes of one offer: answered, missed, rejected, failed, overtaken.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod centre;

use centre::{Centre, id, sales};
use expect_test::expect;
use plugboard_acd::Input;
use plugboard_model::{AgentRequest, InteractionId, QueueExit};

#[test]
fn caller_reaches_an_agent_who_wraps_up_and_is_ready_again() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy"]));
    centre.register("amy").at(5.0).enqueue(1, "sales").ringing(1, "amy");
    centre.at(8.0).answered(1, "amy").at(60.0).ended(1, "amy").at(120.0);
    expect![[r#"
        000.000 amy: logged-out → ready
        005.000 i1 queued in sales, place 1, priority 0
        005.000 amy reserved for i1 after 0 ms
        005.000 amy: ready → reserved
        005.000 => ring amy with i1 for sales
        005.000 amy: reserved → ringing
        008.000 i1 left sales: Connected
        008.000 amy: ringing → talking
        060.000 amy wraps up, at most 30000 ms
        060.000 amy: talking → wrap-up
        090.000 amy wrapped up, by timer
        090.000 amy: wrap-up → ready
    "#]]
    .assert_eq(&centre.ladder());
}

/// RONA. The next agent gets the caller; the one who missed is not ready until they say so.
#[test]
fn agent_who_does_not_answer_is_set_not_ready_and_the_caller_keeps_the_place() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy", "bob"]));
    centre.register("amy").at(1.0).register("bob").at(5.0).enqueue(1, "sales").ringing(1, "amy");
    centre.at(6.0).ladder();
    centre.at(26.0).ringing(1, "bob").at(31.0).answered(1, "bob");
    centre.at(32.0).enqueue(2, "sales").at(40.0).request("amy", AgentRequest::Ready);
    expect![[r#"
        025.000 amy released from i1: Missed
        025.000 => stop amy with i1: Missed
        025.000 amy: ringing → not-ready(missed)
        025.000 bob reserved for i1 after 0 ms
        025.000 bob: ready → reserved
        025.000 => ring bob with i1 for sales
        026.000 bob: reserved → ringing
        031.000 i1 left sales: Connected
        031.000 bob: ringing → talking
        032.000 i2 queued in sales, place 1, priority 0
        040.000 amy: not-ready(missed) → ready
        040.000 amy reserved for i2 after 0 ms
        040.000 amy: ready → reserved
        040.000 => ring amy with i2 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn second_miss_in_a_row_counts_where_two_are_allowed_and_an_answer_between_forgives() {
    let mut centre = Centre::new(&sales(|sales| sales.missed_limit = 2, &["amy"]));
    centre.register("amy").enqueue(1, "sales").ringing(1, "amy").at(20.5);
    let after_first = centre.state("amy");
    centre.at(21.5).ringing(1, "amy").answered(1, "amy").ended(1, "amy").at(60.0).enqueue(2, "sales").ringing(2, "amy");
    centre.at(80.5);
    let after_forgiven = centre.state("amy");
    centre.at(81.5).ringing(2, "amy").at(120.0);
    assert_eq!([after_first, after_forgiven, centre.state("amy")], ["ready", "ready", "not-ready(missed)"]);
}

#[test]
fn agent_who_rejects_gets_the_next_caller_and_the_rejected_one_only_after_a_while() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy", "bob"]));
    centre.register("amy").register("bob").enqueue(1, "sales").enqueue(2, "sales");
    centre.answered(2, "bob").at(1.0).ladder();
    centre.rejected(1, "amy").at(2.0).enqueue(3, "sales").answered(3, "amy").at(3.0).ended(2, "bob").at(40.0);
    expect![[r#"
        001.000 amy released from i1: Rejected
        001.000 amy: reserved → ready
        002.000 i3 queued in sales, place 2, priority 0
        002.000 amy reserved for i3 after 0 ms
        002.000 amy: ready → reserved
        002.000 => ring amy with i3 for sales
        002.000 i3 left sales: Connected
        002.000 amy: reserved → talking
        003.000 bob wraps up, at most 30000 ms
        003.000 bob: talking → wrap-up
        033.000 bob wrapped up, by timer
        033.000 bob: wrap-up → ready
        033.000 bob reserved for i1 after 0 ms
        033.000 bob: ready → reserved
        033.000 => ring bob with i1 for sales
        038.000 bob released from i1: LeaseExpired
        038.000 => stop bob with i1: LeaseExpired
        038.000 bob: reserved → ready
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn phone_on_do_not_disturb_is_tried_three_times_and_then_left_alone() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy"]));
    centre.register("amy").enqueue(1, "sales").rejected(1, "amy").at(1.0).rejected(1, "amy").at(2.0).rejected(1, "amy");
    assert_eq!(centre.state("amy"), "not-ready(rejected)");
}

#[test]
fn caller_who_hangs_up_while_it_rings_leaves_the_agent_first_in_line() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy", "bob"]));
    centre.register("amy").at(1.0).register("bob").at(2.0).enqueue(1, "sales").ringing(1, "amy").at(3.0).ladder();
    centre.leave(1, QueueExit::Abandoned).at(4.0).enqueue(2, "sales");
    expect![[r#"
        003.000 amy released from i1: CallerLeft
        003.000 => stop amy with i1: CallerLeft
        003.000 amy: ringing → ready
        003.000 i1 left sales: Abandoned
        004.000 i2 queued in sales, place 1, priority 0
        004.000 amy reserved for i2 after 0 ms
        004.000 amy: ready → reserved
        004.000 => ring amy with i2 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn answer_that_crosses_the_ring_time_out_is_refused() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy"]));
    centre.register("amy").enqueue(1, "sales").ringing(1, "amy").at(20.0).ladder();
    centre.answered(1, "amy");
    assert_eq!(centre.ladder(), "020.000 => amy refused for i1: NotReserved\n");
}

#[test]
fn phone_that_fails_is_unreachable_and_tried_again_after_half_a_minute() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy"]));
    centre.register("amy").enqueue(1, "sales").ladder();
    centre.input(Input::DeviceFailed { interaction: InteractionId(1), agent: id("amy") }).at(34.0);
    expect![[r#"
        000.000 amy released from i1: DeviceFailed
        000.000 amy: reserved → unreachable
        030.000 amy: unreachable → ready
        030.000 amy reserved for i1 after 0 ms
        030.000 amy: ready → reserved
        030.000 => ring amy with i1 for sales
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn registration_lost_while_ringing_sends_the_caller_on_at_once() {
    let mut configuration = sales(|_| {}, &["amy", "bob"]);
    configuration.agents.get_mut(&id("amy")).unwrap().ready_on_register = false;
    let mut centre = Centre::new(&configuration);
    centre.register("amy").request("amy", AgentRequest::Ready).at(1.0).register("bob").enqueue(1, "sales");
    centre.ringing(1, "amy").at(2.0).ladder();
    centre.unregister("amy").at(3.0).register("amy");
    expect![[r#"
        002.000 amy released from i1: DeviceFailed
        002.000 => stop amy with i1: DeviceFailed
        002.000 amy: ringing → unreachable
        002.000 bob reserved for i1 after 0 ms
        002.000 bob: ready → reserved
        002.000 => ring bob with i1 for sales
        003.000 amy: unreachable → ready
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn registration_lost_in_a_call_shows_only_when_the_call_is_over() {
    let mut configuration = sales(|_| {}, &["amy"]);
    configuration.agents.get_mut(&id("amy")).unwrap().ready_on_register = false;
    let mut centre = Centre::new(&configuration);
    centre.register("amy").request("amy", AgentRequest::Ready).enqueue(1, "sales").answered(1, "amy").unregister("amy");
    let meanwhile = centre.state("amy");
    centre.at(9.0).ended(1, "amy");
    assert_eq!([meanwhile, centre.state("amy")], ["talking", "unreachable"]);
}

#[test]
fn break_asked_for_in_a_call_begins_after_its_wrap_up() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy"]));
    centre.register("amy").enqueue(1, "sales").answered(1, "amy").not_ready("amy", "lunch");
    let pending = centre.acd.agent(&id("amy")).unwrap().pending;
    centre.at(10.0).ended(1, "amy").at(20.0).ladder();
    centre.at(60.0);
    assert_eq!(pending, Some(AgentRequest::NotReady { reason: "lunch".to_owned() }));
    expect![[r#"
        040.000 amy wrapped up, by timer
        040.000 amy: wrap-up → not-ready(lunch)
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn hold_and_consultation_come_back_to_the_call() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy"]));
    let (interaction, agent) = (InteractionId(1), id("amy"));
    centre.register("amy").enqueue(1, "sales").answered(1, "amy").ladder();
    centre.input(Input::Held { interaction, agent: agent.clone() });
    centre.input(Input::ConsultStarted { interaction, agent: agent.clone() });
    centre.input(Input::ConsultEnded { interaction, agent: agent.clone() });
    centre.input(Input::Resumed { interaction, agent });
    expect![[r#"
        000.000 amy: talking → held
        000.000 amy: held → consulting
        000.000 amy: consulting → talking
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn named_agent_is_reserved_without_a_queue_or_refused_with_the_reason() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy", "bob"]));
    centre.register("amy").ladder();
    for (interaction, agent) in [(1, "amy"), (2, "amy"), (3, "bob"), (4, "zoe")] {
        centre.input(Input::ReserveAgent { interaction: InteractionId(interaction), agent: id(agent) });
    }
    centre.answered(1, "amy").at(5.0).ended(1, "amy");
    expect![[r#"
        000.000 amy reserved for i1 after 0 ms
        000.000 amy: ready → reserved
        000.000 => ring amy with i1
        000.000 => amy refused for i2: Busy
        000.000 => bob refused for i3: LoggedOut
        000.000 => zoe refused for i4: UnknownAgent
        000.000 amy: reserved → talking
        005.000 amy: talking → ready
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn extended_wrap_up_ends_later() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy"]));
    centre.register("amy").enqueue(1, "sales").answered(1, "amy").ended(1, "amy").ladder();
    centre.input(Input::ExtendWrapUp { agent: id("amy"), by: std::time::Duration::from_secs(15) }).at(60.0);
    expect![[r#"
        045.000 amy wrapped up, by timer
        045.000 amy: wrap-up → ready
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn agent_who_logged_out_by_hand_stays_so_when_the_phone_registers_again() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy"]));
    centre.register("amy").request("amy", AgentRequest::LogOut).register("amy");
    let refreshed = centre.state("amy");
    centre.unregister("amy").register("amy");
    assert_eq!([refreshed, centre.state("amy")], ["logged-out", "ready"]);
}

#[test]
fn agent_whose_call_nobody_ends_is_free_a_minute_after_the_longest_call() {
    let mut configuration = sales(|_| {}, &["amy"]);
    configuration.limits.call_length = std::time::Duration::from_secs(100);
    let mut centre = Centre::new(&configuration);
    centre.register("amy").enqueue(1, "sales").answered(1, "amy").at(1.0).ladder();
    centre.at(500.0);
    expect![[r#"
        160.000 amy wraps up, at most 30000 ms
        160.000 amy: talking → wrap-up
        190.000 amy wrapped up, by timer
        190.000 amy: wrap-up → ready
    "#]]
    .assert_eq(&centre.ladder());
}

#[test]
fn agent_who_rejects_a_second_time_is_passed_over_from_then_on() {
    let mut centre = Centre::new(&sales(|_| {}, &["amy", "bob"]));
    centre.register("amy").register("bob").enqueue(1, "sales").enqueue(2, "sales").answered(2, "bob");
    centre.rejected(1, "amy").at(10.0);
    centre.input(Input::ReserveAgent { interaction: InteractionId(1), agent: id("amy") }).rejected(1, "amy").ladder();
    centre.at(31.0);
    expect![[r#"
        030.000 amy reserved for i1 after 20000 ms
        030.000 amy: ready → reserved
        030.000 => ring amy with i1 for sales
    "#]]
    .assert_eq(&centre.ladder());
}
