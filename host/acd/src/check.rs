//! Every invariant, for tests.

use std::collections::BTreeSet;

use plugboard_model::Timestamp;

use crate::{
    Acd,
    agent::{Rest, State},
    ask::Pairs,
    skill,
    timer::Timer,
};

impl Acd {
    /// For tests: walks everything.
    ///
    /// # Panics
    /// If an index, timer or reference disagrees with another.
    pub fn check(&self) {
        self.check_agents();
        self.check_entries();
        self.check_queues();
        self.check_questions_and_timers();
    }

    fn check_agents(&self) {
        for (key, agent) in self.agents.iter() {
            if let Some(until) = agent.state.until() {
                assert!(self.timers.holds(until, Timer::Agent(key)), "{}: deadline without a timer", agent.id);
            }
            if let Some(task) = agent.state.offer() {
                let entry = self.entries.get(&task.interaction);
                let entry = entry.unwrap_or_else(|| panic!("{} is promised to nothing", agent.id));
                assert_eq!(entry.offered, Some(key), "{}: promised to what another is offered", agent.id);
                assert_eq!(entry.queue, task.queue, "{}: promised for another queue", agent.id);
            }
            if let Some(task) = agent.state.task() {
                assert!(task.queue.is_none_or(|queue| self.queues.get(queue).is_some()), "{}: queue is gone", agent.id);
            } else {
                assert!(agent.configured, "{}: removed and at rest", agent.id);
                assert_eq!(agent.own_calls, Vec::new(), "{}: on a call and at rest", agent.id);
                assert_eq!(agent.pending, None, "{}: asked for something and at rest", agent.id);
            }
            match &agent.state {
                State::Ready => assert!(agent.reachable && agent.rest == Rest::Ready, "{}: ready alone", agent.id),
                State::NotReady { .. } => assert!(agent.reachable, "{}: not ready and unreachable", agent.id),
                State::Unreachable { retry } => {
                    assert_eq!(agent.reachable, retry.is_some(), "{}: no way back", agent.id);
                }
                _ => {}
            }
            assert!(agent.state.is_ready() || agent.question.is_none(), "{}: asked about and not ready", agent.id);
            assert!(agent.state.is_ready() || agent.ask_again.is_none(), "{}: to ask about, not ready", agent.id);
            if agent.configured {
                assert_eq!(self.by_rank[agent.rank as usize], key);
            }
        }
    }

    fn check_entries(&self) {
        let mut users = 0;
        for (id, entry) in &self.entries {
            users += 1;
            assert_eq!(entry.place.interaction, *id);
            if let Some(agent) = entry.offered {
                let offer = self.agents[agent].state.offer();
                assert!(offer.is_some_and(|task| task.interaction == *id), "{id} is offered to one who does not know");
            }
            let Some(key) = entry.queue else {
                assert!(entry.offered.is_some(), "{id} is in no queue and offered to nobody");
                continue;
            };
            let queue = &self.queues[key];
            let waits = entry.offered.is_none();
            assert_eq!(queue.line.contains(entry.class, &entry.place), waits, "{id}: place in line");
            for helper in entry.helpers(queue) {
                let line = self.queues[helper].guests.get(&key);
                let is_guest = line.is_some_and(|line| line.contains(entry.class, &entry.place));
                assert_eq!(is_guest, waits, "{id}: place as a guest");
            }
            assert!(waits || entry.relaxation.timer().is_none(), "{id}: to be relaxed and offered");
            assert!(waits || entry.relaxation.question().is_none(), "{id}: being relaxed and offered");
            assert_eq!(queue.offered.contains(id), !waits, "{id}: offered");
            let needs = skill::needs(&self.skills, entry.needs(&queue.rules));
            assert_eq!(**self.classes.needs(entry.class), *needs);
            assert!(waits || entry.question.is_none() && entry.ask_again.is_none(), "{id}: asked about and offered");
            if let Some(deadline) = entry.deadline.filter(|_| waits) {
                assert!(self.timers.holds(deadline, Timer::MaxWait(*id)), "{id}: wait without an end");
            }
            if let Some(at) = entry.overflow.at() {
                assert!(self.timers.holds(at, Timer::Overflow(*id)), "{id}: overflow without a timer");
            }
            // The point of the whole: nobody waits beside an idle agent who fits, unless a policy or a refusal keeps them apart.
            if waits && queue.policy.is_none() && !self.reconfiguring {
                let helping = entry.helpers(queue).flat_map(|key| &self.queues[key].members);
                for agent in queue.members.iter().chain(helping).filter(|agent| self.agents[**agent].state.is_ready()) {
                    let agent_row = &self.agents[*agent];
                    assert!(
                        !skill::fits(&agent_row.levels, &needs)
                            || self.declined.contains_key(&(*id, *agent))
                            || agent_row.question.is_some(),
                        "{id} waits and {} is idle",
                        agent_row.id
                    );
                }
            }
        }
        assert_eq!(self.classes.users(), users);
        for ((interaction, agent), at) in &self.declined {
            assert!(self.entries.contains_key(interaction), "{interaction} was declined and is gone");
            assert!(self.agents.get(*agent).is_some(), "{interaction} was declined by one who is gone");
            assert!(self.timers.holds(*at, Timer::BackOff(*interaction, *agent)));
        }
    }

    fn check_queues(&self) {
        for (key, queue) in self.queues.iter() {
            let waiting = self.entries.values().filter(|entry| entry.queue == Some(key)).count();
            assert_eq!(queue.len() as usize, waiting, "{}: length", queue.id);
            assert_eq!(queue.line.places().count(), queue.line.len() as usize);
            for (from, line) in &queue.guests {
                let of_queue =
                    self.entries.values().filter(|entry| entry.queue == Some(*from) && entry.offered.is_none());
                let guests = of_queue.filter(|entry| entry.helpers(&self.queues[*from]).any(|helper| helper == key));
                assert_eq!(guests.count(), line.len() as usize, "{}: guests", queue.id);
                assert!(line.len() > 0, "{}: an empty line of guests", queue.id);
            }
            assert_eq!(queue.watch.len(), waiting, "{}: who waits since when", queue.id);
            let oldest = self.entries.values().filter(|entry| entry.queue == Some(key)).map(|entry| entry.place.since);
            assert_eq!(queue.watch.oldest(), oldest.min(), "{}: longest wait", queue.id);
            let ready: BTreeSet<(u64, u32)> = queue
                .members
                .iter()
                .map(|agent| &self.agents[*agent])
                .filter(|agent| agent.state.is_ready())
                .map(|agent| queue.ready_order(agent.idle_since, agent.rank))
                .collect();
            assert_eq!(queue.ready, ready, "{}: who is ready", queue.id);
        }
    }

    fn check_questions_and_timers(&self) {
        for (id, question) in &self.questions {
            assert!(self.timers.holds(question.deadline, Timer::Question(*id)));
            let asked = match &question.pairs {
                Pairs::Agents { interaction, .. } => self.entries.get(interaction).and_then(|entry| entry.question),
                Pairs::Waiting { agent, .. } => self.agents.get(*agent).and_then(|agent| agent.question),
                Pairs::Relax { interaction } => {
                    self.entries.get(interaction).and_then(|entry| entry.relaxation.question())
                }
            };
            assert_eq!(asked, Some(*id), "a question nobody waits for");
        }
        // Exactly these, so that no timer outlives its reason.
        let agents = self.agents.iter().map(|(key, agent)| {
            usize::from(agent.state.until().is_some())
                + usize::from(agent.ask_again.is_some_and(|at| self.timers.holds(at, Timer::AskForAgent(key))))
        });
        let entries = self.entries.iter().map(|(id, entry)| {
            let holds = |at: Option<Timestamp>, timer| usize::from(at.is_some_and(|at| self.timers.holds(at, timer)));
            holds(entry.deadline, Timer::MaxWait(*id))
                + holds(entry.overflow.at(), Timer::Overflow(*id))
                + holds(entry.ask_again, Timer::AskForWaiting(*id))
                + holds(entry.relaxation.timer(), Timer::Relax(*id))
        });
        let watched = self.queues.iter().map(|(key, queue)| {
            usize::from(queue.watch.timer().is_some_and(|at| self.timers.holds(at, Timer::Watch(key))))
        });
        let reasons = agents.sum::<usize>() + entries.sum::<usize>() + watched.sum::<usize>();
        let reasons = reasons + self.declined.len() + self.questions.len();
        assert_eq!(self.timers.len(), reasons, "timers without a reason");
    }
}
