//! Ways to and from the public network.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::configuration::millis;

/// Bounds of [`Trunk::ping`], where it is not zero.
pub const LEAST_PING: Duration = Duration::from_secs(1);
pub const MOST_PING: Duration = Duration::from_secs(3_600);

/// A way to and from the public network. Trunks of one order are a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trunk {
    /// Calls from these addresses are this trunk's.
    pub allow: Vec<AddressBlock>,
    /// So are calls by TLS from who shows a certificate for one of these domains.
    pub certificates: Vec<String>,
    /// Where calls to outside numbers go, the first that works.
    pub peers: Vec<SocketAddr>,
    /// Account for the peer's digest challenge.
    pub user: Option<String>,
    pub password: Option<String>,
    /// Calls from anywhere that prove this account are this trunk's too.
    pub by_account: bool,
    /// Calls to numbers that begin so; empty: to all.
    pub takes: Vec<String>,
    /// The lowest is tried first.
    pub order: u16,
    /// Share of the calls of its group; 0: only where nobody else has room.
    pub weight: u16,
    /// Calls at the same time, in both directions.
    pub channels: Option<u32>,
    /// Calls that we begin.
    pub calls_per_second: Option<u32>,
    /// Its order for emergency numbers; those without one come after those with one.
    pub emergency: Option<u16>,
    /// Between looks at its peers by OPTIONS; zero: they are not looked at.
    #[serde(with = "millis", rename = "ping_ms")]
    pub ping: Duration,
    /// Numbers that we call, as the carrier wants them.
    pub outgoing: Vec<Rewrite>,
    /// Numbers that call and are called, as we want them.
    pub incoming: Vec<Rewrite>,
}

impl Default for Trunk {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            certificates: Vec::new(),
            peers: Vec::new(),
            user: None,
            password: None,
            by_account: false,
            takes: Vec::new(),
            order: 1,
            weight: 1,
            channels: None,
            calls_per_second: None,
            emergency: None,
            ping: Duration::from_secs(30),
            outgoing: Vec::new(),
            incoming: Vec::new(),
        }
    }
}

/// The beginning of a number, and what it becomes. Of several that fit, the longest counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    pub prefix: String,
    pub to: String,
}

/// An address with a prefix length: `127.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressBlock {
    address: IpAddr,
    prefix: u8,
}

impl AddressBlock {
    /// The lowest address of the block.
    pub fn first(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let bits = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4((address.to_bits() & bits).into())
            }
            IpAddr::V6(address) => {
                let bits = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6((address.to_bits() & bits).into())
            }
        }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        fn same<const N: usize>(a: [u8; N], b: [u8; N], prefix: u8) -> bool {
            (0..usize::from(prefix)).all(|bit| (a[bit / 8] ^ b[bit / 8]) & (0x80 >> (bit % 8)) == 0)
        }
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => same(ours.octets(), theirs.octets(), self.prefix),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same(ours.octets(), theirs.octets(), self.prefix),
            _ => false,
        }
    }
}

/// Why a text is no address block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address block; write one like 192.0.2.0/24 or 192.0.2.7")]
pub struct AddressBlockError {
    pub text: String,
}

impl TryFrom<String> for AddressBlock {
    type Error = AddressBlockError;

    fn try_from(text: String) -> Result<Self, AddressBlockError> {
        let (address, prefix) = text.split_once('/').map_or((text.as_str(), None), |(a, p)| (a, Some(p)));
        let parsed = address.parse::<IpAddr>().ok().and_then(|address| {
            let longest = if address.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.map_or(Some(longest), |prefix| prefix.parse().ok().filter(|p| *p <= longest))?;
            Some(Self { address, prefix })
        });
        parsed.ok_or(AddressBlockError { text })
    }
}

impl From<AddressBlock> for String {
    fn from(block: AddressBlock) -> Self {
        format!("{}/{}", block.address, block.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_block_holds_its_own_addresses_only() {
        let block = AddressBlock::try_from("10.1.0.0/15".to_owned()).unwrap();
        assert!(block.contains("10.0.255.1".parse().unwrap()));
        assert!(!block.contains("10.2.0.1".parse().unwrap()));
        assert!(!block.contains("::1".parse().unwrap()));
        assert!(AddressBlock::try_from("10.0.0.0/33".to_owned()).is_err());
    }
}
