//! Documents as callers meet them, and what is said of bad ones.

mod asking;
mod call;
mod callers;
mod clock;
mod connecting;
mod deciding;
mod failing;
mod leading;
mod refusals;

use crate::{document::Graph, read::read};

fn graph(nodes: &str, rest: &str) -> Graph {
    let (graph, problems) = read(&document(nodes, rest));
    graph.unwrap_or_else(|| panic!("{problems:#?}"))
}

/// `rest` are further members of the document, each with a comma before it.
fn document(nodes: &str, rest: &str) -> String {
    format!(r#"{{ "format": 1, "name": "main", "language": "zh-CN", "start": "a", "nodes": {{ {nodes} }}{rest} }}"#)
}
