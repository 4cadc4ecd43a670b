//! REGISTER from challenge to expiry.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;

use std::time::Duration;

use pair::{Pair, Side};
use plugboard_sip::digest::{Account, Authenticator, Checked, Secret, Where};
use plugboard_sip::endpoint::{OutOfDialog, Series};
use plugboard_sip::{
    BindingChange, Event, Lookup, Message, Method, Registrar, RegistrarConfig, Source, Status, Target, Transport,
};

const START: Duration = Duration::from_secs(1_000);

fn source() -> Source {
    let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), "198.51.100.7:40000".parse().unwrap());
    Source { transport: Transport::Udp, local, remote, connection: None }
}

fn register(cseq: u32, contacts: &str) -> Message {
    let text = format!(
        "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKr{cseq}\r\n\
         From: <sip:anna@example.com>;tag=r\r\nTo: <sip:anna@Example.com:5060>\r\nCall-ID: phone-1\r\n\
         CSeq: {cseq} REGISTER\r\n{contacts}\r\n"
    );
    Message::parse(text.as_bytes()).unwrap()
}

fn registrar() -> Registrar {
    Registrar::new(RegistrarConfig::default())
}

fn send(registrar: &mut Registrar, at: u64, message: &Message) -> (u16, Vec<String>) {
    let now = START + Duration::from_secs(at);
    let response = registrar.handle_register(now, message, source(), |_| Lookup::Known);
    (response.status.code(), response.headers.into_iter().map(|(n, v)| format!("{n}: {v}")).collect())
}

#[test]
fn bindings_are_listed_by_preference_and_reached_where_they_came_from() {
    let mut registrar = registrar();
    let two = "Contact: <sip:a@10.0.0.7>;q=0.5;expires=120, <sip:b@10.0.0.8>\r\nExpires: 600\r\n";
    let (status, headers) = send(&mut registrar, 0, &register(1, two));
    assert_eq!(status, 200);
    assert_eq!(headers, ["Contact: <sip:b@10.0.0.8>;expires=600", "Contact: <sip:a@10.0.0.7>;expires=120;q=0.500"]);
    assert_eq!(registrar.bindings("anna@example.com")[0].target, Target::from(source()));
}

#[test]
fn binding_ends_by_the_clock() {
    let mut registrar = registrar();
    send(&mut registrar, 0, &register(1, "Contact: <sip:a@10.0.0.7>;expires=120\r\n"));
    assert_eq!(registrar.poll_timeout(), Some(START + Duration::from_secs(120)));
    assert!(matches!(registrar.poll_change(), Some(BindingChange::Registered { .. })));
    registrar.handle_timeout(START + Duration::from_secs(120));
    assert!(matches!(registrar.poll_change(), Some(BindingChange::Expired { .. })));
    assert_eq!((registrar.bindings("anna@example.com").len(), registrar.poll_timeout()), (0, None));
}

#[test]
fn star_removes_all_and_only_with_expires_zero() {
    let mut registrar = registrar();
    send(&mut registrar, 0, &register(1, "Contact: <sip:a@10.0.0.7>, <sip:b@10.0.0.7>\r\n"));
    assert_eq!(send(&mut registrar, 1, &register(2, "Contact: *\r\n")).0, 400);
    assert_eq!(send(&mut registrar, 1, &register(3, "Contact: *\r\nExpires: 0\r\n")), (200, vec![]));
}

#[test]
fn wish_below_the_least_is_refused_with_the_least() {
    let mut registrar = registrar();
    let brief = send(&mut registrar, 0, &register(1, "Contact: <sip:a@10.0.0.7>;expires=5\r\n"));
    assert_eq!(brief, (423, vec!["Min-Expires: 60".into()]));
}

#[test]
fn older_register_of_the_same_phone_changes_nothing() {
    let mut registrar = registrar();
    send(&mut registrar, 0, &register(5, "Contact: <sip:a@10.0.0.7>\r\n"));
    assert_eq!(send(&mut registrar, 1, &register(4, "Contact: <sip:a@10.0.0.7>;expires=0\r\n")).0, 500);
    assert_eq!(registrar.bindings("anna@example.com").len(), 1);
}

/// Five phones at most; a sixth takes the place of the one that was heard of longest ago.
#[test]
fn sixth_phone_takes_the_place_of_the_oldest() {
    let mut registrar = registrar();
    for n in 1..=6 {
        let phone = register(n, &format!("Contact: <sip:p{n}@10.0.0.7>\r\n"));
        assert_eq!(send(&mut registrar, n.into(), &phone).0, 200);
    }
    let mut left: Vec<_> =
        registrar.bindings("anna@example.com").iter().map(|b| b.contact.as_str().to_owned()).collect();
    left.sort();
    assert_eq!(left, [2, 3, 4, 5, 6].map(|n| format!("sip:p{n}@10.0.0.7")));
    let gone =
        std::iter::from_fn(|| registrar.poll_change()).filter(|c| matches!(c, BindingChange::Removed { .. })).count();
    assert_eq!(gone, 1);
}

#[test]
fn six_phones_in_one_register_are_refused_and_nothing_changes() {
    let mut registrar = registrar();
    let contacts: Vec<String> = (1..=6).map(|n| format!("<sip:p{n}@10.0.0.7>")).collect();
    assert_eq!(send(&mut registrar, 0, &register(1, &format!("Contact: {}\r\n", contacts.join(", ")))).0, 403);
    assert_eq!(registrar.bindings("anna@example.com").len(), 0);
}

/// One person more than there is room for is told when to come back; those who are in stay and may refresh.
#[test]
fn full_registrar_gives_503_and_keeps_whom_it_has() {
    let mut registrar = Registrar::new(RegistrarConfig { max_addresses: 1, ..RegistrarConfig::default() });
    let anna = register(1, "Contact: <sip:a@10.0.0.7>;expires=120\r\n");
    assert_eq!(send(&mut registrar, 0, &anna).0, 200);
    let text = String::from_utf8(anna.bytes().to_vec()).unwrap().replace("To: <sip:anna@", "To: <sip:bert@");
    let bert = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(send(&mut registrar, 1, &bert), (503, vec!["Retry-After: 60".into()]));
    assert_eq!(send(&mut registrar, 2, &register(2, "Contact: <sip:a@10.0.0.7>;expires=120\r\n")).0, 200);
    assert_eq!(send(&mut registrar, 200, &bert).0, 200, "there is room again once hers has ended");
}

/// Nobody can be reached on a stream that is closed (RFC 5626 §4.2.2).
#[test]
fn phone_whose_stream_is_closed_is_gone() {
    let mut registrar = registrar();
    let on_stream = Source { transport: Transport::Tcp, connection: Some(7), ..source() };
    let phone = register(1, "Contact: <sip:a@10.0.0.7;transport=tcp>\r\n");
    assert_eq!(registrar.handle_register(START, &phone, on_stream, |_| Lookup::Known).status, Status::OK);
    registrar.remove_connection(8);
    assert_eq!(registrar.bindings("anna@example.com").len(), 1);
    registrar.remove_connection(7);
    assert_eq!((registrar.bindings("anna@example.com").len(), registrar.poll_timeout()), (0, None));
}

fn password(user: &str) -> Option<Secret> {
    (user == "anna").then(|| Secret::Password("s3cret".into()))
}

/// Anna registers at Bob with `given` as her password; what each of her REGISTERs was worth, and her final response.
fn try_register(given: &str) -> (Vec<Checked>, Status) {
    let mut pair = Pair::new();
    let mut authenticator = Authenticator::new("example.com", [7; 32], Duration::from_secs(60));
    let account = Account { user: "anna".into(), password: given.into() };
    let request = OutOfDialog {
        method: Method::REGISTER,
        uri: "sip:example.com".into(),
        next_hop: pair.target(Side::Bob),
        from: "<sip:anna@example.com>".into(),
        to: "<sip:anna@example.com>".into(),
        headers: Vec::new(),
        body: None,
        account: Some(account),
        series: None,
    };
    let (handle, series) = pair.alice.request(pair.now, request).unwrap();
    assert!(matches!(series, Series { cseq: 1, .. }));
    let mut worth = Vec::new();
    loop {
        let events = pair.take_events();
        for (_, event) in events {
            match event {
                Event::Register { handle, request, .. } => {
                    let checked = authenticator.check(pair.now, &request, Where::User, password);
                    let response = match checked {
                        Checked::Known { .. } => plugboard_sip::endpoint::Response::new(Status::OK),
                        _ => authenticator.challenge(pair.now, Where::User, false),
                    };
                    // The same credentials again are a replay.
                    if let Checked::Known { .. } = checked {
                        let again = authenticator.check(pair.now, &request, Where::User, password);
                        assert_eq!(again, Checked::Challenge { stale: true });
                    }
                    worth.push(checked);
                    pair.bob.respond(pair.now, handle, &response).unwrap();
                }
                Event::Response { handle: of, status, .. } => {
                    assert_eq!(of, handle);
                    return (worth, status);
                }
                other => panic!("{other:?}"),
            }
        }
        pair.step(Duration::from_secs(60));
    }
}

#[test]
fn phone_with_the_right_password_is_known_at_its_second_try() {
    let known = Checked::Known { user: "anna".into() };
    assert_eq!(try_register("s3cret"), (vec![Checked::Challenge { stale: false }, known], Status::OK));
}

#[test]
fn wrong_password_is_tried_once_and_no_more() {
    let wrong = Checked::Wrong { user: "anna".into() };
    assert_eq!(try_register("guess"), (vec![Checked::Challenge { stale: false }, wrong], Status::UNAUTHORIZED));
}

#[test]
fn nonce_past_its_life_is_stale_and_a_forged_one_too() {
    let mut authenticator = Authenticator::new("example.com", [7; 32], Duration::from_secs(60));
    let text = |nonce: &str| {
        format!(
            "Authorization: Digest username=\"anna\", realm=\"example.com\", nonce=\"{nonce}\", uri=\"sip:example.com\", \
             response=\"00\", qop=auth, nc=00000001, cnonce=\"x\"\r\n"
        )
    };
    let forged = register(1, &text("10.aaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_eq!(authenticator.check(START, &forged, Where::User, password), Checked::Challenge { stale: true });
}
