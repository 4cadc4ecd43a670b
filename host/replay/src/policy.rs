//! Past decisions of a queue's policy, made again by another.
//!
//! Each is asked by itself, in the state that it was made in: what would have come of another choice, who is free after it, is the matter of a day
//! that is lived again.

use std::{collections::BTreeMap, fmt};

use plugboard_model::{
    AgentId, InteractionId, Policy, QueueId, Timestamp,
    flow::Setting,
    routing::{Column, LAST_AGENT, Need, Tables},
    tape::{Decided, Ranked, Ranking},
};
use serde::Serialize;

/// Decisions that a report tells in full.
const MOST_TOLD: usize = 10_000;

/// The tables of a recorded question as another policy is given them.
///
/// Attributes that were not recorded are absent in each question.
pub fn retold(recorded: &Tables, policy: &Policy) -> Tables {
    let setting = |(name, value): (&String, &String)| Setting { name: name.clone(), value: value.clone() };
    Tables {
        skills: recorded.skills.clone(),
        attributes: [LAST_AGENT.to_owned()].into_iter().chain(policy.attributes.iter().cloned()).collect(),
        queues: recorded.queues.clone(),
        settings: policy.settings.iter().map(setting).collect(),
    }
}

/// The columns of a recorded question under other tables, as far as both know them.
pub fn recolumned(columns: &[Column], recorded: &Tables, retold: &Tables) -> Vec<Column> {
    let place = |column: &Column| {
        let name = recorded.attributes.get(usize::try_from(column.attribute).ok()?)?;
        let place = retold.attributes.iter().position(|attribute| attribute == name)?;
        Some(Column { attribute: u32::try_from(place).ok()?, values: column.values.clone() })
    };
    columns.iter().filter_map(place).collect()
}

/// What a decision comes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    Agent(AgentId),
    Interaction(InteractionId),
    /// Whoever could take it does not get it.
    Nobody,
    /// What is still needed, and the queue that is asked as well.
    Relaxation {
        needs: Vec<(String, u8)>,
        overflow_to: Option<String>,
    },
}

impl Choice {
    pub fn of(asked: &Ranking, said: &Decided, tables: &Tables) -> Self {
        match (asked, said) {
            (Ranking::Agents { agents, .. }, said) => first(agents, said).map_or(Self::Nobody, Self::Agent),
            (Ranking::Waiting { interactions, .. }, said) => {
                first(interactions, said).map_or(Self::Nobody, Self::Interaction)
            }
            (Ranking::Relax { .. }, Decided::Relaxed(relaxed)) => {
                let queue = |number: u32| tables.queues.get(usize::try_from(number).ok()?).cloned();
                Self::relaxation(&relaxed.needs, tables, relaxed.overflow_to.and_then(queue))
            }
            (Ranking::Relax { needs, .. }, _) => Self::relaxation(needs, tables, None),
        }
    }

    fn relaxation(needs: &[Need], tables: &Tables, overflow_to: Option<String>) -> Self {
        let skill = |number: u32| usize::try_from(number).ok().and_then(|number| tables.skills.get(number)).cloned();
        let mut needs: Vec<_> = needs.iter().map(|need| (skill(need.skill).unwrap_or_default(), need.level)).collect();
        needs.sort_unstable();
        Self::Relaxation { needs, overflow_to }
    }
}

/// A failure leaves the native order, which is that of the list.
fn first<T: Clone>(list: &[T], said: &Decided) -> Option<T> {
    match said {
        Decided::Ordered(order) => list.get(usize::try_from(*order.numbers.first()?).ok()?).cloned(),
        Decided::Relaxed(_) => None,
        Decided::Failed { .. } => list.first().cloned(),
    }
}

/// A decision that would be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub interaction: InteractionId,
    pub queue: QueueId,
    pub at: Timestamp,
    /// Whom it is about: the interaction, or the agent who came free.
    pub subject: String,
    /// How many there were to choose among.
    pub among: usize,
    pub was: Choice,
    pub is: Choice,
}

/// Sums of many decisions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PolicyReport {
    /// Interactions with at least one decision.
    pub interactions: u64,
    /// Of those, with at least one that would be another.
    pub interactions_changed: u64,
    pub decisions: u64,
    pub same: u64,
    pub other_agent: u64,
    pub other_interaction: u64,
    pub other_relaxation: u64,
    /// The other policy failed: the native order counts for it.
    pub failed: u64,
    /// The policy failed then: the native order counted.
    pub had_failed: u64,
    /// Decisions that are on no tape, had no room there, or whose tables are gone.
    pub left_out: u64,
    /// The first of each interaction, the earliest interactions first.
    #[serde(serialize_with = "as_list")]
    first: BTreeMap<InteractionId, Change>,
}

impl PolicyReport {
    /// The decisions about one interaction, in order, each with what the other policy says.
    pub fn add<'a>(
        &mut self,
        interaction: InteractionId,
        decisions: impl IntoIterator<Item = (&'a Ranked, Decided, &'a Tables)>,
    ) {
        let (mut any, mut changed) = (false, None);
        for (ranked, said, tables) in decisions {
            any = true;
            if let Some(change) = self.decision(interaction, ranked, &said, tables) {
                changed.get_or_insert(change);
            }
        }
        self.interactions += u64::from(any);
        if let Some(change) = changed {
            self.interactions_changed += 1;
            self.first.insert(interaction, change);
            if self.first.len() > MOST_TOLD {
                self.first.pop_last();
            }
        }
    }

    fn decision(
        &mut self,
        interaction: InteractionId,
        ranked: &Ranked,
        said: &Decided,
        tables: &Tables,
    ) -> Option<Change> {
        self.decisions += 1;
        self.failed += u64::from(matches!(said, Decided::Failed { .. }));
        self.had_failed += u64::from(matches!(ranked.said, Decided::Failed { .. }));
        let was = Choice::of(&ranked.asked, &ranked.said, tables);
        let is = Choice::of(&ranked.asked, said, tables);
        if was == is {
            self.same += 1;
            return None;
        }
        let (subject, among) = match &ranked.asked {
            Ranking::Agents { agents, .. } => {
                self.other_agent += 1;
                (interaction.to_string(), agents.len())
            }
            Ranking::Waiting { agent, interactions, .. } => {
                self.other_interaction += 1;
                (agent.to_string(), interactions.len())
            }
            Ranking::Relax { .. } => {
                self.other_relaxation += 1;
                (interaction.to_string(), 0)
            }
        };
        Some(Change { interaction, queue: ranked.queue.clone(), at: ranked.at, subject, among, was, is })
    }

    pub fn leave_out(&mut self, decisions: u64) {
        self.left_out += decisions;
    }

    /// Adds another's counts, of other interactions.
    pub fn merge(&mut self, other: Self) {
        self.interactions += other.interactions;
        self.interactions_changed += other.interactions_changed;
        self.decisions += other.decisions;
        self.same += other.same;
        self.other_agent += other.other_agent;
        self.other_interaction += other.other_interaction;
        self.other_relaxation += other.other_relaxation;
        self.failed += other.failed;
        self.had_failed += other.had_failed;
        self.left_out += other.left_out;
        self.first.extend(other.first);
        while self.first.len() > MOST_TOLD {
            self.first.pop_last();
        }
    }

    /// The first decision of each interaction that would be another.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.first.values()
    }
}

fn as_list<S: serde::Serializer>(first: &BTreeMap<InteractionId, Change>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(first.values())
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(agent) => write!(f, "agent {agent}"),
            Self::Interaction(interaction) => write!(f, "call {interaction}"),
            Self::Nobody => write!(f, "nobody"),
            Self::Relaxation { needs, overflow_to } => {
                let needs: Vec<String> = needs.iter().map(|(skill, level)| format!("{skill} {level}")).collect();
                let needs = if needs.is_empty() { "-".to_owned() } else { needs.join(" + ") };
                match overflow_to {
                    Some(queue) => write!(f, "needs {needs}; also queue {queue}"),
                    None => write!(f, "needs {needs}"),
                }
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, subject, among, was, is, .. } = self;
        write!(f, "{subject} in queue {queue}: {is}, was {was} (of {among})")
    }
}
