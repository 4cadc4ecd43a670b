//! Which codec two sides end up with, as a ladder of the lines that say so.
#![allow(clippy::unwrap_used, reason = "a test")]

use expect_test::expect;
use plugboard_sdp::{Local, Session};

fn ours(beside: Option<&str>) -> Local {
    Local { beside: beside.map(str::to_owned), ..Local::voice("192.0.2.1:4000".parse().unwrap(), 7) }
}

fn description(lines: &str) -> Session {
    Session::parse(&format!("v=0\no=peer 1 1 IN IP4 198.51.100.9\ns=call\nc=IN IP4 198.51.100.9\nt=0 0\n{lines}"))
        .unwrap()
}

/// What is said of the audio: formats and what they mean.
fn said(arrow: &str, session: &Session) -> String {
    let text = session.to_string();
    let lines = text.lines().filter(|line| ["m=", "a=rtpmap", "a=fmtp"].iter().any(|start| line.starts_with(start)));
    lines.map(|line| format!("{arrow} {line}\n")).collect()
}

/// Their offer and our answer, for each.
fn answers(beside: Option<&str>, offers: &[&str]) -> String {
    let ladder = |lines: &&str| {
        let offer = description(lines);
        let answer = ours(beside).answer(&offer).unwrap();
        format!("{}{}\n", said("->", &offer), said("<-", &answer.session))
    };
    offers.iter().map(ladder).collect()
}

const BROWSER: &str = "m=audio 9 RTP/AVP 111 9 0 8 13 110 126\na=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;useinbandfec=1\na=rtpmap:9 G722/8000\n\
                       a=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:13 CN/8000\na=rtpmap:110 telephone-event/48000\na=rtpmap:126 telephone-event/8000\n";
const DESK_PHONE: &str = "m=audio 5000 RTP/AVP 9 0 8 18 101\na=rtpmap:9 G722/16000\na=rtpmap:18 G729/8000\na=rtpmap:101 telephone-event/8000\n";
const TRUNK: &str = "m=audio 5000 RTP/AVP 8 18 13 101\na=rtpmap:101 telephone-event/8000\n";
const KEYS_AT_8000_ONLY: &str =
    "m=audio 5000 RTP/AVP 96 0 101\na=rtpmap:96 opus/48000\na=rtpmap:101 telephone-event/8000\n";
const KEYS_OF_OPUS: &str =
    "m=audio 5000 RTP/AVP 96 0 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/48000\n";
const NO_KEYS_FIRST: &str =
    "m=audio 5000 RTP/AVP 0 96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/48000\n";

#[test]
fn a_caller_is_answered_with_its_first_choice_that_leaves_it_its_keys() {
    expect![[r#"
        -> m=audio 9 RTP/AVP 111 9 0 8 13 110 126
        -> a=rtpmap:111 opus/48000/2
        -> a=fmtp:111 minptime=10;useinbandfec=1
        -> a=rtpmap:9 G722/8000
        -> a=rtpmap:0 PCMU/8000
        -> a=rtpmap:8 PCMA/8000
        -> a=rtpmap:13 CN/8000
        -> a=rtpmap:110 telephone-event/48000
        -> a=rtpmap:126 telephone-event/8000
        <- m=audio 4000 RTP/AVP 111 110
        <- a=rtpmap:111 opus/48000/2
        <- a=fmtp:111 useinbandfec=1
        <- a=rtpmap:110 telephone-event/48000
        <- a=fmtp:110 0-16

        -> m=audio 5000 RTP/AVP 9 0 8 18 101
        -> a=rtpmap:9 G722/16000
        -> a=rtpmap:18 G729/8000
        -> a=rtpmap:101 telephone-event/8000
        <- m=audio 4000 RTP/AVP 9 101
        <- a=rtpmap:9 G722/8000
        <- a=rtpmap:101 telephone-event/8000
        <- a=fmtp:101 0-16

        -> m=audio 5000 RTP/AVP 8 18 13 101
        -> a=rtpmap:101 telephone-event/8000
        <- m=audio 4000 RTP/AVP 8 13 101
        <- a=rtpmap:8 PCMA/8000
        <- a=rtpmap:13 CN/8000
        <- a=rtpmap:101 telephone-event/8000
        <- a=fmtp:101 0-16

        -> m=audio 5000 RTP/AVP 96 0 101
        -> a=rtpmap:96 opus/48000
        -> a=rtpmap:101 telephone-event/8000
        <- m=audio 4000 RTP/AVP 96 101
        <- a=rtpmap:96 opus/48000/2
        <- a=fmtp:96 useinbandfec=1
        <- a=rtpmap:101 telephone-event/8000
        <- a=fmtp:101 0-16

        -> m=audio 5000 RTP/AVP 96 0 101
        -> a=rtpmap:96 opus/48000/2
        -> a=rtpmap:101 telephone-event/48000
        <- m=audio 4000 RTP/AVP 96 101
        <- a=rtpmap:96 opus/48000/2
        <- a=fmtp:96 useinbandfec=1
        <- a=rtpmap:101 telephone-event/48000
        <- a=fmtp:101 0-16

        -> m=audio 5000 RTP/AVP 0 96 101
        -> a=rtpmap:96 opus/48000/2
        -> a=rtpmap:101 telephone-event/48000
        <- m=audio 4000 RTP/AVP 96 101
        <- a=rtpmap:96 opus/48000/2
        <- a=fmtp:96 useinbandfec=1
        <- a=rtpmap:101 telephone-event/48000
        <- a=fmtp:101 0-16

    "#]]
    .assert_eq(&answers(None, &[BROWSER, DESK_PHONE, TRUNK, KEYS_AT_8000_ONLY, KEYS_OF_OPUS, NO_KEYS_FIRST]));
}

#[test]
fn the_codec_of_the_other_leg_comes_before_the_callers_own_choice() {
    expect![[r#"
        -> m=audio 9 RTP/AVP 111 9 0 8 13 110 126
        -> a=rtpmap:111 opus/48000/2
        -> a=fmtp:111 minptime=10;useinbandfec=1
        -> a=rtpmap:9 G722/8000
        -> a=rtpmap:0 PCMU/8000
        -> a=rtpmap:8 PCMA/8000
        -> a=rtpmap:13 CN/8000
        -> a=rtpmap:110 telephone-event/48000
        -> a=rtpmap:126 telephone-event/8000
        <- m=audio 4000 RTP/AVP 0 13 126
        <- a=rtpmap:0 PCMU/8000
        <- a=rtpmap:13 CN/8000
        <- a=rtpmap:126 telephone-event/8000
        <- a=fmtp:126 0-16

        -> m=audio 5000 RTP/AVP 9 0 8 18 101
        -> a=rtpmap:9 G722/16000
        -> a=rtpmap:18 G729/8000
        -> a=rtpmap:101 telephone-event/8000
        <- m=audio 4000 RTP/AVP 0 101
        <- a=rtpmap:0 PCMU/8000
        <- a=rtpmap:101 telephone-event/8000
        <- a=fmtp:101 0-16

    "#]]
    .assert_eq(&answers(Some("PCMU"), &[BROWSER, DESK_PHONE]));
    let neither_has_it = ours(Some("opus")).answer(&description(TRUNK)).unwrap();
    assert_eq!(neither_has_it.agreed.codec.name, "PCMA");
}

#[test]
fn our_offer_begins_with_the_codec_of_the_other_leg() {
    expect![[r#"
        <- m=audio 4000 RTP/AVP 96 8 0 9 101 102
        <- a=rtpmap:96 opus/48000/2
        <- a=fmtp:96 useinbandfec=1
        <- a=rtpmap:8 PCMA/8000
        <- a=rtpmap:0 PCMU/8000
        <- a=rtpmap:9 G722/8000
        <- a=rtpmap:101 telephone-event/8000
        <- a=fmtp:101 0-16
        <- a=rtpmap:102 telephone-event/48000
        <- a=fmtp:102 0-16
    "#]]
    .assert_eq(&said("<-", &ours(Some("opus")).offer()));
    let first = |beside| format!("{}\n", said("<-", &ours(beside).offer()).lines().next().unwrap_or_default());
    let firsts = [None, Some("pcmu"), Some("G722"), Some("G729")].map(first);
    expect![[r#"
        <- m=audio 4000 RTP/AVP 8 0 9 96 101 102
        <- m=audio 4000 RTP/AVP 0 8 9 96 101 102
        <- m=audio 4000 RTP/AVP 9 8 0 96 101 102
        <- m=audio 4000 RTP/AVP 8 0 9 96 101 102
    "#]]
    .assert_eq(&firsts.concat());
}

/// RFC 7587 §6.1: what the peer says of Opus is about what it receives, so it is for our encoder.
#[test]
fn what_the_peer_wants_of_opus_is_handed_on() {
    let agreed = ours(None).answer(&description(BROWSER)).unwrap().agreed;
    let digits = agreed.telephone_event.map(|digits| (digits.send, digits.clock.0));
    assert_eq!((agreed.codec.fmtp.as_deref(), digits), (Some("minptime=10;useinbandfec=1"), Some((110, 48_000))));
}

#[test]
fn a_phone_that_counts_its_keys_at_8000_beside_opus_keeps_them() {
    let answer =
        description("m=audio 5000 RTP/AVP 96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\n");
    let called = ours(None).accept(&answer).unwrap();
    let calls = ours(None).answer(&description(KEYS_AT_8000_ONLY)).unwrap().agreed;
    let told = [called, calls].map(|agreed| {
        agreed.telephone_event.map(|digits| (agreed.codec.clock.0, digits.send, digits.receive, digits.clock.0))
    });
    assert_eq!(told, [Some((48_000, 101, 101, 8_000)); 2]);
}

/// It has the telephone's clock rate: beside Opus it would mean another length.
#[test]
fn comfort_noise_is_agreed_where_it_was_offered_at_the_codecs_clock_rate() {
    let agreed = |offer| ours(None).answer(&description(offer)).unwrap().agreed.comfort_noise;
    assert_eq!([agreed(TRUNK), agreed(DESK_PHONE), agreed(BROWSER)], [true, false, false]);
}
