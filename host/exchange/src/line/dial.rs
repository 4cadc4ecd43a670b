//! Legs that we begin: where a party is reached, and the INVITE that asks them.

use plugboard_call::{Input as CallInput, gate::Judged};
use plugboard_media as media;
use plugboard_model::{AgentId, InteractionId, LegId, Number, Srtp, Timestamp};
use plugboard_sdp as sdp;
use plugboard_sip as sip;

use super::{Line, cause_of_status};
use crate::exchange::Exchange;

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
        let (uri, next_hop) = (binding.contact.as_str().to_owned(), binding.target);
        let host = self.settings.host.clone();
        let to = format!("<sip:{agent}@{host}>");
        let srtp = self.configuration.encryption.of_agent(&agent);
        self.dial(now, interaction, leg, Some(agent), uri, (next_hop, srtp), shown, to, None);
    }

    pub(super) fn dial_number(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        leg: LegId,
        number: Judged<Number>,
        shown: &str,
    ) {
        let number = number.into_what();
        let trunk = self.configuration.trunks.iter().find(|(_, trunk)| !trunk.peers.is_empty());
        let first = trunk.and_then(|(name, trunk)| trunk.peers.first().map(|peer| (name, trunk, *peer)));
        let Some((name, trunk, peer)) = first else {
            return self.later(interaction, CallInput::LegRefused { leg, status: 503, cause: cause_of_status(503) });
        };
        let account = match (&trunk.user, &trunk.password) {
            (Some(user), Some(password)) => {
                Some(sip::digest::Account { user: user.clone(), password: password.clone() })
            }
            _ => None,
        };
        let uri = format!("sip:{number}@{peer}");
        let to = format!("<{uri}>");
        let way = (sip::Target::udp(peer), self.configuration.encryption.of_trunk(name));
        self.dial(now, interaction, leg, None, uri, way, shown, to, account);
    }

    #[expect(clippy::too_many_arguments, reason = "one INVITE's parts; a struct would only repeat sip::Invite")]
    fn dial(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        leg: LegId,
        agent: Option<AgentId>,
        uri: String,
        (next_hop, srtp): (sip::Target, Srtp),
        shown: &str,
        to: String,
        account: Option<sip::digest::Account>,
    ) {
        let refused = |status: u16| CallInput::LegRefused { leg, status, cause: cause_of_status(status) };
        let Ok(security) = self.security(srtp, next_hop.transport) else {
            return self.later(interaction, refused(488));
        };
        let Some(port) = self.port_beside(interaction, agent.as_ref()) else {
            return self.later(interaction, refused(503));
        };
        let beside = self.codec_beside(interaction);
        let local = sdp::Local { beside, security, ..sdp::Local::voice(port.rtp(), leg.0) };
        let host = self.settings.host.clone();
        // The party with the fewest left bounds a loop, whoever of them it goes through.
        let hops = self.lines.of_interaction(interaction).map(|(_, line)| line.hops_left).min();
        let hops = hops.unwrap_or(sip::MAX_FORWARDS);
        let from = if shown.is_empty() {
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned()
        } else {
            format!("<sip:{}@{host}>", sip_user(shown))
        };
        let invite = sip::Invite {
            uri,
            next_hop,
            from,
            to,
            headers: Vec::new(),
            offer: Some(local.offer().to_string()),
            account,
            max_forwards: hops,
        };
        match self.sip.invite(now.since_epoch(), invite) {
            Ok(dialog) => {
                let line = Line {
                    port: Some(port),
                    local: Some(local),
                    hops_left: hops,
                    ..Line::new(interaction, dialog, agent)
                };
                self.lines.insert(leg, line);
            }
            Err(_) => {
                self.ports.released(port);
                self.media(media::Command::Close { port });
                self.later(interaction, refused(503));
            }
        }
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
