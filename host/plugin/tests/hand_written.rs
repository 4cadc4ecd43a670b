//! Components that no compiler would make: written by hand, to be as bad as a component can be.

#![allow(clippy::disallowed_methods, reason = "a deadline on the wall clock is what is tested")]

use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use plugboard_model::{
    InteractionId, Timestamp,
    flow::{Channel, Direction, Event, Happening, Start},
};
use plugboard_plugin::{
    Ask, AskFailure, Asker, Engine, EngineSettings, FlowPlugin, LoadError, Question, Runtime, RuntimeSettings, Settings,
};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Longer than the 20 ms of real life: a test machine may be busy.
const BUDGET: Duration = Duration::from_millis(300);

/// The exports of a flow that says nothing and does nothing; what is given comes first, and stands in place of what has the same name.
fn flow(given: &str) -> Vec<u8> {
    // Results are zeroes at 1,024: an empty description, an empty list, success, a step without actions.
    let ordinary = [
        ("cabi_realloc", "(param i32 i32 i32 i32) (result i32)", "i32.const 4096"),
        ("plugboard:plugin/flow@0.1.1#describe", "(result i32)", "i32.const 1024"),
        ("plugboard:plugin/flow@0.1.1#check", "(param i32 i32) (result i32)", "i32.const 1024"),
        ("plugboard:plugin/flow@0.1.1#references", "(param i32 i32) (result i32)", "i32.const 1024"),
        ("plugboard:plugin/flow@0.1.1#configure", "(param i32 i32) (result i32)", "i32.const 1024"),
        ("plugboard:plugin/flow@0.1.1#step", "(param i32) (result i32)", "i32.const 1024"),
    ];
    let left = ordinary.iter().filter(|(name, ..)| !given.contains(name));
    let rest: String = left.map(|(name, types, body)| format!("(func (export \"{name}\") {types} {body})\n")).collect();
    let memory = if given.contains("(memory (export") { "" } else { r#"(memory (export "memory") 2)"# };
    let mut module = wat::parse_str(format!("(module {memory} {given} {rest})")).expect("a module");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(Path::new("../../wit")).expect("the contract");
    let world = resolve.select_world(&[package], Some("flow-plugin")).expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    plugboard_componentize::componentize(&module).expect("a component")
}

fn step(body: &str) -> Vec<u8> {
    flow(&format!(r#"(func (export "plugboard:plugin/flow@0.1.1#step") (param i32) (result i32) {body})"#))
}

fn engine() -> Engine {
    Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine")
}

fn load(engine: &Engine, component: &[u8]) -> FlowPlugin {
    engine.load_flow(component).expect("a flow")
}

fn question(id: u64, flow: &FlowPlugin) -> Question {
    let start = Start {
        interaction: InteractionId(1),
        channel: Channel::Voice,
        direction: Direction::Inbound,
        caller: String::new(),
        called: "8001".into(),
        verified: false,
        language: "en".into(),
    };
    let what = Happening::Started(start);
    let at = Timestamp::from_secs(1_795_428_000);
    let event = Box::new(Event { seq: 0, at, utc_offset_min: 0, answers: None, more: false, what });
    let settings = Arc::new(Settings::new(Vec::new()));
    let ask = Ask::FlowStep { flow: flow.clone(), settings, state: Vec::new(), event };
    Question { id, tenant: "acme".parse().expect("a name"), budget: BUDGET, ask }
}

/// In one word, with its cause where the engine knows one.
fn word(failure: &AskFailure) -> String {
    match failure {
        AskFailure::Trapped { backtrace } => {
            let causes = ["unreachable", "out of bounds", "expected discriminant", "too much data"];
            let cause = causes.into_iter().find(|cause| backtrace.contains(cause));
            format!("trapped: {}", cause.unwrap_or(backtrace))
        }
        other => other.to_string(),
    }
}

#[test]
fn a_flow_that_breaks_in_any_way_costs_one_answer_and_no_thread() {
    let engine = engine();
    let bodies = [
        ("traps", "unreachable"),
        ("answers from nowhere", "i32.const -4"),
        ("answers with what is no result", "(i32.store8 (i32.const 1024) (i32.const 7)) i32.const 1024"),
        (
            "answers with a list that is longer than its memory",
            "(i32.store (i32.const 1032) (i32.const -1)) i32.const 1024",
        ),
        ("never ends", "(loop (br 0)) i32.const 1024"),
    ];
    let (sender, replies) = mpsc::channel();
    let settings = RuntimeSettings { threads: 2.try_into().expect("not zero"), queue: 16 };
    let runtime = Runtime::start(&engine, &settings, move |reply| drop(sender.send(reply))).expect("threads");
    let sound = load(&engine, &flow(""));
    let mut seen = String::new();
    for (what, body) in bodies {
        let broken = load(&engine, &step(body));
        let begun = Instant::now();
        runtime.ask(question(1, &broken)).expect("room");
        assert!(begun.elapsed() < BUDGET, "whoever asks does not wait");
        let reply = replies.recv_timeout(Duration::from_secs(30)).expect("a reply");
        let failure = reply.result.expect_err("no answer");
        seen += &format!("{what}: {}\n", word(&failure));
        runtime.ask(question(2, &sound)).expect("room");
        let next = replies.recv_timeout(Duration::from_secs(30)).expect("a reply");
        assert!(next.id == 2 && next.result.is_ok(), "{what}: {next:?}");
    }
    expect_test::expect![[r#"
        traps: trapped: unreachable
        answers from nowhere: trapped: out of bounds
        answers with what is no result: trapped: expected discriminant
        answers with a list that is longer than its memory: trapped: out of bounds
        never ends: plugin did not answer within 300ms
    "#]]
    .assert_eq(&seen);
}

/// The second call does not pay for what the first one found out.
#[test]
fn a_flow_that_cannot_read_its_settings_is_not_asked_for_each_call() {
    let engine = engine();
    let spins = flow(
        r#"(func (export "plugboard:plugin/flow@0.1.1#configure") (param i32 i32) (result i32) (loop (br 0)) i32.const 1024)"#,
    );
    let (spins, mut asker) = (load(&engine, &spins), Asker::new(&engine));
    let first = asker.ask(question(1, &spins));
    let second = asker.ask(question(2, &spins));
    let deadline = Err(AskFailure::Deadline { budget: Duration::from_secs(1) });
    assert_eq!([&first.result, &second.result], [&deadline, &deadline]);
    assert!(
        first.took > Duration::from_millis(900) && second.took < Duration::from_millis(100),
        "{first:?} {second:?}"
    );
}

/// A tenant's share is half of the queue; the other's question is taken and answered before the rest of the first one's.
#[test]
fn a_tenant_that_asks_too_much_leaves_room_for_the_others() {
    let engine = engine();
    let loops = load(&engine, &step("(loop (br 0)) i32.const 1024"));
    let sound = load(&engine, &flow(""));
    let (sender, replies) = mpsc::channel();
    let settings = RuntimeSettings { threads: 1.try_into().expect("not zero"), queue: 8 };
    let runtime = Runtime::start(&engine, &settings, move |reply| drop(sender.send(reply))).expect("threads");
    let refused = (0..16).filter(|id| runtime.ask(question(*id, &loops)).is_err()).count();
    assert!(refused >= 11, "four wait and one is being answered: {refused} of 16 were refused");
    let other = Question { tenant: "umbrella".parse().expect("a name"), ..question(100, &sound) };
    runtime.ask(other).expect("room");
    let order: Vec<u64> = replies.iter().take(3).map(|reply| reply.id).collect();
    assert!(order.contains(&100), "{order:?}");
}

/// The component with further core modules, each with a memory of so many pages of 64 KiB. A module may have one memory, a component four.
fn with_memories(mut component: Vec<u8>, modules: u8, pages: u8) -> Vec<u8> {
    let module = wat::parse_str(format!("(module (memory {pages}))")).expect("a module");
    for index in 1..=modules {
        // Component binary format: section 1 is a core module, section 2 a list of core instances; here one, without arguments.
        component.extend([1, u8::try_from(module.len()).expect("a short module")]);
        component.extend(&module);
        component.extend([2, 4, 1, 0, index, 0]);
    }
    component
}

/// Each memory has 6.25 MiB and is within the bound by itself; the first one has two pages.
#[test]
fn memories_of_one_instance_are_counted_together() {
    let engine = engine();
    let load = |modules| engine.load_flow(&with_memories(flow(""), modules, 100)).map(drop);
    assert!(load(2).is_ok());
    let refused = load(3);
    assert!(matches!(refused, Err(LoadError::Describe(AskFailure::OutOfMemory { limit: 16_777_216 }))), "{refused:?}");
}

/// A list of 16 items that all name the same megabyte: what would be 16 MiB here is a kilobyte there.
#[test]
fn an_answer_that_swells_on_the_way_is_stopped() {
    let engine = engine();
    // Size of an item, and where in it the length of a text stands: a problem's message, a reference's name.
    for (export, size, length) in [("check", 60, 40), ("references", 44, 16)] {
        let component = flow(&format!(
            r#"(func (export "plugboard:plugin/flow@0.1.1#{export}") (param i32 i32) (result i32)
                 (local $at i32)
                 (drop (memory.grow (i32.const 64)))
                 (loop
                   (i32.store (i32.add (i32.const {}) (local.get $at)) (i32.const 1048576))
                   (local.set $at (i32.add (local.get $at) (i32.const {size})))
                   (br_if 0 (i32.lt_u (local.get $at) (i32.const {}))))
                 (i32.store (i32.const 1024) (i32.const 65536))
                 (i32.store (i32.const 1028) (i32.const 16))
                 i32.const 1024)"#,
            65_536 + length,
            16 * size,
        ));
        let (flow, settings) = (load(&engine, &component), Settings::new(Vec::new()));
        let answer = match export {
            "check" => flow.check(&settings).map(drop),
            _ => flow.references(&settings).map(drop),
        };
        assert_eq!(answer.as_ref().map_err(word), Err("trapped: too much data".to_owned()), "{export}");
    }
}

/// More problems than the contract allows, all of them empty.
#[test]
fn more_problems_than_anybody_reads_are_no_answer() {
    let engine = engine();
    let component = flow(
        r#"(func (export "plugboard:plugin/flow@0.1.1#check") (param i32 i32) (result i32)
             (drop (memory.grow (i32.const 64)))
             (i32.store (i32.const 1024) (i32.const 65536))
             (i32.store (i32.const 1028) (i32.const 1001))
             i32.const 1024)"#,
    );
    let failure = load(&engine, &component).check(&Settings::new(Vec::new())).expect_err("no answer");
    assert_eq!(word(&failure), "plugin's answer is void: 1001 problems, at most 1000 are allowed");
}

#[test]
fn a_component_that_spins_while_it_starts_is_not_loaded() {
    let engine = engine();
    let begun = Instant::now();
    let refused = engine.load_flow(&flow("(func $spin (loop (br 0))) (start $spin)"));
    assert!(matches!(refused, Err(LoadError::Describe(AskFailure::Deadline { .. }))), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_component_that_is_born_too_big_is_not_loaded() {
    let refused = engine().load_flow(&flow(r#"(memory (export "memory") 257)"#));
    assert!(refused.is_err(), "{refused:?}");
}
