//! A routing policy as a function over candidates. Use it as `plugboard_sdk::routing`.
//!
//! ```
//! use plugboard_sdk_routing::{Agents, Attribute, Failure, Order, Policy, Tables, Waiting};
//!
//! plugboard_sdk_routing::export_routing!(LastAgent);
//!
//! struct LastAgent(Option<Attribute>);
//!
//! impl Policy for LastAgent {
//!     fn configure(tables: &Tables) -> Result<Self, Failure> {
//!         Ok(Self(tables.attribute("last-agent")))
//!     }
//!
//!     fn rank_agents(&self, _: &Waiting, agents: Agents<'_>) -> Order {
//!         agents.best_first(|agent| (agent.value(self.0) == Some(1), agent.idle_ms))
//!     }
//! }
//! ```

use std::{cmp::Reverse, ops::Deref};

/// The contract as Rust, generated from its WIT.
#[allow(missing_docs, unsafe_code, unused_qualifications, clippy::use_self, reason = "generated from the contract")]
pub mod contract {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "routing-plugin",
        pub_export_macro: true,
        default_bindings_module: "plugboard_sdk_routing::contract",
        additional_derives: [PartialEq, Eq],
    });
}

pub use contract::exports::plugboard::plugin::{
    common::{Failure, FailureCode, Setting},
    routing::{Candidate, Column, Need, Order, Relaxed, Tables, Waiting},
};

/// Who takes what. Must be pure: the same arguments give the same answer, in any instance.
pub trait Policy: Sized {
    /// Reads the tables and the administrator's settings, once. What is kept here is all that a policy may keep. Deadline: 1 s.
    fn configure(tables: &Tables) -> Result<Self, Failure>;

    /// Who should take this interaction, best first. Deadline: 5 ms.
    fn rank_agents(&self, who: &Waiting, agents: Agents<'_>) -> Order;

    /// What this agent should take, best first. Unless said otherwise: highest priority, then longest wait. Deadline: 5 ms.
    fn rank_waiting(&self, agent: &Candidate, waiting: Queue<'_>) -> Order {
        let _ = agent;
        waiting.best_first(|one| (one.priority, one.waited_ms))
    }

    /// [`Order::again_ms`] passed and nobody took it. Unless said otherwise the needs stay, and it is not asked again. Deadline: 5 ms.
    fn on_timer(&self, who: &Waiting, needs: Vec<Need>) -> Relaxed {
        let _ = who;
        Relaxed { needs, overflow_to: None, again_ms: None, extra: Vec::new() }
    }
}

/// The number of an attribute: found once, in [`Policy::configure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute(u32);

/// Names to numbers.
impl Tables {
    /// `None` where this host or this queue does not give it: every policy must do without.
    pub fn attribute(&self, name: &str) -> Option<Attribute> {
        number(&self.attributes, name).map(Attribute)
    }

    pub fn queue(&self, name: &str) -> Option<u32> {
        number(&self.queues, name)
    }

    pub fn skill(&self, name: &str) -> Option<u32> {
        number(&self.skills, name)
    }

    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|setting| setting.name == name).map(|setting| setting.value.as_str())
    }
}

fn number(names: &[String], name: &str) -> Option<u32> {
    names.iter().zip(0..).find(|(known, _)| *known == name).map(|(_, number)| number)
}

/// A refusal of settings that an administrator reads: `bad_settings("sticky-ms is \"soon\", wanted milliseconds")`.
pub fn bad_settings(message: impl Into<String>) -> Failure {
    Failure { code: FailureCode::BadSettings, message: message.into(), extra: Vec::new() }
}

/// Who may take an interaction: free, allowed, with the skills that it needs. At most 256.
#[derive(Clone, Copy, Debug)]
pub struct Agents<'a> {
    /// The needs that the first eight [`Agent::level`]s are of. At most 16.
    pub needs: &'a [Need],
    rows: Rows<'a, Candidate>,
}

/// What waits, all of which the agent may take. At most 256.
#[derive(Clone, Copy, Debug)]
pub struct Queue<'a>(Rows<'a, Waiting>);

/// One candidate. The fields of [`Candidate`] are its own.
pub type Agent<'a> = Row<'a, Candidate>;

/// A line of a question: a record, and what the columns say about it.
#[derive(Debug)]
pub struct Row<'a, T> {
    record: &'a T,
    row: usize,
    columns: &'a [Column],
}

#[derive(Debug)]
struct Rows<'a, T> {
    records: &'a [T],
    columns: &'a [Column],
}

impl<T> Clone for Rows<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rows<'_, T> {}

impl<T> Deref for Row<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.record
    }
}

impl<T> Row<'_, T> {
    /// `None` where the host has no such attribute, gives it not for this question, or knows nothing of this one.
    pub fn value(&self, attribute: Option<Attribute>) -> Option<i32> {
        let Attribute(number) = attribute?;
        let column = self.columns.iter().find(|column| column.attribute == number)?;
        column.values.get(self.row).copied().filter(|value| *value != i32::MIN)
    }
}

impl Agent<'_> {
    /// The agent's level in the need of that index, 1 to 10; 0 past the eighth.
    pub fn level(&self, need: usize) -> u8 {
        self.levels.to_le_bytes().get(need).copied().unwrap_or_default()
    }
}

impl<'a, T> Rows<'a, T> {
    fn iter(self) -> impl Iterator<Item = Row<'a, T>> {
        let columns = self.columns;
        self.records.iter().enumerate().map(move |(row, record)| Row { record, row, columns })
    }

    fn best_first<K: Ord>(self, number: fn(&T) -> u32, key: impl Fn(&Row<'a, T>) -> K) -> Order {
        let mut ranked: Vec<_> = self.iter().map(|row| (Reverse(key(&row)), number(row.record))).collect();
        ranked.sort_unstable();
        in_order(ranked.into_iter().map(|(_, number)| number))
    }
}

impl<'a> Agents<'a> {
    pub fn new(needs: &'a [Need], candidates: &'a [Candidate], columns: &'a [Column]) -> Self {
        Self { needs, rows: Rows { records: candidates, columns } }
    }

    pub fn iter(self) -> impl Iterator<Item = Agent<'a>> {
        self.rows.iter()
    }

    /// All of them, the greatest key first; equal ones by number.
    pub fn best_first<K: Ord>(self, key: impl Fn(&Agent<'a>) -> K) -> Order {
        self.rows.best_first(|agent| agent.number, key)
    }
}

impl<'a> Queue<'a> {
    pub fn new(waiting: &'a [Waiting], columns: &'a [Column]) -> Self {
        Self(Rows { records: waiting, columns })
    }

    pub fn iter(self) -> impl Iterator<Item = Row<'a, Waiting>> {
        self.0.iter()
    }

    /// All of them, the greatest key first; equal ones by number.
    pub fn best_first<K: Ord>(self, key: impl Fn(&Row<'a, Waiting>) -> K) -> Order {
        self.0.best_first(|waiting| waiting.number, key)
    }
}

/// An order of these numbers; whoever is left out is not offered.
pub fn in_order(numbers: impl IntoIterator<Item = u32>) -> Order {
    Order { numbers: numbers.into_iter().collect(), again_ms: None, extra: Vec::new() }
}

/// Makes a component of the world `routing-plugin` of a [`Policy`].
#[macro_export]
macro_rules! export_routing {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the canonical ABI's exports")]
        const _: () = {
            use $crate::{Agents, Candidate, Column, Failure, Need, Order, Policy, Queue, Relaxed, Tables, Waiting};

            ::std::thread_local! {
                static POLICY: ::std::cell::OnceCell<$policy> = const { ::std::cell::OnceCell::new() };
            }

            fn configured<T>(decide: impl FnOnce(&$policy) -> T) -> Result<T, Failure> {
                let decided = POLICY.with(|policy| policy.get().map(decide));
                decided.ok_or_else(|| $crate::bad_settings("not configured"))
            }

            struct Component;

            impl $crate::contract::exports::plugboard::plugin::routing::Guest for Component {
                fn configure(tables: Tables) -> Result<(), Failure> {
                    let policy = <$policy as Policy>::configure(&tables)?;
                    POLICY.with(|slot| drop(slot.set(policy)));
                    Ok(())
                }

                fn rank_agents(
                    who: Waiting,
                    needs: Vec<Need>,
                    candidates: Vec<Candidate>,
                    columns: Vec<Column>,
                ) -> Result<Order, Failure> {
                    configured(|policy| policy.rank_agents(&who, Agents::new(&needs, &candidates, &columns)))
                }

                fn rank_waiting(
                    agent: Candidate,
                    waiting: Vec<Waiting>,
                    columns: Vec<Column>,
                ) -> Result<Order, Failure> {
                    configured(|policy| policy.rank_waiting(&agent, Queue::new(&waiting, &columns)))
                }

                fn on_timer(who: Waiting, needs: Vec<Need>) -> Result<Relaxed, Failure> {
                    configured(|policy| policy.on_timer(&who, needs))
                }
            }

    $crate::contract::export!(Component with_types_in $crate::contract);
        };
        // So that a build for tests knows that the policy is used.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&$crate::Tables) -> Result<$policy, $crate::Failure> = <$policy as $crate::Policy>::configure;
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct LastAgent(Option<Attribute>);

    impl Policy for LastAgent {
        fn configure(tables: &Tables) -> Result<Self, Failure> {
            Ok(Self(tables.attribute("last-agent")))
        }

        fn rank_agents(&self, _: &Waiting, agents: Agents<'_>) -> Order {
            agents.best_first(|agent| (agent.value(self.0) == Some(1), agent.idle_ms))
        }
    }

    fn policy(attributes: &[&str]) -> LastAgent {
        let attributes = attributes.iter().map(|name| (*name).into()).collect();
        let tables = Tables { skills: vec![], attributes, queues: vec![], settings: vec![], extra: vec![] };
        LastAgent::configure(&tables).unwrap()
    }

    fn waiting(number: u32, priority: u8, waited_ms: u32) -> Waiting {
        Waiting { number, queue: 0, priority, channel: 0, waited_ms, value: 0 }
    }

    fn agent(number: u32, idle_ms: u32) -> Candidate {
        Candidate { number, levels: 0x0a03, idle_ms, taken_today: 0, load: 0 }
    }

    #[test]
    fn last_agent_comes_before_the_longest_idle_and_equals_go_by_number() {
        let agents = [agent(1, 9_000), agent(2, 100), agent(4, 500), agent(3, 500)];
        let columns = [Column { attribute: 1, values: vec![0, 1, i32::MIN, 0] }];
        let order =
            policy(&["value", "last-agent"]).rank_agents(&waiting(7, 5, 0), Agents::new(&[], &agents, &columns));
        assert_eq!(order.numbers, [2, 1, 3, 4]);
    }

    #[test]
    fn a_host_without_the_attribute_gets_the_longest_idle() {
        let agents = [agent(1, 10), agent(2, 20)];
        let columns = [Column { attribute: 0, values: vec![1, 0] }];
        let order = policy(&["value"]).rank_agents(&waiting(7, 5, 0), Agents::new(&[], &agents, &columns));
        assert_eq!(order.numbers, [2, 1]);
    }

    #[test]
    fn highest_priority_then_longest_wait_is_taken_unless_the_policy_says_otherwise() {
        let those = [waiting(1, 5, 90), waiting(2, 9, 10), waiting(3, 5, 95)];
        assert_eq!(policy(&[]).rank_waiting(&agent(1, 0), Queue::new(&those, &[])).numbers, [2, 3, 1]);
    }

    #[test]
    fn an_agent_has_a_level_in_each_of_the_first_eight_needs() {
        let agents = [agent(1, 0)];
        let levels = |need| Agents::new(&[], &agents, &[]).iter().next().unwrap().level(need);
        assert_eq!([0, 1, 2, 8].map(levels), [3, 10, 0, 0]);
    }
}
