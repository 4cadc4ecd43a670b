//! Whether what is said on a call is legible on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::AgentId;

/// What is wanted of SRTP (RFC 3711).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Srtp {
    /// Plain RTP only.
    Off,
    /// Encrypted with whoever does it as well.
    #[default]
    Offered,
    /// Encrypted or not at all.
    Required,
}

/// What a tenant wants of encrypted sound, of all its legs and of single ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Encryption {
    /// Where nothing else is said.
    pub srtp: Srtp,
    /// Keys of SRTP travel in SIP: by TLS, or with this by any way (RFC 4568 §7). Only for networks that nobody else listens to.
    pub keys_in_clear: bool,
    pub trunks: BTreeMap<String, Srtp>,
    /// For the phones of these agents.
    pub agents: BTreeMap<AgentId, Srtp>,
}

impl Encryption {
    pub fn of_trunk(&self, trunk: &str) -> Srtp {
        self.trunks.get(trunk).copied().unwrap_or(self.srtp)
    }

    pub fn of_agent(&self, agent: &AgentId) -> Srtp {
        self.agents.get(agent).copied().unwrap_or(self.srtp)
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
