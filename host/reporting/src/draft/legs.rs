//! Lines of a record, one for each phone.

use plugboard_model::{AgentId, EventKind, LegId, Role, Timestamp};

use super::{Draft, agents::Clock};
use crate::{
    bound::{SHORT, cut, push, weight},
    cdr::LegRecord,
};

pub(super) fn new_leg(leg: LegId, role: Role, party: &str, agent: Option<AgentId>, at: Timestamp) -> LegRecord {
    LegRecord {
        leg,
        role,
        party: cut(party, SHORT),
        agent,
        started_at: at,
        ringing_at: None,
        answered_at: None,
        ended_at: None,
        ended_by: None,
        cause: None,
        status: None,
        quality: None,
    }
}

impl Draft {
    pub(super) fn take_leg(&mut self, at: Timestamp, kind: &EventKind) -> bool {
        match kind {
            EventKind::LegDialled { leg, role, party, agent, .. } => {
                // Click to dial: the agent's own leg was offered first and is called then.
                if self.leg(*leg).is_none() {
                    self.push_leg(new_leg(*leg, *role, party, agent.clone(), at));
                }
                if let Some(index) = agent.as_ref().and_then(|agent| self.newest(agent)) {
                    self.cdr.agents[index].leg = Some(*leg);
                }
            }
            EventKind::LegReplaced { leg, agent, .. } => {
                let record = new_leg(*leg, Role::Agent, agent.as_str(), Some(agent.clone()), at);
                self.push_leg(LegRecord { answered_at: Some(at), ..record });
            }
            EventKind::LegRinging { leg, .. } => {
                let Some(record) = self.leg(*leg) else { return false };
                record.ringing_at.get_or_insert(at);
                if let Some(index) = record.agent.clone().and_then(|agent| self.newest(&agent))
                    && let Clock::Ringing { since } = &mut self.clocks[index]
                {
                    since.get_or_insert(at);
                }
            }
            EventKind::LegAnswered { leg, .. } => {
                let Some(record) = self.leg(*leg) else { return false };
                record.answered_at.get_or_insert(at);
                if self.cdr.legs.first().is_some_and(|first| first.leg == *leg) {
                    self.cdr.picked_up_at.get_or_insert(at);
                }
            }
            EventKind::LegEnded { leg, by, cause, status, .. } => {
                let Some(record) = self.leg(*leg) else { return false };
                (record.ended_at, record.ended_by) = (Some(at), Some(*by));
                (record.cause, record.status) = (Some(*cause), *status);
            }
            EventKind::LegMeasured { leg, quality, .. } => {
                let Some(record) = self.leg(*leg) else { return false };
                record.quality = Some(*quality);
            }
            _ => return false,
        }
        true
    }

    fn leg(&mut self, leg: LegId) -> Option<&mut LegRecord> {
        self.cdr.legs.iter_mut().find(|record| record.leg == leg)
    }

    fn push_leg(&mut self, record: LegRecord) {
        // Fixed parts with every number at its widest, as everywhere in the draft.
        let bytes = 560 + weight(&record.party);
        push(&mut self.cdr.legs, &mut self.room, &mut self.cdr.left_out, bytes, record);
    }
}
