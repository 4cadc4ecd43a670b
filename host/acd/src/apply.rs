//! A new configuration takes effect while people wait and talk.

use plugboard_model::{Configuration, InteractionId, QueueExit, QueueId, ReleaseReason, Timestamp};

use crate::{
    Acd,
    agent::Agent,
    ask::Question,
    queue::{Line, Queue},
    skill,
    table::{AgentKey, QueueKey},
    timer::Timer,
};

impl Acd {
    /// Queues and agents are changed by name. Indexes are built anew, which takes milliseconds with thousands waiting and is rare.
    pub(crate) fn apply(&mut self, now: Timestamp, configuration: &Configuration) {
        self.reconfiguring = true;
        self.zone = configuration.time_zone.clone();
        self.longest_call = configuration.limits.call_length + crate::CALL_GRACE;
        self.drop_questions();
        self.clear_indexes();
        self.close_queues(now, configuration);
        self.open_queues(configuration);
        self.dismiss_agents(now, configuration);
        self.skills = skill::table(configuration);
        self.seat_agents(now, configuration);
        self.line_up_all(now);
        self.reconfiguring = false;
        for queue in self.queues.keys().collect::<Vec<_>>() {
            self.watch(now, queue);
        }
        self.match_all(now);
    }

    /// Each answer to come is void; everybody is matched again at the end.
    fn drop_questions(&mut self) {
        for (id, Question { deadline, .. }) in std::mem::take(&mut self.questions) {
            self.timers.cancel(Some(deadline), Timer::Question(id));
        }
        let agents: Vec<AgentKey> = self.agents.keys().collect();
        for agent in agents {
            self.forget_asking(agent);
        }
        let interactions: Vec<InteractionId> = self.entries.keys().copied().collect();
        for interaction in interactions {
            self.stop_asking(interaction);
            self.unwind(interaction);
        }
        for ((interaction, agent), at) in std::mem::take(&mut self.declined) {
            self.timers.cancel(Some(at), Timer::BackOff(interaction, agent));
        }
    }

    /// From here to `seat_agents` nobody is indexed as ready, so that no index can point to what is going.
    fn clear_indexes(&mut self) {
        let queues: Vec<QueueKey> = self.queues.keys().collect();
        for queue in queues {
            self.queues[queue].ready.clear();
            self.queues[queue].members.clear();
        }
        let agents: Vec<AgentKey> = self.agents.keys().collect();
        for agent in agents {
            self.agents[agent].queues = Box::default();
        }
    }

    fn close_queues(&mut self, now: Timestamp, configuration: &Configuration) {
        let closed: Vec<(QueueKey, QueueId)> = self
            .queues
            .iter()
            .filter(|(_, queue)| !configuration.queues.contains_key(&queue.id))
            .map(|(key, queue)| (key, queue.id.clone()))
            .collect();
        for (key, _) in &closed {
            let key = *key;
            let waiting: Vec<InteractionId> =
                self.entries.iter().filter(|(_, entry)| entry.queue == Some(key)).map(|(id, _)| *id).collect();
            for interaction in waiting {
                self.leave(now, interaction, QueueExit::Closed, true);
            }
            let agents: Vec<AgentKey> = self.agents.keys().collect();
            for agent in agents {
                if let Some(task) = self.agents[agent].state.task_mut()
                    && task.queue == Some(key)
                {
                    task.queue = None;
                }
            }
            self.stop_watching(now, key);
        }
        // Once nobody waits in any of them, so that whoever left found every queue that they were let in to.
        for (key, id) in closed {
            self.entries.values_mut().for_each(|entry| entry.relaxation.forget_helper(key));
            self.queues.remove(&id);
        }
    }

    fn open_queues(&mut self, configuration: &Configuration) {
        let mut changed = Vec::new();
        for (id, rules) in &configuration.queues {
            match self.queues.key(id) {
                Some(key) => {
                    if self.queues[key].change(rules) {
                        changed.push(key);
                    }
                }
                None => {
                    self.queues.insert(id.clone(), Queue::new(id.clone(), rules.clone()));
                }
            }
        }
        let queues: Vec<QueueKey> = self.queues.keys().collect();
        for key in queues {
            let to = self.queues[key].rules.overflow_to.as_ref().and_then(|to| self.queues.key(to));
            self.queues[key].overflow_to = to.filter(|to| *to != key);
        }
        let is_of = |queue: Option<QueueKey>| queue.is_some_and(|key| changed.contains(&key));
        let anew: Vec<_> = self.entries.iter().filter(|(_, entry)| is_of(entry.queue)).map(|(id, _)| *id).collect();
        for interaction in anew {
            self.begin_anew(interaction);
        }
    }

    fn dismiss_agents(&mut self, now: Timestamp, configuration: &Configuration) {
        let dismissed: Vec<AgentKey> = self
            .agents
            .iter()
            .filter(|(_, agent)| !configuration.agents.contains_key(&agent.id))
            .map(|(key, _)| key)
            .collect();
        for key in dismissed {
            self.agents[key].configured = false;
            let state = &self.agents[key].state;
            if state.offer().is_some() {
                self.give_up(now, key, ReleaseReason::Moved, false);
            } else if state.task().is_none() {
                self.rest(now, key, crate::duty::Idle::Anew);
            }
        }
    }

    fn seat_agents(&mut self, now: Timestamp, configuration: &Configuration) {
        self.by_rank.clear();
        for (rank, (id, resource)) in (0..).zip(&configuration.agents) {
            let key = match self.agents.key(id) {
                Some(key) => key,
                None => self.agents.insert(id.clone(), Agent::new(id.clone(), now)),
            };
            let mut queues: Vec<QueueKey> = resource.queues.iter().filter_map(|id| self.queues.key(id)).collect();
            queues.sort_unstable();
            queues.dedup();
            for queue in &queues {
                self.queues[*queue].members.push(key);
            }
            let agent = &mut self.agents[key];
            agent.configured = true;
            agent.rank = rank;
            agent.levels = skill::levels(&self.skills, &resource.skills);
            agent.ready_on_register = resource.ready_on_register;
            agent.queues = queues.into();
            self.by_rank.push(key);
            self.index_if_ready(key);
        }
        let ids: Vec<_> = configuration.agents.keys().collect();
        let queues: Vec<QueueKey> = self.queues.keys().collect();
        for queue in queues {
            let queue = &mut self.queues[queue];
            let served = queue.last_served.as_ref().map_or(0, |last| ids.partition_point(|id| *id <= last));
            queue.next_rank = u32::try_from(served).unwrap_or(u32::MAX);
        }
    }

    fn line_up_all(&mut self, now: Timestamp) {
        let queues: Vec<QueueKey> = self.queues.keys().collect();
        for queue in queues {
            self.queues[queue].line = Line::default();
            self.queues[queue].guests.clear();
        }
        for (interaction, mut entry) in std::mem::take(&mut self.entries) {
            self.apply_rules(now, &mut entry);
            entry.held_back = false;
            let waits = entry.offered.is_none();
            self.entries.insert(interaction, entry);
            if waits {
                self.line_up(interaction);
            }
        }
    }

    /// The longest idle first: one who was idle may serve a queue with a backlog now.
    fn match_all(&mut self, now: Timestamp) {
        let mut ready: Vec<AgentKey> =
            self.agents.iter().filter(|(_, agent)| agent.state.is_ready()).map(|(key, _)| key).collect();
        ready.sort_by_key(|key| (self.agents[*key].idle_since, self.agents[*key].rank));
        for agent in ready {
            self.seek(now, agent);
        }
    }
}
