//! The wait in a queue, as the caller lives it: music, announcements, exit keys, and how it ends.

use std::{sync::Arc, time::Duration};

use plugboard_model::{
    EndedBy, QueueExit, QueueId, SkillNeed, Timestamp,
    flow::{Announce, Cause, Enqueue, GaveUp, Happening, QueueNews, Token},
};

use crate::{Call, Context, Queueing, SoundSource};

/// What one wait in a queue is, so that it can be taken up again.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) queue: QueueId,
    since: Timestamp,
    priority: i32,
    skills: Vec<SkillNeed>,
    hold_music: Option<Arc<str>>,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) visit: Visit,
    /// The flow's `enqueue` that this answers; `None` without a flow.
    pub(crate) token: Option<Token>,
    exit_keys: Arc<str>,
    announce: Option<(Announce, Timestamp)>,
}

impl Waiting {
    pub(crate) fn announce_at(&self) -> Option<Timestamp> {
        self.announce.as_ref().map(|(_, at)| *at)
    }
}

/// Announcements closer together than this are noise.
const SHORTEST_ANNOUNCE_GAP: Duration = Duration::from_secs(5);

impl Call {
    /// Waits in `queue` with no flow behind it.
    pub(crate) fn enqueue(&mut self, now: Timestamp, queue: QueueId, context: &mut Context<'_>) {
        let Some(configured) = context.configuration.queues.get(&queue) else {
            return self.end(now, EndedBy::Host, Cause::TEMPORARY_FAILURE, context);
        };
        let hold_music = configured.hold_music.as_deref().map(Arc::from);
        self.wait_again(Visit { queue, since: now, priority: 0, skills: Vec::new(), hold_music }, context);
    }

    /// The place in line is that of `visit`, however long ago it was.
    pub(crate) fn wait_again(&mut self, visit: Visit, context: &Context<'_>) {
        let Visit { queue, since, priority, skills, .. } = visit.clone();
        self.waiting = Some(Waiting { visit, token: None, exit_keys: "".into(), announce: None });
        self.queueing(Queueing::Enqueue { queue, priority, skills, since, max_wait: None });
        self.ensure_music(context);
    }

    /// What a flow asked for. The queue exists.
    pub(crate) fn enqueue_for_flow(
        &mut self,
        now: Timestamp,
        token: Token,
        enqueue: Enqueue,
        context: &mut Context<'_>,
    ) {
        self.pick_up();
        let own_music = context.configuration.queues.get(&enqueue.queue).and_then(|queue| queue.hold_music.clone());
        let announce = enqueue.announce.map(|announce| {
            let gap = Duration::from_millis(announce.every_ms.into()).max(SHORTEST_ANNOUNCE_GAP);
            (announce, now + gap)
        });
        let skills: Vec<SkillNeed> =
            enqueue.skills.into_iter().map(|need| SkillNeed { skill: need.skill, level: need.level }).collect();
        let visit = Visit {
            queue: enqueue.queue.clone(),
            since: now,
            priority: enqueue.priority.into(),
            skills: skills.clone(),
            hold_music: enqueue.hold_music.or(own_music).map(Arc::from),
        };
        self.waiting = Some(Waiting { visit, token: Some(token), exit_keys: enqueue.exit_keys.into(), announce });
        self.queueing(Queueing::Enqueue {
            queue: enqueue.queue,
            priority: enqueue.priority.into(),
            skills,
            since: now,
            max_wait: enqueue.timeout_ms.map(|ms| Duration::from_millis(ms.into())),
        });
        self.ensure_music(context);
    }

    /// Music while the caller waits and nothing else is played.
    pub(crate) fn ensure_music(&mut self, context: &Context<'_>) {
        let idle = self.music.is_none() && self.talk.is_none() && !self.leg_is_busy() && self.caller.answered;
        let Some(waiting) = self.waiting.as_ref().filter(|_| idle) else { return };
        let file = waiting
            .visit
            .hold_music
            .as_deref()
            .and_then(|name| context.configuration.prompt(name, &self.language))
            .map(|prompt| SoundSource::File(prompt.path.to_path_buf()));
        self.music = Some(self.play(self.caller.leg, vec![file.unwrap_or(SoundSource::HoldMusic)], true));
    }

    /// Whether `digit` leaves the queue.
    pub(crate) fn exit_by_key(&mut self, now: Timestamp, digit: char, context: &mut Context<'_>) -> bool {
        let Some(waiting) = self.waiting.take_if(|waiting| waiting.exit_keys.contains(digit)) else { return false };
        if let Some(ringing) = self.ringing.take_if(|ringing| ringing.purpose == crate::offer::Purpose::Queue) {
            self.withdraw(ringing);
        }
        self.queueing(Queueing::Leave { exit: QueueExit::ExitKey });
        self.stop_music();
        if let Some(token) = waiting.token {
            let gave_up = QueueNews::GaveUp(GaveUp::ExitKey(digit));
            self.tell(now, Some(token), false, Happening::Queue(gave_up), context);
        }
        true
    }

    pub(crate) fn left_queue(&mut self, now: Timestamp, queue: &QueueId, exit: QueueExit, context: &mut Context<'_>) {
        let gave_up = match exit {
            QueueExit::TimedOut => GaveUp::Timeout,
            QueueExit::Full => GaveUp::Full,
            QueueExit::NoAgents => GaveUp::NoAgents,
            QueueExit::Closed => GaveUp::Closed,
            // These are answers to what this call did itself.
            QueueExit::Connected | QueueExit::Abandoned | QueueExit::ExitKey | QueueExit::Moved => return,
        };
        let Some(waiting) = self.waiting.take_if(|waiting| waiting.visit.queue == *queue) else { return };
        self.stop_music();
        match waiting.token {
            Some(token) => {
                self.tell(now, Some(token), false, Happening::Queue(QueueNews::GaveUp(gave_up)), context);
            }
            // Q.850 34: no circuit available, the nearest there is to "nobody could take you".
            None => {
                let cause = Cause::from_q850(34).unwrap_or(Cause::TEMPORARY_FAILURE);
                self.end(now, EndedBy::Host, cause, context);
            }
        }
    }

    pub(crate) fn announce_if_due(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let ringing = self.ringing.is_some();
        let Some(waiting) = &mut self.waiting else { return };
        let Some((announce, at)) = waiting.announce.as_mut().filter(|(_, at)| now >= *at) else { return };
        let gap = Duration::from_millis(announce.every_ms.into()).max(SHORTEST_ANNOUNCE_GAP);
        *at = now + gap;
        let (prompt, token) = (announce.prompt.clone(), waiting.token);
        // A caller whose agent's phone rings already would hear the announcement cut off.
        if !ringing {
            self.announce(now, &prompt, context);
        }
        if let (Some(token), Some(place)) = (token, context.place(self.id)) {
            self.tell(now, Some(token), true, Happening::Queue(QueueNews::Waiting(place)), context);
        }
    }
}
