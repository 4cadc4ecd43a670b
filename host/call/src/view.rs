//! What a call looks like from outside.

use std::sync::Arc;

use plugboard_model::{AgentId, InteractionId, QueueId, Timestamp};

use crate::{Call, Party, recording::Recording};

/// An enum without data that knows all its values.
macro_rules! listed {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$value_doc])* $value),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];
        }
    };
}

listed! {
    /// How far a call is, for people.
    Stage { Offered, Treated, Waiting, Ringing, Talking, Held, Consulting, Ended }
}

impl Stage {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Treated => "ivr",
            Self::Waiting => "waiting",
            Self::Ringing => "ringing",
            Self::Talking => "talking",
            Self::Held => "held",
            Self::Consulting => "consulting",
            Self::Ended => "ended",
        }
    }
}

listed! {
    /// What the caller's ear is busy with.
    Ear {
        Free,
        /// The flow has been asked and plays nothing.
        Thinking,
        Play,
        Gather,
        /// Rules think: about the call that came in, or a message.
        Judged,
        /// A rule ordered what is said, or that an answer is awaited.
        Duty,
        Beep,
        Record,
        Announcement,
        Apology,
    }
}

listed! {
    /// Whose phone is to ring and why.
    Offering {
        Nobody,
        WantedDirect,
        WantedByFlow,
        WantedBlind,
        WantedForConsult,
        WantedAfterParting,
        JudgedDirect,
        JudgedByFlow,
        JudgedBlind,
        JudgedForConsult,
        JudgedAfterParting,
        /// Click to dial: nobody rings before the number is allowed.
        JudgedOwn,
        RingingFromQueue,
        RingingDirect,
        RingingByFlow,
        RingingBlind,
        RingingForConsult,
        RingingAfterParting,
        /// Click to dial: the agent's own phone.
        RingingOwn,
    }
}

listed! {
    /// Whom the caller hears.
    Talk { Nobody, Party, OnHold, PutAside, PutAsideForConsult }
}

listed! {
    /// The recording of the conversation.
    Tape {
        Off,
        /// Rules think about whether it may begin.
        Asked,
        /// They said no, and are asked again when something is noted.
        HeldBack,
        Running,
        Paused,
        PausedByRule,
    }
}

/// Where a call stands in all its parts: for tests that must reach every state, and for a support ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Situation {
    pub stage: Stage,
    pub ear: Ear,
    pub offering: Offering,
    pub talk: Talk,
    pub tape: Tape,
}

/// A live call, for the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub interaction: InteractionId,
    pub from: Arc<str>,
    pub to: Arc<str>,
    pub started: Timestamp,
    pub stage: Stage,
    pub queue: Option<QueueId>,
    pub agent: Option<AgentId>,
    pub recording: bool,
}

impl Call {
    pub fn view(&self) -> View {
        let party =
            self.talk.as_ref().map(|talk| &talk.party).or_else(|| self.ringing.as_ref().map(|ringing| &ringing.party));
        View {
            interaction: self.id,
            from: self.from.clone(),
            to: self.to.clone(),
            started: self.started,
            stage: self.stage(),
            queue: self.waiting.as_ref().map(|waiting| waiting.visit.queue.clone()).or_else(|| match party {
                Some(Party::Agent { queue, .. }) => queue.clone(),
                _ => None,
            }),
            agent: party.and_then(Party::agent).cloned().or_else(|| self.dialled_by.clone()),
            recording: self.recording.as_ref().and_then(Recording::running).is_some(),
        }
    }

    fn stage(&self) -> Stage {
        match (&self.talk, &self.ringing, &self.waiting) {
            _ if self.ended => Stage::Ended,
            (Some(talk), _, _) if talk.consult.is_some() => Stage::Consulting,
            (Some(talk), _, _) if talk.is_held() => Stage::Held,
            (Some(_), _, _) => Stage::Talking,
            (None, Some(_), _) => Stage::Ringing,
            (None, None, Some(_)) => Stage::Waiting,
            _ if self.caller.answered => Stage::Treated,
            _ => Stage::Offered,
        }
    }

    pub fn situation(&self) -> Situation {
        let ear = if let Some(door) = &self.door {
            door.ear()
        } else if self.exception.is_some() {
            Ear::Apology
        } else {
            self.flow.as_ref().map_or(Ear::Free, crate::flow_run::FlowRun::ear)
        };
        let offering = match (&self.ringing, &self.wanted) {
            (Some(ringing), _) => ringing.purpose.when_ringing(),
            (None, Some(wanted)) => wanted.offering(),
            (None, None) if self.rings_its_own_agent() => Offering::RingingOwn,
            (None, None) if self.then.is_some() => Offering::JudgedOwn,
            (None, None) => Offering::Nobody,
        };
        let talk = self.talk.as_ref().map_or(Talk::Nobody, crate::conversation::Conversation::heard);
        let tape = self.recording.as_ref().map_or(Tape::Off, Recording::tape);
        Situation { stage: self.stage(), ear, offering, talk, tape }
    }
}
