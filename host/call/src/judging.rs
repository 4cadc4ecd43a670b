//! What a call wants of the compliance gate, and what it does with the rulings.

use std::sync::Arc;

use plugboard_model::{
    EventKind, Number, Timestamp,
    compliance::{Act, Asker, Dial, Duty, Effect, Incoming, MAX_FACTS, Record as Recording, RecordStep, Verdict},
    country_of,
    flow::{Cause, Record, RefusalCode, Setting, TransferEnd},
};

use crate::{
    Call, Context, Output, Refused, Target,
    gate::{Around, Entry, Gate, Judged, JudgingId, Output as GateOutput, Ruling},
    offer::{Purpose, Sought, Wanted},
    recording::Pause,
};

/// Longest name and value of a tag that rules are told.
const LONGEST_TAG: usize = 1_024;

/// Something that needs a verdict.
#[derive(Debug)]
pub(crate) enum Wish {
    PickUp,
    /// For [`Call::wanted`].
    Dial {
        number: Number,
        purpose: Purpose,
    },
    /// For [`Call::then`].
    Click(Number),
    /// For [`Call::redirecting`].
    Redirect(Number),
    /// The conversation.
    Record,
    /// A message that the flow takes.
    Message(Record),
    Pause(Pause),
    /// Whoever paused it ends the pause.
    Resume(Pause),
    /// The recording runs, and something was noted.
    GoOn,
}

/// What follows once the agent whom we called first has answered.
#[derive(Debug)]
pub(crate) enum Then {
    /// Nobody rings yet: the number is being judged.
    Judged(JudgingId),
    Allowed(Judged<Number>),
    Target(Target),
}

impl Call {
    /// Asks the rules of the tenant. Where there is none, the wish is granted here and now.
    pub(crate) fn wish(&mut self, now: Timestamp, wish: Wish, context: &Context<'_>) -> Entry<Wish> {
        let mut gate = std::mem::take(&mut self.gate);
        let entry =
            self.with_around(now, context, |around| gate.ask(around, wish, |wish| self.act_of(now, wish, context)));
        self.gate = gate;
        self.ask_rules();
        entry
    }

    fn ask_rules(&mut self) {
        while let Some(question) = self.gate.poll_question() {
            self.push(Output::Judge(question));
        }
    }

    fn with_around<T>(&self, now: Timestamp, context: &Context<'_>, run: impl FnOnce(&Around<'_>) -> T) -> T {
        let prompt = |name: &str| context.configuration.prompt(name, &self.language).is_some();
        let can = |effect: &Effect, duty: &Duty| match (effect, duty) {
            (_, Duty::Tell) | (Effect::Answer(_) | Effect::Record(_), Duty::NoRecording) => true,
            (Effect::Record(_), Duty::KeepDays(days)) => *days > 0,
            (Effect::Answer(_), Duty::Announce(name) | Duty::AskConsent(name)) => prompt(name),
            // A call shows and sends nothing.
            _ => false,
        };
        run(&Around { now, configuration: context.configuration, can: &can })
    }

    fn act_of(&self, now: Timestamp, wish: &Wish, context: &Context<'_>) -> Act {
        let what = match wish {
            Wish::PickUp => Effect::Answer(Incoming {
                caller: self.from.to_string(),
                called: self.to.to_string(),
                verified: false,
                language: self.language.clone(),
                records: context.configuration.queues.values().any(|queue| queue.record),
            }),
            Wish::Dial { number, purpose } => dial_of(
                context,
                number,
                match purpose {
                    Purpose::Consult => "consult",
                    Purpose::Direct if self.dialled_by.is_some() => "dialled",
                    Purpose::Queue
                    | Purpose::Direct
                    | Purpose::Flow { .. }
                    | Purpose::Blind { .. }
                    | Purpose::AfterParting => "transfer",
                },
            ),
            Wish::Click(number) => dial_of(context, number, "click"),
            Wish::Redirect(number) => dial_of(context, number, "transfer"),
            Wish::Record => self.record_of(RecordStep::Begin, "policy"),
            Wish::Message(_) => self.record_of(RecordStep::Begin, "message"),
            Wish::Pause(Pause::ByRule | Pause::ByOrder) => self.record_of(RecordStep::Pause, "rule"),
            Wish::Pause(_) => self.record_of(RecordStep::Pause, "agent"),
            Wish::Resume(Pause::ByRule | Pause::ByOrder) => self.record_of(RecordStep::Resume, "rule"),
            Wish::Resume(_) => self.record_of(RecordStep::Resume, "agent"),
            Wish::GoOn => self.record_of(RecordStep::Resume, "noted"),
        };
        Act {
            at: now,
            utc_offset_min: context.configuration.time_zone.offset_at(now),
            interaction: Some(self.id),
            by: self.asker(wish, context),
            what,
            tags: self.told_tags(),
        }
    }

    /// What was noted, as rules are told it.
    pub fn told_tags(&self) -> Vec<Setting> {
        let tag = |(name, value): (&Arc<str>, &Arc<str>)| Setting { name: name.to_string(), value: value.to_string() };
        self.tags.iter().map(tag).collect()
    }

    fn record_of(&self, step: RecordStep, reason: &str) -> Effect {
        let (consent, announced) = (self.consent, self.announced);
        Effect::Record(Recording { step, consent, announced, reason: reason.to_owned() })
    }

    fn asker(&self, wish: &Wish, context: &Context<'_>) -> Asker {
        let flow = || self.flow.as_ref().map(|flow| Asker::Flow(flow.name().clone()));
        let agent = || self.talking_agent().or_else(|| self.dialled_by.clone()).map(Asker::Agent);
        let asker = match wish {
            Wish::PickUp | Wish::Record | Wish::Redirect(_) | Wish::GoOn => None,
            Wish::Pause(Pause::ByRule | Pause::ByOrder) | Wish::Resume(Pause::ByRule | Pause::ByOrder) => None,
            Wish::Message(_) => flow(),
            Wish::Dial { purpose: Purpose::Flow { .. }, .. } => flow(),
            Wish::Dial { purpose: Purpose::AfterParting, .. } => self.parted.clone().map(Asker::Agent),
            Wish::Dial { .. } | Wish::Click(_) | Wish::Pause(_) | Wish::Resume(_) => {
                context.by.map(|name| Asker::Api(name.to_string())).or_else(agent)
            }
        };
        asker.unwrap_or(Asker::Host)
    }

    /// Something is noted on the interaction. Rules may see the recording with other eyes.
    pub(crate) fn note(&mut self, now: Timestamp, name: Arc<str>, value: Arc<str>, context: &mut Context<'_>) {
        let fits = self.tags.len() < MAX_FACTS || self.tags.contains_key(&name);
        if fits && name.len() <= LONGEST_TAG && value.len() <= LONGEST_TAG {
            self.tags.insert(Arc::clone(&name), Arc::clone(&value));
        }
        self.fact(EventKind::Tagged { interaction: self.id, name, value });
        self.recheck_recording(now, context);
    }

    /// Click to dial: a number outside is allowed before anybody's phone rings.
    pub(crate) fn click(&mut self, now: Timestamp, target: Target, context: &mut Context<'_>) {
        let then = match target {
            Target::Number(number) => match self.wish(now, Wish::Click(number.clone()), context) {
                Entry::Free(wish) => Then::Allowed(wish.map(|_| number)),
                Entry::Judging(judging) => Then::Judged(judging),
            },
            target => Then::Target(target),
        };
        if !matches!(then, Then::Judged(_)) {
            self.ring_own_agent();
        }
        self.then = Some(then);
    }

    /// Whether rules think about a click to dial, so that whoever asked for it waits.
    pub fn is_being_judged(&self) -> Option<JudgingId> {
        match self.then {
            Some(Then::Judged(judging)) => Some(judging),
            _ => None,
        }
    }

    /// Whether it is still to be decided.
    pub fn judges(&self, judging: JudgingId) -> bool {
        self.gate.is_open(judging)
    }

    pub(crate) fn ask_to_redirect(&mut self, now: Timestamp, number: Number, context: &mut Context<'_>) {
        if let Some(before) = self.redirecting.take() {
            self.abandon(before);
        }
        match self.wish(now, Wish::Redirect(number.clone()), context) {
            Entry::Free(wish) => self.redirect_to(now, wish.map(|_| number), context),
            Entry::Judging(judging) => {
                self.asked = Some(judging);
                self.redirecting = Some(judging);
            }
        }
    }

    fn redirect_to(&mut self, now: Timestamp, number: Judged<Number>, context: &mut Context<'_>) {
        self.leave_for(number.what().as_str().into());
        self.play_ring_back();
        self.dial_number(now, number, Purpose::Direct, context);
    }

    // What the rules say.

    pub(crate) fn rule_answered(
        &mut self,
        now: Timestamp,
        ask: u64,
        answer: Result<Verdict, Arc<str>>,
        context: &mut Context<'_>,
    ) {
        self.with_gate(now, context, |gate, around| gate.handle_verdict(around, ask, answer));
    }

    pub(crate) fn evidence_stored(&mut self, now: Timestamp, judging: JudgingId, context: &mut Context<'_>) {
        self.with_gate(now, context, |gate, _| gate.handle_proof(judging));
    }

    pub(crate) fn gate_timeout(&mut self, now: Timestamp, context: &mut Context<'_>) {
        self.with_gate(now, context, |gate, around| gate.handle_timeout(around));
        self.recheck_if_due(now, context);
    }

    fn with_gate(&mut self, now: Timestamp, context: &mut Context<'_>, run: impl FnOnce(&mut Gate<Wish>, &Around<'_>)) {
        let mut gate = std::mem::take(&mut self.gate);
        self.with_around(now, context, |around| run(&mut gate, around));
        self.gate = gate;
        self.ask_rules();
        while let Some(output) = self.gate.poll_output() {
            match output {
                GateOutput::Evidence { proves, judgement, .. } => {
                    for opinion in judgement.opinions.iter().filter(|opinion| opinion.failed) {
                        self.fact(EventKind::PluginFailed {
                            interaction: Some(self.id),
                            plugin: Arc::clone(&opinion.plugin),
                            question: "judge".into(),
                            reason: opinion.verdict.reason.as_str().into(),
                        });
                    }
                    self.push(Output::Evidence { proves, judgement });
                }
                GateOutput::Decided { judging, ruling } => self.decided(now, judging, ruling, context),
            }
        }
    }

    fn decided(&mut self, now: Timestamp, judging: JudgingId, ruling: Ruling<Wish>, context: &mut Context<'_>) {
        if self.ended {
            // An earlier ruling of the same moment ended the call.
            return self.push(Output::Decided { judging, result: Err(Refused::WrongState) });
        }
        self.recording_decided(judging);
        let result = match ruling {
            Ruling::Allowed { what, duties } => {
                if duties.contains(&Duty::Tell) {
                    let detail = format!("{}: a compliance rule wants supervisors to know", self.id);
                    self.fact(EventKind::Alarm { name: "compliance".into(), detail: detail.into() });
                }
                self.allowed(now, judging, what, duties, context)
            }
            Ruling::Refused { wish, denial } => {
                self.denied(now, judging, &wish, &denial, context);
                Err(Refused::Denied(denial))
            }
        };
        self.push(Output::Decided { judging, result });
        self.recheck_if_due(now, context);
    }

    fn allowed(
        &mut self,
        now: Timestamp,
        judging: JudgingId,
        wish: Judged<Wish>,
        duties: Vec<Duty>,
        context: &mut Context<'_>,
    ) -> Result<(), Refused> {
        self.note_days(&duties);
        match wish.what() {
            Wish::PickUp => {
                let leg = self.caller.leg;
                self.let_in(now, wish.map(|_| leg), duties, context);
            }
            Wish::Dial { number, .. } => {
                let number = number.clone();
                // The purpose may have changed since: an agent who left, a consultation that became a transfer.
                if let Some(Wanted { purpose, .. }) = self.take_judged(judging) {
                    self.dial_number(now, wish.map(|_| number), purpose, context);
                }
            }
            Wish::Click(number) => {
                let number = number.clone();
                self.then = Some(Then::Allowed(wish.map(|_| number)));
                self.ring_own_agent();
            }
            Wish::Redirect(number) => {
                let number = number.clone();
                self.redirecting = None;
                if self.talk.is_some() {
                    // An agent was faster.
                    return Err(Refused::WrongState);
                }
                self.redirect_to(now, wish.map(|_| number), context);
            }
            Wish::Message(_) => self.message_allowed(now, judging, wish, context),
            Wish::Record | Wish::Pause(_) | Wish::Resume(_) | Wish::GoOn => self.recording_allowed(wish, context),
        }
        Ok(())
    }

    fn denied(
        &mut self,
        now: Timestamp,
        judging: JudgingId,
        wish: &Wish,
        denial: &plugboard_model::compliance::Denial,
        context: &mut Context<'_>,
    ) {
        // Q.850 21: call rejected.
        let cause = Cause::from_q850(21).unwrap_or(Cause::TEMPORARY_FAILURE);
        match wish {
            Wish::PickUp | Wish::Click(_) => self.turn_away(now, context),
            Wish::Redirect(_) => self.redirecting = None,
            Wish::Dial { .. } => match self.take_judged(judging).map(|wanted| wanted.purpose) {
                Some(Purpose::Flow { token, .. }) => {
                    if let Some(flow) = &mut self.flow {
                        flow.transfer = None;
                    }
                    self.stop_music();
                    self.refuse(now, token, RefusalCode::Denied, &denial.to_string(), context);
                }
                Some(purpose) => self.nobody_answered(now, purpose, TransferEnd::Failed { cause }, 403, context),
                None => {}
            },
            Wish::Message(_) => self.message_denied(now, judging, &denial.to_string(), context),
            Wish::Record | Wish::Pause(_) | Wish::Resume(_) | Wish::GoOn => {
                self.recording_denied(now, wish, denial, context);
            }
        }
    }

    fn take_judged(&mut self, judging: JudgingId) -> Option<Wanted> {
        self.wanted.take_if(|wanted| matches!(wanted.who, Sought::Number { judging: own, .. } if own == judging))
    }

    /// Nobody wants it any more; whoever waits for the verdict is told.
    pub(crate) fn abandon(&mut self, judging: JudgingId) {
        if self.gate.cancel(judging).is_some() {
            self.push(Output::Decided { judging, result: Err(Refused::WrongState) });
        }
    }

    pub(crate) fn abandon_all(&mut self) {
        let open: Vec<JudgingId> = self.gate.cancel_all().collect();
        for judging in open {
            self.push(Output::Decided { judging, result: Err(Refused::WrongState) });
        }
    }
}

fn dial_of(context: &Context<'_>, number: &Number, purpose: &str) -> Effect {
    Effect::Dial(Dial {
        number: number.clone(),
        their_offset_min: None,
        country: country_of(number.as_str()).to_owned(),
        purpose: purpose.to_owned(),
        lists: context.configuration.lists_of(number),
        attempts: (context.attempts)(number),
    })
}
