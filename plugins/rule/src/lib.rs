//! A compliance rule as a value: settings are read once into a [`Rule`], which then answers by what it is asked alone.
//!
//! A rule is a type with [`Rule`] and one line, `export_rule!(TheType);`. What it does not implement it is never asked, because [`About`] says so.

mod settings;

#[allow(
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    missing_docs,
    clippy::use_self,
    reason = "generated from the contract"
)]
pub mod contract {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "compliance-plugin",
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        default_bindings_module: "plugboard_rule::contract",
    });
}

pub use contract::exports::plugboard::plugin::{
    common::{Failure, FailureCode, Problem, Setting, Severity},
    compliance::{Description, Guest},
    compliance_types::{
        Act, Alert, AlertSeverity, Answer, Asker, Attempt, Consent, Decision, Dial, Duty, Effect, Export, Finding,
        Heard, Message, Order, Record, RecordMove, Segment, Span, Speaker, Transcript, Unmask, Verdict,
    },
};
pub use settings::Settings;

/// What a rule is about: it is asked nothing else.
#[derive(Clone, Copy, Debug)]
pub struct About {
    pub name: &'static str,
    /// Goes up when states of older revisions can no longer be read.
    pub revision: u32,
    pub judges: &'static [&'static str],
    pub listens: bool,
    pub reviews: bool,
    pub redacts: &'static [&'static str],
}

/// One rule with its settings.
pub trait Rule: Sized {
    const ABOUT: About;

    /// What is wrong with the settings is told to `settings`; the value then counts for nothing.
    fn read(settings: &mut Settings<'_>) -> Self;

    fn judge(&self, act: &Act) -> Verdict {
        let _ = act;
        deny("not-judged", "")
    }

    fn hear(&self, state: &[u8], segment: &Segment) -> Result<Heard, Failure> {
        let _ = segment;
        Ok(Heard { state: state.to_vec(), alerts: Vec::new(), extra: Vec::new() })
    }

    fn review(&self, transcript: &Transcript) -> Vec<Finding> {
        let _ = transcript;
        Vec::new()
    }

    fn redact(&self, text: &str) -> Vec<Span> {
        let _ = text;
        Vec::new()
    }
}

/// Reads settings into a rule, or names each fault.
pub fn configured<R: Rule>(settings: &[Setting]) -> Result<R, Vec<Problem>> {
    let mut settings = Settings::new(settings);
    let rule = R::read(&mut settings);
    let problems = settings.finish();
    if problems.is_empty() { Ok(rule) } else { Err(problems) }
}

pub fn verdict(decision: Decision, code: &str, reason: impl Into<String>, duties: Vec<Duty>) -> Verdict {
    Verdict { decision, code: code.to_owned(), reason: reason.into(), duties, extra: Vec::new() }
}

pub fn allow(code: &str) -> Verdict {
    verdict(Decision::Allow, code, "", Vec::new())
}

pub fn deny(code: &str, reason: impl Into<String>) -> Verdict {
    verdict(Decision::Deny, code, reason, Vec::new())
}

/// The last value of a tag.
pub fn tag<'a>(tags: &'a [Setting], name: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.name == name).map(|tag| tag.value.as_str())
}

/// In which language a rule gives its reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    Chinese,
}

impl Language {
    /// The setting `language`: `en` or `zh-CN`.
    pub fn read(settings: &mut Settings<'_>) -> Self {
        settings.word("language", &[("en", Self::English), ("zh-CN", Self::Chinese)]).unwrap_or_default()
    }

    pub fn say(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// What `describe` says.
pub fn description(about: About) -> Description {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    Description {
        name: about.name.to_owned(),
        revision: about.revision,
        judges: names(about.judges),
        listens: about.listens,
        reviews: about.reviews,
        redacts: names(about.redacts),
        needs: Vec::new(),
        extra: Vec::new(),
    }
}

/// Why an instance cannot be configured: the first fault, in words.
pub fn bad_settings(problems: &[Problem]) -> Failure {
    let message = problems.first().map_or_else(|| "not configured".to_owned(), |problem| problem.message.clone());
    Failure { code: FailureCode::BadSettings, message, extra: Vec::new() }
}

/// Makes a component of a [`Rule`].
#[macro_export]
macro_rules! export_rule {
    ($rule:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, unreachable_pub, unused_qualifications, clippy::use_self, reason = "generated from the contract")]
        mod component {
            use std::cell::RefCell;

            use $crate::{Act, Description, Failure, Finding, Guest, Heard, Problem, Rule, Segment, Setting, Span, Transcript, Verdict};

            thread_local! {
                static RULE: RefCell<Option<$rule>> = const { RefCell::new(None) };
            }

            struct Component;

            fn ask<T>(question: impl FnOnce(&$rule) -> Result<T, Failure>) -> Result<T, Failure> {
                RULE.with_borrow(|rule| rule.as_ref().ok_or_else(|| $crate::bad_settings(&[])).and_then(question))
            }

            impl Guest for Component {
                fn describe() -> Description {
                    $crate::description(<$rule>::ABOUT)
                }

                fn check(settings: Vec<Setting>) -> Vec<Problem> {
                    $crate::configured::<$rule>(&settings).err().unwrap_or_default()
                }

                fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
                    let rule = $crate::configured(&settings).map_err(|problems| $crate::bad_settings(&problems))?;
                    RULE.with_borrow_mut(|slot| *slot = Some(rule));
                    Ok(())
                }

                fn judge(act: Act) -> Result<Verdict, Failure> {
                    ask(|rule| Ok(rule.judge(&act)))
                }

                fn on_utterance(state: Vec<u8>, segment: Segment) -> Result<Heard, Failure> {
                    ask(|rule| rule.hear(&state, &segment))
                }

                fn review(transcript: Transcript) -> Result<Vec<Finding>, Failure> {
                    ask(|rule| Ok(rule.review(&transcript)))
                }

                fn redact(text: String, _: String) -> Result<Vec<Span>, Failure> {
                    ask(|rule| Ok(rule.redact(&text)))
                }
            }

            $crate::contract::export!(Component with_types_in $crate::contract);
        }
    };
}
