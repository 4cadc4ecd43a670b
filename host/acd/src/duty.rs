//! What moves an agent from state to state.

use std::time::Duration;

use plugboard_model::{AgentId, AgentRequest, EventKind, InteractionId, ReleaseReason, Timestamp, millis};

use crate::{
    Acd, DEVICE_RETRY, LONGEST_WRAP_UP, MOST_REJECTIONS, Output, RefuseReason,
    agent::{Rest, State, Task},
    table::AgentKey,
    timer::Timer,
};

/// Whether an agent who is ready again keeps the place among the longest idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    Kept,
    Anew,
}

impl Acd {
    /// The only place where a state changes: keeps timer, load, ready indexes and the record in step with it.
    pub(crate) fn change(&mut self, now: Timestamp, key: AgentKey, to: State) {
        self.forget_asking(key);
        let agent = &mut self.agents[key];
        self.timers.cancel(agent.state.until(), Timer::Agent(key));
        if agent.state.is_ready() {
            for queue in &agent.queues {
                let queue = &mut self.queues[*queue];
                queue.ready.remove(&queue.ready_order(agent.idle_since, agent.rank));
            }
        }
        let from = agent.state.seen();
        agent.state = to;
        agent.load.note(now, &agent.state);
        if let Some(until) = agent.state.until() {
            self.timers.set(until, Timer::Agent(key));
        }
        let to = agent.state.seen();
        if from != to {
            agent.since = now;
            self.outputs.push_back(Output::Fact(EventKind::AgentStateChanged { agent: agent.id.clone(), from, to }));
        }
        self.index_if_ready(key);
    }

    pub(crate) fn index_if_ready(&mut self, key: AgentKey) {
        let agent = &self.agents[key];
        if agent.state.is_ready() {
            for queue in &agent.queues {
                let queue = &mut self.queues[*queue];
                queue.ready.insert(queue.ready_order(agent.idle_since, agent.rank));
            }
        }
    }

    /// Nothing holds the agent any more: what was asked meanwhile applies. An agent taken out of the configuration is gone after this.
    pub(crate) fn rest(&mut self, now: Timestamp, key: AgentKey, idle: Idle) {
        if let Some(own) = self.next_own_call(now, key) {
            return self.change(now, key, own);
        }
        let agent = &mut self.agents[key];
        match agent.pending.take() {
            Some(AgentRequest::LogOut) => agent.rest = Rest::LoggedOut,
            Some(AgentRequest::NotReady { reason }) => agent.rest = Rest::NotReady(reason),
            Some(AgentRequest::Ready) => agent.rest = Rest::Ready,
            Some(AgentRequest::LogIn) | None => {}
        }
        if !agent.reachable && agent.ready_on_register {
            agent.rest = Rest::LoggedOut;
        }
        let to = match &agent.rest {
            _ if !agent.configured => State::LoggedOut,
            Rest::LoggedOut => State::LoggedOut,
            _ if !agent.reachable => State::Unreachable { retry: None },
            Rest::NotReady(reason) => State::NotReady { reason: reason.clone() },
            Rest::Ready if agent.state.is_ready() => return,
            Rest::Ready => {
                if idle == Idle::Anew {
                    agent.idle_since = now;
                }
                State::Ready
            }
        };
        let gone = (!agent.configured).then(|| agent.id.clone());
        self.change(now, key, to);
        if let Some(id) = gone {
            self.agents.remove(&id);
        }
    }

    pub(crate) fn handle_request(&mut self, now: Timestamp, id: &AgentId, request: AgentRequest) {
        let Some(key) = self.agents.key(id) else { return };
        let agent = &mut self.agents[key];
        match (&agent.state, request) {
            // After-call work is the agent's own: they may end it.
            (State::WrapUp { .. }, AgentRequest::Ready) => {
                agent.pending = None;
                agent.rest = Rest::Ready;
                agent.missed = 0;
                self.end_wrap_up(now, key, false);
                return;
            }
            (state, request) if state.task().is_some() => {
                match request {
                    AgentRequest::LogOut | AgentRequest::NotReady { .. } => agent.pending = Some(request),
                    AgentRequest::Ready => agent.pending = None,
                    AgentRequest::LogIn if agent.pending == Some(AgentRequest::LogOut) => agent.pending = None,
                    AgentRequest::LogIn => {}
                }
                return;
            }
            (State::LoggedOut, AgentRequest::LogIn) => agent.rest = Rest::NotReady("logged-in".to_owned()),
            // Who is logged out takes nothing anyway, and who is logged in stays so.
            (State::LoggedOut, AgentRequest::NotReady { .. }) | (_, AgentRequest::LogIn) => return,
            (_, AgentRequest::LogOut) => agent.rest = Rest::LoggedOut,
            (_, AgentRequest::NotReady { reason }) => agent.rest = Rest::NotReady(reason),
            (_, AgentRequest::Ready) => {
                agent.rest = Rest::Ready;
                agent.missed = 0;
                agent.rejected = 0;
            }
        }
        self.rest(now, key, Idle::Anew);
        self.seek(now, key);
    }

    pub(crate) fn handle_phone(&mut self, now: Timestamp, id: &AgentId, reachable: bool) {
        let Some(key) = self.agents.key(id) else { return };
        let agent = &mut self.agents[key];
        let came = reachable && !agent.reachable;
        agent.reachable = reachable;
        match &agent.state {
            State::Reserved(task) | State::Ringing(task) if !reachable => {
                let interaction = task.interaction;
                self.release(now, key, ReleaseReason::DeviceFailed, false);
                self.put_back(now, interaction, None);
            }
            // Not at each refresh: who logged out by hand stays so while the phone is there.
            State::LoggedOut if came && agent.ready_on_register => {
                agent.rest = Rest::Ready;
                agent.missed = 0;
                agent.rejected = 0;
                self.rest(now, key, Idle::Anew);
                self.seek(now, key);
            }
            State::NotReady { .. } | State::Ready if !reachable => self.rest(now, key, Idle::Anew),
            State::Unreachable { .. } => {
                self.rest(now, key, Idle::Anew);
                self.seek(now, key);
            }
            // A call outlives the registration, and a phone that registers again is no news.
            _ => {}
        }
    }

    /// Takes the offer back from the agent. The caller puts the interaction back or removes it, then lets the agent seek.
    pub(crate) fn release(&mut self, now: Timestamp, key: AgentKey, reason: ReleaseReason, leg_ended: bool) {
        let agent = &mut self.agents[key];
        let Some(task) = agent.state.offer() else { return };
        let (interaction, missed_limit) = (task.interaction, task.missed_limit.max(1));
        self.outputs.push_back(Output::Fact(EventKind::Released { interaction, agent: agent.id.clone(), reason }));
        if !leg_ended {
            self.outputs.push_back(Output::StopRinging { interaction, agent: agent.id.clone(), reason });
        }
        let idle = match reason {
            ReleaseReason::Missed => {
                agent.missed += 1;
                if agent.missed >= missed_limit {
                    agent.missed = 0;
                    agent.rest = Rest::NotReady("missed".to_owned());
                }
                Idle::Anew
            }
            ReleaseReason::Rejected => {
                agent.rejected += 1;
                if agent.rejected >= MOST_REJECTIONS {
                    agent.rejected = 0;
                    agent.rest = Rest::NotReady("rejected".to_owned());
                }
                Idle::Anew
            }
            ReleaseReason::DeviceFailed if agent.reachable && agent.pending.is_none() && agent.configured => {
                self.change(now, key, State::Unreachable { retry: Some(now + DEVICE_RETRY) });
                return;
            }
            ReleaseReason::DeviceFailed => Idle::Anew,
            ReleaseReason::CallerLeft | ReleaseReason::LeaseExpired | ReleaseReason::Moved => Idle::Kept,
        };
        self.rest(now, key, idle);
    }

    /// The agent's leg, or its lease, ended without an answer.
    pub(crate) fn handle_no_answer(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        id: &AgentId,
        reason: ReleaseReason,
    ) {
        let Some(key) = self.agents.key(id) else { return };
        if self.agents[key].state.offer().is_some_and(|task| task.interaction == interaction) {
            self.give_up(now, key, reason, true);
        }
    }

    /// Releases, puts the interaction back, then lets others and last the agent look for work.
    pub(crate) fn give_up(&mut self, now: Timestamp, key: AgentKey, reason: ReleaseReason, leg_ended: bool) {
        let Some(interaction) = self.agents[key].state.offer().map(|task| task.interaction) else { return };
        self.release(now, key, reason, leg_ended);
        self.put_back(now, interaction, Some(key));
        self.seek(now, key);
    }

    pub(crate) fn handle_ringing(&mut self, now: Timestamp, interaction: InteractionId, id: &AgentId) {
        let Some(key) = self.agents.key(id) else { return };
        if let State::Reserved(task) = &self.agents[key].state
            && task.interaction == interaction
        {
            let until = now + task.ring_timeout;
            let task = Task { until, ..task.clone() };
            self.change(now, key, State::Ringing(task));
        }
    }

    pub(crate) fn handle_answered(&mut self, now: Timestamp, interaction: InteractionId, id: &AgentId) {
        let key = self.agents.key(id);
        let offer = key.and_then(|key| self.agents[key].state.offer()).filter(|task| task.interaction == interaction);
        let (Some(key), Some(task)) = (key, offer) else {
            let already = key.and_then(|key| self.agents[key].state.call());
            // A repeated answer is no second one.
            if already.is_none_or(|task| task.interaction != interaction) {
                let reason = RefuseReason::NotReserved;
                self.outputs.push_back(Output::Refused { interaction, agent: id.clone(), reason });
            }
            return;
        };
        let task = Task { until: now + self.longest_call, ..task.clone() };
        self.leave_connected(now, interaction);
        let agent = &mut self.agents[key];
        agent.missed = 0;
        agent.rejected = 0;
        agent.load.taken += 1;
        self.change(now, key, State::Talking(task));
    }

    /// Hold, resume and consultation: moves between the states of a call.
    pub(crate) fn handle_call_state(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        id: &AgentId,
        to: fn(Task) -> State,
    ) {
        let Some(key) = self.agents.key(id) else { return };
        if let Some(task) = self.agents[key].state.call().filter(|task| task.interaction == interaction) {
            let task = task.clone();
            self.change(now, key, to(task));
        }
    }

    pub(crate) fn handle_call_ended(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        id: &AgentId,
        wrap_up: Option<Duration>,
    ) {
        let Some(key) = self.agents.key(id) else { return };
        match &self.agents[key].state {
            State::Reserved(task) | State::Ringing(task) if task.interaction == interaction => {
                self.give_up(now, key, ReleaseReason::Moved, true);
            }
            state if state.call().is_some_and(|task| task.interaction == interaction) => {
                self.end_call(now, key, wrap_up);
            }
            // A second call of their own; told twice; or of a call that we ended first.
            _ => self.agents[key].own_calls.retain(|own| *own != interaction),
        }
    }

    pub(crate) fn end_call(&mut self, now: Timestamp, key: AgentKey, wrap_up: Option<Duration>) {
        let agent = &self.agents[key];
        let Some(task) = agent.state.call() else { return };
        let limit = wrap_up.unwrap_or(task.wrap_up).min(LONGEST_WRAP_UP);
        if limit.is_zero() || !agent.reachable {
            self.rest(now, key, Idle::Anew);
            self.seek(now, key);
            return;
        }
        let task = Task { until: now + limit, ..task.clone() };
        self.outputs.push_back(Output::Fact(EventKind::WrapUpStarted {
            interaction: task.interaction,
            agent: agent.id.clone(),
            limit_ms: millis(limit),
        }));
        self.change(now, key, State::WrapUp { task, began: now });
    }

    pub(crate) fn end_wrap_up(&mut self, now: Timestamp, key: AgentKey, by_timer: bool) {
        let agent = &self.agents[key];
        let State::WrapUp { task, .. } = &agent.state else { return };
        let (interaction, agent) = (task.interaction, agent.id.clone());
        self.outputs.push_back(Output::Fact(EventKind::WrapUpEnded { interaction, agent, by_timer }));
        self.rest(now, key, Idle::Anew);
        self.seek(now, key);
    }

    pub(crate) fn handle_extend_wrap_up(&mut self, id: &AgentId, by: Duration) {
        let Some(key) = self.agents.key(id) else { return };
        let agent = &mut self.agents[key];
        if let State::WrapUp { task, began } = &mut agent.state {
            self.timers.cancel(Some(task.until), Timer::Agent(key));
            task.until = (task.until + by).min(*began + LONGEST_WRAP_UP).max(task.until);
            self.timers.set(task.until, Timer::Agent(key));
        }
    }

    /// The agent's state ran out of time.
    pub(crate) fn handle_agent_timer(&mut self, now: Timestamp, key: AgentKey) {
        match &self.agents[key].state {
            State::Reserved(_) => self.give_up(now, key, ReleaseReason::LeaseExpired, false),
            State::Ringing(_) => self.give_up(now, key, ReleaseReason::Missed, false),
            State::Talking(_) | State::Held(_) | State::Consulting(_) => self.end_call(now, key, None),
            State::WrapUp { .. } => self.end_wrap_up(now, key, true),
            State::Unreachable { .. } => {
                self.rest(now, key, Idle::Anew);
                self.seek(now, key);
            }
            State::LoggedOut | State::NotReady { .. } | State::Ready => {}
        }
    }
}
