//! Where callers are led: queues, transfers, voicemail, the end.

use super::{
    call::{APOLOGY, Call, END, alone, start},
    graph,
};
use crate::contract::exports::plugboard::plugin::flow_types::{GiveUp, Happening, Place, QueueNews, TransferEnd};

pub(super) const QUEUE: &str = r#""a": { "kind": "set-queue", "queue": "sales", "priority": 8, "skills": { "english": 5 }, "exits": { "next": "b" } },
    "b": { "kind": "set-queue", "queue": "support", "exits": { "next": "c" } },
    "c": { "kind": "queue", "priority": 2, "max_wait_s": 90, "hold_music": "tune.wav", "exit_keys": "*#",
           "announce": { "every_s": 30, "prompt": ["place.wav", { "position": true }] },
           "exits": { "timeout": "t", "exit_key": "k", "no_agents": "n", "overflow": "o" } },
    "t": { "kind": "hang-up" }, "n": { "kind": "hang-up" }, "o": { "kind": "hang-up" },
    "k": { "kind": "tag", "set": { "key": "{digits}" }, "exits": { "next": "t" } }"#;

#[test]
fn queue_takes_what_was_set_before_unless_it_says_otherwise_and_ends_with_the_agent() {
    let waiting = Happening::Queue(QueueNews::Waiting(Place { position: 3, wait_ms: None }));
    Call::offered(QUEUE, "").then(waiting).connected().played().goes(
        "> 0 pick up
             > 1 enqueue support p2 [english≥5] for 90000 ms, every 30000 ms place.wav + position
             @ a next
             @ b next
             @ c …
             < Happening::Queue(QueueNews::Waiting(Place { position: 3, wait-ms: None }))
             < connected to lin
             @ c answered
             < played",
    );
}

#[test]
fn each_way_to_give_up_waiting_has_its_exit() {
    let left = |why| Call::offered(QUEUE, "").onward().gave_up(why).path().join(", ");
    let ends =
        [GiveUp::Timeout, GiveUp::Closed, GiveUp::Full, GiveUp::NoAgents, GiveUp::Other("moved".into())].map(left);
    assert_eq!(
        ends,
        [
            "c timeout, t ended",
            "c closed, n ended",
            "c overflow, o ended",
            "c no_agents, n ended",
            "c timeout, t ended"
        ]
    );
    Call::offered(QUEUE, "").onward().gave_up(GiveUp::ExitKey('#')).goes(
        "< gave up, ExitKey('#')
             > 2 tag key=#
             > 3 hang up 16
             @ c exit_key
             @ k next
             @ t ended",
    );
}

#[test]
fn queue_that_is_not_there_leads_to_the_exception_flow() {
    let queue = r#"{ "kind": "queue", "queue": "gone", "exits": { "timeout": "z" } }"#;
    alone(queue, APOLOGY).refused("unknown-target").played().connected().goes(
        "> 0 pick up
             > 1 enqueue gone p5 []
             @ a …
             < refused unknown-target
             > 2 play sorry.wav in zh-CN
             @ a error
             @ exception …
             < played
             > 3 enqueue general p5 []
             @ exception …
             < connected to lin
             @ exception answered",
    );
}

const TRANSFERS: &str = r#""a": { "kind": "transfer-agent", "agent": "{who}", "ring_s": 10, "exits": { "no_answer": "n", "busy": "b", "offline": "o" } },
    "n": { "kind": "transfer-number", "number": "+4930123", "exits": { "no_answer": "z", "busy": "b", "failed": "f", "error": "e" } },
    "b": { "kind": "hang-up", "cause": 17 }, "o": { "kind": "transfer-flow", "flow": "night" }, "f": { "kind": "hang-up", "cause": 38 },
    "e": { "kind": "hang-up", "cause": 1 }, "z": { "kind": "hang-up", "cause": 19 }"#;

fn to_agent(who: &str) -> Call {
    Call::offered(TRANSFERS, &format!(r#", "variables": {{ "who": "{who}" }}"#))
}

#[test]
fn agent_who_does_not_answer_is_followed_by_a_number_which_answers() {
    to_agent("amy").transferred(TransferEnd::NoAnswer).transferred(TransferEnd::Connected).hangs_up().goes(
        "> 0 transfer to agent amy, 10000 ms
             @ a …
             < transferred, NoAnswer
             > 1 transfer to number +4930123, 25000 ms
             @ a no_answer
             @ n …
             < transferred, Connected
             @ n answered
             < hung up",
    );
}

#[test]
fn each_end_of_a_transfer_has_its_exit() {
    let agent = |end| to_agent("amy").onward().transferred(end).path().join(", ");
    let number = |end| to_agent("amy").transferred(TransferEnd::NoAnswer).onward().transferred(end).path().join(", ");
    assert_eq!(
        [agent(TransferEnd::Busy), agent(TransferEnd::Offline), agent(TransferEnd::Connected)],
        ["a busy, b ended", "a offline, o transferred", "a answered"]
    );
    assert_eq!(
        [number(TransferEnd::NoAnswer), number(TransferEnd::Busy), number(TransferEnd::Failed(38))],
        ["n no_answer, z ended", "n busy, b ended", "n failed, f ended"]
    );
}

#[test]
fn flow_that_was_handed_over_hears_nothing_more() {
    to_agent("amy").transferred(TransferEnd::Offline).played().hangs_up().goes(
        "> 0 transfer to agent amy, 10000 ms
             @ a …
             < transferred, Offline
             > 1 transfer to flow night
             @ a offline
             @ o transferred
             < played
             < hung up",
    );
}

#[test]
fn name_that_is_none_is_never_rung() {
    let transfer = r#"{ "kind": "transfer-agent", "agent": "{who}", "exits": { "offline": "z", "error": "z" } }"#;
    alone(transfer, r#", "variables": { "who": "no body" }"#).goes(
        "> 0 hang up 16
             @ a error
             @ z ended",
    );
}

const VOICEMAIL: &str = r##"{ "kind": "voicemail", "greeting": "leave.wav", "mailbox": { "agent": "amy" }, "min_s": 2, "max_s": 60, "end_keys": "#*",
    "exits": { "recorded": "z", "too_short": "a" } }"##;

#[test]
fn message_that_is_too_short_is_asked_for_again() {
    alone(VOICEMAIL, "").played().recorded(1_999).played().recorded(2_000).goes(
        r##"> 0 pick up
             > 1 play leave.wav in zh-CN
             @ a …
             < played
             > 2 record for agent amy, 60000 ms, end "#*"
             < recorded 1999 ms
             > 3 play leave.wav in zh-CN
             @ a too_short
             @ a …
             < played
             > 4 record for agent amy, 60000 ms, end "#*"
             < recorded 2000 ms
             > 5 hang up 16
             @ a recorded
             @ z ended"##,
    );
}

#[test]
fn voicemail_without_greeting_records_at_once_and_takes_what_comes() {
    alone(r#"{ "kind": "voicemail", "min_s": 5, "exits": { "recorded": "z" } }"#, "").recorded(10).goes(
        r##"> 0 pick up
             > 1 record, 120000 ms, end "#"
             @ a …
             < recorded 10 ms
             > 2 hang up 16
             @ a too_short
             @ z ended"##,
    );
}

#[test]
fn last_words_are_said_before_the_line_is_cut_even_when_they_are_missing() {
    let hang_up = r#""a": { "kind": "hang-up", "prompt": "bye.wav", "cause": 17 }"#;
    Call::offered(hang_up, "").played().goes(
        "> 0 pick up
             > 1 play bye.wav in zh-CN
             @ a …
             < played
             > 2 hang up 17
             @ a ended",
    );
    assert_eq!(Call::offered(hang_up, APOLOGY).refused("prompt-missing").path(), ["a …", "a error", "exception …"]);
}

#[test]
fn what_a_caller_brings_along_stays_on_one_line() {
    let tag = r#"{ "kind": "tag", "set": { "from": "{caller}" }, "exits": { "next": "b" } },
        "b": { "kind": "play", "prompt": [{ "text": "{caller}" }, { "digits": "{caller}" }], "exits": { "done": "z" } }"#;
    Call::to(graph(&format!(r#""a": {tag}, {END}"#), "")).begin(start("+86\r\nVia: 1\u{7}2", "")).goes(
        r#"> 0 tag from=+86  Via: 1 2
             > 1 pick up
             > 2 play "+86  Via: 1 2" + digits 8612 in zh-CN
             @ a next
             @ b …"#,
    );
}

#[test]
fn late_answers_and_unknown_news_change_nothing() {
    let mut call = Call::offered(QUEUE, "");
    let state = call.state.clone();
    for (answers, what) in [
        (Some(0), Happening::Played(true)),
        (None, Happening::Timer),
        (Some(1), Happening::Played(true)),
        (Some(9), Happening::Queue(QueueNews::Connected("lin".into()))),
    ] {
        let stepped = call.feed(answers, what).unwrap();
        assert_eq!((stepped.actions.len(), stepped.trail.len(), stepped.state), (0, 0, state.clone()));
    }
}
