//! Past calls through another version of a flow, another policy, another rule.
//!
//! A [`Run`](plugboard_model::tape::Run) on tape says what a flow heard and what it asked for. [`Player`] gives another version the same to hear, as far as
//! it asks for the same: keys that were pressed answer its gathers, news of the queue its queueing. What a caller would have said to a question that they were never
//! asked, nobody knows; there the player stops and says so, rather than to make something up.
//!
//! ```text
//!   tape ──▶ Player::next_question ──▶ (state, event) ──▶ component ──▶ Player::said ──▶ … ──▶ Comparison ──▶ Report
//! ```
//! [`policy`] and [`rules`] hold what policies and compliance rules decided against what others decide, question by question;
//! [`day`] lives a whole day again.
//!
//! Nothing here asks a component: who plays does.

pub mod day;
mod groups;
mod player;
pub mod policy;
mod report;
pub mod rules;
mod trace;
mod verdicts;

pub use player::{Player, Question};
pub use report::{Change, Group, Report};
pub use trace::{End, Passage, Trace, Unknown};
pub use verdicts::{Gated, OtherVerdict};

use plugboard_model::compliance::Act;
use serde::Serialize;

/// One run, as it was and as it would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    pub was: Trace,
    pub is: Trace,
    /// What the other version wants and nobody judged yet: which of `is.gated`, and as rules are told it.
    #[serde(skip)]
    unjudged: Vec<(usize, Act)>,
}

impl Comparison {
    /// The number of the first passage that differs, counted from 0. A run that stops where nobody knows how it went on is compared up to there.
    pub fn first_difference(&self) -> Option<usize> {
        let (was, is) = (&self.was.path, &self.is.path);
        let is_unknown = matches!(self.is.end, End::Unknown { .. });
        let differs = |(was, is): (&Passage, &Passage)| {
            was.node != is.node || was.exit != is.exit && !(is_unknown && is.exit.is_none())
        };
        was.iter().zip(is).position(differs).or_else(|| {
            let differs = is.len() > was.len() || is.len() < was.len() && !is_unknown;
            differs.then_some(was.len().min(is.len()))
        })
    }

    /// Other queues, or the same in another order: the number of the passage that asks for the first other one.
    pub fn first_other_queue(&self) -> Option<usize> {
        let (was, is) = (&self.was.queues, &self.is.queues);
        let is_unknown = matches!(self.is.end, End::Unknown { .. });
        let at = was.iter().zip(is).position(|(was, is)| was != is).or_else(|| {
            let differs = is.len() > was.len() || is.len() < was.len() && !is_unknown;
            differs.then_some(was.len().min(is.len()))
        })?;
        self.is.queued_at.get(at).or_else(|| self.was.queued_at.get(at)).copied()
    }

    pub fn ends_differently(&self) -> bool {
        !matches!(self.is.end, End::Unknown { .. }) && self.was.end != self.is.end
    }
}
