//! A document as JSON becomes a [`Graph`], or a list of what is wrong with it.
//!
//! The schema, by example:
//!
//! ```json
//! { "format": 1, "name": "main", "language": "zh-CN", "languages": ["zh-CN", "en"], "start": "hours",
//!   "variables": { "tier": "basic", "tries": 0 },
//!   "nodes": { "hours": { "kind": "business-hours", "week": { "mon": ["09:00-18:00"] }, "exits": { "open": "menu", "closed": "bye" } } },
//!   "exception": { "prompt": "sorry.wav", "queue": "general" } }
//! ```
//!
//! Where things stand on the canvas is another file's matter.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::{
    contract::exports::plugboard::plugin::common::{Problem, Severity},
    depth,
    document::{BUILT_IN, Exception, Fallback, Graph, Node, NodeNumber, VERIFIED, Value, Variable, fingerprint},
    fields::{Fields, Place, Problems, kind},
    kinds::{self, Scope},
    logic, prompts, rules, twice,
};

/// A thousand nodes of a thousand bytes; more would not fit into the memory of one instance while it is read.
const MAX_BYTES: usize = 1 << 20;
const MAX_NODES: usize = 1_000;
/// What this reader understands.
const FORMAT: i64 = 1;
const MAX_VARIABLES: usize = 200;

/// The graph, where the document has no error; and all problems, warnings included.
pub(crate) fn read(document: &str) -> (Option<Graph>, Vec<Problem>) {
    let problems = Problems::default();
    let graph = read_into(document, &problems);
    let problems = problems.into_sorted();
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    (graph.filter(|_| sound), problems)
}

/// What is said of a document before it is published. Menus below more than `menu_depth` levels are worth a warning.
pub(crate) fn check(document: &str, menu_depth: usize) -> Vec<Problem> {
    let problems = Problems::default();
    if let Some(graph) = read_into(document, &problems) {
        depth::check(&graph, menu_depth, &problems);
    }
    problems.into_sorted()
}

fn read_into(document: &str, problems: &Problems) -> Option<Graph> {
    let root = Place { node: None, pointer: String::new() };
    if document.len() > MAX_BYTES {
        let message = format!("the document has {} bytes", document.len());
        problems.error(&root, "too-large", message, "split the flow: at most 1 MiB, linked by transfer-flow nodes");
        return None;
    }
    let json: Json = match serde_json::from_str(document) {
        Ok(json) => json,
        Err(error) => {
            problems.error(&root, "not-json", error.to_string(), "mend the JSON at that line and column");
            return None;
        }
    };
    twice::check(document, problems);
    let fields = Fields::at(&json, root, problems)?;
    match fields.get("format").and_then(Json::as_i64) {
        Some(FORMAT) => {}
        Some(newer) if newer > FORMAT => {
            let message = format!("the document is of format {newer}, which is newer than this flow-graph");
            fields.error("format", "newer-format", message, "update flow-graph, or export the flow as format 1");
            return None;
        }
        _ => {
            let message = "this is no flow document of format 1".into();
            fields.error("format", "bad-format", message, "write \"format\": 1");
            return None;
        }
    }
    fields.required_text("name", "name the flow as other resources refer to it");
    let language =
        fields.required_text("language", "give the language of the prompts, like \"zh-CN\"").unwrap_or_default();
    if !language.is_empty() && !prompts::is_language(language) {
        let message = format!("{language:?} is no language");
        fields.error("language", "bad-language", message, "write it as in BCP 47: \"zh-CN\"");
    }
    let languages = languages(&fields, language);
    let variables = variables(&fields);
    let empty = Map::new();
    let nodes = match fields.get("nodes") {
        Some(Json::Object(nodes)) => nodes,
        Some(other) => {
            let message = format!("{} stands where an object belongs", kind(other));
            fields.error("nodes", "wrong-type", message, "write { \"id\": { … } }");
            &empty
        }
        None => {
            fields.missing("nodes", "give at least one node");
            &empty
        }
    };
    if nodes.len() > MAX_NODES {
        fields.error(
            "nodes",
            "too-many-nodes",
            format!("{} nodes", nodes.len()),
            "split the flow: at most 1,000 nodes",
        );
        return None;
    }
    let numbers: BTreeMap<&str, NodeNumber> = nodes.keys().zip(0..).map(|(id, number)| (id.as_str(), number)).collect();
    let start = fields.required_text("start", "name the node where callers begin").and_then(|start| {
        let number = numbers.get(start).copied();
        if number.is_none() {
            let message = format!("the flow starts at {start:?}, which is no node");
            fields.error("start", "missing-start", message, "name one of the nodes");
        }
        number
    });
    let scope = Scope { variables: &variables, numbers: &numbers, languages: &languages };
    let read: Vec<Option<Node>> = nodes
        .iter()
        .map(|(id, json)| {
            let place = Place { node: Some(id), pointer: fields.place_of("nodes").child(id).pointer };
            kinds::read_node(id, json, place, problems, &scope)
        })
        .collect();
    let exception = match fields.get("exception") {
        // What is wrong with it was reported; the document is refused then.
        Some(json) => Some(exception(json, fields.place_of("exception"), problems, &scope)?),
        None => None,
    };
    // The designer's own: shown to people, of no effect here.
    fields.get("note");
    let sound = fields.finish();
    let nodes: Option<Vec<Node>> = read.into_iter().collect();
    let graph = Graph {
        fingerprint: fingerprint(document.as_bytes()),
        language: language.into(),
        start: start?,
        nodes: nodes?,
        exception,
        variables,
    };
    rules::check(&graph, problems);
    sound.then_some(graph)
}

/// The languages that every prompt with languages must have.
fn languages(fields: &Fields<'_>, own: &str) -> Vec<String> {
    let mut languages = vec![own.to_owned()];
    match fields.get("languages") {
        None => {}
        Some(Json::Array(list)) if list.iter().all(Json::is_string) && list.len() <= 16 => {
            languages.extend(list.iter().filter_map(Json::as_str).filter(|language| *language != own).map(Into::into));
        }
        Some(_) => {
            let message = "`languages` is no list of languages".into();
            fields.error("languages", "wrong-type", message, "write [\"zh-CN\", \"en\"]");
        }
    }
    languages
}

fn variables(fields: &Fields<'_>) -> Vec<Variable> {
    let initial = |slot| if slot == usize::from(VERIFIED) { Value::Bool(false) } else { Value::Text(String::new()) };
    let mut variables: Vec<Variable> = BUILT_IN
        .iter()
        .enumerate()
        .map(|(slot, name)| Variable { name: (*name).into(), initial: initial(slot) })
        .collect();
    let declared = match fields.get("variables") {
        None => return variables,
        Some(Json::Object(declared)) if declared.len() <= MAX_VARIABLES => declared,
        Some(_) => {
            let message = "`variables` is no object of at most 200 variables".into();
            fields.error("variables", "wrong-type", message, "write { \"name\": initial value }");
            return variables;
        }
    };
    for (name, json) in declared {
        let place = fields.place_of("variables").child(name);
        if BUILT_IN.contains(&name.as_str()) {
            let message = format!("every flow has a variable {name} of its own");
            fields.problems.error(&place, "reserved-variable", message, "choose another name");
            continue;
        }
        if name.is_empty() || name.len() > 64 || name.contains(['{', '}']) {
            fields.problems.error(&place, "bad-name", format!("{name:?} is no name"), "1 to 64 bytes without braces");
            continue;
        }
        match logic::value(json) {
            Some(initial) => variables.push(Variable { name: name.clone(), initial }),
            None => fields.problems.error(
                &place,
                "wrong-type",
                format!("{} cannot be a variable's first value", kind(json)),
                "give text of at most 1024 bytes, a whole number, true or false",
            ),
        }
    }
    variables
}

fn exception(json: &Json, place: Place<'_>, problems: &Problems, scope: &Scope<'_>) -> Option<Exception> {
    let fields = Fields::at(json, place, problems)?;
    let prompt = prompts::prompt(&fields, "prompt", scope);
    let (queue, number) = (kinds::name(&fields, "queue"), kinds::name(&fields, "number"));
    if queue.is_some() && number.is_some() {
        fields.error("number", "two-fallbacks", "both a queue and a number".into(), "keep one of them");
    }
    let fallback = match (queue, number) {
        (Some(queue), _) => Fallback::Queue(queue),
        (None, Some(number)) => Fallback::Number(number),
        (None, None) => Fallback::HangUp,
    };
    fields.finish().then_some(Exception { prompt, fallback })
}
