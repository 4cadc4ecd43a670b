//! One CDR for each interaction, out of its events.
//!
//! ```text
//! (none) ──offered, dialled──▶ live ──closed, restarted──▶ late ──time, count──▶ (forgotten)
//!                                            │ CDR, revision 1   │ late fact: CDR, revision + 1
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use plugboard_model::{EndedBy, Event, EventKind, InteractionId, Timestamp};

use crate::{Cdr, draft::Draft};

/// Entries of each list in one CDR: a flow that loops all night must not fill the memory. More are counted in [`Cdr::left_out`].
pub const LIST_BOUND: usize = 256;

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Live interactions; the oldest is closed as interrupted when there is one more. Default 100,000.
    pub live_count: usize,
    /// A late fact (wrap-up, disposition, recording) is taken this long after the close. Default two hours.
    pub late_for: Duration,
    /// At most so many closed interactions wait for late facts; the oldest go first. Default 20,000.
    pub late_count: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { live_count: 100_000, late_for: Duration::from_secs(7_200), late_count: 20_000 }
    }
}

/// Builds CDRs. Remembers live interactions, and closed ones that may still get a late fact.
#[derive(Debug)]
pub struct InteractionFold {
    bounds: Bounds,
    live: BTreeMap<InteractionId, Draft>,
    late: BTreeMap<InteractionId, Draft>,
    /// In the order of closing.
    closed_at: VecDeque<(Timestamp, InteractionId)>,
    output: VecDeque<Cdr>,
    last_at: Timestamp,
}

impl InteractionFold {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            live: BTreeMap::new(),
            late: BTreeMap::new(),
            closed_at: VecDeque::new(),
            output: VecDeque::new(),
            last_at: Timestamp::EPOCH,
        }
    }

    /// Takes the next event of the tenant's log. Events that concern no interaction change nothing, except `Restarted`, which closes whatever was live:
    /// earlier versions told of it in no other way.
    pub fn handle_event(&mut self, event: &Event) {
        self.forget(event.at);
        match (&event.kind, event.kind.interaction()) {
            (EventKind::Restarted { .. }, _) => {
                for id in self.live.keys().copied().collect::<Vec<_>>() {
                    self.interrupt(id);
                }
            }
            (_, None) => {}
            (EventKind::InteractionInterrupted { .. }, Some(id)) => self.interrupt(id),
            (EventKind::InteractionClosed { by, cause, .. }, Some(id)) => {
                if let Some(mut draft) = self.live.remove(&id) {
                    draft.close(event.seq, event.at, *by, *cause);
                    self.close(id, draft, event.at);
                }
            }
            (kind, Some(id)) => {
                if let Some(draft) = self.live.get_mut(&id) {
                    draft.handle_event(event);
                } else if let Some(draft) = self.late.get_mut(&id) {
                    if draft.handle_event(event) {
                        self.output.push_back(draft.revise(event.seq));
                    }
                } else if let Some(draft) = Draft::begin(event.seq, event.at, kind) {
                    self.make_room();
                    self.live.insert(id, draft);
                }
            }
        }
        self.last_at = event.at;
    }

    /// CDRs that became known: one when an interaction closes, and again, with a higher revision, after each late fact.
    pub fn poll_output(&mut self) -> Option<Cdr> {
        self.output.pop_front()
    }

    /// Whether facts of this interaction still find its record here.
    pub fn knows(&self, interaction: InteractionId) -> bool {
        self.live.contains_key(&interaction) || self.late.contains_key(&interaction)
    }

    /// Interactions that have begun and not closed, in order.
    pub fn live(&self) -> impl ExactSizeIterator<Item = InteractionId> {
        self.live.keys().copied()
    }

    /// A fold that starts anew must be given events from this sequence number on to know what this one knows. `None`: only
    /// those that come.
    pub fn replay_from(&self) -> Option<u64> {
        self.live.values().chain(self.late.values()).map(Draft::first_seq).min()
    }

    fn close(&mut self, id: InteractionId, mut draft: Draft, at: Timestamp) {
        self.output.push_back(draft.revise(draft.last_seq()));
        self.late.insert(id, draft);
        self.closed_at.push_back((at, id));
    }

    /// The end was never told: what is known last counts as the end.
    fn interrupt(&mut self, id: InteractionId) {
        if let Some(mut draft) = self.live.remove(&id) {
            draft.interrupt();
            self.close(id, draft, self.last_at);
        }
    }

    fn make_room(&mut self) {
        while self.live.len() >= self.bounds.live_count.max(1)
            && let Some(oldest) = self.live.keys().next().copied()
        {
            self.interrupt(oldest);
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((closed, id)) = self.closed_at.front().copied()
            && (now.since(closed) > self.bounds.late_for || self.closed_at.len() > self.bounds.late_count)
        {
            self.closed_at.pop_front();
            self.late.remove(&id);
        }
    }
}

/// Q.850 41, temporary failure: the host stopped in the middle.
pub const INTERRUPTED: (EndedBy, u16) = (EndedBy::Host, 41);
