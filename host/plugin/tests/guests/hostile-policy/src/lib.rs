//! Answers in the way that the setting `how` names; `well` behaves.

wit_bindgen::generate!({ path: "../../../../../wit", world: "routing-plugin" });
export!(Hostile);

use std::cell::RefCell;

use exports::plugboard::plugin::{
    common::Failure,
    routing::{Candidate, Column, Guest, Need, Order, Relaxed, Tables, Waiting},
};

thread_local! {
    static HOW: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Hostile;

impl Guest for Hostile {
    fn configure(tables: Tables) -> Result<(), Failure> {
        HOW.with_borrow_mut(|how| *how = tables.settings.into_iter().next().map(|setting| setting.value).unwrap_or_default());
        Ok(())
    }

    fn rank_agents(_: Waiting, _: Vec<Need>, candidates: Vec<Candidate>, _: Vec<Column>) -> Result<Order, Failure> {
        let mut numbers: Vec<u32> = candidates.iter().map(|candidate| candidate.number).collect();
        match HOW.with_borrow(Clone::clone).as_str() {
            "invents" => numbers[0] = 4_711,
            "doubles" => numbers[1] = numbers[0],
            "adds" => numbers.push(numbers[0]),
            "panics" => panic!("on purpose"),
            _ => {}
        }
        Ok(Order { numbers, again_ms: None, extra: vec![] })
    }

    fn rank_waiting(_: Candidate, waiting: Vec<Waiting>, _: Vec<Column>) -> Result<Order, Failure> {
        Ok(Order { numbers: waiting.iter().map(|one| one.number).collect(), again_ms: None, extra: vec![] })
    }

    fn on_timer(_: Waiting, mut needs: Vec<Need>) -> Result<Relaxed, Failure> {
        needs[0].level += 1;
        Ok(Relaxed { needs, overflow_to: None, again_ms: None, extra: vec![] })
    }
}
