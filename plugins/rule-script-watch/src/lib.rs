//! Sentences that the agent must say, and those that nobody may.
//!
//! A forbidden phrase is told at once. A required one that has not been said in time is told once, live, and counts in the review at the end. Phrases are
//! compared by letters and digits alone: case, spaces and marks do not matter, so that a recogniser's commas do not hide a sentence.
//!
//! Settings, one entry a line, `code: phrase | other wording`: `required`, `forbidden`. And `within-s` (60), `points-missing` (20), `points-forbidden`
//! (30), `language` (`en`, `zh-CN`).

#[cfg(test)]
mod tests;

use plugboard_rule::{
    About, Alert, AlertSeverity, Failure, FailureCode, Finding, Heard, Language, Rule, Segment, Settings, Speaker,
    Transcript,
};

/// Entries of each list, so that the state stays small.
const MOST: usize = 64;
/// Alerts of one answer.
const MOST_ALERTS: usize = 16;

#[derive(Debug)]
pub struct ScriptWatch {
    required: Vec<Phrase>,
    forbidden: Vec<Phrase>,
    within_ms: u32,
    points_missing: u8,
    points_forbidden: u8,
    language: Language,
}

/// One thing that may be said in several ways.
#[derive(Debug)]
struct Phrase {
    code: String,
    /// As people read it.
    shown: String,
    wordings: Vec<String>,
}

/// What has been said so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said {
    /// A bit for each required phrase.
    required: u64,
    /// That some are missing was told.
    told: bool,
}

plugboard_rule::export_rule!(crate::ScriptWatch);

impl Rule for ScriptWatch {
    const ABOUT: About =
        About { name: "rule-script-watch", revision: 1, judges: &[], listens: true, reviews: true, redacts: &[] };

    fn read(settings: &mut Settings<'_>) -> Self {
        let required = phrases(settings, "required");
        let forbidden = phrases(settings, "forbidden");
        if required.is_empty() && forbidden.is_empty() {
            let message = "nothing is required and nothing is forbidden".to_owned();
            settings.fault("missing", "required", message, "write `code: phrase | other wording` on a line");
        }
        Self {
            required,
            forbidden,
            within_ms: settings.number("within-s", 1, 3_600).unwrap_or(60) * 1_000,
            points_missing: settings.number("points-missing", 0, 100).unwrap_or(20),
            points_forbidden: settings.number("points-forbidden", 0, 100).unwrap_or(30),
            language: Language::read(settings),
        }
    }

    fn hear(&self, state: &[u8], segment: &Segment) -> Result<Heard, Failure> {
        let mut said = Said::from_state(state)?;
        let text = plain(&segment.text);
        let mut alerts = Vec::new();
        if segment.speaker == Speaker::Agent {
            said.required |= self.heard_of(&text);
            for phrase in self.forbidden.iter().filter(|phrase| phrase.is_in(&text)) {
                alerts.push(self.forbidden_alert(phrase));
            }
        }
        if segment.to_ms >= self.within_ms && !said.told {
            let missing: Vec<&Phrase> = self.missing(said.required).collect();
            said.told = true;
            alerts.extend(missing.into_iter().map(|phrase| self.missing_alert(phrase)));
        }
        alerts.truncate(MOST_ALERTS);
        Ok(Heard { state: said.to_state(), alerts, extra: Vec::new() })
    }

    fn review(&self, transcript: &Transcript) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut heard = 0;
        for segment in transcript.segments.iter().filter(|segment| segment.speaker == Speaker::Agent) {
            let text = plain(&segment.text);
            heard |= self.heard_of(&text);
            for phrase in self.forbidden.iter().filter(|phrase| phrase.is_in(&text)) {
                let alert = self.forbidden_alert(phrase);
                findings.push(finding(alert, Some(segment.seq), self.points_forbidden));
            }
        }
        let missing = self.missing(heard).map(|phrase| finding(self.missing_alert(phrase), None, self.points_missing));
        findings.extend(missing);
        findings.truncate(256);
        findings
    }
}

impl ScriptWatch {
    fn heard_of(&self, text: &str) -> u64 {
        let said = self.required.iter().enumerate().filter(|(_, phrase)| phrase.is_in(text));
        said.fold(0, |bits, (place, _)| bits | 1 << place)
    }

    fn missing(&self, heard: u64) -> impl Iterator<Item = &Phrase> {
        self.required.iter().enumerate().filter(move |(place, _)| heard & 1 << place == 0).map(|(_, phrase)| phrase)
    }

    fn forbidden_alert(&self, phrase: &Phrase) -> Alert {
        let message = match self.language {
            Language::English => format!("this must not be said: {}", phrase.shown),
            Language::Chinese => format!("禁止使用的话术：{}", phrase.shown),
        };
        alert(AlertSeverity::Violation, "forbidden", phrase, message)
    }

    fn missing_alert(&self, phrase: &Phrase) -> Alert {
        let message = match self.language {
            Language::English => format!("this has not been said: {}", phrase.shown),
            Language::Chinese => format!("尚未说明的必备话术：{}", phrase.shown),
        };
        alert(AlertSeverity::Warning, "missing", phrase, message)
    }
}

impl Phrase {
    fn is_in(&self, plain: &str) -> bool {
        self.wordings.iter().any(|wording| plain.contains(wording.as_str()))
    }
}

impl Said {
    /// Eight bytes of what was said, one whether the rest was told.
    fn from_state(state: &[u8]) -> Result<Self, Failure> {
        match state {
            [] => Ok(Self::default()),
            [required @ .., told @ (0 | 1)] if required.len() == 8 => {
                let bits = required.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
                Ok(Self { required: bits, told: *told == 1 })
            }
            _ => {
                let message = "a state of another revision".to_owned();
                Err(Failure { code: FailureCode::BadState, message, extra: Vec::new() })
            }
        }
    }

    fn to_state(self) -> Vec<u8> {
        let mut state = self.required.to_le_bytes().to_vec();
        state.push(self.told.into());
        state
    }
}

fn phrases(settings: &mut Settings<'_>, name: &'static str) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    for line in settings.text(name).unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty()) {
        let entry = line.split_once([':', '：']).map(|(code, wordings)| (code.trim(), wordings.trim()));
        let wordings = |text: &str| -> Vec<String> {
            text.split(['|', '｜']).map(plain).filter(|wording| !wording.is_empty()).collect()
        };
        match entry {
            Some((code, text)) if is_code(code) && !wordings(text).is_empty() => {
                phrases.push(Phrase { code: code.to_owned(), shown: text.to_owned(), wordings: wordings(text) });
            }
            _ => {
                let message = format!("{line:?} is no entry of `{name}`");
                settings.fault(
                    "bad-phrase",
                    name,
                    message,
                    "write `code: phrase | other wording`, the code in kebab-case",
                );
            }
        }
    }
    if phrases.len() > MOST {
        let message = format!("`{name}` has {} entries", phrases.len());
        settings.fault("too-many", name, message, &format!("give at most {MOST}"));
        phrases.truncate(MOST);
    }
    phrases
}

fn is_code(code: &str) -> bool {
    (1..=48).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Letters and digits alone, in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn alert(severity: AlertSeverity, kind: &str, phrase: &Phrase, message: String) -> Alert {
    Alert { severity, code: format!("{kind}-{}", phrase.code), message, orders: Vec::new() }
}

fn finding(alert: Alert, segment: Option<u32>, points: u8) -> Finding {
    Finding { severity: alert.severity, code: alert.code, message: alert.message, segment, points }
}
