//! Ways to the public network: which trunk takes a call, how its peers fare, and what is tried next when one fails. No sockets and no clock.
//!
//! [`Trunks::begin`] gives a call its first [`Attempt`]; [`Trunks::failed`] the next, until nothing is left. Which trunk comes first: the lowest
//! [`Trunk::order`](plugboard_model::Trunk::order); trunks of one order are a group and share calls by their weights (as RFC 2782 has it for SRV records).
//! Within a trunk its peers are tried as they are listed. One that is down comes after all that are up, and is tried all the same where nothing else is
//! left: a call that may fail is better than one that was not placed.
//!
//! ```text
//!                2 pings in a row without an answer, or a call that got none
//!         up ───────────────────────────────────────────────────────────────► down
//!          ▲    one each `ping`                              one each 5 s      │
//!          └─────────────── 2 pings in a row with an answer ◄──────────────────┘
//! ```
//! Emergency numbers go by [`Trunk::emergency`](plugboard_model::Trunk::emergency) first, and no cap holds them back.

mod health;
mod pace;
mod rewrite;
mod trunks;

pub use rewrite::rewritten;
pub use trunks::{Attempt, AttemptId, Failure, Inbound, NoWay, Output, TrunkView, Trunks, Way};
