//! What the kits of worlds that reach out say of components that are wrong in one way each.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use expect_test::expect;
use plugboard_kit::{
    Answer, Ask, Assistant, Case, Ended, Failed, NoResponse, Question, Reply, Report, Response, Sent, Subject, Told,
    examine,
};
use plugboard_model::{
    assistant::{BotAction, Suggestion},
    channel::Verified,
    dialer::{Next, Tempo},
    flow::{Failure, FailureCode},
};
use plugboard_phrases::Language;
use serde_json::{Value, json};

const CASES: &str = r#"[
  { "name": "looked up", "hosts": ["https://crm.example.com"], "asks": [
    { "ask": { "invoke": { "operation": "find", "input": { "phone": "1" }, "key": "wish-1" } },
      "http": [{ "status": 200, "body": {} }], "answer": { "output": {} } } ] }
]"#;

fn of(subject: &Subject, cases: &str, component: impl Fn(&Question) -> Told) -> Report {
    let cases = Case::read("tests/a.json", cases.as_bytes()).unwrap();
    examine("acme", subject, &cases, &mut |question, _| component(question))
}

/// What was found, by its stable words.
fn ids(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.kind.id()).collect()
}

fn failed(code: &str, retry_ms: Option<u64>) -> Ended {
    Ended::Failed(Failed { code: code.into(), message: String::new(), retry_ms })
}

fn sent(method: &str, url: String, key: &str) -> Sent {
    let headers: BTreeMap<String, String> = [("idempotency-key".to_owned(), key.to_owned())].into();
    Sent { method: method.into(), url, headers, body: Value::Null }
}

/// A sound connector: one request, and what came of it in the contract's words.
fn connector(question: &Question) -> Told {
    let call = match &question.ask {
        Ask::Invoke(call) if call.operation == "find" => call,
        Ask::Check => return Ended::Answered(Answer::Problems(Vec::new())).into(),
        Ask::OnEvent(_) => return Ended::Answered(Answer::Done {}).into(),
        _ => return failed("unknown-operation", None).into(),
    };
    let input: Value = serde_json::from_str(&call.input).unwrap_or_default();
    let Some(phone) = input.get("phone").and_then(Value::as_str).filter(|phone| *phone != "..") else {
        return failed("bad-input", None).into();
    };
    let phone: String = phone.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let ended = match question.outside.http.first() {
        Some(Reply::Response(response)) => answer(response),
        _ => failed("unreachable", Some(5_000)),
    };
    Told { ended, sent: vec![sent("PUT", format!("https://crm.example.com/{phone}"), &call.key)] }
}

fn answer(response: &Response) -> Ended {
    let after = response.headers.get("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
    match response.status {
        200..=299 if response.bytes == 0 => Ended::Answered(Answer::Output(json!({}))),
        404 => failed("not-found", None),
        429 | 500..=599 => failed("limit", Some(after.unwrap_or(5) * 1_000)),
        _ => failed("bad-answer", None),
    }
}

#[test]
fn a_connector_that_minds_its_other_side_passes() {
    expect!["acme (connector): passed; questions 53, cases of its own 1\n"]
        .assert_eq(&of(&Subject::Connector, CASES, connector).text(Language::English));
}

#[test]
fn success_where_the_other_system_gave_none_is_told_in_both_languages() {
    let optimist = |question: &Question| {
        let told = connector(question);
        if told.sent.is_empty() { told } else { Told { ended: Ended::Answered(Answer::Output(json!({}))), ..told } }
    };
    let report = of(&Subject::Connector, CASES, optimist);
    expect![[r#"
        acme (connector): 1 finding; questions 53, cases of its own 1
          swallowed
            case      looked up: no such host
            asked     invoke: find, input of 13 B
            answered  {"output":{}}
            contract  where the other system gives no answer or refuses, the answer is a failure
            remedy    look at the failure of `fetch` and at the status before the body
            and 13 more of this kind
    "#]]
    .assert_eq(&report.text(Language::English));
    expect![[r#"
        acme（connector）：1 个问题；提问 53 个，自带用例 1 个
          swallowed
            用例：looked up: no such host
            提问：invoke: find, input of 13 B
            回答：{"output":{}}
            合约：对方系统没有应答或拒绝时，须以失败作答
            建议：先检查 `fetch` 的失败和状态码，再读正文
            同类问题还有 13 个
    "#]]
    .assert_eq(&report.text(Language::Chinese));
}

#[test]
fn whoever_asks_again_too_soon_too_often_or_twice_is_told() {
    let hasty = |question: &Question| match connector(question) {
        Told { ended: Ended::Failed(failed), sent } => {
            Told { ended: Ended::Failed(Failed { retry_ms: Some(100), ..failed }), sent }
        }
        told => told,
    };
    assert_eq!(ids(&of(&Subject::Connector, CASES, hasty)), ["retry-ignored"]);
    let stubborn = |question: &Question| {
        let told = connector(question);
        let sent = told.sent.iter().flat_map(|sent| vec![sent.clone(); 5]).collect();
        Told { sent, ..told }
    };
    assert_eq!(ids(&of(&Subject::Connector, CASES, stubborn)), ["hammers"]);
    let twice = |question: &Question| {
        let mut told = connector(question);
        if question.outside.http.last() == Some(&Reply::Fails(plugboard_kit::Fails { fails: NoResponse::TimedOut })) {
            told.sent.iter_mut().for_each(|sent| sent.headers.clear());
            told.sent.extend(told.sent.clone());
        }
        told
    };
    assert_eq!(ids(&of(&Subject::Connector, CASES, twice)), ["sent-twice"]);
}

#[test]
fn a_value_that_becomes_part_of_an_address_is_told() {
    let as_it_is = |question: &Question| {
        let mut told = connector(question);
        if let Ask::Invoke(call) = &question.ask {
            let input: Value = serde_json::from_str(&call.input).unwrap_or_default();
            let phone = input.get("phone").and_then(Value::as_str).unwrap_or_default().to_owned();
            told.sent.iter_mut().for_each(|sent| sent.url = format!("https://crm.example.com/{phone}"));
        }
        told
    };
    assert_eq!(ids(&of(&Subject::Connector, CASES, as_it_is)), ["injected"]);
}

#[test]
fn a_connector_of_everything_and_one_without_a_case_are_told() {
    let of_everything = |question: &Question| match &question.ask {
        Ask::Invoke(call) if call.operation != "find" => Ended::Answered(Answer::Output(Value::Null)).into(),
        _ => connector(question),
    };
    assert_eq!(ids(&of(&Subject::Connector, CASES, of_everything)), ["does-unknown"]);
    assert_eq!(ids(&of(&Subject::Connector, "[]", connector)), ["no-case"]);
}

/// A platform that signs with the word `signed`.
fn channel(question: &Question) -> Told {
    match &question.ask {
        Ask::Check => Ended::Answered(Answer::Problems(Vec::new())),
        Ask::Verify(webhook) => {
            let is_signed = webhook.headers.iter().any(|(name, value)| name == "x-kit" && value == "signed");
            let verified = if is_signed { Verified::Genuine } else { Verified::Forged };
            Ended::Answered(Answer::Verified(verified))
        }
        _ => failed("bad-webhook", None),
    }
    .into()
}

#[test]
fn a_channel_that_trusts_a_header_because_it_is_there_is_told() {
    let cases = r#"{ "name": "signed", "asks": [
        { "ask": { "verify": { "headers": { "x-kit": "signed" } } }, "answer": { "verified": "genuine" } } ] }"#;
    assert_eq!(ids(&of(&Subject::Channel, cases, channel)), Vec::<&str>::new());
    let by_name = |question: &Question| match &question.ask {
        Ask::Verify(webhook) if webhook.headers.len() == 1 => {
            Ended::Answered(Answer::Verified(Verified::Genuine)).into()
        }
        _ => channel(question),
    };
    assert_eq!(ids(&of(&Subject::Channel, cases, by_name)), ["trusts-anybody"]);
    let of_anybody = |question: &Question| match &question.ask {
        Ask::Verify(_) => Ended::Answered(Answer::Verified(Verified::Genuine)).into(),
        _ => channel(question),
    };
    let report = of(&Subject::Channel, cases, of_anybody);
    assert_eq!((ids(&report), report.findings[0].case.as_str()), (vec!["trusts-anybody"], "verify: unsigned"));
}

#[test]
fn an_assistant_that_goes_on_after_its_end_or_puts_the_worst_first_is_told() {
    let about = Assistant { replies: true, suggests: true, classifies: false };
    let suggestion = |confidence| Suggestion { text: "x".into(), source: None, confidence };
    let assistant = |question: &Question| {
        Ended::Answered(match &question.ask {
            Ask::Reply(_) => Answer::Actions(vec![BotAction::End, BotAction::Say("and one more".into())]),
            Ask::Suggest(_) => Answer::Suggestions([100, 900].map(suggestion).into()),
            _ => Answer::Problems(Vec::new()),
        })
        .into()
    };
    assert_eq!(ids(&of(&Subject::Assistant(about), "[]", assistant)), ["not-last", "not-best-first"]);
}

#[test]
fn a_dialer_without_an_answer_to_an_ordinary_campaign_is_told() {
    let dialer = |question: &Question| {
        match &question.ask {
            Ask::Pace(stats) if stats.answered_total == 0 => {
                let code = FailureCode::Other("nobody-answered".into());
                Ended::NoAnswer(Failure { code, message: "no rate yet".into() })
            }
            Ask::Pace(stats) => Ended::Answered(Answer::Tempo(Tempo { calls: stats.agents_free })),
            Ask::NextAttempt(_) => Ended::Answered(Answer::Next(Next::Never)),
            Ask::Check => Ended::Answered(Answer::Problems(Vec::new())),
            _ => Ended::Answered(Answer::Configured),
        }
        .into()
    };
    let report = of(&Subject::Dialer { wants: 2 }, "[]", dialer);
    assert_eq!((ids(&report), report.findings[0].case.as_str()), (vec!["no-answer"], "one that has just begun"));
}

#[test]
fn a_case_may_leave_out_what_is_always_the_same_and_a_slip_of_the_pen_is_told() {
    let read = |ask: &str| {
        let case = format!(r#"{{ "name": "n", "asks": [{{ "ask": {ask}, "answer": {{}} }}] }}"#);
        Case::read("a.json", case.as_bytes()).map(|cases| cases[0].asks[0].ask.clone()).map_err(|error| error.reason)
    };
    let Ok(Ask::Invoke(call)) = read(r#"{ "invoke": { "operation": "find", "input": { "phone": "1" } } }"#) else {
        panic!("a call")
    };
    assert_eq!((call.input.as_str(), call.key.as_str()), (r#"{"phone":"1"}"#, "kit-1"));
    let Ok(Ask::Receive(webhook)) = read(r#"{ "receive": { "headers": { "a": "b" }, "body": "您好" } }"#) else {
        panic!("a webhook")
    };
    assert_eq!((webhook.headers.len(), webhook.body.as_slice()), (1, "您好".as_bytes()));
    let slip = read(r#"{ "invoke": { "operation": "find", "inptu": {} } }"#);
    assert_eq!(slip, Err("unknown field `inptu`".to_owned()));
}
