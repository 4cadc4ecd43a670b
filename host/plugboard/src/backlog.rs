//! What waits for a tenant's facts to be on disk: followers, who are told of nothing that a crash could take back, and clients, who are told that it is done.
//!
//! A disk that is slow for a moment is nobody's concern. One that stands still is: no agent's phone rings before the reservation is kept, so whoever calls
//! would wait for nothing, and what waits here would grow until the memory is full. From [`MOST_EVENTS`] or [`LONGEST`] on the host takes no new calls and
//! refuses what clients ask. Live calls go on; what they still add is bounded by their number.

use std::{collections::VecDeque, time::Duration};

use plugboard_api::HostError;
use plugboard_exchange::{Reply, SharedEvent};
use plugboard_model::Timestamp;
use tokio::sync::oneshot;

/// Some 20 MB, and a minute of a hundred calls a second.
const MOST_EVENTS: usize = 50_000;
/// Less than a client waits for a command: who gave up after 10 s and asks again hears why.
const LONGEST: Duration = Duration::from_secs(8);
/// Replies at which those are looked for that nobody waits for any more.
const FIRST_LOOK: usize = 64;

pub(crate) type ReplyTo = oneshot::Sender<Result<Reply, HostError>>;

#[derive(Debug)]
pub(crate) struct Backlog {
    /// In order of `seq`.
    events: VecDeque<SharedEvent>,
    /// In order of the event that each waits for.
    replies: VecDeque<Held>,
    look_at: usize,
}

#[derive(Debug)]
struct Held {
    after: u64,
    to: ReplyTo,
    result: Result<Reply, HostError>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { events: VecDeque::new(), replies: VecDeque::new(), look_at: FIRST_LOOK }
    }
}

impl Backlog {
    /// Also where nobody follows: who begins to between here and the commit finds it neither in the log nor hears of it else.
    pub(crate) fn add(&mut self, event: SharedEvent) {
        self.events.push_back(event);
    }

    /// Keeps a reply back until event `after` is on disk.
    pub(crate) fn hold(&mut self, after: u64, to: ReplyTo, result: Result<Reply, HostError>) {
        if self.replies.len() >= self.look_at {
            self.replies.retain(|held| !held.to.is_closed());
            self.look_at = FIRST_LOOK.max(2 * self.replies.len());
        }
        self.replies.push_back(Held { after, to, result });
    }

    /// The next event for followers, where all up to `seq` is on disk.
    pub(crate) fn next_event(&mut self, seq: u64) -> Option<SharedEvent> {
        self.events.pop_front_if(|event| event.seq <= seq)
    }

    /// Tells the clients whose events are on disk. One that has gone is told nothing.
    pub(crate) fn reply(&mut self, seq: u64) {
        while let Some(Held { to, result, .. }) = self.replies.pop_front_if(|held| held.after <= seq) {
            let _ = to.send(result);
        }
    }

    /// Somebody waits for the disk.
    pub(crate) fn has_clients(&self) -> bool {
        !self.replies.is_empty()
    }

    /// The disk is so far behind that no new work may be taken on.
    pub(crate) fn is_too_long(&self, now: Timestamp) -> bool {
        self.events.len() >= MOST_EVENTS || self.events.front().is_some_and(|oldest| now.since(oldest.at) >= LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plugboard_model::{Event, EventKind};

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    fn with_events(count: u64) -> Backlog {
        let mut backlog = Backlog::default();
        for seq in 1..=count {
            backlog.add(Arc::new(Event { seq, at: START, kind: EventKind::ConfigurationApplied { revision: seq } }));
        }
        backlog
    }

    #[test]
    fn a_disk_that_stands_still_for_eight_seconds_is_too_long_and_one_that_moves_again_is_not() {
        let mut backlog = with_events(3);
        let after = |seconds| START + Duration::from_secs(seconds);
        let still = [7, 8].map(|seconds| backlog.is_too_long(after(seconds)));
        let told: Vec<u64> = std::iter::from_fn(|| backlog.next_event(3)).map(|event| event.seq).collect();
        assert_eq!((still, told, backlog.is_too_long(after(3_600))), ([false, true], vec![1, 2, 3], false));
    }

    #[test]
    fn more_events_than_there_is_room_for_are_too_long_at_once() {
        let most = MOST_EVENTS as u64;
        assert_eq!([most - 1, most].map(|count| with_events(count).is_too_long(START)), [false, true]);
    }

    #[test]
    fn a_client_is_told_when_its_own_event_is_on_disk() {
        let mut backlog = with_events(2);
        let (to, mut told) = oneshot::channel();
        backlog.hold(2, to, Ok(Reply::Done));
        backlog.reply(1);
        let before = told.try_recv();
        backlog.reply(2);
        assert_eq!((before.is_err(), told.try_recv(), backlog.has_clients()), (true, Ok(Ok(Reply::Done)), false));
    }

    #[test]
    fn replies_to_clients_that_gave_up_do_not_pile_up() {
        let mut backlog = Backlog::default();
        for after in 0..100_000 {
            let (to, _) = oneshot::channel();
            backlog.hold(after, to, Ok(Reply::Done));
        }
        assert!(backlog.replies.len() <= 2 * FIRST_LOOK, "{} replies", backlog.replies.len());
    }
}
