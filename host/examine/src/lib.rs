//! Asks a component what `plugboard-kit` wants to know, in the real engine, with no host around it.

use std::sync::Arc;

use plugboard_kit::{Answer, Ask, Case, Ended, Instance, Question, Report, Rule, Subject, examine};
use plugboard_model::TenantId;
use plugboard_pack::World;
use plugboard_plugin::{
    self as plugin, AskFailure, Asker, CompliancePlugin, Engine, EngineError, EngineSettings, FlowPlugin, LoadError,
    RoutingPlugin, Settings, TableSet, Terms,
};

/// Who asks; nobody else is there.
const TENANT: &str = "kit";

/// Why a component is not examined.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("there is no kit for the world {world} yet")]
    NoKit { world: World },
    #[error("it exports nothing that there is a kit for: flow, routing, compliance")]
    NoWorld,
}

#[derive(Clone, Debug)]
enum Component {
    Flow(FlowPlugin),
    Routing(RoutingPlugin),
    Compliance(CompliancePlugin),
}

/// One component that can be asked.
#[derive(Debug)]
pub struct Examiner {
    engine: Engine,
    component: Component,
    /// Keeps its instances from question to question.
    used: Asker,
    tenant: TenantId,
}

impl Examiner {
    /// `world`: as the manifest says; without it, what the component exports.
    pub fn load(bytes: &[u8], world: Option<World>, terms: Terms) -> Result<Self, ExamineError> {
        let engine = Engine::new(EngineSettings { instances: 64, ..EngineSettings::default() })?;
        let component = match world.or_else(|| world_of(bytes)) {
            Some(World::Flow) => Component::Flow(engine.load(bytes, terms)?),
            Some(World::Routing) => Component::Routing(engine.load(bytes, terms)?),
            Some(World::Compliance) => Component::Compliance(engine.load(bytes, terms)?),
            Some(world) => return Err(ExamineError::NoKit { world }),
            // Says what is wrong with it, where it is no component at all.
            None => {
                engine.load_routing(bytes)?;
                return Err(ExamineError::NoWorld);
            }
        };
        let used = Asker::new(&engine);
        let tenant = TENANT.parse().expect("a name of small letters is one of a tenant");
        Ok(Self { engine, component, used, tenant })
    }

    pub fn subject(&self) -> Subject {
        match &self.component {
            Component::Flow(_) => Subject::Flow,
            Component::Routing(_) => Subject::Routing,
            Component::Compliance(rule) => {
                let about = rule.description();
                Subject::Compliance(Rule {
                    judges: about.judges.clone(),
                    listens: about.listens,
                    reviews: about.reviews,
                    redacts: about.redacts.clone(),
                })
            }
        }
    }

    /// All of its world's kit, and the author's cases before it.
    pub fn examine(&mut self, name: &str, cases: &[Case]) -> Report {
        let subject = self.subject();
        examine(name, &subject, cases, &mut |question, instance| self.ask(question, instance))
    }

    /// One question, by the contract's deadline.
    pub fn ask(&mut self, question: &Question, instance: Instance) -> Ended {
        if let Some(world) = question.ask.world().filter(|world| *world != self.subject().world()) {
            let reason = format!(
                "{} is a question of the world {world}, and this is a component of {}",
                question.ask.name(),
                self.subject().world()
            );
            return Ended::NotAsked { reason };
        }
        match question.ask {
            Ask::Check | Ask::Configure => self.set_up(question),
            _ => self.decide(question, instance),
        }
    }

    fn set_up(&mut self, question: &Question) -> Ended {
        let settings = Settings::new(question.settings.items());
        let problems = match (&self.component, &question.ask) {
            (Component::Flow(flow), Ask::Check) => flow.check(&settings),
            (Component::Compliance(rule), Ask::Check) => rule.check(&settings),
            (Component::Routing(_), Ask::Check) => {
                return Ended::NotAsked { reason: "a routing policy has no `check`: ask `configure`".into() };
            }
            (Component::Flow(flow), _) => return configured(flow.configure(&settings), question),
            (Component::Routing(policy), _) => {
                return configured(policy.check(&TableSet::new(question.routing_tables())), question);
            }
            (Component::Compliance(rule), _) => return configured(rule.configure(&settings), question),
        };
        match problems {
            Ok(problems) => Ended::Answered(Answer::Problems(problems)),
            Err(failure) => ended(failure, question),
        }
    }

    fn decide(&mut self, question: &Question, instance: Instance) -> Ended {
        let Some(ask) = self.in_the_engine(question) else {
            return Ended::NotAsked { reason: format!("nobody here answers {}", question.ask.name()) };
        };
        let asked = plugin::Question { id: 1, tenant: self.tenant.clone(), budget: question.ask.deadline(), ask };
        let reply = match instance {
            Instance::Used => self.used.ask(asked),
            Instance::New => Asker::new(&self.engine).ask(asked),
        };
        let answer = match reply.result {
            Ok(answer) => answer,
            Err(failure) => return ended(failure, question),
        };
        Ended::Answered(match answer {
            plugin::Answer::Stepped(stepped) => Answer::Stepped(stepped),
            plugin::Answer::Order(order) => Answer::Order(order),
            plugin::Answer::Relaxed(relaxed) => Answer::Relaxed(relaxed),
            plugin::Answer::Judged(verdict) => Answer::Verdict(verdict),
            plugin::Answer::Heard(heard) => Answer::Heard(heard),
            plugin::Answer::Reviewed(findings) => Answer::Findings(findings),
            plugin::Answer::Redacted(spans) => Answer::Spans(spans),
            // Of worlds that reach the network: no question here is of them.
            other => return Ended::NotAsked { reason: format!("an answer of another world: {other:?}") },
        })
    }

    /// `None`: this component's world has no such question.
    fn in_the_engine(&self, question: &Question) -> Option<plugin::Ask> {
        let settings = || Arc::new(Settings::new(question.settings.items()));
        let tables = || Arc::new(TableSet::new(question.routing_tables()));
        Some(match (&self.component, question.ask.clone()) {
            (Component::Flow(flow), Ask::Step { state, event }) => {
                plugin::Ask::FlowStep { flow: flow.clone(), settings: settings(), state, event }
            }
            (Component::Routing(policy), Ask::RankAgents { who, needs, candidates, columns }) => {
                plugin::Ask::RankAgents { policy: policy.clone(), tables: tables(), who, needs, candidates, columns }
            }
            (Component::Routing(policy), Ask::RankWaiting { agent, waiting, columns }) => {
                plugin::Ask::RankWaiting { policy: policy.clone(), tables: tables(), agent, waiting, columns }
            }
            (Component::Routing(policy), Ask::OnTimer { who, needs }) => {
                plugin::Ask::OnTimer { policy: policy.clone(), tables: tables(), who, needs }
            }
            (Component::Compliance(rule), ask) => {
                let (rule, settings) = (rule.clone(), settings());
                match ask {
                    Ask::Judge(act) => plugin::Ask::Judge { rule, settings, act },
                    Ask::Utterance { state, segment } => plugin::Ask::Utterance { rule, settings, state, segment },
                    Ask::Review(transcript) => plugin::Ask::Review { rule, settings, transcript },
                    Ask::Redact { text, language } => plugin::Ask::Redact { rule, settings, text, language },
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}

/// What is exported stands in a component as it is written.
fn world_of(bytes: &[u8]) -> Option<World> {
    World::ALL.into_iter().find(|world| {
        let interface = format!("plugboard:plugin/{world}@");
        bytes.windows(interface.len()).any(|window| window == interface.as_bytes())
    })
}

fn configured(result: Result<(), AskFailure>, question: &Question) -> Ended {
    match result {
        Ok(()) => Ended::Answered(Answer::Configured),
        Err(failure) => ended(failure, question),
    }
}

fn ended(failure: AskFailure, question: &Question) -> Ended {
    match failure {
        AskFailure::Plugin(failure) => Ended::NoAnswer(failure),
        AskFailure::BadAnswer(bad) => Ended::Void { reason: bad.to_string() },
        AskFailure::Trapped { backtrace } => Ended::Trapped { backtrace },
        AskFailure::OutOfMemory { limit } => Ended::OutOfMemory { limit },
        AskFailure::Deadline { .. } => {
            let deadline_ms = u64::try_from(question.ask.deadline().as_millis()).unwrap_or(u64::MAX);
            Ended::Late { deadline_ms }
        }
        other => Ended::NotAsked { reason: other.to_string() },
    }
}
