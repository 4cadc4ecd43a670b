//! What reports are made of, folded from [`plugboard_model::Event`]: CDRs, interval counters, service level, agents' time.
//!
//! Every fold takes events in order ([`InteractionFold::handle_event`]) and gives out what became known
//! ([`InteractionFold::poll_output`]). Folds know no clock and no store: time comes with the event.

mod agent;
mod bound;
pub mod cdr;
pub mod csv;
mod draft;
mod interaction;
mod interval;
pub mod metric;
mod period;
mod queue;
mod rfc3339;

pub use agent::{AgentFold, AgentInterval, AgentTime};
pub use cdr::Cdr;
pub use interaction::{Bounds, INTERRUPTED, InteractionFold, LIST_BOUND};
pub use interval::{INTERVAL_MS, interval_of, midnight};
pub use metric::{Metric, ServiceLevel, Unit};
pub use period::{Grain, Row, rows};
pub use queue::{Counters, LiveQueue, QueueFold, QueueInterval, Thresholds};
