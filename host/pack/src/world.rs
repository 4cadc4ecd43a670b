//! The worlds of the contract: what a component decides, and whether its world reaches anything beside the question.

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

/// A world whose components a host loads and asks. The only list of them: whoever admits packs matches on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedWorld {
    Flow,
    Routing,
    Compliance,
    Connector,
    Channel,
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

    /// What a host of this version asks of it; `None`: the contract has the world, and no host asks it anything yet.
    pub fn asked(self) -> Option<AskedWorld> {
        match self {
            Self::Flow => Some(AskedWorld::Flow),
            Self::Routing => Some(AskedWorld::Routing),
            Self::Compliance => Some(AskedWorld::Compliance),
            Self::Connector => Some(AskedWorld::Connector),
            Self::Channel => Some(AskedWorld::Channel),
            Self::Assistant | Self::Dialer => None,
        }
    }

    /// No network and no state of its own: the same question has the same answer, today and in a replay. The others may import `config`, `kv`
    /// and `http` as well, as `wit/README.md` has it.
    pub fn is_pure(self) -> bool {
        match self {
            Self::Flow | Self::Routing | Self::Compliance | Self::Dialer => true,
            Self::Connector | Self::Channel | Self::Assistant => false,
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
