//! Conformance kits: what a component of each world is asked before it meets a caller, and what is wrong with its answers.
//!
//! ```text
//!   Subject, cases of tests/ ──> examine ──Question──> whoever can ask a component
//!   Report (text, JSON)      <── findings <──Ended────┘
//! ```
//!
//! Nothing here runs a component: who calls [`examine`] gives a function that asks one. Each question goes to two new instances and to one that has
//! answered others, and the three have to agree. Cases are the same at each run: chance comes from a fixed seed.

mod compliance;
mod exam;
mod finding;
mod flow;
mod golden;
mod hostile;
mod question;
mod report;
mod routing;
mod summary;
mod walk;

pub use exam::{Instance, examine};
pub use finding::{Finding, Kind};
pub use golden::{Case, CaseError, Expected};
pub use question::{Answer, Ask, Ended, Names, Question, Settings};
pub use report::Report;

/// What is examined, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Flow,
    Routing,
    /// It is asked for nothing else than what it names.
    Compliance(Rule),
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
    pub fn world(&self) -> plugboard_pack::World {
        match self {
            Self::Flow => plugboard_pack::World::Flow,
            Self::Routing => plugboard_pack::World::Routing,
            Self::Compliance(_) => plugboard_pack::World::Compliance,
        }
    }
}
