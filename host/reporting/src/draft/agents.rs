//! Agents' parts of a record, each with a clock that runs.

use plugboard_model::{AgentId, EventKind, QueueId, Timestamp};

use super::{Draft, span};
use crate::{bound::push, cdr::AgentSegment};

/// Where an agent's segment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// Reserved; the phone rings from `since` on once it does.
    Ringing {
        since: Option<Timestamp>,
    },
    Talking {
        since: Timestamp,
    },
    Held {
        since: Timestamp,
    },
    /// Disconnected; wrap-up may follow.
    Left,
    WrapUp {
        since: Timestamp,
    },
    Done,
}

impl Draft {
    pub(super) fn take_agent(&mut self, at: Timestamp, kind: &EventKind) -> bool {
        match kind {
            EventKind::Reserved { agent, queue, since_free_ms, .. } => {
                let segment = self.segment(agent.clone(), queue.clone(), at);
                self.open(AgentSegment { since_free_ms: *since_free_ms, ..segment }, Clock::Ringing { since: None })
            }
            EventKind::Released { agent, reason, .. } => {
                let Some(index) = self.newest(agent) else { return false };
                self.stop(index, at);
                self.clocks[index] = Clock::Done;
                self.cdr.agents[index].released = Some(*reason);
                true
            }
            EventKind::Connected { agent, leg, queue, .. } => {
                let index =
                    match self.newest(agent).filter(|index| matches!(self.clocks[*index], Clock::Ringing { .. })) {
                        Some(index) => index,
                        // Without a reservation: an agent who was dialled, or who took a consultation over.
                        None => {
                            let segment = self.segment(agent.clone(), queue.clone(), at);
                            if !self.open(segment, Clock::Ringing { since: None }) {
                                return true;
                            }
                            self.clocks.len() - 1
                        }
                    };
                self.stop(index, at);
                self.clocks[index] = Clock::Talking { since: at };
                let segment = &mut self.cdr.agents[index];
                (segment.answered_at, segment.ended_at, segment.leg) = (Some(at), None, Some(*leg));
                self.cdr.answered_at.get_or_insert(at);
                true
            }
            EventKind::Disconnected { agent, by, .. } => {
                let Some(index) = self.newest(agent) else { return false };
                self.stop(index, at);
                self.cdr.agents[index].ended_by = Some(*by);
                true
            }
            EventKind::Held { agent, .. } => self.turn(agent, at, |since| Clock::Held { since }),
            EventKind::Resumed { agent, .. } => self.turn(agent, at, |since| Clock::Talking { since }),
            EventKind::WrapUpStarted { agent, .. } => {
                let Some(index) = self.newest(agent) else { return false };
                self.stop(index, at);
                self.clocks[index] = Clock::WrapUp { since: at };
                true
            }
            EventKind::WrapUpEnded { agent, .. } => {
                let Some(index) = self.newest(agent) else { return false };
                let Clock::WrapUp { since } = self.clocks[index] else { return false };
                self.cdr.agents[index].wrap_up_ms = Some(span(since, at));
                self.clocks[index] = Clock::Done;
                true
            }
            // A consultation is told by hold and by the legs; nothing of it stands apart in the record.
            _ => false,
        }
    }

    fn segment(&self, agent: AgentId, queue: Option<QueueId>, at: Timestamp) -> AgentSegment {
        AgentSegment {
            agent,
            queue,
            leg: None,
            reserved_at: at,
            since_free_ms: 0,
            answered_at: None,
            ended_at: None,
            ring_ms: 0,
            talk_ms: 0,
            hold_ms: 0,
            wrap_up_ms: None,
            released: None,
            ended_by: None,
        }
    }

    fn open(&mut self, segment: AgentSegment, clock: Clock) -> bool {
        let opened = push(&mut self.cdr.agents, &mut self.room, &mut self.cdr.left_out, 640, segment);
        if opened {
            self.clocks.push(clock);
        }
        opened
    }

    pub(super) fn newest(&self, agent: &AgentId) -> Option<usize> {
        self.cdr.agents.iter().rposition(|segment| segment.agent == *agent)
    }

    /// Between talking and hold; nothing else changes.
    fn turn(&mut self, agent: &AgentId, at: Timestamp, to: fn(Timestamp) -> Clock) -> bool {
        let Some(index) = self.newest(agent) else { return false };
        if !matches!(self.clocks[index], Clock::Talking { .. } | Clock::Held { .. }) {
            return false;
        }
        self.stop(index, at);
        self.clocks[index] = to(at);
        self.cdr.agents[index].ended_at = None;
        true
    }

    /// Counts what the clock has run and sets it to `Left`.
    pub(super) fn stop(&mut self, index: usize, at: Timestamp) {
        let segment = &mut self.cdr.agents[index];
        match self.clocks[index] {
            Clock::Ringing { since } => segment.ring_ms += since.map_or(0, |since| span(since, at)),
            Clock::Talking { since } => segment.talk_ms += span(since, at),
            Clock::Held { since } => segment.hold_ms += span(since, at),
            Clock::Left | Clock::WrapUp { .. } | Clock::Done => return,
        }
        segment.ended_at = Some(at);
        self.clocks[index] = Clock::Left;
    }
}
