//! Calls that agents place.

use plugboard_call::Target;
use plugboard_exchange::{Command, Reply};
use plugboard_model::{EventKind, Role};
use plugboard_reporting::cdr::Direction;
use plugboard_scenarios::Manners;
use plugboard_sip::Status;

use crate::stage::{endings, shop};

#[test]
fn agent_dials_another_agents_extension() {
    let mut stage = shop();
    stage.world.add_agent("cid");
    stage.world.run_secs(1);
    let call = stage.world.dial(stage.amy, "1003");
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(call), "cid", "{}", stage.world.story());
    assert_eq!((stage.world.state_of("amy").as_str(), stage.world.state_of("cid").as_str()), ("talking", "talking"));
    stage.world.hang_up(call);
    stage.world.finish();
    assert_eq!(endings(&stage.world), ["Agent 16"]);
}

#[test]
fn click_to_dial_rings_the_agent_first_and_then_the_customer() {
    let mut stage = shop();
    let carrier = stage.world.add_phone("carrier", "203.0.113.1:5060", None);
    stage.world.draw_ladder(&["amy", "plugboard", "carrier"]);
    let started = stage.world.command(Command::Originate {
        agent: "amy".parse().unwrap(),
        to: Target::Number("+4930123456".parse().unwrap()),
    });
    assert!(matches!(started, Ok(Reply::Started(_))), "{started:?}");
    stage.world.run_secs(5);
    let line = stage.world.line_of(stage.amy);
    assert_eq!(stage.world.hears(line), "carrier", "{}", stage.world.story());
    let far = stage.world.line_of(carrier);
    stage.world.hang_up(far);
    stage.world.finish();
    expect_test::expect![[r#"
        m:s       amy                   plugboard             carrier
        00:01.000 |<INVITE--------------|                     |
        00:01.005 |-180---------------->|                     |
        00:02.005 |-200---------------->|                     |
        00:02.010 |<~tune---------------|                     |
        00:02.010 |                     |-INVITE------------->|
        00:02.015 |                     |<180-----------------|
        00:03.015 |                     |<200-----------------|
        00:03.020 |                     * bridge              |
        00:06.000 |                     |<BYE-----------------|
        00:06.005 |                     * closed Outside 16   |
        00:06.005 |<BYE-----------------|                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

#[test]
fn call_that_an_agent_places_is_outbound_and_theirs_on_the_record() {
    for click in [false, true] {
        let mut stage = shop();
        let carrier = stage.world.add_phone("carrier", "203.0.113.1:5060", None);
        if click {
            let to = Target::Number("+4930123456".parse().unwrap());
            stage.world.command(Command::Originate { agent: "amy".parse().unwrap(), to }).unwrap();
        } else {
            stage.world.dial(stage.amy, "+4930123456");
        }
        stage.world.run_secs(13);
        let far = stage.world.line_of(carrier);
        stage.world.hang_up(far);
        stage.world.finish();
        let cdr = stage.world.cdrs().pop().unwrap();
        let roles: Vec<_> =
            cdr.legs.iter().map(|leg| (leg.role, leg.agent.as_ref().map(|agent| agent.as_str()))).collect();
        assert_eq!(roles, [(Role::Agent, Some("amy")), (Role::Outside, None)], "{}", stage.world.story());
        let segment = &cdr.agents[0];
        assert_eq!(
            (cdr.direction, cdr.answered, segment.agent.as_str(), segment.talk_ms > 9_000),
            (Direction::Outbound, true, "amy", true)
        );
        let dialled = |kind: &EventKind| matches!(kind, EventKind::LegDialled { role: Role::Agent, .. });
        assert_eq!(stage.world.count(dialled), usize::from(click), "the agent's own phone is called only for a click");
    }
}

#[test]
fn disposition_is_taken_in_wrap_up_when_the_call_is_over() {
    let mut stage = shop();
    let call = stage.talking();
    stage.world.hang_up(call);
    stage.world.run_secs(2);
    let agent = Some("amy".parse().unwrap());
    stage.command(plugboard_call::Command::Dispose { agent, code: "sold".into(), note: "".into() }).unwrap();
    stage.world.finish();
    let cdr = stage.world.cdrs().pop().unwrap();
    assert_eq!(cdr.disposition.map(|disposition| disposition.code).as_deref(), Some("sold"));
    let refused = stage.world.call(
        plugboard_model::InteractionId(99),
        plugboard_call::Command::Dispose { agent: None, code: "x".into(), note: "".into() },
    );
    assert!(refused.is_err(), "nobody knows that call");
}

#[test]
fn click_to_dial_of_an_agent_who_declines_comes_to_nothing() {
    let mut stage = shop();
    stage.world.phone_mut(stage.amy).manners = Manners::rejecting(Status::DECLINE);
    let to = Target::Number("+4930123456".parse().unwrap());
    stage.world.command(Command::Originate { agent: "amy".parse().unwrap(), to }).unwrap();
    stage.world.finish();
    assert_eq!((endings(&stage.world), stage.world.state_of("amy").as_str()), (vec!["Agent 21".to_owned()], "ready"));
}

#[test]
fn customer_who_does_not_answer_is_given_up_after_a_minute() {
    let mut stage = shop();
    let carrier = stage.world.add_phone("carrier", "203.0.113.1:5060", None);
    stage.world.phone_mut(carrier).manners = Manners::ABSENT;
    stage.world.dial(stage.amy, "+4930123456");
    stage.world.run_secs(63);
    stage.world.finish();
    assert_eq!((endings(&stage.world), stage.world.state_of("amy").as_str()), (vec!["Host 19".to_owned()], "ready"));
}
