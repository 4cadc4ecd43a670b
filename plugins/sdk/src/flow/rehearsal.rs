//! A call without a host, for an author's tests: say what happens, and see what the flow asks.
//!
//! Each step is run twice and must give the same. Whatever a test says that cannot happen (an answer that nobody waits for) panics.

use std::{fmt::Write as _, marker::PhantomData, time::Duration};

use super::{
    Action, Channel, Digits, Direction, Effect, End, Event, Failure, Flow, GatherEnd, GiveUp, Happening, Message,
    Prompt, QueueNews, Recording, Refusal, Setting, Source, Start, Stepped, Target, Visit, configure,
    happening::{self, Kind},
    step,
};
use crate::contract::flow::exports::plugboard::plugin::flow_types::Answer;

/// What a rehearsal begins with: an inbound call in English, on Monday 2026-11-23 at 10:00 UTC, with no settings.
#[derive(Clone, Debug)]
pub struct Scene {
    pub start: Start,
    pub settings: Vec<Setting>,
    pub at_ms: u64,
    pub utc_offset_min: i16,
}

impl Default for Scene {
    fn default() -> Self {
        let start = Start {
            interaction: "i-1".into(),
            channel: Channel::Voice,
            direction: Direction::Inbound,
            caller: "+8613800000000".into(),
            called: "8001".into(),
            verified: false,
            language: "en".into(),
        };
        Self { start, settings: Vec::new(), at_ms: 1_795_428_000_000, utc_offset_min: 0 }
    }
}

impl Scene {
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push(Setting { name: name.into(), value: value.into() });
        self
    }
}

/// One interaction with the flow `F`.
#[derive(Debug)]
pub struct Rehearsal<F> {
    state: Vec<u8>,
    seq: u32,
    at_ms: u64,
    utc_offset_min: i16,
    /// Requests that wait for an answer, timers with when they are due.
    open: Vec<(u32, Kind, u64)>,
    asked: Vec<Action>,
    trail: Vec<Visit>,
    flow: PhantomData<F>,
}

impl<F: Flow> Rehearsal<F> {
    /// In the ordinary [`Scene`].
    pub fn begin() -> Self {
        Self::begin_in(Scene::default())
    }

    pub fn begin_in(scene: Scene) -> Self {
        let Scene { start, settings, at_ms, utc_offset_min } = scene;
        configure::<F>(settings).unwrap_or_else(|failure| panic!("settings are refused: {}", failure.message));
        let mut rehearsal = Self {
            state: Vec::new(),
            seq: 0,
            at_ms,
            utc_offset_min,
            open: Vec::new(),
            asked: Vec::new(),
            trail: Vec::new(),
            flow: PhantomData,
        };
        rehearsal.tell(None, Happening::Started(start));
        rehearsal
    }

    /// What was asked since this was last called, in one line.
    pub fn heard(&mut self) -> String {
        let words: Vec<_> =
            self.asked.drain(..).map(|action| format!("{} {}", action.token, words(&action.what))).collect();
        words.join("; ")
    }

    /// The same as data.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.asked)
    }

    /// The stages that were gone through since this was last called: `menu:next queue:hung-up`; the last has no exit while the flow waits there.
    pub fn trail(&mut self) -> String {
        let visit = |visit: Visit| match visit.exit {
            Some(exit) => format!("{}:{exit}", visit.node),
            None => visit.node,
        };
        self.trail.drain(..).map(visit).collect::<Vec<_>>().join(" ")
    }

    /// Bytes that the flow keeps between two events.
    pub fn state(&self) -> &[u8] {
        &self.state
    }

    /// The prompt was heard to its end.
    pub fn played(&mut self) {
        self.answer(Kind::Play, Happening::Played(true));
    }

    /// Keys; an empty text: none came in time.
    pub fn pressed(&mut self, digits: &str) {
        let ended = if digits.is_empty() { GatherEnd::Timeout } else { GatherEnd::Complete };
        self.answer(Kind::Gather, Happening::Gathered(Digits { digits: digits.into(), ended }));
    }

    /// That agent took the call.
    pub fn connected(&mut self, agent: &str) {
        self.answer(Kind::Enqueue, Happening::Queue(QueueNews::Connected(agent.into())));
    }

    /// The wait in the queue ended without an agent.
    pub fn gave_up(&mut self, why: GiveUp) {
        self.answer(Kind::Enqueue, Happening::Queue(QueueNews::GaveUp(why)));
    }

    /// The connector answered.
    pub fn looked_up(&mut self, json: &str) {
        self.answer(Kind::Invoke, Happening::LookedUp(Answer { json: json.into() }));
    }

    pub fn recorded(&mut self, id: &str, length: Duration) {
        let length_ms = u32::try_from(length.as_millis()).expect("a recording of some minutes");
        self.answer(Kind::Record, Happening::Recorded(Recording { id: id.into(), length_ms }));
    }

    /// The oldest timer runs out, at its time.
    pub fn timer(&mut self) {
        let (_, due) = self.oldest(Kind::Timer);
        self.at_ms = self.at_ms.max(due);
        self.answer(Kind::Timer, Happening::Timer);
    }

    /// A message of the other side.
    pub fn message(&mut self, text: &str) {
        let id = format!("m-{}", self.seq);
        self.tell(None, Happening::Message(Message { id, text: text.into(), attachments: 0 }));
    }

    /// The host does not do what was asked by that token.
    pub fn refused(&mut self, token: u32, code: &str) {
        let refusal = Refusal { code: code.into(), message: "as the test wants".into(), retryable: false };
        self.tell(Some(token), Happening::Refused(refusal));
    }

    /// The caller hangs up.
    pub fn hang_up(&mut self) {
        self.tell(None, Happening::HungUp(End { cause: 16, by_caller: true }));
    }

    /// Time passes.
    pub fn pass(&mut self, time: Duration) {
        self.at_ms += u64::try_from(time.as_millis()).expect("less than an age");
    }

    /// Answers the oldest request of that kind.
    fn answer(&mut self, kind: Kind, what: Happening) {
        let (token, _) = self.oldest(kind);
        self.tell(Some(token), what);
    }

    fn oldest(&self, kind: Kind) -> (u32, u64) {
        let open = self.open.iter().find(|(_, open, _)| *open == kind);
        let (token, _, due) = open.unwrap_or_else(|| panic!("no `{}` is open, only {:?}", kind.name(), self.open));
        (*token, *due)
    }

    fn tell(&mut self, answers: Option<u32>, what: Happening) {
        if let Err(failure) = self.try_event(answers, what) {
            panic!("the flow fails: {}", failure.message);
        }
    }

    /// What waits for an answer, the oldest first.
    #[cfg(test)]
    pub(crate) fn open(&self) -> Vec<(u32, Kind)> {
        self.open.iter().map(|(token, kind, _)| (*token, *kind)).collect()
    }

    /// Anything else that may happen; says how the flow fails, where it does.
    pub fn try_event(&mut self, answers: Option<u32>, what: Happening) -> Result<(), Failure> {
        self.open.retain(|(token, kind, _)| Some(*token) != answers || !happening::answers(*kind, &what));
        let Self { seq, at_ms, utc_offset_min, .. } = *self;
        let event = Event { seq, at_ms, utc_offset_min, answers, more: false, what, extra: Vec::new() };
        let stepped = step::<F>(&self.state, &event);
        assert_eq!(stepped, step::<F>(&self.state, &event), "the same event gives the same step");
        let Stepped { state, actions, trail, .. } = stepped?;
        (self.state, self.seq, self.at_ms) = (state, seq + 1, at_ms + 1_000);
        for action in &actions {
            match &action.what {
                Effect::Cancel(token) => self.open.retain(|(open, ..)| open != token),
                Effect::Timer(ms) => self.open.push((action.token, Kind::Timer, at_ms + u64::from(*ms))),
                what => self.open.push((action.token, Kind::of(what), at_ms)),
            }
        }
        self.asked.extend(actions);
        self.trail.extend(trail);
        Ok(())
    }
}

fn words(effect: &Effect) -> String {
    let mut words = Kind::of(effect).name().to_owned();
    let rest = match effect {
        Effect::PickUp => String::new(),
        Effect::Play(prompt) => prompt_words(prompt),
        Effect::Gather(gather) => gather.prompt.as_ref().map(prompt_words).unwrap_or_default(),
        Effect::Listen(listen) => listen.prompt.as_ref().map(prompt_words).unwrap_or_default(),
        Effect::Enqueue(place) => place.queue.clone(),
        Effect::Transfer(transfer) => match &transfer.to {
            Target::Agent(name) => format!("agent {name}"),
            Target::Number(number) => format!("number {number}"),
            Target::Flow(name) => format!("flow {name}"),
            Target::Other(open) => open.name.clone(),
        },
        Effect::Invoke(invoke) => format!("{} {}", invoke.connector, invoke.operation),
        Effect::Record(record) => format!("{} ms", record.max_ms),
        Effect::Send(message) => message.text.clone(),
        Effect::Timer(ms) => format!("{ms} ms"),
        Effect::Cancel(token) => token.to_string(),
        Effect::Tag(tag) => format!("{}={}", tag.name, tag.value),
        Effect::HangUp(cause) => cause.to_string(),
        Effect::Other(open) => open.name.clone(),
    };
    if !rest.is_empty() {
        let _ = write!(words, " {rest}");
    }
    words
}

fn prompt_words(prompt: &Prompt) -> String {
    let source = |source: &Source| match source {
        Source::File(name) => name.clone(),
        Source::Text(text) => format!("{text:?}"),
        Source::Digits(digits) => format!("digits {digits}"),
        Source::Number(number) => format!("number {number}"),
        Source::Position => "position".into(),
        Source::Other(open) => open.name.clone(),
    };
    prompt.sources.iter().map(source).collect::<Vec<_>>().join(" + ")
}
