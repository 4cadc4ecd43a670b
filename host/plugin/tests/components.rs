//! Real components, built by cargo as their authors would, in the real engine.

#![allow(clippy::disallowed_methods, reason = "a deadline on the wall clock is what is tested")]

#[path = "guests/built.rs"]
mod built;

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use built::{component, module};

use plugboard_model::{
    InteractionId, TenantId, Timestamp,
    flow::{
        Action, Cause, Channel, Digits, Direction, Effect, End, Event, Failure, FailureCode, GatherEnd, GaveUp,
        Happening, Message, Open, QueueNews, Reference, ReferenceKind, Refusal, RefusalCode, Setting, Start, Stepped,
        Token, Visit,
    },
    routing::{Candidate, Levels, Need, Tables, Waiting},
};
use plugboard_plugin::{
    Answer, AnyPlugin, Ask, AskFailure, Asker, BadAnswer, Engine, EngineSettings, FlowPlugin, LoadError, Question,
    Reply, RoutingPlugin, Runtime, RuntimeSettings, Settings, TableSet, Terms,
};

/// Longer than the 20 ms of real life: a test machine may be busy.
const BUDGET: Duration = Duration::from_millis(500);

fn engine() -> Engine {
    Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine")
}

fn flow(name: &str) -> FlowPlugin {
    engine().load_flow(&component(name)).expect("a flow")
}

fn how(word: &str) -> Setting {
    Setting { name: "how".into(), value: word.into() }
}

fn asker() -> Asker {
    Asker::new(&engine())
}

fn tenant() -> TenantId {
    "acme".parse().expect("a name")
}

fn event(seq: u32, answers: Option<Token>, what: Happening) -> Event {
    // Monday 2026-11-23, 10:00 UTC.
    let at = Timestamp::from_secs(1_795_428_000 + u64::from(seq));
    Event { seq, at, utc_offset_min: 0, answers, more: false, what }
}

fn started() -> Event {
    let start = Start {
        interaction: InteractionId(1),
        channel: Channel::Voice,
        direction: Direction::Inbound,
        caller: "+8613800000000".into(),
        called: "8001".into(),
        verified: false,
        language: "zh-CN".into(),
    };
    event(0, None, Happening::Started(start))
}

fn pressed(seq: u32, answers: Token, digits: &str) -> Event {
    let ended = if digits.is_empty() { GatherEnd::Timeout } else { GatherEnd::Complete };
    event(seq, Some(answers), Happening::Gathered(Digits { digits: digits.into(), ended }))
}

fn step(flow: &FlowPlugin, settings: &Arc<Settings>, state: &[u8], event: Event) -> Question {
    let ask =
        Ask::FlowStep { flow: flow.clone(), settings: settings.clone(), state: state.to_vec(), event: Box::new(event) };
    Question { id: 7, tenant: tenant(), budget: BUDGET, ask }
}

fn hostile(flow: &FlowPlugin, word: &str) -> Question {
    step(flow, &Arc::new(Settings::new(vec![how(word)])), &[], started())
}

fn stepped(reply: Reply) -> Stepped {
    match reply.result {
        Ok(Answer::Stepped(stepped)) => stepped,
        other => panic!("a step, not {other:?}"),
    }
}

const DOCUMENT: &str = r#"{
  "format": 1, "name": "main", "language": "zh-CN", "start": "menu",
  "nodes": {
    "menu": { "kind": "menu", "prompt": "menu.wav", "exits": { "1": "sales", "no_input": "bye", "no_match": "bye" } },
    "sales": { "kind": "queue", "queue": "sales", "max_wait_s": 60, "exits": { "timeout": "bye", "no_agents": "bye" } },
    "bye": { "kind": "hang-up" }
  }
}"#;

#[test]
fn caller_who_presses_one_stands_in_the_sales_queue() {
    let (flow, mut asker, settings) = (flow("flow-graph"), asker(), Arc::new(Settings::document(DOCUMENT)));
    let menu = stepped(asker.ask(step(&flow, &settings, &[], started())));
    let [Action { token: 0, what: Effect::PickUp }, Action { token: 1, what: Effect::Gather(_) }] = &menu.actions[..]
    else {
        panic!("picks up and asks, not {:?}", menu.actions)
    };
    let queue = stepped(asker.ask(step(&flow, &settings, &menu.state, pressed(1, 1, "1"))));
    let visit = |node: &str, exit: Option<&str>| Visit { node: node.into(), exit: exit.map(Into::into) };
    assert_eq!(queue.trail, [visit("menu", Some("1")), visit("sales", None)]);
    let [Action { token: 2, what: Effect::Enqueue(enqueue) }] = &queue.actions[..] else {
        panic!("queues, not {:?}", queue.actions)
    };
    assert_eq!((enqueue.queue.as_str(), enqueue.timeout_ms), ("sales", Some(60_000)));
}

#[test]
fn fresh_and_reused_instances_return_the_same_bytes() {
    let (flow, mut reused, settings) = (flow("flow-graph"), asker(), Arc::new(Settings::document(DOCUMENT)));
    let mut trace = |fresh: bool| {
        let mut state = Vec::new();
        let events =
            [started(), pressed(1, 1, "7"), pressed(2, 2, ""), pressed(3, 3, "1"), event(4, None, Happening::Timer)];
        let answers: Vec<Stepped> = events
            .into_iter()
            .map(|event| {
                let question = step(&flow, &settings, &state, event);
                let answer = stepped(if fresh { asker().ask(question) } else { reused.ask(question) });
                state.clone_from(&answer.state);
                answer
            })
            .collect();
        answers
    };
    let first = trace(false);
    assert_eq!(first, trace(false));
    assert_eq!(first, trace(true));
}

/// A small xorshift generator: the same scripts in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[test]
fn any_order_of_events_is_answered_and_twice_the_same() {
    let (flow, settings) = (flow("flow-graph"), Arc::new(Settings::document(DOCUMENT)));
    let play = |asker: &mut Asker, seed: u64| {
        let (mut dice, mut state, mut answers) = (Dice(seed), Vec::new(), Vec::new());
        let mut hear = |event: Event| {
            let answer = asker.ask(step(&flow, &settings, &state, event)).result;
            if let Ok(Answer::Stepped(stepped)) = &answer {
                state.clone_from(&stepped.state);
            }
            // The document has no exception flow: it says so, and the host takes over.
            let is_sound = matches!(&answer, Ok(Answer::Stepped(_)) | Err(AskFailure::Plugin(_)));
            assert!(is_sound, "{answer:?}");
            answers.push(answer);
        };
        hear(started());
        for seq in 1..2 + dice.roll(12) as u32 {
            let token = dice.roll(6) as u32;
            let happening = match dice.roll(9) {
                0 => Happening::Timer,
                1 => Happening::Played { to_the_end: false },
                2 => Happening::Queue(QueueNews::GaveUp(GaveUp::Full)),
                3 => Happening::Other(Open { name: "acme.nudge".into(), json: "{\"ü\":\"😀\"}".into() }),
                4 => {
                    Happening::Refused(Refusal { code: RefusalCode::Limit, message: "später".into(), retryable: true })
                }
                5 if seq > 6 => Happening::HungUp(End { cause: Cause::NORMAL_CLEARING, by_caller: true }),
                6 => Happening::Message(Message { id: "m".into(), text: "在吗".into(), attachments: 0 }),
                _ => Happening::Gathered(Digits {
                    digits: ["", "1", "7"][dice.roll(3) as usize].into(),
                    ended: GatherEnd::Timeout,
                }),
            };
            hear(event(seq, Some(token), happening));
        }
        answers
    };
    let (mut reused, engine) = (asker(), engine());
    for seed in (1..=100).map(|seed: u64| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
        assert_eq!(play(&mut reused, seed), play(&mut Asker::new(&engine), seed), "seed {seed:x}");
    }
}

#[test]
fn the_largest_document_is_checked_in_a_moment() {
    let node = |n: u32| {
        format!(r#""n{n:04}": {{ "kind": "tag", "set": {{ "at": "{n}" }}, "exits": {{ "next": "n{:04}" }} }},"#, n + 1)
    };
    let nodes: String = (0..999).map(node).collect();
    let document = format!(
        r#"{{ "format": 1, "name": "long", "language": "en", "start": "n0000", "nodes": {{ {nodes} "n0999": {{ "kind": "hang-up" }} }} }}"#
    );
    let (flow, settings) = (flow("flow-graph"), Arc::new(Settings::document(document)));
    let begun = Instant::now();
    assert_eq!(flow.check(&settings), Ok(vec![]));
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    let reply = asker().ask(step(&flow, &settings, &[], started()));
    assert!(matches!(reply.result, Err(AskFailure::Plugin(Failure { code: FailureCode::Runaway, .. }))), "{reply:?}");
}

#[test]
fn tenants_share_no_instance() {
    let (flow, mut asker) = (flow("hostile-flow"), asker());
    let settings = Arc::new(Settings::new(vec![how("counts-its-steps")]));
    let mut count = |name: &str| {
        let question = Question { tenant: name.parse().expect("a name"), ..step(&flow, &settings, &[], started()) };
        stepped(asker.ask(question)).state[0]
    };
    assert_eq!([count("acme"), count("acme"), count("umbrella"), count("acme")], [1, 2, 1, 3]);
}

#[test]
fn a_document_with_an_error_is_refused_with_node_and_remedy() {
    let broken = DOCUMENT.replace(r#""timeout": "bye""#, r#""timeout": "by""#);
    let flow = flow("flow-graph");
    let problems = flow.check(&Settings::document(broken.clone())).expect("a check");
    let [problem] = &problems[..] else { panic!("one problem, not {problems:#?}") };
    assert_eq!((problem.code.as_str(), problem.node.as_deref()), ("dangling-exit", Some("sales")));
    assert_eq!(problem.field.as_deref(), Some("/nodes/sales/exits/timeout"));
    let reply = asker().ask(step(&flow, &Arc::new(Settings::document(broken)), &[], started()));
    assert!(
        matches!(reply.result, Err(AskFailure::Plugin(Failure { code: FailureCode::BadSettings, .. }))),
        "{reply:?}"
    );
}

#[test]
fn a_document_says_which_queues_and_prompts_it_needs() {
    let references = flow("flow-graph").references(&Settings::document(DOCUMENT)).expect("references");
    let reference = |kind, name: &str, node: &str| Reference {
        kind,
        name: name.into(),
        node: Some(node.into()),
        field: Some(format!("/nodes/{node}")),
    };
    let wanted =
        [reference(ReferenceKind::Prompt, "menu.wav", "menu"), reference(ReferenceKind::Queue, "sales", "sales")];
    assert_eq!(references, wanted);
}

#[test]
fn a_state_of_another_document_is_refused() {
    let (flow, mut asker) = (flow("flow-graph"), asker());
    let state = stepped(asker.ask(step(&flow, &Arc::new(Settings::document(DOCUMENT)), &[], started()))).state;
    let other = Arc::new(Settings::document(DOCUMENT.replace("menu.wav", "other.wav")));
    let reply = asker.ask(step(&flow, &other, &state, pressed(1, 1, "1")));
    assert!(matches!(reply.result, Err(AskFailure::Plugin(Failure { code: FailureCode::BadState, .. }))), "{reply:?}");
}

/// After each, the same asker answers a question on the same flow.
#[test]
fn each_way_to_misbehave_is_a_typed_failure_and_the_next_question_is_answered() {
    let (flow, mut asker) = (flow("hostile-flow"), asker());
    let mut name = |word: &str| {
        let failure = match asker.ask(hostile(&flow, word)).result {
            Ok(answer) => format!("{answer:?}"),
            Err(AskFailure::Trapped { backtrace }) => {
                format!("trapped, {} to show", if backtrace.is_empty() { "nothing" } else { "a backtrace" })
            }
            Err(failure) => failure.to_string(),
        };
        let next = stepped(asker.ask(hostile(&flow, "well")));
        assert_eq!(next.actions.len(), 1, "what stands after hang-up is dropped");
        format!("{word}: {failure}\n")
    };
    let words = [
        "loops",
        "eats-memory",
        "recurses",
        "panics",
        "acts-too-much",
        "keeps-too-much",
        "walks-too-far",
        "reuses-a-token",
        "injects-a-header",
        "leaves-the-folder",
        "invents-a-priority",
        "fails",
    ];
    let seen: String = words.into_iter().map(&mut name).collect();
    expect_test::expect![[r#"
        loops: plugin did not answer within 500ms
        eats-memory: plugin asked for more than 16777216 bytes of memory
        recurses: trapped, a backtrace to show
        panics: trapped, a backtrace to show
        acts-too-much: plugin's answer is void: 65 actions, at most 64 are allowed
        keeps-too-much: plugin's answer is void: 262145 bytes of state, at most 262144 are allowed
        walks-too-far: plugin's answer is void: 257 visits, at most 256 are allowed
        reuses-a-token: plugin's answer is void: token 1 is not higher than the one before it
        injects-a-header: plugin's answer is void: tag "a\r\nVia: b" is not allowed
        leaves-the-folder: plugin's answer is void: file "../secret.wav" is not allowed
        invents-a-priority: plugin's answer is void: priority is 10
        fails: plugin gives no answer (cannot read the state): no
    "#]]
    .assert_eq(&seen);
}

#[test]
fn an_endless_loop_ends_at_its_budget_while_others_are_answered() {
    let engine = engine();
    let flow = engine.load_flow(&component("hostile-flow")).expect("a flow");
    let (sender, replies) = mpsc::channel();
    let settings =
        RuntimeSettings { threads: 2.try_into().expect("not zero"), queue: 16, ..RuntimeSettings::default() };
    let runtime =
        Runtime::start(&engine, &settings, move |reply| drop(sender.send((Instant::now(), reply)))).expect("threads");
    let begun = Instant::now();
    runtime.ask(Question { id: 1, ..hostile(&flow, "loops") }).expect("room");
    for id in 2..6 {
        let tenant = "umbrella".parse().expect("a name");
        runtime.ask(Question { id, tenant, ..hostile(&flow, "well") }).expect("room");
    }
    let all: Vec<(Instant, Reply)> = replies.iter().take(5).collect();
    let order: Vec<u64> = all.iter().map(|(_, reply)| reply.id).collect();
    assert_eq!(order, [2, 3, 4, 5, 1]);
    let (ended, looped) = &all[4];
    assert_eq!(looped.result, Err(AskFailure::Deadline { budget: BUDGET }));
    // The budget is CPU time: on an idle machine this is a tick more than the budget, on a busy one it is twice the budget, and the rest is
    // for a machine that hardly lets it in.
    assert!(ended.duration_since(begun) < 5 * BUDGET + BUDGET);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let engine = engine();
    let flow = engine.load_flow(&component("hostile-flow")).expect("a flow");
    let settings = RuntimeSettings { threads: 1.try_into().expect("not zero"), queue: 0, ..RuntimeSettings::default() };
    let runtime = Runtime::start(&engine, &settings, drop).expect("threads");
    assert_eq!(runtime.ask(hostile(&flow, "well")), Err(AskFailure::Refused { waiting: 0 }));
}

#[test]
fn what_is_no_flow_component_is_not_loaded() {
    let engine = engine();
    let refused = |bytes: &[u8]| match engine.load_flow(bytes) {
        Err(LoadError::NotAComponent { .. }) => "not a component",
        Err(LoadError::WrongWorld { .. }) => "wrong world",
        Err(_) => "another reason",
        Ok(_) => "loaded",
    };
    assert_eq!(refused(b"#!/bin/sh"), "not a component");
    assert_eq!(refused(&module("flow-graph")), "not a component");
    assert_eq!(refused(b"(component)"), "not a component");
    assert_eq!(refused(&component("route-skills")), "wrong world");
    assert_eq!(refused(&component("flow-graph")), "loaded");
}

#[test]
fn a_component_shows_by_itself_of_which_world_it_is() {
    let engine = engine();
    let shown = |bytes: &[u8]| match engine.load_any(bytes, Terms::default()) {
        Ok(AnyPlugin::Flow(_)) => "flow".to_owned(),
        Ok(AnyPlugin::Routing(_)) => "routing".to_owned(),
        Ok(AnyPlugin::Compliance(_)) => "compliance".to_owned(),
        Ok(AnyPlugin::Connector(_)) => "connector".to_owned(),
        Ok(AnyPlugin::Channel(_)) => "channel".to_owned(),
        Ok(AnyPlugin::Assistant(_)) => "assistant".to_owned(),
        Ok(AnyPlugin::Dialer(_)) => "dialer".to_owned(),
        Err(error) => error.to_string(),
    };
    let names = ["flow-graph", "route-skills", "rule-masking", "connector-rest", "channel-webhook"];
    assert_eq!(names.map(|name| shown(&component(name))), ["flow", "routing", "compliance", "connector", "channel"]);
    assert_eq!(shown(b"(component)").split(':').next(), Some("this is no WebAssembly component"));
    assert_eq!(
        shown(&wat::parse_str("(component)").expect("a component")),
        "component exports nothing of the contract, and none of flow, routing, compliance, connector, channel, assistant, dialer"
    );
}

#[test]
fn a_damaged_or_foreign_cache_file_is_compiled_anew() {
    let folder = std::env::temp_dir().join(format!("plugboard-cache-{}", std::process::id()));
    let bytes = component("route-skills");
    let load = || {
        let engine =
            Engine::new(EngineSettings { cache: Some(folder.clone()), instances: 4, ..EngineSettings::default() })
                .expect("an engine");
        engine.load_routing(&bytes).map(drop).expect("a policy");
    };
    load();
    let file = std::fs::read_dir(&folder).expect("a cache").next().expect("a file").expect("a file").path();
    let whole = std::fs::read(&file).expect("a file");
    load();
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("a write");
    load();
    assert!(std::fs::read(&file).expect("a file") == whole, "the torn file was replaced");
    std::fs::remove_dir_all(folder).expect("removed");
}

fn rank(policy: &RoutingPlugin, tables: &Arc<TableSet>, levels: &[u8]) -> Question {
    let candidate = |(number, level): (u32, &u8)| Candidate {
        number,
        levels: Levels::from_needs([*level]),
        idle_ms: 0,
        taken_today: 0,
        load_permille: 0,
    };
    let who = Waiting { number: 1, queue: 0, priority: 5, channel: 0, waited_ms: 0, value: 0 };
    let ask = Ask::RankAgents {
        policy: policy.clone(),
        tables: tables.clone(),
        who,
        needs: vec![Need { skill: 0, level: 1 }],
        candidates: (10..).zip(levels).map(candidate).collect(),
        columns: vec![],
    };
    Question { id: 1, tenant: tenant(), budget: BUDGET, ask }
}

#[test]
fn the_best_skilled_agent_is_first() {
    let policy = engine().load_routing(&component("route-skills")).expect("a policy");
    let reply = asker().ask(rank(&policy, &Arc::new(TableSet::new(Tables::default())), &[3, 9, 5]));
    let Ok(Answer::Order(order)) = reply.result else { panic!("an order, not {reply:?}") };
    assert_eq!(order.numbers, [11, 12, 10]);
}

#[test]
fn an_order_with_a_number_that_nobody_asked_about_is_void() {
    let (policy, mut asker) = (engine().load_routing(&component("hostile-policy")).expect("a policy"), asker());
    let mut answer = |word: &str| {
        let tables = Arc::new(TableSet::new(Tables { settings: vec![how(word)], ..Tables::default() }));
        asker.ask(rank(&policy, &tables, &[1, 2])).result
    };
    let void = |why| Err(AskFailure::BadAnswer(why));
    assert_eq!(answer("invents"), void(BadAnswer::UnknownNumber { number: 4_711 }));
    assert_eq!(answer("doubles"), void(BadAnswer::Twice { number: 10 }));
    assert_eq!(answer("adds"), void(BadAnswer::TooMany { what: "numbers", count: 3, most: 2 }));
    assert!(matches!(answer("panics"), Err(AskFailure::Trapped { .. })));
    assert!(answer("well").is_ok());
}
