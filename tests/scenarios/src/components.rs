//! The real components, asked on this thread: what they answer depends on the question alone, how long it takes is virtual.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use plugboard_exchange::{Answer, QuestionKind};
use plugboard_model::{
    TenantId,
    compliance::{Act, Verdict},
    connector::{Call, ConnectorFailure},
    flow::Setting,
    routing,
    tape::{Judged, Run},
};
use plugboard_plugin as plugin;
use plugboard_replay::{Comparison, Player};

/// Far beyond what a step takes, so that a busy machine changes nothing.
const BUDGET: Duration = Duration::from_secs(10);

/// What is wrong with a component while this is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    Trap,
    Deadline,
    NotInstalled,
    /// No answer at all, and no word of failure: a lost reply.
    Silence,
}

/// Answers an exchange's questions.
#[derive(Debug)]
pub struct Components {
    asker: plugin::Asker,
    loaded: &'static Loaded,
    settings: BTreeMap<usize, (Arc<str>, Arc<plugin::Settings>)>,
    tables: BTreeMap<usize, (Arc<routing::Tables>, Arc<plugin::TableSet>)>,
    pub flow_fault: Fault,
    pub policy_fault: Fault,
    /// When a policy is asked what a caller may go without.
    pub relax_fault: Fault,
    /// Rules that are no components: what they say, by the plugin's name.
    pub judges: BTreeMap<&'static str, fn(&Act) -> Verdict>,
    /// What is wrong with a rule, by the plugin's name.
    pub rule_faults: BTreeMap<&'static str, Fault>,
    /// From question to answer.
    pub delay: Duration,
    /// What another system says to a connector, by the tenant's name for it.
    pub systems: BTreeMap<&'static str, System>,
}

/// Another system, as a connector finds it.
#[derive(Clone, Copy, Debug)]
pub struct System {
    pub says: fn(&Call) -> Result<String, ConnectorFailure>,
    /// From question to answer; `None`: it never answers.
    pub after: Option<Duration>,
}

#[derive(Debug)]
struct Loaded {
    engine: plugin::Engine,
    flow: plugin::FlowPlugin,
    policies: BTreeMap<&'static str, plugin::RoutingPlugin>,
    rules: BTreeMap<&'static str, plugin::CompliancePlugin>,
}

const POLICIES: [(&str, &str); 3] = [
    ("route-longest-idle", "route_longest_idle.wasm"),
    ("route-skills", "route_skills.wasm"),
    ("route-vip-sticky", "route_vip_sticky.wasm"),
];

const RULES: [(&str, &str); 5] = [
    ("rule-recording-consent", "rule_recording_consent.wasm"),
    ("rule-calling-hours", "rule_calling_hours.wasm"),
    ("rule-payment-pause", "rule_payment_pause.wasm"),
    ("rule-script-watch", "rule_script_watch.wasm"),
    ("rule-masking", "rule_masking.wasm"),
];

/// Compiled once a version.
fn loaded() -> &'static Loaded {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    LOADED.get_or_init(|| {
        let folder = build();
        // Each test is a process of its own, and compiling is most of what it would do.
        let cache = Some(folder.join("machine-code"));
        let settings = plugin::EngineSettings { instances: 400, cache, ..plugin::EngineSettings::default() };
        let engine = plugin::Engine::new(settings).expect("an engine");
        let component = |name: &str| {
            let module = std::fs::read(folder.join(name)).expect("the module was built");
            plugboard_componentize::componentize(&module).expect("a component")
        };
        let flow = engine.load_flow(&component("flow_graph.wasm")).expect("a flow");
        let policy = |(name, file)| (name, engine.load_routing(&component(file)).expect("a policy"));
        let policies = POLICIES.into_iter().map(policy).collect();
        let rule = |(name, file)| (name, engine.load_compliance(&component(file)).expect("a rule"));
        let rules = RULES.into_iter().map(rule).collect();
        Loaded { flow, policies, rules, engine }
    })
}

/// Builds `plugins/` as their authors would. Needs the target wasm32-unknown-unknown.
fn build() -> std::path::PathBuf {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let target = plugins.join("target");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--target", "wasm32-unknown-unknown", "--manifest-path"])
        .arg(plugins.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the plugins build (rustup target add wasm32-unknown-unknown)");
    target.join("wasm32-unknown-unknown/release")
}

impl Components {
    pub(crate) fn new() -> Self {
        let loaded = loaded();
        Self {
            asker: plugin::Asker::new(&loaded.engine),
            loaded,
            settings: BTreeMap::new(),
            tables: BTreeMap::new(),
            flow_fault: Fault::None,
            policy_fault: Fault::None,
            relax_fault: Fault::None,
            judges: BTreeMap::new(),
            rule_faults: BTreeMap::new(),
            delay: Duration::from_millis(1),
            systems: BTreeMap::new(),
        }
    }

    /// How long the answer takes; `None`: it never comes.
    pub(crate) fn takes(&self, kind: &QuestionKind) -> Option<Duration> {
        match kind {
            QuestionKind::Invoke { name, .. } => self.systems.get(&**name)?.after,
            _ => Some(self.delay),
        }
    }

    /// What comes back, if anything does.
    pub(crate) fn ask(&mut self, tenant: &TenantId, kind: QuestionKind) -> Option<Answer> {
        let fault = match &kind {
            QuestionKind::Step(_) => self.flow_fault,
            QuestionKind::Judge { plugin, .. }
            | QuestionKind::Hear { plugin, .. }
            | QuestionKind::Review { plugin, .. }
            | QuestionKind::Redact { plugin, .. } => self.rule_faults.get(&**plugin).copied().unwrap_or_default(),
            QuestionKind::Relax { .. } if self.relax_fault != Fault::None => self.relax_fault,
            _ => self.policy_fault,
        };
        match fault {
            Fault::None => {}
            Fault::Trap => return Some(Answer::Unavailable("plugin trapped: unreachable".into())),
            Fault::Deadline => return Some(Answer::Unavailable("plugin did not answer within 20ms".into())),
            Fault::NotInstalled => return Some(Answer::Unavailable("there is no plugin of that name".into())),
            Fault::Silence => return None,
        }
        let ask = match kind {
            QuestionKind::Judge { plugin, settings, act } => {
                if let Some(says) = self.judges.get(&*plugin) {
                    return Some(Answer::Judged(says(&act)));
                }
                let Some(rule) = self.loaded.rules.get(&*plugin) else {
                    return Some(Answer::Unavailable(format!("there is no compliance plugin {plugin}").into()));
                };
                if !rule.judges(&act.what) {
                    return Some(Answer::Judged(Verdict::unjudged()));
                }
                plugin::Ask::Judge { rule: rule.clone(), settings: told(&settings), act }
            }
            QuestionKind::Hear { plugin, settings, state, segment } => {
                let Some(rule) = self.rule(&plugin).filter(|rule| rule.description().listens) else {
                    return Some(Answer::Heard(None));
                };
                plugin::Ask::Utterance { rule, settings: told(&settings), state, segment }
            }
            QuestionKind::Review { plugin, settings, transcript } => {
                let Some(rule) = self.rule(&plugin).filter(|rule| rule.description().reviews) else {
                    return Some(Answer::Reviewed(None));
                };
                plugin::Ask::Review { rule, settings: told(&settings), transcript }
            }
            QuestionKind::Redact { plugin, settings, text, language } => {
                let Some(rule) = self.rule(&plugin).filter(|rule| !rule.description().redacts.is_empty()) else {
                    return Some(Answer::Redacted(None));
                };
                plugin::Ask::Redact { rule, settings: told(&settings), text, language }
            }
            QuestionKind::Invoke { name, call, .. } => {
                return Some(Answer::Invoked((self.systems.get(&*name)?.says)(&call)));
            }
            QuestionKind::Step(step) => plugin::Ask::FlowStep {
                flow: self.loaded.flow.clone(),
                settings: self.settings_of(&step.document),
                state: step.state,
                event: Box::new(step.event),
            },
            QuestionKind::RankAgents { plugin, tables, who, needs, candidates, columns } => plugin::Ask::RankAgents {
                policy: self.policy(&plugin),
                tables: self.table_set(&tables),
                who,
                needs,
                candidates,
                columns,
            },
            QuestionKind::RankWaiting { plugin, tables, agent, waiting, columns } => plugin::Ask::RankWaiting {
                policy: self.policy(&plugin),
                tables: self.table_set(&tables),
                agent,
                waiting,
                columns,
            },
            QuestionKind::Relax { plugin, tables, who, needs } => {
                plugin::Ask::OnTimer { policy: self.policy(&plugin), tables: self.table_set(&tables), who, needs }
            }
        };
        let question = plugin::Question { id: 0, tenant: tenant.clone(), budget: BUDGET, ask };
        Some(match self.asker.ask(question).result {
            Ok(plugin::Answer::Stepped(stepped)) => Answer::Stepped(stepped),
            Ok(plugin::Answer::Order(order)) => Answer::Ranked(order),
            Ok(plugin::Answer::Relaxed(relaxed)) => Answer::Relaxed(relaxed),
            Ok(plugin::Answer::Judged(verdict)) => Answer::Judged(verdict),
            Ok(plugin::Answer::Heard(heard)) => Answer::Heard(Some(heard)),
            Ok(plugin::Answer::Reviewed(findings)) => Answer::Reviewed(Some(findings)),
            Ok(plugin::Answer::Redacted(spans)) => Answer::Redacted(Some(spans)),
            Ok(_) => Answer::Unavailable("the answer is of another kind".into()),
            Err(plugin::AskFailure::Plugin(failure)) => Answer::Failed(failure),
            Err(failure) => Answer::Unavailable(failure.to_string().into()),
        })
    }

    /// What flow-graph makes of a past call when it runs this document instead.
    pub(crate) fn play(&mut self, tenant: &TenantId, run: &Run, judged: &[Judged], document: &str) -> Comparison {
        let settings = Arc::new(plugin::Settings::document(document));
        let mut player = Player::new(run).judged(run, judged);
        while let Some(question) = player.next_question() {
            let ask = plugin::Ask::FlowStep {
                flow: self.loaded.flow.clone(),
                settings: Arc::clone(&settings),
                state: question.state,
                event: Box::new(question.event),
            };
            let question = plugin::Question { id: 0, tenant: tenant.clone(), budget: BUDGET, ask };
            player.said(match self.asker.ask(question).result {
                Ok(plugin::Answer::Stepped(stepped)) => Ok(stepped),
                Ok(_) => Err("the answer is of another kind".to_owned()),
                Err(failure) => Err(failure.to_string()),
            });
        }
        player.finish()
    }

    fn rule(&self, name: &str) -> Option<plugin::CompliancePlugin> {
        self.loaded.rules.get(name).cloned()
    }

    fn policy(&self, name: &str) -> plugin::RoutingPlugin {
        self.loaded.policies.get(name).unwrap_or_else(|| panic!("no story has the policy {name}")).clone()
    }

    /// What the policy of that name says of these tables.
    pub fn check_policy(&self, name: &str, tables: &routing::Tables) -> Result<(), String> {
        let set = plugin::TableSet::new(tables.clone());
        self.policy(name).check(&set).map_err(|failure| failure.to_string())
    }

    fn settings_of(&mut self, document: &Arc<str>) -> Arc<plugin::Settings> {
        let entry = self
            .settings
            .entry(document.as_ptr() as usize)
            .or_insert_with(|| (Arc::clone(document), Arc::new(plugin::Settings::document(&**document))));
        Arc::clone(&entry.1)
    }

    fn table_set(&mut self, tables: &Arc<routing::Tables>) -> Arc<plugin::TableSet> {
        let make = || (Arc::clone(tables), Arc::new(plugin::TableSet::new((**tables).clone())));
        Arc::clone(&self.tables.entry(Arc::as_ptr(tables) as usize).or_insert_with(make).1)
    }
}

fn told(settings: &BTreeMap<String, String>) -> Arc<plugin::Settings> {
    let setting = |(name, value): (&String, &String)| Setting { name: name.clone(), value: value.clone() };
    Arc::new(plugin::Settings::new(settings.iter().map(setting).collect()))
}
