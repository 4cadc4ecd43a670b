//! The records of our own crates: what they are called and how they are found.

use std::collections::BTreeSet;

use plugboard_model::{AgentId, QueueId, TenantId, Timestamp};
use plugboard_reporting::{AgentInterval, Cdr, QueueInterval};

use crate::{Cursor, IndexEntry, IndexValue, Order, Query, Record};

/// Found by time, and by caller, dialled number, agent and queue with the time behind, so that a page of one caller's calls in a range of days
/// is read without touching others'.
impl Record for Cdr {
    const KIND: &'static str = "cdr";

    fn id(&self) -> String {
        self.interaction.to_string()
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        let started = self.started_at.as_millis();
        let with_time = |text: &str| IndexValue::text(text).then_number(started);
        let mut entries = vec![
            IndexEntry::new("started", IndexValue::number(started)),
            IndexEntry::new("caller", with_time(&self.from)),
            IndexEntry::new("called", with_time(&self.to)),
        ];
        let agents: BTreeSet<&AgentId> =
            self.agents.iter().filter(|one| one.answered_at.is_some()).map(|one| &one.agent).collect();
        entries.extend(agents.into_iter().map(|agent| IndexEntry::new("agent", with_time(agent.as_str()))));
        let queues: BTreeSet<&QueueId> = self.queues.iter().map(|visit| &visit.queue).collect();
        entries.extend(queues.into_iter().map(|queue| IndexEntry::new("queue", with_time(queue.as_str()))));
        let recordings = self.recordings.iter().map(|one| IndexValue::number(one.recording.0));
        entries.extend(recordings.map(|recording| IndexEntry::new("recording", recording)));
        let kept = self.recordings.iter().filter(|one| one.erased_at.is_none());
        let ends = kept.filter_map(|one| one.erase_at).map(|at| IndexValue::number(at.as_millis()));
        entries.extend(ends.map(|at| IndexEntry::new("erase", at)));
        entries
    }
}

/// Found by the beginning of the interval.
impl Record for QueueInterval {
    const KIND: &'static str = "queue-interval";

    fn id(&self) -> String {
        format!("{}@{}", self.queue, self.start.as_millis())
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        vec![IndexEntry::new("start", IndexValue::number(self.start.as_millis()))]
    }
}

/// Found by the beginning of the interval.
impl Record for AgentInterval {
    const KIND: &'static str = "agent-interval";

    fn id(&self) -> String {
        format!("{}@{}", self.agent, self.start.as_millis())
    }

    fn indexes(&self) -> Vec<IndexEntry> {
        vec![IndexEntry::new("start", IndexValue::number(self.start.as_millis()))]
    }
}

/// A search over CDRs: at most one of whom, and a range of start times.
#[derive(Clone, Debug)]
pub struct CdrSearch<'a> {
    pub of: CdrOf<'a>,
    /// Started at or after this.
    pub from: Timestamp,
    /// Started before this.
    pub to: Timestamp,
    /// Default: newest first.
    pub order: Order,
    pub after: Option<Cursor>,
    /// At most 1,000. Default 100.
    pub limit: usize,
}

/// Whose calls.
#[derive(Clone, Copy, Debug)]
pub enum CdrOf<'a> {
    Anyone,
    /// Exactly this number or address, as [`Cdr::from`] has it.
    Caller(&'a str),
    /// Exactly this number, as [`Cdr::to`] has it.
    Called(&'a str),
    /// Answered by this agent.
    Agent(&'a AgentId),
    /// Waited in this queue.
    Queue(&'a QueueId),
}

impl<'a> CdrSearch<'a> {
    /// Newest first, 100 a page.
    pub fn new(of: CdrOf<'a>, from: Timestamp, to: Timestamp) -> Self {
        Self { of, from, to, order: Order::Descending, after: None, limit: 100 }
    }

    /// For [`crate::Store::query`]; read the rows as [`Cdr`].
    pub fn query<'t>(&self, tenant: &'t TenantId) -> Query<'t> {
        let (index, prefix) = match self.of {
            CdrOf::Anyone => ("started", IndexValue::default()),
            CdrOf::Caller(number) => ("caller", IndexValue::text(number)),
            CdrOf::Called(number) => ("called", IndexValue::text(number)),
            CdrOf::Agent(agent) => ("agent", IndexValue::text(agent.as_str())),
            CdrOf::Queue(queue) => ("queue", IndexValue::text(queue.as_str())),
        };
        let at = |time: Timestamp| prefix.clone().then_number(time.as_millis());
        Query::new(tenant, Cdr::KIND, index)
            .within(prefix.clone())
            .between(at(self.from), at(self.to))
            .order(self.order)
            .after(self.after.clone())
            .limit(self.limit)
    }
}
