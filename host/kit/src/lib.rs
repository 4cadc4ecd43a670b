//! Conformance kits: what a component of each world is asked before it meets a caller, and what is wrong with its answers.
//!
//! ```text
//!   Subject, cases of tests/ ──> examine ──Question──> whoever can ask a component
//!   Report (text, JSON)      <── findings <──Ended────┘
//! ```
//!
//! Nothing here runs a component: who calls [`examine`] gives a function that asks one. Each question goes to two new instances and to one that has
//! answered others, and the three have to agree. Cases are the same at each run: chance comes from a fixed seed. What a component meets outside is part
//! of the question ([`Outside`]): answers that are written down, down to those that never come.

mod assistant;
mod channel;
mod compliance;
mod connector;
mod dialer;
mod exam;
mod finding;
mod flow;
mod golden;
mod hostile;
mod lenient;
mod network;
mod outside;
mod question;
mod report;
mod routing;
mod summary;
mod walk;

use plugboard_pack::World;

pub use exam::{Instance, examine};
pub use finding::{Finding, Kind};
pub use golden::{Case, CaseError, Expected};
pub use outside::{Fails, NoResponse, Outside, Reply, Response, Sent};
pub use question::{Answer, Ask, Ended, Failed, Names, Question, Settings, Told};
pub use report::Report;

/// What is examined, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Flow,
    Routing,
    /// It is asked for nothing else than what it names.
    Compliance(Rule),
    Connector,
    Channel,
    /// It is asked for nothing else than what it names.
    Assistant(Assistant),
    /// With how many values of its own it wants to be told.
    Dialer {
        wants: usize,
    },
}

/// What an assistant's `describe` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assistant {
    pub replies: bool,
    pub suggests: bool,
    pub classifies: bool,
}

/// What a compliance rule's `describe` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Names of effects.
    pub judges: Vec<String>,
    pub listens: bool,
    pub reviews: bool,
    /// Kinds that it finds in texts.
    pub redacts: Vec<String>,
}

impl Subject {
    pub fn world(&self) -> World {
        match self {
            Self::Flow => World::Flow,
            Self::Routing => World::Routing,
            Self::Compliance(_) => World::Compliance,
            Self::Connector => World::Connector,
            Self::Channel => World::Channel,
            Self::Assistant(_) => World::Assistant,
            Self::Dialer { .. } => World::Dialer,
        }
    }

    /// Whether it has a function `configure`; else it reads its settings while it is asked.
    pub(crate) fn is_configured(&self) -> bool {
        !matches!(self, Self::Connector | Self::Channel | Self::Assistant(_))
    }
}
