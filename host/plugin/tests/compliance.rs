//! A rule in the real engine: its verdicts, its alerts, its findings, and all that it must not answer.

#[path = "guests/built.rs"]
mod built;

use std::{sync::Arc, time::Duration};

use built::component;
use expect_test::expect;
use plugboard_model::{
    InteractionId, Timestamp,
    compliance::{
        Act, Asker as Who, Decision, Dial, Duty, Effect, Incoming, Order, Segment, Span, Speaker, Transcript, Verdict,
    },
    flow::{Open, Setting},
};
use plugboard_plugin::{Answer, Ask, AskFailure, Asker, CompliancePlugin, Engine, EngineSettings, Question, Settings};

/// Longer than the 5 ms of real life: a test machine may be busy.
const BUDGET: Duration = Duration::from_millis(500);

/// Monday 2026-11-23, 10:00 UTC.
const TEN: Timestamp = Timestamp::from_secs(1_795_428_000);

struct Rule {
    rule: CompliancePlugin,
    asker: Asker,
}

impl Rule {
    fn new() -> Self {
        let engine = Engine::new(EngineSettings { instances: 40, ..EngineSettings::default() }).expect("an engine");
        let rule = engine.load_compliance(&component("hostile-rule")).expect("a rule");
        Self { rule, asker: Asker::new(&engine) }
    }

    fn ask(
        &mut self,
        how: &str,
        ask: impl FnOnce(CompliancePlugin, Arc<Settings>) -> Ask,
    ) -> Result<Answer, AskFailure> {
        let settings = Settings::new(vec![Setting { name: "how".into(), value: how.into() }]);
        let ask = ask(self.rule.clone(), Arc::new(settings));
        self.asker.ask(Question { id: 1, tenant: "acme".parse().expect("a name"), budget: BUDGET, ask }).result
    }

    fn judge(&mut self, how: &str, what: Effect) -> Result<Verdict, AskFailure> {
        match self.ask(how, |rule, settings| Ask::Judge { rule, settings, act: Box::new(act(what)) })? {
            Answer::Judged(verdict) => Ok(verdict),
            other => panic!("a verdict, not {other:?}"),
        }
    }
}

fn act(what: Effect) -> Act {
    let by = Who::Campaign("autumn".into());
    Act { at: TEN, utc_offset_min: 0, interaction: Some(InteractionId(1)), by, what, tags: vec![] }
}

fn dial(their_offset_min: i16, lists: &[&str]) -> Effect {
    Effect::Dial(Dial {
        number: "+8613800000000".parse().expect("a number"),
        their_offset_min: Some(their_offset_min),
        country: "CN".into(),
        purpose: "campaign".into(),
        lists: lists.iter().map(|list| (*list).into()).collect(),
        attempts: vec![],
    })
}

fn answer() -> Effect {
    let (caller, called, language) = ("+8613800000000".into(), "8001".into(), "zh-CN".into());
    Effect::Answer(Incoming { caller, called, verified: false, language, records: true })
}

#[test]
fn nobody_is_called_after_nine_in_the_evening_where_they_are() {
    let mut rule = Rule::new();
    let mut decide = |offset, lists: &[&str]| {
        let Verdict { decision, code, duties, .. } = rule.judge("well", dial(offset, lists)).expect("a verdict");
        assert_eq!(duties, [], "a duty goes with what is allowed");
        (decision, code)
    };
    assert_eq!(decide(480, &[]), (Decision::Allow, "within-hours".into()));
    // 21:30 there; 9:00 there is 21:30 UTC.
    let morning = Timestamp::from_secs(1_795_428_000 + 41_400);
    assert_eq!(decide(690, &[]), (Decision::Later(morning), "quiet-hours".into()));
    assert_eq!(decide(480, &["do-not-call"]), (Decision::Deny, "do-not-call".into()));
}

#[test]
fn what_an_answer_has_to_come_with_is_said_with_the_verdict() {
    let verdict = Rule::new().judge("well", answer()).expect("a verdict");
    assert_eq!(verdict.duties, [Duty::AskConsent("consent.wav".into()), Duty::KeepDays(180)]);
}

#[test]
fn a_rule_says_what_it_judges_and_is_asked_nothing_else() {
    let Rule { rule, .. } = Rule::new();
    let fax = |name: &str| Effect::Other(Open { name: name.into(), json: "{}".into() });
    assert_eq!(
        [dial(0, &[]), answer(), fax("acme.fax"), fax("acme.telex")].map(|what| rule.judges(&what)),
        [true, true, true, false]
    );
    let about = rule.description();
    assert_eq!((about.listens, about.reviews, &about.redacts[..]), (true, true, &["bank-card".to_owned()][..]));
    let problems = rule.check(&Settings::document("{}")).expect("a check");
    assert_eq!(problems[0].message, "document");
}

#[test]
fn each_verdict_that_is_none_is_a_typed_failure_and_the_next_question_is_answered() {
    let mut rule = Rule::new();
    let words = [
        "loops",
        "panics",
        "fails",
        "puts-off-into-the-past",
        "puts-off-for-ever",
        "invents-a-duty",
        "leaves-the-folder",
        "forgets-nothing",
        "obliges-too-much",
        "injects",
    ];
    let mut seen = String::new();
    for word in words {
        let answered = match rule.judge(word, dial(0, &[])) {
            Ok(Verdict { decision, code, reason, .. }) => format!("{decision:?} by {code}: {reason}"),
            Err(AskFailure::Trapped { .. }) => "trapped".into(),
            Err(failure) => failure.to_string(),
        };
        seen += &format!("{word}: {answered}\n");
        assert!(rule.judge("well", dial(0, &[])).is_ok());
    }
    expect![[r#"
        loops: plugin did not answer within 500ms
        panics: trapped
        fails: plugin gives no answer (no-list): no
        puts-off-into-the-past: plugin's answer is void: later is 1795428000000
        puts-off-for-ever: plugin's answer is void: later is 9223372036854775807
        invents-a-duty: Deny by unknown-duty: the rule polite wants acme.bow, which this host cannot do
        leaves-the-folder: plugin's answer is void: announce "../x.wav" is not allowed
        forgets-nothing: plugin's answer is void: keep-days is 0
        obliges-too-much: plugin's answer is void: 17 duties, at most 16 are allowed
        injects: plugin's answer is void: code "a\r\nb" is not allowed
    "#]]
    .assert_eq(&seen);
}

/// The host's own default is taken by who asked: each kind of effect has one.
#[test]
fn a_failed_rule_denies_a_dial_and_allows_an_answer() {
    let mut rule = Rule::new();
    let mut by_default = |what: Effect| match rule.judge("panics", what.clone()) {
        Err(failure) => Verdict::by_default(&what, failure.to_string().lines().next().unwrap_or_default()).decision,
        Ok(verdict) => panic!("no verdict, not {verdict:?}"),
    };
    assert_eq!([by_default(dial(0, &[])), by_default(answer())], [Decision::Deny, Decision::Allow]);
}

fn segment(seq: u32, text: &str) -> Segment {
    Segment {
        seq,
        speaker: Speaker::Caller,
        from_ms: seq * 1_000,
        to_ms: seq * 1_000 + 900,
        text: text.into(),
        confidence_permille: 900,
        language: "zh-CN".into(),
    }
}

#[test]
fn a_card_number_that_is_read_out_in_two_breaths_pauses_the_recording() {
    let mut rule = Rule::new();
    let mut state = Vec::new();
    let mut orders = Vec::new();
    for (seq, text) in (0..).zip(["我的卡号是 6222 0212", "3456 7890", "谢谢"]) {
        let ask = |rule, settings| Ask::Utterance {
            rule,
            settings,
            state: state.clone(),
            segment: Box::new(segment(seq, text)),
        };
        let Ok(Answer::Heard(heard)) = rule.ask("well", ask) else { panic!("heard") };
        orders.push(heard.alerts.into_iter().flat_map(|alert| alert.orders).collect::<Vec<Order>>());
        state = heard.state;
    }
    assert_eq!(orders, [vec![], vec![Order::PauseRecording], vec![]]);
    let too_much = rule.ask("keeps-too-much", |rule, settings| Ask::Utterance {
        rule,
        settings,
        state: vec![],
        segment: Box::new(segment(0, "")),
    });
    assert!(matches!(too_much, Err(AskFailure::BadAnswer(_))), "{too_much:?}");
}

#[test]
fn a_review_finds_that_nobody_said_hello() {
    let mut rule = Rule::new();
    let mut review = |how: &str, text: &str| {
        let segments = vec![segment(0, text)];
        let (interaction, language) = (InteractionId(1), "zh-CN".into());
        let transcript = Box::new(Transcript { interaction, at: TEN, language, segments, tags: vec![] });
        match rule.ask(how, |rule, settings| Ask::Review { rule, settings, transcript }) {
            Ok(Answer::Reviewed(findings)) => {
                findings.iter().map(|finding| format!("{} -{}", finding.code, finding.points)).collect::<String>()
            }
            Ok(other) => panic!("findings, not {other:?}"),
            Err(failure) => failure.to_string(),
        }
    };
    assert_eq!(review("well", "您好，很高兴为您服务"), "");
    assert_eq!(review("well", "喂"), "no-greeting -20");
    assert_eq!(review("invents-a-segment", "喂"), "plugin's answer is void: number 4711 was not in the question");
}

#[test]
fn what_has_to_be_masked_lies_within_the_text_and_on_whole_characters() {
    let mut rule = Rule::new();
    let mut redact = |how: &str| {
        let (text, language) = ("卡 6222 和 0212".into(), "zh-CN".into());
        rule.ask(how, |rule, settings| Ask::Redact { rule, settings, text, language })
    };
    let span = |start, end| Span { start, end, kind: "bank-card".into() };
    assert_eq!(redact("well"), Ok(Answer::Redacted(vec![span(4, 8), span(13, 17)])));
    assert!(matches!(redact("cuts-a-character"), Err(AskFailure::BadAnswer(_))));
    assert!(matches!(redact("overlaps"), Err(AskFailure::BadAnswer(_))));
}
