//! What must hold between inputs, for tests; and how much is live, for tests and operators.

use plugboard_acd::Acd;
use plugboard_call::Situation;
use plugboard_model::InteractionId;

use crate::{exchange::Exchange, trunking::Passage};

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
    /// Effects that wait for their evidence to be on disk.
    pub proofs: usize,
    /// Commands that rules think about.
    pub judged_commands: usize,
    /// In which something was said.
    pub conversations: usize,
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
            proofs: self.proofs.len(),
            judged_commands: self.judged_commands.len() + self.handouts.open() + self.messages.open(),
            conversations: self.conversations.len(),
            free_ports: self.ports.free(),
        }
    }

    /// Ports of a worker that no leg has.
    pub fn free_ports_of(&self, worker: u16) -> usize {
        self.ports.free_of(worker)
    }

    /// All but so many of them, for others.
    pub fn give_back_ports(&mut self, worker: u16, kept: usize) -> Vec<plugboard_media::Port> {
        self.ports.give_back(worker, kept)
    }

    /// Where a live call stands.
    pub fn situation(&self, interaction: InteractionId) -> Option<Situation> {
        Some(self.calls.get(&interaction)?.situation())
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
        self.lines.check();
        for (leg, line) in self.lines.iter() {
            assert!(self.calls.contains_key(&line.interaction), "{leg} belongs to no live call");
            let Some(port) = line.port() else { continue };
            // Else they could not be bridged, now or by an attended transfer.
            let beside = self.lines.of_interaction(line.interaction);
            let of_agent = line.agent.iter().flat_map(|agent| self.lines.of_agent(agent));
            for other in beside.chain(of_agent).filter_map(|(_, other)| other.port()) {
                assert_eq!(other.worker, port.worker, "{leg} is on another worker than a leg beside it");
            }
        }
        let outgoing = self.lines.iter().filter(|(_, line)| line.passage.as_ref().is_some_and(Passage::is_out)).count();
        assert_eq!(self.trunking.outgoing(), outgoing, "a trunk carries calls that no leg belongs to");
        // Nobody waits in the ACD for a call that does not know of it, or is gone.
        for (interaction, call) in &self.calls {
            assert!(call.is_waiting() || self.acd.position(*interaction).is_none(), "{interaction} waits unawares");
        }
        for interaction in self.routing.marked() {
            assert!(self.calls.contains_key(&interaction), "{interaction} is gone and its tags are kept");
        }
        for (interaction, judging) in self.judged_commands.keys() {
            let waited_for = self.calls.get(interaction).is_some_and(|call| call.judges(*judging));
            assert!(waited_for, "{interaction}: nobody will answer the command");
        }
        for (id, call) in &self.calls {
            let next = call.poll_timeout();
            assert!(next.is_some(), "{id} waits for ever");
            assert_eq!(self.deadline_of.get(id).copied(), next, "{id}: its deadline is not in the queue");
        }
        assert_eq!(self.deadline_of.len(), self.calls.len(), "a deadline of a call that is gone");
        assert_eq!(self.deadlines.len(), self.calls.len(), "deadlines and calls differ");
        assert!(
            self.silences.iter().all(|(_, id)| self.conversations.contains_key(id)),
            "a conversation that is gone is listened to"
        );
        self.acd.check();
    }
}
