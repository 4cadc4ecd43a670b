//! What a flow document of `flow-graph` refers to outside of itself.

use plugboard_model::{Configuration, FlowId};
use serde_json::{Map, Value};

use super::{
    CheckFlow, Finding, Findings,
    connector::{self, Operations},
};

/// Fields of a node, and of its `confirm` and `announce`, that hold a prompt.
const PROMPTS: [&str; 7] =
    ["prompt", "no_input_prompt", "no_match_prompt", "invalid_prompt", "greeting", "before", "after"];

/// What a document may refer to.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) configuration: &'a Configuration,
    pub(super) operations: &'a Operations,
}

pub(super) fn check(
    id: &FlowId,
    document: &str,
    known: Known<'_>,
    check_flow: &CheckFlow<'_>,
    findings: &mut Findings,
) {
    let Known { configuration, operations } = known;
    let root = format!("/flows/{id}");
    for problem in check_flow(document, &configuration.limits) {
        findings.0.push(Finding {
            severity: problem.severity,
            code: problem.code,
            pointer: root.clone() + problem.field.as_deref().unwrap_or_default(),
            node: problem.node,
            message: problem.message,
            remedy: problem.remedy,
        });
    }
    // What is no JSON object was reported just now.
    let Ok(Value::Object(document)) = serde_json::from_str(document) else { return };
    let mut languages: Vec<&str> = document.get("language").and_then(Value::as_str).into_iter().collect();
    let others = document.get("languages").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    languages.extend(others.filter(|language| Some(*language) != document.get("language").and_then(Value::as_str)));
    if languages.is_empty() {
        languages.push(&configuration.language);
    }
    let mut walk = Walk { configuration, languages, findings };
    if let Some(Value::Object(exception)) = document.get("exception") {
        walk.object(exception, &format!("{root}/exception"));
    }
    if let Some(Value::Object(nodes)) = document.get("nodes") {
        for (node, json) in nodes {
            let Value::Object(fields) = json else { continue };
            let before = walk.findings.0.len();
            let pointer = format!("{root}/nodes/{}", escaped(node));
            walk.object(fields, &pointer);
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            if let Some(connector) = text("connector").filter(|_| text("kind") == Some("connector")) {
                connector::asked(&pointer, connector, text("operation"), operations, walk.findings);
            }
            for finding in &mut walk.findings.0[before..] {
                finding.node = Some(node.clone());
            }
        }
    }
}

struct Walk<'a> {
    configuration: &'a Configuration,
    languages: Vec<&'a str>,
    findings: &'a mut Findings,
}

impl Walk<'_> {
    /// A node, or an object in one. Fields of another type than expected were reported by the document's own check.
    fn object(&mut self, fields: &Map<String, Value>, pointer: &str) {
        for (name, value) in fields {
            let at = format!("{pointer}/{}", escaped(name));
            match (name.as_str(), value) {
                (name, value) if PROMPTS.contains(&name) => self.prompt(value, &at),
                ("hold_music", Value::String(file)) => self.file(file, &at, None),
                ("queue", Value::String(queue)) => self.findings.queue(at, queue, self.configuration),
                ("agent", Value::String(agent)) if !agent.contains('{') => {
                    self.findings.agent(at, agent, self.configuration);
                }
                ("flow", Value::String(flow)) => self.findings.flow(at, flow, self.configuration),
                ("skills", Value::Object(skills)) => {
                    for skill in skills.keys() {
                        self.findings.skill(format!("{at}/{}", escaped(skill)), skill, self.configuration);
                    }
                }
                ("announce" | "confirm" | "mailbox", Value::Object(inner)) => self.object(inner, &at),
                _ => {}
            }
        }
    }

    /// A source, a list of sources, or either by language.
    fn prompt(&mut self, value: &Value, pointer: &str) {
        let is_source = |object: &Map<String, Value>| {
            ["file", "text", "digits", "number", "position", "ahead"].iter().any(|kind| object.contains_key(*kind))
        };
        match value {
            Value::Object(by_language) if !is_source(by_language) => {
                for (language, value) in by_language {
                    self.sources(value, &format!("{pointer}/{}", escaped(language)), Some(language));
                }
            }
            value => self.sources(value, pointer, None),
        }
    }

    fn sources(&mut self, value: &Value, pointer: &str, language: Option<&str>) {
        match value {
            Value::Array(list) => {
                for (value, number) in list.iter().zip(0..) {
                    self.sources(value, &format!("{pointer}/{number}"), language);
                }
            }
            Value::String(file) => self.file(file, pointer, language),
            Value::Object(source) => {
                for file in ["file", "ahead"].iter().filter_map(|kind| source.get(*kind)).filter_map(Value::as_str) {
                    self.file(file, pointer, language);
                }
                // Numbers are read digit by digit from the sounds `digits/0` to `digits/9`.
                if ["digits", "number", "position", "ahead"].iter().any(|kind| source.contains_key(*kind)) {
                    let before = self.findings.0.len();
                    for digit in 0..=9 {
                        self.file(&format!("digits/{digit}"), pointer, language);
                    }
                    self.findings.0.truncate(before + 1);
                }
            }
            _ => {}
        }
    }

    fn file(&mut self, file: &str, pointer: &str, language: Option<&str>) {
        let one = language.map(|language| vec![language]);
        let languages = one.as_deref().unwrap_or(&self.languages);
        self.findings.prompt(pointer, file, languages, self.configuration);
    }
}

/// A step of a JSON Pointer (RFC 6901 §3).
fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}
