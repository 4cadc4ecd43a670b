//! What a compliance rule is asked and answers: the host's side of the WIT interfaces `compliance-types` and `compliance`, item by item.
//!
//! An effect that needs a verdict is a value ([`Act`]); it is done only once a [`Verdict`] allows it, and the verdict is kept as evidence. Units,
//! order, deadline, failure and trust are written once, in `wit/compliance.wit`.

mod conversation;

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, FlowId, InteractionId, Number, Timestamp,
    flow::{Open, Setting},
};

pub use conversation::{Alert, AlertSeverity, Finding, Heard, Order, Segment, Span, Speaker, Transcript};

/// A rule of a tenant: which component, and what it is told.
///
/// Each rule is asked about each effect that its component judges; the tenant does not choose among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The component's name.
    pub plugin: Arc<str>,
    /// By name, at most [`Rule::MOST_SETTINGS`]. Which there are is the component's matter.
    #[serde(default)]
    pub settings: Arc<BTreeMap<String, String>>,
}

impl Rule {
    /// Rules of one tenant.
    pub const MOST: usize = 16;
    pub const MOST_SETTINGS: usize = 64;
    /// Bytes of a setting's name.
    pub const LONGEST_NAME: usize = 64;
    /// Bytes of a setting.
    pub const LONGEST_SETTING: usize = 4_096;
}

/// Most tags, lists and attempts in one question.
pub const MAX_FACTS: usize = 64;
/// Most duties of one verdict.
pub const MAX_DUTIES: usize = 16;
/// Bytes of a rule's state within one conversation.
pub const MAX_RULE_STATE: usize = 64 * 1024;
/// Days that a verdict may put an effect off.
pub const MAX_LATER_DAYS: u64 = 366;

/// Something that is about to be done. Nothing of it has been done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    pub at: Timestamp,
    /// Minutes east of UTC at the interaction's site.
    pub utc_offset_min: i16,
    pub interaction: Option<InteractionId>,
    pub by: Asker,
    pub what: Effect,
    /// What flows, agents and connectors noted on the interaction.
    pub tags: Vec<Setting>,
}

/// Who wants an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asker {
    Flow(FlowId),
    Agent(AgentId),
    Supervisor(String),
    Campaign(String),
    /// The name of an access key.
    Api(String),
    /// The host by itself.
    Host,
}

/// What somebody is to the tenant, and so what is masked for them unless they ask to see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Agent,
    /// Reviews conversations.
    Quality,
    Supervisor,
    #[default]
    Administrator,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Agent, Self::Quality, Self::Supervisor, Self::Administrator];

    pub fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Quality => "quality",
            Self::Supervisor => "supervisor",
            Self::Administrator => "administrator",
        }
    }

    /// Whether numbers of persons are masked in what they get.
    pub fn is_masked(self) -> bool {
        matches!(self, Self::Agent | Self::Quality)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    Dial(Dial),
    /// Asked before the line is picked up.
    Answer(Incoming),
    Record(Record),
    Unmask(Unmask),
    Export(Export),
    Message(Message),
    Other(Open),
}

impl Effect {
    /// As in `describe().judges` and in reports.
    pub fn name(&self) -> &str {
        match self {
            Self::Dial(_) => "dial",
            Self::Answer(_) => "answer",
            Self::Record(_) => "record",
            Self::Unmask(_) => "unmask",
            Self::Export(_) => "export",
            Self::Message(_) => "message",
            Self::Other(open) => &open.name,
        }
    }

    /// What in particular: a number, a step of a recording, a kind of data.
    pub fn about(&self) -> &str {
        match self {
            Self::Dial(dial) => dial.number.as_str(),
            Self::Answer(incoming) => &incoming.caller,
            Self::Record(record) => record.step.word(),
            Self::Unmask(unmask) => &unmask.kind,
            Self::Export(export) => &export.kind,
            Self::Message(message) => &message.channel,
            Self::Other(_) => "",
        }
    }

    /// What is done where a rule that should judge it gives no verdict: what reaches out or hands out is denied.
    pub fn default_decision(&self) -> Decision {
        match self {
            Self::Answer(_) | Self::Record(_) => Decision::Allow,
            Self::Dial(_) | Self::Unmask(_) | Self::Export(_) | Self::Message(_) | Self::Other(_) => Decision::Deny,
        }
    }
}

/// A call that is about to be placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dial {
    pub number: Number,
    /// Minutes east of UTC where the called person is believed to be.
    pub their_offset_min: Option<i16>,
    /// ISO 3166; empty where the number has none.
    pub country: String,
    /// `callback`, `campaign`, `transfer`, `consult`, `click`; words grow.
    pub purpose: String,
    /// Names of the tenant's number lists that hold it.
    pub lists: Vec<String>,
    /// The last one first.
    pub attempts: Vec<Attempt>,
}

/// `outcome`: `answered`, `no-answer`, `busy`, `machine`, `refused`, `failed`; words grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    pub outcome: String,
}

/// A call that is about to be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    /// Empty when withheld.
    pub caller: String,
    pub called: String,
    pub verified: bool,
    /// BCP 47.
    pub language: String,
    /// Whether the tenant would record this call.
    pub records: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub step: RecordStep,
    pub consent: Consent,
    /// Whether the announcement was played to its end.
    pub announced: bool,
    /// `policy`, `agent`, `payment`, `complaint`; words grow.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordStep {
    Begin,
    Pause,
    /// Record again after a pause, or go on after something was noted on the interaction.
    Resume,
    End,
}

impl RecordStep {
    pub fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::End => "end",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consent {
    #[default]
    NotAsked,
    Given,
    Refused,
    Withdrawn,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmask {
    /// `phone`, `id-card`, `bank-card`, `address`, `recording`; words grow.
    pub kind: String,
    pub customer: String,
    /// `agent`, `supervisor`, `quality`, `administrator`; words grow.
    pub role: String,
    /// Whether who asks has that customer in hand now.
    pub in_hand: bool,
    pub reason: String,
    pub seen_today: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// `interactions`, `recordings`, `transcripts`, `customers`, `reports`; words grow.
    pub kind: String,
    pub role: String,
    pub rows: u32,
    /// Whether anything in it names or describes a person.
    pub personal: bool,
    pub masked: bool,
    /// `download`, `e-mail`, `bucket`, `api`; words grow.
    pub target: String,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `sms`, `chat`, `e-mail`, `wechat`, `whatsapp`; words grow.
    pub channel: String,
    pub to: String,
    pub text: String,
    pub template: Option<String>,
    pub last_heard: Option<Timestamp>,
    pub lists: Vec<String>,
    pub sent_today: u32,
}

/// What a rule says, or the host in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub decision: Decision,
    /// Which clause it is.
    pub code: String,
    /// For the person who is refused.
    pub reason: String,
    /// Empty where the decision is not to allow.
    pub duties: Vec<Duty>,
}

impl Verdict {
    /// The code of [`Self::unjudged`].
    pub const NO_RULE: &str = "no-rule";

    /// Where no rule judges this effect.
    pub fn unjudged() -> Self {
        Self { decision: Decision::Allow, code: Self::NO_RULE.into(), reason: String::new(), duties: Vec::new() }
    }

    /// Where a rule that should judge it gives no verdict, and why.
    pub fn by_default(effect: &Effect, reason: impl Into<String>) -> Self {
        let decision = effect.default_decision();
        Self { decision, code: "rule-failed".into(), reason: reason.into(), duties: Vec::new() }
    }

    /// Of two rules the stricter counts, the first of equal ones; where both allow, the duties of both are to be done.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        if other.decision > self.decision {
            return other;
        }
        if self.decision == Decision::Allow && other.decision == Decision::Allow {
            let new = other.duties.into_iter().filter(|duty| !self.duties.contains(duty)).collect::<Vec<_>>();
            self.duties.extend(new);
        }
        self
    }
}

/// What the rules of a tenant said of one effect: the evidence, kept for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// [`Effect::name`].
    pub effect: Arc<str>,
    /// [`Effect::about`].
    pub about: Arc<str>,
    pub by: Asker,
    /// The strictest of all rules.
    pub decision: Decision,
    /// Of each rule that judges such effects, in order of their names.
    pub opinions: Vec<Opinion>,
}

/// What one rule said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// As the tenant calls it.
    pub rule: Arc<str>,
    pub plugin: Arc<str>,
    /// It said nothing, and the effect's default counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Why something is not done, for whoever wanted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// The rule that counted, as the tenant calls it.
    pub rule: Arc<str>,
    pub code: String,
    pub reason: String,
    /// It may be allowed then.
    pub later: Option<Timestamp>,
}

impl Denial {
    /// What counts when a verdict stood but did not come to disk in time: no rule denied, and nothing is allowed without evidence.
    pub fn unproven() -> Self {
        Self {
            rule: "evidence".into(),
            code: "not-proven".into(),
            reason: "the verdict could not be stored".into(),
            later: None,
        }
    }

    pub fn is_unproven(&self) -> bool {
        &*self.rule == "evidence" && self.code == "not-proven"
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {} ({}): {}", self.rule, self.code, self.reason)
    }
}

/// The stricter is the greater; of two that put off, the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    Allow,
    /// Not now: ask again at that time.
    Later(Timestamp),
    Deny,
}

/// What an allowed effect has to come with. Who cannot fulfil one must not do the effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// Play this prompt file to its end before anything else is said.
    Announce(String),
    /// Play this prompt file and let the caller refuse by a key.
    AskConsent(String),
    NoRecording,
    /// Mask these kinds in what is shown, sent or handed out.
    Mask(Vec<String>),
    KeepDays(u32),
    /// Tell the supervisors.
    Tell,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(decision: Decision, code: &str, duties: &[Duty]) -> Verdict {
        Verdict { decision, code: code.into(), reason: String::new(), duties: duties.to_vec() }
    }

    fn together(verdicts: &[Verdict]) -> Verdict {
        verdicts.iter().cloned().fold(Verdict::unjudged(), Verdict::and)
    }

    #[test]
    fn the_strictest_rule_counts_and_names_its_clause() {
        let allow = verdict(Decision::Allow, "hours", &[]);
        let (soon, late) = (Timestamp::from_secs(10), Timestamp::from_secs(20));
        let later = |at| verdict(Decision::Later(at), "quiet", &[]);
        let deny = verdict(Decision::Deny, "listed", &[]);
        assert_eq!(together(&[allow.clone(), later(late), later(soon)]), later(late));
        assert_eq!(together(&[deny.clone(), later(late), allow]), deny);
    }

    #[test]
    fn duties_of_all_rules_that_allow_are_done_once_each() {
        let first = verdict(Decision::Allow, "a", &[Duty::NoRecording, Duty::Tell]);
        let second = verdict(Decision::Allow, "b", &[Duty::Tell, Duty::KeepDays(30)]);
        assert_eq!(together(&[first, second]).duties, [Duty::NoRecording, Duty::Tell, Duty::KeepDays(30)]);
    }

    #[test]
    fn what_reaches_out_or_hands_out_is_denied_where_a_rule_fails() {
        let unknown = Effect::Other(Open { name: "acme.fax".into(), json: "{}".into() });
        assert_eq!(Verdict::by_default(&unknown, "trapped").decision, Decision::Deny);
        let message = Message {
            channel: "sms".into(),
            to: "+4930".into(),
            text: "hello".into(),
            template: None,
            last_heard: None,
            lists: Vec::new(),
            sent_today: 0,
        };
        assert_eq!(Verdict::by_default(&Effect::Message(message), "trapped").decision, Decision::Deny);
        let record =
            Record { step: RecordStep::Begin, consent: Consent::NotAsked, announced: false, reason: "policy".into() };
        assert_eq!(Verdict::by_default(&Effect::Record(record), "trapped").decision, Decision::Allow);
    }
}
