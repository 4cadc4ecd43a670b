//! Who takes what: queues, agents, skills and reservations of one tenant, as one sans-IO state machine.
//!
//! Give [`Acd::handle_input`] what happened, drain [`Acd::poll_output`], and call [`Acd::handle_timeout`] at [`Acd::poll_timeout`].
//! The same inputs at the same times give the same outputs.
//!
//! ```text
//! logged_out → not_ready(reason) ↔ ready → reserved(lease) → ringing(time-out) → talking ↔ held / consulting
//!                    ↑               ↑                                                   ↓
//!                    └───────────────┴──────────────────────────────────────────── wrap_up(timer)
//! ```
//! Nothing gets stuck: each state that waits for somebody else carries a deadline, and what ends it is written down. A reserved agent
//! whom nobody rings is released, a ring without an answer is a miss and the interaction keeps its place, a lost phone is `unreachable`.
//!
//! Who waits: by priority (the queue's and the interaction's own, added), then by age. An agent who serves several queues takes the best
//! over all of them. Who takes: by the queue's strategy among ready agents with every needed level; agents of the queue itself come
//! before those of the queues that it overflows to. A routing policy, where the queue has one, orders a short list of either kind, and says
//! what an interaction that waits too long may go without (see `relax`).

mod agent;
mod alarm;
mod apply;
mod ask;
mod assign;
mod check;
mod duty;
mod message;
mod own_call;
mod queue;
mod rank;
mod relax;
mod skill;
mod table;
mod timer;
mod view;
mod waiting;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use plugboard_model::{AgentId, Configuration, InteractionId, QueueId, ReleaseReason, SkillId, TimeZone, Timestamp};

use crate::{
    agent::{Agent, State},
    ask::Question,
    queue::{Entry, Queue},
    skill::Classes,
    table::{AgentKey, QueueKey, Table},
    timer::{Timer, Timers},
    waiting::Arrival,
};

pub use alarm::{AVERAGE_OVER, CLEARS_AT_PERCENT};
pub use message::{Input, Output, RefuseReason};
pub use rank::{AgentNumbers, NOBODY_HAS, QuestionId, RankQuestion, RankSubject, WaitingNumbers};
pub use view::{AgentView, QueueView};

/// A reservation without [`Input::Ringing`] is taken back after this long.
pub const LEASE: Duration = Duration::from_secs(5);
/// How long a named agent rings for an interaction of no queue.
pub const DIRECT_RING_TIMEOUT: Duration = Duration::from_secs(20);
/// A routing policy has this long. A little more than the 5 ms that the component gets, since the answer travels too.
pub const RANK_DEADLINE: Duration = Duration::from_millis(10);
/// A policy that left somebody out is asked again after this long, so that its silence cannot strand a caller.
pub const RANK_AGAIN: Duration = Duration::from_secs(5);
/// A policy is asked what an interaction may go without this far apart at least.
pub const RELAX_GAP: Duration = Duration::from_millis(100);
/// And at most so often while the interaction is in one queue.
pub const MOST_RELAX_QUESTIONS: u8 = 64;
/// Candidates of one question.
pub const MOST_CANDIDATES: usize = 256;
/// An agent whose phone failed is tried again after this long, unless it registers sooner.
pub const DEVICE_RETRY: Duration = Duration::from_secs(30);
/// The only agent for an interaction is offered it again this soon after declining; at once would ring without end.
pub const ALONE_BACK_OFF: Duration = Duration::from_secs(1);
/// This many rejections in a row, and the agent is set not ready (`rejected`): a phone on do-not-disturb would else go through the whole queue.
pub const MOST_REJECTIONS: u32 = 3;
/// No wrap-up is extended past this.
pub const LONGEST_WRAP_UP: Duration = Duration::from_secs(3_600);

/// Past the tenant's longest call plus this the ACD lets go of an agent, whatever it was not told.
pub const CALL_GRACE: Duration = Duration::from_secs(60);

/// The queues and agents of one tenant.
pub struct Acd {
    now: Timestamp,
    agents: Table<AgentKey, AgentId, Agent>,
    queues: Table<QueueKey, QueueId, Queue>,
    /// Who is in a queue, or offered to a named agent.
    entries: BTreeMap<InteractionId, Entry>,
    /// Who is not offered what, until when.
    declined: BTreeMap<(InteractionId, AgentKey), Timestamp>,
    classes: Classes,
    skills: Vec<SkillId>,
    /// Configured agents in order of id.
    by_rank: Vec<AgentKey>,
    questions: BTreeMap<QuestionId, Question>,
    last_question: u64,
    timers: Timers,
    outputs: VecDeque<Output>,
    zone: TimeZone,
    next_midnight: Timestamp,
    longest_call: Duration,
    /// While set nobody is matched: the indexes are not complete.
    reconfiguring: bool,
}

impl Acd {
    /// Nobody is logged in and no phone is known: tell of each registered phone by [`Input::Phone`].
    pub fn new(configuration: &Configuration) -> Self {
        let mut acd = Self {
            now: Timestamp::EPOCH,
            agents: Table::new(),
            queues: Table::new(),
            entries: BTreeMap::new(),
            declined: BTreeMap::new(),
            classes: Classes::new(),
            skills: Vec::new(),
            by_rank: Vec::new(),
            questions: BTreeMap::new(),
            last_question: 0,
            timers: Timers::default(),
            outputs: VecDeque::new(),
            zone: TimeZone::default(),
            next_midnight: Timestamp::EPOCH,
            longest_call: Duration::ZERO,
            reconfiguring: false,
        };
        acd.apply(Timestamp::EPOCH, configuration);
        acd
    }

    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        let now = self.advance(now);
        match input {
            Input::Configure(configuration) => self.apply(now, &configuration),
            Input::Enqueue { interaction, queue, priority, skills, since, max_wait } => {
                self.handle_enqueue(now, Arrival { interaction, queue, priority, skills, since, max_wait });
            }
            Input::Leave { interaction, exit } => self.leave(now, interaction, exit, false),
            Input::Changed { interaction, skills, priority } => {
                self.handle_changed(now, interaction, skills, priority);
            }
            Input::Request { agent, request } => self.handle_request(now, &agent, request),
            Input::Phone { agent, reachable } => self.handle_phone(now, &agent, reachable),
            Input::ReserveAgent { interaction, agent } => self.handle_reserve_agent(now, interaction, &agent),
            Input::Ringing { interaction, agent } => self.handle_ringing(now, interaction, &agent),
            Input::Answered { interaction, agent } => self.handle_answered(now, interaction, &agent),
            Input::Missed { interaction, agent } => {
                self.handle_no_answer(now, interaction, &agent, ReleaseReason::Missed);
            }
            Input::Rejected { interaction, agent } => {
                self.handle_no_answer(now, interaction, &agent, ReleaseReason::Rejected);
            }
            Input::DeviceFailed { interaction, agent } => {
                self.handle_no_answer(now, interaction, &agent, ReleaseReason::DeviceFailed);
            }
            Input::Dialled { interaction, agent } => self.handle_dialled(now, interaction, &agent),
            Input::Moved { agent, from, to } => self.handle_moved(now, &agent, from, to),
            Input::Held { interaction, agent } => self.handle_call_state(now, interaction, &agent, State::Held),
            Input::Resumed { interaction, agent } | Input::ConsultEnded { interaction, agent } => {
                self.handle_call_state(now, interaction, &agent, State::Talking);
            }
            Input::ConsultStarted { interaction, agent } => {
                self.handle_call_state(now, interaction, &agent, State::Consulting);
            }
            Input::CallEnded { interaction, agent, wrap_up } => {
                self.handle_call_ended(now, interaction, &agent, wrap_up);
            }
            Input::ExtendWrapUp { agent, by } => self.handle_extend_wrap_up(&agent, by),
            Input::Ranked { question, order, again } => self.handle_ranked(now, question, order, again),
            Input::Relaxed { question, needs, overflow_to, again } => {
                self.handle_relaxed(now, question, &needs, overflow_to.as_ref(), again);
            }
            Input::AskFailed { question, reason } => self.handle_ask_failed(now, question, reason),
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let now = self.advance(now);
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Agent(agent) => self.handle_agent_timer(now, agent),
                Timer::MaxWait(interaction) => self.handle_max_wait(now, interaction),
                Timer::Overflow(interaction) => self.handle_overflow(now, interaction),
                Timer::BackOff(interaction, agent) => self.handle_back_off(now, interaction, agent),
                Timer::Watch(queue) => self.handle_watch(now, queue),
                Timer::Question(question) => self.handle_ask_failed(now, question, "no answer in time".into()),
                Timer::AskForAgent(agent) => self.handle_ask_for_agent(now, agent),
                Timer::AskForWaiting(interaction) => self.handle_ask_for_waiting(now, interaction),
                Timer::Relax(interaction) => self.handle_relax_timer(now, interaction),
            }
        }
    }

    /// When to call [`Acd::handle_timeout`]; `None` while only an input can move us.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The table that [`RankQuestion`]s number skills by: those of [`Configuration::skills`]. Changes only with [`Input::Configure`].
    pub fn skills(&self) -> &[SkillId] {
        &self.skills
    }

    /// Time does not run backwards, and the figures of a day start anew at the tenant's midnight.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now);
        if self.now >= self.next_midnight {
            let offset = i64::from(self.zone.offset_at(self.now)) * 60;
            let seconds = i64::try_from(self.now.as_millis() / 1_000).unwrap_or(i64::MAX).saturating_add(offset);
            let midnight = seconds - seconds.rem_euclid(86_400) - offset;
            let midnight = Timestamp::from_secs(u64::try_from(midnight).unwrap_or(0));
            self.next_midnight = midnight + Duration::from_secs(86_400);
            for key in self.agents.keys().collect::<Vec<_>>() {
                self.agents[key].load.start_day(midnight);
            }
        }
        self.now
    }
}
