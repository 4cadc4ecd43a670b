//! Which ports of a worker are free: bound ahead of need, offered, opened, and resting after a call.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::Port;

#[derive(Debug)]
pub(crate) struct Ports {
    /// Below this many offered ports more are asked for.
    low_water: usize,
    rest: Duration,
    /// Told to the exchange, not opened yet.
    offered: BTreeSet<Port>,
    /// Closed, with the time when late packets of the call are gone.
    resting: BTreeMap<Port, Duration>,
    /// The same by time. A port that was opened before its rest was over stays here until then, so that opening does not search.
    by_time: VecDeque<(Duration, Port)>,
    /// Asked for and not yet bound.
    awaited: usize,
}

impl Ports {
    pub(crate) fn new(low_water: usize, rest: Duration) -> Self {
        Self {
            low_water,
            rest,
            offered: BTreeSet::new(),
            resting: BTreeMap::new(),
            by_time: VecDeque::new(),
            awaited: 0,
        }
    }

    /// Freshly bound ones. A batch smaller than asked for means that the range is used up: nothing more is awaited.
    pub(crate) fn bound(&mut self, ports: &[Port]) {
        self.awaited = 0;
        self.offered.extend(ports);
    }

    pub(crate) fn opened(&mut self, port: Port) {
        self.offered.remove(&port);
        // One that comes back before its rest is over is the exchange's own choice.
        self.resting.remove(&port);
    }

    pub(crate) fn closed(&mut self, now: Duration, port: Port) {
        // Never opened, it comes back all the same: whoever took it has it no more.
        self.offered.remove(&port);
        if let Entry::Vacant(rests) = self.resting.entry(port) {
            let until = *rests.insert(now + self.rest);
            self.by_time.push_back((until, port));
        }
    }

    /// How many to bind, if few are left.
    pub(crate) fn wanted(&mut self) -> Option<usize> {
        // Resting ones do not count: at many short calls all of a small reserve would rest while callers are turned away.
        let coming = self.offered.len() + self.awaited;
        (coming < self.low_water).then(|| {
            self.awaited += self.low_water;
            self.low_water
        })
    }

    /// Those whose rest is over: offered again.
    pub(crate) fn rested(&mut self, now: Duration) -> Vec<Port> {
        let mut rested = Vec::new();
        while let Some((until, port)) = self.by_time.pop_front_if(|(until, _)| *until <= now) {
            // Opened meanwhile, or opened and closed again: then a later time counts.
            if self.resting.get(&port) == Some(&until) {
                self.resting.remove(&port);
                self.offered.insert(port);
                rested.push(port);
            }
        }
        rested
    }

    pub(crate) fn any_resting(&self) -> bool {
        !self.resting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(number: u16) -> Port {
        Port { worker: 0, number, ip: std::net::IpAddr::from([127, 0, 0, 1]) }
    }

    const REST: Duration = Duration::from_secs(3);

    #[test]
    fn ports_that_all_rest_after_short_calls_are_replaced_at_once() {
        let mut ports = Ports::new(2, REST);
        ports.bound(&[port(2), port(4)]);
        for number in [2, 4] {
            ports.opened(port(number));
            ports.closed(Duration::ZERO, port(number));
        }
        assert_eq!((ports.wanted(), ports.wanted()), (Some(2), None));
    }

    #[test]
    fn a_port_that_is_opened_and_closed_in_its_rest_rests_anew() {
        let mut ports = Ports::new(1, REST);
        ports.closed(Duration::ZERO, port(2));
        ports.opened(port(2));
        let while_open = ports.rested(REST);
        ports.closed(REST, port(2));
        ports.closed(REST, port(2));
        assert_eq!(
            (while_open, ports.rested(2 * REST), ports.rested(3 * REST), ports.any_resting()),
            (vec![], vec![port(2)], vec![], false)
        );
    }

    #[test]
    fn a_port_that_was_given_back_unopened_is_offered_again_after_its_rest() {
        let mut ports = Ports::new(1, REST);
        ports.bound(&[port(2)]);
        ports.closed(Duration::ZERO, port(2));
        assert_eq!((ports.rested(REST / 2), ports.rested(REST)), (vec![], vec![port(2)]));
    }
}
