//! The caller leaves: at every moment, and nothing is left behind.

use plugboard_scenarios::{Manners, World, tenant};

use crate::stage::{endings, shop};

/// More than the happy call has from INVITE to BYE.
const MOMENTS: u64 = 60;

fn into_talk(world: &mut World, hang_up_after: u64) -> (Vec<String>, bool) {
    world.add_agent("amy");
    let anna = world.add_caller("anna");
    world.run_secs(1);
    let call = world.dial(anna, "400");
    world.after(std::time::Duration::from_secs(4), move |world| world.press(call, "1"));
    world.run_steps(hang_up_after);
    let was_talking = world.hears(call) == "amy";
    world.hang_up(call);
    world.finish();
    (endings(world), was_talking)
}

#[test]
fn caller_who_hangs_up_at_any_moment_of_a_call_leaves_nothing_behind() {
    let mut talked = 0;
    for moment in 0..MOMENTS {
        let mut world = World::new(moment, tenant::shop());
        let (endings, was_talking) = into_talk(&mut world, moment);
        talked += u64::from(was_talking);
        assert!(
            endings.len() <= 1 && endings.iter().all(|ending| ending.starts_with("Caller")),
            "{moment}: {endings:?}"
        );
        assert!(
            matches!(world.state_of("amy").as_str(), "ready" | "unreachable"),
            "{moment}: {}",
            world.state_of("amy")
        );
    }
    assert!(talked > 3 && talked < MOMENTS, "the moments reach into the conversation: {talked}");
}

#[test]
fn caller_who_hangs_up_while_the_agents_phone_rings_is_abandoned_and_the_agent_is_ready_at_once() {
    let mut stage = shop();
    stage.world.phone_mut(stage.amy).manners = Manners::ABSENT;
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(5);
    stage.world.hang_up(call);
    stage.world.finish();
    assert_eq!(stage.world.states_of("amy"), ["ready", "reserved", "ringing", "ready"]);
    assert_eq!(endings(&stage.world), ["Caller 16"]);
}

#[test]
fn caller_who_hangs_up_during_a_message_leaves_the_message() {
    let mut stage = shop();
    let call = stage.world.dial(stage.anna, "400");
    stage.world.run_secs(4);
    stage.world.press(call, "3");
    stage.world.run_secs(6);
    assert_eq!(stage.world.plane.open_recordings(), 1);
    stage.world.hang_up(call);
    stage.world.finish();
    let cdrs = stage.world.cdrs();
    let recordings = &cdrs.last().expect("a CDR").recordings;
    assert_eq!(recordings.len(), 1, "{recordings:?}");
}

#[test]
fn caller_who_hangs_up_on_hold_frees_the_agent_for_wrap_up() {
    let mut stage = shop();
    let call = stage.talking();
    stage.command(plugboard_call::Command::Hold).unwrap();
    stage.world.run_secs(2);
    assert_eq!(stage.world.hears(call), "~tone tone tone tone tone");
    stage.world.hang_up(call);
    stage.world.finish();
    assert_eq!(stage.world.states_of("amy")[3..], ["talking", "held", "wrap-up", "ready"]);
}
