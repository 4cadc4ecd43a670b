//! A routing policy: valuable callers first, then by priority, then the longest wait; calls go to whoever is idle longest.
//!
//! `wit/routing.wit` says what is asked and when. The host offers only whom it named, and takes its own default when a policy fails.

#[allow(unused_qualifications, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "wit", world: "routing-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Policy);

    #[cfg(target_arch = "wasm32")]
    use super::Policy;
}

use std::{cell::Cell, cmp::Reverse};

use contract::exports::plugboard::plugin::{
    common::{Failure, FailureCode},
    routing::{Candidate, Column, Guest, Need, Order, Relaxed, Tables, Waiting},
};

/// As the schema of the settings has it.
const VALUABLE_FROM: i32 = 1_000;

thread_local! {
    static VALUABLE: Cell<i32> = const { Cell::new(VALUABLE_FROM) };
}

/// The component's exports.
pub struct Policy;

impl Guest for Policy {
    fn configure(tables: Tables) -> Result<(), Failure> {
        let set = tables.settings.iter().find(|setting| setting.name == "valuable_from");
        let valuable = match set.map(|setting| setting.value.parse::<i32>()) {
            None => VALUABLE_FROM,
            Some(Ok(valuable)) if valuable > 0 => valuable,
            Some(_) => {
                let message = "`valuable_from` is no whole number above 0".to_owned();
                return Err(Failure { code: FailureCode::BadSettings, message, extra: Vec::new() });
            }
        };
        VALUABLE.set(valuable);
        Ok(())
    }

    fn rank_agents(_: Waiting, _: Vec<Need>, mut agents: Vec<Candidate>, _: Vec<Column>) -> Result<Order, Failure> {
        agents.sort_by_key(|agent| (Reverse(agent.idle_ms), agent.number));
        Ok(order(agents.iter().map(|agent| agent.number)))
    }

    fn rank_waiting(_: Candidate, mut waiting: Vec<Waiting>, _: Vec<Column>) -> Result<Order, Failure> {
        let valuable = VALUABLE.get();
        waiting.sort_by_key(|who| (Reverse((who.value >= valuable, who.priority, who.waited_ms)), who.number));
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

    /// `value/priority/seconds waited`, apart by blanks, numbered from 0.
    fn waiting(text: &str) -> Vec<Waiting> {
        let one = |(number, who): (usize, &str)| {
            let parts: Vec<i32> = who.split('/').map(|part| part.parse().unwrap()).collect();
            Waiting {
                number: u32::try_from(number).unwrap(),
                queue: 0,
                priority: u8::try_from(parts[1]).unwrap(),
                channel: 0,
                waited_ms: u32::try_from(parts[2]).unwrap() * 1_000,
                value: parts[0],
            }
        };
        text.split_whitespace().enumerate().map(one).collect()
    }

    /// Each line of `tests/rankings.txt` is who waits, `->`, and the order that they are taken in.
    #[test]
    fn callers_are_taken_in_the_order_that_is_written_down() {
        let rankings = include_str!("../tests/rankings.txt");
        let agent = Candidate { number: 0, levels: 0, idle_ms: 0, taken_today: 0, load: 0 };
        let ranked = |line: &str| {
            if line.is_empty() || line.starts_with('#') {
                return format!("{line}\n");
            }
            let who = line.split(" -> ").next().unwrap_or(line).trim();
            let order = Policy::rank_waiting(agent, waiting(who), Vec::new()).unwrap();
            let numbers: Vec<String> = order.numbers.iter().map(ToString::to_string).collect();
            format!("{who} -> {}\n", numbers.join(" "))
        };
        assert_eq!(rankings.lines().map(ranked).collect::<String>(), rankings);
    }
}
