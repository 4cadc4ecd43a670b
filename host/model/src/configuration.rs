//! A tenant's resources, checked and complete: what `plugboard apply` sends and the exchange takes as one value.
//!
//! Durations are whole milliseconds in JSON (`ring_timeout_ms`), so that no reader has to guess a unit.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, Dialling, Encryption, Extension, FlowId, Number, NumberList, Policy, QueueId, SkillId, TenantId,
    Timestamp, Trunk, channel::Channel, compliance::Rule, connector::Connector,
};

/// Everything that one tenant's exchange needs to know. Cheap to share; replaced as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    pub tenant: TenantId,
    /// The name people read.
    pub name: String,
    /// Rises with each applied change.
    #[serde(default)]
    pub revision: u64,
    /// SIP domains that belong to this tenant: the host part of its agents' addresses.
    #[serde(default)]
    pub domains: Vec<String>,
    /// BCP 47, for callers of whom nothing better is known.
    #[serde(default = "english")]
    pub language: String,
    #[serde(default)]
    pub time_zone: TimeZone,
    #[serde(default)]
    pub queues: BTreeMap<QueueId, Queue>,
    #[serde(default)]
    pub agents: BTreeMap<AgentId, Agent>,
    #[serde(default)]
    pub numbers: BTreeMap<Number, NumberTarget>,
    #[serde(default)]
    pub trunks: BTreeMap<String, Trunk>,
    #[serde(default)]
    pub flows: BTreeMap<FlowId, FlowDocument>,
    /// By name: `welcome` for every language, `zh-CN/welcome` for one. See [`Configuration::prompt`].
    #[serde(default)]
    pub prompts: BTreeMap<String, Prompt>,
    /// Compliance rules by the tenant's names for them. With none, nothing is asked before anything is done.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<Arc<str>, Rule>,
    /// Numbers in E.164 by the name of their list: `do-not-call`, `consented`. Rules about dialling are told which hold a number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<Arc<str>, NumberList>,
    #[serde(default, skip_serializing_if = "Dialling::is_default")]
    pub dialling: Dialling,
    #[serde(default, skip_serializing_if = "Encryption::is_default")]
    pub encryption: Encryption,
    /// Ways into other systems, by the tenant's names for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub connectors: BTreeMap<Arc<str>, Arc<Connector>>,
    /// Ways to write with customers, by the tenant's names for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<Arc<str>, Arc<Channel>>,
    #[serde(default)]
    pub limits: Limits,
    /// What a caller hears and where they go when a flow fails.
    #[serde(default)]
    pub exception: ExceptionFlow,
    /// What the tenant's packs bring. The host knows; nobody uploads it, and it is not kept. `None`: which packs there are is not known.
    #[serde(skip)]
    pub brought: Option<Arc<Brought>>,
}

/// Prompts and flow documents of a tenant's packs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// As [`Configuration::prompts`], each name after its pack's: `acme.ivr/welcome`, `acme.ivr/zh-CN/welcome`.
    pub prompts: BTreeMap<String, Prompt>,
    /// Texts by full name: `acme.ivr/menu`.
    pub flows: BTreeMap<String, Arc<str>>,
}

fn english() -> String {
    "en".to_owned()
}

impl Configuration {
    /// A tenant with no resources.
    pub fn empty(tenant: TenantId) -> Self {
        Self {
            name: tenant.to_string(),
            tenant,
            revision: 0,
            domains: Vec::new(),
            language: english(),
            time_zone: TimeZone::default(),
            queues: BTreeMap::new(),
            agents: BTreeMap::new(),
            numbers: BTreeMap::new(),
            trunks: BTreeMap::new(),
            flows: BTreeMap::new(),
            prompts: BTreeMap::new(),
            rules: BTreeMap::new(),
            lists: BTreeMap::new(),
            dialling: Dialling::default(),
            encryption: Encryption::default(),
            connectors: BTreeMap::new(),
            channels: BTreeMap::new(),
            limits: Limits::default(),
            exception: ExceptionFlow::default(),
            brought: None,
        }
    }

    /// The prompt of that name in `language` (`zh-CN`), else in its main language (`zh`), else for every language. A trailing `.wav` is ignored.
    ///
    /// `acme.ivr/welcome` is that of a pack, unless the tenant has one of that very name.
    pub fn prompt(&self, name: &str, language: &str) -> Option<&Prompt> {
        let name = name.strip_suffix(".wav").unwrap_or(name);
        let main = language.split('-').next().unwrap_or(language);
        let own = [language, main]
            .into_iter()
            .find_map(|language| self.prompts.get(&format!("{language}/{name}")))
            .or_else(|| self.prompts.get(name));
        own.or_else(|| {
            let brought = &self.brought.as_ref()?.prompts;
            let (pack, prompt) = name.split_once('/')?;
            [language, main]
                .into_iter()
                .find_map(|language| brought.get(&format!("{pack}/{language}/{prompt}")))
                .or_else(|| brought.get(name))
        })
    }

    /// What the component of `flow` is given: the flow's own text, or that of the pack's document that it names. `None` if no pack brings that.
    pub fn document<'a>(&'a self, flow: &'a FlowDocument) -> Option<&'a str> {
        match flow.of_pack() {
            Some(name) => self.brought.as_ref()?.flows.get(name).map(|text| &**text),
            None => Some(&flow.document),
        }
    }

    /// Every skill that an agent has or a queue needs, in order of name.
    pub fn skills(&self) -> Vec<SkillId> {
        let held = self.agents.values().flat_map(|agent| agent.skills.keys());
        let needed = self.queues.values().flat_map(|queue| queue.skills.iter().map(|need| &need.skill));
        let mut skills: Vec<SkillId> = held.chain(needed).cloned().collect();
        skills.sort_unstable();
        skills.dedup();
        skills
    }
}

/// A sound file of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Where this host keeps the file.
    pub path: Arc<Path>,
    /// SHA-256 of the file, in hex: tells whether it changed.
    pub sha256: String,
    /// How long it sounds. [`Self::LONGEST`] where nobody has looked.
    #[serde(default = "hour", with = "millis", rename = "length_ms")]
    pub length: Duration,
}

impl Prompt {
    /// The player refuses longer files.
    pub const LONGEST: Duration = hour();
}

const fn hour() -> Duration {
    Duration::from_secs(3_600)
}

/// Wall-clock offsets of a zone, resolved when the configuration is applied, so that the exchange needs no time-zone database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeZone {
    /// IANA name: `Asia/Shanghai`.
    pub name: String,
    /// From each point on, minutes east of UTC, in order of time. Empty means UTC.
    #[serde(default)]
    pub offsets: Vec<(Timestamp, i16)>,
}

impl TimeZone {
    /// Minutes east of UTC at `now`, daylight saving applied.
    pub fn offset_at(&self, now: Timestamp) -> i16 {
        self.offsets.iter().rev().find(|(from, _)| *from <= now).map_or(0, |(_, minutes)| *minutes)
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), offsets: Vec::new() }
    }
}

/// How a queue picks among agents who may take the interaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Whoever has been ready longest.
    #[default]
    LongestIdle,
    /// In order of agent id, starting after the one who was served last.
    RoundRobin,
    /// Smallest share of logged-in time spent on interactions today.
    LeastOccupied,
    /// Highest sum of levels in the needed skills, then longest idle.
    MostSkilled,
}

/// At least `level` in `skill`. Levels run from 1 to 10.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillNeed {
    pub skill: SkillId,
    pub level: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    pub name: String,
    #[serde(default)]
    pub strategy: Strategy,
    /// A routing component that orders candidates; `strategy` is its native default.
    #[serde(default)]
    pub policy: Option<Policy>,
    /// Needed of every agent who takes from this queue, all of them.
    #[serde(default)]
    pub skills: Vec<SkillNeed>,
    /// Added to each interaction's own priority, −1000 to 1000. Higher is sooner.
    #[serde(default)]
    pub priority: i32,
    /// An agent's phone rings this long before the interaction returns to its place.
    #[serde(default = "seconds_20", with = "millis", rename = "ring_timeout_ms")]
    pub ring_timeout: Duration,
    /// After-call work ends by itself then. Zero: none.
    #[serde(default = "seconds_30", with = "millis", rename = "wrap_up_ms")]
    pub wrap_up: Duration,
    /// `None`: no bound.
    #[serde(default, with = "optional_millis", rename = "max_wait_ms")]
    pub max_wait: Option<Duration>,
    /// Longer than this, and new interactions are turned away (`full`).
    #[serde(default = "ten_thousand")]
    pub max_waiting: u32,
    /// Agents of this queue are asked as well once an interaction has waited `overflow_after`.
    #[serde(default)]
    pub overflow_to: Option<QueueId>,
    #[serde(default, with = "optional_millis", rename = "overflow_after_ms")]
    pub overflow_after: Option<Duration>,
    /// Turn callers away (`no-agents`) while nobody who serves the queue is logged in.
    #[serde(default)]
    pub refuse_when_unstaffed: bool,
    /// Name of a prompt; `None`: the built-in tune.
    #[serde(default)]
    pub hold_music: Option<String>,
    #[serde(default = "yes")]
    pub record: bool,
    /// Answered within this long counts for the service level.
    #[serde(default = "seconds_20", with = "millis", rename = "service_level_ms")]
    pub service_level: Duration,
    /// After this many rings without an answer in a row the agent is set not ready.
    #[serde(default = "one")]
    pub missed_limit: u32,
    /// An alarm while somebody waits longer. Zero: none.
    #[serde(default = "seconds_90", with = "millis", rename = "alarm_longest_wait_ms")]
    pub alarm_longest_wait: Duration,
    /// An alarm while those answered in the last 15 minutes waited longer on average. Zero: none.
    #[serde(default = "seconds_30", with = "millis", rename = "alarm_average_wait_ms")]
    pub alarm_average_wait: Duration,
}

impl Queue {
    /// A queue with every default.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            strategy: Strategy::default(),
            policy: None,
            skills: Vec::new(),
            priority: 0,
            ring_timeout: seconds_20(),
            wrap_up: seconds_30(),
            max_wait: None,
            max_waiting: ten_thousand(),
            overflow_to: None,
            overflow_after: None,
            refuse_when_unstaffed: false,
            hold_music: None,
            record: true,
            service_level: seconds_20(),
            missed_limit: one(),
            alarm_longest_wait: seconds_90(),
            alarm_average_wait: seconds_30(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    pub name: String,
    pub extension: Extension,
    /// Secret of the agent's SIP account.
    pub password: String,
    /// Queues that the agent serves.
    #[serde(default)]
    pub queues: Vec<QueueId>,
    /// Level per skill, 1 to 10.
    #[serde(default)]
    pub skills: BTreeMap<SkillId, u8>,
    /// Logged in and ready as soon as the phone registers; logged out when it is gone.
    #[serde(default)]
    pub ready_on_register: bool,
}

/// Where a dialled number leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", content = "name", rename_all = "kebab-case")]
pub enum NumberTarget {
    Flow(FlowId),
    Queue(QueueId),
    Agent(AgentId),
}

/// A flow as its author wrote it, with what the host needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowDocument {
    /// The component that runs it: `flow-graph` unless told.
    #[serde(default = "flow_graph")]
    pub plugin: String,
    /// The document, passed to the component unread; or [`Self::OF_PACK`] and the full name of a pack's document.
    pub document: Arc<str>,
}

impl FlowDocument {
    /// What stands before the name of a pack's document, or of a pack's file: `pack:acme.ivr/menu`.
    pub const OF_PACK: &str = "pack:";

    /// The full name of the pack's document that it runs: `acme.ivr/menu`.
    pub fn of_pack(&self) -> Option<&str> {
        self.document.strip_prefix(Self::OF_PACK)
    }
}

fn flow_graph() -> String {
    "flow-graph".to_owned()
}

/// Bounds of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Live interactions; one more is answered 503 with Retry-After.
    pub interactions: u32,
    /// An inbound call that nobody picks up is ended after this long.
    #[serde(with = "millis", rename = "unanswered_ms")]
    pub unanswered: Duration,
    /// No call lasts longer.
    #[serde(with = "millis", rename = "call_length_ms")]
    pub call_length: Duration,
    /// Levels of menus that callers are led through; deeper ones are a warning. 2 suits a business with a handful of agents.
    pub menu_depth: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            interactions: 20_000,
            unanswered: Duration::from_secs(180),
            call_length: Duration::from_secs(12 * 3600),
            menu_depth: 3,
        }
    }
}

/// Native, so that it works when every plugin is down: an apology, then a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExceptionFlow {
    pub apology: Option<String>,
    pub queue: Option<QueueId>,
}

fn yes() -> bool {
    true
}
fn one() -> u32 {
    1
}
fn ten_thousand() -> u32 {
    10_000
}
fn seconds_20() -> Duration {
    Duration::from_secs(20)
}
fn seconds_30() -> Duration {
    Duration::from_secs(30)
}
fn seconds_90() -> Duration {
    Duration::from_secs(90)
}

pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

mod optional_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_needs_only_a_name_and_says_its_units_in_json() {
        let queue: Queue = serde_json::from_str(r#"{"name":"Sales","max_wait_ms":60000}"#).unwrap();
        assert_eq!(queue, Queue { max_wait: Some(Duration::from_secs(60)), ..Queue::named("Sales") });
        assert!(serde_json::to_string(&queue).unwrap().contains(r#""ring_timeout_ms":20000"#));
    }

    #[test]
    fn a_prompt_of_a_pack_is_found_by_its_full_name_unless_the_tenant_has_recorded_its_own() {
        let prompt =
            |name: &str| Prompt { path: Path::new(name).into(), sha256: String::new(), length: Prompt::LONGEST };
        let mut configuration = Configuration::empty("shop".parse().unwrap());
        let packs = ["acme.ivr/welcome", "acme.ivr/zh-CN/welcome", "acme.ivr/bye"];
        let prompts = packs.map(|name| (name.to_owned(), prompt(&format!("pack:{name}")))).into();
        configuration.brought = Some(Arc::new(Brought { prompts, ..Brought::default() }));
        configuration.prompts.insert("acme.ivr/bye".into(), prompt("own"));
        let asked =
            [("acme.ivr/welcome", "zh-CN"), ("acme.ivr/welcome.wav", "en"), ("acme.ivr/bye", "en"), ("welcome", "en")];
        let found = asked.map(|(name, language)| {
            configuration.prompt(name, language).map(|prompt| prompt.path.display().to_string())
        });
        let some = |path: &str| Some(path.to_owned());
        assert_eq!(found, [some("pack:acme.ivr/zh-CN/welcome"), some("pack:acme.ivr/welcome"), some("own"), None]);
    }

    #[test]
    fn a_prompt_in_the_callers_language_wins_over_the_one_for_everybody() {
        let mut configuration = Configuration::empty("t".parse().unwrap());
        for name in ["welcome", "zh/welcome", "beep"] {
            let prompt = Prompt { path: Path::new(name).into(), sha256: String::new(), length: Prompt::LONGEST };
            configuration.prompts.insert(name.to_owned(), prompt);
        }
        let found =
            |name, language| configuration.prompt(name, language).map(|prompt| prompt.path.display().to_string());
        assert_eq!(found("welcome.wav", "zh-CN").as_deref(), Some("zh/welcome"));
        assert_eq!(found("welcome", "en").as_deref(), Some("welcome"));
        assert_eq!(found("bye", "en"), None);
    }

    #[test]
    fn daylight_saving_follows_the_listed_offsets() {
        let zone = TimeZone {
            name: "Europe/Berlin".into(),
            offsets: vec![(Timestamp::EPOCH, 60), (Timestamp::from_secs(100), 120)],
        };
        assert_eq!((zone.offset_at(Timestamp::from_secs(99)), zone.offset_at(Timestamp::from_secs(100))), (60, 120));
    }
}
