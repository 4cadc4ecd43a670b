//! What the linear style promises, each promise once.

mod loops;
mod scripts;

use std::{
    cell::Cell,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use super::{
    rehearsal::{Rehearsal, Scene},
    *,
};

/// Makes a [`Flow`] of a function, because most tests need no more.
macro_rules! flow {
    ($name:ident, async |$call:ident| $body:expr) => {
        struct $name;

        impl Flow for $name {
            const NAME: &str = "test";
            const REVISION: u32 = 1;

            async fn call($call: Call) -> Asked<()> {
                $body
            }

            fn hung_up(call: &Parting) {
                call.tag("left-in", call.stage());
            }
        }
    };
}
pub(super) use flow;

flow!(Menu, async |call| {
    call.pick_up();
    call.stage("welcome");
    call.play("welcome").await?;
    call.stage("menu");
    let digits = call.gather(Gather::keys(1).prompt("menu")).await?;
    call.stage("queue");
    let end = call.queue(if digits.as_str() == "1" { "sales" } else { "support" }).await?;
    call.tag("end", &format!("{end:?}"));
    Ok(())
});

#[test]
fn each_await_is_asked_for_once_and_answered_once() {
    let mut call = Rehearsal::<Menu>::begin();
    assert_eq!(call.heard(), "0 pick-up; 1 play welcome");
    call.played();
    assert_eq!(call.heard(), "2 gather menu");
    call.pressed("1");
    assert_eq!(call.heard(), "3 enqueue sales");
    call.connected("anna");
    assert_eq!(call.heard(), r#"4 tag end=Connected("anna")"#);
    assert_eq!(call.trail(), "welcome welcome:next menu menu:next queue queue:end");
}

#[test]
fn a_caller_who_hangs_up_is_parted_from_wherever_the_flow_stood() {
    let mut call = Rehearsal::<Menu>::begin();
    call.played();
    call.heard();
    call.hang_up();
    assert_eq!(
        (call.heard().as_str(), call.trail().as_str()),
        ("3 tag left-in=menu", "welcome welcome:next menu menu:hung-up")
    );
}

#[test]
fn nothing_is_asked_once_it_is_over() {
    let mut call = Rehearsal::<Menu>::begin();
    call.hang_up();
    call.heard();
    call.hang_up();
    assert_eq!((call.heard().as_str(), call.state().len()), ("", 3));
}

#[test]
fn a_flow_that_ends_with_the_caller_on_the_line_hangs_up() {
    let mut call = Rehearsal::<Menu>::begin();
    call.played();
    call.pressed("");
    call.heard();
    call.gave_up(GiveUp::Closed);
    assert_eq!(call.heard(), "4 tag end=GaveUp(GiveUp::Closed); 5 hang-up 16");
}

#[test]
fn a_refusal_that_nobody_handles_ends_the_flow_by_its_name() {
    let mut call = Rehearsal::<Menu>::begin();
    let refusal = Refusal { code: "prompt-missing".into(), message: "welcome".into(), retryable: false };
    let failure = call.try_event(Some(1), Happening::Refused(refusal)).unwrap_err();
    let expected = (FailureCode::Other("refused".into()), "prompt-missing: welcome".into());
    assert_eq!((failure.code, failure.message), expected);
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let mut call = Rehearsal::<Menu>::begin();
    call.heard();
    let before = call.state().to_vec();
    let digits = Happening::Gathered(Digits { digits: "1".into(), ended: GatherEnd::Complete });
    let place = Happening::Queue(QueueNews::Waiting(Place { position: 1, wait_ms: None }));
    let nudge = Happening::Other(Open { name: "acme.nudge".into(), json: "{}".into() });
    // Of another kind, of a token that was never given, of nobody, news on the way, and unknown.
    for (token, what) in [
        (Some(1), digits),
        (Some(9), Happening::Timer),
        (None, Happening::Played(true)),
        (Some(1), place),
        (None, nudge),
    ] {
        call.try_event(token, what).unwrap();
    }
    assert_eq!((call.heard().as_str(), call.state()), ("", before.as_slice()));
}

flow!(Race, async |call| {
    let crm = call.invoke("crm", "find", "{}", Duration::from_secs(2));
    let welcome = call.play("welcome");
    match select(crm, call.timer(Duration::from_secs(1))).await {
        Either::Left(found) => call.tag("found", &found?),
        Either::Right(_) => call.tag("found", "too late"),
    }
    call.tag("heard", &welcome.await?.to_string());
    call.hang_up(16);
    Ok(())
});

#[test]
fn requests_are_made_at_once_and_a_loser_is_taken_back() {
    let mut call = Rehearsal::<Race>::begin();
    assert_eq!(call.heard(), "0 invoke crm find; 1 play welcome; 2 timer 1000 ms");
    call.timer();
    assert_eq!(call.heard(), "3 cancel 0; 4 tag found=too late");
    // Under way when it was taken back.
    call.try_event(Some(0), Happening::LookedUp(answer("{}"))).unwrap();
    assert_eq!(call.heard(), "");
    call.played();
    assert_eq!(call.heard(), "5 tag heard=true; 6 hang-up 16");
}

fn answer(json: &str) -> crate::contract::flow::exports::plugboard::plugin::flow_types::Answer {
    crate::contract::flow::exports::plugboard::plugin::flow_types::Answer { json: json.into() }
}

/// Heard all at once, the left one would win each time.
#[test]
fn who_came_first_stays_first_in_every_re_run() {
    flow!(Both, async |call| {
        let (a, b) = (call.timer(Duration::from_secs(9)), call.timer(Duration::from_secs(9)));
        let first = match select(&a, &b).await {
            Either::Left(_) => "a",
            Either::Right(_) => "b",
        };
        call.play(first).await?;
        let _ = join(&a, &b).await;
        call.play("both").await?;
        Ok(())
    });
    let mut call = Rehearsal::<Both>::begin();
    call.try_event(Some(1), Happening::Timer).unwrap();
    call.try_event(Some(0), Happening::Timer).unwrap();
    call.played();
    assert_eq!(call.heard(), "0 timer 9000 ms; 1 timer 9000 ms; 2 play b; 3 play both");
}

#[test]
fn time_is_the_events_and_stays_so() {
    flow!(Clock, async |call| {
        let began = call.now_ms();
        call.play("one").await?;
        let then = call.now_ms() - began;
        call.play("two").await?;
        call.tag("ms", &format!("{then} {}", call.now_ms() - began));
        Ok(())
    });
    let mut call = Rehearsal::<Clock>::begin();
    call.pass(Duration::from_millis(500));
    call.played();
    call.played();
    assert_eq!(call.heard(), "0 play one; 1 play two; 2 tag ms=1500 2500; 3 hang-up 16");
}

#[test]
fn the_wall_clock_is_the_sites() {
    flow!(Hours, async |call| {
        let clock = call.wall_clock();
        call.tag("wall", &format!("{} {} {}", clock.weekday(), clock.minute_of_day(), clock.is_between(8, 18)));
        Ok(())
    });
    let mut call = Rehearsal::<Hours>::begin_in(Scene { utc_offset_min: 8 * 60, ..Scene::default() });
    assert_eq!(call.heard(), "0 tag wall=1 1080 false; 1 hang-up 16");
}

/// What a flow must not do: here a count of its own.
static RUNS: AtomicU32 = AtomicU32::new(0);

flow!(Fickle, async |call| {
    if RUNS.fetch_add(1, Ordering::Relaxed) == 0 {
        call.play("welcome").await?;
    }
    call.stage("menu");
    call.gather(Gather::keys(1)).await?;
    Ok(())
});

#[test]
fn the_guard_names_the_first_difference() {
    let event = |seq, answers, what| Event {
        seq,
        at_ms: seq.into(),
        utc_offset_min: 0,
        answers,
        more: false,
        what,
        extra: vec![],
    };
    let first = step::<Fickle>(&[], &event(0, None, Happening::Started(Scene::default().start))).unwrap();
    let failure = step::<Fickle>(&first.state, &event(1, Some(0), Happening::Played(true))).unwrap_err();
    assert_eq!(failure.code, FailureCode::Diverged(0));
    assert_eq!(
        failure.message,
        "request 0 was `play`, the re-run asks `gather` (stage `menu`): a flow may depend on its answers, its settings and `now_ms` only"
    );
}

#[test]
fn a_re_run_that_asks_less_is_a_difference_too() {
    thread_local! { static ASKS: Cell<bool> = const { Cell::new(true) } }
    flow!(Shy, async |call| {
        if ASKS.get() {
            call.tag("a", "b");
        }
        std::future::pending().await
    });
    let started = |seq| Event {
        seq,
        at_ms: 0,
        utc_offset_min: 0,
        answers: None,
        more: false,
        what: Happening::Started(Scene::default().start),
        extra: vec![],
    };
    let first = step::<Shy>(&[], &started(0)).unwrap();
    ASKS.set(false);
    let failure = step::<Shy>(&first.state, &Event { what: Happening::Timer, ..started(1) }).unwrap_err();
    assert!(failure.message.starts_with("the re-run stops before request 0, `tag`"), "{}", failure.message);
}

#[test]
fn a_flow_that_never_waits_is_stopped_before_the_host_is_asked_too_much() {
    flow!(Chatty, async |call| {
        (0..1_000).for_each(|n| call.tag("n", &n.to_string()));
        Ok(())
    });
    let event = Event {
        seq: 0,
        at_ms: 0,
        utc_offset_min: 0,
        answers: None,
        more: false,
        what: Happening::Started(Scene::default().start),
        extra: vec![],
    };
    assert_eq!(step::<Chatty>(&[], &event).map_err(|failure| failure.code), Err(FailureCode::Runaway));
}

#[test]
fn a_state_past_the_bound_names_the_loop_that_fills_it() {
    flow!(Hoarder, async |call| {
        call.stage("lookup");
        loop {
            call.invoke("crm", "everything", "{}", Duration::from_secs(1)).await?;
        }
    });
    let mut call = Rehearsal::<Hoarder>::begin();
    let large = "x".repeat(64 << 10);
    let ends: Vec<_> = (0..4).map(|token| call.try_event(Some(token), Happening::LookedUp(answer(&large)))).collect();
    assert_eq!(ends.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, true, false]);
    let failure = ends.into_iter().find_map(Result::err).unwrap();
    assert_eq!(failure.code, FailureCode::TooLarge);
    assert!(failure.message.ends_with("put the loop of stage `lookup` into `repeat`"), "{}", failure.message);
}

#[test]
fn a_state_of_another_revision_is_refused() {
    struct Next;
    impl Flow for Next {
        const NAME: &str = "test";
        const REVISION: u32 = 2;
        async fn call(call: Call) -> Asked<()> {
            Menu::call(call).await
        }
    }
    let call = Rehearsal::<Menu>::begin();
    let event = Event {
        seq: 1,
        at_ms: 0,
        utc_offset_min: 0,
        answers: None,
        more: false,
        what: Happening::Timer,
        extra: vec![],
    };
    assert_eq!(step::<Next>(call.state(), &event).map_err(|failure| failure.code), Err(FailureCode::BadState));
}

#[test]
fn messages_wait_until_they_are_read_and_no_more_of_them_than_allowed() {
    flow!(Chat, async |call| {
        call.timer(Duration::from_secs(60)).await?;
        loop {
            let message = call.message().await;
            call.send(&message.text);
        }
    });
    let mut call = Rehearsal::<Chat>::begin();
    (0..40).for_each(|n| call.message(&n.to_string()));
    call.heard();
    call.timer();
    let sent = call.heard();
    assert!(sent.starts_with("1 send 0; 2 send 1; ") && sent.ends_with("; 32 send 31"), "{sent}");
    call.message("late");
    assert_eq!(call.heard(), "33 send late");
}

#[test]
fn a_flow_that_changed_the_language_speaks_it() {
    flow!(Languages, async |call| {
        call.play("hello").await?;
        call.set_language("zh-CN");
        call.play("hello").await?;
        Ok(())
    });
    let mut call = Rehearsal::<Languages>::begin();
    call.played();
    let spoken: Vec<_> = call
        .take_actions()
        .into_iter()
        .filter_map(|action| if let Effect::Play(prompt) = action.what { Some(prompt.language) } else { None })
        .collect();
    assert_eq!(spoken, ["en", "zh-CN"]);
}

#[test]
fn a_transfer_to_another_flow_gives_the_call_away_unless_it_is_refused() {
    flow!(Hand, async |call| {
        let away = call.transfer(Target::Flow("other".into()), Duration::from_secs(1)).await;
        call.tag("away", if away.is_err() { "no" } else { "yes" });
        Ok(())
    });
    let mut call = Rehearsal::<Hand>::begin();
    call.refused(0, "unknown-target");
    assert_eq!(call.heard(), "0 transfer flow other; 1 tag away=no; 2 hang-up 16");
}

#[test]
fn settings_are_there_and_an_error_in_them_is_refused() {
    struct Strict;
    impl Flow for Strict {
        const NAME: &str = "strict";
        const REVISION: u32 = 1;
        async fn call(call: Call) -> Asked<()> {
            call.tag("queue", &call.setting("queue").unwrap_or_default());
            Ok(())
        }
        fn check(settings: &[Setting]) -> Vec<Problem> {
            let missing = !settings.iter().any(|setting| setting.name == "queue");
            let problem = Problem {
                severity: Severity::Error,
                code: "no-queue".into(),
                node: None,
                field: None,
                message: "there is no setting `queue`".into(),
                remedy: "name a queue".into(),
                extra: vec![],
            };
            if missing { vec![problem] } else { vec![] }
        }
    }
    assert_eq!(configure::<Strict>(vec![]).map_err(|failure| failure.code), Err(FailureCode::BadSettings));
    let mut call = Rehearsal::<Strict>::begin_in(Scene::default().setting("queue", "sales"));
    assert_eq!(call.heard(), "0 tag queue=sales; 1 hang-up 16");
}
