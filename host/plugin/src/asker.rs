//! Answers questions on the caller's thread, and keeps the instances that are good for more.

use crate::{
    Accounts, Answer, Ask, AskFailure, Engine, Question, Reply,
    account::{Entry, Ledger},
    kept::{Kept, Once},
    moment::{Moment, Turn},
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
    counts_fuel: bool,
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
        Self::keeping(engine, (instances / 4 / askers).clamp(1, MOST_KEPT))
    }

    /// Keeps so many instances of a world.
    pub(crate) fn keeping(engine: &Engine, most: usize) -> Self {
        Self {
            flows: Kept::new(most),
            policies: Kept::new(most),
            rules: Kept::new(most),
            // Campaigns are few.
            dialers: Kept::new((most / 4).max(1)),
            ledger: Ledger::default(),
            counts_fuel: engine.counts_fuel,
        }
    }

    /// Never panics and never takes much longer than the budget; a new instance may take up to a second to read its settings.
    pub fn ask(&mut self, question: Question) -> Reply {
        let begun = Moment::now();
        let asked = question.asked();
        let Question { id, tenant, budget, ask } = question;
        let turn = Turn { from: begun, budget, waits: false };
        let mut fuel = 0;
        let mut once = Once { tenant: &tenant, budget, fuel: &mut fuel };
        let result = match ask {
            Ask::FlowStep { flow, settings, state, event } => {
                self.flows.ask(&tenant, &flow, &settings, turn, Step { state, event }).map(Answer::Stepped)
            }
            Ask::RankAgents { policy, tables, who, needs, candidates, columns } => {
                let rank = RankAgents { who, needs, candidates, columns };
                routing::at_most_candidates(rank.candidates.len())
                    .and_then(|()| self.policies.ask(&tenant, &policy, &tables, turn, rank))
                    .map(Answer::Order)
            }
            Ask::RankWaiting { policy, tables, agent, waiting, columns } => {
                let rank = RankWaiting { agent, waiting, columns };
                routing::at_most_candidates(rank.waiting.len())
                    .and_then(|()| self.policies.ask(&tenant, &policy, &tables, turn, rank))
                    .map(Answer::Order)
            }
            Ask::OnTimer { policy, tables, who, needs } => {
                self.policies.ask(&tenant, &policy, &tables, turn, OnTimer { who, needs }).map(Answer::Relaxed)
            }
            Ask::Judge { rule, settings, act } => {
                self.rules.ask(&tenant, &rule, &settings, turn, Judge(act)).map(Answer::Judged)
            }
            Ask::Utterance { rule, settings, state, segment } => self
                .rules
                .ask(&tenant, &rule, &settings, turn, Utterance { state, segment: *segment })
                .map(Answer::Heard),
            Ask::Review { rule, settings, transcript } => {
                self.rules.ask(&tenant, &rule, &settings, turn, Review(transcript)).map(Answer::Reviewed)
            }
            Ask::Redact { rule, settings, text, language } => {
                self.rules.ask(&tenant, &rule, &settings, turn, Redact { text, language }).map(Answer::Redacted)
            }
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
                self.dialers.ask(&tenant, &dialer, &settings, turn, Pace(stats)).map(Answer::Paced)
            }
            Ask::NextAttempt { dialer, settings, history } => {
                self.dialers.ask(&tenant, &dialer, &settings, turn, NextAttempt(history)).map(Answer::Next)
            }
        };
        let took = begun.elapsed();
        let worked = begun.worked_of(took);
        let failure = result.as_ref().err().map(AskFailure::kind);
        fuel += self.flows.take_fuel() + self.policies.take_fuel() + self.rules.take_fuel() + self.dialers.take_fuel();
        let fuel = self.counts_fuel.then_some(fuel);
        self.ledger.add(&asked, Entry { failure, took, worked, fuel });
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
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }
}
