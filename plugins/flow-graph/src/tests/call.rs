//! One caller's way through a flow, drawn as a ladder.

use std::fmt::Write as _;

use super::graph;
use crate::{
    contract::exports::plugboard::plugin::{
        flow::{Event, Stepped},
        flow_types::{
            self as wit, Answer, Channel, Digits, Direction, Effect, End, GatherEnd, GiveUp, Happening, Mailbox,
            Prompt, QueueNews, Recording, Refusal, Source, Start, Target, TransferEnd,
        },
    },
    document::Graph,
    run::step,
};

/// 2026-11-23 was a Monday.
pub(super) const MONDAY: u64 = 1_795_392_000_000;
pub(super) const HOUR: u64 = 3_600_000;

/// The end that most documents here lead to.
pub(super) const END: &str = r#""z": { "kind": "hang-up" }"#;
/// An exception flow, as a further member.
pub(super) const APOLOGY: &str = r#", "exception": { "prompt": "sorry.wav", "queue": "general" }"#;

/// A call to one node `a` before the end.
pub(super) fn alone(node: &str, rest: &str) -> Call {
    Call::offered(&format!(r#""a": {node}, {END}"#), rest)
}

/// `<` what happened, `>` what the flow asked for, `@` a node that was left by an exit or is waited in, `!` no answer: the host goes on.
pub(super) struct Call {
    graph: Graph,
    pub(super) state: Vec<u8>,
    seq: u32,
    pub(super) now: u64,
    last: u32,
    ladder: String,
}

impl Call {
    /// Monday at ten in the morning, in Chinese; `rest` are further members of the document.
    pub(super) fn offered(nodes: &str, rest: &str) -> Self {
        Self::to(graph(nodes, rest)).begin(start("+8613800000000", "zh-CN"))
    }

    pub(super) fn to(graph: Graph) -> Self {
        Self { graph, state: Vec::new(), seq: 0, now: MONDAY + 10 * HOUR, last: 0, ladder: String::new() }
    }

    pub(super) fn begin(mut self, start: Start) -> Self {
        self.feed(None, Happening::Started(start));
        self
    }

    pub(super) fn feed(&mut self, answers: Option<u32>, what: Happening) -> Option<Stepped> {
        let (seq, at_ms) = (self.seq, self.now);
        let event = Event { seq, at_ms, utc_offset_min: 0, answers, more: false, what, extra: Vec::new() };
        self.seq += 1;
        self.now += 1_000;
        match step(&self.graph, &self.state, &event) {
            Ok(stepped) => {
                self.state.clone_from(&stepped.state);
                for action in &stepped.actions {
                    self.last = action.token;
                    writeln!(self.ladder, "> {} {}", action.token, shown(&action.what)).unwrap();
                }
                for visit in &stepped.trail {
                    writeln!(self.ladder, "@ {} {}", visit.node, visit.exit.as_deref().unwrap_or("…")).unwrap();
                }
                Some(stepped)
            }
            Err(failure) => {
                writeln!(self.ladder, "! {:?}: {}", failure.code, failure.message).unwrap();
                None
            }
        }
    }

    /// Answers the last action.
    pub(super) fn then(mut self, what: Happening) -> Self {
        writeln!(self.ladder, "< {}", told(&what)).unwrap();
        self.feed(Some(self.last), what);
        self
    }

    /// Until so many keys were pressed, or time ran out.
    pub(super) fn pressed(self, digits: &str) -> Self {
        let ended = if digits.is_empty() { GatherEnd::Timeout } else { GatherEnd::Complete };
        self.pressed_until(digits, ended)
    }

    pub(super) fn pressed_until(self, digits: &str, ended: GatherEnd) -> Self {
        self.then(Happening::Gathered(Digits { digits: digits.into(), ended }))
    }

    pub(super) fn played(self) -> Self {
        self.then(Happening::Played(true))
    }

    pub(super) fn refused(self, code: &str) -> Self {
        self.then(Happening::Refused(Refusal { code: code.into(), message: String::new(), retryable: false }))
    }

    pub(super) fn gave_up(self, why: GiveUp) -> Self {
        self.then(Happening::Queue(QueueNews::GaveUp(why)))
    }

    pub(super) fn connected(self) -> Self {
        self.then(Happening::Queue(QueueNews::Connected("lin".into())))
    }

    pub(super) fn transferred(self, end: TransferEnd) -> Self {
        self.then(Happening::Transferred(end))
    }

    pub(super) fn looked_up(self, json: &str) -> Self {
        self.then(Happening::LookedUp(Answer { json: json.into() }))
    }

    pub(super) fn recorded(self, length_ms: u32) -> Self {
        self.then(Happening::Recorded(Recording { id: "r1".into(), length_ms }))
    }

    pub(super) fn hangs_up(mut self) -> Self {
        let what = Happening::HungUp(End { cause: 16, by_caller: true });
        writeln!(self.ladder, "< {}", told(&what)).unwrap();
        self.feed(None, what);
        self
    }

    /// Forgets the ladder so far.
    pub(super) fn onward(mut self) -> Self {
        self.ladder.clear();
        self
    }

    #[track_caller]
    pub(super) fn goes(&self, ladder: &str) {
        let wanted: Vec<&str> = ladder.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(self.ladder.lines().collect::<Vec<_>>(), wanted, "the whole ladder:\n{}", self.ladder);
    }

    /// The nodes and exits of the ladder alone.
    pub(super) fn path(&self) -> Vec<&str> {
        self.ladder.lines().filter_map(|line| line.strip_prefix("@ ")).collect()
    }
}

pub(super) fn start(caller: &str, language: &str) -> Start {
    Start {
        interaction: "i1".into(),
        channel: Channel::Voice,
        direction: Direction::Inbound,
        caller: caller.into(),
        called: "8001".into(),
        verified: true,
        language: language.into(),
    }
}

fn told(what: &Happening) -> String {
    match what {
        Happening::Played(true) => "played".into(),
        Happening::Played(false) => "played in part".into(),
        Happening::Gathered(Digits { digits, ended }) => {
            let ended = format!("{ended:?}");
            format!("pressed {digits:?}, {}", ended.trim_start_matches("GatherEnd::").to_lowercase())
        }
        Happening::Refused(refusal) => format!("refused {}", refusal.code),
        Happening::Queue(QueueNews::Connected(agent)) => format!("connected to {agent}"),
        Happening::Queue(QueueNews::GaveUp(why)) => format!("gave up, {why:?}").replace("GiveUp::", ""),
        Happening::Transferred(end) => format!("transferred, {end:?}").replace("TransferEnd::", ""),
        Happening::LookedUp(answer) => format!("answered {}", answer.json),
        Happening::Recorded(recording) => format!("recorded {} ms", recording.length_ms),
        Happening::HungUp(_) => "hung up".into(),
        other => format!("{other:?}"),
    }
}

fn said(prompt: &Prompt) -> String {
    let source = |source: &Source| match source {
        Source::File(file) => file.clone(),
        Source::Text(text) => format!("{text:?}"),
        Source::Digits(digits) => format!("digits {digits}"),
        Source::Number(number) => format!("number {number}"),
        Source::Position => "position".into(),
        Source::Other(open) => open.name.clone(),
    };
    let barge_in = if prompt.barge_in { ", barge-in" } else { "" };
    prompt.sources.iter().map(source).collect::<Vec<_>>().join(" + ") + barge_in
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::PickUp => "pick up".into(),
        Effect::Play(prompt) => format!("play {} in {}", said(prompt), prompt.language),
        Effect::Gather(gather) => {
            let secret = if gather.secret { ", secret" } else { "" };
            format!(
                "gather {}, {}/{} ms, end {:?}{secret}, after {}",
                gather.max_digits,
                gather.first_ms,
                gather.between_ms,
                gather.terminators,
                gather.prompt.as_ref().map(said).unwrap_or_default()
            )
        }
        Effect::Enqueue(enqueue) => {
            let skills: Vec<String> =
                enqueue.skills.iter().map(|need| format!("{}≥{}", need.skill, need.level)).collect();
            let limit = enqueue.timeout_ms.map_or(String::new(), |ms| format!(" for {ms} ms"));
            let announce = enqueue.announce.as_ref();
            let announce =
                announce.map_or(String::new(), |one| format!(", every {} ms {}", one.every_ms, said(&one.prompt)));
            format!("enqueue {} p{} [{}]{limit}{announce}", enqueue.queue, enqueue.priority, skills.join(" "))
        }
        Effect::Transfer(transfer) => match &transfer.to {
            Target::Agent(agent) => format!("transfer to agent {agent}, {} ms", transfer.ring_ms),
            Target::Number(number) => format!("transfer to number {number}, {} ms", transfer.ring_ms),
            Target::Flow(flow) => format!("transfer to flow {flow}"),
            Target::Other(open) => open.name.clone(),
        },
        Effect::Record(record) => {
            let whose = match &record.mailbox {
                Some(Mailbox::Queue(queue)) => format!(" for queue {queue}"),
                Some(Mailbox::Agent(agent)) => format!(" for agent {agent}"),
                _ => String::new(),
            };
            format!("record{whose}, {} ms, end {:?}", record.max_ms, record.end_keys)
        }
        Effect::Tag(tag) => format!("tag {}={}", tag.name, tag.value),
        Effect::Invoke(invoke) => {
            let wit::Invoke { connector, operation, json, timeout_ms } = invoke;
            format!("ask {connector} to {operation} {json}, {timeout_ms} ms")
        }
        Effect::Send(wit::Outgoing { text, template }) => {
            format!("send {} {text}", template.as_deref().unwrap_or("plain"))
        }
        Effect::HangUp(cause) => format!("hang up {cause}"),
        other => format!("{other:?}"),
    }
}
