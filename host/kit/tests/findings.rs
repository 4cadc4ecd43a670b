//! What the kits say of components that are wrong in one way each: functions here, so that each can be wrong in just that way.

#![allow(clippy::unwrap_used, reason = "a test")]

use expect_test::{Expect, expect};
use plugboard_kit::{Answer, Ask, Case, Ended, Instance, Question, Report, Rule, Subject, examine};
use plugboard_model::{
    compliance::{Decision, Finding, Heard, Span, Verdict},
    flow::{Action, Cause, Effect, Failure, FailureCode, Happening, Stepped},
    routing::{Order, Relaxed},
};
use plugboard_phrases::Language;

/// Longest idle, longest wait, needs as they are.
fn policy(question: &Question) -> Ended {
    let ordered = |mut rows: Vec<(u32, u32)>| {
        rows.sort_by_key(|(number, time)| (std::cmp::Reverse(*time), *number));
        let numbers = rows.into_iter().map(|(number, _)| number).collect();
        Ended::Answered(Answer::Order(Order { numbers, again_ms: None }))
    };
    match &question.ask {
        Ask::RankAgents { candidates, .. } => ordered(candidates.iter().map(|one| (one.number, one.idle_ms)).collect()),
        Ask::RankWaiting { waiting, .. } => ordered(waiting.iter().map(|one| (one.number, one.waited_ms)).collect()),
        Ask::OnTimer { needs, .. } => {
            let relaxed = Relaxed { needs: needs.clone(), overflow_to: None, again_ms: None };
            Ended::Answered(Answer::Relaxed(relaxed))
        }
        _ => Ended::Answered(Answer::Configured),
    }
}

fn action(token: u32, what: Effect) -> Action {
    Action { token, what }
}

/// Waits for ten minutes, then hangs up. Its state is its last token.
fn flow(question: &Question) -> Ended {
    let Ask::Step { state, event } = &question.ask else {
        return match question.ask {
            Ask::Check => Ended::Answered(Answer::Problems(Vec::new())),
            _ => Ended::Answered(Answer::Configured),
        };
    };
    let last = match (state.as_slice(), &event.what) {
        (_, Happening::Started(_)) => 0,
        ([last], _) => *last,
        _ => return no_answer(FailureCode::BadState, "one byte was wanted"),
    };
    let actions = match event.what {
        Happening::Started(_) => vec![action(1, Effect::Timer { after_ms: 600_000 })],
        Happening::Timer | Happening::Refused(_) => {
            vec![action(u32::from(last) + 1, Effect::HangUp { cause: Cause::NORMAL_CLEARING })]
        }
        _ => Vec::new(),
    };
    let state = vec![last.saturating_add(u8::try_from(actions.len()).unwrap_or(1))];
    Ended::Answered(Answer::Stepped(Stepped { state, actions, trail: Vec::new() }))
}

fn no_answer(code: FailureCode, message: &str) -> Ended {
    Ended::NoAnswer(Failure { code, message: message.into() })
}

fn verdict(decision: Decision, code: &str, reason: &str) -> Ended {
    let (code, reason) = (code.into(), reason.into());
    Ended::Answered(Answer::Verdict(Verdict { decision, code, reason, duties: Vec::new() }))
}

/// Denies, finds nothing.
fn rule(question: &Question) -> Ended {
    match &question.ask {
        Ask::Judge(_) => verdict(Decision::Deny, "not-today", "closed today"),
        Ask::Utterance { state, .. } => {
            Ended::Answered(Answer::Heard(Heard { state: state.clone(), alerts: Vec::new() }))
        }
        Ask::Review(_) => Ended::Answered(Answer::Findings(Vec::<Finding>::new())),
        Ask::Redact { .. } => Ended::Answered(Answer::Spans(Vec::new())),
        Ask::Check => Ended::Answered(Answer::Problems(Vec::new())),
        _ => Ended::Answered(Answer::Configured),
    }
}

fn all_of_compliance() -> Subject {
    let judges = ["dial", "answer", "record", "unmask", "export", "message", "acme.fax"].map(str::to_owned).to_vec();
    Subject::Compliance(Rule { judges, listens: true, reviews: true, redacts: vec!["phone".into()] })
}

fn of(subject: &Subject, cases: &[Case], mut component: impl FnMut(&Question, Instance) -> Ended) -> Report {
    examine("acme", subject, cases, &mut |question, instance| component(question, instance).into())
}

fn check(subject: &Subject, component: impl FnMut(&Question, Instance) -> Ended, expected: &Expect) {
    expected.assert_eq(&of(subject, &[], component).text(Language::English));
}

fn cases(json: &str) -> Vec<Case> {
    Case::read("tests/a.json", json.as_bytes()).unwrap()
}

#[test]
fn components_that_keep_the_contract_pass() {
    let reports = [
        of(&Subject::Routing, &[], |question, _| policy(question)),
        of(&Subject::Flow, &[], |question, _| flow(question)),
        of(&all_of_compliance(), &[], |question, _| rule(question)),
    ];
    expect![[r#"
        acme (routing): passed; questions 48, cases of its own 0
        acme (flow): passed; questions 215, cases of its own 0
        acme (compliance): passed; questions 121, cases of its own 0
    "#]]
    .assert_eq(&reports.map(|report| report.text(Language::English)).concat());
}

#[test]
fn a_policy_that_asks_a_static_counter_is_found_out_by_a_second_instance() {
    let mut asked = 0_u32;
    let component = move |question: &Question, _| {
        asked += 1;
        match policy(question) {
            Ended::Answered(Answer::Order(mut order)) if !order.numbers.is_empty() => {
                let by = asked as usize % order.numbers.len();
                order.numbers.rotate_left(by);
                Ended::Answered(Answer::Order(order))
            }
            ended => ended,
        }
    };
    check(
        &Subject::Routing,
        component,
        &expect![[r#"
        acme (routing): 2 findings; questions 48, cases of its own 0
          not-deterministic
            case      2 candidates
            asked     rank-agents: 2 candidates, 2 needs, 2 columns
            answered  {"order":{"numbers":[1,0],"again_ms":null}}, then {"order":{"numbers":[0,1],"again_ms":null}}
            contract  the same question has the same answer in any instance, new or used
            remedy    look for chance, a static variable, the order of a hash map; keep only what `configure` gave
            and 23 more of this kind
          not-deterministic
            case      2 waiting
            asked     rank-waiting: 2 waiting, 2 columns
            answered  {"order":{"numbers":[0,1],"again_ms":null}}, then {"order":{"numbers":[1,0],"again_ms":null}}
            contract  the same question has the same answer in any instance, new or used
            remedy    look for chance, a static variable, the order of a hash map; keep only what `configure` gave
            and 7 more of this kind
    "#]],
    );
}

#[test]
fn what_the_door_refuses_is_told_with_the_rule_that_it_breaks() {
    let component = |question: &Question, _| match &question.ask {
        Ask::RankAgents { candidates, .. } if candidates.len() > 1 => {
            Ended::Void { reason: "number 7 stands there twice".into() }
        }
        _ => policy(question),
    };
    check(
        &Subject::Routing,
        component,
        &expect![[r#"
        acme (routing): 1 finding; questions 48, cases of its own 0
          void-answer
            case      2 candidates
            asked     rank-agents: 2 candidates, 2 needs, 2 columns
            answered  number 7 stands there twice
            contract  an order with a number that was not in the question, or one twice, is void; `again-ms` is at least 100
            remedy    answer within the bounds that the world's file in wit/ has
            and 23 more of this kind
    "#]],
    );
}

#[test]
fn a_trap_and_a_memory_that_runs_out_are_told_once_each() {
    let component = |question: &Question, _| match &question.ask {
        Ask::RankAgents { columns, .. } if columns.iter().any(|column| column.values.len() == 1) => {
            Ended::Trapped { backtrace: "index out of bounds: the len is 1\nat policy.rs:7".into() }
        }
        Ask::RankWaiting { waiting, .. } if waiting.len() > 99 => Ended::OutOfMemory { limit: 16 << 20 },
        _ => policy(question),
    };
    check(
        &Subject::Routing,
        component,
        &expect![[r#"
        acme (routing): 2 findings; questions 48, cases of its own 0
          trapped
            case      1 candidates
            asked     rank-agents: 1 candidates, 2 needs, 2 columns
            answered  index out of bounds: the len is 1
            contract  whatever the host tells is answered, if only by a failure; an instance that traps is thrown away
            remedy    ask it again with `plugboard ask` and read the backtrace; answer what you cannot use with a failure
            and 3 more of this kind
          out-of-memory
            case      100 waiting
            asked     rank-waiting: 100 waiting, 2 columns
            answered  it asked for more than 16777216 bytes of memory
            contract  an instance has the memory that its manifest asks for, 16 MiB without
            remedy    keep less, or ask for more by `limits.memory` in plugin.toml
            and 3 more of this kind
    "#]],
    );
}

#[test]
fn who_is_late_once_was_on_a_busy_machine_and_who_is_late_twice_is_slow() {
    let late = Ended::Late { deadline_ms: 5 };
    let mut asked = 0_u32;
    let busy = late.clone();
    let once = move |question: &Question, _| {
        asked += 1;
        if asked.is_multiple_of(7) { busy.clone() } else { policy(question) }
    };
    assert!(of(&Subject::Routing, &[], once).passed());
    let slow = move |question: &Question, _| match &question.ask {
        Ask::RankAgents { candidates, .. } if candidates.len() == 256 => late.clone(),
        _ => policy(question),
    };
    check(
        &Subject::Routing,
        slow,
        &expect![[r#"
        acme (routing): 1 finding; questions 48, cases of its own 0
          late
            case      256 candidates
            asked     rank-agents: 256 candidates, 2 needs, 2 columns
            answered  nothing within 5 ms
            contract  rank-agents has 5 ms of CPU time
            remedy    do the work once in `configure`; look for a loop that grows with the question
            and 1 more of this kind
    "#]],
    );
}

#[test]
fn a_policy_without_an_answer_to_an_ordinary_question_is_told() {
    let component = |question: &Question, _| match &question.ask {
        Ask::RankAgents { who, .. } if who.queue > 1 => no_answer(FailureCode::BadState, "which queue is 77?"),
        _ => policy(question),
    };
    check(
        &Subject::Routing,
        component,
        &expect![[r#"
        acme (routing): 1 finding; questions 48, cases of its own 0
          no-answer
            case      queue and channel that nobody knows
            asked     rank-agents: 3 candidates, 0 needs, 0 columns
            answered  plugin gives no answer (cannot read the state): which queue is 77?
            contract  a failure makes the host take its own default: it is for settings and states that cannot be read
            remedy    answer with what is known; do without what the host does not give
            and 4 more of this kind
    "#]],
    );
}

#[test]
fn an_authors_case_says_where_the_answer_differs() {
    let cases = cases(
        r#"{ "name": "the longest idle first", "asks": [ {
            "ask": { "rank-agents": {
                "who": { "number": 1, "queue": 0, "priority": 5, "channel": 0, "waited_ms": 0, "value": 0 },
                "candidates": [
                    { "number": 1, "levels": 0, "idle_ms": 5, "taken_today": 0, "load_permille": 0 },
                    { "number": 2, "levels": 0, "idle_ms": 9, "taken_today": 0, "load_permille": 0 } ] } },
            "answer": { "order": { "numbers": [1, 2] } } } ] }"#,
    );
    let report = of(&Subject::Routing, &cases, |question, _| policy(question));
    expect![[r#"
        acme (routing): 1 finding; questions 49, cases of its own 1
          golden
            case      the longest idle first
            asked     rank-agents: 2 candidates, 0 needs, 0 columns
            answered  /order/numbers/0 is 2
            contract  the answer is the one that tests/ has
            remedy    mend the component, or the case if the new answer is right
    "#]]
    .assert_eq(&report.text(Language::English));
    expect![[r#"
        {
          "cases": 1,
          "component": "acme",
          "findings": [
            {
              "again": 0,
              "answered": "/order/numbers/0 is 2",
              "asked": "rank-agents: 2 candidates, 0 needs, 0 columns",
              "case": "the longest idle first",
              "contract": {
                "en": "the answer is the one that tests/ has",
                "zh-CN": "答案须与 tests/ 中写明的一致"
              },
              "id": "golden",
              "question": {
                "ask": {
                  "rank-agents": {
                    "candidates": [
                      {
                        "idle_ms": 5,
                        "levels": 0,
                        "load_permille": 0,
                        "number": 1,
                        "taken_today": 0
                      },
                      {
                        "idle_ms": 9,
                        "levels": 0,
                        "load_permille": 0,
                        "number": 2,
                        "taken_today": 0
                      }
                    ],
                    "columns": [],
                    "needs": [],
                    "who": {
                      "channel": 0,
                      "number": 1,
                      "priority": 5,
                      "queue": 0,
                      "value": 0,
                      "waited_ms": 0
                    }
                  }
                }
              },
              "remedy": {
                "en": "mend the component, or the case if the new answer is right",
                "zh-CN": "修改组件；如果新答案是对的，则修改用例"
              }
            }
          ],
          "ok": false,
          "questions": 49,
          "world": "routing"
        }"#]]
    .assert_eq(&format!("{:#}", report.json()));
}

#[test]
fn without_settings_that_it_takes_there_is_nothing_to_ask() {
    let component = |question: &Question, _| match question.settings.0.get("queue") {
        Some(queue) if !queue.is_empty() => flow(question),
        _ if question.ask == Ask::Check => flow(question),
        _ => no_answer(FailureCode::BadSettings, "no queue is named"),
    };
    check(
        &Subject::Flow,
        component,
        &expect![[r#"
        acme (flow): 2 findings; questions 4, cases of its own 0
          check-disagrees
            case      settings: as they are
            asked     check
            answered  plugin gives no answer (settings are not usable): no queue is named, where `check` finds no error
            contract  where `configure` cannot use the settings, `check` names each problem
            remedy    let `configure` use what `check` uses to read the settings
            and 1 more of this kind
          no-settings
            case      settings
            asked     configure
            answered  no settings that it takes
            contract  an instance takes its settings before its first question
            remedy    write a case with settings into tests/, so that the kit has some
    "#]],
    );
    let cases = cases(r#"{ "name": "configured", "settings": { "queue": "sales" }, "asks": [] }"#);
    let report = of(&Subject::Flow, &cases, component);
    assert_eq!(report.findings.iter().map(|finding| finding.kind.id()).collect::<Vec<_>>(), ["check-disagrees"]);
}

#[test]
fn a_flow_that_counts_its_tokens_from_one_at_each_step_is_told() {
    let component = |question: &Question, _| match flow(question) {
        Ended::Answered(Answer::Stepped(mut stepped)) => {
            stepped.actions.iter_mut().for_each(|action| action.token = 1);
            Ended::Answered(Answer::Stepped(stepped))
        }
        ended => ended,
    };
    check(
        &Subject::Flow,
        component,
        &expect![[r#"
        acme (flow): 1 finding; questions 215, cases of its own 0
          token-reused
            case      call 0, event 1
            asked     step: event 1, timer, state of 1 B
            answered  token 1 after 1
            contract  a token is unique within the interaction, and rises
            remedy    keep the last token in the state and count on from there
            and 13 more of this kind
    "#]],
    );
}

#[test]
fn a_flow_that_acts_on_whatever_it_hears_is_told_in_chinese_too() {
    let component = |question: &Question, _| match (&question.ask, flow(question)) {
        (Ask::Step { event, .. }, Ended::Answered(Answer::Stepped(mut stepped))) if event.seq > 0 => {
            if stepped.actions.is_empty() {
                let token = u32::from(stepped.state[0]) + 1;
                stepped.state[0] += 1;
                stepped.actions.push(action(token, Effect::PickUp));
            }
            Ended::Answered(Answer::Stepped(stepped))
        }
        (_, ended) => ended,
    };
    let report = of(&Subject::Flow, &[], component);
    expect![[r#"
        acme（flow）：2 个问题；提问 215 个，自带用例 0 个
          acts-after-hang-up
            用例：call 0, event 2
            提问：step: event 2, hung-up, state of 1 B
            回答："pick-up"
            合约：交互结束之后只能请求 `tag`、`invoke` 和 `other`
            建议：先处理 `hung-up`，再看其他情况
            同类问题还有 15 个
          acts-on-unknown
            用例：call 2, event 1
            提问：step: event 1, other, state of 1 B
            回答："pick-up"
            合约：流程不认识的事件，须以空动作回答
            建议：让匹配的最后一个分支什么都不改变
    "#]]
    .assert_eq(&report.text(Language::Chinese));
}

#[test]
fn a_rule_with_words_that_nobody_can_count_or_read_is_told() {
    let component = |question: &Question, _| match &question.ask {
        Ask::Judge(act) if act.what.name() == "dial" => verdict(Decision::Deny, "Quiet hours!", ""),
        Ask::Redact { text, .. } if text.len() > 2 && text.is_char_boundary(1) => {
            Ended::Answered(Answer::Spans(vec![Span { start: 0, end: 1, kind: "plate".into() }]))
        }
        _ => rule(question),
    };
    check(
        &all_of_compliance(),
        component,
        &expect![[r#"
        acme (compliance): 3 findings; questions 121, cases of its own 0
          bad-code
            case      dial: ordinary
            asked     judge: dial
            answered  code "Quiet hours!"
            contract  a code is kebab-case and stable, so that a report can count it
            remedy    write small letters, digits and '-', like `quiet-hours`
            and 8 more of this kind
          no-reason
            case      dial: ordinary
            asked     judge: dial
            answered  Deny by Quiet hours!, and no reason
            contract  `reason` is for the person who is refused
            remedy    say why in one sentence
            and 8 more of this kind
          unknown-kind
            case      redact: plain words
            asked     redact: text of 12 B, language "zh-CN"
            answered  a span of kind "plate"
            contract  `describe().redacts` names the kinds that it finds
            remedy    name it in `describe`
            and 23 more of this kind
    "#]],
    );
}
