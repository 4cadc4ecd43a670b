//! The worlds of the contract: what a component decides, and what its world may reach at all.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::permissions::EffectKind;

/// What a component decides; each is a world of the WIT package `plugboard:plugin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum World {
    /// What a caller hears and where the call goes.
    Flow,
    /// Who takes which interaction.
    Routing,
    /// Whether an effect may happen.
    Compliance,
    /// Another system's operations: CRM, tickets, payment.
    Connector,
    /// Messages in and out of another network.
    Channel,
    /// Replies and suggestions from text.
    Assistant,
    /// When a campaign calls.
    Dialer,
}

/// Interfaces of the host that a world may import, beside `log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// State of its own, kept by the host.
    pub kv: bool,
    /// Other systems; with it the tenant's settings as `config`.
    pub http: bool,
}

impl World {
    pub const ALL: [Self; 7] =
        [Self::Flow, Self::Routing, Self::Compliance, Self::Connector, Self::Channel, Self::Assistant, Self::Dialer];

    pub fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Routing => "routing",
            Self::Compliance => "compliance",
            Self::Connector => "connector",
            Self::Channel => "channel",
            Self::Assistant => "assistant",
            Self::Dialer => "dialer",
        }
    }

    /// Pure worlds have no network: the same question has the same answer, today and in a replay.
    pub fn reach(self) -> Reach {
        match self {
            Self::Flow => Reach { kv: false, http: false },
            Self::Routing | Self::Compliance | Self::Dialer => Reach { kv: true, http: false },
            Self::Connector | Self::Channel | Self::Assistant => Reach { kv: true, http: true },
        }
    }

    /// Effects that an answer of this world can ask for.
    pub fn effects(self) -> &'static [EffectKind] {
        use EffectKind::{Answer, Dial, Export, Message, Record, Unmask};
        match self {
            Self::Flow => &[Answer, Dial, Record, Message],
            Self::Connector => &[Unmask, Export],
            Self::Channel | Self::Assistant => &[Message],
            Self::Dialer => &[Dial],
            // A policy orders, a rule judges; neither acts.
            Self::Routing | Self::Compliance => &[],
        }
    }
}

/// The word is none of the seven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such world")]
pub struct UnknownWorld;

impl FromStr for World {
    type Err = UnknownWorld;

    fn from_str(text: &str) -> Result<Self, UnknownWorld> {
        Self::ALL.into_iter().find(|world| world.name() == text).ok_or(UnknownWorld)
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
