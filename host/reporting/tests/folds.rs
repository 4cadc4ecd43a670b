//! Stories of interactions, and the records and counters that they leave.

#![allow(clippy::unwrap_used, reason = "a story that cannot be told fails its test")]

use std::time::Duration;

use expect_test::expect;
use plugboard_model::{
    AgentId, EndedBy, Event, EventKind, InteractionId, LegId, Quality, QueueExit, QueueId, RecordingId, ReleaseReason,
    Role, Timestamp,
};
use plugboard_reporting::{
    Bounds, Cdr, Counters, InteractionFold, QueueFold, QueueInterval, Thresholds, csv, interval_of, metric, midnight,
};

const I: InteractionId = InteractionId(7);

fn amy() -> AgentId {
    "amy".parse().unwrap()
}

fn sales() -> QueueId {
    "sales".parse().unwrap()
}

/// Events by seconds since 2026-11-22T10:41:00Z, numbered from 1.
fn log(facts: &[(f64, EventKind)]) -> Vec<Event> {
    let begin = Timestamp::from_millis(1_795_344_060_000);
    let event = |(seq, (seconds, kind)): (u64, &(f64, EventKind))| Event {
        seq,
        at: begin + Duration::from_secs_f64(*seconds),
        kind: kind.clone(),
    };
    (1..).zip(facts).map(event).collect()
}

fn cdrs(facts: &[(f64, EventKind)]) -> Vec<Cdr> {
    let mut fold = InteractionFold::new(Bounds::default());
    log(facts).iter().for_each(|event| fold.handle_event(event));
    std::iter::from_fn(|| fold.poll_output()).collect()
}

fn offered(from: &str) -> EventKind {
    EventKind::InteractionOffered {
        interaction: I,
        leg: LegId(1),
        from: from.into(),
        to: "8001".into(),
        channel: "voice".into(),
        dialled_by: None,
    }
}

fn queued() -> EventKind {
    EventKind::Queued { interaction: I, queue: sales(), priority: 0, skills: Vec::new(), position: 1 }
}

fn left(exit: QueueExit) -> EventKind {
    EventKind::LeftQueue { interaction: I, queue: sales(), exit }
}

fn reserved() -> EventKind {
    EventKind::Reserved {
        interaction: I,
        agent: amy(),
        queue: Some(sales()),
        lease_ms: 5_000,
        since_free_ms: 12,
        choice: None,
    }
}

fn dialled(leg: u64) -> EventKind {
    let (leg, party) = (LegId(leg), "sip:amy@10.0.0.7".into());
    EventKind::LegDialled { interaction: I, leg, role: Role::Agent, party, agent: Some(amy()) }
}

fn ended(leg: u64, by: EndedBy) -> EventKind {
    EventKind::LegEnded { interaction: I, leg: LegId(leg), by, cause: 16, status: None }
}

fn measured(leg: u64) -> EventKind {
    let quality = Quality { packets_received: 900, mos: 4.2, ..Quality::default() };
    EventKind::LegMeasured { interaction: I, leg: LegId(leg), quality }
}

fn closed(by: EndedBy) -> EventKind {
    EventKind::InteractionClosed { interaction: I, by, cause: 16 }
}

/// IVR, a missed ring, a second ring answered, hold, wrap-up after the close.
fn handled_call() -> Vec<(f64, EventKind)> {
    let flow = || "main".parse().unwrap();
    let visited = |exit: &str| EventKind::FlowVisited { interaction: I, node: "menu".into(), exit: exit.into() };
    vec![
        (0.0, offered("+8613800000000")),
        (0.2, EventKind::LegAnswered { interaction: I, leg: LegId(1) }),
        (0.2, EventKind::FlowStarted { interaction: I, flow: flow(), revision: 3 }),
        (0.2, visited("")),
        (4.2, visited("2")),
        (4.2, EventKind::Tagged { interaction: I, name: "topic".into(), value: "price".into() }),
        (5.0, queued()),
        (6.0, reserved()),
        (6.1, dialled(2)),
        (6.2, EventKind::LegRinging { interaction: I, leg: LegId(2) }),
        (16.2, EventKind::Released { interaction: I, agent: amy(), reason: ReleaseReason::Missed }),
        (16.2, ended(2, EndedBy::Host)),
        (20.0, reserved()),
        (20.1, dialled(3)),
        (20.2, EventKind::LegRinging { interaction: I, leg: LegId(3) }),
        (23.2, EventKind::LegAnswered { interaction: I, leg: LegId(3) }),
        (23.2, left(QueueExit::Connected)),
        (23.2, EventKind::Connected { interaction: I, agent: amy(), leg: LegId(3), queue: Some(sales()) }),
        (
            23.2,
            EventKind::RecordingStarted {
                interaction: I,
                recording: RecordingId(9),
                path: "acme/9.wav".into(),
                voicemail: false,
            },
        ),
        (33.2, EventKind::Held { interaction: I, agent: amy() }),
        (38.2, EventKind::Resumed { interaction: I, agent: amy() }),
        (60.2, EventKind::Disconnected { interaction: I, agent: amy(), by: EndedBy::Caller }),
        (60.2, ended(1, EndedBy::Caller)),
        (60.2, measured(1)),
        (60.2, EventKind::WrapUpStarted { interaction: I, agent: amy(), limit_ms: 30_000 }),
        (60.2, closed(EndedBy::Caller)),
        (
            60.3,
            EventKind::RecordingClosed {
                interaction: I,
                recording: RecordingId(9),
                path: "acme/9.wav".into(),
                length_ms: 37_000,
                sha256: "ab".repeat(32).into(),
                left_dbfs: Some(-20.5),
                right_dbfs: None,
                gaps: 0,
            },
        ),
        (
            70.0,
            EventKind::DispositionSet {
                interaction: I,
                agent: Some(amy()),
                code: "sold".into(),
                note: "=HYPERLINK(\"http://x\")".into(),
            },
        ),
        (72.2, EventKind::WrapUpEnded { interaction: I, agent: amy(), by_timer: false }),
    ]
}

#[test]
fn a_handled_call_leaves_one_record_with_every_part_of_it() {
    let revisions = cdrs(&handled_call());
    assert_eq!(
        revisions.iter().map(|cdr| (cdr.revision, cdr.last_seq)).collect::<Vec<_>>(),
        [(1, 26), (2, 27), (3, 28), (4, 29)]
    );
    let cdr = revisions.last().unwrap();
    expect![[r#"
        i7,4,inbound,voice,+8613800000000,8001,2026-11-22T10:41:00.000Z,2026-11-22T10:41:00.200Z,2026-11-22T10:41:23.200Z,2026-11-22T10:42:00.200Z,true,false,false,false,caller,16,,60200,4800,18200,13000,32000,5000,12000,sales,amy,menu,,topic=price,sold,"'=HYPERLINK(""http://x"")",r9,abababababababababababababababababababababababababababababababab,4.20
    "#]]
    .assert_eq(&csv::row(cdr).replace("\r\n", "\n"));
    assert_eq!(
        cdr.agents.iter().map(|one| (one.released, one.ring_ms, one.talk_ms, one.wrap_up_ms)).collect::<Vec<_>>(),
        [(Some(ReleaseReason::Missed), 10_000, 0, None), (None, 3_000, 32_000, Some(12_000))]
    );
    assert_eq!(serde_json::from_str::<Cdr>(&serde_json::to_string(cdr).unwrap()).unwrap(), *cdr);
}

#[test]
fn times_are_rfc_3339_and_lengths_say_their_unit() {
    let cdr = cdrs(&handled_call()).pop().unwrap();
    let json = serde_json::to_value(&cdr).unwrap();
    assert_eq!(json["started_at"], "2026-11-22T10:41:00.000Z");
    assert_eq!(json["agents"][1]["talk_ms"], 32_000);
    assert_eq!(json["queues"][0]["exit"], "connected");
}

#[test]
fn a_caller_who_hangs_up_in_queue_counts_as_abandoned() {
    let facts =
        [(0.0, offered("1")), (1.0, queued()), (9.0, left(QueueExit::Abandoned)), (9.0, closed(EndedBy::Caller))];
    let cdr = cdrs(&facts).pop().unwrap();
    assert_eq!((cdr.abandoned, cdr.answered, cdr.wait_ms, cdr.duration_ms), (true, false, 8_000, 9_000));
}

#[test]
fn a_restart_closes_what_was_live_as_interrupted_at_the_last_thing_known() {
    let restarted = (500.0, EventKind::Restarted { live_before: 1 });
    let interrupted = (500.0, EventKind::InteractionInterrupted { interaction: I });
    // Earlier versions told of the start alone.
    for end in [vec![restarted.clone()], vec![interrupted, restarted]] {
        let all = cdrs(&[vec![(0.0, offered("1")), (1.0, queued())], end].concat());
        let [cdr] = &all[..] else { panic!("one record: {all:?}") };
        assert_eq!((cdr.interrupted, cdr.cause, cdr.duration_ms, cdr.ended_by), (true, 41, 1_000, EndedBy::Host));
    }
}

#[test]
fn a_late_fact_after_the_bound_changes_nothing_and_is_forgotten() {
    let mut fold = InteractionFold::new(Bounds { late_for: Duration::from_secs(10), ..Bounds::default() });
    let mut facts = handled_call();
    facts.truncate(26);
    facts.push((100.0, EventKind::WrapUpEnded { interaction: I, agent: amy(), by_timer: true }));
    log(&facts).iter().for_each(|event| fold.handle_event(event));
    assert_eq!(std::iter::from_fn(|| fold.poll_output()).count(), 1);
    assert_eq!((fold.live().len(), fold.replay_from()), (0, None));
}

#[test]
fn a_flow_that_loops_all_night_fills_no_memory() {
    let mut facts = vec![
        (0.0, offered("1")),
        (0.0, EventKind::FlowStarted { interaction: I, flow: "main".parse().unwrap(), revision: 1 }),
    ];
    for turn in 0..1_000 {
        let (node, exit) = (format!("menu{turn}").into(), "again".into());
        facts.push((1.0, EventKind::FlowVisited { interaction: I, node, exit }));
    }
    facts.push((2.0, closed(EndedBy::Host)));
    let cdr = cdrs(&facts).pop().unwrap();
    assert_eq!((cdr.path.len(), cdr.left_out), (256, 744));
}

#[test]
fn the_worst_record_fits_into_64_kib() {
    let long: std::sync::Arc<str> = "\"\u{1}话".repeat(5_000).into();
    let mut facts = vec![
        (0.0, offered(&long)),
        (0.0, EventKind::FlowStarted { interaction: I, flow: "main".parse().unwrap(), revision: 1 }),
    ];
    for turn in 0..300 {
        let text = || std::sync::Arc::<str>::from(format!("{turn}{long}"));
        facts.push((1.0, EventKind::Tagged { interaction: I, name: text(), value: "".into() }));
        facts.push((1.0, EventKind::Tagged { interaction: I, name: text(), value: long.clone() }));
        facts.push((1.0, reserved()));
        facts.push((1.0, dialled(turn)));
        facts.push((1.0, EventKind::FlowVisited { interaction: I, node: text(), exit: "".into() }));
        facts.push((1.0, EventKind::FlowVisited { interaction: I, node: text(), exit: long.clone() }));
        facts.push((1.0, queued()));
        facts.push((1.0, EventKind::PromptFailed { interaction: I, prompt: text(), reason: long.clone() }));
    }
    facts.push((2.0, EventKind::DispositionSet { interaction: I, agent: None, code: long.clone(), note: long }));
    facts.push((2.0, closed(EndedBy::Host)));
    let cdr = cdrs(&facts).pop().unwrap();
    let bytes = serde_json::to_vec(&cdr).unwrap().len();
    assert!(bytes <= 64 * 1024, "{bytes}");
    assert!(cdr.left_out > 1_000);
}

#[test]
fn a_cell_that_a_spreadsheet_would_run_is_made_text_and_a_number_stays_one() {
    let from = |from: &str| {
        let cdr = cdrs(&[(0.0, offered(from)), (1.0, closed(EndedBy::Caller))]).pop().unwrap();
        csv::row(&cdr).split(",voice,").nth(1).unwrap().split(",8001,").next().unwrap().to_owned()
    };
    assert_eq!(from("+8613800000000"), "+8613800000000");
    assert_eq!(from("=1+1"), "\"'=1+1\"");
    assert_eq!(from("+1+cmd|x"), "\"'+1+cmd|x\"");
    assert_eq!(from("Smith, \"J\""), "\"Smith, \"\"J\"\"\"");
    assert_eq!(csv::header().matches(',').count() + 1, csv::COLUMNS.len());
}

fn counted(facts: &[(f64, EventKind)]) -> Vec<QueueInterval> {
    let mut fold = QueueFold::new();
    fold.set_thresholds(sales(), Thresholds::default());
    log(facts).iter().for_each(|event| fold.handle_event(event));
    std::iter::from_fn(|| fold.poll_output()).collect()
}

#[test]
fn a_handled_call_is_counted_in_the_interval_in_which_it_was_queued() {
    let intervals = counted(&handled_call());
    let counters = Counters {
        offered: 1,
        answered: 1,
        answered_within: 1,
        wait_answered_ms: 18_200,
        max_wait_ms: 18_200,
        talk_ms: 32_000,
        hold_ms: 5_000,
        wrap_up_ms: 12_000,
        ..Counters::default()
    };
    let start = interval_of(Timestamp::from_millis(1_795_344_060_000));
    let as_of = log(&handled_call()).last().unwrap().seq;
    assert_eq!(intervals, [QueueInterval { queue: sales(), start, as_of, counters }]);
    let value = |id| metric::METRICS.iter().find(|metric| metric.id == id).and_then(|metric| (metric.value)(&counters));
    assert_eq!((value("average-handle-time"), value("average-speed-of-answer")), (Some(49_000.0), Some(18_200.0)));
}

#[test]
fn short_abandons_flow_outs_and_turned_away_callers_are_counted_apart() {
    let mut facts = Vec::new();
    for (wait, exit) in [
        (3.0, QueueExit::Abandoned),
        (15.0, QueueExit::Abandoned),
        (30.0, QueueExit::Abandoned),
        (60.0, QueueExit::TimedOut),
    ] {
        facts.push((0.0, queued()));
        facts.push((wait, left(exit)));
    }
    facts.push((70.0, left(QueueExit::Full)));
    let counters = counted(&facts)[0].counters;
    let expected = Counters {
        offered: 4,
        abandoned: 3,
        abandoned_within: 2,
        short_abandoned: 1,
        flowed_out: 1,
        turned_away: 1,
        wait_abandoned_ms: 48_000,
        max_wait_ms: 60_000,
        ..Counters::default()
    };
    assert_eq!(counters, expected);
}

#[test]
fn the_wall_shows_who_waits_now_and_what_happened_since_midnight() {
    let mut fold = QueueFold::new();
    let events = log(&[(0.0, queued()), (30.0, left(QueueExit::Abandoned)), (40.0, queued())]);
    events.iter().for_each(|event| fold.handle_event(event));
    let now = events[2].at + Duration::from_secs(25);
    let live = fold.live(&sales(), midnight(now, 480), now);
    assert_eq!((live.waiting, live.longest_wait_ms, live.counters.offered, live.counters.abandoned), (1, 25_000, 2, 1));
    assert_eq!(fold.live(&sales(), now + Duration::from_secs(3_600), now).counters.offered, 0);
}

#[test]
fn a_restart_counts_whoever_waited_as_interrupted() {
    let counters = counted(&[(0.0, queued()), (9.0, EventKind::Restarted { live_before: 1 })])[0].counters;
    assert_eq!((counters.offered, counters.interrupted, counters.abandoned), (1, 1, 0));
}

#[test]
fn a_log_read_from_the_middle_leaves_what_was_counted_before_alone() {
    let mut fold = QueueFold::new();
    fold.know_from(interval_of(Timestamp::from_millis(1_795_344_060_000 + 900_000)));
    log(&handled_call()).iter().for_each(|event| fold.handle_event(event));
    assert_eq!(fold.poll_output(), None);
}

/// field.md's worked day: 1,000 answered (860 within 20 s), 60 abandoned (20 within 20 s, 10 of them within 5 s), by events through the fold.
#[test]
fn the_golden_day_of_1060_callers_gives_the_golden_figures() {
    // Seconds waited, how it ended, and how many callers.
    let day: [(f64, QueueExit, u64); 6] = [
        (10.0, QueueExit::Connected, 860),
        (45.0, QueueExit::Connected, 140),
        (3.0, QueueExit::Abandoned, 10),
        (15.0, QueueExit::Abandoned, 10),
        (30.0, QueueExit::Abandoned, 30),
        (60.0, QueueExit::Abandoned, 10),
    ];
    let mut fold = QueueFold::new();
    fold.set_thresholds(sales(), Thresholds::default());
    let begin = Timestamp::from_millis(1_795_344_060_000);
    let mut facts = Vec::new();
    let callers = day.iter().flat_map(|(wait, exit, count)| (0..*count).map(move |_| (*wait, *exit)));
    for (number, (wait, exit)) in (1..).zip(callers) {
        // A caller every twenty seconds, through many intervals.
        let (interaction, entered) = (InteractionId(number), begin + Duration::from_secs(20 * number));
        let queued = EventKind::Queued { interaction, queue: sales(), priority: 0, skills: Vec::new(), position: 1 };
        facts.push((entered, queued));
        let left = entered + Duration::from_secs_f64(wait);
        facts.push((left, EventKind::LeftQueue { interaction, queue: sales(), exit }));
    }
    facts.sort_by_key(|(at, _)| *at);
    for (seq, (at, kind)) in (1..).zip(facts) {
        fold.handle_event(&Event { seq, at, kind });
    }
    let mut whole = Counters::default();
    std::iter::from_fn(|| fold.poll_output()).for_each(|interval| whole += interval.counters);
    let figures: String = metric::METRICS
        .iter()
        .filter_map(|metric| {
            let value = (metric.value)(&whole)?;
            let shown = match metric.unit {
                metric::Unit::Share => format!("{:.2} %", value * 100.0),
                metric::Unit::Count => format!("{value}"),
                metric::Unit::Milliseconds => format!("{value:.0} ms"),
            };
            Some(format!("{} v{}: {shown}\n", metric.id, metric.version))
        })
        .collect();
    expect![[r#"
        service-level-1 v1: 83.02 %
        service-level-2 v1: 86.00 %
        service-level-3 v1: 81.13 %
        service-level-4 v1: 82.69 %
        service-level-5 v1: 82.08 %
        service-level-net-short v1: 81.90 %
        offered v1: 1060
        answered v1: 1000
        abandoned v1: 60
        connect-rate v1: 94.34 %
        abandon-rate v1: 4.76 %
        abandon-rate-raw v1: 5.66 %
        average-speed-of-answer v1: 14900 ms
        average-handle-time v1: 0 ms
        average-talk-time v1: 0 ms
        average-wrap-up v1: 0 ms
        longest-wait v1: 60000 ms
    "#]]
    .assert_eq(&figures);
}

/// Against a target of 82 % four of the six formulas pass and two fail on the very same day.
#[test]
fn the_golden_day_passes_its_target_by_four_formulas_of_six() {
    let day = Counters {
        offered: 1_060,
        answered: 1_000,
        abandoned: 60,
        answered_within: 860,
        abandoned_within: 20,
        short_abandoned: 10,
        ..Counters::default()
    };
    let passed = metric::ServiceLevel::ALL.map(|formula| formula.of(&day).is_some_and(|level| level >= 0.82));
    assert_eq!(passed, [true, true, false, true, true, false]);
}

/// A call that an agent places is theirs, from the first leg on, whether the phone was called for it or not.
#[test]
fn a_call_that_an_agent_places_is_outbound() {
    let placed = EventKind::InteractionOffered {
        interaction: I,
        leg: LegId(1),
        from: "amy".into(),
        to: "+4930".into(),
        channel: "voice".into(),
        dialled_by: Some(amy()),
    };
    for by_click in [false, true] {
        let mut facts = vec![(0.0, placed.clone())];
        if by_click {
            facts.push((0.0, dialled(1)));
        }
        facts.push((9.0, ended(1, EndedBy::Agent)));
        facts.push((9.0, closed(EndedBy::Agent)));
        let cdr = cdrs(&facts).pop().unwrap();
        assert_eq!((cdr.direction, cdr.legs.len()), (plugboard_reporting::cdr::Direction::Outbound, 1));
        assert_eq!((cdr.legs[0].role, cdr.legs[0].agent.clone()), (Role::Agent, Some(amy())));
    }
}
