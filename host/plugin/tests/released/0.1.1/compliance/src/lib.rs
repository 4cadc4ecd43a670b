//! Answers each act with all that it heard, and with every decision and duty that there is.

wit_bindgen::generate!({ path: "../../../../../../wit/released/0.1.1", world: "compliance-plugin" });
export!(Released);

use exports::plugboard::plugin::{
    common::{Extra, Failure, FailureCode, Open, Problem, Setting, Severity},
    compliance::{Description, Guest},
    compliance_types::{
        Act, Alert, AlertSeverity, Decision, Duty, Effect, Finding, Heard, Order, Segment, Span, Transcript, Verdict,
    },
};

struct Released;

impl Guest for Released {
    fn describe() -> Description {
        let judges = ["dial", "answer", "record", "unmask", "export", "message", "acme.effect"];
        Description {
            name: "released".into(),
            revision: 3,
            judges: judges.map(String::from).to_vec(),
            listens: true,
            reviews: true,
            redacts: vec!["phone".into()],
            needs: vec![],
            extra: vec![Extra { name: "acme.note".into(), json: "1".into() }],
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let problem = |setting: Setting| Problem {
            severity: if setting.value == "worse" { Severity::Error } else { Severity::Warning },
            code: "acme.odd".into(),
            node: None,
            field: Some("/mood".into()),
            message: setting.name,
            remedy: "leave it out".into(),
            extra: vec![],
        };
        settings.into_iter().map(problem).collect()
    }

    fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
        match settings.iter().find(|setting| setting.value == "worse") {
            Some(setting) => {
                Err(Failure { code: FailureCode::BadSettings, message: setting.name.clone(), extra: vec![] })
            }
            None => Ok(()),
        }
    }

    fn judge(act: Act) -> Result<Verdict, Failure> {
        plugboard::plugin::log::write(plugboard::plugin::log::Level::Info, "asked", &[]);
        let reason = format!("{:?} {:?} {:?}", act.by, act.what, act.tags);
        let (decision, duties) = match act.what {
            Effect::Dial(_) => (Decision::Later(act.at_ms + 60_000), vec![]),
            Effect::Answer(_) => (
                Decision::Allow,
                vec![
                    Duty::Announce("told.wav".into()),
                    Duty::AskConsent("ask.wav".into()),
                    Duty::NoRecording,
                    Duty::Mask(vec!["phone".into()]),
                    Duty::KeepDays(30),
                    Duty::Tell,
                ],
            ),
            Effect::Record(_) | Effect::Message(_) => (Decision::Allow, vec![]),
            Effect::Export(_) => (Decision::Allow, vec![Duty::Other(Open { name: "acme.seal".into(), json: "1".into() })]),
            Effect::Unmask(_) => (Decision::Deny, vec![]),
            Effect::Other(open) => {
                return Err(Failure { code: FailureCode::Other("acme.no".into()), message: open.name, extra: vec![] });
            }
        };
        Ok(Verdict { decision, code: "acme-said".into(), reason, duties, extra: vec![] })
    }

    fn on_utterance(mut state: Vec<u8>, segment: Segment) -> Result<Heard, Failure> {
        state.push(segment.seq as u8);
        let severities = [AlertSeverity::Hint, AlertSeverity::Warning, AlertSeverity::Violation];
        let alert = |severity| Alert {
            severity,
            code: "acme-heard".into(),
            message: format!("{segment:?}"),
            orders: vec![
                Order::PauseRecording,
                Order::ResumeRecording,
                Order::CallSupervisor,
                Order::Other(Open { name: "acme.bell".into(), json: "1".into() }),
            ],
        };
        Ok(Heard { state, alerts: severities.map(alert).to_vec(), extra: vec![] })
    }

    fn review(transcript: Transcript) -> Result<Vec<Finding>, Failure> {
        let finding = |segment: Option<u32>, message: String| Finding {
            severity: AlertSeverity::Warning,
            code: "acme-found".into(),
            message,
            segment,
            points: 7,
        };
        let whole = format!("{} {} {:?}", transcript.interaction, transcript.language, transcript.tags);
        let each = transcript.segments.iter().map(|segment| finding(Some(segment.seq), segment.text.clone()));
        Ok(each.chain([finding(None, whole)]).collect())
    }

    fn redact(text: String, language: String) -> Result<Vec<Span>, Failure> {
        let digit = |(at, c): (usize, char)| c.is_ascii_digit().then_some(at as u32);
        let span = |start: u32| Span { start, end: start + 1, kind: language.clone() };
        Ok(text.char_indices().filter_map(digit).map(span).collect())
    }
}
