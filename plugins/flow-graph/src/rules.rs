//! What is wrong with a flow as a whole, though each node by itself is right.

use std::collections::BTreeSet;

use crate::{
    document::{Assign, Graph, Kind, Node, NodeNumber, Prompt, Slot, Source, Template},
    fields::{Place, Problems},
};

pub(crate) fn check(graph: &Graph, problems: &Problems) {
    unreachable(graph, problems);
    queue_without_choice(graph, problems);
    endless(graph, problems);
    secret_shown(graph, problems);
    repeated_words(graph, problems);
}

fn place(node: &Node) -> Place<'_> {
    Place { node: Some(&node.id), pointer: String::new() }.child("nodes").child(&node.id)
}

/// All that callers can get to from the start, through nodes that `passes` lets through.
fn reached(graph: &Graph, passes: impl Fn(&Node) -> bool) -> BTreeSet<NodeNumber> {
    let mut seen = BTreeSet::from([graph.start]);
    let mut open = vec![graph.start];
    while let Some(number) = open.pop() {
        let node = &graph.nodes[usize::from(number)];
        if passes(node) {
            open.extend(node.exits.values().copied().filter(|next| seen.insert(*next)));
        }
    }
    seen
}

fn unreachable(graph: &Graph, problems: &Problems) {
    let reached = reached(graph, |_| true);
    for (node, _) in graph.nodes.iter().zip(0..).filter(|(_, number)| !reached.contains(number)) {
        let message = "no caller ever gets here".into();
        problems.warn(&place(node), "unreachable-node", message, "lead an exit to it, or remove it");
    }
}

fn queue_without_choice(graph: &Graph, problems: &Problems) {
    let chooses = |node: &Node| matches!(&node.kind, Kind::SetQueue(choice) if choice.queue.is_some());
    for number in reached(graph, |node| !chooses(node)) {
        let node = &graph.nodes[usize::from(number)];
        if matches!(&node.kind, Kind::Queue(wait) if wait.choice.queue.is_none()) {
            let message = "callers get here with no queue chosen".into();
            problems.error(
                &place(node),
                "queue-unset",
                message,
                "give the node a `queue`, or a set-queue node before it",
            );
        }
    }
}

/// What callers may be kept in for ever.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Nodes that take no time at all.
    Instant,
    /// Also exits that are taken at once when something fails: a prompt that is not there, a queue that is full.
    Fails,
    /// Nodes that only play, and those that give up when nothing is pressed.
    Plays,
}

/// The exits that are taken at that pace; no name stands for all of them.
fn exits_at(kind: &Kind, pace: Pace) -> &'static [&'static str] {
    match (kind, pace) {
        (Kind::Queue(_), Pace::Fails) => &["error", "closed", "no_agents", "overflow"],
        (Kind::TransferAgent { .. }, Pace::Fails) => &["error", "busy", "offline"],
        (Kind::TransferNumber { .. }, Pace::Fails) => &["error", "busy", "failed"],
        (Kind::Connector(_), Pace::Fails) => &["error", "failed", "not_found"],
        (_, Pace::Fails) => &["error"],
        (Kind::Play { .. }, Pace::Plays) => &["done"],
        (Kind::Menu(_) | Kind::CollectDigits(_), Pace::Plays) => &["no_input"],
        (_, Pace::Instant | Pace::Plays) => &[],
    }
}

fn exits(node: &Node, pace: Pace) -> impl Iterator<Item = NodeNumber> {
    let instant = matches!(
        node.kind,
        Kind::Start
            | Kind::Branch(_)
            | Kind::BusinessHours(_)
            | Kind::SetVariable(_)
            | Kind::SetLanguage(_)
            | Kind::SetQueue(_)
            | Kind::Tag(_)
            | Kind::Message { .. }
    );
    let named = exits_at(&node.kind, pace);
    node.exits.iter().filter(move |(name, _)| instant || named.contains(&name.as_str())).map(|(_, next)| *next)
}

/// A loop that counts its rounds is taken to branch on the count; the runtime stops it if it does not.
fn counts(node: &Node) -> bool {
    match &node.kind {
        Kind::SetVariable(set) => set.iter().any(|(_, assign)| matches!(assign, Assign::Add(_))),
        _ => false,
    }
}

fn endless(graph: &Graph, problems: &Problems) {
    let instant = Loops::find(graph, Pace::Instant);
    let failing = Loops::find(graph, Pace::Fails);
    let playing = Loops::find(graph, Pace::Plays);
    for (node, number) in graph.nodes.iter().zip(0_usize..) {
        let leave = "leave the loop, or count its rounds with { \"add\": 1 } and branch on it";
        if instant[number] {
            let message = "this goes round for ever without waiting for anything".into();
            problems.error(&place(node), "endless-loop", message, leave);
        } else if failing[number] {
            let message = "what fails at once here is tried again at once, for ever".into();
            problems.error(&place(node), "endless-retry", message, "lead the exit to something that takes its time");
        } else if playing[number] {
            let message = "a caller who does nothing stays here for ever".into();
            let remedy = "lead `no_input` out, or count the rounds and branch on them";
            problems.warn(&place(node), "silent-loop", message, remedy);
        }
    }
}

/// Strongly connected components, by Tarjan's algorithm; as deep as there are nodes, which is a thousand.
struct Loops<'a> {
    graph: &'a Graph,
    pace: Pace,
    /// In the order of discovery, from 1; 0 is not seen yet.
    seen: Vec<u32>,
    lowest: Vec<u32>,
    on_stack: Vec<bool>,
    stack: Vec<NodeNumber>,
    count: u32,
    in_loop: Vec<bool>,
}

impl<'a> Loops<'a> {
    /// For each node, whether it is part of a loop.
    fn find(graph: &'a Graph, pace: Pace) -> Vec<bool> {
        let size = graph.nodes.len();
        let mut loops = Self {
            graph,
            pace,
            seen: vec![0; size],
            lowest: vec![0; size],
            on_stack: vec![false; size],
            stack: Vec::new(),
            count: 0,
            in_loop: vec![false; size],
        };
        for (_, number) in graph.nodes.iter().zip(0..) {
            if loops.seen[usize::from(number)] == 0 {
                loops.visit(number);
            }
        }
        loops.in_loop
    }

    fn next(&self, number: NodeNumber) -> impl Iterator<Item = NodeNumber> + use<'a> {
        let node = &self.graph.nodes[usize::from(number)];
        let leads_on = !counts(node);
        exits(node, self.pace).filter(move |_| leads_on)
    }

    fn visit(&mut self, number: NodeNumber) {
        let at = usize::from(number);
        self.count += 1;
        (self.seen[at], self.lowest[at], self.on_stack[at]) = (self.count, self.count, true);
        self.stack.push(number);
        for next in self.next(number) {
            let to = usize::from(next);
            if self.seen[to] == 0 {
                self.visit(next);
                self.lowest[at] = self.lowest[at].min(self.lowest[to]);
            } else if self.on_stack[to] {
                self.lowest[at] = self.lowest[at].min(self.seen[to]);
            }
        }
        if self.lowest[at] == self.seen[at] {
            let from = self.stack.iter().rposition(|member| *member == number).unwrap_or_default();
            let members = self.stack.split_off(from);
            let is_loop = members.len() > 1 || self.next(number).any(|next| next == number);
            for member in members {
                self.on_stack[usize::from(member)] = false;
                self.in_loop[usize::from(member)] = is_loop;
            }
        }
    }
}

/// Digits that were collected as secret may be compared, nothing else.
fn secret_shown(graph: &Graph, problems: &Problems) {
    let secret: BTreeSet<Slot> = graph
        .nodes
        .iter()
        .filter_map(|node| match &node.kind {
            Kind::CollectDigits(collect) if collect.secret => Some(collect.into),
            _ => None,
        })
        .collect();
    if secret.is_empty() {
        return;
    }
    let shows = |template: &Template| template.variables().any(|slot| secret.contains(&slot));
    let says = |prompt: &Prompt| {
        prompt.0.iter().flat_map(|(_, sources)| sources).any(|source| match source {
            Source::Text(text) | Source::Digits(text) => shows(text),
            Source::File(_) | Source::Number(_) | Source::Position | Source::Ahead(_) => false,
        })
    };
    for node in &graph.nodes {
        let shown = match &node.kind {
            Kind::Tag(tags) => tags.iter().any(|(_, value)| shows(value)),
            Kind::Message { text, .. } => shows(text),
            Kind::SetVariable(set) => set.iter().any(|(_, assign)| matches!(assign, Assign::Text(text) if shows(text))),
            Kind::TransferAgent { agent: to, .. } | Kind::TransferNumber { number: to, .. } => shows(to),
            kind => prompts(kind).any(&says),
        };
        if shown {
            let message = "this would show digits that were collected as secret".into();
            problems.error(
                &place(node),
                "secret-shown",
                message,
                "take the variable out; only a branch or a connector may have it",
            );
        }
    }
    if graph.exception.as_ref().and_then(|exception| exception.prompt.as_ref()).is_some_and(says) {
        let message = "this would show digits that were collected as secret".into();
        let place = Place { node: None, pointer: "/exception/prompt".into() };
        problems.error(
            &place,
            "secret-shown",
            message,
            "take the variable out; only a branch or a connector may have it",
        );
    }
}

/// The prompts of a node that callers hear.
pub(crate) fn prompts(kind: &Kind) -> impl Iterator<Item = &Prompt> {
    let all: [Option<&Prompt>; 5] = match kind {
        Kind::Play { prompt, .. } => [Some(prompt), None, None, None, None],
        Kind::Menu(menu) => {
            [Some(&menu.prompt), menu.no_input_prompt.as_ref(), menu.no_match_prompt.as_ref(), None, None]
        }
        Kind::CollectDigits(collect) => [
            Some(&collect.prompt),
            collect.no_input_prompt.as_ref(),
            collect.invalid_prompt.as_ref(),
            collect.confirm.as_ref().and_then(|confirm| confirm.before.as_ref()),
            collect.confirm.as_ref().and_then(|confirm| confirm.after.as_ref()),
        ],
        Kind::Queue(wait) => [wait.announce.as_ref().map(|(_, prompt)| prompt), None, None, None, None],
        Kind::Voicemail(voicemail) => [voicemail.greeting.as_ref(), None, None, None, None],
        Kind::HangUp { prompt, .. } => [prompt.as_ref(), None, None, None, None],
        _ => [None; 5],
    };
    all.into_iter().flatten()
}

fn repeated_words(graph: &Graph, problems: &Problems) {
    let mut seen = BTreeSet::new();
    for node in &graph.nodes {
        let texts = prompts(&node.kind).take(1).flat_map(|prompt| &prompt.0).flat_map(|(_, sources)| sources);
        let texts: Vec<&Source> = texts.filter(|source| matches!(source, Source::Text(_))).collect();
        let new = texts.iter().filter(|source| seen.insert(format!("{source:?}"))).count();
        if new < texts.len() {
            let message = "another node says the same words".into();
            problems.warn(&place(node), "repeated-prompt", message, "lead both ways to one node");
        }
    }
}
