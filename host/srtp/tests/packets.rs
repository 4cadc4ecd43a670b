//! What two sides of a session do with each other's packets, and with those of nobody.
#![allow(clippy::unwrap_used, reason = "tests")]

use plugboard_srtp::{Keys, ProtectError, ReceiveContext, Refusal, Refused, SendContext, Suite};

fn keys(suite: Suite) -> Keys {
    Keys::drawn(suite, std::array::from_fn(|at| at as u8 * 7 + 3))
}

fn both(suite: Suite) -> (SendContext, ReceiveContext) {
    (SendContext::new(&keys(suite)), ReceiveContext::new(&keys(suite), 0))
}

fn rtp(ssrc: u32, sequence: u16, said: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 160]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(said);
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(b"\x81\xca\0\x02what follows is secret..");
    packet
}

fn protected(send: &mut SendContext, packet: &[u8]) -> Vec<u8> {
    let mut out = packet.to_vec();
    send.protect_rtp(&mut out, 0).unwrap();
    out
}

fn protected_rtcp(send: &mut SendContext, packet: &[u8]) -> Vec<u8> {
    let mut out = packet.to_vec();
    send.protect_rtcp(&mut out, 0).unwrap();
    out
}

/// What the far end makes of it.
fn heard(receive: &mut ReceiveContext, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut packet = packet.to_vec();
    receive.unprotect_rtp(&mut packet).map(|plain| plain.to_vec())
}

fn heard_rtcp(receive: &mut ReceiveContext, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut packet = packet.to_vec();
    receive.unprotect_rtcp(&mut packet).map(|plain| plain.to_vec())
}

/// Numbers of SplitMix64.
fn chance(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number ^ (number >> 27)
}

/// The self-test of Cisco's libsrtp, which every other implementation repeats.
#[test]
fn a_packet_of_the_reference_implementation_comes_out_the_same() {
    let secret = [
        0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39, 0x0e, 0xc6,
        0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
    ];
    let keys = Keys::from_bytes(Suite::AesCm128HmacSha1_80, &secret).unwrap();
    let mut plain = vec![0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe];
    plain.extend([0xab; 16]);
    let meant = [
        0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe, 0x4e, 0x55, 0xdc, 0x4c, 0xe7, 0x99,
        0x78, 0xd8, 0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d, 0x24, 0x02, 0xb7, 0x8d, 0x6a, 0xcc, 0x99, 0xea, 0x17, 0x9b,
        0x8d, 0xbb,
    ];
    assert_eq!(protected(&mut SendContext::new(&keys), &plain), meant);
    assert_eq!(heard(&mut ReceiveContext::new(&keys, 0), &meant), Ok(plain));
}

#[test]
fn every_length_is_heard_as_it_was_said_by_every_suite() {
    for (suite, tag) in [(Suite::AesCm128HmacSha1_80, 10), (Suite::AesCm128HmacSha1_32, 4), (Suite::AeadAes128Gcm, 16)]
    {
        let (mut send, mut receive) = both(suite);
        for length in 0..400_u16 {
            let plain = rtp(1, length, &vec![length as u8; length.into()]);
            let sent = protected(&mut send, &plain);
            assert_eq!((sent.len(), heard(&mut receive, &sent)), (plain.len() + tag, Ok(plain)));
        }
        for length in 0..100 {
            let plain = [rtcp(1), vec![7; length]].concat();
            let sent = protected_rtcp(&mut send, &plain);
            assert_eq!((&sent[..8], heard_rtcp(&mut receive, &sent)), (&plain[..8], Ok(plain.clone())));
            assert!(!sent.windows(8).any(|seen| seen == &plain[8..16]), "control packets are legible");
        }
        assert_eq!(receive.refused(), Refused::default());
    }
}

#[test]
fn contributing_sources_and_extension_stay_legible_and_are_authentic() {
    let mut plain = rtp(1, 1, b"");
    plain[0] |= 0x10 | 2;
    plain.extend(b"csrccsrc\xbe\xde\0\x01extnsound");
    for suite in Suite::ALL {
        let (mut send, mut receive) = both(suite);
        let mut sent = protected(&mut send, &plain);
        assert_eq!(sent[..28], plain[..28]);
        assert_ne!(sent[28..33], plain[28..33]);
        sent[25] ^= 1;
        assert_eq!(heard(&mut receive, &sent), Err(Refusal::Forged));
        sent[25] ^= 1;
        assert_eq!(heard(&mut receive, &sent), Ok(plain.clone()));
    }
}

#[test]
fn a_day_of_packets_is_heard_though_the_numbers_turn_many_times() {
    let (mut send, mut receive) = both(Suite::AesCm128HmacSha1_80);
    let lost: Vec<u32> = (0..300_000)
        .filter(|number: &u32| {
            let plain = rtp(9, number.wrapping_add(30_000) as u16, b"s");
            let sent = protected(&mut send, &plain);
            // A loss of 20 s at the turn, and single ones.
            let is_lost = (35_000..36_000).contains(number) || number.is_multiple_of(11);
            !is_lost && heard(&mut receive, &sent) != Ok(plain)
        })
        .collect();
    assert_eq!(lost, Vec::<u32>::new());
}

#[test]
fn packets_that_overtake_each_other_at_the_turn_are_all_heard_once() {
    let (mut send, mut receive) = both(Suite::AeadAes128Gcm);
    let sent: Vec<_> = (65_500..65_600_u32).map(|number| protected(&mut send, &rtp(1, number as u16, b"s"))).collect();
    let mut seed = 5;
    let mut order: Vec<usize> = (0..sent.len()).flat_map(|at| [at, at]).collect();
    order.sort_by_cached_key(|at| at + (chance(&mut seed) % 40) as usize);
    let taken = order.iter().filter(|at| heard(&mut receive, &sent[**at]).is_ok()).count();
    assert_eq!((taken, receive.refused()), (100, Refused { replayed: 100, ..Refused::default() }));
}

/// Early packets are lost while the answer is still on its way.
#[test]
fn a_sender_whose_packets_are_lost_until_its_numbers_turned_is_heard() {
    let (mut send, mut receive) = both(Suite::AesCm128HmacSha1_32);
    protected(&mut send, &rtp(1, 65_530, b"lost"));
    let sent = protected(&mut send, &rtp(1, 2, b"heard"));
    assert_eq!(heard(&mut receive, &sent), Ok(rtp(1, 2, b"heard")));
}

#[test]
fn what_is_altered_in_any_bit_is_refused_and_left_as_it_is() {
    for suite in Suite::ALL {
        let (mut send, mut receive) = both(suite);
        let sent = protected(&mut send, &rtp(1, 1, b"some sound of a call"));
        let control = protected_rtcp(&mut send, &rtcp(1));
        for bit in 0..8 * sent.len() {
            let mut altered = sent.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let before = altered.clone();
            assert!(receive.unprotect_rtp(&mut altered).is_err(), "bit {bit}");
            assert_eq!(altered, before);
        }
        for bit in 0..8 * control.len() {
            let mut altered = control.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(receive.unprotect_rtcp(&mut altered).is_err(), "bit {bit}");
        }
        // Nothing of that kept the right ones from being taken.
        assert_eq!(heard(&mut receive, &sent), Ok(rtp(1, 1, b"some sound of a call")));
        assert_eq!(heard_rtcp(&mut receive, &control), Ok(rtcp(1)));
    }
}

#[test]
fn what_is_cut_anywhere_is_refused() {
    for suite in Suite::ALL {
        let (mut send, mut receive) = both(suite);
        let sent = protected(&mut send, &rtp(1, 1, b"some sound of a call"));
        let control = protected_rtcp(&mut send, &rtcp(1));
        let taken = (0..sent.len()).filter(|cut| heard(&mut receive, &sent[..*cut]).is_ok()).count();
        let controls = (0..control.len()).filter(|cut| heard_rtcp(&mut receive, &control[..*cut]).is_ok()).count();
        assert_eq!((taken, controls), (0, 0));
    }
}

#[test]
fn what_is_played_again_is_refused_by_its_number_whatever_its_age() {
    let (mut send, mut receive) = both(Suite::AesCm128HmacSha1_80);
    let sent: Vec<_> = (0..300).map(|number| protected(&mut send, &rtp(1, number, b"s"))).collect();
    let control: Vec<_> = (0..300).map(|_| protected_rtcp(&mut send, &rtcp(1))).collect();
    sent.iter().for_each(|packet| assert!(heard(&mut receive, packet).is_ok()));
    control.iter().for_each(|packet| assert!(heard_rtcp(&mut receive, packet).is_ok()));
    let again = sent.iter().filter(|packet| heard(&mut receive, packet) == Err(Refusal::Replayed)).count();
    let controls = control.iter().filter(|packet| heard_rtcp(&mut receive, packet) == Err(Refusal::Replayed)).count();
    assert_eq!((again, controls, receive.refused()), (300, 300, Refused { replayed: 600, ..Refused::default() }));
}

#[test]
fn plain_rtp_and_the_packets_of_other_keys_are_forged() {
    let (_, mut receive) = both(Suite::AesCm128HmacSha1_80);
    let other = Keys::drawn(Suite::AesCm128HmacSha1_80, [1; 30]);
    let theirs = protected(&mut SendContext::new(&other), &rtp(1, 1, b"sound"));
    let plain = rtp(1, 1, b"sound that nobody protected");
    assert_eq!([heard(&mut receive, &theirs), heard(&mut receive, &plain)], [const { Err(Refusal::Forged) }; 2]);
}

#[test]
fn a_key_that_is_named_in_each_packet_is_stepped_over() {
    for suite in Suite::ALL {
        let mut send = SendContext::new(&keys(suite));
        let mut receive = ReceiveContext::new(&keys(suite), 2);
        let tag = protected(&mut send, &rtp(1, 1, b"")).len() - 12;
        let is_gcm = suite == Suite::AeadAes128Gcm;
        let mut sent = protected(&mut send, &rtp(1, 2, b"sound"));
        let at = if is_gcm { sent.len() } else { sent.len() - tag };
        sent.splice(at..at, [0, 1]);
        let mut control = protected_rtcp(&mut send, &rtcp(1));
        let at = if is_gcm { control.len() } else { control.len() - 10 };
        control.splice(at..at, [0, 1]);
        assert_eq!(heard(&mut receive, &sent), Ok(rtp(1, 2, b"sound")));
        assert_eq!(heard_rtcp(&mut receive, &control), Ok(rtcp(1)));
    }
}

#[test]
fn one_number_is_never_sent_twice_under_a_key() {
    let mut send = SendContext::new(&keys(Suite::AeadAes128Gcm));
    let mut sent = |sequence| send.protect_rtp(&mut rtp(1, sequence, b"s"), 0);
    let told = [10, 11, 10, 14, 12, 12, 300, 170, 173, 173, 9].map(|sequence| sent(sequence).is_ok());
    assert_eq!(told, [true, true, false, true, true, false, true, false, true, false, false]);
    assert_eq!(sent(11), Err(ProtectError::Reused));
}

#[test]
fn the_seventeenth_sender_of_a_session_is_refused_and_those_before_are_heard() {
    let (_, mut receive) = both(Suite::AesCm128HmacSha1_80);
    let (mut first, _) = both(Suite::AesCm128HmacSha1_80);
    for ssrc in 0..16 {
        assert!(heard(&mut receive, &protected(&mut first, &rtp(ssrc, 1, b"s"))).is_ok());
    }
    assert_eq!(first.protect_rtp(&mut rtp(16, 1, b"s"), 0), Err(ProtectError::TooManySources));
    let (mut second, _) = both(Suite::AesCm128HmacSha1_80);
    assert_eq!(heard(&mut receive, &protected(&mut second, &rtp(16, 1, b"s"))), Err(Refusal::TooManySources));
    assert!(heard(&mut receive, &protected(&mut first, &rtp(3, 2, b"s"))).is_ok());
}

#[test]
fn a_packet_is_protected_behind_others_in_one_buffer_which_stay_as_they_are() {
    let (mut send, mut receive) = both(Suite::AesCm128HmacSha1_80);
    let mut out = b"others".to_vec();
    out.extend(rtp(1, 1, b"sound"));
    send.protect_rtp(&mut out, 6).unwrap();
    assert_eq!((&out[..6], heard(&mut receive, &out[6..])), (&b"others"[..], Ok(rtp(1, 1, b"sound"))));
}

#[test]
fn whatever_the_network_brings_nothing_panics() {
    let mut seed = 1;
    for suite in Suite::ALL {
        let (mut send, _) = both(suite);
        let mut receive = ReceiveContext::new(&keys(suite), 3);
        for number in 0..40_000 {
            let length = (chance(&mut seed) % 90) as usize;
            let mut bytes: Vec<u8> = (0..length).map(|_| chance(&mut seed) as u8).collect();
            // Half of them look like what they should be, and some begin as a real packet does.
            if number % 2 == 0
                && let Some(first) = bytes.first_mut()
            {
                *first = *first & 0x3f | 0x80;
            }
            let _ = send.protect_rtp(&mut bytes.clone(), (chance(&mut seed) % 3) as usize);
            let _ = send.protect_rtcp(&mut bytes.clone(), (chance(&mut seed) % 3) as usize);
            assert!(receive.unprotect_rtp(&mut bytes).is_err());
            assert!(receive.unprotect_rtcp(&mut bytes).is_err());
        }
        assert_eq!(receive.refused().total(), 80_000);
    }
}

#[test]
fn keys_are_shown_to_nobody() {
    let keys = Keys::from_bytes(Suite::AeadAes128Gcm, &[0xa7; 28]).unwrap();
    let shown = format!("{keys:?} {:?} {:?}", SendContext::new(&keys), ReceiveContext::new(&keys, 0));
    assert_eq!(
        shown,
        "Keys(AEAD_AES_128_GCM, withheld) SendContext { suite: AeadAes128Gcm, .. } \
         ReceiveContext { suite: AeadAes128Gcm, refused: Refused { malformed: 0, forged: 0, replayed: 0 }, .. }"
    );
}

#[test]
fn keys_of_another_length_than_the_suite_has_are_none() {
    let lengths = |suite| (0..40).filter(move |length| Keys::from_bytes(suite, &vec![1; *length]).is_some());
    let taken: Vec<usize> = Suite::ALL.into_iter().flat_map(lengths).collect();
    assert_eq!(taken, [28, 30, 30]);
}
