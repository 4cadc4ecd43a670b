//! What is said of a document that cannot run, or hardly: one for each rule, with node, reason and remedy.

use std::fmt::Write as _;

use super::{document, graph};
use crate::{
    contract::exports::plugboard::plugin::{
        common::{Problem, Severity},
        flow::Reference,
    },
    depth, read,
    references::references,
};

const VARIABLES: &str = r#", "variables": { "n": 0, "t": "" }"#;

/// The document with one node `a` before the end, and two variables.
fn node(json: &str) -> String {
    document(&format!(r#""a": {json}, "z": {{ "kind": "hang-up" }}"#), VARIABLES)
}

fn nodes(json: &str) -> String {
    document(&format!(r#"{json}, "z": {{ "kind": "hang-up" }}"#), VARIABLES)
}

/// The document with such a member beside its one node.
fn member(json: &str) -> String {
    document(r#""a": { "kind": "hang-up" }"#, &format!(", {json}"))
}

fn shown(problem: Problem) -> String {
    let Problem { severity, code, node, field, message, remedy, .. } = problem;
    let severity = if severity == Severity::Error { "error" } else { "warning" };
    let node = node.map_or_else(String::new, |node| format!(" node {node},"));
    format!("  {severity} {code}:{node} {}: {message}\n    → {remedy}\n", field.unwrap_or_default())
}

#[test]
fn each_rule_refuses_its_document_with_node_reason_and_remedy() {
    let play = |prompt: &str| node(&format!(r#"{{ "kind": "play", "prompt": {prompt}, "exits": {{ "done": "z" }} }}"#));
    let collect = |more: &str| {
        node(&format!(
            r#"{{ "kind": "collect-digits", "prompt": "x.wav", {more}, "exits": {{ "ok": "z", "no_input": "z", "invalid": "z", "cancelled": "z" }} }}"#
        ))
    };
    let menu = |more: &str, exits: &str| {
        node(&format!(
            r#"{{ "kind": "menu", "prompt": "x.wav"{more}, "exits": {{ {exits}"no_input": "z", "no_match": "z" }} }}"#
        ))
    };
    let branch = |rule: &str| {
        node(&format!(r#"{{ "kind": "branch", "rules": [{rule}], "exits": {{ "yes": "z", "else": "z" }} }}"#))
    };
    let hours = |hours: &str| {
        node(&format!(r#"{{ "kind": "business-hours", {hours}, "exits": {{ "open": "z", "closed": "z" }} }}"#))
    };
    let connector = |more: &str| {
        let comma = if more.is_empty() { "" } else { ", " };
        node(&format!(r#"{{ "kind": "connector"{comma}{more}, "exits": {{ "ok": "z", "failed": "z" }} }}"#))
    };
    let tags = (0..17).map(|tag| format!(r#""t{tag}": "x""#)).collect::<Vec<_>>().join(", ");
    let rules = vec![r#"{ "variable": "n", "is": "==", "value": 1, "exit": "yes" }"#; 101].join(", ");
    let many = (0..1_001).map(|n| format!(r#""n{n}": {{ "kind": "hang-up" }}"#)).collect::<Vec<_>>().join(", ");
    let documents = [
        ("no JSON", "{ \"format\": 1,".to_owned()),
        ("no object", "[]".to_owned()),
        ("too many bytes", " ".repeat((1 << 20) + 1)),
        ("no format", "{}".to_owned()),
        ("a newer format", r#"{ "format": 2 }"#.to_owned()),
        ("no name, language, start and nodes", r#"{ "format": 1 }"#.to_owned()),
        ("a document in no language", r#"{ "format": 1, "name": "x", "language": "german!", "start": "a", "nodes": { "a": { "kind": "hang-up" } } }"#.into()),
        ("no node to start with", nodes(r#""b": { "kind": "hang-up" }"#)),
        (
            "nodes that are a list",
            r#"{ "format": 1, "name": "x", "language": "en", "start": "a", "nodes": [] }"#.to_owned(),
        ),
        ("too many nodes", document(&many, "")),
        (
            "two nodes of one name",
            document(r#""a": { "kind": "play" }, "b": { "kind": "hang-up" }, "a": { "kind": "hang-up" }"#, ""),
        ),
        ("two exits of one name", menu("", r#""1": "z", "1": "z", "#)),
        (
            "a node without a name",
            document(r#""a": { "kind": "start", "exits": { "next": "" } }, "": { "kind": "hang-up" }"#, ""),
        ),
        ("a node that is no object", node("7")),
        ("a node without a kind", node("{}")),
        ("a kind that is none", node(r#"{ "kind": "pley", "exits": { "done": "z" } }"#)),
        ("an exit to no node", node(r#"{ "kind": "play", "prompt": "x.wav", "exits": { "done": "y" } }"#)),
        (
            "an exit that is missing",
            node(r#"{ "kind": "menu", "prompt": "x.wav", "exits": { "1": "z", "no_input": "z" } }"#),
        ),
        ("an exit that no such node has", node(r#"{ "kind": "hang-up", "exits": { "done": "z" } }"#)),
        ("exits that are no object", node(r#"{ "kind": "start", "exits": "z" }"#)),
        ("a menu without a key", menu("", "")),
        ("a menu that repeats by an option", menu(r#", "repeat_key": "1""#, r#""1": "z", "#)),
        ("a key that is none", menu(r#", "repeat_key": "x""#, r#""1": "z", "#)),
        ("two keys for one", menu(r#", "repeat_key": "89""#, r#""1": "z", "#)),
        ("a number out of range", menu(r#", "retries": 99"#, r#""1": "z", "#)),
        ("text for a number", menu(r#", "retries": "2""#, r#""1": "z", "#)),
        ("text for a truth", menu(r#", "barge_in": "yes""#, r#""1": "z", "#)),
        ("a number for text", node(r#"{ "kind": "transfer-flow", "flow": 7 }"#)),
        (
            "text that is too long",
            node(&format!(
                r#"{{ "kind": "set-language", "language": "{}", "exits": {{ "next": "z" }} }}"#,
                "x".repeat(4_097)
            )),
        ),
        ("no prompt", node(r#"{ "kind": "play", "exits": { "done": "z" } }"#)),
        ("a prompt with a path", play(r#""../x.wav""#)),
        ("a prompt that is a number", play("7")),
        ("a prompt of no sources", play("[]")),
        ("a prompt of an unknown source", play(r#"{ "sing": "la" }"#)),
        (
            "a prompt in one of two languages",
            document(
                r#""a": { "kind": "hang-up", "prompt": { "zh-CN": "x.wav" } }"#,
                r#", "languages": ["zh-CN", "en"]"#,
            ),
        ),
        ("a prompt with an unknown variable", play(r#"{ "text": "{who}" }"#)),
        ("a prompt with an open brace", play(r#"{ "text": "{n" }"#)),
        ("text read as a number", play(r#"{ "number": "t" }"#)),
        ("digits of which more are needed than allowed", collect(r#""min": 5, "max": 4"#)),
        ("digits into a number", collect(r#""into": "n""#)),
        ("digits into the host's variable", collect(r#""into": "caller""#)),
        ("digits into nothing", collect(r#""into": "m""#)),
        ("a range upside down", collect(r#""valid": { "range": [9, 1] }"#)),
        ("lengths outside of the bounds", collect(r#""max": 4, "valid": { "lengths": [5] }"#)),
        ("a cancel key that ends the digits", collect(r##""cancel_key": "#""##)),
        ("secret digits read back", collect(r#""secret": true, "confirm": {}"#)),
        (
            "a confirmation that is too long",
            collect(
                r#""confirm": { "before": ["1.wav", "2.wav", "3.wav", "4.wav", "5.wav", "6.wav", "7.wav", "8.wav"] }"#,
            ),
        ),
        ("secret digits said", collect(r#""secret": true, "into": "t", "invalid_prompt": { "digits": "{t}" }"#)),
        (
            "secret digits in the apology",
            document(
                r#""a": { "kind": "collect-digits", "prompt": "x.wav", "secret": true, "into": "t", "exits": { "ok": "a", "no_input": "a", "invalid": "a" } }"#,
                r#", "variables": { "t": "" }, "exception": { "prompt": { "digits": "{t}" } }"#,
            ),
        ),
        ("a branch without rules", node(r#"{ "kind": "branch", "exits": { "else": "z" } }"#)),
        ("a branch with too many rules", branch(&rules)),
        ("a rule whose exit leads nowhere", branch(r#"{ "variable": "n", "is": "==", "value": 1, "exit": "no" }"#)),
        ("a rule whose exit has a long name", node(&format!(r#"{{ "kind": "branch", "rules": [{{ "variable": "n", "is": "==", "value": 1, "exit": "{0}" }}], "exits": {{ "{0}": "z", "else": "z" }} }}"#, "x".repeat(65)))),
        ("a rule on no variable", branch(r#"{ "variable": "m", "is": "==", "value": 1, "exit": "yes" }"#)),
        ("a comparison that is none", branch(r#"{ "variable": "n", "is": "~", "value": 1, "exit": "yes" }"#)),
        ("a comparison with nothing", branch(r#"{ "variable": "n", "is": "==", "exit": "yes" }"#)),
        ("a comparison with another type", branch(r#"{ "variable": "n", "is": "==", "value": "1", "exit": "yes" }"#)),
        ("an order of texts", branch(r#"{ "variable": "t", "is": "<", "value": "b", "exit": "yes" }"#)),
        ("no week", node(r#"{ "kind": "business-hours", "exits": { "open": "z", "closed": "z" } }"#)),
        ("a day that is none", hours(r#""week": { "montag": [] }"#)),
        ("hours that are none", hours(r#""week": { "mon": ["9-18"] }"#)),
        ("a holiday that no year has", hours(r#""week": {}, "holidays": ["2026-02-30"]"#)),
        ("special hours that are none", hours(r#""week": {}, "special": { "2026-10-10": "09:00-18:00" }"#)),
        ("no assignment", node(r#"{ "kind": "set-variable", "exits": { "next": "z" } }"#)),
        (
            "an assignment to the host's variable",
            node(r#"{ "kind": "set-variable", "set": { "caller": "x" }, "exits": { "next": "z" } }"#),
        ),
        (
            "an assignment of another type",
            node(r#"{ "kind": "set-variable", "set": { "n": "x" }, "exits": { "next": "z" } }"#),
        ),
        (
            "a language that is none",
            node(r#"{ "kind": "set-language", "language": "german!", "exits": { "next": "z" } }"#),
        ),
        ("a choice of nothing", node(r#"{ "kind": "set-queue", "exits": { "next": "z" } }"#)),
        ("a queue with a space", node(r#"{ "kind": "queue", "queue": "a b", "exits": { "timeout": "z" } }"#)),
        ("a queue that nobody chose", node(r#"{ "kind": "queue", "exits": { "timeout": "z" } }"#)),
        (
            "a skill of level 11",
            node(r#"{ "kind": "queue", "queue": "a", "skills": { "x": 11 }, "exits": { "timeout": "z" } }"#),
        ),
        (
            "skills in a list",
            node(r#"{ "kind": "queue", "queue": "a", "skills": ["x"], "exits": { "timeout": "z" } }"#),
        ),
        (
            "an exit key that leads nowhere",
            node(r#"{ "kind": "queue", "queue": "a", "exit_keys": "*", "exits": { "timeout": "z" } }"#),
        ),
        ("a number with spaces", node(r#"{ "kind": "transfer-number", "number": "+49 30 1", "exits": {} }"#)),
        ("an agent without a name", node(r#"{ "kind": "transfer-agent", "agent": "", "exits": {} }"#)),
        (
            "a mailbox of two",
            node(r#"{ "kind": "voicemail", "mailbox": { "queue": "a", "agent": "b" }, "exits": { "recorded": "z" } }"#),
        ),
        ("too many tags", node(&format!(r#"{{ "kind": "tag", "set": {{ {tags} }}, "exits": {{ "next": "z" }} }}"#))),
        ("a tag that is no text", node(r#"{ "kind": "tag", "set": { "x": 7 }, "exits": { "next": "z" } }"#)),
        (
            "a tag with a long name",
            node(&format!(
                r#"{{ "kind": "tag", "set": {{ "{}": "x" }}, "exits": {{ "next": "z" }} }}"#,
                "x".repeat(65)
            )),
        ),
        ("no connector", connector("")),
        ("a connector with a space", connector(r#""connector": "a b", "operation": "x""#)),
        ("an operation with a line break", connector(r#""connector": "crm", "operation": "x\ny""#)),
        ("a lookup of a minute", connector(r#""connector": "crm", "operation": "x", "timeout_ms": 60000"#)),
        ("an input of what is not there", connector(r#""connector": "crm", "operation": "x", "input": { "a": ["{b}"] }"#)),
        ("an input nine deep", connector(r#""connector": "crm", "operation": "x", "input": [[[[[[[[[[]]]]]]]]]]"#)),
        ("an answer kept in a list", connector(r#""connector": "crm", "operation": "x", "keep": ["t"]"#)),
        ("an answer kept as the caller", connector(r#""connector": "crm", "operation": "x", "keep": { "caller": "/a" }"#)),
        ("an answer kept from nowhere", connector(r#""connector": "crm", "operation": "x", "keep": { "t": "a" }"#)),
        (
            "a lookup that fails and is done again",
            node(r#"{ "kind": "connector", "connector": "crm", "operation": "x", "exits": { "ok": "z", "failed": "a" } }"#),
        ),
        ("variables in a list", member(r#""variables": []"#)),
        ("a variable that every flow has", member(r#""variables": { "caller": "" }"#)),
        ("a variable with a brace", member(r#""variables": { "a{": "" }"#)),
        ("a variable that is a list", member(r#""variables": { "l": [] }"#)),
        ("languages that are no list", member(r#""languages": "en""#)),
        ("two fallbacks", member(r#""exception": { "queue": "a", "number": "1" }"#)),
        (
            "a loop that never waits",
            nodes(
                r#""a": { "kind": "start", "exits": { "next": "b" } }, "b": { "kind": "tag", "set": {}, "exits": { "next": "a" } }"#,
            ),
        ),
        (
            "a full queue that is tried again at once",
            node(r#"{ "kind": "queue", "queue": "a", "exits": { "overflow": "a", "timeout": "z" } }"#),
        ),
        (
            "a missing prompt that is tried again at once",
            node(r#"{ "kind": "play", "prompt": "x.wav", "exits": { "done": "z", "error": "a" } }"#),
        ),
    ];
    let mut said = String::new();
    for (what, document) in documents {
        let problems = read::check(&document, depth::USUAL);
        assert!(problems.iter().any(|problem| problem.severity == Severity::Error), "{what} is refused");
        assert!(read::read(&document).0.is_none(), "{what} does not run");
        writeln!(said, "{what}").unwrap();
        said.extend(problems.into_iter().map(shown));
    }
    let wanted = include_str!("refusals.txt");
    assert!(said == wanted, "refusals.txt should be:\n{said}\u{c}");
}

fn codes(document: &str, menu_depth: usize) -> Vec<String> {
    let line = |problem: Problem| {
        let severity = if problem.severity == Severity::Error { "E" } else { "W" };
        format!("{severity} {} {}", problem.code, problem.field.unwrap_or_default())
    };
    read::check(document, menu_depth).into_iter().map(line).collect()
}

#[test]
fn warnings_do_not_keep_a_flow_from_running() {
    let keys = (1..=6).map(|key| format!(r#""{key}": "z", "#)).collect::<String>();
    let document = document(
        &format!(
            r#""a": {{ "kind": "menu", "promt": 1, "prompt": {{ "text": "{0}" }}, "exits": {{ {keys} "no_input": "a", "no_match": "x" }} }},
               "x": {{ "kind": "play", "prompt": {{ "text": "{0}" }}, "exits": {{ "done": "z" }} }},
               "y": {{ "kind": "hang-up" }}, "z": {{ "kind": "hang-up" }}"#,
            "长".repeat(121)
        ),
        "",
    );
    assert_eq!(
        codes(&document, depth::USUAL),
        [
            "W long-prompt /nodes/a/prompt",
            "W many-options /nodes/a/exits",
            "W unknown-field /nodes/a/promt",
            "W silent-loop /nodes/a",
            "W long-prompt /nodes/x/prompt",
            "W repeated-prompt /nodes/x",
            "W unreachable-node /nodes/y",
        ]
    );
    assert!(read::read(&document).0.is_some());
}

#[test]
fn the_flows_of_the_demo_are_as_they_should_be() {
    let english = include_str!("../../../../examples/demo/flows/main-en.json");
    let chinese = include_str!("../../../../examples/demo/flows/main-zh.json");
    assert_eq!([english, chinese].map(|document| codes(document, 2)), [Vec::<String>::new(), Vec::new()]);
}

/// IVR-02. The last menu is reached by a short way too, so only the one before it is deep.
#[test]
fn menus_below_more_levels_than_the_tenant_allows_are_worth_a_warning() {
    let menu = |name: &str, one: &str, star: &str| {
        format!(
            r#""{name}": {{ "kind": "menu", "prompt": "{name}.wav", "exits": {{ "1": "{one}", "*": "{star}", "no_input": "z", "no_match": "z" }} }}, "#
        )
    };
    let menus =
        [menu("a", "p", "e"), menu("b", "c", "a"), menu("c", "d", "a"), menu("d", "e", "a"), menu("e", "z", "a")];
    let play = r#""p": { "kind": "play", "prompt": "p.wav", "exits": { "done": "b" } }, "z": { "kind": "hang-up" }"#;
    let document = document(&(menus.concat() + play), "");
    assert_eq!(codes(&document, 2), ["W menu-depth /nodes/c", "W menu-depth /nodes/d"]);
    assert_eq!(codes(&document, 3), ["W menu-depth /nodes/d"]);
    assert_eq!(codes(&document, 4), Vec::<String>::new());
    let problems = read::check(&document, 3);
    assert_eq!(problems[0].message, "callers get to this menu through 3 others; more than 3 levels lose them");
}

#[test]
fn references_name_what_the_tenant_must_have() {
    let nodes = r#"
        "a": { "kind": "business-hours", "week": { "mon": ["09:00-18:00"] }, "exits": { "open": "b", "closed": "c" } },
        "b": { "kind": "queue", "queue": "sales", "skills": { "english": 5 }, "hold_music": "tune.wav", "exits": { "timeout": "c" } },
        "c": { "kind": "voicemail", "greeting": ["leave.wav", { "digits": "{caller}" }], "mailbox": { "agent": "amy" }, "exits": { "recorded": "d" } },
        "d": { "kind": "transfer-agent", "agent": "{called}", "exits": { "offline": "e" } },
        "e": { "kind": "connector", "connector": "crm", "operation": "find", "exits": { "ok": "f", "failed": "f" } },
        "f": { "kind": "transfer-flow", "flow": "night" }"#;
    let graph = graph(nodes, r#", "exception": { "prompt": "sorry.wav", "queue": "general" }"#);
    let line = |reference: Reference| {
        let kind = format!("{:?}", reference.kind);
        let kind = kind.trim_start_matches("ReferenceKind::");
        format!("{kind} {} {}", reference.name, reference.field.unwrap_or_default())
    };
    let found: Vec<String> = references(&graph).into_iter().map(line).collect();
    assert_eq!(
        found,
        [
            "Prompt sorry.wav /exception",
            "Queue general /exception",
            "Queue sales /nodes/b",
            "Skill english /nodes/b",
            "Prompt tune.wav /nodes/b",
            "Prompt leave.wav /nodes/c",
            "Agent amy /nodes/c",
            "Connector crm /nodes/e",
            "Flow night /nodes/f",
        ]
    );
}
