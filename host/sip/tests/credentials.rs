//! Digest for calls, as client and as server (RFC 3261 §22, RFC 8760).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod desk;

use std::time::Duration;

use desk::{Desk, SDP, response};
use plugboard_sip::digest::{Account, Algorithm, Authenticator, Checked, Secret, Where};
use plugboard_sip::message::HeaderName;
use plugboard_sip::{Config, Event, Message, Method};

const LIFETIME: Duration = Duration::from_secs(60);

fn authenticator(realm: &str) -> Authenticator {
    Authenticator::new(realm, [7; 32], LIFETIME)
}

fn secret(user: &str) -> Option<Secret> {
    (user == "trunk").then(|| Secret::Password("s3cret".into()))
}

fn account(password: &str) -> Option<Account> {
    Some(Account { user: "trunk".into(), password: password.into() })
}

/// The peer's challenge to a request; only of one algorithm where `only` says so.
fn challenge(by: &Authenticator, at: Duration, place: Where, stale: bool, request: &Message, only: &str) -> String {
    let challenge = by.challenge(at, place, stale);
    let headers = challenge.headers.iter().filter(|(_, value)| value.contains(only));
    let headers: Vec<(&str, &str)> = headers.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    response(request, challenge.status.code(), "peer", &headers, "")
}

fn known() -> Checked {
    Checked::Known { user: "trunk".into() }
}

/// `nc` of the credentials in a request.
fn count(request: &Message, name: HeaderName) -> Option<String> {
    let value = request.value(name)?;
    Some(value.split("nc=").nth(1)?.split(',').next()?.to_owned())
}

/// One challenge for a call: ACK and BYE bring credentials along, the ACK those of its INVITE (RFC 3261 §13.2.2.4), the BYE of its own
/// with the next count.
fn call_with(algorithm: &str) {
    let mut desk = Desk::new(Config::default());
    let mut peer = authenticator("carrier");
    let call = desk.call(|invite| (invite.account, invite.max_forwards) = (account("s3cret"), 9));
    let (_, first) = desk.last_of(&Method::INVITE);
    assert_eq!(peer.check(desk.now, &first, Where::Proxy, secret), Checked::Challenge { stale: false });
    desk.hear(&challenge(&peer, desk.now, Where::Proxy, false, &first, algorithm));

    let (_, second) = desk.last_of(&Method::INVITE);
    assert_eq!((first.cseq().unwrap().number, second.cseq().unwrap().number), (1, 2));
    assert_eq!((first.call_id(), first.from()), (second.call_id(), second.from()));
    assert_eq!(
        (first.max_forwards(), second.max_forwards()),
        (Some(9), Some(9)),
        "the way is as long with credentials"
    );
    assert_eq!(peer.check(desk.now, &second, Where::Proxy, secret), known(), "{algorithm}");
    let replay = peer.check(desk.now, &second, Where::Proxy, secret);
    assert_eq!(replay, Checked::Challenge { stale: true }, "the same count again is a replay");

    desk.hear(&response(&second, 200, "peer", &[("Contact", "<sip:100@192.0.2.1>")], SDP));
    let (_, ack) = desk.last_of(&Method::ACK);
    assert_eq!(ack.value(HeaderName::ProxyAuthorization), second.value(HeaderName::ProxyAuthorization));

    let (_, bye) = desk.bye(call);
    assert_eq!(count(&bye, HeaderName::ProxyAuthorization).as_deref(), Some("00000002"));
    assert_eq!(peer.check(desk.now, &bye, Where::Proxy, secret), known(), "{algorithm}");
    desk.hear(&response(&bye, 200, "", &[], ""));
    desk.run(100.0);
    assert!(desk.is_empty());
}

/// The order of the challenges is the server's wish (RFC 8760 §2.3); an answer by one that was not asked for counts as none.
#[test]
fn algorithms_that_are_not_wanted_are_neither_offered_nor_taken() {
    let mut desk = Desk::new(Config::default());
    let mut strict = authenticator("carrier").with_algorithms(&[Algorithm::Sha256]);
    let offered = |by: &Authenticator| -> Vec<bool> {
        by.challenge(desk.now, Where::Proxy, false).headers.iter().map(|(_, value)| value.contains("SHA-256")).collect()
    };
    let reversed = authenticator("carrier").with_algorithms(&[Algorithm::Md5, Algorithm::Sha256]);
    assert_eq!((offered(&strict), offered(&reversed)), (vec![true], vec![false, true]));

    desk.call(|invite| invite.account = account("s3cret"));
    let (_, first) = desk.last_of(&Method::INVITE);
    // Somebody on the way leaves the stronger one out.
    desk.hear(&challenge(&authenticator("carrier"), desk.now, Where::Proxy, false, &first, "MD5"));
    let (_, second) = desk.last_of(&Method::INVITE);
    assert_eq!(strict.check(desk.now, &second, Where::Proxy, secret), Checked::Challenge { stale: false });
    assert_eq!(authenticator("carrier").check(desk.now, &second, Where::Proxy, secret), known());
}

#[test]
fn call_proves_itself_once_with_sha_256() {
    call_with("SHA-256");
}

#[test]
fn call_proves_itself_once_with_md5() {
    call_with("MD5");
}

#[test]
fn strongest_algorithm_on_top_is_taken() {
    let mut desk = Desk::new(Config::default());
    let peer = authenticator("carrier");
    desk.call(|invite| invite.account = account("s3cret"));
    let (_, first) = desk.last_of(&Method::INVITE);
    desk.hear(&challenge(&peer, desk.now, Where::User, false, &first, ""));
    let (_, second) = desk.last_of(&Method::INVITE);
    let values: Vec<&[u8]> = second.raw_values(HeaderName::Authorization).collect();
    assert!(values.len() == 1 && String::from_utf8_lossy(values[0]).contains("algorithm=SHA-256"));
}

/// The call lasted longer than the nonce: the BYE is challenged anew with `stale`, answered with the new nonce, and the count begins again.
#[test]
fn bye_with_a_stale_nonce_is_sent_again_with_the_new_one() {
    let mut desk = Desk::new(Config::default());
    let mut peer = authenticator("carrier");
    let call = desk.call(|invite| invite.account = account("s3cret"));
    let (_, first) = desk.last_of(&Method::INVITE);
    desk.hear(&challenge(&peer, desk.now, Where::User, false, &first, ""));
    let (_, second) = desk.last_of(&Method::INVITE);
    desk.hear(&response(&second, 200, "peer", &[("Contact", "<sip:100@192.0.2.1>")], SDP));
    desk.run(300.0);
    let (_, bye) = desk.bye(call);
    assert_eq!(peer.check(desk.now, &bye, Where::User, secret), Checked::Challenge { stale: true });
    desk.hear(&challenge(&peer, desk.now, Where::User, true, &bye, ""));
    let (_, again) = desk.last_of(&Method::BYE);
    assert_eq!(again.cseq().unwrap().number, bye.cseq().unwrap().number + 1);
    assert_eq!(count(&again, HeaderName::Authorization).as_deref(), Some("00000001"));
    assert_eq!(peer.check(desk.now, &again, Where::User, secret), known());
    desk.hear(&response(&again, 200, "", &[], ""));
    desk.run(400.0);
    assert!(desk.is_empty());
}

#[test]
fn nonce_is_good_for_its_lifetime_and_stale_a_second_later() {
    let mut desk = Desk::new(Config::default());
    desk.call(|invite| invite.account = account("s3cret"));
    let (_, first) = desk.last_of(&Method::INVITE);
    desk.hear(&challenge(&authenticator("carrier"), desk.now, Where::User, false, &first, ""));
    let (_, second) = desk.last_of(&Method::INVITE);
    // Two that saw nothing yet, so that neither takes it for a replay.
    let checked = [60, 61]
        .map(|age| authenticator("carrier").check(desk.now + Duration::from_secs(age), &second, Where::User, secret));
    assert_eq!(checked, [known(), Checked::Challenge { stale: true }]);
}

#[test]
fn wrong_password_of_a_call_is_tried_once() {
    let mut desk = Desk::new(Config::default());
    let mut peer = authenticator("carrier");
    desk.call(|invite| invite.account = account("guess"));
    let (_, first) = desk.last_of(&Method::INVITE);
    desk.hear(&challenge(&peer, desk.now, Where::User, false, &first, ""));
    let (_, second) = desk.last_of(&Method::INVITE);
    assert_eq!(peer.check(desk.now, &second, Where::User, secret), Checked::Wrong { user: "trunk".into() });
    desk.hear(&challenge(&peer, desk.now, Where::User, false, &second, ""));
    assert!(matches!(desk.events.pop(), Some(Event::Refused { status, .. }) if status.code() == 401));
    desk.run(100.0);
    assert!(desk.is_empty());
}

/// A peer that finds every nonce stale must not keep us asking for ever.
#[test]
fn nonce_that_is_stale_each_time_is_given_up() {
    let mut desk = Desk::new(Config::default());
    let peer = authenticator("carrier");
    desk.call(|invite| invite.account = account("s3cret"));
    for round in 0..10 {
        if desk.events.iter().any(|event| matches!(event, Event::Refused { .. })) {
            break;
        }
        let (_, invite) = desk.last_of(&Method::INVITE);
        desk.hear(&challenge(&peer, desk.now + Duration::from_secs(round), Where::User, round > 0, &invite, ""));
    }
    let invites = desk.sent.iter().filter(|(_, m)| m.method() == Some(&Method::INVITE)).count();
    assert_eq!((invites, desk.events.len()), (4, 1), "{}", desk.ladder);
}

/// First the proxy, then the one behind it: the last try has both, and the proxy sees its nonce with the next count.
#[test]
fn proxy_and_callee_are_both_answered() {
    let mut desk = Desk::new(Config::default());
    let (mut proxy, mut callee) = (authenticator("proxy"), authenticator("callee"));
    desk.call(|invite| invite.account = account("s3cret"));
    let (_, first) = desk.last_of(&Method::INVITE);
    desk.hear(&challenge(&proxy, desk.now, Where::Proxy, false, &first, ""));
    let (_, second) = desk.last_of(&Method::INVITE);
    assert_eq!(proxy.check(desk.now, &second, Where::Proxy, secret), known());
    desk.hear(&challenge(&callee, desk.now, Where::User, false, &second, ""));
    let (_, third) = desk.last_of(&Method::INVITE);
    assert_eq!(proxy.check(desk.now, &third, Where::Proxy, secret), known());
    assert_eq!(callee.check(desk.now, &third, Where::User, secret), known());
    let counts = [HeaderName::ProxyAuthorization, HeaderName::Authorization].map(|name| count(&third, name).unwrap());
    assert_eq!(counts, ["00000002", "00000001"]);
}

/// Credentials prove one request: not another method, another number dialled, or another realm.
#[test]
fn credentials_of_one_request_are_worth_nothing_in_another() {
    let mut desk = Desk::new(Config::default());
    let mut peer = authenticator("carrier");
    desk.call(|invite| invite.account = account("s3cret"));
    let (_, first) = desk.last_of(&Method::INVITE);
    desk.hear(&challenge(&peer, desk.now, Where::User, false, &first, ""));
    let (_, second) = desk.last_of(&Method::INVITE);
    let text = String::from_utf8(second.bytes().to_vec()).unwrap();
    let wrong = Checked::Wrong { user: "trunk".into() };
    let changes = [
        text.replace("INVITE", "BYE"),
        text.replacen("sip:100@192.0.2.1:5060", "sip:900@192.0.2.1:5060", 1),
        text.replace("uri=\"sip:100", "uri=\"sip:900"),
        text.replace("nc=00000001", "nc=00000002"),
        text.replace("qop=auth, ", ""),
        text.replace("username=\"trunk\"", "username=\"root\""),
    ];
    for changed in changes {
        assert_ne!(changed, text);
        let checked = peer.check(desk.now, &Message::parse(changed.as_bytes()).unwrap(), Where::User, secret);
        assert!(checked == wrong || checked == Checked::Wrong { user: "root".into() }, "{checked:?}: {changed}");
    }
    let elsewhere = authenticator("elsewhere").check(desk.now, &second, Where::User, secret);
    assert_eq!(elsewhere, Checked::Challenge { stale: false });
    assert_eq!(peer.check(desk.now, &second, Where::User, secret), known(), "none of that used the count up");
}

/// Beyond the bound the oldest count is forgotten, never the newest: memory stays, and what was just used cannot be used again.
#[test]
fn table_of_counts_is_bounded_and_keeps_the_latest() {
    let mut desk = Desk::new(Config::default());
    let mut peer = authenticator("carrier");
    let mut last = None;
    for _ in 0..5_000 {
        desk.now += Duration::from_millis(1);
        desk.call(|invite| invite.account = account("s3cret"));
        let (_, first) = desk.last_of(&Method::INVITE);
        desk.hear(&challenge(&peer, desk.now, Where::User, false, &first, ""));
        let (_, second) = desk.last_of(&Method::INVITE);
        assert_eq!(peer.check(desk.now, &second, Where::User, secret), known());
        desk.sent.clear();
        last = Some(second);
    }
    assert_eq!(peer.check(desk.now, &last.unwrap(), Where::User, secret), Checked::Challenge { stale: true });
    assert_eq!(peer.counts(), 4_096);
}
