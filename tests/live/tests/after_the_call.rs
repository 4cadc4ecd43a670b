//! What is left of a call, over the API: the recording in ranges and the record as a table.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use plugboard_live::{Ear, Events, Host, Tenant};

const SOON: Duration = Duration::from_secs(20);

/// One call of 4930123 to queue sales, answered by a001 and over; gives what was told while it went on.
fn one_call(host: &Host) -> Events {
    let events = host.events();
    let ear = Ear::open(None);
    let phone = host.phone("agent", 1, &ear, 500);
    host.caller("caller", "4930123", "8002", &ear).done();
    phone.done();
    events
}

#[test]
fn a_recording_is_given_out_in_ranges_and_the_record_as_a_table() {
    let host = Host::start(&Tenant::default());
    let mut events = one_call(&host);
    // Whoever follows the events knows of the end within two seconds of the hang-up.
    events.until_count("interaction-closed", 1, Duration::from_secs(2));
    events.until_count("recording-closed", 1, SOON);

    // What came of it is known later only.
    let interaction = host.cdrs()[0]["interaction"].as_u64().unwrap();
    let said =
        host.command(["call", "disposition", &format!("i{interaction}"), "sold", "--note", "two lanterns"]).output();
    let said = said.unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let disposition = &host.cdrs()[0]["disposition"];
    assert_eq!((&disposition["code"], &disposition["note"]), (&"sold".into(), &"two lanterns".into()));

    let listed = host.get("recordings");
    let id = listed["items"][0]["recording"].as_u64().unwrap();
    let path = format!("recordings/{id}");
    let (status, headers, whole) = host.fetch(&path, &[]);
    let header = |headers: &[(String, String)], name: &str| {
        headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!((status, header(&headers, "content-type"), &whole[..4]), (200, "audio/wav".to_owned(), &b"RIFF"[..]));
    let (status, headers, part) = host.fetch(&path, &[("Range", "bytes=44-143")]);
    let range = format!("bytes 44-143/{}", whole.len());
    assert_eq!((status, header(&headers, "content-range"), part), (206, range, whole[44..144].to_vec()));
    let (status, _, tail) = host.fetch(&path, &[("Range", "bytes=-10")]);
    assert_eq!((status, tail), (206, whole[whole.len() - 10..].to_vec()));
    let (status, _, _) = host.fetch(&path, &[("Range", "bytes=999999999-")]);
    assert_eq!(status, 416);

    let (status, headers, table) = host.fetch("cdrs", &[("Accept", "text/csv")]);
    assert_eq!((status, header(&headers, "content-type").starts_with("text/csv")), (200, true));
    let table = String::from_utf8(table).unwrap();
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let values: Vec<&str> = lines.next().unwrap().split(',').collect();
    let cell = |name: &str| values[names.iter().position(|found| *found == name).unwrap()];
    assert_eq!(
        ["from", "to", "answered", "queues", "agents", "ended_by"].map(cell),
        ["4930123", "8002", "true", "sales", "a001", "agent"]
    );
}

#[test]
fn a_record_is_found_by_number_agent_queue_and_time_and_by_nothing_else() {
    let host = Host::start(&Tenant::default());
    one_call(&host).until_count("interaction-closed", 1, SOON);
    let found = |query: &str| host.get(&format!("cdrs?{query}"))["items"].as_array().unwrap().len();
    let begun = host.cdrs()[0]["started_at"].as_str().unwrap().to_owned();
    let year = &begun[..4];
    let this_year = format!("from={year}-01-01T00:00:00Z&to={year}-12-31T23:59:59Z");
    let hits = [
        "caller=4930123",
        "called=8002",
        "agent=a001",
        "queue=sales",
        &this_year,
        &format!("from={begun}&caller=4930123&called=8002&agent=a001&queue=sales"),
    ];
    assert_eq!(hits.map(found), [1; 6]);
    let misses = [
        "caller=493012",
        "called=8001",
        "agent=a002",
        "queue=other",
        &format!("to={begun}"),
        "from=2099-01-01T00:00:00Z",
        "caller=4930123&agent=a002",
    ];
    assert_eq!(misses.map(found), [0; 7]);
}

#[test]
fn an_event_that_was_told_is_told_again_under_its_number_to_whoever_asks_from_before() {
    let host = Host::start(&Tenant::default());
    let told = one_call(&host).until_count("interaction-closed", 1, SOON).to_vec();
    let last = told.last().unwrap();
    let mut again = host.events_after(last["seq"].as_u64().unwrap() - 1);
    assert_eq!(&again.until("the same event", SOON, |all| !all.is_empty())[0], last);
}
