//! Ways to and from the public network, in `trunks.toml`.

use std::{path::Path, time::Duration};

use plugboard_model::{
    AddressBlock, AddressBlockError, Trunk,
    trunk::{LEAST_PING, MOST_PING, Rewrite},
};

use super::{set, value};
use crate::{duration, fields::Fields};

const PREFIXES: &str = "write the beginnings of numbers: [\"0\", \"+86\"]";
/// Calls of one trunk, at a time or a second.
const MOST_CALLS: i64 = 100_000;

pub(super) fn read(fields: &Fields<'_>, folder: &Path) -> Trunk {
    let mut trunk = Trunk::default();
    let blocks = fields.list::<Block>("allow", "write blocks of addresses: [\"192.0.2.0/24\"]");
    trunk.allow = blocks.into_iter().flatten().map(|block| block.0).collect();
    set(&mut trunk.certificates, fields.list("certificates", "write domains: [\"sip.carrier.example\"]"));
    set(&mut trunk.peers, fields.list("peers", "write addresses with ports: [\"192.0.2.1:5060\"]"));
    trunk.user = fields.text("user").map(|(user, _)| user.to_owned());
    trunk.password = fields.secret(["password", "password_env", "password_file"], folder).map(value);
    set(&mut trunk.by_account, fields.flag("by_account"));
    set(&mut trunk.takes, fields.list("takes", PREFIXES));
    set(&mut trunk.order, fields.integer("order", (0, i64::from(u16::MAX))));
    set(&mut trunk.weight, fields.integer("weight", (0, i64::from(u16::MAX))));
    trunk.channels = fields.integer("channels", (1, MOST_CALLS));
    trunk.calls_per_second = fields.integer("calls_per_second", (1, MOST_CALLS));
    trunk.emergency = fields.integer("emergency", (0, i64::from(u16::MAX)));
    set(&mut trunk.ping, ping(fields));
    trunk.outgoing = rewrites(fields, "outgoing");
    trunk.incoming = rewrites(fields, "incoming");
    trunk
}

/// `0s` looks at nobody; more often than each second would be no look but a load.
fn ping(fields: &Fields<'_>) -> Option<Duration> {
    let ping = fields.duration("ping", MOST_PING)?;
    if !ping.is_zero() && ping < LEAST_PING {
        let shown = duration::written(u64::try_from(ping.as_millis()).unwrap_or(u64::MAX));
        let span = fields.get("ping").map_or_else(|| fields.span(), toml::Spanned::span);
        let remedy = "give at least 1s, or 0s for never";
        fields.sheet.error(span, "out-of-range", format!("`ping` is {shown}"), remedy);
        return None;
    }
    Some(ping)
}

/// `{ "0" = "+86" }`: what the number begins with, and what stands there instead.
fn rewrites(fields: &Fields<'_>, name: &'static str) -> Vec<Rewrite> {
    fields.settings(name).into_iter().map(|(prefix, to)| Rewrite { prefix, to }).collect()
}

/// An address block that can be read from text.
struct Block(AddressBlock);

impl std::str::FromStr for Block {
    type Err = AddressBlockError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into().map(Self)
    }
}
