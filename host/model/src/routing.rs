//! What a routing policy is asked and answers: the host's side of the WIT interface `routing`, item by item.
//!
//! Numbers only: a `number` names an interaction or an agent within one question, a skill is its index in [`Tables::skills`]. Units, order,
//! deadline, failure and trust are written once, in `wit/`.

use serde::{Deserialize, Serialize};

use crate::{Configuration, Policy, flow::Setting};

/// Most agents, or waiting interactions, in one question.
pub const MAX_CANDIDATES: usize = 256;
/// Most needs of one interaction.
pub const MAX_NEEDS: usize = 16;
/// Of how many needs a [`Candidate`] carries the levels; further needs are checked by the host alone.
pub const RANKED_NEEDS: usize = 8;

/// The tag that says what a customer is worth, a whole number in the tenant's own unit: [`Waiting::value`].
pub const VALUE: &str = "value";
/// The tag that names the agent who served the customer last, and attribute 0 of every table: of a pair of interaction and agent, 1 if this is the
/// agent, 0 if it is another one who is at work, absent where there is none.
pub const LAST_AGENT: &str = "last-agent";
/// Attribute of an agent: the share of today's logged-in time spent on interactions, per mille.
pub const OCCUPANCY: &str = "occupancy";

/// What the numbers in the questions stand for. Given before the first question and again when it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// Those of [`Configuration::skills`], and last an empty name, which stands for every skill that is not among them: nobody has it.
    pub skills: Vec<String>,
    /// [`LAST_AGENT`], then those of the policy.
    pub attributes: Vec<String>,
    pub queues: Vec<String>,
    pub settings: Vec<Setting>,
}

impl Tables {
    /// Those of one queue's policy.
    pub fn of(configuration: &Configuration, policy: &Policy) -> Self {
        let setting = |(name, value): (&String, &String)| Setting { name: name.clone(), value: value.clone() };
        let skills = configuration.skills();
        Self {
            skills: skills.iter().map(ToString::to_string).chain([String::new()]).collect(),
            attributes: [LAST_AGENT.to_owned()].into_iter().chain(policy.attributes.iter().cloned()).collect(),
            queues: configuration.queues.keys().map(ToString::to_string).collect(),
            settings: policy.settings.iter().map(setting).collect(),
        }
    }
}

/// An interaction that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub number: u32,
    /// Index in [`Tables::queues`].
    pub queue: u32,
    /// 0 to 9, 9 first.
    pub priority: u8,
    /// 0 voice, 1 chat, 2 message, 3 e-mail.
    pub channel: u8,
    pub waited_ms: u32,
    /// What it is worth, in the tenant's own unit; 0 unless set.
    pub value: i32,
}

/// A skill that an interaction needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Index in [`Tables::skills`].
    pub skill: u32,
    /// 1 to 10: the least level.
    pub level: u8,
}

/// An agent who is free and allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub number: u32,
    pub levels: Levels,
    pub idle_ms: u32,
    pub taken_today: u32,
    /// Interactions in hand, per mille of the agent's capacity.
    pub load_permille: u16,
}

/// An agent's levels in the first eight needs of the question, 8 bits each, the first need lowest; 0: the agent lacks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Levels(pub u64);

impl Levels {
    /// In the order of the needs; what is past the eighth is left out.
    pub fn from_needs(levels: impl IntoIterator<Item = u8>) -> Self {
        let packed = levels.into_iter().take(RANKED_NEEDS).enumerate();
        Self(packed.fold(0, |all, (need, level)| all | u64::from(level) << (8 * need)))
    }

    /// The level in the need of that index; 0 past the eighth.
    pub fn get(self, need: usize) -> u8 {
        if need < RANKED_NEEDS { self.0.to_le_bytes()[need] } else { 0 }
    }
}

/// One more number about each pair of agent and interaction in the question, in the order of its list. What is the interaction's alone is the same for
/// all candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Index in [`Tables::attributes`].
    pub attribute: u32,
    /// [`ABSENT`] where there is none.
    pub values: Vec<i32>,
}

/// In a [`Column`]: there is no number.
pub const ABSENT: i32 = i32::MIN;

/// Best first; whoever is left out is not offered. Checked: numbers of the question only, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub numbers: Vec<u32>,
    /// Ask again, by `on-timer`, if nobody took it by then.
    pub again_ms: Option<u32>,
}

/// What to go on with when a wait lasted too long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relaxed {
    /// Checked: each skill was needed before, at no lower level.
    pub needs: Vec<Need>,
    /// Index in [`Tables::queues`].
    pub overflow_to: Option<u32>,
    pub again_ms: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_keep_the_order_of_the_needs_and_drop_the_ninth() {
        let levels = Levels::from_needs([3, 0, 10, 1, 2, 3, 4, 5, 9]);
        assert_eq!([0, 1, 2, 7, 8].map(|need| levels.get(need)), [3, 0, 10, 5, 0]);
    }
}
