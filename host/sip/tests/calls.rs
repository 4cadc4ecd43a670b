//! Whole calls between two endpoints, told as ladders: Alice on the left, Bob on the right.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;

use expect_test::expect;
use pair::{ANSWER, OFFER, Pair, Side};
use plugboard_sip::endpoint::{Body, EndCause, HangUp, Response};
use plugboard_sip::message::Reason;
use plugboard_sip::{Config, Event, Status};

#[test]
fn a_call_is_answered_and_hung_up() {
    let mut pair = Pair::new();
    let (a, b) = pair.ring();
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
    let (a, b) = pair.ring();
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
    let (_, b) = pair.ring();
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
    pair.call();
    let Event::Refused { status, retry_after, .. } = pair.event(Side::Alice) else { panic!() };
    assert_eq!((status, retry_after), (Status::SERVICE_UNAVAILABLE, Some(9)));
    pair.alice.hang_up(pair.now, a, HangUp::default()).unwrap();
    assert!(matches!(pair.event(Side::Bob), Event::Ended { cause: EndCause::Bye, .. }));
}

#[test]
fn answer_that_nobody_acknowledges_is_repeated_then_taken_back() {
    let mut pair = Pair::new();
    let (_, b) = pair.ring();
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

#[test]
fn caller_who_gives_up_before_any_response_waits_with_the_cancel() {
    let mut pair = Pair::new();
    let a = pair.call();
    pair.alice.hang_up(pair.now, a, HangUp::default()).unwrap();
    pair.run(100);
    expect![[r#"
        0.000 -> INVITE
        0.010 <- 100 INVITE
        0.020 -> CANCEL
        0.030 <- 200 CANCEL
        0.030 <- 487 INVITE
        0.040 -> ACK
    "#]]
    .assert_eq(&pair.ladder);
    assert!(pair.is_empty());
}

#[test]
fn answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut pair = Pair::new();
    let (a, b) = pair.ring();
    pair.run(1);
    pair.alice.hang_up(pair.now, a, HangUp::default()).unwrap();
    pair.bob.answer(pair.now, b, ANSWER).unwrap();
    pair.run(100);
    expect![[r#"
        0.000 -> INVITE
        0.010 <- 100 INVITE
        1.000 -> CANCEL
        1.000 <- 200 INVITE
        1.010 <- 200 CANCEL
        1.010 -> ACK
        1.010 -> BYE
        1.020 <- 200 BYE
    "#]]
    .assert_eq(&pair.ladder);
    assert!(pair.is_empty());
}

#[test]
fn callee_who_hangs_up_before_the_ack_waits_with_the_bye() {
    let mut pair = Pair::new();
    let (_, b) = pair.ring();
    pair.bob.answer(pair.now, b, ANSWER).unwrap();
    pair.bob.hang_up(pair.now, b, HangUp::default()).unwrap();
    pair.run(100);
    expect![[r#"
        0.000 -> INVITE
        0.010 <- 100 INVITE
        0.010 <- 200 INVITE
        0.020 -> ACK
        0.030 <- BYE
        0.040 -> 200 BYE
    "#]]
    .assert_eq(&pair.ladder);
    assert!(pair.is_empty());
}

#[test]
fn hold_and_resume_keep_the_dialog() {
    let mut pair = Pair::new();
    let (a, b) = pair.connect();
    pair.alice.reinvite(pair.now, a, Some(OFFER)).unwrap();
    let Event::Reinvited { offer, .. } = pair.event(Side::Bob) else { panic!() };
    assert_eq!(offer, Some(Body::sdp(OFFER)));
    pair.bob.answer_reinvite(pair.now, b, ANSWER).unwrap();
    let Event::ReinviteAnswered { body, .. } = pair.event(Side::Alice) else { panic!() };
    assert_eq!(body, Some(Body::sdp(ANSWER)));
    assert!(matches!(pair.event(Side::Bob), Event::Confirmed { .. }));
    pair.bob.reinvite(pair.now, b, Some(OFFER)).unwrap();
    assert!(matches!(pair.event(Side::Alice), Event::Reinvited { .. }));
    pair.alice.refuse_reinvite(pair.now, a, Status::NOT_ACCEPTABLE_HERE).unwrap();
    let Event::ReinviteRefused { status, .. } = pair.event(Side::Bob) else { panic!() };
    assert_eq!((status, pair.alice.calls()), (Status::NOT_ACCEPTABLE_HERE, 1));
}

#[test]
fn two_changes_at_once_are_both_made_in_the_end() {
    let mut pair = Pair::new();
    let (a, b) = pair.connect();
    pair.alice.reinvite(pair.now, a, Some(OFFER)).unwrap();
    pair.bob.reinvite(pair.now, b, Some(OFFER)).unwrap();
    let mut made = 0;
    while made < 2 {
        pair.step(std::time::Duration::from_secs(60));
        for (side, event) in pair.take_events() {
            match event {
                Event::Reinvited { call, .. } => {
                    let now = pair.now;
                    pair.side(side).answer_reinvite(now, call, ANSWER).unwrap();
                }
                Event::ReinviteAnswered { .. } => made += 1,
                Event::Confirmed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    let glares = pair.ladder.lines().filter(|line| line.contains("491")).count();
    assert_eq!(glares, 2, "{}", pair.ladder);
}

#[test]
fn transfer_is_accepted_and_its_progress_told() {
    let mut pair = Pair::new();
    let (a, b) = pair.connect();
    let replaces = pair.bob.replaces_of(b);
    pair.bob.refer(pair.now, b, "sip:200@example.com", replaces.as_ref(), Some("<sip:400@example.com>")).unwrap();
    let Event::Referred(referred) = pair.event(Side::Alice) else { panic!() };
    assert_eq!(referred.refer_to.as_str(), "sip:200@example.com");
    assert_eq!((referred.replaces, referred.replaced), (replaces, Some(a)));
    pair.alice.accept_refer(pair.now, a).unwrap();
    pair.alice.notify_refer(pair.now, a, Status::OK).unwrap();
    let mut told = Vec::new();
    while told.len() < 3 {
        told.push(match pair.event(Side::Bob) {
            Event::ReferAnswered { status, .. } => format!("answered {status}"),
            Event::NotifySipfrag { status, terminated, .. } => format!("notified {status} {terminated}"),
            other => panic!("{other:?}"),
        });
    }
    told.sort();
    assert_eq!(told, ["answered 202 Accepted", "notified 100 Trying false", "notified 200 OK true"]);
}

#[test]
fn invite_with_replaces_names_the_call_that_it_is_to_replace() {
    let mut pair = Pair::new();
    let (a, b) = pair.connect();
    let mut invite = pair.invite();
    let replaces = pair.alice.replaces_of(a).unwrap();
    invite.headers.push(("Replaces".into(), replaces.to_string()));
    pair.alice.invite(pair.now, invite.clone()).unwrap();
    let Event::Incoming(incoming) = pair.event(Side::Bob) else { panic!() };
    assert_eq!(incoming.replaces, Some(b));
    invite.headers = vec![("Replaces".into(), "nothing;to-tag=1;from-tag=2".into())];
    pair.alice.invite(pair.now, invite).unwrap();
    let Event::Refused { status, .. } = pair.event(Side::Alice) else { panic!() };
    assert_eq!(status, Status::DOES_NOT_EXIST);
}

#[test]
fn value_with_a_line_end_is_refused_and_nothing_is_sent() {
    let mut pair = Pair::new();
    let mut invite = pair.invite();
    invite.headers.push(("Subject".into(), "hello\r\nRoute: <sip:evil>".into()));
    let refused = pair.alice.invite(pair.now, invite);
    assert!(matches!(refused, Err(plugboard_sip::endpoint::CommandError::Write(_))), "{refused:?}");
    assert!(pair.is_empty() && pair.ladder.is_empty());
}

#[test]
fn info_reaches_the_peer() {
    let mut pair = Pair::new();
    let (a, _) = pair.connect();
    let digit = Body { content_type: "application/dtmf-relay".into(), bytes: b"Signal=5\r\n".as_slice().into() };
    pair.alice.info(pair.now, a, &digit).unwrap();
    let Event::Info { content_type, body, .. } = pair.event(Side::Bob) else { panic!() };
    assert_eq!((content_type, body), (digit.content_type, digit.bytes));
}

#[test]
fn same_seed_gives_the_same_ladder() {
    let told = |seed| {
        let mut pair = Pair::with(Config::default(), Config::default(), seed);
        pair.weather = pair::Weather { loss: 30, copies: 10, delay_ms: 20, jitter_ms: 300, damage: 0 };
        pair.call();
        pair.run(3_000);
        pair.ladder
    };
    assert_eq!(told(4), told(4));
    assert_ne!(told(4), told(5));
}
