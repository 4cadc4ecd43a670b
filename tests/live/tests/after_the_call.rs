//! What is left of a call, over the API: the recording in ranges and the record as a table.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use plugboard_live::{Ear, Host, Sipp, Tenant, free_port};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_recording_is_given_out_in_ranges_and_the_record_as_a_table() {
    let host = Host::start(&Tenant::default());
    let mut events = host.events();
    let ear = Ear::open(None);
    let (key, port) = (ear.port.to_string(), free_port());
    host.register(&[Tenant::agent(1)], port);
    let phone =
        Sipp::start(host.scratch(), "agent", host.sip, port, 1, &[], &["-d", "500", "-key", "ear", &key]).listening();
    let rows = ["4930123;8002".to_owned()];
    Sipp::start(host.scratch(), "caller", host.sip, 0, 1, &rows, &["-key", "ear", &key]).done();
    phone.done();
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
        ["from", "to", "answered", "queue", "agent", "ended_by"].map(cell),
        ["4930123", "8002", "true", "sales", "a001", "agent"]
    );
}
