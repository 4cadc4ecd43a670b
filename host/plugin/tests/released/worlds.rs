//! The worlds that came with 0.1.1: each question of each world, with every case that it has, and every import.

use std::{fmt::Debug, sync::Arc};

use expect_test::expect;
use plugboard_model::{
    AgentId, FlowId, InteractionId, Timestamp,
    assistant::{Conversation, Turn},
    channel::{Attachment, Outgoing, Webhook},
    compliance::{
        Act, Asker as Who, Attempt, Consent, Dial, Effect, Export, Incoming, Message, Record, RecordStep, Segment,
        Speaker, Transcript, Unmask,
    },
    connector::{Call, Notice},
    dialer::{self, History, Outcome, Stats},
    flow::{Open, Setting},
};
use plugboard_pack::{Bytes, permissions::Asks};
use plugboard_plugin::{Access, Answer, Ask, Asker, KvPlace, MemoryKv, Settings};

use super::{component, engine, question, settings};

const VERSION: &str = "0.1.1";
const AT: Timestamp = Timestamp::from_secs(1_795_428_000);

/// One line an answer.
fn told(answer: &impl Debug) -> String {
    format!("{answer:?}\n")
}

fn tag() -> Vec<Setting> {
    vec![Setting { name: "vip".into(), value: "yes".into() }]
}

fn effects() -> Vec<Effect> {
    let attempt = Attempt { at: AT, outcome: "busy".into() };
    let record = |step, consent| Effect::Record(Record { step, consent, announced: true, reason: "policy".into() });
    vec![
        Effect::Dial(Dial {
            number: "+8613800000000".parse().expect("a number"),
            their_offset_min: Some(480),
            country: "CN".into(),
            purpose: "campaign".into(),
            lists: vec!["consented".into()],
            attempts: vec![attempt],
        }),
        Effect::Answer(Incoming {
            caller: "+8613800000000".into(),
            called: "8001".into(),
            verified: true,
            language: "zh-CN".into(),
            records: true,
        }),
        record(RecordStep::Begin, Consent::NotAsked),
        record(RecordStep::Pause, Consent::Given),
        record(RecordStep::Resume, Consent::Refused),
        record(RecordStep::End, Consent::Withdrawn),
        Effect::Unmask(Unmask {
            kind: "phone".into(),
            customer: "7".into(),
            role: "agent".into(),
            in_hand: true,
            reason: "asked".into(),
            seen_today: 3,
        }),
        Effect::Export(Export {
            kind: "customers".into(),
            role: "quality".into(),
            rows: 10,
            personal: true,
            masked: false,
            target: "download".into(),
            reason: "audit".into(),
        }),
        Effect::Message(Message {
            channel: "sms".into(),
            to: "+86138".into(),
            text: "您好".into(),
            template: Some("hello".into()),
            last_heard: Some(AT),
            lists: vec![],
            sent_today: 2,
        }),
        Effect::Other(Open { name: "acme.effect".into(), json: "1".into() }),
    ]
}

fn segment(seq: u32, speaker: Speaker) -> Segment {
    let (text, language) = (format!("句 {seq}"), "zh".into());
    Segment { seq, speaker, from_ms: 10, to_ms: 20, text, confidence_permille: 900, language }
}

#[test]
fn rule_of_0_1_1_judges_every_effect_by_whomever_it_is_wanted() {
    let rule = engine().load_compliance(&component(VERSION, "compliance.wasm")).expect("a rule");
    let (sound, mut asker) = (Arc::new(settings(&["better"])), Asker::new(&engine()));
    let agent: AgentId = "ada".parse().expect("a name");
    let flow: FlowId = "night".parse().expect("a name");
    let whos = [
        Who::Flow(flow),
        Who::Agent(agent),
        Who::Supervisor("eve".into()),
        Who::Campaign("autumn".into()),
        Who::Api("crm".into()),
        Who::Host,
    ];
    let mut said = told(rule.description());
    for (what, by) in effects().into_iter().zip(whos.iter().cycle()) {
        let (by, interaction) = (by.clone(), Some(InteractionId(1)));
        let act = Box::new(Act { at: AT, utc_offset_min: 480, interaction, by, what, tags: tag() });
        said +=
            &told(&asker.ask(question(Ask::Judge { rule: rule.clone(), settings: Arc::clone(&sound), act })).result);
    }
    expect![[r#"
        RuleDescription { name: "released", revision: 3, judges: ["dial", "answer", "record", "unmask", "export", "message", "acme.effect"], listens: true, reviews: true, redacts: ["phone"] }
        Ok(Judged(Verdict { decision: Later(Timestamp(1795428060000000)), code: "acme-said", reason: "Asker::Flow(\"night\") Effect::Dial(Dial { number: \"+8613800000000\", their-offset-min: Some(480), country: \"CN\", purpose: \"campaign\", lists: [\"consented\"], attempts: [Attempt { at-ms: 1795428000000, outcome: \"busy\" }] }) [Setting { name: \"vip\", value: \"yes\" }]", duties: [] }))
        Ok(Judged(Verdict { decision: Allow, code: "acme-said", reason: "Asker::Agent(\"ada\") Effect::Answer(Answer { caller: \"+8613800000000\", called: \"8001\", verified: true, language: \"zh-CN\", records: true }) [Setting { name: \"vip\", value: \"yes\" }]", duties: [Announce("told.wav"), AskConsent("ask.wav"), NoRecording, Mask(["phone"]), KeepDays(30), Tell] }))
        Ok(Judged(Verdict { decision: Allow, code: "acme-said", reason: "Asker::Supervisor(\"eve\") Effect::Record(Record { move: RecordMove::Begin, consent: Consent::NotAsked, announced: true, reason: \"policy\" }) [Setting { name: \"vip\", value: \"yes\" }]", duties: [] }))
        Ok(Judged(Verdict { decision: Allow, code: "acme-said", reason: "Asker::Campaign(\"autumn\") Effect::Record(Record { move: RecordMove::Pause, consent: Consent::Given, announced: true, reason: \"policy\" }) [Setting { name: \"vip\", value: \"yes\" }]", duties: [] }))
        Ok(Judged(Verdict { decision: Allow, code: "acme-said", reason: "Asker::Api(\"crm\") Effect::Record(Record { move: RecordMove::Resume, consent: Consent::Refused, announced: true, reason: \"policy\" }) [Setting { name: \"vip\", value: \"yes\" }]", duties: [] }))
        Ok(Judged(Verdict { decision: Allow, code: "acme-said", reason: "Asker::Host Effect::Record(Record { move: RecordMove::End, consent: Consent::Withdrawn, announced: true, reason: \"policy\" }) [Setting { name: \"vip\", value: \"yes\" }]", duties: [] }))
        Ok(Judged(Verdict { decision: Deny, code: "acme-said", reason: "Asker::Flow(\"night\") Effect::Unmask(Unmask { kind: \"phone\", customer: \"7\", role: \"agent\", in-hand: true, reason: \"asked\", seen-today: 3 }) [Setting { name: \"vip\", value: \"yes\" }]", duties: [] }))
        Ok(Judged(Verdict { decision: Deny, code: "unknown-duty", reason: "the rule acme-said wants acme.seal, which this host cannot do", duties: [] }))
        Ok(Judged(Verdict { decision: Allow, code: "acme-said", reason: "Asker::Supervisor(\"eve\") Effect::Message(Message { channel: \"sms\", to: \"+86138\", text: \"您好\", template: Some(\"hello\"), last-heard-ms: Some(1795428000000), lists: [], sent-today: 2 }) [Setting { name: \"vip\", value: \"yes\" }]", duties: [] }))
        Err(Plugin(Failure { code: Other("acme.no"), message: "acme.effect" }))
    "#]].assert_eq(&said);
    assert_eq!(rule.check(&settings(&["worse", "better"])).expect("a check").len(), 2);
}

#[test]
fn rule_of_0_1_1_hears_reviews_and_redacts() {
    let rule = engine().load_compliance(&component(VERSION, "compliance.wasm")).expect("a rule");
    let (sound, mut asker) = (Arc::new(settings(&[])), Asker::new(&engine()));
    let mut ask = |ask: Ask| asker.ask(question(ask)).result;
    let (mut said, mut state) = (String::new(), Vec::new());
    for (seq, speaker) in (0..).zip([Speaker::Caller, Speaker::Agent, Speaker::Other]) {
        let segment = Box::new(segment(seq, speaker));
        let heard = ask(Ask::Utterance { rule: rule.clone(), settings: Arc::clone(&sound), state, segment });
        said += &told(&heard);
        let Ok(Answer::Heard(heard)) = heard else { panic!("alerts, not {heard:?}") };
        state = heard.state;
    }
    let segments = vec![segment(0, Speaker::Caller), segment(1, Speaker::Agent)];
    let transcript = Transcript { interaction: InteractionId(1), at: AT, language: "zh".into(), segments, tags: tag() };
    let (transcript, settings) = (Box::new(transcript), Arc::clone(&sound));
    said += &told(&ask(Ask::Review { rule: rule.clone(), settings, transcript }));
    let (text, language) = ("请拨 10 号".into(), "zh".into());
    said += &told(&ask(Ask::Redact { rule, settings: sound, text, language }));
    expect![[r#"
        Ok(Heard(Heard { state: [0], alerts: [Alert { severity: Hint, code: "acme-heard", message: "Segment { seq: 0, speaker: Speaker::Caller, from-ms: 10, to-ms: 20, text: \"句 0\", confidence: 900, language: \"zh\" }", orders: [PauseRecording, ResumeRecording, CallSupervisor, Other(Open { name: "acme.bell", json: "1" })] }, Alert { severity: Warning, code: "acme-heard", message: "Segment { seq: 0, speaker: Speaker::Caller, from-ms: 10, to-ms: 20, text: \"句 0\", confidence: 900, language: \"zh\" }", orders: [PauseRecording, ResumeRecording, CallSupervisor, Other(Open { name: "acme.bell", json: "1" })] }, Alert { severity: Violation, code: "acme-heard", message: "Segment { seq: 0, speaker: Speaker::Caller, from-ms: 10, to-ms: 20, text: \"句 0\", confidence: 900, language: \"zh\" }", orders: [PauseRecording, ResumeRecording, CallSupervisor, Other(Open { name: "acme.bell", json: "1" })] }] }))
        Ok(Heard(Heard { state: [0, 1], alerts: [Alert { severity: Hint, code: "acme-heard", message: "Segment { seq: 1, speaker: Speaker::Agent, from-ms: 10, to-ms: 20, text: \"句 1\", confidence: 900, language: \"zh\" }", orders: [PauseRecording, ResumeRecording, CallSupervisor, Other(Open { name: "acme.bell", json: "1" })] }, Alert { severity: Warning, code: "acme-heard", message: "Segment { seq: 1, speaker: Speaker::Agent, from-ms: 10, to-ms: 20, text: \"句 1\", confidence: 900, language: \"zh\" }", orders: [PauseRecording, ResumeRecording, CallSupervisor, Other(Open { name: "acme.bell", json: "1" })] }, Alert { severity: Violation, code: "acme-heard", message: "Segment { seq: 1, speaker: Speaker::Agent, from-ms: 10, to-ms: 20, text: \"句 1\", confidence: 900, language: \"zh\" }", orders: [PauseRecording, ResumeRecording, CallSupervisor, Other(Open { name: "acme.bell", json: "1" })] }] }))
        Ok(Heard(Heard { state: [0, 1, 2], alerts: [Alert { severity: Hint, code: "acme-heard", message: "Segment { seq: 2, speaker: Speaker::Other, from-ms: 10, to-ms: 20, text: \"句 2\", confidence: 900, language: \"zh\" }", orders: [PauseRecording, ResumeRecording, CallSupervisor, Other(Open { name: "acme.bell", json: "1" })] }, Alert { severity: Warning, code: "acme-heard", message: "Segment { seq: 2, speaker: Speaker::Other, from-ms: 10, to-ms: 20, text: \"句 2\", confidence: 900, language: \"zh\" }", orders: [PauseRecording, ResumeRecording, CallSupervisor, Other(Open { name: "acme.bell", json: "1" })] }, Alert { severity: Violation, code: "acme-heard", message: "Segment { seq: 2, speaker: Speaker::Other, from-ms: 10, to-ms: 20, text: \"句 2\", confidence: 900, language: \"zh\" }", orders: [PauseRecording, ResumeRecording, CallSupervisor, Other(Open { name: "acme.bell", json: "1" })] }] }))
        Ok(Reviewed([Finding { severity: Warning, code: "acme-found", message: "句 0", segment: Some(0), points: 7 }, Finding { severity: Warning, code: "acme-found", message: "句 1", segment: Some(1), points: 7 }, Finding { severity: Warning, code: "acme-found", message: "i1 zh [Setting { name: \"vip\", value: \"yes\" }]", segment: None, points: 7 }]))
        Ok(Redacted([Span { start: 7, end: 8, kind: "zh" }, Span { start: 8, end: 9, kind: "zh" }]))
    "#]].assert_eq(&said);
}

#[test]
fn connector_of_0_1_1_is_asked_everything_and_reaches_its_imports_and_nothing_else() {
    let connector = engine().load_connector(&component(VERSION, "connector.wasm")).expect("a connector");
    let place = KvPlace { tenant: "acme".parse().expect("a name"), plugin: "released".into() };
    let access = Access::new(Asks { kv: Bytes(1_024), ..Asks::default() })
        .with_settings([("mood".to_owned(), "好".to_owned())].into())
        .with_secret("token".parse().expect("a name"), "hunter2".into())
        .with_kv(Arc::new(MemoryKv::default()), place);
    let (access, mut asker) = (Arc::new(access), Asker::new(&engine()));
    let mut ask = |ask: Ask| asker.ask(question(ask)).result;
    let mut said = told(connector.description());
    let operations = ["tell", "imports"].map(str::to_owned).into_iter().chain((0..10).map(|number| number.to_string()));
    for operation in operations {
        let interaction = Some(InteractionId(7));
        let call = Call { operation, input: r#"{"a":1}"#.into(), key: "wish-1".into(), interaction, at: AT };
        let (connector, access) = (connector.clone(), Arc::clone(&access));
        said += &told(&ask(Ask::Invoke { connector, access, call: Box::new(call) }));
    }
    for attempt in [1, 2] {
        let kind = "interaction-ended".into();
        let notice = Box::new(Notice { id: "e1".into(), kind, at: AT, attempt, json: "{}".into() });
        let (connector, access) = (connector.clone(), Arc::clone(&access));
        said += &told(&ask(Ask::Notify { connector, access, notice }));
    }
    said += &told(&ask(Ask::Probe { connector: connector.clone(), access }));
    said += &told(&connector.check(&Settings::new(tag())));
    expect![[r#"
        ConnectorDescription { name: "released", operations: [Operation { name: "tell", title: "Tell", input_schema: "{}", output_schema: "{}", writes: false }, Operation { name: "imports", title: "Tell", input_schema: "{}", output_schema: "{}", writes: true }], events: ["interaction-ended"] }
        Ok(Invoked(Ok("\"\\\"{\\\\\\\"a\\\\\\\":1}\\\" wish-1 Some(\\\"i7\\\") 1795428000000\"")))
        Ok(Invoked(Ok("\"Some(\\\"好\\\") None [(\\\"mood\\\", \\\"好\\\")] None Ok(32) (Err(SignFailure::UnknownSecret), Err(SignFailure::UnknownAlgorithm)) | true Ok(true) Ok(Some([51])) Ok([\\\"a\\\"]) Ok(()) Ok(None)\"")))
        Ok(Invoked(Err(ConnectorFailure { code: UnknownOperation, message: "no", retry: Some(1.5s) })))
        Ok(Invoked(Err(ConnectorFailure { code: BadInput("/a"), message: "no", retry: Some(1.5s) })))
        Ok(Invoked(Err(ConnectorFailure { code: NotFound, message: "no", retry: Some(1.5s) })))
        Ok(Invoked(Err(ConnectorFailure { code: Denied, message: "no", retry: Some(1.5s) })))
        Ok(Invoked(Err(ConnectorFailure { code: Unreachable, message: "no", retry: Some(1.5s) })))
        Ok(Invoked(Err(ConnectorFailure { code: TimedOut, message: "no", retry: Some(1.5s) })))
        Ok(Invoked(Err(ConnectorFailure { code: Limit, message: "no", retry: Some(1.5s) })))
        Ok(Invoked(Err(ConnectorFailure { code: BadAnswer, message: "no", retry: Some(1.5s) })))
        Ok(Invoked(Err(ConnectorFailure { code: BadSettings, message: "no", retry: Some(1.5s) })))
        Ok(Invoked(Err(ConnectorFailure { code: Other("acme.no"), message: "no", retry: Some(1.5s) })))
        Ok(Noted(Err(ConnectorFailure { code: Limit, message: "e1 interaction-ended 1795428000000 {}", retry: Some(1.5s) })))
        Ok(Noted(Ok(())))
        Ok(Noted(Err(ConnectorFailure { code: Denied, message: "FailureCode::NotGranted false", retry: Some(1.5s) })))
        Ok([Problem { severity: Error, code: "acme.odd", node: None, field: None, message: "vip", remedy: "yes" }])
    "#]].assert_eq(&said);
}

fn attachment() -> Attachment {
    let (name, media_type) = ("a.png".into(), "image/png".into());
    Attachment { name, media_type, size: 7, url: "https://example.com/a.png".into() }
}

#[test]
fn channel_of_0_1_1_verifies_receives_and_sends_in_every_way() {
    let channel = engine().load_channel(&component(VERSION, "channel.wasm")).expect("a channel");
    let (access, mut asker) = (Arc::new(Access::new(Asks::default())), Asker::new(&engine()));
    let mut ask = |ask: Ask| asker.ask(question(ask)).result;
    let webhook = |is: Option<&str>| {
        let headers = is.map(|is| ("x-is".to_owned(), is.to_owned())).into_iter().collect();
        Box::new(Webhook { method: "POST".into(), path: "inbox?a=1".into(), headers, body: b"hi".to_vec(), at: AT })
    };
    let mut said = told(channel.description());
    for is in [Some("genuine"), Some("forged"), Some("handshake"), None] {
        let (channel, access) = (channel.clone(), Arc::clone(&access));
        said += &told(&ask(Ask::Verify { channel, access, webhook: webhook(is) }));
    }
    let (received, by) = (webhook(None), (channel.clone(), Arc::clone(&access)));
    said += &told(&ask(Ask::Receive { channel: by.0, access: by.1, webhook: received }));
    for text in ["您好".to_owned()].into_iter().chain((0..10).map(|number| number.to_string())) {
        let message = Box::new(Outgoing {
            id: "w1".into(),
            to: "user-7".into(),
            thread: Some("t1".into()),
            text,
            template: Some("hello".into()),
            choices: vec!["yes".into()],
            attachments: vec![attachment()],
            at: AT,
        });
        let (channel, access) = (channel.clone(), Arc::clone(&access));
        said += &told(&ask(Ask::Send { channel, access, message }));
    }
    expect![[r#"
        ChannelDescription { name: "released", kind: "chat", text_max: 1000, attachments: ["image/*"], session: Some(86400s) }
        Ok(Verified(Ok(Genuine)))
        Ok(Verified(Ok(Forged)))
        Ok(Verified(Ok(Answer(WebhookReply { status: 201, kind: "text/plain", body: [80, 79, 83, 84, 32, 105, 110, 98, 111, 120, 63, 97, 61, 49, 32, 91, 49, 48, 52, 44, 32, 49, 48, 53, 93, 32, 49, 55, 57, 53, 52, 50, 56, 48, 48, 48, 48, 48, 48] }))))
        Ok(Verified(Err(ChannelFailure { code: BadWebhook, message: "no", retry: Some(2.5s) })))
        Ok(Received(Ok(Received { messages: [Incoming { id: "m0", from: "user-7", thread: Some("t1"), at: Timestamp(1795428000000000), what: Text("你好") }, Incoming { id: "m1", from: "user-7", thread: None, at: Timestamp(1795428000000000), what: File(Attachment { name: "a.png", media_type: "image/png", size: 7, url: "https://chat.example.com/a.png" }) }, Incoming { id: "m2", from: "user-7", thread: None, at: Timestamp(1795428000000000), what: Choice("yes") }, Incoming { id: "m3", from: "user-7", thread: None, at: Timestamp(1795428000000000), what: Left }, Incoming { id: "m4", from: "user-7", thread: None, at: Timestamp(1795428000000000), what: Other(Open { name: "acme.place", json: "1" }) }], reports: [Report { id: "r0", state: Delivered, at: Timestamp(1795428000001000) }, Report { id: "r1", state: Read, at: Timestamp(1795428000001000) }, Report { id: "r2", state: Failed("gone"), at: Timestamp(1795428000001000) }, Report { id: "r3", state: Other("acme.seen"), at: Timestamp(1795428000001000) }], reply: Some(WebhookReply { status: 200, kind: "text/plain", body: [111, 107] }) })))
        Ok(Sent(Ok("w1 user-7 Some(\"t1\") Some(\"hello\") [\"yes\"] [\"a.png\"]")))
        Ok(Sent(Err(ChannelFailure { code: BadWebhook, message: "no", retry: Some(2.5s) })))
        Ok(Sent(Err(ChannelFailure { code: NoRecipient, message: "no", retry: Some(2.5s) })))
        Ok(Sent(Err(ChannelFailure { code: SessionOver, message: "no", retry: Some(2.5s) })))
        Ok(Sent(Err(ChannelFailure { code: UnknownTemplate, message: "no", retry: Some(2.5s) })))
        Ok(Sent(Err(ChannelFailure { code: TooLarge, message: "no", retry: Some(2.5s) })))
        Ok(Sent(Err(ChannelFailure { code: Denied, message: "no", retry: Some(2.5s) })))
        Ok(Sent(Err(ChannelFailure { code: Unreachable, message: "no", retry: Some(2.5s) })))
        Ok(Sent(Err(ChannelFailure { code: Limit, message: "no", retry: Some(2.5s) })))
        Ok(Sent(Err(ChannelFailure { code: BadSettings, message: "no", retry: Some(2.5s) })))
        Ok(Sent(Err(ChannelFailure { code: Other("acme.no"), message: "no", retry: Some(2.5s) })))
    "#]].assert_eq(&said);
    assert_eq!(channel.check(&Settings::new(tag())).expect("a check").len(), 1);
}

#[test]
fn assistant_of_0_1_1_replies_suggests_and_classifies() {
    use plugboard_model::assistant::Speaker;

    let assistant = engine().load_assistant(&component(VERSION, "assistant.wasm")).expect("an assistant");
    let (access, mut asker) = (Arc::new(Access::new(Asks::default())), Asker::new(&engine()));
    let mut ask = |ask: Ask| asker.ask(question(ask)).result;
    let turn = |speaker| Turn { speaker, at: AT, text: "在吗".into() };
    let speakers = [Speaker::Customer, Speaker::Agent, Speaker::Assistant, Speaker::Other];
    let conversation = Conversation {
        interaction: InteractionId(1),
        channel: "chat".into(),
        language: "zh-CN".into(),
        at: AT,
        turns: speakers.map(turn).to_vec(),
        tags: tag(),
    };
    let mut said = told(assistant.description());
    let by = || (assistant.clone(), Arc::clone(&access), Box::new(conversation.clone()));
    let (one, access_of_one, asked) = by();
    said += &told(&ask(Ask::Converse { assistant: one, access: access_of_one, conversation: asked }));
    let (one, access_of_one, asked) = by();
    said += &told(&ask(Ask::Suggest { assistant: one, access: access_of_one, conversation: asked }));
    for text in ["退货", ""].map(str::to_owned) {
        let (assistant, access, _) = by();
        said += &told(&ask(Ask::Classify { assistant, access, text, language: "zh".into() }));
    }
    expect![[r#"
        AssistantDescription { name: "released", replies: true, suggests: true, classifies: true, languages: ["zh-CN", "en"] }
        Ok(Replied([Say("i1 chat zh-CN 1795428000000 [Turn { speaker: Speaker::Customer, at-ms: 1795428000000, text: \"在吗\" }, Turn { speaker: Speaker::Agent, at-ms: 1795428000000, text: \"在吗\" }, Turn { speaker: Speaker::Assistant, at-ms: 1795428000000, text: \"在吗\" }, Turn { speaker: Speaker::Other, at-ms: 1795428000000, text: \"在吗\" }] [Setting { name: \"vip\", value: \"yes\" }]"), Offer(["yes", "no"]), Tag(Setting { name: "mood", value: "好" }), Other(Open { name: "acme.dance", json: "1" }), HandOver { queue: Some("sales"), reason: "asked for one" }, End]))
        Ok(Suggested([Suggestion { text: "在吗", source: Some("kb/7"), confidence: 900 }, Suggestion { text: "在吗", source: None, confidence: 899 }, Suggestion { text: "在吗", source: None, confidence: 898 }, Suggestion { text: "在吗", source: None, confidence: 897 }]))
        Ok(Classified(Classified { intent: Some("退货"), confidence: 800, sentiment: -500, topics: ["zh"] }))
        Err(Plugin(Failure { code: TooLarge, message: "nothing" }))
    "#]].assert_eq(&said);
    assert_eq!(assistant.check(&Settings::new(tag())).expect("a check").len(), 1);
}

#[test]
fn dialer_of_0_1_1_is_given_every_number() {
    let dialer = engine().load_dialer(&component(VERSION, "dialer.wasm")).expect("a dialer");
    let (sound, mut asker) = (Arc::new(settings(&[])), Asker::new(&engine()));
    let mut ask = |ask: Ask| asker.ask(question(ask)).result;
    let stats = Stats {
        at: Timestamp::from_millis(1_795_428_000_001),
        agents_free: 1 << 1,
        agents_talking: 1 << 2,
        agents_wrapping: 1 << 3,
        ringing: 1 << 4,
        waiting: 1 << 5,
        numbers_left: 1 << 6,
        lines_free: 1 << 7,
        placed_total: 1 << 8,
        answered_total: 1 << 9,
        abandoned_total: 1 << 10,
        abandon_limit_permille: 512,
        mean_ring_ms: 1 << 12,
        mean_talk_ms: 1 << 13,
        mean_wrap_ms: 1 << 14,
        more: vec![1 << 11],
    };
    let mut said = told(dialer.description());
    let (settings, by) = (Arc::clone(&sound), dialer.clone());
    said += &told(&ask(Ask::Pace { dialer: by, settings, stats: Box::new(stats) }));
    for their_offset_min in [Some(1), None] {
        let outcomes = [
            Outcome::Answered,
            Outcome::NoAnswer,
            Outcome::Busy,
            Outcome::Machine,
            Outcome::Refused,
            Outcome::Failed,
            Outcome::Abandoned,
            Outcome::Other(100),
        ];
        let attempt = |outcome| dialer::Attempt { at: AT, outcome, ring_ms: 1_000, talk_ms: 100 };
        let history = Box::new(History { at: AT, their_offset_min, attempts: outcomes.map(attempt).to_vec() });
        let (dialer, settings) = (dialer.clone(), Arc::clone(&sound));
        said += &told(&ask(Ask::NextAttempt { dialer, settings, history }));
    }
    expect![[r#"
        DialerDescription { name: "released", wants: ["mood"] }
        Ok(Paced(Tempo { calls: 33279 }))
        Ok(Next(At(Timestamp(1795428068921000))))
        Ok(Next(Never))
    "#]]
    .assert_eq(&said);
    assert_eq!(dialer.check(&Settings::new(tag())).expect("a check").len(), 1);
}
