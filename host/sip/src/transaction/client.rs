//! Non-INVITE client transaction: RFC 3261 §17.1.2 (figure 6).

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
    Trying {
        gap: Duration,
        timer_e: Option<Duration>,
        timer_f: Duration,
    },
    /// A provisional response came: copies go out at T2 only.
    Proceeding {
        timer_e: Option<Duration>,
        timer_f: Duration,
    },
    Completed {
        timer_k: Duration,
    },
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    state: State,
    is_reliable: bool,
}

impl Client {
    /// The owner sends the request once itself.
    pub fn new(now: Duration, timers: &Timers, is_reliable: bool) -> Self {
        let timer_e = repeat_at(is_reliable, now + timers.t1);
        Self { state: State::Trying { gap: timers.t1, timer_e, timer_f: now + timers.f }, is_reliable }
    }

    pub fn handle_input(&mut self, now: Duration, timers: &Timers, input: Input) -> Option<Effect> {
        let Self { state, is_reliable } = self;
        match (&mut *state, input) {
            (
                State::Trying { timer_e, timer_f, .. } | State::Proceeding { timer_e, timer_f },
                Input::Response(status),
            ) => {
                *state = match status.code() {
                    100..200 => State::Proceeding { timer_e: timer_e.map(|_| now + timers.t2), timer_f: *timer_f },
                    // Timer K is zero where nothing is copied.
                    _ if *is_reliable => State::Terminated,
                    _ => State::Completed { timer_k: now + timers.k },
                };
                Some(Effect::Pass)
            }
            (State::Trying { timer_f, .. } | State::Proceeding { timer_f, .. }, Input::Timeout) if now >= *timer_f => {
                *state = State::Terminated;
                Some(Effect::TimedOut)
            }
            (State::Trying { gap, timer_e: Some(timer_e), .. }, Input::Timeout) if now >= *timer_e => {
                *gap = (*gap * 2).min(timers.t2);
                *timer_e = now + *gap;
                Some(Effect::Send)
            }
            (State::Proceeding { timer_e: Some(timer_e), .. }, Input::Timeout) if now >= *timer_e => {
                *timer_e = now + timers.t2;
                Some(Effect::Send)
            }
            (State::Completed { timer_k }, Input::Timeout) if now >= *timer_k => {
                *state = State::Terminated;
                None
            }
            // Copies of the final response and early timeouts change nothing.
            _ => None,
        }
    }

    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.state {
            State::Trying { timer_e, timer_f, .. } | State::Proceeding { timer_e, timer_f } => {
                earlier(timer_e, timer_f)
            }
            State::Completed { timer_k } => Some(timer_k),
            State::Terminated => None,
        }
    }

    /// No final response came yet.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Trying { .. } | State::Proceeding { .. })
    }

    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}
