//! What is asked of a plugin, and every way in which it can go.

use std::{sync::Arc, time::Duration};

use plugboard_model::{
    TenantId, Timestamp,
    assistant::{BotAction, Classified, Conversation, Suggestion},
    channel::{ChannelFailure, Outgoing, Received, Verified, Webhook},
    compliance::{Act, Finding, Heard, Segment, Span, Transcript, Verdict},
    connector::{Call, ConnectorFailure, Notice},
    dialer::{History, Next, Stats, Tempo},
    flow::{self, Setting, Stepped},
    routing::{Candidate, Column, Need, Order, Relaxed, Tables, Waiting},
};
use plugboard_pack::{Outcome, quarantine::Transition};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Access, Asked, AssistantPlugin, ChannelPlugin, CompliancePlugin, ConnectorPlugin, DialerPlugin, FailureKind,
    FlowPlugin, RoutingPlugin, world::Setup,
};

/// One question. Cheap to move: plugins and settings are handles.
#[derive(Clone, Debug)]
pub struct Question {
    /// Chosen by who asks; comes back in the reply.
    pub id: u64,
    pub tenant: TenantId,
    /// How much work the guest may do, in CPU time: 20 ms for a flow, 5 ms for routing. A question that waited ten times as long is not begun.
    pub budget: Duration,
    pub ask: Ask,
}

#[derive(Clone, Debug)]
pub enum Ask {
    FlowStep {
        flow: FlowPlugin,
        /// Those that the interaction began with.
        settings: Arc<Settings>,
        /// What the last step returned; empty for event 0.
        state: Vec<u8>,
        event: Box<flow::Event>,
    },
    RankAgents {
        policy: RoutingPlugin,
        tables: Arc<TableSet>,
        who: Waiting,
        needs: Vec<Need>,
        candidates: Vec<Candidate>,
        columns: Vec<Column>,
    },
    RankWaiting {
        policy: RoutingPlugin,
        tables: Arc<TableSet>,
        agent: Candidate,
        waiting: Vec<Waiting>,
        columns: Vec<Column>,
    },
    OnTimer {
        policy: RoutingPlugin,
        tables: Arc<TableSet>,
        who: Waiting,
        needs: Vec<Need>,
    },
    /// Whether this may be done: ask each rule that judges it ([`CompliancePlugin::judges`]). 5 ms.
    Judge {
        rule: CompliancePlugin,
        settings: Arc<Settings>,
        act: Box<Act>,
    },
    /// One piece of a running conversation, to a rule that listens. 20 ms.
    Utterance {
        rule: CompliancePlugin,
        settings: Arc<Settings>,
        /// What the last one returned; empty for segment 0.
        state: Vec<u8>,
        segment: Box<Segment>,
    },
    /// A conversation that is over, to a rule that reviews. 1 s.
    Review {
        rule: CompliancePlugin,
        settings: Arc<Settings>,
        transcript: Box<Transcript>,
    },
    /// What has to be masked in a text of at most 64 KiB. 20 ms.
    Redact {
        rule: CompliancePlugin,
        settings: Arc<Settings>,
        text: String,
        /// BCP 47.
        language: String,
    },
    /// One operation of another system. 300 ms for a screen pop.
    Invoke {
        connector: ConnectorPlugin,
        access: Arc<Access>,
        call: Box<Call>,
    },
    /// Something that happened here. 2 s.
    Notify {
        connector: ConnectorPlugin,
        access: Arc<Access>,
        notice: Box<Notice>,
    },
    /// Whether the other system can be reached. 10 s.
    Probe {
        connector: ConnectorPlugin,
        access: Arc<Access>,
    },
    /// Whether a request is the platform's own. 100 ms.
    Verify {
        channel: ChannelPlugin,
        access: Arc<Access>,
        webhook: Box<Webhook>,
    },
    /// What a genuine request holds. 2 s.
    Receive {
        channel: ChannelPlugin,
        access: Arc<Access>,
        webhook: Box<Webhook>,
    },
    /// One message to a customer. 2 s.
    Send {
        channel: ChannelPlugin,
        access: Arc<Access>,
        message: Box<Outgoing>,
    },
    /// A bot's answer to the last turn. 1 s.
    Converse {
        assistant: AssistantPlugin,
        access: Arc<Access>,
        conversation: Box<Conversation>,
    },
    /// What an agent might say or read. 1 s.
    Suggest {
        assistant: AssistantPlugin,
        access: Arc<Access>,
        conversation: Box<Conversation>,
    },
    /// What a text of at most 64 KiB is about. 1 s.
    Classify {
        assistant: AssistantPlugin,
        access: Arc<Access>,
        text: String,
        /// BCP 47.
        language: String,
    },
    /// How many calls a campaign places now. 20 ms.
    Pace {
        dialer: DialerPlugin,
        settings: Arc<Settings>,
        stats: Box<Stats>,
    },
    /// When a number is tried again. 20 ms.
    NextAttempt {
        dialer: DialerPlugin,
        settings: Arc<Settings>,
        history: Box<History>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Stepped(Stepped),
    /// To `RankAgents` and `RankWaiting`.
    Order(Order),
    /// To `OnTimer`.
    Relaxed(Relaxed),
    /// To `Judge`. Where there is none, [`Verdict::by_default`] counts.
    Judged(Verdict),
    /// To `Utterance`.
    Heard(Heard),
    /// To `Review`.
    Reviewed(Vec<Finding>),
    /// To `Redact`.
    Redacted(Vec<Span>),
    /// To `Invoke`: JSON of the operation's output, or why the other system gave none.
    Invoked(Result<String, ConnectorFailure>),
    /// To `Notify` and `Probe`.
    Noted(Result<(), ConnectorFailure>),
    /// To `Verify`.
    Verified(Result<Verified, ChannelFailure>),
    /// To `Receive`.
    Received(Result<Received, ChannelFailure>),
    /// To `Send`: the platform's id of the message.
    Sent(Result<String, ChannelFailure>),
    /// To `Converse`.
    Replied(Vec<BotAction>),
    /// To `Suggest`, best first.
    Suggested(Vec<Suggestion>),
    /// To `Classify`.
    Classified(Classified),
    /// To `Pace`.
    Paced(Tempo),
    /// To `NextAttempt`.
    Next(Next),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub id: u64,
    pub result: Result<Answer, AskFailure>,
    /// From the begin of the guest's work to its end, waiting in the queue left out.
    pub took: Duration,
    /// CPU time of it.
    pub worked: Duration,
    pub asked: Asked,
    /// What this reply changed of the plugin's quarantine, for the supervisor. Only a [`Runtime`](crate::Runtime) keeps one.
    pub quarantine: Option<Transition>,
}

impl Reply {
    /// How it went, for whoever watches over plugins: `None` where it was answered.
    pub fn failure(&self) -> Option<FailureKind> {
        self.result.as_ref().err().map(AskFailure::kind)
    }

    /// What it says of the plugin; `None` where the plugin was not asked after all.
    pub fn outcome(&self) -> Option<Outcome> {
        self.failure().map_or(Some(Outcome::Good), FailureKind::outcome)
    }
}

impl Ask {
    /// The function that is called, as the contract has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FlowStep { .. } => "step",
            Self::RankAgents { .. } => "rank-agents",
            Self::RankWaiting { .. } => "rank-waiting",
            Self::OnTimer { .. } => "on-timer",
            Self::Judge { .. } => "judge",
            Self::Utterance { .. } => "on-utterance",
            Self::Review { .. } => "review",
            Self::Redact { .. } => "redact",
            Self::Invoke { .. } => "invoke",
            Self::Notify { .. } => "notify",
            Self::Probe { .. } => "probe",
            Self::Verify { .. } => "verify",
            Self::Receive { .. } => "receive",
            Self::Send { .. } => "send",
            Self::Converse { .. } => "reply",
            Self::Suggest { .. } => "suggest",
            Self::Classify { .. } => "classify",
            Self::Pace { .. } => "pace",
            Self::NextAttempt { .. } => "next-attempt",
        }
    }
}

impl Question {
    /// Whose question it is and who is asked.
    pub fn asked(&self) -> Asked {
        let (plugin, world) = match &self.ask {
            Ask::FlowStep { flow, .. } => flow.identity(),
            Ask::RankAgents { policy, .. } | Ask::RankWaiting { policy, .. } | Ask::OnTimer { policy, .. } => {
                policy.identity()
            }
            Ask::Judge { rule, .. }
            | Ask::Utterance { rule, .. }
            | Ask::Review { rule, .. }
            | Ask::Redact { rule, .. } => rule.identity(),
            Ask::Invoke { connector, .. } | Ask::Notify { connector, .. } | Ask::Probe { connector, .. } => {
                connector.identity()
            }
            Ask::Verify { channel, .. } | Ask::Receive { channel, .. } | Ask::Send { channel, .. } => {
                channel.identity()
            }
            Ask::Converse { assistant, .. } | Ask::Suggest { assistant, .. } | Ask::Classify { assistant, .. } => {
                assistant.identity()
            }
            Ask::Pace { dialer, .. } | Ask::NextAttempt { dialer, .. } => dialer.identity(),
        };
        Asked { tenant: self.tenant.clone(), plugin, world }
    }

    /// Whether whoever answers may wait for the network.
    pub(crate) fn reaches_out(&self) -> bool {
        self.setup().is_none()
    }

    /// What the instance that answers was told; zeros where it asks for its settings itself.
    pub(crate) fn setup_hash(&self) -> [u8; 32] {
        self.setup().unwrap_or_default()
    }

    /// `None` in a world that reaches out.
    fn setup(&self) -> Option<[u8; 32]> {
        match &self.ask {
            Ask::FlowStep { settings, .. }
            | Ask::Judge { settings, .. }
            | Ask::Utterance { settings, .. }
            | Ask::Review { settings, .. }
            | Ask::Redact { settings, .. }
            | Ask::Pace { settings, .. }
            | Ask::NextAttempt { settings, .. } => Some(settings.hash()),
            Ask::RankAgents { tables, .. } | Ask::RankWaiting { tables, .. } | Ask::OnTimer { tables, .. } => {
                Some(tables.hash())
            }
            Ask::Invoke { .. } | Ask::Notify { .. } | Ask::Probe { .. } => None,
            Ask::Verify { .. } | Ask::Receive { .. } | Ask::Send { .. } => None,
            Ask::Converse { .. } | Ask::Suggest { .. } | Ask::Classify { .. } => None,
        }
    }
}

/// Why there is no answer. Whoever asked takes the native default.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskFailure {
    /// The guest broke down: a panic, a stack that ran over, an access out of bounds.
    #[error("plugin trapped: {backtrace}")]
    Trapped {
        /// At most 4 KiB.
        backtrace: String,
    },
    #[error("plugin asked for more than {limit} bytes of memory")]
    OutOfMemory { limit: usize },
    #[error("plugin did not answer within {budget:?}")]
    Deadline { budget: Duration },
    /// Nobody was asked: too many questions wait already.
    #[error("{waiting} questions wait already")]
    Refused { waiting: usize },
    /// Nobody was asked: the question waited for a thread until its answer was of no use any more.
    #[error("the question waited {waited:?} and was of no use any more")]
    Stale { waited: Duration },
    /// Nobody was asked: the tenant has used up its [`Allowance`](crate::Allowance) for now.
    #[error("the tenant asks more of plugins than it may")]
    Limited,
    /// Nobody was asked: the plugin failed too often. A probe may be let through at `until`.
    #[error("plugin failed too often and is not asked before {until}")]
    Quarantined { until: Timestamp },
    #[error("plugin's answer is void: {0}")]
    BadAnswer(BadAnswer),
    /// The plugin says itself that it has no answer.
    #[error(transparent)]
    Plugin(flow::Failure),
}

/// What is wrong with an answer. One such item voids all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    #[error("{count} {what}, at most {most} are allowed")]
    TooMany { what: &'static str, count: usize, most: usize },
    #[error("{field} is {value}")]
    OutOfRange { field: &'static str, value: i64 },
    #[error("{field} {value:?} is not allowed")]
    BadText { field: &'static str, value: String },
    #[error("token {token} is not higher than the one before it")]
    TokenNotRising { token: u32 },
    #[error("number {number} was not in the question")]
    UnknownNumber { number: u32 },
    #[error("number {number} stands there twice")]
    Twice { number: u32 },
    #[error("skill {skill} is needed higher than before, or anew")]
    NeedRaised { skill: u32 },
}

/// A flow's settings with their hash: instances are kept by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    items: Vec<Setting>,
    hash: [u8; 32],
}

impl Settings {
    pub fn new(items: Vec<Setting>) -> Self {
        let hash = hash(items.iter().flat_map(|item| [item.name.as_str(), item.value.as_str()]));
        Self { items, hash }
    }

    /// A flow's document, as `plugins/flow-graph` reads it, and behind it each text, number and truth of an object by its own name: a flow of a
    /// few settings reads no JSON.
    pub fn document(json: impl Into<String>) -> Self {
        Self::of_document(json.into(), None)
    }

    /// A document and how deep its menus may go, for a check: how it runs does not depend on it.
    pub fn of_document_to_check(json: impl Into<String>, menu_depth: u8) -> Self {
        Self::of_document(json.into(), Some(menu_depth))
    }

    fn of_document(json: String, menu_depth: Option<u8>) -> Self {
        let members = serde_json::from_str::<serde_json::Map<String, Value>>(&json).unwrap_or_default();
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        let setting = |name: &str, value: String| Setting { name: name.into(), value };
        let mut items = vec![setting("document", json)];
        items.extend(menu_depth.map(|depth| setting("menu_depth", depth.to_string())));
        let own = members.into_iter().filter(|(name, _)| !["document", "menu_depth"].contains(&name.as_str()));
        items.extend(own.filter_map(|(name, value)| Some(Setting { name, value: text(value)? })));
        Self::new(items)
    }

    pub fn items(&self) -> &[Setting] {
        &self.items
    }

    /// SHA-256 of names and values.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

/// Routing's tables with their hash: instances are kept by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSet {
    tables: Tables,
    hash: [u8; 32],
}

impl TableSet {
    pub fn new(tables: Tables) -> Self {
        let settings = tables.settings.iter().flat_map(|setting| [setting.name.as_str(), setting.value.as_str()]);
        let lists = [&tables.skills, &tables.attributes, &tables.queues];
        let names = lists.into_iter().flat_map(|list| list.iter().map(String::as_str).chain(["\0"]));
        let hash = hash(names.chain(settings));
        Self { tables, hash }
    }

    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// SHA-256 of all of it.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl Setup for Settings {
    fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl Setup for TableSet {
    fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

fn hash<'a>(texts: impl Iterator<Item = &'a str>) -> [u8; 32] {
    let mut sha256 = Sha256::new();
    for text in texts {
        sha256.update((text.len() as u64).to_le_bytes());
        sha256.update(text);
    }
    sha256.finalize().into()
}
