//! The compliance gate: an effect is a wish until every rule of the tenant has allowed it.
//!
//! ```text
//!   ask ─┬─ the tenant has no rule, the host none of its own ───▶ Judged
//!        └▶ asked ──every rule answers, or the deadline──┬─ allowed ─▶ proving ──evidence is on disk──▶ Judged
//!             ▲  │ the rules are others by now           │ allowed, may not wait ────────────────────▶ Judged
//!             └──┘                                       └─ denied, put off, proof is late ──────────▶ Denial
//! ```
//! Only this module makes a [`Judged`], and whoever carries effects out takes nothing else: what goes round the rules does not compile.
//!
//! ```compile_fail
//! let forged = plugboard_call::gate::Judged { what: 1 };
//! ```

use std::{collections::VecDeque, sync::Arc, time::Duration};

use plugboard_model::{
    Configuration, InteractionId, Timestamp,
    compliance::{Act, Decision, Denial, Duty, Effect, Judgement, Opinion, RecordStep, Rule, Verdict},
};

/// A rule gets 5 ms of work; the rest is for the way there and back on a busy machine.
pub const JUDGE_LIMIT: Duration = Duration::from_millis(250);
/// A disk that takes longer proves nothing.
pub const PROOF_LIMIT: Duration = Duration::from_secs(10);
/// Rules that change more often than this while they are asked say nothing.
const MOST_ROUNDS: u8 = 4;

/// Something that may be done: no rule of the tenant forbids it. Spent where it is done.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged<T> {
    what: T,
}

impl Judged<plugboard_model::LegId> {
    /// The line of an agent of ours who calls: nobody from outside is picked up.
    pub(crate) fn own_phone(leg: plugboard_model::LegId) -> Self {
        Self { what: leg }
    }
}

impl<T> Judged<T> {
    pub fn what(&self) -> &T {
        &self.what
    }

    /// For whoever does it now.
    pub fn into_what(self) -> T {
        self.what
    }

    /// The same permission, with what only the host's bookkeeping needs taken off or put on.
    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Judged<U> {
        Judged { what: map(self.what) }
    }
}

/// One wish that is being judged, unique within its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JudgingId(pub u64);

/// What becomes of a wish at once.
#[derive(Debug)]
pub enum Entry<W> {
    /// The tenant has no rule: nobody is asked, and nothing is told.
    Free(Judged<W>),
    Judging(JudgingId),
}

/// What comes of the answers.
#[derive(Debug)]
pub enum Output<W> {
    /// To be appended to the log. `proves`: tell [`Gate::handle_proof`] once it is on disk.
    Evidence {
        proves: Option<JudgingId>,
        /// The act's.
        interaction: Option<InteractionId>,
        judgement: Box<Judgement>,
    },
    Decided {
        judging: JudgingId,
        ruling: Ruling<W>,
    },
}

/// What one rule is asked; its answer comes to [`Gate::handle_verdict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Never used twice.
    pub ask: u64,
    pub rule: Arc<str>,
    pub plugin: Arc<str>,
    pub settings: Arc<std::collections::BTreeMap<String, String>>,
    pub act: Box<Act>,
}

/// The one outcome of a judging.
#[derive(Debug, PartialEq, Eq)]
pub enum Ruling<W> {
    /// `duties`: to be done with it; each is one that `can` accepted.
    Allowed {
        what: Judged<W>,
        duties: Vec<Duty>,
    },
    Refused {
        wish: W,
        denial: Denial,
    },
}

/// What the gate may look at.
pub struct Around<'a> {
    pub now: Timestamp,
    pub configuration: &'a Arc<Configuration>,
    /// Whether the duty can be fulfilled with this effect.
    pub can: &'a dyn Fn(&Effect, &Duty) -> bool,
}

/// Wishes that are being judged, each with what is to be done once it is allowed.
#[derive(Debug)]
pub struct Gate<W> {
    open: Vec<Judging<W>>,
    next: u64,
    questions: VecDeque<Question>,
    output: VecDeque<Output<W>>,
}

#[derive(Debug)]
struct Judging<W> {
    id: JudgingId,
    wish: W,
    act: Box<Act>,
    state: State,
}

#[derive(Debug)]
enum State {
    Asked {
        until: Timestamp,
        /// How often it was asked, since the rules changed meanwhile.
        round: u8,
        /// Whose rules were asked: a verdict of other rules is void.
        under: Arc<Configuration>,
        missing: Vec<Missing>,
        opinions: Vec<Opinion>,
    },
    /// Allowed, and not on disk yet.
    Proving { until: Timestamp, duties: Vec<Duty> },
}

#[derive(Debug)]
struct Missing {
    ask: u64,
    rule: Arc<str>,
    plugin: Arc<str>,
}

impl<W> Default for Gate<W> {
    fn default() -> Self {
        Self { open: Vec::new(), next: 1, questions: VecDeque::new(), output: VecDeque::new() }
    }
}

impl<W> Gate<W> {
    /// Asks every rule of the tenant. `act` is made only where there is one.
    pub fn ask(&mut self, around: &Around<'_>, wish: W, act: impl FnOnce(&W) -> Act) -> Entry<W> {
        if around.configuration.rules.is_empty() && around.configuration.dialling.consent_list.is_none() {
            return Entry::Free(Judged { what: wish });
        }
        let act = Box::new(act(&wish));
        let is_free = around.configuration.rules.is_empty() && consent(around.configuration, &act.what).is_none();
        if is_free || calls_for_help(around.configuration, &act.what) {
            return Entry::Free(Judged { what: wish });
        }
        let id = JudgingId(self.next);
        self.next += 1;
        let state = self.put(around, 1, &act);
        self.open.push(Judging { id, wish, act, state });
        Entry::Judging(id)
    }

    fn put(&mut self, around: &Around<'_>, round: u8, act: &Act) -> State {
        let mut missing = Vec::with_capacity(around.configuration.rules.len());
        for (name, rule) in &around.configuration.rules {
            let (ask, plugin, settings) = (self.next, Arc::clone(&rule.plugin), Arc::clone(&rule.settings));
            self.next += 1;
            missing.push(Missing { ask, rule: Arc::clone(name), plugin: Arc::clone(&plugin) });
            let act = Box::new(Act { at: around.now, ..act.clone() });
            self.questions.push_back(Question { ask, rule: Arc::clone(name), plugin, settings, act });
        }
        // What the host knows by itself needs no time.
        let until = if missing.is_empty() { around.now } else { around.now + JUDGE_LIMIT };
        let opinions = consent(around.configuration, &act.what).into_iter().collect();
        State::Asked { until, round, under: Arc::clone(around.configuration), missing, opinions }
    }

    /// What the rule says to the question `ask`, or why it says nothing.
    pub fn handle_verdict(&mut self, around: &Around<'_>, ask: u64, answer: Result<Verdict, Arc<str>>) {
        let is_missing = |judging: &Judging<W>| match &judging.state {
            State::Asked { missing, .. } => missing.iter().any(|missing| missing.ask == ask),
            State::Proving { .. } => false,
        };
        // Nobody waits for it any more: the deadline was faster, the wish is gone, or the rules changed.
        let Some(index) = self.open.iter().position(is_missing) else { return };
        let Judging { act, state, .. } = &mut self.open[index];
        let State::Asked { missing, opinions, .. } = state else { return };
        let Some(place) = missing.iter().position(|missing| missing.ask == ask) else { return };
        let Missing { rule, plugin, .. } = missing.remove(place);
        opinions.push(opinion(rule, plugin, &act.what, answer));
        if missing.is_empty() {
            self.conclude(around, index);
        }
    }

    /// The evidence of `judging` is on disk.
    pub fn handle_proof(&mut self, judging: JudgingId) {
        let proven = |open: &Judging<W>| open.id == judging && matches!(open.state, State::Proving { .. });
        if let Some(index) = self.open.iter().position(proven) {
            let Judging { id, wish, state, .. } = self.open.remove(index);
            let State::Proving { duties, .. } = state else { return };
            self.decided(id, Ruling::Allowed { what: Judged { what: wish }, duties });
        }
    }

    /// Rules that have not answered by now failed; evidence that is not on disk by now proves nothing.
    pub fn handle_timeout(&mut self, around: &Around<'_>) {
        while let Some(index) = self.open.iter().position(|judging| judging.until() <= around.now) {
            let Judging { act, state, .. } = &mut self.open[index];
            match state {
                State::Asked { missing, opinions, .. } => {
                    for Missing { rule, plugin, .. } in missing.drain(..) {
                        opinions.push(opinion(rule, plugin, &act.what, Err("no answer in time".into())));
                    }
                    self.conclude(around, index);
                }
                State::Proving { .. } => {
                    let Judging { id, wish, .. } = self.open.remove(index);
                    self.decided(id, Ruling::Refused { wish, denial: Denial::unproven() });
                }
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.open.iter().map(Judging::until).min()
    }

    /// To be asked now; empty after each input once this was drained.
    pub fn poll_question(&mut self) -> Option<Question> {
        self.questions.pop_front()
    }

    pub fn poll_output(&mut self) -> Option<Output<W>> {
        self.output.pop_front()
    }

    /// The wish is nobody's any more.
    pub fn cancel(&mut self, judging: JudgingId) -> Option<W> {
        let index = self.open.iter().position(|open| open.id == judging)?;
        Some(self.open.remove(index).wish)
    }

    /// All of them.
    pub fn cancel_all(&mut self) -> impl Iterator<Item = JudgingId> {
        std::mem::take(&mut self.open).into_iter().map(|judging| judging.id)
    }

    pub fn is_open(&self, judging: JudgingId) -> bool {
        self.open.iter().any(|open| open.id == judging)
    }

    fn decided(&mut self, judging: JudgingId, ruling: Ruling<W>) {
        self.output.push_back(Output::Decided { judging, ruling });
    }

    /// Every opinion is in.
    fn conclude(&mut self, around: &Around<'_>, index: usize) {
        let Judging { id, wish, mut act, state } = self.open.swap_remove(index);
        let State::Asked { round, under, mut opinions, .. } = state else { return };
        if !Arc::ptr_eq(&under, around.configuration) && under.rules != around.configuration.rules {
            if round < MOST_ROUNDS && !around.configuration.rules.is_empty() {
                let state = self.put(around, round + 1, &act);
                return self.open.push(Judging { id, wish, act, state });
            }
            let late = |(name, rule): (&Arc<str>, &Rule)| {
                let reason = Err("the rules change faster than they answer".into());
                opinion(Arc::clone(name), Arc::clone(&rule.plugin), &act.what, reason)
            };
            let own = consent(around.configuration, &act.what);
            opinions = own.into_iter().chain(around.configuration.rules.iter().map(late)).collect();
        }
        opinions.retain(|opinion| opinion.verdict.code != Verdict::NO_RULE);
        if opinions.is_empty() {
            return self.decided(id, Ruling::Allowed { what: Judged { what: wish }, duties: Vec::new() });
        }
        opinions.sort_by(|a, b| a.rule.cmp(&b.rule));
        for opinion in &mut opinions {
            refuse_what_cannot_be_fulfilled(opinion, &act.what, around);
        }
        let together = opinions.iter().map(|opinion| opinion.verdict.clone()).fold(Verdict::unjudged(), Verdict::and);
        let denial = denial(&opinions, &together, &act.what);
        let proves = denial.is_none() && must_be_proven(&act.what);
        let judgement = Judgement {
            effect: act.what.name().into(),
            about: act.what.about().into(),
            by: act.by.clone(),
            decision: together.decision,
            opinions,
        };
        let (proves_id, interaction) = (proves.then_some(id), act.interaction);
        self.output.push_back(Output::Evidence { proves: proves_id, interaction, judgement: Box::new(judgement) });
        match denial {
            Some(denial) => self.decided(id, Ruling::Refused { wish, denial }),
            None if proves => {
                let state = State::Proving { until: around.now + PROOF_LIMIT, duties: together.duties };
                act.at = around.now;
                self.open.push(Judging { id, wish, act, state });
            }
            None => self.decided(id, Ruling::Allowed { what: Judged { what: wish }, duties: together.duties }),
        }
    }
}

impl<W> Judging<W> {
    fn until(&self) -> Timestamp {
        match self.state {
            State::Asked { until, .. } | State::Proving { until, .. } => until,
        }
    }
}

fn opinion(rule: Arc<str>, plugin: Arc<str>, effect: &Effect, answer: Result<Verdict, Arc<str>>) -> Opinion {
    let failed = answer.is_err();
    let verdict = answer.unwrap_or_else(|reason| Verdict::by_default(effect, &*reason));
    Opinion { rule, plugin, failed, verdict }
}

/// No rule, and no rule that is late, keeps anybody from calling the emergency services.
fn calls_for_help(configuration: &Configuration, effect: &Effect) -> bool {
    let Effect::Dial(dial) = effect else { return false };
    configuration.dialling.is_emergency(dial.number.as_str())
}

/// What the host itself says of a call to a customer, where the tenant calls only those who consented.
fn consent(configuration: &Configuration, effect: &Effect) -> Option<Opinion> {
    let list = configuration.dialling.consent_list.as_ref()?;
    let Effect::Dial(dial) = effect else { return None };
    if matches!(dial.purpose.as_str(), "transfer" | "consult") {
        return None;
    }
    let (decision, code, reason) = match dial.lists.iter().any(|name| **name == **list) {
        true => (Decision::Allow, "consented", String::new()),
        false => (Decision::Deny, "no-consent", format!("the number is not on the list {list}")),
    };
    let verdict = Verdict { decision, code: code.into(), reason, duties: Vec::new() };
    Some(Opinion { rule: "consent".into(), plugin: "host".into(), failed: false, verdict })
}

/// A duty that nobody can do makes the verdict a denial.
fn refuse_what_cannot_be_fulfilled(opinion: &mut Opinion, effect: &Effect, around: &Around<'_>) {
    let verdict = &mut opinion.verdict;
    let Some(duty) = verdict.duties.iter().find(|duty| !(around.can)(effect, duty)) else { return };
    let reason = format!("this host cannot fulfil the duty {duty:?}");
    verdict.reason = if verdict.reason.is_empty() { reason } else { format!("{reason}; {}", verdict.reason) };
    verdict.decision = Decision::Deny;
    verdict.duties.clear();
}

/// Whose verdict counts, where it is not done.
fn denial(opinions: &[Opinion], together: &Verdict, effect: &Effect) -> Option<Denial> {
    let counts = match together.decision {
        // A recording that is allowed on condition that there is none.
        Decision::Allow if keeps(effect) => {
            opinions.iter().find(|opinion| opinion.verdict.duties.contains(&Duty::NoRecording))
        }
        Decision::Allow => None,
        decision => opinions.iter().find(|opinion| opinion.verdict.decision == decision),
    }?;
    let later = match counts.verdict.decision {
        Decision::Later(at) => Some(at),
        Decision::Allow | Decision::Deny => None,
    };
    let Verdict { code, reason, .. } = counts.verdict.clone();
    Some(Denial { rule: Arc::clone(&counts.rule), code, reason, later })
}

/// Whatever reaches out, hands out or begins to keep is proven before it is done. A pause is not: what is said meanwhile would be kept.
fn must_be_proven(effect: &Effect) -> bool {
    match effect {
        Effect::Answer(_) => false,
        Effect::Record(_) => keeps(effect),
        Effect::Dial(_) | Effect::Unmask(_) | Effect::Export(_) | Effect::Message(_) | Effect::Other(_) => true,
    }
}

/// Whether what is said from then on is recorded.
fn keeps(effect: &Effect) -> bool {
    matches!(effect, Effect::Record(record) if matches!(record.step, RecordStep::Begin | RecordStep::Resume))
}
