//! A phone that rings for this interaction: an agent's, or a number outside. At most one at a time.

use std::{sync::Arc, time::Duration};

use plugboard_model::{
    AgentId, EndedBy, EventKind, LegId, Number, QueueId, ReleaseReason, Timestamp, TransferKind,
    flow::{Cause, Happening, Token, TransferEnd},
};

use crate::{
    Call, Context, Dialled, Line, Offering, Party, Queueing, SoundSource,
    gate::{Entry, Judged, JudgingId},
    judging::Wish,
    transfer::end_cause,
};

/// Why it rings: what follows from an answer, and from none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The caller's turn in a queue. No answer: keep waiting.
    Queue,
    /// What the caller dialled. No answer: the call ends.
    Direct,
    /// A flow's `transfer`. No answer: the flow goes on.
    Flow { token: Token, ring: Duration },
    /// The agent hands the caller on. No answer: back to the agent.
    Blind { asked_by: Option<LegId> },
    /// The agent asks somebody. No answer: back to the caller.
    Consult,
    /// As `Blind`, and the agent has hung up meanwhile. No answer: see [`Call::take_back`].
    AfterParting,
}

impl Purpose {
    pub(crate) fn when_ringing(self) -> Offering {
        match self {
            Self::Queue => Offering::RingingFromQueue,
            Self::Direct => Offering::RingingDirect,
            Self::Flow { .. } => Offering::RingingByFlow,
            Self::Blind { .. } => Offering::RingingBlind,
            Self::Consult => Offering::RingingForConsult,
            Self::AfterParting => Offering::RingingAfterParting,
        }
    }

    fn when_wanted(self) -> Offering {
        match self {
            // Nobody wants an agent for a queue: the ACD offers one.
            Self::Queue => Offering::Nobody,
            Self::Direct => Offering::WantedDirect,
            Self::Flow { .. } => Offering::WantedByFlow,
            Self::Blind { .. } => Offering::WantedBlind,
            Self::Consult => Offering::WantedForConsult,
            Self::AfterParting => Offering::WantedAfterParting,
        }
    }

    fn when_judged(self) -> Offering {
        match self {
            // Nobody outside serves a queue.
            Self::Queue => Offering::Nobody,
            Self::Direct => Offering::JudgedDirect,
            Self::Flow { .. } => Offering::JudgedByFlow,
            Self::Blind { .. } => Offering::JudgedBlind,
            Self::Consult => Offering::JudgedForConsult,
            Self::AfterParting => Offering::JudgedAfterParting,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Ringing {
    pub(crate) leg: LegId,
    pub(crate) party: Party,
    pub(crate) purpose: Purpose,
    /// A backstop for agents, whose ring time-out is the ACD's; the limit for outside numbers.
    pub(crate) until: Timestamp,
    /// It said that it rings. An agent's phone that never did is out of reach, and nobody is blamed for a miss.
    rang: bool,
}

/// Somebody who is to be called as soon as we may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) who: Sought,
    pub(crate) purpose: Purpose,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    /// The ACD has yet to promise the agent.
    Agent(AgentId),
    /// The rules have yet to allow the number.
    Number { number: Number, judging: JudgingId },
}

impl Sought {
    pub(crate) fn label(&self) -> Arc<str> {
        match self {
            Self::Agent(agent) => agent.as_str().into(),
            Self::Number { number, .. } => number.as_str().into(),
        }
    }
}

impl Wanted {
    fn is_agent(&self, agent: &AgentId) -> bool {
        matches!(&self.who, Sought::Agent(own) if own == agent)
    }

    pub(crate) fn offering(&self) -> Offering {
        match self.who {
            Sought::Agent(_) => self.purpose.when_wanted(),
            Sought::Number { .. } => self.purpose.when_judged(),
        }
    }
}

/// The longest that an agent's phone rings whatever the queue says.
const RING_AGENT: Duration = Duration::from_secs(300);

impl Call {
    pub(crate) fn call_agent(&mut self, agent: AgentId, purpose: Purpose) {
        self.wanted = Some(Wanted { who: Sought::Agent(agent.clone()), purpose });
        self.queueing(Queueing::ReserveAgent { agent });
    }

    pub(crate) fn call_number(&mut self, now: Timestamp, number: Number, purpose: Purpose, context: &mut Context<'_>) {
        match self.wish(now, Wish::Dial { number: number.clone(), purpose }, context) {
            Entry::Free(wish) => self.dial_number(now, wish.map(|_| number), purpose, context),
            Entry::Judging(judging) => {
                self.asked = Some(judging);
                self.wanted = Some(Wanted { who: Sought::Number { number, judging }, purpose });
            }
        }
    }

    pub(crate) fn dial_number(
        &mut self,
        now: Timestamp,
        number: Judged<Number>,
        purpose: Purpose,
        context: &mut Context<'_>,
    ) {
        let limit = match purpose {
            Purpose::Flow { ring, .. } => ring,
            _ => Self::RING_OUTSIDE,
        };
        let party = Party::Number(number.what().clone());
        self.dial(now, limit, party, Dialled::Number(number), purpose, context);
    }

    fn dial(
        &mut self,
        now: Timestamp,
        limit: Duration,
        party: Party,
        to: Dialled,
        purpose: Purpose,
        context: &mut Context<'_>,
    ) {
        let leg = context.ids.leg();
        self.fact(EventKind::LegDialled {
            interaction: self.id,
            leg,
            role: party.role(),
            party: party.label(),
            agent: party.agent().cloned(),
        });
        // The far end sees the customer; in an agent's own call it sees what the agent's phone shows.
        let shown = self.from.clone();
        self.line(Line::Dial { leg, to, shown });
        self.ringing = Some(Ringing { leg, party, purpose, until: now + limit, rang: false });
    }

    /// The ACD promised `agent`, durably.
    pub(crate) fn ring_agent(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        queue: Option<QueueId>,
        context: &mut Context<'_>,
    ) {
        let purpose = match self.wanted.take_if(|wanted| wanted.is_agent(&agent)) {
            Some(wanted) => wanted.purpose,
            None if self.waiting.is_some() => Purpose::Queue,
            None => return self.queueing(Queueing::Withdrawn { agent }),
        };
        if self.ringing.is_some() {
            return self.queueing(Queueing::Withdrawn { agent });
        }
        let limit = match purpose {
            Purpose::Flow { ring, .. } => ring,
            _ => RING_AGENT,
        };
        // From here on the phone is responsible: its ring time-out runs, whether or not it says 180.
        self.queueing(Queueing::Ringing { agent: agent.clone() });
        let to = Dialled::Agent(agent.clone());
        self.dial(now, limit, Party::Agent { agent, queue }, to, purpose, context);
    }

    pub(crate) fn leg_ringing(&mut self, leg: LegId) {
        if self.rings_its_own_agent() && self.caller.leg == leg {
            return self.fact(EventKind::LegRinging { interaction: self.id, leg });
        }
        let Some(ringing) = self.ringing.as_mut().filter(|ringing| ringing.leg == leg) else { return };
        ringing.rang = true;
        self.fact(EventKind::LegRinging { interaction: self.id, leg });
        self.show_ringing();
    }

    pub(crate) fn leg_answered(&mut self, now: Timestamp, leg: LegId, context: &mut Context<'_>) {
        let Some(ringing) = self.ringing.take_if(|ringing| ringing.leg == leg) else { return };
        self.fact(EventKind::LegAnswered { interaction: self.id, leg });
        if let Some(agent) = ringing.party.agent().cloned() {
            self.queueing(Queueing::Answered { agent });
        }
        match ringing.purpose {
            Purpose::Queue | Purpose::Direct | Purpose::Flow { .. } | Purpose::AfterParting => {
                self.connect(now, leg, ringing.party, context);
            }
            Purpose::Blind { asked_by } => {
                if let Some(asked_by) = asked_by {
                    self.line(Line::TransferProgress { leg: asked_by, status: 200 });
                }
                self.hand_over(now, leg, ringing.party, TransferKind::Blind, context);
            }
            Purpose::Consult => self.consult_answered(leg, ringing.party),
        }
    }

    pub(crate) fn leg_refused(
        &mut self,
        now: Timestamp,
        leg: LegId,
        status: u16,
        cause: Cause,
        context: &mut Context<'_>,
    ) {
        let Some(ringing) = self.ringing.take_if(|ringing| ringing.leg == leg) else { return };
        self.leg_fact(leg, ringing.party.ended_by(), cause, Some(status));
        if let Some(agent) = ringing.party.agent().cloned() {
            // RFC 3261 §21.4.24 and §21.6: a person said no. §21.4.9 and §21.4.18 of a phone that rang: nobody came. Anything else is the device.
            self.queueing(match status {
                486 | 600 | 603 => Queueing::Rejected { agent },
                408 | 480 if ringing.rang => Queueing::Missed { agent },
                _ => Queueing::DeviceFailed { agent },
            });
        }
        let end = match status {
            486 | 600 | 603 => TransferEnd::Busy,
            408 | 480 | 487 => TransferEnd::NoAnswer,
            _ => TransferEnd::Failed { cause },
        };
        self.nobody_answered(now, ringing.purpose, end, status, context);
    }

    /// The ACD took the agent back while the phone rang, or before.
    pub(crate) fn stop_ringing(
        &mut self,
        now: Timestamp,
        agent: &AgentId,
        reason: ReleaseReason,
        context: &mut Context<'_>,
    ) {
        let end = match reason {
            ReleaseReason::Missed | ReleaseReason::LeaseExpired => TransferEnd::NoAnswer,
            ReleaseReason::Rejected => TransferEnd::Busy,
            // Moved: the agent or the queue was taken out of the configuration. What this call ends itself it has forgotten before.
            ReleaseReason::DeviceFailed | ReleaseReason::CallerLeft | ReleaseReason::Moved => TransferEnd::Offline,
        };
        let purpose = match self.ringing.take_if(|ringing| ringing.party.agent() == Some(agent)) {
            Some(ringing) => {
                self.line(Line::HangUp { leg: ringing.leg, cause: Cause::NO_ANSWER });
                self.leg_fact(ringing.leg, EndedBy::Host, Cause::NO_ANSWER, None);
                ringing.purpose
            }
            None => match self.wanted.take_if(|wanted| wanted.is_agent(agent)) {
                Some(wanted) => wanted.purpose,
                None => return,
            },
        };
        self.nobody_answered(now, purpose, end, 480, context);
    }

    pub(crate) fn agent_refused(&mut self, now: Timestamp, agent: &AgentId, context: &mut Context<'_>) {
        if let Some(wanted) = self.wanted.take_if(|wanted| wanted.is_agent(agent)) {
            self.nobody_answered(now, wanted.purpose, TransferEnd::Offline, 480, context);
        } else if self.talking_agent().as_ref() == Some(agent) {
            // The answer crossed the end of the promise: the conversation is there, so the agent is busy with it.
            self.queueing(Queueing::AgentDialled { agent: agent.clone() });
        }
    }

    pub(crate) fn ringing_timeout(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let Some(ringing) = self.ringing.take_if(|ringing| now >= ringing.until) else { return };
        self.line(Line::HangUp { leg: ringing.leg, cause: Cause::NO_ANSWER });
        self.leg_fact(ringing.leg, EndedBy::Host, Cause::NO_ANSWER, None);
        if let Some(agent) = ringing.party.agent().cloned() {
            self.queueing(Queueing::Withdrawn { agent });
        }
        self.nobody_answered(now, ringing.purpose, TransferEnd::NoAnswer, 408, context);
    }

    /// Whatever phone rings, or is to ring, need not any more.
    pub(crate) fn withdraw_offers(&mut self) {
        if let Some(ringing) = self.ringing.take() {
            self.withdraw(ringing);
        }
        if let Some(wanted) = self.wanted.take() {
            self.let_off(wanted);
        }
    }

    /// Whoever was to be called need not be.
    pub(crate) fn let_off(&mut self, wanted: Wanted) {
        match wanted.who {
            Sought::Agent(agent) => self.queueing(Queueing::Withdrawn { agent }),
            Sought::Number { judging, .. } => self.abandon(judging),
        }
    }

    /// The same, except for what the queue offers.
    pub(crate) fn withdraw_flows_offers(&mut self) {
        if self.ringing.as_ref().is_none_or(|ringing| ringing.purpose != Purpose::Queue) {
            self.withdraw_offers();
        }
    }

    /// The caller is gone or has other plans: stop the phone that rings for them.
    pub(crate) fn withdraw(&mut self, ringing: Ringing) {
        self.line(Line::HangUp { leg: ringing.leg, cause: Cause::NORMAL_CLEARING });
        self.leg_fact(ringing.leg, EndedBy::Host, Cause::NORMAL_CLEARING, None);
        if let Party::Agent { agent, .. } = ringing.party {
            self.queueing(Queueing::Withdrawn { agent });
        }
    }

    pub(crate) fn nobody_answered(
        &mut self,
        now: Timestamp,
        purpose: Purpose,
        end: TransferEnd,
        status: u16,
        context: &mut Context<'_>,
    ) {
        match purpose {
            // The place in the queue is kept; the ACD offers the caller again.
            Purpose::Queue => {}
            Purpose::Direct => self.end(now, EndedBy::Host, end_cause(end), context),
            Purpose::AfterParting => self.take_back(now, end, context),
            Purpose::Flow { token, .. } => self.tell(now, Some(token), false, Happening::Transferred(end), context),
            Purpose::Blind { asked_by } => {
                if let Some(asked_by) = asked_by {
                    self.line(Line::TransferProgress { leg: asked_by, status });
                }
                self.transfer_failed();
            }
            Purpose::Consult => self.consult_failed(),
        }
    }

    /// Ring-back or music for a caller who has been answered and waits for a phone to be picked up.
    pub(crate) fn play_ring_back(&mut self) {
        if self.caller.answered && self.music.is_none() {
            self.music = Some(self.play(self.caller.leg, vec![SoundSource::RingBack], true));
        }
    }

    pub(crate) fn stop_music(&mut self) {
        if let Some(token) = self.music.take() {
            self.sound(crate::Sound::Stop { leg: self.caller.leg, token });
        }
    }
}
