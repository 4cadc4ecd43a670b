//! Who is let in, and what the others are told.

use plugboard_exchange::Input;
use plugboard_scenarios::Outcome;

use crate::stage::{endings, shop, shop_with};

const VIDEO_ONLY: &str = "v=0\r\no=- 1 1 IN IP4 203.0.0.9\r\ns=-\r\nc=IN IP4 203.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n";

fn refused(status: u16) -> Option<Outcome> {
    Some(Outcome::Refused { status, retry_after: None })
}

#[test]
fn number_that_nobody_has_is_answered_404() {
    let mut stage = shop();
    let call = stage.world.dial(stage.anna, "999");
    stage.world.finish();
    assert_eq!(stage.world.phone(stage.anna).outcome(call).cloned(), refused(404));
}

/// RFC 3261 §19.1.6: some carriers name the called number without a host.
#[test]
fn number_called_by_a_tel_uri_is_answered() {
    let mut stage = shop();
    let call = stage.world.dial(stage.anna, "tel:400");
    stage.world.run_secs(1);
    assert_eq!(stage.world.hears(call), "~welcome", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn stranger_is_answered_403() {
    let mut stage = shop();
    let stranger = stage.world.add_phone("stranger", "198.51.100.66:5060", None);
    let call = stage.world.dial(stranger, "400");
    stage.world.finish();
    assert_eq!(stage.world.phone(stranger).outcome(call).cloned(), refused(403));
}

#[test]
fn codec_that_we_do_not_speak_is_answered_488() {
    let mut stage = shop();
    let call = stage.world.dial_offering(stage.anna, "400", Some(VIDEO_ONLY));
    stage.world.finish();
    assert_eq!(stage.world.phone(stage.anna).outcome(call).cloned(), refused(488));
}

#[test]
fn full_exchange_answers_503_with_retry_after_and_live_calls_go_on() {
    let mut stage = shop_with(|shop| shop.limits.interactions = 1);
    let call = stage.talking();
    let ben = stage.world.add_caller("ben");
    let second = stage.world.dial(ben, "500");
    stage.world.run_secs(1);
    let outcome = stage.world.phone(ben).outcome(second).cloned();
    assert_eq!(outcome, Some(Outcome::Refused { status: 503, retry_after: Some(5) }));
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn draining_exchange_takes_no_new_call_and_ends_none() {
    let mut stage = shop();
    let call = stage.talking();
    stage.world.input(Input::Drain);
    let ben = stage.world.add_caller("ben");
    let second = stage.world.dial(ben, "500");
    stage.world.run_secs(1);
    assert!(matches!(stage.world.phone(ben).outcome(second), Some(Outcome::Refused { status: 503, .. })));
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn invite_without_a_description_is_given_our_offer() {
    let mut stage = shop();
    let call = stage.world.dial_offering(stage.anna, "400", None);
    stage.world.run_secs(4);
    assert_eq!(stage.world.hears(call), "~menu", "{}", stage.world.story());
    stage.world.press(call, "1");
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn caller_who_changes_the_session_keeps_the_call() {
    let mut stage = shop();
    let call = stage.talking();
    stage.world.hold(call, true);
    stage.world.run_secs(1);
    stage.world.hold(call, false);
    stage.world.run_secs(1);
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    stage.world.finish();
    assert_eq!(endings(&stage.world), ["Caller 16"]);
}

#[test]
fn phone_with_a_wrong_password_is_not_registered() {
    let mut stage = shop();
    let account = plugboard_sip::digest::Account { user: "bob".into(), password: "guess".into() };
    let bob = stage.world.add_phone("bob", "10.0.9.9:5060", Some(account));
    stage.world.register(bob);
    stage.world.run_secs(2);
    assert_eq!(
        (stage.world.phone(bob).register_status(), stage.world.state_of("bob").as_str()),
        (Some(401), "logged-out")
    );
}

#[test]
fn change_of_configuration_drops_no_call() {
    let mut stage = shop();
    let call = stage.talking();
    stage.world.configure(|shop| {
        shop.queues.remove("sales");
        shop.agents.remove("amy");
        shop.numbers.clear();
        shop.flows.clear();
    });
    stage.world.run_secs(5);
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    stage.world.finish();
    assert_eq!(endings(&stage.world), ["Caller 16"]);
}

#[test]
fn queue_that_is_removed_lets_its_callers_go() {
    let mut stage = shop();
    stage.world.agent("amy", plugboard_model::AgentRequest::NotReady { reason: "lunch".into() });
    stage.world.dial(stage.anna, "500");
    stage.world.run_secs(5);
    stage.world.configure(|shop| {
        shop.queues.remove("sales");
    });
    stage.world.finish();
    assert_eq!(endings(&stage.world), ["Host 34"]);
}
