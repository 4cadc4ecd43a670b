//! What a request must be, and what every answer has.

use std::{sync::atomic::Ordering, time::Duration};

use plugboard_api::{Alarm, AlarmName, HostError, Limits};
use plugboard_model::Timestamp;
use serde_json::json;

use crate::{
    DEMO,
    client::{Server, refused},
};

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
    server.host.deaf.store(true, Ordering::Relaxed);
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
async fn a_refusal_is_told_in_the_clients_language_and_its_words_for_programs_stay() {
    let server = Server::start().await;
    let ask = async |language: &str| {
        let headers = [("Accept-Language", language), ("Content-Type", "application/json")];
        let (path, body) = (format!("{DEMO}/queues/sales"), br#"{"name":"S","overflow_to":"x"}"#);
        let answer = server.ask("PUT", &path, &headers, body).await;
        let problem = answer.json();
        let (title, remedy) = (problem["title"].clone(), problem["errors"][0]["remedy"].clone());
        assert_eq!((answer.status, &problem["type"]), (422, &json!("urn:plugboard:problem:invalid")));
        (answer.header("content-language").unwrap().to_owned(), title, remedy)
    };
    let english = ("en".to_owned(), json!("Understood, but not valid"), json!("name a queue of this tenant"));
    assert_eq!(ask("de, en;q=0.5").await, english);
    let chinese = ("zh-CN".to_owned(), json!("已理解，但内容无效"), json!("请填写本租户的一个队列"));
    assert_eq!(ask("zh-CN,zh;q=0.9,en;q=0.1").await, chinese);
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
async fn the_host_tells_where_phones_reach_it_and_what_is_wrong_with_it() {
    let server = Server::start().await;
    let detail = "0 bytes left: calls go on, recordings do not; make room";
    let (name, detail) = (AlarmName::DiskFull, detail.to_owned());
    let alarm = Alarm { name, about: None, detail: detail.clone(), since: Timestamp::from_micros(5) };
    server.host.alarms.lock().unwrap().push(alarm);
    let host = server.get("/v1/host").await.json();
    assert_eq!(host["sip"][0], json!({ "transport": "udp", "address": "192.0.2.10:5060" }));
    let alarm = json!({ "name": "disk-full", "about": null, "detail": detail, "since": "1970-01-01T00:00:00.000005Z" });
    assert_eq!((&host["phase"], &host["alarms"]), (&json!("serving"), &json!([alarm])));
    let chinese = server.ask("GET", "/v1/host", &[("Accept-Language", "zh-CN")], b"").await.json();
    assert_eq!(chinese["alarms"][0]["detail"], "剩余 0 字节：通话继续，录音停止；请腾出空间");
}
