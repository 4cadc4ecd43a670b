//! What happens on the wire, told as it happens.

use std::sync::Arc;
use std::time::Duration;

/// Gets every [`LadderEvent`] of one group of phones, in order.
pub type Observer = Arc<dyn Fn(&LadderEvent) + Send + Sync>;

/// One line of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LadderEvent {
    /// Since 1970, like `plugboard_model::Timestamp::since_epoch`, from a clock that never runs backwards.
    pub at: Duration,
    /// User part of the phone's address.
    pub phone: String,
    pub direction: Direction,
    /// Method or status: `INVITE`, `180 Ringing`; or what happened to the sound: `hears sound`, `presses 2`.
    pub text: String,
    /// For a message the other party, and of a response the method: `8001`, `INVITE 8001`. May be empty.
    pub detail: String,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the phone.
    Sent,
    /// To the phone.
    Received,
    /// No message: something happened at the phone.
    Local,
}
