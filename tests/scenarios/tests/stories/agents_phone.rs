//! The agent's phone dies: at every moment, in every way.

use plugboard_model::{EventKind, ReleaseReason};
use plugboard_scenarios::{Manners, PhoneId, World, tenant};
use plugboard_sip::Status;

use crate::stage::{endings, shop, shop_with};

const MOMENTS: u64 = 36;

/// Runs a call into a queue whose only agent's phone suffers `harm` after so many steps; the caller waits five minutes at most.
fn harmed(moment: u64, harm: fn(&mut World, PhoneId)) -> World {
    let mut world = World::new(moment, tenant::shop());
    let amy = world.add_agent("amy");
    let anna = world.add_caller("anna");
    world.run_secs(1);
    let call = world.dial(anna, "500");
    world.run_steps(moment);
    harm(&mut world, amy);
    world.run_secs(300);
    world.hang_up(call);
    world.run_secs(70);
    world
}

/// A phone that is unplugged holds its calls until its own timers give up: those are not ours to judge.
fn assert_nothing_of_ours_is_left(world: &World, moment: u64) {
    let census = world.exchange.census();
    let rest = (census.calls, census.lines, census.recordings, census.questions, census.promises);
    assert_eq!(rest, (0, 0, 0, 0, 0), "moment {moment}\n{}", world.story());
    assert_eq!(world.plane.open_ports(), 0, "moment {moment}\n{}", world.story());
    let stuck = world.exchange.acd().agents().find(|agent| agent.state.interaction().is_some());
    assert!(stuck.is_none(), "moment {moment}: {stuck:?}\n{}", world.story());
    assert_eq!(endings(world).len(), 1, "moment {moment}\n{}", world.story());
}

#[test]
fn phone_that_is_unplugged_at_any_moment_strands_neither_caller_nor_agent() {
    for moment in 0..MOMENTS {
        let world = harmed(moment, |world, amy| world.phone_mut(amy).dead = true);
        assert_nothing_of_ours_is_left(&world, moment);
    }
}

#[test]
fn phone_that_unregisters_at_any_moment_strands_neither_caller_nor_agent() {
    for moment in 0..MOMENTS {
        let world = harmed(moment, |world, amy| world.unregister(amy));
        assert_nothing_of_ours_is_left(&world, moment);
    }
}

#[test]
fn agent_who_hangs_up_at_any_moment_strands_neither_caller_nor_agent() {
    for moment in 0..MOMENTS {
        let world = harmed(moment, |world, amy| {
            if world.phone(amy).lines() > 0 {
                world.hang_up(world.line_of(amy));
            }
        });
        assert_nothing_of_ours_is_left(&world, moment);
    }
}

#[test]
fn phone_whose_sound_stops_at_any_moment_strands_neither_caller_nor_agent() {
    for moment in 0..MOMENTS {
        let world = harmed(moment, |world, amy| {
            if world.phone(amy).lines() > 0 {
                world.fall_silent(world.line_of(amy));
            }
        });
        assert_nothing_of_ours_is_left(&world, moment);
    }
}

#[test]
fn agent_who_does_not_answer_is_set_not_ready_and_the_next_one_gets_the_caller_first() {
    let mut stage = shop_with(|shop| {
        shop.queues.get_mut("sales").unwrap().ring_timeout = std::time::Duration::from_secs(15);
    });
    let world = &mut stage.world;
    world.phone_mut(stage.amy).manners = Manners::ABSENT;
    let call = world.dial(stage.anna, "500");
    world.run_secs(2);
    let ben = world.add_caller("ben");
    let second = world.dial(ben, "500");
    world.run_secs(3);
    world.add_agent("bob");
    world.run_secs(20);
    assert_eq!((world.hears(call).as_str(), world.hears(second).as_str()), ("~tone tone tone tone tone", "bob"));
    world.hang_up(second);
    world.run_secs(15);
    assert_eq!((world.hears(call).as_str(), world.state_of("amy").as_str()), ("bob", "not-ready(missed)"));
    world.hang_up(call);
    world.finish();
}

#[test]
fn agent_who_rejects_keeps_ready_and_the_caller_goes_on_waiting() {
    let mut stage = shop();
    stage.world.phone_mut(stage.amy).manners = Manners::rejecting(Status::BUSY_HERE);
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(1);
    stage.world.phone_mut(stage.amy).manners = Manners::PROMPT;
    stage.world.run_secs(10);
    assert_eq!(stage.world.hears(call), "amy", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
    let rejected = |kind: &EventKind| matches!(kind, EventKind::Released { reason: ReleaseReason::Rejected, .. });
    assert_eq!(stage.world.count(rejected), 1);
}

#[test]
fn phone_that_answers_503_is_left_alone_for_a_while() {
    let mut stage = shop();
    stage.world.phone_mut(stage.amy).manners = Manners::rejecting(Status::SERVICE_UNAVAILABLE);
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(5);
    assert_eq!(stage.world.state_of("amy"), "unreachable");
    stage.world.phone_mut(stage.amy).manners = Manners::PROMPT;
    stage.world.run_secs(40);
    assert_eq!(stage.world.hears(call), "amy", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
}

/// Registered, and nobody listens there any more: the network says so, or says nothing. Neither is the agent's fault.
#[test]
fn phone_that_is_not_there_is_a_device_that_failed_and_no_miss() {
    for closed in [true, false] {
        let mut stage = shop();
        stage.world.phone_mut(stage.amy).dead = true;
        stage.world.phone_mut(stage.amy).closed = closed;
        stage.world.add_agent("bob");
        stage.world.run_secs(1);
        let call = stage.world.dial(stage.anna, "500");
        stage.world.run_secs(7);
        assert_eq!((stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()), ("bob", "unreachable"));
        let reasons = |fact: &std::sync::Arc<plugboard_model::Event>| match &fact.kind {
            EventKind::Released { reason, .. } => Some(*reason),
            _ => None,
        };
        let released: Vec<_> = stage.world.facts.iter().filter_map(reasons).collect();
        assert_eq!(released, [ReleaseReason::DeviceFailed], "{}", stage.world.story());
        stage.world.hang_up(call);
        stage.world.run_secs(100);
        assert_eq!(endings(&stage.world), ["Caller 16"]);
    }
}

/// Field practice (RONA): it rang, and the phone itself gave up.
#[test]
fn phone_that_rings_and_then_says_480_is_a_miss() {
    let mut stage = shop();
    stage.world.phone_mut(stage.amy).manners = Manners::ABSENT;
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(3);
    let line = stage.world.line_of(stage.amy);
    stage.world.reject(line, Status::TEMPORARILY_UNAVAILABLE);
    stage.world.run_secs(1);
    assert_eq!(stage.world.state_of("amy"), "not-ready(missed)");
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn agent_whose_phone_is_gone_during_wrap_up_is_unreachable_when_it_ends() {
    let mut stage = shop();
    let call = stage.talking();
    stage.world.hang_up(call);
    stage.world.run_secs(2);
    stage.world.unregister(stage.amy);
    stage.world.finish();
    assert_eq!(stage.world.states_of("amy").last().map(String::as_str), Some("logged-out"), "{}", stage.world.story());
}
