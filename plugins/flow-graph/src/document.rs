//! A flow document in the form that runs: names resolved to numbers, templates cut into pieces.

use std::collections::BTreeMap;

use crate::{calendar::Calendar, connector::Question};

/// Where a node stands in [`Graph::nodes`].
pub(crate) type NodeNumber = u16;
/// Where a variable stands in [`Graph::variables`] and in a session's values.
pub(crate) type Slot = u16;

#[derive(Debug)]
pub(crate) struct Graph {
    /// FNV-1a of the document's bytes: a state says by it which document it belongs to.
    pub(crate) fingerprint: u64,
    /// BCP 47; what prompts fall back to.
    pub(crate) language: String,
    pub(crate) start: NodeNumber,
    /// Built-in ones first, in the order of [`BUILT_IN`].
    pub(crate) variables: Vec<Variable>,
    pub(crate) nodes: Vec<Node>,
    /// `None`: the host's own takes over.
    pub(crate) exception: Option<Exception>,
}

/// Variables that every flow has; a document cannot declare them.
pub(crate) const BUILT_IN: [&str; 7] = ["caller", "called", "channel", "direction", "verified", "language", "digits"];
pub(crate) const VERIFIED: Slot = 4;
pub(crate) const LANGUAGE: Slot = 5;
/// What was pressed last in a menu or a collection that is not secret.
pub(crate) const DIGITS: Slot = 6;

#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) initial: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Bool(bool),
}

impl Value {
    /// As the document names the type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(yes) => write!(f, "{yes}"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) exits: BTreeMap<String, NodeNumber>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Start,
    Play {
        prompt: Prompt,
        barge_in: bool,
    },
    Menu(Menu),
    CollectDigits(Collect),
    Branch(Vec<Rule>),
    BusinessHours(Calendar),
    SetVariable(Vec<(Slot, Assign)>),
    SetLanguage(String),
    SetQueue(QueueChoice),
    Queue(Wait),
    TransferAgent {
        agent: Template,
        ring_ms: u32,
    },
    TransferNumber {
        number: Template,
        ring_ms: u32,
    },
    TransferFlow {
        flow: String,
    },
    Voicemail(Voicemail),
    Tag(Vec<(String, Template)>),
    Connector(Question),
    /// To whoever calls; the flow goes on at once.
    Message {
        text: Template,
        template: Option<String>,
    },
    HangUp {
        prompt: Option<Prompt>,
        cause: u16,
    },
}

#[derive(Debug)]
pub(crate) struct Menu {
    pub(crate) prompt: Prompt,
    pub(crate) no_input_prompt: Option<Prompt>,
    pub(crate) no_match_prompt: Option<Prompt>,
    /// Says the menu again and counts as no attempt.
    pub(crate) repeat_key: Option<char>,
    pub(crate) barge_in: bool,
    pub(crate) first_ms: u32,
    pub(crate) retries: u8,
}

#[derive(Debug)]
pub(crate) struct Collect {
    pub(crate) prompt: Prompt,
    pub(crate) no_input_prompt: Option<Prompt>,
    pub(crate) invalid_prompt: Option<Prompt>,
    pub(crate) into: Slot,
    pub(crate) min: u8,
    pub(crate) max: u8,
    pub(crate) terminators: String,
    pub(crate) cancel_key: Option<char>,
    pub(crate) barge_in: bool,
    pub(crate) secret: bool,
    pub(crate) first_ms: u32,
    pub(crate) between_ms: u32,
    pub(crate) retries: u8,
    pub(crate) valid: Validity,
    pub(crate) confirm: Option<Confirm>,
}

/// What makes collected digits right, beside their number.
#[derive(Debug, Default)]
pub(crate) struct Validity {
    /// ISO/IEC 7812-1 check digit: bank cards, IMEI.
    pub(crate) luhn: bool,
    pub(crate) range: Option<(u64, u64)>,
    /// Only these lengths; empty: any between `min` and `max`.
    pub(crate) lengths: Vec<u8>,
}

/// Reads the digits back: `before`, the digits, `after`; `yes` accepts, any other key begins again.
#[derive(Debug)]
pub(crate) struct Confirm {
    pub(crate) before: Option<Prompt>,
    pub(crate) after: Option<Prompt>,
    pub(crate) yes: char,
}

#[derive(Debug)]
pub(crate) struct Rule {
    /// All must hold.
    pub(crate) conditions: Vec<Condition>,
    pub(crate) exit: String,
}

#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) variable: Slot,
    pub(crate) test: Test,
    /// One value, except for [`Test::In`].
    pub(crate) values: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    StartsWith,
    In,
}

impl Test {
    pub(crate) const ALL: [(&'static str, Self); 9] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
        ("contains", Self::Contains),
        ("starts-with", Self::StartsWith),
        ("in", Self::In),
    ];
}

impl Condition {
    pub(crate) fn holds(&self, value: &Value) -> bool {
        self.values.iter().any(|wanted| match (self.test, value, wanted) {
            (Test::Equal | Test::In, value, wanted) => value == wanted,
            (Test::NotEqual, value, wanted) => value != wanted,
            (Test::Less, Value::Number(value), Value::Number(wanted)) => value < wanted,
            (Test::LessOrEqual, Value::Number(value), Value::Number(wanted)) => value <= wanted,
            (Test::Greater, Value::Number(value), Value::Number(wanted)) => value > wanted,
            (Test::GreaterOrEqual, Value::Number(value), Value::Number(wanted)) => value >= wanted,
            (Test::Contains, Value::Text(value), Value::Text(wanted)) => value.contains(wanted),
            (Test::StartsWith, Value::Text(value), Value::Text(wanted)) => value.starts_with(wanted),
            // Other pairs are refused when the document is read.
            _ => false,
        })
    }
}

#[derive(Debug)]
pub(crate) enum Assign {
    To(Value),
    /// For text variables.
    Text(Template),
    /// For number variables; stops at the ends of the range.
    Add(i64),
}

/// What a queue node, or a set-queue node before it, chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueChoice {
    pub(crate) queue: Option<String>,
    /// 0 to 9.
    pub(crate) priority: Option<u8>,
    pub(crate) skills: Option<Vec<(String, u8)>>,
}

#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) choice: QueueChoice,
    pub(crate) hold_music: Option<String>,
    pub(crate) announce: Option<(u32, Prompt)>,
    pub(crate) max_wait_ms: Option<u32>,
    pub(crate) exit_keys: String,
}

#[derive(Debug)]
pub(crate) struct Voicemail {
    pub(crate) greeting: Option<Prompt>,
    pub(crate) max_ms: u32,
    pub(crate) min_ms: u32,
    pub(crate) silence_ms: u32,
    pub(crate) beep: bool,
    pub(crate) end_keys: String,
    pub(crate) mailbox: Option<Mailbox>,
}

#[derive(Debug)]
pub(crate) enum Mailbox {
    Queue(String),
    Agent(String),
}

/// What happens when a node fails and has no exit for it: the apology, then the fallback.
#[derive(Debug, Default)]
pub(crate) struct Exception {
    pub(crate) prompt: Option<Prompt>,
    pub(crate) fallback: Fallback,
}

#[derive(Debug, Default)]
pub(crate) enum Fallback {
    Queue(String),
    Number(String),
    #[default]
    HangUp,
}

/// What to play, by language. An empty language stands for any.
#[derive(Debug)]
pub(crate) struct Prompt(pub(crate) Vec<(String, Vec<Source>)>);

impl Prompt {
    /// The exact language, else one of the same primary language, else the document's own, else the first; with its tag.
    pub(crate) fn in_language(&self, language: &str, document: &str) -> (&str, &[Source]) {
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let exact = |wanted: &str| self.0.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(wanted));
        exact(language)
            .or_else(|| self.0.iter().find(|(tag, _)| primary(tag) == primary(language)))
            .or_else(|| exact(document))
            .or_else(|| self.0.first())
            .map_or(("", &[]), |(tag, sources)| (tag.as_str(), sources.as_slice()))
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(String),
    Text(Template),
    Digits(Template),
    /// A number variable.
    Number(Slot),
    Position,
    /// How many are before the caller; the file instead of the whole prompt where nobody is.
    Ahead(String),
}

/// Text with variables in it: `Order {order}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(pub(crate) Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Variable(Slot),
}

impl Template {
    pub(crate) fn variables(&self) -> impl Iterator<Item = Slot> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable(slot) => Some(*slot),
            Piece::Text(_) => None,
        })
    }

    pub(crate) fn fill(&self, values: &[Value]) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Variable(slot) => {
                    if let Some(value) = values.get(usize::from(*slot)) {
                        filled.push_str(&value.to_string());
                    }
                }
            }
        }
        filled
    }
}

pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
