//! Welcome, menu, business hours, queue, voicemail: a flow of Plugboard in Rust, as one reads it aloud.
//!
//! Settings: `tries` (3): how often the menu is read.

use std::{ops::ControlFlow, time::Duration};

use plugboard_sdk::{
    flow::{
        Asked, Call, Digits, Either, Enqueue, Flow, Gather, Mailbox, Parting, Problem, QueueEnd, Record, Setting,
        Severity, join, select,
    },
    json_text,
};

plugboard_sdk::export_flow!(Office);

struct Office;

const QUEUES: [(&str, &str); 2] = [("1", "sales"), ("2", "support")];

impl Flow for Office {
    const NAME: &str = "office";
    const REVISION: u32 = 1;

    async fn call(call: Call) -> Asked<()> {
        call.stage("welcome");
        call.pick_up();
        let who = format!(r#"{{"phone":{}}}"#, json_text(&call.caller()));
        // Looked up while the welcome plays; whoever is unknown is served all the same.
        let crm = call.invoke("crm", "find", &who, Duration::from_secs(2));
        let (welcome, customer) = join(call.play("welcome.wav"), crm).await;
        welcome?;
        let priority = if customer.is_ok_and(|customer| customer.contains(r#""vip":true"#)) { 8 } else { 5 };

        let clock = call.wall_clock();
        if clock.weekday() > 5 || !clock.is_between(8, 18) {
            call.play("closed.wav").await?;
            return voicemail(&call, "support").await;
        }

        call.stage("menu");
        let Some(queue) = menu(&call).await? else {
            call.play("goodbye.wav").await?;
            return Ok(());
        };

        call.stage("queue");
        match wait(&call, Enqueue::to(queue).priority(priority).at_most(Duration::from_secs(3_600))).await? {
            QueueEnd::Connected(_) => Ok(()),
            QueueEnd::GaveUp(_) => voicemail(&call, queue).await,
        }
    }

    fn hung_up(call: &Parting) {
        call.tag("left-in", call.stage());
    }

    fn check(settings: &[Setting]) -> Vec<Problem> {
        let tries = settings.iter().find(|setting| setting.name == "tries");
        match tries.filter(|tries| !(1..=9).contains(&tries.value.parse().unwrap_or(0))) {
            None => Vec::new(),
            Some(tries) => vec![Problem {
                severity: Severity::Error,
                code: "bad-tries".into(),
                node: None,
                field: None,
                message: format!("tries is {:?}", tries.value),
                remedy: "write a number from 1 to 9".into(),
                extra: Vec::new(),
            }],
        }
    }
}

/// The queue that was chosen; `None` where nothing fitting was pressed.
async fn menu(call: &Call) -> Asked<Option<&'static str>> {
    let tries: u32 = call.setting("tries").and_then(|tries| tries.parse().ok()).unwrap_or(3);
    for first in (0..tries).map(|attempt| attempt == 0) {
        let prompt = if first { "menu.wav" } else { "menu-again.wav" };
        let digits: Digits = call.gather(Gather::keys(1).prompt(prompt)).await?;
        if let Some((_, queue)) = QUEUES.iter().find(|(key, _)| *key == digits.as_str()) {
            return Ok(Some(queue));
        }
    }
    Ok(None)
}

/// Stands in the queue, and says every half minute that the caller is not forgotten.
async fn wait(call: &Call, place: Enqueue) -> Asked<QueueEnd> {
    let place = call.queue(place);
    call.repeat((), async |()| {
        let treat = async {
            call.timer(Duration::from_secs(30)).await?;
            call.play("still-waiting.wav").await
        };
        Ok(match select(&place, treat).await {
            Either::Left(end) => ControlFlow::Break(end?),
            Either::Right(heard) => heard.map(|_| ControlFlow::Continue(()))?,
        })
    })
    .await
}

async fn voicemail(call: &Call, queue: &str) -> Asked<()> {
    call.stage("voicemail");
    call.play("leave-message.wav").await?;
    let recording =
        call.record(Record::at_most(Duration::from_secs(120)).mailbox(Mailbox::Queue(queue.into()))).await?;
    call.tag("voicemail", &recording.id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use plugboard_sdk::flow::{
        GiveUp,
        rehearsal::{Rehearsal, Scene},
    };

    use super::*;

    #[test]
    fn a_customer_of_worth_who_presses_one_stands_before_others_in_the_sales_queue() {
        let mut call = Rehearsal::<Office>::begin();
        assert_eq!(call.heard(), "0 pick-up; 1 invoke crm find; 2 play welcome.wav");
        call.looked_up(r#"{"vip":true}"#);
        call.played();
        assert_eq!(call.heard(), "3 gather menu.wav");
        call.pressed("9");
        assert_eq!(call.heard(), "4 gather menu-again.wav");
        call.pressed("1");
        assert_eq!(call.heard(), "5 enqueue sales; 6 timer 30000 ms");
        call.timer();
        assert_eq!(call.heard(), "7 play still-waiting.wav");
        call.connected("anna");
        assert_eq!(call.heard(), "8 cancel 7");
        assert_eq!(call.trail(), "welcome welcome:next menu menu:next queue queue:end");
    }

    #[test]
    fn nobody_in_the_queue_leads_to_its_voicemail() {
        let mut call = Rehearsal::<Office>::begin();
        call.refused(1, "failed");
        call.played();
        call.pressed("2");
        call.heard();
        call.gave_up(GiveUp::NoAgents);
        call.played();
        call.recorded("r-1", Duration::from_secs(7));
        let heard = "6 cancel 5; 7 play leave-message.wav; 8 record 120000 ms; 9 tag voicemail=r-1; 10 hang-up 16";
        assert_eq!(call.heard(), heard);
    }

    #[test]
    fn at_night_the_caller_is_asked_for_a_message() {
        let mut call = Rehearsal::<Office>::begin_in(Scene { utc_offset_min: 10 * 60, ..Scene::default() });
        call.looked_up("{}");
        call.played();
        call.heard();
        call.played();
        assert_eq!(call.heard(), "4 play leave-message.wav");
    }

    #[test]
    fn no_tries_are_an_error_before_anybody_calls() {
        let settings = [Setting { name: "tries".into(), value: "0".into() }];
        assert_eq!(Office::check(&settings).len(), 1);
    }
}
