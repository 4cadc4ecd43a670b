//! What goes into the ACD and what comes out.

use std::{sync::Arc, time::Duration};

use plugboard_model::{
    AgentId, AgentRequest, Configuration, EventKind, InteractionId, QueueExit, QueueId, ReleaseReason, SkillNeed,
    Timestamp,
};

use crate::{QuestionId, RankQuestion};

/// Something that happened. An input that does not fit the state that it meets changes nothing, whatever ids it names.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The tenant's resources changed. Nobody who talks is dropped: interactions of a removed queue leave it with `Closed`, a removed
    /// agent finishes the call and its wrap-up first.
    Configure(Arc<Configuration>),

    /// Waits in `queue` from now on. In another queue already: moves. In this queue already: changes nothing.
    Enqueue {
        interaction: InteractionId,
        queue: QueueId,
        /// Added to the queue's own. Higher is sooner.
        priority: i32,
        /// Needed beside the queue's own skills; of two needs for one skill the higher level counts.
        skills: Vec<SkillNeed>,
        /// The place in line: the original time for a callback or a return, else now. A later time counts as now.
        since: Timestamp,
        /// Counted from now, not from `since`. `None`: the queue's.
        max_wait: Option<Duration>,
    },
    /// The flow or the caller ends the wait, or the offer to a named agent. `Abandoned` releases a reserved agent with `CallerLeft`,
    /// any other exit with `Moved`. Recorded as `LeftQueue`, with no [`Output::Left`].
    Leave {
        interaction: InteractionId,
        exit: QueueExit,
    },
    /// A waiting interaction's needs or priority change, or something that the queue's policy looks at: it is asked anew. `None`: as it is.
    Changed {
        interaction: InteractionId,
        skills: Option<Vec<SkillNeed>>,
        priority: Option<i32>,
    },

    /// The agent, or a supervisor for them, asks for a state.
    Request {
        agent: AgentId,
        request: AgentRequest,
    },
    /// The agent's phone registered (also: registered again), or its registration is gone.
    Phone {
        agent: AgentId,
        reachable: bool,
    },
    /// Offer to this agent and no other, with no queue: transfer to a named agent. An interaction that waits in a queue keeps its place
    /// there until the agent answers. Answered by [`Output::Reserve`] or [`Output::Refused`].
    ReserveAgent {
        interaction: InteractionId,
        agent: AgentId,
    },

    /// The agent's leg is under way: send it when the INVITE has left, before the lease is over. The ring time-out runs from here.
    Ringing {
        interaction: InteractionId,
        agent: AgentId,
    },
    /// The agent took it. Too late for the reservation: [`Output::Refused`] with `NotReserved`, and the leg should be ended.
    Answered {
        interaction: InteractionId,
        agent: AgentId,
    },
    /// The phone gave up ringing by itself (408, 480).
    Missed {
        interaction: InteractionId,
        agent: AgentId,
    },
    /// The agent declined (486, 603).
    Rejected {
        interaction: InteractionId,
        agent: AgentId,
    },
    /// The phone could not be reached or answered with an error.
    DeviceFailed {
        interaction: InteractionId,
        agent: AgentId,
    },

    /// The agent placed this call and is busy with it, whatever they were before; on a call already, when that one and its wrap-up are over.
    Dialled {
        interaction: InteractionId,
        agent: AgentId,
    },
    /// An attended transfer joined the agent's call to another interaction.
    Moved {
        agent: AgentId,
        from: InteractionId,
        to: InteractionId,
    },

    Held {
        interaction: InteractionId,
        agent: AgentId,
    },
    Resumed {
        interaction: InteractionId,
        agent: AgentId,
    },
    ConsultStarted {
        interaction: InteractionId,
        agent: AgentId,
    },
    ConsultEnded {
        interaction: InteractionId,
        agent: AgentId,
    },
    /// The agent's part is over. `wrap_up` overrides the queue's; zero means none.
    CallEnded {
        interaction: InteractionId,
        agent: AgentId,
        wrap_up: Option<Duration>,
    },
    /// More time for after-call work, up to [`crate::LONGEST_WRAP_UP`] from its start.
    ExtendWrapUp {
        agent: AgentId,
        by: Duration,
    },

    /// A policy's answer: positions in the question's candidates, best first. Left out: not now. After `again` the policy is asked what the interaction
    /// may go without, and then to rank anew; without it, or when it may not be asked that any more, to rank after [`crate::RANK_AGAIN`].
    Ranked {
        question: QuestionId,
        order: Vec<u32>,
        again: Option<Duration>,
    },
    /// A policy's answer to [`crate::RankSubject::Relax`]: what the interaction still needs, as positions in [`crate::Acd::skills`] with least levels, and
    /// a queue whose agents are asked as well. What the question did not have, or at no such level, is not taken. Asked again after `again`, if nobody
    /// took it by then.
    Relaxed {
        question: QuestionId,
        needs: Vec<(u16, u8)>,
        overflow_to: Option<QueueId>,
        again: Option<Duration>,
    },
    /// No answer will come: the native order is used, and needs stay as they are. Recorded as `PluginFailed`, once for each question.
    AskFailed {
        question: QuestionId,
        reason: Arc<str>,
    },
}

/// Something to do or to record.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Make the reservation durable, then ring the agent. Without [`Input::Ringing`], [`Input::Answered`] or an end within `lease`
    /// it is taken back.
    Reserve {
        interaction: InteractionId,
        agent: AgentId,
        queue: Option<QueueId>,
        lease: Duration,
        /// From the later of agent free and interaction waiting to now.
        since_free: Duration,
    },
    /// The agent is released: end their leg if it was begun. Not sent when the input itself said that the leg ended.
    StopRinging { interaction: InteractionId, agent: AgentId, reason: ReleaseReason },
    /// A named agent cannot take it, or answered too late.
    Refused { interaction: InteractionId, agent: AgentId, reason: RefuseReason },
    /// The ACD ended the wait: `TimedOut`, `Full`, `NoAgents`, or `Closed` (also for a queue that does not exist).
    Left { interaction: InteractionId, queue: QueueId, exit: QueueExit },
    /// Something for a policy. Answer by [`Input::Ranked`], [`Input::Relaxed`] or [`Input::AskFailed`]; the deadline passes by itself.
    Ask(RankQuestion),
    /// To be recorded: `Queued`, `LeftQueue`, `Relaxed`, `HeldBack`, `Reserved`, `Released`, `AgentStateChanged`, `WrapUpStarted`, `WrapUpEnded`,
    /// `ServiceAlarm`, `PluginFailed`, once each. An interaction turned away at the door has `LeftQueue` without `Queued`.
    Fact(EventKind),
}

/// Why a named agent does not get the interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefuseReason {
    UnknownAgent,
    LoggedOut,
    NotReady,
    /// Reserved, on a call or in wrap-up.
    Busy,
    Unreachable,
    /// The interaction is being offered to an agent already.
    AlreadyOffered,
    /// Answered without a reservation, or after it ended.
    NotReserved,
}
