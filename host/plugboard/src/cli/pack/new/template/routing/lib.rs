//! A routing policy: the customer's last agent first, then who is idle for longest; waiting callers by priority, then the longest wait.
//!
//! `wit/routing.wit` says what is asked and when. The host offers only whom it named, and takes its own default when a policy fails.

#[allow(unused_qualifications, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "wit", world: "routing-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(LastAgent);

    #[cfg(target_arch = "wasm32")]
    use super::LastAgent;
}

use std::{cell::Cell, cmp::Reverse};

use contract::exports::plugboard::plugin::{
    common::Failure,
    routing::{Candidate, Column, Guest, Need, Order, Relaxed, Tables, Waiting},
};

thread_local! {
    /// Where the question says who the customer's last agent is; `None`: this host, or this queue, does not.
    static LAST_AGENT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The component's exports.
pub struct LastAgent;

impl Guest for LastAgent {
    fn configure(tables: Tables) -> Result<(), Failure> {
        let place = tables.attributes.iter().position(|attribute| attribute == "last-agent");
        LAST_AGENT.set(place.and_then(|place| u32::try_from(place).ok()));
        Ok(())
    }

    fn rank_agents(_: Waiting, _: Vec<Need>, agents: Vec<Candidate>, columns: Vec<Column>) -> Result<Order, Failure> {
        let last_agent = LAST_AGENT.get();
        let column = columns.iter().find(|column| Some(column.attribute) == last_agent);
        let is_last = |row: usize| column.is_some_and(|column| column.values.get(row) == Some(&1));
        let mut ranked: Vec<(usize, Candidate)> = agents.into_iter().enumerate().collect();
        ranked.sort_by_key(|(row, agent)| (Reverse((is_last(*row), agent.idle_ms)), agent.number));
        Ok(order(ranked.iter().map(|(_, agent)| agent.number)))
    }

    fn rank_waiting(_: Candidate, mut waiting: Vec<Waiting>, _: Vec<Column>) -> Result<Order, Failure> {
        waiting.sort_by_key(|who| (Reverse((who.priority, who.waited_ms)), who.number));
        Ok(order(waiting.iter().map(|who| who.number)))
    }

    /// Never asked, since no order here sets `again-ms`.
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

    #[test]
    fn the_last_agent_comes_before_who_is_idle_for_longer() {
        let text = |name: &str| name.to_owned();
        let attributes = vec![text("value"), text("last-agent")];
        let (skills, queues, settings, extra) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        LastAgent::configure(Tables { skills, attributes, queues, settings, extra }).unwrap();
        let agent = |number, idle_ms| Candidate { number, levels: 0, idle_ms, taken_today: 0, load: 0 };
        let agents = vec![agent(1, 500), agent(2, 9_000), agent(3, 100)];
        let who = Waiting { number: 7, queue: 0, priority: 5, channel: 0, waited_ms: 0, value: 0 };
        let columns = vec![Column { attribute: 1, values: vec![0, 0, 1] }];
        let order = LastAgent::rank_agents(who, Vec::new(), agents, columns).unwrap();
        assert_eq!(order.numbers, [3, 2, 1]);
    }
}
