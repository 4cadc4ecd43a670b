//! The rules, on plain numbers.

use std::cmp::Reverse;

use crate::{
    bad_settings,
    contract::exports::plugboard::plugin::{
        common::Failure,
        routing::{Candidate, Column, Need, Order, Tables, Waiting},
    },
};

/// In a column: there is no number.
const ABSENT: i32 = i32::MIN;
/// Nobody is asked for sooner.
const LEAST_AGAIN_MS: u32 = 100;

pub(crate) struct Settings {
    vip_from: i64,
    sticky_ms: u32,
    /// Number of the attribute that tells the agent of the last time.
    last_agent: Option<u32>,
    /// Number of an attribute, and what one of it is worth.
    weights: Vec<(u32, i64)>,
}

impl Settings {
    pub(crate) fn from_tables(tables: &Tables) -> Result<Self, Failure> {
        let number = |name: &str| {
            let place = tables.attributes.iter().position(|attribute| attribute == name);
            place.and_then(|place| u32::try_from(place).ok())
        };
        let mut settings =
            Self { vip_from: 1, sticky_ms: 20_000, last_agent: number("last-agent"), weights: Vec::new() };
        for setting in &tables.settings {
            let (name, value) = (setting.name.as_str(), setting.value.as_str());
            let wanted = |what: &str| bad_settings(format!("{name} is {value:?}, wanted {what}"));
            let whole = || value.parse::<i32>().map(i64::from).map_err(|_| wanted("a whole number"));
            match (name, name.strip_prefix("weight.")) {
                ("vip-from", _) => settings.vip_from = whole()?,
                ("sticky-ms", _) => {
                    let millis = value.parse().ok().filter(|ms| (1_000..=3_600_000).contains(ms));
                    settings.sticky_ms = millis.ok_or_else(|| wanted("milliseconds from 1000 to 3600000"))?;
                }
                (_, Some(attribute)) => {
                    let known = number(attribute).ok_or_else(|| {
                        bad_settings(format!("{name}: {attribute} is none of the attributes of this queue's policy"))
                    })?;
                    settings.weights.push((known, whole()?));
                }
                _ => return Err(bad_settings(format!("{name}: there is no such setting"))),
            }
        }
        Ok(settings)
    }

    pub(crate) fn rank_agents(
        &self,
        who: &Waiting,
        needs: &[Need],
        candidates: &[Candidate],
        columns: &[Column],
    ) -> Order {
        let is_kept = self.is_kept(who, 0, columns);
        // Whose last agent is at work has a number beside every candidate.
        let last = self.last_agent.and_then(|attribute| find(columns, attribute));
        let is_last = |place: usize| last.is_some_and(|values| values.get(place) == Some(&1));
        if let Some(again_ms) = is_kept {
            let mine = (0..).zip(candidates).find(|(place, _)| is_last(*place));
            return Order {
                numbers: mine.map(|(_, agent)| agent.number).into_iter().collect(),
                again_ms: Some(again_ms),
                extra: Vec::new(),
            };
        }
        let mut ranked: Vec<_> = (0..).zip(candidates).collect();
        ranked.sort_unstable_by_key(|(place, agent)| {
            // Who was kept for somebody and is not any more takes them still, should they be free by now.
            let was_kept = is_last(*place) && self.worth(who, 0, columns) >= self.vip_from;
            (!was_kept, Reverse(mastery(agent, needs.len())), Reverse(agent.idle_ms), agent.number)
        });
        Order {
            numbers: ranked.into_iter().map(|(_, agent)| agent.number).collect(),
            again_ms: None,
            extra: Vec::new(),
        }
    }

    pub(crate) fn rank_waiting(&self, waiting: &[Waiting], columns: &[Column]) -> Order {
        let last = self.last_agent.and_then(|attribute| find(columns, attribute));
        let mut again_ms: Option<u32> = None;
        let mut ranked = Vec::with_capacity(waiting.len());
        for (place, one) in waiting.iter().enumerate() {
            let is_mine = last.is_some_and(|values| values.get(place) == Some(&1));
            let kept = self.is_kept(one, place, columns);
            match kept {
                Some(left_ms) if !is_mine => again_ms = Some(again_ms.map_or(left_ms, |again| again.min(left_ms))),
                kept => {
                    let worth = self.worth(one, place, columns);
                    let first = kept.is_none();
                    ranked.push((first, Reverse(one.priority), Reverse(worth), Reverse(one.waited_ms), one.number));
                }
            }
        }
        ranked.sort_unstable();
        Order { numbers: ranked.into_iter().map(|(.., number)| number).collect(), again_ms, extra: Vec::new() }
    }

    /// For how much longer the customer in that place of the question is kept for their last agent.
    fn is_kept(&self, who: &Waiting, place: usize, columns: &[Column]) -> Option<u32> {
        let last = find(columns, self.last_agent?)?.get(place).copied().filter(|value| *value != ABSENT);
        let is_vip = self.worth(who, place, columns) >= self.vip_from;
        let left_ms = self.sticky_ms.checked_sub(who.waited_ms).filter(|left| *left > 0);
        left_ms.filter(|_| last.is_some() && is_vip).map(|left| left.max(LEAST_AGAIN_MS))
    }

    fn worth(&self, who: &Waiting, place: usize, columns: &[Column]) -> i64 {
        let weighted = |(attribute, weight): &(u32, i64)| {
            let value = find(columns, *attribute).and_then(|values| values.get(place)).copied();
            value.filter(|value| *value != ABSENT).map_or(0, |value| weight.saturating_mul(value.into()))
        };
        self.weights.iter().map(weighted).fold(who.value.into(), i64::saturating_add)
    }
}

fn find(columns: &[Column], attribute: u32) -> Option<&[i32]> {
    columns.iter().find(|column| column.attribute == attribute).map(|column| column.values.as_slice())
}

/// Sum of the levels in the first eight needs.
fn mastery(agent: &Candidate, needs: usize) -> u32 {
    agent.levels.to_le_bytes().into_iter().take(needs).map(u32::from).sum()
}

#[cfg(test)]
mod tests;
