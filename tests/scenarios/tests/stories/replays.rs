//! Calls of yesterday, through another document.

use std::fmt::Write as _;

use expect_test::expect;
use plugboard_model::tape::Tape;
use plugboard_replay::Report;
use plugboard_scenarios::{World, tenant};

/// A shop whose flow `main` was called by some: one goes to sales, one to support, one presses nothing, one hangs up in the menu.
fn yesterday() -> World {
    let mut world = World::new(1, tenant::shop());
    world.add_agent("amy");
    world.add_agent("cid");
    let anna = world.add_caller("anna");
    world.run_secs(1);
    for key in ["1", "2", "", "x"] {
        let call = world.dial(anna, "400");
        world.run_secs(4);
        match key {
            "x" => world.hang_up(call),
            "" => world.run_secs(30),
            key => {
                world.press(call, key);
                world.run_secs(4);
                world.hang_up(call);
            }
        }
        world.run_secs(15);
    }
    world.finish();
    world
}

fn told(world: &mut World, document: &str) -> String {
    let mut report = Report::default();
    let interactions: Vec<_> = world.tapes.iter().map(|tape| tape.interaction).collect();
    for (interaction, comparison) in interactions.into_iter().zip(world.replay("main", document)) {
        report.add(interaction, &comparison);
    }
    let Report { runs, same, path_changed, queue_changed, ends_differently, unknown, failed, .. } = report;
    let mut told = format!(
        "{runs} runs: {same} same, {path_changed} other way, {queue_changed} other queue, {ends_differently} other end, {unknown} unknown, {failed} failed\n"
    );
    for (change, group) in report.changes() {
        writeln!(told, "{} × {change}", group.runs).unwrap();
    }
    told
}

fn document(world: &World) -> String {
    world.exchange.configuration().flows["main"].document.to_string()
}

#[test]
fn same_document_takes_each_caller_the_same_way() {
    let mut world = yesterday();
    let same = document(&world);
    expect![[r#"
        4 runs: 4 same, 0 other way, 0 other queue, 0 other end, 0 unknown, 0 failed
    "#]]
    .assert_eq(&told(&mut world, &same));
}

#[test]
fn keys_that_change_places_are_found_before_a_caller_meets_them() {
    let mut world = yesterday();
    let other = document(&world).replace(r#""1": "sales", "2": "support""#, r#""2": "sales", "1": "support""#);
    expect![[r#"
        4 runs: 2 same, 2 other way, 2 other queue, 0 other end, 0 unknown, 0 failed
        1 × step 2: support, was sales → answered; unknown: the caller never waited in queue support
        1 × step 2: sales, was support → answered; unknown: the caller never waited in queue sales
    "#]]
    .assert_eq(&told(&mut world, &other));
}

#[test]
fn document_that_hangs_up_on_those_who_press_nothing_twice_is_told_from_one_that_asks_again() {
    let mut world = yesterday();
    let other = document(&world).replace(r#""retries": 0"#, r#""retries": 1"#);
    expect![[r#"
        4 runs: 3 same, 0 other way, 0 other queue, 0 other end, 1 unknown, 0 failed
    "#]]
    .assert_eq(&told(&mut world, &other));
}

/// A tape is read by whoever may replay; a card number or a PIN is nobody's to read.
#[test]
fn secret_keys_are_on_no_tape() {
    let mut shop = tenant::shop();
    let document = r#"{
      "format": 1, "name": "pin", "language": "en", "start": "ask", "variables": { "pin": "" },
      "nodes": {
        "ask": { "kind": "collect-digits", "prompt": "menu.wav", "min": 4, "max": 4, "secret": true, "into": "pin",
          "exits": { "ok": "bye", "no_input": "bye", "invalid": "bye" } },
        "bye": { "kind": "hang-up", "prompt": "goodbye.wav" }
      },
      "exception": { "prompt": "sorry.wav" }
    }"#;
    tenant::add_flow(&mut shop, "main", document);
    let mut world = World::new(1, shop);
    let anna = world.add_caller("anna");
    let call = world.dial(anna, "400");
    world.run_secs(4);
    world.press(call, "4711");
    world.run_secs(10);
    world.finish();
    let [Tape { lines, .. }] = &world.tapes[..] else { panic!("one tape: {:?}", world.tapes) };
    assert!(lines.contains("gathered") && !lines.contains("4711"), "{lines}");
}
