//! INVITE client transaction: RFC 3261 §17.1.1 (figure 5) with the Accepted state of RFC 6026 §7.2.
//!
//! ```text
//!   Calling --1xx--> Proceeding        B without any response, C without a final one: Terminated
//!      |                 |
//!      +-----2xx---------+--> Accepted --M--> Terminated
//!      +---300-699-------+--> Completed --D--> Terminated
//! ```

use std::time::Duration;

use super::{Effect, Timers, earlier, repeat_at};
use crate::status::Status;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Response(Status),
    Timeout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling {
        gap: Duration,
        timer_a: Option<Duration>,
        timer_b: Duration,
    },
    Proceeding {
        timer_c: Duration,
    },
    Completed {
        timer_d: Duration,
    },
    /// Copies of the 2xx and those of other forks go to the user.
    Accepted {
        timer_m: Duration,
    },
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InviteClient {
    state: State,
    is_reliable: bool,
}

impl InviteClient {
    /// The owner sends the INVITE once itself.
    pub fn new(now: Duration, timers: &Timers, is_reliable: bool) -> Self {
        let timer_a = repeat_at(is_reliable, now + timers.t1);
        Self { state: State::Calling { gap: timers.t1, timer_a, timer_b: now + timers.b }, is_reliable }
    }

    pub fn handle_input(&mut self, now: Duration, timers: &Timers, input: Input) -> Option<Effect> {
        let Self { state, is_reliable } = self;
        match (&mut *state, input) {
            (State::Calling { .. } | State::Proceeding { .. }, Input::Response(status)) => {
                let effect = if status.code() >= 300 { Effect::PassAndAck } else { Effect::Pass };
                *state = match status.code() {
                    100..200 => State::Proceeding { timer_c: now + timers.c },
                    200..300 => State::Accepted { timer_m: now + timers.m },
                    // Timer D is zero where nothing is copied.
                    _ if *is_reliable => State::Terminated,
                    _ => State::Completed { timer_d: now + timers.d },
                };
                Some(effect)
            }
            (State::Accepted { .. }, Input::Response(status)) if status.is_success() => Some(Effect::Pass),
            (State::Completed { .. }, Input::Response(status)) if status.code() >= 300 => Some(Effect::Ack),
            (State::Calling { timer_b: end, .. } | State::Proceeding { timer_c: end }, Input::Timeout)
                if now >= *end =>
            {
                *state = State::Terminated;
                Some(Effect::TimedOut)
            }
            (State::Calling { gap, timer_a: Some(timer_a), .. }, Input::Timeout) if now >= *timer_a => {
                *gap *= 2;
                *timer_a = now + *gap;
                Some(Effect::Send)
            }
            (State::Completed { timer_d: end } | State::Accepted { timer_m: end }, Input::Timeout) if now >= *end => {
                *state = State::Terminated;
                None
            }
            // Late provisional responses and early timeouts change nothing.
            _ => None,
        }
    }

    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.state {
            State::Calling { timer_a, timer_b, .. } => earlier(timer_a, timer_b),
            State::Terminated => None,
            State::Proceeding { timer_c: end }
            | State::Completed { timer_d: end }
            | State::Accepted { timer_m: end } => Some(end),
        }
    }

    /// A provisional response came and no final one: only now CANCEL may go out (RFC 3261 §9.1).
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// No final response came yet.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Calling { .. } | State::Proceeding { .. })
    }

    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}
