//! Runs a flow that was drawn: nodes and exits as one JSON document.
//!
//! The document is the setting `document`; [`read`] says how it is written. It is read once per instance; a step then only moves a small
//! session from node to node. The setting `menu_depth` says from how many levels of menus on `check` warns.

mod calendar;
mod connector;
mod depth;
mod document;
mod fields;
mod hours;
mod kinds;
mod logic;
mod prompts;
mod read;
mod references;
mod rules;
mod run;
mod session;
#[cfg(test)]
mod tests;
mod twice;

#[allow(unsafe_code, unreachable_pub, unused_qualifications, clippy::use_self, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "../../wit", world: "flow-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(FlowGraph);

    #[cfg(target_arch = "wasm32")]
    use super::FlowGraph;
}

use std::cell::RefCell;

use contract::exports::plugboard::plugin::{
    common::{Failure, FailureCode, Problem, Setting, Severity},
    flow::{Description, Event, Guest, NodeKind, Reference, Stepped},
};

thread_local! {
    static GRAPH: RefCell<Option<document::Graph>> = const { RefCell::new(None) };
}

/// The component's exports.
pub struct FlowGraph;

impl Guest for FlowGraph {
    fn describe() -> Description {
        let node_kind = |kind: &kinds::Exits| NodeKind {
            kind: kind.kind.into(),
            exits: kind.required.iter().chain(kind.optional).map(|exit| (*exit).into()).collect(),
            settings_schema: "{}".into(),
        };
        Description {
            name: "flow-graph".into(),
            revision: 2,
            needs: Vec::new(),
            nodes: kinds::KINDS.iter().map(node_kind).collect(),
            extra: Vec::new(),
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        match document(&settings) {
            Some(document) => {
                let limit = setting(&settings, "menu_depth").and_then(|limit| limit.parse().ok());
                read::check(document, limit.unwrap_or(depth::USUAL))
            }
            None => vec![Problem {
                severity: Severity::Error,
                code: "no-document".into(),
                node: None,
                field: None,
                message: "there is no setting `document`".into(),
                remedy: "give the flow document as the setting `document`".into(),
                extra: Vec::new(),
            }],
        }
    }

    fn references(settings: Vec<Setting>) -> Vec<Reference> {
        let graph = document(&settings).and_then(|document| read::read(document).0);
        graph.map_or_else(Vec::new, |graph| references::references(&graph))
    }

    fn configure(settings: Vec<Setting>) -> Result<(), Failure> {
        let bad = |message: String| Failure { code: FailureCode::BadSettings, message, extra: Vec::new() };
        let document = document(&settings).ok_or_else(|| bad("there is no setting `document`".into()))?;
        let (graph, problems) = read::read(document);
        let graph =
            graph.ok_or_else(|| bad(problems.into_iter().next().map_or_else(String::new, |first| first.message)))?;
        GRAPH.with_borrow_mut(|slot| *slot = Some(graph));
        Ok(())
    }

    fn step(state: Vec<u8>, event: Event) -> Result<Stepped, Failure> {
        GRAPH.with_borrow(|graph| match graph {
            Some(graph) => run::step(graph, &state, &event),
            None => {
                Err(Failure { code: FailureCode::BadSettings, message: "not configured".into(), extra: Vec::new() })
            }
        })
    }
}

fn document(settings: &[Setting]) -> Option<&str> {
    setting(settings, "document")
}

fn setting<'a>(settings: &'a [Setting], name: &str) -> Option<&'a str> {
    settings.iter().find(|setting| setting.name == name).map(|setting| setting.value.as_str())
}
