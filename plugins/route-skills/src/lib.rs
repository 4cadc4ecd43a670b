//! The routing policy that comes with the host: best skills first, then least load, then longest idle; priority, then age.
//!
//! A caller whom nobody took goes without something: one level of the highest need at a time, then the need itself, and when nothing is left, the
//! agents of another queue are asked as well. Settings: `relax-first-ms` (never): when that begins, from the place in line; `relax-every-ms`
//! (30,000): from one step to the next; `drop-needs` (true): whether a need at level 1 is given up; `overflow-to` (none): the other queue.

mod policy;

#[allow(unsafe_code, unreachable_pub, unused_qualifications, clippy::use_self, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "../../wit", world: "routing-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Policy);

    #[cfg(target_arch = "wasm32")]
    use super::Policy;
}

use std::cell::RefCell;

use contract::exports::plugboard::plugin::{
    common::{Failure, FailureCode},
    routing::{Candidate, Column, Guest, Need, Order, Relaxed, Tables, Waiting},
};

thread_local! {
    static SETTINGS: RefCell<Option<policy::Settings>> = const { RefCell::new(None) };
}

/// The component's exports.
pub struct Policy;

impl Guest for Policy {
    fn configure(tables: Tables) -> Result<(), Failure> {
        let settings = policy::Settings::from_tables(&tables)?;
        SETTINGS.with_borrow_mut(|slot| *slot = Some(settings));
        Ok(())
    }

    fn rank_agents(_: Waiting, needs: Vec<Need>, candidates: Vec<Candidate>, _: Vec<Column>) -> Result<Order, Failure> {
        configured(|_| policy::rank_agents(&needs, &candidates))
    }

    fn rank_waiting(_: Candidate, waiting: Vec<Waiting>, _: Vec<Column>) -> Result<Order, Failure> {
        configured(|_| policy::rank_waiting(waiting))
    }

    fn on_timer(who: Waiting, needs: Vec<Need>) -> Result<Relaxed, Failure> {
        configured(|settings| settings.relax(&who, needs))
    }
}

fn configured<T>(decide: impl FnOnce(&policy::Settings) -> T) -> Result<T, Failure> {
    SETTINGS.with_borrow(|settings| settings.as_ref().map(decide)).ok_or_else(|| bad_settings("not configured".into()))
}

fn bad_settings(message: String) -> Failure {
    Failure { code: FailureCode::BadSettings, message, extra: Vec::new() }
}
