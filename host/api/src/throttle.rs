//! Wrong tokens, counted by where they come from, so that nobody may guess as fast as the wire allows.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::Problem;

/// Wrong tokens that one source may send at once.
pub(crate) const AT_ONCE: u32 = 10;
/// And one more each time this long has passed.
const STEP: Duration = Duration::from_secs(6);
/// Sources remembered; the one that is forgiven first makes room.
const MOST: usize = 4_096;

/// Where a request comes from, put into it by the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Called as a service there is no peer: all callers count as one.
        Ok(parts.extensions.get().copied().unwrap_or(Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED))))
    }
}

impl Peer {
    /// Whoever has one IPv6 address has the other 2⁶⁴ of its network as well.
    fn source(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address => address,
        }
    }
}

/// When each source that sent wrong tokens will be as good as new.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<BTreeMap<IpAddr, Instant>>);

impl Throttle {
    /// Whether a token of `peer` is looked at. Refused attempts are not counted: whoever waits is let in again.
    pub(crate) fn admit(&self, peer: Peer, now: Instant) -> Result<(), Problem> {
        let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let owed = sources.get(&peer.source()).map_or(Duration::ZERO, |clear| clear.saturating_duration_since(now));
        match owed.checked_sub(STEP * (AT_ONCE - 1)) {
            Some(wait) if !wait.is_zero() => Err(Problem::too_many_tokens(wait.as_secs() + 1)),
            _ => Ok(()),
        }
    }

    /// A token of `peer` was wrong.
    pub(crate) fn wrong(&self, peer: Peer, now: Instant) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let source = peer.source();
        if sources.len() >= MOST && !sources.contains_key(&source) {
            sources.retain(|_, clear| *clear > now);
            let first = sources.iter().min_by_key(|(_, clear)| **clear).map(|(source, _)| *source);
            if let Some(first) = first.filter(|_| sources.len() >= MOST) {
                sources.remove(&first);
            }
        }
        let clear = sources.entry(source).or_insert(now);
        *clear = (*clear).max(now) + STEP;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        Peer(text.parse().unwrap())
    }

    #[test]
    fn ten_wrong_tokens_close_the_door_to_that_source_until_time_has_passed() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..AT_ONCE {
            assert!(throttle.admit(peer("192.0.2.1"), now).is_ok());
            throttle.wrong(peer("192.0.2.1"), now);
        }
        let refused = throttle.admit(peer("::ffff:192.0.2.1"), now).unwrap_err();
        assert_eq!(refused.retry_after, Some(7));
        assert!(throttle.admit(peer("192.0.2.2"), now).is_ok());
        assert!(throttle.admit(peer("192.0.2.1"), now + STEP).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for last in 0..AT_ONCE {
            throttle.wrong(peer(&format!("2001:db8::{last}")), now);
        }
        assert!(throttle.admit(peer("2001:db8::ffff:1"), now).is_err());
        assert!(throttle.admit(peer("2001:db8:0:1::1"), now).is_ok());
    }

    #[test]
    fn no_more_sources_are_remembered_than_there_is_room_for() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..=u32::try_from(MOST).unwrap() {
            throttle.wrong(Peer(IpAddr::from(number.to_be_bytes())), now + Duration::from_millis(number.into()));
        }
        assert_eq!(throttle.0.lock().unwrap().len(), MOST);
    }
}
