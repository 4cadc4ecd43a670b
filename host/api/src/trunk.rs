//! A trunk over the wire: its password goes in and never comes out.

use std::{net::SocketAddr, time::Duration};

use plugboard_model::{AddressBlock, Configuration};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A trunk as clients see one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trunk {
    /// Address blocks whose calls are this trunk's.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    allow: Vec<AddressBlock>,
    /// `host:port`, first that works.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    peers: Vec<SocketAddr>,
    /// Calls by TLS from who shows a certificate for one of these domains are this trunk's too.
    #[serde(default)]
    certificates: Vec<String>,
    #[serde(default)]
    user: Option<String>,
    /// Never told. Left out: the present one stays, if `user` is the same.
    #[serde(default, skip_serializing)]
    #[schema(write_only)]
    password: Option<String>,
    /// Calls from anywhere that prove this account are this trunk's too.
    #[serde(default)]
    by_account: bool,
    /// Calls to numbers that begin so; empty: to all.
    #[serde(default)]
    takes: Vec<String>,
    /// The lowest is tried first; trunks of one order are a group.
    #[serde(default = "one")]
    order: u16,
    /// Share of the calls of its group; 0: only where nobody else has room.
    #[serde(default = "one")]
    weight: u16,
    /// Calls at the same time, in both directions; none: as many as come.
    #[serde(default)]
    channels: Option<u32>,
    /// Calls that we begin.
    #[serde(default)]
    calls_per_second: Option<u32>,
    /// Its order for emergency numbers; those without one come after those with one.
    #[serde(default)]
    emergency: Option<u16>,
    /// Milliseconds between looks at its peers by OPTIONS; 0: they are not looked at.
    #[serde(default = "half_a_minute")]
    ping_ms: u64,
    /// Numbers that we call, as the carrier wants them. Of several that fit, the longest prefix counts.
    #[serde(default)]
    outgoing: Vec<Rewrite>,
    /// Numbers that call and are called, as we want them.
    #[serde(default)]
    incoming: Vec<Rewrite>,
}

/// The beginning of a number, and what it becomes.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rewrite {
    prefix: String,
    to: String,
}

fn one() -> u16 {
    1
}

fn half_a_minute() -> u64 {
    30_000
}

impl From<&plugboard_model::trunk::Rewrite> for Rewrite {
    fn from(rule: &plugboard_model::trunk::Rewrite) -> Self {
        Self { prefix: rule.prefix.clone(), to: rule.to.clone() }
    }
}

impl From<Rewrite> for plugboard_model::trunk::Rewrite {
    fn from(rule: Rewrite) -> Self {
        Self { prefix: rule.prefix, to: rule.to }
    }
}

impl From<&plugboard_model::Trunk> for Trunk {
    fn from(trunk: &plugboard_model::Trunk) -> Self {
        Self {
            allow: trunk.allow.clone(),
            peers: trunk.peers.clone(),
            certificates: trunk.certificates.clone(),
            user: trunk.user.clone(),
            password: None,
            by_account: trunk.by_account,
            takes: trunk.takes.clone(),
            order: trunk.order,
            weight: trunk.weight,
            channels: trunk.channels,
            calls_per_second: trunk.calls_per_second,
            emergency: trunk.emergency,
            ping_ms: u64::try_from(trunk.ping.as_millis()).unwrap_or(u64::MAX),
            outgoing: trunk.outgoing.iter().map(Rewrite::from).collect(),
            incoming: trunk.incoming.iter().map(Rewrite::from).collect(),
        }
    }
}

impl Trunk {
    pub(crate) fn complete(self, id: &str, present: &Configuration) -> plugboard_model::Trunk {
        let kept = present.trunks.get(id).filter(|trunk| trunk.user == self.user);
        let password = self.password.or_else(|| kept.and_then(|trunk| trunk.password.clone()));
        plugboard_model::Trunk {
            allow: self.allow,
            certificates: self.certificates,
            peers: self.peers,
            user: self.user,
            password,
            by_account: self.by_account,
            takes: self.takes,
            order: self.order,
            weight: self.weight,
            channels: self.channels,
            calls_per_second: self.calls_per_second,
            emergency: self.emergency,
            ping: Duration::from_millis(self.ping_ms),
            outgoing: self.outgoing.into_iter().map(Into::into).collect(),
            incoming: self.incoming.into_iter().map(Into::into).collect(),
        }
    }
}
