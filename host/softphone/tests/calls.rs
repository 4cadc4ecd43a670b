//! Phones of different groups call each other over loopback, with no host between.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod setting;

use std::time::Duration;

use plugboard_sip::endpoint::EndCause;
use plugboard_softphone::{
    Account, ActionError, Behaviour, CallError, CallEvent, Config, Ended, Origin, RegisterError, Softphones, WaitError,
};
use setting::{Folder, SOON, connected, group, nowhere};

/// Speech on the telephone lies near −20 dBFS; below this nobody was heard.
const AUDIBLE_DBFS: f32 = -40.0;

#[tokio::test]
async fn both_sides_of_a_call_hear_each_other() {
    let folder = Folder::new("hear");
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob) = (left.plain("amy").await, right.plain("bob").await);
    let (a, b) = connected(&amy, &mut bob).await;
    a.hears(SOON).await.unwrap();
    b.hears(SOON).await.unwrap();
    a.record_to(&folder.file("a.wav")).await.unwrap();
    b.record_to(&folder.file("b.wav")).await.unwrap();
    let length = Duration::from_millis(400);
    let said = tokio::join!(a.hum(length), b.hum(length));
    assert_eq!(said, (Ok(true), Ok(true)));
    let heard = tokio::join!(a.stop_recording(), b.stop_recording());
    let loudness = [heard.0.unwrap().left_dbfs, heard.1.unwrap().left_dbfs];
    assert!(loudness.iter().all(|dbfs| dbfs.is_some_and(|dbfs| dbfs > AUDIBLE_DBFS)), "{loudness:?}");

    a.hang_up().await.unwrap();
    assert_eq!(b.ended(SOON).await, Ok(Ended::Over { cause: EndCause::Bye, q850: Some(16) }));
    let counted = b.statistics(SOON).await.unwrap();
    assert!(counted.received > 10 && counted.sent > 10 && counted.lost == 0, "{counted:?}");
}

#[tokio::test]
async fn phones_of_one_group_call_each_other() {
    let group = group(nowhere()).await;
    let (amy, mut bob) = (group.plain("amy").await, group.plain("bob").await);
    let (a, b) = connected(&amy, &mut bob).await;
    a.send_digits("5", Duration::ZERO).await.unwrap();
    b.digits("5", SOON).await.unwrap();
    b.hang_up().await.unwrap();
    assert_eq!(a.ended(SOON).await, Ok(Ended::Over { cause: EndCause::Bye, q850: Some(16) }));
}

#[tokio::test]
async fn file_that_is_not_there_is_told_and_the_call_goes_on() {
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob) = (left.plain("amy").await, right.plain("bob").await);
    let (a, _b) = connected(&amy, &mut bob).await;
    let missing = Folder::new("missing").file("no.wav");
    assert!(matches!(a.play(&missing).await, Err(ActionError::Play(_))));
    assert_eq!(a.hum(Duration::from_millis(20)).await, Ok(true));
}

#[tokio::test]
async fn keys_arrive_in_order_and_once_each() {
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob) = (left.plain("amy").await, right.plain("bob").await);
    let (a, b) = connected(&amy, &mut bob).await;
    a.send_digits("19#", Duration::from_millis(20)).await.unwrap();
    b.digits("19#", SOON).await.unwrap();
    assert_eq!(b.state().digits, "19#");
    assert_eq!(a.send_digits("1x", Duration::ZERO).await, Err(ActionError::BadKey { found: 'x' }));
}

#[tokio::test]
async fn party_on_hold_is_told_and_taken_back() {
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob) = (left.plain("amy").await, right.plain("bob").await);
    let (a, mut b) = connected(&amy, &mut bob).await;
    a.hold().await.unwrap();
    b.held(true, SOON).await.unwrap();
    a.resume().await.unwrap();
    b.held(false, SOON).await.unwrap();
    a.hang_up().await.unwrap();
    b.ended(SOON).await.unwrap();
    let mut events = Vec::new();
    while let Ok(event) = b.next_event(SOON).await {
        events.push(event);
    }
    // Sound may come at any time after the answer.
    events.retain(|event| *event != CallEvent::Heard);
    let over = Ended::Over { cause: EndCause::Bye, q850: Some(16) };
    assert_eq!(
        events,
        [CallEvent::Ringing, CallEvent::Answered, CallEvent::Held, CallEvent::Resumed, CallEvent::Ended(over)]
    );
}

#[tokio::test]
async fn blind_transfer_leaves_the_other_two_talking() {
    let groups = (group(nowhere()).await, group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob, mut eve) =
        (groups.0.plain("amy").await, groups.1.plain("bob").await, groups.2.plain("eve").await);
    let (a, b) = connected(&amy, &mut bob).await;
    let target = eve.direct_address();
    let transfer = a.transfer(&target);
    let meeting = async {
        let to_eve = bob.next_incoming(SOON).await.unwrap();
        let at_eve = eve.next_incoming(SOON).await.unwrap();
        at_eve.answer().await.unwrap();
        (to_eve, at_eve)
    };
    let (transferred, (to_eve, at_eve)) = tokio::join!(transfer, meeting);
    assert_eq!((transferred, to_eve.origin(), at_eve.peer()), (Ok(()), Origin::Referred, "bob"));
    to_eve.hears(SOON).await.unwrap();
    at_eve.hears(SOON).await.unwrap();
    assert_eq!(b.ended(SOON).await, Ok(Ended::Over { cause: EndCause::Bye, q850: Some(16) }));
}

#[tokio::test]
async fn transfer_to_somebody_who_refuses_leaves_the_call_as_it_was() {
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob) = (left.plain("amy").await, right.plain("bob").await);
    let busy = Account { behaviour: Behaviour::Refuses(486), ..Account::new("eve", "", nowhere()) };
    let eve = right.phones.phone(busy).await.unwrap();
    let (a, b) = connected(&amy, &mut bob).await;
    assert_eq!(a.transfer(&eve.direct_address()).await, Err(ActionError::Refused { status: 486 }));
    b.send_digits("5", Duration::ZERO).await.unwrap();
    a.digits("5", SOON).await.unwrap();
}

#[tokio::test]
async fn attended_transfer_joins_the_two_whom_amy_spoke_to() {
    let groups = (group(nowhere()).await, group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob, mut eve) =
        (groups.0.plain("amy").await, groups.1.plain("bob").await, groups.2.plain("eve").await);
    let (with_bob, at_bob) = connected(&amy, &mut bob).await;
    with_bob.hold().await.unwrap();
    let (with_eve, at_eve) = connected(&amy, &mut eve).await;
    with_bob.attended_transfer(&with_eve).await.unwrap();
    let (bob_to_eve, eve_to_bob) = tokio::join!(bob.next_incoming(SOON), eve.next_incoming(SOON));
    let (bob_to_eve, eve_to_bob) = (bob_to_eve.unwrap(), eve_to_bob.unwrap());
    bob_to_eve.send_digits("7", Duration::ZERO).await.unwrap();
    eve_to_bob.digits("7", SOON).await.unwrap();
    for over in [&with_bob, &with_eve, &at_bob, &at_eve] {
        over.ended(SOON).await.unwrap();
    }
}

#[tokio::test]
async fn caller_who_gives_up_while_it_rings_is_cancelled() {
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob) = (left.plain("amy").await, right.plain("bob").await);
    let a = amy.call(&bob.direct_address()).await.unwrap();
    let b = bob.next_incoming(SOON).await.unwrap();
    a.ringing(SOON).await.unwrap();
    a.hang_up().await.unwrap();
    let q850 = Some(16);
    assert_eq!(b.ended(SOON).await, Ok(Ended::Over { cause: EndCause::Cancelled, q850 }));
    assert_eq!(b.answer().await, Err(ActionError::Over));
}

#[tokio::test]
async fn phone_answers_by_itself_after_it_has_rung_so_long() {
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let amy = left.plain("amy").await;
    let ringing = Duration::from_millis(200);
    let bob = right.phones.phone(Account::new("bob", "", nowhere()).answers_after(ringing)).await.unwrap();
    let placed = tokio::time::Instant::now();
    let a = amy.call(&bob.direct_address()).await.unwrap();
    a.hears(SOON).await.unwrap();
    assert!(placed.elapsed() >= ringing, "{:?}", placed.elapsed());
}

#[tokio::test]
async fn what_cannot_be_called_is_told_apart_from_who_is_not_there() {
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let amy = left.plain("amy").await;
    let target = "not a number".to_owned();
    assert_eq!(amy.call(&target).await.err(), Some(CallError::BadTarget { target }));
    let stranger = format!("sip:nobody@{}", right.phones.sip_address());
    let call = amy.call(&stranger).await.unwrap();
    assert_eq!(call.answered(SOON).await, Err(WaitError::Ended(Ended::Refused { status: 404 })));
}

#[tokio::test]
async fn no_more_calls_are_placed_than_may_wait_for_an_answer() {
    let config = Config { max_unanswered: 1, ..Config::default() };
    let (phones, right) = (Softphones::start(config).await.unwrap(), group(nowhere()).await);
    let (amy, bob) = (phones.phone(Account::new("amy", "", nowhere())).await.unwrap(), right.plain("bob").await);
    let first = amy.call(&bob.direct_address()).await.unwrap();
    assert_eq!(amy.call(&bob.direct_address()).await.err(), Some(CallError::NoPort));
    first.ringing(SOON).await.unwrap();
}

#[tokio::test]
async fn stopping_hangs_up_on_everybody() {
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob) = (left.plain("amy").await, right.plain("bob").await);
    let (a, b) = connected(&amy, &mut bob).await;
    left.phones.stop().await;
    assert_eq!(b.ended(SOON).await, Ok(Ended::Over { cause: EndCause::Bye, q850: Some(16) }));
    assert_eq!(a.hang_up().await, Err(ActionError::Stopped));
    assert_eq!(amy.register(SOON).await, Err(RegisterError::Stopped));
}

#[tokio::test]
async fn phones_hang_up_when_the_last_handle_is_gone() {
    let (left, right) = (group(nowhere()).await, group(nowhere()).await);
    let (amy, mut bob) = (left.plain("amy").await, right.plain("bob").await);
    let (a, b) = connected(&amy, &mut bob).await;
    drop((left, amy, a));
    assert_eq!(b.ended(SOON).await, Ok(Ended::Over { cause: EndCause::Bye, q850: Some(16) }));
}
