//! One agent: the state, what is asked of them meanwhile, and today's load.

use std::{sync::Arc, time::Duration};

use plugboard_model::{AgentId, AgentRequest, AgentState, InteractionId, Timestamp};

use crate::{QuestionId, table::QueueKey};

/// The interaction that holds an agent, with the rules of its queue as they were when the agent was reserved.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) interaction: InteractionId,
    /// `None` for a named agent, and when the queue was removed meanwhile.
    pub(crate) queue: Option<QueueKey>,
    pub(crate) ring_timeout: Duration,
    pub(crate) wrap_up: Duration,
    pub(crate) missed_limit: u32,
    /// When the state that holds this ends by itself.
    pub(crate) until: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) enum State {
    LoggedOut,
    NotReady {
        reason: String,
    },
    Ready,
    Reserved(Task),
    Ringing(Task),
    Talking(Task),
    Held(Task),
    Consulting(Task),
    WrapUp {
        task: Task,
        began: Timestamp,
    },
    /// `retry`: the phone failed but is still registered.
    Unreachable {
        retry: Option<Timestamp>,
    },
}

impl State {
    pub(crate) fn task(&self) -> Option<&Task> {
        match self {
            Self::Reserved(task)
            | Self::Ringing(task)
            | Self::Talking(task)
            | Self::Held(task)
            | Self::Consulting(task)
            | Self::WrapUp { task, .. } => Some(task),
            Self::LoggedOut | Self::NotReady { .. } | Self::Ready | Self::Unreachable { .. } => None,
        }
    }

    /// The task, if the agent is promised to it and has not answered.
    pub(crate) fn offer(&self) -> Option<&Task> {
        match self {
            Self::Reserved(task) | Self::Ringing(task) => Some(task),
            _ => None,
        }
    }

    /// The task, if the agent is on the call.
    pub(crate) fn call(&self) -> Option<&Task> {
        match self {
            Self::Talking(task) | Self::Held(task) | Self::Consulting(task) => Some(task),
            _ => None,
        }
    }

    pub(crate) fn task_mut(&mut self) -> Option<&mut Task> {
        match self {
            Self::Reserved(task)
            | Self::Ringing(task)
            | Self::Talking(task)
            | Self::Held(task)
            | Self::Consulting(task)
            | Self::WrapUp { task, .. } => Some(task),
            Self::LoggedOut | Self::NotReady { .. } | Self::Ready | Self::Unreachable { .. } => None,
        }
    }

    pub(crate) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Unreachable { retry } => *retry,
            state => state.task().map(|task| task.until),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        !matches!(self, Self::LoggedOut)
    }

    pub(crate) fn seen(&self) -> AgentState {
        match self {
            Self::LoggedOut => AgentState::LoggedOut,
            Self::NotReady { reason } => AgentState::NotReady { reason: reason.clone() },
            Self::Ready => AgentState::Ready,
            Self::Reserved(task) => AgentState::Reserved { interaction: task.interaction },
            Self::Ringing(task) => AgentState::Ringing { interaction: task.interaction },
            Self::Talking(task) => AgentState::Talking { interaction: task.interaction },
            Self::Held(task) => AgentState::Held { interaction: task.interaction },
            Self::Consulting(task) => AgentState::Consulting { interaction: task.interaction },
            Self::WrapUp { task, .. } => AgentState::WrapUp { interaction: task.interaction },
            Self::Unreachable { .. } => AgentState::Unreachable,
        }
    }
}

/// Where the agent goes when nothing holds them and the phone is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    LoggedOut,
    NotReady(String),
    Ready,
}

/// What an agent did since midnight: interactions answered, time on them, time logged in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    pub(crate) taken: u32,
    busy: Duration,
    logged_in: Duration,
    busy_from: Option<Timestamp>,
    logged_in_from: Option<Timestamp>,
}

impl Load {
    pub(crate) fn note(&mut self, now: Timestamp, state: &State) {
        fn turn(now: Timestamp, on: bool, from: &mut Option<Timestamp>, sum: &mut Duration) {
            match (*from, on) {
                (None, true) => *from = Some(now),
                (Some(began), false) => {
                    *sum += now - began;
                    *from = None;
                }
                (None, false) | (Some(_), true) => {}
            }
        }
        turn(now, state.task().is_some(), &mut self.busy_from, &mut self.busy);
        turn(now, state.is_logged_in(), &mut self.logged_in_from, &mut self.logged_in);
    }

    /// A new day began at `midnight`.
    pub(crate) fn start_day(&mut self, midnight: Timestamp) {
        self.taken = 0;
        self.busy = Duration::ZERO;
        self.logged_in = Duration::ZERO;
        self.busy_from = self.busy_from.map(|from| from.max(midnight));
        self.logged_in_from = self.logged_in_from.map(|from| from.max(midnight));
    }

    /// Time on interactions and time logged in, today, in microseconds.
    pub(crate) fn today(&self, now: Timestamp) -> (u128, u128) {
        let running = |from: Option<Timestamp>| from.map_or(Duration::ZERO, |from| now - from);
        ((self.busy + running(self.busy_from)).as_micros(), (self.logged_in + running(self.logged_in_from)).as_micros())
    }

    pub(crate) fn permille(&self, now: Timestamp) -> u16 {
        let (busy, logged_in) = self.today(now);
        u16::try_from((busy * 1_000).checked_div(logged_in).unwrap_or(0).min(1_000)).expect("at most 1000")
    }
}

pub(crate) struct Agent {
    pub(crate) id: AgentId,
    /// `false`: taken out of the configuration; goes when the interaction is over.
    pub(crate) configured: bool,
    /// Position among the configured agents in order of id.
    pub(crate) rank: u32,
    pub(crate) queues: Box<[QueueKey]>,
    pub(crate) levels: Arc<[u8]>,
    pub(crate) ready_on_register: bool,

    pub(crate) state: State,
    pub(crate) since: Timestamp,
    /// Place among the longest idle; kept when an offer ends through no doing of the agent.
    pub(crate) idle_since: Timestamp,
    pub(crate) rest: Rest,
    pub(crate) pending: Option<AgentRequest>,
    pub(crate) reachable: bool,
    pub(crate) missed: u32,
    pub(crate) rejected: u32,
    pub(crate) load: Load,
    pub(crate) question: Option<QuestionId>,
    pub(crate) ask_again: Option<Timestamp>,
    /// Calls that they placed while another held them and that live still, oldest first.
    pub(crate) own_calls: Vec<InteractionId>,
}

impl Agent {
    pub(crate) fn new(id: AgentId, now: Timestamp) -> Self {
        Self {
            id,
            configured: true,
            rank: 0,
            queues: Box::default(),
            levels: Arc::default(),
            ready_on_register: false,
            state: State::LoggedOut,
            since: now,
            idle_since: now,
            rest: Rest::LoggedOut,
            pending: None,
            reachable: false,
            missed: 0,
            rejected: 0,
            load: Load::default(),
            question: None,
            ask_again: None,
            own_calls: Vec::new(),
        }
    }

    /// Calls in hand, per mille of the one that a voice agent may have; somebody in after-call work has that one still.
    pub(crate) fn load_permille(&self) -> u16 {
        let calls = usize::from(self.state.task().is_some()) + self.own_calls.len();
        u16::try_from(calls * 1_000).unwrap_or(u16::MAX)
    }
}
