//! Who is reachable where (RFC 3261 §10): bindings of addresses of record, without sockets and without a clock.

use std::time::Duration;

use crate::endpoint::Response;
use crate::message::{Message, Uri};
use crate::network::{Source, Target};

/// Limits of one registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrarConfig {
    /// Shorter wishes get 423.
    pub min_expires: Duration,
    /// Longer wishes are cut to this.
    pub max_expires: Duration,
    /// Where neither Contact nor Expires says how long.
    pub default_expires: Duration,
    /// Per address of record; beyond it 403.
    pub max_bindings: usize,
    /// Over all; beyond it 503.
    pub max_addresses: usize,
}

/// One place where an address of record is reachable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub contact: Uri,
    /// Where the REGISTER came from: requests go back that way, through any NAT.
    pub target: Target,
    /// Preference in thousandths; 1000 is most.
    pub q: u16,
    pub expires_at: Duration,
    pub user_agent: String,
}

/// What a REGISTER or the clock changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingChange {
    Registered { address: String, binding: Binding },
    Removed { address: String, contact: Uri },
    Expired { address: String, contact: Uri },
}

/// What the caller knows about the address in To of a REGISTER whose sender is already authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    Known,
    /// 404.
    Unknown,
    /// 403: authenticated, but not for this address.
    Forbidden,
}

/// Bindings of many addresses of record.
#[derive(Debug)]
pub struct Registrar {}

impl Registrar {
    pub fn new(_config: RegistrarConfig) -> Self {
        Self {}
    }

    /// Does what an authenticated REGISTER asks and gives the response to send. Authentication comes before:
    /// see [`crate::digest::Authenticator`].
    pub fn handle_register(
        &mut self,
        _now: Duration,
        _request: &Message,
        _source: Source,
        _lookup: Lookup,
    ) -> Response {
        Response::new(crate::Status::OK)
    }

    /// Where `address` is reachable, best q first, then the latest. `address` is [`Registrar::address_of`].
    pub fn bindings(&self, _address: &str) -> &[Binding] {
        &[]
    }

    /// The address of record in canonical form: `user@host`, host in lower case, without port and parameters.
    pub fn address_of(_uri: &Uri) -> String {
        String::new()
    }

    pub fn handle_timeout(&mut self, _now: Duration) {}

    pub fn poll_timeout(&mut self) -> Option<Duration> {
        None
    }

    pub fn poll_change(&mut self) -> Option<BindingChange> {
        None
    }
}
