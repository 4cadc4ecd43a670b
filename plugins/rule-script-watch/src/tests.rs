use std::fmt::Write as _;

use expect_test::expect;
use plugboard_rule::{Setting, configured};

use super::*;

const REQUIRED: &str = "recorded: this call is recorded | 本次通话将被录音
risk: investments can lose value｜投资有风险";
const FORBIDDEN: &str = "promise: guaranteed return | 保证收益";

fn setting(pairs: &[(&str, &str)]) -> Vec<Setting> {
    pairs.iter().map(|(name, value)| Setting { name: (*name).into(), value: (*value).into() }).collect()
}

fn rule(pairs: &[(&str, &str)]) -> ScriptWatch {
    let pairs: Vec<_> =
        [("required", REQUIRED), ("forbidden", FORBIDDEN)].into_iter().chain(pairs.iter().copied()).collect();
    configured(&setting(&pairs)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn segments(said: &[(Speaker, u32, &str)]) -> Vec<Segment> {
    let segment = |(seq, (speaker, from_s, text)): (u32, &(Speaker, u32, &str))| Segment {
        seq,
        speaker: *speaker,
        from_ms: from_s * 1_000,
        to_ms: from_s * 1_000 + 3_000,
        text: (*text).to_owned(),
        confidence: 800,
        language: "en".into(),
    };
    (0..).zip(said).map(segment).collect()
}

const CONVERSATION: [(Speaker, u32, &str); 6] = [
    (Speaker::Agent, 1, "Hello! This call, is recorded."),
    (Speaker::Caller, 6, "Is there a guaranteed return?"),
    (Speaker::Agent, 12, "A Guaranteed Return? Of course."),
    (Speaker::Caller, 30, "Good."),
    (Speaker::Agent, 58, "Let us go on."),
    (Speaker::Agent, 90, "By the way: investments can lose value."),
];

#[test]
fn forbidden_phrases_are_told_at_once_and_missing_ones_when_their_time_is_over() {
    let rule = rule(&[]);
    let (mut state, mut told) = (Vec::new(), String::new());
    for segment in segments(&CONVERSATION) {
        let heard = rule.hear(&state, &segment).unwrap_or_else(|failure| panic!("{failure:?}"));
        state = heard.state;
        for alert in heard.alerts {
            let _ =
                writeln!(told, "{:>2} s {:?} {}: {}", segment.to_ms / 1_000, alert.severity, alert.code, alert.message);
        }
    }
    expect![[r#"
        15 s AlertSeverity::Violation forbidden-promise: this must not be said: guaranteed return | 保证收益
        61 s AlertSeverity::Warning missing-risk: this has not been said: investments can lose value｜投资有风险
    "#]]
    .assert_eq(&told);
}

#[test]
fn the_review_takes_points_for_what_was_forbidden_and_for_what_was_never_said() {
    let review = |segments: Vec<Segment>| {
        let transcript = Transcript {
            interaction: "1".into(),
            at_ms: 1,
            language: "en".into(),
            segments,
            tags: Vec::new(),
            extra: Vec::new(),
        };
        let findings = rule(&[("points-missing", "15")]).review(&transcript);
        findings.into_iter().map(|finding| (finding.code, finding.segment, finding.points)).collect::<Vec<_>>()
    };
    assert_eq!(review(segments(&CONVERSATION)), [("forbidden-promise".to_owned(), Some(2), 30)]);
    assert_eq!(review(segments(&CONVERSATION[..2])), [("missing-risk".to_owned(), None, 15)]);
}

#[test]
fn chinese_is_heard_whatever_the_recogniser_puts_between() {
    let rule = rule(&[("language", "zh-CN")]);
    let said = segments(&[(Speaker::Agent, 1, "本次通话，将被录音。投资 有 风险！我们 保证、收益。")]);
    let heard = rule.hear(&[], &said[0]).unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!(heard.alerts[0].message, "禁止使用的话术：guaranteed return | 保证收益");
    assert_eq!(Said::from_state(&heard.state), Ok(Said { required: 0b11, told: false }));
}

#[test]
fn what_the_state_holds_comes_back_bit_for_bit_and_another_revision_is_refused() {
    for said in [Said::default(), Said { required: 0x8000_0000_0000_0001, told: true }] {
        assert_eq!(Said::from_state(&said.to_state()), Ok(said));
    }
    let codes = [&[1][..], &[0; 10], &[0, 0, 0, 0, 0, 0, 0, 0, 2]]
        .map(|state| Said::from_state(state).map_err(|failure| failure.code));
    assert_eq!(codes, [Err(FailureCode::BadState), Err(FailureCode::BadState), Err(FailureCode::BadState)]);
}

#[test]
fn an_entry_without_a_code_or_a_phrase_is_named() {
    let bad = [("required", "just a sentence\nOops: text\nrisk: …")];
    let problems = configured::<ScriptWatch>(&setting(&bad)).err().unwrap_or_default();
    let told: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "\"just a sentence\" is no entry of `required`",
            "\"Oops: text\" is no entry of `required`",
            "\"risk: …\" is no entry of `required`",
            "nothing is required and nothing is forbidden",
        ]
    );
}
