//! Legs that we begin: where a party is reached, and the INVITE that asks them.

use plugboard_call::Input as CallInput;
use plugboard_media as media;
use plugboard_model::{AgentId, InteractionId, LegId, Srtp, Timestamp};
use plugboard_sdp as sdp;
use plugboard_sip as sip;

use super::{Line, cause_of_status};
use crate::exchange::Exchange;

/// Who is to be called, and how.
pub(crate) struct Wanted {
    pub(crate) uri: String,
    pub(crate) next_hop: sip::Target,
    pub(crate) srtp: Srtp,
    pub(crate) to: String,
    pub(crate) account: Option<sip::digest::Account>,
    /// Whom the far end sees; empty: nobody.
    pub(crate) shown: Box<str>,
}

impl Exchange {
    /// A port of the worker that another leg of the interaction is on, so that both can be bridged; else of the one that another call of one of
    /// its agents is on, so that an attended transfer can join the two. [`Exchange::check`] holds it to that.
    pub(super) fn port_beside(&mut self, interaction: InteractionId, agent: Option<&AgentId>) -> Option<media::Port> {
        let own = self.lines.of_interaction(interaction);
        let beside = own.filter_map(|(_, line)| line.port()).next().or_else(|| {
            let agents = self.lines.of_interaction(interaction).filter_map(|(_, line)| line.agent.as_ref());
            agents.chain(agent).flat_map(|agent| self.lines.of_agent(agent)).find_map(|(_, line)| line.port())
        });
        match beside {
            Some(port) => self.ports.take_beside(port.worker),
            None => self.ports.take(),
        }
    }

    pub(super) fn dial_agent(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        leg: LegId,
        agent: AgentId,
        shown: &str,
    ) {
        let Some(binding) = self.registration.best(&agent) else {
            return self.later(interaction, CallInput::LegRefused { leg, status: 480, cause: cause_of_status(480) });
        };
        let wanted = Wanted {
            uri: binding.contact.as_str().to_owned(),
            next_hop: binding.target,
            srtp: self.configuration.encryption.of_agent(&agent),
            to: format!("<sip:{agent}@{}>", self.settings.host),
            account: None,
            shown: shown.into(),
        };
        self.dial(now, interaction, leg, Some(agent), &wanted);
    }

    pub(crate) fn dial(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        leg: LegId,
        agent: Option<AgentId>,
        wanted: &Wanted,
    ) {
        let refused = |status: u16| CallInput::LegRefused { leg, status, cause: cause_of_status(status) };
        let Ok(security) = self.security(wanted.srtp, wanted.next_hop.transport) else {
            return self.later(interaction, refused(488));
        };
        let Some(port) = self.port_beside(interaction, agent.as_ref()) else {
            return self.later(interaction, refused(503));
        };
        let beside = self.codec_beside(interaction);
        let local = sdp::Local { beside, security, ..sdp::Local::voice(port.rtp(), leg.0) };
        // The party with the fewest left bounds a loop, whoever of them it goes through.
        let hops = self.lines.of_interaction(interaction).map(|(_, line)| line.hops_left).min();
        let hops = hops.unwrap_or(sip::MAX_FORWARDS);
        match self.invite(now, wanted, &local, hops) {
            Some(dialog) => {
                let line = Line {
                    port: Some(port),
                    local: Some(local),
                    hops_left: hops,
                    ..Line::new(interaction, dialog, agent)
                };
                self.lines.insert(leg, line);
            }
            None => {
                self.ports.released(port);
                self.media(media::Command::Close { port });
                self.later(interaction, refused(503));
            }
        }
    }

    /// Asks somebody else for a leg that has been dialled already, with the same port and session, and keys of their own.
    pub(crate) fn invite_again(&mut self, now: Timestamp, leg: LegId, wanted: &Wanted) -> Option<sip::CallHandle> {
        let security = self.security(wanted.srtp, wanted.next_hop.transport).ok()?;
        let line = self.lines.get(leg)?;
        let (local, hops) = (sdp::Local { security, ..line.local.clone()? }, line.hops_left);
        let dialog = self.invite(now, wanted, &local, hops)?;
        self.lines.get_mut(leg)?.local = Some(local);
        Some(dialog)
    }

    fn invite(&mut self, now: Timestamp, wanted: &Wanted, local: &sdp::Local, hops: u8) -> Option<sip::CallHandle> {
        let from = match &*wanted.shown {
            "" => "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned(),
            shown => format!("<sip:{}@{}>", sip_user(shown), self.settings.host),
        };
        let invite = sip::Invite {
            uri: wanted.uri.clone(),
            next_hop: wanted.next_hop,
            from,
            to: wanted.to.clone(),
            headers: Vec::new(),
            offer: Some(local.offer().to_string()),
            account: wanted.account.clone(),
            max_forwards: hops,
        };
        self.sip.invite(now.since_epoch(), invite).ok()
    }

    /// What a party of this interaction speaks already: the same codec on both legs needs no transcoding.
    pub(super) fn codec_beside(&self, interaction: InteractionId) -> Option<String> {
        let mut streams = self.lines.of_interaction(interaction).filter_map(|(_, line)| line.stream);
        streams.next().map(|stream| stream.codec.name().to_owned())
    }
}

/// A number or name as the user part of a SIP URI; what may not stand there is left out (RFC 3261 §25.1).
fn sip_user(text: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/".contains(*c);
    text.chars().filter(allowed).collect()
}
