//! What rules are told of the past, made anew of the log when a process begins.

use plugboard_model::{Configuration, Event, EventKind};

use crate::{
    attempts::Attempts,
    handout::{Handouts, local_day},
};

/// Whom we called and what came of it, and what each asker saw today. A fold over events, in order.
#[derive(Debug, Default)]
pub struct Memory {
    pub(crate) attempts: Attempts,
    pub(crate) handouts: Handouts,
}

impl Memory {
    pub fn handle_event(&mut self, event: &Event, configuration: &Configuration) {
        self.attempts.handle_fact(event.at, &event.kind);
        if let EventKind::Unmasked { interaction, kind, by, .. } = &event.kind {
            self.handouts.sees(local_day(event.at, configuration), by, (kind.to_string(), *interaction));
        }
    }

    /// Phones that rang when the last process ended ring no more.
    pub fn finish(mut self) -> Self {
        self.attempts.give_up_ringing();
        self
    }
}

#[cfg(test)]
mod tests {
    use plugboard_model::{InteractionId, LegId, Role, Timestamp, compliance::Asker};

    use super::*;

    #[test]
    fn what_was_called_and_seen_before_a_start_counts_after_it() {
        let configuration = Configuration::empty("shop".parse().unwrap());
        let mut memory = Memory::default();
        let mut enter = |at: u64, kind: EventKind| {
            memory.handle_event(&Event { seq: at, at: Timestamp::from_secs(at), kind }, &configuration);
        };
        let by = Asker::Agent("amy".parse().unwrap());
        let unmasked = |interaction: u64| EventKind::Unmasked {
            interaction: Some(InteractionId(interaction)),
            kind: "phone".into(),
            by: by.clone(),
            role: "agent".into(),
            reason: "".into(),
        };
        let dialled = EventKind::LegDialled {
            interaction: InteractionId(1),
            leg: LegId(7),
            role: Role::Outside,
            party: "+4930".into(),
            agent: None,
        };
        enter(86_000, unmasked(1));
        // The next day at the site, which is on UTC.
        enter(86_500, unmasked(2));
        enter(86_600, unmasked(3));
        enter(86_600, unmasked(3));
        enter(86_700, dialled);
        let memory = memory.finish();
        let called = memory.attempts.to(&"+4930".parse().unwrap());
        let outcomes: Vec<&str> = called.iter().map(|attempt| attempt.outcome.as_str()).collect();
        assert_eq!((memory.handouts.seen_today(1, &by), outcomes), (2, vec!["failed"]));
    }
}
