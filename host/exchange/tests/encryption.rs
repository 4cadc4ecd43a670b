//! Who is heard encrypted and who is turned away, by the policy of the tenant and the way that they are signalled.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

use expect_test::expect;
use plugboard_exchange::{Exchange, Input, Output, Settings};
use plugboard_media as media;
use plugboard_model::{Agent, Configuration, Encryption, EventKind, NumberTarget, Queue, Srtp, Timestamp, Trunk};
use plugboard_sip::{
    self as sip, Endpoint, Event, Method, Source, Target, Transport,
    digest::{Account, Algorithm},
    endpoint::OutOfDialog,
};

const NOW: Timestamp = Timestamp::from_secs(1_795_344_060);
const KEY: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\r\n";

const HOST: &str = "192.0.2.2:5060";
const CARRIER: &str = "192.0.2.9:5060";
const AMY: &str = "192.0.2.1:51000";

/// A tenant with a carrier, a queue behind 4000 and Amy behind 4001.
struct Centre {
    exchange: Exchange,
    amy: Endpoint,
    /// How Amy is signalled, and what her phone answers.
    by: Transport,
    answers: String,
    ladder: String,
    /// The exchange's, in its call with the carrier.
    tag: String,
}

impl Centre {
    fn new(encryption: Encryption) -> Self {
        let mut configuration = Configuration::empty("shop".parse().unwrap());
        configuration.domains.push("shop.example".into());
        let amy = Agent {
            name: "Amy".into(),
            extension: "101".parse().unwrap(),
            password: "s3cret".into(),
            queues: vec![],
            skills: [].into(),
            ready_on_register: true,
        };
        configuration.agents.insert("amy".parse().unwrap(), amy);
        let carrier: Trunk = serde_json::from_str(r#"{"allow":["192.0.2.9/32"]}"#).unwrap();
        configuration.trunks.insert("carrier".into(), carrier);
        configuration.queues.insert("sales".parse().unwrap(), Queue::named("Sales"));
        configuration.numbers.insert("4000".parse().unwrap(), NumberTarget::Queue("sales".parse().unwrap()));
        configuration.numbers.insert("4001".parse().unwrap(), NumberTarget::Agent("amy".parse().unwrap()));
        configuration.encryption = encryption;
        let settings = Settings {
            tenant: configuration.tenant.clone(),
            token: "pb".into(),
            host: "shop.example".into(),
            advertised: vec![],
            recordings: "/recordings".into(),
            hold_music: None,
            last_id: 0,
            last_seq: 0,
            seed: 1,
            secret: [7; 32],
            digest: Algorithm::ALL.to_vec(),
        };
        let mut exchange = Exchange::new(NOW, settings, Arc::new(configuration));
        let ip = "192.0.2.2".parse().unwrap();
        let ports = (0..8).map(|number| media::Port { worker: 0, number: 20_000 + 2 * number, ip }).collect();
        exchange.handle_input(NOW, Input::Media(media::Event::PortsAvailable { ports }));
        let amy = Endpoint::new(sip::Config { token: "phone".into(), ..sip::Config::default() }, 2);
        Self { exchange, amy, by: Transport::Udp, answers: String::new(), ladder: String::new(), tag: String::new() }
    }

    /// The carrier calls with this audio, and what both say is carried until neither says more.
    fn call(&mut self, number: &str, by: Transport, audio: &str) {
        self.send(by, 1, "INVITE", number, "", audio);
    }

    /// The carrier says this in the call to 4000.
    fn say(&mut self, by: Transport, cseq: u32, method: &str, tag: &str, audio: &str) {
        self.send(by, cseq, method, "4000", &format!(";tag={tag}"), audio);
    }

    /// An empty `audio`: without a description.
    fn send(&mut self, by: Transport, cseq: u32, method: &str, number: &str, tag: &str, audio: &str) {
        let sdp = match audio {
            "" => String::new(),
            _ => format!("v=0\r\no=- 1 {cseq} IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{audio}"),
        };
        let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let request = format!(
            "{method} sip:{number}@shop.example SIP/2.0\r\nVia: SIP/2.0/{} 192.0.2.9:5060;branch=z9hG4bKc{cseq}{method}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:555@carrier.example>;tag=c\r\nTo: <sip:{number}@shop.example>{tag}\r\n\
             Call-ID: c1\r\nCSeq: {cseq} {method}\r\nContact: <sip:555@192.0.2.9>\r\n{kind}\
             Content-Length: {}\r\n\r\n{sdp}",
            by.name(),
            sdp.len()
        );
        let input = Input::Sip { source: source(by, CARRIER, HOST, 1), bytes: request.into_bytes() };
        self.exchange.handle_input(NOW, input);
        self.run();
    }

    fn register(&mut self, by: Transport) {
        self.by = by;
        let next_hop = Target { transport: by, connection: Some(2), ..Target::tcp(HOST.parse().unwrap()) };
        let register = OutOfDialog {
            method: Method::REGISTER,
            uri: "sip:shop.example".into(),
            next_hop,
            from: "<sip:amy@shop.example>".into(),
            to: "<sip:amy@shop.example>".into(),
            headers: vec![("Contact".into(), format!("<sip:amy@{AMY};transport=tcp>"))],
            body: None,
            account: Some(Account { user: "amy".into(), password: "s3cret".into() }),
            series: None,
        };
        self.amy.request(NOW.since_epoch(), register).unwrap();
        self.run();
        self.ladder.clear();
    }

    fn run(&mut self) {
        loop {
            if let Some(output) = self.amy.poll_output() {
                match output {
                    sip::Output::Send { bytes, .. } => {
                        shown(&mut self.ladder, "amy ->", &bytes);
                        let input = Input::Sip { source: source(self.by, AMY, HOST, 2), bytes: bytes.to_vec() };
                        self.exchange.handle_input(NOW, input);
                    }
                    sip::Output::Event(Event::Incoming(incoming)) => {
                        let _ = self.amy.answer(NOW.since_epoch(), incoming.call, &self.answers);
                    }
                    sip::Output::Event(_) => {}
                }
            } else if let Some(output) = self.exchange.poll_output() {
                match output {
                    Output::Sip { target, bytes } if target.remote.to_string() == CARRIER => {
                        shown(&mut self.ladder, "carrier <-", &bytes);
                        let text = String::from_utf8_lossy(&bytes);
                        let to = text.lines().find(|line| line.starts_with("To:"));
                        if let Some((_, tag)) = to.and_then(|to| to.split_once(";tag=")) {
                            self.tag = tag.to_owned();
                        }
                    }
                    Output::Sip { bytes, .. } => {
                        shown(&mut self.ladder, "amy <-", &bytes);
                        let source = source(self.by, HOST, AMY, 2);
                        self.amy.handle_input(NOW.since_epoch(), sip::Input::Received { source, bytes: &bytes });
                    }
                    Output::Media(media::Command::Open { stream, .. } | media::Command::Retarget { stream, .. }) => {
                        let how = stream.srtp.map_or("plain", |keys| keys.send.suite().name());
                        writeln!(self.ladder, "sound {how}").unwrap();
                    }
                    Output::Record(event) => {
                        if let EventKind::Alarm { .. } = &event.kind {
                            writeln!(self.ladder, "{:?}", event.kind).unwrap();
                        }
                        self.exchange.handle_input(NOW, Input::Committed { seq: event.seq });
                    }
                    _ => {}
                }
            } else {
                return;
            }
        }
    }
}

fn source(transport: Transport, remote: &str, local: &str, connection: u64) -> Source {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    Source { transport, local: address(local), remote: address(remote), connection: Some(connection) }
}

/// The first line, why, and what is said of sound. Keys stay out.
fn shown(ladder: &mut String, who: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().enumerate().filter_map(|(at, line)| {
        let is_told = at == 0 || line.starts_with("Warning") || line.starts_with("m=") || line.starts_with("a=crypto");
        is_told.then(|| line.split(" inline:").next().unwrap_or(line))
    });
    let told: Vec<&str> = lines.collect();
    if !told[0].ends_with("100 Trying") && !told[0].ends_with("180 Ringing") {
        writeln!(ladder, "{who} {}", told.join(" | ")).unwrap();
    }
}

/// What the carrier hears of a call by each kind of offer.
fn answered(encryption: &Encryption, by: Transport) -> String {
    let plain = "m=audio 5000 RTP/AVP 8\r\n".to_owned();
    let encrypted = format!("m=audio 5000 RTP/SAVP 8\r\n{KEY}");
    let told = [plain, encrypted].map(|audio| {
        let mut centre = Centre::new(encryption.clone());
        centre.call("4000", by, &audio);
        centre.ladder
    });
    told.concat()
}

#[test]
fn without_a_word_of_the_operator_keys_are_said_by_tls_only() {
    let none = Encryption::default();
    expect![[r#"
        sound plain
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/AVP 8
        carrier <- SIP/2.0 488 Not Acceptable Here | Warning: 302 shop.example "offer is encrypted as it is not done here: AES_CM_128_HMAC_SHA1_80"

        sound plain
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/AVP 8
        sound AES_CM_128_HMAC_SHA1_80
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/SAVP 8 | a=crypto:1 AES_CM_128_HMAC_SHA1_80
    "#]].assert_eq(&[Transport::Udp, Transport::Tls].map(|by| answered(&none, by)).join("\n"));
}

#[test]
fn where_it_is_required_whoever_offers_plain_is_told_why_not() {
    let required = Encryption { srtp: Srtp::Required, ..Encryption::default() };
    expect![[r#"
        carrier <- SIP/2.0 488 Not Acceptable Here | Warning: 399 shop.example "keys of SRTP are not said over SIP that is not encrypted"
        carrier <- SIP/2.0 488 Not Acceptable Here | Warning: 399 shop.example "keys of SRTP are not said over SIP that is not encrypted"

        carrier <- SIP/2.0 488 Not Acceptable Here | Warning: 302 shop.example "offer is not encrypted, and nothing goes plain here"
        sound AES_CM_128_HMAC_SHA1_80
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/SAVP 8 | a=crypto:1 AES_CM_128_HMAC_SHA1_80
    "#]].assert_eq(&[Transport::Udp, Transport::Wss].map(|by| answered(&required, by)).join("\n"));
}

#[test]
fn the_operators_word_lets_keys_go_by_udp_and_a_trunk_has_a_policy_of_its_own() {
    let in_clear = Encryption { srtp: Srtp::Required, keys_in_clear: true, ..Encryption::default() };
    let off = Encryption { trunks: [("carrier".to_owned(), Srtp::Off)].into(), ..in_clear.clone() };
    expect![[r#"
        carrier <- SIP/2.0 488 Not Acceptable Here | Warning: 302 shop.example "offer is not encrypted, and nothing goes plain here"
        sound AES_CM_128_HMAC_SHA1_80
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/SAVP 8 | a=crypto:1 AES_CM_128_HMAC_SHA1_80

        sound plain
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/AVP 8
        carrier <- SIP/2.0 488 Not Acceptable Here | Warning: 302 shop.example "offer is encrypted as it is not done here: AES_CM_128_HMAC_SHA1_80"
    "#]].assert_eq(&[in_clear, off].map(|encryption| answered(&encryption, Transport::Udp)).join("\n"));
}

/// What Amy is offered, and what becomes of her answer.
fn rung(encryption: Encryption, by: Transport, answers: &str) -> String {
    let mut centre = Centre::new(encryption);
    centre.register(by);
    centre.answers = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{answers}");
    centre.call("4001", Transport::Udp, "m=audio 5000 RTP/AVP 8\r\n");
    centre.ladder
}

#[test]
fn an_agent_whose_phone_answers_plain_where_it_must_not_is_hung_up() {
    let amy = Encryption { agents: [("amy".parse().unwrap(), Srtp::Required)].into(), ..Encryption::default() };
    let plain = rung(amy.clone(), Transport::Tls, "m=audio 6000 RTP/AVP 8\r\n");
    let encrypted =
        rung(amy.clone(), Transport::Tls, &format!("m=audio 6000 RTP/SAVP 8\r\n{}", KEY.replace(":1", ":2")));
    let by_udp = rung(amy, Transport::Tcp, "m=audio 6000 RTP/AVP 8\r\n");
    expect![[r#"
        amy <- INVITE sip:amy@192.0.2.1:51000;transport=tcp SIP/2.0 | m=audio 20000 RTP/SAVP 8 0 9 96 101 102 | a=crypto:1 AEAD_AES_128_GCM | a=crypto:2 AES_CM_128_HMAC_SHA1_80 | a=crypto:3 AES_CM_128_HMAC_SHA1_32
        amy -> SIP/2.0 200 OK | m=audio 6000 RTP/AVP 8
        amy <- ACK sip:phone@192.0.2.1:51000;transport=tls SIP/2.0
        amy <- BYE sip:phone@192.0.2.1:51000;transport=tls SIP/2.0
        amy -> SIP/2.0 200 OK
        carrier <- SIP/2.0 488 Not Acceptable Here

        amy <- INVITE sip:amy@192.0.2.1:51000;transport=tcp SIP/2.0 | m=audio 20000 RTP/SAVP 8 0 9 96 101 102 | a=crypto:1 AEAD_AES_128_GCM | a=crypto:2 AES_CM_128_HMAC_SHA1_80 | a=crypto:3 AES_CM_128_HMAC_SHA1_32
        amy -> SIP/2.0 200 OK | m=audio 6000 RTP/SAVP 8 | a=crypto:2 AES_CM_128_HMAC_SHA1_80
        amy <- ACK sip:phone@192.0.2.1:51000;transport=tls SIP/2.0
        sound AES_CM_128_HMAC_SHA1_80
        sound plain
        carrier <- SIP/2.0 200 OK | m=audio 20002 RTP/AVP 8

        carrier <- SIP/2.0 488 Not Acceptable Here
    "#]].assert_eq(&[plain, encrypted, by_udp].join("\n"));
}

/// A caller by TLS with this audio, whose ACK and changes come as told; what they hear.
fn changed(encryption: Encryption, audio: &str, changes: &[(Transport, &str)]) -> String {
    let mut centre = Centre::new(encryption);
    centre.call("4000", Transport::Tls, audio);
    let tag = centre.tag.clone();
    centre.say(Transport::Tls, 1, "ACK", &tag, "");
    centre.ladder.clear();
    for (number, (by, audio)) in (2..).zip(changes) {
        writeln!(centre.ladder, "carrier -> INVITE by {} | {}", by.name(), audio.lines().next().unwrap_or("no offer"))
            .unwrap();
        centre.say(*by, number, "INVITE", &tag, audio);
        centre.say(*by, number, "ACK", &tag, "");
    }
    centre.ladder
}

const PLAIN: &str = "m=audio 5000 RTP/AVP 8\r\n";

#[test]
fn an_encrypted_call_is_not_changed_to_plain_and_no_key_of_it_is_said_in_the_clear() {
    let encrypted = format!("m=audio 5000 RTP/SAVP 8\r\n{KEY}");
    let changes =
        [(Transport::Tls, PLAIN), (Transport::Udp, &*encrypted), (Transport::Udp, ""), (Transport::Tls, &*encrypted)];
    expect![[r#"
        carrier -> INVITE by TLS | m=audio 5000 RTP/AVP 8
        carrier <- SIP/2.0 488 Not Acceptable Here
        carrier -> INVITE by UDP | m=audio 5000 RTP/SAVP 8
        carrier <- SIP/2.0 488 Not Acceptable Here
        carrier -> INVITE by UDP | no offer
        carrier <- SIP/2.0 488 Not Acceptable Here
        carrier -> INVITE by TLS | m=audio 5000 RTP/SAVP 8
        sound AES_CM_128_HMAC_SHA1_80
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/SAVP 8 | a=crypto:1 AES_CM_128_HMAC_SHA1_80
    "#]]
    .assert_eq(&changed(Encryption::default(), &encrypted, &changes));
}

#[test]
fn a_plain_call_may_be_changed_in_the_clear_and_becomes_encrypted_by_tls_only() {
    let beside = format!("{PLAIN}{KEY}");
    let changes =
        [(Transport::Udp, &*beside), (Transport::Udp, ""), (Transport::Tls, &*beside), (Transport::Tls, PLAIN)];
    expect![[r#"
        carrier -> INVITE by UDP | m=audio 5000 RTP/AVP 8
        sound plain
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/AVP 8
        carrier -> INVITE by UDP | no offer
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/AVP 8 0 9 96 101 102
        carrier -> INVITE by TLS | m=audio 5000 RTP/AVP 8
        sound AES_CM_128_HMAC_SHA1_80
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/AVP 8 | a=crypto:1 AES_CM_128_HMAC_SHA1_80
        carrier -> INVITE by TLS | m=audio 5000 RTP/AVP 8
        carrier <- SIP/2.0 488 Not Acceptable Here
    "#]]
    .assert_eq(&changed(Encryption::default(), PLAIN, &changes));
}

#[test]
fn a_caller_without_an_offer_who_then_answers_plain_where_it_must_not_is_hung_up() {
    let mut centre = Centre::new(Encryption { srtp: Srtp::Required, ..Encryption::default() });
    centre.call("4000", Transport::Tls, "");
    let tag = centre.tag.clone();
    centre.say(Transport::Tls, 1, "ACK", &tag, PLAIN);
    expect![[r#"
        carrier <- SIP/2.0 200 OK | m=audio 20000 RTP/SAVP 8 0 9 96 101 102 | a=crypto:1 AEAD_AES_128_GCM | a=crypto:2 AES_CM_128_HMAC_SHA1_80 | a=crypto:3 AES_CM_128_HMAC_SHA1_32
        carrier <- BYE sip:555@192.0.2.9 SIP/2.0
    "#]].assert_eq(&centre.ladder);
}

#[test]
fn no_two_legs_have_the_same_key_and_no_debug_shows_one() {
    let in_clear = Encryption { keys_in_clear: true, ..Encryption::default() };
    let mut keys = std::collections::BTreeSet::new();
    let mut centre = Centre::new(in_clear);
    for call in 0..3 {
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 5000 RTP/SAVP 8\r\n{KEY}"
        );
        let invite = format!(
            "INVITE sip:4000@shop.example SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bKd{call}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:555@carrier.example>;tag=c\r\nTo: <sip:4000@shop.example>\r\n\
             Call-ID: d{call}\r\nCSeq: 1 INVITE\r\nContact: <sip:555@192.0.2.9>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        let input = Input::Sip { source: source(Transport::Udp, CARRIER, HOST, 1), bytes: invite.into_bytes() };
        centre.exchange.handle_input(NOW, input);
        while let Some(output) = centre.exchange.poll_output() {
            // SIP is what the peer must read.
            let shown = if matches!(output, Output::Sip { .. }) { String::new() } else { format!("{output:?}") };
            assert!(!shown.contains("inline:") && !shown.contains("7, 7, 7, 7"), "{shown}");
            if let Output::Media(media::Command::Open { stream, .. }) = output {
                keys.insert(stream.srtp.unwrap().send.as_bytes().to_vec());
            }
        }
    }
    assert_eq!(keys.len(), 3);
}
