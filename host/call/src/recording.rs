//! The recording of a conversation: it begins, pauses and goes on as people and rules say.
//!
//! ```text
//!   join ──▶ asked ──allowed──▶ running ⇄ paused by a person
//!              │ ▲                │ ▲
//!       denied ▼ │ a tag is noted │ │ a tag is noted: asked whether it may go on
//!            held back            ▼ │
//!                             paused by a rule
//! ```

use std::time::Duration;

use plugboard_model::{
    EventKind, LegId, RecordingId, Timestamp,
    compliance::{Denial, Duty},
};

use crate::{
    Call, Context, Refused, Sides, Sound, Tape,
    gate::{Entry, Judged, JudgingId},
    judging::Wish,
};

#[derive(Debug)]
pub(crate) struct Recording {
    /// `None`: it has not begun.
    running: Option<Running>,
    /// What rules think about: that it begins, pauses or goes on.
    judging: Option<JudgingId>,
    /// Something was noted meanwhile, so they are asked again.
    recheck: bool,
    /// A rule put it off until then.
    pub(crate) again: Option<Timestamp>,
}

#[derive(Debug)]
struct Running {
    id: RecordingId,
    pause: Pause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    No,
    /// Until a person ends it.
    ByPerson,
    /// Until the rules allow it to go on.
    ByRule,
    /// Until a rule that listens orders that it goes on, or a person does.
    ByOrder,
}

impl Recording {
    pub(crate) fn running(&self) -> Option<RecordingId> {
        self.running.as_ref().map(|running| running.id)
    }

    pub(crate) fn tape(&self) -> Tape {
        match (&self.running, self.judging) {
            (None, Some(_)) => Tape::Asked,
            (None, None) => Tape::HeldBack,
            (Some(running), _) => match running.pause {
                Pause::No => Tape::Running,
                Pause::ByPerson => Tape::Paused,
                Pause::ByRule | Pause::ByOrder => Tape::PausedByRule,
            },
        }
    }
}

impl Call {
    /// Starts, or goes on with the new agent on the right side.
    pub(crate) fn record_conversation(&mut self, now: Timestamp, right: LegId, context: &mut Context<'_>) {
        if let Some(recording) = self.recording.as_ref().and_then(Recording::running) {
            return self.sound(Sound::Attach { recording, right });
        }
        if self.never_record || self.recording.as_ref().is_some_and(|recording| recording.judging.is_some()) {
            return;
        }
        self.recording = Some(Recording { running: None, judging: None, recheck: false, again: None });
        self.think(now, Wish::Record, context);
    }

    /// Has a wish about the recording judged; it is granted or denied at once where nobody judges.
    fn think(&mut self, now: Timestamp, wish: Wish, context: &mut Context<'_>) {
        match self.wish(now, wish, context) {
            Entry::Free(wish) => self.recording_allowed(wish, context),
            Entry::Judging(judging) => {
                if let Some(recording) = &mut self.recording {
                    recording.judging = Some(judging);
                }
            }
        }
    }

    pub(crate) fn recording_allowed(&mut self, wish: Judged<Wish>, context: &mut Context<'_>) {
        let (left, interaction) = (self.caller.leg, self.id);
        let right = self.talk.as_ref().map(|talk| talk.leg);
        let Some(recording) = &mut self.recording else { return };
        recording.again = None;
        match (wish.what(), &mut recording.running) {
            // Nobody is there to be recorded any more; the next conversation asks anew.
            (Wish::Record, None) if right.is_none() => self.recording = None,
            (Wish::Record, running @ None) => {
                let id = context.ids.recording();
                *running = Some(Running { id, pause: Pause::No });
                self.sound(Sound::Record { recording: id, sides: wish.map(|_| Sides { left, right }) });
                self.keep_for_days(id);
            }
            (Wish::Pause(pause), Some(running)) => {
                let recording = running.id;
                if std::mem::replace(&mut running.pause, *pause) == Pause::No {
                    self.sound(Sound::Pause { recording: wish.map(|_| recording) });
                    self.fact(EventKind::RecordingPaused { interaction, recording });
                }
            }
            (Wish::Resume(_), Some(running)) => {
                let recording = running.id;
                if std::mem::replace(&mut running.pause, Pause::No) != Pause::No {
                    self.sound(Sound::Resume { recording: wish.map(|_| recording) });
                    self.fact(EventKind::RecordingResumed { interaction, recording });
                }
            }
            // It goes on, or its state has changed meanwhile.
            _ => {}
        }
    }

    /// How long rules want to have kept what they allow: the shortest counts.
    pub(crate) fn note_days(&mut self, duties: &[Duty]) {
        let days = duties.iter().filter_map(|duty| if let Duty::KeepDays(days) = duty { Some(*days) } else { None });
        let Some(days) = days.min().filter(|days| self.keep_days.is_none_or(|known| *days < known)) else { return };
        self.keep_days = Some(days);
        if let Some(running) = self.recording.as_ref().and_then(Recording::running) {
            self.keep_for_days(running);
        }
    }

    /// A recording has begun.
    pub(crate) fn keep_for_days(&mut self, recording: RecordingId) {
        if let Some(days) = self.keep_days {
            self.fact(EventKind::RecordingKept { interaction: self.id, recording, days });
        }
    }

    pub(crate) fn recording_denied(&mut self, now: Timestamp, wish: &Wish, denial: &Denial, context: &mut Context<'_>) {
        let Some(recording) = &mut self.recording else { return };
        match (wish, &recording.running) {
            (Wish::GoOn, Some(_)) => self.think(now, Wish::Pause(Pause::ByRule), context),
            (Wish::Record | Wish::Resume(Pause::ByRule), _) => recording.again = denial.later,
            _ => {}
        }
    }

    /// The rules have decided about the recording.
    pub(crate) fn recording_decided(&mut self, judging: JudgingId) {
        if let Some(recording) = self.recording.as_mut().filter(|recording| recording.judging == Some(judging)) {
            recording.judging = None;
        }
    }

    /// Something is known that was not when the rules were asked last.
    pub(crate) fn recheck_recording(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let Some(recording) = &mut self.recording else { return };
        if recording.judging.is_some() {
            recording.recheck = true;
            return;
        }
        let wish = match &recording.running {
            None if self.talk.is_none() => return,
            None => Wish::Record,
            Some(running) => match running.pause {
                Pause::No if context.configuration.rules.is_empty() => return,
                Pause::No => Wish::GoOn,
                Pause::ByRule => Wish::Resume(Pause::ByRule),
                Pause::ByPerson | Pause::ByOrder => return,
            },
        };
        self.think(now, wish, context);
    }

    /// What was noted while they thought.
    pub(crate) fn recheck_if_due(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let Some(recording) = &mut self.recording else { return };
        let noted = recording.judging.is_none() && std::mem::take(&mut recording.recheck);
        let due = recording.again.take_if(|again| now >= *again).is_some();
        if noted || due {
            self.recheck_recording(now, context);
        }
    }

    pub(crate) fn pause_recording(&mut self, now: Timestamp, context: &mut Context<'_>) -> Result<(), Refused> {
        let running = self.recording.as_mut().and_then(|recording| recording.running.as_mut());
        match running.ok_or(Refused::NotRecording)? {
            Running { pause: Pause::ByPerson, .. } => Err(Refused::NotRecording),
            Running { pause: pause @ (Pause::ByRule | Pause::ByOrder), .. } => {
                // From here on it needs a person to go on.
                *pause = Pause::ByPerson;
                self.overtake();
                Ok(())
            }
            Running { pause: Pause::No, .. } => {
                self.overtake();
                self.think(now, Wish::Pause(Pause::ByPerson), context);
                self.asked = self.recording.as_ref().and_then(|recording| recording.judging);
                Ok(())
            }
        }
    }

    pub(crate) fn resume_recording(&mut self, now: Timestamp, context: &mut Context<'_>) -> Result<(), Refused> {
        let running = self.recording.as_ref().and_then(|recording| recording.running.as_ref());
        if running.is_none_or(|running| running.pause == Pause::No) {
            return Err(Refused::NotRecording);
        }
        self.overtake();
        self.think(now, Wish::Resume(Pause::ByPerson), context);
        self.asked = self.recording.as_ref().and_then(|recording| recording.judging);
        Ok(())
    }

    /// What is said is not to be recorded, whatever a person or another rule says later of what was said before.
    pub(crate) fn order_pause(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let running = self.recording.as_mut().and_then(|recording| recording.running.as_mut());
        match running {
            Some(Running { pause: pause @ Pause::ByRule, .. }) => {
                *pause = Pause::ByOrder;
                self.overtake();
            }
            Some(Running { pause: Pause::No, .. }) => {
                self.overtake();
                self.think(now, Wish::Pause(Pause::ByOrder), context);
            }
            // Nothing is recorded.
            Some(Running { pause: Pause::ByPerson | Pause::ByOrder, .. }) | None => {}
        }
    }

    pub(crate) fn order_resume(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let running = self.recording.as_ref().and_then(|recording| recording.running.as_ref());
        if running.is_some_and(|running| running.pause == Pause::ByOrder) {
            self.overtake();
            self.think(now, Wish::Resume(Pause::ByOrder), context);
        }
    }

    /// What a person wants comes before what was being judged; the rules are asked about that again.
    fn overtake(&mut self) {
        let Some(recording) = &mut self.recording else { return };
        if let Some(judging) = recording.judging.take() {
            recording.recheck = true;
            self.abandon(judging);
        }
    }

    pub(crate) fn stop_recording(&mut self) {
        if let Some(recording) = self.recording.take() {
            if let Some(judging) = recording.judging {
                self.abandon(judging);
            }
            if let Some(recording) = recording.running() {
                self.sound(Sound::StopRecording { recording });
            }
        }
        if let Some(recording) = self.message_being_recorded() {
            self.sound(Sound::StopRecording { recording });
        }
    }

    /// `length` is `None` if it failed.
    pub(crate) fn recording_closed(
        &mut self,
        now: Timestamp,
        recording: RecordingId,
        length: Option<Duration>,
        context: &mut Context<'_>,
    ) {
        match self.recording.take_if(|own| own.running() == Some(recording)) {
            Some(own) => own.judging.into_iter().for_each(|judging| self.abandon(judging)),
            None => self.message_recorded(now, recording, length, context),
        }
    }
}
