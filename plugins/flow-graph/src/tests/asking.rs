//! Menus and collections of digits, with every way out of them.

use super::call::{Call, alone};
use crate::contract::exports::plugboard::plugin::flow_types::GatherEnd;

const MENU: &str = r#""a": { "kind": "menu", "prompt": "menu.wav", "no_input_prompt": "hello.wav", "no_match_prompt": "wrong.wav",
        "repeat_key": "9", "retries": 2, "timeout_ms": 4000,
        "exits": { "1": "sales", "2": "support", "0": "agent", "*": "back", "no_input": "silent", "no_match": "lost" } },
    "sales": { "kind": "hang-up" }, "support": { "kind": "hang-up" }, "agent": { "kind": "hang-up" },
    "back": { "kind": "play", "prompt": "top.wav", "exits": { "done": "a" } },
    "silent": { "kind": "hang-up" }, "lost": { "kind": "hang-up" }"#;

#[test]
fn menu_asks_again_with_the_right_words_until_its_retries_are_used() {
    Call::offered(MENU, "").pressed("9").pressed("7").pressed("9").pressed("").pressed("#").goes(
        r##"> 0 pick up
             > 1 gather 1, 4000/4000 ms, end "", after menu.wav, barge-in
             @ a …
             < pressed "9", complete
             > 2 gather 1, 4000/4000 ms, end "", after menu.wav, barge-in
             < pressed "7", complete
             > 3 gather 1, 4000/4000 ms, end "", after wrong.wav + menu.wav, barge-in
             < pressed "9", complete
             > 4 gather 1, 4000/4000 ms, end "", after menu.wav, barge-in
             < pressed "", timeout
             > 5 gather 1, 4000/4000 ms, end "", after hello.wav + menu.wav, barge-in
             < pressed "#", complete
             > 6 hang up 16
             @ a no_match
             @ lost ended"##,
    );
}

#[test]
fn menu_that_hears_nothing_to_the_end_leaves_by_no_input() {
    Call::offered(MENU, "").pressed("5").pressed("").pressed("").goes(
        r#"> 0 pick up
             > 1 gather 1, 4000/4000 ms, end "", after menu.wav, barge-in
             @ a …
             < pressed "5", complete
             > 2 gather 1, 4000/4000 ms, end "", after wrong.wav + menu.wav, barge-in
             < pressed "", timeout
             > 3 gather 1, 4000/4000 ms, end "", after hello.wav + menu.wav, barge-in
             < pressed "", timeout
             > 4 hang up 16
             @ a no_input
             @ silent ended"#,
    );
}

#[test]
fn star_leads_back_and_the_menu_begins_with_all_its_retries() {
    Call::offered(MENU, "").pressed("7").pressed("7").pressed("*").played().pressed("7").pressed("0").goes(
        r#"> 0 pick up
             > 1 gather 1, 4000/4000 ms, end "", after menu.wav, barge-in
             @ a …
             < pressed "7", complete
             > 2 gather 1, 4000/4000 ms, end "", after wrong.wav + menu.wav, barge-in
             < pressed "7", complete
             > 3 gather 1, 4000/4000 ms, end "", after wrong.wav + menu.wav, barge-in
             < pressed "*", complete
             > 4 play top.wav in zh-CN
             @ a *
             @ back …
             < played
             > 5 gather 1, 4000/4000 ms, end "", after menu.wav, barge-in
             @ back done
             @ a …
             < pressed "7", complete
             > 6 gather 1, 4000/4000 ms, end "", after wrong.wav + menu.wav, barge-in
             < pressed "0", complete
             > 7 hang up 16
             @ a 0
             @ agent ended"#,
    );
}

#[test]
fn menu_without_barge_in_says_so_and_one_attempt_is_one() {
    let menu = r#"{ "kind": "menu", "prompt": "menu.wav", "retries": 0, "barge_in": false, "exits": { "1": "z", "no_input": "z", "no_match": "z" } }"#;
    alone(menu, "").pressed("").goes(
        r#"> 0 pick up
             > 1 gather 1, 5000/5000 ms, end "", after menu.wav
             @ a …
             < pressed "", timeout
             > 2 hang up 16
             @ a no_input
             @ z ended"#,
    );
}

#[test]
fn menu_whose_prompt_is_missing_leaves_by_error() {
    let menu = r#"{ "kind": "menu", "prompt": "menu.wav", "exits": { "1": "z", "no_input": "z", "no_match": "z", "error": "z" } }"#;
    alone(menu, "").refused("prompt-missing").goes(
        r#"> 0 pick up
             > 1 gather 1, 5000/5000 ms, end "", after menu.wav, barge-in
             @ a …
             < refused prompt-missing
             > 2 hang up 16
             @ a error
             @ z ended"#,
    );
}

const COLLECT: &str = r##""a": { "kind": "collect-digits", "prompt": "account.wav", "no_input_prompt": "hello.wav", "invalid_prompt": "wrong.wav",
        "into": "account", "min": 4, "max": 6, "terminator": "#", "cancel_key": "*", "timeout_ms": 6000, "between_ms": 2500, "retries": 1,
        "exits": { "ok": "ok", "no_input": "silent", "invalid": "lost", "cancelled": "back" } },
    "ok": { "kind": "tag", "set": { "account": "{account}", "last": "{digits}" }, "exits": { "next": "z" } },
    "silent": { "kind": "hang-up" }, "lost": { "kind": "hang-up" }, "back": { "kind": "hang-up" }, "z": { "kind": "hang-up" }"##;
const ACCOUNT: &str = r#", "variables": { "account": "" }"#;

#[test]
fn digits_end_by_number_terminator_or_pause() {
    for ended in [GatherEnd::Complete, GatherEnd::Terminator, GatherEnd::Timeout] {
        assert_eq!(
            Call::offered(COLLECT, ACCOUNT).pressed_until("47110", ended).path(),
            ["a …", "a ok", "ok next", "z ended"]
        );
    }
    Call::offered(COLLECT, ACCOUNT)
        .pressed_until("471", GatherEnd::Timeout)
        .pressed_until("4711", GatherEnd::Terminator)
        .goes(
            r##"> 0 pick up
             > 1 gather 6, 6000/2500 ms, end "#", after account.wav, barge-in
             @ a …
             < pressed "471", timeout
             > 2 gather 6, 6000/2500 ms, end "#", after wrong.wav + account.wav, barge-in
             < pressed "4711", terminator
             > 3 tag account=4711
             > 4 tag last=4711
             > 5 hang up 16
             @ a ok
             @ ok next
             @ z ended"##,
        );
}

#[test]
fn too_few_digits_twice_are_invalid_and_silence_twice_is_no_input() {
    let path = |digits: [&str; 2]| {
        let call = digits.into_iter().fold(Call::offered(COLLECT, ACCOUNT), Call::pressed);
        call.path().last().map(|last| (*last).to_owned())
    };
    let ends =
        [["471", "47"], ["", ""], ["", "47"], ["471", ""], ["", "4711"], ["47*", ""], ["47A1", "4711"], ["", "*"]]
            .map(path);
    let ends: Vec<&str> = ends.iter().flatten().map(String::as_str).collect();
    assert_eq!(
        ends,
        ["lost ended", "silent ended", "lost ended", "silent ended", "z ended", "back ended", "z ended", "back ended"]
    );
}

#[test]
fn terminator_alone_is_no_input_and_is_asked_again_in_other_words() {
    Call::offered(COLLECT, ACCOUNT).pressed_until("", GatherEnd::Terminator).pressed("12345").goes(
        r##"> 0 pick up
             > 1 gather 6, 6000/2500 ms, end "#", after account.wav, barge-in
             @ a …
             < pressed "", terminator
             > 2 gather 6, 6000/2500 ms, end "#", after hello.wav + account.wav, barge-in
             < pressed "12345", complete
             > 3 tag account=12345
             > 4 tag last=12345
             > 5 hang up 16
             @ a ok
             @ ok next
             @ z ended"##,
    );
}

#[test]
fn account_number_is_checked_read_back_and_kept() {
    let nodes = r#"
        "a": { "kind": "collect-digits", "prompt": "card.wav", "min": 4, "max": 19, "into": "card", "invalid_prompt": "again.wav",
               "valid": { "luhn": true }, "confirm": { "before": "heard.wav", "after": "press1.wav" },
               "exits": { "ok": "b", "no_input": "c", "invalid": "c" } },
        "b": { "kind": "tag", "set": { "card": "no. {card}" }, "exits": { "next": "c" } },
        "c": { "kind": "hang-up" }"#;
    let call = Call::offered(nodes, r#", "variables": { "card": "" }"#);
    call.pressed("4111111111111112")
        .pressed("4111111111111111")
        .pressed("2")
        .pressed("4111111111111111")
        .pressed("1")
        .goes(
            r##"> 0 pick up
             > 1 gather 19, 5000/3000 ms, end "#", after card.wav, barge-in
             @ a …
             < pressed "4111111111111112", complete
             > 2 gather 19, 5000/3000 ms, end "#", after again.wav + card.wav, barge-in
             < pressed "4111111111111111", complete
             > 3 gather 1, 5000/5000 ms, end "", after heard.wav + digits 4111111111111111 + press1.wav, barge-in
             < pressed "2", complete
             > 4 gather 19, 5000/3000 ms, end "#", after card.wav, barge-in
             < pressed "4111111111111111", complete
             > 5 gather 1, 5000/5000 ms, end "", after heard.wav + digits 4111111111111111 + press1.wav, barge-in
             < pressed "1", complete
             > 6 tag card=no. 4111111111111111
             > 7 hang up 16
             @ a ok
             @ b next
             @ c ended"##,
        );
}

#[test]
fn secret_digits_are_kept_from_the_log_and_from_the_last_digits() {
    let nodes = r#"
        "a": { "kind": "collect-digits", "secret": true, "into": "pin", "prompt": "pin.wav", "valid": { "range": [1000, 9999], "lengths": [4, 6] },
               "min": 4, "max": 6, "exits": { "ok": "b", "no_input": "z", "invalid": "z" } },
        "b": { "kind": "branch", "rules": [{ "variable": "pin", "is": "==", "value": "4711", "exit": "right" }], "exits": { "right": "c", "else": "z" } },
        "c": { "kind": "tag", "set": { "last": "<{digits}>" }, "exits": { "next": "z" } }, "z": { "kind": "hang-up" }"#;
    let call = Call::offered(nodes, r#", "variables": { "pin": "" }"#);
    call.pressed("0999").pressed("47110").pressed("4711").goes(
        r##"> 0 pick up
             > 1 gather 6, 5000/3000 ms, end "#", secret, after pin.wav, barge-in
             @ a …
             < pressed "0999", complete
             > 2 gather 6, 5000/3000 ms, end "#", secret, after pin.wav, barge-in
             < pressed "47110", complete
             > 3 gather 6, 5000/3000 ms, end "#", secret, after pin.wav, barge-in
             < pressed "4711", complete
             > 4 tag last=<>
             > 5 hang up 16
             @ a ok
             @ b right
             @ c next
             @ z ended"##,
    );
}
