//! What takes no time: start, languages, variables, branches, and loops through them.

use super::{
    call::{Call, HOUR, MONDAY, alone, start},
    graph,
};
use crate::contract::exports::plugboard::plugin::flow_types::{GiveUp, Happening, QueueNews};

#[test]
fn start_leads_on_at_once_and_leaves_the_call_ringing() {
    alone(r#"{ "kind": "start", "exits": { "next": "z" } }"#, "").goes(
        "> 0 hang up 16
             @ a next
             @ z ended",
    );
}

#[test]
fn prompts_follow_the_language_that_the_caller_chose() {
    let nodes = r#"
        "a": { "kind": "play", "prompt": { "zh-CN": "huanying.wav", "en": "welcome.wav" }, "exits": { "done": "b" } },
        "b": { "kind": "set-language", "language": "en-GB", "exits": { "next": "c" } },
        "c": { "kind": "play", "prompt": { "zh-CN": "zaijian.wav", "en": "bye.wav" }, "barge_in": true, "exits": { "done": "d" } },
        "d": { "kind": "hang-up" }"#;
    Call::to(graph(nodes, "")).begin(start("+861", "fr")).played().then(Happening::Played(false)).goes(
        "> 0 pick up
             > 1 play huanying.wav in zh-CN
             @ a …
             < played
             > 2 tag language=en-GB
             > 3 play bye.wav, barge-in in en
             @ a done
             @ b next
             @ c …
             < played in part
             > 4 hang up 16
             @ c done
             @ d ended",
    );
}

#[test]
fn branch_takes_the_first_rule_that_holds() {
    let nodes = r#"
        "a": { "kind": "set-variable", "set": { "tries": { "add": 2 }, "tier": "gold", "note": "from {caller} as '{tier}'", "vip": true }, "exits": { "next": "b" } },
        "b": { "kind": "branch", "rules": [
                 { "variable": "tries", "is": ">", "value": 2, "exit": "no" },
                 { "all": [ { "variable": "caller", "is": "starts-with", "value": "+86" }, { "variable": "vip", "is": "!=", "value": false },
                            { "variable": "tier", "is": "in", "value": ["silver", "gold"] } ], "exit": "yes" } ],
               "exits": { "no": "c", "else": "c", "yes": "d" } },
        "c": { "kind": "hang-up", "cause": 17 },
        "d": { "kind": "tag", "set": { "note": "{note}", "tries": "{tries}" }, "exits": { "next": "c" } }"#;
    Call::offered(nodes, r#", "variables": { "tries": 0, "tier": "", "note": "", "vip": false }"#).goes(
        "> 0 tag note=from +8613800000000 as ''
             > 1 tag tries=2
             > 2 hang up 17
             @ a next
             @ b yes
             @ d next
             @ c ended",
    );
}

#[test]
fn caller_who_withheld_the_number_has_an_empty_one_and_is_not_called_back() {
    let nodes = r#"
        "a": { "kind": "branch", "rules": [
                 { "variable": "caller", "is": "starts-with", "value": "+86", "exit": "china" },
                 { "variable": "caller", "is": "contains", "value": "138", "exit": "mobile" },
                 { "variable": "digits", "is": "in", "value": [], "exit": "pressed" },
                 { "variable": "caller", "is": "==", "value": "", "exit": "withheld" } ],
               "exits": { "china": "z", "mobile": "z", "pressed": "z", "withheld": "z", "else": "z" } },
        "z": { "kind": "transfer-number", "number": "{caller}", "exits": { "failed": "y" } }, "y": { "kind": "hang-up", "cause": 1 }"#;
    Call::to(graph(nodes, "")).begin(start("", "")).goes(
        "> 0 hang up 1
             @ a withheld
             @ z failed
             @ y ended",
    );
}

#[test]
fn numbers_stop_at_the_end_of_their_range() {
    let nodes = r#"
        "a": { "kind": "set-variable", "set": { "n": 9223372036854775807 }, "exits": { "next": "b" } },
        "b": { "kind": "set-variable", "set": { "n": { "add": 1 } }, "exits": { "next": "c" } },
        "c": { "kind": "play", "prompt": [{ "text": "{n}" }, { "number": "n" }], "exits": { "done": "z" } }, "z": { "kind": "hang-up" }"#;
    Call::offered(nodes, r#", "variables": { "n": 0 }"#).goes(
        r#"> 0 pick up
             > 1 play "9223372036854775807" + number 4294967295 in zh-CN
             @ a next
             @ b next
             @ c …"#,
    );
}

#[test]
fn loop_that_counts_without_end_is_stopped_by_name() {
    let nodes = r#"
        "a": { "kind": "set-variable", "set": { "n": { "add": 1 } }, "exits": { "next": "b" } },
        "b": { "kind": "branch", "rules": [{ "variable": "n", "is": "<", "value": 1000, "exit": "again" }], "exits": { "again": "a", "else": "z" } },
        "z": { "kind": "hang-up" }"#;
    Call::offered(nodes, r#", "variables": { "n": 0 }"#).goes("! FailureCode::Runaway: a");
}

/// The count hides the loop from the check; each round is a step of its own.
#[test]
fn loop_through_what_fails_at_once_is_stopped_and_one_that_takes_its_time_is_not() {
    let nodes = r#"
        "a": { "kind": "set-variable", "set": { "n": { "add": 1 } }, "exits": { "next": "b" } },
        "b": { "kind": "queue", "queue": "sales", "exits": { "overflow": "a", "timeout": "z" } }, "z": { "kind": "hang-up" }"#;
    let rounds = |pause_ms: u64| {
        let mut call = Call::offered(nodes, r#", "variables": { "n": 0 }"#);
        (1..2_000).find(|round| {
            call.now = MONDAY + 10 * HOUR + *round * pause_ms;
            call.feed(Some(*round as u32), Happening::Queue(QueueNews::GaveUp(GiveUp::Full))).is_none()
        })
    };
    assert_eq!((rounds(1), rounds(100)), (Some(500), None));
}
