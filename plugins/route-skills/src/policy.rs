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
    relax_after_ms: u32,
    /// Number of the queue that takes over in the end.
    overflow: Option<u32>,
}

impl Settings {
    pub(crate) fn from_tables(tables: &Tables) -> Result<Self, Failure> {
        let mut settings = Self { relax_after_ms: 30_000, overflow: None };
        for setting in &tables.settings {
            match setting.name.as_str() {
                "relax_after_ms" => {
                    settings.relax_after_ms =
                        setting.value.parse().ok().filter(|ms| *ms >= 1_000).ok_or_else(|| {
                            bad_settings(format!(
                                "relax_after_ms is {:?}, wanted milliseconds from 1000",
                                setting.value
                            ))
                        })?;
                }
                "overflow" => {
                    let queue = tables.queues.iter().position(|queue| *queue == setting.value);
                    let number = queue.and_then(|queue| u32::try_from(queue).ok());
                    settings.overflow =
                        Some(number.ok_or_else(|| bad_settings(format!("overflow: no queue {:?}", setting.value)))?);
                }
                // What a later version of this policy may read.
                _ => {}
            }
        }
        Ok(settings)
    }

    /// By the sum of the levels in the needed skills, then the least load, then the longest idle; equal ones by number.
    pub(crate) fn rank_agents(&self, needs: &[Need], candidates: &[Candidate]) -> Order {
        let relevant = match needs.len() {
            0 => 0,
            n @ 1..8 => u64::MAX >> (64 - 8 * n),
            _ => u64::MAX,
        };
        let mut ranked: Vec<(u64, u32)> =
            candidates.iter().map(|agent| (rank(agent, agent.levels & relevant), agent.number)).collect();
        ranked.sort_unstable();
        let again_ms = (!needs.is_empty() || self.overflow.is_some()).then_some(self.relax_after_ms);
        Order { numbers: ranked.into_iter().map(|(_, number)| number).collect(), again_ms, extra: Vec::new() }
    }

    /// Takes one level off the highest need (the last among equals), then drops the last one left at the least level, then overflows.
    pub(crate) fn relax(&self, who: &Waiting, mut needs: Vec<Need>) -> Relaxed {
        let highest = needs.iter().map(|need| need.level).max();
        let overflow_to = match highest {
            None => self.overflow.filter(|queue| *queue != who.queue),
            Some(level) => {
                let at = needs.iter().rposition(|need| need.level == level).unwrap_or_default();
                if level > LEAST_LEVEL {
                    needs[at].level -= 1;
                } else {
                    needs.remove(at);
                }
                None
            }
        };
        let more = !needs.is_empty() || (highest.is_some() && self.overflow.is_some());
        Relaxed { needs, overflow_to, again_ms: more.then_some(self.relax_after_ms), extra: Vec::new() }
    }
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
        assert_eq!(settings(&[]).unwrap().rank_agents(&needs, &agents).numbers, [4, 3, 2, 1, 5]);
    }

    #[test]
    fn higher_priority_waits_less_than_longer_wait() {
        assert_eq!(
            rank_waiting(vec![waiting(1, 5, 90_000), waiting(2, 9, 10), waiting(3, 5, 95_000)]).numbers,
            [2, 3, 1]
        );
    }

    #[test]
    fn needs_are_lowered_then_dropped_then_the_caller_overflows() {
        let settings = settings(&[("overflow", "everyone"), ("relax_after_ms", "5000")]).unwrap();
        let mut needs = vec![Need { skill: 7, level: 2 }, Need { skill: 8, level: 1 }];
        let mut seen = Vec::new();
        while let Relaxed { needs: left, overflow_to: None, again_ms: Some(5_000), .. } =
            settings.relax(&waiting(1, 5, 0), needs)
        {
            seen.push(left.iter().map(|need| (need.skill, need.level)).collect::<Vec<_>>());
            needs = left;
        }
        assert_eq!(seen, [vec![(7, 1), (8, 1)], vec![(7, 1)], vec![]]);
        assert_eq!(settings.relax(&waiting(1, 5, 0), vec![]).overflow_to, Some(1));
    }

    #[test]
    fn unknown_overflow_queue_is_refused_by_name() {
        assert_eq!(
            settings(&[("overflow", "nobody")]).err().map(|failure| failure.message),
            Some("overflow: no queue \"nobody\"".into())
        );
    }
}
