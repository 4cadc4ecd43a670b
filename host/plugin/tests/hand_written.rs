//! Components that no compiler would make: written by hand, to be as bad as a component can be.

#![allow(clippy::disallowed_methods, reason = "a deadline on the wall clock is what is tested")]

#[path = "guests/begins.rs"]
mod begins;
#[path = "guests/by_hand.rs"]
mod by_hand;

use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use begins::begins;
use by_hand::{flow, flow_that_imports, of_world, step};
use plugboard_model::connector::ConnectorFailure;
use plugboard_pack::permissions::Asks;
use plugboard_plugin::{
    Access, Answer, Ask, AskFailure, Asker, Engine, EngineSettings, FlowPlugin, Limits, LoadError, LogLevel, LogLine,
    LogSink, Question, Runtime, RuntimeSettings, Settings, Terms,
};

/// Longer than the 20 ms of real life: a test machine may be busy.
const BUDGET: Duration = Duration::from_millis(300);

fn engine() -> Engine {
    Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine")
}

fn load(engine: &Engine, component: &[u8]) -> FlowPlugin {
    engine.load_flow(component).expect("a flow")
}

fn question(id: u64, flow: &FlowPlugin) -> Question {
    Question { id, budget: BUDGET, ..begins(flow) }
}

/// In one word, with its cause where the engine knows one.
fn word(failure: &AskFailure) -> String {
    match failure {
        AskFailure::Trapped { backtrace } => {
            let causes = ["unreachable", "out of bounds", "expected discriminant", "too much data", "invalid utf-8"];
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
        // The message of a failure: two bytes of a text that UTF-8 has no letter for.
        (
            "says what is no UTF-8",
            "(i32.store8 (i32.const 1024) (i32.const 1)) (i32.store (i32.const 1040) (i32.const 2048))
             (i32.store (i32.const 1044) (i32.const 2)) (i32.store16 (i32.const 2048) (i32.const 0xffff)) i32.const 1024",
        ),
        ("never ends", "(loop (br 0)) i32.const 1024"),
    ];
    let (sender, replies) = mpsc::channel();
    let settings =
        RuntimeSettings { threads: 2.try_into().expect("not zero"), queue: 16, ..RuntimeSettings::default() };
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
        says what is no UTF-8: trapped: invalid utf-8
        never ends: plugin did not answer within 300ms
    "#]]
    .assert_eq(&seen);
}

/// Where a component keeps the names of its functions, its author reads them; Rust's without the mangling.
#[test]
fn a_trap_stands_in_the_plugins_log_with_the_functions_that_were_being_run() {
    let (sender, lines) = mpsc::channel();
    let log = Some(LogSink::new(move |line| drop(sender.send(line.message))));
    let engine = Engine::new(EngineSettings { instances: 40, log, ..EngineSettings::default() }).expect("an engine");
    let flow = load(
        &engine,
        &flow(
            r#"(func $_ZN6office5queue17h0123456789abcdefE unreachable)
               (func $greet (call $_ZN6office5queue17h0123456789abcdefE))
               (func $step (export "plugboard:plugin/flow@0.1.1#step") (param i32) (result i32) (call $greet) i32.const 1024)"#,
        ),
    );
    let Err(AskFailure::Trapped { backtrace }) = Asker::new(&engine).ask(question(1, &flow)).result else {
        panic!("a trap")
    };
    assert!(backtrace.contains("office::queue"), "{backtrace}");
    let line = lines.try_recv().expect("a line");
    assert_eq!(line, "trapped: wasm trap: wasm `unreachable` instruction executed, in office::queue < greet < step");
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
    let settings = RuntimeSettings { threads: 1.try_into().expect("not zero"), queue: 8, ..RuntimeSettings::default() };
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

/// Nothing but the host gives time: a guest that sleeps would hold a plugin thread where no deadline reaches it.
#[test]
fn a_guest_of_wasi_finds_clocks_that_stand_still_the_same_chance_each_time_and_no_way_to_wait() {
    let engine = engine();
    // State of eight bytes at 2,048, which is where the first word of the answer points.
    let answers = |call: &str| {
        let component = flow_that_imports(
            &["wasi:clocks/monotonic-clock@0.2.0", "wasi:io/poll@0.2.0", "wasi:random/random@0.2.0"],
            &format!(
                r#"(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
                   (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $wait (param i64) (result i32)))
                   (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
                   (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
                   (memory (export "memory") 2)
                   (func (export "plugboard:plugin/flow@0.1.1#step") (param i32) (result i32)
                     (i64.store (i32.const 2048) (call {call}))
                     (i32.store (i32.const 1028) (i32.const 2048))
                     (i32.store (i32.const 1032) (i32.const 8))
                     i32.const 1024)
                   (func $sleep (result i64) (call $block (call $wait (i64.const 3600000000000))) (i64.const 0))"#
            ),
        );
        let flow = load(&engine, &component);
        let ask = || Asker::new(&engine).ask(question(1, &flow));
        let (first, second) = (ask(), ask());
        assert!(first.took < BUDGET, "{first:?}");
        assert_eq!(first.result, second.result);
        match first.result {
            Ok(Answer::Stepped(stepped)) => format!("{:?}", stepped.state),
            Ok(other) => panic!("a step, not {other:?}"),
            Err(failure) => failure.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    };
    // Not 0: Go's runtime takes that for a broken clock.
    assert_eq!(answers("$now"), "[1, 0, 0, 0, 0, 0, 0, 0]");
    assert_ne!(answers("$random"), answers("$now"));
    assert!(answers("$sleep").contains("a plugin may not wait"), "{}", answers("$sleep"));
}

/// Whoever talks to the world needs its time, and numbers that nobody guesses; waiting stays the host's.
#[test]
fn a_connector_finds_the_time_of_day_a_clock_that_goes_and_chance_of_its_own() {
    let engine = engine();
    let said = |call: &str| {
        // A failure at 1,024 whose message is sixteen characters at 2,048: `@` and half a byte each of the number, all lower halves first.
        let half = |at: u32, value: &str| {
            format!(
                "(i64.store (i32.const {at})
                   (i64.or (i64.and {value} (i64.const 0x0f0f0f0f0f0f0f0f)) (i64.const 0x4040404040404040)))"
            )
        };
        let component = of_world(
            "connector-plugin",
            &["wasi:clocks/monotonic-clock@0.2.0", "wasi:clocks/wall-clock@0.2.0", "wasi:random/random@0.2.0"],
            &format!(
                r#"(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
                   (import "wasi:clocks/wall-clock@0.2.0" "now" (func $date (param i32)))
                   (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
                   (memory (export "memory") 2)
                   (func $seconds (result i64) (call $date (i32.const 3072)) (i64.load (i32.const 3072)))
                   (func (export "plugboard:plugin/connector@0.1.1#probe") (result i32)
                     (local $value i64)
                     (local.set $value (call {call}))
                     {}
                     {}
                     (i32.store8 (i32.const 1024) (i32.const 1))
                     (i32.store8 (i32.const 1028) (i32.const 3))
                     (i32.store (i32.const 1040) (i32.const 2048))
                     (i32.store (i32.const 1044) (i32.const 16))
                     i32.const 1024)"#,
                half(2048, "(local.get $value)"),
                half(2056, "(i64.shr_u (local.get $value) (i64.const 4))"),
            ),
        );
        let connector = engine.load_connector(&component).expect("a connector");
        let access = Arc::new(Access::new(Asks::default()));
        let ask = Ask::Probe { connector, access };
        let question = Question { id: 1, tenant: "acme".parse().expect("a name"), budget: Duration::from_secs(1), ask };
        let answer = Asker::new(&engine).ask(question).result;
        let Ok(Answer::Noted(Err(ConnectorFailure { message, .. }))) = answer else {
            panic!("a failure, not {answer:?}")
        };
        let halves: Vec<u64> = message.bytes().map(|byte| u64::from(byte & 0x0f)).collect();
        (0..8).fold(0, |number, at| number | (halves[at] | halves[at + 8] << 4) << (8 * at))
    };
    let unix = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let before = unix();
    let seconds = said("$seconds");
    assert!((before..=unix()).contains(&seconds), "{seconds}");
    assert_ne!(said("$random"), said("$random"));
    assert!(said("$now") > 1);
}

#[test]
fn an_import_that_the_world_does_not_give_is_named() {
    let component = flow_that_imports(
        &["plugboard:plugin/kv@0.1.1"],
        r#"(import "plugboard:plugin/kv@0.1.1" "delete" (func (param i32 i32 i32)))
           (memory (export "memory") 2)"#,
    );
    let refused = engine().load_flow(&component).expect_err("refused");
    expect_test::expect![
        "component imports plugboard:plugin/kv@0.1.1, which the world flow-plugin does not give; build it without"
    ]
    .assert_eq(&refused.to_string());
}

/// Below 1.0 a minor version is a major one.
#[test]
fn a_component_of_another_major_contract_is_refused_with_both_versions() {
    let mut component = flow("");
    let mut replaced = 0;
    let (old, new) = (b"plugboard:plugin/flow@0.1.1".as_slice(), b"plugboard:plugin/flow@0.2.0");
    while let Some(at) = component.windows(old.len()).position(|window| window == old) {
        component[at..at + old.len()].copy_from_slice(new);
        replaced += 1;
    }
    assert!(replaced > 0);
    let refused = engine().load_flow(&component).expect_err("refused");
    expect_test::expect![[r#"component does not fit the world flow-plugin: it exports plugboard:plugin/flow@0.2.0, and this host speaks 0.1; build it against an older contract, or update the host"#]]
        .assert_eq(&refused.to_string());
}

/// A line of 33 and of what the log takes in a question; the next question says what was left out.
#[test]
fn a_guest_that_writes_too_much_is_cut_and_what_it_says_is_one_line() {
    let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let to = Arc::clone(&lines);
    let log = LogSink::new(move |line| to.lock().expect("no panic").push(line));
    let engine = Engine::new(EngineSettings { instances: 40, log: Some(log), ..EngineSettings::default() });
    let engine = engine.expect("an engine");
    let component = flow_that_imports(
        &[],
        r#"(import "plugboard:plugin/log@0.1.1" "write" (func $write (param i32 i32 i32 i32 i32)))
           (memory (export "memory") 2)
           (data (i32.const 2048) "two\nlines")
           (func (export "plugboard:plugin/flow@0.1.1#step") (param i32) (result i32)
             (local $left i32)
             (local.set $left (i32.const 40))
             (loop
               (call $write (i32.const 2) (i32.const 2048) (i32.const 9) (i32.const 0) (i32.const 0))
               (local.set $left (i32.sub (local.get $left) (i32.const 1)))
               (br_if 0 (local.get $left)))
             i32.const 1024)"#,
    );
    let (loud, mut asker) = (load(&engine, &component), Asker::new(&engine));
    assert!(asker.ask(question(1, &loud)).result.is_ok());
    assert!(asker.ask(question(2, &loud)).result.is_ok());
    let lines = lines.lock().expect("no panic");
    let seen: Vec<(&str, LogLevel, u32)> =
        lines.iter().map(|line| (line.message.as_str(), line.level, line.dropped)).collect();
    let line = |dropped| ("two lines", LogLevel::Warn, dropped);
    assert_eq!((seen.len(), seen[0], seen[31], seen[32]), (64, line(0), line(0), line(8)));
    assert!(
        lines
            .iter()
            .all(|line| line.plugin == loud.hash() && line.tenant.as_ref().is_some_and(|t| t.as_str() == "acme"))
    );
    // The same component on other terms keeps silent.
    let terms = Terms { log: false, ..Terms::default() };
    let silent: FlowPlugin = engine.load(&component, terms).expect("a flow");
    let before = lines.len();
    drop(lines);
    assert!(asker.ask(question(3, &silent)).result.is_ok());
    assert_eq!(before, 64);
}

#[test]
fn a_component_gets_the_memory_that_its_terms_say_up_to_the_hosts_ceiling() {
    let engine = engine();
    let pages = |pages: u32| flow(&format!(r#"(memory (export "memory") {pages})"#));
    let load = |component: &[u8], mib: usize| {
        let limits = Limits { memory: mib << 20, ..Limits::SMALL };
        engine.load(component, Terms { limits, ..Terms::default() })
    };
    let refused = |result: Result<FlowPlugin, LoadError>| match result {
        Err(LoadError::Describe(AskFailure::OutOfMemory { limit })) => limit >> 20,
        other => panic!("out of memory, not {other:?}"),
    };
    // 64 KiB a page: 100 MiB.
    let large: FlowPlugin = load(&pages(1_600), 128).expect("it fits");
    assert!(Asker::new(&engine).ask(question(1, &large)).result.is_ok());
    assert_eq!(refused(load(&pages(1_600), 64)), 64);
    assert_eq!(refused(load(&pages(6_400), 1_000)), Limits::CEILING.memory >> 20);
    assert_eq!(refused(load(&pages(2), 0)), 0);
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

#[test]
fn a_flow_reads_what_stands_on_the_top_of_its_document_by_name() {
    let document = r#"{"queue":"sales","menu_depth":9,"nodes":{"a":1},"tries":3}"#;
    let settings = Settings::of_document_to_check(document, 2);
    let items: Vec<_> = settings.items().iter().map(|item| (item.name.as_str(), item.value.as_str())).collect();
    assert_eq!(items, [("document", document), ("menu_depth", "2"), ("queue", "sales"), ("tries", "3")]);
    assert_eq!(Settings::document("no JSON").items().len(), 1);
}
