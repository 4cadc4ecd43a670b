use expect_test::expect;
use plugboard_rule::{Asker, Attempt, Setting, configured};

use super::*;

/// 2026-11-23, a Monday, 00:00 UTC.
const MONDAY: u64 = 1_795_392_000_000;
const HOUR: u64 = 3_600_000;

fn setting(pairs: &[(&str, &str)]) -> Vec<Setting> {
    pairs.iter().map(|(name, value)| Setting { name: (*name).into(), value: (*value).into() }).collect()
}

fn rule(pairs: &[(&str, &str)]) -> CallingHours {
    configured(&setting(pairs)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn dial(at_ms: u64) -> Act {
    Act {
        at_ms,
        utc_offset_min: 480,
        interaction: None,
        by: Asker::Campaign("autumn".into()),
        what: Effect::Dial(Dial {
            number: "+8613800138000".into(),
            their_offset_min: None,
            country: "CN".into(),
            purpose: "campaign".into(),
            lists: Vec::new(),
            attempts: Vec::new(),
        }),
        tags: Vec::new(),
        extra: Vec::new(),
    }
}

fn with(mut act: Act, change: impl FnOnce(&mut Dial)) -> Act {
    if let Effect::Dial(dial) = &mut act.what {
        change(dial);
    }
    act
}

/// `quiet-hours, in 3 h`.
fn told(rule: &CallingHours, act: &Act) -> String {
    let verdict = rule.judge(act);
    match verdict.decision {
        Decision::Allow => format!("{}: allowed", verdict.code),
        Decision::Deny => format!("{}: denied", verdict.code),
        Decision::Later(at) => format!("{}: in {:.2} h", verdict.code, (at - act.at_ms) as f64 / HOUR as f64),
    }
}

#[test]
fn a_week_of_calls_every_six_hours() {
    let rule = rule(&[("days", "mon-sat"), ("from", "09:00"), ("until", "21:00"), ("holidays", "2026-11-25")]);
    let mut week = String::new();
    for hour in (0..7 * 24).step_by(6) {
        week += &format!(
            "{:>2}. at {:02}:00 {}\n",
            23 + hour / 24,
            hour % 24,
            told(&rule, &dial(MONDAY - 8 * HOUR + hour * HOUR))
        );
    }
    expect![[r#"
        23. at 00:00 quiet-hours: in 9.00 h
        23. at 06:00 quiet-hours: in 3.00 h
        23. at 12:00 in-hours: allowed
        23. at 18:00 in-hours: allowed
        24. at 00:00 quiet-hours: in 9.00 h
        24. at 06:00 quiet-hours: in 3.00 h
        24. at 12:00 in-hours: allowed
        24. at 18:00 in-hours: allowed
        25. at 00:00 quiet-hours: in 33.00 h
        25. at 06:00 quiet-hours: in 27.00 h
        25. at 12:00 quiet-hours: in 21.00 h
        25. at 18:00 quiet-hours: in 15.00 h
        26. at 00:00 quiet-hours: in 9.00 h
        26. at 06:00 quiet-hours: in 3.00 h
        26. at 12:00 in-hours: allowed
        26. at 18:00 in-hours: allowed
        27. at 00:00 quiet-hours: in 9.00 h
        27. at 06:00 quiet-hours: in 3.00 h
        27. at 12:00 in-hours: allowed
        27. at 18:00 in-hours: allowed
        28. at 00:00 quiet-hours: in 9.00 h
        28. at 06:00 quiet-hours: in 3.00 h
        28. at 12:00 in-hours: allowed
        28. at 18:00 in-hours: allowed
        29. at 00:00 quiet-hours: in 33.00 h
        29. at 06:00 quiet-hours: in 27.00 h
        29. at 12:00 quiet-hours: in 21.00 h
        29. at 18:00 quiet-hours: in 15.00 h
    "#]]
    .assert_eq(&week);
}

#[test]
fn the_hours_are_those_of_the_called_person_where_they_are_known() {
    let rule = rule(&[]);
    let noon_here = dial(MONDAY + 4 * HOUR);
    assert_eq!(told(&rule, &noon_here), "in-hours: allowed");
    let in_london = with(noon_here, |dial| dial.their_offset_min = Some(0));
    assert_eq!(told(&rule, &in_london), "quiet-hours: in 5.00 h");
}

#[test]
fn first_and_last_moment_of_the_day() {
    let rule = rule(&[]);
    let nine = MONDAY + HOUR;
    let told = [nine - 1, nine, nine + 12 * HOUR - 1, nine + 12 * HOUR].map(|at| rule.judge(&dial(at)).code);
    assert_eq!(told, ["quiet-hours", "in-hours", "in-hours", "quiet-hours"]);
}

#[test]
fn lists_come_before_hours_and_attempts_are_counted_by_the_local_day() {
    let rule = rule(&[("consent-list", "consented"), ("attempts-a-day", "2"), ("exempt", "consult")]);
    let noon = MONDAY + 4 * HOUR;
    let lists = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        with(dial(noon), |dial| dial.lists = names)
    };
    let tried = |times: &[u64]| {
        let attempts = times.iter().map(|at_ms| Attempt { at_ms: *at_ms, outcome: "no-answer".into() }).collect();
        with(lists(&["consented"]), |dial| dial.attempts = attempts)
    };
    assert_eq!(
        [
            told(&rule, &lists(&["consented", "do-not-call"])),
            told(&rule, &lists(&[])),
            told(&rule, &with(lists(&[]), |dial| dial.purpose = "consult".into())),
            told(&rule, &tried(&[noon - HOUR])),
            told(&rule, &tried(&[noon - HOUR, noon - 2 * HOUR])),
            told(&rule, &tried(&[noon - HOUR, noon - 13 * HOUR])),
        ],
        [
            "do-not-call: denied",
            "no-consent: denied",
            "exempt: allowed",
            "in-hours: allowed",
            "too-many-attempts: in 21.00 h",
            "in-hours: allowed",
        ]
    );
}

#[test]
fn who_is_refused_reads_why_in_their_language() {
    let night = dial(MONDAY - 2 * HOUR - 6 * HOUR);
    assert_eq!(rule(&[]).judge(&night).reason, "nobody is called at this time there");
    assert_eq!(rule(&[("language", "zh-CN")]).judge(&night).reason, "当前时段不允许外呼");
}

#[test]
fn days_on_which_nobody_is_ever_called_deny_for_good() {
    let mut rule = rule(&[("days", "mon")]);
    rule.holidays = (0..400).map(|day| Day::of(i64::try_from(MONDAY).unwrap() + day * DAY_MS)).collect();
    assert_eq!(told(&rule, &dial(MONDAY)), "quiet-hours: denied");
}

#[test]
fn each_fault_of_the_settings_is_named() {
    let bad = [
        ("days", "mon-moon"),
        ("from", "25:00"),
        ("until", "8"),
        ("holidays", "2026-02-30"),
        ("attempts-a-day", "0"),
        ("form", "9"),
    ];
    let problems = configured::<CallingHours>(&setting(&bad)).err().unwrap_or_default();
    let told: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.code, problem.message)).collect();
    expect![[r#"
        bad-days: `days` is "mon-moon"
        bad-time: `from` is "25:00"
        bad-time: `until` is "8"
        bad-date: "2026-02-30" is no date
        bad-number: `attempts-a-day` is "0"
        unknown-setting: there is no setting "form""#]]
    .assert_eq(&told.join("\n"));
}
