//! Offers and answers as peers write them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use expect_test::expect;
use plugboard_sdp::{AnswerError, Codec, Direction, Local, Session, TelephoneEvent};

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
    assert_eq!(encrypted, Err(AnswerError::NoAudio));
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
