//! Business hours on clocks of other zones, on the days on which they change.

use super::{call::start, graph};
use crate::{
    contract::exports::plugboard::plugin::{flow::Event, flow_types::Happening},
    run::step,
};

/// The exit that a call takes at these moments: Unix minutes, and minutes east of UTC that the host says with them.
fn exits(hours: &str, moments: &[(u64, i16)]) -> Vec<String> {
    let nodes = format!(
        r#""a": {{ "kind": "business-hours", {hours}, "exits": {{ "open": "z", "closed": "z", "holiday": "z" }} }}, "z": {{ "kind": "hang-up" }}"#
    );
    let graph = graph(&nodes, "");
    let exit = |(minutes, utc_offset_min): &(u64, i16)| {
        let what = Happening::Started(start("", "en"));
        let (at_ms, utc_offset_min) = (minutes * 60_000, *utc_offset_min);
        let event = Event { seq: 0, at_ms, utc_offset_min, answers: None, more: false, what, extra: Vec::new() };
        let stepped = step(&graph, &[], &event).expect("an answer");
        stepped.trail[0].exit.clone().unwrap_or_default()
    };
    moments.iter().map(exit).collect()
}

/// Unix minutes of a time of day (UTC) in 2026; `day` counts from 1 January.
fn utc(day: u64, hour: u64, minute: u64) -> u64 {
    // 2026-01-01 is day 20,454.
    (20_454 + day - 1) * 1_440 + hour * 60 + minute
}

const MARCH_29: u64 = 88;
const OCTOBER_25: u64 = 298;
const BERLIN_WINTER: i16 = 60;
const BERLIN_SUMMER: i16 = 120;

/// On 2026-03-29 Berlin goes from 01:59 to 03:00, at 01:00 UTC.
#[test]
fn an_hour_that_the_clock_leaves_out_does_not_come() {
    let moments = [
        (utc(MARCH_29, 0, 59), BERLIN_WINTER), // 01:59
        (utc(MARCH_29, 1, 0), BERLIN_SUMMER),  // 03:00
        (utc(MARCH_29, 1, 59), BERLIN_SUMMER), // 03:59
        (utc(MARCH_29, 2, 0), BERLIN_SUMMER),  // 04:00
    ];
    assert_eq!(exits(r#""week": { "sun": ["02:00-03:00"] }"#, &moments), ["closed"; 4]);
    assert_eq!(exits(r#""week": { "sun": ["02:00-04:00"] }"#, &moments), ["closed", "open", "open", "closed"]);
}

/// On 2026-10-25 Berlin goes through 02:00 to 02:59 twice.
#[test]
fn an_hour_that_the_clock_goes_through_twice_is_open_twice() {
    let moments = [
        (utc(OCTOBER_25, 0, 30), BERLIN_SUMMER), // 02:30
        (utc(OCTOBER_25, 1, 30), BERLIN_WINTER), // 02:30 again
        (utc(OCTOBER_25, 2, 0), BERLIN_WINTER),  // 03:00
    ];
    assert_eq!(exits(r#""week": { "sun": ["02:00-03:00"] }"#, &moments), ["open", "open", "closed"]);
}

/// The night of the change is an hour shorter, and one longer, than its span says: the wall clock decides.
#[test]
fn a_night_shift_ends_by_the_wall_clock_when_the_clock_changes_under_it() {
    let night = r#""week": { "sat": ["22:00-06:00"] }"#;
    let spring = [
        (utc(MARCH_29 - 1, 21, 0), BERLIN_WINTER), // Saturday 22:00
        (utc(MARCH_29, 3, 59), BERLIN_SUMMER),     // Sunday 05:59, after 6:59 hours
        (utc(MARCH_29, 4, 0), BERLIN_SUMMER),      // 06:00
    ];
    assert_eq!(exits(night, &spring), ["open", "open", "closed"]);
    let autumn = [
        (utc(OCTOBER_25 - 1, 20, 0), BERLIN_SUMMER), // Saturday 22:00
        (utc(OCTOBER_25, 4, 59), BERLIN_WINTER),     // Sunday 05:59, after 8:59 hours
        (utc(OCTOBER_25, 5, 0), BERLIN_WINTER),      // 06:00
    ];
    assert_eq!(exits(night, &autumn), ["open", "open", "closed"]);
}

/// 2026-10-01, 00:30 in Shanghai, is still 30 September in UTC and in New York.
#[test]
fn a_holiday_begins_at_midnight_of_the_site() {
    let hours = r#""week": { "wed": ["00:00-24:00"], "thu": ["00:00-24:00"] }, "holidays": ["2026-10-01"]"#;
    let moment = utc(273, 16, 30);
    assert_eq!(exits(hours, &[(moment, 480), (moment, 0), (moment, -240)]), ["holiday", "open", "open"]);
}

#[test]
fn a_day_worked_in_exchange_beats_its_holiday_and_reaches_past_midnight() {
    let hours = r#""week": { "fri": ["09:00-18:00"] }, "holidays": ["10-10"], "special": { "2026-10-10": ["09:00-12:00", "22:00-01:00"] }"#;
    // Saturday 2026-10-10 and the night into Sunday.
    let moments = [(283, 9), (283, 12), (283, 23), (284, 0), (284, 1)].map(|(day, hour)| (utc(day, hour, 30), 0));
    assert_eq!(exits(hours, &moments), ["open", "closed", "open", "open", "closed"]);
}
