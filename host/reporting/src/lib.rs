//! What reports are made of, folded from [`plugboard_model::Event`]: CDRs, interval counters, service level, agents' time.
//!
//! Every fold takes events in order ([`InteractionFold::handle_event`]) and gives out what became known
//! ([`InteractionFold::poll_output`]). Folds know no clock and no store: time comes with the event.

pub mod cdr;
mod interaction;
mod rfc3339;

pub use cdr::Cdr;
pub use interaction::{Bounds, InteractionFold, LIST_BOUND};
pub use rfc3339::parse as parse_time;
