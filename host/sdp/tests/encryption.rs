//! Keys in descriptions (RFC 4568), and who gets to hear plain sound.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use expect_test::expect;
use plugboard_sdp::{AcceptError, Agreed, AnswerError, Crypto, Local, OurKeys, Security, Session};
use plugboard_srtp::{Keys, MasterKeys, Suite};

/// 30 bytes from 1, 2 and 3 on.
fn our_keys() -> OurKeys {
    let mut first = 0;
    OurKeys::drawn(|| {
        first += 1;
        std::array::from_fn(|at| at as u8 + first)
    })
}

fn ours(security: Security) -> Local {
    Local { security, ..Local::g711("192.0.2.1:4000".parse().unwrap(), 7) }
}

fn of_three() -> [Local; 3] {
    [Security::Off, Security::Offered(our_keys()), Security::Required(our_keys())].map(ours)
}

fn description(lines: &str) -> Session {
    let text = format!("v=0\no=peer 1 1 IN IP4 198.51.100.9\ns=call\nc=IN IP4 198.51.100.9\nt=0 0\n{lines}");
    Session::parse(&text).unwrap()
}

/// 30 bytes of 7 and 28 of 9.
const THEIRS_80: &str = "AES_CM_128_HMAC_SHA1_80 inline:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const THEIRS_GCM: &str = "AEAD_AES_128_GCM inline:CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQ==";

fn theirs(suite: Suite) -> Keys {
    match suite {
        Suite::AeadAes128Gcm => Keys::from_bytes(suite, &[9; 28]),
        _ => Keys::from_bytes(suite, &[7; 30]),
    }
    .unwrap()
}

/// `plain`, the suite of both, or why nothing comes of it.
fn told(agreed: Result<Agreed, String>) -> String {
    match agreed.map(|agreed| agreed.srtp) {
        Ok(None) => "plain".into(),
        Ok(Some(MasterKeys { send, receive, .. })) => {
            assert_eq!((receive, send.suite()), (theirs(receive.suite()), receive.suite()));
            receive.suite().name().into()
        }
        Err(error) => error,
    }
}

#[test]
fn our_offer_has_a_key_for_each_suite_and_says_whether_it_insists() {
    let [off, offered, required] = of_three().map(|local| {
        let lines = local.offer().to_string();
        let is_shown = |line: &&str| line.starts_with("m=") || line.starts_with("a=crypto");
        lines.lines().filter(is_shown).collect::<Vec<_>>().join("\n")
    });
    expect!["m=audio 4000 RTP/AVP 8 0 101"].assert_eq(&off);
    expect![[r#"
        m=audio 4000 RTP/AVP 8 0 101
        a=crypto:1 AEAD_AES_128_GCM inline:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHA==
        a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:AgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
        a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"#]]
    .assert_eq(&offered);
    assert_eq!(required, offered.replace("RTP/AVP", "RTP/SAVP"));
}

#[test]
fn each_policy_answers_each_kind_of_offer_in_its_own_way() {
    let offers = [
        ("plain", "m=audio 5000 RTP/AVP 8\n".to_owned()),
        ("encrypted", format!("m=audio 5000 RTP/SAVP 8\na=crypto:1 {THEIRS_80}\n")),
        ("with feedback", format!("m=audio 5000 RTP/SAVPF 8\na=crypto:5 {THEIRS_GCM}\n")),
        ("at will", format!("m=audio 5000 RTP/AVP 8\na=crypto:1 {THEIRS_80}\n")),
        ("both", format!("m=audio 5000 RTP/AVP 8\nm=audio 6000 RTP/SAVP 8\na=crypto:1 {THEIRS_80}\n")),
        ("unknown suite", "m=audio 5000 RTP/SAVP 8\na=crypto:1 F8_128_HMAC_SHA1_80 inline:BwcH\n".to_owned()),
        ("unknown, at will", "m=audio 5000 RTP/AVP 8\na=crypto:1 F8_128_HMAC_SHA1_80 inline:BwcH\n".to_owned()),
        ("without keys", "m=audio 5000 RTP/SAVP 8\n".to_owned()),
        ("of a browser", "m=audio 5000 UDP/TLS/RTP/SAVPF 8\n".to_owned()),
    ];
    let table: String = offers
        .iter()
        .map(|(name, offer)| {
            let answers = of_three().map(|local| {
                let answer = local.answer(&description(offer));
                told(answer.map(|answer| answer.agreed).map_err(|error| {
                    assert_eq!(error.status(), 488);
                    let (code, text) = error.warning();
                    format!("{code} {text}")
                }))
            });
            format!(
                "{name}\n    off       {}\n    offered   {}\n    required  {}\n",
                answers[0], answers[1], answers[2]
            )
        })
        .collect();
    expect![[r#"
        plain
            off       plain
            offered   plain
            required  302 offer is not encrypted, and nothing goes plain here
        encrypted
            off       302 offer is encrypted as it is not done here: AES_CM_128_HMAC_SHA1_80
            offered   AES_CM_128_HMAC_SHA1_80
            required  AES_CM_128_HMAC_SHA1_80
        with feedback
            off       302 offer is encrypted as it is not done here: AEAD_AES_128_GCM
            offered   AEAD_AES_128_GCM
            required  AEAD_AES_128_GCM
        at will
            off       plain
            offered   AES_CM_128_HMAC_SHA1_80
            required  AES_CM_128_HMAC_SHA1_80
        both
            off       plain
            offered   AES_CM_128_HMAC_SHA1_80
            required  AES_CM_128_HMAC_SHA1_80
        unknown suite
            off       302 offer is encrypted as it is not done here: F8_128_HMAC_SHA1_80
            offered   302 offer is encrypted as it is not done here: F8_128_HMAC_SHA1_80
            required  302 offer is encrypted as it is not done here: F8_128_HMAC_SHA1_80
        unknown, at will
            off       plain
            offered   plain
            required  302 offer is encrypted as it is not done here: F8_128_HMAC_SHA1_80
        without keys
            off       302 offer is encrypted as it is not done here: RTP/SAVP
            offered   302 offer is encrypted as it is not done here: RTP/SAVP
            required  302 offer is encrypted as it is not done here: RTP/SAVP
        of a browser
            off       399 offer has no open audio stream over RTP
            offered   399 offer has no open audio stream over RTP
            required  399 offer has no open audio stream over RTP
    "#]]
    .assert_eq(&table);
}

#[test]
fn the_answer_takes_the_line_that_the_offer_prefers_and_has_a_key_of_ours() {
    let lines = format!(
        "m=audio 5000 RTP/SAVP 8\na=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:x\na=crypto:77 {THEIRS_80}|2^31|1:4 WSH=128\n\
         a=crypto:3 {THEIRS_GCM}\n"
    );
    let answer = ours(Security::Offered(our_keys())).answer(&description(&lines)).unwrap();
    expect![[r#"
        m=audio 4000 RTP/SAVP 8
        a=rtpmap:8 PCMA/8000
        a=ptime:20
        a=sendrecv
        a=crypto:77 AES_CM_128_HMAC_SHA1_80 inline:AgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
    "#]]
    .assert_eq(&answer.session.media[0].to_string().replace("\r\n", "\n"));
    assert_eq!(answer.agreed.srtp.map(|keys| keys.key_name), Some(4));
}

#[test]
fn each_policy_takes_only_the_answers_that_it_offered() {
    let answers = [
        ("plain", "m=audio 5000 RTP/AVP 8\n".to_owned()),
        ("encrypted", format!("m=audio 5000 RTP/SAVP 8\na=crypto:2 {THEIRS_80}\n")),
        ("at will", format!("m=audio 5000 RTP/AVP 8\na=crypto:1 {THEIRS_GCM}\n")),
        ("another tag", format!("m=audio 5000 RTP/SAVP 8\na=crypto:9 {THEIRS_80}\n")),
        ("another suite for the tag", format!("m=audio 5000 RTP/SAVP 8\na=crypto:1 {THEIRS_80}\n")),
        ("without keys", "m=audio 5000 RTP/SAVP 8\n".to_owned()),
    ];
    let table: String = answers
        .iter()
        .map(|(name, answer)| {
            let told =
                of_three().map(|local| told(local.accept(&description(answer)).map_err(|error| error.to_string())));
            format!("{name}\n    off       {}\n    offered   {}\n    required  {}\n", told[0], told[1], told[2])
        })
        .collect();
    expect![[r#"
        plain
            off       plain
            offered   plain
            required  answer does not encrypt as it was offered
        encrypted
            off       answer does not encrypt as it was offered
            offered   AES_CM_128_HMAC_SHA1_80
            required  AES_CM_128_HMAC_SHA1_80
        at will
            off       plain
            offered   AEAD_AES_128_GCM
            required  AEAD_AES_128_GCM
        another tag
            off       answer does not encrypt as it was offered
            offered   answer does not encrypt as it was offered
            required  answer does not encrypt as it was offered
        another suite for the tag
            off       answer does not encrypt as it was offered
            offered   answer does not encrypt as it was offered
            required  answer does not encrypt as it was offered
        without keys
            off       answer does not encrypt as it was offered
            offered   answer does not encrypt as it was offered
            required  answer does not encrypt as it was offered
    "#]]
    .assert_eq(&table);
}

#[test]
fn two_of_us_agree_on_each_others_keys() {
    let (ours, theirs) = (our_keys(), {
        let mut first = 100;
        OurKeys::drawn(|| {
            first += 1;
            [first; 30]
        })
    });
    for caller in [Security::Offered(ours.clone()), Security::Required(ours)] {
        let caller = self::ours(caller);
        let callee = self::ours(Security::Required(theirs.clone()));
        let answer = callee.answer(&Session::parse(&caller.offer().to_string()).unwrap()).unwrap();
        let accepted = caller.accept(&Session::parse(&answer.session.to_string()).unwrap()).unwrap();
        let (a, b) = (accepted.srtp.unwrap(), answer.agreed.srtp.unwrap());
        assert_eq!((a.send, a.receive, a.send.suite()), (b.receive, b.send, Suite::AeadAes128Gcm));
    }
}

#[test]
fn a_session_that_is_encrypted_does_not_go_back_to_plain() {
    let local = ours(Security::Offered(our_keys()).insisting());
    let plain = description("m=audio 5000 RTP/AVP 8\n");
    assert_eq!(local.answer(&plain).map(|answer| answer.agreed), Err(AnswerError::Plain));
    assert_eq!(local.accept(&plain), Err(AcceptError::NotAsOffered));
    assert_eq!(Security::Off.insisting(), Security::Off);
}

#[test]
fn lines_of_many_makers_are_read_and_what_would_weaken_them_is_not() {
    let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
    let taken = [
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}"),
        format!("001  AES_CM_128_HMAC_SHA1_32\tinline:{key}|2^48"),
        format!("2 AES_CM_128_HMAC_SHA1_80 INLINE:{key}|1048576|1:1"),
        format!("3 AES_CM_128_HMAC_SHA1_80 inline:{key}|255:128 KDR=0 -UNKNOWN=1"),
        "4 AEAD_AES_128_GCM inline:CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQ".to_owned(),
    ];
    let read: Vec<_> = taken.iter().map(|line| Crypto::parse(line).map(|line| (line.tag, line.key_name))).collect();
    assert_eq!(read, [(1, 0), (1, 0), (2, 1), (3, 128), (4, 0)].map(Some));
    let refused = [
        String::new(),
        "1".to_owned(),
        format!("x AES_CM_128_HMAC_SHA1_80 inline:{key}"),
        format!("1234567890 AES_CM_128_HMAC_SHA1_80 inline:{key}"),
        format!("1 aes_cm_128_hmac_sha1_80 inline:{key}"),
        format!("1 AEAD_AES_128_GCM inline:{key}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 uri:{key}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", &key[1..]),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}{key}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}|x"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20|1:129"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}|1:4;inline:{key}|2:4"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key} UNENCRYPTED_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key} UNAUTHENTICATED_SRTP"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key} KDR=1"),
    ];
    assert_eq!(refused.iter().filter(|line| Crypto::parse(line).is_some()).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn keys_stand_in_what_is_sent_and_in_nothing_that_is_shown() {
    let local = ours(Security::Required(our_keys()));
    let offer = format!("m=audio 5000 RTP/SAVP 8\nk=clear:secret\na=crypto:1 {THEIRS_80}\n");
    let answer = local.answer(&description(&offer)).unwrap();
    let shown = format!("{local:?} {:?} {answer:?} {:?}", local.offer(), description(&offer));
    let is_secret =
        |text: &str| ["inline:", "BwcHBw", "AgMEBQ", "secret", "[7, 7", "[1, 2"].iter().any(|key| text.contains(key));
    assert!(!is_secret(&shown), "{shown}");
    assert!(is_secret(&local.offer().to_string()));
}

#[test]
fn whatever_stands_in_a_line_nothing_panics() {
    let mut seed = 3_u64;
    let mut chance = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let words = ["1", "AES_CM_128_HMAC_SHA1_80", "inline:", "|", ":", "2^", " ", "é", "=", THEIRS_80, THEIRS_GCM, ";"];
    for _ in 0..50_000 {
        let line: String = (0..chance() % 9).map(|_| words[chance() % words.len()]).collect();
        let media = format!("m=audio 5000 RTP/SAVP 8\na=crypto:{line}\n");
        for local in of_three() {
            let _ = local.answer(&description(&media));
            let _ = local.accept(&description(&media));
        }
    }
}
