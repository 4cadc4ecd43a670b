//! Nothing is recorded that was not announced, or consented to.
//!
//! A call that the tenant would record hears the prompt before anything else; with `mode` `ask` a key during it refuses. The recording then begins where
//! the announcement was heard, or consent is known: from the question, or from a tag that a flow, an agent or a connector notes.
//!
//! Settings: `prompt` (required), `mode` (`announce`, `ask`), `unannounced` (`deny`, `allow`: calls that we placed hear no announcement), `consent-tag`
//! (`recording-consent`: `given` or `refused`), `language` (`en`, `zh-CN`).

#[cfg(test)]
mod tests;

use plugboard_rule::{
    About, Act, Consent, Decision, Duty, Effect, Language, Record, RecordMove, Rule, Setting, Settings, Verdict, allow,
    deny, tag, verdict,
};

#[derive(Debug)]
pub struct RecordingConsent {
    prompt: String,
    mode: Mode,
    unannounced: Unannounced,
    tag: String,
    language: Language,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Who stays on the line agrees.
    #[default]
    Announce,
    /// A key refuses.
    Ask,
}

/// A call that heard neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Unannounced {
    #[default]
    Deny,
    Allow,
}

plugboard_rule::export_rule!(crate::RecordingConsent);

impl Rule for RecordingConsent {
    const ABOUT: About = About {
        name: "rule-recording-consent",
        revision: 1,
        judges: &["answer", "record"],
        listens: false,
        reviews: false,
        redacts: &[],
    };

    fn read(settings: &mut Settings<'_>) -> Self {
        Self {
            prompt: settings.required("prompt", "name the sound file that says that the call is recorded"),
            mode: settings.word("mode", &[("announce", Mode::Announce), ("ask", Mode::Ask)]).unwrap_or_default(),
            unannounced: settings
                .word("unannounced", &[("deny", Unannounced::Deny), ("allow", Unannounced::Allow)])
                .unwrap_or_default(),
            tag: settings.text("consent-tag").unwrap_or("recording-consent").to_owned(),
            language: Language::read(settings),
        }
    }

    fn judge(&self, act: &Act) -> Verdict {
        match &act.what {
            Effect::Answer(answer) if !answer.records => allow("not-recorded"),
            Effect::Answer(_) => {
                let (code, duty) = match self.mode {
                    Mode::Announce => ("announce", Duty::Announce(self.prompt.clone())),
                    Mode::Ask => ("ask", Duty::AskConsent(self.prompt.clone())),
                };
                verdict(Decision::Allow, code, "", vec![duty])
            }
            Effect::Record(record) => match record.move_ {
                // To keep less never needs consent.
                RecordMove::Pause | RecordMove::End => allow("less"),
                RecordMove::Begin | RecordMove::Resume => self.keeps(record, &act.tags),
            },
            _ => deny("not-judged", ""),
        }
    }
}

impl RecordingConsent {
    fn keeps(&self, record: &Record, tags: &[Setting]) -> Verdict {
        let say = |english, chinese| self.language.say(english, chinese);
        let noted = tag(tags, &self.tag);
        let refused = matches!(record.consent, Consent::Refused | Consent::Withdrawn) || noted == Some("refused");
        if refused {
            return deny("refused", say("the caller does not want to be recorded", "来电者不同意录音"));
        }
        if record.consent == Consent::Given || noted == Some("given") {
            return allow("consented");
        }
        match (self.mode, self.unannounced) {
            (Mode::Announce, _) if record.announced => allow("announced"),
            (_, Unannounced::Allow) => allow("unannounced"),
            (_, Unannounced::Deny) => {
                deny("not-asked", say("nobody told the caller that the call is recorded", "尚未告知来电者通话将被录音"))
            }
        }
    }
}
