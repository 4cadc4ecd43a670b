//! A rule of calling hours, of cards and of greetings, which misbehaves in the way that the setting `how` names.

wit_bindgen::generate!({ path: "../../../../../wit", world: "compliance-plugin" });
export!(Rule);

use std::{cell::RefCell, hint::black_box};

use exports::plugboard::plugin::{
    common::{Failure, FailureCode, Open, Problem, Setting, Severity},
    compliance::{Act, Description, Finding, Guest, Heard, Segment, Span, Transcript, Verdict},
    compliance_types::{Alert, AlertSeverity, Decision, Duty, Effect, Order, Speaker},
};

thread_local! {
    static HOW: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Rule;

const DAY_MS: u64 = 86_400_000;

fn verdict(decision: Decision, code: &str, duties: Vec<Duty>) -> Verdict {
    Verdict { decision, code: code.into(), reason: format!("because of {code}"), duties, extra: vec![] }
}

impl Guest for Rule {
    fn describe() -> Description {
        Description {
            name: "hostile-rule".into(),
            revision: 1,
            judges: vec!["dial".into(), "answer".into(), "acme.fax".into()],
            listens: true,
            reviews: true,
            redacts: vec!["bank-card".into()],
            needs: vec![],
            extra: vec![],
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let unknown = settings.into_iter().filter(|setting| setting.name != "how");
        let problem = |setting: Setting| Problem {
            severity: Severity::Error,
            code: "unknown-setting".into(),
            node: None,
            field: None,
            message: setting.name,
            remedy: "leave it out".into(),
            extra: vec![],
        };
        unknown.map(problem).collect()
    }

    fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
        HOW.with_borrow_mut(|how| *how = settings.into_iter().next().map(|setting| setting.value).unwrap_or_default());
        Ok(())
    }

    fn judge(act: Act) -> Result<Verdict, Failure> {
        let how = HOW.with_borrow(Clone::clone);
        Ok(match how.as_str() {
            "loops" => loop {
                black_box(0);
            },
            "panics" => panic!("on purpose"),
            "fails" => return Err(Failure { code: FailureCode::Other("no-list".into()), message: "no".into(), extra: vec![] }),
            "puts-off-into-the-past" => verdict(Decision::Later(act.at_ms), "past", vec![]),
            "puts-off-for-ever" => verdict(Decision::Later(u64::MAX), "never", vec![]),
            "invents-a-duty" => {
                let duty = Duty::Other(Open { name: "acme.bow".into(), json: "{}".into() });
                verdict(Decision::Allow, "polite", vec![duty])
            }
            "leaves-the-folder" => verdict(Decision::Allow, "a", vec![Duty::Announce("../x.wav".into())]),
            "forgets-nothing" => verdict(Decision::Allow, "a", vec![Duty::KeepDays(0)]),
            "obliges-too-much" => verdict(Decision::Allow, "a", vec![Duty::Tell; 17]),
            "injects" => verdict(Decision::Deny, "a\r\nb", vec![]),
            _ => match act.what {
                Effect::Dial(dial) => {
                    let offset = dial.their_offset_min.unwrap_or(act.utc_offset_min);
                    let there = act.at_ms.wrapping_add_signed(i64::from(offset) * 60_000) % DAY_MS;
                    if dial.lists.iter().any(|list| list == "do-not-call") {
                        verdict(Decision::Deny, "do-not-call", vec![Duty::Tell])
                    } else if there / 3_600_000 >= 21 {
                        verdict(Decision::Later(act.at_ms - there + DAY_MS + 9 * 3_600_000), "quiet-hours", vec![])
                    } else {
                        verdict(Decision::Allow, "within-hours", vec![])
                    }
                }
                Effect::Answer(_) => {
                    verdict(Decision::Allow, "consent", vec![Duty::AskConsent("consent.wav".into()), Duty::KeepDays(180)])
                }
                _ => verdict(Decision::Deny, "unknown", vec![]),
            },
        })
    }

    fn on_utterance(mut state: Vec<u8>, segment: Segment) -> Result<Heard, Failure> {
        let digits = segment.text.bytes().filter(u8::is_ascii_digit);
        state.extend(digits);
        let mut alerts = vec![];
        if segment.speaker == Speaker::Caller && state.len() >= 16 {
            state.clear();
            alerts.push(Alert {
                severity: AlertSeverity::Warning,
                code: "card-number".into(),
                message: "a card number is read out".into(),
                orders: vec![Order::PauseRecording],
            });
        }
        if HOW.with_borrow(|how| how == "keeps-too-much") {
            state = vec![0; 64 * 1024 + 1];
        }
        Ok(Heard { state, alerts, extra: vec![] })
    }

    fn review(transcript: Transcript) -> Result<Vec<Finding>, Failure> {
        let greeting = transcript.segments.iter().find(|segment| segment.text.contains("您好"));
        let segment = HOW.with_borrow(|how| (how == "invents-a-segment").then_some(4_711));
        let missing = Finding {
            severity: AlertSeverity::Violation,
            code: "no-greeting".into(),
            message: "nobody said hello".into(),
            segment,
            points: 20,
        };
        Ok(if greeting.is_some() { vec![] } else { vec![missing] })
    }

    fn redact(text: String, _: String) -> Result<Vec<Span>, Failure> {
        let is_digit = |at: usize| text.as_bytes()[at].is_ascii_digit();
        let mut spans: Vec<Span> = vec![];
        for at in (0..text.len()).filter(|at| is_digit(*at)) {
            match spans.last_mut() {
                Some(span) if span.end as usize == at => span.end += 1,
                _ => spans.push(Span { start: at as u32, end: at as u32 + 1, kind: "bank-card".into() }),
            }
        }
        match HOW.with_borrow(Clone::clone).as_str() {
            "cuts-a-character" => spans = vec![Span { start: 0, end: 1, kind: "x".into() }],
            "overlaps" => spans.extend(spans.clone()),
            _ => {}
        }
        Ok(spans)
    }
}
