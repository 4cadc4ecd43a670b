//! Live calls, call control, agents at work.

use std::time::Duration;

use plugboard_call::{Command as Control, Target};
use plugboard_exchange::{CallSnapshot, Command, CommandError, Reply, Snapshot};
use plugboard_model::{AgentRequest, InteractionId, Timestamp};
use serde_json::{Value, json};

use crate::{
    DEMO,
    client::{Server, refused},
};

fn call(interaction: u64) -> CallSnapshot {
    CallSnapshot {
        interaction: InteractionId(interaction),
        from: "+4930".into(),
        to: "8000".into(),
        started: Timestamp::from_secs(1),
        stage: "ivr",
        queue: None,
        agent: None,
        position: None,
        estimated_wait_ms: None,
        recording: false,
    }
}

#[tokio::test]
async fn live_calls_are_listed_page_by_page_and_read_one_by_one() {
    let server = Server::start().await;
    *server.host.snapshot.lock().unwrap() = Snapshot { calls: vec![call(3), call(1), call(2)], ..Snapshot::default() };
    let page = server.get(&format!("{DEMO}/calls?limit=2")).await.json();
    assert_eq!((&page["items"][1]["interaction"], &page["next"]), (&json!(2), &json!("2")));
    let page = server.get(&format!("{DEMO}/calls?limit=2&cursor=2")).await.json();
    assert_eq!((&page["items"][0]["interaction"], &page["next"]), (&json!(3), &Value::Null));
    assert_eq!(server.get(&format!("{DEMO}/calls/i3")).await.json()["stage"], "ivr");
    assert_eq!(server.get(&format!("{DEMO}/calls/4")).await.problem(), refused(404, "not-found"));
}

#[tokio::test]
async fn each_control_reaches_the_exchange_as_its_command() {
    let server = Server::start().await;
    let amy = || "amy".parse().unwrap();
    for (verb, body, command) in [
        ("answer", "", Control::Answer),
        ("hang-up", "", Control::HangUp),
        ("hold", "", Control::Hold),
        ("resume", "", Control::Resume),
        ("transfer", r#"{"to":"101"}"#, Control::Transfer { to: Target::Agent(amy()) }),
        ("transfer", r#"{"to":"flow:main"}"#, Control::Transfer { to: Target::Flow("main".parse().unwrap()) }),
        ("consult", r#"{"to":"support"}"#, Control::Consult { to: Target::Queue("support".parse().unwrap()) }),
        ("complete-transfer", "", Control::CompleteTransfer),
        ("cancel-consult", "", Control::CancelConsult),
        ("recording/pause", "", Control::PauseRecording),
        ("recording/resume", "", Control::ResumeRecording),
        ("tags", r#"{"name":"order","value":"7"}"#, Control::Tag { name: "order".into(), value: "7".into() }),
        (
            "disposition",
            r#"{"agent":"amy","code":"sold","note":"two"}"#,
            Control::Dispose { agent: Some(amy()), code: "sold".into(), note: "two".into() },
        ),
    ] {
        let answer = server.send("POST", &format!("{DEMO}/calls/5/{verb}"), body).await;
        let sent = server.host.commands.lock().unwrap().pop();
        let expected = Command::Call { interaction: InteractionId(5), command };
        assert_eq!((answer.status, sent), (204, Some(expected)), "{verb}");
    }
}

/// One word of a client becomes an event, and no event may be larger than the log takes.
#[tokio::test]
async fn words_that_are_too_long_or_have_control_characters_are_422() {
    let server = Server::start().await;
    let (long, longer) = ("x".repeat(257), "x".repeat(4_097));
    for (path, body, code) in [
        ("calls/5/disposition", json!({ "code": long }), "too-long"),
        ("calls/5/disposition", json!({ "code": "sold", "note": longer }), "too-long"),
        ("calls/5/tags", json!({ "name": "order", "value": longer }), "too-long"),
        ("calls/5/tags", json!({ "name": "or\u{1b}der", "value": "7" }), "control-character"),
        ("agents/amy/state", json!({ "request": "not-ready", "reason": long }), "too-long"),
    ] {
        let answer = server.send("POST", &format!("{DEMO}/{path}"), &body.to_string()).await;
        assert_eq!(answer.problem(), refused(422, "invalid"), "{path}");
        assert_eq!(answer.json()["errors"][0]["code"], code, "{path}");
    }
    assert_eq!(server.host.commands.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn an_agent_in_wrap_up_gets_more_time() {
    let server = Server::start().await;
    let path = format!("{DEMO}/agents/amy/wrap-up");
    assert_eq!(server.send("POST", &path, r#"{"by_ms":30000}"#).await.status, 204);
    let expected = Command::ExtendWrapUp { agent: "amy".parse().unwrap(), by: Duration::from_secs(30) };
    assert_eq!(server.host.commands.lock().unwrap().pop(), Some(expected));
    assert_eq!(server.send("POST", &path, r#"{"by_ms":0}"#).await.problem(), refused(422, "invalid"));
}

#[tokio::test]
async fn what_the_exchange_refuses_becomes_404_409_422_or_503() {
    let server = Server::start().await;
    for (error, expected) in [
        (CommandError::NoSuchInteraction(InteractionId(5)), refused(404, "not-found")),
        (CommandError::NoSuchAgent("amy".parse().unwrap()), refused(404, "not-found")),
        (CommandError::WrongState { state: "waiting" }, refused(409, "wrong-state")),
        (CommandError::NotRecording, refused(409, "not-recording")),
        (CommandError::PhoneUnreachable, refused(409, "phone-unreachable")),
        (CommandError::BadTarget, refused(422, "invalid")),
        (CommandError::Full, refused(503, "full")),
    ] {
        server.host.replies.lock().unwrap().push(Err(error.into()));
        assert_eq!(server.send("POST", &format!("{DEMO}/calls/5/hold"), "").await.problem(), expected);
    }
}

#[tokio::test]
async fn a_target_that_nobody_knows_is_422_and_never_reaches_the_exchange() {
    let server = Server::start().await;
    let answer = server.send("POST", &format!("{DEMO}/calls/5/transfer"), r#"{"to":"nowhere at all"}"#).await;
    assert_eq!((answer.problem(), server.host.commands.lock().unwrap().len()), (refused(422, "invalid"), 0));
}

#[tokio::test]
async fn click_to_dial_answers_201_with_the_new_calls_address() {
    let server = Server::start().await;
    server.host.replies.lock().unwrap().push(Ok(Reply::Started(InteractionId(77))));
    let answer = server.send("POST", &format!("{DEMO}/calls"), r#"{"agent":"amy","to":"+4930123"}"#).await;
    assert_eq!((answer.status, answer.json()), (201, json!({ "interaction": 77 })));
    assert_eq!(answer.header("location"), Some("/v1/tenants/demo/calls/77"));
    let to = Target::Number("+4930123".parse().unwrap());
    assert_eq!(
        server.host.commands.lock().unwrap().pop(),
        Some(Command::Originate { agent: "amy".parse().unwrap(), to })
    );
}

#[tokio::test]
async fn an_agents_state_is_asked_for_and_told() {
    let server = Server::start().await;
    let path = format!("{DEMO}/agents/amy/state");
    for (body, request) in [
        (r#"{"request":"log-in"}"#, AgentRequest::LogIn),
        (r#"{"request":"log-out"}"#, AgentRequest::LogOut),
        (r#"{"request":"ready"}"#, AgentRequest::Ready),
        (r#"{"request":"not-ready","reason":"lunch"}"#, AgentRequest::NotReady { reason: "lunch".into() }),
    ] {
        assert_eq!(server.send("POST", &path, body).await.status, 204);
        let expected = Command::Agent { agent: "amy".parse().unwrap(), request };
        assert_eq!(server.host.commands.lock().unwrap().pop(), Some(expected));
    }
    assert_eq!(server.send("POST", &path, r#"{"request":"sleep"}"#).await.problem(), refused(422, "invalid"));
    assert_eq!(server.get(&path).await.problem(), refused(404, "not-found"));
}
