//! Which way messages take: forks, record routes, strict routers, NAT and streams.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod desk;

use desk::{Desk, SDP, address, in_dialog, response};
use expect_test::expect;
use plugboard_sip::endpoint::HangUp;
use plugboard_sip::message::HeaderName;
use plugboard_sip::{Config, Input, Message, Method, Source, Transport};

fn text(message: &Message) -> String {
    let routes: Vec<&str> = message.list(HeaderName::Route).collect();
    format!("{} {} via {routes:?}", message.method().unwrap(), message.uri_text())
}

/// RFC 3261 §13.2.2.4: the first answer wins; each other is acknowledged and hung up, a copy of it only acknowledged.
#[test]
fn second_fork_that_answers_is_acknowledged_and_hung_up() {
    let mut desk = Desk::new(Config::default());
    let call = desk.call(|_| {});
    let (_, invite) = desk.last_of(&Method::INVITE);
    let answer = |tag: &str| response(&invite, 200, tag, &[("Contact", &format!("<sip:{tag}@192.0.2.1>"))], SDP);
    desk.hear(&answer("first"));
    desk.hear(&answer("second"));
    desk.hear(&answer("second"));
    desk.hear(&answer("first"));
    let (_, bye) = desk.last_of(&Method::BYE);
    assert_eq!((bye.to().unwrap().tag(), bye.uri_text()), (Some("second"), "sip:second@192.0.2.1"));
    desk.hear(&response(&bye, 200, "", &[], ""));
    expect![[r#"
        1.000 <- INVITE
        1.000 -> 200 INVITE
        1.000 <- ACK
        1.000    answered
        1.000 -> 200 INVITE
        1.000 <- ACK
        1.000 <- BYE
        1.000 -> 200 INVITE
        1.000 <- ACK
        1.000 -> 200 INVITE
        1.000 <- ACK
        1.000 -> 200 BYE
    "#]]
    .assert_eq(&desk.ladder);
    assert_eq!(desk.endpoint.replaces_of(call).unwrap().to_tag, "first");
}

#[test]
fn peer_that_answers_with_ever_new_tags_is_soon_ignored() {
    let mut desk = Desk::new(Config::default());
    desk.call(|_| {});
    let (_, invite) = desk.last_of(&Method::INVITE);
    for fork in 0..1_000 {
        desk.hear(&response(&invite, 200, &format!("t{fork}"), &[("Contact", "<sip:x@192.0.2.1>")], SDP));
    }
    let byes = desk.sent.iter().filter(|(_, m)| m.method() == Some(&Method::BYE)).count();
    assert_eq!((byes, desk.endpoint.transactions()), (8, 9));
}

/// RFC 3261 §12.1.2, §12.2.1.1: the caller turns the recorded routes around.
#[test]
fn recorded_routes_are_followed_by_the_caller_in_turn() {
    let mut desk = Desk::new(Config::default());
    let call = desk.call(|_| {});
    let (_, invite) = desk.last_of(&Method::INVITE);
    let headers =
        [("Record-Route", "<sip:198.51.100.2;lr>, <sip:198.51.100.1;lr>"), ("Contact", "<sip:phone@10.0.0.9>")];
    desk.hear(&response(&invite, 200, "far", &headers, SDP));
    let (to, ack) = desk.last_of(&Method::ACK);
    let (_, bye) = desk.bye(call);
    expect![[r#"
        ACK sip:phone@10.0.0.9 via ["<sip:198.51.100.1;lr>", "<sip:198.51.100.2;lr>"]
        BYE sip:phone@10.0.0.9 via ["<sip:198.51.100.1;lr>", "<sip:198.51.100.2;lr>"]
        to 198.51.100.1:5060"#]]
    .assert_eq(&format!("{}\n{}\nto {}", text(&ack), text(&bye), to.remote));
}

/// The callee keeps their order, and writes them into its answer (RFC 3261 §12.1.1).
#[test]
fn recorded_routes_are_followed_by_the_callee_as_they_stand() {
    let mut desk = Desk::new(Config::default());
    let call = desk.answered(
        "Record-Route: <sip:198.51.100.1;lr>\nRecord-Route: <sip:198.51.100.2;lr>\nContact: <sip:100@10.0.0.9>",
    );
    assert_eq!(desk.last().list(HeaderName::RecordRoute).count(), 2);
    let (to, bye) = desk.bye(call);
    expect![[r#"
        BYE sip:100@10.0.0.9 via ["<sip:198.51.100.1;lr>", "<sip:198.51.100.2;lr>"]
        to 198.51.100.1:5060"#]]
    .assert_eq(&format!("{}\nto {}", text(&bye), to.remote));
}

/// A fold within a recorded route is white space like any other; written again it must not break out of its line.
#[test]
fn folded_record_route_is_followed_on_one_line() {
    let mut desk = Desk::new(Config::default());
    let call = desk.answered("Record-Route: <sip:198.51.100.1;lr>\r\n ;hop=1,\r\n\t<sip:198.51.100.2;lr>");
    let (_, bye) = desk.bye(call);
    let routes: Vec<&str> = bye.list(HeaderName::Route).collect();
    assert_eq!(routes, ["<sip:198.51.100.1;lr> ;hop=1", "<sip:198.51.100.2;lr>"]);
}

/// The peer's name holds a byte that we write to nobody: there is no BYE, but the call has its end.
#[test]
fn call_whose_bye_cannot_be_written_still_ends() {
    let mut desk = Desk::new(Config::default());
    let call = desk.answered("From: \"a\0b\" <sip:100@example.com>;tag=peer");
    desk.endpoint.hang_up(desk.now, call, HangUp::default()).unwrap();
    desk.drain();
    assert!(desk.ladder.ends_with("1.000    confirmed\n1.000    ended HungUp\n"), "{}", desk.ladder);
    assert_eq!(desk.endpoint.calls(), 0);
}

/// RFC 3261 §12.2.1.1: without `lr` the first route takes the Request-URI's place and the target goes last, as RFC 2543 had it.
#[test]
fn strict_router_gets_itself_as_request_uri() {
    let mut desk = Desk::new(Config::default());
    let call = desk.call(|_| {});
    let (_, invite) = desk.last_of(&Method::INVITE);
    let headers = [
        ("Record-Route", "<sip:198.51.100.2;lr>, <sip:198.51.100.1:5070;maddr=x>"),
        ("Contact", "<sip:phone@203.0.113.9>"),
    ];
    desk.hear(&response(&invite, 200, "far", &headers, SDP));
    let (_, ack) = desk.last_of(&Method::ACK);
    let (to, bye) = desk.bye(call);
    expect![[r#"
        ACK sip:198.51.100.1:5070;maddr=x via ["<sip:198.51.100.2;lr>", "<sip:phone@203.0.113.9>"]
        BYE sip:198.51.100.1:5070;maddr=x via ["<sip:198.51.100.2;lr>", "<sip:phone@203.0.113.9>"]
        to 198.51.100.1:5070"#]]
    .assert_eq(&format!("{}\n{}\nto {}", text(&ack), text(&bye), to.remote));
}

/// CANCEL and the ACK of a refusal go where the INVITE went, with its routes (RFC 3261 §9.1, §17.1.1.3).
#[test]
fn cancel_and_the_ack_of_a_refusal_repeat_the_route_of_the_invite() {
    let mut desk = Desk::new(Config::default());
    let call = desk.call(|invite| invite.headers.push(("Route".into(), "<sip:192.0.2.1;lr>".into())));
    let (_, invite) = desk.last_of(&Method::INVITE);
    desk.hear(&response(
        &invite,
        180,
        "far",
        &[("Record-Route", "<sip:198.51.100.7;lr>"), ("Contact", "<sip:x@10.0.0.9>")],
        "",
    ));
    desk.endpoint.hang_up(desk.now, call, HangUp::default()).unwrap();
    desk.drain();
    let (_, cancel) = desk.last_of(&Method::CANCEL);
    desk.hear(&response(&cancel, 200, "far", &[], ""));
    desk.hear(&response(&invite, 487, "far", &[], ""));
    let (to, ack) = desk.last_of(&Method::ACK);
    let branches: Vec<_> =
        [&invite, &cancel, &ack].iter().map(|m| m.top_via().unwrap().branch().unwrap().to_owned()).collect();
    assert!(branches.iter().all(|branch| *branch == branches[0]));
    assert_eq!(ack.to().unwrap().tag(), Some("far"));
    expect![[r#"
        CANCEL sip:100@192.0.2.1:5060 via ["<sip:192.0.2.1;lr>"]
        ACK sip:100@192.0.2.1:5060 via ["<sip:192.0.2.1;lr>"]
        to 192.0.2.1:5060"#]]
    .assert_eq(&format!("{}\n{}\nto {}", text(&cancel), text(&ack), to.remote));
}

/// The tag in the answer to CANCEL is that of the call (RFC 3261 §9.2).
#[test]
fn cancel_is_answered_with_the_tag_of_its_call() {
    let mut desk = Desk::new(Config::default());
    let invite = desk.invite("");
    desk.hear(&invite);
    let call = desk.incoming();
    desk.endpoint.ring(desk.now, call, plugboard_sip::Status::RINGING, None).unwrap();
    let via = invite.lines().find(|line| line.starts_with("Via")).unwrap();
    let cancel = desk.request("CANCEL sip:400@192.0.2.2 SIP/2.0", &format!("{via}\nCall-ID: c1@peer"), "");
    desk.hear(&cancel);
    let tags: Vec<_> =
        desk.sent.iter().map(|(_, m)| (m.status().unwrap().code(), m.to().unwrap().tag().map(str::to_owned))).collect();
    let tag = tags[1].1.clone();
    assert_eq!(tags, [(100, None), (180, tag.clone()), (200, tag.clone()), (487, tag)]);
}

/// RFC 3581: `rport` asks for an answer to where the request came from, and is told what that is.
#[test]
fn request_from_behind_nat_is_answered_where_it_came_from() {
    let mut desk = Desk::new(Config::default());
    desk.source.remote = address("198.51.100.7:40123");
    let options =
        desk.request("OPTIONS sip:400@192.0.2.2 SIP/2.0", "Via: SIP/2.0/UDP 10.0.0.5:5062;rport;branch=z9hG4bKn", "");
    desk.hear(&options);
    let (to, answer) = desk.sent.pop().unwrap();
    assert_eq!(
        answer.value(HeaderName::Via),
        Some("SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bKn;received=198.51.100.7;rport=40123")
    );
    assert_eq!(
        (to.remote, to.local),
        (desk.source.remote, Some(desk.source.local)),
        "symmetric: from the socket that heard it"
    );
}

/// RFC 3261 §18.2.2: without `rport` the port is the one in Via, the address the one seen.
#[test]
fn request_without_rport_is_answered_at_the_port_of_its_via() {
    let mut desk = Desk::new(Config::default());
    desk.source.remote = address("198.51.100.7:40123");
    let mut answer_to = |via: &str| {
        let options = desk.request("OPTIONS sip:400@192.0.2.2 SIP/2.0", via, "");
        desk.hear(&options);
        let (to, answer) = desk.sent.pop().unwrap();
        (to.remote.to_string(), answer.value(HeaderName::Via).unwrap().to_owned())
    };
    let received = "SIP/2.0/UDP phone.example.com:5062;branch=z9hG4bKv1;received=198.51.100.7";
    assert_eq!(
        answer_to("Via: SIP/2.0/UDP phone.example.com:5062;branch=z9hG4bKv1"),
        ("198.51.100.7:5062".into(), received.into())
    );
    let plain = "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKv2";
    assert_eq!(answer_to(&format!("Via: {plain}")), ("198.51.100.7:5060".into(), plain.into()));
}

/// From, seen at, Via, Contact, and where our BYE goes.
#[test]
fn requests_to_a_peer_behind_nat_take_the_way_it_came() {
    let cases = [
        // Private addresses seen from outside.
        ("198.51.100.7:40123", "10.0.0.5:5062", "10.0.0.5:5062", "198.51.100.7:40123"),
        // A private network behind another, as containers are.
        ("192.168.1.5:40123", "172.17.0.2:5060", "172.17.0.2:5060", "192.168.1.5:40123"),
        // No NAT: the Contact is what counts, wherever the INVITE came from.
        ("198.51.100.7:5060", "198.51.100.7:5060", "203.0.113.9:5080", "203.0.113.9:5080"),
        ("192.168.1.5:5060", "192.168.1.5:5060", "192.168.1.6:5060", "192.168.1.6:5060"),
        // A name cannot be looked up here.
        ("198.51.100.7:5060", "198.51.100.7:5060", "phone.example.com", "198.51.100.7:5060"),
    ];
    for (seen, via, contact, wanted) in cases {
        let mut desk = Desk::new(Config::default());
        desk.source.remote = address(seen);
        let more = format!("Via: SIP/2.0/UDP {via};rport;branch=z9hG4bKn1\nContact: <sip:100@{contact}>");
        let call = desk.answered(&more);
        assert_eq!(desk.bye(call).0.remote, address(wanted), "{seen} {via} {contact}");
    }
}

#[test]
fn call_over_ipv6_is_answered_and_hung_up_where_it_came_from() {
    let mut desk = Desk::new(Config::default());
    desk.source.local = address("[2001:db8::2]:5060");
    desk.source.remote = address("[2001:db8::9]:5061");
    let more = "Via: SIP/2.0/UDP [2001:db8::9]:5061;branch=z9hG4bKsix\nContact: <sip:100@[2001:db8::9]:5061>";
    let call = desk.answered(more);
    let (answered, answer) = desk.sent.last().cloned().unwrap();
    let (to, bye) = desk.bye(call);
    expect![[r#"
        200 to [2001:db8::9]:5061, Via SIP/2.0/UDP [2001:db8::9]:5061;branch=z9hG4bKsix
        BYE sip:100@[2001:db8::9]:5061 to [2001:db8::9]:5061 from Some([2001:db8::2]:5060)
        of [2001:db8::2]"#]]
    .assert_eq(&format!(
        "{} to {}, Via {}\nBYE {} to {} from {:?}\nof {}",
        answer.status().unwrap().code(),
        answered.remote,
        answer.value(HeaderName::Via).unwrap(),
        bye.uri_text(),
        to.remote,
        to.local,
        bye.vias().next().unwrap().host,
    ));
}

/// The router was restarted in mid-call: the phone's next re-INVITE comes from another port.
#[test]
fn reinvite_from_another_port_moves_the_way_back() {
    let mut desk = Desk::new(Config::default());
    desk.source.remote = address("198.51.100.7:40123");
    let call = desk.answered("Via: SIP/2.0/UDP 10.0.0.5:5062;rport;branch=z9hG4bKn1\nContact: <sip:100@10.0.0.5:5062>");
    let answer = desk.last().clone();
    desk.source.remote = address("198.51.100.7:50999");
    let change = in_dialog(&mut desk, "INVITE", 2, &answer).replace("192.0.2.1", "10.0.0.5");
    desk.hear(&change);
    assert_eq!(desk.bye(call).0.remote, address("198.51.100.7:50999"));
}

fn on_stream(connection: u64) -> Source {
    let (local, remote) = (address("192.0.2.2:5060"), address("192.0.2.1:51000"));
    Source { transport: Transport::Tcp, local, remote, connection: Some(connection) }
}

#[test]
fn call_on_a_stream_stays_on_it() {
    let mut desk = Desk::new(Config::default());
    desk.source = on_stream(3);
    let call = desk.answered("");
    let to = desk.bye(call).0;
    assert_eq!((to.connection, to.remote), (Some(3), address("192.0.2.1:51000")));
}

/// The port that the stream came from is closed with it; the peer's Contact is where it listens.
#[test]
fn call_whose_stream_is_lost_goes_on_at_the_contact() {
    let mut desk = Desk::new(Config::default());
    desk.source = on_stream(3);
    let call = desk.answered("");
    desk.endpoint.handle_input(desk.now, Input::ConnectionLost { connection: 3 });
    let to = desk.bye(call).0;
    assert_eq!((to.transport, to.connection, to.remote), (Transport::Tcp, None, address("192.0.2.1:5060")));
}

#[test]
fn peer_that_comes_back_on_another_stream_is_reached_there() {
    let mut desk = Desk::new(Config::default());
    desk.source = on_stream(3);
    let call = desk.answered("");
    let answer = desk.last().clone();
    desk.endpoint.handle_input(desk.now, Input::ConnectionLost { connection: 3 });
    desk.source = on_stream(4);
    let info = in_dialog(&mut desk, "INFO", 2, &answer);
    desk.hear(&info);
    assert_eq!(desk.bye(call).0.connection, Some(4));
}

/// We speak no TLS there yet, and the peer came in the clear: its `sips` Contact must not send us to a port that nobody reads.
#[test]
fn sips_contact_of_a_peer_in_the_clear_is_reached_the_way_it_came() {
    let mut desk = Desk::new(Config::default());
    let call = desk.answered("Contact: <sips:100@192.0.2.77>");
    let to = desk.bye(call).0;
    assert_eq!((to.transport, to.remote), (Transport::Udp, address("192.0.2.1:5060")));
}

/// Nobody listens at the phone's port (ICMP), or its stream breaks: the call ends at once, and nothing is left.
#[test]
fn call_to_a_phone_that_cannot_be_reached_ends_at_once() {
    let unreachable = Input::Unreachable { remote: address("192.0.2.1:5060") };
    let lost = Input::ConnectionLost { connection: 9 };
    for (connection, input) in [(None, unreachable), (Some(9), lost)] {
        let mut desk = Desk::new(Config::default());
        if connection.is_some() {
            desk.source = Source { connection, ..on_stream(9) };
        }
        desk.call(|_| {});
        desk.endpoint.handle_input(desk.now, Input::Unreachable { remote: address("192.0.2.1:5061") });
        desk.endpoint.handle_input(desk.now, Input::ConnectionLost { connection: 8 });
        desk.endpoint.handle_input(desk.now, input);
        desk.drain();
        assert_eq!(desk.ladder, "1.000 <- INVITE\n1.000    ended Transport\n");
        assert!(desk.is_empty());
    }
}

/// A phone without power: no ICMP, no response. The caller must not wait for Timer B, which is longer than an agent is rung.
#[test]
fn call_to_a_phone_that_says_nothing_ends_after_four_seconds() {
    let mut desk = Desk::new(Config::default());
    desk.call(|_| {});
    desk.run(100.0);
    expect![[r#"
        1.000 <- INVITE
        1.500 <- INVITE
        2.500 <- INVITE
        4.500 <- INVITE
        5.000    ended NoAnswer
        8.500 <- INVITE
        16.500 <- INVITE
        32.500 <- INVITE
    "#]]
    .assert_eq(&desk.ladder);
    assert!(desk.is_empty());
}

/// It was only slow: what it rings for is over, and it is told so.
#[test]
fn phone_that_rings_too_late_is_cancelled() {
    let mut desk = Desk::new(Config::default());
    desk.call(|_| {});
    let (_, invite) = desk.last_of(&Method::INVITE);
    desk.run(6.0);
    desk.hear(&response(&invite, 180, "far", &[("Contact", "<sip:x@192.0.2.1>")], ""));
    let (_, cancel) = desk.last_of(&Method::CANCEL);
    desk.hear(&response(&cancel, 200, "far", &[], ""));
    desk.hear(&response(&invite, 487, "far", &[], ""));
    expect![[r#"
        1.000 <- INVITE
        1.500 <- INVITE
        2.500 <- INVITE
        4.500 <- INVITE
        5.000    ended NoAnswer
        6.000 -> 180 INVITE
        6.000 <- CANCEL
        6.000 -> 200 CANCEL
        6.000 -> 487 INVITE
        6.000 <- ACK
    "#]]
    .assert_eq(&desk.ladder);
    desk.run(100.0);
    assert!(desk.is_empty());
}

/// 100 is a sign of life: from then on the phone may ring as long as the user likes.
#[test]
fn phone_that_only_says_trying_is_waited_for() {
    let mut desk = Desk::new(Config::default());
    desk.call(|_| {});
    let (_, invite) = desk.last_of(&Method::INVITE);
    desk.hear(&response(&invite, 100, "", &[], ""));
    desk.run(60.0);
    assert_eq!(desk.endpoint.calls(), 1);
    desk.hear(&response(&invite, 200, "far", &[("Contact", "<sip:x@192.0.2.1>")], SDP));
    assert!(desk.ladder.ends_with("60.000 -> 200 INVITE\n60.000 <- ACK\n60.000    answered\n"), "{}", desk.ladder);
}
