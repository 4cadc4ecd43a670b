//! What is wrong with a flow as a whole, though each node by itself is right.

use std::collections::BTreeSet;

use crate::{
    document::{Assign, Graph, Kind, Node, NodeNumber, Prompt, Source},
    fields::{Place, Problems},
};

pub(crate) fn check(graph: &Graph, problems: &Problems) {
    unreachable(graph, problems);
    queue_without_choice(graph, problems);
    endless(graph, problems);
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

/// How a way through a node can go round for ever with no caller doing anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Takes no time at all.
    Instant,
    /// Plays something.
    Plays,
}

/// The exits that a silent caller takes.
fn silent_exits(node: &Node, slowest: Pace) -> Vec<NodeNumber> {
    match &node.kind {
        Kind::Start
        | Kind::Branch(_)
        | Kind::BusinessHours(_)
        | Kind::SetVariable(_)
        | Kind::SetLanguage(_)
        | Kind::SetQueue(_)
        | Kind::Tag(_) => node.exits.values().copied().collect(),
        Kind::Play { .. } if slowest == Pace::Plays => node.exits.get("done").copied().into_iter().collect(),
        Kind::Menu(_) | Kind::CollectDigits(_) if slowest == Pace::Plays => {
            node.exits.get("no_input").copied().into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a silent caller who is in `from` comes back to it; the nodes on such a way decide whether something counts the rounds.
fn comes_back(graph: &Graph, from: NodeNumber, slowest: Pace, skip: impl Fn(&Node) -> bool) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(number) = open.pop() {
        let node = &graph.nodes[usize::from(number)];
        if skip(node) {
            continue;
        }
        for next in silent_exits(node, slowest) {
            if next == from {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

fn endless(graph: &Graph, problems: &Problems) {
    let counts = |node: &Node| match &node.kind {
        Kind::SetVariable(set) => set.iter().any(|(_, assign)| matches!(assign, Assign::Add(_))),
        _ => false,
    };
    for (node, number) in graph.nodes.iter().zip(0..) {
        if comes_back(graph, number, Pace::Instant, counts) {
            let message = "this goes round for ever without waiting for anything".into();
            problems.error(
                &place(node),
                "endless-loop",
                message,
                "leave the loop, or count its rounds with { \"add\": 1 } and branch on it",
            );
        } else if comes_back(graph, number, Pace::Plays, counts) {
            let message = "a caller who does nothing stays here for ever".into();
            problems.warn(
                &place(node),
                "silent-loop",
                message,
                "lead `no_input` out, or count the rounds and branch on them",
            );
        }
    }
}

fn repeated_words(graph: &Graph, problems: &Problems) {
    let mut seen = BTreeSet::new();
    for node in &graph.nodes {
        let prompt: Option<&Prompt> = match &node.kind {
            Kind::Play { prompt, .. } => Some(prompt),
            Kind::Menu(menu) => Some(&menu.prompt),
            Kind::CollectDigits(collect) => Some(&collect.prompt),
            _ => None,
        };
        let texts = prompt.into_iter().flat_map(|prompt| &prompt.0).flat_map(|(_, sources)| sources);
        let repeated =
            texts.filter(|source| matches!(source, Source::Text(_))).any(|source| !seen.insert(format!("{source:?}")));
        if repeated {
            let message = "another node says the same words".into();
            problems.warn(&place(node), "repeated-prompt", message, "lead both ways to one node");
        }
    }
}
