//! Transfers that a phone asks for: REFER (RFC 3515), with Replaces for the attended kind (RFC 3891, RFC 5589).

use plugboard_call::{Input as CallInput, Party, Target};
use plugboard_model::{AgentId, InteractionId, LegId, Timestamp, flow::Cause};
use plugboard_sip as sip;

use crate::{exchange::Exchange, line::Line};

impl Exchange {
    pub(crate) fn referred(&mut self, now: Timestamp, referred: &sip::endpoint::Referred) {
        let at = now.since_epoch();
        let Some((leg, interaction)) = self.leg_of(referred.call) else {
            let _ = self.sip.refuse_refer(at, referred.call, sip::Status::DOES_NOT_EXIST);
            return;
        };
        if let Some(replaced) = referred.replaced {
            return self.attended(now, referred.call, (leg, interaction), replaced);
        }
        let dialled = referred.refer_to.user_decoded().unwrap_or_default().into_owned();
        // Only an agent's own phone may send a caller on: anything else would be a way to dial for free.
        let by_agent = self.lines.get(leg).is_some_and(|line| line.agent.is_some());
        match Target::from_dialled(&dialled, &self.configuration) {
            Some(target) if by_agent && referred.replaces.is_none() => {
                let _ = self.sip.accept_refer(at, referred.call);
                self.call_input(now, interaction, CallInput::LegTransfers { leg, target });
            }
            Some(_) => {
                let _ = self.sip.refuse_refer(at, referred.call, sip::Status::FORBIDDEN);
            }
            None => {
                let _ = self.sip.refuse_refer(at, referred.call, sip::Status::NOT_FOUND);
            }
        }
    }

    /// An agent has the customer on one dialog and a colleague on another, and joins the two.
    fn attended(
        &mut self,
        now: Timestamp,
        refers: sip::CallHandle,
        (leg, interaction): (LegId, InteractionId),
        replaced: sip::CallHandle,
    ) {
        let other = self.leg_of(replaced).filter(|(_, other)| *other != interaction);
        let same_agent = |a: LegId, b: LegId| {
            let agent = |leg: LegId| self.lines.get(leg).and_then(|line| line.agent.as_ref());
            agent(a).is_some() && agent(a) == agent(b)
        };
        let Some((other_leg, other)) = other.filter(|(other_leg, _)| same_agent(leg, *other_leg)) else {
            let _ = self.sip.refuse_refer(now.since_epoch(), refers, sip::Status::DOES_NOT_EXIST);
            return;
        };
        // The consultation is the call that the agent placed; its far end moves to where the customer is.
        let (customer, consultation) = if self.placed_by_agent(other, other_leg) {
            ((leg, interaction), (other_leg, other))
        } else {
            ((other_leg, other), (leg, interaction))
        };
        if !self.may_join(customer, consultation) {
            let _ = self.sip.refuse_refer(now.since_epoch(), refers, sip::Status::TEMPORARILY_UNAVAILABLE);
            return;
        }
        let _ = self.sip.accept_refer(now.since_epoch(), refers);
        let status = match self.join(now, customer, consultation) {
            true => sip::Status::OK,
            false => sip::Status::TEMPORARILY_UNAVAILABLE,
        };
        let _ = self.sip.notify_refer(now.since_epoch(), refers, status);
        if status == sip::Status::OK {
            let (leg, interaction) = consultation;
            let ended = CallInput::LegEnded { leg, cause: Cause::NORMAL_CLEARING, status: None };
            self.call_input(now, interaction, ended);
            self.end_line(now, leg);
        }
    }

    fn placed_by_agent(&self, interaction: InteractionId, leg: LegId) -> bool {
        let agent = self.lines.get(leg).and_then(|line| line.agent.as_ref());
        self.calls.get(&interaction).is_some_and(|call| call.dialled_by() == agent)
    }

    /// Both calls are at a point where the agent may leave them, and all their sound is on one worker. The latter is so by placement
    /// ([`Exchange::port_beside`]); if it ever were not, the agent keeps both calls, which is better than a silence.
    fn may_join(&self, customer: (LegId, InteractionId), consultation: (LegId, InteractionId)) -> bool {
        let parts = |(leg, interaction): (LegId, InteractionId)| {
            self.calls.get(&interaction).is_some_and(|call| call.may_part(leg))
        };
        let legs = [customer.1, consultation.1].into_iter().flat_map(|call| self.lines.of_interaction(call));
        let mut workers = legs.filter_map(|(_, line)| line.port()).map(|port| port.worker);
        let first = workers.next();
        parts(customer) && parts(consultation) && workers.all(|worker| Some(worker) == first)
    }

    fn join(&mut self, now: Timestamp, customer: (LegId, InteractionId), consultation: (LegId, InteractionId)) -> bool {
        let ((leaving, customer), (asking, asked_in)) = (customer, consultation);
        let Some((far, party)) = self.with_call(now, asked_in, |call, _, _| call.surrender(asking)).flatten() else {
            return false;
        };
        self.lines.move_to(far, customer);
        if let Party::Agent { agent, .. } = &party {
            self.acd
                .handle_input(now, plugboard_acd::Input::Moved { agent: agent.clone(), from: asked_in, to: customer });
        }
        let adopted =
            self.with_call(now, customer, |call, now, context| call.adopt(now, leaving, (far, party), context));
        adopted.is_some_and(|adopted| adopted.is_ok())
    }

    /// A new call takes the place of a leg (RFC 3891 §3): the agent goes on with another of their phones. Nobody else may take it over.
    pub(crate) fn replace(
        &mut self,
        now: Timestamp,
        incoming: &sip::endpoint::Incoming,
        replaced: sip::CallHandle,
        by: Option<AgentId>,
    ) -> Result<(), sip::endpoint::Response> {
        let refuse = |status| Err(sip::endpoint::Response::new(status));
        let Some((leg, interaction)) = self.leg_of(replaced) else { return refuse(sip::Status::DOES_NOT_EXIST) };
        let Some(agent) = by.filter(|by| self.lines.get(leg).is_some_and(|line| line.agent.as_ref() == Some(by)))
        else {
            return refuse(sip::Status::FORBIDDEN);
        };
        if !self.calls.get(&interaction).is_some_and(|call| call.is_agents(leg)) {
            // It rings still, or is over.
            return refuse(sip::Status::DOES_NOT_EXIST);
        }
        let security = self.security_of(incoming, self.configuration.encryption.of_agent(&agent))?;
        let new = self.ids.leg();
        self.lines.insert(new, Line::incoming(interaction, incoming, Some(agent), security));
        self.answer_line(now, new);
        // Without a port it was answered 503 there, and the old phone goes on.
        if self.lines.get(new).is_some() {
            self.with_call(now, interaction, |call, _, _| call.replace_leg(leg, new));
        }
        Ok(())
    }

    pub(crate) fn transfer_progress(&mut self, now: Timestamp, leg: LegId, status: u16) {
        if let (Some(line), Some(status)) = (self.lines.get(leg), sip::Status::from_code(status)) {
            // A phone that hung up after its REFER has no subscription any more.
            let _ = self.sip.notify_refer(now.since_epoch(), line.dialog, status);
        }
    }
}
