//! What became of one run: the way through the flow, its queues and its end.

use std::{collections::BTreeMap, fmt};

use plugboard_model::{
    FlowId, QueueId,
    flow::{Action, Effect, Event, Happening, QueueNews, Target, Token, TransferEnd, Visit},
    tape::Said,
};
use serde::Serialize;

/// One node on the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Passage {
    pub node: String,
    /// `None`: it was not left, the run ended there.
    pub exit: Option<String>,
}

/// One run, folded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trace {
    pub path: Vec<Passage>,
    pub queues: Vec<QueueId>,
    pub end: End,
    #[serde(skip)]
    open: BTreeMap<Token, Asked>,
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
            Effect::Record(_) => Asked::Record,
            Effect::Enqueue(enqueue) => {
                self.queues.push(enqueue.queue.clone());
                Asked::Enqueue(enqueue.queue.clone())
            }
            Effect::Transfer(transfer) => match &transfer.to {
                Target::Agent(agent) => Asked::Transfer(agent.to_string()),
                Target::Number(number) => Asked::Transfer(number.to_string()),
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
            Effect::PickUp | Effect::Tag(_) => return,
        };
        self.open.insert(action.token, asked);
    }
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
