//! A question to a component as a value, with what its instance was told, and how it ended: what `plugboard ask` reads and prints.

use std::{collections::BTreeMap, time::Duration};

use plugboard_model::{
    assistant::{BotAction, Classified, Conversation, Suggestion},
    channel::{ChannelFailure, Outgoing, Received, Verified, Webhook},
    compliance::{Act, Finding, Heard, Segment, Span, Transcript, Verdict},
    connector::{Call, ConnectorFailure, Notice},
    dialer::{History, Next, Stats, Tempo},
    flow::{Event, Failure, Problem, Setting, Stepped},
    routing::{Candidate, Column, Need, Order, Relaxed, Tables, Waiting},
};
use plugboard_pack::World;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{Outside, Sent, lenient};

/// One question. In JSON all but `ask` may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// For routing.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub tables: Names,
    /// For worlds that reach out.
    #[serde(default, skip_serializing_if = "Outside::is_empty")]
    pub outside: Outside,
    pub ask: Ask,
}

impl Question {
    /// Of a world that neither has tables nor reaches out.
    pub(crate) fn of(settings: &Settings, ask: Ask) -> Self {
        Self { settings: settings.clone(), tables: Names::default(), outside: Outside::default(), ask }
    }

    /// What a routing policy's instance is told.
    pub fn routing_tables(&self) -> Tables {
        let Names { skills, attributes, queues } = self.tables.clone();
        Tables { skills, attributes, queues, settings: self.settings.items() }
    }
}

/// Settings by name. JSON that is no text is taken as it is written, so that a flow's document can stand there as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Settings(pub BTreeMap<String, String>);

impl Settings {
    pub fn items(&self) -> Vec<Setting> {
        self.0.iter().map(|(name, value)| Setting { name: name.clone(), value: value.clone() }).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let values = BTreeMap::<String, Value>::deserialize(deserializer)?;
        Ok(Self(values.into_iter().map(|(name, value)| (name, text(value))).collect()))
    }
}

/// What a routing question's numbers stand for: [`Tables`] without its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Names {
    pub skills: Vec<String>,
    pub attributes: Vec<String>,
    pub queues: Vec<String>,
}

impl Names {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// What is wrong with the settings: in all worlds but routing.
    Check,
    /// Only whether an instance takes its settings: in worlds that do not reach out.
    Configure,
    /// In a case of several, an empty state stands for what the step before returned.
    Step {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        state: Vec<u8>,
        event: Box<Event>,
    },
    RankAgents {
        who: Waiting,
        #[serde(default)]
        needs: Vec<Need>,
        candidates: Vec<Candidate>,
        #[serde(default)]
        columns: Vec<Column>,
    },
    RankWaiting {
        agent: Candidate,
        waiting: Vec<Waiting>,
        #[serde(default)]
        columns: Vec<Column>,
    },
    OnTimer {
        who: Waiting,
        #[serde(default)]
        needs: Vec<Need>,
    },
    Judge(Box<Act>),
    Utterance {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        state: Vec<u8>,
        segment: Box<Segment>,
    },
    Review(Box<Transcript>),
    Redact {
        text: String,
        language: String,
    },
    #[serde(deserialize_with = "lenient::call")]
    Invoke(Box<Call>),
    #[serde(deserialize_with = "lenient::notice")]
    OnEvent(Box<Notice>),
    Probe,
    #[serde(deserialize_with = "lenient::webhook")]
    Verify(Box<Webhook>),
    #[serde(deserialize_with = "lenient::webhook")]
    Receive(Box<Webhook>),
    #[serde(deserialize_with = "lenient::outgoing")]
    Send(Box<Outgoing>),
    #[serde(deserialize_with = "lenient::conversation")]
    Reply(Box<Conversation>),
    #[serde(deserialize_with = "lenient::conversation")]
    Suggest(Box<Conversation>),
    Classify {
        text: String,
        language: String,
    },
    Pace(Box<Stats>),
    NextAttempt(Box<History>),
}

impl Ask {
    /// Whose question it is; `None`: of more than one world.
    pub fn world(&self) -> Option<World> {
        match self {
            Self::Check | Self::Configure => None,
            Self::Step { .. } => Some(World::Flow),
            Self::RankAgents { .. } | Self::RankWaiting { .. } | Self::OnTimer { .. } => Some(World::Routing),
            Self::Judge(_) | Self::Utterance { .. } | Self::Review(_) | Self::Redact { .. } => Some(World::Compliance),
            Self::Invoke(_) | Self::OnEvent(_) | Self::Probe => Some(World::Connector),
            Self::Verify(_) | Self::Receive(_) | Self::Send(_) => Some(World::Channel),
            Self::Reply(_) | Self::Suggest(_) | Self::Classify { .. } => Some(World::Assistant),
            Self::Pace(_) | Self::NextAttempt(_) => Some(World::Dialer),
        }
    }

    /// As the contract calls the function.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Configure => "configure",
            Self::Step { .. } => "step",
            Self::RankAgents { .. } => "rank-agents",
            Self::RankWaiting { .. } => "rank-waiting",
            Self::OnTimer { .. } => "on-timer",
            Self::Judge(_) => "judge",
            Self::Utterance { .. } => "on-utterance",
            Self::Review(_) => "review",
            Self::Redact { .. } => "redact",
            Self::Invoke(_) => "invoke",
            Self::OnEvent(_) => "on-event",
            Self::Probe => "probe",
            Self::Verify(_) => "verify",
            Self::Receive(_) => "receive",
            Self::Send(_) => "send",
            Self::Reply(_) => "reply",
            Self::Suggest(_) => "suggest",
            Self::Classify { .. } => "classify",
            Self::Pace(_) => "pace",
            Self::NextAttempt(_) => "next-attempt",
        }
    }

    /// The contract's deadline; of a connector's `invoke` the shortest, a screen pop's.
    pub fn deadline(&self) -> Duration {
        match self {
            Self::RankAgents { .. } | Self::RankWaiting { .. } | Self::OnTimer { .. } | Self::Judge(_) => {
                Duration::from_millis(5)
            }
            Self::Step { .. } | Self::Utterance { .. } | Self::Redact { .. } => Duration::from_millis(20),
            Self::Pace(_) | Self::NextAttempt(_) => Duration::from_millis(20),
            Self::Verify(_) => Duration::from_millis(100),
            Self::Invoke(_) => Duration::from_millis(300),
            Self::Check | Self::Configure | Self::Review(_) => Duration::from_secs(1),
            Self::Reply(_) | Self::Suggest(_) | Self::Classify { .. } => Duration::from_secs(1),
            Self::OnEvent(_) | Self::Receive(_) | Self::Send(_) => Duration::from_secs(2),
            Self::Probe => Duration::from_secs(10),
        }
    }

    /// Gives a step or an utterance what the one before returned, unless it has a state of its own.
    pub(crate) fn carry(&mut self, kept: &[u8]) {
        if let Self::Step { state, .. } | Self::Utterance { state, .. } = self
            && state.is_empty()
        {
            *state = kept.to_vec();
        }
    }
}

/// What came of a question. In JSON an answer stands there by its name: `{"order":{"numbers":[2,1],"again_ms":null}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It says itself that it has none.
    NoAnswer(Failure),
    /// What the host's door does not let in.
    Void {
        reason: String,
    },
    Trapped {
        backtrace: String,
    },
    OutOfMemory {
        /// Bytes.
        limit: usize,
    },
    Late {
        deadline_ms: u64,
    },
    /// The other system gives no answer, a connector or a channel says: no failure of the component.
    Failed(Failed),
    /// Nobody could be asked.
    NotAsked {
        reason: String,
    },
    #[serde(untagged)]
    Answered(Answer),
}

/// What a connector or a channel says of the other system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// A word, or an object of a word and what it is about.
    pub code: Value,
    pub message: String,
    /// When it may work; `None`: never by itself.
    pub retry_ms: Option<u64>,
}

impl Failed {
    fn of(code: &impl Serialize, message: String, retry: Option<Duration>) -> Self {
        let retry_ms = retry.map(|retry| u64::try_from(retry.as_millis()).unwrap_or(u64::MAX));
        Self { code: serde_json::to_value(code).unwrap_or_default(), message, retry_ms }
    }
}

impl From<ConnectorFailure> for Failed {
    fn from(failure: ConnectorFailure) -> Self {
        Self::of(&failure.code, failure.message, failure.retry)
    }
}

impl From<ChannelFailure> for Failed {
    fn from(failure: ChannelFailure) -> Self {
        Self::of(&failure.code, failure.message, failure.retry)
    }
}

/// How a question ended, and what went out meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub ended: Ended,
    pub sent: Vec<Sent>,
}

impl From<Ended> for Told {
    fn from(ended: Ended) -> Self {
        Self { ended, sent: Vec::new() }
    }
}

impl Told {
    /// As JSON: the answer by its name, and `sent` beside it where anything was.
    pub fn json(&self) -> Value {
        let mut told = serde_json::to_value(&self.ended).unwrap_or_default();
        if let (Value::Object(members), false) = (&mut told, self.sent.is_empty()) {
            members.insert("sent".into(), serde_json::to_value(&self.sent).unwrap_or_default());
        }
        told
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Problems(Vec<Problem>),
    Configured,
    Stepped(Stepped),
    Order(Order),
    Relaxed(Relaxed),
    Verdict(Verdict),
    Heard(Heard),
    Findings(Vec<Finding>),
    Spans(Vec<Span>),
    /// Of an operation.
    Output(Value),
    /// An event was taken, or the other system was reached.
    Done {},
    Verified(Verified),
    Received(Received),
    /// The platform's id of a message.
    Receipt(String),
    Actions(Vec<BotAction>),
    Suggestions(Vec<Suggestion>),
    Classified(Classified),
    Tempo(Tempo),
    Next(Next),
}

impl Answer {
    /// What the next question of the same interaction is given.
    pub(crate) fn state(&self) -> &[u8] {
        match self {
            Self::Stepped(stepped) => &stepped.state,
            Self::Heard(heard) => &heard.state,
            _ => &[],
        }
    }
}
