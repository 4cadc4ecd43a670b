//! A CDR while its interaction lives.

mod agents;
mod judgements;
mod legs;
mod recordings;

use plugboard_model::{AgentId, EndedBy, Event, EventKind, FlowId, Role, Timestamp, millis};

use self::{agents::Clock, legs::new_leg};
use crate::{
    Cdr,
    bound::{LONG, ROOM, SHORT, cut, push, weight},
    cdr::{Direction, Disposition, Failure, FlowStep, QueueVisit, Relaxation, Tag, Transfer},
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

impl Cdr {
    /// Takes a fact that comes when the fold has forgotten the interaction: hours later only a disposition does, and days later the end of a recording.
    pub fn amend(&mut self, event: &Event) {
        if let EventKind::DispositionSet { agent, code, note, .. } = &event.kind {
            self.disposition = Some(Disposition::new(whole_millis(event.at), agent.clone(), code, note));
            self.revision += 1;
            self.last_seq = event.seq;
        }
        if let EventKind::RecordingErased { recording, .. } = &event.kind
            && let Some(erased) = self.recordings.iter_mut().find(|one| one.recording == *recording)
        {
            erased.handle_days(whole_millis(event.at), &event.kind);
            self.revision += 1;
            self.last_seq = event.seq;
        }
    }
}

impl Disposition {
    fn new(at: Timestamp, agent: Option<AgentId>, code: &str, note: &str) -> Self {
        Self { at, agent, code: cut(code, SHORT), note: cut(note, 4 * LONG) }
    }
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
        let (direction, first, from, to, channel) = match kind {
            EventKind::InteractionOffered { leg, from, to, channel, dialled_by, .. } => {
                let (direction, role) = match dialled_by {
                    Some(_) => (Direction::Outbound, Role::Agent),
                    None => (Direction::Inbound, Role::Caller),
                };
                (direction, new_leg(*leg, role, from, dialled_by.clone(), at), &**from, &**to, &**channel)
            }
            EventKind::LegDialled { leg, role, party, agent, .. } => {
                let from = agent.as_ref().map_or("", |agent| agent.as_str());
                (Direction::Outbound, new_leg(*leg, *role, party, agent.clone(), at), from, &**party, "voice")
            }
            _ => return None,
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
            judgements: Vec::new(),
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
            EventKind::Invoked { connector, outcome, .. } if !matches!(&**outcome, "ok" | "not-found") => {
                self.fail(at, "connector", connector, outcome)
            }
            EventKind::PromptFailed { prompt, reason, .. } => self.fail(at, "prompt", prompt, reason),
            EventKind::Judged { judgement, .. } => self.take_judgement(at, judgement),
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
                    relaxed: Vec::new(),
                };
                push(&mut cdr.queues, &mut self.room, &mut cdr.left_out, 260 + 75 * skills.len(), visit)
            }
            EventKind::LeftQueue { queue, exit, .. } => {
                let open = |visit: &&mut QueueVisit| visit.queue == *queue && visit.exit.is_none();
                let Some(visit) = cdr.queues.iter_mut().rev().find(open) else { return false };
                (visit.exit, visit.wait_ms) = (Some(*exit), span(visit.entered_at, at));
                true
            }
            EventKind::Relaxed { queue, waited_ms, skills, overflow_to, .. } => {
                let open = |visit: &&mut QueueVisit| visit.queue == *queue && visit.exit.is_none();
                let Some(visit) = cdr.queues.iter_mut().rev().find(open) else { return false };
                let relaxation =
                    Relaxation { after_ms: *waited_ms, skills: skills.clone(), overflow_to: overflow_to.clone() };
                push(&mut visit.relaxed, &mut self.room, &mut cdr.left_out, 130 + 75 * skills.len(), relaxation)
            }
            EventKind::Transferred { agent, kind, target, .. } => {
                let transfer = Transfer { at, kind: *kind, agent: agent.clone(), target: cut(target, SHORT) };
                let bytes = 160 + weight(&transfer.target);
                push(&mut cdr.transfers, &mut self.room, &mut cdr.left_out, bytes, transfer)
            }
            EventKind::DispositionSet { agent, code, note, .. } => {
                cdr.disposition = Some(Disposition::new(at, agent.clone(), code, note));
                true
            }
            EventKind::LegDialled { .. }
            | EventKind::LegReplaced { .. }
            | EventKind::LegRinging { .. }
            | EventKind::LegAnswered { .. }
            | EventKind::LegEnded { .. }
            | EventKind::LegMeasured { .. } => self.take_leg(at, kind),
            EventKind::RecordingStarted { .. }
            | EventKind::RecordingKept { .. }
            | EventKind::RecordingErased { .. }
            | EventKind::RecordingPaused { .. }
            | EventKind::RecordingClosed { .. }
            | EventKind::RecordingFailed { .. } => self.take_recording(at, kind),
            kind => self.take_agent(at, kind),
        }
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
