//! The agent hands the caller on: by the desk and by the phone.

use plugboard_call::{Command, Target};
use plugboard_scenarios::{Manners, World};
use plugboard_sip::Status;

use crate::stage::{Stage, endings, shop};

fn agent(name: &str) -> Target {
    Target::Agent(name.parse().unwrap())
}

fn with_cid() -> (Stage, plugboard_scenarios::PhoneId) {
    let mut stage = shop();
    let cid = stage.world.add_agent("cid");
    stage.world.run_secs(1);
    (stage, cid)
}

fn rest(world: &mut World) -> Vec<String> {
    world.finish();
    endings(world)
}

#[test]
fn blind_transfer_by_the_desk_reaches_the_other_agent_and_frees_the_first() {
    let (mut stage, _) = with_cid();
    let call = stage.talking();
    stage.command(Command::Transfer { to: agent("cid") }).unwrap();
    stage.world.run_secs(3);
    assert_eq!((stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()), ("cid", "wrap-up"));
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn blind_transfer_that_nobody_takes_returns_to_the_agent() {
    let (mut stage, cid) = with_cid();
    stage.world.phone_mut(cid).manners = Manners::rejecting(Status::BUSY_HERE);
    let call = stage.talking();
    stage.command(Command::Transfer { to: agent("cid") }).unwrap();
    stage.world.run_secs(3);
    assert_eq!((stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()), ("amy", "talking"));
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn blind_transfer_to_queue_number_or_flow_leaves_the_agent_at_once() {
    let targets = [
        (Target::Queue("support".parse().unwrap()), "cid"),
        (Target::Number("+4930123456".parse().unwrap()), "carrier"),
        (Target::Flow("main".parse().unwrap()), "~menu"),
    ];
    for (target, heard) in targets {
        let (mut stage, _) = with_cid();
        stage.world.add_phone("carrier", "203.0.113.1:5060", None);
        let call = stage.talking();
        stage.command(Command::Transfer { to: target }).unwrap();
        stage.world.run_secs(4);
        assert_eq!(stage.world.hears(call), heard, "{}", stage.world.story());
        stage.world.hang_up(call);
        assert_eq!(rest(&mut stage.world), ["Caller 16"]);
    }
}

#[test]
fn blind_transfer_by_the_phone_reaches_agent_queue_number_and_flow() {
    for (dialled, heard) in [("1003", "cid"), ("support", "cid"), ("+4930123456", "carrier"), ("400", "~menu")] {
        let (mut stage, _) = with_cid();
        stage.world.add_phone("carrier", "203.0.113.1:5060", None);
        let call = stage.talking();
        let line = stage.world.line_of(stage.amy);
        stage.world.refer(line, dialled);
        stage.world.run_secs(4);
        assert_eq!(stage.world.hears(call), heard, "{dialled}: {}", stage.world.story());
        assert_eq!(stage.world.phone(stage.amy).lines(), 0, "{dialled}");
        stage.world.hang_up(call);
        assert_eq!(rest(&mut stage.world), ["Caller 16"]);
    }
}

#[test]
fn phone_that_refers_to_nobody_is_told_and_keeps_the_caller() {
    let mut stage = shop();
    let call = stage.talking();
    let line = stage.world.line_of(stage.amy);
    stage.world.refer(line, "nobody-here");
    stage.world.run_secs(2);
    assert_eq!(stage.world.phone(stage.amy).transfers(), [404]);
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn transfer_by_the_phone_that_fails_is_told_and_returns_to_the_agent() {
    let (mut stage, cid) = with_cid();
    stage.world.phone_mut(cid).manners = Manners::rejecting(Status::BUSY_HERE);
    let call = stage.talking();
    let line = stage.world.line_of(stage.amy);
    stage.world.refer(line, "1003");
    stage.world.run_secs(4);
    assert_eq!(stage.world.phone(stage.amy).transfers().last(), Some(&486), "{}", stage.world.story());
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn agent_asks_a_colleague_and_hands_the_caller_over() {
    let (mut stage, cid) = with_cid();
    let call = stage.talking();
    stage.command(Command::Consult { to: agent("cid") }).unwrap();
    stage.world.run_secs(3);
    let line = stage.world.line_of(cid);
    assert_eq!(stage.world.hears(line), "amy");
    assert_eq!(
        (stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()),
        ("~tone tone tone tone tone", "consulting")
    );
    stage.command(Command::CompleteTransfer).unwrap();
    stage.world.run_secs(1);
    assert_eq!((stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()), ("cid", "wrap-up"));
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn agent_asks_a_colleague_and_takes_the_caller_back() {
    let (mut stage, _) = with_cid();
    let call = stage.talking();
    stage.command(Command::Consult { to: agent("cid") }).unwrap();
    stage.world.run_secs(3);
    stage.command(Command::CancelConsult).unwrap();
    stage.world.run_secs(1);
    assert_eq!((stage.world.hears(call).as_str(), stage.world.state_of("cid").as_str()), ("amy", "ready"));
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn colleague_who_hangs_up_or_does_not_answer_gives_the_caller_back_to_the_agent() {
    for manners in [Manners { talk_ms: Some((1_000, 1_000)), ..Manners::PROMPT }, Manners::rejecting(Status::BUSY_HERE)]
    {
        let (mut stage, cid) = with_cid();
        stage.world.phone_mut(cid).manners = manners;
        let call = stage.talking();
        stage.command(Command::Consult { to: agent("cid") }).unwrap();
        stage.world.run_secs(5);
        assert_eq!(stage.world.hears(call), "amy", "{}", stage.world.story());
        stage.world.hang_up(call);
        assert_eq!(rest(&mut stage.world), ["Caller 16"]);
    }
}

#[test]
fn agent_who_hangs_up_on_the_colleague_hands_the_caller_over() {
    let (mut stage, _) = with_cid();
    let call = stage.talking();
    stage.command(Command::Consult { to: agent("cid") }).unwrap();
    stage.world.run_secs(3);
    let line = stage.world.line_of(stage.amy);
    stage.world.hang_up(line);
    stage.world.run_secs(1);
    assert_eq!(stage.world.hears(call), "cid", "{}", stage.world.story());
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn phone_joins_caller_and_colleague_by_replaces() {
    let (mut stage, cid) = with_cid();
    let call = stage.talking();
    let with_caller = stage.world.line_of(stage.amy);
    stage.world.hold(with_caller, true);
    stage.world.run_secs(1);
    assert_eq!(stage.world.hears(call), "~tone tone tone tone tone");
    let with_cid = stage.world.dial(stage.amy, "1003");
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(with_cid), "cid", "{}", stage.world.story());
    stage.world.refer_attended(with_caller, with_cid);
    stage.world.run_secs(2);
    assert_eq!(stage.world.hears(call), "cid", "{}", stage.world.story());
    assert_eq!((stage.world.phone(stage.amy).lines(), stage.world.phone(cid).lines()), (0, 1));
    assert_eq!((stage.world.state_of("amy").as_str(), stage.world.state_of("cid").as_str()), ("wrap-up", "talking"));
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Agent 16", "Caller 16"]);
}

#[test]
fn agent_who_asks_a_colleague_by_their_own_phone_comes_back_to_the_caller() {
    let (mut stage, _) = with_cid();
    let call = stage.talking();
    let with_caller = stage.world.line_of(stage.amy);
    stage.world.hold(with_caller, true);
    stage.world.run_secs(1);
    let with_cid = stage.world.dial(stage.amy, "1003");
    stage.world.run_secs(3);
    stage.world.hang_up(with_cid);
    stage.world.run_secs(1);
    stage.world.hold(with_caller, false);
    stage.world.run_secs(1);
    assert_eq!((stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()), ("amy", "talking"));
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Agent 16", "Caller 16"]);
}

#[test]
fn hold_by_the_phone_plays_music_and_resume_joins_again() {
    let mut stage = shop();
    let call = stage.talking();
    let line = stage.world.line_of(stage.amy);
    stage.world.hold(line, true);
    stage.world.run_secs(2);
    assert_eq!(
        (stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()),
        ("~tone tone tone tone tone", "held")
    );
    stage.world.hold(line, false);
    stage.world.run_secs(2);
    assert_eq!((stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()), ("amy", "talking"));
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn hold_by_the_desk_plays_music_and_resume_joins_again() {
    let mut stage = shop();
    let call = stage.talking();
    stage.command(Command::Hold).unwrap();
    stage.world.run_secs(2);
    assert_eq!(stage.world.hears(call), "~tone tone tone tone tone");
    stage.command(Command::Resume).unwrap();
    stage.world.run_secs(2);
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn anyone_may_hang_up_at_any_moment_of_a_transfer() {
    for moment in 0..40 {
        for who in 0..3 {
            for by_phone in [false, true] {
                let (mut stage, cid) = with_cid();
                let call = stage.talking();
                if by_phone {
                    let line = stage.world.line_of(stage.amy);
                    stage.world.refer(line, "1003");
                } else {
                    stage.command(Command::Consult { to: agent("cid") }).unwrap();
                }
                stage.world.run_steps(moment);
                let phone = [stage.anna, stage.amy, cid][who];
                if stage.world.phone(phone).lines() > 0 {
                    let line = stage.world.line_of(phone);
                    stage.world.hang_up(line);
                }
                stage.world.run_secs(5);
                stage.world.hang_up(call);
                assert_eq!(rest(&mut stage.world).len(), 1, "{moment} {who} {by_phone}\n{}", stage.world.story());
            }
        }
    }
}
