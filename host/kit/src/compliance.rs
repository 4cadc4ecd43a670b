//! What a compliance rule is asked: each effect that it judges, and texts as people speak and write them.

use plugboard_model::{
    InteractionId, Number, Timestamp,
    compliance::{
        Act, Asker, Attempt, Consent, Decision, Dial, Effect, Export, Incoming, MAX_FACTS, Message, Record, RecordStep,
        Segment, Speaker, Transcript, Unmask,
    },
    flow::{Open, Setting},
};

use crate::{Answer, Ask, Kind, Question, Rule, Settings, exam::Exam, hostile};

/// Monday 2026-11-23, 10:00 UTC.
const NOW: u64 = 1_795_428_000;

pub(crate) fn examine(exam: &mut Exam<'_>, rule: &Rule, settings: &Settings) {
    let question = |ask| Question::of(settings, ask);
    for name in &rule.judges {
        for (case, act) in acts(name) {
            judge(exam, &format!("{name}: {case}"), &question(Ask::Judge(Box::new(act))));
        }
    }
    if rule.listens {
        listen(exam, &question);
    }
    if rule.reviews {
        for (case, transcript) in transcripts() {
            let question = question(Ask::Review(Box::new(transcript)));
            if let Some(Answer::Findings(findings)) = exam.answers(case, &question) {
                codes(exam, case, &question, findings.iter().map(|finding| finding.code.as_str()));
            }
        }
    }
    if !rule.redacts.is_empty() {
        redact(exam, rule, &question);
    }
}

fn judge(exam: &mut Exam<'_>, case: &str, question: &Question) {
    let Some(Answer::Verdict(verdict)) = exam.answers(case, question) else { return };
    codes(exam, case, question, [verdict.code.as_str()]);
    if verdict.decision != Decision::Allow && verdict.reason.trim().is_empty() {
        exam.note(
            Kind::NoReason,
            case,
            question,
            &format!("{:?} by {}, and no reason", verdict.decision, verdict.code),
        );
    }
}

fn codes<'a>(exam: &mut Exam<'_>, case: &str, question: &Question, codes: impl IntoIterator<Item = &'a str>) {
    for code in codes {
        let stable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if code.is_empty() || !code.chars().all(stable) {
            exam.note(Kind::BadCode, case, question, &format!("code {code:?}"));
        }
    }
}

/// One effect of that name, ordinary and then at its bounds.
fn acts(name: &str) -> Vec<(String, Act)> {
    let mut acts = Vec::new();
    for (case, what) in effects(name) {
        acts.push((case.to_owned(), act(what.clone())));
        let tag = |at: usize| Setting { name: format!("tag-{at}"), value: "x".repeat(1_024) };
        let full = Act {
            at: Timestamp::from_millis(4_102_444_800_000),
            utc_offset_min: 1_440,
            interaction: None,
            by: Asker::Host,
            what: what.clone(),
            tags: (0..MAX_FACTS).map(tag).collect(),
        };
        acts.push((format!("{case}, full of tags, in the year 2100"), full));
        let first = Act { at: Timestamp::from_millis(0), utc_offset_min: -1_440, ..act(what) };
        acts.push((format!("{case}, at the epoch, far in the west"), first));
    }
    acts
}

fn act(what: Effect) -> Act {
    Act {
        at: Timestamp::from_secs(NOW),
        utc_offset_min: 480,
        interaction: Some(InteractionId(1)),
        by: Asker::Api("kit".into()),
        what,
        tags: vec![Setting { name: "consent".into(), value: "given".into() }],
    }
}

fn effects(name: &str) -> Vec<(&'static str, Effect)> {
    match name {
        "dial" => dials(),
        "answer" => {
            let incoming = Incoming {
                caller: "+8613800000000".into(),
                called: "8001".into(),
                verified: true,
                language: "zh-CN".into(),
                records: true,
            };
            let withheld =
                Incoming { caller: String::new(), verified: false, language: String::new(), ..incoming.clone() };
            vec![("ordinary", Effect::Answer(incoming)), ("withheld", Effect::Answer(withheld))]
        }
        "record" => {
            let record = |step, consent| Record { step, consent, announced: false, reason: "policy".into() };
            vec![
                ("begin", Effect::Record(record(RecordStep::Begin, Consent::NotAsked))),
                ("begin, refused", Effect::Record(record(RecordStep::Begin, Consent::Refused))),
                ("pause", Effect::Record(record(RecordStep::Pause, Consent::Given))),
                ("resume", Effect::Record(record(RecordStep::Resume, Consent::Withdrawn))),
                ("end", Effect::Record(record(RecordStep::End, Consent::Given))),
                (
                    "a reason that nobody knows",
                    Effect::Record(Record { reason: "kit".into(), ..record(RecordStep::Pause, Consent::Given) }),
                ),
            ]
        }
        "unmask" => {
            let unmask = |kind: &str, role: &str, seen_today| Unmask {
                kind: kind.into(),
                customer: "c-1".into(),
                role: role.into(),
                in_hand: true,
                reason: String::new(),
                seen_today,
            };
            vec![
                ("a phone", Effect::Unmask(unmask("phone", "agent", 0))),
                ("words that nobody knows", Effect::Unmask(unmask("kit", "kit", u32::MAX))),
            ]
        }
        "export" => {
            let export = |rows| Export {
                kind: "customers".into(),
                role: "administrator".into(),
                rows,
                personal: true,
                masked: false,
                target: "download".into(),
                reason: "x".repeat(1_024),
            };
            vec![("one row", Effect::Export(export(1))), ("all rows", Effect::Export(export(u32::MAX)))]
        }
        "message" => {
            let message = |text: String, lists: usize| Message {
                channel: "sms".into(),
                to: "+8613800000000".into(),
                text,
                template: None,
                last_heard: None,
                lists: (0..lists).map(|at| format!("list-{at}")).collect(),
                sent_today: 3,
            };
            vec![
                ("ordinary", Effect::Message(message("您好".into(), 1))),
                ("long, on 64 lists", Effect::Message(message("付".repeat(1_365), MAX_FACTS))),
            ]
        }
        other => {
            let open = |json: &str| Effect::Other(Open { name: other.to_owned(), json: json.to_owned() });
            vec![("empty", open("{}")), ("JSON cut short", open("{"))]
        }
    }
}

fn dials() -> Vec<(&'static str, Effect)> {
    let Ok(number) = "+8613800000000".parse::<Number>() else { return Vec::new() };
    let attempt = |at: usize| Attempt { at: Timestamp::from_secs(NOW - at as u64 * 60), outcome: "no-answer".into() };
    let plain = Dial {
        number,
        their_offset_min: Some(480),
        country: "CN".into(),
        purpose: "callback".into(),
        lists: vec![],
        attempts: vec![],
    };
    let full = Dial {
        purpose: "campaign".into(),
        lists: (0..MAX_FACTS).map(|at| format!("list-{at}")).collect(),
        attempts: (0..MAX_FACTS).map(attempt).collect(),
        ..plain.clone()
    };
    let unknown = Dial { their_offset_min: None, country: String::new(), purpose: "kit".into(), ..plain.clone() };
    vec![
        ("ordinary", Effect::Dial(plain)),
        ("64 lists and attempts", Effect::Dial(full)),
        ("nobody knows where", Effect::Dial(unknown)),
    ]
}

fn listen(exam: &mut Exam<'_>, question: &dyn Fn(Ask) -> Question) {
    let mut state = Vec::new();
    for (seq, (case, text)) in (0..).zip(hostile::texts()) {
        let segment = segment(seq, text);
        let question = question(Ask::Utterance { state: state.clone(), segment: Box::new(segment) });
        let case = format!("utterance: {case}");
        let Some(Answer::Heard(heard)) = exam.answers(&case, &question) else { return };
        codes(exam, &case, &question, heard.alerts.iter().map(|alert| alert.code.as_str()));
        state = heard.state;
    }
    for (case, state) in [("noise", vec![0xa5; 300]), ("64 KiB of zeros", vec![0; 64 << 10])] {
        let segment = Box::new(segment(3, "good morning".into()));
        exam.survives(&format!("utterance: a state of {case}"), &question(Ask::Utterance { state, segment }));
    }
}

fn segment(seq: u32, text: String) -> Segment {
    let speaker = [Speaker::Caller, Speaker::Agent, Speaker::Other][seq as usize % 3];
    Segment {
        seq,
        speaker,
        from_ms: seq * 4_000,
        to_ms: seq * 4_000 + 3_000,
        text,
        confidence_permille: 900,
        language: "zh-CN".into(),
    }
}

fn transcripts() -> Vec<(&'static str, Transcript)> {
    let of = |segments| Transcript {
        interaction: InteractionId(1),
        at: Timestamp::from_secs(NOW),
        language: "zh-CN".into(),
        segments,
        tags: vec![],
    };
    let spoken = (0..).zip(hostile::texts()).map(|(seq, (_, text))| segment(seq, text)).collect();
    let many = (0..10_000).map(|seq| segment(seq, "好的".into())).collect();
    // A part of a longer one goes on counting.
    let later = (5_000..5_003).map(|seq| segment(seq, "再见".into())).collect();
    vec![
        ("a review of nothing", of(vec![])),
        ("a review of all kinds of texts", of(spoken)),
        ("a review of 10,000 segments", of(many)),
        ("a review of a later part", of(later)),
    ]
}

fn redact(exam: &mut Exam<'_>, rule: &Rule, question: &dyn Fn(Ask) -> Question) {
    let mut texts = hostile::texts();
    texts.push(("64 KiB of digits and blanks", "4111 1111 1111 1111 ".repeat(3_276)));
    for (case, text) in texts {
        for language in ["zh-CN", "en", "", "x-kit"] {
            let question = question(Ask::Redact { text: text.clone(), language: language.into() });
            let case = format!("redact: {case}");
            let Some(Answer::Spans(spans)) = exam.answers(&case, &question) else { continue };
            for span in spans.iter().filter(|span| !rule.redacts.contains(&span.kind)) {
                exam.note(Kind::UnknownKind, &case, &question, &format!("a span of kind {:?}", span.kind));
            }
        }
    }
}
