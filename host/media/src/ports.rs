//! Which ports of a worker are free: bound ahead of need, offered, opened, and resting after a call.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::Port;

#[derive(Debug)]
pub(crate) struct Ports {
    /// Below this many offered ports more are asked for.
    low_water: usize,
    rest: Duration,
    /// Told to the exchange, not opened yet.
    offered: BTreeSet<Port>,
    /// Closed, by the time when late packets of the call are gone.
    resting: VecDeque<(Duration, Port)>,
    /// Asked for and not yet bound.
    awaited: usize,
}

impl Ports {
    pub(crate) fn new(low_water: usize, rest: Duration) -> Self {
        Self { low_water, rest, offered: BTreeSet::new(), resting: VecDeque::new(), awaited: 0 }
    }

    /// Freshly bound ones. A batch smaller than asked for means that the range is used up: nothing more is awaited.
    pub(crate) fn bound(&mut self, ports: &[Port]) {
        self.awaited = 0;
        self.offered.extend(ports);
    }

    pub(crate) fn opened(&mut self, port: Port) {
        self.offered.remove(&port);
        // One that comes back before its rest is over is the exchange's own choice.
        self.resting.retain(|(_, resting)| *resting != port);
    }

    pub(crate) fn closed(&mut self, now: Duration, port: Port) {
        if self.offered.contains(&port) || self.resting.iter().any(|(_, resting)| *resting == port) {
            return;
        }
        self.resting.push_back((now + self.rest, port));
    }

    /// How many to bind, if few are left.
    pub(crate) fn wanted(&mut self) -> Option<usize> {
        let coming = self.offered.len() + self.awaited + self.resting.len();
        (coming < self.low_water).then(|| {
            self.awaited += self.low_water;
            self.low_water
        })
    }

    /// Those whose rest is over: offered again.
    pub(crate) fn rested(&mut self, now: Duration) -> Vec<Port> {
        let mut rested = Vec::new();
        while let Some((_, port)) = self.resting.pop_front_if(|(until, _)| *until <= now) {
            self.offered.insert(port);
            rested.push(port);
        }
        rested
    }

    pub(crate) fn any_resting(&self) -> bool {
        !self.resting.is_empty()
    }
}
