//! Who takes what.
//!
//! Two occasions: an interaction begins to wait (`offer` looks for an agent), and an agent comes free (`seek` looks for an interaction).
//! Each looks at everybody already there, so a pair that fits is found by whichever of the two comes later.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use plugboard_model::{AgentId, Choice, EventKind, InteractionId, Strategy, Timestamp, millis};

use crate::{
    Acd, LEASE, MOST_CANDIDATES, Output, RefuseReason,
    agent::{Agent, State, Task},
    queue::{Entry, Line, Place, Queue},
    skill::{fits, mastery},
    table::{AgentKey, ClassKey, QueueKey},
};

impl Acd {
    /// Finds an agent for an interaction that waits.
    pub(crate) fn offer(&mut self, now: Timestamp, interaction: InteractionId) {
        if self.reconfiguring {
            return;
        }
        // What the policy gives up decides who may take it, and is known in a moment.
        if self.entries.get(&interaction).is_none_or(|entry| entry.relaxation.question().is_some()) {
            return;
        }
        self.stop_asking(interaction);
        let Some(entry) = self.entries.get(&interaction).filter(|entry| entry.offered.is_none()) else { return };
        let Some(queue) = entry.queue.map(|key| &self.queues[key]) else { return };
        if queue.policy.is_some() {
            self.ask_for_waiting(now, interaction);
        } else if let Some(agent) = self.pick(now, entry, queue) {
            self.reserve(now, agent, interaction, None);
        }
    }

    /// Finds an interaction for an agent who is ready.
    pub(crate) fn seek(&mut self, now: Timestamp, agent: AgentKey) {
        self.seek_except(now, agent, Vec::new());
    }

    /// `refused`: queues whose policy just left this agent idle.
    pub(crate) fn seek_except(&mut self, now: Timestamp, agent: AgentKey, refused: Vec<QueueKey>) {
        if self.reconfiguring || !self.agents.get(agent).is_some_and(|agent| agent.state.is_ready()) {
            return;
        }
        let Some((queue, place)) = self.best_for(agent, &refused) else { return };
        if self.queues[queue].policy.is_some() {
            self.ask_for_agent(now, agent, queue, refused);
        } else {
            self.reserve(now, agent, place.interaction, None);
        }
    }

    /// The lines that `agent` takes from, with the queue that each belongs to: those of their own queues, and of other queues those who are let in to
    /// one of theirs. Who is let in to two of them stands in two lines.
    fn lines_for<'a>(&'a self, agent: &'a Agent) -> impl Iterator<Item = (QueueKey, &'a Line)> {
        agent.queues.iter().flat_map(move |key| {
            let queue = &self.queues[*key];
            let guests = queue.guests.iter().filter(|(from, _)| agent.queues.binary_search(from).is_err());
            std::iter::once((*key, &queue.line)).chain(guests.map(|(from, line)| (*from, line)))
        })
    }

    fn is_declined(&self, interaction: InteractionId, agent: AgentKey) -> bool {
        !self.declined.is_empty() && self.declined.contains_key(&(interaction, agent))
    }

    /// Highest priority, then longest wait, over all queues that the agent takes from.
    fn best_for(&self, key: AgentKey, refused: &[QueueKey]) -> Option<(QueueKey, Place)> {
        let agent = &self.agents[key];
        let mut best: Option<(QueueKey, Place)> = None;
        for (queue, line) in self.lines_for(agent) {
            if refused.contains(&queue) {
                continue;
            }
            for (class, places) in line.classes() {
                let better = |place: &&Place| best.as_ref().is_none_or(|(_, best)| *place < best);
                if places.first().filter(better).is_none() || !fits(&agent.levels, self.classes.needs(class)) {
                    continue;
                }
                let free = places.iter().find(|place| !self.is_declined(place.interaction, key));
                if let Some(place) = free.filter(better) {
                    best = Some((queue, *place));
                }
            }
        }
        best
    }

    /// The best interactions of one queue for the agent, in order: a merge of the classes that fit.
    pub(crate) fn short_list(&self, key: AgentKey, queue: QueueKey) -> Vec<InteractionId> {
        let agent = &self.agents[key];
        let mut classes: Vec<_> = self
            .lines_for(agent)
            .filter(|(of, _)| *of == queue)
            .flat_map(|(_, line)| line.classes())
            .filter(|(class, _)| fits(&agent.levels, self.classes.needs(*class)))
            .map(|(_, places)| places.iter().filter(|place| !self.is_declined(place.interaction, key)))
            .collect();
        let mut heads: BinaryHeap<Reverse<(Place, usize)>> = classes
            .iter_mut()
            .enumerate()
            .filter_map(|(class, places)| places.next().map(|place| Reverse((*place, class))))
            .collect();
        let mut list = Vec::new();
        while let Some(Reverse((place, class))) = heads.pop() {
            // Who stands in two lines comes twice in a row.
            if list.last() != Some(&place.interaction) {
                list.push(place.interaction);
            }
            if list.len() == MOST_CANDIDATES {
                break;
            }
            heads.extend(classes[class].next().map(|place| Reverse((*place, class))));
        }
        list
    }

    fn may_take(&self, agent: AgentKey, interaction: InteractionId, class: ClassKey) -> bool {
        fits(&self.agents[agent].levels, self.classes.needs(class)) && !self.is_declined(interaction, agent)
    }

    /// Whether a pair that a policy chose is still possible.
    pub(crate) fn is_possible(&self, agent: AgentKey, interaction: InteractionId) -> bool {
        self.agents.get(agent).is_some_and(|agent| agent.state.is_ready())
            && self
                .entries
                .get(&interaction)
                .is_some_and(|entry| entry.offered.is_none() && self.may_take(agent, interaction, entry.class))
    }

    /// The agent whom the queue's strategy prefers: among its own, else among those whom it overflows to.
    fn pick(&self, now: Timestamp, entry: &Entry, queue: &Queue) -> Option<AgentKey> {
        self.pick_from(now, entry, queue, queue)
            .or_else(|| entry.helpers(queue).find_map(|helper| self.pick_from(now, entry, queue, &self.queues[helper])))
    }

    /// Where `pool` keeps its ready agents in the order that `queue` wants, the first that fits is taken; else each is compared.
    fn pick_from(&self, now: Timestamp, entry: &Entry, queue: &Queue, pool: &Queue) -> Option<AgentKey> {
        let (interaction, class) = (entry.place.interaction, entry.class);
        let agent_of = |(_, rank): &(u64, u32)| self.by_rank[*rank as usize];
        let may_take = |agent: &AgentKey| self.may_take(*agent, interaction, class);
        match (queue.rules.strategy, pool.rules.strategy) {
            (Strategy::RoundRobin, Strategy::RoundRobin) => {
                let next = (0, queue.next_rank);
                pool.ready.range(next..).chain(pool.ready.range(..next)).map(agent_of).find(may_take)
            }
            (Strategy::LongestIdle, pool_order) if pool_order != Strategy::RoundRobin => {
                pool.ready.iter().map(agent_of).find(may_take)
            }
            _ => pool
                .ready
                .iter()
                .map(agent_of)
                .filter(may_take)
                .min_by(|a, b| self.compare(now, queue, class, &self.agents[*a], &self.agents[*b])),
        }
    }

    /// `Less`: the strategy prefers `a`. Ties go to the longer idle, then to the lower id.
    fn compare(&self, now: Timestamp, queue: &Queue, class: ClassKey, a: &Agent, b: &Agent) -> Ordering {
        let longest_idle = || (a.idle_since, a.rank).cmp(&(b.idle_since, b.rank));
        match queue.rules.strategy {
            Strategy::LongestIdle => longest_idle(),
            Strategy::RoundRobin => {
                let turn = |agent: &Agent| (agent.rank < queue.next_rank, agent.rank);
                turn(a).cmp(&turn(b))
            }
            Strategy::LeastOccupied => {
                let ((busy_a, in_a), (busy_b, in_b)) = (a.load.today(now), b.load.today(now));
                // busy / logged in, multiplied out so that it is exact; who just logged in has been busy for no time.
                (busy_a * in_b.max(1)).cmp(&(busy_b * in_a.max(1))).then_with(longest_idle)
            }
            Strategy::MostSkilled => {
                let needs = self.classes.needs(class);
                mastery(&b.levels, needs).cmp(&mastery(&a.levels, needs)).then_with(longest_idle)
            }
        }
    }

    /// Ready agents for an interaction in native order: the queue's own, then those whom it overflows to.
    pub(crate) fn candidates(&self, now: Timestamp, entry: &Entry, queue: &Queue) -> Vec<AgentKey> {
        let mut list = Vec::new();
        for pool in std::iter::once(queue).chain(entry.helpers(queue).map(|key| &self.queues[key])) {
            let mut of_pool: Vec<AgentKey> = pool
                .ready
                .iter()
                .map(|(_, rank)| self.by_rank[*rank as usize])
                .filter(|agent| self.may_take(*agent, entry.place.interaction, entry.class) && !list.contains(agent))
                .collect();
            of_pool.sort_by(|a, b| self.compare(now, queue, entry.class, &self.agents[*a], &self.agents[*b]));
            list.extend(of_pool);
            list.truncate(MOST_CANDIDATES);
        }
        list
    }

    /// Promises the agent to the interaction under a lease. `choice`: how a policy came to it.
    pub(crate) fn reserve(
        &mut self,
        now: Timestamp,
        key: AgentKey,
        interaction: InteractionId,
        choice: Option<Choice>,
    ) {
        self.step_out(interaction);
        self.stop_asking(interaction);
        let Some(entry) = self.entries.get_mut(&interaction) else { return };
        entry.offered = Some(key);
        entry.held_back = false;
        let (queue, waiting_from) = (entry.queue, entry.waiting_from);
        let agent = &self.agents[key];
        let (id, rank) = (agent.id.clone(), agent.rank);
        let since_free = now - agent.since.max(waiting_from);
        let mut task = Task {
            interaction,
            queue,
            ring_timeout: self.ring_timeout(queue),
            wrap_up: std::time::Duration::ZERO,
            missed_limit: 1,
            until: now + LEASE,
        };
        let mut name = None;
        if let Some(queue) = queue {
            let queue = &mut self.queues[queue];
            queue.offered.insert(interaction);
            queue.next_rank = rank + 1;
            queue.last_served = Some(id.clone());
            task.wrap_up = queue.rules.wrap_up;
            task.missed_limit = queue.rules.missed_limit;
            name = Some(queue.id.clone());
        }
        self.outputs.push_back(Output::Fact(EventKind::Reserved {
            interaction,
            agent: id.clone(),
            queue: name.clone(),
            lease_ms: millis(LEASE),
            since_free_ms: millis(since_free),
            choice,
        }));
        self.change(now, key, State::Reserved(task));
        self.outputs.push_back(Output::Reserve { interaction, agent: id, queue: name, lease: LEASE, since_free });
    }

    pub(crate) fn handle_reserve_agent(&mut self, now: Timestamp, interaction: InteractionId, id: &AgentId) {
        let Some(key) = self.agents.key(id) else {
            self.refuse(interaction, id, RefuseReason::UnknownAgent);
            return;
        };
        let refused = match &self.agents[key].state {
            _ if self.entries.get(&interaction).is_some_and(|entry| entry.offered.is_some()) => {
                Some(RefuseReason::AlreadyOffered)
            }
            State::Ready => None,
            State::LoggedOut => Some(RefuseReason::LoggedOut),
            State::NotReady { .. } => Some(RefuseReason::NotReady),
            State::Unreachable { .. } => Some(RefuseReason::Unreachable),
            _ => Some(RefuseReason::Busy),
        };
        if let Some(reason) = refused {
            self.refuse(interaction, id, reason);
            return;
        }
        let class = self.classes.join(Vec::new());
        let mut joined = false;
        self.entries.entry(interaction).or_insert_with(|| {
            joined = true;
            Entry::direct(interaction, class, now)
        });
        if !joined {
            self.classes.quit(class);
        }
        self.reserve(now, key, interaction, None);
    }

    fn refuse(&mut self, interaction: InteractionId, agent: &AgentId, reason: RefuseReason) {
        self.outputs.push_back(Output::Refused { interaction, agent: agent.clone(), reason });
    }
}
