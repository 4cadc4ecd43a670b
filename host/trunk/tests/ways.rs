//! Which way a call takes, and what comes after it when it fails.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeMap, time::Duration};

use expect_test::{Expect, expect};
use plugboard_model::{Configuration, Timestamp, Trunk, trunk::Rewrite};
use plugboard_trunk::{Attempt, Failure, NoWay, Output, Trunks, Way};

const BEGIN: Timestamp = Timestamp::from_micros(1_000_000_000);

fn at(milliseconds: u64) -> Timestamp {
    BEGIN + Duration::from_millis(milliseconds)
}

fn trunk(peers: usize) -> Trunk {
    let peers = (1..=peers).map(|peer| format!("192.0.2.{peer}:5060").parse().unwrap()).collect();
    Trunk { peers, ..Trunk::default() }
}

fn shop(trunks: &[(&str, Trunk)]) -> Configuration {
    let mut shop = Configuration::empty("shop".parse().unwrap());
    shop.trunks = trunks.iter().map(|(name, trunk)| ((*name).to_owned(), trunk.clone())).collect();
    shop.dialling.emergency = vec!["110".into(), "120".into()];
    shop
}

fn trunks(all: &[(&str, Trunk)]) -> Trunks {
    Trunks::new(BEGIN, &shop(all))
}

fn status(code: u16) -> Failure {
    Failure::Status { code, retry_after: None }
}

/// Every way that a call takes when each fails in turn.
fn ways(trunks: &mut Trunks, number: &str, chance: u64) -> String {
    let mut all = Vec::new();
    let mut next = trunks.begin(BEGIN, number, chance).ok();
    while let Some(Attempt { id, way, number, .. }) = next {
        all.push(format!("{way} {number}"));
        next = trunks.failed(BEGIN, id, status(503));
    }
    all.join(", ")
}

#[test]
fn groups_are_tried_by_their_order_and_peers_as_they_are_listed() {
    let backup = Trunk { order: 2, ..trunk(1) };
    let mut trunks = trunks(&[("backup", backup), ("main", trunk(2)), ("silent", trunk(0))]);
    assert_eq!(ways(&mut trunks, "+4930", 1), "main/0 +4930, main/1 +4930, backup/0 +4930");
}

#[test]
fn trunks_of_a_group_share_calls_by_their_weights() {
    let weighing = |weight| Trunk { weight, ..trunk(1) };
    let mut trunks = trunks(&[("a", weighing(3)), ("b", weighing(1)), ("never-first", weighing(0))]);
    let mut first: BTreeMap<String, u32> = BTreeMap::new();
    for chance in 0..4_000 {
        let attempt = trunks.begin(BEGIN, "+4930", chance).unwrap();
        trunks.over(attempt.id);
        *first.entry(attempt.way.to_string()).or_default() += 1;
    }
    let share = |way: &str| first.get(way).map_or(0, |calls| calls / 100);
    assert_eq!((share("a/0"), share("b/0"), share("never-first/0")), (29, 10, 0));
    assert_eq!(ways(&mut trunks, "+4930", 7).split(", ").last(), Some("never-first/0 +4930"));
}

#[test]
fn number_goes_only_by_trunks_that_take_it_written_as_they_want_it() {
    let rule = |prefix: &str, to: &str| Rewrite { prefix: prefix.into(), to: to.into() };
    let home = Trunk { takes: vec!["+86".into()], outgoing: vec![rule("+86", "0")], ..trunk(1) };
    let abroad = Trunk { order: 2, outgoing: vec![rule("+", "00")], ..trunk(1) };
    let mut both = trunks(&[("abroad", abroad), ("home", home.clone())]);
    assert_eq!(ways(&mut both, "+8613800138000", 1), "home/0 013800138000, abroad/0 008613800138000");
    assert_eq!(ways(&mut both, "+4930", 1), "abroad/0 004930");
    assert_eq!(trunks(&[("home", home)]).begin(BEGIN, "+4930", 1), Err(NoWay::NoTrunk));
}

#[test]
fn answer_about_the_called_party_is_final_and_one_about_the_way_is_not() {
    let goes_on = |failure| {
        let mut trunks = trunks(&[("main", trunk(2))]);
        let first = trunks.begin(BEGIN, "+4930", 1).unwrap();
        trunks.failed(BEGIN, first.id, failure).is_some()
    };
    let codes = [403, 404, 408, 480, 486, 487, 500, 503, 504, 600, 603];
    let on: Vec<u16> = codes.into_iter().filter(|code| goes_on(status(*code))).collect();
    assert_eq!((on, goes_on(Failure::Silent)), (vec![408, 500, 503, 504], true));
}

#[test]
fn full_trunk_is_passed_over_until_a_call_ends_on_it_in_either_direction() {
    let main = Trunk { channels: Some(2), ..trunk(1) };
    let backup = Trunk { order: 2, channels: Some(1), ..trunk(1) };
    let mut trunks = trunks(&[("backup", backup), ("main", main)]);
    let inbound = trunks.entered("main").unwrap();
    let begin =
        |trunks: &mut Trunks| trunks.begin(BEGIN, "+4930", 1).map(|attempt| (attempt.way.to_string(), attempt.id));
    let (first, id) = begin(&mut trunks).unwrap();
    let (second, _) = begin(&mut trunks).unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("main/0", "backup/0"));
    assert_eq!((begin(&mut trunks).unwrap_err(), trunks.entered("main")), (NoWay::Full, None));
    trunks.left(&inbound);
    assert_eq!(begin(&mut trunks).unwrap().0, "main/0");
    trunks.over(id);
    trunks.over(id);
    assert_eq!(begin(&mut trunks).unwrap().0, "main/0");
    assert_eq!(begin(&mut trunks).unwrap_err(), NoWay::Full);
    // Nobody waits for the police.
    assert_eq!(trunks.begin(BEGIN, "110", 1).unwrap().way.to_string(), "main/0");
}

#[test]
fn trunk_that_takes_few_calls_a_second_leaves_the_rest_to_the_next() {
    let main = Trunk { calls_per_second: Some(2), ..trunk(1) };
    let mut trunks = trunks(&[("backup", Trunk { order: 2, ..trunk(1) }), ("main", main)]);
    let taken = [0, 10, 20, 510, 520, 3_000].map(|ms| trunks.begin(at(ms), "+4930", 1).unwrap().way.trunk.to_string());
    assert_eq!(taken, ["main", "main", "backup", "main", "backup", "main"]);
}

#[test]
fn emergency_numbers_have_an_order_of_their_own() {
    let local = Trunk { order: 9, emergency: Some(1), takes: vec!["+86".into()], ..trunk(1) };
    let mobile = Trunk { order: 8, emergency: Some(2), ..trunk(1) };
    let mut trunks = trunks(&[("cheap", trunk(1)), ("local", local), ("mobile", mobile)]);
    assert_eq!(ways(&mut trunks, "120", 1), "local/0 120, mobile/0 120, cheap/0 120");
    assert_eq!(ways(&mut trunks, "1200", 1), "cheap/0 1200, mobile/0 1200");
}

/// Pings of one trunk until `until`; `answers`: whether it answers one sent at that millisecond.
fn watched(trunks: &mut Trunks, until: u64, answers: impl Fn(u64) -> bool) -> String {
    let mut told = String::new();
    while let Some(due) = trunks.poll_timeout().filter(|due| *due <= at(until)) {
        trunks.handle_timeout(due);
        let ms = u64::try_from(due.since(BEGIN).as_millis()).unwrap();
        while let Some(output) = trunks.poll_output() {
            match output {
                Output::Ping(way) if answers(ms) => {
                    told.push_str(&format!("{ms:<6} {way} answers\n"));
                    trunks.ponged(&way);
                }
                Output::Ping(way) => told.push_str(&format!("{ms:<6} {way} is asked\n")),
                Output::Up(way) => told.push_str(&format!("{ms:<6} {way} is up\n")),
                Output::Down(way) => told.push_str(&format!("{ms:<6} {way} is down\n")),
            }
        }
    }
    told
}

fn says(is: &str, expected: &Expect) {
    expected.assert_eq(is);
}

#[test]
fn two_silences_take_a_peer_down_within_ten_seconds_and_two_answers_bring_it_back() {
    let main = Trunk { ping: Duration::from_secs(5), ..trunk(1) };
    let mut trunks = trunks(&[("backup", Trunk { order: 2, ping: Duration::ZERO, ..trunk(1) }), ("main", main)]);
    let told = watched(&mut trunks, 32_000, |ms| !(4_000..20_000).contains(&ms));
    says(
        &told,
        &expect![[r#"
            0      main/0 answers
            5000   main/0 is asked
            7000   main/0 is asked
            9000   main/0 is down
            14000  main/0 is asked
            21000  main/0 answers
            26000  main/0 answers
            26000  main/0 is up
            31000  main/0 answers
        "#]],
    );
    assert_eq!(ways(&mut trunks, "+4930", 1), "main/0 +4930, backup/0 +4930");
}

#[test]
fn one_lost_ping_changes_nothing() {
    let main = Trunk { ping: Duration::from_secs(30), ..trunk(1) };
    let mut trunks = trunks(&[("main", main)]);
    let told = watched(&mut trunks, 60_000, |ms| ms != 30_000);
    says(
        &told,
        &expect![[r#"
            0      main/0 answers
            30000  main/0 is asked
            32000  main/0 answers
        "#]],
    );
}

#[test]
fn call_without_an_answer_takes_its_peer_down_at_once_and_calls_go_elsewhere_until_it_is_back() {
    let mut trunks = trunks(&[("main", trunk(2))]);
    let first = trunks.begin(BEGIN, "+4930", 1).unwrap();
    let second = trunks.failed(at(1_500), first.id, Failure::Silent).unwrap();
    assert_eq!((first.way.to_string(), second.way.to_string()), ("main/0".into(), "main/1".into()));
    let down = Way { trunk: "main".into(), peer: 0 };
    assert_eq!(trunks.poll_output(), Some(Output::Down(down)));
    assert_eq!(ways(&mut trunks, "+4930", 1), "main/1 +4930, main/0 +4930");
    watched(&mut trunks, 12_000, |_| true);
    assert_eq!(ways(&mut trunks, "+4930", 1), "main/0 +4930, main/1 +4930");
}

#[test]
fn peer_that_wants_to_be_left_alone_comes_last_until_then() {
    let mut trunks = trunks(&[("main", trunk(2))]);
    let first = trunks.begin(BEGIN, "+4930", 1).unwrap();
    let resting = Failure::Status { code: 503, retry_after: Some(Duration::from_secs(20)) };
    trunks.failed(BEGIN, first.id, resting).unwrap();
    let first_at = |trunks: &mut Trunks, ms: u64| {
        let attempt = trunks.begin(at(ms), "+4930", 1).unwrap();
        trunks.over(attempt.id);
        attempt.way.to_string()
    };
    assert_eq!((first_at(&mut trunks, 19_999), first_at(&mut trunks, 20_000)), ("main/1".into(), "main/0".into()));
}

#[test]
fn peer_that_nobody_looks_at_comes_last_for_half_a_minute_after_it_let_a_call_down() {
    let mut trunks = trunks(&[("main", Trunk { ping: Duration::ZERO, ..trunk(2) })]);
    let first = trunks.begin(BEGIN, "+4930", 1).unwrap();
    let second = trunks.failed(BEGIN, first.id, Failure::Silent).unwrap();
    trunks.over(second.id);
    let first_at = |trunks: &mut Trunks, ms: u64| {
        let attempt = trunks.begin(at(ms), "+4930", 1).unwrap();
        trunks.over(attempt.id);
        attempt.way.to_string()
    };
    assert_eq!((first_at(&mut trunks, 29_999), first_at(&mut trunks, 30_000)), ("main/1".into(), "main/0".into()));
    assert_eq!((trunks.outgoing(), trunks.poll_output()), (0, None));
}

#[test]
fn slow_peer_is_left_where_there_is_another_and_else_keeps_the_call() {
    // One channel: the call's own place is the next peer's.
    let mut trunks = trunks(&[("main", Trunk { channels: Some(1), ..trunk(2) })]);
    let first = trunks.begin(BEGIN, "+4930", 1).unwrap();
    let second = trunks.slow(at(1_500), first.id).unwrap();
    let view = |trunks: &Trunks| trunks.view().map(|view| (view.calls, view.up, view.failed_over)).next().unwrap();
    assert_eq!((second.way.to_string(), view(&trunks)), ("main/1".into(), (1, vec![false, true], 1)));
    assert_eq!((trunks.slow(at(3_000), first.id), view(&trunks)), (None, (1, vec![false, true], 1)));
    trunks.over(first.id);
    assert_eq!((trunks.outgoing(), view(&trunks).0), (0, 0));
}

#[test]
fn ping_that_could_not_be_sent_counts_neither_way() {
    let mut trunks = trunks(&[("main", trunk(1))]);
    for seconds in 0..120 {
        trunks.handle_timeout(at(seconds * 1_000));
        while let Some(output) = trunks.poll_output() {
            let Output::Ping(way) = output else { panic!("{output:?} without a ping") };
            trunks.not_pinged(&way);
        }
    }
}

#[test]
fn change_of_configuration_keeps_what_is_known_and_calls_that_are_on_their_way() {
    let main = Trunk { channels: Some(2), ..trunk(2) };
    let mut trunks = trunks(&[("main", main.clone())]);
    let first = trunks.begin(BEGIN, "+4930", 1).unwrap();
    let second = trunks.failed(BEGIN, first.id, Failure::Silent).unwrap();
    let swapped = Trunk { peers: main.peers.iter().rev().copied().collect(), ..main };
    trunks.configure(at(1), &shop(&[("main", swapped), ("other", Trunk { order: 2, ..trunk(1) })]));
    let third = trunks.begin(at(1), "+4930", 1).unwrap();
    assert_eq!(third.way.to_string(), "main/0", "the one that did not fail");
    assert_eq!(trunks.begin(at(1), "+4930", 1).unwrap().way.to_string(), "other/0", "two calls are on it");
    trunks.configure(at(2), &shop(&[]));
    trunks.over(second.id);
    assert_eq!(trunks.failed(at(2), third.id, status(503)), None);
    assert_eq!(trunks.view().count(), 0);
}
