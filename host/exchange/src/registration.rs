//! Agents' phones: who they are, and where they can be reached.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use plugboard_model::{AgentId, Configuration, EventKind, Extension, Timestamp};
use plugboard_sip::{
    self as sip,
    digest::{Authenticator, Checked, Secret, Where},
};

use crate::{Settings, exchange::Exchange};

/// A phone may use one challenge this long before it is asked again.
const NONCE_LIFETIME: Duration = Duration::from_secs(300);

/// The registrar, and whose its addresses are.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) registrar: sip::Registrar,
    authenticator: Authenticator,
    /// Addresses of record with at least one binding, per agent: a phone may register by name or by extension, at any of our domains.
    addresses: BTreeMap<AgentId, BTreeSet<String>>,
    /// Whose each of them was when it registered, so that it is taken away from the same one whatever the configuration says by then.
    agents: BTreeMap<String, AgentId>,
    extensions: BTreeMap<Extension, AgentId>,
}

impl Registration {
    pub(crate) fn new(settings: &Settings, configuration: &Configuration) -> Self {
        let authenticator = Authenticator::new(settings.tenant.as_str(), settings.secret, NONCE_LIFETIME);
        Self {
            registrar: sip::Registrar::new(sip::RegistrarConfig::default()),
            authenticator: authenticator.with_algorithms(&settings.digest),
            addresses: BTreeMap::new(),
            agents: BTreeMap::new(),
            extensions: extensions(configuration),
        }
    }

    /// Takes `address` from whoever had it: the agent who has none left.
    fn forget(&mut self, address: &str) -> Option<AgentId> {
        let agent = self.agents.remove(address)?;
        let addresses = self.addresses.get_mut(&agent)?;
        addresses.remove(address);
        if !addresses.is_empty() {
            return None;
        }
        self.addresses.remove(&agent);
        Some(agent)
    }

    /// Where the agent's phone is: the best preference, then the latest.
    pub(crate) fn best(&self, agent: &AgentId) -> Option<&sip::Binding> {
        let addresses = self.addresses.get(agent)?;
        addresses
            .iter()
            .flat_map(|address| self.registrar.bindings(address))
            .max_by_key(|binding| (binding.q, binding.expires_at))
    }
}

impl Exchange {
    /// The agent that a SIP address names, by id or by extension.
    pub(crate) fn agent_named(&self, uri: &sip::message::Uri) -> Option<AgentId> {
        self.agent_of_user(uri.user_decoded()?.as_ref())
    }

    fn agent_of_user(&self, user: &str) -> Option<AgentId> {
        let agents = &self.configuration.agents;
        if let Some((agent, _)) = agents.get_key_value(user) {
            return Some(agent.clone());
        }
        self.registration.extensions.get(&user.parse::<Extension>().ok()?).cloned()
    }

    pub(crate) fn register(
        &mut self,
        now: Timestamp,
        handle: sip::RequestHandle,
        request: &sip::message::Message,
        source: sip::Source,
    ) {
        let response = self.registered(now, request, source);
        // A copy of a REGISTER that was answered already is absorbed by its transaction.
        let _ = self.sip.respond(now.since_epoch(), handle, &response);
    }

    fn registered(
        &mut self,
        now: Timestamp,
        request: &sip::message::Message,
        source: sip::Source,
    ) -> sip::endpoint::Response {
        let Some(to) = request.to().and_then(|to| to.uri().ok()) else {
            return sip::endpoint::Response::new(sip::Status::BAD_REQUEST);
        };
        let Some(agent) = self.agent_named(&to) else { return sip::endpoint::Response::new(sip::Status::NOT_FOUND) };
        if let Err(challenge) = self.authenticate(now, &agent, request, Where::User) {
            return challenge;
        }
        self.registration.registrar.handle_register(now.since_epoch(), request, source, |_| sip::Lookup::Known)
    }

    /// Checks that `request` comes from the agent; else the response that asks for proof, or refuses.
    pub(crate) fn authenticate(
        &mut self,
        now: Timestamp,
        agent: &AgentId,
        request: &sip::message::Message,
        place: Where,
    ) -> Result<(), sip::endpoint::Response> {
        let Some(configured) = self.configuration.agents.get(agent) else {
            return Err(sip::endpoint::Response::new(sip::Status::FORBIDDEN));
        };
        let user_is_theirs = |user: &str| user == agent.as_str() || user == configured.extension.as_str();
        let secret = |user: &str| user_is_theirs(user).then(|| Secret::Password(configured.password.clone()));
        let authenticator = &mut self.registration.authenticator;
        let stale = match authenticator.check(now.since_epoch(), request, place, secret) {
            Checked::Known { .. } => return Ok(()),
            Checked::Challenge { stale } => stale,
            Checked::Wrong { .. } => false,
        };
        Err(authenticator.challenge(now.since_epoch(), place, stale))
    }

    pub(crate) fn authenticate_call(
        &mut self,
        now: Timestamp,
        agent: &AgentId,
        incoming: &sip::endpoint::Incoming,
    ) -> Result<(), sip::endpoint::Response> {
        self.authenticate(now, agent, &incoming.request, Where::Proxy)
    }

    /// The trunk whose account the call proves; else the response that asks for proof, or refuses where no trunk takes any.
    pub(crate) fn trunk_by_account(
        &mut self,
        now: Timestamp,
        request: &sip::message::Message,
    ) -> Result<Arc<str>, sip::endpoint::Response> {
        let by_account = || self.configuration.trunks.iter().filter(|(_, trunk)| trunk.by_account);
        let of = |user: &str| by_account().find(|(_, trunk)| trunk.user.as_deref() == Some(user));
        let forbidden = || sip::endpoint::Response::new(sip::Status::FORBIDDEN);
        by_account().next().ok_or_else(forbidden)?;
        let secret = |user: &str| of(user)?.1.password.clone().map(Secret::Password);
        let authenticator = &mut self.registration.authenticator;
        let stale = match authenticator.check(now.since_epoch(), request, Where::Proxy, secret) {
            Checked::Known { user } => return of(&user).map(|(name, _)| name.as_str().into()).ok_or_else(forbidden),
            Checked::Challenge { stale } => stale,
            Checked::Wrong { .. } => false,
        };
        Err(authenticator.challenge(now.since_epoch(), Where::Proxy, stale))
    }

    pub(crate) fn binding_changed(&mut self, now: Timestamp, change: sip::BindingChange) {
        match change {
            sip::BindingChange::Registered { address, binding } => {
                let Some(agent) = self.agent_of_address(&address) else { return };
                if self.registration.agents.get(&address).is_some_and(|before| *before != agent) {
                    // The extension is somebody else's now.
                    self.phone_gone(now, &address);
                }
                self.registration.agents.insert(address.clone(), agent.clone());
                let addresses = self.registration.addresses.entry(agent.clone()).or_default();
                let first = addresses.is_empty();
                addresses.insert(address);
                if first {
                    let contact = binding.contact.as_str().into();
                    self.fact(now, EventKind::PhoneRegistered { agent: agent.clone(), contact });
                }
                self.acd.handle_input(now, plugboard_acd::Input::Phone { agent, reachable: true });
            }
            sip::BindingChange::Removed { address, .. } | sip::BindingChange::Expired { address, .. } => {
                if self.registration.registrar.bindings(&address).is_empty() {
                    self.phone_gone(now, &address);
                }
            }
        }
    }

    fn phone_gone(&mut self, now: Timestamp, address: &str) {
        if let Some(agent) = self.registration.forget(address) {
            self.fact(now, EventKind::PhoneGone { agent: agent.clone() });
            self.acd.handle_input(now, plugboard_acd::Input::Phone { agent, reachable: false });
        }
    }

    fn agent_of_address(&self, address: &str) -> Option<AgentId> {
        self.agent_of_user(address.split('@').next()?)
    }

    /// The configuration changed: phones of agents who are new to it may be registered already.
    pub(crate) fn refresh_agents(&mut self, now: Timestamp) {
        self.registration.extensions = extensions(&self.configuration);
        for agent in self.registration.addresses.keys() {
            let input = plugboard_acd::Input::Phone { agent: agent.clone(), reachable: true };
            self.acd.handle_input(now, input);
        }
    }
}

fn extensions(configuration: &Configuration) -> BTreeMap<Extension, AgentId> {
    configuration.agents.iter().map(|(id, agent)| (agent.extension.clone(), id.clone())).collect()
}
