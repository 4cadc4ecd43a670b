//! Who takes part.

use std::sync::Arc;

use plugboard_model::{AgentId, EndedBy, LegId, Number, QueueId, Role};

/// Somebody of whom more is known than that they called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// `queue`: the one that the agent was reserved for.
    Agent {
        agent: AgentId,
        queue: Option<QueueId>,
    },
    Number(Number),
}

impl Party {
    pub(crate) fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Agent { agent, .. } => Some(agent),
            Self::Number(_) => None,
        }
    }

    pub(crate) fn role(&self) -> Role {
        match self {
            Self::Agent { .. } => Role::Agent,
            Self::Number(_) => Role::Outside,
        }
    }

    pub(crate) fn ended_by(&self) -> EndedBy {
        match self {
            Self::Agent { .. } => EndedBy::Agent,
            Self::Number(_) => EndedBy::Outside,
        }
    }

    pub(crate) fn label(&self) -> Arc<str> {
        match self {
            Self::Agent { agent, .. } => agent.as_str().into(),
            Self::Number(number) => number.as_str().into(),
        }
    }
}

/// The side that stays while the other changes: at first the leg that the interaction began with. Flows treat it, and it hears the music.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) leg: LegId,
    pub(crate) answered: bool,
    pub(crate) ringing: bool,
    /// `None`: a customer who called. Else the agent who dialled, or whom they reached.
    pub(crate) party: Option<Party>,
    /// Was told to be connected: an agent who has talked to somebody from here.
    pub(crate) connected: bool,
}

impl Caller {
    pub(crate) fn ended_by(&self) -> EndedBy {
        self.party.as_ref().map_or(EndedBy::Caller, Party::ended_by)
    }
}
