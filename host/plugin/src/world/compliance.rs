//! The world `compliance-plugin`: what may be done, and what was said.

mod answer;
mod question;

use plugboard_model::{
    Timestamp,
    compliance::{Act, Effect, Finding, Heard, MAX_FACTS, Segment, Span, Transcript, Verdict},
};

use crate::{
    AskFailure, BadAnswer, CompliancePlugin, Settings,
    bindings::compliance as wit,
    door,
    instance::Instance,
    moment::Turn,
    world::{self, Question, SETUP_BUDGET, World, words},
};

/// Bytes of a transcript that are given at once.
const TRANSCRIPT: usize = 1 << 20;
/// Bytes of a text to be masked.
const TEXT: usize = 64 * 1024;

/// What a rule says of itself: nothing else is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDescription {
    pub name: String,
    /// States of another revision cannot be read.
    pub revision: u32,
    /// [`Effect::name`] of what it judges.
    pub judges: Vec<String>,
    pub listens: bool,
    pub reviews: bool,
    /// Kinds that it finds in texts.
    pub redacts: Vec<String>,
}

/// Marks what belongs to the world `compliance-plugin`.
pub struct Compliance;

impl World for Compliance {
    const NAME: &'static str = "compliance-plugin";
    const INTERFACE: &'static str = "compliance";
    type Setup = Settings;
    type About = RuleDescription;

    world::guest_of!(wit);

    fn describe(instance: &mut Instance<Self>) -> Result<(RuleDescription, Vec<String>), AskFailure> {
        let said = instance.call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_describe(store))?;
        answer::description(said).map_err(AskFailure::BadAnswer)
    }

    fn configure(instance: &mut Instance<Self>, settings: &Settings) -> Result<(), AskFailure> {
        let settings = words::settings(settings.items());
        instance
            .call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_configure(store, &settings))?
            .map_err(world::failure)
    }
}

world::described!(CompliancePlugin, RuleDescription);

impl CompliancePlugin {
    /// Whether it is to be asked about this effect. What it does not judge costs nothing.
    pub fn judges(&self, effect: &Effect) -> bool {
        self.about().judges.iter().any(|name| name == effect.name())
    }

    /// Whether an instance takes these settings, whatever `check` says of them.
    pub fn configure(&self, settings: &Settings) -> Result<(), AskFailure> {
        self.instance(None, settings).map(drop)
    }
}

/// Whether this may be done.
pub(crate) struct Judge(pub(crate) Box<Act>);

impl Question<Compliance> for Judge {
    type Answer = Verdict;

    fn ask(self, instance: &mut Instance<Compliance>, _: &Settings, turn: Turn) -> Result<Verdict, AskFailure> {
        let act = *self.0;
        let facts = match &act.what {
            Effect::Dial(dial) => dial.lists.len().max(dial.attempts.len()),
            Effect::Message(message) => message.lists.len(),
            _ => 0,
        };
        ours("facts", MAX_FACTS, facts.max(act.tags.len()))?;
        let (at, act): (Timestamp, _) = (act.at, question::act(act));
        instance
            .call(turn, |guest, store| guest.call_judge(store, &act))?
            .map_err(world::failure)
            .and_then(|verdict| answer::verdict(verdict, at).map_err(AskFailure::BadAnswer))
    }
}

/// One utterance of a running conversation.
pub(crate) struct Utterance {
    pub(crate) state: Vec<u8>,
    pub(crate) segment: Segment,
}

impl Question<Compliance> for Utterance {
    type Answer = Heard;

    fn ask(self, instance: &mut Instance<Compliance>, _: &Settings, turn: Turn) -> Result<Heard, AskFailure> {
        let segment = question::segment(self.segment);
        instance
            .call(turn, |guest, store| guest.call_on_utterance(store, &self.state, &segment))?
            .map_err(world::failure)
            .and_then(|heard| answer::heard(heard).map_err(AskFailure::BadAnswer))
    }
}

/// A conversation that is over.
pub(crate) struct Review(pub(crate) Box<Transcript>);

impl Question<Compliance> for Review {
    type Answer = Vec<Finding>;

    fn ask(self, instance: &mut Instance<Compliance>, _: &Settings, turn: Turn) -> Result<Vec<Finding>, AskFailure> {
        let bytes = self.0.segments.iter().map(|segment| segment.text.len()).sum();
        ours("segments", 10_000, self.0.segments.len())?;
        ours("bytes of transcript", TRANSCRIPT, bytes)?;
        let numbers: Vec<u32> = self.0.segments.iter().map(|segment| segment.seq).collect();
        let transcript = question::transcript(*self.0);
        instance
            .call(turn, |guest, store| guest.call_review(store, &transcript))?
            .map_err(world::failure)
            .and_then(|findings| answer::findings(findings, &numbers).map_err(AskFailure::BadAnswer))
    }
}

/// What in a text has to be masked.
pub(crate) struct Redact {
    pub(crate) text: String,
    pub(crate) language: String,
}

impl Question<Compliance> for Redact {
    type Answer = Vec<Span>;

    fn ask(self, instance: &mut Instance<Compliance>, _: &Settings, turn: Turn) -> Result<Vec<Span>, AskFailure> {
        ours("bytes of text", TEXT, self.text.len())?;
        instance
            .call(turn, |guest, store| guest.call_redact(store, &self.text, &self.language))?
            .map_err(world::failure)
            .and_then(|spans| answer::spans(spans, &self.text).map_err(AskFailure::BadAnswer))
    }
}

/// A question that the contract does not allow is ours to refuse, before anybody is asked.
fn ours(what: &'static str, most: usize, count: usize) -> Result<(), AskFailure> {
    door::at_most(what, most, count).map_err(|bad: BadAnswer| AskFailure::BadAnswer(bad))
}
