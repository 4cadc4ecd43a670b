//! What a campaign's dialer is asked and answers: the host's side of the WIT interface `dialer`, item by item.
//!
//! Units, order, deadline, failure and trust are written once, in `wit/dialer.wit`.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Values in `more`, and attributes that a dialer may want.
pub const MAX_MORE: usize = 16;
/// Calls of one history.
pub const MAX_ATTEMPTS: usize = 64;
/// In `more`, what the host does not know.
pub const ABSENT: i64 = i64::MIN;

/// A campaign as it stands. Counts are of now, `_total` of today.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stats {
    pub at: Timestamp,
    pub agents_free: u32,
    pub agents_talking: u32,
    pub agents_wrapping: u32,
    /// At customers.
    pub ringing: u32,
    /// Answered, and no agent yet.
    pub waiting: u32,
    /// Those that may be called now.
    pub numbers_left: u32,
    pub lines_free: u32,
    pub placed_total: u32,
    pub answered_total: u32,
    /// Answered, and nobody took it in time.
    pub abandoned_total: u32,
    /// Most of the answered that may be abandoned.
    pub abandon_limit_permille: u16,
    /// Means of the last 200 calls; 0: none yet.
    pub mean_ring_ms: u32,
    pub mean_talk_ms: u32,
    pub mean_wrap_ms: u32,
    /// Under the names that the dialer wants, in its order.
    pub more: Vec<i64>,
}

/// How many calls to place now: the host places no more than lines, numbers, rules and the limit of abandoned calls allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tempo {
    pub calls: u32,
}

/// A number's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    pub at: Timestamp,
    /// Minutes east of UTC where the called person is believed to be.
    #[serde(default)]
    pub their_offset_min: Option<i16>,
    /// The last one first.
    pub attempts: Vec<Attempt>,
}

/// A call to that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    pub at: Timestamp,
    pub outcome: Outcome,
    #[serde(default)]
    pub ring_ms: u32,
    #[serde(default)]
    pub talk_ms: u32,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Answered,
    NoAnswer,
    Busy,
    Machine,
    Refused,
    Failed,
    Abandoned,
    /// Of a later host.
    Other(u8),
}

impl Outcome {
    /// As the contract counts them.
    pub fn number(self) -> u8 {
        match self {
            Self::Answered => 0,
            Self::NoAnswer => 1,
            Self::Busy => 2,
            Self::Machine => 3,
            Self::Refused => 4,
            Self::Failed => 5,
            Self::Abandoned => 6,
            Self::Other(number) => number,
        }
    }
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Next {
    /// At least a minute and at most 366 days later. The host moves it into the hours that the rules allow.
    At(Timestamp),
    /// Not in this campaign.
    Never,
}
