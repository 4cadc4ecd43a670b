//! Calls of yesterday, through another document.

use std::{fmt::Write as _, sync::Arc};

use expect_test::expect;
use plugboard_exchange::{Answer, QuestionKind};
use plugboard_model::{
    InteractionId, Policy, QueueId,
    compliance::{Act, Decision, Effect, Rule, Verdict},
    routing::Order,
    tape::{Decided, Ranking, Tape},
};
use plugboard_replay::{
    Report,
    day::{DayReader, DayReport, Spread, live},
    policy::{Choice, PolicyReport},
    rules::RulesReport,
};
use plugboard_scenarios::{World, day, tenant};

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

/// Two agents are free and the policy says who.
#[test]
fn decision_of_a_policy_is_on_tape_with_its_names_and_comes_out_the_same_again() {
    let mut shop = tenant::shop();
    let sales: QueueId = "sales".parse().unwrap();
    shop.queues.get_mut(&sales).unwrap().policy = Some(Policy::named("route-longest-idle"));
    let mut world = World::new(1, shop);
    world.add_agent("amy");
    world.run_secs(5);
    world.add_agent("bob");
    let anna = world.add_caller("anna");
    world.run_secs(5);
    let call = world.dial(anna, "500");
    world.run_secs(10);
    world.hang_up(call);
    world.run_secs(60);
    world.finish();
    let recorded = world.tapes[0].read().unwrap();
    let ranked = &recorded.rankings[0];
    let tables = Arc::clone(&world.tables[&ranked.tables]);
    let Ranking::Agents { who, needs, agents, candidates, columns } = &ranked.asked else { panic!("{ranked:?}") };
    let was = Choice::of(&ranked.asked, &ranked.said, &tables);
    let taken = ranked.taken.as_ref().map(|taken| Choice::Agent(taken.agent.clone()));
    assert_eq!((&ranked.queue, &*ranked.plugin, Some(was.clone())), (&sales, "route-longest-idle", taken));
    assert!(agents.len() >= 2 && world.tapes[0].queues == [sales], "{ranked:?}");
    let question = QuestionKind::RankAgents {
        plugin: Arc::clone(&ranked.plugin),
        tables: Arc::clone(&tables),
        who: *who,
        needs: needs.clone(),
        candidates: candidates.clone(),
        columns: columns.clone(),
    };
    let Answer::Ranked(order) = world.ask(question) else { panic!("an order") };
    let mut report = PolicyReport::default();
    report.add(world.tapes[0].interaction, [(ranked, Decided::Ordered(order), &*tables)]);
    let worst = Order { numbers: vec![candidates.len() as u32 - 1], again_ms: None };
    let last = Choice::Agent(agents[agents.len() - 1].clone());
    report.add(InteractionId(99), [(ranked, Decided::Ordered(worst), &*tables)]);
    let told: Vec<_> = report.changes().map(|change| (change.was.clone(), change.is.clone())).collect();
    assert_eq!((report.decisions, report.same, report.other_agent, told), (2, 1, 1, vec![(was, last)]));
}

/// What was judged is on tape with the act, so that another version of the rule can be asked.
#[test]
fn judgement_of_a_rule_is_on_tape_and_one_that_would_decide_otherwise_is_told() {
    let mut shop = tenant::shop();
    shop.rules.insert("consent".into(), Rule { plugin: "consent".into(), settings: Arc::default() });
    let mut world = World::new(1, shop);
    let unjudged: fn(&Act) -> Verdict = |_| Verdict::unjudged();
    world.components.judges.insert("consent", unjudged);
    world.add_agent("amy");
    let anna = world.add_caller("anna");
    world.run_secs(1);
    let call = world.dial(anna, "500");
    world.run_secs(10);
    world.hang_up(call);
    world.run_secs(60);
    world.finish();
    let recorded = world.tapes[0].read().unwrap();
    let mut report = RulesReport::default();
    for judged in &recorded.judged {
        let said = match judged.act.what {
            Effect::Record(_) => Verdict { decision: Decision::Deny, code: "no".into(), ..Verdict::unjudged() },
            _ => Verdict::unjudged(),
        };
        report.add(world.tapes[0].interaction, judged, Ok(said));
    }
    let first = report.changes().first().map(|(change, _)| change.to_string());
    assert_eq!(first.as_deref(), Some("rule consent on record: denied (no), was allowed (no-rule)"));
    assert!(report.same > 0 && report.other_decision > 0, "{report:?}");
}

/// A simulated morning, read from its events and lived again under the same policies.
#[test]
fn day_of_the_whole_exchange_lived_again_is_close_to_what_it_was() {
    let (mut world, _) = day::live(3, 60, 1_500);
    let configuration = Arc::clone(world.exchange.configuration());
    let facts = std::mem::take(&mut world.facts);
    let mut reader = DayReader::new(facts[0].at, facts[facts.len() - 1].at, &configuration);
    assert!(facts.iter().all(|event| reader.read(event)));
    let (day, was) = reader.finish();
    let again: Vec<_> =
        (0..3).map(|seed| live(&day, &configuration, seed, &mut |question| world.ask(question), &mut |_| {})).collect();
    let report = DayReport::new(day.calls.len(), 60, &was, &again, &[]);
    let all = &report.queues[report.queues.len() - 1];
    let off = |again: Option<Spread>, was: Option<f64>| (again.unwrap().mean - was.unwrap()).abs();
    assert!(off(all.again.service_level, all.was.service_level) < 0.1, "{all:?}");
    assert!(off(all.again.abandoned, all.was.abandoned) < 0.05, "{all:?}");
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
