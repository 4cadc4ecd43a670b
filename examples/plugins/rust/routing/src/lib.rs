//! Prefers the customer's last agent, else the longest idle: a routing policy of Plugboard in Rust.

use plugboard_sdk::routing::{Agents, Attribute, Failure, Order, Policy, Tables, Waiting};

plugboard_sdk::export_routing!(LastAgent);

/// Where the question says who the customer's last agent is; `None`: this host, or this queue, does not.
struct LastAgent(Option<Attribute>);

impl Policy for LastAgent {
    fn configure(tables: &Tables) -> Result<Self, Failure> {
        Ok(Self(tables.attribute("last-agent")))
    }

    fn rank_agents(&self, _: &Waiting, agents: Agents<'_>) -> Order {
        agents.best_first(|agent| (agent.value(self.0) == Some(1), agent.idle_ms))
    }
}

#[cfg(test)]
mod tests {
    use plugboard_sdk::routing::{Candidate, Column};

    use super::*;

    #[test]
    fn the_last_agent_comes_before_who_is_idle_for_longer() {
        let tables = Tables {
            skills: vec![],
            attributes: vec!["last-agent".into()],
            queues: vec![],
            settings: vec![],
            extra: vec![],
        };
        let agent = |number, idle_ms| Candidate { number, levels: 0, idle_ms, taken_today: 0, load: 0 };
        let agents = [agent(1, 500), agent(2, 9_000), agent(3, 100)];
        let columns = [Column { attribute: 0, values: vec![0, 0, 1] }];
        let who = Waiting { number: 7, queue: 0, priority: 5, channel: 0, waited_ms: 0, value: 0 };
        let order = LastAgent::configure(&tables).unwrap().rank_agents(&who, Agents::new(&[], &agents, &columns));
        assert_eq!(order.numbers, [3, 2, 1]);
    }
}
