//! Offers and answers as peers write them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use expect_test::expect;
use plugboard_sdp::{AcceptError, AnswerError, Codec, Direction, Local, Session, TelephoneEvent};

fn ours() -> Local {
    Local::g711("192.0.2.1:4000".parse().unwrap(), 7)
}

fn offer(lines: &str) -> Session {
    let text = format!("v=0\no=peer 1 1 IN IP4 198.51.100.9\ns=call\nc=IN IP4 198.51.100.9\nt=0 0\n{lines}");
    Session::parse(&text).unwrap()
}

#[test]
fn our_offer_is_g711_with_digits() {
    expect![[r#"
        v=0
        o=- 7 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        m=audio 4000 RTP/AVP 8 0 101
        a=rtpmap:8 PCMA/8000
        a=rtpmap:0 PCMU/8000
        a=rtpmap:101 telephone-event/8000
        a=fmtp:101 0-16
        a=ptime:20
        a=sendrecv
    "#]]
    .assert_eq(&ours().offer().to_string().replace("\r\n", "\n"));
}

#[test]
fn answer_keeps_the_offers_numbers_and_refuses_the_video() {
    let offer = offer(
        "m=video 6000 RTP/AVP 31\nm=audio 5000 RTP/AVP 96 0 97 98\na=rtpmap:96 opus/48000/2\n\
         a=rtpmap:97 telephone-event/48000\na=rtpmap:98 telephone-event/8000\na=ptime:30\n",
    );
    let answer = ours().answer(&offer).unwrap();
    expect![[r#"
        v=0
        o=- 7 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        m=video 0 RTP/AVP 31
        m=audio 4000 RTP/AVP 0 98
        a=rtpmap:0 PCMU/8000
        a=rtpmap:98 telephone-event/8000
        a=fmtp:98 0-16
        a=ptime:20
        a=sendrecv
    "#]]
    .assert_eq(&answer.session.to_string().replace("\r\n", "\n"));
    let agreed = answer.agreed;
    assert_eq!(agreed.remote, "198.51.100.9:5000".parse().unwrap());
    assert_eq!((agreed.codec.name.as_str(), agreed.packet_time.as_millis()), ("PCMU", 30));
    assert_eq!(agreed.telephone_event.map(|t| (t.send, t.receive)), Some((98, 98)));
}

#[test]
fn answer_to_our_offer_may_move_the_digits_elsewhere() {
    let answer = offer("m=audio 5000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000\na=rtcp:5555\n");
    let agreed = ours().accept(&answer).unwrap();
    let TelephoneEvent { send, receive, .. } = agreed.telephone_event.unwrap();
    assert_eq!((agreed.codec.name.as_str(), send, receive, agreed.remote_rtcp.port()), ("PCMU", 96, 101, 5555));
}

/// Their lines, our direction in the answer, and whether we are held.
#[test]
fn hold_in_all_its_spellings_is_mirrored() {
    let cases = [
        ("m=audio 5000 RTP/AVP 8\na=sendonly\n", Direction::ReceiveOnly, true),
        ("m=audio 5000 RTP/AVP 8\na=inactive\n", Direction::Inactive, true),
        ("m=audio 5000 RTP/AVP 8\nc=IN IP4 0.0.0.0\n", Direction::ReceiveOnly, true),
        ("m=audio 5000 RTP/AVP 8\na=recvonly\n", Direction::SendOnly, false),
        ("m=audio 5000 RTP/AVP 8\n", Direction::SendReceive, false),
    ];
    for (lines, direction, is_held) in cases {
        let agreed = ours().answer(&offer(lines)).unwrap().agreed;
        assert_eq!((agreed.direction, agreed.is_held), (direction, is_held), "{lines}");
    }
}

#[test]
fn offer_without_our_codecs_is_refused_by_name() {
    let refused = ours().answer(&offer("m=audio 5000 RTP/AVP 18\n")).unwrap_err();
    assert_eq!((refused.status(), refused), (488, AnswerError::NoCommonCodec { offered: "G729/8000".into() }));
    let encrypted = ours().answer(&offer("m=audio 5000 RTP/SAVP 8\n"));
    assert_eq!(encrypted, Err(AnswerError::NoCommonSuite { offered: "RTP/SAVP".into() }));
}

/// RFC 3264 §6: one `m=` for each of the offer, in its order; what we do not do has port 0 and keeps its protocol and formats.
#[test]
fn every_stream_but_the_first_audio_is_refused_in_its_place() {
    let offer = offer(
        "m=audio 0 RTP/AVP 0\nm=video 6000 RTP/AVP 31\nm=audio 5000 RTP/AVP 8\nm=audio 5002 RTP/AVP 8\nm=image 7000 udptl t38\n\
         m=application 9 UDP/BFCP *\n",
    );
    let answer = ours().answer(&offer).unwrap();
    let lines: Vec<String> =
        answer.session.to_string().lines().filter(|l| l.starts_with("m=")).map(str::to_owned).collect();
    let wanted = [
        "m=audio 0 RTP/AVP 0",
        "m=video 0 RTP/AVP 31",
        "m=audio 4000 RTP/AVP 8",
        "m=audio 0 RTP/AVP 8",
        "m=image 0 udptl t38",
        "m=application 0 UDP/BFCP *",
    ];
    assert_eq!(lines, wanted);
    assert_eq!(answer.agreed.remote.port(), 5000);
}

/// RFC 3264 §6: the answer repeats the offer's time.
#[test]
fn answer_has_the_time_of_the_offer() {
    let text = "v=0\no=p 1 1 IN IP4 198.51.100.9\ns=x\nc=IN IP4 198.51.100.9\nt=3724394400 3724398000\nm=audio 5000 RTP/AVP 8\n";
    let answer = ours().answer(&Session::parse(text).unwrap()).unwrap();
    assert!(answer.session.to_string().contains("\r\nt=3724394400 3724398000\r\n"));
}

/// RFC 3264 §6.1: each side sends with the numbers of the other.
#[test]
fn answer_with_other_numbers_is_sent_to_with_its_and_heard_with_ours() {
    let mut local = ours();
    local.codecs = vec![Codec::opus(), Codec::pcma()];
    let answer = offer("m=audio 5000 RTP/AVP 111 110\na=rtpmap:111 opus/48000/2\na=rtpmap:110 telephone-event/48000\n");
    let agreed = local.accept(&answer).unwrap();
    let digits = agreed.telephone_event.unwrap();
    assert_eq!((agreed.send_payload_type, agreed.receive_payload_type), (111, 96));
    // We offered 101 for 8 000 ticks and 102 for 48 000.
    assert_eq!((digits.send, digits.receive, digits.clock.0), (110, 102, 48_000));
}

/// Digits at another clock rate than the codec's would be heard at the wrong length (RFC 4733 §2.1).
#[test]
fn digits_of_another_clock_rate_are_left_out() {
    let offer = offer("m=audio 5000 RTP/AVP 8 97\na=rtpmap:97 telephone-event/48000\n");
    let answer = ours().answer(&offer).unwrap();
    assert_eq!(answer.agreed.telephone_event, None);
    assert!(answer.session.to_string().contains("m=audio 4000 RTP/AVP 8\r\n"));
}

/// Their line, and the packets that we are to send; what is no packet time counts as 20 ms.
#[test]
fn packet_time_is_the_peers_wish_where_it_is_one() {
    for (line, wanted) in
        [("a=ptime:30\n", 30), ("a=ptime:0\n", 20), ("a=ptime:500\n", 20), ("a=ptime:x\n", 20), ("", 20)]
    {
        let agreed = ours().answer(&offer(&format!("m=audio 5000 RTP/AVP 8\n{line}"))).unwrap().agreed;
        assert_eq!(agreed.packet_time.as_millis(), wanted, "{line}");
    }
}

/// A hold that we ask for, and what is left of it in the answer.
#[test]
fn our_own_hold_is_answered_by_less_or_equal() {
    let mut local = ours();
    local.direction = Direction::SendOnly;
    assert!(local.offer().to_string().contains("a=sendonly"));
    for (line, direction) in
        [("a=recvonly\n", Direction::SendOnly), ("a=inactive\n", Direction::Inactive), ("", Direction::SendOnly)]
    {
        let agreed = local.accept(&offer(&format!("m=audio 5000 RTP/AVP 8\n{line}"))).unwrap();
        assert_eq!(agreed.direction, direction, "{line}");
    }
}

#[test]
fn hold_of_the_whole_session_holds_its_streams() {
    let text =
        "v=0\no=p 1 1 IN IP4 198.51.100.9\ns=x\nc=IN IP4 198.51.100.9\nt=0 0\na=sendonly\nm=audio 5000 RTP/AVP 8\n";
    let agreed = ours().answer(&Session::parse(text).unwrap()).unwrap().agreed;
    assert_eq!((agreed.direction, agreed.is_held), (Direction::ReceiveOnly, true));
}

#[test]
fn offer_over_ipv6_is_answered_over_ipv6() {
    let text = "v=0\no=p 1 1 IN IP6 2001:db8::9\ns=x\nc=IN IP6 2001:db8::9\nt=0 0\nm=audio 5000 RTP/AVP 8\n";
    let offer = Session::parse(text).unwrap();
    let local = Local::g711("[2001:db8::1]:4000".parse().unwrap(), 7);
    let answer = local.answer(&offer).unwrap();
    assert_eq!(answer.agreed.remote, "[2001:db8::9]:5000".parse().unwrap());
    assert!(answer.session.to_string().contains("c=IN IP6 2001:db8::1\r\n"));
    let held = Session::parse(&text.replace("c=IN IP6 2001:db8::9", "c=IN IP6 ::")).unwrap();
    assert!(local.answer(&held).unwrap().agreed.is_held);
}

#[test]
fn offer_over_a_family_that_our_port_is_not_of_is_refused() {
    let text = "v=0\no=p 1 1 IN IP6 2001:db8::9\ns=x\nc=IN IP6 2001:db8::9\nt=0 0\nm=audio 5000 RTP/AVP 8\n";
    let offer = Session::parse(text).unwrap();
    let there = "2001:db8::9".parse().unwrap();
    let refused = ours().answer(&offer).unwrap_err();
    assert_eq!((refused.status(), refused), (488, AnswerError::OtherFamily(there)));
    assert_eq!(ours().accept(&offer), Err(AcceptError::OtherFamily(there)));
}

#[test]
fn offer_without_an_address_or_without_audio_is_refused() {
    let nowhere = Session::parse("v=0\no=p 1 1 IN IP4 1.2.3.4\ns=x\nt=0 0\nm=audio 5000 RTP/AVP 8\n").unwrap();
    assert_eq!(ours().answer(&nowhere), Err(AnswerError::NoAddress));
    let by_name = offer("m=audio 5000 RTP/AVP 8\nc=IN IP4 media.example.com\n");
    assert_eq!(ours().answer(&by_name), Err(AnswerError::NoAddress));
    assert_eq!(ours().answer(&offer("m=audio 0 RTP/AVP 8\n")), Err(AnswerError::NoAudio));
    assert_eq!(ours().accept(&offer("m=audio 0 RTP/AVP 8\n")), Err(AcceptError::Refused));
}

/// As many formats and attributes as a datagram holds: read once each, not each for each.
#[test]
fn description_full_of_formats_costs_no_more_than_its_length() {
    let formats = "8 0 ".repeat(6_000);
    let attributes = "a=rtpmap:8 x\n".repeat(1_900);
    let description = offer(&format!("m=audio 5000 RTP/AVP {formats}\n{attributes}"));
    assert_eq!(description.media[0].codecs().len(), 1);
    let text = format!("v=0\no=p 1 1 IN IP4 1.2.3.4\n{}", "a=x\n".repeat(4_000));
    assert_eq!(Session::parse(&text).unwrap_err().problem, "more lines than anybody needs");
}

#[test]
fn unknown_lines_and_ipv6_come_back_as_they_were() {
    let text = "v=0\r\no=x 18446744073709551615 2 IN IP6 2001:db8::1\r\ns= \r\nb=AS:64\r\nt=0 0\r\nq=strange\r\na=tool:x\r\n\
                m=audio 5000/2 RTP/SAVP 8\r\nc=IN IP6 2001:db8::2\r\na=crypto:1 AES x\r\nm=application 9 UDP/BFCP *\r\n";
    let session = Session::parse(text).unwrap();
    assert_eq!(session.to_string(), text.replace("s= ", "s="));
    let codecs = session.media[0].codecs();
    assert_eq!(codecs, [Codec::pcma()]);
}

#[test]
fn broken_line_is_named() {
    let error = Session::parse("v=0\no=x 1 1 IN IP4 1.2.3.4\nnonsense\n").unwrap_err();
    assert_eq!(error.to_string(), "line 3: not of the form x=value");
}

#[test]
fn damaged_descriptions_never_panic_and_read_back_the_same() {
    let base = ours().offer().to_string();
    let mut chance = 1_u64;
    let mut below = |limit: usize| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) as usize % limit
    };
    let mut read = 0;
    for _ in 0..50_000 {
        let mut bytes = base.clone().into_bytes();
        for _ in 0..=below(3) {
            let at = below(bytes.len());
            bytes[at] = below(128) as u8;
        }
        let text = String::from_utf8(bytes).unwrap();
        if let Ok(session) = Session::parse(&text) {
            read += 1;
            let _ = (ours().answer(&session), ours().accept(&session));
            let again = Session::parse(&session.to_string()).unwrap();
            assert_eq!(again.to_string(), session.to_string());
        }
    }
    assert!(read > 10_000, "{read}");
}
