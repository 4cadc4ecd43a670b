//! What a change would do to the calls of a week.

use std::{collections::BTreeMap, fmt};

use plugboard_model::InteractionId;
use serde::Serialize;

use crate::{
    Comparison,
    trace::{End, Passage},
    verdicts::OtherVerdict,
};

/// Interactions named with each group of changes.
const MOST_EXAMPLES: usize = 5;

/// Sums of many comparisons. The counts of what changes may overlap: a call that takes another way often ends elsewhere too.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub runs: u64,
    pub same: u64,
    pub path_changed: u64,
    pub queue_changed: u64,
    /// Asks for something that rules judge otherwise, or for another such thing, or for none.
    pub verdict_changed: u64,
    pub ends_differently: u64,
    /// Gone the same way up to where the tape tells no more.
    pub unknown: u64,
    /// The other version broke or failed.
    pub failed: u64,
    /// Tapes that could not be played: cut, of a later version, or damaged.
    pub left_out: u64,
    #[serde(serialize_with = "crate::groups::as_list")]
    groups: BTreeMap<Change, Group>,
}

/// The first thing that is different in a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// Counted from 0.
    pub step: usize,
    /// `None`: there the old version was at its end.
    pub was: Option<Passage>,
    /// `None`: there the other version is at its end.
    pub is: Option<Passage>,
    /// How the other version ends.
    pub end: End,
    /// The first thing that is judged otherwise.
    pub verdict: Option<OtherVerdict>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    pub runs: u64,
    /// The first few.
    pub examples: Vec<InteractionId>,
}

impl Report {
    pub fn add(&mut self, interaction: InteractionId, comparison: &Comparison) {
        self.runs += 1;
        let difference = comparison.first_difference();
        let (queue, end) = (comparison.first_other_queue(), comparison.ends_differently());
        let verdict = comparison.first_other_verdict();
        self.path_changed += u64::from(difference.is_some());
        self.queue_changed += u64::from(queue.is_some());
        self.verdict_changed += u64::from(verdict.is_some());
        self.ends_differently += u64::from(end);
        self.failed += u64::from(matches!(comparison.is.end, End::Failed { .. }));
        let is_unknown = matches!(comparison.is.end, End::Unknown { .. });
        match difference {
            None if queue.is_none() && verdict.is_none() && !end && is_unknown => self.unknown += 1,
            None if queue.is_none() && verdict.is_none() && !end => self.same += 1,
            _ => {
                let step = difference.or(queue).or_else(|| verdict.as_ref().map(OtherVerdict::step));
                self.group(interaction, comparison, step, verdict);
            }
        }
    }

    /// Adds another's counts, of other runs.
    pub fn merge(&mut self, other: Self) {
        let Self {
            runs,
            same,
            path_changed,
            queue_changed,
            verdict_changed,
            ends_differently,
            unknown,
            failed,
            left_out,
            groups,
        } = other;
        self.runs += runs;
        self.same += same;
        self.path_changed += path_changed;
        self.queue_changed += queue_changed;
        self.verdict_changed += verdict_changed;
        self.ends_differently += ends_differently;
        self.unknown += unknown;
        self.failed += failed;
        self.left_out += left_out;
        for (change, group) in groups {
            let own = self.groups.entry(change).or_default();
            own.runs += group.runs;
            own.examples.extend(group.examples);
            own.examples.sort_unstable();
            own.examples.truncate(MOST_EXAMPLES);
        }
    }

    pub fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// The changes, those that most calls meet first.
    pub fn changes(&self) -> Vec<(&Change, &Group)> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by(|(one, first), (other, second)| second.runs.cmp(&first.runs).then(one.cmp(other)));
        groups
    }

    /// A run that differs nowhere on its way differs at its end.
    fn group(
        &mut self,
        interaction: InteractionId,
        Comparison { was, is, .. }: &Comparison,
        step: Option<usize>,
        verdict: Option<OtherVerdict>,
    ) {
        let step = step.unwrap_or(is.path.len());
        let (then, now) = (was.path.get(step).cloned(), is.path.get(step).cloned());
        let change = Change { step, was: then, is: now, end: is.end.clone(), verdict };
        let group = self.groups.entry(change).or_default();
        group.runs += 1;
        if group.examples.len() < MOST_EXAMPLES {
            group.examples.push(interaction);
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word =
            |passage: &Option<Passage>| passage.as_ref().map_or_else(|| "the end".to_owned(), ToString::to_string);
        write!(f, "step {}: {}, was {}; {}", self.step, word(&self.is), word(&self.was), self.end)
    }
}
