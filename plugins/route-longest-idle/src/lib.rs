//! The simplest routing policy, and the one to copy: whoever has been free longest takes who has waited longest, higher priorities first.
//!
//! It has no settings, and a caller never goes without a skill.

#[allow(unsafe_code, unreachable_pub, unused_qualifications, clippy::use_self, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "../../wit", world: "routing-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Policy);

    #[cfg(target_arch = "wasm32")]
    use super::Policy;
}

use std::cmp::Reverse;

use contract::exports::plugboard::plugin::{
    common::{Failure, FailureCode},
    routing::{Candidate, Column, Guest, Need, Order, Relaxed, Tables, Waiting},
};

/// The component's exports.
pub struct Policy;

impl Guest for Policy {
    fn configure(tables: Tables) -> Result<(), Failure> {
        match tables.settings.first() {
            None => Ok(()),
            Some(setting) => {
                let message = format!("{}: there is no such setting, this policy has none", setting.name);
                Err(Failure { code: FailureCode::BadSettings, message, extra: Vec::new() })
            }
        }
    }

    fn rank_agents(_: Waiting, _: Vec<Need>, mut candidates: Vec<Candidate>, _: Vec<Column>) -> Result<Order, Failure> {
        candidates.sort_unstable_by_key(|agent| (Reverse(agent.idle_ms), agent.number));
        Ok(order(candidates.into_iter().map(|agent| agent.number)))
    }

    fn rank_waiting(_: Candidate, mut waiting: Vec<Waiting>, _: Vec<Column>) -> Result<Order, Failure> {
        waiting.sort_unstable_by_key(|one| (Reverse(one.priority), Reverse(one.waited_ms), one.number));
        Ok(order(waiting.into_iter().map(|one| one.number)))
    }

    fn on_timer(_: Waiting, needs: Vec<Need>) -> Result<Relaxed, Failure> {
        Ok(Relaxed { needs, overflow_to: None, again_ms: None, extra: Vec::new() })
    }
}

fn order(numbers: impl Iterator<Item = u32>) -> Order {
    Order { numbers: numbers.collect(), again_ms: None, extra: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::exports::plugboard::plugin::common::Setting;

    fn waiting(number: u32, priority: u8, waited_ms: u32) -> Waiting {
        Waiting { number, queue: 0, priority, channel: 0, waited_ms, value: 0 }
    }

    #[test]
    fn longest_idle_comes_first_whatever_the_skills() {
        let agent = |number, levels, idle_ms| Candidate { number, levels, idle_ms, taken_today: 0, load: 0 };
        let agents = vec![agent(0, 9, 500), agent(1, 1, 9_000), agent(2, 0, 9_000), agent(3, 0, 10_000)];
        let order = Policy::rank_agents(waiting(0, 5, 0), vec![], agents, vec![]).unwrap();
        assert_eq!(order.numbers, [3, 1, 2, 0]);
    }

    #[test]
    fn higher_priority_comes_before_longer_wait() {
        let those = vec![waiting(0, 5, 90_000), waiting(1, 9, 10), waiting(2, 5, 95_000)];
        let agent = Candidate { number: 0, levels: 0, idle_ms: 0, taken_today: 0, load: 0 };
        assert_eq!(Policy::rank_waiting(agent, those, vec![]).unwrap().numbers, [1, 2, 0]);
    }

    #[test]
    fn setting_is_refused_by_name() {
        let settings = vec![Setting { name: "relax-first-ms".into(), value: "1000".into() }];
        let tables = Tables { skills: vec![], attributes: vec![], queues: vec![], settings, extra: vec![] };
        assert_eq!(
            Policy::configure(tables).err().map(|failure| failure.message),
            Some("relax-first-ms: there is no such setting, this policy has none".into())
        );
    }
}
