//! What `repeat` keeps and forgets.

use std::{cell::RefCell, ops::ControlFlow, time::Duration};

use super::super::{rehearsal::Rehearsal, *};
use super::flow;

flow!(Wait, async |call| {
    let place = call.queue("sales");
    let end = call.repeat(1_u32, async |round| {
        let treat = async {
            call.timer(Duration::from_secs(30)).await?;
            call.play(Prompt::default().number(round)).await
        };
        Ok(match select(&place, treat).await {
            Either::Left(end) => ControlFlow::Break(end?),
            Either::Right(heard) => heard.map(|_| ControlFlow::Continue(round + 1))?,
        })
    });
    call.tag("end", &format!("{:?}", end.await?));
    Ok(())
});

#[test]
fn an_hour_in_queue_takes_no_more_state_than_a_minute() {
    let mut call = Rehearsal::<Wait>::begin();
    let mut sizes = Vec::new();
    for _ in 0..120 {
        call.timer();
        call.played();
        sizes.push(call.state().len());
    }
    assert!(sizes[119] <= sizes[1] + 8, "{} bytes after a minute, {} after an hour", sizes[1], sizes[119]);
    assert!(sizes[119] < 200, "{} bytes", sizes[119]);
    call.heard();
    call.timer();
    assert_eq!(call.heard(), "242 play number 121");
    call.connected("anna");
    assert_eq!(call.heard(), r#"243 cancel 242; 244 tag end=Connected("anna")"#);
}

#[test]
fn what_came_before_a_loop_can_be_awaited_in_any_round() {
    flow!(Late, async |call| {
        let lookup = call.invoke("crm", "find", "{}", Duration::from_secs(9));
        call.repeat((), async |()| {
            call.timer(Duration::from_secs(1)).await?;
            Ok(if call.message().await.text == "stop" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .await?;
        call.tag("found", &lookup.await?);
        Ok(())
    });
    let mut call = Rehearsal::<Late>::begin();
    call.timer();
    call.looked_up("gold");
    call.message("go on");
    call.timer();
    call.heard();
    call.message("stop");
    assert_eq!(call.heard(), "3 tag found=gold; 4 hang-up 16");
}

#[test]
fn a_message_that_came_before_the_loop_is_read_once() {
    flow!(Chat, async |call| {
        call.timer(Duration::from_secs(1)).await?;
        call.repeat(0_u32, async |said| {
            let message = call.message().await;
            call.send(&format!("{said} {}", message.text));
            Ok(if message.text == "bye" { ControlFlow::Break(()) } else { ControlFlow::Continue(said + 1) })
        })
        .await
    });
    let mut call = Rehearsal::<Chat>::begin();
    ["a", "b"].iter().for_each(|text| call.message(text));
    call.timer();
    ["c", "bye"].iter().for_each(|text| call.message(text));
    assert_eq!(call.heard(), "0 timer 1000 ms; 1 send 0 a; 2 send 1 b; 3 send 2 c; 4 send 3 bye; 5 hang-up 16");
}

#[test]
fn time_stage_and_language_of_a_round_outlive_the_rounds_before() {
    flow!(Stages, async |call| {
        call.repeat(0_u32, async |round| {
            call.tag("at", &format!("{} {} {}", call.now_ms() % 100_000, call.language(), round));
            call.set_language(["de", "fr", "it"][round as usize % 3]);
            call.stage(["a", "b", "c"][round as usize % 3]);
            call.play("x").await?;
            Ok(ControlFlow::<(), _>::Continue(round + 1))
        })
        .await
    });
    let mut call = Rehearsal::<Stages>::begin();
    call.played();
    call.played();
    call.heard();
    call.played();
    assert_eq!(call.heard(), "9 tag at=3000 it 3; 10 tag language=de; 11 play x");
    call.hang_up();
    assert_eq!(
        (call.heard().as_str(), call.trail().as_str()),
        ("12 tag left-in=a", "a a:next b b:next c c:next a a:hung-up")
    );
}

#[test]
fn loops_within_loops_are_forgotten_with_their_round() {
    flow!(Nested, async |call| {
        call.repeat(0_u32, async |outer| {
            let inner = call.repeat(0_u32, async |inner| {
                call.play(Prompt::default().number(outer * 10 + inner)).await?;
                Ok(if inner == 2 { ControlFlow::Break(outer) } else { ControlFlow::Continue(inner + 1) })
            });
            let outer = inner.await?;
            Ok(if outer == 50 { ControlFlow::Break(()) } else { ControlFlow::Continue(outer + 1) })
        })
        .await
    });
    let mut call = Rehearsal::<Nested>::begin();
    let mut most = 0;
    for _ in 0..3 * 50 {
        call.played();
        most = most.max(call.state().len());
    }
    call.heard();
    call.played();
    assert_eq!((call.heard().as_str(), most < 160), ("151 play number 501", true), "{most} bytes");
}

/// Beside a loop that forgets, somebody who looks at the clock sees the time that it was.
#[test]
fn who_waits_beside_a_loop_lives_in_a_time_of_its_own() {
    flow!(Beside, async |call| {
        let place = call.queue("sales");
        let tick = call.repeat(0_u32, async |round| {
            call.timer(Duration::from_secs(1)).await?;
            Ok(if round == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(round + 1) })
        });
        let wait = async {
            let began = call.now_ms();
            let _ = (&place).await;
            began
        };
        let (_, began) = join(tick, wait).await;
        call.tag("waited", &(call.now_ms() - began).to_string());
        Ok(())
    });
    let mut call = Rehearsal::<Beside>::begin();
    (0..6).for_each(|_| call.timer());
    call.heard();
    call.gave_up(GiveUp::Timeout);
    assert_eq!(call.heard(), "7 tag waited=7000; 8 hang-up 16");
}

#[test]
fn a_round_is_kept_while_somebody_holds_what_was_asked_in_it() {
    flow!(Smuggler, async |call| {
        let held = RefCell::new(None);
        call.repeat(0_u32, async |round| {
            if round == 0 {
                held.replace(Some(call.timer(Duration::from_secs(2))));
            }
            call.play("x").await?;
            Ok(if round == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(round + 1) })
        })
        .await?;
        let held = held.take().expect("asked in the first round");
        held.await
    });
    let mut call = Rehearsal::<Smuggler>::begin();
    call.played();
    call.timer();
    (0..3).for_each(|_| call.played());
    assert_eq!(call.heard(), "0 timer 2000 ms; 1 play x; 2 play x; 3 play x; 4 play x; 5 hang-up 16");
}

/// Who waits beside the loop and hears something in a round would hear it at another time, were that round forgotten.
#[test]
fn a_round_is_kept_when_somebody_beside_the_loop_heard_something_in_it() {
    flow!(Listener, async |call| {
        let (place, other) = (call.queue("sales"), call.timer(Duration::from_secs(99)));
        let wait = async {
            let _ = (&place).await;
            let then = call.now_ms();
            let _ = (&other).await;
            then % 100_000
        };
        let tick = call.repeat(0_u32, async |round| {
            call.play("x").await?;
            Ok(if round == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(round + 1) })
        });
        let (then, _) = join(wait, tick).await;
        call.tag("then", &then.to_string());
        Ok(())
    });
    let mut call = Rehearsal::<Listener>::begin();
    call.played();
    call.gave_up(GiveUp::Timeout);
    (0..3).for_each(|_| call.played());
    call.heard();
    call.timer();
    assert_eq!(call.heard(), "6 tag then=2000; 7 hang-up 16");
}

#[test]
fn a_round_is_kept_when_somebody_beside_the_loop_asked_something_in_it() {
    flow!(Talker, async |call| {
        let place = call.queue("sales");
        let tick = call.repeat(0_u32, async |round| {
            call.play("x").await?;
            Ok(if round == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(round + 1) })
        });
        let wait = async {
            call.tag("place", "first");
            (&place).await
        };
        let _ = join(tick, wait).await;
        Ok(())
    });
    let mut call = Rehearsal::<Talker>::begin();
    call.played();
    call.played();
    call.gave_up(GiveUp::Full);
    assert_eq!(call.heard(), "0 enqueue sales; 1 play x; 2 tag place=first; 3 play x; 4 hang-up 16");
}

#[test]
fn what_follows_a_loop_that_ends_as_it_is_entered_again_lives_in_the_loops_time() {
    flow!(Follower, async |call| {
        let lookup = call.invoke("crm", "find", "{}", Duration::from_secs(9));
        call.repeat(0_u32, async |round| {
            if round == 0 {
                call.play("x").await?;
                return Ok(ControlFlow::Continue(1));
            }
            (&lookup).await.map(|_| ControlFlow::Break(()))
        })
        .await?;
        let then = call.now_ms() % 100_000;
        call.play("bye").await?;
        call.tag("then", &then.to_string());
        Ok(())
    });
    let mut call = Rehearsal::<Follower>::begin();
    call.looked_up("{}");
    call.played();
    call.played();
    assert_eq!(call.heard(), "0 invoke crm find; 1 play x; 2 play bye; 3 tag then=2000; 4 hang-up 16");
}
