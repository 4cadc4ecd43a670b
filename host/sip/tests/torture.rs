//! The 49 cases of RFC 4475: valid messages are read with every header right, bad ones get the answer that is due.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "torture/messages.rs"]
mod messages;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use expect_test::expect;
use messages::{CASES, SDP};
use plugboard_sip::digest::{Authenticator, Checked, Where};
use plugboard_sip::message::{Contact, HeaderName, Scheme};
use plugboard_sip::{
    Config, Endpoint, Event, Input, Lookup, Message, Method, Output, Registrar, RegistrarConfig, Source, Transport,
};

fn bytes_of(text: &str) -> Vec<u8> {
    let text = text.replace("{sdp}", SDP).replace("{long}", &"verylong".repeat(20)).replace('\n', "\r\n");
    let body = text.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
    let text = text.replace("{len}", &body.to_string());
    let Some((before, after)) = text.split_once("{bin}") else { return text.into_bytes() };
    // As long as the place-holder, so that the length stays right.
    [before.as_bytes(), &[0x30, 0x82, 0x00, 0xff, 0xfe], after.as_bytes()].concat()
}

/// What an endpoint with a registrar behind it does with one datagram.
fn outcome(bytes: &[u8]) -> String {
    let mut config = Config::default();
    // The case with parts in its body is a MESSAGE, which an element for calls turns away.
    config.allow.push(Method::MESSAGE);
    let mut endpoint = Endpoint::new(config, 1);
    let mut registrar = Registrar::new(RegistrarConfig::default());
    let mut authenticator = Authenticator::new("example.org", [1; 32], Duration::from_secs(60));
    let (local, remote) = ("203.0.113.1:5060".parse().unwrap(), "203.0.113.9:5060".parse().unwrap());
    let source = Source { transport: Transport::Udp, local, remote, connection: None };
    let Ok(message) = Message::parse(bytes) else { return "unreadable".into() };
    endpoint.handle_input(Duration::ZERO, Input::Received { source, bytes });
    let mut said = Vec::new();
    while let Some(output) = endpoint.poll_output() {
        match output {
            Output::Send { bytes, .. } => {
                let response = Message::parse(&bytes).expect("what we write can be read");
                let code = response.status().expect("only responses go out here").code();
                match code {
                    100 => {}
                    405 => assert!(response.list(HeaderName::Allow).any(|m| m == "INVITE"), "405 says what is allowed"),
                    415 => assert_eq!(response.value(HeaderName::Accept), Some("application/sdp")),
                    420 => assert!(response.list(HeaderName::Unsupported).count() == 2),
                    _ => {}
                }
                if code != 100 {
                    said.push(code.to_string());
                }
            }
            Output::Event(Event::Incoming(_)) => said.push("incoming".into()),
            Output::Event(Event::Request { .. }) => said.push("request".into()),
            Output::Event(Event::Register { request, .. }) => {
                let wants_check = request.value(HeaderName::Authorization).is_some();
                let checked = authenticator.check(Duration::ZERO, &request, Where::User, |_| None);
                if wants_check && checked == (Checked::Challenge { stale: false }) {
                    said.push("401".into());
                    continue;
                }
                let response = registrar.handle_register(Duration::ZERO, &request, source, |_| Lookup::Known);
                said.push(match response.status.code() {
                    200 => format!("registered {}", response.headers.iter().filter(|(n, _)| n == "Contact").count()),
                    code => code.to_string(),
                });
            }
            Output::Event(other) => said.push(format!("{other:?}")),
        }
    }
    if said.is_empty() {
        said.push(if message.check().is_ok() { "not ours".into() } else { "bad response".into() });
    }
    said.join(", ")
}

#[test]
fn every_case_gets_what_is_due() {
    let wanted: Vec<String> = CASES.iter().map(|(case, due, _)| format!("{case}: {due}")).collect();
    let got: Vec<String> =
        CASES.iter().map(|(case, _, text)| format!("{case}: {}", outcome(&bytes_of(text)))).collect();
    assert_eq!(got, wanted);
}

#[test]
fn messages_of_the_rfc_itself_get_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/rfc4475");
    if !folder.is_dir() {
        println!("skipped: the messages of RFC 4475 are not beside this workspace");
        return;
    }
    // Where the RFC's message carries fewer or more contacts than ours.
    let registered = |case: &str, due: &str| if case == "escnull" { "registered 2".into() } else { due.to_owned() };
    let wanted: Vec<String> = CASES.iter().map(|(case, due, _)| format!("{case}: {}", registered(case, due))).collect();
    let got: Vec<String> = CASES
        .iter()
        .map(|(case, _, _)| {
            let bytes = std::fs::read(folder.join(format!("{case}.dat"))).expect("one file for each case");
            format!("{case}: {}", outcome(&bytes))
        })
        .collect();
    assert_eq!(got, wanted);
}

fn case(name: &str) -> Message {
    let (_, _, text) = CASES.iter().find(|(case, _, _)| *case == name).unwrap();
    Message::parse(&bytes_of(text)).unwrap()
}

#[test]
fn white_space_and_folds_are_seen_through() {
    let message = case("wsinv");
    let from = message.from().unwrap();
    assert_eq!((&*from.display, from.tag()), ("Eve \\\"", Some("e1")));
    assert_eq!(message.to().unwrap().tag(), Some("77aa"));
    assert_eq!(message.cseq().unwrap().number, 31);
    assert_eq!(message.max_forwards(), Some(42));
    let vias: Vec<_> = message.vias().map(|via| (via.transport_name, via.host, via.branch())).collect();
    assert_eq!(
        vias,
        [
            ("UDP", "198.51.100.4", Some("oldstyle1")),
            ("TCP", "far.example.net", Some("z9hG4bKfar")),
            ("UDP", "10.9.8.7", Some("z9hG4bKnear")),
        ]
    );
    let contact = message.contact().unwrap();
    assert_eq!(
        (&*contact.display, contact.params.get("q"), contact.params.get("bare")),
        ("Q \"\"", Some("0.25"), Some(""))
    );
    assert_eq!(contact.params.get("fresh"), Some("thing"));
    assert_eq!(message.other("novel-header").as_deref(), Some("one two"));
    assert_eq!(message.other("Odd").as_deref(), Some(",;;,,;;"));
    assert_eq!(message.other("Subject").as_deref(), Some(""));
    assert_eq!(message.body().len(), SDP.replace('\n', "\r\n").len());
}

#[test]
fn every_character_that_the_grammar_allows_is_kept() {
    let message = case("intmeth");
    let uri = message.uri().unwrap();
    assert_eq!(uri.user(), Some("2_odd.USER~(no-no!yes)&aren't+we$/mad?,/;;*"));
    assert_eq!(uri.host(), "example.org");
    assert_eq!(message.to().unwrap().display, "BEL:\u{7} NUL:\u{0} DEL:\u{7f}");
    let from = message.from().unwrap();
    assert_eq!((from.tag(), from.params.get("p''~+*_!.-%")), (Some("_tg~2'+`*%!-."), Some("\"приве́т\"")));
    assert_eq!(message.call_id(), Some("odd.id%ZQ-!.*_+'@id`~)(><:\\/\"][?}{"));
}

#[test]
fn escapes_are_kept_and_undone_on_request() {
    let message = case("esc01");
    assert_eq!(message.uri().unwrap().user_decoded().as_deref(), Some("sips:anna@example.org"));
    assert_eq!(message.to().unwrap().uri().unwrap().user_decoded().as_deref(), Some("anna"));
    let contact = message.contact().unwrap().uri().unwrap();
    assert_eq!(contact.params().get("n%61me"), Some("v%61lue%25%34%31"));
    assert!(!contact.params().has("lr"), "an escaped lr is the parameter %6C%72");
    let zero = case("escnull");
    assert_eq!(zero.to().unwrap().uri().unwrap().user_decoded().as_deref(), Some("zero-\0-zero"));
    assert_eq!(case("esc02").contacts().count(), 2);
}

#[test]
fn parameter_is_the_users_the_uris_or_the_headers() {
    assert_eq!(case("semiuri").uri().unwrap().user(), Some("desk;par=x%40example.net"));
    let of = |name: &str| {
        let message = case(name);
        let Some(Contact::Address(contact)) = message.contacts().next() else { panic!() };
        (contact.params.has("novelty"), contact.uri().unwrap().params().has("novelty"))
    };
    assert_eq!((of("cparam01"), of("cparam02")), ((true, false), (false, true)));
}

#[test]
fn length_cuts_the_datagram_and_binary_bodies_stay_whole() {
    assert_eq!(case("dblreq").body(), b"");
    assert!(case("mpart01").body().windows(5).any(|bytes| bytes == [0x30, 0x82, 0x00, 0xff, 0xfe]));
    assert_eq!(case("unreason").phrase(), "= 3**2 да и нет");
    assert_eq!(case("noreason").phrase(), "");
    assert_eq!(case("unksm2").to().unwrap().uri().unwrap().scheme(), Scheme::Other);
    assert_eq!(case("longreq").vias().count(), 4);
}

/// Everything typed that a message holds, a line each.
fn dump(name: &str) -> String {
    let message = case(name);
    let mut text = format!("{name}\n");
    let mut line = |what: &str, value: String| {
        let value = value.replace(&"verylong".repeat(20), "{long}");
        writeln!(text, "  {what}: {value}").unwrap();
    };
    match (message.method(), message.status()) {
        (Some(method), _) => {
            let uri = message.uri().unwrap();
            line("request", format!("{method} {}", message.uri_text()));
            line(
                "uri",
                format!("{:?} user {:?} host {:?} port {:?}", uri.scheme(), uri.user(), uri.host(), uri.port()),
            );
        }
        (None, Some(status)) => line("response", format!("{} {:?}", status.code(), message.phrase())),
        (None, None) => unreachable!("a message is one or the other"),
    }
    for (what, party) in [("from", message.from()), ("to", message.to())] {
        let party = party.unwrap();
        line(what, format!("{:?} <{}> {:?}", party.display, party.uri_text, party.params.as_str()));
    }
    line(
        "call",
        format!("{:?}, {:?}", message.call_id(), message.cseq().map(|cseq| (cseq.number, cseq.method.to_string()))),
    );
    line("hops left", format!("{:?}", message.max_forwards()));
    for via in message.vias() {
        line("via", format!("{} {} {:?} branch {:?}", via.transport_name, via.host, via.port, via.branch()));
    }
    for contact in message.contacts() {
        match contact {
            Contact::All => line("contact", "*".into()),
            Contact::Address(contact) => {
                line("contact", format!("{:?} <{}> {:?}", contact.display, contact.uri_text, contact.params.as_str()));
            }
        }
    }
    line("body", format!("{:?} {} bytes", message.value(HeaderName::ContentType), message.body().len()));
    text
}

/// RFC 4475 §3.1.1.
#[test]
fn thirteen_valid_messages_are_read_with_every_header_right() {
    let all: String = CASES[..13].iter().map(|(name, ..)| dump(name)).collect();
    expect![[r#"
        wsinv
          request: INVITE sip:hall@gate.example.org;strange
          uri: Sip user Some("hall") host "gate.example.org" port None
          from: "Eve \\\"" <sip:eve@example.net> ";\r\n  tag = e1"
          to: "" <sip:hall@gate.example.org> ";  tag  = 77aa"
          call: Some("spaces@198.51.100.4"), Some((31, "INVITE"))
          hops left: Some(42)
          via: UDP 198.51.100.4 None branch Some("oldstyle1")
          via: TCP far.example.net None branch Some("z9hG4bKfar")
          via: UDP 10.9.8.7 None branch Some("z9hG4bKnear")
          contact: "Q \"\"" <sip:eve@198.51.100.4> "; fresh =\r\n     thing ;\r\n  bare ; q = 0.25"
          body: Some("application/sdp") 95 bytes
        intmeth
          request: !odd-Verb9_*+`.%good'~ sip:2_odd.USER~(no-no!yes)&aren't+we$/mad?,/;;*:&we+are=2,odd!*sec$re~t_yes.(isn't-it)@example.org
          uri: Sip user Some("2_odd.USER~(no-no!yes)&aren't+we$/mad?,/;;*") host "example.org" port None
          from: "first~` second'+_ third*%!.-" <sip:plain@example.org> ";p''~+*_!.-%=\"приве\u{301}т\";tag=_tg~2'+`*%!-."
          to: "BEL:\u{7} NUL:\0 DEL:\u{7f}" <sip:2_odd.USER~(no-no!yes)&aren't+we$/mad?,/;;*@example.org> ""
          call: Some("odd.id%ZQ-!.*_+'@id`~)(><:\\/\"][?}{"), Some((41, "!odd-Verb9_*+`.%good'~"))
          hops left: Some(255)
          via: TCP h.example.org None branch Some("z9hG4bK-.!%77*_+`'~")
          body: None 0 bytes
        esc01
          request: INVITE sip:sips%3Aanna%40example.org@example.net
          uri: Sip user Some("sips%3Aanna%40example.org") host "example.net" port None
          from: "" <sip:a%20b%20c@example.net> ";tag=2"
          to: "" <sip:%61nn%61@example.org> ""
          call: Some("esc-one"), Some((5, "INVITE"))
          hops left: Some(60)
          via: UDP h5.example.net None branch Some("z9hG4bKesc1")
          contact: "" <sip:ann%61@h5.example.net;%6C%72;n%61me=v%61lue%25%34%31> ""
          body: Some("application/sdp") 95 bytes
        escnull
          request: REGISTER sip:example.org
          uri: Sip user None host "example.org" port None
          from: "" <sip:zero-%00-zero@example.org> ";tag=3"
          to: "" <sip:zero-%00-zero@example.org> ""
          call: Some("esc-zero"), Some((6, "REGISTER"))
          hops left: Some(70)
          via: UDP h6.example.org None branch Some("z9hG4bKescz")
          contact: "" <sip:%00@h6.example.org> ""
          contact: "" <sip:%00%00@h6.example.org> ""
          contact: "" <sip:x@h6.example.org> ""
          body: None 0 bytes
        esc02
          request: OP%54ION%53 sip:hub.example.org
          uri: Sip user None host "hub.example.org" port None
          from: "%Q%46" <sip:thing@example.org> ";tag=f4"
          to: "%Q%46" <sip:thing@example.org> ""
          call: Some("esc-two"), Some((71, "OP%54ION%53"))
          hops left: Some(70)
          via: TCP h.example.org None branch Some("z9hG4bK77%uv")
          contact: "" <sip:one@h1.example.org> ""
          contact: "" <sip:three@h3.example.org> ""
          body: None 0 bytes
        lwsdisp
          request: OPTIONS sip:desk@example.org
          uri: Sip user Some("desk") host "example.org" port None
          from: "visitor" <sip:visitor@example.org> ";tag=8"
          to: "" <sip:desk@example.org> ""
          call: Some("lws-disp"), Some((61, "OPTIONS"))
          hops left: Some(70)
          via: UDP odd.example.org None branch Some("z9hG4bKlwsd")
          body: None 0 bytes
        longreq
          request: INVITE sip:desk@example.org
          uri: Sip user Some("desk") host "example.org" port None
          from: "" <sip:{long}@example.net> ";tag={long};x{long}=y{long};z"
          to: "{long}" <sip:desk@example.org:6000;p{long}=v{long};q> ""
          call: Some("{long}"), Some((9, "INVITE"))
          hops left: Some(70)
          via: TCP p3.example.org None branch None
          via: TCP p2.example.org None branch None
          via: TCP p1.example.org None branch None
          via: TCP h.example.org None branch Some("{long}")
          contact: "" <sip:{long}@h5.example.net> ""
          body: Some("application/sdp") 95 bytes
        dblreq
          request: REGISTER sip:example.org
          uri: Sip user None host "example.org" port None
          from: "" <sip:anna@example.org> ";tag=4"
          to: "" <sip:anna@example.org> ""
          call: Some("twice"), Some((8, "REGISTER"))
          hops left: Some(8)
          via: UDP 198.51.100.4 None branch Some("z9hG4bKtwice")
          contact: "" <sip:anna@h.example.org> ""
          body: None 0 bytes
        semiuri
          request: OPTIONS sip:desk;par=x%40example.net@example.org
          uri: Sip user Some("desk;par=x%40example.net") host "example.org" port None
          from: "" <sip:visitor@example.net> ";tag=5"
          to: "" <sip:d_esk@example.org> ""
          call: Some("semi"), Some((8, "OPTIONS"))
          hops left: Some(3)
          via: UDP 198.51.100.4 None branch Some("z9hG4bKsemi")
          body: None 0 bytes
        transports
          request: OPTIONS sip:desk@example.org
          uri: Sip user Some("desk") host "example.org" port None
          from: "" <sip:visitor@example.org> ";tag=6"
          to: "" <sip:desk@example.org> ""
          call: Some("ways"), Some((62, "OPTIONS"))
          hops left: Some(70)
          via: UDP w1.example.org None branch Some("z9hG4bKw1")
          via: SCTP w2.example.org None branch Some("z9hG4bKw2")
          via: TLS w3.example.org None branch Some("z9hG4bKw3")
          via: CARRIERPIGEON w4.example.org None branch Some("z9hG4bKw4")
          via: TCP w5.example.org None branch Some("z9hG4bKw5")
          body: None 0 bytes
        mpart01
          request: MESSAGE sip:zoe@example.org
          uri: Sip user Some("zoe") host "example.org" port None
          from: "" <sip:anna@example.org> ";tag=7"
          to: "" <sip:zoe@example.org> ""
          call: Some("parts"), Some((1, "MESSAGE"))
          hops left: Some(70)
          via: UDP 127.0.0.1 Some(5070) branch Some("z9hG4bK-part")
          body: Some("multipart/mixed;boundary=cut") 104 bytes
        unreason
          response: 200 "= 3**2 да и нет"
          from: "" <sip:anna@example.org> ";tag=1"
          to: "" <sip:zoe@example.net> ";tag=2"
          call: Some("reason"), Some((36, "INVITE"))
          hops left: None
          via: UDP 198.51.100.4 None branch Some("z9hG4bKreason")
          contact: "" <sip:zoe@h.example.net> ""
          body: Some("application/sdp") 95 bytes
        noreason
          response: 183 ""
          from: "" <sip:anna@example.org> ";tag=1"
          to: "" <sip:zoe@example.net> ";tag=2"
          call: Some("mute"), Some((36, "INVITE"))
          hops left: None
          via: UDP 198.51.100.4 None branch Some("z9hG4bKmute")
          contact: "" <sip:zoe@h.example.net> ""
          body: None 0 bytes
    "#]].assert_eq(&all);
}
