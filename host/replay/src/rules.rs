//! Past judgements of a compliance rule, made again by another version of it.

use std::{collections::BTreeMap, fmt};

use plugboard_model::{
    InteractionId, Timestamp,
    compliance::{Act, Decision, Duty, Verdict},
    tape::{Judged, Ruled},
};
use serde::Serialize;

/// Interactions named with each group of changes.
const MOST_EXAMPLES: usize = 5;

/// What a judgement comes to, without the words for the person who is refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ruling {
    pub decision: Decided,
    pub code: String,
    /// In words, as they are kept.
    pub duties: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decided {
    Allow,
    /// The time is beside it, so that two calls that are put off are one group.
    Later,
    Deny,
}

impl Ruling {
    pub fn of(verdict: &Verdict) -> Self {
        let decision = match verdict.decision {
            Decision::Allow => Decided::Allow,
            Decision::Later(_) => Decided::Later,
            Decision::Deny => Decided::Deny,
        };
        let mut duties: Vec<String> = verdict.duties.iter().map(in_words).collect();
        duties.sort_unstable();
        Self { decision, code: verdict.code.clone(), duties }
    }
}

/// What all rules said of each act, in order: each rule was asked about the same.
pub fn together<'a>(judged: impl Iterator<Item = &'a Judged>) -> Vec<(Act, Verdict)> {
    let mut all: Vec<(Act, Verdict)> = Vec::new();
    for Judged { act, said, .. } in judged {
        let verdict = match said {
            Ruled::Verdict(verdict) => verdict.clone(),
            Ruled::Failed { reason } => Verdict::by_default(&act.what, reason.clone()),
        };
        match all.iter_mut().find(|(known, _)| known == act) {
            Some((_, before)) => *before = before.clone().and(verdict),
            None => all.push((act.clone(), Verdict::unjudged().and(verdict))),
        }
    }
    all
}

fn in_words(duty: &Duty) -> String {
    match duty {
        Duty::Announce(prompt) => format!("announce {prompt}"),
        Duty::AskConsent(prompt) => format!("ask consent {prompt}"),
        Duty::NoRecording => "no recording".to_owned(),
        Duty::Mask(kinds) => format!("mask {}", kinds.join(" ")),
        Duty::KeepDays(days) => format!("keep {days} days"),
        Duty::Tell => "tell".to_owned(),
    }
}

/// Judgements that differ in the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    pub rule: String,
    /// `dial`, `record`, …
    pub effect: String,
    pub was: Ruling,
    pub is: Ruling,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    pub judgements: u64,
    /// The first few.
    pub examples: Vec<(InteractionId, Timestamp)>,
}

/// Sums of many judgements. Which effects there were then is as it was: what would have become of a call that is refused, or allowed, nobody knows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RulesReport {
    pub judgements: u64,
    pub same: u64,
    /// Allowed, put off or denied where it was not.
    pub other_decision: u64,
    /// The same decision at another time, by another clause or with other duties.
    pub other_terms: u64,
    /// The other version failed: the effect's default counts for it.
    pub failed: u64,
    /// The rule failed then: the effect's default counted.
    pub had_failed: u64,
    /// Judgements that are on no tape or had no room there.
    pub left_out: u64,
    #[serde(serialize_with = "crate::groups::as_list")]
    groups: BTreeMap<Change, Group>,
}

impl RulesReport {
    pub fn add(&mut self, interaction: InteractionId, judged: &Judged, said: Result<Verdict, String>) {
        self.judgements += 1;
        self.failed += u64::from(said.is_err());
        self.had_failed += u64::from(matches!(judged.said, Ruled::Failed { .. }));
        let default = |reason: &String| Verdict::by_default(&judged.act.what, reason.clone());
        let was = match &judged.said {
            Ruled::Verdict(verdict) => verdict.clone(),
            Ruled::Failed { reason } => default(reason),
        };
        let is = said.unwrap_or_else(|reason| default(&reason));
        let (before, after) = (Ruling::of(&was), Ruling::of(&is));
        if before == after && was.decision == is.decision {
            self.same += 1;
            return;
        }
        let other = before.decision != after.decision;
        self.other_decision += u64::from(other);
        self.other_terms += u64::from(!other);
        let effect = judged.act.what.name().to_owned();
        let change = Change { rule: judged.rule.to_string(), effect, was: before, is: after };
        let group = self.groups.entry(change).or_default();
        group.judgements += 1;
        if group.examples.len() < MOST_EXAMPLES {
            group.examples.push((interaction, judged.act.at));
        }
    }

    pub fn leave_out(&mut self, judgements: u64) {
        self.left_out += judgements;
    }

    /// Adds another's counts, of other judgements.
    pub fn merge(&mut self, other: Self) {
        self.judgements += other.judgements;
        self.same += other.same;
        self.other_decision += other.other_decision;
        self.other_terms += other.other_terms;
        self.failed += other.failed;
        self.had_failed += other.had_failed;
        self.left_out += other.left_out;
        for (change, group) in other.groups {
            let own = self.groups.entry(change).or_default();
            own.judgements += group.judgements;
            own.examples.extend(group.examples);
            own.examples.sort_unstable();
            own.examples.truncate(MOST_EXAMPLES);
        }
    }

    /// The changes, the commonest first.
    pub fn changes(&self) -> Vec<(&Change, &Group)> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by(|(one, first), (other, second)| second.judgements.cmp(&first.judgements).then(one.cmp(other)));
        groups
    }
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = match self.decision {
            Decided::Allow => "allowed",
            Decided::Later => "put off",
            Decided::Deny => "denied",
        };
        write!(f, "{decision} ({})", self.code)?;
        if self.duties.is_empty() { Ok(()) } else { write!(f, " + {}", self.duties.join(" + ")) }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, effect, was, is } = self;
        write!(f, "rule {rule} on {effect}: {is}, was {was}")
    }
}
