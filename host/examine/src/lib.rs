//! Asks a component what `plugboard-kit` wants to know, in the real engine, with no host around it and no network.

mod peers;

use std::sync::Arc;

use plugboard_kit::{
    Answer, Ask, Assistant, Case, Ended, Instance, Question, Report, Rule, Sent, Subject, Told, examine,
};
use plugboard_model::TenantId;
use plugboard_pack::{Bytes, World, permissions::Asks};
use plugboard_plugin::{
    self as plugin, Access, AnyPlugin, AskFailure, Asker, Engine, EngineError, EngineSettings, LoadError, Settings,
    TableSet, Terms,
};

use peers::Peers;

/// Who asks; nobody else is there.
const TENANT: &str = "kit";

/// Why a component is not examined.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// What a component may keep that no manifest asks for.
const KV: Bytes = Bytes(1 << 20);

/// One component that can be asked.
#[derive(Debug)]
pub struct Examiner {
    engine: Engine,
    component: AnyPlugin,
    /// Keeps its instances from question to question.
    used: Asker,
    tenant: TenantId,
    granted: Asks,
}

impl Examiner {
    /// `world`: as the manifest says; without it, what the component exports.
    pub fn load(bytes: &[u8], world: Option<World>, terms: Terms) -> Result<Self, ExamineError> {
        let engine = Engine::new(EngineSettings { instances: 64, ..EngineSettings::default() })?;
        let component = match world {
            None => engine.load_any(bytes, terms)?,
            Some(World::Flow) => AnyPlugin::Flow(engine.load(bytes, terms)?),
            Some(World::Routing) => AnyPlugin::Routing(engine.load(bytes, terms)?),
            Some(World::Compliance) => AnyPlugin::Compliance(engine.load(bytes, terms)?),
            Some(World::Connector) => AnyPlugin::Connector(engine.load(bytes, terms)?),
            Some(World::Channel) => AnyPlugin::Channel(engine.load(bytes, terms)?),
            Some(World::Assistant) => AnyPlugin::Assistant(engine.load(bytes, terms)?),
            Some(World::Dialer) => AnyPlugin::Dialer(engine.load(bytes, terms)?),
        };
        let used = Asker::new(&engine);
        Ok(Self { engine, component, used, tenant: tenant(), granted: Asks { kv: KV, ..Asks::default() } })
    }

    /// Grants what a manifest asks for, beside what each question grants.
    #[must_use]
    pub fn granting(self, granted: Asks) -> Self {
        Self { granted, ..self }
    }

    pub fn subject(&self) -> Subject {
        match &self.component {
            AnyPlugin::Flow(_) => Subject::Flow,
            AnyPlugin::Routing(_) => Subject::Routing,
            AnyPlugin::Compliance(rule) => {
                let about = rule.description();
                Subject::Compliance(Rule {
                    judges: about.judges.clone(),
                    listens: about.listens,
                    reviews: about.reviews,
                    redacts: about.redacts.clone(),
                })
            }
            AnyPlugin::Connector(_) => Subject::Connector,
            AnyPlugin::Channel(_) => Subject::Channel,
            AnyPlugin::Assistant(assistant) => {
                let about = assistant.description();
                let (replies, suggests, classifies) = (about.replies, about.suggests, about.classifies);
                Subject::Assistant(Assistant { replies, suggests, classifies })
            }
            AnyPlugin::Dialer(dialer) => Subject::Dialer { wants: dialer.description().wants.len() },
        }
    }

    /// All of its world's kit, and the author's cases before it.
    pub fn examine(&mut self, name: &str, cases: &[Case]) -> Report {
        let subject = self.subject();
        examine(name, &subject, cases, &mut |question, instance| self.ask(question, instance))
    }

    /// One question, by the contract's deadline. What it sends reaches nobody: the question says what comes back.
    pub fn ask(&mut self, question: &Question, instance: Instance) -> Told {
        if let Some(world) = question.ask.world().filter(|world| *world != self.subject().world()) {
            let reason = format!(
                "{} is a question of the world {world}, and this is a component of {}",
                question.ask.name(),
                self.subject().world()
            );
            return Ended::NotAsked { reason }.into();
        }
        match question.ask {
            Ask::Check | Ask::Configure => self.set_up(question).into(),
            _ => self.decide(question, instance),
        }
    }

    fn set_up(&mut self, question: &Question) -> Ended {
        let settings = Settings::new(question.settings.items());
        let configures = matches!(question.ask, Ask::Configure);
        let problems = match &self.component {
            AnyPlugin::Routing(policy) if configures => {
                return configured(policy.check(&TableSet::new(question.routing_tables())), question);
            }
            AnyPlugin::Flow(flow) if configures => return configured(flow.configure(&settings), question),
            AnyPlugin::Compliance(rule) if configures => return configured(rule.configure(&settings), question),
            AnyPlugin::Dialer(dialer) if configures => return configured(dialer.configure(&settings), question),
            AnyPlugin::Routing(_) => {
                return Ended::NotAsked { reason: "a routing policy has no `check`: ask `configure`".into() };
            }
            _ if configures => {
                return Ended::NotAsked { reason: "it reads its settings while it is asked: ask `check`".into() };
            }
            AnyPlugin::Flow(flow) => flow.check(&settings),
            AnyPlugin::Compliance(rule) => rule.check(&settings),
            AnyPlugin::Dialer(dialer) => dialer.check(&settings),
            AnyPlugin::Connector(connector) => connector.check(&settings),
            AnyPlugin::Channel(channel) => channel.check(&settings),
            AnyPlugin::Assistant(assistant) => assistant.check(&settings),
        };
        match problems {
            Ok(problems) => Ended::Answered(Answer::Problems(problems)),
            Err(failure) => ended(failure, question),
        }
    }

    fn decide(&mut self, question: &Question, instance: Instance) -> Told {
        let peers = match Peers::of(&question.outside, &self.granted) {
            Ok(peers) => peers,
            Err(reason) => return Ended::NotAsked { reason }.into(),
        };
        let access = Arc::new(peers.access(&question.settings));
        let Some(ask) = self.in_the_engine(question, access) else {
            return Ended::NotAsked { reason: format!("nobody here answers {}", question.ask.name()) }.into();
        };
        let asked = plugin::Question { id: 1, tenant: self.tenant.clone(), budget: question.ask.deadline(), ask };
        let reply = match instance {
            Instance::Used => self.used.ask(asked),
            Instance::New => Asker::new(&self.engine).ask(asked),
        };
        let sent: Vec<Sent> = peers.sent();
        let ended = match reply.result {
            Ok(answer) => answered(answer),
            Err(failure) => ended(failure, question),
        };
        Told { ended, sent }
    }

    /// `None`: this component's world has no such question.
    fn in_the_engine(&self, question: &Question, access: Arc<Access>) -> Option<plugin::Ask> {
        let settings = || Arc::new(Settings::new(question.settings.items()));
        let tables = || Arc::new(TableSet::new(question.routing_tables()));
        let ask = question.ask.clone();
        Some(match &self.component {
            AnyPlugin::Flow(flow) => match ask {
                Ask::Step { state, event } => {
                    plugin::Ask::FlowStep { flow: flow.clone(), settings: settings(), state, event }
                }
                _ => return None,
            },
            AnyPlugin::Routing(policy) => {
                let (policy, tables) = (policy.clone(), tables());
                match ask {
                    Ask::RankAgents { who, needs, candidates, columns } => {
                        plugin::Ask::RankAgents { policy, tables, who, needs, candidates, columns }
                    }
                    Ask::RankWaiting { agent, waiting, columns } => {
                        plugin::Ask::RankWaiting { policy, tables, agent, waiting, columns }
                    }
                    Ask::OnTimer { who, needs } => plugin::Ask::OnTimer { policy, tables, who, needs },
                    _ => return None,
                }
            }
            AnyPlugin::Compliance(rule) => {
                let (rule, settings) = (rule.clone(), settings());
                match ask {
                    Ask::Judge(act) => plugin::Ask::Judge { rule, settings, act },
                    Ask::Utterance { state, segment } => plugin::Ask::Utterance { rule, settings, state, segment },
                    Ask::Review(transcript) => plugin::Ask::Review { rule, settings, transcript },
                    Ask::Redact { text, language } => plugin::Ask::Redact { rule, settings, text, language },
                    _ => return None,
                }
            }
            AnyPlugin::Connector(connector) => {
                let connector = connector.clone();
                match ask {
                    Ask::Invoke(call) => plugin::Ask::Invoke { connector, access, call },
                    Ask::OnEvent(notice) => plugin::Ask::Notify { connector, access, notice },
                    Ask::Probe => plugin::Ask::Probe { connector, access },
                    _ => return None,
                }
            }
            AnyPlugin::Channel(channel) => {
                let channel = channel.clone();
                match ask {
                    Ask::Verify(webhook) => plugin::Ask::Verify { channel, access, webhook },
                    Ask::Receive(webhook) => plugin::Ask::Receive { channel, access, webhook },
                    Ask::Send(message) => plugin::Ask::Send { channel, access, message },
                    _ => return None,
                }
            }
            AnyPlugin::Assistant(assistant) => {
                let assistant = assistant.clone();
                match ask {
                    Ask::Reply(conversation) => plugin::Ask::Converse { assistant, access, conversation },
                    Ask::Suggest(conversation) => plugin::Ask::Suggest { assistant, access, conversation },
                    Ask::Classify { text, language } => plugin::Ask::Classify { assistant, access, text, language },
                    _ => return None,
                }
            }
            AnyPlugin::Dialer(dialer) => {
                let (dialer, settings) = (dialer.clone(), settings());
                match ask {
                    Ask::Pace(stats) => plugin::Ask::Pace { dialer, settings, stats },
                    Ask::NextAttempt(history) => plugin::Ask::NextAttempt { dialer, settings, history },
                    _ => return None,
                }
            }
        })
    }
}

fn answered(answer: plugin::Answer) -> Ended {
    use plugin::Answer as Said;
    Ended::Answered(match answer {
        Said::Stepped(stepped) => Answer::Stepped(stepped),
        Said::Order(order) => Answer::Order(order),
        Said::Relaxed(relaxed) => Answer::Relaxed(relaxed),
        Said::Judged(verdict) => Answer::Verdict(verdict),
        Said::Heard(heard) => Answer::Heard(heard),
        Said::Reviewed(findings) => Answer::Findings(findings),
        Said::Redacted(spans) => Answer::Spans(spans),
        // The door let in nothing but JSON.
        Said::Invoked(Ok(json)) => Answer::Output(serde_json::from_str(&json).unwrap_or_else(|_| json.into())),
        Said::Invoked(Err(failure)) | Said::Noted(Err(failure)) => return Ended::Failed(failure.into()),
        Said::Noted(Ok(())) => Answer::Done {},
        Said::Verified(Ok(verified)) => Answer::Verified(verified),
        Said::Received(Ok(received)) => Answer::Received(received),
        Said::Sent(Ok(id)) => Answer::Receipt(id),
        Said::Verified(Err(failure)) | Said::Received(Err(failure)) | Said::Sent(Err(failure)) => {
            return Ended::Failed(failure.into());
        }
        Said::Replied(actions) => Answer::Actions(actions),
        Said::Suggested(suggestions) => Answer::Suggestions(suggestions),
        Said::Classified(classified) => Answer::Classified(classified),
        Said::Paced(tempo) => Answer::Tempo(tempo),
        Said::Next(next) => Answer::Next(next),
    })
}

fn tenant() -> TenantId {
    TENANT.parse().expect("a name of small letters is one of a tenant")
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
