//! INVITE server transaction: RFC 3261 §17.2.1 (figure 7) with the Accepted state of RFC 6026 §7.1.
//!
//! ```text
//!              INVITE
//!                v
//!           Proceeding --2xx--> Accepted --L--> Terminated
//!                |
//!             300-699
//!                v
//!            Completed --ACK--> Confirmed --I--> Terminated
//!                |
//!                +------H------> Terminated (ACK never came)
//! ```

use std::time::Duration;

use super::{Effect, Timers, earlier, repeat_at};
use crate::status::Status;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A copy of the INVITE.
    Invite,
    /// The user's response; the owner holds its bytes.
    Respond(Status),
    Ack,
    Timeout,
}

/// Each state owns its timers, so a timer of a past state cannot fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// `has_sent` is false until the first response.
    Proceeding {
        has_sent: bool,
    },
    /// 2xx: the dialog repeats it end to end; here copies of the INVITE are only absorbed.
    Accepted {
        timer_l: Duration,
    },
    /// 3xx–6xx: repeated hop by hop until the ACK arrives or Timer H fires.
    Completed {
        gap: Duration,
        timer_g: Option<Duration>,
        timer_h: Duration,
    },
    Confirmed {
        timer_i: Duration,
    },
    Terminated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InviteServer {
    state: State,
    is_reliable: bool,
}

impl InviteServer {
    pub fn new(is_reliable: bool) -> Self {
        Self { state: State::Proceeding { has_sent: false }, is_reliable }
    }

    pub fn handle_input(&mut self, now: Duration, timers: &Timers, input: Input) -> Option<Effect> {
        let Self { state, is_reliable } = self;
        match (&mut *state, input) {
            (State::Proceeding { has_sent: true } | State::Completed { .. }, Input::Invite) => Some(Effect::Send),
            (State::Proceeding { has_sent }, Input::Respond(status)) => {
                match status.code() {
                    100..200 => *has_sent = true,
                    200..300 => *state = State::Accepted { timer_l: now + timers.l },
                    _ => {
                        *state = State::Completed {
                            gap: timers.t1,
                            timer_g: repeat_at(*is_reliable, now + timers.t1),
                            timer_h: now + timers.h,
                        };
                    }
                }
                Some(Effect::Send)
            }
            (State::Accepted { .. }, Input::Respond(status)) if status.is_success() => Some(Effect::Send),
            (State::Completed { .. }, Input::Ack) => {
                // Timer I is zero where nothing is copied.
                *state = if *is_reliable { State::Terminated } else { State::Confirmed { timer_i: now + timers.i } };
                None
            }
            (State::Completed { timer_h, .. }, Input::Timeout) if now >= *timer_h => {
                *state = State::Terminated;
                Some(Effect::TimedOut)
            }
            (State::Completed { gap, timer_g: Some(timer_g), .. }, Input::Timeout) if now >= *timer_g => {
                *gap = (*gap * 2).min(timers.t2);
                *timer_g = now + *gap;
                Some(Effect::Send)
            }
            (State::Accepted { timer_l: end } | State::Confirmed { timer_i: end }, Input::Timeout) if now >= *end => {
                *state = State::Terminated;
                None
            }
            // Copies arriving late are ordinary on UDP and change nothing; so does a timeout that came early.
            _ => None,
        }
    }

    /// When to call back with [`Input::Timeout`]; `None` while only the network or the user can move us.
    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.state {
            State::Proceeding { .. } | State::Terminated => None,
            State::Accepted { timer_l: end } | State::Confirmed { timer_i: end } => Some(end),
            State::Completed { timer_g, timer_h, .. } => earlier(timer_g, timer_h),
        }
    }

    /// No final response was sent yet.
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// A 2xx was sent: the ACK belongs to the dialog.
    pub fn is_accepted(&self) -> bool {
        matches!(self.state, State::Accepted { .. })
    }

    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}
