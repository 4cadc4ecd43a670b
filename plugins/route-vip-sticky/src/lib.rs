//! Customers who are worth it reach the agent who knows them, if that one is free in time; everybody else, and they after that, the best of the group.
//!
//! A customer's worth is the tag `value` plus each weighted attribute. Who is worth `vip-from` and has a `last-agent` at work is kept for that agent
//! until `sticky-ms` have passed since they began to wait. Who comes next: those kept for the agent who is free, then priority, worth and wait.
//!
//! Settings: `vip-from` (1), `sticky-ms` (20,000), and `weight.NAME` for each attribute of the queue's policy that counts: how much one of it is worth.

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

    fn rank_agents(
        who: Waiting,
        needs: Vec<Need>,
        candidates: Vec<Candidate>,
        columns: Vec<Column>,
    ) -> Result<Order, Failure> {
        configured(|settings| settings.rank_agents(&who, &needs, &candidates, &columns))
    }

    fn rank_waiting(_: Candidate, waiting: Vec<Waiting>, columns: Vec<Column>) -> Result<Order, Failure> {
        configured(|settings| settings.rank_waiting(&waiting, &columns))
    }

    /// The time of the last agent is over. Nothing is given up: the host ranks anew, and the group is asked.
    fn on_timer(_: Waiting, needs: Vec<Need>) -> Result<Relaxed, Failure> {
        Ok(Relaxed { needs, overflow_to: None, again_ms: None, extra: Vec::new() })
    }
}

fn configured<T>(decide: impl FnOnce(&policy::Settings) -> T) -> Result<T, Failure> {
    SETTINGS.with_borrow(|settings| settings.as_ref().map(decide)).ok_or_else(|| bad_settings("not configured".into()))
}

fn bad_settings(message: String) -> Failure {
    Failure { code: FailureCode::BadSettings, message, extra: Vec::new() }
}
