//! Each kind of bad input and the answer that RFC 3261 has for it, one ladder for each.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod desk;

use desk::{Desk, SDP, in_dialog};
use expect_test::expect;
use plugboard_sdp::{Local, Session};
use plugboard_sip::endpoint::Response;
use plugboard_sip::message::StreamDecoder;
use plugboard_sip::{Config, Event, Message, Method, Status, Transport};

/// What one request gets, and nothing else; nothing of it may stay for longer than its transaction.
#[track_caller]
fn gets(wanted: &str, make: impl FnOnce(&mut Desk) -> String) {
    let mut desk = Desk::new(Config::default());
    let request = make(&mut desk);
    desk.hear(&request);
    let answers = desk.ladder.split_once("<- ").map(|(_, answers)| answers);
    assert_eq!(answers, Some(format!("{wanted}\n").as_str()));
    desk.run(1_000.0);
    assert!(desk.is_empty(), "{}", desk.ladder);
}

#[test]
fn request_without_a_sound_cseq_gets_400() {
    gets("400 ?", |desk| desk.request("OPTIONS sip:400@192.0.2.2 SIP/2.0", "CSeq: many OPTIONS", ""));
}

#[test]
fn request_whose_headers_do_not_end_gets_400() {
    gets("400 OPTIONS", |desk| {
        desk.request("OPTIONS sip:400@192.0.2.2 SIP/2.0", "", "").trim_end().to_owned() + "\r\n"
    });
}

#[test]
fn unknown_method_gets_405_with_allow() {
    gets("405 DANCE | Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, INFO, REGISTER", |desk| {
        desk.request("DANCE sip:400@192.0.2.2 SIP/2.0", "", "")
    });
}

/// Nobody who decides on a request has to think of Allow.
#[test]
fn method_that_the_user_refuses_gets_405_with_allow() {
    let mut desk = Desk::new(Config { allow: vec![Method::INVITE, Method::MESSAGE], ..Config::default() });
    let message = desk.request("MESSAGE sip:400@192.0.2.2 SIP/2.0", "Content-Type: text/plain", "hello");
    desk.hear(&message);
    let Some(Event::Request { handle, .. }) = desk.events.pop() else { panic!("{}", desk.ladder) };
    desk.endpoint.respond(desk.now, handle, &Response::new(Status::METHOD_NOT_ALLOWED)).unwrap();
    desk.drain();
    assert_eq!(desk.last().other("Allow").as_deref(), Some("INVITE, MESSAGE"));
}

#[test]
fn caller_who_takes_no_sdp_gets_406() {
    gets("406 INVITE", |desk| desk.invite("Accept: text/plain"));
}

/// Too long for good, so without Retry-After (RFC 3261 §21.4.11).
#[test]
fn body_that_is_too_long_gets_413() {
    gets("413 INVITE", |desk| {
        let body = format!("{SDP}{}", "a=x\r\n".repeat(8_000));
        desk.request("INVITE sip:400@192.0.2.2 SIP/2.0", "Content-Type: application/sdp", &body)
    });
}

/// The body that a stream's message announces never comes; its head is answered, and then the stream is of no use any more.
#[test]
fn stream_that_announces_more_than_a_message_may_hold_gets_413() {
    gets("413 OPTIONS", |desk| {
        desk.source.transport = Transport::Tcp;
        let request = desk.request("OPTIONS sip:400@192.0.2.2 SIP/2.0", "Content-Length: 99999999999999999999999", "");
        let mut stream = StreamDecoder::new();
        stream.handle_bytes(request.as_bytes());
        assert!(stream.poll_item().unwrap().is_err());
        String::from_utf8(stream.rest().to_vec()).unwrap()
    });
}

#[test]
fn endless_request_uri_gets_414() {
    gets("414 OPTIONS", |desk| desk.request(&format!("OPTIONS sip:{}@192.0.2.2 SIP/2.0", "4".repeat(3_000)), "", ""));
}

#[test]
fn body_of_a_kind_that_we_cannot_read_gets_415_with_accept() {
    gets("415 INVITE | Accept: application/sdp", |desk| {
        desk.request("INVITE sip:400@192.0.2.2 SIP/2.0", "Content-Type: text/plain", "hello")
    });
}

#[test]
fn compressed_body_gets_415_with_accept_encoding() {
    gets("415 INVITE | Accept-Encoding: identity", |desk| desk.invite("Content-Encoding: gzip"));
}

/// RFC 3261 §8.2.3: a body that need not be understood is left aside.
#[test]
fn optional_body_that_we_cannot_read_is_no_reason_to_refuse() {
    let mut desk = Desk::new(Config::default());
    let more = "Content-Type: image/png\nContent-Disposition: icon; handling=optional";
    let invite = desk.request("INVITE sip:400@192.0.2.2 SIP/2.0", more, "picture");
    desk.hear(&invite);
    expect![[r#"
        1.000 -> INVITE
        1.000 <- 100 INVITE
        1.000    a call
    "#]]
    .assert_eq(&desk.ladder);
}

#[test]
fn unknown_scheme_gets_416() {
    gets("416 INVITE", |desk| desk.request("INVITE starship:enterprise SIP/2.0", "", ""));
}

#[test]
fn unknown_extension_gets_420_with_unsupported() {
    gets("420 INVITE | Unsupported: 100rel, teleport", |desk| {
        desk.invite("Require: replaces, 100rel\nRequire: teleport")
    });
}

#[test]
fn bye_of_no_dialog_gets_481() {
    gets("481 BYE", |desk| {
        desk.request("BYE sip:400@192.0.2.2 SIP/2.0", "To: <sip:400@example.com>;tag=pb.100000000.1", "")
    });
}

#[test]
fn bye_without_a_tag_gets_481() {
    gets("481 BYE", |desk| desk.request("BYE sip:400@192.0.2.2 SIP/2.0", "", ""));
}

#[test]
fn cancel_of_no_invite_gets_481() {
    gets("481 CANCEL", |desk| desk.request("CANCEL sip:400@192.0.2.2 SIP/2.0", "", ""));
}

/// The refusal is repeated until somebody acknowledges it.
#[test]
fn reinvite_of_no_dialog_gets_481() {
    let mut desk = Desk::new(Config::default());
    let reinvite = desk.invite("To: <sip:400@example.com>;tag=gone");
    desk.hear(&reinvite);
    desk.run(2.0);
    let ack = desk.last().value(plugboard_sip::message::HeaderName::To).unwrap().to_owned();
    let via = reinvite.lines().find(|line| line.starts_with("Via")).unwrap();
    let ack = desk.request("ACK sip:400@192.0.2.2 SIP/2.0", &format!("{via}\nTo: {ack}\nCall-ID: c1@peer"), "");
    desk.hear(&ack);
    desk.run(1_000.0);
    expect![[r#"
        1.000 -> INVITE
        1.000 <- 481 INVITE
        1.500 <- 481 INVITE
        2.000 -> ACK
    "#]]
    .assert_eq(&desk.ladder);
    assert!(desk.is_empty());
}

/// RFC 3261 §8.2.2.2: the same INVITE by another way, whether the first still rings or is answered already.
#[test]
fn same_invite_by_another_way_gets_482() {
    let mut desk = Desk::new(Config::default());
    let first = desk.invite("Call-ID: fork");
    desk.hear(&first);
    let second = desk.invite("Call-ID: fork");
    desk.hear(&second);
    let call = desk.incoming();
    desk.endpoint.answer(desk.now, call, SDP).unwrap();
    let third = desk.invite("Call-ID: fork");
    desk.hear(&third);
    expect![[r#"
        1.000 -> INVITE
        1.000 <- 100 INVITE
        1.000    a call
        1.000 -> INVITE
        1.000 <- 482 INVITE
        1.000 <- 200 INVITE
        1.000 -> INVITE
        1.000 <- 482 INVITE
    "#]]
    .assert_eq(&desk.ladder);
}

/// The other side of the same rule: a proxy that tries its next target, which happens to be us again.
#[test]
fn invite_again_after_a_refusal_is_a_new_call() {
    let mut desk = Desk::new(Config::default());
    let first = desk.invite("Call-ID: hunt");
    desk.hear(&first);
    let call = desk.incoming();
    desk.endpoint.reject(desk.now, call, &Response::new(Status::BUSY_HERE)).unwrap();
    let second = desk.invite("Call-ID: hunt");
    desk.hear(&second);
    expect![[r#"
        1.000 -> INVITE
        1.000 <- 100 INVITE
        1.000    a call
        1.000    ended HungUp
        1.000 <- 486 INVITE
        1.000 -> INVITE
        1.000 <- 100 INVITE
        1.000    a call
    "#]]
    .assert_eq(&desk.ladder);
}

#[test]
fn call_that_has_no_hop_left_gets_483() {
    gets("483 INVITE", |desk| desk.invite("Max-Forwards: 0"));
}

#[test]
fn offer_without_a_codec_of_ours_gets_488() {
    let mut desk = Desk::new(Config::default());
    let g729 = SDP.replace("AVP 8", "AVP 18");
    let invite = desk.request("INVITE sip:400@192.0.2.2 SIP/2.0", "Content-Type: application/sdp", &g729);
    desk.hear(&invite);
    let Some(Event::Incoming(incoming)) = desk.events.pop() else { panic!("{}", desk.ladder) };
    let offer = Session::parse(incoming.offer.unwrap().text().unwrap()).unwrap();
    let refused = Local::g711("192.0.2.2:4000".parse().unwrap(), 1).answer(&offer).unwrap_err();
    let status = Status::from_code(refused.status()).unwrap();
    desk.endpoint.reject(desk.now, incoming.call, &Response::new(status)).unwrap();
    desk.drain();
    expect![[r#"
        1.000 -> INVITE
        1.000 <- 100 INVITE
        1.000    a call
        1.000    ended HungUp
        1.000 <- 488 INVITE
    "#]]
    .assert_eq(&desk.ladder);
}

#[test]
fn change_that_nobody_decides_gets_488_and_the_call_goes_on() {
    let mut desk = Desk::new(Config::default());
    desk.answered("");
    let answer = desk.last().clone();
    let change = in_dialog(&mut desk, "INVITE", 2, &answer);
    desk.hear(&change);
    desk.run(33.0);
    expect![[r#"
        1.000 -> INVITE
        1.000 <- 100 INVITE
        1.000    a call
        1.000 <- 200 INVITE
        1.000 -> ACK
        1.000    confirmed
        1.000 -> INVITE
        1.000 <- 100 INVITE
        1.000    a change
        33.000 <- 488 INVITE
    "#]]
    .assert_eq(&desk.ladder);
    assert_eq!(desk.endpoint.calls(), 1);
}

/// Overload: a full endpoint turns new work away and says when to come back; what it has goes on to its end.
#[test]
fn full_endpoint_gives_503_with_retry_after_and_still_obeys_a_bye() {
    let mut desk = Desk::new(Config { max_transactions: 2, retry_after: 7, ..Config::default() });
    desk.answered("");
    let answer = desk.last().clone();
    let options = desk.request("OPTIONS sip:400@192.0.2.2 SIP/2.0", "", "");
    desk.hear(&options);
    let new = desk.invite("");
    desk.hear(&new);
    desk.hear(&new);
    let change = in_dialog(&mut desk, "INVITE", 2, &answer);
    desk.hear(&change);
    let stranger = desk.request("BYE sip:400@192.0.2.2 SIP/2.0", "To: <sip:400@example.com>;tag=gone", "");
    desk.hear(&stranger);
    let bye = in_dialog(&mut desk, "BYE", 3, &answer);
    desk.hear(&bye);
    expect![[r#"
        1.000 -> INVITE
        1.000 <- 100 INVITE
        1.000    a call
        1.000 <- 200 INVITE
        1.000 -> ACK
        1.000    confirmed
        1.000 -> OPTIONS
        1.000 <- 200 OPTIONS
        1.000 -> INVITE
        1.000 <- 503 INVITE | Retry-After: 7
        1.000 -> INVITE
        1.000 <- 503 INVITE | Retry-After: 7
        1.000 -> INVITE
        1.000 <- 503 INVITE | Retry-After: 7
        1.000 -> BYE
        1.000 <- 481 BYE
        1.000 -> BYE
        1.000 <- 200 BYE
        1.000    ended Bye
    "#]]
    .assert_eq(&desk.ladder);
    assert_eq!((desk.endpoint.calls(), desk.endpoint.transactions()), (0, 2));
}

#[test]
fn later_version_of_sip_gets_505() {
    gets("505 OPTIONS", |desk| desk.request("OPTIONS sip:400@192.0.2.2 SIP/3.0", "", ""));
}

/// RFC 3261 §17.1.1.3, §8.2.3: whatever is wrong with it.
#[test]
fn ack_is_never_answered() {
    let mut desk = Desk::new(Config::default());
    for more in [
        "",
        "CSeq: none ACK",
        "Require: teleport",
        "To: <sip:400@example.com>;tag=gone",
        "Max-Forwards: 0",
        "Via: nonsense",
    ] {
        let ack = desk.request("ACK sip:400@192.0.2.2 SIP/2.0", more, "");
        desk.hear(&ack);
    }
    let ack = desk.request("ACK starship:enterprise SIP/2.0", "Content-Type: text/plain", "hello");
    desk.hear(&ack);
    assert_eq!((desk.sent.len(), desk.endpoint.transactions()), (0, 0), "{}", desk.ladder);
}

/// Guessed branches, two Vias, a response to somebody else's request: nothing moves and nothing is said.
#[test]
fn stray_response_is_dropped() {
    let mut desk = Desk::new(Config::default());
    let call = desk.call(|_| {});
    let (_, invite) = desk.last_of(&Method::INVITE);
    desk.ladder.clear();
    let right = desk::response(&invite, 200, "far", &[("Contact", "<sip:100@192.0.2.1>")], SDP);
    let strays = [
        right.replace(";branch=z9hG4bKpb.", ";branch=z9hG4bKpb.7"),
        right.replace("z9hG4bK", "z9hG4bKother."),
        right.replacen("Via:", "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nVia:", 1),
        right.replace("1 INVITE", "1 BYE"),
        right.replace("From:", "Form:"),
        right.replace("SIP/2.0 200", "SIP/2.0 999"),
    ];
    for stray in strays {
        desk.hear(&stray);
    }
    expect![[r#"
        1.000 -> 200 INVITE
        1.000 -> 200 INVITE
        1.000 -> 200 INVITE
        1.000 -> 200 BYE
        1.000 -> 200 INVITE
        1.000 -> noise
    "#]]
    .assert_eq(&desk.ladder);
    desk.hear(&right);
    assert!(matches!(desk.events.pop(), Some(Event::Answered { call: of, .. }) if of == call));
}

/// Strangers who write tags of their own cannot fill the table, and each is answered all the same.
#[test]
fn flood_of_requests_of_no_dialog_leaves_the_table_bounded() {
    let mut desk = Desk::new(Config { max_transactions: 50, ..Config::default() });
    for _ in 0..200 {
        for method in ["BYE", "INVITE", "INFO", "CANCEL", "REFER", "DANCE"] {
            let start = format!("{method} sip:400@192.0.2.2 SIP/2.0");
            let request = desk.request(&start, "To: <sip:400@example.com>;tag=gone", "");
            desk.hear(&request);
        }
    }
    let codes: std::collections::BTreeSet<u16> =
        desk.sent.iter().filter_map(|(_, m)| Some(m.status()?.code())).collect();
    assert_eq!((desk.sent.len(), desk.endpoint.transactions()), (1_200, 50));
    assert_eq!(codes, [405, 481].into());
    desk.run(100.0);
    assert!(desk.is_empty());
}

#[test]
fn every_refusal_can_be_matched_by_its_sender() {
    let mut desk = Desk::new(Config::default());
    let invite = desk.invite(
        "Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKown;rport\nRequire: teleport\nCall-ID: mine\nCSeq: 77 INVITE",
    );
    desk.hear(&invite);
    let refusal = desk.last();
    let asked = Message::parse(invite.as_bytes()).unwrap();
    assert_eq!(
        (refusal.top_via().unwrap().branch(), refusal.call_id(), refusal.cseq(), refusal.from().unwrap().tag()),
        (Some("z9hG4bKown"), Some("mine"), asked.cseq(), Some("peer"))
    );
    assert!(refusal.to().unwrap().tag().is_some());
}
