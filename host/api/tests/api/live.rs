//! Live events over a real WebSocket: no gap, nothing twice, nobody waits for a slow reader.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use plugboard_api::{HostError, Limits};
use plugboard_exchange::SharedEvent;
use plugboard_model::{Event, EventKind, InteractionId, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::client::{Server, refused};

const LIVE: &str = "/v1/tenants/demo/events/live";
pub(crate) const UPGRADE: [(&str, &str); 4] = [
    ("Upgrade", "websocket"),
    ("Connection", "close, Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

pub(crate) async fn follow(server: &Server, query: &str) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://{}{LIVE}{query}", server.address).into_client_request().unwrap();
    request.headers_mut().insert("Authorization", "Bearer open-sesame".parse().unwrap());
    let stream = TcpStream::connect(server.address).await.unwrap();
    client_async(request, stream).await.unwrap().0
}

/// The `seq` of the next `count` events.
pub(crate) async fn take(socket: &mut WebSocketStream<TcpStream>, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.len() < count {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            seqs.push(serde_json::from_str::<Value>(&text).unwrap()["seq"].as_u64().unwrap());
        }
    }
    seqs
}

/// The frame that the server closes with, whatever comes before.
pub(crate) async fn farewell(socket: &mut WebSocketStream<TcpStream>) -> Option<CloseFrame> {
    loop {
        if let Message::Close(frame) = socket.next().await?.ok()? {
            return frame;
        }
    }
}

fn fact(revision: u64) -> EventKind {
    EventKind::ConfigurationApplied { revision }
}

fn tagged(interaction: u64) -> EventKind {
    EventKind::Tagged { interaction: InteractionId(interaction), name: "order".into(), value: "1".into() }
}

fn event(seq: u64) -> SharedEvent {
    Arc::new(Event { seq, at: Timestamp::from_secs(seq), kind: fact(seq) })
}

/// Waits until a reader listens to what is live.
async fn listened_to(server: &Server) {
    server.host.followed.notified().await;
}

#[tokio::test]
async fn a_reader_gets_the_log_and_then_what_happens_with_no_gap() {
    let server = Server::start().await;
    for seq in 1..=600 {
        server.host.write(Timestamp::from_secs(seq), fact(seq));
    }
    let mut socket = follow(&server, "?after=10").await;
    assert_eq!(take(&mut socket, 590).await, (11..=600).collect::<Vec<_>>());
    for seq in 601..=603 {
        server.host.say(Timestamp::from_secs(seq), fact(seq));
    }
    assert_eq!(take(&mut socket, 3).await, [601, 602, 603]);
}

#[tokio::test]
async fn an_event_is_one_text_frame_of_json() {
    let server = Server::start().await;
    server.host.write(Timestamp::from_micros(5), fact(9));
    let frame = follow(&server, "?after=0").await.next().await.unwrap().unwrap();
    let told: Value = serde_json::from_str(frame.to_text().unwrap()).unwrap();
    assert_eq!(
        told,
        json!({ "seq": 1, "at": "1970-01-01T00:00:00.000005Z", "type": "configuration-applied", "revision": 9 })
    );
}

#[tokio::test]
async fn a_reader_of_one_interaction_gets_its_events_only() {
    let server = Server::start().await;
    server.host.write(Timestamp::EPOCH, fact(1));
    for interaction in [7, 8, 7] {
        server.host.write(Timestamp::EPOCH, tagged(interaction));
    }
    let mut socket = follow(&server, "?after=0&interaction=7").await;
    assert_eq!(take(&mut socket, 2).await, [2, 4]);
}

#[tokio::test]
async fn without_a_beginning_a_reader_gets_what_happens_from_now_on() {
    let server = Server::start().await;
    server.host.write(Timestamp::EPOCH, fact(1));
    let mut socket = follow(&server, "").await;
    listened_to(&server).await;
    server.host.say(Timestamp::EPOCH, fact(2));
    assert_eq!(take(&mut socket, 1).await, [2]);
}

#[tokio::test]
async fn live_events_that_run_ahead_of_the_log_wait_for_those_before_them() {
    let server = Server::start().await;
    server.host.write(Timestamp::EPOCH, fact(1));
    let mut socket = follow(&server, "?after=0").await;
    assert_eq!(take(&mut socket, 1).await, [1]);
    server.host.live.send(event(3)).unwrap();
    // Give the server every chance to tell event 3 too early.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    server.host.write(Timestamp::EPOCH, fact(2));
    server.host.write(Timestamp::EPOCH, fact(3));
    assert_eq!(take(&mut socket, 2).await, [2, 3]);
}

#[tokio::test]
async fn what_a_lagging_reader_misses_live_comes_out_of_the_log() {
    let server = Server::start().await;
    let mut socket = follow(&server, "?after=0").await;
    listened_to(&server).await;
    // More at once than the live channel holds; this thread runs the server too, so it can read none of them meanwhile.
    for seq in 1..=500 {
        server.host.say(Timestamp::from_secs(seq), fact(seq));
    }
    assert_eq!(take(&mut socket, 500).await, (1..=500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_slow_reader_is_closed_with_1013_and_told_where_to_go_on() {
    let limits = Limits { slow_reader: Duration::from_millis(300), ..Limits::default() };
    let server = Server::with(limits).await;
    let detail: Arc<str> = "x".repeat(64 * 1024).into();
    for _ in 0..1_000 {
        server.host.write(Timestamp::EPOCH, EventKind::Alarm { name: "big".into(), detail: detail.clone() });
    }
    let mut socket = follow(&server, "?after=0").await;
    // The reader takes nothing until the server has given it up, and comes back before the grace ends.
    server.host.live.closed().await;
    let mut last = 0;
    let frame = loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => last = serde_json::from_str::<Value>(&text).unwrap()["seq"].as_u64().unwrap(),
            Message::Close(frame) => break frame.unwrap(),
            _ => {}
        }
    };
    let reason = format!("events are not read in time; resume with after={last}");
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1013, reason.as_str()));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_closes_with_1011() {
    let server = Server::start().await;
    *server.host.failure.lock().unwrap() = Some(HostError::Store { reason: "gone".into() });
    let frame = farewell(&mut follow(&server, "?after=4").await).await.unwrap();
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1011, "the log cannot be read; resume with after=4"));
}

#[tokio::test]
async fn a_host_that_stops_closes_with_1001_and_waits_for_no_reader() {
    let server = Server::start().await;
    let mut socket = follow(&server, "").await;
    listened_to(&server).await;
    server.stop().await;
    assert_eq!(farewell(&mut socket).await.map(|frame| u16::from(frame.code)), Some(1001));
}

#[tokio::test]
async fn a_quiet_connection_is_pinged() {
    let server = Server::with(Limits { ping: Duration::from_millis(10), ..Limits::default() }).await;
    let mut socket = follow(&server, "").await;
    assert!(socket.next().await.unwrap().unwrap().is_ping());
}

#[tokio::test]
async fn a_browsers_session_follows_from_this_hosts_page_only() {
    let server = Server::start().await;
    let json = [("Content-Type", "application/json")];
    let login = server.ask_as_nobody("POST", "/v1/login", &json, br#"{"token":"only-demo"}"#).await;
    let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let mut headers = UPGRADE.to_vec();
    headers.extend([("Cookie", cookie.as_str()), ("Origin", "https://evil.example")]);
    assert_eq!(server.ask("GET", LIVE, &headers, b"").await.problem(), refused(403, "forbidden"));
    let mut request = format!("ws://{}{LIVE}", server.address).into_client_request().unwrap();
    request.headers_mut().insert("Cookie", cookie.parse().unwrap());
    request.headers_mut().insert("Origin", format!("http://{}", server.address).parse().unwrap());
    let stream = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(client_async(request, stream).await.unwrap().1.status(), 101);
}

#[tokio::test]
async fn without_an_upgrade_it_is_426_and_without_room_503() {
    let server = Server::with(Limits { followers: 1, ..Limits::default() }).await;
    assert_eq!(server.get(LIVE).await.problem(), refused(426, "upgrade-required"));
    let _first = follow(&server, "").await;
    listened_to(&server).await;
    assert_eq!(server.ask("GET", LIVE, &UPGRADE, b"").await.problem(), refused(503, "too-many-followers"));
}
