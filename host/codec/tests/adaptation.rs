//! What the encoder aims at as reports come in.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use expect_test::expect;
use plugboard_codec::{Adaptation, LinkReport};

/// A report every 5 s: percent lost and ms of jitter; one line for each, with the new target where there is one.
fn ladder(mut adaptation: Adaptation, reports: &[(f32, u64)]) -> String {
    let first = adaptation.target();
    let mut lines = format!("begins at {} bit/s for {} % loss\n", first.bitrate, first.expected_loss);
    for (number, (percent, jitter)) in reports.iter().enumerate() {
        let now = 5 * (number as u64 + 1);
        let report = LinkReport { lost: percent / 100.0, jitter: Duration::from_millis(*jitter) };
        let told = match adaptation.handle_report(Duration::from_secs(now), report) {
            Some(target) => format!("{} bit/s for {} % loss", target.bitrate, target.expected_loss),
            None => "as before".into(),
        };
        lines += &format!("{now} s: {percent} % lost, {jitter} ms: {told}\n");
    }
    lines
}

#[test]
fn loss_is_met_by_the_first_report_and_forgotten_step_by_step() {
    let reports = [
        (0.0, 5),
        (10.0, 8),
        (11.0, 8),
        (3.0, 8),
        (0.0, 5),
        (0.0, 5),
        (0.0, 5),
        (0.0, 5),
        (0.0, 5),
        (0.0, 5),
        (0.0, 5),
        (0.0, 5),
        (0.0, 5),
        (0.0, 5),
        (0.0, 5),
    ];
    expect![[r#"
        begins at 24000 bit/s for 0 % loss
        5 s: 0 % lost, 5 ms: as before
        10 s: 10 % lost, 8 ms: 32000 bit/s for 25 % loss
        15 s: 11 % lost, 8 ms: as before
        20 s: 3 % lost, 8 ms: as before
        25 s: 0 % lost, 5 ms: as before
        30 s: 0 % lost, 5 ms: as before
        35 s: 0 % lost, 5 ms: 32000 bit/s for 12 % loss
        40 s: 0 % lost, 5 ms: as before
        45 s: 0 % lost, 5 ms: as before
        50 s: 0 % lost, 5 ms: 28000 bit/s for 5 % loss
        55 s: 0 % lost, 5 ms: as before
        60 s: 0 % lost, 5 ms: as before
        65 s: 0 % lost, 5 ms: 24000 bit/s for 0 % loss
        70 s: 0 % lost, 5 ms: as before
        75 s: 0 % lost, 5 ms: as before
    "#]]
    .assert_eq(&ladder(Adaptation::new(40_000, true), &reports));
}

#[test]
fn loss_around_a_limit_changes_the_voice_once() {
    let reports = [(1.2, 5), (0.8, 5), (1.2, 5), (0.6, 5), (1.2, 5), (0.4, 5), (1.2, 5)];
    expect![[r#"
        begins at 24000 bit/s for 0 % loss
        5 s: 1.2 % lost, 5 ms: 28000 bit/s for 5 % loss
        10 s: 0.8 % lost, 5 ms: as before
        15 s: 1.2 % lost, 5 ms: as before
        20 s: 0.6 % lost, 5 ms: as before
        25 s: 1.2 % lost, 5 ms: as before
        30 s: 0.4 % lost, 5 ms: as before
        35 s: 1.2 % lost, 5 ms: as before
    "#]]
    .assert_eq(&ladder(Adaptation::new(40_000, true), &reports));
}

#[test]
fn a_queue_before_the_loss_is_met_with_less_until_it_is_gone() {
    let reports = [(10.0, 90), (10.0, 45), (2.0, 45), (2.0, 20)];
    expect![[r#"
        begins at 24000 bit/s for 0 % loss
        5 s: 10 % lost, 90 ms: 16000 bit/s for 25 % loss
        10 s: 10 % lost, 45 ms: as before
        15 s: 2 % lost, 45 ms: as before
        20 s: 2 % lost, 20 ms: 32000 bit/s for 25 % loss
    "#]]
    .assert_eq(&ladder(Adaptation::new(40_000, true), &reports));
}

#[test]
fn what_the_far_end_cannot_use_is_not_sent() {
    let reports = [(10.0, 5), (0.0, 5)];
    expect![[r#"
        begins at 20000 bit/s for 0 % loss
        5 s: 10 % lost, 5 ms: as before
        10 s: 0 % lost, 5 ms: as before
    "#]]
    .assert_eq(&ladder(Adaptation::new(20_000, false), &reports));
}
