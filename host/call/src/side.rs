//! Which leg is on which side: turning a call round, another phone in the place of one, and legs that move between interactions.

use plugboard_model::{EndedBy, EventKind, LegId, Timestamp, flow::Cause};

use crate::{
    Call, Context, Line, Party, Refused, Sound,
    conversation::{Conversation, Hold},
    party::Caller,
    recording::Recording,
};

impl Call {
    /// The far end becomes the side that stays, and the agent who dialled the one that holds, transfers and wraps up.
    ///
    /// Changes nothing unless somebody known is on the caller's leg and both simply talk.
    pub(crate) fn turn(&mut self) {
        let quiet = self.ringing.is_none() && self.wanted.is_none() && self.music.is_none();
        let Some(talk) = self.talk.as_mut().filter(|talk| quiet && talk.is_plain()) else { return };
        let Some(party) = self.caller.party.take() else { return };
        let party = std::mem::replace(&mut talk.party, party);
        let leg = std::mem::replace(&mut talk.leg, self.caller.leg);
        self.caller = Caller { leg, answered: true, ringing: true, party: Some(party), connected: true };
    }

    /// Whether `leg` is an agent's part in this call, so that another of their phones may take it over.
    pub fn is_agents(&self, leg: LegId) -> bool {
        let talk = self.talk.as_ref().filter(|talk| talk.leg == leg).map(|talk| &talk.party);
        let consult = self.talk.as_ref().and_then(|talk| talk.consult.as_ref()).filter(|consult| consult.leg == leg);
        let caller = self.caller.party.as_ref().filter(|_| self.caller.leg == leg && self.talk.is_some());
        talk.or_else(|| consult.map(|consult| &consult.party)).or(caller).is_some_and(|party| party.agent().is_some())
    }

    /// The agent on `old` goes on with the phone on `new` (RFC 3891): who talks to whom, the queue and the hold for a consultation stay. A
    /// conversation that the old phone held is taken back by picking up the new one.
    pub fn replace_leg(&mut self, old: LegId, new: LegId) -> Result<(), Refused> {
        if self.ended || !self.is_agents(old) {
            return Err(Refused::WrongState);
        }
        let Some(talk) = &mut self.talk else { return Err(Refused::WrongState) };
        let interaction = self.id;
        let (party, joined_to) = if talk.leg == old {
            talk.leg = new;
            let joined_to = talk.consult.as_ref().map(|consult| consult.leg);
            (talk.party.clone(), joined_to.or_else(|| (talk.hold == Hold::No).then_some(self.caller.leg)))
        } else if let Some(consult) = talk.consult.as_mut().filter(|consult| consult.leg == old) {
            consult.leg = new;
            (consult.party.clone(), Some(talk.leg))
        } else {
            self.caller.leg = new;
            let Some(party) = self.caller.party.clone() else { return Err(Refused::WrongState) };
            (party, (talk.hold == Hold::No).then_some(talk.leg))
        };
        if let Some(agent) = party.agent().cloned() {
            self.fact(EventKind::LegReplaced { interaction, leg: new, replaced: old, agent });
        }
        if let Some(other) = joined_to {
            self.sound(Sound::Unbridge { a: other, b: old });
            self.sound(Sound::Bridge { a: other, b: new });
        }
        let is_far_end = self.talk.as_ref().is_some_and(|talk| talk.leg == new);
        if let Some(recording) = self.recording.as_ref().and_then(Recording::running).filter(|_| is_far_end) {
            self.sound(Sound::Attach { recording, right: new });
        }
        self.line(Line::HangUp { leg: old, cause: Cause::NORMAL_CLEARING });
        self.leg_fact(old, EndedBy::Host, Cause::NORMAL_CLEARING, None);
        if self.talk.as_ref().is_some_and(|talk| talk.leg == new && talk.hold == Hold::ByAgent) {
            // Whoever picks up a call wants to hear it.
            self.resume();
        }
        Ok(())
    }

    /// Gives away whoever is with the agent on `asking`, for an attended transfer that joins two interactions (RFC 3891). What remains is the
    /// agent's leg alone, which the exchange hangs up.
    pub fn surrender(&mut self, asking: LegId) -> Option<(LegId, Party)> {
        if self.talk.as_ref().is_some_and(|talk| talk.leg == asking) {
            self.turn();
        }
        let talk = self.talk.take_if(|talk| talk.consult.is_none() && self.caller.leg == asking)?;
        self.sound(Sound::Unbridge { a: asking, b: talk.leg });
        let Conversation { leg, party, .. } = talk;
        Some((leg, party))
    }

    /// Takes over a leg of another interaction in place of the agent's, on `leaving`.
    pub fn adopt(
        &mut self,
        now: Timestamp,
        leaving: LegId,
        (leg, party): (LegId, Party),
        context: &mut Context<'_>,
    ) -> Result<(), Refused> {
        if self.caller.leg == leaving {
            self.turn();
        }
        if self.ended || self.talk.as_ref().is_none_or(|talk| talk.leg != leaving || talk.consult.is_some()) {
            return Err(Refused::WrongState);
        }
        self.withdraw_offers();
        self.hand_over(now, leg, party, plugboard_model::TransferKind::Attended, context);
        Ok(())
    }

    /// Whether [`Self::surrender`] and [`Self::adopt`] of the agent's part on `leg` would succeed.
    pub fn may_part(&self, leg: LegId) -> bool {
        let Some(talk) = self.talk.as_ref().filter(|talk| !self.ended && talk.consult.is_none()) else { return false };
        if talk.leg == leg {
            return true;
        }
        self.caller.leg == leg && self.caller.party.is_some()
    }
}
