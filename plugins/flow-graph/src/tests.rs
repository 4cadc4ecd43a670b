//! Calls through whole documents, and what is said of bad ones.

use std::fmt::Write as _;

use crate::{
    contract::exports::plugboard::plugin::{
        common::{FailureCode, Severity},
        flow::{Event, Stepped},
        flow_types::{
            Channel, Digits, Direction, Effect, End, GatherEnd, GiveUp, Happening, Mailbox, Prompt, QueueNews,
            Recording, Refusal, Source, Start, Target, TransferEnd,
        },
    },
    document::Graph,
    read::read,
    run::step,
};

/// 2026-11-23 was a Monday.
const MONDAY: u64 = 1_795_392_000_000;
const HOUR: u64 = 3_600_000;

fn graph(nodes: &str, rest: &str) -> Graph {
    let (graph, problems) = read(&document(nodes, rest));
    graph.unwrap_or_else(|| panic!("{problems:#?}"))
}

/// `rest` are further members of the document, each with a comma before it.
fn document(nodes: &str, rest: &str) -> String {
    format!(r#"{{ "format": 1, "name": "main", "language": "zh-CN", "start": "a", "nodes": {{ {nodes} }}{rest} }}"#)
}

/// One caller's way through a flow, as a ladder: `<` what happened, `>` what was asked for, `@` where the flow was.
struct Call<'a> {
    graph: &'a Graph,
    state: Vec<u8>,
    seq: u32,
    now: u64,
    last: u32,
    ladder: String,
}

impl<'a> Call<'a> {
    fn offered(graph: &'a Graph) -> Self {
        Self::offered_at(graph, MONDAY + 10 * HOUR, "zh-CN")
    }

    fn offered_at(graph: &'a Graph, now: u64, language: &str) -> Self {
        let mut call = Self { graph, state: Vec::new(), seq: 0, now, last: 0, ladder: String::new() };
        call.feed(
            None,
            Happening::Started(Start {
                interaction: "i1".into(),
                channel: Channel::Voice,
                direction: Direction::Inbound,
                caller: "+8613800000000".into(),
                called: "8001".into(),
                verified: true,
                language: language.into(),
            }),
        );
        call
    }

    fn feed(&mut self, answers: Option<u32>, what: Happening) -> Stepped {
        let event =
            Event { seq: self.seq, at_ms: self.now, utc_offset_min: 0, answers, more: false, what, extra: Vec::new() };
        let stepped = step(self.graph, &self.state, &event).expect("an answer");
        self.seq += 1;
        self.now += 1_000;
        self.state.clone_from(&stepped.state);
        for action in &stepped.actions {
            self.last = action.token;
            writeln!(self.ladder, "> {} {}", action.token, shown(&action.what)).unwrap();
        }
        for visit in &stepped.trail {
            writeln!(self.ladder, "@ {} {}", visit.node, visit.exit.as_deref().unwrap_or("…")).unwrap();
        }
        stepped
    }

    /// Answers the last action.
    fn then(mut self, what: Happening) -> Self {
        writeln!(self.ladder, "< {what:?}").unwrap();
        self.feed(Some(self.last), what);
        self
    }

    fn pressed(mut self, digits: &str) -> Self {
        writeln!(self.ladder, "< pressed {digits:?}").unwrap();
        let ended = if digits.is_empty() { GatherEnd::Timeout } else { GatherEnd::Complete };
        self.feed(Some(self.last), Happening::Gathered(Digits { digits: digits.into(), ended }));
        self
    }

    fn played(mut self) -> Self {
        writeln!(self.ladder, "< played").unwrap();
        self.feed(Some(self.last), Happening::Played(true));
        self
    }

    #[track_caller]
    fn goes(&self, ladder: &str) {
        let wanted: Vec<&str> = ladder.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(self.ladder.lines().collect::<Vec<_>>(), wanted, "the whole ladder:\n{}", self.ladder);
    }
}

fn said(prompt: &Prompt) -> String {
    let source = |source: &Source| match source {
        Source::File(file) => file.clone(),
        Source::Text(text) => format!("{text:?}"),
        Source::Digits(digits) => format!("digits {digits}"),
        Source::Number(number) => format!("number {number}"),
        Source::Position => "position".into(),
        Source::Other(open) => open.name.clone(),
    };
    prompt.sources.iter().map(source).collect::<Vec<_>>().join(" + ")
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::PickUp => "pick up".into(),
        Effect::Play(prompt) => format!("play {} in {}", said(prompt), prompt.language),
        Effect::Gather(gather) => {
            let secret = if gather.secret { ", secret" } else { "" };
            format!(
                "gather {} after {}{secret}",
                gather.max_digits,
                gather.prompt.as_ref().map(said).unwrap_or_default()
            )
        }
        Effect::Enqueue(enqueue) => {
            let skills: Vec<String> =
                enqueue.skills.iter().map(|need| format!("{}≥{}", need.skill, need.level)).collect();
            format!("enqueue {} p{} [{}]", enqueue.queue, enqueue.priority, skills.join(" "))
        }
        Effect::Transfer(transfer) => match &transfer.to {
            Target::Agent(agent) => format!("transfer to agent {agent}"),
            Target::Number(number) => format!("transfer to number {number}"),
            Target::Flow(flow) => format!("transfer to flow {flow}"),
            Target::Other(open) => open.name.clone(),
        },
        Effect::Record(record) => match &record.mailbox {
            Some(Mailbox::Queue(queue)) => format!("record for queue {queue}"),
            Some(Mailbox::Agent(agent)) => format!("record for agent {agent}"),
            _ => "record".into(),
        },
        Effect::Tag(tag) => format!("tag {}={}", tag.name, tag.value),
        Effect::HangUp(cause) => format!("hang up {cause}"),
        other => format!("{other:?}"),
    }
}

fn refused() -> Happening {
    Happening::Refused(Refusal { code: "prompt-missing".into(), message: String::new(), retryable: false })
}

#[test]
fn silent_and_wrong_callers_are_asked_again_until_retries_are_used() {
    let graph = graph(
        r#""a": { "kind": "menu", "prompt": "menu.wav", "no_input_prompt": "hello.wav", "no_match_prompt": "wrong.wav",
                  "repeat_key": "9", "retries": 1, "exits": { "1": "b", "no_input": "b", "no_match": "b" } },
           "b": { "kind": "hang-up", "cause": 16 }"#,
        "",
    );
    Call::offered(&graph).pressed("9").pressed("7").pressed("").goes(
        r#"> 0 pick up
           > 1 gather 1 after menu.wav
           @ a …
           < pressed "9"
           > 2 gather 1 after menu.wav
           < pressed "7"
           > 3 gather 1 after wrong.wav + menu.wav
           < pressed ""
           > 4 hang up 16
           @ a no_input
           @ b ended"#,
    );
}

#[test]
fn prompts_follow_the_language_that_the_caller_chose() {
    let graph = graph(
        r#""a": { "kind": "play", "prompt": { "zh-CN": "huanying.wav", "en": "welcome.wav" }, "exits": { "done": "b" } },
           "b": { "kind": "set-language", "language": "en-GB", "exits": { "next": "c" } },
           "c": { "kind": "play", "prompt": { "zh-CN": "zaijian.wav", "en": "bye.wav" }, "exits": { "done": "d" } },
           "d": { "kind": "hang-up" }"#,
        "",
    );
    Call::offered_at(&graph, MONDAY, "fr").played().goes(
        "> 0 pick up
         > 1 play huanying.wav in zh-CN
         @ a …
         < played
         > 2 tag language=en-GB
         > 3 play bye.wav in en
         @ a done
         @ b next
         @ c …",
    );
}

#[test]
fn account_number_is_checked_read_back_and_kept() {
    let graph = graph(
        r#""a": { "kind": "collect-digits", "prompt": "card.wav", "min": 4, "max": 19, "into": "card", "invalid_prompt": "again.wav",
                  "valid": { "luhn": true }, "confirm": { "before": "heard.wav", "after": "press1.wav" },
                  "exits": { "ok": "b", "no_input": "c", "invalid": "c" } },
           "b": { "kind": "tag", "set": { "card": "no. {card}" }, "exits": { "next": "c" } },
           "c": { "kind": "hang-up" }"#,
        r#", "variables": { "card": "" }"#,
    );
    Call::offered(&graph).pressed("4111111111111112").pressed("4111111111111111").pressed("1").goes(
        r#"> 0 pick up
           > 1 gather 19 after card.wav
           @ a …
           < pressed "4111111111111112"
           > 2 gather 19 after again.wav + card.wav
           < pressed "4111111111111111"
           > 3 gather 1 after heard.wav + digits 4111111111111111 + press1.wav
           < pressed "1"
           > 4 tag card=no. 4111111111111111
           > 5 hang up 16
           @ a ok
           @ b next
           @ c ended"#,
    );
}

#[test]
fn branch_takes_the_first_rule_that_holds() {
    let graph = graph(
        r#""a": { "kind": "set-variable", "set": { "tries": { "add": 2 }, "tier": "gold" }, "exits": { "next": "b" } },
           "b": { "kind": "branch", "rules": [
                    { "variable": "tries", "is": ">", "value": 2, "exit": "no" },
                    { "all": [ { "variable": "caller", "is": "starts-with", "value": "+86" },
                               { "variable": "tier", "is": "in", "value": ["silver", "gold"] } ], "exit": "yes" } ],
                  "exits": { "no": "c", "else": "c", "yes": "d" } },
           "c": { "kind": "hang-up", "cause": 17 },
           "d": { "kind": "transfer-number", "number": "{caller}", "exits": { "busy": "c" } }"#,
        r#", "variables": { "tries": 0, "tier": "" }"#,
    );
    Call::offered(&graph).then(Happening::Transferred(TransferEnd::Busy)).goes(
        "> 0 transfer to number +8613800000000
         @ a next
         @ b yes
         @ d …
         < Happening::Transferred(TransferEnd::Busy)
         > 1 hang up 17
         @ d busy
         @ c ended",
    );
}

const OFFICE: &str = r#""a": { "kind": "business-hours", "week": { "mon": ["09:00-18:00"] }, "holidays": ["11-30"],
                  "exits": { "open": "b", "closed": "c" } },
           "b": { "kind": "set-queue", "queue": "sales", "priority": 8, "skills": { "english": 5 }, "exits": { "next": "d" } },
           "c": { "kind": "voicemail", "greeting": "leave.wav", "mailbox": { "queue": "sales" }, "min_s": 2, "exits": { "recorded": "e", "too_short": "c" } },
           "d": { "kind": "queue", "exit_keys": "*", "announce": { "every_s": 30, "prompt": { "position": true } },
                  "exits": { "timeout": "c", "exit_key": "c" } },
           "e": { "kind": "hang-up", "prompt": "bye.wav" }"#;

#[test]
fn caller_in_office_hours_waits_and_leaves_a_message_by_the_exit_key() {
    let graph = graph(OFFICE, "");
    let recording = |length_ms| Happening::Recorded(Recording { id: "r1".into(), length_ms });
    Call::offered(&graph)
        .then(Happening::Queue(QueueNews::GaveUp(GiveUp::ExitKey('*'))))
        .played()
        .then(recording(1_999))
        .played()
        .then(recording(2_000))
        .played()
        .goes(
            "> 0 pick up
             > 1 enqueue sales p8 [english≥5]
             @ a open
             @ b next
             @ d …
             < Happening::Queue(QueueNews::GaveUp(GiveUp::ExitKey('*')))
             > 2 play leave.wav in zh-CN
             @ d exit_key
             @ c …
             < played
             > 3 record for queue sales
             < Happening::Recorded(Recording { id: \"r1\", length-ms: 1999 })
             > 4 play leave.wav in zh-CN
             @ c too_short
             @ c …
             < played
             > 5 record for queue sales
             < Happening::Recorded(Recording { id: \"r1\", length-ms: 2000 })
             > 6 play bye.wav in zh-CN
             @ c recorded
             @ e …
             < played
             > 7 hang up 16
             @ e ended",
        );
}

#[test]
fn holiday_without_an_exit_is_closed() {
    let graph = graph(OFFICE, "");
    Call::offered_at(&graph, MONDAY + 7 * 24 * HOUR + 10 * HOUR, "zh-CN").goes(
        "> 0 pick up
         > 1 play leave.wav in zh-CN
         @ a holiday
         @ c …",
    );
}

#[test]
fn missing_prompt_leads_to_the_apology_and_the_fallback_queue() {
    let graph = graph(
        r#""a": { "kind": "play", "prompt": "lost.wav", "exits": { "done": "b" } }, "b": { "kind": "hang-up" }"#,
        r#", "exception": { "prompt": "sorry.wav", "queue": "general" }"#,
    );
    Call::offered(&graph).then(refused()).then(refused()).then(Happening::Queue(QueueNews::GaveUp(GiveUp::Full))).goes(
        r#"> 0 pick up
           > 1 play lost.wav in zh-CN
           @ a …
           < Happening::Refused(Refusal { code: "prompt-missing", message: "", retryable: false })
           > 2 play sorry.wav in zh-CN
           @ a error
           @ exception …
           < Happening::Refused(Refusal { code: "prompt-missing", message: "", retryable: false })
           > 3 enqueue general p5 []
           @ exception …
           < Happening::Queue(QueueNews::GaveUp(GiveUp::Full))
           > 4 hang up 41
           @ exception ended"#,
    );
}

#[test]
fn caller_who_hangs_up_is_counted_where_the_flow_stood_and_nothing_follows() {
    let graph = graph(OFFICE, "");
    let mut call = Call::offered(&graph);
    call.ladder.clear();
    call.feed(None, Happening::HungUp(End { cause: 16, by_caller: true }));
    call.feed(Some(1), Happening::Queue(QueueNews::Connected("lin".into())));
    call.goes("@ d hung-up");
}

#[test]
fn late_answers_and_unknown_news_change_nothing() {
    let graph = graph(OFFICE, "");
    let mut call = Call::offered(&graph);
    let state = call.state.clone();
    for (answers, what) in [
        (Some(0), Happening::Played(true)),
        (None, Happening::Timer),
        (Some(1), Happening::Played(true)),
        (Some(9), Happening::Queue(QueueNews::Connected("lin".into()))),
    ] {
        let stepped = call.feed(answers, what);
        assert_eq!((stepped.actions.len(), stepped.trail.len(), stepped.state), (0, 0, state.clone()));
    }
}

#[test]
fn loop_that_counts_without_end_is_stopped_by_name() {
    let graph = graph(
        r#""a": { "kind": "set-variable", "set": { "n": { "add": 1 } }, "exits": { "next": "b" } },
           "b": { "kind": "branch", "rules": [{ "variable": "n", "is": "<", "value": 1000, "exit": "again" }], "exits": { "again": "a", "else": "c" } },
           "c": { "kind": "hang-up" }"#,
        r#", "variables": { "n": 0 }"#,
    );
    let start = Start {
        interaction: "i1".into(),
        channel: Channel::Voice,
        direction: Direction::Inbound,
        caller: String::new(),
        called: String::new(),
        verified: false,
        language: "en".into(),
    };
    let event = Event {
        seq: 0,
        at_ms: 0,
        utc_offset_min: 0,
        answers: None,
        more: false,
        what: Happening::Started(start),
        extra: vec![],
    };
    assert_eq!(step(&graph, &[], &event).err().map(|failure| failure.code), Some(FailureCode::Runaway));
}

/// Every problem of a document as one line.
fn problems(document: &str) -> String {
    let line = |problem: crate::contract::exports::plugboard::plugin::common::Problem| {
        let severity = if problem.severity == Severity::Error { "E" } else { "W" };
        assert!(!problem.remedy.is_empty() && !problem.message.is_empty(), "{problem:?}");
        format!("{severity} {} {}", problem.code, problem.field.unwrap_or_default())
    };
    read(document).1.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_error_is_named_with_its_place() {
    let end = r#""z": { "kind": "hang-up" }"#;
    let of =
        |node: &str| problems(&document(&format!(r#""a": {node}, {end}"#), r#", "variables": { "n": 0, "t": "" }"#));
    let found = [
        of(r#"{ "kind": "pley", "exits": { "done": "z" } }"#),
        of(r#"{ "kind": "play", "prompt": "x.wav", "exits": { "done": "y" } }"#),
        of(r#"{ "kind": "play", "prompt": "../x.wav", "exits": { "done": "z" } }"#),
        of(r#"{ "kind": "play", "prompt": { "en": "x.wav" }, "exits": { "done": "z" } }"#),
        of(r#"{ "kind": "play", "prompt": { "text": "{who}" }, "exits": { "done": "z" } }"#),
        of(r#"{ "kind": "play", "exits": { "done": "z" } }"#),
        of(r#"{ "kind": "menu", "prompt": "x.wav", "exits": { "1": "z", "no_input": "z" } }"#),
        of(
            r#"{ "kind": "menu", "prompt": "x.wav", "retries": 99, "exits": { "1": "z", "no_input": "z", "no_match": "z" } }"#,
        ),
        of(
            r#"{ "kind": "branch", "rules": [{ "variable": "n", "is": "==", "value": "1", "exit": "one" }], "exits": { "one": "z", "else": "z" } }"#,
        ),
        of(
            r#"{ "kind": "branch", "rules": [{ "variable": "t", "is": "==", "value": "1", "exit": "one" }], "exits": { "else": "z" } }"#,
        ),
        of(r#"{ "kind": "queue", "exits": { "timeout": "z" } }"#),
        of(r#"{ "kind": "queue", "queue": "a b", "exits": { "timeout": "z" } }"#),
        of(r#"{ "kind": "tag", "set": { "x": "y" }, "exits": { "next": "a" } }"#),
        of(r#"{ "kind": "business-hours", "week": { "mon": ["9-18"] }, "exits": { "open": "z", "closed": "z" } }"#),
        of(r#"{ "kind": "set-variable", "set": { "caller": "x" }, "exits": { "next": "z" } }"#),
        of(
            r#"{ "kind": "collect-digits", "secret": true, "into": "t", "prompt": { "digits": "{t}" }, "exits": { "ok": "z", "no_input": "z", "invalid": "z" } }"#,
        ),
        of(r#"{ "kind": "hang-up", "exits": { "done": "z" } }"#),
        problems(r#"{ "format": 2 }"#),
        problems("{"),
        problems(&document(end, "")),
    ];
    let wanted = [
        "E unknown-kind /nodes/a/kind",
        "E dangling-exit /nodes/a/exits/done\nW unreachable-node /nodes/z",
        "E bad-file /nodes/a/prompt",
        "E missing-language /nodes/a/prompt",
        "E unknown-variable /nodes/a/prompt",
        "E missing-field /nodes/a/prompt",
        "E missing-exit /nodes/a/exits/no_match",
        "E out-of-range /nodes/a/retries",
        "E type-mismatch /nodes/a/rules/0/value",
        "E missing-exit /nodes/a/exits/one",
        "E queue-unset /nodes/a",
        "E bad-name /nodes/a/queue",
        "E endless-loop /nodes/a\nW unreachable-node /nodes/z",
        "E bad-hours /nodes/a/week",
        "E reserved-variable /nodes/a/set",
        "E secret-shown /nodes/a",
        "E unknown-exit /nodes/a/exits/done",
        "E bad-format /format",
        "E not-json ",
        "E missing-start /start",
    ];
    assert_eq!(found.each_ref().map(String::as_str), wanted);
}

#[test]
fn warnings_do_not_keep_a_flow_from_running() {
    let keys = (1..=6).map(|key| format!(r#""{key}": "z", "#)).collect::<String>();
    let document = document(
        &format!(
            r#""a": {{ "kind": "menu", "promt": 1, "prompt": {{ "text": "{}" }}, "exits": {{ {keys} "no_input": "a", "no_match": "z" }} }},
               "y": {{ "kind": "hang-up" }}, "z": {{ "kind": "hang-up" }}"#,
            "长".repeat(121)
        ),
        "",
    );
    let wanted = "W long-prompt /nodes/a/prompt\nW many-options /nodes/a/exits\nW unknown-field /nodes/a/promt\nW silent-loop /nodes/a\nW unreachable-node /nodes/y";
    assert_eq!(problems(&document), wanted);
    assert!(read(&document).0.is_some());
}

#[test]
fn references_name_what_the_tenant_must_have() {
    let graph = graph(OFFICE, r#", "exception": { "prompt": "sorry.wav", "queue": "general" }"#);
    let line = |reference: crate::contract::exports::plugboard::plugin::flow::Reference| {
        let kind = format!("{:?}", reference.kind);
        format!(
            "{} {} {}",
            kind.trim_start_matches("ReferenceKind::"),
            reference.name,
            reference.field.unwrap_or_default()
        )
    };
    let found: Vec<String> = crate::references::references(&graph).into_iter().map(line).collect();
    assert_eq!(
        found,
        [
            "Prompt sorry.wav /exception",
            "Queue general /exception",
            "Queue sales /nodes/b",
            "Skill english /nodes/b",
            "Prompt leave.wav /nodes/c",
            "Queue sales /nodes/c",
            "Prompt bye.wav /nodes/e",
        ]
    );
}
