//! Who may call, and where the call leads.

use std::sync::Arc;

use plugboard_call::{Offer, Target};
use plugboard_model::{AgentId, Timestamp};
use plugboard_sip as sip;

use crate::{
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
        self.acceptable(incoming.offer.as_ref()).map_err(sip::endpoint::Response::new)?;

        let interaction = self.new_interaction();
        let leg = self.ids.leg();
        let agent = origin.agent();
        self.lines.insert(leg, Line::incoming(interaction, incoming, agent.clone()));
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

    /// A trunk reaches the tenant's numbers only: what an agent may dial is not for strangers.
    fn target_of(&self, dialled: &str, origin: &Origin) -> Option<Target> {
        match origin {
            Origin::Trunk => self.configuration.numbers.get(dialled).cloned().map(Target::from),
            Origin::Agent(agent) => Target::from_dialled(dialled, &self.configuration)
                .filter(|target| *target != Target::Agent(agent.clone())),
        }
    }

    pub(crate) fn comes_from_trunk(&self, source: sip::Source) -> bool {
        let address = source.remote.ip();
        let shown = source.connection.and_then(|connection| self.identified.get(&connection));
        let is_shown = |domain: &String| shown.is_some_and(|names| names.iter().any(|name| covers(name, domain)));
        let mut trunks = self.configuration.trunks.values();
        trunks.any(|trunk| {
            trunk.allow.iter().any(|block| block.contains(address))
                || trunk.peers.iter().any(|peer| peer.ip() == address)
                || trunk.certificates.iter().any(is_shown)
        })
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
