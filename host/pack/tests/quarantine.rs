//! A component that fails is rested, and asked again.
#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

use std::time::Duration;

use expect_test::expect;
use plugboard_model::Timestamp;
use plugboard_pack::{
    Outcome,
    quarantine::{Admission, Quarantine, Rules, Ticket, Transition},
};

/// 3 failures in 10 s; waits of 2 s, doubled up to 8 s; a probe has 1 s.
fn rules() -> Rules {
    let seconds = Duration::from_secs;
    Rules::new(3, seconds(10), (seconds(2), seconds(8)), seconds(1)).unwrap()
}

/// Questions that are answered at once, at each of these seconds: what came of each.
fn ladder(questions: &[(f64, Outcome)]) -> String {
    let mut quarantine = Quarantine::new(rules());
    let mut ladder = String::new();
    for &(second, outcome) in questions {
        let now = at(second);
        let (asked, ticket) = match quarantine.admit(now) {
            Admission::Ask(ticket) => ("asked", Some(ticket)),
            Admission::Probe(ticket) => ("probed", Some(ticket)),
            Admission::Refused { .. } => ("refused", None),
        };
        let transition = ticket.and_then(|ticket| quarantine.handle_outcome(now, ticket, outcome));
        let what = ticket.map_or_else(String::new, |_| format!(" {outcome:?}"));
        ladder += &format!(
            "{second:<5.1} {asked}{what}{}\n",
            transition.map_or_else(String::new, |t| format!(" -> {}", shown(t)))
        );
    }
    ladder
}

fn shown(transition: Transition) -> String {
    let seconds = |until: Timestamp| until.as_millis() as f64 / 1_000.0;
    match transition {
        Transition::Opened { until } => format!("open until {:.1}", seconds(until)),
        Transition::Reopened { until } => format!("open again until {:.1}", seconds(until)),
        Transition::Closed => "closed".to_owned(),
    }
}

fn at(second: f64) -> Timestamp {
    Timestamp::from_micros((second * 1e6) as u64)
}

use Outcome::{BadAnswer, Declined, Good, Late, Trapped};

#[test]
fn three_failures_open_it_and_the_wait_doubles_with_each_failed_probe_up_to_its_cap() {
    let ladder = ladder(&[
        (0.0, Trapped),
        (1.0, Good),
        (2.0, Late),
        (3.0, BadAnswer),
        (3.1, Good),
        (4.9, Good),
        (5.0, Trapped),
        (8.9, Good),
        (9.0, Trapped),
        (17.0, Declined),
        (24.9, Good),
        (25.0, Good),
        (25.1, Good),
    ]);
    expect![[r#"
        0.0   asked Trapped
        1.0   asked Good
        2.0   asked Late
        3.0   asked BadAnswer -> open until 5.0
        3.1   refused
        4.9   refused
        5.0   probed Trapped -> open again until 9.0
        8.9   refused
        9.0   probed Trapped -> open again until 17.0
        17.0  probed Declined -> open again until 25.0
        24.9  refused
        25.0  probed Good -> closed
        25.1  asked Good
    "#]]
    .assert_eq(&ladder);
}

#[test]
fn failures_that_lie_far_apart_do_not_add_up() {
    let far = ladder(&[(0.0, Late), (9.0, Late), (10.0, Late), (19.0, Late), (29.0, Late), (30.0, Late), (30.1, Late)]);
    expect![[r#"
        0.0   asked Late
        9.0   asked Late
        10.0  asked Late
        19.0  asked Late
        29.0  asked Late
        30.0  asked Late
        30.1  asked Late -> open until 32.1
    "#]]
    .assert_eq(&far);
}

#[test]
fn failures_soon_after_a_recovery_wait_longer_than_the_first_time() {
    let ladder = ladder(&[
        (0.0, Late),
        (0.0, Late),
        (0.0, Late),
        (2.0, Good),
        (3.0, Late),
        (3.0, Late),
        (3.0, Late),
        (7.0, Good),
        (20.0, Late),
        (20.0, Late),
        (20.0, Late),
    ]);
    expect![[r#"
        0.0   asked Late
        0.0   asked Late
        0.0   asked Late -> open until 2.0
        2.0   probed Good -> closed
        3.0   asked Late
        3.0   asked Late
        3.0   asked Late -> open until 7.0
        7.0   probed Good -> closed
        20.0  asked Late
        20.0  asked Late
        20.0  asked Late -> open until 22.0
    "#]]
    .assert_eq(&ladder);
}

/// Open since second 0, until second 2.
fn opened() -> (Quarantine, Ticket) {
    let mut quarantine = Quarantine::new(rules());
    let Admission::Ask(ticket) = quarantine.admit(at(0.0)) else { panic!("it begins closed") };
    (0..3).for_each(|_| {
        quarantine.handle_outcome(at(0.0), ticket, Late);
    });
    (quarantine, ticket)
}

#[test]
fn one_question_only_is_the_probe() {
    let (mut quarantine, _) = opened();
    let admitted = [2.0, 2.0, 2.5].map(|second| quarantine.admit(at(second)));
    let refused = Admission::Refused { until: at(3.0) };
    assert!(
        matches!(admitted, [Admission::Probe(_), second, third] if second == refused && third == refused),
        "{admitted:?}"
    );
}

#[test]
fn late_news_from_before_it_opened_neither_closes_nor_reopens_it() {
    let (mut quarantine, old) = opened();
    let while_open = quarantine.handle_outcome(at(1.0), old, Good);
    let Admission::Probe(probe) = quarantine.admit(at(2.0)) else { panic!("the wait is over") };
    let in_probe = [Good, Late].map(|outcome| quarantine.handle_outcome(at(2.1), old, outcome));
    let answered = quarantine.handle_outcome(at(2.2), probe, Good);
    let after = [Late; 3].map(|outcome| quarantine.handle_outcome(at(2.3), probe, outcome));
    assert_eq!((while_open, in_probe, answered, after), (None, [None; 2], Some(Transition::Closed), [None; 3]));
}

#[test]
fn a_probe_whose_reply_is_lost_is_followed_by_another() {
    let (mut quarantine, _) = opened();
    let Admission::Probe(lost) = quarantine.admit(at(2.0)) else { panic!("the wait is over") };
    let Admission::Probe(second) = quarantine.admit(at(3.0)) else { panic!("the probe's time is over") };
    let late = quarantine.handle_outcome(at(3.1), lost, Late);
    assert_eq!((late, quarantine.handle_outcome(at(3.2), second, Good)), (None, Some(Transition::Closed)));
}

#[test]
fn a_probe_that_was_not_put_after_all_makes_room_at_once() {
    let (mut quarantine, _) = opened();
    let Admission::Probe(probe) = quarantine.admit(at(2.0)) else { panic!("the wait is over") };
    quarantine.withdraw(at(2.1), probe);
    assert!(matches!(quarantine.admit(at(2.1)), Admission::Probe(_)));
}

#[test]
fn rules_that_could_not_work_are_refused() {
    let s = Duration::from_secs;
    let rules = [
        Rules::new(0, s(1), (s(1), s(1)), s(1)),
        Rules::new(1_001, s(1), (s(1), s(1)), s(1)),
        Rules::new(1, s(0), (s(1), s(1)), s(1)),
        Rules::new(1, s(1), (s(0), s(1)), s(1)),
        Rules::new(1, s(1), (s(2), s(1)), s(1)),
        Rules::new(1, s(1), (s(1), s(1)), s(0)),
    ];
    assert_eq!(rules, [None; 6]);
}

/// A sequence that is the same for the same seed (Knuth's 64-bit constants).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Whatever happened before, in whatever order replies came or got lost: once the component is well, it is asked again within the longest wait
/// and a probe, and from then on always.
#[test]
fn it_never_sticks() {
    for seed in 0..2_000 {
        let mut chance = Chance(seed);
        let mut quarantine = Quarantine::new(rules());
        let mut now = Timestamp::EPOCH;
        let mut open: Vec<Ticket> = Vec::new();
        for _ in 0..200 {
            match chance.below(5) {
                0 | 1 => match quarantine.admit(now) {
                    Admission::Ask(ticket) | Admission::Probe(ticket) => open.push(ticket),
                    Admission::Refused { until } => {
                        assert!(
                            until > now && until - now <= Duration::from_secs(8),
                            "seed {seed}: refused until {until:?} at {now:?}"
                        );
                    }
                },
                2 if !open.is_empty() => {
                    let ticket = open.swap_remove(chance.below(open.len() as u64) as usize);
                    let outcome = [Good, Late, Trapped, BadAnswer, Declined][chance.below(5) as usize];
                    quarantine.handle_outcome(now, ticket, outcome);
                }
                // Its reply is lost, or it was not put after all.
                3 if !open.is_empty() => {
                    let ticket = open.swap_remove(chance.below(open.len() as u64) as usize);
                    if chance.below(2) == 0 {
                        quarantine.withdraw(now, ticket);
                    }
                }
                _ => now += Duration::from_millis(chance.below(3_000)),
            }
        }
        now += Duration::from_secs(8);
        let (Admission::Ask(ticket) | Admission::Probe(ticket)) = quarantine.admit(now) else {
            panic!("seed {seed}: refused after the longest wait");
        };
        quarantine.handle_outcome(now, ticket, Good);
        let again = [(); 10].map(|()| matches!(quarantine.admit(now), Admission::Ask(_)));
        assert_eq!(again, [true; 10], "seed {seed}");
    }
}

/// At 100 questions a second a fault of one in a hundred is ten failures in ten seconds, and 99 of 100 callers would pay for it.
#[test]
fn share_of_failures_counts_and_not_how_much_is_asked() {
    let opens_within = |one_in: u32| {
        let mut quarantine = Quarantine::new(Rules::default());
        (1..=6_000_u32).position(|number| {
            let now = at(f64::from(number) / 100.0);
            let Admission::Ask(ticket) = quarantine.admit(now) else { return false };
            let outcome = if number.is_multiple_of(one_in) { Late } else { Good };
            quarantine.handle_outcome(now, ticket, outcome).is_some()
        })
    };
    assert_eq!([100, 10, 5, 2, 1].map(opens_within), [None, None, Some(84), Some(21), Some(9)]);
}
