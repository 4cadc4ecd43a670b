//! Two parties who hear each other: the caller and an agent (or a number outside), with hold, consultation and transfer.

use plugboard_model::{
    EndedBy, EventKind, LegId, Timestamp, TransferKind,
    flow::{Cause, Happening, QueueNews, TransferEnd},
};

use crate::{Call, Context, Line, Party, Queueing, Refused, Sound, SoundSource, Target, offer::Purpose};

#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) leg: LegId,
    pub(crate) party: Party,
    /// The caller hears music and the other side nothing.
    pub(crate) held: bool,
    /// Set while the caller is held for a consultation or a transfer of ours, which ends the hold by itself.
    held_by_us: bool,
    pub(crate) consult: Option<Consult>,
}

/// A third party whom the agent asks while the caller is held.
#[derive(Debug)]
pub(crate) struct Consult {
    pub(crate) leg: LegId,
    pub(crate) party: Party,
}

impl Call {
    /// Caller and `party` hear each other from here on.
    pub(crate) fn connect(&mut self, now: Timestamp, leg: LegId, party: Party, context: &mut Context<'_>) {
        self.pick_up();
        self.stop_music();
        self.silence_flow();
        let transfer = self.flow.as_mut().and_then(|flow| flow.transfer.take());
        let news = match (&party, self.waiting.take()) {
            (Party::Agent { agent, .. }, Some(waiting)) => {
                waiting.token.map(|token| (token, Happening::Queue(QueueNews::Connected { agent: agent.clone() })))
            }
            _ => transfer.map(|token| (token, Happening::Transferred(TransferEnd::Connected))),
        };
        self.exception = None;
        self.join(leg, party, context);
        if let Some((token, what)) = news {
            self.tell(now, Some(token), false, what, context);
        }
        self.end_flow_after_answer();
    }

    /// Bridges and, where the queue says so, records.
    fn join(&mut self, leg: LegId, party: Party, context: &mut Context<'_>) {
        self.sound(Sound::Bridge { a: self.caller.leg, b: leg });
        if let Party::Agent { agent, queue } = &party {
            self.fact(EventKind::Connected { interaction: self.id, agent: agent.clone(), leg, queue: queue.clone() });
            let wanted = queue
                .as_ref()
                .and_then(|queue| context.configuration.queues.get(queue))
                .is_some_and(|queue| queue.record);
            if wanted || self.recording.is_some() {
                self.record_conversation(leg, context);
            }
        }
        self.talk = Some(Conversation { leg, party, held: false, held_by_us: false, consult: None });
    }

    /// The far end of a leg other than the caller's hung up.
    pub(crate) fn far_end_left(
        &mut self,
        now: Timestamp,
        leg: LegId,
        cause: Cause,
        status: Option<u16>,
        context: &mut Context<'_>,
    ) {
        let Some(talk) = &mut self.talk else { return };
        if let Some(consult) = talk.consult.take_if(|consult| consult.leg == leg) {
            let agent_leg = talk.leg;
            self.leg_fact(leg, consult.party.ended_by(), cause, status);
            self.sound(Sound::Unbridge { a: agent_leg, b: leg });
            self.let_go(consult.party, context);
            return self.consult_failed();
        }
        if talk.leg != leg {
            return;
        }
        let by = crate::call::ended_by(talk.party.ended_by(), status);
        self.leg_fact(leg, by, cause, status);
        if self.talk.as_ref().is_some_and(|talk| talk.consult.is_some()) {
            // An agent who hangs up on a consultation that was answered hands the caller over.
            self.swap_in_consulted(context);
            return;
        }
        let handing_on = self.ringing.as_ref().is_some_and(|ringing| matches!(ringing.purpose, Purpose::Blind { .. }))
            || self.wanted.as_ref().is_some_and(|wanted| matches!(wanted.purpose, Purpose::Blind { .. }));
        if handing_on && let Some(talk) = self.talk.take() {
            // The agent left while the transfer target rings: the caller waits for the target, and nobody is behind it any more.
            self.disconnected(&talk.party, by);
            self.let_go(talk.party, context);
            if let Some(ringing) = &mut self.ringing {
                ringing.purpose = Purpose::Direct;
            }
            if let Some(wanted) = &mut self.wanted {
                wanted.purpose = Purpose::Direct;
            }
            return;
        }
        if let Some(talk) = self.talk.take() {
            self.disconnected(&talk.party, by);
            self.let_go(talk.party, context);
        }
        self.end(now, by, cause, context);
    }

    /// The caller is gone: the other side goes too.
    pub(crate) fn end_conversation(&mut self, talk: Conversation, by: EndedBy, cause: Cause, context: &Context<'_>) {
        if let Some(consult) = talk.consult {
            self.line(Line::HangUp { leg: consult.leg, cause });
            self.leg_fact(consult.leg, by, cause, None);
            self.let_go(consult.party, context);
        }
        self.line(Line::HangUp { leg: talk.leg, cause });
        self.leg_fact(talk.leg, by, cause, None);
        self.disconnected(&talk.party, by);
        self.let_go(talk.party, context);
    }

    fn disconnected(&mut self, party: &Party, by: EndedBy) {
        if let Party::Agent { agent, .. } = party {
            self.fact(EventKind::Disconnected { interaction: self.id, agent: agent.clone(), by });
        }
    }

    /// The agent's part is over: wrap-up, where the queue has one.
    fn let_go(&mut self, party: Party, context: &Context<'_>) {
        if let Party::Agent { agent, queue } = party {
            let wrap_up = queue
                .and_then(|queue| context.configuration.queues.get(&queue).map(|queue| queue.wrap_up))
                .filter(|wrap_up| !wrap_up.is_zero());
            self.queueing(Queueing::Ended { agent, wrap_up });
        }
    }

    // Hold.

    pub(crate) fn leg_held(&mut self, leg: LegId, held: bool, context: &Context<'_>) {
        if self.talk.as_ref().is_some_and(|talk| talk.leg == leg) {
            // Asking for the state that is there already is an ordinary refresh of the session.
            let _ = self.hold(held, context);
        }
    }

    pub(crate) fn hold(&mut self, held: bool, context: &Context<'_>) -> Result<(), Refused> {
        let Some(talk) = self.talk.as_mut().filter(|talk| talk.held != held && !talk.held_by_us) else {
            return Err(Refused::WrongState);
        };
        talk.held = held;
        let (leg, agent) = (talk.leg, talk.party.agent().cloned());
        self.split_or_rejoin(leg, held, context);
        if let Some(agent) = agent {
            let interaction = self.id;
            if held {
                self.queueing(Queueing::Held { agent: agent.clone() });
                self.fact(EventKind::Held { interaction, agent });
            } else {
                self.queueing(Queueing::Resumed { agent: agent.clone() });
                self.fact(EventKind::Resumed { interaction, agent });
            }
        }
        Ok(())
    }

    fn split_or_rejoin(&mut self, leg: LegId, apart: bool, context: &Context<'_>) {
        if apart {
            self.sound(Sound::Unbridge { a: self.caller.leg, b: leg });
            self.play_hold_music(context);
        } else {
            self.stop_music();
            self.sound(Sound::Bridge { a: self.caller.leg, b: leg });
        }
    }

    fn play_hold_music(&mut self, context: &Context<'_>) {
        let queue = match self.talk.as_ref().map(|talk| &talk.party) {
            Some(Party::Agent { queue: Some(queue), .. }) => context.configuration.queues.get(queue),
            _ => None,
        };
        let file = queue
            .and_then(|queue| queue.hold_music.as_deref())
            .and_then(|name| context.configuration.prompt(name, &self.language))
            .map(|prompt| SoundSource::File(prompt.path.to_path_buf()));
        self.music = Some(self.play(self.caller.leg, vec![file.unwrap_or(SoundSource::HoldMusic)], true));
    }

    /// Puts the caller aside for something of ours; [`Self::back_to_agent`] undoes it.
    fn put_aside(&mut self, context: &Context<'_>) {
        let Some(talk) = &mut self.talk else { return };
        let (leg, was_held) = (talk.leg, talk.held);
        talk.held = true;
        talk.held_by_us = true;
        if !was_held {
            self.split_or_rejoin(leg, true, context);
        }
    }

    pub(crate) fn back_to_agent(&mut self) {
        let Some(talk) = &mut self.talk else { return };
        if talk.held_by_us {
            talk.held = false;
            talk.held_by_us = false;
            let leg = talk.leg;
            self.stop_music();
            self.sound(Sound::Bridge { a: self.caller.leg, b: leg });
        }
    }

    // Transfer.

    pub(crate) fn leg_transfers(&mut self, now: Timestamp, leg: LegId, target: Target, context: &mut Context<'_>) {
        let status = match self.transfer(now, target, Some(leg), context) {
            Ok(()) => return,
            Err(Refused::BadTarget) => 404,
            Err(_) => 403,
        };
        self.line(Line::TransferProgress { leg, status });
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
        if asked_by.is_some_and(|leg| leg != talk.leg) || talk.consult.is_some() || self.ringing.is_some() {
            return Err(Refused::WrongState);
        }
        let configuration = context.configuration;
        let reachable = match &to {
            Target::Agent(agent) => configuration.agents.contains_key(agent) && talk.party.agent() != Some(agent),
            Target::Number(_) => !configuration.trunks.is_empty(),
            Target::Queue(queue) => configuration.queues.contains_key(queue),
            Target::Flow(flow) => configuration.flows.contains_key(flow),
        };
        if !reachable {
            return Err(Refused::BadTarget);
        }
        let purpose = Purpose::Blind { asked_by };
        match to {
            Target::Agent(agent) => {
                self.put_aside(context);
                self.call_agent(agent, purpose);
            }
            Target::Number(number) => {
                self.put_aside(context);
                self.call_number(now, number, purpose, context);
            }
            Target::Queue(_) | Target::Flow(_) => {
                if let Some(leg) = asked_by {
                    self.line(Line::TransferProgress { leg, status: 200 });
                }
                let target = to.label();
                self.dismiss_agent(TransferKind::Blind, target, context);
                self.lead_to(now, to, context);
            }
        }
        Ok(())
    }

    /// A call that is with no agent is sent elsewhere: from the flow or a queue to another place.
    fn redirect(&mut self, now: Timestamp, to: Target, context: &mut Context<'_>) -> Result<(), Refused> {
        if !self.caller.answered {
            return Err(Refused::WrongState);
        }
        if let Some(ringing) = self.ringing.take() {
            self.withdraw(ringing);
        }
        if let Some(wanted) = self.wanted.take() {
            self.queueing(Queueing::Withdrawn { agent: wanted.agent });
        }
        if self.waiting.take().is_some() {
            self.queueing(Queueing::Leave { exit: plugboard_model::QueueExit::Moved });
        }
        self.silence_flow();
        self.stop_music();
        self.drop_flow();
        self.exception = None;
        self.transferred(None, TransferKind::Blind, to.label());
        self.lead_to(now, to, context);
        Ok(())
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
    fn dismiss_agent(&mut self, kind: TransferKind, target: std::sync::Arc<str>, context: &Context<'_>) {
        let Some(talk) = self.talk.take() else { return };
        self.transferred(talk.party.agent().cloned(), kind, target);
        if !talk.held {
            self.sound(Sound::Unbridge { a: self.caller.leg, b: talk.leg });
        }
        self.line(Line::HangUp { leg: talk.leg, cause: Cause::NORMAL_CLEARING });
        self.leg_fact(talk.leg, EndedBy::Host, Cause::NORMAL_CLEARING, None);
        self.disconnected(&talk.party, EndedBy::Host);
        self.let_go(talk.party, context);
        self.stop_music();
    }

    // Consultation.

    pub(crate) fn consult(&mut self, now: Timestamp, to: Target, context: &mut Context<'_>) -> Result<(), Refused> {
        let Some(talk) = &self.talk else { return Err(Refused::WrongState) };
        if talk.consult.is_some() || self.ringing.is_some() || self.wanted.is_some() {
            return Err(Refused::WrongState);
        }
        let Some(agent) = talk.party.agent().cloned() else { return Err(Refused::WrongState) };
        let target = to.label();
        match to {
            Target::Agent(other) if other != agent && context.configuration.agents.contains_key(&other) => {
                self.put_aside(context);
                self.call_agent(other, Purpose::Consult);
            }
            Target::Number(number) if !context.configuration.trunks.is_empty() => {
                self.put_aside(context);
                self.call_number(now, number, Purpose::Consult, context);
            }
            _ => return Err(Refused::BadTarget),
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

    /// The consultation came to nothing or is over: caller and agent hear each other again.
    pub(crate) fn consult_failed(&mut self) {
        if let Some(agent) = self.talk.as_ref().and_then(|talk| talk.party.agent()).cloned() {
            self.queueing(Queueing::ConsultEnded { agent: agent.clone() });
            self.fact(EventKind::ConsultEnded { interaction: self.id, agent });
        }
        self.back_to_agent();
    }

    pub(crate) fn cancel_consult(&mut self, context: &Context<'_>) -> Result<(), Refused> {
        if let Some(ringing) = self.ringing.take_if(|ringing| ringing.purpose == Purpose::Consult) {
            self.withdraw(ringing);
        } else if let Some(wanted) = self.wanted.take_if(|wanted| wanted.purpose == Purpose::Consult) {
            self.queueing(Queueing::Withdrawn { agent: wanted.agent });
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
            self.hand_over(now, consult.leg, consult.party, TransferKind::Attended, context);
            return Ok(());
        }
        // The target still rings: the transfer goes on without the agent's voice.
        if let Some(ringing) = self.ringing.as_mut().filter(|ringing| ringing.purpose == Purpose::Consult) {
            ringing.purpose = Purpose::Blind { asked_by: None };
            return Ok(());
        }
        Err(Refused::WrongState)
    }

    /// The agent hung up on an answered consultation: caller and consulted party are joined.
    fn swap_in_consulted(&mut self, context: &mut Context<'_>) {
        let Some(mut talk) = self.talk.take() else { return };
        let Some(consult) = talk.consult.take() else { return };
        self.transferred(talk.party.agent().cloned(), TransferKind::Attended, consult.party.label());
        self.disconnected(&talk.party, EndedBy::Agent);
        self.let_go(talk.party, context);
        self.stop_music();
        self.join(consult.leg, consult.party, context);
    }

    /// Gives away the far end, for an attended transfer that joins two interactions (RFC 3891). What remains is the caller's leg alone, which the
    /// exchange hangs up.
    pub fn surrender(&mut self) -> Option<(LegId, Party)> {
        let talk = self.talk.take_if(|talk| talk.consult.is_none())?;
        self.sound(Sound::Unbridge { a: self.caller.leg, b: talk.leg });
        Some((talk.leg, talk.party))
    }

    /// Takes over a leg of another interaction in place of the agent's.
    pub fn adopt(
        &mut self,
        now: Timestamp,
        leg: LegId,
        party: Party,
        context: &mut Context<'_>,
    ) -> Result<(), Refused> {
        if self.talk.is_none() || self.ended {
            return Err(Refused::WrongState);
        }
        self.hand_over(now, leg, party, TransferKind::Attended, context);
        Ok(())
    }
}
