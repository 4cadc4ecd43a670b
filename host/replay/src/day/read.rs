//! Makes a day of a tenant's log.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plugboard_model::{
    AgentId, AgentState, Configuration, Event, EventKind, InteractionId, QueueExit, QueueId, SkillNeed, Timestamp,
};
use plugboard_reporting::{Counters, QueueFold, Thresholds};

use super::{Call, Day, Presence, Shift, Wait};

/// Read on for so long behind the day's end: whoever came before it has left their queue then.
pub const SETTLES_WITHIN: Duration = Duration::from_secs(3_600);

/// Takes the events of a day in order.
#[derive(Debug)]
pub struct DayReader<'a> {
    day: Day,
    configuration: &'a Configuration,
    figures: QueueFold,
    last: Timestamp,
    tags: BTreeMap<InteractionId, BTreeMap<Arc<str>, Arc<str>>>,
    waiting: BTreeMap<(InteractionId, QueueId), usize>,
    reserved: BTreeMap<(InteractionId, AgentId), Timestamp>,
    talking: BTreeMap<(InteractionId, AgentId), (Timestamp, QueueId)>,
    /// Over, and how long the wrap-up was is not known yet.
    after: BTreeMap<(InteractionId, AgentId), (Timestamp, QueueId)>,
    presence: BTreeMap<AgentId, Presence>,
}

impl<'a> DayReader<'a> {
    /// Of `from` (at or after) to `to` (before). `configuration` has the queues' thresholds.
    pub fn new(from: Timestamp, to: Timestamp, configuration: &'a Configuration) -> Self {
        let figures = figures(configuration);
        Self {
            day: Day { from, to, ..Day::default() },
            configuration,
            figures,
            last: from,
            tags: BTreeMap::new(),
            waiting: BTreeMap::new(),
            reserved: BTreeMap::new(),
            talking: BTreeMap::new(),
            after: BTreeMap::new(),
            presence: BTreeMap::new(),
        }
    }

    /// The next event of the log. False: it is past all that matters.
    pub fn read(&mut self, event: &Event) -> bool {
        let (from, to) = (self.day.from, self.day.to);
        if event.at >= to + SETTLES_WITHIN {
            return false;
        }
        if event.at >= from {
            self.last = event.at;
            self.hear(event, event.at < to);
        }
        true
    }

    fn hear(&mut self, event: &Event, is_within: bool) {
        let at = event.at;
        let is_of_later = matches!(event.kind, EventKind::Queued { .. }) && !is_within;
        if !is_of_later {
            self.figures.handle_event(event);
        }
        match &event.kind {
            EventKind::Tagged { interaction, name, value } => {
                self.tags.entry(*interaction).or_default().insert(Arc::clone(name), Arc::clone(value));
            }
            EventKind::Queued { interaction, queue, priority, skills, .. } if is_within => {
                let need = |(skill, level): &(_, u8)| SkillNeed { skill: Clone::clone(skill), level: *level };
                let own = self.configuration.queues.get(queue).map_or(0, |queue| queue.priority);
                let tags = self.tags.get(interaction).into_iter().flatten();
                self.waiting.insert((*interaction, queue.clone()), self.day.calls.len());
                self.day.calls.push(Call {
                    at,
                    queue: queue.clone(),
                    priority: priority.saturating_sub(own),
                    skills: skills.iter().map(need).collect(),
                    tags: tags.map(|(name, value)| (Arc::clone(name), Arc::clone(value))).collect(),
                    end: Wait::Longer(Duration::ZERO),
                });
            }
            EventKind::LeftQueue { interaction, queue, exit } => {
                self.left(at, *interaction, queue, *exit == QueueExit::Abandoned);
            }
            EventKind::Reserved { interaction, agent, .. } => {
                self.reserved.insert((*interaction, agent.clone()), at);
            }
            EventKind::Released { interaction, agent, .. } => {
                self.reserved.remove(&(*interaction, agent.clone()));
            }
            EventKind::Connected { interaction, agent, queue: Some(queue), .. } => {
                let key = (*interaction, agent.clone());
                if let Some(since) = self.reserved.remove(&key) {
                    self.day.handling.ring.add(queue, agent, at.since(since));
                }
                self.talking.insert(key, (at, queue.clone()));
            }
            EventKind::Disconnected { interaction, agent, .. } => {
                let key = (*interaction, agent.clone());
                if let Some((since, queue)) = self.talking.remove(&key) {
                    self.day.handling.talk.add(&queue, agent, at.since(since));
                    self.after.insert(key, (at, queue));
                }
            }
            EventKind::WrapUpEnded { interaction, agent, .. } => {
                if let Some((since, queue)) = self.after.remove(&(*interaction, agent.clone())) {
                    self.day.handling.wrap_up.add(&queue, agent, at.since(since));
                }
            }
            EventKind::AgentStateChanged { agent, from, to } => {
                self.state(at, agent, from, to, is_within);
                // Ready again without a wrap-up that ended: there was none.
                if matches!(to, AgentState::Ready) {
                    self.without_wrap_up(agent);
                }
            }
            EventKind::InteractionClosed { interaction, .. } => {
                self.tags.remove(interaction);
            }
            _ => {}
        }
    }

    fn left(&mut self, at: Timestamp, interaction: InteractionId, queue: &QueueId, gave_up: bool) {
        let Some(call) = self.waiting.remove(&(interaction, queue.clone())) else { return };
        let call = &mut self.day.calls[call];
        let waited = at.since(call.at);
        call.end = if gave_up { Wait::GaveUp(waited) } else { Wait::Longer(waited) };
    }

    fn without_wrap_up(&mut self, agent: &AgentId) {
        let of_agent: Vec<_> = self.after.keys().filter(|(_, of)| of == agent).cloned().collect();
        for key in of_agent {
            if let Some((_, queue)) = self.after.remove(&key) {
                self.day.handling.wrap_up.add(&queue, agent, Duration::ZERO);
            }
        }
    }

    fn state(&mut self, at: Timestamp, agent: &AgentId, from: &AgentState, to: &AgentState, is_within: bool) {
        let before = *self.presence.entry(agent.clone()).or_insert_with(|| {
            let begin = presence(from);
            self.day.shifts.insert(0, Shift { at: self.day.from, agent: agent.clone(), to: begin });
            begin
        });
        let after = presence(to);
        if before != after && is_within {
            self.presence.insert(agent.clone(), after);
            self.day.shifts.push(Shift { at, agent: agent.clone(), to: after });
        }
    }

    /// The day, and the figures of each queue as they were.
    pub fn finish(mut self) -> (Day, BTreeMap<QueueId, Counters>) {
        for ((_, queue), call) in std::mem::take(&mut self.waiting) {
            debug_assert_eq!(self.day.calls[call].queue, queue, "a call waits in its own queue");
            self.day.calls[call].end = Wait::Longer(self.last.since(self.day.calls[call].at));
        }
        for call in &self.day.calls {
            self.day.patience.add(&call.queue, call.end);
        }
        let handling = &mut self.day.handling;
        [&mut handling.ring, &mut handling.talk, &mut handling.wrap_up].into_iter().for_each(super::Samples::sort);
        (self.day, sums(self.figures))
    }
}

fn presence(state: &AgentState) -> Presence {
    match state {
        AgentState::LoggedOut | AgentState::Unreachable => Presence::Gone,
        AgentState::NotReady { .. } => Presence::Paused,
        AgentState::Ready
        | AgentState::Reserved { .. }
        | AgentState::Ringing { .. }
        | AgentState::Talking { .. }
        | AgentState::Held { .. }
        | AgentState::Consulting { .. }
        | AgentState::WrapUp { .. } => Presence::Here,
    }
}

/// Counts with the thresholds of the queues.
pub(super) fn figures(configuration: &Configuration) -> QueueFold {
    let mut figures = QueueFold::new();
    for (id, queue) in &configuration.queues {
        let thresholds = Thresholds { service_level: queue.service_level, ..Thresholds::default() };
        figures.set_thresholds(id.clone(), thresholds);
    }
    figures
}

/// Of the whole day.
pub(super) fn sums(mut figures: QueueFold) -> BTreeMap<QueueId, Counters> {
    let mut sums: BTreeMap<QueueId, Counters> = BTreeMap::new();
    while let Some(interval) = figures.poll_output() {
        *sums.entry(interval.queue).or_default() += interval.counters;
    }
    sums
}
