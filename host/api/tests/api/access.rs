//! Who may ask.

use plugboard_api::{Limits, PluginFigures, PluginVersion, Token, Took};
use plugboard_model::compliance::Role;
use serde_json::{Value, json};

use crate::{
    DEMO,
    client::{Server, refused},
};

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

/// What changes how calls are treated is the administrators'; who works with customers controls calls; who reviews them looks.
#[tokio::test]
async fn each_role_may_change_what_is_its_own_and_read_the_rest() {
    let tokens = Role::ALL.map(|role| Token::new(role.word(), role.word()).for_role(role)).to_vec();
    let server = Server::for_tokens(Limits::default(), tokens).await;
    let mut beyond = Vec::new();
    let document = server.ask_as_nobody("GET", "/openapi.json", &[], b"").await.json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation["security"].is_null() {
                continue;
            }
            let path = path.replace("{tenant}", "demo").replace("{id}", "1");
            let mut may = Vec::new();
            for role in Role::ALL {
                let secret = format!("Bearer {}", role.word());
                let answer = server.ask(&method.to_uppercase(), &path, &[("Authorization", &secret)], b"").await;
                let detail = if answer.status == 403 { answer.json()["detail"].clone() } else { Value::Null };
                if detail != json!(format!("the role {} may not do that", role.word())) {
                    may.push(role.word());
                }
            }
            let expected = if method == "get" { Role::ALL.map(Role::word).to_vec() } else { vec!["administrator"] };
            if may != expected {
                beyond.push(format!("{}: {}", operation["operationId"].as_str().unwrap(), may.join(" ")));
            }
        }
    }
    beyond.sort();
    expect_test::expect![[r#"
        addUtterance: agent supervisor administrator
        answerCall: agent supervisor administrator
        cancelConsult: agent supervisor administrator
        completeTransfer: agent supervisor administrator
        consult: agent supervisor administrator
        disposeCall: agent supervisor administrator
        extendWrapUp: agent supervisor administrator
        hangUpCall: agent supervisor administrator
        holdCall: agent supervisor administrator
        originateCall: agent supervisor administrator
        pauseRecording: agent supervisor administrator
        requestAgentState: agent supervisor administrator
        resumeCall: agent supervisor administrator
        resumeRecording: agent supervisor administrator
        sendMessage: agent supervisor administrator
        tagCall: agent supervisor administrator
        transferCall: agent supervisor administrator
        unmaskCdr: agent quality supervisor administrator"#]]
    .assert_eq(&beyond.join("\n"));
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

#[tokio::test]
async fn a_token_of_one_tenant_reads_the_metrics_of_that_tenant_only() {
    let server = Server::start().await;
    let figures = |tenant: Option<&str>| PluginFigures {
        of: tenant.map(|tenant| PluginVersion {
            tenant: tenant.parse().unwrap(),
            plugin: "flow-graph".into(),
            version: "0123456789abcdef".into(),
            world: "flow-plugin",
        }),
        asked: 1,
        failed: vec![],
        worked: Default::default(),
        fuel: None,
        took: Took::default(),
        quarantined: None,
    };
    *server.host.plugins.lock().unwrap() = vec![figures(Some("demo")), figures(Some("other")), figures(None)];
    let asked = async |token: &str| {
        let answer = server.ask("GET", "/metrics", &[("Authorization", &format!("Bearer {token}"))], b"").await;
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let text = String::from_utf8(answer.body).unwrap();
        text.lines().filter(|line| line.starts_with("plugboard_plugin_questions_total")).count()
    };
    assert_eq!([asked("only-demo").await, asked("open-sesame").await], [1, 3]);
}

#[tokio::test]
async fn a_host_without_tokens_serves_this_machine_and_no_page_of_another_site() {
    let server = Server::for_tokens(Limits::default(), Vec::new()).await;
    let ask = async |headers: &[(&str, &str)]| {
        server.ask_as_nobody("POST", &format!("{DEMO}/calls/1/hang-up"), headers, b"").await.status
    };
    assert_eq!(ask(&[]).await, 204);
    assert_eq!(ask(&[("Origin", &format!("http://{}", server.address))]).await, 204);
    assert_eq!(ask(&[("Host", "localhost:8080")]).await, 204);
    assert_eq!(ask(&[("Origin", "https://evil.example")]).await, 401);
    // A name of theirs that leads here (DNS rebinding).
    assert_eq!(ask(&[("Host", "evil.example"), ("Origin", "http://evil.example")]).await, 401);
}

#[tokio::test]
async fn after_ten_wrong_tokens_a_source_waits_and_a_session_goes_on() {
    let server = Server::start().await;
    let cookie = cookie(&server).await;
    for _ in 0..5 {
        server.ask("GET", "/v1/tenants", &[("Authorization", "Bearer guess")], b"").await;
        server.send("POST", "/v1/login", r#"{"token":"guess"}"#).await;
    }
    for (method, path, body) in [("GET", "/v1/tenants", ""), ("POST", "/v1/login", r#"{"token":"only-demo"}"#)] {
        let answer = server.send(method, path, body).await;
        assert_eq!(answer.problem(), refused(429, "too-many-wrong-tokens"), "{path}");
        assert!(answer.header("retry-after").is_some_and(|seconds| (1..=7).contains(&seconds.parse().unwrap())));
    }
    assert_eq!(server.ask("GET", "/v1/tenants", &[("Cookie", &cookie)], b"").await.status, 200);
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
