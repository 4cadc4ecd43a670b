//! Non-INVITE server transaction: RFC 3261 §17.2.2 (figure 8).

use std::time::Duration;

use super::{Effect, Timers};
use crate::status::Status;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A copy of the request.
    Request,
    /// The user's response; the owner holds its bytes.
    Respond(Status),
    Timeout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not in the RFC: the user must decide by `give_up`, else nobody would ever forget the request.
    Trying {
        give_up: Duration,
    },
    Proceeding {
        give_up: Duration,
    },
    Completed {
        timer_j: Duration,
    },
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    state: State,
    is_reliable: bool,
}

impl Server {
    pub fn new(now: Duration, timers: &Timers, is_reliable: bool) -> Self {
        Self { state: State::Trying { give_up: now + timers.f }, is_reliable }
    }

    pub fn handle_input(&mut self, now: Duration, timers: &Timers, input: Input) -> Option<Effect> {
        let Self { state, is_reliable } = self;
        match (&mut *state, input) {
            (State::Proceeding { .. } | State::Completed { .. }, Input::Request) => Some(Effect::Send),
            (State::Trying { give_up } | State::Proceeding { give_up }, Input::Respond(status)) => {
                *state = match status.code() {
                    100..200 => State::Proceeding { give_up: *give_up },
                    // Timer J is zero where nothing is copied.
                    _ if *is_reliable => State::Terminated,
                    _ => State::Completed { timer_j: now + timers.j },
                };
                Some(Effect::Send)
            }
            (State::Completed { timer_j }, Input::Timeout) if now >= *timer_j => {
                *state = State::Terminated;
                None
            }
            (State::Trying { give_up } | State::Proceeding { give_up }, Input::Timeout) if now >= *give_up => {
                *state = State::Terminated;
                Some(Effect::TimedOut)
            }
            // A copy while the user thinks, or a second final response: nothing to do.
            _ => None,
        }
    }

    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.state {
            State::Trying { give_up } | State::Proceeding { give_up } => Some(give_up),
            State::Completed { timer_j } => Some(timer_j),
            State::Terminated => None,
        }
    }

    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}
