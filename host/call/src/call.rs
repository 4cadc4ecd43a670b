//! The call itself: who takes part, and what each input does to them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use plugboard_model::{
    AgentId, EndedBy, EventKind, InteractionId, LegId, Role, Timestamp,
    compliance::Consent,
    flow::{Cause, End, Happening},
};

use crate::{
    Context, Input, Line, Offer, Output, Party, Queueing, Sound, SoundSource, Target,
    conversation::Conversation,
    door::Door,
    exception::Exception,
    flow_run::FlowRun,
    gate::{Gate, Judged, JudgingId},
    judging::{Then, Wish},
    offer::{Ringing, Wanted},
    party::Caller,
    recording::Recording,
    waiting::{Visit, Waiting},
};

/// One interaction.
#[derive(Debug)]
pub struct Call {
    pub(crate) id: InteractionId,
    pub(crate) from: Arc<str>,
    pub(crate) to: Arc<str>,
    /// Who placed it, whatever became of their leg.
    pub(crate) dialled_by: Option<AgentId>,
    pub(crate) language: String,
    pub(crate) started: Timestamp,
    pub(crate) caller: Caller,
    pub(crate) flow: Option<FlowRun>,
    pub(crate) exception: Option<Exception>,
    pub(crate) waiting: Option<Waiting>,
    /// The wait that led to an agent: where the caller goes back to if a transfer leaves them with nobody.
    pub(crate) came_from: Option<Visit>,
    /// Who handed the caller on and hung up before the target answered.
    pub(crate) parted: Option<AgentId>,
    /// Asked of the ACD and not promised yet.
    pub(crate) wanted: Option<Wanted>,
    pub(crate) ringing: Option<Ringing>,
    pub(crate) talk: Option<Conversation>,
    pub(crate) recording: Option<Recording>,
    /// The tune or ring-back that the caller hears while nothing else is played to them.
    pub(crate) music: Option<u64>,
    pub(crate) ended: bool,
    /// Where to go once the agent, whom we called first, has answered.
    pub(crate) then: Option<Then>,
    pub(crate) gate: Gate<Wish>,
    /// Rules think about the call that came in, or have ordered that something is said first.
    pub(crate) door: Option<Door>,
    /// To pick up; spent by doing so.
    pub(crate) may_answer: Option<Judged<LegId>>,
    /// A caller who is with nobody is to be sent to a number outside.
    pub(crate) redirecting: Option<JudgingId>,
    /// What a command that is being carried out asked of the rules.
    pub(crate) asked: Option<JudgingId>,
    /// For rules: the last value of each name.
    pub(crate) tags: BTreeMap<Arc<str>, Arc<str>>,
    pub(crate) consent: Consent,
    /// The announcement was played to its end.
    pub(crate) announced: bool,
    /// A rule ordered, or the caller wants, that nothing is recorded.
    pub(crate) never_record: bool,
    /// Days that recordings of it may be kept.
    pub(crate) keep_days: Option<u32>,
    over: bool,
    next_play: u64,
    pub(crate) next_ask: u64,
    pub(crate) flows_begun: u32,
    /// Flows that ran, all told.
    pub(crate) flow_runs: u32,
    unanswered_until: Timestamp,
    longest_until: Timestamp,
    output: VecDeque<Output>,
}

impl Call {
    /// A call that was offered to us, or placed by an agent's phone. The first outputs are ready at once.
    pub fn new(now: Timestamp, offer: Offer, context: &mut Context<'_>) -> Self {
        let target = offer.leads_to.clone();
        let mut call = Self::offered(now, offer, context);
        call.knock(now, target, context);
        call
    }

    /// A call that we place for an agent: their own phone first, then the target of `offer`.
    pub fn click_to_dial(now: Timestamp, offer: Offer, context: &mut Context<'_>) -> Self {
        let target = offer.leads_to.clone();
        let mut call = Self::offered(now, offer, context);
        call.click(now, target, context);
        call
    }

    /// The agent's own phone rings first.
    pub(crate) fn ring_own_agent(&mut self) {
        let Some(agent) = self.dialled_by.clone() else { return };
        let (leg, shown) = (self.caller.leg, self.to.clone());
        self.fact(EventKind::LegDialled {
            interaction: self.id,
            leg,
            role: Role::Agent,
            party: agent.as_str().into(),
            agent: Some(agent.clone()),
        });
        self.line(Line::Dial { leg, to: crate::Dialled::Agent(agent), shown });
    }

    fn offered(now: Timestamp, offer: Offer, context: &Context<'_>) -> Self {
        let limits = &context.configuration.limits;
        let party = offer.dialled_by.clone().map(|agent| Party::Agent { agent, queue: None });
        let mut call = Self {
            id: offer.interaction,
            from: offer.from,
            to: offer.to,
            dialled_by: offer.dialled_by,
            language: context.configuration.language.clone(),
            started: now,
            caller: Caller { leg: offer.leg, answered: false, ringing: false, party, connected: false },
            flow: None,
            exception: None,
            waiting: None,
            came_from: None,
            parted: None,
            wanted: None,
            ringing: None,
            talk: None,
            recording: None,
            music: None,
            ended: false,
            then: None,
            gate: Gate::default(),
            door: None,
            may_answer: None,
            redirecting: None,
            asked: None,
            tags: BTreeMap::new(),
            consent: Consent::NotAsked,
            announced: false,
            never_record: false,
            keep_days: None,
            over: false,
            next_play: 1,
            next_ask: 1,
            flows_begun: 0,
            flow_runs: 0,
            unanswered_until: now + limits.unanswered,
            longest_until: now + limits.call_length,
            output: VecDeque::new(),
        };
        call.fact(EventKind::InteractionOffered {
            interaction: call.id,
            leg: call.caller.leg,
            from: call.from.clone(),
            to: call.to.clone(),
            channel: "voice".into(),
            dialled_by: call.dialled_by.clone(),
        });
        if let Some(agent) = call.dialled_by.clone() {
            call.queueing(Queueing::AgentDialled { agent });
        }
        call
    }

    pub fn id(&self) -> InteractionId {
        self.id
    }

    /// Who calls, as it is shown.
    pub fn from(&self) -> &Arc<str> {
        &self.from
    }

    /// What was dialled.
    pub fn to(&self) -> &Arc<str> {
        &self.to
    }

    /// The last value of each name.
    pub fn tags(&self) -> &BTreeMap<Arc<str>, Arc<str>> {
        &self.tags
    }

    /// The agent who placed this call.
    pub fn dialled_by(&self) -> Option<&AgentId> {
        self.dialled_by.as_ref()
    }

    /// Whether the caller is gone, and only the flow's last words are awaited.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether it knows of a place in a queue.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether the agent whose call it is has yet to pick up (click to dial).
    pub(crate) fn rings_its_own_agent(&self) -> bool {
        matches!(self.then, Some(Then::Target(_) | Then::Allowed(_)))
    }

    /// Takes one input. Afterwards drain [`Self::poll_output`].
    pub fn handle_input(&mut self, now: Timestamp, input: Input, context: &mut Context<'_>) {
        if self.ended {
            // Only the flow's last step is still awaited.
            if let Input::Stepped { ask, result } = input {
                self.last_step(now, ask, result, context);
            }
            return;
        }
        match input {
            Input::LegRinging { leg } => self.leg_ringing(leg),
            Input::LegAnswered { leg } if leg == self.caller.leg => self.origin_answered(now, context),
            Input::LegAnswered { leg } => self.leg_answered(now, leg, context),
            Input::LegRefused { leg, status, cause } if leg == self.caller.leg => {
                self.leg_ended(now, leg, cause, Some(status), context);
            }
            Input::LegRefused { leg, status, cause } => self.leg_refused(now, leg, status, cause, context),
            Input::LegEnded { leg, cause, status } => self.leg_ended(now, leg, cause, status, context),
            Input::LegHeld { leg, held } => self.leg_held(leg, held, context),
            Input::LegTransfers { leg, target } => self.leg_transfers(now, leg, target, context),
            Input::Digit { leg, digit } => {
                if leg == self.caller.leg {
                    self.digit(now, digit, context);
                }
            }
            Input::PlayEnded { leg, token, complete } => {
                if leg == self.caller.leg {
                    self.play_ended(now, token, complete, context);
                }
            }
            Input::PlayFailed { leg, token, reason } => {
                if leg == self.caller.leg {
                    self.play_failed(now, token, &reason, context);
                }
            }
            Input::Silent { leg, .. } => {
                self.leg_ended(now, leg, Cause::TEMPORARY_FAILURE, Some(408), context);
                self.line(Line::HangUp { leg, cause: Cause::TEMPORARY_FAILURE });
            }
            Input::RecordingClosed { recording, length } => {
                self.recording_closed(now, recording, Some(length), context);
            }
            Input::RecordingFailed { recording } => self.recording_closed(now, recording, None, context),
            Input::Stepped { ask, result } => self.stepped(now, ask, result, context),
            Input::LookedUp { ask, result } => self.looked_up(now, ask, result, context),
            Input::MessageRefused { run, token, code, reason } => {
                self.message_refused(now, (run, token), code, &reason, context);
            }
            Input::RingAgent { agent, queue } => self.ring_agent(now, agent, queue, context),
            Input::StopRinging { agent, reason } => self.stop_ringing(now, &agent, reason, context),
            Input::AgentRefused { agent } => self.agent_refused(now, &agent, context),
            Input::LeftQueue { queue, exit } => self.left_queue(now, &queue, exit, context),
            Input::Judged { ask, answer } => self.rule_answered(now, ask, answer, context),
            Input::PauseOrdered => self.order_pause(now, context),
            Input::ResumeOrdered => self.order_resume(now, context),
            Input::EvidenceStored { judging } => self.evidence_stored(now, judging, context),
            Input::Command(command) => {
                // The answer goes out by `command`, which callers use; a command as an input has nobody to answer to.
                let _ = self.command(now, command, context);
            }
        }
    }

    /// Deadlines that have passed take effect.
    pub fn handle_timeout(&mut self, now: Timestamp, context: &mut Context<'_>) {
        if self.ended {
            if self.flow.as_ref().is_some_and(|flow| flow.last_step_is_overdue(now)) {
                self.flow = None;
                self.finish();
            }
            return;
        }
        if now >= self.longest_until || (!self.caller.answered && now >= self.unanswered_until) {
            return self.end(now, EndedBy::Host, Cause::NO_ANSWER, context);
        }
        self.gate_timeout(now, context);
        self.door_timeout(now, context);
        self.exception_timeout(now, context);
        self.flow_timeout(now, context);
        self.ringing_timeout(now, context);
        self.announce_if_due(now, context);
    }

    /// When to call [`Self::handle_timeout`]; `None` once the call is over.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.over {
            return None;
        }
        if self.ended {
            return self.flow.as_ref().and_then(FlowRun::step_deadline);
        }
        let mut next = self.longest_until;
        if !self.caller.answered {
            next = next.min(self.unanswered_until);
        }
        let parts = [
            self.flow.as_ref().and_then(FlowRun::deadline),
            self.exception.as_ref().map(|exception| exception.until),
            self.ringing.as_ref().map(|ringing| ringing.until),
            self.waiting.as_ref().and_then(|waiting| waiting.announce_at()),
            self.gate.poll_timeout(),
            self.door.as_ref().and_then(Door::deadline),
            self.recording.as_ref().and_then(|recording| recording.again),
        ];
        Some(parts.into_iter().flatten().fold(next, Timestamp::min))
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    // What the parts share.

    pub(crate) fn fact(&mut self, kind: EventKind) {
        self.output.push_back(Output::Fact(kind));
    }

    pub(crate) fn line(&mut self, line: Line) {
        self.output.push_back(Output::Line(line));
    }

    pub(crate) fn sound(&mut self, sound: Sound) {
        self.output.push_back(Output::Sound(sound));
    }

    pub(crate) fn queueing(&mut self, queueing: Queueing) {
        self.output.push_back(Output::Queueing(queueing));
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.output.push_back(output);
    }

    pub(crate) fn play(&mut self, leg: LegId, sources: Vec<SoundSource>, forever: bool) -> u64 {
        let token = self.next_play;
        self.next_play += 1;
        self.sound(Sound::Play { leg, token, sources, forever });
        token
    }

    /// Answers the caller, once. Nothing leads here before it is allowed.
    pub(crate) fn pick_up(&mut self) {
        if let Some(leg) = self.may_answer.take().filter(|_| !self.caller.answered) {
            self.caller.answered = true;
            self.line(Line::Answer { leg });
            self.fact(EventKind::LegAnswered { interaction: self.id, leg: self.caller.leg });
        }
    }

    /// Tells the caller's phone that the other side rings, while nobody has answered.
    pub(crate) fn show_ringing(&mut self) {
        if !self.caller.answered && !self.caller.ringing {
            self.caller.ringing = true;
            self.line(Line::Ring { leg: self.caller.leg });
        }
    }

    /// The caller goes to `target`; whoever treated them before has let go.
    pub(crate) fn lead_to(&mut self, now: Timestamp, target: Target, context: &mut Context<'_>) {
        match target {
            Target::Flow(flow) => self.start_flow(now, &flow, context),
            Target::Queue(queue) => {
                self.pick_up();
                self.enqueue(now, queue, context);
            }
            Target::Agent(agent) => {
                self.play_ring_back();
                self.call_agent(agent, crate::offer::Purpose::Direct);
            }
            Target::Number(number) => {
                self.play_ring_back();
                self.call_number(now, number, crate::offer::Purpose::Direct, context);
            }
        }
    }

    /// The agent whom we called first is there.
    fn origin_answered(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let Some(then) = self.then.take() else { return };
        self.caller.answered = true;
        self.fact(EventKind::LegAnswered { interaction: self.id, leg: self.caller.leg });
        match then {
            Then::Allowed(number) => {
                self.play_ring_back();
                self.dial_number(now, number, crate::offer::Purpose::Direct, context);
            }
            Then::Target(target) => self.lead_to(now, target, context),
            // A phone that rules have not let ring cannot have answered.
            Then::Judged(_) => {}
        }
    }

    pub(crate) fn leg_fact(&mut self, leg: LegId, by: EndedBy, cause: Cause, status: Option<u16>) {
        let cause = u16::from(cause.as_q850());
        self.fact(EventKind::LegEnded { interaction: self.id, leg, by, cause, status });
    }

    fn leg_ended(&mut self, now: Timestamp, leg: LegId, cause: Cause, status: Option<u16>, context: &mut Context<'_>) {
        if leg == self.caller.leg {
            let by = ended_by(self.caller.ended_by(), status);
            self.leg_fact(leg, by, cause, status);
            self.caller_left(now, by, cause, context);
        } else if self.ringing.as_ref().is_some_and(|ringing| ringing.leg == leg) {
            self.leg_refused(now, leg, status.unwrap_or(480), cause, context);
        } else {
            self.far_end_left(now, leg, cause, status, context);
        }
    }

    /// Ends everything from our side: flow, limit, command or failure.
    pub(crate) fn end(&mut self, now: Timestamp, by: EndedBy, cause: Cause, context: &mut Context<'_>) {
        if self.ended {
            return;
        }
        self.line(Line::HangUp { leg: self.caller.leg, cause });
        self.leg_fact(self.caller.leg, by, cause, None);
        self.caller_left(now, by, cause, context);
    }

    /// The caller's leg is gone; so goes everything that was there for it.
    fn caller_left(&mut self, now: Timestamp, by: EndedBy, cause: Cause, context: &mut Context<'_>) {
        self.ended = true;
        // First, so that an agent who is ringing is released because the caller left.
        if self.waiting.take().is_some() {
            self.queueing(Queueing::Leave { exit: plugboard_model::QueueExit::Abandoned });
        }
        self.withdraw_offers();
        self.then = None;
        self.door = None;
        if let Some(talk) = self.talk.take() {
            self.end_conversation(talk, by, cause, context);
        }
        if let Some(party) = self.caller.party.take() {
            if self.caller.connected {
                self.disconnected(&party, by);
            }
            self.let_go(party, context);
        }
        self.stop_recording();
        self.abandon_all();
        self.fact(EventKind::InteractionClosed { interaction: self.id, by, cause: u16::from(cause.as_q850()) });
        self.exception = None;
        if self.flow.is_some() {
            let end = End { cause, by_caller: by == EndedBy::Caller };
            self.tell_last(now, Happening::HungUp(end), context);
        } else {
            self.finish();
        }
    }

    pub(crate) fn finish(&mut self) {
        if !self.over {
            self.over = true;
            self.push(Output::Over);
        }
    }

    /// How long a party outside may ring before we give up.
    pub(crate) const RING_OUTSIDE: Duration = Duration::from_secs(60);
}

/// A leg that broke (no ACK, no answer, no way there) was ended by no person; a refusal or a caller who gave up was.
pub(crate) fn ended_by(theirs: EndedBy, status: Option<u16>) -> EndedBy {
    if matches!(status, Some(400 | 408 | 481 | 488 | 503)) { EndedBy::Host } else { theirs }
}
