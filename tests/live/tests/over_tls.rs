//! SIP by TLS: who is let in by a certificate, and certificates that are renewed under way.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    process::Command,
    time::Duration,
};

use plugboard_live::{Host, Surroundings, Tenant};

const SOON: Duration = Duration::from_secs(20);
const CARRIER: &str = "sip.carrier.example";

fn encrypted(tenant: &Tenant) -> Host {
    Host::start_in(tenant, Surroundings { encrypted: true, ..Surroundings::default() })
}

/// A request that begins something, with this to tell it from others.
fn request(method: &str, number: &str, host: &Host, branch: &str) -> String {
    let to = host.encrypted("TLS");
    format!(
        "{method} sip:{number}@{to} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;rport;branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:4930@127.0.0.1>;tag=f{branch}\r\nTo: <sip:{number}@{to}>\r\n\
         Call-ID: {branch}@127.0.0.1\r\nCSeq: 1 {method}\r\nContact: <sip:4930@127.0.0.1:9;transport=tls>\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// Its status, without the phrase; the whole message is taken.
fn status(stream: &mut impl Read) -> String {
    let mut stream = BufReader::with_capacity(1, stream);
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some((_, value)) = line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.trim().parse().unwrap();
        }
    }
    std::io::copy(&mut stream.take(length), &mut std::io::sink()).unwrap();
    first.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn a_trunk_is_let_in_by_the_certificate_that_it_shows_and_a_stranger_is_not() {
    let host = encrypted(&Tenant { trunk_certificate: Some(CARRIER), ..Tenant::default() });
    let authority = host.authority();
    authority.sign("carrier", CARRIER);
    authority.sign("stranger", "sip.stranger.example");
    let told = [Some("carrier"), Some("stranger"), None].map(|shows| {
        let mut stream = authority.connect(host.encrypted("TLS"), shows);
        let branch = shows.unwrap_or("nobody");
        stream.write_all(request("INVITE", "8001", &host, branch).as_bytes()).unwrap();
        let mut last = status(&mut stream);
        while last.starts_with('1') {
            last = status(&mut stream);
        }
        last
    });
    assert_eq!(told, ["200", "403", "403"]);
}

#[test]
fn certificates_that_are_renewed_serve_from_the_next_connection_on_and_the_others_go_on() {
    let host = encrypted(&Tenant::default());
    let authority = host.authority();
    let mut before = authority.connect(host.encrypted("TLS"), None);
    before.write_all(request("OPTIONS", "8001", &host, "a").as_bytes()).unwrap();
    let first = status(&mut before);
    authority.sign("host", "127.0.0.1");
    assert!(Command::new("kill").args(["-HUP", &host.process().to_string()]).status().unwrap().success());
    host.until_said("certificates were read again", SOON);
    let mut after = authority.connect(host.encrypted("TLS"), None);
    let answers = [("b", &mut before), ("c", &mut after)].map(|(branch, stream)| {
        stream.write_all(request("OPTIONS", "8001", &host, branch).as_bytes()).unwrap();
        status(stream)
    });
    assert_eq!((first.as_str(), answers), ("200", ["200".to_owned(), "200".to_owned()]));
    assert_ne!(before.conn.peer_certificates(), after.conn.peer_certificates());
}
