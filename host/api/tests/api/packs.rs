//! Packs over the wire: who may send what, and what comes back.

use plugboard_api::{
    ComponentLook, Fault, Limits, PackAsk, PackChange, PackChanged, PackComponent, PackLog, PackLogField, PackLogLine,
    PackLook, PackOrder, PackRefused, PackTrial, PackVersion, PackView, PluginCall, PluginTrace, PluginTraces,
    RolloutRole, RolloutStage, RolloutTally, RolloutVersion, RolloutView, SignatureLook, Token, Words,
};
use plugboard_model::compliance::Role;
use serde_json::{Value, json};

use crate::{DEMO, client::Server};

fn words(en: &str) -> Words {
    Words { en: en.into(), zh_cn: "一".into() }
}

fn view() -> PackView {
    let version = PackVersion {
        version: "1.0.0".into(),
        digest: "ab".repeat(32),
        signed_by: vec!["Acme".into()],
        components: vec![PackComponent {
            name: "acme.lines/lines".into(),
            world: "routing".into(),
            permissions: vec![words("may ask for calls to be recorded")],
        }],
    };
    PackView {
        id: "acme.lines".into(),
        name: words("Lines"),
        vendor: "Acme Ltd".into(),
        serving: Some(version.clone()),
        previous: None,
        waiting: Some(PackVersion { version: "1.1.0".into(), ..version }),
        trial: None,
    }
}

fn waits() -> PackChanged {
    PackChanged {
        outcome: PackChange::Waits,
        id: "acme.lines".into(),
        version: "1.1.0".into(),
        digest: "ab".repeat(32),
        to_grant: vec![PackAsk {
            component: "acme.lines/lines".into(),
            ask: words("may ask for numbers to be dialled"),
        }],
        changes: vec![words("1.0.0 -> 1.1.0")],
        pack: Some(view()),
        look: None,
    }
}

fn look() -> PackLook {
    PackLook {
        id: "acme.lines".into(),
        version: "1.1.0".into(),
        digest: "ab".repeat(32),
        contract: "0.1.0".into(),
        name: words("Lines"),
        description: words("Longest wait first"),
        vendor: "Acme Ltd".into(),
        licence: "MIT".into(),
        components: vec![ComponentLook {
            name: "acme.lines/lines".into(),
            world: "flow".into(),
            file: "lines.wasm".into(),
            length: 9,
            built_against: Some(vec!["0.1.0".into()]),
            imports: Some(vec![words("imports nothing: it sees what it is asked, and no more")]),
            permissions: vec![words("may ask for numbers to be dialled")],
            limits: vec![],
            settings: vec![words("again_ms (integer, may be left out)")],
            settings_schema: Some(json!({ "type": "object" })),
        }],
        folders: vec![],
        signature: SignatureLook {
            code: "trusted".into(),
            verdict: words("signed by Acme"),
            remedy: None,
            admitted: true,
            keys: vec!["34750f98bd59fcfc946da45aaabe933b".into()],
            by: vec!["Acme".into()],
        },
    }
}

#[tokio::test]
async fn each_order_reaches_the_host_as_it_was_sent() {
    let server = Server::start().await;
    let packs = format!("{DEMO}/packs");
    let zip = [("Content-Type", "application/zip")];
    let mut statuses = vec![server.ask("POST", &packs, &zip, b"PK1").await.status];
    *server.host.came.lock().unwrap() = Some(Ok(waits()));
    statuses.push(server.ask("POST", &format!("{packs}/acme.lines/upgrade"), &zip, b"PK2").await.status);
    let tried = format!("{packs}/acme.lines/upgrade?trial=share%3D5%25&budget=minimum%3D20");
    statuses.push(server.ask("POST", &tried, &zip, b"PK3").await.status);
    statuses.push(server.send("POST", &format!("{packs}/acme.lines/promote"), r#"{"trial":"shadow"}"#).await.status);
    statuses.push(server.send("POST", &format!("{packs}/acme.lines/grant"), r#"{"digest":"abc"}"#).await.status);
    statuses.push(server.send("POST", &format!("{packs}/acme.lines/rollback"), "{}").await.status);
    statuses.push(server.ask("DELETE", &format!("{packs}/acme.lines"), &[], b"").await.status);
    let pack = || "acme.lines".to_owned();
    let orders = vec![
        PackOrder::Install { file: b"PK1".to_vec(), dry_run: false },
        PackOrder::Upgrade { pack: pack(), file: b"PK2".to_vec(), how: PackTrial::default(), dry_run: false },
        PackOrder::Upgrade {
            pack: pack(),
            file: b"PK3".to_vec(),
            how: PackTrial { trial: Some("share=5%".into()), budget: Some("minimum=20".into()) },
            dry_run: false,
        },
        PackOrder::Promote { pack: pack(), how: PackTrial { trial: Some("shadow".into()), budget: None } },
        PackOrder::Grant { pack: pack(), digest: "abc".into() },
        PackOrder::RollBack { pack: pack() },
        PackOrder::Remove { pack: pack() },
    ];
    assert_eq!(
        (statuses, server.host.orders.lock().unwrap().clone()),
        (vec![200, 202, 200, 200, 200, 200, 200], orders)
    );
}

/// What would wait was not accepted: 200, where the order itself is answered with 202.
#[tokio::test]
async fn a_dry_run_is_ordered_as_one_and_tells_what_stands_in_the_file() {
    let server = Server::start().await;
    let packs = format!("{DEMO}/packs");
    let mut told = Vec::new();
    for path in [format!("{packs}?dry_run=true"), format!("{packs}/acme.lines/upgrade?trial=shadow&dry_run=true")] {
        *server.host.came.lock().unwrap() = Some(Ok(PackChanged { look: Some(look()), ..waits() }));
        let answer = server.ask("POST", &path, &[("Content-Type", "application/zip")], b"PK").await;
        let (status, answer) = (answer.status, answer.json());
        let read = ["/outcome", "/to_grant/0/ask/en", "/look/signature/code", "/look/components/0/permissions/0/zh-CN"];
        told.push((status, read.map(|pointer| answer.pointer(pointer).cloned().unwrap_or_default())));
    }
    let expected = ["waits", "may ask for numbers to be dialled", "trusted", "一"].map(Value::from);
    let orders = vec![
        PackOrder::Install { file: b"PK".to_vec(), dry_run: true },
        PackOrder::Upgrade {
            pack: "acme.lines".into(),
            file: b"PK".to_vec(),
            how: PackTrial { trial: Some("shadow".into()), budget: None },
            dry_run: true,
        },
    ];
    assert_eq!(
        (told, server.host.orders.lock().unwrap().clone()),
        (vec![(200, expected.clone()), (200, expected)], orders)
    );
}

/// Even a look costs the host a compiler's run.
#[tokio::test]
async fn who_may_not_install_may_not_upload_for_a_look_either() {
    let tokens = Role::ALL.map(|role| Token::new(role.word(), role.word()).for_role(role)).to_vec();
    let server = Server::for_tokens(Limits::default(), tokens).await;
    let mut may = Vec::new();
    for role in Role::ALL {
        let secret = format!("Bearer {}", role.word());
        let path = format!("{DEMO}/packs?dry_run=true");
        let status = server.ask("POST", &path, &[("Authorization", &secret)], b"PK").await.status;
        may.push((role.word(), status));
    }
    let looked = server.host.orders.lock().unwrap().len();
    assert_eq!(
        (may.iter().filter(|(_, status)| *status != 403).collect::<Vec<_>>(), looked),
        (vec![&("administrator", 200)], 1)
    );
}

#[tokio::test]
async fn one_pack_is_read_with_what_stands_in_it() {
    let server = Server::start().await;
    server.host.packs.lock().unwrap().push(view());
    let read = server.get(&format!("{DEMO}/packs/acme.lines")).await;
    let none = server.get(&format!("{DEMO}/packs/acme.none")).await.problem();
    assert_eq!((read.json()["pack"]["id"].clone(), none), (json!("acme.lines"), (404, "not-found".to_owned())));
}

#[tokio::test]
async fn a_list_tells_versions_and_permissions_in_both_languages() {
    let server = Server::start().await;
    server.host.packs.lock().unwrap().push(view());
    let answer = server.get(&format!("{DEMO}/packs")).await;
    let component = json!({
        "name": "acme.lines/lines", "world": "routing",
        "permissions": [{ "en": "may ask for calls to be recorded", "zh-CN": "一" }]
    });
    assert_eq!((answer.status, answer.json()["items"][0]["serving"]["components"][0].clone()), (200, component));
}

#[tokio::test]
async fn refusals_of_packs_have_a_status_a_word_and_a_remedy() {
    let server = Server::with(Limits { pack_bytes: 4, ..Limits::default() }).await;
    let packs = format!("{DEMO}/packs");
    let refuse = |refused| *server.host.came.lock().unwrap() = Some(Err(refused));
    let fault = Fault {
        file: Some("signature.json".into()),
        code: "unsigned".into(),
        message: "nobody has signed it".into(),
        remedy: "sign it with `plugboard pack sign`, or set the tenant to development mode".into(),
        ..Fault::default()
    };
    refuse(PackRefused::Invalid(vec![fault]));
    let mut told = vec![server.ask("POST", &packs, &[], b"PK").await.problem()];
    refuse(PackRefused::NotNow {
        code: "in-use",
        detail: "acme.lines is named by queue sales".into(),
        remedy: "name something else there first, or nothing".into(),
    });
    told.push(server.ask("DELETE", &format!("{packs}/acme.lines"), &[], b"").await.problem());
    refuse(PackRefused::NoSuchPack("acme.none".into()));
    told.push(server.ask("POST", &format!("{packs}/acme.none/rollback"), &[], b"").await.problem());
    told.push(server.get(&format!("{packs}/acme.none/logs")).await.problem());
    told.push(server.get(&format!("{packs}/acme.none/rollout")).await.problem());
    told.push(server.ask("DELETE", &format!("{packs}/Acme"), &[], b"").await.problem());
    told.push(server.ask("POST", &packs, &[], b"far too long").await.problem());
    told.push(server.send("POST", &format!("{packs}/acme.lines/grant"), "{}").await.problem());
    told.push(server.ask("POST", &format!("{packs}?dry_run=yes"), &[], b"PK").await.problem());
    let expected = [
        (422, "invalid"),
        (409, "in-use"),
        (404, "not-found"),
        (404, "not-found"),
        (404, "not-found"),
        (404, "not-found"),
        (413, "too-large"),
        (422, "invalid"),
        (400, "bad-request"),
    ];
    assert_eq!(told, expected.map(|(status, word)| (status, word.to_owned())));
}

#[tokio::test]
async fn the_file_of_a_version_is_handed_out_as_it_was_sent() {
    let server = Server::start().await;
    let file = async |query: &str| {
        let answer = server.get(&format!("{DEMO}/packs/acme.lines/file{query}")).await;
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    };
    assert_eq!(
        [file("").await, file("?version=1.3.0").await],
        [(200, "PK acme.lines that serves".to_owned()), (200, "PK acme.lines 1.3.0".to_owned())]
    );
}

#[tokio::test]
async fn a_log_is_read_on_from_where_the_last_answer_ended() {
    let server = Server::start().await;
    let line = PackLogLine {
        at: "2026-11-22T10:00:00.000000Z".into(),
        component: "acme.lines/lines".into(),
        level: "warn".into(),
        message: "nobody is free".into(),
        fields: vec![PackLogField { name: "queue".into(), value: "sales".into() }],
        dropped: 0,
    };
    *server.host.pack_log.lock().unwrap() = PackLog { lines: vec![line], next: 7, lost: true };
    let answer = server.get(&format!("{DEMO}/packs/acme.lines/logs?after=3")).await.json();
    assert_eq!((&answer["lines"][0]["fields"][0]["value"], &answer["next"]), (&json!("sales"), &json!(7)));
}

#[tokio::test]
async fn traces_of_a_plugin_are_read_on_and_one_that_is_not_there_is_refused() {
    let server = Server::start().await;
    let traces = |plugin: &str| format!("{DEMO}/plugins/{plugin}/traces");
    *server.host.plugin_traces.lock().unwrap() = Some(PluginTraces { traces: vec![trace()], next: 7 });
    let answer = server.get(&format!("{}?after=9&interaction=i3&slow_us=5000", traces("acme.lines"))).await.json();
    let calls = json!([{ "what": "http", "about": "GET crm.example", "took_us": 900, "ended": "timed-out" }]);
    assert_eq!(
        (&answer["traces"][0]["calls"], &answer["traces"][0]["outcome"], &answer["next"]),
        (&calls, &json!("deadline"), &json!(9))
    );
    let refused = [
        server.get(&traces("acme.none%2Flines")).await.problem(),
        server.get(&traces("acme%20lines")).await.problem(),
        server.get(&format!("{}?interaction=mine", traces("acme.lines"))).await.problem(),
    ];
    let expected = [(404, "not-found"), (404, "not-found"), (400, "bad-request")];
    assert_eq!(refused, expected.map(|(status, word)| (status, word.to_owned())));
}

fn trace() -> PluginTrace {
    let call =
        PluginCall { what: "http".into(), about: "GET crm.example".into(), took_us: 900, ended: "timed-out".into() };
    PluginTrace {
        number: 7,
        at: "2026-11-22T10:00:00.000000Z".into(),
        plugin: "acme.lines/lines".into(),
        version: "ab".repeat(8),
        world: "connector-plugin".into(),
        question: "invoke".into(),
        interaction: Some(3),
        waited_us: 10,
        took_us: 1_000,
        budget_us: 1_000,
        worked_us: 40,
        fuel: None,
        memory_bytes: 65_536,
        fresh: true,
        calls: vec![call],
        more_calls: 0,
        outcome: "deadline".into(),
        why: Some("plugin did not answer within 1ms".into()),
        kept: "failed".into(),
    }
}

#[tokio::test]
async fn a_plan_tells_who_serves_whom_and_how_they_do() {
    let server = Server::start().await;
    let version = |role, version: &str, counted| RolloutVersion {
        role,
        version: version.into(),
        digest: "ab".repeat(32),
        live: 3,
        counted,
    };
    let counted = RolloutTally { questions: 9, trapped: 1, ..RolloutTally::default() };
    *server.host.rollout.lock().unwrap() = Some(RolloutView {
        pack: "acme.lines".into(),
        stage: RolloutStage::Canary,
        audience: Some("share=5%".into()),
        watched_until: None,
        budget: "failures=1%".into(),
        versions: vec![version(RolloutRole::Stable, "1.0.0", Some(counted)), version(RolloutRole::Old, "0.9.0", None)],
    });
    let answer = server.get(&format!("{DEMO}/packs/acme.lines/rollout")).await.json();
    let read = ["/stage", "/audience", "/versions/0/counted/trapped", "/versions/1/role", "/versions/1/counted"];
    assert_eq!(
        read.map(|pointer| answer.pointer(pointer).cloned().unwrap()),
        [json!("canary"), json!("share=5%"), json!(1), json!("old"), json!(null)]
    );
}
