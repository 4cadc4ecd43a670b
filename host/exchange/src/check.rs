//! What must hold between inputs, for tests; and how much is live, for tests and operators.

use plugboard_acd::Acd;

use crate::exchange::Exchange;

/// How many of each are live. All but `free_ports` are zero in an exchange at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub calls: usize,
    /// Legs, with a dialog each.
    pub lines: usize,
    /// Dialogs that still say goodbye included.
    pub dialogs: usize,
    /// Ports whose leg ended and whose statistics are still to come.
    pub closing_ports: usize,
    pub recordings: usize,
    pub questions: usize,
    /// Reservations that wait to be on disk.
    pub promises: usize,
    pub free_ports: usize,
}

impl Exchange {
    pub fn census(&self) -> Census {
        Census {
            calls: self.calls.len(),
            lines: self.lines.len(),
            dialogs: self.sip.calls(),
            closing_ports: self.closing_ports.len(),
            recordings: self.recordings.len(),
            questions: self.asked.len(),
            promises: self.promised.values().map(Vec::len).sum(),
            free_ports: self.ports.free(),
        }
    }

    /// The queues and agents, to look at.
    pub fn acd(&self) -> &Acd {
        &self.acd
    }

    /// For tests: walks everything.
    ///
    /// # Panics
    /// If an index or reference disagrees with another.
    pub fn check(&self) {
        for (leg, line) in &self.lines {
            assert!(self.calls.contains_key(&line.interaction), "{leg} belongs to no live call");
            assert_eq!(self.legs_of_dialogs.get(&line.dialog), Some(leg), "{leg}: its dialog leads elsewhere");
            if let Some(port) = line.port {
                assert_eq!(self.legs_of_ports.get(&port), Some(leg), "{leg}: its port leads elsewhere");
            }
        }
        assert_eq!(self.legs_of_dialogs.len(), self.lines.len(), "a dialog leads to a leg that is gone");
        let ports = self.lines.values().filter(|line| line.port.is_some()).count();
        assert_eq!(self.legs_of_ports.len(), ports, "a port leads to a leg that is gone");
        for (id, call) in &self.calls {
            let next = call.poll_timeout();
            assert!(next.is_some(), "{id} waits for ever");
            assert_eq!(self.deadline_of.get(id).copied(), next, "{id}: its deadline is not in the queue");
        }
        assert_eq!(self.deadline_of.len(), self.calls.len(), "a deadline of a call that is gone");
        assert_eq!(self.deadlines.len(), self.calls.len(), "deadlines and calls differ");
        self.acd.check();
    }
}
