//! Rules between the resources of one tenant, wherever the configuration came from.

mod connector;
mod flow;
mod policy;
mod reference;
mod rule;
mod trunk;

pub use connector::ConnectorSays;
pub use reference::check_references;

use std::collections::{BTreeMap, BTreeSet};

use plugboard_model::{
    AgentId, Configuration, Limits, MOST_LISTED, MOST_LISTS, NumberTarget, Queue, QueueId, Srtp, Trunk,
    channel::Channel,
    compliance::Rule,
    connector::Connector,
    flow::{Problem, Severity},
    routing::Tables,
};
use serde::{Deserialize, Serialize};

use crate::suggest::instead;

/// What is wrong with a configuration, as a value for the API; [`crate::load_tenant`] adds file and line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    /// Kebab-case, stable: `unknown-queue`.
    pub code: String,
    /// JSON Pointer (RFC 6901) to the resource: `/queues/sales/overflow_to`, and on into a flow's document: `/flows/main/nodes/menu/exits/1`.
    pub pointer: String,
    /// The node of a flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub message: String,
    pub remedy: String,
}

/// Shorter passwords are guessed: bots try SIP accounts all day.
const SHORTEST_PASSWORD: usize = 8;

/// What the flow component says of one document of a tenant with these limits.
pub type CheckFlow<'a> = dyn Fn(&str, &Limits) -> Vec<Problem> + 'a;
/// What the routing component of that name says of the tables of a queue; a problem's field is a JSON Pointer within the queue's policy.
pub type CheckPolicy<'a> = dyn Fn(&str, &Tables) -> Vec<Problem> + 'a;

/// What the compliance component says of a rule; a problem's field names a setting.
pub type CheckRule<'a> = dyn Fn(&Rule) -> Vec<Problem> + 'a;

/// What the connector component says of a connector.
pub type CheckConnector<'a> = dyn Fn(&Connector) -> ConnectorSays + 'a;

/// What the channel component says of a channel; a problem's field names a setting.
pub type CheckChannel<'a> = dyn Fn(&Channel) -> Vec<Problem> + 'a;

/// Components that judge what is written for them.
#[derive(Clone, Copy)]
pub struct Judges<'a> {
    pub flow: &'a CheckFlow<'a>,
    pub policy: &'a CheckPolicy<'a>,
    pub rule: &'a CheckRule<'a>,
    pub connector: &'a CheckConnector<'a>,
    pub channel: &'a CheckChannel<'a>,
}

/// Everything that the resources of a tenant say of each other and that does not hold. `judges` look at one document of `flow-graph`, or one
/// queue's policy, by itself; other flow components judge theirs when they are loaded.
///
/// A configuration with an error here must not be applied; warnings are for people.
pub fn check(configuration: &Configuration, judges: Judges<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    tenant(configuration, &mut findings);
    for (id, queue) in &configuration.queues {
        check_queue(id, queue, configuration, &mut findings);
        if let Some(policy) = &queue.policy {
            policy::check(id, policy, configuration, judges.policy, &mut findings);
        }
    }
    agents(configuration, &mut findings);
    numbers(configuration, &mut findings);
    trunk::check(configuration, &mut findings);
    encryption(configuration, &mut findings);
    rule::check(configuration, judges.rule, &mut findings);
    lists(configuration, &mut findings);
    let operations = connector::check(configuration, judges.connector, &mut findings);
    connector::channels(configuration, judges.channel, &mut findings);
    for (id, flow) in &configuration.flows {
        let document = configuration.document(flow);
        if let (None, Some(name), Some(brought)) = (document, flow.of_pack(), &configuration.brought) {
            let message = format!("no pack brings the flow {name:?}");
            let remedy = brought_instead(name, brought.flows.keys());
            findings.error(format!("/flows/{id}/document"), "unknown-document", message, remedy);
        }
        if let Some(document) = document.filter(|_| flow.plugin == "flow-graph") {
            let known = flow::Known { configuration, operations: &operations };
            flow::check(id, document, known, judges.flow, &mut findings);
        }
    }
    findings.0
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn push(&mut self, severity: Severity, pointer: String, code: &str, message: String, remedy: impl Into<String>) {
        let (code, remedy) = (code.to_owned(), remedy.into());
        self.0.push(Finding { severity, code, pointer, node: None, message, remedy });
    }

    fn error(&mut self, pointer: String, code: &str, message: String, remedy: impl Into<String>) {
        self.push(Severity::Error, pointer, code, message, remedy);
    }

    fn warn(&mut self, pointer: String, code: &str, message: String, remedy: impl Into<String>) {
        self.push(Severity::Warning, pointer, code, message, remedy);
    }

    /// What a component says of the settings below `root`.
    fn of_component(&mut self, root: &str, problems: Vec<Problem>) {
        self.0.extend(problems.into_iter().map(|problem| Finding {
            severity: problem.severity,
            code: problem.code,
            pointer: match &problem.field {
                Some(field) => format!("{root}/settings/{}", field.trim_start_matches('/')),
                None => root.to_owned(),
            },
            node: None,
            message: problem.message,
            remedy: problem.remedy,
        }));
    }

    fn queue(&mut self, pointer: String, queue: &str, configuration: &Configuration) {
        if !configuration.queues.contains_key(queue) {
            let remedy = instead(queue, configuration.queues.keys().map(QueueId::as_str));
            self.error(pointer, "unknown-queue", format!("no queue is called {queue:?}"), remedy);
        }
    }

    fn agent(&mut self, pointer: String, agent: &str, configuration: &Configuration) {
        if !configuration.agents.contains_key(agent) {
            let remedy = instead(agent, configuration.agents.keys().map(|agent| agent.as_str()));
            self.error(pointer, "unknown-agent", format!("no agent is called {agent:?}"), remedy);
        }
    }

    fn flow(&mut self, pointer: String, flow: &str, configuration: &Configuration) {
        if !configuration.flows.contains_key(flow) {
            let remedy = instead(flow, configuration.flows.keys().map(|flow| flow.as_str()));
            self.error(pointer, "unknown-flow", format!("no flow is called {flow:?}"), remedy);
        }
    }

    /// A skill exists when an agent has it.
    fn skill(&mut self, pointer: String, skill: &str, configuration: &Configuration) {
        let known: BTreeSet<&str> =
            configuration.agents.values().flat_map(|agent| agent.skills.keys()).map(|skill| skill.as_str()).collect();
        if !known.contains(skill) {
            let message = format!("no agent has the skill {skill:?}, so nobody could take the call");
            self.error(pointer, "unknown-skill", message, instead(skill, known));
        }
    }

    /// A prompt must be there in each of these languages.
    fn prompt(&mut self, pointer: &str, prompt: &str, languages: &[&str], configuration: &Configuration) {
        let missing: Vec<&str> =
            languages.iter().copied().filter(|language| configuration.prompt(prompt, language).is_none()).collect();
        if missing.is_empty() {
            return;
        }
        let name = prompt.strip_suffix(".wav").unwrap_or(prompt);
        // Vendors' names have a dot in them, by custom; folders of one's own prompts rarely do.
        let is_of_pack = name.split_once('/').is_some_and(|(pack, _)| pack.contains('.'));
        if is_of_pack && configuration.brought.is_none() {
            return;
        }
        if missing.len() < languages.len() {
            let message = format!("the prompt {name:?} is missing in {}", missing.join(", "));
            let files: Vec<_> = missing.iter().map(|language| format!("prompts/{language}/{name}.wav")).collect();
            self.error(pointer.to_owned(), "prompt-missing", message, format!("record {}", files.join(" and ")));
            return;
        }
        if let Some(brought) = configuration.brought.as_ref().filter(|_| is_of_pack) {
            let remedy = brought_instead(name, brought.prompts.keys());
            return self.error(
                pointer.to_owned(),
                "prompt-missing",
                format!("no pack brings the prompt {name:?}"),
                remedy,
            );
        }
        let mains = languages.iter().map(|language| language.split('-').next().unwrap_or(language));
        let folders: BTreeSet<&str> = languages.iter().copied().chain(mains).collect();
        let known: BTreeSet<&str> = configuration
            .prompts
            .keys()
            .filter_map(|key| match key.split_once('/') {
                Some((folder, rest)) if folders.contains(folder) => Some(rest),
                Some(_) => None,
                None => Some(key),
            })
            .collect();
        let remedy = match instead(name, known) {
            nearest if nearest.starts_with("did you mean") => nearest,
            _ => format!("record prompts/{}/{name}.wav", languages.first().copied().unwrap_or("en")),
        };
        self.error(pointer.to_owned(), "prompt-missing", format!("there is no prompt {name:?}"), remedy);
    }
}

/// The remedy for a name that no pack brings.
fn brought_instead<'a>(name: &str, brought: impl ExactSizeIterator<Item = &'a String>) -> String {
    match brought.len() {
        0 => "install a pack that brings it".to_owned(),
        _ => instead(name, brought.map(String::as_str)),
    }
}

fn tenant(configuration: &Configuration, findings: &mut Findings) {
    if let Some(queue) = &configuration.exception.queue {
        findings.queue("/exception/queue".to_owned(), queue.as_str(), configuration);
    }
    if let Some(prompt) = &configuration.exception.apology {
        findings.prompt("/exception/apology", prompt, &[&configuration.language], configuration);
    }
    let mut seen = BTreeSet::new();
    for (domain, number) in configuration.domains.iter().zip(0..) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if domain.is_empty() || !domain.chars().all(plain) {
            let message = format!("{domain:?} is no host name");
            findings.error(
                format!("/domains/{number}"),
                "bad-domain",
                message,
                "write it like shop.example, without a port",
            );
        }
        if !seen.insert(domain.to_ascii_lowercase()) {
            let message = format!("the domain {domain:?} stands here twice");
            findings.warn(format!("/domains/{number}"), "duplicate-domain", message, "take one out");
        }
    }
}

fn check_queue(id: &QueueId, queue: &Queue, configuration: &Configuration, findings: &mut Findings) {
    let pointer = |field: &str| format!("/queues/{id}/{field}");
    if let Some(to) = &queue.overflow_to {
        if to == id {
            let message = format!("the queue {id:?} overflows to itself", id = id.as_str());
            findings.error(pointer("overflow_to"), "overflow-to-itself", message, "name another queue");
        }
        findings.queue(pointer("overflow_to"), to.as_str(), configuration);
    }
    if let Some(round) = overflow_round(id, configuration) {
        let message = format!("calls that overflow come round again: {}", round.join(" → "));
        findings.warn(
            pointer("overflow_to"),
            "overflow-in-a-circle",
            message,
            "let the last queue end it with `max_wait`",
        );
    }
    if queue.overflow_to.is_some() != queue.overflow_after.is_some() {
        let (there, lacks) = if queue.overflow_to.is_some() {
            ("overflow_to", "overflow_after")
        } else {
            ("overflow_after", "overflow_to")
        };
        let message = format!("`{there}` has no effect without `{lacks}`");
        findings.warn(
            pointer(there),
            "half-overflow",
            message,
            format!("give `{lacks}` as well, or take `{there}` out"),
        );
    }
    if let Some(prompt) = &queue.hold_music {
        findings.prompt(&pointer("hold_music"), prompt, &[&configuration.language], configuration);
    }
    for need in &queue.skills {
        findings.skill(pointer(&format!("skills/{}", need.skill)), need.skill.as_str(), configuration);
    }
    let mut staff = configuration.agents.values().filter(|agent| agent.queues.contains(id)).peekable();
    let head = format!("/queues/{id}");
    if staff.peek().is_none() {
        let message = "no agent serves this queue".to_owned();
        findings.warn(head, "queue-without-agents", message, format!("name it in an agent's `queues = [\"{id}\"]`"));
    } else if !staff.any(|agent| queue.skills.iter().all(|need| agent.skills.get(&need.skill) >= Some(&need.level))) {
        let message = "none of the agents of this queue has all of its skills".to_owned();
        findings.warn(head, "nobody-fits", message, "lower a level, or give an agent the skills");
    }
}

/// The queues that a call passes until it is back in `id`, told once for each circle: at its first queue by name.
fn overflow_round<'a>(id: &'a QueueId, configuration: &'a Configuration) -> Option<Vec<&'a str>> {
    let mut round = vec![id.as_str()];
    let mut at = configuration.queues.get(id)?.overflow_to.as_ref()?;
    while at != id {
        // Into a circle that `id` is not part of, or one that begins with another queue.
        if round.contains(&at.as_str()) || at < id {
            return None;
        }
        round.push(at.as_str());
        at = configuration.queues.get(at)?.overflow_to.as_ref()?;
    }
    // Alone with itself: an error of its own.
    (round.len() > 1).then(|| {
        round.push(id.as_str());
        round
    })
}

fn agents(configuration: &Configuration, findings: &mut Findings) {
    let mut extensions = BTreeMap::new();
    for (id, agent) in &configuration.agents {
        let pointer = |field: &str| format!("/agents/{id}/{field}");
        let extension = agent.extension.as_str();
        if let Some(other) = extensions.insert(extension, id) {
            let message = format!("{extension} is the extension of {other} already");
            findings.error(
                pointer("extension"),
                "duplicate-extension",
                message,
                "give each agent an extension of their own",
            );
        }
        if configuration.numbers.contains_key(extension) {
            let message = format!("{extension} is one of the tenant's numbers too, and the number would win");
            findings.error(pointer("extension"), "extension-is-number", message, "choose another extension");
        }
        if configuration.agents.keys().any(|other| other != id && other.as_str() == extension) {
            let message = format!("{extension} is the name of another agent, so a call to it could mean either");
            findings.error(pointer("extension"), "ambiguous-extension", message, "choose another extension");
        }
        for (queue, number) in agent.queues.iter().zip(0..) {
            findings.queue(pointer(&format!("queues/{number}")), queue.as_str(), configuration);
        }
        if agent.queues.is_empty() {
            let message = "this agent serves no queue and gets direct calls only".to_owned();
            findings.warn(
                format!("/agents/{id}"),
                "agent-without-queue",
                message,
                "add queues = [\"…\"] if that is not meant",
            );
        }
        if agent.password.chars().count() < SHORTEST_PASSWORD {
            let message = format!("the password of {id} has fewer than {SHORTEST_PASSWORD} characters");
            findings.warn(pointer("password"), "weak-password", message, "make a longer one: openssl rand -base64 15");
        }
    }
}

fn numbers(configuration: &Configuration, findings: &mut Findings) {
    for (number, target) in &configuration.numbers {
        match target {
            NumberTarget::Flow(flow) => {
                findings.flow(format!("/numbers/{number}/flow"), flow.as_str(), configuration);
            }
            NumberTarget::Queue(queue) => {
                findings.queue(format!("/numbers/{number}/queue"), queue.as_str(), configuration);
            }
            NumberTarget::Agent(agent) => {
                findings.agent(format!("/numbers/{number}/agent"), agent.as_str(), configuration);
            }
        }
    }
}

fn lists(configuration: &Configuration, findings: &mut Findings) {
    let listed: usize = configuration.lists.values().map(|list| list.len()).sum();
    if listed > MOST_LISTED || configuration.lists.len() > MOST_LISTS {
        let message = format!("{listed} numbers in {} lists", configuration.lists.len());
        let remedy = format!("keep at most {MOST_LISTED} numbers in {MOST_LISTS} lists");
        findings.error("/lists".to_owned(), "too-many", message, remedy);
    }
    if let Some(list) = &configuration.dialling.consent_list
        && !configuration.lists.contains_key(list)
    {
        let remedy = "write it as lists/NAME.txt: without it no customer is called";
        findings.error("/dialling/consent_list".to_owned(), "unknown-list", format!("there is no list {list}"), remedy);
    }
}

/// A policy for nobody protects nobody.
fn encryption(configuration: &Configuration, findings: &mut Findings) {
    let (trunks, agents) = (&configuration.trunks, &configuration.agents);
    for name in configuration.encryption.trunks.keys().filter(|name| !trunks.contains_key(*name)) {
        let remedy = instead(name, trunks.keys().map(String::as_str));
        let message = format!("no trunk is called {name:?}");
        findings.error(format!("/encryption/trunks/{name}"), "unknown-trunk", message, remedy);
    }
    for name in configuration.encryption.agents.keys().filter(|name| !agents.contains_key(*name)) {
        let remedy = instead(name.as_str(), agents.keys().map(AgentId::as_str));
        let message = format!("no agent is called {:?}", name.as_str());
        findings.error(format!("/encryption/agents/{name}"), "unknown-agent", message, remedy);
    }
    let is_mute = |name: &str, trunk: &Trunk| {
        let policy = &configuration.encryption;
        !trunk.peers.is_empty() && policy.of_trunk(name) == Srtp::Required && !policy.keys_in_clear
    };
    for (name, _) in trunks.iter().filter(|(name, trunk)| is_mute(name, trunk)) {
        let message =
            "no call goes out by this trunk: SRTP is required, and its keys would go by UDP, where they are legible";
        let remedy =
            "set `keys_in_clear` if nobody else listens on the way, or give the trunk another word under [encryption]";
        findings.warn(format!("/trunks/{name}/peers"), "keys-in-clear", message.to_owned(), remedy);
    }
}
