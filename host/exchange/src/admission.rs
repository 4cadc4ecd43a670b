//! Who may call, and where the call leads.

use std::sync::Arc;

use plugboard_call::{Offer, Target};
use plugboard_model::{AgentId, Srtp, Timestamp, flow::Cause};
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
    /// By name.
    Trunk(Arc<str>),
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
            None => match self.trunk_of(incoming.source) {
                Some((trunk, _)) => Origin::Trunk(trunk.into()),
                None => Origin::Trunk(self.trunk_by_account(now, &incoming.request)?),
            },
        };
        if let Some(replaced) = incoming.replaces {
            return self.replace(now, incoming, replaced, origin.agent());
        }
        let dialled = self.as_we_write(&origin, &to.user_decoded().unwrap_or_default());
        // No limit of ours keeps anybody from calling for help; without a port nothing would be heard.
        let is_full = (self.draining || self.is_full()) && !self.configuration.dialling.is_emergency(&dialled);
        if is_full || self.ports.free() == 0 {
            return Err(busy());
        }
        let Some(target) = self.target_of(&dialled, &origin) else { return refuse(sip::Status::NOT_FOUND) };
        let agent = origin.agent();
        let srtp = match &origin {
            Origin::Agent(agent) => self.configuration.encryption.of_agent(agent),
            Origin::Trunk(name) => self.configuration.encryption.of_trunk(name),
        };
        let security = self.security_of(incoming, srtp)?;

        let passage = match &origin {
            Origin::Trunk(name) => Some(self.trunking.enter(name).ok_or_else(no_channel)?),
            Origin::Agent(_) => None,
        };
        let interaction = self.new_interaction();
        let leg = self.ids.leg();
        let mut line = Line::incoming(interaction, incoming, agent.clone(), security);
        line.passage = passage;
        self.lines.insert(leg, line);
        let offer = Offer {
            interaction,
            leg,
            from: self.as_we_write(&origin, &shown_party(&from)).into(),
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
        srtp: Srtp,
    ) -> Result<sdp::Security, sip::endpoint::Response> {
        let security =
            self.security(srtp, incoming.source.transport).map_err(|KeysInClear| self.refuse_plain_keys())?;
        self.acceptable(incoming.offer.as_ref(), &security)?;
        Ok(security)
    }

    /// A number as the tenant writes it.
    fn as_we_write(&self, origin: &Origin, number: &str) -> String {
        let trunk = match origin {
            Origin::Agent(_) => None,
            Origin::Trunk(name) => self.configuration.trunks.get(&**name),
        };
        plugboard_trunk::rewritten(number, trunk.map(|trunk| &*trunk.incoming).unwrap_or_default())
    }

    /// A trunk reaches the tenant's numbers only: what an agent may dial is not for strangers.
    fn target_of(&self, dialled: &str, origin: &Origin) -> Option<Target> {
        match origin {
            Origin::Trunk(_) => self.configuration.numbers.get(dialled).cloned().map(Target::from),
            Origin::Agent(agent) => Target::from_dialled(dialled, &self.configuration)
                .filter(|target| *target != Target::Agent(agent.clone())),
        }
    }
}

/// There is no room now.
fn busy() -> sip::endpoint::Response {
    sip::endpoint::Response::new(sip::Status::SERVICE_UNAVAILABLE).header("Retry-After", "5")
}

/// The trunk carries as many calls as it may.
fn no_channel() -> sip::endpoint::Response {
    busy().header("Reason", sip::message::Reason::q850(Cause::NO_CHANNEL.as_q850().into()).to_string())
}

impl Origin {
    fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Agent(agent) => Some(agent.clone()),
            Self::Trunk(_) => None,
        }
    }
}
