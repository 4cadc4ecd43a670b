//! The flow that a host runs, run again by what a browser loads: step by step the same state, the same actions and the same trail.
//!
//! By name only, because it wants Node and what `jco transpile` made of the component: `cargo xtask plugins --browser` installs and runs it all.
#![allow(clippy::disallowed_methods, reason = "a test that runs a program")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use plugboard_model::{
    InteractionId, RecordingId, Timestamp,
    flow::{
        Action, Answer as Looked, Cause, Channel, Digits, Direction, Effect, End, Event, GatherEnd, GaveUp, Happening,
        QueueNews, Recording, Start, Token, TransferEnd,
    },
};
use plugboard_plugin::{Answer, Ask, AskFailure, Asker, Engine, EngineSettings, FlowPlugin, Question, Settings};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const CALLS: usize = 500;
const MOST_STEPS: usize = 60;
const BUDGET: Duration = Duration::from_secs(10);
const AT_MS: u64 = 1_795_428_000_000;

/// Numerical Recipes' generator: callers need no better chance, and each run is the same.
struct Chance(u32);

impl Chance {
    fn below(&mut self, most: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % most
    }
}

/// What a caller, an agent or another system does about an effect, as the host and as Node have it; nothing about most.
fn reply(effect: &Effect, chance: &mut Chance) -> Option<(Happening, Value)> {
    Some(match effect {
        Effect::Play(_) => {
            let to_the_end = chance.below(3) > 0;
            (Happening::Played { to_the_end }, json!({ "tag": "played", "val": to_the_end }))
        }
        Effect::Gather(gather) => {
            let length = chance.below(u32::from(gather.max_digits).min(12) + 1);
            let digits: String =
                (0..length).map(|_| char::from_digit(chance.below(10), 10).expect("a digit")).collect();
            let (ended, word) =
                if length == 0 { (GatherEnd::Timeout, "timeout") } else { (GatherEnd::Complete, "complete") };
            let val = json!({ "digits": digits, "ended": { "tag": word } });
            (Happening::Gathered(Digits { digits, ended }), json!({ "tag": "gathered", "val": val }))
        }
        Effect::Enqueue(_) if chance.below(2) == 0 => (
            Happening::Queue(QueueNews::GaveUp(GaveUp::Timeout)),
            json!({ "tag": "queue", "val": { "tag": "gave-up", "val": { "tag": "timeout" } } }),
        ),
        Effect::Enqueue(_) => (
            Happening::Queue(QueueNews::GaveUp(GaveUp::NoAgents)),
            json!({ "tag": "queue", "val": { "tag": "gave-up", "val": { "tag": "no-agents" } } }),
        ),
        Effect::Transfer(_) => (
            Happening::Transferred(TransferEnd::Failed { cause: Cause::NORMAL_CLEARING }),
            json!({ "tag": "transferred", "val": { "tag": "failed", "val": 16 } }),
        ),
        Effect::Invoke(_) => {
            (Happening::LookedUp(Looked { json: "{}".into() }), json!({ "tag": "looked-up", "val": { "json": "{}" } }))
        }
        Effect::Record(_) => {
            let length_ms = chance.below(60_000);
            let id = RecordingId(5);
            let val = json!({ "id": id.to_string(), "lengthMs": length_ms });
            (Happening::Recorded(Recording { id, length_ms }), json!({ "tag": "recorded", "val": val }))
        }
        Effect::Timer { .. } => (Happening::Timer, json!({ "tag": "timer" })),
        _ => return None,
    })
}

fn name(effect: &Effect) -> &'static str {
    match effect {
        Effect::PickUp => "pick-up",
        Effect::Play(_) => "play",
        Effect::Gather(_) => "gather",
        Effect::Listen(_) => "listen",
        Effect::Enqueue(_) => "enqueue",
        Effect::Transfer(_) => "transfer",
        Effect::Invoke(_) => "invoke",
        Effect::Record(_) => "record",
        Effect::Send(_) => "send",
        Effect::Timer { .. } => "timer",
        Effect::Cancel(_) => "cancel",
        Effect::Tag(_) => "tag",
        Effect::HangUp { .. } => "hang-up",
        Effect::Other(_) => "other",
    }
}

fn begin(caller: u32) -> (Happening, Value) {
    let (interaction, caller) = (InteractionId(1), format!("+86138{caller:08}"));
    let val = json!({
        "interaction": interaction.to_string(), "channel": { "tag": "voice" }, "direction": "inbound",
        "caller": caller, "called": "8001", "verified": false, "language": "en",
    });
    let start = Start {
        interaction,
        channel: Channel::Voice,
        direction: Direction::Inbound,
        caller,
        called: "8001".into(),
        verified: false,
        language: "en".into(),
    };
    (Happening::Started(start), json!({ "tag": "started", "val": val }))
}

/// One call in the host: its events for Node, and all that the flow answered, into `hash`.
fn play(
    asker: &mut Asker,
    flow: &FlowPlugin,
    settings: &Arc<Settings>,
    chance: &mut Chance,
    hash: &mut Sha256,
) -> Vec<Value> {
    let (mut script, mut state, mut waiting) = (Vec::new(), Vec::new(), Vec::<Action>::new());
    let (mut next, mut answers) = (begin(chance.below(100_000_000)), None::<Token>);
    for seq in 0..MOST_STEPS {
        let (what, told) = next;
        let (seq, at_ms) = (u32::try_from(seq).expect("few steps"), AT_MS + seq as u64 * 700);
        let is_over = matches!(what, Happening::HungUp(_));
        let at = Timestamp::from_millis(at_ms);
        let event = Event { seq, at, utc_offset_min: 480, answers, more: false, what };
        script.push(json!({
            "seq": seq, "atMs": at_ms.to_string(), "utcOffsetMin": 480, "answers": answers,
            "more": false, "what": told, "extra": [],
        }));
        let tenant = "acme".parse().expect("a name");
        let ask = Ask::FlowStep {
            flow: flow.clone(),
            settings: Arc::clone(settings),
            state: state.clone(),
            event: Box::new(event),
        };
        match asker.ask(Question { id: 1, tenant, budget: BUDGET, ask }).result {
            Ok(Answer::Stepped(stepped)) => {
                let hex: String = stepped.state.iter().map(|byte| format!("{byte:02x}")).collect();
                let visit = |visit: &plugboard_model::flow::Visit| {
                    format!("{}>{}", visit.node, visit.exit.as_deref().unwrap_or_default())
                };
                let trail: Vec<String> = stepped.trail.iter().map(visit).collect();
                let action = |action: &Action| format!("{} {}", action.token, name(&action.what));
                let actions: Vec<String> = stepped.actions.iter().map(action).collect();
                hash.update(format!("{hex} | {} | {}\n", trail.join(" "), actions.join(", ")));
                state = stepped.state;
                waiting.extend(stepped.actions);
            }
            Err(AskFailure::Plugin(failure)) => hash.update(format!("failure: {}\n", failure.message)),
            other => panic!("a step, not {other:?}"),
        }
        if is_over {
            return script;
        }
        let answered = std::iter::from_fn(|| (!waiting.is_empty()).then(|| waiting.remove(0)))
            .find_map(|action| reply(&action.what, chance).map(|reply| (reply, action.token)));
        (next, answers) = match answered {
            // Some hang up before the flow has done with them.
            Some((reply, token)) if chance.below(40) > 0 => (reply, Some(token)),
            _ => {
                let end = End { cause: Cause::NORMAL_CLEARING, by_caller: true };
                let val = json!({ "cause": 16, "byCaller": true });
                ((Happening::HungUp(end), json!({ "tag": "hung-up", "val": val })), None)
            }
        };
    }
    script
}

#[test]
#[ignore = "wants Node and npm: cargo xtask plugins --browser"]
fn a_flow_takes_the_same_steps_in_a_browsers_engine_as_in_the_host() {
    let folder: PathBuf = std::env::var_os("PLUGBOARD_BROWSER").expect("what jco made of flow-graph").into();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let engine = Engine::new(EngineSettings { instances: 8, ..EngineSettings::default() }).expect("an engine");
    let component = fs::read(folder.join("flow-graph.wasm")).expect("the component that jco was given");
    let flow = engine.load_flow(&component).expect("a flow");
    let (mut asker, mut chance, mut hash) = (Asker::new(&engine), Chance(7), Sha256::new());
    let mut all = Vec::new();
    for document in ["main-en", "main-zh"] {
        let file = repository.join("examples/demo/flows").join(document).with_extension("json");
        let document = fs::read_to_string(file).expect("a flow");
        let settings = Arc::new(Settings::document(document.as_str()));
        let scripts: Vec<Vec<Value>> =
            (0..CALLS).map(|_| play(&mut asker, &flow, &settings, &mut chance, &mut hash)).collect();
        all.push(json!({ "document": document, "scripts": scripts }));
    }
    let steps: usize =
        all.iter().flat_map(|one| one["scripts"].as_array()).flatten().filter_map(Value::as_array).map(Vec::len).sum();
    assert!(steps > 4 * CALLS, "{steps} steps");
    fs::write(folder.join("scripts.json"), Value::from(all).to_string()).expect("room for the scripts");
    let replay = repository.join("host/plugin/tests/browser/replay.mjs");
    let output = Command::new("node").arg(replay).arg(&folder).output().expect("Node runs");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let hash: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(said, format!("{steps} steps {hash}"), "{}", String::from_utf8_lossy(&output.stderr));
}
