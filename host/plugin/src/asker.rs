//! Answers questions on the caller's thread, and keeps the instances that are good for more.

use std::time::Duration;

use plugboard_model::InteractionId;
use tracing::Span;

use crate::{
    Accounts, Answer, Ask, AskFailure, Asked, Engine, Question, Reply,
    account::{Entry, Ledger},
    kept::{Kept, Once},
    moment::{Moment, Turn},
    traces::{QuestionTrace, Spent, TraceEnd, Traces, WhyKept},
    world::{
        assistant::{Classify, Converse, Suggest},
        channel::{Deliver, Receive, Verify},
        compliance::{Compliance, Judge, Redact, Review, Utterance},
        connector::{Invoke, Notify, Probe},
        dialer::{Dialer, NextAttempt, Pace},
        flow::{Flow, Step},
        routing::{self, OnTimer, RankAgents, RankWaiting, Routing},
    },
};

/// Most instances of a world that one asker keeps.
const MOST_KEPT: usize = 256;

/// Asks plugins, one question after the other. What a guest answers depends on its arguments alone; how long it may take is wall time.
#[derive(Debug)]
pub struct Asker {
    flows: Kept<Flow>,
    policies: Kept<Routing>,
    rules: Kept<Compliance>,
    dialers: Kept<Dialer>,
    ledger: Ledger,
    /// `None`: nobody looks at single questions.
    traces: Option<Traces>,
}

/// What a question is about, and what became of it before it was asked. For its trace.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct About {
    pub(crate) interaction: Option<InteractionId>,
    /// For a thread.
    pub(crate) waited: Duration,
}

impl Asker {
    /// For one asker of the engine: it keeps up to half of the engine's instances, 256 at most.
    pub fn new(engine: &Engine) -> Self {
        Self::sharing(engine, 1)
    }

    /// For one of `askers` that share the engine.
    pub(crate) fn sharing(engine: &Engine, askers: usize) -> Self {
        // Half for what is kept; the rest for loading, checking and what is being replaced.
        let instances = usize::try_from(engine.instances).unwrap_or(usize::MAX);
        Self::keeping((instances / 4 / askers).clamp(1, MOST_KEPT))
    }

    /// Keeps so many instances of a world.
    pub(crate) fn keeping(most: usize) -> Self {
        Self {
            flows: Kept::new(most),
            policies: Kept::new(most),
            rules: Kept::new(most),
            // Campaigns are few.
            dialers: Kept::new((most / 4).max(1)),
            ledger: Ledger::default(),
            traces: None,
        }
    }

    /// Never panics and never takes much longer than the budget; a new instance may take up to a second to read its settings.
    pub fn ask(&mut self, question: Question) -> Reply {
        self.ask_about(question, About::default())
    }

    pub(crate) fn ask_about(&mut self, question: Question, about: About) -> Reply {
        let begun = Moment::now();
        let asked = question.asked();
        let Question { id, tenant, budget, ask } = question;
        let name = ask.name();
        let span = about.span(&asked, name);
        let entered = span.enter();
        let turn = Turn { from: begun, budget, waits: false };
        let mut spent = Spent::default();
        let mut once = Once { tenant: &tenant, budget, spent: &mut spent };
        let result = match ask {
            Ask::FlowStep { flow, settings, state, event } => {
                self.flows.ask(&mut spent, &tenant, &flow, &settings, turn, Step { state, event }).map(Answer::Stepped)
            }
            Ask::RankAgents { policy, tables, who, needs, candidates, columns } => {
                let rank = RankAgents { who, needs, candidates, columns };
                routing::at_most_candidates(rank.candidates.len())
                    .and_then(|()| self.policies.ask(&mut spent, &tenant, &policy, &tables, turn, rank))
                    .map(Answer::Order)
            }
            Ask::RankWaiting { policy, tables, agent, waiting, columns } => {
                let rank = RankWaiting { agent, waiting, columns };
                routing::at_most_candidates(rank.waiting.len())
                    .and_then(|()| self.policies.ask(&mut spent, &tenant, &policy, &tables, turn, rank))
                    .map(Answer::Order)
            }
            Ask::OnTimer { policy, tables, who, needs } => self
                .policies
                .ask(&mut spent, &tenant, &policy, &tables, turn, OnTimer { who, needs })
                .map(Answer::Relaxed),
            Ask::Judge { rule, settings, act } => {
                self.rules.ask(&mut spent, &tenant, &rule, &settings, turn, Judge(act)).map(Answer::Judged)
            }
            Ask::Utterance { rule, settings, state, segment } => self
                .rules
                .ask(&mut spent, &tenant, &rule, &settings, turn, Utterance { state, segment: *segment })
                .map(Answer::Heard),
            Ask::Review { rule, settings, transcript } => {
                self.rules.ask(&mut spent, &tenant, &rule, &settings, turn, Review(transcript)).map(Answer::Reviewed)
            }
            Ask::Redact { rule, settings, text, language } => self
                .rules
                .ask(&mut spent, &tenant, &rule, &settings, turn, Redact { text, language })
                .map(Answer::Redacted),
            Ask::Invoke { connector, access, call } => once.ask(&connector, access, Invoke(call)).map(Answer::Invoked),
            Ask::Notify { connector, access, notice } => {
                once.ask(&connector, access, Notify(notice)).map(Answer::Noted)
            }
            Ask::Probe { connector, access } => once.ask(&connector, access, Probe).map(Answer::Noted),
            Ask::Verify { channel, access, webhook } => {
                once.ask(&channel, access, Verify(webhook)).map(Answer::Verified)
            }
            Ask::Receive { channel, access, webhook } => {
                once.ask(&channel, access, Receive(webhook)).map(Answer::Received)
            }
            Ask::Send { channel, access, message } => once.ask(&channel, access, Deliver(message)).map(Answer::Sent),
            Ask::Converse { assistant, access, conversation } => {
                once.ask(&assistant, access, Converse(conversation)).map(Answer::Replied)
            }
            Ask::Suggest { assistant, access, conversation } => {
                once.ask(&assistant, access, Suggest(conversation)).map(Answer::Suggested)
            }
            Ask::Classify { assistant, access, text, language } => {
                once.ask(&assistant, access, Classify { text, language }).map(Answer::Classified)
            }
            Ask::Pace { dialer, settings, stats } => {
                self.dialers.ask(&mut spent, &tenant, &dialer, &settings, turn, Pace(stats)).map(Answer::Paced)
            }
            Ask::NextAttempt { dialer, settings, history } => {
                self.dialers.ask(&mut spent, &tenant, &dialer, &settings, turn, NextAttempt(history)).map(Answer::Next)
            }
        };
        let took = begun.elapsed();
        let worked = begun.worked_of(took);
        let failure = result.as_ref().err().map(AskFailure::kind);
        about.told(budget, took, worked, &spent, result.as_ref().err());
        drop(entered);
        let entry = Entry { failure, took, worked, fuel: spent.fuel, http_calls: spent.http_calls };
        let nth = self.ledger.add(&asked, entry);
        if let Some(traces) = &self.traces
            && let Some(kept) = WhyKept::of(failure, took, budget, nth)
        {
            traces.keep(QuestionTrace {
                number: 0,
                asked: asked.clone(),
                question: name,
                interaction: about.interaction,
                at: Traces::begun(took),
                waited: about.waited,
                took,
                budget,
                worked,
                spent,
                ended: TraceEnd::of(result.as_ref().err()),
                kept,
            });
        }
        Reply { id, result, took, worked, asked, quarantine: None }
    }

    /// What was asked of this asker and how it went.
    pub fn accounts(&self) -> Accounts {
        Accounts::of([&self.ledger])
    }

    /// Lets go of instances whose plugin nobody else holds any more, and with the last of them of its machine code.
    pub fn drop_unused(&mut self) {
        self.flows.drop_unused();
        self.policies.drop_unused();
        self.rules.drop_unused();
        self.dialers.drop_unused();
    }

    /// From here on single questions are traced there.
    #[must_use]
    pub fn traced(self, traces: Traces) -> Self {
        Self { traces: Some(traces), ..self }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }
}

impl About {
    /// For whoever collects spans of the target `plugboard::question`; where nobody does, it is nothing.
    fn span(&self, asked: &Asked, question: &'static str) -> Span {
        tracing::debug_span!(
            target: "plugboard::question",
            "question",
            tenant = %asked.tenant,
            plugin = %asked.plugin,
            world = asked.world,
            question,
            interaction = self.interaction.map(tracing::field::display),
            waited_us = micros(self.waited),
        )
    }

    /// How it ended, within its span.
    fn told(&self, budget: Duration, took: Duration, worked: Duration, spent: &Spent, failure: Option<&AskFailure>) {
        tracing::debug!(
            target: "plugboard::question",
            took_us = micros(took),
            budget_us = micros(budget),
            worked_us = micros(worked),
            fuel = spent.fuel,
            memory_bytes = spent.memory,
            fresh = spent.is_fresh,
            calls = spent.calls.len(),
            outcome = failure.map_or("answered", |failure| failure.kind().name()),
            "question ended"
        );
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
