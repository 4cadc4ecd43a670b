//! What a routing policy is asked: bounds, extremes, and what the tables do not name.

use plugboard_model::routing::{
    ABSENT, Candidate, Column, LAST_AGENT, Levels, MAX_CANDIDATES, MAX_NEEDS, Need, VALUE, Waiting,
};

use crate::{Ask, Names, Question, Settings, exam::Exam};

/// As a host's tables are: the last skill is the one that nobody has.
pub(crate) fn names() -> Names {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Names {
        skills: texts(&["billing", "english", "vip", ""]),
        attributes: texts(&[LAST_AGENT, VALUE, "emotion"]),
        queues: texts(&["sales", "support"]),
    }
}

pub(crate) fn examine(exam: &mut Exam<'_>, settings: &Settings) {
    for (tables, named) in [(names(), "tables"), (Names::default(), "empty tables")] {
        for (case, ask) in asks() {
            let question = Question { tables: tables.clone(), ..Question::of(settings, ask) };
            // A policy may say of empty tables that it cannot work with them, but not of an ordinary question.
            if named == "tables" {
                exam.answers(&case, &question);
            } else {
                exam.survives(&format!("{case}, {named}"), &question);
            }
        }
    }
}

fn asks() -> Vec<(String, Ask)> {
    let mut asks = Vec::new();
    for count in [0, 1, 2, 100, MAX_CANDIDATES] {
        let candidates: Vec<Candidate> = (0..number(count)).map(agent).collect();
        let values = |value: fn(usize) -> i32| (0..count).map(value).collect::<Vec<_>>();
        let columns = vec![
            Column { attribute: 0, values: values(|row| i32::from(row % 7 == 3)) },
            Column { attribute: 1, values: values(|_| 500) },
        ];
        let waiting: Vec<Waiting> = (0..number(count)).map(waits).collect();
        let needs = vec![Need { skill: 0, level: 1 }, Need { skill: 1, level: 3 }];
        asks.push((
            format!("{count} candidates"),
            Ask::RankAgents { who: waits(7), needs, candidates, columns: columns.clone() },
        ));
        asks.push((format!("{count} waiting"), Ask::RankWaiting { agent: agent(3), waiting, columns }));
    }
    let all_needs: Vec<Need> =
        (0..number(MAX_NEEDS)).map(|at| Need { skill: at % 4, level: (at % 10 + 1) as u8 }).collect();
    for (case, needs) in [("no needs", vec![]), ("16 needs", all_needs.clone())] {
        let who = Waiting { waited_ms: 60_000, ..waits(1) };
        asks.push((format!("nobody took it, {case}"), Ask::OnTimer { who, needs: needs.clone() }));
        let candidates = (0..9).map(agent).collect();
        asks.push((case.to_owned(), Ask::RankAgents { who, needs, candidates, columns: vec![] }));
    }
    asks.push(("waited for 49 days".into(), Ask::OnTimer { who: greatest(), needs: all_needs }));
    asks.extend(extremes());
    asks.extend(unknown());
    asks
}

/// The least and the greatest of each number, and candidates that differ in nothing but theirs.
fn extremes() -> Vec<(String, Ask)> {
    let (least, most) = (
        Candidate { number: 0, levels: Levels(0), idle_ms: 0, taken_today: 0, load_permille: 0 },
        Candidate {
            number: u32::MAX,
            levels: Levels(u64::MAX),
            idle_ms: u32::MAX,
            taken_today: u32::MAX,
            load_permille: u16::MAX,
        },
    );
    let columns = vec![
        Column { attribute: 0, values: vec![ABSENT, i32::MAX, -1] },
        Column { attribute: 1, values: vec![i32::MAX, ABSENT, 0] },
    ];
    let middle = agent(5);
    let alike: Vec<Candidate> = (0..20).rev().map(|number| Candidate { number, ..middle }).collect();
    let lowest = Waiting { number: 0, queue: 0, priority: 0, channel: 0, waited_ms: 0, value: i32::MIN };
    let need = vec![Need { skill: 0, level: 10 }];
    vec![
        (
            "extremes of agents".into(),
            Ask::RankAgents {
                who: greatest(),
                needs: need.clone(),
                candidates: vec![most, least, middle],
                columns: columns.clone(),
            },
        ),
        (
            "extremes of who waits".into(),
            Ask::RankWaiting { agent: most, waiting: vec![greatest(), lowest, waits(4)], columns },
        ),
        ("20 alike".into(), Ask::RankAgents { who: waits(1), needs: need, candidates: alike, columns: vec![] }),
    ]
}

/// Numbers that no table has: a later host may know more.
fn unknown() -> Vec<(String, Ask)> {
    let candidates: Vec<Candidate> = (0..3).map(agent).collect();
    let column = |attribute, values| Column { attribute, values };
    let who = Waiting { queue: 77, channel: 9, priority: 255, ..waits(2) };
    let rank = |needs, columns| Ask::RankAgents { who, needs, candidates: candidates.clone(), columns };
    vec![
        ("queue and channel that nobody knows".into(), rank(vec![], vec![])),
        ("attribute that nobody knows".into(), rank(vec![], vec![column(4_000_000_000, vec![1, 2, 3])])),
        ("attribute told twice".into(), rank(vec![], vec![column(0, vec![1, 0, 0]), column(0, vec![0, 1, 0])])),
        ("column shorter than its list".into(), rank(vec![], vec![column(0, vec![1])])),
        ("skill that nobody has".into(), rank(vec![Need { skill: 3, level: 1 }], vec![])),
    ]
}

fn agent(number: u32) -> Candidate {
    Candidate {
        number,
        levels: Levels::from_needs([(number * 7 % 10 + 1) as u8, (number * 3 % 10 + 1) as u8]),
        idle_ms: number.wrapping_mul(7_919) % 600_000,
        taken_today: number % 40,
        load_permille: (number % 4 * 250) as u16,
    }
}

fn waits(number: u32) -> Waiting {
    Waiting {
        number,
        queue: number % 2,
        priority: (number % 10) as u8,
        channel: (number % 4) as u8,
        waited_ms: number.wrapping_mul(104_729) % 900_000,
        value: (number % 5 * 500) as i32,
    }
}

fn greatest() -> Waiting {
    Waiting { number: u32::MAX, queue: 1, priority: 9, channel: 3, waited_ms: u32::MAX, value: i32::MAX }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
