//! A CDR while its interaction lives.

use plugboard_model::{EndedBy, Event, EventKind, FlowId, RecordingId, Role, Timestamp, millis};

use crate::{
    Cdr,
    bound::{LONG, ROOM, SHORT, cut, push, weight},
    cdr::{
        AgentSegment, Direction, Disposition, Failure, FlowStep, LegRecord, QueueVisit, RecordingRecord, Tag, Transfer,
    },
    interaction::INTERRUPTED,
};

/// The record so far, and what of it is still running.
#[derive(Debug)]
pub(crate) struct Draft {
    first_seq: u64,
    cdr: Cdr,
    flow: Option<(FlowId, u64)>,
    /// Since when the caller has been in a flow, neither queued nor with an agent.
    ivr_since: Option<Timestamp>,
    in_flow: bool,
    /// Bytes of JSON left for its lists.
    room: usize,
    /// Parallel to `cdr.agents`.
    clocks: Vec<Clock>,
}

/// Where an agent's segment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
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

/// The log has microseconds, the record milliseconds: cut once, so that sums and differences of the record agree.
fn whole_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis())
}

fn span(from: Timestamp, to: Timestamp) -> u64 {
    millis(to.since(from))
}

impl Draft {
    /// `None` if the interaction does not begin with this fact: its beginning was before the log that is folded.
    pub(crate) fn begin(seq: u64, at: Timestamp, kind: &EventKind) -> Option<Self> {
        let at = whole_millis(at);
        let (direction, leg, role, party, agent, from, to, channel) = match kind {
            EventKind::InteractionOffered { leg, from, to, channel, .. } => {
                (Direction::Inbound, *leg, Role::Caller, from, None, &**from, &**to, &**channel)
            }
            EventKind::LegDialled { leg, role, party, agent, .. } => {
                let from = agent.as_ref().map_or("", |agent| agent.as_str());
                (Direction::Outbound, *leg, *role, party, agent.clone(), from, &**party, "voice")
            }
            _ => return None,
        };
        let first = LegRecord {
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
        };
        let cdr = Cdr {
            interaction: kind.interaction()?,
            revision: 0,
            last_seq: seq,
            direction,
            channel: cut(channel, SHORT),
            from: cut(from, SHORT),
            to: cut(to, SHORT),
            started_at: at,
            picked_up_at: None,
            answered_at: None,
            ended_at: at,
            answered: false,
            abandoned: false,
            voicemail: false,
            interrupted: false,
            ended_by: EndedBy::Host,
            cause: 0,
            status: None,
            duration_ms: 0,
            ivr_ms: 0,
            wait_ms: 0,
            ring_ms: 0,
            talk_ms: 0,
            hold_ms: 0,
            wrap_up_ms: 0,
            legs: vec![first],
            queues: Vec::new(),
            agents: Vec::new(),
            path: Vec::new(),
            transfers: Vec::new(),
            tags: Vec::new(),
            disposition: None,
            recordings: Vec::new(),
            failures: Vec::new(),
            left_out: 0,
        };
        Some(Self { first_seq: seq, cdr, flow: None, ivr_since: None, in_flow: false, room: ROOM, clocks: Vec::new() })
    }

    pub(crate) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.cdr.last_seq
    }

    /// True if the record changed.
    pub(crate) fn handle_event(&mut self, event: &Event) -> bool {
        let at = whole_millis(event.at);
        let changed = self.take(at, &event.kind);
        if self.cdr.revision == 0 {
            (self.cdr.last_seq, self.cdr.ended_at) = (event.seq, at);
        }
        self.count_ivr(at);
        changed
    }

    /// Stops what runs, except wrap-up, which may go on after the call.
    pub(crate) fn close(&mut self, seq: u64, at: Timestamp, by: EndedBy, cause: u16) {
        let at = whole_millis(at);
        (self.cdr.ended_by, self.cdr.cause, self.cdr.ended_at, self.cdr.last_seq) = (by, cause, at, seq);
        self.in_flow = false;
        self.count_ivr(at);
        for index in 0..self.clocks.len() {
            if matches!(self.clocks[index], Clock::Ringing { .. } | Clock::Talking { .. } | Clock::Held { .. }) {
                self.stop(index, at);
            }
        }
        for visit in self.cdr.queues.iter_mut().filter(|visit| visit.exit.is_none()) {
            visit.wait_ms = span(visit.entered_at, at);
        }
        if let Some(first) = self.cdr.legs.first() {
            self.cdr.status = first.status;
        }
    }

    /// The end was never told.
    pub(crate) fn interrupt(&mut self) {
        let (by, cause) = INTERRUPTED;
        self.cdr.interrupted = true;
        self.close(self.cdr.last_seq, self.cdr.ended_at, by, cause);
    }

    /// The record with its sums, as of now.
    pub(crate) fn revise(&mut self, seq: u64) -> Cdr {
        let cdr = &mut self.cdr;
        cdr.revision += 1;
        cdr.last_seq = seq;
        cdr.duration_ms = span(cdr.started_at, cdr.ended_at);
        cdr.wait_ms = cdr.queues.iter().map(|visit| visit.wait_ms).sum();
        cdr.ring_ms = cdr.agents.iter().map(|segment| segment.ring_ms).sum();
        cdr.talk_ms = cdr.agents.iter().map(|segment| segment.talk_ms).sum();
        cdr.hold_ms = cdr.agents.iter().map(|segment| segment.hold_ms).sum();
        cdr.wrap_up_ms = cdr.agents.iter().filter_map(|segment| segment.wrap_up_ms).sum();
        cdr.answered = cdr.answered_at.is_some();
        let hung_up = |visit: &QueueVisit| visit.exit == Some(plugboard_model::QueueExit::Abandoned);
        cdr.abandoned = !cdr.answered && cdr.queues.iter().any(hung_up);
        cdr.voicemail = !cdr.answered && cdr.recordings.iter().any(|recording| recording.voicemail);
        cdr.clone()
    }

    fn take(&mut self, at: Timestamp, kind: &EventKind) -> bool {
        let cdr = &mut self.cdr;
        match kind {
            EventKind::LegDialled { leg, role, party, agent, .. } => {
                let record = LegRecord {
                    leg: *leg,
                    role: *role,
                    party: cut(party, SHORT),
                    agent: agent.clone(),
                    started_at: at,
                    ringing_at: None,
                    answered_at: None,
                    ended_at: None,
                    ended_by: None,
                    cause: None,
                    status: None,
                    quality: None,
                };
                // Fixed parts with every number at its widest, here and below.
                let bytes = 560 + weight(&record.party);
                push(&mut cdr.legs, &mut self.room, &mut cdr.left_out, bytes, record);
                if let Some(index) = agent.as_ref().and_then(|agent| self.newest(agent)) {
                    self.cdr.agents[index].leg = Some(*leg);
                }
                true
            }
            EventKind::LegRinging { leg, .. } => {
                let Some(record) = cdr.legs.iter_mut().find(|record| record.leg == *leg) else { return false };
                record.ringing_at.get_or_insert(at);
                if let Some(index) = record.agent.clone().and_then(|agent| self.newest(&agent))
                    && let Clock::Ringing { since } = &mut self.clocks[index]
                {
                    since.get_or_insert(at);
                }
                true
            }
            EventKind::LegAnswered { leg, .. } => {
                let Some(index) = cdr.legs.iter().position(|record| record.leg == *leg) else { return false };
                cdr.legs[index].answered_at.get_or_insert(at);
                if index == 0 {
                    cdr.picked_up_at.get_or_insert(at);
                }
                true
            }
            EventKind::LegEnded { leg, by, cause, status, .. } => {
                let Some(record) = cdr.legs.iter_mut().find(|record| record.leg == *leg) else { return false };
                (record.ended_at, record.ended_by) = (Some(at), Some(*by));
                (record.cause, record.status) = (Some(*cause), *status);
                true
            }
            EventKind::LegMeasured { leg, quality, .. } => {
                let Some(record) = cdr.legs.iter_mut().find(|record| record.leg == *leg) else { return false };
                record.quality = Some(*quality);
                true
            }
            EventKind::FlowStarted { flow, revision, .. } => {
                self.flow = Some((flow.clone(), *revision));
                self.in_flow = true;
                true
            }
            EventKind::FlowEnded { .. } => {
                self.in_flow = false;
                true
            }
            EventKind::FlowVisited { node, exit, .. } => {
                let Some((flow, flow_revision)) = self.flow.clone() else { return false };
                let step = FlowStep { at, flow, flow_revision, node: cut(node, SHORT), exit: cut(exit, SHORT) };
                // A node is told when the flow waits there and again when it leaves: one step of the path.
                match cdr.path.last_mut() {
                    Some(last) if last.exit.is_empty() && last.node == step.node && last.flow == step.flow => {
                        // Room for this much was set aside when the flow began to wait.
                        last.exit = cut(&step.exit, 64);
                        true
                    }
                    _ => {
                        let exit = if step.exit.is_empty() { 64 } else { weight(&step.exit) };
                        let bytes = 120 + step.flow.as_str().len() + weight(&step.node) + exit;
                        push(&mut cdr.path, &mut self.room, &mut cdr.left_out, bytes, step)
                    }
                }
            }
            EventKind::FlowFailed { flow, reason, .. } => self.fail(at, "flow", flow.as_str(), reason),
            EventKind::PluginFailed { plugin, reason, .. } => self.fail(at, "plugin", plugin, reason),
            EventKind::PromptFailed { prompt, reason, .. } => self.fail(at, "prompt", prompt, reason),
            EventKind::Tagged { name, value, .. } => {
                let (name, value) = (cut(name, SHORT), cut(value, SHORT));
                match cdr.tags.iter_mut().find(|tag| tag.name == name) {
                    Some(tag) => {
                        let grown = weight(&value).saturating_sub(weight(&tag.value));
                        if grown > self.room {
                            cdr.left_out = cdr.left_out.saturating_add(1);
                            return false;
                        }
                        self.room -= grown;
                        tag.value = value;
                    }
                    None => {
                        let bytes = 24 + weight(&name) + weight(&value);
                        push(&mut cdr.tags, &mut self.room, &mut cdr.left_out, bytes, Tag { name, value });
                    }
                }
                true
            }
            EventKind::Queued { queue, priority, skills, position, .. } => {
                let visit = QueueVisit {
                    queue: queue.clone(),
                    priority: *priority,
                    skills: skills.clone(),
                    position: *position,
                    entered_at: at,
                    wait_ms: 0,
                    exit: None,
                };
                push(&mut cdr.queues, &mut self.room, &mut cdr.left_out, 260 + 75 * skills.len(), visit)
            }
            EventKind::LeftQueue { queue, exit, .. } => {
                let open = |visit: &&mut QueueVisit| visit.queue == *queue && visit.exit.is_none();
                let Some(visit) = cdr.queues.iter_mut().rev().find(open) else { return false };
                (visit.exit, visit.wait_ms) = (Some(*exit), span(visit.entered_at, at));
                true
            }
            EventKind::Transferred { agent, kind, target, .. } => {
                let transfer = Transfer { at, kind: *kind, agent: agent.clone(), target: cut(target, SHORT) };
                let bytes = 160 + weight(&transfer.target);
                push(&mut cdr.transfers, &mut self.room, &mut cdr.left_out, bytes, transfer)
            }
            EventKind::DispositionSet { agent, code, note, .. } => {
                let (code, note) = (cut(code, SHORT), cut(note, 4 * LONG));
                cdr.disposition = Some(Disposition { at, agent: agent.clone(), code, note });
                true
            }
            EventKind::RecordingStarted { .. }
            | EventKind::RecordingPaused { .. }
            | EventKind::RecordingClosed { .. }
            | EventKind::RecordingFailed { .. } => self.take_recording(at, kind),
            kind => self.take_agent(at, kind),
        }
    }

    fn take_recording(&mut self, at: Timestamp, kind: &EventKind) -> bool {
        let cdr = &mut self.cdr;
        let known = |list: &mut Vec<RecordingRecord>, id: RecordingId| list.iter().position(|one| one.recording == id);
        match kind {
            EventKind::RecordingStarted { recording, path, voicemail, .. } => {
                let record = RecordingRecord {
                    recording: *recording,
                    path: cut(path, LONG),
                    voicemail: *voicemail,
                    started_at: at,
                    pauses: 0,
                    length_ms: None,
                    sha256: None,
                    left_dbfs: None,
                    right_dbfs: None,
                    gaps: None,
                    failed: None,
                };
                let bytes = 520 + LONG + weight(&record.path);
                push(&mut cdr.recordings, &mut self.room, &mut cdr.left_out, bytes, record)
            }
            EventKind::RecordingPaused { recording, .. } => {
                let Some(index) = known(&mut cdr.recordings, *recording) else { return false };
                cdr.recordings[index].pauses += 1;
                true
            }
            EventKind::RecordingClosed { recording, path, length_ms, sha256, left_dbfs, right_dbfs, gaps, .. } => {
                let Some(index) = known(&mut cdr.recordings, *recording) else { return false };
                let record = &mut cdr.recordings[index];
                (record.path, record.length_ms) = (cut(path, LONG), Some(*length_ms));
                (record.sha256, record.gaps) = (Some(cut(sha256, SHORT)), Some(*gaps));
                (record.left_dbfs, record.right_dbfs) = (*left_dbfs, *right_dbfs);
                true
            }
            EventKind::RecordingFailed { recording, reason, .. } => {
                if let Some(index) = known(&mut cdr.recordings, *recording) {
                    cdr.recordings[index].failed = Some(cut(reason, SHORT));
                }
                self.fail(at, "recording", &recording.to_string(), reason)
            }
            _ => false,
        }
    }

    fn take_agent(&mut self, at: Timestamp, kind: &EventKind) -> bool {
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

    fn segment(
        &self,
        agent: plugboard_model::AgentId,
        queue: Option<plugboard_model::QueueId>,
        at: Timestamp,
    ) -> AgentSegment {
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

    fn newest(&self, agent: &plugboard_model::AgentId) -> Option<usize> {
        self.cdr.agents.iter().rposition(|segment| segment.agent == *agent)
    }

    /// Between talking and hold; nothing else changes.
    fn turn(&mut self, agent: &plugboard_model::AgentId, at: Timestamp, to: fn(Timestamp) -> Clock) -> bool {
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
    fn stop(&mut self, index: usize, at: Timestamp) {
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

    /// IVR time runs while a flow has the caller to itself.
    fn count_ivr(&mut self, at: Timestamp) {
        let queued = self.cdr.revision == 0 && self.cdr.queues.iter().any(|visit| visit.exit.is_none());
        let with_agent = self.clocks.iter().any(|clock| matches!(clock, Clock::Talking { .. } | Clock::Held { .. }));
        let runs = self.in_flow && !queued && !with_agent;
        match self.ivr_since {
            Some(since) if !runs => {
                self.cdr.ivr_ms += span(since, at);
                self.ivr_since = None;
            }
            None if runs => self.ivr_since = Some(at),
            _ => {}
        }
    }

    fn fail(&mut self, at: Timestamp, what: &str, name: &str, reason: &str) -> bool {
        let failure = Failure { at, what: what.to_owned(), name: cut(name, SHORT), reason: cut(reason, LONG) };
        let bytes = 100 + weight(&failure.name) + weight(&failure.reason);
        push(&mut self.cdr.failures, &mut self.room, &mut self.cdr.left_out, bytes, failure)
    }
}
