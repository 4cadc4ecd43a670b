//! Other systems are asked, and callers go on whatever they say.

use super::call::{Call, alone};
use crate::contract::exports::plugboard::plugin::flow_types::Happening;

/// Looks the caller up, and marks what is known of them.
const LOOKUP: &str = r#"
    "a": { "kind": "connector", "connector": "crm", "operation": "find-customer", "timeout_ms": 300,
           "input": { "phone": "{caller}", "tries": "{tries}", "vip": "{vip}", "note": "call from {caller}", "max": 1, "in": ["{level}", null] },
           "keep": { "level": "/customer/level", "tries": "/tries", "vip": "/vip", "name": "/customer/name" },
           "exits": { "ok": "b", "not_found": "y", "failed": "z" } },
    "b": { "kind": "tag", "set": { "level": "{level}", "name": "{name}", "tries": "{tries}", "vip": "{vip}" }, "exits": { "next": "z" } },
    "y": { "kind": "hang-up", "cause": 1 },
    "z": { "kind": "hang-up" }"#;

fn lookup() -> Call {
    Call::offered(LOOKUP, r#", "variables": { "level": "none", "name": "?", "tries": 3, "vip": false }"#)
}

#[test]
fn what_another_system_knows_is_kept_in_variables_of_their_types() {
    let answer = r#"{"customer":{"level":7,"name":"王小明"},"tries":"12","vip":true}"#;
    lookup().looked_up(answer).goes(
        r#"> 0 ask crm to find-customer {"in":["none",null],"max":1,"note":"call from +8613800000000","phone":"+8613800000000","tries":3,"vip":false}, 300 ms
             @ a …
             < answered {"customer":{"level":7,"name":"王小明"},"tries":"12","vip":true}
             > 1 tag level=7
             > 2 tag name=王小明
             > 3 tag tries=12
             > 4 tag vip=true
             > 5 hang up 16
             @ a ok
             @ b next
             @ z ended"#,
    );
}

#[test]
fn an_answer_without_what_is_wanted_leaves_variables_as_they_were() {
    for answer in ["{}", "[]", "no json", r#"{"customer":{"level":{"of":1}},"tries":1.5,"vip":"yes"}"#] {
        lookup().onward().looked_up(answer).goes(&format!(
            "< answered {answer}
             > 1 tag level=none
             > 2 tag name=?
             > 3 tag tries=3
             > 4 tag vip=false
             > 5 hang up 16
             @ a ok
             @ b next
             @ z ended"
        ));
    }
}

#[test]
fn who_is_not_known_leaves_by_that_exit_and_every_failure_by_the_other() {
    let ends = |code: &str| lookup().onward().refused(code).path().join(", ");
    let all = ["not-found", "failed", "limit", "unknown-target", "denied"].map(ends);
    assert_eq!(all[0], "a not_found, y ended");
    assert!(all[1..].iter().all(|path| path == "a failed, z ended"), "{all:?}");
}

#[test]
fn where_nothing_is_said_of_the_unknown_they_go_as_after_a_failure() {
    let node =
        r#"{ "kind": "connector", "connector": "crm", "operation": "x", "exits": { "ok": "z", "failed": "z" } }"#;
    alone(node, "").refused("not-found").goes(
        "> 0 ask crm to x {}, 2000 ms
             @ a …
             < refused not-found
             > 1 hang up 16
             @ a not_found
             @ z ended",
    );
}

#[test]
fn an_input_that_is_too_long_fails_before_anybody_is_asked() {
    let texts = vec![r#""{t}""#; 100].join(",");
    let nodes = format!(
        r#""a": {{ "kind": "connector", "connector": "crm", "operation": "x", "input": [{texts}], "exits": {{ "ok": "z", "failed": "z" }} }}, "z": {{ "kind": "hang-up" }}"#
    );
    let text = format!(r#", "variables": {{ "t": "{}" }}"#, "x".repeat(1_000));
    Call::offered(&nodes, &text).goes(
        "> 0 hang up 16
             @ a failed
             @ z ended",
    );
}

#[test]
fn a_caller_who_hangs_up_meanwhile_ends_the_flow_and_the_answer_changes_nothing() {
    lookup().onward().hangs_up().then(Happening::Timer).goes(
        "< hung up
             @ a hung-up
             < Happening::Timer",
    );
}

#[test]
fn whoever_calls_is_sent_a_message_and_the_flow_goes_on_at_once() {
    let nodes = r#"
    "a": { "kind": "message", "text": "We missed you, {caller}", "template": "missed", "exits": { "next": "z" } },
    "z": { "kind": "hang-up" }"#;
    Call::offered(nodes, "").goes(
        r#"> 0 send missed We missed you, +8613800000000
             > 1 hang up 16
             @ a next
             @ z ended"#,
    );
}
