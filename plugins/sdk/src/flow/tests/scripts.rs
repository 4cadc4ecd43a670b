//! Random calls: a loop that forgets asks to the letter what one asks that keeps everything.

use std::{ops::ControlFlow, time::Duration};

use super::super::{happening::Kind, rehearsal::Rehearsal, *};

/// The same flow twice: `FORGETS` says how its loops go round.
struct Office<const FORGETS: bool>;

async fn rounds<const FORGETS: bool, S: Keep, T>(
    call: &Call,
    first: S,
    body: impl AsyncFn(S) -> Asked<ControlFlow<T, S>>,
) -> Asked<T> {
    if FORGETS {
        return call.repeat(first, body).await;
    }
    let mut value = first;
    loop {
        match body(value).await? {
            ControlFlow::Break(end) => return Ok(end),
            ControlFlow::Continue(next) => value = next,
        }
    }
}

impl<const FORGETS: bool> Flow for Office<FORGETS> {
    const NAME: &str = "office";
    const REVISION: u32 = 1;

    async fn call(call: Call) -> Asked<()> {
        call.pick_up();
        let crm = call.invoke("crm", "find", "{}", Duration::from_secs(2));
        let _ = call.play("welcome").await;
        let queue = rounds::<FORGETS, _, _>(&call, 0_u32, async |tries| {
            call.stage("menu");
            let chosen = call.gather(Gather::keys(1).prompt("menu")).await;
            Ok(match chosen.as_ref().map(Digits::as_str) {
                Ok("1") => ControlFlow::Break("sales"),
                _ if tries > 4 => ControlFlow::Break("support"),
                _ => ControlFlow::Continue(tries + 1),
            })
        })
        .await?;
        call.stage("queue");
        let place = call.queue(queue);
        let end = rounds::<FORGETS, _, _>(&call, (0_u32, String::new()), async |(round, said)| {
            let treat = async {
                let heard = rounds::<FORGETS, _, _>(&call, 0_u32, async |part| {
                    call.tag("at", &format!("{round} {part} {} {}", call.now_ms() % 100_000, call.stage_for_test()));
                    let tick = call.timer(Duration::from_secs(30));
                    Ok(match select(tick, call.message()).await {
                        Either::Left(_) if part > 1 => ControlFlow::Break(String::new()),
                        Either::Left(_) => ControlFlow::Continue(part + 1),
                        Either::Right(message) => ControlFlow::Break(message.text),
                    })
                });
                let heard = heard.await?;
                if let Either::Right(found) = select(call.play("still-waiting"), &crm).await {
                    call.tag("found", &found.unwrap_or_default());
                }
                Ok(heard)
            };
            Ok(match select(&place, treat).await {
                Either::Left(end) => ControlFlow::Break((end, said)),
                Either::Right(heard) => {
                    call.stage(if round % 2 == 0 { "queue" } else { "still in queue" });
                    ControlFlow::Continue((round + 1, heard?))
                }
            })
        });
        let (end, said) = end.await?;
        call.tag("end", &format!("{end:?} {said}"));
        let mailbox = join(call.record(Record::at_most(Duration::from_secs(60))), crm);
        let (recorded, found) = mailbox.await;
        call.tag("voicemail", &format!("{recorded:?} {found:?}"));
        Ok(())
    }
}

impl Call {
    fn stage_for_test(&self) -> String {
        self.talk().stage().into()
    }
}

/// Splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize % most
    }

    fn event(&mut self, open: &[(u32, Kind)], seq: usize) -> (Option<u32>, Happening) {
        if self.below(20) == 0 {
            return (Some(self.below(30) as u32), Happening::Timer);
        }
        if self.below(8) == 0 {
            return (None, Happening::Message(Message { id: String::new(), text: format!("{seq}号"), attachments: 0 }));
        }
        let answered: Vec<_> =
            open.iter().filter(|(_, kind)| *kind != Kind::Enqueue || self.0.is_multiple_of(11)).collect();
        let Some((token, kind)) = answered.get(self.below(answered.len().max(1))) else {
            return (None, Happening::Timer);
        };
        let what = match kind {
            _ if self.below(15) == 0 => {
                Happening::Refused(Refusal { code: "failed".into(), message: String::new(), retryable: true })
            }
            Kind::Play => Happening::Played(self.below(2) == 0),
            Kind::Gather => {
                let digits = ["", "1", "9"][self.below(3)].into();
                Happening::Gathered(Digits { digits, ended: GatherEnd::Complete })
            }
            Kind::Enqueue => Happening::Queue(QueueNews::GaveUp(GiveUp::NoAgents)),
            Kind::Invoke => Happening::LookedUp(super::answer("金")),
            Kind::Record => Happening::Recorded(Recording { id: "r".into(), length_ms: 9 }),
            _ => Happening::Timer,
        };
        (Some(*token), what)
    }
}

#[test]
fn a_loop_that_forgets_asks_what_one_asks_that_keeps_everything() {
    let (mut steps, mut smaller) = (0, 0);
    for seed in 0..150 {
        let mut chance = Chance(seed);
        let (mut forgets, mut keeps) = (Rehearsal::<Office<true>>::begin(), Rehearsal::<Office<false>>::begin());
        for seq in 0..60 {
            let (answers, what) = chance.event(&forgets.open(), seq);
            let ended = [forgets.try_event(answers, what.clone()), keeps.try_event(answers, what)];
            assert_eq!(ended[0], ended[1], "seed {seed}, event {seq}");
            assert_eq!(forgets.take_actions(), keeps.take_actions(), "seed {seed}, event {seq}");
            assert_eq!(forgets.trail(), keeps.trail(), "seed {seed}, event {seq}");
            smaller += usize::from(forgets.state().len() < keeps.state().len());
            steps += 1;
            if ended[0].is_err() {
                break;
            }
        }
    }
    assert!(steps > 4_000 && smaller > 1_000, "{steps} steps, {smaller} of them with less state");
}
