//! Answers each event with the word that names it, and the start with every effect that there is.

wit_bindgen::generate!({ path: "../../../../../../wit/released/0.1.1", world: "flow-plugin" });
export!(Released);

use std::cell::Cell;

use exports::plugboard::plugin::{
    common::{Extra, Failure, FailureCode, Open, Problem, Setting, Severity},
    flow::{Action, Description, Event, Guest, NodeKind, Reference, ReferenceKind, Stepped, Visit},
    flow_types::{
        Announce, Channel, Direction, Effect, End, Enqueue, Gather, GatherEnd, GiveUp, Happening, Invoke, Listen, Mailbox,
        Outgoing, Prompt, QueueNews, Record, SkillNeed, Source, Start, Target, Transfer, TransferEnd,
    },
};

thread_local! {
    static SETTINGS: Cell<usize> = const { Cell::new(0) };
}

struct Released;

impl Guest for Released {
    fn describe() -> Description {
        Description {
            name: "released".into(),
            revision: 3,
            needs: vec![],
            nodes: vec![NodeKind { kind: "all".into(), exits: vec!["next".into()], settings_schema: "{}".into() }],
            extra: vec![Extra { name: "acme.note".into(), json: "1".into() }],
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let problem = |setting: Setting| Problem {
            severity: if setting.value == "worse" { Severity::Error } else { Severity::Warning },
            code: "acme.odd".into(),
            node: Some("all".into()),
            field: None,
            message: setting.name,
            remedy: "leave it out".into(),
            extra: vec![],
        };
        settings.into_iter().map(problem).collect()
    }

    fn references(_: Vec<Setting>) -> Vec<Reference> {
        let reference = |kind, name: &str| Reference { kind, name: name.into(), node: Some("all".into()), field: None };
        vec![
            reference(ReferenceKind::Prompt, "welcome.wav"),
            reference(ReferenceKind::Queue, "sales"),
            reference(ReferenceKind::Skill, "english"),
            reference(ReferenceKind::Agent, "ada"),
            reference(ReferenceKind::Flow, "night"),
            reference(ReferenceKind::Connector, "crm"),
            reference(ReferenceKind::Other("acme.thing".into()), "x"),
        ]
    }

    fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
        SETTINGS.set(settings.len());
        Ok(())
    }

    fn step(mut state: Vec<u8>, event: Event) -> Result<Stepped, Failure> {
        state.push(event.seq as u8);
        let tag = |name: &str, value: String| Effect::Tag(Setting { name: name.into(), value });
        let effects = match event.what {
            Happening::Started(start) => {
                let greeting = greeting(&start);
                [every_effect(), vec![tag("heard", greeting)]].concat()
            }
            Happening::Refused(refusal) if refusal.code == "denied" => {
                return Err(Failure { code: FailureCode::Diverged(7), message: refusal.message, extra: vec![] });
            }
            what => vec![tag("heard", heard(what))],
        };
        let actions = (10 * event.seq..).zip(effects).map(|(token, what)| Action { token, what, extra: vec![] }).collect();
        let trail = vec![Visit { node: "all".into(), exit: Some("next".into()) }];
        Ok(Stepped { state, actions, trail, extra: vec![] })
    }
}

fn greeting(start: &Start) -> String {
    let channel = match &start.channel {
        Channel::Voice => "voice",
        Channel::Chat => "chat",
        Channel::Message => "message",
        Channel::Email => "email",
        Channel::Other(name) => name,
    };
    let direction = match start.direction {
        Direction::Inbound => "in",
        Direction::Outbound => "out",
        Direction::Internal => "within",
    };
    format!("{channel} {direction} {} {} {} {} {}", start.caller, start.called, start.verified, start.language, SETTINGS.get())
}

fn heard(what: Happening) -> String {
    match what {
        Happening::Started(_) => "started".into(),
        Happening::Played(to_the_end) => format!("played {to_the_end}"),
        Happening::Gathered(digits) => {
            let ended = match digits.ended {
                GatherEnd::Complete => "complete",
                GatherEnd::Terminator => "terminator",
                GatherEnd::Timeout => "timeout",
                GatherEnd::Other(_) => "other",
            };
            format!("gathered {} {ended}", digits.digits)
        }
        Happening::Heard(speech) => format!("heard {} {} {} {:?}", speech.text, speech.confidence, speech.language, speech.intent),
        Happening::Queue(QueueNews::Waiting(place)) => format!("waiting {} {:?}", place.position, place.wait_ms),
        Happening::Queue(QueueNews::Connected(agent)) => format!("connected {agent}"),
        Happening::Queue(QueueNews::GaveUp(why)) => match why {
            GiveUp::Timeout => "gave up: timeout".into(),
            GiveUp::Closed => "gave up: closed".into(),
            GiveUp::Full => "gave up: full".into(),
            GiveUp::NoAgents => "gave up: no agents".into(),
            GiveUp::ExitKey(key) => format!("gave up: key {key}"),
            GiveUp::Other(name) => name,
        },
        Happening::Queue(QueueNews::Other(open)) => open.name,
        Happening::LookedUp(answer) => format!("looked up {}", answer.json),
        Happening::Recorded(recording) => format!("recorded {} {}", recording.id, recording.length_ms),
        Happening::Transferred(end) => match end {
            TransferEnd::Connected => "transferred: connected".into(),
            TransferEnd::Busy => "transferred: busy".into(),
            TransferEnd::NoAnswer => "transferred: no answer".into(),
            TransferEnd::Offline => "transferred: offline".into(),
            TransferEnd::Failed(cause) => format!("transferred: failed {cause}"),
            TransferEnd::Other(open) => open.name,
        },
        Happening::Message(message) => format!("message {} {} {}", message.id, message.text, message.attachments),
        Happening::Timer => "timer".into(),
        Happening::Refused(refusal) => format!("refused {} {} {}", refusal.code, refusal.message, refusal.retryable),
        Happening::HungUp(End { cause, by_caller }) => format!("hung up {cause} {by_caller}"),
        Happening::Other(open) => format!("other {} {}", open.name, open.json),
    }
}

fn every_effect() -> Vec<Effect> {
    let prompt = || Prompt {
        sources: vec![
            Source::File("welcome.wav".into()),
            Source::Text("你好".into()),
            Source::Digits("42".into()),
            Source::Number(7),
            Source::Position,
            Source::Other(Open { name: "callers-ahead".into(), json: "\"you-are-next.wav\"".into() }),
        ],
        language: "zh-CN".into(),
        barge_in: true,
    };
    let transfer = |to| Effect::Transfer(Transfer { to, ring_ms: 20_000 });
    let record = |mailbox| {
        Effect::Record(Record { max_ms: 60_000, silence_ms: 3_000, beep: true, end_keys: "#".into(), mailbox })
    };
    vec![
        Effect::PickUp,
        Effect::Play(prompt()),
        Effect::Gather(Gather {
            prompt: Some(prompt()),
            max_digits: 4,
            first_ms: 5_000,
            between_ms: 3_000,
            terminators: "#".into(),
            secret: true,
        }),
        Effect::Listen(Listen { prompt: None, first_ms: 5_000, max_ms: 20_000, grammar: Some("cities".into()) }),
        Effect::Enqueue(Enqueue {
            queue: "sales".into(),
            priority: 9,
            skills: vec![SkillNeed { skill: "english".into(), level: 3 }],
            timeout_ms: Some(60_000),
            hold_music: Some("music.wav".into()),
            announce: Some(Announce { every_ms: 30_000, prompt: prompt() }),
            exit_keys: "0".into(),
        }),
        transfer(Target::Agent("ada".into())),
        transfer(Target::Number("+8613800000000".into())),
        transfer(Target::Flow("night".into())),
        transfer(Target::Other(Open { name: "acme.where".into(), json: "{}".into() })),
        Effect::Invoke(Invoke { connector: "crm".into(), operation: "find".into(), json: "{}".into(), timeout_ms: 300 }),
        record(None),
        record(Some(Mailbox::Queue("sales".into()))),
        record(Some(Mailbox::Agent("ada".into()))),
        record(Some(Mailbox::Other(Open { name: "acme.box".into(), json: "{}".into() }))),
        Effect::Send(Outgoing { text: "在吗".into(), template: Some("hello".into()) }),
        Effect::Timer(1_000),
        Effect::Cancel(1),
        Effect::Other(Open { name: "acme.nudge".into(), json: "{}".into() }),
    ]
}
