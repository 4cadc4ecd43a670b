//! Versions of a pack side by side, as stories.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::{collections::BTreeSet, time::Duration};

use expect_test::{Expect, expect};
use plugboard_model::Timestamp;
use plugboard_pack::{
    Digest, Outcome, PackId, Release,
    rollout::{Audience, BasisPoints, Budget, Caller, End, Event, Plan, Rollout, RolloutError, Trial, Why, bucket},
};

fn pack() -> PackId {
    "acme.crm".parse().unwrap()
}

fn release(version: &str) -> Release {
    Release { version: version.parse().unwrap(), digest: Digest::of(version.as_bytes()) }
}

fn share(percent: u8) -> Audience {
    Audience::Share(BasisPoints::from_percent(percent).unwrap())
}

fn caller(number: &str) -> Caller<'_> {
    Caller { number: Some(number), ..Caller::default() }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + second)
}

/// Ten replies say something; 10 % may fail; 20 points more may hang up or wait too long; a minute back, watched for two.
fn budget() -> Budget {
    let percent = |percent| BasisPoints::from_percent(percent).unwrap();
    Budget::new(Duration::from_secs(60), Duration::from_secs(120), 10, percent(10), percent(20), percent(20)).unwrap()
}

fn rollout() -> Rollout {
    Rollout::new(pack(), release("1.0.0"), budget())
}

const GOOD: End = End { hung_up_in_flow: false, within_service_level: Some(true) };
const HUNG_UP: End = End { hung_up_in_flow: true, within_service_level: None };
const LATE: End = End { hung_up_in_flow: false, within_service_level: Some(false) };

/// What happens to a roll-out, told line by line.
struct Story {
    rollout: Rollout,
    told: String,
}

impl Story {
    fn new(rollout: Rollout) -> Self {
        Self { rollout, told: String::new() }
    }

    fn tell(&mut self, second: u64, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let text = match event {
                Event::ShadowStarted { candidate } => format!("{} is asked beside", candidate.version),
                Event::CanaryServes { candidate, audience } => format!("{} serves {audience:?}", candidate.version),
                Event::Promoted { from, to, watched_until } => {
                    let watched = (watched_until - at(0)).as_secs();
                    format!("{} in place of {}, watched until {watched}", to.version, from.version)
                }
                Event::Settled { stable } => format!("{} stays", stable.version),
                Event::RolledBack { from, to, why } => format!("{} back to {}: {why:?}", from.version, to.version),
                Event::Unused { release } => format!("{} is used by nobody", release.version),
            };
            self.told += &format!("{second:<4} {text}\n");
        }
    }

    fn stage(&mut self, second: u64, version: &str, trial: Trial) {
        let events = self.rollout.stage(release(version), trial).unwrap();
        self.tell(second, events);
    }

    fn promote(&mut self, second: u64) {
        let events = self.rollout.promote(at(second)).unwrap();
        self.tell(second, events);
    }

    fn outcomes(&mut self, second: u64, version: &str, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let events = self.rollout.handle_outcome(at(second), &release(version), *outcome);
            self.tell(second, events);
        }
    }

    fn ends(&mut self, second: u64, version: &str, ends: &[End]) {
        for end in ends {
            let events = self.rollout.handle_end(at(second), &release(version), *end);
            self.tell(second, events);
        }
    }

    fn timeout(&mut self, second: u64) {
        let events = self.rollout.handle_timeout(at(second));
        self.tell(second, events);
    }

    fn is(self, expected: &Expect) {
        expected.assert_eq(&self.told);
    }
}

#[test]
fn a_version_goes_from_shadow_over_canary_to_stable_and_the_old_one_stays_until_its_last_call_ends() {
    let mut story = Story::new(rollout());
    let old_call = story.rollout.begin(&caller("+8613800138000")).release;
    story.stage(0, "1.1.0", Trial::Shadow);
    story.stage(10, "1.1.0", Trial::Canary(share(5)));
    story.stage(20, "1.1.0", Trial::Canary(share(100)));
    let new_call = story.rollout.begin(&caller("+8613800138000")).release;
    story.promote(30);
    story.timeout(149);
    story.timeout(150);
    story.stage(160, "1.2.0", Trial::Shadow);
    story.promote(170);
    story.told += &format!("     calls: {} and {}\n", old_call.version, new_call.version);
    story.ends(180, "1.0.0", &[GOOD]);
    story.ends(190, "1.1.0", &[GOOD]);
    story.is(&expect![[r#"
        0    1.1.0 is asked beside
        10   1.1.0 serves Share(BasisPoints(500))
        20   1.1.0 serves Share(BasisPoints(10000))
        30   1.1.0 in place of 1.0.0, watched until 150
        150  1.1.0 stays
        160  1.2.0 is asked beside
        170  1.2.0 in place of 1.1.0, watched until 290
             calls: 1.0.0 and 1.1.0
        180  1.0.0 is used by nobody
    "#]]);
}

#[test]
fn a_canary_that_fails_goes_back_as_soon_as_the_rest_of_the_minimum_cannot_save_it() {
    let mut story = Story::new(rollout());
    story.stage(0, "1.1.0", Trial::Canary(share(50)));
    story.outcomes(1, "1.0.0", &[Outcome::Good; 20]);
    story.outcomes(2, "1.1.0", &[Outcome::Good, Outcome::Trapped, Outcome::Good]);
    story.outcomes(3, "1.1.0", &[Outcome::Late, Outcome::BadAnswer]);
    story.is(&expect![[r#"
        0    1.1.0 serves Share(BasisPoints(5000))
        3    1.1.0 back to 1.0.0: Failures { failed: 2, replies: 4 }
        3    1.1.0 is used by nobody
    "#]]);
}

#[test]
fn failures_that_lie_outside_the_window_are_forgiven() {
    let mut story = Story::new(rollout());
    story.stage(0, "1.1.0", Trial::Canary(share(50)));
    for minute in 0..10 {
        story.outcomes(minute * 60, "1.1.0", &[Outcome::Trapped]);
    }
    story.outcomes(541, "1.1.0", &[Outcome::Trapped]);
    story.is(&expect![[r#"
        0    1.1.0 serves Share(BasisPoints(5000))
        541  1.1.0 back to 1.0.0: Failures { failed: 2, replies: 2 }
        541  1.1.0 is used by nobody
    "#]]);
}

#[test]
fn failures_of_the_stable_version_send_nothing_back() {
    let mut story = Story::new(rollout());
    story.stage(0, "1.1.0", Trial::Canary(share(50)));
    story.outcomes(1, "1.0.0", &[Outcome::Trapped; 50]);
    assert_eq!(story.told, "0    1.1.0 serves Share(BasisPoints(5000))\n");
}

#[test]
fn hang_ups_are_held_against_those_of_the_version_beside() {
    let ends = |hung_up: usize| [vec![HUNG_UP; hung_up], vec![GOOD; 10 - hung_up]].concat();
    let mut story = Story::new(rollout());
    story.stage(0, "1.1.0", Trial::Canary(share(50)));
    story.ends(1, "1.1.0", &ends(5));
    story.told += "     nothing beside it yet\n";
    story.ends(2, "1.0.0", &ends(3));
    story.told += "     20 points more\n";
    story.ends(3, "1.1.0", &[HUNG_UP]);
    story.is(&expect![[r#"
        0    1.1.0 serves Share(BasisPoints(5000))
             nothing beside it yet
             20 points more
        3    1.1.0 back to 1.0.0: HangUps { hung_up: 6, ended: 11 }
        3    1.1.0 is used by nobody
    "#]]);
}

#[test]
fn a_canary_that_makes_callers_wait_beyond_the_service_level_goes_back() {
    let mut story = Story::new(rollout());
    story.stage(0, "1.1.0", Trial::Canary(share(50)));
    story.ends(1, "1.0.0", &[GOOD; 10]);
    story.ends(2, "1.1.0", &[GOOD; 8]);
    story.ends(3, "1.1.0", &[LATE; 3]);
    story.is(&expect![[r#"
        0    1.1.0 serves Share(BasisPoints(5000))
        3    1.1.0 back to 1.0.0: ServiceLevel { beyond: 3, queued: 11 }
        3    1.1.0 is used by nobody
    "#]]);
}

#[test]
fn a_promoted_version_goes_back_on_its_own_while_it_is_watched_and_not_after() {
    let mut story = Story::new(rollout());
    story.stage(0, "1.1.0", Trial::Shadow);
    story.promote(10);
    story.outcomes(20, "1.1.0", &[Outcome::Trapped; 2]);
    let upgraded = story.rollout.upgrade(at(30), release("1.2.0")).unwrap();
    story.tell(30, upgraded);
    story.timeout(150);
    story.outcomes(151, "1.2.0", &[Outcome::Trapped; 20]);
    let back = story.rollout.roll_back(Why::Asked).unwrap();
    story.tell(160, back);
    story.is(&expect![[r#"
        0    1.1.0 is asked beside
        10   1.1.0 in place of 1.0.0, watched until 130
        20   1.1.0 back to 1.0.0: Failures { failed: 2, replies: 2 }
        20   1.1.0 is used by nobody
        30   1.2.0 in place of 1.0.0, watched until 150
        150  1.2.0 stays
        160  1.2.0 back to 1.0.0: Asked
        160  1.2.0 is used by nobody
    "#]]);
}

#[test]
fn who_starts_another_trial_takes_a_watched_version_for_good() {
    let mut story = Story::new(rollout());
    let upgraded = story.rollout.upgrade(at(0), release("1.1.0")).unwrap();
    story.tell(0, upgraded);
    story.stage(10, "1.2.0", Trial::Shadow);
    story.outcomes(20, "1.1.0", &[Outcome::Trapped; 20]);
    story.is(&expect![[r#"
        0    1.1.0 in place of 1.0.0, watched until 120
        10   1.1.0 stays
        10   1.2.0 is asked beside
    "#]]);
}

#[test]
fn a_canary_with_living_calls_is_unloaded_when_the_last_of_them_ends() {
    let mut story = Story::new(rollout());
    story.stage(0, "1.1.0", Trial::Canary(share(100)));
    let calls = ["1", "2"].map(|number| story.rollout.begin(&caller(number)).release.version.to_string());
    story.told += &format!("     calls on {}\n", calls.join(" and "));
    story.outcomes(1, "1.1.0", &[Outcome::Trapped; 2]);
    let next = story.rollout.begin(&caller("1")).release.version;
    story.told += &format!("     the next call on {next}\n");
    story.ends(2, "1.1.0", &[GOOD, HUNG_UP]);
    story.is(&expect![[r#"
        0    1.1.0 serves Share(BasisPoints(10000))
             calls on 1.1.0 and 1.1.0
        1    1.1.0 back to 1.0.0: Failures { failed: 2, replies: 2 }
             the next call on 1.0.0
        2    1.1.0 is used by nobody
    "#]]);
}

#[test]
fn a_shadow_that_fails_is_taken_away_and_its_differences_are_only_counted() {
    let mut story = Story::new(rollout());
    story.stage(0, "1.1.0", Trial::Shadow);
    for same in [true, false, false] {
        story.outcomes(1, "1.1.0", &[Outcome::Good]);
        story.rollout.handle_comparison(at(1), same);
    }
    let (_, shadow) = story.rollout.tallies(at(1));
    story.told += &format!("     {} same, {} different\n", shadow.same, shadow.different);
    story.outcomes(2, "1.1.0", &[Outcome::Late; 2]);
    story.is(&expect![[r#"
        0    1.1.0 is asked beside
             1 same, 2 different
        2    1.1.0 back to 1.0.0: Failures { failed: 2, replies: 5 }
        2    1.1.0 is used by nobody
    "#]]);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut rollout = rollout();
    let before = rollout.plan().clone();
    let audiences = [Audience::Callers(BTreeSet::new()), Audience::Tag(String::new())];
    let refusals = [
        rollout.stage(release("1.0.0"), Trial::Shadow),
        rollout.promote(at(0)),
        rollout.roll_back(Why::Asked),
        rollout.upgrade(at(0), release("1.0.0")),
        rollout.stage(release("1.1.0"), Trial::Canary(audiences[0].clone())),
        rollout.stage(release("1.1.0"), Trial::Canary(audiences[1].clone())),
    ];
    let told = refusals.map(|refusal| refusal.unwrap_err().to_string() + "\n").concat();
    expect![[r#"
        1.0.0 (92521fc3cbd9) serves all already
        no version is on trial
        there is no version to go back to
        1.0.0 (92521fc3cbd9) serves all already
        the list names nobody
        the list names nobody
    "#]]
    .assert_eq(&told);
    assert_eq!(*rollout.plan(), before);
    rollout.stage(release("1.1.0"), Trial::Shadow).unwrap();
    assert_eq!(rollout.stage(release("1.2.0"), Trial::Shadow), Err(RolloutError::OnTrial(release("1.1.0"))));
}

#[test]
fn versions_in_use_are_bounded() {
    let mut rollout = rollout();
    let refused = (1..20).find_map(|minor| {
        rollout.begin(&caller("1"));
        rollout.upgrade(at(minor), release(&format!("1.{minor}.0"))).err().map(|error| (minor, error))
    });
    assert_eq!((refused, rollout.needed().len()), (Some((8, RolloutError::TooManyReleases)), 8));
}

#[test]
fn a_plan_outlives_the_process_and_old_calls_keep_their_version() {
    let mut before = rollout();
    before.begin(&caller("1"));
    before.upgrade(at(0), release("1.1.0")).unwrap();
    before.stage(release("1.2.0"), Trial::Canary(share(50))).unwrap();
    let kept = serde_json::to_string(before.plan()).unwrap();
    let mut after = Rollout::resume(serde_json::from_str::<Plan>(&kept).unwrap());
    after.adopt(&release("1.0.0"));
    assert_eq!((after.plan(), after.needed()), (before.plan(), before.needed()));
}

#[test]
fn an_audience_is_a_share_a_list_or_a_tag() {
    let numbers = |numbers: &[&str]| numbers.iter().map(|number| number.parse().unwrap()).collect();
    let zhang = Caller { number: Some("+8613800138000"), dialled: Some("8001"), tags: &["vip"] };
    let hidden = Caller { number: None, ..zhang };
    let li = Caller { number: Some("+8613900139000"), dialled: Some("8002"), tags: &[] };
    let served = [
        share(100),
        share(0),
        Audience::Callers(numbers(&["+8613800138000"])),
        Audience::Dialled(numbers(&["8001"])),
        Audience::Tag("vip".to_owned()),
    ]
    .map(|audience| [zhang, hidden, li].map(|caller| audience.holds(&pack(), &release("1.1.0").version, &caller)));
    assert_eq!(
        served,
        [[true, false, true], [false; 3], [true, false, false], [true, true, false], [true, true, false]]
    );
}

/// Computed with another program from the words of [`bucket`].
#[test]
fn a_caller_stands_at_the_same_place_on_every_host_for_ever() {
    let menu = "acme.menu".parse().unwrap();
    let place = |pack: &PackId, version: &str, caller| bucket(pack, &version.parse().unwrap(), caller);
    assert_eq!(
        [
            place(&pack(), "1.2.0", "+8613800138000"),
            place(&pack(), "1.2.0", "+8613800138001"),
            place(&pack(), "1.2.1", "+8613800138000"),
            place(&menu, "1.2.0", "+8613800138000"),
            place(&pack(), "1.2.0-rc.1", "8001"),
            place(&pack(), "1.2.0", ""),
        ],
        [8124, 1238, 9101, 1547, 6909, 3113]
    );
}

/// 100,000 callers over 100 equal parts: chi-square with 99 degrees of freedom is above 149 once in a thousand, and this is always the same draw.
#[test]
fn callers_spread_evenly_over_the_shares() {
    let version = release("1.2.0").version;
    let mut parts = [0u32; 100];
    for n in 0..100_000u64 {
        parts[usize::from(bucket(&pack(), &version, &format!("+86138{n:08}")) / 100)] += 1;
    }
    let chi_square: f64 = parts.iter().map(|&count| (f64::from(count) - 1_000.0).powi(2) / 1_000.0).sum();
    assert!((60.0..149.0).contains(&chi_square), "chi-square is {chi_square}");
}

#[test]
fn as_a_share_grows_those_who_were_in_it_stay() {
    let version = release("1.2.0").version;
    let numbers: Vec<String> = (0..10_000).map(|n| format!("+86139{n:08}")).collect();
    let served = |percent| -> BTreeSet<&str> {
        let holds = |number: &&String| share(percent).holds(&pack(), &version, &caller(number));
        numbers.iter().filter(holds).map(String::as_str).collect()
    };
    let [five, twenty] = [served(5), served(20)];
    assert!(five.is_subset(&twenty) && (400..600).contains(&five.len()) && (1_850..2_150).contains(&twenty.len()));
}

#[test]
fn a_budget_that_could_not_work_is_refused() {
    let all = BasisPoints::ALL;
    let budget = |window, watch, minimum| {
        Budget::new(Duration::from_secs(window), Duration::from_secs(watch), minimum, all, all, all).is_some()
    };
    assert_eq!(
        [budget(10, 0, 1), budget(9, 0, 1), budget(86_401, 0, 1), budget(10, 604_801, 1), budget(10, 0, 0)],
        [true, false, false, false, false]
    );
}

#[test]
fn what_a_version_may_spend_and_how_it_is_tried_are_written_as_they_are_read() {
    let read = |text: &str| match Budget::default().changed(text) {
        Ok(budget) => budget.to_string(),
        Err(error) => format!("{error}; {}", error.remedy()),
    };
    let tried = |text: &str| match text.parse::<Trial>() {
        Ok(trial) => trial.to_string(),
        Err(error) => format!("{error}; {}", error.remedy()),
    };
    let long: Vec<String> = (0..9).map(|n| format!("+861390013900{n}")).collect();
    let said = [
        read("minimum=20"),
        read("failures=0.25%,window=90s, watch=1d"),
        read("failures=101%"),
        read("watch=8d"),
        read("minimum=1,minimum=2"),
        tried("shadow"),
        tried("share=5%"),
        tried("share=0.50"),
        tried("callers=+8613800138000, 8001"),
        tried(&format!("dialled={}", long.join(","))),
        tried("tag=tier=gold"),
        tried("tag=gold"),
        tried("share=5.125%"),
        tried("callers="),
        tried("callers=a b"),
        tried("everybody"),
    ];
    expect![[r#"
        failures=1%,hang-ups=5%,service-level=10%,minimum=20,window=10m,watch=1h
        failures=0.25%,hang-ups=5%,service-level=10%,minimum=200,window=90s,watch=1d
        "failures=101%" is no part of a budget; write it as failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h, and leave out what stays
        a budget looks back 10s to 24h, watches for at most 7d, and its minimum is 1 to 1000000; write it as failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h, and leave out what stays
        "minimum=2" is no part of a budget; write it as failures=1%,hang-ups=5%,service-level=10%,minimum=200,window=10m,watch=1h, and leave out what stays
        shadow
        share=5%
        share=0.5%
        callers=+8613800138000,8001
        dialled=(9 numbers)
        tag=tier=gold
        "tag=gold" is no way to try a version; write shadow, share=5%, callers=+8613800138000, dialled=8001 or tag=tier=gold
        a share is a percentage of 0 to 100, with two decimals at most; name at least one caller, number or tag, and at most as many as are allowed
        the list names nobody; name at least one caller, number or tag, and at most as many as are allowed
        "a b" is no number; write numbers as they are called from, with commas between them
        "everybody" is no way to try a version; write shadow, share=5%, callers=+8613800138000, dialled=8001 or tag=tier=gold
    "#]].assert_eq(&said.map(|line| line + "\n").concat());
}
