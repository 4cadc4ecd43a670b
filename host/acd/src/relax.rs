//! What a policy gives up for an interaction that nobody took for long: lower needs, agents of another queue.
//!
//! ```text
//! rests(due) ──into the line──▶ set(timer) ──fires──▶ asked ──answer──▶ rests(due, if the policy says so)
//!     ▲                            │                     │ └──no answer──▶ over
//!     └────────offered, changed────┴─────────────────────┘
//! ```
//! The time runs on while an agent's phone rings; who comes back to the line too late for it is asked about at once. Questions are [`RELAX_GAP`] apart
//! and at most [`MOST_RELAX_QUESTIONS`], so that a policy cannot keep us busy with itself.

use std::time::Duration;

use plugboard_model::{EventKind, InteractionId, QueueId, SkillId, SkillNeed, Timestamp, millis, routing::MAX_NEEDS};

use crate::{
    Acd, MOST_RELAX_QUESTIONS, Output, QuestionId, RELAX_GAP, RankSubject, ask::Pairs, queue::Queue, skill,
    table::QueueKey, timer::Timer,
};

/// What was relaxed for one interaction in one queue, and when the policy is asked next.
#[derive(Debug, Default)]
pub(crate) struct Relaxation {
    stage: Stage,
    /// No question before.
    not_before: Timestamp,
    asked: u8,
    /// In place of the queue's needs and its own.
    needs: Option<Box<[SkillNeed]>>,
    helpers: Vec<QueueKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Out of the line, or nothing is due.
    Rests {
        due: Option<Timestamp>,
    },
    /// In the line, with a timer.
    Set {
        at: Timestamp,
    },
    Asked(QuestionId),
    /// The policy failed, or was asked too often: needs stay as they are.
    Over,
}

impl Default for Stage {
    fn default() -> Self {
        Self::Rests { due: None }
    }
}

impl Relaxation {
    /// Of an interaction whose place in `queue` is as of `since`.
    pub(crate) fn begin(queue: &Queue, since: Timestamp) -> Self {
        Self { stage: Stage::Rests { due: queue.relax_first.map(|first| since + first) }, ..Self::default() }
    }

    pub(crate) fn needs(&self) -> Option<&[SkillNeed]> {
        self.needs.as_deref()
    }

    pub(crate) fn helpers(&self) -> &[QueueKey] {
        &self.helpers
    }

    pub(crate) fn timer(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Set { at } => Some(at),
            Stage::Rests { .. } | Stage::Asked(_) | Stage::Over => None,
        }
    }

    pub(crate) fn question(&self) -> Option<QuestionId> {
        match self.stage {
            Stage::Asked(question) => Some(question),
            Stage::Rests { .. } | Stage::Set { .. } | Stage::Over => None,
        }
    }

    /// The queue is taken out of the configuration.
    pub(crate) fn forget_helper(&mut self, queue: QueueKey) {
        self.helpers.retain(|helper| *helper != queue);
    }
}

impl Acd {
    /// Sets the timer of an interaction that is in the line.
    pub(crate) fn wind_up(&mut self, interaction: InteractionId) {
        let Some(entry) = self.entries.get_mut(&interaction).filter(|entry| entry.offered.is_none()) else { return };
        let has_policy = entry.queue.is_some_and(|key| self.queues[key].policy.is_some());
        if let Stage::Rests { due: Some(due) } = entry.relaxation.stage
            && has_policy
        {
            let at = due.max(entry.relaxation.not_before);
            entry.relaxation.stage = Stage::Set { at };
            self.timers.set(at, Timer::Relax(interaction));
        }
    }

    /// The interaction goes out of the line: no timer, and an answer that is under way is void.
    pub(crate) fn unwind(&mut self, interaction: InteractionId) {
        let Some(entry) = self.entries.get_mut(&interaction) else { return };
        match entry.relaxation.stage {
            Stage::Set { at } => {
                entry.relaxation.stage = Stage::Rests { due: Some(at) };
                self.timers.cancel(Some(at), Timer::Relax(interaction));
            }
            Stage::Asked(question) => {
                entry.relaxation.stage = Stage::Rests { due: Some(self.now) };
                self.forget_question(Some(question));
            }
            Stage::Rests { .. } | Stage::Over => {}
        }
    }

    /// The policy wants to be asked at `at`, or sooner if it said so before. False if it is not asked any more.
    pub(crate) fn relax_by(&mut self, interaction: InteractionId, at: Timestamp) -> bool {
        let Some(entry) = self.entries.get_mut(&interaction) else { return false };
        match entry.relaxation.stage {
            Stage::Over => return false,
            Stage::Rests { due } => {
                entry.relaxation.stage = Stage::Rests { due: Some(due.map_or(at, |due| due.min(at))) };
            }
            Stage::Set { at: before } if at < before => {
                entry.relaxation.stage = Stage::Rests { due: Some(at) };
                self.timers.cancel(Some(before), Timer::Relax(interaction));
            }
            // Its answer says when.
            Stage::Set { .. } | Stage::Asked(_) => {}
        }
        self.wind_up(interaction);
        true
    }

    pub(crate) fn handle_relax_timer(&mut self, now: Timestamp, interaction: InteractionId) {
        let Some(entry) = self.entries.get_mut(&interaction) else { return };
        let Some(key) = entry.queue else { return };
        entry.relaxation.not_before = now + RELAX_GAP;
        if entry.question.is_some() {
            // The policy is asked about it already, and may find somebody with the needs as they are.
            entry.relaxation.stage = Stage::Rests { due: Some(now) };
            return self.wind_up(interaction);
        }
        entry.relaxation.asked += 1;
        let entry = &self.entries[&interaction];
        let subject = RankSubject::Relax { interaction: self.waiting_numbers(now, entry) };
        let question = self.ask(now, key, subject, Pairs::Relax { interaction });
        if let Some(entry) = self.entries.get_mut(&interaction) {
            entry.relaxation.stage = Stage::Asked(question);
        }
    }

    pub(crate) fn handle_relaxed(
        &mut self,
        now: Timestamp,
        id: QuestionId,
        needs: &[(u16, u8)],
        overflow_to: Option<&QueueId>,
        again: Option<Duration>,
    ) {
        if !self.questions.get(&id).is_some_and(|question| matches!(question.pairs, Pairs::Relax { .. })) {
            return;
        }
        let Some(question) = self.close_question(id) else { return };
        let Pairs::Relax { interaction } = question.pairs else { return };
        self.step_out(interaction);
        let Some(mut entry) = self.entries.remove(&interaction) else { return };
        let key = entry.queue.expect("only an interaction in a queue is asked about");
        let queue = &self.queues[key];
        let before = skill::named(entry.needs(&queue.rules));
        let after = self.left_of(&before, needs);
        let helper = overflow_to
            .and_then(|id| self.queues.key(id))
            .filter(|helper| *helper != key && !entry.helpers(queue).any(|known| known == *helper));
        let relaxed = EventKind::Relaxed {
            interaction,
            queue: queue.id.clone(),
            policy: question.policy,
            waited_ms: millis(now - entry.place.since),
            skills: after.clone(),
            overflow_to: helper.map(|helper| self.queues[helper].id.clone()),
        };
        let has_changed = after != before || helper.is_some();
        let relaxation = &mut entry.relaxation;
        if after != before {
            relaxation.needs = Some(after.into_iter().map(|(skill, level)| SkillNeed { skill, level }).collect());
        }
        relaxation.helpers.extend(helper);
        relaxation.stage = match again {
            Some(_) if relaxation.asked >= MOST_RELAX_QUESTIONS => Stage::Over,
            again => Stage::Rests { due: again.map(|again| now + again) },
        };
        self.apply_rules(now, &mut entry);
        self.entries.insert(interaction, entry);
        self.line_up(interaction);
        if has_changed {
            self.outputs.push_back(Output::Fact(relaxed));
        }
        self.offer(now, interaction);
    }

    /// What is left of `before` by an answer in numbers. Of what it could not see nothing is taken away.
    fn left_of(&self, before: &[(SkillId, u8)], answer: &[(u16, u8)]) -> Vec<(SkillId, u8)> {
        let asked: Vec<u16> = before.iter().map(|(skill, _)| skill::number(&self.skills, skill)).collect();
        let mut shown = asked.clone();
        shown.sort_unstable();
        shown.dedup();
        shown.truncate(MAX_NEEDS);
        let left = before.iter().zip(asked).filter_map(|((skill, level), number)| {
            let answered = answer.iter().find(|(of, _)| *of == number).map(|(_, level)| *level);
            match answered {
                Some(lower) => Some((skill.clone(), lower.min(*level))),
                None if shown.contains(&number) => None,
                None => Some((skill.clone(), *level)),
            }
        });
        left.filter(|(_, level)| *level > 0).collect()
    }

    /// The policy is not asked about this interaction any more; somebody may still take it.
    pub(crate) fn end_relaxing(&mut self, now: Timestamp, interaction: InteractionId) {
        if let Some(entry) = self.entries.get_mut(&interaction) {
            entry.relaxation.stage = Stage::Over;
            self.offer(now, interaction);
        }
    }

    /// What was relaxed by rules that do not hold any more is forgotten.
    pub(crate) fn begin_anew(&mut self, interaction: InteractionId) {
        self.unwind(interaction);
        if let Some(entry) = self.entries.get_mut(&interaction)
            && let Some(key) = entry.queue
        {
            entry.relaxation = Relaxation::begin(&self.queues[key], entry.place.since);
        }
    }
}
