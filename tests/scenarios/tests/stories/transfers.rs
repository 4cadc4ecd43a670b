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

/// TEL-02: a warm transfer. Whatever the agents do, the caller hears music or somebody; one interaction, two agents in its record.
#[test]
fn caller_of_a_warm_transfer_never_hears_half_a_second_of_silence() {
    let (mut stage, _) = with_cid();
    let call = stage.talking();
    let (mut silence, mut longest) = (0, 0);
    let mut listen = |stage: &mut Stage, milliseconds: u64| {
        for _ in 0..milliseconds / 20 {
            stage.world.run(std::time::Duration::from_millis(20));
            silence = if stage.world.hears(call) == "silence" { silence + 20 } else { 0 };
            longest = longest.max(silence);
        }
    };
    listen(&mut stage, 1_000);
    stage.command(Command::Consult { to: agent("cid") }).unwrap();
    listen(&mut stage, 5_000);
    stage.command(Command::CompleteTransfer).unwrap();
    listen(&mut stage, 3_000);
    assert!(longest <= 500, "{longest} ms of silence");
    assert_eq!(stage.world.hears(call), "cid");
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
    let cdr = stage.world.cdrs().pop().unwrap();
    let segments: Vec<_> = cdr.agents.iter().map(|one| (one.agent.as_str(), one.talk_ms > 0)).collect();
    assert_eq!((segments, cdr.agents[0].hold_ms), (vec![("amy", true), ("cid", true)], 5_000));
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

/// RFC 3891: the agent goes from the desk phone to the mobile in mid-call.
#[test]
fn agent_takes_the_call_over_with_another_phone_and_stays_in_the_call() {
    let mut stage = shop();
    let mobile = stage.world.add_other_phone("amy-mobile", "amy");
    let call = stage.talking();
    stage.world.draw_ladder(&["anna", "plugboard", "amy", "amy-mobile"]);
    let line = stage.world.line_of(stage.amy);
    stage.world.take_over(mobile, "amy", line);
    stage.world.run_secs(2);
    assert_eq!((stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()), ("amy-mobile", "talking"));
    assert_eq!((stage.world.phone(stage.amy).lines(), stage.world.phone(mobile).lines()), (0, 1));
    stage.world.hang_up(call);
    stage.world.finish();
    assert_eq!(stage.world.states_of("amy")[3..], ["talking", "wrap-up", "ready"]);
    let cdrs = stage.world.cdrs();
    let cdr = cdrs.last().unwrap();
    assert_eq!((cdr.legs.len(), cdr.agents.len(), cdr.transfers.len(), cdr.recordings.len()), (3, 1, 0, 1));
    expect_test::expect![[r#"
        m:s       anna                  plugboard             amy                   amy-mobile
        00:04.000 |                     |<INVITE------------------------------------|
        00:04.005 |                     |-407-------------------------------------->|
        00:04.010 |                     |<INVITE------------------------------------|
        00:04.015 |                     * unbridge            |                     |
        00:04.015 |                     * bridge              |                     |
        00:04.015 |                     |-200-------------------------------------->|
        00:04.015 |                     |-BYE---------------->|                     |
        00:06.000 |-BYE---------------->|                     |                     |
        00:06.005 |                     * stop recording      |                     |
        00:06.005 |                     * closed Caller 16    |                     |
        00:06.005 |                     |-BYE-------------------------------------->|
    "#]]
    .assert_eq(stage.world.ladder());
}

#[test]
fn nobody_takes_over_the_call_of_somebody_else() {
    let mut stage = shop();
    let bob = stage.world.add_other_phone("bob-mobile", "bob");
    let call = stage.talking();
    let line = stage.world.line_of(stage.amy);
    let taken = stage.world.take_over(bob, "bob", line).unwrap();
    stage.world.run_secs(2);
    let outcome = stage.world.phone(bob).outcome(taken).cloned();
    assert_eq!(outcome, Some(plugboard_scenarios::Outcome::Refused { status: 403, retry_after: None }));
    assert_eq!(stage.world.hears(call), "amy");
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

/// The caller came by the queue and did nothing wrong: back they go, to the place that they had.
#[test]
fn agent_who_leaves_while_the_colleague_rings_hands_the_caller_over_or_back_to_the_queue() {
    for (answers, heard, exits) in [(true, "cid", 1), (false, "bob", 2)] {
        let (mut stage, cid) = with_cid();
        stage.world.phone_mut(cid).manners = Manners::ABSENT;
        let call = stage.talking();
        stage.command(Command::Consult { to: agent("cid") }).unwrap();
        stage.world.run_secs(2);
        let line = stage.world.line_of(stage.amy);
        stage.world.hang_up(line);
        stage.world.run_secs(2);
        assert_eq!((stage.world.hears(call).as_str(), stage.world.state_of("amy").as_str()), ("~tone", "wrap-up"));
        let ringing = stage.world.line_of(cid);
        if answers {
            stage.world.pick_up(ringing);
        } else {
            stage.world.add_agent("bob");
            stage.world.run_secs(1);
            stage.world.reject(ringing, Status::BUSY_HERE);
        }
        stage.world.run_secs(3);
        assert_eq!(stage.world.hears(call), heard, "{}", stage.world.story());
        stage.world.hang_up(call);
        assert_eq!(rest(&mut stage.world), ["Caller 16"]);
        let left = |kind: &plugboard_model::EventKind| matches!(kind, plugboard_model::EventKind::LeftQueue { .. });
        assert_eq!(stage.world.count(left), exits);
    }
}

#[test]
fn caller_whom_a_phone_sent_on_and_nobody_takes_is_not_dropped() {
    let (mut stage, cid) = with_cid();
    stage.world.phone_mut(cid).manners = Manners::ABSENT;
    let call = stage.talking();
    let line = stage.world.line_of(stage.amy);
    stage.world.refer(line, "1003");
    stage.world.run_secs(1);
    stage.world.hang_up(line);
    stage.world.run_secs(40);
    // cid did not come, and amy, whose wrap-up is over, is offered the caller of her queue again.
    assert_eq!(stage.world.hears(call), "amy", "{}", stage.world.story());
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}

#[test]
fn agent_who_dialled_a_customer_hands_them_on_and_holds_them_as_any_other() {
    let (mut stage, _) = with_cid();
    let carrier = stage.world.add_phone("carrier", "203.0.113.1:5060", None);
    let line = stage.world.dial(stage.amy, "+4930123456");
    stage.world.run_secs(3);
    let far = stage.world.line_of(carrier);
    stage.world.hold(line, true);
    stage.world.run_secs(1);
    assert_eq!(
        (stage.world.hears(far).as_str(), stage.world.state_of("amy").as_str()),
        ("~tone tone tone tone tone", "held")
    );
    stage.world.hold(line, false);
    stage.world.run_secs(1);
    stage.world.refer(line, "1003");
    stage.world.run_secs(3);
    assert_eq!((stage.world.hears(far).as_str(), stage.world.state_of("amy").as_str()), ("cid", "ready"));
    stage.world.hang_up(far);
    assert_eq!(rest(&mut stage.world), ["Outside 16"]);
    let cdr = stage.world.cdrs().pop().unwrap();
    assert_eq!(
        (cdr.direction, cdr.answered, cdr.agents.len()),
        (plugboard_reporting::cdr::Direction::Outbound, true, 2)
    );
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

/// RFC 3261 §16.6: each passage costs a hop, or a call that two hosts send to each other would go round until both are full.
#[test]
fn call_that_is_passed_on_has_one_hop_less_wherever_it_goes() {
    let (mut stage, _) = with_cid();
    let carrier = stage.world.add_phone("carrier", "203.0.113.1:5060", None);
    stage.world.phone_mut(stage.anna).max_forwards = 8;
    let call = stage.talking();
    stage.command(Command::Transfer { to: Target::Number("+4930123456".parse().unwrap()) }).unwrap();
    stage.world.run_secs(4);
    assert_eq!(
        (&stage.world.phone(stage.amy).hops[..], &stage.world.phone(carrier).hops[..]),
        (&[Some(7)][..], &[Some(7)][..])
    );
    stage.world.hang_up(call);
    assert_eq!(rest(&mut stage.world), ["Caller 16"]);
}
