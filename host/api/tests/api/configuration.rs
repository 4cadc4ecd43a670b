//! The configuration, its resources and its prompts.

use std::{sync::Arc, time::Duration};

use plugboard_api::{Limits, Sha256};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    DEMO,
    client::{Server, refused},
};

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
async fn lists_of_numbers_go_in_and_come_out_as_their_length_and_hash() {
    let server = Server::start().await;
    let path = format!("{DEMO}/configuration");
    let mut wanted = server.get(&path).await.json();
    wanted["lists"] = json!({ "do-not-call": ["+4930123456", "+8613800138000"] });
    assert_eq!(server.send("PUT", &path, &wanted.to_string()).await.status, 200);
    let told = server.get(&path).await.json();
    let sha256 = Sha256::of(b"+4930123456\n+8613800138000\n").to_string();
    assert_eq!(told["lists"], json!({ "do-not-call": { "numbers": 2, "sha256": sha256 } }));

    let put = async |lists: Value| {
        let mut wanted = told.clone();
        wanted["lists"] = lists;
        server.send("PUT", &path, &wanted.to_string()).await.json()
    };
    assert_eq!(put(told["lists"].clone()).await["changes"], json!([]));
    assert_eq!(server.host.configuration.lock().unwrap().lists["do-not-call"].len(), 2);
    let other = put(json!({ "do-not-call": { "numbers": 2, "sha256": "00" } })).await;
    assert_eq!(other["errors"][0]["code"], "list-unknown");
    let wrong = put(json!({ "do-not-call": ["all of them"] })).await;
    assert!(wrong["detail"].as_str().unwrap().contains("name holds ' '"), "{wrong}");
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
async fn a_configuration_that_is_put_where_none_was_makes_a_tenant() {
    let server = Server::start().await;
    let path = "/v1/tenants/shop/configuration";
    assert_eq!(server.get(path).await.problem(), refused(404, "not-found"));
    let wanted = json!({ "name": "Shop", "queues": { "sales": { "name": "Sales" } } });
    let answer = server.send("PUT", path, &wanted.to_string()).await;
    let changes = json!([{ "change": "added", "resource": "queue", "id": "sales" }]);
    assert_eq!((answer.status, answer.json()), (201, json!({ "revision": 1, "changes": changes })));
    let made = server.get(path).await.json();
    assert_eq!((&made["tenant"], &made["name"]), (&json!("shop"), &json!("Shop")));
    let agent = json!({ "name": "Eve", "extension": "1" });
    let wanted = json!({ "name": "Bank", "agents": { "eve": agent } }).to_string();
    let answer = server.send("PUT", "/v1/tenants/bank/configuration", &wanted).await;
    assert_eq!(answer.json()["errors"][0]["code"], "password-missing");
    let elsewhere = [("Authorization", "Bearer only-demo"), ("Content-Type", "application/json")];
    let answer = server.ask("PUT", path, &elsewhere, br#"{"name":"Mine"}"#).await;
    assert_eq!(answer.problem(), refused(403, "forbidden"));
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

#[tokio::test]
async fn a_change_of_one_resource_is_repeated_on_top_of_whoever_was_faster() {
    let server = Server::start().await;
    *server.host.conflicts.lock().unwrap() = 3;
    let answer = server.send("PUT", &format!("{DEMO}/queues/vip"), r#"{"name":"VIP"}"#).await;
    assert_eq!((answer.status, answer.header("etag")), (201, Some("\"11\"")));
}

#[tokio::test]
async fn a_change_that_never_wins_is_409_and_with_if_match_at_once_412() {
    let server = Server::start().await;
    *server.host.conflicts.lock().unwrap() = 99;
    let path = format!("{DEMO}/queues/vip");
    let headers = [("Content-Type", "application/json"), ("If-Match", "\"7\"")];
    let answer = server.ask("PUT", &path, &headers, br#"{"name":"VIP"}"#).await;
    assert_eq!(answer.problem(), refused(412, "revision-conflict"));
    assert_eq!(server.send("PUT", &path, r#"{"name":"VIP"}"#).await.problem(), refused(409, "contended"));
}

#[tokio::test]
async fn a_change_that_takes_too_long_is_503_and_is_in_force_all_the_same_once_it_is_done() {
    let (request, body) = (Duration::from_millis(50), Duration::ZERO);
    let server = Server::with(Limits { request, body, ..Limits::default() }).await;
    let disk = Arc::new(Notify::new());
    *server.host.slow.lock().unwrap() = Some(disk.clone());
    let answer = server.send("PUT", &format!("{DEMO}/queues/vip"), r#"{"name":"VIP"}"#).await;
    assert_eq!(answer.problem(), refused(503, "no-answer"));
    disk.notify_one();
    let applied = async { while server.get(&format!("{DEMO}/configuration")).await.header("etag") != Some("\"8\"") {} };
    assert!(tokio::time::timeout(Duration::from_secs(5), applied).await.is_ok(), "the change was given up half way");
}
