//! The agent hands the caller on: blind, after a consultation, or by leaving.
//!
//! ```text
//!   talking ──consult──▶ target rings ──answers──▶ consulting ──complete, agent hangs up──▶ talking with the target
//!      │                      │ complete, agent hangs up        │ cancel, target hangs up
//!      │ transfer             ▼                                 ▼
//!      └────────────▶ target rings, nobody asks ──refuses──▶ back to the agent; to the queue, or to a recall of the agent who has hung up
//! ```

use std::sync::Arc;

use plugboard_model::{
    AgentId, EndedBy, EventKind, LegId, QueueExit, Timestamp, TransferKind,
    flow::{Cause, TransferEnd},
};

use crate::{
    Call, Context, Line, Party, Queueing, Refused, Sound, Target,
    conversation::{Consult, Conversation},
    offer::Purpose,
};

impl Call {
    pub(crate) fn leg_transfers(&mut self, now: Timestamp, leg: LegId, target: Target, context: &mut Context<'_>) {
        if self.caller.leg == leg {
            // The agent who dialled hands on whom they reached.
            self.turn();
        }
        let status = match self.transfer(now, target, Some(leg), context) {
            Ok(()) => return,
            Err(Refused::BadTarget) => 404,
            Err(_) => 403,
        };
        self.line(Line::TransferProgress { leg, status });
    }

    /// Whether there is such a target, and it is not in the call already.
    fn is_reachable(&self, to: &Target, context: &Context<'_>) -> bool {
        let configuration = context.configuration;
        let is_here = |agent: &AgentId| {
            let talk = self.talk.as_ref().and_then(|talk| talk.party.agent());
            talk == Some(agent) || self.caller.party.as_ref().and_then(Party::agent) == Some(agent)
        };
        match to {
            Target::Agent(agent) => configuration.agents.contains_key(agent) && !is_here(agent),
            Target::Number(_) => !configuration.trunks.is_empty(),
            Target::Queue(queue) => configuration.queues.contains_key(queue),
            Target::Flow(flow) => configuration.flows.contains_key(flow),
        }
    }

    /// The agent hands the caller to `to` without asking first.
    pub(crate) fn transfer(
        &mut self,
        now: Timestamp,
        to: Target,
        asked_by: Option<LegId>,
        context: &mut Context<'_>,
    ) -> Result<(), Refused> {
        let Some(talk) = &self.talk else {
            return self.redirect(now, to, context);
        };
        let busy = talk.consult.is_some() || self.ringing.is_some() || self.wanted.is_some();
        if busy || asked_by.is_some_and(|leg| leg != talk.leg) {
            return Err(Refused::WrongState);
        }
        if !self.is_reachable(&to, context) {
            return Err(Refused::BadTarget);
        }
        let purpose = Purpose::Blind { asked_by };
        match to {
            Target::Agent(agent) => {
                self.put_aside_for_transfer(context);
                self.call_agent(agent, purpose);
            }
            Target::Number(number) => {
                self.put_aside_for_transfer(context);
                self.call_number(now, number, purpose, context);
            }
            Target::Queue(_) | Target::Flow(_) => {
                if let Some(leg) = asked_by {
                    self.line(Line::TransferProgress { leg, status: 200 });
                }
                let target = to.label();
                self.came_from = None;
                self.dismiss_agent(TransferKind::Blind, target, context);
                self.lead_to(now, to, context);
            }
        }
        Ok(())
    }

    fn put_aside_for_transfer(&mut self, context: &Context<'_>) {
        self.put_aside(context);
        if let Some(agent) = self.talking_agent() {
            self.queueing(Queueing::Held { agent });
        }
    }

    /// A transfer came to nothing, and the agent is still there.
    pub(crate) fn transfer_failed(&mut self) {
        if let Some(agent) = self.talking_agent() {
            self.queueing(Queueing::Resumed { agent });
        }
        self.back_to_agent();
    }

    /// A call that is with no agent is sent elsewhere: from the flow or a queue to another place.
    fn redirect(&mut self, now: Timestamp, to: Target, context: &mut Context<'_>) -> Result<(), Refused> {
        if !self.caller.answered {
            return Err(Refused::WrongState);
        }
        if !self.is_reachable(&to, context) {
            return Err(Refused::BadTarget);
        }
        if let Some(door) = &mut self.door {
            // What a rule ordered is said to its end first.
            let label = to.label();
            door.target = to;
            self.transferred(None, TransferKind::Blind, label);
            return Ok(());
        }
        match to {
            // Where the rules say no, the caller stays where they are.
            Target::Number(number) => self.ask_to_redirect(now, number, context),
            to => {
                self.leave_for(to.label());
                self.lead_to(now, to, context);
            }
        }
        Ok(())
    }

    /// Whatever the caller was in, they leave it.
    pub(crate) fn leave_for(&mut self, target: Arc<str>) {
        self.withdraw_offers();
        if self.waiting.take().is_some() {
            self.queueing(Queueing::Leave { exit: QueueExit::Moved });
        }
        self.silence_flow();
        self.stop_music();
        self.drop_flow();
        self.exception = None;
        self.transferred(None, TransferKind::Blind, target);
    }

    /// The target answered: it takes the agent's place.
    pub(crate) fn hand_over(
        &mut self,
        now: Timestamp,
        leg: LegId,
        party: Party,
        kind: TransferKind,
        context: &mut Context<'_>,
    ) {
        let target = party.label();
        self.dismiss_agent(kind, target, context);
        self.connect(now, leg, party, context);
    }

    /// The agent's leg ends because the caller goes on without them.
    fn dismiss_agent(&mut self, kind: TransferKind, target: Arc<str>, context: &Context<'_>) {
        let Some(talk) = self.talk.take() else { return };
        self.transferred(talk.party.agent().cloned(), kind, target);
        if !talk.is_held() {
            self.sound(Sound::Unbridge { a: self.caller.leg, b: talk.leg });
        }
        self.line(Line::HangUp { leg: talk.leg, cause: Cause::NORMAL_CLEARING });
        self.leg_fact(talk.leg, EndedBy::Host, Cause::NORMAL_CLEARING, None);
        self.disconnected(&talk.party, EndedBy::Host);
        self.let_go(talk.party, context);
        self.stop_music();
    }

    /// Whether somebody's phone rings, or is to ring, to take the caller over from the agent.
    pub(crate) fn is_being_handed_on(&self) -> bool {
        let purpose = self
            .ringing
            .as_ref()
            .map(|ringing| ringing.purpose)
            .or_else(|| self.wanted.as_ref().map(|wanted| wanted.purpose));
        matches!(purpose, Some(Purpose::Blind { .. } | Purpose::Consult))
    }

    /// The agent left before the target answered: the caller hears that it rings, and nobody is behind it any more.
    pub(crate) fn part(&mut self, talk: Conversation, by: EndedBy, context: &Context<'_>) {
        let agent = talk.party.agent().cloned();
        let (purpose, target) = match (&mut self.ringing, &mut self.wanted) {
            (Some(ringing), _) => (&mut ringing.purpose, ringing.party.label()),
            (None, Some(wanted)) => {
                let target = wanted.who.label();
                (&mut wanted.purpose, target)
            }
            (None, None) => return,
        };
        let consulted = std::mem::replace(purpose, Purpose::AfterParting) == Purpose::Consult;
        if let Some(agent) = agent.clone().filter(|_| consulted) {
            self.fact(EventKind::ConsultEnded { interaction: self.id, agent });
        }
        self.transferred(agent.clone(), TransferKind::Blind, target);
        self.disconnected(&talk.party, by);
        self.let_go(talk.party, context);
        self.parted = agent;
        self.stop_music();
        self.play_ring_back();
    }

    /// The target of an agent who has left does not answer. The caller did nothing wrong and is not dropped: back to the queue, at the place that
    /// they had there; without a queue the agent is rung once more.
    pub(crate) fn take_back(&mut self, now: Timestamp, end: TransferEnd, context: &mut Context<'_>) {
        let parted = self.parted.take();
        let visit = self.came_from.take().filter(|visit| context.configuration.queues.contains_key(&visit.queue));
        match (visit, parted) {
            (Some(visit), _) => {
                self.stop_music();
                self.wait_again(visit, context);
            }
            (None, Some(agent)) => self.call_agent(agent, Purpose::Direct),
            (None, None) => self.end(now, EndedBy::Host, end_cause(end), context),
        }
    }

    // Consultation.

    pub(crate) fn consult(&mut self, now: Timestamp, to: Target, context: &mut Context<'_>) -> Result<(), Refused> {
        let Some(talk) = &self.talk else { return Err(Refused::WrongState) };
        if talk.consult.is_some() || self.ringing.is_some() || self.wanted.is_some() {
            return Err(Refused::WrongState);
        }
        let Some(agent) = talk.party.agent().cloned() else { return Err(Refused::WrongState) };
        if !self.is_reachable(&to, context) {
            return Err(Refused::BadTarget);
        }
        let target = to.label();
        match to {
            Target::Agent(other) => {
                self.put_aside(context);
                self.call_agent(other, Purpose::Consult);
            }
            Target::Number(number) => {
                self.put_aside(context);
                self.call_number(now, number, Purpose::Consult, context);
            }
            Target::Queue(_) | Target::Flow(_) => return Err(Refused::BadTarget),
        }
        self.queueing(Queueing::ConsultStarted { agent: agent.clone() });
        self.fact(EventKind::ConsultStarted { interaction: self.id, agent, target });
        Ok(())
    }

    pub(crate) fn consult_answered(&mut self, leg: LegId, party: Party) {
        let Some(talk) = &mut self.talk else { return };
        talk.consult = Some(Consult { leg, party });
        let agent_leg = talk.leg;
        self.sound(Sound::Bridge { a: agent_leg, b: leg });
    }

    fn consult_ended(&mut self) {
        if let Some(agent) = self.talking_agent() {
            self.fact(EventKind::ConsultEnded { interaction: self.id, agent });
        }
    }

    /// The consultation came to nothing or is over: caller and agent hear each other again.
    pub(crate) fn consult_failed(&mut self) {
        if let Some(agent) = self.talking_agent() {
            self.queueing(Queueing::ConsultEnded { agent });
        }
        self.consult_ended();
        self.back_to_agent();
    }

    pub(crate) fn cancel_consult(&mut self, context: &Context<'_>) -> Result<(), Refused> {
        if let Some(ringing) = self.ringing.take_if(|ringing| ringing.purpose == Purpose::Consult) {
            self.withdraw(ringing);
        } else if let Some(wanted) = self.wanted.take_if(|wanted| wanted.purpose == Purpose::Consult) {
            self.let_off(wanted);
        } else if let Some((agent_leg, consult)) =
            self.talk.as_mut().and_then(|talk| talk.consult.take().map(|consult| (talk.leg, consult)))
        {
            self.sound(Sound::Unbridge { a: agent_leg, b: consult.leg });
            self.line(Line::HangUp { leg: consult.leg, cause: Cause::NORMAL_CLEARING });
            self.leg_fact(consult.leg, EndedBy::Host, Cause::NORMAL_CLEARING, None);
            self.let_go(consult.party, context);
        } else {
            return Err(Refused::WrongState);
        }
        self.consult_failed();
        Ok(())
    }

    pub(crate) fn complete_transfer(&mut self, now: Timestamp, context: &mut Context<'_>) -> Result<(), Refused> {
        let Some(talk) = &mut self.talk else { return Err(Refused::WrongState) };
        if let Some(consult) = talk.consult.take() {
            let agent_leg = talk.leg;
            self.sound(Sound::Unbridge { a: agent_leg, b: consult.leg });
            self.consult_ended();
            self.hand_over(now, consult.leg, consult.party, TransferKind::Attended, context);
            return Ok(());
        }
        // The target rings, or is about to: the transfer goes on without the agent's voice.
        let ringing = self.ringing.as_mut().map(|ringing| &mut ringing.purpose);
        let wanted = self.wanted.as_mut().map(|wanted| &mut wanted.purpose);
        let Some(purpose) = ringing.or(wanted).filter(|purpose| **purpose == Purpose::Consult) else {
            return Err(Refused::WrongState);
        };
        *purpose = Purpose::Blind { asked_by: None };
        self.consult_ended();
        if let Some(agent) = self.talking_agent() {
            self.queueing(Queueing::Held { agent });
        }
        Ok(())
    }

    /// The agent hung up on an answered consultation: caller and consulted party are joined.
    pub(crate) fn swap_in_consulted(&mut self, now: Timestamp, context: &mut Context<'_>) {
        self.consult_ended();
        let Some(mut talk) = self.talk.take() else { return };
        let Some(consult) = talk.consult.take() else { return };
        self.transferred(talk.party.agent().cloned(), TransferKind::Attended, consult.party.label());
        self.disconnected(&talk.party, EndedBy::Agent);
        self.let_go(talk.party, context);
        self.stop_music();
        self.join(now, consult.leg, consult.party, context);
    }

    fn transferred(&mut self, agent: Option<AgentId>, kind: TransferKind, target: Arc<str>) {
        self.fact(EventKind::Transferred { interaction: self.id, agent, kind, target });
    }
}

/// The Q.850 cause of a call that ends because nobody took it.
pub(crate) fn end_cause(end: TransferEnd) -> Cause {
    match end {
        TransferEnd::Busy => Cause::USER_BUSY,
        TransferEnd::Failed { cause } => cause,
        TransferEnd::Connected | TransferEnd::NoAnswer | TransferEnd::Offline => Cause::NO_ANSWER,
    }
}
