//! Media ports that the plane has bound ahead of need, by worker.

use std::collections::{BTreeMap, VecDeque};

use plugboard_media::Port;

/// Free ports. Both legs of a call must be on one worker, so that audio crosses no thread.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    free: BTreeMap<u16, VecDeque<Port>>,
    /// Legs open per worker, to spread new calls.
    used: BTreeMap<u16, usize>,
}

impl Ports {
    pub(crate) fn add(&mut self, ports: Vec<Port>) {
        for port in ports {
            self.free.entry(port.worker).or_default().push_back(port);
        }
    }

    pub(crate) fn free(&self) -> usize {
        self.free.values().map(VecDeque::len).sum()
    }

    pub(crate) fn free_of(&self, worker: u16) -> usize {
        self.free.get(&worker).map_or(0, VecDeque::len)
    }

    /// All but so many of the worker's, those that rested least.
    pub(crate) fn give_back(&mut self, worker: u16, kept: usize) -> Vec<Port> {
        let free = self.free.get_mut(&worker);
        free.map(|free| free.drain(kept.min(free.len())..).collect()).unwrap_or_default()
    }

    /// A port for the first leg of a call: of the worker with the fewest legs.
    pub(crate) fn take(&mut self) -> Option<Port> {
        let worker = self
            .free
            .iter()
            .filter(|(_, ports)| !ports.is_empty())
            .map(|(worker, _)| *worker)
            .min_by_key(|worker| self.used.get(worker).copied().unwrap_or_default())?;
        self.take_beside(worker)
    }

    /// A port on `worker`, for the legs that follow.
    pub(crate) fn take_beside(&mut self, worker: u16) -> Option<Port> {
        // The longest-rested port: late packets of its last call have died out.
        let port = self.free.get_mut(&worker)?.pop_front()?;
        *self.used.entry(worker).or_default() += 1;
        Some(port)
    }

    /// A leg of `port`'s worker ended. The port itself comes back from the plane.
    pub(crate) fn released(&mut self, port: Port) {
        if let Some(used) = self.used.get_mut(&port.worker) {
            *used = used.saturating_sub(1);
        }
    }
}
