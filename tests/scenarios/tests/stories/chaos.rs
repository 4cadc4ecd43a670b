//! Many calls at once, on a bad network, and the same again.

use plugboard_scenarios::{Manners, Weather, World, tenant};

use crate::stage::secs;

/// So many calls through the menu, with four agents who sometimes do not notice.
fn storm(seed: u64, calls: u64, weather: Weather) -> World {
    let mut shop = tenant::shop();
    for number in 0..20 {
        tenant::add_agent(&mut shop, &format!("agent{number}"), &format!("20{number:02}"), &["sales", "support"]);
    }
    shop.queues.get_mut("sales").unwrap().missed_limit = 1_000;
    shop.queues.get_mut("support").unwrap().missed_limit = 1_000;
    let mut world = World::new(seed, shop);
    world.checks_each_step = false;
    world.weather = weather;
    for number in 0..20 {
        let agent = world.add_agent(&format!("agent{number}"));
        world.phone_mut(agent).manners =
            Manners { talk_ms: Some((5_000, 60_000)), misses_percent: 10, ..Manners::PROMPT };
    }
    world.run_secs(10);
    let trunk = world.add_caller("trunk");
    for number in 0..calls {
        let at = world.chance.between_ms((0, 300_000));
        let patience = world.chance.between_ms((5_000, 200_000));
        let key = ["1", "2", "3", "9"][usize::try_from(world.chance.below(4)).unwrap()];
        world.after(at, move |world| {
            let call = world.dial_as(trunk, &format!("+49301{number:04}"), "400");
            world.after(secs(5), move |world| world.press(call, key));
            world.after(patience, move |world| world.hang_up(call));
        });
    }
    world.run_secs(1_000);
    world
}

#[test]
fn three_hundred_calls_end_cleanly_on_a_network_that_loses_repeats_and_reorders() {
    for seed in 0..3 {
        let weather = Weather { delay_ms: 5, jitter_ms: 40, loss_percent: 5, copies_percent: 5 };
        let mut world = storm(seed, 300, weather);
        let connected = world.count(|kind| matches!(kind, plugboard_model::EventKind::Connected { .. }));
        assert!(connected > 80, "{connected} callers reached an agent");
        world.weather = Weather::default();
        world.finish();
    }
}

#[test]
fn same_seed_gives_the_same_events_byte_for_byte() {
    let weather = Weather { delay_ms: 5, jitter_ms: 20, loss_percent: 2, copies_percent: 2 };
    let run = |seed| {
        let mut world = storm(seed, 60, weather);
        world.finish();
        (world.digest(), world.facts.len())
    };
    let (first, again, other) = (run(7), run(7), run(8));
    assert_eq!(first, again);
    assert_ne!(first.0, other.0);
}
