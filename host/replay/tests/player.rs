//! Calls that were, through versions that might be.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use plugboard_model::{
    AgentId, InteractionId, Timestamp,
    compliance::{self, Act, Asker, Decision, Verdict},
    flow::{
        Action, Channel, Digits, Direction, Effect, End as Ended, Enqueue, Event, Gather, GatherEnd, Happening, Place,
        Prompt, QueueNews, Setting, Start, Stepped, Target, Token, Transfer, Visit,
    },
    tape::{Judged, Ruled, Run, Said, Step},
};
use plugboard_replay::{Comparison, Player, Report, Trace};

/// A flow in one line a node: `name: what it does; exit -> next, …`. The tokens of its actions count up.
///
/// `say` is done when it was heard (`done`), `ask` and `secret` lead on by the key, `queue NAME` ends there, `bye` hangs up, `wait` is left by a timer, `dial NUMBER` transfers, `tag NAME` notes and goes on to `done` when it was heard, `break` fails.
#[derive(Clone, Copy)]
struct Version(&'static str);

impl Version {
    fn node(self, name: &str) -> (&'static str, Vec<(&'static str, &'static str)>) {
        let line = self.0.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
        let (does, exits) = line.unwrap_or_else(|| panic!("node {name}")).split_once(';').expect("exits");
        let exits = exits.split(',').filter_map(|exit| exit.trim().split_once(" -> ")).collect();
        (does, exits)
    }

    /// The state is the node where the flow waits and the next token.
    fn step(self, state: &[u8], event: &Event) -> Result<Stepped, String> {
        let state = String::from_utf8(state.to_vec()).expect("text");
        let (mut at, mut token) = match state.split_once(' ') {
            Some((node, token)) => (node.to_owned(), token.parse::<Token>().expect("a token")),
            None => (String::new(), 0),
        };
        let exit = match &event.what {
            Happening::Started(_) => None,
            Happening::Played { .. } | Happening::Timer => Some("done".to_owned()),
            Happening::Gathered(keys) => Some(keys.digits.clone()),
            Happening::HungUp(_) => Some("hung-up".to_owned()),
            _ => return Ok(Stepped { state: state.into_bytes(), actions: Vec::new(), trail: Vec::new() }),
        };
        let (mut trail, mut actions) = (Vec::new(), Vec::new());
        let next = match &exit {
            None => Some("start"),
            Some(exit) => {
                trail.push(Visit { node: at.clone(), exit: Some(exit.clone()) });
                self.node(&at).1.into_iter().find(|(name, _)| name == exit).map(|(_, next)| next)
            }
        };
        if let Some(next) = next {
            next.clone_into(&mut at);
            let what = match self.node(next).0.split_once(' ').unwrap_or_else(|| (self.node(next).0, "")) {
                ("say", _) => Effect::Play(Prompt { sources: Vec::new(), language: "en".into(), barge_in: true }),
                (word @ ("ask" | "secret"), _) => Effect::Gather(gather(word == "secret")),
                ("queue", queue) => Effect::Enqueue(enqueue(queue)),
                ("dial", number) => Effect::Transfer(dial(number)),
                ("tag", name) => {
                    actions.push(Action { token, what: Effect::Tag(Setting { name: name.into(), value: "1".into() }) });
                    token += 1;
                    Effect::Play(Prompt { sources: Vec::new(), language: "en".into(), barge_in: true })
                }
                ("wait", _) => Effect::Timer { after_ms: 1_000 },
                ("bye", _) => Effect::HangUp { cause: plugboard_model::flow::Cause::NORMAL_CLEARING },
                _ => return Err("broken".into()),
            };
            actions.push(Action { token, what });
            token += 1;
            trail.push(Visit { node: at.clone(), exit: None });
        }
        Ok(Stepped { state: format!("{at} {token}").into_bytes(), actions, trail })
    }
}

fn gather(secret: bool) -> Gather {
    let terminators = String::new();
    Gather { prompt: None, max_digits: 1, first_ms: 5_000, between_ms: 2_000, terminators, secret }
}

fn dial(number: &str) -> Transfer {
    Transfer { to: Target::Number(number.parse().expect("a number")), ring_ms: 20_000 }
}

fn enqueue(queue: &str) -> Enqueue {
    Enqueue {
        queue: queue.parse().expect("a queue"),
        priority: 5,
        skills: Vec::new(),
        timeout_ms: None,
        hold_music: None,
        announce: None,
        exit_keys: String::new(),
    }
}

/// The run of a caller who does this, each with the token that it answers: keys, `heard`, `waiting`, `amy` who answers, `gone`.
fn recorded(version: Version, caller: &[&str]) -> Run {
    let mut steps = Vec::new();
    let (mut state, mut last) = (Vec::new(), None);
    let start = Start {
        interaction: InteractionId(1),
        channel: Channel::Voice,
        direction: Direction::Inbound,
        caller: "+4930111".into(),
        called: "400".into(),
        verified: false,
        language: "en".into(),
    };
    let happenings = std::iter::once(Happening::Started(start)).chain(caller.iter().map(|word| match *word {
        "heard" => Happening::Played { to_the_end: true },
        "waiting" => Happening::Queue(QueueNews::Waiting(Place { position: 1, wait_ms: None })),
        "amy" => Happening::Queue(QueueNews::Connected { agent: AgentId::try_from("amy").expect("a name") }),
        "time" => Happening::Timer,
        "gone" => Happening::HungUp(Ended { cause: plugboard_model::flow::Cause::NORMAL_CLEARING, by_caller: true }),
        keys => Happening::Gathered(Digits { digits: keys.into(), ended: GatherEnd::Complete }),
    }));
    for (seq, what) in (0..).zip(happenings) {
        let answers = last.filter(|_| !matches!(what, Happening::Started(_) | Happening::HungUp(_)));
        let more = matches!(what, Happening::Queue(QueueNews::Waiting(_)));
        let at = Timestamp::from_secs(1_000 + u64::from(seq));
        let mut event = Event { seq, at, utc_offset_min: 60, answers, more, what };
        let said = match version.step(&state, &event) {
            Ok(stepped) => {
                state = stepped.state;
                last = stepped.actions.last().map(|action| action.token).or(last);
                Said::Stepped { actions: stepped.actions, trail: stepped.trail }
            }
            Err(reason) => Said::Failed { reason },
        };
        if let Happening::Gathered(keys) = &mut event.what
            && keys.digits.len() > 3
        {
            // As the recorder leaves secrets out.
            keys.digits.clear();
        }
        steps.push(Step { event, said });
    }
    Run { flow: "menu".parse().expect("a name"), plugin: "flow-graph".into(), revision: 1, steps }
}

fn play(run: &Run, other: Version) -> Comparison {
    let mut player = Player::new(run);
    while let Some(question) = player.next_question() {
        player.said(other.step(&question.state, &question.event));
    }
    player.finish()
}

fn told(trace: &Trace) -> String {
    let mut line: String = trace
        .path
        .iter()
        .map(|passage| match &passage.exit {
            Some(exit) => format!("{}→{exit} ", passage.node),
            None => format!("{} ", passage.node),
        })
        .collect();
    for queue in &trace.queues {
        write!(line, "[{queue}] ").expect("a string");
    }
    format!("{line}| {}", trace.end)
}

fn differs(run: &Run, other: Version, expected: &Expect) {
    let comparison = play(run, other);
    let first = comparison.first_difference().map_or_else(|| "none".to_owned(), |step| step.to_string());
    let (queue, end) = (comparison.first_other_queue().is_some(), comparison.ends_differently());
    expected.assert_eq(&format!(
        "was {}\nis  {}\nfirst {first}, other queue {queue}, other end {end}\n",
        told(&comparison.was),
        told(&comparison.is)
    ));
}

const MENU: Version = Version(
    "start: say; done -> menu
     menu: ask; 1 -> sales, 2 -> support, 9 -> end
     sales: queue sales;
     support: queue support;
     end: bye;",
);

fn sold() -> Run {
    recorded(MENU, &["heard", "1", "waiting", "amy"])
}

#[test]
fn same_version_goes_the_same_way() {
    differs(
        &sold(),
        MENU,
        &expect![[r#"
            was start→done menu→1 sales [sales] | answered in queue sales
            is  start→done menu→1 sales [sales] | answered in queue sales
            first none, other queue false, other end false
        "#]],
    );
}

#[test]
fn key_that_leads_elsewhere_leads_where_nobody_knows_how_it_goes_on() {
    let other = Version(
        "start: say; done -> menu
         menu: ask; 1 -> support, 2 -> sales
         sales: queue sales;
         support: queue support;",
    );
    differs(
        &sold(),
        other,
        &expect![[r#"
            was start→done menu→1 sales [sales] | answered in queue sales
            is  start→done menu→1 support [support] | unknown: the caller never waited in queue support
            first 2, other queue true, other end false
        "#]],
    );
}

#[test]
fn prompt_more_is_heard_and_the_rest_goes_on() {
    let other = Version(
        "start: say; done -> news
         news: say; done -> menu
         menu: ask; 1 -> sales
         sales: queue sales;",
    );
    differs(
        &sold(),
        other,
        &expect![[r#"
            was start→done menu→1 sales [sales] | answered in queue sales
            is  start→done news→done menu→1 sales [sales] | answered in queue sales
            first 1, other queue false, other end false
        "#]],
    );
}

#[test]
fn prompt_less_leaves_the_rest_as_it_was() {
    let other = Version(
        "start: ask; 1 -> sales
         sales: queue sales;",
    );
    differs(
        &sold(),
        other,
        &expect![[r#"
            was start→done menu→1 sales [sales] | answered in queue sales
            is  start→1 sales [sales] | answered in queue sales
            first 0, other queue false, other end false
        "#]],
    );
}

#[test]
fn question_more_is_not_answered_by_guessing() {
    let other = Version(
        "start: say; done -> menu
         menu: ask; 1 -> sure
         sure: ask; 1 -> sales
         sales: queue sales;",
    );
    differs(
        &sold(),
        other,
        &expect![[r#"
            was start→done menu→1 sales [sales] | answered in queue sales
            is  start→done menu→1 sure | unknown: the caller was never asked this (gather)
            first 2, other queue false, other end false
        "#]],
    );
}

#[test]
fn secret_keys_are_on_no_tape_and_are_not_invented() {
    let flow = Version(
        "start: secret; 4711 -> sales
         sales: queue sales;",
    );
    differs(
        &recorded(flow, &["4711", "amy"]),
        flow,
        &expect![[r#"
            was start→4711 sales [sales] | answered in queue sales
            is  start | unknown: what was pressed is secret
            first none, other queue false, other end false
        "#]],
    );
}

#[test]
fn caller_who_hung_up_hangs_up_wherever_the_other_version_has_led_them() {
    differs(
        &recorded(MENU, &["heard", "gone"]),
        Version(
            "start: say; done -> news
             news: say; done -> menu
             menu: ask; 1 -> start",
        ),
        &expect![[r#"
            was start→done menu→hung-up | left at menu
            is  start→done news→hung-up | left at news
            first 1, other queue false, other end true
        "#]],
    );
}

#[test]
fn version_that_hangs_up_where_the_other_asked_ends_differently() {
    differs(
        &sold(),
        Version(
            "start: say; done -> end
             end: bye;",
        ),
        &expect![[r#"
            was start→done menu→1 sales [sales] | answered in queue sales
            is  start→done end | the flow hangs up (16)
            first 1, other queue true, other end true
        "#]],
    );
}

#[test]
fn version_that_breaks_is_told_as_such() {
    differs(
        &sold(),
        Version(
            "start: say; done -> menu
             menu: break;",
        ),
        &expect![[r#"
            was start→done menu→1 sales [sales] | answered in queue sales
            is  start | the component fails: broken
            first 0, other queue true, other end true
        "#]],
    );
}

#[test]
fn call_that_the_flow_ended_goes_on_as_far_as_prompts_and_timers_carry_it() {
    differs(
        &recorded(MENU, &["heard", "9", "gone"]),
        Version(
            "start: say; done -> menu
             menu: ask; 9 -> pause
             pause: wait; done -> thanks
             thanks: say; done -> end
             end: bye;",
        ),
        &expect![[r#"
            was start→done menu→9 end | the flow hangs up (16)
            is  start→done menu→9 pause→done thanks→done end | the flow hangs up (16)
            first 2, other queue false, other end false
        "#]],
    );
}

#[test]
fn version_that_goes_round_for_ever_is_stopped() {
    differs_in_end(
        &sold(),
        Version(
            "start: wait; done -> again
             again: wait; done -> start",
        ),
    );
}

fn differs_in_end(run: &Run, other: Version) {
    assert_eq!(play(run, other).is.end.to_string(), "unknown: more steps than a call takes");
}

#[test]
fn report_counts_what_changes_and_names_what_most_calls_meet_first() {
    let other = Version(
        "start: say; done -> menu
         menu: ask; 1 -> support, 2 -> support, 9 -> end
         support: queue support;
         end: bye;",
    );
    let mut report = Report::default();
    let callers: [&[&str]; 5] =
        [&["heard", "1", "amy"], &["heard", "2", "amy"], &["heard", "9", "gone"], &["gone"], &["heard", "1", "gone"]];
    for (number, caller) in (1..).zip(callers) {
        report.add(InteractionId(number), &play(&recorded(MENU, caller), other));
    }
    report.leave_out();
    let mut told = format!("{}\n", serde_json::to_string(&report).expect("JSON"));
    for (change, group) in report.changes() {
        writeln!(told, "{} calls, as {:?}: {change}", group.runs, group.examples).expect("a string");
    }
    expect![[r#"
        {"runs":5,"same":3,"path_changed":2,"queue_changed":2,"verdict_changed":0,"ends_differently":1,"unknown":0,"failed":0,"left_out":1,"groups":[{"step":2,"was":{"node":"sales","exit":null},"is":{"node":"support","exit":null},"end":{"unknown":{"why":{"other-queue":{"queue":"support"}}}},"verdict":null,"runs":1,"examples":[1]},{"step":2,"was":{"node":"sales","exit":"hung-up"},"is":{"node":"support","exit":"hung-up"},"end":{"left":{"node":"support"}},"verdict":null,"runs":1,"examples":[5]}]}
        1 calls, as [InteractionId(1)]: step 2: support, was sales; unknown: the caller never waited in queue support
        1 calls, as [InteractionId(5)]: step 2: support → hung-up, was sales → hung-up; left at support
    "#]]
    .assert_eq(&told);
}

/// What rule `hours` said of what the flow wanted to dial.
fn judged(number: &str, decision: Decision) -> Judged {
    let dial = compliance::Dial {
        number: number.parse().expect("a number"),
        their_offset_min: None,
        country: "DE".into(),
        purpose: "transfer".into(),
        lists: Vec::new(),
        attempts: Vec::new(),
    };
    let act = Act {
        at: Timestamp::from_secs(1_001),
        utc_offset_min: 60,
        interaction: Some(InteractionId(1)),
        by: Asker::Flow("menu".parse().expect("a name")),
        what: compliance::Effect::Dial(dial),
        tags: Vec::new(),
    };
    let said = Ruled::Verdict(Verdict { decision, code: "hours".into(), ..Verdict::unjudged() });
    Judged { rule: "hours".into(), plugin: "rule-calling-hours".into(), act, said }
}

#[test]
fn what_rules_would_judge_otherwise_is_told_with_the_step_that_asks_for_it() {
    let was = Version(
        "start: say; done -> out
         out: dial +4930;",
    );
    let others = [
        was.0,
        "start: say; done -> out
         out: dial +4940;",
        "start: tag vip; done -> out
         out: dial +4930;",
        "start: say; done -> end
         end: bye;",
        "start: ask; 1 -> out
         out: dial +4930;",
    ];
    let run = recorded(was, &["heard"]);
    let mut told = String::new();
    for other in others {
        let mut player = Player::new(&run).judged(&run, &[judged("+4930", Decision::Allow)]);
        while let Some(question) = player.next_question() {
            player.said(Version(other).step(&question.state, &question.event));
        }
        let mut comparison = player.finish();
        let mut asked = 0;
        comparison.judge_the_rest(|act| {
            asked += 1;
            let decision = if act.tags.is_empty() { Decision::Allow } else { Decision::Deny };
            Some(Verdict { decision, code: "asked".into(), ..Verdict::unjudged() })
        });
        let first = comparison.first_other_verdict().map_or_else(|| "the same".to_owned(), |other| other.to_string());
        writeln!(told, "{asked} asked anew; {first}").expect("a string");
    }
    expect![[r#"
        0 asked anew; the same
        1 asked anew; step 1: asks for dial +4940: allowed (asked), before for dial +4930: allowed (no-rule)
        1 asked anew; step 1: asks for dial +4930: denied (asked), before for dial +4930: allowed (no-rule)
        0 asked anew; step 1: asks for nothing, before for dial +4930: allowed (no-rule)
        0 asked anew; the same
    "#]]
    .assert_eq(&told);
}
