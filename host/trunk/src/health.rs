//! How one peer fares: two answers or two silences in a row change it, so that one lost packet does not.

use std::time::Duration;

use plugboard_model::Timestamp;

/// Without an answer to a ping after this long, there is none.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// Between pings of a peer that is down.
const WHILE_DOWN: Duration = Duration::from_secs(5);
const IN_A_ROW: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up { missed: u8 },
    Down { answered: u8 },
}

/// A peer, and when it is looked at next.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    state: State,
    /// An answer is waited for until then.
    asked: Option<Timestamp>,
    next: Timestamp,
    /// It asked to be left alone until then (RFC 3261 §20.33).
    rests_until: Option<Timestamp>,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Up,
    Down,
}

impl Health {
    /// Taken to be well until it shows otherwise; looked at soon.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { state: State::Up { missed: 0 }, asked: None, next: now, rests_until: None }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    pub(crate) fn is_resting(&self, now: Timestamp) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }

    pub(crate) fn rest(&mut self, until: Timestamp) {
        self.rests_until = Some(until);
    }

    pub(crate) fn poll_timeout(&self) -> Timestamp {
        self.asked.unwrap_or(self.next)
    }

    /// `true`: it is to be pinged.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp, every: Duration) -> (bool, Option<Change>) {
        if self.asked.is_some_and(|until| until <= now) {
            // A second look follows at once: two silences are what counts, and they shall not take long.
            let change = self.silent();
            self.next = if change.is_some() || !self.is_up() { now + WHILE_DOWN } else { now };
            return (self.ping_if_due(now, every), change);
        }
        (self.ping_if_due(now, every), None)
    }

    fn ping_if_due(&mut self, now: Timestamp, every: Duration) -> bool {
        let is_due = self.asked.is_none() && self.next <= now;
        if is_due {
            self.asked = Some(now + PATIENCE);
            self.next = now + if self.is_up() { every } else { WHILE_DOWN };
        }
        is_due
    }

    /// Nobody could ask: as if it had not been its turn.
    pub(crate) fn not_asked(&mut self) {
        self.asked = None;
    }

    /// It answered a ping, whatever it said: who answers is there.
    pub(crate) fn answered(&mut self) -> Option<Change> {
        // One that comes too late was counted as silence already.
        self.asked.take()?;
        self.state = match self.state {
            State::Up { .. } => State::Up { missed: 0 },
            State::Down { answered } if answered + 1 >= IN_A_ROW => {
                self.state = State::Up { missed: 0 };
                return Some(Change::Up);
            }
            State::Down { answered } => State::Down { answered: answered + 1 },
        };
        None
    }

    fn silent(&mut self) -> Option<Change> {
        self.asked = None;
        match self.state {
            State::Up { missed } if missed + 1 >= IN_A_ROW => {
                self.state = State::Down { answered: 0 };
                Some(Change::Down)
            }
            State::Up { missed } => {
                self.state = State::Up { missed: missed + 1 };
                None
            }
            State::Down { .. } => {
                self.state = State::Down { answered: 0 };
                None
            }
        }
    }

    /// A call got no answer at all: that is several packets, and enough.
    pub(crate) fn lost_a_call(&mut self, now: Timestamp) -> Option<Change> {
        self.asked = None;
        self.next = now;
        let was_up = self.is_up();
        self.state = State::Down { answered: 0 };
        was_up.then_some(Change::Down)
    }
}
