//! The rules, on plain numbers.

use std::cmp::Reverse;

use crate::{
    bad_settings,
    contract::exports::plugboard::plugin::{
        common::Failure,
        routing::{Candidate, Need, Order, Relaxed, Tables, Waiting},
    },
};

/// The least level that a need is relaxed to before it is dropped.
const LEAST_LEVEL: u8 = 1;

pub(crate) struct Settings {
    relax_every_ms: u32,
    drop_needs: bool,
    /// Number of the queue whose agents are asked as well in the end.
    overflow_to: Option<u32>,
}

impl Settings {
    pub(crate) fn from_tables(tables: &Tables) -> Result<Self, Failure> {
        let mut settings = Self { relax_every_ms: 30_000, drop_needs: true, overflow_to: None };
        for setting in &tables.settings {
            let (name, value) = (setting.name.as_str(), setting.value.as_str());
            let wanted = |what: &str| bad_settings(format!("{name} is {value:?}, wanted {what}"));
            let millis = || {
                let millis = value.parse::<u32>().ok().filter(|ms| (1_000..=3_600_000).contains(ms));
                millis.ok_or_else(|| wanted("milliseconds from 1000 to 3600000"))
            };
            match name {
                // The host's to keep: it asks first then.
                "relax-first-ms" => drop(millis()?),
                "relax-every-ms" => settings.relax_every_ms = millis()?,
                "drop-needs" => settings.drop_needs = value.parse().map_err(|_| wanted("true or false"))?,
                "overflow-to" => {
                    let queue = tables.queues.iter().position(|queue| queue == value);
                    let number = queue.and_then(|queue| u32::try_from(queue).ok());
                    settings.overflow_to =
                        Some(number.ok_or_else(|| bad_settings(format!("{name}: there is no queue {value:?}")))?);
                }
                _ => return Err(bad_settings(format!("{name}: there is no such setting"))),
            }
        }
        Ok(settings)
    }

    /// Takes one level off the highest need (the last among equals), then drops the last one left at the least level, then overflows.
    pub(crate) fn relax(&self, who: &Waiting, mut needs: Vec<Need>) -> Relaxed {
        let (mut overflow_to, mut is_last) = (None, false);
        match highest(&needs) {
            Some(at) if needs[at].level > LEAST_LEVEL => needs[at].level -= 1,
            Some(at) if self.drop_needs => drop(needs.remove(at)),
            _ => {
                overflow_to = self.overflow_to.filter(|queue| *queue != who.queue);
                is_last = true;
            }
        }
        let may_lower = highest(&needs).is_some_and(|at| self.drop_needs || needs[at].level > LEAST_LEVEL);
        let more = !is_last && (may_lower || self.overflow_to.is_some());
        Relaxed { needs, overflow_to, again_ms: more.then_some(self.relax_every_ms), extra: Vec::new() }
    }
}

fn highest(needs: &[Need]) -> Option<usize> {
    let level = needs.iter().map(|need| need.level).max()?;
    needs.iter().rposition(|need| need.level == level)
}

/// By the sum of the levels in the needed skills, then the least load, then the longest idle; equal ones by number.
pub(crate) fn rank_agents(needs: &[Need], candidates: &[Candidate]) -> Order {
    let relevant = match needs.len() {
        0 => 0,
        n @ 1..8 => u64::MAX >> (64 - 8 * n),
        _ => u64::MAX,
    };
    let mut ranked: Vec<(u64, u32)> =
        candidates.iter().map(|agent| (rank(agent, agent.levels & relevant), agent.number)).collect();
    ranked.sort_unstable();
    let numbers = ranked.into_iter().map(|(_, number)| number).collect();
    Order { numbers, again_ms: None, extra: Vec::new() }
}

/// Smaller is better: from the top bit 12 bits of missing levels, 16 of load, 32 of missing idle time, in one number because a sort of
/// hundred asks for it a thousand times.
fn rank(agent: &Candidate, levels: u64) -> u64 {
    const MOST: u64 = 8 * 255;
    // Bytes to four pairs, then all pairs into the top one.
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    let pairs = (levels & PAIRS) + (levels >> 8 & PAIRS);
    let sum = pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48;
    (MOST - sum) << 48 | u64::from(agent.load) << 32 | u64::from(u32::MAX - agent.idle_ms)
}

/// By priority, then the longest wait; equal ones by number.
pub(crate) fn rank_waiting(mut waiting: Vec<Waiting>) -> Order {
    waiting.sort_unstable_by_key(|one| (Reverse(one.priority), Reverse(one.waited_ms), one.number));
    Order { numbers: waiting.into_iter().map(|one| one.number).collect(), again_ms: None, extra: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::exports::plugboard::plugin::common::Setting;

    fn agent(number: u32, levels: u64, load: u16, idle_ms: u32) -> Candidate {
        Candidate { number, levels, idle_ms, taken_today: 0, load }
    }

    fn waiting(number: u32, priority: u8, waited_ms: u32) -> Waiting {
        Waiting { number, queue: 0, priority, channel: 0, waited_ms, value: 0 }
    }

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, Failure> {
        let settings =
            pairs.iter().map(|(name, value)| Setting { name: (*name).into(), value: (*value).into() }).collect();
        let queues = vec!["sales".into(), "everyone".into()];
        Settings::from_tables(&Tables { skills: vec![], attributes: vec![], queues, settings, extra: vec![] })
    }

    #[test]
    fn best_skills_come_first_then_least_load_then_longest_idle() {
        let needs = [Need { skill: 0, level: 1 }, Need { skill: 4, level: 1 }];
        let agents = vec![
            agent(1, 0x0303, 500, 9_000),
            agent(2, 0x0303, 0, 1_000),
            agent(3, 0x0303, 0, 2_000),
            agent(4, 0x0a01, 900, 0),
            agent(5, 0xff_0101, 0, 0), // great in a skill that nobody asked for
        ];
        assert_eq!(rank_agents(&needs, &agents).numbers, [4, 3, 2, 1, 5]);
    }

    #[test]
    fn higher_priority_waits_less_than_longer_wait() {
        assert_eq!(
            rank_waiting(vec![waiting(1, 5, 90_000), waiting(2, 9, 10), waiting(3, 5, 95_000)]).numbers,
            [2, 3, 1]
        );
    }

    fn steps(pairs: &[(&str, &str)]) -> Vec<String> {
        let settings = settings(pairs).unwrap();
        let mut needs = vec![Need { skill: 7, level: 2 }, Need { skill: 8, level: 1 }];
        let mut seen = Vec::new();
        loop {
            let Relaxed { needs: left, overflow_to, again_ms, .. } = settings.relax(&waiting(1, 5, 0), needs);
            let left_over: Vec<String> = left.iter().map(|need| format!("{}≥{}", need.skill, need.level)).collect();
            let to = overflow_to.map_or_else(String::new, |queue| format!(" to {queue}"));
            let again = again_ms.map_or_else(String::new, |ms| format!(" again {ms}"));
            seen.push(format!("[{}]{to}{again}", left_over.join(" ")));
            if again_ms.is_none() {
                return seen;
            }
            needs = left;
        }
    }

    #[test]
    fn needs_are_lowered_then_dropped_then_the_caller_overflows() {
        assert_eq!(
            steps(&[("overflow-to", "everyone"), ("relax-every-ms", "5000")]),
            ["[7≥1 8≥1] again 5000", "[7≥1] again 5000", "[] again 5000", "[] to 1"]
        );
    }

    #[test]
    fn need_is_not_dropped_where_the_settings_say_so() {
        assert_eq!(steps(&[("drop-needs", "false")]), ["[7≥1 8≥1]"]);
        assert_eq!(
            steps(&[("drop-needs", "false"), ("overflow-to", "everyone")]),
            ["[7≥1 8≥1] again 30000", "[7≥1 8≥1] to 1"]
        );
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_by_name() {
        let told = |name, value| settings(&[(name, value)]).err().map(|failure| failure.message).unwrap_or_default();
        assert_eq!(
            [
                told("overflow-to", "nobody"),
                told("relax-first-ms", "5"),
                told("drop-needs", "no"),
                told("overflow", "x")
            ],
            [
                "overflow-to: there is no queue \"nobody\"",
                "relax-first-ms is \"5\", wanted milliseconds from 1000 to 3600000",
                "drop-needs is \"no\", wanted true or false",
                "overflow: there is no such setting",
            ]
        );
    }
}
