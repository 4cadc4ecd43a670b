//! Agent states, one machine per agent.
//!
//! ```text
//! logged_out → not_ready(reason) ↔ ready → reserved(lease) → ringing → talking ↔ held / consulting
//!                    ↑                                                     ↓
//!                    └──────────────── ready ←───────────────────── wrap_up(timer)
//! ```
//! `unreachable` stands beside them: the agent is logged in but the phone is gone.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::InteractionId;

/// Where an agent stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum AgentState {
    LoggedOut,
    /// Logged in and taking nothing. `reason` is one of the tenant's reasons, or `missed` after a ring without an answer.
    NotReady {
        reason: String,
    },
    Ready,
    /// Promised to an interaction under a lease; nothing rings yet.
    Reserved {
        interaction: InteractionId,
    },
    Ringing {
        interaction: InteractionId,
    },
    Talking {
        interaction: InteractionId,
    },
    Held {
        interaction: InteractionId,
    },
    /// Talking to a second party while the first is on hold.
    Consulting {
        interaction: InteractionId,
    },
    /// After-call work for `interaction`.
    WrapUp {
        interaction: InteractionId,
    },
    /// Logged in, but the phone's registration is gone.
    Unreachable,
}

impl AgentState {
    /// The interaction that holds the agent, from the reservation to the end of wrap-up.
    pub fn interaction(&self) -> Option<InteractionId> {
        match self {
            Self::Reserved { interaction }
            | Self::Ringing { interaction }
            | Self::Talking { interaction }
            | Self::Held { interaction }
            | Self::Consulting { interaction }
            | Self::WrapUp { interaction } => Some(*interaction),
            Self::LoggedOut | Self::NotReady { .. } | Self::Ready | Self::Unreachable => None,
        }
    }

    /// The word of the API and of reports: `logged-out`, `ready`, `wrap-up` …
    pub fn word(&self) -> &'static str {
        match self {
            Self::LoggedOut => "logged-out",
            Self::NotReady { .. } => "not-ready",
            Self::Ready => "ready",
            Self::Reserved { .. } => "reserved",
            Self::Ringing { .. } => "ringing",
            Self::Talking { .. } => "talking",
            Self::Held { .. } => "held",
            Self::Consulting { .. } => "consulting",
            Self::WrapUp { .. } => "wrap-up",
            Self::Unreachable => "unreachable",
        }
    }
}

impl fmt::Display for AgentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady { reason } => write!(f, "not-ready({reason})"),
            state => f.write_str(state.word()),
        }
    }
}

/// What an agent, or a supervisor for them, asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum AgentRequest {
    LogIn,
    /// On a call: applied when the call and its wrap-up end (`pending_logout`).
    LogOut,
    /// Also ends wrap-up.
    Ready,
    /// On a call: applied when it ends (`pending_not_ready`).
    NotReady {
        reason: String,
    },
}
