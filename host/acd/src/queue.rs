//! One queue: who waits in which order, and who is ready.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use plugboard_model::{AgentId, InteractionId, Policy, Queue as Rules, QueueId, SkillNeed, Strategy, Timestamp};

use crate::{
    QuestionId,
    alarm::Watch,
    relax::Relaxation,
    table::{AgentKey, ClassKey, QueueKey},
};

/// A place in line: higher priority first, then the longer wait, then the lower id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) priority: Reverse<i32>,
    pub(crate) since: Timestamp,
    pub(crate) interaction: InteractionId,
}

/// Who waits, one ordered set for each class of needs: a free agent looks at the head of each class that fits, never at the backlog.
#[derive(Default)]
pub(crate) struct Line {
    classes: BTreeMap<ClassKey, BTreeSet<Place>>,
    length: u32,
}

impl Line {
    pub(crate) fn insert(&mut self, class: ClassKey, place: Place) {
        if self.classes.entry(class).or_default().insert(place) {
            self.length += 1;
        }
    }

    pub(crate) fn remove(&mut self, class: ClassKey, place: &Place) {
        let Some(places) = self.classes.get_mut(&class) else { return };
        if places.remove(place) {
            self.length -= 1;
        }
        if places.is_empty() {
            self.classes.remove(&class);
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.length
    }

    pub(crate) fn classes(&self) -> impl Iterator<Item = (ClassKey, &BTreeSet<Place>)> + '_ {
        self.classes.iter().map(|(class, places)| (*class, places))
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> + '_ {
        self.classes.values().flatten()
    }

    pub(crate) fn contains(&self, class: ClassKey, place: &Place) -> bool {
        self.classes.get(&class).is_some_and(|places| places.contains(place))
    }

    /// How many stand before `place`. Counts from the nearer end of each class, so a newcomer costs nothing; at worst half the line.
    pub(crate) fn before(&self, place: &Place) -> u32 {
        self.classes
            .values()
            .map(|places| {
                let (mut ahead, mut behind) = (places.range(..place), places.range(place..));
                let mut steps = 0;
                loop {
                    if ahead.next().is_none() {
                        break steps;
                    }
                    if behind.next().is_none() {
                        break u32::try_from(places.len()).unwrap_or(u32::MAX) - steps;
                    }
                    steps += 1;
                }
            })
            .sum()
    }
}

/// One interaction in a queue, or offered to a named agent with no queue.
pub(crate) struct Entry {
    pub(crate) queue: Option<QueueKey>,
    pub(crate) class: ClassKey,
    /// Its own; the queue's is added in `place`.
    pub(crate) priority: i32,
    /// Its own needs, kept for the day that skills are numbered anew.
    pub(crate) skills: Box<[SkillNeed]>,
    pub(crate) place: Place,
    /// When this stay began.
    pub(crate) entered: Timestamp,
    /// When it last began to wait for an agent: `entered`, or the end of the last offer.
    pub(crate) waiting_from: Timestamp,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) overflow: Overflow,
    pub(crate) offered: Option<AgentKey>,
    pub(crate) question: Option<QuestionId>,
    pub(crate) ask_again: Option<Timestamp>,
    /// Its policy left it waiting beside free agents, which is recorded.
    pub(crate) held_back: bool,
    pub(crate) relaxation: Relaxation,
}

/// Whether agents of the other queue are asked as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    Never,
    At(Timestamp),
    Now,
}

impl Overflow {
    pub(crate) fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Never | Self::Now => None,
        }
    }
}

impl Entry {
    /// An offer to a named agent.
    pub(crate) fn direct(interaction: InteractionId, class: ClassKey, now: Timestamp) -> Self {
        Self {
            queue: None,
            class,
            priority: 0,
            skills: Box::default(),
            place: Place { priority: Reverse(0), since: now, interaction },
            entered: now,
            waiting_from: now,
            max_wait: None,
            deadline: None,
            overflow: Overflow::Never,
            offered: None,
            question: None,
            ask_again: None,
            held_back: false,
            relaxation: Relaxation::default(),
        }
    }

    /// What an agent must have: the queue's needs and its own, or what a policy left of them.
    pub(crate) fn needs<'a>(&'a self, queue: &'a Rules) -> impl Iterator<Item = &'a SkillNeed> {
        let (relaxed, original) = match self.relaxation.needs() {
            Some(needs) => (needs, None),
            None => (&[][..], Some(queue.skills.iter().chain(&*self.skills))),
        };
        relaxed.iter().chain(original.into_iter().flatten())
    }

    /// Queues of `queue` whose agents are asked as well, besides its own.
    pub(crate) fn helpers(&self, queue: &Queue) -> impl Iterator<Item = QueueKey> {
        let native = queue.overflow_to.filter(|_| self.overflow == Overflow::Now);
        native.into_iter().chain(self.relaxation.helpers().iter().copied().filter(move |key| Some(*key) != native))
    }
}

pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) rules: Rules,
    pub(crate) policy: Option<Arc<str>>,
    /// After so long in line the policy is asked what may be relaxed.
    pub(crate) relax_first: Option<Duration>,
    pub(crate) overflow_to: Option<QueueKey>,
    /// Configured agents who serve it.
    pub(crate) members: Vec<AgentKey>,
    /// Who waits and is not being offered.
    pub(crate) line: Line,
    /// Those of other queues, by their own queue, for whom agents of this one are asked as well.
    pub(crate) guests: BTreeMap<QueueKey, Line>,
    pub(crate) offered: BTreeSet<InteractionId>,
    /// Ready members: order by strategy, then rank.
    pub(crate) ready: BTreeSet<(u64, u32)>,
    /// Round robin goes on from this rank.
    pub(crate) next_rank: u32,
    pub(crate) last_served: Option<AgentId>,
    busy_since: Timestamp,
    last_answer: Timestamp,
    pub(crate) answer_interval: Option<Duration>,
    pub(crate) watch: Watch,
}

impl Queue {
    pub(crate) fn new(id: QueueId, rules: Rules) -> Self {
        Self {
            id,
            policy: rules.policy.as_ref().map(|policy| policy.plugin.as_str().into()),
            relax_first: rules.policy.as_ref().and_then(Policy::relax_first),
            rules,
            overflow_to: None,
            members: Vec::new(),
            line: Line::default(),
            guests: BTreeMap::new(),
            offered: BTreeSet::new(),
            ready: BTreeSet::new(),
            next_rank: 0,
            last_served: None,
            busy_since: Timestamp::EPOCH,
            last_answer: Timestamp::EPOCH,
            answer_interval: None,
            watch: Watch::default(),
        }
    }

    /// The queue goes on under new rules. True if what a policy relaxed for those who wait is void by them.
    pub(crate) fn change(&mut self, rules: &Rules) -> bool {
        let is_void = rules.policy != self.rules.policy || rules.skills != self.rules.skills;
        self.rules = rules.clone();
        self.policy = rules.policy.as_ref().map(|policy| policy.plugin.as_str().into());
        self.relax_first = rules.policy.as_ref().and_then(Policy::relax_first);
        is_void
    }

    /// Waiting and being offered.
    pub(crate) fn len(&self) -> u32 {
        self.line.len() + u32::try_from(self.offered.len()).unwrap_or(u32::MAX)
    }

    /// Where a ready agent stands in `ready`.
    pub(crate) fn ready_order(&self, idle_since: Timestamp, rank: u32) -> (u64, u32) {
        match self.rules.strategy {
            Strategy::RoundRobin => (0, rank),
            Strategy::LongestIdle | Strategy::LeastOccupied | Strategy::MostSkilled => (idle_since.as_micros(), rank),
        }
    }

    pub(crate) fn note_entered(&mut self, now: Timestamp) {
        if self.len() == 0 {
            self.busy_since = now;
        }
    }

    /// Only time in which somebody waited counts, so that a quiet night does not look like slow service.
    pub(crate) fn note_answered(&mut self, now: Timestamp) {
        let interval = now - self.last_answer.max(self.busy_since);
        self.answer_interval = Some(self.answer_interval.map_or(interval, |average| (average * 7 + interval) / 8));
        self.last_answer = now;
    }
}
