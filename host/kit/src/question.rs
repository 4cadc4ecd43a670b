//! A question to a component as a value, with what its instance was told, and how it ended: what `plugboard ask` reads and prints.

use std::{collections::BTreeMap, time::Duration};

use plugboard_model::{
    compliance::{Act, Finding, Heard, Segment, Span, Transcript, Verdict},
    flow::{Event, Failure, Problem, Setting, Stepped},
    routing::{Candidate, Column, Need, Order, Relaxed, Tables, Waiting},
};
use plugboard_pack::World;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// One question. In JSON `settings` and `tables` may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// For routing.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub tables: Names,
    pub ask: Ask,
}

impl Question {
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
    /// What is wrong with the settings: flows and rules.
    Check,
    /// Only whether an instance takes its settings.
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
}

impl Ask {
    /// Whose question it is; `None`: of more than one world.
    pub fn world(&self) -> Option<World> {
        match self {
            Self::Check | Self::Configure => None,
            Self::Step { .. } => Some(World::Flow),
            Self::RankAgents { .. } | Self::RankWaiting { .. } | Self::OnTimer { .. } => Some(World::Routing),
            Self::Judge(_) | Self::Utterance { .. } | Self::Review(_) | Self::Redact { .. } => Some(World::Compliance),
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
        }
    }

    /// The contract's deadline.
    pub fn deadline(&self) -> Duration {
        match self {
            Self::RankAgents { .. } | Self::RankWaiting { .. } | Self::OnTimer { .. } | Self::Judge(_) => {
                Duration::from_millis(5)
            }
            Self::Step { .. } | Self::Utterance { .. } | Self::Redact { .. } => Duration::from_millis(20),
            Self::Check | Self::Configure | Self::Review(_) => Duration::from_secs(1),
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
    /// Nobody could be asked.
    NotAsked {
        reason: String,
    },
    #[serde(untagged)]
    Answered(Answer),
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
