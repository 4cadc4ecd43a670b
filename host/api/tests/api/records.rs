//! Call detail records, recordings, and the log of events.

use std::time::Duration;

use plugboard_api::{RecordingFile, Sha256, Sound};
use plugboard_model::{EventKind, InteractionId, RecordingId, Timestamp, tape::Tape};
use plugboard_reporting::Cdr;
use serde_json::{Value, json};

use crate::{
    DEMO,
    client::{Server, refused},
    double::{cdr, segment, visit},
};

/// Bo's phone rang, Amy answered; it began so many minutes past ten.
fn answered(interaction: u64) -> Cdr {
    let started_at = Timestamp::from_rfc3339(&format!("2026-11-22T10:{interaction:02}:00Z")).unwrap();
    let answered_at = started_at + Duration::from_secs(9);
    Cdr {
        from: "49,30".into(),
        answered: true,
        wait_ms: 1_200,
        queues: vec![visit("sales", started_at)],
        agents: vec![segment("bo", started_at, None), segment("amy", started_at, Some(answered_at))],
        ..cdr(InteractionId(interaction), started_at)
    }
}

#[tokio::test]
async fn records_are_filtered_paged_and_read_one_by_one() {
    let server = Server::start().await;
    *server.host.cdrs.lock().unwrap() = (1..=5).rev().map(answered).collect();
    let query = "from=2026-11-22T10:02:00Z&to=2026-11-22T18:05:00%2B08:00&queue=sales&limit=2";
    let page = server.get(&format!("{DEMO}/cdrs?{query}")).await.json();
    assert_eq!((&page["items"][0]["interaction"], &page["next"]), (&json!(4), &json!("2")));
    let page = server.get(&format!("{DEMO}/cdrs?{query}&cursor=2")).await.json();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (1, &Value::Null));
    assert_eq!(server.get(&format!("{DEMO}/cdrs/3")).await.json(), serde_json::to_value(answered(3)).unwrap());
    assert_eq!(server.get(&format!("{DEMO}/cdrs/9")).await.problem(), refused(404, "not-found"));
}

#[tokio::test]
async fn records_come_as_csv_where_that_is_asked_for_with_the_next_page_in_link() {
    let server = Server::start().await;
    *server.host.cdrs.lock().unwrap() = vec![answered(1), answered(2)];
    let answer = server.ask("GET", &format!("{DEMO}/cdrs?limit=1"), &[("Accept", "text/csv")], b"").await;
    assert_eq!(answer.header("link"), Some("</v1/tenants/demo/cdrs?limit=1&cursor=1>; rel=\"next\""));
    let table = String::from_utf8(answer.body).unwrap();
    assert_eq!(
        table.lines().nth(1),
        Some(
            "i1,1,inbound,voice,\"49,30\",8000,2026-11-22T10:01:00.000Z,,,2026-11-22T10:02:00.000Z,true,false,false,false,\
             caller,16,,60000,60000,1200,0,0,0,0,sales,amy,,,,,,,,"
        )
    );
    let answer = server.ask("GET", &format!("{DEMO}/cdrs?bom=true"), &[("Accept", "text/csv")], b"").await;
    assert_eq!(answer.body.get(..15), Some("\u{feff}interaction,".as_bytes()));
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
        sound: Sound::new((InteractionId(3), path)),
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
    server.host.recordings.lock().unwrap()[0].sound = Sound::new((InteractionId(3), "/nowhere/at/all.wav".into()));
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

#[tokio::test]
async fn tapes_are_listed_by_flow_queue_and_time_and_the_tables_that_they_name_by_name() {
    let server = Server::start().await;
    let tape = |number: u64, flow: &str| Tape {
        interaction: InteractionId(number),
        begun_at: Timestamp::from_secs(number * 100),
        flows: vec![flow.parse().unwrap()],
        queues: if number == 2 { vec!["sales".parse().unwrap()] } else { Vec::new() },
        is_cut: false,
        left_out: 0,
        lines: format!("{{\"n\":{number}}}\n"),
    };
    *server.host.tapes.lock().unwrap() = vec![tape(1, "main"), tape(2, "night"), tape(3, "main")];
    let told = async |query: &str| {
        let page = server.get(&format!("{DEMO}/tapes{query}")).await.json();
        page["items"].as_array().unwrap().iter().map(|tape| tape["lines"].to_string()).collect::<String>()
    };
    assert_eq!(told("?flow=main").await, r#""{\"n\":1}\n""{\"n\":3}\n""#);
    assert_eq!(told("?from=1970-01-01T00:02:00Z&to=1970-01-01T00:05:00Z").await, r#""{\"n\":2}\n""#);
    assert_eq!(told("?queue=sales").await, r#""{\"n\":2}\n""#);
    let tables = async |name: &str| server.get(&format!("{DEMO}/tapes/tables/{name}")).await;
    assert_eq!(tables("t1").await.json()["skills"], json!(["french"]));
    assert_eq!(tables("t2").await.problem().0, 404);
    assert_eq!(server.get(&format!("{DEMO}/tapes?from=noon")).await.problem().0, 400);
}

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

fn tagged(interaction: u64) -> EventKind {
    EventKind::Tagged { interaction: InteractionId(interaction), name: "order".into(), value: "1".into() }
}

#[tokio::test]
async fn events_of_one_interaction_are_read_in_pages_past_all_others() {
    let server = Server::start().await;
    for seq in 1..=2_500 {
        let kind = match seq % 1_000 {
            0 => tagged(7),
            _ => EventKind::ConfigurationApplied { revision: seq },
        };
        server.host.write(Timestamp::from_secs(seq), kind);
    }
    let read = async |after: &str| {
        let page = server.get(&format!("{DEMO}/events?interaction=i7&limit=1&after={after}")).await.json();
        (page["items"][0]["seq"].as_u64(), page["next"].as_str().unwrap().to_owned())
    };
    assert_eq!(read("0").await, (Some(1_000), "1000".to_owned()));
    assert_eq!(read("1000").await, (Some(2_000), "2000".to_owned()));
    assert_eq!(read("2000").await, (None, "2500".to_owned()));
    assert_eq!(read("2500").await, (None, "2500".to_owned()));
    let answer = server.get(&format!("{DEMO}/events?interaction=seven")).await;
    assert_eq!(answer.problem(), refused(400, "bad-request"));
}
