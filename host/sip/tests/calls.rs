//! Whole calls between two endpoints, told as ladders: Alice on the left, Bob on the right.

mod pair;

use expect_test::expect;
use pair::{ANSWER, OFFER, Pair, Side};
use plugboard_sip::endpoint::{Body, EndCause, HangUp, Response};
use plugboard_sip::message::Reason;
use plugboard_sip::{Config, Event, Status};

#[test]
fn a_call_is_answered_and_hung_up() {
    let mut pair = Pair::new();
    let a = {
        let invite = pair.invite();
        pair.alice.invite(pair.now, invite).unwrap()
    };
    let b = pair.incoming(Side::Bob);
    pair.bob.ring(pair.now, b, Status::RINGING, None).unwrap();
    pair.run(2);
    pair.bob.answer(pair.now, b, ANSWER).unwrap();
    pair.run(5);
    pair.alice.hang_up(pair.now, a, HangUp { reason: Some(Reason::q850(16)), ..HangUp::default() }).unwrap();
    pair.run(100);

    let events: Vec<String> = pair
        .take_events()
        .into_iter()
        .map(|(side, event)| match event {
            Event::Progress { status, .. } => format!("{side:?} progress {status}"),
            Event::Answered { body, .. } => format!("{side:?} answered {}", body.unwrap() == Body::sdp(ANSWER)),
            Event::Confirmed { body, .. } => format!("{side:?} confirmed {body:?}"),
            Event::Ended { cause, reason, .. } => {
                format!("{side:?} ended {cause:?} {:?}", reason.map(|r| r.to_string()))
            }
            other => format!("{side:?} {other:?}"),
        })
        .collect();
    expect![[r#"
        0.000 -> INVITE
        0.010 <- 100 INVITE
        0.010 <- 180 INVITE
        2.000 <- 200 INVITE
        2.010 -> ACK
        5.000 -> BYE
        5.010 <- 200 BYE
    "#]]
    .assert_eq(&pair.ladder);
    expect![[r#"
        Alice progress 180 Ringing
        Alice answered true
        Bob confirmed None
        Alice ended HungUp None
        Bob ended Bye Some("Q.850;cause=16")"#]]
    .assert_eq(&events.join("\n"));
    assert!(pair.is_empty());
}

#[test]
fn caller_who_gives_up_while_it_rings_is_cancelled() {
    let mut pair = Pair::new();
    let a = {
        let invite = pair.invite();
        pair.alice.invite(pair.now, invite).unwrap()
    };
    let b = pair.incoming(Side::Bob);
    pair.bob.ring(pair.now, b, Status::RINGING, None).unwrap();
    pair.run(3);
    pair.take_events();
    pair.alice.hang_up(pair.now, a, HangUp::default()).unwrap();
    pair.run(100);

    expect![[r#"
        0.000 -> INVITE
        0.010 <- 100 INVITE
        0.010 <- 180 INVITE
        3.000 -> CANCEL
        3.010 <- 200 CANCEL
        3.010 <- 487 INVITE
        3.020 -> ACK
    "#]]
    .assert_eq(&pair.ladder);
    let cause = |(_, event)| match event {
        Event::Ended { cause, .. } => cause,
        other => panic!("{other:?}"),
    };
    let ended: Vec<EndCause> = pair.take_events().into_iter().map(cause).collect();
    assert_eq!(ended, [EndCause::HungUp, EndCause::Cancelled]);
    assert!(pair.is_empty());
}

#[test]
fn refused_call_is_over_on_both_sides() {
    let mut pair = Pair::new();
    let _ = {
        let invite = pair.invite();
        pair.alice.invite(pair.now, invite).unwrap()
    };
    let b = pair.incoming(Side::Bob);
    let busy = Response::new(Status::BUSY_HERE).header("Retry-After", "7 (lunch)");
    pair.bob.reject(pair.now, b, &busy).unwrap();
    let Event::Refused { status, reason, retry_after, .. } = pair.event(Side::Alice) else { panic!() };
    assert_eq!((status, &*reason, retry_after), (Status::BUSY_HERE, "Busy Here", Some(7)));
    pair.run(100);
    expect![[r#"
        0.000 -> INVITE
        0.010 <- 100 INVITE
        0.010 <- 486 INVITE
        0.020 -> ACK
    "#]]
    .assert_eq(&pair.ladder);
    assert!(pair.is_empty());
}

#[test]
fn caller_without_an_offer_gets_ours_and_answers_in_the_ack() {
    let mut pair = Pair::new();
    let mut invite = pair.invite();
    invite.offer = None;
    let a = pair.alice.invite(pair.now, invite).unwrap();
    let Event::Incoming(incoming) = pair.event(Side::Bob) else { panic!() };
    assert_eq!(incoming.offer, None);
    pair.bob.answer(pair.now, incoming.call, OFFER).unwrap();
    let Event::Answered { body, .. } = pair.event(Side::Alice) else { panic!() };
    assert_eq!(body, Some(Body::sdp(OFFER)));
    pair.alice.ack_with(pair.now, a, ANSWER).unwrap();
    let Event::Confirmed { body, .. } = pair.event(Side::Bob) else { panic!() };
    assert_eq!(body, Some(Body::sdp(ANSWER)));
}

#[test]
fn full_endpoint_turns_new_calls_away_and_keeps_the_old_ones() {
    let small = Config { token: "bob".into(), max_calls: 1, retry_after: 9, ..Config::default() };
    let mut pair = Pair::with(Config::default(), small, 5);
    let (a, _) = pair.connect();
    let _ = {
        let invite = pair.invite();
        pair.alice.invite(pair.now, invite).unwrap()
    };
    let Event::Refused { status, retry_after, .. } = pair.event(Side::Alice) else { panic!() };
    assert_eq!((status, retry_after), (Status::SERVICE_UNAVAILABLE, Some(9)));
    pair.alice.hang_up(pair.now, a, HangUp::default()).unwrap();
    assert!(matches!(pair.event(Side::Bob), Event::Ended { cause: EndCause::Bye, .. }));
}

#[test]
fn answer_that_nobody_acknowledges_is_repeated_then_taken_back() {
    let mut pair = Pair::new();
    let _ = {
        let invite = pair.invite();
        pair.alice.invite(pair.now, invite).unwrap()
    };
    let b = pair.incoming(Side::Bob);
    pair.weather.loss = 100;
    pair.bob.answer(pair.now, b, ANSWER).unwrap();
    pair.run(33);
    let Event::Ended { cause, .. } = pair.event(Side::Bob) else { panic!() };
    assert_eq!(cause, EndCause::NoAck);
    let repeats = pair.ladder.lines().filter(|line| line.contains("200 INVITE")).count();
    assert_eq!(repeats, 11, "{}", pair.ladder);
    pair.run(200);
    assert_eq!(pair.bob.calls() + pair.bob.transactions(), 0);
}
