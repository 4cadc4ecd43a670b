//! One call leg: the states from INVITE to the end, each with what is valid in it.

use std::sync::Arc;
use std::time::Duration;

use super::dialog::Dialog;
use crate::digest::Login;
use crate::message::{Message, Reason};
use crate::network::Target;

#[derive(Debug)]
pub(super) struct Call {
    pub(super) dialog: Dialog,
    pub(super) state: State,
    pub(super) change: Change,
    /// Our change that met theirs; tried again then.
    pub(super) waiting: Option<Waiting>,
    /// Answers challenges to our requests of this call.
    pub(super) login: Option<Box<Login>>,
    /// The peer's REFER that waits for our decision, by transaction.
    pub(super) refer: Option<u64>,
    /// The last event was given: nothing more is told to the user.
    pub(super) is_over: bool,
}

#[derive(Debug)]
pub(super) enum State {
    /// Theirs, not answered. `refresh`: a provisional response again each minute (RFC 3261 §13.3.1.1).
    Offered {
        tx: u64,
        request: Box<Message>,
        give_up: Duration,
        refresh: Duration,
    },
    /// Our 2xx is out, the ACK is not in: the 2xx is repeated (RFC 3261 §13.3.1.4). BYE must wait for it (§15).
    Answered {
        repeat: Repeat,
        hang_up: Option<Option<Reason>>,
    },
    /// Ours, not answered.
    Calling {
        tx: u64,
        has_offer: bool,
        /// Soon while nobody has responded, late from then on.
        give_up: Duration,
        is_heard: bool,
    },
    /// We gave up on ours; CANCEL waits for a provisional response.
    Cancelling {
        tx: u64,
        is_sent: bool,
        reason: Option<Reason>,
        give_up: Duration,
    },
    /// Their 2xx held an offer: the ACK waits for the user's answer.
    AckDue {
        tx: u64,
        cseq: u32,
        give_up: Duration,
    },
    Established,
    /// Our BYE is out.
    Closing,
}

/// A 2xx on its way until the ACK comes.
#[derive(Debug)]
pub(super) struct Repeat {
    pub(super) bytes: Arc<[u8]>,
    pub(super) target: Target,
    pub(super) cseq: u32,
    pub(super) gap: Duration,
    pub(super) next: Duration,
    pub(super) give_up: Duration,
}

/// Glare: both sides changed at once (RFC 3261 §14.1). Meanwhile the peer's change may come through.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) until: Duration,
    pub(super) offer: Option<Box<str>>,
    pub(super) tries: u8,
}

/// A change of the session under way; at most one (RFC 3261 §14).
#[derive(Debug)]
pub(super) enum Change {
    Idle,
    /// Our re-INVITE. `offer` is kept for another try after glare.
    Sent {
        tx: u64,
        offer: Option<Box<str>>,
        tries: u8,
        give_up: Duration,
        is_cancelled: bool,
    },
    /// Their 2xx to our re-INVITE without an offer of ours.
    AckDue {
        tx: u64,
        cseq: u32,
        give_up: Duration,
    },
    /// Theirs, not decided.
    Received {
        tx: u64,
        request: Box<Message>,
        give_up: Duration,
    },
    Answered {
        repeat: Repeat,
    },
}

impl Call {
    /// When the call itself must act.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        let state = match &self.state {
            State::Offered { give_up, refresh, .. } => Some((*give_up).min(*refresh)),
            State::Answered { repeat, .. } => Some(repeat.next.min(repeat.give_up)),
            State::Calling { give_up, .. } | State::Cancelling { give_up, .. } | State::AckDue { give_up, .. } => {
                Some(*give_up)
            }
            State::Established | State::Closing => None,
        };
        let change = match &self.change {
            Change::Idle => None,
            Change::Sent { give_up, .. } | Change::AckDue { give_up, .. } | Change::Received { give_up, .. } => {
                Some(*give_up)
            }
            Change::Answered { repeat } => Some(repeat.next.min(repeat.give_up)),
        };
        let waiting = self.waiting.as_ref().map(|waiting| waiting.until);
        [state, change, waiting].into_iter().flatten().min()
    }

    /// A dialog that both sides know of.
    pub(super) fn is_established(&self) -> bool {
        matches!(self.state, State::Established)
    }
}

impl Change {
    /// The change that our re-INVITE in this transaction asks for.
    pub(super) fn is_of(&self, with: u64) -> bool {
        matches!(self, Self::Sent { tx, .. } | Self::AckDue { tx, .. } if *tx == with)
    }
}
