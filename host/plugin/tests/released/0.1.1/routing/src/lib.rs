//! Ranks by every number that the released contract gives: the sum of all that is known of a candidate, highest first.

wit_bindgen::generate!({ path: "../../../../../../wit/released/0.1.1", world: "routing-plugin" });
export!(Released);

use std::cell::Cell;

use exports::plugboard::plugin::{
    common::{Failure, FailureCode},
    routing::{Candidate, Column, Guest, Need, Order, Relaxed, Tables, Waiting},
};

thread_local! {
    static AGAIN_MS: Cell<Option<u32>> = const { Cell::new(None) };
}

struct Released;

impl Guest for Released {
    fn configure(tables: Tables) -> Result<(), Failure> {
        let again = tables.settings.iter().find(|setting| setting.name == "again_ms");
        match again.map(|setting| setting.value.parse()) {
            Some(Err(_)) => {
                let message = format!("{} skills, {} queues", tables.skills.len(), tables.queues.len());
                Err(Failure { code: FailureCode::BadSettings, message, extra: vec![] })
            }
            Some(Ok(ms)) => {
                AGAIN_MS.set(Some(ms));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn rank_agents(_: Waiting, _: Vec<Need>, candidates: Vec<Candidate>, columns: Vec<Column>) -> Result<Order, Failure> {
        let worth = |(at, agent): (usize, &Candidate)| {
            let more: i64 = columns.iter().map(|column| i64::from(column.values[at])).sum();
            more + (agent.levels & 0xff) as i64 + i64::from(agent.idle_ms) + i64::from(agent.taken_today) - i64::from(agent.load)
        };
        let mut ranked: Vec<(i64, u32)> =
            candidates.iter().enumerate().map(|(at, agent)| (-worth((at, agent)), agent.number)).collect();
        ranked.sort_unstable();
        Ok(order(ranked))
    }

    fn rank_waiting(agent: Candidate, waiting: Vec<Waiting>, _: Vec<Column>) -> Result<Order, Failure> {
        let worth = |one: &Waiting| {
            i64::from(one.waited_ms) + i64::from(one.priority) + i64::from(one.channel) + i64::from(one.value) + i64::from(agent.load)
        };
        let mut ranked: Vec<(i64, u32)> = waiting.iter().map(|one| (-worth(one), one.number)).collect();
        ranked.sort_unstable();
        Ok(order(ranked))
    }

    fn on_timer(who: Waiting, mut needs: Vec<Need>) -> Result<Relaxed, Failure> {
        needs.pop();
        Ok(Relaxed { needs, overflow_to: Some(who.queue + 1), again_ms: AGAIN_MS.get(), extra: vec![] })
    }
}

fn order(ranked: Vec<(i64, u32)>) -> Order {
    Order { numbers: ranked.into_iter().map(|(_, number)| number).collect(), again_ms: AGAIN_MS.get(), extra: vec![] }
}
