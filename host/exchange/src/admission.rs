//! Who may call, and where the call leads.

use std::sync::Arc;

use plugboard_call::{Offer, Target};
use plugboard_model::{AgentId, Timestamp, Trunk};
use plugboard_sdp as sdp;
use plugboard_sip as sip;

use crate::{
    encryption::KeysInClear,
    exchange::Exchange,
    line::{Line, shown_party},
};

/// Who calls.
enum Origin {
    Agent(AgentId),
    Trunk,
}

impl Exchange {
    pub(crate) fn incoming(&mut self, now: Timestamp, incoming: &sip::endpoint::Incoming) {
        if let Err(response) = self.admit(now, incoming) {
            // A caller who cancelled meanwhile needs no answer.
            let _ = self.sip.reject(now.since_epoch(), incoming.call, &response);
        }
    }

    fn admit(&mut self, now: Timestamp, incoming: &sip::endpoint::Incoming) -> Result<(), sip::endpoint::Response> {
        let refuse = |status| Err(sip::endpoint::Response::new(status));
        let from = incoming.request.from().and_then(|from| from.uri().ok());
        let (Some(from), Ok(to)) = (from, incoming.request.uri()) else { return refuse(sip::Status::BAD_REQUEST) };
        let origin = match self.agent_named(&from) {
            Some(agent) => {
                self.authenticate_call(now, &agent, incoming)?;
                Origin::Agent(agent)
            }
            None if self.comes_from_trunk(incoming.source) => Origin::Trunk,
            None => return refuse(sip::Status::FORBIDDEN),
        };
        if let Some(replaced) = incoming.replaces {
            return self.replace(now, incoming, replaced, origin.agent());
        }
        if self.draining || self.is_full() || self.ports.free() == 0 {
            return Err(sip::endpoint::Response::new(sip::Status::SERVICE_UNAVAILABLE).header("Retry-After", "5"));
        }
        let dialled = to.user_decoded().unwrap_or_default().into_owned();
        let Some(target) = self.target_of(&dialled, &origin) else { return refuse(sip::Status::NOT_FOUND) };
        let agent = origin.agent();
        let security = self.security_of(incoming, agent.as_ref())?;

        let interaction = self.new_interaction();
        let leg = self.ids.leg();
        self.lines.insert(leg, Line::incoming(interaction, incoming, agent.clone(), security));
        let offer = Offer {
            interaction,
            leg,
            from: shown_party(&from),
            to: Arc::from(dialled),
            dialled_by: agent,
            leads_to: target,
        };
        self.begin_call(now, offer);
        Ok(())
    }

    /// What a caller and we do about SRTP, if their offer has anything that we speak.
    pub(crate) fn security_of(
        &mut self,
        incoming: &sip::endpoint::Incoming,
        agent: Option<&AgentId>,
    ) -> Result<sdp::Security, sip::endpoint::Response> {
        let encryption = &self.configuration.encryption;
        let srtp = match agent {
            Some(agent) => encryption.of_agent(agent),
            None => self.trunk_of(incoming.source).map_or(encryption.srtp, |trunk| encryption.of_trunk(trunk)),
        };
        let security =
            self.security(srtp, incoming.source.transport).map_err(|KeysInClear| self.refuse_plain_keys())?;
        self.acceptable(incoming.offer.as_ref(), &security)?;
        Ok(security)
    }

    /// A trunk reaches the tenant's numbers only: what an agent may dial is not for strangers.
    fn target_of(&self, dialled: &str, origin: &Origin) -> Option<Target> {
        match origin {
            Origin::Trunk => self.configuration.numbers.get(dialled).cloned().map(Target::from),
            Origin::Agent(agent) => Target::from_dialled(dialled, &self.configuration)
                .filter(|target| *target != Target::Agent(agent.clone())),
        }
    }

    pub(crate) fn comes_from_trunk(&self, source: sip::Source) -> bool {
        self.trunk_of(source).is_some()
    }

    fn trunk_of(&self, source: sip::Source) -> Option<&str> {
        let address = source.remote.ip();
        let shown = source.connection.and_then(|connection| self.identified.get(&connection));
        let is_shown = |domain: &String| shown.is_some_and(|names| names.iter().any(|name| covers(name, domain)));
        let is_its = |trunk: &Trunk| {
            trunk.allow.iter().any(|block| block.contains(address))
                || trunk.peers.iter().any(|peer| peer.ip() == address)
                || trunk.certificates.iter().any(is_shown)
        };
        self.configuration.trunks.iter().find(|(_, trunk)| is_its(trunk)).map(|(name, _)| name.as_str())
    }
}

/// A certificate's name is taken as it stands: what it says of all hosts of a domain is no proof of being the domain (RFC 5922 §7.2).
fn covers(name: &str, domain: &str) -> bool {
    name.eq_ignore_ascii_case(domain)
}

impl Origin {
    fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Agent(agent) => Some(agent.clone()),
            Self::Trunk => None,
        }
    }
}
