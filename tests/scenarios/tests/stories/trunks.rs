//! Which way a call takes to the public network, and what happens when one is cut, full or gone.

use std::time::Duration;

use expect_test::expect;
use plugboard_model::{Configuration, EventKind, NumberTarget, Trunk, trunk::Rewrite};
use plugboard_scenarios::{LineId, Manners, Outcome, PhoneId, World};
use plugboard_sip::{Status, digest::Account};

use crate::{
    rules::{hours, rule},
    stage::{Stage, endings, secs, shop_with},
};

const NUMBER: &str = "+4930123456";
const MAIN: &str = "203.0.113.1:5060";
const BACKUP: &str = "203.0.113.2:5060";

/// Two carriers, the second for when the first fails; `change` is made to both.
fn two_carriers(change: impl Fn(&mut Configuration)) -> (Stage, PhoneId, PhoneId) {
    let mut stage = shop_with(|shop| {
        let trunk = |order, peer: &str| Trunk {
            order,
            peers: vec![peer.parse().unwrap()],
            ping: Duration::ZERO,
            ..Trunk::default()
        };
        shop.trunks.clear();
        shop.trunks.insert("main".to_owned(), trunk(1, MAIN));
        shop.trunks.insert("backup".to_owned(), trunk(2, BACKUP));
        change(shop);
    });
    let main = stage.world.add_phone("main", MAIN, None);
    let backup = stage.world.add_phone("backup", BACKUP, None);
    (stage, main, backup)
}

fn main_of(shop: &mut Configuration) -> &mut Trunk {
    shop.trunks.get_mut("main").unwrap()
}

/// What was noted of trunks, a line each.
fn told(world: &World) -> String {
    let of_trunks = |line: &&str| ["leg-routed", "trunk-down", "trunk-up"].iter().any(|name| line.contains(name));
    world.story().lines().filter(of_trunks).map(|line| format!("{}\n", line.trim())).collect()
}

/// Numbers that a carrier was asked for.
fn asked(world: &World, carrier: PhoneId) -> Vec<&str> {
    world.phone(carrier).called.iter().map(|(_, to)| &**to).collect()
}

fn status_of(world: &World, line: LineId) -> Option<u16> {
    match world.phone(line.phone).outcome(line)? {
        Outcome::Refused { status, .. } => Some(*status),
        Outcome::Ended(_) => None,
    }
}

#[test]
fn carrier_that_says_nothing_is_left_for_the_backup_within_two_seconds() {
    let (mut stage, main, backup) = two_carriers(|_| {});
    stage.world.phone_mut(main).dead = true;
    stage.world.draw_ladder(&["main", "plugboard", "backup"]);
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(5);
    assert_eq!(stage.world.hears(call), "backup", "{}", stage.world.story());
    let far = stage.world.line_of(backup);
    stage.world.hang_up(far);
    stage.world.finish();
    expect![[r#"
        m:s       main                  plugboard             backup
        00:01.015 |<INVITE--------------|                     |
        00:01.515 |<INVITE--------------|                     |
        00:02.515 |<INVITE--------------|                     |
        00:02.515 |                     |-INVITE------------->|
        00:02.520 |                     |<180-----------------|
        00:03.520 |                     |<200-----------------|
        00:03.525 |                     * bridge              |
        00:04.515 |<INVITE--------------|                     |
        00:06.000 |                     |<BYE-----------------|
        00:06.005 |                     * closed Outside 16   |
        00:08.515 |<INVITE--------------|                     |
        00:16.515 |<INVITE--------------|                     |
        00:32.515 |<INVITE--------------|                     |
    "#]]
    .assert_eq(stage.world.ladder());
    expect![[r#"
        1.015 leg-routed interaction=1 leg=2 peer=203.0.113.1:5060 trunk=main
        2.515 leg-routed interaction=1 leg=2 peer=203.0.113.2:5060 trunk=backup
    "#]]
    .assert_eq(&told(&stage.world));
}

#[test]
fn carrier_that_wakes_up_too_late_is_told_that_it_need_not_ring() {
    let (mut stage, main, _) = two_carriers(|_| {});
    stage.world.phone_mut(main).dead = true;
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.after(secs(2), move |world| world.phone_mut(main).dead = false);
    stage.world.run_secs(9);
    assert_eq!(stage.world.hears(call), "backup");
    assert_eq!((asked(&stage.world, main).len(), stage.world.phone(main).lines()), (1, 0), "it was called and let go");
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn address_where_nobody_listens_costs_the_caller_nothing() {
    let (mut stage, main, backup) = two_carriers(|_| {});
    stage.world.phone_mut(main).closed = true;
    stage.world.draw_ladder(&["amy", "plugboard", "backup"]);
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(call), "backup");
    let far = stage.world.line_of(backup);
    stage.world.hang_up(far);
    stage.world.finish();
    expect![[r#"
        m:s       amy                   plugboard             backup
        00:01.000 |-INVITE------------->|                     |
        00:01.005 |<407-----------------|                     |
        00:01.010 |-INVITE------------->|                     |
        00:01.020 |                     |-INVITE------------->|
        00:01.025 |                     |<180-----------------|
        00:01.030 |<180-----------------|                     |
        00:02.025 |                     |<200-----------------|
        00:02.030 |                     * bridge              |
        00:02.030 |<200-----------------|                     |
        00:04.000 |                     |<BYE-----------------|
        00:04.005 |                     * closed Outside 16   |
        00:04.005 |<BYE-----------------|                     |
    "#]]
    .assert_eq(stage.world.ladder());
}

/// The next ping meets the closed port, and that tells of the call that rings as well.
#[test]
fn carrier_that_is_gone_while_it_rings_is_left_for_the_backup_which_rings_at_once() {
    let (mut stage, main, _) = two_carriers(|shop| main_of(shop).ping = secs(10));
    stage.world.phone_mut(main).manners = Manners::ABSENT;
    stage.world.draw_ladder(&["amy", "plugboard", "backup"]);
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(2);
    stage.world.phone_mut(main).closed = true;
    stage.world.run_secs(12);
    stage.world.hang_up(call);
    stage.world.run_secs(1);
    expect![[r#"
        m:s       amy                   plugboard             backup
        00:01.000 |-INVITE------------->|                     |
        00:01.005 |<407-----------------|                     |
        00:01.010 |-INVITE------------->|                     |
        00:01.025 |<180-----------------|                     |
        00:10.005 |                     |-INVITE------------->|
        00:10.010 |                     |<180-----------------|
        00:11.010 |                     |<200-----------------|
        00:11.015 |                     * bridge              |
        00:11.015 |<200-----------------|                     |
        00:15.000 |-BYE---------------->|                     |
        00:15.005 |                     * closed Agent 16     |
        00:15.005 |                     |-BYE---------------->|
    "#]]
    .assert_eq(stage.world.ladder());
    expect![[r#"
        1.015 leg-routed interaction=1 leg=2 peer=203.0.113.1:5060 trunk=main
        10.005 leg-routed interaction=1 leg=2 peer=203.0.113.2:5060 trunk=backup
        10.005 trunk-down peer=203.0.113.1:5060 trunk=main
    "#]]
    .assert_eq(&told(&stage.world));
}

/// What the agent is told when the main carrier refuses, and how often the backup was asked.
fn refused_with(status: Status) -> (Option<u16>, usize) {
    let (mut stage, main, backup) = two_carriers(|_| {});
    stage.world.phone_mut(main).manners = Manners::rejecting(status);
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(4);
    let answered = stage.world.phone(stage.amy).is_answered(call);
    if answered {
        stage.world.hang_up(call);
    }
    stage.world.finish();
    (status_of(&stage.world, call), stage.world.phone(backup).called.len())
}

#[test]
fn backup_is_asked_where_the_answer_is_about_the_way_and_not_where_it_is_about_the_called() {
    let of_the_way = [408, 500, 503, 504].map(|code| refused_with(Status::from_code(code).unwrap()));
    let of_the_called = [404, 486, 603].map(|code| refused_with(Status::from_code(code).unwrap()));
    assert_eq!(of_the_way, [(None, 1); 4]);
    assert_eq!(of_the_called, [(Some(404), 0), (Some(486), 0), (Some(486), 0)]);
}

#[test]
fn called_party_who_does_not_pick_up_is_not_sought_by_the_backup() {
    let (mut stage, main, backup) = two_carriers(|_| {});
    stage.world.phone_mut(main).manners = Manners::ABSENT;
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(10);
    let far = stage.world.line_of(main);
    stage.world.reject(far, Status::REQUEST_TIMEOUT);
    stage.world.finish();
    assert!(status_of(&stage.world, call).is_some(), "{}", stage.world.story());
    assert_eq!(asked(&stage.world, backup).len(), 0);
}

#[test]
fn call_that_no_carrier_takes_ends_with_the_last_answer() {
    let (mut stage, main, backup) = two_carriers(|_| {});
    for carrier in [main, backup] {
        stage.world.phone_mut(carrier).manners = Manners::rejecting(Status::SERVICE_UNAVAILABLE);
    }
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.finish();
    assert_eq!((endings(&stage.world), status_of(&stage.world, call)), (vec!["Host 41".to_owned()], Some(503)));
    assert_eq!((asked(&stage.world, main).len(), asked(&stage.world, backup).len()), (1, 1));
}

#[test]
fn only_carrier_that_is_slow_is_waited_for() {
    let (mut stage, main, _) = two_carriers(|shop| drop(shop.trunks.remove("backup")));
    stage.world.phone_mut(main).dead = true;
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.after(Duration::from_millis(1_600), move |world| world.phone_mut(main).dead = false);
    stage.world.run_secs(7);
    assert_eq!(stage.world.hears(call), "main", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
}

#[test]
fn full_trunk_is_passed_over_and_calls_beyond_the_last_are_refused() {
    let (mut stage, main, backup) = two_carriers(|shop| {
        main_of(shop).channels = Some(1);
        shop.trunks.get_mut("backup").unwrap().channels = Some(1);
    });
    let bob = stage.world.add_agent("bob");
    let cid = stage.world.add_agent("cid");
    stage.world.run_secs(1);
    let calls = [stage.amy, bob, cid].map(|agent| {
        let call = stage.world.dial(agent, NUMBER);
        stage.world.run_secs(2);
        call
    });
    assert_eq!(calls.map(|call| stage.world.hears(call)), ["main", "backup", "nothing"], "{}", stage.world.story());
    assert_eq!((endings(&stage.world), status_of(&stage.world, calls[2])), (vec!["Host 34".to_owned()], Some(503)));
    assert_eq!(stage.world.phone(cid).causes, [Some(34)]);
    // Who hangs up leaves room for the next.
    stage.world.hang_up(calls[0]);
    stage.world.run_secs(15);
    let again = stage.world.dial(cid, NUMBER);
    stage.world.run_secs(2);
    assert_eq!(stage.world.hears(again), "main");
    for call in [calls[1], again] {
        stage.world.hang_up(call);
    }
    stage.world.finish();
    assert_eq!((asked(&stage.world, main).len(), asked(&stage.world, backup).len()), (2, 1));
}

#[test]
fn calls_beyond_the_pace_of_a_trunk_go_by_the_next() {
    let (mut stage, main, backup) = two_carriers(|shop| main_of(shop).calls_per_second = Some(1));
    let bob = stage.world.add_agent("bob");
    stage.world.run_secs(1);
    let calls = [stage.amy, bob].map(|agent| stage.world.dial(agent, NUMBER));
    stage.world.run_secs(3);
    assert_eq!((asked(&stage.world, main).len(), asked(&stage.world, backup).len()), (1, 1));
    for call in calls {
        stage.world.hang_up(call);
    }
    stage.world.finish();
}

#[test]
fn calls_of_a_group_are_shared_by_weight() {
    let (mut stage, main, backup) = two_carriers(|shop| {
        shop.trunks.get_mut("backup").unwrap().order = 1;
        main_of(shop).weight = 3;
    });
    for carrier in [main, backup] {
        stage.world.phone_mut(carrier).manners = Manners::rejecting(Status::BUSY_HERE);
    }
    for _ in 0..40 {
        stage.world.dial(stage.amy, NUMBER);
        stage.world.run_secs(2);
    }
    stage.world.finish();
    // Three of four, as the weights have it.
    assert_eq!((asked(&stage.world, main).len(), asked(&stage.world, backup).len()), (30, 10));
}

#[test]
fn carrier_that_answers_no_pings_is_down_until_it_answers_two_in_a_row() {
    let (mut stage, main, backup) = two_carriers(|shop| main_of(shop).ping = secs(10));
    stage.world.run_secs(14);
    stage.world.phone_mut(main).dead = true;
    stage.world.run_secs(16);
    stage.world.draw_ladder(&["main", "plugboard", "backup"]);
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(call), "backup");
    let far = stage.world.line_of(backup);
    stage.world.hang_up(far);
    stage.world.phone_mut(main).dead = false;
    stage.world.run_secs(20);
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(2);
    assert_eq!(stage.world.hears(call), "main", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
    expect![[r#"
        m:s       main                  plugboard             backup
        00:31.015 |                     |-INVITE------------->|
        00:31.020 |                     |<180-----------------|
        00:31.500 |<OPTIONS-------------|                     |
        00:32.020 |                     |<200-----------------|
        00:32.025 |                     * bridge              |
        00:32.500 |<OPTIONS-------------|                     |
        00:33.500 |<OPTIONS-------------|                     |
        00:34.000 |                     |<BYE-----------------|
        00:34.005 |                     * closed Outside 16   |
        00:35.500 |<OPTIONS-------------|                     |
        00:36.000 |<OPTIONS-------------|                     |
        00:36.500 |<OPTIONS-------------|                     |
        00:37.500 |<OPTIONS-------------|                     |
        00:41.000 |<OPTIONS-------------|                     |
        00:46.000 |<OPTIONS-------------|                     |
        00:54.015 |<INVITE--------------|                     |
        00:54.020 |-180---------------->|                     |
        00:55.020 |-200---------------->|                     |
        00:55.025 |                     * bridge              |
        00:56.000 |<OPTIONS-------------|                     |
        00:56.005 |                     * closed Agent 16     |
        00:56.005 |<BYE-----------------|                     |
    "#]]
    .assert_eq(stage.world.ladder());
    expect![[r#"
        24.000 trunk-down peer=203.0.113.1:5060 trunk=main
        31.015 leg-routed interaction=1 leg=2 peer=203.0.113.2:5060 trunk=backup
        41.010 trunk-up peer=203.0.113.1:5060 trunk=main
        54.015 leg-routed interaction=2 leg=4 peer=203.0.113.1:5060 trunk=main
    "#]]
    .assert_eq(&told(&stage.world));
}

#[test]
fn one_ping_without_an_answer_changes_nothing() {
    let (mut stage, main, _) = two_carriers(|shop| main_of(shop).ping = secs(10));
    stage.world.run_secs(9);
    // The ping of the tenth second and its copies are lost, and that of the twelfth at first.
    stage.world.phone_mut(main).dead = true;
    stage.world.run(Duration::from_millis(3_200));
    stage.world.phone_mut(main).dead = false;
    stage.world.run_secs(60);
    assert_eq!(told(&stage.world), "");
    stage.world.finish();
}

#[test]
fn call_for_help_goes_first_by_the_trunk_for_that_and_no_cap_holds_it_back() {
    let (mut stage, main, backup) = two_carriers(|shop| {
        shop.dialling.emergency = vec!["110".to_owned()];
        let backup = shop.trunks.get_mut("backup").unwrap();
        (backup.emergency, backup.channels, backup.takes) = (Some(1), Some(1), vec!["+".to_owned()]);
    });
    let bob = stage.world.add_agent("bob");
    let cid = stage.world.add_agent("cid");
    stage.world.run_secs(1);
    let calls = [stage.amy, bob, cid].map(|agent| {
        let call = stage.world.dial(agent, "110");
        stage.world.run_secs(2);
        call
    });
    assert_eq!(calls.map(|call| stage.world.hears(call)), ["backup"; 3], "{}", stage.world.story());
    for call in calls {
        stage.world.hang_up(call);
    }
    stage.world.finish();
    assert_eq!((asked(&stage.world, main).len(), asked(&stage.world, backup)), (0, vec!["110"; 3]));
}

#[test]
fn number_that_no_trunk_takes_has_no_route() {
    let (mut stage, ..) =
        two_carriers(|shop| shop.trunks.values_mut().for_each(|trunk| trunk.takes = vec!["+86".into()]));
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.finish();
    assert_eq!((endings(&stage.world), status_of(&stage.world, call)), (vec!["Host 3".to_owned()], Some(404)));
    assert_eq!(stage.world.phone(stage.amy).causes, [Some(3)]);
}

#[test]
fn limit_of_the_tenant_and_a_drain_let_calls_for_help_through() {
    let (mut stage, ..) = two_carriers(|shop| {
        shop.dialling.emergency = vec!["110".to_owned()];
        shop.limits.interactions = 1;
    });
    let bob = stage.world.add_agent("bob");
    let cid = stage.world.add_agent("cid");
    stage.world.run_secs(1);
    let first = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(2);
    let beyond = stage.world.dial(bob, NUMBER);
    stage.world.run_secs(2);
    let help = stage.world.dial(bob, "110");
    stage.world.run_secs(2);
    stage.world.input(plugboard_exchange::Input::Drain);
    let late = stage.world.dial(cid, "110");
    stage.world.run_secs(2);
    let heard = [first, beyond, help, late].map(|call| stage.world.hears(call));
    assert_eq!(heard, ["main", "nothing", "main", "main"], "{}", stage.world.story());
    assert_eq!(status_of(&stage.world, beyond), Some(503));
    for call in [first, help, late] {
        stage.world.hang_up(call);
    }
    stage.world.finish();
}

#[test]
fn no_rule_keeps_anybody_from_calling_for_help() {
    let (mut stage, _, backup) = two_carriers(|shop| {
        shop.dialling.emergency = vec!["110".to_owned()];
        shop.trunks.get_mut("backup").unwrap().emergency = Some(1);
        rule(shop, "hours", "hours");
    });
    stage.world.components.judges.insert("hours", hours);
    let refused = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(2);
    assert_eq!(status_of(&stage.world, refused), Some(403));
    let call = stage.world.dial(stage.amy, "110");
    stage.world.run_secs(2);
    assert_eq!(stage.world.hears(call), "backup", "{}", stage.world.story());
    stage.world.hang_up(call);
    stage.world.finish();
    assert_eq!(asked(&stage.world, backup), ["110"]);
}

#[test]
fn numbers_are_written_as_each_side_wants_them() {
    let rule = |prefix: &str, to: &str| Rewrite { prefix: prefix.into(), to: to.into() };
    let (mut stage, main, backup) = two_carriers(|shop| {
        shop.numbers.insert("+862112345678".parse().unwrap(), NumberTarget::Queue("sales".parse().unwrap()));
        let trunk = main_of(shop);
        trunk.outgoing = vec![rule("+86", "0"), rule("+", "00")];
        trunk.incoming = vec![rule("0", "+86"), rule("00", "+")];
    });
    stage.world.phone_mut(main).manners = Manners::rejecting(Status::SERVICE_UNAVAILABLE);
    let call = stage.world.dial(stage.amy, NUMBER);
    stage.world.run_secs(3);
    stage.world.hang_up(call);
    stage.world.run_secs(15);
    let inbound = stage.world.dial_as(main, "0049301", "02112345678");
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(inbound), "amy", "{}", stage.world.story());
    stage.world.hang_up(inbound);
    stage.world.finish();
    assert_eq!((asked(&stage.world, main), asked(&stage.world, backup)), (vec!["004930123456"], vec![NUMBER]));
    let cdr = stage.world.cdrs().pop().unwrap();
    assert_eq!((&*cdr.from, &*cdr.to), ("+49301", "+862112345678"));
}

#[test]
fn caller_is_refused_where_the_trunk_carries_as_many_as_it_may() {
    let (mut stage, main, _) = two_carriers(|shop| main_of(shop).channels = Some(1));
    let first = stage.world.dial_as(main, "4930", "500");
    stage.world.run_secs(1);
    let second = stage.world.dial_as(main, "4931", "500");
    stage.world.run_secs(1);
    let outcome = stage.world.phone(main).outcome(second).cloned();
    assert_eq!(outcome, Some(Outcome::Refused { status: 503, retry_after: Some(5) }));
    assert_eq!(stage.world.phone(main).causes, [Some(34)]);
    stage.world.hang_up(first);
    stage.world.run_secs(15);
    let third = stage.world.dial_as(main, "4932", "500");
    stage.world.run_secs(3);
    assert_eq!(stage.world.hears(third), "amy");
    stage.world.hang_up(third);
    stage.world.finish();
}

#[test]
fn caller_from_anywhere_is_let_in_who_proves_the_account_of_a_trunk() {
    let account = |password: &str| Account { user: "office".to_owned(), password: password.to_owned() };
    let (mut stage, ..) = two_carriers(|shop| {
        let trunk = main_of(shop);
        (trunk.user, trunk.password) = (Some("office".into()), Some("right".into()));
        (trunk.by_account, trunk.channels) = (true, Some(1));
    });
    let accounts = [Some(account("right")), Some(account("right")), Some(account("wrong")), None];
    let calls = accounts.into_iter().zip(1..).map(|(account, host)| {
        let phone = stage.world.add_phone(&format!("pbx{host}"), &format!("198.51.100.{host}:5060"), account);
        let call = stage.world.dial(phone, "500");
        stage.world.run_secs(3);
        (call, stage.world.hears(call), status_of(&stage.world, call))
    });
    let calls: Vec<_> = calls.collect();
    let told: Vec<_> = calls.iter().map(|(_, heard, status)| (heard.as_str(), *status)).collect();
    // The second is beyond the trunk's channels.
    assert_eq!(told, [("amy", None), ("nothing", Some(503)), ("nothing", Some(407)), ("nothing", Some(407))]);
    stage.world.hang_up(calls[0].0);
    stage.world.finish();
}

/// A trunk is cut in the middle of the day: nobody who calls out from then on waits longer than two seconds for the backup.
#[test]
fn every_call_after_a_cut_is_on_the_backup_within_two_seconds() {
    let (mut stage, main, _) = two_carriers(|shop| main_of(shop).ping = secs(30));
    let agents: Vec<PhoneId> = ["bob", "cid"].into_iter().map(|agent| stage.world.add_agent(agent)).collect();
    stage.world.run_secs(1);
    stage.world.phone_mut(main).dead = true;
    for agent in agents.iter().chain([&stage.amy]) {
        let call = stage.world.dial(*agent, NUMBER);
        stage.world.run_secs(5);
        assert_eq!(stage.world.hears(call), "backup");
        stage.world.hang_up(call);
        stage.world.run_secs(12);
    }
    stage.world.finish();
    let mut dialled = Vec::new();
    let mut waited = Vec::new();
    for fact in &stage.world.facts {
        match &fact.kind {
            EventKind::LegDialled { leg, .. } => dialled.push((*leg, fact.at)),
            EventKind::LegRouted { leg, trunk, .. } if &**trunk == "backup" => {
                let at = dialled.iter().find(|(of, _)| of == leg).unwrap().1;
                waited.push((fact.at - at).as_millis());
            }
            _ => {}
        }
    }
    // The first finds out; the others know.
    assert_eq!(waited, [1_500, 0, 0]);
}
