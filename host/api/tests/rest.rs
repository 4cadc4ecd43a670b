//! The REST side over a real socket: each status and each refusal, as a client sees it.
#![allow(clippy::disallowed_methods, reason = "these tests stand at the edge")]

#[path = "double/client.rs"]
mod client;
mod double;

use std::time::Duration;

use client::{Server, refused};
use plugboard_api::{HostError, Limits, RecordingFile, Sha256};
use plugboard_call::{Command as Control, Target};
use plugboard_exchange::{CallSnapshot, Command, CommandError, Reply, Snapshot};
use plugboard_model::{AgentRequest, EventKind, InteractionId, RecordingId, Timestamp};
use serde_json::{Value, json};

const DEMO: &str = "/v1/tenants/demo";

// --- who may ask ---

#[tokio::test]
async fn health_login_and_openapi_are_open_and_nothing_else() {
    let server = Server::start().await;
    let mut open = Vec::new();
    let document = server.get("/openapi.json").await.json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let path = path.replace("{tenant}", "demo").replace("{id}", "1");
            let answer = server.ask_as_nobody(&method.to_uppercase(), &path, &[], b"").await;
            if answer.status == 401 {
                assert_eq!(answer.problem(), refused(401, "unauthorized"));
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            } else {
                open.push(format!("{method} {path}"));
            }
        }
    }
    open.sort();
    assert_eq!(open, ["get /openapi.json", "get /v1/health", "post /v1/login", "post /v1/logout"]);
}

#[tokio::test]
async fn a_wrong_token_or_another_scheme_is_401() {
    let server = Server::start().await;
    for value in ["Bearer wrong", "Bearer ", "Basic b3Blbi1zZXNhbWU=", "open-sesame"] {
        let answer = server.ask("GET", "/v1/tenants", &[("Authorization", value)], b"").await;
        assert_eq!(answer.problem(), refused(401, "unauthorized"), "{value}");
    }
}

#[tokio::test]
async fn a_token_of_one_tenant_sees_that_tenant_only() {
    let server = Server::start().await;
    let demo = [("Authorization", "Bearer only-demo")];
    let tenants = server.ask("GET", "/v1/tenants", &demo, b"").await.json();
    assert_eq!(tenants, json!({ "items": [{ "id": "demo", "name": "Demo", "revision": 7 }], "next": null }));
    assert_eq!(server.ask("GET", &format!("{DEMO}/live"), &demo, b"").await.status, 200);
    let elsewhere = [("Authorization", "Bearer only-other")];
    assert_eq!(server.ask("GET", &format!("{DEMO}/live"), &elsewhere, b"").await.problem(), refused(403, "forbidden"));
}

async fn cookie(server: &Server) -> String {
    let login =
        server.ask_as_nobody("POST", "/v1/login", &[("Content-Type", "application/json")], br#"{"token":"only-demo"}"#);
    let answer = login.await;
    assert_eq!(answer.status, 204);
    let set = answer.header("set-cookie").unwrap().to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Max-Age=43200"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_reads_and_changes_from_this_hosts_page_but_not_from_another_site() {
    let server = Server::start().await;
    let cookie = cookie(&server).await;
    let path = format!("{DEMO}/calls/1/hang-up");
    let (ours, theirs) = (format!("http://{}", server.address), "https://evil.example".to_owned());
    let cookie = ("Cookie", cookie.as_str());
    assert_eq!(server.ask("GET", "/v1/tenants", &[cookie], b"").await.status, 200);
    assert_eq!(server.ask("POST", &path, &[cookie, ("Origin", &ours)], b"").await.status, 204);
    assert_eq!(
        server.ask("POST", &path, &[cookie, ("Origin", &theirs)], b"").await.problem(),
        refused(403, "forbidden")
    );
    assert_eq!(server.ask("POST", &path, &[cookie], b"").await.problem(), refused(403, "forbidden"));
    assert_eq!(server.host.commands.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_foreign_page_logs_nobody_in_or_out() {
    let server = Server::start().await;
    let theirs = [("Content-Type", "application/json"), ("Origin", "https://evil.example")];
    let login = server.ask_as_nobody("POST", "/v1/login", &theirs, br#"{"token":"only-demo"}"#).await;
    assert_eq!((login.problem(), login.header("set-cookie")), (refused(403, "forbidden"), None));
    assert_eq!(server.ask_as_nobody("POST", "/v1/logout", &theirs, b"").await.problem(), refused(403, "forbidden"));
}

#[tokio::test]
async fn login_with_a_wrong_token_is_401_and_a_tampered_session_opens_nothing() {
    let server = Server::start().await;
    let answer = server.send("POST", "/v1/login", r#"{"token":"guess"}"#).await;
    assert_eq!(answer.problem(), refused(401, "unauthorized"));
    let tampered = format!("{}0", cookie(&server).await);
    let answer = server.ask("GET", "/v1/tenants", &[("Cookie", &tampered)], b"").await;
    assert_eq!(answer.problem(), refused(401, "unauthorized"));
}

// --- the door ---

#[tokio::test]
async fn what_is_not_there_is_404_and_a_wrong_method_405_with_allow() {
    let server = Server::start().await;
    for path in ["/nowhere", "/v1/tenants/nobody/live", &format!("{DEMO}/queues/none"), &format!("{DEMO}/calls/x")] {
        assert_eq!(server.get(path).await.problem(), refused(404, "not-found"), "{path}");
    }
    let answer = server.ask("DELETE", &format!("{DEMO}/live"), &[], b"").await;
    assert_eq!((answer.problem(), answer.header("allow")), (refused(405, "method-not-allowed"), Some("GET,HEAD")));
}

#[tokio::test]
async fn bad_json_is_400_with_line_and_column() {
    let server = Server::start().await;
    let answer = server.send("PUT", &format!("{DEMO}/queues/vip"), "{\n  \"name\": \"VIP\",\n}").await;
    assert_eq!(answer.problem(), refused(400, "bad-request"));
    assert_eq!(answer.json()["detail"], "the body is not JSON: line 3, column 1: trailing comma");
}

#[tokio::test]
async fn json_of_another_shape_is_422_with_the_line_and_the_field() {
    let server = Server::start().await;
    let answer = server.send("PUT", &format!("{DEMO}/queues/vip"), "{\n  \"name\": \"VIP\",\n  \"colour\": 1}").await;
    assert_eq!(answer.problem(), refused(422, "invalid"));
    let error = &answer.json()["errors"][0];
    assert_eq!((&error["line"], &error["field"], &error["code"]), (&json!(3), &json!("colour"), &json!("wrong-shape")));
}

#[tokio::test]
async fn another_media_type_is_415_and_too_long_a_body_413() {
    let server = Server::with(Limits { json_bytes: 100, ..Limits::default() }).await;
    let path = format!("{DEMO}/queues/vip");
    let answer = server.ask("PUT", &path, &[("Content-Type", "text/plain")], b"{}").await;
    assert_eq!(answer.problem(), refused(415, "unsupported-media-type"));
    let answer = server.send("PUT", &path, &format!(r#"{{"name":"{}"}}"#, "x".repeat(200))).await;
    assert_eq!(answer.problem(), refused(413, "too-large"));
}

#[tokio::test]
async fn a_page_size_out_of_range_a_strange_cursor_and_no_time_are_400() {
    let server = Server::start().await;
    for query in ["limit=0", "limit=1001", "limit=x", "cursor=%2F", "from=yesterday"] {
        let answer = server.get(&format!("{DEMO}/cdrs?{query}")).await;
        assert_eq!(answer.problem(), refused(400, "bad-request"), "{query}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_answer_in_time_is_503() {
    let server = Server::with(Limits { request: Duration::from_millis(30), ..Limits::default() }).await;
    *server.host.slowness.lock().unwrap() = Duration::from_secs(3600);
    assert_eq!(server.get(&format!("{DEMO}/live")).await.problem(), refused(503, "no-answer"));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_408() {
    let server = Server::with(Limits { body: Duration::from_millis(30), ..Limits::default() }).await;
    // 10 bytes are promised and 2 come.
    let headers = [("Content-Type", "application/json"), ("Content-Length", "10")];
    let answer = server.ask("POST", "/v1/login", &headers, b"{}").await;
    assert_eq!(answer.problem(), refused(408, "too-slow"));
}

#[tokio::test]
async fn busy_stopping_and_a_broken_store_are_503_with_retry_after() {
    let server = Server::start().await;
    for (error, word, after) in [
        (HostError::Busy { retry_after: Duration::from_secs(9) }, "busy", "9"),
        (HostError::Stopping, "stopping", "5"),
        (HostError::Store { reason: "disk on fire".into() }, "store-unavailable", "5"),
    ] {
        *server.host.failure.lock().unwrap() = Some(error);
        let answer = server.get(&format!("{DEMO}/events")).await;
        assert_eq!((answer.problem(), answer.header("retry-after")), (refused(503, word), Some(after)));
        assert!(!String::from_utf8_lossy(&answer.body).contains("fire"), "the reason is for the operator");
    }
}

#[tokio::test]
async fn every_answer_forbids_guessing_framing_and_keeping() {
    let server = Server::start().await;
    for path in ["/", "/v1/tenants", "/nowhere", "/v1/health"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(
            answer.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'"))
        );
        assert!(matches!(answer.header("cache-control"), Some("no-store" | "no-cache")), "{path}");
    }
}

#[tokio::test]
async fn the_page_is_served_with_its_parts_and_asks_for_nothing_from_elsewhere() {
    let server = Server::start().await;
    let page = server.ask_as_nobody("GET", "/", &[], b"").await;
    let html = String::from_utf8(page.body).unwrap();
    let parts: Vec<_> = html.split('"').filter(|text| text.starts_with("/page/")).collect();
    assert_eq!(parts, ["/page/style.css", "/page/words.js", "/page/ladder.js", "/page/app.js"]);
    for part in parts {
        let answer = server.ask_as_nobody("GET", part, &[], b"").await;
        assert_eq!(answer.status, 200, "{part}");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("innerHTML"), "{part}");
    }
}

#[tokio::test]
async fn health_is_503_until_calls_are_taken() {
    let server = Server::start().await;
    assert_eq!(server.ask_as_nobody("GET", "/v1/health", &[], b"").await.json(), json!({ "status": "ready" }));
    *server.host.ready.lock().unwrap() = false;
    let answer = server.ask_as_nobody("GET", "/v1/health", &[], b"").await;
    assert_eq!((answer.status, answer.json()), (503, json!({ "status": "not-ready" })));
}

#[tokio::test]
async fn the_host_tells_where_phones_reach_it() {
    let server = Server::start().await;
    let host = server.get("/v1/host").await.json();
    assert_eq!(host["sip"][0], json!({ "transport": "udp", "address": "192.0.2.10:5060" }));
}

// --- configuration ---

#[tokio::test]
async fn the_configuration_is_told_without_secrets_and_without_paths() {
    let server = Server::start().await;
    let answer = server.get(&format!("{DEMO}/configuration")).await;
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert_eq!(answer.header("etag"), Some("\"7\""));
    assert!(!text.contains("secret") && !text.contains("/host/"), "{text}");
    assert_eq!(answer.json()["prompts"]["welcome"], json!({ "sha256": "ab".repeat(32) }));
}

#[tokio::test]
async fn what_was_read_can_be_sent_back_and_changes_nothing() {
    let server = Server::start().await;
    let path = format!("{DEMO}/configuration");
    let before = server.host.configuration.lock().unwrap().clone();
    let read = server.get(&path).await;
    let headers = [("Content-Type", "application/json"), ("If-Match", "\"7\"")];
    let answer = server.ask("PUT", &path, &headers, &read.body).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "revision": 7, "changes": [] })));
    assert_eq!(*server.host.configuration.lock().unwrap(), before, "secrets and prompt files included");
}

#[tokio::test]
async fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let server = Server::start().await;
    let mut wanted = server.get(&format!("{DEMO}/configuration")).await.json();
    wanted["queues"]["vip"] = json!({ "name": "VIP" });
    wanted["numbers"].as_object_mut().unwrap().remove("8001");
    let answer = server.send("PUT", &format!("{DEMO}/configuration?dry_run=true"), &wanted.to_string()).await;
    let changes = json!([
        { "change": "added", "resource": "queue", "id": "vip" },
        { "change": "removed", "resource": "number", "id": "8001" },
    ]);
    assert_eq!(answer.json(), json!({ "revision": 7, "changes": changes }));
    assert_eq!(server.host.configuration.lock().unwrap().revision, 7);
}

#[tokio::test]
async fn an_old_etag_is_412_and_a_malformed_one_400() {
    let server = Server::start().await;
    let body = br#"{"name":"VIP"}"#;
    for (tag, expected) in [("\"6\"", refused(412, "revision-conflict")), ("seven", refused(400, "bad-request"))] {
        let headers = [("Content-Type", "application/json"), ("If-Match", tag)];
        let answer = server.ask("PUT", &format!("{DEMO}/queues/vip"), &headers, body).await;
        assert_eq!(answer.problem(), expected);
    }
}

#[tokio::test]
async fn faults_come_back_one_by_one_with_field_and_remedy() {
    let server = Server::start().await;
    let answer = server.send("PUT", &format!("{DEMO}/queues/sales"), r#"{"name":"Sales","overflow_to":"gone"}"#).await;
    assert_eq!(answer.problem(), refused(422, "invalid"));
    assert_eq!(
        answer.json()["errors"],
        json!([{
            "field": "queues.sales.overflow_to",
            "code": "no-such-queue",
            "message": "queue sales overflows to gone, which does not exist",
            "remedy": "name a queue of this tenant",
        }])
    );
}

#[tokio::test]
async fn each_kind_of_resource_is_added_read_listed_replaced_and_taken_out() {
    let server = Server::start().await;
    for (kind, id, body) in [
        ("queues", "vip", json!({ "name": "VIP" })),
        ("agents", "eve", json!({ "name": "Eve", "extension": "199", "password": "p" })),
        ("numbers", "8009", json!({ "to": "queue", "name": "sales" })),
        ("trunks", "backup", json!({ "allow": ["192.0.2.0/24"] })),
        ("flows", "%E5%A4%9C%E9%97%B4", json!({ "document": "{}" })),
    ] {
        let path = format!("{DEMO}/{kind}/{id}");
        assert_eq!(server.send("PUT", &path, &body.to_string()).await.status, 201, "{kind}");
        assert_eq!(server.send("PUT", &path, &body.to_string()).await.status, 200, "{kind}");
        let read = server.get(&path).await.json();
        assert!(read.as_object().unwrap().iter().all(|(key, value)| body.get(key).is_none_or(|sent| sent == value)));
        assert!(read.get("password").is_none());
        let all = server.get(&format!("{DEMO}/{kind}")).await.json();
        assert!(all["items"].as_array().unwrap().iter().any(|item| item["id"] == id || id.starts_with('%')), "{all}");
        assert_eq!(server.ask("DELETE", &path, &[], b"").await.status, 200, "{kind}");
        assert_eq!(server.get(&path).await.problem(), refused(404, "not-found"));
        assert_eq!(server.ask("DELETE", &path, &[], b"").await.problem(), refused(404, "not-found"));
    }
}

#[tokio::test]
async fn an_agent_keeps_the_password_that_is_not_sent_and_a_new_one_needs_one() {
    let server = Server::start().await;
    let body = r#"{"name":"Amy C.","extension":"101"}"#;
    assert_eq!(server.send("PUT", &format!("{DEMO}/agents/amy"), body).await.status, 200);
    assert_eq!(server.host.configuration.lock().unwrap().agents["amy"].password, "secret-of-amy");
    let answer = server.send("PUT", &format!("{DEMO}/agents/new"), body).await;
    assert_eq!(answer.json()["errors"][0]["code"], "password-missing");
}

#[tokio::test]
async fn lists_of_resources_are_read_page_by_page() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("{DEMO}/agents?limit=2{cursor}")).await.json();
        ids.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(ids, ["amy", "bo", "lin"]);
}

// --- prompts ---

#[tokio::test]
async fn a_prompt_is_asked_for_sent_under_its_hash_and_then_not_missing() {
    let server = Server::start().await;
    let (sound, hash) = (b"RIFF....WAVE", Sha256::of(b"RIFF....WAVE").to_string());
    let question = json!({ "sha256": [hash] }).to_string();
    let missing = format!("{DEMO}/prompts:missing");
    assert_eq!(server.send("POST", &missing, &question).await.json(), json!({ "sha256": [hash] }));
    assert_eq!(server.ask("PUT", &format!("{DEMO}/prompts/{hash}"), &[], sound).await.status, 204);
    assert_eq!(server.send("POST", &missing, &question).await.json(), json!({ "sha256": [] }));
}

#[tokio::test]
async fn a_prompt_with_another_hash_is_422_and_one_too_large_413() {
    let server = Server::with(Limits { prompt_bytes: 10, ..Limits::default() }).await;
    let path = format!("{DEMO}/prompts/{}", "00".repeat(32));
    let answer = server.ask("PUT", &path, &[], b"noise").await;
    assert_eq!(
        (answer.problem(), answer.json()["errors"][0]["code"].clone()),
        (refused(422, "invalid"), json!("wrong-hash"))
    );
    assert_eq!(server.ask("PUT", &path, &[], b"far too long").await.problem(), refused(413, "too-large"));
    assert_eq!(server.ask("PUT", &format!("{DEMO}/prompts/abc"), &[], b"x").await.problem(), refused(404, "not-found"));
    let answer = server.send("POST", &format!("{DEMO}/prompts:missing"), r#"{"sha256":["abc"]}"#).await;
    assert_eq!(answer.problem(), refused(422, "invalid"));
}

// --- live and call control ---

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

// --- records ---

fn cdr(interaction: u64) -> Value {
    json!({
        "interaction": interaction, "from": "49,30", "to": "8000", "started_at": format!("2026-11-22T10:{interaction:02}:00.000Z"),
        "answered": true, "wait_ms": 1200, "queues": [{ "queue": "sales" }],
        "agents": [{ "agent": "bo", "answered_at": null }, { "agent": "amy", "answered_at": "2026-11-22T10:00:09.000Z" }],
    })
}

#[tokio::test]
async fn records_are_filtered_paged_and_read_one_by_one() {
    let server = Server::start().await;
    *server.host.cdrs.lock().unwrap() = (1..=5).rev().map(cdr).collect();
    let query = "from=2026-11-22T10:02:00Z&to=2026-11-22T18:05:00%2B08:00&queue=sales&limit=2";
    let page = server.get(&format!("{DEMO}/cdrs?{query}")).await.json();
    assert_eq!((&page["items"][0]["interaction"], &page["next"]), (&json!(4), &json!("2")));
    let page = server.get(&format!("{DEMO}/cdrs?{query}&cursor=2")).await.json();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (1, &Value::Null));
    assert_eq!(server.get(&format!("{DEMO}/cdrs/3")).await.json(), cdr(3));
    assert_eq!(server.get(&format!("{DEMO}/cdrs/9")).await.problem(), refused(404, "not-found"));
}

#[tokio::test]
async fn records_come_as_csv_where_that_is_asked_for_with_the_next_page_in_link() {
    let server = Server::start().await;
    *server.host.cdrs.lock().unwrap() = vec![cdr(1), cdr(2)];
    let answer = server.ask("GET", &format!("{DEMO}/cdrs?limit=1"), &[("Accept", "text/csv")], b"").await;
    assert_eq!(answer.header("link"), Some("</v1/tenants/demo/cdrs?limit=1&cursor=1>; rel=\"next\""));
    let table = String::from_utf8(answer.body).unwrap();
    assert_eq!(
        table.lines().nth(1),
        Some("1,,,\"49,30\",8000,2026-11-22T10:01:00.000Z,,,,true,,,,,,,,1200,,,,sales,,,amy")
    );
}

/// A recording of 0, 1, 2 … 255 on disk.
fn record(server: &Server, name: &str) -> String {
    let path = std::env::temp_dir().join(format!("plugboard-api-{}-{name}.wav", std::process::id()));
    let sound: Vec<u8> = (0..=255).collect();
    std::fs::write(&path, &sound).unwrap();
    let sha256 = Sha256::of(&sound).to_string();
    server.host.recordings.lock().unwrap().push(RecordingFile {
        recording: RecordingId(8),
        interaction: InteractionId(3),
        started: Timestamp::from_secs(1),
        length_ms: 16,
        sha256: sha256.clone(),
        voicemail: false,
        path,
    });
    format!("\"{sha256}\"")
}

#[tokio::test]
async fn a_recording_is_given_whole_in_part_or_not_at_all_as_the_client_asks() {
    let server = Server::start().await;
    let etag = record(&server, "ranges");
    let path = format!("{DEMO}/recordings/r8");
    let ask = async |headers: &[(&str, &str)]| {
        let answer = server.ask("GET", &path, headers, b"").await;
        let range = answer.header("content-range").map(str::to_owned);
        (answer.status, range, answer.body)
    };
    let whole: Vec<u8> = (0..=255).collect();
    assert_eq!(ask(&[]).await, (200, None, whole.clone()));
    assert_eq!(ask(&[("Range", "bytes=10-12")]).await, (206, Some("bytes 10-12/256".into()), vec![10, 11, 12]));
    assert_eq!(ask(&[("Range", "bytes=-2")]).await, (206, Some("bytes 254-255/256".into()), vec![254, 255]));
    assert_eq!(ask(&[("Range", "bytes=0-0"), ("If-Range", &etag)]).await, (206, Some("bytes 0-0/256".into()), vec![0]));
    assert_eq!(ask(&[("Range", "bytes=0-0"), ("If-Range", "\"old\"")]).await, (200, None, whole));
    assert_eq!(ask(&[("If-None-Match", &etag)]).await, (304, None, vec![]));
    let outside = server.ask("GET", &path, &[("Range", "bytes=256-")], b"").await;
    assert_eq!(outside.problem(), refused(416, "range-not-satisfiable"));
    assert_eq!(outside.header("content-range"), Some("bytes */256"));
}

#[tokio::test]
async fn head_tells_length_type_and_hash_of_a_recording_without_the_sound() {
    let server = Server::start().await;
    let etag = record(&server, "head");
    let answer = server.ask("HEAD", &format!("{DEMO}/recordings/8"), &[], b"").await;
    let told =
        ["content-length", "content-type", "accept-ranges", "etag"].map(|name| answer.header(name).unwrap_or_default());
    assert_eq!((answer.status, told, answer.body.len()), (200, ["256", "audio/wav", "bytes", etag.as_str()], 0));
}

#[tokio::test]
async fn a_recording_that_is_not_there_or_whose_file_is_gone_is_404() {
    let server = Server::start().await;
    record(&server, "gone");
    server.host.recordings.lock().unwrap()[0].path = "/nowhere/at/all.wav".into();
    for id in ["8", "9"] {
        assert_eq!(server.get(&format!("{DEMO}/recordings/{id}")).await.problem(), refused(404, "not-found"));
    }
}

#[tokio::test]
async fn recordings_are_listed_without_their_paths() {
    let server = Server::start().await;
    record(&server, "list");
    let page = server.get(&format!("{DEMO}/recordings?interaction=3")).await.json();
    assert_eq!((&page["items"][0]["recording"], page["items"][0].get("path")), (&json!(8), None));
    assert_eq!(server.get(&format!("{DEMO}/recordings?interaction=4")).await.json()["items"], json!([]));
}

// --- events ---

#[tokio::test]
async fn events_are_read_in_pages_from_the_log() {
    let server = Server::start().await;
    for revision in 1..=5 {
        server.host.write(Timestamp::from_secs(revision), EventKind::ConfigurationApplied { revision });
    }
    let page = server.get(&format!("{DEMO}/events?after=1&limit=2")).await.json();
    assert_eq!(
        (&page["items"][0]["seq"], &page["items"][1]["seq"], &page["next"]),
        (&json!(2), &json!(3), &json!("3"))
    );
    let page = server.get(&format!("{DEMO}/events?after=5")).await.json();
    assert_eq!(page, json!({ "items": [], "next": "5" }));
}
