//! A phone that rings for this interaction: an agent's, or a number outside. At most one at a time.

use std::time::Duration;

use plugboard_model::{
    AgentId, EndedBy, EventKind, LegId, Number, QueueId, ReleaseReason, Timestamp, TransferKind,
    flow::{Cause, Happening, Token, TransferEnd},
};

use crate::{Call, Context, Dialled, Line, Offering, Party, Queueing, SoundSource, transfer::end_cause};

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

    pub(crate) fn when_wanted(self) -> Offering {
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

/// An agent whom the ACD has yet to promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) agent: AgentId,
    pub(crate) purpose: Purpose,
}

/// The longest that an agent's phone rings whatever the queue says.
const RING_AGENT: Duration = Duration::from_secs(300);

impl Call {
    pub(crate) fn call_agent(&mut self, agent: AgentId, purpose: Purpose) {
        self.wanted = Some(Wanted { agent: agent.clone(), purpose });
        self.queueing(Queueing::ReserveAgent { agent });
    }

    pub(crate) fn call_number(&mut self, now: Timestamp, number: Number, purpose: Purpose, context: &mut Context<'_>) {
        let limit = match purpose {
            Purpose::Flow { ring, .. } => ring,
            _ => Self::RING_OUTSIDE,
        };
        self.dial(now, limit, Party::Number(number), purpose, context);
    }

    fn dial(&mut self, now: Timestamp, limit: Duration, party: Party, purpose: Purpose, context: &mut Context<'_>) {
        let leg = context.ids.leg();
        let to = match &party {
            Party::Agent { agent, .. } => Dialled::Agent(agent.clone()),
            Party::Number(number) => Dialled::Number(number.clone()),
        };
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
        let purpose = match self.wanted.take_if(|wanted| wanted.agent == agent) {
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
        self.dial(now, limit, Party::Agent { agent, queue }, purpose, context);
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
            None => match self.wanted.take_if(|wanted| wanted.agent == *agent) {
                Some(wanted) => wanted.purpose,
                None => return,
            },
        };
        self.nobody_answered(now, purpose, end, 480, context);
    }

    pub(crate) fn agent_refused(&mut self, now: Timestamp, agent: &AgentId, context: &mut Context<'_>) {
        if let Some(wanted) = self.wanted.take_if(|wanted| wanted.agent == *agent) {
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
            self.queueing(Queueing::Withdrawn { agent: wanted.agent });
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

    fn nobody_answered(
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
