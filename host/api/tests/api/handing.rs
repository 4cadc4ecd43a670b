//! What leaves the host: judged where the tenant has rules, masked where a rule or a role wants it, and sealed until then.

use std::sync::{Arc, atomic::Ordering};

use plugboard_api::{HostError, Limits, Token};
use plugboard_exchange::{Command, CommandError, Handout};
use plugboard_model::{
    Configuration, EventKind, InteractionId, Timestamp,
    compliance::{Asker, Denial, Effect, Export, Role, Rule},
};
use serde_json::{Value, json};

use crate::{
    DEMO,
    client::{Server, refused},
    double::{cdr, configuration},
    live::{UPGRADE, farewell, follow, take},
};

const CUSTOMER: &str = "+8613800138000";

/// A host with a call of a customer behind it, and tokens of an administrator and of an agent.
async fn server(rules: &[&str]) -> Server {
    let tokens = vec![Token::new("root", "open-sesame"), Token::new("desk", "the-desk").for_role(Role::Agent)];
    let server = Server::for_tokens(Limits::default(), tokens).await;
    let rules = rules.iter().map(|name| ((*name).into(), Rule { plugin: (*name).into(), settings: Arc::default() }));
    *server.host.configuration.lock().unwrap() = Arc::new(Configuration { rules: rules.collect(), ..configuration() });
    let began = Timestamp::from_secs(1_000);
    let record =
        |interaction| plugboard_reporting::Cdr { from: CUSTOMER.into(), ..cdr(InteractionId(interaction), began) };
    *server.host.cdrs.lock().unwrap() = vec![record(2), record(1)];
    server.host.say(began, EventKind::ConfigurationApplied { revision: 7 });
    let (interaction, reason) = (InteractionId(1), format!("{CUSTOMER} is unknown").into());
    server.host.say(began, EventKind::PromptFailed { interaction, prompt: "welcome".into(), reason });
    server
}

/// As the agent at the desk asks.
const DESK: [(&str, &str); 1] = [("Authorization", "Bearer the-desk")];

fn handouts(server: &Server) -> Vec<Handout> {
    let commands = server.host.commands.lock().unwrap();
    let handout = |command: &Command| match command {
        Command::HandOut(handout) => Some((**handout).clone()),
        _ => None,
    };
    commands.iter().filter_map(handout).collect()
}

fn denied() -> HostError {
    let (rule, code, reason) = ("office".into(), "not-yours".into(), "the rule {} forbids it".into());
    HostError::Command(CommandError::Denied(Denial { rule, code, reason, later: None }))
}

#[tokio::test]
async fn a_tenant_without_rules_hands_out_what_is_asked_for_and_asks_nobody() {
    let server = server(&[]).await;
    let page = server.get(&format!("{DEMO}/cdrs")).await.json();
    let events = server.get(&format!("{DEMO}/events")).await.json();
    assert_eq!((&page["items"][0]["from"], events["items"].as_array().map(Vec::len)), (&json!(CUSTOMER), Some(2)));
    assert_eq!(handouts(&server), Vec::new());
}

#[tokio::test]
async fn rules_are_told_what_leaves_who_wants_it_and_why() {
    let server = server(&["office"]).await;
    let accept = [("Accept", "text/csv"), ("Authorization", "Bearer the-desk")];
    server.ask("GET", &format!("{DEMO}/cdrs?reason=tax%20audit"), &accept, b"").await;
    let export = Export {
        kind: "interactions".into(),
        role: "agent".into(),
        rows: 2,
        personal: true,
        masked: true,
        target: "download".into(),
        reason: "tax audit".into(),
    };
    let expected = Handout { by: Asker::Api("desk".into()), what: Effect::Export(export), interaction: None };
    assert_eq!(handouts(&server), [expected]);
    assert_eq!(*server.host.asked_by.lock().unwrap(), "desk");
}

#[tokio::test]
async fn a_rule_that_says_no_keeps_everything_in_the_host() {
    let server = server(&["office"]).await;
    let interval = plugboard_reporting::QueueInterval {
        queue: "sales".parse().unwrap(),
        start: plugboard_reporting::interval_of(Timestamp::from_secs(1_000)),
        as_of: 1,
        counters: Default::default(),
    };
    server.host.queue_intervals.lock().unwrap().push(interval);
    let began = "from=1970-01-01T00:00:00Z&to=1970-01-02T00:00:00Z";
    for path in ["cdrs", "cdrs/1", "events", "events?interaction=1", &format!("figures/queues?{began}")] {
        server.host.replies.lock().unwrap().push(Err(denied()));
        let answer = server.get(&format!("{DEMO}/{path}")).await;
        assert_eq!(answer.problem(), refused(403, "denied-by-rule"), "{path}");
        assert_eq!(answer.json()["errors"][0]["code"], "not-yours");
    }
    server.host.replies.lock().unwrap().push(Err(denied()));
    let answer = server.ask("GET", &format!("{DEMO}/events/live"), &UPGRADE, b"").await;
    assert_eq!(answer.problem(), refused(403, "denied-by-rule"));
}

#[tokio::test]
async fn a_duty_to_mask_masks_the_export_as_json_as_a_table_and_as_events() {
    let server = server(&["masking"]).await;
    server.host.masks.store(true, Ordering::Relaxed);
    let page = server.get(&format!("{DEMO}/cdrs")).await.json();
    let table = server.ask("GET", &format!("{DEMO}/cdrs"), &[("Accept", "text/csv")], b"").await.body;
    let events = server.get(&format!("{DEMO}/events")).await.json();
    assert_eq!(
        (&page["items"][0]["from"], &page["items"][0]["started_at"], &events["items"][1]["reason"]),
        (&json!("+861******8000"), &json!("1970-01-01T00:16:40.000Z"), &json!("+861******8000 is unknown"))
    );
    let table = String::from_utf8(table).unwrap();
    assert!(table.contains("+861******8000") && !table.contains("138001"), "{table}");
}

/// The log would else grow with each look at it.
#[tokio::test]
async fn events_that_are_about_no_person_leave_without_a_question() {
    let server = server(&["office"]).await;
    server.host.log.lock().unwrap().truncate(1);
    server.get(&format!("{DEMO}/events")).await;
    assert_eq!(handouts(&server), Vec::new());
}

#[tokio::test]
async fn an_agent_sees_numbers_masked_and_asks_for_each_that_must_be_seen() {
    let server = server(&[]).await;
    let desk = async |path: &str| server.ask("GET", &format!("{DEMO}/{path}"), &DESK, b"").await.json();
    let (page, events) = (desk("cdrs").await, desk("events").await);
    assert_eq!(
        (&page["items"][0]["from"], &events["items"][1]["reason"]),
        (&json!("+861******8000"), &json!("+861******8000 is unknown"))
    );
    let ask = [DESK[0], ("Content-Type", "application/json")];
    let path = format!("{DEMO}/cdrs/1/unmask");
    let shown = server.ask("POST", &path, &ask, br#"{ "reason": "calls back" }"#).await.json();
    assert_eq!(shown, json!({ "from": CUSTOMER, "to": "8000", "parties": [] }));
    let seen = handouts(&server);
    let told = seen.iter().map(|handout| match &handout.what {
        Effect::Unmask(unmask) => {
            (unmask.kind.as_str(), unmask.role.as_str(), unmask.reason.as_str(), handout.interaction)
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), [("phone", "agent", "calls back", Some(InteractionId(1)))]);
}

#[tokio::test]
async fn a_tape_leaves_to_nobody_for_whom_numbers_are_masked() {
    let server = server(&[]).await;
    let tape = plugboard_model::tape::Tape {
        interaction: InteractionId(1),
        begun_at: Timestamp::from_secs(1_000),
        flows: vec![],
        queues: vec![],
        is_cut: false,
        left_out: 0,
        lines: String::new(),
    };
    server.host.tapes.lock().unwrap().push(tape);
    let answer = server.ask("GET", &format!("{DEMO}/tapes"), &DESK, b"").await;
    assert_eq!(answer.problem(), refused(403, "forbidden"));
    assert_eq!(server.get(&format!("{DEMO}/tapes")).await.json()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_goes_on_now_is_masked_by_role_and_is_no_export() {
    let server = server(&["office"]).await;
    let call = plugboard_exchange::CallSnapshot {
        interaction: InteractionId(3),
        from: CUSTOMER.into(),
        to: "8000".into(),
        started: Timestamp::EPOCH,
        stage: "talking",
        queue: None,
        agent: None,
        position: None,
        estimated_wait_ms: None,
        recording: false,
    };
    server.host.snapshot.lock().unwrap().calls.push(call);
    let desk = async |path: &str| server.ask("GET", &format!("{DEMO}/{path}"), &DESK, b"").await.json();
    let masked: Vec<Value> = vec![
        desk("live").await["calls"][0]["from"].clone(),
        desk("calls").await["items"][0]["from"].clone(),
        desk("calls/3").await["from"].clone(),
    ];
    assert_eq!(masked, vec![json!("+861******8000"); 3]);
    assert_eq!(server.get(&format!("{DEMO}/calls/3")).await.json()["from"], CUSTOMER);
    assert_eq!(handouts(&server), Vec::new());
}

#[tokio::test]
async fn a_reader_of_live_events_is_sent_away_once_a_rule_forbids_it() {
    let server = server(&[]).await;
    let mut socket = follow(&server, "?after=0").await;
    assert_eq!(take(&mut socket, 2).await, [1, 2]);
    let office = Rule { plugin: "office".into(), settings: Arc::default() };
    let ruled = Configuration { rules: [("office".into(), office)].into(), ..configuration() };
    *server.host.configuration.lock().unwrap() = Arc::new(ruled);
    server.host.replies.lock().unwrap().push(Err(denied()));
    server.host.say(Timestamp::from_secs(1_001), EventKind::ConfigurationApplied { revision: 8 });
    let farewell = farewell(&mut socket).await.map(|frame| u16::from(frame.code));
    assert_eq!(farewell, Some(1008));
}
