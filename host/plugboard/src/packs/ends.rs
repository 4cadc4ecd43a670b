//! What the end of an interaction says of the versions that served it.

use plugboard_model::{Configuration, EndedBy, QueueExit};
use plugboard_pack::rollout::End;
use plugboard_reporting::{Cdr, cdr::QueueVisit};

/// `configuration`: whose queues say how long a wait may be.
pub(crate) fn end_of(cdr: &Cdr, configuration: &Configuration) -> End {
    let is_left_to_the_flow = !cdr.path.is_empty() && !cdr.answered && !cdr.abandoned && !cdr.voicemail;
    End {
        hung_up_in_flow: is_left_to_the_flow && cdr.ended_by == EndedBy::Caller,
        within_service_level: cdr.queues.iter().rev().find_map(|visit| is_within(visit, configuration)),
    }
}

/// As service level 4 has it: who gives up within the threshold says nothing. Neither does who was moved on or asked to leave.
fn is_within(visit: &QueueVisit, configuration: &Configuration) -> Option<bool> {
    let threshold = configuration.queues.get(&visit.queue)?.service_level;
    let in_time = u128::from(visit.wait_ms) <= threshold.as_millis();
    match visit.exit? {
        QueueExit::Connected => Some(in_time),
        QueueExit::Abandoned => (!in_time).then_some(false),
        QueueExit::TimedOut | QueueExit::Full | QueueExit::NoAgents => Some(false),
        QueueExit::ExitKey | QueueExit::Moved | QueueExit::Closed => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plugboard_model::{Event, EventKind, InteractionId, LegId, Queue, QueueId, Timestamp};

    use super::*;
    use crate::books::Books;

    /// What is left of a call: seconds and what happened then.
    fn end(happened: &[(u64, EventKind)]) -> End {
        let mut configuration = Configuration::empty("shop".parse().unwrap());
        configuration.queues.insert("sales".parse().unwrap(), Queue::named("Sales"));
        let mut books = Books::new();
        books.configure(&Arc::new(configuration.clone()));
        for (seq, (second, kind)) in (1..).zip(happened) {
            books.enter(&Event { seq, at: Timestamp::from_secs(1_000 + second), kind: kind.clone() });
        }
        end_of(&books.next_cdr().unwrap(), &configuration)
    }

    const INTERACTION: InteractionId = InteractionId(1);

    fn call(between: &[(u64, EventKind)], by: EndedBy) -> End {
        let begun = [
            EventKind::InteractionOffered {
                interaction: INTERACTION,
                leg: LegId(1),
                from: "+8613800138000".into(),
                to: "8001".into(),
                channel: "voice".into(),
                dialled_by: None,
            },
            EventKind::FlowStarted { interaction: INTERACTION, flow: "menu".parse().unwrap(), revision: 1 },
            EventKind::FlowVisited { interaction: INTERACTION, node: "welcome".into(), exit: "".into() },
        ];
        let closed = EventKind::InteractionClosed { interaction: INTERACTION, by, cause: 16 };
        let mut all: Vec<(u64, EventKind)> = begun.into_iter().map(|kind| (0, kind)).collect();
        all.extend(between.iter().cloned());
        all.push((100, closed));
        end(&all)
    }

    fn queued(left: u64, exit: QueueExit) -> Vec<(u64, EventKind)> {
        let (interaction, queue): (_, QueueId) = (INTERACTION, "sales".parse().unwrap());
        let skills = Vec::new();
        vec![
            (1, EventKind::Queued { interaction, queue: queue.clone(), priority: 5, skills, position: 1 }),
            (1 + left, EventKind::LeftQueue { interaction, queue, exit }),
        ]
    }

    #[test]
    fn callers_who_give_up_in_the_flow_and_waits_beyond_the_service_level_speak_against_a_version() {
        let said = |end: End| (end.hung_up_in_flow, end.within_service_level);
        assert_eq!(
            [
                said(call(&[], EndedBy::Caller)),
                said(call(&[], EndedBy::Host)),
                said(call(&queued(20, QueueExit::Connected), EndedBy::Caller)),
                said(call(&queued(21, QueueExit::Connected), EndedBy::Agent)),
                said(call(&queued(5, QueueExit::Abandoned), EndedBy::Caller)),
                said(call(&queued(30, QueueExit::Abandoned), EndedBy::Caller)),
                said(call(&queued(3, QueueExit::NoAgents), EndedBy::Host)),
                said(call(&queued(3, QueueExit::ExitKey), EndedBy::Host)),
            ],
            [
                (true, None),
                (false, None),
                (true, Some(true)),
                (false, Some(false)),
                (false, None),
                (false, Some(false)),
                (false, Some(false)),
                (false, None),
            ]
        );
    }
}
