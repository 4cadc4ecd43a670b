//! The disk: slow, stalled, full.

use plugboard_exchange::Input;
use plugboard_model::EventKind;

use crate::stage::{endings, secs, shop};

#[test]
fn agent_does_not_ring_before_the_reservation_is_on_disk() {
    let mut stage = shop();
    stage.world.commit_delay = Some(secs(2));
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(1);
    assert_eq!((stage.world.state_of("amy").as_str(), stage.world.phone(stage.amy).lines()), ("reserved", 0));
    stage.world.run_secs(5);
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn disk_that_stalls_lets_the_lease_expire_and_the_caller_is_served_once_it_is_well() {
    let mut stage = shop();
    stage.world.commit_delay = None;
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(20);
    let expired = |kind: &EventKind| {
        matches!(kind, EventKind::Released { reason: plugboard_model::ReleaseReason::LeaseExpired, .. })
    };
    assert!(stage.world.count(expired) >= 1, "{}", stage.world.story());
    assert_eq!(stage.world.phone(stage.amy).lines(), 0);
    stage.world.commit_after(secs(0));
    stage.world.run_secs(40);
    assert_eq!(stage.world.hears(call), "amy", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn caller_who_hangs_up_while_the_disk_stalls_leaves_nothing_behind() {
    let mut stage = shop();
    stage.world.commit_delay = None;
    let call = stage.world.dial(stage.anna, "500");
    stage.world.run_secs(2);
    stage.world.hang_up(call);
    stage.world.run_secs(2);
    stage.world.commit_after(secs(0));
    stage.world.finish();
    assert_eq!(endings(&stage.world), ["Caller 16"]);
}

#[test]
fn full_disk_stops_recordings_with_an_alarm_and_calls_go_on() {
    let mut stage = shop();
    stage.world.plane.disk_full = true;
    let call = stage.talking();
    stage.world.run_secs(1);
    stage.world.hang_up(call);
    stage.world.run_secs(12);
    let again = stage.talking();
    stage.world.hang_up(again);
    stage.world.run_secs(12);
    stage.world.plane.disk_full = false;
    stage.world.input(Input::Storage { full: false });
    let third = stage.talking();
    stage.world.hang_up(third);
    stage.world.finish();
    let of = |which: fn(&EventKind) -> bool| stage.world.count(which);
    let (failed, closed, alarms) = (
        of(|kind| matches!(kind, EventKind::RecordingFailed { .. })),
        of(|kind| matches!(kind, EventKind::RecordingClosed { .. })),
        of(|kind| matches!(kind, EventKind::Alarm { .. })),
    );
    assert_eq!((failed, closed, alarms), (2, 1, 2), "{}", stage.world.story());
}
