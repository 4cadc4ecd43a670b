//! Who is reachable where (RFC 3261 §10): bindings of addresses of record, without sockets and without a clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::endpoint::Response;
use crate::message::{CSeq, Contact, HeaderName, Message, NameAddr, Scheme, Uri, q_thousandths, saturating_number};
use crate::network::{Source, Target};
use crate::status::Status;

/// Limits of one registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrarConfig {
    /// Shorter wishes get 423.
    pub min_expires: Duration,
    /// Longer wishes are cut to this.
    pub max_expires: Duration,
    /// Where neither Contact nor Expires says how long.
    pub default_expires: Duration,
    /// Per address of record; one more takes the place of the one that ends first, as a phone that lost its power comes back from another
    /// port and must not be locked out by its own past. More than this in one REGISTER gets 403.
    pub max_bindings: usize,
    /// Over all; beyond it 503.
    pub max_addresses: usize,
}

impl Default for RegistrarConfig {
    /// One minute to one hour, five phones a person.
    fn default() -> Self {
        Self {
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(3_600),
            default_expires: Duration::from_secs(3_600),
            max_bindings: 5,
            max_addresses: 100_000,
        }
    }
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
    /// Of the REGISTER that made it: an older one of the same phone changes nothing (RFC 3261 §10.3).
    pub call_id: String,
    pub cseq: u32,
}

/// What a REGISTER or the clock changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingChange {
    /// New, or refreshed.
    Registered {
        address: String,
        binding: Binding,
    },
    Removed {
        address: String,
        contact: Uri,
    },
    Expired {
        address: String,
        contact: Uri,
    },
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
pub struct Registrar {
    config: RegistrarConfig,
    addresses: BTreeMap<String, Vec<Binding>>,
    /// When some binding of an address ends; one entry for each address.
    endings: BTreeSet<(Duration, String)>,
    changes: VecDeque<BindingChange>,
}

/// What one Contact of a REGISTER asks for.
struct Wish {
    contact: Uri,
    q: u16,
    /// Zero removes.
    expires: Duration,
}

impl Registrar {
    pub fn new(config: RegistrarConfig) -> Self {
        Self { config, addresses: BTreeMap::new(), endings: BTreeSet::new(), changes: VecDeque::new() }
    }

    /// Does what an authenticated REGISTER asks and gives the response to send; all of it or nothing.
    /// Authentication comes before: see [`crate::digest::Authenticator`].
    pub fn handle_register(
        &mut self,
        now: Duration,
        request: &Message,
        source: Source,
        lookup: impl FnOnce(&str) -> Lookup,
    ) -> Response {
        self.handle_timeout(now);
        let (Some(Ok(to)), Some(call_id), Some(cseq)) =
            (request.to().map(|to| to.uri()), request.call_id(), request.cseq())
        else {
            return Response::new(Status::BAD_REQUEST);
        };
        // An address of record is a SIP URI (RFC 3261 §10.3 step 5, RFC 4475 §3.3.4).
        if !matches!(to.scheme(), Scheme::Sip | Scheme::Sips) {
            return Response::new(Status::BAD_REQUEST);
        }
        let address = Self::address_of(&to);
        match lookup(&address) {
            Lookup::Known => {}
            Lookup::Unknown => return Response::new(Status::NOT_FOUND),
            Lookup::Forbidden => return Response::new(Status::FORBIDDEN),
        }
        match self.changed(now, request, source, &address, call_id, &cseq) {
            Ok(bindings) => {
                self.store(&address, bindings);
                self.state_of(now, &address)
            }
            Err(response) => response,
        }
    }

    /// The bindings as the request wants them.
    fn changed(
        &mut self,
        now: Duration,
        request: &Message,
        source: Source,
        address: &str,
        call_id: &str,
        cseq: &CSeq,
    ) -> Result<Vec<Binding>, Response> {
        let mut bindings = self.bindings(address).to_vec();
        let is_late = |binding: &Binding| binding.call_id == call_id && binding.cseq >= cseq.number;
        let late = || Response { phrase: Some("CSeq Too Low".into()), ..Response::new(Status::SERVER_ERROR) };
        let contacts: Vec<Contact<'_>> = request.contacts().collect();
        if contacts.contains(&Contact::All) {
            if contacts.len() > 1 || request.expires() != Some(0) {
                return Err(Response::new(Status::BAD_REQUEST));
            }
            if bindings.iter().any(is_late) {
                return Err(late());
            }
            return Ok(Vec::new());
        }
        for contact in &contacts {
            let Contact::Address(contact) = contact else { continue };
            let wish = self.wish(request, contact)?;
            let place = bindings.iter().position(|binding| binding.contact.is_same_as(&wish.contact));
            if place.is_some_and(|place| is_late(&bindings[place])) {
                return Err(late());
            }
            if let Some(place) = place {
                bindings.remove(place);
            }
            if wish.expires.is_zero() {
                continue;
            }
            bindings.push(Binding {
                contact: wish.contact,
                target: source.into(),
                q: wish.q,
                expires_at: now + wish.expires,
                user_agent: request.value(HeaderName::UserAgent).unwrap_or_default().into(),
                call_id: call_id.into(),
                cseq: cseq.number,
            });
        }
        if contacts.len() > self.config.max_bindings {
            let full = Response { phrase: Some("Too Many Bindings".into()), ..Response::new(Status::FORBIDDEN) };
            return Err(full);
        }
        while bindings.len() > self.config.max_bindings {
            let oldest = bindings.iter().enumerate().min_by_key(|(_, binding)| {
                (binding.cseq == cseq.number && binding.call_id == call_id, binding.expires_at)
            });
            let Some(oldest) = oldest.map(|(place, _)| place) else { break };
            bindings.remove(oldest);
        }
        if !bindings.is_empty()
            && !self.addresses.contains_key(address)
            && self.addresses.len() >= self.config.max_addresses
        {
            return Err(Response::new(Status::SERVICE_UNAVAILABLE).header("Retry-After", "60"));
        }
        Ok(bindings)
    }

    fn wish(&self, request: &Message, contact: &NameAddr<'_>) -> Result<Wish, Response> {
        let uri = contact.uri().map_err(|_| Response::new(Status::BAD_REQUEST))?;
        // Headers in a Contact are for those who dial it by hand; we never copy them into requests (RFC 3261 §19.1.5).
        let uri = Uri::parse(uri.without_headers()).map_err(|_| Response::new(Status::BAD_REQUEST))?;
        let wished = match contact.params.get("expires") {
            // A value that is none counts as 3600 (RFC 3261 §10.2.1.1).
            Some(text) => Some(saturating_number(text).unwrap_or(3_600)),
            None => request.value(HeaderName::Expires).map(|text| saturating_number(text).unwrap_or(3_600)),
        };
        let expires = wished.map_or(self.config.default_expires, |s| Duration::from_secs(s.into()));
        if !expires.is_zero() && expires < self.config.min_expires {
            let least = self.config.min_expires.as_secs().to_string();
            return Err(Response::new(Status::INTERVAL_TOO_BRIEF).header("Min-Expires", least));
        }
        let q = contact.params.get("q").and_then(q_thousandths).unwrap_or(1_000);
        Ok(Wish { contact: uri, q, expires: expires.min(self.config.max_expires) })
    }

    /// Puts the new bindings in place of the old ones and tells the difference.
    fn store(&mut self, address: &str, mut bindings: Vec<Binding>) {
        // Stable: of two with the same q the later stands first.
        bindings.sort_by_key(|binding| (std::cmp::Reverse(binding.q), std::cmp::Reverse(binding.expires_at)));
        let old = self.addresses.remove(address).unwrap_or_default();
        self.remove_ending(address, &old);
        for gone in old.iter().filter(|old| !bindings.iter().any(|b| b.contact.is_same_as(&old.contact))) {
            self.changes.push_back(BindingChange::Removed { address: address.into(), contact: gone.contact.clone() });
        }
        for binding in bindings.iter().filter(|binding| !old.contains(binding)) {
            self.changes.push_back(BindingChange::Registered { address: address.into(), binding: binding.clone() });
        }
        self.insert(address, bindings);
    }

    fn insert(&mut self, address: &str, bindings: Vec<Binding>) {
        if let Some(first) = bindings.iter().map(|b| b.expires_at).min() {
            self.endings.insert((first, address.into()));
            self.addresses.insert(address.into(), bindings);
        }
    }

    fn remove_ending(&mut self, address: &str, bindings: &[Binding]) {
        if let Some(first) = bindings.iter().map(|b| b.expires_at).min() {
            self.endings.remove(&(first, address.to_owned()));
        }
    }

    /// 200 with every binding and the seconds it has left (RFC 3261 §10.3 step 8).
    fn state_of(&self, now: Duration, address: &str) -> Response {
        self.bindings(address).iter().fold(Response::new(Status::OK), |response, binding| {
            let left = binding.expires_at.saturating_sub(now).as_secs();
            let q = match binding.q {
                1_000 => String::new(),
                q => format!(";q=0.{q:03}"),
            };
            response.header("Contact", format!("<{}>;expires={left}{q}", binding.contact))
        })
    }

    /// Where `address` is reachable, best q first, then the latest. `address` is [`Registrar::address_of`].
    pub fn bindings(&self, address: &str) -> &[Binding] {
        self.addresses.get(address).map_or(&[], Vec::as_slice)
    }

    /// The address of record in canonical form: `user@host`, escapes undone, host in lower case, no port, no parameters.
    pub fn address_of(uri: &Uri) -> String {
        let host = uri.host().to_ascii_lowercase();
        match uri.user_decoded() {
            Some(user) => format!("{user}@{host}"),
            None => host,
        }
    }

    /// Forgets what a closed stream brought: nobody can be reached that way again (RFC 5626 §4.2.2).
    pub fn remove_connection(&mut self, connection: u64) {
        let is_on = |binding: &Binding| binding.target.connection == Some(connection);
        let hit: Vec<String> =
            self.addresses.iter().filter(|(_, list)| list.iter().any(is_on)).map(|(a, _)| a.clone()).collect();
        for address in hit {
            let left = self.bindings(&address).iter().filter(|b| !is_on(b)).cloned().collect();
            self.store(&address, left);
        }
    }

    pub fn handle_timeout(&mut self, now: Duration) {
        while let Some((_, address)) = self.endings.first().filter(|(at, _)| *at <= now).cloned() {
            self.endings.pop_first();
            let (over, left): (Vec<Binding>, Vec<Binding>) =
                self.addresses.remove(&address).unwrap_or_default().into_iter().partition(|b| b.expires_at <= now);
            for gone in over {
                self.changes.push_back(BindingChange::Expired { address: address.clone(), contact: gone.contact });
            }
            self.insert(&address, left);
        }
    }

    pub fn poll_timeout(&self) -> Option<Duration> {
        self.endings.first().map(|(at, _)| *at)
    }

    /// Call until `None` after each REGISTER and timeout.
    pub fn poll_change(&mut self) -> Option<BindingChange> {
        self.changes.pop_front()
    }
}
