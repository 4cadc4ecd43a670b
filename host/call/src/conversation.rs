//! Two parties who hear each other: the caller and an agent (or a number outside), with hold.

use plugboard_model::{
    EndedBy, EventKind, LegId, QueueExit, Timestamp,
    flow::{Cause, Happening, QueueNews, TransferEnd},
};

use crate::{Call, Context, Line, Party, Queueing, Refused, Sound, SoundSource, Talk};

#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) leg: LegId,
    pub(crate) party: Party,
    pub(crate) hold: Hold,
    pub(crate) consult: Option<Consult>,
}

/// Whether the caller hears music and the other side nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    No,
    /// The agent asked for it and ends it.
    ByAgent,
    /// For a consultation or a transfer, which ends it by itself.
    Aside,
}

/// A third party whom the agent asks while the caller is held.
#[derive(Debug)]
pub(crate) struct Consult {
    pub(crate) leg: LegId,
    pub(crate) party: Party,
}

impl Conversation {
    pub(crate) fn is_held(&self) -> bool {
        self.hold != Hold::No
    }

    /// Nobody holds and nobody else is asked.
    pub(crate) fn is_plain(&self) -> bool {
        self.hold == Hold::No && self.consult.is_none()
    }

    pub(crate) fn heard(&self) -> Talk {
        match (self.hold, &self.consult) {
            (Hold::Aside, Some(_)) => Talk::PutAsideForConsult,
            (Hold::Aside, None) => Talk::PutAside,
            (Hold::ByAgent, _) => Talk::OnHold,
            (Hold::No, _) => Talk::Party,
        }
    }
}

impl Call {
    /// Caller and `party` hear each other from here on.
    pub(crate) fn connect(&mut self, now: Timestamp, leg: LegId, party: Party, context: &mut Context<'_>) {
        self.pick_up();
        self.stop_music();
        self.silence_flow();
        self.parted = None;
        let transfer = self.flow.as_mut().and_then(|flow| flow.transfer.take());
        let transfer = transfer.map(|token| (token, Happening::Transferred(TransferEnd::Connected)));
        let news = match (&party, self.waiting.take()) {
            (Party::Agent { agent, queue: Some(_) }, Some(waiting)) => {
                let token = waiting.token;
                self.came_from = Some(waiting.visit);
                token.map(|token| (token, Happening::Queue(QueueNews::Connected { agent: agent.clone() })))
            }
            (_, Some(_)) => {
                // Somebody else was faster than the queue.
                self.queueing(Queueing::Leave { exit: QueueExit::Moved });
                transfer
            }
            (_, None) => transfer,
        };
        self.exception = None;
        self.join(now, leg, party, context);
        if let Some((token, what)) = news {
            self.tell(now, Some(token), false, what, context);
        }
        self.end_flow_after_answer();
    }

    /// Bridges and, where the queue says so, records.
    pub(crate) fn join(&mut self, now: Timestamp, leg: LegId, party: Party, context: &mut Context<'_>) {
        self.sound(Sound::Bridge { a: self.caller.leg, b: leg });
        if let Some(agent) =
            self.caller.party.as_ref().and_then(Party::agent).filter(|_| !self.caller.connected).cloned()
        {
            self.caller.connected = true;
            self.fact(EventKind::Connected { interaction: self.id, agent, leg: self.caller.leg, queue: None });
        }
        let mut records = false;
        if let Party::Agent { agent, queue } = &party {
            self.fact(EventKind::Connected { interaction: self.id, agent: agent.clone(), leg, queue: queue.clone() });
            let wanted = queue
                .as_ref()
                .and_then(|queue| context.configuration.queues.get(queue))
                .is_some_and(|queue| queue.record);
            records = wanted || self.recording.is_some();
        }
        let outside = matches!(party, Party::Number(_));
        self.talk = Some(Conversation { leg, party, hold: Hold::No, consult: None });
        if records {
            self.record_conversation(now, leg, context);
        }
        if outside {
            // An agent who dialled a number is with a customer from here on.
            self.turn();
        }
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
            return self.swap_in_consulted(now, context);
        }
        let Some(talk) = self.talk.take() else { return };
        if self.is_being_handed_on() {
            return self.part(talk, by, context);
        }
        self.disconnected(&talk.party, by);
        self.let_go(talk.party, context);
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

    pub(crate) fn disconnected(&mut self, party: &Party, by: EndedBy) {
        if let Party::Agent { agent, .. } = party {
            self.fact(EventKind::Disconnected { interaction: self.id, agent: agent.clone(), by });
        }
    }

    /// The agent's part is over: wrap-up, where the queue has one.
    pub(crate) fn let_go(&mut self, party: Party, context: &Context<'_>) {
        if let Party::Agent { agent, queue } = party {
            let wrap_up = queue
                .and_then(|queue| context.configuration.queues.get(&queue).map(|queue| queue.wrap_up))
                .filter(|wrap_up| !wrap_up.is_zero());
            self.queueing(Queueing::Ended { agent, wrap_up });
        }
    }

    /// The agent with whom the caller is.
    pub(crate) fn talking_agent(&self) -> Option<plugboard_model::AgentId> {
        self.talk.as_ref().and_then(|talk| talk.party.agent()).cloned()
    }

    // Hold.

    pub(crate) fn leg_held(&mut self, leg: LegId, held: bool, context: &Context<'_>) {
        if held && self.caller.leg == leg {
            // The agent who dialled holds whom they reached.
            self.turn();
        }
        if self.talk.as_ref().is_some_and(|talk| talk.leg == leg) {
            // Asking for the state that is there already is an ordinary refresh of the session.
            let _ = self.hold(held, context);
        }
    }

    pub(crate) fn hold(&mut self, held: bool, context: &Context<'_>) -> Result<(), Refused> {
        let from = if held { Hold::No } else { Hold::ByAgent };
        let Some(talk) = self.talk.as_mut().filter(|talk| talk.hold == from) else {
            return Err(Refused::WrongState);
        };
        if !held {
            self.resume();
            return Ok(());
        }
        talk.hold = Hold::ByAgent;
        self.separate(context);
        if let Some(agent) = self.talking_agent() {
            self.queueing(Queueing::Held { agent });
        }
        Ok(())
    }

    /// The hold that the agent asked for is over.
    pub(crate) fn resume(&mut self) {
        if let Some(agent) = self.talking_agent() {
            self.queueing(Queueing::Resumed { agent });
        }
        self.rejoin();
    }

    fn separate(&mut self, context: &Context<'_>) {
        let Some(talk) = &self.talk else { return };
        self.sound(Sound::Unbridge { a: self.caller.leg, b: talk.leg });
        self.play_hold_music(context);
        if let Some(agent) = self.talking_agent() {
            self.fact(EventKind::Held { interaction: self.id, agent });
        }
    }

    fn rejoin(&mut self) {
        let Some(talk) = &mut self.talk else { return };
        talk.hold = Hold::No;
        let leg = talk.leg;
        self.stop_music();
        self.sound(Sound::Bridge { a: self.caller.leg, b: leg });
        if let Some(agent) = self.talking_agent() {
            self.fact(EventKind::Resumed { interaction: self.id, agent });
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

    /// Puts the caller aside for something of ours; [`Self::back_to_agent`] undoes it, and an agent's own hold with it.
    pub(crate) fn put_aside(&mut self, context: &Context<'_>) {
        let Some(talk) = &mut self.talk else { return };
        if std::mem::replace(&mut talk.hold, Hold::Aside) == Hold::No {
            self.separate(context);
        }
    }

    pub(crate) fn back_to_agent(&mut self) {
        if self.talk.as_ref().is_some_and(|talk| talk.hold == Hold::Aside) {
            self.rejoin();
        }
    }
}
