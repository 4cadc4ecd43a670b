//! What moves an interaction into, within and out of a queue.

use std::{cmp::Reverse, time::Duration};

use plugboard_model::{EventKind, InteractionId, QueueExit, QueueId, ReleaseReason, SkillNeed, Timestamp};

use crate::{
    ALONE_BACK_OFF, Acd, DIRECT_RING_TIMEOUT, Output,
    queue::{Entry, Overflow},
    relax::Relaxation,
    skill,
    table::{AgentKey, Key, QueueKey},
    timer::Timer,
};

/// What [`crate::Input::Enqueue`] says of an interaction.
pub(crate) struct Arrival {
    pub(crate) interaction: InteractionId,
    pub(crate) queue: QueueId,
    pub(crate) priority: i32,
    pub(crate) skills: Vec<SkillNeed>,
    pub(crate) since: Timestamp,
    pub(crate) max_wait: Option<Duration>,
}

impl Acd {
    pub(crate) fn handle_enqueue(&mut self, now: Timestamp, arrival: Arrival) {
        let Arrival { interaction, queue: id, priority, skills, since, max_wait } = arrival;
        let key = self.queues.key(&id);
        if let Some(entry) = self.entries.get(&interaction) {
            if entry.queue.is_some() && entry.queue == key {
                return;
            }
            self.leave(now, interaction, QueueExit::Moved, false);
        }
        let turned_away = match key {
            None => Some(QueueExit::Closed),
            Some(key) if self.queues[key].rules.refuse_when_unstaffed && !self.is_staffed(key) => {
                Some(QueueExit::NoAgents)
            }
            Some(key) if self.queues[key].len() >= self.queues[key].rules.max_waiting => Some(QueueExit::Full),
            Some(_) => None,
        };
        let key = match (key, turned_away) {
            (Some(key), None) => key,
            (_, exit) => {
                self.say_left(interaction, id, exit.unwrap_or(QueueExit::Closed));
                return;
            }
        };
        self.queues[key].note_entered(now);
        let class = self.classes.join(Vec::new());
        let mut entry = Entry {
            queue: Some(key),
            priority,
            skills: skills.into(),
            max_wait,
            ..Entry::direct(interaction, class, now)
        };
        entry.place.since = since.min(now);
        entry.relaxation = Relaxation::begin(&self.queues[key], entry.place.since);
        self.apply_rules(now, &mut entry);
        let facts = self.queued_fact(&entry);
        self.queues[key].watch.note_waiting(entry.place.since, interaction);
        self.entries.insert(interaction, entry);
        self.line_up(interaction);
        self.outputs.push_back(Output::Fact(facts));
        self.offer(now, interaction);
        self.watch(now, key);
    }

    fn queued_fact(&self, entry: &Entry) -> EventKind {
        let queue = &self.queues[entry.queue.expect("only an entry with a queue is queued")];
        let skills = skill::named(entry.needs(&queue.rules));
        EventKind::Queued {
            interaction: entry.place.interaction,
            queue: queue.id.clone(),
            priority: entry.place.priority.0,
            skills,
            position: queue.line.before(&entry.place) + 1,
        }
    }

    /// Computes from the queue's rules what an entry derives from them, and sets its timers. The entry is in no line while this runs.
    pub(crate) fn apply_rules(&mut self, now: Timestamp, entry: &mut Entry) {
        let interaction = entry.place.interaction;
        self.timers.cancel(entry.deadline.take(), Timer::MaxWait(interaction));
        self.timers.cancel(entry.overflow.at(), Timer::Overflow(interaction));
        self.classes.quit(entry.class);
        let Some(key) = entry.queue else {
            entry.class = self.classes.join(Vec::new());
            return;
        };
        let queue = &self.queues[key];
        entry.class = self.classes.join(skill::needs(&self.skills, entry.needs(&queue.rules)));
        entry.place.priority = Reverse(queue.rules.priority.saturating_add(entry.priority));
        entry.deadline = entry.max_wait.or(queue.rules.max_wait).map(|wait| entry.entered + wait);
        if let Some(at) = entry.deadline {
            self.timers.set(at, Timer::MaxWait(interaction));
        }
        entry.overflow = match (queue.overflow_to, queue.rules.overflow_after) {
            (Some(_), Some(after)) if entry.place.since + after <= now => Overflow::Now,
            (Some(_), Some(after)) => Overflow::At(entry.place.since + after),
            _ => Overflow::Never,
        };
        if let Some(at) = entry.overflow.at() {
            self.timers.set(at, Timer::Overflow(interaction));
        }
    }

    /// Into the line, so that agents find it.
    pub(crate) fn line_up(&mut self, interaction: InteractionId) {
        let Some(entry) = self.entries.get(&interaction) else { return };
        let Some(key) = entry.queue else { return };
        self.queues[key].line.insert(entry.class, entry.place);
        let helpers: Vec<QueueKey> = entry.helpers(&self.queues[key]).collect();
        for helper in helpers {
            self.queues[helper].guests.entry(key).or_default().insert(entry.class, entry.place);
        }
        self.wind_up(interaction);
    }

    /// Out of the line; in the queue still.
    pub(crate) fn step_out(&mut self, interaction: InteractionId) {
        let Some(entry) = self.entries.get(&interaction) else { return };
        let Some(key) = entry.queue else { return };
        self.queues[key].line.remove(entry.class, &entry.place);
        let helpers: Vec<QueueKey> = entry.helpers(&self.queues[key]).collect();
        for helper in helpers {
            let guests = &mut self.queues[helper].guests;
            if let Some(line) = guests.get_mut(&key) {
                line.remove(entry.class, &entry.place);
                if line.len() == 0 {
                    guests.remove(&key);
                }
            }
        }
        self.unwind(interaction);
    }

    /// Removes every trace.
    fn remove(&mut self, interaction: InteractionId) -> Option<Entry> {
        self.step_out(interaction);
        self.stop_asking(interaction);
        let entry = self.entries.remove(&interaction)?;
        self.timers.cancel(entry.deadline, Timer::MaxWait(interaction));
        self.timers.cancel(entry.overflow.at(), Timer::Overflow(interaction));
        while let Some((pair, at)) = self
            .declined
            .range((interaction, AgentKey::LEAST)..)
            .next()
            .filter(|((of, _), _)| *of == interaction)
            .map(|(pair, at)| (*pair, *at))
        {
            self.declined.remove(&pair);
            self.timers.cancel(Some(at), Timer::BackOff(pair.0, pair.1));
        }
        if let Some(key) = entry.queue {
            self.queues[key].offered.remove(&interaction);
            self.queues[key].watch.note_gone(entry.place.since, interaction);
        }
        self.classes.quit(entry.class);
        Some(entry)
    }

    fn say_left(&mut self, interaction: InteractionId, queue: QueueId, exit: QueueExit) {
        self.outputs.push_back(Output::Fact(EventKind::LeftQueue { interaction, queue: queue.clone(), exit }));
        self.outputs.push_back(Output::Left { interaction, queue, exit });
    }

    /// Ends the wait or the direct offer. `say`: it is our decision, so the exchange must hear of it.
    pub(crate) fn leave(&mut self, now: Timestamp, interaction: InteractionId, exit: QueueExit, say: bool) {
        let Some(entry) = self.remove(interaction) else { return };
        let queue = entry.queue.map(|key| self.queues[key].id.clone());
        if let Some(agent) = entry.offered {
            let reason = if exit == QueueExit::Abandoned { ReleaseReason::CallerLeft } else { ReleaseReason::Moved };
            self.release(now, agent, reason, false);
        }
        match queue {
            Some(queue) if say => self.say_left(interaction, queue, exit),
            Some(queue) => self.outputs.push_back(Output::Fact(EventKind::LeftQueue { interaction, queue, exit })),
            // An offer to a named agent was in no queue.
            None => {}
        }
        if let Some(queue) = entry.queue {
            self.watch(now, queue);
        }
        if let Some(agent) = entry.offered {
            self.seek(now, agent);
        }
    }

    pub(crate) fn leave_connected(&mut self, now: Timestamp, interaction: InteractionId) {
        let Some(entry) = self.remove(interaction) else { return };
        if let Some(key) = entry.queue {
            let queue = &mut self.queues[key];
            queue.note_answered(now);
            queue.watch.note_answered(now, now - entry.entered);
            let (queue, exit) = (queue.id.clone(), QueueExit::Connected);
            self.outputs.push_back(Output::Fact(EventKind::LeftQueue { interaction, queue, exit }));
            self.watch(now, key);
        }
    }

    /// The offer ended without an answer: back to the old place, unless the wait is over. Whoever declined is passed over for a while.
    pub(crate) fn put_back(&mut self, now: Timestamp, interaction: InteractionId, declined_by: Option<AgentKey>) {
        let Some(entry) = self.entries.get_mut(&interaction) else { return };
        entry.offered = None;
        entry.waiting_from = now;
        let Some(key) = entry.queue else {
            self.remove(interaction);
            return;
        };
        if entry.deadline.is_some_and(|deadline| deadline <= now) {
            self.leave(now, interaction, QueueExit::TimedOut, true);
            return;
        }
        self.queues[key].offered.remove(&interaction);
        self.line_up(interaction);
        if let Some(agent) = declined_by.filter(|agent| self.agents.get(*agent).is_some()) {
            let back_off =
                if self.is_alone(agent, interaction) { ALONE_BACK_OFF } else { self.queues[key].rules.ring_timeout };
            let until = now + back_off;
            let before = self.declined.insert((interaction, agent), until);
            self.timers.cancel(before, Timer::BackOff(interaction, agent));
            self.timers.set(until, Timer::BackOff(interaction, agent));
        }
        self.offer(now, interaction);
    }

    pub(crate) fn handle_changed(
        &mut self,
        now: Timestamp,
        interaction: InteractionId,
        skills: Option<Vec<SkillNeed>>,
        priority: Option<i32>,
    ) {
        let has_policy = |key| self.queues[key].policy.is_some();
        let is_asked_about = self.entries.get(&interaction).and_then(|entry| entry.queue).is_some_and(has_policy);
        if skills.is_none() && priority.is_none() && !is_asked_about {
            return;
        }
        self.step_out(interaction);
        self.stop_asking(interaction);
        let Some(mut entry) = self.entries.remove(&interaction) else { return };
        if let Some(skills) = skills {
            entry.skills = skills.into();
            // What was relaxed before was of other needs.
            if let Some(key) = entry.queue {
                entry.relaxation = Relaxation::begin(&self.queues[key], entry.place.since);
            }
        }
        if let Some(priority) = priority {
            entry.priority = priority;
        }
        self.apply_rules(now, &mut entry);
        let waits = entry.offered.is_none();
        self.entries.insert(interaction, entry);
        if waits {
            self.line_up(interaction);
            self.offer(now, interaction);
        }
    }

    pub(crate) fn handle_max_wait(&mut self, now: Timestamp, interaction: InteractionId) {
        // While an agent's phone rings the caller is about to be answered; `put_back` looks at the deadline again.
        if self.entries.get(&interaction).is_some_and(|entry| entry.offered.is_none()) {
            self.leave(now, interaction, QueueExit::TimedOut, true);
        }
    }

    pub(crate) fn handle_overflow(&mut self, now: Timestamp, interaction: InteractionId) {
        let Some(entry) = self.entries.get_mut(&interaction) else { return };
        entry.overflow = Overflow::Now;
        if entry.offered.is_none() {
            self.line_up(interaction);
            self.offer(now, interaction);
        }
    }

    pub(crate) fn handle_back_off(&mut self, now: Timestamp, interaction: InteractionId, agent: AgentKey) {
        self.declined.remove(&(interaction, agent));
        if self.agents.get(agent).is_some_and(|agent| agent.state.is_ready()) {
            self.offer(now, interaction);
        }
    }

    /// Somebody who serves the queue, or the queue that it overflows to, is logged in.
    fn is_staffed(&self, key: QueueKey) -> bool {
        let queue = &self.queues[key];
        let overflow = queue.overflow_to.into_iter().flat_map(|key| &self.queues[key].members);
        queue.members.iter().chain(overflow).any(|agent| self.agents[*agent].state.is_logged_in())
    }

    /// Nobody else at work could take it.
    fn is_alone(&self, agent: AgentKey, interaction: InteractionId) -> bool {
        let Some(entry) = self.entries.get(&interaction) else { return true };
        let Some(queue) = entry.queue.map(|key| &self.queues[key]) else { return true };
        let helping = entry.helpers(queue).flat_map(|key| &self.queues[key].members);
        let needs = self.classes.needs(entry.class);
        !queue.members.iter().chain(helping).any(|other| {
            let state = &self.agents[*other].state;
            *other != agent
                && (state.is_ready() || state.task().is_some())
                && skill::fits(&self.agents[*other].levels, needs)
        })
    }

    /// How long a named agent rings, or an agent of the queue.
    pub(crate) fn ring_timeout(&self, queue: Option<QueueKey>) -> Duration {
        queue.map_or(DIRECT_RING_TIMEOUT, |key| self.queues[key].rules.ring_timeout)
    }
}
