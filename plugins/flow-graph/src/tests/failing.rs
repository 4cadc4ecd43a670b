//! What happens when a node fails, and when the exception flow does.

use super::call::{APOLOGY, Call, alone};
use super::leading::QUEUE;
use crate::contract::exports::plugboard::plugin::flow_types::{GiveUp, TransferEnd};

const PLAY: &str = r#"{ "kind": "play", "prompt": "lost.wav", "exits": { "done": "z" } }"#;

#[test]
fn missing_prompt_leads_to_the_apology_and_the_fallback_queue() {
    alone(PLAY, APOLOGY).refused("prompt-missing").played().gave_up(GiveUp::Timeout).goes(
        "> 0 pick up
             > 1 play lost.wav in zh-CN
             @ a …
             < refused prompt-missing
             > 2 play sorry.wav in zh-CN
             @ a error
             @ exception …
             < played
             > 3 enqueue general p5 []
             @ exception …
             < gave up, Timeout
             > 4 hang up 41
             @ exception ended",
    );
}

#[test]
fn apology_that_is_missing_too_costs_nobody_the_fallback() {
    let exception = r#", "exception": { "prompt": "sorry.wav", "number": "+4930123" }"#;
    alone(PLAY, exception)
        .refused("prompt-missing")
        .refused("prompt-missing")
        .transferred(TransferEnd::Connected)
        .goes(
            "> 0 pick up
             > 1 play lost.wav in zh-CN
             @ a …
             < refused prompt-missing
             > 2 play sorry.wav in zh-CN
             @ a error
             @ exception …
             < refused prompt-missing
             > 3 transfer to number +4930123, 30000 ms
             @ exception …
             < transferred, Connected
             @ exception answered",
        );
}

#[test]
fn exception_flow_that_fails_itself_leaves_the_caller_to_the_host() {
    let failing = |rest| alone(PLAY, rest).refused("prompt-missing").onward();
    failing(APOLOGY).played().refused("unknown-target").goes(
        r#"< played
             > 3 enqueue general p5 []
             @ exception …
             < refused unknown-target
             ! FailureCode::Other("exception-flow-failed"): its fallback takes nobody"#,
    );
    let number = r#", "exception": { "number": "+4930123" }"#;
    for end in [TransferEnd::Busy, TransferEnd::Failed(38)] {
        assert_eq!(failing(number).transferred(end).path(), Vec::<&str>::new());
    }
}

#[test]
fn flow_without_an_exception_flow_leaves_the_caller_to_the_host() {
    alone(PLAY, "").refused("prompt-missing").goes(
        r#"> 0 pick up
             > 1 play lost.wav in zh-CN
             @ a …
             < refused prompt-missing
             ! FailureCode::Other("no-exception-flow"): node a: nothing leads on from error"#,
    );
}

#[test]
fn caller_who_hangs_up_is_counted_where_the_flow_stood_and_nothing_follows() {
    Call::offered(QUEUE, "").onward().hangs_up().connected().goes(
        "< hung up
             @ c hung-up
             < connected to lin",
    );
    let apologised = alone(PLAY, APOLOGY).refused("prompt-missing").onward();
    assert_eq!(apologised.hangs_up().played().path(), ["exception hung-up"]);
}
