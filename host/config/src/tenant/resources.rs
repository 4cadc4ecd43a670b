//! The tables of a tenant's TOML files become the values of the model.

mod connector;
mod trunk;

use std::{path::Path, time::Duration};

use plugboard_model::{
    Agent, AgentId, Configuration, Encryption, ExceptionFlow, Extension, FlowDocument, FlowId, NumberTarget, Policy,
    Queue, QueueId, SkillNeed, Srtp, Strategy, TenantId, Timestamp, channel::Channel, compliance::Rule,
    connector::Connector,
};
use toml::de::DeTable;

use crate::{
    fields::{At, Fields},
    resolve_zone,
    sheet::Sheet,
    suggest::instead,
    zone,
};

const NAME: &str = "use 1 to 64 bytes of letters, digits, '-', '_', '.' and '+'";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Reads one file's tables into `into`; `prefix` says which file it is.
pub(super) fn read(prefix: &str, table: &DeTable<'_>, sheet: &Sheet, folder: &Path, into: &mut Configuration) {
    match prefix {
        "/queues" => into.queues = named(table, "a queue", sheet, queue),
        "/agents" => into.agents = named(table, "an agent", sheet, |name, fields| agent(name, fields, folder)),
        "/numbers" => into.numbers = named(table, "a number", sheet, number),
        "/trunks" => {
            // A trunk's name follows the rules of every other name.
            let trunks = named::<FlowId, _>(table, "a trunk", sheet, |_, fields| Some(trunk::read(fields, folder)));
            into.trunks = trunks.into_iter().map(|(name, trunk)| (name.to_string(), trunk)).collect();
        }
        "/flows" => into.flows = named(table, "a flow", sheet, flow),
        "/rules" => {
            let rules = named::<FlowId, _>(table, "a rule", sheet, |_, fields| rule(fields));
            into.rules = rules.into_iter().map(|(name, rule)| (name.as_str().into(), rule)).collect();
        }
        "/connectors" => {
            let connectors =
                named::<FlowId, _>(table, "a connector", sheet, |_, fields| connector::read(fields, folder));
            let shared = |(name, connector): (FlowId, Connector)| (name.as_str().into(), connector.into());
            into.connectors = connectors.into_iter().map(shared).collect();
        }
        "/channels" => {
            let channels =
                named::<FlowId, _>(table, "a channel", sheet, |_, fields| connector::channel(fields, folder));
            let shared = |(name, channel): (FlowId, Channel)| (name.as_str().into(), channel.into());
            into.channels = channels.into_iter().map(shared).collect();
        }
        _ => {}
    }
}

/// Each table by its name; a table that cannot be read is left out, its faults stand in the sheet.
fn named<'a, N, T>(
    table: &'a DeTable<'a>,
    what: &'static str,
    sheet: &'a Sheet,
    read: impl Fn(&str, &Fields<'a>) -> Option<T>,
) -> std::collections::BTreeMap<N, T>
where
    N: std::str::FromStr<Err: std::fmt::Display> + Ord,
{
    let mut all = std::collections::BTreeMap::new();
    for (name, fields) in Fields::each(table, what, sheet) {
        let id: Option<N> = name
            .parse()
            .map_err(|error| {
                sheet.error(fields.span(), "bad-name", format!("{name:?} is no name for {what}: {error}"), NAME);
            })
            .ok();
        let value = read(name, &fields);
        fields.finish();
        if let Some((id, value)) = id.zip(value) {
            all.insert(id, value);
        }
    }
    all
}

/// A tenant without its resources; `None` where it has no id.
pub(super) fn tenant(table: &DeTable<'_>, sheet: &Sheet, now: Timestamp) -> Option<Configuration> {
    let root = Fields::new(table, "a tenant", 0..0, sheet);
    let id = root
        .required_text("id", "write id = \"my-shop\"; it never changes")
        .and_then(|_| root.parsed::<TenantId>("id", NAME));
    let mut into = Configuration::empty(
        id.as_ref().map_or_else(|| "unnamed".parse().expect("a word of letters is a name"), |(id, _)| id.clone()),
    );
    set(&mut into.name, root.text("name").map(|(name, _)| name.to_owned()));
    if let Some((language, span)) = root.text("language") {
        if !is_language(language) {
            let message = format!("{language:?} is no language");
            sheet.error(span, "bad-language", message, "write it as in BCP 47: \"zh-CN\", \"en\"");
        }
        into.language = language.to_owned();
    }
    if let Some((name, span)) = root.text("time_zone") {
        match resolve_zone(name, now) {
            Some(zone) => into.time_zone = zone,
            None => {
                let names = zone::names();
                let remedy = instead(name, names.iter().map(String::as_str));
                sheet.error(span, "unknown-time-zone", format!("no time zone is called {name:?}"), remedy);
            }
        }
    }
    set(&mut into.domains, root.list("domains", "write host names: [\"shop.example\"]"));
    if let Some(exception) = root.table("exception", "[exception]") {
        into.exception = ExceptionFlow {
            apology: exception.text("apology").map(|(name, _)| name.to_owned()),
            queue: exception.parsed("queue", NAME).map(value),
        };
        exception.finish();
    }
    if let Some(limits) = root.table("limits", "[limits]") {
        set(&mut into.limits.interactions, limits.integer("interactions", (1, 1_000_000)));
        set(&mut into.limits.unanswered, limits.duration("unanswered", HOUR));
        set(&mut into.limits.call_length, limits.duration("call_length", 7 * DAY));
        set(&mut into.limits.menu_depth, limits.integer("menu_depth", (1, 10)));
        limits.finish();
    }
    if let Some(dialling) = root.table("dialling", "[dialling]") {
        into.dialling.consent_list = dialling.text("consent_list").map(|(list, _)| list.into());
        set(
            &mut into.dialling.emergency,
            dialling.list("emergency", "write numbers as they are dialled: [\"110\", \"120\"]"),
        );
        dialling.finish();
    }
    if let Some(table) = root.table("encryption", "[encryption]") {
        into.encryption = encryption(&table);
        table.finish();
    }
    root.finish();
    id.map(|_| into)
}

fn encryption(table: &Fields<'_>) -> Encryption {
    const WORDS: [(&str, Srtp); 3] = [("off", Srtp::Off), ("offered", Srtp::Offered), ("required", Srtp::Required)];
    let remedy = "write a word for each: { carrier = \"off\" }";
    // A trunk's name follows the rules of every other name.
    let trunks = table.words::<FlowId, _>("trunks", &WORDS, remedy);
    Encryption {
        srtp: table.word("srtp", &WORDS).unwrap_or_default(),
        keys_in_clear: table.flag("keys_in_clear").unwrap_or_default(),
        trunks: trunks.into_iter().map(|(name, srtp)| (name.to_string(), srtp)).collect(),
        agents: table.words("agents", &WORDS, remedy).into_iter().collect(),
    }
}

fn queue(id: &str, fields: &Fields<'_>) -> Option<Queue> {
    const STRATEGIES: [(&str, Strategy); 4] = [
        ("longest-idle", Strategy::LongestIdle),
        ("round-robin", Strategy::RoundRobin),
        ("least-occupied", Strategy::LeastOccupied),
        ("most-skilled", Strategy::MostSkilled),
    ];
    let mut queue = Queue::named(fields.text("name").map_or(id, value));
    set(&mut queue.strategy, fields.word("strategy", &STRATEGIES));
    queue.policy = policy(fields);
    queue.skills = fields.levels("skills").into_iter().map(|(skill, level)| SkillNeed { skill, level }).collect();
    set(&mut queue.priority, fields.integer("priority", (-1_000, 1_000)));
    set(&mut queue.ring_timeout, fields.duration("ring_timeout", 10 * MINUTE));
    set(&mut queue.wrap_up, fields.duration("wrap_up", HOUR));
    queue.max_wait = fields.duration("max_wait", DAY);
    set(&mut queue.max_waiting, fields.integer("max_waiting", (1, 1_000_000)));
    queue.overflow_to = fields.parsed::<QueueId>("overflow_to", NAME).map(value);
    queue.overflow_after = fields.duration("overflow_after", DAY);
    set(&mut queue.refuse_when_unstaffed, fields.flag("refuse_when_unstaffed"));
    queue.hold_music = fields.text("hold_music").map(|(prompt, _)| prompt.to_owned());
    set(&mut queue.record, fields.flag("record"));
    set(&mut queue.service_level, fields.duration("service_level", HOUR));
    set(&mut queue.missed_limit, fields.integer("missed_limit", (1, 100)));
    set(&mut queue.alarm_longest_wait, fields.duration("alarm_longest_wait", DAY));
    set(&mut queue.alarm_average_wait, fields.duration("alarm_average_wait", DAY));
    Some(queue)
}

/// A name, or a table where the component is told something.
fn policy(fields: &Fields<'_>) -> Option<Policy> {
    if !fields.is_table("policy") {
        return fields.text("policy").map(|(plugin, _)| Policy::named(plugin));
    }
    let table = fields.table("policy", "a policy")?;
    let plugin = table.required_text("plugin", "name the component: plugin = \"route-skills\"");
    let attributes = table.list("attributes", "write names of tags: [\"emotion\"]").unwrap_or_default();
    let settings = table.settings("settings");
    table.finish();
    // Nothing more is said of one that has no name.
    Some(Policy { plugin: plugin?.0.to_owned(), attributes, settings })
}

/// A document of its own lies in a file of its own; one of a pack is named, and run by `flow-graph` unless told.
fn flow(_: &str, fields: &Fields<'_>) -> Option<FlowDocument> {
    let document = fields.text("document");
    if let Some((name, span)) = &document
        && !name.split_once('/').is_some_and(|(pack, name)| !pack.is_empty() && !name.is_empty())
    {
        let message = format!("{name:?} is no document of a pack");
        let remedy = "name the pack and its document, as \"acme.ivr/menu\"; a document of yours lies in flows/";
        fields.sheet.error(span.clone(), "bad-name", message, remedy);
    }
    let plugin = if document.is_some() && !fields.has("plugin") {
        Some("flow-graph")
    } else {
        fields.required_text("plugin", "name the component that runs it: plugin = \"acme.ivr/menu\"").map(value)
    };
    let text = document.map_or_else(|| "{}".into(), |(name, _)| format!("{}{name}", FlowDocument::OF_PACK).into());
    plugin.map(|plugin| FlowDocument { plugin: plugin.to_owned(), document: text })
}

fn rule(fields: &Fields<'_>) -> Option<Rule> {
    let plugin = fields.required_text("plugin", "name the component: plugin = \"rule-calling-hours\"");
    let settings = fields.settings("settings").into();
    // Nothing more is said of one that has no name.
    Some(Rule { plugin: plugin?.0.into(), settings })
}

fn agent(id: &str, fields: &Fields<'_>, folder: &Path) -> Option<Agent> {
    let name = fields.text("name").map_or(id, value).to_owned();
    let extension = fields
        .required_text("extension", "give the short number that colleagues dial: extension = \"1001\"")
        .and_then(|_| fields.parsed::<Extension>("extension", NAME));
    const SECRETS: [&str; 3] = ["password", "password_env", "password_file"];
    let password = fields.secret(SECRETS, folder);
    if !SECRETS.iter().any(|name| fields.has(name)) {
        fields.missing("password", "give the phone's secret as `password`, `password_env` or `password_file`");
    }
    let queues = fields.list::<QueueId>("queues", NAME).unwrap_or_default();
    let skills = fields.levels("skills").into_iter().collect();
    let ready_on_register = fields.flag("ready_on_register").unwrap_or(false);
    // An agent with faults is kept, so that what refers to it is not reported as well; the tenant is refused all the same.
    let extension = extension.map(value).or_else(|| id.parse().ok())?;
    let password = password.map_or_else(|| "unreadable".to_owned(), value);
    Some(Agent { name, extension, password, queues, skills, ready_on_register })
}

fn number(_: &str, fields: &Fields<'_>) -> Option<NumberTarget> {
    let targets = [
        fields.parsed::<FlowId>("flow", NAME).map(|(flow, _)| NumberTarget::Flow(flow)),
        fields.parsed::<QueueId>("queue", NAME).map(|(queue, _)| NumberTarget::Queue(queue)),
        fields.parsed::<AgentId>("agent", NAME).map(|(agent, _)| NumberTarget::Agent(agent)),
    ];
    let given = ["flow", "queue", "agent"].iter().filter(|name| fields.has(name)).count();
    if given == 0 {
        fields.missing("flow", "say where it leads: { flow = \"main\" }, { queue = … } or { agent = … }");
    }
    if given > 1 {
        let message = "the number leads to more than one place".to_owned();
        fields.sheet.error(fields.span(), "two-targets", message, "keep one of `flow`, `queue` and `agent`");
    }
    targets.into_iter().flatten().next()
}

/// The shape of a language tag (RFC 5646 §2.1), not whether anybody speaks it.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let main = parts.next().unwrap_or_default();
    (2..=3).contains(&main.len())
        && main.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn value<T>((value, _): At<T>) -> T {
    value
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}
