//! Plugins of released versions of the contract, loaded and asked by the host of today: see `released/README.md`.

use std::{path::Path, sync::Arc, time::Duration};

use plugboard_model::{
    InteractionId, TenantId, Timestamp,
    flow::{
        self, Cause, Channel, Digits, Direction, Effect, End, Event, Failure, FailureCode, GatherEnd, GaveUp,
        Happening, Message, Open, Place, QueueNews, Recording, Refusal, RefusalCode, Setting, Speech, Start, Token,
        TransferEnd,
    },
    routing::{Candidate, Column, Levels, Need, Order, Relaxed, Tables, Waiting},
};
use plugboard_plugin::{Answer, Ask, AskFailure, Asker, Engine, EngineSettings, Question, Settings, TableSet};

#[path = "released/worlds.rs"]
mod worlds;

/// Versions whose flow and policy use every item that there is.
const VERSIONS: [&str; 2] = ["0.1.0", "0.1.1"];

/// Far beyond what either takes, so that a busy machine changes nothing.
const BUDGET: Duration = Duration::from_secs(10);

fn engine() -> Engine {
    Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine")
}

fn component(version: &str, name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released").join(version).join(name);
    std::fs::read(path).expect("the component is checked in")
}

fn question(ask: Ask) -> Question {
    Question { id: 1, tenant: "acme".parse::<TenantId>().expect("a name"), budget: BUDGET, ask }
}

fn event(seq: u32, what: Happening) -> Event {
    let at = Timestamp::from_secs(1_795_428_000);
    Event { seq, at, utc_offset_min: 480, answers: None::<Token>, more: false, what }
}

fn started() -> Happening {
    Happening::Started(Start {
        interaction: InteractionId(1),
        channel: Channel::Other("fax".into()),
        direction: Direction::Internal,
        caller: "+8613800000000".into(),
        called: "8001".into(),
        verified: true,
        language: "zh-CN".into(),
    })
}

fn settings(values: &[&str]) -> Settings {
    let setting = |value: &&str| Setting { name: "mood".into(), value: (*value).into() };
    Settings::new(values.iter().map(setting).collect())
}

/// A world that a released version has and of which no component is kept here would be a promise that nobody tests.
#[test]
fn of_each_world_of_each_released_version_a_component_is_kept_and_loads() {
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/released");
    let engine = engine();
    let mut loaded = Vec::new();
    for version in std::fs::read_dir(released).expect("released versions").map_while(Result::ok) {
        let name = version.file_name().into_string().expect("a version");
        let texts = std::fs::read_dir(version.path()).expect("its files").map_while(Result::ok);
        let text: String = texts.map(|file| std::fs::read_to_string(file.path()).expect("a text")).collect();
        for world in text.lines().filter_map(|line| line.strip_prefix("world ")?.strip_suffix("-plugin {")) {
            let component = component(&name, &format!("{world}.wasm"));
            let result = match world {
                "flow" => engine.load_flow(&component).map(drop),
                "routing" => engine.load_routing(&component).map(drop),
                "compliance" => engine.load_compliance(&component).map(drop),
                "connector" => engine.load_connector(&component).map(drop),
                "channel" => engine.load_channel(&component).map(drop),
                "assistant" => engine.load_assistant(&component).map(drop),
                _ => engine.load_dialer(&component).map(drop),
            };
            loaded.push(format!(
                "{name} {world}: {}",
                result.map_or_else(|error| error.to_string(), |()| "loaded".into())
            ));
        }
    }
    loaded.sort_unstable();
    let worlds = ["assistant", "channel", "compliance", "connector", "dialer", "flow", "routing"];
    let kept = ["0.1.0 flow", "0.1.0 routing"].map(str::to_owned).into_iter();
    let kept = kept.chain(worlds.map(|world| format!("0.1.1 {world}")));
    assert_eq!(loaded, kept.map(|one| format!("{one}: loaded")).collect::<Vec<_>>());
}

#[test]
fn flow_of_each_version_says_what_it_is_and_what_it_needs() {
    for version in VERSIONS {
        let flow = engine().load_flow(&component(version, "flow.wasm")).expect("a flow");
        let problems = flow.check(&settings(&["better", "worse"])).expect("a check");
        let severities: Vec<flow::Severity> = problems.iter().map(|problem| problem.severity).collect();
        assert_eq!(severities, [flow::Severity::Warning, flow::Severity::Error]);
        let references = flow.references(&settings(&[])).expect("references");
        let names: Vec<&str> = references.iter().map(|reference| reference.name.as_str()).collect();
        assert_eq!(names, ["welcome.wav", "sales", "english", "ada", "night", "crm", "x"]);
        let about = flow.description();
        assert_eq!((about.name.as_str(), about.revision, about.nodes[0].kind.as_str()), ("released", 3, "all"));
    }
}

#[test]
fn flow_of_each_version_asks_for_every_effect_and_hears_every_event() {
    for version in VERSIONS {
        let flow = engine().load_flow(&component(version, "flow.wasm")).expect("a flow");
        let (settings, mut asker) = (Arc::new(settings(&["better", "worse"])), Asker::new(&engine()));
        let mut state = Vec::new();
        let mut seen = String::new();
        let happenings = [
            started(),
            Happening::Played { to_the_end: true },
            Happening::Gathered(Digits { digits: "42#".into(), ended: GatherEnd::Terminator }),
            Happening::Heard(Speech {
                text: "北京".into(),
                confidence_permille: 900,
                language: "zh".into(),
                intent: None,
            }),
            Happening::Queue(QueueNews::Waiting(Place { position: 2, wait_ms: Some(9) })),
            Happening::Queue(QueueNews::Connected { agent: "ada".parse().expect("a name") }),
            Happening::Queue(QueueNews::GaveUp(GaveUp::ExitKey('0'))),
            Happening::LookedUp(flow::Answer { json: "{}".into() }),
            Happening::Recorded(Recording { id: plugboard_model::RecordingId(5), length_ms: 1_000 }),
            Happening::Transferred(TransferEnd::Failed { cause: Cause::NORMAL_CLEARING }),
            Happening::Message(Message { id: "m".into(), text: "在吗".into(), attachments: 1 }),
            Happening::Timer,
            Happening::Other(Open { name: "acme.nudge".into(), json: "1".into() }),
            Happening::Refused(Refusal { code: RefusalCode::Limit, message: "full".into(), retryable: true }),
        ];
        for (seq, what) in (0..).zip(happenings) {
            let ask = Ask::FlowStep {
                flow: flow.clone(),
                settings: Arc::clone(&settings),
                state: state.clone(),
                event: Box::new(event(seq, what)),
            };
            let reply = asker.ask(question(ask));
            let Ok(Answer::Stepped(stepped)) = reply.result else { panic!("a step, not {reply:?}") };
            for action in stepped.actions {
                let what = match action.what {
                    Effect::Tag(tag) => format!("{}: {}", tag.name, tag.value),
                    what => format!("{what:?}").chars().take_while(|c| c.is_alphabetic()).collect(),
                };
                seen += &format!("{} {what}\n", action.token);
            }
            state = stepped.state;
        }
        expect_test::expect![[r#"
        0 PickUp
        1 Play
        2 Gather
        3 Listen
        4 Enqueue
        5 Transfer
        6 Transfer
        7 Transfer
        8 Other
        9 Invoke
        10 Record
        11 Record
        12 Record
        13 Other
        14 Send
        15 Timer
        16 Cancel
        17 Other
        18 heard: fax within +8613800000000 8001 true zh-CN 2
        10 heard: played true
        20 heard: gathered 42# terminator
        30 heard: heard 北京 900 zh None
        40 heard: waiting 2 Some(9)
        50 heard: connected ada
        60 heard: gave up: key 0
        70 heard: looked up {}
        80 heard: recorded r5 1000
        90 heard: transferred: failed 16
        100 heard: message m 在吗 1
        110 heard: timer
        120 heard: other acme.nudge 1
        130 heard: refused limit full true
    "#]]
        .assert_eq(&seen);
        assert_eq!(state, (0..14).collect::<Vec<u8>>());
    }
}

#[test]
fn failure_and_end_of_a_flow_of_each_version_are_understood() {
    for version in VERSIONS {
        let flow = engine().load_flow(&component(version, "flow.wasm")).expect("a flow");
        let (settings, mut asker) = (Arc::new(settings(&[])), Asker::new(&engine()));
        let mut ask = |what| {
            let event = Box::new(event(1, what));
            asker
                .ask(question(Ask::FlowStep {
                    flow: flow.clone(),
                    settings: Arc::clone(&settings),
                    state: vec![],
                    event,
                }))
                .result
        };
        let denied = Refusal { code: RefusalCode::Denied, message: "no".into(), retryable: false };
        let failure = Failure { code: FailureCode::Diverged(7), message: "no".into() };
        assert_eq!(ask(Happening::Refused(denied)), Err(AskFailure::Plugin(failure)));
        let Ok(Answer::Stepped(last)) = ask(Happening::HungUp(End { cause: Cause::NORMAL_CLEARING, by_caller: true }))
        else {
            panic!("a step")
        };
        let [action] = &last.actions[..] else { panic!("one action, not {last:?}") };
        assert_eq!(action.what, Effect::Tag(Setting { name: "heard".into(), value: "hung up 16 true".into() }));
    }
}

#[test]
fn policy_of_each_version_ranks_by_every_number_and_relaxes() {
    for version in VERSIONS {
        let policy = engine().load_routing(&component(version, "routing.wasm")).expect("a policy");
        let tables = |again: &str| {
            let settings = vec![Setting { name: "again_ms".into(), value: again.into() }];
            let names = |names: [&str; 2]| names.map(Into::into).to_vec();
            let (skills, queues) = (names(["english", "sales"]), names(["first", "second"]));
            Arc::new(TableSet::new(Tables { skills, attributes: vec!["value".into()], queues, settings }))
        };
        let agent = |number, level, idle_ms, taken_today, load_permille| Candidate {
            number,
            levels: Levels::from_needs([level]),
            idle_ms,
            taken_today,
            load_permille,
        };
        let waiting =
            |number, waited_ms, value| Waiting { number, queue: 0, priority: 5, channel: 1, waited_ms, value };
        let needs = vec![Need { skill: 0, level: 2 }, Need { skill: 1, level: 1 }];
        let mut asker = Asker::new(&engine());
        let mut ask = |ask: Ask| asker.ask(question(ask)).result;
        let (policy, sound) = (&policy, tables("4000"));
        let ranked = ask(Ask::RankAgents {
            policy: policy.clone(),
            tables: sound.clone(),
            who: waiting(1, 0, 0),
            needs: needs.clone(),
            candidates: vec![
                agent(10, 9, 0, 0, 0),
                agent(11, 0, 100, 20, 500),
                agent(12, 1, 0, 0, 0),
                agent(13, 0, 0, 7, 0),
            ],
            columns: vec![Column { attribute: 0, values: vec![0, 0, 50, 0] }],
        });
        assert_eq!(ranked, Ok(Answer::Order(Order { numbers: vec![12, 10, 13, 11], again_ms: Some(4_000) })));
        let ranked = ask(Ask::RankWaiting {
            policy: policy.clone(),
            tables: sound.clone(),
            agent: agent(10, 0, 0, 0, 0),
            waiting: vec![waiting(1, 500, 0), waiting(2, 0, 900), waiting(3, 700, -600)],
            columns: vec![],
        });
        assert_eq!(ranked, Ok(Answer::Order(Order { numbers: vec![2, 1, 3], again_ms: Some(4_000) })));
        let relaxed = ask(Ask::OnTimer { policy: policy.clone(), tables: sound, who: waiting(1, 0, 0), needs });
        let left = vec![Need { skill: 0, level: 2 }];
        assert_eq!(relaxed, Ok(Answer::Relaxed(Relaxed { needs: left, overflow_to: Some(1), again_ms: Some(4_000) })));
        let bad = Failure { code: FailureCode::BadSettings, message: "2 skills, 2 queues".into() };
        assert_eq!(policy.check(&tables("soon")), Err(AskFailure::Plugin(bad)));
    }
}
