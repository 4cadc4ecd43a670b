//! What became of one run: the way through the flow, its queues and its end.

use std::{collections::BTreeMap, fmt};

use plugboard_model::{
    FlowId, InteractionId, Number, QueueId, Timestamp,
    compliance::{self, Act, Asker, RecordStep},
    country_of,
    flow::{Action, Effect, Event, Happening, QueueNews, Setting, Target, Token, TransferEnd, Visit},
    tape::Said,
};
use serde::Serialize;

use crate::verdicts::Gated;

/// One node on the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Passage {
    pub node: String,
    /// `None`: it was not left, the run ended there.
    pub exit: Option<String>,
}

/// One run, folded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    pub path: Vec<Passage>,
    pub queues: Vec<QueueId>,
    /// What rules judge, in the order of asking.
    pub gated: Vec<Gated>,
    pub end: End,
    /// Where each of the queues was asked for: a place of the path.
    #[serde(skip)]
    pub(crate) queued_at: Vec<usize>,
    /// Each of `gated` as rules are told it.
    #[serde(skip)]
    pub(crate) acts: Vec<Act>,
    /// Of what is asked for next.
    #[serde(skip)]
    around: Around,
    #[serde(skip)]
    open: BTreeMap<Token, Asked>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Around {
    flow: FlowId,
    interaction: Option<InteractionId>,
    at: Timestamp,
    utc_offset_min: i16,
    tags: Vec<Setting>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The flow asks for nothing more and the caller is still there.
    #[default]
    StandsStill,
    /// An agent of the queue answered.
    Connected { queue: QueueId },
    /// The other side of a transfer answered; an agent or a number, as the flow names them.
    Transferred { to: String },
    /// Another flow goes on.
    HandedOver { flow: FlowId },
    /// The flow hung up.
    HungUp { cause: u8 },
    /// The caller hung up, or somebody else did, while the flow waited at the node.
    Left { node: Option<String> },
    /// The component broke, failed or was not there.
    Failed { reason: String },
    /// The tape does not tell how it would go on.
    Unknown { why: Unknown },
}

/// Why the end of a run cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// The caller was never asked this: a gather, a message, a lookup.
    NeverAsked { what: &'static str },
    /// The caller waits in a queue where they never were.
    OtherQueue { queue: QueueId },
    /// A transfer that never was.
    OtherTransfer { to: String },
    /// What was pressed is secret and on no tape.
    Secret,
    /// The tape ends before the call does.
    TapeEnds,
    /// More steps than any call takes.
    Runaway,
}

/// What a flow asked for and was not answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Play,
    Gather { secret: bool },
    Listen,
    Record,
    Enqueue(QueueId),
    Transfer(String),
    Invoke { connector: String, operation: String },
    Send,
    Timer,
    Other,
}

impl Asked {
    /// One at a time, in order: there is one caller, with one ear.
    pub(crate) fn is_on_leg(&self) -> bool {
        matches!(self, Self::Play | Self::Gather { .. } | Self::Listen | Self::Record)
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Play => "play",
            Self::Gather { .. } => "gather",
            Self::Listen => "listen",
            Self::Record => "record",
            Self::Enqueue(_) => "enqueue",
            Self::Transfer(_) => "transfer",
            Self::Invoke { .. } => "invoke",
            Self::Send => "send",
            Self::Timer => "timer",
            Self::Other => "other",
        }
    }
}

impl Trace {
    pub(crate) fn of(flow: &FlowId) -> Self {
        let (flow, at) = (flow.clone(), Timestamp::EPOCH);
        Self {
            path: Vec::new(),
            queues: Vec::new(),
            gated: Vec::new(),
            end: End::default(),
            queued_at: Vec::new(),
            acts: Vec::new(),
            around: Around { flow, interaction: None, at, utc_offset_min: 0, tags: Vec::new() },
            open: BTreeMap::new(),
        }
    }

    /// What the run asked for and has no answer to yet, in the order of asking.
    pub(crate) fn open(&self) -> impl Iterator<Item = (Token, &Asked)> {
        self.open.iter().map(|(token, asked)| (*token, asked))
    }

    pub(crate) fn asked(&self, token: Token) -> Option<&Asked> {
        self.open.get(&token)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.end != End::StandsStill
    }

    pub(crate) fn stop(&mut self, why: Unknown) {
        self.end = End::Unknown { why };
    }

    /// Before what is said to it: an event may end the run.
    pub(crate) fn heard(&mut self, event: &Event) {
        (self.around.at, self.around.utc_offset_min) = (event.at, event.utc_offset_min);
        if let Happening::Started(start) = &event.what {
            self.around.interaction = Some(start.interaction);
        }
        let answered = event.answers.and_then(|token| self.open.get(&token).cloned());
        match (&event.what, answered) {
            (Happening::Queue(QueueNews::Connected { .. }), Some(Asked::Enqueue(queue))) => {
                self.end = End::Connected { queue };
            }
            (Happening::Transferred(TransferEnd::Connected), Some(Asked::Transfer(to))) => {
                self.end = End::Transferred { to };
            }
            (Happening::HungUp(_), _) if !self.is_over() => {
                self.end = End::Left { node: self.path.last().map(|last| last.node.clone()) }
            }
            _ => {}
        }
        if !event.more
            && let Some(token) = event.answers
        {
            self.open.remove(&token);
        }
    }

    pub(crate) fn said(&mut self, said: &Said) {
        match said {
            Said::Stepped { actions, trail } => self.stepped(actions, trail),
            Said::Failed { reason } => self.end = End::Failed { reason: reason.clone() },
            Said::Nothing => {}
        }
    }

    pub(crate) fn stepped(&mut self, actions: &[Action], trail: &[Visit]) {
        for Visit { node, exit } in trail {
            // A visit that goes on is told again, first, by the step that leaves it.
            self.path.pop_if(|last| last.exit.is_none() && last.node == *node);
            self.path.push(Passage { node: node.clone(), exit: exit.clone() });
        }
        for action in actions {
            if self.is_over() {
                return;
            }
            self.act(action);
        }
    }

    fn act(&mut self, action: &Action) {
        let asked = match &action.what {
            Effect::Play(_) => Asked::Play,
            Effect::Gather(gather) => Asked::Gather { secret: gather.secret },
            Effect::Listen(_) => Asked::Listen,
            Effect::Record(_) => {
                self.wish(message());
                Asked::Record
            }
            Effect::Enqueue(enqueue) => {
                self.queued_at.push(self.path.len().saturating_sub(1));
                self.queues.push(enqueue.queue.clone());
                Asked::Enqueue(enqueue.queue.clone())
            }
            Effect::Transfer(transfer) => match &transfer.to {
                Target::Agent(agent) => Asked::Transfer(agent.to_string()),
                Target::Number(number) => {
                    self.wish(dial(number));
                    Asked::Transfer(number.to_string())
                }
                Target::Flow(flow) => {
                    self.end = End::HandedOver { flow: flow.clone() };
                    return;
                }
            },
            Effect::Invoke(invoke) => {
                Asked::Invoke { connector: invoke.connector.clone(), operation: invoke.operation.clone() }
            }
            Effect::Send(_) => Asked::Send,
            Effect::Timer { .. } => Asked::Timer,
            Effect::Other(_) => Asked::Other,
            Effect::Cancel(token) => {
                self.open.remove(token);
                return;
            }
            Effect::HangUp { cause } => {
                self.end = End::HungUp { cause: cause.as_q850() };
                return;
            }
            Effect::Tag(tag) => {
                self.around.tags.retain(|known| known.name != tag.name);
                self.around.tags.push(tag.clone());
                return;
            }
            Effect::PickUp => return,
        };
        self.open.insert(action.token, asked);
    }

    fn wish(&mut self, what: compliance::Effect) {
        let Around { flow, interaction, at, utc_offset_min, tags } = &self.around;
        self.gated.push(Gated {
            step: self.path.len().saturating_sub(1),
            effect: what.name().to_owned(),
            about: what.about().to_owned(),
            ruling: None,
        });
        let (at, interaction, by) = (*at, *interaction, Asker::Flow(flow.clone()));
        self.acts.push(Act { at, utc_offset_min: *utc_offset_min, interaction, by, what, tags: tags.clone() });
    }
}

/// A message that the flow takes.
fn message() -> compliance::Effect {
    let (step, consent) = (RecordStep::Begin, compliance::Consent::NotAsked);
    compliance::Effect::Record(compliance::Record { step, consent, announced: false, reason: "message".to_owned() })
}

/// Which lists hold the number and when it was tried before is on no tape.
fn dial(number: &Number) -> compliance::Effect {
    compliance::Effect::Dial(compliance::Dial {
        number: number.clone(),
        their_offset_min: None,
        country: country_of(number.as_str()).to_owned(),
        purpose: "transfer".to_owned(),
        lists: Vec::new(),
        attempts: Vec::new(),
    })
}

impl fmt::Display for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.exit {
            Some(exit) => write!(f, "{} → {exit}", self.node),
            None => write!(f, "{}", self.node),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandsStill => write!(f, "stands still"),
            Self::Connected { queue } => write!(f, "answered in queue {queue}"),
            Self::Transferred { to } => write!(f, "transferred to {to}"),
            Self::HandedOver { flow } => write!(f, "goes on in flow {flow}"),
            Self::HungUp { cause } => write!(f, "the flow hangs up ({cause})"),
            Self::Left { node: Some(node) } => write!(f, "left at {node}"),
            Self::Left { node: None } => write!(f, "left before the flow began to wait"),
            Self::Failed { reason } => write!(f, "the component fails: {reason}"),
            Self::Unknown { why } => write!(f, "unknown: {why}"),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverAsked { what } => write!(f, "the caller was never asked this ({what})"),
            Self::OtherQueue { queue } => write!(f, "the caller never waited in queue {queue}"),
            Self::OtherTransfer { to } => write!(f, "nobody was transferred to {to}"),
            Self::Secret => write!(f, "what was pressed is secret"),
            Self::TapeEnds => write!(f, "the tape ends"),
            Self::Runaway => write!(f, "more steps than a call takes"),
        }
    }
}
