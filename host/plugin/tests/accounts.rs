//! Who asked what of which plugin, what it cost, and who has asked too much.

#![allow(clippy::disallowed_methods, reason = "a deadline on the wall clock is what is tested")]

#[path = "guests/begins.rs"]
mod begins;
#[path = "guests/built.rs"]
mod built;

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use begins::{begins_with, how};
use built::component;
use plugboard_model::InteractionId;
use plugboard_plugin::{
    Accounts, Allowance, AskFailure, Asker, Engine, EngineSettings, FailureKind, FlowPlugin, Question, QuestionTrace,
    Reply, Runtime, RuntimeSettings, TraceEnd, TraceSearch, Traces, WhyKept,
};

const BUDGET: Duration = Duration::from_millis(500);

fn flow() -> (Engine, FlowPlugin) {
    let engine = Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine");
    let flow = engine.load_flow(&component("hostile-flow")).expect("a flow");
    (engine, flow)
}

fn question(flow: &FlowPlugin, tenant: &str, word: &str) -> Question {
    Question { tenant: tenant.parse().expect("a name"), budget: BUDGET, ..begins_with(flow, how(word), "") }
}

/// Tenant, asked, answered, and what failed how often.
fn table(accounts: &Accounts) -> String {
    let line = |(asked, account): (&plugboard_plugin::Asked, &plugboard_plugin::Account)| {
        let failed = FailureKind::ALL.into_iter().filter(|kind| account.failed(*kind) > 0);
        let failed: String = failed.map(|kind| format!(" {} {}", kind.name(), account.failed(kind))).collect();
        format!("{} {}: {} asked, {} answered,{failed}\n", asked.tenant, asked.world, account.asked, account.answered)
    };
    accounts.by_asked.iter().map(line).collect()
}

#[test]
fn an_account_tells_a_tenants_trouble_with_a_plugin_from_the_others_peace() {
    let (engine, flow) = flow();
    let mut asker = Asker::new(&engine);
    let troubles = ["well", "panics", "well", "fails", "injects-a-header", "loops", "eats-memory"];
    let replies = troubles.map(|how| asker.ask(question(&flow, "acme", how)));
    for _ in 0..3 {
        asker.ask(question(&flow, "umbrella", "well"));
    }
    let accounts = asker.accounts();
    expect_test::expect![[r#"
        acme flow-plugin: 7 asked, 2 answered, trapped 1 out-of-memory 1 deadline 1 bad-answer 1 plugin 1
        umbrella flow-plugin: 3 asked, 3 answered,
    "#]]
    .assert_eq(&table(&accounts));
    let [acme, umbrella] = ["acme", "umbrella"].map(|name| accounts.of_tenant(&name.parse().expect("a name")));
    assert_eq!(acme.worked, replies.iter().map(|reply| reply.worked).sum());
    assert_eq!([acme.took.count(), umbrella.took.count()], [7, 3]);
    let loops = &replies[5];
    assert!(acme.took.p99() >= loops.took && loops.took >= BUDGET, "{acme:?} {loops:?}");
    let all = accounts.of_plugin(flow.hash());
    assert_eq!((all.asked, all.answered), (10, 5));
}

/// Instructions, where CPU time differs from one machine and moment to the next: what tenants can be told that they used.
#[test]
fn equal_questions_cost_equal_fuel_and_other_questions_other_fuel() {
    let engine = EngineSettings { instances: 40, counts_fuel: true, ..EngineSettings::default() };
    let engine = Engine::new(engine).expect("an engine");
    let flow = engine.load_flow(&component("hostile-flow")).expect("a flow");
    let mut asker = Asker::new(&engine);
    let asked = [("acme", ["well", "well"]), ("umbrella", ["well", "well"]), ("shop", ["well", "panics"])];
    for (tenant, questions) in asked {
        questions.iter().for_each(|how| drop(asker.ask(question(&flow, tenant, how))));
    }
    let accounts = asker.accounts();
    let [acme, umbrella, shop] = asked.map(|(tenant, _)| accounts.of_tenant(&tenant.parse().expect("a name")).fuel);
    assert!(acme > Some(1_000), "{acme:?}");
    assert_eq!(acme, umbrella);
    assert_ne!(acme, shop);
}

/// What failed, and of what went well the first few: nobody reads ten thousand lines for the one that matters.
#[test]
fn traces_hold_each_failure_with_its_reason_and_a_few_of_what_went_well() {
    let (engine, flow) = flow();
    let traces = Traces::default();
    let mut asker = Asker::new(&engine).traced(traces.clone());
    let troubles = ["panics", "fails", "injects-a-header", "eats-memory"];
    (0..20).for_each(|_| drop(asker.ask(question(&flow, "acme", "well"))));
    troubles.iter().for_each(|how| drop(asker.ask(question(&flow, "acme", how))));
    let part = traces.find(&"acme".parse().expect("a name"), &[flow.hash()], &TraceSearch::default());
    let mut told = String::new();
    for trace in &part.traces {
        let QuestionTrace { number, question, ended, kept, spent, .. } = trace;
        let ended = match ended {
            TraceEnd::Answered => "answered".to_owned(),
            TraceEnd::Defaulted { kind, why } => format!("{}: {}", kind.name(), why.lines().next().unwrap_or_default()),
        };
        let instance = if spent.is_fresh { "fresh" } else { "kept" };
        let memory = if spent.memory >= 65_536 { "memory" } else { "no memory" };
        // A new instance on a busy machine may be slow.
        let kept = if *kept == WhyKept::Failed { "failed" } else { "sampled or slow" };
        told += &format!("{number} {question} {instance} with {memory}, {kept}: {ended}\n");
    }
    expect_test::expect![[r#"
        1 step fresh with memory, sampled or slow: answered
        2 step kept with memory, sampled or slow: answered
        3 step kept with memory, sampled or slow: answered
        4 step kept with memory, sampled or slow: answered
        5 step fresh with memory, failed: trapped: plugin trapped: wasm trap: wasm `unreachable` instruction executed
        6 step fresh with memory, failed: plugin: plugin gives no answer (cannot read the state): no
        7 step fresh with memory, failed: bad-answer: plugin's answer is void: tag "a\r\nVia: b" is not allowed
        8 step fresh with memory, failed: out-of-memory: plugin asked for more than 16777216 bytes of memory
    "#]]
    .assert_eq(&told);
}

fn start(engine: &Engine, settings: &RuntimeSettings) -> (Runtime, Receiver<(Instant, Reply)>) {
    let (sender, replies) = mpsc::channel();
    let send = move |reply| drop(sender.send((Instant::now(), reply)));
    (Runtime::start(engine, settings, send).expect("threads"), replies)
}

#[test]
fn a_tenant_that_has_asked_too_much_is_refused_and_another_is_not() {
    let (engine, flow) = flow();
    let allowance = Allowance { questions: 2, work: Duration::from_secs(60) };
    let (runtime, replies) = start(&engine, &RuntimeSettings { allowance, ..RuntimeSettings::default() });
    let refused: Vec<_> = (0..10).filter_map(|_| runtime.ask(question(&flow, "acme", "well")).err()).collect();
    // Four at once, and what a slow machine gives back meanwhile.
    assert!(refused.len() >= 4 && refused.iter().all(|failure| *failure == AskFailure::Limited), "{refused:?}");
    runtime.ask(question(&flow, "umbrella", "well")).expect("another tenant");
    let answered = 10 - refused.len() + 1;
    assert!(replies.iter().take(answered).all(|(_, reply)| reply.failure().is_none()));
    let accounts = runtime.accounts();
    let acme = accounts.of_tenant(&"acme".parse().expect("a name"));
    assert_eq!(acme.failed(FailureKind::Limited), refused.len() as u64);
    assert_eq!(accounts.of_tenant(&"umbrella".parse().expect("a name")).failed(FailureKind::Limited), 0);
}

#[test]
fn a_tenant_that_burns_the_processor_is_refused_until_it_is_paid_back() {
    let (engine, flow) = flow();
    // Whatever else this machine does, the guest works some milliseconds before it is stopped: more than is given back in a second.
    let allowance = Allowance { questions: 1_000, work: Duration::from_millis(1) };
    let (runtime, replies) = start(&engine, &RuntimeSettings { allowance, ..RuntimeSettings::default() });
    runtime.ask(question(&flow, "acme", "loops")).expect("room");
    let (_, reply) = replies.recv().expect("a reply");
    assert_eq!(reply.failure(), Some(FailureKind::Deadline));
    assert_eq!(runtime.ask(question(&flow, "acme", "well")), Err(AskFailure::Limited));
    assert_eq!(runtime.ask(question(&flow, "umbrella", "well")), Ok(()));
}

/// One thread a core that never rests: the guest gets half of one, so that its work alone would take twice its budget.
#[test]
fn an_endless_loop_on_a_busy_machine_is_stopped_at_twice_its_deadline() {
    let (engine, flow) = flow();
    let over = Arc::new(AtomicBool::new(false));
    let spinners: Vec<_> = (0..thread::available_parallelism().map_or(2, |cores| cores.get()))
        .map(|_| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    let mut asker = Asker::new(&engine);
    asker.ask(question(&flow, "acme", "well"));
    let reply = asker.ask(question(&flow, "acme", "loops"));
    over.store(true, Ordering::Relaxed);
    spinners.into_iter().for_each(|spinner| spinner.join().expect("no panic"));
    assert_eq!(reply.failure(), Some(FailureKind::Deadline));
    // The new instance had to be made first: that is no part of the deadline. Where others build on the same machine the guest may get less than an
    // eighth of a core, and then has until five budgets.
    let most = if reply.worked < BUDGET / 8 { 5 * BUDGET } else { 2 * BUDGET };
    assert!(reply.took < most + BUDGET, "{reply:?}");
}

#[test]
fn a_question_that_waited_for_a_thread_is_traced_with_its_interaction() {
    let (engine, flow) = flow();
    let threads = NonZeroUsize::MIN;
    let (runtime, replies) = start(&engine, &RuntimeSettings { threads, ..RuntimeSettings::default() });
    let budget = Duration::from_millis(50);
    let loops = Question { budget, ..question(&flow, "acme", "loops") };
    runtime.ask_about(loops, Some(InteractionId(7))).expect("room");
    runtime.ask_about(Question { budget, ..question(&flow, "acme", "well") }, Some(InteractionId(8))).expect("room");
    drop((replies.recv().expect("a reply"), replies.recv().expect("a reply")));
    let find = |interaction| {
        let search = TraceSearch { interaction: Some(InteractionId(interaction)), ..TraceSearch::default() };
        let watch = runtime.watch();
        let mut found = watch.traces().find(&"acme".parse().expect("a name"), &[flow.hash()], &search).traces;
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    };
    let (first, second) = (find(7), find(8));
    assert!(matches!(first.ended, TraceEnd::Defaulted { kind: FailureKind::Deadline, .. }), "{first:?}");
    // It stood behind the loop for as long as that was let go on.
    assert!(second.waited >= budget / 2 && second.ended == TraceEnd::Answered, "{second:?}");
}
